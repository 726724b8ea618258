/* test_spool_sim.c: the spool on a simulated disk, killed and cut from power at each step of scripted runs, again in each
 * recovery, and in the recovery behind that.
 *
 * A run stops in the middle of a call to the disk; crash states are made, on further disks, from what the disk holds in this
 * moment (sim_cut.h); a spool is opened there, checked by the four oracles (sim_world.h), worked with and closed; then the run
 * goes on as if nothing had been. The wall clock jumps all the time.
 *
 *   SEED=n      the first script; a failure says which script it was
 *   STATES=n    how many different states are tried after power cuts
 *   KILLS=n     how many kill points
 */
#include "sim_explore.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { N_PROCESSES = 2, N_STEPS = 50, FILES_OF_SCRIPT = 12, N_CLOCK_SCRIPTS = 300 };

#if defined(__SANITIZE_THREAD__)
enum { STATES = 10000, KILLS = 1000 };
#elif defined(__SANITIZE_ADDRESS__)
enum { STATES = 200000, KILLS = 2000 };
#else
enum { STATES = 1000000, KILLS = 10000 };
#endif

/* ---- scripts ---- */

static bool is_disk_a_liar;

struct script {
    const char *name;
    bool is_full;   /* the disk, or max_bytes, is too small */
    bool is_faulty; /* calls fail */
};

static void choose_fault(void)
{
    static const struct {
        enum sim_call call;
        int fail;
    } rows[] = {
        {SIM_WRITE, EIO},       {SIM_WRITE, ENOSPC},  {SIM_SYNC, EIO},    {SIM_SYNC, EIO},
        {SIM_SYNC, EIO},        {SIM_SYNC_DIR, EIO},  {SIM_RENAME, EIO},  {SIM_UNLINK, EIO},
        {SIM_TRUNCATE, EIO},    {SIM_CREATE, ENOSPC}, {SIM_OPEN, EMFILE}, {SIM_READ, EIO},
        {SIM_ALLOCATE, ENOSPC},
    };
    size_t i = random_below(COUNT(rows));
    memset(sim->calls, 0, sizeof(sim->calls));
    sim->fault = (struct sim_fault) {.call = rows[i].call,
                                     .nth = 1 + (int)random_below(8),
                                     .times = 1 + (int)random_below(4),
                                     .fail = rows[i].fail};
}

static struct world *begin_script(const struct script *script, uint64_t seed)
{
    static const enum sync_way ways[] = {SYNC_INLINE, SYNC_BY_HAND, SYNC_BY_HAND};
    struct world *w = &worlds[0];
    script_seed = random_state = seed;
    script_name = script->name;
    log_files_begin(seed);
    sim_disk_clear(&disks[0]);
    sim = &disks[0];
    memset(w, 0, sizeof(*w));
    w->truth.n_inos = 1;
    w->may_fail = w->had_faults = script->is_faulty;
    w->config = (struct spool_config) {.path = "/sim/spool",
                                       .segment_bytes = 300 + random_below(1500),
                                       .sync_way = ways[random_below(COUNT(ways))],
                                       .sync_mode = random_below(3) ? SYNC_INTERVAL : SYNC_ALWAYS};
    if (script->is_full && random_below(2))
        w->config.max_bytes = 2000 + random_below(4000);
    else if (script->is_full)
        sim->room = 70000 + random_below(6000);
    sim->is_shaky = random_below(2);
    sim->splits_anywhere = are_kills_only;
    sim->is_liar = is_disk_a_liar;
    sim->seed = seed;
    return w;
}

/* What can be seen from outside. */
static uint64_t mix_world(uint64_t hash, const struct world *w)
{
    struct spool_pos cursor = spool_cursor(w->spool);
    const struct spool_stats *stats = spool_stats(w->spool);
    hash = mix64(mix64(hash, spool_mark(w->spool)), w->n_notes);
    hash = mix64(mix64(hash, cursor.seq), cursor.done);
    hash = mix64(mix64(hash, stats->disk_bytes), stats->segments);
    hash = mix_bytes(hash, w->reading.to, sizeof(w->reading.to));
    for (const struct source *src = spool_sources(w->spool); src; src = src->next)
        hash = mix64(mix64(hash, src->id.ino), src->offset);
    return hash;
}

/* Returns a hash of all that was seen of it. */
static uint64_t run_script(const struct script *script, uint64_t seed)
{
    struct world *w = begin_script(script, seed);
    const struct marks nothing = {.to = {0}};
    uint64_t hash = 0;
    counts->scripts++;
    world_recover(w, &nothing, (struct spool_pos) {0});
    world_rewind(w);
    for (int step = 0; step < N_STEPS; step++) {
        if (script->is_faulty && !sim->fault.fail && random_below(8) == 0)
            choose_fault();
        else if (script->is_faulty && random_below(12) == 0)
            sim->fault.fail = 0;
        step_any(w, FILES_OF_SCRIPT);
        hash = mix_world(hash, w);
    }
    world_finish(w);
    return hash;
}

static const struct script scripts[] = {
    {.name = "plain"},
    {.name = "plain"},
    {.name = "full", .is_full = true},
    {.name = "failing", .is_faulty = true},
};

static void run_scripts_until(const uint64_t *count, uint64_t goal, uint64_t seed)
{
    clock_set(&sim_clock);
    does_wall_clock_jump = true;
    for (; *count < goal; seed++)
        run_script(&scripts[seed % COUNT(scripts)], seed);
}

