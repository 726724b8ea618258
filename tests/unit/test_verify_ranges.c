/* test_verify_ranges.c: sets of bytes: gaps, repeats, any order; against a map of single bytes. */
#include "posta_test.h"
#include "verify/verify.h"

enum { MODEL_BYTES = 400, ROUNDS = 3000 };

static void assert_ranges(const struct ranges *ranges, const uint64_t (*want)[2], size_t n)
{
    assert_int_equal(ranges->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ranges->at[i].from, want[i][0]);
        assert_int_equal(ranges->at[i].to, want[i][1]);
    }
}

static uint64_t add(struct ranges *ranges, uint64_t from, uint64_t to)
{
    return ranges_add(ranges, (struct range) {from, to, 0});
}

static void what_lies_side_by_side_is_one_range(void **state)
{
    struct ranges ranges = {.at = NULL};
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(add(&ranges, i * 7, i * 7 + 7), 0);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 7000}}, 1);
    assert_int_equal(ranges.bytes, 7000);
    assert_true(ranges.cap <= 2);
    ranges_free(&ranges);
}

static void a_gap_is_there_until_it_is_filled(void **state)
{
    struct ranges ranges = {.at = NULL};
    struct range gap;
    (void)state;
    add(&ranges, 0, 10);
    add(&ranges, 30, 40);
    add(&ranges, 50, 60);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 10}, {30, 40}, {50, 60}}, 3);
    assert_true(ranges_gap_before(&ranges, 35, &gap));
    assert_int_equal(gap.from, 10);
    assert_int_equal(gap.to, 30);
    assert_false(ranges_gap_before(&ranges, 5, &gap));
    assert_false(ranges_gap_before(&ranges, 45, &gap));
    add(&ranges, 15, 30);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 10}, {15, 40}, {50, 60}}, 3);
    add(&ranges, 10, 15);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 40}, {50, 60}}, 2);
    ranges_free(&ranges);
}

static void a_beginning_that_is_missing_is_a_gap_too(void **state)
{
    struct ranges ranges = {.at = NULL};
    struct range gap;
    (void)state;
    add(&ranges, 100, 200);
    assert_true(ranges_gap_before(&ranges, 100, &gap));
    assert_int_equal(gap.from, 0);
    assert_int_equal(gap.to, 100);
    ranges_free(&ranges);
}

static void repeats_are_counted_in_bytes(void **state)
{
    struct ranges ranges = {.at = NULL};
    (void)state;
    add(&ranges, 0, 10);
    add(&ranges, 20, 30);
    assert_int_equal(add(&ranges, 0, 10), 10);
    assert_int_equal(add(&ranges, 22, 23), 1);
    assert_int_equal(add(&ranges, 5, 25), 10);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 30}}, 1);
    ranges_free(&ranges);
}

static void slack_reaches_the_next_range_and_no_further(void **state)
{
    struct ranges ranges = {.at = NULL};
    (void)state;
    ranges_add(&ranges, (struct range) {0, 10, 1});
    ranges_add(&ranges, (struct range) {11, 20, 1});
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 20}}, 1);
    ranges_add(&ranges, (struct range) {22, 30, SLACK_UNKNOWN});
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 20}, {22, 30}}, 2);
    ranges_add(&ranges, (struct range) {1000, 1010, 0});
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 20}, {22, 1010}}, 2);
    ranges_add(&ranges, (struct range) {1011, 1020, 0});
    assert_int_equal(ranges.n, 3);
    ranges_free(&ranges);
}

static void what_is_known_exactly_wins_over_slack(void **state)
{
    struct ranges ranges = {.at = NULL};
    (void)state;
    ranges_add(&ranges, (struct range) {0, 10, 1});
    assert_int_equal(ranges_add(&ranges, (struct range) {0, 10, 0}), 10);
    add(&ranges, 11, 20);
    assert_ranges(&ranges, (const uint64_t[][2]) {{0, 10}, {11, 20}}, 2);
    ranges_free(&ranges);
}

/* ---- the model ---- */

static void assert_as_model(const struct ranges *ranges, const bool *model)
{
    size_t at = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < ranges->n; i++) {
        for (; at < ranges->at[i].from; at++)
            assert_false(model[at]);
        for (; at < ranges->at[i].to; at++, bytes++)
            assert_true(model[at]);
        assert_true(at == MODEL_BYTES || !model[at]);
    }
    for (; at < MODEL_BYTES; at++)
        assert_false(model[at]);
    assert_int_equal(ranges->bytes, bytes);
}

static void random_ranges_are_as_in_a_map_of_bytes(void **state)
{
    (void)state;
    random_begin("ranges against a map");
    for (int round = 0; round < ROUNDS; round++) {
        struct ranges ranges = {.at = NULL};
        bool model[MODEL_BYTES] = {false};
        uint64_t longest = 1 + random_below(60), n = random_below(60);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t from = random_below(MODEL_BYTES - longest), known = 0;
            uint64_t to = from + 1 + random_below(longest);
            for (uint64_t byte = from; byte < to; byte++) {
                known += model[byte];
                model[byte] = true;
            }
            assert_int_equal(add(&ranges, from, to), known);
        }
        assert_as_model(&ranges, model);
        ranges_free(&ranges);
    }
}

/* Lines of a log in any order, some twice, some not at all, with a terminator that is only assumed. */
static void a_permutation_of_lines_gives_exactly_the_gaps(void **state)
{
    enum { LINES = 50 };
    (void)state;
    random_begin("lines in any order");
    for (int round = 0; round < ROUNDS; round++) {
        struct ranges ranges = {.at = NULL};
        uint64_t from[LINES + 1] = {0}, order[LINES], n_gaps = 0;
        bool is_lost[LINES];
        for (size_t i = 0; i < LINES; i++) {
            from[i + 1] = from[i] + 3 + random_below(9); /* at least a byte and CR LF */
            order[i] = i;
            is_lost[i] = i > 0 && random_below(6) == 0;
            n_gaps += is_lost[i] && !is_lost[i - 1];
        }
        n_gaps -= is_lost[LINES - 1];
        for (size_t i = LINES - 1; i > 0; i--) {
            size_t other = (size_t)random_below(i + 1);
            uint64_t kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        for (size_t i = 0; i < LINES; i++) {
            uint64_t line = order[i], to = from[line + 1] - random_below(2);
            for (uint64_t times = 1 + (random_below(5) == 0); times && !is_lost[line]; times--)
                ranges_add(&ranges, (struct range) {from[line], to, 1});
        }
        assert_int_equal(ranges.n, n_gaps + 1);
        ranges_free(&ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_side_by_side_is_one_range),
        cmocka_unit_test(a_gap_is_there_until_it_is_filled),
        cmocka_unit_test(a_beginning_that_is_missing_is_a_gap_too),
        cmocka_unit_test(repeats_are_counted_in_bytes),
        cmocka_unit_test(slack_reaches_the_next_range_and_no_further),
        cmocka_unit_test(what_is_known_exactly_wins_over_slack),
        cmocka_unit_test(random_ranges_are_as_in_a_map_of_bytes),
        cmocka_unit_test(a_permutation_of_lines_gives_exactly_the_gaps),
    };
    return cmocka_run_group_tests_name("verify_ranges", tests, NULL, NULL);
}
