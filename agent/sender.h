/* sender.h: what the files of the sender share: sender.c offers and pumps, window.c keeps places and the cursor, weave.c
 * and emit.c make events of lines, span.c knows which bytes they stand for, shed.c gives up the oldest, mark.c says
 * where delivery stands. Only they include it.
 *
 *     spool ─ item ─ line ──► place ──► parsers ──► event ──► ready ──► output
 *                                          │ held back: its places stay open, the cursor stays before them
 */
#ifndef AGENT_SENDER_H
#define AGENT_SENDER_H

#include "agent.h"

#include <posta/table.h>

/* ---- window.c: the places ---- */

enum { WINDOW_PLACES = 8192 };
#define NO_PLACE UINT16_MAX

/* The window. Each line, and each item without lines, takes one place, in order:
 *
 *     first ............ next ............ end
 *     the cursor is      to be taken       behind the last place that
 *     just before it     next              was ever taken
 *
 * A place is open (a line being made into an event, or held back by a parser until more lines come), out (the output owes a
 * verdict for the event whose last line it is), or done. An event of several lines has the number of its last one as token;
 * its places are linked from the last to the first, and are done together. The cursor moves over done places, but never stops
 * between two lines of one event: after a restart parsers must find whole events.
 *
 * After `again` next goes back to first and the spool is read once more from the cursor; each item takes the same number of
 * places at every reading, so every line falls on the place it had, and what is out or done is passed over.
 */
struct place {
    struct spool_pos end; /* the cursor when everything up to here is done */
    uint16_t before; /* the line before it in its event, in the ring; NO_PLACE = it is the first */
    uint16_t
        reach; /* the last line of its event, in the ring; NO_PLACE = its event is not complete */
    bool is_event : 1; /* an event has it as token */
    bool is_out : 1;   /* the output has the event and owes a verdict */
    bool is_done : 1;
    bool is_line : 1; /* else it is of an item without lines; the rest is of a line: */
    uint16_t row;     /* in the ledger */
    uint32_t n_bytes; /* with its end */
    uint32_t read_cs; /* see stock_time */
};

/* Of a line, and of the event whose last one it is; see span.c. */
struct span {
    uint64_t to;       /* its log is in the event up to here, without a hole */
    uint64_t left_out; /* so many bytes before the event were left out */
    uint32_t source_no;
};

struct window {
    struct place *at;   /* ring: place n is at[n % WINDOW_PLACES] */
    struct span *spans; /* the same; NULL where the output does not want to know */
    uint64_t first, next, end;
    uint64_t passed; /* first .. passed - 1 are done, but an event of theirs may reach beyond */
    uint64_t reach;  /* how far their events reach */
    uint64_t n_out;
    uint8_t
        *stored; /* which of the places from stored_first on were done before this start; or NULL */
    uint64_t stored_first;
};

void window_init(struct window *win);
void window_free(struct window *win);
/* Take the next place. Its number is win->next - 1 afterwards. Returns true if it was taken before `again`. */
bool window_take(struct window *win, struct spool_pos end);
static inline struct place *window_place(const struct window *win, uint64_t n)
{
    return &win->at[n % WINDOW_PLACES];
}
static inline bool window_is_full(const struct window *win)
{
    return win->next - win->first == WINDOW_PLACES;
}
/* The line `after` is of the same event as `before`, behind it. */
void window_join(struct window *win, uint64_t before, uint64_t after);
/* The line before n in its event; NO_LINE if n is the first. */
#define NO_LINE (UINT64_MAX - 1)
uint64_t window_before(const struct window *win, uint64_t n);
/* The event whose last line is n is complete. */
void window_complete(struct window *win, uint64_t n);
/* All places of the event n are done. */
void window_done(struct window *win, uint64_t n);
/* Pass over what is done. True if the cursor may go to *pos; first goes there, unless it is held. */
bool window_advance(struct window *win, bool is_held, struct spool_pos *pos);

