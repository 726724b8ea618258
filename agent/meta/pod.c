/* pod.c: a pod as the API server describes it: of some 10 KB of JSON, the few texts that events tell.
 *
 * Failure modes: what has another type than it should is as if it were not there; without name, namespace or uid there is no pod.
 * Labels and containers beyond the bounds are left out.
 */
#include "meta.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- life ---- */

struct pod *pod_new(void)
{
    return mem_zero(1, sizeof(struct pod));
}

void pod_free(struct pod *pod)
{
    if (!pod)
        return;
    for (size_t i = 0; i < pod->n_owned; i++)
        free(pod->owned[i]);
    free(pod->owned);
    free(pod->labels);
    free(pod->annotations);
    free(pod->containers);
    free(pod);
}

const char *pod_own(struct pod *pod, const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    pod->owned = mem_grow(pod->owned, pod->n_owned + 1, sizeof *pod->owned);
    pod->owned[pod->n_owned++] = copy;
    return copy;
}

/* ---- labels ---- */

/* Kubernetes takes no others; of these each has one form in JSON. */
static bool is_name(const char *name)
{
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_./", *at))
            return false;
    return *name != '\0';
}

static void add(struct pod *pod, struct pod_label **list, size_t *n, const char *name,
                const char *value)
{
    if (*n == POD_LABELS_MAX || !is_name(name))
        return;
    *list = mem_grow(*list, *n + 1, sizeof **list);
    (*list)[(*n)++] =
        (struct pod_label) {pod_own(pod, name, strlen(name)), pod_own(pod, value, strlen(value))};
}

static bool is_excluded(const struct kube_rules *rules, const char *name)
{
    for (size_t i = 0; rules->exclude_labels && i < rules->exclude_labels->n; i++)
        if (strcmp(rules->exclude_labels->at[i], name) == 0)
            return true;
    return false;
}

void pod_add_label(struct pod *pod, const struct kube_rules *rules, const char *name,
                   const char *value)
{
    if (strcmp(name, "pod-template-hash") == 0)
        pod->template_hash = pod_own(pod, value, strlen(value));
    if (is_excluded(rules, name) ||
        (rules->include_labels.n > 0 &&
         regex_list_try(&rules->include_labels, name, strlen(name)) != 1))
        return;
    add(pod, &pod->labels, &pod->n_labels, name, value);
}

void pod_add_annotation(struct pod *pod, const struct kube_rules *rules, const char *name,
                        const char *value)
{
    if (strcmp(name, "kubernetes.io/config.mirror") == 0)
        pod->mirror = pod_own(pod, value, strlen(value));
    if (regex_list_try(&rules->include_annotations, name, strlen(name)) == 1)
        add(pod, &pod->annotations, &pod->n_annotations, name, value);
}

/* ---- JSON ---- */

bool json_member(struct json_span object, const char *name, enum json_type type,
                 struct json_span *value)
{
    struct json_span key, member;
    struct json_walk walk = json_members(object);
    while (json_next(&walk, &key, &member))
        if (json_equals(key, name)) {
            *value = member;
            return member.type == type;
        }
    return false;
}

/* NULL: it is not there, or empty. */
static const char *text_member(struct pod *pod, struct json_span object, const char *name)
{
    struct json_span value;
    struct buf text = BUF_INIT;
    const char *own = NULL;
    if (!json_member(object, name, JSON_STRING, &value))
        return NULL;
    json_text(value, &text);
    if (text.len > 0 && !memchr(text.data, '\0', text.len))
        own = pod_own(pod, text.data, text.len);
    buf_free(&text);
    return own;
}

static void
read_map(struct pod *pod, struct json_span meta, const char *name, const struct kube_rules *rules,
         void (*take)(struct pod *, const struct kube_rules *, const char *, const char *))
{
    struct json_span map, key, value;
    struct buf key_text = BUF_INIT, value_text = BUF_INIT;
    if (!json_member(meta, name, JSON_OBJECT, &map))
        return;
    struct json_walk walk = json_members(map);
    while (json_next(&walk, &key, &value)) {
        if (value.type != JSON_STRING)
            continue;
        buf_clear(&key_text);
        buf_clear(&value_text);
        json_text(key, &key_text);
        json_text(value, &value_text);
        take(pod, rules, buf_str(&key_text), buf_str(&value_text));
    }
    buf_free(&key_text);
    buf_free(&value_text);
}

