/* Write numbered lines into a ring of small files, at a given number of rotations per second, and keep the truth: which lines
 * were in which generation, so that a judge can tell exactly what a follower lost.
 *
 *   ringwriter -f LOG [-m MODE] [-k FILES] [-z FILE_BYTES] [-s LINE_BYTES] [-r ROTATIONS_PER_SECOND]
 *              (-d SECONDS | -n LINES) [-t TRUTH_FILE] [-p PIDFILE] [-L LATE_LINES]
 *
 * MODE, with FILES (2) files of FILE_BYTES (51200):
 *   rename     the default: LOG becomes LOG.1 (and LOG.1 LOG.2, ...), replacing the oldest; a new LOG is made
 *   truncate   one file, emptied in place when it is full
 *   circular   as `rotatelogs -n FILES`: LOG, LOG.1, ... in turn, each emptied when it is begun
 *   single     one file that only grows
 *   managed    one file that only grows and is opened anew on SIGUSR1, after LATE_LINES (0) more lines into the old one, as
 *              busy workers do
 * Each line is one write(2), O_APPEND, LINE_BYTES (214) long. The rate is ROTATIONS_PER_SECOND times FILE_BYTES also where
 * somebody else rotates or nobody; 0 (the default) is as fast as it goes. It lasts SECONDS at that rate, or LINES. An empty LOG
 * is there before PIDFILE is written.
 *
 * A write that fails (ENOSPC) is tried again until it works, never dropped; a short one is completed. SIGTERM ends it early.
 * TRUTH_FILE has a line for each generation that got lines: "FIRST_SEQ LAST_SEQ BYTES INODE BIRTH_NS"; it is complete when the
 * program has ended. Ends with "lines N, bytes N, generations N, waited N".
 */
#include <errno.h>
#include <fcntl.h>
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

enum { RETRY_US = 1000, PATH_BYTES = 4096 };

enum mode { RENAME, TRUNCATE, CIRCULAR, SINGLE, MANAGED };

static const char *const mode_names[] = {"rename", "truncate", "circular", "single", "managed"};

struct writer {
    const char *path, *pidfile;
    enum mode mode;
    int64_t n_files, file_bytes, line_bytes, rotations_per_s, lines, late_lines;
    FILE *truth;
    char *line;

    int fd;
    int64_t filled;        /* bytes in the generation that is written now */
    int64_t first;         /* its first line */
    int64_t late;          /* lines that have come since the signal to open anew */
    int64_t turn;          /* circular: which file it is */
    uint64_t inode, birth; /* of that file */
    int64_t n_lines, n_bytes, n_generations, n_waits;
};

static volatile sig_atomic_t reopen_wanted, stop_wanted;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("ringwriter: ", stderr);
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

/* ---- generations ---- */

static void ring_name(const struct writer *w, int64_t turn, char *name)
{
    if (turn == 0)
        snprintf(name, PATH_BYTES, "%s", w->path);
    else
        snprintf(name, PATH_BYTES, "%s.%lld", w->path, (long long)turn);
}

static void note_identity(struct writer *w)
{
    struct statx stx;

    if (statx(w->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &stx) < 0)
        die("stat: %s", strerror(errno));
    w->inode = stx.stx_ino;
    w->birth = (uint64_t)stx.stx_btime.tv_sec * 1000000000u + stx.stx_btime.tv_nsec;
}

/* A new file where files are renamed, an emptied one in a ring that goes round. */
static void begin_generation(struct writer *w)
{
    char name[PATH_BYTES];
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (w->mode == CIRCULAR ? O_TRUNC : 0);

    ring_name(w, w->turn, name);
    while ((w->fd = open(name, flags, 0644)) < 0) {
        if (errno != ENOSPC)
            die("%s: %s", name, strerror(errno));
        w->n_waits++;
        usleep(RETRY_US);
    }
    note_identity(w);
    w->first = w->n_lines;
    w->filled = 0;
}

static void note_generation(struct writer *w)
{
    if (w->filled == 0)
        return;
    w->n_generations++;
    if (w->truth)
        fprintf(w->truth, "%lld %lld %lld %llu %llu\n", (long long)w->first,
                (long long)w->n_lines - 1, (long long)w->filled, (unsigned long long)w->inode,
                (unsigned long long)w->birth);
}

static void end_generation(struct writer *w)
{
    note_generation(w);
    close(w->fd);
}

static void rotate_by_rename(struct writer *w)
{
    char from[PATH_BYTES], to[PATH_BYTES];

    end_generation(w);
    for (int64_t n = w->n_files - 1; n > 0; n--) {
        ring_name(w, n - 1, from);
        ring_name(w, n, to);
        if (rename(from, to) < 0 && (n == 1 || errno != ENOENT))
            die("rename %s: %s", from, strerror(errno));
    }
    begin_generation(w);
}

