/* reader.c: the spool read in order, behind the writer.
 *
 * Happy path: records of one segment after the other; DATA and END records go to the caller with their source. Numbers of
 * sources are never used twice, so the live table is asked first; of what SOURCE and CHECKPOINT records tell, the reader
 * keeps only what is not in it any more, and what is forgotten while its records are being read. The next segment's
 * checkpoint makes this table anew; with nothing left to read it is empty.
 * Failure modes: damage is stepped over by scan; the gap in the record numbers is counted as missing, and so are the bytes of
 * each source that were in it: its next record, or the next checkpoint, tells where it goes on. Data of a source
 * whose own record is damaged is still delivered, with an empty path. A segment that cannot be opened (damaged header) is
 * counted and left out.
 * On close: reader_close; the position is not kept here, the cursor is.
 */
#include "store.h"

#include <posta/log.h>

void reader_close(struct reader *reader)
{
    scan_close(&reader->scan);
    registry_clear(&reader->sources);
    reader->seen_no = 0;
    reader->seg = NULL;
}

void reader_inherit(struct reader *reader, struct source *src)
{
    if (src->no < reader->seen_no)
        registry_put(&reader->sources, src);
    else
        source_free(src); /* its records are ahead, and the one that tells of it is before them */
}

/* The records before this one, and from the one that was to come on, are not there. */
static void note_walked(struct reader *reader, uint64_t seq)
{
    if (seq > reader->walked_seq && reader->walked_seq < reader->start_seq)
        reader->missed.has_delivered = true;
    if (seq > reader->walked_seq)
        reader->walked_seq = seq;
}

/* The same of those that are to be given out. */
static void miss_records_before(struct spool *spool, uint64_t seq)
{
    struct reader *reader = &spool->reader;
    struct spool_pos cursor = spool->cursor.pos;
    if (seq <= reader->next_seq)
        return;
    if (reader->next_seq >= reader->counted_seq) /* not when it is read again */
        spool->stats.missing_records += seq - reader->next_seq;
    if (cursor.seq >= reader->next_seq && cursor.seq < seq)
        reader->missed_done = cursor.done;
    reader->missed.has_waiting = true;
    reader->next_seq = seq;
    if (seq > reader->counted_seq)
        reader->counted_seq = seq;
}

/* On -1 the reader is where it was. One that is no segment any more is left out. */
static int enter_segment(struct spool *spool, struct segment *seg, struct err *err)
{
    struct reader *reader = &spool->reader;
    if (scan_open(&reader->scan, spool->dir, seg, &spool->watch, err)) {
        if (err->kind != ERR_CORRUPT && err->kind != ERR_GONE)
            return -1;
        store_left_out(spool, seg, err);
        scan_close(&reader->scan);
    }
    reader->seg = seg;
    /* of one that failed to be synced nothing may count: then what comes next begins before it */
    uint64_t begin = seg->base_seq < seg->end_seq ? seg->base_seq : seg->end_seq;
    note_walked(reader, begin);
    miss_records_before(spool, begin);
    return 0;
}

struct segment *store_segment_of(const struct spool *spool, uint64_t seq)
{
    struct segment *found = spool->first;
    for (struct segment *seg = spool->first; seg; seg = seg->next)
        if (seg->base_seq <= seq)
            found = seg;
    return found;
}

/* What is read again meets its sources again, from the checkpoint on. Those that it has not met are as they began. */
static void unmeet(struct registry *reg, uint32_t seen_no)
{
    for (struct source *src = reg->first; src; src = src->next)
        if (src->no < seen_no)
            src->read_to = READ_TO_UNKNOWN;
}

int reader_open(struct spool *spool, struct spool_pos at, struct err *err)
{
    struct reader *reader = &spool->reader;
    struct segment *seg = store_segment_of(spool, at.seq);
    if (at.seq < reader->next_seq) {
        unmeet(&spool->sources, reader->seen_no);
        unmeet(&spool->leaving, reader->seen_no);
        reader->missed = (struct missed) {0};
    }
    reader_close(reader);
    reader->walked_seq = seg->base_seq;
    reader->next_seq = at.seq > seg->base_seq ? at.seq : seg->base_seq;
    reader->start_seq = reader->next_seq;
    return enter_segment(spool, seg, err);
}

static struct source *kept_source(const struct spool *spool, uint32_t no)
{
    struct source *src = registry_by_no(&spool->sources, no);
    return src ? src : registry_by_no(&spool->leaving, no);
}

static void note_number(struct reader *reader, uint32_t no)
{
    if (no >= reader->seen_no)
        reader->seen_no = no + 1;
}

/* ---- checkpoints ---- */

