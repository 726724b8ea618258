/* api.c: the pods of a node, from the API server: listed once, then watched.
 *
 *     list, page by page ──► watch from the list's resourceVersion ──► .. the same from the last event's ..
 *        ▲                        │ 410: forgotten there, or nonsense
 *        └────────────────────────┘
 *
 * Happy path: a watch ends by itself after two to three minutes, and goes on from the last event or bookmark.
 * Failure modes: no connection, 401 (the token is read anew for each request), 403, 5xx: said once, tried again after a growing
 * pause; the cache stays as it is. A connection that dies without a word ends with the time of the request. A page that is larger
 * than PAGE_BYTES is asked for with fewer pods.
 * On close: what is under way is given up.
 */
#include "meta.h"

#include <posta/log.h>

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 32 * 1024 * 1024, PAGE_PODS = 20, ERROR_BYTES = 4096 };
enum { WATCH_MIN_S = 120, WATCH_SPREAD_S = 60, WATCH_SLACK_S = 10 };
#define WATCH_BYTES_MAX (UINT64_C(1) << 32)
#define LIST_TIMEOUT_NS (30 * NS_PER_S)
/* A watch that ended sooner is not begun at once again. */
#define HOPE_NS  (5 * NS_PER_S)
#define SHORT_NS (1 * NS_PER_S)

struct api {
    struct api_config conf;
    struct web_client *web;
    struct web_call *call;
    struct web_options server;
    char *authority;
    struct loop_timer next;
    struct stream stream;
    struct list_page page;
    struct backoff backoff;
    unsigned page_pods;
    bool is_listing, is_synced, is_failing;
    int64_t begun_ns, failing_ns; /* failing: since when */
    struct api_stats stats;
};

/* ---- asking ---- */

static void put_escaped(struct buf *url, const char *text)
{
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
            buf_putc(url, *text);
        else
            buf_printf(url, "%%%02X", (unsigned char)*text);
}

static void put_url(const struct api *api, struct buf *url)
{
    const char *namespace = api->conf.namespace;
    buf_printf(url, "%s/api/v1/", api->conf.address);
    if (namespace && *namespace) {
        buf_puts(url, "namespaces/");
        put_escaped(url, namespace);
        buf_putc(url, '/');
    }
    buf_puts(url, "pods?fieldSelector=spec.nodeName%3D");
    put_escaped(url, api->conf.node);
}

static void try_later(struct api *api)
{
    loop_set_timer(api->conf.loop, &api->next, backoff_next_ns(&api->backoff));
}

static void list_again(struct api *api)
{
    api->stream.version[0] = '\0';
    api->is_listing = false;
}

/* What to do about it, where that is known. */
static const char *advice(int status)
{
    switch (status) {
    case 401:
        return ": the token of the service account is not taken; it is read anew each time";
    case 403:
        return ": the service account needs get, list and watch of pods: see RBAC in posta(8)";
    default:
        return "";
    }
}

static void fail(struct api *api, int status, const char *why)
{
    api->stats.failures++;
    log_limited(NULL, 300 * NS_PER_S, LOG_WARN, "kubernetes",
                "%s pods at %s: %s%s; tried again, logs tell what is known",
                api->is_listing || !*api->stream.version ? "list" : "watch", api->conf.address, why,
                advice(status));
    if (!api->is_failing)
        api->failing_ns = loop_now(api->conf.loop);
    api->is_failing = true;
    api->is_listing = false; /* from its beginning */
    try_later(api);
}

static void fail_answer(struct api *api, const struct web_answer *answer)
{
    char *why =
        answer->err ? mem_dup(answer->err->text) : mem_printf("HTTP status %d", answer->status);
    fail(api, answer->err ? 0 : answer->status, why);
    free(why);
}

static void succeed(struct api *api)
{
    if (api->is_failing)
        log_info("kubernetes", "the API server at %s answers again", api->conf.address);
    api->is_failing = false;
}

static void ask(struct api *api, struct web_request *request)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct err err;
    request->server = &api->server;
    request->headers = headers;
    request->is_http1 = true; /* a watch is a connection */
    request->arg = api;
    api->begun_ns = loop_now(api->conf.loop);
    if (web_ask(api->web, request, &api->call, &err)) {
        api->call = NULL;
        fail(api, 0, err.text);
    }
}

/* ---- listing ---- */

static void listed(struct api *api)
{
    struct pods *pods = api->conf.pods;
    succeed(api);
    pods_end_list(pods, loop_now(api->conf.loop));
    memcpy(api->stream.version, api->page.version, sizeof api->stream.version);
    api->is_listing = false;
    api->stats.lists++;
    if (!api->is_synced)
        log_info("kubernetes", "%zu pods on %s", pods->n, api->conf.node);
    api->is_synced = true;
    api->conf.changed(api->conf.arg);
}

static void page_came(void *arg, const struct web_answer *answer)
{
    struct api *api = arg;
    struct err err;
    api->call = NULL;
    if (answer->err || (answer->status != 200 && answer->status != 410)) {
        fail_answer(api, answer);
        return;
    }
    bool is_large = answer->is_cut && api->page_pods > 1;
    if (is_large || answer->status == 410) {
        api->page_pods = is_large ? api->page_pods / 2 : api->page_pods;
        list_again(api);
        try_later(api);
        return;
    }
    if (list_read(answer->body, answer->body_len, api->conf.pods, api->conf.rules, &api->page,
                  &err)) {
        fail(api, 0, err.text);
        return;
    }
    if (api->page.next.len == 0)
        listed(api);
    loop_set_timer(api->conf.loop, &api->next, 0);
}