int64_t pod_time(const char *text)
{
    struct tm tm = {.tm_year = 0};
    char zone;
    if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                        &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &zone) != 7)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return (int64_t)timegm(&tm);
}

/* The one that controls it. */
static void read_owner(struct pod *pod, struct json_span meta)
{
    struct json_span list, item, is_controller;
    if (!json_member(meta, "ownerReferences", JSON_ARRAY, &list))
        return;
    struct json_walk walk = json_items(list);
    while (json_next_item(&walk, &item)) {
        if (item.type != JSON_OBJECT ||
            !json_member(item, "controller", JSON_BOOL, &is_controller) || *is_controller.at != 't')
            continue;
        pod->owner_kind = text_member(pod, item, "kind");
        pod->owner = text_member(pod, item, "name");
    }
}

static void read_meta(struct pod *pod, struct json_span meta, const struct kube_rules *rules)
{
    pod->name = text_member(pod, meta, "name");
    pod->namespace = text_member(pod, meta, "namespace");
    pod->uid = text_member(pod, meta, "uid");
    pod->created_s = pod_time(text_member(pod, meta, "creationTimestamp"));
    read_map(pod, meta, "labels", rules, pod_add_label);
    read_map(pod, meta, "annotations", rules, pod_add_annotation);
    read_owner(pod, meta);
}

/* ---- containers ---- */

static struct pod_container *container_named(struct pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->n_containers; i++)
        if (strcmp(pod->containers[i].name, name) == 0)
            return &pod->containers[i];
    if (pod->n_containers == POD_CONTAINERS_MAX)
        return NULL;
    pod->containers = mem_grow(pod->containers, pod->n_containers + 1, sizeof *pod->containers);
    struct pod_container *made = &pod->containers[pod->n_containers++];
    *made = (struct pod_container) {.name = name};
    return made;
}

/* "containerd://0123abc" */
static void read_id(struct pod *pod, const char *text, const char **runtime, const char **id)
{
    const char *mark = text ? strstr(text, "://") : NULL;
    if (!mark || !mark[3])
        return;
    *runtime = pod_own(pod, text, (size_t)(mark - text));
    *id = mark + 3;
}

static void read_status(struct pod *pod, struct pod_container *container, struct json_span status)
{
    struct json_span last, ended;
    const char *runtime;
    read_id(pod, text_member(pod, status, "containerID"), &container->runtime, &container->id);
    if (!container->image)
        container->image = text_member(pod, status, "image");
    if (json_member(status, "lastState", JSON_OBJECT, &last) &&
        json_member(last, "terminated", JSON_OBJECT, &ended))
        read_id(pod, text_member(pod, ended, "containerID"),
                container->runtime ? &runtime : &container->runtime, &container->id_before);
}

static void read_containers(struct pod *pod, struct json_span part, const char *list_name,
                            bool is_status)
{
    struct json_span list, item;
    if (!json_member(part, list_name, JSON_ARRAY, &list))
        return;
    struct json_walk walk = json_items(list);
    while (json_next_item(&walk, &item)) {
        const char *name = item.type == JSON_OBJECT ? text_member(pod, item, "name") : NULL;
        struct pod_container *container = name ? container_named(pod, name) : NULL;
        if (container && is_status)
            read_status(pod, container, item);
        else if (container)
            container->image = text_member(pod, item, "image");
    }
}

static void read_all_containers(struct pod *pod, struct json_span object)
{
    struct json_span spec, status;
    if (json_member(object, "spec", JSON_OBJECT, &spec)) {
        pod->node = text_member(pod, spec, "nodeName");
        read_containers(pod, spec, "initContainers", false);
        read_containers(pod, spec, "containers", false);
        read_containers(pod, spec, "ephemeralContainers", false);
    }
    if (json_member(object, "status", JSON_OBJECT, &status)) {
        pod->ip = text_member(pod, status, "podIP");
        read_containers(pod, status, "initContainerStatuses", true);
        read_containers(pod, status, "containerStatuses", true);
        read_containers(pod, status, "ephemeralContainerStatuses", true);
    }
}

struct pod *pod_read(struct json_span object, const struct kube_rules *rules)
{
    struct json_span meta;
    if (object.type != JSON_OBJECT || !json_member(object, "metadata", JSON_OBJECT, &meta))
        return NULL;
    struct pod *pod = pod_new();
    read_meta(pod, meta, rules);
    if (pod->name && pod->namespace && pod->uid) {
        read_all_containers(pod, object);
        return pod;
    }
    pod_free(pod);
    return NULL;
}
