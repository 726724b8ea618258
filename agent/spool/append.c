/* append.c: records into the newest segment.
 *
 * Happy path: one pwritev a record (header, payload, padding). At segment_bytes the next segment begins with a checkpoint
 * and takes the records from then on, while the helper thread makes the old one durable and closes it; until that is
 * done the new one may grow beyond segment_bytes.
 * Failure modes: (1) a write fails half way: the file is cut back to its last good end, nothing has moved, the
 * caller gets the error. (2) a sync failed: what was not durable is first written again (begin.c). (3) no room under
 * max_bytes: FULL; but records without payload, which say what ended or was lost, and new sources may go up to
 * ledger_bytes() beyond it, and where everything is delivered one record of any size. (4) the disk is full: where everything is delivered, a new segment takes the place of the old.
 * On close: spool_close syncs.
 */
#include "store.h"

#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/loop.h>

/* Beyond max_bytes, for ends, losses and new files: some hundred at least, some ten thousand where the spool is large. */
enum { LEDGER_BYTES = 64 * 1024, LEDGER_MAX_BYTES = 4 * 1024 * 1024, LEDGER_PART = 8 };

int store_write_record(int fd, struct segment *seg, struct record *rec, const void *payload,
                       struct err *err)
{
    static const uint8_t zeros[RECORD_ALIGN];
    uint8_t head[RECORD_HEADER_BYTES];
    record_pack(rec, seg->salt, head);
    struct iovec parts[3] = {
        {.iov_base = head, .iov_len = sizeof head},
        {.iov_base = (void *)(uintptr_t)payload, .iov_len = rec->payload_len},
        {.iov_base = (void *)(uintptr_t)zeros,
         .iov_len = record_size(rec) - RECORD_HEADER_BYTES - rec->payload_len},
    };
    if (fs_pwritev(fd, parts, 3, seg->size, err)) {
        struct err ignored; /* the half record is cut off again, or overwritten by the next */
        (void)(fs_truncate(fd, seg->size, &ignored) == 0);
        return -1;
    }
    seg->size += record_size(rec);
    return 0;
}

/* ---- room ---- */

/* One after the other is closed: while one still is, or a sync is under way, this one grows. */
static int roll_if_due(struct spool *spool, struct err *err)
{
    if (spool->last->size < spool->segment_bytes || spool->closing || syncer_is_busy(spool->syncer))
        return 0;
    return store_roll(spool, err);
}

static uint64_t ledger_bytes(const struct spool *spool)
{
    uint64_t part = spool->max_bytes / LEDGER_PART;
    return part < LEDGER_BYTES ? LEDGER_BYTES : part > LEDGER_MAX_BYTES ? LEDGER_MAX_BYTES : part;
}

/* Nothing was appended to the last segment yet. */
static bool is_fresh(const struct spool *spool)
{
    return spool->last->base_seq == spool->next_seq;
}

/* The reader goes on to the last segment, and the ones before it go. */
static int leave_delivered(struct spool *spool, struct err *err)
{
    bool is_read = spool->memory && memory_is_reading(spool->memory); /* no reader is in the disk */
    if (spool_sync(spool, err) || (!is_read && reader_open(spool, spool->cursor.pos, err)))
        return -1;
    store_drop_delivered(spool);
    reserve_make(spool);
    return 0;
}

/* There is no room, and of what takes it everything is delivered: begin anew, and let the old segment go. */
static int renew(struct spool *spool, struct err *err)
{
    if (!spool_is_drained(spool) || is_fresh(spool))
        return -1;
    struct err why;
    if (spool_sync(spool, &why) || store_roll(spool, &why) || leave_delivered(spool, &why)) {
        *err = why;
        return -1;
    }
    return 0;
}

static bool is_above_limit(const struct spool *spool, const struct record *rec)
{
    bool has_bytes = rec->type == REC_DATA && rec->payload_len > 0;
    uint64_t limit = spool->max_bytes + (has_bytes ? 0 : ledger_bytes(spool));
    return spool->max_bytes && spool->stats.disk_bytes + record_size(rec) > limit;
}

/* Into an empty spool one record always fits: else a line that is larger than it would be waited for without end. Nothing is
 * waited for here: false until a new segment is durable, which the caller hears of as of any sync. */
static bool is_let_in(struct spool *spool)
{
    struct err ignored; /* then it is full */
    if (!spool_is_drained(spool) || spool->closing || syncer_is_busy(spool->syncer) ||
        (!is_fresh(spool) && store_roll(spool, &ignored)) || spool_is_dirty(spool))
        return false;
    return leave_delivered(spool, &ignored) == 0 && spool->first == spool->last;
}

