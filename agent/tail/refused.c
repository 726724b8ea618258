/* refused.c: names that an input claims and that could not be opened: no permission, no descriptor left, a disk that fails.
 *
 * Happy path: there are none.
 * Failure modes: a name is noted when it is refused, and let go at the next look at it, which notes it again or opens it. One
 * that is gone meanwhile does not count. What it has is not read: what an earlier start read of it is taken off.
 * On close: refused_free.
 */
#include "follow.h"

#include <stdlib.h>

struct refused {
    char *path, *why;
    size_t input;
};

static void let_go(struct tail *tail, struct refused *refused)
{
    list_drop(&tail->refused, refused);
    free(refused->path);
    free(refused->why);
    free(refused);
}

void refused_forget(struct tail *tail, const char *path)
{
    for (size_t i = tail->refused.n; i-- > 0;) {
        struct refused *refused = tail->refused.at[i];
        if (strcmp(refused->path, path) == 0)
            let_go(tail, refused);
    }
}

static bool is_there(const struct refused *refused, struct stat *st)
{
    return stat(refused->path, st) == 0;
}

/* Names that never come again do not pile up. */
static void forget_gone(struct tail *tail)
{
    struct stat st;
    for (size_t i = tail->refused.n; i-- > 0;)
        if (!is_there(tail->refused.at[i], &st))
            let_go(tail, tail->refused.at[i]);
}

void refused_note(struct tail *tail, const struct input *input, const char *path,
                  const struct err *err)
{
    struct refused *refused = mem_zero(1, sizeof *refused);
    if (tail->refused.n == tail->refused.cap)
        forget_gone(tail);
    *refused =
        (struct refused) {.path = mem_dup(path), .why = mem_dup(err->text), .input = input->no};
    list_put(&tail->refused, refused);
}

size_t tail_refused(const struct tail *tail, size_t input, struct buf *why)
{
    struct stat st;
    size_t n = 0;
    for (size_t i = 0; i < tail->refused.n; i++) {
        const struct refused *refused = tail->refused.at[i];
        if (refused->input == input && is_there(refused, &st) && n++ == 0)
            buf_puts(why, refused->why);
    }
    return n;
}

static uint64_t unread(const struct tail *tail, const struct refused *refused)
{
    struct stat st;
    uint64_t ino, size = is_there(refused, &st) ? (uint64_t)st.st_size : 0;
    int64_t btime_ns;
    const struct source *src = birth_at(refused->path, &ino, &btime_ns)
                                   ? NULL
                                   : tail->sink.by_birth(tail->sink.arg, ino, btime_ns);
    uint64_t done = src ? src->offset : 0;
    return size > done ? size - done : 0;
}

uint64_t tail_refused_bytes(const struct tail *tail)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < tail->refused.n; i++)
        bytes += unread(tail, tail->refused.at[i]);
    return bytes;
}

void refused_free(struct tail *tail)
{
    while (tail->refused.n > 0)
        let_go(tail, tail->refused.at[tail->refused.n - 1]);
    list_free(&tail->refused);
}
