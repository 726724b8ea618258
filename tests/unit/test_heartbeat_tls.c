/* test_heartbeat_tls.c: what is told of certificates: made once, dates and serial numbers set, hashes by openssl x509 -outform der |
 * sha256sum.
 */
#include "posta_test.h"

#include "heartbeat/heartbeat.h"

#define RSA_PEM                                                                                    \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIDMzCCAhsCDQGO6Q/2w3Pg7k4/CtMwDQYJKoZIhvcNAQELBQAwPDELMAkGA1UE\n"                           \
    "BhMCQkUxGTAXBgNVBAoMEEdsb2JhbFNpZ24gbnYtc2ExEjAQBgNVBAMMCVRlc3Qg\n"                           \
    "Um9vdDAeFw0xOTA4MTYwMTQwMjVaFw0zNjA3MTYwMzE1MzBaMHcxCzAJBgNVBAYT\n"                           \
    "AlVTMRMwEQYDVQQIDApDYWxpZm9ybmlhMRYwFAYDVQQHDA1TYW4gRnJhbmNpc2Nv\n"                           \
    "MRUwEwYDVQQKDAxGYXN0bHksIEluYy4xJDAiBgNVBAMMG3IyLnNoYXJlZC5nbG9i\n"                           \
    "YWwuZmFzdGx5Lm5ldDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBANg9\n"                           \
    "TmPmx84ywuwdIcE5SqN7yUeRx5iO57XlwCMhKZZJeuXnp0gW//oOOKRDg1GtEmBu\n"                           \
    "TDySTSgysfQ3abITT56sNP3NdyGeov20E4VWmkzoKKiVXg3gbbmn5AxXVkmNg3t0\n"                           \
    "XZyOEpSxerL7ZETEb9P6vohGLax1TtPLBBs2V3amdSeVEdIL9My9u8luGKbHwttC\n"                           \
    "yHVuIoCyD0/unv7tZyfhgDBAFwLnAhPTqe0hs8vKvcytj4WXI1PsTJHMEhlw1sVY\n"                           \
    "OkRDYUooTrvJmffAVorwbQJ8MKZrg8t7Ad18TLkrTR0Lo9dWz9rKrBNVx86kSx/a\n"                           \
    "euGjg8OpAj0Ob++JudMCAwEAATANBgkqhkiG9w0BAQsFAAOCAQEAMzZ4S0ZI3laz\n"                           \
    "7Al+gYLi9b8Y2rF+CeTJ4Q5duhsLWNBxfADPO7SU/ZMp3HYWKgQXUwuYTY96+4a+\n"                           \
    "VF/huOTqS4FgIprjyENenePJ32g6q077Whgr1QD6lH3yuIPWov+Ewhs+LIzELUwb\n"                           \
    "aeFXouD9NWbYRpq7TZgGclDi9T60A98PQhTO2YpN6ocjJeNmYO84nhBHePtQQTWF\n"                           \
    "TJTAOwNdimpQgEQvBHxTlV9oNUGN8ctn64hr5qK712k79YnInhzSxDOzBbkfOUgf\n"                           \
    "lg8pd8w4qXQb9WMkhBGizBW3jKfL0SdjkoFauY/iLJ262XYueeB5R2p9zP2NJrYR\n"                           \
    "1CYmj9RFUQ==\n"                                                                               \
    "-----END CERTIFICATE-----\n"
#define EC_PEM                                                                                     \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIICGDCCAQACDQGO6Q/2w3Pg7k4/CtQwDQYJKoZIhvcNAQELBQAwPDELMAkGA1UE\n"                           \
    "BhMCQkUxGTAXBgNVBAoMEEdsb2JhbFNpZ24gbnYtc2ExEjAQBgNVBAMMCVRlc3Qg\n"                           \
    "Um9vdDAeFw0yMDAxMDIwMzA0MDVaFw0zMDAxMDIwMzA0MDVaMCcxEDAOBgNVBAoM\n"                           \
    "B0dyw7zDn2UxEzARBgNVBAMMCmVjLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO\n"                           \
    "PQMBBwNCAAQjNLpXnLYW/bWWLY3NmD8cqvED+VQvdHP0lzbGChYTUkFchzHdlbtO\n"                           \
    "X3Bkhtn39Yj1nb7nW/YJ9LK/jL8K7SJQMA0GCSqGSIb3DQEBCwUAA4IBAQB36b2G\n"                           \
    "Yc8cNX9k4Wgu/nVzS0vXoSZdHVy+RBAHcDYtkEJUWVteu3F6A5av2vCz0jpixYNC\n"                           \
    "outVhnAW+8FIDFVDxnICSqBjNrmFfllUMQIagVE9keWygX2z3XYW2cnIWwcPgIaV\n"                           \
    "1tV/OUQk9S88mYrrfvAi9logyRwXPkBxhGpabcpxBtyls6/b08N6t8PSS2m+KNue\n"                           \
    "OfTrC9luuGQKmBhInqX+sea4cqQwipYT0hmG719O1GMNXVF8l8TTk5MsdX6Hj/Ra\n"                           \
    "0gdEpf+g/0E8AMJnv1CP4pVPWP0FCWD7/AOpT63kUIwbk/iupQ3rnyOiROzE2Jcv\n"                           \
    "X/x6eKPy2LYx3C/r\n"                                                                           \
    "-----END CERTIFICATE-----\n"
