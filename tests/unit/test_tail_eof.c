/* test_tail_eof.c: the end of a rotated file is proven, not guessed. */
#include "tail_test.h"

static void an_open_writer_delays_the_end(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "next\n");
    UNTIL(rig, has_bytes(rig, 1, "next\n"));
    for (int i = 0; i < 20; i++) {
        turn_for(rig, 1500);
        assert_false(is_ended(rig, 0));
    }
    say(fd, "late\n");
    UNTIL(rig, has_bytes(rig, 0, "one\nlate\n"));
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_string_equal(story_of(rig, 0), "0-4 4-9 lease@9");
    assert_int_equal(tail_stats(rig->tail)->ends_proven, 1);
    assert_int_equal(tail_stats(rig->tail)->ends_assumed, 0);
}

static void each_of_several_writers_counts(void **state)
{
    struct rig *rig = *state;
    int master = followed_writer(rig), worker = writer(rig, "access.log");
    rename_in(rig, "access.log", "access.log.1");
    close(master);
    turn_for(rig, 3000);
    assert_false(is_ended(rig, 0));
    say(worker, "late\n");
    close(worker);
    UNTIL(rig, is_ended(rig, 0));
    assert_bytes(rig, 0, "one\nlate\n");
}

/* Written and closed in one go, between two turns: the close is the last that is known, the bytes are there. */
static void what_is_written_just_before_the_close_is_read(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < 50; i++) {
        int fd = writer(rig, "access.log");
        say(fd, "one\n");
        if (i == 0)
            follow_one(rig);
        UNTIL(rig, has_bytes(rig, i, "one\n"));
        rename_in(rig, "access.log", "access.log.1");
        turn_for(rig, (int64_t)i % 7);
        say(fd, "two\n");
        turn_for(rig, (int64_t)i % 3);
        say(fd, "three");
        close(fd);
        UNTIL(rig, is_ended(rig, i));
        assert_bytes(rig, i, "one\ntwo\nthree");
        assert_int_equal(rig->sink.made[i].proof, END_LEASE);
    }
}

static void a_reader_does_not_delay_the_end(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    int reader = open(path_of(rig, "access.log"), O_RDONLY | O_CLOEXEC);
    rename_in(rig, "access.log", "access.log.1");
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    close(reader);
}

/* The lease is given back at once: a writer's open does not wait for it. */
static void the_probe_leaves_no_lease(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    rename_in(rig, "access.log", "access.log.1");
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    int64_t before_ns = real_mono_ns();
    put(rig, "access.log.1", "much later\n");
    assert_true(real_mono_ns() - before_ns < NS_PER_S);
    UNTIL(rig, rig->sink.made[0].n_ends == 2);
    assert_bytes(rig, 0, "one\nmuch later\n");
}

static void no_end_is_looked_for_under_the_own_name(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    close(fd);
    look_again(rig);
    look_again(rig);
    assert_false(is_ended(rig, 0));
    assert_int_equal(tail_stats(rig->tail)->files_open, 1);
}

static void an_end_that_is_not_taken_is_tried_again(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    rig->sink.ends_fail = true;
    rename_in(rig, "access.log", "access.log.1");
    close(fd);
    turn_for(rig, 3000);
    assert_false(is_ended(rig, 0));
    assert_int_equal(tail_stats(rig->tail)->files_open, 1);
    assert_true(log_has(rig, "spool: no room; tried again"));
    rig->sink.ends_fail = false;
    UNTIL(rig, is_ended(rig, 0));
    assert_int_equal(rig->sink.made[0].n_ends, 1);
}

static void the_younger_waits_for_the_older(void **state)
{
    struct rig *rig = *state;
    struct buf text = BUF_INIT;
    for (int i = 0; text.len < 5 * 1024 * 1024; i++)
        buf_printf(&text, "a line of the older generation, number %d\n", i);
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", buf_str(&text));
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "young\n");
    UNTIL(rig, rig->sink.n == 2 && rig->sink.made[1].bytes.len > 0);
    assert_int_equal(rig->sink.made[0].bytes.len, 4 + text.len);
    buf_free(&text);
}

