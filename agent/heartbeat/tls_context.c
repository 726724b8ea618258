/* tls_context.c: how TLS is spoken: whose certificates are believed, which one is shown.
 *
 * Happy path: made with its monitor, kept, and made anew when one of its files has changed. The system's authorities, a
 * megabyte once they are read, are read once for all; monitors whose settings and files are the same share a context, 70 KB.
 * Failure modes: a file cannot be used: said by its setting; the context that was made before goes on.
 */
#include "heartbeat.h"

#include <posta/bytes.h>
#include <posta/fs.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PEM_BYTES = 1024 * 1024, PASSPHRASE_BYTES = 4096 };

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text ? text : "unknown reason";
}

static bool is_pem(const char *text)
{
    return strstr(text, "-----BEGIN ") != NULL;
}

/* ---- have the files changed? ---- */

static uint64_t stamp_file(uint64_t stamp, const char *text)
{
    struct stat st;
    struct {
        uint64_t before, ino, size, mtime_s, mtime_ns;
    } facts = {.before = stamp};
    if (!text || is_pem(text) || stat(text, &st) < 0)
        return stamp;
    facts.ino = st.st_ino;
    facts.size = (uint64_t)st.st_size;
    facts.mtime_s = (uint64_t)st.st_mtim.tv_sec;
    facts.mtime_ns = (uint64_t)st.st_mtim.tv_nsec;
    return hash64(&facts, sizeof facts);
}

static uint64_t stamp_text(uint64_t stamp, const char *text)
{
    const uint64_t facts[] = {stamp, text ? hash64(text, strlen(text)) : 0};
    return hash64(facts, sizeof facts);
}

static uint64_t stamp_list(uint64_t stamp, const struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        stamp = stamp_file(stamp_text(stamp, list->at[i]), list->at[i]);
    return stamp_text(stamp, NULL);
}

/* Settings and files: whoever has the same may share. */
static uint64_t stamp_of(const struct web_tls *tls)
{
    const char *const texts[] = {tls->certificate, tls->key, tls->passphrase_path};
    uint64_t stamp = stamp_text((uint64_t)tls->verification + 1, tls->passphrase);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        stamp = stamp_file(stamp_text(stamp, texts[i]), texts[i]);
    return stamp_list(stamp_list(stamp, &tls->authorities), &tls->protocols);
}

/* ---- sharing ---- */

struct shared {
    SSL_CTX *ssl;
    uint64_t stamp;
    size_t n_users;
    struct shared *next;
};
static struct shared *all_shared;

static SSL_CTX *take_shared(uint64_t stamp)
{
    struct shared *at = all_shared;
    while (at && at->stamp != stamp)
        at = at->next;
    if (!at)
        return NULL;
    at->n_users++;
    return at->ssl;
}

static void share(SSL_CTX *ssl, uint64_t stamp)
{
    struct shared *shared = mem_zero(1, sizeof *shared);
    *shared = (struct shared) {.ssl = ssl, .stamp = stamp, .n_users = 1, .next = all_shared};
    all_shared = shared;
}

static void give_back(SSL_CTX *ssl)
{
    struct shared **link = &all_shared;
    while (*link && (*link)->ssl != ssl)
        link = &(*link)->next;
    struct shared *shared = *link;
    if (!shared || --shared->n_users > 0)
        return;
    *link = shared->next;
    SSL_CTX_free(shared->ssl);
    free(shared);
}

/* ---- making it ---- */

static BIO *open_pem(const char *text, struct buf *pem, struct err *err)
{
    if (is_pem(text))
        return BIO_new_mem_buf(text, -1);
    if (fs_read_file(text, PEM_BYTES, pem, err))
        return NULL;
    return BIO_new_mem_buf(pem->len ? pem->data : "", (int)pem->len);
}

static void close_pem(BIO *bio, struct buf *pem)
{
    BIO_free(bio);
    if (pem->data)
        explicit_bzero(pem->data, pem->cap);
    buf_free(pem);
}

static int add_authorities(SSL_CTX *ssl, const char *text, struct err *err)
{
    struct buf pem = BUF_INIT;
    int n = 0;
    X509 *cert;
    BIO *bio = open_pem(text, &pem, err);
    if (!bio)
        return err_wrap(err, "ssl.certificate_authorities");
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), cert);
        X509_free(cert);
    }
    ERR_clear_error();
    close_pem(bio, &pem);
    return n > 0 ? 0
                 : err_set(err, ERR_CONFIG, "ssl.certificate_authorities: no PEM certificate in %s",
                           is_pem(text) ? "the text" : text);
}

/* Kept until the process ends. */
static X509_STORE *system_authorities(void)
{
    static X509_STORE *store;
    if (store)
        return store;
    store = X509_STORE_new();
    if (store && X509_STORE_set_default_paths(store) != 1) {
        X509_STORE_free(store);
        store = NULL;
    }
    return store;
}

static int set_authorities(SSL_CTX *ssl, const struct str_list *list, struct err *err)
{
    X509_STORE *store = list->n == 0 ? system_authorities() : NULL;
    if (list->n == 0 && !store)
        return err_set(err, ERR_CONFIG, "the system's authorities: %s", reason());
    if (store)
        SSL_CTX_set1_cert_store(ssl, store);
    for (size_t i = 0; i < list->n; i++)
        if (add_authorities(ssl, list->at[i], err))
            return -1;
    return 0;
}

