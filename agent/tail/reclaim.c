/* reclaim.c: rotation.mode reclaim. Nobody rotates: what is in the spool is given back to the file system from under the log.
 *
 * Happy path: rotation.size bytes more are durable in the spool: a hole is made up to there (fallocate(2), PUNCH_HOLE), all but
 * the blocks that hold what is remembered of the bytes before the position. The file keeps its name, inode and growing offsets; its writer
 * notices nothing.
 * Failure modes: the file system or the rights do not allow it: said once, and the log is followed as with external. The
 * spool is full: nothing more becomes durable, so nothing is given back. The position was lost: the file is read from the first
 * whole line behind the hole, never its zeros.
 * Crash: only durable bytes are ever given back.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <linux/falloc.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096, FIND_BYTES = 64 * 1024 };

static uint64_t punchable(uint64_t offset)
{
    return offset < TAIL_MAX_BYTES ? 0 : (offset - TAIL_MAX_BYTES) / BLOCK_BYTES * BLOCK_BYTES;
}

static void say_unable(struct file *file, const struct err *err)
{
    file->owned->is_unable = true;
    log_error("tail",
              "%s: rotation.mode reclaim: %s: its space is not given back, the log grows: give "
              "posta write "
              "access to the file on tmpfs, ext4, xfs or btrfs, or use rotation.mode: managed",
              file->src->path, err->text);
}

static int punch(int fd, uint64_t from, uint64_t to, struct err *err)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) <
        0)
        return err_sys(err, "make a hole");
    return 0;
}

/* Open for writing only for this moment: nobody else's probe for writers shall see posta. */
static void give_back(struct tail *tail, struct file *file, uint64_t to)
{
    struct owned *owned = file->owned;
    struct err err;
    int fd = open_again_to_write(file->fd, &err);
    int rc = fd < 0 ? -1 : punch(fd, owned->punched, to, &err);
    (void)fs_close(fd); /* nothing was written */
    if (rc) {
        say_unable(file, &err);
        return;
    }
    tail->stats.bytes_punched += to - owned->punched;
    owned->punched = to;
}

static void set_mark(struct tail *tail, struct file *file)
{
    file->owned->mark_offset = file->src->offset;
    file->owned->mark = tail->sink.mark(tail->sink.arg);
}

int64_t reclaim_if_due(struct tail *tail, struct file *file)
{
    struct owned *owned = file->owned;
    const struct tail_input *conf = file->input->conf;
    if (conf->rotation_mode != ROTATION_RECLAIM || owned->is_unable || file->gzip)
        return -1;
    for (int i = 0; i < 2;
         i++) { /* the mark that was set before, and one that is durable at once */
        if (owned->mark && tail->sink.is_durable(tail->sink.arg, owned->mark)) {
            uint64_t to = punchable(owned->mark_offset);
            if (to > owned->punched)
                give_back(tail, file, to);
            owned->mark = 0;
        }
        bool is_due = punchable(file->src->offset) >= owned->punched + conf->rotation_size;
        if (owned->mark || !is_due)
            break;
        set_mark(tail, file);
    }
    return -1; /* tail_marks_moved */
}

/* ---- a file whose beginning was given back ---- */

/* Behind the first newline from here on; 0 if there is none. */
static uint64_t line_behind(int fd, uint64_t from)
{
    static char block[FIND_BYTES];
    struct err ignored; /* then it is read from its beginning */
    for (;;) {
        ssize_t n = fs_pread(fd, block, sizeof block, from, &ignored);
        if (n <= 0)
            return 0;
        const char *nl = memchr(block, '\n', (size_t)n);
        if (nl)
            return from + (uint64_t)(nl - block) + 1;
        from += (uint64_t)n;
    }
}

uint64_t reclaim_first_line(int fd)
{
    off_t data = lseek(fd, 0, SEEK_DATA);
    return data > 0 ? line_behind(fd, (uint64_t)data) : 0;
}
