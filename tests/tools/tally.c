/* The judge's book; see tally.h. */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1024, PRINTED_MISSING = 10 };

/* More than any test writes; a larger number is some other thing that looks like seq=. */
static const int64_t max_seq = (int64_t)1 << 32;

static const uint64_t hash_start = 0xcbf29ce484222325u;

static void *must_alloc(void *memory)
{
    if (memory)
        return memory;
    fputs("collect: no memory\n", stderr);
    exit(1);
}

static uint64_t hash_more(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_text(uint64_t hash, struct text text)
{
    hash = hash_more(hash, &text.len, sizeof text.len);
    return hash_more(hash, text.at, text.len);
}

/* ---- the table ---- */

static void table_grow(struct table *tab);

/* The value of key, made with value 0 if it was not there. */
static uint64_t *table_at(struct table *tab, uint64_t key, bool *is_new)
{
    uint64_t slot;

    if (tab->n_used * 2 >= tab->n_slots)
        table_grow(tab);
    slot = (key * 0x9e3779b97f4a7c15u) & (tab->n_slots - 1);
    while (tab->keys[slot] && tab->keys[slot] != key)
        slot = (slot + 1) & (tab->n_slots - 1);
    *is_new = tab->keys[slot] == 0;
    tab->n_used += *is_new;
    tab->keys[slot] = key;
    return &tab->values[slot];
}

static void table_grow(struct table *tab)
{
    struct table old = *tab;
    bool is_new;

    tab->n_slots = old.n_slots ? old.n_slots * 2 : FIRST_SLOTS;
    tab->n_used = 0;
    tab->keys = must_alloc(calloc(tab->n_slots, sizeof *tab->keys));
    tab->values = must_alloc(calloc(tab->n_slots, sizeof *tab->values));
    for (uint64_t i = 0; i < old.n_slots; i++)
        if (old.keys[i])
            *table_at(tab, old.keys[i], &is_new) = old.values[i];
    free(old.keys);
    free(old.values);
}

/* ---- lines ---- */

/* The number after "seq=", -1 if there is none. */
static int64_t find_seq(struct text message)
{
    const char *end = message.at + message.len;
    const char *p = message.at ? memmem(message.at, message.len, "seq=", 4) : NULL;
    int64_t seq = 0;

    if (!p || p + 4 == end || p[4] < '0' || p[4] > '9')
        return -1;
    for (p += 4; p < end && *p >= '0' && *p <= '9' && seq < max_seq; p++)
        seq = seq * 10 + (*p - '0');
    return seq < max_seq ? seq : -1;
}

static void make_room(struct tally *t, int64_t seq)
{
    int64_t n = t->n_ids ? t->n_ids : FIRST_SLOTS;

    if (seq < t->n_ids)
        return;
    while (n <= seq)
        n *= 2;
    t->ids = must_alloc(realloc(t->ids, (size_t)n * sizeof *t->ids));
    memset(t->ids + t->n_ids, 0, (size_t)(n - t->n_ids) * sizeof *t->ids);
    t->n_ids = n;
}

/* Note a numbered line; true when it is seen for the first time. */
static bool note_seq(struct tally *t, int64_t seq, const struct event *ev)
{
    uint64_t id = hash_text(hash_start, ev->id) | 1;

    make_room(t, seq);
    if (t->ids[seq]) {
        t->changed_ids += t->ids[seq] != id;
        return false;
    }
    t->ids[seq] = id;
    t->within += seq < t->expected;
    return true;
}

/* Note a line without number by its id, or else by its place and text. */
static bool note_other(struct tally *t, const struct event *ev)
{
    uint64_t key = hash_text(hash_start, ev->id);
    bool is_new;

    if (!ev->id.at) {
        key = hash_text(hash_text(key, ev->path), ev->inode);
        key = hash_text(hash_more(key, &ev->offset, sizeof ev->offset), ev->message);
    }
    (void)table_at(&t->other, key | 1, &is_new);
    return is_new;
}

/* Within a stream the first sightings must have growing numbers. By offset, the stream is one file. */
static void judge_order(struct tally *t, int32_t partition, const struct event *ev, int64_t seq)
{
    int64_t number = t->order == ORDER_SEQ ? seq : ev->offset;
    uint64_t key = hash_text(hash_more(hash_start, &partition, sizeof partition), ev->path);
    uint64_t *last;
    bool is_new;

    if (t->order == ORDER_NONE || number < 0)
        return;
    if (t->order == ORDER_OFFSET)
        key = hash_text(key, ev->inode);
    last = table_at(&t->last_seen, key | 1, &is_new);
    if (!is_new && (uint64_t)number <= *last)
        t->disordered++;
    else
        *last = (uint64_t)number;
}

void tally_event(struct tally *t, int32_t partition, const struct event *ev)
{
    int64_t seq = find_seq(ev->message);
    bool is_new = seq >= 0 ? note_seq(t, seq, ev) : note_other(t, ev);

    if (!is_new) {
        t->repeated++;
        return;
    }
    t->delivered++;
    judge_order(t, partition, ev, seq);
}

/* ---- the sentence ---- */

int64_t tally_lost(const struct tally *t)
{
    return t->expected < 0 ? 0 : t->expected - t->within;
}

void tally_print_missing(const struct tally *t)
{
    int printed = 0;

    if (tally_lost(t) == 0)
        return;
    fputs("missing:", stderr);
    for (int64_t seq = 0; seq < t->expected && printed < PRINTED_MISSING; seq++)
        if (seq >= t->n_ids || !t->ids[seq])
            printed += fprintf(stderr, " %lld", (long long)seq) > 0;
    fputs(tally_lost(t) > printed ? " ...\n" : "\n", stderr);
}

void tally_done(struct tally *t)
{
    free(t->ids);
    free(t->other.keys);
    free(t->other.values);
    free(t->last_seen.keys);
    free(t->last_seen.values);
}
