/* kafka_tls.c: certificates and keys are checked by us first, so that the message names the file and the cure. */
#include "kafka.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <time.h>

enum { PEM_BYTES_MAX = 1024 * 1024 };

static bool is_inline(const char *text)
{
    return strstr(text, "-----BEGIN ") != NULL;
}

static int read_pem(const char *what, const char *text, struct buf *into, struct err *err)
{
    buf_clear(into);
    if (is_inline(text))
        buf_puts(into, text);
    else if (fs_read_file(text, PEM_BYTES_MAX, into, err))
        return err_wrap(err, "output.kafka.%s", what);
    return 0;
}

static const char *name_of(const char *text)
{
    return is_inline(text) ? "the PEM text" : text;
}

static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

static X509 *parse_certificate(const char *what, const char *text, struct err *err)
{
    struct buf pem = BUF_INIT;
    if (read_pem(what, text, &pem, err)) {
        buf_free(&pem);
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    buf_free(&pem);
    if (!cert)
        err_set(err, ERR_CONFIG, "output.kafka.%s: %s holds no PEM certificate (%s)", what,
                name_of(text), openssl_reason());
    return cert;
}

static int give_passphrase(char *into, int size, int is_write, void *arg)
{
    const char *passphrase = arg;
    (void)is_write;
    if (!passphrase || (int)strlen(passphrase) > size)
        return -1;
    memcpy(into, passphrase, strlen(passphrase));
    return (int)strlen(passphrase);
}

static EVP_PKEY *parse_key(const struct kafka_tls *tls, struct err *err)
{
    struct buf pem = BUF_INIT;
    if (read_pem("ssl.key", tls->key, &pem, err)) {
        buf_free(&pem);
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, tls->key_passphrase);
    BIO_free(bio);
    OPENSSL_cleanse(pem.data, pem.len);
    buf_free(&pem);
    if (!key)
        err_set(err, ERR_CONFIG,
                "output.kafka.ssl.key: %s holds no private key that can be read (%s)%s",
                name_of(tls->key), openssl_reason(),
                tls->key_passphrase ? "" : "; is it encrypted? then set ssl.key_passphrase");
    return key;
}

static int check_key_mode(const char *path, struct err *err)
{
    struct stat st;
    if (is_inline(path))
        return 0;
    if (stat(path, &st) < 0)
        return err_sys(err, "output.kafka.ssl.key: %s", path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(
            err, ERR_DENIED,
            "output.kafka.ssl.key: %s may be written by others (mode %04o): chmod 0600 %s", path,
            (unsigned)(st.st_mode & 07777), path);
    if (st.st_mode & S_IROTH)
        log_warn("kafka", "private key %s may be read by everybody (mode %04o)", path,
                 (unsigned)(st.st_mode & 07777));
    return 0;
}

static void say_dates(const char *path, const X509 *cert)
{
    int days, seconds;
    const ASN1_TIME *end = X509_get0_notAfter(cert);
    if (!ASN1_TIME_diff(&days, &seconds, NULL, end))
        return;
    struct tm tm = {0};
    char text[32] = "";
    if (ASN1_TIME_to_tm(end, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &tm);
    if (days < 0 || seconds < 0)
        log_error("kafka",
                  "certificate %s expired on %s: brokers will refuse it; events wait in the spool "
                  "until it is renewed",
                  name_of(path), text);
    else if (days < 14)
        log_warn("kafka", "certificate %s expires on %s", name_of(path), text);
}

static int check_pair(const struct kafka_tls *tls, struct err *err)
{
    if (!tls->certificate != !tls->key)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.ssl: %s is set without %s: give both or neither",
                       tls->key ? "key" : "certificate", tls->key ? "certificate" : "key");
    if (!tls->certificate)
        return 0;
    X509 *cert = parse_certificate("ssl.certificate", tls->certificate, err);
    EVP_PKEY *key = cert && check_key_mode(tls->key, err) == 0 ? parse_key(tls, err) : NULL;
    int rc = key ? 0 : -1;
    if (key && X509_check_private_key(cert, key) != 1) {
        ERR_clear_error();
        rc = err_set(err, ERR_CONFIG, "output.kafka.ssl.key: %s is not the key of certificate %s",
                     name_of(tls->key), name_of(tls->certificate));
    }
    if (rc == 0)
        say_dates(tls->certificate, cert);
    EVP_PKEY_free(key);
    X509_free(cert);
    return rc;
}

static int check_authorities(const struct kafka_tls *tls, struct err *err)
{
    for (size_t i = 0; i < tls->authorities.n; i++) {
        X509 *cert = parse_certificate("ssl.certificate_authorities", tls->authorities.at[i], err);
        if (!cert)
            return -1;
        say_dates(tls->authorities.at[i], cert);
        X509_free(cert);
    }
    return 0;
}

int kafka_check_tls(struct kafka_tls *tls, struct err *err)
{
    bool is_named = tls->authorities.n || tls->certificate || tls->key || tls->protocols.n;
    tls->is_used = tls->enabled < 0 ? is_named : tls->enabled;
    if (!tls->is_used)
        return 0;
    if (tls->verification == VERIFY_NONE)
        log_warn("kafka", "ssl.verification_mode is none: anybody can pretend to be the broker and "
                          "read the logs");
    return check_authorities(tls, err) || check_pair(tls, err) ? -1 : 0;
}

/* ---- for librdkafka ---- */

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    return kafka_set(conf, "output.kafka.ssl", name, value, err);
}

/* All authorities as one text, since librdkafka takes one file or one text. */
static int set_authorities(const struct kafka_tls *tls, rd_kafka_conf_t *conf, struct err *err)
{
    struct buf all = BUF_INIT, one = BUF_INIT;
    int rc = 0;
    for (size_t i = 0; i < tls->authorities.n && rc == 0; i++) {
        rc = read_pem("ssl.certificate_authorities", tls->authorities.at[i], &one, err);
        buf_append(&all, one.data, one.len);
        buf_putc(&all, '\n');
    }
    if (rc == 0 && tls->authorities.n)
        rc = set(conf, "ssl.ca.pem", buf_str(&all), err);
    buf_free(&all);
    buf_free(&one);
    return rc;
}

/* By file where it is one: librdkafka before 2.8 sends intermediates only then. */
static int set_pair(const struct kafka_tls *tls, rd_kafka_conf_t *conf, struct err *err)
{
    if (!tls->certificate)
        return 0;
    if (set(conf, is_inline(tls->certificate) ? "ssl.certificate.pem" : "ssl.certificate.location",
            tls->certificate, err) ||
        set(conf, is_inline(tls->key) ? "ssl.key.pem" : "ssl.key.location", tls->key, err))
        return -1;
    return tls->key_passphrase ? set(conf, "ssl.key.password", tls->key_passphrase, err) : 0;
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
    return set_authorities(tls, conf, err) || set_pair(tls, conf, err) ? -1 : 0;
}
