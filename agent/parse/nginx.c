/* nginx.c: nginx's access and error logs.
 *
 * Happy path: the format is written as in nginx.conf, `log_format` and all or only its text; each variable is a field of ECS or,
 * if there is none, of nginx.access. Values stay as nginx escaped them (\x22); with escape=json they are unescaped.
 * Failure modes: see web.c.
 * On close: web_close.
 */
#include "access.h"

#include <posta/json.h>

#include <ctype.h>
#include <string.h>

static const struct {
    const char *name;
    enum slot slot;
} variables[] = {
    {"remote_addr", SLOT_ADDRESS},
    {"remote_user", SLOT_USER},
    {"time_local", SLOT_CLF},
    {"time_iso8601", SLOT_ISO},
    {"msec", SLOT_EPOCH},
    {"request", SLOT_REQUEST},
    {"request_method", SLOT_METHOD},
    {"request_uri", SLOT_URL},
    {"uri", SLOT_PATH},
    {"document_uri", SLOT_PATH},
    {"args", SLOT_QUERY},
    {"query_string", SLOT_QUERY},
    {"server_protocol", SLOT_PROTOCOL},
    {"status", SLOT_STATUS},
    {"body_bytes_sent", SLOT_BODY_BYTES},
    {"bytes_sent", SLOT_BYTES},
    {"request_length", SLOT_REQUEST_BYTES},
    {"request_id", SLOT_REQUEST_ID},
    {"req_id", SLOT_REQUEST_ID},
    {"http_referer", SLOT_REFERRER},
    {"http_user_agent", SLOT_AGENT},
    {"http_x_forwarded_for", SLOT_FORWARDED},
    {"host", SLOT_HOST},
    {"http_host", SLOT_HOST},
    {"server_name", SLOT_HOST},
    {"server_port", SLOT_PORT},
    {"scheme", SLOT_SCHEME},
    {"request_time", SLOT_SECONDS},
    {"ssl_protocol", SLOT_TLS_PROTOCOL},
    {"ssl_cipher", SLOT_TLS_CIPHER},
};

static enum slot lookup(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strlen(variables[i].name) == len && memcmp(variables[i].name, name, len) == 0)
            return variables[i].slot;
    return SLOT_OTHER;
}

/* ---- formats ---- */

#define COMBINED                                                                                   \
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "             \
    "\"$http_referer\" \"$http_user_agent\""

static const char *const combined[] = {COMBINED, NULL};
static const char *const with_forwarded[] = {COMBINED " \"$http_x_forwarded_for\"", NULL};
static const char *const with_time[] = {
    COMBINED " $request_time", COMBINED " $request_time $upstream_response_time",
    COMBINED " \"$http_x_forwarded_for\" $request_time",
    COMBINED " \"$http_x_forwarded_for\" $request_time $upstream_response_time", NULL};
static const char *const with_host[] = {"$host:$server_port " COMBINED, "$host " COMBINED, NULL};
static const char *const all[] = {COMBINED,
                                  COMBINED " \"$http_x_forwarded_for\"",
                                  COMBINED " $request_time",
                                  COMBINED " $request_time $upstream_response_time",
                                  COMBINED " \"$http_x_forwarded_for\" $request_time",
                                  COMBINED " \"$http_x_forwarded_for\" $request_time "
                                           "$upstream_response_time",
                                  "$host:$server_port " COMBINED,
                                  "$host " COMBINED,
                                  NULL};

static const char *const *named(const char *name)
{
    static const struct {
        const char *name;
        const char *const *texts;
    } rows[] = {
        {"auto", all},        {"combined", combined}, {"main", with_forwarded},
        {"vhost", with_host}, {"time", with_time},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].texts;
    return NULL;
}

/* 'a' "b" \n 'c'; → abc: the texts of a directive, put together. */
static int join_texts(const char *at, struct buf *out, struct err *err)
{
    for (;;) {
        at += strspn(at, " \t\r\n");
        if (!*at || *at == ';')
            return 0;
        char quote = *at++;
        if (quote != '\'' && quote != '"')
            return err_set(err, ERR_CONFIG, "format: expected a text in quotes at '%.20s'", at - 1);
        for (; *at && *at != quote; at++)
            buf_putc(out, *at == '\\' && at[1] ? *++at : *at);
        if (*at++ != quote)
            return err_set(err, ERR_CONFIG, "format: a quote is missing at the end");
    }
}

/* "log_format name escape=json 'text' 'text';" or only the text. */
static int text_of(const char *format, struct buf *out, bool *is_json, struct err *err)
{
    static const char directive[] = "log_format", escape[] = "escape=";
    const char *at = format + strspn(format, " \t\r\n");
    *is_json = *at == '{';
    if (strncmp(at, directive, strlen(directive)) != 0) {
        buf_puts(out, at);
        return 0;
    }
    at += strlen(directive);
    at += strspn(at, " \t");
    at += strcspn(at, " \t\r\n"); /* its name */
    at += strspn(at, " \t\r\n");
    if (strncmp(at, escape, strlen(escape)) == 0) {
        at += strlen(escape);
        *is_json = strncmp(at, "json", 4) == 0;
        at += strcspn(at, " \t\r\n");
    }
    return join_texts(at, out, err);
}