#define ROOT_PEM                                                                                   \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIC+DCCAeACDQGO6Q/2w3Pg7k4/CtIwDQYJKoZIhvcNAQELBQAwPDELMAkGA1UE\n"                           \
    "BhMCQkUxGTAXBgNVBAoMEEdsb2JhbFNpZ24gbnYtc2ExEjAQBgNVBAMMCVRlc3Qg\n"                           \
    "Um9vdDAeFw0xOTAxMDEwMDAwMDBaFw0zNTAxMDEwMDAwMDBaMDwxCzAJBgNVBAYT\n"                           \
    "AkJFMRkwFwYDVQQKDBBHbG9iYWxTaWduIG52LXNhMRIwEAYDVQQDDAlUZXN0IFJv\n"                           \
    "b3QwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDAnJyKBdaod5t93eLU\n"                           \
    "ip6/cahF7pCdLu+0tLKRiJpOETaW8HODgNTB3GWA2PyRIkqh6V7GBJki7ITaaC38\n"                           \
    "2LBy9kNcN1waPhxb1B6rpJa0ICnLe67U8Im2f0ogo0ku8xBAwZKIYZLHD7cUUU6e\n"                           \
    "y9e39PFfEC9Cr7Ly4hf1sVuXaSbEp/TSbyDqof9Fv9vNW+9NmD5+S/MZO+alk0aM\n"                           \
    "x5GwC9WD64KXIu1/hvNXiBPuuzDN3l9P7BCLSJ97R05kYI6LnJEn5rXHErmPAjV1\n"                           \
    "S+FvTwIHjAXUVwC2k6WH6T97qXiyS0WBEHN587Ly1JPjipwYzNFv+nMTjtqFt/tW\n"                           \
    "OM0BAgMBAAEwDQYJKoZIhvcNAQELBQADggEBAK3eyRLA06obP4mU6Yn5oQHZ2i8Q\n"                           \
    "8lge/7zOjSapc5WyvW9TsRwUHIxy+wb325gj5I4ZFM9Mv9YeiG/8WOGhXBzhr72a\n"                           \
    "XcqR8SuMhjLDofEpakGWH0MYGiTqetedxkiz8SM63ofdFYaGtA4696BM08E5Td90\n"                           \
    "UhEZJ/JhAbCV+A631SnVY61qpHlUTuyLVUTg9bSvpAjZyWa2+Coph0JEv6hxuzrH\n"                           \
    "HNZO7o4so6gt3Lt35148N0ArBJ7SsBYp3buW5Okuw2Oh64lyEs3ws0qag1oqbRCs\n"                           \
    "LkdiINc7yO5Tjnm/oFvVZbO+3SqEn9ugY9+Im3bY1uSJ1R+hj/8m/ErXudo=\n"                               \
    "-----END CERTIFICATE-----\n"

static void assert_told(const struct tls_facts *facts, const char *wanted)
{
    struct members event = {.has_one = false};
    struct buf text = BUF_INIT;
    members_clear(&event);
    tls_put(&event, facts);
    const struct buf *json = members_end(&event);
    buf_append(&text, json->data, json->len);
    assert_string_equal(buf_str(&text), wanted);
    buf_free(&text);
    members_free(&event);
}

static void assert_chain(const char *pem, const char *wanted)
{
    struct stack_st_X509 *chain = tls_chain_of_pem(pem);
    assert_non_null(chain);
    assert_told(&(struct tls_facts) {.chain = chain}, wanted);
    tls_chain_free(chain);
}

