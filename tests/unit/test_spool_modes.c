/* test_spool_modes.c: what queue.disk.sync promises, and what is dropped of the newest when the spool is full. */
#include "posta_test.h"
#include "spool/store.h"

#include <sys/syscall.h>

enum { SEGMENT = 2000, SMALL = 20000 };

/* ---- in place of libc's ---- */

static size_t n_syncs;

int fdatasync(int fd)
{
    n_syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    n_syncs++;
    return (int)syscall(SYS_fsync, fd);
}

/* ---- sync modes ---- */

static void always_gives_out_only_what_is_durable(void **state)
{
    test_sync_mode = SYNC_ALWAYS;
    test_sync_way = SYNC_BY_HAND;
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 100);
    assert_int_equal(take(spool, &item), 0);
    begin_sync(spool);
    put(spool, src, 50); /* behind what is being synced */
    assert_int_equal(take(spool, &item), 0);
    while (syncer_step(spool->syncer))
        ;
    assert_int_equal(spool_sync_done(spool, &err), 0);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.to, 100);
    assert_int_equal(take(spool, &item), 0);
    assert_int_equal(spool_readable_end(spool).seq, item.seq + 1);
    sync_now(spool);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.to, 150);
    spool_close(spool);
}

/* A reader that waits must not keep a delivered segment. */
static void always_goes_on_over_segments(void **state)
{
    test_sync_mode = SYNC_ALWAYS;
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    uint64_t to = 0;
    for (int i = 0; i < 100; i++) {
        put(spool, src, 100);
        if (i % 5 == 4)
            sync_now(spool);
        while (take(spool, &item)) {
            assert_int_equal(item.chunk.from, to);
            assert_true(spool_is_durable(spool, item.seq + 1));
            to = item.chunk.to;
            delivered_up_to(spool, &item);
        }
    }
    assert_int_equal(to, src->offset);
    assert_true(spool_stats(spool)->segments <= 2);
    spool_close(spool);
}

static void never_syncs_nothing(void **state)
{
    test_sync_mode = SYNC_NEVER;
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    assert_int_equal(spool_sync_fd(spool), -1); /* there is no helper thread */
    struct source *src = add_file(spool, 1);
    n_syncs = 0;
    for (int i = 0; i < 100; i++) {
        put(spool, src, 100);
        sync_now(spool);
        save_cursor(spool);
        assert_true(spool_is_durable(spool, spool_mark(spool)));
    }
    spool_close(spool);
    assert_int_equal(n_syncs, 0);
    spool = spool_start(*state, 0, SEGMENT);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 10000);
    spool_close(spool);
}

/* ---- sizes that do not fit each other ---- */

static void a_record_larger_than_a_segment_is_taken_whole(void **state)
{
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < 5; i++) {
        put(spool, src, 10 * SEGMENT);
        put(spool, src, 10);
    }
    spool_close(spool);
    spool = spool_start(*state, 0, SEGMENT);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 5 * (10 * SEGMENT + 10));
    spool_close(spool);
}

/* It takes no more until it is below its new limit, and loses nothing. */
static void a_limit_that_was_lowered_takes_nothing_away(void **state)
{
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    for (int i = 0; i < 50; i++)
        put(spool, src, 1000);
    spool_close(spool);
    spool = spool_start(*state, SMALL, SEGMENT);
    src = file_of(spool, 1);
    assert_int_equal(try_put(spool, src, 100, &err), -1);
    assert_int_equal(err.kind, ERR_FULL);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(take(spool, &item), 1);
        assert_int_equal(item.chunk.from, i * 1000);
        delivered_up_to(spool, &item);
    }
    put(spool, src, 100);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 50100);
    spool_close(spool);
}

/* ---- the newest is dropped ---- */

