/* drop.c: what goes when the spool is full and its owner wants that: the newest, before it is taken in, or the oldest.
 *
 * Happy path, newest: a position moves over a chunk that is not kept. A record for each would fill the room that is kept for
 * such notes, so one says it of all that was dropped of a source in a row: before the next record of that source, when
 * NOTE_BYTES were dropped, or when a mark is asked for (somebody will take the bytes away in the file then).
 * Happy path, oldest: the cursor moves to the end of the oldest segment, which goes as if it were delivered. Who has its
 * records under way counts them first (spool_walk).
 * Failure modes: killed before the note is written: the position is before what was dropped, it is read again if the log still
 * has it. No room for the note either: FULL.
 * On close: notes are written by spool_close if there is room.
 */
#include "store.h"

#include <posta/bytes.h>
#include <posta/loop.h>

enum { NOTE_BYTES = 256 * 1024 };

/* ---- the newest ---- */

uint64_t lines_count(const char *bytes, size_t len)
{
    return bytes_count(bytes, len, '\n') + (len > 0 && bytes[len - 1] != '\n');
}

void spool_drop_newest(struct spool *spool, struct source *src, const struct chunk *chunk)
{
    uint64_t n = chunk->to - chunk->from;
    source_advance(src, chunk->from, chunk->to, (uint8_t)((chunk->flags & CHUNK_CUT) | CHUNK_LOST),
                   "", 0);
    spool->n_unnoted += src->unnoted == 0;
    src->unnoted += n;
    spool->unnoted_bytes += n;
    spool->stats.dropped_bytes += n;
    spool->stats.dropped_lines += lines_count(chunk->bytes, chunk->len);
}

void store_forget_dropped(struct spool *spool, struct source *src)
{
    spool->n_unnoted -= src->unnoted > 0;
    spool->unnoted_bytes -= src->unnoted;
    src->unnoted = 0;
    spool->wants_notes &= spool->n_unnoted > 0;
}

int store_note_dropped(struct spool *spool, struct source *src, struct err *err)
{
    struct record rec = {
        .type = REC_DATA,
        .flags = (uint8_t)(CHUNK_LOST | (src->flags & SOURCE_SKIPPING ? CHUNK_CUT : 0)),
        .source_no = src->no,
        .from = src->offset - src->unnoted,
        .to = src->offset,
        .time_ns = clock_wall_ns(),
    };
    if (store_append(spool, &rec, "", err))
        return -1;
    store_forget_dropped(spool, src);
    return 0;
}

int store_note_all_dropped(struct spool *spool, struct err *err)
{
    for (struct source *src = spool->sources.first; src && spool->n_unnoted > 0; src = src->next)
        if (src->unnoted && store_note_dropped(spool, src, err))
            return -1;
    return 0;
}

bool store_is_note_due(const struct spool *spool)
{
    return spool->wants_notes || spool->unnoted_bytes >= NOTE_BYTES;
}

/* ---- the oldest ---- */

uint64_t spool_oldest_end(const struct spool *spool)
{
    const struct segment *second = spool->first->next;
    return second && spool->first != spool->closing ? second->base_seq : 0;
}

/* Who walks, and what the walk has met. */
struct stroll {
    struct spool *spool;
    struct registry met; /* sources */
    uint64_t next_seq, end_seq;
    spool_visit *visit;
    void *arg;
};

static void visit_record(const struct stroll *stroll, const struct record *rec,
                         const uint8_t *payload)
{
    struct spool_pos cursor = stroll->spool->cursor.pos;
    struct spool_item item;
    size_t skip = rec->seq == cursor.seq ? (size_t)cursor.done : 0;
    if (rec->type != REC_DATA || rec->seq < cursor.seq || skip > rec->payload_len)
        return;
    store_fill_item(rec, payload, store_source_of(&stroll->met, rec->source_no), &item);
    item.skip = skip;
    stroll->visit(stroll->arg, &item);
}

/* These records are not there. The reader will not come to them, if it was not there yet. */
static void miss_records(struct spool *spool, uint64_t from, uint64_t to)
{
    uint64_t *counted = &spool->reader.counted_seq;
    if (from < *counted)
        from = *counted;
    if (from >= to)
        return;
    spool->stats.missing_records += to - from;
    *counted = to;
}

static int walk_records(struct stroll *stroll, struct scan *scan, uint64_t end_seq, struct err *err)
{
    struct record rec;
    const uint8_t *payload;
    int rc;
    while ((rc = scan_next(scan, &rec, &payload, err)) > 0) {
        store_note_sources(&stroll->met, &rec, payload);
        if (rec.type == REC_CHECKPOINT || rec.seq >= end_seq || rec.seq < stroll->next_seq)
            continue;
        miss_records(stroll->spool, stroll->next_seq, rec.seq);
        stroll->next_seq = rec.seq + 1;
        visit_record(stroll, &rec, payload);
    }
    return rc;
}

/* One that is no segment any more makes room too: what was in it is missing. */
static int walk_segment(struct stroll *stroll, struct segment *seg, struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct spool *spool = stroll->spool;
    uint64_t end = seg->end_seq < stroll->end_seq ? seg->end_seq : stroll->end_seq;
    stroll->next_seq = spool->cursor.pos.seq;
    if (stroll->next_seq < seg->base_seq)
        stroll->next_seq = seg->base_seq;
    if (scan_open(&scan, spool->dir, seg, &spool->watch, err) == 0) {
        int rc = walk_records(stroll, &scan, end, err);
        scan_close(&scan);
        if (rc)
            return -1;
    } else if (err->kind == ERR_GONE || err->kind == ERR_CORRUPT) {
        store_left_out(spool, seg, err);
    } else {
        return -1;
    }
    miss_records(spool, stroll->next_seq, end);
    return 0;
}

int spool_walk(struct spool *spool, uint64_t end_seq, spool_visit *visit, void *arg,
               struct err *err)
{
    struct stroll stroll = {.spool = spool, .end_seq = end_seq, .visit = visit, .arg = arg};
    int rc = 0;
    for (struct segment *seg = spool->first; rc == 0 && seg && seg->base_seq < end_seq;
         seg = seg->next)
        rc = walk_segment(&stroll, seg, err);
    registry_clear(&stroll.met);
    return rc;
}

void spool_give_up(struct spool *spool, uint64_t end_seq, uint64_t n_lines, uint64_t n_bytes)
{
    spool->stats.dropped_lines += n_lines;
    spool->stats.dropped_bytes += n_bytes;
    spool_delivered(spool, (struct spool_pos) {.seq = end_seq});
    spool_rewind(spool); /* the reader may have stood in what goes */
    store_drop_delivered(spool);
}
