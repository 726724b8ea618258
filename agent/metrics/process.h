/* process.h: what process and process_summary share, and the files of process among themselves. */
#ifndef METRICS_PROCESS_H
#define METRICS_PROCESS_H

#include "cgroup.h"

#include <posta/regex.h>

enum { PROCESS_NAME = 64 };
/* /proc/PID/stat; ticks are of 10 ms. */
struct process {
    uint64_t pid, ppid, pgid, n_threads, user_ticks, system_ticks, start_ticks, size, rss_pages;
    char name[PROCESS_NAME];
    char state;
    bool is_chosen, is_top;
    double pct; /* of one CPU since the last sample; < 0 = not known */
};
/* process_stat.c. False: it is none. */
bool process_read(struct text stat, struct process *process);
const char *process_state_name(char state);
/* "123" of a name in /proc. */
bool process_is_pid(const char *name, uint64_t *pid);

/* What is the same for all processes of a sample. */
struct process_host {
    uint64_t boot_s, total_bytes, page_bytes;
    unsigned n_cores;
};

struct process_wants {
    struct str_list names, env;
    bool top_enabled, has_cgroups, has_ticks;
    uint64_t top_cpu, top_memory;
    struct regex_list name_patterns, env_patterns;
};

/* process_detail.c: everything about one process, as an event. Does nothing if it is gone. */
struct process_detail {
    const struct metric_env *env;
    const struct process_host *host;
    const struct process_wants *wants;
    const struct cgroup_mounts *mounts;
    struct buf text, passwd, args;
    uint64_t rss_bytes; /* of the process that is told of */
    char uid[24];       /* "" = not known */
};
extern const struct metric_field process_fields[];
void process_give(struct process_detail *detail, const struct process *process,
                  const struct metric_sink *sink);

#endif
