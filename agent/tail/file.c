/* file.c: the files that are open: their place in folder, log and lists, from the first byte to the proven end.
 *
 * Happy path: a file is followed from its source's position, is in `ready` while there may be bytes in it and in `timed`
 * while the clock has to look at it, loses its name when it is rotated, and is closed when its end is proven.
 * Failure modes: none here.
 * On close: file_close; the position stays in the registry.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>

/* ---- in its log: older generations come first, so that the lines of one log keep their order ---- */

static bool is_older(const struct source *a, const struct source *b)
{
    if (source_born_ns(a) != source_born_ns(b))
        return source_born_ns(a) < source_born_ns(b);
    return a->no < b->no;
}

static void join_log(struct tail *tail, struct file *file)
{
    file->log = log_of(tail, file->src->path);
    struct file **at = &file->log->oldest;
    while (*at && !is_older(file->src, (*at)->src))
        at = &(*at)->younger;
    file->younger = *at;
    *at = file;
}

static void leave_log(struct tail *tail, struct file *file)
{
    struct file **at = &file->log->oldest;
    while (*at != file)
        at = &(*at)->younger;
    *at = file->younger;
    log_let_go(tail, file->log);
}

void file_put_before(struct file *file, struct file *younger)
{
    struct file **at = &file->log->oldest;
    while (*at != file)
        at = &(*at)->younger;
    *at = file->younger;
    at = &younger->log->oldest;
    while (*at != younger)
        at = &(*at)->younger;
    file->younger = younger;
    *at = file;
}

/* ---- in the lists ---- */

static bool has_grown(const struct file *file)
{
    struct stat st;
    return !file->gzip && fstat(file->fd, &st) == 0 && (uint64_t)st.st_size != file->src->offset;
}

void file_mark_ready(struct tail *tail, struct file *file)
{
    if (file->is_ended &&
        has_grown(file)) { /* after an end that was assumed, or under its name again */
        file->is_ended = false;
        file->end_mark = 0;
    }
    if (file->is_ready || file->is_ended)
        return;
    file->is_ready = true;
    list_put(&tail->ready, file);
    loop_defer(tail->loop, &tail->work);
}

void file_mark_timed(struct tail *tail, struct file *file)
{
    if (file->is_timed)
        return;
    file->is_timed = true;
    list_put(&tail->timed, file);
}

/* ---- opening and closing ---- */

static bool makes_room(const struct tail_input *conf)
{
    return conf->rotation_mode != ROTATION_EXTERNAL;
}

/* Where growth is read by the clock they may have lines that were not told of; those come first. */
static void mark_older(struct tail *tail, const struct file *file)
{
    for (struct file *older = file->log->oldest; older != file; older = older->younger)
        file_mark_ready(tail, older);
}

struct file *file_follow(struct tail *tail, struct dir *dir, const char *name,
                         const struct input *input, struct source *src, int fd, struct gzip *gzip)
{
    struct file *file = mem_zero(1, sizeof *file);
    *file = (struct file) {.src = src, .input = input, .fd = fd, .wd = -1, .gzip = gzip};
    src->file = file;
    file->owned = makes_room(input->conf) ? mem_zero(1, sizeof *file->owned) : NULL;
    file->was_closed = true; /* it may have been, before we came */
    src->scan_no = dir->scan_no;
    file->seen_bytes = src->offset;
    file->last_data_ns = loop_now(tail->loop);
    join_log(tail, file);
    mark_older(tail, file);
    file_set_name(tail, file, dir, name);
    file->is_rotated |= gzip || file->name != base_name(src->path);
    file->rotated_at_ns = loop_now(tail->loop);
    file_watch_itself(tail, file);
    file_mark_ready(tail, file);
    if (file->is_rotated || input->conf->delete_enabled)
        file_mark_timed(tail, file);
    tail->stats.files_open++;
    stats_of(tail, input)->files_open++;
    stats_of(tail, input)->files_followed++;
    log_info("tail", "%s/%s: following from byte %llu%s", dir->path, name,
             (unsigned long long)src->offset, file->is_rotated ? " (rotated)" : "");
    return file;
}

void file_close(struct tail *tail, struct file *file)
{
    if (file->is_ready)
        list_drop(&tail->ready, file);
    if (file->is_timed)
        list_drop(&tail->timed, file);
    file_set_name(tail, file, NULL, NULL);
    file_leave_dir(tail, file);
    file_unwatch_itself(tail, file);
    leave_log(tail, file);
    if (tail->moved.file == file)
        tail->moved.file = NULL;
    file->src->file = NULL;
    (void)fs_close(file->fd); /* read-only */
    gzip_free(file->gzip);
    tail->stats.over_limit -= file->owned && file->owned->is_over;
    stats_of(tail, file->input)->files_open--;
    free(file->owned);
    free(file);
    tail->stats.files_open--;
}

void file_displace(struct tail *tail, struct file *file)
{
    file_set_name(tail, file, file->dir, NULL);
    file_mark_ready(tail, file);
    file_mark_timed(tail, file);
    if (!file->is_rotated) {
        tail->stats.rotations++;
        stats_of(tail, file->input)->rotations++;
    }
    file->is_rotated = true;
    file->rotated_at_ns = loop_now(tail->loop);
    file->probe_at_ns = 0;
    file->probe_wait_ns = 0;
}

struct file *file_after(const struct tail *tail, const struct file *file)
{
    if (file && file->next)
        return file->next;
    const struct dir *dir = !file ? &tail->homeless : file->dir ? file->dir->next : tail->dirs;
    while (dir && !dir->files)
        dir = dir == &tail->homeless ? tail->dirs : dir->next;
    return dir ? dir->files : NULL;
}
