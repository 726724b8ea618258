/* pass.c: one pass over what is marked, and the clock while files grow; the story is told in tail.c. What is not marked costs
 * nothing, however much of it there is. */
#include "follow.h"

#define TICK_NS        (4 * NS_PER_MS) /* two fit in the usual linger: a batch has the lines of two */
#define RETRY_NS       (1 * NS_PER_S)
#define FAILED_WAIT_NS (60 * NS_PER_S)
enum { PASS_BUDGET_BYTES = 1024 * 1024, HOT_FILES_MAX = 16 };

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* ---- folders that are read by the clock ---- */

static void mark_files(struct tail *tail, struct dir *dir)
{
    for (struct file *file = dir->files; file; file = file->next)
        file_mark_ready(tail, file);
}

static void set_hot(struct tail *tail, struct dir *dir, bool is_hot)
{
    struct err err;
    if (dir->wd < 0 || dir->is_hot == is_hot)
        return;
    if (watch_dir(tail->watch, dir->path, !is_hot, &err) != dir->wd)
        tail->needs_walk = true; /* another folder has the path now */
    dir->is_hot = is_hot;
    if (!is_hot)
        mark_files(tail, dir);
}

/* Few enough files to look at all of them at each tick. */
static void note_growth(struct tail *tail, struct dir *dir)
{
    if (!dir || dir->n_files > HOT_FILES_MAX)
        return;
    dir->has_grown = true;
    if (!dir->is_active)
        list_put(&tail->active, dir);
    dir->is_active = true;
}

/* Returns true while some folder is read by the clock. */
static bool settle_dirs(struct tail *tail)
{
    bool is_busy = false;
    for (size_t i = tail->active.n; i-- > 0;) {
        struct dir *dir = tail->active.at[i];
        bool was_hot = dir->is_hot;
        set_hot(tail, dir, dir->has_grown);
        is_busy |= dir->has_grown || was_hot;
        dir->is_active = dir->has_grown;
        dir->has_grown = false;
        if (!dir->is_active)
            list_drop(&tail->active, dir);
    }
    return is_busy;
}

/* ---- reading ---- */

/* One that cannot be read for so long is waited for no more; it is tried again all the same. */
static bool is_given_up(const struct tail *tail, const struct file *file)
{
    return loop_now(tail->loop) - file->last_data_ns >= FAILED_WAIT_NS;
}

/* An older generation of the same log has bytes left: the younger waits, so that lines keep their order. */
static bool must_wait(const struct tail *tail, const struct file *file)
{
    for (const struct file *older = file->log->oldest; older != file; older = older->younger)
        if (older->is_ready || (older->has_failed && !is_given_up(tail, older)))
            return true;
    return tail->suspects.n > 0 && file_awaits_suspect(tail, file);
}

/* Returns true if it may have more. */
static bool read_one(struct tail *tail, struct file *file)
{
    tail->has_new_data = false;
    enum read_result got = file_read(tail, file, PASS_BUDGET_BYTES);
    file->has_failed = got == READ_FAILED;
    if (file->has_failed)
        file_mark_timed(tail, file);
    if (tail->has_new_data)
        note_growth(tail, file->dir);
    if (file->owned)
        file_mark_timed(tail, file); /* for make_room */
    file->is_ready = got == READ_MORE || got == READ_LATER || got == READ_BLOCKED;
    return file->is_ready;
}

/* An older one may have been read after a younger that waited for it. */
static bool may_one_go_on(const struct tail *tail)
{
    for (size_t i = 0; i < tail->ready.n && !tail->is_blocked; i++)
        if (!must_wait(tail, tail->ready.at[i]))
            return true;
    return false;
}

/* Those with more to read stay in the list, in order; so do those that are marked meanwhile. True when none can go on. */
bool read_marked_files(struct tail *tail)
{
    struct list todo = tail->ready;
    tail->ready = (struct list) {0};
    for (size_t i = 0; i < todo.n; i++) {
        struct file *file = todo.at[i];
        if (tail->is_blocked || must_wait(tail, file) || read_one(tail, file))
            list_put(&tail->ready, file);
    }
    list_free(&todo);
    return !may_one_go_on(tail);
}

