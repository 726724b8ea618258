/* ending.c: the end of a generation as an event, for an output that wants it.
 *
 * Happy path: the place of the spool's END record gets an event, behind all lines of the generation that are not held back.
 * Failure modes: as with a line: no verdict, and it is offered again, under the same place and id.
 * On close: nothing.
 */
#include "sender.h"

static bool is_wanted(const struct sender *sender)
{
    const struct output *output = sender->output;
    return !sender->conf.has_events && output->wants_ends && output->wants_ends(sender->self);
}

static void encode(struct sender *sender, uint64_t n, bool is_new, int64_t now_ns, struct buf *json)
{
    struct weave *weave = &sender->weave;
    const struct spool_item *item = &weave->item;
    sender_begin_encoder(sender, &weave->encoder, weave->route, item->src, now_ns);
    span_line(sender, n, item->end_offset);
    struct out_span span = span_of(sender, &weave->encoder, n, item->end_offset, is_new);
    const struct event_end end = {.offset = item->end_offset,
                                  .proof = end_proof_name(item->proof),
                                  .lost_bytes = item->lost_bytes,
                                  .left_out_bytes = span.left_out};
    encoder_end(&weave->encoder, &end, json);
}

bool ending_offer(struct sender *sender, uint64_t n, unsigned route)
{
    struct weave *weave = &sender->weave;
    const struct spool_item *item = &weave->item;
    struct place *place = window_place(&sender->win, n);
    bool is_new = !place->is_event;
    if (!is_wanted(sender) || (item->src->flags & SOURCE_HEALED))
        return false;
    if (is_new)
        window_complete(&sender->win, n);
    if (place->is_done || place->is_out)
        return true;
    int64_t now_ns = clock_wall_ns();
    struct ready *ready = ready_next(weave);
    weave->route = route;
    encode(sender, n, is_new, now_ns, &ready->json);
    ready_offer(ready, n, route, order_key_of(item->src), now_ns);
    return true;
}
