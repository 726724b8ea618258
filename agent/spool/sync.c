/* sync.c: what makes records durable, as seen from the loop thread; the waiting is the helper's (syncer.c).
 *
 * Happy path: a job gets the descriptors of now; the loop goes on appending; when the job is done, everything that was
 * appended before it began is durable, a segment that was closing is closed, and may be deleted when it is delivered.
 * Failure modes: (1) a sync fails: begin.c writes again what is not durable; if that fails too it is tried at the next
 * append or sync. (2) the rename or the sync of the folder fails: nothing is lost, but nothing behind the closing segment
 * counts as durable; the next job tries again. (3) the cursor's sync fails: it is said; the next save writes its
 * other slot. (4) the disk does not answer: only spool_sync waits, and not beyond spool_wait_until.
 * On close: spool_close syncs, then gives up the helper.
 */
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

void spool_wait_until(struct spool *spool, int64_t until_ns)
{
    spool->wait_until_ns = until_ns;
}

int spool_sync_fd(const struct spool *spool)
{
    return syncer_fd(spool->syncer);
}

bool spool_is_dirty(const struct spool *spool)
{
    return spool->closing || spool->last->synced_size != spool->last->size;
}

/* ---- a job begins ---- */

static void ask_for_records(struct spool *spool, struct sync_job *job)
{
    struct segment *closing = spool->closing;
    job->old_fd = closing ? spool->closing_fd : -1;
    job->new_fd = spool->fd;
    if (closing && closing->is_open) {
        job->from = segment_path(spool->dir, closing);
        job->to = segment_closed_path(spool->dir, closing);
    }
    if (closing)
        job->dir = mem_dup(spool->dir);
    spool->job.size = spool->last->size;
    spool->job.seq = spool->next_seq;
    spool->job.memory_seq = spool->memory ? memory_written(spool->memory) : 0;
    spool->job.leaving = spool->leaving.first;
    spool->stats.syncs++;
}

static void start_job(struct spool *spool, bool has_records)
{
    struct sync_job job = SYNC_JOB_INIT;
    job.only_renames = spool->sync_mode == SYNC_NEVER;
    spool->job.has_records = has_records;
    if (has_records)
        ask_for_records(spool, &job);
    if (spool->wants_cursor_sync) {
        job.cursor_fd = spool->cursor.fd;
        spool->cursor.is_unsynced = false; /* a failed sync is not repeated */
        spool->wants_cursor_sync = false;
    }
    syncer_start(spool->syncer, &job);
}

/* ---- a job is done ---- */

void store_let_leave(struct spool *spool, struct source *first)
{
    for (struct source *src = first, *next; src; src = next) {
        next = src->next;
        registry_take(&spool->leaving, src);
        reader_inherit(&spool->reader, src);
    }
}

/* The closing segment's bytes are durable, under whatever name. */
static void note_closing_synced(struct spool *spool)
{
    (void)fs_close(spool->closing_fd); /* synced */
    spool->closing_fd = -1;
    spool->closing->synced_size = spool->closing->size;
    spool->synced_seq = spool->last->base_seq;
}

static void note_all_synced(struct spool *spool)
{
    if (spool->closing) {
        note_closing_synced(spool);
        spool->closing->is_open = false;
        spool->closing = NULL;
    }
    spool->last->synced_size = spool->job.size;
    spool->synced_seq = spool->job.seq;
    if (spool->memory)
        memory_note_synced(spool->memory, spool->job.memory_seq);
    store_let_leave(spool, spool->job.leaving);
    store_drop_delivered(spool);
}

static int note_records(struct spool *spool, const struct sync_job *job, struct err *err)
{
    if (job->failed == STEP_NONE) {
        note_all_synced(spool);
        return 0;
    }
    if (spool->closing && job->failed > STEP_OLD)
        note_closing_synced(spool);
    if (spool->closing && job->failed == STEP_FOLDER)
        spool->closing->is_open = false;
    *err = job->err;
    if (job->failed > STEP_NEW)
        return err_wrap(err, "close segment %016llx", (unsigned long long)spool->closing->no);
    log_error("spool", "%s; this segment is closed and its last records are written again",
              job->err.text);
    spool->has_failed = true;
    return store_mend(spool, err);
}

static void say_cursor_failed(const struct err *err)
{
    static struct log_limit limit;
    log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "spool",
                "the cursor: %s; after a power cut some events come twice; tried again", err->text);
}

/* Take note of the job under way if it is done. */
static int finish_job(struct spool *spool, struct err *err)
{
    struct sync_job job;
    if (!syncer_take(spool->syncer, &job))
        return 0;
    if (job.has_cursor_failed)
        say_cursor_failed(&job.cursor_err);
    int rc = spool->job.has_records ? note_records(spool, &job, err) : 0;
    sync_job_done(&job);
    return rc;
}

int store_mend(struct spool *spool, struct err *err)
{
    return spool->has_failed ? store_replace_failed(spool, err) : 0;
}

/* ---- from outside ---- */

int spool_sync_start(struct spool *spool, struct err *err)
{
    if (syncer_is_busy(spool->syncer))
        return 1;
    if (store_mend(spool, err) || (store_is_note_due(spool) && store_note_all_dropped(spool, err)))
        return -1;
    if (!spool_is_dirty(spool))
        return 0;
    start_job(spool, true /* records */);
    return finish_job(spool, err) ? -1 : syncer_is_busy(spool->syncer);
}

int spool_sync_done(struct spool *spool, struct err *err)
{
    int rc = finish_job(spool, err);
    if (spool->wants_cursor_sync && !syncer_is_busy(spool->syncer))
        start_job(spool, false /* the cursor alone */);
    return rc;
}

void spool_sync_cursor(struct spool *spool)
{
    struct err ignored; /* of records; there are none in it */
    if (!spool->cursor.is_unsynced)
        return;
    spool->wants_cursor_sync = true;
    if (syncer_is_busy(spool->syncer))
        return; /* with the next one */
    start_job(spool, false /* the cursor alone */);
    (void)(finish_job(spool, &ignored) == 0);
}

static int wait_for_job(struct spool *spool, struct err *err)
{
    if (syncer_wait(spool->syncer, spool->wait_until_ns))
        return 0;
    return err_set(err, ERR_AGAIN, "spool %s: the disk does not answer", spool->dir);
}

int spool_sync(struct spool *spool, struct err *err)
{
    if (wait_for_job(spool, err))
        return -1;
    (void)(finish_job(spool, err) == 0); /* of before; what failed is tried again now */
    if (store_mend(spool, err))
        return -1;
    if (!spool_is_dirty(spool))
        return 0;
    start_job(spool, true /* records */);
    return wait_for_job(spool, err) ? -1 : finish_job(spool, err);
}
