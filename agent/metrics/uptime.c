/* uptime.c: system.uptime: how long ago the machine was started. */
#include "metrics.h"

struct uptime {
    struct metric_env env;
};

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct uptime *uptime = self;
    struct text word;
    double seconds;
    if (kernel_read(&uptime->env, "/proc/uptime", uptime->env.text, err))
        return -1;
    struct text text = text_of(uptime->env.text);
    if (!text_word(&text, &word) || !text_to_float(word, &seconds) || seconds < 0 || seconds > 1e12)
        return err_set(err, ERR_CORRUPT, "/proc/uptime: no seconds in it");
    members_u64(sink->event, "system.uptime.duration.ms", (uint64_t)(seconds * 1000 + 0.5));
    sink->give(sink->arg);
    return 0;
}

static const struct metric_field fields[] = {
    {"system.uptime.duration.ms", "long", "ms", "Time since the boot."},
    {0},
};

const struct metricset system_uptime_set = {
    .module = "system",
    .name = "uptime",
    .doc = "How long ago the machine was started.",
    .is_default = true,
    .size = sizeof(struct uptime),
    .fields = fields,
    .sample = sample,
};
