/* limit.c: rotation.limit: how much room a log may take while the spool takes no more.
 *
 * Happy path: below the limit nothing happens. Above it, with rotation.at_limit: hold, everything is kept, and it is said:
 * a web server drops lines silently when its disk is full, but what it wrote is not lost. With drop, posta chooses the loss
 * itself: the oldest bytes that were not read are given up, counted and recorded, so that the log can be rotated or
 * reclaimed and the newest lines are kept.
 * Failure modes: the loss cannot be recorded (no room for that either): held, and tried again.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#define HOLD_LOOK_NS (100 * NS_PER_MS)
#define DROP_LOOK_NS (5 * NS_PER_MS) /* a tmpfs of a few hundred KB fills in some ten ms */
enum { FIND_BYTES = 64 * 1024 };

/* What the open generations take, in the file system's blocks. */
static uint64_t room_taken(const struct log *log)
{
    uint64_t total = 0;
    struct stat st;
    for (const struct file *file = log->oldest; file; file = file->younger)
        if (fstat(file->fd, &st) == 0)
            total += (uint64_t)st.st_blocks * 512;
    return total;
}

static uint64_t size_of(const struct file *file)
{
    struct stat st;
    return fstat(file->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The first line that begins behind this place, or the place if none does. */
static uint64_t line_from(int fd, uint64_t from, uint64_t size)
{
    static char block[FIND_BYTES];
    struct err ignored; /* then the place itself has to do */
    ssize_t n = from < size ? fs_pread(fd, block, sizeof block, from, &ignored) : 0;
    const char *nl = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
    return nl ? from + (uint64_t)(nl - block) + 1 : from;
}

/* A rotated generation goes whole; of the one that is being written, half of the limit is kept. */
static uint64_t give_up_to(const struct file *file)
{
    uint64_t size = size_of(file), keep = file->input->conf->rotation_limit / 2;
    if (file->is_rotated)
        return size;
    return size > keep ? line_from(file->fd, size - keep, size) : 0;
}

static void drop_oldest(struct tail *tail, struct file *file)
{
    uint64_t from = file->src->offset, to = give_up_to(file);
    if (to <= from || file_skip_to(tail, file, to) != READ_MORE)
        return;
    file_mark_ready(tail, file);
    tail->stats.bytes_lost += to - from;
    tail->stats.bytes_given_up += to - from;
    stats_of(tail, file->input)->bytes_lost += to - from;
    stats_of(tail, file->input)->bytes_given_up += to - from;
    log_limited(NULL, 10 * NS_PER_S, LOG_ERROR, "tail",
                "%s: above rotation.limit while the spool is full: bytes %llu to %llu are given up "
                "unread (rotation.at_limit: drop), %llu bytes in all",
                file->src->path, (unsigned long long)from, (unsigned long long)to,
                (unsigned long long)tail->stats.bytes_given_up);
}

static void say_held(const struct tail *tail, const struct file *file, uint64_t room)
{
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "tail",
                "%s takes %llu bytes, above its rotation.limit of %llu: %s; nothing is given up "
                "(rotation.at_limit: hold): deliver, or make room, before its disk is full",
                file->src->path, (unsigned long long)room,
                (unsigned long long)file->input->conf->rotation_limit,
                tail->is_blocked ? "the spool is full" : "it is not read fast enough");
}

static void set_over(struct tail *tail, struct file *file, bool is_over)
{
    if (file->owned->is_over == is_over)
        return;
    file->owned->is_over = is_over;
    is_over ? tail->stats.over_limit++ : tail->stats.over_limit--;
}

int64_t hold_below_limit(struct tail *tail, struct file *file)
{
    const struct tail_input *conf = file->input->conf;
    if (!file->owned || conf->rotation_limit == 0)
        return -1;
    uint64_t room = file->log->oldest == file ? room_taken(file->log) : 0;
    set_over(tail, file, room > conf->rotation_limit);
    if (room > conf->rotation_limit && tail->is_blocked && conf->rotation_at_limit == AT_LIMIT_DROP)
        drop_oldest(tail, file);
    else if (room > conf->rotation_limit)
        say_held(tail, file, room);
    if (!tail->is_blocked)
        return -1;
    return conf->rotation_at_limit == AT_LIMIT_DROP ? DROP_LOOK_NS : HOLD_LOOK_NS;
}
