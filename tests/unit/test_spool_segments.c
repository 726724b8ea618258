/* test_spool_segments.c: what goes in comes out, segments come and go, the cursor moves, full is full. */
#include "posta_test.h"
#include "spool/store.h"

static void a_fresh_spool_is_empty(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    struct stat st;
    assert_int_equal(take(spool, &item), 0);
    assert_null(spool_sources(spool));
    assert_false(spool_is_dirty(spool));
    assert_int_equal(spool_stats(spool)->segments, 1);
    assert_true(file_exists(*state, "0000000000000001.open"));
    assert_int_equal(stat(*state, &st), 0);
    assert_int_equal(spool_end(spool).seq, 1);
    spool_close(spool);
}

static void chunks_come_back_as_they_were_over_many_segments(void **state)
{
    struct spool *spool = spool_start(*state, 0, 500);
    add_file(spool, 1);
    add_file(spool, 2);
    for (size_t i = 0; i < 60; i++)
        put(spool, file_of(spool, 1 + i % 2), i * 7);
    assert_true(spool_stats(spool)->segments > 10);
    struct reach reach;
    take_all(spool, &reach);
    for (uint64_t ino = 1; ino <= 2; ino++) {
        assert_int_equal(reach.from[ino], 0);
        assert_int_equal(reach.to[ino], file_of(spool, ino)->offset);
    }
    spool_close(spool);
}

static void all_fields_of_a_chunk_come_back(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct err err;
    const struct chunk rows[] = {
        {.from = 0, .to = 5, .read_ns = 77, .flags = CHUNK_CUT, .bytes = "abcde", .len = 5},
        {.from = 5,
         .to = 5000000000,
         .read_ns = 78,
         .flags = CHUNK_SKIPPED | CHUNK_RESUMED,
         .bytes = ""},
        {.from = 5000000000,
         .to = 5000000003,
         .read_ns = INT64_MAX,
         .flags = CHUNK_LAST,
         .bytes = "a\0\n",
         .len = 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(spool_append(spool, src, &rows[i], &err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct spool_item item;
        assert_int_equal(spool_next(spool, &item, &err), 1);
        assert_int_equal(item.type, SPOOL_DATA);
        assert_int_equal(item.seq, 2 + i);
        assert_int_equal(item.chunk.from, rows[i].from);
        assert_int_equal(item.chunk.to, rows[i].to);
        assert_int_equal(item.chunk.read_ns, rows[i].read_ns);
        assert_int_equal(item.chunk.flags, rows[i].flags);
        assert_int_equal(item.chunk.len, rows[i].len);
        assert_memory_equal(item.chunk.bytes, rows[i].bytes, rows[i].len);
        assert_string_equal(item.src->path, "/var/log/nginx/access.log");
    }
    spool_close(spool);
}

static void an_end_comes_back_with_its_proof(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 10);
    assert_int_equal(spool_end_source(spool, src, END_TRUNCATED, 0, &err), 0);
    assert_int_equal(src->flags, SOURCE_ENDED);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.type, SPOOL_END);
    assert_int_equal(item.proof, END_TRUNCATED);
    assert_int_equal(item.end_offset, 10);
    assert_int_equal(item.chunk.len, 0);
    spool_close(spool);
}

static void a_chunk_that_does_not_follow_is_our_bug(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    const struct chunk chunk = {.from = 3, .to = 4, .bytes = "x", .len = 1};
    struct err err;
    assert_int_equal(spool_append(spool, src, &chunk, &err), -1);
    assert_int_equal(err.kind, ERR_BUG);
    assert_string_equal(err.text, "chunk from 3 does not follow 0");
    assert_int_equal(src->offset, 0);
    spool_close(spool);
}

static void a_source_that_begins_a_segment_is_kept_whole(void **state)
{
    enum { SEGMENT = 1000 };
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    for (uint64_t ino = 1; ino <= 3; ino++) {
        put(spool, add_file(spool, ino), 100);
        put(spool, file_of(spool, ino), SEGMENT); /* the next source begins a segment */
    }
    struct reach reach;
    take_all(spool, &reach);
    for (uint64_t ino = 1; ino <= 3; ino++)
        assert_int_equal(reach.to[ino], 100 + SEGMENT);
    spool_close(spool);
}

/* ---- the cursor ---- */

static void delivered_segments_are_deleted(void **state)
{
    struct spool *spool = spool_start(*state, 0, 300);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < 10; i++)
        put(spool, src, 300);
    uint64_t n_before = spool_stats(spool)->segments;
    struct spool_item item;
    for (int i = 0; i < 6 && take(spool, &item); i++)
        delivered_up_to(spool, &item);
    assert_int_equal(n_before, 10);
    assert_int_equal(spool_stats(spool)->segments, 5);
    assert_false(file_exists(*state, "0000000000000005.seg"));
    assert_true(file_exists(*state, "0000000000000006.seg"));
    while (take(spool, &item))
        delivered_up_to(spool, &item);
    assert_int_equal(spool_stats(spool)->segments, 1);
    assert_true(spool_is_drained(spool));
    spool_close(spool);
}

