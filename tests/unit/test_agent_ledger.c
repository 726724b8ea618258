/* The ledger: it says when it does not balance, damage is booked, and what a start finds in a spool of many segments is counted
 * once, whoever comes first: the census, the sender, or who drops the oldest. */
#include "test_agent_sender.h"

enum { SMALL_SEGMENT = 4096 };

static struct tally recovered(const struct rig *rig)
{
    return rig->ledger.rows[0].at[LEDGER_RECOVERED];
}

static struct tally waiting(const struct rig *rig)
{
    return ledger_waiting(&rig->ledger.rows[0]);
}

static int small_segments(void **state)
{
    rig_segment_bytes = SMALL_SEGMENT;
    return rig_open(state);
}

static int usual_segments(void **state)
{
    int rc = rig_close(state);
    rig_segment_bytes = 1 << 20;
    return rc;
}

/* Numbers are 6 bytes each. */
static void fill(struct rig *rig, int n)
{
    for (int i = 0; i < n; i += 100)
        put_numbers(rig, 10000 + i, 10000 + i + 100);
}

static void it_says_what_is_wrong(void **state)
{
    struct rig *rig = *state;
    struct ledger ledger;
    const struct tally none = {0}, some = {.bytes = 10, .lines = 1},
                       more = {.bytes = 30, .lines = 3};
    ledger_init(&ledger, &rig->settings);
    ledger_add(&ledger, 0, LEDGER_READ, 20, 2);
    ledger_add(&ledger, 0, LEDGER_SPOOLED, 20, 2);
    ledger_check(&ledger, 0, (struct tally) {.bytes = 20, .lines = 2}, false);
    assert_false(ledger.is_wrong);
    ledger_check(&ledger, 0, some, true); /* damage took a line */
    assert_false(ledger.is_wrong);
    assert_int_equal(ledger.rows[0].at[LEDGER_DAMAGED].bytes, 10);
    assert_int_equal(ledger_waiting(&ledger.rows[0]).lines, 1);
    ledger_check(&ledger, 0, none, false);
    assert_true(ledger.is_wrong);
    ledger.is_wrong = false;
    ledger_check(&ledger, 0, more, true); /* damage makes nothing */
    assert_true(ledger.is_wrong);
    ledger.is_wrong = false;
    ledger_add(&ledger, 0, LEDGER_READ, 1, 0); /* read, and nobody knows where it went */
    ledger_check(&ledger, 0, some, false);
    assert_true(ledger.is_wrong);
    ledger_free(&ledger);
}

static void sources_have_rows(void **state)
{
    struct rig *rig = *state;
    struct ledger ledger;
    const struct source old = {.input = "was there before"};
    ledger_init(&ledger, &rig->settings);
    assert_int_equal(ledger_row_of(&ledger, rig->src), 0);
    assert_string_equal(ledger.rows[ledger_row_of(&ledger, &old)].input, "_not_configured");
    assert_string_equal(ledger.rows[ledger_row_of_lane(&ledger, EVENTS_HEARTBEATS)].input,
                        "_heartbeats");
    ledger_free(&ledger);
}

/* The output is away: only the census gets on. */
static void a_start_counts_all_segments(void **state)
{
    struct rig *rig = *state;
    fill(rig, 5000);
    rig->fake.n_room = 0;
    start(rig);
    assert_true(sender_is_counting(rig->sender));
    turn(rig, 50);
    assert_false(sender_is_counting(rig->sender));
    assert_int_equal(recovered(rig).lines, 5000);
    assert_int_equal(recovered(rig).bytes, 30000);
    assert_int_equal(waiting(rig).lines, 5000);
}

/* Told to stop before the loop has turned: nothing is left to the next start to find out. */
static void an_end_counts_to_the_end(void **state)
{
    struct rig *rig = *state;
    fill(rig, 5000);
    rig->fake.n_room = 0;
    start(rig);
    sender_prove(rig->sender);
    assert_false(sender_is_counting(rig->sender));
    assert_int_equal(waiting(rig).lines, 5000);
    assert_int_equal(waiting(rig).bytes, 30000);
}

