/* watch.c: inotify on folders and single files, and the list of mounts.
 *
 * Happy path: events are read in blocks until there are none, and told one by one; the owner defers its work.
 * Failure modes: the kernel's queue overflows: WATCH_LOST. No instance is left for this user (EMFILE): watch_new
 * fails with FULL and the owner looks by the clock.
 * On close: the descriptor takes all watches with it.
 */
#include <posta/watch.h>

#include <posta/buf.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENT_BLOCK_BYTES = 16 * 1024, BLOCKS_PER_TURN = 256 };

struct watch {
    struct loop *loop;
    struct loop_io io;
    void (*heard)(void *arg, int wd, enum watch_event what, const char *name, uint32_t cookie);
    void *arg;
    struct loop_io mounts; /* fd -1 = not watched */
    char block[EVENT_BLOCK_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static const struct {
    uint32_t bit;
    enum watch_event what;
} meanings[] = {
    {IN_CREATE, WATCH_CREATED},     {IN_MOVED_TO, WATCH_MOVED_IN}, {IN_ATTRIB, WATCH_CHANGED},
    {IN_MOVED_FROM, WATCH_GONE},    {IN_DELETE, WATCH_GONE},       {IN_MODIFY, WATCH_GREW},
    {IN_CLOSE_WRITE, WATCH_CLOSED},
};

static void tell(struct watch *watch, const struct inotify_event *ev)
{
    const char *name = ev->len ? ev->name : NULL;
    if (ev->mask & IN_Q_OVERFLOW)
        watch->heard(watch->arg, -1, WATCH_LOST, "", 0);
    else if (ev->mask & IN_MOVE_SELF)
        watch->heard(watch->arg, ev->wd, WATCH_MOVED, name, 0);
    else if (ev->mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED))
        watch->heard(watch->arg, ev->wd, WATCH_DIR_GONE, name, 0);
    else if (ev->mask & IN_ISDIR)
        watch->heard(watch->arg, ev->wd, WATCH_FOLDER, name, 0);
    else
        for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
            if (ev->mask & meanings[i].bit)
                watch->heard(watch->arg, ev->wd, meanings[i].what, name, ev->cookie);
}

static ssize_t read_block(struct watch *watch)
{
    ssize_t n = read(watch->io.fd, watch->block, sizeof watch->block);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *ev = (const void *)(watch->block + at);
        tell(watch, ev);
        at += (ssize_t)(sizeof *ev + ev->len);
    }
    return n;
}

/* All that is there: who finds a new file by one event must know of the older ones before it reads any. */
static void read_events(void *arg)
{
    for (int i = 0; i < BLOCKS_PER_TURN; i++)
        if (read_block(arg) <= 0)
            return;
}

void watch_read(struct watch *watch)
{
    if (watch)
        read_events(watch);
}

int watch_new(struct watch **out, struct loop *loop,
              void (*heard)(void *, int, enum watch_event, const char *, uint32_t), void *arg,
              struct err *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0 && errno == EMFILE)
        return err_set(
            err, ERR_FULL,
            "no inotify instance is left for this user: raise fs.inotify.max_user_instances");
    if (fd < 0)
        return err_sys(err, "start inotify");
    struct watch *watch = mem_zero(1, sizeof *watch);
    watch->loop = loop;
    watch->io = (struct loop_io) {.fd = fd, .ready = read_events, .arg = watch};
    watch->mounts.fd = -1;
    watch->heard = heard;
    watch->arg = arg;
    if (loop_add(loop, &watch->io, err)) {
        close(fd);
        free(watch);
        return -1;
    }
    *out = watch;
    return 0;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    loop_remove(watch->loop, &watch->io);
    close(watch->io.fd);
    if (watch->mounts.fd >= 0) {
        loop_remove(watch->loop, &watch->mounts);
        close(watch->mounts.fd);
    }
    free(watch);
}

static int add(struct watch *watch, const char *path, uint32_t mask, struct err *err)
{
    int wd = inotify_add_watch(watch->io.fd, path, mask);
    if (wd < 0 && errno == ENOSPC)
        return err_set(err, ERR_FULL,
                       "no inotify watch is left for this user: raise fs.inotify.max_user_watches");
    return wd >= 0 ? wd : err_sys(err, "watch %s", path);
}

int watch_dir(struct watch *watch, const char *path, bool with_growth, struct err *err)
{
    uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
                    (with_growth ? IN_MODIFY : 0);
    return add(watch, path, mask, err);
}

int watch_file(struct watch *watch, int fd, struct err *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return add(watch, path, IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF, err);
}

void watch_drop(struct watch *watch, int wd)
{
    if (watch && wd >= 0)
        inotify_rm_watch(watch->io.fd, wd);
}

/* ---- mounts ---- */

static void mounts_changed(void *arg)
{
    struct watch *watch = arg;
    watch->heard(watch->arg, -1, WATCH_FOLDER, NULL, 0);
}

/* The kernel marks the open list as in error when it changed: proc(5), mountinfo. Being asked clears it. */
void watch_mounts(struct watch *watch)
{
    struct err ignored; /* folders are compared at each look anyway */
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    watch->mounts = (struct loop_io) {.fd = fd, .ready = mounts_changed, .arg = watch};
    if (fd >= 0 && loop_add_urgent(watch->loop, &watch->mounts, &ignored)) {
        close(fd);
        watch->mounts.fd = -1;
    }
}
