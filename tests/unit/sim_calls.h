/* sim_calls.h: libc's calls for open files, for the whole test program: what is below /sim/ goes to the simulated disk in use, the
 * rest to the kernel. Those for names are in sim_name_calls.h.
 *
 * Happy path: a path with the prefix, or a descriptor from SIM_FD on, belongs to `sim`.
 * Failure modes: a call that sim->fault names fails; on a shaky disk reads and writes are short or interrupted now and
 * then, which must have no effect.
 * On close: nothing.
 */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "sim_names.h"

#include <sys/syscall.h>

enum { SIM_FD = 1000000000 };

#define REPLACES(name) __asm__(name)

int sim_open(const char *path, int flags, ...) REPLACES("open");
int sim_close(int fd) REPLACES("close");
ssize_t sim_pread(int fd, void *into, size_t len, off_t at) REPLACES("pread");
ssize_t sim_pwrite(int fd, const void *bytes, size_t len, off_t at) REPLACES("pwrite");
ssize_t sim_pwritev(int fd, const struct iovec *iov, int n_iov, off_t at) REPLACES("pwritev");
int sim_fdatasync(int fd) REPLACES("fdatasync");
int sim_fsync(int fd) REPLACES("fsync");
int sim_ftruncate(int fd, off_t len) REPLACES("ftruncate");
int sim_fallocate(int fd, int mode, off_t at, off_t len) REPLACES("fallocate");
int sim_posix_fallocate(int fd, off_t at, off_t len) REPLACES("posix_fallocate");

/* Behind "/sim/"; NULL = a path of the kernel's. */
static inline const char *sim_path(const char *path)
{
    if (!sim || strncmp(path, "/sim", 4) != 0 || (path[4] && path[4] != '/'))
        return NULL;
    return path[4] ? path + 5 : path + 4;
}

static inline struct sim_inode *sim_inode_of(int fd)
{
    if (!sim || fd < SIM_FD || fd >= SIM_FD + SIM_FDS || sim->fd[fd - SIM_FD].inode < 0)
        broken("descriptor %d is not open", fd);
    return &sim->inode[sim->fd[fd - SIM_FD].inode];
}

static inline int sim_refuse(int error)
{
    errno = error;
    return -1;
}

/* Tells that a call begins; -1 = it fails. */
static inline int sim_begin(enum sim_call call)
{
    const struct sim_fault *fault = &sim->fault;
    if (call < SIM_OPEN)
        sim_tell(call, SIM_BEFORE);
    int now = ++sim->calls[call];
    bool is_met = fault->fail && fault->call == call && now >= fault->nth &&
                  (fault->times < 0 || now < fault->nth + fault->times);
    return is_met ? sim_refuse(fault->fail) : 0;
}

static inline int sim_end(enum sim_call call)
{
    sim_tell(call, SIM_AFTER);
    return 0;
}

static inline bool sim_is_interrupted(void)
{
    return sim->is_shaky && random_below(64) == 0;
}

/* ---- open ---- */

static inline int sim_new_fd(int inode)
{
    for (int i = 0; i < SIM_FDS; i++)
        if (sim->fd[i].inode < 0) {
            sim->fd[i].inode = inode;
            return SIM_FD + i;
        }
    broken("the simulated disk has no descriptor left");
}

static inline int sim_create(const char *path)
{
    if (sim_begin(SIM_CREATE))
        return -1;
    int inode = sim_new_inode();
    sim_change_names("", path, inode);
    (void)sim_end(SIM_CREATE);
    return inode;
}

static inline int sim_open_file(const char *path, int flags)
{
    if (sim_is_interrupted())
        return sim_refuse(EINTR);
    if (sim_begin(SIM_OPEN))
        return -1;
    int i = names_find(&sim->now, path);
    if (!*path) /* the root */
        return sim_new_fd(SIM_INODES);
    if (i < 0 && !(flags & O_CREAT))
        return sim_refuse(ENOENT);
    int inode = i < 0 ? sim_create(path) : sim->now.at[i].inode;
    if (inode < 0)
        return -1;
    if (i >= 0 && (flags & O_TRUNC) && sim->inode[inode].size) {
        sim_tell(SIM_TRUNCATE, SIM_BEFORE);
        inode_truncate(&sim->inode[inode], 0);
        (void)sim_end(SIM_TRUNCATE);
    }
    return sim_new_fd(inode);
}

int sim_open(const char *path, int flags, ...)
{
    const char *own = sim_path(path);
    if (own)
        return sim_open_file(own, flags);
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int sim_close(int fd)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_close, fd);
    sim->fd[fd - SIM_FD].inode = -1;
    return 0;
}

/* ---- read and write ---- */

