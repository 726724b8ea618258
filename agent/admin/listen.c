/* listen.c: sockets of the endpoint: TCP, or one of this machine's file system.
 *
 * Happy path: a socket is made, bound and listened on; a probe connects to it.
 * Failure modes: somebody else has the port, or the socket's file: said so. A file of a posta that was killed is replaced. What
 * is there and is no socket is left alone.
 * On close: the socket's file is removed by who has listened.
 */
#include "listen.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* those who wait behind a crowd try again a second later */

const char *unix_path(const struct admin_settings *settings)
{
    static const char scheme[] = "unix://";
    const char *host = settings->host ? settings->host : "";
    return strncmp(host, scheme, sizeof scheme - 1) == 0 ? host + sizeof scheme - 1 : NULL;
}

static int unix_address(const char *path, struct sockaddr_un *addr, struct err *err)
{
    *addr = (struct sockaddr_un) {.sun_family = AF_UNIX};
    if (*path != '/' || strlen(path) >= sizeof addr->sun_path)
        return err_set(err, ERR_CONFIG,
                       "http.host: unix://%s: give an absolute path of at most %zu bytes, as "
                       "unix:///run/posta/posta.sock",
                       path, sizeof addr->sun_path - 1);
    memcpy(addr->sun_path, path, strlen(path) + 1);
    return 0;
}

int admin_check(const struct admin_settings *settings, struct err *err)
{
    struct sockaddr_un ignored;
    const char *path = unix_path(settings);
    if (path)
        return unix_address(path, &ignored, err);
    if (strstr(settings->host, "://"))
        return err_set(err, ERR_CONFIG,
                       "http.host: '%s': give a host name, an address, or unix:///path",
                       settings->host);
    return 0;
}

/* ---- of the file system ---- */

static bool is_answered(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is = fd >= 0 &&
              (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return is;
}

/* What a posta that was killed has left there. */
static int clear_stale(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) < 0)
        return 0; /* bind says what else there is to be said */
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFIG, "http.host: %s is there and is no socket: name another one",
                       addr->sun_path);
    if (is_answered(addr))
        return err_set(err, ERR_CONFIG,
                       "http.host: %s is in use: does another posta run here? Give each its own",
                       addr->sun_path);
    return fs_unlink(addr->sun_path, err);
}

static int listen_unix(const char *path, struct buf *url, struct err *err)
{
    struct sockaddr_un addr;
    if (unix_address(path, &addr, err) || clear_stale(&addr, err))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, "http.host: make a socket");
    if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, BACKLOG) < 0) {
        err_sys(err, "http.host: listen on %s", path);
        close(fd);
        return -1;
    }
    buf_printf(url, "unix://%s", path);
    return fd;
}

/* ---- TCP ---- */

static int find_addresses(const struct admin_settings *settings, int flags, struct addrinfo **list,
                          struct err *err)
{
    char port[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    snprintf(port, sizeof port, "%u", (unsigned)settings->port);
    int rc = getaddrinfo(*settings->host ? settings->host : NULL, port, &hints, list);
    if (rc)
        return err_set(err, ERR_CONFIG, "http.host: '%s': %s", settings->host, gai_strerror(rc));
    return 0;
}

static int listen_at(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void put_url(int fd, struct buf *url)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[64] = "?", port[8] = "?";
    if (getsockname(fd, (struct sockaddr *)&addr, &len) == 0)
        (void)(getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0); /* then they stay as they are */
    buf_printf(url, strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

/* The first that can be had, IPv4 before others: that is what Beats' localhost is. */
static int listen_first(const struct addrinfo *list)
{
    int fd = -1;
    for (int round = 0; round < 2 && fd < 0; round++)
        for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
            if ((at->ai_family == AF_INET) == (round == 0))
                fd = listen_at(at);
    return fd;
}

static int listen_tcp(const struct admin_settings *settings, struct buf *url, struct err *err)
{
    struct addrinfo *list;
    if (find_addresses(settings, AI_PASSIVE, &list, err))
        return -1;
    int fd = listen_first(list);
    int why = errno;
    freeaddrinfo(list);
    errno = why;
    if (fd < 0 && why == EADDRINUSE)
        return err_set(err, ERR_CONFIG,
                       "http.port: %s:%u is in use: does another posta or Beat run here? Give each "
                       "its own http.port, or http.host: unix:///path",
                       settings->host, (unsigned)settings->port);
    if (fd < 0)
        return err_sys(err, "http.host: listen on %s:%u", settings->host, (unsigned)settings->port);
    put_url(fd, url);
    return fd;
}

int admin_listen(const struct admin_settings *settings, struct buf *url, struct err *err)
{
    const char *path = unix_path(settings);
    return path ? listen_unix(path, url, err) : listen_tcp(settings, url, err);
}

/* ---- the other side ---- */

static int set_timeout(int fd, int timeout_ms)
{
    const struct timeval time = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) ||
                   setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time)
               ? -1
               : 0;
}

/* SO_SNDTIMEO is for connect too. */
static int connect_to(const struct sockaddr *addr, socklen_t len, int timeout_ms)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (set_timeout(fd, timeout_ms) == 0 && connect(fd, addr, len) == 0)
        return fd;
    int saved = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = saved;
    return -1;
}

int admin_connect(const struct admin_settings *settings, int timeout_ms, struct err *err)
{
    const char *path = unix_path(settings);
    struct sockaddr_un addr;
    struct addrinfo *list;
    int fd = -1;
    if (path) {
        if (unix_address(path, &addr, err))
            return -1;
        fd = connect_to((const struct sockaddr *)&addr, sizeof addr, timeout_ms);
        return fd >= 0 ? fd : err_sys(err, "connect to %s", path);
    }
    if (find_addresses(settings, 0, &list, err))
        return -1;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = connect_to(at->ai_addr, at->ai_addrlen, timeout_ms);
    int why = errno;
    freeaddrinfo(list);
    errno = why;
    return fd >= 0 ? fd
                   : err_sys(err, "connect to %s:%u", settings->host, (unsigned)settings->port);
}
