/* test_tail_room.c: space given back from under a log (reclaim), the limit while the spool is full, deletion after the end. */
#include "tail_test.h"

#include <zlib.h>

/* 64 KB of lines, each with its number. */
static void put_lines(int fd, int *n)
{
    struct buf text = BUF_INIT;
    while (text.len < 64 * 1024)
        buf_printf(&text, "line %d, and what else a line of a log has to say\n", (*n)++);
    say_bytes(fd, text.data, text.len);
    buf_free(&text);
}

static uint64_t room_of(const struct rig *rig, const char *name)
{
    struct stat st;
    return stat(path_of(rig, name), &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t size_of(const struct rig *rig, const char *name)
{
    struct stat st;
    return stat(path_of(rig, name), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void reclaim(struct rig *rig)
{
    rig->in.rotation_mode = ROTATION_RECLAIM;
    rig->in.rotation_size = 64 * 1024;
    set_path(rig, "access.log");
}

static void check_lines(struct rig *rig, int n)
{
    struct buf text = BUF_INIT;
    for (int i = 0; i < n; i++)
        buf_printf(&text, "line %d, and what else a line of a log has to say\n", i);
    assert_int_equal(rig->sink.made[0].bytes.len, text.len);
    assert_memory_equal(rig->sink.made[0].bytes.data, text.data, text.len);
    buf_free(&text);
}

/* ---- reclaim ---- */

static void what_is_kept_is_given_back(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log"), n = 0;
    reclaim(rig);
    start(rig);
    for (int i = 0; i < 32; i++) {
        put_lines(fd, &n);
        UNTIL(rig, rig->sink.n && rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
        turn_for(rig, 10);
        assert_true(room_of(rig, "access.log") <= 256 * 1024);
    }
    check_lines(rig, n);
    assert_true(tail_stats(rig->tail)->bytes_punched > 1900 * 1024);
    assert_int_equal(tail_stats(rig->tail)->truncations, 0);
    stop(rig);
    put_lines(fd, &n);
    start(rig);
    UNTIL(rig, rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    check_lines(rig, n);
    assert_int_equal(rig->sink.n, 1);
    close(fd);
}

static void nothing_is_given_back_before_it_is_durable(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log"), n = 0;
    reclaim(rig);
    rig->sink.durable_lags = true;
    start(rig);
    for (int i = 0; i < 4; i++)
        put_lines(fd, &n);
    UNTIL(rig, rig->sink.n && rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    turn_for(rig, 100);
    assert_int_equal(tail_stats(rig->tail)->bytes_punched, 0);
    rig->sink.durable_lags = false;
    tail_marks_moved(rig->tail);
    UNTIL(rig, tail_stats(rig->tail)->bytes_punched > 128 * 1024);
    close(fd);
}

static void a_lost_position_begins_behind_the_hole(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log"), n = 0;
    reclaim(rig);
    start(rig);
    for (int i = 0; i < 8; i++)
        put_lines(fd, &n);
    UNTIL(rig, tail_stats(rig->tail)->bytes_punched > 256 * 1024);
    stop(rig);
    registry_clear(&rig->sink.reg); /* the spool is lost */
    say(fd, "a new line\n");
    start(rig);
    UNTIL(rig, rig->sink.n == 2 && rig->sink.made[1].bytes.len > 0);
    settle(rig);
    const struct buf *got = &rig->sink.made[1].bytes;
    assert_memory_equal(got->data, "line ", 5);
    assert_null(memchr(got->data, '\0', got->len));
    assert_memory_equal(got->data + got->len - 11, "a new line\n", 11);
    close(fd);
}

static int reclaim_unwritable(struct rig *rig)
{
    int fd = writer(rig, "access.log"), n = 0;
    CHILD_CHECK(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    start(rig);
    put_lines(fd, &n);
    put_lines(fd, &n);
    CHILD_UNTIL(rig, rig->sink.n && rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    turn_for(rig, 20);
    CHILD_CHECK(log_has(
        rig,
        "Permission denied: its space is not given back, the log grows: give posta write access"));
    CHILD_CHECK(tail_stats(rig->tail)->bytes_punched == 0);
    stop(rig);
    return 0;
}

static void without_write_access_it_is_said_and_followed(void **state)
{
    struct rig *rig = *state;
    reclaim(rig);
    in_child(rig, reclaim_unwritable);
}

/* ---- the limit ---- */

static void above_the_limit_all_is_held_and_said(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log"), n = 0;
    reclaim(rig);
    rig->in.rotation_limit = 256 * 1024;
    start(rig);
    put_lines(fd, &n);
    UNTIL(rig, rig->sink.n && rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    rig->sink.room = 0;
    for (int i = 0; i < 8; i++)
        put_lines(fd, &n);
    turn_for(rig, 1000);
    assert_true(
        log_has(rig, "above its rotation.limit of 262144: the spool is full; nothing is given up"));
    assert_int_equal(tail_stats(rig->tail)->over_limit, 1);
    rig->sink.room = -1;
    tail_resume(rig->tail);
    UNTIL(rig, rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    check_lines(rig, n);
    UNTIL(rig, tail_stats(rig->tail)->over_limit == 0);
    close(fd);
}

/* Small records still find a place when no chunk does. */
static void above_the_limit_the_oldest_are_given_up(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log"), n = 0;
    reclaim(rig);
    rig->in.rotation_limit = 256 * 1024;
    rig->in.rotation_at_limit = AT_LIMIT_DROP;
    start(rig);
    put_lines(fd, &n);
    UNTIL(rig, rig->sink.n && rig->sink.made[0].bytes.len == size_of(rig, "access.log"));
    rig->sink.only_small = true;
    for (int i = 0; i < 32; i++) {
        put_lines(fd, &n);
        turn_for(rig, 250);
        assert_true(room_of(rig, "access.log") <= 400 * 1024);
    }
    assert_true(tail_stats(rig->tail)->bytes_given_up > 1500 * 1024);
    assert_int_equal(tail_stats(rig->tail)->bytes_given_up, tail_stats(rig->tail)->bytes_lost);
    rig->sink.only_small = false;
    tail_resume(rig->tail);
    settle(rig);
    uint64_t got = rig->sink.made[0].bytes.len;
    assert_int_equal(got + tail_stats(rig->tail)->bytes_given_up, size_of(rig, "access.log"));
    struct buf *bytes = &rig->sink.made[0].bytes;
    assert_int_equal(bytes->data[bytes->len - 1], '\n');
    close(fd);
}

/* ---- delete ---- */

static void a_file_that_is_done_is_deleted_after_the_grace_period(void **state)
{
    struct rig *rig = *state;
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    rig->in.delete_enabled = true;
    rig->in.delete_grace_ns = 60 * NS_PER_S;
    rig->sink.delivered_lags = true;
    put(rig, "a.log", "one\nrest");
    put(rig, "b.log", "two\n");
    set_path(rig, "*.log");
    start(rig);
    turn_for(rig, 3000);
    assert_true(exists_in(rig, "a.log"));
    assert_int_equal(utimensat(AT_FDCWD, path_of(rig, "b.log"), long_ago, 0), 0);
    turn_for(rig, 3000);
    assert_true(exists_in(rig, "b.log")); /* not delivered yet */
    rig->sink.delivered_lags = false;
    UNTIL(rig, !exists_in(rig, "b.log"));
    UNTIL(rig, tail_stats(rig->tail)->files_open == 1);
    assert_true(exists_in(rig, "a.log"));
    assert_int_equal(tail_stats(rig->tail)->files_deleted, 1);
    assert_true(log_has(rig, "b.log: deleted, 4 bytes of it are delivered"));
}

static void a_file_that_somebody_writes_to_is_not_deleted(void **state)
{
    struct rig *rig = *state;
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    rig->in.delete_enabled = true;
    rig->in.delete_grace_ns = NS_PER_S;
    int fd = writer(rig, "a.log");
    say(fd, "one\n");
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    assert_int_equal(utimensat(AT_FDCWD, path_of(rig, "a.log"), long_ago, 0), 0);
    turn_for(rig, 5000);
    assert_true(exists_in(rig, "a.log"));
    close(fd);
    UNTIL(rig, !exists_in(rig, "a.log"));
}

static void a_rotated_generation_is_deleted_also_after_a_restart(void **state)
{
    struct rig *rig = *state;
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    put(rig, "access.log", "one\nrest");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "access.log", "access.log.1");
    UNTIL(rig, is_ended(rig, 0));
    stop(rig);
    rig->in.delete_enabled = true;
    rig->in.delete_grace_ns = 60 * NS_PER_S;
    assert_int_equal(utimensat(AT_FDCWD, path_of(rig, "access.log.1"), long_ago, 0), 0);
    start(rig);
    UNTIL(rig, !exists_in(rig, "access.log.1"));
    assert_int_equal(tail_stats(rig->tail)->files_open, 0);
    assert_int_equal(rig->sink.made[0].n_ends, 1);
}

/* Both are old, both are to be deleted: the younger waits for the older and is not deleted before it is read. */
static void a_compressed_file_is_read_before_it_is_deleted(void **state)
{
    struct rig *rig = *state;
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    static const char *const names[] = {"a.log.2.gz", "a.log.1.gz"};
    for (size_t i = 0; i < COUNT(names); i++) {
        gzFile gz = gzopen(path_of(rig, names[i]), "wbe");
        assert_non_null(gz);
        assert_int_equal(gzputs(gz, "one line of it\n"), 15);
        assert_int_equal(gzclose(gz), Z_OK);
        assert_int_equal(utimensat(AT_FDCWD, path_of(rig, names[i]), long_ago, 0), 0);
    }
    rig->in.delete_enabled = true;
    rig->in.delete_grace_ns = 60 * NS_PER_S;
    set_path(rig, "a.log*");
    start(rig);
    UNTIL(rig, !exists_in(rig, names[0]) && !exists_in(rig, names[1]));
    assert_int_equal(rig->sink.n, 2);
    assert_bytes(rig, 0, "one line of it\n");
    assert_bytes(rig, 1, "one line of it\n");
    assert_int_equal(tail_stats(rig->tail)->ends_proven, 2);
}

/* Renamed back to its own name while it waits for its deletion, and written to. */
static void an_ended_file_that_grows_is_read_on(void **state)
{
    struct rig *rig = *state;
    rig->in.delete_enabled = true;
    rig->in.delete_grace_ns = 3600 * NS_PER_S;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "access.log", "access.log.1");
    UNTIL(rig, is_ended(rig, 0));
    put(rig, "access.log.1", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    assert_int_equal(rig->sink.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_is_kept_is_given_back),
        ON_BOTH(nothing_is_given_back_before_it_is_durable),
        ON_BOTH(a_lost_position_begins_behind_the_hole),
        IN_MEMORY(without_write_access_it_is_said_and_followed),
        ON_BOTH(above_the_limit_all_is_held_and_said),
        ON_BOTH(above_the_limit_the_oldest_are_given_up),
        ON_BOTH(a_file_that_is_done_is_deleted_after_the_grace_period),
        ON_BOTH(a_file_that_somebody_writes_to_is_not_deleted),
        ON_BOTH(a_rotated_generation_is_deleted_also_after_a_restart),
        ON_BOTH(a_compressed_file_is_read_before_it_is_deleted),
        ON_BOTH(an_ended_file_that_grows_is_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