ssize_t sim_pread(int fd, void *into, size_t len, off_t at)
{
    if (fd < SIM_FD)
        return syscall(SYS_pread64, fd, into, len, at);
    const struct sim_inode *inode = sim_inode_of(fd);
    if (sim_is_interrupted())
        return sim_refuse(EINTR);
    if (sim_begin(SIM_READ))
        return -1;
    if ((uint64_t)at >= inode->size)
        return 0;
    if (len > inode->size - (uint64_t)at)
        len = inode->size - (size_t)at;
    if (len > 1 && sim_is_interrupted())
        len = 1 + random_below(len - 1);
    size_t there = (uint64_t)at < inode->now.len ? inode->now.len - (size_t)at : 0;
    if (there > len)
        there = len;
    if (there)
        memcpy(into, inode->now.data + at, there);
    memset((char *)into + there, 0, len - there);
    return (ssize_t)len;
}

/* How much of a write is done before it is interrupted: to the end of a sector, or, where only kills come, to any byte. */
static inline size_t part_of(size_t len, off_t at)
{
    size_t part = random_below(len + 1), over = (size_t)((uint64_t)at + part) % SECTOR;
    if (part == len || sim->splits_anywhere)
        return part;
    return part > over ? part - over : 0;
}

/* In two parts when somebody looks, so that a kill can come in between. */
static inline ssize_t sim_write(struct sim_inode *inode, const char *bytes, size_t len, off_t at)
{
    if (sim_is_interrupted())
        return sim_refuse(EINTR);
    size_t short_len = sim_is_interrupted() ? part_of(len, at) : 0;
    if (short_len)
        len = short_len;
    int failed = sim_begin(SIM_WRITE) ? errno : 0;
    if (!failed && !sim_has_room(inode, (uint64_t)at + len))
        failed = ENOSPC;
    size_t part = sim_hook || (failed && failed != ENOSPC) ? part_of(len, at) : 0;
    inode_write(inode, (uint32_t)at, bytes, (uint32_t)part);
    if (failed)
        return sim_refuse(failed);
    if (part && part < len)
        sim_tell(SIM_WRITE, SIM_AMID);
    inode_write(inode, (uint32_t)(at + (off_t)part), bytes + part, (uint32_t)(len - part));
    (void)sim_end(SIM_WRITE);
    return (ssize_t)len;
}

ssize_t sim_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    if (fd < SIM_FD)
        return syscall(SYS_pwrite64, fd, bytes, len, at);
    return sim_write(sim_inode_of(fd), bytes, len, at);
}

ssize_t sim_pwritev(int fd, const struct iovec *iov, int n_iov, off_t at)
{
    char bytes[16384];
    size_t len = 0;
    if (fd < SIM_FD)
        return syscall(SYS_pwritev, fd, iov, n_iov, at, 0);
    for (int i = 0; i < n_iov; len += iov[i++].iov_len) {
        MUST(len + iov[i].iov_len <= sizeof(bytes), "a write of many bytes");
        if (iov[i].iov_len)
            memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
    }
    return sim_write(sim_inode_of(fd), bytes, len, at);
}

int sim_ftruncate(int fd, off_t len)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_ftruncate, fd, len);
    struct sim_inode *inode = sim_inode_of(fd);
    if (sim_begin(SIM_TRUNCATE))
        return -1;
    inode_truncate(inode, (uint32_t)len);
    return sim_end(SIM_TRUNCATE);
}

int sim_fallocate(int fd, int mode, off_t at, off_t len)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_fallocate, fd, mode, at, len);
    struct sim_inode *inode = sim_inode_of(fd);
    uint32_t end = (uint32_t)(at + len);
    if (sim_begin(SIM_ALLOCATE))
        return -1;
    if (!sim_has_room(inode, end))
        return sim_refuse(ENOSPC);
    if (end > inode->allocated)
        inode->allocated = end;
    sim->time++;
    if (end > inode->size && !(mode & FALLOC_FL_KEEP_SIZE))
        inode_set_size(inode, end);
    return sim_end(SIM_ALLOCATE);
}

int sim_posix_fallocate(int fd, off_t at, off_t len)
{
    return sim_fallocate(fd, 0, at, len) ? errno : 0;
}

/* ---- sync ---- */

int sim_fdatasync(int fd)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_fdatasync, fd);
    struct sim_inode *inode = sim_inode_of(fd);
    if (sim_begin(SIM_SYNC)) {
        inode->failed_at = sim->time;
        return -1;
    }
    if (!sim->is_liar)
        inode_sync(inode);
    return sim_end(SIM_SYNC);
}

/* Only folders are synced by it. */
int sim_fsync(int fd)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_fsync, fd);
    if (sim_begin(SIM_SYNC_DIR))
        return -1;
    int inode = sim->fd[fd - SIM_FD].inode;
    for (int i = 0; i < sim->now.n && !sim->is_liar; i++)
        if (sim->now.at[i].inode == inode)
            sim_sync_names(sim->now.at[i].path);
    if (inode == SIM_INODES && !sim->is_liar)
        sim_sync_names("");
    return sim_end(SIM_SYNC_DIR);
}

#endif
