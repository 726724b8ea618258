/* A bad network between clients and brokers: a TCP relay that passes bytes on until it is told otherwise.
 *
 *   relay [-c FIFO] [-f READY_FILE] PORT=TARGET_PORT ...      all on 127.0.0.1; the first pair is number 1
 *
 * Commands come one a line from FIFO (made if it is not there) or stdin; N is a pair's number or "all":
 *   pass N             as at the start
 *   stall N            no byte goes on, connections stay open, new ones are accepted: a machine that hangs
 *   drop N             the kernel drops every packet that comes to the port, also those that would open a connection: a cable
 *                      that is cut; who sends, sends again, until pass N
 *   drip N BYTES       each 100 ms at most BYTES of each direction of each connection go on
 *   refuse N           connections are reset, nothing listens
 *   cut N              connections are reset, once
 *   cutafter N BYTES   each connection, also each new one, is reset when BYTES more bytes went to the broker
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PAIRS = 8, MAX_LINKS = 256, CHUNK = 65536, TICK_MS = 100 };

enum mode { PASS, STALL, DROP, DRIP, REFUSE, CUT_AFTER };

struct pair {
    int port, target, listener; /* listener -1 while it refuses */
    enum mode mode;
    long limit; /* of DRIP and CUT_AFTER, in bytes */
};

/* One direction: what was read and not written yet. */
struct flow {
    char *bytes;
    size_t len, done;
    long left; /* may still go on in this tick (DRIP), or ever (CUT_AFTER) */
};

struct link {
    struct pair *pair; /* NULL: free */
    int client, broker;
    struct flow to_broker, to_client;
};

static struct pair pairs[MAX_PAIRS];
static struct link links[MAX_LINKS];
static int n_pairs;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("relay: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* ---- sockets ---- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in) {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on(int port)
{
    struct sockaddr_in addr = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 64) < 0)
        die("port %d: %s", port, strerror(errno));
    return fd;
}

