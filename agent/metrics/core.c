/* core.c: system.core: where the time of each CPU went since the last sample; an event a CPU. */
#include "cpu_fields.h"
#include "metrics.h"

#include <stddef.h>
#include <stdlib.h>

/* So many CPUs are told apart. */
enum { CORES_MAX = 4096 };

struct core {
    struct metric_env env;
    struct str_list metrics;
    struct cpu_wants wants;
    struct cpu_times *before; /* by id; id -1: not seen */
    size_t n_before;
};

static int open_core(void *self, struct err *err)
{
    struct core *core = self;
    return cpu_wants_read(&core->metrics, "core.metrics", &core->wants, err);
}

static void close_core(void *self)
{
    struct core *core = self;
    free(core->before);
}

static struct cpu_times *place_of(struct core *core, int id)
{
    size_t n = (size_t)id + 1;
    if (n > core->n_before) {
        core->before = mem_grow(core->before, n, sizeof *core->before);
        for (size_t i = core->n_before; i < n; i++)
            core->before[i].id = -1;
        core->n_before = n;
    }
    return &core->before[id];
}

static void give(struct core *core, const struct cpu_times *now, const struct metric_sink *sink)
{
    struct cpu_times *before = place_of(core, now->id);
    double total;
    sink->event->prefix = "system.core";
    members_u64(sink->event, "id", (uint64_t)now->id);
    cpu_times_put(sink->event, &core->wants, before->id < 0 ? NULL : before, now, 1, &total);
    *before = *now;
    sink->give(sink->arg);
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct core *core = self;
    struct cpu_times now;
    size_t n = 0;
    if (kernel_read(&core->env, "/proc/stat", core->env.text, err))
        return -1;
    struct text text = text_of(core->env.text), line;
    while (text_line(&text, &line))
        if (cpu_times_read(line, &now) && now.id >= 0 && now.id < CORES_MAX) {
            give(core, &now, sink);
            n++;
        }
    return n ? 0 : err_set(err, ERR_CORRUPT, "/proc/stat: no CPU times in it");
}

static const struct option options[] = {
    {.name = "core.metrics",
     .type = OPT_LIST,
     .def = "percentages",
     .at = offsetof(struct core, metrics),
     .doc = "Which figures of each kind of CPU time: percentages, normalized_percentages, ticks."},
    {0},
};

static const struct metric_field fields[] = {
    {"system.core.id", "long", NULL, "Number of the CPU."},
    CPU_TIME_FIELDS("system.core.") {0},
};

const struct metricset system_core_set = {
    .module = "system",
    .name = "core",
    .doc = "Where the time of each CPU went: an event for each. The first sample has no shares.",
    .options = options,
    .size = sizeof(struct core),
    .fields = fields,
    .open = open_core,
    .close = close_core,
    .sample = sample,
};
