/* test_spool_quarantine.c: damage met while posta runs: its bytes are kept in bad/, its lines are counted, the next record of the
 * same log tells of it.
 */
#include "posta_test.h"
#include "spool/store.h"

#include <dirent.h>

enum { RECORD = 300, N_RECORDS = 8 };

/* One record a segment, closed at once: segment n has [(n - 1) * RECORD, n * RECORD) of file 1. */
static struct spool *start_full(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, 300);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < N_RECORDS; i++) {
        put(spool, src, RECORD);
        sync_now(spool);
    }
    return spool;
}

/* Turn the last payload byte of a segment. */
static void damage(const char *dir, int no)
{
    struct buf bytes = BUF_INIT;
    char *name = mem_printf("%016x.seg", no);
    file_read(dir, name, &bytes);
    bytes.data[bytes.len - 5] ^= 1; /* 4 of padding */
    file_write(dir, name, bytes.data, bytes.len);
    buf_free(&bytes);
    free(name);
}

static size_t count_bad(const char *dir)
{
    char *bad = path_in(dir, "bad");
    size_t n = 0;
    DIR *stream = opendir(bad);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        n += entry->d_name[0] != '.';
    if (stream)
        closedir(stream);
    free(bad);
    return n;
}

static uint64_t read_all(struct spool *spool, uint64_t *lost_before)
{
    uint64_t n = 0;
    *lost_before = 0;
    for (struct spool_item item; take(spool, &item); n++)
        *lost_before += item.lost_before;
    return n;
}

static void the_last_record_of_a_segment_is_counted_and_told(void **state)
{
    struct spool *spool = start_full(*state);
    struct spool_item item;
    damage(*state, 3);
    for (int i = 0; i < 2; i++)
        assert_true(take(spool, &item) && item.lost_before == 0);
    assert_true(take(spool, &item));
    assert_int_equal(item.chunk.from, 3 * RECORD);
    assert_int_equal(item.lost_before, RECORD);
    assert_int_equal(spool_stats(spool)->missing_bytes, RECORD);
    assert_int_equal(spool_stats(spool)->missing_ranges, 1);
    assert_int_equal(spool_stats(spool)->missing_records, 1);
    assert_int_equal(spool_stats(spool)->missing_unknown, 0);
    spool_close(spool);
}

static void read_again_it_is_told_again_and_counted_once(void **state)
{
    struct spool *spool = start_full(*state);
    uint64_t lost_before;
    damage(*state, 3);
    damage(*state, 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_all(spool, &lost_before), N_RECORDS - 2);
        assert_int_equal(lost_before, 2 * RECORD);
        spool_rewind(spool);
    }
    assert_int_equal(spool_stats(spool)->missing_bytes, 2 * RECORD);
    assert_int_equal(spool_stats(spool)->missing_records, 2);
    assert_int_equal(spool_stats(spool)->damaged_regions, 2);
    assert_int_equal(count_bad(*state), 2);
    spool_close(spool);
}

static void damage_that_comes_between_two_readings_is_counted(void **state)
{
    struct spool *spool = start_full(*state);
    uint64_t lost_before;
    assert_int_equal(read_all(spool, &lost_before), N_RECORDS);
    damage(*state, 3);
    spool_rewind(spool);
    assert_int_equal(read_all(spool, &lost_before), N_RECORDS - 1);
    assert_int_equal(lost_before, RECORD);
    assert_int_equal(spool_stats(spool)->missing_bytes, RECORD);
    spool_close(spool);
}

static void what_was_delivered_before_it_was_damaged_is_not_lost(void **state)
{
    struct spool *spool = start_full(*state);
    struct spool_item item;
    uint64_t lost_before;
    assert_true(take(spool, &item));
    delivered_up_to(spool, &item);
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq + 1, .done = 100});
    damage(*state, 2);
    spool_rewind(spool);
    read_all(spool, &lost_before);
    assert_int_equal(spool_stats(spool)->missing_bytes, RECORD - 100);
    spool_close(spool);
}

static void the_damaged_bytes_are_kept_as_they_are(void **state)
{
    struct spool *spool = start_full(*state);
    struct buf segment = BUF_INIT, kept = BUF_INIT;
    uint64_t lost_before;
    damage(*state, 3);
    file_read(*state, "0000000000000003.seg", &segment);
    read_all(spool, &lost_before);
    spool_delivered(spool, spool_end(spool));
    assert_false(file_exists(*state, "0000000000000003.seg"));
    size_t from = segment.len - (RECORD_HEADER_BYTES + RECORD + 4);
    char *name = mem_printf("bad/0000000000000003-%zu-%zu", from, segment.len);
    file_read(*state, name, &kept);
    assert_int_equal(kept.len, segment.len - from);
    assert_memory_equal(kept.data, segment.data + from, kept.len);
    assert_int_equal(spool_stats(spool)->damaged_unkept, 0);
    free(name);
    buf_free(&segment);
    buf_free(&kept);
    spool_close(spool);
}

static void a_copy_that_cannot_be_made_is_counted_and_delivery_goes_on(void **state)
{
    static const struct fs_fault full[] = {
        {.call = FS_WRITE, .nth = 1, .times = -1, .fail = ENOSPC}};
    struct spool *spool = start_full(*state);
    uint64_t lost_before;
    damage(*state, 3);
    fs_set_faults(full, COUNT(full));
    assert_int_equal(read_all(spool, &lost_before), N_RECORDS - 1);
    fs_set_faults(NULL, 0);
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    assert_int_equal(spool_stats(spool)->damaged_unkept, 1);
    assert_int_equal(count_bad(*state), 0);
    spool_close(spool);
}

