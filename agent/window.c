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
    win->at = NULL;
    win->spans = NULL;
}

struct place *window_place(const struct window *win, uint64_t n)
{
    return &win->at[n % WINDOW_PLACES];
}

/* A number in the ring is of a place in the window. */
static uint64_t unwrap(const struct window *win, uint16_t in_ring)
{
    return win->first + (in_ring + WINDOW_PLACES - win->first % WINDOW_PLACES) % WINDOW_PLACES;
}

bool window_take(struct window *win, struct spool_pos end)
{
    uint64_t n = win->next++;
    if (n < win->end)
        return true;
    win->end = win->next;
    if (win->spans)
        win->spans[n % WINDOW_PLACES] = (struct span) {.to = 0};
    *window_place(win, n) = (struct place) {.end = end, .before = NO_PLACE, .reach = NO_PLACE};
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

bool window_advance(struct window *win, struct spool_pos *pos)
{
    bool has_moved = false;
    for (; win->passed < win->next && window_place(win, win->passed)->is_done; win->passed++) {
        uint64_t reach = unwrap(win, window_place(win, win->passed)->reach);
        win->reach = reach > win->reach ? reach : win->reach;
        if (win->reach > win->passed)
            continue;
        *pos = window_place(win, win->passed)->end;
        win->first = win->passed + 1;
        has_moved = true;
    }
    return has_moved;
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
