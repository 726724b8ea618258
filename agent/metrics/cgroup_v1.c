/* cgroup_v1.c: a control group of version 1: a folder for each controller.
 *
 * No limit is a number near 2^63 there, and -1 as a quota: told as it is to those who know Beats' fields, as no limit to others.
 */
#include "cgroup.h"

#include <stdio.h>

enum { HZ = 100 };
/* The page counter's end, and what old kernels had for it. */
#define NO_LIMIT (UINT64_C(1) << 62)

static void put_where(struct members *event, const char *controller, const char *path)
{
    const char *id = strrchr(path, '/') + 1;
    char name[32];
    if (!*id)
        id = "/";
    snprintf(name, sizeof name, "%s%sid", controller, *controller ? "." : "");
    members_str(event, name, id);
    snprintf(name, sizeof name, "%s%spath", controller, *controller ? "." : "");
    members_str(event, name, path);
}

/* ---- CPU ---- */

struct cpu_stat {
    uint64_t periods, throttled, throttled_ns;
};

static struct cpu_stat read_cpu_stat(struct cgroup *group)
{
    static const struct text_key keys[] = {
        {"nr_periods", offsetof(struct cpu_stat, periods)},
        {"nr_throttled", offsetof(struct cpu_stat, throttled)},
        {"throttled_time", offsetof(struct cpu_stat, throttled_ns)},
    };
    struct cpu_stat stat = {NO_VALUE, NO_VALUE, NO_VALUE};
    if (cgroup_read(group, CG_CPU, "cpu.stat"))
        text_read_keys(text_of(&group->text), keys, 3, &stat);
    return stat;
}

static uint64_t or_0(uint64_t value)
{
    return value == NO_VALUE ? 0 : value;
}

static void put_cpu(struct cgroup *group, struct members *event)
{
    if (!group->v1[CG_CPU])
        return;
    const struct cpu_stat stat = read_cpu_stat(group);
    put_where(event, "cpu", group->v1[CG_CPU]);
    members_u64(event, "cpu.cfs.period.us", cgroup_number(group, CG_CPU, "cpu.cfs_period_us"));
    if (cgroup_read(group, CG_CPU, "cpu.cfs_quota_us"))
        members_u64(event, "cpu.cfs.quota.us",
                    or_0(cgroup_number(group, CG_CPU, "cpu.cfs_quota_us")));
    members_u64(event, "cpu.cfs.shares", cgroup_number(group, CG_CPU, "cpu.shares"));
    members_u64(event, "cpu.rt.period.us", cgroup_number(group, CG_CPU, "cpu.rt_period_us"));
    members_u64(event, "cpu.rt.runtime.us", cgroup_number(group, CG_CPU, "cpu.rt_runtime_us"));
    members_u64(event, "cpu.stats.periods", stat.periods);
    members_u64(event, "cpu.stats.throttled.periods", stat.throttled);
    if (stat.throttled_ns != NO_VALUE)
        members_u64(event, "cpu.stats.throttled.us", stat.throttled_ns / 1000);
}

static void put_percpu(struct cgroup *group, struct members *event)
{
    struct text text, line;
    uint64_t ns;
    char name[48];
    if (!cgroup_read(group, CG_CPUACCT, "cpuacct.usage_percpu"))
        return;
    text = text_of(&group->text);
    if (!text_line(&text, &line))
        return;
    for (unsigned i = 1; i <= 1024 && text_u64(&line, &ns); i++) {
        snprintf(name, sizeof name, "cpuacct.percpu.%u", i);
        members_u64(event, name, ns);
    }
}

static void put_cpuacct(struct cgroup *group, struct members *event)
{
    static const struct text_key keys[] = {{"user", 0}, {"system", sizeof(uint64_t)}};
    uint64_t ticks[2] = {NO_VALUE, NO_VALUE};
    if (!group->v1[CG_CPUACCT])
        return;
    put_where(event, "cpuacct", group->v1[CG_CPUACCT]);
    members_u64(event, "cpuacct.total.ns", cgroup_number(group, CG_CPUACCT, "cpuacct.usage"));
    if (cgroup_read(group, CG_CPUACCT, "cpuacct.stat"))
        text_read_keys(text_of(&group->text), keys, 2, ticks);
    for (int i = 0; i < 2; i++)
        if (ticks[i] != NO_VALUE)
            members_u64(event, i ? "cpuacct.stats.system.ns" : "cpuacct.stats.user.ns",
                        ticks[i] * (UINT64_C(1000000000) / HZ));
    put_percpu(group, event);
}

/* ---- memory ---- */

static void put_counter(struct cgroup *group, struct members *event, const char *file,
                        const char *field)
{
    static const struct {
        const char *file, *field;
    } rows[] = {{"usage_in_bytes", "usage.bytes"},
                {"max_usage_in_bytes", "usage.max.bytes"},
                {"limit_in_bytes", "limit.bytes"},
                {"failcnt", "failures"}};
    char path[64], name[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, "memory.%s%s", file, rows[i].file);
        snprintf(name, sizeof name, "memory.%s.%s", field, rows[i].field);
        members_u64(event, name, cgroup_number(group, CG_MEMORY, path));
    }
}

