/* account.c: which bytes of a source are missing.
 *
 * Happy path: each record of a source begins where the one before it ended, and a checkpoint says the same.
 * Failure modes: a record begins behind that: what is between was in records that are damaged or gone. Where a source begins is
 * told by its SOURCE record or by a checkpoint; if that is gone too, it is not known how much is missing.
 * On close: nothing; the place is kept in the source.
 */
#include "account.h"

enum hole source_meet(struct source *src, uint64_t at, bool has_missed, uint64_t *from)
{
    uint64_t met = src->read_to;
    source_met(src, at);
    if (!has_missed)
        return HOLE_NONE;
    if (met == READ_TO_UNKNOWN)
        return at > 0 ? HOLE_UNKNOWN : HOLE_NONE;
    *from = met;
    return at > met ? HOLE_BYTES : HOLE_NONE;
}

const char *source_name(const struct source *src)
{
    return *src->path ? src->path : "a file whose name was lost";
}