/* The place up to which everything is done when all that is out has arrived, and which places beyond it are done then too. */
struct window_mark {
    uint64_t first;       /* first will be this */
    struct spool_pos pos; /* seq 0: the cursor stays where it is */
    uint64_t n_bits;      /* behind the last place beyond it that is done */
    uint8_t bits[WINDOW_PLACES / 8];
};
void window_mark(const struct window *win, struct window_mark *mark);
/* All of it has arrived, and first goes there. False if the places before it were just being read again: begin there. */
bool window_stored(struct window *win, const struct window_mark *mark);
/* Of the places that are taken next, these were done before this start. */
void window_restore(struct window *win, const uint8_t bits[static WINDOW_PLACES / 8]);
/* The places up to this position are given up, whatever the output owes for them. */
void window_give_up(struct window *win, struct spool_pos to);
/* Everything is to be read again. */
void window_rewind(struct window *win);
/* The output has forgotten everything. */
void window_forget_out(struct window *win);

/* ---- weave.c: lines → events ---- */

/* Where the lines of one chunk came from, for records that are held back. Lives as long as one of its places is in the window. */
struct origin {
    struct source *src; /* a copy */
    int64_t read_ns;
    unsigned route;
    uint64_t last; /* the last place taken by its lines */
    struct origin *next;
};

/* One log, from creation to end, whose parsers hold records back. */
struct strand {
    unsigned route;
    uint32_t source_no;
    char *path;
    struct chain_state *state;
    struct strand *older; /* the generation before, while it holds something */
    bool is_ended;        /* its last line was read */
    bool has_begun;       /* its first line was read */
    bool is_healed;       /* a range of a log that was read again: no generation of it */
    size_t held_bytes;
    uint64_t since;   /* the place that was taken when it began to hold something */
    int64_t due_ns;   /* when what it holds is to be given on */
    uint64_t due_seq; /* not before the spool is read up to here; 0 = not known yet */
    struct strand *next;
};

/* Events that the output has not taken yet, in order. */
struct ready {
    struct buf json;
    char *lent; /* where the event is instead, in memory of the output's; NULL = it is in json */
    size_t lent_len;
    uint64_t token;
    struct out_event offer;
    struct out_span span;
    bool has_span;
};

struct weave {
    struct spool_item item;
    unsigned row;     /* of its lines, in the ledger */
    uint32_t read_cs; /* when they were read */
    struct lines lines;
    bool has_item;
    bool is_kept;  /* the item is not begun yet: more is to be known of its log */
    bool is_plain; /* the item's lines are events as they are */
    unsigned route;
    uint32_t order_key;
    struct encoder encoder;               /* of the item's lines */
    struct encoder held_encoder;          /* of lines of items before */
    const struct origin *held_origin;     /* whom held_encoder is set up for */
    struct origin *origins, *origins_end; /* oldest first */
    struct origin *origin;                /* the item's; NULL if its lines are not held back */
    struct strand *strands;
    struct strand *strand; /* the item's */
    size_t held_bytes;
    bool has_given;       /* the parsers gave something since the line at hand was taken */
    uint64_t line_offset; /* of the line at hand, in its file */
    struct loop_timer quiet;
    struct decoder **decoders; /* two for each input: little and big endian */
    struct buf text;           /* of the line, decoded */
    struct fields fields;      /* of the line at hand */
    struct ready *ready;
    size_t n_ready, at_ready, cap_ready;
    bool lets_go;          /* nothing more will come: what is held is given on when all is read */
    struct table left_out; /* of struct left_out; see span.c */
};

/* ---- stock.c: what the ledger is told ---- */

