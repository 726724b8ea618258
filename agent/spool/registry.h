/* registry.h: the table of sources and its form on disk. */
#ifndef SPOOL_REGISTRY_H
#define SPOOL_REGISTRY_H

#include <posta/source.h>

struct registry {
    struct source *first; /* owned */
    uint32_t next_no;
};

struct source *registry_by_no(const struct registry *reg, uint32_t no);
struct source *registry_by_id(const struct registry *reg, const struct file_id *id);
/* Takes src. Replaces one of the same number. */
void registry_put(struct registry *reg, struct source *src);
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
void registry_pack(const struct registry *reg, struct buf *out);
/* Replaces the content. -1 if the bytes are not a whole table; what could be read is kept. */
int registry_unpack(struct registry *reg, const uint8_t *bytes, size_t len);

#endif
