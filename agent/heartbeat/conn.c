/* conn.c: one connection, TCP alone or with TLS, on the loop.
 *
 * Happy path: connect, handshake, then the owner is told whenever it can go on.
 * Failure modes: refused, unreachable, a certificate that is not believed, too late: the owner is told once, and closes it.
 * On close: at once, without farewell.
 */
#include "heartbeat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

static void fail(struct conn *conn, const struct err *err)
{
    loop_cancel_timer(conn->loop, &conn->timer);
    loop_remove(conn->loop, &conn->io);
    conn->failed(conn->arg, err);
}

static void too_late(void *arg)
{
    static const char *const doing[] = {
        [CONN_CONNECTING] = "connect", [CONN_SHAKING] = "TLS handshake", [CONN_OPEN] = "read"};
    struct conn *conn = arg;
    struct err err;
    (void)err_set(&err, ERR_AGAIN, "%s: no answer in time", doing[conn->step]);
    fail(conn, &err);
}

/* False: it failed, and that was told. */
static bool want(struct conn *conn, unsigned wants)
{
    struct err err;
    if (loop_want(conn->loop, &conn->io, wants, &err) == 0)
        return true;
    fail(conn, &err);
    return false;
}

/* ---- TLS ---- */

static int tls_error(struct conn *conn, const char *doing, struct err *err)
{
    long code = SSL_get_verify_result(conn->ssl);
    unsigned long last = ERR_peek_last_error();
    const char *why = ERR_reason_error_string(last);
    bool is_verify = code != X509_V_OK && SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE;
    ERR_clear_error();
    if (is_verify)
        return err_set(err, ERR_DENIED, "%s: certificate verify failed: %s", doing,
                       X509_verify_cert_error_string(code));
    return err_set(err, ERR_AGAIN, "%s: %s", doing,
                   why     ? why
                   : errno ? strerror(errno)
                           : "the other side has closed the connection");
}

static void shake(struct conn *conn)
{
    struct err err;
    errno = 0;
    ERR_clear_error();
    int rc = SSL_connect(conn->ssl);
    int code = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(conn->ssl, rc);
    if (code == SSL_ERROR_NONE) {
        conn->step = CONN_OPEN;
        conn->shaken_ns = clock_mono_ns();
        if (want(conn, LOOP_READ))
            conn->ready(conn->arg);
    } else if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
        (void)want(conn, code == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE);
    } else {
        (void)tls_error(conn, "TLS handshake", &err);
        fail(conn, &err);
    }
}

static int set_name(SSL *ssl, const char *host, bool is_checked)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool is_ip = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (is_ip)
        return !is_checked || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    return SSL_set_tlsext_host_name(ssl, host) && (!is_checked || SSL_set1_host(ssl, host));
}

static int begin_tls(struct conn *conn, const struct conn_peer *peer, struct err *err)
{
    conn->ssl = SSL_new(peer->context);
    if (!conn->ssl || !set_name(conn->ssl, peer->host, peer->checks_name) ||
        SSL_set_fd(conn->ssl, conn->io.fd) != 1)
        return err_set(err, ERR_IO, "TLS cannot be set up");
    SSL_set_app_data(conn->ssl, conn);
    return 0;
}

/* ---- TCP ---- */

static void connected(struct conn *conn)
{
    int code = 0;
    socklen_t size = sizeof code;
    struct err err;
    if (getsockopt(conn->io.fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
        code = errno;
    if (code) {
        (void)err_set(&err, ERR_AGAIN, "connect: %s", strerror(code));
        fail(conn, &err);
        return;
    }
    conn->connected_ns = clock_mono_ns();
    conn->step = conn->ssl ? CONN_SHAKING : CONN_OPEN;
    if (conn->ssl)
        shake(conn);
    else if (want(conn, LOOP_READ))
        conn->ready(conn->arg);
}

static void ready(void *arg)
{
    struct conn *conn = arg;
    if (conn->step == CONN_CONNECTING)
        connected(conn);
    else if (conn->step == CONN_SHAKING)
        shake(conn);
    else
        conn->ready(conn->arg);
}

static int begin_tcp(struct conn *conn, const struct address *address, struct err *err)
{
    int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, "make a socket");
    conn->io = (struct loop_io) {.fd = fd, .ready = ready, .arg = conn};
    if (connect(fd, (const struct sockaddr *)&address->at, address->len) < 0 &&
        errno != EINPROGRESS)
        return err_set(err, ERR_AGAIN, "connect: %s", strerror(errno));
    return loop_want(conn->loop, &conn->io, LOOP_WRITE, err);
}

int conn_open(struct conn *conn, const struct conn_peer *peer, struct err *err)
{
    conn->begun_ns = clock_mono_ns();
    conn->io.fd = -1;
    conn->timer = (struct loop_timer) {.fire = too_late, .arg = conn};
    if (begin_tcp(conn, peer->address, err) || (peer->context && begin_tls(conn, peer, err))) {
        conn_close(conn);
        return -1;
    }
    int64_t left_ns = peer->until_ns - conn->begun_ns;
    loop_set_timer(conn->loop, &conn->timer, left_ns > 0 ? left_ns : 0);
    return 0;
}

void conn_close(struct conn *conn)
{
    if (!conn->loop)
        return;
    loop_cancel_timer(conn->loop, &conn->timer);
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    tls_chain_free(conn->chain);
    conn->chain = NULL;
    if (conn->io.fd >= 0) {
        loop_remove(conn->loop, &conn->io);
        close(conn->io.fd);
    }
    conn->io.fd = -1;
}

/* ---- bytes ---- */

static ssize_t go_on_later(struct conn *conn, unsigned wants, struct err *err)
{
    if (loop_want(conn->loop, &conn->io, wants, err))
        return -1;
    return err_set(err, ERR_AGAIN, "not yet");
}

static ssize_t tls_moved(struct conn *conn, int rc, const char *doing, struct err *err)
{
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_NONE:
        return rc;
    case SSL_ERROR_WANT_READ:
        return go_on_later(conn, LOOP_READ, err);
    case SSL_ERROR_WANT_WRITE:
        return go_on_later(conn, LOOP_WRITE, err);
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        (void)tls_error(conn, doing, err);
        err->kind = ERR_IO; /* not now means something else here */
        return -1;
    }
}

static ssize_t moved(struct conn *conn, ssize_t n, unsigned wants, const char *doing,
                     struct err *err)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return go_on_later(conn, wants, err);
    return err_set(err, ERR_IO, "%s: %s", doing, strerror(errno));
}

ssize_t conn_read(struct conn *conn, void *into, size_t len, struct err *err)
{
    errno = 0;
    ERR_clear_error();
    if (conn->ssl)
        return tls_moved(conn, SSL_read(conn->ssl, into, (int)len), "read", err);
    return moved(conn, recv(conn->io.fd, into, len, 0), LOOP_READ, "read", err);
}

ssize_t conn_write(struct conn *conn, const void *bytes, size_t len, struct err *err)
{
    errno = 0;
    ERR_clear_error();
    if (conn->ssl)
        return tls_moved(conn, SSL_write(conn->ssl, bytes, (int)len), "write", err);
    return moved(conn, send(conn->io.fd, bytes, len, MSG_NOSIGNAL), LOOP_WRITE, "write", err);
}
