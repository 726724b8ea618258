/* nginx.c: nginx.stubstatus: the page of ngx_http_stub_status_module.
 *
 *     Active connections: 2
 *     server accepts handled requests
 *      16 16 31
 *     Reading: 0 Writing: 1 Waiting: 1
 *
 * Failure modes: any other page is an error that says so. After a restart of nginx there is no `current`.
 */
#include "metrics.h"

#include <stddef.h>

struct stubstatus {
    struct metric_env env;
    char *path;
    struct web_options server;
    uint64_t requests_before;
};

struct figures {
    uint64_t active, accepts, handled, requests, reading, writing, waiting;
};

static int open_stubstatus(void *self, struct err *err)
{
    (void)err;
    ((struct stubstatus *)self)->requests_before = NO_VALUE;
    return 0;
}

static bool is_end(struct text line)
{
    while (line.at < line.end && (*line.at == ' ' || *line.at == '\r'))
        line.at++;
    return line.at == line.end;
}

static bool expect(struct text *line, const char *word)
{
    struct text found;
    return text_word(line, &found) && text_is(found, word);
}

static bool read_page(struct text text, struct figures *f)
{
    struct text line;
    if (!text_line(&text, &line) || !expect(&line, "Active") || !expect(&line, "connections:") ||
        !text_u64(&line, &f->active) || !is_end(line))
        return false;
    if (!text_line(&text, &line) || !expect(&line, "server") || !expect(&line, "accepts"))
        return false;
    if (!text_line(&text, &line) || !text_u64(&line, &f->accepts) ||
        !text_u64(&line, &f->handled) || !text_u64(&line, &f->requests))
        return false;
    return text_line(&text, &line) && expect(&line, "Reading:") && text_u64(&line, &f->reading) &&
           expect(&line, "Writing:") && text_u64(&line, &f->writing) && expect(&line, "Waiting:") &&
           text_u64(&line, &f->waiting);
}

static int read_stubstatus(void *self, const char *body, size_t len, const struct metric_sink *sink,
                           struct err *err)
{
    struct stubstatus *nginx = self;
    struct members *event = sink->event;
    struct figures f;
    if (!read_page((struct text) {body, body + len}, &f))
        return err_set(err, ERR_CORRUPT, "this is no page of nginx's stub_status%s",
                       memchr(body, '<', len) ? ": it is HTML; does server_status_path name it?"
                                              : "");
    event->prefix = "nginx.stubstatus";
    members_str(event, "hostname", nginx->env.host);
    members_u64(event, "active", f.active);
    members_u64(event, "accepts", f.accepts);
    members_u64(event, "handled", f.handled);
    members_u64(event, "dropped", grown(f.handled, f.accepts));
    members_u64(event, "requests", f.requests);
    members_u64(event, "current", grown(nginx->requests_before, f.requests));
    members_u64(event, "reading", f.reading);
    members_u64(event, "writing", f.writing);
    members_u64(event, "waiting", f.waiting);
    sink->give(sink->arg);
    nginx->requests_before = f.requests;
    return 0;
}

static const struct option options[] = {
    {.name = "server_status_path",
     .type = OPT_TEXT,
     .def = "nginx_status",
     .at = offsetof(struct stubstatus, path),
     .doc = "Path of the page, for hosts that name none."},
    {0},
};

#define N "nginx.stubstatus."
static const struct metric_field fields[] = {
    {N "hostname", "keyword", NULL, "Host and port that were asked."},
    {N "active", "long", "connections", "Open now, idle ones included."},
    {N "accepts", "long", "connections", "Accepted since nginx was started."},
    {N "handled", "long", "connections", "Of them, handled."},
    {N "dropped", "long", "connections", "Of them, dropped at a limit."},
    {N "requests", "long", "requests", "Since nginx was started."},
    {N "current", "long", "requests", "Since the last sample."},
    {N "reading", "long", "connections", "Whose request is being read."},
    {N "writing", "long", "connections", "Whose answer is being made or sent."},
    {N "waiting", "long", "connections", "Idle, kept alive."},
    {0},
};

static const struct metric_page page = {
    .default_host = "http://127.0.0.1",
    .path_at = offsetof(struct stubstatus, path),
    .server_at = offsetof(struct stubstatus, server),
    .read = read_stubstatus,
};

const struct metricset nginx_stubstatus_set = {
    .module = "nginx",
    .name = "stubstatus",
    .doc = "nginx's own counters, of its stub_status page.",
    .is_default = true,
    .options = options,
    .size = sizeof(struct stubstatus),
    .fields = fields,
    .open = open_stubstatus,
    .page = &page,
};
