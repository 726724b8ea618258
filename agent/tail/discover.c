/* discover.c: from names in folders to open files.
 *
 * Happy path: a name matches an input; the file is opened, its identity looked up among the open files and in the spool's
 * registry; a new one begins a source at byte 0, a known one goes on at its position.
 * A rotated generation of an exactly named log (access.log.1 of access.log) is taken in too, if it was born after posta
 * began to follow that log: it was renamed before posta could look, or while posta was not running.
 * Failure modes: not allowed to open: said with owner and mode, tried again when its permissions change and at each
 * rescan; a position is never forgotten for it. The spool is full: the folder is looked at again later.
 * On close: nothing; file.c closes.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
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

static bool claims(const struct input *input, const struct dir *dir, const char *name, bool sibling,
                   struct claim *claim)
{
    for (const struct pattern *pat = input->patterns; pat; pat = pat->next) {
        if (!pattern_matches_dir(pat, dir->path))
            continue;
        if (sibling ? pattern_is_sibling(pat, name) : pattern_matches_name(pat, name)) {
            *claim = (struct claim) {.input = input, .pat = pat, .is_sibling = sibling};
            return true;
        }
    }
    return false;
}

static bool find_claim(const struct tail *tail, const struct dir *dir, const char *name,
                       struct claim *claim)
{
    char *path = mem_printf("%s/%s", dir->path, name);
    bool found = false;
    for (int sibling = 0; sibling <= 1 && !found; sibling++)
        for (const struct input *in = tail->inputs; in && !found; in = in->next)
            found = claims(in, dir, name, sibling, claim) && !is_excluded(in, path);
    free(path);
    return found;
}

/* ---- opening ---- */

static void say_denied(const char *path, const struct err *err)
{
    struct stat st;
    if (err->kind == ERR_DENIED && lstat(path, &st) == 0)
        log_limited(NULL, 600 * NS_PER_S, LOG_ERROR, "tail",
                    "%s: owner %d, group %d, mode %04o, but posta runs as user %d, group %d: give "
                    "posta that group, or "
                    "make the file readable for it; tried again",
                    err->text, (int)st.st_uid, (int)st.st_gid, (unsigned)(st.st_mode & 07777),
                    (int)geteuid(), (int)getegid());
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
    return fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (conf->symlinks ? 0 : O_NOFOLLOW), 0,
                   err);
}

/* ---- taking in one file ---- */

static struct source *source_by_id(struct tail *tail, const struct file_id *id)
{
    struct source *src = tail->sink.sources(tail->sink.arg);
    while (src && !file_id_equal(&src->id, id))
        src = src->next;
    return src;
}

/* Was the log at log_path followed before this file was born, and is the file that has the name now younger? Then it is
 * a generation we did not see under its name. (The copy that copytruncate makes is younger than the log itself.) */
static bool is_missed_generation(struct tail *tail, const char *log_path, const struct file_id *id)
{
    int64_t current_ns = birth_of(log_path);
    if (id->btime_ns == 0 || (current_ns >= 0 && current_ns < id->btime_ns))
        return false;
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next)
        if (strcmp(src->path, log_path) == 0 && source_born_ns(src) <= id->btime_ns)
            return true;
    return false;
}

static uint64_t first_offset(const struct tail_input *conf, const struct stat *st)
{
    int64_t mtime_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
    bool is_old = conf->ignore_older_ns > 0 && clock_wall_ns() - mtime_ns > conf->ignore_older_ns;
    return is_old ? (uint64_t)st->st_size : 0;
}

static struct source *begin_source(struct tail *tail, struct dir *dir, const char *name,
                                   const struct claim *claim, const struct file_id *id,
                                   const struct stat *st)
{
    char *path = mem_printf("%s/%s", dir->path, claim->is_sibling ? claim->pat->name : name);
    struct source proto = {.id = *id,
                           .path = path,
                           .input = claim->input->conf->id,
                           .offset = first_offset(claim->input->conf, st)};
    struct source *src = NULL;
    struct err err;
    if (claim->is_sibling && !is_missed_generation(tail, path, id)) {
        src = NULL; /* from before our time */
    } else if (tail->sink.add(tail->sink.arg, &proto, &src, &err)) {
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail", "%s: %s; tried again when there is room",
                    path, err.text);
        tail->is_blocked = true;
        dir->needs_scan = true;
        src = NULL;
    } else {
        tail->stats.files_found++;
    }
    free(path);
    return src;
}

static bool take_in(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim,
                    int fd, struct err *err)
{
    struct file_id id;
    struct stat st;
    if (file_id_of(fd, &id, err))
        return false;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat"), false;
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_GONE, "not a log"), false;
    struct file *open_one = file_by_id(tail, &id);
    if (open_one)
        return file_note_name(tail, open_one, dir, name), false;
    struct source *src = source_by_id(tail, &id);
    if (src) {
        src->scan_no = dir->scan_no;
        if ((src->flags & SOURCE_ENDED) && (uint64_t)st.st_size == src->offset)
            return false;
    } else {
        src = begin_source(tail, dir, name, claim, &id, &st);
    }
    if (src)
        file_follow(tail, dir, name, claim->input, src, fd);
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
