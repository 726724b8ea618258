/* test_base_regex.c: patterns mean what RE2 means by them, or are refused with their place; none can take for ever. */
#include "posta_test.h"

#include <posta/regex.h>

static void what_re2_has_not_is_refused(void **state)
{
    static const struct {
        const char *pattern, *words;
    } rows[] = {
        {"a(?=b)", "pattern 'a(?=b)': '(?=' at character 2: RE2 has no look-ahead"},
        {"(?!x)", "pattern '(?!x)': '(?!' at character 1: RE2 has no look-ahead: use negate, or "
                  "exclude_lines"},
        {"(?<=a)b", "pattern '(?<=a)b': '(?<=' at character 1: RE2 has no look-behind"},
        {"(?<!a)b", "pattern '(?<!a)b': '(?<!' at character 1: RE2 has no look-behind"},
        {"(?>a)", "pattern '(?>a)': '(?>' at character 1: RE2 has no atomic groups"},
        {"(a)\\1", "pattern '(a)\\1': '\\1' at character 4: RE2 has no back-references, nor octal "
                   "numbers without a "
                   "leading 0"},
        {"(?P<n>a)(?P=n)",
         "pattern '(?P<n>a)(?P=n)': '(?P=' at character 9: RE2 has no back-references"},
        {"a++",
         "pattern 'a++': '++' at character 2: RE2 has no possessive and no double quantifiers"},
        {"a{2}+", NULL},
        {"a**", NULL},
        {"a{1001}", "pattern 'a{1001}': '{1001}' at character 2: RE2 repeats at most 1000 times"},
        {"\\Ca", "pattern '\\Ca': '\\C' at character 1: RE2 does not have it"},
        {"\\R", NULL},
        {"\\h", NULL},
        {"\\K", NULL},
        {"\\Z", NULL},
        {"\\G", NULL},
        {"\\cA", NULL},
        {"\\v",
         "pattern '\\v': '\\v' at character 1: it means other characters in RE2: write \\x0b"},
        {"[\\b]", NULL},
        {"[[.a.]]", NULL},
        {"(*UTF)a", NULL},
        {"(?x)a b", NULL},
        {"(?#c)a", NULL},
        {"(?R)", NULL},
        {"(?1)", NULL},
        {"(?|a|b)", NULL},
        {"(?(1)a|b)", NULL},
        {"(", "pattern '(': missing closing parenthesis at character 2"},
        {"[a", "pattern '[a': missing terminating ] for character class at character 3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct regex *re;
        struct err err = ERR_INIT;
        if (regex_new(&re, rows[i].pattern, &err) == 0)
            fail_msg("%s is taken", rows[i].pattern);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (rows[i].words)
            assert_string_equal(err.text, rows[i].words);
    }
}

static void what_both_have_means_the_same(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool is_found;
    } rows[] = {
        {"^a.c$", "abc", true},
        {"a$", "a\n", false}, /* $ is the end, not before a last newline */
        {"(?m)a$", "a\nb", true},
        {"a.b", "a\nb", false},
        {"(?s)a.b", "a\nb", true},
        {"(?i)\xc3\xa4", "\xc3\x84", true},
        {"^.$", "\xc3\xa4", true},  /* one character, two bytes */
        {"\\d", "\xd9\xa3", false}, /* ASCII digits only */
        {"[[:alpha:]]+[[:^digit:]]", "ab", true},
        {"\\Qa+(\\E", "xa+(", true},
        {"(?P<n>a)(?<m>b)?", "a", true},
        {"(?:a|b)*?c", "abc", true},
        {"a{2,3}?", "aa", true},
        {"a{,3}", "a{,3}", true}, /* text in both */
        {"[]a]", "]", true},
        {"[^]a]", "b", true},
        {"\\x{e4}\\xe4\\.\\-\\/", "\xc3\xa4\xc3\xa4.-/", true},
        {"\\bfoo\\b", "a foo b", true},
        {"\\pL\\p{Greek}", "x\xce\xb1", true},
        {"(?U)a+", "aa", true},
        {"(?i:A)b", "ab", true},
        {"\\A\\z", "", true},
        {"x", "\xff\xfex",
         true}, /* bytes that are no UTF-8 match nothing, what is beside them does */
        {".", "\xff", false},
        {"b", "a\0b", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct regex *re;
        struct err err;
        if (regex_new(&re, rows[i].pattern, &err))
            fail_msg("%s", err.text);
        if (regex_finds(re, rows[i].text, strlen(rows[i].text)) != rows[i].is_found)
            fail_msg("%s in '%s': not %d", rows[i].pattern, rows[i].text, rows[i].is_found);
        regex_free(re);
    }
}

static void no_pattern_takes_for_ever(void **state)
{
    static const char *const patterns[] = {"^(a+)+$", "(a|aa)+$", "(a*)*b",
                                           "(.*)(.*)(.*)(.*)(.*)x$"};
    char text[20000];
    struct timespec begin, end;
    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '!';
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        struct regex *re;
        struct err err;
        assert_int_equal(regex_new(&re, patterns[i], &err), 0);
        assert_int_not_equal(regex_try(re, text, sizeof(text)), 1);
        regex_free(re);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    assert_true(end.tv_sec - begin.tv_sec < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_re2_has_not_is_refused),
        cmocka_unit_test(what_both_have_means_the_same),
        cmocka_unit_test(no_pattern_takes_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
