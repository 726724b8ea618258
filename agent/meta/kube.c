/* kube.c: members of logs and of the own pod, made anew when what they are made of has changed.
 *
 * Happy path: a log's path is known by its text; it is read, its pod found and its members made once, and again when the pod
 * changes. A sidecar has one pod, read anew when its folder's ..data is exchanged.
 * Failure modes: the pod is not known: what the path says is told. Waiting for it has bounds: see kube_waits. No inotify is left:
 * the folder is looked at by the clock.
 * On close: kube_close.
 */
#include "meta.h"

#include <posta/bytes.h>
#include <posta/log.h>
#include <posta/watch.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABOUTS_MAX = 4096 };
/* A log that is younger may be of a pod that is just being told. */
#define YOUNG_S           10
#define POD_WAIT_NS       (3 * NS_PER_S)
#define NO_WAIT_NS        (30 * NS_PER_S)
#define LOOK_AGAIN_NS     (10 * NS_PER_S)
#define FORGET_AT_MOST_NS (60 * NS_PER_S)

/* A log's path and what is told of it. */
struct about {
    char *path, *target; /* target: that it links to, which has the pod's uid; or NULL */
    struct pod_path by;  /* in these */
    bool is_log;
    uint64_t pods_version, pod_version; /* that the members were made of; 0 = no pod */
    struct buf members;
    int64_t born_s;
    int64_t used_ns, asked_ns; /* asked: when its pod was waited for first */
};

struct kube {
    struct kube_config conf;
    struct pods pods;
    struct api *api;
    struct table abouts;
    size_t n_abouts;
    int64_t started_ns, no_wait_until_ns;
    bool has_given_up; /* waiting for the first list */
    char *address;
    struct buf own;
    struct watch *watch;
    struct loop_timer look;
};

/* ---- the own pod ---- */

static void read_own(struct kube *kube)
{
    struct pod *pod = downward_read(kube->conf.options->podinfo, kube->conf.rules);
    const char *container = getenv("CONTAINER_NAME");
    buf_clear(&kube->own);
    pod_members(pod, NULL, container && *container ? container : NULL, kube->conf.rules,
                &kube->own);
    pod_free(pod);
}

static void look_again(void *arg)
{
    struct kube *kube = arg;
    read_own(kube);
    if (!kube->watch)
        loop_set_timer(kube->conf.loop, &kube->look, LOOK_AGAIN_NS);
}

/* kubelet writes a new folder and exchanges the link ..data by renaming. */
static void heard(void *arg, int wd, enum watch_event what, const char *name, uint32_t cookie)
{
    struct kube *kube = arg;
    (void)wd, (void)cookie;
    if (what == WATCH_LOST || what == WATCH_DIR_GONE || !name || *name != '.' ||
        strcmp(name, "..data") == 0)
        loop_set_timer(kube->conf.loop, &kube->look, 0);
}

static void watch_folder(struct kube *kube)
{
    const char *folder = kube->conf.options->podinfo;
    struct err err;
    if (access(folder, F_OK) != 0)
        return; /* a volume is there from the start, or never */
    if (watch_new(&kube->watch, kube->conf.loop, heard, kube, &err) == 0 &&
        watch_dir(kube->watch, folder, false, &err) >= 0)
        return;
    watch_free(kube->watch);
    kube->watch = NULL;
    log_info("kubernetes", "%s: looked at every 10 s: %s", folder, err.text);
    loop_set_timer(kube->conf.loop, &kube->look, LOOK_AGAIN_NS);
}

static void open_sidecar(struct kube *kube)
{
    kube->look = (struct loop_timer) {.fire = look_again, .arg = kube};
    watch_folder(kube);
    read_own(kube);
    if (kube->own.len == 0)
        log_warn("kubernetes",
                 "add_kubernetes_metadata: nothing is known of this pod: set POD_NAME, "
                 "POD_NAMESPACE, POD_UID and NODE_NAME by the downward API, and mount its volume "
                 "with labels at %s",
                 kube->conf.options->podinfo);
}