static size_t name_len(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n;
}

/* Text and variables, $name or ${name}. */
static int compile_text(const char *text, struct access_format *format, struct err *err)
{
    const char *begin = text;
    size_t n_fields = 0;
    for (const char *at; (at = strchr(begin, '$')); n_fields++) {
        bool has_brace = at[1] == '{';
        const char *name = at + 1 + has_brace;
        size_t len = name_len(name);
        if (len == 0 || (has_brace && name[len] != '}'))
            return err_set(err, ERR_CONFIG, "format: no name of a variable at '%.20s'", at);
        enum slot slot = lookup(name, len);
        if (access_add(format, begin, (size_t)(at - begin), slot, name, len, err))
            return -1;
        begin = name + len + has_brace;
    }
    if (n_fields == 0)
        return err_set(err, ERR_CONFIG,
                       "format: '%s' is no name of a format and has no variable in it: write it as "
                       "in nginx.conf",
                       text);
    return access_add(format, begin, strlen(begin), SLOT_NOTHING, NULL, 0, err);
}

static int compile(const char *text, struct access_format *format, struct err *err)
{
    struct buf plain = BUF_INIT;
    int rc = text_of(text, &plain, &format->is_json, err);
    if (rc == 0)
        rc = compile_text(buf_str(&plain), format, err);
    buf_free(&plain);
    return rc;
}

/* ---- the error log: 2016/10/25 14:49:34 [error] 54053#0: *1 text ---- */

static bool take_number(const char **at, const char *end, struct span *number)
{
    *number = (struct span) {.at = *at, .len = 0};
    while (*at < end && isdigit((unsigned char)**at))
        ++*at;
    number->len = (size_t)(*at - number->at);
    return number->len > 0 && number->len < 19;
}

static bool take_text(const char **at, const char *end, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_level(const char **at, const char *end, struct span *level)
{
    *level = (struct span) {.at = *at, .len = 0};
    while (*at < end && isalpha((unsigned char)**at))
        ++*at;
    level->len = (size_t)(*at - level->at);
    return level->len > 0;
}

/* As numbers of JSON: no zeros in front. */
static void put_plain_number(struct buf *out, const char *before, struct span number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < number.len; i++)
        value = value * 10 + (uint64_t)(number.at[i] - '0');
    buf_puts(out, before);
    buf_put_u64(out, value);
}

static bool take_error(const struct web *web, struct record *rec)
{
    const char *at = rec->text, *end = at + rec->len;
    struct span level, pid, tid, connection = {.len = 0};
    int64_t time_ms = stamp_slashes(&at, end, &web->zone);
    if (time_ms == NO_STAMP || !take_text(&at, end, " [") || !take_level(&at, end, &level) ||
        !take_text(&at, end, "] ") || !take_number(&at, end, &pid) || !take_text(&at, end, "#") ||
        !take_number(&at, end, &tid) || !take_text(&at, end, ": "))
        return false;
    const char *text = at;
    if (take_text(&at, end, "*") && take_number(&at, end, &connection) && take_text(&at, end, " "))
        text = at;
    else
        connection.len = 0;
    struct buf root = BUF_INIT, log = BUF_INIT;
    put_plain_number(&root, "\"process\":{\"pid\":", pid);
    put_plain_number(&root, ",\"thread\":{\"id\":", tid);
    buf_puts(&root, "}}");
    if (connection.len) {
        put_plain_number(&root, ",\"nginx\":{\"error\":{\"connection_id\":", connection);
        buf_puts(&root, "}}");
    }
    members_add(&rec->fields->root, root.data, root.len);
    buf_printf(&log, "\"level\":\"%.*s\"", (int)level.len, level.at);
    members_add(&rec->fields->log, log.data, log.len);
    buf_free(&root);
    buf_free(&log);
    rec->time_ms = time_ms;
    rec->text = text;
    rec->len = (size_t)(end - text);
    web_put_timezone(web, rec);
    return true;
}

/* ---- the parser ---- */

#define ACCESS_EVENT                                                                               \
    "\"module\":\"nginx\",\"dataset\":\"nginx.access\",\"kind\":\"event\",\"category\":[\"web\"]," \
    "\"type\":["                                                                                   \
    "\"access\"]"

static const struct web_server server = {
    .access = {.name = "nginx",
               .event = ACCESS_EVENT,
               .event_len = sizeof ACCESS_EVENT - 1,
               .has_address_list = true},
    .error_event = "\"module\":\"nginx\",\"dataset\":\"nginx.error\",\"kind\":\"event\","
                   "\"category\":[\"web\"],\"type\":[\"error\"]",
    .lookup = lookup,
    .named = named,
    .compile = compile,
    .error = take_error,
};

static int open_nginx(void *self, struct err *err)
{
    return web_open(self, &server, err);
}

static void close_nginx(void *self)
{
    web_close(self);
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    (void)state, (void)older;
    web_take(self, &server, rec, emit);
}

const struct parser nginx_parser = {
    .name = "nginx",
    .doc = "access and error logs of nginx",
    .options = web_options,
    .size = sizeof(struct web),
    .open = open_nginx,
    .close = close_nginx,
    .take = take,
};
