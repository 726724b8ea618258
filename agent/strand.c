/* strand.c: logs whose parsers hold something back until more lines come; see sender.h.
 *
 * Happy path: a log's strand is made with its first line, holds what its parsers hold, and goes when its end is read and nothing
 * is held. The next generation of the log takes over what goes on in it.
 * Failure modes: no line comes: what is held is given on when the log was quiet for its parsers' timeout and nothing of it is in
 * the spool; the log was truncated or has vanished, or a younger generation has begun with something else: at its end.
 * On close: what is held is forgotten; its lines are not behind the cursor.
 */
#include "sender.h"

#include <stdlib.h>

#define ASK_AGAIN_NS (50 * NS_PER_MS)

struct strand *strand_find(const struct weave *weave, unsigned route, uint32_t source_no)
{
    struct strand *strand = weave->strands;
    while (strand && !(strand->source_no == source_no && strand->route == route))
        strand = strand->next;
    return strand;
}

/* The youngest generation of a log that is older than `than`, which may be NULL. */
static struct strand *generation_before(const struct weave *weave, unsigned route, const char *path,
                                        const struct strand *than)
{
    struct strand *strand = than ? than->next : weave->strands;
    while (strand &&
           !(strand->route == route && !strand->is_healed && strcmp(strand->path, path) == 0))
        strand = strand->next;
    return strand;
}

void strand_add(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    const struct source *src = weave->item.src;
    struct strand *strand = mem_zero(1, sizeof *strand);
    bool is_healed = src->flags & SOURCE_HEALED;
    struct strand *older =
        is_healed ? NULL : generation_before(weave, weave->route, src->path, NULL);
    *strand = (struct strand) {.route = weave->route,
                               .source_no = src->no,
                               .path = mem_dup(src->path),
                               .is_healed = is_healed,
                               .state = chain_state_new(chain_of_input(sender, weave->route)),
                               .older = older && older->held_bytes ? older : NULL,
                               .next = weave->strands};
    weave->strand = weave->strands = strand;
}

void strand_free(struct sender *sender, struct strand *strand)
{
    struct weave *weave = &sender->weave;
    struct strand **at = &weave->strands;
    while (*at != strand)
        at = &(*at)->next;
    *at = strand->next;
    for (struct strand *other = weave->strands; other; other = other->next)
        if (other->older == strand)
            other->older = NULL;
    if (weave->strand == strand)
        weave->strand = NULL;
    weave->held_bytes -= strand->held_bytes;
    chain_state_free(chain_of_input(sender, strand->route), strand->state);
    free(strand->path);
    free(strand);
}

static void watch_quiet(struct sender *sender, int64_t after_ns)
{
    struct loop_timer *timer = &sender->weave.quiet;
    int64_t at_ns = loop_now(sender->conf.loop) + after_ns;
    if (!timer_is_set(timer) || timer->at_ns > at_ns)
        loop_set_timer(sender->conf.loop, timer, after_ns);
}

/* It took a line, gave something on, or lost what it held to its successor. */
void strand_note(struct sender *sender, struct strand *strand, bool took_line)
{
    struct weave *weave = &sender->weave;
    const struct chain *chain = chain_of_input(sender, strand->route);
    size_t held = chain_held_bytes(chain, strand->state);
    weave->held_bytes += held - strand->held_bytes;
    if (held && (!strand->held_bytes || (took_line && weave->has_given)))
        strand->since = sender->win.next - 1;
    strand->held_bytes = held;
    if (held && took_line) {
        strand->due_ns = loop_now(sender->conf.loop) + chain_timeout_ns(chain);
        strand->due_seq = 0;
        watch_quiet(sender, chain_timeout_ns(chain));
    }
}

void strand_flush(struct sender *sender, struct strand *strand, uint64_t last)
{
    const struct emit emit = weave_emit(sender);
    chain_flush(chain_of_input(sender, strand->route), strand->state, last, &emit);
    strand_note(sender, strand, false);
}

void strand_let_go(struct sender *sender, struct strand *strand)
{
    strand_flush(sender, strand, PLACE_ALL);
    if (strand->is_ended)
        strand_free(sender, strand);
}

bool weave_let_go_one(struct sender *sender)
{
    struct strand *oldest = NULL;
    for (struct strand *strand = sender->weave.strands; strand; strand = strand->next)
        if (strand->held_bytes && (!oldest || strand->since < oldest->since))
            oldest = strand;
    if (oldest)
        strand_let_go(sender, oldest);
    return oldest != NULL;
}

/* Was its log quiet, and is nothing of it in the spool that was not read yet? */
static bool is_due(struct sender *sender, struct strand *strand, int64_t *wait_ns)
{
    int64_t left_ns = strand->due_ns - loop_now(sender->conf.loop);
    if (left_ns <= 0 && strand->due_seq == 0)
        strand->due_seq = spool_end(sender->conf.spool).seq;
    if (left_ns <= 0 && (sender->is_idle || spool_reading(sender->conf.spool) >= strand->due_seq))
        return true;
    left_ns = left_ns > ASK_AGAIN_NS ? left_ns : ASK_AGAIN_NS;
    *wait_ns = *wait_ns < 0 || left_ns < *wait_ns ? left_ns : *wait_ns;
    return false;
}

void strand_quiet(void *arg)
{
    struct sender *sender = arg;
    int64_t wait_ns = -1;
    for (struct strand *strand = sender->weave.strands, *next; strand; strand = next) {
        next = strand->next;
        if (strand->held_bytes && is_due(sender, strand, &wait_ns))
            strand_let_go(sender, strand);
    }
    if (wait_ns >= 0)
        watch_quiet(sender, wait_ns);
    loop_defer(sender->conf.loop, &sender->pump);
}

/* ---- the end of a log ---- */

void strand_end(struct sender *sender, unsigned route)
{
    struct weave *weave = &sender->weave;
    const struct spool_item *item = &weave->item;
    struct strand *strand = strand_find(weave, route, item->src->no);
    if (!strand)
        return;
    bool has_successor = false;
    for (struct strand *young = weave->strands; young != strand; young = young->next)
        has_successor |= young->has_begun && !young->is_healed && young->route == route &&
                         strcmp(young->path, strand->path) == 0;
    strand->is_ended = true;
    if (strand->is_healed || item->proof == END_TRUNCATED || item->proof == END_VANISHED ||
        has_successor || strand->held_bytes == 0)
        strand_let_go(sender, strand);
}
