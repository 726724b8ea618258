/* weave.c: lines of the spool → events, through the parsers of their input; see sender.h.
 *
 * Happy path: an input without parsers: a line is an event. With parsers: a line becomes a record, and what the parsers give is
 * encoded and made ready, under the number of its last line. The next generation of a log takes over what the one before holds,
 * if its first line goes on with it.
 * Failure modes: what is held is given on when its log is quiet, when all together hold more than HELD_BYTES, when the window is
 * full, when the log was truncated or has vanished, and when a younger generation has begun with something else. When the spool
 * is read again, lines that are done are passed over; an event that was given on early is given on behind the same line.
 * On close: what is held is not given on: its lines are before the cursor's end and are read again at the next start.
 */
#include "sender.h"

#include <posta/bytes.h>
#include <posta/log.h>

#include <stdlib.h>

enum { HELD_BYTES = 32 * 1024 * 1024 };

/* ---- which input ---- */

static unsigned route_of(const struct sender *sender, const struct source *src)
{
    const struct settings *set = sender->conf.settings;
    const struct input_settings *in = settings_input(set, src);
    return in ? (unsigned)(in - set->inputs)
              : 0; /* not configured any more: the first one's fields are better than none */
}

/* ---- items ---- */

/* So are the lines of an input that is not configured any more: nobody says how to read them. */
static bool is_plain(const struct input_settings *in, const struct source *src)
{
    if (strcmp(in->tail.id, src->input) != 0)
        return true;
    return in->chain.n == 0 && in->tail.encoding <= CHARSET_PLAIN &&
           in->tail.line_terminator <= TERMINATOR_AUTO;
}

static struct decoder *decoder_for(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    bool is_big = weave->item.chunk.flags & CHUNK_BIG_ENDIAN;
    int charset = input_of(sender, weave->route)->tail.encoding;
    struct err err;
    if (charset <= CHARSET_PLAIN)
        return NULL;
    struct decoder **dec = &weave->decoders[2 * weave->route + is_big];
    if (!*dec && decoder_new(dec, charset, is_big, &err))
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "sender", "%s; lines are taken as UTF-8",
                    err.text);
    return *dec;
}

/* The order of bytes that the file has, not that of the encoding's name. */
const struct line_end *input_line_end(const struct input_settings *in, const struct chunk *chunk)
{
    static struct line_end swapped;
    const struct tail_input *conf = &in->tail;
    enum charset_order order =
        conf->encoding > CHARSET_PLAIN ? charset_order(conf->encoding) : ORDER_NONE;
    bool is_big = chunk->flags & CHUNK_BIG_ENDIAN;
    if (order == ORDER_NONE || is_big == (order == ORDER_BIG))
        return &conf->line_end;
    swapped = line_end_swapped(&conf->line_end);
    return &swapped;
}

static void begin_lines(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    const struct input_settings *in = input_of(sender, weave->route);
    const struct chunk *chunk = &weave->item.chunk;
    weave->is_plain = is_plain(in, weave->item.src);
    if (!weave->is_plain) {
        weave->lines.end = input_line_end(in, chunk);
        weave->lines.offset = chunk->from;
        weave->lines.keeps_cr =
            in->tail.line_terminator > TERMINATOR_AUTO || decoder_for(sender) != NULL;
    }
    if (weave->is_plain || !in->chain.holds)
        return;
    origin_begin(sender);
    weave->strand = strand_find(weave, weave->route, weave->item.src->no);
    if (!weave->strand)
        strand_add(sender);
    weave->strand->is_ended = false; /* it was, if the file has grown again */
}

/* Not when posta goes: what is known by then is told. */
bool weave_waits(struct sender *sender)
{
    const struct spool_item *item = &sender->weave.item;
    if (!sender->conf.meta || sender->conf.has_events || item->type != SPOOL_DATA ||
        sender->stop_seq != UINT64_MAX)
        return false;
    const struct input_settings *in = input_of(sender, route_of(sender, item->src));
    return metadata_waits(sender->conf.meta, in->metadata, item->src);
}

void weave_begin(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    struct spool_item *item = &weave->item;
    weave->has_item = true;
    weave->is_kept = false;
    weave->origin = NULL;
    weave->strand = NULL;
    weave->lines =
        (struct lines) {.bytes = item->chunk.bytes, .len = item->chunk.len, .at = item->skip};
    if (item->type != SPOOL_DATA)
        weave->lines.len = 0;
    if (item->type == SPOOL_END)
        strand_end(sender, route_of(sender, item->src));
    if (weave->lines.len == 0)
        return;
    stock_meet(sender, item);
    weave->row = stock_row(sender, item->src);
    weave->read_cs = stock_time(item->chunk.read_ns);
    weave->is_plain = sender->conf.has_events;
    weave->route = weave->is_plain
                       ? events_route(sender) + kinds_find(sender->conf.settings, item->src)
                       : route_of(sender, item->src);
    weave->order_key = order_key_of(item->src);
    if (sender->conf.has_events)
        return;
    sender_begin_encoder(sender, &weave->encoder, weave->route, item->src, item->chunk.read_ns);
    begin_lines(sender);
}

