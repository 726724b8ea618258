/* test_config_values.c: durations, sizes, numbers, truth values. */
#include "test_config.h"

static const struct duration {
    const char *text;
    int64_t ns;
} durations[] = {
    {"5s", 5000000000},       {"1h30m", 5400000000000}, {"1.5s", 1500000000}, {"100ms", 100000000},
    {"250us", 250000},        {"250µs", 250000},        {"7ns", 7},           {"0", 0},
    {"30", 30000000000},      {"0.5", 500000000},       {"-1", -1000000000},  {"-1s", -1000000000},
    {"1m1s1ms", 61001000000},
};

static void durations_are_gos(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t ns = 1;
        struct err err = ERR_INIT;
        assert_int_equal(parse_duration(durations[i].text, &ns, &err), 0);
        assert_int_equal(ns, durations[i].ns);
    }
}

static void wrong_durations_are_explained(void **state)
{
    static const char *const texts[] = {"",    "5 sec", "s",   "1h30", "5d",
                                        "1.s", "--1s",  "5s ", "1e3s"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char expected[200];
        int64_t ns = 42;
        struct err err = ERR_INIT;
        snprintf(expected, sizeof(expected),
                 "expected a duration such as 5s, 100ms or 1h30m, found '%s'", texts[i]);
        assert_int_equal(parse_duration(texts[i], &ns, &err), -1);
        assert_string_equal(err.text, expected);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_int_equal(ns, 42);
    }
}

static void long_durations_do_not_overflow(void **state)
{
    static const char *const texts[] = {"9999999999h", "99999999999999999999999s", "9223372037",
                                        "2562047h2562047h2562047h"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char expected[200];
        int64_t ns = 42;
        struct err err = ERR_INIT;
        snprintf(expected, sizeof(expected), "'%s' is too large", texts[i]);
        assert_int_equal(parse_duration(texts[i], &ns, &err), -1);
        assert_string_equal(err.text, expected);
    }
}

static const struct size {
    const char *text;
    uint64_t bytes;
} sizes[] = {
    {"4096", 4096},     {"50KB", 51200},         {"50KiB", 51200}, {"50k", 51200},
    {"16MB", 16777216}, {"10GB", 10737418240},   {"1.5kb", 1536},  {"50 KB", 51200},
    {"7b", 7},          {"1TiB", 1099511627776}, {"0", 0},
};

static void sizes_are_powers_of_1024(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = 1;
        struct err err = ERR_INIT;
        assert_int_equal(parse_bytes(sizes[i].text, &bytes, &err), 0);
        assert_int_equal(bytes, sizes[i].bytes);
    }
}

static void wrong_sizes_are_explained(void **state)
{
    uint64_t bytes = 42;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(parse_bytes("50XB", &bytes, &err), -1);
    assert_string_equal(err.text, "expected a size such as 4096, 50KB or 16MiB, found '50XB'");
    assert_int_equal(parse_bytes("-1", &bytes, &err), -1);
    assert_string_equal(err.text, "expected a size such as 4096, 50KB or 16MiB, found '-1'");
    assert_int_equal(parse_bytes("99999999TB", &bytes, &err), -1);
    assert_string_equal(err.text, "'99999999TB' is too large");
    assert_int_equal(bytes, 42);
}

static void counts_are_whole(void **state)
{
    uint64_t count = 42;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(parse_count("18446744073709551615", &count, &err), 0);
    assert_true(count == UINT64_MAX);
    assert_int_equal(parse_count("0600", &count, &err), 0);
    assert_int_equal(count, 0600);
    assert_int_equal(parse_count("18446744073709551616", &count, &err), -1);
    assert_string_equal(err.text, "'18446744073709551616' is too large");
    assert_int_equal(parse_count("-1", &count, &err), -1);
    assert_string_equal(err.text, "expected a whole number, 0 or more, found '-1'");
    assert_int_equal(parse_count("1.5", &count, &err), -1);
    assert_string_equal(err.text, "expected a whole number, 0 or more, found '1.5'");
}

static void truth_has_six_words(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "True", "ON"};
    static const char *const no[] = {"false", "no", "off", "FALSE"};
    struct err err = ERR_INIT;
    bool value = false;
    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_int_equal(parse_bool(yes[i], &value, &err), 0);
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_int_equal(parse_bool(no[i], &value, &err), 0);
        assert_false(value);
    }
    assert_int_equal(parse_bool("maybe", &value, &err), -1);
    assert_string_equal(err.text, "expected true or false, found 'maybe'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_gos),
        cmocka_unit_test(wrong_durations_are_explained),
        cmocka_unit_test(long_durations_do_not_overflow),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(wrong_sizes_are_explained),
        cmocka_unit_test(counts_are_whole),
        cmocka_unit_test(truth_has_six_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
