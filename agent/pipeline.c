/* pipeline.c: tail → spool → sender, and the order of starting and stopping.
 *
 * Happy path: what tail reads goes through the intake into the spool, the saver has it made durable, the sender takes it from
 * there. tail hears when marks became durable or delivered.
 * Failure modes: those of the parts (intake.c, saver.c, sender.c); a start that fails undoes what was started.
 * On close: SIGTERM or SIGINT: read what is in the files, wait for the verdicts and the disk until shutdown.deadline, save
 * the cursor, go. A second signal ends the waiting. What is not delivered is in the spool.
 */
#include "agent.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <signal.h>
#include <stdlib.h>

/* For what came while the last verdicts were waited for: it is there at the next start. */
#define LAST_READ_NS (1 * NS_PER_S)
/* For the disk at the end, also when the brokers took all the time there was. */
#define LAST_SYNC_NS (1 * NS_PER_S)

struct pipeline {
    const struct pipeline_config *conf;
    struct loop *loop;
    struct spool *spool;
    struct tail *tail;
    struct sender *sender;
    struct agent_identity identity;
    struct saver saver;
    struct intake intake;
    struct loop_timer report, deadline;
    struct loop_task check_end;
    bool is_stopping;         /* told to stop: what comes now is kept for the next start */
    uint64_t told_seq;        /* of the cursor, when tail was told last that it moved */
    struct spool_pos stop_at; /* what was there when told; it is delivered before posta goes */
    int n_signals;
    int64_t end_ns; /* when it must be over; 0 = not told to stop */
    struct buf last_report;
};

/* ---- the watermarks ---- */

/* While it starts and ends there is no tail. */
static void marks_moved(struct pipeline *pipe)
{
    if (pipe->tail)
        tail_marks_moved(pipe->tail);
}

