/* lane.c: one kind of what is delivered: its spool, what makes that durable, and its sender. Log lines have one, samples have
 * one: neither waits behind a backlog of the other, nor takes its room.
 *
 * Happy path: somebody appends to the spool; the saver has it made durable; the sender takes it to the output.
 * Failure modes: those of the parts.
 * On close: senders first, as the output may have verdicts left; then the spool is synced, not beyond the deadline.
 */
#include "agent.h"

static void tell(struct lane *lane, bool marks_moved)
{
    lane->changed(lane->owner, marks_moved);
}

static void synced(void *arg)
{
    struct lane *lane = arg;
    if (lane->sync_mode == SYNC_ALWAYS)
        sender_wake(lane->sender); /* it was not given what was not durable */
    tell(lane, true);
}

static void cursor_moved(void *arg)
{
    struct lane *lane = arg;
    uint64_t seq = spool_cursor(lane->spool).seq;
    bool marks_moved = lane->told_seq != seq; /* marks lie between records */
    saver_cursor_moved(&lane->saver);
    lane->told_seq = seq;
    tell(lane, marks_moved);
}

int lane_open_spool(struct lane *lane, const struct spool_config *config, int64_t sync_ns,
                    struct err *err)
{
    if (spool_open(&lane->spool, config, err))
        return -1;
    lane->sync_mode = config->sync_mode;
    lane->saver = (struct saver) {.loop = lane->loop,
                                  .spool = lane->spool,
                                  .interval_ns = config->sync_mode == SYNC_ALWAYS ? 0 : sync_ns,
                                  .synced = synced,
                                  .arg = lane};
    return saver_init(&lane->saver, err);
}

int lane_open_sender(struct lane *lane, const struct sender_config *config, struct err *err)
{
    struct sender_config own = *config;
    own.loop = lane->loop;
    own.spool = lane->spool;
    own.ledger = lane->ledger;
    own.moved = cursor_moved;
    own.arg = lane;
    return sender_new(&lane->sender, &own, err);
}

void lane_appended(struct lane *lane, size_t bytes)
{
    saver_appended(&lane->saver, bytes);
    sender_wake(lane->sender);
}

bool lane_is_delivered(const struct lane *lane)
{
    return sender_is_idle(lane->sender) && spool_is_drained(lane->spool);
}

void lane_stop(struct lane *lane)
{
    lane->stop_at = spool_end(lane->spool);
    sender_stop_at(lane->sender, lane->stop_at.seq);
    sender_wake(lane->sender);
}

/* What parsers hold back stays before the cursor for the next start. */
bool lane_is_stopped(const struct lane *lane)
{
    return !spool_pos_less(spool_cursor(lane->spool), lane->stop_at) ||
           sender_is_settled(lane->sender);
}

void lane_close_spool(struct lane *lane, int64_t until_ns)
{
    if (!lane->spool)
        return;
    spool_wait_until(lane->spool, until_ns);
    saver_done(&lane->saver);
    spool_close(lane->spool);
}
