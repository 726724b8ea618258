/* chunk.c: from the bytes of a file to runs of whole lines.
 *
 * Happy path: one pread takes the bytes just before the position, remembered from last time, and what follows; they are
 * the same; everything up to the last newline becomes one chunk.
 * Failure modes: (1) they differ or are cut off: the file was truncated, perhaps filled again (truncate.c). (2) no newline within message_max_bytes: the beginning of the
 * line is one chunk marked CUT, the rest up to its newline is stepped over in SKIPPED chunks. (3) the spool is full:
 * nothing moves. (4) a read error: said, counted, tried again later.
 * On close: nothing; the position is the spool's.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <sys/stat.h>

enum { BLOCK_BYTES = 128 * 1024 };

struct view {
    const char *data; /* what follows the position */
    size_t len;
    bool is_end; /* the file had no more */
};

/* Whatever the reason, nothing was lost and nothing has moved. */
enum read_result read_refused(struct tail *tail, const struct err *err)
{
    static struct log_limit limit;
    tail->is_blocked = true;
    bool is_usual =
        err->kind == ERR_AGAIN; /* queue.mem is full when reading is faster than sending */
    if (is_usual)
        log_debug("tail", "%s", err->text);
    else
        log_limited(&limit, 60 * NS_PER_S, LOG_WARN, "tail",
                    "%s; reading stops until there is room", err->text);
    return READ_BLOCKED;
}

static enum read_result hand_on(struct tail *tail, struct file *file, const struct view *view,
                                size_t len, uint8_t flags)
{
    struct source *src = file->src;
    bool is_skipped = flags & (CHUNK_SKIPPED | CHUNK_LOST);
    struct chunk chunk = {
        .from = src->offset,
        .to = src->offset + len,
        .read_ns = clock_wall_ns(),
        .flags = flags | newline_flags(file),
        .bytes = view->data,
        .len = is_skipped ? 0 : len,
    };
    struct err err;
    if (tail->sink.append(tail->sink.arg, src, &chunk, &err))
        return read_refused(tail, &err);
    tail->stats.bytes_read += len;
    if (flags & CHUNK_SKIPPED)
        stats_of(tail, file->input)->bytes_cut += len;
    tail->stats.chunks++;
    tail->has_new_data = true;
    file->last_data_ns = loop_now(tail->loop);
    file->end_mark = 0;
    return READ_MORE;
}

static enum read_result read_failed(struct tail *tail, const struct file *file,
                                    const struct err *err)
{
    static struct log_limit limit;
    tail->stats.read_errors++;
    log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "tail", "%s: %s; tried again", file->src->path,
                err->text);
    return READ_FAILED;
}

ssize_t file_content(struct file *file, void *into, size_t len, uint64_t offset, struct err *err)
{
    if (file->gzip)
        return gzip_pread(file->gzip, file->fd, into, len, offset, err);
    return fs_pread(file->fd, into, len, offset, err);
}

/* No anchor is known, after a skipped line or lost bytes: only a size that is too small tells. */
static bool is_too_small(const struct file *file)
{
    struct stat st;
    return !file->gzip && fstat(file->fd, &st) == 0 && (uint64_t)st.st_size < file->src->offset;
}

/* READ_MORE: view is filled, or has no data because the file began anew. */
static enum read_result read_view(struct tail *tail, struct file *file, struct view *view)
{
    struct source *src = file->src;
    struct buf *block = &tail->block;
    struct err err;
    size_t before = source_memory(src);
    view->data = NULL;
    ssize_t n = file_content(file, block->data, block->cap, src->offset - before, &err);
    if (n < 0)
        return read_failed(tail, file, &err);
    bool is_short = (size_t)n < before;
    if (n == 0 && before == 0 && src->offset > 0)
        is_short = is_too_small(file);
    if (is_short || !source_remembers(src, block->data))
        return file_start_over(tail, file);
    file->seen_bytes = src->offset - before + (size_t)n;
    *view = (struct view) {
        .data = block->data + before, .len = (size_t)n - before, .is_end = (size_t)n < block->cap};
    return READ_MORE;
}

static enum read_result skip_rest_of_line(struct tail *tail, struct file *file,
                                          const struct view *view, size_t n_kept)
{
    if (view->len == 0)
        return READ_AT_END;
    size_t len = newline_first(file, view->data, view->len);
    if (len > 0)
        return hand_on(tail, file, view, len, CHUNK_SKIPPED | CHUNK_RESUMED);
    if (view->len <= n_kept)
        return READ_AT_END;
    return hand_on(tail, file, view, view->len - n_kept, CHUNK_SKIPPED);
}

static void grow_block(struct tail *tail, size_t cap)
{
    buf_clear(&tail->block);
    buf_free(&tail->block);
    buf_reserve(&tail->block, cap);
    tail->block.cap = cap; /* exactly, so that reads are of one size */
}

enum read_result file_skip_to(struct tail *tail, struct file *file, uint64_t to)
{
    const struct view none = {.data = ""};
    uint64_t n = to - file->src->offset;
    enum read_result got = hand_on(tail, file, &none, n, CHUNK_LOST);
    if (got == READ_MORE)
        tail->stats.bytes_read -= n;
    return got;
}

/* For one line of the largest size, what is remembered before it and the line end behind it. */
static void grow_block_for_line(struct tail *tail, const struct file *file)
{
    grow_block(tail, (size_t)file->input->conf->message_max_bytes + TAIL_MAX_BYTES + 1 +
                         newline_kept(file));
}

/* No newline in view: wait, look at more of it, or cut it. */
static enum read_result long_line(struct tail *tail, struct file *file, const struct view *view)
{
    size_t cut = newline_cut(file, view->len);
    if (cut > 0)
        return hand_on(tail, file, view, cut, CHUNK_CUT);
    if (view->is_end)
        return READ_AT_END;
    grow_block_for_line(tail, file);
    return READ_MORE;
}

static enum read_result read_once(struct tail *tail, struct file *file)
{
    struct view view;
    if (tail->block.cap < BLOCK_BYTES)
        grow_block(tail, BLOCK_BYTES);
    enum read_result got = read_view(tail, file, &view);
    if (got != READ_MORE || !view.data)
        return got;
    if (file->src->flags & SOURCE_SKIPPING)
        return skip_rest_of_line(tail, file, &view, newline_kept(file));
    size_t len = newline_last(file, view.data, view.len);
    if (len == 0)
        return long_line(tail, file, &view);
    got = hand_on(tail, file, &view, len, 0);
    return got == READ_MORE && view.is_end ? READ_AT_END : got;
}

enum read_result file_read(struct tail *tail, struct file *file, size_t budget_bytes)
{
    uint64_t start = tail->stats.bytes_read;
    enum read_result got;
    do
        got = read_once(tail, file);
    while (got == READ_MORE && tail->stats.bytes_read - start < budget_bytes);
    if (tail->block.cap > BLOCK_BYTES && got == READ_AT_END)
        grow_block(tail, BLOCK_BYTES);
    return got;
}

enum read_result file_read_rest(struct tail *tail, struct file *file)
{
    struct view view;
    enum read_result got = read_view(tail, file, &view);
    if (got != READ_MORE || !view.data)
        return got;
    if (view.len == 0)
        return READ_AT_END;
    if (!view.is_end) { /* a long one: file_read found no newline in what is there */
        grow_block_for_line(tail, file);
        return file_read_rest(tail, file);
    }
    if (file->src->flags & SOURCE_SKIPPING)
        return skip_rest_of_line(tail, file, &view, 0);
    return hand_on(tail, file, &view, view.len, CHUNK_LAST);
}
