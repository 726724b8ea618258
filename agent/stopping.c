/* stopping.c: from the signal to the last verdict.
 *
 * Happy path: SIGTERM or SIGINT: read what is in the files, wait for the verdicts and the disk until shutdown.deadline, go. With
 * shutdown.wait_for_writers (a pod ends, and its web server with it) the files are followed on until no writer has one of them
 * open any more; then the last line counts also without a newline, and what parsers hold back for more lines is given on.
 * SIGHUP: another configuration that can be run takes over, in this process.
 * Failure modes: the deadline passes, or a second signal comes: what is not delivered is counted, said, and in the spool for
 * the next start. Writers that do not end are followed until some of the deadline is left for what they wrote last.
 * On close: the loop is left; pipeline.c closes the parts.
 */
#include "pipeline.h"

#include <posta/log.h>
#include <posta/supervisor.h>

#include <signal.h>

/* For what came while the last verdicts were waited for: it is there at the next start. */
#define LAST_READ_NS (1 * NS_PER_S)
/* For the disk at the end, also when the brokers took all the time there was. */
#define LAST_SYNC_NS (1 * NS_PER_S)
/* How often writers are looked for. */
#define LOOK_NS (50 * NS_PER_MS)
/* What the last lines may need when writers do not end. */
#define DELIVERY_NS (2 * NS_PER_S)
/* Another configuration does not wait longer for brokers that are away. */
#define CHANGE_NS  (5 * NS_PER_S)
#define RECHECK_NS (10 * NS_PER_S)
#define SAY_NS     (60 * NS_PER_S)

static const struct globals *globals_of(const struct pipeline *pipe)
{
    return &pipe->conf->settings->globals;
}

static bool is_everywhere(struct pipeline *pipe, bool (*is_so)(const struct lane *))
{
    bool is = is_so(&pipe->logs);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        is = is && (!pipeline_lane(pipe, no) || is_so(pipeline_lane(pipe, no)));
    return is;
}

/* ---- is it over? ---- */

/* What parsers hold back stays for the next start, unless nothing more will come. */
static bool is_over(struct pipeline *pipe)
{
    bool is_kept = pipe->is_stopping && !pipe->is_left;
    return is_everywhere(pipe, is_kept ? lane_is_stopped : lane_is_delivered);
}

static void check_end(void *arg)
{
    struct pipeline *pipe = arg;
    bool is_once = pipe->conf->once && !pipe->is_stopping;
    if (is_once && !tail_read_to_end(pipe->tail, INT64_MAX))
        return; /* the spool is full: the cursor will move, and stopping_look comes back here */
    if (is_over(pipe))
        loop_stop(pipe->loop);
    else if (is_once || pipe->is_left)
        sender_let_go(pipe->logs.sender);
}