struct stock {
    struct spool_census *census; /* NULL = nothing is to be counted */
    struct loop_task task;
    uint64_t start_seq;   /* records before it are of before this start, */
    uint64_t counted_seq; /* and before this one they are in the ledger, or delivered before */
    struct latency latency;
    int64_t turn_ns; /* of this wake-up: */
    uint32_t turn_cs;
    int64_t oldest_ns; /* when the data at this record was read; 0 = not known */
    uint64_t oldest_seq;
};
void stock_init(struct sender *sender);
void stock_free(struct sender *sender);
/* The output has said where to go on: what is waiting is counted anew. */
void stock_restart(struct sender *sender);
/* Count it, if it is of before this start and nobody has. */
void stock_meet(struct sender *sender, const struct spool_item *item);
unsigned stock_row(const struct sender *sender, const struct source *src);
bool stock_is_row_of(const struct sender *sender, unsigned row);
/* A line of the item at hand has taken this place. */
void stock_take(struct sender *sender, struct place *place, size_t n_bytes);
/* This became of the event n: all its places are done. */
void sender_settle(struct sender *sender, uint64_t n, enum ledger_term term);
/* Nothing is in the spool that has no verdict. */
void stock_drained(struct sender *sender);
/* Hundredths of a second since the epoch, going around after 497 days. */
static inline uint32_t stock_time(int64_t wall_ns)
{
    return (uint32_t)(wall_ns / (10 * NS_PER_MS));
}

/* ---- sender.c ---- */

struct sender {
    struct sender_config conf;
    const struct output *output;
    void *self;                      /* the output's */
    struct sender *all[SENDERS_MAX]; /* who opened the output: the senders on it, itself first */
    unsigned no;                     /* of this one in there */
    struct event_agent agent;
    struct window win;
    struct weave weave;
    struct stock stock;
    uint64_t stop_seq;       /* nothing from this record on is offered; UINT64_MAX = no limit */
    bool is_idle;            /* the spool had nothing more */
    bool keeps_marks;        /* the output does: the cursor moves when it has stored one */
    bool awaits_mark;        /* it has not said yet where to go on */
    struct window_mark mark; /* that it was given last */
    uint64_t n_marks;        /* made by all senders on this output; the first one's counts */
    struct loop_task pump;
    struct loop_timer retry, hold;
    struct dead_letter dead;
    int64_t said_ns; /* when it was last said that lines are dropped; 0 = never */
    struct sender_stats stats;
};

/* Places are done. */
void sender_move_cursor(struct sender *sender);
/* Everything up to there is delivered; the window has moved. */
void sender_go_to(struct sender *sender, struct spool_pos pos);
/* Read the spool again from the cursor; what is out or done keeps its place. */
void sender_read_again(struct sender *sender);

/* The first route of ready events, behind those of the inputs: one for each kind. */
static inline unsigned events_route(const struct sender *sender)
{
    return (unsigned)sender->conf.settings->n_inputs;
}
static inline const struct sample_kind *kind_of(const struct sender *sender, unsigned route)
{
    return &sender->conf.settings->kinds[route - events_route(sender)];
}
/* agent.type */
static inline const char *beat_of(const struct sender *sender, unsigned route)
{
    bool is_events = route >= events_route(sender);
    return is_events ? event_lanes[kind_of(sender, route)->lane].beat : sender->agent.beat;
}
static inline const struct input_settings *input_of(const struct sender *sender, unsigned route)
{
    return &sender->conf.settings->inputs[route];
}
static inline const struct chain *chain_of_input(const struct sender *sender, unsigned route)
{
    return &input_of(sender, route)->chain;
}

/* ---- mark.c: where delivery stands, for an output that stores it with the events; see output_env ---- */

void sender_mark(void *arg, struct buf *into);
void sender_stored(void *arg);
int sender_resume(void *arg, const char *mark, struct err *err) MUST_CHECK;
/* What a mark says of the spool with this uuid. 1 = its place (mark->first is not set), 0 = nothing, -1 = it cannot be read. */
int mark_read(const char *text, const char *uuid, struct window_mark *mark);

/* ---- known.c; see output_env ---- */

void sender_known(void *arg, unsigned route, struct buf *json);

