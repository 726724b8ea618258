/* load.c: system.load: how many programs ran or waited to run, on average. */
#include "metrics.h"

#include <stdio.h>

struct load {
    struct metric_env env;
};

static int count_cores(struct load *load, unsigned *n, struct err *err)
{
    struct cpu_times times;
    if (kernel_read(&load->env, "/proc/stat", load->env.text, err))
        return -1;
    struct text text = text_of(load->env.text), line;
    for (*n = 0; text_line(&text, &line);)
        *n += cpu_times_read(line, &times) && times.id >= 0;
    return *n ? 0 : err_set(err, ERR_CORRUPT, "/proc/stat: no CPU times in it");
}

static int read_loads(struct load *load, double loads[static 3], struct err *err)
{
    if (kernel_read(&load->env, "/proc/loadavg", load->env.text, err))
        return -1;
    struct text text = text_of(load->env.text), word;
    for (int i = 0; i < 3; i++)
        if (!text_word(&text, &word) || !text_to_float(word, &loads[i]))
            return err_set(err, ERR_CORRUPT, "/proc/loadavg: no three loads in it");
    return 0;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    static const char *const names[] = {"1", "5", "15"};
    static const char *const norms[] = {"norm.1", "norm.5", "norm.15"};
    struct load *load = self;
    double loads[3];
    unsigned n_cores;
    if (read_loads(load, loads, err) || count_cores(load, &n_cores, err))
        return -1;
    sink->event->prefix = "system.load";
    members_u64(sink->event, "cores", n_cores);
    for (int i = 0; i < 3; i++)
        members_float(sink->event, names[i], loads[i]);
    for (int i = 0; i < 3; i++)
        members_float(sink->event, norms[i], loads[i] / n_cores);
    sink->give(sink->arg);
    return 0;
}

static const struct metric_field fields[] = {
    {"system.load.cores", "long", NULL, "CPUs that are on."},
    {"system.load.1", "float", NULL, "Load average of the last minute."},
    {"system.load.5", "float", NULL, "Load average of the last 5 minutes."},
    {"system.load.15", "float", NULL, "Load average of the last 15 minutes."},
    {"system.load.norm.1", "float", NULL, "Load of the last minute for each CPU."},
    {"system.load.norm.5", "float", NULL, "Load of the last 5 minutes for each CPU."},
    {"system.load.norm.15", "float", NULL, "Load of the last 15 minutes for each CPU."},
    {0},
};

const struct metricset system_load_set = {
    .module = "system",
    .name = "load",
    .doc = "How many programs ran or waited to run, on average.",
    .is_default = true,
    .size = sizeof(struct load),
    .fields = fields,
    .sample = sample,
};
