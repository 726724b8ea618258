/* http_post.c: connect, say it, listen until the answer is whole, all within one deadline.
 *
 * Happy path: name, connection, TLS with the host's certificate checked, request, answer.
 * Failure modes: each step says what it was about and what to do; nothing is tried twice here.
 * On close: the connection is closed, whatever happened.
 */
#include "http.h"

#include <posta/loop.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct connection {
    const struct http_url *url;
    int fd;
    SSL_CTX *context;
    SSL *ssl; /* NULL without TLS */
    int64_t until_ns;
};

/* ---- the URL ---- */

static bool is_this_host(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, "::1") == 0;
}

static int no_url(const char *text, struct err *err)
{
    return err_set(err, ERR_CONFIG, "'%s' is no https://host[:port]/path", text);
}

static bool split_port(const char *at, const char *end, struct http_url *url)
{
    snprintf(url->port, sizeof url->port, "%s", url->is_tls ? "443" : "80");
    if (at == end)
        return true;
    size_t len = (size_t)(end - at - 1);
    if (*at != ':' || len == 0 || len > 5 || strspn(at + 1, "0123456789") < len)
        return false;
    snprintf(url->port, sizeof url->port, "%.*s", (int)len, at + 1);
    return true;
}

int http_parse_url(const char *text, struct http_url *url, struct err *err)
{
    url->is_tls = strncmp(text, "https://", 8) == 0;
    if (!url->is_tls && strncmp(text, "http://", 7) != 0)
        return no_url(text, err);
    const char *at = text + (url->is_tls ? 8 : 7), *end = at + strcspn(at, "/?#");
    const char *host_end = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
    const char *colon = memchr(at, ':', (size_t)(end - at));
    const char *port = host_end ? host_end + 1 : colon ? colon : end;
    at += host_end != NULL;
    size_t len = (size_t)((host_end ? host_end : port) - at);
    url->path = end;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '@')
            return no_url(text, err);
    if (len == 0 || len >= sizeof url->host || *end == '#' || !split_port(port, end, url))
        return no_url(text, err);
    snprintf(url->host, sizeof url->host, "%.*s", (int)len, at);
    if (!url->is_tls && !is_this_host(url->host))
        return err_set(err, ERR_CONFIG, "'%s' would carry the secret unencrypted: use https", text);
    return 0;
}

/* ---- the connection ---- */

static int wait_for(const struct connection *conn, short events, struct err *err)
{
    int64_t left_ms = (conn->until_ns - clock_mono_ns()) / NS_PER_MS;
    struct pollfd fd = {.fd = conn->fd, .events = events};
    int n = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;
    if (n > 0 || (n < 0 && errno == EINTR))
        return 0;
    if (n < 0)
        return err_sys(err, "wait for %s", conn->url->host);
    return err_set(err, ERR_AGAIN, "%s port %s does not answer in time", conn->url->host,
                   conn->url->port);
}

static int finish_connect(struct connection *conn, struct err *err)
{
    int code = 0;
    socklen_t size = sizeof code;
    if (wait_for(conn, POLLOUT, err))
        return -1;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
        code = errno;
    errno = code;
    return code ? err_sys(err, "connect to %s port %s", conn->url->host, conn->url->port) : 0;
}

static int try_address(struct connection *conn, const struct addrinfo *address, struct err *err)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return err_sys(err, "make a socket");
    if (connect(conn->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
        return err_sys(err, "connect to %s port %s", conn->url->host, conn->url->port);
    return finish_connect(conn, err);
}

static int connect_to(struct connection *conn, struct err *err)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(conn->url->host, conn->url->port, &hints, &found);
    if (rc)
        return err_set(err, ERR_AGAIN, "the host name %s does not resolve: %s", conn->url->host,
                       gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *at = found; at && rc; at = at->ai_next)
        rc = try_address(conn, at, err);
    freeaddrinfo(found);
    return rc;
}

/* ---- TLS ---- */

static const char *openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

static int load_authorities(SSL_CTX *context, const struct str_list *authorities, struct err *err)
{
    if (authorities->n == 0)
        return SSL_CTX_set_default_verify_paths(context) == 1
                   ? 0
                   : err_set(err, ERR_CONFIG, "the system's authorities: %s", openssl_reason());
    for (size_t i = 0; i < authorities->n; i++)
        if (SSL_CTX_load_verify_file(context, authorities->at[i]) != 1)
            return err_set(err, ERR_CONFIG, "certificate_authorities: %s: %s", authorities->at[i],
                           openssl_reason());
    return 0;
}

static int tls_failed(struct connection *conn, struct err *err)
{
    long code = SSL_get_verify_result(conn->ssl);
    if (code != X509_V_OK)
        return err_set(err, ERR_DENIED,
                       "the certificate of %s does not verify (%s): is certificate_authorities the "
                       "right authority?",
                       conn->url->host, X509_verify_cert_error_string(code));
    return err_set(err, ERR_AGAIN, "TLS with %s port %s: %s", conn->url->host, conn->url->port,
                   openssl_reason());
}

/* After rc <= 0 of an SSL call: 0 = try again, it was waited for; 1 = the other side has ended; -1 = failed. */
static int handle_tls(struct connection *conn, int rc, struct err *err)
{
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(conn, POLLIN, err);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(conn, POLLOUT, err);
    case SSL_ERROR_ZERO_RETURN:
        return 1;
    default:
        return tls_failed(conn, err);
    }
}

