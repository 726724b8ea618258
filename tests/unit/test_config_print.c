/* test_config_print.c: export without secrets, reference file, manual. */
#include "test_config.h"

#include <stdio.h>

struct part {
    char *topic, *seed;
    struct str_list hosts;
    int64_t timeout_ns;
    uint64_t bytes;
    int mode;
    const struct node *ssl;
};

static const char *const modes[] = {"none", "gzip", NULL};

static const struct option rows[] = {
    {.name = "hosts",
     .type = OPT_LIST,
     .required = true,
     .at = offsetof(struct part, hosts),
     .doc = "the brokers to ask first"},
    {.name = "topic",
     .type = OPT_TEXT,
     .def = "logs",
     .at = offsetof(struct part, topic),
     .doc = "the topic"},
    {.name = "seed",
     .type = OPT_TEXT,
     .secret = true,
     .at = offsetof(struct part, seed),
     .doc = ".a secret\\seed"},
    {.name = "timeout",
     .type = OPT_DURATION,
     .def = "5s",
     .min = "1s",
     .max = "10m",
     .reload = true,
     .own = true,
     .at = offsetof(struct part, timeout_ns),
     .doc = "how long a broker may take before it counts as away, from the moment the request was "
            "handed to "
            "the network until its answer is here"},
    {.name = "compression",
     .type = OPT_WORD,
     .def = "gzip",
     .words = modes,
     .at = offsetof(struct part, mode),
     .doc = "the codec"},
    {.name = "version", .type = OPT_IGNORED, .doc = "the broker is asked"},
    {.name = NULL},
};

static const struct config_section sections[] = {
    {.name = "output.kafka", .rows = rows},
    {.name = "inputs[]", .rows = rows},
    {.name = NULL},
};

struct output {
    FILE *file;
    char *text;
    size_t len;
};

static void output_open(struct output *output)
{
    output->file = open_memstream(&output->text, &output->len);
}

static void assert_output(struct output *output, const char *text)
{
    fclose(output->file);
    assert_string_equal(output->text, text);
    free(output->text);
}

static void secrets_are_hidden(void **state)
{
    struct fixture *fix = *state;
    struct output output;
    output_open(&output);
    given(fix, "output.kafka:\n  hosts: [a, 'b c', '5']\n  password: p\n  seed: s\n  proxy: "
               "http://u:p@h/x\n"
               "  ssl: {certificate_authorities: [], key: \"-----BEGIN PRIVATE KEY-----\\nx\"}\n"
               "  headers: {Authorization: [a]}\n"
               "inputs:\n- seed: s\n  multi: \"a\\nb\"\n- [x, [y], ~]\nfields: {}\nempty:\n");
    config_export(output.file, config_root(fix->config), sections, false);
    assert_output(&output, "output:\n"
                           "  kafka:\n"
                           "    hosts:\n"
                           "      - a\n"
                           "      - \"b c\"\n"
                           "      - \"5\"\n"
                           "    password: xxxxx\n"
                           "    seed: xxxxx\n"
                           "    proxy: http://u:xxxxx@h/x\n"
                           "    ssl:\n"
                           "      certificate_authorities: []\n"
                           "      key: \"xxxxx\"\n"
                           "    headers:\n"
                           "      Authorization: xxxxx\n"
                           "inputs:\n"
                           "  - seed: xxxxx\n"
                           "    multi: \"a\\nb\"\n"
                           "  -\n"
                           "    - x\n"
                           "    -\n"
                           "      - y\n"
                           "    -\n"
                           "fields: {}\n"
                           "empty:\n");
}

static void defaults_are_shown_on_demand(void **state)
{
    struct fixture *fix = *state;
    struct output output;
    output_open(&output);
    given(fix, "output.kafka:\n  topic: t\ninputs:\n- timeout: 9s\n");
    config_export(output.file, config_root(fix->config), sections, true);
    assert_output(&output, "output:\n"
                           "  kafka:\n"
                           "    topic: t\n"
                           "    timeout: 5s\n"
                           "    compression: gzip\n"
                           "inputs:\n"
                           "  - timeout: 9s\n"
                           "    topic: logs\n"
                           "    compression: gzip\n");
}

static void exported_texts_read_back(void **state)
{
    static const char *const texts[] = {
        "",     "null", "~",        "a: b",         "- x",           "$${X} $$ $}",
        "x\ty", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "a #b",          "'\"\\",
        "*x",   "yes:", "-",        "-5",           "\xef\xbb\xbfx", "{a}"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        void *one, *two;
        struct output output;
        output_open(&output);
        fixture_open(&one);
        fixture_open(&two);
        struct fixture *first = one, *second = two;
        given(first, "x: '${V}'\n");
        setenv("V", texts[i], 1);
        const struct config_vars vars = {.keystore = NULL};
        if (config_expand(first->config, &vars, &first->problems) == 0) {
            config_export(output.file, config_root(first->config), NULL, false);
            fflush(output.file);
            given(second, output.text);
            assert_int_equal(config_expand(second->config, NULL, &second->problems), 0);
            const char *before = node_text(at_path(first, "x")),
                       *after = node_text(at_path(second, "x"));
            assert_string_equal(before == NULL ? "(null)" : before,
                                after == NULL ? "(null)" : after);
        }
        fclose(output.file);
        free(output.text);
        fixture_close(&one);
        fixture_close(&two);
    }
}

