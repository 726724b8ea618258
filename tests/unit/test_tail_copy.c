/* test_tail_copy.c: copies of a log, as copytruncate and gzip make them: nothing twice, and nothing lost that a copy has. */
#include "tail_test.h"

#include <zlib.h>

static void copy_file(struct rig *rig, const char *from, const char *to)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    assert_int_equal(fs_read_file(path_of(rig, from), SIZE_MAX, &bytes, &err), 0);
    next_birth_time();
    int fd = writer(rig, to);
    say_bytes(fd, bytes.data, bytes.len);
    close(fd);
    buf_free(&bytes);
}

static void cut(struct rig *rig, const char *name)
{
    assert_int_equal(truncate(path_of(rig, name), 0), 0);
}

/* As gzip does it: the new file has the time of the old one, which goes. */
static void compress_file(struct rig *rig, const char *from, const char *to)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    struct stat st;
    assert_int_equal(stat(path_of(rig, from), &st), 0);
    assert_int_equal(fs_read_file(path_of(rig, from), SIZE_MAX, &bytes, &err), 0);
    gzFile gz = gzopen(path_of(rig, to), "wb");
    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, bytes.data, (unsigned)bytes.len), (int)bytes.len);
    assert_int_equal(gzclose(gz), Z_OK);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path_of(rig, to), times, 0), 0);
    unlink_in(rig, from);
    buf_free(&bytes);
}

/* All that was handed on, of all sources together, in order of the sources. */
static char *all_text(struct rig *rig)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < rig->sink.n; i++)
        buf_append(&text, rig->sink.made[i].bytes.data ? rig->sink.made[i].bytes.data : "",
                   rig->sink.made[i].bytes.len);
    char *copy = mem_dup(buf_str(&text));
    buf_free(&text);
    return copy;
}

#define ASSERT_ALL(rig, expected)                                                                  \
    do {                                                                                           \
        char *text_ = all_text(rig);                                                               \
        if (strcmp(text_, expected) != 0)                                                          \
            print_error("%s", log_text(rig));                                                      \
        assert_string_equal(text_, expected);                                                      \
        free(text_);                                                                               \
    } while (0)

/* ---- copytruncate ---- */

static void bytes_that_were_cut_unread_come_from_the_copy(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", "two\nthree\n");
    copy_file(rig, "access.log", "access.log.1");
    cut(rig, "access.log");
    put(rig, "access.log", "four\n");
    UNTIL(rig, rig->sink.n == 3 && rig->sink.made[2].bytes.len == 5);
    assert_string_equal(story_of(rig, 0), "0-4 copied@4");
    assert_bytes(rig, 1, "two\nthree\n");
    assert_bytes(rig, 2, "four\n");
    UNTIL(rig, is_ended(rig, 1));
    assert_int_equal(tail_stats(rig->tail)->bytes_recovered, 10);
    assert_int_equal(tail_stats(rig->tail)->bytes_lost, 0);
    assert_int_equal(tail_stats(rig->tail)->truncations, 1);
    assert_true(
        log_has(rig, "truncated at byte 4; the 10 bytes not read before are taken from its copy"));
}

static void the_same_while_posta_was_away(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    put(rig, "access.log", "two\n");
    copy_file(rig, "access.log", "access.log-20261124");
    cut(rig, "access.log");
    put(rig, "access.log", "three and more than before\n");
    start(rig);
    UNTIL(rig, rig->sink.n == 3 && rig->sink.made[2].bytes.len > 0);
    ASSERT_ALL(rig, "one\ntwo\nthree and more than before\n");
}

static void without_a_copy_what_was_seen_is_counted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\npart");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    settle(rig);
    cut(rig, "access.log");
    put(rig, "access.log", "two\n");
    UNTIL(rig, has_bytes(rig, 1, "two\n"));
    assert_int_equal(rig->sink.made[0].lost_bytes, 4);
    assert_int_equal(tail_stats(rig->tail)->bytes_lost, 4);
    assert_int_equal(tail_stats(rig->tail)->lost_unknown, 1);
    assert_true(log_has(
        rig, "4 bytes that were seen and not yet read are lost, and what was written after"));
}

