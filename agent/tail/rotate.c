/* rotate.c: rotation.mode managed. posta makes room, and only when the generation before is done.
 *
 * Happy path: the log reached rotation.size and no older generation of it is open: (1) rename LOG to LOG.1, replacing the
 * generation that is read, proven ended and durable, once the process in the pid file is found; (2) send it the signal; (3) the writer
 * makes a new LOG; eof.c proves the end of LOG.1. While posta reads slowly or is dead nothing is renamed: the file grows.
 * Crash between any two steps: the next start finds LOG.1 open for reading by its identity and, if LOG is missing,
 * sends the signal again.
 * Failure modes: no pid file, no such process, not allowed: said, tried again each second; the file grows meanwhile, which
 * is visible in its size. LOG does not come back within a second: the signal is sent again.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RETRY_NS (1 * NS_PER_S)
#define STUCK_NS (10 * NS_PER_S)

/* ---- telling the writer ---- */

static const int signals[] = {SIGUSR1, SIGHUP, SIGUSR2}; /* as the words of rotation.signal */

static int read_pid(const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = fs_read_file(path, 64, &text, err);
    int pid = rc ? -1 : atoi(buf_str(&text));
    buf_free(&text);
    if (rc)
        return -1;
    return pid > 0 ? pid : err_set(err, ERR_CONFIG, "%s holds no process number", path);
}

/* A descriptor of the writer's process. */
static int find_writer(const struct tail_input *conf, struct err *err)
{
    int pid = read_pid(conf->rotation_pid_file, err);
    if (pid < 0)
        return err_wrap(err, "pid file");
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 ? fd : err_sys(err, "process %d of %s", pid, conf->rotation_pid_file);
}

/* Takes fd. */
static int signal_writer(const struct tail_input *conf, int fd, struct err *err)
{
    int rc = (int)syscall(SYS_pidfd_send_signal, fd, signals[conf->rotation_signal], NULL, 0);
    if (rc < 0)
        err_sys(err, "signal the process of %s", conf->rotation_pid_file);
    (void)fs_close(fd); /* only names a process */
    return rc;
}

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
    int fd = find_writer(conf, &err);
    if (fd < 0 || signal_writer(conf, fd, &err))
        say_untold(log_path, &err);
}

/* ---- making room ---- */

static bool is_managed(const struct file *file)
{
    return file->input->conf->rotation_mode == ROTATION_MANAGED;
}

/* An older generation of this log is still open: its end is not proven yet. */
static bool has_open_generation(const struct tail *tail, const struct file *file)
{
    for (const struct file *other = tail->files; other; other = other->next)
        if (other != file && other->is_rotated && strcmp(other->src->path, file->src->path) == 0)
            return true;
    return false;
}

static bool is_due(const struct tail *tail, const struct file *file)
{
    struct stat st;
    if (!is_managed(file) || file->is_rotated || !file->name || tail->is_blocked)
        return false;
    if (fstat(file->fd, &st) < 0 || (uint64_t)st.st_size < file->input->conf->rotation_size)
        return false;
    return !has_open_generation(tail, file);
}

/* The process is found before the rename: with a wrong pid file nothing is touched. */
static bool rotate(struct tail *tail, struct file *file)
{
    struct err err;
    int writer = find_writer(file->input->conf, &err);
    if (writer < 0) {
        say_untold(file->src->path, &err);
        return false;
    }
    char *to = mem_printf("%s.1", file->src->path);
    int rc = fs_rename(file->src->path, to, &err);
    free(to);
    if (rc) {
        (void)fs_close(writer); /* only names a process */
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "tail",
                    "rotation: %s; the log grows; tried again", err.text);
        return false;
    }
    tail->stats.rotations_made++;
    file_displace(tail, file);
    if (signal_writer(file->input->conf, writer, &err))
        say_untold(file->src->path, &err);
    return true;
}

/* The log was renamed but the writer has not made a new one: it was not told, or posta was killed in between. */
static bool is_waiting_for_writer(const struct file *file)
{
    return is_managed(file) && file->is_rotated && birth_of(file->src->path) < 0;
}

/* Said by the one who rotates: while this lasts the old generation grows and no room is made. */
static void say_if_stuck(const struct tail *tail, const struct file *file)
{
    int64_t since = loop_now(tail->loop) - file->rotated_at_ns;
    if (is_managed(file) && file->is_rotated && since >= STUCK_NS)
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail",
                    "%s.1: a writer still has it open more than %d s after the rotation and goes "
                    "on writing there; "
                    "may its processes make files in the folder, and did they get the signal?",
                    file->src->path, (int)(STUCK_NS / NS_PER_S));
}

int64_t rotate_where_due(struct tail *tail)
{
    int64_t again = -1, now = loop_now(tail->loop);
    for (struct file *file = tail->files; file; file = file->next) {
        say_if_stuck(tail, file);
        if (is_due(tail, file)) {
            if (!rotate(tail, file))
                again = RETRY_NS;
        } else if (is_waiting_for_writer(file)) {
            again = RETRY_NS;
            if (now - file->rotated_at_ns >= RETRY_NS) {
                tell_again(file->input->conf, file->src->path);
                file->rotated_at_ns = now;
            }
        }
    }
    return again;
}
