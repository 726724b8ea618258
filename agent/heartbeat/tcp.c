/* tcp.c: can a port be connected to; and if that is configured, does it speak TLS, and answer as expected.
 *
 * Happy path: connect, handshake, send, receive as many bytes as expected.
 * Failure modes: refused, unreachable, too late, closed before the answer was whole: error.type io; another answer: validate.
 * On close: the connection is closed.
 */
#include "heartbeat.h"

#include <openssl/ssl.h>
#include <posta/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tcp {
    struct monitor_settings common;
    struct str_list ports;
    char *send, *receive;
    struct web_options web;
    struct tls_context context;
};

struct dial {
    struct probe *probe;
    const struct tcp *tcp;
    struct conn conn;
    size_t n_sent, n_read;
    int64_t open_ns; /* when sending began; 0 = not yet */
};

/* ---- hosts ---- */

static bool is_tls(const char *scheme)
{
    return strcmp(scheme, "tls") == 0 || strcmp(scheme, "ssl") == 0;
}

static bool has_port(const char *host)
{
    const char *bracket = strchr(host, ']'), *colon = strrchr(host, ':');
    if (bracket)
        return colon && colon > bracket;
    return colon && strchr(host, ':') == colon; /* ::1 has none */
}

static bool is_plain_v6(const char *host)
{
    return *host != '[' && strchr(host, ':') && !has_port(host);
}

static void add_host(const struct tcp *tcp, const char *host, const char *scheme,
                     const struct node *node, struct str_list *urls, struct problems *problems)
{
    bool is_v6 = is_plain_v6(host);
    if (has_port(host)) {
        urls_take(urls, mem_printf("%s://%s", scheme, host));
        return;
    }
    if (tcp->ports.n == 0)
        problems_error(problems, node_get(node, "hosts"),
                       "hosts: '%s' has no port: write host:port, or list `ports`", host);
    for (size_t i = 0; i < tcp->ports.n; i++)
        urls_take(urls, mem_printf("%s://%s%s%s:%s", scheme, is_v6 ? "[" : "", host,
                                   is_v6 ? "]" : "", tcp->ports.at[i]));
}

static void add_hosts(const struct tcp *tcp, const struct node *node, struct str_list *urls,
                      struct problems *problems)
{
    bool wants_tls = node_get(node, "ssl") && tcp->web.tls.enabled != 0;
    for (size_t i = 0; i < tcp->common.hosts.n; i++) {
        const char *host = tcp->common.hosts.at[i], *end = strstr(host, "://");
        char scheme[8];
        snprintf(scheme, sizeof scheme, "%.*s", end ? (int)(end - host) : 3,
                 end         ? host
                 : wants_tls ? "ssl"
                             : "tcp");
        if (strcmp(scheme, "tcp") != 0 && strcmp(scheme, "plain") != 0 && !is_tls(scheme))
            problems_error(problems, node_get(node, "hosts"),
                           "hosts: '%s': expected tcp://, plain://, tls:// or ssl://", host);
        else
            add_host(tcp, end ? end + 3 : host, scheme, node, urls, problems);
    }
}

static void read_tcp(void *self, const struct node *node, struct str_list *urls,
                     struct problems *problems)
{
    struct tcp *tcp = self;
    struct err err;
    add_hosts(tcp, node, urls, problems);
    bool speaks_tls = false;
    for (size_t i = 0; i < urls->n; i++)
        speaks_tls |= strncmp(urls->at[i], "tls:", 4) == 0 || strncmp(urls->at[i], "ssl:", 4) == 0;
    if (web_check(&tcp->web, &err) ||
        (speaks_tls && tls_context_renew(&tcp->context, &tcp->web.tls, &err)))
        problems_error(problems, node_get(node, "ssl"), "%s", err.text);
}

static void free_tcp(void *self)
{
    tls_context_free(&((struct tcp *)self)->context);
}

/* ---- one connection ---- */

static void put_times(struct dial *dial)
{
    struct members *event = &dial->probe->event;
    const struct conn *conn = &dial->conn;
    if (conn->connected_ns)
        members_u64(event, "tcp.rtt.connect.us",
                    (uint64_t)(conn->connected_ns - conn->begun_ns) / 1000);
    if (dial->open_ns && (dial->tcp->send || dial->tcp->receive))
        members_u64(event, "tcp.rtt.validate.us",
                    (uint64_t)(clock_mono_ns() - dial->open_ns) / 1000);
    if (!conn->ssl)
        return;
    struct tls_facts facts = {.chain = conn->chain};
    if (conn->shaken_ns) {
        facts.version = SSL_get_version(conn->ssl);
        facts.cipher = SSL_get_cipher_name(conn->ssl);
        facts.handshake_ns = conn->shaken_ns - conn->connected_ns;
    }
    tls_put(event, &facts);
}

static void end(struct dial *dial, const char *type, const char *code, const char *message)
{
    put_times(dial);
    conn_close(&dial->conn);
    probe_end(dial->probe, &(struct probe_result) {.type = type, .code = code, .message = message});
}

static void could_not_connect(struct probe *probe, const char *why)
{
    bool is_v6 = strchr(probe->address->text, ':') != NULL;
    probe_fail(probe, "io", "NET_COULD_NOT_CONNECT",
               "Could not connect to '%s%s%s:%u' with error: %s", is_v6 ? "[" : "",
               probe->address->text, is_v6 ? "]" : "", probe_url(probe)->port, why);
}

