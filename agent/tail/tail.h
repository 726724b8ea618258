/* tail.h: log files → chunks. Finds the files of each input, follows them over rotation, and hands on runs of whole lines.
 *
 * inotify is the hint, stat is the truth: an event only says where to look. A file is known by its identity, never by its
 * name; it is read until its end is proven. Loop thread only.
 */
#ifndef POSTA_TAIL_H
#define POSTA_TAIL_H

#include <posta/err.h>
#include <posta/loop.h>
#include <posta/plugin.h>
#include <posta/source.h>

/* Where chunks go and positions come from: the pipeline. Every call may fail with FULL: nothing was taken, tail stops and
 * waits for tail_resume. */
struct tail_sink {
    void *arg;
    struct source *(*sources)(void *arg);
    int (*add)(void *arg, const struct source *proto, struct source **src, struct err *err);
    int (*append)(void *arg, struct source *src, const struct chunk *chunk, struct err *err);
    int (*end)(void *arg, struct source *src, enum end_proof proof,
               struct err *err); /* durable when it returns */
    void (*forget)(void *arg, struct source *src);
};

enum rotation_mode { ROTATION_EXTERNAL, ROTATION_MANAGED };

/* One filestream input, read from tail_options. */
struct tail_input {
    char *id;
    struct str_list paths;
    struct str_list exclude_files; /* POSIX extended regular expressions on the full path */
    bool enabled;
    bool symlinks;
    int64_t check_interval_ns;
    int64_t ignore_older_ns;
    uint64_t message_max_bytes;
    int rotation_mode; /* enum rotation_mode */
    uint64_t rotation_size;
    char *rotation_pid_file;
    int rotation_signal; /* index into the words of the option */
};
extern const struct option tail_options[];

struct tail_stats {
    uint64_t files_open;
    uint64_t files_found;
    uint64_t bytes_read;
    uint64_t chunks;
    uint64_t rotations;      /* a followed file got another name, was replaced or deleted */
    uint64_t rotations_made; /* by posta itself (rotation.mode: managed) */
    uint64_t truncations;
    uint64_t ends_proven;
    uint64_t ends_assumed;
    uint64_t
        lost_unknown; /* times something went that had no size to tell: truncated or vanished files */
    uint64_t overflows;
    uint64_t read_errors;
};
extern const struct stat_row tail_stat_rows[];

struct tail;

/* The sink is copied, what it points to is borrowed for the life of the tail. */
int tail_new(struct tail **tail, struct loop *loop, const struct tail_sink *sink,
             struct err *err) MUST_CHECK;
void tail_free(struct tail *tail);

/* Can its paths and patterns be used? CONFIG if not. */
int tail_check_input(const struct tail_input *input, struct err *err) MUST_CHECK;

/* Borrows input until tail_free. CONFIG if a path or pattern cannot be used. */
int tail_add_input(struct tail *tail, const struct tail_input *input, struct err *err) MUST_CHECK;

/* Look at everything and begin to follow. once: treat the end of a file without a writer as its end. */
int tail_start(struct tail *tail, bool once, struct err *err) MUST_CHECK;

/* There is room again after a FULL. */
void tail_resume(struct tail *tail);

/* Read what is there now, without waiting for more. True when every file was read to its end. */
bool tail_read_to_end(struct tail *tail);

const struct tail_stats *tail_stats(const struct tail *tail);

#endif
