/* access_fields.c: what an access log says, as fields of ECS, named as Elastic's packages for nginx and Apache name them.
 *
 * Happy path: each group of fields that has a value is written once, in a fixed order.
 * Failure modes: what is not there, or "-", makes no field; a request line that is none is kept as <server>.access.info.
 * On close: nothing is held.
 */
#include "access.h"
#include "writer.h"

#include <string.h>

/* ---- writing ---- */

/* From JSON's escapes to JSON's escapes: so that bytes that are no UTF-8, and half surrogates, are seen to. */
static void put_unescaped(struct writer *w, struct span value)
{
    struct buf text = BUF_INIT, quoted = BUF_INIT;
    struct json_span span;
    struct err err;
    buf_putc(&quoted, '"');
    buf_append(&quoted, value.at, value.len);
    buf_putc(&quoted, '"');
    if (json_check(quoted.data, quoted.len, &span, &err) == 0 && span.type == JSON_STRING)
        json_text(span, &text);
    else
        buf_append(&text, value.at, value.len);
    writer_room(w, 6 * text.len + WRITER_SLACK);
    w->at = json_escape_at(w->at, text.data, text.len);
    buf_free(&quoted);
    buf_free(&text);
}

/* In steps of 16 bytes, which may go beyond the value, not beyond the line. */
static void put_plain(struct writer *w, struct span value)
{
    if (value.at + (value.len + 15) / 16 * 16 > w->plain) {
        memcpy(w->at, value.at, value.len);
    } else {
        for (size_t i = 0; i < value.len; i += 16)
            memcpy(w->at + i, value.at + i, 16);
    }
    w->at += value.len;
}

static void put_value(struct writer *w, struct span value)
{
    if (w->plain) {
        writer_room(w, value.len + WRITER_SLACK);
        put_plain(w, value);
        return;
    }
    if (w->is_json && memchr(value.at, '\\', value.len)) {
        put_unescaped(w, value);
        return;
    }
    writer_room(w, 6 * value.len + WRITER_SLACK);
    w->at = json_escape_at(w->at, value.at, value.len);
}

#define TEXT(w, name, value)                                                                       \
    do {                                                                                           \
        if ((value).len) {                                                                         \
            PUT(w, "\"" name "\":\"");                                                             \
            put_value(w, value);                                                                   \
            PUT(w, "\",");                                                                         \
        }                                                                                          \
    } while (0)

/* Digits, at most 20: the slack has room for them. */
#define NUMBER(w, name, value)                                                                     \
    do {                                                                                           \
        if ((value).len) {                                                                         \
            PUT(w, "\"" name "\":");                                                               \
            writer_raw(w, (value).at, (value).len);                                                \
            PUT(w, ",");                                                                           \
        }                                                                                          \
    } while (0)

static void put_source(struct writer *w, const struct client *client, struct span port)
{
    size_t source = OPEN(w, "\"source\":{");
    TEXT(w, "address", client->address);
    if (client->is_ip)
        TEXT(w, "ip", client->address);
    NUMBER(w, "port", port);
    CLOSE(w, source, "\"source\":{");
}

void access_put_source(struct buf *out, struct span address, struct span port)
{
    struct writer w = {.is_json = false};
    struct client client = {.address = address, .is_ip = access_is_ip(address)};
    writer_begin(&w, out);
    put_source(&w, &client, port);
    writer_end(&w);
}

/* ---- the URL ---- */

static struct span cut_at(struct span *text, char c)
{
    const char *at = memchr(text->at, c, text->len);
    struct span rest = {.at = at ? at + 1 : NULL,
                        .len = at ? (size_t)(text->at + text->len - at) - 1 : 0};
    if (at)
        text->len = (size_t)(at - text->at);
    return rest;
}

static bool is_port(struct span port)
{
    return port.len > 0 && port.len <= 5 && access_is_number(port) && *port.at != '0' &&
           !memchr(port.at, '.', port.len);
}

/* "http://host:8080/path" → scheme, domain, port; path becomes the path. What is no such URL ("host:443", "*") has none. */
static void put_authority(struct writer *w, struct span *path)
{
    const char *colon = memchr(path->at, ':', path->len);
    size_t n = colon ? (size_t)(colon - path->at) : 0;
    if (!colon || path->len - n < 3 || memcmp(colon, "://", 3) != 0) {
        path->len = 0;
        return;
    }
    struct span scheme = {.at = path->at, .len = n};
    struct span host = {.at = colon + 3, .len = path->len - n - 3}, whole = host;
    (void)cut_at(&host, '/');
    *path = (struct span) {.at = host.at + host.len, .len = whole.len - host.len};
    struct span domain = host, port = {.len = 0};
    if (host.len && *host.at != '[')
        port = cut_at(&domain, ':');
    TEXT(w, "scheme", scheme);
    TEXT(w, "domain", domain);
    if (is_port(port))
        NUMBER(w, "port", port);
}

