/* test_tail_chunk.c: bytes of a file → runs of whole lines; over-long lines; truncation. */
#include "tail_test.h"

/* ---- whole lines ---- */

static void whole_lines_are_handed_on(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    put(rig, "access.log", "three\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\nthree\n"));
    assert_string_equal(story_of(rig, 0), "0-8 8-14");
    assert_int_equal(tail_stats(rig->tail)->bytes_read, 14);
    assert_int_equal(tail_stats(rig->tail)->chunks, 2);
}

static void a_partial_line_waits_for_its_end(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    follow_one(rig);
    say(fd, "one\ntw");
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    say(fd, "o");
    look_again(rig);
    assert_bytes(rig, 0, "one\n");
    say(fd, "\nthr");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    close(fd);
    look_again(rig);
    assert_bytes(rig, 0, "one\ntwo\n");
}

static void carriage_returns_and_empty_lines_stay(void **state)
{
    struct rig *rig = *state;
    follow_one(rig);
    put(rig, "access.log", "\r\n\n\r\r\na\rb\r\n\n");
    UNTIL(rig, has_bytes(rig, 0, "\r\n\n\r\r\na\rb\r\n\n"));
}

static void nul_bytes_are_bytes(void **state)
{
    struct rig *rig = *state;
    static const char bytes[] = "a\0b\n\0\0\n\xff\xfe\n";
    int fd = writer(rig, "access.log");
    say_bytes(fd, bytes, sizeof(bytes) - 1);
    close(fd);
    follow_one(rig);
    UNTIL(rig, rig->sink.n == 1 && rig->sink.made[0].bytes.len == sizeof(bytes) - 1);
    assert_memory_equal(rig->sink.made[0].bytes.data, bytes, sizeof(bytes) - 1);
}

static void more_than_one_block_comes_whole(void **state)
{
    struct rig *rig = *state;
    struct buf text = BUF_INIT;
    for (int i = 0; text.len < 3 * 1024 * 1024; i++)
        buf_printf(&text, "%d %.*s\n", i, i % 200,
                   "................................................"
                   "................................................"
                   "................................................"
                   "................................................"
                   "........");
    put(rig, "access.log", buf_str(&text));
    follow_one(rig);
    UNTIL(rig, rig->sink.n == 1 && rig->sink.made[0].bytes.len == text.len);
    assert_memory_equal(rig->sink.made[0].bytes.data, text.data, text.len);
    buf_free(&text);
}

/* ---- over-long lines ---- */

struct long_case {
    size_t limit, len; /* of the line, without its newline */
    bool is_whole;     /* the line fits, or its newline is seen with it: the encoder cuts it */
};

static const struct long_case long_cases[] = {
    {1024, 300 * 1024, false},
    {1024, 131072 + 1, false},
    {100 * 1024, 300 * 1024, false},
    {512 * 1024, 512 * 1024 - 1, true},
    {512 * 1024, 600 * 1024, false},
    {512 * 1024, 2 * 1024 * 1024, false},
    {131072, 140000, false},
    {131072 - 64, 131072 + 700, false},
    {16 * 1024 * 1024, 300 * 1024, true},
};

/* before\n, the long line in pieces of this size (0 = at once), after\n */
static void write_long(struct rig *rig, const struct long_case *row, size_t piece)
{
    char *line = mem_alloc(row->len + 1);
    memset(line, 'x', row->len);
    line[row->len] = '\n';
    int fd = writer(rig, "access.log");
    say(fd, "before\n");
    for (size_t at = 0, n; at < row->len + 1; at += n) {
        n = piece && piece < row->len + 1 - at ? piece : row->len + 1 - at;
        say_bytes(fd, line + at, n);
        if (piece)
            turn_for(rig, 7);
    }
    say(fd, "after\n");
    close(fd);
    free(line);
}

static const struct buf *got(const struct rig *rig)
{
    return &rig->sink.made[0].bytes;
}

static bool ends_with(const struct buf *buf, const char *text)
{
    size_t len = strlen(text);
    return buf->len >= len && memcmp(buf->data + buf->len - len, text, len) == 0;
}

