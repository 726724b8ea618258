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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_record_fits_where_all_is_delivered),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
