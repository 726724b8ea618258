/* web_tls.c: TLS of a request: whose certificates are believed, which one is shown, and what was agreed.
 *
 * Files are read when a request is made, so renewed ones count from the next request on. Texts ("-----BEGIN ..") are given to
 * libcurl as they are.
 */
#include "web.h"

#include <posta/fs.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

enum { PEM_BYTES = 1024 * 1024, PASSPHRASE_BYTES = 4096 };

static bool is_pem(const char *text)
{
    return strstr(text, "-----BEGIN ") != NULL;
}

static void set_blob(struct web_call *call, CURLoption option, const void *bytes, size_t len)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)bytes, .len = len, .flags = CURL_BLOB_COPY};
    web_set_pointer(call, option, &blob);
}

static int set_authorities(struct web_call *call, const struct str_list *list, struct err *err)
{
    struct buf pem = BUF_INIT;
    int rc = 0;
    if (list->n == 1 && !is_pem(list->at[0])) {
        web_set_text(call, CURLOPT_CAINFO,
                     list->at[0]); /* a file is kept parsed between requests */
        return 0;
    }
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        if (is_pem(list->at[i]))
            buf_puts(&pem, list->at[i]);
        else
            rc = fs_read_file(list->at[i], PEM_BYTES, &pem, err);
        buf_putc(&pem, '\n');
    }
    if (rc == 0 && list->n > 0)
        set_blob(call, CURLOPT_CAINFO_BLOB, pem.data, pem.len);
    buf_free(&pem);
    return rc ? err_wrap(err, "ssl.certificate_authorities") : 0;
}

static void set_pem(struct web_call *call, CURLoption file, CURLoption blob, const char *text)
{
    if (!text || !*text)
        return;
    if (is_pem(text))
        set_blob(call, blob, text, strlen(text));
    else
        web_set_text(call, file, text);
}

static int set_passphrase(struct web_call *call, const struct web_tls *tls, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = 0;
    if (tls->passphrase && *tls->passphrase) {
        web_set_text(call, CURLOPT_KEYPASSWD, tls->passphrase);
    } else if (tls->passphrase_path && *tls->passphrase_path) {
        rc = fs_read_file(tls->passphrase_path, PASSPHRASE_BYTES, &text, err);
        if (rc == 0) {
            size_t len = strcspn(buf_str(&text), "\r\n");
            text.data[len] = '\0';
            web_set_text(call, CURLOPT_KEYPASSWD, text.data);
            explicit_bzero(text.data, text.len);
        }
    }
    buf_free(&text);
    return rc ? err_wrap(err, "ssl.key_passphrase_path") : 0;
}

/* Lowest and highest of the list: libcurl knows a range. */
static void set_versions(struct web_call *call, const struct str_list *protocols)
{
    static const struct {
        const char *name;
        long from, to;
    } known[] = {
        {"TLSv1.0", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
        {"TLSv1", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
        {"TLSv1.1", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
        {"TLSv1.2", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
        {"TLSv1.3", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3},
    };
    long from = CURL_SSLVERSION_TLSv1_3, to = CURL_SSLVERSION_MAX_TLSv1_0;
    for (size_t i = 0; i < protocols->n; i++)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcasecmp(protocols->at[i], known[k].name) == 0) {
                from = known[k].from < from ? known[k].from : from;
                to = known[k].to > to ? known[k].to : to;
            }
    web_set_long(call, CURLOPT_SSLVERSION,
                 protocols->n ? from | to : CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_DEFAULT);
}

static void note_chain(struct web_call *call, const STACK_OF(X509) * chain)
{
    BIO *bio = BIO_new(BIO_s_mem());
    buf_clear(&call->chain);
    for (int i = 0; bio && i < sk_X509_num(chain); i++)
        if (PEM_write_bio_X509(bio, sk_X509_value(chain, i)) != 1)
            break;
    char *bytes;
    long len = bio ? BIO_get_mem_data(bio, &bytes) : 0;
    if (len > 0)
        buf_append(&call->chain, bytes, (size_t)len);
    BIO_free(bio);
}

/* What the server shows is noted whether it is believed or not. */
static int verify(X509_STORE_CTX *store, void *arg)
{
    note_chain(arg, X509_STORE_CTX_get0_untrusted(store));
    return X509_verify_cert(store);
}

static CURLcode watch_chain(CURL *easy, void *context, void *arg)
{
    (void)easy;
    SSL_CTX_set_cert_verify_callback(context, verify, arg);
    return CURLE_OK;
}

/* A session that is taken up again shows nothing. */
static void set_chain(struct web_call *call)
{
    call->cannot_set |=
        call->web->curl->easy_setopt(call->easy, CURLOPT_SSL_CTX_FUNCTION, watch_chain) != CURLE_OK;
    web_set_pointer(call, CURLOPT_SSL_CTX_DATA, call);
    web_set_long(call, CURLOPT_SSL_SESSIONID_CACHE, 0);
}

int web_set_tls(struct web_call *call, const struct web_tls *tls, struct err *err)
{
    static const struct web_tls usual = {.verification = WEB_VERIFY_FULL};
    tls = tls ? tls : &usual;
    web_set_long(call, CURLOPT_SSL_VERIFYPEER, tls->verification != WEB_VERIFY_NONE);
    web_set_long(call, CURLOPT_SSL_VERIFYHOST, tls->verification < WEB_VERIFY_CERTIFICATE ? 2 : 0);
    set_versions(call, &tls->protocols);
    if (call->wants_chain && call->is_tls)
        set_chain(call);
    web_set_pointer(call, CURLOPT_CAPATH, NULL); /* without a folder a file is kept parsed */
    set_pem(call, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, tls->certificate);
    set_pem(call, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, tls->key);
    return set_passphrase(call, tls, err) || set_authorities(call, &tls->authorities, err) ? -1 : 0;
}

/* ---- what was agreed ---- */

/* libcurl and posta share one libssl.so.3: its handle can be asked here. */
void web_note_tls(struct web_call *call)
{
    struct curl_tlssessioninfo *info = NULL;
    call->web->curl->easy_getinfo(call->easy, CURLINFO_TLS_SSL_PTR, &info);
    if (!info || info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return;
    const SSL *ssl = info->internals;
    snprintf(call->tls_version, sizeof call->tls_version, "%s", SSL_get_version(ssl));
    snprintf(call->tls_cipher, sizeof call->tls_cipher, "%s", SSL_get_cipher_name(ssl));
}
