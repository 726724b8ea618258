/* kafka_conf.c: what librdkafka is told of output.kafka. */
#include "kafka.h"

#include <stdio.h>

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

static int set_compression(const struct kafka_settings *s, rd_kafka_conf_t *conf, struct err *err)
{
    struct compression compression;
    if (kafka_choose_compression(s, &compression, err) ||
        set(conf, "compression.codec", compression.codec, err))
        return -1;
    return compression.level ? set(conf, "compression.level", compression.level, err) : 0;
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
    return set(conf, "client.id", s->client_id, err) || set_compression(s, conf, err) ||
                   set_number(conf, "message.max.bytes", s->max_message_bytes, err) ||
                   set_number(conf, "batch.num.messages", kafka_batch_events(kafka), err) ||
                   set_number(conf, "batch.size", kafka_batch_limit_bytes(kafka), err) ||
                   set(conf, "max.in.flight.requests.per.connection",
                       kafka->batch_bytes ? "1" : "5", /* small batches may be refused */
                       err) ||
                   set(conf, "enable.gapless.guarantee", may_pass_over(kafka) ? "false" : "true",
                       err) ||
                   set_number(conf, "queue.buffering.max.kbytes", buffer / 1024, err) ||
                   set_ms(conf, "linger.ms", s->linger_ns, err) ||
                   set_ms(conf, "socket.timeout.ms", s->timeout_ns, err) ||
                   set_ms(conf, "request.timeout.ms", s->broker_timeout_ns, err) ||
                   set_ms(conf, "topic.metadata.refresh.interval.ms", s->refresh_ns, err)
               ? -1
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
                   kafka_set_security(s, conf, err)
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
    client_attach(kafka->producer->client, *out);
    return 0;
}

int kafka_make_conf(const struct kafka *kafka, rd_kafka_conf_t **out, struct err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct kafka_settings *s = &kafka->set;
    if (set_hosts(conf, &s->hosts, err) || set_fixed(conf, err) || set_tunables(kafka, conf, err) ||
        (kafka->env.wants_peers && set(conf, "statistics.interval.ms", "5000", err)) ||
        set_transactions(kafka, conf, err) || kafka_set_security(s, conf, err)) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    *out = conf;
    return 0;
}
