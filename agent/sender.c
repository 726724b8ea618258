/* sender.c: spool → lines → events → output, and verdicts → cursor.
 *
 * Happy path: lines are taken from the spool in order, each gets the next place in the window, is encoded and offered; when
 * its verdict comes its place is done; the cursor moves over the run of done places at the front of the window.
 * Failure modes: (1) the output is busy, or the window is full: wait, keep the encoded event. (2) the output says `again`:
 * the spool is read once more from the cursor; the same lines fall on the same places, and those that are done are
 * passed over, so only what has no verdict is sent twice. (3) an event is refused for good: it goes to the dead letter file
 * first; if that cannot be written, everything stops and tries again. (4) the spool cannot be read: tried again.
 * On close: nothing is waited for; the pipeline has drained or its deadline has passed.
 */
#include "agent.h"

#include <posta/bytes.h>
#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>

enum { WINDOW_PLACES = 8192, LINES_PER_TURN = 1024 };
#define RETRY_NS (1 * NS_PER_S)

/* The window. Each line, and each item without lines, takes one place, in order:
 *
 *     first ............ next ............ end
 *     the cursor is      to be taken       behind the last place that
 *     just before it     next              was ever taken
 *
 * A place is taken (a line being encoded), out (the output owes a verdict), or done. After `again` next goes back to first and
 * the spool is read once more from the cursor; each item makes the same calls of take_place at every reading, so every line
 * falls on the place it had, and what is out or done is passed over.
 */
struct place {
    struct spool_pos end; /* the cursor when everything up to here is done */
    bool is_done;
    bool is_out; /* the output has it and owes a verdict */
};

struct sender {
    struct sender_config conf;
    const struct output *output;
    void *self; /* the output's */
    struct event_agent agent;
    struct encoder encoder;
    struct buf event; /* the encoded line that was not accepted yet */
    bool has_event;
    struct out_event offer; /* event, as it is offered */
    struct place *window;   /* ring: place n is window[n % WINDOW_PLACES] */
    uint64_t first, next,
        end; /* oldest without verdict before it; next to be offered; behind the last ever taken */
    struct spool_item item;
    struct lines lines;
    bool has_item;
    uint64_t stop_seq; /* nothing from this record on is offered; UINT64_MAX = no limit */
    bool is_idle;      /* the spool had nothing more */
    struct loop_task pump;
    struct loop_timer retry;
    struct dead_letter dead;
    struct sender_stats stats;
};

/* ---- which input ---- */

static unsigned route_of(const struct sender *sender, const struct source *src)
{
    const struct settings *set = sender->conf.settings;
    for (size_t i = 0; i < set->n_inputs; i++)
        if (strcmp(set->inputs[i].tail.id, src->input) == 0)
            return (unsigned)i;
    return 0; /* its input is not configured any more: the first one's fields are better than none */
}

static const char *route_text(void *arg, unsigned route, const char *field)
{
    const struct sender *sender = arg;
    if (strcmp(field, "agent.name") == 0 || strcmp(field, "host.name") == 0)
        return sender->agent.name;
    return field_text(&sender->conf.settings->globals, &sender->conf.settings->inputs[route],
                      field);
}

/* ---- verdicts ---- */

static void move_cursor(struct sender *sender)
{
    struct spool_pos pos = {0};
    while (sender->first < sender->next && sender->window[sender->first % WINDOW_PLACES].is_done)
        pos = sender->window[sender->first++ % WINDOW_PLACES].end;
    if (pos.seq == 0)
        return;
    spool_delivered(sender->conf.spool, pos);
    sender->conf.moved(sender->conf.arg);
}

static bool bury_or_wait(struct sender *sender, const char *why, const char *bytes, size_t len)
{
    struct err err;
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender",
                "an event of %zu bytes is refused (%s) and goes to %s", len, why,
                sender->dead.path);
    if (dead_letter_append(&sender->dead, why, bytes, len, &err) == 0)
        return true;
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender", "dead letter: %s; delivery waits",
                err.text);
    loop_set_timer(sender->conf.loop, &sender->retry, RETRY_NS);
    return false;
}