static int64_t late_ns(void)
{
    return now_ns += 3 * NS_PER_S;
}

static void an_end_does_not_count_for_ever(void **state)
{
    static const struct clock_ops slow = {.mono_ns = late_ns, .wall_ns = wall_ns};
    struct rig *rig = *state;
    fill(rig, 5000);
    rig->fake.n_room = 0;
    start(rig);
    clock_set(&slow);
    sender_prove(rig->sender);
    assert_true(sender_is_counting(rig->sender));
}

static void what_cannot_be_counted_is_not_nothing(void **state)
{
    static const struct fs_fault fault = {.call = FS_OPEN, .nth = 1, .times = -1, .fail = EIO};
    struct rig *rig = *state;
    fill(rig, 5000);
    rig->fake.n_room = 0;
    start(rig);
    fs_set_faults(&fault, 1);
    turn(rig, 5);
    sender_prove(rig->sender);
    assert_true(sender_is_counting(rig->sender));
}

/* The sender is faster, and segments go while the census is in them. */
static void delivered_while_it_is_counted(void **state)
{
    struct rig *rig = *state;
    fill(rig, 5000);
    rig->fake.delivers = true;
    start(rig);
    turn(rig, 50);
    assert_int_equal(recovered(rig).lines, 5000);
    assert_int_equal(rig->ledger.rows[0].at[LEDGER_DELIVERED].lines, 5000);
    assert_int_equal(waiting(rig).bytes, 0);
}

static void dropped_while_it_is_counted(void **state)
{
    struct rig *rig = *state;
    struct err err;
    fill(rig, 5000);
    assert_int_equal(spool_sync(rig->spool, &err), 0);
    rig->fake.n_room = 10;
    start(rig);
    assert_true(sender_drop_oldest(rig->sender)); /* before a turn: nobody has counted anything */
    const struct ledger_row *row = &rig->ledger.rows[0];
    uint64_t n_first = row->at[LEDGER_DROPPED_OLDEST].lines;
    assert_true(n_first > 0);
    assert_int_equal(row->at[LEDGER_RECOVERED].lines, n_first);
    turn(rig, 50);
    assert_true(sender_drop_oldest(rig->sender));
    assert_true(row->at[LEDGER_DROPPED_OLDEST].lines > n_first);
    assert_int_equal(recovered(rig).lines, 5000);
    assert_int_equal(waiting(rig).lines, 5000 - row->at[LEDGER_DROPPED_OLDEST].lines);
}

/* Delivered in part, killed, and more has come: what was delivered is not found again. */
static void in_the_middle_of_a_chunk(void **state)
{
    struct rig *rig = *state;
    struct err err;
    start(rig);
    put_numbers(rig, 10000, 10100);
    turn(rig, 5);
    for (size_t i = 0; i < 30; i++)
        delivered(rig, i);
    delivered(rig, 50); /* behind the cursor: it comes again */
    put_numbers(rig, 10100, 10200);
    assert_int_equal(waiting(rig).lines, 200 - 31);
    assert_int_equal(spool_save_cursor(rig->spool, true, &err), 0);
    restart(rig);
    turn(rig, 5);
    assert_int_equal(recovered(rig).lines, 200 - 30);
    assert_int_equal(recovered(rig).bytes, 6 * (200 - 30));
}

/* Of a file that is forgotten only records tell. */
static void of_logs_that_are_gone(void **state)
{
    struct rig *rig = *state;
    struct err err;
    fill(rig, 3000);
    assert_int_equal(spool_end_source(rig->spool, rig->src, END_LEASE, 0, &err), 0);
    spool_forget(rig->spool, rig->src);
    begin_source(rig);
    fill(rig, 3000);
    rig->fake.n_room = 0;
    start(rig);
    turn(rig, 50);
    assert_int_equal(recovered(rig).lines, 6000);
    assert_int_equal(rig->ledger.rows[rig->ledger.n_rows - 1].at[LEDGER_RECOVERED].lines, 0);
}

