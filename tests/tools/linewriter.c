/* Write numbered log lines as fast as asked and rotate them as a web server's log is rotated: the writer of the tests.
 *
 *   linewriter -f PATH -n LINES [-s LINE_BYTES] [-S FIRST_SEQ] [-r ROTATE_BYTES] [-k KEEP] [-R LINES_PER_SECOND]
 *              [-B BUFFER_BYTES] [-p PIDFILE] [--append-only]
 *
 * A line looks like nginx's combined format, with seq=N in the request (N from FIRST_SEQ, default 0) and padding to
 * LINE_BYTES (default 214, newline included). Each line is one write(2); with -B whole lines are collected up to
 * BUFFER_BYTES first, as nginx does with buffer=. Files are opened with O_APPEND.
 *
 * Rotation: with -r the file is renamed to PATH.1, PATH.2, ... (always growing) before the line that would pass
 * ROTATE_BYTES, and the newest KEEP of them are kept (0, the default: all). On SIGUSR1 PATH is opened anew, so that
 * somebody else can rotate; --append-only ignores the signal. PATH is appended to if it is there.
 *
 * A write that fails (ENOSPC) is tried again until it works, never dropped; a short one is completed.
 * Ends, also on SIGTERM, with "lines N, bytes N, rotations N, reopens N, waited N".
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "numbered.h"

enum { RETRY_US = 1000 };

struct writer {
    const char *path, *pidfile;
    int fd;
    int64_t lines, first, line_bytes, rotate_bytes, keep, rate, buffer_bytes;
    bool append_only;
    char *buf; /* whole lines not yet written */
    size_t used;
    int64_t file_bytes; /* in the current file, buffered lines included */
    int64_t generation; /* number of the last renamed file */
    int64_t n_lines, n_bytes, n_rotations, n_reopens, n_waits;
};

