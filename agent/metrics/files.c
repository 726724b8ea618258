/* files.c: the kernel's files, read through one door: below hostfs where that is set, and never more than KERNEL_FILE_BYTES. */
#include "metrics.h"

#include <posta/fs.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void kernel_path(const struct metric_env *env, const char *path, struct buf *full)
{
    buf_clear(full);
    buf_puts(full, env->hostfs);
    buf_puts(full, path);
    (void)buf_str(full);
}

int kernel_read(const struct metric_env *env, const char *path, struct buf *text, struct err *err)
{
    struct buf full = BUF_INIT;
    kernel_path(env, path, &full);
    buf_clear(text);
    int rc = fs_read_file(full.data, KERNEL_FILE_BYTES, text, err);
    buf_free(&full);
    buf_reserve(text, 1); /* also an empty one has a place */
    return rc;
}

struct net_path net_path(const struct metric_env *env, const char *name)
{
    struct net_path path;
    snprintf(path.text, sizeof path.text, "/proc/%s/net/%s", *env->hostfs ? "1" : "self", name);
    return path;
}

bool kernel_link(const struct metric_env *env, const char *path, char *into, size_t size)
{
    struct buf full = BUF_INIT;
    kernel_path(env, path, &full);
    ssize_t len = readlink(full.data, into, size - 1);
    into[len > 0 ? len : 0] = '\0';
    buf_free(&full);
    return len > 0;
}

/* ---- folders ---- */

struct folder {
    DIR *dir;
};

struct folder *folder_open(const struct metric_env *env, const char *path, struct err *err)
{
    struct buf full = BUF_INIT;
    kernel_path(env, path, &full);
    DIR *dir = opendir(full.data);
    if (!dir)
        err_sys(err, "open %s", full.data);
    buf_free(&full);
    if (!dir)
        return NULL;
    struct folder *folder = mem_zero(1, sizeof *folder);
    folder->dir = dir;
    return folder;
}

const char *folder_next(struct folder *folder)
{
    const struct dirent *entry;
    while ((entry = readdir(folder->dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    return NULL;
}

void folder_close(struct folder *folder)
{
    if (!folder)
        return;
    closedir(folder->dir);
    free(folder);
}

/* ---- long files ---- */

int long_file_open(struct long_file *file, const struct metric_env *env, const char *path,
                   struct err *err)
{
    struct buf full = BUF_INIT;
    kernel_path(env, path, &full);
    buf_clear(&file->text);
    buf_reserve(&file->text, LONG_FILE_PIECE);
    file->taken = 0;
    file->fd = fs_open(full.data, O_RDONLY | O_NONBLOCK, 0, err);
    buf_free(&full);
    return file->fd < 0 ? -1 : 0;
}

/* What the last piece has left goes to the front; a line that fills all of it is given as it is. */
int long_file_next(struct long_file *file, struct text *lines, struct err *err)
{
    struct buf *text = &file->text;
    memmove(text->data, text->data + file->taken, text->len - file->taken);
    text->len -= file->taken;
    buf_reserve(text, LONG_FILE_PIECE - text->len);
    ssize_t n = read(file->fd, text->data + text->len, LONG_FILE_PIECE - text->len);
    if (n < 0)
        return err_sys(err, "read");
    text->len += (size_t)n;
    const char *last = text->len ? memrchr(text->data, '\n', text->len) : NULL;
    file->taken = n == 0 || !last ? text->len : (size_t)(last + 1 - text->data);
    if (!last && n > 0 && text->len < LONG_FILE_PIECE)
        file->taken = 0;
    *lines = (struct text) {text->data, text->data + file->taken};
    return n > 0 || file->taken > 0;
}

void long_file_close(struct long_file *file)
{
    if (file->fd >= 0)
        (void)fs_close(file->fd);
    file->fd = -1;
    buf_free(&file->text);
}
