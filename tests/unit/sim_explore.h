/* sim_explore.h: stops a scripted run at each call to the simulated disk and tries what a crash would leave.
 *
 * Happy path: look() is the disk's hook. In the run itself it tries all states of the moment, by a plan; inside a recovery, now
 * and then one.
 * Failure modes: broken() says which script, which point and which crashes, and ends the process.
 * On close: nothing; the run goes on.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "sim_steps.h"

enum { MAX_DEPTH = 4, N_ANY = 12 };

struct counts {
    uint64_t scripts, points, tried, distinct, deeper;
    uint64_t calls[SIM_N_CALLS];
};

static struct sim_disk disks[MAX_DEPTH + 1];
static struct world worlds[MAX_DEPTH + 1];
static int depth;
static struct counts *counts; /* in memory that the parent sees */
static uint64_t script_seed;
static const char *script_name = "";
static struct cut cuts[MAX_DEPTH + 1]; /* that led to the disk of this depth */

/* ---- what is said when an oracle is not content ---- */

static void print_disk(const struct sim_disk *disk)
{
    fprintf(stderr, "# disk\n");
    for (int i = 0; i < disk->n_changes; i++)
        fprintf(stderr, "#   not synced: %s -> %s\n", disk->change[i].from, disk->change[i].to);
    for (int i = 0; i < disk->now.n; i++)
        fprintf(stderr, "#   %-32s %6u bytes\n", disk->now.at[i].path,
                disk->inode[disk->now.at[i].inode].size);
}

static void broken(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "# %s: SEED=%llu, point %llu, state %llu: ", script_name,
            (unsigned long long)script_seed, (unsigned long long)counts->points,
            (unsigned long long)counts->tried);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    for (int i = 1; i <= depth; i++)
        fprintf(stderr, "#   crash %d: %s, bytes %d, names %d, nth %u, time %u\n", i,
                cuts[i].is_kill ? "kill" : "power cut", (int)cuts[i].bytes, (int)cuts[i].names,
                cuts[i].nth, cuts[i].time);
    for (int i = 0; i <= depth; i++)
        print_disk(&disks[i]);
    _exit(BROKEN);
}

/* ---- which states were there before ---- */

static uint64_t *seen; /* open addressing; 0 = free */
static uint64_t seen_size;

static void seen_begin(uint64_t most)
{
    for (seen_size = 1024; seen_size < most * 2;)
        seen_size *= 2;
    seen = calloc(seen_size, sizeof(*seen));
}

/* False if it was there before. */
static bool seen_put(uint64_t hash)
{
    hash |= hash == 0;
    for (uint64_t i = hash % seen_size;; i = (i + 1) % seen_size) {
        if (seen[i] == hash)
            return false;
        if (seen[i] == 0) {
            seen[i] = hash;
            return true;
        }
    }
}

/* ---- one state ---- */

static bool is_new_state(const struct marks *floor, const struct truth *truth)
{
    uint64_t hash = disk_hash(sim);
    hash = mix_bytes(hash, floor, sizeof(*floor));
    hash = mix_bytes(hash, truth->delivered, sizeof(truth->delivered));
    hash = mix64(hash, (uint64_t)depth);
    return seen_put(hash);
}

static void work_in(struct world *w, bool is_kill)
{
    if (!is_kill) { /* only what was synced is sure from here on */
        w->truth.written = w->truth.durable;
        w->truth.saved = w->truth.synced;
    }
    const struct marks floor = w->truth.written;
    world_recover(w, &floor, w->truth.saved);
    world_rewind(w);
    for (uint64_t n = random_below(4); n > 0; n--)
        step_any(w, N_INOS - 4);
    world_finish(w);
}

static struct world *enter_world(const struct world *from)
{
    struct world *w = &worlds[depth];
    w->truth = from->truth;
    w->config = from->config;
    w->config.max_bytes = 0;
    w->config.sync_way = random_below(2) ? SYNC_INLINE : SYNC_BY_HAND;
    w->may_fail = false;
    w->had_faults = from->had_faults;
    w->spool = NULL;
    return w;
}

/* The disk in use, crashed: a spool begins on what is left. */
static void try_cut(const struct cut *cut)
{
    struct sim_disk *crashed = sim;
    const struct world *from = &worlds[depth];
    cuts[depth + 1] = *cut;
    make_cut(cut, crashed, &disks[depth + 1]);
    sim = &disks[++depth];
    counts->tried++;
    counts->deeper += depth > 1;
    if (is_new_state(cut->is_kill ? &from->truth.written : &from->truth.durable, &from->truth)) {
        counts->distinct++;
        if (cut->is_kill && crashed->room && random_below(2))
            sim->room = crashed->room; /* still full */
        work_in(enter_world(from), cut->is_kill);
    }
    sim = crashed;
    depth--;
}

/* ---- all states of one moment ---- */

static struct cut any_cut(void)
{
    static const enum cut_bytes bytes[] = {BYTES_OLD,         BYTES_NEW, BYTES_BEFORE,
                                           BYTES_FILE_BEFORE, BYTES_ANY, BYTES_ANY};
    return (struct cut) {.bytes = bytes[random_below(COUNT(bytes))],
                         .names = (enum cut_names)random_below(NAMES_ANY + 1),
                         .time = (uint32_t)random_below(sim->time + 1),
                         .n_changes = (int)random_below((uint64_t)sim->n_changes + 1)};
}

static void try_prefixes_of_names(void)
{
    for (int n = 0; n <= sim->n_changes; n++)
        for (int bytes = BYTES_OLD; bytes <= BYTES_NEW; bytes++)
            try_cut(&(const struct cut) {
                .bytes = (enum cut_bytes)bytes, .names = NAMES_FIRST, .n_changes = n});
}

static void try_each_sector(void)
{
    for (uint32_t nth = 0, n = cut_n_dirty(sim); nth < n; nth++)
        for (int bytes = BYTES_BUT_ONE; bytes <= BYTES_ONE; bytes++)
            for (int names = NAMES_OLD; names <= NAMES_NEW; names++)
                try_cut(&(const struct cut) {
                    .bytes = (enum cut_bytes)bytes, .names = (enum cut_names)names, .nth = nth});
}

static void try_power_cuts(void)
{
    try_prefixes_of_names();
    try_each_sector();
    for (int i = 0; i < N_ANY; i++) {
        const struct cut cut = any_cut();
        try_cut(&cut);
    }
    try_cut(&(const struct cut) {.is_kill = true});
}

/* ---- when ---- */

static bool are_kills_only;

/* In a recovery: sometimes, any. */
static void crash_deeper(void)
{
    if (depth == MAX_DEPTH || random_below(are_kills_only ? 30 : 60) > 0)
        return;
    struct cut cut = any_cut();
    cut.is_kill = are_kills_only || random_below(3) == 0;
    try_cut(&cut);
}

/* The run itself is not changed by what is tried on the way. */
static void look(enum sim_call call, enum sim_when when)
{
    uint64_t random_before = random_state;
    if (depth > 0) {
        crash_deeper();
        return;
    }
    counts->points++;
    counts->calls[call] += when == SIM_BEFORE;
    random_state = mix64(script_seed, counts->points);
    if (are_kills_only)
        try_cut(&(const struct cut) {.is_kill = true});
    else
        try_power_cuts();
    random_state = random_before;
}

#endif
