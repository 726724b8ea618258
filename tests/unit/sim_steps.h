/* sim_steps.h: the steps of a scripted run of a spool on the simulated disk; see sim_world.h.
 *
 * Each takes the place of something that posta does: files come, grow, end and are forgotten; syncs begin and end in steps;
 * items are read, delivered and noted in the cursor; the process ends and starts.
 * Failure modes: on a disk that fails, or a full one, a step may fail; nothing has moved then.
 * On close: world_finish, which shows that fresh work flows (oracle 4).
 */
#ifndef SIM_STEPS_H
#define SIM_STEPS_H

#include "sim_oracle.h"

/* ---- files ---- */

static inline struct source *step_add(struct world *w, uint64_t ino)
{
    static char input[] = "nginx";
    struct err err;
    struct source *src = NULL;
    const struct source proto = {
        .id = {.dev = 7, .ino = ino}, .path = log_files[ino].path, .input = input};
    if (spool_add_source(w->spool, &proto, &src, &err)) {
        must_be_allowed(w, &err);
        return NULL;
    }
    note_written(w, ino, 0, NOTE_ADD);
    return src;
}

static inline bool step_end(struct world *w, struct source *src)
{
    struct err err;
    uint64_t ino = src->id.ino;
    if (w->truth.tried[ino] < src->offset)
        w->truth.tried[ino] = src->offset;
    if (spool_end_source(w->spool, src, END_LEASE, lost_behind(ino), &err)) {
        must_be_allowed(w, &err);
        return false;
    }
    note_written(w, ino, src->offset, NOTE_END);
    return true;
}

/* The next chunk of the file, or its end. */
static inline bool step_append_to(struct world *w, struct source *src)
{
    struct err err;
    uint64_t ino = src->id.ino, from = src->offset;
    const struct log_file *file = &log_files[ino];
    if (from == file->end)
        return step_end(w, src);
    struct chunk chunk = {.from = from,
                          .to = file->chunk[from].to,
                          .read_ns = clock_wall_ns(),
                          .flags = file->chunk[from].flags,
                          .bytes = file->bytes + from,
                          .len = file->chunk[from].to - from};
    if (!file->chunk[from].has_bytes)
        chunk.len = 0;
    if (w->truth.tried[ino] < chunk.to)
        w->truth.tried[ino] = chunk.to;
    if (spool_append(w->spool, src, &chunk, &err)) {
        MUST(src->offset == from, "file %d: failed, and the position moved", (int)ino);
        must_be_allowed(w, &err);
        return false;
    }
    MUST(src->offset == chunk.to, "file %d: the position did not move", (int)ino);
    note_written(w, ino, chunk.to, NOTE_BYTES);
    return true;
}

/* One that is not at its end. */
static inline bool step_append(struct world *w, uint64_t ino)
{
    struct source *src = source_of_ino(w, ino);
    if ((src && (src->flags & SOURCE_ENDED)) || (!src && w->truth.is_forgotten[ino]))
        return false;
    w->truth.is_forgotten[ino] = false; /* came back unended: it is read on */
    if (!src)
        src = step_add(w, ino);
    return src && step_append_to(w, src);
}

static inline void step_new_file(struct world *w, uint64_t most)
{
    if (w->truth.n_inos < most)
        (void)step_append(w, ++w->truth.n_inos);
}

static inline void step_forget(struct world *w, uint64_t ino)
{
    struct source *src = source_of_ino(w, ino);
    if (!src || !(src->flags & SOURCE_ENDED))
        return;
    w->truth.is_forgotten[ino] = true;
    spool_forget(w->spool, src);
}

/* ---- syncs ---- */

static inline void step_sync(struct world *w)
{
    struct err err;
    if (spool_sync(w->spool, &err))
        must_be_allowed(w, &err);
    else
        MUST(spool_is_durable(w->spool, spool_mark(w->spool)), "synced, and not durable");
    note_durable(w);
}

static inline void step_sync_start(struct world *w)
{
    struct err err;
    if (spool_sync_start(w->spool, &err) < 0)
        must_be_allowed(w, &err);
    note_durable(w);
}

/* Some of what the helper thread does. */
static inline void step_sync_by_hand(struct world *w)
{
    struct err err;
    if (w->config.sync_way == SYNC_BY_HAND)
        for (uint64_t n = random_below(4); n > 0; n--)
            syncer_step(w->spool->syncer);
    if (random_below(2) && spool_sync_done(w->spool, &err))
        must_be_allowed(w, &err);
    note_durable(w);
}

/* ---- delivery ---- */

static inline void step_deliver(struct world *w)
{
    for (uint64_t n = 1 + random_below(4); n > 0 && world_read(w) > 0; n--)
        continue;
    uint64_t len = w->reading.last.len;
    world_deliver(w, len > 1 && random_below(3) == 0 ? 1 + random_below(len - 1) : 0);
}

static inline void step_save_cursor(struct world *w)
{
    uint64_t dice = random_below(3);
    world_save_cursor(w, dice == 0);
    if (dice == 1)
        spool_sync_cursor(w->spool);
}

/* ---- the process ends and starts ---- */

/* Everything that was appended is there again: what could not be synced is still in the file. */
static inline void step_reopen(struct world *w)
{
    const struct marks floor = w->truth.written;
    spool_close(w->spool);
    w->spool = NULL;
    world_recover(w, &floor, w->truth.saved);
    world_rewind(w);
}

/* ---- all together ---- */

static inline void step_any(struct world *w, uint64_t most_files)
{
    uint64_t ino = 1 + random_below(w->truth.n_inos), dice = random_below(100);
    if (dice < 46)
        (void)step_append(w, ino);
    else if (dice < 51)
        step_new_file(w, most_files);
    else if (dice < 55)
        step_forget(w, ino);
    else if (dice < 59)
        step_sync(w);
    else if (dice < 66)
        step_sync_start(w);
    else if (dice < 78)
        step_sync_by_hand(w);
    else if (dice < 90)
        step_deliver(w);
    else if (dice < 96)
        step_save_cursor(w);
    else if (dice < 98)
        world_rewind(w);
    else
        step_reopen(w);
}

/* ---- oracle 4 ---- */

/* An append that works, to any file. */
static inline void append_fresh(struct world *w)
{
    for (uint64_t ino = 1 + random_below(4); ino <= w->truth.n_inos; ino++)
        if (step_append(w, ino))
            return;
    MUST(w->truth.n_inos + 1 < N_INOS, "too many files for this script");
    MUST(step_append(w, ++w->truth.n_inos), "a new file is not taken");
}

static inline void close_and_look_again(struct world *w)
{
    const struct truth before = w->truth;
    spool_close(w->spool);
    w->spool = NULL;
    if (random_below(8))
        return;
    world_recover(w, &before.written, before.saved);
    MUST(spool_is_drained(w->spool), "delivered, and there again");
    spool_close(w->spool);
    w->spool = NULL;
}

/* The disk works from now on: so does the spool. */
static inline void world_finish(struct world *w)
{
    sim->room = 0;
    sim->fault.fail = 0;
    w->config.max_bytes = w->spool->max_bytes = 0;
    w->may_fail = false;
    append_fresh(w);
    append_fresh(w);
    step_sync(w);
    MUST(w->n_notes == 0, "synced, and %d records are not durable", (int)w->n_notes);
    world_read_all(w);
    for (uint64_t ino = 1; ino < N_INOS; ino++)
        check_position(w, &w->truth.written, ino);
    world_deliver(w, 0);
    MUST(spool_is_drained(w->spool), "all is delivered, and something waits");
    world_save_cursor(w, true);
    close_and_look_again(w);
}

#endif
