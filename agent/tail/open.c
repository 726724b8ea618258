/* open.c: opening a log without touching what is not one.
 *
 * Happy path: the name is opened as a place only (O_PATH), which neither waits nor wakes anything; if it is a regular file it
 * is opened for reading through /proc, so that nothing can be put in its place in between.
 * Failure modes: a symbolic link, a fifo, a socket, a device: said and left alone. Without /proc the name is opened
 * again and compared. Not allowed: said with owner and mode.
 * On close: nothing is kept.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int refuse(const char *path, const struct stat *st, struct err *err)
{
    bool is_link = S_ISLNK(st->st_mode);
    log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail", "%s is %s and is not followed%s", path,
                is_link ? "a symbolic link" : "not a regular file",
                is_link ? ": set prospector.scanner.symlinks: true to follow it" : "");
    return err_set(err, ERR_CORRUPT, "not a log");
}

static int open_place(int place, int flags, struct err *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", place);
    return fs_open(path, flags | O_NONBLOCK | O_NOCTTY, 0, err);
}

static bool is_same_file(int fd, const struct stat *st)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_ino == st->st_ino && now.st_dev == st->st_dev;
}

/* There is no /proc: by name, and it must still be the same. */
static int open_name(const char *path, int nofollow, const struct stat *st, struct err *err)
{
    int fd = fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | nofollow, 0, err);
    if (fd < 0 || is_same_file(fd, st))
        return fd;
    (void)fs_close(fd); /* read-only */
    return err_set(err, ERR_GONE, "open %s: another file has its name now", path);
}

int open_log(const struct tail_input *conf, const char *path, struct stat *st, struct err *err)
{
    int nofollow = conf->symlinks ? 0 : O_NOFOLLOW;
    int place = fs_open(path, O_PATH | nofollow, 0, err);
    if (place < 0)
        return -1;
    int fd = fstat(place, st) < 0 ? err_sys(err, "look at %s", path) : 0;
    if (fd == 0 && !S_ISREG(st->st_mode))
        fd = refuse(path, st, err);
    if (fd == 0)
        fd = open_place(place, O_RDONLY, err);
    if (fd < 0 && err->kind == ERR_GONE)
        fd = open_name(path, nofollow, st, err);
    else if (fd < 0 && err->sys_errno) {
        errno = err->sys_errno;
        err_sys(err, "open %s", path);
    }
    (void)fs_close(place); /* only a place */
    return fd;
}

void say_not_opened(const char *path, const struct err *err)
{
    struct stat st;
    if (err->kind == ERR_DENIED && lstat(path, &st) == 0)
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail",
                    "%s: owner %d, group %d, mode %04o, but posta runs as user %d, group %d: give "
                    "posta that group, or make the file readable for it; tried again",
                    err->text, (int)st.st_uid, (int)st.st_gid, (unsigned)(st.st_mode & 07777),
                    (int)geteuid(), (int)getegid());
    else if (err->sys_errno == EMFILE || err->sys_errno == ENFILE)
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail",
                    "%s: raise the limit of open files (LimitNOFILE=, ulimit -n); tried again",
                    err->text);
    else
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail", "%s; tried again", err->text);
}

int open_again_to_write(int fd, struct err *err)
{
    return open_place(fd, O_WRONLY, err);
}