/* While growth is read by the clock, a late line is not told of; it comes first all the same, at each phase of the clock. */
static void the_younger_waits_for_what_was_not_told(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    follow_one(rig);
    for (int i = 0; i < 12; i++) {
        char *older = mem_printf("access.log.%d", i);
        UNTIL(rig, has_bytes(rig, (size_t)i, "one\n"));
        rename_in(rig, "access.log", older);
        settle(rig);
        say(fd, "late\n");
        turn_for(rig, i);
        say(fd, "later\n");
        next_birth_time();
        int next = writer(rig, "access.log");
        say(next, "one\n");
        UNTIL(rig, has_bytes(rig, (size_t)i + 1, "one\n"));
        assert_bytes(rig, (size_t)i, "one\nlate\nlater\n");
        close(fd);
        fd = next;
        free(older);
    }
    close(fd);
}

/* ---- as another user, leases are refused ---- */

static int assume_as_nobody(struct rig *rig)
{
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    CHILD_CHECK(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    start(rig);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    CHILD_CHECK(seteuid(0) == 0);
    rename_in(rig, "access.log", "access.log.1");
    CHILD_CHECK(seteuid(NOBODY) == 0);
    turn_for(rig, 4000);
    CHILD_CHECK(!is_ended(rig, 0));
    say(fd, "late\n");
    turn_for(rig, 4000); /* less than 5 s after the last byte */
    CHILD_CHECK(has_bytes(rig, 0, "one\nlate\n") && !is_ended(rig, 0));
    close(fd);
    turn_for(rig, 2500);
    CHILD_CHECK(is_ended(rig, 0) && rig->sink.made[0].proof == END_ASSUMED);
    CHILD_CHECK(tail_stats(rig->tail)->ends_assumed == 1 &&
                tail_stats(rig->tail)->ends_proven == 0);
    stop(rig);
    return 0;
}

static void without_leases_silence_is_assumed_to_be_the_end(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "access.log");
    in_child(rig, assume_as_nobody);
}

/* An end that was assumed too early: the file grows again and is read on. */
static int grow_after_assumed(struct rig *rig)
{
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    CHILD_CHECK(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    start(rig);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    CHILD_CHECK(seteuid(0) == 0);
    rename_in(rig, "access.log", "access.log.1");
    CHILD_CHECK(seteuid(NOBODY) == 0);
    turn_for(rig, 7000);
    CHILD_CHECK(is_ended(rig, 0));
    say(fd, "much later\n");
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\nmuch later\n"));
    CHILD_CHECK(rig->sink.n == 1);
    stop(rig);
    return 0;
}

static void a_file_that_grows_after_an_assumed_end_is_read_on(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "access.log");
    in_child(rig, grow_after_assumed);
}

/* ---- once ---- */

static void once_takes_the_last_line_without_a_newline(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\nrest");
    set_path(rig, "access.log");
    start_with(rig, true);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_string_equal(story_of(rig, 0), "0-4 4-8:last");
}

static void once_leaves_the_last_line_of_a_writer(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    say(fd, "one\nrest");
    set_path(rig, "access.log");
    start_with(rig, true);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_string_equal(story_of(rig, 0), "0-4");
    close(fd);
}

static void reading_to_the_end_when_told_to_stop_leaves_a_partial_line(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\nrest");
    follow_one(rig);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_string_equal(story_of(rig, 0), "0-4");
    assert_false(is_ended(rig, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(an_open_writer_delays_the_end),
        ON_BOTH(each_of_several_writers_counts),
        ON_BOTH(what_is_written_just_before_the_close_is_read),
        ON_BOTH(a_reader_does_not_delay_the_end),
        ON_BOTH(the_probe_leaves_no_lease),
        IN_MEMORY(no_end_is_looked_for_under_the_own_name),
        IN_MEMORY(an_end_that_is_not_taken_is_tried_again),
        IN_MEMORY(the_younger_waits_for_the_older),
        ON_BOTH(the_younger_waits_for_what_was_not_told),
        ON_BOTH(without_leases_silence_is_assumed_to_be_the_end),
        ON_BOTH(a_file_that_grows_after_an_assumed_end_is_read_on),
        ON_BOTH(once_takes_the_last_line_without_a_newline),
        ON_BOTH(once_leaves_the_last_line_of_a_writer),
        ON_BOTH(reading_to_the_end_when_told_to_stop_leaves_a_partial_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
