/* chunk.c: from the bytes of a file to runs of whole lines.
 *
 * Happy path: one pread takes the anchor (the bytes just before the position, known from last time) and what follows;
 * the anchor is the same; everything up to the last newline becomes one chunk.
 * Failure modes: (1) the anchor differs or is cut off: the file was truncated, perhaps filled again; the source ends
 * as truncated and the same file begins a new one at 0. (2) no newline within message_max_bytes: the beginning of the
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

/* The spool takes no more now: whatever the reason, nothing was lost and nothing has moved. */
static enum read_result refused(struct tail *tail, const struct err *err)
{
    static struct log_limit limit;
    tail->is_blocked = true;
    log_limited(&limit, 60 * NS_PER_S, LOG_WARN, "tail", "%s; reading stops until there is room",
                err->text);
    return READ_BLOCKED;
}

static enum read_result hand_on(struct tail *tail, struct file *file, const struct view *view,
                                size_t len, uint8_t flags)
{
    struct source *src = file->src;
    bool is_skipped = flags & CHUNK_SKIPPED;
    struct chunk chunk = {
        .from = src->offset,
        .to = src->offset + len,
        .read_ns = clock_wall_ns(),
        .flags = flags,
        .bytes = view->data,
        .len = is_skipped ? 0 : len,
    };
    struct err err;
    if (tail->sink.append(tail->sink.arg, src, &chunk, &err))
        return refused(tail, &err);
    tail->stats.bytes_read += len;
    tail->stats.chunks++;
    tail->has_new_data = true;
    file->last_data_ns = loop_now(tail->loop);
    return READ_MORE;
}

static void count_truncation(struct tail *tail, const struct file *file)
{
    struct stat st;
    tail->stats.truncations++;
    tail->stats.lost_unknown++;
    log_warn("tail",
             "%s: truncated or rewritten at byte %llu (size now %lld); what was written behind "
             "that and not yet "
             "read is lost; reading from its beginning",
             file->src->path, (unsigned long long)file->src->offset,
             fstat(file->fd, &st) == 0 ? (long long)st.st_size : -1LL);
}

/* The same file begins again as a new source. */
static enum read_result start_over(struct tail *tail, struct file *file)
{
    struct source proto = *file->src, *fresh;
    struct err err;
    proto.epoch++;
    proto.offset = 0;
    proto.anchor_len = 0;
    proto.flags = 0;
    if (!(file->src->flags & SOURCE_ENDED)) {
        if (tail->sink.end(tail->sink.arg, file->src, END_TRUNCATED, &err))
            return refused(tail, &err);
        count_truncation(tail, file);
    }
    if (tail->sink.add(tail->sink.arg, &proto, &fresh, &err))
        return refused(tail, &err);
    tail->sink.forget(tail->sink.arg, file->src);
    file->src = fresh;
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

/* READ_MORE: view is filled, or has no data because the file began anew. */
static enum read_result read_view(struct tail *tail, struct file *file, struct view *view)
{
    struct source *src = file->src;
    struct buf *block = &tail->block;
    struct err err;
    size_t anchor = src->anchor_len;
    view->data = NULL;
    ssize_t n = fs_pread(file->fd, block->data, block->cap, src->offset - anchor, &err);
    if (n < 0)
        return read_failed(tail, file, &err);
    struct stat st;
    bool is_short = (size_t)n < anchor;
    if (n == 0 && anchor == 0 &&
        src->offset > 0) /* no anchor after a skipped line: the size must tell */
        is_short = fstat(file->fd, &st) == 0 && (uint64_t)st.st_size < src->offset;
    if (is_short || memcmp(block->data, src->anchor, anchor) != 0)
        return start_over(tail, file);
    *view = (struct view) {
        .data = block->data + anchor, .len = (size_t)n - anchor, .is_end = (size_t)n < block->cap};
    return READ_MORE;
}

static enum read_result skip_rest_of_line(struct tail *tail, struct file *file,
                                          const struct view *view)
{
    const char *nl = memchr(view->data, '\n', view->len);
    if (view->len == 0)
        return READ_AT_END;
    if (nl)
        return hand_on(tail, file, view, (size_t)(nl - view->data) + 1,
                       CHUNK_SKIPPED | CHUNK_RESUMED);
    return hand_on(tail, file, view, view->len, CHUNK_SKIPPED);
}

static void grow_block(struct tail *tail, size_t cap)
{
    buf_clear(&tail->block);
    buf_free(&tail->block);
    buf_reserve(&tail->block, cap);
    tail->block.cap = cap; /* exactly, so that reads are of one size */
}

/* No newline in view: wait, look at more of it, or cut it. */
static enum read_result long_line(struct tail *tail, struct file *file, const struct view *view)
{
    size_t limit = (size_t)file->input->conf->message_max_bytes;
    if (view->len >= limit)
        return hand_on(tail, file, view, limit, CHUNK_CUT);
    if (view->is_end)
        return READ_AT_END;
    grow_block(tail, limit + ANCHOR_BYTES + 1);
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
        return skip_rest_of_line(tail, file, &view);
    const char *nl = memrchr(view.data, '\n', view.len);
    if (!nl)
        return long_line(tail, file, &view);
    got = hand_on(tail, file, &view, (size_t)(nl - view.data) + 1, 0);
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
        grow_block(tail, (size_t)file->input->conf->message_max_bytes + ANCHOR_BYTES + 1);
        return file_read_rest(tail, file);
    }
    if (file->src->flags & SOURCE_SKIPPING)
        return skip_rest_of_line(tail, file, &view);
    return hand_on(tail, file, &view, view.len, CHUNK_LAST);
}
