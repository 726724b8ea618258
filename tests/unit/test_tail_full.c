/* test_tail_full.c: the spool takes no more, the kernel drops events, reads fail: nothing moves, nothing is lost, and it goes
 * on afterwards. */
#include "tail_test.h"

#include <sys/inotify.h>

/* ---- FULL ---- */

static void full_at_the_first_file_stops_and_resumes(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    rig->sink.room = 0;
    follow_one(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
    assert_true(rig->sink.n_refused > 0);
    rig->sink.room = -1;
    tail_resume(rig->tail);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
}

static void full_at_a_chunk_moves_nothing(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rig->sink.room = 0;
    put(rig, "access.log", "two\n");
    look_again(rig);
    assert_int_equal(rig->sink.n_refused, 1);
    assert_int_equal(rig->sink.reg.first->offset, 4);
    put(rig, "access.log", "three\n");
    look_again(rig);
    assert_int_equal(rig->sink.n_refused, 1);
    assert_true(log_has(rig, "spool: no room; reading stops until there is room"));
    rig->sink.room = -1;
    tail_resume(rig->tail);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\nthree\n"));
    assert_string_equal(story_of(rig, 0), "0-4 4-14");
}

static void while_full_a_rotated_file_is_kept_open(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rig->sink.room = 0;
    put(rig, "access.log", "two\n");
    settle(rig);
    unlink_in(rig, "access.log");
    put(rig, "access.log", "three\n");
    turn_for(rig, 3000);
    look_again(rig);
    assert_false(is_ended(rig, 0));
    rig->sink.room = -1;
    tail_resume(rig->tail);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    assert_bytes(rig, 0, "one\ntwo\n");
}

/* Whatever call is the one that is refused, the result is the same. */
static void refused_at_every_place_in_turn(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "access.log");
    for (int room = 0; room < 14; room++) {
        size_t first = rig->sink.n;
        put(rig, "access.log", "one\n");
        rig->sink.room = room;
        start(rig);
        settle(rig);
        put(rig, "access.log", "two\n");
        settle(rig);
        assert_int_equal(truncate(path_of(rig, "access.log"), 0), 0);
        put(rig, "access.log", "3\n");
        settle(rig);
        rename_in(rig, "access.log", "access.log.1");
        next_birth_time();
        put(rig, "access.log", "four\nrest");
        settle(rig);
        rig->sink.room = room ? 1 : -1;
        tail_resume(rig->tail);
        settle(rig);
        unlink_in(rig, "access.log");
        for (int i = 0; i < 30; i++) {
            rig->sink.room = 1;
            tail_resume(rig->tail);
            turn_for(rig, 1500);
        }
        bool is_known = false, is_last = false;
        for (size_t i = first; i < rig->sink.n; i++) {
            is_known |= has_bytes(rig, i, "3\n");
            is_last |= has_bytes(rig, i, "four\nrest");
            assert_true(rig->sink.made[i].n_ends <= 1);
        }
        assert_true(is_known || room == 0); /* renamed before posta could begin with it */
        assert_true(is_last);
        assert_int_equal(tail_stats(rig->tail)->files_open, 0);
        stop(rig);
        unlink_in(rig, "access.log.1");
    }
}

static void read_to_end_says_that_it_could_not(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", "two\n");
    rig->sink.room = 0;
    assert_false(tail_read_to_end(rig->tail, INT64_MAX));
    rig->sink.room = -1;
    assert_false(tail_read_to_end(rig->tail, INT64_MAX));
    tail_resume(rig->tail);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_bytes(rig, 0, "one\ntwo\n");
}

/* ---- events are lost ---- */

