/* test_heartbeat_schedule.c: when monitors are due: cron lines with times worked out by hand, in UTC and in places whose clocks
 * change, and @every.
 */
#include "posta_test.h"

#include "heartbeat/heartbeat.h"

#include <time.h>

static int64_t at(const char *text, bool is_utc)
{
    struct tm tm = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return is_utc ? timegm(&tm) : mktime(&tm);
}

static void assert_next(const char *line, const char *from, const char *wanted)
{
    struct cron cron;
    struct err err;
    char found[32] = "never";
    if (cron_parse(&cron, line, &err))
        fail_msg("%s: %s", line, err.text);
    time_t next = (time_t)cron_next(&cron, at(from, true), true);
    if (next)
        strftime(found, sizeof found, "%Y-%m-%d %H:%M:%S", gmtime(&next));
    if (strcmp(found, wanted) != 0)
        fail_msg("%s behind %s: expected %s, found %s", line, from, wanted, found);
}

static void cron_lines_of_five_six_and_seven_fields(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"* * * * *", "2013-08-29 09:28:00", "2013-08-29 09:29:00"},
        {"* * * * *", "2013-12-31 23:59:30", "2014-01-01 00:00:00"},
        {"* * * * * * *", "2013-12-31 23:59:59", "2014-01-01 00:00:00"},
        {"*/5 * * * * * *", "2013-01-01 00:00:03", "2013-01-01 00:00:05"},
        {"*/5 * * * * * *", "2013-01-01 00:00:55", "2013-01-01 00:01:00"},
        {"15-30/5 * * * * * *", "2013-01-01 00:00:30", "2013-01-01 00:01:15"},
        {"3/20 * * * * * *", "2013-01-01 00:00:23", "2013-01-01 00:00:43"},
        {"0 0 29 2 *", "2013-08-29 09:28:00", "2016-02-29 00:00:00"},
        {"0 0 29 2 *", "2096-03-01 00:00:00", "never"},
        {"* * * * * 2050", "2013-08-29 09:28:00", "2050-01-01 00:00:00"},
        {"* * * * * 1980", "2013-08-29 09:28:00", "never"},
        {"0 0 1,15 * *", "2013-08-01 00:00:00", "2013-08-15 00:00:00"},
        {"30 8 * jan,JULY *", "2013-02-01 00:00:00", "2013-07-01 08:30:00"},
        {"0 12 * * mon-fri", "2013-08-30 12:00:00", "2013-09-02 12:00:00"},
        {"0 0 * * 7", "2013-08-26 00:00:00", "2013-09-01 00:00:00"},
        {"0 0 ? * sunday", "2013-08-26 00:00:00", "2013-09-01 00:00:00"},
        {"0 23 */2 * *", "2013-01-31 23:00:00", "2013-02-01 23:00:00"},
        {"@hourly", "2013-08-29 09:28:00", "2013-08-29 10:00:00"},
        {"@daily", "2013-08-29 09:28:00", "2013-08-30 00:00:00"},
        {"@weekly", "2013-08-29 09:28:00", "2013-09-01 00:00:00"},
        {"@monthly", "2013-08-29 09:28:00", "2013-09-01 00:00:00"},
        {"@yearly", "2013-08-29 09:28:00", "2014-01-01 00:00:00"},
        {"  0\t0  1 1 *  ", "2013-08-29 09:28:00", "2014-01-01 00:00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_next(rows[i][0], rows[i][1], rows[i][2]);
}

