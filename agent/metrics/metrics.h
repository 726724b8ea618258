/* metrics.h: what posta measures: one file a metricset, and what they share to read the kernel's files. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <posta/metricset.h>

/* ---- the metricsets; registry.c lists them ---- */

extern const struct metricset system_cpu_set, system_core_set, system_load_set, system_memory_set,
    system_uptime_set, system_network_set, system_diskio_set, system_filesystem_set,
    system_fsstat_set, system_process_set, system_process_summary_set, system_socket_summary_set,
    container_cgroup_set, nginx_stubstatus_set, apache_status_set;

struct text;

/* ---- files.c: the only reader of /proc, /sys and /etc ---- */

/* Largest file that is read whole. */
enum { KERNEL_FILE_BYTES = 1024 * 1024 };

/* The file's text, in place of what is in the buffer. path: absolute, hostfs is put before it. GONE: it is not there. */
int kernel_read(const struct metric_env *env, const char *path, struct buf *text,
                struct err *err) MUST_CHECK;
/* The same path, for other calls than reading. */
void kernel_path(const struct metric_env *env, const char *path, struct buf *full);

/* A file below /proc/net: with hostfs that of the host's first process. */
struct net_path {
    char text[64];
};
struct net_path net_path(const struct metric_env *env, const char *name);

/* A folder's entries one after the other: 1 = *name is the next, 0 = no more. Close it also after an error. */
struct folder;
struct folder *folder_open(const struct metric_env *env, const char *path, struct err *err);
const char *folder_next(struct folder *folder); /* NULL = no more; without . and .. */
void folder_close(struct folder *folder);       /* NULL is fine */
/* Where a link leads to, at most size - 1 bytes, terminated. False: it cannot be read. */
bool kernel_link(const struct metric_env *env, const char *path, char *into, size_t size);

/* A file that may be very long, piece by piece: whole lines, at most so many bytes. */
enum { LONG_FILE_PIECE = 64 * 1024 };
struct long_file {
    int fd; /* -1 = not open */
    struct buf text;
    size_t taken; /* bytes of the text that were given */
};
int long_file_open(struct long_file *file, const struct metric_env *env, const char *path,
                   struct err *err) MUST_CHECK;
/* 1 = *lines are the next, 0 = no more. */
int long_file_next(struct long_file *file, struct text *lines, struct err *err) MUST_CHECK;
void long_file_close(struct long_file *file); /* fine twice; keeps nothing */

/* ---- own.c ---- */

/* What this process takes; 0 = not known. */
struct process_own {
    double user_s, system_s;
    uint64_t rss_bytes, size_bytes, n_threads;
    uint64_t n_descriptors, descriptors_soft, descriptors_hard;
};
void process_own(struct process_own *own);
/* When this process began, by both clocks: the first call, from main, notes it, and nothing moves it. */
struct process_begin {
    int64_t wall_ns, mono_ns;
};
const struct process_begin *process_begin(void);

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

/* ---- mounts.c ---- */

struct mount {
    struct text device, dir, type, options; /* escapes are undone */
};
struct mounts {
    struct mount *at;
    size_t n;
    struct text *ignored; /* types without a device */
    size_t n_ignored;
    struct buf text, types, path;
};
struct mount_wants {
    struct str_list ignore_types; /* none: those without a device */
    bool include_network;
};
/* Replaces the list. */
int mounts_read(struct mounts *mounts, const struct metric_env *env,
                const struct mount_wants *wants, struct err *err) MUST_CHECK;
void mounts_free(struct mounts *mounts);

struct mount_space {
    uint64_t total, free, available, used; /* bytes */
    uint64_t files, free_files;
};
/* Asks the file system. False: it cannot be asked. */
bool mount_figures(struct mounts *mounts, const struct metric_env *env, const struct mount *mount,
                   struct mount_space *space);

#endif
