/* mounts.c: the mounted file systems that filesystem and fsstat tell of.
 *
 * Happy path: /proc/self/mounts (with hostfs: that of the host's first process) without the types that are ignored, without bind
 * mounts; a device that is mounted in several places counts at the shortest one.
 * Failure modes: file systems of other machines are never asked unless told so: one that hangs would hold up everything.
 * One that cannot be asked (no rights, gone meanwhile) is left out.
 */
#include "metrics.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>

enum { MOUNTS_MAX = 4096 };

static const char *const network_types[] = {
    "nfs",    "nfs4",      "cifs", "smb3",   "smbfs", "ncpfs", "afs",  "ceph", "coda",  "9p",
    "lustre", "glusterfs", "gpfs", "beegfs", "pvfs2", "ocfs2", "gfs2", "fuse", "autofs"};

void mounts_free(struct mounts *mounts)
{
    free(mounts->at);
    free(mounts->ignored);
    buf_free(&mounts->text);
    buf_free(&mounts->types);
    buf_free(&mounts->path);
}

/* ---- which types ---- */

static bool is_network(struct text type)
{
    if (text_len(type) > 5 && memcmp(type.at, "fuse.", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof network_types / sizeof *network_types; i++)
        if (text_is(type, network_types[i]))
            return true;
    return false;
}

/* Those without a device: "nodev\ttmpfs". */
static void read_ignored(struct mounts *mounts, const struct metric_env *env)
{
    struct err err;
    struct text line, word, type;
    mounts->n_ignored = 0;
    if (kernel_read(env, "/proc/filesystems", &mounts->types, &err))
        return; /* then none is */
    struct text text = text_of(&mounts->types);
    while (text_line(&text, &line)) {
        if (!text_word(&line, &word) || !text_is(word, "nodev") || !text_word(&line, &type))
            continue;
        mounts->ignored = mem_grow(mounts->ignored, mounts->n_ignored + 1, sizeof type);
        mounts->ignored[mounts->n_ignored++] = type;
    }
}

static bool is_ignored(const struct mounts *mounts, const struct mount_wants *wants,
                       struct text type)
{
    for (size_t i = 0; i < wants->ignore_types.n; i++)
        if (text_is(type, wants->ignore_types.at[i]))
            return true;
    for (size_t i = 0; wants->ignore_types.n == 0 && i < mounts->n_ignored; i++)
        if (text_len(mounts->ignored[i]) == text_len(type) &&
            memcmp(mounts->ignored[i].at, type.at, text_len(type)) == 0)
            return true;
    return !wants->include_network && is_network(type);
}

/* ---- the list ---- */

/* "\040" in a name is a blank. In its place: it becomes shorter. */
static void unescape(struct text *text)
{
    char *to = (char *)(uintptr_t)text->at;
    for (const char *at = text->at; at < text->end; to++) {
        bool is_octal = *at == '\\' && text->end - at >= 4 && at[1] >= '0' && at[1] <= '3' &&
                        at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7';
        *to = is_octal ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : *at;
        at += is_octal ? 4 : 1;
    }
    text->end = to;
}

static bool read_mount(struct text line, struct mount *mount)
{
    if (!text_word(&line, &mount->device) || !text_word(&line, &mount->dir) ||
        !text_word(&line, &mount->type) || !text_word(&line, &mount->options))
        return false;
    unescape(&mount->device);
    unescape(&mount->dir);
    return mount->dir.at < mount->dir.end && *mount->dir.at == '/';
}

static const char *full_path(struct mounts *mounts, const struct metric_env *env, struct text path)
{
    buf_clear(&mounts->path);
    buf_puts(&mounts->path, env->hostfs);
    buf_append(&mounts->path, path.at, text_len(path));
    return buf_str(&mounts->path);
}

static bool is_bind(struct mounts *mounts, const struct metric_env *env, const struct mount *mount)
{
    struct stat st;
    if (text_len(mount->device) == 0 || *mount->device.at != '/')
        return false;
    return stat(full_path(mounts, env, mount->device), &st) == 0 && S_ISDIR(st.st_mode);
}

static struct mount *same_device(struct mounts *mounts, const struct mount *mount)
{
    size_t len = text_len(mount->device);
    for (size_t i = 0; len > 0 && *mount->device.at == '/' && i < mounts->n; i++)
        if (text_len(mounts->at[i].device) == len &&
            memcmp(mounts->at[i].device.at, mount->device.at, len) == 0)
            return &mounts->at[i];
    return NULL;
}

static void add(struct mounts *mounts, const struct mount *mount)
{
    struct mount *same = same_device(mounts, mount);
    if (same) {
        if (text_len(mount->dir) < text_len(same->dir))
            *same = *mount;
        return;
    }
    if (mounts->n == MOUNTS_MAX)
        return;
    mounts->at = mem_grow(mounts->at, mounts->n + 1, sizeof *mounts->at);
    mounts->at[mounts->n++] = *mount;
}

int mounts_read(struct mounts *mounts, const struct metric_env *env,
                const struct mount_wants *wants, struct err *err)
{
    const char *path = *env->hostfs ? "/proc/1/mounts" : "/proc/self/mounts";
    struct text line;
    struct mount mount;
    mounts->n = 0;
    if (kernel_read(env, path, &mounts->text, err))
        return -1;
    read_ignored(mounts, env);
    struct text text = text_of(&mounts->text);
    while (text_line(&text, &line))
        if (read_mount(line, &mount) && !is_ignored(mounts, wants, mount.type) &&
            !is_bind(mounts, env, &mount))
            add(mounts, &mount);
    return 0;
}

bool mount_figures(struct mounts *mounts, const struct metric_env *env, const struct mount *mount,
                   struct mount_space *space)
{
    struct statfs fs;
    if (statfs(full_path(mounts, env, mount->dir), &fs) < 0)
        return false;
    uint64_t unit = (uint64_t)(fs.f_frsize ? fs.f_frsize : fs.f_bsize);
    *space = (struct mount_space) {.total = fs.f_blocks * unit,
                                   .free = fs.f_bfree * unit,
                                   .available = fs.f_bavail * unit,
                                   .files = fs.f_files,
                                   .free_files = fs.f_ffree};
    space->used = space->total > space->free ? space->total - space->free : 0;
    return true;
}
