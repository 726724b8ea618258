/* test_agent_sender.c: spool → events → output in order, verdicts in any order → cursor. */
#include "test_agent_sender.h"

/* ---- the way there ---- */

static void lines_are_offered_in_order_with_tokens(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\n");
    start(rig);
    turn(rig, 3);
    put(rig, "c\n");
    turn(rig, 3);
    assert_offers(rig, "0:a 1:b 2:c");
    assert_string_equal(rig->fake.offers[0].id + SOURCE_KEY_LEN, "000000000000");
    assert_string_equal(rig->fake.offers[2].id + SOURCE_KEY_LEN, "000000000004");
    assert_int_equal(sender_stats(rig->sender)->lines_sent, 3);
    assert_false(sender_is_idle(rig->sender));
}

static void the_cursor_moves_over_consecutive_verdicts_only(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\nc\n");
    start(rig);
    turn(rig, 3);
    struct spool_pos begin = spool_cursor(rig->spool);
    delivered(rig, 2);
    delivered(rig, 1);
    turn(rig, 3);
    assert_int_equal(spool_cursor(rig->spool).seq, begin.seq);
    assert_int_equal(spool_cursor(rig->spool).done, begin.done);
    assert_int_equal(rig->n_moved, 0);
    delivered(rig, 0);
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
    assert_true(sender_is_idle(rig->sender));
    assert_true(rig->n_moved > 0);
    assert_int_equal(sender_stats(rig->sender)->lines_delivered, 3);
}

static void a_part_of_an_item_is_a_place_of_the_cursor(void **state)
{
    struct rig *rig = *state;
    put(rig, "aa\nbb\ncc\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 0);
    uint64_t seq = spool_cursor(rig->spool).seq;
    assert_int_equal(spool_cursor(rig->spool).done, 3);
    delivered(rig, 1);
    assert_int_equal(spool_cursor(rig->spool).seq, seq);
    assert_int_equal(spool_cursor(rig->spool).done, 6);
    delivered(rig, 2);
    assert_int_equal(spool_cursor(rig->spool).seq, seq + 1);
    assert_int_equal(spool_cursor(rig->spool).done, 0);
}

static void a_verdict_twice_or_for_nothing_changes_nothing(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 0);
    delivered(rig, 0);
    rig->fake.env.verdict(rig->fake.env.arg, 99, VERDICT_DELIVERED, NULL, NULL, 0);
    assert_int_equal(sender_stats(rig->sender)->lines_delivered, 1);
    assert_int_equal(spool_cursor(rig->spool).done, 2);
}

static void random_order_of_verdicts(void **state)
{
    struct rig *rig = *state;
    enum { N = 3000 };
    static size_t order[N];
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    srandom(seed);
    put_numbers(rig, 0, N / 2);
    put_numbers(rig, N / 2, N);
    start(rig);
    turn(rig, 10);
    assert_int_equal(rig->fake.n, N);
    for (size_t i = 0; i < N; i++) {
        size_t k = (size_t)random() % (i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0, first = 0; i < N; i++) {
        bool was_first = order[i] == first;
        int before = rig->n_moved;
        delivered(rig, order[i]);
        while (first < N && rig->fake.offers[first].has_verdict)
            first++;
        assert_int_equal(rig->n_moved - before, was_first);
    }
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
}

/* ---- busy, and the window ---- */

static void busy_then_room(void **state)
{
    struct rig *rig = *state;
    rig->fake.n_room = 2;
    put(rig, "a\nb\nc\nd\n");
    start(rig);
    turn(rig, 5);
    assert_offers(rig, "0:a 1:b");
    rig->fake.n_room = 1;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 5);
    assert_offers(rig, "0:a 1:b 2:c");
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 5);
    assert_offers(rig, "0:a 1:b 2:c 3:d");
    assert_int_equal(sender_stats(rig->sender)->lines_sent, 4);
    assert_int_equal(sender_stats(rig->sender)->lines_resent, 0);
}

static void the_window_is_bounded(void **state)
{
    struct rig *rig = *state;
    put_numbers(rig, 0, 10000);
    start(rig);
    turn(rig, 40);
    assert_int_equal(rig->fake.n, 8192);
    delivered(rig, 1);
    turn(rig, 5);
    assert_int_equal(rig->fake.n, 8192);
    delivered(rig, 0);
    turn(rig, 5);
    assert_int_equal(rig->fake.n, 8194);
    for (size_t i = 2; i < rig->fake.n; i++) {
        delivered(rig, i);
        turn(rig, i % 100 == 0);
    }
    turn(rig, 40);
    assert_int_equal(rig->fake.n, 10000);
    assert_int_equal(atoi(rig->fake.offers[9999].message), 9999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lines_are_offered_in_order_with_tokens),
        CASE(the_cursor_moves_over_consecutive_verdicts_only),
        CASE(a_part_of_an_item_is_a_place_of_the_cursor),
        CASE(a_verdict_twice_or_for_nothing_changes_nothing),
        CASE(random_order_of_verdicts),
        CASE(busy_then_room),
        CASE(the_window_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
