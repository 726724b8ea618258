/* discover.c: from names in folders to open files.
 *
 * Happy path: a name matches an input; the file is opened, its identity looked up among the open files and in the spool's
 * registry; a new one begins a source at byte 0, a known one goes on at its position.
 * A rotated generation of an exactly named log (access.log.1 of access.log) is taken in too, if it was born after posta
 * began to follow that log: it was renamed before posta could look, or while posta was not running.
 * Failure modes: not allowed to open: said with owner and mode, tried again when its permissions change and at each
 * rescan; a position is never forgotten for it. The spool is full: the folder is looked at again later.
 * On close: file_close; the position stays in the registry.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- which input a name belongs to ---- */

struct claim {
    const struct input *input;
    const struct pattern *pat;
    bool is_sibling; /* not the name itself, but what it may have been rotated to */
};

static bool is_excluded(const struct input *input, const char *path)
{
    for (size_t i = 0; i < input->n_excludes; i++)
        if (regex_finds(input->excludes[i], path, strlen(path)))
            return true;
    return false;
}

static bool claims(const struct input *input, const struct dir *dir, const char *name, bool sibling, struct claim *claim)
{
    for (const struct pattern *pat = input->patterns; pat; pat = pat->next) {
        if (!pattern_matches_dir(pat, dir->path))
            continue;
        if (sibling ? pattern_is_sibling(pat, name) : pattern_matches_name(pat, name)) {
            *claim = (struct claim){.input = input, .pat = pat, .is_sibling = sibling};
            return true;
        }
    }
    return false;
}

static bool find_claim(const struct tail *tail, const struct dir *dir, const char *name, struct claim *claim)
{
    char *path = mem_printf("%s/%s", dir->path, name);
    bool found = false;
    for (int sibling = 0; sibling <= 1 && !found; sibling++)
        for (const struct input *in = tail->inputs; in && !found; in = in->next)
            found = claims(in, dir, name, sibling, claim) && !is_excluded(in, path);
    free(path);
    return found;
}

/* ---- finding what is known ---- */

struct file *file_by_name(struct tail *tail, const struct dir *dir, const char *name)
{
    struct file *file = tail->files;
    while (file && !(file->dir == dir && file->name && strcmp(file->name, name) == 0))
        file = file->next;
    return file;
}

static struct file *file_by_id(struct tail *tail, const struct file_id *id)
{
    struct file *file = tail->files;
    while (file && !file_id_equal(&file->src->id, id))
        file = file->next;
    return file;
}

static struct source *source_by_id(struct tail *tail, const struct file_id *id)
{
    struct source *src = tail->sink.sources(tail->sink.arg);
    while (src && !file_id_equal(&src->id, id))
        src = src->next;
    return src;
}

static int64_t born_ns(const struct source *src)
{
    return src->id.btime_ns ? src->id.btime_ns : src->first_seen_ns;
}

/* Was the log at log_path followed before this file was born, and is the file that has the name now younger? Then it is
 * a generation we did not see under its name. (The copy that copytruncate makes is younger than the log itself.) */
static bool is_missed_generation(struct tail *tail, const char *log_path, const struct file_id *id)
{
    int64_t current_ns = birth_of(log_path);
    if (id->btime_ns == 0 || (current_ns >= 0 && current_ns < id->btime_ns))
        return false;
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next)
        if (strcmp(src->path, log_path) == 0 && born_ns(src) <= id->btime_ns)
            return true;
    return false;
}

/* ---- opening ---- */

static void say_denied(const char *path, const struct err *err)
{
    struct stat st;
    if (err->kind == ERR_DENIED && lstat(path, &st) == 0)
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail",
                    "%s: owner %d, group %d, mode %04o, but posta runs as user %d, group %d: give posta that group, or "
                    "make the file readable for it; tried again", err->text, (int)st.st_uid, (int)st.st_gid,
                    (unsigned)(st.st_mode & 07777), (int)geteuid(), (int)getegid());
    else
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail", "%s; tried again", err->text);
}

static bool is_followable(const struct stat *st, const struct tail_input *conf, const char *path)
{
    if (S_ISREG(st->st_mode))
        return true;
    if (S_ISLNK(st->st_mode) && conf->symlinks)
        return true;
    log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail", "%s is %s and is not followed%s", path,
                S_ISLNK(st->st_mode) ? "a symbolic link" : "not a regular file",
                S_ISLNK(st->st_mode) ? ": set prospector.scanner.symlinks: true to follow it" : "");
    return false;
}

static int open_log(const struct tail_input *conf, const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return err_sys(err, "look at %s", path);
    if (!is_followable(&st, conf, path))
        return err_set(err, ERR_GONE, "not a log");
    return fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (conf->symlinks ? 0 : O_NOFOLLOW), 0, err);
}

