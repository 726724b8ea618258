/* container.c: container.cgroup: what this container, or pod, may use and does use. In a pod the figures of module system are those
 * of the node; these are its own.
 *
 * Happy path: the control group of this process, of version 1 or 2, beside what the machine has, for those that have no limit.
 * Failure modes: without a control group there is an event with an error. Figures that this kernel or this group has not are left
 * out. Counters that went back: no share since the last sample.
 */
#include "cgroup.h"
#include "cgroup_fields.h"

#include <ctype.h>
#include <stddef.h>

struct container {
    struct metric_env env;
    struct cgroup_mounts mounts;
    struct cgroup_figures before;
    int64_t before_ns; /* 0 = no sample yet */
};

static void close_container(void *self)
{
    struct container *c = self;
    cgroup_mounts_free(&c->mounts);
}

/* ---- the machine ---- */

struct machine {
    uint64_t memory_bytes;
    unsigned n_cores;
};

static struct machine read_machine(struct container *c)
{
    static const struct text_key key = {"MemTotal", offsetof(struct machine, memory_bytes)};
    struct machine machine = {.memory_bytes = NO_VALUE};
    struct cpu_times times;
    struct text line;
    struct err err;
    if (kernel_read(&c->env, "/proc/meminfo", c->env.text, &err) == 0)
        text_read_keys(text_of(c->env.text), &key, 1, &machine);
    if (kernel_read(&c->env, "/proc/stat", c->env.text, &err) == 0)
        for (struct text text = text_of(c->env.text); text_line(&text, &line);)
            machine.n_cores += cpu_times_read(line, &times) && times.id >= 0;
    return machine;
}

/* ---- figures ---- */

/* The last run of 64 hex digits in the path: "cri-containerd-<id>.scope", "<id>". */
static void put_id(struct members *event, const char *path)
{
    enum { ID_LEN = 64 };
    for (const char *at = path + strlen(path); at > path;) {
        const char *end = at;
        while (at > path && isxdigit((unsigned char)at[-1]))
            at--;
        if (end - at == ID_LEN) {
            members_text(event, "id", at, ID_LEN);
            return;
        }
        at -= at > path;
    }
}

static double limit_cores(const struct cgroup_figures *f, const struct machine *machine)
{
    if (f->quota_us == NO_VALUE || f->period_us == NO_VALUE || f->period_us == 0)
        return machine->n_cores;
    return (double)f->quota_us / (double)f->period_us;
}

static void put_cpu(const struct container *c, const struct cgroup_figures *f,
                    const struct machine *machine, struct members *event)
{
    double limit = limit_cores(f, machine);
    uint64_t used_ns = grown(c->before.cpu_ns, f->cpu_ns);
    uint64_t periods = grown(c->before.periods, f->periods);
    uint64_t throttled = grown(c->before.throttled_periods, f->throttled_periods);
    int64_t passed_ns = c->env.now_ns - c->before_ns;
    if (c->before_ns && used_ns != NO_VALUE && passed_ns > 0) {
        double cores = (double)used_ns / (double)passed_ns;
        if (limit > 0)
            members_float(event, "cpu.usage", cores / limit);
        members_float(event, "cpu.cores", cores);
    }
    if (f->quota_us != NO_VALUE)
        members_float(event, "cpu.limit.cores", limit);
    if (c->before_ns && periods != NO_VALUE && throttled != NO_VALUE)
        members_float(event, "cpu.throttled.pct", share(throttled, periods));
    members_u64(event, "cpu.throttled.periods", f->throttled_periods);
    members_u64(event, "cpu.throttled.us", f->throttled_us);
}

/* What is needed: the kernel takes back the rest before it kills. */
static uint64_t working_set(const struct cgroup_figures *f)
{
    if (f->memory_bytes == NO_VALUE || f->inactive_file_bytes == NO_VALUE)
        return NO_VALUE;
    return f->memory_bytes > f->inactive_file_bytes ? f->memory_bytes - f->inactive_file_bytes : 0;
}

static void put_memory(const struct cgroup_figures *f, const struct machine *machine,
                       struct members *event)
{
    uint64_t most = f->memory_limit_bytes < machine->memory_bytes ? f->memory_limit_bytes
                                                                  : machine->memory_bytes;
    uint64_t needed = working_set(f);
    if (f->memory_bytes != NO_VALUE && most != NO_VALUE)
        members_float(event, "memory.usage", share(f->memory_bytes, most));
    members_u64(event, "memory.used.bytes", f->memory_bytes);
    members_u64(event, "memory.working_set.bytes", needed);
    if (needed != NO_VALUE && most != NO_VALUE)
        members_float(event, "memory.working_set.pct", share(needed, most));
    members_u64(event, "memory.limit.bytes", f->memory_limit_bytes);
    members_u64(event, "memory.oom_kills", f->oom_kills);
}

