/* own_stats.c: posta's counters as events (logging.metrics.events): one each period, dataset posta.stats.
 *
 * Happy path: the rows of all parts become "posta":{"stats":{"tail":{..},"spool":{..},..}} and go the way of samples.
 * Failure modes: those of samples.c.
 * On close: a last one, of what was counted up to then.
 */
#include "agent.h"

#include <stdlib.h>

static void put_stats(struct own_stats *own, struct buf *out)
{
    struct report_row rows[REPORT_PARTS_MAX];
    own->report(own->arg, rows);
    buf_puts(out, "\"posta\":{\"stats\":{");
    report_json(out, rows);
    buf_puts(out, "}}");
}

void own_stats_send(struct own_stats *own)
{
    const struct sample sample = {.module = "posta",
                                  .set = "stats",
                                  .period_ns = own->period_ns,
                                  .time_ns = clock_wall_ns(),
                                  .number = own->number++,
                                  .host = metadata_host(own->samples->meta, own->metadata)};
    struct buf event = BUF_INIT;
    sample_begin(own->agent, &sample, &event);
    put_stats(own, &event);
    sample_end(own->agent, &sample, own->extra, &event);
    metadata_add_own(own->samples->meta, own->metadata, &event);
    samples_put(own->samples, own->kind, &event);
    buf_free(&event);
}

static void fire(void *arg)
{
    struct own_stats *own = arg;
    own_stats_send(own);
    loop_set_timer(own->loop, &own->timer, own->period_ns);
}

void own_stats_start(struct own_stats *own)
{
    own->timer = (struct loop_timer) {.fire = fire, .arg = own};
    loop_set_timer(own->loop, &own->timer, own->period_ns);
}

void own_stats_stop(struct own_stats *own)
{
    if (own->loop)
        loop_cancel_timer(own->loop, &own->timer);
}
