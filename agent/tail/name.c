/* name.c: what open files are called: their folder and name, as far as told, and what the folder says now.
 *
 * Happy path: a file is found by folder and name; a rename gives it another.
 * Failure modes: inotify tells of a rename late, when another file has the name already: before a name is believed, the
 * folder is asked what it says now. What is written through a symbolic link, another hard link or in a folder that is not
 * watched is told by a watch on the file itself.
 * On close: file_close.
 */
#include "follow.h"

#include <posta/bytes.h>

#include <stdlib.h>

/* ---- finding ---- */

struct name_key {
    const struct dir *dir;
    const char *name;
};

static bool has_name(const void *item, const void *of)
{
    const struct file *file = item;
    const struct name_key *key = of;
    return file->dir == key->dir && strcmp(file->name, key->name) == 0;
}

static uint64_t hash_name(const struct dir *dir, const char *name)
{
    return hash64(name, strlen(name)) ^ (uintptr_t)dir;
}

struct file *file_by_name(struct tail *tail, const struct dir *dir, const char *name)
{
    const struct name_key key = {dir, name};
    return table_find(&tail->files_by_name, hash_name(dir, name), has_name, &key);
}

static bool has_wd(const void *item, const void *wd)
{
    return ((const struct file *)item)->wd == *(const int *)wd;
}

struct file *file_by_wd(struct tail *tail, int wd)
{
    return table_find(&tail->files_by_wd, (uint64_t)wd, has_wd, &wd);
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- giving ---- */

void file_leave_dir(struct tail *tail, struct file *file)
{
    struct dir *dir = file->dir ? file->dir : &tail->homeless;
    if (file->prev)
        file->prev->next = file->next;
    else if (dir->files == file)
        dir->files = file->next;
    else
        return; /* in none yet */
    if (file->next)
        file->next->prev = file->prev;
    if (dir->look_at == file)
        dir->look_at = file->next;
    file->prev = file->next = NULL;
    dir->n_files--;
}

static void enter_dir(struct tail *tail, struct file *file, struct dir *dir)
{
    struct dir *home = dir ? dir : &tail->homeless;
    file_leave_dir(tail, file);
    file->dir = dir;
    file->next = home->files;
    if (home->files)
        home->files->prev = file;
    home->files = file;
    home->n_files++;
}

/* A name that is that of its path costs nothing. */
static void drop_name(struct tail *tail, struct file *file)
{
    if (!file->name)
        return;
    table_drop(&tail->files_by_name, hash_name(file->dir, file->name), file);
    if (file->name != base_name(file->src->path))
        free((char *)(uintptr_t)file->name);
    file->name = NULL;
}

/* It has the name that it was first seen under, in that folder. */
static bool is_home(const struct file *file)
{
    const char *path = file->src->path;
    size_t len = file->dir ? strlen(file->dir->path) : 0;
    return file->name == base_name(path) && file->dir && !file->gzip &&
           strncmp(path, file->dir->path, len) == 0 &&
           path + len + (path[len] == '/') == file->name;
}

void file_set_name(struct tail *tail, struct file *file, struct dir *dir, const char *name)
{
    const char *own = base_name(file->src->path);
    char *copy =
        name && strcmp(name, own) != 0 ? mem_dup(name) : NULL; /* name may be the old one */
    drop_name(tail, file);
    if (dir != file->dir || (!file->prev && (dir ? dir : &tail->homeless)->files != file))
        enter_dir(tail, file, dir);
    if (!name)
        return;
    file->name = copy ? copy : own;
    if (is_home(file))
        file->is_rotated = false; /* it has the log's name, again perhaps */
    table_put(&tail->files_by_name, hash_name(dir, file->name), file);
}

/* ---- what is so now ---- */

static bool has_name_now(const struct file *file, const struct dir *dir, const char *name)
{
    struct stat now, held;
    if (!name || !dir)
        return false;
    char *path = mem_printf("%s/%s", dir->path, name);
    bool is_same = stat(path, &now) == 0 && fstat(file->fd, &held) == 0 &&
                   now.st_ino == held.st_ino && now.st_dev == held.st_dev;
    free(path);
    return is_same;
}

/* inotify tells what was; this asks what is. */
bool file_has_its_name(const struct file *file)
{
    return has_name_now(file, file->dir, file->name);
}

bool file_take_name(struct tail *tail, struct file *file, struct dir *dir, const char *name)
{
    if (!has_name_now(file, dir, name))
        return false;
    file_set_name(tail, file, dir, name);
    return true;
}

void file_note_name(struct tail *tail, struct file *file, struct dir *dir, const char *name)
{
    file->src->scan_no = dir->scan_no;
    if (file->name && file->dir == dir && strcmp(file->name, name) == 0)
        return;
    lost_note_refused(tail, dir, name); /* what was born under this name is no new generation */
    if (file_has_its_name(file)) {
        if (strcmp(name, base_name(file->src->path)) == 0)
            file_set_name(tail, file, dir, name); /* it was found by a second name first */
        file_watch_itself(tail, file);            /* else a second name; the first one is as good */
        return;
    }
    file_displace(tail, file);
    file_set_name(tail, file, dir, name);
}

/* ---- a watch of its own ---- */

bool file_is_linked(const struct file *file)
{
    struct stat link;
    if (!file->dir || !file->name)
        return false;
    char *path = mem_printf("%s/%s", file->dir->path, file->name);
    bool is_link = lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    free(path);
    return is_link;
}

static bool folder_tells_all(const struct tail *tail, const struct file *file)
{
    struct stat st;
    if (tail->watch && !file->name)
        return false; /* it may be written to under a name that is not ours */
    if (!tail->watch || !file->dir || file->dir->wd < 0)
        return !tail->watch || file->dir; /* the clock looks at what is in an unwatched folder */
    if (fstat(file->fd, &st) < 0 || st.st_nlink != 1)
        return false;
    return !file_is_linked(file);
}

void file_watch_itself(struct tail *tail, struct file *file)
{
    struct err ignored; /* its folder is looked at by the clock, or its end is looked for */
    if (file->wd >= 0 || folder_tells_all(tail, file))
        return;
    file->wd = watch_file(tail->watch, file->fd, &ignored);
    if (file->wd >= 0)
        table_put(&tail->files_by_wd, (uint64_t)file->wd, file);
}

void file_unwatch_itself(struct tail *tail, struct file *file)
{
    if (file->wd < 0)
        return;
    table_drop(&tail->files_by_wd, (uint64_t)file->wd, file);
    watch_drop(tail->watch, file->wd);
    file->wd = -1;
}
