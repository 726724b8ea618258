/* The judge's book: which numbered lines came, how often, and in what order. */
#ifndef TESTS_TOOLS_TALLY_H
#define TESTS_TOOLS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

/* 64-bit keys to 64-bit values, open addressing; key 0 means free, so keys are made non-zero by their hash. */
struct table {
    uint64_t *keys, *values;
    uint64_t n_slots, n_used;
};

enum order { ORDER_SEQ, ORDER_OFFSET, ORDER_NONE };

struct tally {
    int64_t expected; /* lines 0 .. expected-1 are asked for; -1: not known */
    enum order order;

    int64_t delivered; /* distinct lines */
    int64_t within;    /* of them, lines 0 .. expected-1 */
    int64_t repeated, disordered, bad;
    int64_t changed_ids; /* repeats that carry another event.id than the first */

    uint64_t *ids;          /* by seq: hash of the event's id when first seen, 0 = not seen */
    int64_t n_ids;          /* room in ids */
    struct table other;     /* events without seq: hash of id, or of message and offset */
    struct table last_seen; /* stream (partition, path, inode) to the last first-seen number */
};

/* Count one event of a partition. */
void tally_event(struct tally *t, int32_t partition, const struct event *ev);

/* Lines 0 .. expected-1 never seen; 0 when expected is not known. */
int64_t tally_lost(const struct tally *t);

/* Print the first few missing numbers to stderr. */
void tally_print_missing(const struct tally *t);

void tally_done(struct tally *t);

#endif
