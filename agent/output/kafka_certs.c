/* kafka_certs.c: notices that certificates, keys or authorities changed on disk.
 *
 * Happy path: the folders of the files, and of the links that lead to them, are watched. SETTLE_NS after something happened to
 * one of the names all is read once; if it differs from what is in use and can be used, it is handed on (kafka_switch.c).
 * Failure modes: (1) half of it is written yet: what cannot be used gets a second look after PATIENCE_NS, then it is said, once
 * for these files; what is in use stays so. (2) no inotify, a folder that is not there, a file system that tells nothing: all is
 * compared every SLOW_NS, and when connections fail. What could not be used is tried again then: a certificate becomes valid, a
 * broker learns a new authority.
 * On close: nothing is kept.
 */
#include "kafka_certs.h"

#include <posta/log.h>
#include <posta/watch.h>

#include <stdlib.h>

#define SETTLE_NS   (1 * NS_PER_S)
#define PATIENCE_NS (10 * NS_PER_S)
#define SLOW_NS     (300 * NS_PER_S)

struct certs_name {
    int wd;
    char *name;
};

struct certs {
    struct certs_config config;
    struct watch *watch; /* NULL: by the clock only */
    struct certs_name *names;
    size_t n_names;
    struct loop_timer timer;
    bool is_second_look;
    unsigned char
        said[32]; /* digest of what was said to be of no use; 0 for what could not be read */
    bool is_said;
};

/* ---- what is watched ---- */

static void heard(void *arg, int wd, enum watch_event what, const char *name, uint32_t cookie)
{
    struct certs *certs = arg;
    bool is_ours = what == WATCH_LOST || what == WATCH_DIR_GONE || what == WATCH_MOVED;
    (void)cookie;
    for (size_t i = 0; i < certs->n_names && !is_ours; i++)
        is_ours = certs->names[i].wd == wd && name && strcmp(certs->names[i].name, name) == 0;
    if (!is_ours)
        return;
    certs->is_second_look = false;
    certs_look_within(certs, SETTLE_NS);
}

static void watch_name(void *arg, const char *dir, const char *name)
{
    struct certs *certs = arg;
    struct err err;
    int wd = watch_dir(certs->watch, dir, false, &err);
    if (wd < 0) {
        log_debug("kafka", "certificates are compared by the clock only: %s", err.text);
        return;
    }
    certs->names = mem_grow(certs->names, certs->n_names + 1, sizeof *certs->names);
    certs->names[certs->n_names++] = (struct certs_name) {.wd = wd, .name = mem_dup(name)};
}

static void watch_path(struct certs *certs, const char *setting)
{
    if (setting && !kafka_is_inline(setting))
        links_of(setting, watch_name, certs);
}

static void unwatch(struct certs *certs)
{
    watch_free(certs->watch);
    certs->watch = NULL;
    while (certs->n_names)
        free(certs->names[--certs->n_names].name);
}

/* Anew at each look, since links may lead elsewhere now. Before the files are read, so that no change falls between. */
static void watch_all(struct certs *certs)
{
    const struct kafka_tls *tls = certs->config.tls;
    struct err err;
    unwatch(certs);
    if (watch_new(&certs->watch, certs->config.loop, heard, certs, &err)) {
        log_debug("kafka", "certificates are compared by the clock only: %s", err.text);
        return;
    }
    watch_path(certs, tls->certificate);
    watch_path(certs, tls->key);
    watch_path(certs, tls->key_passphrase ? NULL : tls->key_passphrase_path);
    for (size_t i = 0; i < tls->authorities.n; i++)
        watch_path(certs, tls->authorities.at[i]);
}

/* ---- the look ---- */

static void refuse(struct certs *certs, const unsigned char digest[static 32], const char *why)
{
    const struct kafka_tls *tls = certs->config.tls;
    char until[32];
    if (certs->is_said && memcmp(certs->said, digest, sizeof certs->said) == 0) {
        log_debug("kafka", "still not used: %s", why);
        return;
    }
    memcpy(certs->said, digest, sizeof certs->said);
    certs->is_said = true;
    cert_time_text(tls->pems->own.ends, until);
    log_error("kafka",
              "the changed certificate files are not used: %s; those before stay in use%s%s, the "
              "next change is looked at",
              why, tls->certificate ? ", valid until " : "", tls->certificate ? until : "");
    certs->config.refused(certs->config.arg);
}

void certs_refuse(struct certs *certs, const struct kafka_pems *pems, const char *why)
{
    if (certs)
        refuse(certs, pems->digest, why);
}

/* Returns whether there is nothing to wait for. Takes pems, which may be NULL: then err says why. */
static bool judge(struct certs *certs, struct kafka_pems *pems, struct err *err)
{
    static const unsigned char unread[32];
    struct kafka_tls *tls = certs->config.tls;
    if (kafka_same_pems(pems, tls->pems)) {
        certs->is_said = false;
    } else if (pems && kafka_check_pems(tls, pems, err) == 0 &&
               kafka_check_dates(tls, pems, clock_wall_ns() / NS_PER_S, err) == 0) {
        certs->config.fresh(certs->config.arg, pems);
        return true;
    } else if (!certs->is_second_look) {
        kafka_free_pems(pems);
        return false;
    } else {
        refuse(certs, pems ? pems->digest : unread, err->text);
    }
    kafka_free_pems(pems);
    return true;
}

static void look(void *arg)
{
    struct certs *certs = arg;
    struct kafka_pems *pems;
    struct err err = ERR_INIT;
    watch_all(certs);
    int rc = kafka_read_pems(certs->config.tls, &pems, &err);
    (void)rc; /* pems is NULL then */
    certs->is_second_look = !judge(certs, pems, &err);
    certs_look_within(certs, certs->is_second_look ? PATIENCE_NS : SLOW_NS);
    kafka_say_expiry(certs->config.tls, clock_wall_ns() / NS_PER_S);
    certs->config.looked(certs->config.arg);
}

void certs_look_within(struct certs *certs, int64_t ns)
{
    if (!certs)
        return;
    if (!timer_is_set(&certs->timer) || certs->timer.at_ns > loop_now(certs->config.loop) + ns)
        loop_set_timer(certs->config.loop, &certs->timer, ns);
}

struct certs *certs_new(const struct certs_config *config)
{
    if (!config->tls->pems)
        return NULL;
    struct certs *certs = mem_zero(1, sizeof *certs);
    certs->config = *config;
    certs->timer = (struct loop_timer) {.fire = look, .arg = certs};
    watch_all(certs);
    certs_look_within(certs, 0); /* they may have changed since they were read */
    return certs;
}

void certs_free(struct certs *certs)
{
    if (!certs)
        return;
    unwatch(certs);
    free(certs->names);
    loop_cancel_timer(certs->config.loop, &certs->timer);
    free(certs);
}
