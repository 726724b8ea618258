/* truncate.c: a file was cut or rewritten in place: its source ends, and the same file begins a new one.
 *
 * Happy path: the bytes that were not read before the cut are found in the copy that copytruncate made, and read from there
 * first; then the file goes on from its beginning, under a new epoch.
 * Failure modes: there is no copy: what was seen of the file and not handed on is lost and counted; how much more was
 * written between the last look and the cut cannot be known, and that is said. The spool is full: all stays as it was
 * and comes again with the next read.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/log.h>

#include <stdlib.h>

static void say_truncated(struct tail *tail, const struct file *file, bool has_copy,
                          uint64_t n_bytes)
{
    const struct source *src = file->src;
    struct stat st;
    long long size = fstat(file->fd, &st) == 0 ? (long long)st.st_size : -1LL;
    tail->stats.truncations++;
    stats_of(tail, file->input)->truncations++;
    if (has_copy) {
        tail->stats.bytes_recovered += n_bytes;
        log_info("tail",
                 "%s: truncated at byte %llu; the %llu bytes not read before are taken from its "
                 "copy; what "
                 "was written between copying and truncating cannot be known",
                 src->path, (unsigned long long)src->offset, (unsigned long long)n_bytes);
        return;
    }
    tail->stats.lost_unknown++;
    tail->stats.bytes_lost += n_bytes;
    stats_of(tail, file->input)->lost_unknown++;
    stats_of(tail, file->input)->bytes_lost += n_bytes;
    log_warn("tail",
             "%s: truncated or rewritten at byte %llu (size now %lld); %llu bytes that were seen "
             "and not yet read are lost, and what was written after the last look; reading from "
             "its beginning",
             src->path, (unsigned long long)src->offset, size, (unsigned long long)n_bytes);
}

/* The source's bytes go on in a copy, or are lost. */
static int end_source(struct tail *tail, struct file *file, struct err *err)
{
    struct source *src = file->src;
    uint64_t n_bytes = 0;
    bool has_copy = copy_takes_over(tail, file, &n_bytes);
    if (!has_copy && tail->is_blocked)
        return err_set(err, ERR_FULL, "spool: no room for the end of a source");
    if (!has_copy)
        n_bytes = file->seen_bytes > src->offset ? file->seen_bytes - src->offset : 0;
    if (tail->sink.end(tail->sink.arg, src, has_copy ? END_COPIED : END_TRUNCATED,
                       has_copy ? 0 : n_bytes, err))
        return -1;
    say_truncated(tail, file, has_copy, n_bytes);
    return 0;
}

/* Names are kept as parts of paths: the file gets its name again from the new source. */
static void change_source(struct tail *tail, struct file *file, struct source *fresh)
{
    struct source *old = file->src;
    char *name = file->name ? mem_dup(file->name) : NULL;
    struct dir *dir = file->dir;
    file_set_name(tail, file, dir, NULL);
    fresh->file = file;
    fresh->scan_no = old->scan_no;
    old->file = NULL;
    file->src = fresh;
    file_set_name(tail, file, dir, name);
    free(name);
    source_forget(tail, old);
}

enum read_result file_start_over(struct tail *tail, struct file *file)
{
    struct source proto = *file->src, *fresh;
    struct err err;
    proto.epoch++;
    proto.offset = 0;
    proto.anchor_len = proto.tail_units = 0;
    proto.flags = 0;
    if (!(file->src->flags & SOURCE_ENDED) && end_source(tail, file, &err))
        return read_refused(tail, &err);
    if (source_add(tail, &proto, &fresh, &err))
        return read_refused(tail, &err);
    change_source(tail, file, fresh);
    file->seen_bytes = 0;
    if (file->owned)
        *file->owned =
            (struct owned) {.is_unable = file->owned->is_unable, .is_over = file->owned->is_over};
    return file->log->oldest == file ? READ_MORE : READ_LATER;
}
