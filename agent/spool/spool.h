/* spool.h: the crash-safe store between files and broker, and the registry of positions.
 *
 * A folder of segments. Records are appended to the newest; readers follow behind; a segment goes when everything in it
 * is delivered. Two watermarks: durable (synced) and delivered (the cursor). Loop thread only; a helper thread of its own
 * waits for the disk, so that appending does not.
 */
#ifndef POSTA_SPOOL_H
#define POSTA_SPOOL_H

#include <posta/buf.h>
#include <posta/err.h>
#include <posta/plugin.h>
#include <posta/source.h>
#include <stdbool.h>
#include <stdint.h>

enum sync_way {
    SYNC_AUTO,    /* by the thread, but where a sync has nothing to do: on tmpfs */
    SYNC_INLINE,  /* at once, on the caller's thread */
    SYNC_THREAD,  /* by the helper thread */
    SYNC_BY_HAND, /* for tests: step by step (syncer.h), or where somebody waits */
};

/* What is made durable, and when it may leave. A kill costs nothing with any of them. */
enum sync_mode {
    SYNC_INTERVAL, /* when the owner asks for it; records are given out at once */
    SYNC_ALWAYS, /* the same, but only what is durable is given out: after a power cut nothing that was
                    * delivered is unknown here */
    SYNC_NEVER, /* not at all: durable means written. A power cut may take or damage what the kernel had not
                    * written yet */
};

struct spool_config {
    const char *path; /* folder; made with mode 0700 if missing; borrowed */
    enum sync_mode sync_mode;
    uint64_t max_bytes; /* all segments together; 0 = no limit */
    uint64_t
        memory_bytes; /* not 0: what is taken in waits in memory, so many bytes of it, and only positions are
                            * written: up to where everything is delivered. Durable means delivered then, and written */
    uint64_t
        segment_bytes; /* the next segment begins when one has reached this; it may be more while a sync is slow */
    enum sync_way sync_way;
    void (*missed)(
        void *
            arg); /* spool_next has found that bytes of a log are missing: see spool_take_missing; or NULL */
    void *arg;
};

/* Counted since the start; what a start found is in the recovered_ and damaged_ rows. */
struct spool_stats {
    uint64_t bytes_in;        /* payload bytes taken in */
    uint64_t records_in;      /* records written */
    uint64_t syncs;           /* times data was made durable */
    uint64_t waiting_records; /* not delivered now */
    uint64_t segments;        /* files now */
    uint64_t disk_bytes;      /* their size now */
    uint64_t torn_bytes;      /* cut off the end at start: a write that a crash interrupted */
    uint64_t damaged_regions; /* places skipped because a checksum differed */
    uint64_t damaged_bytes;   /* bytes in them */
    uint64_t damaged_unkept;  /* of those places, their bytes could not be kept in bad/ */
    uint64_t missing_records; /* record numbers never seen by the reader because of damage */
    uint64_t missing_bytes;   /* log bytes that were in them */
    uint64_t missing_ranges;  /* runs of them */
    uint64_t missing_unknown; /* files of which it is not known how many bytes were */
    uint64_t healed_bytes;    /* of missing_bytes: read again from the log */
    uint64_t dropped_bytes;   /* log bytes given up because the spool was full */
    uint64_t dropped_lines;   /* lines in them */
    uint64_t memory_bytes;    /* waiting in memory now (queue.mem) */
};
extern const struct stat_row spool_stat_rows[];

struct spool;

/* Lock the folder, recover what is there, and be ready to append. Damage never stops a start: it is
 * counted, logged and moved to bad/. Errors: AGAIN (another posta holds it), DENIED, FULL, IO. */
int spool_open(struct spool **spool, const struct spool_config *config, struct err *err) MUST_CHECK;

/* What has this name in the folder of a spool that is open, and is no folder, goes to bad/: a spool of its own is to be there. */
int spool_clear_folder(const char *dir, const char *name, struct err *err) MUST_CHECK;

/* Sync, save the cursor, unlock, free. Does not wait for the disk beyond spool_wait_until: then the helper thread and what
 * it works on are left behind, locked, for the end of the process. NULL is fine. */
