/* kafka_producer.c: one librdkafka instance: made, attached to the loop, destroyed.
 *
 * Happy path: rd_kafka_new, its main queue reports to an eventfd, topic handles are made with our partitioner.
 * Failure modes: rd_kafka_new refuses the configuration: its own text is the error.
 * On close: rd_kafka_destroy may wait for brokers or for ever; it runs in a thread of its own, and after wait_ms the program
 * goes on without it.
 */
#include "kafka.h"

#include <posta/log.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { KEY_SHIFT = OUTPUT_TOKEN_BITS };

void *kafka_pack_token(uint64_t token, uint32_t order_key)
{
    uint64_t low = token & ((UINT64_C(1) << KEY_SHIFT) - 1);
    return (void *)(uintptr_t)((uint64_t)(order_key & 0xffff) << KEY_SHIFT | low);
}

uint64_t kafka_token_of(const void *opaque)
{
    return (uint64_t)(uintptr_t)opaque & ((UINT64_C(1) << KEY_SHIFT) - 1);
}

/* Any thread. The log decides, whether its partition has a leader now or not: order comes before balance. */
static int32_t choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_len,
                                int32_t n_partitions, void *topic_opaque, void *msg_opaque)
{
    (void)topic, (void)key, (void)key_len, (void)topic_opaque;
    return (int32_t)((uint64_t)(uintptr_t)msg_opaque >> KEY_SHIFT) % n_partitions;
}

static int make_topics(struct kafka *kafka, struct producer *producer, struct err *err)
{
    producer->topics = mem_zero(kafka->env.n_routes, sizeof(rd_kafka_topic_t *));
    for (unsigned i = 0; i < kafka->env.n_routes; i++) {
        rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
        rd_kafka_topic_conf_set_partitioner_cb(conf, choose_partition);
        producer->topics[i] = rd_kafka_topic_new(producer->rk, kafka->topic_names[i], conf);
        if (!producer->topics[i])
            return err_set(err, ERR_CONFIG, "topic %s: %s", kafka->topic_names[i],
                           rd_kafka_err2str(rd_kafka_last_error()));
        producer->n_topics++;
    }
    return 0;
}

static int attach_queue(struct kafka *kafka, struct producer *producer, struct err *err)
{
    static const uint64_t one = 1;
    producer->queue = rd_kafka_queue_get_main(producer->rk);
    rd_kafka_set_log_queue(producer->rk, producer->queue);
    producer->io.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (producer->io.fd < 0)
        return err_sys(err, "make an eventfd");
    rd_kafka_queue_io_event_enable(producer->queue, producer->io.fd, &one, sizeof one);
    return loop_add(kafka->env.loop, &producer->io, err);
}

static int make_instance(struct kafka *kafka, struct producer *producer, struct err *err)
{
    char text[512];
    rd_kafka_conf_t *conf;
    if (kafka_make_conf(kafka, &conf, err))
        return -1;
    rd_kafka_conf_set_opaque(conf, producer->client);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    producer->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer->rk)
        return kafka_start_sasl(producer->rk, err);
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_CONFIG, "output.kafka: %s", text);
}

int producer_new(struct kafka *kafka, struct producer **out, struct err *err)
{
    struct producer *producer = mem_zero(1, sizeof *producer);
    producer->client = client_new(&kafka->set, NULL);
    producer->io = (struct loop_io) {.fd = -1};
    if (make_instance(kafka, producer, err) || make_topics(kafka, producer, err) ||
        attach_queue(kafka, producer, err)) {
        producer_free(producer, kafka->env.loop, 0);
        return -1;
    }
    *out = producer;
    kafka->stats.producers_made++;
    return 0;
}

int producer_probe(struct producer *producer, struct probe_config *ask, struct err *err)
{
    ask->rk = producer->rk;
    ask->topics = producer->topics;
    ask->n_topics = producer->n_topics;
    return probe_new(&producer->probe, ask, err);
}

void producer_end_probe(struct producer *producer)
{
    probe_free(producer->probe);
    producer->probe = NULL;
}

static void end_instance(struct producer *producer)
{
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                     RD_KAFKA_PURGE_F_NON_BLOCKING);
    for (unsigned i = 0; i < producer->n_topics; i++)
        rd_kafka_topic_destroy(producer->topics[i]);
    rd_kafka_destroy(producer->rk);
}

static void *destroy(void *arg)
{
    struct producer *producer = arg;
    if (producer->txn_thread)
        txn_thread_free(producer->txn_thread);
    if (producer->probe)
        producer_end_probe(producer);
    if (producer->rk)
        end_instance(producer);
    client_free(producer->client);
    if (producer->io.fd >= 0)
        close(producer->io.fd);
    free(producer->topics);
    free(producer);
    return NULL;
}

static void release_handles(struct producer *producer, struct loop *loop)
{
    if (producer->queue) {
        rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
        rd_kafka_set_log_queue(producer->rk, NULL);
        rd_kafka_queue_destroy(producer->queue);
    }
    if (producer->io.fd >= 0)
        loop_remove(loop, &producer->io);
    if (producer->txn_thread)
        txn_thread_leave(producer->txn_thread);
    if (producer->probe)
        probe_leave(producer->probe);
}

void producer_free(struct producer *producer, struct loop *loop, int wait_ms)
{
    if (!producer)
        return;
    release_handles(producer, loop);
    pthread_t thread;
    if (pthread_create(&thread, NULL, destroy, producer) != 0) {
        log_error("kafka", "cannot start a thread to end the old connection; it is kept");
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_nsec -= NS_PER_S;
        until.tv_sec++;
    }
    if (wait_ms == 0 || pthread_timedjoin_np(thread, NULL, &until) != 0)
        pthread_detach(thread);
}
