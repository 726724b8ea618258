/* tail_model_rotate.h: what rotations do: rename, copy, cut, delete, compress, link, move away. */
#ifndef TAIL_MODEL_ROTATE_H
#define TAIL_MODEL_ROTATE_H

#include "tail_model_ops.h"

#include <zlib.h>

static void drop_name(const char *name)
{
    struct model_file *file = file_named(name);
    if (!file)
        return;
    unlink_in(world.rig, name);
    touch(file);
    excuse_if_gone(file);
}

static void move_name(const char *from, const char *to)
{
    struct model_file *file = file_named(from), *over = file_named(to);
    if (!file)
        return;
    rename_in(world.rig, from, to);
    touch(file);
    if (over)
        excuse_if_gone(over);
    excuse_if_gone(file);
}

static const char *older_name(uint64_t n, bool is_gzip)
{
    static char names[4][48];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, 48, "%s.%llu%s", LOG, (unsigned long long)n, is_gzip ? ".gz" : "");
    return name;
}

static void shift(void)
{
    uint64_t keep = world.rig->in.rotation_keep;
    for (int gz = 0; gz <= 1; gz++) {
        drop_name(older_name(keep, gz));
        for (uint64_t n = keep; n > 1; n--)
            move_name(older_name(n - 1, gz), older_name(n, gz));
    }
}

static bool op_rename(void)
{
    if (!file_named(LOG))
        return false;
    shift();
    move_name(LOG, older_name(1, false));
    return true;
}

static bool op_rename_and_create(void)
{
    return op_rename() && create(LOG);
}

static void cut(struct model_file *file)
{
    excuse(file);
    buf_clear(&file->bytes);
    file->n_lines = 0;
    file->pending = 0;
    file->handed = 0;
    file->epoch++;
    assert_int_equal(truncate(path_of(world.rig, LOG), 0), 0);
    touch(file);
}

/* Behind an over-long line posta knows no bytes, or only a newline, by which it could tell that the file was cut. */
static struct model_file *log_to_cut(void)
{
    struct model_file *file = file_named(LOG);
    const struct source *src = world.rig->sink.reg.first;
    while (file && src && file_of_id(&src->id) != file)
        src = src->next;
    uint64_t len = src && src->offset < ANCHOR_BYTES ? src->offset : ANCHOR_BYTES;
    return !src || src->anchor_len == len ? file : NULL;
}

static bool op_truncate(void)
{
    struct model_file *file = log_to_cut();
    if (file)
        cut(file);
    return file;
}

static bool op_truncate_and_refill(void)
{
    struct model_file *file = log_to_cut();
    size_t before = file ? file->bytes.len : 0;
    if (!file)
        return false;
    cut(file);
    file = current_log();
    while (file->bytes.len <= before)
        write_line(file, file->fd, some_length(), 0);
    return true;
}

/* The bytes as they are now; a line that is not whole is not counted as one of it. */
static struct model_file *copy(struct model_file *from, const char *to)
{
    struct model_file *file = create(to);
    buf_append(&file->bytes, from->bytes.data, from->bytes.len);
    for (size_t i = 0; i < from->n_lines; i++)
        if (world.lines[from->lines[i]].is_whole)
            put_line(file, from->lines[i]);
    file->copy_of = from;
    world.is_exactly_counted = false; /* is what was never seen lost, when its copy was? */
    return file;
}

static bool op_copy_and_truncate(void)
{
    struct model_file *file = log_to_cut();
    if (!file)
        return false;
    shift();
    struct model_file *older = copy(file, older_name(1, false));
    say_bytes(older->fd, older->bytes.data, older->bytes.len);
    if (random_below(3) == 0)
        op_turns();
    close(older->fd), older->fd = -1;
    if (random_below(3) == 0)
        op_turns();
    if (random_below(3) == 0)
        op_write();
    older->is_unknown = world.kind == EXACT && file->handed == 0;
    older->may_repeat = !log_to_cut() || file->handed > older->bytes.len;
    if (world.kind == WILDCARD && file->handed < older->bytes.len)
        older->may_repeat = file->may_repeat =
            true; /* copied before it was read: which came first? */
    if (log_to_cut())
        cut(file);
    return true;
}

