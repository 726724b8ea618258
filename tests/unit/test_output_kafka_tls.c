/* test_output_kafka_tls.c: certificates and keys that are not right are named before a broker is asked. */
#include "output/kafka.h"

#include <posta/log.h>

#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

/* A folder with a pair that is right (posta.pem, posta.key) and others that are not. */
struct rig {
    char dir[64];
    struct kafka_tls tls;
    char *authority[1];
    int log_fd, stderr_fd;
};

static char *path_of(const struct rig *rig, const char *name)
{
    return mem_printf("%s/%s", rig->dir, name);
}

static FILE *make_file(const struct rig *rig, const char *name, mode_t mode)
{
    char *path = path_of(rig, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fchmod(fileno(file), mode);
    free(path);
    return file;
}

static void write_text(const struct rig *rig, const char *name, const char *text)
{
    FILE *file = make_file(rig, name, 0600);
    fputs(text, file);
    fclose(file);
}

static void write_key(const struct rig *rig, const char *name, EVP_PKEY *key, char *passphrase)
{
    FILE *file = make_file(rig, name, 0600);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, passphrase ? EVP_aes_256_cbc() : NULL,
                                               passphrase, passphrase ? (int)strlen(passphrase) : 0,
                                               NULL, NULL),
                     1);
    fclose(file);
}

/* Signed by itself; ends so many seconds from now. */
static void write_certificate(const struct rig *rig, const char *name, EVP_PKEY *key, long end_s)
{
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000000);
    X509_gmtime_adj(X509_getm_notAfter(cert), end_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"posta", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = make_file(rig, name, 0644);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
}

static void make_pki(const struct rig *rig)
{
    static char secret[] = "secret";
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    write_certificate(rig, "posta.pem", key, 100 * 86400);
    write_certificate(rig, "expired.pem", key, -1000);
    write_certificate(rig, "soon.pem", key, 5 * 86400);
    write_key(rig, "posta.key", key, NULL);
    write_key(rig, "encrypted.key", key, secret);
    write_key(rig, "other.key", other, NULL);
    write_text(rig, "rubbish.pem", "no certificate\n");
    write_text(rig, "empty.pem", "");
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static int rig_open(void **state)
{
    struct rig *rig = mem_zero(1, sizeof(*rig));
    strcpy(rig->dir, "/tmp/posta-tls.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    umask(0);
    make_pki(rig);
    rig->tls = (struct kafka_tls) {.enabled = -1, .authorities.at = rig->authority};
    log_setup(&(struct log_config) {.level = LOG_INFO});
    rig->log_fd = memfd_create("log", MFD_CLOEXEC);
    rig->stderr_fd = dup(STDERR_FILENO);
    dup2(rig->log_fd, STDERR_FILENO);
    *state = rig;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    dup2(rig->stderr_fd, STDERR_FILENO);
    close(rig->stderr_fd);
    close(rig->log_fd);
    nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    kafka_forget_tls(&rig->tls);
    free(rig->tls.certificate);
    free(rig->tls.key);
    free(rig->authority[0]);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

static void set_pair(struct rig *rig, const char *certificate, const char *key)
{
    free(rig->tls.certificate);
    free(rig->tls.key);
    rig->tls.certificate = certificate ? path_of(rig, certificate) : NULL;
    rig->tls.key = key ? path_of(rig, key) : NULL;
}

static void set_authority(struct rig *rig, const char *name)
{
    free(rig->authority[0]);
    rig->authority[0] = path_of(rig, name);
    rig->tls.authorities.n = 1;
}

static void assert_fine(struct rig *rig)
{
    struct err err = ERR_INIT;
    if (kafka_check_tls(&rig->tls, &err))
        fail_msg("%s", err.text);
    assert_true(rig->tls.is_used);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int rc = kafka_set_tls(&rig->tls, conf, &err);
    rd_kafka_conf_destroy(conf);
    if (rc)
        fail_msg("%s", err.text);
}

/* The text begins and goes on so, and names the folder. */
static void assert_refused(struct rig *rig, enum err_kind kind, const char *before,
                           const char *behind)
{
    struct err err = ERR_INIT;
    assert_int_equal(kafka_check_tls(&rig->tls, &err), -1);
    assert_int_equal(err.kind, kind);
    if (strncmp(err.text, before, strlen(before)) != 0 || !strstr(err.text, behind) ||
        !strstr(err.text, rig->dir))
        fail_msg("%s", err.text);
}

static bool log_has(struct rig *rig, const char *words)
{
    char text[4096] = "";
    assert_true(pread(rig->log_fd, text, sizeof(text) - 1, 0) >= 0);
    return strstr(text, words) != NULL;
}

static void a_pair_and_an_authority_are_taken(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "posta.key");
    assert_fine(rig);
    set_authority(rig, "posta.pem");
    assert_fine(rig);
    assert_false(log_has(rig, "WARN"));
    assert_false(log_has(rig, "ERROR"));
}

static void nothing_set_is_no_tls(void **state)
{
    struct rig *rig = *state;
    struct err err;
    assert_int_equal(kafka_check_tls(&rig->tls, &err), 0);
    assert_false(rig->tls.is_used);
    rig->tls.enabled = 1;
    assert_int_equal(kafka_check_tls(&rig->tls, &err), 0);
    assert_true(rig->tls.is_used);
    set_pair(rig, "missing.pem", "missing.key");
    rig->tls.enabled = 0;
    assert_int_equal(kafka_check_tls(&rig->tls, &err), 0);
    assert_false(rig->tls.is_used);
}

static void pem_text_is_taken_too(void **state)
{
    struct rig *rig = *state;
    static const char *const names[] = {"posta.pem", "posta.key"};
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        char *path = path_of(rig, names[i]);
        FILE *file = fopen(path, "re");
        texts[i] = mem_zero(4096, 1);
        assert_true(fread(texts[i], 1, 4095, file) > 0);
        fclose(file);
        free(path);
    }
    rig->tls.certificate = texts[0];
    rig->tls.key = texts[1];
    assert_fine(rig);
}

static void a_missing_file(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "missing.pem", "posta.key");
    assert_refused(rig, ERR_GONE, "output.kafka.ssl.certificate: open ",
                   "/missing.pem: No such file or directory");
    set_pair(rig, "posta.pem", "missing.key");
    assert_refused(rig, ERR_GONE,
                   "output.kafka.ssl.key: ", "/missing.key: No such file or directory");
    set_pair(rig, NULL, NULL);
    set_authority(rig, "missing.pem");
    assert_refused(rig, ERR_GONE, "output.kafka.ssl.certificate_authorities: open ",
                   "/missing.pem: No such file or directory");
}

