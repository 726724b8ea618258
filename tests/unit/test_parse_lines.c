/* test_parse_lines.c: ndjson, syslog and the filters: a line in, an event out. */
#include "parse_test.h"

/* ---- ndjson: merged events are in no fixed order, so members are looked for ---- */

static char *ndjson_event(const char *yaml, const char *line)
{
    struct parse_rig rig;
    parse_open(&rig, yaml);
    parse_line(&rig, line, strlen(line));
    char *event = mem_dup(buf_str(&rig.events));
    parse_close(&rig);
    return event;
}

static void objects_go_into_the_event(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *line, *has, *has_not;
    } rows[] = {
        {"ndjson: {}", "{\"a\":1.50,\"b\":{\"c\":[1,{\"d\":null}]}}",
         ",\"a\":1.50,\"b\":{\"c\":[1,{\"d\":null}]}", "\"message\""},
        {"ndjson: {}", "{\"a\":null,\"b\":1}", ",\"b\":1", "\"a\""}, /* no null fields */
        {"ndjson: {}", "{\"message\":\"m\",\"a\":1}", "\"message\":\"m\"", "\"error\""},
        {"ndjson: {message_key: log}", "{\"log\":\"text\",\"a\":1}", "\"message\":\"text\"",
         "\"log\":\"text\""},
        {"ndjson: {message_key: x.y}", "{\"x\":{\"y\":\"t\"}}", "\"message\":\"t\"", "\"error\""},
        {"ndjson: {message_key: msg, add_error_key: true}", "{\"a\":1}",
         "\"error\":{\"message\":\"Key not found: msg\",\"type\":\"json\"}", "\"message\":\"{"},
        {"ndjson: {message_key: a, add_error_key: true}", "{\"a\":1}",
         "\"message\":\"Value of key is not a string: a\"", "\"message\":\"{"},
        {"ndjson: {target: j.k}", "{\"a\":1,\"@timestamp\":\"x\"}",
         "\"j\":{\"k\":{\"a\":1,\"@timestamp\":\"x\"}}", "\"message\""},
        {"ndjson: {}", "{\"log\":{\"level\":\"info\",\"offset\":7}}", "\"log\":{\"offset\":0,",
         "\"offset\":7"},
        {"ndjson: {}", "{\"log\":{\"level\":\"info\"}}", "\"level\":\"info\"", "\"error\""},
        {"ndjson: {overwrite_keys: true}", "{\"log\":{\"offset\":7}}",
         "\"log\":{\"file\":", "\"offset\":0"},
        {"ndjson: {}", "{\"host\":{\"name\":\"h\",\"ip\":\"1\"}}",
         "\"host\":{\"name\":\"h\",\"ip\":\"1\"}", "\"name\":\"n\",\"ip\""},
        {"ndjson: {overwrite_keys: true}", "{\"event\":{\"id\":\"mine\",\"kind\":\"k\"}}",
         "\"kind\":\"k\"", "mine"},
        {"ndjson: {overwrite_keys: true}", "{\"event\":\"text\"}",
         "\"event\":{\"id\":", "\"text\""},
        {"ndjson: {overwrite_keys: true}", "{\"@timestamp\":\"2020-01-02T03:04:05.678Z\"}",
         "{\"@timestamp\":\"2020-01-02T03:04:05.678Z\"", "\"error\""},
        {"ndjson: {overwrite_keys: true, add_error_key: true}", "{\"@timestamp\":\"yesterday\"}",
         "@timestamp not overwritten", "yesterday"},
        {"ndjson: {}",
         "{\"@timestamp\":\"2020-01-02T03:04:05.678Z\",\"@metadata\":{\"_id\":\"x\"}}",
         "{\"@timestamp\":\"2026-", "2020"},
        {"ndjson: {document_id: my.id}", "{\"my\":{\"id\":\"D-1\",\"b\":1}}", "\"_id\":\"D-1\"",
         "\"id\":\"D-1\""},
        {"ndjson: {expand_keys: true}", "{\"a.b\":1,\"a\":{\"c\":2},\"d\":{\"e.f\":3}}",
         "\"a\":{\"b\":1,\"c\":2},\"d\":{\"e\":{\"f\":3}}", "a.b"},
        {"ndjson: {expand_keys: true, add_error_key: true}", "{\"a\":1,\"a.b\":2}",
         "cannot expand all keys", "\"b\":2"},
        {"ndjson: {}", "{\"a\":1,\"a\":2}", "\"a\":2", "\"a\":1"}, /* the last counts */
        {"ndjson: {}", "{\"a\":\"\\ud800x\\ud83d\\ude00\"}",
         "\"a\":\"\xef\xbf\xbdx\\ud83d\\ude00\"", "\\ud800x"},
        {"ndjson: {}", "{\"a\":\"\xff\"}", "\"a\":\"\xef\xbf\xbd\"", "\xff"},
        {"ndjson: {}", "not json", "\"message\":\"not json\"", "\"error\""},
        {"ndjson: {add_error_key: true}", "{\"a\":1",
         "\"error\":{\"message\":\"Error decoding JSON: unexpected end at byte "
         "6\",\"type\":\"json\"}",
         "\"a\":1"},
        {"ndjson: {add_error_key: true}", "{\"a\":\"\t\"}", "Error decoding JSON: not JSON",
         "\"a\":"},
        {"ndjson: {add_error_key: true}", "[1]", "\"message\":\"Error decoding JSON: no object\"",
         "\"a\""},
        {"ndjson: {add_error_key: true}", "{} {}", "more than one value", "\"a\""},
        {"ndjson: {}", "{}", "\"log\":{\"offset\":0", "\"message\""},
        {"ndjson: {}", "", "\"message\":\"\"", "\"error\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *event = ndjson_event(rows[i].yaml, rows[i].line);
        if (!strstr(event, rows[i].has) || strstr(event, rows[i].has_not))
            fail_msg("row %zu: %s %s\n%s", i, rows[i].yaml, rows[i].line, event);
        free(event);
    }
}