static void check_long(struct rig *rig, const struct long_case *row)
{
    UNTIL(rig, rig->sink.n == 1 && ends_with(got(rig), "after\n"));
    const char *story = story_of(rig, 0);
    size_t kept = row->is_whole ? row->len + 1 : row->limit;
    size_t end = 7 + row->len + 1;
    char words[64];
    assert_memory_equal(got(rig)->data, "before\n", 7);
    assert_int_equal(got(rig)->len, 7 + kept + 6);
    assert_int_equal(strspn(got(rig)->data + 7, "x"), kept - row->is_whole);
    assert_int_equal(strstr(story, ":cut") == NULL, row->is_whole);
    assert_int_equal(strstr(story, ":skip") == NULL, row->is_whole);
    snprintf(words, sizeof(words), "-%zu:skip:resumed %zu-%zu", end, end, end + 6);
    if (!row->is_whole)
        assert_non_null(strstr(story, words));
    assert_int_equal(rig->sink.reg.first->offset, end + 6);
}

static void run_long_cases(size_t piece)
{
    for (size_t i = 0; i < COUNT(long_cases); i++) {
        void *state;
        rig_in_memory(&state);
        struct rig *rig = state;
        rig->in.message_max_bytes = long_cases[i].limit;
        if (piece)
            follow_one(rig);
        write_long(rig, &long_cases[i], piece);
        if (!piece)
            follow_one(rig);
        check_long(rig, &long_cases[i]);
        rig_close(&state);
    }
}

static void a_long_line_is_cut_and_its_neighbours_are_whole(void **state)
{
    (void)state;
    run_long_cases(0);
}

static void a_long_line_in_pieces_is_cut_the_same(void **state)
{
    (void)state;
    run_long_cases(9973);
}

/* A line longer than the limit whose newline is in the block is handed on whole: it is the encoder that cuts it. */
static void a_long_line_in_one_block_is_not_cut_here(void **state)
{
    struct rig *rig = *state;
    rig->in.message_max_bytes = 1024;
    const struct long_case row = {1024, 5000, true};
    write_long(rig, &row, 0);
    follow_one(rig);
    check_long(rig, &row);
}

static void the_end_of_a_skipped_line_may_come_after_a_restart(void **state)
{
    struct rig *rig = *state;
    rig->in.message_max_bytes = 1024;
    int fd = writer(rig, "access.log");
    char line[1500];
    memset(line, 'x', sizeof(line));
    say_bytes(fd, line, sizeof(line));
    follow_one(rig);
    UNTIL(rig, rig->sink.n == 1 && rig->sink.reg.first->offset == sizeof(line));
    stop(rig);
    say(fd, "tail of it\nnext\n");
    start(rig);
    UNTIL(rig, rig->sink.made[0].bytes.len == 1024 + 5);
    assert_string_equal(story_of(rig, 0), "0-1024:cut 1024-1500:skip 1500-1511:skip:resumed "
                                          "1511-1516");
    close(fd);
}

static void a_line_of_just_the_limit_is_whole(void **state)
{
    struct rig *rig = *state;
    rig->in.message_max_bytes = 1024;
    char line[1024];
    memset(line, 'x', sizeof(line));
    int fd = writer(rig, "access.log");
    say_bytes(fd, line, sizeof(line));
    follow_one(rig);
    turn_for(rig, 50);
    say(fd, "\nnext\n");
    UNTIL(rig, rig->sink.n == 1 && ends_with(got(rig), "next\n"));
    assert_string_equal(story_of(rig, 0), "0-1030");
    close(fd);
}

/* ---- truncation ---- */

static void cut(const struct rig *rig, const char *name)
{
    assert_int_equal(truncate(path_of(rig, name), 0), 0);
}

