/* kafka_probe.c: metadata of the topics, and how safe they are, asked without making the loop wait.
 *
 * Happy path: the first answer shows that a connection works, with TLS and all; librdkafka has the partitions before the first
 * event is sent. Then the number of copies is looked at, as far as posta may see it.
 * Failure modes: no answer within the timeout: the code of the last try. No right to see the topic's configuration: nothing is
 * said of it.
 * On close: probe_leave, then the thread is waited for where waiting does no harm (kafka_producer.c).
 */
#include "kafka_probe.h"

#include <posta/fs.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST_WAIT_MS = 500, WAIT_MAX_MS = 4000, CONFIG_WAIT_MS = 10000, COPIES_WANTED = 3 };

struct probe {
    struct probe_config config;
    pthread_t thread;
    struct loop_io io; /* eventfd: it is done */
    _Atomic bool is_hurried;
    bool is_joined;
    rd_kafka_resp_err_t code;
    struct buf weak;
};

static void note_weak(struct probe *probe, const char *topic, const char *what, int n)
{
    buf_printf(&probe->weak, "%stopic %s has %s %d", probe->weak.len ? "; " : "", topic, what, n);
}

static void note_copies(struct probe *probe, const struct rd_kafka_metadata_topic *topic)
{
    int copies = topic->partition_cnt ? topic->partitions[0].replica_cnt : COPIES_WANTED;
    for (int i = 1; i < topic->partition_cnt; i++)
        if (topic->partitions[i].replica_cnt < copies)
            copies = topic->partitions[i].replica_cnt;
    if (copies < COPIES_WANTED)
        note_weak(probe, topic->topic, "replication factor", copies);
}

/* ---- metadata ---- */

/* Who cannot ask for it has no right there; that a topic is missing, or has no leader now, says nothing of the connection. */
static rd_kafka_resp_err_t code_of(const struct rd_kafka_metadata *meta)
{
    rd_kafka_resp_err_t code = meta->topic_cnt ? meta->topics[0].err : 0;
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? code : 0;
}

/* Waits that grow: one that has just missed a connection soon tries the next, a slow broker has its time. */
static rd_kafka_resp_err_t ask_topic(struct probe *probe, rd_kafka_topic_t *topic, int64_t until_ns)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_resp_err_t code;
    int wait_ms = FIRST_WAIT_MS;
    do {
        code = rd_kafka_metadata(probe->config.rk, 0, topic, &meta, wait_ms);
        wait_ms = wait_ms * 2 < WAIT_MAX_MS ? wait_ms * 2 : WAIT_MAX_MS;
    } while (code && !probe->is_hurried && clock_mono_ns() < until_ns);
    if (code)
        return code;
    code = code_of(meta);
    if (probe->config.asks_copies && meta->topic_cnt && !meta->topics[0].err)
        note_copies(probe, &meta->topics[0]);
    rd_kafka_metadata_destroy(meta);
    return code;
}

/* ---- the topics' configuration ---- */

static void note_entry(struct probe *probe, const rd_kafka_ConfigResource_t *topic)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topic, &n);
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "min.insync.replicas") == 0 &&
            atoi(value) < 2)
            note_weak(probe, rd_kafka_ConfigResource_name(topic), "min.insync.replicas",
                      atoi(value));
    }
}

static void take_config(struct probe *probe, rd_kafka_event_t *event)
{
    size_t n = 0;
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    const rd_kafka_ConfigResource_t **topics =
        result ? rd_kafka_DescribeConfigs_result_resources(result, &n) : NULL;
    for (size_t i = 0; i < n; i++)
        if (!rd_kafka_ConfigResource_error(topics[i]))
            note_entry(probe, topics[i]);
}

static void wait_config(struct probe *probe, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = NULL;
    for (int ms = 0; ms < CONFIG_WAIT_MS && !event && !probe->is_hurried; ms += FIRST_WAIT_MS)
        event = rd_kafka_queue_poll(queue, FIRST_WAIT_MS);
    if (!event)
        return;
    take_config(probe, event);
    rd_kafka_event_destroy(event);
}

