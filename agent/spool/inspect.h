/* inspect.h: a spool looked at from outside: nothing in it is changed, posta may be running or not.
 *
 * What a running posta writes or deletes meanwhile is no damage: a segment that vanishes was delivered, an end without a whole
 * record is being written.
 */
#ifndef SPOOL_INSPECT_H
#define SPOOL_INSPECT_H

#include "account.h"
#include "registry.h"
#include "segment.h"
#include "spool.h"

/* A file named like a segment that is none of this spool. */
struct look_reject {
    struct segment seg; /* no, is_open */
    char *why;
    struct look_reject *next;
};

struct look {
    char *dir;
    struct segment *first; /* in order; their headers are whole */
    struct look_reject *rejects;
    uint8_t uuid[UUID_BYTES];
    bool has_cursor;         /* else everything that is there waits */
    struct spool_pos cursor; /* as in its file; a running posta may be further */
    int slots;               /* of the cursor's two that are whole */
    int bad_slots;           /* written and not whole */
    uint64_t end_seq; /* behind the last record; set by look_sources of all and by look_walk */
    bool is_live;     /* a posta has it locked */
    int pid;          /* which; 0 = not known */
};

/* GONE, DENIED, or CONFIG: not a spool. On -1 there is nothing to close. */
int look_open(struct look *look, const char *dir, struct err *err) MUST_CHECK;
void look_close(struct look *look);

/* Where reading begins: the newest segment that begins at or before this record. NULL if there is no segment. */
struct segment *look_segment(const struct look *look, uint64_t seq);
/* The oldest record that waits. The cursor's file may be older than the segments that are there: those that went were
 * delivered, unless the oldest is there and is no segment any more. */
uint64_t look_waiting(const struct look *look);

/* When the segment was begun, by its checkpoint; 0 if that is damaged. -1: cannot be read. */
int look_begun(const struct look *look, struct segment *seg, int64_t *time_ns, struct err *err);

/* The sources as they were just before this record; UINT64_MAX = now. Reads one segment, where no checkpoint is damaged. */
int look_sources(struct look *look, uint64_t seq, struct registry *sources, struct err *err);

/* ---- all records ---- */

enum look_harm {
    LOOK_DAMAGED, /* bytes do not verify */
    LOOK_TORN, /* the end of a write that was interrupted; a start cuts it off, its lines are read again */
    LOOK_VOID, /* a whole segment behind records that a power cut took: a start removes it, and so on */
};

enum look_type { LOOK_CHECKPOINT, LOOK_SOURCE, LOOK_DATA, LOOK_END };

/* A whole record that counts. Borrowed until the next one. */
struct look_record {
    enum look_type type;
    uint64_t seq;
    const struct segment *seg;
    uint64_t at;              /* its byte in the segment */
    const struct source *src; /* NULL for a checkpoint */
    struct chunk chunk;       /* DATA: bytes and where they stood; others: read_ns alone */
};

/* Each may be NULL. */
struct look_sink {
    void *arg;
    int (*record)(void *arg, const struct look_record *rec, struct err *err); /* -1 ends the walk */
    void (*harm)(void *arg, const struct segment *seg, enum look_harm harm, uint64_t from,
                 uint64_t to, const char *what);
    /* Records [from, to) are not there. */
    void (*gap)(void *arg, uint64_t from, uint64_t to);
    /* Bytes [from, to) of src were in them; from is READ_TO_UNKNOWN if nobody knows. */
    void (*lost)(void *arg, const struct source *src, uint64_t from, uint64_t to);
};

/* From this segment on; NULL = all. */
int look_walk(struct look *look, struct segment *seg, const struct look_sink *sink,
              struct err *err) MUST_CHECK;

/* ---- repair.c ---- */

struct repair_report {
    unsigned rewritten;      /* segments */
    unsigned headers;        /* of them, those whose header was made again */
    uint64_t records, bytes; /* kept in them: records, payload bytes */
    uint64_t damaged_bytes;  /* left out */
    void *arg;
    void (*say)(void *arg, const char *text); /* one step in words */
};

/* Rewrite what does not verify; the old files go to bad/. The caller holds the lock. With is_dry nothing is changed. */
int repair_segments(const char *dir, bool is_dry, struct repair_report *report,
                    struct err *err) MUST_CHECK;

#endif
