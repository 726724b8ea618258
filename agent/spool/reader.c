/* reader.c: the spool read in order, behind the writer.
 *
 * Happy path: records of one segment after the other; DATA and END records go to the caller with their source. Numbers of
 * sources are never used twice, so the live table is asked first; of what SOURCE and CHECKPOINT records tell, the reader
 * keeps only what is not in it any more, and what is forgotten while its records are being read. The next segment's
 * checkpoint makes this table anew; with nothing left to read it is empty.
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

static struct source *kept_source(const struct spool *spool, uint32_t no)
{
    struct source *src = registry_by_no(&spool->sources, no);
    return src ? src : registry_by_no(&spool->leaving, no);
}

static bool is_not_kept(const void *spool, uint32_t no)
{
    return !kept_source(spool, no);
}

static void note_number(struct reader *reader, uint32_t no)
{
    if (no >= reader->seen_no)
        reader->seen_no = no + 1;
}

static void note_checkpoint(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct reader *reader = &spool->reader;
    if (registry_unpack(&reader->sources, payload, rec->payload_len, is_not_kept, spool))
        log_error("spool", "segment %016llx: checkpoint is not whole",
                  (unsigned long long)reader->seg->no);
    reader->seen_no = reader->sources.next_no;
}

static void note_source(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    struct reader *reader = &spool->reader;
    note_number(reader, rec->source_no);
    if (kept_source(spool, rec->source_no))
        return;
    struct source *src = source_unpack(&payload, payload + rec->payload_len);
    if (src)
        registry_put(&reader->sources, src);
}

static const struct source *source_of(struct spool *spool, uint32_t no)
{
    static char nothing[] = "";
    struct source *src = kept_source(spool, no);
    if (!src)
        src = registry_by_no(&spool->reader.sources, no);
    note_number(&spool->reader, no);
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
        .end_offset = rec->from,
        .lost_bytes = rec->type == REC_END && rec->to > rec->from ? rec->to - rec->from : 0,
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
    if (rec->type == REC_CHECKPOINT)
        note_checkpoint(spool, rec, payload);
    if (rec->type == REC_SOURCE)
        note_source(spool, rec, payload);
    if (rec->type == REC_CHECKPOINT || rec->seq < reader->next_seq)
        return 0;
    if (rec->seq >= reader->seg->end_seq)
        return 0; /* could not be synced here and was written again in a newer segment */
    if (reader->next_seq >= reader->counted_seq) /* not when it is read again */
        spool->stats.missing_records += rec->seq - reader->next_seq;
    reader->next_seq = rec->seq + 1;
    if (reader->next_seq > reader->counted_seq)
        reader->counted_seq = reader->next_seq;
    return rec->type == REC_DATA || rec->type == REC_END;
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
