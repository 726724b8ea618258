/* syslog.c: lines of syslog, RFC 3164 ("<13>Oct 11 22:14:15 host app[7]: text", also without <..>, as files have it) and
 * RFC 5424 ("<13>1 2003-10-11T22:14:15.003Z host app 7 ID47 [a b=\"c\"] text"), as Beats' syslog reads them.
 *
 * Happy path: the head goes to log.syslog.*, its time to the event, the text behind it is the message.
 * Failure modes: a line without such a head is given on whole, with error.message unless add_error_key is false.
 * On close: nothing is held.
 */
#include "parse.h"

#include <posta/json_tree.h>

#include <stddef.h>

enum { FORMAT_AUTO, FORMAT_3164, FORMAT_5424 };
static const char *const formats[] = {"auto", "rfc3164", "rfc5424", NULL};

struct syslog {
    struct parser_env env;
    int format;
    char *timezone;
    bool add_error_key;
    struct zone zone;
    struct buf data; /* the structured data of a line */
    struct json_tree tree;
};

struct span {
    const char *at;
    size_t len;
};

struct head {
    int priority; /* -1 = none */
    int64_t time_ms;
    bool has_version;
    struct span host, app, pid, msg_id;
};

static int open_syslog(void *self, struct err *err)
{
    struct syslog *sys = self;
    return zone_parse(sys->timezone, &sys->zone, err);
}

static void close_syslog(void *self)
{
    struct syslog *sys = self;
    buf_free(&sys->data);
    json_tree_free(&sys->tree);
}

/* ---- pieces ---- */

static bool take_char(struct span *in, char c)
{
    if (in->len == 0 || *in->at != c)
        return false;
    in->at++;
    in->len--;
    return true;
}

static void skip(struct span *in, size_t n)
{
    in->at += n;
    in->len -= n;
}

static size_t run_until(const struct span *in, const char *stops)
{
    size_t n = 0;
    while (n < in->len && !(in->at[n] && strchr(stops, in->at[n])))
        n++;
    return n;
}

static struct span take_until(struct span *in, const char *stops)
{
    struct span word = {.at = in->at, .len = run_until(in, stops)};
    skip(in, word.len);
    return word;
}

/* "<191>": at most three digits. */
static int take_priority(struct span *in)
{
    int value = 0;
    size_t n = 1;
    if (in->len < 3 || *in->at != '<')
        return -1;
    for (; n < in->len && n < 4 && in->at[n] >= '0' && in->at[n] <= '9'; n++)
        value = value * 10 + (in->at[n] - '0');
    if (n == 1 || n >= in->len || in->at[n] != '>' || value > 191)
        return -1;
    skip(in, n + 1);
    return value;
}

static int64_t take_stamp(struct span *in, int64_t (*form)(const char **, const char *))
{
    const char *at = in->at;
    int64_t time_ms = form(&at, in->at + in->len);
    skip(in, (size_t)(at - in->at));
    return time_ms;
}

/* ---- RFC 3164 ---- */

/* "app[7]: " or "app: "; if it is not there, nothing is taken. */
static void take_tag(struct span *in, struct head *head)
{
    struct span rest = *in, app = take_until(&rest, " :["), pid = {.at = NULL};
    if (take_char(&rest, '[')) {
        pid = take_until(&rest, "]");
        if (!take_char(&rest, ']'))
            return;
    }
    if (app.len == 0 || !take_char(&rest, ':'))
        return;
    (void)take_char(&rest, ' ');
    head->app = app;
    head->pid = pid;
    *in = rest;
}

static bool take_3164(const struct syslog *sys, struct span *in, int64_t read_ms, struct head *head)
{
    const char *at = in->at;
    head->time_ms = stamp_bsd(&at, in->at + in->len, &sys->zone, read_ms);
    skip(in, (size_t)(at - in->at));
    if (head->time_ms == NO_STAMP)
        head->time_ms = take_stamp(in, stamp_rfc3339);
    if (head->time_ms == NO_STAMP || !take_char(in, ' '))
        return false;
    struct span rest = *in, host = take_until(&rest, " ");
    bool is_tag = host.len > 0 && (host.at[host.len - 1] == ':' || memchr(host.at, '[', host.len));
    if (!is_tag && host.len > 0 && take_char(&rest, ' ')) {
        head->host = host;
        *in = rest;
    }
    take_tag(in, head);
    return true;
}

