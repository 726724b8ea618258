/* sender.c: spool → lines → events → output, and verdicts → cursor.
 *
 * Happy path: lines are taken from the spool in order, each gets the next place in the window, becomes an event or part of one,
 * and is offered; when the verdict comes the places of its lines are done; the cursor moves over what is done at the front of
 * the window (window.c). How lines become events is told in weave.c.
 * Failure modes: (1) the output is busy, or the window is full: wait, keep the encoded events. (2) the output says `again`:
 * the spool is read once more from the cursor; the same lines fall on the same places, and those that are done are
 * passed over, so only what has no verdict is sent twice. (3) an event is refused for good: it goes to the dead letter file
 * first; if that cannot be written, everything stops and tries again. (4) the spool cannot be read: tried again. (5) the window
 * is full of what is done behind lines that a parser holds back: those are given on. So they are when queue.mem is full of it.
 * Where the output keeps marks (exactly-once), nothing is offered before it has said where to go on, and the cursor moves when it
 * has stored a mark, see mark.c.
 * Several senders on one output: a token says in its highest bits whose it is; who is asked first when there is room is the
 * one that was made last.
 * On close: nothing is waited for; the pipeline has drained or its deadline has passed.
 */
#include "sender.h"

#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>

enum { LINES_PER_TURN = 1024 };
#define RETRY_NS (1 * NS_PER_S)
#define HOLD_NS  (100 * NS_PER_MS) /* also when nothing is heard of what is waited for */

/* SENDERS_MAX of them. A place is known by its last bits: the window is much smaller. */
enum { NO_SHIFT = OUTPUT_TOKEN_BITS - 2 };
#define PLACE_MASK ((UINT64_C(1) << NO_SHIFT) - 1)

static const char *route_text(void *arg, unsigned route, const char *field)
{
    const struct sender *sender = arg;
    bool is_events = route >= events_route(sender);
    if (strcmp(field, "agent.type") == 0)
        return beat_of(sender, route);
    if (strcmp(field, "agent.id") == 0)
        return sender->agent.id;
    if (strcmp(field, "agent.name") == 0 || strcmp(field, "host.name") == 0)
        return sender->agent.name;
    if (strcmp(field, "input.id") == 0)
        return is_events ? NULL : sender->conf.settings->inputs[route].tail.id;
    return field_text(
        &sender->conf.settings->globals,
        is_events ? kind_of(sender, route)->labels : &sender->conf.settings->inputs[route], field);
}

/* ---- verdicts ---- */

void sender_go_to(struct sender *sender, struct spool_pos pos)
{
    weave_forget_before(&sender->weave, sender->win.first);
    spool_delivered(sender->conf.spool, pos);
    sender->conf.moved(sender->conf.arg);
}

void sender_move_cursor(struct sender *sender)
{
    struct spool_pos pos;
    if (!window_advance(&sender->win, sender->keeps_marks, &pos))
        return;
    if (!sender->keeps_marks)
        sender_go_to(sender, pos);
    else if (sender->win.passed > sender->mark.first) /* else the output has been told that */
        sender->output->settle(sender->self, false);
}

static bool bury_or_wait(struct sender *sender, const char *why, const char *bytes, size_t len)
{
    struct err err;
    struct dead_letter *dead = sender->conf.beside ? &sender->conf.beside->dead : &sender->dead;
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender",
                "an event of %zu bytes is refused (%s) and goes to %s", len, why, dead->path);
    if (dead_letter_append(dead, why, bytes, len, &err) == 0)
        return true;
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender", "dead letter: %s; delivery waits",
                err.text);
    loop_set_timer(sender->conf.loop, &sender->retry, RETRY_NS);
    return false;
}

static void take_verdict(void *arg, uint64_t token, enum verdict verdict, const char *why,
                         const char *bytes, size_t len)
{
    struct sender *sender = ((struct sender *)arg)->all[token >> NO_SHIFT];
    if (!sender)
        return;
    token = sender->win.first + ((token - sender->win.first) & PLACE_MASK);
    if (token >= sender->win.end)
        return; /* known already, from before it was sent again */
    struct place *place = window_place(&sender->win, token);
    if (place->is_done || !place->is_event)
        return;
    sender->win.n_out -= place->is_out;
    place->is_out = false;
    if (verdict == VERDICT_REFUSED && !bury_or_wait(sender, why, bytes, len))
        return;
    bool is_delivered = verdict == VERDICT_DELIVERED;
    is_delivered ? sender->stats.lines_delivered++ : sender->stats.lines_dead++;
    sender_settle(sender, token, is_delivered ? LEDGER_DELIVERED : LEDGER_DEAD);
    sender_move_cursor(sender);
    loop_defer(sender->conf.loop, &sender->pump); /* there is a place again, or this was the last */
}

/* ---- from the spool to the next line ---- */