static void put_rest(const struct container *c, const struct cgroup_figures *f,
                     struct members *event)
{
    if (c->before_ns) {
        members_u64(event, "disk.read.bytes", grown(c->before.read_bytes, f->read_bytes));
        members_u64(event, "disk.write.bytes", grown(c->before.written_bytes, f->written_bytes));
    }
    members_u64(event, "pids.current", f->pids);
    members_u64(event, "pids.limit", f->pids_limit);
    if (f->pids != NO_VALUE && f->pids_limit != NO_VALUE)
        members_float(event, "pids.pct", share(f->pids, f->pids_limit));
}

static void put_all(struct container *c, struct cgroup *group, struct members *event)
{
    struct cgroup_figures figures;
    const struct machine machine = read_machine(c);
    cgroup_figures(group, &figures);
    event->prefix = "container";
    put_id(event, cgroup_path(group));
    put_cpu(c, &figures, &machine, event);
    put_memory(&figures, &machine, event);
    put_rest(c, &figures, event);
    event->prefix = "container.cgroup";
    members_u64(event, "version", (uint64_t)cgroup_version(group));
    cgroup_put(group, event);
    c->before = figures;
    c->before_ns = c->env.now_ns;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct container *c = self;
    struct cgroup group;
    if (!c->mounts.v2.dir && !c->mounts.v1[CG_MEMORY].dir)
        cgroup_mounts_read(&c->mounts, &c->env, "self");
    bool is_found = cgroup_find(&group, &c->mounts, &c->env, "/proc/self/cgroup");
    if (is_found) {
        put_all(c, &group, sink->event);
        sink->give(sink->arg);
    }
    cgroup_free(&group);
    return is_found ? 0
                    : err_set(err, ERR_GONE,
                              "this process is in no control group of CPU or memory that is "
                              "mounted: is /sys/fs/cgroup there?");
}

#define C "container."
static const struct metric_field fields[] = {
    {C "id", "keyword", NULL, "Of the container, if the path of its group tells."},
    {C "cpu.usage", "float", "percent",
     "CPU time since the last sample, of what may be used: the quota, or all CPUs."},
    {C "cpu.cores", "float", "CPUs", "CPU time since the last sample in CPUs."},
    {C "cpu.limit.cores", "float", "CPUs", "The CPU quota; not there = none."},
    {C "cpu.throttled.pct", "float", "percent",
     "Of the periods since the last sample, those in which the quota was used up."},
    {C "cpu.throttled.periods", "long", "periods", "Such periods since the start."},
    {C "cpu.throttled.us", "long", "us", "Time waited for the next period since the start."},
    {C "memory.usage", "float", "percent",
     "Memory that is used, page cache included, of the limit or, without one, of the machine."},
    {C "memory.used.bytes", "long", "bytes", "The same in bytes."},
    {C "memory.working_set.bytes", "long", "bytes",
     "Without page cache that was not used lately: what counts before a process is killed."},
    {C "memory.working_set.pct", "float", "percent", "The same as memory.usage."},
    {C "memory.limit.bytes", "long", "bytes", "The limit; not there = none."},
    {C "memory.oom_kills", "long", "processes", "Killed for want of memory since the start."},
    {C "disk.read.bytes", "long", "bytes", "Read from disks since the last sample."},
    {C "disk.write.bytes", "long", "bytes", "Written to disks since the last sample."},
    {C "pids.current", "long", NULL, "Processes and threads."},
    {C "pids.limit", "long", NULL, "So many may be; not there = any number."},
    {C "pids.pct", "float", "percent", "Those that are, of those that may be."},
    {C "cgroup.version", "long", NULL, "1 or 2."},
    CGROUP_FIELDS(C "cgroup.") {0},
};

const struct metricset container_cgroup_set = {
    .module = "container",
    .name = "cgroup",
    .doc = "What this container or pod may use and does use, of its control group; system.hostfs "
           "does not count for it.",
    .is_default = true,
    .is_own = true,
    .size = sizeof(struct container),
    .fields = fields,
    .close = close_container,
    .sample = sample,
};
