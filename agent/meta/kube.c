/* kube.c: members of logs and of the own pod, made anew when what they are made of has changed.
 *
 * Happy path: a log's path is known by its text; it is read, its pod found and its members made once, and again when the pod
 * changes. A sidecar has one pod, read anew when its folder's ..data is exchanged.
 * Failure modes: the pod is not known: what the path says is told. Waiting for it has bounds: see kube_waits. No inotify is left:
 * the folder is looked at by the clock.
 * On close: kube_close.
 */
#include "meta.h"

#include <posta/log.h>
#include <posta/watch.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A log that is younger may be of a pod that is just being told. */
#define YOUNG_S           10
#define POD_WAIT_NS       (3 * NS_PER_S)
#define NO_WAIT_NS        (30 * NS_PER_S)
#define REFRESH_NS        (1 * NS_PER_S)
#define LOOK_AGAIN_NS     (10 * NS_PER_S)
#define FORGET_AT_MOST_NS (60 * NS_PER_S)

struct kube {
    struct kube_config conf;
    struct pods pods;
    struct api *api;
    struct abouts abouts;
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
    if (pod) /* a variable alone may mean something else */
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
    if (kube->own.len == 0 && !getenv("KUBERNETES_SERVICE_HOST"))
        log_info("kubernetes", "add_kubernetes_metadata: this is no pod: nothing is added");
    else if (kube->own.len == 0)
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

/* ---- logs ---- */

const char *kube_of_log(struct kube *kube, const char *path, int64_t born_s)
{
    if (kube->conf.mode == KUBE_SIDECAR)
        return kube_own(kube);
    struct about *about = abouts_find(&kube->abouts, path, born_s);
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
    struct about *about = abouts_find(&kube->abouts, path, born_s);
    if (!about->is_log || about->is_known)
        return false;
    return api_is_synced(kube->api) ? waits_for_pod(kube, about, born_s) : waits_for_list(kube);
}

/* ---- life ---- */

/* Before a pod is forgotten, all logs that wait have what they need of it. */
void kube_tidy(struct kube *kube, bool is_all_sent)
{
    int64_t now_ns = loop_now(kube->conf.loop);
    abouts_refresh(&kube->abouts);
    if (is_all_sent)
        abouts_forget(&kube->abouts, kube->conf.options->cleanup_ns + FORGET_AT_MOST_NS);
    pods_tidy(&kube->pods, now_ns);
}

/* Also of logs whose lines cannot be sent now: their pods may be gone when they can. */
static void refresh_all(void *arg)
{
    struct kube *kube = arg;
    abouts_refresh(&kube->abouts);
}

static void changed(void *arg)
{
    struct kube *kube = arg;
    if (!timer_is_set(&kube->look))
        loop_set_timer(kube->conf.loop, &kube->look, REFRESH_NS);
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
    kube->look = (struct loop_timer) {.fire = refresh_all, .arg = kube};
    abouts_load(&kube->abouts);
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
    kube->abouts =
        (struct abouts) {.loop = config->loop, .pods = &kube->pods, .rules = config->rules};
    keep_init(&kube->abouts.keep, config->mode == KUBE_NODE ? config->keep_path : NULL);
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
    abouts_free(&kube->abouts);
    pods_free(&kube->pods);
    buf_free(&kube->own);
    free(kube->address);
    free(kube);
}

const struct api_stats *kube_stats(struct kube *kube)
{
    return kube->api ? api_stats(kube->api) : NULL;
}
