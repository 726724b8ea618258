/* cgroup_v2.c: a control group of version 2: one folder. The root group has few of the files; what is not there is left out. */
#include "cgroup.h"

#include <stddef.h>
#include <stdio.h>

static const enum controller V2 = CG_CONTROLLERS;

/* ---- CPU ---- */

struct cpu_stat {
    uint64_t usage_us, user_us, system_us, periods, throttled, throttled_us;
};

static struct cpu_stat read_cpu_stat(struct cgroup *group)
{
    static const struct text_key keys[] = {
        {"usage_usec", offsetof(struct cpu_stat, usage_us)},
        {"user_usec", offsetof(struct cpu_stat, user_us)},
        {"system_usec", offsetof(struct cpu_stat, system_us)},
        {"nr_periods", offsetof(struct cpu_stat, periods)},
        {"nr_throttled", offsetof(struct cpu_stat, throttled)},
        {"throttled_usec", offsetof(struct cpu_stat, throttled_us)},
    };
    struct cpu_stat stat = {NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE};
    if (cgroup_read(group, V2, "cpu.stat"))
        text_read_keys(text_of(&group->text), keys, sizeof keys / sizeof *keys, &stat);
    return stat;
}

/* "max 100000", "50000 100000" */
static void read_quota(struct cgroup *group, uint64_t *quota_us, uint64_t *period_us)
{
    struct text line;
    *quota_us = *period_us = NO_VALUE;
    if (!cgroup_read(group, V2, "cpu.max"))
        return;
    struct text text = text_of(&group->text);
    if (text_line(&text, &line)) {
        (void)text_u64(&line, quota_us); /* "max" is none */
        (void)text_u64(&line, period_us);
    }
}

static uint64_t ns_of(uint64_t us)
{
    return us == NO_VALUE ? NO_VALUE : us * 1000;
}

static void put_pressure(struct cgroup *group, struct members *event, const char *what);

static void put_cpu(struct cgroup *group, struct members *event)
{
    const struct cpu_stat stat = read_cpu_stat(group);
    uint64_t quota_us, period_us;
    read_quota(group, &quota_us, &period_us);
    members_u64(event, "cpu.stats.usage.ns", ns_of(stat.usage_us));
    members_u64(event, "cpu.stats.user.ns", ns_of(stat.user_us));
    members_u64(event, "cpu.stats.system.ns", ns_of(stat.system_us));
    members_u64(event, "cpu.stats.periods", stat.periods);
    members_u64(event, "cpu.stats.throttled.us", stat.throttled_us);
    members_u64(event, "cpu.stats.throttled.periods", stat.throttled);
    members_u64(event, "cpu.cfs.period.us", period_us);
    if (period_us != NO_VALUE)
        members_u64(event, "cpu.cfs.quota.us", quota_us == NO_VALUE ? 0 : quota_us);
    members_u64(event, "cpu.cfs.weight", cgroup_number(group, V2, "cpu.weight"));
    put_pressure(group, event, "cpu");
}

/* ---- pressure ---- */

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=1234" */
static void put_pressure_line(struct members *event, const char *what, struct text line)
{
    struct text kind, pair, key;
    uint64_t total;
    double pct;
    char name[64];
    if (!text_word(&line, &kind) || (!text_is(kind, "some") && !text_is(kind, "full")))
        return;
    while (text_word(&line, &pair)) {
        if (!text_until(&pair, '=', &key) || text_len(key) < 3 || text_len(key) > 16)
            continue;
        if (text_is(key, "total") && text_to_u64(pair, &total)) {
            snprintf(name, sizeof name, "%s.pressure.%.4s.total", what, kind.at);
            members_u64(event, name, total);
        } else if (memcmp(key.at, "avg", 3) == 0 && text_to_float(pair, &pct)) {
            key.at += 3;
            if (!text_is(key, "10") && !text_is(key, "60") && !text_is(key, "300"))
                continue;
            snprintf(name, sizeof name, "%s.pressure.%.4s.%.*s.pct", what, kind.at,
                     (int)text_len(key), key.at);
            members_float(event, name, pct);
        }
    }
}

/* "some" comes before "full"; twice would be a member twice. */
static void put_pressure(struct cgroup *group, struct members *event, const char *what)
{
    struct text line;
    char file[32];
    snprintf(file, sizeof file, "%s.pressure", what);
    if (!cgroup_read(group, V2, file))
        return;
    struct text text = text_of(&group->text);
    for (int i = 0; i < 2 && text_line(&text, &line); i++)
        if (text_len(line) > 4 && memcmp(line.at, i ? "full" : "some", 4) == 0)
            put_pressure_line(event, what, line);
}

