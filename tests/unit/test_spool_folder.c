/* test_spool_folder.c: what a start makes of a folder: a damaged cursor, missing and foreign files, another owner, and
 * a folder that format version 1 wrote (tests/spool-v1).
 *
 * To write such a folder again (only for a new version, into a new folder): build/tests/unit/test_spool_folder write DIR
 */
#include "posta_test.h"
#include "spool/store.h"

#include <sys/wait.h>

enum { SLOT_BYTES = 64, SLOT_STRIDE = 512 };

static const char *golden_dir = "tests/spool-v1";

/* ---- helpers ---- */

/* Four records of 100 bytes of file 1, each in a segment of its own; the cursor behind the second; saved twice. */
static void make_four_segments(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, 1 << 20);
    struct spool_item item;
    struct err err;
    add_file(spool, 1);
    for (int i = 0; i < 4; i++) {
        put(spool, file_of(spool, 1), 100);
        sync_now(spool);
        assert_int_equal(segment_seal(dir, spool->last, &err), 0);
        assert_int_equal(store_begin_segment(spool, &err), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take(spool, &item), 1);
        spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = 40});
        save_cursor(spool);
    }
    spool_close(spool);
}

static uint64_t first_byte(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, 1 << 20);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 400);
    assert_int_equal(file_of(spool, 1)->offset, 400);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    uint64_t from = reach.from[1];
    spool_close(spool);
    return from;
}

static void turn_byte(struct folder_file *file, size_t at)
{
    assert_true(at < file->bytes.len);
    file->bytes.data[at] ^= 0x10;
}

/* ---- the cursor's file ---- */

/* The newest save is at byte 40 of the second record. The one before it is in the first record, whose segment is gone. */
static void each_damaged_byte_of_the_cursor_falls_back_to_the_other_slot(void **state)
{
    struct folder whole = {.n = 0};
    make_four_segments(*state);
    folder_read(*state, &whole);
    struct folder_file *cursor = folder_file(&whole, "cursor");
    size_t n_old = 0;
    for (size_t at = 0; at < cursor->bytes.len; at++) {
        turn_byte(cursor, at);
        folder_write(*state, &whole);
        uint64_t from = first_byte(*state);
        assert_true(from == 140 || from == 100);
        n_old += from != 140;
        turn_byte(cursor, at);
    }
    assert_int_equal(n_old, SLOT_BYTES);
    folder_free(&whole);
}

static void with_both_slots_damaged_everything_comes_again(void **state)
{
    struct folder whole = {.n = 0};
    make_four_segments(*state);
    folder_read(*state, &whole);
    turn_byte(folder_file(&whole, "cursor"), 30);
    turn_byte(folder_file(&whole, "cursor"), SLOT_STRIDE + 30);
    folder_write(*state, &whole);
    assert_int_equal(first_byte(*state), 100); /* of what is still there */
    folder_free(&whole);
}

static void without_a_cursor_everything_comes_again(void **state)
{
    make_four_segments(*state);
    char *path = path_in(*state, "cursor");
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_int_equal(first_byte(*state), 100);
}

static void a_cursor_of_another_spool_does_not_count(void **state)
{
    char *other = path_in(*state, "other");
    struct folder files = {.n = 0}, others = {.n = 0};
    make_four_segments(*state);
    folder_read(*state, &files);
    make_four_segments(other);
    struct spool *spool = spool_start(other, 0, 1 << 20);
    spool_delivered(spool, spool_end(spool));
    save_cursor(spool);
    spool_close(spool);
    folder_read(other, &others);
    const struct buf *cursor = &folder_file(&others, "cursor")->bytes;
    folder_write(*state, &files);
    file_write(*state, "cursor", cursor->data, cursor->len);
    assert_int_equal(first_byte(*state), 100);
    folder_free(&files);
    folder_free(&others);
    free(other);
}

static void a_cursor_beyond_the_end_is_kept_and_new_records_come_after_it(void **state)
{
    struct folder whole = {.n = 0};
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    put(spool, add_file(spool, 1), 100);
    sync_now(spool);
    folder_read(*state, &whole); /* the segment as it is now, the cursor of later */
    for (int i = 0; i < 5; i++)
        put(spool, file_of(spool, 1), 10);
    struct spool_pos end = spool_end(spool);
    spool_delivered(spool, (struct spool_pos) {.seq = end.seq - 1, .done = 5});
    spool_close(spool);
    struct buf cursor = BUF_INIT;
    file_read(*state, "cursor", &cursor);
    folder_write(*state, &whole);
    file_write(*state, "cursor", cursor.data, cursor.len);
    spool = spool_start(*state, 0, 1 << 20);
    put(spool, file_of(spool, 1), 10);
    struct spool_item item;
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.seq, end.seq);
    assert_int_equal(item.skip, 0);
    assert_int_equal(item.chunk.from, 100);
    spool_close(spool);
    buf_free(&cursor);
    folder_free(&whole);
}

