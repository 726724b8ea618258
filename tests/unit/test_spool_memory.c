/* test_spool_memory.c: queue.mem: records wait in memory, and what a kill leaves is the position up to which all was delivered.
 */
#include "posta_test.h"
#include "spool/store.h"

enum { LIMIT = 20000, SEGMENT = 4000 };

static struct spool *start_in_memory(const char *dir)
{
    const struct spool_config config = {
        .path = dir, .segment_bytes = SEGMENT, .memory_bytes = LIMIT, .sync_way = test_sync_way};
    struct spool *spool = NULL;
    struct err err = ERR_INIT;
    if (spool_open(&spool, &config, &err))
        fail_msg("%s", err.text);
    return spool;
}

/* What a start finds after a kill. */
static struct spool *start_after_kill(const char *dir, char **copy)
{
    struct folder left = {.n = 0};
    *copy = path_in(dir, "copy");
    (void)mkdir(*copy, 0700);
    folder_read(dir, &left);
    folder_write(*copy, &left);
    folder_free(&left);
    return start_in_memory(*copy);
}

static void end_after_kill(struct spool *spool, char *copy)
{
    spool_close(spool);
    folder_empty(copy);
    rmdir(copy);
    free(copy);
}

static uint64_t offset_after_kill(const char *dir, uint64_t ino)
{
    char *copy;
    struct spool *spool = start_after_kill(dir, &copy);
    struct source *src = file_of(spool, ino);
    uint64_t offset = src ? src->offset : UINT64_MAX;
    struct spool_item item;
    assert_int_equal(take(spool, &item), 0);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    end_after_kill(spool, copy);
    return offset;
}

static void a_position_moves_when_all_before_it_is_delivered(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    put(spool, src, 230);
    put(spool, src, 230);
    save_cursor(spool);
    assert_int_equal(offset_after_kill(*state, 1), 0);
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_int_equal(offset_after_kill(*state, 1), 0); /* not written yet */
    save_cursor(spool);
    assert_int_equal(offset_after_kill(*state, 1), 230);
    assert_int_equal(take(spool, &item), 1);
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = 46});
    save_cursor(spool);
    assert_int_equal(offset_after_kill(*state, 1), 276);
    assert_int_equal(src->offset, 460);
    spool_close(spool);
}

/* A file's position, with the bytes before it that are remembered, is the same as if it had gone through the disk. */
static void a_position_in_a_chunk_remembers_the_bytes_before_it(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    char bytes[460];
    put(spool, src, 460);
    assert_int_equal(take(spool, &item), 1);
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = 46});
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = 299});
    spool_close(spool);
    spool = start_in_memory(*state);
    src = file_of(spool, 1);
    assert_int_equal(src->offset, 299);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = known_byte(1, i);
    assert_true(source_memory(src) > 0);
    assert_true(source_remembers(src, bytes + 299 - source_memory(src)));
    spool_close(spool);
}

static void nothing_of_the_logs_is_on_the_disk(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 500; i++) {
        put(spool, src, 1000);
        assert_int_equal(take(spool, &item), 1);
        delivered_up_to(spool, &item);
        save_cursor(spool);
    }
    assert_true(spool_stats(spool)->segments <= 2);
    assert_true(spool_stats(spool)->disk_bytes < 3 * SEGMENT);
    assert_true(spool_is_drained(spool));
    assert_int_equal(spool_stats(spool)->memory_bytes, 0);
    spool_close(spool);
}

