/* test_config_options.c: a mapping read by a table: values, defaults, and every complaint. */
#include "test_config.h"

struct part {
    char *topic, *password;
    bool enabled;
    uint64_t bulk, bytes;
    int64_t timeout_ns, inactive_ns;
    int compression, mode;
    struct str_list hosts, protocols;
    const struct node *ssl;
    struct node_list topics;
};

#define AT(field) .at = offsetof(struct part, field)

static const char *const compressions[] = {"none", "gzip", "zstd", NULL};
static const char *const protocols[] = {"TLSv1.2", "TLSv1.3", NULL};

static const struct option rows[] = {
    {.name = "enabled", .type = OPT_BOOL, .def = "true", AT(enabled)},
    {.name = "hosts", .type = OPT_LIST, .required = true, AT(hosts)},
    {.name = "topic", .type = OPT_TEXT, .def = "logs", AT(topic)},
    {.name = "password", .type = OPT_TEXT, .secret = true, AT(password)},
    {.name = "bulk_max_size",
     .type = OPT_COUNT,
     .def = "2048",
     .min = "1",
     .max = "10000",
     AT(bulk)},
    {.name = "bulk_size", .type = OPT_COUNT, AT(bulk)},
    {.name = "max_message_bytes", .type = OPT_BYTES, .def = "1MB", .max = "10MB", AT(bytes)},
    {.name = "timeout", .type = OPT_DURATION, .def = "30s", .max = "10m", AT(timeout_ns)},
    {.name = "clean_inactive", .type = OPT_DURATION, .min = "-1s", AT(inactive_ns)},
    {.name = "compression",
     .type = OPT_WORD,
     .def = "gzip",
     .words = compressions,
     AT(compression)},
    {.name = "mode", .type = OPT_WORD, .words = compressions, AT(mode)},
    {.name = "ssl", .type = OPT_MAP, AT(ssl)},
    {.name = "tls.supported_protocols",
     .type = OPT_LIST,
     .def = "TLSv1.2, TLSv1.3",
     .words = protocols,
     AT(protocols)},
    {.name = "topics", .type = OPT_NODES, AT(topics)},
    {.name = "version", .type = OPT_IGNORED, .doc = "the broker is asked"},
    {.name = "kerberos", .type = OPT_REFUSED, .doc = "use sasl or client certificates"},
    {.name = NULL},
};

static int read_part(struct fixture *fix, struct part *part)
{
    return options_read(at_path(fix, "output.kafka"), "output.kafka", rows, part, &fix->problems);
}

static void defaults_fill_what_is_unset(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka.hosts: a:9092\n");
    assert_int_equal(read_part(fix, &part), 0);
    assert_true(part.enabled);
    assert_string_equal(part.topic, "logs");
    assert_null(part.password);
    assert_int_equal(part.bulk, 2048);
    assert_int_equal(part.bytes, 1024 * 1024);
    assert_int_equal(part.timeout_ns, 30000000000);
    assert_int_equal(part.compression, 1);
    assert_int_equal(part.mode, -1);
    assert_int_equal(part.hosts.n, 1);
    assert_string_equal(part.hosts.at[0], "a:9092");
    assert_int_equal(part.protocols.n, 2);
    assert_string_equal(part.protocols.at[1], "TLSv1.3");
    assert_null(part.ssl);
    assert_int_equal(part.topics.n, 0);
    options_free(rows, &part);
    options_free(rows, &part);
    assert_null(part.topic);
}

static void set_values_are_read(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka:\n  enabled: no\n  hosts: [a, b]\n  topic: t\n  password: p\n"
               "  bulk_size: 7\n  max_message_bytes: 50k\n  timeout: 1m30s\n  clean_inactive: -1\n"
               "  compression: ZSTD\n  ssl.ca: x\n  tls.supported_protocols: [TLSv1.3]\n"
               "  topics: [{topic: a}, {topic: b}]\n");
    assert_int_equal(read_part(fix, &part), 0);
    assert_int_equal(fix->problems.n, 0);
    assert_false(part.enabled);
    assert_int_equal(part.hosts.n, 2);
    assert_string_equal(part.password, "p");
    assert_int_equal(part.bulk, 7);
    assert_int_equal(part.bytes, 51200);
    assert_int_equal(part.timeout_ns, 90000000000);
    assert_int_equal(part.inactive_ns, -1000000000);
    assert_int_equal(part.compression, 2);
    assert_string_equal(node_text(node_get(part.ssl, "ca")), "x");
    assert_int_equal(part.topics.n, 2);
    assert_string_equal(node_text(node_get(part.topics.at[1], "topic")), "b");
    options_free(rows, &part);
}