/* 2013: September begins with a Sunday, June ends with one, the 15th of June is a Saturday. */
static void last_and_nearest_days(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"0 0 L * *", "2013-02-01 00:00:00", "2013-02-28 00:00:00"},
        {"0 0 L 2 *", "2015-03-01 00:00:00", "2016-02-29 00:00:00"},
        {"0 0 LW * *", "2013-06-01 00:00:00", "2013-06-28 00:00:00"},
        {"0 0 15W * *", "2013-06-01 00:00:00", "2013-06-14 00:00:00"},
        {"0 0 16W * *", "2013-06-01 00:00:00", "2013-06-17 00:00:00"},
        {"0 0 18W * *", "2013-06-01 00:00:00", "2013-06-18 00:00:00"},
        {"0 0 1W * *", "2013-06-01 00:00:00", "2013-06-03 00:00:00"},
        {"0 0 30W 6 *", "2013-06-01 00:00:00", "2013-06-28 00:00:00"},
        {"0 0 * * 5L", "2013-06-01 00:00:00", "2013-06-28 00:00:00"},
        {"0 0 * * friL", "2013-06-28 00:00:00", "2013-07-26 00:00:00"},
        {"0 0 * * 5#3", "2013-06-01 00:00:00", "2013-06-21 00:00:00"},
        {"0 0 * * 5#5", "2013-06-01 00:00:00", "2013-08-30 00:00:00"},
        {"0 0 * * 0#1", "2013-08-31 00:00:00", "2013-09-01 00:00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_next(rows[i][0], rows[i][1], rows[i][2]);
}

static void day_and_weekday_together_are_either(void **state)
{
    (void)state;
    assert_next("0 0 13 * 5", "2013-06-01 00:00:00", "2013-06-07 00:00:00");
    assert_next("0 0 13 * 5", "2013-06-07 00:00:00", "2013-06-13 00:00:00");
    assert_next("0 0 13 * *", "2013-06-01 00:00:00", "2013-06-13 00:00:00");
    assert_next("0 0 * * 5", "2013-06-07 00:00:00", "2013-06-14 00:00:00");
}

