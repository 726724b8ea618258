/* files.c: the kernel's files, read through one door: below hostfs where that is set, and never more than KERNEL_FILE_BYTES. */
#include "metrics.h"

#include <posta/fs.h>

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
