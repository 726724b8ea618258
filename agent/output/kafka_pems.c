/* kafka_pems.c: certificates, key and passphrase, read once and kept in memory. */
#include "kafka_certs.h"

#include <posta/fs.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

enum { PEM_BYTES_MAX = 1024 * 1024 };

bool kafka_is_inline(const char *setting)
{
    return strstr(setting, "-----BEGIN ") != NULL;
}

const char *kafka_pem_name(const char *setting)
{
    return kafka_is_inline(setting) ? "the PEM text" : setting;
}

static int read_pem(const char *what, const char *setting, struct buf *into, struct err *err)
{
    if (!setting)
        return 0;
    if (kafka_is_inline(setting))
        buf_puts(into, setting);
    else if (fs_read_file(setting, PEM_BYTES_MAX, into, err))
        return err_wrap(err, "output.kafka.ssl.%s", what);
    return 0;
}

/* The passphrase itself goes before the file, as in Beats. The file's last line end is not part of it. */
static int read_passphrase(const struct kafka_tls *tls, struct kafka_pems *pems, struct err *err)
{
    struct buf text = BUF_INIT;
    if (tls->key_passphrase || !tls->key_passphrase_path) {
        pems->passphrase = tls->key_passphrase ? mem_dup(tls->key_passphrase) : NULL;
        return 0;
    }
    int rc = fs_read_file(tls->key_passphrase_path, PEM_BYTES_MAX, &text, err);
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    if (rc == 0)
        pems->passphrase = mem_dup(buf_str(&text));
    if (text.data)
        OPENSSL_cleanse(text.data, text.cap);
    buf_free(&text);
    return rc ? err_wrap(err, "output.kafka.ssl.key_passphrase_path") : 0;
}

static int read_all(const struct kafka_tls *tls, struct kafka_pems *pems, struct err *err)
{
    pems->n_authorities = tls->authorities.n;
    pems->authorities = mem_zero(tls->authorities.n, sizeof *pems->authorities);
    for (size_t i = 0; i < tls->authorities.n; i++)
        if (read_pem("certificate_authorities", tls->authorities.at[i], &pems->authorities[i], err))
            return -1;
    return read_pem("certificate", tls->certificate, &pems->certificate, err) ||
                   read_pem("key", tls->key, &pems->key, err) || read_passphrase(tls, pems, err)
               ? -1
               : 0;
}

/* ---- the digest ---- */

static void add_bytes(EVP_MD_CTX *ctx, const void *bytes, size_t len)
{
    EVP_DigestUpdate(ctx, &len, sizeof len);
    if (len)
        EVP_DigestUpdate(ctx, bytes, len);
}

static int make_digest(struct kafka_pems *pems, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_begun = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; is_begun && i < pems->n_authorities; i++)
        add_bytes(ctx, pems->authorities[i].data, pems->authorities[i].len);
    if (is_begun) {
        add_bytes(ctx, pems->certificate.data, pems->certificate.len);
        add_bytes(ctx, pems->key.data, pems->key.len);
        add_bytes(ctx, pems->passphrase, pems->passphrase ? strlen(pems->passphrase) : 0);
    }
    bool is_done = is_begun && EVP_DigestFinal_ex(ctx, pems->digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return is_done ? 0 : err_set(err, ERR_IO, "OpenSSL makes no SHA-256");
}

bool kafka_same_pems(const struct kafka_pems *one, const struct kafka_pems *other)
{
    return one && other && memcmp(one->digest, other->digest, sizeof one->digest) == 0;
}

/* ---- */

int kafka_read_pems(const struct kafka_tls *tls, struct kafka_pems **out, struct err *err)
{
    struct kafka_pems *pems = mem_zero(1, sizeof *pems);
    pems->chain_fd = -1;
    *out = NULL;
    if (read_all(tls, pems, err) || make_digest(pems, err)) {
        kafka_free_pems(pems);
        return -1;
    }
    *out = pems;
    return 0;
}

void kafka_free_pems(struct kafka_pems *pems)
{
    if (!pems)
        return;
    for (size_t i = 0; i < pems->n_authorities; i++)
        buf_free(&pems->authorities[i]);
    free(pems->authorities);
    buf_free(&pems->certificate);
    if (pems->key.data)
        OPENSSL_cleanse(pems->key.data, pems->key.cap);
    buf_free(&pems->key);
    if (pems->passphrase)
        OPENSSL_cleanse(pems->passphrase, strlen(pems->passphrase));
    free(pems->passphrase);
    if (pems->chain_fd >= 0)
        close(pems->chain_fd);
    free(pems);
}
