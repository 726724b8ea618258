/* test_spool_room.c: a record that is larger than what the limit leaves is not waited for without end. */
#include "posta_test.h"
#include "spool/store.h"

enum { LIMIT = 64 * 1024, SEGMENT = 16 * 1024 };

static void one_record_fits_where_all_is_delivered(void **state)
{
    struct spool *spool = spool_start(*state, LIMIT, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err = ERR_INIT;
    put(spool, src, SEGMENT - 1000);
    assert_int_equal(try_put(spool, src, LIMIT - 5000, &err), -1); /* something waits */
    assert_int_equal(err.kind, ERR_FULL);
    for (int i = 0; i < 10; i++) {
        while (take(spool, &item))
            delivered_up_to(spool, &item);
        put(spool, src, LIMIT - (i % 2 ? 5000 : 1));
        assert_int_equal(try_put(spool, src, 6000, &err), -1);
        assert_int_equal(err.kind, ERR_FULL);
    }
    assert_true(spool_stats(spool)->segments <= 2);
    spool_close(spool);
}

/* The disk is slow: the loop does not wait for it, and it fits when the new segment is durable. */
static void nobody_waits_for_the_disk(void **state)
{
    test_sync_way = SYNC_BY_HAND;
    struct spool *spool = spool_start(*state, LIMIT, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err = ERR_INIT;
    put(spool, src, SEGMENT - 1000);
    while (take(spool, &item))
        delivered_up_to(spool, &item);
    assert_int_equal(try_put(spool, src, LIMIT - 1, &err), -1);
    assert_true(syncer_is_busy(spool->syncer)); /* begun, not waited for */
    assert_int_equal(try_put(spool, src, LIMIT - 1, &err), -1);
    while (syncer_step(spool->syncer))
        continue;
    assert_int_equal(spool_sync_done(spool, &err), 0);
    put(spool, src, LIMIT - 1);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_record_fits_where_all_is_delivered),
        IN_FOLDER(nobody_waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
