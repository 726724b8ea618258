/* monitor.c: one of heartbeat.monitors, from its mapping to what the runner runs.
 *
 * Happy path: `type` says which table reads it; the type looks at its own options and makes URLs of hosts.
 * Failure modes: all that is wrong is gathered, each with its place.
 */
#include "heartbeat.h"

#include <posta/bytes.h>

#include <stdlib.h>
#include <string.h>

static const char *const modes[] = {"any", "all", NULL};

#define AT(field) .at = offsetof(struct monitor_settings, field)
const struct option monitor_options[] = {
    {.name = "type",
     .type = OPT_TEXT,
     .required = true,
     AT(type),
     .doc = "What is asked: http, tcp or icmp."},
    {.name = "id",
     .type = OPT_TEXT,
     AT(id),
     .doc =
         "monitor.id of the events; with several hosts a hash of the URL is put behind it. If not "
         "set, it is made of the configuration of the monitor."},
    {.name = "name", .type = OPT_TEXT, AT(name), .doc = "monitor.name of the events."},
    {.name = "service.name",
     .type = OPT_TEXT,
     AT(service_name),
     .doc = "service.name of the events."},
    {.name = "service_name",
     .type = OPT_TEXT,
     AT(old_service_name),
     .doc = "The same under its old name."},
    {.name = "enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(enabled),
     .doc = "false: the monitor is left out."},
    {.name = "schedule",
     .type = OPT_TEXT,
     .required = true,
     AT(schedule),
     .doc =
         "When: @every 10s, from the start of posta on; or a cron line of 5 to 7 fields, [second] "
         "minute hour day month weekday [year] (with 6 the last is the year), with lists, ranges, "
         "steps, names, L, W and #. A tick is skipped while the check before is still running."},
    {.name = "hosts", .type = OPT_LIST, AT(hosts), .doc = "Who is asked; see the type."},
    {.name = "mode",
     .type = OPT_WORD,
     .words = modes,
     .def = "any",
     AT(mode),
     .doc =
         "any: the first address of a host's name is asked, IPv4 before IPv6; all: each of them, "
         "with an event of its own."},
    {.name = "ipv4", .type = OPT_BOOL, .def = "true", AT(ipv4), .doc = "Ask IPv4 addresses."},
    {.name = "ipv6", .type = OPT_BOOL, .def = "true", AT(ipv6), .doc = "Ask IPv6 addresses."},
    {.name = "timeout",
     .type = OPT_DURATION,
     .def = "16s",
     .min = "1ms",
     .max = "1h",
     AT(timeout_ns),
     .doc = "A check that takes longer, from resolving the name to the last byte, is down."},
    {.name = "max_attempts",
     .type = OPT_COUNT,
     .def = "1",
     .min = "1",
     .max = "10",
     AT(max_attempts),
     .doc = "So many times, a second apart, a host is asked before it is down; each attempt is an "
            "event, summary.final_attempt tells the last one."},
    {.name = "tags",
     .type = OPT_LIST,
     AT(tags),
     .doc = "Tags of its events, behind the global ones."},
    {.name = "fields",
     .type = OPT_MAP,
     AT(fields),
     .doc = "Fields of its events; they go over global ones."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(fields_under_root),
     .doc = "Put fields at the top of the event."},
    {.name = "run_from.id",
     .type = OPT_TEXT,
     AT(run_from),
     .doc = "observer.name of the events: where it is asked from."},
    {.name = "run_from.geo", .type = OPT_MAP, AT(geo), .doc = "observer.geo of the events."},
    {.name = "maintenance_windows",
     .type = OPT_REFUSED,
     .doc = "leave the hours out of schedule with a cron line"},
    {.name = "processors",
     .type = OPT_REFUSED,
     .doc = "set tags and fields here, do the rest in Logstash"},
    {.name = "pipeline", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "index", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "data_stream", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "dataset", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "keep_null", .type = OPT_IGNORED, .doc = "posta makes no null fields"},
    {.name = "publisher_pipeline", .type = OPT_IGNORED, .doc = "host.name is always there"},
    {.name = "origin", .type = OPT_IGNORED, .doc = "it is for Kibana's own monitors"},
    {0},
};

/* ---- tables ---- */

static size_t add_rows(struct option *rows, size_t n, const struct option *more, const char *prefix,
                       size_t at)
{
    for (; more && more->name; more++) {
        if (strncmp(more->name, prefix, strlen(prefix)) != 0)
            continue;
        rows[n] = *more;
        rows[n++].at += at;
    }
    return n;
}

static size_t count_rows(const struct option *rows)
{
    size_t n = 0;
    while (rows && rows[n].name)
        n++;
    return n;
}

static struct option *make_rows(const struct monitor_type *type)
{
    size_t n =
        count_rows(monitor_options) + count_rows(type->options) + count_rows(web_client_options);
    struct option *rows = mem_zero(n + 1, sizeof *rows);
    n = add_rows(rows, 0, monitor_options, "", 0);
    n = add_rows(rows, n, type->options, "", 0);
    if (type->has_tls)
        add_rows(rows, n, web_client_options, "ssl.", type->web_at);
    return rows;
}