void spool_close(struct spool *spool);

const struct spool_stats *spool_stats(struct spool *spool);

/* Append its uuid, 32 hex digits: another for each spool that was ever begun. */
void spool_append_uuid(const struct spool *spool, struct buf *into);

/* ---- registry ---- */

/* The first source; follow ->next. Owned by the spool; stable until spool_forget. */
struct source *spool_sources(struct spool *spool);
struct source *spool_source_by_id(struct spool *spool, const struct file_id *id);
struct source *spool_source_by_birth(struct spool *spool, uint64_t ino, int64_t btime_ns);

/* Begin a source. proto gives identity, epoch, path, input; number and time are filled in. */
int spool_add_source(struct spool *spool, const struct source *proto, struct source **src,
                     struct err *err) MUST_CHECK;

/* Drop an ended source whose file is gone; takes effect in the next segment's checkpoint. Its struct is not the caller's
 * any more; what spool_next gave out of it stays as it was promised there. */
void spool_forget(struct spool *spool, struct source *src);

/* ---- appending: all move src's position ---- */

/* Append one chunk; chunk->from must be src->offset. FULL (AGAIN with memory_bytes): no room now, nothing was written, the position
 * stays: try again when delivery has made room. New sources, ends and chunks without bytes may take a little more
 * than max_bytes (64 KB), so that they can be noted when it is full. */
int spool_append(struct spool *spool, struct source *src, const struct chunk *chunk,
                 struct err *err) MUST_CHECK;

/* The source is at its end: as far as is known, lost_bytes were written behind its position and are not to be had any
 * more. */
int spool_end_source(struct spool *spool, struct source *src, enum end_proof proof,
                     uint64_t lost_bytes, struct err *err) MUST_CHECK;

/* ---- full ---- */

/* How many lines these bytes are; the last one may lack its LF. */
uint64_t lines_count(const char *bytes, size_t len);

/* In place of spool_append: move src's position over the chunk and give it up, counted. The record that says so comes with
 * the next one of this source, or when much was dropped, or when somebody waits for a mark; until then a kill brings the
 * position back to before it. */
void spool_drop_newest(struct spool *spool, struct source *src, const struct chunk *chunk);

/* The first record behind the oldest segment; 0 if that cannot go: it is the newest one too, or not durable yet. */
uint64_t spool_oldest_end(const struct spool *spool);

struct spool_item;
/* A record of data; of its bytes the cursor is not behind those from item->skip on. Borrowed. */
typedef void spool_visit(void *arg, const struct spool_item *item);
/* Visit the data from the cursor up to before end_seq, which are in the oldest segments. */
int spool_walk(struct spool *spool, uint64_t end_seq, spool_visit *visit, void *arg,
               struct err *err) MUST_CHECK;

/* Everything before this record is given up: as if delivered, but counted as dropped. The reader is to be rewound behind
 * this. */
void spool_give_up(struct spool *spool, uint64_t end_seq, uint64_t n_lines, uint64_t n_bytes);

/* ---- syncing ---- */

/* Begin to make everything appended so far durable. 0 = it is already; 1 = under way, or something else is: spool_sync_done
 * will tell; -1 = failed, nothing is lost, call again later. Never waits for the disk, unless a sync has failed: then the
 * un-synced records are first written again into a new segment. */
int spool_sync_start(struct spool *spool, struct err *err) MUST_CHECK;
/* Readable when a step is done, also of one that spool_append began: then call spool_sync_done. -1 = there is never
 * anything to wait for. */
int spool_sync_fd(const struct spool *spool);
/* Take note of what is done: marks may have moved, room may have been made. -1 as spool_sync_start. */
int spool_sync_done(struct spool *spool, struct err *err) MUST_CHECK;

/* Make everything appended so far durable, and wait for it. -1: nothing is lost, call again later. */
int spool_sync(struct spool *spool, struct err *err) MUST_CHECK;
/* Whoever waits for the disk gives up at this time (monotonic). */
void spool_wait_until(struct spool *spool, int64_t until_ns);
/* Something is not durable yet. */
bool spool_is_dirty(const struct spool *spool);