/* ---- RFC 5424 ---- */

/* "-" is nothing. */
static bool take_field(struct span *in, struct span *word)
{
    *word = take_until(in, " ");
    if (word->len == 1 && *word->at == '-')
        word->len = 0;
    return take_char(in, ' ');
}

/* "text\"..": a value with its escapes \" \\ \]. */
static bool take_value(struct span *in, struct buf *out)
{
    if (!take_char(in, '"'))
        return false;
    buf_putc(out, '"');
    while (in->len > 0 && *in->at != '"') {
        size_t n = run_until(in, "\"\\");
        json_escape(out, in->at, n);
        skip(in, n);
        if (!take_char(in, '\\'))
            continue;
        bool is_escape = in->len > 0 && strchr("\"\\]", *in->at);
        json_escape(out, is_escape ? in->at : "\\", 1);
        skip(in, is_escape);
    }
    buf_putc(out, '"');
    return take_char(in, '"');
}

/* "[id a=\"b\" c=\"d\"]" */
static bool take_element(struct span *in, struct buf *out)
{
    struct span id = take_until(in, " ]");
    buf_putc(out, '"');
    json_escape(out, id.at, id.len);
    buf_puts(out, "\":{");
    for (size_t n = 0; take_char(in, ' '); n++) {
        struct span name = take_until(in, "= ]\"");
        buf_puts(out, n ? ",\"" : "\"");
        json_escape(out, name.at, name.len);
        buf_puts(out, "\":");
        if (name.len == 0 || !take_char(in, '=') || !take_value(in, out))
            return false;
    }
    buf_putc(out, '}');
    return take_char(in, ']');
}

static bool take_data(struct span *in, struct buf *out)
{
    if (take_char(in, '-'))
        return true;
    for (size_t n = 0; take_char(in, '['); n++) {
        buf_putc(out, n ? ',' : '{');
        if (!take_element(in, out))
            return false;
    }
    if (out->len == 0)
        return false;
    buf_putc(out, '}');
    return true;
}

static bool take_5424(struct syslog *sys, struct span *in, struct head *head)
{
    if (!take_char(in, '1') || !take_char(in, ' '))
        return false;
    head->has_version = true;
    head->time_ms = take_stamp(in, stamp_rfc3339);
    if (head->time_ms == NO_STAMP && take_char(in, '-'))
        head->time_ms = RECORD_NO_TIME;
    if (head->time_ms == NO_STAMP || !take_char(in, ' ') || !take_field(in, &head->host) ||
        !take_field(in, &head->app) || !take_field(in, &head->pid) ||
        !take_field(in, &head->msg_id) || !take_data(in, &sys->data))
        return false;
    if (in->len > 0 && !take_char(in, ' '))
        return false;
    if (in->len >= 3 && memcmp(in->at, "\xef\xbb\xbf", 3) == 0)
        skip(in, 3);
    return true;
}

/* ---- the event ---- */