/* ---- strand.c: logs that hold something ---- */

struct strand *strand_find(const struct weave *weave, unsigned route, uint32_t source_no);
/* For the log of the item at hand; it becomes weave.strand. */
void strand_add(struct sender *sender);
void strand_free(struct sender *sender, struct strand *strand);
/* Its parsers were given a line, or have given something on: see what they hold now. */
void strand_note(struct sender *sender, struct strand *strand, bool took_line);
/* Give on the record whose last line this is, or all with PLACE_ALL. */
void strand_flush(struct sender *sender, struct strand *strand, uint64_t last);
/* Give on everything; an ended log's strand is freed. */
void strand_let_go(struct sender *sender, struct strand *strand);
/* The item at hand is the end of a log. */
void strand_end(struct sender *sender, unsigned route);
/* Timer: give on what quiet logs hold. arg: the sender. */
void strand_quiet(void *arg);
/* Give on what the log that waits longest holds. False if nothing is held. */
bool weave_let_go_one(struct sender *sender);

/* ---- emit.c: events that are ready ---- */

/* For lines of this log, with what is known of it now. */
void sender_begin_encoder(struct sender *sender, struct encoder *enc, unsigned route,
                          const struct source *src, int64_t read_ns);
/* Events of one path stay in order. */
uint32_t order_key_of(const struct source *src);
/* One more behind those that are ready; its json is to be filled, or what is lent to it. */
struct ready *ready_next(struct weave *weave);
/* Out of memory of the output's, which is not ours for long. */
void ready_keep(struct ready *ready);
void ready_offer(struct ready *ready, uint64_t token, unsigned route, uint32_t order_key,
                 int64_t read_ns);
/* Remember where the lines of the item at hand come from, for records that are held back. */
void origin_begin(struct sender *sender);
/* What takes records from parsers. */
struct emit weave_emit(struct sender *sender);
/* The cursor has moved: origins of places before it are not needed any more. */
void weave_forget_before(struct weave *weave, uint64_t first);

/* ---- span.c: which bytes of a log an event stands for ---- */

/* Nothing of this costs anything where the output does not want spans. */
void span_init(struct sender *sender);
static inline struct span *span_at(const struct sender *sender, uint64_t n)
{
    return &sender->win.spans[n % WINDOW_PLACES];
}
/* The line at the place n, of the item at hand, ends at this offset of its file. */
void span_line(struct sender *sender, uint64_t n, uint64_t end);
/* The line at hand goes into the record whose last line was `before`. */
void span_join(struct sender *sender, uint64_t before, uint64_t after, uint64_t offset);
/* No event stands for these bytes, on purpose: the next event of the log says so. */
void span_leave_out(struct sender *sender, uint32_t source_no, uint64_t from, uint64_t to);
/* Of the event at the place n, which begins at the offset and reaches to its span's end. */
struct out_span span_of(struct sender *sender, const struct encoder *enc, uint64_t n,
                        uint64_t offset, bool is_new);
/* The same, for the output. */
void span_give(struct sender *sender, struct ready *ready, const struct encoder *enc, uint64_t n,
               uint64_t offset, bool is_new);
/* The log has ended. */
void span_forget(struct sender *sender, uint32_t source_no);
void span_free(struct sender *sender);

/* ---- ending.c ---- */

/* Make the event of the end that is at hand, at this place. False if it is to have none. */
bool ending_offer(struct sender *sender, uint64_t n, unsigned route);

/* ---- weave.c ---- */

void weave_init(struct sender *sender);
void weave_free(struct sender *sender);
/* Is the item at hand to wait until more is known of its log? */
bool weave_waits(struct sender *sender);
/* A new item of the spool is in weave.item. */
void weave_begin(struct sender *sender);
/* Take the next line of the item, or end it: has_item is false then. */
void weave_line(struct sender *sender);
/* Forget everything that is held and ready: it is read again from the cursor. */
void weave_rewind(struct sender *sender);

#endif
