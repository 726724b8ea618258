/* pod_members.c: a pod, and a container of it, as members of an event, named as add_kubernetes_metadata does:
 *
 * "kubernetes":{"namespace","pod":{"name","uid","ip"},"node":{"name"},"labels":{..},"annotations":{..},
 *               "deployment"|"replicaset"|..:{"name"},"container":{"name"}},
 * "container":{"id","runtime","image":{"name"}}
 *
 * A ReplicaSet's name is its Deployment's with the label pod-template-hash behind it, a Job's its CronJob's with the minute it was
 * due at (since the epoch), so nobody is asked for those.
 */
#include "meta.h"

#include <posta/members.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { UID_LEN_MAX = 64 };
/* Minutes since the epoch that a job can be of: from 2019 to 2049; 20240131 is a date in a name. */
#define JOB_MINUTE_MIN 26000000L
#define JOB_MINUTE_MAX 42000000L

/* ---- pieces and texts ---- */

static struct piece piece_of(const char *text)
{
    return (struct piece) {text, text ? strlen(text) : 0};
}

static struct piece either(const char *text, struct piece other)
{
    return text ? piece_of(text) : other;
}

static void put(struct members *out, const char *name, struct piece value)
{
    if (value.len > 0)
        members_text(out, name, value.at, value.len);
}

/* ---- labels ---- */

static bool is_told_before(const struct pod_label *labels, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        const char *a = labels[k].name, *b = labels[i].name;
        while (*a && (*a == *b || (strchr("._", *a) && strchr("._", *b) && *b)))
            a++, b++;
        if (!*a && !*b)
            return true;
    }
    return false;
}

/* a.b/c is "a_b/c": with the dot it would be an object, and clash with a label "a". */
static void put_labels(struct members *out, const char *name, const struct pod_label *labels,
                       size_t n)
{
    if (n == 0)
        return;
    members_name(out, name);
    for (size_t i = 0; i < n; i++) {
        if (is_told_before(labels, i))
            continue;
        buf_puts(&out->json, i ? "," : "{");
        size_t at = out->json.len;
        json_string(&out->json, labels[i].name);
        for (; at < out->json.len; at++)
            if (out->json.data[at] == '.')
                out->json.data[at] = '_';
        buf_putc(&out->json, ':');
        json_string(&out->json, labels[i].value);
    }
    buf_putc(&out->json, '}');
}

/* ---- who made it ---- */

static void put_owner(struct members *out, const char *kind, const char *name, size_t len)
{
    static const struct {
        const char *kind, *member;
    } known[] = {
        {"Deployment", "kubernetes.deployment.name"},
        {"ReplicaSet", "kubernetes.replicaset.name"},
        {"StatefulSet", "kubernetes.statefulset.name"},
        {"DaemonSet", "kubernetes.daemonset.name"},
        {"Job", "kubernetes.job.name"},
        {"CronJob", "kubernetes.cronjob.name"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].kind, kind) == 0)
            members_text(out, known[i].member, name, len);
}

/* The length of name without "-<tail>"; 0 if it does not end so. */
static size_t len_without(const char *name, size_t len, const char *tail)
{
    size_t tail_len = strlen(tail);
    if (len <= tail_len + 1 || name[len - tail_len - 1] != '-' ||
        memcmp(name + len - tail_len, tail, tail_len) != 0)
        return 0;
    return len - tail_len - 1;
}

static void put_replicaset(struct members *out, const struct pod *pod, const char *name, size_t len,
                           const struct kube_rules *rules)
{
    size_t deployment_len = pod->template_hash ? len_without(name, len, pod->template_hash) : 0;
    put_owner(out, "ReplicaSet", name, len);
    if (rules->deployment && deployment_len > 0)
        put_owner(out, "Deployment", name, deployment_len);
}

static void put_job(struct members *out, const char *name, const struct kube_rules *rules)
{
    const char *dash = strrchr(name, '-');
    char *end;
    put_owner(out, "Job", name, strlen(name));
    if (!rules->cronjob || !dash || dash == name || !isdigit((unsigned char)dash[1]))
        return;
    long minute = strtol(dash + 1, &end, 10);
    if (!*end && minute >= JOB_MINUTE_MIN && minute <= JOB_MINUTE_MAX)
        put_owner(out, "CronJob", name, (size_t)(dash - name));
}

