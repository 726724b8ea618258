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
    client_attach(producer->client, conf);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
                                       RD_KAFKA_EVENT_STATS);
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
    producer->arena =
        arena_new(2 * kafka->set.buffer_bytes); /* blocks are not full of what is out */
    producer->io = (struct loop_io) {.fd = -1};
    if (make_instance(kafka, producer, err) || kafka_make_handles(kafka, producer, err) ||
        attach_queue(kafka, producer, err)) {
        producer_free(producer, kafka->env.loop, 0);
        return -1;
    }
    kafka_make_asked(kafka, producer);
    *out = producer;
    kafka->stats.producers_made++;
    return 0;
}

int producer_probe(struct producer *producer, struct probe_config *ask, struct err *err)
{
    ask->rk = producer->rk;
    ask->topics = producer->asked;
    ask->n_topics = producer->n_asked;
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
    kafka_free_handles(producer);
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
    arena_free(producer->arena);
    flow_free_all(producer->flows);
    if (producer->io.fd >= 0)
        close(producer->io.fd);
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
