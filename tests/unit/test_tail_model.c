/* test_tail_model.c: random sequences of what writers, rotations, kills and a full spool do, on real files, against a model
 * that knows every byte (tail_model.h): nothing twice, nothing changed, nothing missing but what could not be had, and that is
 * counted.
 *
 * SEED=n repeats one sequence, SEQUENCES=n or MODEL_SECONDS=n ask for more of them. One that fails is made shorter first:
 * operations are left out as long as it fails still (not with NO_SHRINK=1).
 */
#include "tail_model_rotate.h"

enum { STEPS_MIN = 10, STEPS_MAX = 60, SEQUENCES = 2000, SHRINK_ROUNDS = 4, N_WORKERS = 4 };

#define ON(kind) (1u << (kind))
#define PLAIN    (ON(EXACT) | ON(WILDCARD))
#define ALL      (PLAIN | ON(SYMLINK) | ON(MANAGED) | ON(RECLAIM))

static const struct op {
    const char *name;
    bool (*run)(void);
    unsigned weight, kinds;
    bool is_always; /* no sequence is without it */
} ops[] = {
    {"turns", op_turns, 20, ALL, true},
    {"settle", op_settle, 6, ALL, true},
    {"write", op_write, 20, ALL, true},
    {"write-late", op_write_late, 8, ALL, false},
    {"write-part", op_write_part, 4, ALL, false},
    {"write-empty", op_write_empty, 2, ALL, false},
    {"write-much", op_write_much, 6, ON(MANAGED) | ON(RECLAIM), true},
    {"close-older", op_close_older, 6, ALL, true},
    {"close", op_close, 3, PLAIN | ON(RECLAIM), false},
    {"kill", op_kill, 2, ALL, false},
    {"start", op_start, 4, ALL, true},
    {"full", op_full, 2, ALL, false},
    {"room", op_room, 4, ALL, true},
    {"hold-marks", op_hold_marks, 2, ALL, false},
    {"move-marks", op_move_marks, 3, ALL, true},
    {"overflow", op_overflow, 1, ALL, false},
    {"rename", op_rename, 3, PLAIN, false},
    {"rename-and-create", op_rename_and_create, 8, PLAIN, false},
    {"truncate", op_truncate, 2, PLAIN, false},
    {"truncate-and-refill", op_truncate_and_refill, 2, PLAIN, false},
    {"copy-and-truncate", op_copy_and_truncate, 4, PLAIN, false},
    {"delete", op_delete, 2, PLAIN, false},
    {"delete-and-create", op_delete_and_create, 2, PLAIN, false},
    {"gzip", op_gzip, 4, PLAIN, false},
    {"link", op_link, 2, PLAIN, false},
    {"unlink", op_unlink, 2, PLAIN, false},
    {"move-out", op_move_out, 2, PLAIN, false},
    {"move-back", op_move_back, 2, PLAIN, false},
    {"replace-folder", op_replace_folder, 1, PLAIN, false},
    {"reopen", op_reopen, 20, ON(MANAGED), true},
};

struct step {
    const struct op *op;
    uint64_t seed;
};

struct sequence {
    uint64_t seed, keep;
    enum kind kind;
    bool has_events, is_on_disk;
    size_t n;
    struct step steps[STEPS_MAX];
};

/* ---- making one ---- */

static const struct op *some_op(unsigned kinds, uint64_t chosen)
{
    for (;;) {
        size_t i = random_below(COUNT(ops));
        bool is_in = ops[i].kinds & kinds && (ops[i].is_always || chosen >> i & 1);
        if (is_in && random_below(20) < ops[i].weight)
            return &ops[i];
    }
}

/* Each has its own choice of operations: with all of them in all, none comes far. */
static void make_sequence(struct sequence *seq, uint64_t seed)
{
    static const enum kind kinds[] = {EXACT,    EXACT,    EXACT,   EXACT,   WILDCARD,
                                      WILDCARD, WILDCARD, SYMLINK, MANAGED, RECLAIM};
    const char *only = getenv("KIND");
    random_state = seed;
    *seq = (struct sequence) {.seed = seed, .keep = 1 + random_below(3)};
    seq->kind = kinds[random_below(COUNT(kinds))];
    if (only)
        seq->kind = (enum kind)atoi(only);
    seq->has_events = random_below(4) > 0;
    seq->is_on_disk = random_below(8) == 0;
    seq->n = STEPS_MIN + random_below(STEPS_MAX - STEPS_MIN + 1);
    uint64_t chosen = random_state ^ random_state >> 29;
    for (size_t i = 0; i < seq->n; i++)
        seq->steps[i] = (struct step) {some_op(ON(seq->kind), chosen), random_below(UINT64_MAX)};
}

