/* reader.c: the spool read in order, behind the writer.
 *
 * Happy path: records of one segment after the other; SOURCE and CHECKPOINT records keep the reader's own table of
 * sources as it was when the data was written; DATA and END records go to the caller.
 * Failure modes: damage is stepped over by scan; the gap in the record numbers is counted as missing. Data of a source
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
    reader->seg = NULL;
}

/* On -1 the reader is where it was. One that is no segment any more is left out. */
static int enter_segment(struct spool *spool, struct segment *seg, struct err *err)
{
    struct reader *reader = &spool->reader;
    if (scan_open(&reader->scan, spool->dir, seg, &spool->stats, err)) {
        if (err->kind != ERR_CORRUPT && err->kind != ERR_GONE)
            return -1;
        log_error("spool", "%s; what follows is delivered", err->text);
        spool->stats.damaged_regions++;
        scan_close(&reader->scan);
    }
    reader->seg = seg;
    return 0;
}

/* The newest segment that begins at or before this record. */
static struct segment *segment_of(const struct spool *spool, uint64_t seq)
{
    struct segment *found = spool->first;
    for (struct segment *seg = spool->first; seg; seg = seg->next)
        if (seg->base_seq <= seq)
            found = seg;
    return found;
}

int reader_open(struct spool *spool, struct spool_pos at, struct err *err)
{
    reader_close(&spool->reader);
    struct segment *seg = segment_of(spool, at.seq);
    spool->reader.next_seq = at.seq > seg->base_seq ? at.seq : seg->base_seq;
    return enter_segment(spool, seg, err);
}

static void note_source(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct registry *table = &spool->reader.sources;
    const uint8_t *end = payload + rec->payload_len;
    if (rec->type == REC_CHECKPOINT && registry_unpack(table, payload, rec->payload_len))
        log_error("spool", "segment %016llx: checkpoint is not whole",
                  (unsigned long long)spool->reader.seg->no);
    struct source *src = rec->type == REC_SOURCE ? source_unpack(&payload, end) : NULL;
    if (src)
        registry_put(table, src);
}

static const struct source *source_of(struct spool *spool, uint32_t no)
{
    static char nothing[] = "";
    struct source *src = registry_by_no(&spool->reader.sources, no);
    if (!src) /* its record is damaged; numbers are never used twice, so the live table may know it */
        src = registry_by_no(&spool->sources, no);
    if (src)
        return src;
    spool->reader.unknown = (struct source) {.no = no, .path = nothing, .input = nothing};
    return &spool->reader.unknown;
}

static void fill_item(struct spool *spool, const struct record *rec, const uint8_t *payload,
                      struct spool_item *item)
{
    *item = (struct spool_item) {
        .type = rec->type == REC_DATA ? SPOOL_DATA : SPOOL_END,
        .seq = rec->seq,
        .src = source_of(spool, rec->source_no),
        .proof = rec->type == REC_END ? (enum end_proof)rec->flags : 0,
        .end_offset = rec->to,
    };
    if (rec->type == REC_DATA)
        item->chunk = (struct chunk) {.from = rec->from,
                                      .to = rec->to,
                                      .read_ns = rec->time_ns,
                                      .flags = rec->flags,
                                      .bytes = (const char *)payload,
                                      .len = rec->payload_len};
    struct spool_pos cursor = spool->cursor.pos;
    if (cursor.seq == rec->seq)
        item->skip = cursor.done < item->chunk.len ? cursor.done : item->chunk.len;
}

/* 1 = this record is for the caller. */
static int take_record(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct reader *reader = &spool->reader;
    note_source(spool, rec, payload);
    if (rec->type == REC_CHECKPOINT || rec->seq < reader->next_seq)
        return 0;
    if (reader->seg->next && rec->seq >= reader->seg->next->base_seq)
        return 0; /* could not be synced here and was written again there */
    if (reader->next_seq >= reader->counted_seq) /* not when it is read again */
        spool->stats.missing_records += rec->seq - reader->next_seq;
    reader->next_seq = rec->seq + 1;
    if (reader->next_seq > reader->counted_seq)
        reader->counted_seq = reader->next_seq;
    return rec->type == REC_DATA || rec->type == REC_END;
}

/* 1 = in the next segment, 0 = there is none. */
static int next_segment(struct spool *spool, struct err *err)
{
    struct segment *next = spool->reader.seg->next;
    if (!next)
        return 0;
    return enter_segment(spool, next, err) ? -1 : 1;
}

int spool_next(struct spool *spool, struct spool_item *item, struct err *err)
{
    struct reader *reader = &spool->reader;
    if (!reader->seg && reader_open(spool, spool->cursor.pos, err))
        return -1;
    for (;;) {
        struct record rec;
        const uint8_t *payload = NULL;
        int rc = reader->scan.fd < 0 ? 0 : scan_next(&reader->scan, &rec, &payload, err);
        if (rc == 0) {
            rc = next_segment(spool, err);
            if (rc <= 0)
                return rc;
            continue;
        }
        if (rc < 0)
            return -1;
        if (take_record(spool, &rec, payload)) {
            fill_item(spool, &rec, payload, item);
            return 1;
        }
    }
}

uint64_t spool_reading(const struct spool *spool)
{
    return spool->reader.seg ? spool->reader.next_seq : spool->cursor.pos.seq;
}

void spool_rewind(struct spool *spool)
{
    struct err err;
    if (reader_open(spool, spool->cursor.pos, &err))
        log_error("spool", "%s", err.text);
}
