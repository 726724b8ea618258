/* status.c: is posta well, and has it begun its work? Neither depends on the output: an outage of Kafka must not have posta
 * restarted, nor a web server taken out of its service.
 *
 * Healthy: the loop turns (it answers), and what is read can be written to the spool. A spool that is full is fine.
 * Ready: lines are kept: every input can look into its folders, does not only meet logs that it may not open, and posta was not
 * told to stop. Once a log could be opened, another that cannot is said and no more: a rotation that makes a log with another mode
 * is to take no web server out of its service. A sidecar whose configuration is
 * wrong says so, and is ready all the same if it has inputs that keep their lines.
 */
#include "status.h"

/* Trouble with the disk that lasts so long is worth a restart. */
#define PATIENCE_NS (60 * NS_PER_S)
/* Tried again each second: longer ago, and it is over. */
#define LATELY_NS (10 * NS_PER_S)

static const char *const lane_names[STATUS_LANES] = {"logs", "metrics", "heartbeats"};

const char *status_lane_name(unsigned n)
{
    return lane_names[n];
}

struct lane *status_lane(const struct agent_status *status, unsigned n)
{
    struct lane *lane = n == 0                                        ? status->logs
                        : n < STATUS_LANES && status->samples != NULL ? &status->samples[n - 1].lane
                                                                      : NULL;
    return lane && lane->sender ? lane : NULL;
}

uint64_t status_counter(const struct report_row *rows, const char *part, const char *name)
{
    uint64_t value = 0;
    for (; rows->part; rows++)
        for (const struct stat_row *row = rows->rows; rows->stats && row && row->name; row++)
            if (strcmp(rows->part, part) == 0 && strcmp(row->name, name) == 0)
                value = stat_value(rows->stats, row->at);
    return value;
}

static bool lasts(const struct agent_status *status, const struct ailment *trouble)
{
    int64_t now_ns = loop_now(status->loop);
    return trouble->since_ns && now_ns - trouble->since_ns > PATIENCE_NS &&
           now_ns - trouble->last_ns < LATELY_NS;
}

static bool hangs(const struct agent_status *status, const struct saver *saver)
{
    return saver->begun_ns && loop_now(status->loop) - saver->begun_ns > PATIENCE_NS;
}

bool status_is_healthy(void *arg, struct buf *why)
{
    const struct agent_status *status = arg;
    if (status->intake && lasts(status, &status->intake->trouble))
        buf_puts(why,
                 "for more than a minute nothing could be written to the spool; the log says why");
    for (unsigned n = 0; why->len == 0 && n < STATUS_LANES; n++) {
        const struct lane *lane = status_lane(status, n);
        if (lane && (lasts(status, &lane->saver.trouble) || hangs(status, &lane->saver)))
            buf_printf(why, "for more than a minute the spool of %s could not be synced",
                       lane_names[n]);
    }
    return why->len == 0;
}

static bool are_attached(const struct agent_status *status, struct buf *why)
{
    for (size_t i = 0; i < status->settings->n_inputs; i++) {
        struct buf trouble = BUF_INIT;
        bool is = tail_is_attached(status->tail, i, &trouble);
        if (!is)
            buf_printf(why, "input %s: %s", status->settings->inputs[i].tail.id, buf_str(&trouble));
        buf_free(&trouble);
        if (!is)
            return false;
    }
    return true;
}

/* An input that meets only logs that it may not open is a mistake that should not be rolled out. */
static bool are_opened(const struct agent_status *status, struct buf *why)
{
    bool are = true;
    for (size_t i = 0; i < status->settings->n_inputs; i++) {
        struct buf first = BUF_INIT;
        size_t n = tail_refused(status->tail, i, &first);
        if (n > 0) {
            buf_printf(why, "%sinput %s: %zu log%s not read: %s", why->len ? "; " : "",
                       status->settings->inputs[i].tail.id, n, n == 1 ? " is" : "s are",
                       buf_str(&first));
            are &= tail_input_stats(status->tail, i)->files_followed > 0;
        }
        buf_free(&first);
    }
    return are;
}

bool status_is_ready(void *arg, struct buf *why)
{
    const struct agent_status *status = arg;
    if (status->is_stopping || !status->tail) {
        buf_puts(why, status->is_stopping ? "stopping" : "starting");
        return false;
    }
    if (!are_attached(status, why) || !are_opened(status, why))
        return false;
    if (status->trouble)
        buf_printf(why, "%snothing is delivered: %s", why->len ? "; " : "", status->trouble);
    return !status->trouble || status->settings->n_inputs > 0;
}

struct admin_source status_source(struct agent_status *status)
{
    return (struct admin_source) {.arg = status,
                                  .is_healthy = status_is_healthy,
                                  .is_ready = status_is_ready,
                                  .metrics = status_metrics,
                                  .about = status_about,
                                  .stats = status_stats};
}
