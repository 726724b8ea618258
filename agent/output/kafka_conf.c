/* kafka_conf.c: output.kafka in the configuration, and what librdkafka is told. */
#include "kafka.h"

#include <stddef.h>
#include <stdio.h>

static const char *const compressions[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const verifications[] = {"full", "strict", "certificate", "none", NULL};
static const char *const deliveries[] = {"at_least_once", "exactly_once", NULL};
static const char *const truths[] = {"false", "true", NULL};

#define AT(field) .at = offsetof(struct kafka, set.field)
const struct option kafka_options[] = {
    {.name = "enabled", .type = OPT_BOOL, .def = "true", AT(enabled), .doc = "Use this output."},
    {.name = "hosts",
     .type = OPT_LIST,
     .required = true,
     AT(hosts),
     .doc = "Brokers to ask first, as host:port; the others are learnt from them. Without a port: "
            "9092."},
    {.name = "topic",
     .type = OPT_TEXT,
     .required = true,
     AT(topic),
     .doc = "Topic of the events. %{[fields.name]} stands for a field of the input. Never taken "
            "from a log line."},
    {.name = "client_id",
     .type = OPT_TEXT,
     .def = "posta",
     AT(client_id),
     .doc = "Name shown in the brokers' logs and quotas."},
    {.name = "compression",
     .type = OPT_WORD,
     .words = compressions,
     .def = "lz4",
     AT(compression),
     .doc = "How batches are compressed. Beats' default is gzip, which costs about ten times the "
            "CPU of lz4."},
    {.name = "compression_level",
     .type = OPT_COUNT,
     .max = "12",
     AT(compression_level),
     .doc = "Level for gzip, lz4 and zstd; 0 = the library's default."},
    {.name = "max_message_bytes",
     .type = OPT_BYTES,
     .def = "1000000",
     .min = "1000",
     .max = "1000000000",
     AT(max_message_bytes),
     .doc = "Largest message; the brokers' message.max.bytes must allow it. A larger event goes to "
            "the dead letter file."},
    {.name = "bulk_max_size",
     .type = OPT_COUNT,
     .def = "2048",
     .min = "1",
     .max = "1000000",
     AT(bulk_max_size),
     .doc = "Most events in one batch."},
    {.name = "bulk_flush_frequency",
     .type = OPT_DURATION,
     .def = "5ms",
     .max = "15m",
     AT(linger_ns),
     .doc = "How long to wait for more events before a batch is sent."},
    {.name = "timeout",
     .type = OPT_DURATION,
     .def = "30s",
     .min = "1s",
     .max = "5m",
     AT(timeout_ns),
     .doc = "Wait for an answer of a broker."},
    {.name = "broker_timeout",
     .type = OPT_DURATION,
     .def = "10s",
     .min = "1s",
     .max = "15m",
     AT(broker_timeout_ns),
     .doc = "How long a broker may wait for its replicas."},
    {.name = "backoff.init",
     .type = OPT_DURATION,
     .def = "1s",
     .min = "10ms",
     AT(backoff_init_ns),
     .doc = "First wait after a refusal that may pass."},
    {.name = "backoff.max",
     .type = OPT_DURATION,
     .def = "60s",
     .min = "10ms",
     AT(backoff_max_ns),
     .doc = "Longest wait after a refusal that may pass."},
    {.name = "keep_alive",
     .type = OPT_IGNORED,
     .doc = "posta always keeps connections alive by TCP"},
    {.name = "metadata.refresh_frequency",
     .type = OPT_DURATION,
     .def = "5m",
     .min = "10s",
     .max = "1h",
     AT(refresh_ns),
     .doc = "How often brokers and partitions are looked up again."},
    {.name = "username", .type = OPT_TEXT, AT(username), .doc = "SASL user."},
    {.name = "password", .type = OPT_TEXT, .secret = true, AT(password), .doc = "SASL password."},
    {.name = "sasl.mechanism",
     .type = OPT_TEXT,
     AT(mechanism),
     .doc = "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN if a user is given."},
    {.name = "buffer_bytes",
     .type = OPT_BYTES,
     .def = "4MB",
     .min = "1MB",
     .max = "1GB",
     .own = true,
     AT(buffer_bytes),
     .doc = "Most bytes on their way to the brokers; bounds memory, and what may come twice after "
            "a kill."},
    {.name = "posta_headers",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(posta_headers),
     .doc = "Give each event the headers posta.id and posta.end: which bytes of its log it stands "
            "for. posta verify needs them where parsers, filters or encodings change lines. Costs "
            "half as much CPU again."},
    {.name = "end_records",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(end_records),
     .doc = "Send an event, event.dataset posta.end, for the end of each generation of a log, so "
            "that posta verify sees what is missing there too. Who reads the topic sees them as "
            "events."},
    {.name = "delivery",
     .type = OPT_WORD,
     .words = deliveries,
     .def = "at_least_once",
     .own = true,
     AT(delivery),
     .doc =
         "at_least_once: after a kill or a broken connection some events may come twice, with the "
         "same event.id. exactly_once: events go in transactions, readers with isolation.level "
         "read_committed see each once; needs queue.disk."},
    {.name = "transaction.id",
     .type = OPT_TEXT,
     .own = true,
     AT(txn_id),
     .doc =
         "exactly_once: transactional id and consumer group, of this posta alone; posta.<agent id> "
         "if not set."},
    {.name = "transaction.interval",
     .type = OPT_DURATION,
     .def = "500ms",
     .min = "10ms",
     .max = "1m",
     .own = true,
     AT(txn_interval_ns),
     .doc = "exactly_once: a transaction is committed so long after its first event."},
    {.name = "transaction.max_bytes",
     .type = OPT_BYTES,
     .def = "4MB",
     .min = "64KB",
     .max = "64MB",
     .own = true,
     AT(txn_bytes),
     .doc = "exactly_once: or when its events have so many bytes."},
    {.name = "transaction.timeout",
     .type = OPT_DURATION,
     .def = "10s",
     .min = "1s",
     .max = "15m",
     .own = true,
     AT(txn_timeout_ns),
     .doc = "exactly_once: brokers abort a transaction that is open for longer; until then readers "
            "with read_committed wait behind it."},
    {.name = "stall_timeout",
     .type = OPT_DURATION,
     .def = "2m",
     .min = "10s",
     .own = true,
     AT(stall_ns),
     .doc = "Make a new connection to the cluster when events wait and nothing was acknowledged "
            "for this long."},
    {.name = "ssl.enabled",
     .type = OPT_WORD,
     .words = truths,
     AT(tls.enabled),
     .doc = "Use TLS; true when another ssl key is set."},
    {.name = "ssl.certificate_authorities",
     .type = OPT_LIST,
     AT(tls.authorities),
     .doc = "Files (or PEM text) of the authorities that sign the brokers' certificates; the "
            "system's if not set."},
    {.name = "ssl.certificate",
     .type = OPT_TEXT,
     AT(tls.certificate),
     .doc = "posta's certificate: a PEM file, intermediates behind it, or PEM text. A file may be "
            "renewed at any time, as may key and authorities: it is taken up without a restart, "
            "nothing is lost or sent twice, and a bad one is not used."},
    {.name = "ssl.key",
     .type = OPT_TEXT,
     .secret = true,
     AT(tls.key),
     .doc = "The certificate's private key: a PEM file or PEM text."},
    {.name = "ssl.key_passphrase",
     .type = OPT_TEXT,
     .secret = true,
     AT(tls.key_passphrase),
     .doc = "Passphrase of the private key."},
    {.name = "ssl.key_passphrase_path",
     .type = OPT_TEXT,
     AT(tls.key_passphrase_path),
     .doc = "File that holds the passphrase, if ssl.key_passphrase does not give it."},
    {.name = "ssl.restart_on_cert_change.enabled",
     .type = OPT_IGNORED,
     .doc = "renewed certificates are taken up at once, without a restart"},
    {.name = "ssl.restart_on_cert_change.period",
     .type = OPT_IGNORED,
     .doc = "the kernel tells when the files change; they are also compared every 5 minutes"},
    {.name = "ssl.verification_mode",
     .type = OPT_WORD,
     .words = verifications,
     .def = "full",
     AT(tls.verification),
     .doc = "full and strict check chain and host name, certificate the chain only, none nothing."},
    {.name = "ssl.supported_protocols",
     .type = OPT_LIST,
     AT(tls.protocols),
     .doc = "TLSv1.2 and TLSv1.3 are used, whatever else is named."},
    {.name = "ssl.cipher_suites",
     .type = OPT_IGNORED,
     .doc = "posta offers ECDHE with AES-GCM or ChaCha20 only"},
    {.name = "ssl.curve_types", .type = OPT_IGNORED, .doc = "the library's choice is used"},
    {.name = "ssl.renegotiation", .type = OPT_IGNORED, .doc = "posta never renegotiates"},
    {.name = "ssl.ca_trusted_fingerprint",
     .type = OPT_REFUSED,
     .doc = "give the authority's certificate in ssl.certificate_authorities"},
    {.name = "ssl.ca_sha256",
     .type = OPT_REFUSED,
     .doc = "give only that authority in ssl.certificate_authorities"},
    {.name = "required_acks",
     .type = OPT_IGNORED,
     .doc = "posta always waits for all in-sync replicas"},
    {.name = "version", .type = OPT_IGNORED, .doc = "the brokers' version is asked for"},
    {.name = "worker", .type = OPT_IGNORED, .doc = "one connection a broker is enough"},
    {.name = "workers", .type = OPT_IGNORED, .doc = "one connection a broker is enough"},
    {.name = "max_retries", .type = OPT_IGNORED, .doc = "posta tries for ever, as Filebeat does"},
    {.name = "channel_buffer_size",
     .type = OPT_IGNORED,
     .doc = "buffer_bytes bounds what is on its way"},
    {.name = "metadata.full", .type = OPT_IGNORED, .doc = "only the topics in use are looked up"},
    {.name = "metadata.retry.max", .type = OPT_IGNORED, .doc = "posta tries for ever"},
    {.name = "metadata.retry.backoff",
     .type = OPT_IGNORED,
     .doc = "the library's back-off is used"},
    {.name = "partition",
     .type = OPT_IGNORED,
     .doc = "all events of one log go to one partition, so that they stay in order"},
    {.name = "codec.json.pretty", .type = OPT_IGNORED, .doc = "events are compact JSON"},
    {.name = "codec.json.escape_html",
     .type = OPT_IGNORED,
     .doc = "posta never escapes HTML characters"},
    {.name = "key",
     .type = OPT_REFUSED,
     .doc = "posta keeps the order of each log by its own partitioner; remove the key"},
    {.name = "topics",
     .type = OPT_REFUSED,
     .doc = "give each input a field and use topic: '%{[fields.topic]}'"},
    {.name = "headers", .type = OPT_REFUSED, .doc = "add the values as fields of the inputs"},
    {.name = "codec.format.string",
     .type = OPT_REFUSED,
     .doc = "posta sends whole events; take .message at the reading side"},
    {.name = "kerberos", .type = OPT_REFUSED, .doc = "use TLS client certificates or SCRAM"},
    {0},
};

/* ---- librdkafka's configuration ---- */

int kafka_set(rd_kafka_conf_t *conf, const char *section, const char *name, const char *value,
              struct err *err)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        return err_set(err, ERR_CONFIG, "%s: %s", section, text);
    return 0;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    return kafka_set(conf, "output.kafka", name, value, err);
}

