/* begin.c: new segments behind the last one: to go on in, or in place of what could not be synced.
 *
 * Happy path: the file is made whole under another name (header, a checkpoint of all sources), then gets its own. To go on
 * in, nothing is synced here: it takes records at once, and the job of the helper thread syncs the old one, the new one,
 * renames the old one and syncs the folder, in this order.
 * Failure modes: (1) it cannot be made: no file is left behind, all stays as it was. (2) a sync failed, of the segment being
 * closed or of the last one: both are finished, they are never synced again. All records that are not durable, still
 * readable, are verified and written into a new segment, durable before it counts. This waits for the disk on the
 * loop thread. The last one goes if it had nothing durable; the other is cut to what it had, and closed.
 * On close: nothing.
 */
#include "store.h"

#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum purpose { TO_BEGIN, TO_ROLL, TO_REPLACE };

static int write_checkpoint(struct spool *spool, int fd, struct segment *seg, enum purpose purpose,
                            struct err *err)
{
    struct buf table = BUF_INIT; /* not scratch: append may hold a payload in it */
    /* what is written again may be of sources that were forgotten since */
    registry_pack(&spool->sources, purpose == TO_REPLACE ? &spool->leaving : NULL, &table);
    struct record rec = {
        .type = REC_CHECKPOINT,
        .seq = seg->base_seq,
        .to = spool->next_seq, /* as of the records before this one */
        .payload_len = (uint32_t)table.len,
        .payload_crc = crc32c(0, table.data, table.len),
        .time_ns = clock_wall_ns(),
    };
    int rc = store_write_record(fd, seg, &rec, table.data, err);
    buf_free(&table);
    return rc;
}

static int write_head(struct spool *spool, int fd, struct segment *seg, enum purpose purpose,
                      struct err *err)
{
    uint8_t head[SEGMENT_HEADER_BYTES];
    segment_pack_header(seg, head);
    if (fs_pwrite(fd, head, sizeof head, 0, err))
        return -1;
    seg->size = sizeof head;
    return write_checkpoint(spool, fd, seg, purpose, err);
}

static uint32_t random_salt(void)
{
    uint32_t salt;
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != sizeof salt)
        salt = (uint32_t)clock_wall_ns() * 2654435761u ^ (uint32_t)getpid();
    return salt;
}

static struct segment *new_segment(const struct spool *spool, uint64_t base_seq)
{
    struct segment *seg = mem_zero(1, sizeof *seg);
    seg->no = spool->last ? spool->last->no + 1 : 1;
    while (!segment_is_free(spool->dir, seg->no))
        seg->no++;
    seg->base_seq = base_seq;
    seg->end_seq = UINT64_MAX;
    seg->salt = random_salt();
    seg->is_open = true;
    memcpy(seg->uuid, spool->uuid, UUID_BYTES);
    return seg;
}

/* ---- what was not synced ---- */

/* The records of one segment that are not durable. Returns how many, or -1. */
static int64_t copy_from(struct spool *spool, struct segment *old, int fd, struct segment *fresh,
                         struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    int64_t n = 0;
    int rc;
    if (scan_open(&scan, spool->dir, old, &spool->watch, err))
        return -1;
    if (scan.at < old->synced_size)
        scan.at = old->synced_size;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0) {
        if (rec.type == REC_CHECKPOINT)
            continue;
        if ((rc = store_write_record(fd, fresh, &rec, payload, err)) < 0)
            break;
        n++;
    }
    scan_close(&scan);
    return rc < 0 ? -1 : n;
}

static int copy_unsynced(struct spool *spool, int fd, struct segment *fresh, struct err *err)
{
    int64_t of_closing = 0, of_last;
    if (spool->closing && (of_closing = copy_from(spool, spool->closing, fd, fresh, err)) < 0)
        return -1;
    if ((of_last = copy_from(spool, spool->last, fd, fresh, err)) < 0)
        return -1;
    uint64_t lost = spool->next_seq - spool->synced_seq - (uint64_t)(of_closing + of_last);
    if (lost > 0) /* the reader counts the gap */
        log_error("spool",
                  "%llu records could be neither synced nor read again: their lines are lost",
                  (unsigned long long)lost);
    return 0;
}

/* ---- the file ---- */

static bool is_synced_here(const struct spool *spool, enum purpose purpose)
{
    return purpose != TO_ROLL && spool->sync_mode != SYNC_NEVER;
}

static int fill_file(struct spool *spool, int fd, struct segment *seg, enum purpose purpose,
                     struct err *err)
{
    if (write_head(spool, fd, seg, purpose, err))
        return -1;
    if (purpose == TO_REPLACE && copy_unsynced(spool, fd, seg, err))
        return -1;
    return is_synced_here(spool, purpose) ? fs_sync(fd, err) : 0;
}

/* Not by O_TRUNC: the room behind the end of a reserve is to stay. */
static int open_empty(const char *path, struct err *err)
{
    struct stat st;
    int fd = fs_open(path, O_RDWR | O_CREAT, 0600, err);
    if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_size > 0) && fs_truncate(fd, 0, err)) {
        (void)fs_close(fd); /* of no use */
        fd = -1;
    }
    return fd;
}

