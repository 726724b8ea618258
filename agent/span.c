/* span.c: which bytes of its log an event stands for, so that who reads the events can prove that none is missing.
 *
 * Happy path: a line's event stands for the line and its terminator, a message of several lines for all of them. Bytes that
 * have no event on purpose (filtered, the rest of an over-long line) are remembered, and said with the next event of the log.
 * Failure modes: a line that goes into a message of another generation, or not right behind its lines, is said to be left
 * out of its own log; that message stands for its first lines. What was left out just before posta ends is not said.
 * On close: what is remembered is forgotten.
 */
#include "sender.h"

#include <stdlib.h>

struct left_out {
    uint32_t source_no;
    uint64_t from, to;
};

static bool is_of(const void *item, const void *key)
{
    return ((const struct left_out *)item)->source_no == *(const uint32_t *)key;
}

static struct left_out *find(const struct sender *sender, uint32_t source_no)
{
    const struct table *table = &sender->weave.left_out;
    return table->n_used ? table_find(table, source_no, is_of, &source_no) : NULL;
}

void span_init(struct sender *sender)
{
    if (sender->output->wants_spans && sender->output->wants_spans(sender->self))
        sender->win.spans = mem_zero(WINDOW_PLACES, sizeof *sender->win.spans);
}

void span_forget(struct sender *sender, uint32_t source_no)
{
    struct left_out *left = find(sender, source_no);
    if (!left)
        return;
    table_drop(&sender->weave.left_out, source_no, left);
    free(left);
}

void span_free(struct sender *sender)
{
    size_t at = 0;
    void *left;
    while ((left = table_next(&sender->weave.left_out, &at)))
        free(left);
    table_free(&sender->weave.left_out);
}

void span_leave_out(struct sender *sender, uint32_t source_no, uint64_t from, uint64_t to)
{
    if (!sender->win.spans)
        return;
    struct left_out *left = find(sender, source_no);
    if (!left) {
        left = mem_zero(1, sizeof *left);
        *left = (struct left_out) {.source_no = source_no, .from = from, .to = from};
        table_put(&sender->weave.left_out, source_no, left);
    }
    if (left->to != from)
        left->from = from;
    left->to = to;
}

void span_line(struct sender *sender, uint64_t n, uint64_t end)
{
    if (!sender->win.spans)
        return;
    span_at(sender, n)->source_no = sender->weave.item.src->no;
    span_at(sender, n)->to = end;
}

void span_join(struct sender *sender, uint64_t before, uint64_t after, uint64_t offset)
{
    if (!sender->win.spans)
        return;
    const struct span *first = span_at(sender, before);
    struct span *last = span_at(sender, after);
    bool is_at_hand = after == sender->win.next - 1; /* else it has joined others before */
    if (!is_at_hand || (first->source_no == last->source_no && first->to == offset))
        return;
    span_leave_out(sender, last->source_no, offset, last->to);
    last->source_no = first->source_no;
    last->to = first->to;
}

struct out_span span_of(struct sender *sender, const struct encoder *enc, uint64_t n,
                        uint64_t offset, bool is_new)
{
    struct span *at = span_at(sender, n);
    struct out_span span = {.end = at->to};
    struct left_out *left = is_new ? find(sender, at->source_no) : NULL;
    if (left && left->to == offset) {
        at->left_out = left->to - left->from;
        span_forget(sender, at->source_no);
    }
    span.left_out = at->left_out;
    encoder_id(enc, offset, span.id);
    return span;
}

void span_give(struct sender *sender, struct ready *ready, const struct encoder *enc, uint64_t n,
               uint64_t offset, bool is_new)
{
    ready->has_span = sender->win.spans != NULL;
    if (ready->has_span)
        ready->span = span_of(sender, enc, n, offset, is_new);
}