static void take_verdict(void *arg, uint64_t token, enum verdict verdict, const char *why,
                         const char *bytes, size_t len)
{
    struct sender *sender = arg;
    if (token < sender->first || token >= sender->end ||
        sender->window[token % WINDOW_PLACES].is_done)
        return; /* known already, from before it was sent again */
    sender->window[token % WINDOW_PLACES].is_out = false;
    if (verdict == VERDICT_REFUSED && !bury_or_wait(sender, why, bytes, len))
        return;
    verdict == VERDICT_REFUSED ? sender->stats.lines_dead++ : sender->stats.lines_delivered++;
    sender->window[token % WINDOW_PLACES].is_done = true;
    move_cursor(sender);
    loop_defer(sender->conf.loop, &sender->pump); /* there is a place again, or this was the last */
}

/* ---- from the spool to the next line ---- */

/* Take the next place. Returns true if the line or item for it must be (re)sent. */
static bool take_place(struct sender *sender, struct spool_pos end, bool is_line)
{
    uint64_t at = sender->next++;
    struct place *place = &sender->window[at % WINDOW_PLACES];
    if (at < sender->end) { /* it was taken before `again` */
        bool is_due = is_line && !place->is_done && !place->is_out;
        sender->stats.lines_resent += is_due;
        return is_due;
    }
    sender->end = sender->next;
    *place = (struct place) {.end = end, .is_done = !is_line};
    sender->stats.lines_sent += is_line;
    return is_line;
}

static void begin_item(struct sender *sender)
{
    struct spool_item *item = &sender->item;
    sender->has_item = true;
    sender->lines =
        (struct lines) {.bytes = item->chunk.bytes, .len = item->chunk.len, .at = item->skip};
    if (item->type != SPOOL_DATA)
        sender->lines.len = 0;
    if (sender->lines.len == 0)
        return;
    unsigned route = route_of(sender, item->src);
    sender->offer.route = route;
    sender->offer.order_key = (uint32_t)hash64(item->src->path, strlen(item->src->path));
    sender->offer.time_ms = item->chunk.read_ns / NS_PER_MS;
    encoder_begin(&sender->encoder, &sender->agent, &sender->conf.settings->inputs[route].event,
                  item->src, item->chunk.read_ns);
}

/* 1 = there is an item, 0 = nothing more, -1 = cannot read now. */
static int need_item(struct sender *sender)
{
    struct err err;
    if (sender->has_item)
        return 1;
    if (spool_reading(sender->conf.spool) >= sender->stop_seq)
        return 0;
    int rc = spool_next(sender->conf.spool, &sender->item, &err);
    if (rc > 0)
        begin_item(sender);
    if (rc < 0) {
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender", "read the spool: %s; tried again",
                    err.text);
        loop_set_timer(sender->conf.loop, &sender->retry, RETRY_NS);
    }
    return rc;
}

static void encode(struct sender *sender, const struct line *line, bool is_last)
{
    const struct chunk *chunk = &sender->item.chunk;
    bool is_cut = is_last && (chunk->flags & CHUNK_CUT);
    sender->stats.lines_truncated += encoder_line(
        &sender->encoder, line->text, line->len, chunk->from + line->start, is_cut, &sender->event);
    sender->offer.bytes = sender->event.data;
    sender->offer.len = sender->event.len;
    sender->has_event = true;
}

/* Bring one line to has_event, or pass over one place. Returns 1, or as need_item. */
static int advance(struct sender *sender)
{
    struct line line;
    int rc = need_item(sender);
    if (rc <= 0)
        return rc;
    const struct spool_item *item = &sender->item;
    if (!line_next(&sender->lines, &line)) { /* an item without lines: an end, a skipped range */
        sender->has_item = false;
        if (item->chunk.len == 0 || item->type != SPOOL_DATA)
            take_place(sender, (struct spool_pos) {.seq = item->seq + 1}, false);
        move_cursor(sender);
        return 1;
    }
    bool is_last = line.end == item->chunk.len;
    struct spool_pos end = {.seq = item->seq, .done = line.end};
    if (is_last)
        end = (struct spool_pos) {.seq = item->seq + 1};
    sender->has_item = !is_last;
    if (take_place(sender, end, true))
        encode(sender, &line, is_last);
    else
        move_cursor(sender);
    return 1;
}

/* ---- pumping ---- */