/* ---- memory ---- */

static void put_events(struct cgroup *group, struct members *event, const char *what,
                       const char *field)
{
    static const char *const keys[] = {"low", "high", "max", "oom", "oom_kill", "fail"};
    char file[32], name[64];
    snprintf(file, sizeof file, "%s.events", what);
    if (!cgroup_read(group, V2, file))
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct cgroup_stat row = {keys[i], name};
        snprintf(name, sizeof name, "memory.%s.events.%s", field, keys[i]);
        cgroup_put_stats(group, &row, 1, event);
    }
}

static void put_counter(struct cgroup *group, struct members *event, const char *what,
                        const char *field)
{
    static const char *const files[][2] = {
        {"current", "usage"}, {"low", "low"}, {"high", "high"}, {"max", "max"}};
    char file[32], name[64];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(file, sizeof file, "%s.%s", what, files[i][0]);
        snprintf(name, sizeof name, "memory.%s.%s.bytes", field, files[i][1]);
        members_u64(event, name, cgroup_number(group, V2, file));
    }
    put_events(group, event, what, field);
}

/* One name is as Beats have it, misspelt. */
static const struct cgroup_stat memory_stats[] = {
    {"anon", "memory.stats.anon.bytes"},
    {"file", "memory.stats.file.bytes"},
    {"kernel_stack", "memory.stats.kernel_stack.bytes"},
    {"pagetables", "memory.stats.page_tables.bytes"},
    {"percpu", "memory.stats.per_cpu.bytes"},
    {"sock", "memory.stats.sock.bytes"},
    {"shmem", "memory.stats.shmem.bytes"},
    {"file_mapped", "memory.stats.file_mapped.bytes"},
    {"file_dirty", "memory.stats.file_dirty.bytes"},
    {"file_writeback", "memory.stats.file_writeback.bytes"},
    {"swapcached", "memory.stats.swap_cached.bytes"},
    {"anon_thp", "memory.stats.anon_thp.bytes"},
    {"file_thp", "memory.stats.file_thp.bytes"},
    {"shmem_thp", "memory.stats.shmem_thp.bytes"},
    {"inactive_anon", "memory.stats.inactive_anon.bytes"},
    {"active_anon", "memory.stats.active_anon.bytes"},
    {"inactive_file", "memory.stats.inactive_file.bytes"},
    {"active_file", "memory.stats.active_file.bytes"},
    {"unevictable", "memory.stats.unevictable.bytes"},
    {"slab_reclaimable", "memory.stats.slab_reclaimable.bytes"},
    {"slab_unreclaimable", "memory.stats.slab_unreclaimable.bytes"},
    {"slab", "memory.stats.slab.bytes"},
    {"workingset_refault_anon", "memory.stats.workingset_refault_anon"},
    {"workingset_refault_file", "memory.stats.workingset_refault_file"},
    {"workingset_activate_anon", "memory.stats.workingset_activate_anon"},
    {"workingset_activate_file", "memory.stats.workingset_activate_file"},
    {"workingset_restore_anon", "memory.stats.workingset_restore_anon"},
    {"workingset_restore_file", "memory.stats.workingset_restore_file"},
    {"workingset_nodereclaim", "memory.stats.workingset_node_reclaim"},
    {"pgfault", "memory.stats.page_faults"},
    {"pgmajfault", "memory.stats.major_page_faults"},
    {"pgrefill", "memory.stats.page_refill"},
    {"pgscan", "memory.stats.page_scan"},
    {"pgsteal", "memory.stats.page_steal"},
    {"pgactivate", "memory.stats.page_activate"},
    {"pgdeactivate", "memory.stats.page_deactivate"},
    {"pglazyfree", "memory.stats.page_lazy_free"},
    {"pglazyfreed", "memory.stats.page_lazy_freed"},
    {"thp_fault_alloc", "memory.stats.thp_fault_alloc"},
    {"thp_collapse_alloc", "memory.stats.htp_collapse_alloc"},
};

static void put_memory(struct cgroup *group, struct members *event)
{
    put_counter(group, event, "memory", "mem");
    put_counter(group, event, "memory.swap", "memsw");
    if (cgroup_read(group, V2, "memory.stat"))
        cgroup_put_stats(group, memory_stats, sizeof memory_stats / sizeof *memory_stats, event);
    put_pressure(group, event, "memory");
}

