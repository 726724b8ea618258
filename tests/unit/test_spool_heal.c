/* test_spool_heal.c: what was read once more from the log is the same to everybody: its events have the ids they would have had.
 */
#include "posta_test.h"
#include "spool/store.h"

/* Where the file system has no birth times, the time when the file was first seen makes the id. */
static void healed_bytes_have_the_key_of_their_file(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    char bytes[46], key[SOURCE_KEY_LEN + 1], healed[SOURCE_KEY_LEN + 1];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = known_byte(1, i);
    put(spool, src, 100);
    src->first_seen_ns -= 5 * NS_PER_S; /* some time ago */
    const struct spool_missing missing = {.src = src, .from = 0, .to = sizeof(bytes)};
    source_key(src, key);
    assert_int_equal(spool_heal(spool, &missing, bytes, &err), 0);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.to, sizeof(bytes));
    assert_true(item.src->flags & SOURCE_HEALED);
    source_key(item.src, healed);
    assert_string_equal(healed, key);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(healed_bytes_have_the_key_of_their_file),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