const char *kube_own(struct kube *kube)
{
    return kube->conf.mode == KUBE_SIDECAR ? buf_str(&kube->own) : "";
}

/* ---- paths ---- */

static bool is_path(const void *item, const void *key)
{
    return strcmp(((const struct about *)item)->path, key) == 0;
}

static uint64_t hash_of(const char *path)
{
    return hash64(path, strlen(path));
}

static void drop_about(struct kube *kube, struct about *about)
{
    table_drop(&kube->abouts, hash_of(about->path), about);
    kube->n_abouts--;
    buf_free(&about->members);
    free(about->target);
    free(about->path);
    free(about);
}

static void drop_oldest(struct kube *kube)
{
    struct about *oldest = NULL;
    size_t at = 0;
    for (struct about *about; (about = table_next(&kube->abouts, &at));)
        if (!oldest || about->used_ns < oldest->used_ns)
            oldest = about;
    drop_about(kube, oldest);
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

static struct about *find_about(struct kube *kube, const char *path, int64_t born_s)
{
    struct about *about = table_find(&kube->abouts, hash_of(path), is_path, path);
    if (about)
        return about;
    if (kube->n_abouts == ABOUTS_MAX)
        drop_oldest(kube);
    about = mem_zero(1, sizeof *about);
    about->path = mem_dup(path);
    about->born_s = born_s;
    const char *prefix = kube->conf.rules->logs_path;
    about->is_log =
        strncmp(path, prefix, strlen(prefix)) == 0 && pod_path_read(about->path, &about->by);
    if (about->is_log)
        follow_link(about);
    about->pods_version = UINT64_MAX;
    table_put(&kube->abouts, hash_of(path), about);
    kube->n_abouts++;
    return about;
}

static struct about *about_path(struct kube *kube, const char *path, int64_t born_s)
{
    struct about *about = find_about(kube, path, born_s);
    about->used_ns = loop_now(kube->conf.loop);
    return about;
}

/* One that is gone from the cache leaves its members here. */
static void refresh(struct kube *kube, struct about *about)
{
    if (!about->is_log || about->pods_version == kube->pods.version)
        return;
    const struct pod *pod =
        pods_find(&kube->pods, &about->by, about->born_s, loop_now(kube->conf.loop));
    bool is_new = pod ? about->pod_version != pod->version : about->members.len == 0;
    about->pods_version = kube->pods.version;
    if (!is_new)
        return;
    about->pod_version = pod ? pod->version : 0;
    buf_clear(&about->members);
    pod_members(pod, &about->by, NULL, kube->conf.rules, &about->members);
}

const char *kube_of_log(struct kube *kube, const char *path, int64_t born_s)
{
    if (kube->conf.mode == KUBE_SIDECAR)
        return kube_own(kube);
    struct about *about = about_path(kube, path, born_s);
    refresh(kube, about);
    return buf_str(&about->members);
}

/* ---- waiting ---- */

static bool waits_for_list(struct kube *kube)
{
    if (kube->has_given_up)
        return false;
    if (loop_now(kube->conf.loop) - kube->started_ns < kube->conf.options->wait_ns)
        return true;
    kube->has_given_up = true;
    log_warn("kubernetes",
             "the pods are not listed after wait_for_metadata_timeout: until they are, "
             "logs tell what their paths say");
    return false;
}

/* All logs that wait do so one after the other: when one has waited in vain, none does for a while. */
static bool waits_for_pod(struct kube *kube, struct about *about, int64_t born_s)
{
    int64_t now_ns = loop_now(kube->conf.loop);
    if (!api_is_hopeful(kube->api) || now_ns < kube->no_wait_until_ns ||
        born_s + YOUNG_S < clock_wall_ns() / NS_PER_S)
        return false;
    if (!about->asked_ns)
        about->asked_ns = now_ns;
    if (now_ns - about->asked_ns < POD_WAIT_NS)
        return true;
    kube->no_wait_until_ns = now_ns + NO_WAIT_NS;
    return false;
}

bool kube_waits(struct kube *kube, const char *path, int64_t born_s)
{
    if (!kube->api || !kube->conf.options->waits)
        return false;
    struct about *about = about_path(kube, path, born_s);
    refresh(kube, about);
    if (!about->is_log || about->pod_version)
        return false;
    return api_is_synced(kube->api) ? waits_for_pod(kube, about, born_s) : waits_for_list(kube);
}

/* ---- life ---- */

static void drop_old_abouts(struct kube *kube, int64_t now_ns)
{
    int64_t keep_ns = kube->conf.options->cleanup_ns + FORGET_AT_MOST_NS;
    for (bool is_done = false; !is_done;) {
        size_t at = 0;
        is_done = true;
        for (struct about *about; is_done && (about = table_next(&kube->abouts, &at));)
            if (now_ns - about->used_ns > keep_ns) {
                drop_about(kube, about);
                is_done = false;
            }
    }
}

/* Before a pod is forgotten, all logs that wait have what they need of it. */
void kube_tidy(struct kube *kube, bool is_all_sent)
{
    int64_t now_ns = loop_now(kube->conf.loop);
    size_t at = 0;
    for (struct about *about; (about = table_next(&kube->abouts, &at));)
        refresh(kube, about);
    if (is_all_sent)
        drop_old_abouts(kube, now_ns);
    pods_tidy(&kube->pods, now_ns);
}

static void changed(void *arg)
{
    struct kube *kube = arg;
    kube->conf.changed(kube->conf.arg);
}

/* In brackets if it is one of IPv6. */
static char *address_of_server(void)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    bool is_v6 = host && strchr(host, ':');
    if (!host || !*host)
        return NULL;
    return mem_printf("https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                      port && *port ? port : "443");
}

static const char *node_of(const struct kube_options *options)
{
    const char *node = options->node && *options->node ? options->node : options->host;
    return node && *node ? node : getenv("NODE_NAME");
}

static int open_node(struct kube *kube, struct err *err)
{
    const struct kube_options *options = kube->conf.options;
    const char *node = node_of(options);
    kube->address = options->api_enabled ? address_of_server() : NULL;
    if (!kube->address) {
        log_info("kubernetes", "the API server is not asked (%s): logs tell what their paths say",
                 options->api_enabled ? "KUBERNETES_SERVICE_HOST is not set"
                                      : "api.enabled: false");
        return 0;
    }
    if (!node || !*node)
        return err_set(err, ERR_CONFIG,
                       "which node is this: set node: ${NODE_NAME}, and NODE_NAME from "
                       "spec.nodeName by the downward API; or api.enabled: false");
    const struct api_config api = {.loop = kube->conf.loop,
                                   .address = kube->address,
                                   .node = node,
                                   .namespace = options->namespace,
                                   .account = options->account,
                                   .pods = &kube->pods,
                                   .rules = kube->conf.rules,
                                   .changed = changed,
                                   .arg = kube};
    return api_start(&kube->api, &api, err);
}

int kube_open(struct kube **out, const struct kube_config *config, struct err *err)
{
    struct kube *kube = mem_zero(1, sizeof *kube);
    kube->conf = *config;
    kube->started_ns = loop_now(config->loop);
    pods_init(&kube->pods, config->options->cleanup_ns);
    if (config->mode == KUBE_SIDECAR) {
        open_sidecar(kube);
    } else if (open_node(kube, err)) {
        kube_close(kube);
        return err_wrap(err, "add_kubernetes_metadata");
    }
    *out = kube;
    return 0;
}

void kube_close(struct kube *kube)
{
    if (!kube)
        return;
    api_stop(kube->api);
    watch_free(kube->watch);
    loop_cancel_timer(kube->conf.loop, &kube->look);
    while (kube->n_abouts > 0)
        drop_oldest(kube);
    table_free(&kube->abouts);
    pods_free(&kube->pods);
    buf_free(&kube->own);
    free(kube->address);
    free(kube);
}

const struct api_stats *kube_stats(struct kube *kube)
{
    return kube->api ? api_stats(kube->api) : NULL;
}