/* 1 = there is an item, 0 = nothing more, -1 = cannot read now. */
static int need_item(struct sender *sender)
{
    struct err err;
    if (sender->weave.has_item)
        return 1;
    if (!sender->weave.is_kept && spool_reading(sender->conf.spool) >= sender->stop_seq)
        return 0;
    int rc = sender->weave.is_kept ? 1 : spool_next(sender->conf.spool, &sender->weave.item, &err);
    if (rc > 0 && weave_waits(sender)) {
        sender->weave.is_kept = true;
        loop_set_timer(sender->conf.loop, &sender->hold, HOLD_NS);
        return -1;
    }
    if (rc > 0)
        weave_begin(sender);
    if (rc < 0) {
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender", "read the spool: %s; tried again",
                    err.text);
        loop_set_timer(sender->conf.loop, &sender->retry, RETRY_NS);
    }
    return rc;
}

/* ---- pumping ---- */

/* All that is in memory has its verdict but for what parsers hold, and behind that, lines that have theirs: more can be read
 * only when it is given on. */
static bool holds_up_reading(const struct sender *sender)
{
    return spool_is_waited_for(sender->conf.spool) && sender->win.n_out == 0;
}

/* Nothing more is to be had now. Step over the records that are no items (new sources) if everything has its verdict. */
static void finish(struct sender *sender)
{
    struct spool_pos end = spool_readable_end(sender->conf.spool);
    sender->is_idle = !spool_pos_less(end, spool_end(sender->conf.spool));
    if (sender->keeps_marks && sender->stop_seq != UINT64_MAX)
        sender->output->settle(sender->self, true);
    if (sender->is_idle && (sender->weave.lets_go || holds_up_reading(sender)) &&
        weave_let_go_one(sender))
        loop_defer(sender->conf.loop, &sender->pump);
    if (sender->win.first == sender->win.next) {
        if (end.seq > sender->stop_seq)
            end.seq = sender->stop_seq;
        spool_delivered(sender->conf.spool, end);
        if (spool_is_drained(sender->conf.spool))
            stock_drained(sender);
    } else if (!sender_is_settled(sender)) {
        return;
    }
    sender->conf.moved(sender->conf.arg);
}

/* False if the output is busy. */
static bool offer(struct sender *sender)
{
    struct err err;
    struct weave *weave = &sender->weave;
    struct ready *ready = &weave->ready[weave->at_ready];
    struct place *place = window_place(&sender->win, ready->token);
    ready->offer.span = ready->has_span ? &ready->span : NULL;
    place->is_out = true;
    sender->win.n_out++;
    uint64_t token = (uint64_t)sender->no << NO_SHIFT | (ready->token & PLACE_MASK);
    if (sender->output->send(sender->self, &ready->offer, token, &err)) {
        place->is_out = false;
        sender->win.n_out--;
        ready_keep(ready);
        return false;
    }
    sender->stats.bytes_sent += ready->offer.len;
    weave->at_ready++;
    return true;
}

static bool offer_all(struct sender *sender)
{
    while (sender->weave.at_ready < sender->weave.n_ready)
        if (!offer(sender))
            return false;
    return true;
}

/* Is the oldest line without a verdict held back by a parser? All places before it are done, though an event of theirs may
 * reach beyond it. */
static bool is_held_up(const struct sender *sender)
{
    const struct window *win = &sender->win;
    const struct place *at = window_place(win, win->passed);
    return window_is_full(win) && win->passed < win->next && !at->is_done && at->reach == NO_PLACE;
}

/* The output gives verdicts in its own time, unless they are waited for. */
static void wait_for_place(struct sender *sender)
{
    if (sender->keeps_marks)
        sender->output->settle(sender->self, true);
}

static void pump(void *arg)
{
    struct sender *sender = arg;
    if (timer_is_set(&sender->retry) || sender->awaits_mark)
        return;
    for (int i = 0; i < LINES_PER_TURN; i++) {
        while (is_held_up(sender) && weave_let_go_one(sender))
            ;
        if (!offer_all(sender))
            return;
        if (window_is_full(&sender->win)) {
            wait_for_place(sender);
            return;
        }
        int rc = need_item(sender);
        if (rc == 0)
            finish(sender);
        if (rc <= 0)
            return;
        weave_line(sender);
        if (!offer_all(sender)) /* at once: it may be in memory of the output's */
            return;
    }
    loop_defer(sender->conf.loop, &sender->pump);
}

void sender_stop_at(struct sender *sender, uint64_t seq)
{
    sender->stop_seq = seq;
}

void sender_wake(struct sender *sender)
{
    sender->is_idle = false;
    loop_defer(sender->conf.loop, &sender->pump);
}

/* Log lines come last: there are always more of them. */
static void has_room(void *arg)
{
    struct sender *first = arg;
    for (int i = SENDERS_MAX - 1; i >= 0; i--)
        if (first->all[i])
            sender_wake(first->all[i]);
}

