/* process_summary.c: system.process_summary: how many processes there are, by state.
 *
 * Happy path: /proc/PID/stat of all of them, some a turn.
 * Failure modes: one that is gone before it is read is not counted.
 */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>

enum { A_TURN = 128 };

struct summary {
    struct metric_env env;
    struct folder *folder; /* that is being read; NULL = none */
    uint64_t total, running, sleeping, idle, stopped, zombie, dead, unknown;
};

static void close_summary(void *self)
{
    struct summary *sum = self;
    folder_close(sum->folder);
}

static uint64_t *place_of(struct summary *sum, char state)
{
    switch (state) {
    case 'R':
        return &sum->running;
    case 'S':
        return &sum->sleeping;
    case 'D': /* as Beats count it */
    case 'I':
    case 'P':
        return &sum->idle;
    case 'T':
    case 't':
        return &sum->stopped;
    case 'Z':
        return &sum->zombie;
    case 'X':
    case 'x':
        return &sum->dead;
    default:
        return &sum->unknown;
    }
}

static void count(struct summary *sum, const char *pid)
{
    struct process process;
    struct err err;
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    if (kernel_read(&sum->env, path, sum->env.text, &err))
        return;
    sum->total++;
    if (process_read(text_of(sum->env.text), &process))
        (*place_of(sum, process.state))++;
    else
        sum->unknown++;
}

struct threads {
    uint64_t running, blocked;
};

static struct threads read_threads(struct summary *sum)
{
    static const struct text_key keys[] = {{"procs_running", offsetof(struct threads, running)},
                                           {"procs_blocked", offsetof(struct threads, blocked)}};
    struct threads threads = {NO_VALUE, NO_VALUE};
    struct err err;
    if (kernel_read(&sum->env, "/proc/stat", sum->env.text, &err) == 0)
        text_read_keys(text_of(sum->env.text), keys, 2, &threads);
    return threads;
}

static void give(struct summary *sum, const struct metric_sink *sink)
{
    struct members *event = sink->event;
    const struct threads threads = read_threads(sum);
    event->prefix = "system.process.summary";
    members_u64(event, "total", sum->total);
    members_u64(event, "running", sum->running);
    members_u64(event, "sleeping", sum->sleeping);
    members_u64(event, "idle", sum->idle);
    members_u64(event, "stopped", sum->stopped);
    members_u64(event, "zombie", sum->zombie);
    members_u64(event, "dead", sum->dead);
    members_u64(event, "unknown", sum->unknown);
    members_u64(event, "threads.running", threads.running);
    members_u64(event, "threads.blocked", threads.blocked);
    sink->give(sink->arg);
}

static int begin(struct summary *sum, struct err *err)
{
    sum->total = sum->running = sum->sleeping = sum->idle = sum->stopped = sum->zombie = sum->dead =
        sum->unknown = 0;
    sum->folder = folder_open(&sum->env, "/proc", err);
    return sum->folder ? 0 : -1;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct summary *sum = self;
    const char *name;
    uint64_t pid;
    if (!sum->folder && begin(sum, err))
        return -1;
    for (int i = 0; i < A_TURN; i++) {
        if (!(name = folder_next(sum->folder))) {
            folder_close(sum->folder);
            sum->folder = NULL;
            give(sum, sink);
            return 0;
        }
        if (process_is_pid(name, &pid))
            count(sum, name);
    }
    return 1;
}

#define S "system.process.summary."
static const struct metric_field fields[] = {
    {S "total", "long", "processes", "All."},
    {S "running", "long", "processes", "That run or could run."},
    {S "sleeping", "long", "processes", "That wait."},
    {S "idle", "long", "processes", "That wait for a disk, and idle threads of the kernel."},
    {S "stopped", "long", "processes", "Stopped by a signal or a debugger."},
    {S "zombie", "long", "processes", "That have ended and nobody has asked how."},
    {S "dead", "long", "processes", "That are just going."},
    {S "unknown", "long", "processes", "In another state."},
    {S "threads.running", "long", "threads", "That run or could run."},
    {S "threads.blocked", "long", "threads", "That wait for a disk."},
    {0},
};

const struct metricset system_process_summary_set = {
    .module = "system",
    .name = "process_summary",
    .doc = "How many processes there are, by state.",
    .is_default = true,
    .size = sizeof(struct summary),
    .fields = fields,
    .close = close_summary,
    .sample = sample,
};
