/* test_parse_container.c: lines of Docker and of CRI, whole and in parts, over a rotation too. */
#include "parse_test.h"

static void cri(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {"container: {}", "2024-05-01T10:00:00.123456789Z stdout F  two spaces \n",
         "2024-05-01T10:00:00.123Z ,\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\" two "
         "spaces "
         "\",\"log\":{\"offset\":0 | ,\"stream\":\"stdout\"}\n"},
        {"container: {format: cri}", "2024-05-01T10:00:00.1+02:00 stderr F\n",
         "2024-05-01T08:00:00.100Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"\",\"log\":{"
         "\"offset\":0 | ,\"stream\":\"stderr\"}\n"},
        {"container: {}", /* parts of two streams between each other */
         "2024-05-01T10:00:00Z stdout P a\n2024-05-01T10:00:01Z stderr P x\n"
         "2024-05-01T10:00:02Z stdout P:Q b\n2024-05-01T10:00:03Z stdout F c\n"
         "2024-05-01T10:00:04Z stderr F y\n",
         "2024-05-01T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"abc\",\"log\":{"
         "\"offset\":0 | ,\"stream\":\"stdout\"}\n"
         "2024-05-01T10:00:01.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"xy\",\"log\":{"
         "\"offset\":32 | ,\"stream\":\"stderr\"}\n"},
        {"container: {stream: stderr}",
         "2024-05-01T10:00:00Z stdout P a\n2024-05-01T10:00:00Z stderr F b\n",
         "dropped\n2024-05-01T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"b\","
         "\"log\":{\"offset\":32 | ,\"stream\":\"stderr\"}\n"},
        {"container: {}", "no time here\n",
         "},\"message\":\"no time here\",\"error\":{\"message\":\"container: not a line of CRI: no "
         "time at "
         "its beginning\"},\"log\":{\"offset\":0 | }\n"},
        {"container: {}", "2024-05-01T10:00:00Z stdout\n",
         "},\"message\":\"2024-05-01T10:00:00Z stdout\",\"error\":{\"message\":\"container: not a "
         "line of "
         "CRI: no stream and tags behind the time\"},\"log\":{\"offset\":0 | }\n"},
        {"container: {}", "2024-13-01T10:00:00Z stdout F x\n",
         "},\"message\":\"2024-13-01T10:00:00Z stdout F x\",\"error\":{\"message\":\"container: "
         "not a line "
         "of CRI: no time at its beginning\"},\"log\":{\"offset\":0 | }\n"},
    };
    run_parse_cases(rows, COUNT(rows));
}

static void docker(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {"container: {}",
         "{\"log\":\"a \\\"q\\\" "
         "\\u00e9\\n\",\"stream\":\"stdout\",\"time\":\"2024-05-01T10:00:00.5Z\"}\n",
         "2024-05-01T10:00:00.500Z ,\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"a "
         "\\\"q\\\" "
         "\xc3\xa9\",\"log\":{\"offset\":0 | ,\"stream\":\"stdout\"}\n"},
        {"container: {}", /* a terminal: CR LF; attributes */
         "{\"log\":\"a\\r\\n\",\"stream\":\"stdout\",\"attrs\":{\"k\":\"v\"},\"time\":\"2024-05-"
         "01T10:00:00Z"
         "\"}\n",
         "2024-05-01T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"a\",\"log\":{"
         "\"offset\":0 | ,\"docker\":{\"attrs\":{\"k\":\"v\"}},\"stream\":\"stdout\"}\n"},
        {"container: {format: docker}",
         "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2024-05-01T10:00:00Z\"}\n"
         "{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"2024-05-01T10:00:09Z\"}\n",
         "2024-05-01T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"ab\",\"log\":{"
         "\"offset\":0 | ,\"stream\":\"stdout\"}\n"},
        {"container: {}", /* an empty text is a part: nothing is read before it */
         "{\"log\":\"\",\"stream\":\"stdout\",\"time\":\"2024-05-01T10:00:00Z\"}\n",
         "2024-05-01T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":\"\",\"log\":{"
         "\"offset\":0 | ,\"stream\":\"stdout\"}\n"},
        {"container: {}", "{\"log\":\"a\\n\"\n",
         "},\"message\":\"{\\\"log\\\":\\\"a\\\\n\\\"\",\"error\":{\"message\":\"container: not a "
         "line of "
         "Docker: no JSON object\"},\"log\":{\"offset\":0 | }\n"},
        {"container: {}", "{\"log\":\"a\\n\",\"stream\":\"stdout\"}\n",
         "},\"message\":\"{\\\"log\\\":\\\"a\\\\n\\\",\\\"stream\\\":\\\"stdout\\\"}\",\"error\":{"
         "\"message\":"
         "\"container: not a line of Docker: no log or no time in it\"},\"log\":{\"offset\":0 | "
         "}\n"},
        {"container: {format: docker}", "2024-05-01T10:00:00Z stdout F x\n",
         "},\"message\":\"2024-05-01T10:00:00Z stdout F x\",\"error\":{\"message\":\"container: "
         "not a line "
         "of Docker: no JSON object\"},\"log\":{\"offset\":0 | }\n"},
    };
    run_parse_cases(rows, COUNT(rows));
}

static void parts_are_joined_over_a_rotation(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, "container: {}");
    parse_text(&rig, "2024-05-01T10:00:00Z stdout P a\n2024-05-01T10:00:01Z stderr P x\n");
    parse_rotate(&rig);
    parse_text(&rig, "2024-05-01T10:00:02Z stderr F y\n2024-05-01T10:00:03Z stdout F b\n");
    assert_non_null(strstr(buf_str(&rig.events), "\"message\":\"xy\""));
    assert_non_null(strstr(buf_str(&rig.events), "\"message\":\"ab\""));
    assert_string_equal(buf_str(&rig.joins), "1<2 0<3 ");
    assert_int_equal(chain_held_bytes(&rig.in.chain, rig.older), 0);
    parse_close(&rig);
}

static void parts_without_an_end_are_cut_at_the_limit(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, "container: {}");
    char *line = mem_printf("2024-05-01T10:00:00Z stdout P %0*d", PARSE_LIMIT / 2, 0);
    for (int i = 0; i < 4; i++)
        parse_line(&rig, line, strlen(line));
    assert_in_range(chain_held_bytes(&rig.in.chain, rig.state), PARSE_LIMIT, PARSE_LIMIT + 1);
    parse_flush(&rig);
    assert_non_null(strstr(buf_str(&rig.events), "\"flags\":[\"truncated\"]"));
    free(line);
    parse_close(&rig);
}

static void container_then_multiline(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, "container: {}\nmultiline: {pattern: '^ ', match: after}\n");
    parse_text(&rig, "2024-05-01T10:00:00Z stdout F a\n2024-05-01T10:00:01Z stdout P  b\n"
                     "2024-05-01T10:00:02Z stdout F c\n2024-05-01T10:00:03Z stdout F d\n");
    assert_events(&rig,
                  "2024-05-01T10:00:00.000Z ,\"created\":\"2026-09-21T14:13:20.000Z\"},\"message\":"
                  "\"a\\n bc\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | "
                  ",\"stream\":\"stdout\"}\n");
    assert_string_equal(buf_str(&rig.joins), "1<2 0<1 ");
    parse_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cri),
        cmocka_unit_test(docker),
        cmocka_unit_test(parts_are_joined_over_a_rotation),
        cmocka_unit_test(parts_without_an_end_are_cut_at_the_limit),
        cmocka_unit_test(container_then_multiline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
