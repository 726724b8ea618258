/* identity.c: which file is this; see struct file_id.
 *
 * The file handle holds inode and generation on tmpfs, ext4 and XFS and needs no privilege; overlayfs gives one only with
 * AT_HANDLE_FID (Linux 6.5). Where neither works, inode and birth time have to do.
 */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

static bool ask_handle(int fd, int flags, struct file_id *id)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + HANDLE_BYTES];
    } u;
    int mount_id;
    u.handle.handle_bytes = HANDLE_BYTES;
    if (name_to_handle_at(fd, "", &u.handle, &mount_id, flags | AT_EMPTY_PATH) < 0)
        return false;
    id->handle_type = u.handle.handle_type;
    id->handle_len = (uint8_t)u.handle.handle_bytes;
    memcpy(id->handle, u.handle.f_handle, id->handle_len);
    return true;
}

static int64_t birth_time(const struct statx *stx)
{
    return stx->stx_mask & STATX_BTIME ? stx->stx_btime.tv_sec * NS_PER_S + stx->stx_btime.tv_nsec
                                       : 0;
}

int file_id_of(int fd, struct file_id *id, struct err *err)
{
    struct statx stx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stx) < 0)
        return err_sys(err, "statx");
    *id =
        (struct file_id) {.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor), .ino = stx.stx_ino};
    id->btime_ns = birth_time(&stx);
    if (!ask_handle(fd, 0, id))
        (void)ask_handle(fd, AT_HANDLE_FID, id); /* without one, inode and birth time decide */
    return 0;
}

int birth_at(const char *path, uint64_t *ino, int64_t *btime_ns)
{
    struct statx stx;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &stx) < 0)
        return -1;
    *ino = stx.stx_ino;
    *btime_ns = birth_time(&stx);
    return 0;
}

int64_t birth_of(const char *path)
{
    uint64_t ino;
    int64_t btime_ns;
    return birth_at(path, &ino, &btime_ns) ? -1 : btime_ns;
}
