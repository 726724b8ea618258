/* abouts.c: logs by their paths, and the members that are told of each.
 *
 * Happy path: a path is read once, its pod found and the members made; made anew when the pod has changed. What is known of a pod
 * stays here when the cache has forgotten it, and in a file for the time after a restart.
 * Failure modes: the pod is not known: the members are what the path says. More than ABOUTS_MAX: the one that was not asked for
 * longest goes.
 * On close: abouts_free.
 */
#include "meta.h"

#include <posta/bytes.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the table ---- */

static bool is_path(const void *item, const void *key)
{
    return strcmp(((const struct about *)item)->path, key) == 0;
}

static uint64_t hash_of(const char *path)
{
    return hash64(path, strlen(path));
}

static void drop(struct abouts *abouts, struct about *about)
{
    table_drop(&abouts->by_path, hash_of(about->path), about);
    abouts->n--;
    buf_free(&about->members);
    free(about->target);
    free(about->path);
    free(about);
}

static void drop_oldest(struct abouts *abouts)
{
    struct about *oldest = NULL;
    size_t at = 0;
    for (struct about *about; (about = table_next(&abouts->by_path, &at));)
        if (!oldest || about->used_ns < oldest->used_ns)
            oldest = about;
    if (oldest)
        drop(abouts, oldest);
}

/* The link in /var/log/containers leads to a folder whose name has the pod's uid. */
static void follow_link(struct about *about)
{
    char target[PATH_MAX];
    struct pod_path there;
    ssize_t len = about->by.uid.at ? -1 : readlink(about->path, target, sizeof target - 1);
    if (len <= 0)
        return;
    target[len] = '\0';
    about->target = mem_dup(target);
    if (pod_path_read(about->target, &there) && there.uid.at)
        about->by.uid = there.uid;
}

static struct about *add(struct abouts *abouts, const char *path, int64_t born_s)
{
    const char *prefix = abouts->rules->logs_path;
    struct about *about = mem_zero(1, sizeof *about);
    if (abouts->n == ABOUTS_MAX)
        drop_oldest(abouts);
    about->path = mem_dup(path);
    about->born_s = born_s;
    about->is_log =
        strncmp(path, prefix, strlen(prefix)) == 0 && pod_path_read(about->path, &about->by);
    if (about->is_log)
        follow_link(about);
    about->pods_version = UINT64_MAX;
    about->used_ns = loop_now(abouts->loop);
    table_put(&abouts->by_path, hash_of(path), about);
    abouts->n++;
    return about;
}

/* ---- what is kept ---- */

static void keep_all(struct abouts *abouts)
{
    struct buf lines = BUF_INIT;
    size_t at = 0;
    for (const struct about *about; (about = table_next(&abouts->by_path, &at));)
        if (about->is_known)
            keep_put_line(&lines, about->path, about->born_s, &about->members);
    keep_rewrite(&abouts->keep, &lines);
    buf_free(&lines);
}

static void take_kept(void *arg, const char *path, int64_t born_s, const char *members)
{
    struct abouts *abouts = arg;
    struct about *about = table_find(&abouts->by_path, hash_of(path), is_path, path);
    if (!about)
        about = add(abouts, path, born_s);
    if (!about->is_log)
        return;
    buf_clear(&about->members);
    buf_puts(&about->members, members);
    about->is_known = true;
}

void abouts_load(struct abouts *abouts)
{
    keep_load(&abouts->keep, take_kept, abouts);
    keep_all(abouts);
}

/* ---- members ---- */

static void make_members(struct abouts *abouts, struct about *about, const struct pod *pod)
{
    struct buf before = about->members;
    about->members = (struct buf)BUF_INIT;
    about->pod_version = pod ? pod->version : 0;
    pod_members(pod, &about->by, NULL, abouts->rules, &about->members);
    bool is_news = before.len == 0 || before.len != about->members.len ||
                   memcmp(before.data, about->members.data, before.len) != 0;
    about->is_known = pod != NULL;
    if (pod && is_news && !keep_add(&abouts->keep, about->path, about->born_s, &about->members))
        keep_all(abouts);
    buf_free(&before);
}

static void refresh(struct abouts *abouts, struct about *about)
{
    if (!about->is_log || about->pods_version == abouts->pods->version)
        return;
    const struct pod *pod =
        pods_find(abouts->pods, &about->by, about->born_s, loop_now(abouts->loop));
    bool is_new = pod ? about->pod_version != pod->version : about->members.len == 0;
    about->pods_version = abouts->pods->version;
    if (is_new)
        make_members(abouts, about, pod);
}

struct about *abouts_find(struct abouts *abouts, const char *path, int64_t born_s)
{
    struct about *about = table_find(&abouts->by_path, hash_of(path), is_path, path);
    if (!about)
        about = add(abouts, path, born_s);
    about->used_ns = loop_now(abouts->loop);
    refresh(abouts, about);
    return about;
}

void abouts_refresh(struct abouts *abouts)
{
    size_t at = 0;
    for (struct about *about; (about = table_next(&abouts->by_path, &at));)
        refresh(abouts, about);
}

/* ---- going ---- */

void abouts_forget(struct abouts *abouts, int64_t unused_ns)
{
    int64_t now_ns = loop_now(abouts->loop);
    for (bool is_done = false; !is_done;) {
        size_t at = 0;
        is_done = true;
        for (struct about *about; is_done && (about = table_next(&abouts->by_path, &at));)
            if (now_ns - about->used_ns > unused_ns) {
                drop(abouts, about);
                is_done = false;
            }
    }
}

void abouts_free(struct abouts *abouts)
{
    while (abouts->n > 0)
        drop_oldest(abouts);
    table_free(&abouts->by_path);
    keep_free(&abouts->keep);
}
