/* kafka_flow.c: how much librdkafka is given of each partition.
 *
 * An idempotent librdkafka has one batch of a partition on its way. What waits behind it and is ready to be sent, because it is a full
 * batch or has waited for linger, makes it look again and again, without a pause, until the answer is there: with
 * 20 ms from a batch to its answer that is ten times the work of all else. So it is given what it can send, and the rest
 * waits in the spool.
 *
 * Happy path: nothing flies: a batch of events. A batch flies: the next one forms, but is not filled, and begins to form so late that
 * its linger is over when the answer comes (flight_ns says when that will be). A batch is filled by its number of events: librdkafka
 * takes one for full by bytes when they do not all fit in it, and what is left over waits behind it. One that is large by bytes is
 * not filled, and goes when its linger is over.
 * How many partitions there are is not known before the first event: it goes alone, and asks.
 * The first batch of an instance goes alone, until it has arrived, or for a second, as its partition may be without a leader: brokers that know nothing of a producer yet take any number for its first,
 * so that a second batch would be taken though the first was refused, and its events would overtake those that are sent again.
 * Failure modes: the time is guessed wrong: librdkafka looks again for so long, or the next batch comes later by it. Reports of no
 * partition, as the topic is gone, are passed over; when the last event of the topic has its report, all is counted anew.
 * On close: with its instance.
 */
#include "kafka_flow.h"

#include <posta/buf.h>

#include <stdlib.h>

/* The answer comes sooner or later than the mean by that part of linger. */
#define MARGIN_NS(pace)   ((pace)->linger_ns / 4)
#define FIRST_ALONE_NS    INT64_C(1000000000)
#define EARLY_LOOK_MIN_NS INT64_C(5000000)
#define EARLY_LOOK_MAX_NS INT64_C(500000000)
/* BATCH_OVERHEAD: what a batch takes beside its records, and its request, at most; 61 bytes are the head of a batch. */
enum { FLIGHTS_IN_MEAN = 8, BATCH_OVERHEAD = 512 };

struct flow *flow_new(struct flow **all, bool is_reachable_only)
{
    struct flow *flow = mem_zero(1, sizeof *flow);
    *flow = (struct flow) {.next = *all, .is_reachable_only = is_reachable_only};
    return *all = flow;
}

void flow_free_all(struct flow *all)
{
    while (all) {
        struct flow *next = all->next;
        free(all->lanes);
        free(all);
        all = next;
    }
}

/* Nothing is out, so nothing flies: what a report said of no partition is still counted. */
static void clear_lanes(struct flow *flow)
{
    flow->has_early = false;
    for (int i = 0; i < flow->n_lanes; i++)
        flow->lanes[i].n_flying = flow->lanes[i].n_forming = flow->lanes[i].forming_bytes = 0;
}

static int known_partitions(struct flow *flow)
{
    return atomic_load_explicit(&flow->n_partitions, memory_order_relaxed);
}

static void count_early(struct flow *flow, int n, int64_t now_ns)
{
    struct flow_lane *lane = &flow->lanes[flow->early_spread % (uint32_t)n];
    flow->has_early = false;
    if (lane->n_forming++ == 0)
        lane->first_ns = now_ns; /* it was not sent before, and others go with it */
}

/* NULL: what goes there is not known. */
static struct flow_lane *lane_of(struct flow *flow, uint32_t spread, int64_t now_ns)
{
    int n = known_partitions(flow);
    if (flow->is_reachable_only || n <= 0)
        return NULL;
    if (n > flow->n_lanes) {
        flow->lanes = mem_grow(flow->lanes, (size_t)n, sizeof *flow->lanes);
        for (; flow->n_lanes < n; flow->n_lanes++)
            flow->lanes[flow->n_lanes] = (struct flow_lane) {.n_flying = 0};
    }
    if (flow->has_early)
        count_early(flow, n, now_ns);
    return &flow->lanes[spread % (uint32_t)n];
}

static void take_off(struct flow_lane *lane, int64_t at_ns)
{
    lane->n_flying = lane->n_forming;
    lane->n_forming = lane->forming_bytes = 0;
    lane->closed_ns = at_ns;
}

