/* test_spool_powercut.c: the disk as a power cut leaves it at each sync, and as a kill leaves it before each write.
 *
 * fdatasync, fsync, rename and pwritev are this file's own: they note which bytes and which names are on the disk for good.
 * A cut leaves those; what was written since may be there or not, file by file. A kill leaves all that was written. Then
 * the spool is opened in what is left. The steps of the helper thread are done by hand, with appends between them.
 */
#include "posta_test.h"
#include "spool/store.h"

#include <sys/syscall.h>

enum { N_FILES = 3, N_STEPS = 40, N_ROUNDS = 20, SEGMENT = 700, MAX_CUTS = 4000 };

/* ---- the disk ---- */

struct inode {
    ino_t ino;
    struct buf bytes; /* as synced last */
};

static struct {
    bool is_watched;
    const char *dir;
    struct inode inode[512];
    size_t n_inodes;
    struct {
        char name[32];
        ino_t ino;
    } name[64]; /* as the folder was synced last */
    size_t n_names;
} disk;

static struct cut {
    struct folder left;
    uint64_t durable[MAX_FILES], delivered[MAX_FILES];
} * cuts;
static size_t n_cuts;

static uint64_t appended[MAX_FILES], durable[MAX_FILES], delivered[MAX_FILES];

/* When the mark is durable, this is. */
static struct {
    uint64_t mark; /* 0 = none */
    uint64_t to[MAX_FILES];
} promise;

static struct inode *inode_of(ino_t ino)
{
    for (size_t i = 0; i < disk.n_inodes; i++)
        if (disk.inode[i].ino == ino)
            return &disk.inode[i];
    return NULL;
}

static void note_bytes(int fd)
{
    struct stat st;
    char path[64];
    assert_int_equal(fstat(fd, &st), 0);
    struct inode *inode = inode_of(st.st_ino);
    if (!inode) {
        assert_true(disk.n_inodes < COUNT(disk.inode));
        inode = &disk.inode[disk.n_inodes++];
        inode->ino = st.st_ino;
    }
    snprintf(path, sizeof(path), "%d", fd);
    file_read("/proc/self/fd", path, &inode->bytes);
}

static void note_names(void)
{
    DIR *stream = opendir(disk.dir);
    disk.n_names = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_type != DT_REG || strcmp(entry->d_name, "lock") == 0)
            continue;
        assert_true(disk.n_names < COUNT(disk.name));
        snprintf(disk.name[disk.n_names].name, sizeof(disk.name[0].name), "%.31s", entry->d_name);
        disk.name[disk.n_names++].ino = entry->d_ino;
    }
    closedir(stream);
}

static void keep(struct cut *cut, const char *name, const struct buf *bytes)
{
    struct folder_file *file = &cut->left.file[cut->left.n++];
    snprintf(file->name, sizeof(file->name), "%s", name);
    file->bytes = (struct buf)BUF_INIT;
    if (bytes)
        buf_append(&file->bytes, bytes->data, bytes->len);
}

static struct cut *begin_cut(void)
{
    assert_true(n_cuts < MAX_CUTS);
    struct cut *cut = &cuts[n_cuts++];
    cut->left.n = 0;
    memcpy(cut->durable, durable, sizeof(durable));
    memcpy(cut->delivered, delivered, sizeof(delivered));
    return cut;
}

/* Nothing is left but what was synced. */
static void cut_to_the_synced(void)
{
    struct cut *cut = begin_cut();
    for (size_t i = 0; i < disk.n_names; i++) {
        const struct inode *inode = inode_of(disk.name[i].ino);
        keep(cut, disk.name[i].name, inode ? &inode->bytes : NULL);
    }
}

/* The names are those of now; of each file the synced bytes, those of now, or a part of what is new. */
static void cut_with_some_of_the_new(void)
{
    struct cut *cut = begin_cut();
    struct folder now = {.n = 0};
    folder_read(disk.dir, &now);
    for (size_t i = 0; i < now.n; i++) {
        struct stat st;
        char *path = path_in(disk.dir, now.file[i].name);
        struct buf *bytes = &now.file[i].bytes;
        assert_int_equal(stat(path, &st), 0);
        const struct inode *inode = inode_of(st.st_ino);
        size_t old = inode ? inode->bytes.len : 0;
        if (old < bytes->len)
            bytes->len = old + random_below(bytes->len - old + 1);
        keep(cut, now.file[i].name, bytes);
        free(path);
    }
    folder_free(&now);
}

static void kill_here(void)
{
    struct cut *cut = begin_cut();
    memcpy(cut->durable, appended, sizeof(appended));
    folder_read(disk.dir, &cut->left);
}

static void cut_here(void)
{
    cut_to_the_synced();
    cut_with_some_of_the_new();
}

