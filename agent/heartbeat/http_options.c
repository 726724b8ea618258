/* http_options.c: what an http monitor can be told, checked and made ready for its requests. */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

static const char *const include_words[] = {"never", "on_error", "always", NULL};
static const char *const compressions[] = {"gzip", NULL};

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

void http_read(void *self, const struct node *node, struct str_list *urls,
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

void http_free(void *self)
{
    struct http *http = self;
    http_checks_free(&http->checks);
    for (char **line = http->header_lines; line && *line; line++)
        free(*line);
    free(http->header_lines);
    buf_free(&http->sent_body);
}

#define AT(field) .at = offsetof(struct http, field)
const struct option http_options[] = {
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
