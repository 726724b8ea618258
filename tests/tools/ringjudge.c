/* Judge what a follower delivered of ringwriter's lines: lost, repeated, out of order, changed; lines, bytes and generations.
 *
 *   ringjudge [-t TRUTH_FILE | -n LINES] [-s LINE_BYTES] [-l LIVE_FILE] [-m] [-d DUMP_FILE] EVENTS
 *
 * EVENTS holds Beats events, one a line. A file is read to its end. A FIFO is made if it is not there and read along, over
 * the end of any writer, until SIGTERM comes; then what is still in it is read. LIVE_FILE appears when reading has begun; it
 * is rewritten five times a second: "delivered N repeated N newest N", newest being the
 * largest number that came.
 * The truth is what ringwriter -t wrote, read at the end, or lines 0 .. LINES-1 of one generation.
 * A message must be the writer's line of LINE_BYTES (214) byte for byte; with -m any will do, known by seq=N or else by its
 * event.id, for writers of another format. DUMP_FILE gets the messages, one a line, in order of arrival, five times
 * a second too.
 *
 * Last line: "lines W, delivered D, lost L, lost_bytes B, generations G, lost_generations X, cut_generations Y,
 * repeated R, disordered O, bad B, zeros Z". D counts distinct lines; X the generations of which no line came, Y those of
 * which some are missing; O lines that came after a later one of the same log.file.path; bad are events that are none,
 * changed or of no number; zeros, of these, with a zero byte.
 * Exit 0 when nothing is lost, disordered or bad, else 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "numbered.h"
#include "tally.h"

enum { READ_BYTES = 1024 * 1024, PIPE_BYTES = 1024 * 1024, LIVE_MS = 200, PRINTED_GAPS = 10 };

struct judge {
    const char *truth_path, *live_path;
    int64_t lines; /* -n; 0 = the truth file says */
    size_t line_bytes;
    bool any_text;
    FILE *dump;

    struct tally tally;
    struct event event;
    char *expected_line;
    char *buf; /* what was read and not yet judged */
    size_t used, cap;
    int64_t live_ms;
    int64_t newest; /* the largest number that came */
    int64_t zeros, changed;

    int64_t n_lines, lost, lost_bytes, generations, lost_generations, cut_generations;
};