static void put_or_drop(struct spool *spool, struct source *src, size_t len)
{
    static char bytes[1000];
    struct err err;
    assert_true(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = known_byte(src->id.ino, src->offset + i);
    const struct chunk chunk = {
        .from = src->offset, .to = src->offset + len, .read_ns = 1, .bytes = bytes, .len = len};
    if (spool_append(spool, src, &chunk, &err) == 0)
        return;
    assert_int_equal(err.kind, ERR_FULL);
    spool_drop_newest(spool, src, &chunk);
}

static uint64_t known_lines(uint64_t ino, uint64_t from, uint64_t to)
{
    uint64_t n = 0;
    for (uint64_t at = from; at < to; at++)
        n += known_byte(ino, at) == '\n';
    return n;
}

static void fill(struct spool *spool, struct source *src)
{
    while (spool_stats(spool)->dropped_bytes == 0)
        put_or_drop(spool, src, 230);
}

/* Each part of each file is given out or lost, in order. */
static uint64_t take_with_losses(struct spool *spool, uint64_t *to)
{
    struct spool_item item;
    uint64_t n_lost = 0;
    while (take(spool, &item)) {
        uint64_t ino = item.src->id.ino;
        if (item.type == SPOOL_END)
            continue;
        assert_int_equal(item.chunk.from, to[ino]);
        to[ino] = item.chunk.to;
        if (item.chunk.flags & CHUNK_LOST)
            n_lost += item.chunk.to - item.chunk.from;
        delivered_up_to(spool, &item);
    }
    return n_lost;
}

static void what_is_dropped_is_counted_and_noted_once(void **state)
{
    struct spool *spool = spool_start(*state, SMALL, SMALL / 4);
    struct source *src = add_file(spool, 1);
    fill(spool, src);
    uint64_t records = spool_stats(spool)->records_in, before = src->offset;
    for (int i = 0; i < 50; i++)
        put_or_drop(spool, src, 230);
    assert_int_equal(spool_stats(spool)->records_in, records); /* no record for each */
    assert_int_equal(src->offset, before + 50 * 230);
    assert_int_equal(spool_stats(spool)->dropped_bytes, 51 * 230);
    assert_int_equal(spool_stats(spool)->dropped_lines, known_lines(1, before - 230, src->offset));
    uint64_t to[MAX_FILES] = {0};
    assert_int_equal(take_with_losses(spool, to), 0);
    put(spool, src, 230); /* there is room, and the note comes first */
    assert_int_equal(take_with_losses(spool, to), 51 * 230);
    assert_int_equal(to[1], src->offset);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    spool_close(spool);
}

/* Who is promised a mark may take the bytes away in the file. */
static void a_mark_behind_what_was_dropped_waits_for_the_note(void **state)
{
    struct spool *spool = spool_start(*state, SMALL, SMALL / 4);
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    fill(spool, one);
    put_or_drop(spool, two, 23);
    sync_now(spool);
    uint64_t mark = spool_mark(spool), to = one->offset;
    assert_false(spool_is_durable(spool, mark));
    begin_sync(spool);
    sync_now(spool);
    assert_true(spool_is_durable(spool, mark));
    test_sync_way = SYNC_INLINE;
    struct folder left = {.n = 0};
    folder_read(*state, &left);
    char *copy = path_in(*state, "copy");
    assert_int_equal(mkdir(copy, 0700), 0);
    folder_write(copy, &left);
    struct spool *other = spool_start(copy, SMALL, SMALL / 4); /* as after a kill */
    assert_int_equal(file_of(other, 1)->offset, to);
    assert_int_equal(file_of(other, 2)->offset, 23);
    spool_close(other);
    spool_close(spool);
    folder_empty(copy);
    rmdir(copy);
    free(copy);
    folder_free(&left);
}

static void killed_before_the_note_the_position_is_before_what_was_dropped(void **state)
{
    struct spool *spool = spool_start(*state, SMALL, SMALL / 4);
    struct source *src = add_file(spool, 1);
    fill(spool, src);
    uint64_t kept = src->offset - 230; /* the last one was dropped */
    put_or_drop(spool, src, 230);
    struct folder left = {.n = 0};
    folder_read(*state, &left);
    spool_close(spool);
    folder_write(*state, &left);
    spool = spool_start(*state, 10 * SMALL, SMALL / 4);
    src = file_of(spool, 1);
    assert_int_equal(src->offset, kept);
    put(spool, src, 230);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], kept + 230);
    spool_close(spool);
    folder_free(&left);
}

/* Files come, grow, are dropped, end and are forgotten; starts in between. */
static void random_work_with_drops_tiles_every_file(void **state)
{
    uint64_t to[MAX_FILES] = {0}, n_lost = 0, n_dropped = 0;
    random_begin("drop newest");
    struct spool *spool = spool_start(*state, SMALL, SMALL / 4);
    for (int i = 0; i < 5000; i++) {
        uint64_t ino = 1 + random_below(MAX_FILES - 1);
        struct source *src = file_of(spool, ino);
        if (!src)
            src = add_file(spool, ino);
        put_or_drop(spool, src, 23 * random_below(30));
        if (random_below(10) == 0)
            sync_now(spool);
        if (random_below(60) == 0)
            n_lost += take_with_losses(spool, to);
        if (random_below(200) > 0)
            continue;
        n_dropped += spool_stats(spool)->dropped_bytes;
        spool_close(spool);
        spool = spool_start(*state, SMALL, SMALL / 4);
    }
    n_dropped += spool_stats(spool)->dropped_bytes;
    spool_close(spool);
    spool = spool_start(*state, SMALL, SMALL / 4);
    n_lost += take_with_losses(spool, to);
    for (uint64_t ino = 1; ino < MAX_FILES; ino++)
        assert_int_equal(to[ino], file_of(spool, ino)->offset);
    assert_int_equal(n_lost, n_dropped);
    assert_true(n_lost > 0);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(always_gives_out_only_what_is_durable),
        IN_FOLDER(always_goes_on_over_segments),
        IN_FOLDER(never_syncs_nothing),
        IN_FOLDER(a_record_larger_than_a_segment_is_taken_whole),
        IN_FOLDER(a_limit_that_was_lowered_takes_nothing_away),
        IN_FOLDER(what_is_dropped_is_counted_and_noted_once),
        IN_FOLDER(a_mark_behind_what_was_dropped_waits_for_the_note),
        IN_FOLDER(killed_before_the_note_the_position_is_before_what_was_dropped),
        IN_FOLDER(random_work_with_drops_tiles_every_file),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
