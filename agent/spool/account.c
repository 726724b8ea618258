/* account.c: which bytes of a source are missing.
 *
 * Happy path: each record of a source begins where the one before it ended, and a checkpoint says the same.
 * Failure modes: a record begins behind that: what is between was in records that are damaged or gone. Where a source begins is
 * told by its SOURCE record or by a checkpoint; if that is gone too, it is not known how much is missing. Nor is it where records
 * on both sides of the cursor are gone: what was before it was delivered.
 * On close: nothing; the place is kept in the source.
 */
#include "account.h"

enum hole source_meet(struct source *src, uint64_t at, struct missed missed, uint64_t *from)
{
    uint64_t met = src->read_to;
    source_met(src, at);
    if (!missed.has_waiting || at == 0 || (met != READ_TO_UNKNOWN && at <= met))
        return HOLE_NONE;
    if (met == READ_TO_UNKNOWN || missed.has_delivered)
        return HOLE_UNKNOWN;
    *from = met;
    return HOLE_BYTES;
}

const char *source_name(const struct source *src)
{
    return *src->path ? src->path : "a file whose name was lost";
}