static void what_is_wrong_with_a_line(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "expected 5 to 7 fields, [second] minute hour day month weekday [year], found ''"},
        {"* * * *",
         "expected 5 to 7 fields, [second] minute hour day month weekday [year], found '* * * *'"},
        {"* * * * * * * *", "expected 5 to 7 fields, [second] minute hour day month weekday "
                            "[year], found '* * * * * * * *'"},
        {"60 * * * *", "'60' is no minute (0 to 59)"},
        {"* 24 * * *", "'24' is no hour (0 to 23)"},
        {"* * 0 * *", "'0' is no day (1 to 31)"},
        {"* * * 13 *", "'13' is no month (1 to 12)"},
        {"* * * jann *", "'jann' is no month (1 to 12)"},
        {"* * * * 8", "'8' is no weekday (0 to 7)"},
        {"* * * * * 1969", "'1969' is no year (1970 to 2099)"},
        {"30-10 * * * *", "'30-10' is no minute (0 to 59)"},
        {"*/0 * * * *", "'*/0' is no minute (0 to 59)"},
        {"1,,2 * * * *", "'' is no minute (0 to 59)"},
        {"5- * * * *", "'5-' is no minute (0 to 59)"},
        {"99999999999999999999 * * * *", "'99999999999999999999' is no minute (0 to 59)"},
        {"* * 32W * *", "'32W' is no day (1 to 31)"},
        {"* * * * 5#6", "'5#6' is no weekday (0 to 7)"},
        {"* * * * L", "'L' is no weekday (0 to 7)"},
        {"@reboot",
         "expected 5 to 7 fields, [second] minute hour day month weekday [year], found '@reboot'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cron cron;
        struct err err;
        assert_int_equal(cron_parse(&cron, rows[i][0], &err), -1);
        assert_string_equal(err.text, rows[i][1]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void assert_local(const char *line, int64_t from, int64_t wanted)
{
    struct cron cron;
    struct err err;
    assert_int_equal(cron_parse(&cron, line, &err), 0);
    int64_t next = cron_next(&cron, from, false);
    if (next != wanted)
        fail_msg("%s: expected %lld, found %lld", line, (long long)wanted, (long long)next);
}

/* Berlin, without need of its file: in 2013 the clocks went from 2 to 3 on March 31, from 3 to 2 on October 27. */
static void where_clocks_change(void **state)
{
    (void)state;
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t spring = at("2013-03-31 01:00:00", true); /* when it is 2, and 3 */
    assert_local("30 2 * * *", spring - 7200, spring + 86400 - 3600 + 1800);
    assert_local("0 3 * * *", spring - 7200, spring);
    assert_local("*/20 * * * *", spring - 1200, spring);
    int64_t autumn = at("2013-10-27 01:00:00", true); /* when it is 3, and 2 */
    assert_local("30 2 * * *", autumn - 7200, autumn - 1800);
    assert_local("30 2 * * *", autumn - 1800, autumn + 1800);
    assert_local("*/20 * * * *", autumn - 1200, autumn);
    assert_local("0 0 * * *", autumn - 7200, autumn + 22 * 3600);
    use_zone("UTC");
}

/* Every time that fits, and no other: the quick way against the slow one. */
static void nothing_is_left_out(void **state)
{
    (void)state;
    static const char *const lines[] = {"*/7 */5 * * *", "0 0 L * *",      "0 5 13 * 5",
                                        "0 0 * * 5#3",   "59 23 1W 2,3 *", "0 */6 * 1,12 0"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct cron cron;
        struct err err;
        assert_int_equal(cron_parse(&cron, lines[i], &err), 0);
        int64_t from = at("2015-12-20 00:00:00", true), to = from + 80 * 86400;
        int64_t next = cron_next(&cron, from, true);
        for (int64_t minute = from + 60; minute < to; minute += 60) {
            bool fits = cron_next(&cron, minute - 1, true) == minute;
            assert_int_equal(fits, minute == next);
            if (fits)
                next = cron_next(&cron, minute, true);
        }
    }
}

static void every_so_often(void **state)
{
    (void)state;
    struct schedule schedule = {.every_ns = 0};
    struct err err;
    assert_int_equal(schedule_parse(&schedule, "@every 1m30s", &err), 0);
    assert_int_equal(schedule_wait_ns(&schedule, 12345), 90 * NS_PER_S);
    assert_int_equal(schedule_parse(&schedule, " @every  500ms", &err), 0);
    assert_int_equal(schedule_wait_ns(&schedule, 12345), 500 * NS_PER_MS);
}

static void wrong_schedules(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"@every 5 parsecs",
         "@every: expected a duration such as 5s, 100ms or 1h30m, found '5 parsecs'"},
        {"@every", "@every: expected a duration such as 5s, 100ms or 1h30m, found ''"},
        {"@every -5s", "@every: must be 100ms to a year, found '-5s'"},
        {"@every 1ms", "@every: must be 100ms to a year, found '1ms'"},
        {"0 0 30 2 *", "'0 0 30 2 *' is never"},
        {"* * * * * 1999", "'* * * * * 1999' is never"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule schedule = {.is_utc = true};
        struct err err;
        assert_int_equal(schedule_parse(&schedule, rows[i][0], &err), -1);
        assert_string_equal(err.text, rows[i][1]);
    }
}

static void cron_waits_to_the_second(void **state)
{
    (void)state;
    struct schedule schedule = {.is_utc = true};
    struct err err;
    assert_int_equal(schedule_parse(&schedule, "*/10 * * * * * *", &err), 0);
    int64_t now = at("2013-01-01 00:00:05", true) * NS_PER_S + 250 * NS_PER_MS;
    assert_int_equal(schedule_wait_ns(&schedule, now), 4750 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cron_lines_of_five_six_and_seven_fields),
        cmocka_unit_test(last_and_nearest_days),
        cmocka_unit_test(day_and_weekday_together_are_either),
        cmocka_unit_test(what_is_wrong_with_a_line),
        cmocka_unit_test(where_clocks_change),
        cmocka_unit_test(nothing_is_left_out),
        cmocka_unit_test(every_so_often),
        cmocka_unit_test(wrong_schedules),
        cmocka_unit_test(cron_waits_to_the_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
