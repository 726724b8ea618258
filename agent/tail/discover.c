/* discover.c: from names in folders to open files.
 *
 * Happy path: a name matches an input, the first in the order of the configuration; the file is opened, its identity looked
 * up among the known sources; a new one begins a source at byte 0, a known one goes on at its position.
 * A rotated generation of a log (access.log.1 of access.log) is taken in too, if it was born after posta
 * began to follow that log: it was renamed before posta could look, or while posta was not running. What may be a copy of
 * a log, compressed or not, is looked at first (copy.c). A file that was read in part goes on under any name in its folder.
 * Failure modes: not allowed to open: said with owner and mode, counted (refused.c), tried again when its permissions change and at each
 * rescan; a position is never forgotten for it. The spool is full: the folder is looked at again later.
 * On close: nothing; file.c closes.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>

/* ---- which input a name belongs to ---- */

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
        if (sibling ? !pattern_is_sibling(pat, name, claim->log) : !pattern_matches_name(pat, name))
            continue;
        if (pattern_matches_dir(pat, dir->path)) {
            claim->input = input;
            claim->pat = pat;
            claim->is_sibling = sibling;
            return true;
        }
    }
    return false;
}

bool find_claim(const struct tail *tail, const struct dir *dir, const char *name,
                struct claim *claim)
{
    char *path = NULL;
    bool found = false;
    for (int sibling = 0; sibling <= 1 && !found; sibling++)
        for (const struct input *in = tail->inputs; in && !found; in = in->next) {
            if (!claims(in, dir, name, sibling, claim))
                continue;
            if (!path && in->n_excludes)
                path = mem_printf("%s/%s", dir->path, name);
            found = !in->n_excludes || !is_excluded(in, path);
        }
    free(path);
    return found;
}

/* ---- new sources ---- */

/* Was the log followed before this file was born, or its birth told, and is the file that has the log's name now younger? Then
 * it is a generation that was not seen under that name. (The copy that copytruncate makes is younger than the log.) */
static bool is_missed_generation(struct tail *tail, const struct dir *dir, const char *log_path,
                                 const struct file_id *id)
{
    int64_t current_ns = birth_of(log_path);
    const struct log *log = log_find(tail, log_path);
    if (id->btime_ns == 0 || (current_ns >= 0 && current_ns < id->btime_ns))
        return false;
    bool is_later = log && log->n_sources > 0 && log->first_born_ns <= id->btime_ns;
    bool is_untold = !tail->watch || dir->is_late || tail->stats.overflows > 0;
    bool is_watched = is_untold || lost_misses_one(log);
    return is_later || tail->was_log || (is_watched && id->btime_ns > tail->watching_since_ns);
}

static uint64_t first_offset(const struct tail_input *conf, const struct stat *st, int fd)
{
    int64_t mtime_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
    bool is_old = conf->ignore_older_ns > 0 && clock_wall_ns() - mtime_ns > conf->ignore_older_ns;
    return is_old ? (uint64_t)st->st_size : reclaim_first_line(fd);
}

static struct source *begin_source(struct tail *tail, struct dir *dir, const struct source *proto)
{
    struct source *src = NULL;
    struct err err;
    if (source_add(tail, proto, &src, &err)) {
        (void)read_refused(tail, &err);
        dir_mark_scan(tail, dir);
        return NULL;
    }
    tail->stats.files_found++;
    return src;
}

bool take_in_new(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim,
                 int fd, struct gzip *gzip, const struct source *proto)
{
    struct source *src = begin_source(tail, dir, proto);
    if (!src)
        return false;
    src->scan_no = dir->scan_no;
    (void)file_follow(tail, dir, name, claim->input, src, fd, gzip); /* it stands in src */
    return true;
}

static bool take_in_unknown(struct tail *tail, struct dir *dir, const char *name,
                            const struct claim *claim, const struct file_id *id,
                            const struct stat *st, int fd)
{
    enum suspicion suspicion = suspect_new(tail, dir, name, claim, id, st, fd);
    if (suspicion != SUSPECT_NOT)
        return suspicion == SUSPECT_TAKEN;
    char *path = mem_printf("%s/%s", dir->path, claim->is_sibling ? claim->log : name);
    const struct source proto = {.id = *id,
                                 .path = path,
                                 .input = claim->input->conf->id,
                                 .offset = first_offset(claim->input->conf, st, fd)};
    bool is_ours = !claim->is_sibling || is_missed_generation(tail, dir, path, id);
    bool is_taken = is_ours && take_in_new(tail, dir, name, claim, fd, NULL, &proto);
    if (is_taken)
        lost_note_seen(tail, log_find(tail, path), claim->is_sibling, st);
    free(path);
    return is_taken;
}

/* ---- known sources ---- */

/* Another input claims it now: a source goes on under its name, from the same byte, with the same ids. */
static struct source *change_input(struct tail *tail, struct source *src, const struct input *input)
{
    struct source proto = *src, *fresh;
    struct err err;
    if (strcmp(src->input, input->conf->id) == 0)
        return src;
    proto.input = input->conf->id;
    if (source_add(tail, &proto, &fresh, &err))
        return (void)read_refused(tail, &err), NULL;
    source_forget(tail, src);
    return fresh;
}