/* The own pod does not know its owner, but its name may say it: <replicaset>-<5 characters>. */
static void put_owner_by_name(struct members *out, const struct pod *pod,
                              const struct kube_rules *rules)
{
    const char *dash = pod->name && pod->template_hash ? strrchr(pod->name, '-') : NULL;
    if (!dash || strlen(dash) != 6)
        return;
    size_t len = (size_t)(dash - pod->name);
    if (len_without(pod->name, len, pod->template_hash) > 0)
        put_replicaset(out, pod, pod->name, len, rules);
}

static void put_owners(struct members *out, const struct pod *pod, const struct kube_rules *rules)
{
    if (!pod->owner || !pod->owner_kind)
        put_owner_by_name(out, pod, rules);
    else if (strcmp(pod->owner_kind, "ReplicaSet") == 0)
        put_replicaset(out, pod, pod->owner, strlen(pod->owner), rules);
    else if (strcmp(pod->owner_kind, "Job") == 0)
        put_job(out, pod->owner, rules);
    else
        put_owner(out, pod->owner_kind, pod->owner, strlen(pod->owner));
}

/* ---- containers ---- */

static bool has_id(const struct pod_container *container, struct piece id)
{
    return (container->id && piece_is(id, container->id)) ||
           (container->id_before && piece_is(id, container->id_before));
}

static const struct pod_container *container_of(const struct pod *pod, struct piece name,
                                                struct piece id)
{
    for (size_t i = 0; pod && i < pod->n_containers; i++)
        if (name.at ? piece_is(name, pod->containers[i].name) : has_id(&pod->containers[i], id))
            return &pod->containers[i];
    return NULL;
}

static void put_container(struct members *out, const struct pod_container *container,
                          struct piece id)
{
    if (!id.at && container && container->id)
        id = piece_of(container->id);
    put(out, "container.id", id);
    if (!container)
        return;
    members_str(out, "container.runtime", container->runtime);
    members_str(out, "container.image.name", container->image);
}

/* ---- all ---- */

static void put_pod(struct members *out, const struct pod *pod, const struct pod_path *path)
{
    static const struct pod none;
    const struct pod *own = pod ? pod : &none;
    put(out, "kubernetes.namespace", either(own->namespace, path->namespace));
    put(out, "kubernetes.pod.name", either(own->name, path->name));
    put(out, "kubernetes.pod.uid", either(own->uid, path->uid));
    members_str(out, "kubernetes.pod.ip", own->ip);
    members_str(out, "kubernetes.node.name", own->node);
    put_labels(out, "kubernetes.labels", own->labels, own->n_labels);
    put_labels(out, "kubernetes.annotations", own->annotations, own->n_annotations);
}

/* Where the path does not say which one it was, the id of the one that runs may be another's: then it is left out. */
static bool is_sure(const struct pod_path *path, const struct pod_container *container)
{
    return path->container_id.at || !path->uid.at || !container || !container->id_before;
}

void pod_members(const struct pod *pod, const struct pod_path *path, const char *container,
                 const struct kube_rules *rules, struct buf *out)
{
    static const struct pod_path no_path;
    struct members members = {.prefix = NULL};
    const struct pod_path *by = path ? path : &no_path;
    struct piece name = by->container.at ? by->container : piece_of(container);
    const struct pod_container *found = container_of(pod, name, by->container_id);
    struct pod_container part = found ? *found : (struct pod_container) {.name = NULL};
    members_clear(&members);
    put_pod(&members, pod, by);
    if (pod)
        put_owners(&members, pod, rules);
    put(&members, "kubernetes.container.name", name.at ? name : piece_of(part.name));
    if (!is_sure(by, found))
        part.id = NULL;
    put_container(&members, &part, by->container_id);
    const struct buf *json = members_end(&members);
    buf_append(out, json->data, json->len);
    members_free(&members);
}
