/* spool.c: the spool as its users see it: open, registry, cursor, close. Format: segment.c, record.c, registry.c,
 * cursor.c. Appending: append.c, begin.c. Syncing: sync.c, syncer.c. Reading: reader.c. What a start does: recover.c.
 *
 * Happy path: tail appends chunks, the pipeline syncs, the sender reads behind and moves the cursor, and segments that
 * lie wholly before the cursor are unlinked.
 * Failure modes: those of append.c, reader.c and recover.c; an unlink that fails is tried again at the next move.
 * On close: sync, save the cursor, give up the lock.
 */
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

#include <stddef.h>
#include <stdlib.h>

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct spool_stats, field), text                               \
    }
const struct stat_row spool_stat_rows[] = {
    ROW(bytes_in, "bytes", "log bytes taken into the spool"),
    ROW(records_in, "records", "records written"),
    ROW(syncs, "calls", "times data was made durable"),
    ROW(waiting_records, "records", "records not delivered now"),
    ROW(segments, "files", "segment files now"),
    ROW(disk_bytes, "bytes", "size of the segments now"),
    ROW(torn_bytes, "bytes", "unfinished write cut off at start"),
    ROW(damaged_regions, "places", "places left out because they were damaged"),
    ROW(damaged_bytes, "bytes", "bytes in damaged places"),
    ROW(damaged_unkept, "places", "damaged places whose bytes could not be kept in bad/"),
    ROW(missing_records, "records", "records that damage took"),
    ROW(missing_bytes, "bytes", "log bytes that damage took"),
    ROW(missing_ranges, "ranges", "runs of log bytes that damage took"),
    ROW(missing_unknown, "files", "files that lost an unknown number of bytes to damage"),
    ROW(healed_bytes, "bytes", "of the missing bytes: read once more from the log"),
    ROW(dropped_bytes, "bytes", "log bytes given up because the spool was full"),
    ROW(memory_bytes, "bytes", "log bytes waiting in memory now (queue.mem)"),
    ROW(dropped_lines, "lines", "lines given up because the spool was full"),
    {0},
};

static void drop_first(struct spool *spool)
{
    struct segment *seg = spool->first;
    char *path = segment_path(spool->dir, seg);
    struct err err;
    if (fs_unlink(path, &err) && err.kind != ERR_GONE) {
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "spool",
                    "%s; tried again with the next delivery", err.text);
        free(path);
        return;
    }
    free(path);
    census_leave(spool, seg);
    spool->first = seg->next;
    spool->stats.segments--;
    spool->stats.disk_bytes -= seg->size;
    free(seg);
}

static bool is_delivered(const struct spool *spool, const struct segment *seg)
{
    return seg->next && seg->next->base_seq <= spool->cursor.pos.seq && spool->reader.seg != seg &&
           seg != spool->closing; /* the next one's checkpoint is not durable yet */
}

void store_drop_delivered(struct spool *spool)
{
    while (is_delivered(spool, spool->first)) {
        const struct segment *first = spool->first;
        drop_first(spool);
        if (spool->first == first)
            return;
    }
}

static int lock_and_recover(struct spool *spool, struct err *err)
{
    if (fs_make_dirs(spool->dir, 0700, err) || clear_lock(spool->dir, err))
        return -1;
    char *lock = mem_printf("%s/lock", spool->dir);
    spool->lock_fd = fs_lock(lock, err);
    free(lock);
    if (spool->lock_fd < 0)
        return -1;
    return store_recover(spool, err) || reader_open(spool, spool->cursor.pos, err) ? -1 : 0;
}

static void close_files(struct spool *spool)
{
    cursor_close(&spool->cursor);
    (void)fs_close(spool->fd);         /* synced before, or lost with a logged error */
    (void)fs_close(spool->closing_fd); /* the same */
    (void)fs_close(spool->lock_fd);    /* gives up the lock */
}

static void free_spool(struct spool *spool)
{
    reader_close(&spool->reader);
    losses_free(&spool->reader.losses);
    if (syncer_free(
            spool->syncer)) /* else it may still sync and rename: no other posta may begin here */
        close_files(spool);
    segment_free_list(spool->first);
    memory_free(spool->memory);
    heal_free(spool);
    registry_clear(&spool->sources);
    registry_clear(&spool->leaving);
    buf_free(&spool->scratch);
    free(spool->dir);
    free(spool);
}

static enum sync_way choose_way(const struct spool *spool, enum sync_way wanted)
{
    if (wanted != SYNC_AUTO)
        return wanted;
    if (spool->sync_mode == SYNC_NEVER)
        return SYNC_INLINE;
    return fs_is_in_memory(spool->lock_fd) ? SYNC_INLINE : SYNC_THREAD;
}

