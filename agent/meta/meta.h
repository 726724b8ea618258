/* meta.h: what is known of where events come from: the host, and the pod in Kubernetes. Ready JSON members, made when something
 * changes, so that a line costs nothing. Loop thread.
 *
 *     /etc/os-release, interfaces ── host ───────────────────────────────────┐
 *     environment, /etc/podinfo ─── downward ─── own pod ──┐                 ├─► members
 *     API server ─ api ─ stream ─── pod ─── pods (cache) ──┼─ kube ─ about ──┘
 *     the log's path ── pod_path ──────────────────────────┘
 */
#ifndef META_META_H
#define META_META_H

#include <posta/buf.h>
#include <posta/config_node.h>
#include <posta/err.h>
#include <posta/json.h>
#include <posta/loop.h>
#include <posta/plugin.h>
#include <posta/regex.h>
#include <posta/table.h>
#include <posta/web.h>
#include <stdbool.h>
#include <stdint.h>

/* A piece of a text. Borrows it. */
struct piece {
    const char *at;
    size_t len;
};
bool piece_is(struct piece piece, const char *text);

/* ---- host.c: add_host_metadata ---- */

struct host_options {
    bool netinfo, replaces;
    int64_t ttl_ns;
    char *geo_name, *geo_location, *geo_continent_name, *geo_country_iso_code, *geo_region_name,
        *geo_region_iso_code, *geo_city_name;
    const struct node *when; /* read by who takes the processor */
};
extern const struct option host_meta_options[];
int host_meta_check(const struct host_options *options, struct err *err) MUST_CHECK;

/* Append members of `host`, all but the name. root: put before the paths of files, "" = none. What cannot be read is left out. */
void host_meta_put(const struct host_options *options, const char *root, struct buf *out);

/* ---- os_release.c ---- */

/* A text of /etc/os-release as members os.{type,platform,name,family,version,codename} and os.kernel. */
void os_release_put(const char *text, const char *kernel, struct buf *out);

/* ---- kube_options.c: add_kubernetes_metadata ---- */

enum kube_mode { KUBE_AUTO, KUBE_SIDECAR, KUBE_NODE };

struct kube_options {
    char *node, *host, *namespace;
    int scope;
    int64_t cleanup_ns;
    struct node_list indexers, matchers;
    bool default_indexers, default_matchers;
    bool labels_dedot, annotations_dedot;
    struct str_list include_labels, exclude_labels, include_annotations;
    const struct node *namespace_metadata, *node_metadata; /* may only be switched off */
    bool deployment, cronjob;
    bool waits;
    int64_t wait_ns;
    const struct node *when;
    /* posta's own */
    int mode; /* enum kube_mode */
    char *podinfo;
    bool api_enabled;
    char *account;
};
extern const struct option kube_meta_options[];

/* What of a pod is told. Made of the options. */
struct kube_rules {
    struct regex_list include_labels, include_annotations;
    const struct str_list *exclude_labels; /* borrowed from the options */
    bool deployment, cronjob;
    const char
        *logs_path; /* a log's path begins with it; "" = any; borrowed from the configuration */
};
/* Everything wrong is a problem. The options live as long as the rules. */
void kube_rules_make(struct kube_rules *rules, const struct kube_options *options,
                     struct problems *problems);
void kube_rules_free(struct kube_rules *rules);

/* ---- pod_path.c ---- */

/* What a path of a container's log says. Pieces of the path; at NULL = not said. */
struct pod_path {
    struct piece name, namespace, uid, container, container_id;
};
/* .../containers/<pod>_<namespace>_<container>-<id>.log, .../pods/<namespace>_<pod>_<uid>/<container>/<n>.log and its rotated
 * ones, .../containers/<id>/<id>-json.log. False: it is none of them. */
bool pod_path_read(const char *path, struct pod_path *out);
/* Does a pattern of an input name such paths? */
bool pod_path_is_meant(const char *pattern);

/* ---- pod.c: a pod, and how it is read from the API server's JSON ---- */

enum { POD_LABELS_MAX = 256, POD_CONTAINERS_MAX = 256 };