/* The first is ours, others stand between it and the authority. */
static int set_certificate(SSL_CTX *ssl, const char *text, struct err *err)
{
    struct buf pem = BUF_INIT;
    BIO *bio = open_pem(text, &pem, err);
    if (!bio)
        return err_wrap(err, "ssl.certificate");
    X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    bool is_set = cert && SSL_CTX_use_certificate(ssl, cert) == 1;
    X509_free(cert);
    while (is_set && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (SSL_CTX_add0_chain_cert(ssl, cert) != 1)
            X509_free(cert);
    close_pem(bio, &pem);
    if (!is_set)
        return err_set(err, ERR_CONFIG, "ssl.certificate: %s: %s", is_pem(text) ? "the text" : text,
                       reason());
    ERR_clear_error();
    return 0;
}

static int read_passphrase(const struct web_tls *tls, struct buf *into, struct err *err)
{
    if (tls->passphrase && *tls->passphrase)
        buf_puts(into, tls->passphrase);
    else if (tls->passphrase_path && *tls->passphrase_path &&
             fs_read_file(tls->passphrase_path, PASSPHRASE_BYTES, into, err))
        return err_wrap(err, "ssl.key_passphrase_path");
    into->len = strcspn(buf_str(into), "\r\n");
    return 0;
}

static int set_key(SSL_CTX *ssl, const struct web_tls *tls, struct err *err)
{
    struct buf pem = BUF_INIT, passphrase = BUF_INIT;
    if (read_passphrase(tls, &passphrase, err))
        return -1;
    BIO *bio = open_pem(tls->key, &pem, err);
    EVP_PKEY *key = NULL;
    int rc = bio ? 0 : err_wrap(err, "ssl.key");
    if (bio)
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)buf_str(&passphrase));
    if (rc == 0 && (!key || SSL_CTX_use_PrivateKey(ssl, key) != 1))
        rc = err_set(err, ERR_CONFIG, "ssl.key: %s: %s", is_pem(tls->key) ? "the text" : tls->key,
                     reason());
    EVP_PKEY_free(key);
    close_pem(bio, &pem);
    close_pem(NULL, &passphrase);
    return rc;
}

/* From the lowest to the highest that is named. */
static int set_versions(SSL_CTX *ssl, const struct str_list *protocols)
{
    static const struct {
        const char *name;
        int version;
    } known[] = {{"TLSv1", TLS1_VERSION},
                 {"TLSv1.0", TLS1_VERSION},
                 {"TLSv1.1", TLS1_1_VERSION},
                 {"TLSv1.2", TLS1_2_VERSION},
                 {"TLSv1.3", TLS1_3_VERSION}};
    int from = protocols->n ? TLS1_3_VERSION : TLS1_2_VERSION, to = protocols->n ? TLS1_VERSION : 0;
    for (size_t i = 0; i < protocols->n; i++)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcasecmp(protocols->at[i], known[k].name) == 0) {
                from = known[k].version < from ? known[k].version : from;
                to = known[k].version > to ? known[k].version : to;
            }
    return SSL_CTX_set_min_proto_version(ssl, from) == 1 &&
                   SSL_CTX_set_max_proto_version(ssl, to) == 1
               ? 0
               : -1;
}

/* What the peer shows is noted whether it is believed or not. */
static int verify(X509_STORE_CTX *store, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct conn *conn = ssl ? SSL_get_app_data(ssl) : NULL;
    (void)arg;
    if (conn && !conn->chain)
        conn->chain = X509_chain_up_ref(X509_STORE_CTX_get0_untrusted(store));
    return X509_verify_cert(store);
}

static int set_up(SSL_CTX *ssl, const struct web_tls *tls, struct err *err)
{
    if (set_versions(ssl, &tls->protocols))
        return err_set(err, ERR_CONFIG, "ssl.supported_protocols: %s", reason());
    bool is_checked = tls->verification != WEB_VERIFY_NONE;
    SSL_CTX_set_verify(ssl, is_checked ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, verify, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    if (is_checked && set_authorities(ssl, &tls->authorities, err))
        return -1;
    bool has_certificate = tls->certificate && *tls->certificate;
    if (has_certificate && (set_certificate(ssl, tls->certificate, err) || set_key(ssl, tls, err)))
        return -1;
    return 0;
}

static SSL_CTX *make(const struct web_tls *tls, uint64_t stamp, struct err *err)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (!ssl) {
        (void)err_set(err, ERR_IO, "TLS: %s", reason());
        return NULL;
    }
    if (set_up(ssl, tls, err)) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    share(ssl, stamp);
    return ssl;
}

int tls_context_renew(struct tls_context *context, const struct web_tls *tls, struct err *err)
{
    uint64_t stamp = stamp_of(tls);
    if (context->ssl && context->stamp == stamp)
        return 0;
    SSL_CTX *ssl = take_shared(stamp);
    if (!ssl)
        ssl = make(tls, stamp, err);
    if (!ssl)
        return -1;
    tls_context_free(context);
    context->ssl = ssl;
    context->stamp = stamp;
    return 0;
}

void tls_context_free(struct tls_context *context)
{
    if (context->ssl)
        give_back(context->ssl);
    context->ssl = NULL;
}
