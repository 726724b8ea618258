/* kafka_explain.c: from librdkafka's words to what an operator can do. */
#include "kafka.h"

struct advice {
    rd_kafka_resp_err_t code; /* 0 = any */
    const char *word;         /* in the text; NULL = any */
    const char *say;
};

static const struct advice rows[] = {
    {0, "certificate verify failed",
     "the broker's certificate does not verify: is output.kafka.ssl.certificate_authorities the "
     "right authority, "
     "and is the host in output.kafka.hosts a name in the broker's certificate?"},
    {0, "certificate could not be verified",
     "the broker's certificate does not verify: is output.kafka.ssl.certificate_authorities the "
     "right authority, "
     "and is the host in output.kafka.hosts a name in the broker's certificate?"},
    {0, "hostname mismatch",
     "the host in output.kafka.hosts is not a name in the broker's certificate"},
    {0, "alert certificate expired", "the broker refused posta's certificate: it has expired"},
    {0, "alert unknown ca",
     "the broker refused posta's certificate: it does not know the authority that signed it"},
    {0, "alert certificate unknown",
     "the broker refused posta's certificate: is it signed by an authority the broker knows, and "
     "still valid?"},
    {0, "alert bad certificate",
     "the broker wants a client certificate that it accepts: check output.kafka.ssl.certificate "
     "and key"},
    {0, "alert certificate required",
     "the broker wants a client certificate: set output.kafka.ssl.certificate and key"},
    {0, "alert handshake failure", "broker and posta agree on no TLS version or cipher"},
    {0, "wrong version number", "the broker does not speak TLS on this port, or posta should not"},
    {0, "incorrect security.protocol",
     "is this the broker's TLS port, and does it want a client certificate that it accepts?"},
    {0, "Invalid response",
     "what answers there is no Kafka broker, or it is its TLS port and posta uses no TLS"},
    {0, "ApiVersionRequest failed",
     "what answers there is no Kafka broker that posta knows, or it is older than 0.10"},
    {0, "dempotent producer not supported",
     "what answers there is no Kafka broker that posta knows, or it is older than 0.11"},
    {0, "SSL handshake failed: Disconnected",
     "the broker closed the connection: is it its TLS port, and does it accept posta's "
     "certificate?"},
    {0, "unexpected eof", "the connection was closed from there: is the broker going down?"},
    {0, "Connection reset", "the connection was closed from there: is the broker going down?"},
    {0, "Connection refused", "nothing listens there: is the broker up, and is the port right?"},
    {RD_KAFKA_RESP_ERR__RESOLVE, NULL, "the host name does not resolve"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, NULL, "no broker can be reached"},
    {0, "OAUTHBEARER token: ", "no token, no login; asked for again soon"},
    {0, "Unsupported SASL mechanism",
     "the broker offers other mechanisms on this port: set output.kafka.sasl.mechanism to one of "
     "them"},
    {0, "SASL mechanism OAUTHBEARER",
     "the broker refused the token: does it know who issued it, for whom and for what? check "
     "output.kafka.sasl.oauthbearer"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL,
     "the broker refused the login: check output.kafka.username, password and sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__SSL, NULL, "TLS with the broker fails: check certificates and ports"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "storing the place",
     "posta's principal needs READ on the topic too"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NULL,
     "posta's principal has no right to write to the topic: give it WRITE and DESCRIBE"},
    {0, "Cluster authorization failed",
     "posta's principal needs WRITE on a topic, or IDEMPOTENT_WRITE on the cluster"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, NULL,
     "posta's principal needs IDEMPOTENT_WRITE on the cluster (before Kafka 2.8)"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, NULL,
     "posta's principal needs WRITE and DESCRIBE on the transactional id"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, NULL,
     "posta's principal needs READ and DESCRIBE on the group"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, NULL,
     "output.kafka.transaction.timeout is larger than the brokers' transaction.max.timeout.ms"},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, NULL,
     "the brokers' offset.metadata.max.bytes must be 4096, as by default"},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, NULL, "no broker took it in time"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NULL,
     "the topic does not exist, or posta may not see it: make it, or give DESCRIBE"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, NULL,
     "the topic does not exist, or posta may not see it: make it, or give DESCRIBE"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, NULL, "larger than the topic's max.message.bytes"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, "no answer in time"},
};

const char *kafka_advice(rd_kafka_resp_err_t code, const char *text)
{
    if (text && strstr(text, "SASL mechanism SCRAM-") && rd_kafka_version() < KAFKA_SCRAM_MENDED)
        return "check output.kafka.username, password and sasl.mechanism; and Kafka 4.0 and newer "
               "refuse every SCRAM login of a librdkafka before 2.6.1: there use a client "
               "certificate, OAUTHBEARER or PLAIN with TLS";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code && rows[i].code != code)
            continue;
        if (!rows[i].word || (text && strstr(text, rows[i].word)))
            return rows[i].say;
    }
    return "posta goes on trying";
}