static void an_older_file_of_the_same_content_is_no_copy(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log.1", "one\nold\n");
    next_birth_time();
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    cut(rig, "access.log");
    put(rig, "access.log", "2\n");
    UNTIL(rig, has_bytes(rig, 1, "2\n"));
    assert_int_equal(rig->sink.n, 2);
}

/* ---- a wildcard sees the copies too ---- */

static void a_copy_is_not_delivered_again(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    set_path(rig, "access.log*");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    copy_file(rig, "access.log", "access.log.1");
    UNTIL(rig, log_has(rig, "access.log.1 is a copy of"));
    cut(rig, "access.log");
    put(rig, "access.log", "three\n");
    UNTIL(rig, rig->sink.n == 3 && rig->sink.made[2].bytes.len == 6);
    look_again(rig);
    stop(rig);
    start(rig);
    look_again(rig);
    ASSERT_ALL(rig, "one\ntwo\nthree\n");
    turn_for(rig, 3000);
    assert_int_equal(tail_stats(rig->tail)->generations_lost, 0);
}

/* The copy grows step by step while posta looks; then the log is cut before posta has read its last lines. */
static void a_copy_that_grows_is_waited_for(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    set_path(rig, "access.log*");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    next_birth_time();
    int copy = writer(rig, "access.log.1");
    settle(rig);
    say(copy, "one\nt");
    settle(rig);
    assert_int_equal(rig->sink.n, 1);
    put(rig, "access.log", "three\n");
    say(copy, "wo\nthree\n");
    close(copy);
    cut(rig, "access.log");
    put(rig, "access.log", "four\n");
    UNTIL(rig, rig->sink.n == 3 && rig->sink.made[2].bytes.len > 0);
    ASSERT_ALL(rig, "one\ntwo\nthree\nfour\n");
}

static void a_log_that_begins_alike_is_a_log_of_its_own(void **state)
{
    struct rig *rig = *state;
    put(rig, "app.log", "# version 1\nof app.log\n");
    set_path(rig, "app.log*");
    start(rig);
    UNTIL(rig, rig->sink.n == 1);
    next_birth_time();
    int fd = writer(rig, "app.log.err");
    say(fd, "# version 1\n");
    settle(rig);
    say(fd, "of app.log.err\n");
    UNTIL(rig, has_bytes(rig, 1, "# version 1\nof app.log.err\n"));
    close(fd);
    turn_for(rig, 3000);
    assert_int_equal(tail_stats(rig->tail)->generations_lost, 0);
}

/* ---- gzip ---- */

static void a_compressed_generation_is_not_delivered_again(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    rename_in(rig, "access.log", "access.log.1");
    next_birth_time();
    put(rig, "access.log", "three\n");
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    compress_file(rig, "access.log.1", "access.log.2.gz");
    look_again(rig);
    look_again(rig);
    stop(rig);
    start(rig);
    look_again(rig);
    ASSERT_ALL(rig, "one\ntwo\nthree\n");
}

static void the_rest_of_a_generation_compressed_meanwhile_is_read(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    put(rig, "access.log", "two\nthree\n");
    compress_file(rig, "access.log", "access.log.1.gz");
    next_birth_time();
    put(rig, "access.log", "four\n");
    start(rig);
    UNTIL(rig, rig->sink.n == 3 && is_ended(rig, 1) + is_ended(rig, 2) == 1);
    look_again(rig);
    assert_string_equal(story_of(rig, 0), "0-4 copied@4");
    char *text = all_text(rig);
    assert_non_null(strstr(text, "two\nthree\n"));
    assert_non_null(strstr(text, "four\n"));
    assert_int_equal(strlen(text), strlen("one\ntwo\nthree\nfour\n"));
    free(text);
    assert_int_equal(tail_stats(rig->tail)->bytes_recovered, 10);
    assert_int_equal(tail_stats(rig->tail)->lost_unknown, 0);
}

