/* test_tail_leave.c: told to stop beside its writers, posta knows whether any is left. */
#include "tail_test.h"

static size_t writers(struct rig *rig)
{
    const char *example = NULL;
    size_t n = tail_writers(rig->tail, &example);
    assert_int_equal(example != NULL, n > 0);
    return n;
}

static void an_open_writer_is_seen(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig), other = writer(rig, "access.log");
    assert_int_equal(writers(rig), 1);
    close(fd);
    assert_int_equal(writers(rig), 1);
    close(other);
    assert_int_equal(writers(rig), 0);
}

static void one_that_has_only_a_rotated_file_open_counts(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "next\n");
    UNTIL(rig, has_bytes(rig, 1, "next\n"));
    assert_int_equal(writers(rig), 1);
    say(fd, "late\n");
    close(fd);
    assert_int_equal(writers(rig), 0);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_bytes(rig, 0, "one\nlate\n");
}

static void behind_the_last_writer_the_rest_is_a_line(void **state)
{
    struct rig *rig = *state;
    int fd = followed_writer(rig);
    say(fd, "rest");
    tail_expect_no_more(rig->tail);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_string_equal(story_of(rig, 0), "0-4");
    close(fd);
    assert_int_equal(writers(rig), 0);
    assert_true(tail_read_to_end(rig->tail, INT64_MAX));
    assert_string_equal(story_of(rig, 0), "0-4 4-8:last");
}

static void no_lease_is_left(void **state)
{
    struct rig *rig = *state;
    close(followed_writer(rig));
    assert_int_equal(writers(rig), 0);
    int64_t before_ns = real_mono_ns();
    put(rig, "access.log", "more\n");
    assert_true(real_mono_ns() - before_ns < NS_PER_S);
}

/* As another user: a close that was seen, and silence, stand for the lease. */
static int look_as_nobody(struct rig *rig)
{
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    CHILD_CHECK(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    start(rig);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    usleep(600 * 1000);
    turn_for(rig, 10);
    CHILD_CHECK(writers(rig) == 1); /* silent, but no close was seen */
    say(fd, "two\n");
    int64_t before_ns = real_mono_ns();
    close(fd);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    size_t n = writers(rig); /* not silent for long enough: there may be a second one */
    CHILD_CHECK(n == 1 || real_mono_ns() - before_ns > 400 * NS_PER_MS);
    usleep(600 * 1000);
    CHILD_UNTIL(rig, writers(rig) == 0);
    CHILD_CHECK(seteuid(0) == 0);
    fd = writer(rig, "access.log");
    CHILD_CHECK(seteuid(NOBODY) == 0);
    say(fd, "three\n");
    usleep(600 * 1000);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\ntwo\nthree\n"));
    turn_for(rig, 10);
    CHILD_CHECK(writers(rig) == 1);
    close(fd);
    stop(rig);
    return 0;
}

static void without_leases_a_close_and_silence_count(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "access.log");
    in_child(rig, look_as_nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(an_open_writer_is_seen),
        ON_BOTH(one_that_has_only_a_rotated_file_open_counts),
        ON_BOTH(behind_the_last_writer_the_rest_is_a_line),
        ON_BOTH(no_lease_is_left),
        ON_BOTH(without_leases_a_close_and_silence_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
