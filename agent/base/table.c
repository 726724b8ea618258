/* table.c: see table.h. */
#include <posta/buf.h>
#include <posta/table.h>

#include <stdlib.h>

enum { FIRST_SLOTS = 16 };

/* Callers' hashes may be plain numbers: multiplied by the golden ratio, neighbours come to lie far apart, and the upper
 * half depends on all bits. */
static uint32_t mark_of(uint64_t hash)
{
    return (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* The mark's upper bits decide the first slot. */
static size_t slot_of(const struct table *table, uint32_t mark)
{
    return (size_t)((uint64_t)mark * table->n_slots >> 32);
}

static size_t slot_behind(const struct table *table, size_t at)
{
    return (at + 1) & (table->n_slots - 1);
}

static void put_in_slots(struct table *table, uint32_t mark, void *item)
{
    size_t at = slot_of(table, mark);
    while (table->items[at])
        at = slot_behind(table, at);
    table->items[at] = item;
    table->marks[at] = mark;
}

static void resize(struct table *table, size_t n_slots)
{
    struct table old = *table;
    table->n_slots = n_slots;
    table->items = mem_zero(n_slots, sizeof *table->items);
    table->marks = mem_zero(n_slots, sizeof *table->marks);
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.items[i])
            put_in_slots(table, old.marks[i], old.items[i]);
    free(old.items);
    free(old.marks);
}

void table_put(struct table *table, uint64_t hash, void *item)
{
    if (3 * (table->n_used + 1) > 2 * table->n_slots)
        resize(table, table->n_slots ? 2 * table->n_slots : FIRST_SLOTS);
    put_in_slots(table, mark_of(hash), item);
    table->n_used++;
}

/* Move those behind the hole that may fill it, so that no search ends too early. */
static void close_hole(struct table *table, size_t hole)
{
    size_t mask = table->n_slots - 1;
    for (size_t at = slot_behind(table, hole); table->items[at]; at = slot_behind(table, at)) {
        size_t wants = slot_of(table, table->marks[at]);
        if (((at - wants) & mask) < ((at - hole) & mask))
            continue; /* it stands between the place it wants and the hole */
        table->items[hole] = table->items[at];
        table->marks[hole] = table->marks[at];
        hole = at;
    }
    table->items[hole] = NULL;
}

void table_drop(struct table *table, uint64_t hash, const void *item)
{
    if (!table->n_slots)
        return;
    size_t at = slot_of(table, mark_of(hash));
    while (table->items[at] && table->items[at] != item)
        at = slot_behind(table, at);
    if (!table->items[at])
        return;
    table->n_used--;
    close_hole(table, at);
    if (table->n_slots > FIRST_SLOTS && 8 * table->n_used < table->n_slots)
        resize(table, table->n_slots / 2);
}

void *table_find(const struct table *table, uint64_t hash,
                 bool (*is_it)(const void *item, const void *key), const void *key)
{
    if (!table->n_slots)
        return NULL;
    uint32_t mark = mark_of(hash);
    for (size_t at = slot_of(table, mark); table->items[at]; at = slot_behind(table, at))
        if (table->marks[at] == mark && is_it(table->items[at], key))
            return table->items[at];
    return NULL;
}

void *table_next(const struct table *table, size_t *at)
{
    while (*at < table->n_slots) {
        void *item = table->items[(*at)++];
        if (item)
            return item;
    }
    return NULL;
}

void table_free(struct table *table)
{
    free(table->items);
    free(table->marks);
    *table = (struct table)TABLE_INIT;
}
