/* test_tail_copy_races.c: what copytruncate and gzip make of a log is delivered once, whatever of it was read before. */
#include "tail_test.h"

#include <zlib.h>

/* How often these bytes are in what was handed on. */
static int n_times(const struct rig *rig, const char *text)
{
    int n = 0;
    for (size_t i = 0; i < rig->sink.n; i++) {
        const struct buf *bytes = &rig->sink.made[i].bytes;
        size_t len = strlen(text);
        for (size_t at = 0; at + len <= bytes->len; at++)
            n += memcmp(bytes->data + at, text, len) == 0;
    }
    return n;
}

static void copy_to(const struct rig *rig, const char *from, const char *to)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    next_birth_time();
    assert_int_equal(fs_read_file(path_of(rig, from), SIZE_MAX, &bytes, &err), 0);
    put(rig, to, buf_str(&bytes));
    buf_free(&bytes);
}

static void cut(const struct rig *rig, const char *name)
{
    assert_int_equal(truncate(path_of(rig, name), 0), 0);
}

/* As gzip does: the time stays, then the original goes. */
static void gzip_it(const struct rig *rig, const char *name)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    struct stat st;
    char *to = mem_printf("%s.gz", path_of(rig, name));
    assert_int_equal(fs_read_file(path_of(rig, name), SIZE_MAX, &bytes, &err), 0);
    assert_int_equal(stat(path_of(rig, name), &st), 0);
    gzFile gz = gzopen(to, "we");
    assert_int_equal(gzwrite(gz, bytes.data, (unsigned)bytes.len), bytes.len);
    assert_int_equal(gzclose(gz), Z_OK);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, to, times, 0), 0);
    unlink_in(rig, name);
    buf_free(&bytes);
    free(to);
}

static void follow_all(struct rig *rig)
{
    set_path(rig, "access.log*");
    start(rig);
    settle(rig);
}

/* ---- copies ---- */

static void a_copy_that_is_followed_is_read_at_once(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "");
    follow_all(rig);
    put(rig, "access.log", "one\n");
    copy_to(rig, "access.log", "access.log.1");
    cut(rig, "access.log");
    settle(rig); /* without the slow look */
    assert_int_equal(n_times(rig, "one\n"), 1);
}

/* The copy is older than the log that has the name now, as a generation that was missed would be. */
static void a_copy_whose_log_was_replaced(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    settle(rig);
    copy_to(rig, "access.log", "access.log.1");
    cut(rig, "access.log");
    unlink_in(rig, "access.log");
    next_birth_time();
    put(rig, "access.log", "two\n");
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
    assert_int_equal(n_times(rig, "two\n"), 1);
}

/* Its bytes agreed with the log when that was not read yet; then the log was cut and filled with others. */
static void a_copy_that_agreed_before_the_log_was_read(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log-other", "");
    next_birth_time();
    int fd = writer(rig, "access.log");
    follow_all(rig);
    put(rig, "access.log-other", "x\n"); /* growth is read by the clock now, each 5 ms */
    turn(rig, 0);
    turn(rig, 0);
    say(fd, "one\n");
    copy_to(rig, "access.log", "access.log.1");
    turn(rig, 0);
    cut(rig, "access.log");
    say(fd, "two\n");
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
    assert_int_equal(n_times(rig, "two\n"), 1);
    close(fd);
}

/* Whatever call is the one that is refused. */
static void a_copy_while_the_spool_fills(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "");
    follow_all(rig);
    for (int room = 0; room < 6; room++) {
        char *line = mem_printf("line %d\n", room);
        put(rig, "access.log", line);
        settle(rig);
        copy_to(rig, "access.log", "access.log.1");
        cut(rig, "access.log");
        rig->sink.room = room;
        settle(rig);
        rig->sink.room = -1;
        tail_resume(rig->tail);
        look_again(rig);
        look_again(rig);
        assert_int_equal(n_times(rig, line), 1);
        unlink_in(rig, "access.log.1");
        free(line);
    }
}

static void an_empty_copy_that_went_is_let_go(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "");
    follow_all(rig);
    next_birth_time();
    put(rig, "access.log.1", "");
    settle(rig);
    assert_int_equal(rig->tail->suspects.n, 1);
    unlink_in(rig, "access.log.1");
    settle(rig);
    assert_int_equal(rig->tail->suspects.n, 0);
}

/* ---- compressed ---- */

static void compressed_before_it_was_read(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "");
    follow_all(rig);
    put(rig, "access.log", "one\n");
    rename_in(rig, "access.log", "access.log.1");
    gzip_it(rig, "access.log.1"); /* posta has it open */
    put(rig, "access.log", "two\n");
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
    assert_int_equal(n_times(rig, "two\n"), 1);
}

static void compressed_under_another_number_than_it_was_found(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "zero\n");
    follow_all(rig);
    rename_in(rig, "access.log", "access.log.9");
    put(rig, "access.log", "one\n");
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "two\n");
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
    rename_in(rig, "access.log.1", "access.log.2");
    gzip_it(rig, "access.log.2");
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
}

/* The copy is known by its last bytes after a restart. */
static void a_copy_compressed_while_posta_is_away(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    settle(rig);
    copy_to(rig, "access.log", "access.log.1");
    cut(rig, "access.log");
    settle(rig);
    stop(rig);
    gzip_it(rig, "access.log.1");
    next_birth_time();
    start(rig);
    look_again(rig);
    assert_int_equal(n_times(rig, "one\n"), 1);
}

static void cut_then_filled_renamed_and_compressed(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_all(rig);
    cut(rig, "access.log");
    put(rig, "access.log", "two, longer\n");
    rename_in(rig, "access.log", "access.log.1");
    gzip_it(rig, "access.log.1");
    look_again(rig);
    assert_int_equal(n_times(rig, "two, longer\n"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_copy_that_is_followed_is_read_at_once),
        ON_BOTH(a_copy_whose_log_was_replaced),
        IN_MEMORY(a_copy_that_agreed_before_the_log_was_read),
        ON_BOTH(a_copy_while_the_spool_fills),
        IN_MEMORY(an_empty_copy_that_went_is_let_go),
        ON_BOTH(compressed_before_it_was_read),
        ON_BOTH(compressed_under_another_number_than_it_was_found),
        ON_BOTH(a_copy_compressed_while_posta_is_away),
        ON_BOTH(cut_then_filled_renamed_and_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
