/* test_spool_faults.c: every call the spool makes to the disk fails once, and for ever, at each of its places.
 *
 * One script of work runs again and again; run n fails at the nth call of one kind. Whatever happens, what was synced is there
 * after a kill and after a close, nothing twice, and the spool works again once the disk does. All of it three times: syncs are
 * done at once, by the helper thread, and step by step between the others' calls.
 */
#include "posta_test.h"
#include "spool/store.h"

#include <sys/syscall.h>

enum { N_FILES = 3, N_STEPS = 60, SEGMENT = 1000 };

/* ---- fdatasync, seen from here ---- */

static ino_t synced[4096];
static size_t n_synced;

/* In place of libc's: notes which file it was. */
int fdatasync(int fd)
{
    struct stat st;
    if (n_synced < COUNT(synced) && fstat(fd, &st) == 0)
        synced[n_synced++] = st.st_ino;
    return (int)syscall(SYS_fdatasync, fd);
}

/* ---- the script ---- */

struct run {
    const char *dir;
    struct spool *spool;
    uint64_t appended[MAX_FILES], durable[MAX_FILES], delivered[MAX_FILES];
    unsigned n_failed;
    uint64_t promised[MAX_FILES], mark; /* durable when the mark is; 0 = no promise */
};

static _Atomic(unsigned) n_met; /* faults in this run */

static void count_fault(void)
{
    n_met++;
}

static int note(struct run *run, int rc)
{
    run->n_failed += rc < 0;
    return rc;
}

static void step_append(struct run *run, int step)
{
    struct err err;
    uint64_t ino = 1 + (uint64_t)step % N_FILES;
    struct source *src = file_of(run->spool, ino);
    if (!src && note(run, try_add(run->spool, ino, &src, &err)))
        return;
    uint64_t before = src->offset;
    if (note(run, try_put(run->spool, src, (size_t)(step * 37 % 200 + 1), &err)))
        assert_int_equal(src->offset, before);
    run->appended[ino] = src->offset;
}

static void step_sync(struct run *run)
{
    struct err err;
    if (note(run, spool_sync(run->spool, &err)) == 0)
        memcpy(run->durable, run->appended, sizeof(run->durable));
}

/* Begin a sync, and see what became of the one before. */
static void step_begin_sync(struct run *run)
{
    struct err err;
    if (run->mark && spool_is_durable(run->spool, run->mark)) {
        memcpy(run->durable, run->promised, sizeof(run->durable));
        run->mark = 0;
    }
    if (!run->mark) {
        run->mark = spool_mark(run->spool);
        memcpy(run->promised, run->appended, sizeof(run->promised));
    }
    note(run, spool_sync_start(run->spool, &err));
    for (int i = 0; i < 3 && test_sync_way == SYNC_BY_HAND; i++)
        syncer_step(run->spool->syncer);
    if (test_sync_way == SYNC_THREAD && run->spool->next_seq % 2)
        (void)syncer_wait(run->spool->syncer,
                          INT64_MAX); /* now and then it is faster than the others */
    note(run, spool_sync_done(run->spool, &err));
}

static void step_deliver(struct run *run)
{
    struct err err;
    struct spool_item item;
    int rc = note(run, spool_next(run->spool, &item, &err));
    if (rc < 0)
        spool_rewind(run->spool); /* as the sender does */
    if (rc <= 0)
        return;
    assert_int_equal(item.chunk.from + item.skip, run->delivered[item.src->id.ino]);
    run->delivered[item.src->id.ino] = item.chunk.to;
    delivered_up_to(run->spool, &item);
    note(run, spool_save_cursor(run->spool, item.seq % 3 == 0, &err));
    if (item.seq % 3 == 1)
        spool_sync_cursor(run->spool);
}

static void run_steps(struct run *run)
{
    for (int step = 0; step < N_STEPS; step++) {
        step_append(run, step);
        if (step % 8 == 7)
            step_sync(run);
        else
            step_begin_sync(run);
        if (step % 2 == 1)
            step_deliver(run);
        if (step == N_STEPS / 2)
            spool_rewind(run->spool);
    }
}

/* ---- what must be true ---- */

/* All that was synced is there, positions are where the items end, and nothing that was delivered is left out. */
static void check_content(const struct run *run, struct spool *spool, bool is_cursor_exact)
{
    struct reach reach;
    take_all(spool, &reach);
    for (uint64_t ino = 1; ino <= N_FILES; ino++) {
        struct source *src = file_of(spool, ino);
        assert_true(src || run->durable[ino] == 0);
        if (!src)
            continue;
        assert_true(src->offset >= run->durable[ino]);
        if (reach.has_begun[ino]) {
            assert_int_equal(reach.to[ino], src->offset);
            assert_true(reach.from[ino] <= run->delivered[ino]);
            assert_true(!is_cursor_exact || reach.from[ino] == run->delivered[ino]);
        } else {
            assert_true(run->delivered[ino] >= src->offset);
        }
    }
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
}