static void deep_and_wide_objects_come_whole_as_text(void **state)
{
    (void)state;
    struct buf deep = BUF_INIT, wide = BUF_INIT;
    for (int i = 0; i < 100; i++)
        buf_puts(&deep, "{\"a\":");
    buf_putc(&wide, '{');
    for (int i = 0; i < 64 * 100; i++)
        buf_printf(&wide, "%s\"k%d\":1", i ? "," : "", i);
    buf_putc(&wide, '}');
    char *event = ndjson_event("ndjson: {add_error_key: true}", buf_str(&deep));
    assert_non_null(strstr(event, "nested too deep"));
    free(event);
    event = ndjson_event("ndjson: {add_error_key: true}", buf_str(&wide));
    assert_non_null(strstr(event, "too many keys"));
    assert_non_null(strstr(event, "k6399"));
    free(event);
    buf_clear(&deep);
    for (int i = 0; i < 63; i++)
        buf_puts(&deep, "{\"a\":");
    buf_puts(&deep, "1");
    for (int i = 0; i < 63; i++)
        buf_puts(&deep, "}");
    event = ndjson_event("ndjson: {target: x.y.z, add_error_key: true}", buf_str(&deep));
    assert_non_null(strstr(event, "nested too deep"));
    free(event);
    buf_free(&deep);
    buf_free(&wide);
}

/* ---- syslog ---- */

#define CREATED ",\"created\":\"2026-09-21T14:13:20.000Z\"},"

static void syslog_lines(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {"syslog: {timezone: UTC}", "<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed\n",
         "2026-10-11T22:14:15.000Z " CREATED "\"message\":\"'su root' "
         "failed\",\"log\":{\"offset\":0,\"syslog\":{\"priority\":34,\"facility\":{"
         "\"code\":4,\"name\":\"security/"
         "authorization\"},\"severity\":{\"code\":2,\"name\":\"Critical\"},"
         "\"hostname\":\"mymachine\",\"appname\":\"su\",\"procid\":\"77\"} | }\n"},
        {"syslog: {timezone: '+02:00'}", "Oct  1 22:14:15 host app: text\n",
         "2026-10-01T20:14:15.000Z " CREATED
         "\"message\":\"text\",\"log\":{\"offset\":0,\"syslog\":{\"hostname\":\"host\",\"appname\":"
         "\"app\"} | }\n"},
        {"syslog: {timezone: UTC}", "Oct 11 22:14:15 su: text\n", /* no host */
         "2026-10-11T22:14:15.000Z " CREATED
         "\"message\":\"text\",\"log\":{\"offset\":0,\"syslog\":{\"appname\":\"su\"} | }\n"},
        {"syslog: {timezone: UTC}",
         "Feb 29 00:00:00 h a: leap\n", /* the nearest year that has one */
         "},\"message\":\"Feb 29 00:00:00 h a: leap\",\"error\":{\"message\":\"Error parsing "
         "syslog "
         "message: no head as in RFC 3164 or 5424\"},\"log\":{\"offset\":0 | }\n"},
        {"syslog: {timezone: UTC}", "2003-08-24T05:14:15.000003-07:00 h a[1]: t\n",
         "2003-08-24T12:14:15.000Z " CREATED
         "\"message\":\"t\",\"log\":{\"offset\":0,\"syslog\":{\"hostname\":\"h\",\"appname\":\"a\","
         "\"procid\":\"1\"} | }\n"},
        {"syslog: {}",
         "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 "
         "iut=\"3\" "
         "eventSource=\"App\\\"x\\]\"][b a=\"\"] \xef\xbb\xbf"
         "An event\n",
         "2003-10-11T22:14:15.003Z " CREATED "\"message\":\"An "
         "event\",\"log\":{\"offset\":0,\"syslog\":{\"priority\":165,\"facility\":{\"code\":20,"
         "\"name\":\"local4\"},\"severity\":{\"code\":5,\"name\":\"Notice\"},\"hostname\":"
         "\"mymachine.example.com\","
         "\"appname\":\"evntslog\",\"msgid\":\"ID47\",\"structured_data\":{\"exampleSDID@32473\":{"
         "\"iut\":\"3\","
         "\"eventSource\":\"App\\\"x]\"},\"b\":{\"a\":\"\"}},\"version\":\"1\"} | }\n"},
        {"syslog: {}", "<13>1 - - - - - -\n",
         "},\"message\":\"\",\"log\":{\"offset\":0,\"syslog\":{\"priority\":13,\"facility\":{"
         "\"code\":1,\"name\":"
         "\"user-level\"},\"severity\":{\"code\":5,\"name\":\"Notice\"},\"version\":\"1\"} | }\n"},
        {"syslog: {add_error_key: false}", "<999>1 x\n",
         "},\"message\":\"<999>1 x\",\"log\":{\"offset\":0 | }\n"},
        {"syslog: {format: rfc5424}", "<13>Oct 11 22:14:15 h a: t\n",
         "},\"message\":\"<13>Oct 11 22:14:15 h a: t\",\"error\":{\"message\":\"Error parsing "
         "syslog message: no "
         "head as in RFC 3164 or 5424\"},\"log\":{\"offset\":0 | }\n"},
        {"syslog: {}", "<13>1 - h a - - [x\n",
         "},\"message\":\"<13>1 - h a - - [x\",\"error\":{\"message\":\"Error parsing syslog "
         "message: no head as in "
         "RFC 3164 or 5424\"},\"log\":{\"offset\":0 | }\n"},
    };
    run_parse_cases(rows, COUNT(rows));
    assert_parser_refused(
        "syslog: {timezone: Europe/Berlin}",
        "t:1:9: parsers.syslog: timezone: expected Local, UTC or an offset such as +02:00, "
        "found 'Europe/Berlin' (for a zone by name give posta the variable TZ and use Local)");
}

