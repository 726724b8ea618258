/* syncer.c: see syncer.h.
 *
 * Happy path: the loop thread leaves a job, the helper wakes, does the steps, says so through an eventfd and sleeps again;
 * idle it costs nothing.
 * Failure modes: a step fails: the rest is not done and the job says which. The disk does not answer: the loop thread goes
 * on without the result. No thread or no eventfd can be had: steps are done on the loop thread, and it is said.
 * On close: the helper ends; one that hangs in a sync is left behind with what it works on.
 */
#include "syncer.h"

#include <posta/buf.h>
#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 }; /* an error text is the largest thing on it */

struct syncer {
    enum sync_way way;
    struct sync_job job;
    bool is_busy; /* loop thread: started, not taken */
    int event_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, and of the job while it changes hands */
    pthread_cond_t changed;
    bool has_work; /* the helper shall do the job */
    bool is_done;
    bool is_ending;    /* the helper shall end */
    bool is_abandoned; /* it shall free all at its end */
};

/* ---- a job ---- */

void sync_job_done(struct sync_job *job)
{
    free(job->from);
    free(job->to);
    free(job->dir);
    job->from = job->to = job->dir = NULL;
}

static int do_step(const struct sync_job *job, enum sync_step step, struct err *err)
{
    if (job->only_renames && step != STEP_NAME)
        return 0;
    switch (step) {
    case STEP_OLD:
        return job->old_fd >= 0 ? fs_sync(job->old_fd, err) : 0;
    case STEP_NEW:
        return job->new_fd >= 0 ? fs_sync(job->new_fd, err) : 0;
    case STEP_NAME:
        return job->from ? fs_rename(job->from, job->to, err) : 0;
    case STEP_FOLDER:
        return job->dir ? fs_sync_dir(job->dir, err) : 0;
    case STEP_CURSOR:
        return job->cursor_fd >= 0 ? fs_sync(job->cursor_fd, err) : 0;
    case STEP_NONE:
        break;
    }
    return 0;
}

static void advance(struct sync_job *job)
{
    enum sync_step step = job->next;
    job->next = step + 1;
    if (step == STEP_CURSOR) {
        job->has_cursor_failed = do_step(job, step, &job->cursor_err) != 0;
    } else if (do_step(job, step, &job->err)) {
        job->failed = step;
        job->next = STEP_CURSOR;
    }
}

static void do_all(struct sync_job *job)
{
    while (job->next != STEP_NONE)
        advance(job);
}

/* ---- the helper ---- */

static void destroy(struct syncer *syncer)
{
    if (syncer->event_fd >= 0)
        close(syncer->event_fd);
    sync_job_done(&syncer->job);
    pthread_cond_destroy(&syncer->changed);
    pthread_mutex_destroy(&syncer->lock);
    free(syncer);
}

static void say_done(struct syncer *syncer)
{
    const uint64_t one = 1;
    syncer->is_done = true;
    pthread_cond_broadcast(&syncer->changed);
    ssize_t n = write(syncer->event_fd, &one, sizeof one);
    (void)n; /* a counter of one job at a time never overflows */
}

/* Any helper thread. */
static void *help(void *arg)
{
    struct syncer *syncer = arg;
    pthread_mutex_lock(&syncer->lock);
    while (!syncer->is_ending) {
        if (!syncer->has_work) {
            pthread_cond_wait(&syncer->changed, &syncer->lock);
            continue;
        }
        syncer->has_work = false;
        pthread_mutex_unlock(&syncer->lock);
        do_all(&syncer->job);
        pthread_mutex_lock(&syncer->lock);
        say_done(syncer);
    }
    bool is_abandoned = syncer->is_abandoned;
    pthread_mutex_unlock(&syncer->lock);
    if (is_abandoned)
        destroy(syncer);
    return NULL;
}

static int create_thread(struct syncer *syncer)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &before); /* the thread inherits it: signals are the loop's */
    int failed = pthread_create(&syncer->thread, &attr, help, syncer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return failed;
}

