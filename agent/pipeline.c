/* pipeline.c: tail → spool → sender, and the order of starting and stopping.
 *
 * Happy path: what tail reads goes through the intake into the spool, the saver has it made durable, the sender takes it from
 * there. tail hears when marks became durable or delivered.
 * Failure modes: those of the parts (intake.c, saver.c, sender.c); a start that fails undoes what was started.
 * On close: see stopping.c; then the parts, those that give before those that take.
 */
#include "pipeline.h"

#include <posta/fs.h>
#include <posta/log.h>
#include <posta/supervisor.h>

struct lane *pipeline_lane(struct pipeline *pipe, enum event_lane no)
{
    struct lane *lane = &pipe->samples[no].lane;
    return lane->sender ? lane : NULL;
}

/* ---- the watermarks ---- */

/* Delivered and closed, a segment goes: there may be room. */
static void samples_changed(void *arg, bool marks_moved)
{
    struct pipeline *pipe = arg;
    (void)marks_moved; /* nobody waits for them */
    stopping_look(pipe);
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

/* ---- reports ---- */

static void fill_report(void *arg, struct report_row rows[static REPORT_PARTS_MAX])
{
    struct pipeline *pipe = arg;
    const struct output *output = pipe->conf->settings->output;
    const struct lane *metrics = pipeline_lane(pipe, EVENTS_METRICS),
                      *beats = pipeline_lane(pipe, EVENTS_HEARTBEATS);
    const struct report_row all[] = {
        {"tail", tail_stat_rows, tail_stats(pipe->tail)},
        {"spool", spool_stat_rows, spool_stats(pipe->logs.spool)},
        {"sender", sender_stat_rows, sender_stats(pipe->logs.sender)},
        {output->name, output->stat_rows, sender_output_stats(pipe->logs.sender)},
        {"samples_spool", spool_stat_rows, metrics ? spool_stats(metrics->spool) : NULL},
        {"samples_sender", sender_stat_rows, metrics ? sender_stats(metrics->sender) : NULL},
        {"kubernetes", api_stat_rows, metadata_stats(pipe->meta)},
        {"heartbeat", runner_stat_rows, heartbeats_stats(&pipe->beats)},
        {"heartbeats_spool", spool_stat_rows, beats ? spool_stats(beats->spool) : NULL},
        {"heartbeats_sender", sender_stat_rows, beats ? sender_stats(beats->sender) : NULL},
        {NULL, NULL, NULL},
    };
    memcpy(rows, all, sizeof all);
}

/* Samples count themselves: in the log they would be the only news. */
void pipeline_report(struct pipeline *pipe, struct buf *line)
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
    pipeline_report(pipe, &line);
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
    return (struct sender_config) {.settings = pipe->conf->settings,
                                   .identity = &pipe->identity,
                                   .beside = pipe->logs.sender,
                                   .meta = pipe->meta};
}

static int open_sender(struct pipeline *pipe, struct err *err)
{
    const struct sender_config config = sender_settings(pipe);
    pipe->intake =
        (struct intake) {.lane = &pipe->logs,
                         .at_full = (enum at_full)pipe->conf->settings->globals.spool_at_limit,
                         .settings = pipe->conf->settings,
                         .meta = pipe->meta};
    intake_init(&pipe->intake);
    return lane_open_sender(&pipe->logs, &config, err);
}

