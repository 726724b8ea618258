/* syncer.h: one helper thread for the steps that may wait for a disk: syncs, and the rename that closes a segment.
 *
 * One job at a time. The loop thread starts it and takes its result; in between it belongs to the helper. The job knows
 * descriptors and names, nothing of the spool.
 */
#ifndef SPOOL_SYNCER_H
#define SPOOL_SYNCER_H

#include "spool.h"

/* In this order; each is done only if it is asked for, and the first that fails ends the job, but for the cursor's. */
enum sync_step {
    STEP_OLD,    /* sync old_fd */
    STEP_NEW,    /* sync new_fd */
    STEP_NAME,   /* rename from → to */
    STEP_FOLDER, /* sync dir */
    STEP_CURSOR, /* sync cursor_fd */
    STEP_NONE,   /* all is done */
};

struct sync_job {
    int old_fd, new_fd, cursor_fd; /* -1 = not asked for */
    bool only_renames;             /* nothing is synced */
    char *from, *to, *dir;         /* the job's own; NULL = not asked for */
    enum sync_step next;           /* being done, or to be done */
    enum sync_step failed;         /* STEP_NONE = all that was asked for is done */
    struct err err;                /* of the failed step */
    bool has_cursor_failed;
    struct err cursor_err;
};

#define SYNC_JOB_INIT                                                                              \
    {                                                                                              \
        .old_fd = -1, .new_fd = -1, .cursor_fd = -1, .failed = STEP_NONE                           \
    }
/* Frees the names. */
void sync_job_done(struct sync_job *job);

struct syncer;

/* Without a thread if way says so, or if none can be had. Start it after signals are blocked or not: its thread takes
 * none. */
struct syncer *syncer_new(enum sync_way way);
/* False if a job is still being done: the helper goes its own way and frees itself at the end; what the job refers to must
 * stay open. NULL is fine. */
bool syncer_free(struct syncer *syncer);

/* Readable when a job is done; -1 = there is no thread. */
int syncer_fd(const struct syncer *syncer);
/* Takes the job; none may be under way. SYNC_INLINE: it is done when this returns. */
void syncer_start(struct syncer *syncer, const struct sync_job *job);
/* Started and not taken yet. */
bool syncer_is_busy(const struct syncer *syncer);
/* Wait until it is done, at most until then (monotonic); false if it is not. */
bool syncer_wait(struct syncer *syncer, int64_t until_ns);
/* The result, if it is done; the caller calls sync_job_done. Never waits. */
bool syncer_take(struct syncer *syncer, struct sync_job *job);

/* SYNC_BY_HAND: do the next step; false if there was none. */
bool syncer_step(struct syncer *syncer);

#endif
