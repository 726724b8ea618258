/* walk.c: patterns → folders. Every folder on the way is watched, so that a new one is followed at once.
 *
 * Happy path: each pattern's folders are walked level by level; a folder with files of an input gets all events, one that only
 * leads to others those of folders. A change among folders, or a mount, defers another walk.
 * Failure modes: the path is not there (yet): the nearest folder above it is watched. Another folder is mounted over one or
 * took its name: it is watched anew and looked at. No watch is left: that folder is looked at by the clock. Links to folders
 * are followed where the path names them; where a wildcard meets them, only with prospector.scanner.symlinks.
 * On close: folders that no walk comes by any more go when their last file does.
 */
#include "follow.h"

#include <posta/bytes.h>
#include <posta/log.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/vfs.h>

/* ---- the folders known ---- */

static bool has_path(const void *item, const void *path)
{
    return strcmp(((const struct dir *)item)->path, path) == 0;
}

struct dir *dir_by_path(const struct tail *tail, const char *path)
{
    return table_find(&tail->dirs_by_path, hash64(path, strlen(path)), has_path, path);
}

static bool has_wd(const void *item, const void *wd)
{
    return ((const struct dir *)item)->wd == *(const int *)wd;
}

struct dir *dir_by_wd(const struct tail *tail, int wd)
{
    return table_find(&tail->dirs_by_wd, (uint64_t)wd, has_wd, &wd);
}

static struct dir *dir_new(struct tail *tail, const char *path)
{
    struct dir *dir = mem_zero(1, sizeof *dir);
    dir->path = mem_dup(path);
    dir->wd = -1;
    dir->next = tail->dirs;
    if (tail->dirs)
        tail->dirs->prev = dir;
    tail->dirs = dir;
    table_put(&tail->dirs_by_path, hash64(path, strlen(path)), dir);
    return dir;
}

void dir_unwatch(struct tail *tail, struct dir *dir)
{
    if (dir->wd >= 0)
        table_drop(&tail->dirs_by_wd, (uint64_t)dir->wd, dir);
    dir->wd = -1;
    dir->is_hot = false;
}

void dir_free(struct tail *tail, struct dir *dir)
{
    watch_drop(tail->watch, dir->wd);
    dir_unwatch(tail, dir);
    table_drop(&tail->dirs_by_path, hash64(dir->path, strlen(dir->path)), dir);
    list_drop(&tail->to_scan, dir);
    list_drop(&tail->active, dir);
    suspects_leave_dir(tail, dir);
    if (dir->prev)
        dir->prev->next = dir->next;
    else
        tail->dirs = dir->next;
    if (dir->next)
        dir->next->prev = dir->prev;
    if (tail->look_at == dir)
        tail->look_at = dir->next;
    free(dir->path);
    free(dir);
}

/* ---- watching ---- */

/* Local file systems whose every change inotify tells. On others (network, FUSE) somebody else may write. */
static bool tells_all(const char *path)
{
    static const uint32_t types[] = {0x01021994 /* tmpfs */,  0x858458f6 /* ramfs */,
                                     0xef53 /* ext2, 3, 4 */, 0x58465342 /* xfs */,
                                     0x9123683e /* btrfs */,  0x794c7630 /* overlayfs */,
                                     0xf2f52010 /* f2fs */,   0x2fc12fc1 /* zfs */};
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((uint32_t)fs.f_type == types[i])
            return true;
    return false;
}

static void start_watch(struct tail *tail, struct dir *dir)
{
    struct err err;
    int wd = watch_dir(tail->watch, dir->path, dir->has_files, &err);
    struct dir *same = wd >= 0 ? dir_by_wd(tail, wd) : NULL;
    if (same && same != dir)
        wd = -1; /* the same folder by another name: looked at by the clock */
    if (wd >= 0 && !same)
        table_put(&tail->dirs_by_wd, (uint64_t)wd, dir);
    dir->wd = wd;
    if (wd < 0 && !same && err.kind != ERR_GONE)
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                    "%s; it is looked at by the clock instead", err.text);
}

