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

/* Its tags and fields are those of a kind of events: topics may go by them. */
static void add_kind(struct settings *set, size_t i, struct problems *problems)
{
    struct monitor *monitor = &set->monitors[i];
    const struct monitor_settings *own = monitor->settings;
    struct input_settings *labels = &set->monitor_labels[i];
    struct err err;
    bool at_root = set->globals.fields_under_root || own->fields_under_root;
    *labels = (struct input_settings) {
        .tags = own->tags, .fields = own->fields, .fields_under_root = own->fields_under_root};
    if (at_root && (fields_check_names(set->globals.fields, own_names, &err) ||
                    fields_check_names(own->fields, own_names, &err)))
        problems_error(problems, NULL, "%s", err.text);
    kinds_add(set, EVENTS_HEARTBEATS, monitor->type->name, monitor->id, labels);
}

/* tags, fields, observer: the same in each of its events. */
static char *make_extra(const struct settings *set, size_t i)
{
    struct buf extra = BUF_INIT;
    buf_puts(&extra, set->kinds[set->first_monitor_kind + i].extra);
    put_observer(&set->globals, set->monitors[i].settings, &extra);
    char *text = mem_dup(buf_str(&extra));
    buf_free(&extra);
    return text;
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
    struct monitor *monitor = &set->monitors[set->n_monitors];
    snprintf(section, sizeof section, "heartbeat.monitors.%zu", i);
    set->n_monitors +=
        monitor_read(monitor, all_monitors, node, section, set->globals.cron_zone == 1, problems);
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
    set->monitor_labels = mem_zero(node_count(list), sizeof *set->monitor_labels);
    for (size_t i = 0; i < node_count(list); i++)
        read_one(set, node_at(list, i), i, problems);
    check_ids(set, problems);
    set->first_monitor_kind = (unsigned)set->n_kinds;
    for (size_t i = 0; i < set->n_monitors; i++)
        add_kind(set, i, problems);
}

void heartbeats_free(struct settings *set)
{
    for (size_t i = 0; i < set->n_monitors; i++)
        monitor_free(&set->monitors[i]);
    free(set->monitors);
    free(set->monitor_labels);
    set->monitors = NULL;
    set->monitor_labels = NULL;
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
    size_t i = (size_t)(beat->monitor - beats->settings->monitors);
    unsigned kind = beats->settings->first_monitor_kind + (unsigned)i;
    unsigned bits = beats->settings->kinds[kind].metadata;
    pulse_end(beats->agent, metadata_host(beats->samples->meta, bits), beats->extra[i],
              &beats->event);
    metadata_add_own(beats->samples->meta, bits, &beats->event);
    samples_put(beats->samples, kind, &beats->event);
}

int heartbeats_start(struct heartbeats *beats, struct loop *loop, const struct settings *settings,
                     struct err *err)
{
    uint64_t limit = settings->globals.checks_at_once;
    beats->settings = settings;
    beats->extra = mem_zero(settings->n_monitors, sizeof *beats->extra);
    for (size_t i = 0; i < settings->n_monitors; i++)
        beats->extra[i] = make_extra(settings, i);
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
    for (size_t i = 0; beats->extra && i < beats->settings->n_monitors; i++)
        free(beats->extra[i]);
    free(beats->extra);
    beats->extra = NULL;
}
