/* lines.c: lines of nginx's combined format as a shop's web server writes them: addresses, paths, times, sizes and agents vary,
 * so that they compress as real ones do; 213 bytes each on average.
 *
 *   lines -f FILE -n LINES [-s LINE_BYTES] [-R LINES_PER_SECOND] [-r ROTATE_BYTES] [-S SEED]
 *
 * Without -R as fast as possible, in blocks. With -R a write(2) a line; &t=NS in the request is the time just before it
 * (CLOCK_MONOTONIC), for bench/sink -l. -r: FILE becomes FILE.1 before it passes ROTATE_BYTES. -s: each line of this length.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 * 1024, LINE_MAX_BYTES = 2 << 20 };

static struct {
    const char *path;
    int64_t n, size, rate, rotate;
    uint64_t seed;
    int fd;
    int64_t in_file;
} w = {.seed = 88172645463325252};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static unsigned any(unsigned below)
{
    w.seed ^= w.seed << 13;
    w.seed ^= w.seed >> 7;
    w.seed ^= w.seed << 17;
    return (unsigned)(w.seed >> 33) % below;
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static size_t make_line(char *line, int64_t seq)
{
    static const char *const paths[] = {"/catalog/item",  "/cart",          "/search",
                                        "/static/app.js", "/api/v2/orders", "/img/products/large"};
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "HEAD"};
    static const char *const from[] = {"https://shop.example.com/", "https://www.example.org/q",
                                       "-"};
    static const char *const agents[] = {
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121 "
        "Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:122.0) Gecko/20100101 Firefox/122.0",
        "curl/8.5.0"};
    static const int statuses[] = {200, 200, 200, 304, 404, 302};
    int64_t second = seq / 5000;
    int n = sprintf(line,
                    "%u.%u.%u.%u - - [22/Nov/2026:%02d:%02d:%02d +0000] \"%s %s/%u?seq=%" PRId64
                    "&t=%" PRId64 " HTTP/1.1\" %d %u \"%s\" \"%s\"",
                    any(223) + 1, any(256), any(256), any(256), (int)(second / 3600 % 24),
                    (int)(second / 60 % 60), (int)(second % 60), methods[any(5)], paths[any(6)],
                    any(100000), seq,
                    w.rate ? now_ns() : INT64_C(1795330800000000) + seq * 200 + any(200),
                    statuses[any(6)], any(60000), from[any(3)], agents[any(4)]);
    for (; n < w.size - 1; n++)
        line[n] = (char)('a' + any(26));
    line[n] = '\n';
    return (size_t)n + 1;
}

static void open_log(void)
{
    w.fd = open(w.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    w.in_file = 0;
    if (w.fd < 0)
        die(w.path);
}

static void rotate(void)
{
    char old[4096];
    snprintf(old, sizeof old, "%s.1", w.path);
    close(w.fd);
    if (rename(w.path, old))
        die(old);
    open_log();
}

static void put(const char *bytes, size_t len)
{
    for (ssize_t n; len > 0; bytes += n, len -= (size_t)n)
        if ((n = write(w.fd, bytes, len)) < 0)
            die("write");
}

static void write_bulk(void)
{
    static char block[BLOCK_BYTES + LINE_MAX_BYTES];
    size_t used = 0;
    for (int64_t i = 0; i < w.n; i++) {
        used += make_line(block + used, i);
        if (used < BLOCK_BYTES && i + 1 < w.n)
            continue;
        put(block, used);
        used = 0;
    }
}

/* Sleeps to the time of the next line; late ones are written at once. */
static void write_live(void)
{
    static char line[LINE_MAX_BYTES];
    const int64_t start = now_ns();
    for (int64_t i = 0; i < w.n; i++) {
        int64_t due = start + i * INT64_C(1000000000) / w.rate;
        const struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        while (now_ns() < due &&
               clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            continue;
        size_t len = make_line(line, i);
        if (w.rotate && w.in_file + (int64_t)len > w.rotate)
            rotate();
        put(line, len);
        w.in_file += (int64_t)len;
    }
}

int main(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "f:n:s:R:r:S:")) != -1;) {
        if (c == 'f')
            w.path = optarg;
        else if (c == 'n')
            w.n = atoll(optarg);
        else if (c == 's')
            w.size = atoll(optarg);
        else if (c == 'R')
            w.rate = atoll(optarg);
        else if (c == 'r')
            w.rotate = atoll(optarg);
        else if (c == 'S')
            w.seed ^= (uint64_t)atoll(optarg) * UINT64_C(0x9E3779B97F4A7C15);
        else
            return 1;
    }
    if (!w.path || w.size > LINE_MAX_BYTES)
        return 1;
    open_log();
    w.rate ? write_live() : write_bulk();
    close(w.fd);
    return 0;
}
