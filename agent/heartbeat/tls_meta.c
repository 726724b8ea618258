/* tls_meta.c: what was agreed with a TLS server and what its certificates say, as tls.* of Heartbeat's events: the first one's
 * names, key and hashes; validity is that of all of them together.
 */
#include "heartbeat.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_text(struct members *event, const char *name, const char *text)
{
    if (text && *text)
        members_str(event, name, text);
}

/* ---- what was agreed ---- */

/* TLS_AES_128_GCM_SHA256 → TLS-AES-128-GCM-SHA256, ECDHE-RSA-AES128-.. → ECDHE-RSA-AES-128-..: Beats' names. */
static void put_cipher(struct members *event, const char *cipher)
{
    char name[96];
    size_t n = 0;
    for (const char *at = cipher; *at && n < sizeof name - 2; at++) {
        name[n++] = *at == '_' ? '-' : *at;
        if (n >= 3 && memcmp(name + n - 3, "AES", 3) == 0 && at[1] >= '0' && at[1] <= '9')
            name[n++] = '-';
    }
    name[n] = '\0';
    put_text(event, "tls.cipher", name);
}

static void put_agreed(struct members *event, const struct tls_facts *facts)
{
    const char *number = strchr(facts->version, 'v');
    bool is_1_0 = strcmp(facts->version, "TLSv1") == 0;
    members_bool(event, "tls.established", true);
    put_text(event, "tls.version_protocol", "tls");
    put_text(event, "tls.version", is_1_0 ? "1.0" : number ? number + 1 : NULL);
    if (facts->cipher)
        put_cipher(event, facts->cipher);
    put_text(event, "tls.next_protocol", facts->protocol);
    if (facts->handshake_ns)
        members_u64(event, "tls.rtt.handshake.us", (uint64_t)facts->handshake_ns / 1000);
}

/* ---- certificates ---- */

static void put_hash(struct members *event, const char *name, const X509 *cert, const EVP_MD *md)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1];
    unsigned n = 0;
    if (X509_digest(cert, md, hash, &n) != 1)
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    put_text(event, name, text);
}

static void put_name(struct members *event, const char *prefix, const X509_NAME *name)
{
    char field[64];
    unsigned char *text = NULL;
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;
    int len = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;
    if (len > 0) {
        snprintf(field, sizeof field, "%s.common_name", prefix);
        members_text(event, field, (const char *)text, (size_t)len);
    }
    OPENSSL_free(text);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    if (bio && X509_NAME_print_ex(bio, name, 0,
                                  XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) > 0) {
        long n = BIO_get_mem_data(bio, &bytes);
        snprintf(field, sizeof field, "%s.distinguished_name", prefix);
        members_text(event, field, bytes, (size_t)n);
    }
    BIO_free(bio);
}

static void put_serial(struct members *event, const X509 *cert)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *text = number ? BN_bn2dec(number) : NULL;
    put_text(event, "tls.server.x509.serial_number", text);
    OPENSSL_free(text);
    BN_free(number);
}

/* As Go names them. */
static void put_signature(struct members *event, const X509 *cert)
{
    static const struct {
        int nid;
        const char *name;
    } names[] = {
        {NID_md5WithRSAEncryption, "MD5-RSA"},       {NID_sha1WithRSAEncryption, "SHA1-RSA"},
        {NID_sha256WithRSAEncryption, "SHA256-RSA"}, {NID_sha384WithRSAEncryption, "SHA384-RSA"},
        {NID_sha512WithRSAEncryption, "SHA512-RSA"}, {NID_rsassaPss, "RSA-PSS"},
        {NID_ecdsa_with_SHA1, "ECDSA-SHA1"},         {NID_ecdsa_with_SHA256, "ECDSA-SHA256"},
        {NID_ecdsa_with_SHA384, "ECDSA-SHA384"},     {NID_ecdsa_with_SHA512, "ECDSA-SHA512"},
        {NID_dsa_with_SHA256, "DSA-SHA256"},         {NID_ED25519, "Ed25519"}};
    int nid = X509_get_signature_nid(cert);
    const char *name = OBJ_nid2sn(nid);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].nid == nid)
            name = names[i].name;
    put_text(event, "tls.server.x509.signature_algorithm", name);
}