static void disk_bytes_are_the_size_of_the_files(void **state)
{
    struct spool *spool = spool_start(*state, 0, 300);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 10; i++)
        put(spool, src, 100 + (size_t)i);
    for (int i = 0; i < 6 && take(spool, &item); i++)
        delivered_up_to(spool, &item);
    struct folder files = {.n = 0};
    folder_read(*state, &files);
    uint64_t bytes = 0;
    for (size_t i = 0; i < files.n; i++)
        bytes += strcmp(files.file[i].name, "cursor") && strcmp(files.file[i].name, "reserve")
                     ? files.file[i].bytes.len
                     : 0;
    assert_int_equal(spool_stats(spool)->disk_bytes, bytes);
    folder_free(&files);
    spool_close(spool);
}

static void a_cursor_only_grows(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    put(spool, add_file(spool, 1), 100);
    spool_delivered(spool, (struct spool_pos) {.seq = 2, .done = 50});
    spool_delivered(spool, (struct spool_pos) {.seq = 2, .done = 49});
    spool_delivered(spool, (struct spool_pos) {.seq = 1});
    assert_int_equal(spool_cursor(spool).seq, 2);
    assert_int_equal(spool_cursor(spool).done, 50);
    spool_close(spool);
}

static void a_rewind_gives_the_same_again_from_the_cursor(void **state)
{
    struct spool *spool = spool_start(*state, 0, 300);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 8; i++)
        put(spool, src, 100);
    for (int i = 0; i < 5; i++)
        assert_int_equal(take(spool, &item), 1);
    spool_delivered(spool, (struct spool_pos) {.seq = 4, .done = 30}); /* in the third chunk */
    for (int i = 0; i < 2; i++) {
        struct reach reach;
        spool_rewind(spool);
        take_all(spool, &reach);
        assert_int_equal(reach.from[1], 230);
        assert_int_equal(reach.to[1], 800);
    }
    spool_close(spool);
}

static void a_saved_cursor_outlives_a_kill_and_an_unsaved_one_does_not(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct folder killed = {.n = 0};
    for (int i = 0; i < 3; i++)
        put(spool, src, 100);
    spool_delivered(spool, (struct spool_pos) {.seq = 2, .done = 60});
    assert_true(spool_cursor_is_dirty(spool));
    save_cursor(spool);
    assert_false(spool_cursor_is_dirty(spool));
    spool_delivered(spool, (struct spool_pos) {.seq = 3});
    folder_read(*state, &killed);
    spool_close(spool);
    folder_write(*state, &killed);
    spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(spool_cursor(spool).seq, 2);
    assert_int_equal(spool_cursor(spool).done, 60);
    folder_free(&killed);
    spool_close(spool);
}

static void a_forgotten_source_is_gone_after_the_next_segment(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct err err;
    put(spool, add_file(spool, 1), 10);
    put(spool, add_file(spool, 2), 20);
    assert_int_equal(spool_end_source(spool, file_of(spool, 1), END_LEASE, 0, &err), 0);
    spool_forget(spool, file_of(spool, 1));
    assert_null(file_of(spool, 1));
    spool_close(spool);
    for (int i = 0; i < 2; i++) {
        spool = spool_start(*state, 0, 1 << 20);
        if (i == 0 && file_of(spool, 1))
            spool_forget(spool, file_of(spool, 1));
        spool_close(spool);
    }
    spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(file_of(spool, 2)->offset, 20);
    struct source *fresh = add_file(spool, 3);
    assert_int_equal(fresh->no, 3); /* numbers are not used again */
    spool_close(spool);
}

/* A file that was truncated begins again as a new source with the same identity; forgetting the old one takes until the next
 * segment. */
static void the_newest_source_of_a_file_is_the_one_found(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *old = add_file(spool, 1);
    struct err err;
    put(spool, old, 100);
    assert_int_equal(spool_end_source(spool, old, END_TRUNCATED, 0, &err), 0);
    put(spool, add_file(spool, 1), 30);
    spool_forget(spool, old);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(file_of(spool, 1)->no, 2);
        assert_int_equal(file_of(spool, 1)->offset, 30);
        spool_close(spool);
        spool = spool_start(*state, 0, 1 << 20);
    }
    spool_close(spool);
}

