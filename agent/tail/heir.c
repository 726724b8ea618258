/* heir.c: the copy that has what was cut off a log before it could be read.
 *
 * Happy path: copytruncate copies the log, then cuts it. The copy has, before the place up to which the log was read, the same
 * bytes as the log had: what is behind that place in the copy is what is missing.
 * Failure modes: no such copy (the log was cut without one, or the copy is in a folder that is not watched): truncate.c
 * counts. The spool is full: tried again with the next read of the log.
 * On close: nothing.
 */
#include "suspect.h"

#include <posta/fs.h>

#include <dirent.h>
#include <stdlib.h>

static bool is_copy_of(const struct source *src, int fd, const struct stat *st)
{
    return (uint64_t)st->st_size >= src->offset && has_memory(fd, src);
}

/* ---- among those put aside ---- */

static bool has_rest(const struct suspect *sus, const struct source *src, uint64_t *size)
{
    struct stat st;
    if (sus->gzip) {
        *size = sus->checked;
        return sus->is_checked && sus->match && sus->match->src.no == src->no;
    }
    if (fstat(sus->fd, &st) < 0 || !is_copy_of(src, sus->fd, &st))
        return false;
    *size = (uint64_t)st.st_size;
    return true;
}

static bool take_over(struct tail *tail, struct suspect *sus, struct file *cut, uint64_t size)
{
    sus->cut = (struct trace) {.src = *cut->src};
    if (size == cut->src->offset)
        return suspect_pass_over(tail, sus, size);
    const struct trace *before = sus->match;
    sus->match = &sus->cut;
    struct file *heir = suspect_follow(tail, sus, cut->src->offset, source_born_ns(cut->src) - 1);
    if (!heir)
        return sus->match = before, false;
    file_put_before(heir, cut);
    return true;
}

static bool take_over_suspect(struct tail *tail, struct file *cut, uint64_t *n_bytes)
{
    uint64_t size;
    for (size_t i = 0; i < tail->suspects.n; i++) {
        struct suspect *sus = tail->suspects.at[i];
        if (sus->path != cut->log->path || !has_rest(sus, cut->src, &size))
            continue;
        *n_bytes = size - cut->src->offset;
        return take_over(tail, sus, cut, size);
    }
    return false;
}

/* ---- in the folder: copies that were not put aside: those of an exactly named log are not followed, of others nothing
 * was told yet ---- */

static bool is_candidate(struct tail *tail, const struct file *cut, int fd, const struct stat *st)
{
    struct file_id id;
    struct err ignored; /* then it is none */
    if (file_id_of(fd, &id, &ignored) || tail->sink.by_id(tail->sink.arg, &id) ||
        suspect_by_id(tail, &id))
        return false;
    return id.btime_ns > cut->src->id.btime_ns && is_copy_of(cut->src, fd, st);
}

static struct suspect *candidate_of_name(struct tail *tail, struct file *cut, const char *name)
{
    struct claim claim;
    struct stat st;
    struct err ignored; /* then it is none */
    if (!find_claim(tail, cut->dir, name, &claim) || gzip_is_name(name))
        return NULL;
    char *path = mem_printf("%s/%s", cut->dir->path, name);
    int fd = open_log(claim.input->conf, path, &st, &ignored);
    free(path);
    if (fd >= 0 && is_candidate(tail, cut, fd, &st))
        return suspect_of(tail, cut->dir, name, &claim, fd, cut->src->path);
    (void)fs_close(fd); /* read-only */
    return NULL;
}

static void look_for_copies(struct tail *tail, struct file *cut)
{
    DIR *stream = cut->dir ? opendir(cut->dir->path) : NULL;
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_type != DT_DIR && candidate_of_name(tail, cut, entry->d_name))
            break;
    closedir(stream);
}

bool copy_takes_over(struct tail *tail, struct file *cut, uint64_t *n_bytes)
{
    if (cut->gzip || source_memory(cut->src) == 0)
        return false;
    if (take_over_suspect(tail, cut, n_bytes))
        return true;
    look_for_copies(tail, cut);
    return take_over_suspect(tail, cut, n_bytes);
}
