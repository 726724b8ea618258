/* fuzz_meta.c: any bytes as what tells of a pod or host: files of the downward API, paths, answers of the API server, os-release. What
 * comes of them is JSON with every member once.
 *
 * The first byte chooses what they are.
 */
#include "agent.h"

#include "library.h"
#include <stdlib.h>

static const char path_text[] =
    "/var/log/containers/"
    "a_ns_c-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log";

static void make_rules(struct kube_rules *rules)
{
    static char *all[] = {"."};
    const struct str_list annotations = {all, 1};
    struct err err;
    *rules = (struct kube_rules) {.deployment = true, .cronjob = true, .logs_path = ""};
    if (regex_list_new(&rules->include_annotations, &annotations, &err))
        abort();
}

static void check_pod(const struct pod *pod, const char *path, const struct kube_rules *rules)
{
    struct pod_path by;
    struct buf out = BUF_INIT;
    bool has_path = pod_path_read(path, &by);
    pod_members(pod, has_path ? &by : NULL, NULL, rules, &out);
    library_check_members(&out);
    buf_free(&out);
}

static void check_pods(struct pods *pods, const struct kube_rules *rules)
{
    size_t at = 0;
    for (const struct pod *pod; (pod = table_next(&pods->by_uid, &at));)
        check_pod(pod, path_text, rules);
    struct pod_path by;
    if (pod_path_read(path_text, &by))
        check_pod(pods_find(pods, &by, 0, 1), path_text, rules);
}

struct taking {
    struct pod *pod;
    const struct kube_rules *rules;
};

static void take(void *arg, const char *name, const char *value)
{
    const struct taking *taking = arg;
    pod_add_label(taking->pod, taking->rules, name, value);
    pod_add_annotation(taking->pod, taking->rules, name, value);
}

static void as_file(const char *text, size_t len, const struct kube_rules *rules)
{
    struct taking taking = {pod_new(), rules};
    (void)downward_each(text, len, take, &taking);
    check_pod(taking.pod, "", rules);
    pod_free(taking.pod);
}

static void as_list(const char *text, size_t len, struct pods *pods, const struct kube_rules *rules)
{
    struct list_page page = {.next = BUF_INIT};
    struct err err;
    (void)(list_read(text, len, pods, rules, &page, &err) == 0);
    check_pods(pods, rules);
    buf_free(&page.next);
}

/* In two pieces. */
static void as_stream(const char *text, size_t len, struct pods *pods,
                      const struct kube_rules *rules)
{
    struct stream stream = {.pods = pods, .rules = rules};
    stream_begin(&stream);
    stream_take(&stream, text, len / 2, 1);
    stream_take(&stream, text + len / 2, len - len / 2, 1);
    check_pods(pods, rules);
    stream_free(&stream);
}

static void as_os_release(const char *text)
{
    struct buf out = BUF_INIT;
    os_release_put(text, "6", &out);
    library_check_members(&out);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_rules rules;
    struct pods pods;
    if (size == 0)
        return 0;
    char *text =
        mem_alloc(size); /* exactly as long as it is, and terminated for those who want that */
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    make_rules(&rules);
    pods_init(&pods, 1);
    switch (data[0] % 5) {
    case 0:
        as_file(text, size - 1, &rules);
        break;
    case 1:
        check_pod(NULL, text, &rules);
        break;
    case 2:
        as_list(text, size - 1, &pods, &rules);
        break;
    case 3:
        as_stream(text, size - 1, &pods, &rules);
        break;
    default:
        as_os_release(text);
    }
    pods_free(&pods);
    kube_rules_free(&rules);
    free(text);
    return 0;
}