static void put_text(struct buf *out, const char *before, struct span text)
{
    if (text.len == 0)
        return;
    buf_puts(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
    buf_puts(out, before);
    buf_puts(out, "\":\"");
    json_escape(out, text.at, text.len);
    buf_putc(out, '"');
}

static void put_priority(struct buf *out, int priority)
{
    static const char *const severities[] = {"Emergency", "Alert",  "Critical",      "Error",
                                             "Warning",   "Notice", "Informational", "Debug"};
    static const char *const facilities[] = {"kernel",
                                             "user-level",
                                             "mail",
                                             "system",
                                             "security/authorization",
                                             "syslogd",
                                             "line printer",
                                             "network news",
                                             "UUCP",
                                             "clock",
                                             "security/authorization",
                                             "FTP",
                                             "NTP",
                                             "log audit",
                                             "log alert",
                                             "clock",
                                             "local0",
                                             "local1",
                                             "local2",
                                             "local3",
                                             "local4",
                                             "local5",
                                             "local6",
                                             "local7"};
    if (priority < 0)
        return;
    buf_printf(out,
               "\"priority\":%d,\"facility\":{\"code\":%d,\"name\":\"%s\"},"
               "\"severity\":{\"code\":%d,\"name\":\"%s\"}",
               priority, priority >> 3, facilities[priority >> 3], priority & 7,
               severities[priority & 7]);
}

static void put_data(struct syslog *sys, struct buf *out)
{
    struct json_span span;
    struct err err;
    if (sys->data.len == 0 || json_check(sys->data.data, sys->data.len, &span, &err))
        return;
    json_tree_clear(&sys->tree);
    uint32_t root = json_tree_object(&sys->tree, &span); /* a name that comes twice: the last */
    if (sys->tree.is_full)
        return;
    buf_puts(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
    buf_puts(out, "structured_data\":");
    json_tree_write(&sys->tree, root, out);
}

static void put_head(struct syslog *sys, const struct head *head, struct fields *fields)
{
    struct buf *out = &fields->log;
    members_add(out, "\"syslog\":{", 10);
    put_priority(out, head->priority);
    put_text(out, "hostname", head->host);
    put_text(out, "appname", head->app);
    put_text(out, "procid", head->pid);
    put_text(out, "msgid", head->msg_id);
    put_data(sys, out);
    put_text(out, "version", (struct span) {.at = "1", .len = head->has_version});
    buf_putc(out, '}');
}

static bool take_head(struct syslog *sys, struct span *in, int64_t read_ms, struct head *head)
{
    buf_clear(&sys->data);
    head->priority = take_priority(in);
    bool is_5424 =
        sys->format == FORMAT_5424 || (sys->format == FORMAT_AUTO && head->priority >= 0 &&
                                       in->len >= 2 && in->at[0] == '1' && in->at[1] == ' ');
    if (is_5424)
        return head->priority >= 0 && take_5424(sys, in, head);
    return take_3164(sys, in, read_ms, head);
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    struct syslog *sys = self;
    struct span in = {.at = rec->text, .len = rec->len};
    struct head head = {.priority = -1};
    (void)state, (void)older;
    if (take_head(sys, &in, rec->read_ms, &head)) {
        put_head(sys, &head, rec->fields);
        rec->text = in.at;
        rec->len = in.len;
        if (head.time_ms != RECORD_NO_TIME)
            rec->time_ms = head.time_ms;
    } else if (sys->add_error_key) {
        fields_error(rec->fields, NULL,
                     "Error parsing syslog message: no head as in RFC 3164 or 5424");
    }
    emit->give(emit->arg, rec);
}

#define AT(field) .at = offsetof(struct syslog, field)
static const struct option options[] = {
    {.name = "format",
     .type = OPT_WORD,
     .words = formats,
     .def = "auto",
     AT(format),
     .doc = "Which RFC; auto looks at each line."},
    {.name = "timezone",
     .type = OPT_TEXT,
     .def = "Local",
     AT(timezone),
     .doc = "Zone of times that name none: Local (of this machine, or TZ), UTC, or an offset such "
            "as +02:00."},
    {.name = "add_error_key",
     .type = OPT_BOOL,
     .def = "true",
     AT(add_error_key),
     .doc = "Say in error.message that a line is no syslog."},
    {.name = "log_errors", .type = OPT_IGNORED, .doc = "posta logs nothing of what is in a line"},
    {0},
};

const struct parser syslog_parser = {
    .name = "syslog",
    .doc = "lines of syslog, RFC 3164 and 5424",
    .options = options,
    .size = sizeof(struct syslog),
    .open = open_syslog,
    .close = close_syslog,
    .take = take,
};
