/* test_parse_multiline.c: lines that belong together, as Beats' multiline puts them together. */
#include "parse_test.h"

#define AFTER  "multiline: {pattern: '^ ', match: after"
#define BEFORE "multiline: {pattern: '\\\\$', match: before"

static void patterns(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {AFTER "}", "a\n b\n c\nd\n",
         "},\"message\":\"a\\n b\\n c\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"d\",\"log\":{\"offset\":8 | }\n"},
        {AFTER "}", " first\n second\nx\n", /* the first line begins whatever it is */
         "},\"message\":\" first\\n second\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"x\",\"log\":{\"offset\":15 | }\n"},
        {"multiline: {pattern: '^[0-9]', negate: true, match: after}", "1 a\nb\n\n2 c\n",
         "},\"message\":\"1 a\\nb\\n\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"2 c\",\"log\":{\"offset\":7 | }\n"},
        {BEFORE "}", "a\\\nb\\\nc\nd\n",
         "},\"message\":\"a\\\\\\nb\\\\\\nc\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"d\",\"log\":{\"offset\":8 | }\n"},
        {"multiline: {pattern: ';$', negate: true, match: before}", "a\nb;\nc;\n",
         "},\"message\":\"a\\nb;\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"c;\",\"log\":{\"offset\":5 | }\n"},
        {AFTER ", skip_newline: true}", "a\n b\n",
         "},\"message\":\"a b\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"},
        {"multiline: {pattern: 'BEGIN', negate: true, match: after, flush_pattern: 'END'}",
         "BEGIN\nx\nEND\nlost?\nBEGIN\n",
         "},\"message\":\"BEGIN\\nx\\nEND\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"lost?\",\"log\":{\"offset\":12 | }\n"
         "},\"message\":\"BEGIN\",\"log\":{\"offset\":18 | }\n"},
        {AFTER ", flush_pattern: 'END'}",
         "a\nEND\nEND\n b\n", /* END ends, though it does not match */
         "},\"message\":\"a\\nEND\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"END\\n b\",\"log\":{\"flags\":[\"multiline\"],\"offset\":6 | }\n"},
        {"multiline: {type: count, count_lines: 3}", "1\n2\n3\n4\n",
         "},\"message\":\"1\\n2\\n3\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"4\",\"log\":{\"offset\":6 | }\n"},
        {"multiline: {type: count, count_lines: 1}", "1\n2\n",
         "},\"message\":\"1\",\"log\":{\"offset\":0 | }\n},\"message\":\"2\",\"log\":{\"offset\":2 "
         "| }\n"},
        {"multiline: {type: while_pattern, pattern: '^{'}", "{a\n{b\nc\n{d\n",
         "},\"message\":\"{a\\n{b\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"c\",\"log\":{\"offset\":6 | "
         "}\n},\"message\":\"{d\",\"log\":{\"offset\":8 | }\n"},
        {"multiline: {type: while_pattern, pattern: '^x', negate: true}", "a\nb\nx\n",
         "},\"message\":\"a\\nb\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n"
         "},\"message\":\"x\",\"log\":{\"offset\":4 | }\n"},
    };
    run_parse_cases(rows, COUNT(rows));
}

static void limits(void **state)
{
    (void)state;
    static const struct parse_case rows[] = {
        {AFTER ", max_lines: 2}", "a\n b\n c\n d\ne\n",
         "},\"message\":\"a\\n b\",\"log\":{\"flags\":[\"multiline\",\"truncated\"],\"offset\":0 | "
         "}\n"
         "},\"message\":\"e\",\"log\":{\"offset\":11 | }\n"},
        {AFTER ", max_lines: 1}", "a\n b\nc\n",
         "},\"message\":\"a\",\"log\":{\"flags\":[\"truncated\"],\"offset\":0 | }\n"
         "},\"message\":\"c\",\"log\":{\"offset\":5 | }\n"},
    };
    run_parse_cases(rows, COUNT(rows));
}

static void no_message_grows_beyond_the_limit(void **state)
{
    (void)state;
    struct parse_rig rig;
    char line[1000];
    memset(line, 'x', sizeof(line));
    line[0] = ' ';
    parse_open(&rig, "multiline: {pattern: '^ ', match: after, max_lines: 0}");
    for (int i = 0; i < 200; i++)
        parse_line(&rig, line, sizeof(line));
    parse_flush(&rig);
    size_t n = 0;
    for (size_t i = 0; i < rig.events.len; i++)
        n += rig.events.data[i] == 'x';
    assert_in_range(n, PARSE_LIMIT - 200, PARSE_LIMIT);
    assert_non_null(strstr(buf_str(&rig.events), "\"flags\":[\"multiline\",\"truncated\"]"));
    assert_int_equal(rig.n_events, 1);
    parse_close(&rig);
}