/* With a filter that takes nothing, TCP itself never sees what comes in. */
static void set_deaf(int fd, bool is_deaf)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog filter = {.len = 1, .filter = &nothing};
    int unused = 0;

    if (fd < 0)
        return;
    if (is_deaf && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0)
        die("cannot drop packets: %s", strerror(errno));
    if (!is_deaf)
        (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* ---- links ---- */

static void cut(struct link *link)
{
    reset(link->client);
    reset(link->broker);
    free(link->to_broker.bytes);
    free(link->to_client.bytes);
    *link = (struct link) {0};
}

static void set_limits(struct link *link)
{
    link->to_broker.left = link->to_client.left = link->pair->limit;
    if (link->pair->mode == CUT_AFTER)
        link->to_client.left = 0;
}

static void accept_link(struct pair *pair)
{
    struct sockaddr_in addr = loopback(pair->target);
    struct link *link = links;
    int client = accept4(pair->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    while (link < links + MAX_LINKS && link->pair)
        link++;
    if (client < 0 || link == links + MAX_LINKS ||
        connect(broker, (struct sockaddr *)&addr, sizeof addr) < 0) {
        if (client >= 0)
            reset(client);
        close(broker);
        return;
    }
    fcntl(broker, F_SETFL, O_NONBLOCK);
    *link = (struct link) {.pair = pair,
                           .client = client,
                           .broker = broker,
                           .to_broker.bytes = malloc(CHUNK),
                           .to_client.bytes = malloc(CHUNK)};
    set_limits(link);
}

static bool is_limited(const struct link *link, const struct flow *flow)
{
    enum mode mode = link->pair->mode;
    return mode == DRIP || (mode == CUT_AFTER && flow == &link->to_broker);
}

static bool may_move(const struct link *link, const struct flow *flow)
{
    return link->pair->mode == PASS || link->pair->mode == CUT_AFTER ||
           (link->pair->mode == DRIP && flow->left > 0);
}

/* False when the link is over: an end closed, or as many bytes went on as may. */
static bool move(struct link *link, struct flow *flow, int from, int to)
{
    size_t most = CHUNK;
    ssize_t n;

    if (!may_move(link, flow))
        return true;
    if (flow->len == flow->done) {
        n = read(from, flow->bytes, CHUNK);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        flow->len = n > 0 ? (size_t)n : 0;
        flow->done = 0;
    }
    if (is_limited(link, flow))
        most = (size_t)flow->left;
    if (most > flow->len - flow->done)
        most = flow->len - flow->done;
    n = write(to, flow->bytes + flow->done, most);
    if (n < 0 && errno != EAGAIN)
        return false;
    if (n > 0) {
        flow->done += (size_t)n;
        flow->left -= is_limited(link, flow) ? n : 0;
    }
    return link->pair->mode != CUT_AFTER || flow != &link->to_broker || flow->left > 0;
}

static short events_of(const struct link *link, const struct flow *in, const struct flow *out)
{
    short reads = may_move(link, in) && in->len == in->done ? POLLIN : 0;
    short writes = may_move(link, out) && out->len > out->done ? POLLOUT : 0;
    return (short)(reads | writes);
}

/* ---- commands ---- */

static void set_mode(struct pair *pair, enum mode mode, long limit)
{
    if (mode == REFUSE && pair->listener >= 0) {
        close(pair->listener);
        pair->listener = -1;
    }
    if (mode != REFUSE && pair->listener < 0)
        pair->listener = listen_on(pair->port);
    pair->mode = mode;
    pair->limit = limit;
    set_deaf(pair->listener, mode == DROP);
    for (struct link *link = links; link < links + MAX_LINKS; link++) {
        if (link->pair != pair)
            continue;
        set_deaf(link->client, mode == DROP);
        set_limits(link);
        if (mode == REFUSE)
            cut(link);
    }
}

static void cut_all(struct pair *pair)
{
    for (struct link *link = links; link < links + MAX_LINKS; link++)
        if (link->pair == pair)
            cut(link);
}

static void obey_for(struct pair *pair, const char *verb, long limit)
{
    static const char *const verbs[] = {"pass", "stall", "drop", "drip", "refuse", "cutafter"};

    if (strcmp(verb, "cut") == 0)
        cut_all(pair);
    for (int mode = PASS; mode <= CUT_AFTER; mode++)
        if (strcmp(verb, verbs[mode]) == 0)
            set_mode(pair, (enum mode)mode, limit);
}

static void obey(const char *line)
{
    char verb[16], who[16];
    long limit = 0;

    if (sscanf(line, "%15s %15s %ld", verb, who, &limit) < 2)
        return;
    for (int i = 0; i < n_pairs; i++)
        if (strcmp(who, "all") == 0 || atoi(who) == i + 1)
            obey_for(&pairs[i], verb, limit);
    printf("ok %s\n", line);
    fflush(stdout);
}

static void read_commands(int fd)
{
    static char text[4096];
    static size_t len;
    ssize_t n = read(fd, text + len, sizeof text - 1 - len);
    char *end;

    if (n <= 0)
        return;
    len += (size_t)n;
    text[len] = '\0';
    while ((end = strchr(text, '\n'))) {
        *end = '\0';
        obey(text);
        len -= (size_t)(end + 1 - text);
        memmove(text, end + 1, len + 1);
    }
}

/* ---- the loop ---- */

static void serve_links(void)
{
    for (struct link *link = links; link < links + MAX_LINKS; link++)
        if (link->pair && (!move(link, &link->to_broker, link->client, link->broker) ||
                           !move(link, &link->to_client, link->broker, link->client)))
            cut(link);
}

static void wait_for_events(int commands, int timeout_ms)
{
    static struct pollfd fds[1 + MAX_PAIRS + 2 * MAX_LINKS];
    nfds_t n = 0;

    fds[n++] = (struct pollfd) {.fd = commands, .events = POLLIN};
    for (int i = 0; i < n_pairs; i++)
        fds[n++] =
            (struct pollfd) {.fd = pairs[i].listener, .events = pairs[i].mode == DROP ? 0 : POLLIN};
    for (struct link *l = links; l < links + MAX_LINKS; l++) {
        if (!l->pair || l->pair->mode == STALL || l->pair->mode == DROP)
            continue;
        fds[n++] =
            (struct pollfd) {.fd = l->client, .events = events_of(l, &l->to_broker, &l->to_client)};
        fds[n++] =
            (struct pollfd) {.fd = l->broker, .events = events_of(l, &l->to_client, &l->to_broker)};
    }
    if (poll(fds, n, timeout_ms) < 0)
        return;
    if (fds[0].revents)
        read_commands(commands);
    for (int i = 0; i < n_pairs; i++)
        if (fds[1 + i].revents & POLLIN && pairs[i].listener >= 0)
            accept_link(&pairs[i]);
}

static long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void run(int commands)
{
    for (long tick_ms = 0;;) {
        wait_for_events(commands, TICK_MS);
        if (now_ms() - tick_ms >= TICK_MS) {
            tick_ms = now_ms();
            for (struct link *link = links; link < links + MAX_LINKS; link++)
                if (link->pair && link->pair->mode == DRIP)
                    set_limits(link);
        }
        serve_links();
    }
}

/* ---- start ---- */

static int open_commands(const char *fifo_path)
{
    int fd;

    if (!fifo_path)
        return STDIN_FILENO;
    if (mkfifo(fifo_path, 0600) < 0 && errno != EEXIST)
        die("%s: %s", fifo_path, strerror(errno));
    fd = open(fifo_path, O_RDWR | O_CLOEXEC); /* never ends when a writer goes */
    if (fd < 0)
        die("%s: %s", fifo_path, strerror(errno));
    return fd;
}

static void add_pair(const char *text)
{
    struct pair *pair = &pairs[n_pairs];

    if (n_pairs == MAX_PAIRS || sscanf(text, "%d=%d", &pair->port, &pair->target) != 2)
        die("'%s' is not PORT=TARGET_PORT", text);
    pair->listener = listen_on(pair->port);
    n_pairs++;
}

int main(int argc, char **argv)
{
    const char *fifo_path = NULL, *ready_path = NULL;
    int c, commands;

    while ((c = getopt(argc, argv, "c:f:")) != -1) {
        if (c == 'c')
            fifo_path = optarg;
        else if (c == 'f')
            ready_path = optarg;
        else
            die("see the head of relay.c");
    }
    for (; optind < argc; optind++)
        add_pair(argv[optind]);
    signal(SIGPIPE, SIG_IGN);
    commands = open_commands(fifo_path);
    if (ready_path && open(ready_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0)
        die("%s: %s", ready_path, strerror(errno));
    run(commands);
}