static void put_memory(struct cgroup *group, struct members *event)
{
    static const struct cgroup_stat rows[] = {
        {"active_anon", "memory.stats.active_anon.bytes"},
        {"active_file", "memory.stats.active_file.bytes"},
        {"cache", "memory.stats.cache.bytes"},
        {"hierarchical_memory_limit", "memory.stats.hierarchical_memory_limit.bytes"},
        {"hierarchical_memsw_limit", "memory.stats.hierarchical_memsw_limit.bytes"},
        {"inactive_anon", "memory.stats.inactive_anon.bytes"},
        {"inactive_file", "memory.stats.inactive_file.bytes"},
        {"mapped_file", "memory.stats.mapped_file.bytes"},
        {"pgfault", "memory.stats.page_faults"},
        {"pgmajfault", "memory.stats.major_page_faults"},
        {"pgpgin", "memory.stats.pages_in"},
        {"pgpgout", "memory.stats.pages_out"},
        {"rss", "memory.stats.rss.bytes"},
        {"rss_huge", "memory.stats.rss_huge.bytes"},
        {"swap", "memory.stats.swap.bytes"},
        {"unevictable", "memory.stats.unevictable.bytes"},
    };
    if (!group->v1[CG_MEMORY])
        return;
    put_where(event, "memory", group->v1[CG_MEMORY]);
    put_counter(group, event, "", "mem");
    put_counter(group, event, "memsw.", "memsw");
    put_counter(group, event, "kmem.", "kmem");
    put_counter(group, event, "kmem.tcp.", "kmem_tcp");
    if (cgroup_read(group, CG_MEMORY, "memory.stat"))
        cgroup_put_stats(group, rows, sizeof rows / sizeof *rows, event);
}

/* ---- disks ---- */

struct blkio {
    uint64_t reads, writes, total;
};

/* "8:0 Read 4096", all devices added up; the last line, "Total 4096", is the sum of all kinds. */
static bool read_blkio(struct cgroup *group, const char *recursive, const char *plain,
                       struct blkio *sum)
{
    struct text line, device, kind;
    uint64_t value;
    *sum = (struct blkio) {0};
    if (!cgroup_read(group, CG_BLKIO, recursive) && !cgroup_read(group, CG_BLKIO, plain))
        return false;
    for (struct text left = text_of(&group->text); text_line(&left, &line);) {
        if (!text_word(&line, &device) || !text_word(&line, &kind) || !text_u64(&line, &value))
            continue;
        sum->reads += text_is(kind, "Read") ? value : 0;
        sum->writes += text_is(kind, "Write") ? value : 0;
        sum->total += text_is(kind, "Total") ? value : 0;
    }
    return true;
}

static bool read_bytes(struct cgroup *group, struct blkio *sum)
{
    return read_blkio(group, "blkio.throttle.io_service_bytes_recursive",
                      "blkio.throttle.io_service_bytes", sum);
}

static void put_blkio(struct cgroup *group, struct members *event)
{
    struct blkio bytes, ios;
    if (!group->v1[CG_BLKIO] || !read_bytes(group, &bytes))
        return;
    bool has_ios = read_blkio(group, "blkio.throttle.io_serviced_recursive",
                              "blkio.throttle.io_serviced", &ios);
    put_where(event, "blkio", group->v1[CG_BLKIO]);
    members_u64(event, "blkio.total.bytes", bytes.total);
    members_u64(event, "blkio.total.ios", has_ios ? ios.total : NO_VALUE);
    members_u64(event, "blkio.reads.bytes", bytes.reads);
    members_u64(event, "blkio.reads.ios", has_ios ? ios.reads : NO_VALUE);
    members_u64(event, "blkio.writes.bytes", bytes.writes);
    members_u64(event, "blkio.writes.ios", has_ios ? ios.writes : NO_VALUE);
}

/* ---- all ---- */

void cgroup_put_v1(struct cgroup *group, struct members *event)
{
    put_where(event, "", cgroup_path(group));
    put_cpu(group, event);
    put_cpuacct(group, event);
    put_memory(group, event);
    put_blkio(group, event);
}

static uint64_t oom_kills(struct cgroup *group)
{
    static const struct text_key key = {"oom_kill", 0};
    uint64_t value = NO_VALUE;
    if (cgroup_read(group, CG_MEMORY, "memory.oom_control"))
        text_read_keys(text_of(&group->text), &key, 1, &value);
    return value;
}

static uint64_t limit_of(uint64_t value)
{
    return value >= NO_LIMIT ? NO_VALUE : value;
}

void cgroup_figures_v1(struct cgroup *group, struct cgroup_figures *f)
{
    static const struct text_key inactive = {"total_inactive_file", 0};
    const struct cpu_stat stat = read_cpu_stat(group);
    struct blkio bytes;
    f->cpu_ns = cgroup_number(group, CG_CPUACCT, "cpuacct.usage");
    f->quota_us = cgroup_number(group, CG_CPU, "cpu.cfs_quota_us"); /* -1 is no number */
    f->period_us = cgroup_number(group, CG_CPU, "cpu.cfs_period_us");
    f->periods = stat.periods;
    f->throttled_periods = stat.throttled;
    f->throttled_us = stat.throttled_ns == NO_VALUE ? NO_VALUE : stat.throttled_ns / 1000;
    f->memory_bytes = cgroup_number(group, CG_MEMORY, "memory.usage_in_bytes");
    f->memory_limit_bytes = limit_of(cgroup_number(group, CG_MEMORY, "memory.limit_in_bytes"));
    if (cgroup_read(group, CG_MEMORY, "memory.stat"))
        text_read_keys(text_of(&group->text), &inactive, 1, &f->inactive_file_bytes);
    f->oom_kills = oom_kills(group);
    f->pids = cgroup_number(group, CG_PIDS, "pids.current");
    f->pids_limit = cgroup_number(group, CG_PIDS, "pids.max");
    if (read_bytes(group, &bytes)) {
        f->read_bytes = bytes.reads;
        f->written_bytes = bytes.writes;
    }
}
