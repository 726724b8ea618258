/* kafka_flow.h: when a partition may be given more events; see kafka_flow.c. */
#ifndef OUTPUT_KAFKA_FLOW_H
#define OUTPUT_KAFKA_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When librdkafka sends a batch, and how long a batch is on its way: a
 * mean, kept by flow_reported. */
struct flow_pace {
    uint64_t batch_events, batch_bytes;
    size_t overhead_bytes; /* what an event takes in a batch beside its key and value, at most */
    int64_t linger_ns, flight_ns;
};

/* A partition: events that are with a broker, and those that librdkafka collects for the next batch. */
struct flow_lane {
    uint64_t n_flying, n_forming, forming_bytes;
    int64_t first_ns,
        closed_ns;     /* when the first of those that form came; when the flying ones went */
    int64_t landed_ns; /* when the last flight was over */
    bool has_arrived;  /* one event at least did, by this instance */
};

/* A topic of one instance. n_partitions may be set in any thread, all else is the loop's. */
struct flow {
    struct flow *next;       /* of the same instance */
    bool is_reachable_only;  /* the partition is not known before: no lanes */
    atomic_int n_partitions; /* 0 = not known yet */
    uint64_t n_out;          /* events without a report */
    bool has_early;          /* one went before the number was known */
    uint32_t early_spread;
    int64_t early_ns;
    struct flow_lane *lanes;
    int n_lanes;
};

/* Puts a new one before the others. */
struct flow *flow_new(struct flow **all, bool is_reachable_only);
void flow_free_all(struct flow *all); /* NULL is fine */

/* 0: an event of len bytes may go to the partition of this number now. Else the time from when on it may, if no report comes
 * before; INT64_MAX: not before a report. */
int64_t flow_opens_ns(struct flow *flow, const struct flow_pace *pace, uint32_t spread, size_t len,
                      int64_t now_ns);
/* It has gone. */
void flow_sent(struct flow *flow, const struct flow_pace *pace, uint32_t spread, size_t len,
               int64_t now_ns);
/* One event of this partition has its report, which is good or not. */
void flow_reported(struct flow *flow, struct flow_pace *pace, int32_t partition, bool has_arrived,
                   int64_t now_ns);

#endif
