/* process.c: system.process: the processes that are wanted, by name or as those that use most; an event a process.
 *
 * Happy path: /proc/PID/stat of all, some a turn; what they used since the last sample is known by pid and start time; then those
 * that are chosen are told of one after the other, with everything there is.
 * Failure modes: one that is gone meanwhile is left out; what may not be read of one (files, links) is left out of its event.
 * On close: nothing is kept open between turns but the folder.
 */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_A_TURN = 128, GIVE_A_TURN = 16 };

struct used {
    uint64_t pid, start_ticks, ticks;
};

struct processes {
    struct metric_env env;
    struct process_wants wants;
    struct folder *folder; /* that is being read */
    struct process *all;
    size_t n, cap, at; /* at: to be told of next; only when folder is NULL */
    bool is_giving;
    int64_t now_ns, before_ns; /* when this sample and the last one began; before 0: none */
    struct used *before;       /* by pid */
    size_t n_before;
    struct process_host host;
    struct process_detail detail;
    struct cgroup_mounts mounts;
};

static int open_processes(void *self, struct err *err)
{
    struct processes *ps = self;
    if (regex_list_new(&ps->wants.name_patterns, &ps->wants.names, err))
        return err_wrap(err, "processes");
    if (regex_list_new(&ps->wants.env_patterns, &ps->wants.env, err))
        return err_wrap(err, "process.env.whitelist");
    return 0;
}

static void close_processes(void *self)
{
    struct processes *ps = self;
    folder_close(ps->folder);
    free(ps->all);
    free(ps->before);
    regex_list_free(&ps->wants.name_patterns);
    regex_list_free(&ps->wants.env_patterns);
    buf_free(&ps->detail.text);
    buf_free(&ps->detail.passwd);
    buf_free(&ps->detail.args);
    cgroup_mounts_free(&ps->mounts);
}

/* ---- the host ---- */

static int read_host(struct processes *ps, struct err *err)
{
    static const struct text_key stat_keys[] = {{"btime", offsetof(struct process_host, boot_s)}};
    static const struct text_key mem_keys[] = {
        {"MemTotal", offsetof(struct process_host, total_bytes)}};
    struct cpu_times times;
    struct text line;
    if (kernel_read(&ps->env, "/proc/stat", ps->env.text, err))
        return -1;
    struct text text = text_of(ps->env.text);
    text_read_keys(text, stat_keys, 1, &ps->host);
    for (ps->host.n_cores = 0; text_line(&text, &line);)
        ps->host.n_cores += cpu_times_read(line, &times) && times.id >= 0;
    if (kernel_read(&ps->env, "/proc/meminfo", ps->env.text, err))
        return -1;
    text_read_keys(text_of(ps->env.text), mem_keys, 1, &ps->host);
    ps->host.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    if (ps->host.boot_s == NO_VALUE || ps->host.n_cores == 0)
        return err_set(err, ERR_CORRUPT, "/proc/stat: no btime and no CPUs in it");
    return 0;
}

/* ---- all of them ---- */

