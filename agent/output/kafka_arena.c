/* kafka_arena.c: the memory of messages that are on their way, in blocks; librdkafka is lent it instead of making a copy of its own
 * for each message, which costs an allocation and a walk over fresh memory.
 *
 * Happy path: a message is made, or laid, behind the one before, in the block in use; a block is free again when the last of its
 * messages is given back. The block that was free last is used first: it is still in the processor's cache.
 * Failure modes: no block is free, or a message is too large: NULL, and librdkafka makes its copy. A few messages that stay hold
 * their blocks.
 * On close: all of it goes; librdkafka must be done with the instance.
 */
#include "kafka_arena.h"

#include <posta/buf.h>

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { NO_BLOCK = UINT16_MAX, ALIGN_BYTES = 16 };

struct arena {
    char *base;
    unsigned n_blocks, n_free, n_lent; /* n_lent: messages */
    unsigned in_use;                   /* the block that is being filled */
    size_t used;                       /* of it, bytes */
    unsigned n_touched;                /* blocks that may hold memory, from the first one on */
    char *room;                        /* where a message is being made; NULL = none is */
    uint16_t *lent_of, *free;          /* messages lent of each block; a stack of blocks */
};

static size_t all_bytes(const struct arena *arena)
{
    return (size_t)arena->n_blocks * ARENA_BLOCK_BYTES;
}

static void fill_stack(struct arena *arena)
{
    for (arena->n_free = 0; arena->n_free < arena->n_blocks; arena->n_free++)
        arena->free[arena->n_free] = (uint16_t)(arena->n_blocks - 1 - arena->n_free);
    arena->in_use = NO_BLOCK;
    arena->used = ARENA_BLOCK_BYTES;
    arena->n_touched = 0;
}

/* Without huge pages, of which one would be more than all that is used at rest. */
static void reserve(struct arena *arena)
{
    void *base = mmap(NULL, all_bytes(arena), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        arena->n_blocks = 0;
    else
        (void)madvise(base, all_bytes(arena), MADV_NOHUGEPAGE); /* only advice */
    arena->base = base;
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *arena = mem_zero(1, sizeof *arena);
    size_t n = limit_bytes / ARENA_BLOCK_BYTES;
    arena->n_blocks = n < NO_BLOCK ? (unsigned)n : NO_BLOCK - 1;
    reserve(arena);
    arena->lent_of = mem_zero(arena->n_blocks + 1, sizeof *arena->lent_of);
    arena->free = mem_zero(arena->n_blocks + 1, sizeof *arena->free);
    fill_stack(arena);
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    if (arena->n_blocks)
        munmap(arena->base, all_bytes(arena));
    free(arena->lent_of);
    free(arena->free);
    free(arena);
}

static bool next_block(struct arena *arena)
{
    if (arena->n_free == 0)
        return false;
    arena->in_use = arena->free[--arena->n_free];
    arena->used = 0;
    if (arena->in_use >= arena->n_touched)
        arena->n_touched = arena->in_use + 1;
    return true;
}

static size_t taken_by(size_t len)
{
    return (len + ALIGN_BYTES) / ALIGN_BYTES * ALIGN_BYTES; /* never nothing */
}

/* Where the next message goes. */
static char *place_for(struct arena *arena, size_t len)
{
    if (len > ARENA_MESSAGE_MAX_BYTES)
        return NULL;
    if (arena->used + taken_by(len) > ARENA_BLOCK_BYTES && !next_block(arena))
        return NULL;
    return arena->base + (size_t)arena->in_use * ARENA_BLOCK_BYTES + arena->used;
}

char *arena_room(struct arena *arena, size_t len)
{
    return arena->room = place_for(arena, len);
}

void arena_expect(struct arena *arena, const void *bytes)
{
    if (arena->room != bytes)
        arena->room = NULL;
}

const void *arena_lend(struct arena *arena, const void *bytes, size_t len)
{
    char *at = arena->room ? arena->room : place_for(arena, len);
    if (!at || (arena->room && at != bytes))
        return NULL;
    if (at != bytes)
        memcpy(at, bytes, len);
    arena->room = NULL;
    arena->used += taken_by(len);
    arena->lent_of[arena->in_use]++;
    arena->n_lent++;
    return at;
}

void arena_give_back(struct arena *arena, const void *bytes)
{
    uintptr_t at = (uintptr_t)bytes - (uintptr_t)arena->base;
    if (at >= all_bytes(arena))
        return;
    unsigned block = (unsigned)(at / ARENA_BLOCK_BYTES);
    arena->n_lent--;
    if (--arena->lent_of[block] > 0)
        return;
    if (block == arena->in_use)
        arena->used = 0;
    else
        arena->free[arena->n_free++] = (uint16_t)block;
}

void arena_rest(struct arena *arena)
{
    if (arena->n_lent > 0 || arena->n_touched <= 1)
        return;
    size_t touched = (size_t)arena->n_touched * ARENA_BLOCK_BYTES;
    (void)madvise(arena->base + ARENA_BLOCK_BYTES, touched - ARENA_BLOCK_BYTES, MADV_DONTNEED);
    fill_stack(arena);
}
