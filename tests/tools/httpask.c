/* Ask a web server, as one should and as one should not. WHERE is HOST:PORT, http://HOST:PORT or the path of a socket.
 *
 *   httpask WHERE get PATH [HEADER ...]   print status, headers and body as they come; fails if none comes in 5 s
 *   httpask WHERE hold N                  open N connections and say nothing; those that are closed are not opened again
 *   httpask WHERE slow N                  the same, with a byte of a request on each of them every 50 ms
 *   httpask WHERE half N SEED             N times, one after the other: a part of a request, then close, half of it or all
 *   httpask WHERE garbage N SEED          N times, one after the other: random bytes, then close
 *   httpask WHERE huge N                  N times: a request with a header of 1 MB
 *   httpask WHERE greedy N                N times: 200 requests at once, and no answer is taken
 *
 * All but get end with a line that says what was done; hold, slow and greedy go on until they are killed, and say it first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
} addr;
static socklen_t addr_len;

static void die(const char *doing)
{
    fprintf(stderr, "httpask: %s: %s\n", doing, strerror(errno));
    exit(1);
}

static void read_where(const char *where)
{
    char host[64];
    if (*where == '/') {
        addr.un.sun_family = AF_UNIX;
        snprintf(addr.un.sun_path, sizeof addr.un.sun_path, "%s", where);
        addr_len = sizeof addr.un;
        return;
    }
    if (strncmp(where, "http://", 7) == 0)
        where += 7;
    const char *colon = strrchr(where, ':');
    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - where) : 0, where);
    addr.in.sin_family = AF_INET;
    addr.in.sin_port = htons((uint16_t)atoi(colon ? colon + 1 : "0"));
    addr_len = sizeof addr.in;
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                  &addr.in.sin_addr) != 1) {
        errno = EINVAL;
        die(where);
    }
}

static int dial(void)
{
    const struct timeval wait = {.tv_sec = 5};
    int fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, &addr.any, addr_len) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Returns how much went. */
static size_t give(int fd, const void *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = send(fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static void get(const char *path, char **headers)
{
    char text[8192];
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", path);
    for (; *headers; headers++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\r\n", *headers);
    n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
    int fd = dial();
    if (fd < 0)
        die("connect");
    if (give(fd, text, (size_t)n) < (size_t)n)
        die("ask");
    ssize_t got, all = 0;
    while ((got = recv(fd, text, sizeof text, 0)) > 0) {
        fwrite(text, 1, (size_t)got, stdout);
        all += got;
    }
    if (got < 0 || all == 0)
        die("no answer");
}

static int *open_many(int n)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)n + 64, .rlim_max = (rlim_t)n + 64};
    int *fds = calloc((size_t)n, sizeof *fds), n_open = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < n; i++)
        n_open += (fds[i] = dial()) >= 0;
    printf("opened %d of %d\n", n_open, n);
    fflush(stdout);
    return fds;
}

static void slow(int n)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    int *fds = open_many(n);
    for (size_t at = 0;; at++) {
        char c = at < sizeof request - 1 ? request[at] : 'a';
        for (int i = 0; i < n; i++)
            if (fds[i] >= 0 && give(fds[i], &c, 1) == 0) {
                close(fds[i]);
                fds[i] = -1;
            }
        usleep(50000);
    }
}

static void half(int n)
{
    static const char request[] =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n";
    for (int i = 0; i < n; i++) {
        int fd = dial();
        if (fd < 0)
            continue;
        give(fd, request, (size_t)rand() % sizeof request);
        if (rand() % 2)
            shutdown(fd, SHUT_WR);
        if (rand() % 2) {
            const struct linger reset = {.l_onoff = 1};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        close(fd);
    }
    printf("half %d\n", n);
}

static void garbage(int n)
{
    char bytes[4096];
    for (int i = 0; i < n; i++) {
        int fd = dial();
        size_t len = (size_t)rand() % sizeof bytes;
        for (size_t k = 0; k < len; k++)
            bytes[k] = rand() % 4 ? (char)rand() : "GET / HTTP/1.1\r\n:\r\n"[rand() % 18];
        if (fd < 0)
            continue;
        give(fd, bytes, len);
        close(fd);
    }
    printf("garbage %d\n", n);
}

static void huge(int n)
{
    size_t len = 1024 * 1024, went = 0;
    char *bytes = malloc(len);
    memset(bytes, 'x', len);
    for (int i = 0; i < n; i++) {
        static const char begin[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Huge: ";
        int fd = dial();
        if (fd < 0)
            continue;
        went += give(fd, begin, sizeof begin - 1) + give(fd, bytes, len);
        close(fd);
    }
    printf("huge %d, %zu bytes went\n", n, went);
}

static void greedy(int n)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int *fds = open_many(n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 200 && fds[i] >= 0; k++)
            (void)(send(fds[i], request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
    pause();
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4) {
        fprintf(stderr, "usage: httpask WHERE get PATH [HEADER ...] | "
                        "hold|slow|half|garbage|huge|greedy N [SEED]\n");
        return 2;
    }
    int n = atoi(argv[3]);
    const char *what = argv[2];
    srand(argc > 4 ? (unsigned)atoi(argv[4]) : 1);
    read_where(argv[1]);
    if (strcmp(what, "get") == 0)
        get(argv[3], argv + 4);
    else if (strcmp(what, "hold") == 0)
        open_many(n), pause();
    else if (strcmp(what, "slow") == 0)
        slow(n);
    else if (strcmp(what, "half") == 0)
        half(n);
    else if (strcmp(what, "garbage") == 0)
        garbage(n);
    else if (strcmp(what, "huge") == 0)
        huge(n);
    else
        greedy(n);
    return 0;
}