/* The files as they are now, which is what a kill leaves. */
static void check_after_kill(const struct run *run)
{
    struct folder now = {.n = 0};
    char *copy = path_in(run->dir, "copy");
    enum sync_way way = test_sync_way;
    (void)syncer_wait(run->spool->syncer,
                      INT64_MAX); /* so that no name changes while it is copied */
    test_sync_way = SYNC_INLINE;
    folder_read(run->dir, &now);
    assert_int_equal(mkdir(copy, 0700), 0);
    folder_write(copy, &now);
    struct spool *spool = spool_start(copy, 0, SEGMENT);
    check_content(run, spool, false);
    spool_close(spool);
    test_sync_way = way;
    folder_empty(copy);
    rmdir(copy);
    free(copy);
    folder_free(&now);
}

static void check_after_close(struct run *run)
{
    for (int i = 0; i < N_FILES; i++)
        step_append(run, i);
    sync_now(run->spool);
    memcpy(run->durable, run->appended, sizeof(run->durable));
    spool_close(run->spool);
    run->spool = spool_start(run->dir, 0, SEGMENT);
    check_content(run, run->spool, true);
    spool_close(run->spool);
}

static void run_with(const char *dir, const struct fs_fault *fault, struct run *run)
{
    const struct spool_config config = {
        .path = dir, .segment_bytes = SEGMENT, .sync_way = test_sync_way};
    struct err err = ERR_INIT;
    folder_empty(dir);
    *run = (struct run) {.dir = dir};
    n_met = 0;
    fs_set_faults(fault, 1);
    if (note(run, spool_open(&run->spool, &config, &err)) == 0)
        run_steps(run);
    fs_set_faults(NULL, 0);
    if (run->spool) {
        check_after_kill(run);
        unsigned n_failed = run->n_failed;
        check_after_close(run);
        assert_int_equal(run->n_failed, n_failed); /* the disk works: so does the spool */
    } else {
        spool_close(spool_start(dir, 0, SEGMENT));
    }
}

/* Fails at each place of this kind, once and from there on, until a run meets no fault. */
static int fail_at_each_place(const char *dir, enum fs_call call, int error, size_t short_len)
{
    struct run run;
    const struct fs_fault never = {.call = call, .nth = 1000000};
    run_with(dir, &never, &run);
    assert_int_equal(run.n_failed, 0);
    for (int n = 1;; n++) {
        const struct fs_fault once = {
            .call = call, .nth = n, .fail = error, .short_len = short_len, .meets = count_fault};
        struct fs_fault from_now = once;
        from_now.times = -1;
        run_with(dir, &once, &run);
        if (n_met == 0)
            return n - 1;
        run_with(dir, &from_now, &run);
    }
}

static void fail_everywhere(const char *dir, enum fs_call call, int error, size_t short_len)
{
    static const enum sync_way ways[] = {SYNC_INLINE, SYNC_THREAD, SYNC_BY_HAND};
    int n_places[COUNT(ways)];
    for (size_t i = 0; i < COUNT(ways); i++) {
        test_sync_way = ways[i];
        n_places[i] = fail_at_each_place(dir, call, error, short_len);
    }
    print_message("%d, %d and %d places\n", n_places[0], n_places[1], n_places[2]);
}

static void open_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_OPEN, EMFILE, 0);
}

static void read_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_READ, EIO, 0);
}

static void write_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_WRITE, EIO, 0);
}

static void disk_may_be_full_anywhere(void **state)
{
    fail_everywhere(*state, FS_WRITE, ENOSPC, 33);
}

static void sync_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_SYNC, EIO, 0);
}

static void sync_of_the_folder_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_SYNC_DIR, EIO, 0);
}

static void truncate_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_TRUNCATE, EIO, 0);
}

static void rename_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_RENAME, EIO, 0);
}

static void unlink_may_fail_anywhere(void **state)
{
    fail_everywhere(*state, FS_UNLINK, EIO, 0);
}

/* ---- single cases ---- */

static void a_failed_append_says_where_and_leaves_the_file_as_it_was(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    uint64_t size = spool->last->size;
    const struct fs_fault fault = {.call = FS_WRITE, .nth = 1, .fail = ENOSPC, .short_len = 40};
    struct err err;
    fs_set_faults(&fault, 1);
    assert_int_equal(try_put(spool, src, 100, &err), -1);
    fs_set_faults(NULL, 0);
    char *text = mem_printf(
        "spool %s: segment 0000000000000001: write at byte %llu: No space left on device",
        (char *)*state, (unsigned long long)size);
    struct stat st;
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, ERR_FULL);
    assert_int_equal(src->offset, 100);
    assert_int_equal(fstat(spool->fd, &st), 0);
    assert_int_equal(st.st_size, size);
    free(text);
    spool_close(spool);
}

static void a_failed_sync_moves_the_records_to_a_new_segment(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    sync_now(spool);
    put(spool, src, 50);
    put(spool, src, 60);
    struct stat failed;
    assert_int_equal(fstat(spool->fd, &failed), 0);
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    n_synced = 0;
    sync_now(spool);
    fs_set_faults(NULL, 0);
    put(spool, src, 70);
    sync_now(spool);
    for (size_t i = 0; i < n_synced; i++)
        assert_int_not_equal(synced[i], failed.st_ino);
    assert_true(n_synced >= 2);
    assert_int_equal(spool_stats(spool)->segments, 2);
    assert_true(file_exists(*state, "0000000000000001.seg"));
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 0);
    assert_int_equal(reach.to[1], 280);
    spool_close(spool);
}

