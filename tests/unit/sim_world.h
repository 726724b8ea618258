/* sim_world.h: a spool on the simulated disk, what is known of it from outside, and the oracles.
 *
 * The log files are known: at each offset of each file there is one chunk that can be read there, its bytes, its flags and its
 * length. So whatever a crash took, reading goes on in the same way, and every record can be checked alone.
 * Oracles: (1) what was acknowledged is there, (2) what is read was appended, byte for byte, (3) a position is where the
 * records end, and they follow each other without gap or repeat, (4) work goes on.
 * Failure modes: an oracle that is not content says why and ends the process (broken).
 * On close: world_close.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim_cut.h"
#include "sim_name_calls.h"

#include "spool/store.h"

enum { N_INOS = 32, FILE_MAX = 4096, MAX_NOTES = 256 };

/* ---- the log files ---- */

static struct log_file {
    char path[16];
    char bytes[FILE_MAX];
    bool is_boundary[FILE_MAX + 1]; /* chunks begin and end there */
    bool is_newline[FILE_MAX + 1];  /* the byte before it ended an over-long line */
    uint64_t end;
    struct {
        uint16_t to;
        uint8_t flags;
        bool has_bytes;
    } chunk[FILE_MAX];
} log_files[N_INOS];

static inline uint64_t lost_behind(uint64_t ino)
{
    return ino % 3 * 1000;
}

static inline uint64_t make_chunk(struct log_file *file, uint64_t from, uint64_t dice)
{
    static const uint8_t flags[] = {CHUNK_CUT, CHUNK_LOST, CHUNK_SKIPPED,
                                    CHUNK_SKIPPED | CHUNK_RESUMED};
    uint8_t flag = dice % 4 ? 0 : flags[dice / 4 % COUNT(flags)];
    uint64_t len = 1 + (dice / 16 % 8 ? dice / 256 % 60 : dice / 256 % 400);
    file->chunk[from].to = (uint16_t)(from + len);
    file->chunk[from].flags = flag;
    file->chunk[from].has_bytes = !(flag & (CHUNK_LOST | CHUNK_SKIPPED));
    file->is_boundary[from] = true;
    file->is_newline[from + len] = flag & CHUNK_RESUMED;
    return from + len;
}

/* Other ones for each seed. */
static inline void log_files_begin(uint64_t seed)
{
    memset(log_files, 0, sizeof(log_files));
    for (uint64_t ino = 1; ino < N_INOS; ino++) {
        struct log_file *file = &log_files[ino];
        uint64_t dice = mix64(seed, ino), least = 100 + dice % 1500;
        snprintf(file->path, sizeof(file->path), "/log/%d", (int)ino);
        while (file->end < least)
            file->end = make_chunk(file, file->end, mix64(dice, file->end));
        file->is_boundary[file->end] = true;
        for (uint64_t at = 0; at < file->end; at++)
            file->bytes[at] = known_byte(ino, at);
    }
}

/* ---- what is known ---- */

struct marks {
    uint64_t to[N_INOS];
    bool is_added[N_INOS], is_ended[N_INOS];
};

struct truth {
    struct marks written, durable; /* what the spool took; what it said is durable */
    uint64_t tried[N_INOS];        /* no record is beyond it */
    uint64_t delivered[N_INOS];
    bool is_end_delivered[N_INOS], is_forgotten[N_INOS];
    uint64_t n_inos;                /* files that there are: 1 .. n_inos */
    struct spool_pos saved, synced; /* of the cursor: written; made durable */
};

/* What was appended, in order, and is not known to be durable yet. */
struct note {
    uint64_t mark, ino, to;
    enum { NOTE_ADD, NOTE_BYTES, NOTE_END } what;
};

struct reading {
    bool has_begun[N_INOS], has_ended[N_INOS];
    uint64_t to[N_INOS];
    bool is_last; /* the item below was read, and nothing since */
    struct {
        uint64_t ino, seq, from, len;
    } last;
};

struct world {
    struct truth truth;
    struct spool *spool;
    struct spool_config config;
    struct note note[MAX_NOTES];
    size_t first_note, n_notes;
    struct reading reading;
    bool may_fail;   /* the disk does, now and then */
    bool had_faults; /* it did: what a failed sync left behind may look like damage */
};

static inline void marks_note(struct marks *marks, const struct note *note)
{
    marks->is_added[note->ino] = true;
    if (note->what == NOTE_BYTES && note->to > marks->to[note->ino])
        marks->to[note->ino] = note->to;
    if (note->what == NOTE_END)
        marks->is_ended[note->ino] = true;
}

static inline void note_written(struct world *w, uint64_t ino, uint64_t to, int what)
{
    MUST(w->n_notes < MAX_NOTES, "too many notes for this script");
    struct note *note = &w->note[(w->first_note + w->n_notes++) % MAX_NOTES];
    *note = (struct note) {.mark = spool_mark(w->spool), .ino = ino, .to = to, .what = what};
    marks_note(&w->truth.written, note);
}

/* What the spool says is durable now is promised from now on. */
static inline void note_durable(struct world *w)
{
    while (w->n_notes > 0 && spool_is_durable(w->spool, w->note[w->first_note].mark)) {
        marks_note(&w->truth.durable, &w->note[w->first_note]);
        w->first_note = (w->first_note + 1) % MAX_NOTES;
        w->n_notes--;
    }
}

/* A failure that there may be here. */
static inline void must_be_allowed(const struct world *w, const struct err *err)
{
    bool is_full = err->kind == ERR_FULL && (w->config.max_bytes || sim->room);
    MUST(w->may_fail || is_full, "failed: %s", err->text);
}

static inline struct source *source_of_ino(const struct world *w, uint64_t ino)
{
    return file_of(w->spool, ino);
}

#endif
