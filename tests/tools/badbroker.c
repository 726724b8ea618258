/* A broker as it should not be, on 127.0.0.1:PORT, until it is killed:
 *
 *   badbroker PORT mute       takes connections and all that comes, and never says a word
 *   badbroker PORT close      takes connections and closes them
 *   badbroker PORT random     answers with random bytes without end
 *   badbroker PORT endless    says that an answer of two gigabytes comes, and sends bytes without end
 *   badbroker PORT nonsense   answers each request under its own number, with random bytes as the answer
 *   badbroker PORT truncated  begins each answer, and stops in the middle
 *   badbroker PORT old        a broker of 0.10, which knows no idempotent producers
 *   badbroker PORT ancient    a broker of 0.9, which closes the connection when it is asked what it can do
 *
 * SEED in the environment makes the random bytes; connections are numbered, so that each has others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { API_METADATA = 3, API_VERSIONS = 18, REQUEST_MAX = 1 << 20 };

struct request {
    int api, version;
    uint32_t number;
    unsigned char *body; /* behind the client's name */
    size_t len;
};

struct answer {
    unsigned char bytes[65536];
    size_t len;
};

static int port;
static const char *mode;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("badbroker: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static bool is_mode(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* ---- bytes; a connection that ends ends its process ---- */

static void read_all(int fd, void *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)to + done, len - done);
        if (n <= 0)
            exit(0);
        done += (size_t)n;
    }
}

static void write_all(int fd, const void *from, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)from + done, len - done);
        if (n <= 0)
            exit(0);
        done += (size_t)n;
    }
}

static void put_int(struct answer *a, uint64_t value, int n_bytes)
{
    for (int i = n_bytes - 1; i >= 0; i--)
        a->bytes[a->len++] = (unsigned char)(value >> (8 * i));
}

static void put_text(struct answer *a, const void *text, size_t len)
{
    put_int(a, len, 2);
    memcpy(a->bytes + a->len, text, len);
    a->len += len;
}

static void put_random(struct answer *a, size_t len)
{
    for (size_t i = 0; i < len; i++)
        a->bytes[a->len++] = (unsigned char)random();
}

static uint32_t int_at(const unsigned char *p, int n_bytes)
{
    uint32_t value = 0;

    for (int i = 0; i < n_bytes; i++)
        value = value << 8 | p[i];
    return value;
}

/* ---- requests and answers ---- */

static void read_request(int fd, struct request *req)
{
    static unsigned char bytes[REQUEST_MAX];
    size_t len, name;

    read_all(fd, bytes, 4);
    len = int_at(bytes, 4);
    if (len < 10 || len > sizeof bytes) /* TLS, for one */
        exit(0);
    read_all(fd, bytes, len);
    name = (int16_t)int_at(bytes + 8, 2) < 0 ? 0 : int_at(bytes + 8, 2);
    *req = (struct request) {.api = (int)int_at(bytes, 2),
                             .version = (int)int_at(bytes + 2, 2),
                             .number = int_at(bytes + 4, 4),
                             .body = bytes + 10 + name,
                             .len = len - 10 - name};
}

static void begin_answer(struct answer *a, const struct request *req)
{
    a->len = 0;
    put_int(a, 0, 4);
    put_int(a, req->number, 4);
}

static void send_answer(int fd, struct answer *a)
{
    size_t len = a->len;

    a->len = 0;
    put_int(a, len - 4, 4);
    write_all(fd, a->bytes, is_mode("truncated") ? len / 2 : len);
    a->len = len;
}

/* Produce, Fetch, Metadata and this, as 0.10.0 had them. */
static void answer_versions(struct answer *a, const struct request *req)
{
    static const int apis[][2] = {{0, 2}, {1, 2}, {API_METADATA, 1}, {API_VERSIONS, 0}};

    put_int(a, req->version > 0 ? 35 : 0, 2); /* UNSUPPORTED_VERSION: ask as version 0 */
    put_int(a, req->version > 0 ? 0 : 4, 4);
    for (int i = 0; req->version == 0 && i < 4; i++) {
        put_int(a, (uint64_t)apis[i][0], 2);
        put_int(a, 0, 2);
        put_int(a, (uint64_t)apis[i][1], 2);
    }
}

/* One broker, this one, and every topic that is asked for, with one partition. */
static void answer_metadata(struct answer *a, const struct request *req)
{
    const unsigned char *at = req->body + 4;
    uint32_t n = int_at(req->body, 4);

    if (n > 16)
        n = 0;
    put_int(a, 1, 4);
    put_int(a, 1, 4);
    put_text(a, "127.0.0.1", 9);
    put_int(a, (uint64_t)port, 4);
    if (req->version > 0) {
        put_int(a, 0xffff, 2); /* no rack */
        put_int(a, 1, 4);      /* controller */
    }
    put_int(a, n, 4);
    for (uint32_t i = 0; i < n; i++, at += 2 + int_at(at, 2)) {
        put_int(a, 0, 2);
        put_text(a, at + 2, int_at(at, 2));
        if (req->version > 0)
            put_int(a, 0, 1); /* not internal */
        put_int(a, 1, 4);     /* partitions: no error, 0, leader, replicas, in sync */
        put_int(a, 0, 2);
        put_int(a, 0, 4);
        put_int(a, 1, 4);
        put_int(a, UINT64_C(1) << 32 | 1, 8);
        put_int(a, UINT64_C(1) << 32 | 1, 8);
    }
}

static void answer_as_old(int fd, const struct request *req, struct answer *a)
{
    if (req->api == API_VERSIONS && !is_mode("ancient"))
        answer_versions(a, req);
    else if (req->api == API_METADATA && req->version <= (is_mode("ancient") ? 0 : 1))
        answer_metadata(a, req);
    else
        exit(0);
    send_answer(fd, a);
}

static void answer_requests(int fd)
{
    static struct answer a;
    struct request req;

    for (;;) {
        read_request(fd, &req);
        begin_answer(&a, &req);
        if (is_mode("old") || is_mode("ancient")) {
            answer_as_old(fd, &req, &a);
        } else {
            put_random(&a, (size_t)(random() % 300));
            send_answer(fd, &a);
        }
    }
}

static void flood(int fd)
{
    static struct answer a;

    if (is_mode("endless")) {
        struct request req;
        read_request(fd, &req);
        put_int(&a, 0x7fffffff, 4);
        put_int(&a, req.number, 4);
    }
    for (;;) {
        put_random(&a, 16384);
        write_all(fd, a.bytes, a.len);
        a.len = 0;
    }
}

static void serve(int fd)
{
    char ignored[4096];

    if (is_mode("close"))
        exit(0);
    if (is_mode("random") || is_mode("endless"))
        flood(fd);
    while (is_mode("mute"))
        read_all(fd, ignored, 1);
    answer_requests(fd);
}

/* ---- start ---- */

static int listen_on(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 64) < 0)
        die("port %d: %s", port, strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
    int listener, fd;

    if (argc != 3)
        die("see the head of badbroker.c");
    port = atoi(argv[1]);
    mode = argv[2];
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    listener = listen_on();
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        srandom(seed++);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(listener);
            serve(fd);
            exit(0);
        }
        close(fd);
    }
    die("accept: %s", strerror(errno));
}