static void full_is_in_bytes_and_one_record_always_fits(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err = ERR_INIT;
    put(spool, src, LIMIT + 10000);
    assert_int_equal(try_put(spool, src, 1, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_false(spool_has_room(spool));
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_true(spool_has_room(spool));
    put(spool, src, 1);
    spool_close(spool);
}

/* Whoever waits for a mark takes the bytes away in the file, and a start must not look for them. */
static void durable_means_delivered_and_written(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 100);
    uint64_t mark = spool_mark(spool);
    save_cursor(spool);
    sync_now(spool);
    assert_false(spool_is_durable(spool, mark));
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_false(spool_is_durable(spool, mark)); /* after a kill the position is before it */
    assert_false(spool_is_delivered(spool, mark));
    assert_int_equal(spool_save_cursor(spool, false, &err), 0);
    assert_false(spool_is_durable(spool, mark)); /* after a power cut it may be */
    sync_now(spool);
    assert_true(spool_is_durable(spool, mark));
    assert_true(spool_is_delivered(spool, mark));
    assert_int_equal(offset_after_kill(*state, 1), 100);
    put(spool, src, 100);
    assert_true(spool_is_durable(spool, mark));
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_true(spool_is_durable(spool, mark)); /* it stays so */
    assert_false(spool_is_durable(spool, spool_mark(spool)));
    spool_close(spool);
}

/* A file that has vanished ends and is forgotten at once, before its end is delivered. */
static void the_end_of_what_is_forgotten_is_kept_too(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 100);
    assert_int_equal(spool_end_source(spool, src, END_VANISHED, 0, &err), 0);
    spool_forget(spool, src);
    while (take(spool, &item))
        delivered_up_to(spool, &item);
    spool_close(spool);
    spool = start_in_memory(*state);
    src = file_of(spool, 1);
    if (src) {
        assert_true(src->flags & SOURCE_ENDED);
        assert_int_equal(src->offset, 100);
    }
    spool_close(spool);
}

/* A disk that is full is left by a new segment; the ones behind that go too. */
static void segments_go_after_a_full_disk(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    const struct fs_fault full = {
        .call = FS_WRITE, .nth = 1, .times = 1, .fail = ENOSPC, .short_len = 10};
    for (int i = 0; i < 300; i++) {
        put(spool, src, 1000);
        assert_int_equal(take(spool, &item), 1);
        delivered_up_to(spool, &item);
        fs_set_faults(&full, i == 20);
        save_cursor(spool);
    }
    assert_true(spool_stats(spool)->segments <= 2);
    spool_close(spool);
}

static void a_rewind_gives_out_again_what_is_not_delivered(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 3; i++)
        put(spool, src, 100);
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_int_equal(take(spool, &item), 1);
    uint64_t seq = item.seq;
    spool_delivered(spool, (struct spool_pos) {.seq = seq, .done = 23});
    assert_int_equal(take(spool, &item), 1);
    spool_rewind(spool);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.seq, seq);
    assert_int_equal(item.skip, 23);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(take(spool, &item), 0);
    spool_close(spool);
}

static void an_item_outlives_its_delivery_and_its_file(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 100);
    assert_int_equal(spool_end_source(spool, src, END_LEASE, 0, &err), 0);
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    spool_forget(spool, src);
    save_cursor(spool);
    assert_string_equal(item.src->path, "/var/log/nginx/access.log");
    assert_int_equal(item.chunk.bytes[99], known_byte(1, 99));
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.type, SPOOL_END);
    delivered_up_to(spool, &item);
    save_cursor(spool);
    assert_string_equal(item.src->path, "/var/log/nginx/access.log");
    assert_int_equal(take(spool, &item), 0);
    spool_close(spool);
}

static void an_end_is_kept_when_it_is_delivered(void **state)
{
    struct spool *spool = start_in_memory(*state);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 100);
    assert_int_equal(spool_end_source(spool, src, END_LEASE, 0, &err), 0);
    while (take(spool, &item))
        delivered_up_to(spool, &item);
    spool_close(spool);
    spool = start_in_memory(*state);
    assert_true(file_of(spool, 1)->flags & SOURCE_ENDED);
    assert_int_equal(file_of(spool, 1)->offset, 100);
    spool_close(spool);
}

/* From queue.disk to queue.mem and back. */
static void what_a_spool_on_disk_has_left_comes_first(void **state)
{
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 20; i++)
        put(spool, src, 1000);
    spool_close(spool);
    spool = start_in_memory(*state);
    src = file_of(spool, 1);
    put(spool, src, 500);
    struct reach reach;
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    spool_rewind(spool);
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 1000);
    assert_int_equal(reach.to[1], 20500);
    spool_delivered(spool, (struct spool_pos) {.seq = spool_end(spool).seq});
    assert_true(spool_is_drained(spool));
    put(spool, src, 700);
    spool_close(spool);
    spool = spool_start(*state, 0, SEGMENT);
    src = file_of(spool, 1);
    assert_int_equal(src->offset, 20500);
    put(spool, src, 100);
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 20500);
    assert_int_equal(reach.to[1], 20600);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    spool_close(spool);
}

