/* folders.c: what is in a folder: the look that backs up the kernel's events.
 *
 * Happy path: a folder that has not changed since its last look is not read again. Else each name that is not known is
 * discovered; what was known and is not there any more has lost its name, or, if it was not open, is let go.
 * Failure modes: a folder that cannot be listed keeps all its positions; one that could be listed only in part, or while
 * the spool is full, lets nothing go. A folder that stays away for a day lets its positions go.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/log.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#define AWAY_NS (24 * 3600 * NS_PER_S)
#define SETTLED_NS                                                                                 \
    NS_PER_S /* a change within the clock tick of a look may have been missed by it */

/* ---- one folder ---- */

void dir_mark_scan(struct tail *tail, struct dir *dir)
{
    if (dir->needs_scan || !dir->has_files)
        return;
    dir->needs_scan = true;
    list_put(&tail->to_scan, dir);
}

/* A source whose file is listed under any name is not forgotten. One that is open is not; its name is another matter. Returns
 * the source, NULL if it is none. */
static struct source *note_source(struct tail *tail, const struct dir *dir, const char *name)
{
    uint64_t ino;
    int64_t btime_ns;
    char *path = mem_printf("%s/%s", dir->path, name);
    struct source *src =
        birth_at(path, &ino, &btime_ns) ? NULL : tail->sink.by_birth(tail->sink.arg, ino, btime_ns);
    if (src && !src->file)
        src->scan_no = dir->scan_no;
    free(path);
    return src;
}

static bool is_as_known(struct tail *tail, struct dir *dir, const struct dirent *entry)
{
    struct file *file = file_by_name(tail, dir, entry->d_name);
    if (!file || file->src->id.ino != entry->d_ino)
        return false;
    file->src->scan_no = dir->scan_no;
    return true;
}

static void note_link(struct dir *dir, const struct dirent *entry)
{
    if (entry->d_type == DT_LNK)
        dir->has_links = true;
}

static void look_at_entry(struct tail *tail, struct dir *dir, const struct dirent *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return;
    if (entry->d_type == DT_DIR || is_as_known(tail, dir, entry))
        return;
    note_link(dir, entry);
    struct source *known = note_source(tail, dir, entry->d_name);
    if (!discover_name(tail, dir, entry->d_name) && known)
        discover_known(tail, dir, entry->d_name, known);
}

static void displace_missing(struct tail *tail, struct dir *dir)
{
    for (struct file *file = dir->files, *next; file; file = next) {
        next = file->next;
        if (file->name && file->src->scan_no != dir->scan_no)
            file_displace(tail, file);
    }
}

static int64_t mtime_of(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
}

/* Nothing in it was made, renamed or removed since the last complete look. */
static bool is_unchanged(const struct dir *dir, int64_t mtime_ns)
{
    return dir->is_listed && dir->is_trusted && !dir->has_links && !dir->has_refused &&
           mtime_ns == dir->mtime_ns && dir->listed_ns - mtime_ns > SETTLED_NS;
}

static void list_dir(struct tail *tail, struct dir *dir, DIR *stream)
{
    dir->scan_no = ++tail->scan_no;
    dir->has_links = dir->has_refused = false;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        look_at_entry(tail, dir, entry);
        errno = 0;
    }
    dir->is_listed = errno == 0 && !tail->is_blocked;
    if (dir->is_listed)
        displace_missing(tail, dir);
    tail->needs_settling = true;
}

static void scan_dir(struct tail *tail, struct dir *dir)
{
    int64_t mtime_ns = mtime_of(dir->path), now_ns = clock_wall_ns();
    if (is_unchanged(dir, mtime_ns))
        return;
    DIR *stream = opendir(dir->path);
    dir->is_listed = false;
    if (!stream)
        return; /* a folder that is away keeps its positions; the walk looks for it */
    list_dir(tail, dir, stream);
    closedir(stream);
    dir->mtime_ns = mtime_ns;
    dir->listed_ns = now_ns;
}

void scan_marked_dirs(struct tail *tail)
{
    size_t n = tail->to_scan.n; /* what is marked meanwhile has its turn in the next pass */
    for (size_t i = 0; i < n && i < tail->to_scan.n; i++) {
        struct dir *dir = tail->to_scan.at[i];
        dir->needs_scan = false;
        scan_dir(tail, dir);
    }
    list_drop_first(&tail->to_scan, n);
}

/* ---- sources that are nowhere ---- */

/* It is gone and is not open: nothing can be read from it again. */
static void let_go(struct tail *tail, struct source *src)
{
    struct err err;
    if (!(src->flags & SOURCE_ENDED)) {
        if (tail->sink.end(tail->sink.arg, src, END_VANISHED, 0, &err))
            return; /* asked again at the next look */
        tail->stats.lost_unknown++;
        stats_of(tail, input_of_source(tail, src))->lost_unknown++;
        log_warn(
            "tail",
            "%s: a file that was read to byte %llu is gone; what was written behind that is lost",
            src->path, (unsigned long long)src->offset);
    }
    source_forget(tail, src);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The last looks at all folders; sorted. Caller frees. */
static uint32_t *looks_now(const struct tail *tail, size_t *n)
{
    size_t cap = 0;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next)
        cap++;
    uint32_t *looks = mem_alloc((cap + 1) * sizeof *looks);
    *n = 0;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next)
        if (dir->scan_no > 0)
            looks[(*n)++] = dir->scan_no;
    qsort(looks, *n, sizeof *looks, compare_numbers);
    return looks;
}

static bool is_home_listed(const struct tail *tail, const struct source *src)
{
    const char *slash = strrchr(src->path, '/');
    if (!slash)
        return false;
    char *home = mem_printf("%.*s", slash == src->path ? 1 : (int)(slash - src->path), src->path);
    const struct dir *dir = dir_by_path(tail, home);
    free(home);
    return dir && dir->is_listed;
}

static bool may_be_there(const struct tail *tail, const struct source *src, const uint32_t *looks,
                         size_t n)
{
    if (src->file || bsearch(&src->scan_no, looks, n, sizeof *looks, compare_numbers))
        return true;
    const struct log *log = log_find(tail, src->path);
    if (log && log_has_suspects(tail, log))
        return true; /* perhaps its rest is in there */
    return !is_home_listed(tail, src) && src->scan_no >= tail->aged_scan_no;
}

/* Twice a day: what was in no look since the sweep before is let go, wherever its folder is. */
bool is_time_to_sweep(const struct tail *tail)
{
    return tail->swept_ns == 0 || loop_now(tail->loop) - tail->swept_ns >= AWAY_NS / 2;
}

static void sweep(struct tail *tail)
{
    if (!is_time_to_sweep(tail))
        return;
    tail->swept_ns = loop_now(tail->loop);
    tail->aged_scan_no = tail->swept_scan_no;
    tail->swept_scan_no = ++tail->scan_no;
}

void settle_sources(struct tail *tail)
{
    size_t n;
    uint32_t *looks = looks_now(tail, &n);
    sweep(tail);
    for (struct source *src = tail->sink.sources(tail->sink.arg), *next; src; src = next) {
        next = src->next;
        if (!may_be_there(tail, src, looks, n))
            let_go(tail, src);
    }
    tail->needs_settling = false;
    free(looks);
}