static int make_room(struct spool *spool, const struct record *rec, struct err *err)
{
    if (store_mend(spool, err) || roll_if_due(spool, err))
        return -1;
    if (is_above_limit(spool, rec) && !is_let_in(spool))
        return err_set(err, ERR_FULL, "spool %s is full: %llu of %llu bytes", spool->dir,
                       (unsigned long long)spool->stats.disk_bytes,
                       (unsigned long long)spool->max_bytes);
    return 0;
}

static int write_last(struct spool *spool, struct record *rec, const void *payload, struct err *err)
{
    if (store_write_record(spool->fd, spool->last, rec, payload, err))
        return err_wrap(err, "spool %s: segment %016llx", spool->dir,
                        (unsigned long long)spool->last->no);
    return 0;
}

int store_append(struct spool *spool, struct record *rec, const void *payload, struct err *err)
{
    if (make_room(spool, rec, err))
        return -1;
    rec->seq = spool->next_seq;
    rec->payload_crc = crc32c(0, payload, rec->payload_len);
    int rc = write_last(spool, rec, payload, err);
    if (rc && err->kind == ERR_FULL && renew(spool, err) == 0)
        rc = write_last(spool, rec, payload, err);
    if (rc)
        return -1;
    spool->next_seq++;
    spool->stats.records_in++;
    spool->stats.disk_bytes += record_size(rec);
    return 0;
}

/* Before the next record of src, if it is not that of another one: what was dropped is written down first. */
static int append(struct spool *spool, struct source *src, struct record *rec, const void *payload,
                  struct err *err)
{
    if (spool->wants_notes && store_note_all_dropped(spool, err))
        return -1;
    if (src && src->unnoted && (make_room(spool, rec, err) || store_note_dropped(spool, src, err)))
        return -1; /* not the note alone, again and again */
    if (src && spool->memory)
        return memory_append(spool, src, rec, payload, err);
    return store_append(spool, rec, payload, err);
}

/* ---- what is appended ---- */

int spool_append(struct spool *spool, struct source *src, const struct chunk *chunk,
                 struct err *err)
{
    if (chunk->from != src->offset)
        return err_set(err, ERR_BUG, "chunk from %llu does not follow %llu",
                       (unsigned long long)chunk->from, (unsigned long long)src->offset);
    struct record rec = {
        .type = REC_DATA,
        .flags = chunk->flags,
        .payload_len = (uint32_t)chunk->len,
        .source_no = src->no,
        .from = chunk->from,
        .to = chunk->to,
        .time_ns = chunk->read_ns,
    };
    if (append(spool, src, &rec, chunk->bytes, err))
        return -1;
    source_advance(src, chunk->from, chunk->to, chunk->flags, chunk->bytes, chunk->len);
    spool->stats.bytes_in += chunk->len;
    return 0;
}

int spool_end_source(struct spool *spool, struct source *src, enum end_proof proof,
                     uint64_t lost_bytes, struct err *err)
{
    struct record rec = {
        .type = REC_END,
        .flags = (uint8_t)proof,
        .source_no = src->no,
        .from = src->offset,
        .to = src->offset + lost_bytes,
        .time_ns = clock_wall_ns(),
    };
    if (append(spool, src, &rec, "", err))
        return -1;
    src->flags |= SOURCE_ENDED;
    return 0;
}

int store_append_source(struct spool *spool, const struct source *src, struct err *err)
{
    buf_clear(&spool->scratch);
    source_pack(src, &spool->scratch);
    struct record rec = {
        .type = REC_SOURCE,
        .payload_len = (uint32_t)spool->scratch.len,
        .source_no = src->no,
        .from = src->offset,
        .to = src->offset,
        .time_ns = clock_wall_ns(),
    };
    return append(spool, NULL, &rec, spool->scratch.data, err);
}

int spool_add_source(struct spool *spool, const struct source *proto, struct source **out,
                     struct err *err)
{
    struct source *src = source_copy(proto);
    src->no = spool->sources.next_no;
    src->read_to = src->offset;
    if (!(src->flags & SOURCE_HEALED)) /* that is of a file that was seen before */
        src->first_seen_ns = clock_wall_ns();
    if (store_append_source(spool, src, err)) {
        source_free(src);
        return -1;
    }
    registry_put(&spool->sources, src);
    *out = src;
    return 0;
}