void stopping_look(struct pipeline *pipe)
{
    if (pipe->is_stopping || pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
}

/* Where the rest is for the next start. */
static const char *left_where(const struct pipeline *pipe)
{
    return globals_of(pipe)->is_in_memory ? "what is not delivered is read again"
                                          : "what is not delivered is in the spool";
}

static void deadline_passed(void *arg)
{
    struct pipeline *pipe = arg;
    log_warn("pipeline", "shutdown.deadline has passed: %s at the next start", left_where(pipe));
    loop_stop(pipe->loop);
}

/* ---- ending ---- */

/* The last counters are of now. */
static void stop_lanes(struct pipeline *pipe)
{
    lane_stop(&pipe->logs);
    sampler_free(pipe->sampler);
    pipe->sampler = NULL;
    if (pipe->own.extra)
        own_stats_send(&pipe->own);
    heartbeats_stop(&pipe->beats);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (pipeline_lane(pipe, no))
            lane_stop(pipeline_lane(pipe, no));
}

/* Nothing is taken in any more but what is there now. */
static void take_the_last(struct pipeline *pipe)
{
    if (!tail_read_to_end(pipe->tail, pipe->end_ns))
        log_warn("pipeline", "not everything could be read, the queue is full or it took too "
                             "long; the files keep the rest");
    pipe->is_stopping = true;
    stop_lanes(pipe);
    if (pipe->conf->trouble)
        loop_stop(pipe->loop); /* nothing can be delivered */
    stopping_look(pipe);
}

/* When what was read last must be on its way. */
static int64_t last_read_ns(const struct pipeline *pipe)
{
    int64_t share_ns = globals_of(pipe)->shutdown_ns / 4;
    return pipe->end_ns - (share_ns < DELIVERY_NS ? share_ns : DELIVERY_NS);
}

/* Without a writer, what is there now is all; a full spool has room for it when more is delivered. */
static void look_for_writers(void *arg)
{
    struct pipeline *pipe = arg;
    const char *example = NULL;
    size_t n = tail_writers(pipe->tail, &example);
    pipe->is_left = n == 0 && tail_read_to_end(pipe->tail, last_read_ns(pipe));
    if (!pipe->is_left && clock_mono_ns() < last_read_ns(pipe)) {
        loop_set_timer(pipe->loop, &pipe->look, LOOK_NS);
        return;
    }
    if (pipe->is_left)
        log_info("pipeline", "no writer is left: this is the end of the logs");
    else if (n > 0)
        log_warn("pipeline",
                 "%zu file%s still open for writing, or may be, such as %s: what is written from "
                 "now on is not read any more",
                 n, n == 1 ? " is" : "s are", example);
    take_the_last(pipe);
}

static void wait_for_disks_until(struct pipeline *pipe, int64_t end_ns)
{
    spool_wait_until(pipe->logs.spool, end_ns);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (pipeline_lane(pipe, no))
            spool_wait_until(pipeline_lane(pipe, no)->spool, end_ns);
}

static void end_within(struct pipeline *pipe, int64_t wait_ns)
{
    pipe->status.is_stopping = true;
    pipe->end_ns = clock_mono_ns() + wait_ns;
    wait_for_disks_until(pipe, pipe->end_ns);
    loop_cancel_timer(pipe->loop, &pipe->recheck);
    loop_set_timer(pipe->loop, &pipe->deadline, wait_ns);
}

static void go_at_once(struct pipeline *pipe)
{
    log_warn("pipeline", "told to stop again: going at once; %s at the next start",
             left_where(pipe));
    wait_for_disks_until(pipe, pipe->end_ns = clock_mono_ns());
    loop_stop(pipe->loop);
}

static void told_to_stop(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    const struct globals *g = globals_of(pipe);
    pipe->end->is_changing = false;
    if (pipe->n_signals++ > 0) {
        go_at_once(pipe);
        return;
    }
    supervisor_tell("STOPPING=1");
    log_info("pipeline", "%s: reading to the end%s, delivering for at most %lld ms",
             strsignal(signo), g->wait_for_writers ? " of what writers still write" : "",
             (long long)(g->shutdown_ns / NS_PER_MS));
    end_within(pipe, g->shutdown_ns);
    if (pipe->is_stopping)
        return; /* for another configuration, which does not come now */
    if (!g->wait_for_writers) {
        take_the_last(pipe);
        return;
    }
    tail_expect_no_more(pipe->tail);
    look_for_writers(pipe);
}

/* ---- another configuration ---- */

/* What has no verdict by then is sent again. */
static void change(struct pipeline *pipe)
{
    int64_t wait_ns = globals_of(pipe)->shutdown_ns;
    supervisor_tell_reloading();
    pipe->end->is_changing = true;
    end_within(pipe, wait_ns < CHANGE_NS ? wait_ns : CHANGE_NS);
    take_the_last(pipe);
}

static void told_to_reload(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    (void)signo;
    if (pipe->end_ns)
        return; /* it is going anyway */
    pipe->status.config_ok = pipe->conf->reload(pipe->conf->arg, true);
    if (pipe->status.config_ok)
        change(pipe);
}

/* Is what is wrong with the configuration mended? */
static void recheck(void *arg)
{
    struct pipeline *pipe = arg;
    static struct log_limit limit;
    log_limited(&limit, SAY_NS, LOG_ERROR, "pipeline", "NOTHING IS DELIVERED, lines are kept: %s",
                pipe->conf->trouble);
    if (pipe->conf->reload(pipe->conf->arg, false))
        change(pipe);
    else
        loop_set_timer(pipe->loop, &pipe->recheck, RECHECK_NS);
}

/* ---- the supervisor ---- */

static void feed_watchdog(void *arg)
{
    struct pipeline *pipe = arg;
    supervisor_tell("WATCHDOG=1");
    loop_set_timer(pipe->loop, &pipe->watchdog, supervisor_watchdog_ns() / 3);
}

int stopping_init(struct pipeline *pipe, struct err *err)
{
    pipe->deadline = (struct loop_timer) {.fire = deadline_passed, .arg = pipe};
    pipe->look = (struct loop_timer) {.fire = look_for_writers, .arg = pipe};
    pipe->recheck = (struct loop_timer) {.fire = recheck, .arg = pipe};
    pipe->watchdog = (struct loop_timer) {.fire = feed_watchdog, .arg = pipe};
    pipe->check_end = (struct loop_task) {.run = check_end, .arg = pipe};
    if (pipe->conf->trouble)
        loop_set_timer(pipe->loop, &pipe->recheck, 0);
    if (supervisor_watchdog_ns())
        loop_set_timer(pipe->loop, &pipe->watchdog, 0);
    if (loop_signal(pipe->loop, SIGTERM, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGINT, told_to_stop, pipe, err))
        return -1;
    return loop_signal(pipe->loop, SIGHUP, told_to_reload, pipe, err);
}

/* ---- behind the loop ---- */

static void prove_ledger(struct pipeline *pipe)
{
    sender_prove(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (pipeline_lane(pipe, no))
            sender_prove(pipeline_lane(pipe, no)->sender);
    for (unsigned i = 0; i < pipe->ledger.n_rows; i++) {
        struct tally waiting = ledger_waiting(&pipe->ledger.rows[i]);
        pipe->end->left.lines += waiting.lines;
        pipe->end->left.bytes += waiting.bytes;
    }
}

void stopping_finish(struct pipeline *pipe)
{
    struct buf line = BUF_INIT;
    if (pipe->is_stopping)
        (void)tail_read_to_end(pipe->tail, clock_mono_ns() + LAST_READ_NS);
    heal_all(&pipe->intake);
    prove_ledger(pipe);
    pipe->end->unread_bytes = tail_unread_bytes(pipe->tail);
    pipeline_report(pipe, &line);
    log_info("stats", "%s", buf_str(&line));
    buf_free(&line);
    log_info("pipeline", "stopped; %s",
             is_everywhere(pipe, lane_is_delivered) ? "everything is delivered" : left_where(pipe));
}

/* A disk that hangs is not waited for without end, told to stop or not. */
int64_t stopping_last_sync_ns(const struct pipeline *pipe)
{
    int64_t now = clock_mono_ns(), until = pipe->end_ns;
    if (!until)
        until = now + globals_of(pipe)->shutdown_ns;
    return until > now + LAST_SYNC_NS ? until : now + LAST_SYNC_NS;
}