/* ---- processes ---- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);
    return given ? strtoull(given, NULL, 0) : otherwise;
}

static struct counts *shared_counts; /* of each process */

static void begin_counts(void)
{
    size_t size = sizeof(*shared_counts) * N_PROCESSES;
    shared_counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_counts != MAP_FAILED);
    memset(shared_counts, 0, size);
}

/* Each does its part: an oracle that is not content ends it. Returns how many were content. */
static int in_processes(int n, void (*work)(uint64_t seed))
{
    pid_t pid[N_PROCESSES];
    int n_good = 0;
    begin_counts();
    fflush(NULL);
    for (int i = 0; i < n; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (pid[i] == 0) {
            counts = &shared_counts[i];
            work(random_state + (uint64_t)i * 1000000000);
            _exit(0);
        }
    }
    for (int i = 0; i < n; i++) {
        int status;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        n_good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        assert_true(WIFEXITED(status));
    }
    return n_good;
}

static struct counts sum_of_counts(void)
{
    struct counts sum = {.scripts = 0};
    for (int i = 0; i < N_PROCESSES; i++) {
        const uint64_t *from = (const uint64_t *)&shared_counts[i];
        for (size_t k = 0; k < sizeof(sum) / sizeof(uint64_t); k++)
            ((uint64_t *)&sum)[k] += from[k];
    }
    munmap(shared_counts, sizeof(*shared_counts) * N_PROCESSES);
    return sum;
}

/* ---- tests ---- */

static void kill_everywhere(uint64_t seed)
{
    are_kills_only = true;
    sim_hook = look;
    run_scripts_until(&counts->points, number_from("KILLS", KILLS) / N_PROCESSES, seed);
}

static void kills_before_amid_and_after_each_step_take_and_repeat_nothing(void **state)
{
    (void)state;
    random_begin("kill");
    assert_int_equal(in_processes(N_PROCESSES, kill_everywhere), N_PROCESSES);
    struct counts sum = sum_of_counts();
    print_message(
        "numbers: %llu kill points in %llu scripts: before, amid and after %llu creations, %llu "
        "writes, "
        "%llu syncs, "
        "%llu syncs of the folder, %llu renames, %llu deletions, %llu truncations, %llu "
        "allocations; "
        "and %llu kills in recoveries from them\n",
        (unsigned long long)sum.points, (unsigned long long)sum.scripts,
        (unsigned long long)sum.calls[SIM_CREATE], (unsigned long long)sum.calls[SIM_WRITE],
        (unsigned long long)sum.calls[SIM_SYNC], (unsigned long long)sum.calls[SIM_SYNC_DIR],
        (unsigned long long)sum.calls[SIM_RENAME], (unsigned long long)sum.calls[SIM_UNLINK],
        (unsigned long long)sum.calls[SIM_TRUNCATE], (unsigned long long)sum.calls[SIM_ALLOCATE],
        (unsigned long long)sum.deeper);
}

static void cut_everywhere(uint64_t seed)
{
    uint64_t goal = number_from("STATES", STATES) / N_PROCESSES;
    sim_hook = look;
    run_scripts_until(&counts->distinct, goal, seed);
}

static void power_cuts_take_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    random_begin("power cut");
    assert_int_equal(in_processes(N_PROCESSES, cut_everywhere), N_PROCESSES);
    struct counts sum = sum_of_counts();
    print_message(
        "numbers: %llu crash states, %llu different, from %llu steps of %llu scripts; %llu of "
        "them in recoveries\n",
        (unsigned long long)sum.tried, (unsigned long long)sum.distinct,
        (unsigned long long)sum.points, (unsigned long long)sum.scripts,
        (unsigned long long)sum.deeper);
}

/* The oracles have teeth. */
static void cut_a_liar(uint64_t seed)
{
    (void)!freopen("/dev/null", "w", stderr);
    is_disk_a_liar = true;
    sim_hook = look;
    run_scripts_until(&counts->distinct, 100000, seed);
}

static void a_disk_whose_syncs_do_nothing_is_noticed(void **state)
{
    (void)state;
    random_begin("liar");
    assert_int_equal(in_processes(1, cut_a_liar), 0);
    (void)sum_of_counts();
}

static void jump_and_compare(uint64_t seed)
{
    clock_set(&sim_clock);
    for (int i = 0; i < N_CLOCK_SCRIPTS; i++, seed++) {
        const struct script *script = &scripts[seed % COUNT(scripts)];
        does_wall_clock_jump = false;
        uint64_t steady = run_script(script, seed);
        does_wall_clock_jump = true;
        MUST(run_script(script, seed) == steady, "the wall clock made a difference");
    }
}

static void a_wall_clock_that_jumps_changes_nothing(void **state)
{
    (void)state;
    random_begin("clock");
    assert_int_equal(in_processes(1, jump_and_compare), 1);
    (void)sum_of_counts();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_before_amid_and_after_each_step_take_and_repeat_nothing),
        cmocka_unit_test(power_cuts_take_nothing_that_was_acknowledged),
        cmocka_unit_test(a_disk_whose_syncs_do_nothing_is_noticed),
        cmocka_unit_test(a_wall_clock_that_jumps_changes_nothing),
    };
    mallopt(M_TRIM_THRESHOLD, 1 << 28); /* memory is used again and again */
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
