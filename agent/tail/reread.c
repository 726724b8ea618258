/* reread.c: bytes of a file that were read long ago, once more.
 *
 * Happy path: the folder of the source's path has a file of its identity, whatever its name is now; the bytes are there.
 * Failure modes: no such file, it is shorter, or the place was given back to the file system: GONE. It is compressed, so places
 * in its content are none in the file: the same.
 * On close: nothing is kept open.
 */
#include "follow.h"
#include "gzip.h"

#include <posta/fs.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns its descriptor if it is the one, else -1. */
static int open_if_it(int dir_fd, const char *name, const struct file_id *wanted)
{
    struct file_id id;
    struct stat st;
    struct err ignored; /* then it is not the one */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        file_id_of(fd, &id, &ignored) == 0 && file_id_equal(&id, wanted))
        return fd;
    (void)fs_close(fd); /* read-only */
    return -1;
}

static int find_in(DIR *stream, const struct file_id *id)
{
    int fd = -1;
    for (struct dirent *entry; fd < 0 && (entry = readdir(stream));)
        if (entry->d_ino == id->ino && (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN))
            fd = open_if_it(dirfd(stream), entry->d_name, id);
    return fd;
}

static int open_source(const struct source *src)
{
    const char *slash = strrchr(src->path, '/');
    char *dir = slash ? mem_printf("%.*s/", (int)(slash - src->path), src->path) : mem_dup(".");
    DIR *stream = opendir(dir);
    int fd = stream ? find_in(stream, &src->id) : -1;
    if (stream)
        closedir(stream);
    free(dir);
    return fd;
}

/* A hole was given back, or never written. */
static bool is_whole(int fd, uint64_t from, size_t len)
{
    return lseek(fd, (off_t)from, SEEK_DATA) == (off_t)from &&
           lseek(fd, (off_t)from, SEEK_HOLE) >= (off_t)(from + len);
}

int tail_read_again(const struct tail_input *conf, const struct source *src, uint64_t from,
                    void *into, size_t len, struct err *err)
{
    int fd = open_source(src);
    if (fd < 0)
        return err_set(err, ERR_GONE, "the file is not there any more");
    bool is_plain = content_of(conf, src->path, fd) == CONTENT_PLAIN;
    ssize_t n = is_plain && is_whole(fd, from, len) ? fs_pread(fd, into, len, from, err) : 0;
    (void)fs_close(fd); /* read-only */
    if (n < 0)
        return -1;
    if (!is_plain)
        return err_set(err, ERR_GONE, "the file is compressed");
    return (size_t)n == len ? 0 : err_set(err, ERR_GONE, "the file does not have them any more");
}