static void rotate(struct writer *w)
{
    switch (w->mode) {
    case RENAME:
        rotate_by_rename(w);
        break;
    case TRUNCATE:
        note_generation(w);
        if (ftruncate(w->fd, 0) < 0)
            die("truncate: %s", strerror(errno));
        w->first = w->n_lines;
        w->filled = 0;
        break;
    case CIRCULAR:
        end_generation(w);
        w->turn = (w->turn + 1) % w->n_files;
        begin_generation(w);
        break;
    default: /* somebody else, or nobody */
        break;
    }
}

static void reopen_if_wanted(struct writer *w)
{
    if (!reopen_wanted || w->mode != MANAGED || w->late < w->late_lines)
        return;
    reopen_wanted = 0;
    w->late = 0;
    end_generation(w);
    begin_generation(w);
}

/* ---- lines ---- */

static void put_line(struct writer *w)
{
    int64_t done = 0;

    if (w->filled && w->filled + w->line_bytes > w->file_bytes)
        rotate(w);
    numbered_line(w->line, (size_t)w->line_bytes, w->n_lines);
    while (done < w->line_bytes) {
        ssize_t n = write(w->fd, w->line + done, (size_t)(w->line_bytes - done));
        if (n > 0) {
            done += n;
        } else if (errno == ENOSPC || errno == EINTR) {
            w->n_waits++;
            usleep(RETRY_US);
        } else {
            die("write: %s", strerror(errno));
        }
    }
    w->filled += done;
    w->n_bytes += done;
    w->n_lines++;
    w->late += reopen_wanted != 0;
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void keep_rate(struct writer *w, int64_t began_us)
{
    int64_t due_us, early_us;

    if (w->rotations_per_s == 0)
        return;
    due_us = began_us + w->n_bytes * 1000000 / (w->rotations_per_s * w->file_bytes);
    while (!stop_wanted && (early_us = due_us - now_us()) > 1000) {
        reopen_if_wanted(w);
        usleep(early_us > 50000 ? 50000 : (useconds_t)early_us);
    }
}

static void write_lines(struct writer *w)
{
    int64_t began_us = now_us();

    while (w->n_lines < w->lines && !stop_wanted) {
        reopen_if_wanted(w);
        keep_rate(w, began_us);
        put_line(w);
    }
    note_generation(w);
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

static enum mode parse_mode(const char *text)
{
    for (int i = RENAME; i <= MANAGED; i++)
        if (strcmp(text, mode_names[i]) == 0)
            return (enum mode)i;
    die("-m: rename, truncate, circular, single or managed, not '%s'", text);
}

static FILE *open_truth(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        die("%s: %s", path, strerror(errno));
    return f;
}

static void parse_options(int argc, char **argv, struct writer *w)
{
    double seconds = 0;
    int c;

    while ((c = getopt(argc, argv, "f:m:k:z:s:r:d:n:t:p:L:")) != -1) {
        switch (c) {
        case 'f':
            w->path = optarg;
            break;
        case 'm':
            w->mode = parse_mode(optarg);
            break;
        case 'k':
            w->n_files = number(optarg);
            break;
        case 'z':
            w->file_bytes = number(optarg);
            break;
        case 's':
            w->line_bytes = number(optarg);
            break;
        case 'r':
            w->rotations_per_s = number(optarg);
            break;
        case 'd':
            seconds = strtod(optarg, NULL);
            break;
        case 'n':
            w->lines = number(optarg);
            break;
        case 't':
            w->truth = open_truth(optarg);
            break;
        case 'p':
            w->pidfile = optarg;
            break;
        case 'L':
            w->late_lines = number(optarg);
            break;
        default:
            die("see the head of ringwriter.c");
        }
    }
    if (w->line_bytes < NUMBERED_MIN_BYTES || w->line_bytes > NUMBERED_MAX_BYTES)
        die("-s: a line has %d to %d bytes", NUMBERED_MIN_BYTES, NUMBERED_MAX_BYTES);
    if (w->lines == 0)
        w->lines = (int64_t)(seconds * (double)(w->rotations_per_s * w->file_bytes) /
                             (double)w->line_bytes);
    if (!w->path || w->lines == 0 || w->n_files == 0)
        die("-f LOG and -n LINES, or -r and -d, are needed");
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

static void catch_signals(void)
{
    const struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGUSR1, &act, NULL);
}

int main(int argc, char **argv)
{
    struct writer w = {.fd = -1, .n_files = 2, .file_bytes = 51200, .line_bytes = 214};

    parse_options(argc, argv, &w);
    w.line = malloc((size_t)w.line_bytes);
    if (!w.line)
        die("no memory for a line");
    catch_signals();
    begin_generation(&w);
    write_pid(w.pidfile); /* after the handlers: who reads it may signal at once */
    write_lines(&w);
    close(w.fd);
    free(w.line);
    if (w.truth && fclose(w.truth) != 0)
        die("truth: %s", strerror(errno));
    printf("lines %lld, bytes %lld, generations %lld, waited %lld\n", (long long)w.n_lines,
           (long long)w.n_bytes, (long long)w.n_generations, (long long)w.n_waits);
    return 0;
}