static void lines_of_an_event_are_joined_by_number(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, AFTER "}");
    rig.shows_numbers = true;
    parse_text(&rig, "a\n b\n c\nd\n");
    assert_string_equal(buf_str(&rig.joins), "0<1 1<2 ");
    assert_non_null(strstr(buf_str(&rig.events), "0-2:"));
    assert_int_equal(chain_held_bytes(&rig.in.chain, rig.state), 2);
    assert_int_equal(chain_timeout_ns(&rig.in.chain), 5 * NS_PER_S);
    parse_close(&rig);
}

static void only_the_event_of_the_line_that_is_named_is_flushed(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, AFTER "}");
    parse_text(&rig, "a\n b\n");
    const struct emit emit = parse_emit(&rig);
    chain_flush(&rig.in.chain, rig.state, 0, &emit);
    assert_int_equal(rig.n_events, 0);
    chain_flush(&rig.in.chain, rig.state, 1, &emit);
    assert_int_equal(rig.n_events, 1);
    chain_flush(&rig.in.chain, rig.state, 1, &emit);
    assert_int_equal(rig.n_events, 1);
    parse_close(&rig);
}

/* ---- rotation in the middle ---- */

static void a_line_that_goes_on_is_joined_over_a_rotation(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, AFTER "}");
    parse_text(&rig, "a\n b\n");
    parse_rotate(&rig);
    parse_text(&rig, " c\nd\n");
    assert_events(
        &rig,
        "},\"message\":\"a\\n b\\n c\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n");
    assert_int_equal(chain_held_bytes(&rig.in.chain, rig.older), 0);
    parse_close(&rig);
}

static void a_line_that_begins_is_not_joined_and_nothing_is_later(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, AFTER "}");
    parse_text(&rig, "a\n b\n");
    parse_rotate(&rig);
    parse_text(&rig, "c\n d\n");
    assert_events(&rig, "");
    assert_true(chain_held_bytes(&rig.in.chain, rig.older) > 0);
    parse_flush(&rig);
    assert_events(&rig,
                  "},\"message\":\"c\\n d\",\"log\":{\"flags\":[\"multiline\"],\"offset\":5 | }\n");
    parse_text(&rig, " e\n");
    assert_true(chain_held_bytes(&rig.in.chain, rig.older) > 0);
    parse_close(&rig);
}

static void a_count_goes_on_over_a_rotation(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, "multiline: {type: count, count_lines: 3}");
    parse_text(&rig, "1\n");
    parse_rotate(&rig);
    parse_text(&rig, "2\n3\n4\n");
    assert_events(
        &rig, "},\"message\":\"1\\n2\\n3\",\"log\":{\"flags\":[\"multiline\"],\"offset\":0 | }\n");
    parse_close(&rig);
}

static void lines_that_were_done_before_close_the_door_to_the_older(void **state)
{
    (void)state;
    struct parse_rig rig;
    parse_open(&rig, AFTER "}");
    parse_text(&rig, "a\n");
    parse_rotate(&rig);
    chain_begin(&rig.in.chain, rig.state);
    parse_text(&rig, " b\n");
    parse_flush(&rig);
    assert_events(&rig, "},\"message\":\" b\",\"log\":{\"offset\":2 | }\n");
    parse_close(&rig);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_parser_refused("multiline: {match: after}",
                          "t:1:12: parsers.multiline: multiline needs a pattern");
    assert_parser_refused("multiline: {pattern: x}",
                          "t:1:12: parsers.multiline: type: pattern needs match: after or before");
    assert_parser_refused(
        "multiline: {type: count}",
        "t:1:12: parsers.multiline: type: count needs count_lines, how many lines a message has");
    assert_parser_refused(
        "multiline: {pattern: '(?=x)', match: after}",
        "t:1:12: parsers.multiline: pattern '(?=x)': '(?=' at character 1: RE2 has "
        "no look-ahead");
    assert_parser_refused("multiline: {pattern: x, match: middle}",
                          "t:1:32: parsers.multiline.match: expected after or before, found "
                          "'middle'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(limits),
        cmocka_unit_test(no_message_grows_beyond_the_limit),
        cmocka_unit_test(lines_of_an_event_are_joined_by_number),
        cmocka_unit_test(only_the_event_of_the_line_that_is_named_is_flushed),
        cmocka_unit_test(a_line_that_goes_on_is_joined_over_a_rotation),
        cmocka_unit_test(a_line_that_begins_is_not_joined_and_nothing_is_later),
        cmocka_unit_test(a_count_goes_on_over_a_rotation),
        cmocka_unit_test(lines_that_were_done_before_close_the_door_to_the_older),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
