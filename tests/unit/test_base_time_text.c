/* test_base_time_text.c: times as text against the C library's, any day from year 0 to 9999, with and without a kept one. */
#include "posta_test.h"

#include <posta/time_text.h>

enum { N_TIMES = 200000 };
#define FIRST_MS INT64_C(-62167219200000) /* the beginning of year 0 */

static void expect(int64_t ms, char text[static 64])
{
    time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    snprintf(text, 64, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - (int64_t)seconds * 1000));
}

static void check(int64_t ms, struct time_stamp *stamp)
{
    char want[64], text[TIME_TEXT_BYTES];
    expect(ms, want);
    time_text(ms, text);
    assert_string_equal(text, want);
    time_stamp_set(stamp, ms);
    assert_string_equal(stamp->text, want);
}

/* Some far from the one before, some of the same day or second. */
static void any_time_is_as_the_c_library_says(void **state)
{
    (void)state;
    struct time_stamp stamp = {.ms = -1};
    int64_t ms = 0;
    random_begin("time_text");
    for (int i = 0; i < N_TIMES; i++) {
        if (random_below(4) == 0)
            ms = FIRST_MS + (int64_t)(random_next() % (uint64_t)(TIME_TEXT_LAST_MS - FIRST_MS));
        else
            ms += (int64_t)random_below(i % 2 ? 2000 : 100000000);
        ms = ms < TIME_TEXT_LAST_MS ? ms : TIME_TEXT_LAST_MS;
        check(ms, &stamp);
    }
}

static void edges_are_as_the_c_library_says(void **state)
{
    (void)state;
    static const int64_t edges[] = {
        0,     -1,       1,        999,       1000,      -999,     -1000,
        -1001, 86399999, 86400000, -86400000, -86400001, FIRST_MS, TIME_TEXT_LAST_MS};
    struct time_stamp stamp = {.ms = -1};
    for (size_t i = 0; i < COUNT(edges); i++) {
        char want[64], text[TIME_TEXT_BYTES];
        expect(edges[i], want);
        time_text(edges[i], text);
        assert_string_equal(text, want);
    }
    check(TIME_TEXT_LAST_MS, &stamp);
    assert_string_equal(stamp.text, "9999-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_time_is_as_the_c_library_says),
        cmocka_unit_test(edges_are_as_the_c_library_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