static volatile sig_atomic_t stop_wanted;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("ringjudge: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void on_signal(int sig)
{
    (void)sig;
    stop_wanted = 1;
}

/* ---- one event ---- */

/* The number the message claims, -1 if none. */
static int64_t number_of(struct text message)
{
    const char *p = message.at ? memmem(message.at, message.len, "seq=", 4) : NULL;
    const char *end = p ? message.at + message.len : NULL;
    int64_t seq = 0;

    if (!p || p + 4 == end || p[4] < '0' || p[4] > '9')
        return -1;
    for (p += 4; p < end && *p >= '0' && *p <= '9' && seq < INT32_MAX; p++)
        seq = seq * 10 + (*p - '0');
    return seq;
}

static bool is_as_written(struct judge *j, struct text message, int64_t seq)
{
    if (seq < 0 || j->any_text)
        return j->any_text;
    numbered_line(j->expected_line, j->line_bytes, seq);
    return message.len == j->line_bytes - 1 &&
           memcmp(message.at, j->expected_line, message.len) == 0;
}

static void judge_event(struct judge *j, const char *json, size_t len)
{
    struct text *message = &j->event.message;
    int64_t seq;

    if (!event_parse(&j->event, json, len)) {
        j->tally.bad++;
        if (j->tally.bad <= PRINTED_GAPS)
            fprintf(stderr, "no event: %.*s\n", len > 300 ? 300 : (int)len, json);
        return;
    }
    if (j->dump && message->at) {
        fwrite(message->at, 1, message->len, j->dump);
        fputc('\n', j->dump);
    }
    seq = number_of(*message);
    if (!message->at || !is_as_written(j, *message, seq)) {
        j->changed++;
        j->zeros += message->at && memchr(message->at, 0, message->len) != NULL;
        if (j->changed <= PRINTED_GAPS)
            fprintf(stderr, "changed: %.*s\n", len > 500 ? 500 : (int)len, json);
        return;
    }
    tally_event(&j->tally, 0, &j->event);
    j->newest = seq > j->newest ? seq : j->newest;
}

/* ---- reading ---- */

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void judge_whole_lines(struct judge *j)
{
    char *at = j->buf, *end = j->buf + j->used, *nl;

    while ((nl = memchr(at, '\n', (size_t)(end - at)))) {
        judge_event(j, at, (size_t)(nl - at));
        at = nl + 1;
    }
    j->used = (size_t)(end - at);
    memmove(j->buf, at, j->used);
}

/* False at the end of a file, or when a FIFO has no more now. */
static bool read_some(struct judge *j, int fd)
{
    ssize_t n;

    if (j->cap - j->used < READ_BYTES) {
        j->cap = j->used + 2 * READ_BYTES;
        j->buf = realloc(j->buf, j->cap);
        if (!j->buf)
            die("no memory");
    }
    n = read(fd, j->buf + j->used, READ_BYTES);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("read: %s", strerror(errno));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    j->used += (size_t)n;
    judge_whole_lines(j);
    return true;
}

static void print_live(struct judge *j)
{
    char temp[4096];
    FILE *f;

    if (!j->live_path || now_ms() - j->live_ms < LIVE_MS)
        return;
    j->live_ms = now_ms();
    if (j->dump)
        fflush(j->dump);
    snprintf(temp, sizeof temp, "%s.new", j->live_path);
    f = fopen(temp, "w");
    if (!f)
        die("%s: %s", temp, strerror(errno));
    fprintf(f, "delivered %" PRId64 " repeated %" PRId64 " newest %" PRId64 "\n",
            j->tally.delivered, j->tally.repeated, j->newest);
    fclose(f);
    rename(temp, j->live_path);
}

static int open_events(const char *path, bool *is_fifo)
{
    struct stat st;
    int fd;

    if (stat(path, &st) < 0 && mkfifo(path, 0622) < 0)
        die("%s: %s", path, strerror(errno));
    if (stat(path, &st) < 0)
        die("%s: %s", path, strerror(errno));
    *is_fifo = S_ISFIFO(st.st_mode);
    /* A FIFO is opened for writing too, so that it does not end with its last writer. */
    fd = open(path, (*is_fifo ? O_RDWR | O_NONBLOCK : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        die("%s: %s", path, strerror(errno));
    if (*is_fifo)
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fewer turns; a small pipe works too */
    return fd;
}

static void read_events(struct judge *j, const char *path)
{
    bool is_fifo, told;
    int fd = open_events(path, &is_fifo);

    print_live(j);
    do {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        told = stop_wanted != 0;
        if (is_fifo && !told)
            poll(&ready, 1, LIVE_MS);
        while (read_some(j, fd))
            print_live(j);
        print_live(j);
    } while (is_fifo && !told);
    close(fd);
    if (j->used > 0) {
        j->tally.bad++;
        fprintf(stderr, "the last event has no end: %.*s\n", j->used > 200 ? 200 : (int)j->used,
                j->buf);
    }
}

/* ---- the truth ---- */

static bool came(const struct tally *t, int64_t seq)
{
    return seq < t->n_ids && t->ids[seq] != 0;
}

static void judge_generation(struct judge *j, int64_t first, int64_t last, int64_t bytes)
{
    int64_t lost = 0, lines = last - first + 1;

    for (int64_t seq = first; seq <= last; seq++)
        lost += !came(&j->tally, seq);
    j->generations++;
    j->n_lines += lines;
    j->lost += lost;
    j->lost_bytes += lost * (bytes / lines);
    j->lost_generations += lost == lines;
    j->cut_generations += lost > 0 && lost < lines;
    if (lost && j->lost - lost < PRINTED_GAPS)
        fprintf(stderr, "lost: %" PRId64 " of lines %" PRId64 " to %" PRId64 "\n", lost, first,
                last);
}

static void judge_truth(struct judge *j)
{
    int64_t first, last, bytes;
    FILE *f;

    if (!j->truth_path) {
        if (j->lines)
            judge_generation(j, 0, j->lines - 1, j->lines * (int64_t)j->line_bytes);
        return;
    }
    f = fopen(j->truth_path, "r");
    if (!f)
        die("%s: %s", j->truth_path, strerror(errno));
    while (fscanf(f, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %*u %*u", &first, &last, &bytes) == 3)
        judge_generation(j, first, last, bytes);
    if (!feof(f))
        die("%s is no truth file", j->truth_path);
    fclose(f);
}

static int give_sentence(struct judge *j)
{
    const struct tally *t = &j->tally;
    int64_t foreign = j->any_text ? 0 : t->delivered - (j->n_lines - j->lost);
    int64_t bad = t->bad + j->changed + foreign;

    if (t->changed_ids)
        fprintf(stderr, "%" PRId64 " repeats carry another id\n", t->changed_ids);
    if (foreign)
        fprintf(stderr, "%" PRId64 " lines were never written\n", foreign);
    printf("lines %" PRId64 ", delivered %" PRId64 ", lost %" PRId64 ", lost_bytes %" PRId64
           ", generations %" PRId64 ", lost_generations %" PRId64 ", cut_generations %" PRId64
           ", repeated %" PRId64 ", disordered %" PRId64 ", bad %" PRId64 ", zeros %" PRId64 "\n",
           j->n_lines, t->delivered, j->lost, j->lost_bytes, j->generations, j->lost_generations,
           j->cut_generations, t->repeated, t->disordered, bad, j->zeros);
    return j->lost || t->disordered || bad;
}

/* ---- the command line ---- */

static int64_t number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < 1)
        die("'%s' is not a number", text);
    return value;
}

static const char *parse_options(int argc, char **argv, struct judge *j)
{
    int c;

    while ((c = getopt(argc, argv, "t:n:s:l:md:")) != -1) {
        switch (c) {
        case 't':
            j->truth_path = optarg;
            break;
        case 'n':
            j->lines = number(optarg);
            break;
        case 's':
            j->line_bytes = (size_t)number(optarg);
            break;
        case 'l':
            j->live_path = optarg;
            break;
        case 'm':
            j->any_text = true;
            break;
        case 'd':
            j->dump = fopen(optarg, "w");
            if (!j->dump)
                die("%s: %s", optarg, strerror(errno));
            break;
        default:
            die("see the head of ringjudge.c");
        }
    }
    if (optind + 1 != argc || j->line_bytes < NUMBERED_MIN_BYTES)
        die("EVENTS is needed, and lines of %d bytes at least", NUMBERED_MIN_BYTES);
    return argv[optind];
}

int main(int argc, char **argv)
{
    struct judge j = {
        .line_bytes = 214, .newest = -1, .tally = {.expected = -1, .order = ORDER_SEQ}};
    const struct sigaction act = {.sa_handler = on_signal};
    const char *events = parse_options(argc, argv, &j);
    int code;

    j.expected_line = malloc(j.line_bytes);
    if (!j.expected_line)
        die("no memory");
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    read_events(&j, events);
    judge_truth(&j);
    code = give_sentence(&j);
    if (j.dump && fclose(j.dump) != 0)
        die("dump: %s", strerror(errno));
    event_done(&j.event);
    tally_done(&j.tally);
    free(j.expected_line);
    free(j.buf);
    return code;
}