struct pod_label {
    const char *name, *value;
};
struct pod_container {
    const char *name, *image;
    const char *runtime, *id, *id_before; /* of the one that runs, and of the one before; or NULL */
};
/* Texts are the pod's own; NULL = not known. */
struct pod {
    const char *name, *namespace, *uid, *ip, *node;
    const char *mirror; /* of a static pod: the uid that kubelet knows it by */
    const char *owner_kind, *owner;
    const char *template_hash;
    int64_t created_s;                      /* since the epoch; 0 = not known */
    struct pod_label *labels, *annotations; /* those that are told */
    size_t n_labels, n_annotations;
    struct pod_container *containers;
    size_t n_containers;
    char **owned; /* all texts */
    size_t n_owned;
    /* the cache's */
    uint64_t version;
    int64_t gone_ns, used_ns; /* gone: when it was deleted; 0 = it is there */
    bool is_listed;
};
struct pod *pod_new(void);
void pod_free(struct pod *pod); /* NULL is fine */
/* A copy of the text that the pod owns. */
const char *pod_own(struct pod *pod, const char *text, size_t len);
/* A label or annotation, if it is to be told. */
void pod_add_label(struct pod *pod, const struct kube_rules *rules, const char *name,
                   const char *value);
void pod_add_annotation(struct pod *pod, const struct kube_rules *rules, const char *name,
                        const char *value);
/* Of a checked object of kind Pod. NULL: it has no name, namespace or uid. */
struct pod *pod_read(struct json_span object, const struct kube_rules *rules);
/* Member by name; false if it is not there or of another type. */
bool json_member(struct json_span object, const char *name, enum json_type type,
                 struct json_span *value);
/* 2026-01-02T03:04:05Z in seconds since the epoch; 0 = it is none. */
int64_t pod_time(const char *text);

/* ---- pod_members.c ---- */

/* Append "kubernetes":{..} and, where something of the container is known, "container":{..}: of the pod, of the path, or of both;
 * either may be NULL. container: name of it, if no path says it; or NULL. Nothing where nothing is known. */
void pod_members(const struct pod *pod, const struct pod_path *path, const char *container,
                 const struct kube_rules *rules, struct buf *out);

/* ---- pods.c: the cache ---- */

enum { PODS_MAX = 4096 };

struct pods {
    struct table by_uid;
    size_t n;
    uint64_t version; /* grows with every change */
    int64_t keep_ns;  /* so long a pod that was deleted is kept since it was used last */
    bool is_full_said;
};
void pods_init(struct pods *pods, int64_t keep_ns);
void pods_free(struct pods *pods);
/* Takes it; one of the same uid goes. */
void pods_put(struct pods *pods, struct pod *pod);
void pods_gone(struct pods *pods, const char *uid, int64_t now_ns);
/* Between the two all pods are put that there are; others are gone. */
void pods_begin_list(struct pods *pods);
void pods_end_list(struct pods *pods, int64_t now_ns);
/* Whose log this is, born then (seconds since the epoch, 0 = not known); NULL if it is not known. Borrowed. */
const struct pod *pods_find(struct pods *pods, const struct pod_path *path, int64_t born_s,
                            int64_t now_ns);
/* Forget those that are gone for long. */
void pods_tidy(struct pods *pods, int64_t now_ns);

/* ---- stream.c: JSON values, one a line, as a watch gives them ---- */

enum { STREAM_LINE_MAX = 3 * 1024 * 1024 }; /* etcd takes no object beyond 1.5 MiB */

struct stream {
    struct pods *pods;
    const struct kube_rules *rules;
    struct buf line;
    bool is_skipping; /* the line is too long */
    bool is_gone;     /* 410: what was asked for is forgotten there */
    bool has_failed;  /* another error, or what is no event */
    uint64_t n_events, n_skipped;
    char version[64]; /* resourceVersion to go on with; "" = none */
    char said[256];   /* of the error */
};
void stream_begin(struct stream *stream);
void stream_take(struct stream *stream, const char *bytes, size_t len, int64_t now_ns);
void stream_free(struct stream *stream);
/* One page of a list. Its resourceVersion and continue token. CORRUPT if it is none. */
struct list_page {
    char version[64];
    struct buf next; /* "" = the last page */
};
int list_read(const char *body, size_t len, struct pods *pods, const struct kube_rules *rules,
              struct list_page *page, struct err *err) MUST_CHECK;

/* ---- api.c ---- */

struct api;
struct api_config {
    struct loop *loop;
    const char *address;   /* https://10.0.0.1:443 */
    const char *node;      /* pods of this one */
    const char *namespace; /* NULL or "" = all */
    const char *account;   /* folder with token and ca.crt */
    struct pods *pods;
    const struct kube_rules *rules;
    void (*changed)(void *arg); /* there is more in the cache */
    void *arg;
};
struct api_stats {
    uint64_t pods;     /* known now */
    uint64_t lists;    /* of all pods */
    uint64_t watches;  /* begun */
    uint64_t events;   /* told by them */
    uint64_t failures; /* requests without a good answer */
};
extern const struct stat_row api_stat_rows[];
int api_start(struct api **api, const struct api_config *config, struct err *err) MUST_CHECK;
void api_stop(struct api *api); /* NULL is fine */
/* Everything was listed once. */
bool api_is_synced(const struct api *api);
/* It answers, or has failed a moment ago only. */
bool api_is_hopeful(const struct api *api);
const struct api_stats *api_stats(struct api *api);