static void generations_made_and_compressed_meanwhile_are_read_in_order(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    compress_file(rig, "access.log", "access.log.3.gz");
    next_birth_time();
    put(rig, "b", "two\n");
    compress_file(rig, "b", "access.log.2.gz");
    next_birth_time();
    put(rig, "c", "three\n");
    rename_in(rig, "c", "access.log.1");
    next_birth_time();
    put(rig, "access.log", "four\n");
    next_birth_time();
    start(rig);
    for (int i = 0; i < 5; i++)
        look_again(rig);
    char *text = all_text(rig);
    assert_int_equal(strlen(text), strlen("one\ntwo\nthree\nfour\n"));
    assert_non_null(strstr(text, "two\n"));
    assert_non_null(strstr(text, "three\n"));
    free(text);
    stop(rig);
    start(rig);
    look_again(rig);
    text = all_text(rig);
    assert_int_equal(strlen(text), strlen("one\ntwo\nthree\nfour\n"));
    free(text);
}

static void generations_from_before_are_left_alone(void **state)
{
    struct rig *rig = *state;
    put(rig, "old", "old\n");
    compress_file(rig, "old", "access.log.1.gz");
    next_birth_time();
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    look_again(rig);
    assert_int_equal(rig->sink.n, 1);
}

static void a_wildcard_reads_compressed_files(void **state)
{
    struct rig *rig = *state;
    struct buf text = BUF_INIT;
    for (int i = 0; text.len < 700 * 1024; i++)
        buf_printf(&text, "line %d of a generation that is compressed\n", i);
    put(rig, "plain", buf_str(&text));
    compress_file(rig, "plain", "a.log.gz");
    set_path(rig, "*.log*");
    start(rig);
    UNTIL(rig, is_ended(rig, 0));
    assert_int_equal(rig->sink.made[0].bytes.len, text.len);
    assert_memory_equal(rig->sink.made[0].bytes.data, text.data, text.len);
    look_again(rig);
    assert_int_equal(rig->sink.n, 1);
    assert_int_equal(tail_stats(rig->tail)->files_open, 0);
    buf_free(&text);
}

static void a_compressed_file_that_is_cut_off_is_said(void **state)
{
    struct rig *rig = *state;
    struct buf text = BUF_INIT;
    for (int i = 0; text.len < 300 * 1024; i++)
        buf_printf(&text, "line %d, %x\n", i, i * 2654435761u);
    put(rig, "plain", buf_str(&text));
    compress_file(rig, "plain", "a.gz");
    struct stat st;
    assert_int_equal(stat(path_of(rig, "a.gz"), &st), 0);
    assert_int_equal(truncate(path_of(rig, "a.gz"), st.st_size / 2), 0);
    rename_in(rig, "a.gz", "a.log.gz");
    set_path(rig, "*.log*");
    start(rig);
    UNTIL(rig, is_ended(rig, 0));
    assert_int_equal(rig->sink.made[0].proof, END_TRUNCATED);
    assert_true(rig->sink.made[0].bytes.len > 1000);
    assert_memory_equal(rig->sink.made[0].bytes.data, text.data, rig->sink.made[0].bytes.len);
    assert_true(log_has(rig, "compressed generation is cut off at its byte"));
    buf_free(&text);
}

static void other_compressions_are_said(void **state)
{
    struct rig *rig = *state;
    put(rig, "a.log.xz",
        "\xfd"
        "7zXZ rubbish\n");
    set_path(rig, "*.log*");
    start(rig);
    look_again(rig);
    assert_true(log_has(rig, "a.log.xz is compressed by xz, which posta does not read"));
    assert_int_equal(rig->sink.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(bytes_that_were_cut_unread_come_from_the_copy),
        ON_BOTH(the_same_while_posta_was_away),
        ON_BOTH(without_a_copy_what_was_seen_is_counted),
        ON_BOTH(an_older_file_of_the_same_content_is_no_copy),
        ON_BOTH(a_copy_is_not_delivered_again),
        ON_BOTH(a_copy_that_grows_is_waited_for),
        ON_BOTH(a_log_that_begins_alike_is_a_log_of_its_own),
        ON_BOTH(a_compressed_generation_is_not_delivered_again),
        ON_BOTH(the_rest_of_a_generation_compressed_meanwhile_is_read),
        ON_BOTH(generations_made_and_compressed_meanwhile_are_read_in_order),
        ON_BOTH(generations_from_before_are_left_alone),
        ON_BOTH(a_wildcard_reads_compressed_files),
        ON_BOTH(a_compressed_file_that_is_cut_off_is_said),
        IN_MEMORY(other_compressions_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