static void keys_are_not_expanded(void **state)
{
    struct fixture *fix = *state;
    struct output output;
    output_open(&output);
    given(fix, "'a$$b': 'c$$d'\n");
    assert_int_equal(config_expand(fix->config, NULL, &fix->problems), 0);
    config_export(output.file, config_root(fix->config), NULL, false);
    assert_output(&output, "\"a$$b\": \"c$d\"\n");
}

static void invisible_characters_are_escaped(void **state)
{
    struct fixture *fix = *state;
    struct output output;
    output_open(&output);
    given(fix, "a: \"\\x82\\uFFFE\\e\"\n");
    config_export(output.file, config_root(fix->config), NULL, false);
    assert_output(&output, "a: \"\\x82\\uFFFE\\x1b\"\n");
}

static const char reference[] = "output.kafka:\n"
                                "\n"
                                "  # the brokers to ask first\n"
                                "  # list of texts; required\n"
                                "  #hosts:\n"
                                "\n"
                                "  # the topic\n"
                                "  # text; default logs\n"
                                "  #topic: logs\n"
                                "\n"
                                "  # .a secret\\seed\n"
                                "  # text; secret\n"
                                "  #seed:\n"
                                "\n"
                                "  # how long a broker may take before it counts as away, from the "
                                "moment the request was handed to\n"
                                "  # the network until its answer is here\n"
                                "  # duration (ms, s, m, h; a bare number is seconds); default 5s; "
                                "at least 1s; at most 10m; can\n"
                                "  # change on reload; posta's own, not in Beats\n"
                                "  #timeout: 5s\n"
                                "\n"
                                "  # the codec\n"
                                "  # one of none, gzip; default gzip\n"
                                "  #compression: gzip\n";

static void the_reference_shows_every_option(void **state)
{
    struct output output;
    (void)state;
    output_open(&output);
    options_reference(output.file, "output.kafka", rows);
    assert_output(&output, reference);
}

/* "  #topic: logs" to "  topic: logs"; comments have a space after the #. */
static void uncomment(char *yaml)
{
    char *to = yaml;
    for (char *from = yaml; *from != '\0'; from++) {
        if (*from != '#' || from[1] == ' ') {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void the_reference_can_be_read_back(void **state)
{
    static const char *const names[] = {"output.kafka", "inputs[]", ""};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        void *inner;
        struct output output;
        struct part part = {.topic = NULL};
        fixture_open(&inner);
        struct fixture *fix = inner;
        output_open(&output);
        options_reference(output.file, names[i], rows);
        fclose(output.file);
        given(fix, output.text);
        uncomment(output.text);
        assert_int_equal(add(fix, "uncommented.yml", output.text), 0);
        const struct node *map = i == 0   ? at_path(fix, "output.kafka")
                                 : i == 1 ? at_path(fix, "inputs.0")
                                          : config_root(fix->config);
        assert_int_equal(options_read(map, "x", rows, &part, &fix->problems), -1);
        assert_int_equal(fix->problems.n, 1);
        assert_non_null(strstr(fix->problems.at[0].text, "x.hosts: required, but not set"));
        options_free(rows, &part);
        free(output.text);
        fixture_close(&inner);
    }
}

static void the_manual_shows_every_option(void **state)
{
    struct output output;
    (void)state;
    output_open(&output);
    options_manual(output.file, "output.kafka", rows + 1);
    assert_output(
        &output, ".It Ic output.kafka.topic\n"
                 "the topic\n"
                 ".br\n"
                 "text; default logs.\n"
                 ".It Ic output.kafka.seed\n"
                 "\\&.a secret\\eseed\n"
                 ".br\n"
                 "text; secret.\n"
                 ".It Ic output.kafka.timeout\n"
                 "how long a broker may take before it counts as away, from the moment the request "
                 "was handed to the network until its answer is here\n"
                 ".br\n"
                 "duration (ms, s, m, h; a bare number is seconds); default 5s; at least 1s; at "
                 "most 10m; can change on reload; posta's own, not in Beats.\n"
                 ".It Ic output.kafka.compression\n"
                 "the codec\n"
                 ".br\n"
                 "one of none, gzip; default gzip.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(secrets_are_hidden),
        CASE(defaults_are_shown_on_demand),
        CASE(exported_texts_read_back),
        CASE(keys_are_not_expanded),
        CASE(invisible_characters_are_escaped),
        CASE(the_reference_shows_every_option),
        CASE(the_reference_can_be_read_back),
        CASE(the_manual_shows_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
