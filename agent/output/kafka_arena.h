/* kafka_arena.h: memory that librdkafka is lent for messages that are on their way. */
#ifndef OUTPUT_KAFKA_ARENA_H
#define OUTPUT_KAFKA_ARENA_H

#include <stddef.h>

/* A message takes at most an eighth of a block, so that little of it stays unused. */
enum { ARENA_BLOCK_BYTES = 128 * 1024, ARENA_MESSAGE_MAX_BYTES = ARENA_BLOCK_BYTES / 8 };

/* Belongs to the loop's thread; the bytes may be read in any. Address space of limit_bytes, memory as it is used. */
struct arena;
struct arena *arena_new(size_t limit_bytes);
void arena_free(struct arena *arena); /* NULL is fine */

/* Where a message of so many bytes at most may be made that is lent next. NULL: there is no room, or it is too large. */
char *arena_room(struct arena *arena, size_t len);
/* What is lent next lies there: if that is not the room, the room is not used. */
void arena_expect(struct arena *arena, const void *bytes);
/* What was made in the room, or a copy; until it is given back. NULL: there is no room, or it is too large; or something else
 * is being made in the room. */
const void *arena_lend(struct arena *arena, const void *bytes, size_t len);
/* Bytes that are not of it: nothing happens. */
void arena_give_back(struct arena *arena, const void *bytes);
/* If nothing is lent, memory goes back to the system, all but one block. */
void arena_rest(struct arena *arena);

#endif
