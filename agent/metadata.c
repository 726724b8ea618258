/* metadata.c: what add_host_metadata and add_kubernetes_metadata add, for those whose events it is added to.
 *
 * Happy path: ready members of the host are made at start and each cache.ttl; those of a log are asked for once a chunk.
 * Failure modes: those of meta/: what is not known is left out, and nothing waits for long.
 * On close: metadata_free.
 */
#include "agent.h"

#include <stdlib.h>

#define TIDY_NS (60 * NS_PER_S)

struct metadata {
    struct metadata_config conf;
    const struct metadata_settings *set;
    struct buf host;
    struct kube *kube;
    struct loop_timer refresh, tidy;
};

static int64_t born_s(const struct source *src)
{
    return (src->id.btime_ns > 0 ? src->id.btime_ns : src->first_seen_ns) / NS_PER_S;
}

/* ---- asked for events ---- */

static bool has_kube(const struct metadata *meta, unsigned bits)
{
    return meta && (bits & META_KUBERNETES) && meta->kube;
}

const char *metadata_host(struct metadata *meta, unsigned bits)
{
    return meta && (bits & META_HOST) ? buf_str(&meta->host) : "";
}

struct event_more metadata_of_log(struct metadata *meta, unsigned bits, const struct source *src)
{
    return (struct event_more) {
        .host = metadata_host(meta, bits),
        .root = has_kube(meta, bits) ? kube_of_log(meta->kube, src->path, born_s(src)) : ""};
}

void metadata_note(struct metadata *meta, unsigned bits, const struct source *src)
{
    if (has_kube(meta, bits))
        (void)kube_of_log(meta->kube, src->path, born_s(src)); /* now it is known */
}

bool metadata_waits(struct metadata *meta, unsigned bits, const struct source *src)
{
    return has_kube(meta, bits) && kube_waits(meta->kube, src->path, born_s(src));
}

void metadata_add_host(struct metadata *meta, unsigned bits, struct buf *members)
{
    const char *host = metadata_host(meta, bits);
    if (*host)
        buf_printf(members, "%s%s", members->len ? "," : "", host);
}

void metadata_add_own(struct metadata *meta, unsigned bits, struct buf *event)
{
    const char *own = has_kube(meta, bits) ? kube_own(meta->kube) : "";
    if (!*own)
        return;
    event->len--; /* the brace */
    buf_printf(event, ",%s}", own);
}

const struct api_stats *metadata_stats(struct metadata *meta)
{
    return meta && meta->kube ? kube_stats(meta->kube) : NULL;
}

/* ---- life ---- */

static void refresh_host(void *arg)
{
    struct metadata *meta = arg;
    const char *root = meta->conf.settings->globals.hostfs;
    buf_clear(&meta->host);
    host_meta_put(&meta->set->host, root ? root : "", &meta->host);
    loop_set_timer(meta->conf.loop, &meta->refresh, meta->set->host.ttl_ns);
}

static void tidy(void *arg)
{
    struct metadata *meta = arg;
    kube_tidy(meta->kube, meta->conf.is_all_sent(meta->conf.arg));
    loop_set_timer(meta->conf.loop, &meta->tidy, TIDY_NS);
}

static int open_kube(struct metadata *meta, struct err *err)
{
    char *keep_path = mem_printf("%s/kubernetes.json", meta->conf.settings->globals.path_data);
    const struct kube_config config = {.loop = meta->conf.loop,
                                       .options = &meta->set->kube,
                                       .rules = &meta->set->kube_rules,
                                       .mode = meta->set->mode,
                                       .keep_path = keep_path,
                                       .changed = meta->conf.changed,
                                       .arg = meta->conf.arg};
    int rc = kube_open(&meta->kube, &config, err);
    free(keep_path);
    if (rc)
        return -1;
    if (config.mode == KUBE_NODE)
        loop_set_timer(meta->conf.loop, &meta->tidy, TIDY_NS);
    return 0;
}

int metadata_new(struct metadata **out, const struct metadata_config *config, struct err *err)
{
    const struct metadata_settings *set = &config->settings->metadata;
    if (!set->has)
        return 0;
    struct metadata *meta = mem_zero(1, sizeof *meta);
    *meta = (struct metadata) {.conf = *config, .set = set};
    meta->refresh = (struct loop_timer) {.fire = refresh_host, .arg = meta};
    meta->tidy = (struct loop_timer) {.fire = tidy, .arg = meta};
    if (set->has & META_HOST)
        refresh_host(meta);
    if ((set->has & META_KUBERNETES) && open_kube(meta, err)) {
        metadata_free(meta);
        return -1;
    }
    *out = meta;
    return 0;
}

void metadata_free(struct metadata *meta)
{
    if (!meta)
        return;
    loop_cancel_timer(meta->conf.loop, &meta->refresh);
    loop_cancel_timer(meta->conf.loop, &meta->tidy);
    kube_close(meta->kube);
    buf_free(&meta->host);
    free(meta);
}