static int set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value, struct err *err)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(conf, name, text, err);
}

static int set_ms(rd_kafka_conf_t *conf, const char *name, int64_t ns, struct err *err)
{
    return set_number(conf, name, (uint64_t)(ns / NS_PER_MS), err);
}

static int set_hosts(rd_kafka_conf_t *conf, const struct str_list *hosts, struct err *err)
{
    struct buf list = BUF_INIT;
    for (size_t i = 0; i < hosts->n; i++)
        buf_printf(&list, "%s%s", i ? "," : "", hosts->at[i]);
    int rc = set(conf, "bootstrap.servers", buf_str(&list), err);
    buf_free(&list);
    return rc;
}

/* What is not for the user to change, and why: the spool is the patience, the order is the promise. */
static int set_fixed(rd_kafka_conf_t *conf, struct err *err)
{
    static const char *const rows[][2] = {
        {"enable.idempotence", "true"}, /* order and no repeats inside one instance */
        {"acks", "all"},                /* done means replicated */
        {"message.timeout.ms", "0"}, /* never give up: what is not delivered stays in the spool */
        {"allow.auto.create.topics", "false"}, /* a typing error must not make a topic */
        {"socket.nagle.disable", "true"},      /* or TLS records wait for each other */
        {"socket.keepalive.enable", "true"}, /* notice a peer that is gone behind a load balancer */
        {"topic.metadata.propagation.max.ms", "5000"},   /* an unknown topic is said soon */
        {"socket.connection.setup.timeout.ms", "10000"}, /* TLS included */
        {"receive.message.max.bytes",
         "16777216"}, /* answers are small; nonsense can say that they are not */
        {"reconnect.backoff.ms", "100"},
        {"reconnect.backoff.max.ms", "3000"}, /* a broker that is back is used soon */
        {"retry.backoff.ms", "100"},
        {"queue.buffering.max.messages", "100000"}, /* the bytes decide, see buffer_bytes */
        {"sticky.partitioning.linger.ms",
         "0"},                 /* or our partitioner is not asked for events without a key */
        {"log.queue", "true"}, /* its log lines come to our loop */
        {"log.connection.close", "false"}, /* an idle connection that closes is no event */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (set(conf, rows[i][0], rows[i][1], err))
            return -1;
    return 0;
}

/* May librdkafka go on behind an event that it gives up? Else it stops for good. */
static bool may_pass_over(const struct kafka *kafka)
{
    return kafka->txn.is_used || kafka_tries_alone(kafka);
}

static int set_tunables(const struct kafka *kafka, rd_kafka_conf_t *conf, struct err *err)
{
    const struct kafka_settings *s = &kafka->set;
    uint64_t buffer = s->buffer_bytes; /* the largest event must go in, or it waits for ever */
    if (buffer < s->max_message_bytes + 64 * 1024)
        buffer = s->max_message_bytes + 64 * 1024;
    if (set(conf, "client.id", s->client_id, err) ||
        set(conf, "compression.codec", compressions[s->compression], err) ||
        set_number(conf, "message.max.bytes", s->max_message_bytes, err) ||
        set_number(conf, "batch.num.messages", s->bulk_max_size, err) ||
        set_number(conf, "batch.size",
                   kafka->batch_bytes ? kafka->batch_bytes : s->max_message_bytes, err) ||
        set(conf, "enable.gapless.guarantee", may_pass_over(kafka) ? "false" : "true", err) ||
        set_number(conf, "queue.buffering.max.kbytes", buffer / 1024, err) ||
        set_ms(conf, "linger.ms", s->linger_ns, err) ||
        set_ms(conf, "socket.timeout.ms", s->timeout_ns, err) ||
        set_ms(conf, "request.timeout.ms", s->broker_timeout_ns, err) ||
        set_ms(conf, "topic.metadata.refresh.interval.ms", s->refresh_ns, err))
        return -1;
    return s->compression_level ? set_number(conf, "compression.level", s->compression_level, err)
                                : 0;
}

/* What a transaction cannot hold in time is aborted with it, and sent again. No request may wait for longer. */
static int set_transactions(const struct kafka *kafka, rd_kafka_conf_t *conf, struct err *err)
{
    const struct kafka_settings *s = &kafka->set;
    if (!kafka->txn.id)
        return 0;
    if (s->timeout_ns > s->txn_timeout_ns &&
        set_ms(conf, "socket.timeout.ms", s->txn_timeout_ns, err))
        return -1;
    return set(conf, "transactional.id", kafka->txn.id, err) ||
                   set_ms(conf, "transaction.timeout.ms", s->txn_timeout_ns, err) ||
                   set_ms(conf, "message.timeout.ms", s->txn_timeout_ns, err)
               ? -1
               : 0;
}

static int set_security(const struct kafka_settings *s, rd_kafka_conf_t *conf, struct err *err)
{
    static const char *const protocols[2][2] = {{"plaintext", "ssl"},
                                                {"sasl_plaintext", "sasl_ssl"}};
    if (set(conf, "security.protocol", protocols[s->username != NULL][s->tls.is_used], err))
        return -1;
    if (s->tls.is_used && kafka_set_tls(&s->tls, conf, err))
        return -1;
    if (!s->username)
        return 0;
    if (!s->password)
        return err_set(err, ERR_CONFIG, "output.kafka.username is set but password is not");
    return set(conf, "sasl.mechanism", s->mechanism ? s->mechanism : "PLAIN", err) ||
                   set(conf, "sasl.username", s->username, err) ||
                   set(conf, "sasl.password", s->password, err)
               ? -1
               : 0;
}

/* No group: nothing is kept on the brokers, and no right to a group is needed. */
static int set_reader(const struct kafka_settings *s, rd_kafka_conf_t *conf, struct err *err)
{
    return set_hosts(conf, &s->hosts, err) || set(conf, "client.id", s->client_id, err) ||
                   set(conf, "isolation.level", "read_committed", err) ||
                   set(conf, "enable.partition.eof", "true", err) ||
                   set(conf, "allow.auto.create.topics", "false", err) ||
                   set(conf, "auto.offset.reset", "smallest", err) ||
                   set(conf, "queued.max.messages.kbytes", "16384", err) ||
                   set(conf, "reconnect.backoff.max.ms", "3000", err) ||
                   set_ms(conf, "socket.timeout.ms", s->timeout_ns, err) ||
                   set_security(s, conf, err)
               ? -1
               : 0;
}

int kafka_make_reader_conf(const struct kafka *kafka, rd_kafka_conf_t **out, struct err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set_reader(&kafka->set, conf, err)) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    *out = conf;
    return 0;
}

int kafka_make_member_conf(const struct kafka *kafka, const char *group, rd_kafka_conf_t **out,
                           struct err *err)
{
    if (kafka_make_reader_conf(kafka, out, err))
        return -1;
    if (set(*out, "group.id", group, err) || set(*out, "enable.auto.commit", "false", err)) {
        rd_kafka_conf_destroy(*out);
        return -1;
    }
    rd_kafka_conf_set_log_cb(*out, NULL); /* what matters is in the result */
    return 0;
}

int kafka_make_conf(const struct kafka *kafka, rd_kafka_conf_t **out, struct err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct kafka_settings *s = &kafka->set;
    if (set_hosts(conf, &s->hosts, err) || set_fixed(conf, err) || set_tunables(kafka, conf, err) ||
        set_transactions(kafka, conf, err) || set_security(s, conf, err)) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    *out = conf;
    return 0;
}
