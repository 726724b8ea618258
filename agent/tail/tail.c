/* tail.c: the folder's public face: how it starts and ends, and its counters.
 *
 * Happy path: an event marks a file or a folder and defers one pass (pass.c); the pass walks the patterns if folders came or
 * went, looks at marked folders, reads marked files, older generations first, looks for the end of rotated ones, and makes
 * room where posta rotates.
 * While files grow they are read by the clock, every 4 ms, and the kernel is told to be silent about growth in that
 * folder (a wake-up for each write would cost more than the reading); renames and new files are still told at once.
 * When a tick finds nothing, growth is told again and everything in the folder is read once more, so nothing falls between.
 * Failure modes: lost events: all folders and files are looked at. No inotify, or a file system that others may write to
 * unseen: the folder is looked at by the clock, four times a second. Each check_interval all folders are looked at that have
 * changed, and some of the quiet files by turns. The spool is full: reading stops, descriptors and positions stay,
 * tail_resume goes on.
 * On close: descriptors are closed; positions are the spool's.
 */
#include "follow.h"

#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* One descriptor a file: as many as the system lets posta have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_debug("tail", "the limit of open files stays as it is");
}

static int64_t coarse_wall_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int tail_new(struct tail **out, struct loop *loop, const struct tail_sink *sink, struct err *err)
{
    struct tail *tail = mem_zero(1, sizeof *tail);
    tail->loop = loop;
    tail->sink = *sink;
    tail->homeless.wd = -1;
    tail->work = (struct loop_task) {.run = tail_pass, .arg = tail};
    tail->tick = (struct loop_timer) {.fire = tail_tick, .arg = tail};
    tail->rescan = (struct loop_timer) {.fire = tail_rescan, .arg = tail};
    tail->poll = (struct loop_timer) {.fire = tail_poll, .arg = tail};
    tail->doubt = (struct loop_timer) {.fire = lost_look, .arg = tail};
    raise_file_limit();
    if (watch_new(&tail->watch, loop, tail_heard, tail, err)) {
        log_warn("tail", "%s; folders are looked at by the clock, every %d ms", err->text,
                 (int)(TAIL_POLL_NS / NS_PER_MS));
        tail->watch = NULL;
    } else {
        watch_mounts(tail->watch);
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

static void free_tables(struct tail *tail)
{
    table_free(&tail->dirs_by_path);
    table_free(&tail->dirs_by_wd);
    table_free(&tail->files_by_name);
    table_free(&tail->files_by_wd);
    table_free(&tail->logs);
    list_free(&tail->ready);
    list_free(&tail->timed);
    list_free(&tail->to_scan);
    list_free(&tail->active);
    list_free(&tail->doubts);
}

static void free_inputs(struct tail *tail)
{
    for (struct input *in = tail->inputs, *next; in; in = next) {
        next = in->next;
        free_input(in);
    }
}

void tail_free(struct tail *tail)
{
    if (!tail)
        return;
    suspects_free(tail);
    refused_free(tail);
    for (struct dir *dir = &tail->homeless; dir;
         dir = dir == &tail->homeless ? tail->dirs : dir->next)
        while (dir->files)
            file_close(tail, dir->files);
    while (tail->dirs)
        dir_free(tail, tail->dirs);
    logs_free(tail);
    free_inputs(tail);
    loop_cancel_timer(tail->loop, &tail->tick);
    loop_cancel_timer(tail->loop, &tail->rescan);
    loop_cancel_timer(tail->loop, &tail->poll);
    loop_cancel_timer(tail->loop, &tail->doubt);
    loop_drop_task(tail->loop, &tail->work);
    watch_free(tail->watch);
    buf_free(&tail->block);
    free(tail->by_input);
    free_tables(tail);
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
    struct input *in = parse_input(conf, err), **end = &tail->inputs;
    if (!in)
        return -1;
    while (*end)
        end = &(*end)->next;
    *end = in;
    in->no = tail->n_inputs++;
    tail->by_input = mem_grow(tail->by_input, tail->n_inputs, sizeof *tail->by_input);
    tail->by_input[in->no] = (struct tail_input_stats) {0};
    return 0;
}

int tail_start(struct tail *tail, bool once, struct err *err)
{
    size_t n_dirs = 0;
    (void)err; /* what is not there yet is looked for again */
    tail->once = once;
    tail->watching_since_ns = coarse_wall_ns();
    know_sources(tail);
    walk_patterns(tail);
    scan_marked_dirs(tail);
    settle_sources(tail);
    tail->is_started = true;
    for (const struct dir *dir = tail->dirs; dir; dir = dir->next)
        n_dirs += dir->has_files;
    log_info("tail", "watching %zu folder%s, %llu file%s open", n_dirs, n_dirs == 1 ? "" : "s",
             (unsigned long long)tail->stats.files_open, tail->stats.files_open == 1 ? "" : "s");
    loop_defer(tail->loop, &tail->work);
    if (once)
        return 0;
    loop_set_timer(tail->loop, &tail->rescan, rescan_wait(tail));
    poll_if_needed(tail);
    return 0;
}

/* What was marked while the spool was full is marked still. */
void tail_resume(struct tail *tail)
{
    if (!tail->is_blocked)
        return;
    tail->is_blocked = false;
    tail_tick(tail);
}

void tail_marks_moved(struct tail *tail)
{
    if (tail->timed.n > 0)
        loop_defer(tail->loop, &tail->work);
}

static void mark_all(struct tail *tail)
{
    for (struct file *file = NULL; (file = file_after(tail, file));)
        file_mark_ready(tail, file);
}

/* In `once`, a file that nobody writes to is at its end: a last line without a newline counts. */
static void read_rests(struct tail *tail)
{
    for (struct file *file = NULL; (file = file_after(tail, file));)
        if (!file->is_ready && !file->has_failed && !file_is_written(file))
            (void)file_read_rest(tail, file); /* a failed read is said and stays for the next run */
}

bool tail_read_to_end(struct tail *tail, int64_t until_ns)
{
    watch_read(tail->watch);
    mark_all(tail);
    scan_marked_dirs(tail);
    bool is_done = false, is_late = false;
    while (!tail->is_blocked && !is_done && !is_late) {
        is_done = suspects_look(tail) != 0 && read_marked_files(tail);
        is_late = clock_mono_ns() >= until_ns;
    }
    if (!is_done)
        return false;
    look_for_ends(tail);
    lost_settle(tail);
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
    ROW(generations_lost, "files", "rotated away before they could be opened"),
    ROW(bytes_lost, "bytes", "known to be written and not to be had any more"),
    ROW(bytes_given_up, "bytes", "of these, given up by rotation.at_limit: drop"),
    ROW(bytes_recovered, "bytes", "truncated or compressed before they were read, found in a copy"),
    ROW(bytes_punched, "bytes", "given back to the file system by rotation.mode: reclaim"),
    ROW(over_limit, "files", "logs above rotation.limit now"),
    ROW(files_deleted, "files", "deleted by delete.enabled"),
    ROW(ends_proven, "files", "generations read to an end that no writer had open any more"),
    ROW(ends_assumed, "files", "generations whose end was taken from silence"),
    ROW(lost_unknown, "times", "a loss cannot be excluded, or its size not be known"),
    ROW(overflows, "times", "the kernel dropped file events"),
    ROW(read_errors, "times", "reads that failed"),
    {0},
};
