/* delete.c: delete.enabled: a file that is read, delivered and left alone for delete.grace_period is removed.
 *
 * Happy path: the end is proven (a rotated file), or nobody has the file open for writing (one under its own name), nothing was
 * written for the grace period, everything up to here is delivered: the name is removed if it is still that file's.
 * Failure modes: not allowed: said, tried again after another grace period. Somebody opened it between the look and the removal:
 * its descriptor is still held, what is written is read like that of any deleted file.
 * On close: nothing; the next start waits for the grace period again.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>

#define LOOK_FIRST_NS (1 * NS_PER_S)
#define LOOK_LAST_NS  (60 * NS_PER_S)

static int64_t look_ns(const struct tail_input *conf)
{
    int64_t part_ns = conf->delete_grace_ns / 16;
    return part_ns < LOOK_FIRST_NS  ? LOOK_FIRST_NS
           : part_ns > LOOK_LAST_NS ? LOOK_LAST_NS
                                    : part_ns;
}

static bool is_left_alone(const struct file *file)
{
    struct stat st;
    bool is_read = file->gzip ? file->is_ended : true;
    if (fstat(file->fd, &st) < 0 || !is_read ||
        (!file->gzip && (uint64_t)st.st_size > file->src->offset))
        return false;
    int64_t since_ns = clock_wall_ns() - (st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec);
    if (since_ns < file->input->conf->delete_grace_ns)
        return false;
    return file->is_ended || lease_ask(file->fd) == LEASE_NO_WRITER;
}

static bool is_delivered(struct tail *tail, struct file *file)
{
    if (!file->end_mark)
        file->end_mark = tail->sink.mark(tail->sink.arg);
    return tail->sink.is_delivered(tail->sink.arg, file->end_mark);
}

/* It has no name any more: its end is proven as that of any deleted file, if it was not before. */
static void after_removal(struct tail *tail, struct file *file, const char *path)
{
    tail->stats.files_deleted++;
    log_info("tail", "%s: deleted, %llu bytes of it are delivered", path,
             (unsigned long long)file->src->offset);
    file->end_mark = 0;
    if (file->is_ended)
        file_close(tail, file);
    else
        file_displace(tail, file);
}

int64_t delete_if_due(struct tail *tail, struct file *file)
{
    struct err err;
    int64_t again_ns = look_ns(file->input->conf);
    if (!file->input->conf->delete_enabled || !file->name)
        return -1;
    if (loop_now(tail->loop) < file->probe_at_ns && !file->is_ended)
        return again_ns;
    if (!is_left_alone(file) || !is_delivered(tail, file) || !file_has_its_name(file)) {
        if (!file->is_rotated)
            file->probe_at_ns = loop_now(tail->loop) + again_ns;
        return again_ns;
    }
    char *path = mem_printf("%s/%s", file->dir->path, file->name);
    if (fs_unlink(path, &err)) {
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail", "delete.enabled: %s; tried again",
                    err.text);
        file->probe_at_ns = loop_now(tail->loop) + file->input->conf->delete_grace_ns;
    } else {
        after_removal(tail, file, path);
    }
    free(path);
    return again_ns;
}
