/* stock.c: what a sender tells the ledger: what it finds, what becomes of it, and, at the end, whether that is all.
 *
 * Happy path: what a start found in the spool is counted from the cursor on, a part each turn of the loop, by the census or by the
 * sender when it comes there first. Each place that gets its verdict is booked. When all is delivered nothing may wait, and
 * when posta ends what waits is counted once more and compared.
 * Failure modes: damage took something: it waits for ever, until the spool is empty or posta ends; then it is booked as damaged.
 * So much waits at the end that counting would take long, or it cannot be read: nothing is proven, and if what the start found is
 * not all counted, sender_is_counting says so to the end.
 * On close: stock_free.
 */
#include "sender.h"

#include <posta/log.h>

#include <stdlib.h>

enum { CENSUS_BYTES = 256 * 1024, PROOF_BYTES = 128 * 1024 * 1024 };
#define PROOF_NS (2 * NS_PER_S)

/* ---- lines ---- */

uint64_t chunk_lines(const struct input_settings *in, const struct chunk *chunk, size_t skip)
{
    const struct line_end *end = in ? input_line_end(in, chunk) : NULL;
    struct lines lines = {.bytes = chunk->bytes,
                          .len = chunk->len,
                          .at = skip,
                          .end = end,
                          .offset = chunk->from,
                          .keeps_cr = true};
    struct line line;
    uint64_t n = 0;
    if (!end || end->len == 0)
        return lines_count(chunk->bytes + skip, chunk->len - skip);
    while (line_next(&lines, &line))
        n++;
    return n;
}

static struct tally tally_of(const struct sender *sender, const struct spool_item *item,
                             size_t skip)
{
    const struct input_settings *in =
        sender->conf.has_events ? NULL : settings_input(sender->conf.settings, item->src);
    return (struct tally) {.bytes = item->chunk.len - skip,
                           .lines = chunk_lines(in, &item->chunk, skip)};
}

unsigned stock_row(const struct sender *sender, const struct source *src)
{
    struct ledger *ledger = sender->conf.ledger;
    if (!ledger)
        return 0;
    return sender->conf.has_events ? ledger_row_of_lane(ledger, sender->conf.lane)
                                   : ledger_row_of(ledger, src);
}

/* ---- what a start found ---- */

void stock_meet(struct sender *sender, const struct spool_item *item)
{
    struct stock *stock = &sender->stock;
    if (!sender->conf.ledger || item->seq < stock->counted_seq || item->seq >= stock->start_seq)
        return;
    struct tally found = tally_of(sender, item, (size_t)item->skip);
    ledger_add(sender->conf.ledger, stock_row(sender, item->src), LEDGER_RECOVERED, found.bytes,
               found.lines);
    stock->counted_seq = item->seq + 1;
}

static void visit(void *arg, const struct spool_item *item)
{
    stock_meet(arg, item);
}

static void end_census(struct sender *sender)
{
    sender->stock.counted_seq = sender->stock.start_seq;
    spool_census_free(sender->stock.census);
    sender->stock.census = NULL;
}

static void count_on(void *arg)
{
    struct sender *sender = arg;
    struct err err;
    if (!sender->stock.census)
        return;
    int rc = spool_census_step(sender->stock.census, CENSUS_BYTES, visit, sender, &err);
    if (rc > 0)
        loop_defer(sender->conf.loop, &sender->stock.task);
    else if (rc == 0)
        end_census(sender);
    else /* the sender will count it */
        log_warn("ledger", "what waits in the spool is counted later: %s", err.text);
}

static void begin_census(struct sender *sender)
{
    struct stock *stock = &sender->stock;
    stock->counted_seq = spool_cursor(sender->conf.spool).seq;
    if (stock->counted_seq >= stock->start_seq)
        return;
    stock->census = spool_census_new(sender->conf.spool, stock->start_seq);
    loop_defer(sender->conf.loop, &stock->task);
}

void stock_init(struct sender *sender)
{
    struct stock *stock = &sender->stock;
    *stock = (struct stock) {.task = {.run = count_on, .arg = sender},
                             .start_seq = spool_end(sender->conf.spool).seq};
    if (sender->conf.ledger)
        begin_census(sender);
}