/* ---- disks ---- */

struct io {
    uint64_t read_bytes, written_bytes, reads, writes, discarded_bytes, discards;
};

/* "rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static struct io read_io(struct text line)
{
    static const struct {
        const char *key;
        size_t at;
    } rows[] = {{"rbytes", offsetof(struct io, read_bytes)},
                {"wbytes", offsetof(struct io, written_bytes)},
                {"rios", offsetof(struct io, reads)},
                {"wios", offsetof(struct io, writes)},
                {"dbytes", offsetof(struct io, discarded_bytes)},
                {"dios", offsetof(struct io, discards)}};
    struct io io = {0};
    struct text pair, key;
    uint64_t value;
    while (text_word(&line, &pair)) {
        if (!text_until(&pair, '=', &key) || !text_to_u64(pair, &value))
            continue;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (text_is(key, rows[i].key))
                memcpy((char *)&io + rows[i].at, &value, sizeof value);
    }
    return io;
}

static void put_device(struct members *event, struct text device, const struct io *io)
{
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {{"read.bytes", offsetof(struct io, read_bytes)},
                {"read.ios", offsetof(struct io, reads)},
                {"write.bytes", offsetof(struct io, written_bytes)},
                {"write.ios", offsetof(struct io, writes)},
                {"discarded.bytes", offsetof(struct io, discarded_bytes)},
                {"discarded.ios", offsetof(struct io, discards)}};
    char name[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value;
        memcpy(&value, (const char *)io + rows[i].at, sizeof value);
        snprintf(name, sizeof name, "io.stats.%.*s.%s", (int)text_len(device), device.at,
                 rows[i].name);
        members_u64(event, name, value);
    }
}

/* "8:0 rbytes=..": a number, a colon, a number. */
static bool is_device(struct text word)
{
    struct text major;
    uint64_t number;
    return text_len(word) < 24 && text_until(&word, ':', &major) && text_to_u64(major, &number) &&
           text_to_u64(word, &number);
}

/* A device is told of once, in the order of the file. */
static void put_io(struct cgroup *group, struct members *event)
{
    struct text line, device;
    if (cgroup_read(group, V2, "io.stat"))
        for (struct text left = text_of(&group->text); text_line(&left, &line);) {
            if (!text_word(&line, &device) || !is_device(device))
                continue;
            const struct io io = read_io(line);
            put_device(event, device, &io);
        }
    put_pressure(group, event, "io");
}

static void sum_io(struct cgroup *group, struct cgroup_figures *f)
{
    struct text line, device;
    if (!cgroup_read(group, V2, "io.stat"))
        return;
    f->read_bytes = f->written_bytes = 0;
    for (struct text left = text_of(&group->text); text_line(&left, &line);) {
        if (!text_word(&line, &device) || !is_device(device))
            continue;
        const struct io io = read_io(line);
        f->read_bytes += io.read_bytes;
        f->written_bytes += io.written_bytes;
    }
}

/* ---- all ---- */

void cgroup_put_v2(struct cgroup *group, struct members *event)
{
    const char *id = strrchr(group->v2, '/') + 1;
    if (!*id)
        id = "/";
    members_str(event, "id", id);
    members_str(event, "path", group->v2);
    put_cpu(group, event);
    put_memory(group, event);
    put_io(group, event);
}

void cgroup_figures_v2(struct cgroup *group, struct cgroup_figures *f)
{
    static const struct text_key inactive = {"inactive_file", 0}, kills = {"oom_kill", 0};
    const struct cpu_stat stat = read_cpu_stat(group);
    f->cpu_ns = ns_of(stat.usage_us);
    read_quota(group, &f->quota_us, &f->period_us);
    f->periods = stat.periods;
    f->throttled_periods = stat.throttled;
    f->throttled_us = stat.throttled_us;
    f->memory_bytes = cgroup_number(group, V2, "memory.current");
    f->memory_limit_bytes = cgroup_number(group, V2, "memory.max"); /* "max" is no number */
    if (cgroup_read(group, V2, "memory.stat"))
        text_read_keys(text_of(&group->text), &inactive, 1, &f->inactive_file_bytes);
    if (cgroup_read(group, V2, "memory.events"))
        text_read_keys(text_of(&group->text), &kills, 1, &f->oom_kills);
    f->pids = cgroup_number(group, V2, "pids.current");
    f->pids_limit = cgroup_number(group, V2, "pids.max");
    sum_io(group, f);
}
