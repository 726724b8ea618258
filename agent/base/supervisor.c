/* supervisor.c: words for systemd and Kubernetes.
 *
 * Happy path: a datagram of "NAME=value" lines to the socket that NOTIFY_SOCKET names, a path or, with '@', an abstract name:
 * sd_notify(3). The last words go into the file that Kubernetes has mounted (terminationMessagePath), or nowhere.
 * Failure modes: nobody listens: said once, posta goes on.
 * On close: nothing is kept.
 */
#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>
#include <posta/supervisor.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LAST_WORDS_BYTES = 4096 };

/* False: it is no name of a socket. */
static bool read_address(const char *name, struct sockaddr_un *address, socklen_t *len)
{
    size_t n = strlen(name);
    if ((*name != '/' && *name != '@') || n >= sizeof address->sun_path)
        return false;
    *address = (struct sockaddr_un) {.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, n);
    if (*name == '@')
        address->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

static int send_to(const char *name, const char *text, struct err *err)
{
    struct sockaddr_un address;
    socklen_t len;
    if (!read_address(name, &address, &len))
        return err_set(err, ERR_CONFIG, "NOTIFY_SOCKET=%s names no socket", name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, "socket");
    ssize_t n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    int rc = n < 0 ? err_sys(err, "tell %s", name) : 0;
    (void)fs_close(fd); /* a datagram is sent or it is not */
    return rc;
}

void supervisor_tell(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    static struct log_limit limit;
    struct err err;
    if (name && *name && send_to(name, state, &err))
        log_limited(&limit, 3600 * NS_PER_S, LOG_WARN, "supervisor", "%s", err.text);
}

void supervisor_tell_reloading(void)
{
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ns() / 1000);
    supervisor_tell(text);
}

int64_t supervisor_watchdog_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    long long us = usec ? atoll(usec) : 0;
    if (us <= 0 || us > INT64_MAX / 1000 || (pid && atoll(pid) != getpid()))
        return 0;
    return us * 1000;
}

static int write_words(const char *path, const char *text, struct err *err)
{
    size_t len = strlen(text);
    int fd = fs_open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOFOLLOW, 0, err);
    if (fd < 0)
        return err->kind == ERR_GONE ? 0 : -1;
    int rc = fs_pwrite(fd, text, len < LAST_WORDS_BYTES ? len : LAST_WORDS_BYTES, 0, err);
    if (fs_close(fd) < 0 && rc == 0)
        rc = err_sys(err, "close");
    return rc ? err_wrap(err, "%s", path) : 0;
}

void supervisor_last_words(const char *path, const char *text)
{
    struct stat st;
    struct err err;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    if (write_words(path, text, &err))
        log_warn("supervisor", "the termination message cannot be written: %s", err.text);
}
