/* test_config_expand.c: ${..}. */
#include "test_config.h"

static const char *environment(void *self, const char *name)
{
    static const char *const vars[][2] = {
        {"HOST", "kafka-1"},
        {"PORT", "9092"},
        {"LIST", "a:1, b:2"},
        {"BRACKETS", "['a', \"b\\t\"]"},
        {"EMPTY", ""},
        {"OPEN_QUOTE", "\"abc"},
        {"OBJECT", "{a}"},
        {"NULL", "null"},
        {"NAME", "HOST"},
        {"DOLLAR", "${HOST}"},
        {"TRIM", "  x  "},
        {"BINARY", "a\xff"},
        {"self", "from outside"},
    };
    (void)self;
    for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
        if (strcmp(vars[i][0], name) == 0) {
            return vars[i][1];
        }
    }
    return NULL;
}

static const char *keystore(void *self, const char *name)
{
    (void)self;
    return strcmp(name, "KAFKA_PASSWORD") == 0 ? "'a,b'" : NULL;
}

static int expand(struct fixture *fix)
{
    const struct config_vars vars = {.keystore = keystore, .environment = environment};
    return config_expand(fix->config, &vars, &fix->problems);
}

static const struct expansion {
    const char *text, *expanded;
} expansions[] = {
    {"plain", "plain"},
    {"${HOST}", "kafka-1"},
    {"${HOST}:${PORT}", "kafka-1:9092"},
    {"${NOT:default}", "default"},
    {"${NOT:http://h:1}", "http://h:1"},
    {"${NOT:}", ""},
    {"${EMPTY:default}", "default"},
    {"${EMPTY}", ""},
    {"${HOST:default}", "kafka-1"},
    {"${HOST:${NOT}}", "kafka-1"},
    {"${HOST:?must be set}", "kafka-1"},
    {"${HOST:+alt}", "alt"},
    {"${NOT:+alt}", ""},
    {"${NOT:${HOST}-${PORT}}", "kafka-1-9092"},
    {"${${NAME}}", "kafka-1"},
    {"$${HOST}", "${HOST}"},
    {"a$$", "a$"},
    {"${NOT:a$}b}", "a}b"},
    {"log$|leg$", "log$|leg$"},
    {"a } b", "a } b"},
    {"${OPEN_QUOTE}", "\"abc"},
    {"${OBJECT}", "{a}"},
    {"${DOLLAR}", "${HOST}"},
    {"${TRIM}", "x"},
    {"${KAFKA_PASSWORD}", "'a,b'"},
    {"${path.data}/spool", "/d/spool"},
    {"${path.logs}", "/d/logs"},
    {"${list.1}", "two"},
};

static void texts_are_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expansions) / sizeof(expansions[0]); i++) {
        void *inner;
        fixture_open(&inner);
        struct fixture *fix = inner;
        struct buf yaml = BUF_INIT;
        buf_printf(&yaml,
                   "x: '%s'\npath: {data: /d, logs: '${path.data}/logs'}\nlist: [one, two]\n",
                   expansions[i].text);
        given(fix, buf_str(&yaml));
        assert_int_equal(expand(fix), 0);
        assert_text(fix, "x", expansions[i].expanded);
        assert_int_equal(fix->problems.n, 0);
        buf_free(&yaml);
        fixture_close(&inner);
    }
}

static void variables_hold_lists(void **state)
{
    struct fixture *fix = *state;
    given(fix, "a: ${LIST}\nb: ${BRACKETS}\nc: ${NOT:x,y}\nd: ${KAFKA_PASSWORD}\n");
    assert_int_equal(expand(fix), 0);
    assert_int_equal(node_kind(at_path(fix, "a")), NODE_LIST);
    assert_text(fix, "a.1", "b:2");
    assert_text(fix, "a", "a:1, b:2");
    assert_text(fix, "b.1", "b\t");
    assert_int_equal(node_count(at_path(fix, "c")), 2);
    assert_int_equal(node_kind(at_path(fix, "d")), NODE_SCALAR);
}

static void null_from_a_variable_is_nothing(void **state)
{
    struct fixture *fix = *state;
    given(fix, "a: ${NULL}\n");
    assert_int_equal(expand(fix), 0);
    assert_int_equal(node_kind(at_path(fix, "a")), NODE_NULL);
}

static void references_copy_mappings(void **state)
{
    struct fixture *fix = *state;
    struct buf where = BUF_INIT;
    given(fix, "tls: {ca: [\"${HOST}\"]}\noutput.kafka.ssl: ${tls}\n");
    assert_int_equal(expand(fix), 0);
    assert_text(fix, "output.kafka.ssl.ca.0", "kafka-1");
    assert_string_equal(node_where(at_path(fix, "output.kafka.ssl"), &where), "posta.yml:2:19");
    buf_free(&where);
}

