/* table.h: a hash table of pointers; the items, and what makes two of them the same, are the caller's.
 *
 * Open addressing with linear probing, an eighth to two thirds full, 12 bytes a slot; a dropped item leaves no mark.
 * Not thread-safe.
 */
#ifndef POSTA_TABLE_H
#define POSTA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
    void **items;    /* n_slots of them, NULL = free */
    uint32_t *marks; /* what is kept of the hash of each */
    size_t n_used;
    size_t n_slots; /* a power of two, or 0 */
};

#define TABLE_INIT                                                                                 \
    {                                                                                              \
        .items = NULL                                                                              \
    }

/* item must not be NULL. Two items may have the same hash, and be the same to the caller too. The hash may be a plain
 * number: it is mixed. */
void table_put(struct table *table, uint64_t hash, void *item);
/* Take this very pointer out; nothing happens if it is not there. */
void table_drop(struct table *table, uint64_t hash, const void *item);
/* An item that is_it says yes to, among those put with this hash and perhaps a few others: is_it alone decides.
 * NULL if there is none. */
void *table_find(const struct table *table, uint64_t hash,
                 bool (*is_it)(const void *item, const void *key), const void *key);
/* Walk over all items, in no order: start with *at = 0, until NULL. Nothing may be put or dropped meanwhile. */
void *table_next(const struct table *table, size_t *at);
/* Frees the slots, not the items; fine twice. */
void table_free(struct table *table);

#endif