static int open_lanes(struct pipeline *pipe, struct err *err)
{
    const struct sender_config config = sender_settings(pipe);
    pipe->agent = sender_agent(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++) {
        pipe->samples[no] = (struct samples) {
            .lane = make_lane(pipe, samples_changed), .no = no, .meta = pipe->meta};
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
                                    .metadata = set->kinds[0].metadata,
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
    if (!pipeline_lane(pipe, EVENTS_METRICS))
        return 0;
    if (pipe->conf->settings->globals.metrics_events)
        start_own_stats(pipe);
    return sampler_new(&pipe->sampler, &sampling, err);
}

static int open_heartbeats(struct pipeline *pipe, struct err *err)
{
    pipe->beats =
        (struct heartbeats) {.samples = &pipe->samples[EVENTS_HEARTBEATS], .agent = &pipe->agent};
    if (!pipeline_lane(pipe, EVENTS_HEARTBEATS))
        return 0;
    return heartbeats_start(&pipe->beats, pipe->loop, pipe->conf->settings, err);
}

/* Its logs are known from before: what waits in the spool is to have what is known of them. */
static void note_sources(struct pipeline *pipe)
{
    const struct settings *set = pipe->conf->settings;
    for (struct source *src = spool_sources(pipe->logs.spool); src && pipe->meta; src = src->next) {
        const struct input_settings *in = settings_input(set, src);
        metadata_note(pipe->meta, in ? in->metadata : 0, src);
    }
}

static void metadata_changed(void *arg)
{
    struct pipeline *pipe = arg;
    if (pipe->logs.sender)
        sender_wake(pipe->logs.sender);
}

static bool is_all_sent(void *arg)
{
    struct pipeline *pipe = arg;
    return lane_is_delivered(&pipe->logs);
}

static int open_metadata(struct pipeline *pipe, struct err *err)
{
    const struct metadata_config config = {.loop = pipe->loop,
                                           .settings = pipe->conf->settings,
                                           .changed = metadata_changed,
                                           .is_all_sent = is_all_sent,
                                           .arg = pipe};
    if (metadata_new(&pipe->meta, &config, err))
        return -1;
    note_sources(pipe);
    return 0;
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

static void fill_status(struct pipeline *pipe)
{
    const char *trouble = pipe->conf->trouble;
    pipe->status = (struct agent_status) {.settings = pipe->conf->settings,
                                          .identity = &pipe->identity,
                                          .loop = pipe->loop,
                                          .ledger = &pipe->ledger,
                                          .logs = &pipe->logs,
                                          .samples = pipe->samples,
                                          .intake = &pipe->intake,
                                          .report = fill_report,
                                          .arg = pipe,
                                          .config_ok = !trouble && !pipe->conf->is_old,
                                          .trouble = trouble,
                                          .config_ok_s = trouble ? 0 : clock_wall_ns() / NS_PER_S};
}

/* Asked from the first turn of the loop on. A sidecar goes on without it: its lines come first. */
static int open_admin(struct pipeline *pipe, struct err *err)
{
    const struct settings *set = pipe->conf->settings;
    fill_status(pipe);
    if (!set->admin.enabled || pipe->conf->once)
        return 0;
    const struct admin_source source = status_source(&pipe->status);
    int rc = admin_open(&pipe->status.admin, pipe->loop, &set->admin, &source, err);
    if (rc == 0 || set->role != ROLE_SIDECAR)
        return rc;
    log_error("http", "%s; nobody can ask for health and metrics", err->text);
    return 0;
}

/* In this order: signals are blocked before the spool and librdkafka start threads, which inherit that; the data folder comes before the
 * spool in it; the output is opened before the first line is read, so that a wrong certificate stops the start; files last. */
static int start(struct pipeline *pipe, struct err *err)
{
    const struct globals *g = &pipe->conf->settings->globals;
    pipe->report = (struct loop_timer) {.fire = report, .arg = pipe};
    ledger_init(&pipe->ledger, pipe->conf->settings);
    if (loop_new(&pipe->loop, err) || stopping_init(pipe, err))
        return -1;
    if (fs_make_dirs(g->path_data, 0700, err) || open_logs(pipe, err) ||
        identity_load(&pipe->identity, g->path_data, err))
        return -1;
    if (open_metadata(pipe, err) || open_sender(pipe, err) || open_lanes(pipe, err) ||
        open_metrics(pipe, err) || open_admin(pipe, err) || open_tail(pipe, err) ||
        open_heartbeats(pipe, err))
        return -1;
    pipe->status.tail = pipe->tail;
    if (g->metrics_enabled && !pipe->conf->once)
        loop_set_timer(pipe->loop, &pipe->report, g->metrics_period_ns);
    stopping_look(pipe);
    return 0;
}

static void finish(struct pipeline *pipe)
{
    admin_close(pipe->status.admin);
    heartbeats_stop(&pipe->beats);
    tail_free(pipe->tail);
    pipe->tail = NULL; /* the output may have verdicts left */
    sampler_free(pipe->sampler);
    sender_free(pipe->logs.sender);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        sender_free(pipe->samples[no].lane.sender);
    own_stats_stop(&pipe->own);
    int64_t until_ns = stopping_last_sync_ns(pipe);
    lane_close_spool(&pipe->logs, until_ns);
    for (enum event_lane no = 0; no < EVENT_LANES; no++)
        samples_close(&pipe->samples[no], until_ns);
    ledger_free(&pipe->ledger);
    metadata_free(pipe->meta);
    buf_free(&pipe->last_report);
    loop_free(pipe->loop);
}

int pipeline_run(const struct pipeline_config *conf, struct pipeline_end *end, struct err *err)
{
    struct pipeline pipe = {.conf = conf, .end = end};
    *end = (struct pipeline_end) {.status = EXIT_START};
    int rc = start(&pipe, err);
    if (rc == 0) {
        supervisor_tell("READY=1");
        if (conf->started)
            conf->started(conf->arg);
        rc = loop_run(pipe.loop, err);
        end->status = rc ? EXIT_BUG : EXIT_TOLD;
        stopping_finish(&pipe);
    }
    finish(&pipe);
    return rc;
}
