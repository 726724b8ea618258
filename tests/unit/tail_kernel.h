/* tail_kernel.h: the kernel as the model's test wants it, by functions that stand before libc's.
 *
 * File times have a tick of some milliseconds in which a whole sequence of operations passes; here each birth and change has a
 * time of its own, as newer kernels give it. inotify can be refused, and its queue can overflow.
 */
#ifndef TAIL_KERNEL_H
#define TAIL_KERNEL_H

#include "tail_test.h"

#include <sys/inotify.h>
#include <sys/syscall.h>

/* Of a file that the test made; both 0 if it did not. */
struct times {
    int64_t born_ns, changed_ns;
};
static struct times (*times_of)(uint64_t ino); /* the test sets it */

static bool is_inotify_refused, is_queue_full;
static int inotify_fd = -1;

/* The coarse clock, but no two times are alike. */
static int64_t file_clock_ns(void)
{
    static int64_t last_ns;
    struct timespec ts;
    syscall(SYS_clock_gettime, CLOCK_REALTIME_COARSE, &ts);
    int64_t now_ns = ts.tv_sec * NS_PER_S + ts.tv_nsec;
    last_ns = now_ns > last_ns ? now_ns : last_ns + 1;
    return last_ns;
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec) {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    if (clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, ts);
    *ts = timespec_of(file_clock_ns());
    return 0;
}

int statx(int dirfd, const char *restrict path, int flags, unsigned mask,
          struct statx *restrict stx)
{
    int rc = (int)syscall(SYS_statx, dirfd, path, flags, mask, stx);
    int64_t born_ns = rc == 0 && times_of ? times_of(stx->stx_ino).born_ns : 0;
    if (born_ns) {
        stx->stx_btime.tv_sec = born_ns / NS_PER_S;
        stx->stx_btime.tv_nsec = (uint32_t)(born_ns % NS_PER_S);
    }
    return rc;
}

int fstat(int fd, struct stat *st)
{
    int rc = (int)syscall(SYS_fstat, fd, st);
    int64_t changed_ns = rc == 0 && times_of ? times_of(st->st_ino).changed_ns : 0;
    if (changed_ns > st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec)
        st->st_ctim = timespec_of(changed_ns);
    return rc;
}

int inotify_init1(int flags)
{
    if (is_inotify_refused) {
        errno = EMFILE;
        return -1;
    }
    return inotify_fd = (int)syscall(SYS_inotify_init1, flags);
}

/* What is in the queue is gone, and so it is said. */
static ssize_t overflow(int fd, void *into, size_t len)
{
    static const struct inotify_event lost = {.wd = -1, .mask = IN_Q_OVERFLOW};
    while (syscall(SYS_read, fd, into, len) > 0)
        continue;
    is_queue_full = false;
    memcpy(into, &lost, sizeof(lost));
    return sizeof(lost);
}

ssize_t read(int fd, void *into, size_t len)
{
    return is_queue_full && fd == inotify_fd ? overflow(fd, into, len)
                                             : syscall(SYS_read, fd, into, len);
}

#endif
