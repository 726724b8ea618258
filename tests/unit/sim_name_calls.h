/* sim_name_calls.h: libc's calls for names, listings and what is known of a file, and for random bytes; see sim_calls.h. And the
 * clocks.
 *
 * Happy path: as in sim_calls.h. Failure modes: the same.
 * On close: nothing.
 */
#ifndef SIM_NAME_CALLS_H
#define SIM_NAME_CALLS_H

#include "sim_calls.h"

#include <linux/magic.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/vfs.h>

int sim_rename(const char *from, const char *to) REPLACES("rename");
int sim_unlink(const char *path) REPLACES("unlink");
int sim_mkdir(const char *path, mode_t mode) REPLACES("mkdir");
int sim_access(const char *path, int mode) REPLACES("access");
int sim_stat(const char *path, struct stat *st) REPLACES("stat");
int sim_fstat(int fd, struct stat *st) REPLACES("fstat");
int sim_fstatfs(int fd, struct statfs *fs) REPLACES("fstatfs");
int sim_flock(int fd, int how) REPLACES("flock");
DIR *sim_opendir(const char *path) REPLACES("opendir");
struct dirent *sim_readdir(DIR *stream) REPLACES("readdir");
int sim_closedir(DIR *stream) REPLACES("closedir");
pid_t sim_getpid(void) REPLACES("getpid");
int sim_rmdir(const char *path) REPLACES("rmdir");
ssize_t sim_getrandom(void *into, size_t len, unsigned flags) REPLACES("getrandom");

/* ---- names ---- */

int sim_rename(const char *from, const char *to)
{
    const char *own_from = sim_path(from), *own_to = sim_path(to);
    if (!own_from || !own_to)
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    int i = names_find(&sim->now, own_from);
    if (i < 0)
        return sim_refuse(ENOENT);
    if (sim_begin(SIM_RENAME))
        return -1;
    sim_change_names(own_from, own_to, sim->now.at[i].inode);
    return sim_end(SIM_RENAME);
}

int sim_unlink(const char *path)
{
    const char *own = sim_path(path);
    if (!own)
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    int i = names_find(&sim->now, own);
    if (i < 0)
        return sim_refuse(ENOENT);
    if (sim_begin(SIM_UNLINK))
        return -1;
    sim_change_names(own, "", sim->now.at[i].inode);
    return sim_end(SIM_UNLINK);
}

int sim_mkdir(const char *path, mode_t mode)
{
    const char *own = sim_path(path);
    if (!own)
        return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (!*own || names_find(&sim->now, own) >= 0)
        return sim_refuse(EEXIST);
    int inode = sim_create(own);
    if (inode < 0)
        return -1;
    sim->inode[inode].is_folder = true;
    return 0;
}

/* Is for empty ones only; nobody removes others here. */
int sim_rmdir(const char *path)
{
    return sim_path(path) ? sim_unlink(path)
                          : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int sim_access(const char *path, int mode)
{
    const char *own = sim_path(path);
    if (!own)
        return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
    return !*own || names_find(&sim->now, own) >= 0 ? 0 : sim_refuse(ENOENT);
}

static inline int sim_fill_stat(const struct sim_inode *inode, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = inode->is_folder ? S_IFDIR | 0700 : S_IFREG | 0600;
    st->st_size = inode->size;
    st->st_blocks = (blkcnt_t)(inode_used(inode) + SECTOR - 1) / SECTOR;
    return 0;
}

int sim_stat(const char *path, struct stat *st)
{
    const char *own = sim_path(path);
    if (!own)
        return fstatat(AT_FDCWD, path, st, 0);
    int i = names_find(&sim->now, own);
    return i < 0 ? sim_refuse(ENOENT) : sim_fill_stat(&sim->inode[sim->now.at[i].inode], st);
}

int sim_fstat(int fd, struct stat *st)
{
    return fd < SIM_FD ? (int)syscall(SYS_fstat, fd, st) : sim_fill_stat(sim_inode_of(fd), st);
}

int sim_fstatfs(int fd, struct statfs *fs)
{
    if (fd < SIM_FD)
        return (int)syscall(SYS_fstatfs, fd, fs);
    memset(fs, 0, sizeof(*fs));
    fs->f_type = EXT4_SUPER_MAGIC;
    return 0;
}

int sim_flock(int fd, int how)
{
    return fd < SIM_FD ? (int)syscall(SYS_flock, fd, how) : 0;
}

/* ---- listing ---- */

static struct sim_dir {
    char path[SIM_PATH];
    int next;
    struct dirent entry;
} sim_dirs[8]; /* open at once */
static size_t n_sim_dirs;

DIR *sim_opendir(const char *path)
{
    const char *own = sim_path(path);
    if (!own) {
        int fd = sim_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? NULL : fdopendir(fd);
    }
    MUST(n_sim_dirs < COUNT(sim_dirs), "too many listings");
    struct sim_dir *dir = &sim_dirs[n_sim_dirs++];
    put_path(dir->path, own);
    dir->next = 0;
    return (DIR *)(void *)dir;
}

static inline struct sim_dir *sim_dir_of(DIR *stream)
{
    struct sim_dir *dir = (struct sim_dir *)(void *)stream;
    return dir >= sim_dirs && dir < sim_dirs + COUNT(sim_dirs) ? dir : NULL;
}

struct dirent *sim_readdir(DIR *stream)
{
    struct sim_dir *dir = sim_dir_of(stream);
    if (!dir)
        return (struct dirent *)readdir64(stream);
    while (dir->next < sim->now.n) {
        const struct sim_name *name = &sim->now.at[dir->next++];
        if (!is_directly_in(name->path, dir->path))
            continue;
        dir->entry.d_type = sim->inode[name->inode].is_folder ? DT_DIR : DT_REG;
        snprintf(dir->entry.d_name, sizeof(dir->entry.d_name), "%s",
                 name->path + strlen(dir->path) + 1);
        return &dir->entry;
    }
    return NULL;
}

/* Of the kernel's streams only the descriptor is given back: tests open few. */
int sim_closedir(DIR *stream)
{
    if (!sim_dir_of(stream))
        return sim_close(dirfd(stream));
    n_sim_dirs--;
    return 0;
}

/* Runs with one seed are alike. */
pid_t sim_getpid(void)
{
    return sim ? 4711 : (pid_t)syscall(SYS_getpid);
}

/* Alike for runs, and for starts on a disk, that are alike. */
ssize_t sim_getrandom(void *into, size_t len, unsigned flags)
{
    if (!sim)
        return syscall(SYS_getrandom, into, len, flags);
    for (size_t i = 0; i < len; i++)
        ((char *)into)[i] = (char)(mix64(sim->seed, sim->n_drawn++) >> 32);
    return (ssize_t)len;
}

/* ---- clocks ---- */

static bool does_wall_clock_jump;

static inline int64_t sim_mono_ns(void)
{
    return (int64_t)++sim->n_asked * NS_PER_MS;
}

/* Forwards and backwards, over thirty years, with each look. */
static inline int64_t sim_wall_ns(void)
{
    const int64_t begin = 1700000000 * NS_PER_S;
    if (!does_wall_clock_jump)
        return begin + sim_mono_ns();
    uint64_t dice = mix64(sim->seed + 1, sim->n_asked++);
    return begin + (int64_t)(dice >> 32) % 1000000000 * NS_PER_S - 500000000 * NS_PER_S;
}

static const struct clock_ops sim_clock = {.mono_ns = sim_mono_ns, .wall_ns = sim_wall_ns};

#endif