static int compare_used(const void *a, const void *b)
{
    const struct used *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static uint64_t ticks_of(const struct process *p)
{
    return p->user_ticks + p->system_ticks;
}

/* Another process may have the pid now. */
static double pct_of(const struct processes *ps, const struct process *p)
{
    const struct used key = {.pid = p->pid};
    if (!ps->before_ns || !ps->before)
        return -1;
    const struct used *was =
        bsearch(&key, ps->before, ps->n_before, sizeof *ps->before, compare_used);
    if (!was || was->start_ticks != p->start_ticks || ps->now_ns <= ps->before_ns)
        return -1;
    uint64_t ticks = grown(was->ticks, ticks_of(p));
    return ticks == NO_VALUE ? -1 : (double)ticks * 1e7 / (double)(ps->now_ns - ps->before_ns);
}

static void read_one(struct processes *ps, const char *name)
{
    struct process p;
    struct err err;
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    if (kernel_read(&ps->env, path, ps->env.text, &err) || !process_read(text_of(ps->env.text), &p))
        return;
    p.pct = pct_of(ps, &p);
    p.is_chosen = ps->wants.name_patterns.n == 0 ||
                  regex_list_try(&ps->wants.name_patterns, p.name, strlen(p.name)) == 1;
    if (ps->n == ps->cap) {
        ps->cap = ps->cap ? 2 * ps->cap : 64;
        ps->all = mem_grow(ps->all, ps->cap, sizeof *ps->all);
    }
    ps->all[ps->n++] = p;
}

/* False when all were read. */
static bool read_some(struct processes *ps)
{
    const char *name;
    uint64_t pid;
    for (int i = 0; i < READ_A_TURN; i++) {
        if (!(name = folder_next(ps->folder)))
            return false;
        if (process_is_pid(name, &pid))
            read_one(ps, name);
    }
    return true;
}

static void remember(struct processes *ps)
{
    ps->before = mem_grow(ps->before, ps->n + 1, sizeof *ps->before);
    for (size_t i = 0; i < ps->n; i++)
        ps->before[i] =
            (struct used) {ps->all[i].pid, ps->all[i].start_ticks, ticks_of(&ps->all[i])};
    ps->n_before = ps->n;
    ps->before_ns = ps->now_ns;
    qsort(ps->before, ps->n, sizeof *ps->before, compare_used);
}

/* ---- those that use most ---- */

static int by_cpu(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    if (x->is_chosen != y->is_chosen)
        return y->is_chosen - x->is_chosen;
    if (x->pct != y->pct)
        return (x->pct < y->pct) - (x->pct > y->pct);
    if (ticks_of(x) != ticks_of(y)) /* in the first sample that is all there is */
        return (ticks_of(x) < ticks_of(y)) - (ticks_of(x) > ticks_of(y));
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_memory(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    if (x->is_chosen != y->is_chosen)
        return y->is_chosen - x->is_chosen;
    if (x->rss_pages != y->rss_pages)
        return (x->rss_pages < y->rss_pages) - (x->rss_pages > y->rss_pages);
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static void mark_top(struct processes *ps, uint64_t n, int (*order)(const void *, const void *))
{
    qsort(ps->all, ps->n, sizeof *ps->all, order);
    for (size_t i = 0; i < ps->n && i < n && ps->all[i].is_chosen; i++)
        ps->all[i].is_top = true;
}

/* Both 0 means all, as with Beats. */
static void choose(struct processes *ps)
{
    const struct process_wants *wants = &ps->wants;
    if (wants->top_enabled && (wants->top_cpu || wants->top_memory)) {
        mark_top(ps, wants->top_cpu, by_cpu);
        mark_top(ps, wants->top_memory, by_memory);
        for (size_t i = 0; i < ps->n; i++)
            ps->all[i].is_chosen = ps->all[i].is_top;
    }
    qsort(ps->all, ps->n, sizeof *ps->all, by_pid);
}

/* ---- turns ---- */

static int begin(struct processes *ps, struct err *err)
{
    ps->n = ps->at = 0;
    ps->now_ns = ps->env.now_ns;
    ps->detail.env = &ps->env;
    ps->detail.host = &ps->host;
    ps->detail.wants = &ps->wants;
    ps->detail.mounts = &ps->mounts;
    if (ps->wants.has_cgroups)
        cgroup_mounts_read(&ps->mounts, &ps->env, *ps->env.hostfs ? "1" : "self");
    if (kernel_read(&ps->env, "/etc/passwd", &ps->detail.passwd, err))
        buf_clear(&ps->detail.passwd); /* then users are numbers */
    if (read_host(ps, err))
        return -1;
    ps->folder = folder_open(&ps->env, "/proc", err);
    return ps->folder ? 1 : -1;
}

static int give_some(struct processes *ps, const struct metric_sink *sink)
{
    int n = 0;
    for (; ps->at < ps->n && n < GIVE_A_TURN; ps->at++)
        if (ps->all[ps->at].is_chosen) {
            process_give(&ps->detail, &ps->all[ps->at], sink);
            n++;
        }
    ps->is_giving = ps->at < ps->n;
    return ps->is_giving;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct processes *ps = self;
    if (ps->is_giving)
        return give_some(ps, sink);
    if (!ps->folder)
        return begin(ps, err);
    if (read_some(ps))
        return 1;
    folder_close(ps->folder);
    ps->folder = NULL;
    if (ps->n == 0)
        return err_set(err, ERR_CORRUPT, "/proc: no processes in it");
    remember(ps);
    choose(ps);
    ps->is_giving = true;
    return 1;
}

/* ---- tables ---- */

#define AT(field) .at = offsetof(struct processes, wants.field)
static const struct option options[] = {
    {.name = "processes",
     .type = OPT_LIST,
     .def = ".*",
     AT(names),
     .doc = "Regular expressions (RE2); only processes whose name matches one are told of."},
    {.name = "process.include_top_n.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(top_enabled),
     .doc = "Only tell of those that use most, as the next two say; all if both are 0."},
    {.name = "process.include_top_n.by_cpu",
     .type = OPT_COUNT,
     .def = "0",
     AT(top_cpu),
     .doc = "So many of those that used most CPU time since the last sample."},
    {.name = "process.include_top_n.by_memory",
     .type = OPT_COUNT,
     .def = "0",
     AT(top_memory),
     .doc = "So many of those that have most memory."},
    {.name = "process.cgroups.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(has_cgroups),
     .doc = "Tell also what the control group of each process uses and may use."},
    {.name = "process.env.whitelist",
     .type = OPT_LIST,
     AT(env),
     .doc = "Regular expressions (RE2) of names of environment variables that are told."},
    {.name = "process.include_cpu_ticks",
     .type = OPT_BOOL,
     .def = "false",
     AT(has_ticks),
     .doc = "Tell also the CPU time since the start, by kind."},
    {.name = "process.cmdline.cache.enabled",
     .type = OPT_IGNORED,
     .doc = "the command line is read each time"},
    {0},
};

const struct metricset system_process_set = {
    .module = "system",
    .name = "process",
    .doc = "What single processes use: an event for each. CPU shares are there from the second "
           "sample of a process on.",
    .is_default = true,
    .options = options,
    .size = sizeof(struct processes),
    .fields = process_fields,
    .open = open_processes,
    .close = close_processes,
    .sample = sample,
};