/* Nothing was taken from the spool yet; only its cursor has moved. */
void stock_restart(struct sender *sender)
{
    struct ledger *ledger = sender->conf.ledger;
    if (!ledger || sender->win.end > 0)
        return;
    for (unsigned row = 0; row < ledger->n_rows; row++)
        if (stock_is_row_of(sender, row))
            ledger->rows[row].at[LEDGER_RECOVERED] = (struct tally) {0};
    end_census(sender);
    begin_census(sender);
}

void stock_free(struct sender *sender)
{
    spool_census_free(sender->stock.census);
    sender->stock.census = NULL;
    loop_drop_task(sender->conf.loop, &sender->stock.task);
}

/* ---- what becomes of it ---- */

/* Hundredths of a second, of the wall clock at this wake-up. */
static uint32_t now_cs(struct sender *sender)
{
    struct stock *stock = &sender->stock;
    int64_t turn_ns = loop_now(sender->conf.loop);
    if (turn_ns != stock->turn_ns)
        stock->turn_cs = stock_time(clock_wall_ns());
    stock->turn_ns = turn_ns;
    return stock->turn_cs;
}

static const uint32_t latency_cs[LATENCY_STEPS] = {1,   5,    10,   25,   50,    100,   250,
                                                   500, 1000, 3000, 6000, 30000, 360000};

double latency_step_s(unsigned step)
{
    return latency_cs[step] / 100.0;
}

/* A clock that was set back makes no age. */
static uint32_t age_cs(struct sender *sender, uint32_t read_cs)
{
    int32_t age = (int32_t)(now_cs(sender) - read_cs);
    return age > 0 ? (uint32_t)age : 0;
}

static void note_latency(struct sender *sender, const struct place *place)
{
    struct latency *latency = &sender->stock.latency;
    uint32_t age = age_cs(sender, place->read_cs);
    unsigned step = 0;
    while (step < LATENCY_STEPS && age > latency_cs[step])
        step++;
    latency->n[step]++;
    latency->sum_cs += age;
}

void stock_take(struct sender *sender, struct place *place, size_t n_bytes)
{
    struct weave *weave = &sender->weave;
    place->n_bytes = (uint32_t)n_bytes;
    place->row = (uint16_t)weave->row;
    place->is_line = true;
    place->read_cs = weave->read_cs;
    if (place->is_done) /* before this start */
        ledger_add(sender->conf.ledger, place->row, LEDGER_KNOWN, place->n_bytes, 1);
}

static void settle_place(struct sender *sender, struct place *place, enum ledger_term term)
{
    if (place->is_line && !place->is_done)
        ledger_add(sender->conf.ledger, place->row, term, place->n_bytes, 1);
    place->is_done = true;
}

void sender_settle(struct sender *sender, uint64_t n, enum ledger_term term)
{
    struct window *win = &sender->win;
    struct place *place = window_place(win, n);
    if (term == LEDGER_DELIVERED && place->is_line)
        note_latency(sender, place);
    settle_place(sender, place, term);
    while (place->before != NO_PLACE) {
        place = &win->at[place->before];
        settle_place(sender, place, term);
    }
}

/* ---- what waits ---- */

bool stock_is_row_of(const struct sender *sender, unsigned row)
{
    const struct ledger *ledger = sender->conf.ledger;
    unsigned lane = row - ledger_row_of_lane(ledger, 0);
    bool is_lane = row >= ledger_row_of_lane(ledger, 0) && lane < EVENT_LANES;
    return sender->conf.has_events ? is_lane && lane == (unsigned)sender->conf.lane : !is_lane;
}

/* Nothing is taken from the spool: the record at the cursor, which is looked up once. */
static int64_t oldest_untaken_ms(struct sender *sender)
{
    struct stock *stock = &sender->stock;
    struct spool_pos cursor = spool_cursor(sender->conf.spool);
    if (spool_is_drained(sender->conf.spool))
        return 0;
    if (stock->oldest_ns == 0 || cursor.seq != stock->oldest_seq)
        stock->oldest_ns = spool_oldest_ns(sender->conf.spool);
    stock->oldest_seq = cursor.seq;
    return stock->oldest_ns ? (int64_t)age_cs(sender, stock_time(stock->oldest_ns)) * 10 : 0;
}

