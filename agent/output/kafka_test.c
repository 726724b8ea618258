/* kafka_test.c: `posta test output` for Kafka: what a newcomer wants to know, step by step, with the cure. */
#include "kafka.h"

#include <posta/log.h>

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { TEST_WAIT_MS = 10000 };

static void split_host(const char *host, char name[static 256], char port[static 16])
{
    const char *colon = strrchr(host, ':');
    size_t len = colon ? (size_t)(colon - host) : strlen(host);
    snprintf(name, 256, "%.*s", (int)(len > 255 ? 255 : len), host);
    snprintf(port, 16, "%.15s", colon ? colon + 1 : "9092");
}

static bool test_name(const char *host, FILE *to)
{
    char name[256], port[16];
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    split_host(host, name, port);
    fprintf(to, "  host %s: name... ", host);
    int rc = getaddrinfo(name, port, &hints, &found);
    if (rc)
        fprintf(to, "FAILED (%s)\n", gai_strerror(rc));
    else
        fprintf(to, "OK\n");
    if (found)
        freeaddrinfo(found);
    return rc == 0;
}

/* Collect what librdkafka complains about while we wait for an answer. */
static void note_errors(struct producer *producer, struct err *last)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(producer->queue, 0))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
            const char *text = rd_kafka_event_error_string(event);
            err_set(last, ERR_AGAIN, "%s: %s", text,
                    kafka_advice(rd_kafka_event_error(event), text));
        }
        rd_kafka_event_destroy(event);
    }
}

static int ask_metadata(struct producer *producer, rd_kafka_topic_t *topic,
                        const struct rd_kafka_metadata **meta, struct err *err)
{
    struct err last = ERR_INIT;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TRANSPORT;
    for (int waited_ms = 0; waited_ms < TEST_WAIT_MS; waited_ms += 1000) {
        code = rd_kafka_metadata(producer->rk, 0, topic, meta, 1000);
        note_errors(producer, &last);
        if (!code || last.kind)
            break;
    }
    if (!code)
        return 0;
    if (last.kind)
        return err_set(err, ERR_AGAIN, "%s", last.text);
    return err_set(err, ERR_AGAIN, "no broker answered in %d s: %s", TEST_WAIT_MS / 1000,
                   rd_kafka_err2str(code));
}

static int print_topic(const struct rd_kafka_metadata *meta, FILE *to, struct err *err)
{
    const struct rd_kafka_metadata_topic *topic = &meta->topics[0];
    fprintf(to, "  topic %s... ", topic->topic);
    if (topic->err) {
        fprintf(to, "FAILED\n");
        return err_set(err, ERR_DENIED, "topic %s: %s: %s", topic->topic,
                       rd_kafka_err2str(topic->err), kafka_advice(topic->err, NULL));
    }
    int without_leader = 0;
    for (int i = 0; i < topic->partition_cnt; i++)
        without_leader += topic->partitions[i].leader < 0;
    int replicas = topic->partition_cnt ? topic->partitions[0].replica_cnt : 0;
    fprintf(to, "OK (%d partitions, %d replicas%s)\n", topic->partition_cnt, replicas,
            without_leader ? ", some WITHOUT A LEADER"
            : replicas < 3 ? "; fewer than 3 replicas can lose acknowledged events"
                           : "");
    return 0;
}

/* Does it answer, but not to what posta needs? */
static int test_producer(struct kafka *kafka, FILE *to, struct err *err)
{
    char text[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka->producer->rk, text, sizeof text);
    if (!code)
        return 0;
    fprintf(to, "  producer... FAILED\n");
    return err_set(err, ERR_DENIED, "%s: %s", text, kafka_advice(code, text));
}

static int test_topic(struct kafka *kafka, unsigned number, FILE *to, struct err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    fprintf(to, "  connect%s... ", kafka->set.tls.is_used ? " with TLS" : "");
    fflush(to);
    if (ask_metadata(kafka->producer, kafka_topic_handle(kafka, kafka->producer, number), &meta,
                     err)) {
        fprintf(to, "FAILED\n");
        return -1;
    }
    fprintf(to, "OK (%d brokers)\n", meta->broker_cnt);
    int rc = print_topic(meta, to, err);
    rd_kafka_metadata_destroy(meta);
    return rc ? rc : test_producer(kafka, to, err);
}

/* Under a name of its own: with its own it would stop a posta that is running. */
static int test_transactions(struct kafka *kafka, FILE *to, struct err *err)
{
    static struct txn_result result; /* some KB */
    rd_kafka_conf_t *reader;
    if (!kafka->txn.is_used)
        return 0;
    if (kafka_make_member_conf(kafka, kafka->txn.id, &reader, err))
        return -1;
    const struct txn_thread_config config = {.rk = kafka->producer->rk,
                                             .reader = reader,
                                             .group = kafka->txn.id,
                                             .topic = kafka_first_topic(kafka),
                                             .timeout_ms = TEST_WAIT_MS};
    fprintf(to, "  transactions as %s... ", kafka->txn.id);
    fflush(to);
    if (txn_try(&config, &result) == TXN_DONE) {
        fprintf(to, "OK\n");
        return 0;
    }
    fprintf(to, "FAILED\n");
    return err_set(err, ERR_DENIED, "%s: %s (id and group %s, which begin as those that are used)",
                   result.text, kafka_advice(result.code, result.text), kafka->txn.id);
}

static int name_test(struct kafka *kafka, struct err *err)
{
    if (kafka_txn_init(kafka, err))
        return -1;
    char *id = kafka->txn.id;
    kafka->txn.id = id ? mem_printf("%s.test", id) : NULL;
    free(id);
    return 0;
}

static int run_test(struct kafka *kafka, FILE *to, struct err *err)
{
    bool has_name = false;
    for (size_t i = 0; i < kafka->set.hosts.n; i++)
        has_name |= test_name(kafka->set.hosts.at[i], to);
    if (!has_name)
        return err_set(err, ERR_AGAIN, "no name in output.kafka.hosts resolves");
    if (name_test(kafka, err) || producer_new(kafka, &kafka->producer, err))
        return -1;
    int rc = 0;
    unsigned n = kafka_name_dated(kafka, clock_wall_ns() / NS_PER_MS);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = test_topic(kafka, i, to, err);
    return rc == 0 ? test_transactions(kafka, to, err) : rc;
}

int kafka_test(void *self, const struct output_env *env, FILE *to, struct err *err)
{
    struct kafka *kafka = self;
    kafka->env = *env;
    fprintf(to, "kafka: librdkafka %s\n  certificates... ", rd_kafka_version_str());
    if (kafka_check_tls(&kafka->set.tls, err) || kafka_check_sasl(&kafka->set, err) ||
        kafka_read_shape(kafka, env, err)) {
        fprintf(to, "FAILED\n");
        return -1;
    }
    fprintf(to, "%s\n",
            kafka->set.tls.is_used ? "OK"
            : kafka_sasl_name(&kafka->set)
                ? "not used: the connection is not encrypted"
                : "not used: the connection is neither encrypted nor authenticated");
    return run_test(kafka, to, err);
}