static void reading_again_replaces(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka: {hosts: [a, b], topic: t}\n");
    assert_int_equal(read_part(fix, &part), 0);
    assert_int_equal(read_part(fix, &part), 0);
    assert_int_equal(part.hosts.n, 2);
    options_free(rows, &part);
}

static void variables_with_commas_fit_texts_and_lists(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix,
          "output.kafka: {hosts: ['${NOT_SET_HERE:a,b}', c], password: '${NOT_SET_HERE:x,y}'}\n");
    assert_int_equal(config_expand(fix->config, NULL, &fix->problems), 0);
    assert_int_equal(read_part(fix, &part), 0);
    assert_int_equal(part.hosts.n, 3);
    assert_string_equal(part.password, "x,y");
    options_free(rows, &part);
}

static void absent_sections_lack_what_is_required(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    assert_int_equal(read_part(fix, &part), -1);
    assert_problem(fix, "output.kafka.hosts: required, but not set");
    assert_string_equal(part.topic, "logs");
    options_free(rows, &part);
}

/* What is set beside `hosts: a` in output.kafka, on line 3 from column 3, and what is said about it. */
static const struct complaint {
    const char *yaml, *text;
} complaints[] = {
    {"hots: x", "posta.yml:3:3: unknown key 'output.kafka.hots', did you mean 'hosts'?"},
    {"Timeout: x", "posta.yml:3:3: unknown key 'output.kafka.Timeout', did you mean 'timeout'?"},
    {"tls.suported_protocols: x",
     "posta.yml:3:7: unknown key 'output.kafka.tls.suported_protocols', did you mean "
     "'supported_protocols'?"},
    {"supported_protocols: x",
     "posta.yml:3:3: unknown key 'output.kafka.supported_protocols', did you mean "
     "'tls.supported_protocols'?"},
    {"xyz: x",
     "posta.yml:3:3: unknown key 'output.kafka.xyz'; see `posta export config` for the keys "
     "that are known"},
    {"tls.xyz: x",
     "posta.yml:3:7: unknown key 'output.kafka.tls.xyz'; known here: supported_protocols"},
    {"tls: x", "posta.yml:3:8: output.kafka.tls: expected a mapping, found a text"},
    {"topic: [a]", "posta.yml:3:10: output.kafka.topic: expected a text, found a list"},
    {"timeout: {a: b}",
     "posta.yml:3:12: output.kafka.timeout: expected a duration such as 5s, 100ms or "
     "1h30m, found a mapping"},
    {"timeout: 5 sec",
     "posta.yml:3:12: output.kafka.timeout: expected a duration such as 5s, 100ms or "
     "1h30m, found '5 sec'"},
    {"timeout: 1h", "posta.yml:3:12: output.kafka.timeout: must be at most 10m, found '1h'"},
    {"timeout: -1", "posta.yml:3:12: output.kafka.timeout: must be at least 0s, found '-1'"},
    {"bulk_max_size: 0",
     "posta.yml:3:18: output.kafka.bulk_max_size: must be at least 1, found '0'"},
    {"max_message_bytes: 1GB",
     "posta.yml:3:22: output.kafka.max_message_bytes: must be at most 10MB, found '1GB'"},
    {"compression: gzp",
     "posta.yml:3:16: output.kafka.compression: expected none, gzip or zstd, found "
     "'gzp', did you mean 'gzip'?"},
    {"tls.supported_protocols: [SSLv3]", "posta.yml:3:29: output.kafka.tls.supported_protocols: "
                                         "expected TLSv1.2 or TLSv1.3, found 'SSLv3'"},
    {"enabled: 5", "posta.yml:3:12: output.kafka.enabled: expected true or false, found '5'"},
    {"ssl: x", "posta.yml:3:8: output.kafka.ssl: expected a mapping, found a text"},
    {"topics: [x]",
     "posta.yml:3:12: output.kafka.topics: item 1: expected a mapping, found a text"},
    {"topics: x", "posta.yml:3:11: output.kafka.topics: expected a list of mappings, found a text"},
    {"kerberos: {realm: x}",
     "posta.yml:3:3: 'output.kafka.kerberos' is not supported: use sasl or client "
     "certificates"},
};

