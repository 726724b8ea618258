/* stopping.c: from the signal to the last verdict.
 *
 * Happy path: SIGTERM or SIGINT: read what is in the files, wait for the verdicts and the disk until shutdown.deadline, go. With
 * shutdown.wait_for_writers (a pod ends, and its web server with it) the files are followed on until no writer has one of them
 * open any more; then the last line counts also without a newline, and what parsers hold back for more lines is given on.
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
/* No writer for so long, and none is left. */
#define QUIET_NS (500 * NS_PER_MS)

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
    bool leaves_held = pipe->is_stopping && !pipe->writers_gone;
    return is_everywhere(pipe, leaves_held ? lane_is_stopped : lane_is_delivered);
}

/* Once: what came since the last look is looked for when all before it is delivered, not at each step of the cursor. */
static bool is_read_to_end(struct pipeline *pipe)
{
    if (!pipe->is_read || is_over(pipe))
        pipe->is_read = tail_read_to_end(pipe->tail, INT64_MAX);
    return pipe->is_read;
}

static void check_end(void *arg)
{
    struct pipeline *pipe = arg;
    bool is_once = pipe->conf->once && !pipe->is_stopping;
    if (is_once && !is_read_to_end(pipe))
        return; /* the spool is full: the cursor will move, and stopping_look comes back here */
    if (is_over(pipe))
        loop_stop(pipe->loop);
    else if (is_once || pipe->writers_gone)
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

/* One that opens its log anew for a moment is between two: none is left when none was seen for a while, and nothing came. */
static bool are_gone(struct pipeline *pipe, size_t n_writers)
{
    bool is_read = tail_read_to_end(pipe->tail, last_read_ns(pipe));
    uint64_t bytes = tail_stats(pipe->tail)->bytes_read;
    int64_t now = clock_mono_ns();
    if (n_writers > 0 || !is_read || bytes != pipe->quiet_bytes || !pipe->quiet_since_ns)
        pipe->quiet_since_ns = now;
    pipe->quiet_bytes = bytes;
    return now - pipe->quiet_since_ns >= QUIET_NS;
}

/* A spool that is full has room for the last of it when more is delivered. */
static void look_for_writers(void *arg)
{
    struct pipeline *pipe = arg;
    const char *example = NULL;
    size_t n = tail_writers(pipe->tail, &example);
    pipe->writers_gone = are_gone(pipe, n);
    if (!pipe->writers_gone && clock_mono_ns() < last_read_ns(pipe)) {
        loop_set_timer(pipe->loop, &pipe->look, LOOK_NS);
        return;
    }
    pipe->end->n_written = n;
    if (pipe->writers_gone)
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
    pipe->end_ns = clock_mono_ns() + wait_ns;
    wait_for_disks_until(pipe, pipe->end_ns);
    changing_stop(pipe);
    loop_set_timer(pipe->loop, &pipe->deadline, wait_ns);
}

void stopping_for_another(struct pipeline *pipe, int64_t wait_ns)
{
    pipe->end->is_changing = true;
    end_within(pipe, wait_ns);
    take_the_last(pipe);
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
    if (pipe->end
            ->is_changing) { /* the next one ends as it is to end: this one has stopped reading */
        pipe->end->signo = signo;
        loop_stop(pipe->loop);
        return;
    }
    if (pipe->n_signals++ > 0) {
        go_at_once(pipe);
        return;
    }
    pipe->status.is_stopping = true;
    supervisor_tell("STOPPING=1");
    log_info("pipeline", "%s: reading to the end%s, delivering for at most %lld ms",
             strsignal(signo), g->wait_for_writers ? " of what writers still write" : "",
             (long long)(g->shutdown_ns / NS_PER_MS));
    end_within(pipe, g->shutdown_ns);
    if (!g->wait_for_writers) {
        take_the_last(pipe);
        return;
    }
    tail_expect_no_more(pipe->tail);
    look_for_writers(pipe);
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
    pipe->watchdog = (struct loop_timer) {.fire = feed_watchdog, .arg = pipe};
    pipe->check_end = (struct loop_task) {.run = check_end, .arg = pipe};
    if (supervisor_watchdog_ns())
        loop_set_timer(pipe->loop, &pipe->watchdog, 0);
    if (loop_signal(pipe->loop, SIGTERM, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGINT, told_to_stop, pipe, err))
        return -1;
    return changing_init(pipe, err);
}

/* ---- behind the loop ---- */

static void prove_sender(struct pipeline *pipe, struct sender *sender)
{
    sender_prove(sender);
    pipe->end->is_at_least |= sender_is_counting(sender);
}

static void prove_ledger(struct pipeline *pipe)
{
    prove_sender(pipe, pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (pipeline_lane(pipe, no))
            prove_sender(pipe, pipeline_lane(pipe, no)->sender);
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
