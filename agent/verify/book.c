/* book.c: the generations of all logs that were met in the events, and what has come of each.
 *
 * Happy path: events of a log come in order, each goes on where the last one ended.
 * Failure modes: bytes that have not come are a gap until they come; what comes again is counted.
 * On close: book_free.
 */
#include "verify.h"

#include <posta/bytes.h>

#include <stdio.h>
#include <stdlib.h>

static bool has_key(const void *item, const void *key)
{
    return memcmp(((const struct generation *)item)->key, key, EVENT_KEY_LEN) == 0;
}

static struct generation *find_or_add(struct book *book, const struct facts *facts)
{
    uint64_t hash = hash64(facts->key, EVENT_KEY_LEN);
    struct generation *gen = table_find(&book->table, hash, has_key, facts->key);
    if (gen)
        return gen;
    gen = mem_zero(1, sizeof *gen);
    memcpy(gen->key, facts->key, sizeof gen->key);
    gen->path = mem_dup(facts->path.len ? buf_str(&book->facts.path) : "(no log.file.path)");
    table_put(&book->table, hash, gen);
    return gen;
}

/* ---- one event ---- */

static uint64_t missing(const struct generation *gen)
{
    return ranges_end(&gen->ranges) - gen->ranges.bytes;
}

static void count(struct generation *gen, const struct facts *facts, struct change_note *note)
{
    uint64_t missed = missing(gen);
    bool is_first = gen->n_events == 0;
    note->range = facts->range;
    note->gen = gen;
    if (ranges_add(&gen->ranges, facts->range) > 0) {
        gen->n_repeats++;
        gen->repeating++;
        note->change = gen->repeating == 1 ? CHANGE_REPEAT : CHANGE_NONE;
        return;
    }
    note->n_repeats = gen->repeating;
    gen->repeating = 0;
    gen->n_events++;
    gen->left_out += facts->left_out;
    gen->n_unproven += facts->is_unproven;
    if (missing(gen) > missed || (is_first && facts->range.from > 0)) {
        if (ranges_gap_before(&gen->ranges, facts->range.from, &note->range))
            note->change = CHANGE_GAP;
    } else if (missing(gen) < missed) {
        note->change = CHANGE_FILLED;
    }
}

/* A file that has grown behind its end ends again. */
static void take_generation_end(struct generation *gen, const struct facts *facts)
{
    gen->n_repeats += gen->proof[0] && gen->end >= facts->range.to;
    if (gen->proof[0] && gen->end > facts->range.to)
        return;
    gen->end = facts->range.to;
    gen->lost = facts->lost;
    snprintf(gen->proof, sizeof gen->proof, "%.*s", (int)facts->proof.len - 2, facts->proof.at + 1);
    if (facts->left_out > 0 && ranges_add(&gen->ranges, facts->range) == 0)
        gen->left_out += facts->left_out;
}

struct change_note book_add(struct book *book, const struct delivered *event)
{
    struct change_note note = {.change = CHANGE_NONE};
    enum facts_kind kind = facts_read(&book->facts, event, book->infers);
    switch (kind) {
    case FACTS_OTHER:
        book->n_other++;
        return note;
    case FACTS_BAD:
        book->n_bad++;
        note.change = CHANGE_BAD;
        return note;
    default:
        break;
    }
    struct generation *gen = find_or_add(book, &book->facts);
    gen->is_cut |= gen->n_events == 0 && event->is_cut;
    if (kind == FACTS_END)
        take_generation_end(gen, &book->facts);
    else
        count(gen, &book->facts, &note);
    return note;
}

/* ---- what is in it ---- */

static int compare(const void *a, const void *b)
{
    const struct generation *one = *(const struct generation *const *)a;
    const struct generation *other = *(const struct generation *const *)b;
    int order = strcmp(one->path, other->path);
    return order ? order : strcmp(one->key, other->key);
}

const struct generation **book_sort(const struct book *book, size_t *n)
{
    const struct generation **all = mem_zero(book->table.n_used + 1, sizeof *all);
    const struct generation *gen;
    size_t at = 0;
    *n = 0;
    while ((gen = table_next(&book->table, &at)))
        all[(*n)++] = gen;
    qsort(all, *n, sizeof *all, compare);
    return all;
}

enum beginning book_begins(const struct book *book, const struct generation *gen)
{
    uint64_t from = gen->ranges.n ? gen->ranges.at[0].from : 0;
    const struct generation *other;
    size_t at = 0;
    if (from == 0)
        return BEGINS_AT_0;
    if (gen->is_cut)
        return BEGINS_CUT;
    while ((other = table_next(&book->table, &at)))
        if (other != gen && ranges_end(&other->ranges) == from)
            return BEGINS_COPY;
    return BEGINS_MISSING;
}

bool generation_is_ended(const struct generation *gen)
{
    return gen->proof[0] && ranges_end(&gen->ranges) <= gen->end + 1;
}

/* What a message without a terminator has assumed of one is not there. */
static bool lacks_its_end(const struct generation *gen)
{
    const struct ranges *ranges = &gen->ranges;
    if (!generation_is_ended(gen) || gen->end == 0)
        return false;
    if (ranges->n == 0)
        return !gen->is_cut;
    return !range_reaches(&ranges->at[ranges->n - 1], gen->end);
}

bool generation_gap(const struct book *book, const struct generation *gen, size_t i,
                    struct range *gap)
{
    const struct range *at = gen->ranges.at;
    bool is_last = i == gen->ranges.n;
    if (is_last ? !lacks_its_end(gen) : i == 0 && book_begins(book, gen) != BEGINS_MISSING)
        return false;
    *gap = (struct range) {.from = i > 0 ? at[i - 1].to : 0, .to = is_last ? gen->end : at[i].from};
    return true;
}

void book_free(struct book *book)
{
    size_t at = 0;
    struct generation *gen;
    while ((gen = table_next(&book->table, &at))) {
        ranges_free(&gen->ranges);
        free(gen->path);
        free(gen);
    }
    table_free(&book->table);
    facts_free(&book->facts);
}
