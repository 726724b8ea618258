/* http.c: does a web server answer, and as expected.
 *
 * Happy path: the request is made, of a connection of its own; the answer is looked at when all of it is there.
 * Failure modes: not reached, not in time, no HTTP, a certificate that is not believed, an answer without end: error.type io;
 * another answer than expected: validate.
 * On close: the request is given up.
 */
#include "heartbeat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* An answer that is larger has no end. */
#define ANSWER_MAX_BYTES (UINT64_C(100) * 1024 * 1024)
enum { KEPT_LEAST_BYTES = 1024 /* to see what it looks like */ };

enum include_body { BODY_NEVER, BODY_ON_ERROR, BODY_ALWAYS };
static const char *const include_words[] = {"never", "on_error", "always", NULL};
static const char *const compressions[] = {"gzip", NULL};

struct http {
    struct monitor_settings common;
    struct web_options web;
    struct str_list urls;
    uint64_t max_redirects;
    char *method;
    const struct node *headers;
    char *body;
    int compression;
    uint64_t compression_level;
    int include_body; /* enum include_body */
    bool include_headers;
    uint64_t include_body_max_bytes, check_body_max_bytes;
    struct http_expected expected;
    /* Made of them: */
    struct http_checks checks;
    char **header_lines; /* ends with NULL */
    struct buf sent_body;
};

struct fetch {
    struct probe *probe;
    const struct http *http;
    struct web_call *call;
    struct http_digest *digest;
};

/* ---- reading ---- */

static void add_urls(const struct http *http, const struct str_list *list, const struct node *node,
                     struct str_list *urls, struct problems *problems)
{
    bool wants_tls = node_get(node, "ssl") && http->web.tls.enabled != 0;
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->at[i];
        bool is_http = strncasecmp(text, "http://", 7) == 0,
             is_https = strncasecmp(text, "https://", 8) == 0;
        if (!is_http && !is_https && strstr(text, "://"))
            problems_error(problems, node_get(node, "hosts"),
                           "hosts: '%s' begins with neither http:// nor https://", text);
        else if (is_http || is_https)
            urls_take(urls, mem_printf("%s%s", is_https ? "https" : "http", strchr(text, ':')));
        else
            urls_take(urls, mem_printf("%s://%s", wants_tls ? "https" : "http", text));
    }
}

static void add_line(struct http *http, size_t *n, char *line)
{
    http->header_lines = mem_grow(http->header_lines, *n + 2, sizeof *http->header_lines);
    http->header_lines[(*n)++] = line;
    http->header_lines[*n] = NULL;
}

/* What libcurl would add to a request with a body, and nobody has asked for, is left out. */
static void make_headers(struct http *http, struct problems *problems)
{
    size_t n = 0;
    bool has_type = false;
    for (size_t i = 0; i < node_count(http->headers); i++) {
        const char *name = node_key(http->headers, i),
                   *value = node_text(node_at(http->headers, i));
        if (!value || strpbrk(value, "\r\n") || strpbrk(name, "\r\n: ")) {
            problems_error(problems, node_at(http->headers, i),
                           "check.request.headers: '%s' must have one text as its value", name);
            continue;
        }
        has_type |= strcasecmp(name, "Content-Type") == 0;
        add_line(http, &n, *value ? mem_printf("%s: %s", name, value) : mem_printf("%s;", name));
    }
    if (http->compression == 0 && http->body)
        add_line(http, &n, mem_dup("Content-Encoding: gzip"));
    if (!has_type)
        add_line(http, &n, mem_dup("Content-Type:"));
    add_line(http, &n, mem_dup("Expect:"));
}

static bool compress_body(struct buf *out, const char *body, int level)
{
    z_stream stream = {.zalloc = Z_NULL};
    size_t len = strlen(body);
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, len);
    buf_reserve(out, bound);
    stream.next_in = (unsigned char *)(uintptr_t)body;
    stream.avail_in = (unsigned)len;
    stream.next_out = (unsigned char *)out->data;
    stream.avail_out = (unsigned)bound;
    bool is_whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out->len = stream.total_out;
    deflateEnd(&stream);
    return is_whole;
}

