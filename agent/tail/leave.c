/* leave.c: does anybody still write to what is followed? Asked when posta is told to stop beside its writers.
 *
 * Happy path: a read lease on each open file, as for rotated ones (eof.c), but on the current ones too: it is given back at once,
 * and a writer's open() that comes just then is held up no longer than that.
 * Failure modes: a lease needs the owner's user or CAP_LEASE. Where it is refused, a file that was closed after it was written to
 * last, and was silent for a moment since, counts as left by its writers. A file of which no close was seen counts as written to.
 */
#include "follow.h"

#include <sys/stat.h>

#define SILENT_NS (500 * NS_PER_MS)

/* Posta's own punching of holes closes files too. Newer kernels stamp files finer than their coarse clock. */
static bool was_left(const struct file *file)
{
    struct stat st;
    if (file->input->conf->rotation_mode == ROTATION_RECLAIM || fstat(file->fd, &st) < 0)
        return false;
    int64_t written_ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
    return file->closed_wall_ns >= written_ns && clock_wall_ns() - written_ns >= SILENT_NS;
}

bool file_is_written(const struct file *file)
{
    if (file->is_ended || file->gzip)
        return false;
    switch (lease_ask(file->fd)) {
    case LEASE_NO_WRITER:
        return false;
    case LEASE_WRITER:
        return true;
    case LEASE_UNABLE:
        break;
    }
    return !was_left(file);
}

size_t tail_writers(struct tail *tail, const char **example)
{
    size_t n = 0;
    for (struct file *file = NULL; (file = file_after(tail, file));)
        if (file_is_written(file) && n++ == 0)
            *example = file->src->path;
    return n;
}

static uint64_t unread(const struct file *file)
{
    return file->is_ended ? 0 : file_bytes_behind(file);
}

uint64_t tail_unread_bytes(const struct tail *tail)
{
    uint64_t bytes = tail_refused_bytes(tail);
    for (const struct file *file = NULL; (file = file_after(tail, file));)
        bytes += unread(file);
    return bytes;
}

bool tail_has_nameless(const struct tail *tail, bool is_needed)
{
    for (const struct file *file = NULL; (file = file_after(tail, file));)
        if (!file->name && (is_needed || unread(file) > 0))
            return true;
    return false;
}

void tail_expect_no_more(struct tail *tail)
{
    tail->once = true;
}
