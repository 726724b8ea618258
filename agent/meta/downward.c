/* downward.c: the pod that posta is in, as Kubernetes tells it by the downward API: environment variables, and a volume's files.
 *
 * Happy path: POD_NAME, POD_NAMESPACE, POD_UID, POD_IP, NODE_NAME from the environment; files labels and annotations; files name,
 * namespace and uid for what no variable says.
 * Failure modes: what is not there is not told; a line of a file that is none is said once, the others count.
 */
#include "meta.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 1024 * 1024 }; /* annotations have 256 KB at most, before they are quoted */

struct taking {
    struct pod *pod;
    const struct kube_rules *rules;
};

static const char *from_environment(struct pod *pod, const char *name)
{
    const char *value = getenv(name);
    return value && *value ? pod_own(pod, value, strlen(value)) : NULL;
}

static bool read_file(const char *folder, const char *name, struct buf *text)
{
    struct err err;
    char *path = mem_printf("%s/%s", folder, name);
    buf_clear(text);
    int rc = fs_read_file(path, FILE_BYTES, text, &err);
    free(path);
    if (rc && err.kind != ERR_GONE)
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "kubernetes", "%s", err.text);
    return rc == 0;
}

static const char *from_file(struct pod *pod, const char *folder, const char *name)
{
    struct buf text = BUF_INIT;
    const char *value = NULL;
    if (read_file(folder, name, &text)) {
        size_t len = strcspn(buf_str(&text), "\r\n");
        value = len > 0 ? pod_own(pod, text.data, len) : NULL;
    }
    buf_free(&text);
    return value;
}

static void take_label(void *arg, const char *name, const char *value)
{
    const struct taking *taking = arg;
    pod_add_label(taking->pod, taking->rules, name, value);
}

static void take_annotation(void *arg, const char *name, const char *value)
{
    const struct taking *taking = arg;
    pod_add_annotation(taking->pod, taking->rules, name, value);
}

static void take_file(struct taking *taking, const char *folder, const char *name,
                      void (*take)(void *, const char *, const char *))
{
    struct buf text = BUF_INIT;
    if (read_file(folder, name, &text) && !downward_each(text.data, text.len, take, taking))
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "kubernetes",
                    "%s/%s: a line is not name=\"value\", as a downward API volume has them; it is "
                    "left out",
                    folder, name);
    buf_free(&text);
}

struct pod *downward_read(const char *folder, const struct kube_rules *rules)
{
    struct pod *pod = pod_new();
    struct taking taking = {pod, rules};
    pod->name = from_environment(pod, "POD_NAME");
    pod->namespace = from_environment(pod, "POD_NAMESPACE");
    pod->uid = from_environment(pod, "POD_UID");
    pod->ip = from_environment(pod, "POD_IP");
    pod->node = from_environment(pod, "NODE_NAME");
    if (!pod->name)
        pod->name = from_file(pod, folder, "name");
    if (!pod->namespace)
        pod->namespace = from_file(pod, folder, "namespace");
    if (!pod->uid)
        pod->uid = from_file(pod, folder, "uid");
    take_file(&taking, folder, "labels", take_label);
    take_file(&taking, folder, "annotations", take_annotation);
    if (pod->name || pod->namespace || pod->uid || pod->n_labels > 0 || pod->n_annotations > 0)
        return pod;
    pod_free(pod);
    return NULL;
}
