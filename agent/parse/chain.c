/* chain.c: parsers one behind the other; see parse.h.
 *
 * Happy path: what a parser gives is taken by the next; what the last gives goes to the caller, and so does what any of them
 * drops.
 * Failure modes: none; parsers give on what they cannot understand.
 * On close: chain_free; the states of logs before it.
 */
#include "parse.h"

#include <stdlib.h>

struct stage_state {
    void *state;
    bool has_begun; /* a record has reached the stage */
};

struct chain_state {
    struct stage_state at[1]; /* chain->n */
};

/* A place in the chain: what is given here goes to stage `next`. */
struct place {
    const struct chain *chain;
    struct chain_state *state, *older;
    size_t next;
    const struct emit *out;
};

void chain_add(struct chain *chain, const struct parser *parser, void *self)
{
    chain->stages = mem_grow(chain->stages, chain->n + 1, sizeof *chain->stages);
    chain->stages[chain->n++] = (struct stage) {.parser = parser, .self = self};
    chain->holds |= parser->state_size > 0;
}

void chain_free(struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        chain->stages[i].parser->close(chain->stages[i].self);
        free(chain->stages[i].self);
    }
    free(chain->stages);
    *chain = (struct chain) {.n = 0};
}

struct chain_state *chain_state_new(const struct chain *chain)
{
    struct chain_state *state = mem_zero(1, sizeof *state + chain->n * sizeof(struct stage_state));
    for (size_t i = 0; i < chain->n; i++)
        if (chain->stages[i].parser->state_size)
            state->at[i].state = mem_zero(1, chain->stages[i].parser->state_size);
    return state;
}

void chain_state_free(const struct chain *chain, struct chain_state *state)
{
    if (!state)
        return;
    for (size_t i = 0; i < chain->n; i++)
        if (state->at[i].state) {
            chain->stages[i].parser->free_state(state->at[i].state);
            free(state->at[i].state);
        }
    free(state);
}

/* ---- the way through ---- */

static void give_on(void *arg, struct record *rec);

static void join_on(void *arg, uint64_t before, uint64_t after)
{
    const struct place *place = arg;
    place->out->join(place->out->arg, before, after);
}

static void *older_of(const struct place *place)
{
    struct stage_state *mine = place->state ? &place->state->at[place->next] : NULL;
    if (!mine || !mine->state)
        return NULL;
    bool is_first = !mine->has_begun;
    mine->has_begun = true;
    return is_first && place->older ? place->older->at[place->next].state : NULL;
}

static void give_on(void *arg, struct record *rec)
{
    const struct place *place = arg;
    if (place->next == place->chain->n || (rec->flags & RECORD_DROPPED)) {
        place->out->give(place->out->arg, rec);
        return;
    }
    const struct stage *stage = &place->chain->stages[place->next];
    struct place behind = *place;
    behind.next++;
    const struct emit emit = {.arg = &behind, .give = give_on, .join = join_on};
    void *state = place->state ? place->state->at[place->next].state : NULL;
    stage->parser->take(stage->self, state, older_of(place), rec, &emit);
}

void chain_take(const struct chain *chain, struct chain_state *state, struct chain_state *older,
                struct record *rec, const struct emit *out)
{
    struct place first = {.chain = chain, .state = state, .older = older, .next = 0, .out = out};
    give_on(&first, rec);
}

void chain_begin(const struct chain *chain, struct chain_state *state)
{
    for (size_t i = 0; i < chain->n; i++)
        state->at[i].has_begun = true;
}

bool chain_has_begun(const struct chain *chain, const struct chain_state *state)
{
    for (size_t i = 0; i < chain->n; i++)
        if (state->at[i].state && !state->at[i].has_begun)
            return false;
    return true;
}

static void flush_stage(const struct chain *chain, struct chain_state *state, size_t i,
                        uint64_t last, const struct emit *out)
{
    const struct stage *stage = &chain->stages[i];
    struct place behind = {.chain = chain, .state = state, .next = i + 1, .out = out};
    const struct emit emit = {.arg = &behind, .give = give_on, .join = join_on};
    if (state->at[i].state)
        stage->parser->flush(stage->self, state->at[i].state, last, &emit);
}

/* The last stage first: what an earlier one lets go of then is not added to what came before it. */
void chain_flush(const struct chain *chain, struct chain_state *state, uint64_t last,
                 const struct emit *out)
{
    for (size_t i = chain->n; i-- > 0;) {
        flush_stage(chain, state, i, last, out);
        for (size_t k = i + 1; k < chain->n; k++)
            flush_stage(chain, state, k, last, out);
    }
}

size_t chain_held_bytes(const struct chain *chain, const struct chain_state *state)
{
    size_t bytes = 0;
    for (size_t i = 0; state && i < chain->n; i++)
        if (state->at[i].state)
            bytes += chain->stages[i].parser->held_bytes(state->at[i].state);
    return bytes;
}

int64_t chain_timeout_ns(const struct chain *chain)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < chain->n; i++)
        if (chain->stages[i].parser->timeout_ns) {
            int64_t one = chain->stages[i].parser->timeout_ns(chain->stages[i].self);
            least = one < least ? one : least;
        }
    return least;
}
