/* fs.h: file operations whose result is a promise. The only door to write, fsync, rename and unlink.
 *
 * Opening, reading and writing retry EINTR, and writing finishes what was short. Descriptors are O_CLOEXEC. A call that failed says in err what it was
 * doing and to which path. Tests make chosen calls fail, or wait, through fs_set_faults. Any thread.
 */
#ifndef POSTA_FS_H
#define POSTA_FS_H

#include <fcntl.h>
#include <posta/buf.h>
#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* flags as open(2); O_CLOEXEC is added. Returns the descriptor or -1. */
int fs_open(const char *path, int flags, mode_t mode, struct err *err) MUST_CHECK;
int fs_close(int fd);

/* Read up to len bytes at the offset; fewer only at the end of the file. Returns bytes or -1. */
ssize_t fs_pread(int fd, void *into, size_t len, uint64_t offset, struct err *err) MUST_CHECK;

/* Write all of it at the offset. On -1 some of it may be there: the caller knows its last good end. */
int fs_pwrite(int fd, const void *bytes, size_t len, uint64_t offset, struct err *err) MUST_CHECK;
/* The same for a list of parts (at most 8); iov is used up. */
int fs_pwritev(int fd, struct iovec *iov, int n_iov, uint64_t offset, struct err *err) MUST_CHECK;

/* fdatasync. After a failure never sync the same file again: what it covers is unknown. */
int fs_sync(int fd, struct err *err) MUST_CHECK;
int fs_sync_dir(const char *dir, struct err *err) MUST_CHECK;
int fs_truncate(int fd, uint64_t len, struct err *err) MUST_CHECK;
int fs_rename(const char *from, const char *to, struct err *err) MUST_CHECK;
int fs_unlink(const char *path, struct err *err) MUST_CHECK;

/* mkdir -p. New directories get mode. */
int fs_make_dirs(const char *path, mode_t mode, struct err *err) MUST_CHECK;

/* The whole file, at most limit bytes (more is an error). Appends to into. */
int fs_read_file(const char *path, size_t limit, struct buf *into, struct err *err) MUST_CHECK;

/* Is what is written to it kept in memory only (tmpfs, ramfs), so that a sync has nothing to do? */
bool fs_is_in_memory(int fd);

/* Replace a small file durably: new file, sync, rename, sync of the folder. */
int fs_replace(const char *path, const void *bytes, size_t len, mode_t mode,
               struct err *err) MUST_CHECK;

/* Take the exclusive lock on a file (made if missing; the pid is written into it). Returns the descriptor
 * that holds it, or -1 with AGAIN and the holder's pid in the text. */
int fs_lock(const char *path, struct err *err) MUST_CHECK;

/* The same on a folder, nothing is written. */
int fs_lock_folder(const char *dir, struct err *err) MUST_CHECK;

/* Is that lock held? 1 with the holder's pid (0 = not known), 0 = no, -1. Takes it, shared, for a moment; changes nothing. */
int fs_is_locked(const char *path, int *pid, struct err *err) MUST_CHECK;

/* Give the file a second name. One that is there already is an error, unless it is this very file. */
int fs_link(const char *from, const char *to, struct err *err) MUST_CHECK;

/* Each gets the other's name, at once. */
int fs_exchange(const char *one, const char *other, struct err *err) MUST_CHECK;

/* ---- faults, for tests ---- */
enum fs_call {
    FS_OPEN,
    FS_READ,
    FS_WRITE,
    FS_SYNC,
    FS_SYNC_DIR,
    FS_TRUNCATE,
    FS_RENAME,
    FS_UNLINK,
    FS_N_CALLS
};

struct fs_fault {
    enum fs_call call;
    int nth;          /* fails at the nth call of this kind from now, 1 = the next */
    int times;        /* how many calls in a row fail; 0 = 1; -1 = for ever */
    int fail;         /* errno; 0 = it does not fail, only meets is called */
    size_t short_len; /* FS_WRITE: this many bytes are written before it fails */
    void (*meets)(
        void); /* called before, in the calling thread: it may count, or wait; NULL = nothing */
};
/* faults is borrowed until the next call, and as long as other threads are in calls of this header; NULL takes them away.
 * Resets the counters. */
void fs_set_faults(const struct fs_fault *faults, size_t n);

#endif
