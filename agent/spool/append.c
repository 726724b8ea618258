/* append.c: records into the newest segment, and what is done when the disk says no.
 *
 * Happy path: one pwritev a record (header, payload, padding); a sync now and then makes all before it durable;
 * at segment_bytes the segment is synced, renamed to .seg, and the next one begins with a checkpoint.
 * Failure modes: (1) a write fails half way: the file is cut back to its last good end, nothing has moved, the
 * caller gets the error. (2) a sync fails: this file is finished, it is never synced again; its un-synced
 * records, still readable, are verified and written into a new segment, which is synced. If that fails too, all
 * stays as it was and the caller tries again later. (3) no room under max_bytes: FULL.
 * On close: spool_close syncs.
 */
#include "store.h"

#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static int write_record(int fd, struct segment *seg, struct record *rec, const void *payload,
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

static int write_checkpoint(struct spool *spool, int fd, struct segment *seg, struct err *err)
{
    struct buf table = BUF_INIT; /* not scratch: append may hold a payload in it */
    registry_pack(&spool->sources, &table);
    struct record rec = {
        .type = REC_CHECKPOINT,
        .seq = seg->base_seq,
        .payload_len = (uint32_t)table.len,
        .payload_crc = crc32c(0, table.data, table.len),
        .time_ns = clock_wall_ns(),
    };
    int rc = write_record(fd, seg, &rec, table.data, err);
    buf_free(&table);
    return rc;
}

static int write_head(struct spool *spool, int fd, struct segment *seg, struct err *err)
{
    uint8_t head[SEGMENT_HEADER_BYTES];
    segment_pack_header(seg, head);
    if (fs_pwrite(fd, head, sizeof head, 0, err))
        return -1;
    seg->size = sizeof head;
    return write_checkpoint(spool, fd, seg, err);
}

static uint32_t random_salt(void)
{
    uint32_t salt;
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != sizeof salt)
        salt = (uint32_t)clock_wall_ns() * 2654435761u ^ (uint32_t)getpid();
    return salt;
}

static struct segment *new_segment(const struct spool *spool)
{
    struct segment *seg = mem_zero(1, sizeof *seg);
    seg->no = spool->last ? spool->last->no + 1 : 1;
    seg->base_seq = spool->next_seq;
    seg->salt = random_salt();
    seg->is_open = true;
    memcpy(seg->uuid, spool->uuid, UUID_BYTES);
    return seg;
}

/* The records of the last segment that were never synced. */
static int copy_unsynced(struct spool *spool, struct segment *old, int fd, struct segment *fresh,
                         struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    if (scan_open(&scan, spool->dir, old, &spool->stats, err))
        return -1;
    scan.at = spool->synced_size;
    uint64_t n = 0;
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0)
        if ((rc = write_record(fd, fresh, &rec, payload, err)) < 0)
            break;
        else
            n++;
    scan_close(&scan);
    uint64_t lost = spool->next_seq - spool->synced_seq - n;
    if (rc == 0 && lost > 0) /* the reader counts the gap */
        log_error("spool",
                  "%llu records could be neither synced nor read again: their lines are lost",
                  (unsigned long long)lost);
    return rc < 0 ? -1 : 0;
}

/* Make the file whole under another name, then give it its own: a checkpoint is never there without the records it counts.
 * Returns its descriptor, or -1 with no file left behind. */
static int make_segment_file(struct spool *spool, struct segment *seg, bool with_unsynced,
                             struct err *err)
{
    char *path = segment_path(spool->dir, seg), *temp = mem_printf("%s.new", path);
    int fd = fs_open(temp, O_RDWR | O_CREAT | O_TRUNC, 0600, err);
    if (fd >= 0 &&
        (write_head(spool, fd, seg, err) ||
         (with_unsynced && copy_unsynced(spool, spool->last, fd, seg, err)) || fs_sync(fd, err) ||
         fs_rename(temp, path, err) || fs_sync_dir(spool->dir, err))) {
        err_wrap(err, "begin segment %s", path);
        (void)fs_close(fd); /* of no use */
        unlink(temp);       /* what cannot be removed is sorted out at the next start */
        unlink(path);       /* the same */
        fd = -1;
    }
    free(temp);
    free(path);
    return fd;
}

static void attach_segment(struct spool *spool, struct segment *seg, int fd)
{
    (void)fs_close(spool->fd); /* synced, or given up */
    spool->fd = fd;
    if (spool->last)
        spool->last->next = seg;
    else
        spool->first = seg;
    spool->last = seg;
    spool->synced_size = seg->size;
    spool->stats.segments++;
    spool->stats.disk_bytes += seg->size;
}

int store_begin_segment(struct spool *spool, struct err *err)
{
    struct segment *seg = new_segment(spool);
    int fd = make_segment_file(spool, seg, false /* nothing to copy */, err);
    if (fd < 0 && err->kind == ERR_FULL && reserve_give(spool))
        fd = make_segment_file(spool, seg, false /* nothing to copy */, err);
    if (fd < 0) {
        free(seg);
        return -1;
    }
    attach_segment(spool, seg, fd);
    reserve_make(spool);
    return 0;
}

