/* test_output_kafka_conf.c: what librdkafka is told, and advice for its errors. */
#include "output/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

/* ---- librdkafka's configuration ---- */

static struct kafka plain(void)
{
    static char host[] = "a:9092", other[] = "b", client[] = "posta";
    static char *hosts[] = {host, other};
    return (struct kafka) {.set = {.hosts = {hosts, 2},
                                   .client_id = client,
                                   .compression = KAFKA_LZ4,
                                   .max_message_bytes = 1000000,
                                   .bulk_max_size = 2048,
                                   .buffer_bytes = 4 << 20,
                                   .linger_ns = 5 * NS_PER_MS,
                                   .timeout_ns = 30 * NS_PER_S,
                                   .broker_timeout_ns = 10 * NS_PER_S,
                                   .refresh_ns = 300 * NS_PER_S,
                                   .tls.enabled = -1}};
}

static void assert_setting(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256] = "";
    size_t size = sizeof(text);
    assert_int_equal(rd_kafka_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(text, value);
}

static void what_is_promised_is_set(void **state)
{
    (void)state;
    struct kafka kafka = plain();
    rd_kafka_conf_t *conf;
    struct err err;
    if (kafka_make_conf(&kafka, &conf, &err))
        fail_msg("%s", err.text);
    assert_setting(conf, "bootstrap.servers", "a:9092,b");
    assert_setting(conf, "enable.idempotence", "true");
    assert_setting(conf, "message.timeout.ms", "0");
    assert_setting(conf, "allow.auto.create.topics", "false");
    assert_setting(conf, "queue.buffering.max.kbytes", "4096");
    assert_setting(conf, "linger.ms", "5");
    assert_setting(conf, "compression.codec", "lz4");
    assert_setting(conf, "security.protocol", "plaintext");
    rd_kafka_conf_destroy(conf);
}

/* ---- compression ---- */

static void assert_compression(int codec, char *level, const char *name, const char *set_level)
{
    struct kafka kafka = plain();
    struct compression compression;
    struct err err = ERR_INIT;
    kafka.set.compression = codec;
    kafka.set.compression_level = level;
    if (kafka_choose_compression(&kafka.set, &compression, &err))
        fail_msg("%s", err.text);
    assert_string_equal(compression.codec, name);
    assert_int_equal(compression.level != NULL, set_level != NULL);
    if (set_level)
        assert_string_equal(compression.level, set_level);
}