static void after_an_overflow_everything_is_looked_at(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "*.log");
    put(rig, "a.log", "one\n");
    put(rig, "gone.log", "x\n");
    start(rig);
    UNTIL(rig, rig->sink.n == 2 && rig->sink.made[0].bytes.len && rig->sink.made[1].bytes.len);
    size_t a = has_bytes(rig, 0, "one\n") ? 0 : 1;
    settle(rig);
    for (int i = 0; i < 9000; i++) { /* more than fs.inotify.max_queued_events */
        char name[32];
        snprintf(name, sizeof(name), "noise%d", i);
        put(rig, name, "");
        unlink_in(rig, name);
    }
    put(rig, "a.log", "two\n");
    put(rig, "b.log", "new\n");
    unlink_in(rig, "gone.log");
    UNTIL(rig, tail_stats(rig->tail)->overflows > 0);
    UNTIL(rig, has_bytes(rig, a, "one\ntwo\n") && has_bytes(rig, 2, "new\n"));
    UNTIL(rig, is_ended(rig, 1 - a));
    put(rig, "b.log", "more\n");
    UNTIL(rig, has_bytes(rig, 2, "new\nmore\n"));
}

/* No inotify instance is left for this user: the clock finds everything. */
static int follow_without_inotify(struct rig *rig)
{
    static int fds[4096];
    size_t n = 0;
    CHILD_CHECK(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    while (n < COUNT(fds) && (fds[n] = inotify_init()) >= 0)
        n++;
    start(rig);
    CHILD_CHECK(log_has(rig, "no inotify instance is left for this user: raise "
                             "fs.inotify.max_user_instances; folders are looked at by the clock, "
                             "every 250 ms"));
    put(rig, "access.log", "one\n");
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", "two\n");
    turn_for(rig, 300);
    CHILD_CHECK(has_bytes(rig, 0, "one\ntwo\n"));
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "three\n");
    turn_for(rig, 600);
    CHILD_CHECK(is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    stop(rig);
    return 0;
}

static void without_inotify_the_clock_finds_everything(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(chmod(rig->dir, 0777), 0);
    set_path(rig, "access.log");
    in_child(rig, follow_without_inotify);
}

/* ---- reads fail ---- */

static void a_failed_read_is_said_and_tried_again(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {.call = FS_READ, .nth = 1, .times = 1, .fail = EIO};
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    fs_set_faults(&fault, 1);
    put(rig, "access.log", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    assert_int_equal(tail_stats(rig->tail)->read_errors, 1);
    assert_true(log_has(rig, "Input/output error; tried again"));
}

static const struct fs_fault no_reads = {.call = FS_READ, .nth = 1, .times = -1, .fail = EIO};

static void failing_reads_do_not_spin(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    fs_set_faults(&no_reads, 1);
    put(rig, "access.log", "two\n");
    turn_for(rig, 1000);
    print_message("%llu reads in 1 s\n", (unsigned long long)tail_stats(rig->tail)->read_errors);
    bool is_calm = tail_stats(rig->tail)->read_errors < 300;
    fs_set_faults(NULL, 0);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    assert_true(is_calm);
}

static int stop_with_failing_reads(struct rig *rig)
{
    alarm(2);
    start(rig);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", "two\n");
    fs_set_faults(&no_reads, 1);
    tail_read_to_end(rig->tail, INT64_MAX);
    fs_set_faults(NULL, 0);
    CHILD_CHECK(has_bytes(rig, 0, "one\n"));
    stop(rig);
    return 0;
}

static void read_to_end_ends_though_reads_fail(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log");
    in_child(rig, stop_with_failing_reads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(full_at_the_first_file_stops_and_resumes),
        ON_BOTH(full_at_a_chunk_moves_nothing),
        ON_BOTH(while_full_a_rotated_file_is_kept_open),
        ON_BOTH(refused_at_every_place_in_turn),
        IN_MEMORY(read_to_end_says_that_it_could_not),
        IN_MEMORY(after_an_overflow_everything_is_looked_at),
        IN_MEMORY(without_inotify_the_clock_finds_everything),
        IN_MEMORY(a_failed_read_is_said_and_tried_again),
        IN_MEMORY(failing_reads_do_not_spin),
        IN_MEMORY(read_to_end_ends_though_reads_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