struct checkpoint {
    struct spool *spool;
    bool is_telling;     /* its positions are those before its segment's records */
    uint64_t n_unknown;  /* sources that may lack bytes */
    struct source *some; /* one of them */
};

static void meet_at_checkpoint(struct checkpoint *check, struct source *src, uint64_t at)
{
    uint64_t from;
    if (!check->is_telling)
        return;
    enum hole hole = source_meet(src, at, check->spool->reader.missed, &from);
    if (hole == HOLE_BYTES)
        missing_found(check->spool, src, from, at);
    if (hole == HOLE_UNKNOWN) {
        check->n_unknown++;
        check->some = src;
    }
}

static bool is_not_kept(void *arg, uint32_t no, uint64_t offset)
{
    struct checkpoint *check = arg;
    struct source *src = kept_source(check->spool, no);
    if (src)
        meet_at_checkpoint(check, src, offset);
    return !src;
}

/* What is known of it from the segment before. */
static void carry_over(struct checkpoint *check, struct source *src, const struct source *before)
{
    uint64_t at = src->offset;
    if (before)
        src->read_to = before->read_to;
    meet_at_checkpoint(check, src, at);
    if (before && before->offset > at) { /* forgotten meanwhile, at its final position */
        src->offset = before->offset;
        src->flags = before->flags;
    }
}

/* It is in no table any more: was everything of it met? */
static void meet_end(struct checkpoint *check, struct source *src)
{
    uint64_t from;
    struct reader *reader = &check->spool->reader;
    if (registry_by_no(&reader->sources, src->no) || !*src->path || !reader->missed.has_waiting)
        return;
    enum hole hole = src->flags & SOURCE_ENDED
                         ? source_meet(src, src->offset, reader->missed, &from)
                         : HOLE_UNKNOWN;
    if (hole == HOLE_BYTES)
        missing_found(check->spool, src, from, src->offset);
    if (hole == HOLE_UNKNOWN)
        missing_unknown(check->spool, src, 1);
}

static void note_checkpoint(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct reader *reader = &spool->reader;
    struct registry before = reader->sources;
    struct checkpoint check = {.spool = spool, .is_telling = rec->to && rec->to <= rec->seq};
    reader->sources = (struct registry) {0};
    if (registry_unpack(&reader->sources, payload, rec->payload_len, is_not_kept, &check))
        log_error("spool", "segment %016llx: checkpoint is not whole",
                  (unsigned long long)reader->seg->no);
    reader->seen_no = reader->sources.next_no;
    for (struct source *src = reader->sources.first; src; src = src->next)
        carry_over(&check, src, registry_by_no(&before, src->no));
    for (struct source *src = before.first; src; src = src->next)
        meet_end(&check, src);
    if (check.n_unknown)
        missing_unknown(spool, check.some, check.n_unknown);
    if (check.is_telling) {
        reader->missed = (struct missed) {0};
        reader->missed_done = 0;
    }
    registry_clear(&before);
}

/* ---- records ---- */

static void note_source(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct reader *reader = &spool->reader;
    note_number(reader, rec->source_no);
    struct source *src = kept_source(spool, rec->source_no);
    if (!src && (src = source_unpack(&payload, payload + rec->payload_len)))
        registry_put(&reader->sources, src);
    if (src)
        source_met(src, rec->from);
}

/* One whose own record was damaged has no name. */
static struct source *source_of(struct spool *spool, uint32_t no)
{
    const struct source nameless = {.no = no, .path = "", .input = "", .read_to = READ_TO_UNKNOWN};
    struct source *src = kept_source(spool, no);
    if (!src)
        src = registry_by_no(&spool->reader.sources, no);
    note_number(&spool->reader, no);
    if (!src)
        registry_put(&spool->reader.sources, src = source_copy(&nameless));
    return src;
}

static struct source *meet_source(struct spool *spool, const struct record *rec)
{
    struct source *src = source_of(spool, rec->source_no);
    uint64_t from;
    enum hole hole = source_meet(src, rec->from, spool->reader.missed, &from);
    if (hole == HOLE_BYTES)
        missing_found(spool, src, from, rec->from);
    if (hole == HOLE_UNKNOWN)
        missing_unknown(spool, src, 1);
    source_met(src, rec->type == REC_DATA ? rec->to : rec->from);
    if (rec->type == REC_END && registry_by_no(&spool->reader.sources, src->no) == src)
        src->flags |= SOURCE_ENDED;
    return src;
}

