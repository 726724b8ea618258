/* sink.c: brokers that count and forget: cheaper than every shipper, and they say when everything is there.
 *
 *   sink [-n BROKERS] [-t TOPIC] [-p PARTITIONS] [-e EVENTS] -f READY_FILE -d DONE_FILE [-l]
 *
 * READY_FILE gets the bootstrap string. When EVENTS events have come, DONE_FILE is made; at SIGTERM it is written anew: lines
 * "events N", "wire_bytes N", and with -l, where lines carry t=NS (CLOCK_MONOTONIC, when they were written), "latency_us P50 P99 MAX".
 * Partition P is led by broker P % BROKERS + 1. Batches are neither checked nor kept: whoever wants to know that nothing is
 * lost asks tests/e2e. Answers at once; understands as much of the protocol as a producer needs, and lz4.
 */
#include "sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 512, READ_BYTES = 256 * 1024 };

struct conn {
    unsigned char *buf;
    size_t len, cap;
};

struct sink sink = {.n_brokers = 3, .n_parts = 6, .topic = "bench", .n_wanted = INT64_MAX};
static const char *ready_path;
static struct pollfd fds[MAX_FDS]; /* the first n_brokers listen */
static struct conn conns[MAX_FDS];
static nfds_t n_fds;

static volatile sig_atomic_t stop_wanted;

static void on_signal(int signo)
{
    (void)signo;
    stop_wanted = 1;
}

noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

void write_file(const char *path, const char *text)
{
    char temp[4096];
    snprintf(temp, sizeof temp, "%s.new", path);
    FILE *file = fopen(temp, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) || rename(temp, path))
        die(path);
}

/* ---- connections ---- */

static bool answer_all(int fd, struct conn *conn)
{
    size_t at = 0;
    bool is_good = true;
    while (is_good && conn->len - at >= 4) {
        struct wire in = {.at = conn->buf + at, .end = conn->buf + conn->len};
        size_t size = wire_get(&in, 4);
        if ((size_t)(in.end - in.at) < size)
            break;
        in.end = in.at + size;
        is_good = sink_answer(fd, in);
        at += 4 + size;
    }
    memmove(conn->buf, conn->buf + at, conn->len - at);
    conn->len -= at;
    return is_good;
}

static bool read_some(int fd, struct conn *conn)
{
    if (conn->cap - conn->len < READ_BYTES) {
        conn->cap = conn->cap * 2 + 512 * 1024;
        conn->buf = realloc(conn->buf, conn->cap);
    }
    ssize_t n = read(fd, conn->buf + conn->len, conn->cap - conn->len);
    conn->len += n > 0 ? (size_t)n : 0;
    return n > 0 && answer_all(fd, conn);
}

static void accept_one(int listener)
{
    int fd = accept(listener, NULL, NULL), one = 1;
    if (fd < 0 || n_fds == MAX_FDS)
        die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fds[n_fds] = (struct pollfd) {.fd = fd, .events = POLLIN};
    conns[n_fds++] = (struct conn) {.buf = NULL};
}

static void drop(nfds_t i)
{
    close(fds[i].fd);
    free(conns[i].buf);
    n_fds--;
    fds[i] = fds[n_fds];
    conns[i] = conns[n_fds];
}

static void serve(void)
{
    while (!stop_wanted) {
        if (poll(fds, n_fds, -1) < 0)
            continue;
        for (nfds_t i = n_fds; i-- > 0;) {
            if (!fds[i].revents)
                continue;
            if (i < (nfds_t)sink.n_brokers)
                accept_one(fds[i].fd);
            else if (!read_some(fds[i].fd, &conns[i]))
                drop(i);
        }
    }
}

static void listen_all(void)
{
    char text[512] = "";
    for (int i = 0; i < sink.n_brokers; i++) {
        struct sockaddr_in addr = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof addr;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 64) ||
            getsockname(fd, (struct sockaddr *)&addr, &len))
            die("listen");
        sink.ports[i] = ntohs(addr.sin_port);
        fds[n_fds++] = (struct pollfd) {.fd = fd, .events = POLLIN};
        snprintf(text + strlen(text), 32, "%s127.0.0.1:%d", i ? "," : "", sink.ports[i]);
    }
    write_file(ready_path, text);
}

int main(int argc, char **argv)
{
    struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART: it ends the poll */
    for (int c; (c = getopt(argc, argv, "n:t:p:e:f:d:l")) != -1;) {
        if (c == 'n')
            sink.n_brokers = atoi(optarg);
        else if (c == 't')
            sink.topic = optarg;
        else if (c == 'p')
            sink.n_parts = atoi(optarg);
        else if (c == 'e')
            sink.n_wanted = atoll(optarg);
        else if (c == 'f')
            ready_path = optarg;
        else if (c == 'd')
            sink.done = optarg;
        else if (c == 'l')
            sink.is_timed = true;
        else
            return 1;
    }
    if (!ready_path || !sink.done || sink.n_brokers < 1 || sink.n_brokers > MAX_BROKERS ||
        sink.n_parts > MAX_PARTS)
        return 1;
    sigaction(SIGTERM, &act, NULL);
    listen_all();
    serve();
    sink_tell();
    return 0;
}
