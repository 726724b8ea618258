/* pass.c: one pass over what is marked, and the clock while files grow; the story is told in tail.c. */
#include "follow.h"

#define TICK_NS (5 * NS_PER_MS)
enum { PASS_BUDGET_BYTES = 1024 * 1024, HOT_FILES_MAX = 16 };

/* ---- folders that are read by the clock ---- */

static size_t count_files(const struct tail *tail, const struct dir *dir)
{
    size_t n = 0;
    for (const struct file *file = tail->files; file; file = file->next)
        n += file->dir == dir;
    return n;
}

static void set_hot(struct tail *tail, struct dir *dir, bool is_hot)
{
    struct err err;
    if (dir->wd < 0 || dir->is_hot == is_hot)
        return;
    if (watch_dir(tail->watch, dir->path, !is_hot, &err) != dir->wd)
        dir->needs_scan =
            true; /* another folder has the path now: its files are found by the scan */
    dir->is_hot = is_hot;
    for (struct file *file = tail->files; file; file = file->next)
        if (file->dir == dir && !is_hot)
            file->is_ready = true;
}

/* ---- the pass ---- */

void scan_marked_dirs(struct tail *tail)
{
    bool is_all = tail->dirs != NULL; /* a file may have moved from one folder to another */
    for (struct dir *dir = tail->dirs; dir; dir = dir->next) {
        is_all &= dir->needs_scan;
        if (dir->needs_scan)
            discover_dir(tail, dir);
    }
    if (is_all)
        settle_sources(tail);
}

/* An older generation of the same log has bytes left: the younger waits, so that lines keep their order. */
static bool must_wait(const struct tail *tail, const struct file *file)
{
    for (const struct file *older = tail->files; older != file; older = older->next)
        if ((older->is_ready || older->has_failed) &&
            strcmp(older->src->path, file->src->path) == 0)
            return true;
    return false;
}

static void read_one(struct tail *tail, struct file *file)
{
    tail->has_new_data = false;
    enum read_result got = file_read(tail, file, PASS_BUDGET_BYTES);
    if (got == READ_AT_END || got == READ_FAILED)
        file->is_ready = false;
    file->has_failed = got == READ_FAILED;
    if (tail->has_new_data && file->dir && count_files(tail, file->dir) <= HOT_FILES_MAX)
        file->dir->has_grown = true;
}

bool read_marked_files(struct tail *tail)
{
    bool is_done = true;
    for (struct file *file = tail->files; file && !tail->is_blocked; file = file->next) {
        if (!file->is_ready || must_wait(tail, file))
            continue;
        read_one(tail, file);
        is_done &= !file->is_ready;
    }
    return is_done;
}

/* Returns when to ask again, -1 = no rotated file is open. */
int64_t look_for_ends(struct tail *tail)
{
    int64_t now = loop_now(tail->loop), wait = -1;
    for (struct file *file = tail->files, *next; file && !tail->is_blocked; file = next) {
        next = file->next;
        if (!file->is_rotated || file->is_ready || file_try_end(tail, file))
            continue;
        int64_t until = file->probe_at_ns > now ? file->probe_at_ns - now : 0;
        wait = wait < 0 || until < wait ? until : wait;
    }
    return wait;
}

/* Returns true while some folder is read by the clock. */
static bool settle_dirs(struct tail *tail)
{
    bool is_busy = false;
    for (struct dir *dir = tail->dirs; dir; dir = dir->next) {
        bool was_hot = dir->is_hot;
        set_hot(tail, dir, dir->has_grown);
        is_busy |= dir->has_grown || was_hot;
        dir->has_grown = false;
    }
    return is_busy;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

void tail_pass(void *arg)
{
    struct tail *tail = arg;
    scan_marked_dirs(tail);
    bool is_done = read_marked_files(tail);
    int64_t wait = look_for_ends(tail);
    wait = sooner(wait, rotate_where_due(tail));
    for (struct file *file = tail->files; file; file = file->next)
        if (file->has_failed)
            wait = sooner(wait, NS_PER_S);
    if (tail->is_blocked)
        return; /* tail_resume */
    if (settle_dirs(tail))
        wait = sooner(wait, TICK_NS);
    if (!is_done)
        loop_defer(tail->loop, &tail->work);
    else if (wait >= 0)
        loop_set_timer(tail->loop, &tail->tick, wait);
}

void tail_tick(void *arg)
{
    struct tail *tail = arg;
    for (struct file *file = tail->files; file; file = file->next)
        if (file->is_rotated || file->has_failed || (file->dir && file->dir->is_hot))
            file->is_ready = true;
    loop_defer(tail->loop, &tail->work);
}