static void ask_config(struct probe *probe)
{
    unsigned n = probe->config.n_topics;
    rd_kafka_ConfigResource_t **ask = mem_zero(n, sizeof(rd_kafka_ConfigResource_t *));
    for (unsigned i = 0; i < n; i++)
        ask[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
                                             rd_kafka_topic_name(probe->config.topics[i]));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(probe->config.rk);
    rd_kafka_DescribeConfigs(probe->config.rk, ask, n, NULL, queue);
    wait_config(probe, queue);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(ask, n);
    free(ask);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct probe *probe = arg;
    int64_t until_ns = clock_mono_ns() + probe->config.timeout_ns;
    uint64_t one = 1;
    if (probe->config.n_topics == 0) /* an answer is a proof all the same */
        probe->code = ask_topic(probe, NULL, until_ns);
    for (unsigned i = 0; i < probe->config.n_topics && !probe->code; i++)
        probe->code = ask_topic(probe, probe->config.topics[i], until_ns);
    if (probe->config.asks_copies && probe->config.n_topics && !probe->code)
        ask_config(probe);
    ssize_t ignored = write(probe->io.fd, &one, sizeof one);
    (void)ignored; /* only a bell, and an eventfd always has room for one */
    return NULL;
}

static void finish(void *arg)
{
    struct probe *probe = arg;
    loop_remove(probe->config.loop, &probe->io);
    pthread_join(probe->thread, NULL); /* ringing was its last act */
    probe->is_joined = true;
    probe->config.done(probe->config.arg, probe->code, buf_str(&probe->weak));
}

/* Inputs may share a topic: each name once. */
static void copy_topics(struct probe *probe, const struct probe_config *config)
{
    probe->config.topics = mem_zero(config->n_topics, sizeof(rd_kafka_topic_t *));
    probe->config.n_topics = 0;
    for (unsigned i = 0; i < config->n_topics; i++) {
        unsigned k = 0;
        while (k < probe->config.n_topics && strcmp(rd_kafka_topic_name(probe->config.topics[k]),
                                                    rd_kafka_topic_name(config->topics[i])) != 0)
            k++;
        if (k == probe->config.n_topics)
            probe->config.topics[probe->config.n_topics++] = config->topics[i];
    }
}

static int start(struct probe *probe, struct err *err)
{
    probe->io.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (probe->io.fd < 0)
        return err_sys(err, "make an eventfd");
    if (loop_add(probe->config.loop, &probe->io, err))
        return -1;
    int rc = pthread_create(&probe->thread, NULL, run, probe);
    if (rc == 0)
        return 0;
    loop_remove(probe->config.loop, &probe->io);
    return err_set(err, ERR_AGAIN, "start a thread: %s", strerror(rc));
}

int probe_new(struct probe **out, const struct probe_config *config, struct err *err)
{
    struct probe *probe = mem_zero(1, sizeof *probe);
    probe->config = *config;
    probe->io = (struct loop_io) {.fd = -1, .ready = finish, .arg = probe};
    copy_topics(probe, config);
    if (start(probe, err) == 0) {
        *out = probe;
        return 0;
    }
    if (probe->io.fd >= 0)
        close(probe->io.fd);
    free(probe->config.topics);
    free(probe);
    return -1;
}

void probe_hurry(struct probe *probe)
{
    if (probe)
        probe->is_hurried = true;
}

void probe_leave(struct probe *probe)
{
    probe->is_hurried = true;
    loop_remove(probe->config.loop, &probe->io);
}

void probe_free(struct probe *probe)
{
    if (!probe->is_joined)
        pthread_join(probe->thread, NULL);
    close(probe->io.fd);
    buf_free(&probe->weak);
    free(probe->config.topics);
    free(probe);
}