static struct span extension_of(struct span path)
{
    const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;
    if (!slash)
        return (struct span) {.len = 0};
    const char *end = path.at + path.len;
    const char *dot = memrchr(slash, '.', (size_t)(end - slash));
    if (!dot || dot + 1 == end)
        return (struct span) {.len = 0};
    return (struct span) {.at = dot + 1, .len = (size_t)(end - dot - 1)};
}

static void put_url_parts(struct writer *w, const struct access_line *line, struct span original)
{
    struct span path = original, query = {.len = 0}, fragment = {.len = 0};
    if (original.len) {
        if (*original.at != '/')
            put_authority(w, &path);
        fragment = cut_at(&path, '#');
        query = cut_at(&path, '?');
    } else {
        path = line->slots[SLOT_PATH];
        query = line->slots[SLOT_QUERY];
        if (query.len && *query.at == '?')
            query.at++, query.len--;
    }
    struct span extension = extension_of(path);
    TEXT(w, "path", path);
    TEXT(w, "extension", extension);
    TEXT(w, "query", query);
    TEXT(w, "fragment", fragment);
}

static void put_url(struct writer *w, const struct access_line *line, struct span original)
{
    size_t url = OPEN(w, "\"url\":{");
    TEXT(w, "original", original);
    put_url_parts(w, line, original);
    if (!original.len || *original.at == '/')
        TEXT(w, "scheme", line->slots[SLOT_SCHEME]);
    CLOSE(w, url, "\"url\":{");
}

/* ---- groups ---- */

static void put_http(struct writer *w, const struct span *slots, const struct request *req)
{
    size_t http = OPEN(w, "\"http\":{");
    size_t request = OPEN(w, "\"request\":{");
    TEXT(w, "method", req->method);
    TEXT(w, "referrer", slots[SLOT_REFERRER]);
    TEXT(w, "id", slots[SLOT_REQUEST_ID]);
    NUMBER(w, "bytes", slots[SLOT_REQUEST_BYTES]);
    CLOSE(w, request, "\"request\":{");
    TEXT(w, "version", req->version);
    size_t response = OPEN(w, "\"response\":{");
    NUMBER(w, "status_code", slots[SLOT_STATUS]);
    NUMBER(w, "bytes", slots[SLOT_BYTES]);
    size_t body = OPEN(w, "\"body\":{");
    NUMBER(w, "bytes", slots[SLOT_BODY_BYTES]);
    CLOSE(w, body, "\"body\":{");
    CLOSE(w, response, "\"response\":{");
    CLOSE(w, http, "\"http\":{");
}

/* "TLSv1.3" */
static void put_tls(struct writer *w, const struct span *slots)
{
    struct span protocol = slots[SLOT_TLS_PROTOCOL], version = {.len = 0};
    if (access_begins(protocol, "TLSv") || access_begins(protocol, "SSLv"))
        version = (struct span) {.at = protocol.at + 4, .len = protocol.len - 4};
    size_t tls = OPEN(w, "\"tls\":{");
    TEXT(w, "cipher", slots[SLOT_TLS_CIPHER]);
    TEXT(w, "version", version);
    if (version.len && *protocol.at == 'T')
        PUT(w, "\"version_protocol\":\"tls\",");
    else if (version.len)
        PUT(w, "\"version_protocol\":\"ssl\",");
    CLOSE(w, tls, "\"tls\":{");
}

static void put_destination(struct writer *w, const struct span *slots)
{
    struct span host = slots[SLOT_HOST];
    bool is_address = access_is_ip(host);
    size_t destination = OPEN(w, "\"destination\":{");
    if (is_address)
        TEXT(w, "ip", host);
    else
        TEXT(w, "domain", host);
    NUMBER(w, "port", slots[SLOT_PORT]);
    CLOSE(w, destination, "\"destination\":{");
}

static void put_network(struct writer *w, const struct span *slots)
{
    struct span list = slots[SLOT_FORWARDED], first = access_next_address(&list);
    if (slots[SLOT_ADDRESS].len == 0 || !access_is_ip(first))
        return;
    size_t network = OPEN(w, "\"network\":{");
    TEXT(w, "forwarded_ip", first);
    CLOSE(w, network, "\"network\":{");
}

/* ["a"], */
static void put_one_in_list(struct writer *w, struct span value)
{
    PUT(w, "[\"");
    put_value(w, value);
    PUT(w, "\"],");
}

static void put_related(struct writer *w, const struct client *client, struct span user)
{
    size_t related = OPEN(w, "\"related\":{");
    if (client->is_ip) {
        PUT(w, "\"ip\":");
        put_one_in_list(w, client->address);
    }
    if (user.len) {
        PUT(w, "\"user\":");
        put_one_in_list(w, user);
    }
    CLOSE(w, related, "\"related\":{");
}