static void a_truncated_file_begins_again(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    cut(rig, "access.log");
    UNTIL(rig, rig->sink.n == 2);
    assert_string_equal(story_of(rig, 0), "0-8 truncated@8");
    assert_true(rig->sink.made[0].is_forgotten);
    put(rig, "access.log", "new\n");
    UNTIL(rig, has_bytes(rig, 1, "new\n"));
    assert_int_equal(rig->sink.made[1].epoch, 1);
    assert_int_equal(tail_stats(rig->tail)->truncations, 1);
    assert_int_equal(tail_stats(rig->tail)->lost_unknown, 1);
    assert_true(log_has(rig, "access.log: truncated or rewritten at byte 8 (size now 0); 0 "
                             "bytes that were seen and not yet read are lost"));
}

static void truncated_and_grown_beyond_the_old_place(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    cut(rig, "access.log");
    put(rig, "access.log", "three\nfour\nfive\n");
    UNTIL(rig, has_bytes(rig, 1, "three\nfour\nfive\n"));
    assert_int_equal(rig->sink.n, 2);
    assert_int_equal(rig->sink.made[0].proof, END_TRUNCATED);
}

static void truncated_while_posta_was_away(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    stop(rig);
    cut(rig, "access.log");
    put(rig, "access.log", "three\nfour\nfive\n");
    start(rig);
    UNTIL(rig, has_bytes(rig, 1, "three\nfour\nfive\n"));
    assert_string_equal(story_of(rig, 0), "0-8 truncated@8");
}

static void truncated_to_a_shorter_beginning(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\nthree\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\nthree\n"));
    assert_int_equal(truncate(path_of(rig, "access.log"), 4), 0);
    UNTIL(rig, has_bytes(rig, 1, "one\n"));
    assert_int_equal(rig->sink.made[0].proof, END_TRUNCATED);
}

static void a_generation_after_a_truncation_is_rotated_as_others(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    cut(rig, "access.log");
    put(rig, "access.log", "two again\n");
    UNTIL(rig, has_bytes(rig, 1, "two again\n"));
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "three\n");
    UNTIL(rig, is_ended(rig, 1) && has_bytes(rig, 2, "three\n"));
    assert_string_equal(story_of(rig, 1), "0-10 lease@10");
    assert_int_equal(rig->sink.made[2].epoch, 0);
}

static void truncated_and_grown_behind_a_skipped_line(void **state)
{
    struct rig *rig = *state;
    rig->in.message_max_bytes = 1024;
    char line[1500];
    memset(line, 'x', sizeof(line));
    line[1499] = '\n';
    int fd = writer(rig, "access.log");
    say_bytes(fd, line, 1400);
    follow_one(rig);
    UNTIL(rig, rig->sink.n == 1 && rig->sink.reg.first->offset == 1400);
    say_bytes(fd, line + 1400, 100);
    UNTIL(rig, rig->sink.reg.first->offset == 1500);
    cut(rig, "access.log");
    struct buf text = BUF_INIT;
    for (int i = 0; text.len < 2000; i++)
        buf_printf(&text, "line %d\n", i);
    say_bytes(fd, text.data, text.len);
    close(fd);
    settle(rig);
    bool is_whole = has_bytes(rig, 1, buf_str(&text));
    buf_free(&text);
    assert_true(is_whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(whole_lines_are_handed_on),
        ON_BOTH(a_partial_line_waits_for_its_end),
        IN_MEMORY(carriage_returns_and_empty_lines_stay),
        IN_MEMORY(nul_bytes_are_bytes),
        ON_BOTH(more_than_one_block_comes_whole),
        cmocka_unit_test(a_long_line_is_cut_and_its_neighbours_are_whole),
        cmocka_unit_test(a_long_line_in_pieces_is_cut_the_same),
        IN_MEMORY(a_long_line_in_one_block_is_not_cut_here),
        IN_MEMORY(the_end_of_a_skipped_line_may_come_after_a_restart),
        IN_MEMORY(a_line_of_just_the_limit_is_whole),
        ON_BOTH(a_truncated_file_begins_again),
        ON_BOTH(truncated_and_grown_beyond_the_old_place),
        ON_BOTH(truncated_while_posta_was_away),
        ON_BOTH(truncated_to_a_shorter_beginning),
        ON_BOTH(a_generation_after_a_truncation_is_rotated_as_others),
        IN_MEMORY(truncated_and_grown_behind_a_skipped_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
