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
    struct tail *tail;
    struct agent_identity identity;
    struct lane logs;
    struct intake intake;
    struct samples samples[EVENT_LANES]; /* the sender is NULL where there are none */
    struct event_agent agent;
    struct ledger ledger;
    struct own_stats own;
    struct heartbeats beats;
    struct sampler *sampler;
    struct loop_timer report, deadline;
    struct loop_task check_end;
    bool is_stopping; /* told to stop: what comes now is kept for the next start */
    int n_signals;
    int64_t end_ns; /* when it must be over; 0 = not told to stop */
    struct buf last_report;
};

/* ---- the watermarks ---- */

/* Delivered and closed, a segment goes: there may be room. */
static void samples_changed(void *arg, bool marks_moved)
{
    struct pipeline *pipe = arg;
    (void)marks_moved; /* nobody waits for them */
    if (pipe->is_stopping || pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
}

/* While it starts and ends there is no tail. */
static void logs_changed(void *arg, bool marks_moved)
{
    struct pipeline *pipe = arg;
    if (marks_moved && pipe->tail)
        tail_marks_moved(pipe->tail);
    if (!pipe->is_stopping)
        intake_look_for_room(&pipe->intake);
    samples_changed(pipe, marks_moved);
}

/* ---- ending ---- */

/* Of this kind, or NULL. */
static struct lane *lane_of(struct pipeline *pipe, enum event_lane no)
{
    struct lane *lane = &pipe->samples[no].lane;
    return lane->sender ? lane : NULL;
}

static bool is_everywhere(struct pipeline *pipe, bool (*is_so)(const struct lane *))
{
    bool is = is_so(&pipe->logs);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        is = is && (!lane_of(pipe, no) || is_so(lane_of(pipe, no)));
    return is;
}

static bool is_delivered(struct pipeline *pipe)
{
    return is_everywhere(pipe, lane_is_delivered);
}

static bool is_stopped(struct pipeline *pipe)
{
    return is_everywhere(pipe, lane_is_stopped);
}

static void check_end(void *arg)
{
    struct pipeline *pipe = arg;
    if (pipe->conf->once && !pipe->is_stopping && !tail_read_to_end(pipe->tail, INT64_MAX))
        return; /* the spool is full: cursor_moved comes back here */
    if (pipe->is_stopping ? is_stopped(pipe) : is_delivered(pipe))
        loop_stop(pipe->loop);
    else if (pipe->conf->once && !pipe->is_stopping)
        sender_let_go(pipe->logs.sender);
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
        if (lane_of(pipe, no))
            lane_stop(lane_of(pipe, no));
}

static void wait_for_disks_until(struct pipeline *pipe, int64_t end_ns)
{
    spool_wait_until(pipe->logs.spool, end_ns);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (lane_of(pipe, no))
            spool_wait_until(lane_of(pipe, no)->spool, end_ns);
}

static void told_to_stop(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    int64_t wait_ns = pipe->n_signals ? 0 : pipe->conf->settings->globals.shutdown_ns;
    pipe->end_ns = clock_mono_ns() + wait_ns;
    wait_for_disks_until(pipe, pipe->end_ns);
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
    stop_lanes(pipe);
    loop_set_timer(pipe->loop, &pipe->deadline, pipe->conf->settings->globals.shutdown_ns);
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

static void fill_report(void *arg, struct report_row rows[static REPORT_PARTS_MAX])
{
    struct pipeline *pipe = arg;
    const struct output *output = pipe->conf->settings->output;
    const struct lane *metrics = lane_of(pipe, EVENTS_METRICS),
                      *beats = lane_of(pipe, EVENTS_HEARTBEATS);
    const struct report_row all[] = {
        {"tail", tail_stat_rows, tail_stats(pipe->tail)},
        {"spool", spool_stat_rows, spool_stats(pipe->logs.spool)},
        {"sender", sender_stat_rows, sender_stats(pipe->logs.sender)},
        {output->name, output->stat_rows, sender_output_stats(pipe->logs.sender)},
        {"samples_spool", spool_stat_rows, metrics ? spool_stats(metrics->spool) : NULL},
        {"samples_sender", sender_stat_rows, metrics ? sender_stats(metrics->sender) : NULL},
        {"heartbeat", runner_stat_rows, heartbeats_stats(&pipe->beats)},
        {"heartbeats_spool", spool_stat_rows, beats ? spool_stats(beats->spool) : NULL},
        {"heartbeats_sender", sender_stat_rows, beats ? sender_stats(beats->sender) : NULL},
        {NULL, NULL, NULL},
    };
    memcpy(rows, all, sizeof all);
}

/* Samples count themselves: in the log they would be the only news. */
static void make_report(struct pipeline *pipe, struct buf *line)
{
    struct report_row rows[REPORT_PARTS_MAX];
    fill_report(pipe, rows);
    for (struct report_row *row = rows; row->part; row++)
        if (strncmp(row->part, "samples_", 8) == 0 || strncmp(row->part, "heartbeats_", 11) == 0)
            row->stats = NULL;
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

static struct lane make_lane(struct pipeline *pipe, void (*changed)(void *, bool))
{
    return (struct lane) {
        .loop = pipe->loop, .changed = changed, .owner = pipe, .ledger = &pipe->ledger};
}

static void missed(void *arg)
{
    struct pipeline *pipe = arg;
    loop_defer(pipe->loop, &pipe->intake.heal);
}

static int open_logs(struct pipeline *pipe, struct err *err)
{
    const struct globals *g = &pipe->conf->settings->globals;
    uint64_t taken = 0;
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (settings_has_lane(pipe->conf->settings, no) && !g->is_in_memory)
            taken += samples_share(g, no);
    const struct spool_config config = {.path = g->spool_path,
                                        .max_bytes = g->spool_max_bytes - taken,
                                        .segment_bytes = g->spool_segment_bytes,
                                        .sync_mode = settings_sync_mode(pipe->conf->settings),
                                        .memory_bytes = g->is_in_memory ? g->memory_bytes : 0,
                                        .missed = missed,
                                        .arg = pipe};
    pipe->logs = make_lane(pipe, logs_changed);
    return lane_open_spool(&pipe->logs, &config, g->spool_sync_ns, err);
}

static struct sender_config sender_settings(const struct pipeline *pipe)
{
    return (struct sender_config) {
        .settings = pipe->conf->settings, .identity = &pipe->identity, .beside = pipe->logs.sender};
}

static int open_sender(struct pipeline *pipe, struct err *err)
{
    const struct sender_config config = sender_settings(pipe);
    pipe->intake =
        (struct intake) {.lane = &pipe->logs,
                         .at_full = (enum at_full)pipe->conf->settings->globals.spool_at_limit,
                         .settings = pipe->conf->settings};
    intake_init(&pipe->intake);
    return lane_open_sender(&pipe->logs, &config, err);
}

static int open_lanes(struct pipeline *pipe, struct err *err)
{
    const struct sender_config config = sender_settings(pipe);
    pipe->agent = sender_agent(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++) {
        pipe->samples[no] = (struct samples) {.lane = make_lane(pipe, samples_changed), .no = no};
        if (settings_has_lane(pipe->conf->settings, no) && !pipe->conf->once &&
            samples_open(&pipe->samples[no], &config, err))
            return -1;
    }
    return 0;
}

/* Their kind is the first one. */
static void start_own_stats(struct pipeline *pipe)
{
    const struct settings *set = pipe->conf->settings;
    pipe->own = (struct own_stats) {.loop = pipe->loop,
                                    .samples = &pipe->samples[EVENTS_METRICS],
                                    .agent = &pipe->agent,
                                    .extra = set->kinds[0].extra,
                                    .period_ns = set->globals.metrics_period_ns,
                                    .report = fill_report,
                                    .arg = pipe};
    own_stats_start(&pipe->own);
}

static int open_metrics(struct pipeline *pipe, struct err *err)
{
    const struct sampler_config sampling = {.loop = pipe->loop,
                                            .settings = pipe->conf->settings,
                                            .samples = &pipe->samples[EVENTS_METRICS],
                                            .agent = &pipe->agent};
    if (!lane_of(pipe, EVENTS_METRICS))
        return 0;
    if (pipe->conf->settings->globals.metrics_events)
        start_own_stats(pipe);
    return sampler_new(&pipe->sampler, &sampling, err);
}

static int open_heartbeats(struct pipeline *pipe, struct err *err)
{
    pipe->beats =
        (struct heartbeats) {.samples = &pipe->samples[EVENTS_HEARTBEATS], .agent = &pipe->agent};
    if (!lane_of(pipe, EVENTS_HEARTBEATS))
        return 0;
    return heartbeats_start(&pipe->beats, pipe->loop, pipe->conf->settings, err);
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
    ledger_init(&pipe->ledger, pipe->conf->settings);
    if (loop_new(&pipe->loop, err) || loop_signal(pipe->loop, SIGTERM, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGINT, told_to_stop, pipe, err) ||
        loop_signal(pipe->loop, SIGHUP, told_to_reload, pipe, err))
        return -1;
    if (fs_make_dirs(g->path_data, 0700, err) || open_logs(pipe, err) ||
        identity_load(&pipe->identity, g->path_data, err))
        return -1;
    if (open_sender(pipe, err) || open_lanes(pipe, err) || open_metrics(pipe, err) ||
        open_tail(pipe, err) || open_heartbeats(pipe, err))
        return -1;
    if (g->metrics_enabled && !pipe->conf->once)
        loop_set_timer(pipe->loop, &pipe->report, g->metrics_period_ns);
    if (pipe->conf->once)
        loop_defer(pipe->loop, &pipe->check_end);
    return 0;
}

static void prove_ledger(struct pipeline *pipe)
{
    sender_prove(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        if (lane_of(pipe, no))
            sender_prove(lane_of(pipe, no)->sender);
}

static void say_end(struct pipeline *pipe)
{
    prove_ledger(pipe);
    struct buf line = BUF_INIT;
    make_report(pipe, &line);
    log_info("stats", "%s", buf_str(&line));
    buf_free(&line);
    log_info("pipeline", "stopped; %s",
             is_delivered(pipe) ? "everything is delivered" : left_where(pipe));
}

/* A disk that hangs is not waited for without end, told to stop or not. */
static int64_t last_sync_ns(const struct pipeline *pipe)
{
    int64_t now = clock_mono_ns(), until = pipe->end_ns;
    if (!until)
        until = now + pipe->conf->settings->globals.shutdown_ns;
    return until > now + LAST_SYNC_NS ? until : now + LAST_SYNC_NS;
}

static void finish(struct pipeline *pipe)
{
    heartbeats_stop(&pipe->beats);
    tail_free(pipe->tail);
    pipe->tail = NULL; /* the output may have verdicts left */
    sampler_free(pipe->sampler);
    sender_free(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        sender_free(pipe->samples[no].lane.sender);
    own_stats_stop(&pipe->own);
    int64_t until_ns = last_sync_ns(pipe);
    lane_close_spool(&pipe->logs, until_ns);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        samples_close(&pipe->samples[no], until_ns);
    ledger_free(&pipe->ledger);
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
        heal_all(&pipe.intake);
        *status = rc ? EXIT_BUG : EXIT_TOLD;
        say_end(&pipe);
    }
    finish(&pipe);
    return rc;
}
