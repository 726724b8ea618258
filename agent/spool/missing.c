/* missing.c: what the reader says and counts when bytes of a log are missing.
 *
 * Happy path: none are. Otherwise each lost range is said once and counted once, however often its place is read again, and the
 * next record of that log tells its reader (lost_before).
 * Failure modes: where a log began to be missing may not be known: then it is said so, and no bytes are counted. Beyond
 * LOSSES_MAX ranges that nobody was told of yet the oldest is forgotten: it stays counted.
 * On close: losses_free.
 */
#include "store.h"

#include <posta/log.h>

#include <stdlib.h>

enum { LOSSES_MAX = 1024 };

struct loss {
    uint32_t source_no;
    uint64_t from, to;
    uint64_t seq; /* of the record that told of it; 0 = none has come yet */
};

void losses_free(struct losses *losses)
{
    free(losses->at);
    *losses = (struct losses) {0};
}

static void remove_at(struct losses *losses, size_t i)
{
    memmove(losses->at + i, losses->at + i + 1, (--losses->n - i) * sizeof *losses->at);
}

/* Those that were told of, in records that will not be read again. */
static void forget_told(struct losses *losses, uint64_t cursor_seq)
{
    for (size_t i = losses->n; i-- > 0;)
        if (losses->at[i].seq && losses->at[i].seq < cursor_seq)
            remove_at(losses, i);
}

/* False if it is known already. */
static bool add(struct losses *losses, uint64_t cursor_seq, const struct loss *loss)
{
    forget_told(losses, cursor_seq);
    for (size_t i = 0; i < losses->n; i++)
        if (losses->at[i].source_no == loss->source_no && losses->at[i].from == loss->from &&
            losses->at[i].to == loss->to)
            return false;
    if (losses->n == LOSSES_MAX)
        remove_at(losses, 0);
    losses->at = mem_grow(losses->at, losses->n + 1, sizeof *losses->at);
    losses->at[losses->n++] = *loss;
    return true;
}

/* Of a record that the cursor is inside of, a part was delivered. */
static uint64_t delivered_part(struct reader *reader, uint64_t len)
{
    uint64_t part = reader->missed_done < len ? reader->missed_done : len;
    reader->missed_done = 0;
    return part;
}

void missing_found(struct spool *spool, const struct source *src, uint64_t from, uint64_t to)
{
    const struct loss loss = {.source_no = src->no, .from = from, .to = to};
    if (!add(&spool->reader.losses, spool->cursor.pos.seq, &loss))
        return;
    from += delivered_part(&spool->reader, to - from);
    if (from == to)
        return;
    spool->stats.missing_ranges++;
    spool->stats.missing_bytes += to - from;
    log_error(
        "spool",
        "%s: bytes %llu to %llu (%llu bytes) were in damaged records: they are not in the spool",
        source_name(src), (unsigned long long)from, (unsigned long long)to,
        (unsigned long long)(to - from));
    heal_note(spool, src, from, to);
}

void missing_unknown(struct spool *spool, const struct source *src, uint64_t n)
{
    if (spool->reader.is_again)
        return;
    spool->stats.missing_unknown += n;
    log_error("spool",
              "%s%s: records are missing, and how many bytes of it were in them is not known",
              source_name(src), n > 1 ? " and other files" : "");
}

uint64_t missing_before(struct reader *reader, const struct record *rec)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < reader->losses.n; i++) {
        struct loss *loss = &reader->losses.at[i];
        if (loss->source_no != rec->source_no || loss->to > rec->from ||
            (loss->seq && loss->seq != rec->seq))
            continue;
        loss->seq = rec->seq;
        bytes += loss->to - loss->from;
    }
    return bytes;
}