static void put_rsa(struct members *event, const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    members_u64(event, "tls.server.x509.public_key_size", (uint64_t)EVP_PKEY_get_bits(key));
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
        BN_num_bits(exponent) < 63)
        members_u64(event, "tls.server.x509.public_key_exponent", BN_get_word(exponent));
    BN_free(exponent);
}

static void put_curve(struct members *event, const EVP_PKEY *key)
{
    char group[64];
    size_t len = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1)
        return;
    const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));
    put_text(event, "tls.server.x509.public_key_curve", nist ? nist : group);
}

static void put_key(struct members *event, const X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    int type = key ? EVP_PKEY_get_base_id(key) : NID_undef;
    const char *name = type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS ? "RSA"
                       : type == EVP_PKEY_EC                            ? "ECDSA"
                       : type == EVP_PKEY_DSA                           ? "DSA"
                       : type == EVP_PKEY_ED25519                       ? "Ed25519"
                                                                        : "unknown";
    put_text(event, "tls.server.x509.public_key_algorithm", name);
    if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS)
        put_rsa(event, key);
    else if (type == EVP_PKEY_EC)
        put_curve(event, key);
    else if (type == EVP_PKEY_DSA)
        members_u64(event, "tls.server.x509.public_key_size", (uint64_t)EVP_PKEY_get_bits(key));
}

/* ---- validity ---- */

static void put_date(struct members *event, const char *name, const ASN1_TIME *time)
{
    struct tm tm = {0};
    char text[40];
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return;
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
    members_text(event, name, text, len);
}

static void put_validity(struct members *event, const STACK_OF(X509) * chain)
{
    const ASN1_TIME *from = X509_get0_notBefore(sk_X509_value(chain, 0));
    const ASN1_TIME *until = X509_get0_notAfter(sk_X509_value(chain, 0));
    for (int i = 1; i < sk_X509_num(chain); i++) {
        const X509 *cert = sk_X509_value(chain, i);
        if (ASN1_TIME_compare(X509_get0_notBefore(cert), from) > 0)
            from = X509_get0_notBefore(cert);
        if (ASN1_TIME_compare(X509_get0_notAfter(cert), until) < 0)
            until = X509_get0_notAfter(cert);
    }
    put_date(event, "tls.server.x509.not_before", from);
    put_date(event, "tls.server.x509.not_after", until);
    put_date(event, "tls.certificate_not_valid_before", from);
    put_date(event, "tls.certificate_not_valid_after", until);
}

static void put_chain(struct members *event, const STACK_OF(X509) * chain)
{
    const X509 *cert = sk_X509_value(chain, 0);
    put_hash(event, "tls.server.hash.sha1", cert, EVP_sha1());
    put_hash(event, "tls.server.hash.sha256", cert, EVP_sha256());
    put_name(event, "tls.server.x509.issuer", X509_get_issuer_name(cert));
    put_name(event, "tls.server.x509.subject", X509_get_subject_name(cert));
    put_serial(event, cert);
    put_signature(event, cert);
    put_key(event, cert);
    put_validity(event, chain);
}

void tls_put(struct members *event, const struct tls_facts *facts)
{
    if (facts->version && *facts->version)
        put_agreed(event, facts);
    if (facts->chain && sk_X509_num(facts->chain) > 0)
        put_chain(event, facts->chain);
    ERR_clear_error();
}

/* ---- PEM ---- */

STACK_OF(X509) * tls_chain_of_pem(const char *pem)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert;
    while (chain && bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (!sk_X509_push(chain, cert))
            X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    if (chain && sk_X509_num(chain) > 0)
        return chain;
    tls_chain_free(chain);
    return NULL;
}

void tls_chain_free(STACK_OF(X509) * chain)
{
    sk_X509_pop_free(chain, X509_free);
}