/* ---- a failed sync ---- */

/* Give up the last segment at its synced size; what was behind goes into a new one. */
static int replace_segment(struct spool *spool, struct err *err)
{
    struct segment *old = spool->last, *fresh = new_segment(spool);
    fresh->base_seq = spool->synced_seq;
    int fd = make_segment_file(spool, fresh, true /* and what was not synced */, err);
    if (fd < 0) {
        free(fresh);
        return -1;
    }
    spool->stats.disk_bytes -= old->size - spool->synced_size;
    old->size = spool->synced_size;
    attach_segment(spool, fresh, fd);
    struct err ignored;
    (void)(segment_seal(spool->dir, old, &ignored) == 0); /* its synced part was good before */
    return 0; /* a reader in the old one goes on to the new one and passes over what it has read */
}

int spool_sync(struct spool *spool, struct err *err)
{
    if (!spool_is_dirty(spool))
        return 0;
    spool->stats.syncs++;
    if (!spool->has_failed && fs_sync(spool->fd, err)) {
        log_error("spool", "%s; this segment is closed and its last records are written again",
                  err->text);
        spool->has_failed = true;
    }
    if (spool->has_failed && replace_segment(spool, err))
        return err_wrap(err, "spool %s", spool->dir);
    spool->has_failed = false;
    spool->synced_size = spool->last->size;
    spool->synced_seq = spool->next_seq;
    return 0;
}

bool spool_is_dirty(const struct spool *spool)
{
    return spool->synced_size != spool->last->size;
}

/* ---- appending ---- */

static int roll(struct spool *spool, struct err *err)
{
    if (spool_sync(spool, err) || segment_seal(spool->dir, spool->last, err))
        return -1;
    return store_begin_segment(spool, err);
}

static int make_room(struct spool *spool, uint64_t size, struct err *err)
{
    if (spool->has_failed && spool_sync(spool, err))
        return -1;
    if (spool->last->size >= spool->segment_bytes && roll(spool, err))
        return -1;
    if (spool->max_bytes && spool->stats.disk_bytes + size > spool->max_bytes)
        return err_set(err, ERR_FULL, "spool %s is full: %llu of %llu bytes", spool->dir,
                       (unsigned long long)spool->stats.disk_bytes,
                       (unsigned long long)spool->max_bytes);
    return 0;
}

/* The disk is full, and of what fills it everything is delivered: begin anew, and let the old segment go. */
static int renew(struct spool *spool, struct err *err)
{
    if (!spool_is_drained(spool) || spool->last->base_seq == spool->next_seq)
        return -1;
    struct err why;
    if (roll(spool, &why) || reader_open(spool, spool->cursor.pos, &why)) {
        *err = why;
        return -1;
    }
    store_drop_delivered(spool);
    reserve_make(spool);
    return 0;
}

static int write_last(struct spool *spool, struct record *rec, const void *payload, struct err *err)
{
    if (write_record(spool->fd, spool->last, rec, payload, err))
        return err_wrap(err, "spool %s: segment %016llx", spool->dir,
                        (unsigned long long)spool->last->no);
    return 0;
}

static int append(struct spool *spool, struct record *rec, const void *payload, struct err *err)
{
    if (make_room(spool, record_size(rec), err))
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
    if (append(spool, &rec, chunk->bytes, err))
        return -1;
    source_advance(src, chunk->from, chunk->to, chunk->flags, chunk->bytes, chunk->len);
    spool->stats.bytes_in += chunk->len;
    return 0;
}

int spool_end_source(struct spool *spool, struct source *src, enum end_proof proof, struct err *err)
{
    struct record rec = {
        .type = REC_END,
        .flags = (uint8_t)proof,
        .source_no = src->no,
        .from = src->offset,
        .to = src->offset,
        .time_ns = clock_wall_ns(),
    };
    if (append(spool, &rec, "", err))
        return -1;
    src->flags |= SOURCE_ENDED;
    return 0;
}

int spool_add_source(struct spool *spool, const struct source *proto, struct source **out,
                     struct err *err)
{
    struct source *src = source_copy(proto);
    src->no = spool->sources.next_no;
    src->first_seen_ns = clock_wall_ns();
    buf_clear(&spool->scratch);
    source_pack(src, &spool->scratch);
    struct record rec = {
        .type = REC_SOURCE,
        .payload_len = (uint32_t)spool->scratch.len,
        .source_no = src->no,
        .from = src->offset,
        .to = src->offset,
        .time_ns = src->first_seen_ns,
    };
    if (append(spool, &rec, spool->scratch.data, err)) {
        source_free(src);
        return -1;
    }
    registry_put(&spool->sources, src);
    *out = src;
    return 0;
}