/* ---- segments that are missing, foreign, or no segments ---- */

static void a_missing_middle_segment_is_counted_and_the_rest_delivered(void **state)
{
    make_four_segments(*state);
    char *path = path_in(*state, "0000000000000003.seg");
    assert_int_equal(unlink(path), 0);
    free(path);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.from, 100);
    assert_int_equal(item.skip, 40);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.from, 300);
    assert_int_equal(take(spool, &item), 0);
    assert_int_equal(spool_stats(spool)->missing_records, 1);
    assert_int_equal(file_of(spool, 1)->offset, 400);
    spool_close(spool);
}

static void damage_is_counted_once_when_it_is_read_twice(void **state)
{
    make_four_segments(*state);
    char *path = path_in(*state, "0000000000000003.seg");
    assert_int_equal(unlink(path), 0);
    free(path);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    for (int i = 0; i < 3; i++) {
        while (take(spool, &item))
            continue;
        spool_rewind(spool);
    }
    assert_int_equal(spool_stats(spool)->missing_records, 1);
    spool_close(spool);
}

static void a_segment_that_vanishes_while_running_is_stepped_over(void **state)
{
    struct spool *spool = spool_start(*state, 0, 300);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < 8; i++)
        put(spool, src, 300);
    char *path = path_in(*state, "0000000000000003.seg");
    assert_int_equal(unlink(path), 0);
    free(path);
    struct spool_item item;
    uint64_t n = 0;
    for (; take(spool, &item); n++)
        delivered_up_to(spool, &item);
    assert_int_equal(n, 7);
    assert_int_equal(spool_stats(spool)->missing_records, 1);
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    assert_true(spool_is_drained(spool));
    spool_close(spool);
}

/* What is not a segment goes to bad/, whole, and stops nothing. */
static void check_quarantine(const char *dir, const char *bytes, size_t len)
{
    struct spool *spool;
    struct reach reach;
    struct buf found = BUF_INIT;
    char *bad = path_in(dir, "bad");
    make_four_segments(dir);
    file_write(dir, "00000000000000ff.seg", bytes, len);
    spool = spool_start(dir, 0, 1 << 20);
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 140);
    assert_int_equal(reach.to[1], 400);
    spool_close(spool);
    assert_false(file_exists(dir, "00000000000000ff.seg"));
    file_read(bad, "00000000000000ff.seg", &found);
    assert_int_equal(found.len, len);
    assert_memory_equal(found.data, bytes, len);
    buf_free(&found);
    free(bad);
}

static void an_empty_segment_goes_to_bad(void **state)
{
    check_quarantine(*state, "", 0);
}

static void a_garbage_segment_goes_to_bad(void **state)
{
    char bytes[1000];
    random_begin("garbage segment");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_next();
    check_quarantine(*state, bytes, sizeof(bytes));
}

static void a_segment_of_an_unknown_version_goes_to_bad(void **state)
{
    const struct segment seg = {.no = 0xff, .base_seq = 1};
    uint8_t head[SEGMENT_HEADER_BYTES];
    segment_pack_header(&seg, head);
    put_u32(head + 8, 2);
    put_u32(head + 60, crc32c(0, head, 60));
    check_quarantine(*state, (const char *)head, sizeof(head));
}

static void a_segment_of_another_spool_goes_to_bad(void **state)
{
    struct segment seg = {.no = 0xff, .base_seq = 1000, .uuid = "another spool"};
    uint8_t head[SEGMENT_HEADER_BYTES];
    segment_pack_header(&seg, head);
    check_quarantine(*state, (const char *)head, sizeof(head));
}

static void two_bad_files_of_one_name_are_both_kept(void **state)
{
    char *bad = path_in(*state, "bad");
    for (int i = 0; i < 2; i++) {
        file_write(*state, "00000000000000ff.seg", "garbage", 7);
        spool_close(spool_start(*state, 0, 1 << 20));
    }
    struct folder kept = {.n = 0};
    folder_read(bad, &kept);
    assert_int_equal(kept.n, 2);
    folder_free(&kept);
    free(bad);
}

static void a_folder_of_garbage_opens(void **state)
{
    char name[32], bytes[600];
    random_begin("garbage folder");
    for (int i = 1; i <= 12; i++) {
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (char)random_next();
        snprintf(name, sizeof(name), "%016x.%s", i, i % 2 ? "open" : "seg");
        file_write(*state, name, bytes, 64 + random_below(sizeof(bytes) - 64)); /* a whole header */
    }
    file_write(*state, "cursor", bytes, sizeof(bytes));
    file_write(*state, "lock", bytes, sizeof(bytes));
    file_write(*state, "README", "x", 1);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(spool_stats(spool)->damaged_regions, 12);
    assert_null(spool_sources(spool));
    put(spool, add_file(spool, 1), 100);
    assert_true(file_exists(*state, "README"));
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 100);
    spool_close(spool);
}

