/* test_spool_holes.c: what a power cut leaves when the disk writes in an order of its own: a later record is there, an earlier
 * one is not.
 *
 * What was not durable ends with the first record that is not whole, so that the lines behind it are read from the log
 * again; what was durable is stepped over as damage.
 */
#include "posta_test.h"
#include "spool/store.h"

enum { FIRST = 100, SECOND = 50, THIRD = 60 };
#define NEWEST "0000000000000001.open"

/* Where the three records begin and end in NEWEST. */
struct places {
    uint64_t first, second, third, end;
};

/* One record is synced and, with a cursor, delivered; two more are written: then posta is killed. */
static void write_and_kill(const char *dir, bool has_cursor, struct places *at,
                           struct folder *killed)
{
    struct spool *spool = spool_start(dir, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    at->first = spool->last->size;
    put(spool, src, FIRST);
    sync_now(spool);
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    if (has_cursor)
        save_cursor(spool);
    at->second = spool->last->size;
    put(spool, src, SECOND);
    at->third = spool->last->size;
    put(spool, src, THIRD);
    at->end = spool->last->size;
    folder_read(dir, killed);
    spool_close(spool);
}

static void zero(struct folder *folder, uint64_t from, uint64_t to)
{
    memset(folder_file(folder, NEWEST)->bytes.data + from, 0, to - from);
}

static void a_hole_in_what_was_not_synced_is_its_end(void **state)
{
    for (int has_cursor = 0; has_cursor < 2; has_cursor++) {
        struct folder killed = {.n = 0};
        struct places at;
        struct reach reach;
        folder_empty(*state);
        write_and_kill(*state, has_cursor, &at, &killed);
        zero(&killed, at.second, at.third);
        folder_write(*state, &killed);
        folder_free(&killed);
        struct spool *spool = spool_start(*state, 0, 1 << 20);
        assert_int_equal(file_of(spool, 1)->offset, FIRST);
        assert_int_equal(spool_stats(spool)->torn_bytes, at.end - at.second);
        put(spool, file_of(spool, 1), 10);
        take_all(spool, &reach);
        assert_int_equal(reach.from[1], has_cursor ? FIRST : 0);
        assert_int_equal(reach.to[1], FIRST + 10);
        assert_int_equal(spool_stats(spool)->damaged_regions, 0);
        assert_int_equal(spool_stats(spool)->missing_records, 0);
        spool_close(spool);
    }
}

static void a_hole_in_what_was_durable_is_damage(void **state)
{
    struct folder killed = {.n = 0}, whole = {.n = 0};
    struct places at;
    write_and_kill(*state, true, &at, &killed);
    folder_free(&killed);
    folder_read(*state, &whole); /* of the close: all is synced, and the cursor says so */
    zero(&whole, at.second, at.third);
    folder_write(*state, &whole);
    folder_free(&whole);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    assert_int_equal(file_of(spool, 1)->offset, FIRST + SECOND + THIRD);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.from, FIRST + SECOND);
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    assert_int_equal(spool_stats(spool)->missing_records, 1);
    spool_close(spool);
}

/* The broker has a part of a record that the disk lost: it comes again whole, in a record of the next number. */
static void a_lost_record_that_was_begun_to_be_delivered_is_no_gap(void **state)
{
    struct folder killed = {.n = 0};
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    put(spool, add_file(spool, 1), FIRST);
    sync_now(spool);
    uint64_t size = spool->last->size, mark = spool_mark(spool);
    put(spool, file_of(spool, 1), SECOND);
    spool_delivered(spool, (struct spool_pos) {.seq = mark, .done = 20});
    save_cursor(spool);
    folder_read(*state, &killed);
    spool_close(spool);
    folder_file(&killed, NEWEST)->bytes.len = size;
    folder_write(*state, &killed);
    folder_free(&killed);
    for (int start = 0; start < 2; start++) {
        struct reach reach;
        spool = spool_start(*state, 0, 1 << 20);
        assert_int_equal(spool_cursor(spool).seq, mark + 1);
        assert_int_equal(spool_cursor(spool).done, 0);
        if (start == 0)
            put(spool, file_of(spool, 1), SECOND);
        take_all(spool, &reach);
        assert_int_equal(reach.from[1], FIRST);
        assert_int_equal(reach.to[1], FIRST + SECOND);
        assert_int_equal(spool_stats(spool)->missing_records, 0);
        spool_close(spool);
    }
}

/* The segment behind one that could not be synced is given up with it. A kill before it is gone leaves it between that one and
 * the one that has the records of both. */
static void a_segment_that_was_given_up_and_is_still_there_hides_no_record(void **state)
{
    const struct fs_fault faults[] = {{.call = FS_SYNC, .nth = 1, .fail = EIO},
                                      {.call = FS_UNLINK, .nth = 1, .times = -1, .fail = EIO}};
    struct folder killed = {.n = 0};
    struct reach reach;
    test_sync_way = SYNC_INLINE;
    struct spool *spool = spool_start(*state, 0, 700);
    struct source *src = add_file(spool, 1);
    put(spool, src, 50);
    sync_now(spool);
    while (spool->last->size < 700)
        put(spool, src, 50);
    fs_set_faults(faults, COUNT(faults));
    put(spool, src, 50);
    fs_set_faults(NULL, 0);
    uint64_t to = src->offset;
    assert_int_equal(spool->last->no, 3);
    folder_read(*state, &killed);
    spool_close(spool);
    folder_write(*state, &killed);
    folder_free(&killed);
    assert_true(file_exists(*state, "0000000000000002.open"));
    spool = spool_start(*state, 0, 700);
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 0);
    assert_int_equal(reach.to[1], to);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    spool_close(spool);
}

/* Its bytes must not come back under the name of the next segment of this number. */
static void a_file_that_was_being_made_is_removed_by_a_start(void **state)
{
    char *folder = path_in(*state, "0000000000000007.open.new");
    file_write(*state, "0000000000000002.open.new", "half", 4);
    file_write(*state, "0000000000000009.open.new", "", 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    spool_close(spool_start(*state, 0, 1 << 20));
    assert_false(file_exists(*state, "0000000000000002.open.new"));
    assert_false(file_exists(*state, "0000000000000009.open.new"));
    assert_true(file_exists(*state, "0000000000000007.open.new"));
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_hole_in_what_was_not_synced_is_its_end),
        IN_FOLDER(a_hole_in_what_was_durable_is_damage),
        IN_FOLDER(a_lost_record_that_was_begun_to_be_delivered_is_no_gap),
        IN_FOLDER(a_segment_that_was_given_up_and_is_still_there_hides_no_record),
        IN_FOLDER(a_file_that_was_being_made_is_removed_by_a_start),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
