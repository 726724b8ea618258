/* registry.h: the table of sources and its form on disk. */
#ifndef SPOOL_REGISTRY_H
#define SPOOL_REGISTRY_H

#include <posta/source.h>
#include <posta/table.h>

/* {0} is an empty one. Putting, finding and dropping cost the same however many there are. */
struct registry {
    struct source *first;      /* owned; doubly linked, in no order */
    struct table by_no, by_id; /* the same ones; several may have one identity */
    uint32_t next_no;          /* higher than any that was ever put */
};

struct source *registry_by_no(const struct registry *reg, uint32_t no);
/* A file that was truncated has several: the one with the highest number. */
struct source *registry_by_id(const struct registry *reg, const struct file_id *id);
/* The newest of this inode number and birth time; 0 = none known, which matches all. */
struct source *registry_by_birth(const struct registry *reg, uint64_t ino, int64_t btime_ns);
/* Takes src. Replaces one of the same number. */
void registry_put(struct registry *reg, struct source *src);
/* Out of the registry; the caller owns it. */
void registry_take(struct registry *reg, struct source *src);
void registry_drop(struct registry *reg, struct source *src);
void registry_clear(struct registry *reg);

/* Move the position over [from, to) and remember the bytes before it. Used when appending and when recovering, so that both
 * come to the same state. */
void source_advance(struct source *src, uint64_t from, uint64_t to, uint8_t chunk_flags,
                    const void *bytes, size_t len);

/* Format: see registry.c. */
void source_pack(const struct source *src, struct buf *out);
/* Reads one from [*at, end), moves *at behind it. NULL if it does not fit. Caller owns the result. */
struct source *source_unpack(const uint8_t **at, const uint8_t *end);
/* One table of all that is in reg and, if it is not NULL, in more. */
void registry_pack(const struct registry *reg, const struct registry *more, struct buf *out);
/* Replaces the content by those sources of a table that are wanted; NULL = all. is_wanted is asked of each, with the position
 * that the table says. -1 if the bytes are not a whole table;
 * what could be read is kept. */
int registry_unpack(struct registry *reg, const uint8_t *bytes, size_t len,
                    bool (*is_wanted)(void *arg, uint32_t no, uint64_t offset), void *arg);

#endif