/* Delivered and closed, a segment goes: there may be room. */
static void look_for_room(struct pipeline *pipe)
{
    if (!pipe->is_stopping)
        intake_look_for_room(&pipe->intake);
    if (pipe->is_stopping || pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
}

static void synced(void *arg)
{
    struct pipeline *pipe = arg;
    if (pipe->conf->settings->globals.spool_sync == SYNC_ALWAYS)
        sender_wake(pipe->sender); /* it was not given what was not durable */
    marks_moved(arg);
    look_for_room(arg);
}

static void cursor_moved(void *arg)
{
    struct pipeline *pipe = arg;
    saver_cursor_moved(&pipe->saver);
    if (pipe->told_seq != spool_cursor(pipe->spool).seq) { /* marks lie between records */
        pipe->told_seq = spool_cursor(pipe->spool).seq;
        marks_moved(pipe);
    }
    look_for_room(pipe);
}

/* ---- ending ---- */

static bool is_delivered(const struct pipeline *pipe)
{
    return sender_is_idle(pipe->sender) && spool_is_drained(pipe->spool);
}

/* What parsers hold back stays before the cursor for the next start. */
static bool is_stopped(const struct pipeline *pipe)
{
    return !spool_pos_less(spool_cursor(pipe->spool), pipe->stop_at) ||
           sender_is_settled(pipe->sender);
}

static void check_end(void *arg)
{
    struct pipeline *pipe = arg;
    if (pipe->conf->once && !pipe->is_stopping && !tail_read_to_end(pipe->tail, INT64_MAX))
        return; /* the spool is full: cursor_moved comes back here */
    if (pipe->is_stopping ? is_stopped(pipe) : is_delivered(pipe))
        loop_stop(pipe->loop);
    else if (pipe->conf->once && !pipe->is_stopping)
        sender_let_go(pipe->sender);
}

/* Where the rest is for the next start. */
static const char *left_where(const struct pipeline *pipe)
{
    return pipe->conf->settings->globals.is_in_memory ? "what is not delivered is read again"
                                                      : "what is not delivered is in the spool";
}

static void deadline_passed(void *arg)
{
    struct pipeline *pipe = arg;
    log_warn("pipeline", "shutdown.deadline has passed: %s at the next start", left_where(pipe));
    loop_stop(pipe->loop);
}

static void told_to_stop(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    int64_t wait_ns = pipe->n_signals ? 0 : pipe->conf->settings->globals.shutdown_ns;
    pipe->end_ns = clock_mono_ns() + wait_ns;
    spool_wait_until(pipe->spool, pipe->end_ns);
    if (pipe->n_signals++ > 0) {
        log_warn("pipeline", "told to stop again: going at once; %s at the next start",
                 left_where(pipe));
        loop_stop(pipe->loop);
        return;
    }
    log_info("pipeline", "%s: reading to the end, delivering for at most %lld ms", strsignal(signo),
             (long long)(pipe->conf->settings->globals.shutdown_ns / NS_PER_MS));
    if (!tail_read_to_end(pipe->tail, pipe->end_ns))
        log_warn("pipeline", "not everything could be read, the queue is full or it took too "
                             "long; the files keep the rest");
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
                                        .segment_bytes = g->spool_segment_bytes,
                                        .sync_mode = (enum sync_mode)g->spool_sync,
                                        .memory_bytes = g->is_in_memory ? g->memory_bytes : 0};
    if (spool_open(&pipe->spool, &config, err))
        return -1;
    pipe->saver =
        (struct saver) {.loop = pipe->loop,
                        .spool = pipe->spool,
                        .interval_ns = g->spool_sync == SYNC_ALWAYS ? 0 : g->spool_sync_ns,
                        .synced = synced,
                        .arg = pipe};
    return saver_init(&pipe->saver, err);
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

static void set_up_intake(struct pipeline *pipe)
{
    pipe->intake = (struct intake) {
        .loop = pipe->loop,
        .spool = pipe->spool,
        .saver = &pipe->saver,
        .sender = pipe->sender,
        .at_full = (enum at_full)pipe->conf->settings->globals.spool_at_limit,
    };
    intake_init(&pipe->intake);
}

static int open_tail(struct pipeline *pipe, struct err *err)
{
    const struct tail_sink sink = intake_sink(&pipe->intake);
    if (tail_new(&pipe->tail, pipe->loop, &sink, err))
        return -1;
    pipe->intake.tail = pipe->tail;
    for (size_t i = 0; i < pipe->conf->settings->n_inputs; i++)
        if (tail_add_input(pipe->tail, &pipe->conf->settings->inputs[i].tail, err))
            return -1;
    return tail_start(pipe->tail, pipe->conf->once, err);
}

static void set_up_timers(struct pipeline *pipe)
{
    pipe->report = (struct loop_timer) {.fire = report, .arg = pipe};
    pipe->deadline = (struct loop_timer) {.fire = deadline_passed, .arg = pipe};
    pipe->check_end = (struct loop_task) {.run = check_end, .arg = pipe};
}

/* In this order: signals are blocked before the spool and librdkafka start threads, which inherit that; the data folder comes before the
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
    if (open_sender(pipe, err))
        return -1;
    set_up_intake(pipe);
    if (open_tail(pipe, err))
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
             is_delivered(pipe) ? "everything is delivered" : left_where(pipe));
}

/* A disk that hangs is not waited for without end, told to stop or not. */
static void close_spool(struct pipeline *pipe)
{
    int64_t now = clock_mono_ns(), until = pipe->end_ns;
    if (!pipe->spool)
        return;
    if (!until)
        until = now + pipe->conf->settings->globals.shutdown_ns;
    spool_wait_until(pipe->spool, until > now + LAST_SYNC_NS ? until : now + LAST_SYNC_NS);
    saver_done(&pipe->saver);
    spool_close(pipe->spool);
}

static void finish(struct pipeline *pipe)
{
    tail_free(pipe->tail);
    pipe->tail = NULL; /* the output may have verdicts left */
    sender_free(pipe->sender);
    close_spool(pipe);
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
            (void)tail_read_to_end(pipe.tail, clock_mono_ns() + LAST_READ_NS);
        *status = rc ? EXIT_BUG : EXIT_TOLD;
        say_end(&pipe);
    }
    finish(&pipe);
    return rc;
}