static int check_host(struct connection *conn)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *host = conn->url->host;
    bool is_ip = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    return is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(conn->ssl), host)
                 : SSL_set1_host(conn->ssl, host) && SSL_set_tlsext_host_name(conn->ssl, host);
}

static int start_tls(struct connection *conn, const struct str_list *authorities, struct err *err)
{
    conn->context = SSL_CTX_new(TLS_client_method());
    if (!conn->context || !SSL_CTX_set_min_proto_version(conn->context, TLS1_2_VERSION))
        return err_set(err, ERR_IO, "TLS: %s", openssl_reason());
    SSL_CTX_set_verify(conn->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(conn->context, SSL_OP_IGNORE_UNEXPECTED_EOF); /* lengths are checked */
    if (load_authorities(conn->context, authorities, err))
        return -1;
    conn->ssl = SSL_new(conn->context);
    if (!conn->ssl || !check_host(conn) || !SSL_set_fd(conn->ssl, conn->fd))
        return err_set(err, ERR_IO, "TLS: %s", openssl_reason());
    for (int rc; (rc = SSL_connect(conn->ssl)) != 1;) {
        int left = handle_tls(conn, rc, err);
        if (left > 0)
            err_set(err, ERR_AGAIN, "%s closed the connection", conn->url->host);
        if (left)
            return -1;
    }
    return 0;
}

/* ---- request and answer ---- */

/* Bytes done, 0 = the other side has ended, -1 = failed. */
static ssize_t move_some(struct connection *conn, char *into, const char *from, size_t len,
                         struct err *err)
{
    for (;;) {
        ssize_t n;
        if (conn->ssl)
            n = into ? SSL_read(conn->ssl, into, (int)len) : SSL_write(conn->ssl, from, (int)len);
        else
            n = into ? recv(conn->fd, into, len, 0) : send(conn->fd, from, len, MSG_NOSIGNAL);
        if (n > 0 || (n == 0 && !conn->ssl))
            return n;
        int rc;
        if (conn->ssl)
            rc = handle_tls(conn, (int)n, err);
        else if (errno == EAGAIN || errno == EINTR)
            rc = wait_for(conn, into ? POLLIN : POLLOUT, err);
        else
            rc = err_sys(err, "talk to %s port %s", conn->url->host, conn->url->port);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
}

static int say(struct connection *conn, const struct buf *text, struct err *err)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = move_some(conn, NULL, text->data + done, text->len - done, err);
        if (n <= 0)
            return n < 0 ? -1
                         : err_set(err, ERR_AGAIN, "%s closed the connection", conn->url->host);
        done += (size_t)n;
    }
    return 0;
}

static int listen_to(struct connection *conn, struct buf *bytes, struct http_answer *answer,
                     struct err *err)
{
    while (bytes->len < HTTP_ANSWER_BYTES) {
        buf_reserve(bytes, 4096);
        ssize_t n = move_some(conn, bytes->data + bytes->len, NULL, 4096, err);
        if (n < 0)
            return -1;
        bytes->len += (size_t)n;
        if (http_parse_answer(bytes->data, bytes->len, n == 0, answer, err) == 0)
            return 0;
        if (err->kind != ERR_AGAIN)
            return err_wrap(err, "%s port %s", conn->url->host, conn->url->port);
    }
    return err_set(err, ERR_CORRUPT, "%s port %s: the answer is larger than %d bytes",
                   conn->url->host, conn->url->port, HTTP_ANSWER_BYTES);
}

static void put_basic(struct buf *out, const char *user, const char *password)
{
    char *plain = mem_printf("%s:%s", user, password);
    size_t len = strlen(plain);
    buf_puts(out, "Authorization: Basic ");
    buf_reserve(out, len / 3 * 4 + 8);
    int n = EVP_EncodeBlock((unsigned char *)out->data + out->len, (const unsigned char *)plain,
                            (int)len);
    out->len += (size_t)n;
    buf_puts(out, "\r\n");
    OPENSSL_cleanse(plain, len);
    free(plain);
}

static void make_request(const struct http_request *request, const struct http_url *url,
                         struct buf *out)
{
    bool is_v6 = strchr(url->host, ':') != NULL;
    buf_printf(out, "POST %s%s HTTP/1.1\r\nHost: %s%s%s:%s\r\n", *url->path == '/' ? "" : "/",
               url->path, is_v6 ? "[" : "", url->host, is_v6 ? "]" : "", url->port);
    put_basic(out, request->user, request->password);
    buf_printf(out,
               "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
               "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
               strlen(request->body), request->body);
}

static void wipe(struct buf *buf)
{
    if (buf->data)
        OPENSSL_cleanse(buf->data, buf->cap);
    buf_free(buf);
}

int http_post(const struct http_request *request, struct http_answer *answer, struct err *err)
{
    struct http_url url;
    struct buf text = BUF_INIT, bytes = BUF_INIT;
    struct connection conn = {
        .url = &url, .fd = -1, .until_ns = clock_mono_ns() + request->wait_ms * NS_PER_MS};
    if (http_parse_url(request->url, &url, err))
        return -1;
    make_request(request, &url, &text);
    int rc = connect_to(&conn, err) ||
                     (url.is_tls && start_tls(&conn, request->authorities, err)) ||
                     say(&conn, &text, err) || listen_to(&conn, &bytes, answer, err)
                 ? -1
                 : 0;
    SSL_free(conn.ssl);
    SSL_CTX_free(conn.context);
    if (conn.fd >= 0)
        close(conn.fd);
    wipe(&text);
    wipe(&bytes);
    return rc;
}
