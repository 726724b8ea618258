/* filesystem.c: system.filesystem and system.fsstat: the room on each mounted file system, and on all of them. */
#include "metrics.h"

#include <stddef.h>

struct filesystem {
    struct metric_env env;
    struct mount_wants wants;
    struct mounts mounts;
};

static void close_filesystem(void *self)
{
    mounts_free(&((struct filesystem *)self)->mounts);
}

static void give(const struct mount *mount, const struct mount_space *space,
                 const struct metric_sink *sink)
{
    struct members *event = sink->event;
    event->prefix = "system.filesystem";
    members_text(event, "device_name", mount->device.at, text_len(mount->device));
    members_text(event, "mount_point", mount->dir.at, text_len(mount->dir));
    members_text(event, "type", mount->type.at, text_len(mount->type));
    members_text(event, "options", mount->options.at, text_len(mount->options));
    members_u64(event, "total", space->total);
    members_u64(event, "free", space->free);
    members_u64(event, "available", space->available);
    members_u64(event, "used.bytes", space->used);
    if (space->used + space->available > 0)
        members_float(event, "used.pct", share(space->used, space->used + space->available));
    members_u64(event, "files", space->files);
    members_u64(event, "free_files", space->free_files);
    sink->give(sink->arg);
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct filesystem *fs = self;
    struct mount_space space;
    if (mounts_read(&fs->mounts, &fs->env, &fs->wants, err))
        return -1;
    for (size_t i = 0; i < fs->mounts.n; i++)
        if (mount_figures(&fs->mounts, &fs->env, &fs->mounts.at[i], &space))
            give(&fs->mounts.at[i], &space, sink);
    return 0;
}

/* ---- fsstat ---- */

static int sample_all(void *self, const struct metric_sink *sink, struct err *err)
{
    struct filesystem *fs = self;
    struct mount_space one, all = {0};
    size_t n = 0;
    if (mounts_read(&fs->mounts, &fs->env, &fs->wants, err))
        return -1;
    for (size_t i = 0; i < fs->mounts.n; i++) {
        if (!mount_figures(&fs->mounts, &fs->env, &fs->mounts.at[i], &one))
            continue;
        n++;
        all.files += one.files;
        all.total += one.total;
        all.free += one.free;
        all.used += one.used;
    }
    sink->event->prefix = "system.fsstat";
    members_u64(sink->event, "count", n);
    members_u64(sink->event, "total_files", all.files);
    members_u64(sink->event, "total_size.free", all.free);
    members_u64(sink->event, "total_size.used", all.used);
    members_u64(sink->event, "total_size.total", all.total);
    sink->give(sink->arg);
    return 0;
}

/* ---- tables ---- */

static const struct option options[] = {
    {.name = "filesystem.ignore_types",
     .type = OPT_LIST,
     .at = offsetof(struct filesystem, wants.ignore_types),
     .doc = "Types of file systems that filesystem and fsstat leave out; if not set, all without a "
            "device of "
            "their own (nodev in /proc/filesystems), such as tmpfs, proc, overlay, nfs."},
    {.name = "filesystem.include_network",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     .at = offsetof(struct filesystem, wants.include_network),
     .doc = "Let them look at NFS, CIFS, FUSE and the like too, if their type is not ignored. "
            "A server that hangs holds up everything then, log lines too."},
    {0},
};

#define F "system.filesystem."
static const struct metric_field fields[] = {
    {F "device_name", "keyword", NULL, "What is mounted."},
    {F "mount_point", "keyword", NULL, "Where."},
    {F "type", "keyword", NULL, "Type of the file system."},
    {F "options", "keyword", NULL, "Options of the mount."},
    {F "total", "long", "bytes", "Size."},
    {F "free", "long", "bytes", "Room that is free, also what is kept for root."},
    {F "available", "long", "bytes", "Room that is free for everybody."},
    {F "used.bytes", "long", "bytes", "Room that is taken."},
    {F "used.pct", "float", "percent", "The same, of what is taken and available, as df has it."},
    {F "files", "long", "files", "Room for so many files."},
    {F "free_files", "long", "files", "Of them, free."},
    {0},
};
#define S "system.fsstat."
static const struct metric_field stat_fields[] = {
    {S "count", "long", NULL, "File systems that were looked at."},
    {S "total_files", "long", "files", "Room for so many files on all of them."},
    {S "total_size.free", "long", "bytes", "Room that is free on all of them."},
    {S "total_size.used", "long", "bytes", "Room that is taken on all of them."},
    {S "total_size.total", "long", "bytes", "Size of all of them."},
    {0},
};

const struct metricset system_filesystem_set = {
    .module = "system",
    .name = "filesystem",
    .doc = "The room on each mounted file system: an event for each.",
    .options = options,
    .size = sizeof(struct filesystem),
    .fields = fields,
    .close = close_filesystem,
    .sample = sample,
};

const struct metricset system_fsstat_set = {
    .module = "system",
    .name = "fsstat",
    .doc = "The room on all mounted file systems together.",
    .options = options,
    .size = sizeof(struct filesystem),
    .fields = stat_fields,
    .close = close_filesystem,
    .sample = sample_all,
};
