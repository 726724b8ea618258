/* spare.c: older generations of a managed log that have to go early, because their file system is full.
 *
 * Happy path: there is room for another rotation.size: nothing is done.
 * Failure modes: there is not (posta was stopped while the log filled its tmpfs): a writer can write nothing more, the log
 * never reaches its size, and nothing would ever move again. The oldest generation that is read to its end, and whose end is
 * durable, is removed, and it is said; what the spool does not know to be read is left.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/statvfs.h>

static bool is_short_of_room(const struct file *file)
{
    struct statvfs fs;
    if (fstatvfs(file->fd, &fs) < 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize < file->input->conf->rotation_size;
}

/* What has this name was read to its end. */
static bool is_read(struct tail *tail, const char *path)
{
    uint64_t ino;
    int64_t btime_ns;
    struct stat st;
    if (birth_at(path, &ino, &btime_ns) || lstat(path, &st) < 0)
        return false;
    const struct source *src = tail->sink.by_birth(tail->sink.arg, ino, btime_ns);
    return src && !src->file && (src->flags & SOURCE_ENDED) && (uint64_t)st.st_size == src->offset;
}

/* Returns false if there is none. */
static bool remove_oldest(struct tail *tail, const struct tail_input *conf, const char *log_path)
{
    struct err err;
    bool is_removed = false;
    for (uint64_t n = conf->rotation_keep; n >= 1 && !is_removed; n--) {
        char *path = mem_printf("%s.%llu", log_path, (unsigned long long)n);
        is_removed = is_read(tail, path) && fs_unlink(path, &err) == 0;
        if (is_removed)
            log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail",
                        "%s: removed, because its file system is full; all of it is in the spool",
                        path);
        free(path);
    }
    return is_removed;
}

void spare_room(struct tail *tail, struct file *file)
{
    if (file->input->conf->rotation_mode != ROTATION_MANAGED || file->is_rotated)
        return;
    while (is_short_of_room(file) && remove_oldest(tail, file->input->conf, file->src->path))
        continue;
}