/* ---- marks: everything appended before the call is before the mark ---- */

uint64_t spool_mark(struct spool *spool);
bool spool_is_durable(const struct spool *spool, uint64_t mark);
/* It was full, and taking in is worth trying again. */
bool spool_has_room(const struct spool *spool);
/* queue.mem: it is full, and something waits to be taken in until more is delivered. */
bool spool_is_waited_for(const struct spool *spool);
bool spool_is_delivered(const struct spool *spool, uint64_t mark);

/* ---- reading and the cursor ---- */

/* A place: everything of record `seq` before byte `done` of its payload. */
struct spool_pos {
    uint64_t seq;
    uint64_t done;
};

enum spool_item_type { SPOOL_DATA = 1, SPOOL_END = 2 };

struct spool_item {
    enum spool_item_type type;
    uint64_t seq;
    const struct source
        *src; /* identity as of this record; borrowed until the next spool_next or rewind */
    struct chunk chunk;   /* DATA; bytes borrowed until the next spool_next or rewind */
    uint64_t skip;        /* payload bytes at its beginning that were delivered before */
    uint64_t lost_before; /* log bytes of src just before it that damage took */
    enum end_proof proof; /* END */
    uint64_t end_offset;  /* END: it was read up to here */
    uint64_t lost_bytes;  /* END: and these behind it were lost */
};

/* The next item in order. 1 = item filled, 0 = nothing more now, -1 = error (IO: try again later). */
int spool_next(struct spool *spool, struct spool_item *item, struct err *err) MUST_CHECK;

/* Bytes of a log that were in damaged records. */
struct spool_missing {
    struct source *src; /* a copy, the caller's: source_free */
    uint64_t from, to;
};
/* The oldest that was not taken yet; of many only the newest are kept. */
bool spool_take_missing(struct spool *spool, struct spool_missing *missing);
/* They were read again from the log and are appended now: src is a source of its own, which ends with them, and is
 * forgotten. proto: as spool_take_missing gave it. Lines in `bytes` are whole. FULL: nothing or not all was taken. */
int spool_heal(struct spool *spool, const struct spool_missing *missing, const char *bytes,
               struct err *err) MUST_CHECK;

/* ---- counting what is there, beside the reader ---- */

struct spool_census;
/* Of what is not delivered, up to before this record. One at a time. */
struct spool_census *spool_census_new(struct spool *spool, uint64_t end_seq);
/* Visit the data in about max_bytes more. 1 = there is more, 0 = all was visited, -1 = cannot be read now. */
int spool_census_step(struct spool_census *census, size_t max_bytes, spool_visit *visit, void *arg,
                      struct err *err) MUST_CHECK;
/* Before spool_close. NULL is fine. */
void spool_census_free(struct spool_census *census);

/* When the oldest data that is not delivered was read; 0 = there is none, or it cannot be read now. Reads all of its segment that
 * stands before it. */
int64_t spool_oldest_ns(struct spool *spool);

/* The record that spool_next would look for. */
uint64_t spool_reading(const struct spool *spool);

/* Read again from the cursor. */
void spool_rewind(struct spool *spool);

/* Everything before pos is delivered. Only grows. Deletes segments that are done; saves the cursor to its
 * file at spool_save_cursor. */
void spool_delivered(struct spool *spool, struct spool_pos pos);
struct spool_pos spool_cursor(const struct spool *spool);
/* With sync it waits for the disk; spool_sync_cursor leaves that to the helper thread, what fails is said. */
int spool_save_cursor(struct spool *spool, bool sync, struct err *err) MUST_CHECK;
void spool_sync_cursor(struct spool *spool);
bool spool_cursor_is_dirty(const struct spool *spool);

/* The position behind the last record. */
struct spool_pos spool_end(const struct spool *spool);
/* The position behind the last record that spool_next would give out now. */
struct spool_pos spool_readable_end(const struct spool *spool);
static inline bool spool_pos_less(struct spool_pos a, struct spool_pos b)
{
    return a.seq != b.seq ? a.seq < b.seq : a.done < b.done;
}
/* True when all that was appended is delivered. */
bool spool_is_drained(const struct spool *spool);

#endif
