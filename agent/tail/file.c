/* file.c: the files that are open: in order of birth, by name, by identity; and what their names are now.
 *
 * Happy path: a file is followed from its source's position, loses its name when it is rotated, and is closed when its
 * end is proven.
 * Failure modes: inotify tells of a rename late, when another file has the name already: before a name is believed, the
 * folder is asked what it says now.
 * On close: file_close; the position stays in the registry.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/stat.h>

/* ---- finding ---- */

struct file *file_by_name(struct tail *tail, const struct dir *dir, const char *name)
{
    struct file *file = tail->files;
    while (file && !(file->dir == dir && file->name && strcmp(file->name, name) == 0))
        file = file->next;
    return file;
}

struct file *file_by_id(struct tail *tail, const struct file_id *id)
{
    struct file *file = tail->files;
    while (file && !file_id_equal(&file->src->id, id))
        file = file->next;
    return file;
}

/* ---- opening and closing ---- */

int64_t source_born_ns(const struct source *src)
{
    return src->id.btime_ns ? src->id.btime_ns : src->first_seen_ns;
}

/* Older generations come first, so that the lines of one log keep their order. */
static bool is_older(const struct source *a, const struct source *b)
{
    if (source_born_ns(a) != source_born_ns(b))
        return source_born_ns(a) < source_born_ns(b);
    return a->no < b->no;
}

static void insert_file(struct tail *tail, struct file *file)
{
    struct file **at = &tail->files;
    while (*at && !is_older(file->src, (*at)->src))
        at = &(*at)->next;
    file->next = *at;
    *at = file;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void file_follow(struct tail *tail, struct dir *dir, const char *name, const struct input *input,
                 struct source *src, int fd)
{
    struct file *file = mem_zero(1, sizeof *file);
    file->src = src;
    file->input = input;
    file->dir = dir;
    file->name = mem_dup(name);
    file->fd = fd;
    file->is_ready = true;
    file->is_rotated = strcmp(name, base_name(src->path)) != 0;
    file->was_closed = true; /* it may have been, before we came */
    file->scan_no = dir->scan_no;
    file->last_data_ns = loop_now(tail->loop);
    insert_file(tail, file);
    tail->stats.files_open++;
    log_info("tail", "%s/%s: following from byte %llu%s", dir->path, name,
             (unsigned long long)src->offset, file->is_rotated ? " (rotated)" : "");
}

void file_close(struct tail *tail, struct file *file)
{
    struct file **at = &tail->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    if (tail->moved.file == file)
        tail->moved.file = NULL;
    (void)fs_close(file->fd); /* read-only */
    free(file->name);
    free(file);
    tail->stats.files_open--;
}

void file_displace(struct tail *tail, struct file *file)
{
    free(file->name);
    file->name = NULL;
    file->is_ready = true;
    if (!file->is_rotated)
        tail->stats.rotations++;
    file->is_rotated = true;
    file->rotated_at_ns = loop_now(tail->loop);
    file->probe_at_ns = 0;
    file->probe_wait_ns = 0;
}

/* ---- names ---- */

/* inotify tells what was; this asks what is. */
bool file_has_its_name(const struct file *file)
{
    struct stat now, held;
    if (!file->name || !file->dir)
        return false;
    char *path = mem_printf("%s/%s", file->dir->path, file->name);
    bool is_same = stat(path, &now) == 0 && fstat(file->fd, &held) == 0 &&
                   now.st_ino == held.st_ino && now.st_dev == held.st_dev;
    free(path);
    return is_same;
}

bool file_take_name(struct file *file, struct dir *dir, const char *name)
{
    file->name = mem_dup(name);
    file->dir = dir;
    if (file_has_its_name(file))
        return true;
    free(file->name);
    file->name = NULL;
    return false;
}

void file_note_name(struct tail *tail, struct file *file, struct dir *dir, const char *name)
{
    file->scan_no = dir->scan_no;
    if (file->name && file->dir == dir && strcmp(file->name, name) == 0)
        return;
    if (file_has_its_name(file))
        return; /* a second name; the first one is as good */
    file_displace(tail, file);
    file->name = mem_dup(name);
    file->dir = dir;
}