int fdatasync(int fd)
{
    if (disk.is_watched) {
        cut_here();
        note_bytes(fd);
        cut_here();
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n_iov, off_t at)
{
    if (disk.is_watched)
        kill_here();
    return syscall(SYS_pwritev, fd, iov, n_iov, at, 0);
}

/* Only folders are synced by it. */
int fsync(int fd)
{
    if (disk.is_watched) {
        cut_here();
        note_names();
        cut_here();
    }
    return (int)syscall(SYS_fsync, fd);
}

/* fs.c uses it for nothing else. */
int rename(const char *from, const char *to)
{
    if (disk.is_watched)
        cut_here();
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (disk.is_watched) {
        kill_here();
        cut_here();
    }
    return rc;
}

static void watch_begin(const char *dir)
{
    disk.n_inodes = 0;
    disk.n_names = 0;
    disk.dir = dir;
    memset(appended, 0, sizeof(appended));
    memset(durable, 0, sizeof(durable));
    memset(delivered, 0, sizeof(delivered));
    promise.mark = 0;
    cuts = calloc(MAX_CUTS, sizeof(*cuts));
    n_cuts = 0;
    disk.is_watched = true;
}

static void watch_end(void)
{
    disk.is_watched = false;
    for (size_t i = 0; i < COUNT(disk.inode); i++)
        buf_free(&disk.inode[i].bytes);
    for (size_t i = 0; i < n_cuts; i++)
        folder_free(&cuts[i].left);
    free(cuts);
}

/* ---- what must be true after a cut ---- */

/* A position is never beyond the records that lead to it. */
static void check_positions(struct spool *spool, const struct cut *cut)
{
    struct reach reach;
    take_all(spool, &reach);
    for (uint64_t ino = 1; ino <= N_FILES; ino++) {
        struct source *src = file_of(spool, ino);
        uint64_t offset = src ? src->offset : 0;
        assert_true(offset >= cut->durable[ino]);
        if (reach.has_begun[ino]) {
            assert_true(reach.from[ino] <= cut->delivered[ino]);
            assert_int_equal(reach.to[ino], offset);
        } else {
            assert_true(offset <= cut->delivered[ino]);
        }
    }
    assert_int_equal(spool_stats(spool)->missing_records, 0);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
}

static void check_all_cuts(const char *dir)
{
    char *copy = path_in(dir, "left");
    disk.is_watched = false;
    test_sync_way = SYNC_INLINE;
    assert_int_equal(mkdir(copy, 0700), 0);
    for (size_t i = 0; i < n_cuts; i++) {
        folder_write(copy, &cuts[i].left);
        struct spool *spool = spool_start(copy, 0, SEGMENT);
        check_positions(spool, &cuts[i]);
        spool_close(spool);
    }
    folder_empty(copy);
    rmdir(copy);
    print_message("%zu power cuts and kills\n", n_cuts);
    free(copy);
}

/* ---- the script ---- */

static void append_one(struct spool *spool, uint64_t ino, size_t len)
{
    struct source *src = file_of(spool, ino);
    put(spool, src ? src : add_file(spool, ino), len);
    appended[ino] = file_of(spool, ino)->offset;
}

static void sync_and_note(struct spool *spool)
{
    sync_now(spool);
    memcpy(durable, appended, sizeof(durable));
}

static void deliver_one(struct spool *spool)
{
    struct spool_item item;
    struct err err;
    if (!take(spool, &item))
        return;
    delivered[item.src->id.ino] = item.chunk.to;
    delivered_up_to(spool, &item);
    (void)(spool_save_cursor(spool, item.seq % 2, &err) == 0); /* may be made to fail */
}

static void run_steps(struct spool *spool)
{
    for (int step = 0; step < N_STEPS; step++) {
        append_one(spool, 1 + (uint64_t)step % N_FILES, (size_t)(step * 37 % 200 + 1));
        if (step % 4 == 3)
            sync_and_note(spool);
        if (step % 2 == 1)
            deliver_one(spool);
    }
}

static void records_outlive_power_cuts_and_kills(void **state)
{
    random_begin("power cut");
    watch_begin(*state);
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    run_steps(spool);
    spool_close(spool);
    check_all_cuts(*state);
    watch_end();
}

/* ---- the same with the helper's steps in between ---- */

static void note_promise(struct spool *spool)
{
    if (!promise.mark || !spool_is_durable(spool, promise.mark))
        return;
    for (int ino = 0; ino < MAX_FILES; ino++)
        if (promise.to[ino] > durable[ino])
            durable[ino] = promise.to[ino];
    promise.mark = 0;
}

static void make_promise(struct spool *spool)
{
    if (promise.mark)
        return;
    promise.mark = spool_mark(spool);
    memcpy(promise.to, appended, sizeof(appended));
}

/* What is synced by itself, when a segment is closed, is promised too. */
static void step_by_hand(struct spool *spool)
{
    struct err err;
    if (random_below(3) == 0)
        (void)(spool_sync_start(spool, &err) < 0); /* some shall fail */
    make_promise(spool);
    for (uint64_t n = random_below(3); n > 0; n--)
        syncer_step(spool->syncer);
    (void)(spool_sync_done(spool, &err) == 0); /* the same */
    note_promise(spool);
}

/* It may be made to fail: then nothing has moved. */
static void try_append(struct spool *spool, uint64_t ino, size_t len)
{
    struct err err;
    struct source *src = file_of(spool, ino);
    if (!src && try_add(spool, ino, &src, &err))
        return;
    (void)(try_put(spool, src, len, &err) == 0);
    appended[ino] = src->offset;
}

static void try_sync(struct spool *spool)
{
    struct err err;
    if (spool_sync(spool, &err) == 0)
        memcpy(durable, appended, sizeof(durable));
}

static void run_steps_by_hand(struct spool *spool)
{
    for (uint64_t step = 0; step < N_STEPS; step++) {
        try_append(spool, 1 + step % N_FILES, random_below(250));
        step_by_hand(spool);
        if (random_below(3) == 0)
            deliver_one(spool);
        if (random_below(10) == 0)
            try_sync(spool);
    }
}

/* fault: of all syncs, or NULL. */
static void run_by_hand(const char *dir, const struct fs_fault *fault)
{
    folder_empty(dir);
    watch_begin(dir);
    test_sync_way = SYNC_BY_HAND;
    struct spool *spool = spool_start(dir, 0, SEGMENT);
    fs_set_faults(fault, fault != NULL);
    run_steps_by_hand(spool);
    fs_set_faults(NULL, 0);
    spool_close(spool);
    check_all_cuts(dir);
    watch_end();
}

static void closing_step_by_step_outlives_power_cuts_and_kills(void **state)
{
    random_begin("power cut by hand");
    for (int round = 0; round < N_ROUNDS; round++)
        run_by_hand(*state, NULL);
}

static void failing_steps_outlive_power_cuts_and_kills(void **state)
{
    static const enum fs_call calls[] = {FS_SYNC, FS_SYNC, FS_RENAME, FS_SYNC_DIR};
    random_begin("power cut and failing steps");
    for (int round = 0; round < N_ROUNDS; round++) {
        const struct fs_fault fault = {.call = calls[random_below(COUNT(calls))],
                                       .nth = 1 + (int)random_below(12),
                                       .times = 1 + (int)random_below(3),
                                       .fail = EIO};
        run_by_hand(*state, &fault);
    }
}

/* What a kill left is durable once a start has closed it: a power cut after that start takes none of it. */
static void a_power_cut_behind_a_kill_takes_no_record(void **state)
{
    random_begin("power cut behind a kill");
    watch_begin(*state);
    test_sync_way = SYNC_BY_HAND;
    struct spool *killed = spool_start(*state, 0, SEGMENT);
    run_steps_by_hand(killed);
    uint64_t before[MAX_FILES];
    memcpy(before, appended, sizeof(before));
    close(killed->lock_fd);
    killed->lock_fd = -1;
    test_sync_way = SYNC_INLINE;
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    memcpy(durable, before, sizeof(durable));
    append_one(spool, 1, 10);
    sync_and_note(spool);
    cut_here();
    disk.is_watched = false;
    spool_close(spool);
    check_all_cuts(*state);
    spool_close(killed); /* only now: it has nothing left to spoil */
    watch_end();
}

/* A record of the old segment that was never synced must not count because of the new segment's checkpoint. */
static void a_cut_or_kill_during_the_replacement_of_a_failed_segment_takes_no_record(void **state)
{
    random_begin("power cut in replacement");
    watch_begin(*state);
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    append_one(spool, 1, 100);
    sync_and_note(spool);
    append_one(spool, 1, 100);
    append_one(spool, 2, 100);
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    sync_and_note(spool);
    fs_set_faults(NULL, 0);
    append_one(spool, 2, 100);
    spool_close(spool);
    check_all_cuts(*state);
    watch_end();
}

static void syncs_that_fail_now_and_then_outlive_power_cuts_and_kills(void **state)
{
    random_begin("power cut and failing syncs");
    for (int nth = 2; nth < 12; nth++) {
        const struct fs_fault fault = {.call = FS_SYNC, .nth = nth, .fail = EIO};
        struct err err;
        folder_empty(*state);
        watch_begin(*state);
        struct spool *spool = spool_start(*state, 0, 1 << 20);
        fs_set_faults(&fault, 1);
        for (uint64_t step = 0; step < 12; step++) {
            append_one(spool, 1 + step % N_FILES, 50);
            if (step % 2 && spool_sync(spool, &err) == 0)
                memcpy(durable, appended, sizeof(durable));
        }
        fs_set_faults(NULL, 0);
        spool_close(spool);
        check_all_cuts(*state);
        watch_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(records_outlive_power_cuts_and_kills),
        IN_FOLDER(closing_step_by_step_outlives_power_cuts_and_kills),
        IN_FOLDER(failing_steps_outlive_power_cuts_and_kills),
        IN_FOLDER(a_power_cut_behind_a_kill_takes_no_record),
        IN_FOLDER(a_cut_or_kill_during_the_replacement_of_a_failed_segment_takes_no_record),
        IN_FOLDER(syncs_that_fail_now_and_then_outlive_power_cuts_and_kills),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
