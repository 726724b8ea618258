/* cpu.c: system.cpu: where the time of all CPUs went since the last sample. */
#include "cpu_fields.h"
#include "metrics.h"

#include <stddef.h>

struct cpu {
    struct metric_env env;
    struct str_list metrics;
    struct cpu_wants wants;
    struct cpu_times before;
    bool has_before;
};

static int open_cpu(void *self, struct err *err)
{
    struct cpu *cpu = self;
    return cpu_wants_read(&cpu->metrics, "cpu.metrics", &cpu->wants, err);
}

/* All together are the first line, each has one behind it. */
static int read_times(struct cpu *cpu, struct cpu_times *all, unsigned *n_cores, struct err *err)
{
    struct cpu_times one;
    if (kernel_read(&cpu->env, "/proc/stat", cpu->env.text, err))
        return -1;
    struct text text = text_of(cpu->env.text), line;
    all->id = 0;
    for (*n_cores = 0; text_line(&text, &line);) {
        if (!cpu_times_read(line, &one))
            continue;
        if (one.id < 0)
            *all = one;
        else
            (*n_cores)++;
    }
    if (all->id == 0 || *n_cores == 0)
        return err_set(err, ERR_CORRUPT, "/proc/stat: no CPU times in it");
    return 0;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct cpu *cpu = self;
    struct cpu_times now;
    unsigned n_cores;
    double total;
    if (read_times(cpu, &now, &n_cores, err))
        return -1;
    sink->event->prefix = "system.cpu";
    members_u64(sink->event, "cores", n_cores);
    cpu_times_put(sink->event, &cpu->wants, cpu->has_before ? &cpu->before : NULL, &now, n_cores,
                  &total);
    if (total >= 0)
        members_float(sink->host, "cpu.usage", total);
    sink->give(sink->arg);
    cpu->before = now;
    cpu->has_before = true;
    return 0;
}

static const struct option options[] = {
    {.name = "cpu.metrics",
     .type = OPT_LIST,
     .def = "percentages",
     .at = offsetof(struct cpu, metrics),
     .doc = "Which figures of each kind of CPU time: percentages, normalized_percentages, ticks."},
    {0},
};

static const struct metric_field fields[] = {
    {"system.cpu.cores", "long", NULL, "CPUs that are on."},
    CPU_TIME_FIELDS("system.cpu.") {"host.cpu.usage", "float", "percent",
                                    "All but idle and iowait, of all CPUs together."},
    {0},
};

const struct metricset system_cpu_set = {
    .module = "system",
    .name = "cpu",
    .doc = "Where the time of all CPUs together went. The first sample has no shares.",
    .is_default = true,
    .options = options,
    .size = sizeof(struct cpu),
    .fields = fields,
    .open = open_cpu,
    .sample = sample,
};