/* A byte of a segment is another one: a record is gone, and when all else is delivered it is booked. */
static void damage_is_booked(void **state)
{
    struct rig *rig = *state;
    struct err err;
    char path[128];
    fill(rig, 5000);
    assert_int_equal(spool_sync(rig->spool, &err), 0);
    snprintf(path, sizeof path, "%s/%016x.seg", rig->spool_dir, 2);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\xff", 1, 3000), 1);
    close(fd);
    rig->fake.n_room = 0;
    start(rig);
    turn(rig, 50);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.delivers = true;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 100);
    const struct ledger_row *row = &rig->ledger.rows[0];
    assert_true(sender_is_idle(rig->sender));
    assert_int_equal(row->at[LEDGER_DELIVERED].lines, row->at[LEDGER_RECOVERED].lines);
    assert_true(row->at[LEDGER_DELIVERED].lines < 5000);
    assert_int_equal(waiting(rig).lines, 0);
}

/* Taken in by this process, counted as waiting, and damaged before it is read. */
static void damage_of_what_was_taken_in(void **state)
{
    struct rig *rig = *state;
    struct err err;
    char path[128];
    rig->fake.n_room = 0;
    start(rig);
    fill(rig, 5000);
    assert_int_equal(spool_sync(rig->spool, &err), 0);
    snprintf(path, sizeof path, "%s/%016x.seg", rig->spool_dir, 3);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\xff", 1, 3000), 1);
    close(fd);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.delivers = true;
    turn(rig, 100);
    const struct ledger_row *row = &rig->ledger.rows[0];
    assert_true(row->at[LEDGER_DAMAGED].lines > 0);
    assert_int_equal(row->at[LEDGER_DAMAGED].bytes, 6 * row->at[LEDGER_DAMAGED].lines);
    assert_int_equal(row->at[LEDGER_DELIVERED].lines + row->at[LEDGER_DAMAGED].lines, 5000);
}

static void how_long_it_took(void **state)
{
    struct rig *rig = *state;
    start(rig);
    put_numbers(rig, 10, 13);
    turn(rig, 3);
    for (size_t i = 0; i < 3; i++)
        delivered(rig, i);
    const struct latency *latency = sender_latency(rig->sender);
    assert_int_equal(latency->n[0], 3); /* the wall clock of this test stands still */
    assert_int_equal(sender_oldest_ms(rig->sender), 0);
    for (unsigned i = 1; i < LATENCY_STEPS; i++)
        assert_true(latency_step_s(i) > latency_step_s(i - 1));
}

/* With exactly_once nothing is taken from the spool before the broker has said where to go on. */
static void how_long_it_waits_untaken(void **state)
{
    struct rig *rig = *state;
    struct err err;
    struct chunk old = {.read_ns = wall_ns() - 5 * NS_PER_S, .bytes = "12\n", .len = 3, .to = 3};
    rig->fake.keeps_marks = true;
    start(rig);
    assert_int_equal(sender_oldest_ms(rig->sender), 0);
    assert_int_equal(take_in(rig, rig->src, &old, &err), 0);
    put_numbers(rig, 13, 16);
    turn(rig, 3);
    assert_int_equal(sender_oldest_ms(rig->sender), 5000);
    assert_int_equal(sender_oldest_ms(rig->sender), 5000);
}

#define SMALL(name) cmocka_unit_test_setup_teardown(name, small_segments, usual_segments)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_says_what_is_wrong),
        CASE(sources_have_rows),
        SMALL(a_start_counts_all_segments),
        SMALL(an_end_counts_to_the_end),
        SMALL(an_end_does_not_count_for_ever),
        SMALL(what_cannot_be_counted_is_not_nothing),
        SMALL(delivered_while_it_is_counted),
        SMALL(dropped_while_it_is_counted),
        CASE(in_the_middle_of_a_chunk),
        SMALL(of_logs_that_are_gone),
        SMALL(damage_is_booked),
        SMALL(damage_of_what_was_taken_in),
        CASE(how_long_it_took),
        CASE(how_long_it_waits_untaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
