/* options.c: what the top of the configuration and an input can be told, and the tables of all parts by section. */
#include "agent.h"

#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>

static const char *const levels[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const sync_modes[] = {"interval", "always", "never", NULL};
static const char *const at_limit[] = {"block", "drop_oldest", "drop_newest", NULL};
static const char *const zones[] = {"local", "UTC", NULL};
static const char *const input_types[] = {"filestream", "log", NULL};

#define AT(field) .at = offsetof(struct globals, field)
static const struct option global_options[] = {
    {.name = "name",
     .type = OPT_TEXT,
     AT(name),
     .doc = "Name of this posta in host.name and agent.name; the host's if not set."},
    {.name = "tags", .type = OPT_LIST, AT(tags), .doc = "Tags of every event."},
    {.name = "fields", .type = OPT_MAP, AT(fields), .doc = "Fields of every event."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(fields_under_root),
     .doc = "Put fields at the top of the event, not below `fields`."},
    {.name = "path.data",
     .type = OPT_TEXT,
     .def = "/var/lib/posta",
     AT(path_data),
     .doc = "Folder of the spool and of posta's identity."},
    {.name = "system.hostfs",
     .type = OPT_TEXT,
     AT(hostfs),
     .doc = "Where the host's root is mounted, in a container that looks at its host: put before "
            "/proc, /sys and /etc when something is measured."},
    {.name = "path.home", .type = OPT_IGNORED, .doc = "posta needs no home"},
    {.name = "path.config", .type = OPT_IGNORED, .doc = "give --path.config on the command line"},
    {.name = "path.logs", .type = OPT_IGNORED, .doc = "posta logs to standard error"},
    {.name = "logging.level",
     .type = OPT_WORD,
     .words = levels,
     .def = "info",
     AT(log_level),
     .doc = "Least level of posta's own log lines."},
    {.name = "logging.json",
     .type = OPT_BOOL,
     .def = "false",
     AT(log_json),
     .doc = "Log JSON lines, as Beats do."},
    {.name = "logging.selectors",
     .type = OPT_LIST,
     AT(log_selectors),
     .doc = "Parts whose debug lines are shown; all if not set."},
    {.name = "logging.metrics.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(metrics_enabled),
     .doc = "Log the counters that changed."},
    {.name = "logging.metrics.period",
     .type = OPT_DURATION,
     .def = "30s",
     .min = "100ms",
     AT(metrics_period_ns),
     .doc = "How often."},
    {.name = "logging.metrics.events",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(metrics_events),
     .doc =
         "Send the counters as an event as well, each period, where the lines go; event.dataset is "
         "posta.stats, agent.type metricbeat."},
    {.name = "logging.metrics.namespaces", .type = OPT_IGNORED, .doc = "all counters are shown"},
    {.name = "logging.to_stderr",
     .type = OPT_IGNORED,
     .doc = "posta always logs to standard error"},
    {.name = "logging.to_files",
     .type = OPT_IGNORED,
     .doc = "posta logs to standard error; the journal or the container engine keeps it"},
    {.name = "logging.to_syslog",
     .type = OPT_IGNORED,
     .doc = "posta logs to standard error; the journal or the container engine keeps it"},
    {.name = "logging.files", .type = OPT_IGNORED, .doc = "posta logs to standard error"},
    {.name = "shutdown.deadline",
     .type = OPT_DURATION,
     .def = "5s",
     .max = "1h",
     .own = true,
     AT(shutdown_ns),
     .doc = "How long SIGTERM may wait for what is read to be delivered; the rest stays in the "
            "spool."},
    {.name = "shutdown.wait_for_writers",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(wait_for_writers),
     .doc = "SIGTERM: follow the logs until no writer has them open any more, or until little of "
            "shutdown.deadline is left; true with --role sidecar, where the writers end too."},
    {.name = "shutdown.termination_log",
     .type = OPT_TEXT,
     .def = "/dev/termination-log",
     .own = true,
     AT(termination_log),
     .doc = "Where the reason of an end that left something behind is written, if the file is "
            "there; Kubernetes shows it as the container's last state."},
    {.name = "filebeat.shutdown_timeout", .type = OPT_IGNORED, .doc = "set shutdown.deadline"},
    {.name = "filebeat.registry", .type = OPT_IGNORED, .doc = "positions are in the spool"},
    {.name = "queue.disk.path",
     .type = OPT_TEXT,
     AT(spool_path),
     .doc = "Folder of the spool; if not set, `spool` in path.data."},
    {.name = "queue.disk.max_size",
     .type = OPT_BYTES,
     .def = "10GB",
     .min = "1MB",
     AT(spool_max_bytes),
     .doc = "Largest size of the spool; at_limit says what happens when it is reached."},
    {.name = "queue.disk.at_limit",
     .type = OPT_WORD,
     .words = at_limit,
     .def = "block",
     .own = true,
     AT(spool_at_limit),
     .doc = "When the spool, or its disk, is full: block, and the files keep what is not read; "
            "drop_oldest: the oldest segment is given up; drop_newest: what is read is given up. "
            "What is dropped is counted and said."},
    {.name = "queue.disk.segment_size",
     .type = OPT_BYTES,
     .def = "16MB",
     .min = "64KB",
     .max = "1GB",
     AT(spool_segment_bytes),
     .doc = "Size of one file of the spool; at most a quarter of max_size is used. Beats' default "
            "is a tenth of max_size."},
    {.name = "queue.disk.sync",
     .type = OPT_WORD,
     .words = sync_modes,
     .def = "interval",
     .own = true,
     AT(spool_sync),
     .doc = "When the spool is synced to disk: each sync_interval; always, at once, and nothing is "
            "sent before it is durable; or never. It matters for power cuts only."},
    {.name = "queue.disk.sync_interval",
     .type = OPT_DURATION,
     .def = "50ms",
     .max = "10s",
     .own = true,
     AT(spool_sync_ns),
     .doc = "How long what was read may wait to be synced to disk; a kill loses nothing of it, a "
            "power cut may."},
    {.name = "queue.disk.share.metrics",
     .type = OPT_COUNT,
     .def = "5",
     .min = "1",
     .max = "50",
     .own = true,
     AT(share[EVENTS_METRICS]),
     .doc = "Percent of max_size that samples may take, 256KB at least, and lines may not: no kind "
            "crowds "
            "out another. When it is full the oldest samples go. Only taken off when there are "
            "samples."},
    {.name = "queue.disk.share.heartbeats",
     .type = OPT_COUNT,
     .def = "5",
     .min = "1",
     .max = "50",
     .own = true,
     AT(share[EVENTS_HEARTBEATS]),
     .doc = "The same for the events of heartbeat.monitors."},
    {.name = "queue.disk.read_ahead", .type = OPT_IGNORED, .doc = "the spool is read in blocks"},
    {.name = "queue.disk.write_ahead",
     .type = OPT_IGNORED,
     .doc = "what is read is written at once"},
    {.name = "queue.disk.retry_interval",
     .type = OPT_IGNORED,
     .doc = "posta tries again each second"},
    {.name = "queue.disk.max_retry_interval",
     .type = OPT_IGNORED,
     .doc = "posta tries again each second"},
    {.name = "queue.mem.max_size",
     .type = OPT_BYTES,
     .def = "4MB",
     .min = "256KB",
     .own = true,
     AT(memory_bytes),
     .doc = "With queue.mem (in place of queue.disk) lines are not copied to a spool: they wait in "
            "their files, so many bytes of them in memory, and only positions are kept on disk."},
    {.name = "queue.mem.events", .type = OPT_IGNORED, .doc = "set queue.mem.max_size, in bytes"},
    {.name = "queue.mem.flush", .type = OPT_IGNORED, .doc = "the output makes its batches"},
    {.name = "queue.mem.immediate_shutdown", .type = OPT_IGNORED, .doc = "set shutdown.deadline"},
    {.name = "heartbeat.scheduler.limit",
     .type = OPT_COUNT,
     .def = "0",
     .max = "512",
     AT(checks_at_once),
     .doc = "So many checks at once; others wait. 0: 512."},
    {.name = "heartbeat.scheduler.location",
     .type = OPT_WORD,
     .words = zones,
     .def = "local",
     AT(cron_zone),
     .doc =
         "Time zone of cron lines in schedules: local, which TZ says; or UTC. Where clocks change, "
         "what they leave out does not come, and what they repeat comes twice."},
    {.name = "heartbeat.run_from.id",
     .type = OPT_TEXT,
     AT(run_from),
     .doc = "observer.name of all heartbeats, if their monitor has no run_from.id."},
    {.name = "heartbeat.run_from.geo",
     .type = OPT_MAP,
     AT(geo),
     .doc = "observer.geo of all heartbeats, if their monitor has no run_from.geo."},
    {.name = "heartbeat.config",
     .type = OPT_REFUSED,
     .doc = "put the monitors into heartbeat.monitors, or give more files with -c"},
    {.name = "heartbeat.run_once",
     .type = OPT_REFUSED,
     .doc = "posta asks by schedule; posta --once makes no checks"},
    {.name = "heartbeat.jobs", .type = OPT_IGNORED, .doc = "set heartbeat.scheduler.limit"},
    {.name = "heartbeat.publish_timeout", .type = OPT_IGNORED, .doc = "set shutdown.deadline"},
    {.name = "heartbeat.autodiscover",
     .type = OPT_REFUSED,
     .doc = "name the hosts in heartbeat.monitors"},
    {.name = "max_procs", .type = OPT_IGNORED, .doc = "posta does its work in one thread"},
    {.name = "timestamp.precision", .type = OPT_IGNORED, .doc = "times are in milliseconds"},
    {0},
};

const char *const taken_elsewhere[] = {"filebeat.inputs",
                                       "filebeat.modules",
                                       "metricbeat.modules",
                                       "heartbeat.monitors",
                                       "http",
                                       "output",
                                       "processors",
                                       NULL};

/* Beats' other sections, each with what to say. Read with the global table: they are all at the top. */
static const struct option foreign_options[] = {
    {.name = "setup",
     .type = OPT_IGNORED,
     .doc = "Elasticsearch and Kibana are set up from elsewhere"},
    {.name = "monitoring", .type = OPT_IGNORED, .doc = "posta sends nothing to Elastic"},
    {.name = "cloud", .type = OPT_REFUSED, .doc = "posta delivers to Kafka: set output.kafka"},
    {.name = "instrumentation", .type = OPT_IGNORED, .doc = "posta is not traced"},
    {.name = "filebeat.config",
     .type = OPT_REFUSED,
     .doc = "put the inputs into filebeat.inputs, or give more files with -c"},
    {.name = "filebeat.autodiscover",
     .type = OPT_REFUSED,
     .doc = "name the files in filebeat.inputs"},
    {.name = "metricbeat.config",
     .type = OPT_REFUSED,
     .doc = "put the modules into metricbeat.modules, or give more files with -c"},
    {.name = "metricbeat.autodiscover",
     .type = OPT_REFUSED,
     .doc = "name the hosts in metricbeat.modules"},
    {.name = "metricbeat.max_start_delay",
     .type = OPT_IGNORED,
     .doc = "the first sample is taken at once"},
    {.name = "metricbeat.timeseries", .type = OPT_IGNORED, .doc = "events carry no time series id"},
    {0},
};

#undef AT
#define AT(field) .at = offsetof(struct input_settings, field)
static const struct option input_options[] = {
    {.name = "type",
     .type = OPT_WORD,
     .words = input_types,
     .def = "filestream",
     AT(type),
     .doc = "Kind of input; log is read as filestream."},
    {.name = "tags",
     .type = OPT_LIST,
     AT(tags),
     .doc = "Tags of the input's events, behind the global ones."},
    {.name = "fields",
     .type = OPT_MAP,
     AT(fields),
     .doc = "Fields of the input's events; they go over global ones."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(fields_under_root),
     .doc = "Put fields at the top of the event."},
    {.name = "parsers",
     .type = OPT_NODES,
     AT(parsers),
     .doc = "What lines go through, in this order: a list of multiline, container, ndjson, syslog, "
            "include_message, nginx, apache, each with its options below it."},
    {.name = "processors",
     .type = OPT_NODES,
     AT(processors),
     .doc = "add_host_metadata and add_kubernetes_metadata, for this input's events only; see "
            "processors at the top."},
    {.name = "include_lines",
     .type = OPT_LIST,
     AT(include_lines),
     .doc =
         "Regular expressions (RE2); behind the parsers, what none of them matches is left out."},
    {.name = "exclude_lines",
     .type = OPT_LIST,
     AT(exclude_lines),
     .doc =
         "Regular expressions (RE2); behind include_lines, what one of them matches is left out."},
    {.name = "multiline", .type = OPT_REFUSED, .doc = "write it as parsers: - multiline: {..}"},
    {.name = "json", .type = OPT_REFUSED, .doc = "write it as parsers: - ndjson: {..}"},
    {.name = "pipeline", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "index", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "keep_null", .type = OPT_IGNORED, .doc = "posta makes no null fields"},
    {.name = "publisher_pipeline", .type = OPT_IGNORED, .doc = "host.name is always there"},
    {0},
};

/* ---- tables ---- */

static struct option *joined_rows(const struct option *a, const struct option *b)
{
    size_t n_a = 0, n_b = 0;
    while (a[n_a].name)
        n_a++;
    while (b[n_b].name)
        n_b++;
    struct option *rows = mem_zero(n_a + n_b + 1, sizeof *rows);
    memcpy(rows, a, n_a * sizeof *rows);
    memcpy(rows + n_a, b, n_b * sizeof *rows);
    return rows;
}

const struct option *input_rows(void)
{
    static struct option *rows;
    if (!rows)
        rows = joined_rows(tail_options, input_options);
    return rows;
}

const struct option *top_rows(void)
{
    static struct option *rows;
    if (!rows)
        rows = joined_rows(global_options, foreign_options);
    return rows;
}

const struct config_section *parser_sections(void)
{
    static struct config_section rows[16];
    static char names[16][64];
    size_t n = 0;
    for (size_t i = 0; all_parsers[i]; i++) {
        snprintf(names[n], sizeof names[n], "filebeat.inputs[].parsers[].%s", all_parsers[i]->name);
        rows[n] = (struct config_section) {names[n], all_parsers[i]->options};
        n++;
    }
    rows[n] = (struct config_section) {"filebeat.modules[].access", module_rows()};
    return rows;
}

enum { SECTIONS_MAX = 32 };

/* "output.kafka" and what it reads itself. */
static size_t add_output(struct config_section *rows, const struct output *output)
{
    size_t n = 0;
    rows[n++] = (struct config_section) {mem_printf("output.%s", output->name), output->options};
    for (const struct config_section *own = output->sections; own && own->rows; own++)
        rows[n++] = (struct config_section) {mem_printf("output.%s.%s", output->name, own->name),
                                             own->rows};
    return n;
}

const struct config_section *settings_sections(void)
{
    static struct config_section rows[SECTIONS_MAX];
    if (rows[0].rows)
        return rows;
    size_t n = 0;
    rows[n++] = (struct config_section) {"", top_rows()};
    rows[n++] = (struct config_section) {"http", admin_options};
    rows[n++] = (struct config_section) {"filebeat.inputs[]", input_rows()};
    rows[n++] = (struct config_section) {"metricbeat.modules[]", metric_common_rows()};
    rows[n++] = (struct config_section) {"heartbeat.monitors[]", monitor_options};
    rows[n++] =
        (struct config_section) {"heartbeat.monitors[].check.response.json[]", json_rule_options};
    for (size_t i = 0; all_outputs[i]; i++)
        n += add_output(rows + n, all_outputs[i]);
    return rows;
}
