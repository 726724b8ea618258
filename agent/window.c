/* window.c: places of lines on their way to a verdict, and how far the cursor may go; see sender.h.
 *
 * Happy path: lines take places in order, events are done in any order, the cursor follows over what is done.
 * Failure modes: an event that is held back keeps its places open: the window may become full of others that are done; the sender
 * gives on then what is held. Verdicts for places of before `again` are known as done.
 * On close: nothing is kept; what is not behind the cursor is read again.
 */
#include "sender.h"

#include <stdlib.h>

void window_init(struct window *win)
{
    *win = (struct window) {.at = mem_zero(WINDOW_PLACES, sizeof *win->at)};
}

void window_free(struct window *win)
{
    free(win->at);
    free(win->spans);
    free(win->stored);
    win->at = NULL;
    win->spans = NULL;
    win->stored = NULL;
}

static bool bit_of(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static void bit_set(uint8_t *bits, uint64_t i)
{
    bits[i / 8] |= (uint8_t)(1 << i % 8);
}

static void bit_clear(uint8_t *bits, uint64_t i)
{
    bits[i / 8] &= (uint8_t) ~(1 << i % 8);
}

/* A number in the ring is of a place in the window. */
static uint64_t unwrap(const struct window *win, uint16_t in_ring)
{
    return win->first + (in_ring + WINDOW_PLACES - win->first % WINDOW_PLACES) % WINDOW_PLACES;
}

/* Was it done before this start? */
static bool take_stored(struct window *win, uint64_t n)
{
    uint64_t i = n - win->stored_first;
    if (i < WINDOW_PLACES)
        return bit_of(win->stored, i);
    free(win->stored);
    win->stored = NULL;
    return false;
}

void window_restore(struct window *win, const uint8_t bits[static WINDOW_PLACES / 8])
{
    win->stored = mem_zero(1, WINDOW_PLACES / 8);
    memcpy(win->stored, bits, WINDOW_PLACES / 8);
    win->stored_first = win->next;
}

bool window_take(struct window *win, struct spool_pos end)
{
    uint64_t n = win->next++;
    if (n < win->end)
        return true;
    win->end = win->next;
    if (win->spans)
        win->spans[n % WINDOW_PLACES] = (struct span) {.to = 0};
    struct place *place = window_place(win, n);
    *place = (struct place) {.end = end, .before = NO_PLACE, .reach = NO_PLACE};
    if (win->stored && take_stored(win, n)) {
        place->reach = (uint16_t)(n % WINDOW_PLACES);
        place->is_done = true;
    }
    return false;
}

void window_join(struct window *win, uint64_t before, uint64_t after)
{
    window_place(win, after)->before = (uint16_t)(before % WINDOW_PLACES);
}

uint64_t window_before(const struct window *win, uint64_t n)
{
    uint16_t before = window_place(win, n)->before;
    return before == NO_PLACE ? NO_LINE : unwrap(win, before);
}

void window_complete(struct window *win, uint64_t n)
{
    uint64_t reach = n;
    for (uint64_t at = n; at != NO_LINE; at = window_before(win, at))
        reach = at > reach ? at : reach;
    for (uint64_t at = n; at != NO_LINE; at = window_before(win, at))
        window_place(win, at)->reach = (uint16_t)(reach % WINDOW_PLACES);
    window_place(win, n)->is_event = true;
}

void window_done(struct window *win, uint64_t n)
{
    for (uint64_t at = n; at != NO_LINE; at = window_before(win, at))
        window_place(win, at)->is_done = true;
}

/* Passes over one more place that is done. True if the cursor may stand behind it. */
static bool pass(const struct window *win, uint64_t *passed, uint64_t *reach)
{
    uint64_t n = (*passed)++, its = unwrap(win, window_place(win, n)->reach);
    *reach = its > *reach ? its : *reach;
    return *reach <= n;
}

bool window_advance(struct window *win, bool is_held, struct spool_pos *pos)
{
    bool may_move = false;
    while (win->passed < win->next && window_place(win, win->passed)->is_done) {
        if (!pass(win, &win->passed, &win->reach))
            continue;
        *pos = window_place(win, win->passed - 1)->end;
        win->first = is_held ? win->first : win->passed;
        may_move = true;
    }
    return may_move;
}

/* Which places are done when everything that is out has arrived, from first on. */
static void note_done(const struct window *win, struct window_mark *mark)
{
    for (uint64_t n = win->first; n < win->end; n++) {
        const struct place *place = window_place(win, n);
        if (place->is_done)
            bit_set(mark->bits, n - win->first);
        for (uint64_t at = n; place->is_out && at != NO_LINE; at = window_before(win, at))
            bit_set(mark->bits, at - win->first);
    }
}

/* Bits count from the cursor on. */
static void shift_bits(struct window_mark *mark, uint64_t by, uint64_t n_bits)
{
    for (uint64_t i = 0; i < n_bits; i++) {
        bool is_done = i + by < n_bits && bit_of(mark->bits, i + by);
        is_done ? bit_set(mark->bits, i) : bit_clear(mark->bits, i);
        mark->n_bits = is_done ? i + 1 : mark->n_bits;
    }
}

void window_mark(const struct window *win, struct window_mark *mark)
{
    uint64_t passed = win->first, reach = 0;
    *mark = (struct window_mark) {.first = win->first};
    note_done(win, mark);
    while (passed < win->next && bit_of(mark->bits, passed - win->first)) {
        if (!pass(win, &passed, &reach))
            continue;
        mark->pos = window_place(win, passed - 1)->end;
        mark->first = passed;
    }
    shift_bits(mark, mark->first - win->first, win->end - win->first);
}

bool window_stored(struct window *win, const struct window_mark *mark)
{
    win->first = mark->first > win->first ? mark->first : win->first;
    win->passed = win->passed > win->first ? win->passed : win->first;
    return win->next >= win->first;
}

/* An event that reaches over the limit begins behind it from now on. */
static void cut_chains(struct window *win, uint64_t first)
{
    for (uint64_t n = first; n < win->end; n++) {
        uint64_t before = window_before(win, n);
        if (before != NO_LINE && before < first)
            window_place(win, n)->before = NO_PLACE;
    }
}

void window_give_up(struct window *win, struct spool_pos to)
{
    uint64_t first = win->first;
    while (first < win->end && !spool_pos_less(to, window_place(win, first)->end))
        win->n_out -= window_place(win, first++)->is_out;
    cut_chains(win, first);
    win->first = first;
}

void window_rewind(struct window *win)
{
    win->next = win->passed = win->first;
    win->reach = 0;
}

void window_forget_out(struct window *win)
{
    for (uint64_t n = win->first; n < win->end; n++)
        window_place(win, n)->is_out = false;
    win->n_out = 0;
}