/* ---- backoff.c ---- */

/* Longer each time, up to half a minute, with jitter: nodes that lost one server do not come back as one. */
struct backoff {
    unsigned n;
};
int64_t backoff_next_ns(struct backoff *backoff);

/* ---- downward.c: the own pod ---- */

/* From the environment and the folder. NULL if nothing is known. Caller frees. */
struct pod *downward_read(const char *folder, const struct kube_rules *rules);

/* ---- downward_file.c ---- */

/* Lines name="value", as kubelet writes labels and annotations: told one by one, decoded. False: at least one line is none. */
bool downward_each(const char *text, size_t len,
                   void (*take)(void *arg, const char *name, const char *value), void *arg);

/* ---- keep.c: what was told of logs, over a restart ---- */

/* A file with a line for each log whose pod was known; the last one of a path counts. */
struct keep {
    char *path; /* NULL = nothing is kept */
    int fd;     /* -1 = not open */
    uint64_t size;
};
void keep_init(struct keep *keep, const char *path);
void keep_free(struct keep *keep);
/* Told of each line that is one. */
void keep_load(struct keep *keep,
               void (*take)(void *arg, const char *path, int64_t born_s, const char *members),
               void *arg);
/* False: the file has become long, or cannot be written to: write it anew. */
bool keep_add(struct keep *keep, const char *path, int64_t born_s, const struct buf *members);
/* In place of all that is there: lines made by keep_put_line. */
void keep_rewrite(struct keep *keep, const struct buf *lines);
void keep_put_line(struct buf *lines, const char *path, int64_t born_s, const struct buf *members);

/* ---- abouts.c: logs, and what is told of them ---- */

enum { ABOUTS_MAX = 4096 };

/* A log's path and what is told of it. */
struct about {
    char *path, *target; /* target: that it links to, which has the pod's uid; or NULL */
    struct pod_path by;  /* in these */
    bool is_log;
    bool is_known;                      /* its pod was found, now or before a restart */
    uint64_t pods_version, pod_version; /* that the members were made of; 0 = no pod */
    struct buf members;
    int64_t born_s;            /* since the epoch */
    int64_t used_ns, asked_ns; /* asked: when its pod was waited for first */
};
struct abouts {
    struct loop *loop;
    struct pods *pods;
    const struct kube_rules *rules;
    struct keep keep;
    struct table by_path;
    size_t n;
};
/* As it is now; made if it is not there. Borrowed until the next call. */
struct about *abouts_find(struct abouts *abouts, const char *path, int64_t born_s);
/* Take what is known of pods into all, before pods are forgotten. */
void abouts_refresh(struct abouts *abouts);
/* Those that were not asked for in this time. */
void abouts_forget(struct abouts *abouts, int64_t unused_ns);
/* What was kept before this start. */
void abouts_load(struct abouts *abouts);
void abouts_free(struct abouts *abouts);

/* ---- kube.c: all of it ---- */

struct kube;
struct kube_config {
    struct loop *loop;
    const struct kube_options *options;
    const struct kube_rules *rules;
    enum kube_mode mode;        /* not AUTO */
    const char *keep_path;      /* file that what is known is kept in; NULL = none */
    void (*changed)(void *arg); /* what was waited for may be there */
    void *arg;
};
int kube_open(struct kube **kube, const struct kube_config *config, struct err *err) MUST_CHECK;
void kube_close(struct kube *kube); /* NULL is fine */
/* Of the pod that posta is in, in a sidecar; "" = nothing. Borrowed until the loop goes on. */
const char *kube_own(struct kube *kube);
/* Of the log with this path, born then (seconds since the epoch). Borrowed until the next call. */
const char *kube_of_log(struct kube *kube, const char *path, int64_t born_s);
/* Is it worth while to wait a little until more of it is known? Never for long. */
bool kube_waits(struct kube *kube, const char *path, int64_t born_s);
/* Forget what is old; is_all_sent: no log is waiting for what was known of it. */
void kube_tidy(struct kube *kube, bool is_all_sent);
/* NULL: the API server is not asked. */
const struct api_stats *kube_stats(struct kube *kube);

#endif