/* Returns true if it is not the folder that it was. */
static bool is_another(struct tail *tail, struct dir *dir, const struct stat *st)
{
    bool is_other = dir->ino != 0 && (dir->dev != st->st_dev || dir->ino != st->st_ino);
    if (is_other) {
        watch_drop(tail->watch, dir->wd);
        dir_unwatch(tail, dir);
    }
    dir->dev = st->st_dev;
    dir->ino = st->st_ino;
    return is_other;
}

/* A walk came by a folder. */
static void visit(struct tail *tail, const char *path, const struct stat *st, bool has_files)
{
    struct dir *dir = dir_by_path(tail, path);
    bool is_new = !dir;
    if (is_new)
        dir = dir_new(tail, path);
    bool was_passage_only = !dir->has_files;
    dir->walk_no = tail->walk_no;
    dir->has_files |= has_files;
    bool is_other = is_another(tail, dir, st);
    if (tail->watch && (dir->wd < 0 || (has_files && was_passage_only)))
        start_watch(tail, dir);
    if (is_new || is_other) {
        dir->is_trusted = tells_all(path);
        dir->is_late = tail->is_started;
    }
    if (has_files && (is_new || is_other || was_passage_only))
        dir_mark_scan(tail, dir);
}

/* ---- walking ---- */

static bool is_folder(const char *path, bool may_be_link, struct stat *st)
{
    return (may_be_link ? stat(path, st) : lstat(path, st)) == 0 && S_ISDIR(st->st_mode);
}

/* So that it is noticed when what is looked for comes. */
static void watch_nearest(struct tail *tail, const char *missing)
{
    struct stat st;
    char *path = mem_dup(missing);
    for (char *slash; (slash = strrchr(path, '/'));) {
        slash[slash == path] = '\0';
        if (is_folder(path, true, &st)) {
            visit(tail, path, &st, false /* only on the way */);
            break;
        }
        if (slash == path)
            break;
    }
    free(path);
    log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                "folder %s is not there (yet); its coming is watched for", missing);
}

static void walk(struct tail *tail, const struct input *in, const struct pattern *pat,
                 const char *path, size_t level);

static void walk_matches(struct tail *tail, const struct input *in, const struct pattern *pat,
                         const char *path, size_t level)
{
    struct stat st;
    DIR *stream = opendir(path);
    if (!stream)
        return; /* gone again, or not allowed: looked at with the next walk */
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
            continue;
        if (!pattern_level_matches(pat, level, entry->d_name))
            continue;
        char *child = mem_printf("%s/%s", strcmp(path, "/") == 0 ? "" : path, entry->d_name);
        if (is_folder(child, in->conf->symlinks, &st))
            walk(tail, in, pat, child, level + 1);
        free(child);
    }
    closedir(stream);
}

static void walk(struct tail *tail, const struct input *in, const struct pattern *pat,
                 const char *path, size_t level)
{
    struct stat st;
    bool is_last = level == pat->n_levels;
    if (!is_folder(path, true, &st)) {
        if (level == 0)
            watch_nearest(tail, path);
        return;
    }
    visit(tail, path, &st, is_last);
    if (!is_last)
        walk_matches(tail, in, pat, path, level);
}

/* The folder has another name: its files are read to their ends. */
static void displace_gone(struct tail *tail, struct dir *dir)
{
    for (struct file *file = dir->files; file; file = file->next)
        if (file->name && !file_has_its_name(file))
            file_displace(tail, file);
}

/* A folder that no pattern leads to any more, and that has no open file, is let go. */
static void drop_unvisited(struct tail *tail)
{
    for (struct dir *dir = tail->dirs, *next; dir; dir = next) {
        next = dir->next;
        if (dir->walk_no == tail->walk_no)
            continue;
        tail->needs_settling = true;
        dir->is_listed = false;
        displace_gone(tail, dir);
        if (!dir->files)
            dir_free(tail, dir);
    }
}

void walk_patterns(struct tail *tail)
{
    tail->needs_walk = false;
    tail->walk_no++;
    for (struct input *in = tail->inputs; in; in = in->next)
        for (struct pattern *pat = in->patterns; pat; pat = pat->next)
            walk(tail, in, pat, pat->root, 0);
    drop_unvisited(tail);
}
