/* cgroup.c: where the control group of a process is.
 *
 * Happy path: /proc/PID/cgroup names the group in each hierarchy, mountinfo says where that hierarchy is mounted and which of its
 * groups is at the mount point. In a container the group itself is often what is mounted.
 * Failure modes: a group that is not below what is mounted (another cgroup namespace) is taken to be the mount point itself.
 * Version 1 is asked for a controller where it has it; with version 1 and 2 side by side systemd's own is in 2.
 */
#include "cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const names[CG_CONTROLLERS] = {"cpu", "cpuacct", "memory", "blkio", "pids"};

static char *dup_text(struct text text)
{
    return mem_printf("%.*s", (int)text_len(text), text.at);
}

/* ---- mounts ---- */

static void free_mount(struct cgroup_mount *mount)
{
    free(mount->dir);
    free(mount->root);
    *mount = (struct cgroup_mount) {.dir = NULL};
}

void cgroup_mounts_free(struct cgroup_mounts *mounts)
{
    for (int i = 0; i < CG_CONTROLLERS; i++)
        free_mount(&mounts->v1[i]);
    free_mount(&mounts->v2);
}

static void set_mount(struct cgroup_mount *mount, struct text root, struct text dir)
{
    free_mount(mount);
    *mount = (struct cgroup_mount) {.dir = dup_text(dir), .root = dup_text(root)};
}

/* Its last word names the controllers: "rw,cpu,cpuacct". */
static void set_mounts_v1(struct cgroup_mounts *mounts, struct text options, struct text root,
                          struct text dir)
{
    struct text word;
    while (text_until(&options, ',', &word))
        for (int i = 0; i < CG_CONTROLLERS; i++)
            if (text_is(word, names[i]))
                set_mount(&mounts->v1[i], root, dir);
}

/* "36 25 0:30 /root /dir rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"; before the dash there may be more. */
static void read_mount(struct cgroup_mounts *mounts, struct text line)
{
    struct text word, root, dir, type, options;
    for (int i = 0; i < 3; i++)
        if (!text_word(&line, &word))
            return;
    if (!text_word(&line, &root) || !text_word(&line, &dir))
        return;
    do {
        if (!text_word(&line, &word))
            return;
    } while (!text_is(word, "-"));
    if (!text_word(&line, &type) || !text_word(&line, &word) || !text_word(&line, &options))
        return;
    if (text_is(type, "cgroup2") && !mounts->v2.dir)
        set_mount(&mounts->v2, root, dir);
    if (text_is(type, "cgroup"))
        set_mounts_v1(mounts, options, root, dir);
}

void cgroup_mounts_read(struct cgroup_mounts *mounts, const struct metric_env *env,
                        const char *process)
{
    struct buf text = BUF_INIT;
    struct text line;
    struct err err;
    char path[64];
    cgroup_mounts_free(mounts);
    snprintf(path, sizeof path, "/proc/%s/mountinfo", process);
    if (kernel_read(env, path, &text, &err) == 0)
        for (struct text left = text_of(&text); text_line(&left, &line);)
            read_mount(mounts, line);
    buf_free(&text);
}

/* ---- groups ---- */

/* The path from the group that is mounted. */
static const char *below(const struct cgroup_mount *mount, const char *path)
{
    size_t len = strlen(mount->root);
    if (strcmp(mount->root, "/") == 0)
        return strcmp(path, "/") == 0 ? "" : path;
    bool is_below = strncmp(path, mount->root, len) == 0 && (path[len] == '/' || !path[len]);
    return is_below ? path + len : "";
}

static char *find_dir(struct cgroup *group, const struct cgroup_mount *mount, const char *path)
{
    char *dir = mem_printf("%s%s", mount->dir, below(mount, path));
    kernel_path(group->env, dir, &group->file);
    if (access(buf_str(&group->file), F_OK) == 0)
        return dir;
    free(dir);
    return mem_dup(mount->dir);
}

static void set_group(struct cgroup *group, const struct cgroup_mount *mount, struct text path,
                      char **name, char **dir)
{
    if (*name || !mount->dir)
        return;
    *name = dup_text(path);
    *dir = find_dir(group, mount, *name);
}