const struct option *monitor_rows(const struct monitor_type *type)
{
    static struct {
        const struct monitor_type *type;
        struct option *rows;
    } made[8];
    size_t i = 0;
    while (made[i].type && made[i].type != type)
        i++; /* there are fewer types */
    if (!made[i].type) {
        made[i].type = type;
        made[i].rows = make_rows(type);
    }
    return made[i].rows;
}

void urls_take(struct str_list *urls, char *text)
{
    urls->at = mem_grow(urls->at, urls->n + 1, sizeof *urls->at);
    urls->at[urls->n++] = text;
}

/* ---- the id ---- */

static void put_node(const struct node *node, struct buf *out)
{
    if (node_text(node))
        buf_puts(out, node_text(node));
    for (size_t i = 0; i < node_count(node); i++) {
        buf_printf(out, "{%s:", node_key(node, i) ? node_key(node, i) : "");
        put_node(node_at(node, i), out);
        buf_putc(out, '}');
    }
}

static char *make_id(const struct monitor *monitor)
{
    struct buf text = BUF_INIT;
    if (monitor->settings->id && *monitor->settings->id)
        return mem_dup(monitor->settings->id);
    put_node(monitor->node, &text);
    char *id = mem_printf("auto-%s-0X%016llX", monitor->type->name,
                          (unsigned long long)hash64(text.data, text.len));
    buf_free(&text);
    return id;
}

/* ---- reading ---- */

static const struct monitor_type *find_type(const struct monitor_type *const *types,
                                            const struct node *node, struct problems *problems)
{
    const struct node *at = node_get(node, "type");
    const char *name = node_text(at);
    for (; name && *types; types++)
        if (strcmp((*types)->name, name) == 0)
            return *types;
    if (!name)
        problems_error(problems, node, "heartbeat.monitors: type is missing: http, tcp or icmp");
    else if (strcmp(name, "browser") == 0 || strcmp(name, "synthetics/synthetic") == 0)
        problems_error(problems, at,
                       "type: browser: posta has no browser; keep Heartbeat for this monitor");
    else
        problems_error(problems, at, "type: '%s' is not known: http, tcp or icmp", name);
    return NULL;
}

static void check_urls(const struct monitor *monitor, struct problems *problems)
{
    const struct node *at = node_get(monitor->node, "hosts");
    struct url url;
    struct err err;
    if (monitor->urls.n == 0)
        problems_error(problems, at ? at : monitor->node, "hosts: name at least one");
    for (size_t i = 0; i < monitor->urls.n; i++) {
        if (url_parse(&url, monitor->urls.at[i], &err))
            problems_error(problems, at ? at : monitor->node, "hosts: %s", err.text);
        else
            url_free(&url);
    }
}

static void check(struct monitor *monitor, bool is_utc, struct problems *problems)
{
    struct monitor_settings *own = monitor->settings;
    const struct node *node = monitor->node;
    struct err err;
    size_t before = problems->n_errors;
    monitor->schedule.is_utc = is_utc;
    if (schedule_parse(&monitor->schedule, own->schedule, &err))
        problems_error(problems, node_get(node, "schedule"), "schedule: %s", err.text);
    if (!own->ipv4 && !own->ipv6)
        problems_error(problems, node, "ipv4 and ipv6 are both false: nobody could be asked");
    monitor->type->read(own, node, &monitor->urls, problems);
    if (problems->n_errors == before)
        check_urls(monitor, problems);
    if (!own->service_name) {
        own->service_name = own->old_service_name;
        own->old_service_name = NULL;
    }
    monitor->id = make_id(monitor);
}

bool monitor_read(struct monitor *monitor, const struct monitor_type *const *types,
                  const struct node *node, const char *section, bool is_utc,
                  struct problems *problems)
{
    *monitor = (struct monitor) {.node = node};
    if (!node_is_enabled(node) || !(monitor->type = find_type(types, node, problems)))
        return false;
    size_t before = problems->n_errors;
    monitor->rows = monitor_rows(monitor->type);
    monitor->settings = mem_zero(1, monitor->type->size);
    if (options_read(node, section, monitor->rows, monitor->settings, problems) == 0)
        check(monitor, is_utc, problems);
    if (problems->n_errors == before)
        return true;
    monitor_free(monitor);
    return false;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor->settings) {
        if (monitor->type->free)
            monitor->type->free(monitor->settings);
        options_free(monitor->rows, monitor->settings);
    }
    for (size_t i = 0; i < monitor->urls.n; i++)
        free(monitor->urls.at[i]);
    free(monitor->urls.at);
    free(monitor->settings);
    free(monitor->id);
    *monitor = (struct monitor) {.type = NULL};
}
