/* events.c: what the kernel tells of names, folders and single files.
 *
 * Happy path: an event marks a file or a folder and defers a pass; new names are opened at once.
 * Failure modes: events come late: the name is another file's already, or none's. What an event says was so once; what is so now
 * the folder is asked. Events were dropped: all folders and files are looked at.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/log.h>

/* After a file went from behind its link, the next one comes within this time, or the slow look finds it. */
#define LINK_LOOKS_NS (10 * NS_PER_S)

/* ---- events of names ---- */

static void look_at_everything(struct tail *tail)
{
    tail->needs_walk = true;
    for (struct dir *dir = tail->dirs; dir; dir = dir->next) {
        dir->is_listed = false;
        dir_mark_scan(tail, dir);
        for (struct file *file = dir->files; file; file = file->next)
            file_mark_ready(tail, file);
    }
}

static void name_gone(struct tail *tail, struct dir *dir, const char *name, uint32_t cookie)
{
    struct file *file = file_by_name(tail, dir, name);
    struct claim claim;
    lost_note_leaving(tail, dir, name);
    bool is_claimed = find_claim(tail, dir, name, &claim);
    tail->moved = (struct rename_half) {
        .cookie = cookie, .is_claimed = is_claimed, .was_log = is_claimed && !claim.is_sibling};
    if (!file || file_has_its_name(file))
        return; /* not open, or told late: another file went and this one has its name */
    file_displace(tail, file);
    tail->moved.file = cookie ? file : NULL;
}

static void name_came(struct tail *tail, struct dir *dir, const char *name)
{
    tail->moved = (struct rename_half) {0};
    lost_note_birth(tail, dir, name);
    discover_name(tail, dir, name);
}

static void name_moved_in(struct tail *tail, struct dir *dir, const char *name, uint32_t cookie)
{
    struct rename_half moved = tail->moved;
    bool is_pair = moved.cookie == cookie;
    struct file *had_it = file_by_name(tail, dir, name);
    tail->moved = (struct rename_half) {0};
    if (had_it && !file_has_its_name(had_it)) { /* renamed over */
        lost_note_leaving(tail, dir, name);
        file_displace(tail, had_it);
    }
    lost_note_renamed(tail, dir, name);
    if (is_pair && moved.file && file_take_name(tail, moved.file, dir, name))
        return;
    tail->was_log = is_pair && moved.was_log;
    tail->is_moved_in = !is_pair || !moved.is_claimed;
    discover_name(tail, dir, name);
    tail->was_log = tail->is_moved_in = false;
}

static void note_close(struct file *file, bool was_closed)
{
    if (!was_closed)
        return;
    file->was_closed = true;
    file->closed_wall_ns = clock_wall_ns();
}

static void name_grew(struct tail *tail, struct dir *dir, const char *name, bool was_closed)
{
    struct file *file = file_by_name(tail, dir, name);
    if (!file) {
        discover_name(tail, dir, name);
        return;
    }
    file_mark_ready(tail, file);
    note_close(file, was_closed);
}

/* Its permissions, or the number of its names. */
static void name_changed(struct tail *tail, struct dir *dir, const char *name)
{
    struct file *file = file_by_name(tail, dir, name);
    if (file)
        file_watch_itself(tail, file);
    else
        discover_name(tail, dir, name);
}

static void heard_of_name(struct tail *tail, struct dir *dir, enum watch_event what,
                          const char *name, uint32_t cookie)
{
    switch (what) {
    case WATCH_CREATED:
        name_came(tail, dir, name);
        break;
    case WATCH_MOVED_IN:
        name_moved_in(tail, dir, name, cookie);
        break;
    case WATCH_GONE:
        name_gone(tail, dir, name, cookie);
        break;
    case WATCH_GREW:
    case WATCH_CLOSED:
        name_grew(tail, dir, name, what == WATCH_CLOSED);
        break;
    case WATCH_CHANGED:
        name_changed(tail, dir, name);
        break;
    default:
        break;
    }
}

/* ---- events of folders and of files that are watched themselves ---- */

static void dir_gone(struct tail *tail, struct dir *dir)
{
    dir_unwatch(tail, dir);
    dir->is_listed = false;
    dir_mark_scan(tail, dir);
    tail->needs_walk = true;
}

/* Behind a link another file may be at any moment now, and no folder of ours tells of it. */
static void look_behind_link(struct tail *tail, struct dir *dir)
{
    dir->has_links = true;
    dir->links_until_ns = loop_now(tail->loop) + LINK_LOOKS_NS;
    dir_mark_scan(tail, dir);
    poll_if_needed(tail);
}

static void heard_of_file(struct tail *tail, struct file *file, enum watch_event what)
{
    if (what == WATCH_DIR_GONE) { /* the watch is over: the file has no name and no writer */
        file_unwatch_itself(tail, file);
        return;
    }
    file_mark_ready(tail, file);
    note_close(file, what == WATCH_CLOSED);
    if ((what == WATCH_CHANGED || what == WATCH_MOVED) && file->name && !file_has_its_name(file)) {
        struct dir *dir = file_is_linked(file) ? file->dir : NULL;
        file_displace(tail, file);
        if (dir)
            look_behind_link(tail, dir);
    }
}

void tail_heard(void *arg, int wd, enum watch_event what, const char *name, uint32_t cookie)
{
    struct tail *tail = arg;
    struct dir *dir = dir_by_wd(tail, wd);
    struct file *file = dir ? NULL : file_by_wd(tail, wd);
    loop_defer(tail->loop, &tail->work);
    if (what == WATCH_LOST) {
        tail->stats.overflows++;
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail",
                    "the kernel dropped file events (fs.inotify.max_queued_events); everything is "
                    "looked at; how many generations went unseen meanwhile is not known");
        lost_forget_counts(tail);
        look_at_everything(tail);
    } else if (what == WATCH_FOLDER) {
        tail->needs_walk = true;
        if (dir && !name)
            dir_mark_scan(tail, dir); /* its own permissions */
    } else if (dir && (what == WATCH_DIR_GONE || what == WATCH_MOVED)) {
        dir_gone(tail, dir);
    } else if (dir && name) {
        heard_of_name(tail, dir, what, name, cookie);
    } else if (file) {
        heard_of_file(tail, file, what);
    }
}
