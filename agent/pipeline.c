/* pipeline.c: tail → spool, the two watermarks' timers, and the order of starting and stopping.
 *
 * Happy path: a chunk from tail is appended to the spool and the sender is woken; within sync_interval everything
 * appended is made durable; the cursor is saved every 100 ms while it moves and synced each second.
 * Failure modes: the spool is full or cannot be written: tail stops reading (the files keep the lines), it is said, and tried
 * again each second and whenever delivery has made room.
 * On close: SIGTERM or SIGINT: read what is in the files, sync, wait for the verdicts until shutdown.deadline, save the
 * cursor, go. A second signal ends the waiting. What is not delivered is in the spool.
 */
#include "agent.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <signal.h>
#include <stdlib.h>

#define CURSOR_NS      (100 * NS_PER_MS)
#define CURSOR_SYNC_NS (1 * NS_PER_S)
#define RETRY_NS       (1 * NS_PER_S)
enum { SYNC_BYTES = 16 * 1024 * 1024 }; /* more than this is not left un-synced */

struct pipeline {
    const struct pipeline_config *conf;
    struct loop *loop;
    struct spool *spool;
    struct tail *tail;
    struct sender *sender;
    struct agent_identity identity;
    struct loop_timer sync, save, retry, report, deadline;
    struct loop_task check_end;
    uint64_t unsynced_bytes;
    int64_t cursor_synced_ns;
    bool is_blocked;          /* tail was refused */
    bool is_stopping;         /* told to stop: what comes now is kept for the next start */
    struct spool_pos stop_at; /* what was there when told; it is delivered before posta goes */
    int n_signals;
    struct buf last_report;
};

/* ---- tail's sink ---- */

static struct source *sink_sources(void *arg)
{
    return spool_sources(((struct pipeline *)arg)->spool);
}

static int refused(struct pipeline *pipe, struct err *err)
{
    pipe->is_blocked = true;
    if (!timer_is_set(&pipe->retry))
        loop_set_timer(pipe->loop, &pipe->retry, RETRY_NS);
    (void)err; /* tail says it */
    return -1;
}

static void sync_now(void *arg)
{
    struct pipeline *pipe = arg;
    struct err err;
    static struct log_limit limit;
    loop_cancel_timer(pipe->loop, &pipe->sync);
    if (spool_sync(pipe->spool, &err)) {
        log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "pipeline", "%s; tried again", err.text);
        loop_set_timer(pipe->loop, &pipe->sync, RETRY_NS);
        return;
    }
    pipe->unsynced_bytes = 0;
}

static void appended(struct pipeline *pipe, size_t bytes)
{
    pipe->unsynced_bytes += bytes;
    if (pipe->unsynced_bytes >= SYNC_BYTES)
        sync_now(pipe);
    else if (!timer_is_set(&pipe->sync))
        loop_set_timer(pipe->loop, &pipe->sync, pipe->conf->settings->globals.spool_sync_ns);
    sender_wake(pipe->sender);
}

static int sink_add(void *arg, const struct source *proto, struct source **src, struct err *err)
{
    struct pipeline *pipe = arg;
    if (spool_add_source(pipe->spool, proto, src, err))
        return refused(pipe, err);
    appended(pipe, 0);
    return 0;
}

static int sink_append(void *arg, struct source *src, const struct chunk *chunk, struct err *err)
{
    struct pipeline *pipe = arg;
    if (spool_append(pipe->spool, src, chunk, err))
        return refused(pipe, err);
    appended(pipe, chunk->len);
    return 0;
}

static int sink_end(void *arg, struct source *src, enum end_proof proof, struct err *err)
{
    struct pipeline *pipe = arg;
    if (spool_end_source(pipe->spool, src, proof, err))
        return refused(pipe, err);
    appended(pipe, 0);
    if (spool_sync(pipe->spool, err)) /* the file may be gone in the next moment */
        return refused(pipe, err);
    pipe->unsynced_bytes = 0;
    return 0;
}

static void sink_forget(void *arg, struct source *src)
{
    spool_forget(((struct pipeline *)arg)->spool, src);
}

static void try_again(void *arg)
{
    struct pipeline *pipe = arg;
    pipe->is_blocked = false;
    tail_resume(pipe->tail);
}

/* ---- the cursor ---- */