/* ---- running one ---- */

static void set_up(const struct sequence *seq, struct rig *rig)
{
    world = (struct model) {.rig = rig, .kind = seq->kind};
    times_of = world_times;
    must_reopen = 0;
    signal(SIGUSR1, told_to_reopen);
    is_inotify_refused = !seq->has_events;
    is_queue_full = false;
    assert_int_equal(mkdir(path_of(rig, "d"), 0755), 0);
    set_path(rig, seq->kind == WILDCARD ? "d/access.log*" : LOG);
    rig->in.message_max_bytes = 1024;
    rig->in.symlinks = seq->kind == SYMLINK;
    rig->in.rotation_keep = seq->keep;
    rig->in.rotation_size = seq->kind == MANAGED ? 2000 : 8192;
    rig->in.rotation_mode = seq->kind == MANAGED   ? ROTATION_MANAGED
                            : seq->kind == RECLAIM ? ROTATION_RECLAIM
                                                   : ROTATION_EXTERNAL;
    rig->in.rotation_pid_file = mem_printf("%s/pid", rig->dir);
    int fd = writer(rig, "pid");
    dprintf(fd, "%d\n", (int)getpid());
    close(fd);
}

/* Everybody closes, there is room, and posta has all the time it wants. */
static void come_to_rest(void)
{
    struct rig *rig = world.rig;
    op_room();
    op_move_marks();
    op_start();
    for (int i = 0; i < 3; i++) {
        settle_posta();
        op_reopen();
    }
    for (size_t i = 0; i < world.n_files; i++)
        if (world.files[i]->fd >= 0)
            close(world.files[i]->fd), world.files[i]->fd = -1;
    for (int i = 0; i < 3; i++) {
        settle_posta();
        test_now_ns += rig->in.check_interval_ns;
    }
    settle_posta();
}

static void judge(void)
{
    const struct tail_stats *stats = tail_stats(world.rig->tail);
    size_t n_named = 0;
    check_delivered("at rest");
    for (size_t i = 0; i < world.n_files; i++)
        n_named += world.files[i]->has_name;
    if (stats->files_open > n_named ||
        sources_known(world.rig) > n_named + !world.is_exactly_counted)
        fail_world("piled up: %llu files open, %zu sources, %zu in the folder",
                   (unsigned long long)stats->files_open, sources_known(world.rig), n_named);
    if (world.is_exactly_counted && stats->generations_lost != n_files_lost())
        fail_world("%llu generations lost, counted %zu", (unsigned long long)n_files_lost(),
                   (size_t)stats->generations_lost);
    if (world.told_bytes > world.lost_bytes)
        fail_world("at most %llu bytes lost, counted %llu", (unsigned long long)world.lost_bytes,
                   (unsigned long long)world.told_bytes);
}

static void play(const struct sequence *seq)
{
    create(seq->kind == SYMLINK ? "d/app" : LOG);
    if (seq->kind == SYMLINK)
        assert_int_equal(symlink("app", path_of(world.rig, LOG)), 0);
    start_posta();
    world.is_exactly_counted = seq->has_events;
    for (size_t i = 0; i < seq->n && !world.failure; i++) {
        random_state = seq->steps[i].seed;
        if (seq->steps[i].op->run())
            buf_printf(&world.story, " %s", seq->steps[i].op->name);
        look_at_names();
    }
    buf_puts(&world.story, " REST");
    if (!world.failure)
        come_to_rest();
    if (!world.failure)
        judge();
}

static size_t n_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    size_t n = 0;
    while (readdir(stream))
        n++;
    closedir(stream);
    return n;
}

static void describe_source(const struct made *made, struct buf *out)
{
    buf_printf(out, "  source %u, inode %llu, epoch %u, %s: %s%s\n", made->no,
               (unsigned long long)made->ino, made->epoch, base_name(made->path),
               made->story.len ? buf_str((struct buf *)(uintptr_t)&made->story) : "",
               made->is_forgotten ? " forgotten" : "");
}

static void describe_file(const struct model_file *file, struct buf *out)
{
    buf_printf(out, "  inode %llu, epoch %u, %zu bytes%s%s%s%s:", (unsigned long long)file->ino,
               file->epoch, file->bytes.len, file->copy_of ? ", a copy" : "",
               file->is_gzip ? ", compressed" : "", file->has_name ? ", named" : "",
               file->is_held ? ", held" : "");
    for (size_t i = 0; i < file->n_lines; i++)
        buf_printf(out, " %u%s", file->lines[i], world.lines[file->lines[i]].n_got ? "" : "!");
    buf_puts(out, "\n");
}

