/* test_tail_lost.c: what could not be had is counted, exactly where it can be. */
#include "tail_test.h"

/* A whole generation, made, filled and rotated away: LOG → LOG.1 over the one before. */
static void rotate_whole(struct rig *rig, const char *text)
{
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", text);
}

static uint64_t n_lost(struct rig *rig)
{
    turn_for(rig, 3000); /* doubts are looked at each second */
    return tail_stats(rig->tail)->generations_lost;
}

static void each_generation_that_was_never_opened_is_counted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rotate_whole(rig, "two\n");
    rotate_whole(rig, "three\n");
    rotate_whole(rig, "four\n");
    rotate_whole(rig, "five\n");
    UNTIL(rig, rig->sink.n == 3 && rig->sink.made[2].bytes.len == 5);
    assert_bytes(rig, 1, "four\n"); /* still there, as access.log.1 */
    assert_int_equal(n_lost(rig), 2);
    rotate_whole(rig, "six\n");
    rotate_whole(rig, "seven\n");
    rotate_whole(rig, "eight\n");
    assert_int_equal(n_lost(rig), 3);
    assert_int_equal(n_lost(rig), 3);
    assert_true(log_has(rig,
                        "access.log: rotated too fast: 2 generations were gone before posta could "
                        "open them, 2 in all"));
}

static void a_log_that_comes_after_the_start_is_counted_from_its_first(void **state)
{
    struct rig *rig = *state;
    follow_one(rig);
    turn(rig, 0);
    put(rig, "access.log", "one\n");
    unlink_in(rig, "access.log");
    put(rig, "access.log", "two\n");
    UNTIL(rig, rig->sink.n == 1);
    assert_int_equal(n_lost(rig), 1);
}

static void nothing_is_counted_when_all_were_seen(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "0\n");
    follow_one(rig);
    for (size_t i = 0; i < 20; i++) {
        UNTIL(rig, rig->sink.n == i + 1 && rig->sink.made[i].bytes.len == 2);
        rotate_whole(rig, "1\n");
        turn_for(rig, (int64_t)i % 4 * 700);
    }
    assert_int_equal(n_lost(rig), 0);
    stop(rig);
    start(rig);
    rotate_whole(rig, "2\n");
    UNTIL(rig, rig->sink.n == 22);
    assert_int_equal(n_lost(rig), 0);
}

static void a_wildcard_that_matches_rotated_names_counts_each_once(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log*");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rotate_whole(rig, "two\n");
    rotate_whole(rig, "three\n");
    UNTIL(rig, rig->sink.n == 3);
    assert_int_equal(n_lost(rig), 0);
    rotate_whole(rig, "four\n");
    rotate_whole(rig, "five\n");
    rotate_whole(rig, "six\n");
    assert_int_equal(n_lost(rig), 1);
}

static void what_is_there_but_not_allowed_is_not_lost(void **state)
{
    struct rig *rig = *state;
    follow_one(rig);
    turn(rig, 0);
    assert_int_equal(mkfifo(path_of(rig, "access.log"), 0644), 0);
    assert_int_equal(n_lost(rig), 0);
    unlink_in(rig, "access.log");
    put(rig, "access.log", "one\n");
    UNTIL(rig, rig->sink.n == 1);
    assert_int_equal(n_lost(rig), 0);
}

static void while_it_goes_on_only_what_is_sure_is_said(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "0\n");
    follow_one(rig);
    UNTIL(rig, rig->sink.n == 1);
    uint64_t n_made = 1, before = 0;
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 4; k++, n_made++)
            rotate_whole(rig, "x\n");
        turn_for(rig, 100);
        uint64_t now = tail_stats(rig->tail)->generations_lost;
        assert_true(now >= before && now + rig->sink.n <= n_made);
        before = now;
    }
    assert_int_equal(n_lost(rig) + rig->sink.n, n_made);
    assert_true(before > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(each_generation_that_was_never_opened_is_counted),
        ON_BOTH(a_log_that_comes_after_the_start_is_counted_from_its_first),
        ON_BOTH(nothing_is_counted_when_all_were_seen),
        ON_BOTH(a_wildcard_that_matches_rotated_names_counts_each_once),
        IN_MEMORY(what_is_there_but_not_allowed_is_not_lost),
        ON_BOTH(while_it_goes_on_only_what_is_sure_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
