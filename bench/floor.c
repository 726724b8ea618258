/* floor.c: the least a librdkafka program can do for the same job: read, wrap each line into an event of the size that
 * posta makes, produce, wait for the acknowledgements. No spool, no positions, no rotation, no escaping.
 *
 *   floor BOOTSTRAP TOPIC FILE
 */
#include <librdkafka/rdkafka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, EVENT_MAX = 64 * 1024 };

static const char head[] = "{\"@timestamp\":\"2026-01-02T03:04:05.678Z\",\"@metadata\":{\"beat\":"
                           "\"filebeat\",\"type\":\"_doc\",\"version\":\"0.1.0\","
                           "\"_id\":\"1a201f51545a5d5e53a71a0000000000\"},\"event\":{\"id\":"
                           "\"1a201f51545a5d5e53a71a0000000000\"},\"message\":\"";
static const char tail_format[] =
    "\",\"log\":{\"offset\":%" PRIu64
    ",\"file\":{\"path\":\"/var/log/nginx/access.log\",\"device_id\":\"27\",\"inode\":\"1563\"}},"
    "\"input\":{\"type\":\"filestream\"},\"ecs\":{\"version\":\"8.0.0\"},\"host\":{\"name\":\"pod-"
    "1\"},\"agent\":{\"name\":\"pod-1\","
    "\"type\":\"filebeat\",\"version\":\"0.1.0\",\"id\":\"7d6cb438-0fa9-4e4b-a97b-a4dca39fb2ad\","
    "\"ephemeral_id\":\"f8278cdb-fd56-4a11-ba55-9539bcb37ed3\"}}";

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

static rd_kafka_t *make_producer(const char *bootstrap)
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
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!rk) {
        fprintf(stderr, "floor: %s\n", text);
        exit(1);
    }
    return rk;
}

/* The message goes in as it is but for quotes and backslashes, byte by byte: what a plain program does. */
static size_t wrap(char *event, const char *line, size_t len, uint64_t offset)
{
    size_t n = sizeof head - 1;
    memcpy(event, head, n);
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '"' || line[i] == '\\')
            event[n++] = '\\';
        event[n++] = line[i];
    }
    return n + (size_t)snprintf(event + n, 1024, tail_format, offset);
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *event, size_t len)
{
    while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)event, len, NULL, 0,
                            NULL) == -1)
        rd_kafka_poll(rk, 10);
}

int main(int argc, char **argv)
{
    static char block[READ_BYTES + EVENT_MAX], event[4 * EVENT_MAX];
    if (argc != 4)
        return 1;
    rd_kafka_t *rk = make_producer(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    int fd = open(argv[3], O_RDONLY);
    size_t kept = 0;
    uint64_t offset = 0, n_lines = 0;
    for (ssize_t n; (n = read(fd, block + kept, READ_BYTES)) > 0;) {
        char *at = block, *end = block + kept + n, *nl;
        for (; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1, n_lines++) {
            produce(rk, topic, event, wrap(event, at, (size_t)(nl - at), offset));
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