static bool op_delete(void)
{
    if (!file_named(LOG))
        return false;
    drop_name(LOG);
    return true;
}

static bool op_delete_and_create(void)
{
    return op_delete() && create(LOG);
}

static void deflate_into(const char *name, const struct buf *bytes)
{
    gzFile gz = gzopen(path_of(world.rig, name), "we");
    assert_non_null(gz);
    if (bytes->len)
        assert_int_equal(gzwrite(gz, bytes->data, (unsigned)bytes->len), bytes->len);
    assert_int_equal(gzclose(gz), Z_OK);
}

/* gzip keeps the time of the last change. */
static void keep_time(const char *name, int64_t ns)
{
    const struct timespec times[2] = {timespec_of(ns), timespec_of(ns)};
    assert_int_equal(utimensat(AT_FDCWD, path_of(world.rig, name), times, 0), 0);
}

static bool op_gzip(void)
{
    uint64_t n = 1 + random_below(world.rig->in.rotation_keep);
    struct model_file *file = file_named(older_name(n, false));
    if (!file || file->fd >= 0 || file_named(older_name(n, true)))
        return false;
    struct model_file *gz = copy(file, older_name(n, true));
    gz->is_gzip = true;
    gz->is_unknown = file->is_unknown || is_inotify_refused ||
                     (world.kind == EXACT && !file->is_taken && !file->copy_of);
    bool is_unfinished = file->pending > 0; /* and compressed before its end could be proven */
    gz->may_repeat = file->may_repeat =
        (file->copy_of || is_unfinished) && file->handed < file->bytes.len;
    deflate_into(older_name(n, true), &file->bytes);
    close(gz->fd), gz->fd = -1;
    keep_time(older_name(n, true), file->times.changed_ns);
    if (random_below(2))
        op_turns();
    drop_name(older_name(n, false));
    return true;
}

static bool op_link(void)
{
    const char *to = world.kind == EXACT && random_below(2) ? "d/access.log-link" : "d/other";
    struct model_file *file = file_named(LOG);
    if (!file || file_named(to))
        return false;
    assert_int_equal(link(path_of(world.rig, LOG), path_of(world.rig, to)), 0);
    touch(file);
    return true;
}

static bool op_unlink(void)
{
    bool was_there = file_named("d/other") || file_named("d/access.log-link");
    drop_name("d/other");
    drop_name("d/access.log-link");
    return was_there;
}

static bool op_move_out(void)
{
    if (!file_named(LOG) || file_named("d/out"))
        return false;
    move_name(LOG, "d/out");
    world.is_exactly_counted = false; /* unseen so far, it is away and not lost */
    return true;
}

/* A younger generation was made meanwhile: rotated, it looks like a copy of what comes back. */
static bool is_newer_than_out(void)
{
    for (size_t i = 0; i < world.n_files; i++)
        if (world.files[i]->times.born_ns > file_named("d/out")->times.born_ns)
            return true;
    return false;
}

static bool op_move_back(void)
{
    if (!file_named("d/out") || file_named(LOG) || is_newer_than_out())
        return false;
    file_named("d/out")->is_foretold |= world.is_alive;
    move_name("d/out", LOG);
    world.is_exactly_counted = false; /* what was away unseen for a while was said to be lost */
    return true;
}

static bool op_replace_folder(void)
{
    static unsigned n;
    char away[32];
    snprintf(away, sizeof(away), "away.%u", n++);
    rename_in(world.rig, "d", away);
    assert_int_equal(mkdir(path_of(world.rig, "d"), 0755), 0);
    world.is_exactly_counted = false;
    for (size_t i = 0; i < world.n_files; i++)
        excuse_if_gone(world.files[i]);
    return true;
}

/* ---- rotation.mode: managed: this process is the writer ---- */

static volatile sig_atomic_t must_reopen;

static void told_to_reopen(int signo)
{
    (void)signo;
    must_reopen = 1;
}

static bool op_reopen(void)
{
    if (!must_reopen || file_named(LOG))
        return false;
    must_reopen = 0;
    create(LOG);
    return true;
}

#endif
