/* walk.c: over all records of a spool that is looked at, with what is missing between them; see inspect.h.
 *
 * Happy path: segment after segment; each checkpoint gives the sources anew, each record is given with its source.
 * Failure modes: what does not verify, and what is missing, is told to the sink in the order in which it is met. What lies
 * before the cursor was delivered: records and bytes that are missing there are no loss, and are not told.
 * On close: nothing is kept.
 */
#include "account.h"
#include "inspect.h"
#include "replay.h"
#include "scan.h"

#include <posta/fs.h>

#include <stdlib.h>

struct walk {
    struct look *look;
    const struct look_sink *sink;
    struct segment *seg;
    struct registry sources;
    uint64_t next_seq;   /* the record expected next; not before the cursor */
    uint64_t walked_seq; /* the same of all */
    struct missed missed;
    uint64_t missed_done;
};

static void tell_harm(struct walk *walk, enum look_harm harm, uint64_t from, uint64_t to,
                      const char *what)
{
    if (walk->sink->harm && from < to)
        walk->sink->harm(walk->sink->arg, walk->seg, harm, from, to, what);
}

static void damaged(void *arg, struct segment *seg, uint64_t from, uint64_t to, const char *what)
{
    (void)seg;
    tell_harm(arg, LOOK_DAMAGED, from, to, what);
}

static void miss_records_before(struct walk *walk, uint64_t seq)
{
    struct spool_pos cursor = walk->look->cursor;
    if (seq > walk->walked_seq && walk->walked_seq < look_waiting(walk->look))
        walk->missed.has_delivered = true;
    if (seq > walk->walked_seq)
        walk->walked_seq = seq;
    if (seq <= walk->next_seq)
        return;
    if (walk->sink->gap)
        walk->sink->gap(walk->sink->arg, walk->next_seq, seq);
    if (cursor.seq >= walk->next_seq && cursor.seq < seq)
        walk->missed_done = cursor.done;
    walk->missed.has_waiting = true;
    walk->next_seq = seq;
}

static void meet(struct walk *walk, struct source *src, uint64_t at)
{
    uint64_t from = READ_TO_UNKNOWN;
    enum hole hole = source_meet(src, at, walk->missed, &from);
    if (hole == HOLE_BYTES) { /* of a record that the cursor is inside of, a part was delivered */
        uint64_t part = walk->missed_done < at - from ? walk->missed_done : at - from;
        walk->missed_done = 0;
        from += part;
    }
    if (hole != HOLE_NONE && from != at && walk->sink->lost)
        walk->sink->lost(walk->sink->arg, src, from, at);
}

/* ---- records ---- */

static void take_checkpoint(struct walk *walk, const struct record *rec, const uint8_t *payload)
{
    struct registry old = walk->sources;
    bool is_telling = rec->to && rec->to <= rec->seq;
    walk->sources = (struct registry) {0};
    (void)(registry_unpack(&walk->sources, payload, rec->payload_len, NULL, NULL) == 0);
    for (struct source *src = walk->sources.first; src; src = src->next) {
        const struct source *known = registry_by_no(&old, src->no);
        if (known)
            src->read_to = known->read_to;
        if (is_telling)
            meet(walk, src, src->offset);
    }
    for (struct source *src = old.first; src && walk->sink->lost; src = src->next)
        if (walk->missed.has_waiting && *src->path && !(src->flags & SOURCE_ENDED) &&
            !registry_by_no(&walk->sources, src->no))
            walk->sink->lost(walk->sink->arg, src, READ_TO_UNKNOWN, 0);
    if (is_telling) {
        walk->missed = (struct missed) {0};
        walk->missed_done = 0;
    }
    registry_clear(&old);
}

static struct source *source_of(struct walk *walk, const struct record *rec, const uint8_t *payload)
{
    const struct source nameless = {
        .no = rec->source_no, .path = "", .input = "", .read_to = READ_TO_UNKNOWN};
    if (rec->type == REC_SOURCE)
        registry_apply(&walk->sources, rec, payload);
    struct source *src = registry_by_no(&walk->sources, rec->source_no);
    if (!src)
        registry_put(&walk->sources, src = source_copy(&nameless));
    if (rec->type == REC_SOURCE)
        source_met(src, rec->from);
    else
        meet(walk, src, rec->from);
    if (rec->type == REC_DATA)
        source_met(src, rec->to);
    if (rec->type != REC_SOURCE)
        registry_apply(&walk->sources, rec, payload);
    return src;
}

