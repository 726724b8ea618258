/* ask.c: asking a running posta, as a probe does: one request, one connection, a short time.
 *
 * Happy path: the status and the first line of the answer.
 * Failure modes: nobody listens, or no answer in time: AGAIN, with what was tried.
 * On close: nothing is kept.
 */
#include "listen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16 * 1024 };

static int parse_port(const char *text, uint64_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || (*end && *end != '/') || value < 1 || value > 65535)
        return -1;
    *port = value;
    return 0;
}

/* "[::1]:5066/..", "localhost", "localhost:5066". */
static int read_host(const char *at, struct admin_settings *where)
{
    bool is_bracketed = *at == '[';
    at += is_bracketed;
    size_t len = strcspn(at, is_bracketed ? "]" : ":/");
    const char *after = at + len;
    if (len == 0 || (is_bracketed && *after++ != ']') ||
        (*after == ':' && parse_port(after + 1, &where->port)) ||
        (*after && *after != ':' && *after != '/'))
        return -1;
    where->host = mem_printf("%.*s", (int)len, at);
    return 0;
}

int admin_read_url(const char *url, struct admin_settings *where, struct err *err)
{
    static const char http[] = "http://";
    *where = (struct admin_settings) {.enabled = true, .port = 5066};
    if (*url == '/')
        where->host = mem_printf("unix://%s", url);
    else if (strncmp(url, "unix://", 7) == 0)
        where->host = mem_dup(url);
    else if (strstr(url, "://") && strncmp(url, http, sizeof http - 1) != 0)
        return err_set(err, ERR_CONFIG, "--url %s: http or unix", url);
    else if (read_host(url + (strncmp(url, http, sizeof http - 1) == 0 ? sizeof http - 1 : 0),
                       where))
        return err_set(err, ERR_CONFIG, "--url %s: as http://localhost:5066 or unix:///path", url);
    return 0;
}

int admin_read_answer(const char *bytes, size_t len, unsigned *status, struct buf *line)
{
    static const char version[] = "HTTP/1.";
    const char *end = bytes + len;
    if (len < 12 || memcmp(bytes, version, sizeof version - 1) != 0 || bytes[8] != ' ')
        return -1;
    *status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return -1;
        *status = *status * 10 + (unsigned)(bytes[i] - '0');
    }
    const char *body = memmem(bytes, len, "\r\n\r\n", 4);
    if (!body)
        return -1;
    for (body += 4; body < end && *body != '\n'; body++)
        buf_putc(line, *body >= ' ' && *body <= '~' ? *body : '?');
    return 0;
}

static int send_all(int fd, const char *bytes, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return err_sys(err, "ask");
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* To its end: it closes. */
static int receive_all(int fd, int64_t until_ns, struct buf *into, struct err *err)
{
    while (into->len < ANSWER_BYTES && clock_mono_ns() < until_ns) {
        buf_reserve(into, 2048);
        ssize_t n = recv(fd, into->data + into->len, 2048, 0);
        if (n == 0)
            return 0;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0 && errno != EINTR)
            return err_sys(err, "wait for an answer");
        into->len += n > 0 ? (size_t)n : 0;
    }
    return err_set(err, ERR_AGAIN, "no answer in time: posta hangs, or is stopped");
}

int admin_ask(const struct admin_settings *where, const char *path, int timeout_ms,
              unsigned *status, struct buf *line, struct err *err)
{
    struct buf text = BUF_INIT;
    int64_t until_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
    int fd = admin_connect(where, timeout_ms, err);
    if (fd < 0)
        return -1;
    buf_printf(&text, "GET %s HTTP/1.1\r\nHost: posta\r\nConnection: close\r\n\r\n", path);
    int rc = send_all(fd, text.data, text.len, err);
    buf_clear(&text);
    if (rc == 0)
        rc = receive_all(fd, until_ns, &text, err);
    if (rc == 0 && admin_read_answer(text.data ? text.data : "", text.len, status, line))
        rc = err_set(err, ERR_CORRUPT, "what answers there is no posta");
    buf_free(&text);
    close(fd);
    return rc;
}