static char *describe(const struct sequence *seq)
{
    struct buf out = BUF_INIT;
    char *log = log_text(world.rig);
    buf_printf(&out, "%s\n kind %d, keep %llu%s%s:%s\n", world.failure, (int)seq->kind,
               (unsigned long long)seq->keep, seq->has_events ? "" : ", no events",
               seq->is_on_disk ? ", on disk" : "", buf_str(&world.story));
    for (size_t i = 0; i < world.n_files; i++)
        describe_file(world.files[i], &out);
    for (size_t i = 0; i < world.rig->sink.n; i++)
        describe_source(&world.rig->sink.made[i], &out);
    buf_puts(&out, log);
    free(log);
    char *text = mem_dup(buf_str(&out));
    buf_free(&out);
    return text;
}

/* NULL if all is well; else what is not, and all that is known of it. Caller frees. */
static char *run_sequence(const struct sequence *seq)
{
    void *state;
    char *text = NULL;
    size_t n_before = n_descriptors();
    assert_int_equal((seq->is_on_disk ? rig_on_disk : rig_in_memory)(&state), 0);
    set_up(seq, state);
    play(seq);
    if (world.failure)
        text = describe(seq);
    rig_close(&state);
    times_of = NULL;
    forget_world();
    if (!text && n_descriptors() != n_before)
        text = mem_printf("%zu descriptors were open before, %zu after", n_before, n_descriptors());
    return text;
}

/* ---- making one that fails shorter ---- */

static void leave_out(struct sequence *seq, size_t at, size_t n)
{
    memmove(seq->steps + at, seq->steps + at + n, (seq->n - at - n) * sizeof(*seq->steps));
    seq->n -= n;
}

static char *shrink(struct sequence *seq, char *text)
{
    for (size_t len = seq->n / 2, rounds = 0; rounds<SHRINK_ROUNDS; len = len> 1 ? len / 2 : 1) {
        rounds += len == 1;
        for (size_t at = 0; at + len <= seq->n && len > 0;) {
            struct sequence shorter = *seq;
            leave_out(&shorter, at, len);
            char *other = run_sequence(&shorter);
            at += other ? 0 : len;
            if (!other)
                continue;
            *seq = shorter;
            free(text);
            text = other;
        }
    }
    return text;
}

/* ---- all ---- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t *running; /* each worker's seed, shared with its parent */

/* Every N_WORKERSth sequence. Returns how many failed. */
static int work(uint64_t seed, uint64_t first, uint64_t n)
{
    static struct sequence seq;
    int64_t until_ns = real_mono_ns() + (int64_t)setting("MODEL_SECONDS", 0) * NS_PER_S;
    int n_bad = 0, n_enough = (int)setting("FAILURES", 1);
    for (uint64_t i = first; (i < n || real_mono_ns() < until_ns) && n_bad < n_enough;
         i += N_WORKERS) {
        running[first] = seed + i;
        make_sequence(&seq, seed + i);
        char *text = run_sequence(&seq);
        if (!text)
            continue;
        if (!getenv("NO_SHRINK"))
            text = shrink(&seq, text);
        print_error("SEED=%llu: %s\n", (unsigned long long)seq.seed, text);
        free(text);
        n_bad++;
    }
    return n_bad;
}

/* The kernel takes its time to let go of watches; meanwhile others go on. */
/* The same sequences each time, so that what they find is there again; others each time when more are asked for. */
static uint64_t first_seed(void)
{
    bool is_hunting = getenv("MODEL_SECONDS") || getenv("SEQUENCES");
    return is_hunting ? (uint64_t)real_mono_ns() ^ (uint64_t)getpid() << 32 : 20261124;
}

static void every_sequence_agrees_with_the_model(void **state)
{
    uint64_t seed = setting("SEED", first_seed());
    uint64_t n = setting("SEQUENCES", getenv("SEED") ? 1 : SEQUENCES);
    int n_bad = 0;
    (void)state;
    print_message("SEED=%llu, %llu sequences\n", (unsigned long long)seed, (unsigned long long)n);
    fflush(NULL);
    running = mmap(NULL, N_WORKERS * sizeof(*running), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[N_WORKERS];
    for (uint64_t i = 0; i < N_WORKERS; i++)
        if ((pids[i] = fork()) == 0)
            _exit(work(seed, i, n));
    for (int i = 0, status; i < N_WORKERS; i++) {
        bool is_bad = waitpid(pids[i], &status, 0) < 0 || status != 0;
        if (is_bad)
            print_error("SEED=%llu: ended with status %#x\n", (unsigned long long)running[i],
                        (unsigned)status);
        n_bad += is_bad;
    }
    assert_int_equal(n_bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_sequence_agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
