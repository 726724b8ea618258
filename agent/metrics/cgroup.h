/* cgroup.h: what a control group uses and may use, of version 1 and 2, as Beats name it. */
#ifndef METRICS_CGROUP_H
#define METRICS_CGROUP_H

#include "metrics.h"

/* ---- cgroup.c: where it is ---- */

enum controller { CG_CPU, CG_CPUACCT, CG_MEMORY, CG_BLKIO, CG_PIDS, CG_CONTROLLERS };

/* A mounted hierarchy: what is at dir is the group that is called root elsewhere. */
struct cgroup_mount {
    char *dir, *root; /* NULL = not mounted */
};
struct cgroup_mounts {
    struct cgroup_mount v1[CG_CONTROLLERS], v2;
};
/* Of this process ("self", "1"), from its mountinfo. Replaces what is there; nothing if it cannot be read. */
void cgroup_mounts_read(struct cgroup_mounts *mounts, const struct metric_env *env,
                        const char *process);
void cgroup_mounts_free(struct cgroup_mounts *mounts); /* fine twice */

struct cgroup {
    const struct metric_env *env;
    const struct cgroup_mounts *mounts;
    char *v1[CG_CONTROLLERS], *v2; /* path of the group in each hierarchy; NULL = it is in none */
    char *v1_dir[CG_CONTROLLERS], *v2_dir; /* its folders */
    struct buf text, file;                 /* of the last read */
};
/* Of a /proc/PID/cgroup. False: it is in none that is mounted. cgroup_free in any case. */
bool cgroup_find(struct cgroup *group, const struct cgroup_mounts *mounts,
                 const struct metric_env *env, const char *path);
void cgroup_free(struct cgroup *group);
/* No group but the root: it has no limits. */
bool cgroup_is_root(const struct cgroup *group);
/* 1 if one of CPU and memory is in a hierarchy of version 1, else 2. */
int cgroup_version(const struct cgroup *group);
/* Of CPU or memory, whichever there is. */
const char *cgroup_path(const struct cgroup *group);

/* Read a file of the group into group->text. controller: for version 1; CG_CONTROLLERS = of version 2. False: not there. */
bool cgroup_read(struct cgroup *group, enum controller controller, const char *file);
/* A file with one number; NO_VALUE: not there, or "max". */
uint64_t cgroup_number(struct cgroup *group, enum controller controller, const char *file);

/* A key of memory.stat and the field it becomes. */
struct cgroup_stat {
    const char *key, *name;
};
/* From group->text. */
void cgroup_put_stats(struct cgroup *group, const struct cgroup_stat *rows, size_t n,
                      struct members *event);

/* ---- cgroup_v1.c, cgroup_v2.c: all its figures, below the prefix that is set ---- */

void cgroup_put(struct cgroup *group, struct members *event);
void cgroup_put_v1(struct cgroup *group, struct members *event);
void cgroup_put_v2(struct cgroup *group, struct members *event);

/* What both versions tell; NO_VALUE where they do not, or where there is no limit. */
struct cgroup_figures {
    uint64_t cpu_ns, quota_us, period_us, periods, throttled_periods, throttled_us;
    uint64_t memory_bytes, inactive_file_bytes, memory_limit_bytes, oom_kills;
    uint64_t pids, pids_limit, read_bytes, written_bytes;
};
void cgroup_figures(struct cgroup *group, struct cgroup_figures *figures);
void cgroup_figures_v1(struct cgroup *group, struct cgroup_figures *figures);
void cgroup_figures_v2(struct cgroup *group, struct cgroup_figures *figures);

#endif
