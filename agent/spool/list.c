/* list.c: which files of the folder are segments of this spool, and how far each counts.
 *
 * Happy path: the folder is listed; each header is whole and of the spool that the cursor names.
 * Failure modes: a file that is not a segment, or of another spool, goes to bad/ and is named in the log; nothing of it is
 * delivered. A segment that a crash left without a header is removed. A read error stops the start: it may pass.
 * On close: nothing; the list is the spool's.
 */
#include "bad.h"
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/random.h>

static int quarantine(struct spool *spool, struct segment **at, const char *why, struct err *err)
{
    struct segment *seg = *at;
    char *bad = bad_folder(spool->dir);
    log_error("spool", "%s; moved to %s, nothing of it is delivered", why, bad);
    free(bad);
    if (segment_quarantine(spool->dir, seg, err))
        return -1;
    spool->stats.damaged_regions++;
    spool->has_lost_first |= at == &spool->first;
    *at = seg->next;
    free(seg);
    return 0;
}

/* Its first sector did not reach the disk before a power cut. It was never durable: the segment before it is closed only when
 * this one is synced. What else of it is there is kept all the same. */
static bool is_headless(const struct spool *spool, const struct segment *seg,
                        const struct segment *before)
{
    static const uint8_t zeros[SEGMENT_HEADER_BYTES];
    uint8_t head[SEGMENT_HEADER_BYTES];
    struct err ignored; /* then it is not known to be so */
    if (!seg->is_open || !before || !before->is_open)
        return false;
    char *path = segment_path(spool->dir, seg);
    int fd = fs_open(path, O_RDONLY, 0, &ignored);
    ssize_t n = fd < 0 ? -1 : fs_pread(fd, head, sizeof head, 0, &ignored);
    (void)fs_close(fd); /* read-only */
    free(path);
    return n == (ssize_t)sizeof head && memcmp(head, zeros, sizeof head) == 0;
}

static int put_aside(struct spool *spool, struct segment **at, struct err *err)
{
    struct segment *seg = *at;
    char *bad = bad_folder(spool->dir);
    log_warn("spool",
             "segment %016llx was not synced when the power was cut; moved to %s, its lines are "
             "read from the logs again",
             (unsigned long long)seg->no, bad);
    free(bad);
    if (segment_quarantine(spool->dir, seg, err))
        return -1;
    spool->stats.torn_bytes += seg->size;
    *at = seg->next;
    free(seg);
    return 0;
}

/* Nothing but zeros, from first to last? */
static bool is_blank(int fd)
{
    static const uint8_t zeros[4096];
    uint8_t piece[sizeof zeros];
    struct err ignored; /* then it is not known to be so */
    for (uint64_t at = 0;; at += sizeof piece) {
        ssize_t n = fs_pread(fd, piece, sizeof piece, at, &ignored);
        if (n < 0 || memcmp(piece, zeros, (size_t)n) != 0)
            return false;
        if (n < (ssize_t)sizeof piece)
            return true;
    }
}

/* Not even its header was written whole: a crash came, and there is nothing to keep. */
static bool is_unbegun(const struct spool *spool, const struct segment *seg)
{
    struct err ignored; /* the same */
    char *path = segment_path(spool->dir, seg);
    int fd = seg->is_open ? fs_open(path, O_RDONLY, 0, &ignored) : -1;
    bool is_one = fd >= 0 && (seg->size < SEGMENT_HEADER_BYTES || is_blank(fd));
    (void)fs_close(fd); /* read-only */
    free(path);
    return is_one;
}

static int remove_unbegun(struct spool *spool, struct segment **at, struct err *err)
{
    struct segment *seg = *at;
    char *path = segment_path(spool->dir, seg);
    int rc = fs_unlink(path, err);
    if (rc == 0) {
        log_info("spool", "%s: was only just begun, removed", path);
        spool->stats.torn_bytes += seg->size;
        *at = seg->next;
        free(seg);
    }
    free(path);
    return rc;
}

/* Read the header of each; those without a good one go to bad/. A read error stops the start: it may pass. */
static int check_headers(struct spool *spool, struct err *err)
{
    const struct segment *before = NULL;
    for (struct segment **at = &spool->first; *at;) {
        int fd = segment_open(spool->dir, *at, err);
        if (fd < 0 && err->kind != ERR_CORRUPT)
            return -1;
        if (fd < 0) {
            char why[ERR_TEXT_BYTES];
            memcpy(why, err->text, sizeof why);
            if (is_unbegun(spool, *at)            ? remove_unbegun(spool, at, err)
                : is_headless(spool, *at, before) ? put_aside(spool, at, err)
                                                  : quarantine(spool, at, why, err))
                return -1;
            continue;
        }
        (void)fs_close(fd); /* read-only */
        before = *at;
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

/* Nothing counts in a file that was being made when a crash came. But its bytes must not come back, by a power cut, under
 * the name of the next one that is made in its place. */
static int remove_unfinished(const struct spool *spool, struct err *err)
{
    for (char *path;;) {
        if (segment_find_unfinished(spool->dir, &path, err))
            return -1;
        if (!path)
            return 0;
        int rc = fs_unlink(path, err);
        free(path);
        if (rc)
            return -1;
    }
}

int store_list(struct spool *spool, struct err *err)
{
    if (clear_names(spool->dir, err) || remove_unfinished(spool, err) ||
        segment_list(spool->dir, &spool->first, err) || check_headers(spool, err))
        return -1;
    choose_uuid(spool);
    if (keep_own(spool, err))
        return -1;
    segment_find_ends(spool->first);
    return 0;
}
