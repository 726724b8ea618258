/* floor.c: the least a librdkafka program can do for the same job: read, wrap each line into an event of the size that
 * posta makes, produce, wait for the acknowledgements. No spool, no positions, no rotation. The settings of librdkafka are those
 * that posta gives it; all goes to one partition, as one log of posta's does.
 *
 *   floor BOOTSTRAP TOPIC FILE [NAME=VALUE...]       more settings of librdkafka
 */
#include "event.h"

#include <librdkafka/rdkafka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t n_failed;

static void report(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    (void)rk, (void)opaque;
    n_failed += msg->err != 0;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "floor: %s\n", text);
        exit(1);
    }
}

static void set_more(rd_kafka_conf_t *conf, char **settings)
{
    for (char *value; *settings; settings++) {
        value = strchr(*settings, '=');
        if (!value)
            exit(1);
        *value = '\0';
        set(conf, *settings, value + 1);
    }
}

static rd_kafka_t *make_producer(const char *bootstrap, char **settings)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "enable.idempotence", "true");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "5");
    set(conf, "batch.num.messages", "2048");
    set(conf, "queue.buffering.max.kbytes", "4096");
    set(conf, "sticky.partitioning.linger.ms", "0");
    set_more(conf, settings);
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!rk) {
        fprintf(stderr, "floor: %s\n", text);
        exit(1);
    }
    return rk;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *event, size_t len)
{
    while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)event, len, NULL, 0,
                            NULL) == -1)
        rd_kafka_poll(rk, 10);
}

int main(int argc, char **argv)
{
    static char block[READ_BYTES + LINE_MAX], event[EVENT_MAX];
    if (argc < 4)
        return 1;
    rd_kafka_t *rk = make_producer(argv[1], argv + 4);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    int fd = open(argv[3], O_RDONLY);
    size_t kept = 0;
    uint64_t offset = 0, n_lines = 0;
    for (ssize_t n; (n = read(fd, block + kept, READ_BYTES)) > 0;) {
        char *at = block, *end = block + kept + n, *nl;
        for (; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1, n_lines++) {
            produce(rk, topic, event, event_wrap(event, at, (size_t)(nl - at), offset));
            offset += (uint64_t)(nl + 1 - at);
        }
        kept = (size_t)(end - at);
        memmove(block, at, kept);
        rd_kafka_poll(rk, 0);
    }
    while (rd_kafka_outq_len(rk) > 0)
        rd_kafka_poll(rk, 100);
    fprintf(stderr, "floor: %" PRIu64 " lines, %" PRIu64 " failed\n", n_lines, n_failed);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    close(fd);
    return n_failed != 0;
}
