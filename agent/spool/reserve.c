/* reserve.c: a little room kept back, so that a full disk can always be left again.
 *
 * Happy path: <dir>/reserve takes up RESERVE_BYTES from the start on, all of them behind its end. When the disk is full and
 * everything is delivered, the old segment can go only after a new one with a checkpoint is there: the reserve itself
 * becomes this file, so that neither a block nor an inode must be found, and another one is made with the room that the old
 * segment gave.
 * Failure modes: there is no room for it: posta works without, and tries again at each new segment. The file system cannot
 * reserve behind the end: the blocks are in the file, and are freed just before they are needed.
 * On close: it stays, for a start on a full disk.
 */
#include "store.h"

#include <posta/fs.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESERVE_BYTES = 64 * 1024 };

static char *reserve_path(const struct spool *spool)
{
    return mem_printf("%s/reserve", spool->dir);
}

static bool is_whole(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_blocks * 512 >= RESERVE_BYTES;
}

static bool fill_reserve(int fd)
{
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RESERVE_BYTES) == 0)
        return true;
    return errno == EOPNOTSUPP && posix_fallocate(fd, 0, RESERVE_BYTES) == 0;
}

void reserve_make(struct spool *spool)
{
    struct err ignored; /* without it a full disk is left by hand */
    char *path = reserve_path(spool);
    int fd = fs_open(path, O_RDWR | O_CREAT, 0600, &ignored);
    if (fd >= 0 && !is_whole(fd) && !fill_reserve(fd))
        (void)(fs_unlink(path, &ignored) == 0); /* a part of it helps nobody */
    (void)fs_close(fd);                         /* its content does not matter */
    free(path);
}

bool reserve_give(struct spool *spool, const char *to)
{
    struct err ignored;
    char *path = reserve_path(spool);
    bool is_given = fs_rename(path, to, &ignored) == 0;
    free(path);
    return is_given;
}