int64_t sender_oldest_ms(struct sender *sender)
{
    const struct window *win = &sender->win;
    if (win->first == win->next)
        return oldest_untaken_ms(sender);
    for (uint64_t n = win->first; n < win->next; n++) {
        const struct place *place = window_place(win, n);
        if (place->is_line && !place->is_done)
            return (int64_t)age_cs(sender, place->read_cs) * 10;
    }
    return 0;
}

const struct latency *sender_latency(const struct sender *sender)
{
    return &sender->stock.latency;
}

bool sender_is_counting(const struct sender *sender)
{
    return sender->stock.counted_seq < sender->stock.start_seq;
}

static bool was_damaged(const struct sender *sender)
{
    const struct spool_stats *stats = spool_stats(sender->conf.spool);
    return stats->damaged_regions || stats->missing_records || stats->missing_unknown ||
           stats->missing_bytes;
}

static void check_all(struct sender *sender, const struct tally *there)
{
    struct ledger *ledger = sender->conf.ledger;
    for (unsigned row = 0; row < ledger->n_rows; row++)
        if (stock_is_row_of(sender, row))
            ledger_check(ledger, row, there ? there[row] : (struct tally) {0}, was_damaged(sender));
}

void stock_drained(struct sender *sender)
{
    if (!sender->conf.ledger)
        return;
    end_census(sender);
    check_all(sender, NULL);
}

/* ---- the proof at the end ---- */

struct proof {
    struct sender *sender;
    struct tally *there;
    uint64_t n_bytes;
    int64_t until_ns;
};

static void count_there(void *arg, const struct spool_item *item)
{
    struct proof *proof = arg;
    struct tally found = tally_of(proof->sender, item, (size_t)item->skip);
    struct tally *there = &proof->there[stock_row(proof->sender, item->src)];
    there->bytes += found.bytes;
    there->lines += found.lines;
    proof->n_bytes += found.bytes;
}

/* Places behind the cursor whose verdict is known. */
static void take_off_done(const struct sender *sender, struct tally *there)
{
    const struct window *win = &sender->win;
    for (uint64_t n = win->first; n < win->end; n++) {
        const struct place *place = window_place(win, n);
        if (!place->is_line || !place->is_done)
            continue;
        there[place->row].bytes -= place->n_bytes;
        there[place->row].lines--;
    }
}

/* What the start found, to its end. 0 = all was counted; so with count_all. */
static int count_found(struct proof *proof, struct err *err)
{
    struct sender *sender = proof->sender;
    int rc = sender->stock.census ? 1 : 0;
    while (rc > 0 && clock_mono_ns() < proof->until_ns)
        rc = spool_census_step(sender->stock.census, CENSUS_BYTES, visit, sender, err);
    if (rc == 0)
        end_census(sender);
    return rc <= 0 ? rc : err_set(err, ERR_AGAIN, "more is waiting than can be counted in 2 s");
}

static int count_all(struct proof *proof, struct err *err)
{
    struct sender *sender = proof->sender;
    struct spool_census *census = spool_census_new(sender->conf.spool, UINT64_MAX);
    int rc = 1;
    while (rc > 0 && proof->n_bytes < PROOF_BYTES && clock_mono_ns() < proof->until_ns)
        rc = spool_census_step(census, CENSUS_BYTES, count_there, proof, err);
    spool_census_free(census);
    take_off_done(sender, proof->there);
    return rc <= 0 ? rc : err_set(err, ERR_AGAIN, "too much is waiting");
}

void sender_prove(struct sender *sender)
{
    struct ledger *ledger = sender->conf.ledger;
    struct proof proof = {.sender = sender, .until_ns = clock_mono_ns() + PROOF_NS};
    struct err err;
    if (!ledger)
        return;
    proof.there = mem_zero(ledger->n_rows, sizeof *proof.there);
    int rc = count_found(&proof, &err);
    if (rc == 0)
        rc = count_all(&proof, &err);
    if (rc == 0)
        check_all(sender, proof.there);
    free(proof.there);
    if (sender->conf.has_events)
        return;
    if (rc)
        log_info("ledger", "not counted: %s", err.text);
    else if (!ledger->is_wrong)
        ledger_say(ledger);
}
