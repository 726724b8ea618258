/* test_spool_sync.c: the helper thread: nothing waits for it, what it has done counts, what fails or hangs costs nothing.
 *
 * SYNC_BY_HAND does its steps one by one on this thread; with SYNC_THREAD a gate in the fault seam holds it in a sync.
 */
#include "posta_test.h"
#include "spool/store.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { SEGMENT = 1000 };

/* ---- the gate ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_open;
    unsigned n_waiting;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void wait_at_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.n_waiting++;
    pthread_cond_broadcast(&gate.moved);
    while (!gate.is_open)
        pthread_cond_wait(&gate.moved, &gate.lock);
    gate.n_waiting--;
    pthread_mutex_unlock(&gate.lock);
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
}

/* Until the helper stands there. */
static void see_it_wait(void)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.n_waiting == 0)
        pthread_cond_wait(&gate.moved, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static const struct fs_fault held_sync = {
    .call = FS_SYNC, .nth = 1, .times = -1, .meets = wait_at_gate};

static void hold_syncs(void)
{
    gate.is_open = false;
    fs_set_faults(&held_sync, 1);
}

/* ---- which files were synced ---- */

static _Atomic(ino_t) synced[64];
static _Atomic(size_t) n_synced;

/* In place of libc's. */
int fdatasync(int fd)
{
    struct stat st;
    size_t at = n_synced;
    if (at < COUNT(synced) && fstat(fd, &st) == 0) {
        synced[at] = st.st_ino;
        n_synced = at + 1; /* one thread at a time syncs in these tests */
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static size_t times_synced(ino_t ino)
{
    size_t n = 0;
    for (size_t i = 0; i < n_synced; i++)
        n += synced[i] == ino;
    return n;
}

static ino_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

/* ---- helpers ---- */

static struct spool *start(const char *dir, enum sync_way way, uint64_t segment_bytes)
{
    test_sync_way = way;
    n_synced = 0;
    return spool_start(dir, 0, segment_bytes);
}

static void take_note(struct spool *spool)
{
    struct err err = ERR_INIT;
    if (spool_sync_done(spool, &err))
        fail_msg("%s", err.text);
}

static bool is_readable(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) == 1;
}

/* As after a kill: what is on the disk gives all of file 1, once. */
static void check_after_kill(const char *dir, uint64_t to)
{
    struct folder now = {.n = 0};
    char *copy = path_in(dir, "copy");
    test_sync_way = SYNC_INLINE;
    folder_read(dir, &now);
    assert_int_equal(mkdir(copy, 0700), 0);
    folder_write(copy, &now);
    struct spool *other = spool_start(copy, 0, SEGMENT);
    struct reach reach;
    take_all(other, &reach);
    assert_int_equal(reach.from[1], 0);
    assert_int_equal(reach.to[1], to);
    assert_int_equal(file_of(other, 1)->offset, to);
    assert_int_equal(spool_stats(other)->damaged_regions, 0);
    assert_int_equal(spool_stats(other)->missing_records, 0);
    spool_close(other);
    folder_empty(copy);
    rmdir(copy);
    free(copy);
    folder_free(&now);
}

static void check_all_is_read(struct spool *spool, uint64_t to)
{
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], to);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
}

/* ---- nothing waits ---- */