/* An item without lines: an end, a skipped range. */
static void take_empty(struct sender *sender)
{
    const struct spool_item *item = &sender->weave.item;
    bool is_again = window_take(&sender->win, (struct spool_pos) {.seq = item->seq + 1});
    uint64_t n = sender->win.next - 1;
    bool is_end = item->type == SPOOL_END;
    if (!is_again && !is_end && (item->chunk.flags & CHUNK_SKIPPED))
        span_leave_out(sender, item->src->no, item->chunk.from, item->chunk.to);
    bool is_event = is_end && ending_offer(sender, n, route_of(sender, item->src));
    if (is_end)
        span_forget(sender, item->src->no);
    if (is_event)
        return;
    window_complete(&sender->win, n);
    window_done(&sender->win, n);
}

static void end_item(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    const struct spool_item *item = &weave->item;
    weave->has_item = false;
    if (item->chunk.len == 0 || item->type != SPOOL_DATA)
        take_empty(sender);
    sender_move_cursor(sender);
}

/* ---- lines ---- */

static void skip_mark(uint64_t offset, const char **text, size_t *len)
{
    if (offset > 0 || *len < 3 || memcmp(*text, "\xef\xbb\xbf", 3) != 0)
        return;
    *text += 3;
    *len -= 3;
}

/* In memory of the output's, if it has some. */
static bool encode_line(struct sender *sender, struct ready *ready, const char *text, size_t len,
                        uint64_t offset, bool is_cut)
{
    const struct encoder *enc = &sender->weave.encoder;
    ready->lent = sender->output->memory
                      ? sender->output->memory(sender->self, encoder_room(enc, len))
                      : NULL;
    if (!ready->lent)
        return encoder_line(enc, text, len, offset, is_cut, &ready->json);
    char *end = encoder_line_at(enc, text, len, offset, &is_cut, ready->lent);
    ready->lent_len = (size_t)(end - ready->lent);
    return is_cut;
}

/* As it is where it is an event already. */
static void encode_plain(struct sender *sender, struct ready *ready, const struct line *line,
                         bool is_cut)
{
    struct weave *weave = &sender->weave;
    const char *text = line->text;
    size_t len = line->len;
    uint64_t offset = weave->item.chunk.from + line->start;
    if (sender->conf.has_events) {
        buf_clear(&ready->json);
        buf_append(&ready->json, text, len);
        return;
    }
    skip_mark(offset, &text, &len);
    sender->stats.lines_truncated += encode_line(sender, ready, text, len, offset, is_cut);
}

static void plain_line(struct sender *sender, uint64_t n, const struct line *line, bool is_cut)
{
    struct weave *weave = &sender->weave;
    struct place *place = window_place(&sender->win, n);
    bool is_new = !place->is_event;
    place->is_event = true;
    place->reach = (uint16_t)(n % WINDOW_PLACES);
    if (place->is_done || place->is_out) {
        sender_move_cursor(sender);
        return;
    }
    is_new ? sender->stats.lines_sent++ : sender->stats.lines_resent++;
    struct ready *ready = ready_next(weave);
    encode_plain(sender, ready, line, is_cut);
    ready_offer(ready, n, weave->route, weave->order_key, weave->item.chunk.read_ns);
    if (sender->conf.has_events)
        return;
    uint64_t from = weave->item.chunk.from;
    span_line(sender, n, from + line->end);
    span_give(sender, ready, &weave->encoder, n, from + line->start, is_new);
}

static void decode(struct sender *sender, const struct line *line, uint64_t offset,
                   struct record *rec)
{
    struct weave *weave = &sender->weave;
    struct decoder *dec = decoder_for(sender);
    rec->text = line->text;
    rec->len = line->len;
    if (dec) {
        buf_clear(&weave->text);
        decoder_append(dec, line->text, line->len, &weave->text);
        rec->text = weave->text.data ? weave->text.data : "";
        rec->len = weave->text.len;
        bool strips_cr = line->has_end &&
                         input_of(sender, weave->route)->tail.line_terminator <= TERMINATOR_AUTO;
        if (strips_cr && rec->len > 0 && rec->text[rec->len - 1] == '\r')
            rec->len--;
    }
    skip_mark(offset, &rec->text, &rec->len);
}

