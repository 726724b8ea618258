/* store.h: the body of struct spool, for the files of this folder. */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include "account.h"
#include "cursor.h"
#include "memory.h"
#include "record.h"
#include "registry.h"
#include "replay.h"
#include "scan.h"
#include "segment.h"
#include "spool.h"
#include "syncer.h"

/* Ranges of bytes that are known to be missing: missing.c. */
struct losses {
    struct loss *at;
    size_t n;
};

struct reader {
    struct segment *seg; /* being read, NULL = none yet */
    struct scan scan;
    struct registry
        sources;      /* of the records read in this segment, those that are forgotten meanwhile */
    uint32_t seen_no; /* no source of this or a higher number was met in them */
    uint64_t counted_seq; /* records before it were counted as missing when they were */
    bool is_again;        /* the record at hand is before it */
    struct missed missed;
    uint64_t missed_done; /* bytes of one of them that were delivered */
    struct losses losses;
    uint64_t next_seq;   /* the record expected next */
    uint64_t start_seq;  /* the cursor's, where it began to read */
    uint64_t walked_seq; /* as next_seq, but of the records before the cursor too */
};

struct spool {
    char *dir;
    uint64_t max_bytes, segment_bytes;
    enum sync_mode sync_mode;
    int lock_fd;
    uint8_t uuid[UUID_BYTES];
    struct segment *first, *last; /* last is the one appended to */
    int fd;                       /* of last, for writing */
    struct segment *closing; /* the one before last, still to be synced or renamed; NULL = it is */
    int closing_fd;          /* of closing; -1 = its bytes are synced */
    uint64_t next_seq;
    uint64_t synced_seq; /* records before it are durable */
    bool has_lost_first; /* the start moved the oldest segment to bad/ */
    bool has_failed;     /* closing or last could not be synced: nothing more goes into last */
    struct syncer *syncer;
    struct {                    /* the job under way, when it is done */
        bool has_records;       /* it is not for the cursor alone */
        uint64_t size;          /* synced_size of last */
        uint64_t seq;           /* synced_seq */
        uint64_t memory_seq;    /* memory_written */
        struct source *leaving; /* the first of spool->leaving when it began */
    } job;
    bool wants_cursor_sync; /* with the next job */
    int64_t wait_until_ns;  /* the helper is not waited for beyond this */
    struct registry sources;
    struct registry leaving; /* forgotten, but some of their records may not be durable yet */
    struct cursor cursor;
    struct reader reader;
    struct spool_stats stats;
    void (*missed)(void *arg);
    void *missed_arg;
    struct spool_missing *to_heal; /* oldest first */
    size_t n_to_heal;
    struct memory *memory;       /* what waits, with queue.mem; else NULL */
    size_t n_unnoted;            /* sources with bytes that were dropped and not noted */
    uint64_t unnoted_bytes;      /* of them all */
    bool wants_notes;            /* a mark was given out behind them */
    struct scan_watch watch;     /* store_damaged */
    struct spool_census *census; /* NULL = nobody counts */
    struct buf scratch;          /* payloads of SOURCE and CHECKPOINT records */
};

/* heal.c: these bytes are missing; they may be had once more from the log. */
void heal_note(struct spool *spool, const struct source *src, uint64_t from, uint64_t to);
void heal_free(struct spool *spool);
/* Those that a kill left unfinished are no files. */
void heal_drop_sources(struct spool *spool);

/* append.c: at the end of seg; on failure nothing has moved. */
int store_write_record(int fd, struct segment *seg, struct record *rec, const void *payload,
                       struct err *err) MUST_CHECK;

/* drop.c: write down what was dropped of a source, of all of them; or of all if it is time for it. */
int store_note_dropped(struct spool *spool, struct source *src, struct err *err) MUST_CHECK;
int store_note_all_dropped(struct spool *spool, struct err *err) MUST_CHECK;
bool store_is_note_due(const struct spool *spool);
void store_forget_dropped(struct spool *spool, struct source *src);

