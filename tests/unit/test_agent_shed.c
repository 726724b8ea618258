/* test_agent_shed.c: the oldest lines are dropped while they wait, while they are under way, while a parser holds them.
 *
 * Whatever happens: each line is delivered or counted as dropped, none is both or neither; what is left keeps its order.
 */
#include "test_agent_sender.h"

enum { SEGMENT = 2000 };

static int small_rig_open(void **state)
{
    rig_segment_bytes = SEGMENT;
    int rc = rig_open(state);
    rig_segment_bytes = 1 << 20;
    return rc;
}

#define SMALL_CASE(name) cmocka_unit_test_setup_teardown(name, small_rig_open, rig_close)

static uint64_t dropped_lines(struct rig *rig)
{
    return spool_stats(rig->spool)->dropped_lines;
}

/* Lines of 8 bytes, so many in a chunk; as many chunks as it takes to have n segments. */
static int fill(struct rig *rig, int from, uint64_t n_segments)
{
    struct err err;
    int n = from;
    while (spool_stats(rig->spool)->segments < n_segments) {
        struct buf text = BUF_INIT;
        for (int i = 0; i < 20; i++)
            buf_printf(&text, "%07d\n", n++);
        put(rig, buf_str(&text));
        buf_free(&text);
    }
    assert_int_equal(spool_sync(rig->spool, &err), 0);
    return n;
}

static int number_of(const struct offer *offer)
{
    return atoi(offer->message);
}

static void only_one_segment_stays(void **state)
{
    struct rig *rig = *state;
    put_numbers(rig, 0, 10);
    start(rig);
    turn(rig, 3);
    assert_false(sender_drop_oldest(rig->sender));
    assert_int_equal(dropped_lines(rig), 0);
    assert_int_equal(rig->fake.n, 10);
}

static void what_nobody_has_read_is_dropped_and_counted(void **state)
{
    struct rig *rig = *state;
    rig->fake.n_room = 0;
    int n = fill(rig, 0, 4);
    start(rig);
    turn(rig, 3);
    uint64_t before = spool_stats(rig->spool)->disk_bytes;
    assert_true(sender_drop_oldest(rig->sender));
    assert_true(spool_stats(rig->spool)->disk_bytes < before);
    uint64_t gone = dropped_lines(rig);
    assert_true(gone > 0);
    assert_int_equal(spool_stats(rig->spool)->dropped_bytes, gone * 8);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, (uint64_t)n - gone);
    assert_int_equal(number_of(&rig->fake.offers[0]), gone);
    assert_int_equal(spool_stats(rig->spool)->missing_records, 0);
}

/* Somebody has removed the oldest segment: it makes room all the same, or reading would stop for as long as the output is away.
 * What was in it is missing, not dropped. */
static void a_segment_that_has_gone_makes_room(void **state)
{
    struct rig *rig = *state;
    rig->fake.n_room = 0;
    int n = fill(rig, 0, 4);
    char *path = mem_printf("%s/0000000000000001.seg", rig->spool_dir);
    uint64_t records = spool_oldest_end(rig->spool) - spool_reading(rig->spool);
    assert_int_equal(unlink(path), 0);
    free(path);
    start(rig);
    assert_true(sender_drop_oldest(rig->sender));
    assert_int_equal(dropped_lines(rig), 0);
    assert_int_equal(spool_stats(rig->spool)->missing_records, records);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 3);
    assert_int_equal(number_of(&rig->fake.offers[rig->fake.n - 1]), n - 1);
    assert_int_equal(spool_stats(rig->spool)->missing_records, records);
    assert_true(sender_drop_oldest(rig->sender));
}

/* A record of it was damaged before anybody had read it: that is no line that was dropped, and is not forgotten. */
static void what_was_damaged_is_not_counted_as_dropped(void **state)
{
    struct rig *rig = *state;
    rig->fake.n_room = 0;
    fill(rig, 0, 4);
    char *path = mem_printf("%s/0000000000000001.seg", rig->spool_dir);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "!", 1, 1000), 1);
    close(fd);
    free(path);
    start(rig);
    assert_true(sender_drop_oldest(rig->sender));
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 3);
    assert_int_equal(dropped_lines(rig) + 20, number_of(&rig->fake.offers[0]));
    assert_int_equal(spool_stats(rig->spool)->missing_records, 1);
    assert_int_equal(spool_stats(rig->spool)->damaged_regions, 1);
}

/* Of what is under way and dropped a late verdict changes nothing; what is behind it is not offered again. */
static void what_is_under_way_is_dropped_too(void **state)
{
    struct rig *rig = *state;
    int n = fill(rig, 0, 3);
    start(rig);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, n);
    delivered(rig, 3);
    delivered(rig, 4);
    assert_true(sender_drop_oldest(rig->sender));
    uint64_t gone = dropped_lines(rig) + 2;
    assert_true(gone < (uint64_t)n);
    assert_int_equal(spool_stats(rig->spool)->dropped_bytes, dropped_lines(rig) * 8);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, n); /* nothing twice */
    for (int i = 0; i < n; i++)
        if (i != 3 && i != 4)
            delivered(rig, (size_t)i);
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
    assert_int_equal(sender_stats(rig->sender)->lines_delivered + dropped_lines(rig), n);
}

