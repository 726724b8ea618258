/* sim_oracle.h: what must be true of a spool on the simulated disk; see sim_world.h.
 *
 * Happy path: what is read is checked item by item, and after a start the positions of all files.
 * Failure modes: an oracle that is not content says why and ends the process (broken).
 * On close: nothing.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "sim_world.h"

/* ---- oracle 2: what is read was appended, and follows ---- */

static inline void check_data(const struct spool_item *item, const struct log_file *file,
                              uint64_t ino)
{
    const struct chunk *chunk = &item->chunk;
    uint64_t from = chunk->from;
    MUST(from < file->end && file->is_boundary[from], "file %d: no chunk begins at %d", (int)ino,
         (int)from);
    MUST(chunk->to == file->chunk[from].to && chunk->flags == file->chunk[from].flags,
         "file %d at %d: not the chunk that was appended", (int)ino, (int)from);
    MUST(chunk->len == (file->chunk[from].has_bytes ? chunk->to - from : 0) &&
             memcmp(chunk->bytes, file->bytes + from, chunk->len) == 0,
         "file %d at %d: the bytes differ", (int)ino, (int)from);
}

static inline void check_follows(const struct world *w, uint64_t ino, uint64_t from, uint64_t skip)
{
    const struct reading *reading = &w->reading;
    MUST(!reading->has_ended[ino], "file %d: there is more behind its end", (int)ino);
    if (reading->has_begun[ino])
        MUST(from == reading->to[ino], "file %d: %d follows %d", (int)ino, (int)from,
             (int)reading->to[ino]);
    else
        MUST(from + skip <= w->truth.delivered[ino], "file %d: delivered to %d, read from %d",
             (int)ino, (int)w->truth.delivered[ino], (int)(from + skip));
}

static inline void check_item(const struct world *w, const struct spool_item *item)
{
    uint64_t ino = item->src->id.ino;
    MUST(ino > 0 && ino < N_INOS, "record %d is of no file", (int)item->seq);
    const struct log_file *file = &log_files[ino];
    bool is_end = item->type == SPOOL_END;
    MUST(strcmp(item->src->path, file->path) == 0, "file %d: has path %s", (int)ino,
         item->src->path);
    check_follows(w, ino, is_end ? item->end_offset : item->chunk.from, item->skip);
    if (is_end)
        MUST(item->end_offset == file->end && item->lost_bytes == lost_behind(ino),
             "file %d: its end is wrong", (int)ino);
    else
        check_data(item, file, ino);
    MUST((is_end ? item->end_offset : item->chunk.to) <= w->truth.tried[ino],
         "file %d: more than was appended", (int)ino);
}

/* ---- reading and delivering ---- */

/* 1 = an item was read, 0 = there is none, -1 = it failed, as it may. */
static inline int world_read(struct world *w)
{
    struct spool_item item;
    struct err err;
    int rc = spool_next(w->spool, &item, &err);
    if (rc < 0) {
        must_be_allowed(w, &err);
        spool_rewind(w->spool); /* as the sender does */
        w->reading = (struct reading) {.is_last = false};
    }
    if (rc <= 0)
        return rc;
    check_item(w, &item);
    struct reading *reading = &w->reading;
    uint64_t ino = item.src->id.ino;
    reading->has_begun[ino] = true;
    reading->has_ended[ino] = item.type == SPOOL_END;
    reading->to[ino] = item.type == SPOOL_END ? item.end_offset : item.chunk.to;
    reading->is_last = true;
    reading->last.ino = ino, reading->last.seq = item.seq;
    reading->last.from = item.chunk.from, reading->last.len = item.chunk.len;
    return 1;
}

static inline void world_rewind(struct world *w)
{
    spool_rewind(w->spool);
    w->reading = (struct reading) {.is_last = false};
}

/* All that was read is delivered, but for what is behind byte `done` of the last one; 0 = wholly. */
static inline void world_deliver(struct world *w, uint64_t done)
{
    struct reading *reading = &w->reading;
    struct truth *truth = &w->truth;
    if (!reading->is_last)
        return;
    for (uint64_t ino = 1; ino < N_INOS; ino++) {
        uint64_t to = done && ino == reading->last.ino ? reading->last.from + done
                      : reading->has_begun[ino]        ? reading->to[ino]
                                                       : 0;
        if (to > truth->delivered[ino])
            truth->delivered[ino] = to;
        truth->is_end_delivered[ino] |= reading->has_ended[ino];
    }
    spool_delivered(w->spool, (struct spool_pos) {.seq = reading->last.seq + !done, .done = done});
}

static inline void world_save_cursor(struct world *w, bool sync)
{
    struct err err;
    bool is_sure = sync && !w->may_fail && /* after a failure the next move makes up for it */
                   !syncer_is_busy(w->spool->syncer); /* the helper may be at it */
    if (spool_save_cursor(w->spool, sync, &err)) {
        must_be_allowed(w, &err);
        return;
    }
    w->truth.saved = spool_cursor(w->spool);
    if (is_sure)
        w->truth.synced = w->truth.saved;
}