/* Older generations come first, so that the lines of one log keep their order. */
static bool is_older(const struct source *a, const struct source *b)
{
    if (born_ns(a) != born_ns(b))
        return born_ns(a) < born_ns(b);
    return a->no < b->no;
}

static void insert_file(struct tail *tail, struct file *file)
{
    struct file **at = &tail->files;
    while (*at && !is_older(file->src, (*at)->src))
        at = &(*at)->next;
    file->next = *at;
    *at = file;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void follow(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim, struct source *src, int fd)
{
    struct file *file = mem_zero(1, sizeof *file);
    file->src = src;
    file->input = claim->input;
    file->dir = dir;
    file->name = mem_dup(name);
    file->fd = fd;
    file->is_ready = true;
    file->is_rotated = strcmp(name, base_name(src->path)) != 0;
    file->was_closed = true; /* it may have been, before we came */
    file->scan_no = dir->scan_no;
    file->last_data_ns = loop_now(tail->loop);
    insert_file(tail, file);
    tail->stats.files_open++;
    log_info("tail", "%s/%s: following from byte %llu%s", dir->path, name, (unsigned long long)src->offset,
             file->is_rotated ? " (rotated)" : "");
}

void file_close(struct tail *tail, struct file *file)
{
    struct file **at = &tail->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    if (tail->moved.file == file)
        tail->moved.file = NULL;
    (void)fs_close(file->fd); /* read-only */
    free(file->name);
    free(file);
    tail->stats.files_open--;
}

void file_displace(struct tail *tail, struct file *file)
{
    free(file->name);
    file->name = NULL;
    file->is_ready = true;
    if (!file->is_rotated)
        tail->stats.rotations++;
    file->is_rotated = true;
    file->rotated_at_ns = loop_now(tail->loop);
    file->probe_at_ns = 0;
    file->probe_wait_ns = 0;
}

/* ---- taking in one file ---- */

static uint64_t first_offset(const struct tail_input *conf, const struct stat *st)
{
    int64_t mtime_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
    bool is_old = conf->ignore_older_ns > 0 && clock_wall_ns() - mtime_ns > conf->ignore_older_ns;
    return is_old ? (uint64_t)st->st_size : 0;
}

static struct source *begin_source(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim,
                                   const struct file_id *id, const struct stat *st)
{
    char *path = mem_printf("%s/%s", dir->path, claim->is_sibling ? claim->pat->name : name);
    struct source proto = {.id = *id, .path = path, .input = claim->input->conf->id,
                           .offset = first_offset(claim->input->conf, st)};
    struct source *src = NULL;
    struct err err;
    if (claim->is_sibling && !is_missed_generation(tail, path, id)) {
        src = NULL; /* from before our time */
    } else if (tail->sink.add(tail->sink.arg, &proto, &src, &err)) {
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail", "%s: %s; tried again when there is room", path, err.text);
        tail->is_blocked = true;
        dir->needs_scan = true;
        src = NULL;
    } else {
        tail->stats.files_found++;
    }
    free(path);
    return src;
}

/* inotify tells what was; this asks what is. */
bool file_has_its_name(const struct file *file)
{
    struct stat now, held;
    if (!file->name || !file->dir)
        return false;
    char *path = mem_printf("%s/%s", file->dir->path, file->name);
    bool is_same = stat(path, &now) == 0 && fstat(file->fd, &held) == 0 && now.st_ino == held.st_ino && now.st_dev == held.st_dev;
    free(path);
    return is_same;
}

bool file_take_name(struct file *file, struct dir *dir, const char *name)
{
    file->name = mem_dup(name);
    file->dir = dir;
    if (file_has_its_name(file))
        return true;
    free(file->name);
    file->name = NULL;
    return false;
}

/* The open file has this name now. */
static void note_name(struct tail *tail, struct file *file, struct dir *dir, const char *name)
{
    file->scan_no = dir->scan_no;
    if (file->name && file->dir == dir && strcmp(file->name, name) == 0)
        return;
    if (file_has_its_name(file))
        return; /* a second name; the first one is as good */
    file_displace(tail, file);
    file->name = mem_dup(name);
    file->dir = dir;
}

static bool take_in(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim, int fd, struct err *err)
{
    struct file_id id;
    struct stat st;
    if (file_id_of(fd, &id, err))
        return false;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat"), false;
    struct file *open_one = file_by_id(tail, &id);
    if (open_one)
        return note_name(tail, open_one, dir, name), false;
    struct source *src = source_by_id(tail, &id);
    if (src) {
        src->scan_no = dir->scan_no;
        if ((src->flags & SOURCE_ENDED) && (uint64_t)st.st_size <= src->offset)
            return false;
    } else {
        src = begin_source(tail, dir, name, claim, &id, &st);
    }
    if (src)
        follow(tail, dir, name, claim, src, fd);
    return src != NULL;
}

void discover_name(struct tail *tail, struct dir *dir, const char *name)
{
    struct claim claim = {0};
    struct err err = ERR_INIT;
    if (!find_claim(tail, dir, name, &claim))
        return;
    char *path = mem_printf("%s/%s", dir->path, name);
    int fd = open_log(claim.input->conf, path, &err);
    bool is_kept = fd >= 0 && take_in(tail, dir, name, &claim, fd, &err);
    if (!is_kept)
        (void)fs_close(fd); /* read-only */
    if (err.kind && err.kind != ERR_GONE)
        say_denied(path, &err);
    free(path);
}

/* ---- whole folders ---- */

/* A source whose inode is still listed under any name is not forgotten. */
static void mark_sources(struct tail *tail, const struct dir *dir, uint64_t ino)
{
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next)
        if (src->id.ino == ino)
            src->scan_no = dir->scan_no;
}

