/* fs.c: durable file operations; see fs.h. Each real call is preceded by fault_at, which a test can make
 * fail; without faults that is one comparison. */
#include <posta/fs.h>

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* ---- faults ---- */

static _Atomic(const struct fs_fault *) faults;
static pthread_mutex_t faults_lock = PTHREAD_MUTEX_INITIALIZER; /* of the two below */
static size_t n_faults;
static int calls[FS_N_CALLS];

void fs_set_faults(const struct fs_fault *rows, size_t n)
{
    pthread_mutex_lock(&faults_lock);
    atomic_store(&faults, rows);
    n_faults = rows ? n : 0;
    memset(calls, 0, sizeof calls);
    pthread_mutex_unlock(&faults_lock);
}

static const struct fs_fault *count_call(enum fs_call call)
{
    const struct fs_fault *found = NULL, *rows = atomic_load(&faults);
    int now = ++calls[call];
    for (size_t i = 0; i < n_faults && !found; i++) {
        const struct fs_fault *f = &rows[i];
        int times = f->times ? f->times : 1;
        if (f->call == call && now >= f->nth && (times < 0 || now < f->nth + times))
            found = f;
    }
    return found;
}

/* The fault that this call meets and that makes it fail. */
static const struct fs_fault *fault_at(enum fs_call call)
{
    if (!atomic_load_explicit(&faults, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&faults_lock);
    const struct fs_fault *f = count_call(call);
    pthread_mutex_unlock(&faults_lock);
    if (f && f->meets)
        f->meets();
    return f && f->fail ? f : NULL;
}

static int is_faulty(enum fs_call call)
{
    const struct fs_fault *f = fault_at(call);
    if (f)
        errno = f->fail;
    return f != NULL;
}

/* ---- descriptors ---- */

int fs_open(const char *path, int flags, mode_t mode, struct err *err)
{
    int fd = -1;
    do {
        fd = is_faulty(FS_OPEN) ? -1 : open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : err_sys(err, "open %s", path);
}

int fs_close(int fd)
{
    return fd >= 0 ? close(fd) : 0;
}

ssize_t fs_pread(int fd, void *into, size_t len, uint64_t offset, struct err *err)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = is_faulty(FS_READ)
                        ? -1
                        : pread(fd, (char *)into + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read at byte %llu", (unsigned long long)offset);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static ssize_t write_some(int fd, struct iovec *iov, int n_iov, uint64_t offset)
{
    const struct fs_fault *f = fault_at(FS_WRITE);
    if (!f)
        return pwritev(fd, iov, n_iov, (off_t)offset);
    for (size_t left = f->short_len; left && n_iov > 0; iov++, n_iov--) {
        size_t len = iov->iov_len < left ? iov->iov_len : left;
        ssize_t ignored = pwrite(fd, iov->iov_base, len, (off_t)offset);
        (void)ignored; /* the test looks at the file */
        offset += len;
        left -= len;
    }
    errno = f->fail;
    return -1;
}

int fs_pwritev(int fd, struct iovec *iov, int n_iov, uint64_t offset, struct err *err)
{
    while (n_iov > 0) {
        ssize_t n = write_some(fd, iov, n_iov, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "write at byte %llu", (unsigned long long)offset);
        offset += (size_t)n;
        for (; n_iov > 0 && (size_t)n >= iov->iov_len; iov++, n_iov--)
            n -= (ssize_t)iov->iov_len;
        if (n_iov > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

int fs_pwrite(int fd, const void *bytes, size_t len, uint64_t offset, struct err *err)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    return fs_pwritev(fd, &iov, 1, offset, err);
}

int fs_sync(int fd, struct err *err)
{
    if (is_faulty(FS_SYNC) || fdatasync(fd) < 0)
        return err_sys(err, "sync to disk");
    return 0;
}

int fs_sync_dir(const char *dir, struct err *err)
{
    int fd = fs_open(dir, O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0)
        return -1;
    int failed = is_faulty(FS_SYNC_DIR) || fsync(fd) < 0;
    if (failed)
        err_sys(err, "sync folder %s", dir);
    (void)fs_close(fd); /* read-only, nothing to lose */
    return failed ? -1 : 0;
}

int fs_truncate(int fd, uint64_t len, struct err *err)
{
    if (is_faulty(FS_TRUNCATE) || ftruncate(fd, (off_t)len) < 0)
        return err_sys(err, "cut to %llu bytes", (unsigned long long)len);
    return 0;
}

bool fs_is_in_memory(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* ---- names ---- */

int fs_rename(const char *from, const char *to, struct err *err)
{
    if (is_faulty(FS_RENAME) || rename(from, to) < 0)
        return err_sys(err, "rename %s to %s", from, to);
    return 0;
}

int fs_unlink(const char *path, struct err *err)
{
    if (is_faulty(FS_UNLINK) || unlink(path) < 0)
        return err_sys(err, "delete %s", path);
    return 0;
}

static void dir_of(const char *path, char dir[static PATH_MAX])
{
    snprintf(dir, PATH_MAX, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    else
        strcpy(dir, ".");
}

/* A new folder is there for good once the one that it lies in is synced, if that may be opened. */
static int make_dir(const char *path, mode_t mode, struct err *err)
{
    char dir[PATH_MAX];
    struct stat st;
    if (mkdir(path, mode) < 0) {
        int failed = errno;
        if (failed == EEXIST || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
            return 0; /* the second: on a read-only disk */
        errno = failed;
        return err_sys(err, "make folder %s", path);
    }
    dir_of(path, dir);
    if (fs_sync_dir(dir, err) == 0 || err->kind == ERR_DENIED)
        return 0;
    (void)rmdir(path); /* so that the next try syncs it */
    return err_wrap(err, "make folder %s", path);
}

int fs_make_dirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part)
        return err_set(err, ERR_CONFIG, "path longer than %d bytes: %.60s...", PATH_MAX, path);
    for (size_t i = 0;; i++) {
        part[i] = path[i];
        if (i > 0 && (path[i] == '/' || !path[i])) {
            part[i] = '\0';
            if (make_dir(part, mode, err))
                return -1;
            part[i] = path[i];
        }
        if (!path[i])
            return 0;
    }
}

/* ---- whole files ---- */

static int read_all(int fd, const char *path, size_t limit, struct buf *into, struct err *err)
{
    for (size_t done = 0;;) {
        buf_reserve(into, 4096);
        ssize_t n = fs_pread(fd, into->data + into->len, into->cap - into->len, done, err);
        if (n < 0)
            return err_wrap(err, "%s", path);
        if (n == 0)
            return 0;
        into->len += (size_t)n;
        done += (size_t)n;
        if (done > limit)
            return err_set(err, ERR_CONFIG, "%s is larger than %zu bytes", path, limit);
    }
}

int fs_read_file(const char *path, size_t limit, struct buf *into, struct err *err)
{
    int fd = fs_open(path, O_RDONLY | O_NONBLOCK /* a fifo */, 0, err);
    if (fd < 0)
        return -1;
    int rc = read_all(fd, path, limit, into, err);
    (void)fs_close(fd); /* read-only, nothing to lose */
    return rc;
}

static int write_new(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    int fd = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, mode, err);
    if (fd < 0)
        return -1;
    int rc = fs_pwrite(fd, bytes, len, 0, err);
    if (rc == 0)
        rc = fs_sync(fd, err);
    if (fs_close(fd) < 0 && rc == 0)
        rc = err_sys(err, "close");
    return rc ? err_wrap(err, "%s", path) : 0;
}

int fs_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    char temp[PATH_MAX], dir[PATH_MAX];
    snprintf(temp, sizeof temp, "%s.new", path);
    if (write_new(temp, bytes, len, mode, err) || fs_rename(temp, path, err))
        return -1;
    dir_of(path, dir);
    return fs_sync_dir(dir, err);
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int fs_link(const char *from, const char *to, struct err *err)
{
    if (is_faulty(FS_RENAME) || (link(from, to) < 0 && !is_same_file(from, to)))
        return err_sys(err, "link %s to %s", from, to);
    return 0;
}

int fs_exchange(const char *one, const char *other, struct err *err)
{
    if (is_faulty(FS_RENAME) || renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
        return err_sys(err, "exchange the names of %s and %s", one, other);
    return 0;
}

/* ---- locks ---- */

static void read_pid(int fd, char pid[static 32])
{
    ssize_t n = pread(fd, pid, 31, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
}

static int say_holder(int fd, const char *path, struct err *err)
{
    char pid[32];
    read_pid(fd, pid);
    return err_set(err, ERR_AGAIN, "%s is held by another posta%s%s", path, *pid ? ", pid " : "",
                   pid);
}

/* Over the old one, not in place of it: a full disk may have no block for another. If it cannot be written, none is
 * there: the lock holds without. */
static void write_pid(int fd)
{
    struct err ignored;
    char pid[32];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    bool is_written = fs_pwrite(fd, pid, (size_t)len, 0, &ignored) == 0;
    (void)(fs_truncate(fd, is_written ? (uint64_t)len : 0, &ignored) ==
           0); /* only the first line counts */
}

/* Somebody may only be looking (fs_is_locked): that is over in a moment. */
static int lock_now(int fd)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    int rc;
    for (int left = 2; (rc = flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK && left > 0;
         left--)
        nanosleep(&moment, NULL);
    return rc;
}

int fs_lock(const char *path, struct err *err)
{
    int fd = fs_open(path, O_RDWR | O_CREAT, 0600, err);
    if (fd < 0)
        return -1;
    if (lock_now(fd) == 0) {
        write_pid(fd);
        return fd;
    }
    (void)(errno == EWOULDBLOCK ? say_holder(fd, path, err) : err_sys(err, "lock %s", path));
    (void)fs_close(fd); /* not ours */
    return -1;
}

int fs_lock_folder(const char *dir, struct err *err)
{
    int fd = fs_open(dir, O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0 || lock_now(fd) == 0)
        return fd;
    (void)(errno == EWOULDBLOCK ? say_holder(fd, dir, err) : err_sys(err, "lock %s", dir));
    (void)fs_close(fd); /* not ours */
    return -1;
}

int fs_is_locked(const char *path, int *pid, struct err *err)
{
    char text[32];
    int fd = fs_open(path, O_RDONLY | O_NONBLOCK /* a fifo */, 0, err);
    if (fd < 0)
        return -1;
    int rc = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? 1 : -1;
    if (rc < 0)
        err_sys(err, "lock %s", path);
    read_pid(fd, text);
    *pid = rc == 1 ? atoi(text) : 0;
    (void)fs_close(fd); /* read-only; gives the lock up */
    return rc;
}