/* It was done with before the spool was read again. What was held before it went the same way. */
static void pass_over(struct sender *sender, uint64_t n)
{
    struct weave *weave = &sender->weave;
    uint64_t before = window_before(&sender->win, n);
    if (weave->strand) {
        chain_begin(chain_of_input(sender, weave->route), weave->strand->state);
        weave->strand->has_begun = true;
        if (before != NO_LINE)
            strand_flush(sender, weave->strand, before);
    }
    sender_move_cursor(sender);
}

static void take(struct sender *sender, struct record *rec, bool is_again)
{
    struct weave *weave = &sender->weave;
    struct strand *strand = weave->strand, *older = strand ? strand->older : NULL;
    const struct emit emit = weave_emit(sender);
    uint64_t n = rec->last;
    weave->has_given = false;
    chain_take(chain_of_input(sender, weave->route), strand ? strand->state : NULL,
               older ? older->state : NULL, rec, &emit);
    if (!strand)
        return;
    strand->has_begun = true;
    if (is_again && window_place(&sender->win, n)->is_event)
        strand_flush(sender, strand, n);
    strand_note(sender, strand, true);
    if (!older)
        return;
    strand_note(sender, older, false);
    bool is_settled = chain_has_begun(chain_of_input(sender, weave->route), strand->state);
    if (is_settled)
        strand->older = NULL;
    if (older->is_ended && (is_settled || older->held_bytes == 0))
        strand_let_go(sender, older);
}

static void woven_line(struct sender *sender, uint64_t n, const struct line *line, bool is_cut,
                       bool is_again)
{
    struct weave *weave = &sender->weave;
    const struct chunk *chunk = &weave->item.chunk;
    if (weave->origin)
        weave->origin->last = n;
    if (window_place(&sender->win, n)->is_done) {
        pass_over(sender, n);
        return;
    }
    struct record rec = {.flags = is_cut ? RECORD_TRUNCATED : 0,
                         .read_ms = chunk->read_ns / NS_PER_MS,
                         .fields = &weave->fields,
                         .first = n,
                         .last = n,
                         .offset = chunk->from + line->start,
                         .origin = weave->origin};
    fields_clear(&weave->fields);
    weave->line_offset = rec.offset;
    span_line(sender, n, chunk->from + line->end);
    decode(sender, line, rec.offset, &rec);
    take(sender, &rec, is_again);
    while (weave->held_bytes > HELD_BYTES && weave_let_go_one(sender))
        ;
}

void weave_line(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    const struct spool_item *item = &weave->item;
    struct line line;
    size_t at = weave->lines.at;
    if (!line_next(&weave->lines, &line)) {
        end_item(sender);
        return;
    }
    bool is_last = line.end == item->chunk.len;
    struct spool_pos end = {.seq = item->seq, .done = line.end};
    if (is_last)
        end = (struct spool_pos) {.seq = item->seq + 1};
    weave->has_item = !is_last;
    bool is_again = window_take(&sender->win, end);
    if (!is_again)
        stock_take(sender, window_place(&sender->win, sender->win.next - 1), line.end - at);
    bool is_cut = is_last && (item->chunk.flags & CHUNK_CUT);
    if (weave->is_plain)
        plain_line(sender, sender->win.next - 1, &line, is_cut);
    else
        woven_line(sender, sender->win.next - 1, &line, is_cut, is_again);
}

/* ---- life ---- */

void weave_init(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    weave->encoder = weave->held_encoder = (struct encoder)ENCODER_INIT;
    weave->quiet = (struct loop_timer) {.fire = strand_quiet, .arg = sender};
    weave->decoders = mem_zero(2 * sender->conf.settings->n_inputs, sizeof *weave->decoders);
}

void weave_rewind(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    while (weave->strands)
        strand_free(sender, weave->strands);
    weave->origin = NULL;
    weave_forget_before(weave, UINT64_MAX);
    weave->has_item = weave->is_kept = false;
    weave->n_ready = weave->at_ready = 0;
}

void weave_free(struct sender *sender)
{
    struct weave *weave = &sender->weave;
    weave_rewind(sender);
    if (sender->conf.loop)
        loop_cancel_timer(sender->conf.loop, &weave->quiet);
    encoder_free(&weave->encoder);
    encoder_free(&weave->held_encoder);
    for (size_t i = 0; weave->decoders && i < 2 * sender->conf.settings->n_inputs; i++)
        decoder_free(weave->decoders[i]);
    free(weave->decoders);
    span_free(sender);
    buf_free(&weave->text);
    fields_free(&weave->fields);
    for (size_t i = 0; i < weave->cap_ready; i++)
        buf_free(&weave->ready[i].json);
    free(weave->ready);
}