/* append.c: the same, with its number and checksum, into the last segment; FULL if there is no room. */
int store_append(struct spool *spool, struct record *rec, const void *payload,
                 struct err *err) MUST_CHECK;

/* append.c: where src is now; replaces what was said of it before. */
int store_append_source(struct spool *spool, const struct source *src, struct err *err) MUST_CHECK;

/* begin.c: new segments, each with a checkpoint. */
/* Behind the last one, durable; none may be closing. On failure nothing changed. */
int store_begin_segment(struct spool *spool, struct err *err) MUST_CHECK;
/* Behind the last one, which is closing from now on, by a job that this starts. No other may be under way. On failure
 * nothing is lost and the caller may try again. */
int store_roll(struct spool *spool, struct err *err) MUST_CHECK;
/* In place of what could not be synced: its records are written again, durable. On failure nothing changed. */
int store_replace_failed(struct spool *spool, struct err *err) MUST_CHECK;

/* sync.c */
/* Make up for a failed sync, if there was one. */
int store_mend(struct spool *spool, struct err *err) MUST_CHECK;
/* Forgotten sources from this one on in the list: their records are durable. */
void store_let_leave(struct spool *spool, struct source *first);

/* reserve.c: room kept back for a new segment on a full disk; give it, as the file of this name: true if there was one. */
void reserve_make(struct spool *spool);
bool reserve_give(struct spool *spool, const char *to);

/* spool.c: unlink the segments that are delivered. */
void store_drop_delivered(struct spool *spool);

/* census.c */
/* What a record tells of sources, for who scans segments by himself; and the source of a record, without a name if none told. */
void store_note_sources(struct registry *met, const struct record *rec, const uint8_t *payload);
const struct source *store_source_of(const struct registry *met, uint32_t no);
/* This segment goes. */
void census_leave(struct spool *spool, const struct segment *seg);

/* clear.c: what is no file and has a name that posta needs goes to bad/, or is said. Before the lock is taken. */
int clear_lock(const char *dir, struct err *err) MUST_CHECK;
/* And behind it. */
int clear_names(const char *dir, struct err *err) MUST_CHECK;

/* list.c: the segments of this spool in the folder, with their sizes and where each ends to count. */
int store_list(struct spool *spool, struct err *err) MUST_CHECK;

/* recover.c: find segments, registry, next_seq and cursor in the folder. */
int store_recover(struct spool *spool, struct err *err) MUST_CHECK;

/* quarantine.c */
/* For scan_watch, with the spool: count, say, and keep the bytes in bad/. Once for each place. */
void store_damaged(void *spool, struct segment *seg, uint64_t from, uint64_t to, const char *what);
/* It is no segment any more, as err says: count and say it. Once for each. */
void store_left_out(struct spool *spool, struct segment *seg, const struct err *err);
/* Keep these bytes of a segment as a file in <dir>/bad/, durably. FULL: there is enough in it. */
int quarantine_region(const char *dir, const struct segment *seg, uint64_t from, uint64_t to,
                      struct err *err) MUST_CHECK;

/* missing.c: said and counted once. */
void missing_found(struct spool *spool, const struct source *src, uint64_t from, uint64_t to);
/* Of this file, and of n in all, it is not known. */
void missing_unknown(struct spool *spool, const struct source *src, uint64_t n);
/* Bytes that are missing before this record, which begins at `from`, and after those that told of others. */
uint64_t missing_before(struct reader *reader, const struct record *rec);
void losses_free(struct losses *losses);
/* reader.c */
/* What a record of data or of an end is to who reads: nothing of it delivered, nothing lost before it. */
void store_fill_item(const struct record *rec, const void *payload, const struct source *src,
                     struct spool_item *item);
/* The newest segment that begins at or before this record. */
struct segment *store_segment_of(const struct spool *spool, uint64_t seq);
int reader_open(struct spool *spool, struct spool_pos at, struct err *err) MUST_CHECK;
void reader_close(struct reader *reader);
/* Takes a source that is in no table any more; keeps it if records that are still to be given out may be of it. */
void reader_inherit(struct reader *reader, struct source *src);

#endif