/* ---- full ---- */

static void full_says_so_and_goes_on_after_delivery(void **state)
{
    enum { MAX = 4000, SEGMENT = 1000 };
    struct spool *spool = spool_start(*state, MAX, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err = ERR_INIT;
    while (try_put(spool, src, 200, &err) == 0)
        continue;
    uint64_t offset = src->offset, disk_bytes = spool_stats(spool)->disk_bytes;
    char *text = mem_printf("spool %s is full: %llu of 4000 bytes", (char *)*state,
                            (unsigned long long)disk_bytes);
    assert_int_equal(err.kind, ERR_FULL);
    assert_string_equal(err.text, text);
    assert_true(disk_bytes <= MAX);
    while (take(spool, &item) && item.chunk.to < offset)
        delivered_up_to(spool, &item);
    put(spool, src, 200);
    assert_int_equal(src->offset, offset + 200);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    free(text);
    spool_close(spool);
}

/* Ends, losses and new files can still be noted, but not without end. */
static void a_full_spool_takes_what_has_no_bytes(void **state)
{
    enum { MAX = 4000, LEDGER = 64 * 1024 };
    struct spool *spool = spool_start(*state, MAX, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct err err = ERR_INIT;
    while (try_put(spool, src, 200, &err) == 0)
        continue;
    const struct chunk lost = {
        .from = src->offset, .to = src->offset + 1000, .flags = CHUNK_LOST, .bytes = ""};
    assert_int_equal(spool_append(spool, src, &lost, &err), 0);
    assert_int_equal(spool_end_source(spool, src, END_VANISHED, 7, &err), 0);
    add_file(spool, 2);
    assert_int_equal(try_put(spool, file_of(spool, 2), 1, &err), -1);
    assert_int_equal(err.kind, ERR_FULL);
    while (spool_end_source(spool, src, END_VANISHED, 7, &err) == 0)
        continue;
    assert_int_equal(err.kind, ERR_FULL);
    assert_true(spool_stats(spool)->disk_bytes <= MAX + LEDGER);
    assert_true(spool_stats(spool)->disk_bytes > MAX + LEDGER - 100);
    spool_close(spool);
}

/* All is delivered before the segment is closed; then it must go without another delivery, or nobody would make room. */
static void a_drained_spool_is_never_full(void **state)
{
    enum { MAX = 4000, SEGMENT = 1000, LEN = 900 }; /* as config allows: a quarter each */
    struct spool *spool = spool_start(*state, MAX, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 50; i++) {
        put(spool, src, LEN);
        while (take(spool, &item))
            delivered_up_to(spool, &item);
    }
    assert_true(spool_stats(spool)->segments <= 2);
    spool_close(spool);
}

static void counters_count(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    put(spool, src, 23);
    assert_true(spool_is_dirty(spool));
    sync_now(spool);
    sync_now(spool);
    assert_int_equal(spool_stats(spool)->bytes_in, 123);
    assert_int_equal(spool_stats(spool)->records_in, 3);
    assert_int_equal(spool_stats(spool)->syncs, 1);
    spool_close(spool);
    spool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_fresh_spool_is_empty),
        IN_FOLDER(chunks_come_back_as_they_were_over_many_segments),
        IN_FOLDER(all_fields_of_a_chunk_come_back),
        IN_FOLDER(an_end_comes_back_with_its_proof),
        IN_FOLDER(a_chunk_that_does_not_follow_is_our_bug),
        IN_FOLDER(a_source_that_begins_a_segment_is_kept_whole),
        IN_FOLDER(delivered_segments_are_deleted),
        IN_FOLDER(disk_bytes_are_the_size_of_the_files),
        IN_FOLDER(a_cursor_only_grows),
        IN_FOLDER(a_rewind_gives_the_same_again_from_the_cursor),
        IN_FOLDER(a_saved_cursor_outlives_a_kill_and_an_unsaved_one_does_not),
        IN_FOLDER(a_forgotten_source_is_gone_after_the_next_segment),
        IN_FOLDER(the_newest_source_of_a_file_is_the_one_found),
        IN_FOLDER(full_says_so_and_goes_on_after_delivery),
        IN_FOLDER(a_full_spool_takes_what_has_no_bytes),
        IN_FOLDER(a_drained_spool_is_never_full),
        IN_FOLDER(counters_count),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