/* "4:memory:/a/b", "3:cpu,cpuacct:/a", "0::/a" (version 2) */
static void read_group(struct cgroup *group, struct text line)
{
    struct text number, controllers, word;
    if (!text_until(&line, ':', &number) || !text_until(&line, ':', &controllers) ||
        line.at == line.end || *line.at != '/')
        return;
    if (text_is(number, "0") && text_len(controllers) == 0)
        set_group(group, &group->mounts->v2, line, &group->v2, &group->v2_dir);
    while (text_until(&controllers, ',', &word))
        for (int i = 0; i < CG_CONTROLLERS; i++)
            if (text_is(word, names[i]))
                set_group(group, &group->mounts->v1[i], line, &group->v1[i], &group->v1_dir[i]);
}

bool cgroup_find(struct cgroup *group, const struct cgroup_mounts *mounts,
                 const struct metric_env *env, const char *path)
{
    struct text line;
    struct err err;
    *group = (struct cgroup) {.env = env, .mounts = mounts};
    if (kernel_read(env, path, &group->text, &err))
        return false;
    for (struct text left = text_of(&group->text); text_line(&left, &line);)
        read_group(group, line);
    return cgroup_path(group) != NULL;
}

void cgroup_free(struct cgroup *group)
{
    for (int i = 0; i < CG_CONTROLLERS; i++)
        free(group->v1[i]), free(group->v1_dir[i]);
    free(group->v2);
    free(group->v2_dir);
    buf_free(&group->text);
    buf_free(&group->file);
}

int cgroup_version(const struct cgroup *group)
{
    return group->v1[CG_CPU] || group->v1[CG_MEMORY] ? 1 : 2;
}

const char *cgroup_path(const struct cgroup *group)
{
    if (cgroup_version(group) == 2)
        return group->v2;
    return group->v1[CG_MEMORY] ? group->v1[CG_MEMORY] : group->v1[CG_CPU];
}

bool cgroup_is_root(const struct cgroup *group)
{
    bool is_root = !group->v2 || cgroup_version(group) == 1 || strcmp(group->v2, "/") == 0;
    for (int i = 0; i < CG_CONTROLLERS; i++)
        is_root &= !group->v1[i] || strcmp(group->v1[i], "/") == 0;
    return is_root;
}

/* ---- files ---- */

bool cgroup_read(struct cgroup *group, enum controller controller, const char *file)
{
    const char *dir = controller == CG_CONTROLLERS ? group->v2_dir : group->v1_dir[controller];
    struct err err;
    if (!dir)
        return false;
    buf_clear(&group->file);
    buf_printf(&group->file, "%s/%s", dir, file);
    return kernel_read(group->env, buf_str(&group->file), &group->text, &err) == 0;
}

uint64_t cgroup_number(struct cgroup *group, enum controller controller, const char *file)
{
    uint64_t value = NO_VALUE;
    struct text line;
    if (!cgroup_read(group, controller, file))
        return NO_VALUE;
    struct text text = text_of(&group->text);
    if (text_line(&text, &line))
        (void)text_u64(&line, &value);
    return value;
}

void cgroup_put_stats(struct cgroup *group, const struct cgroup_stat *rows, size_t n,
                      struct members *event)
{
    for (size_t i = 0; i < n; i++) {
        const struct text_key key = {.key = rows[i].key, .at = 0};
        uint64_t value;
        text_read_keys(text_of(&group->text), &key, 1, &value);
        members_u64(event, rows[i].name, value);
    }
}

void cgroup_put(struct cgroup *group, struct members *event)
{
    if (cgroup_version(group) == 1)
        cgroup_put_v1(group, event);
    else
        cgroup_put_v2(group, event);
}

void cgroup_figures(struct cgroup *group, struct cgroup_figures *figures)
{
    for (size_t i = 0; i < sizeof *figures / sizeof(uint64_t); i++)
        ((uint64_t *)figures)[i] = NO_VALUE;
    if (cgroup_version(group) == 1)
        cgroup_figures_v1(group, figures);
    else
        cgroup_figures_v2(group, figures);
}