static void failed(void *arg, const struct err *err)
{
    struct dial *dial = arg;
    if (dial->conn.step != CONN_CONNECTING) {
        end(dial, "io", NULL, err->text);
        return;
    }
    struct probe *probe = dial->probe;
    conn_close(&dial->conn);
    could_not_connect(probe, err->text);
}

/* 1 = all is sent, 0 = later, -1 = it is over. */
static int go_on_sending(struct dial *dial)
{
    const char *text = dial->tcp->send ? dial->tcp->send : "";
    size_t len = strlen(text);
    struct err err;
    while (dial->n_sent < len) {
        ssize_t n = conn_write(&dial->conn, text + dial->n_sent, len - dial->n_sent, &err);
        if (n < 0 && err.kind == ERR_AGAIN)
            return 0;
        if (n <= 0) {
            end(dial, "io", NULL, n < 0 ? err.text : "the other side has closed the connection");
            return -1;
        }
        dial->n_sent += (size_t)n;
    }
    return 1;
}

/* As many bytes as are expected; without an expectation any one will do. */
static void go_on_reading(struct dial *dial)
{
    const char *expected = dial->tcp->receive ? dial->tcp->receive : "";
    size_t len = *expected ? strlen(expected) : 1;
    char bytes[1024];
    struct err err;
    while (dial->n_read < len) {
        size_t room = len - dial->n_read < sizeof bytes ? len - dial->n_read : sizeof bytes;
        ssize_t n = conn_read(&dial->conn, bytes, room, &err);
        if (n < 0 && err.kind == ERR_AGAIN)
            return;
        if (n <= 0) {
            end(dial, "io", NULL, n < 0 ? err.text : "EOF");
            return;
        }
        if (*expected && memcmp(bytes, expected + dial->n_read, (size_t)n) != 0) {
            end(dial, "validate", NULL, "received string mismatch");
            return;
        }
        dial->n_read += (size_t)n;
    }
    end(dial, NULL, NULL, NULL);
}

static void ready(void *arg)
{
    struct dial *dial = arg;
    if (!dial->tcp->send && !dial->tcp->receive) {
        end(dial, NULL, NULL, NULL);
        return;
    }
    if (!dial->open_ns)
        dial->open_ns = clock_mono_ns();
    if (go_on_sending(dial) > 0)
        go_on_reading(dial);
}

static void start(struct probe *probe)
{
    struct tcp *tcp = (struct tcp *)(uintptr_t)probe_settings(probe); /* its context is renewed */
    struct dial *dial = mem_zero(1, sizeof *dial);
    const struct url *url = probe_url(probe);
    struct conn_peer peer = {.address = probe->address,
                             .host = url->host,
                             .checks_name = tcp->web.tls.verification < WEB_VERIFY_CERTIFICATE,
                             .until_ns = probe->until_ns};
    struct err err;
    probe->own = dial;
    *dial = (struct dial) {.probe = probe, .tcp = tcp};
    dial->conn = (struct conn) {
        .loop = probe_loop(probe), .io.fd = -1, .ready = ready, .failed = failed, .arg = dial};
    if (is_tls(url->scheme)) {
        if (tls_context_renew(&tcp->context, &tcp->web.tls, &err))
            log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "heartbeat",
                        "%s: %s; the one before stays in use", url->full, err.text);
        peer.context = tcp->context.ssl;
    }
    if (conn_open(&dial->conn, &peer, &err))
        could_not_connect(probe, err.text);
}

static void cancel(struct probe *probe)
{
    struct dial *dial = probe->own;
    if (!dial)
        return;
    conn_close(&dial->conn);
    free(dial);
    probe->own = NULL;
}

#define AT(field) .at = offsetof(struct tcp, field)
static const struct option tcp_options[] = {
    {.name = "ports",
     .type = OPT_LIST,
     AT(ports),
     .doc = "tcp: ports of those hosts that name none; each is checked."},
    {.name = "check.send",
     .type = OPT_TEXT,
     AT(send),
     .doc = "tcp: text to send when the connection is there; without check.receive any answer is "
            "up."},
    {.name = "check.receive",
     .type = OPT_TEXT,
     AT(receive),
     .doc = "tcp: text that the answer must begin with."},
    {.name = "proxy_url",
     .type = OPT_REFUSED,
     .doc = "posta speaks no SOCKS5: ask the host without it"},
    {.name = "proxy_use_local_resolver",
     .type = OPT_IGNORED,
     .doc = "names are always resolved here"},
    {0},
};

static const struct metric_field tcp_fields[] = {
    {"tcp.rtt.connect.us", "long", "us", "How long connecting took; over http too."},
    {"tcp.rtt.validate.us", "long", "us", "From sending to the end of the answer."},
    {NULL, NULL, NULL, NULL},
};

const struct monitor_type tcp_monitor = {
    .name = "tcp",
    .doc = "A port: it can be connected to, speaks TLS, answers a text",
    .options = tcp_options,
    .fields = tcp_fields,
    .has_tls = true,
    .web_at = offsetof(struct tcp, web),
    .size = sizeof(struct tcp),
    .read = read_tcp,
    .free = free_tcp,
    .start = start,
    .cancel = cancel,
};