static bool is_finished(const struct source *src, const struct stat *st, bool is_gzip)
{
    return (src->flags & SOURCE_ENDED) && (is_gzip || (uint64_t)st->st_size == src->offset);
}

static bool take_in_known(struct tail *tail, struct dir *dir, const char *name,
                          const struct claim *claim, struct source *src, const struct stat *st,
                          int fd)
{
    bool is_gzip = content_of(claim->input->conf, name, fd) == CONTENT_GZIP;
    src->scan_no = dir->scan_no;
    if (src->flags & SOURCE_ENDED)
        lost_note_refused(tail, dir, name); /* it came back: no new generation */
    bool is_wanted = !is_finished(src, st, is_gzip) || claim->input->conf->delete_enabled;
    src = is_wanted ? change_input(tail, src, claim->input) : NULL;
    if (!src)
        return false;
    src->scan_no = dir->scan_no;
    struct file *file =
        file_follow(tail, dir, name, claim->input, src, fd, is_gzip ? gzip_new() : NULL);
    if (!(src->flags & SOURCE_ENDED)) /* else it was seen before */
        lost_note_seen(tail, file->log, file->is_rotated, st);
    else if (is_finished(src, st, is_gzip))
        (void)file_finish(tail, file); /* it only waits to be deleted */
    return true;
}

/* ---- one name ---- */

/* The one that had the name before is another file: it was renamed over, or its folder was replaced. */
static void displace_other(struct tail *tail, const struct dir *dir, const char *name,
                           const struct file_id *id)
{
    struct file *other = file_by_name(tail, dir, name);
    if (other && !file_id_equal(&other->src->id, id))
        file_displace(tail, other);
}

/* Takes fd if it returns true. */
static bool take_in(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim,
                    const struct stat *st, int fd, struct err *err)
{
    struct file_id id;
    if (file_id_of(fd, &id, err))
        return false;
    displace_other(tail, dir, name, &id);
    struct source *src = tail->sink.by_id(tail->sink.arg, &id);
    if (src && src->file)
        return file_note_name(tail, src->file, dir, name), false;
    if (src)
        return take_in_known(tail, dir, name, claim, src, st, fd);
    return take_in_unknown(tail, dir, name, claim, &id, st, fd);
}

static void say_twice_claimed(const struct dir *dir, const char *name, const struct claim *claim,
                              const char *path)
{
    struct claim other;
    for (const struct input *in = claim->input->next; in; in = in->next)
        if (!claim->is_sibling && claims(in, dir, name, false, &other) && !is_excluded(in, path))
            log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                        "%s is claimed by input '%s' and by '%s'; the first of the configuration "
                        "has it, it is delivered once",
                        path, claim->input->conf->id, in->conf->id);
}

/* What a log may have been rotated to is none of the input's names: it may be from before posta. */
static void note_trouble(struct tail *tail, struct dir *dir, const char *name,
                         const struct claim *claim, const char *path, const struct err *err)
{
    refused_forget(tail, path);
    if (err->kind == ERR_CORRUPT) {
        lost_note_refused(tail, dir, name);
    } else if (err->kind && err->kind != ERR_GONE) {
        say_not_opened(path, err);
        dir->has_refused = true;
        if (!claim->is_sibling)
            refused_note(tail, claim->input, path, err);
    }
}

bool discover_name(struct tail *tail, struct dir *dir, const char *name)
{
    struct claim claim = {0};
    struct err err = ERR_INIT;
    struct stat st;
    if (!find_claim(tail, dir, name, &claim))
        return false;
    char *path = mem_printf("%s/%s", dir->path, name);
    say_twice_claimed(dir, name, &claim, path);
    int fd = open_log(claim.input->conf, path, &st, &err);
    bool is_kept = fd >= 0 && take_in(tail, dir, name, &claim, &st, fd, &err);
    if (!is_kept)
        (void)fs_close(fd); /* read-only */
    note_trouble(tail, dir, name, &claim, path, &err);
    free(path);
    return true;
}

static bool is_in(const struct source *src, const struct dir *dir)
{
    size_t len = strlen(dir->path);
    return strncmp(src->path, dir->path, len) == 0 && src->path[len] == '/' &&
           !strchr(src->path + len + 1, '/');
}

void discover_known(struct tail *tail, struct dir *dir, const char *name, struct source *src)
{
    struct claim claim = {0};
    struct file_id id;
    struct err err = ERR_INIT;
    struct stat st;
    if (src->file || (src->flags & SOURCE_ENDED) || !is_in(src, dir) ||
        !find_claim(tail, dir, base_name(src->path), &claim))
        return;
    char *path = mem_printf("%s/%s", dir->path, name);
    int fd = open_log(claim.input->conf, path, &st, &err);
    bool is_it = fd >= 0 && file_id_of(fd, &id, &err) == 0 && file_id_equal(&id, &src->id);
    if (!is_it || !take_in_known(tail, dir, name, &claim, src, &st, fd))
        (void)fs_close(fd); /* read-only */
    note_trouble(tail, dir, name, &claim, path, &err);
    free(path);
}