static void complaints_say_where_and_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
        void *inner;
        struct part part = {.topic = NULL};
        struct buf yaml = BUF_INIT;
        fixture_open(&inner);
        buf_printf(&yaml, "output.kafka:\n  hosts: a\n  %s\n", complaints[i].yaml);
        given(inner, buf_str(&yaml));
        assert_int_equal(read_part(inner, &part), -1);
        assert_problem(inner, complaints[i].text);
        options_free(rows, &part);
        buf_free(&yaml);
        fixture_close(&inner);
    }
}

static void lists_want_texts(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka:\n  hosts: {a: b}\n");
    assert_int_equal(read_part(fix, &part), -1);
    assert_problem(fix,
                   "posta.yml:2:10: output.kafka.hosts: expected a list of texts, found a mapping");
    options_free(rows, &part);
}

static void required_lists_are_not_empty(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka:\n  hosts: []\n");
    assert_int_equal(read_part(fix, &part), -1);
    assert_problem(fix, "posta.yml:2:10: output.kafka.hosts: must not be empty");
    options_free(rows, &part);
}

static void all_problems_are_gathered(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    struct err err = ERR_INIT;
    given(fix, "output.kafka:\n  version: 2.0\n  hots: a\n  timeout: x\n");
    assert_int_equal(read_part(fix, &part), -1);
    assert_int_equal(fix->problems.n, 4);
    assert_int_equal(fix->problems.n_errors, 3);
    assert_int_equal(fix->problems.at[0].kind, PROBLEM_WARNING);
    assert_string_equal(
        fix->problems.at[0].text,
        "posta.yml:2:3: 'output.kafka.version' is accepted, but not needed: the broker is asked");
    assert_int_equal(problems_err(&fix->problems, &err), -1);
    assert_string_equal(
        err.text,
        "posta.yml:3:3: unknown key 'output.kafka.hots', did you mean 'hosts'? (and 2 more)");
    assert_int_equal(part.timeout_ns, 30000000000);
    options_free(rows, &part);
}

static void refused_keys_may_be_off(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka: {hosts: a, kerberos.enabled: false}\n");
    assert_int_equal(read_part(fix, &part), 0);
    assert_int_equal(fix->problems.n, 0);
    options_free(rows, &part);
}

static void failed_references_complain_once(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    given(fix, "output.kafka: {hosts: '${NOT_SET_HERE}', timeout: '${NOT_SET_HERE:x}'}\n");
    assert_int_equal(config_expand(fix->config, NULL, &fix->problems), -1);
    assert_int_equal(read_part(fix, &part), -1);
    assert_int_equal(fix->problems.n, 2);
    options_free(rows, &part);
}

static void problems_are_bounded(void **state)
{
    struct fixture *fix = *state;
    struct part part = {.topic = NULL};
    struct buf yaml = BUF_INIT;
    buf_puts(&yaml, "output.kafka:\n  hosts: a\n");
    for (int i = 0; i < 100; i++) {
        buf_printf(&yaml, "  unknown%d: x\n", i);
    }
    given(fix, buf_str(&yaml));
    assert_int_equal(read_part(fix, &part), -1);
    assert_int_equal(fix->problems.n, CONFIG_PROBLEMS);
    assert_int_equal(fix->problems.n_errors, 100);
    assert_int_equal(fix->problems.n_dropped, 100 - CONFIG_PROBLEMS);
    options_free(rows, &part);
    buf_free(&yaml);
}

/* ---- Several names for one place, and the top -------------------------------------------------------- */

struct twin {
    bool take_over;
    char *name;
};

