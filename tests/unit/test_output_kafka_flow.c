/* What librdkafka is given of each partition, and the memory it is lent. librdkafka itself is played by a model that follows its
 * rules: one batch of a partition is on its way, the next goes when it is full or old. Nothing may ever wait there for long that
 * could go. */
#include "output/kafka_arena.h"
#include "output/kafka_flow.h"
#include "posta_test.h"

enum { LEN = 700 };

static struct flow_pace pace;
static struct flow *flow;

static void use_flow(void)
{
    flow_free_all(flow);
    flow = NULL;
    flow_new(&flow, false);
    atomic_store(&flow->n_partitions, 4);
}

/* Something has arrived in each partition. */
static void begin_flight(void)
{
    for (int32_t i = 0; i < 4; i++) {
        flow_sent(flow, &pace, (uint32_t)i, LEN, 0);
        flow_reported(flow, &pace, i, true, 0);
    }
    pace.flight_ns = 0;
}

static int set_up(void **state)
{
    (void)state;
    pace = (struct flow_pace) {.batch_events = 100,
                               .batch_bytes = 1000000,
                               .overhead_bytes = 36,
                               .linger_ns = 5 * NS_PER_MS};
    use_flow();
    begin_flight();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_free_all(flow);
    flow = NULL;
    return 0;
}

static int give(uint32_t spread, int n, int64_t now_ms)
{
    int given = 0;
    while (given < n && flow_opens_ns(flow, &pace, spread, LEN, now_ms * NS_PER_MS) == 0) {
        flow_sent(flow, &pace, spread, LEN, now_ms * NS_PER_MS);
        given++;
    }
    return given;
}

static void report(int32_t partition, int n, int64_t now_ms)
{
    while (n-- > 0)
        flow_reported(flow, &pace, partition, true, now_ms * NS_PER_MS);
}

static int64_t opens_ms(uint32_t spread, int64_t now_ms)
{
    int64_t at = flow_opens_ns(flow, &pace, spread, LEN, now_ms * NS_PER_MS);
    return at == INT64_MAX || at == 0 ? at : at / NS_PER_MS;
}

static void a_batch_flies_and_the_next_is_not_filled(void **state)
{
    (void)state;
    assert_int_equal(give(1, 1000, 10), 100 + 99);
    assert_int_equal(opens_ms(1, 10), INT64_MAX);
    report(1, 100, 12);
    assert_int_equal(pace.flight_ns, 2 * NS_PER_MS);
    assert_int_equal(give(1, 1000, 12), 1 + 99); /* it is full and goes, the one after forms */
}

/* Else the second one could be taken by the brokers though the first was not. */
static void the_first_batch_goes_alone(void **state)
{
    (void)state;
    use_flow();
    assert_int_equal(give(1, 1000, 10), 100);
    assert_int_equal(opens_ms(1, 500), 1010);
    for (int i = 0; i < 100; i++)
        flow_reported(flow, &pace, 1, false, 501 * NS_PER_MS); /* refused: as before */
    assert_int_equal(give(1, 1000, 510), 100);
    assert_int_equal(opens_ms(1, 600), 1510);
    report(1, 100, 601);
    pace.flight_ns = 0;
    assert_int_equal(give(1, 1000, 610), 199);
}

static void partitions_do_not_wait_for_each_other(void **state)
{
    (void)state;
    assert_int_equal(give(1, 1000, 10), 199);
    assert_int_equal(give(5, 1000, 10), 0); /* the same one */
    assert_int_equal(give(2, 1000, 10), 199);
    report(2, 100, 11);
    assert_int_equal(opens_ms(1, 11), INT64_MAX);
    assert_int_equal(opens_ms(2, 11), 0);
}

static void far_away_the_next_forms_when_it_can_soon_go(void **state)
{
    (void)state;
    pace.flight_ns = 40 * NS_PER_MS;
    assert_int_equal(give(0, 1000, 100), 100);
    assert_int_equal(opens_ms(0, 101), 136); /* 100 + 40 - 5, and a quarter of linger behind that */
    assert_int_equal(give(0, 1000, 136), 0);
    assert_int_equal(give(0, 1000, 137), 99);
    report(0, 100, 140);
    assert_int_equal(give(0, 1000, 140), 1);
}

static void what_is_not_full_goes_after_linger(void **state)
{
    (void)state;
    pace.flight_ns = 40 * NS_PER_MS;
    assert_int_equal(give(0, 10, 100), 10);
    assert_int_equal(give(0, 10, 104), 10);
    assert_int_equal(give(0, 10, 105), 0); /* those 20 are on their way */
    report(0, 20, 150);
    assert_int_equal(give(0, 10, 150), 10);
}

/* Bytes would leave a rest behind in librdkafka that waits for the answer. */
static void a_batch_is_not_filled_by_bytes(void **state)
{
    (void)state;
    pace.batch_bytes = 512 + 10 * (LEN + 36) + 1;
    assert_int_equal(give(0, 1000, 100), 10);
    assert_int_equal(opens_ms(0, 101), 105);
    assert_int_equal(give(0, 1000, 105), 10); /* the first ten have gone */
    assert_int_equal(opens_ms(0, 105), INT64_MAX);
    report(0, 10, 106);
    assert_int_equal(opens_ms(0, 106), 110);
}

