/* scan.h: reads the records of one segment in order and steps over damage. */
#ifndef SPOOL_SCAN_H
#define SPOOL_SCAN_H

#include "record.h"
#include "segment.h"

#include <posta/buf.h>

/* Is told of bytes that do not verify, when they are stepped over; each time they are read. */
struct scan_watch {
    void (*damaged)(void *arg, struct segment *seg, uint64_t from, uint64_t to, const char *what);
    void *arg;
};

struct scan {
    int fd;
    struct segment *seg; /* borrowed; its size may grow while it is written */
    uint64_t at;         /* where the next record begins */
    struct buf window;   /* bytes of the file from window_at */
    uint64_t window_at;
    uint64_t torn_at;  /* set when the end was reached: where the last whole record ends */
    uint64_t next_seq; /* the record expected next */
    /* Set by a start: records before it were durable. In a segment named .open the first one from there on that does not
     * verify is the end, whatever follows. UINT64_MAX = not so. */
    uint64_t sure_seq;
    const struct scan_watch *watch; /* NULL = nobody wants to know */
};

#define SCAN_INIT                                                                                  \
    {                                                                                              \
        .fd = -1, .sure_seq = UINT64_MAX                                                           \
    }

/* Start at the first record of seg. */
int scan_open(struct scan *scan, const char *dir, struct segment *seg,
              const struct scan_watch *watch, struct err *err) MUST_CHECK;

/* 1 = rec and *payload (borrowed until the next call) are filled and verified; 0 = end; -1 = cannot read.
 * What does not verify is stepped over when something valid follows, and the watch is told. */
int scan_next(struct scan *scan, struct record *rec, const uint8_t **payload,
              struct err *err) MUST_CHECK;

void scan_close(struct scan *scan);

#endif
