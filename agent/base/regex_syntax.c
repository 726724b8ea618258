/* regex_syntax.c: is a pattern one that RE2 takes, and means the same to PCRE2? See regex.h.
 *
 * Happy path: the pattern is walked once; escapes, groups and quantifiers are looked at, all else means the same in both.
 * Failure modes: what only PCRE2 knows, and the few that differ (\v), are refused with the place and what to write instead;
 * what neither knows is left to the compiler to complain about.
 */
#include <posta/regex.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    const char *pattern, *at;
    bool in_class;
    struct err *err;
};

enum { REPEAT_MAX = 1000 }; /* RE2's */

static int refuse(const struct walk *walk, size_t len, const char *what)
{
    return err_set(walk->err, ERR_CONFIG, "pattern '%s': '%.*s' at character %zu: %s",
                   walk->pattern, (int)len, walk->at, (size_t)(walk->at - walk->pattern) + 1, what);
}

/* Letters that mean the same behind a backslash. \Q is seen to elsewhere. */
static const char *complain_escape(char c, bool in_class)
{
    if (c >= '1' && c <= '9')
        return "RE2 has no back-references, nor octal numbers without a leading 0";
    if (c == 'v')
        return "it means other characters in RE2: write \\x0b";
    if (in_class && strchr("bBAz", c))
        return "it means nothing in a class in RE2";
    if (!isalpha((unsigned char)c) || strchr("AbBdDsSwWafnrtxzpPQE", c))
        return NULL;
    return "RE2 does not have it";
}

static int check_escape(struct walk *walk)
{
    char c = walk->at[1];
    const char *complaint = c ? complain_escape(c, walk->in_class) : NULL;
    if (complaint)
        return refuse(walk, 2, complaint);
    if (c == 'Q') {
        const char *end = strstr(walk->at + 2, "\\E");
        walk->at = end ? end + 2 : walk->at + strlen(walk->at);
        return 0;
    }
    walk->at += c ? 2 : 1;
    return 0;
}

/* Behind "(?": flags, a name, or nothing; see RE2's syntax. */
static int check_group(struct walk *walk)
{
    static const struct {
        const char *begin, *what;
    } rows[] = {
        {"(?=", "RE2 has no look-ahead"},
        {"(?!", "RE2 has no look-ahead: use negate, or exclude_lines"},
        {"(?<=", "RE2 has no look-behind"},
        {"(?<!", "RE2 has no look-behind"},
        {"(?>", "RE2 has no atomic groups"},
        {"(?P=", "RE2 has no back-references"},
        {"(?P>", "RE2 has no recursion"},
        {"(*", "RE2 has no verbs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(walk->at, rows[i].begin, strlen(rows[i].begin)) == 0)
            return refuse(walk, strlen(rows[i].begin), rows[i].what);
    if (walk->at[1] != '?' || strncmp(walk->at, "(?P<", 4) == 0 || strncmp(walk->at, "(?<", 3) == 0)
        return 0;
    size_t n = strspn(walk->at + 2, "imsU-");
    if (walk->at[2 + n] != ':' && (n == 0 || walk->at[2 + n] != ')'))
        return refuse(walk, walk->at[2 + n] ? 3 + n : 2 + n, "RE2 does not have it");
    walk->at += 2 + n - 1;
    return 0;
}

/* "{3}", "{3,}", "{3,5}": its length; else 0, it is text. */
static size_t repeat_len(const char *at, unsigned long *most)
{
    char *end;
    if (!isdigit((unsigned char)at[1]))
        return 0;
    *most = strtoul(at + 1, &end, 10);
    if (*end == ',' && isdigit((unsigned char)end[1]))
        *most = strtoul(end + 1, &end, 10);
    else if (*end == ',')
        end++;
    return *end == '}' ? (size_t)(end - at) + 1 : 0;
}

static size_t quantifier_len(const char *at, unsigned long *most)
{
    *most = 0;
    if (*at == '{')
        return repeat_len(at, most);
    return *at && strchr("*+?", *at) ? 1 : 0;
}

/* A quantifier, perhaps lazy. A second one makes it possessive, or is an error in RE2. */
static int check_quantifier(struct walk *walk, size_t len, unsigned long most)
{
    unsigned long other;
    if (most > REPEAT_MAX)
        return refuse(walk, len, "RE2 repeats at most 1000 times");
    size_t n = len + (walk->at[len] == '?');
    if (quantifier_len(walk->at + n, &other))
        return refuse(walk, n + 1, "RE2 has no possessive and no double quantifiers");
    walk->at += n;
    return 0;
}

static int check_in_class(struct walk *walk)
{
    if (*walk->at == '[' && (walk->at[1] == '.' || walk->at[1] == '='))
        return refuse(walk, 2, "RE2 has no collating elements");
    if (*walk->at == '[' && walk->at[1] == ':') {
        const char *end = strstr(walk->at + 2, ":]");
        walk->at = end ? end + 2 : walk->at + 1;
        return 0;
    }
    walk->in_class = *walk->at != ']';
    walk->at++;
    return 0;
}

static int begin_class(struct walk *walk)
{
    walk->in_class = true;
    walk->at += walk->at[1] == '^' ? 2 : 1;
    if (*walk->at == ']') /* the first one is text */
        walk->at++;
    return 0;
}

int regex_check_syntax(const char *pattern, struct err *err)
{
    struct walk walk = {.pattern = pattern, .at = pattern, .err = err};
    int rc = 0;
    while (rc == 0 && *walk.at) {
        unsigned long most;
        size_t len;
        if (*walk.at == '\\')
            rc = check_escape(&walk);
        else if (walk.in_class)
            rc = check_in_class(&walk);
        else if (*walk.at == '[')
            rc = begin_class(&walk);
        else if ((len = quantifier_len(walk.at, &most)) > 0)
            rc = check_quantifier(&walk, len, most);
        else if (*walk.at != '(' || (rc = check_group(&walk)) == 0)
            walk.at++;
    }
    return rc;
}