/* Make it whole under another name, then give it its own: a checkpoint is never there without the records it counts.
 * Returns its descriptor, or -1 with no file left behind. */
static int make_file(struct spool *spool, struct segment *seg, enum purpose purpose,
                     struct err *err)
{
    char *path = segment_path(spool->dir, seg), *temp = mem_printf("%s.new", path);
    int fd = open_empty(temp, err);
    if (fd >= 0 && (fill_file(spool, fd, seg, purpose, err) || fs_rename(temp, path, err) ||
                    (is_synced_here(spool, purpose) && fs_sync_dir(spool->dir, err)))) {
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

static bool take_reserve(struct spool *spool, const struct segment *seg)
{
    char *path = segment_path(spool->dir, seg), *temp = mem_printf("%s.new", path);
    bool is_taken = reserve_give(spool, temp);
    free(temp);
    free(path);
    return is_taken;
}

/* A full disk has a reserve for it. */
static int make_segment(struct spool *spool, struct segment *seg, enum purpose purpose,
                        struct err *err)
{
    int fd = make_file(spool, seg, purpose, err);
    if (fd < 0 && err->kind == ERR_FULL && purpose != TO_REPLACE && take_reserve(spool, seg))
        fd = make_file(spool, seg, purpose, err);
    if (fd < 0)
        free(seg);
    return fd;
}

static void attach(struct spool *spool, struct segment *seg, int fd)
{
    if (spool->last) {
        spool->last->next = seg;
        spool->last->end_seq = seg->base_seq;
    } else {
        spool->first = seg;
    }
    spool->last = seg;
    spool->fd = fd;
    spool->stats.segments++;
    spool->stats.disk_bytes += seg->size;
}

int store_begin_segment(struct spool *spool, struct err *err)
{
    struct segment *seg = new_segment(spool, spool->next_seq);
    int fd = make_segment(spool, seg, TO_BEGIN, err);
    if (fd < 0)
        return -1;
    attach(spool, seg, fd);
    seg->synced_size = seg->size;
    reserve_make(spool);
    return 0;
}

int store_roll(struct spool *spool, struct err *err)
{
    struct segment *seg = new_segment(spool, spool->next_seq);
    int fd = make_segment(spool, seg, TO_ROLL, err);
    if (fd < 0)
        return -1;
    spool->closing = spool->last;
    spool->closing_fd = spool->fd;
    attach(spool, seg, fd);
    reserve_make(spool);
    return spool_sync_start(spool, err) < 0 ? -1 : 0;
}

/* ---- a failed sync ---- */

/* Nothing of the last segment was durable, and all of it is in `fresh` now: it goes. A reader in it stands at the end of
 * the one before; what it gave out stays where it is. */
static void drop_last(struct spool *spool)
{
    struct segment *seg = spool->last, *keep = spool->closing;
    struct reader *reader = &spool->reader;
    struct err err;
    char *path = segment_path(spool->dir, seg);
    if (fs_unlink(path, &err))
        log_warn("spool", "%s; nothing of it is delivered", err.text);
    free(path);
    if (reader->seg == seg) {
        reader->seg = reader->scan.seg = keep;
        reader->scan.at = keep->synced_size;
    }
    census_leave(spool, seg);
    keep->next = NULL;
    spool->last = keep;
    spool->stats.segments--;
    spool->stats.disk_bytes -= seg->size;
    free(seg);
}

/* Give up the last segment, or the closing one, at its synced size; what was behind is in the new one, and would only look
 * like damage. */
static struct segment *cut_failed(struct spool *spool)
{
    int fd = spool->closing ? spool->closing_fd : spool->fd;
    if (spool->closing) {
        drop_last(spool); /* nothing of it counts as durable before the other one is closed */
        (void)fs_close(spool->fd);
    }
    struct segment *keep = spool->last;
    struct err ignored; /* then it is passed over by its numbers */
    if (fd >= 0)
        (void)(fs_truncate(fd, keep->synced_size, &ignored) == 0);
    (void)fs_close(fd); /* given up, or synced before */
    spool->stats.disk_bytes -= keep->size - keep->synced_size;
    keep->size = keep->synced_size;
    spool->fd = spool->closing_fd = -1;
    spool->closing = NULL;
    return keep;
}

int store_replace_failed(struct spool *spool, struct err *err)
{
    struct segment *fresh = new_segment(spool, spool->synced_seq);
    int fd = make_segment(spool, fresh, TO_REPLACE, err);
    if (fd < 0)
        return err_wrap(err, "spool %s", spool->dir);
    struct segment *cut = cut_failed(spool);
    struct err ignored;
    attach(spool, fresh, fd);
    (void)(segment_seal(spool->dir, cut, &ignored) == 0); /* its synced part was good before */
    fresh->synced_size = fresh->size;
    spool->synced_seq = spool->next_seq;
    if (spool->memory)
        memory_note_synced(spool->memory, memory_written(spool->memory));
    spool->has_failed = false;
    store_let_leave(spool, spool->leaving.first);
    store_drop_delivered(spool);
    return 0; /* a reader in the old one goes on to the new one and passes over what it has read */
}
