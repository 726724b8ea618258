/* test_spool_start.c: what a start costs, and what it does on a full disk.
 *
 * pread is this file's own: it counts the bytes that are read.
 */
#include "posta_test.h"

#include <sys/syscall.h>

static uint64_t bytes_read;

ssize_t pread(int fd, void *into, size_t len, off_t at)
{
    ssize_t n = syscall(SYS_pread64, fd, into, len, at);
    if (n > 0)
        bytes_read += (uint64_t)n;
    return n;
}

enum { SEGMENT = 64 * 1024, RECORD = 8 * 1024, HEADER = 64 };

static uint64_t fill_segments(const char *dir, uint64_t n_segments)
{
    struct spool *spool = spool_start(dir, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    while (spool_stats(spool)->segments < n_segments)
        put(spool, src, RECORD);
    put(spool, src, RECORD);
    sync_now(spool);
    uint64_t offset = src->offset;
    spool_close(spool);
    return offset;
}

/* Bytes that a start with so many segments reads, all of them undelivered, until the first record is given out. */
static uint64_t cost_of_start(const char *dir, uint64_t n_segments)
{
    struct spool_item item;
    folder_empty(dir);
    uint64_t offset = fill_segments(dir, n_segments);
    bytes_read = 0;
    struct spool *spool = spool_start(dir, 0, SEGMENT);
    assert_int_equal(take(spool, &item), 1);
    uint64_t cost = bytes_read;
    assert_int_equal(file_of(spool, 1)->offset, offset);
    assert_int_equal(item.chunk.from, 0);
    spool_close(spool);
    return cost;
}

static void a_start_reads_no_more_with_a_large_backlog_than_with_a_small_one(void **state)
{
    uint64_t few = cost_of_start(*state, 5), many = cost_of_start(*state, 200);
    print_message("bytes read at start: %llu with 5 segments, %llu with 200\n",
                  (unsigned long long)few, (unsigned long long)many);
    assert_true(few > 0);
    assert_true(many >= few);
    assert_true(many - few <= 195 * HEADER);
}

static ino_t inode_of(const char *dir, const char *name)
{
    struct stat st;
    char *path = path_in(dir, name);
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return st.st_ino;
}

/* On a full disk no inode and no block may be to be had: the reserve itself becomes the next segment. */
static void the_reserve_becomes_the_next_segment_on_a_full_disk(void **state)
{
    const struct fs_fault full = {.call = FS_WRITE, .nth = 1, .times = 2, .fail = ENOSPC};
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    put(spool, src, 1000);
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    ino_t reserve = inode_of(*state, "reserve");
    fs_set_faults(&full, 1); /* of the append, and of the new segment */
    put(spool, src, 1000);
    fs_set_faults(NULL, 0);
    assert_int_equal(inode_of(*state, "0000000000000002.open"), reserve);
    assert_true(file_exists(*state, "reserve")); /* another one */
    spool_close(spool);
    spool = spool_start(*state, 0, SEGMENT);
    assert_int_equal(spool_stats(spool)->torn_bytes, 0);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.chunk.from, 1000);
    assert_int_equal(take(spool, &item), 0);
    spool_close(spool);
}

/* A fifo would be waited for, a link lead elsewhere. */
static void what_is_named_like_a_segment_but_is_no_file_is_left_alone(void **state)
{
    struct spool_item item;
    char *fifo = path_in(*state, "0000000000000005.seg");
    char *link = path_in(*state, "0000000000000006.open");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    struct spool *spool = spool_start(*state, 0, SEGMENT);
    put(spool, add_file(spool, 1), 1000);
    assert_int_equal(take(spool, &item), 1);
    spool_close(spool);
    assert_true(file_exists(*state, "0000000000000005.seg"));
    assert_true(file_exists(*state, "0000000000000006.open"));
    free(fifo);
    free(link);
}

static void a_cursor_that_is_no_file_goes_to_bad(void **state)
{
    char *path = path_in(*state, "cursor");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(i ? mkfifo(path, 0600) : mkdir(path, 0700), 0);
        struct spool *spool = spool_start(*state, 0, SEGMENT);
        put(spool, add_file(spool, 1 + (uint64_t)i), 1000);
        spool_close(spool);
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(unlink(path), 0);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_start_reads_no_more_with_a_large_backlog_than_with_a_small_one),
        IN_FOLDER(the_reserve_becomes_the_next_segment_on_a_full_disk),
        IN_FOLDER(what_is_named_like_a_segment_but_is_no_file_is_left_alone),
        IN_FOLDER(a_cursor_that_is_no_file_goes_to_bad),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
