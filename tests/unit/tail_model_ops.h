/* tail_model_ops.h: what a sequence is made of: what posta and writers do (rotations: tail_model_rotate.h). Each returns false
 * where it makes no sense; those of writers and rotations keep the model as the folder is.
 */
#ifndef TAIL_MODEL_OPS_H
#define TAIL_MODEL_OPS_H

#include "tail_model_sink.h"

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % n;
}

#define LOG "d/access.log"

/* ---- what posta does ---- */

static void turn_once(int64_t ms)
{
    test_now_ns += (ms - 1) * NS_PER_MS;
    turn(world.rig, 0);
    note_held();
}

static void start_posta(void)
{
    look_at_names();
    bool is_first = !world.rig->sink.reg.first; /* what was rotated before is not followed */
    for (size_t i = 0; i < world.n_files; i++)
        world.files[i]->is_unknown |=
            world.kind == EXACT && is_first && !world.files[i]->is_current;
    for (size_t i = 0; i < world.n_files; i++)
        for (const struct model_file *of = world.files[i]->copy_of; of; of = of->copy_of)
            world.files[i]->may_repeat |= !of->is_current;
    struct rig *rig = world.rig;
    struct err err;
    struct tail_sink sink = sink_of(&rig->sink);
    sink.add = model_add;
    sink.append = model_append;
    sink.end = model_end;
    assert_int_equal(tail_new(&rig->tail, rig->loop, &sink, &err), 0);
    assert_int_equal(tail_add_input(rig->tail, &rig->in, &err), 0);
    assert_int_equal(tail_start(rig->tail, false, &err), 0);
    world.is_alive = true;
    note_held();
}

static bool op_turns(void)
{
    for (uint64_t n = 1 + random_below(6); world.is_alive && n > 0; n--)
        turn_once(1 + (int64_t)random_below(8));
    return world.is_alive;
}

static bool is_full(void)
{
    return world.rig->sink.room >= 0;
}

/* Long enough for everything but the slow look, which a run without events needs. */
static void settle_posta(void)
{
    for (int i = 0; i < 24; i++)
        turn_once(i < 16 ? 2 : i < 20 ? 60 : 300);
}

static bool op_settle(void)
{
    if (!world.is_alive)
        return false;
    settle_posta();
    if (!is_full() && !is_inotify_refused)
        check_delivered("settled");
    return true;
}

static bool op_kill(void)
{
    if (!world.is_alive)
        return false;
    stop(world.rig);
    world.is_alive = world.is_exactly_counted = false;
    note_held();
    look_at_names();
    for (size_t i = 0; i < world.n_files; i++)
        if (!world.files[i]->is_visible)
            excuse(world.files[i]);
    return true;
}

static bool op_start(void)
{
    if (world.is_alive)
        return false;
    start_posta();
    return true;
}

static bool op_full(void)
{
    if (is_full())
        return false;
    world.rig->sink.room = (int)random_below(4);
    world.is_exactly_counted = false;
    return true;
}

static bool op_room(void)
{
    if (!is_full())
        return false;
    world.rig->sink.room = -1;
    if (world.is_alive)
        tail_resume(world.rig->tail);
    return true;
}

static bool op_hold_marks(void)
{
    world.rig->sink.durable_lags = world.rig->sink.delivered_lags = true;
    return true;
}

static bool op_move_marks(void)
{
    if (!world.rig->sink.durable_lags)
        return false;
    world.rig->sink.durable_lags = world.rig->sink.delivered_lags = false;
    if (world.is_alive)
        tail_marks_moved(world.rig->tail);
    return true;
}

static bool op_overflow(void)
{
    if (is_inotify_refused || !world.is_alive)
        return false;
    is_queue_full = true;
    world.is_exactly_counted = false;
    return true;
}

/* ---- what writers do ---- */

static struct model_file *create(const char *name)
{
    struct model_file *file = note_new_file(writer(world.rig, name));
    file->is_foretold = world.is_alive && is_claimed_name(name + 2) &&
                        (world.kind != EXACT || strcmp(name, LOG) == 0);
    return file;
}

static void switch_link(void)
{
    static unsigned n;
    char to[32];
    struct model_file *old = file_named(LOG);
    snprintf(to, sizeof(to), "d/app.%u", n++);
    create(to);
    unlink(path_of(world.rig, "d/link"));
    assert_int_equal(symlink(to + 2, path_of(world.rig, "d/link")), 0);
    rename_in(world.rig, "d/link", LOG);
    if (old)
        excuse_if_gone(old);
}

static struct model_file *current_log(void)
{
    struct model_file *file = file_named(LOG);
    if (!file && world.kind == SYMLINK)
        switch_link();
    else if (!file && world.kind == MANAGED)
        return NULL; /* it comes when the writer is told */
    else if (!file)
        return create(LOG);
    file = file_named(LOG);
    if (file->fd < 0)
        file->fd = writer(world.rig, LOG);
    return file;
}

static size_t some_length(void)
{
    return random_below(30) ? 12 + random_below(100) : 1000 + random_below(3000);
}

static bool op_write(void)
{
    struct model_file *file = current_log();
    for (uint64_t n = 1 + random_below(4); file && n > 0; n--)
        write_line(file, file->fd, some_length(), 0);
    return file;
}

static bool op_write_much(void)
{
    struct model_file *file = current_log();
    for (uint64_t n = 10 + random_below(20); file && n > 0; n--)
        write_line(file, file->fd, 500 + random_below(500), 0);
    return file;
}

static bool op_write_part(void)
{
    struct model_file *file = current_log();
    size_t len = some_length();
    if (file)
        write_line(file, file->fd, len, 1 + random_below(len - HEAD_BYTES));
    return file;
}

static bool op_write_empty(void)
{
    struct model_file *file = current_log();
    if (!file || file->bytes.len == 0)
        return false; /* two files that begin with the same empty line look alike */
    end_pending(file, file->fd);
    append_bytes(file, file->fd, "\n\n", 1 + random_below(2));
    return true;
}

/* A file without the log's own name that a writer still has open. */
static struct model_file *some_older(void)
{
    struct model_file *current = file_named(LOG);
    for (size_t k = world.n_files, i = random_below(k + 1); k-- > 0; i++) {
        struct model_file *file = world.files[i % world.n_files];
        if (file != current && file->fd >= 0)
            return file;
    }
    return NULL;
}

static bool op_write_late(void)
{
    struct model_file *file = some_older();
    if (file)
        write_line(file, file->fd, some_length(), 0);
    if (file)
        excuse_if_gone(file);
    return file;
}

static bool op_close_older(void)
{
    struct model_file *file = some_older();
    if (file)
        close(file->fd), file->fd = -1;
    return file;
}

static bool op_close(void)
{
    struct model_file *file = file_named(LOG);
    if (!file || file->fd < 0)
        return false;
    close(file->fd), file->fd = -1;
    return true;
}

#endif
