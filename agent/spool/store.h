/* store.h: the body of struct spool, for the files of this folder. */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include "cursor.h"
#include "record.h"
#include "registry.h"
#include "scan.h"
#include "segment.h"
#include "spool.h"

struct reader {
    struct segment *seg; /* being read, NULL = none yet */
    struct scan scan;
    struct registry sources; /* as of the record that was read last */
    uint64_t counted_seq;    /* records before it were counted as missing when they were */
    struct source unknown;   /* stands for a source whose record was damaged */
    uint64_t next_seq;       /* the record expected next */
};

struct spool {
    char *dir;
    uint64_t max_bytes, segment_bytes;
    int lock_fd;
    uint8_t uuid[UUID_BYTES];
    struct segment *first, *last; /* last is the one appended to */
    int fd;                       /* of last, for writing */
    uint64_t next_seq;
    uint64_t synced_size; /* of last: bytes before it are durable */
    uint64_t synced_seq;  /* records before it are durable */
    bool has_failed;      /* last could not be synced: nothing more goes into it */
    struct registry sources;
    struct cursor cursor;
    struct reader reader;
    struct spool_stats stats;
    struct buf scratch; /* payloads of SOURCE and CHECKPOINT records */
};

/* append.c: begin a new segment behind the last one, with a checkpoint, durable. On failure nothing changed. */
int store_begin_segment(struct spool *spool, struct err *err) MUST_CHECK;

/* reserve.c: room kept back for a new segment on a full disk; give it: true if there was one. */
void reserve_make(struct spool *spool);
bool reserve_give(struct spool *spool);

/* spool.c: unlink the segments that are delivered. */
void store_drop_delivered(struct spool *spool);

/* recover.c: find segments, registry, next_seq and cursor in the folder. */
int store_recover(struct spool *spool, struct err *err) MUST_CHECK;

/* reader.c */
int reader_open(struct spool *spool, struct spool_pos at, struct err *err) MUST_CHECK;
void reader_close(struct reader *reader);

#endif