static void a_reader_in_the_failed_segment_sees_each_record_once(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    for (int i = 0; i < 4; i++)
        put(spool, src, 50);
    for (uint64_t from = 0; from < 100; from += 50) {
        assert_int_equal(take(spool, &item), 1);
        assert_int_equal(item.chunk.from, from);
    }
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    sync_now(spool);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 100);
    assert_int_equal(reach.to[1], 200);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    spool_close(spool);
}

/* The disk may keep any part of what it could not sync: only the new segment's copy counts. */
static void damage_behind_a_failed_sync_takes_nothing(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    sync_now(spool);
    uint64_t unsynced = spool->last->size;
    put(spool, src, 100);
    put(spool, src, 100);
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    sync_now(spool);
    fs_set_faults(NULL, 0);
    put(spool, src, 100);
    spool_close(spool);
    struct buf bytes = BUF_INIT;
    file_read(*state, "0000000000000001.seg", &bytes);
    if (bytes.len > unsynced)
        bytes.data[unsynced + 80] ^= 1;
    file_write(*state, "0000000000000001.seg", bytes.data, bytes.len);
    buf_free(&bytes);
    spool = spool_start(*state, 0, 1 << 20);
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.from[1], 0);
    assert_int_equal(reach.to[1], 400);
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    spool_close(spool);
}

static void a_failing_replacement_is_an_error_and_is_made_up_for_later(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    put(spool, src, 100);
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .times = -1, .fail = EIO};
    struct err err;
    fs_set_faults(&fault, 1);
    assert_int_equal(spool_sync(spool, &err), -1);
    assert_int_equal(try_put(spool, src, 100, &err), -1);
    char *text = mem_printf(
        "spool %s: begin segment %s/0000000000000002.open: sync to disk: Input/output error",
        (char *)*state, (char *)*state);
    assert_string_equal(err.text, text);
    assert_int_equal(src->offset, 100);
    assert_true(spool_is_dirty(spool));
    assert_false(file_exists(*state, "0000000000000002.open"));
    fs_set_faults(NULL, 0);
    put(spool, src, 100);
    sync_now(spool);
    assert_false(spool_is_dirty(spool));
    struct reach reach;
    take_all(spool, &reach);
    assert_int_equal(reach.to[1], 200);
    free(text);
    spool_close(spool);
}

static void a_rewind_that_cannot_open_is_not_an_empty_spool(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    put(spool, add_file(spool, 1), 100);
    const struct fs_fault fault = {.call = FS_OPEN, .nth = 1, .times = -1, .fail = EMFILE};
    struct err err;
    struct spool_item item;
    fs_set_faults(&fault, 1);
    spool_rewind(spool);
    assert_int_equal(spool_next(spool, &item, &err), -1);
    fs_set_faults(NULL, 0);
    assert_int_equal(take(spool, &item), 1);
    spool_close(spool);
}

static void a_next_segment_that_cannot_be_opened_now_is_read_later(void **state)
{
    struct spool *spool = spool_start(*state, 0, 300);
    struct source *src = add_file(spool, 1);
    for (int i = 0; i < 6; i++)
        put(spool, src, 200);
    struct spool_item item;
    const struct fs_fault fault = {.call = FS_OPEN, .nth = 1, .fail = EMFILE};
    struct err err;
    fs_set_faults(&fault, 1);
    uint64_t at = 0;
    for (int rc; (rc = spool_next(spool, &item, &err)) != 0;) {
        if (rc < 0)
            continue;
        assert_int_equal(item.chunk.from, at);
        at = item.chunk.to;
    }
    assert_int_equal(at, 1200);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(open_may_fail_anywhere),
        IN_FOLDER(read_may_fail_anywhere),
        IN_FOLDER(write_may_fail_anywhere),
        IN_FOLDER(disk_may_be_full_anywhere),
        IN_FOLDER(sync_may_fail_anywhere),
        IN_FOLDER(sync_of_the_folder_may_fail_anywhere),
        IN_FOLDER(truncate_may_fail_anywhere),
        IN_FOLDER(rename_may_fail_anywhere),
        IN_FOLDER(unlink_may_fail_anywhere),
        IN_FOLDER(a_failed_append_says_where_and_leaves_the_file_as_it_was),
        IN_FOLDER(a_failed_sync_moves_the_records_to_a_new_segment),
        IN_FOLDER(a_reader_in_the_failed_segment_sees_each_record_once),
        IN_FOLDER(damage_behind_a_failed_sync_takes_nothing),
        IN_FOLDER(a_failing_replacement_is_an_error_and_is_made_up_for_later),
        IN_FOLDER(a_rewind_that_cannot_open_is_not_an_empty_spool),
        IN_FOLDER(a_next_segment_that_cannot_be_opened_now_is_read_later),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
