/* pki_test.h: certificates and keys made in a folder, for the tests of the Kafka output. */
#ifndef PKI_TEST_H
#define PKI_TEST_H

#include <posta/buf.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

static inline FILE *pki_file(const char *dir, const char *name, mode_t mode)
{
    char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fchmod(fileno(file), mode);
    free(path);
    return file;
}

static inline void pki_text(const char *dir, const char *name, const char *text)
{
    FILE *file = pki_file(dir, name, 0600);
    fputs(text, file);
    fclose(file);
}

static inline void pki_key(const char *dir, const char *name, EVP_PKEY *key, char *passphrase)
{
    FILE *file = pki_file(dir, name, 0600);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, passphrase ? EVP_aes_256_cbc() : NULL,
                                               passphrase, passphrase ? (int)strlen(passphrase) : 0,
                                               NULL, NULL),
                     1);
    fclose(file);
}

/* Signed by itself; from and to so many seconds from now. */
static inline X509 *pki_certificate(EVP_PKEY *key, long from_s, long to_s)
{
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"posta", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static inline void pki_dated(const char *dir, const char *name, EVP_PKEY *key, long from_s,
                             long to_s)
{
    X509 *cert = pki_certificate(key, from_s, to_s);
    FILE *file = pki_file(dir, name, 0644);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
}

#endif