static void put_address_list(struct writer *w, const struct client *client)
{
    struct span list = client->list, one = access_next_address(&list);
    if (!access_is_ip(one))
        return;
    PUT(w, "\"remote_ip_list\":[");
    for (; one.len; one = access_next_address(&list)) {
        PUT(w, "\"");
        put_value(w, one);
        PUT(w, "\",");
    }
    w->at[-1] = ']';
    PUT(w, ",");
}

static void put_other(struct writer *w, const struct access_other *other)
{
    writer_room(w, 6 * other->name_len + WRITER_SLACK);
    PUT(w, "\"");
    w->at = json_escape_at(w->at, other->name, other->name_len);
    PUT(w, "\":\"");
    put_value(w, other->value);
    PUT(w, "\",");
}

static bool has_other(const struct access_line *line, const char *name)
{
    for (size_t i = 0; i < line->n_others; i++)
        if (line->others[i].name_len == strlen(name) &&
            memcmp(line->others[i].name, name, strlen(name)) == 0)
            return true;
    return false;
}

/* "nginx":{"access":{..}} */
static void put_server(struct writer *w, const struct access_server *server,
                       const struct access_line *line, const struct client *client, bool has_method)
{
    PUT(w, "\"");
    writer_raw(w, server->name, strlen(server->name));
    size_t begin = OPEN(w, "\":{"), inside = OPEN(w, "\"access\":{");
    bool has_list = server->has_address_list && !has_other(line, "remote_ip_list");
    if (has_list && client->has_list) {
        put_address_list(w, client);
    } else if (has_list && client->is_ip) {
        PUT(w, "\"remote_ip_list\":");
        put_one_in_list(w, client->address);
    }
    if (!has_method && !has_other(line, "info"))
        TEXT(w, "info", line->slots[SLOT_REQUEST]);
    for (size_t i = 0; i < line->n_others; i++)
        put_other(w, &line->others[i]);
    writer_close(w, inside, sizeof("\"access\":{") - 1);
    bool is_empty = (size_t)(w->at - w->out->data) == inside;
    writer_close(w, begin, sizeof("\":{") - 1);
    if (is_empty)
        w->at -= strlen(server->name) + 1;
}

/* ---- event ---- */

/* "0.123" seconds → ns, digits only. */
static uint64_t decimal_ns(struct span text, uint64_t unit_ns)
{
    uint64_t value = 0, scale = 0;
    for (size_t i = 0; i < text.len && scale < 1000000000; i++) {
        if (text.at[i] == '.') {
            scale = 1;
            continue;
        }
        value = value * 10 + (uint64_t)(text.at[i] - '0');
        scale *= 10;
    }
    return scale > 1 ? value * (unit_ns / scale) : value * unit_ns;
}

static void put_duration(struct buf *event, const struct span *slots)
{
    static const struct {
        enum slot slot;
        uint64_t unit_ns;
    } rows[] = {{SLOT_MICROS, 1000}, {SLOT_MILLIS, 1000000}, {SLOT_SECONDS, 1000000000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span value = slots[rows[i].slot];
        if (value.len == 0 || value.len > 10)
            continue;
        buf_puts(event, ",\"duration\":");
        buf_put_u64(event, decimal_ns(value, rows[i].unit_ns));
        return;
    }
}

static void put_event(struct buf *event, const struct access_server *server,
                      const struct span *slots)
{
    struct span status = slots[SLOT_STATUS];
    members_add(event, server->event, server->event_len);
    if (status.len)
        buf_puts(event,
                 *status.at >= '4' ? ",\"outcome\":\"failure\"" : ",\"outcome\":\"success\"");
    put_duration(event, slots);
}

void access_put(const struct access_server *server, const struct access_line *line, bool is_json,
                struct fields *fields)
{
    const struct span *slots = line->slots;
    struct writer out = {.is_json = is_json, .plain = line->plain}, *w = &out;
    struct request req = access_request_of(line);
    struct client client =
        access_client_of(slots[SLOT_ADDRESS].len ? slots[SLOT_ADDRESS] : slots[SLOT_FORWARDED]);
    put_event(&fields->event, server, slots);
    writer_begin(w, &fields->root);
    put_source(w, &client, (struct span) {.len = 0});
    size_t of_user = OPEN(w, "\"user\":{");
    TEXT(w, "name", slots[SLOT_USER]);
    CLOSE(w, of_user, "\"user\":{");
    put_http(w, slots, &req);
    put_url(w, line, req.url);
    size_t user_agent = OPEN(w, "\"user_agent\":{");
    TEXT(w, "original", slots[SLOT_AGENT]);
    CLOSE(w, user_agent, "\"user_agent\":{");
    if (slots[SLOT_HOST].len || slots[SLOT_PORT].len)
        put_destination(w, slots);
    if (slots[SLOT_TLS_PROTOCOL].len || slots[SLOT_TLS_CIPHER].len)
        put_tls(w, slots);
    if (slots[SLOT_FORWARDED].len)
        put_network(w, slots);
    put_related(w, &client, slots[SLOT_USER]);
    put_server(w, server, line, &client, req.method.len > 0);
    writer_end(w);
}