static void start_helper(struct syncer *syncer)
{
    struct err err;
    syncer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (syncer->event_fd >= 0 && (errno = create_thread(syncer)) == 0)
        return;
    (void)err_sys(&err, "start a helper thread");
    log_warn("spool", "%s: reading waits for the disk at each sync", err.text);
    syncer->way = SYNC_INLINE;
}

struct syncer *syncer_new(enum sync_way way)
{
    struct syncer *syncer = mem_zero(1, sizeof *syncer);
    pthread_condattr_t attr;
    syncer->way = way;
    syncer->event_fd = -1;
    pthread_mutex_init(&syncer->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&syncer->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (way == SYNC_THREAD)
        start_helper(syncer);
    return syncer;
}

/* ---- the loop thread's side ---- */

/* Returns false if it is in the middle of a job. */
static bool end_helper(struct syncer *syncer)
{
    pthread_mutex_lock(&syncer->lock);
    bool is_idle = !syncer->is_busy || syncer->is_done;
    syncer->is_ending = true;
    syncer->is_abandoned = !is_idle;
    pthread_t thread = syncer->thread; /* an abandoned one may be gone in the next moment */
    pthread_cond_broadcast(&syncer->changed);
    pthread_mutex_unlock(&syncer->lock);
    if (is_idle)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    return is_idle;
}

bool syncer_free(struct syncer *syncer)
{
    if (!syncer)
        return true;
    if (syncer->way == SYNC_THREAD && !end_helper(syncer))
        return false;
    destroy(syncer);
    return true;
}

int syncer_fd(const struct syncer *syncer)
{
    return syncer->way == SYNC_THREAD ? syncer->event_fd : -1;
}

bool syncer_is_busy(const struct syncer *syncer)
{
    return syncer->is_busy;
}

void syncer_start(struct syncer *syncer, const struct sync_job *job)
{
    pthread_mutex_lock(&syncer->lock);
    syncer->job = *job;
    syncer->is_busy = true;
    syncer->is_done = false;
    syncer->has_work = true;
    pthread_cond_broadcast(&syncer->changed);
    pthread_mutex_unlock(&syncer->lock);
    if (syncer->way == SYNC_INLINE)
        (void)syncer_wait(syncer, INT64_MAX); /* does it here */
}

static bool wait_for_helper(struct syncer *syncer, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    int failed = 0;
    pthread_mutex_lock(&syncer->lock);
    while (!syncer->is_done && failed == 0)
        failed = until_ns == INT64_MAX
                     ? pthread_cond_wait(&syncer->changed, &syncer->lock)
                     : pthread_cond_timedwait(&syncer->changed, &syncer->lock, &until);
    bool is_done = syncer->is_done;
    pthread_mutex_unlock(&syncer->lock);
    return is_done;
}

bool syncer_wait(struct syncer *syncer, int64_t until_ns)
{
    if (!syncer->is_busy)
        return true;
    if (syncer->way == SYNC_THREAD)
        return wait_for_helper(syncer, until_ns);
    do_all(&syncer->job);
    return true;
}

bool syncer_take(struct syncer *syncer, struct sync_job *job)
{
    uint64_t n_done;
    if (!syncer->is_busy)
        return false;
    pthread_mutex_lock(&syncer->lock);
    bool is_done = syncer->way == SYNC_THREAD ? syncer->is_done : syncer->job.next == STEP_NONE;
    pthread_mutex_unlock(&syncer->lock);
    if (!is_done)
        return false;
    if (syncer->event_fd >= 0 && read(syncer->event_fd, &n_done, sizeof n_done) < 0)
        n_done = 0; /* was read before */
    *job = syncer->job;
    syncer->job = (struct sync_job)SYNC_JOB_INIT;
    syncer->is_busy = false;
    return true;
}

bool syncer_step(struct syncer *syncer)
{
    if (!syncer->is_busy || syncer->job.next == STEP_NONE)
        return false;
    advance(&syncer->job);
    return true;
}