static int give(struct walk *walk, uint64_t at, const struct record *rec, const uint8_t *payload,
                const struct source *src, struct err *err)
{
    static const enum look_type types[] = {[REC_CHECKPOINT] = LOOK_CHECKPOINT,
                                           [REC_SOURCE] = LOOK_SOURCE,
                                           [REC_DATA] = LOOK_DATA,
                                           [REC_END] = LOOK_END};
    struct look_record given = {.type = types[rec->type],
                                .seq = rec->seq,
                                .seg = walk->seg,
                                .at = at,
                                .src = src,
                                .chunk.read_ns = rec->time_ns};
    if (rec->type == REC_DATA)
        given.chunk = (struct chunk) {.from = rec->from,
                                      .to = rec->to,
                                      .read_ns = rec->time_ns,
                                      .flags = rec->flags,
                                      .bytes = (const char *)payload,
                                      .len = rec->payload_len};
    return walk->sink->record ? walk->sink->record(walk->sink->arg, &given, err) : 0;
}

static int take_record(struct walk *walk, uint64_t at, const struct record *rec,
                       const uint8_t *payload, struct err *err)
{
    const struct source *src = NULL;
    if (rec->type == REC_CHECKPOINT) {
        take_checkpoint(walk, rec, payload);
    } else {
        if (rec->seq >= walk->seg->end_seq)
            return 0; /* a newer segment has it */
        miss_records_before(walk, rec->seq);
        src = source_of(walk, rec, payload);
        if (rec->seq == walk->walked_seq)
            walk->walked_seq++;
        if (rec->seq >= walk->next_seq)
            walk->next_seq = rec->seq + 1;
        if (rec->seq >= walk->look->end_seq)
            walk->look->end_seq = rec->seq + 1;
    }
    return give(walk, at, rec, payload, src, err);
}

/* ---- segments ---- */

static void look_at_tail(struct walk *walk, const struct scan *scan)
{
    if (walk->seg->is_open && !walk->look->is_live)
        tell_harm(walk, LOOK_TORN, scan->torn_at, walk->seg->size, "an unfinished write");
}

static int walk_records(struct walk *walk, struct err *err)
{
    const struct scan_watch watch = {.damaged = damaged, .arg = walk};
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    int rc;
    if (scan_open(&scan, walk->look->dir, walk->seg, &watch, err))
        return err->kind == ERR_GONE && walk->look->is_live ? 0 : -1;
    miss_records_before(walk, walk->seg->base_seq);
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0)
        if (take_record(walk, scan.at - record_size(&rec), &rec, payload, err)) {
            rc = -1;
            break;
        }
    if (rc == 0)
        look_at_tail(walk, &scan);
    scan_close(&scan);
    return rc;
}

/* Behind a segment that was being closed when a power cut took its last records. */
static bool is_void(const struct walk *walk, const struct segment *prev)
{
    return prev && prev->is_open && !walk->look->is_live &&
           walk->seg->base_seq > walk->look->end_seq;
}

int look_walk(struct look *look, struct segment *from, const struct look_sink *sink,
              struct err *err)
{
    struct walk walk = {.look = look, .sink = sink, .next_seq = look_waiting(look)};
    const struct segment *prev = NULL;
    int rc = 0;
    walk.walked_seq = from ? from->base_seq : look->first ? look->first->base_seq : 0;
    for (walk.seg = from ? from : look->first; walk.seg && rc == 0; walk.seg = walk.seg->next) {
        if (is_void(&walk, prev)) {
            tell_harm(&walk, LOOK_VOID, 0, walk.seg->size,
                      "it stands behind records that a power cut took");
            continue;
        }
        if (look->end_seq < walk.seg->base_seq)
            look->end_seq = walk.seg->base_seq;
        rc = walk_records(&walk, err);
        prev = walk.seg;
    }
    registry_clear(&walk.sources);
    return rc;
}
