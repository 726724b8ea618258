/* heal.c: bytes that damage took from the spool, and that the log still has.
 *
 * Happy path: the reader notes a range that is missing; the owner takes it, reads it from the log, and hands it back: it becomes
 * a source of its own with the log's identity, so its events have the ids they would have had.
 * Failure modes: more than TO_HEAL_MAX ranges at once: the oldest stay missing. No room: the rest stays missing. A kill between: the
 * part that was appended is delivered, the range is found missing once more if its place is read again.
 * On close: what was not taken is forgotten; it is counted as missing.
 */
#include "store.h"

#include <posta/loop.h>

#include <stdlib.h>

enum { TO_HEAL_MAX = 64 };

bool spool_take_missing(struct spool *spool, struct spool_missing *missing)
{
    if (spool->n_to_heal == 0)
        return false;
    *missing = spool->to_heal[0];
    memmove(spool->to_heal, spool->to_heal + 1, --spool->n_to_heal * sizeof *spool->to_heal);
    return true;
}

static void drop_oldest(struct spool *spool)
{
    struct spool_missing missing;
    if (spool_take_missing(spool, &missing))
        source_free(missing.src);
}

void heal_note(struct spool *spool, const struct source *src, uint64_t from, uint64_t to)
{
    if (!spool->missed || !*src->path || (src->flags & SOURCE_HEALED))
        return;
    if (spool->n_to_heal == TO_HEAL_MAX)
        drop_oldest(spool);
    spool->to_heal = mem_grow(spool->to_heal, spool->n_to_heal + 1, sizeof *spool->to_heal);
    spool->to_heal[spool->n_to_heal++] =
        (struct spool_missing) {.src = source_copy(src), .from = from, .to = to};
    spool->missed(spool->missed_arg);
}

static int append_range(struct spool *spool, struct source *src,
                        const struct spool_missing *missing, const char *bytes, struct err *err)
{
    const struct chunk chunk = {.from = missing->from,
                                .to = missing->to,
                                .read_ns = clock_wall_ns(),
                                .bytes = bytes,
                                .len = missing->to - missing->from};
    return spool_append(spool, src, &chunk, err) || spool_end_source(spool, src, END_COPIED, 0, err)
               ? -1
               : 0;
}

int spool_heal(struct spool *spool, const struct spool_missing *missing, const char *bytes,
               struct err *err)
{
    struct source *proto = source_copy(missing->src), *src;
    proto->offset = missing->from;
    proto->flags = SOURCE_HEALED;
    proto->anchor_len = proto->tail_units = 0;
    int rc = spool_add_source(spool, proto, &src, err);
    source_free(proto);
    if (rc)
        return -1;
    rc = append_range(spool, src, missing, bytes, err);
    if (src->offset == missing->to)
        spool->stats.healed_bytes += missing->to - missing->from;
    spool_forget(spool, src);
    return rc;
}

void heal_drop_sources(struct spool *spool)
{
    for (struct source *src = spool->sources.first, *next; src; src = next) {
        next = src->next;
        if (src->flags & SOURCE_HEALED)
            registry_drop(&spool->sources, src);
    }
}

void heal_free(struct spool *spool)
{
    while (spool->n_to_heal > 0)
        drop_oldest(spool);
    free(spool->to_heal);
}
