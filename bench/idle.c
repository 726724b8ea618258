/* idle.c: a librdkafka producer that has nothing to do: what a shipper on it cannot get below at rest. One event goes to each
 * partition first, so that it is connected to each broker, as after work.
 *
 *   idle BOOTSTRAP TOPIC PARTITIONS
 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "idle: %s\n", text);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    char text[256], event[] = "{}";
    if (argc != 4)
        return 1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "enable.idempotence", "true");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    rd_kafka_topic_t *topic = rk ? rd_kafka_topic_new(rk, argv[2], NULL) : NULL;
    if (!topic)
        return 1;
    for (int i = 0; i < atoi(argv[3]); i++)
        if (rd_kafka_produce(topic, i, RD_KAFKA_MSG_F_COPY, event, 2, NULL, 0, NULL))
            return 1;
    if (rd_kafka_flush(rk, 10000))
        return 1;
    pause(); /* until it is told to go */
    return 0;
}