static void a_large_event_goes_alone(void **state)
{
    (void)state;
    pace.batch_bytes = LEN / 2;
    assert_int_equal(give(0, 1000, 100), 1);
    assert_int_equal(give(0, 1000, 105), 1);
    assert_int_equal(opens_ms(0, 105), INT64_MAX);
}

static void the_first_event_goes_alone_and_asks(void **state)
{
    (void)state;
    use_flow();
    atomic_store(&flow->n_partitions, 0);
    assert_int_equal(give(1, 5000, 100), 1);
    assert_int_equal(opens_ms(1, 100), 105);
    assert_int_equal(give(1, 5000, 105), 0);
    assert_int_equal(opens_ms(1, 180), 190);
    assert_int_equal(opens_ms(1, 99100), 99600);
    atomic_store(&flow->n_partitions, 4);
    assert_int_equal(give(1, 5000, 106), 99); /* a batch with the first one */
    report(1, 100, 107);
    assert_int_equal(pace.flight_ns, 1 * NS_PER_MS);
    assert_int_equal(give(1, 5000, 107), 100 + 99);
}

static void a_topic_that_is_not_there_is_asked_for_again(void **state)
{
    (void)state;
    atomic_store(&flow->n_partitions, 0);
    assert_int_equal(give(1, 5000, 100), 1);
    report(-1, 1, 5100);
    assert_int_equal(give(1, 5000, 5100), 1);
}

static void where_partitions_are_chosen_late_nothing_is_held_back(void **state)
{
    (void)state;
    struct flow *other = flow_new(&flow, true);
    for (int i = 0; i < 1000; i++) {
        atomic_store(&other->n_partitions, i < 500 ? 0 : 2);
        assert_int_equal(flow_opens_ns(other, &pace, 0, LEN, 0), 0);
        flow_sent(other, &pace, 0, LEN, 0);
    }
}

static void partitions_are_added(void **state)
{
    (void)state;
    assert_int_equal(give(3, 1000, 100), 199);
    atomic_store(&flow->n_partitions, 12);
    assert_int_equal(give(11, 1000, 100), 100); /* its first batch */
    assert_int_equal(give(3, 1000, 100), 0);
    report(100, 5, 101);
    report(-1, 5, 101);
    report(11, 100, 101);
    assert_int_equal(opens_ms(11, 101), 0);
}

/* A topic that is gone: librdkafka says so of no partition. */
static void reports_of_no_partition_close_nothing_for_ever(void **state)
{
    (void)state;
    assert_int_equal(give(1, 1000, 100), 199);
    assert_int_equal(give(2, 50, 100), 50);
    report(-1, 150, 101);
    report(1, 49, 101);
    report(2, 49, 101);
    assert_int_equal(give(1, 1000, 101), 0);
    report(-1, 1, 102);
    assert_int_equal(give(1, 1000, 102), 199);
    assert_int_equal(give(2, 1000, 102), 199);
}

/* ---- against the model of librdkafka ---- */

/* One partition there: what waits, and the batch on its way. All in microseconds. */
struct model {
    int64_t came_us[4096];
    int n_waiting, n_flying;
    int64_t lands_us, spun_us;
};

static void model_step(struct model *model, int64_t now_us, int64_t answer_us)
{
    if (model->n_flying > 0 && now_us >= model->lands_us) {
        for (; model->n_flying > 0; model->n_flying--)
            flow_reported(flow, &pace, 2, true, now_us * 1000);
    }
    bool is_ready = model->n_waiting >= (int)pace.batch_events ||
                    (model->n_waiting > 0 && now_us - model->came_us[0] >= pace.linger_ns / 1000);
    if (!is_ready)
        return;
    if (model->n_flying > 0) {
        model->spun_us += 50;
        return;
    }
    int n = model->n_waiting < (int)pace.batch_events ? model->n_waiting : (int)pace.batch_events;
    model->n_flying = n;
    model->lands_us = now_us + answer_us;
    model->n_waiting -= n;
    memmove(model->came_us, model->came_us + n, (size_t)model->n_waiting * sizeof *model->came_us);
}

/* Offered: as much as goes, or every_us one. Returns how many went in all. */
static int run_model(struct model *model, int64_t answer_us, int64_t every_us)
{
    int given = 0, waiting = 0;
    for (int64_t now_us = 1000; now_us < 2000000; now_us += 50) {
        int64_t jitter = answer_us > 8 ? (int64_t)random_below((uint64_t)answer_us / 8) : 0;
        model_step(model, now_us, answer_us - answer_us / 16 + jitter);
        waiting = every_us ? waiting + (now_us % every_us < 50) : 40;
        for (; waiting > 0 && flow_opens_ns(flow, &pace, 2, LEN, now_us * 1000) == 0; waiting--) {
            flow_sent(flow, &pace, 2, LEN, now_us * 1000);
            model->came_us[model->n_waiting++] = now_us;
            given++;
        }
    }
    return given;
}