/* ---- oracles 1 and 3: after a start ---- */

static inline void check_anchor(const struct source *src)
{
    const struct log_file *file = &log_files[src->id.ino];
    MUST(src->anchor_len <= src->offset, "file %d: remembers too much", (int)src->id.ino);
    for (uint64_t i = 0, at = src->offset - src->anchor_len; at < src->offset; i++, at++)
        MUST((char)src->anchor[i] == (file->is_newline[at + 1] ? '\n' : file->bytes[at]),
             "file %d: does not remember its bytes", (int)src->id.ino);
}

/* Every source once, and where a chunk ends. */
static inline void check_sources(const struct world *w)
{
    bool has_seen[N_INOS] = {false};
    for (const struct source *src = spool_sources(w->spool); src; src = src->next) {
        uint64_t ino = src->id.ino;
        MUST(ino > 0 && ino < N_INOS && !has_seen[ino], "file %d: is there twice", (int)ino);
        has_seen[ino] = true;
        MUST(src->offset <= w->truth.tried[ino] && log_files[ino].is_boundary[src->offset],
             "file %d: no chunk ends at %d", (int)ino, (int)src->offset);
        check_anchor(src);
    }
}

static inline void check_position(const struct world *w, const struct marks *floor, uint64_t ino)
{
    const struct source *src = source_of_ino(w, ino);
    const struct reading *reading = &w->reading;
    uint64_t delivered = w->truth.delivered[ino],
             there = reading->has_begun[ino] ? reading->to[ino] : delivered;
    MUST(src || !floor->is_added[ino] || w->truth.is_forgotten[ino], "file %d: is not known",
         (int)ino);
    MUST(there >= floor->to[ino] && (!src || src->offset >= floor->to[ino]),
         "file %d: acknowledged to %d, there to %d, position %d", (int)ino, (int)floor->to[ino],
         (int)there, src ? (int)src->offset : -1);
    MUST(w->config.sync_mode != SYNC_ALWAYS || !src || src->offset >= delivered,
         "file %d: delivered to %d, and only known to %d", (int)ino, (int)delivered,
         src ? (int)src->offset : -1);
    MUST(!floor->is_ended[ino] || reading->has_ended[ino] || w->truth.is_end_delivered[ino],
         "file %d: its end was acknowledged and is not there", (int)ino);
    if (!src)
        return;
    MUST(reading->has_begun[ino] ? src->offset == there : src->offset <= there,
         "file %d: position %d, records to %d", (int)ino, (int)src->offset, (int)there);
    MUST(!(src->flags & SOURCE_ENDED) || reading->has_ended[ino] || w->truth.is_end_delivered[ino],
         "file %d: has ended without a record that says so", (int)ino);
    MUST((src->flags & SOURCE_ENDED) || !floor->is_ended[ino], "file %d: has not ended", (int)ino);
}

static inline void world_read_all(struct world *w)
{
    while (world_read(w) > 0)
        continue;
}

/* floor: at least this is there. */
static inline void check_all(struct world *w, const struct marks *floor)
{
    check_sources(w);
    world_read_all(w);
    for (uint64_t ino = 1; ino < N_INOS; ino++)
        check_position(w, floor, ino);
    const struct spool_stats *stats = spool_stats(w->spool);
    MUST(stats->missing_records == 0, "%d records are missing", (int)stats->missing_records);
    MUST(stats->damaged_regions == 0 || w->had_faults, "%d places are damaged",
         (int)stats->damaged_regions);
}

/* From now on what is there counts. */
static inline void note_recovered(struct world *w)
{
    struct truth *truth = &w->truth;
    w->n_notes = 0;
    memset(&truth->written, 0, sizeof(truth->written));
    for (const struct source *src = spool_sources(w->spool); src; src = src->next) {
        truth->written.is_added[src->id.ino] = true;
        truth->written.is_ended[src->id.ino] = src->flags & SOURCE_ENDED;
        truth->written.to[src->id.ino] = src->offset;
    }
    truth->durable = truth->written;
}

/* ---- open and close ---- */

static inline int world_open(struct world *w, struct err *err)
{
    w->reading = (struct reading) {.is_last = false};
    w->first_note = w->n_notes = 0;
    sim_forget_failed_syncs(sim);
    return spool_open(&w->spool, &w->config, err);
}

/* A start behind a crash or a close: at least `floor` and `cursor` are there. */
static inline void world_recover(struct world *w, const struct marks *floor,
                                 struct spool_pos cursor)
{
    struct err err = ERR_INIT;
    int rc = world_open(w, &err);
    if (rc && (sim->room || sim->fault.fail)) { /* it may not be able to; once it can, it does */
        must_be_allowed(w, &err);
        sim->room = 0;
        sim->fault.fail = 0;
        rc = world_open(w, &err);
    }
    MUST(rc == 0, "does not start: %s", err.text);
    MUST(!spool_pos_less(spool_cursor(w->spool), cursor), "the cursor went back: %d, it was %d",
         (int)spool_cursor(w->spool).seq, (int)cursor.seq);
    check_all(w, floor);
    note_recovered(w);
}

#endif
