/* test_base_table.c: random work on a hash table, and the same on a plain array. */
#include "posta_test.h"

#include <posta/table.h>

enum { N_ROUNDS = 60, N_STEPS = 3000, MAX_ITEMS = 400 };

struct item {
    uint64_t hash;
    int key;
    bool is_in;
};

static struct item items[MAX_ITEMS];

static bool has_key(const void *item, const void *key)
{
    return ((const struct item *)item)->key == *(const int *)key;
}

static bool is_this(const void *item, const void *key)
{
    return item == key;
}

static size_t n_in(void)
{
    size_t n = 0;
    for (size_t i = 0; i < MAX_ITEMS; i++)
        n += items[i].is_in;
    return n;
}

/* ---- what must be true after each step ---- */

static void check_search(const struct table *table, const struct item *item)
{
    struct item *found = table_find(table, item->hash, is_this, item);
    assert_ptr_equal(found, item->is_in ? item : NULL);
}

/* The walk meets each once. */
static void check_walk(const struct table *table)
{
    bool is_met[MAX_ITEMS] = {false};
    size_t n = 0, at = 0;
    for (struct item *item; (item = table_next(table, &at)); n++) {
        assert_true(item->is_in);
        assert_false(is_met[item - items]);
        is_met[item - items] = true;
    }
    assert_int_equal(n, n_in());
    assert_int_equal(n, table->n_used);
    assert_true(3 * table->n_used <= 2 * table->n_slots);
}

static void check_all(const struct table *table)
{
    for (size_t i = 0; i < MAX_ITEMS; i++)
        check_search(table, &items[i]);
    check_walk(table);
}

/* ---- steps ---- */

static void any_step(struct table *table, unsigned put_percent)
{
    struct item *item = &items[random_below(MAX_ITEMS)];
    if (random_below(100) < put_percent) {
        if (!item->is_in)
            table_put(table, item->hash, item);
        item->is_in = true;
    } else {
        table_drop(table, item->hash, item); /* also one that is not there */
        item->is_in = false;
    }
    check_search(table, item);
}

/* n_hashes: how many different ones there are; few of them collide all the time. */
static void begin_round(uint64_t n_hashes)
{
    for (int i = 0; i < MAX_ITEMS; i++)
        items[i] = (struct item) {.hash = random_below(n_hashes), .key = i};
}

static void random_work_agrees_with_an_array(void **state)
{
    (void)state;
    static const uint64_t n_hashes[] = {1, 3, 50, MAX_ITEMS, UINT64_MAX};
    random_begin("table");
    for (int round = 0; round < N_ROUNDS; round++) {
        struct table table = TABLE_INIT;
        begin_round(n_hashes[round % (int)COUNT(n_hashes)]);
        for (int i = 0; i < N_STEPS; i++) {
            any_step(&table, i / 500 % 2 ? 20 : 75); /* it grows, and shrinks again */
            if (i % 100 == 0)
                check_all(&table);
        }
        table_free(&table);
        table_free(&table);
        assert_null(table_find(&table, 1, is_this, &items[0]));
    }
}

static void two_items_with_one_key_are_both_there(void **state)
{
    (void)state;
    struct table table = TABLE_INIT;
    struct item a = {.hash = 7, .key = 5}, b = a;
    table_put(&table, 7, &a);
    table_put(&table, 7, &b);
    table_drop(&table, 7, table_find(&table, 7, has_key, &a.key));
    assert_non_null(table_find(&table, 7, has_key, &a.key));
    table_drop(&table, 7, table_find(&table, 7, has_key, &a.key));
    assert_null(table_find(&table, 7, has_key, &a.key));
    table_free(&table);
}

static void an_empty_table_holds_nothing(void **state)
{
    (void)state;
    struct table table = TABLE_INIT;
    size_t at = 0;
    int key = 1;
    table_drop(&table, 1, &key);
    assert_null(table_find(&table, 1, has_key, &key));
    assert_null(table_next(&table, &at));
    table_free(&table);
}

static uint64_t n_compared;

static bool count_compared(const void *item, const void *key)
{
    n_compared++;
    return item == key;
}

/* Numbers in a row, as those of sources are, and multiples of large powers of two. */
static void numbers_as_hashes_do_not_pile_up(void **state)
{
    (void)state;
    enum { N = 100000 };
    static char many[N];
    for (int shift = 0; shift <= 40; shift += 8) {
        struct table table = TABLE_INIT;
        n_compared = 0;
        for (uint64_t i = 0; i < N; i++)
            table_put(&table, i << shift, &many[i]);
        for (uint64_t i = 0; i < N; i++)
            assert_ptr_equal(table_find(&table, i << shift, count_compared, &many[i]), &many[i]);
        assert_true(n_compared < N + N / 100);
        for (uint64_t i = 0; i < N; i++)
            table_drop(&table, i << shift, &many[i]);
        assert_int_equal(table.n_used, 0);
        assert_true(table.n_slots <= 16); /* the memory went with them */
        table_free(&table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_agrees_with_an_array),
        cmocka_unit_test(two_items_with_one_key_are_both_there),
        cmocka_unit_test(an_empty_table_holds_nothing),
        cmocka_unit_test(numbers_as_hashes_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