static volatile sig_atomic_t reopen_wanted, stop_wanted;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("linewriter: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void on_signal(int sig)
{
    if (sig == SIGUSR1)
        reopen_wanted = 1;
    else
        stop_wanted = 1;
}

/* ---- the file ---- */

static void open_log(struct writer *w)
{
    struct stat st;

    w->fd = open(w->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (w->fd < 0 || fstat(w->fd, &st) < 0)
        die("%s: %s", w->path, strerror(errno));
    w->file_bytes = st.st_size;
}

static void flush_lines(struct writer *w)
{
    size_t done = 0;

    while (done < w->used) {
        ssize_t n = write(w->fd, w->buf + done, w->used - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (errno == ENOSPC || errno == EINTR) {
            w->n_waits++;
            usleep(RETRY_US);
        } else {
            die("write: %s", strerror(errno));
        }
    }
    w->n_bytes += (int64_t)done;
    w->used = 0;
}

/* Go on counting where an earlier run ended, so that no file is overwritten. */
static void find_generation(struct writer *w)
{
    char pattern[4096];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s.[0-9]*", w->path);
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        long long number = strtoll(found.gl_pathv[i] + strlen(w->path) + 1, NULL, 10);
        if (number > w->generation)
            w->generation = number;
    }
    globfree(&found);
}

static void remove_old(const struct writer *w)
{
    char old[4096];

    if (w->keep == 0 || w->generation <= w->keep)
        return;
    snprintf(old, sizeof old, "%s.%lld", w->path, (long long)(w->generation - w->keep));
    unlink(old);
}

static void rotate(struct writer *w)
{
    char name[4096];

    flush_lines(w);
    close(w->fd);
    snprintf(name, sizeof name, "%s.%lld", w->path, (long long)++w->generation);
    w->n_rotations++;
    if (rename(w->path, name) < 0)
        die("rename %s: %s", w->path, strerror(errno));
    open_log(w);
    remove_old(w);
}

/* As nginx does it: what is buffered goes to the old file, then the name is opened anew. */
static void reopen(struct writer *w)
{
    reopen_wanted = 0;
    flush_lines(w);
    close(w->fd);
    open_log(w);
    w->n_reopens++;
}

/* ---- the lines ---- */

static void format_line(struct writer *w, int64_t seq)
{
    numbered_line(w->buf + w->used, (size_t)w->line_bytes, seq);
    w->used += (size_t)w->line_bytes;
    w->file_bytes += w->line_bytes;
}

static void put_line(struct writer *w)
{
    if (w->rotate_bytes && w->file_bytes && w->file_bytes + w->line_bytes > w->rotate_bytes)
        rotate(w);
    format_line(w, w->first + w->n_lines++);
    if ((int64_t)w->used + w->line_bytes > w->buffer_bytes)
        flush_lines(w);
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Wait until the next line may go; buffered lines do not wait with it. */
static void keep_rate(struct writer *w, int64_t began_us)
{
    int64_t due_us, early_us;

    if (w->rate == 0)
        return;
    due_us = began_us + w->n_lines * 1000000 / w->rate;
    while (!stop_wanted && (early_us = due_us - now_us()) > 1000) {
        if (reopen_wanted)
            reopen(w);
        usleep(early_us > 100000 ? 100000 : (useconds_t)early_us);
    }
}

static void write_lines(struct writer *w)
{
    int64_t began_us = now_us();

    while (w->n_lines < w->lines && !stop_wanted) {
        if (reopen_wanted)
            reopen(w);
        keep_rate(w, began_us);
        put_line(w);
    }
    flush_lines(w);
}

/* ---- the command line ---- */

static int64_t number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < 0)
        die("'%s' is not a number", text);
    return value;
}

static void parse_options(int argc, char **argv, struct writer *w)
{
    static const struct option longs[] = {{"append-only", no_argument, NULL, 'a'}, {0}};
    int c;

    while ((c = getopt_long(argc, argv, "f:n:s:S:r:k:R:B:p:", longs, NULL)) != -1) {
        switch (c) {
        case 'f':
            w->path = optarg;
            break;
        case 'n':
            w->lines = number(optarg);
            break;
        case 's':
            w->line_bytes = number(optarg);
            break;
        case 'S':
            w->first = number(optarg);
            break;
        case 'r':
            w->rotate_bytes = number(optarg);
            break;
        case 'k':
            w->keep = number(optarg);
            break;
        case 'R':
            w->rate = number(optarg);
            break;
        case 'B':
            w->buffer_bytes = number(optarg);
            break;
        case 'p':
            w->pidfile = optarg;
            break;
        case 'a':
            w->append_only = true;
            break;
        default:
            die("see the head of linewriter.c");
        }
    }
    if (!w->path || w->lines == 0)
        die("-f PATH and -n LINES are needed");
    if (w->line_bytes < NUMBERED_MIN_BYTES || w->line_bytes > NUMBERED_MAX_BYTES)
        die("-s: a line has %d to %d bytes", NUMBERED_MIN_BYTES, NUMBERED_MAX_BYTES);
}

static void write_pid(const char *path)
{
    FILE *f = path ? fopen(path, "w") : NULL;

    if (path && !f)
        die("%s: %s", path, strerror(errno));
    if (!f)
        return;
    fprintf(f, "%ld\n", (long)getpid());
    fclose(f);
}

static void catch_signals(const struct writer *w)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    if (w->append_only)
        act.sa_handler = SIG_IGN;
    sigaction(SIGUSR1, &act, NULL);
}

int main(int argc, char **argv)
{
    struct writer w = {.fd = -1, .line_bytes = 214};

    parse_options(argc, argv, &w);
    w.buf = malloc((size_t)(w.buffer_bytes + w.line_bytes));
    if (!w.buf)
        die("no memory for the buffer");
    catch_signals(&w);
    find_generation(&w);
    open_log(&w);
    write_pid(w.pidfile); /* after the handlers: who reads it may signal at once */
    write_lines(&w);
    close(w.fd);
    free(w.buf);
    printf("lines %lld, bytes %lld, rotations %lld, reopens %lld, waited %lld\n",
           (long long)w.n_lines, (long long)w.n_bytes, (long long)w.n_rotations,
           (long long)w.n_reopens, (long long)w.n_waits);
    return 0;
}