static void an_rsa_certificate(void **state)
{
    (void)state;
    assert_chain(
        RSA_PEM,
        "\"tls\":{\"server\":{\"hash\":{\"sha1\":\"ff950cf153cbe45876ae7ee9bcfa0daca0020e51\","
        "\"sha256\":\"ef947e1b7b0780a46fd6916a3f8a61748bcb53620c69e69dc89953923fbaadc9\"},"
        "\"x509\":{\"issuer\":{\"common_name\":\"Test Root\","
        "\"distinguished_name\":\"CN=Test Root,O=GlobalSign nv-sa,C=BE\"},"
        "\"subject\":{\"common_name\":\"r2.shared.global.fastly.net\",\"distinguished_name\":"
        "\"CN=r2.shared.global.fastly.net,O=Fastly\\\\, Inc.,L=San Francisco,ST=California,C=US\"},"
        "\"serial_number\":\"123456789012345678901234567891\","
        "\"signature_algorithm\":\"SHA256-RSA\",\"public_key_algorithm\":\"RSA\","
        "\"public_key_size\":2048,\"public_key_exponent\":65537,"
        "\"not_before\":\"2019-08-16T01:40:25.000Z\",\"not_after\":\"2036-07-16T03:15:30.000Z\"}},"
        "\"certificate_not_valid_before\":\"2019-08-16T01:40:25.000Z\","
        "\"certificate_not_valid_after\":\"2036-07-16T03:15:30.000Z\"}");
}

static void an_ecdsa_certificate_with_letters_of_all_kinds(void **state)
{
    (void)state;
    assert_chain(
        EC_PEM,
        "\"tls\":{\"server\":{\"hash\":{\"sha1\":\"6c5c8dc9398f100fcfa0feef35ab11222fd8be99\","
        "\"sha256\":\"6e560e908831128472cc9373bfa10f8fe90f29ebe53835097ec81f2f3ff3a13c\"},"
        "\"x509\":{\"issuer\":{\"common_name\":\"Test Root\","
        "\"distinguished_name\":\"CN=Test Root,O=GlobalSign nv-sa,C=BE\"},"
        "\"subject\":{\"common_name\":\"ec.example\","
        "\"distinguished_name\":\"CN=ec.example,O=Grüße\"},"
        "\"serial_number\":\"123456789012345678901234567892\","
        "\"signature_algorithm\":\"SHA256-RSA\",\"public_key_algorithm\":\"ECDSA\","
        "\"public_key_curve\":\"P-256\","
        "\"not_before\":\"2020-01-02T03:04:05.000Z\",\"not_after\":\"2030-01-02T03:04:05.000Z\"}},"
        "\"certificate_not_valid_before\":\"2020-01-02T03:04:05.000Z\","
        "\"certificate_not_valid_after\":\"2030-01-02T03:04:05.000Z\"}");
}

/* The latest beginning and the earliest end of all of them. */
static void the_validity_of_a_chain(void **state)
{
    (void)state;
    struct members event = {.has_one = false};
    struct stack_st_X509 *chain = tls_chain_of_pem(RSA_PEM ROOT_PEM);
    members_clear(&event);
    tls_put(&event, &(struct tls_facts) {.chain = chain});
    buf_putc(&event.json, '}');
    const char *text = buf_str(&event.json);
    assert_non_null(strstr(text, "\"not_before\":\"2019-08-16T01:40:25.000Z\""));
    assert_non_null(strstr(text, "\"not_after\":\"2035-01-01T00:00:00.000Z\""));
    assert_non_null(strstr(text, "\"common_name\":\"r2.shared.global.fastly.net\""));
    tls_chain_free(chain);
    members_free(&event);
}

static void what_was_agreed(void **state)
{
    (void)state;
    assert_told(&(struct tls_facts) {.version = "TLSv1.3",
                                     .cipher = "TLS_AES_128_GCM_SHA256",
                                     .protocol = "h2",
                                     .handshake_ns = 1234567},
                "\"tls\":{\"established\":true,\"version_protocol\":\"tls\",\"version\":\"1.3\","
                "\"cipher\":\"TLS-AES-128-GCM-SHA256\",\"next_protocol\":\"h2\","
                "\"rtt\":{\"handshake\":{\"us\":1234}}}");
    assert_told(&(struct tls_facts) {.version = "TLSv1.2", .cipher = "ECDHE-RSA-AES256-GCM-SHA384"},
                "\"tls\":{\"established\":true,\"version_protocol\":\"tls\",\"version\":\"1.2\","
                "\"cipher\":\"ECDHE-RSA-AES-256-GCM-SHA384\"}");
    assert_told(&(struct tls_facts) {.version = "TLSv1"},
                "\"tls\":{\"established\":true,\"version_protocol\":\"tls\",\"version\":\"1.0\"}");
}

static void nothing_is_told_of_nothing(void **state)
{
    (void)state;
    assert_told(&(struct tls_facts) {.version = ""}, "");
    assert_null(tls_chain_of_pem(""));
    assert_null(tls_chain_of_pem("-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n"
                                 "-----END CERTIFICATE-----\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_rsa_certificate),
        cmocka_unit_test(an_ecdsa_certificate_with_letters_of_all_kinds),
        cmocka_unit_test(the_validity_of_a_chain),
        cmocka_unit_test(what_was_agreed),
        cmocka_unit_test(nothing_is_told_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
