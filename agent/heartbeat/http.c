/* http.c: does a web server answer, and as expected.
 *
 * Happy path: the request is made, of a connection of its own; the answer is looked at when all of it is there.
 * Failure modes: not reached, not in time, no HTTP, a certificate that is not believed, an answer without end: error.type io;
 * another answer than expected: validate.
 * On close: the request is given up.
 */
#include "heartbeat.h"

#include <stdlib.h>

/* An answer that is larger has no end. */
#define ANSWER_MAX_BYTES (UINT64_C(100) * 1024 * 1024)
enum { KEPT_LEAST_BYTES = 1024 /* to see what it looks like */ };

struct fetch {
    struct probe *probe;
    const struct http *http;
    struct web_call *call;
    struct http_digest *digest;
};

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
    .read = http_read,
    .free = http_free,
    .resolves_itself = resolves_itself,
    .start = start,
    .cancel = cancel,
};
