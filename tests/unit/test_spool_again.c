/* test_spool_again.c: damage that is read again, as after each outage of the output, is counted and said once. */
#include "posta_test.h"
#include "spool/store.h"

static void next_segment(struct spool *spool)
{
    struct err err;
    sync_now(spool);
    assert_int_equal(segment_seal(spool->dir, spool->last, &err), 0);
    assert_int_equal(store_begin_segment(spool, &err), 0);
}

/* Read all, three times: what is counted is the same after each. */
static void read_thrice(struct spool *spool)
{
    struct spool_stats first = {0};
    for (int i = 0; i < 3; i++) {
        struct spool_item item;
        while (take(spool, &item))
            continue;
        const struct spool_stats *now = spool_stats(spool);
        if (i == 0)
            first = *now;
        assert_int_equal(now->damaged_regions, first.damaged_regions);
        assert_int_equal(now->missing_records, first.missing_records);
        assert_int_equal(now->missing_bytes, first.missing_bytes);
        assert_int_equal(now->missing_unknown, first.missing_unknown);
        spool_rewind(spool);
    }
}

static void a_segment_that_has_gone_is_counted_once(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    next_segment(spool);
    put(spool, src, 100);
    next_segment(spool);
    put(spool, src, 100);
    char *path = segment_path(spool->dir, spool->first->next);
    assert_int_equal(unlink(path), 0);
    free(path);
    read_thrice(spool);
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    assert_int_equal(spool_stats(spool)->missing_bytes, 100);
    spool_close(spool);
}

static void flip_byte(const char *dir, const char *name, uint64_t at)
{
    struct buf bytes = BUF_INIT;
    file_read(dir, name, &bytes);
    bytes.data[at] ^= 1;
    file_write(dir, name, bytes.data, bytes.len);
    buf_free(&bytes);
}

/* The record that tells of the source is damaged, and the one behind it. */
static void a_file_of_which_nothing_is_known_is_counted_once(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    put(spool, add_file(spool, 2), 50);
    uint64_t told_at = spool->last->size;
    struct source *src = add_file(spool, 1);
    uint64_t first_at = spool->last->size;
    put(spool, src, 100);
    put(spool, src, 100);
    next_segment(spool);
    spool_close(spool);
    flip_byte(*state, "0000000000000001.seg", told_at);
    flip_byte(*state, "0000000000000001.seg", first_at);
    spool = spool_start(*state, 0, 1 << 20);
    read_thrice(spool);
    assert_int_equal(spool_stats(spool)->missing_unknown, 1);
    assert_int_equal(spool_stats(spool)->missing_records, 2);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_segment_that_has_gone_is_counted_once),
        IN_FOLDER(a_file_of_which_nothing_is_known_is_counted_once),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