static void appending_goes_on_while_a_sync_hangs(void **state)
{
    struct spool *spool = start(*state, SYNC_THREAD, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    uint64_t mark = spool_mark(spool);
    hold_syncs();
    begin_sync(spool);
    see_it_wait();
    for (int i = 0; i < 50; i++)
        put(spool, src, 100);
    assert_false(spool_is_durable(spool, mark));
    assert_false(is_readable(spool_sync_fd(spool), 0));
    check_all_is_read(spool, 5100);
    open_gate();
    assert_true(is_readable(spool_sync_fd(spool), 10000));
    take_note(spool);
    assert_false(is_readable(spool_sync_fd(spool), 0));
    assert_true(spool_is_durable(spool, mark));
    assert_false(spool_is_durable(spool, spool_mark(spool))); /* that came later */
    sync_now(spool);
    assert_true(spool_is_durable(spool, spool_mark(spool)));
    fs_set_faults(NULL, 0);
    spool_close(spool);
}

static void a_segment_is_closed_without_waiting(void **state)
{
    struct spool *spool = start(*state, SYNC_THREAD, SEGMENT);
    struct source *src = add_file(spool, 1);
    put(spool, src, SEGMENT);
    hold_syncs();
    put(spool, src, 100); /* begins the next one */
    see_it_wait();
    fs_set_faults(NULL, 0); /* it waits all the same */
    uint64_t mark = spool_mark(spool);
    for (int i = 0; i < 30; i++)
        put(spool, src, 100);
    assert_int_equal(spool_stats(spool)->segments, 2); /* one after the other: this one grows */
    assert_true(spool->last->size > SEGMENT);
    assert_true(file_exists(*state, "0000000000000001.open"));
    assert_true(file_exists(*state, "0000000000000002.open"));
    check_all_is_read(spool, SEGMENT + 3100);
    check_after_kill(*state, SEGMENT + 3100);
    assert_false(spool_is_durable(spool, mark));
    open_gate();
    assert_true(is_readable(spool_sync_fd(spool), 10000));
    take_note(spool);
    assert_true(file_exists(*state, "0000000000000001.seg"));
    put(spool, src, 100);
    assert_int_equal(spool_stats(spool)->segments, 3);
    sync_now(spool);
    spool_close(spool);
}

/* The registry is in it until the next one's checkpoint is durable. */
static void a_delivered_segment_stays_until_the_next_one_is_durable(void **state)
{
    struct spool *spool = start(*state, SYNC_BY_HAND, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    put(spool, src, SEGMENT);
    put(spool, src, 100);
    while (take(spool, &item))
        delivered_up_to(spool, &item);
    assert_true(spool_is_drained(spool));
    for (int left = 5; left > 0; left--) {
        assert_int_equal(spool_stats(spool)->segments, 2);
        assert_true(syncer_step(spool->syncer));
        take_note(spool);
    }
    assert_false(syncer_step(spool->syncer));
    assert_int_equal(spool_stats(spool)->segments, 1);
    assert_false(file_exists(*state, "0000000000000001.seg"));
    spool_close(spool);
}

/* The helper renames it between two looks at the names. */
static void a_reader_finds_a_segment_that_is_being_renamed(void **state)
{
    struct spool *spool = start(*state, SYNC_BY_HAND, SEGMENT);
    struct source *src = add_file(spool, 1);
    put(spool, src, SEGMENT);
    put(spool, src, 100);
    while (syncer_step(spool->syncer))
        continue;
    assert_true(spool->first->is_open); /* not told yet */
    assert_true(file_exists(*state, "0000000000000001.seg"));
    spool_rewind(spool);
    check_all_is_read(spool, SEGMENT + 100);
    spool_close(spool);
}

static void waiting_takes_what_was_begun_and_the_rest(void **state)
{
    static const enum sync_way ways[] = {SYNC_INLINE, SYNC_THREAD, SYNC_BY_HAND};
    for (size_t i = 0; i < COUNT(ways); i++) {
        folder_empty(*state);
        struct spool *spool = start(*state, ways[i], SEGMENT);
        struct source *src = add_file(spool, 1);
        put(spool, src, SEGMENT);
        put(spool, src, 10);
        put(spool, src, 10);
        sync_now(spool);
        assert_false(spool_is_dirty(spool));
        assert_true(spool_is_durable(spool, spool_mark(spool)));
        assert_false(file_exists(*state, "0000000000000001.open"));
        check_all_is_read(spool, SEGMENT + 20);
        spool_close(spool);
    }
}

static void in_memory_there_is_no_thread(void **state)
{
    int fd = open(*state, O_RDONLY | O_DIRECTORY);
    struct spool *spool = start(*state, SYNC_AUTO, SEGMENT);
    assert_int_equal(spool_sync_fd(spool) < 0, fs_is_in_memory(fd));
    close(fd);
    spool_close(spool);
}

/* ---- what fails ---- */

static void do_steps(struct spool *spool)
{
    struct err err;
    while (syncer_step(spool->syncer))
        continue;
    (void)(spool_sync_done(spool, &err) == 0); /* some shall fail */
}

/* A segment is closed and the nth call of this kind fails, with records before, between and behind. */
static void close_with_fault(const char *dir, enum fs_call call, int nth)
{
    folder_empty(dir);
    struct spool *spool = start(dir, SYNC_BY_HAND, SEGMENT);
    struct source *src = add_file(spool, 1);
    const struct fs_fault fault = {.call = call, .nth = nth, .fail = EIO};
    put(spool, src, 300);
    sync_now(spool);
    put(spool, src, SEGMENT);
    ino_t old = inode_of(spool->fd);
    put(spool, src, 100); /* begins the next one */
    assert_non_null(spool->closing);
    ino_t next = inode_of(spool->fd);
    fs_set_faults(&fault, 1);
    n_synced = 0;
    put(spool, src, 50);
    do_steps(spool);
    put(spool, src, 60);
    fs_set_faults(NULL, 0);
    check_after_kill(dir, 510 + SEGMENT);
    sync_now(spool);
    assert_true(spool_is_durable(spool, spool_mark(spool)));
    check_all_is_read(spool, 510 + SEGMENT);
    check_after_kill(dir, 510 + SEGMENT);
    if (call == FS_SYNC && nth == 1)
        assert_int_equal(times_synced(old) + times_synced(next), 0); /* finished */
    if (call == FS_SYNC && nth == 2)
        assert_int_equal(times_synced(next), 0);
    spool_close(spool);
}

static void a_segment_whose_closing_fails_loses_nothing(void **state)
{
    close_with_fault(*state, FS_SYNC, 1);     /* the old one */
    close_with_fault(*state, FS_SYNC, 2);     /* the new one */
    close_with_fault(*state, FS_RENAME, 1);   /* the old one's name */
    close_with_fault(*state, FS_SYNC_DIR, 1); /* the folder */
}

/* Its reader stands in the segment that goes. */
static void a_reader_outlives_the_segment_that_is_replaced(void **state)
{
    for (int nth = 1; nth <= 2; nth++) {
        folder_empty(*state);
        struct spool *spool = start(*state, SYNC_BY_HAND, SEGMENT);
        struct source *src = add_file(spool, 1);
        struct spool_item item;
        const struct fs_fault fault = {.call = FS_SYNC, .nth = nth, .fail = EIO};
        put(spool, src, SEGMENT);
        put(spool, src, 100);
        put(spool, src, 100);
        for (int i = 0; i < 2; i++)
            assert_int_equal(take(spool, &item), 1);
        assert_ptr_equal(spool->reader.seg, spool->last);
        const char *bytes = item.chunk.bytes;
        fs_set_faults(&fault, 1);
        do_steps(spool);
        fs_set_faults(NULL, 0);
        for (size_t i = 0; i < 100; i++) /* what it gave out is still there */
            assert_int_equal(bytes[i], known_byte(1, SEGMENT + i));
        assert_int_equal(take(spool, &item), 1);
        assert_int_equal(item.chunk.from, SEGMENT + 100);
        assert_int_equal(take(spool, &item), 0);
        spool_rewind(spool);
        check_all_is_read(spool, SEGMENT + 200);
        spool_close(spool);
    }
}

static void a_failing_cursor_sync_is_not_repeated(void **state)
{
    struct spool *spool = start(*state, SYNC_BY_HAND, 1 << 20);
    struct err err;
    put(spool, add_file(spool, 1), 100);
    sync_now(spool);
    spool_delivered(spool, spool_end(spool));
    assert_int_equal(spool_save_cursor(spool, false, &err), 0);
    assert_true(spool_cursor_is_dirty(spool));
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    spool_sync_cursor(spool);
    do_steps(spool);
    fs_set_faults(NULL, 0);
    assert_false(spool_cursor_is_dirty(spool));
    assert_false(spool_is_dirty(spool));
    spool_close(spool);
}

static void a_cursor_is_synced_with_or_behind_what_is_under_way(void **state)
{
    struct spool *spool = start(*state, SYNC_BY_HAND, 1 << 20);
    struct err err;
    put(spool, add_file(spool, 1), 100);
    begin_sync(spool);
    spool_delivered(spool, (struct spool_pos) {.seq = 2, .done = 5});
    assert_int_equal(spool_save_cursor(spool, false, &err), 0);
    spool_sync_cursor(spool);
    do_steps(spool);
    assert_true(syncer_is_busy(spool->syncer)); /* the cursor's turn */
    ino_t cursor = inode_of(spool->cursor.fd);
    size_t before = times_synced(cursor);
    do_steps(spool);
    assert_int_equal(times_synced(cursor), before + 1);
    assert_false(spool_cursor_is_dirty(spool));
    spool_close(spool);
}

/* ---- the end ---- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The lock stays: what hangs may still rename. When it comes back it frees itself (the leak checker looks). */
static void closing_does_not_wait_for_a_broken_disk_beyond_the_deadline(void **state)
{
    struct spool *spool = start(*state, SYNC_THREAD, 1 << 20);
    const struct spool_config config = {.path = *state, .segment_bytes = SEGMENT};
    struct spool *other;
    struct err err;
    put(spool, add_file(spool, 1), 100);
    hold_syncs();
    begin_sync(spool);
    see_it_wait();
    int lock_fd = spool->lock_fd, fd = spool->fd, cursor_fd = spool->cursor.fd;
    int64_t start_ns = now_ns();
    spool_wait_until(spool, start_ns + 20 * NS_PER_MS);
    assert_int_equal(spool_sync(spool, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    spool_close(spool);
    assert_true(now_ns() - start_ns < 5 * NS_PER_S);
    assert_int_equal(spool_open(&other, &config, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    n_synced = 0;
    open_gate();
    while (n_synced == 0)
        sched_yield();
    fs_set_faults(NULL, 0);
    close(fd);
    close(cursor_fd);
    close(lock_fd);
    spool = start(*state, SYNC_INLINE, 1 << 20);
    check_all_is_read(spool, 100);
    spool_close(spool);
}

static void an_idle_helper_ends_at_once(void **state)
{
    for (int i = 0; i < 50; i++) {
        struct spool *spool = start(*state, SYNC_THREAD, 1 << 20);
        if (i % 2)
            put(spool, file_of(spool, 1) ? file_of(spool, 1) : add_file(spool, 1), 10);
        if (i % 3 == 0)
            begin_sync(spool);
        spool_close(spool);
    }
}

/* ---- as fast as it goes ---- */

static void appends_syncs_and_deliveries_run_side_by_side(void **state)
{
    struct spool *spool = start(*state, SYNC_THREAD, 4 * SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    random_begin("side by side");
    uint64_t read_to = 0;
    for (int i = 0; i < 3000; i++) {
        put(spool, src, random_below(300));
        if (random_below(3) == 0)
            begin_sync(spool);
        take_note(spool);
        while (random_below(2) && take(spool, &item)) {
            read_to = item.chunk.to;
            delivered_up_to(spool, &item);
        }
        if (random_below(20) == 0) {
            assert_int_equal(spool_save_cursor(spool, false, &err), 0);
            spool_sync_cursor(spool);
        }
    }
    uint64_t to = src->offset;
    spool_close(spool);
    spool = start(*state, SYNC_THREAD, 4 * SEGMENT);
    struct reach reach;
    take_all(spool, &reach);
    if (reach.has_begun[1]) {
        assert_int_equal(reach.from[1], read_to);
        assert_int_equal(reach.to[1], to);
    } else {
        assert_int_equal(read_to, to);
    }
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(appending_goes_on_while_a_sync_hangs),
        IN_FOLDER(a_segment_is_closed_without_waiting),
        IN_FOLDER(a_delivered_segment_stays_until_the_next_one_is_durable),
        IN_FOLDER(a_reader_finds_a_segment_that_is_being_renamed),
        IN_FOLDER(waiting_takes_what_was_begun_and_the_rest),
        IN_FOLDER(in_memory_there_is_no_thread),
        IN_FOLDER(a_segment_whose_closing_fails_loses_nothing),
        IN_FOLDER(a_reader_outlives_the_segment_that_is_replaced),
        IN_FOLDER(a_failing_cursor_sync_is_not_repeated),
        IN_FOLDER(a_cursor_is_synced_with_or_behind_what_is_under_way),
        IN_FOLDER(closing_does_not_wait_for_a_broken_disk_beyond_the_deadline),
        IN_FOLDER(an_idle_helper_ends_at_once),
        IN_FOLDER(appends_syncs_and_deliveries_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
