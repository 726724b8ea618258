/* suspect.h: new files that may be copies of a log; for suspect.c, copy.c, trace.c, heir.c. */
#ifndef TAIL_SUSPECT_H
#define TAIL_SUSPECT_H

#include "follow.h"

/* Where a source was when the suspect was found: if what it remembers is before that place in the suspect, it is a copy. */
struct trace {
    struct source src; /* a copy, of which position, memory and number count; borrows its texts */
    int64_t born_ns;
};

struct suspect {
    struct dir *dir;
    char *name;
    struct claim claim;
    struct file_id id;
    int64_t mtime_ns;
    const char *path; /* of the log it may be a copy of; interned; NULL = of none */
    int fd;
    struct gzip *gzip;    /* NULL = plain */
    uint64_t checked;     /* content before it was looked at */
    struct trace *traces; /* by offset; compressed only */
    size_t n_traces, at_trace;
    const struct trace *match; /* the last one that is found in it */
    struct trace cut;          /* heir.c: the log that was cut, as the match */
    bool has_traces;
    bool is_written;        /* somebody has it open for writing */
    bool waits_for_rest;    /* of its original, which is open still */
    bool is_stale;          /* a file that it may be of was read on meanwhile */
    bool is_compared_again; /* plain: since all of it was read from the log itself */
    bool is_checked;        /* compressed: all of it was looked at */
};

enum verdict_on { UNDECIDED, IS_OWN, IS_COPY, IS_REST };

/* ---- copy.c ---- */

/* Look on, for about budget_bytes. */
enum verdict_on suspect_compare(struct tail *tail, struct suspect *sus, size_t budget_bytes);
/* What the source remembers is before its position in this file. */
bool has_memory(int fd, const struct source *src);
/* The source of this number, NULL = it is no more. */
struct source *source_by_no(struct tail *tail, uint32_t no);
/* Nobody writes to it any more, as far as can be told. */
bool is_at_rest(int fd);
/* The open file that has the log's own name, NULL = none. */
struct file *log_current(const struct log *log);
/* What was read of it is still there. */
bool is_intact(const struct file *file);
bool is_copy_of_cut(const struct tail *tail, const char *log_path, const struct file_id *id,
                    int fd);

/* ---- suspect.c ---- */

/* By their names it is the file, compressed. */
bool suspect_is_of(const struct suspect *sus, const struct file *file);
struct suspect *suspect_by_id(const struct tail *tail, const struct file_id *id);
/* Put a file aside; takes fd. */
struct suspect *suspect_of(struct tail *tail, struct dir *dir, const char *name,
                           const struct claim *claim, int fd, const char *path);
/* Remember it as read: its lines are delivered under another source. False: try again. */
bool suspect_pass_over(struct tail *tail, struct suspect *sus, uint64_t size);
/* Follow it from this place on; its lines come before those of files born after order_ns. False: try again. */
struct file *suspect_follow(struct tail *tail, struct suspect *sus, uint64_t from,
                            int64_t order_ns);
/* Out of the list; closes what is still held. */
void suspect_free(struct tail *tail, struct suspect *sus);

/* ---- trace.c ---- */

/* Of all sources that it may be of. */
void suspect_take_traces(struct tail *tail, struct suspect *sus);
/* From its beginning. */
void suspect_look_again(struct suspect *sus);

#endif