static void a_file_that_is_not_pem(void **state)
{
    struct rig *rig = *state;
    static const char *const names[] = {"rubbish.pem", "empty.pem", "posta.key"};
    for (size_t i = 0; i < 3; i++) {
        set_pair(rig, names[i], "posta.key");
        assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.certificate: /tmp/",
                       " holds no PEM certificate (");
    }
    set_pair(rig, "posta.pem", "rubbish.pem");
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.key: /tmp/",
                   "; is it encrypted? then set ssl.key_passphrase");
    set_pair(rig, NULL, NULL);
    set_authority(rig, "rubbish.pem");
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.certificate_authorities: /tmp/",
                   "/rubbish.pem holds no PEM certificate (");
}

static void a_key_of_another_certificate(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "other.key");
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.key: /tmp/",
                   "/other.key is not the key of certificate /tmp/");
}

static void one_without_the_other(void **state)
{
    struct rig *rig = *state;
    struct err err;
    set_pair(rig, "posta.pem", NULL);
    assert_int_equal(kafka_check_tls(&rig->tls, &err), -1);
    assert_string_equal(err.text, "output.kafka.ssl: certificate is set without key: give both or "
                                  "neither");
    set_pair(rig, NULL, "posta.key");
    assert_int_equal(kafka_check_tls(&rig->tls, &err), -1);
    assert_string_equal(err.text, "output.kafka.ssl: key is set without certificate: give both or "
                                  "neither");
}

static void who_may_touch_the_key(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "posta.key");
    static const mode_t wrong[] = {0660, 0620, 0602, 0666};
    for (size_t i = 0; i < 4; i++) {
        char words[40];
        assert_int_equal(chmod(rig->tls.key, wrong[i]), 0);
        snprintf(words, sizeof(words), "(mode %04o): chmod 0600 ", (unsigned)wrong[i]);
        assert_refused(rig, ERR_DENIED, "output.kafka.ssl.key: /tmp/", words);
    }
    assert_int_equal(chmod(rig->tls.key, 0640), 0);
    assert_fine(rig);
    assert_false(log_has(rig, "may be read"));
    assert_int_equal(chmod(rig->tls.key, 0644), 0);
    assert_fine(rig);
    assert_true(log_has(rig, "posta.key may be read by everybody (mode 0644)"));
}

static void an_encrypted_key(void **state)
{
    struct rig *rig = *state;
    char right[] = "secret", wrong[] = "secrets";
    set_pair(rig, "posta.pem", "encrypted.key");
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.key: /tmp/",
                   "; is it encrypted? then set ssl.key_passphrase");
    rig->tls.key_passphrase = wrong;
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.key: /tmp/",
                   "holds no private key that can be read (");
    rig->tls.key_passphrase = right;
    assert_fine(rig);
}

static void an_expired_certificate_is_only_said(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "expired.pem", "posta.key");
    assert_fine(rig);
    assert_true(log_has(rig, "expired.pem expired on 20"));
    set_pair(rig, "soon.pem", "posta.key");
    assert_fine(rig);
    assert_true(log_has(rig, "soon.pem expires on 20"));
}

static void verification_off_is_said(void **state)
{
    struct rig *rig = *state;
    set_authority(rig, "posta.pem");
    rig->tls.verification = VERIFY_NONE;
    assert_fine(rig);
    assert_true(log_has(rig, "anybody can pretend to be the broker"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pair_and_an_authority_are_taken),
        CASE(nothing_set_is_no_tls),
        CASE(pem_text_is_taken_too),
        CASE(a_missing_file),
        CASE(a_file_that_is_not_pem),
        CASE(a_key_of_another_certificate),
        CASE(one_without_the_other),
        CASE(who_may_touch_the_key),
        CASE(an_encrypted_key),
        CASE(an_expired_certificate_is_only_said),
        CASE(verification_off_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
