/* tail.c: the folder's public face, and the pass over what needs reading.
 *
 * Happy path: an event marks a file or a folder and defers one pass; the pass looks at marked folders, reads marked files,
 * older generations first, looks for the end of rotated ones, and makes room where posta rotates.
 * While files grow they are read by the clock, every 5 ms, and the kernel is told to be silent about growth in that
 * folder (a wake-up for each write would cost more than the reading); renames and new files are still told at once.
 * When a tick finds nothing, growth is told again and everything is read once more, so nothing falls between.
 * Failure modes: lost events: all folders and files are looked at. No inotify: every folder is looked at by the clock.
 * The spool is full: reading stops, descriptors and positions stay, tail_resume goes on.
 * On close: descriptors are closed; positions are the spool's.
 */
#include "follow.h"

#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>

#define UNWATCHED_NS (250 * NS_PER_MS) /* folders without inotify */

/* ---- events ---- */

static struct dir *dir_by_wd(struct tail *tail, int wd)
{
    struct dir *dir = tail->dirs;
    while (dir && dir->wd != wd)
        dir = dir->next;
    return dir;
}

static void look_at_everything(struct tail *tail)
{
    for (struct dir *dir = tail->dirs; dir; dir = dir->next)
        dir->needs_scan = true;
    for (struct file *file = tail->files; file; file = file->next)
        file->is_ready = true;
}

static void name_gone(struct tail *tail, struct dir *dir, const char *name, uint32_t cookie)
{
    struct file *file = file_by_name(tail, dir, name);
    if (!file || file_has_its_name(file))
        return; /* not ours, or told late: another file went and this one has its name */
    file_displace(tail, file);
    tail->moved = (struct rename_half) {.cookie = cookie, .file = cookie ? file : NULL};
}

static void name_appeared(struct tail *tail, struct dir *dir, const char *name, uint32_t cookie)
{
    struct rename_half moved = tail->moved;
    struct file *had_it = file_by_name(tail, dir, name);
    tail->moved = (struct rename_half) {0};
    if (had_it && cookie && !file_has_its_name(had_it))
        file_displace(tail, had_it); /* renamed over */
    if (moved.file && cookie && moved.cookie == cookie && file_take_name(moved.file, dir, name))
        return;
    discover_name(tail, dir, name);
}

static void name_grew(struct tail *tail, struct dir *dir, const char *name, bool was_closed)
{
    struct file *file = file_by_name(tail, dir, name);
    if (!file) {
        discover_name(tail, dir, name);
        return;
    }
    file->is_ready = true;
    file->was_closed |= was_closed;
}

static void dir_gone(struct tail *tail, struct dir *dir)
{
    if (timer_is_set(&tail->rescan) && tail->rescan.at_ns > loop_now(tail->loop) + UNWATCHED_NS)
        loop_set_timer(tail->loop, &tail->rescan, UNWATCHED_NS); /* it may come back */
    dir->wd = -1;
    dir->is_hot = false;
    dir->needs_scan = true;
}

static void heard(void *arg, int wd, enum watch_event what, const char *name, uint32_t cookie)
{
    struct tail *tail = arg;
    struct dir *dir = dir_by_wd(tail, wd);
    loop_defer(tail->loop, &tail->work);
    if (what == WATCH_LOST) {
        tail->stats.overflows++;
        look_at_everything(tail);
        return;
    }
    if (!dir)
        return;
    switch (what) {
    case WATCH_APPEARED:
        name_appeared(tail, dir, name, cookie);
        break;
    case WATCH_GONE:
        name_gone(tail, dir, name, cookie);
        break;
    case WATCH_GREW:
    case WATCH_CLOSED:
        name_grew(tail, dir, name, what == WATCH_CLOSED);
        break;
    default:
        dir_gone(tail, dir);
    }
}

/* ---- the clock ---- */

static int64_t rescan_wait(const struct tail *tail)
{
    int64_t wait = INT64_MAX;
    for (const struct input *in = tail->inputs; in; in = in->next)
        if (in->conf->check_interval_ns < wait)
            wait = in->conf->check_interval_ns;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next)
        if (dir->wd < 0 && wait > UNWATCHED_NS)
            wait = UNWATCHED_NS;
    return wait;
}

static void rescan(void *arg)
{
    struct tail *tail = arg;
    discover_dirs(tail);
    look_at_everything(tail);
    loop_defer(tail->loop, &tail->work);
    loop_set_timer(tail->loop, &tail->rescan, rescan_wait(tail));
}

/* ---- the public face ---- */

int tail_new(struct tail **out, struct loop *loop, const struct tail_sink *sink, struct err *err)
{
    struct tail *tail = mem_zero(1, sizeof *tail);
    tail->loop = loop;
    tail->sink = *sink;
    tail->work = (struct loop_task) {.run = tail_pass, .arg = tail};
    tail->tick = (struct loop_timer) {.fire = tail_tick, .arg = tail};
    tail->rescan = (struct loop_timer) {.fire = rescan, .arg = tail};
    if (watch_new(&tail->watch, loop, heard, tail, err)) {
        log_warn("tail", "%s; folders are looked at by the clock, every %d ms", err->text,
                 (int)(UNWATCHED_NS / NS_PER_MS));
        tail->watch = NULL;
    }
    *out = tail;
    return 0;
}