void store_fill_item(const struct record *rec, const void *payload, const struct source *src,
                     struct spool_item *item)
{
    *item = (struct spool_item) {
        .type = rec->type == REC_DATA ? SPOOL_DATA : SPOOL_END,
        .seq = rec->seq,
        .src = src,
        .proof = rec->type == REC_END ? (enum end_proof)rec->flags : 0,
        .end_offset = rec->from,
        .lost_bytes = rec->type == REC_END && rec->to > rec->from ? rec->to - rec->from : 0,
    };
    if (rec->type == REC_DATA)
        item->chunk = (struct chunk) {.from = rec->from,
                                      .to = rec->to,
                                      .read_ns = rec->time_ns,
                                      .flags = rec->flags,
                                      .bytes = payload,
                                      .len = rec->payload_len};
}

static void fill_item(struct spool *spool, const struct record *rec, const uint8_t *payload,
                      const struct source *src, struct spool_item *item)
{
    struct spool_pos cursor = spool->cursor.pos;
    store_fill_item(rec, payload, src, item);
    item->lost_before = missing_before(&spool->reader, rec);
    if (cursor.seq == rec->seq)
        item->skip = cursor.done < item->chunk.len ? cursor.done : item->chunk.len;
}

/* 1 = this record is for the caller, of *src. */
static int take_record(struct spool *spool, const struct record *rec, const uint8_t *payload,
                       struct source **src)
{
    struct reader *reader = &spool->reader;
    bool is_ahead = rec->seq >= reader->next_seq;
    reader->is_again = rec->seq < reader->counted_seq;
    if (rec->type == REC_CHECKPOINT)
        note_checkpoint(spool, rec, payload);
    if (rec->type == REC_CHECKPOINT || rec->seq >= reader->seg->end_seq)
        return 0; /* the latter could not be synced here and was written again in a newer segment */
    note_walked(reader, rec->seq);
    if (is_ahead)
        miss_records_before(spool, rec->seq);
    if (reader->walked_seq == rec->seq)
        reader->walked_seq++;
    if (rec->type == REC_SOURCE)
        note_source(spool, rec, payload);
    else
        *src = meet_source(spool, rec);
    if (!is_ahead)
        return 0;
    reader->next_seq = rec->seq + 1;
    if (reader->next_seq > reader->counted_seq)
        reader->counted_seq = reader->next_seq;
    return rec->type != REC_SOURCE;
}

/* 1 = in the next segment, 0 = there is none: everything is read. */
static int next_segment(struct spool *spool, struct err *err)
{
    struct segment *next = spool->reader.seg->next;
    if (!next) {
        registry_clear(&spool->reader.sources);
        return 0;
    }
    return enter_segment(spool, next, err) ? -1 : 1;
}

/* What comes next is there, but not durable (SYNC_ALWAYS). */
static bool must_wait(const struct spool *spool)
{
    uint64_t end = spool_readable_end(spool).seq;
    return spool->reader.next_seq >= end && end < spool->next_seq;
}

static int next_on_disk(struct spool *spool, struct spool_item *item, struct err *err)
{
    struct reader *reader = &spool->reader;
    if (!reader->seg && reader_open(spool, spool->cursor.pos, err))
        return -1;
    while (!must_wait(spool)) {
        struct record rec;
        const uint8_t *payload = NULL;
        struct source *src = NULL;
        int rc = reader->scan.fd < 0 ? 0 : scan_next(&reader->scan, &rec, &payload, err);
        if (rc == 0) {
            rc = next_segment(spool, err);
            if (rc <= 0)
                return rc;
            continue;
        }
        if (rc < 0)
            return -1;
        if (take_record(spool, &rec, payload, &src)) {
            fill_item(spool, &rec, payload, src, item);
            return 1;
        }
    }
    return 0;
}

int spool_next(struct spool *spool, struct spool_item *item, struct err *err)
{
    struct memory *memory = spool->memory;
    if (!memory)
        return next_on_disk(spool, item, err);
    int rc = memory_is_reading(memory) ? 0 : next_on_disk(spool, item, err);
    if (rc != 0)
        return rc;
    if (!memory_is_reading(memory))
        reader_close(&spool->reader); /* so that delivered segments can go */
    memory_begin_reading(memory);
    return memory_next(memory, item);
}

uint64_t spool_reading(const struct spool *spool)
{
    if (spool->memory && memory_is_reading(spool->memory))
        return memory_reading(spool->memory);
    return spool->reader.seg ? spool->reader.next_seq : spool->cursor.pos.seq;
}

void spool_rewind(struct spool *spool)
{
    struct err err;
    if (spool->memory)
        memory_rewind(spool);
    if (spool->memory && memory_is_reading(spool->memory))
        return;
    if (reader_open(spool, spool->cursor.pos, &err))
        log_error("spool", "%s", err.text);
}
