/* test_output_kafka_sasl.c: which mechanism the configuration means, what is missing or too much in it, what librdkafka is told. */
#include "output/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

#define URL "https://id.example/token"

/* Literals are fine: nothing here changes or frees them. */
#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct kafka_settings user(const char *mechanism, const char *name, const char *password)
{
    return (struct kafka_settings) {
        .sasl = {.mechanism = TEXT(mechanism), .username = TEXT(name), .password = TEXT(password)},
        .tls.enabled = -1};
}

static struct kafka_settings client(const char *url, const char *id, const char *secret)
{
    return (struct kafka_settings) {
        .sasl = {.token_url = TEXT(url), .client_id = TEXT(id), .client_secret = TEXT(secret)},
        .tls.enabled = -1};
}

static void assert_name(struct kafka_settings set, const char *name)
{
    struct err err = ERR_INIT;
    if (kafka_check_sasl(&set, &err))
        fail_msg("%s", err.text);
    const char *found = kafka_sasl_name(&set);
    assert_int_equal(found != NULL, name != NULL);
    if (name)
        assert_string_equal(found, name);
}

static void assert_refused(struct kafka_settings set, const char *text)
{
    struct err err = ERR_INIT;
    assert_int_equal(kafka_check_sasl(&set, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, text);
}

static void the_mechanism_is_meant_or_named_in_any_case(void **state)
{
    (void)state;
    assert_name(user(NULL, NULL, NULL), NULL);
    assert_name(user("", NULL, NULL), NULL);
    assert_name(user(NULL, "u", "p"), "PLAIN");
    assert_name(user("plain", "u", "p"), "PLAIN");
    assert_name(user("scram-sha-256", "u", "p"), "SCRAM-SHA-256");
    assert_name(user("Scram-SHA-512", "u", "p"), "SCRAM-SHA-512");
    assert_name(client(URL, "i", "s"), "OAUTHBEARER");
    struct kafka_settings set = client(URL, "i", "s");
    set.sasl.mechanism = TEXT("oauthbearer");
    assert_name(set, "OAUTHBEARER");
}

static void a_mechanism_that_is_not_known(void **state)
{
    (void)state;
    assert_refused(user("SCRAM-SHA-1", "u", "p"),
                   "output.kafka.sasl.mechanism: 'SCRAM-SHA-1' is not known: PLAIN, "
                   "SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are");
    assert_refused(user("gssapi", "u", "p"),
                   "output.kafka.sasl.mechanism: posta does not speak GSSAPI (Kerberos): use TLS "
                   "client certificates or SCRAM-SHA-512");
}

static void a_user_needs_a_password_and_a_password_a_user(void **state)
{
    (void)state;
    assert_refused(user(NULL, "u", NULL), "output.kafka.username is set but password is not");
    assert_refused(user(NULL, NULL, "p"), "output.kafka.password is set but username is not");
    assert_refused(user("SCRAM-SHA-512", NULL, "p"),
                   "output.kafka.sasl.mechanism is SCRAM-SHA-512 but username is not set");
}

static void what_belongs_to_the_other_mechanism(void **state)
{
    (void)state;
    struct kafka_settings set = client(URL, "i", "s");
    set.sasl.mechanism = TEXT("PLAIN");
    assert_refused(set, "output.kafka.sasl: PLAIN takes username and password; sasl.oauthbearer is "
                        "for sasl.mechanism OAUTHBEARER");
    set.sasl.mechanism = TEXT("OAUTHBEARER");
    set.sasl.username = TEXT("u");
    assert_refused(set, "output.kafka.sasl.mechanism OAUTHBEARER takes no username and password: "
                        "give sasl.oauthbearer.client_id and client_secret");
}

static void a_client_needs_all_three(void **state)
{
    (void)state;
    assert_refused(client(URL, NULL, "s"), "output.kafka.sasl.mechanism is OAUTHBEARER but "
                                           "sasl.oauthbearer.client_id is not set");
    assert_refused(client(URL, "i", NULL), "output.kafka.sasl.mechanism is OAUTHBEARER but "
                                           "sasl.oauthbearer.client_secret is not set");
    assert_refused(client(NULL, "i", "s"), "output.kafka.sasl.oauthbearer is set but "
                                           "sasl.oauthbearer.token_url is not");
    struct kafka_settings set = user("oauthbearer", NULL, NULL);
    assert_refused(set, "output.kafka.sasl.mechanism is OAUTHBEARER but "
                        "sasl.oauthbearer.token_url is not set");
}

static void a_secret_is_not_sent_in_the_clear(void **state)
{
    (void)state;
    assert_refused(client("http://id.example/token", "i", "s"),
                   "output.kafka.sasl.oauthbearer.token_url: 'http://id.example/token' would carry "
                   "the secret unencrypted: use https");
    assert_name(client("http://localhost:8080/token", "i", "s"), "OAUTHBEARER");
}

static void an_extension_is_a_pair(void **state)
{
    (void)state;
    char *pairs[] = {TEXT("logicalCluster=lkc-1"), TEXT("rest")};
    struct kafka_settings set = client(URL, "i", "s");
    set.sasl.extensions = (struct str_list) {pairs, 1};
    assert_name(set, "OAUTHBEARER");
    set.sasl.extensions.n = 2;
    assert_refused(set, "output.kafka.sasl.oauthbearer.extensions: 'rest' is no name=value");
}

static void assert_setting(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256] = "";
    size_t size = sizeof(text);
    assert_int_equal(rd_kafka_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(text, value);
}

static void assert_told(struct kafka_settings set, bool has_tls, const char *protocol,
                        const char *mechanism)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct err err;
    set.tls.enabled = has_tls;
    if (kafka_check_tls(&set.tls, &err) || kafka_set_security(&set, conf, &err))
        fail_msg("%s", err.text);
    kafka_forget_tls(&set.tls);
    assert_setting(conf, "security.protocol", protocol);
    assert_setting(conf, "sasl.mechanisms", mechanism);
    rd_kafka_conf_destroy(conf);
}

static void what_librdkafka_is_told(void **state)
{
    (void)state;
    assert_told(user(NULL, NULL, NULL), true, "ssl", "GSSAPI"); /* its default, not used */
    assert_told(user(NULL, "u", "p"), false, "sasl_plaintext", "PLAIN");
    assert_told(user("scram-sha-512", "u", "p"), true, "sasl_ssl", "SCRAM-SHA-512");
    assert_told(client(URL, "i", "s"), true, "sasl_ssl", "OAUTHBEARER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mechanism_is_meant_or_named_in_any_case),
        cmocka_unit_test(a_mechanism_that_is_not_known),
        cmocka_unit_test(a_user_needs_a_password_and_a_password_a_user),
        cmocka_unit_test(what_belongs_to_the_other_mechanism),
        cmocka_unit_test(a_client_needs_all_three),
        cmocka_unit_test(a_secret_is_not_sent_in_the_clear),
        cmocka_unit_test(an_extension_is_a_pair),
        cmocka_unit_test(what_librdkafka_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