static void free_input(struct input *in)
{
    pattern_free(in->patterns);
    for (size_t i = 0; i < in->n_excludes; i++)
        regex_free(in->excludes[i]);
    free(in->excludes);
    free(in);
}

void tail_free(struct tail *tail)
{
    if (!tail)
        return;
    while (tail->files)
        file_close(tail, tail->files);
    for (struct dir *dir = tail->dirs, *next; dir; dir = next) {
        next = dir->next;
        free(dir->path);
        free(dir);
    }
    for (struct input *in = tail->inputs, *next; in; in = next) {
        next = in->next;
        free_input(in);
    }
    loop_cancel_timer(tail->loop, &tail->tick);
    loop_cancel_timer(tail->loop, &tail->rescan);
    loop_drop_task(tail->loop, &tail->work);
    watch_free(tail->watch);
    buf_free(&tail->block);
    free(tail);
}

/* NULL and err if a path or pattern cannot be used. */
static struct input *parse_input(const struct tail_input *conf, struct err *err)
{
    struct input *in = mem_zero(1, sizeof *in);
    in->conf = conf;
    in->excludes = mem_zero(conf->exclude_files.n, sizeof *in->excludes);
    int rc = pattern_parse(&conf->paths, &in->patterns, err);
    for (size_t i = 0; i < conf->exclude_files.n && rc == 0; i++)
        if ((rc = regex_new(&in->excludes[i], conf->exclude_files.at[i], err)) == 0)
            in->n_excludes++;
    if (rc == 0)
        return in;
    free_input(in);
    err_wrap(err, "input '%s'", conf->id);
    return NULL;
}

int tail_check_input(const struct tail_input *conf, struct err *err)
{
    struct input *in = parse_input(conf, err);
    if (!in)
        return -1;
    free_input(in);
    return 0;
}

int tail_add_input(struct tail *tail, const struct tail_input *conf, struct err *err)
{
    struct input *in = parse_input(conf, err);
    if (!in)
        return -1;
    in->next = tail->inputs;
    tail->inputs = in;
    return 0;
}

int tail_start(struct tail *tail, bool once, struct err *err)
{
    (void)err; /* what is not there yet is looked for again */
    tail->once = once;
    discover_dirs(tail);
    scan_marked_dirs(tail);
    size_t n_dirs = 0;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next)
        n_dirs++;
    log_info("tail", "watching %zu folder%s, %llu file%s open", n_dirs, n_dirs == 1 ? "" : "s",
             (unsigned long long)tail->stats.files_open, tail->stats.files_open == 1 ? "" : "s");
    loop_defer(tail->loop, &tail->work);
    if (!once)
        loop_set_timer(tail->loop, &tail->rescan, rescan_wait(tail));
    return 0;
}

void tail_resume(struct tail *tail)
{
    if (!tail->is_blocked)
        return;
    tail->is_blocked = false;
    look_at_everything(tail);
    loop_defer(tail->loop, &tail->work);
}

/* In `once`, a file that nobody writes to is at its end: a last line without a newline counts. */
static void read_rests(struct tail *tail)
{
    for (struct file *file = tail->files; file; file = file->next)
        if (file_has_no_writer(file->fd))
            (void)file_read_rest(tail, file); /* a failed read is said and stays for the next run */
}

bool tail_read_to_end(struct tail *tail)
{
    for (struct file *file = tail->files; file; file = file->next)
        file->is_ready = true;
    scan_marked_dirs(tail);
    while (!tail->is_blocked && !read_marked_files(tail))
        continue;
    if (tail->is_blocked)
        return false;
    look_for_ends(tail);
    if (tail->once)
        read_rests(tail);
    return !tail->is_blocked;
}

const struct tail_stats *tail_stats(const struct tail *tail)
{
    return &tail->stats;
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct tail_stats, field), text                                \
    }
const struct stat_row tail_stat_rows[] = {
    ROW(files_open, "files", "files open now"),
    ROW(files_found, "files", "files found since the start"),
    ROW(bytes_read, "bytes", "bytes taken from files"),
    ROW(chunks, "chunks", "runs of lines handed on"),
    ROW(rotations, "files", "followed files that got another name, were replaced or deleted"),
    ROW(rotations_made, "files", "of these, renamed by posta itself"),
    ROW(truncations, "files", "files cut to a smaller size or rewritten"),
    ROW(ends_proven, "files", "generations read to an end that no writer had open any more"),
    ROW(ends_assumed, "files", "generations whose end was taken from silence"),
    ROW(lost_unknown, "times", "losses whose size cannot be known"),
    ROW(overflows, "times", "the kernel dropped file events"),
    ROW(read_errors, "times", "reads that failed"),
    {0},
};