int spool_open(struct spool **out, const struct spool_config *config, struct err *err)
{
    struct spool *spool = mem_zero(1, sizeof *spool);
    spool->dir = mem_dup(config->path);
    spool->max_bytes = config->max_bytes;
    spool->segment_bytes = config->segment_bytes;
    spool->sync_mode = config->sync_mode;
    spool->missed = config->missed;
    spool->missed_arg = config->arg;
    spool->fd = spool->closing_fd = spool->lock_fd = -1;
    spool->wait_until_ns = INT64_MAX;
    spool->cursor = (struct cursor)CURSOR_INIT;
    spool->reader.scan = (struct scan)SCAN_INIT;
    spool->watch = (struct scan_watch) {.damaged = store_damaged, .arg = spool};
    if (lock_and_recover(spool, err)) {
        free_spool(spool);
        return err_wrap(err, "open spool");
    }
    if (config->memory_bytes > 0)
        spool->memory = memory_new(config->memory_bytes);
    spool->syncer = syncer_new(choose_way(spool, config->sync_way));
    store_drop_delivered(spool);
    *out = spool;
    return 0;
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    struct err err;
    if (spool->memory && memory_save(spool, true, &err))
        log_error("spool", "on close: %s: some lines come twice", err.text);
    if (store_note_all_dropped(spool, &err))
        log_warn("spool", "on close: %s: what was dropped last is read again", err.text);
    if (spool_sync(spool, &err))
        log_error("spool", "on close: %s", err.text);
    bool does_answer = !syncer_is_busy(spool->syncer);
    if (spool->cursor.synced_seq != spool->synced_seq)
        spool->cursor.is_dirty = true; /* damage found at the next start is no torn write */
    if (spool_save_cursor(spool, does_answer, &err))
        log_error("spool", "on close: %s", err.text);
    free_spool(spool);
}

static uint64_t waiting_records(const struct spool *spool)
{
    uint64_t at = spool->cursor.pos.seq;
    if (!spool->memory || at >= MEMORY_SEQ)
        return spool_end(spool).seq - at;
    return spool->next_seq - at + (memory_end(spool->memory) - MEMORY_SEQ);
}

const struct spool_stats *spool_stats(struct spool *spool)
{
    spool->stats.waiting_records = spool_is_drained(spool) ? 0 : waiting_records(spool);
    return &spool->stats;
}

/* ---- registry ---- */

struct source *spool_sources(struct spool *spool)
{
    return spool->sources.first;
}

struct source *spool_source_by_id(struct spool *spool, const struct file_id *id)
{
    return registry_by_id(&spool->sources, id);
}

/* Where its last records are not durable, it stays known for the case that they must be written again. */
struct source *spool_source_by_birth(struct spool *spool, uint64_t ino, int64_t btime_ns)
{
    return registry_by_birth(&spool->sources, ino, btime_ns);
}

void spool_forget(struct spool *spool, struct source *src)
{
    store_forget_dropped(spool, src);
    if (spool->memory)
        memory_forget(spool->memory, src);
    registry_take(&spool->sources, src);
    if (spool_is_dirty(spool))
        registry_put(&spool->leaving, src);
    else
        reader_inherit(&spool->reader, src);
}

/* ---- marks ---- */

/* The notes are the next records then. */
uint64_t spool_mark(struct spool *spool)
{
    spool->wants_notes = spool->n_unnoted > 0;
    return spool_end(spool).seq + spool->n_unnoted;
}

bool spool_is_durable(const struct spool *spool, uint64_t mark)
{
    return mark <= (spool->memory ? memory_durable(spool) : spool->synced_seq);
}

bool spool_has_room(const struct spool *spool)
{
    return !spool->memory || memory_has_room(spool->memory);
}

bool spool_is_waited_for(const struct spool *spool)
{
    return spool->memory && memory_is_waited_for(spool->memory);
}

/* Before its position is on the disk, a start would miss what it has not delivered. */
bool spool_is_delivered(const struct spool *spool, uint64_t mark)
{
    return mark <= (spool->memory ? memory_durable(spool) : spool->cursor.pos.seq);
}

/* ---- cursor ---- */

void spool_append_uuid(const struct spool *spool, struct buf *into)
{
    for (size_t i = 0; i < UUID_BYTES; i++)
        buf_printf(into, "%02x", spool->uuid[i]);
}

void spool_delivered(struct spool *spool, struct spool_pos pos)
{
    if (spool_pos_less(spool->cursor.pos, pos)) {
        spool->cursor.pos = pos;
        spool->cursor.is_dirty = true;
        if (spool->memory)
            memory_delivered(spool, pos);
    }
    store_drop_delivered(spool); /* also when nothing moved: the reader may have left a segment */
}

struct spool_pos spool_cursor(const struct spool *spool)
{
    return spool->cursor.pos;
}

struct spool_pos spool_end(const struct spool *spool)
{
    uint64_t seq = spool->memory ? memory_end(spool->memory) : spool->next_seq;
    return (struct spool_pos) {.seq = seq};
}

struct spool_pos spool_readable_end(const struct spool *spool)
{
    if (spool->sync_mode == SYNC_ALWAYS && !spool->memory)
        return (struct spool_pos) {.seq = spool->synced_seq};
    return spool_end(spool);
}

bool spool_is_drained(const struct spool *spool)
{
    return !spool_pos_less(spool->cursor.pos, spool_end(spool));
}

bool spool_cursor_is_dirty(const struct spool *spool)
{
    return spool->cursor.is_dirty || spool->cursor.is_unsynced ||
           (spool->memory && memory_is_dirty(spool->memory));
}

/* What waits in memory is gone after a kill: then everything on the disk is delivered. */
static int save_with_positions(struct spool *spool, bool sync, struct err *err)
{
    struct spool_pos pos = spool->cursor.pos;
    if (memory_save(spool, sync, err))
        return -1;
    if (pos.seq >= MEMORY_SEQ)
        spool->cursor.pos = (struct spool_pos) {.seq = spool->next_seq};
    int rc = cursor_save(&spool->cursor, spool->uuid, sync && spool->sync_mode != SYNC_NEVER, err);
    spool->cursor.pos = pos;
    return rc;
}

int spool_save_cursor(struct spool *spool, bool sync, struct err *err)
{
    spool->cursor.synced_seq = spool->synced_seq;
    if (spool->memory)
        return save_with_positions(spool, sync, err);
    return cursor_save(&spool->cursor, spool->uuid, sync && spool->sync_mode != SYNC_NEVER, err);
}
