/* test_rule_format.c: format strings and their dates, and fields by name. */
#include "rule/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h> /* wants the ones above */

static const char event[] =
    "{\"@timestamp\":\"2026-11-22T07:08:57.146Z\",\"message\":\"a \\\"b\\\"\\n\","
    "\"a\":{\"b\":{\"c\":1},\"t\":true,\"n\":null,\"f\":1.50,\"e\":\"\"},"
    "\"x.y\":\"dotted\",\"x\":{\"y\":\"nested\",\"z.w\":\"both\"},"
    "\"twice\":1,\"twice\":2,\"list\":[1]}";

static bool put(const char *format, const char *json, int64_t ms, struct buf *out)
{
    struct format *compiled;
    struct err err;
    const char *missing = NULL;
    struct lookup lookup = lookup_in(LOOKUP_EVENT, json, strlen(json));
    if (format_new(&compiled, format, &err))
        fail_msg("%s: %s", format, err.text);
    bool is_put = format_put(compiled, &lookup, ms, out, &missing);
    if (!is_put)
        assert_non_null(missing);
    format_free(compiled);
    lookup_free(&lookup);
    return is_put;
}

static void assert_text(const char *format, const char *text)
{
    struct buf out = BUF_INIT;
    if (!put(format, event, 0, &out))
        fail_msg("%s: missing", format);
    assert_string_equal(buf_str(&out), text);
    buf_free(&out);
}

static void fields_by_name(void **state)
{
    (void)state;
    assert_text("", "");
    assert_text("plain", "plain");
    assert_text("%{[message]}", "a \"b\"\n");
    assert_text("<%{[a.b.c]}|%{[a][b][c]}|%{[a.b][c]}>", "<1|1|1>");
    assert_text("%{[a.t]} %{[a.f]}", "true 1.50");
    assert_text("%{[x.y]} %{[x.z.w]}", "dotted both");
    assert_text("%{[twice]}", "2");
}

static void defaults(void **state)
{
    (void)state;
    assert_text("%{[none]:x}%{[a.none]:}%{[a.e]:empty}", "xempty");
    assert_text("%{[a]:object}%{[list]:list}%{[a.n]:null}", "objectlistnull");
    assert_text("%{[none]:a b:c]}", "a b:c]");
}

static void without_a_default(void **state)
{
    (void)state;
    static const char *const formats[] = {"%{[none]}", "%{[a]}",         "%{[list]}",
                                          "%{[a.n]}",  "%{[message.x]}", "%{[a.b.c.d]}"};
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < 6; i++)
        assert_false(put(formats[i], event, 0, &out));
    assert_false(put("%{[a]}", "no json", 0, &out));
    assert_false(put("%{[a]}", "[1]", 0, &out));
    buf_free(&out);
}

static void what_a_backslash_is_for(void **state)
{
    (void)state;
    assert_text("\\%{[a]} 100% %x \\\\ %", "%{[a]} 100% %x \\ %");
    assert_text("%{[none]:a\\}b}", "a}b");
}

static void assert_time(const char *pattern, const char *stamp, const char *text)
{
    struct tm tm = {0};
    struct buf out = BUF_INIT;
    assert_non_null(strptime(stamp, "%Y-%m-%d %H:%M:%S", &tm));
    char *format = mem_printf("%%{+%s}", pattern);
    assert_true(put(format, "{}", timegm(&tm) * 1000 + 7, &out));
    assert_string_equal(buf_str(&out), text);
    free(format);
    buf_free(&out);
}

static void dates(void **state)
{
    (void)state;
    static const char stamp[] = "2026-03-05 00:09:07";
    assert_time("yyyy.MM.dd", stamp, "2026.03.05");
    assert_time("yy-M-d", stamp, "26-3-5");
    assert_time("HH:mm:ss.SSS H:m:s.S", stamp, "00:09:07.007 0:9:7.0");
    assert_time("kk KK hh a", stamp, "24 00 12 AM");
    assert_time("kk KK hh a", "2026-03-05 13:00:00", "13 01 01 PM");
    assert_time("DDD E EEEE e MMM MMMM", stamp, "064 Thu Thursday 4 Mar March");
    assert_time("yyyy'W'MM''dd '%'", stamp, "2026W03'05 %");
    assert_time("yyyy.MM.dd", "1969-12-31 23:59:59", "1969.12.31");
}

/* Against the C library, whose %G and %V are another's work. */
static void weeks_are_those_of_iso_8601(void **state)
{
    (void)state;
    for (int64_t day = -20000; day < 60000; day++) {
        char expected[32];
        struct tm tm;
        time_t t = (time_t)(day * 86400);
        struct buf out = BUF_INIT;
        strftime(expected, sizeof expected, "%G.%V", gmtime_r(&t, &tm));
        time_pattern_put("xxxx.ww", day * 86400000, &out);
        assert_string_equal(buf_str(&out), expected);
        buf_free(&out);
    }
}

static void a_bound_format_has_texts_and_times_only(void **state)
{
    (void)state;
    struct format *format;
    struct err err;
    const char *missing;
    struct buf out = BUF_INIT;
    struct lookup known = lookup_in(LOOKUP_NAMES, event, strlen(event));
    assert_int_equal(format_new(&format, "p.%{[a.b.c]}-%{+yyyy}%{[none]:d}", &err), 0);
    assert_string_equal(format_field(format, 0), "a.b.c");
    assert_string_equal(format_field(format, 1), "none");
    assert_null(format_field(format, 2));
    struct format *bound = format_bind(format, &known, &missing);
    assert_null(format_field(bound, 0));
    assert_true(format_has_time(bound));
    format_put_pattern(bound, &out);
    assert_string_equal(buf_str(&out), "^p\\.1-.+d$");
    format_free(bound);
    format_free(format);
    assert_int_equal(format_new(&format, "%{[gone]}", &err), 0);
    assert_null(format_bind(format, &known, &missing));
    assert_string_equal(missing, "gone");
    format_free(format);
    lookup_free(&known);
    buf_free(&out);
}

static void the_time_of_an_event(void **state)
{
    (void)state;
    int64_t ms;
    struct lookup lookup = lookup_in(LOOKUP_EVENT, event, strlen(event));
    assert_true(lookup_time(&lookup, &ms));
    assert_int_equal(ms, INT64_C(1795331337146));
    static const char *const bad[] = {"{}", "{\"@timestamp\":5}", "{\"@timestamp\":\"2026\"}",
                                      "{\"@timestamp\":\"2026-11-22T07:08:57.146\"}",
                                      "{\"@timestamp\":\"2026-11-22 07:08:57.146Z\"}"};
    for (size_t i = 0; i < 5; i++) {
        lookup_renew(&lookup, bad[i], strlen(bad[i]));
        assert_false(lookup_time(&lookup, &ms));
    }
    lookup_free(&lookup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_by_name),
        cmocka_unit_test(defaults),
        cmocka_unit_test(without_a_default),
        cmocka_unit_test(what_a_backslash_is_for),
        cmocka_unit_test(dates),
        cmocka_unit_test(weeks_are_those_of_iso_8601),
        cmocka_unit_test(a_bound_format_has_texts_and_times_only),
        cmocka_unit_test(the_time_of_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