static const struct option twin_rows[] = {
    {.name = "take_over", .type = OPT_BOOL, .at = offsetof(struct twin, take_over)},
    {.name = "take_over.enabled", .type = OPT_BOOL, .at = offsetof(struct twin, take_over)},
    {.name = "name", .type = OPT_TEXT, .at = offsetof(struct twin, name)},
    {.name = "setup",
     .type = OPT_IGNORED,
     .doc = "templates are loaded by Elasticsearch's own tools"},
    {.name = NULL},
};

static void a_key_may_be_a_value_or_a_section(void **state)
{
    static const char *const yamls[] = {"take_over: true\n", "take_over: {enabled: true}\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        void *inner;
        struct twin twin = {.name = NULL};
        fixture_open(&inner);
        given(inner, yamls[i]);
        struct fixture *fix = inner;
        assert_int_equal(
            options_read(config_root(fix->config), "", twin_rows, &twin, &fix->problems), 0);
        assert_true(twin.take_over);
        options_free(twin_rows, &twin);
        fixture_close(&inner);
    }
}

static void sections_of_others_are_left_alone(void **state)
{
    struct fixture *fix = *state;
    static const char *const taken[] = {"output", "filebeat.inputs", NULL};
    struct twin twin = {.name = NULL};
    given(
        fix,
        "name: n\noutput.kafka.x: 1\nfilebeat: {inputs: [], input: []}\nsetup.ilm.enabled: true\n");
    assert_int_equal(
        options_read_beside(config_root(fix->config), "", twin_rows, taken, &twin, &fix->problems),
        -1);
    assert_int_equal(fix->problems.n, 2);
    assert_string_equal(fix->problems.at[0].text,
                        "posta.yml:3:24: unknown key 'filebeat.input', did you mean 'inputs'?");
    assert_string_equal(
        fix->problems.at[1].text,
        "posta.yml:4:1: 'setup' is accepted, but not needed: templates are loaded by "
        "Elasticsearch's own tools");
    assert_string_equal(twin.name, "n");
    options_free(twin_rows, &twin);
}

static void unknown_sections_are_found(void **state)
{
    struct fixture *fix = *state;
    static const char *const taken[] = {"output", NULL};
    given(fix, "ouput.kafka.x: 1\nname: [known here, read elsewhere]\n");
    assert_int_equal(
        config_check_unknown(config_root(fix->config), taken, twin_rows, &fix->problems), -1);
    assert_problem(fix, "posta.yml:1:1: unknown key 'ouput', did you mean 'output'?");
}

static void one_output_is_chosen(void **state)
{
    struct fixture *fix = *state;
    const char *name = NULL;
    given(fix, "output:\n  kafka: {enabled: false}\n  console: {}\n");
    assert_non_null(config_choose(at_path(fix, "output"), "output", &name, &fix->problems));
    assert_string_equal(name, "console");
    assert_null(config_choose(NULL, "output", &name, &fix->problems));
    assert_null(name);
    assert_int_equal(fix->problems.n, 0);
}

static void two_outputs_are_refused(void **state)
{
    struct fixture *fix = *state;
    const char *name = NULL;
    given(fix, "output:\n  kafka: {}\n  console: {}\n");
    assert_null(config_choose(at_path(fix, "output"), "output", &name, &fix->problems));
    assert_problem(
        fix, "posta.yml:3:3: only one output can be enabled: 'kafka' is, at posta.yml:2:3; set "
             "'enabled: false' in the other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(defaults_fill_what_is_unset),
        CASE(set_values_are_read),
        CASE(reading_again_replaces),
        CASE(variables_with_commas_fit_texts_and_lists),
        CASE(absent_sections_lack_what_is_required),
        CASE(complaints_say_where_and_what),
        CASE(lists_want_texts),
        CASE(required_lists_are_not_empty),
        CASE(all_problems_are_gathered),
        CASE(refused_keys_may_be_off),
        CASE(failed_references_complain_once),
        CASE(problems_are_bounded),
        CASE(a_key_may_be_a_value_or_a_section),
        CASE(sections_of_others_are_left_alone),
        CASE(unknown_sections_are_found),
        CASE(one_output_is_chosen),
        CASE(two_outputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
