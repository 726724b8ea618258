/* clock.c: what is looked at without being told: folders and file systems that do not tell all, and the slow look that backs up
 * the rest.
 *
 * Happy path: each check_interval the patterns are walked, folders that have changed are listed, and some of the quiet files are
 * read by turns; 10,000 of them cost no more than 256. Where not everything is told, four times a second; so is a folder for a
 * while from where a link's file has gone, as kubelet rotates.
 * Failure modes: none.
 * On close: the timers are tail_free's.
 */
#include "follow.h"

enum { QUIET_LOOKS = 256 };
#define LONGEST_WAIT_NS (24 * 3600 * NS_PER_S)

static bool is_polled(const struct tail *tail, const struct dir *dir)
{
    return dir->has_files &&
           (dir->wd < 0 || !dir->is_trusted || dir->links_until_ns > loop_now(tail->loop));
}

/* Folders of which not everything is told. */
void tail_poll(void *arg)
{
    struct tail *tail = arg;
    bool is_any = false;
    for (struct dir *dir = tail->dirs; dir; dir = dir->next) {
        if (!is_polled(tail, dir))
            continue;
        is_any = true;
        dir_mark_scan(tail, dir);
        for (struct file *file = dir->files; file; file = file->next)
            file_mark_ready(tail, file);
    }
    if (!is_any)
        return;
    tail->needs_walk = true;
    loop_defer(tail->loop, &tail->work);
    loop_set_timer(tail->loop, &tail->poll, TAIL_POLL_NS);
}

void poll_if_needed(struct tail *tail)
{
    for (const struct dir *dir = tail->dirs; dir && !timer_is_set(&tail->poll); dir = dir->next)
        if (is_polled(tail, dir))
            loop_set_timer(tail->loop, &tail->poll, TAIL_POLL_NS);
}

/* Quiet files by turns, in case something was not told. */
static void look_at_some(struct tail *tail)
{
    size_t n = 0;
    struct dir *first = tail->look_at ? tail->look_at : tail->dirs, *dir = first;
    while (dir && n < QUIET_LOOKS) {
        struct file *file = dir->look_at ? dir->look_at : dir->files;
        for (; file && n < QUIET_LOOKS; file = file->next, n++) {
            file_watch_itself(tail, file); /* it may have got a second name */
            file_mark_ready(tail, file);
        }
        dir->look_at = file;
        if (file)
            break;
        dir = dir->next ? dir->next : tail->dirs;
        if (dir == first)
            break;
    }
    tail->look_at = dir;
}

int64_t rescan_wait(const struct tail *tail)
{
    int64_t wait = LONGEST_WAIT_NS; /* also without inputs */
    for (const struct input *in = tail->inputs; in; in = in->next)
        if (in->conf->check_interval_ns < wait)
            wait = in->conf->check_interval_ns;
    return wait;
}

void tail_rescan(void *arg)
{
    struct tail *tail = arg;
    tail->needs_walk = tail->is_full_look = true;
    tail->needs_settling |= is_time_to_sweep(tail);
    for (struct dir *dir = tail->dirs; dir; dir = dir->next)
        dir_mark_scan(tail, dir);
    look_at_some(tail);
    poll_if_needed(tail);
    loop_defer(tail->loop, &tail->work);
    loop_set_timer(tail->loop, &tail->rescan, rescan_wait(tail));
}