static void librdkafka_seldom_looks_for_nothing(void **state)
{
    (void)state;
    for (int64_t answer_us = 100; answer_us < 200000; answer_us = answer_us * 5 / 3) {
        struct model model = {.n_waiting = 0};
        pace.flight_ns = 0;
        int n = run_model(&model, answer_us, 0);
        if (model.spun_us > 2000000 / 10)
            fail_msg("answers after %lld us: %lld us of spinning", (long long)answer_us,
                     (long long)model.spun_us);
        int64_t flight_us = answer_us > 5000 ? answer_us + answer_us / 4 : 6000;
        if (n < 2000000 / flight_us * 100 * 3 / 4)
            fail_msg("answers after %lld us: only %d events went", (long long)answer_us, n);
        report(2, 10000, 5000);
    }
}

static void a_trickle_is_not_held_up(void **state)
{
    (void)state;
    struct model model = {.n_waiting = 0};
    assert_in_range(run_model(&model, 1000, 10000), 198, 200);
    assert_true(model.spun_us == 0);
}

/* ---- memory ---- */

/* Made in the room, or laid there; now and then what was begun in the room is left. */
static const char *lend_some(struct arena *arena, char c, size_t len)
{
    static char bytes[ARENA_MESSAGE_MAX_BYTES];
    size_t more = random_below(ARENA_MESSAGE_MAX_BYTES - len);
    char *room = random_below(2) ? arena_room(arena, len + more) : NULL;
    memset(bytes, c, len);
    if (room)
        memset(room, c, len);
    if (room && random_below(4) == 0) {
        assert_null(arena_lend(arena, bytes, len)); /* it would lie there */
        arena_expect(arena, bytes);
        room = NULL;
    }
    const char *at = arena_lend(arena, room ? room : bytes, len);
    assert_true(!room || at == room);
    return at;
}

static void lent_bytes_stay_as_they_are(void **state)
{
    (void)state;
    enum { N = 700 };
    struct {
        const char *at;
        size_t len;
        char c;
    } out[N] = {{NULL, 0, 0}};
    static char bytes[ARENA_MESSAGE_MAX_BYTES];
    struct arena *arena = arena_new(4 * 1024 * 1024);
    for (int round = 0; round < 50000; round++) {
        int i = (int)random_below(N);
        for (size_t k = 0; k < out[i].len; k += 97)
            assert_int_equal(out[i].at[k], out[i].c);
        if (out[i].at)
            arena_give_back(arena, out[i].at);
        out[i].len = random_below(round % 100 ? 3000 : sizeof bytes);
        out[i].c = (char)round;
        out[i].at = lend_some(arena, out[i].c, out[i].len);
        if (!out[i].at)
            out[i].len = 0;
    }
    for (int i = 0; i < N; i++)
        if (out[i].at)
            arena_give_back(arena, out[i].at);
    arena_rest(arena);
    assert_non_null(arena_lend(arena, bytes, sizeof bytes));
    arena_free(arena);
}

static void a_full_arena_says_so(void **state)
{
    (void)state;
    static char bytes[ARENA_MESSAGE_MAX_BYTES + 1];
    struct arena *arena = arena_new(2 * ARENA_BLOCK_BYTES);
    const char *first = arena_lend(arena, bytes, 1000), *last = first;
    int n = 1;
    for (const char *at; (at = arena_lend(arena, bytes, 1000)); n++)
        last = at;
    assert_in_range(n, 2 * 126, 2 * 130);
    assert_null(arena_lend(arena, bytes, sizeof bytes));
    arena_give_back(arena, bytes); /* not of it */
    assert_null(arena_lend(arena, bytes, 1000));
    arena_rest(arena); /* all of it is lent: nothing happens */
    while (n-- > 0)
        arena_give_back(
            arena, n >= 129 ? first : last); /* whose byte it is does not matter within a block */
    assert_non_null(arena_lend(arena, bytes, 0));
    arena_free(arena);
    struct arena *none = arena_new(0);
    assert_null(arena_lend(none, bytes, 1));
    arena_rest(none);
    arena_free(none);
    arena_free(NULL);
}

int main(void)
{
    random_begin("kafka_flow");
#define FLOW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FLOW(a_batch_flies_and_the_next_is_not_filled),
        FLOW(the_first_batch_goes_alone),
        FLOW(partitions_do_not_wait_for_each_other),
        FLOW(far_away_the_next_forms_when_it_can_soon_go),
        FLOW(what_is_not_full_goes_after_linger),
        FLOW(a_batch_is_not_filled_by_bytes),
        FLOW(a_large_event_goes_alone),
        FLOW(the_first_event_goes_alone_and_asks),
        FLOW(a_topic_that_is_not_there_is_asked_for_again),
        FLOW(where_partitions_are_chosen_late_nothing_is_held_back),
        FLOW(partitions_are_added),
        FLOW(reports_of_no_partition_close_nothing_for_ever),
        FLOW(librdkafka_seldom_looks_for_nothing),
        FLOW(a_trickle_is_not_held_up),
        cmocka_unit_test(lent_bytes_stay_as_they_are),
        cmocka_unit_test(a_full_arena_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
