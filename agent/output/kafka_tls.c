/* kafka_tls.c: certificates and keys are checked by us first, so that the message names the file and the cure. */
#include "kafka.h"

#include <posta/log.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <time.h>

static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

/* ---- certificates ---- */

static int64_t unix_time(const ASN1_TIME *time)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void note_dates(struct cert_dates *dates, const X509 *cert)
{
    char name[sizeof dates->name] = "";
    X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof name);
    cert_dates_add(dates, unix_time(X509_get0_notBefore(cert)), unix_time(X509_get0_notAfter(cert)),
                   name);
}

/* All of a text, each into dates; the first is *first, if that is wanted. Returns how many, 0 if one of them is none. */
static size_t parse_all(const struct buf *pem, struct cert_dates *dates, X509 **first)
{
    size_t n = 0;
    X509 *cert;
    BIO *bio = BIO_new_mem_buf(pem->len ? pem->data : "", (int)pem->len);
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        note_dates(dates, cert);
        if (n++ == 0 && first)
            *first = cert;
        else
            X509_free(cert);
    }
    BIO_free(bio);
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (n && is_end)
        ERR_clear_error();
    return is_end ? n : 0;
}

static int not_parsed(const char *what, const char *setting, struct err *err)
{
    return err_set(err, ERR_CONFIG, "output.kafka.ssl.%s: %s holds no PEM certificate (%s)", what,
                   kafka_pem_name(setting), openssl_reason());
}

/* ---- the key ---- */

static int give_passphrase(char *into, int size, int is_write, void *arg)
{
    const char *passphrase = arg;
    (void)is_write;
    if (!passphrase || (int)strlen(passphrase) > size)
        return -1;
    memcpy(into, passphrase, strlen(passphrase));
    return (int)strlen(passphrase);
}

static EVP_PKEY *parse_key(const struct kafka_tls *tls, const struct kafka_pems *pems,
                           struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pems->key.len ? pems->key.data : "", (int)pems->key.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, pems->passphrase);
    BIO_free(bio);
    if (!key)
        err_set(err, ERR_CONFIG,
                "output.kafka.ssl.key: %s holds no private key that can be read (%s)%s",
                kafka_pem_name(tls->key), openssl_reason(),
                pems->passphrase ? "" : "; is it encrypted? then set ssl.key_passphrase");
    return key;
}

static int check_key_mode(const char *path, struct err *err)
{
    struct stat st;
    if (kafka_is_inline(path))
        return 0;
    if (stat(path, &st) < 0)
        return err_sys(err, "output.kafka.ssl.key: %s", path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(
            err, ERR_DENIED,
            "output.kafka.ssl.key: %s may be written by others (mode %04o): chmod 0600 %s", path,
            (unsigned)(st.st_mode & 07777), path);
    if (st.st_mode & S_IROTH)
        log_limited(NULL, 86400 * NS_PER_S, LOG_WARN, "kafka",
                    "private key %s may be read by everybody (mode %04o)", path,
                    (unsigned)(st.st_mode & 07777));
    return 0;
}

/* ---- together ---- */

static int check_match(const struct kafka_tls *tls, const struct kafka_pems *pems, X509 *cert,
                       struct err *err)
{
    if (check_key_mode(tls->key, err))
        return -1;
    EVP_PKEY *key = parse_key(tls, pems, err);
    int rc = key ? 0 : -1;
    if (key && X509_check_private_key(cert, key) != 1) {
        ERR_clear_error();
        rc = err_set(err, ERR_CONFIG, "output.kafka.ssl.key: %s is not the key of certificate %s",
                     kafka_pem_name(tls->key), kafka_pem_name(tls->certificate));
    }
    EVP_PKEY_free(key);
    return rc;
}

static int check_pair(const struct kafka_tls *tls, struct kafka_pems *pems, struct err *err)
{
    if (!tls->certificate)
        return 0;
    X509 *cert = NULL;
    pems->n_chain = parse_all(&pems->certificate, &pems->own, &cert);
    int rc = pems->n_chain ? check_match(tls, pems, cert, err)
                           : not_parsed("certificate", tls->certificate, err);
    X509_free(cert);
    return rc;
}

int kafka_check_pems(const struct kafka_tls *tls, struct kafka_pems *pems, struct err *err)
{
    ERR_clear_error();
    for (size_t i = 0; i < pems->n_authorities; i++)
        if (!parse_all(&pems->authorities[i], &pems->authority, NULL))
            return not_parsed("certificate_authorities", tls->authorities.at[i], err);
    return check_pair(tls, pems, err);
}

static int check_keys(struct kafka_tls *tls, struct err *err)
{
    if (!tls->certificate != !tls->key)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.ssl: %s is set without %s: give both or neither",
                       tls->key ? "key" : "certificate", tls->key ? "certificate" : "key");
    if (tls->verification == VERIFY_NONE)
        log_warn("kafka", "ssl.verification_mode is none: anybody can pretend to be the broker and "
                          "read the logs");
    return 0;
}

