/* recover.c: what a start makes of the folder. It always ends in a spool that works.
 *
 * Happy path: list; the newest segment with a whole checkpoint gives the registry; rolling forward over its records
 * and those of newer segments gives the positions; the cursor file says what is delivered; a new segment begins.
 * Older segments are not read: start-up time does not depend on the backlog.
 * Failure modes: a file that is not a segment of this spool goes to bad/ (list.c). A torn tail is cut off and counted: no position moved over it. It begins with the first record that is not whole, of
 * those that are not known to have been durable: a power cut may have taken it and left later ones. No valid cursor: everything here is delivered (again). A cursor
 * behind the end (a power cut took records the broker has already): it stays, new records get numbers from there.
 *
 * Two segments named .open: a crash came while the older one (A) was being closed; nothing behind its records was promised
 * yet. B's checkpoint counts all records of A, but a power cut may have taken some of them and left B. So positions
 * come from A's checkpoint and A's records, then B's, without its checkpoint. If A's records do not lead up to B's first
 * one, B is removed: its lines are read from the logs again. Where a sync failed, B, or a third one (C) when B failed too,
 * begins with records that A has as well: those in the newest one count, the same as for the reader.
 */
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <unistd.h>

/* ---- the registry ---- */

static void apply(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    registry_apply(&spool->sources, rec, payload);
    if (rec->type != REC_CHECKPOINT && rec->seq >= spool->next_seq)
        spool->next_seq = rec->seq + 1;
}

/* Apply seg to its end. With *has_checkpoint false, the first record must be one, or nothing is applied. */
static int roll_over(struct spool *spool, struct segment *seg, bool *has_checkpoint,
                     struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    if (scan_open(&scan, spool->dir, seg, NULL, err))
        return -1;
    scan.sure_seq = spool->cursor.synced_seq;
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0) {
        if (!*has_checkpoint &&
            (rec.type != REC_CHECKPOINT ||
             registry_unpack(&spool->sources, payload, rec.payload_len, NULL, NULL)))
            break;
        if (!*has_checkpoint && spool->next_seq < seg->base_seq)
            spool->next_seq = seg->base_seq;
        *has_checkpoint = true;
        if (rec.seq < seg->end_seq)
            apply(spool, &rec, payload);
    }
    scan_close(&scan);
    return rc < 0 ? -1 : 0;
}

static struct segment *before(const struct spool *spool, const struct segment *seg)
{
    struct segment *prev = NULL;
    for (struct segment *at = spool->first; at != seg; at = at->next)
        prev = at;
    return prev;
}

/* The newest segment whose checkpoint is whole; the registry is as of its end. NULL if there is none. With is_sure, the
 * records that the checkpoint counts are sure to be there. */
static int find_checkpoint(struct spool *spool, bool is_sure, struct segment **found,
                           struct err *err)
{
    for (*found = spool->last; *found; *found = before(spool, *found)) {
        const struct segment *prev = before(spool, *found);
        bool has_checkpoint = false;
        if (is_sure && prev && prev->is_open)
            continue;
        if (roll_over(spool, *found, &has_checkpoint, err))
            return -1;
        if (has_checkpoint)
            return 0;
        log_error("spool",
                  "segment %016llx: its checkpoint is damaged, going back to the one before",
                  (unsigned long long)(*found)->no);
    }
    return 0;
}

/* It was begun, and a power cut took records before it. */
static int remove_unfounded(struct spool *spool, struct segment *prev, struct err *err)
{
    struct segment *seg = prev->next;
    char *path = segment_path(spool->dir, seg);
    int rc = fs_unlink(path, err);
    if (rc == 0) {
        log_warn("spool",
                 "%s: %llu bytes behind lost records left out; they are read from the logs again",
                 path, (unsigned long long)seg->size);
        spool->stats.torn_bytes += seg->size;
        spool->stats.disk_bytes -= seg->size;
        spool->stats.segments--;
        prev->next = seg->next;
        if (spool->last == seg)
            spool->last = prev;
        free(seg);
    }
    free(path);
    return rc;
}

/* Apply all that is behind `from`; NULL = all there is. */
static int roll_forward(struct spool *spool, struct segment *from, struct err *err)
{
    for (struct segment *prev = from, *seg; (seg = prev ? prev->next : spool->first);) {
        if (prev && prev->is_open && seg->base_seq > spool->next_seq) {
            if (remove_unfounded(spool, prev, err))
                return -1;
            continue;
        }
        bool has_checkpoint = true; /* of an older segment, or none is left */
        if (spool->next_seq < seg->base_seq)
            spool->next_seq = seg->base_seq;
        if (roll_over(spool, seg, &has_checkpoint, err))
            return -1;
        prev = seg;
    }
    return 0;
}

static int recover_sources(struct spool *spool, struct err *err)
{
    struct segment *seg = NULL;
    if (find_checkpoint(spool, true /* sure */, &seg, err) ||
        (!seg && find_checkpoint(spool, false /* any */, &seg, err)))
        return -1;
    if (!seg && spool->last)
        log_error("spool",
                  "%s: no checkpoint is readable: positions are lost, files are read from their "
                  "beginning",
                  spool->dir);
    return roll_forward(spool, seg, err);
}

