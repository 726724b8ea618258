/* intake.c: from tail into the spool, and what happens when it is full.
 *
 * Happy path: a chunk is appended, the sender is woken, the saver has it made durable.
 * Failure modes: the spool is full, or cannot be written. queue.disk.at_limit: block: tail stops reading (the files keep the
 * lines), which is tried again each second and whenever delivery has made room; drop_oldest: the oldest segment makes room;
 * drop_newest: what was read is given up.
 * On close: nothing; the spool is the pipeline's.
 */
#include "agent.h"

#include <posta/log.h>

#define RETRY_NS (1 * NS_PER_S)
#define SAY_NS   (10 * NS_PER_S)

/* ---- tail's sink ---- */

static struct source *sink_sources(void *arg)
{
    return spool_sources(((struct intake *)arg)->lane->spool);
}

static int refused(struct intake *in, struct err *err)
{
    in->is_blocked = true;
    if (!timer_is_set(&in->retry))
        loop_set_timer(in->lane->loop, &in->retry, RETRY_NS);
    if (in->lane->sender)
        sender_wake(in->lane->sender); /* what it holds back may be what takes the room */
    ailment_note(&in->trouble, err->kind == ERR_FULL || err->kind == ERR_AGAIN,
                 loop_now(in->lane->loop)); /* tail says it */
    return -1;
}

/* There may be room now: try again. */
static bool made_room(struct intake *in, const struct err *err)
{
    return err->kind == ERR_FULL && in->at_full == FULL_DROPS_OLDEST && in->lane->sender &&
           sender_drop_oldest(in->lane->sender);
}

bool dropping_is_said(int64_t *said_ns)
{
    int64_t now = clock_mono_ns();
    bool is_said = *said_ns && now - *said_ns < SAY_NS;
    if (!is_said)
        *said_ns = now;
    return is_said;
}

static void drop_newest(struct intake *in, struct source *src, const struct chunk *chunk)
{
    spool_drop_newest(in->lane->spool, src, chunk);
    const struct spool_stats *stats = spool_stats(in->lane->spool);
    if (dropping_is_said(&in->said_ns))
        return;
    log_error("pipeline",
              "the spool is full: what is read is dropped (queue.disk.at_limit: drop_newest), "
              "%llu lines (%llu bytes) in all",
              (unsigned long long)stats->dropped_lines, (unsigned long long)stats->dropped_bytes);
}

static int sink_add(void *arg, const struct source *proto, struct source **src, struct err *err)
{
    struct intake *in = arg;
    while (spool_add_source(in->lane->spool, proto, src, err))
        if (!made_room(in, err))
            return refused(in, err);
    const struct input_settings *input = settings_input(in->settings, *src);
    metadata_note(in->meta, input ? input->metadata : 0, *src);
    lane_appended(in->lane, 0);
    return 0;
}

/* Counted once it is taken: a chunk that is refused comes again. */
static void book(struct intake *in, const struct source *src, const struct chunk *chunk,
                 enum ledger_term term)
{
    struct ledger *ledger = in->lane->ledger;
    if (!ledger || chunk->len == 0)
        return;
    unsigned row = ledger_row_of(ledger, src);
    uint64_t n_lines = chunk_lines(settings_input(in->settings, src), chunk, 0);
    ledger_add(ledger, row, LEDGER_READ, chunk->len, n_lines);
    ledger_add(ledger, row, term, chunk->len, n_lines);
}

static int sink_append(void *arg, struct source *src, const struct chunk *chunk, struct err *err)
{
    struct intake *in = arg;
    enum ledger_term term = LEDGER_SPOOLED;
    while (spool_append(in->lane->spool, src, chunk, err)) {
        if (made_room(in, err))
            continue;
        if (err->kind != ERR_FULL || in->at_full != FULL_DROPS_NEWEST || chunk->len == 0)
            return refused(in, err);
        drop_newest(in, src, chunk);
        term = LEDGER_DROPPED_NEWEST;
        break;
    }
    book(in, src, chunk, term);
    in->trouble.since_ns = 0;
    lane_appended(in->lane, chunk->len);
    return 0;
}

static int sink_end(void *arg, struct source *src, enum end_proof proof, uint64_t lost_bytes,
                    struct err *err)
{
    struct intake *in = arg;
    while (spool_end_source(in->lane->spool, src, proof, lost_bytes, err))
        if (!made_room(in, err))
            return refused(in, err);
    lane_appended(in->lane, 0);
    return 0;
}

static void sink_forget(void *arg, struct source *src)
{
    spool_forget(((struct intake *)arg)->lane->spool, src);
}

static struct source *sink_by_id(void *arg, const struct file_id *id)
{
    return spool_source_by_id(((struct intake *)arg)->lane->spool, id);
}

static struct source *sink_by_birth(void *arg, uint64_t ino, int64_t btime_ns)
{
    return spool_source_by_birth(((struct intake *)arg)->lane->spool, ino, btime_ns);
}

static uint64_t sink_mark(void *arg)
{
    return spool_mark(((struct intake *)arg)->lane->spool);
}

static void sink_hurry(void *arg)
{
    saver_hurry(&((struct intake *)arg)->lane->saver);
}

static bool sink_is_durable(void *arg, uint64_t mark)
{
    return spool_is_durable(((struct intake *)arg)->lane->spool, mark);
}

static bool sink_is_delivered(void *arg, uint64_t mark)
{
    return spool_is_delivered(((struct intake *)arg)->lane->spool, mark);
}

static void try_again(void *arg)
{
    struct intake *in = arg;
    in->is_blocked = false;
    tail_resume(in->tail);
}

/* ---- life ---- */

void intake_look_for_room(struct intake *in)
{
    if (in->is_blocked && spool_has_room(in->lane->spool))
        loop_set_timer(in->lane->loop, &in->retry, 0);
}

struct tail_sink intake_sink(struct intake *in)
{
    return (struct tail_sink) {.arg = in,
                               .sources = sink_sources,
                               .add = sink_add,
                               .append = sink_append,
                               .end = sink_end,
                               .forget = sink_forget,
                               .by_id = sink_by_id,
                               .by_birth = sink_by_birth,
                               .mark = sink_mark,
                               .hurry = sink_hurry,
                               .is_durable = sink_is_durable,
                               .is_delivered = sink_is_delivered};
}

void intake_init(struct intake *in)
{
    in->retry = (struct loop_timer) {.fire = try_again, .arg = in};
    in->heal = (struct loop_task) {.run = heal_all, .arg = in};
}
