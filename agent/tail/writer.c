/* writer.c: the process that writes a managed log: found by its pid file or by its name, and told to open its log again.
 *
 * Happy path: the pid file's number, or the one process of that name whose parent has another name (a web server's master),
 * is held by a descriptor, so that the signal goes to no other process that got the number meanwhile.
 * Failure modes: no pid file, no process, several of them, not allowed: the caller says it and tries again.
 * On close: nothing is kept.
 */
#include "follow.h"

#include <posta/fs.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMM_BYTES = 15 /* the kernel keeps no more of a name */, STAT_BYTES = 1024 };

static const int signals[] = {SIGUSR1, SIGHUP, SIGUSR2,
                              SIGWINCH}; /* as the words of rotation.signal */

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

/* Name and parent of a process: proc(5), stat: "PID (NAME) STATE PARENT ...". False if it is gone. */
static bool describe(int pid, char name[static COMM_BYTES + 1], int *parent)
{
    struct buf text = BUF_INIT;
    struct err ignored; /* it has ended */
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    bool is_there = fs_read_file(path, STAT_BYTES, &text, &ignored) == 0;
    const char *bytes = buf_str(&text), *open = strchr(bytes, '('), *close = strrchr(bytes, ')');
    is_there = is_there && open && close > open && sscanf(close + 1, " %*c %d", parent) == 1;
    if (is_there)
        snprintf(name, COMM_BYTES + 1, "%.*s", (int)(close - open - 1), open + 1);
    buf_free(&text);
    return is_there;
}

static bool is_master(int pid, const char *wanted)
{
    char name[COMM_BYTES + 1], other[COMM_BYTES + 1];
    int parent, ignored;
    if (!describe(pid, name, &parent) || strncmp(name, wanted, COMM_BYTES) != 0)
        return false;
    return !describe(parent, other, &ignored) || strcmp(name, other) != 0;
}

static int find_by_name(const char *name, struct err *err)
{
    DIR *proc = opendir("/proc");
    int found = -1, n = 0;
    if (!proc)
        return err_sys(err, "look for process '%s': /proc", name);
    for (struct dirent *entry; (entry = readdir(proc));) {
        int pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;
        if (pid > 0 && is_master(pid, name)) {
            found = pid;
            n++;
        }
    }
    closedir(proc);
    if (n == 1)
        return found;
    if (n == 0)
        return err_set(err, ERR_GONE,
                       "there is no process '%s' (in a pod: shareProcessNamespace: true)", name);
    return err_set(err, ERR_CONFIG,
                   "there are %d processes '%s' of their own: set rotation.pid_file", n, name);
}

int writer_find(const struct tail_input *conf, struct err *err)
{
    bool has_file = conf->rotation_pid_file && *conf->rotation_pid_file;
    int pid = has_file ? read_pid(conf->rotation_pid_file, err)
                       : find_by_name(conf->rotation_process, err);
    if (pid < 0)
        return has_file ? err_wrap(err, "pid file") : -1;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 ? fd
                   : err_sys(err, "process %d of %s", pid,
                             has_file ? conf->rotation_pid_file : conf->rotation_process);
}

int writer_signal(const struct tail_input *conf, int fd, struct err *err)
{
    int rc = (int)syscall(SYS_pidfd_send_signal, fd, signals[conf->rotation_signal], NULL, 0);
    if (rc < 0)
        err_sys(err, "signal the process of %s",
                conf->rotation_pid_file ? conf->rotation_pid_file : conf->rotation_process);
    (void)fs_close(fd); /* only names a process */
    return rc;
}