static void ask_page(struct api *api)
{
    struct buf url = BUF_INIT;
    if (!api->is_listing) {
        pods_begin_list(api->conf.pods);
        buf_clear(&api->page.next);
    }
    api->is_listing = true;
    put_url(api, &url);
    buf_printf(&url, "&limit=%u", api->page_pods);
    if (api->page.next.len > 0) {
        buf_puts(&url, "&continue=");
        put_escaped(&url, buf_str(&api->page.next));
    }
    struct web_request request = {.url = buf_str(&url),
                                  .timeout_ns = LIST_TIMEOUT_NS,
                                  .max_body_bytes = PAGE_BYTES,
                                  .done = page_came};
    ask(api, &request);
    buf_free(&url);
}

/* ---- watching ---- */

static void part_came(void *arg, const char *bytes, size_t len)
{
    struct api *api = arg;
    uint64_t before = api->conf.pods->version, skipped = api->stream.n_skipped;
    stream_take(&api->stream, bytes, len, loop_now(api->conf.loop));
    api->stats.events = api->stream.n_events;
    if (api->stream.n_skipped != skipped)
        log_limited(NULL, 300 * NS_PER_S, LOG_WARN, "kubernetes",
                    "a pod is larger than %d bytes: its changes are not seen", STREAM_LINE_MAX);
    if (api->conf.pods->version != before)
        api->conf.changed(api->conf.arg);
}

static void watch_ended(void *arg, const struct web_answer *answer)
{
    struct api *api = arg;
    struct stream *stream = &api->stream;
    api->call = NULL;
    bool is_short = loop_now(api->conf.loop) - api->begun_ns < SHORT_NS;
    if (!is_short)
        api->backoff.n = 0;
    bool has_answer = !answer->err || answer->phase == WEB_READING; /* it broke off */
    if (stream->is_gone || (has_answer && answer->status == 410)) {
        list_again(api);
        try_later(api);
    } else if (!has_answer || answer->status != 200) {
        fail_answer(api, answer);
    } else if (stream->has_failed) {
        list_again(api);
        fail(api, 0, stream->said);
    } else if (is_short) {
        try_later(api);
    } else {
        succeed(api);
        loop_set_timer(api->conf.loop, &api->next, 0);
    }
}

static void watch(struct api *api)
{
    struct buf url = BUF_INIT;
    int64_t seconds = WATCH_MIN_S + clock_wall_ns() / 1000 % WATCH_SPREAD_S;
    put_url(api, &url);
    buf_printf(&url, "&watch=1&allowWatchBookmarks=true&timeoutSeconds=%lld&resourceVersion=",
               (long long)seconds);
    put_escaped(&url, api->stream.version);
    struct web_request request = {.url = buf_str(&url),
                                  .timeout_ns = (seconds + WATCH_SLACK_S) * NS_PER_S,
                                  .max_body_bytes = ERROR_BYTES,
                                  .body_part = part_came,
                                  .max_read_bytes = WATCH_BYTES_MAX,
                                  .done = watch_ended};
    stream_begin(&api->stream);
    api->stats.watches++;
    ask(api, &request);
    buf_free(&url);
}

static void go_on(void *arg)
{
    struct api *api = arg;
    if (*api->stream.version && !api->is_listing)
        watch(api);
    else
        ask_page(api);
}

/* ---- life ---- */

int api_start(struct api **out, const struct api_config *config, struct err *err)
{
    struct api *api = mem_zero(1, sizeof *api);
    *api = (struct api) {.conf = *config, .page_pods = PAGE_PODS};
    api->stream = (struct stream) {.pods = config->pods, .rules = config->rules};
    if (web_client_open(&api->web, config->loop, err)) {
        free(api);
        return -1;
    }
    api->authority = mem_printf("%s/ca.crt", config->account);
    api->server = (struct web_options) {
        .bearer_token_file = mem_printf("%s/token", config->account),
        .proxy_disable = true,
        .tls = {.authorities = {.at = &api->authority, .n = 1}, .enabled = -1}};
    api->next = (struct loop_timer) {.fire = go_on, .arg = api};
    loop_set_timer(config->loop, &api->next, 0);
    *out = api;
    return 0;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    loop_cancel_timer(api->conf.loop, &api->next);
    web_client_close(api->web);
    stream_free(&api->stream);
    buf_free(&api->page.next);
    free(api->server.bearer_token_file);
    free(api->authority);
    free(api);
}

bool api_is_synced(const struct api *api)
{
    return api->is_synced;
}

bool api_is_hopeful(const struct api *api)
{
    return !api->is_failing || loop_now(api->conf.loop) - api->failing_ns < HOPE_NS;
}

const struct api_stats *api_stats(struct api *api)
{
    api->stats.pods = api->conf.pods->n;
    return &api->stats;
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct api_stats, field), text                                 \
    }
const struct stat_row api_stat_rows[] = {
    ROW(pods, "pods", "pods known now, and for a while those that are gone"),
    ROW(lists, "lists", "times all pods of the node were listed"),
    ROW(watches, "requests", "watches begun"),
    ROW(events, "events", "changes of pods that were told"),
    ROW(failures, "requests", "requests to the API server without a good answer"),
    {0},
};