/* ---- at random, against what was delivered ---- */

static uint64_t delivered_to[MAX_FILES], saved_to[MAX_FILES];

/* Deliver some of what was given out, in order, up to a byte inside of one. */
static void deliver_some(struct spool *spool)
{
    struct spool_item item;
    for (uint64_t n = random_below(6); n > 0 && take(spool, &item); n--) {
        bool is_whole = random_below(4) || item.type == SPOOL_END || item.chunk.len == 0;
        uint64_t done =
            is_whole ? item.chunk.len : item.skip + random_below(item.chunk.len - item.skip);
        if (!is_whole && done <= item.skip)
            break;
        if (item.type != SPOOL_END) {
            assert_int_equal(item.chunk.from + item.skip, delivered_to[item.src->id.ino]);
            delivered_to[item.src->id.ino] =
                item.chunk.from + (item.chunk.len ? done : item.chunk.to - item.chunk.from);
        }
        if (is_whole)
            delivered_up_to(spool, &item);
        else
            spool_delivered(spool, (struct spool_pos) {.seq = item.seq, .done = done});
        if (!is_whole)
            break;
    }
    spool_rewind(spool);
}

static void put_something(struct spool *spool)
{
    uint64_t ino = 1 + random_below(MAX_FILES - 1);
    struct source *src = file_of(spool, ino);
    struct err err;
    if (!src)
        src = add_file(spool, ino);
    if (random_below(10) == 0) {
        uint64_t n = random_below(5000);
        const struct chunk lost = {.from = src->offset,
                                   .to = src->offset + n,
                                   .read_ns = 1,
                                   .flags = CHUNK_LOST,
                                   .bytes = ""};
        (void)(spool_append(spool, src, &lost, &err) == 0); /* full is full */
        return;
    }
    (void)(try_put(spool, src, random_below(800), &err) == 0); /* the same */
}

static void check_kill(const char *dir)
{
    char *copy;
    struct spool *spool = start_after_kill(dir, &copy);
    for (uint64_t ino = 1; ino < MAX_FILES; ino++) {
        struct source *src = file_of(spool, ino);
        assert_int_equal(src ? src->offset : 0, saved_to[ino]);
    }
    end_after_kill(spool, copy);
}

static void random_work_leaves_what_was_delivered(void **state)
{
    random_begin("memory");
    memset(delivered_to, 0, sizeof(delivered_to));
    memset(saved_to, 0, sizeof(saved_to));
    struct spool *spool = start_in_memory(*state);
    for (int i = 0; i < 3000; i++) {
        put_something(spool);
        if (random_below(3) == 0)
            deliver_some(spool);
        if (random_below(5) == 0) {
            save_cursor(spool);
            memcpy(saved_to, delivered_to, sizeof(saved_to));
        }
        if (random_below(10) == 0)
            check_kill(*state);
        if (random_below(50) == 0) {
            spool_close(spool);
            memcpy(saved_to, delivered_to, sizeof(saved_to));
            spool = start_in_memory(*state);
        }
    }
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_position_moves_when_all_before_it_is_delivered),
        IN_FOLDER(a_position_in_a_chunk_remembers_the_bytes_before_it),
        IN_FOLDER(nothing_of_the_logs_is_on_the_disk),
        IN_FOLDER(full_is_in_bytes_and_one_record_always_fits),
        IN_FOLDER(durable_means_delivered_and_written),
        IN_FOLDER(the_end_of_what_is_forgotten_is_kept_too),
        IN_FOLDER(segments_go_after_a_full_disk),
        IN_FOLDER(a_rewind_gives_out_again_what_is_not_delivered),
        IN_FOLDER(an_item_outlives_its_delivery_and_its_file),
        IN_FOLDER(an_end_is_kept_when_it_is_delivered),
        IN_FOLDER(what_a_spool_on_disk_has_left_comes_first),
        IN_FOLDER(random_work_leaves_what_was_delivered),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
