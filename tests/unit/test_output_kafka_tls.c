/* test_output_kafka_tls.c: certificates and keys that are not right are named before a broker is asked. */
#include "output/kafka.h"
#include "pki_test.h"

#include <posta/log.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>

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

static void write_certificate(const struct rig *rig, const char *name, EVP_PKEY *key, long end_s)
{
    pki_dated(rig->dir, name, key, -1000000, end_s);
}

static void make_pki(const struct rig *rig)
{
    static char secret[] = "secret";
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    write_certificate(rig, "posta.pem", key, 100 * 86400);
    write_certificate(rig, "expired.pem", key, -1000);
    write_certificate(rig, "soon.pem", key, 5 * 86400);
    pki_key(rig->dir, "posta.key", key, NULL);
    pki_key(rig->dir, "encrypted.key", key, secret);
    pki_key(rig->dir, "other.key", other, NULL);
    pki_text(rig->dir, "rubbish.pem", "no certificate\n");
    pki_text(rig->dir, "empty.pem", "");
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

static void a_passphrase_in_a_file(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "encrypted.key");
    pki_text(rig->dir, "passphrase", "secret\r\n");
    rig->tls.key_passphrase_path = path_of(rig, "passphrase");
    assert_fine(rig);
    pki_text(rig->dir, "passphrase", "secret \n");
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.key: /tmp/",
                   "holds no private key that can be read (");
    char right[] = "secret"; /* goes before the file */
    rig->tls.key_passphrase = right;
    assert_fine(rig);
    rig->tls.key_passphrase = NULL;
    unlink(rig->tls.key_passphrase_path);
    assert_refused(rig, ERR_GONE, "output.kafka.ssl.key_passphrase_path: open ", "/passphrase: No");
    free(rig->tls.key_passphrase_path);
}

static void append_file(const struct rig *rig, const char *from, const char *to)
{
    char *command = mem_printf("cat %s/%s >>%s/%s", rig->dir, from, rig->dir, to);
    assert_int_equal(system(command), 0);
    free(command);
}

static size_t conf_text(const rd_kafka_conf_t *conf, const char *name, char *into, size_t size)
{
    return rd_kafka_conf_get(conf, name, into, &size) == RD_KAFKA_CONF_OK ? size : 0;
}

/* What librdkafka reads stays what was checked, whatever becomes of the file. */
static void a_chain_is_given_whole(void **state)
{
    struct rig *rig = *state;
    struct err err = ERR_INIT;
    char path[8192] = "", text[8192] = "";
    set_pair(rig, "posta.pem", "posta.key");
    append_file(rig, "soon.pem", "posta.pem");
    assert_fine(rig);
    assert_int_equal(rig->tls.pems->n_chain, 2);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(kafka_set_tls(&rig->tls, conf, &err), 0);
    pki_text(rig->dir, "posta.pem", "changed meanwhile");
    if (rd_kafka_version() < 0x02080000) {
        assert_true(conf_text(conf, "ssl.certificate.location", path, sizeof path) > 1);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(read(fd, text, sizeof text) > 0);
        close(fd);
    } else {
        assert_true(conf_text(conf, "ssl.certificate.pem", text, sizeof text) > 1);
    }
    assert_string_equal(text, buf_str(&rig->tls.pems->certificate));
    assert_non_null(strstr(strstr(text, "END CERTIFICATE"), "BEGIN CERTIFICATE"));
    rd_kafka_conf_destroy(conf);
}

static void a_chain_that_is_broken_off(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "posta.key");
    append_file(rig, "soon.pem", "posta.pem");
    struct stat st;
    assert_int_equal(stat(rig->tls.certificate, &st), 0);
    assert_int_equal(truncate(rig->tls.certificate, st.st_size - 100), 0);
    assert_refused(rig, ERR_CONFIG, "output.kafka.ssl.certificate: /tmp/",
                   "holds no PEM certificate (");
}

static void the_shortest_of_a_chain_counts(void **state)
{
    struct rig *rig = *state;
    set_pair(rig, "posta.pem", "posta.key");
    append_file(rig, "soon.pem", "posta.pem");
    assert_fine(rig);
    uint64_t days = cert_days_left(&rig->tls.pems->own, time(NULL));
    assert_true(days == 4 || days == 5);
    assert_string_equal(rig->tls.pems->own.name, "/CN=posta");
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
        CASE(a_passphrase_in_a_file),
        CASE(a_chain_is_given_whole),
        CASE(a_chain_that_is_broken_off),
        CASE(the_shortest_of_a_chain_counts),
        CASE(an_expired_certificate_is_only_said),
        CASE(verification_off_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
