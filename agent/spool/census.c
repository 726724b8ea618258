/* census.c: what is in the spool is counted beside its reader, a part at a time.
 *
 * Happy path: from the cursor on, segment after segment is scanned; who asked sees each record of data with its source.
 * Sources are those of the checkpoints and SOURCE records on the way: they may be forgotten by now.
 * Failure modes: the segment at hand is delivered and goes, or is replaced: it is looked for again by the number of the next
 * record. Damage is stepped over and not counted: the reader does that. A segment that cannot be opened is left out.
 * On close: spool_census_free; the spool must still be there.
 */
#include "store.h"

#include <stdlib.h>

struct spool_census {
    struct spool *spool;
    struct segment *seg; /* NULL = to be looked for */
    struct scan scan;
    struct registry sources; /* met in this segment */
    uint64_t next_seq, end_seq;
    bool has_disk; /* everything on the disk is visited */
};

void store_note_sources(struct registry *met, const struct record *rec, const uint8_t *payload)
{
    if (rec->type == REC_CHECKPOINT) /* what cannot be read of it is nameless */
        (void)(registry_unpack(met, payload, rec->payload_len, NULL, NULL) == 0);
    if (rec->type != REC_SOURCE)
        return;
    struct source *src = source_unpack(&payload, payload + rec->payload_len);
    if (src)
        registry_put(met, src);
}

const struct source *store_source_of(const struct registry *met, uint32_t no)
{
    static const struct source nameless = {.path = "", .input = ""};
    const struct source *src = registry_by_no(met, no);
    return src ? src : &nameless;
}

static void leave(struct spool_census *census)
{
    scan_close(&census->scan);
    registry_clear(&census->sources);
    census->seg = NULL;
}

void census_leave(struct spool *spool, const struct segment *seg)
{
    if (spool->census && spool->census->seg == seg)
        leave(spool->census);
}

/* -1 if it cannot be read now; one that is no segment any more has no records. */
static int enter(struct spool_census *census, struct segment *seg, struct err *err)
{
    leave(census);
    if (scan_open(&census->scan, census->spool->dir, seg, NULL, err)) {
        scan_close(&census->scan);
        if (err->kind != ERR_CORRUPT && err->kind != ERR_GONE)
            return -1;
    }
    census->seg = seg;
    return 0;
}

static void look_at(struct spool_census *census, const struct record *rec, const uint8_t *payload,
                    spool_visit *visit, void *arg)
{
    struct spool *spool = census->spool;
    struct spool_pos cursor = spool->cursor.pos;
    struct spool_item item;
    store_note_sources(&census->sources, rec, payload);
    if (rec->type == REC_CHECKPOINT || rec->seq < census->next_seq ||
        rec->seq >= census->seg->end_seq || rec->seq >= census->end_seq)
        return;
    census->next_seq = rec->seq + 1;
    if (rec->type != REC_DATA || rec->seq < cursor.seq)
        return;
    store_fill_item(rec, payload, store_source_of(&census->sources, rec->source_no), &item);
    if (rec->seq == cursor.seq)
        item.skip = cursor.done < item.chunk.len ? cursor.done : item.chunk.len;
    visit(arg, &item);
}

/* 1 = in a segment, 0 = there is no further one, -1 = not now. */
static int need_segment(struct spool_census *census, bool is_read, struct err *err)
{
    struct segment *next = !census->seg ? store_segment_of(census->spool, census->next_seq)
                           : is_read    ? census->seg->next
                                        : census->seg;
    if (!next)
        return 0;
    return next == census->seg || enter(census, next, err) == 0 ? 1 : -1;
}

static int step_on_disk(struct spool_census *census, size_t max_bytes, spool_visit *visit,
                        void *arg, struct err *err)
{
    struct record rec;
    const uint8_t *payload = NULL;
    bool is_read = false;
    for (size_t n = 0; n < max_bytes;) {
        if (census->next_seq >= census->end_seq || census->next_seq >= census->spool->next_seq)
            return 0;
        int rc = need_segment(census, is_read, err);
        if (rc <= 0)
            return rc;
        rc = census->scan.fd < 0 ? 0 : scan_next(&census->scan, &rec, &payload, err);
        if (rc < 0)
            return -1;
        is_read = rc == 0;
        if (rc == 0)
            continue;
        n += record_size(&rec);
        look_at(census, &rec, payload, visit, arg);
    }
    return 1;
}

int spool_census_step(struct spool_census *census, size_t max_bytes, spool_visit *visit, void *arg,
                      struct err *err)
{
    int rc = census->has_disk ? 0 : step_on_disk(census, max_bytes, visit, arg, err);
    if (rc != 0)
        return rc;
    leave(census);
    census->has_disk = true;
    if (census->spool->memory && census->end_seq > MEMORY_SEQ)
        memory_visit(census->spool->memory, visit, arg);
    return 0;
}

static void note_oldest(void *arg, const struct spool_item *item)
{
    int64_t *read_ns = arg;
    *read_ns = *read_ns ? *read_ns : item->chunk.read_ns;
}

int64_t spool_oldest_ns(struct spool *spool)
{
    struct spool_census census = {.spool = spool,
                                  .scan = SCAN_INIT,
                                  .next_seq = spool->cursor.pos.seq,
                                  .end_seq = UINT64_MAX};
    struct err ignored; /* then it is not known */
    int64_t read_ns = 0;
    while (!read_ns && spool_census_step(&census, 1, note_oldest, &read_ns, &ignored) > 0)
        continue;
    leave(&census);
    return read_ns;
}

struct spool_census *spool_census_new(struct spool *spool, uint64_t end_seq)
{
    struct spool_census *census = mem_zero(1, sizeof *census);
    *census = (struct spool_census) {
        .spool = spool, .scan = SCAN_INIT, .next_seq = spool->cursor.pos.seq, .end_seq = end_seq};
    spool->census = census;
    return census;
}

void spool_census_free(struct spool_census *census)
{
    if (!census)
        return;
    leave(census);
    census->spool->census = NULL;
    free(census);
}
