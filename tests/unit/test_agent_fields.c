/* test_agent_fields.c: tags and fields of the configuration as JSON members of every event. */
#include "agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

struct rig {
    struct config *config;
    struct globals globals;
    struct input_settings input;
};

static void read_tags(const struct node *list, struct str_list *tags)
{
    tags->n = node_count(list);
    tags->at = mem_zero(tags->n, sizeof(*tags->at));
    for (size_t i = 0; i < tags->n; i++)
        tags->at[i] = mem_dup(node_text(node_at(list, i)));
}

static int rig_open(void **state)
{
    *state = mem_zero(1, sizeof(struct rig));
    return 0;
}

static void free_tags(struct str_list *tags)
{
    for (size_t i = 0; i < tags->n; i++)
        free(tags->at[i]);
    free(tags->at);
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    free_tags(&rig->globals.tags);
    free_tags(&rig->input.tags);
    config_free(rig->config);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

/* g.tags, g.fields, i.tags, i.fields of this YAML. */
static void given(struct rig *rig, const char *yaml)
{
    struct problems problems = PROBLEMS_INIT;
    rig->config = config_new(NULL);
    if (config_add_bytes(rig->config, "posta.yml", yaml, strlen(yaml), &problems))
        fail_msg("%s", problems.at[0].text);
    const struct node *root = config_root(rig->config);
    read_tags(node_get(root, "g.tags"), &rig->globals.tags);
    read_tags(node_get(root, "i.tags"), &rig->input.tags);
    rig->globals.fields = node_get(root, "g.fields");
    rig->input.fields = node_get(root, "i.fields");
}

static void assert_json(struct rig *rig, const char *want)
{
    struct err err = ERR_INIT;
    char *json = fields_to_json(&rig->globals, &rig->input, &err);
    if (!json)
        fail_msg("%s", err.text);
    assert_string_equal(json, want);
    free(json);
}

static void nothing_is_nothing(void **state)
{
    struct rig *rig = *state;
    given(rig, "a: b\n");
    assert_json(rig, "");
    rig->input.fields_under_root = true;
    assert_json(rig, "");
}

static void tags_of_the_input_come_behind(void **state)
{
    struct rig *rig = *state;
    given(rig, "g: {tags: [a, 'b\"c']}\ni: {tags: [a, d]}\n");
    assert_json(rig, "\"tags\":[\"a\",\"b\\\"c\",\"a\",\"d\"]");
}

static void fields_of_the_input_go_over(void **state)
{
    struct rig *rig = *state;
    given(rig, "g: {fields: {env: prod, topic: all}}\ni: {fields: {topic: nginx, x: y}}\n");
    assert_json(rig, "\"fields\":{\"topic\":\"nginx\",\"x\":\"y\",\"env\":\"prod\"}");
}

static void tags_and_fields_together(void **state)
{
    struct rig *rig = *state;
    given(rig, "i: {tags: [t], fields: {a: {b: [1, x, {c: ~}]}}}\n");
    assert_json(rig, "\"tags\":[\"t\"],\"fields\":{\"a\":{\"b\":[1,\"x\",{}]}}");
    rig->globals.fields_under_root = true;
    assert_json(rig, "\"tags\":[\"t\"],\"a\":{\"b\":[1,\"x\",{}]}");
}

static void numbers_and_truths_keep_their_kind(void **state)
{
    struct rig *rig = *state;
    given(rig, "i: {fields: {a: 1, b: -1.5, c: 1e5, d: 007, e: '1', f: true, g: 'false', h: 1., i: "
               ".5, j: +1, "
               "k: 1-2, l: -0, m: 1.2.3, n: -, o: 0}}\n");
    assert_json(rig,
                "\"fields\":{\"a\":1,\"b\":-1.5,\"c\":1e5,\"d\":\"007\",\"e\":\"1\",\"f\":true,"
                "\"g\":\"false\",\"h\":\"1.\",\"i\":\".5\",\"j\":\"+1\",\"k\":\"1-2\",\"l\":-0,"
                "\"m\":\"1.2.3\",\"n\":\"-\",\"o\":0}");
}

static void what_only_c_takes_for_a_number_is_a_text(void **state)
{
    struct rig *rig = *state;
    given(rig, "i: {fields: {a: 1.e5}}\n");
    assert_json(rig, "\"fields\":{\"a\":\"1.e5\"}");
}

static void null_fields_are_left_out(void **state)
{
    struct rig *rig = *state;
    given(rig, "i: {fields: {a: ~, b: c}}\n");
    assert_json(rig, "\"fields\":{\"b\":\"c\"}");
}

static void only_null_fields_at_the_root_leave_no_comma(void **state)
{
    struct rig *rig = *state;
    given(rig, "i: {tags: [t], fields: {a: ~}}\n");
    rig->input.fields_under_root = true;
    assert_json(rig, "\"tags\":[\"t\"]");
}

static void a_field_at_the_root_must_not_be_one_of_ours(void **state)
{
    struct rig *rig = *state;
    struct err err = ERR_INIT;
    given(rig, "i:\n  fields:\n    x: y\n    host.ip: z\n");
    rig->input.fields_under_root = true;
    assert_null(fields_to_json(&rig->globals, &rig->input, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, "posta.yml:4:14: with fields_under_root, field 'host' would "
                                  "replace posta's own: give it another name");
    rig->input.fields_under_root = false;
    assert_json(rig, "\"fields\":{\"x\":\"y\",\"host\":{\"ip\":\"z\"}}");
}

static void the_text_of_a_field(void **state)
{
    struct rig *rig = *state;
    given(rig, "g: {fields: {topic: all, env: prod}}\ni: {fields: {topic: nginx, a: {b: c}}}\n");
    assert_string_equal(field_text(&rig->globals, &rig->input, "fields.topic"), "nginx");
    assert_string_equal(field_text(&rig->globals, &rig->input, "fields.env"), "prod");
    assert_string_equal(field_text(&rig->globals, &rig->input, "fields.a.b"), "c");
    assert_null(field_text(&rig->globals, &rig->input, "fields.a"));
    assert_null(field_text(&rig->globals, &rig->input, "fields.none"));
    assert_null(field_text(&rig->globals, &rig->input, "topic"));
    rig->input.fields_under_root = true;
    assert_string_equal(field_text(&rig->globals, &rig->input, "topic"), "nginx");
    assert_string_equal(field_text(&rig->globals, &rig->input, "fields.topic"), "nginx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_nothing),
        CASE(tags_of_the_input_come_behind),
        CASE(fields_of_the_input_go_over),
        CASE(tags_and_fields_together),
        CASE(numbers_and_truths_keep_their_kind),
        CASE(what_only_c_takes_for_a_number_is_a_text),
        CASE(null_fields_are_left_out),
        CASE(only_null_fields_at_the_root_leave_no_comma),
        CASE(a_field_at_the_root_must_not_be_one_of_ours),
        CASE(the_text_of_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