static void make_body(struct http *http, const struct node *node, struct problems *problems)
{
    if (!http->body || !*http->body)
        return;
    if (http->compression < 0)
        buf_puts(&http->sent_body, http->body);
    else if (!compress_body(&http->sent_body, http->body, (int)http->compression_level))
        problems_error(problems, node, "check.request.body cannot be compressed");
}

static void check_method(struct http *http, const struct node *node, struct problems *problems)
{
    static const char *const known[] = {"GET",    "HEAD",    "POST",  "PUT",
                                        "DELETE", "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(http->method, known[i]) == 0) {
            free(http->method);
            http->method = mem_dup(known[i]);
            return;
        }
    problems_error(
        problems, node_get(node, "check.request.method"),
        "check.request.method: '%s' is not known: GET, HEAD, POST, PUT, DELETE, OPTIONS, "
        "TRACE, PATCH",
        http->method);
}

static void read_http(void *self, const struct node *node, struct str_list *urls,
                      struct problems *problems)
{
    struct http *http = self;
    struct err err;
    add_urls(http, &http->common.hosts, node, urls, problems);
    add_urls(http, &http->urls, node, urls, problems);
    check_method(http, node, problems);
    make_headers(http, problems);
    make_body(http, node, problems);
    http_checks_read(&http->checks, &http->expected, node, problems);
    http->web.proxy_disable = !http->web.proxy_url;
    if (web_check(&http->web, &err))
        problems_error(problems, node, "%s", err.text);
}

static void free_http(void *self)
{
    struct http *http = self;
    http_checks_free(&http->checks);
    for (char **line = http->header_lines; line && *line; line++)
        free(*line);
    free(http->header_lines);
    buf_free(&http->sent_body);
}

static bool resolves_itself(const void *self)
{
    const struct http *http = self;
    return http->web.proxy_url || http->max_redirects > 0;
}

/* ---- the answer ---- */

