/* folders.c: whole folders: finding them by the patterns, and what is in them.
 *
 * Happy path: each name that is not known yet is discovered; what was known and is not there any more has lost its name, or,
 * if it was not open, is let go.
 * Failure modes: a folder that cannot be listed keeps all its positions; one that could be listed only in part, or while
 * the spool is full, lets nothing go.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/log.h>

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>

/* A source whose inode is still listed under any name is not forgotten. */
static void mark_sources(struct tail *tail, const struct dir *dir, const struct dirent *entry)
{
    int64_t born_ns = -2;
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next) {
        if (src->id.ino != entry->d_ino)
            continue;
        if (born_ns == -2) {
            char *path = mem_printf("%s/%s", dir->path, entry->d_name);
            born_ns = birth_of(path);
            free(path);
        }
        if (born_ns <= 0 || !src->id.btime_ns || born_ns == src->id.btime_ns)
            src->scan_no = dir->scan_no;
    }
}

static bool is_as_known(struct tail *tail, struct dir *dir, const struct dirent *entry)
{
    struct file *file = file_by_name(tail, dir, entry->d_name);
    if (!file || file->src->id.ino != entry->d_ino)
        return false;
    file->scan_no = dir->scan_no;
    return true;
}

static bool is_in_dir(const struct source *src, const struct dir *dir)
{
    size_t len = strlen(dir->path);
    return strncmp(src->path, dir->path, len) == 0 && src->path[len] == '/' &&
           !strchr(src->path + len + 1, '/');
}

static bool is_followed(const struct tail *tail, const struct source *src)
{
    for (const struct file *file = tail->files; file; file = file->next)
        if (file->src == src)
            return true;
    return false;
}

/* Its file is not in the folder any more and is not open: nothing can be read from it again. */
static void let_go(struct tail *tail, struct source *src)
{
    struct err err;
    if (!(src->flags & SOURCE_ENDED)) {
        if (tail->sink.end(tail->sink.arg, src, END_VANISHED, &err))
            return; /* asked again at the next look */
        tail->stats.lost_unknown++;
        log_warn(
            "tail",
            "%s: a file that was read to byte %llu is gone; what was written behind that is lost",
            src->path, (unsigned long long)src->offset);
    }
    tail->sink.forget(tail->sink.arg, src);
}

static void displace_missing(struct tail *tail, struct dir *dir)
{
    for (struct file *file = tail->files; file; file = file->next)
        if (file->dir == dir && file->name && file->scan_no != dir->scan_no)
            file_displace(tail, file);
}

/* It was listed somewhere, or its own folder could not be listed whole. */
static bool may_be_there(const struct tail *tail, const struct source *src)
{
    bool is_home_listed = false;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next) {
        if (dir->scan_no == src->scan_no && dir->scan_no > 0)
            return true;
        is_home_listed |= dir->is_listed && is_in_dir(src, dir);
    }
    return !is_home_listed;
}

void settle_sources(struct tail *tail)
{
    for (struct source *src = tail->sink.sources(tail->sink.arg), *next; src; src = next) {
        next = src->next;
        if (!may_be_there(tail, src) && !is_followed(tail, src))
            let_go(tail, src);
    }
}

void discover_dir(struct tail *tail, struct dir *dir)
{
    DIR *stream = opendir(dir->path);
    dir->is_listed = false;
    if (!stream)
        return; /* a folder that is away keeps its positions; discover_dirs looks for it */
    dir->needs_scan = false;
    dir->scan_no = ++tail->scan_no;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        mark_sources(tail, dir, entry);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_as_known(tail, dir, entry))
            discover_name(tail, dir, entry->d_name);
        errno = 0;
    }
    bool is_complete = errno == 0;
    closedir(stream);
    dir->is_listed = is_complete && !tail->is_blocked;
    if (dir->is_listed)
        displace_missing(tail, dir);
}

static struct dir *dir_by_path(struct tail *tail, const char *path)
{
    struct dir *dir = tail->dirs;
    while (dir && strcmp(dir->path, path) != 0)
        dir = dir->next;
    return dir;
}

static void add_dir(struct tail *tail, const char *path)
{
    struct dir *dir = dir_by_path(tail, path);
    if (!dir) {
        dir = mem_zero(1, sizeof *dir);
        dir->path = mem_dup(path);
        dir->wd = -1;
        dir->next = tail->dirs;
        tail->dirs = dir;
    }
    dir->needs_scan = true;
    struct err err;
    if (dir->wd >= 0 || !tail->watch)
        return;
    dir->wd = watch_dir(tail->watch, path, true, &err);
    for (const struct dir *other = tail->dirs; other; other = other->next)
        if (other != dir && dir->wd >= 0 && other->wd == dir->wd) {
            dir->wd = -1; /* the same folder by another name: looked at by the clock */
            return;
        }
    if (dir->wd < 0 && err.kind != ERR_GONE)
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                    "%s; it is looked at by the clock instead", err.text);
}

void discover_dirs(struct tail *tail)
{
    for (struct input *in = tail->inputs; in; in = in->next)
        for (struct pattern *pat = in->patterns; pat; pat = pat->next) {
            glob_t found;
            if (glob(pat->dir, GLOB_NOSORT | GLOB_ONLYDIR, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++)
                    add_dir(tail, found.gl_pathv[i]);
            else if (!strpbrk(pat->dir, "*?["))
                log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                            "folder %s is not there (yet); looked for at each check_interval",
                            pat->dir);
            globfree(&found);
        }
}
