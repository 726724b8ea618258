/* recover.c: what a start makes of the folder. It always ends in a spool that works.
 *
 * Happy path: list; the newest segment with a whole checkpoint gives the registry; rolling forward over its records
 * and those of newer segments gives the positions; the cursor file says what is delivered; a new segment begins.
 * Older segments are not read: start-up time does not depend on the backlog.
 * Failure modes: a file that is not a segment of this spool goes to bad/ and is named in the log. A torn tail is cut
 * off and counted: no position moved over it. No valid cursor: everything here is delivered (again). A cursor
 * behind the end (a power cut took records the broker has already): it stays, new records get numbers from there.
 */
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- the list ---- */

static int quarantine(struct spool *spool, struct segment **at, const char *why, struct err *err)
{
    struct segment *seg = *at;
    log_error("spool", "%s; moved to %s/bad, nothing of it is delivered", why, spool->dir);
    if (segment_quarantine(spool->dir, seg, err))
        return -1;
    spool->stats.damaged_regions++;
    *at = seg->next;
    free(seg);
    return 0;
}

/* Read the header of each; those without a good one go to bad/. A read error stops the start: it may pass. */
static int check_headers(struct spool *spool, struct err *err)
{
    for (struct segment **at = &spool->first; *at;) {
        int fd = segment_open(spool->dir, *at, err);
        if (fd < 0 && err->kind != ERR_CORRUPT)
            return -1;
        if (fd < 0) {
            char why[ERR_TEXT_BYTES];
            memcpy(why, err->text, sizeof why);
            if (quarantine(spool, at, why, err))
                return -1;
            continue;
        }
        (void)fs_close(fd); /* read-only */
        at = &(*at)->next;
    }
    return 0;
}

static bool has_segment_of(const struct spool *spool, const uint8_t *uuid)
{
    for (const struct segment *seg = spool->first; seg; seg = seg->next)
        if (memcmp(seg->uuid, uuid, UUID_BYTES) == 0)
            return true;
    return false;
}

/* The cursor says which spool this is; without one, the oldest segment. */
static void choose_uuid(struct spool *spool)
{
    if (cursor_uuid(spool->dir, spool->uuid) && has_segment_of(spool, spool->uuid))
        return;
    if (spool->first) {
        memcpy(spool->uuid, spool->first->uuid, UUID_BYTES);
        return;
    }
    ssize_t n = getrandom(spool->uuid, UUID_BYTES, 0);
    (void)n; /* 16 bytes always come whole (getrandom(2)) */
}

/* What is not of this spool goes to bad/; the rest is counted. */
static int keep_own(struct spool *spool, struct err *err)
{
    for (struct segment **at = &spool->first; *at;) {
        if (memcmp((*at)->uuid, spool->uuid, UUID_BYTES) != 0) {
            char *path = segment_path(spool->dir, *at),
                 *why = mem_printf("%s is of another spool", path);
            int rc = quarantine(spool, at, why, err);
            free(path);
            free(why);
            if (rc)
                return -1;
            continue;
        }
        spool->last = *at;
        spool->stats.segments++;
        spool->stats.disk_bytes += (*at)->size;
        at = &(*at)->next;
    }
    return 0;
}

/* ---- the registry ---- */

static void apply(struct spool *spool, const struct record *rec, const uint8_t *payload)
{
    const uint8_t *at = payload;
    struct source *src = registry_by_no(&spool->sources, rec->source_no);
    if (rec->type == REC_SOURCE && (src = source_unpack(&at, payload + rec->payload_len)))
        registry_put(&spool->sources, src);
    else if (rec->type == REC_DATA && src)
        source_advance(src, rec->from, rec->to, rec->flags, payload, rec->payload_len);
    else if (rec->type == REC_END && src)
        src->flags |= SOURCE_ENDED;
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
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0) {
        if (!*has_checkpoint && (rec.type != REC_CHECKPOINT ||
                                 registry_unpack(&spool->sources, payload, rec.payload_len)))
            break;
        *has_checkpoint = true;
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

/* The newest segment whose checkpoint is whole; the registry is as of its end. NULL if there is none. */
static int find_checkpoint(struct spool *spool, struct segment **found, struct err *err)
{
    for (*found = spool->last; *found; *found = before(spool, *found)) {
        bool has_checkpoint = false;
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

static int recover_sources(struct spool *spool, struct err *err)
{
    struct segment *seg;
    if (find_checkpoint(spool, &seg, err))
        return -1;
    if (!seg && spool->last)
        log_error("spool",
                  "%s: no checkpoint is readable: positions are lost, files are read from their "
                  "beginning",
                  spool->dir);
    for (seg = seg ? seg->next : spool->first; seg; seg = seg->next) {
        bool has_checkpoint = true; /* of an older segment, or none is left */
        if (roll_over(spool, seg, &has_checkpoint, err))
            return -1;
    }
    if (spool->last && spool->next_seq < spool->last->base_seq)
        spool->next_seq = spool->last->base_seq;
    return 0;
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

/* Where the last whole record of seg ends. */
static int find_end(struct spool *spool, struct segment *seg, uint64_t *end, struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    if (scan_open(&scan, spool->dir, seg, NULL, err))
        return -1;
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0)
        continue;
    *end = scan.torn_at;
    scan_close(&scan);
    return rc;
}

static int close_open_segments(struct spool *spool, struct err *err)
{
    for (struct segment *seg = spool->first; seg; seg = seg->next) {
        uint64_t end;
        if (!seg->is_open)
            continue;
        if (find_end(spool, seg, &end, err) || (end < seg->size && cut_tail(spool, seg, end, err)))
            return -1;
        if (segment_seal(spool->dir, seg, err))
            return -1;
    }
    return 0;
}

/* ---- all together ---- */

static int recover_cursor(struct spool *spool, struct err *err)
{
    bool found;
    if (cursor_open(&spool->cursor, spool->dir, spool->uuid, &found, err))
        return -1;
    if (!found && spool->first)
        log_warn("spool", "%s: no valid cursor: everything in the spool is delivered again",
                 spool->dir);
    if (spool->first && spool->cursor.pos.seq < spool->first->base_seq)
        spool->cursor.pos = (struct spool_pos) {.seq = spool->first->base_seq};
    spool->cursor.is_dirty = !found; /* a fresh spool has a cursor from its first moment */
    if (spool->cursor.pos.seq >= spool->next_seq)
        spool->next_seq = spool->cursor.pos.seq + (spool->cursor.pos.done > 0);
    return 0;
}

int store_recover(struct spool *spool, struct err *err)
{
    spool->next_seq = 1;
    spool->sources.next_no = 1;
    if (segment_list(spool->dir, &spool->first, err) || check_headers(spool, err))
        return -1;
    choose_uuid(spool);
    if (keep_own(spool, err) || recover_sources(spool, err) || recover_cursor(spool, err) ||
        close_open_segments(spool, err))
        return -1;
    spool->synced_seq = spool->next_seq;
    return store_begin_segment(spool, err) || cursor_save(&spool->cursor, spool->uuid, true, err)
               ? -1
               : 0;
}
