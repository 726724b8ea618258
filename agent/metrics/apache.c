/* apache.c: apache.status: the page of mod_status as text (?auto).
 *
 * Happy path: "Key: value" lines; those that are known become fields, the scoreboard is counted.
 * Failure modes: a page without them is an error that says so: the page for people lacks ?auto. What a version or a setting
 * (ExtendedStatus Off) has not is left out.
 */
#include "metrics.h"

#include <stddef.h>

struct status {
    struct metric_env env;
    char *path;
    struct web_options server;
};

/* In the order of the event. */
static const struct row {
    const char *key, *name;
    bool is_float;
} rows[] = {
    {"Total Accesses", "total_accesses", false},
    {"Total kBytes", "total_kbytes", false},
    {"ReqPerSec", "requests_per_sec", true},
    {"BytesPerSec", "bytes_per_sec", true},
    {"BytesPerReq", "bytes_per_request", true},
    {"BusyWorkers", "workers.busy", false},
    {"IdleWorkers", "workers.idle", false},
    {"ServerUptimeSeconds", "uptime.server_uptime", false},
    {"Uptime", "uptime.uptime", false},
    {"CPULoad", "cpu.load", true},
    {"CPUUser", "cpu.user", true},
    {"CPUSystem", "cpu.system", true},
    {"CPUChildrenUser", "cpu.children_user", true},
    {"CPUChildrenSystem", "cpu.children_system", true},
    {"ConnsTotal", "connections.total", false},
    {"ConnsAsyncWriting", "connections.async.writing", false},
    {"ConnsAsyncKeepAlive", "connections.async.keep_alive", false},
    {"ConnsAsyncClosing", "connections.async.closing", false},
    {"Load1", "load.1", true},
    {"Load5", "load.5", true},
    {"Load15", "load.15", true},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct {
    char letter;
    const char *name;
} places[] = {
    {'S', "scoreboard.starting_up"},
    {'R', "scoreboard.reading_request"},
    {'W', "scoreboard.sending_reply"},
    {'K', "scoreboard.keepalive"},
    {'D', "scoreboard.dns_lookup"},
    {'C', "scoreboard.closing_connection"},
    {'L', "scoreboard.logging"},
    {'G', "scoreboard.gracefully_finishing"},
    {'I', "scoreboard.idle_cleanup"},
    {'.', "scoreboard.open_slot"},
    {'_', "scoreboard.waiting_for_connection"},
};
enum { PLACES = sizeof places / sizeof *places };

struct figures {
    struct text values[ROWS];
    struct text scoreboard;
};

static struct text trimmed(struct text text)
{
    while (text.at < text.end && *text.at == ' ')
        text.at++;
    while (text.at < text.end && (text.end[-1] == '\r' || text.end[-1] == ' '))
        text.end--;
    return text;
}

static void read_line(struct text line, struct figures *f)
{
    struct text key;
    if (!memchr(line.at, ':', text_len(line)) || !text_until(&line, ':', &key))
        return;
    if (text_is(key, "Scoreboard"))
        f->scoreboard = trimmed(line);
    for (size_t i = 0; i < ROWS; i++)
        if (text_is(key, rows[i].key))
            f->values[i] = trimmed(line);
}

static void put_row(struct members *event, const struct row *row, struct text value)
{
    uint64_t whole;
    double number;
    if (row->is_float && text_to_float(value, &number))
        members_exact(event, row->name, number);
    else if (!row->is_float && text_to_u64(value, &whole))
        members_u64(event, row->name, whole);
}

static void put_scoreboard(struct members *event, struct text board)
{
    uint64_t total = 0;
    for (size_t i = 0; i < PLACES; i++) {
        uint64_t n = 0;
        for (const char *at = board.at; at < board.end; at++)
            n += *at == places[i].letter;
        members_u64(event, places[i].name, n);
        total += n;
    }
    members_u64(event, "scoreboard.total", total);
}

static int read_status(void *self, const char *body, size_t len, const struct metric_sink *sink,
                       struct err *err)
{
    const struct status *apache = self;
    struct members *event = sink->event;
    struct figures f = {.scoreboard = {NULL, NULL}};
    struct text text = {body, body + len}, line;
    while (text_line(&text, &line))
        read_line(line, &f);
    if (!f.scoreboard.at)
        return err_set(err, ERR_CORRUPT, "this is no page of Apache's mod_status as text%s",
                       memchr(body, '<', len) ? ": it is HTML; add ?auto to the URL in hosts" : "");
    event->prefix = "apache.status";
    members_str(event, "hostname", apache->env.host);
    for (size_t i = 0; i < ROWS; i++)
        put_row(event, &rows[i], f.values[i]);
    put_scoreboard(event, f.scoreboard);
    sink->give(sink->arg);
    return 0;
}

static const struct option options[] = {
    {.name = "server_status_path",
     .type = OPT_TEXT,
     .def = "server-status",
     .at = offsetof(struct status, path),
     .doc = "Path of the page, for hosts that name none; ?auto is added to it."},
    {0},
};

#define A "apache.status."
static const struct metric_field fields[] = {
    {A "hostname", "keyword", NULL, "Host and port that were asked."},
    {A "total_accesses", "long", "requests", "Since Apache was started."},
    {A "total_kbytes", "long", "KB", "Sent since Apache was started."},
    {A "requests_per_sec", "float", NULL, "On average since Apache was started."},
    {A "bytes_per_sec", "float", NULL, "On average since Apache was started."},
    {A "bytes_per_request", "float", NULL, "On average since Apache was started."},
    {A "workers.busy", "long", "workers", "With a request."},
    {A "workers.idle", "long", "workers", "Without."},
    {A "uptime.server_uptime", "long", "s", "Since Apache was started."},
    {A "uptime.uptime", "long", "s", "Since Apache was started."},
    {A "cpu.load", "float", "percent of 100", "CPU time of one CPU since the start."},
    {A "cpu.user", "float", "s", "CPU time of the program."},
    {A "cpu.system", "float", "s", "CPU time of the kernel for it."},
    {A "cpu.children_user", "float", "s", "CPU time of children that have ended."},
    {A "cpu.children_system", "float", "s", "CPU time of the kernel for them."},
    {A "connections.total", "long", "connections", "Open now."},
    {A "connections.async.writing", "long", "connections", "Whose answer is being sent."},
    {A "connections.async.keep_alive", "long", "connections", "Idle, kept alive."},
    {A "connections.async.closing", "long", "connections", "That are being closed."},
    {A "load.1", "float", NULL, "Load average of the machine, of 1 minute."},
    {A "load.5", "float", NULL, "Of 5 minutes."},
    {A "load.15", "float", NULL, "Of 15 minutes."},
    {A "scoreboard.starting_up", "long", "workers", "That start."},
    {A "scoreboard.reading_request", "long", "workers", "That read a request."},
    {A "scoreboard.sending_reply", "long", "workers", "That send an answer."},
    {A "scoreboard.keepalive", "long", "workers", "That wait on a kept connection."},
    {A "scoreboard.dns_lookup", "long", "workers", "That look up a name."},
    {A "scoreboard.closing_connection", "long", "workers", "That close a connection."},
    {A "scoreboard.logging", "long", "workers", "That log."},
    {A "scoreboard.gracefully_finishing", "long", "workers", "That finish."},
    {A "scoreboard.idle_cleanup", "long", "workers", "That are being taken down."},
    {A "scoreboard.open_slot", "long", "workers", "That are not there and could be."},
    {A "scoreboard.waiting_for_connection", "long", "workers", "That wait for a connection."},
    {A "scoreboard.total", "long", "workers", "All of these."},
    {0},
};

static const struct metric_page page = {
    .default_host = "http://127.0.0.1",
    .query = "auto",
    .path_at = offsetof(struct status, path),
    .server_at = offsetof(struct status, server),
    .read = read_status,
};

const struct metricset apache_status_set = {
    .module = "apache",
    .name = "status",
    .doc = "Apache's own counters, of its mod_status page.",
    .is_default = true,
    .options = options,
    .size = sizeof(struct status),
    .fields = fields,
    .page = &page,
};
