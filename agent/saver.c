/* saver.c: when the spool's records and the cursor are made durable.
 *
 * Happy path: within sync_interval of the first append the spool's helper thread begins to make everything appended
 * durable; when it is done the owner is told, and if more came meanwhile it begins again an interval later. The cursor is
 * written 100 ms after it moved, and synced each second, by the same thread. Nothing waits for the disk.
 * Failure modes: it cannot be synced, or the cursor not be written: it is said, and tried again each second.
 * On close: saver_done; closing the spool syncs.
 */
#include "agent.h"

#include <posta/log.h>

#define CURSOR_NS      (100 * NS_PER_MS)
#define CURSOR_SYNC_NS (1 * NS_PER_S)
#define RETRY_NS       (1 * NS_PER_S)
enum { SYNC_BYTES = 16 * 1024 * 1024 }; /* with so much un-synced the interval is not waited for */

static void say_unsynced(struct saver *saver, const struct err *err)
{
    static struct log_limit limit;
    log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "pipeline", "%s; tried again", err->text);
    loop_set_timer(saver->loop, &saver->sync, RETRY_NS);
    ailment_note(&saver->trouble, false, loop_now(saver->loop));
}

static void begin_sync(void *arg)
{
    struct saver *saver = arg;
    struct err err;
    loop_cancel_timer(saver->loop, &saver->sync);
    saver->unsynced_bytes = 0;
    int rc = spool_sync_start(saver->spool, &err);
    if (rc <= 0)
        saver->is_hurried = false;
    if (rc > 0 && !saver->begun_ns)
        saver->begun_ns = loop_now(saver->loop);
    if (rc < 0)
        say_unsynced(saver, &err);
    else if (rc == 0)
        saver->synced(saver->arg);
}

static void note_synced(void *arg)
{
    struct saver *saver = arg;
    struct err err;
    saver->begun_ns = 0;
    if (spool_sync_done(saver->spool, &err)) {
        say_unsynced(saver, &err);
        return;
    }
    ailment_note(&saver->trouble, true, loop_now(saver->loop));
    int64_t wait_ns = saver->is_hurried ? 0 : saver->interval_ns;
    saver->is_hurried = false;
    if (spool_is_dirty(saver->spool) && !timer_is_set(&saver->sync))
        loop_set_timer(saver->loop, &saver->sync, wait_ns);
    saver->synced(saver->arg);
}

static void save_cursor(void *arg)
{
    struct saver *saver = arg;
    struct err err;
    static struct log_limit limit;
    int64_t now = loop_now(saver->loop);
    if (spool_save_cursor(saver->spool, false /* not synced */, &err))
        log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "pipeline",
                    "%s; after a restart some events come twice; tried again", err.text);
    if (now - saver->cursor_synced_ns >= CURSOR_SYNC_NS) {
        spool_sync_cursor(saver->spool);
        saver->cursor_synced_ns = now;
    }
    if (spool_cursor_is_dirty(saver->spool))
        loop_set_timer(saver->loop, &saver->save, CURSOR_SYNC_NS);
    if (spool_is_dirty(saver->spool) && !timer_is_set(&saver->sync)) /* positions were written */
        loop_set_timer(saver->loop, &saver->sync, saver->interval_ns);
}

void saver_appended(struct saver *saver, size_t bytes)
{
    saver->unsynced_bytes += bytes;
    if (saver->unsynced_bytes >= SYNC_BYTES)
        begin_sync(saver);
    else if (!timer_is_set(&saver->sync))
        loop_set_timer(saver->loop, &saver->sync, saver->interval_ns);
}

void saver_hurry(struct saver *saver)
{
    saver->is_hurried = true;
    loop_set_timer(saver->loop, &saver->sync, 0);
}

void saver_cursor_moved(struct saver *saver)
{
    if (spool_cursor_is_dirty(saver->spool) &&
        (!timer_is_set(&saver->save) || saver->save.at_ns > loop_now(saver->loop) + CURSOR_NS))
        loop_set_timer(saver->loop, &saver->save, CURSOR_NS);
}

int saver_init(struct saver *saver, struct err *err)
{
    saver->sync = (struct loop_timer) {.fire = begin_sync, .arg = saver};
    saver->save = (struct loop_timer) {.fire = save_cursor, .arg = saver};
    saver->helper =
        (struct loop_io) {.fd = spool_sync_fd(saver->spool), .ready = note_synced, .arg = saver};
    return saver->helper.fd >= 0 ? loop_add(saver->loop, &saver->helper, err) : 0;
}

void saver_done(struct saver *saver)
{
    loop_cancel_timer(saver->loop, &saver->sync);
    loop_cancel_timer(saver->loop, &saver->save);
    if (saver->helper.fd >= 0)
        loop_remove(saver->loop, &saver->helper);
}