/* What librdkafka has sent by now. */
static void settle(struct flow_lane *lane, const struct flow_pace *pace, int64_t now_ns)
{
    int64_t due_ns = lane->first_ns + pace->linger_ns;
    if (lane->n_flying > 0 || lane->n_forming == 0)
        return;
    if (lane->n_forming >= pace->batch_events)
        take_off(lane, now_ns);
    else if (due_ns <= now_ns)
        take_off(lane, due_ns > lane->landed_ns ? due_ns : lane->landed_ns);
}

static size_t wire_bytes(const struct flow_pace *pace, size_t len)
{
    return len + pace->overhead_bytes;
}

static bool is_too_much(const struct flow_lane *lane, const struct flow_pace *pace, size_t len)
{
    size_t bytes = BATCH_OVERHEAD + lane->forming_bytes + wire_bytes(pace, len);
    return lane->n_forming > 0 && bytes > pace->batch_bytes;
}

/* Is the number known by now? Less and less often: brokers may be away. */
static int64_t early_look_ns(int64_t waited_ns)
{
    int64_t look_ns = waited_ns / 8;
    if (look_ns < EARLY_LOOK_MIN_NS)
        return EARLY_LOOK_MIN_NS;
    return look_ns < EARLY_LOOK_MAX_NS ? look_ns : EARLY_LOOK_MAX_NS;
}

int64_t flow_opens_ns(struct flow *flow, const struct flow_pace *pace, uint32_t spread, size_t len,
                      int64_t now_ns)
{
    struct flow_lane *lane = lane_of(flow, spread, now_ns);
    if (!lane)
        return flow->has_early ? now_ns + early_look_ns(now_ns - flow->early_ns) : 0;
    settle(lane, pace, now_ns);
    if (lane->n_flying == 0)
        return is_too_much(lane, pace, len) ? lane->first_ns + pace->linger_ns : 0;
    if (lane->n_forming + 1 >= pace->batch_events || is_too_much(lane, pace, len))
        return INT64_MAX;
    if (!lane->has_arrived && now_ns < lane->closed_ns + FIRST_ALONE_NS)
        return lane->closed_ns + FIRST_ALONE_NS;
    int64_t opens_ns = lane->closed_ns + pace->flight_ns - pace->linger_ns + MARGIN_NS(pace);
    return lane->n_forming > 0 || opens_ns <= now_ns ? 0 : opens_ns;
}

static void note_early(struct flow *flow, uint32_t spread, int64_t now_ns)
{
    if (flow->is_reachable_only || flow->has_early)
        return;
    flow->has_early = true;
    flow->early_spread = spread;
    flow->early_ns = now_ns;
}

void flow_sent(struct flow *flow, const struct flow_pace *pace, uint32_t spread, size_t len,
               int64_t now_ns)
{
    struct flow_lane *lane = lane_of(flow, spread, now_ns);
    flow->n_out++;
    if (!lane) {
        note_early(flow, spread, now_ns);
        return;
    }
    if (lane->n_forming++ == 0)
        lane->first_ns = now_ns;
    lane->forming_bytes += wire_bytes(pace, len);
    settle(lane, pace, now_ns);
}

static void land(struct flow_lane *lane, struct flow_pace *pace, int64_t now_ns)
{
    int64_t took_ns = now_ns - lane->closed_ns;
    pace->flight_ns += pace->flight_ns ? (took_ns - pace->flight_ns) / FLIGHTS_IN_MEAN : took_ns;
    lane->landed_ns = now_ns;
    settle(lane, pace, now_ns);
}

static void take_one(struct flow_lane *lane, struct flow_pace *pace, int64_t now_ns)
{
    if (lane->n_flying == 0) /* it went before its time */
        take_off(lane, lane->first_ns);
    if (--lane->n_flying == 0)
        land(lane, pace, now_ns);
}

void flow_reported(struct flow *flow, struct flow_pace *pace, int32_t partition, bool has_arrived,
                   int64_t now_ns)
{
    struct flow_lane *lane =
        partition >= 0 && partition < flow->n_lanes ? &flow->lanes[partition] : NULL;
    if (lane)
        lane->has_arrived |= has_arrived;
    if (lane && lane->n_flying + lane->n_forming > 0)
        take_one(lane, pace, now_ns);
    flow->n_out -= flow->n_out > 0;
    if (flow->n_out == 0)
        clear_lanes(flow);
}