static bool is_as_known(struct tail *tail, struct dir *dir, const struct dirent *entry)
{
    struct file *file = file_by_name(tail, dir, entry->d_name);
    if (!file || file->src->id.ino != entry->d_ino)
        return false;
    file->scan_no = dir->scan_no;
    return true;
}

static bool is_in_dir(const struct source *src, const struct dir *dir)
{
    size_t len = strlen(dir->path);
    return strncmp(src->path, dir->path, len) == 0 && src->path[len] == '/' && !strchr(src->path + len + 1, '/');
}

static bool is_followed(const struct tail *tail, const struct source *src)
{
    for (const struct file *file = tail->files; file; file = file->next)
        if (file->src == src)
            return true;
    return false;
}

/* Its file is not in the folder any more and is not open: nothing can be read from it again. */
static void let_go(struct tail *tail, struct source *src)
{
    struct err err;
    if (!(src->flags & SOURCE_ENDED)) {
        if (tail->sink.end(tail->sink.arg, src, END_VANISHED, &err))
            return; /* asked again at the next look */
        tail->stats.lost_unknown++;
        log_warn("tail", "%s: a file that was read to byte %llu is gone; what was written behind that is lost", src->path,
                 (unsigned long long)src->offset);
    }
    tail->sink.forget(tail->sink.arg, src);
}

static void settle_missing(struct tail *tail, struct dir *dir)
{
    for (struct file *file = tail->files; file; file = file->next)
        if (file->dir == dir && file->name && file->scan_no != dir->scan_no)
            file_displace(tail, file);
    for (struct source *src = tail->sink.sources(tail->sink.arg), *next; src; src = next) {
        next = src->next;
        if (is_in_dir(src, dir) && src->scan_no != dir->scan_no && !is_followed(tail, src))
            let_go(tail, src);
    }
}

void discover_dir(struct tail *tail, struct dir *dir)
{
    DIR *stream = opendir(dir->path);
    if (!stream)
        return; /* a folder that is away keeps its positions; discover_dirs looks for it */
    dir->needs_scan = false;
    dir->scan_no++;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        mark_sources(tail, dir, entry->d_ino);
        if (entry->d_name[0] != '.' && !is_as_known(tail, dir, entry))
            discover_name(tail, dir, entry->d_name);
        errno = 0;
    }
    bool is_complete = errno == 0;
    closedir(stream);
    if (is_complete && !tail->is_blocked)
        settle_missing(tail, dir);
}

static struct dir *dir_by_path(struct tail *tail, const char *path)
{
    struct dir *dir = tail->dirs;
    while (dir && strcmp(dir->path, path) != 0)
        dir = dir->next;
    return dir;
}

static void add_dir(struct tail *tail, const char *path)
{
    struct dir *dir = dir_by_path(tail, path);
    if (!dir) {
        dir = mem_zero(1, sizeof *dir);
        dir->path = mem_dup(path);
        dir->wd = -1;
        dir->next = tail->dirs;
        tail->dirs = dir;
    }
    dir->needs_scan = true;
    struct err err;
    if (dir->wd >= 0 || !tail->watch)
        return;
    dir->wd = watch_dir(tail->watch, path, true, &err);
    if (dir->wd < 0 && err.kind != ERR_GONE)
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail", "%s; it is looked at by the clock instead", err.text);
}

void discover_dirs(struct tail *tail)
{
    for (struct input *in = tail->inputs; in; in = in->next)
        for (struct pattern *pat = in->patterns; pat; pat = pat->next) {
            glob_t found;
            if (glob(pat->dir, GLOB_NOSORT | GLOB_ONLYDIR, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++)
                    add_dir(tail, found.gl_pathv[i]);
            globfree(&found);
        }
}