/* Everything has its verdict and nothing more is there: step over the records that are no items (new sources). */
static void finish(struct sender *sender)
{
    sender->is_idle = true;
    if (sender->first != sender->next)
        return;
    struct spool_pos end = spool_end(sender->conf.spool);
    if (end.seq > sender->stop_seq)
        end.seq = sender->stop_seq;
    spool_delivered(sender->conf.spool, end);
    sender->conf.moved(sender->conf.arg);
}

/* False if the output is busy. */
static bool offer(struct sender *sender)
{
    struct err err;
    struct place *place = &sender->window[(sender->next - 1) % WINDOW_PLACES];
    place->is_out = true;
    if (sender->output->send(sender->self, &sender->offer, sender->next - 1, &err))
        return place->is_out = false;
    sender->stats.bytes_sent += sender->offer.len;
    sender->has_event = false;
    return true;
}

static void pump(void *arg)
{
    struct sender *sender = arg;
    if (timer_is_set(&sender->retry))
        return;
    for (int i = 0; i < LINES_PER_TURN; i++) {
        if (sender->has_event && !offer(sender))
            return;
        if (sender->next - sender->first == WINDOW_PLACES)
            return;
        int rc = advance(sender);
        if (rc == 0)
            finish(sender);
        if (rc <= 0)
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

static void has_room(void *arg)
{
    sender_wake(arg);
}

static void read_again(void *arg)
{
    struct sender *sender = arg;
    spool_rewind(sender->conf.spool);
    sender->next = sender->first;
    sender->has_item = false;
    sender->has_event = false;
    sender_wake(sender);
}

static void send_again(void *arg)
{
    struct sender *sender = arg;
    for (uint64_t at = sender->first; at < sender->end; at++)
        sender->window[at % WINDOW_PLACES].is_out = false;
    read_again(sender);
}

/* ---- life ---- */

struct output_env sender_env(struct sender *sender)
{
    return (struct output_env) {
        .loop = sender->conf.loop,
        .arg = sender,
        .n_routes = (unsigned)sender->conf.settings->n_inputs,
        .text = route_text,
        .verdict = take_verdict,
        .room = has_room,
        .again = send_again,
    };
}

static void describe_agent(struct sender *sender)
{
    const struct agent_identity *id = sender->conf.identity;
    const char *name = sender->conf.settings->globals.name;
    sender->agent = (struct event_agent) {
        .beat = "filebeat",
        .version = POSTA_VERSION,
        .id = id->id,
        .ephemeral_id = id->ephemeral_id,
        .name = name && *name ? name : id->host,
    };
}

int sender_new(struct sender **out, const struct sender_config *conf, struct err *err)
{
    struct sender *sender = mem_zero(1, sizeof *sender);
    sender->conf = *conf;
    sender->output = conf->settings->output;
    sender->self = conf->settings->output_self;
    sender->encoder = (struct encoder)ENCODER_INIT;
    sender->stop_seq = UINT64_MAX;
    sender->window = mem_zero(WINDOW_PLACES, sizeof *sender->window);
    sender->pump = (struct loop_task) {.run = pump, .arg = sender};
    sender->retry = (struct loop_timer) {.fire = read_again, .arg = sender};
    dead_letter_init(&sender->dead, conf->settings->globals.path_data);
    describe_agent(sender);
    struct output_env env = sender_env(sender);
    *out = sender;
    if (!conf->spool) /* for `test output` */
        return 0;
    if (sender->output->open(sender->self, &env, err)) {
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
    sender->output->close(sender->self);
    loop_drop_task(sender->conf.loop, &sender->pump);
    loop_cancel_timer(sender->conf.loop, &sender->retry);
    dead_letter_done(&sender->dead);
    encoder_free(&sender->encoder);
    buf_free(&sender->event);
    free(sender->window);
    free(sender);
}

bool sender_is_idle(const struct sender *sender)
{
    return sender->is_idle && sender->first == sender->next && !sender->has_event;
}

const struct sender_stats *sender_stats(const struct sender *sender)
{
    return &sender->stats;
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
    ROW(lines_dead, "lines", "lines in the dead letter file"),
    ROW(lines_truncated, "lines", "lines longer than message_max_bytes, cut"),
    ROW(bytes_sent, "bytes", "event bytes given to the output"),
    {0},
};