static size_t smaller(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

static void could_not(struct fetch *fetch, const struct web_answer *answer)
{
    const struct url *url = probe_url(fetch->probe);
    const char *why = answer->err->text;
    if (answer->phase == WEB_RESOLVING)
        probe_fail(fetch->probe, "io", "DNS_LOOKUP_FAILED", "DNS lookup failure \"%s\": %s",
                   url->host, why);
    else if (answer->phase == WEB_CONNECTING)
        probe_fail(fetch->probe, "io", "NET_COULD_NOT_CONNECT",
                   "Could not connect to '%s:%u' with error: %s",
                   fetch->probe->address ? fetch->probe->address->text : url->host, url->port, why);
    else
        probe_fail(fetch->probe, "io", NULL, "%s", why);
}

/* Is there something to say against it? What is said is told with as much of the body as may be. */
static void judge(struct fetch *fetch, const struct web_answer *answer)
{
    const struct http *http = fetch->http;
    struct finding finding = {.message = BUF_INIT};
    bool is_up = http_check(&http->checks, answer,
                            smaller(answer->body_len, http->check_body_max_bytes), &finding);
    if (answer->is_cut) {
        is_up = false;
        finding.type = "io";
        finding.code = NULL;
        buf_clear(&finding.message);
        buf_puts(&finding.message, "the answer is larger than 100MB: it was not read to its end");
    }
    bool is_told =
        http->include_body == BODY_ALWAYS || (http->include_body == BODY_ON_ERROR && !is_up);
    http_put_response(&fetch->probe->event, answer, http->include_headers,
                      is_told ? smaller(answer->body_len, http->include_body_max_bytes) : 0,
                      fetch->digest);
    http_put_times(&fetch->probe->event, answer, !resolves_itself(http));
    const struct probe_result up = {.type = NULL};
    const struct probe_result down = {
        .type = finding.type, .code = finding.code, .message = buf_str(&finding.message)};
    probe_end(fetch->probe, is_up ? &up : &down);
    buf_free(&finding.message);
}

static void done(void *arg, const struct web_answer *answer)
{
    struct fetch *fetch = arg;
    fetch->call = NULL;
    if (!answer->err) {
        judge(fetch, answer);
        return;
    }
    if (answer->status)
        http_put_response(&fetch->probe->event, answer, fetch->http->include_headers, 0,
                          fetch->digest);
    http_put_times(&fetch->probe->event, answer, !resolves_itself(fetch->http));
    could_not(fetch, answer);
}

static void body_part(void *arg, const char *bytes, size_t len)
{
    http_digest_add(((struct fetch *)arg)->digest, bytes, len);
}

/* ---- asking ---- */

static uint64_t kept_bytes(const struct http *http)
{
    uint64_t n = KEPT_LEAST_BYTES;
    if (http_checks_want_body(&http->checks) && http->check_body_max_bytes > n)
        n = http->check_body_max_bytes;
    if (http->include_body != BODY_NEVER && http->include_body_max_bytes > n)
        n = http->include_body_max_bytes;
    return n;
}

static struct web_request request_of(struct fetch *fetch)
{
    const struct http *http = fetch->http;
    const struct probe *probe = fetch->probe;
    int64_t left_ns = probe->until_ns - clock_mono_ns();
    return (struct web_request) {.method = http->method,
                                 .url = probe_url_text(probe),
                                 .server = &http->web,
                                 .headers = (const char *const *)http->header_lines,
                                 .body = http->sent_body.len ? http->sent_body.data : NULL,
                                 .body_len = http->sent_body.len,
                                 .timeout_ns = left_ns > NS_PER_MS ? left_ns : NS_PER_MS,
                                 .max_body_bytes = kept_bytes(http),
                                 .body_part = body_part,
                                 .max_read_bytes = ANSWER_MAX_BYTES,
                                 .max_redirects = (long)http->max_redirects,
                                 .address = probe->address ? probe->address->text : NULL,
                                 .family = !http->common.ipv6   ? WEB_IPV4
                                           : !http->common.ipv4 ? WEB_IPV6
                                                                : WEB_ANY_FAMILY,
                                 .is_fresh = true,
                                 .is_http1 = true,
                                 .wants_chain = true,
                                 .done = done,
                                 .arg = fetch};
}

static void start(struct probe *probe)
{
    struct fetch *fetch = mem_zero(1, sizeof *fetch);
    struct err err;
    probe->own = fetch;
    *fetch =
        (struct fetch) {.probe = probe, .http = probe_settings(probe), .digest = http_digest_new()};
    const struct web_request request = request_of(fetch);
    struct web_client *web = probe_web(probe, &err);
    if (!web || web_ask(web, &request, &fetch->call, &err))
        probe_fail(probe, "io", NULL, "%s", err.text);
}

static void cancel(struct probe *probe)
{
    struct fetch *fetch = probe->own;
    if (!fetch)
        return;
    if (fetch->call)
        web_cancel(fetch->call);
    http_digest_free(fetch->digest);
    free(fetch);
    probe->own = NULL;
}

#define AT(field) .at = offsetof(struct http, field)
static const struct option http_options[] = {
    {.name = "urls", .type = OPT_LIST, AT(urls), .doc = "http: another name of hosts."},
    {.name = "username",
     .type = OPT_TEXT,
     AT(web.username),
     .doc = "http: user for basic authentication."},
    {.name = "password",
     .type = OPT_TEXT,
     .secret = true,
     AT(web.password),
     .doc = "http: password of that user."},
    {.name = "proxy_url",
     .type = OPT_TEXT,
     AT(web.proxy_url),
     .doc =
         "http: proxy to ask through. Then, and with max_redirects, names are resolved on the way: "
         "events have no monitor.ip, and of times only http.rtt.total. The environment's proxies "
         "are not used."},
    {.name = "proxy_disable",
     .type = OPT_IGNORED,
     .doc = "no proxy is used if proxy_url is not set"},
    {.name = "proxy_headers", .type = OPT_REFUSED, .doc = "set user and password in proxy_url"},
    {.name = "max_redirects",
     .type = OPT_COUNT,
     .def = "0",
     .max = "50",
     AT(max_redirects),
     .doc =
         "http: so many redirects are followed; more are down. 0: an answer that redirects is the "
         "answer."},
    {.name = "kerberos",
     .type = OPT_REFUSED,
     .doc = "posta knows basic authentication and client certificates"},
    {.name = "ntlm",
     .type = OPT_REFUSED,
     .doc = "posta knows basic authentication and client certificates"},
    {.name = "response.include_headers",
     .type = OPT_BOOL,
     .def = "true",
     AT(include_headers),
     .doc = "http: tell the answer's headers."},
    {.name = "response.include_body",
     .type = OPT_WORD,
     .words = include_words,
     .def = "on_error",
     AT(include_body),
     .doc = "http: tell the beginning of the answer's body: when it is down, always, or never."},
    {.name = "response.include_body_max_bytes",
     .type = OPT_BYTES,
     .def = "2048",
     .min = "1",
     .max = "1MB",
     AT(include_body_max_bytes),
     .doc = "http: so much of it."},
    {.name = "response.check_body_max_bytes",
     .type = OPT_BYTES,
     .def = "4MB",
     .min = "1",
     .max = "100MB",
     AT(check_body_max_bytes),
     .doc = "http: so much of the body is kept for check.response.body and json."},
    {.name = "check.request.method",
     .type = OPT_TEXT,
     .def = "GET",
     AT(method),
     .doc = "http: GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE or PATCH."},
    {.name = "check.request.headers",
     .type = OPT_MAP,
     AT(headers),
     .doc = "http: headers of the request, name: value."},
    {.name = "check.request.body",
     .type = OPT_TEXT,
     AT(body),
     .doc = "http: text that is sent with the request."},
    {.name = "check.request.compression.type",
     .type = OPT_WORD,
     .words = compressions,
     AT(compression),
     .doc = "http: compress that text."},
    {.name = "check.request.compression.level",
     .type = OPT_COUNT,
     .def = "6",
     .max = "9",
     AT(compression_level),
     .doc = "http: how much."},
    {.name = "check.response.status",
     .type = OPT_LIST,
     AT(expected.status),
     .doc = "http: status codes that are up; if not set, all below 400."},
    {.name = "check.response.headers",
     .type = OPT_MAP,
     AT(expected.headers),
     .doc = "http: headers that the answer must have, name: value."},
    {.name = "check.response.body",
     .type = OPT_LIST,
     AT(expected.body),
     .doc = "http: regular expressions (RE2); one of them must be found in the body."},
    {.name = "check.response.body.positive",
     .type = OPT_LIST,
     AT(expected.positive),
     .doc = "http: the same."},
    {.name = "check.response.body.negative",
     .type = OPT_LIST,
     AT(expected.negative),
     .doc = "http: regular expressions (RE2); none of them may be found in the body."},
    {.name = "check.response.json",
     .type = OPT_NODES,
     AT(expected.json),
     .doc = "http: the body must be a JSON object that meets each of this list, of description and "
            "condition: {equals: {status: ok}}, with the conditions of processors."},
    {0},
};

static const struct metric_field http_fields[] = {
    {"http.response.status_code", "long", NULL, "Of the last answer."},
    {"http.response.mime_type", "keyword", NULL, "What the body looks like."},
    {"http.response.headers.*", "keyword", NULL, "`response.include_headers`."},
    {"http.response.redirects", "keyword", NULL, "URLs that were followed."},
    {"http.response.body.bytes", "long", "bytes", "Of the whole body."},
    {"http.response.body.hash", "keyword", NULL, "SHA-256 of the whole body."},
    {"http.response.body.content", "text", NULL,
     "Its beginning, as `response.include_body` says, if it is UTF-8."},
    {"http.rtt.write_request.us", "long", "us", "Sending the request."},
    {"http.rtt.response_header.us", "long", "us", "From its first byte to the answer's first."},
    {"http.rtt.content.us", "long", "us", "From there to the answer's end."},
    {"http.rtt.validate.us", "long", "us", "From the request's first byte to the answer's end."},
    {"http.rtt.total.us", "long", "us", "All of it, with connecting."},
    {NULL, NULL, NULL, NULL},
};

const struct monitor_type http_monitor = {
    .name = "http",
    .doc = "A web server: its answer to a request",
    .options = http_options,
    .fields = http_fields,
    .has_tls = true,
    .web_at = offsetof(struct http, web),
    .size = sizeof(struct http),
    .read = read_http,
    .free = free_http,
    .resolves_itself = resolves_itself,
    .start = start,
    .cancel = cancel,
};
