/* emit.c: events on their way from the parsers to the output: encoded, with the number of their last line, in order.
 *
 * Happy path: what parsers give is encoded with what its lines came from, and made ready; the sender offers it.
 * Failure modes: an event that was given before the spool was read again, and is done or with the output, is left out.
 * On close: what is ready and not offered is read again at the next start.
 */
#include "sender.h"

#include <posta/bytes.h>

#include <stdlib.h>

uint32_t order_key_of(const struct source *src)
{
    return (uint32_t)hash64(src->path, strlen(src->path));
}

/* ---- events that are ready ---- */

struct ready *ready_next(struct weave *weave)
{
    if (weave->at_ready == weave->n_ready)
        weave->at_ready = weave->n_ready = 0;
    if (weave->n_ready == weave->cap_ready) {
        weave->cap_ready = weave->cap_ready ? weave->cap_ready * 2 : 4;
        weave->ready = mem_grow(weave->ready, weave->cap_ready, sizeof *weave->ready);
        for (size_t i = weave->n_ready; i < weave->cap_ready; i++)
            weave->ready[i].json = (struct buf)BUF_INIT;
    }
    weave->ready[weave->n_ready].lent = NULL;
    return &weave->ready[weave->n_ready++];
}

void ready_keep(struct ready *ready)
{
    if (!ready->lent)
        return;
    buf_clear(&ready->json);
    buf_append(&ready->json, ready->lent, ready->lent_len);
    ready->lent = NULL;
    ready->offer.bytes = ready->json.data;
}

void ready_offer(struct ready *ready, uint64_t token, unsigned route, uint32_t order_key,
                 int64_t read_ns)
{
    ready->token = token;
    ready->has_span = false;
    ready->offer = (struct out_event) {.bytes = ready->lent ? ready->lent : ready->json.data,
                                       .len = ready->lent ? ready->lent_len : ready->json.len,
                                       .time_ms = read_ns / NS_PER_MS,
                                       .order_key = order_key,
                                       .route = route};
}

/* ---- where lines came from ---- */

void origin_begin(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    struct origin *origin = mem_zero(1, sizeof *origin);
    *origin = (struct origin) {.src = source_copy(weave->item.src),
                               .read_ns = weave->item.chunk.read_ns,
                               .route = weave->route,
                               .last = sender->win.next};
    if (weave->origins_end)
        weave->origins_end->next = origin;
    else
        weave->origins = origin;
    weave->origins_end = weave->origin = origin;
}

void weave_forget_before(struct weave *weave, uint64_t first)
{
    struct origin *origin;
    while ((origin = weave->origins) && origin->last < first && origin != weave->origin) {
        weave->origins = origin->next;
        if (weave->origins_end == origin)
            weave->origins_end = NULL;
        if (weave->held_origin == origin)
            weave->held_origin = NULL;
        source_free(origin->src);
        free(origin);
    }
}

void sender_begin_encoder(struct sender *sender, struct encoder *enc, unsigned route,
                          const struct source *src, int64_t read_ns)
{
    const struct input_settings *in = input_of(sender, route);
    enc->more = metadata_of_log(sender->conf.meta, in->metadata, src);
    encoder_begin(enc, &sender->agent, &in->event, src, read_ns);
}

/* The encoder for lines of this origin; NULL is the item at hand. */
static struct encoder *encoder_for(struct sender *sender, const struct origin *origin)
{
    struct weave *weave = &sender->weave;
    if (!origin || origin == weave->origin)
        return &weave->encoder;
    if (weave->held_origin != origin)
        sender_begin_encoder(sender, &weave->held_encoder, origin->route, origin->src,
                             origin->read_ns);
    weave->held_origin = origin;
    return &weave->held_encoder;
}

/* ---- what parsers give ---- */

static void make_ready(struct sender *sender, const struct record *rec, bool is_new)
{
    struct weave *weave = &sender->weave;
    const struct origin *origin = rec->origin;
    struct ready *ready = ready_next(weave);
    struct encoder *enc = encoder_for(sender, origin);
    sender->stats.lines_truncated += encoder_record(enc, rec, &ready->json);
    if (origin)
        ready_offer(ready, rec->last, origin->route, order_key_of(origin->src), origin->read_ns);
    else
        ready_offer(ready, rec->last, weave->route, weave->order_key, weave->item.chunk.read_ns);
    span_give(sender, ready, enc, rec->last, rec->offset, is_new);
}

/* An ended log has no next event that could say so. */
static void leave_out(struct sender *sender, const struct record *rec)
{
    if (!sender->win.spans)
        return;
    const struct origin *origin = rec->origin;
    const struct span *span = span_at(sender, rec->last);
    const struct strand *strand =
        origin ? strand_find(&sender->weave, origin->route, origin->src->no) : NULL;
    if (!origin || (strand && !strand->is_ended))
        span_leave_out(sender, span->source_no, rec->offset, span->to);
}

static void given(void *arg, struct record *rec)
{
    struct sender *sender = arg;
    struct place *place = window_place(&sender->win, rec->last);
    sender->weave.has_given = true;
    bool is_new = !place->is_event;
    if (is_new)
        window_complete(&sender->win, rec->last);
    if (place->is_done || place->is_out)
        return; /* from before the spool was read again */
    if (rec->flags & RECORD_DROPPED) {
        sender->stats.lines_filtered++;
        leave_out(sender, rec);
        sender_settle(sender, rec->last, LEDGER_FILTERED);
        sender_move_cursor(sender);
        return;
    }
    is_new ? sender->stats.lines_sent++ : sender->stats.lines_resent++;
    make_ready(sender, rec, is_new);
}

static void joined(void *arg, uint64_t before, uint64_t after)
{
    struct sender *sender = arg;
    window_join(&sender->win, before, after);
    span_join(sender, before, after, sender->weave.line_offset);
}

struct emit weave_emit(struct sender *sender)
{
    return (struct emit) {.arg = sender, .give = given, .join = joined};
}
