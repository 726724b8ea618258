/* tail.h: log files → chunks. Finds the files of each input, follows them over rotation, and hands on runs of whole lines.
 *
 * inotify is the hint, stat is the truth: an event only says where to look. A file is known by its identity, never by its
 * name; it is read until its end is proven. Loop thread only.
 */
#ifndef POSTA_TAIL_H
#define POSTA_TAIL_H

#include <posta/buf.h>
#include <posta/charset.h>
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
    /* lost_bytes: written behind src's position and not to be had any more, as far as is known. Durable when mark(), asked
     * for after it, is. */
    int (*end)(void *arg, struct source *src, enum end_proof proof, uint64_t lost_bytes,
               struct err *err);
    void (*forget)(void *arg, struct source *src);
    struct source *(*by_id)(void *arg,
                            const struct file_id *id); /* the newest of this file, or NULL */
    /* The newest with this inode number and birth time (0 = none, matches all), whatever its file system; or NULL. */
    struct source *(*by_birth)(void *arg, uint64_t ino, int64_t btime_ns);
    /* Everything handed on so far is before the mark. Marks only grow; tail_marks_moved says that one of the two moved. */
    uint64_t (*mark)(void *arg);
    /* Somebody waits for the last mark to become durable: soon, please. */
    void (*hurry)(void *arg);
    bool (*is_durable)(void *arg, uint64_t mark);
    bool (*is_delivered)(void *arg, uint64_t mark);
};

enum rotation_mode { ROTATION_EXTERNAL, ROTATION_MANAGED, ROTATION_RECLAIM };
enum at_limit { AT_LIMIT_HOLD, AT_LIMIT_DROP };
enum compression { COMPRESSION_AUTO, COMPRESSION_GZIP, COMPRESSION_NONE };

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
    int compression;               /* enum compression */
    int encoding, line_terminator; /* see charset.h */
    struct line_end line_end;      /* made from the two, by who reads the options; zero = LF */
    int rotation_mode;             /* enum rotation_mode */
    uint64_t rotation_size;
    uint64_t rotation_keep; /* older generations that stay, managed */
    char *rotation_pid_file;
    char *rotation_process;
    int rotation_signal;     /* index into the words of the option */
    uint64_t rotation_limit; /* 0 = none */
    int rotation_at_limit;   /* enum at_limit */
    bool delete_enabled;
    int64_t delete_grace_ns;
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
    uint64_t generations_lost; /* gone before they could be opened */
    uint64_t bytes_lost;       /* known to be written and not to be had any more */
    uint64_t bytes_recovered;  /* truncated away, but found in a copy */
    uint64_t bytes_given_up;   /* of bytes_lost: by rotation.at_limit: drop */
    uint64_t bytes_punched;    /* given back to the file system */
    uint64_t over_limit;       /* files above rotation.limit now */
    uint64_t files_deleted;
    uint64_t ends_proven;
    uint64_t ends_assumed;
    uint64_t
        lost_unknown; /* times something went that had no size to tell: truncated or vanished files */
    uint64_t overflows;
    uint64_t read_errors;
};
extern const struct stat_row tail_stat_rows[];

/* The same of one input. */
struct tail_input_stats {
    uint64_t files_open;
    uint64_t rotations, truncations;
    uint64_t generations_lost, bytes_lost, bytes_given_up, lost_unknown;
    uint64_t bytes_cut; /* of over-long lines: not handed on */
    uint64_t files_followed;
};

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

/* More became durable, or was delivered. */
void tail_marks_moved(struct tail *tail);

/* Read what is there now, without waiting for more, until this moment (monotonic). True when every file was read to its end. */
bool tail_read_to_end(struct tail *tail, int64_t until_ns);

/* How many of the open files somebody else has open for writing, or may have; *example: one of their names, borrowed. Between a
 * writer's last write and its close lies nothing: if there is none, the next tail_read_to_end reads the last of them. */
size_t tail_writers(struct tail *tail, const char **example);

/* In the open files, and in those that could not be opened, and not handed on. */
uint64_t tail_unread_bytes(const struct tail *tail);

/* Is a file open that has no name here any more, and whose rest is not read (or, is_needed, that may have to be read again)? */
bool tail_has_nameless(const struct tail *tail, bool is_needed);

/* From now on tail_read_to_end takes the end of a file without a writer as its end: a last line without a newline counts. */
void tail_expect_no_more(struct tail *tail);

/* Read these bytes of a source of this input once more, by whatever name its file has in its folder. GONE if it, or they, are
 * not there any more, or it is compressed. Needs no tail. */
int tail_read_again(const struct tail_input *conf, const struct source *src, uint64_t from,
                    void *into, size_t len, struct err *err) MUST_CHECK;

const struct tail_stats *tail_stats(const struct tail *tail);

/* Inputs are numbered in the order they were added, from 0. */
const struct tail_input_stats *tail_input_stats(const struct tail *tail, size_t input);
struct tail_behind {
    size_t input;
    const char *path; /* borrowed */
    uint64_t bytes;   /* that are in the file and not handed on, those of an unfinished line too */
};
/* Of each open file; costs a system call for each. */
void tail_behind(const struct tail *tail, void (*give)(void *arg, const struct tail_behind *behind),
                 void *arg);
/* How many files there are that match and could not be opened when they were looked at last: no permission and the like. Why not
 * the first of them is appended. Costs a system call for each. */
size_t tail_refused(const struct tail *tail, size_t input, struct buf *why);
/* What is in them, and was not read before. */
uint64_t tail_refused_bytes(const struct tail *tail);
/* Is it looked into all its folders? If not, why is appended. Those that are not there yet are waited for. */
bool tail_is_attached(const struct tail *tail, size_t input, struct buf *why);

#endif
