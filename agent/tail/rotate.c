/* rotate.c: rotation.mode managed. posta makes room, and only when the generation before is done.
 *
 * Happy path: the log reached rotation.size and no older generation of it is open: (1) older names move up, LOG.1 to LOG.2 and
 * so on up to rotation.keep, once the process that writes is found; (2) rename LOG to LOG.1; what a name replaces is read,
 * proven ended and durable; (3) send the signal; (4) the writer makes a new LOG; eof.c proves the end of LOG.1. While posta
 * reads slowly or is dead nothing is renamed: the file grows.
 * Crash between any two steps: the next start finds each generation by its identity under whatever name; if LOG is missing,
 * the signal is sent again.
 * Failure modes: no such process, not allowed: said, tried again each second; the file grows meanwhile, which is visible in
 * its size. LOG does not come back within a second: the signal is sent again.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>

#define RETRY_NS (1 * NS_PER_S)
#define STUCK_NS (10 * NS_PER_S)

static void say_untold(const char *log_path, const struct err *err)
{
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "tail",
                "%s: rotation: cannot tell the writer to open its log again: %s; the log grows; "
                "tried each second",
                log_path, err->text);
}

static void tell_again(const struct tail_input *conf, const char *log_path)
{
    struct err err;
    int fd = writer_find(conf, &err);
    if (fd < 0 || writer_signal(conf, fd, &err))
        say_untold(log_path, &err);
}

/* ---- making room ---- */

static bool is_due(const struct tail *tail, const struct file *file)
{
    const struct tail_input *conf = file->input->conf;
    struct stat st;
    if (file->is_rotated || !file->name || file->log->oldest != file)
        return false; /* an older generation is open: its end is not proven yet */
    if (tail->is_blocked && conf->rotation_at_limit != AT_LIMIT_DROP)
        return false;
    return fstat(file->fd, &st) == 0 && (uint64_t)st.st_size >= conf->rotation_size;
}

/* LOG.2 to LOG.3, then LOG.1 to LOG.2: one that is missing leaves a gap that the next rotation closes. */
static int move_up(const char *log_path, uint64_t keep, struct err *err)
{
    int rc = 0;
    for (uint64_t n = keep; n > 1 && rc == 0; n--) {
        char *from = mem_printf("%s.%llu", log_path, (unsigned long long)n - 1);
        char *to = mem_printf("%s.%llu", log_path, (unsigned long long)n);
        rc = fs_rename(from, to, err);
        if (rc && err->kind == ERR_GONE)
            rc = 0;
        free(from);
        free(to);
    }
    return rc;
}

static int rename_log(const struct file *file, struct err *err)
{
    const char *path = file->src->path;
    if (move_up(path, file->input->conf->rotation_keep, err))
        return -1;
    char *to = mem_printf("%s.1", path);
    int rc = fs_rename(path, to, err);
    free(to);
    return rc;
}

/* The process is found before the rename: with a wrong pid file nothing is touched. */
static bool rotate(struct tail *tail, struct file *file)
{
    struct err err;
    int writer = writer_find(file->input->conf, &err);
    if (writer < 0) {
        say_untold(file->src->path, &err);
        return false;
    }
    if (rename_log(file, &err)) {
        (void)fs_close(writer); /* only names a process */
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "tail",
                    "rotation: %s; the log grows; tried again", err.text);
        return false;
    }
    tail->stats.rotations_made++;
    file_displace(tail, file);
    file->owned->told_at_ns = loop_now(tail->loop);
    if (writer_signal(file->input->conf, writer, &err))
        say_untold(file->src->path, &err);
    return true;
}

/* ---- the generation before ---- */

/* Said by the one who rotates: while this lasts the old generation grows and no room is made. */
static void say_if_stuck(const struct file *file, int64_t since_ns)
{
    if (since_ns >= STUCK_NS)
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail",
                    "%s.1: a writer still has it open more than %d s after the rotation and goes "
                    "on writing there; may its processes make files in the folder, and did they "
                    "get the signal?",
                    file->src->path, (int)(STUCK_NS / NS_PER_S));
}

/* The log was renamed but the writer has not made a new one: it was not told, or posta was killed in between. */
static int64_t see_to_writer(struct tail *tail, struct file *file)
{
    int64_t now = loop_now(tail->loop);
    say_if_stuck(file, now - file->rotated_at_ns);
    if (birth_of(file->src->path) >= 0)
        return -1;
    if (now - file->owned->told_at_ns >= RETRY_NS) {
        tell_again(file->input->conf, file->src->path);
        file->owned->told_at_ns = now;
    }
    return RETRY_NS;
}

int64_t rotate_if_due(struct tail *tail, struct file *file)
{
    if (file->input->conf->rotation_mode != ROTATION_MANAGED)
        return -1;
    if (file->is_rotated)
        return see_to_writer(tail, file);
    spare_room(tail, file);
    file->is_due = is_due(tail, file) && !rotate(tail, file);
    if (!file->is_due)
        return -1;
    file_mark_timed(tail, file);
    return RETRY_NS;
}