static void save_cursor(void *arg)
{
    struct pipeline *pipe = arg;
    struct err err;
    static struct log_limit limit;
    int64_t now = loop_now(pipe->loop);
    bool is_time = now - pipe->cursor_synced_ns >= CURSOR_SYNC_NS;
    if (spool_save_cursor(pipe->spool, is_time, &err))
        log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "pipeline",
                    "%s; after a restart some events come twice; tried again", err.text);
    if (is_time)
        pipe->cursor_synced_ns = now;
    if (spool_cursor_is_dirty(pipe->spool))
        loop_set_timer(pipe->loop, &pipe->save, CURSOR_SYNC_NS);
}

static void cursor_moved(void *arg)
{
    struct pipeline *pipe = arg;
    if (spool_cursor_is_dirty(pipe->spool) &&
        (!timer_is_set(&pipe->save) || pipe->save.at_ns > loop_now(pipe->loop) + CURSOR_NS))
        loop_set_timer(pipe->loop, &pipe->save, CURSOR_NS);
    if (pipe->is_blocked && !pipe->is_stopping)
        loop_set_timer(pipe->loop, &pipe->retry, 0);
    if (pipe->is_stopping || pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
}

/* ---- ending ---- */

static bool is_delivered(const struct pipeline *pipe)
{
    return sender_is_idle(pipe->sender) && spool_is_drained(pipe->spool);
}

static void check_end(void *arg)
{
    struct pipeline *pipe = arg;
    if (pipe->conf->once && !pipe->is_stopping && !tail_read_to_end(pipe->tail))
        return; /* the spool is full: cursor_moved comes back here */
    if (pipe->is_stopping ? !spool_pos_less(spool_cursor(pipe->spool), pipe->stop_at)
                          : is_delivered(pipe))
        loop_stop(pipe->loop);
}

static void deadline_passed(void *arg)
{
    struct pipeline *pipe = arg;
    log_warn("pipeline", "shutdown.deadline has passed: what is not delivered stays in the spool");
    loop_stop(pipe->loop);
}

static void told_to_stop(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    if (pipe->n_signals++ > 0) {
        log_warn("pipeline",
                 "told to stop again: going at once; what is not delivered stays in the spool");
        loop_stop(pipe->loop);
        return;
    }
    log_info("pipeline", "%s: reading to the end, delivering for at most %lld ms", strsignal(signo),
             (long long)(pipe->conf->settings->globals.shutdown_ns / NS_PER_MS));
    if (!tail_read_to_end(pipe->tail))
        log_warn("pipeline",
                 "not everything could be read: the spool is full; the files keep the rest");
    pipe->is_stopping = true;
    pipe->stop_at = spool_end(pipe->spool);
    sender_stop_at(pipe->sender, pipe->stop_at.seq);
    loop_set_timer(pipe->loop, &pipe->deadline, pipe->conf->settings->globals.shutdown_ns);
    sender_wake(pipe->sender);
    loop_defer(pipe->loop, &pipe->check_end);
}

static void told_to_reload(void *arg, int signo)
{
    (void)arg, (void)signo;
    log_warn(
        "pipeline",
        "SIGHUP: posta does not reload its configuration; restart it, nothing is lost by that");
}

/* ---- reports ---- */

static void make_report(struct pipeline *pipe, struct buf *line)
{
    const struct report_row rows[] = {
        {"tail", tail_stat_rows, tail_stats(pipe->tail)},
        {"spool", spool_stat_rows, spool_stats(pipe->spool)},
        {"sender", sender_stat_rows, sender_stats(pipe->sender)},
        {pipe->conf->settings->output->name, pipe->conf->settings->output->stat_rows,
         sender_output_stats(pipe->sender)},
        {NULL, NULL, NULL},
    };
    report_line(line, rows);
}

static void report(void *arg)
{
    struct pipeline *pipe = arg;
    struct buf line = BUF_INIT;
    make_report(pipe, &line);
    bool is_same = line.len == pipe->last_report.len &&
                   memcmp(line.data, pipe->last_report.data, line.len) == 0;
    if (!is_same)
        log_info("stats", "%s", buf_str(&line));
    buf_clear(&pipe->last_report);
    buf_append(&pipe->last_report, line.data, line.len);
    buf_free(&line);
    loop_set_timer(pipe->loop, &pipe->report, pipe->conf->settings->globals.metrics_period_ns);
}

/* ---- starting ---- */

static int open_spool(struct pipeline *pipe, struct err *err)
{
    const struct globals *g = &pipe->conf->settings->globals;
    const struct spool_config config = {.path = g->spool_path,
                                        .max_bytes = g->spool_max_bytes,
                                        .segment_bytes = g->spool_segment_bytes};
    return spool_open(&pipe->spool, &config, err);
}

static int open_sender(struct pipeline *pipe, struct err *err)
{
    const struct sender_config config = {
        .loop = pipe->loop,
        .spool = pipe->spool,
        .settings = pipe->conf->settings,
        .identity = &pipe->identity,
        .moved = cursor_moved,
        .arg = pipe,
    };
    return sender_new(&pipe->sender, &config, err);
}

static int open_tail(struct pipeline *pipe, struct err *err)
{
    const struct tail_sink sink = {.arg = pipe,
                                   .sources = sink_sources,
                                   .add = sink_add,
                                   .append = sink_append,
                                   .end = sink_end,
                                   .forget = sink_forget};
    if (tail_new(&pipe->tail, pipe->loop, &sink, err))
        return -1;
    for (size_t i = 0; i < pipe->conf->settings->n_inputs; i++)
        if (tail_add_input(pipe->tail, &pipe->conf->settings->inputs[i].tail, err))
            return -1;
    return tail_start(pipe->tail, pipe->conf->once, err);
}

static void set_up_timers(struct pipeline *pipe)
{
    pipe->sync = (struct loop_timer) {.fire = sync_now, .arg = pipe};
    pipe->save = (struct loop_timer) {.fire = save_cursor, .arg = pipe};
    pipe->retry = (struct loop_timer) {.fire = try_again, .arg = pipe};
    pipe->report = (struct loop_timer) {.fire = report, .arg = pipe};
    pipe->deadline = (struct loop_timer) {.fire = deadline_passed, .arg = pipe};
    pipe->check_end = (struct loop_task) {.run = check_end, .arg = pipe};
}

/* In this order: signals are blocked before librdkafka starts threads, which inherit that; the data folder comes before the
 * spool in it; the output is opened before the first line is read, so that a wrong certificate stops the start; files last. */
static int start(struct pipeline *pipe, struct err *err)
{
    const struct globals *g = &pipe->conf->settings->globals;
    set_up_timers(pipe);
    if (loop_new(&pipe->loop, err) || loop_signal(pipe->loop, SIGTERM, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGINT, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGHUP, told_to_reload, pipe, err))
        return -1;
    if (fs_make_dirs(g->path_data, 0700, err) || open_spool(pipe, err) ||
        identity_load(&pipe->identity, g->path_data, err))
        return -1;
    if (open_sender(pipe, err) || open_tail(pipe, err))
        return -1;
    if (g->metrics_enabled && !pipe->conf->once)
        loop_set_timer(pipe->loop, &pipe->report, g->metrics_period_ns);
    if (pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
    return 0;
}

static void say_end(struct pipeline *pipe)
{
    struct buf line = BUF_INIT;
    make_report(pipe, &line);
    log_info("stats", "%s", buf_str(&line));
    buf_free(&line);
    log_info("pipeline", "stopped; %s",
             is_delivered(pipe) ? "everything is delivered"
                                : "what is not delivered is in the spool");
}

static void finish(struct pipeline *pipe)
{
    tail_free(pipe->tail);
    sender_free(pipe->sender);
    spool_close(pipe->spool);
    buf_free(&pipe->last_report);
    loop_free(pipe->loop);
}

int pipeline_run(const struct pipeline_config *conf, int *status, struct err *err)
{
    struct pipeline pipe = {.conf = conf};
    int rc = start(&pipe, err);
    *status = rc ? EXIT_START : EXIT_TOLD;
    if (rc == 0) {
        rc = loop_run(pipe.loop, err);
        if (pipe.is_stopping)
            (void)tail_read_to_end(pipe.tail); /* what came meanwhile waits for the next start */
        *status = rc ? EXIT_BUG : EXIT_TOLD;
        say_end(&pipe);
    }
    finish(&pipe);
    return rc;
}
