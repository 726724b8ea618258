/* test_tail_lost_races.c: generations that could not be had are counted, and no others. */
#include "tail_test.h"

/* Doubts are looked at each second. */
static uint64_t n_lost(struct rig *rig)
{
    turn_for(rig, 4000);
    return tail_stats(rig->tail)->generations_lost;
}

static void what_goes_before_it_can_be_opened_is_counted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    settle(rig);
    for (int i = 0; i < 3; i++) {
        unlink_in(rig, "access.log");
        put(rig, "access.log", "gone\n");
    }
    assert_int_equal(n_lost(rig), 2);
}

/* access.log.1 came to its name by a rename: it was not born there, and is not lost when it leaves. */
static void rotations_of_a_wildcard_lose_nothing(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log*");
    start(rig);
    settle(rig);
    for (int i = 0; i < 4; i++) {
        if (exists_in(rig, "access.log.1"))
            rename_in(rig, "access.log.1", "access.log.2");
        rename_in(rig, "access.log", "access.log.1");
        put(rig, "access.log", "next\n");
        assert_int_equal(n_lost(rig), 0);
    }
    assert_int_equal(rig->sink.n, 5);
}

/* It is found under the name that another had a moment before. */
static void renamed_at_once_to_a_name_that_was_left_just_now(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log*");
    start(rig);
    settle(rig);
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "two\n");
    rename_in(rig, "access.log.1", "access.log.2");
    rename_in(rig, "access.log", "access.log.1");
    assert_int_equal(n_lost(rig), 0);
    assert_true(has_bytes(rig, 1, "two\n"));
}

static void a_second_link_is_no_lost_generation(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log*");
    start(rig);
    settle(rig);
    assert_int_equal(link(path_of(rig, "access.log"), path_of(rig, "access.log-link")), 0);
    assert_int_equal(n_lost(rig), 0);
    assert_int_equal(rig->sink.n, 1);
}

static void a_copy_that_is_put_aside_is_not_lost(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "");
    set_path(rig, "access.log*");
    start(rig);
    settle(rig);
    next_birth_time();
    put(rig, "access.log.1", ""); /* empty, as its log: nothing can be said of it */
    rename_in(rig, "access.log.1", "access.log.2");
    put(rig, "access.log.1", "");
    assert_int_equal(n_lost(rig), 0);
}

static void the_first_generation_is_had_though_it_was_renamed_at_once(void **state)
{
    struct rig *rig = *state;
    follow_one(rig);
    settle(rig);
    next_birth_time();
    put(rig, "access.log", "one\n");
    rename_in(rig, "access.log", "access.log.1");
    assert_int_equal(n_lost(rig), 0);
    assert_true(has_bytes(rig, 0, "one\n"));
}

static void the_first_generation_is_had_though_there_is_a_second(void **state)
{
    struct rig *rig = *state;
    follow_one(rig);
    settle(rig);
    next_birth_time();
    put(rig, "access.log", "one\n");
    rename_in(rig, "access.log", "access.log.1");
    next_birth_time();
    put(rig, "access.log", "two\n");
    assert_int_equal(n_lost(rig), 0);
    assert_int_equal(rig->sink.n, 2);
    assert_true(has_bytes(rig, 0, "one\n") || has_bytes(rig, 1, "one\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_goes_before_it_can_be_opened_is_counted),
        ON_BOTH(rotations_of_a_wildcard_lose_nothing),
        ON_BOTH(renamed_at_once_to_a_name_that_was_left_just_now),
        IN_MEMORY(a_second_link_is_no_lost_generation),
        IN_MEMORY(a_copy_that_is_put_aside_is_not_lost),
        ON_BOTH(the_first_generation_is_had_though_it_was_renamed_at_once),
        ON_BOTH(the_first_generation_is_had_though_there_is_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