void sender_read_again(struct sender *sender)
{
    spool_rewind(sender->conf.spool);
    window_rewind(&sender->win);
    weave_rewind(sender);
    sender_wake(sender);
}

static void read_again(void *arg)
{
    sender_read_again(arg);
}

static void send_again(void *arg)
{
    struct sender *first = arg;
    for (int i = SENDERS_MAX - 1; i >= 0; i--) {
        if (!first->all[i])
            continue;
        window_forget_out(&first->all[i]->win);
        first->all[i]->mark.first = 0; /* that mark is not stored */
        sender_read_again(first->all[i]);
    }
}

/* ---- life ---- */

struct output_env sender_env(struct sender *sender)
{
    return (struct output_env) {
        .loop = sender->conf.loop,
        .wants_peers = sender->conf.settings->admin.enabled,
        .arg = sender,
        .n_routes = events_route(sender) + (unsigned)sender->conf.settings->n_kinds,
        .text = route_text,
        .known = sender_known,
        .verdict = take_verdict,
        .room = has_room,
        .again = send_again,
        .mark = sender_mark,
        .stored = sender_stored,
        .resume = sender_resume,
    };
}

static int join_output(struct sender *sender, struct err *err)
{
    struct sender *first = sender->conf.beside ? sender->conf.beside : sender;
    while (first->all[sender->no])
        sender->no++; /* there are fewer kinds than places */
    first->all[sender->no] = sender;
    sender->keeps_marks = sender->output->keeps_marks && sender->output->keeps_marks(sender->self);
    sender->awaits_mark = sender->keeps_marks;
    struct output_env env = sender_env(sender);
    return first == sender ? sender->output->open(sender->self, &env, err) : 0;
}

int sender_new(struct sender **out, const struct sender_config *conf, struct err *err)
{
    struct sender *sender = mem_zero(1, sizeof *sender);
    sender->conf = *conf;
    sender->output = conf->settings->output;
    sender->self = conf->settings->output_self;
    sender->stop_seq = UINT64_MAX;
    window_init(&sender->win);
    weave_init(sender);
    span_init(sender);
    sender->pump = (struct loop_task) {.run = pump, .arg = sender};
    sender->retry = (struct loop_timer) {.fire = read_again, .arg = sender};
    sender->hold = (struct loop_timer) {.fire = pump, .arg = sender};
    dead_letter_init(&sender->dead, conf->settings->globals.path_data);
    sender->agent = identity_agent(conf->identity, &conf->settings->globals);
    *out = sender;
    if (!conf->spool) /* for `test output` */
        return 0;
    stock_init(sender);
    if (join_output(sender, err)) {
        sender_free(sender);
        *out = NULL;
        return -1;
    }
    sender_wake(sender);
    return 0;
}

void sender_free(struct sender *sender)
{
    if (!sender)
        return;
    if (!sender->conf.beside)
        sender->output->close(sender->self); /* it may give verdicts */
    loop_drop_task(sender->conf.loop, &sender->pump);
    stock_free(sender);
    loop_cancel_timer(sender->conf.loop, &sender->retry);
    loop_cancel_timer(sender->conf.loop, &sender->hold);
    dead_letter_done(&sender->dead);
    weave_free(sender);
    window_free(&sender->win);
    free(sender);
}

bool sender_is_idle(const struct sender *sender)
{
    return sender_is_settled(sender) && sender->win.first == sender->win.next;
}

bool sender_is_settled(const struct sender *sender)
{
    return sender->is_idle && sender->win.n_out == 0 && !timer_is_set(&sender->retry) &&
           sender->weave.at_ready == sender->weave.n_ready;
}

void sender_let_go(struct sender *sender)
{
    if (sender->weave.lets_go)
        return;
    sender->weave.lets_go = true;
    sender_wake(sender);
}

const struct sender_stats *sender_stats(const struct sender *sender)
{
    return &sender->stats;
}

struct event_agent sender_agent(const struct sender *sender)
{
    return sender->agent;
}

const void *sender_output_stats(const struct sender *sender)
{
    return sender->output->stats ? sender->output->stats(sender->self) : NULL;
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct sender_stats, field), text                              \
    }
const struct stat_row sender_stat_rows[] = {
    ROW(lines_sent, "lines", "lines offered to the output"),
    ROW(lines_delivered, "lines", "lines the output has acknowledged"),
    ROW(lines_resent, "lines", "lines offered again because no verdict was known"),
    ROW(lines_dead, "lines", "lines that are dead letters"),
    ROW(lines_filtered, "lines", "events left out by a filter"),
    ROW(lines_truncated, "lines", "lines longer than message_max_bytes, cut"),
    ROW(bytes_sent, "bytes", "event bytes given to the output"),
    {0},
};
