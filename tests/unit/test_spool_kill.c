/* test_spool_kill.c: a child appends and reports each step; it is killed in the middle, again and again, in one folder.
 *
 * The page cache outlives a process: everything that was reported as appended is there, each position is exact, nothing comes
 * twice within one start.
 */
#include "posta_test.h"

#include <signal.h>
#include <sys/wait.h>

enum { N_FILES = 3, N_KILLS = 60, SEGMENT = 2000 };

struct report {
    enum { APPENDED, DELIVERED } what;
    uint64_t ino, to;
};

static uint64_t appended[MAX_FILES], delivered[MAX_FILES];

/* ---- the child ---- */

static void tell(int fd, int what, uint64_t ino, uint64_t to)
{
    const struct report report = {.what = what, .ino = ino, .to = to};
    if (write(fd, &report, sizeof(report)) != sizeof(report))
        _exit(2);
}

static void deliver_some(struct spool *spool, int fd)
{
    struct spool_item item;
    struct err err;
    for (uint64_t n = random_below(6); n > 0; n--) {
        int rc = spool_next(spool, &item, &err);
        if (rc < 0)
            _exit(3);
        if (rc == 0)
            return;
        tell(fd, DELIVERED, item.src->id.ino, item.chunk.to);
        delivered_up_to(spool, &item);
        if (random_below(3) == 0 && spool_save_cursor(spool, false, &err))
            _exit(4);
    }
}

static void work(const char *dir, int fd)
{
    test_sync_way = random_below(2) ? SYNC_THREAD : SYNC_INLINE;
    struct spool *spool = spool_start(dir, 0, SEGMENT);
    struct err err;
    for (;;) {
        uint64_t ino = 1 + random_below(N_FILES);
        struct source *src = file_of(spool, ino);
        if ((!src && try_add(spool, ino, &src, &err)) ||
            try_put(spool, src, random_below(300), &err))
            _exit(5);
        tell(fd, APPENDED, ino, src->offset);
        if (random_below(8) == 0 && spool_sync(spool, &err))
            _exit(6);
        if (random_below(2) && spool_sync_start(spool, &err) < 0)
            _exit(7);
        if (spool_sync_done(spool, &err))
            _exit(8);
        deliver_some(spool, fd);
    }
}

/* ---- the parent ---- */

static void hear(const struct report *report)
{
    uint64_t *table = report->what == APPENDED ? appended : delivered;
    assert_true(report->to >= table[report->ino] || report->what == DELIVERED);
    if (report->to > table[report->ino])
        table[report->ino] = report->to;
}

/* Let it make some steps, kill it, and hear what it had said. */
static void run_and_kill(const char *dir)
{
    int ends[2];
    struct report report;
    assert_int_equal(pipe(ends), 0);
    uint64_t seed = random_next();
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        random_state = seed;
        work(dir, ends[1]);
    }
    close(ends[1]);
    for (uint64_t left = 1 + random_below(60); left > 0; left--) {
        assert_int_equal(read(ends[0], &report, sizeof(report)), sizeof(report));
        hear(&report);
    }
    kill(child, SIGKILL);
    while (read(ends[0], &report, sizeof(report)) == sizeof(report))
        hear(&report);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void check(const char *dir)
{
    struct spool *spool = spool_start(dir, 0, SEGMENT);
    struct reach reach;
    take_all(spool, &reach);
    for (uint64_t ino = 1; ino <= N_FILES; ino++) {
        struct source *src = file_of(spool, ino);
        assert_true((src ? src->offset : 0) >= appended[ino]);
        if (!src)
            continue;
        if (reach.has_begun[ino]) {
            assert_true(reach.from[ino] <= delivered[ino]);
            assert_int_equal(reach.to[ino], src->offset);
        } else {
            assert_true(src->offset <= delivered[ino]);
        }
    }
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    spool_rewind(spool);
    spool_close(spool);
}

static void what_was_appended_outlives_sigkill(void **state)
{
    random_begin("kill");
    for (int i = 0; i < N_KILLS; i++) {
        run_and_kill(*state);
        check(*state);
    }
    print_message("%d kills, %llu bytes\n", N_KILLS,
                  (unsigned long long)(appended[1] + appended[2] + appended[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_appended_outlives_sigkill),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
