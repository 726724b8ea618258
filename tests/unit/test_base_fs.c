/* test_base_fs.c: file operations that keep their promise or say which one they could not keep. */
#include "posta_test.h"

#include <sys/wait.h>

static struct err err;

static char *text(struct buf *buf, const char *dir, const char *name)
{
    file_read(dir, name, buf);
    return mem_printf("%s", buf_str(buf));
}

static void assert_content(const char *dir, const char *name, const char *want)
{
    struct buf buf = BUF_INIT;
    char *found = text(&buf, dir, name);
    assert_string_equal(found, want);
    free(found);
    buf_free(&buf);
}

static int open_new(const char *dir, const char *name)
{
    char *path = path_in(dir, name);
    int fd = fs_open(path, O_RDWR | O_CREAT, 0600, &err);
    assert_true(fd >= 0);
    free(path);
    return fd;
}

/* ---- descriptors ---- */

static void descriptors_are_closed_on_exec(void **state)
{
    int fd = open_new(*state, "a");
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fs_close(fd), 0);
    assert_int_equal(fs_close(-1), 0);
}

static void opening_what_is_not_there_says_so(void **state)
{
    char *path = path_in(*state, "none");
    char *want = mem_printf("open %s: No such file or directory", path);
    assert_int_equal(fs_open(path, O_RDONLY, 0, &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    assert_string_equal(err.text, want);
    free(want);
    free(path);
}

static void a_read_is_short_only_at_the_end(void **state)
{
    char bytes[10];
    file_write(*state, "a", "0123456", 7);
    int fd = open_new(*state, "a");
    assert_int_equal(fs_pread(fd, bytes, 3, 2, &err), 3);
    assert_memory_equal(bytes, "234", 3);
    assert_int_equal(fs_pread(fd, bytes, 10, 2, &err), 5);
    assert_int_equal(fs_pread(fd, bytes, 10, 7, &err), 0);
    fs_close(fd);
}

static void parts_are_written_one_after_the_other(void **state)
{
    char a[] = "ab", b[] = "cde";
    struct iovec parts[] = {{a, 2}, {a, 0}, {b, 3}, {b, 0}};
    int fd = open_new(*state, "a");
    assert_int_equal(fs_pwritev(fd, parts, 4, 0, &err), 0);
    assert_int_equal(fs_pwrite(fd, "X", 1, 3, &err), 0);
    assert_int_equal(fs_pwrite(fd, "", 0, 3, &err), 0);
    assert_int_equal(fs_truncate(fd, 4, &err), 0);
    assert_int_equal(fs_sync(fd, &err), 0);
    fs_close(fd);
    assert_content(*state, "a", "abcX");
}

static void interrupted_calls_are_made_again(void **state)
{
    static const struct fs_fault faults[] = {
        {.call = FS_OPEN, .nth = 1, .times = 3, .fail = EINTR},
        {.call = FS_READ, .nth = 1, .times = 3, .fail = EINTR},
        {.call = FS_WRITE, .nth = 1, .times = 3, .fail = EINTR},
    };
    char byte;
    fs_set_faults(faults, COUNT(faults));
    int fd = open_new(*state, "a");
    assert_int_equal(fs_pwrite(fd, "abc", 3, 0, &err), 0);
    assert_int_equal(fs_pread(fd, &byte, 1, 2, &err), 1);
    assert_int_equal(byte, 'c');
    fs_close(fd);
}

static void a_short_write_leaves_its_bytes_and_says_where(void **state)
{
    static const struct fs_fault fault = {
        .call = FS_WRITE, .nth = 2, .fail = ENOSPC, .short_len = 3};
    char a[] = "ab", b[] = "cdef";
    struct iovec parts[] = {{a, 2}, {b, 4}};
    int fd = open_new(*state, "a");
    fs_set_faults(&fault, 1);
    assert_int_equal(fs_pwrite(fd, "1", 1, 0, &err), 0);
    assert_int_equal(fs_pwritev(fd, parts, 2, 1, &err), -1);
    assert_int_equal(err.kind, ERR_FULL);
    assert_string_equal(err.text, "write at byte 1: No space left on device");
    fs_close(fd);
    assert_content(*state, "a", "1abc");
}

static void faults_fail_the_calls_they_name(void **state)
{
    static const struct fs_fault rows[] = {
        {.call = FS_SYNC, .nth = 2, .fail = EIO},
        {.call = FS_TRUNCATE, .nth = 1, .times = -1, .fail = EROFS},
    };
    int fd = open_new(*state, "a");
    fs_set_faults(rows, COUNT(rows));
    assert_int_equal(fs_sync(fd, &err), 0);
    assert_int_equal(fs_sync(fd, &err), -1);
    assert_string_equal(err.text, "sync to disk: Input/output error");
    assert_int_equal(fs_sync(fd, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fs_truncate(fd, 5, &err), -1);
    assert_string_equal(err.text, "cut to 5 bytes: Read-only file system");
    fs_set_faults(NULL, 0);
    assert_int_equal(fs_truncate(fd, 5, &err), 0);
    fs_close(fd);
}

/* ---- whole files ---- */

static void a_file_is_read_whole_up_to_its_limit(void **state)
{
    struct buf buf = BUF_INIT;
    char *path = path_in(*state, "a"), bytes[10000];
    memset(bytes, 'x', sizeof(bytes));
    file_write(*state, "a", bytes, sizeof(bytes));
    buf_puts(&buf, "before ");
    assert_int_equal(fs_read_file(path, sizeof(bytes), &buf, &err), 0);
    assert_int_equal(buf.len, 7 + sizeof(bytes));
    assert_memory_equal(buf.data, "before xxx", 10);
    assert_int_equal(fs_read_file(path, sizeof(bytes) - 1, &buf, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_int_equal(fs_read_file(*state, 10, &buf, &err), -1);
    char *want = mem_printf("%s: read at byte 0: Is a directory", (char *)*state);
    assert_string_equal(err.text, want);
    free(want);
    free(path);
    buf_free(&buf);
}

static void a_replaced_file_is_the_new_one(void **state)
{
    char *path = path_in(*state, "a");
    struct stat st;
    file_write(*state, "a", "old content", 11);
    assert_int_equal(fs_replace(path, "new", 3, 0640, &err), 0);
    assert_content(*state, "a", "new");
    assert_false(file_exists(*state, "a.new"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    free(path);
}

/* Each durable step fails once: the old file is there until the rename, the new one after it. */
static void a_failed_replace_leaves_the_old_or_the_new_file(void **state)
{
    static const struct {
        struct fs_fault fault;
        const char *content, *text;
    } rows[] = {
        {{.call = FS_OPEN, .nth = 1, .fail = EACCES}, "old", "open %s.new: Permission denied"},
        {{.call = FS_WRITE, .nth = 1, .fail = ENOSPC, .short_len = 1},
         "old",
         "%s.new: write at byte 0: No space left on device"},
        {{.call = FS_SYNC, .nth = 1, .fail = EIO},
         "old",
         "%s.new: sync to disk: Input/output error"},
        {{.call = FS_RENAME, .nth = 1, .fail = EIO}, "old", NULL},
        {{.call = FS_SYNC_DIR, .nth = 1, .fail = EIO}, "new", NULL},
    };
    char *path = path_in(*state, "a");
    for (size_t i = 0; i < COUNT(rows); i++) {
        file_write(*state, "a", "old", 3);
        fs_set_faults(&rows[i].fault, 1);
        assert_int_equal(fs_replace(path, "new", 3, 0600, &err), -1);
        fs_set_faults(NULL, 0);
        assert_content(*state, "a", rows[i].content);
        size_t at = rows[i].text ? strcspn(rows[i].text, "%") : 0;
        if (rows[i].text) {
            assert_memory_equal(err.text, rows[i].text, at);
            assert_memory_equal(err.text + at, path, strlen(path));
            assert_string_equal(err.text + at + strlen(path), rows[i].text + at + 2);
        }
    }
    free(path);
}

static void names_are_changed_and_taken_away(void **state)
{
    char *a = path_in(*state, "a"), *b = path_in(*state, "b");
    file_write(*state, "a", "x", 1);
    assert_int_equal(fs_rename(a, b, &err), 0);
    assert_int_equal(fs_rename(a, b, &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    assert_int_equal(fs_unlink(b, &err), 0);
    assert_int_equal(fs_unlink(b, &err), -1);
    char *want = mem_printf("delete %s: No such file or directory", b);
    assert_string_equal(err.text, want);
    assert_int_equal(fs_sync_dir(b, &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    free(want);
    free(a);
    free(b);
}

/* ---- folders ---- */

static void folders_are_made_down_to_the_last(void **state)
{
    char *path = path_in(*state, "a//b/c/");
    struct stat st;
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs_make_dirs(path, 0700, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0700);
    free(path);
}

static unsigned n_met;

static void count_met(void)
{
    n_met++;
}

/* Each new one is there for good only when the one that it lies in is synced. */
static void what_a_new_folder_lies_in_is_synced(void **state)
{
    char *path = path_in(*state, "a/b");
    const struct fs_fault count = {.call = FS_SYNC_DIR, .nth = 1, .times = -1, .meets = count_met};
    const struct fs_fault fail = {.call = FS_SYNC_DIR, .nth = 1, .fail = EIO};
    fs_set_faults(&fail, 1);
    assert_int_equal(fs_make_dirs(path, 0700, &err), -1);
    char *want = mem_printf("make folder %s/a: sync folder %s: Input/output error", (char *)*state,
                            (char *)*state);
    assert_string_equal(err.text, want);
    assert_false(file_exists(*state, "a"));
    n_met = 0;
    fs_set_faults(&count, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs_make_dirs(path, 0700, &err), 0);
    fs_set_faults(NULL, 0);
    assert_int_equal(n_met, 2);
    free(want);
    free(path);
}

static void a_file_in_the_way_of_a_folder_is_named(void **state)
{
    char *path = path_in(*state, "a/b");
    file_write(*state, "a", "", 0);
    char *want = mem_printf("make folder %s: Not a directory", path);
    assert_int_equal(fs_make_dirs(path, 0700, &err), -1);
    assert_string_equal(err.text, want);
    free(want);
    free(path);
}

/* /proc is read-only for names, for root too. */
static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(fs_make_dirs("/proc/posta/spool", 0700, &err), -1);
    assert_string_equal(err.text, "make folder /proc/posta: No such file or directory");
    assert_int_equal(fs_make_dirs("/proc/sys", 0700, &err), 0);
}

static void a_folder_of_another_owner_is_denied(void **state)
{
    char *path = path_in(*state, "closed/new");
    char *parent = path_in(*state, "closed");
    assert_int_equal(mkdir(parent, 0500), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && (chmod(*state, 0755) || setuid(65534)))
            _exit(2);
        _exit(fs_make_dirs(path, 0700, &err) == -1 && err.kind == ERR_DENIED ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(path);
    free(parent);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char path[5000];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(fs_make_dirs(path, 0700, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
}

/* ---- the lock ---- */

static void a_second_holder_is_told_the_pid_of_the_first(void **state)
{
    char *path = path_in(*state, "lock"), *want;
    file_write(*state, "lock", "1234567890123\n", 14);
    int fd = fs_lock(path, &err);
    assert_true(fd >= 0);
    want = mem_printf("%d\n", (int)getpid());
    assert_content(*state, "lock", want);
    free(want);
    want = mem_printf("%s is held by another posta, pid %d", path, (int)getpid());
    assert_int_equal(fs_lock(path, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_string_equal(err.text, want);
    fs_close(fd);
    fd = fs_lock(path, &err);
    assert_true(fd >= 0);
    fs_close(fd);
    free(want);
    free(path);
}

/* No block for it on a full disk: the old pid is not taken for the new one. */
static void a_lock_holds_though_its_pid_cannot_be_written(void **state)
{
    const struct fs_fault full = {.call = FS_WRITE, .nth = 1, .fail = ENOSPC};
    char *path = path_in(*state, "lock");
    file_write(*state, "lock", "4711\n", 5);
    fs_set_faults(&full, 1);
    int fd = fs_lock(path, &err);
    fs_set_faults(NULL, 0);
    assert_true(fd >= 0);
    assert_content(*state, "lock", "");
    assert_int_equal(fs_lock(path, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_non_null(strstr(err.text, "is held by another posta"));
    fs_close(fd);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(descriptors_are_closed_on_exec),
        IN_FOLDER(opening_what_is_not_there_says_so),
        IN_FOLDER(a_read_is_short_only_at_the_end),
        IN_FOLDER(parts_are_written_one_after_the_other),
        IN_FOLDER(interrupted_calls_are_made_again),
        IN_FOLDER(a_short_write_leaves_its_bytes_and_says_where),
        IN_FOLDER(faults_fail_the_calls_they_name),
        IN_FOLDER(a_file_is_read_whole_up_to_its_limit),
        IN_FOLDER(a_replaced_file_is_the_new_one),
        IN_FOLDER(a_failed_replace_leaves_the_old_or_the_new_file),
        IN_FOLDER(names_are_changed_and_taken_away),
        IN_FOLDER(folders_are_made_down_to_the_last),
        IN_FOLDER(what_a_new_folder_lies_in_is_synced),
        IN_FOLDER(a_file_in_the_way_of_a_folder_is_named),
        IN_FOLDER(a_folder_that_cannot_be_made_is_an_error),
        IN_FOLDER(a_folder_of_another_owner_is_denied),
        IN_FOLDER(a_path_that_is_too_long_is_refused),
        IN_FOLDER(a_second_holder_is_told_the_pid_of_the_first),
        IN_FOLDER(a_lock_holds_though_its_pid_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
