/* kafka_probe.h: ask the brokers about the topics of an instance, in a thread of its own. */
#ifndef OUTPUT_KAFKA_PROBE_H
#define OUTPUT_KAFKA_PROBE_H

#include <librdkafka/rdkafka.h>
#include <posta/buf.h>
#include <posta/loop.h>
#include <stdatomic.h>

struct probe_config {
    rd_kafka_t *rk;            /* must live until probe_free */
    rd_kafka_topic_t **topics; /* copied; the handles must live as long */
    unsigned n_topics;
    int64_t timeout_ns;
    bool asks_copies; /* how many copies of an event there are, too */
    struct loop *loop;
    void *arg;
    /* Loop thread, once. code: what became of the asking; weak: topics with too few copies, as a text. It may free the probe. */
    void (*done)(void *arg, rd_kafka_resp_err_t code, const char *weak);
};

struct probe;
int probe_new(struct probe **probe, const struct probe_config *config, struct err *err) MUST_CHECK;
/* Do not wait any longer; done comes. NULL is fine. */
void probe_hurry(struct probe *probe);
/* Done does not come any more. Loop thread; then probe_free from any thread, which waits for the thread, seconds at most. */
void probe_leave(struct probe *probe);
void probe_free(struct probe *probe);

#endif