/* The cursor on the disk is behind what is gone. */
static void what_is_dropped_stays_so_after_a_kill(void **state)
{
    struct rig *rig = *state;
    int n = fill(rig, 0, 4);
    rig->fake.n_room = 0;
    start(rig);
    turn(rig, 3);
    assert_true(sender_drop_oldest(rig->sender));
    uint64_t gone = dropped_lines(rig);
    check_ledger(rig);
    sender_free(rig->sender);
    rig->sender = NULL;
    spool_close(rig->spool);
    open_spool(rig);
    rig->fake.n_room = SIZE_MAX;
    start(rig);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, (uint64_t)n - gone);
    assert_int_equal(spool_stats(rig->spool)->missing_records, 0);
    assert_int_equal(spool_stats(rig->spool)->damaged_regions, 0);
}

/* ---- at random ---- */

/* The lines of an event, which JSON shows as \\n between them. */
static void see_lines(const struct offer *offer, uint8_t *seen)
{
    for (const char *at = offer->message; *at; at += at[7] ? 9 : 7) {
        assert_false(seen[atoi(at)]);
        seen[atoi(at)] = true;
    }
}

static void give_some_verdicts(struct rig *rig, uint8_t *seen)
{
    struct fake *fake = &rig->fake;
    size_t kept = 0;
    for (size_t k = 0; k < fake->n; k++) {
        struct offer *offer = &fake->offers[k];
        if (random() % 3) {
            fake->offers[kept++] = *offer;
            continue;
        }
        uint64_t before = sender_stats(rig->sender)->lines_delivered;
        delivered(rig, k);
        if (sender_stats(rig->sender)->lines_delivered > before)
            see_lines(offer, seen);
    }
    fake->n = kept;
}

enum { N = 200000 };

/* Returns how many lines there were. */
static int play(struct rig *rig, uint8_t *seen)
{
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    srandom(seed);
    memset(seen, 0, N);
    start(rig);
    int n = 0, n_drops = 0;
    for (int i = 0; i < 1500; i++) {
        n = random() % 3 ? n : fill(rig, n, spool_stats(rig->spool)->segments + 1);
        rig->fake.n_room = (size_t)random() % 400;
        rig->fake.env.room(rig->fake.env.arg);
        turn(rig, 1);
        if (random() % 4 == 0)
            n_drops += sender_drop_oldest(rig->sender);
        give_some_verdicts(rig, seen);
        if (random() % 20 == 0) {
            rig->fake.n = 0;
            rig->fake.env.again(rig->fake.env.arg);
        }
        assert_true(n < N - 1000);
    }
    rig->fake.n_room = SIZE_MAX;
    sender_let_go(rig->sender);
    for (int i = 0; i < 1000 && !spool_is_drained(rig->spool); i++) {
        rig->fake.env.room(rig->fake.env.arg);
        turn(rig, 1);
        give_some_verdicts(rig, seen);
    }
    assert_true(spool_is_drained(rig->spool));
    assert_true(n_drops > 50);
    print_message("%d lines, %d drops of %llu lines\n", n, n_drops,
                  (unsigned long long)dropped_lines(rig));
    return n;
}

static uint64_t count_seen(const uint8_t *seen)
{
    uint64_t n_seen = 0;
    for (int i = 0; i < N; i++)
        n_seen += seen[i];
    return n_seen;
}

static void random_drops(void **state)
{
    struct rig *rig = *state;
    static uint8_t seen[N];
    int n = play(rig, seen);
    uint64_t n_seen = count_seen(seen);
    assert_int_equal(n_seen + dropped_lines(rig), n);
    assert_int_equal(spool_stats(rig->spool)->dropped_bytes, dropped_lines(rig) * 8);
    assert_int_equal(sender_stats(rig->sender)->lines_delivered, n_seen);
}

/* An event that reaches over the cut and was under way counts as dropped with its first lines, and may still arrive. */
static void random_drops_of_events_of_several_lines(void **state)
{
    struct rig *rig = *state;
    static uint8_t seen[N];
    set_parsers(rig, "multiline: {pattern: '[1-4]$', match: after}\n");
    int n = play(rig, seen);
    uint64_t n_known = count_seen(seen) + dropped_lines(rig);
    assert_true(n_known >= (uint64_t)n);
    assert_true(n_known < (uint64_t)n + 5 * 400);
    free_sender_and_parsers(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SMALL_CASE(only_one_segment_stays),
        SMALL_CASE(what_nobody_has_read_is_dropped_and_counted),
        SMALL_CASE(a_segment_that_has_gone_makes_room),
        SMALL_CASE(what_was_damaged_is_not_counted_as_dropped),
        SMALL_CASE(what_is_under_way_is_dropped_too),
        SMALL_CASE(what_is_dropped_stays_so_after_a_kill),
        SMALL_CASE(random_drops),
        SMALL_CASE(random_drops_of_events_of_several_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
