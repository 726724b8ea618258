/* pods.c: the pods of the node, as far as the API server has told, and for a while those that are no more.
 *
 * Happy path: a pod is put when it comes or changes; a log's path finds it by uid, by the id of a container, or by name.
 * Failure modes: a pod that is made anew under the same name (a StatefulSet's) has another uid, and is not taken for the one before:
 * a log is not older than its pod. The cache is full: the pod is not taken in, and it is said.
 * On close: pods_free.
 */
#include "meta.h"

#include <posta/bytes.h>
#include <posta/log.h>

#include <string.h>

/* Clocks of server and node differ a little. */
enum { CLOCK_SLACK_S = 60 };

void pods_init(struct pods *pods, int64_t keep_ns)
{
    *pods = (struct pods) {.by_uid = TABLE_INIT, .keep_ns = keep_ns};
}

void pods_free(struct pods *pods)
{
    size_t at = 0;
    for (struct pod *pod; (pod = table_next(&pods->by_uid, &at));)
        pod_free(pod);
    table_free(&pods->by_uid);
    pods->n = 0;
}

static uint64_t hash_of(const char *uid)
{
    return hash64(uid, strlen(uid));
}

static bool has_uid(const void *item, const void *key)
{
    return strcmp(((const struct pod *)item)->uid, key) == 0;
}

static struct pod *by_uid(const struct pods *pods, const char *uid)
{
    return table_find(&pods->by_uid, hash_of(uid), has_uid, uid);
}

static void drop(struct pods *pods, struct pod *pod)
{
    table_drop(&pods->by_uid, hash_of(pod->uid), pod);
    pods->n--;
    pod_free(pod);
}

/* Whoever is gone must make room first. */
static bool has_room(struct pods *pods)
{
    if (pods->n < PODS_MAX)
        return true;
    size_t at = 0;
    for (struct pod *pod; (pod = table_next(&pods->by_uid, &at));)
        if (pod->gone_ns) {
            drop(pods, pod);
            return true;
        }
    if (!pods->is_full_said)
        log_warn("kubernetes",
                 "more than %d pods on this node: the others' logs tell only what "
                 "their paths say",
                 PODS_MAX);
    pods->is_full_said = true;
    return false;
}

void pods_put(struct pods *pods, struct pod *pod)
{
    struct pod *before = by_uid(pods, pod->uid);
    if (before)
        drop(pods, before);
    if (!has_room(pods)) {
        pod_free(pod);
        return;
    }
    pod->version = ++pods->version;
    pod->is_listed = true;
    table_put(&pods->by_uid, hash_of(pod->uid), pod);
    pods->n++;
}

void pods_gone(struct pods *pods, const char *uid, int64_t now_ns)
{
    struct pod *pod = by_uid(pods, uid);
    if (pod && !pod->gone_ns)
        pod->gone_ns = pod->used_ns = now_ns;
}

void pods_begin_list(struct pods *pods)
{
    size_t at = 0;
    for (struct pod *pod; (pod = table_next(&pods->by_uid, &at));)
        pod->is_listed = false;
}

void pods_end_list(struct pods *pods, int64_t now_ns)
{
    size_t at = 0;
    for (struct pod *pod; (pod = table_next(&pods->by_uid, &at));)
        if (!pod->is_listed && !pod->gone_ns)
            pod->gone_ns = pod->used_ns = now_ns;
}

/* ---- finding ---- */

static bool runs(const struct pod *pod, struct piece id)
{
    for (size_t i = 0; i < pod->n_containers; i++) {
        const struct pod_container *one = &pod->containers[i];
        if ((one->id && piece_is(id, one->id)) || (one->id_before && piece_is(id, one->id_before)))
            return true;
    }
    return false;
}

static bool is_named(const struct pod *pod, const struct pod_path *path)
{
    return piece_is(path->name, pod->name) && piece_is(path->namespace, pod->namespace);
}

static bool is_of_uid(const struct pod *pod, struct piece uid)
{
    return piece_is(uid, pod->uid) || (pod->mirror && piece_is(uid, pod->mirror));
}

static bool is_old_enough(const struct pod *pod, int64_t born_s)
{
    return born_s == 0 || pod->created_s <= born_s + CLOCK_SLACK_S;
}

/* How good a match it is; 0 = none. */
static int match(const struct pod *pod, const struct pod_path *path, int64_t born_s)
{
    if (path->uid.at)
        return is_of_uid(pod, path->uid) ? 3 : 0;
    if (path->container_id.at && runs(pod, path->container_id))
        return 2;
    return path->name.at && is_named(pod, path) && is_old_enough(pod, born_s) ? 1 : 0;
}

/* Of two pods of one name the younger. */
const struct pod *pods_find(struct pods *pods, const struct pod_path *path, int64_t born_s,
                            int64_t now_ns)
{
    struct pod *best = NULL;
    int best_match = 0;
    size_t at = 0;
    for (struct pod *pod; (pod = table_next(&pods->by_uid, &at));) {
        int how = match(pod, path, born_s);
        if (how > best_match ||
            (how > 0 && how == best_match && pod->created_s > best->created_s)) {
            best = pod;
            best_match = how;
        }
    }
    if (best)
        best->used_ns = now_ns;
    return best;
}

void pods_tidy(struct pods *pods, int64_t now_ns)
{
    for (bool is_done = false; !is_done;) {
        size_t at = 0;
        is_done = true;
        for (struct pod *pod; is_done && (pod = table_next(&pods->by_uid, &at));)
            if (pod->gone_ns && now_ns - pod->used_ns > pods->keep_ns) {
                drop(pods, pod);
                is_done = false;
            }
    }
}
