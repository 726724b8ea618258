/* file.c: events to a file, one JSON object a line, rotated by size as Beats' file output does.
 *
 * Happy path: a line is appended whole, then its verdict is given; at rotate_every_kb the file becomes <filename>-1 and so
 * on up to number_of_files.
 * Failure modes: no room, no permission: what was half written is cut off again, events wait in the spool, it is said
 * once a minute and tried again each second.
 * On close: the file is synced.
 */
#include "output.h"

#include <posta/buf.h>
#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/stat.h>

struct file_out {
    bool enabled;
    char *path, *filename;
    uint64_t rotate_every_kb, number_of_files, permissions;
    struct output_env env;
    struct loop_timer retry;
    char *current; /* path/filename */
    int fd;        /* 0 = not open */
    uint64_t size;
    struct buf line;
};

static const struct option file_options[] = {
    {.name = "enabled",
     .type = OPT_BOOL,
     .def = "true",
     .at = offsetof(struct file_out, enabled),
     .doc = "Use this output."},
    {.name = "path",
     .type = OPT_TEXT,
     .required = true,
     .at = offsetof(struct file_out, path),
     .doc = "Folder of the files; it is made if it is not there."},
    {.name = "filename",
     .type = OPT_TEXT,
     .def = "posta",
     .at = offsetof(struct file_out, filename),
     .doc = "Name of the newest file; older ones have -1, -2, ... behind it."},
    {.name = "rotate_every_kb",
     .type = OPT_COUNT,
     .def = "10240",
     .min = "1",
     .at = offsetof(struct file_out, rotate_every_kb),
     .doc = "Begin another file when this size in KiB is reached."},
    {.name = "number_of_files",
     .type = OPT_COUNT,
     .def = "7",
     .min = "2",
     .max = "1024",
     .at = offsetof(struct file_out, number_of_files),
     .doc = "How many files are kept, the newest included; older ones are deleted."},
    {.name = "permissions",
     .type = OPT_COUNT,
     .def = "0600",
     .max = "0777",
     .at = offsetof(struct file_out, permissions),
     .doc = "Mode of new files, octal with a leading 0."},
    {.name = "codec.json.pretty",
     .type = OPT_IGNORED,
     .doc = "one object a line is what other programs read"},
    {.name = "codec.json.escape_html",
     .type = OPT_IGNORED,
     .doc = "posta never escapes HTML characters"},
    {0},
};

static int open_current(struct file_out *out, struct err *err)
{
    struct stat st;
    int fd = fs_open(out->current, O_RDWR | O_CREAT, (mode_t)out->permissions, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0) {
        (void)fs_close(fd); /* nothing was written */
        return err_sys(err, "stat %s", out->current);
    }
    out->fd = fd;
    out->size = (uint64_t)st.st_size;
    return 0;
}

static void give_room(void *arg)
{
    struct file_out *out = arg;
    out->env.room(out->env.arg);
}

static int file_open(void *self, const struct output_env *env, struct err *err)
{
    struct file_out *out = self;
    out->env = *env;
    out->retry = (struct loop_timer) {.fire = give_room, .arg = out};
    out->current = mem_printf("%s/%s", out->path, out->filename);
    if (fs_make_dirs(out->path, 0750, err) || open_current(out, err))
        return err_wrap(err, "output.file");
    return 0;
}

static char *older_name(const struct file_out *out, uint64_t n)
{
    return n ? mem_printf("%s-%llu", out->current, (unsigned long long)n) : mem_dup(out->current);
}

static int rotate(struct file_out *out, struct err *err)
{
    int rc = fs_sync(out->fd, err);
    (void)fs_close(out->fd); /* synced */
    out->fd = 0;
    for (uint64_t n = out->number_of_files - 1; n > 0 && rc == 0; n--) {
        char *from = older_name(out, n - 1), *to = older_name(out, n);
        if (fs_rename(from, to, err) && err->kind != ERR_GONE)
            rc = -1;
        free(from);
        free(to);
    }
    return rc ? -1 : open_current(out, err);
}

static int append(struct file_out *out, struct err *err)
{
    if (out->fd == 0 && open_current(out, err))
        return -1;
    if (out->size >= out->rotate_every_kb * 1024 && rotate(out, err))
        return -1;
    if (fs_pwrite(out->fd, out->line.data, out->line.len, out->size, err)) {
        struct err ignored;
        (void)(fs_truncate(out->fd, out->size, &ignored) == 0); /* or overwritten by the next try */
        return -1;
    }
    out->size += out->line.len;
    return 0;
}

static int file_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    struct file_out *out = self;
    static struct log_limit limit;
    buf_clear(&out->line);
    buf_append(&out->line, ev->bytes, ev->len);
    buf_putc(&out->line, '\n');
    if (append(out, err)) {
        log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "file", "%s: %s; events wait in the spool",
                    out->current, err->text);
        loop_set_timer(out->env.loop, &out->retry, NS_PER_S);
        err->kind = ERR_AGAIN;
        return -1;
    }
    out->env.verdict(out->env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
    return 0;
}

static int file_test(void *self, const struct output_env *env, FILE *to, struct err *err)
{
    struct file_out *out = self;
    fprintf(to, "file: %s/%s\n  open for writing... ", out->path, out->filename);
    int rc = file_open(out, env, err);
    fprintf(to, "%s\n", rc ? "FAILED" : "OK");
    return rc;
}

static void file_close(void *self)
{
    struct file_out *out = self;
    struct err err;
    if (out->env.loop)
        loop_cancel_timer(out->env.loop, &out->retry);
    if (out->fd && fs_sync(out->fd, &err))
        log_error("file", "%s: %s", out->current, err.text);
    if (out->fd)
        (void)fs_close(out->fd); /* synced or said */
    out->fd = 0;
    free(out->current);
    out->current = NULL;
    buf_free(&out->line);
}

const struct output file_output = {
    .name = "file",
    .doc = "Events to a file, one JSON object a line.",
    .options = file_options,
    .size = sizeof(struct file_out),
    .open = file_open,
    .send = file_send,
    .test = file_test,
    .close = file_close,
};