int kafka_check_tls(struct kafka_tls *tls, struct err *err)
{
    struct kafka_pems *pems;
    bool is_named = tls->authorities.n || tls->certificate || tls->key || tls->protocols.n;
    tls->is_used = tls->enabled < 0 ? is_named : tls->enabled;
    if (!tls->is_used)
        return 0;
    if (check_keys(tls, err) || kafka_read_pems(tls, &pems, err))
        return -1;
    if (kafka_check_pems(tls, pems, err)) {
        kafka_free_pems(pems);
        return -1;
    }
    kafka_forget_tls(tls);
    tls->pems = pems;
    kafka_say_expiry(tls, clock_wall_ns() / NS_PER_S);
    return 0;
}

void kafka_forget_tls(struct kafka_tls *tls)
{
    kafka_free_pems(tls->pems);
    tls->pems = NULL;
    tls->own_said = tls->authority_said = (struct expiry) {0};
}

/* ---- for librdkafka ---- */

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    return kafka_set(conf, "output.kafka.ssl", name, value, err);
}

/* All authorities as one text, since librdkafka takes one file or one text. */
static int set_authorities(const struct kafka_pems *pems, rd_kafka_conf_t *conf, struct err *err)
{
    struct buf all = BUF_INIT;
    for (size_t i = 0; i < pems->n_authorities; i++) {
        buf_append(&all, pems->authorities[i].data, pems->authorities[i].len);
        buf_putc(&all, '\n');
    }
    int rc = pems->n_authorities ? set(conf, "ssl.ca.pem", buf_str(&all), err) : 0;
    buf_free(&all);
    return rc;
}

static int set_pair(struct kafka_pems *pems, rd_kafka_conf_t *conf, struct err *err)
{
    if (!pems->certificate.len)
        return 0;
    if (kafka_set_chain(pems, conf, err) || set(conf, "ssl.key.pem", buf_str(&pems->key), err))
        return -1;
    return pems->passphrase ? set(conf, "ssl.key.password", pems->passphrase, err) : 0;
}

int kafka_set_tls(const struct kafka_tls *tls, rd_kafka_conf_t *conf, struct err *err)
{
    bool checks_name = tls->verification == VERIFY_FULL || tls->verification == VERIFY_STRICT;
    /* ECDHE with an AEAD does not exist below TLS 1.2: this is the floor, also where OpenSSL would allow less. */
    if (set(conf, "ssl.cipher.suites", "ECDHE+AESGCM:ECDHE+CHACHA20", err) ||
        set(conf, "ssl.endpoint.identification.algorithm", checks_name ? "https" : "none", err) ||
        set(conf, "enable.ssl.certificate.verification",
            tls->verification == VERIFY_NONE ? "false" : "true", err))
        return -1;
    return set_authorities(tls->pems, conf, err) || set_pair(tls->pems, conf, err) ? -1 : 0;
}
