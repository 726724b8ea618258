/* metrics.h: what posta measures: one file a metricset, and what they share to read the kernel's files. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <posta/metricset.h>

/* ---- the metricsets; registry.c lists them ---- */

extern const struct metricset system_cpu_set, system_core_set, system_load_set, system_memory_set,
    system_uptime_set;

/* ---- files.c: the only reader of /proc, /sys and /etc ---- */

/* Largest file that is read whole. */
enum { KERNEL_FILE_BYTES = 1024 * 1024 };

/* The file's text, in place of what is in the buffer. path: absolute, hostfs is put before it. GONE: it is not there. */
int kernel_read(const struct metric_env *env, const char *path, struct buf *text,
                struct err *err) MUST_CHECK;
/* The same path, for other calls than reading. */
void kernel_path(const struct metric_env *env, const char *path, struct buf *full);

/* ---- text.c: taking the kernel's texts apart; nothing is copied ---- */

struct text {
    const char *at, *end;
};
static inline struct text text_of(const struct buf *buf)
{
    return (struct text) {buf->data, buf->data + buf->len};
}
static inline size_t text_len(struct text text)
{
    return (size_t)(text.end - text.at);
}
/* Take the next line, without its end. False if there is none. */
bool text_line(struct text *text, struct text *line);
/* Take the next word; words are separated by blanks and tabs. */
bool text_word(struct text *line, struct text *word);
/* Take what is before the next such character, which is taken too; all of it if there is none. False at the end. */
bool text_until(struct text *line, char c, struct text *part);
bool text_is(struct text text, const char *word);
/* Is it a decimal number, and nothing else? */
bool text_to_u64(struct text text, uint64_t *value);
/* Take the next word as a number; NO_VALUE and false if it is none. */
bool text_u64(struct text *line, uint64_t *value);
/* .5, 12.75, -1 and nothing else. */
bool text_to_float(struct text text, double *value);

/* A key of a file of `key value` or `key: value kB` lines, and where its number goes. */
struct text_key {
    const char *key; /* without the colon */
    size_t at;       /* offset of a uint64_t */
};
/* Fill in the numbers; those that are not there are NO_VALUE. Values in kB become bytes. How many were found. */
size_t text_read_keys(struct text text, const struct text_key *keys, size_t n, void *into);

/* ---- numbers ---- */

/* What a counter has grown by; one that went back has begun anew, or is not known: NO_VALUE. */
static inline uint64_t grown(uint64_t before, uint64_t now)
{
    return before == NO_VALUE || now == NO_VALUE || now < before ? NO_VALUE : now - before;
}
/* a / b, 0 if b is 0. */
static inline double share(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

/* ---- cpu_times.c: /proc/stat, for cpu and core ---- */

enum { CPU_KINDS = 8 }; /* user, nice, system, idle, iowait, irq, softirq, steal */
struct cpu_times {
    uint64_t ticks[CPU_KINDS]; /* of 10 ms; NO_VALUE: this kernel does not tell */
    int id;                    /* -1 = all together */
};
/* What is wanted of them, from cpu.metrics or core.metrics. */
struct cpu_wants {
    bool pct, norm, ticks;
};
int cpu_wants_read(const struct str_list *words, const char *option, struct cpu_wants *wants,
                   struct err *err) MUST_CHECK;
/* A line of /proc/stat. False: it is of no CPU. */
bool cpu_times_read(struct text line, struct cpu_times *times);
/* user.pct .. total.norm.pct. before: NULL = not known. n_cores: what is 100 % of all of them. total: the share of all that was used,
 * -1 = not known. */
void cpu_times_put(struct members *event, const struct cpu_wants *wants,
                   const struct cpu_times *before, const struct cpu_times *now, unsigned n_cores,
                   double *total);

#endif