static void the_outer_configuration_is_asked(void **state)
{
    struct fixture *fix = *state;
    given(fix, "path.data: /d\n");
    assert_int_equal(expand(fix), 0);
    struct config *inner = config_new(fix->config);
    static const char yaml[] = "- paths: ['${path.data}/x']\n";
    assert_int_equal(config_add_bytes(inner, "a.yml", yaml, strlen(yaml), &fix->problems), 0);
    assert_int_equal(config_expand(inner, NULL, &fix->problems), 0);
    assert_string_equal(node_text(node_get(config_root(inner), "0.paths.0")), "/d/x");
    config_free(inner);
}

static void a_key_may_have_its_variables_name(void **state)
{
    struct fixture *fix = *state;
    given(fix, "self: ${self}\n");
    assert_int_equal(expand(fix), 0);
    assert_text(fix, "self", "from outside");
}

static void keys_of_all_that_is_unset_are_named(void **state)
{
    struct fixture *fix = *state;
    given(fix, "a: ${A}\nb: x ${B}\nc: ${a}\n");
    assert_int_equal(expand(fix), -1);
    assert_int_equal(fix->problems.n, 2);
    assert_string_equal(fix->problems.at[0].text,
                        "posta.yml:1:4: ${A} is not set: set the environment variable, or give a "
                        "default as ${A:value}");
    assert_string_equal(fix->problems.at[1].text,
                        "posta.yml:2:4: ${B} is not set: set the environment variable, or give a "
                        "default as ${B:value}");
}

static const struct refusal {
    const char *yaml, *text;
} refusals[] = {
    {"a: ${NOT:?name the host}\n", "posta.yml:1:4: ${NOT}: name the host"},
    {"a: ${EMPTY:?}\n", "posta.yml:1:4: ${EMPTY}: is not set"},
    {"a: ${b}\nb: ${a}\n", "posta.yml:2:4: ${a} leads back to itself"},
    {"a: {b: '${a}'}\n", "posta.yml:1:8: ${a} leads back to itself"},
    {"a: ${HOST\n", "posta.yml:1:4: '}' is missing after ${HOST"},
    {"a: ${NOT:x\n", "posta.yml:1:4: '}' is missing after ${NOT"},
    {"a: ${}\n", "posta.yml:1:4: ${..} without a name"},
    {"a: x ${b}\nb: {c: d}\n",
     "posta.yml:1:4: ${b} is a mapping: it can only stand alone, not inside a text"},
    {"a: ${BINARY}\n", "variable BINARY:1:2: byte 0xff is not UTF-8"},
};

static void wrong_references_are_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        void *inner;
        fixture_open(&inner);
        given(inner, refusals[i].yaml);
        assert_int_equal(expand(inner), -1);
        assert_problem(inner, refusals[i].text);
        fixture_close(&inner);
    }
}

static void text_bombs_are_stopped(void **state)
{
    struct fixture *fix = *state;
    struct buf yaml = BUF_INIT;
    buf_puts(&yaml, "a0: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    for (int i = 1; i < 20; i++) {
        buf_printf(&yaml, "a%d: ${a%d}${a%d}${a%d}${a%d}\n", i, i - 1, i - 1, i - 1, i - 1);
    }
    given(fix, buf_str(&yaml));
    assert_int_equal(expand(fix), -1);
    assert_string_equal(fix->problems.at[0].text,
                        "posta.yml:10:5: the references expand to more than 4 MiB");
    buf_free(&yaml);
}

static void long_chains_are_stopped(void **state)
{
    struct fixture *fix = *state;
    struct buf yaml = BUF_INIT;
    for (int i = 0; i < 100; i++) {
        buf_printf(&yaml, "a%d: ${a%d}\n", i, i + 1);
    }
    buf_puts(&yaml, "a100: x\n");
    given(fix, buf_str(&yaml));
    assert_int_equal(expand(fix), -1);
    assert_string_equal(fix->problems.at[0].text,
                        "posta.yml:33:6: ${a33}: references lead more than 32 deep");
    buf_free(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(texts_are_expanded),
        CASE(variables_hold_lists),
        CASE(null_from_a_variable_is_nothing),
        CASE(references_copy_mappings),
        CASE(the_outer_configuration_is_asked),
        CASE(a_key_may_have_its_variables_name),
        CASE(keys_of_all_that_is_unset_are_named),
        CASE(wrong_references_are_explained),
        CASE(text_bombs_are_stopped),
        CASE(long_chains_are_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
