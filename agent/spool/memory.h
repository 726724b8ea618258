/* memory.h: queue.mem: records that wait in memory, and the positions up to which all is delivered. */
#ifndef SPOOL_MEMORY_H
#define SPOOL_MEMORY_H

#include "record.h"
#include "spool.h"

/* Numbers of records in memory begin here, behind all those on the disk. */
#define MEMORY_SEQ (UINT64_C(1) << 62)

struct memory;

struct memory *memory_new(uint64_t max_bytes);
void memory_free(struct memory *memory);

/* Data or the end of src, whose position is still before it. AGAIN: it is full. */
int memory_append(struct spool *spool, struct source *src, const struct record *rec,
                  const void *payload, struct err *err) MUST_CHECK;
/* Half of it is free: fewer, larger steps when it is full all the time. */
bool memory_has_room(const struct memory *memory);
/* It was full the last time, and that has not changed. */
bool memory_is_waited_for(const struct memory *memory);
/* src is forgotten. */
void memory_forget(struct memory *memory, struct source *src);

/* Everything on the disk has been given out, and memory's turn is now. */
bool memory_is_reading(const struct memory *memory);
void memory_begin_reading(struct memory *memory);
/* 1 = item filled, 0 = nothing more. */
int memory_next(struct memory *memory, struct spool_item *item);
void memory_rewind(struct spool *spool);
/* All that wait. */
void memory_visit(const struct memory *memory, spool_visit *visit, void *arg);
/* Number of the next one to be given out, and behind the last one. */
uint64_t memory_reading(const struct memory *memory);
uint64_t memory_end(const struct memory *memory);

/* Everything before pos is delivered: positions move over it. */
void memory_delivered(struct spool *spool, struct spool_pos pos);
/* A position is not written yet. */
bool memory_is_dirty(const struct memory *memory);
/* Write those that moved, unless that was done too much just now and this is not the last time. */
int memory_save(struct spool *spool, bool is_last, struct err *err) MUST_CHECK;
/* The positions over everything before this record are written; and, once that is told, durable. */
uint64_t memory_written(const struct memory *memory);
void memory_note_synced(struct memory *memory, uint64_t seq);
/* Everything before this record is delivered, and a start will know it. */
uint64_t memory_durable(const struct spool *spool);

#endif
