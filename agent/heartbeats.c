/* heartbeats.c: heartbeat.monitors: read with the rest of the configuration, run beside the lines, told through a lane of their
 * own.
 *
 * Happy path: what the runner tells is framed as an event and goes the way of samples.
 * Failure modes: those of samples.c; a monitor that cannot be run is a problem of the configuration.
 * On close: checks that are running are given up.
 */
#include "agent.h"

#include <posta/json.h>

#include <stdlib.h>

/* What checks tell at the root of an event. */
static const char *const own_names[] = {
    "@timestamp", "@metadata", "event", "ecs",     "host",    "agent",    "tags",
    "fields",     "monitor",   "url",   "resolve", "service", "error",    "summary",
    "state",      "tcp",       "tls",   "http",    "icmp",    "observer", NULL};

/* ---- reading ---- */

static void put_observer(const struct globals *globals, const struct monitor_settings *own,
                         struct buf *out)
{
    const char *name = own->run_from ? own->run_from : globals->run_from;
    const struct node *geo = own->geo ? own->geo : globals->geo;
    if (!name && !geo)
        return;
    buf_printf(out, "%s\"observer\":{", out->len ? "," : "");
    if (name) {
        buf_puts(out, "\"name\":");
        json_string(out, name);
    }
    if (geo) {
        buf_puts(out, name ? ",\"geo\":" : "\"geo\":");
        fields_put_node(out, geo);
    }
    buf_putc(out, '}');
}

/* tags, fields, observer: the same in each of its events. */
static int make_extra(const struct globals *globals, struct monitor *monitor, struct err *err)
{
    const struct monitor_settings *own = monitor->settings;
    const struct input_settings as_input = {
        .tags = own->tags, .fields = own->fields, .fields_under_root = own->fields_under_root};
    bool at_root = globals->fields_under_root || own->fields_under_root;
    if (at_root && (fields_check_names(globals->fields, own_names, err) ||
                    fields_check_names(own->fields, own_names, err)))
        return -1;
    char *fields = fields_to_json(globals, &as_input, err);
    struct buf extra = BUF_INIT;
    if (!fields)
        return -1;
    buf_puts(&extra, fields);
    put_observer(globals, own, &extra);
    monitor->extra = mem_dup(buf_str(&extra));
    buf_free(&extra);
    free(fields);
    return 0;
}

static void check_ids(const struct settings *set, struct problems *problems)
{
    for (size_t i = 0; i < set->n_monitors; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(set->monitors[i].id, set->monitors[k].id) == 0) {
                problems_error(problems, set->monitors[i].node,
                               "two monitors have the id '%s': give each its own",
                               set->monitors[i].id);
                return;
            }
}

static void read_one(struct settings *set, const struct node *node, size_t i,
                     struct problems *problems)
{
    char section[48];
    struct err err;
    struct monitor *monitor = &set->monitors[set->n_monitors];
    snprintf(section, sizeof section, "heartbeat.monitors.%zu", i);
    if (!monitor_read(monitor, all_monitors, node, section, set->globals.cron_zone == 1, problems))
        return;
    set->n_monitors++;
    if (make_extra(&set->globals, monitor, &err))
        problems_error(problems, NULL, "%s", err.text);
}

void heartbeats_read(struct settings *set, struct problems *problems)
{
    const struct node *list = node_get(config_root(set->config), "heartbeat.monitors");
    if (node_kind(list) != NODE_NULL && node_kind(list) != NODE_LIST) {
        problems_error(problems, list, "heartbeat.monitors: expected a list of monitors, found %s",
                       node_kind_name(list));
        return;
    }
    set->monitors = mem_zero(node_count(list), sizeof *set->monitors);
    for (size_t i = 0; i < node_count(list); i++)
        read_one(set, node_at(list, i), i, problems);
    check_ids(set, problems);
}

void heartbeats_free(struct settings *set)
{
    for (size_t i = 0; i < set->n_monitors; i++)
        monitor_free(&set->monitors[i]);
    free(set->monitors);
    set->monitors = NULL;
    set->n_monitors = 0;
}

static const struct option *own_rows(const struct monitor_type *type)
{
    const struct option *rows = monitor_rows(type);
    for (const struct option *common = monitor_options; common->name; common++)
        rows++;
    return rows;
}

const struct config_section *heartbeat_sections(void)
{
    static struct config_section sections[8];
    static char names[8][64];
    for (size_t i = 0; all_monitors[i]; i++) {
        snprintf(names[i], sizeof names[i], "heartbeat.monitors[] (type: %s)",
                 all_monitors[i]->name);
        sections[i] = (struct config_section) {names[i], own_rows(all_monitors[i])};
    }
    return sections;
}

/* ---- running ---- */

static void give(void *arg, const struct heartbeat *beat)
{
    struct heartbeats *beats = arg;
    const struct pulse pulse = {.dataset = beat->monitor->type->name,
                                .is_summary = beat->is_last,
                                .time_ns = beat->wall_ns,
                                .number = beats->number++};
    pulse_begin(beats->agent, &pulse, &beats->event);
    buf_append(&beats->event, beat->members->data, beat->members->len);
    pulse_end(beats->agent, beat->monitor->extra, &beats->event);
    samples_put(beats->samples, &beats->event);
}

int heartbeats_start(struct heartbeats *beats, struct loop *loop, const struct settings *settings,
                     struct err *err)
{
    uint64_t limit = settings->globals.checks_at_once;
    const struct runner_config config = {.loop = loop,
                                         .monitors = settings->monitors,
                                         .n_monitors = settings->n_monitors,
                                         .limit = limit ? (unsigned)limit : CHECKS_AT_ONCE,
                                         .give = give,
                                         .arg = beats};
    return runner_start(&beats->runner, &config, err);
}

const struct runner_stats *heartbeats_stats(const struct heartbeats *beats)
{
    if (beats->runner)
        return runner_stats(beats->runner);
    return beats->stats.checks ? &beats->stats : NULL;
}

void heartbeats_stop(struct heartbeats *beats)
{
    if (beats->runner)
        beats->stats = *runner_stats(beats->runner);
    runner_stop(beats->runner);
    beats->runner = NULL;
    buf_free(&beats->event);
}
