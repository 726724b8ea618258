/* test_agent_span.c: the spans of a log's events lie side by side, whatever parsers, filters, rotations and repeats do; and ends of
 * generations are events where the output wants them.
 */
#include "test_agent_sender.h"

#define MULTILINE "multiline: {pattern: '^ ', match: after}\n"
#define WITHOUT_X "include_message: {patterns: ['^[^x]']}\n"

/* "A0-2 A2-5 B(3)3-7": generations in order of appearance, what was left out before in brackets; an end is "A5." */
static const char *spans(const struct rig *rig, size_t from)
{
    static char text[1024];
    char keys[8][21] = {""}, digits[13];
    size_t len = 0, n_keys = 0, k;
    for (size_t i = 0; i < rig->fake.n; i++) {
        const struct out_span *span = &rig->fake.offers[i].span;
        const char *id = rig->fake.offers[i].id;
        for (k = 0; k < n_keys && memcmp(keys[k], id, 20) != 0; k++)
            ;
        if (k == n_keys)
            snprintf(keys[n_keys++], sizeof keys[0], "%.20s", id);
        if (i < from)
            continue;
        snprintf(digits, sizeof digits, "%.12s", id + 20);
        unsigned long long offset = strtoull(digits, NULL, 16);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%c", i > from ? " " : "",
                                (int)('A' + k));
        if (strlen(id) > EVENT_ID_LEN) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%llu.", offset);
            continue;
        }
        assert_memory_equal(span->id, id, EVENT_ID_LEN);
        if (span->left_out)
            len += (size_t)snprintf(text + len, sizeof text - len, "(%llu)",
                                    (unsigned long long)span->left_out);
        len += (size_t)snprintf(text + len, sizeof text - len, "%llu-%llu", offset,
                                (unsigned long long)span->end);
    }
    text[len] = '\0';
    return text;
}

static void next_generation(struct rig *rig)
{
    static char path[] = "/log/access.log", input[] = "in";
    static uint64_t ino = 100;
    struct err err;
    const struct source proto = {.id = {.ino = ++ino, .btime_ns = 5}, .path = path, .input = input};
    assert_int_equal(spool_end_source(rig->spool, rig->src, END_LEASE, 0, &err), 0);
    assert_int_equal(spool_add_source(rig->spool, &proto, &rig->src, &err), 0);
}

static void lines_stand_for_themselves_and_their_terminators(void **state)
{
    struct rig *rig = *state;
    start(rig);
    put(rig, "a\nbc\r\n\nd\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 A2-6 A6-7 A7-9");
}

static void what_is_sent_again_stands_for_the_same(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, WITHOUT_X);
    start(rig);
    put(rig, "a\nx1\nx2\nb\nx3\nc\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 A(6)8-10 A(3)13-15");
    delivered(rig, 0);
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
    assert_string_equal(spans(rig, 3), "A(6)8-10 A(3)13-15");
    put(rig, "x4\nd\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 5), "A(3)18-20");
    free_sender_and_parsers(rig);
}

static void what_was_left_out_before_it_was_sent_again_is_still_said(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, WITHOUT_X);
    start(rig);
    put(rig, "a\nx1\n");
    turn(rig, 3);
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
    put(rig, "x2\nb\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 A0-2 A(6)8-10");
    free_sender_and_parsers(rig);
}

static void a_message_stands_for_all_its_lines(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, MULTILINE);
    start(rig);
    put(rig, "a\n b\n c\nd\n");
    put(rig, " e\nf\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-8 A8-13");
    free_sender_and_parsers(rig);
}

static void a_message_that_is_left_out_is_left_out_with_all_its_lines(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, MULTILINE WITHOUT_X);
    start(rig);
    put(rig, "a\nx\n c\nd\n e\nf\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 A(5)7-12");
    free_sender_and_parsers(rig);
}

static void over_a_rotation_each_generation_is_accounted_for(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, MULTILINE);
    start(rig);
    put(rig, "a\n b\n");
    next_generation(rig);
    put(rig, " c\n d\ne\nf\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-5 B(6)6-8");
    free_sender_and_parsers(rig);
}

static void the_rest_of_an_over_long_line_is_left_out(void **state)
{
    struct rig *rig = *state;
    struct err err;
    const struct chunk begin = {
        .from = 0, .to = 4, .read_ns = 1, .flags = CHUNK_CUT, .bytes = "long", .len = 4};
    const struct chunk rest = {
        .from = 4, .to = 9, .read_ns = 1, .flags = CHUNK_SKIPPED | CHUNK_RESUMED, .bytes = ""};
    start(rig);
    assert_int_equal(take_in(rig, rig->src, &begin, &err), 0);
    assert_int_equal(take_in(rig, rig->src, &rest, &err), 0);
    put(rig, "z\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-4 A(5)9-11");
}

static void parts_of_two_streams_leave_no_hole(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, "container: {format: cri}\n");
    start(rig);
#define TIME "2026-11-22T07:08:57.146Z "
    put(rig, TIME "stdout P a\n" TIME "stderr F b\n" TIME "stdout F c\n" TIME "stdout F d\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A36-72 A0-36 A(36)108-144");
    free_sender_and_parsers(rig);
}

static void an_end_is_an_event_where_it_is_wanted(void **state)
{
    struct rig *rig = *state;
    rig->fake.wants_ends = rig->fake.delivers = true;
    start(rig);
    put(rig, "a\n");
    next_generation(rig);
    put(rig, "b\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 A2. B0-2");
    assert_true(sender_is_idle(rig->sender));
    assert_true(spool_is_drained(rig->spool));
}

static void an_end_without_a_verdict_is_offered_again(void **state)
{
    struct rig *rig = *state;
    rig->fake.wants_ends = true;
    start(rig);
    put(rig, "a\n");
    next_generation(rig);
    put(rig, "b\n");
    turn(rig, 3);
    delivered(rig, 0);
    delivered(rig, 2);
    assert_false(spool_is_drained(rig->spool));
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
    assert_string_equal(spans(rig, 3), "A2.");
    delivered(rig, 3);
    assert_true(spool_is_drained(rig->spool));
}

static void nobody_who_does_not_want_ends_gets_them(void **state)
{
    struct rig *rig = *state;
    start(rig);
    put(rig, "a\n");
    next_generation(rig);
    put(rig, "b\n");
    turn(rig, 3);
    assert_string_equal(spans(rig, 0), "A0-2 B0-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lines_stand_for_themselves_and_their_terminators),
        CASE(what_is_sent_again_stands_for_the_same),
        CASE(what_was_left_out_before_it_was_sent_again_is_still_said),
        CASE(a_message_stands_for_all_its_lines),
        CASE(a_message_that_is_left_out_is_left_out_with_all_its_lines),
        CASE(over_a_rotation_each_generation_is_accounted_for),
        CASE(the_rest_of_an_over_long_line_is_left_out),
        CASE(parts_of_two_streams_leave_no_hole),
        CASE(an_end_is_an_event_where_it_is_wanted),
        CASE(an_end_without_a_verdict_is_offered_again),
        CASE(nobody_who_does_not_want_ends_gets_them),
    };
    return cmocka_run_group_tests_name("agent_span", tests, NULL, NULL);
}