static void bad_takes_a_thousand_copies_and_no_more(void **state)
{
    struct spool *spool = start_full(*state);
    uint64_t lost_before;
    char *bad = path_in(*state, "bad");
    assert_int_equal(mkdir(bad, 0700), 0);
    free(bad);
    for (int i = 0; i < 999; i++) {
        char *name = mem_printf("bad/%016x-%d-1", 100, i);
        file_write(*state, name, "", 0);
        free(name);
    }
    damage(*state, 3);
    damage(*state, 5);
    assert_int_equal(read_all(spool, &lost_before), N_RECORDS - 2);
    assert_int_equal(count_bad(*state), 1000);
    assert_int_equal(spool_stats(spool)->damaged_unkept, 1);
    spool_close(spool);
}

/* Records that a failed sync has moved into a newer segment are neither missing nor counted. */
static void what_a_failed_sync_moves_is_not_missing(void **state)
{
    static const struct fs_fault fails[] = {{.call = FS_SYNC, .nth = 1, .fail = EIO}};
    test_sync_way = SYNC_INLINE;
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    uint64_t lost_before;
    struct err err;
    put(spool, one, 100);
    sync_now(spool);
    put(spool, one, 50);
    put(spool, two, 70);
    fs_set_faults(fails, COUNT(fails));
    (void)(spool_sync(spool, &err) == 0);
    fs_set_faults(NULL, 0);
    put(spool, one, 30);
    sync_now(spool);
    assert_int_equal(spool_stats(spool)->segments, 2);
    assert_int_equal(read_all(spool, &lost_before), 4);
    spool_rewind(spool);
    assert_int_equal(read_all(spool, &lost_before), 4);
    assert_int_equal(lost_before, 0);
    assert_int_equal(spool_stats(spool)->missing_bytes, 0);
    assert_int_equal(spool_stats(spool)->missing_unknown, 0);
    spool_close(spool);
    spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(read_all(spool, &lost_before), 4);
    assert_int_equal(spool_stats(spool)->missing_bytes, 0);
    assert_int_equal(spool_stats(spool)->missing_unknown, 0);
    spool_close(spool);
}

/* A log that has ended and is forgotten before its last records are read; they and its end are damaged. */
static struct spool *start_forgotten(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, 1 << 20);
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    struct spool_item item;
    struct err err;
    put(spool, two, RECORD);
    assert_true(take(spool, &item));
    uint64_t from = spool->last->size;
    put(spool, two, RECORD);
    assert_int_equal(spool_end_source(spool, two, END_LEASE, 0, &err), 0);
    sync_now(spool);
    spool_forget(spool, two);
    assert_int_equal(segment_seal(spool->dir, spool->last, &err), 0);
    assert_int_equal(store_begin_segment(spool, &err), 0);
    put(spool, one, RECORD);
    struct buf bytes = BUF_INIT;
    file_read(dir, "0000000000000001.seg", &bytes);
    memset(bytes.data + from, 0, bytes.len - from);
    file_write(dir, "0000000000000001.seg", bytes.data, bytes.len);
    buf_free(&bytes);
    return spool;
}

static void a_forgotten_file_is_counted_to_its_end(void **state)
{
    struct spool *spool = start_forgotten(*state);
    uint64_t lost_before;
    read_all(spool, &lost_before);
    assert_int_equal(spool_stats(spool)->missing_bytes, RECORD);
    assert_int_equal(spool_stats(spool)->missing_unknown, 0);
    spool_close(spool);
}

/* Nobody knows its end any more: so it is said. */
static void a_forgotten_file_read_again_is_said_to_be_unknown(void **state)
{
    struct spool *spool = start_forgotten(*state);
    uint64_t lost_before;
    spool_rewind(spool);
    read_all(spool, &lost_before);
    assert_int_equal(spool_stats(spool)->missing_records, 2);
    assert_int_equal(spool_stats(spool)->missing_unknown, 1);
    spool_close(spool);
}

/* It is no segment that was only just begun: there are records in it. */
static void an_open_segment_whose_first_sector_is_zeroed_is_kept(void **state)
{
    struct buf bytes = BUF_INIT, kept = BUF_INIT;
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < 4; i++)
        put(spool, src, RECORD);
    spool_close(spool);
    file_read(*state, "0000000000000001.open", &bytes);
    memset(bytes.data, 0, 512);
    file_write(*state, "0000000000000001.open", bytes.data, bytes.len);
    spool_close(spool_start(*state, 0, 1 << 20));
    assert_true(file_exists(*state, "bad/0000000000000001.open"));
    file_read(*state, "bad/0000000000000001.open", &kept);
    assert_int_equal(kept.len, bytes.len);
    assert_memory_equal(kept.data, bytes.data, kept.len);
    buf_free(&bytes);
    buf_free(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_last_record_of_a_segment_is_counted_and_told),
        IN_FOLDER(read_again_it_is_told_again_and_counted_once),
        IN_FOLDER(damage_that_comes_between_two_readings_is_counted),
        IN_FOLDER(what_was_delivered_before_it_was_damaged_is_not_lost),
        IN_FOLDER(the_damaged_bytes_are_kept_as_they_are),
        IN_FOLDER(a_copy_that_cannot_be_made_is_counted_and_delivery_goes_on),
        IN_FOLDER(bad_takes_a_thousand_copies_and_no_more),
        IN_FOLDER(what_a_failed_sync_moves_is_not_missing),
        IN_FOLDER(a_forgotten_file_is_counted_to_its_end),
        IN_FOLDER(an_open_segment_whose_first_sector_is_zeroed_is_kept),
        IN_FOLDER(a_forgotten_file_read_again_is_said_to_be_unknown),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