static void a_folder_named_like_a_segment_does_not_stop_a_start(void **state)
{
    char *path = path_in(*state, "0000000000000007.seg");
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
    const struct spool_config config = {.path = *state, .segment_bytes = 1 << 20};
    struct spool *spool = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(spool_open(&spool, &config, &err), 0);
    spool_close(spool);
}

/* ---- the lock ---- */

static void another_process_is_refused_and_told_the_pid(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    char *text = mem_printf("open spool: %s/lock is held by another posta, pid %d", (char *)*state,
                            (int)getpid());
    pid_t child = fork();
    if (child == 0) {
        const struct spool_config config = {.path = *state, .segment_bytes = 1 << 20};
        struct spool *second;
        struct err err = ERR_INIT;
        int rc = spool_open(&second, &config, &err);
        _exit(rc == -1 && err.kind == ERR_AGAIN && strcmp(err.text, text) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(text);
    spool_close(spool);
    spool_close(spool_start(*state, 0, 1 << 20));
}

/* ---- format version 1 ---- */

/* What is in tests/spool-v1: five closed segments and an open one with a torn tail, a cursor inside the first chunk. */
static void write_golden(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, 600);
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    struct err err = ERR_INIT;
    for (size_t i = 0; i < 4; i++) {
        put(spool, one, 100 + i);
        put(spool, two, 50 + i);
    }
    if (spool_end_source(spool, two, END_LEASE, 0, &err))
        fail_msg("%s", err.text);
    put(spool, one, 33);
    struct spool_item item;
    assert_int_equal(take(spool, &item), 1);
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = 46});
    char *torn = mem_printf("%016llx.open", (unsigned long long)spool->last->no);
    spool_close(spool);
    struct buf bytes = BUF_INIT;
    file_read(dir, torn, &bytes);
    buf_append(&bytes, "rec1 and no more", 16);
    file_write(dir, torn, bytes.data, bytes.len);
    buf_free(&bytes);
    free(torn);
}

static void a_folder_of_format_version_1_is_read(void **state)
{
    struct folder golden = {.n = 0};
    folder_read(golden_dir, &golden);
    folder_write(*state, &golden);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(file_of(spool, 1)->offset, 100 + 101 + 102 + 103 + 33);
    assert_int_equal(file_of(spool, 2)->offset, 50 + 51 + 52 + 53);
    assert_int_equal(file_of(spool, 2)->flags, SOURCE_ENDED);
    assert_string_equal(file_of(spool, 1)->path, "/var/log/nginx/access.log");
    assert_string_equal(file_of(spool, 1)->input, "nginx");
    assert_int_equal(spool_end(spool).seq, 13);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 46);
    assert_int_equal(reach.to[1], 439);
    assert_int_equal(reach.from[2], 0);
    assert_int_equal(reach.to[2], 206);
    assert_int_equal(spool_stats(spool)->torn_bytes, 16);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    spool_close(spool);
    folder_free(&golden);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        write_golden(argv[2]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_damaged_byte_of_the_cursor_falls_back_to_the_other_slot),
        IN_FOLDER(with_both_slots_damaged_everything_comes_again),
        IN_FOLDER(without_a_cursor_everything_comes_again),
        IN_FOLDER(a_cursor_of_another_spool_does_not_count),
        IN_FOLDER(a_cursor_beyond_the_end_is_kept_and_new_records_come_after_it),
        IN_FOLDER(a_missing_middle_segment_is_counted_and_the_rest_delivered),
        IN_FOLDER(damage_is_counted_once_when_it_is_read_twice),
        IN_FOLDER(a_segment_that_vanishes_while_running_is_stepped_over),
        IN_FOLDER(an_empty_segment_goes_to_bad),
        IN_FOLDER(a_garbage_segment_goes_to_bad),
        IN_FOLDER(a_segment_of_an_unknown_version_goes_to_bad),
        IN_FOLDER(a_segment_of_another_spool_goes_to_bad),
        IN_FOLDER(two_bad_files_of_one_name_are_both_kept),
        IN_FOLDER(a_folder_of_garbage_opens),
        IN_FOLDER(a_folder_named_like_a_segment_does_not_stop_a_start),
        IN_FOLDER(another_process_is_refused_and_told_the_pid),
        IN_FOLDER(a_folder_of_format_version_1_is_read),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