static void assert_no_level(int codec, char *level, const char *text)
{
    struct kafka kafka = plain();
    struct compression compression;
    struct err err = ERR_INIT;
    kafka.set.compression = codec;
    kafka.set.compression_level = level;
    assert_int_equal(kafka_choose_compression(&kafka.set, &compression, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, text);
}

static void levels_fit_their_codec(void **state)
{
    (void)state;
    char zero[] = "0", four[] = "4", nine[] = "9", twelve[] = "12";
    assert_compression(KAFKA_LZ4, NULL, "lz4", NULL);
    assert_compression(KAFKA_NO, NULL, "none", NULL);
    assert_compression(KAFKA_OFF, NULL, "none", NULL);
    assert_compression(KAFKA_GZIP, four, "gzip", "4");
    assert_compression(KAFKA_GZIP, nine, "gzip", "9");
    assert_compression(KAFKA_GZIP, zero, "none", NULL);
    assert_compression(KAFKA_LZ4, zero, "lz4", "0");
    assert_compression(KAFKA_ZSTD, twelve, "zstd", "12");
    assert_compression(KAFKA_SNAPPY, NULL, "snappy", NULL);
}

static void levels_that_do_not_fit(void **state)
{
    (void)state;
    char zero[] = "0", ten[] = "10", thirteen[] = "13", word[] = "best", minus[] = "-1",
         none[] = "";
    assert_no_level(KAFKA_GZIP, ten,
                    "output.kafka.compression_level: gzip takes 0 to 9, found '10'; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_LZ4, thirteen,
                    "output.kafka.compression_level: lz4 takes 0 to 12, found '13'; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_ZSTD, zero,
                    "output.kafka.compression_level: zstd takes 1 to 12, found '0'; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_GZIP, word,
                    "output.kafka.compression_level: gzip takes 0 to 9, found 'best'; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_GZIP, minus,
                    "output.kafka.compression_level: gzip takes 0 to 9, found '-1'; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_GZIP, none,
                    "output.kafka.compression_level: gzip takes 0 to 9, found ''; "
                    "output.kafka.compression says which codec is used");
    assert_no_level(KAFKA_SNAPPY, ten,
                    "output.kafka.compression_level: snappy has no levels: remove the key, or "
                    "choose gzip, lz4 or zstd");
    assert_no_level(KAFKA_OFF, ten,
                    "output.kafka.compression_level: none has no levels: remove the key, or "
                    "choose gzip, lz4 or zstd");
}

static void every_codec_and_level_is_taken_by_the_library(void **state)
{
    (void)state;
    static const int top[] = {-1, 9, -1, 12, 12};
    for (int codec = KAFKA_NONE; codec <= KAFKA_ZSTD; codec++)
        for (int level = codec == KAFKA_ZSTD; level <= top[codec]; level++) {
            char text[16];
            struct kafka kafka = plain();
            rd_kafka_conf_t *conf;
            struct err err;
            snprintf(text, sizeof text, "%d", level);
            kafka.set.compression = codec;
            kafka.set.compression_level = text;
            if (kafka_make_conf(&kafka, &conf, &err))
                fail_msg("%s", err.text);
            rd_kafka_conf_destroy(conf);
        }
}

static void a_bound_of_the_library_is_said_in_its_words(void **state)
{
    (void)state;
    struct kafka kafka = plain();
    rd_kafka_conf_t *conf = NULL;
    struct err err = ERR_INIT;
    kafka.set.max_message_bytes = 10;
    assert_int_equal(kafka_make_conf(&kafka, &conf, &err), -1);
    assert_non_null(strstr(err.text, "output.kafka: Configuration property \"message.max.bytes\""));
}

static void tokens_and_keys_go_there_and_back(void **state)
{
    (void)state;
    static const uint64_t tokens[] = {0, 1, 8191, (UINT64_C(1) << OUTPUT_TOKEN_BITS) - 1};
    struct flow flow = {.is_reachable_only = false};
    for (size_t i = 0; i < 4; i++)
        for (uint32_t spread = 0; spread < INT32_MAX - 70001; spread += 69997) {
            const struct kafka_message msg = {.spread = spread, .is_parcel = i & 1};
            void *opaque = kafka_opaque(tokens[i], &msg);
            assert_int_equal(kafka_opaque_is_parcel(opaque), i & 1);
            assert_int_equal(kafka_token_of(opaque), tokens[i]);
            assert_int_equal(kafka_choose_partition(NULL, NULL, 0, 12, &flow, opaque), spread % 12);
        }
    assert_int_equal(flow.n_partitions, 12);
}

/* ---- advice ---- */

static void assert_advice(rd_kafka_resp_err_t code, const char *text, const char *words)
{
    const char *advice = kafka_advice(code, text);
    if (!strstr(advice, words))
        fail_msg("'%s' is not in '%s'", words, advice);
}

static void advice_by_text_then_by_code(void **state)
{
    (void)state;
    const rd_kafka_resp_err_t ssl = RD_KAFKA_RESP_ERR__SSL, any = RD_KAFKA_RESP_ERR__TRANSPORT;
    assert_advice(ssl, "x: certificate verify failed: broker certificate could not be verified",
                  "is output.kafka.ssl.certificate_authorities the right authority");
    assert_advice(ssl, "Hostname/hostname mismatch", "is not a name in the broker's certificate");
    assert_advice(ssl, "sslv3 alert certificate expired", "it has expired");
    assert_advice(ssl, "tlsv1 alert unknown ca", "it does not know the authority");
    assert_advice(ssl, "tlsv13 alert certificate required",
                  "set output.kafka.ssl.certificate and key");
    assert_advice(ssl, "error: wrong version number", "does not speak TLS on this port");
    assert_advice(any, "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
                  "nothing listens there");
    assert_advice(ssl, "something new", "TLS with the broker fails");
    assert_advice(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL mechanism PLAIN",
                  "check output.kafka.username, password and sasl.mechanism");
    assert_advice(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL mechanism SCRAM-SHA-256",
                  "check output.kafka.username, password and sasl.mechanism");
    assert_advice(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL mechanism OAUTHBEARER",
                  "the broker refused the token");
    assert_advice(RD_KAFKA_RESP_ERR__RESOLVE, NULL, "the host name does not resolve");
    assert_advice(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NULL, "WRITE and DESCRIBE");
    assert_advice(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NULL, "the topic does not exist");
    assert_advice(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, NULL, "max.message.bytes");
    assert_advice(any, "something new", "posta goes on trying");
    assert_advice(any, NULL, "posta goes on trying");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_promised_is_set),
        cmocka_unit_test(levels_fit_their_codec),
        cmocka_unit_test(levels_that_do_not_fit),
        cmocka_unit_test(every_codec_and_level_is_taken_by_the_library),
        cmocka_unit_test(a_bound_of_the_library_is_said_in_its_words),
        cmocka_unit_test(tokens_and_keys_go_there_and_back),
        cmocka_unit_test(advice_by_text_then_by_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