/* ---- what the clock looks at: rotated files, failed reads, room to be made ---- */

static int64_t until_probe(const struct tail *tail, const struct file *file)
{
    int64_t now = loop_now(tail->loop);
    return file->probe_at_ns > now ? file->probe_at_ns - now : 0;
}

/* While the spool is full only what needs no room there can end. */
static bool may_end(const struct tail *tail, const struct file *file)
{
    struct stat st;
    if (!file->is_rotated || file->is_ended)
        return file->is_ended;
    if (!tail->is_blocked)
        return !file->is_ready;
    return !file->gzip && fstat(file->fd, &st) == 0 && (uint64_t)st.st_size <= file->src->offset;
}

/* Returns after how many ns to ask again, -1 = no rotated file is open. */
int64_t look_for_ends(struct tail *tail)
{
    int64_t wait = -1;
    for (size_t i = tail->timed.n; i-- > 0;) {
        struct file *file = tail->timed.at[i];
        if (!may_end(tail, file) || file_try_end(tail, file))
            continue;
        if (!file->is_ended) /* else tail_marks_moved */
            wait = sooner(wait, until_probe(tail, file));
    }
    return wait;
}

static bool needs_clock(const struct tail *tail, const struct file *file)
{
    bool is_held = file->owned && (file->owned->mark != 0 ||
                                   (tail->is_blocked && file->input->conf->rotation_limit > 0));
    return file->is_rotated || file->has_failed || file->is_due || file->is_ended || is_held ||
           file->input->conf->delete_enabled;
}

/* Room is made where files were read in this pass or wait for it. */
static int64_t make_room(struct tail *tail)
{
    int64_t wait = -1;
    for (size_t i = tail->timed.n; i-- > 0;) {
        struct file *file = tail->timed.at[i];
        if (file->has_failed)
            wait = sooner(wait, RETRY_NS);
        wait = sooner(wait, rotate_if_due(tail, file));
        wait = sooner(wait, reclaim_if_due(tail, file));
        wait = sooner(wait, hold_below_limit(tail, file));
        bool needs_it = needs_clock(tail, file);
        wait = sooner(wait, delete_if_due(tail, file)); /* the file may be closed now */
        if (needs_it || i >= tail->timed.n || tail->timed.at[i] != file)
            continue;
        file->is_timed = false;
        list_drop(&tail->timed, file);
    }
    return wait;
}

/* ---- the pass ---- */

static void look_at_folders(struct tail *tail)
{
    if (tail->needs_walk)
        walk_patterns(tail);
    scan_marked_dirs(tail);
    if (!tail->is_full_look || tail->to_scan.n > 0 || tail->needs_walk)
        return;
    tail->is_full_look = false;
    if (tail->needs_settling && !tail->is_blocked)
        settle_sources(tail);
}

void tail_pass(void *arg)
{
    struct tail *tail = arg;
    look_at_folders(tail);
    bool is_done = read_marked_files(tail);
    int64_t wait = look_for_ends(tail);
    wait = sooner(wait, suspects_look(tail));
    wait = sooner(wait, make_room(tail));
    if (!tail->is_blocked && settle_dirs(tail))
        wait = sooner(wait, TICK_NS);
    if (!tail->is_blocked && (!is_done || tail->to_scan.n > 0 || tail->needs_walk))
        loop_defer(tail->loop, &tail->work);
    else if (wait >= 0)
        loop_set_timer(tail->loop, &tail->tick, wait);
}

void tail_tick(void *arg)
{
    struct tail *tail = arg;
    for (size_t i = 0; i < tail->timed.n; i++) {
        struct file *file = tail->timed.at[i];
        if (file->is_rotated || file->has_failed)
            file_mark_ready(tail, file);
    }
    for (size_t i = 0; i < tail->active.n; i++)
        mark_files(tail, tail->active.at[i]);
    loop_defer(tail->loop, &tail->work);
}
