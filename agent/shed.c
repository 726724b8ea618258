/* shed.c: the spool is full and its oldest lines are to go (queue.disk.at_limit: drop_oldest).
 *
 * Happy path: what is in the oldest segment and has no verdict is counted, line by line and byte by byte; the window lets go of
 * its places, the cursor moves behind the segment, which is deleted, and the spool is read again from there. Lines beyond keep
 * their places.
 * Failure modes: there is only one segment, or it cannot be read to count: nothing is given up, and the spool stays full. An
 * event that the output had already may still arrive; it counts as dropped.
 * On close: nothing.
 */
#include "sender.h"

#include <posta/log.h>

#include <stdlib.h>
#include <string.h>

struct toll {
    struct sender *sender;
    uint64_t at; /* the first place that is not counted */
    uint64_t n_lines, n_bytes;
    struct tally *rows; /* the same for each row of the ledger; NULL = there is none */
};

static void count_row(struct toll *toll, unsigned row, uint64_t bytes, uint64_t lines)
{
    if (!toll->rows)
        return;
    toll->rows[row].bytes += bytes;
    toll->rows[row].lines += lines;
}

/* Of this record's bytes before it. */
static uint64_t end_in_record(const struct place *place, uint64_t seq, size_t len)
{
    return place->end.seq == seq ? place->end.done : len;
}

static bool is_of_record(const struct place *place, uint64_t seq)
{
    return place->end.seq == seq || (place->end.seq == seq + 1 && place->end.done == 0);
}

/* The lines that have places. Returns where the rest begins. */
static uint64_t count_places(struct toll *toll, uint64_t seq, size_t len, size_t skip)
{
    const struct window *win = &toll->sender->win;
    uint64_t from = skip;
    for (; toll->at < win->end; toll->at++) {
        const struct place *place = window_place(win, toll->at);
        if (!is_of_record(place, seq))
            break;
        uint64_t to = end_in_record(place, seq, len);
        toll->n_lines += !place->is_done;
        toll->n_bytes += place->is_done ? 0 : to - from;
        if (!place->is_done)
            count_row(toll, place->row, place->n_bytes, place->is_line);
        from = to;
    }
    return from;
}

/* Places of items without lines are at their end too. */
static void pass_places_before(struct toll *toll, uint64_t seq)
{
    const struct window *win = &toll->sender->win;
    const struct spool_pos begin = {.seq = seq};
    while (toll->at < win->end && !spool_pos_less(begin, window_place(win, toll->at)->end))
        toll->at++;
}

static void count_record(void *arg, const struct spool_item *item)
{
    struct toll *toll = arg;
    struct sender *sender = toll->sender;
    pass_places_before(toll, item->seq);
    if (item->chunk.len == 0)
        return;
    stock_meet(sender, item);
    size_t from = (size_t)count_places(toll, item->seq, item->chunk.len, (size_t)item->skip);
    uint64_t n_bytes = item->chunk.len - from;
    uint64_t n_lines = chunk_lines(
        sender->conf.has_events ? NULL : settings_input(sender->conf.settings, item->src),
        &item->chunk, from);
    toll->n_bytes += n_bytes;
    toll->n_lines += n_lines;
    count_row(toll, stock_row(sender, item->src), n_bytes, n_lines);
}

/* Those of before this start that nobody has counted are damaged. */
static void book(struct toll *toll, uint64_t end_seq)
{
    struct sender *sender = toll->sender;
    struct stock *stock = &sender->stock;
    for (unsigned row = 0; toll->rows && row < sender->conf.ledger->n_rows; row++)
        ledger_add(sender->conf.ledger, row, LEDGER_DROPPED_OLDEST, toll->rows[row].bytes,
                   toll->rows[row].lines);
    if (stock->counted_seq < end_seq && stock->counted_seq < stock->start_seq)
        stock->counted_seq = end_seq < stock->start_seq ? end_seq : stock->start_seq;
}

static void say_dropped(struct sender *sender)
{
    const struct spool_stats *stats = spool_stats(sender->conf.spool);
    if (dropping_is_said(&sender->said_ns))
        return;
    char *share =
        mem_printf("the %s' share of the spool is full", event_lanes[sender->conf.lane].what);
    log_error("pipeline", "%s: its oldest lines are dropped, %llu lines (%llu bytes) in all",
              sender->conf.has_events ? share
                                      : "the spool is full (queue.disk.at_limit: drop_oldest)",
              (unsigned long long)stats->dropped_lines, (unsigned long long)stats->dropped_bytes);
    free(share);
}

bool sender_drop_oldest(struct sender *sender)
{
    struct err err;
    struct toll toll = {.sender = sender, .at = sender->win.first};
    uint64_t end_seq = spool_oldest_end(sender->conf.spool);
    uint64_t before = spool_stats(sender->conf.spool)->disk_bytes;
    if (end_seq == 0)
        return false;
    if (sender->conf.ledger)
        toll.rows = mem_zero(sender->conf.ledger->n_rows, sizeof *toll.rows);
    int rc = spool_walk(sender->conf.spool, end_seq, count_record, &toll, &err);
    if (rc == 0)
        book(&toll, end_seq);
    free(toll.rows);
    if (rc) {
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "pipeline",
                    "the oldest lines cannot be counted, so they stay: %s", err.text);
        return false;
    }
    window_give_up(&sender->win, (struct spool_pos) {.seq = end_seq});
    spool_give_up(sender->conf.spool, end_seq, toll.n_lines, toll.n_bytes);
    sender_read_again(sender);
    say_dropped(sender);
    sender->conf.moved(sender->conf.arg);
    return spool_stats(sender->conf.spool)->disk_bytes < before; /* else it could not be deleted */
}
