/* account.h: which bytes of a source are missing between the records that are there. */
#ifndef SPOOL_ACCOUNT_H
#define SPOOL_ACCOUNT_H

#include <posta/source.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a source of which neither record nor checkpoint was met. */
#define READ_TO_UNKNOWN UINT64_MAX

enum hole {
    HOLE_NONE,
    HOLE_BYTES,   /* [*from, at) */
    HOLE_UNKNOWN, /* something before `at`, or nothing: nobody knows where it began */
};

/* Records that are missing since the last checkpoint that was whole. */
struct missed {
    bool has_waiting; /* they were to be delivered */
    bool
        has_delivered; /* some before the cursor: where a source stood at the cursor is not known then */
};

/* A record or a checkpoint says that src goes on at this place. Where no record that waits is missing, nothing is. Everything
 * before `at` counts as met from now on. */
enum hole source_meet(struct source *src, uint64_t at, struct missed missed, uint64_t *from);

/* Met up to here, by a record that is there. */
static inline void source_met(struct source *src, uint64_t to)
{
    if (src->read_to == READ_TO_UNKNOWN || src->read_to < to)
        src->read_to = to;
}

/* For messages. */
const char *source_name(const struct source *src);

#endif