/* ---- filters ---- */

static void include_message(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {"include_message: {patterns: ['^a', 'z$']}", "abc\nbcd\nxyz\n",
         "},\"message\":\"abc\",\"log\":{\"offset\":0 | "
         "}\ndropped\n},\"message\":\"xyz\",\"log\":{\"offset\":8 | }\n"},
        {"include_message: {patterns: x}\nmultiline: {pattern: '^ ', match: after}", "x1\n2\n x3\n",
         "dropped\n},\"message\":\"x1\\n x3\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | "
         "}\n"},
    };
    run_parse_cases(rows, COUNT(rows));
    assert_parser_refused("include_message: {}",
                          "t:1:18: parsers.include_message.patterns: required, but not set");
}

static void lines_filter(struct parse_rig *rig, const char *include, const char *exclude)
{
    struct err err;
    struct line_filter *filter = mem_zero(1, sizeof(*filter));
    static char *lists[2][1];
    lists[0][0] = (char *)include;
    lists[1][0] = (char *)exclude;
    filter->include = (struct str_list) {.at = lists[0], .n = include != NULL};
    filter->exclude = (struct str_list) {.at = lists[1], .n = exclude != NULL};
    assert_int_equal(line_filter_parser.open(filter, &err), 0);
    chain_add(&rig->in.chain, &line_filter_parser, filter);
    chain_state_free(&rig->in.chain, rig->state);
    rig->state = chain_state_new(&rig->in.chain);
}

static void include_comes_before_exclude(void **state)
{
    (void)state;
    static const struct {
        const char *include, *exclude, *kept;
    } rows[] = {{"ERR", NULL, "1"},
                {NULL, "DBG", "1"},
                {"ERR", "DBG", "1"},
                {"x", "ERR", "0"},
                {NULL, NULL, "1"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parse_rig rig;
        parse_open(&rig, "");
        lines_filter(&rig, rows[i].include, rows[i].exclude);
        parse_text(&rig, "ERR here\n");
        assert_int_equal(strstr(buf_str(&rig.events), "ERR here") != NULL, *rows[i].kept == '1');
        buf_clear(&rig.events);
        parse_text(&rig, "ERR DBG x\n");
        bool is_kept = !(rows[i].exclude != NULL);
        assert_int_equal(strstr(buf_str(&rig.events), "message") != NULL, is_kept);
        parse_close(&rig);
    }
}

static void a_pattern_that_takes_too_long_drops_nothing(void **state)
{
    (void)state;
    struct parse_rig rig;
    char line[3000];
    memset(line, 'a', sizeof(line));
    line[sizeof(line) - 1] = '!';
    parse_open(&rig, "");
    lines_filter(&rig, "(a|aa)+$", "^(a+)+$");
    parse_line(&rig, line, sizeof(line));
    assert_non_null(strstr(buf_str(&rig.events), "aaa!"));
    parse_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_go_into_the_event),
        cmocka_unit_test(deep_and_wide_objects_come_whole_as_text),
        cmocka_unit_test(syslog_lines),
        cmocka_unit_test(include_message),
        cmocka_unit_test(include_comes_before_exclude),
        cmocka_unit_test(a_pattern_that_takes_too_long_drops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
