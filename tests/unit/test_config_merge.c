/* test_config_merge.c: dotted keys, several files, -E. */
#include "test_config.h"

static void dotted_keys_equal_nested_ones(void **state)
{
    struct fixture *fix = *state;
    given(fix, "output.kafka.hosts: a\noutput.kafka: {topic: t}\noutput:\n  kafka.version: 2\n");
    assert_int_equal(node_count(config_root(fix->config)), 1);
    assert_int_equal(node_count(at_path(fix, "output.kafka")), 3);
    assert_text(fix, "output.kafka.topic", "t");
}

static void dots_in_list_items_are_split(void **state)
{
    struct fixture *fix = *state;
    given(fix, "filebeat.inputs:\n- close.reader.on_eof: true\n  id: x\n");
    assert_text(fix, "filebeat.inputs.0.close.reader.on_eof", "true");
}

static void last_file_wins(void **state)
{
    struct fixture *fix = *state;
    given(fix, "output.kafka: {hosts: [a, b], topic: t}\nname: n\n");
    assert_int_equal(add(fix, "more.yml", "output.kafka.hosts: [c]\nname:\n"), 0);
    assert_int_equal(node_count(at_path(fix, "output.kafka.hosts")), 1);
    assert_text(fix, "output.kafka.hosts.0", "c");
    assert_text(fix, "output.kafka.topic", "t");
    assert_text(fix, "name", "n");
}

static void text_against_mapping_names_both_places(void **state)
{
    struct fixture *fix = *state;
    given(fix, "output: x\n");
    assert_int_equal(add(fix, "more.yml", "output.kafka.topic: t\n"), -1);
    assert_problem(fix, "more.yml:1:1: 'output' is a mapping here, but a text at posta.yml:1:1");
}

static void mapping_against_list_names_both_places(void **state)
{
    struct fixture *fix = *state;
    assert_refused(fix, "a.b: {c: 1}\na:\n  b: [1]\n",
                   "posta.yml:3:3: 'b' is a list here, but a mapping at posta.yml:1:3");
}

static void the_same_twice_in_one_file_is_refused(void **state)
{
    struct fixture *fix = *state;
    assert_refused(fix, "a.b: 1\na: {b: 2}\n",
                   "posta.yml:2:5: 'b' is already set at posta.yml:1:3");
}

static void dots_count_as_depth(void **state)
{
    struct fixture *fix = *state;
    struct buf yaml = BUF_INIT;
    for (int i = 0; i < 100; i++) {
        buf_puts(&yaml, "a.");
    }
    buf_puts(&yaml, "a: 1\n");
    assert_refused(fix, buf_str(&yaml),
                   "posta.yml:1:1: more than 64 mappings and lists inside each other");
    buf_free(&yaml);
}

static void settings_override_files(void **state)
{
    struct fixture *fix = *state;
    given(fix, "output.kafka: {hosts: [a], topic: t}\n");
    assert_int_equal(config_add_setting(fix->config, "output.kafka.topic=u", &fix->problems), 0);
    assert_int_equal(config_add_setting(fix->config, "output.kafka.topic=v", &fix->problems), 0);
    assert_int_equal(config_add_setting(fix->config, "output.kafka.hosts=b:1,c:2", &fix->problems),
                     0);
    assert_int_equal(
        config_add_setting(fix->config, "fields={a: {b: [1, 2]}, 'c': \"d\\n\"}", &fix->problems),
        0);
    assert_int_equal(config_add_setting(fix->config, "tags=[]", &fix->problems), 0);
    assert_int_equal(config_add_setting(fix->config, "http.enabled", &fix->problems), 0);
    assert_text(fix, "output.kafka.topic", "v");
    assert_text(fix, "output.kafka.hosts.1", "c:2");
    assert_text(fix, "fields.a.b.1", "2");
    assert_text(fix, "fields.c", "d\n");
    assert_text(fix, "http.enabled", "true");
    assert_int_equal(node_kind(at_path(fix, "tags")), NODE_LIST);
}

static void settings_show_their_name(void **state)
{
    struct fixture *fix = *state;
    given(fix, "output: {kafka: {}}\n");
    assert_int_equal(config_add_setting(fix->config, "output=x", &fix->problems), -1);
    assert_problem(fix, "-E output: 'output' is a text here, but a mapping at posta.yml:1:1");
}

static void wrong_settings_are_explained(void **state)
{
    struct fixture *fix = *state;
    static const char *const settings[] = {"a=[1", "a={b}",    "a=\"x", "a='x",
                                           "=1",   "a=\"x\"y", "a=,"};
    static const char *const texts[] = {
        "-E a: ',' or ']' is missing",
        "-E a: expected 'key: value' in {..}",
        "-E a: the text in \"..\" is not closed, or has an unknown escape",
        "-E a: the text in '..' is not closed",
        "-E : expected key=value",
        "-E a: expected ',' after a value",
        "-E a: a value is missing before a separator",
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        assert_int_equal(config_add_setting(fix->config, settings[i], &fix->problems), -1);
        assert_problem(fix, texts[i]);
        problems_free(&fix->problems);
    }
}

static void defaults_do_not_override(void **state)
{
    struct fixture *fix = *state;
    given(fix, "path.data: /d\n");
    config_add_default(fix->config, "path.data", "/var/lib/posta");
    config_add_default(fix->config, "path.logs", "/var/log/posta");
    assert_text(fix, "path.data", "/d");
    assert_text(fix, "path.logs", "/var/log/posta");
}

static void a_list_file_stands_alone(void **state)
{
    struct fixture *fix = *state;
    given(fix, "- type: filestream\n  close.reader.on_eof: true\n");
    assert_text(fix, "0.close.reader.on_eof", "true");
    assert_int_equal(add(fix, "more.yml", "a: 1\n"), -1);
    assert_problem(fix, "more.yml:1:1: a mapping cannot be merged with a file that is a list");
}

static void a_list_does_not_merge_into_a_mapping(void **state)
{
    struct fixture *fix = *state;
    given(fix, "a: 1\n");
    assert_refused(fix, "- a\n", "posta.yml:1:1: expected a mapping, found a list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(dotted_keys_equal_nested_ones),
        CASE(dots_in_list_items_are_split),
        CASE(last_file_wins),
        CASE(text_against_mapping_names_both_places),
        CASE(mapping_against_list_names_both_places),
        CASE(the_same_twice_in_one_file_is_refused),
        CASE(dots_count_as_depth),
        CASE(settings_override_files),
        CASE(settings_show_their_name),
        CASE(wrong_settings_are_explained),
        CASE(defaults_do_not_override),
        CASE(a_list_file_stands_alone),
        CASE(a_list_does_not_merge_into_a_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
