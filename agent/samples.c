/* samples.c: events that posta makes itself, on their way: a lane for samples and one for heartbeats, below the spool's folder.
 *
 * Happy path: an event is a line of its kind's source in the lane's spool, with its own time; while the output is away it
 * waits there.
 * Failure modes: the share of the spool is full: the oldest events of the lane go, counted and said. The disk is full or broken: the new
 * one goes.
 * On close: what is not delivered is in the spool.
 */
#include "agent.h"

#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>

enum { SMALLEST_BYTES = 256 * 1024, SEGMENTS = 4 };

const struct event_lane_names event_lanes[EVENT_LANES] = {
    [EVENTS_METRICS] = {"metrics", "metricbeat", "samples", "_metrics"},
    [EVENTS_HEARTBEATS] = {"heartbeats", "heartbeat", "heartbeats", "_heartbeats"},
};

uint64_t samples_share(const struct globals *g, enum event_lane no)
{
    uint64_t share = g->spool_max_bytes / 100 * g->share[no];
    return share > SMALLEST_BYTES ? share : SMALLEST_BYTES;
}

static int open_spool(struct samples *samples, const struct settings *settings, struct err *err)
{
    const struct globals *g = &settings->globals;
    const char *folder = event_lanes[samples->no].folder;
    char *path = mem_printf("%s/%s", g->spool_path, folder);
    uint64_t share = samples_share(g, samples->no), part = share / SEGMENTS;
    const struct spool_config config = {
        .path = path,
        .max_bytes = share,
        .segment_bytes = part < g->spool_segment_bytes ? part : g->spool_segment_bytes,
        .sync_mode = settings_sync_mode(settings)};
    int rc = spool_clear_folder(g->spool_path, folder, err);
    if (rc == 0)
        rc = lane_open_spool(&samples->lane, &config, g->spool_sync_ns, err);
    free(path);
    return rc;
}

static int find_source(struct samples *samples, const struct sample_kind *kind, struct source **src,
                       struct err *err)
{
    char input[32];
    struct spool *spool = samples->lane.spool;
    snprintf(input, sizeof input, "%s", event_lanes[samples->no].folder);
    const struct source proto = {
        .id = {.ino = hash64(kind->key, strlen(kind->key))}, .path = kind->key, .input = input};
    *src = spool_source_by_id(spool, &proto.id);
    return *src ? 0 : spool_add_source(spool, &proto, src, err);
}

static int find_sources(struct samples *samples, const struct settings *settings, struct err *err)
{
    samples->sources = mem_zero(settings->n_kinds, sizeof *samples->sources);
    for (size_t i = 0; i < settings->n_kinds; i++)
        if (settings->kinds[i].lane == samples->no &&
            find_source(samples, &settings->kinds[i], &samples->sources[i], err))
            return -1;
    return 0;
}

int samples_open(struct samples *samples, const struct sender_config *config, struct err *err)
{
    struct sender_config own = *config;
    own.has_events = true;
    own.lane = samples->no;
    if (open_spool(samples, config->settings, err) || find_sources(samples, config->settings, err))
        return err_wrap(err, "the spool of %s", event_lanes[samples->no].what);
    return lane_open_sender(&samples->lane, &own, err);
}

void samples_close(struct samples *samples, int64_t until_ns)
{
    lane_close_spool(&samples->lane, until_ns);
    free(samples->sources);
}

static void book(struct samples *samples, size_t n_bytes, enum ledger_term term)
{
    struct ledger *ledger = samples->lane.ledger;
    if (!ledger)
        return;
    unsigned row = ledger_row_of_lane(ledger, samples->no);
    ledger_add(ledger, row, LEDGER_READ, n_bytes, 1);
    ledger_add(ledger, row, term, n_bytes, 1);
}

void samples_put(struct samples *samples, unsigned kind, struct buf *event)
{
    struct source *src = samples->sources[kind];
    struct err err;
    buf_putc(event, '\n');
    const struct chunk chunk = {.from = src->offset,
                                .to = src->offset + event->len,
                                .read_ns = clock_wall_ns(),
                                .bytes = event->data,
                                .len = event->len};
    enum ledger_term term = LEDGER_SPOOLED;
    while (spool_append(samples->lane.spool, src, &chunk, &err)) {
        if (err.kind == ERR_FULL && sender_drop_oldest(samples->lane.sender))
            continue;
        spool_drop_newest(samples->lane.spool, src, &chunk);
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "samples", "%s: one of the %s is dropped",
                    err.text, event_lanes[samples->no].what);
        term = LEDGER_DROPPED_NEWEST;
        break;
    }
    book(samples, chunk.len, term);
    lane_appended(&samples->lane, event->len);
}