/* ---- the torn tail ---- */

static int cut_tail(struct spool *spool, struct segment *seg, uint64_t end, struct err *err)
{
    char *path = segment_path(spool->dir, seg);
    int fd = fs_open(path, O_WRONLY, 0, err);
    int rc = fd < 0 || fs_truncate(fd, end, err) || fs_sync(fd, err) ? -1 : 0;
    (void)fs_close(fd); /* synced */
    if (rc == 0) {
        log_warn("spool",
                 "%s: %llu bytes of an unfinished write cut off; they are read from the log again",
                 path, (unsigned long long)(seg->size - end));
        spool->stats.torn_bytes += seg->size - end;
        spool->stats.disk_bytes -= seg->size - end;
        seg->size = end;
    }
    free(path);
    return rc;
}

/* What was only written must be there for good before its name says so. */
static int sync_whole(struct spool *spool, const struct segment *seg, struct err *err)
{
    char *path = segment_path(spool->dir, seg);
    int fd = fs_open(path, O_RDONLY, 0, err);
    int rc = fd < 0 || fs_sync(fd, err) ? -1 : 0;
    (void)fs_close(fd); /* read-only */
    if (rc)
        err_wrap(err, "%s", path);
    free(path);
    return rc;
}

/* Where the last whole record of seg ends. */
static int find_end(struct spool *spool, struct segment *seg, uint64_t *end, struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    if (scan_open(&scan, spool->dir, seg, NULL, err))
        return -1;
    scan.sure_seq = spool->cursor.synced_seq;
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0)
        continue;
    *end = scan.torn_at;
    scan_close(&scan);
    return rc;
}

static int sync_open_segments(struct spool *spool, struct err *err)
{
    for (struct segment *seg = spool->first; seg; seg = seg->next) {
        uint64_t end;
        if (!seg->is_open)
            continue;
        if (find_end(spool, seg, &end, err))
            return -1;
        if (end < seg->size ? cut_tail(spool, seg, end, err) : sync_whole(spool, seg, err))
            return -1;
    }
    return 0;
}

/* First all are durable, then the oldest gets its name, and so on: what is behind a closed one was synced (list.c). And what
 * was removed, by this start or by one that was killed, is gone for good before the segment in front of it is closed, which
 * would make its checkpoint count. */
static int close_open_segments(struct spool *spool, struct err *err)
{
    if (fs_sync_dir(spool->dir, err) || sync_open_segments(spool, err))
        return -1;
    for (struct segment *seg = spool->first; seg; seg = seg->next)
        if (seg->is_open && segment_seal(spool->dir, seg, err))
            return -1;
    return 0;
}

/* ---- all together ---- */

/* The cursor in its file may be older than the segments that went when they were delivered; but where a start has moved one
 * away, its records were waiting. */
static void raise_cursor(struct spool *spool)
{
    uint64_t oldest = spool->first->base_seq, seq = spool->cursor.pos.seq;
    if (seq > 0 && spool->has_lost_first) {
        log_error("spool",
                  "records %llu to %llu were in segments that are in bad/ now: their lines are "
                  "not delivered",
                  (unsigned long long)seq, (unsigned long long)oldest - 1);
        spool->stats.missing_records += oldest - seq;
        spool->reader.missed.has_waiting = true;
    }
    spool->cursor.pos = (struct spool_pos) {.seq = oldest};
}

static void recover_cursor(struct spool *spool, bool found)
{
    if (!found && spool->first)
        log_warn("spool", "%s: no valid cursor: everything in the spool is delivered again",
                 spool->dir);
    if (spool->first && spool->cursor.pos.seq < spool->first->base_seq)
        raise_cursor(spool);
    spool->cursor.is_dirty = !found;   /* a fresh spool has a cursor from its first moment */
    spool->cursor.is_unsynced = found; /* a killed posta may only have written it */
    if (spool->cursor.pos.seq < spool->next_seq)
        return;
    if (spool->cursor.pos.done > 0) { /* the rest of this record comes again in another one */
        spool->cursor.pos = (struct spool_pos) {.seq = spool->cursor.pos.seq + 1};
        spool->cursor.is_dirty = true;
    }
    spool->next_seq = spool->cursor.pos.seq;
}

int store_recover(struct spool *spool, struct err *err)
{
    bool has_cursor;
    spool->next_seq = 1;
    spool->sources.next_no = 1;
    if (store_list(spool, err) ||
        cursor_open(&spool->cursor, spool->dir, spool->uuid, &has_cursor, err) ||
        recover_sources(spool, err))
        return -1;
    heal_drop_sources(spool);
    recover_cursor(spool, has_cursor);
    if (close_open_segments(spool, err))
        return -1;
    spool->synced_seq = spool->next_seq;
    /* first the cursor: what it has left behind must not look like a gap before the new segment */
    return cursor_save(&spool->cursor, spool->uuid, true, err) || store_begin_segment(spool, err)
               ? -1
               : 0;
}
