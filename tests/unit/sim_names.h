/* sim_names.h: the names of a simulated disk: those that are seen, those that are there for good, and the changes in between;
 * and the disk as a whole.
 *
 * Happy path: a change is seen at once, and is for good with the next sync of the folder that it is in.
 * Failure modes: none. On close: sim_disk_clear makes room for another one.
 */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include "sim_disk.h"

/* ---- names ---- */

static inline void put_path(char to[static SIM_PATH], const char *path)
{
    size_t len = strlen(path);
    MUST(len < SIM_PATH, "%s is too long a path", path);
    memmove(to, path, len + 1);
}

static inline int names_find(const struct sim_names *names, const char *path)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->at[i].path, path) == 0)
            return i;
    return -1;
}

static inline void names_drop(struct sim_names *names, const char *path)
{
    int i = names_find(names, path);
    if (i >= 0)
        names->at[i] = names->at[--names->n];
}

static inline void names_put(struct sim_names *names, const char *path, int inode)
{
    names_drop(names, path);
    MUST(names->n < SIM_NAMES, "the simulated disk has no room for names");
    struct sim_name *name = &names->at[names->n++];
    put_path(name->path, path);
    name->inode = inode;
}

static inline void names_apply(struct sim_names *names, const struct sim_change *change)
{
    if (change->from[0])
        names_drop(names, change->from);
    if (change->to[0])
        names_put(names, change->to, change->inode);
}

static inline void names_copy(struct sim_names *to, const struct sim_names *from)
{
    memcpy(to->at, from->at, sizeof(from->at[0]) * (size_t)from->n);
    to->n = from->n;
}

static inline void sim_change_names(const char *from, const char *to, int inode)
{
    MUST(sim->n_changes < SIM_CHANGES, "too many names changed without a sync");
    struct sim_change *change = &sim->change[sim->n_changes++];
    sim->time++;
    put_path(change->from, from);
    put_path(change->to, to);
    change->inode = inode;
    names_apply(&sim->now, change);
}

static inline bool is_directly_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    if (len == 0)
        return !strchr(path, '/');
    return strncmp(path, folder, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* What changed in this folder is for good; "" is the root. A rename from one to another is one step of the journal: a sync of
 * either has it. */
static inline void sim_sync_names(const char *folder)
{
    int n = 0;
    for (int i = 0; i < sim->n_changes; i++) {
        const struct sim_change *change = &sim->change[i];
        if ((change->to[0] && is_directly_in(change->to, folder)) ||
            (change->from[0] && is_directly_in(change->from, folder)))
            names_apply(&sim->for_good, change);
        else
            sim->change[n++] = *change;
    }
    sim->n_changes = n;
}

/* ---- inodes ---- */

static inline bool is_referred_to(const struct sim_disk *disk, int inode)
{
    for (int i = 0; i < disk->now.n; i++)
        if (disk->now.at[i].inode == inode)
            return true;
    for (int i = 0; i < disk->for_good.n; i++)
        if (disk->for_good.at[i].inode == inode)
            return true;
    for (int i = 0; i < disk->n_changes; i++)
        if (disk->change[i].inode == inode)
            return true;
    for (int i = 0; i < SIM_FDS; i++)
        if (disk->fd[i].inode == inode)
            return true;
    return false;
}

static inline int sim_new_inode(void)
{
    for (int i = 0; i < SIM_INODES; i++)
        if (!sim->inode[i].is_used || !is_referred_to(sim, i)) {
            inode_clear(&sim->inode[i]);
            sim->inode[i].is_used = true;
            return i;
        }
    broken("the simulated disk has no inode left");
}

static inline uint64_t inode_used(const struct sim_inode *inode)
{
    return inode->allocated > inode->now.len ? inode->allocated : inode->now.len;
}

/* To have the file grow to `end`. */
static inline bool sim_has_room(const struct sim_inode *inode, uint64_t end)
{
    uint64_t used = 0, now = inode_used(inode);
    for (int i = 0; sim->room && i < sim->now.n; i++)
        used += inode_used(&sim->inode[sim->now.at[i].inode]);
    return !sim->room || end <= now || used + end - now <= sim->room;
}

/* ---- the disk ---- */

/* A disk that fails, a new start and a power cut, all in a moment: not here. What a failed sync left is dirty again when a
 * process begins. */
static inline void sim_forget_failed_syncs(struct sim_disk *disk)
{
    for (int i = 0; i < SIM_INODES; i++)
        disk->inode[i].failed_at = 0;
}

/* Empty, but for its root. */
static inline void sim_disk_clear(struct sim_disk *disk)
{
    for (int i = 0; i < SIM_INODES; i++)
        disk->inode[i].is_used = false;
    for (int i = 0; i < SIM_FDS; i++)
        disk->fd[i].inode = -1;
    disk->now.n = disk->for_good.n = disk->n_changes = 0;
    disk->time = 0;
    disk->room = 0;
    disk->fault.fail = 0;
    disk->is_shaky = disk->is_liar = disk->splits_anywhere = false;
    disk->seed = disk->n_drawn = disk->n_asked = 0;
    memset(disk->calls, 0, sizeof(disk->calls));
}

#endif
