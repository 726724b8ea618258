/* kafka_pace.c: the Kafka output asks kafka_flow.c, and tells it what went and what came back. */
#include "kafka.h"

/* Length, attributes, differences of time and offset, lengths of key and value, number of headers: as varints. */
enum { RECORD_OVERHEAD_MAX = 36 };

void kafka_set_pace(struct kafka *kafka)
{
    const struct kafka_settings *set = &kafka->set;
    kafka->pace.batch_events = kafka_batch_events(kafka);
    kafka->pace.batch_bytes = kafka_batch_limit_bytes(kafka);
    kafka->pace.overhead_bytes = RECORD_OVERHEAD_MAX + kafka_header_bytes(kafka);
    kafka->pace.linger_ns = set->linger_ns;
}

bool kafka_is_open(struct kafka *kafka, const struct kafka_message *msg)
{
    const rd_kafka_topic_t *topic = kafka_topic_handle(kafka, kafka->producer, msg->topic);
    int64_t now_ns = loop_now(kafka->env.loop);
    if (!topic) /* producing will say why */
        return true;
    int64_t opens_ns = flow_opens_ns(rd_kafka_topic_opaque(topic), &kafka->pace, msg->spread,
                                     msg->key_len + msg->len, now_ns);
    if (opens_ns && opens_ns != INT64_MAX)
        loop_set_timer(kafka->env.loop, &kafka->opens, opens_ns - now_ns);
    return opens_ns == 0;
}

void kafka_note_given(struct kafka *kafka, const rd_kafka_topic_t *topic,
                      const struct kafka_message *msg)
{
    flow_sent(rd_kafka_topic_opaque(topic), &kafka->pace, msg->spread, msg->key_len + msg->len,
              loop_now(kafka->env.loop));
}

void kafka_note_landed(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    flow_reported(rd_kafka_topic_opaque(msg->rkt), &kafka->pace, msg->partition, !msg->err,
                  loop_now(kafka->env.loop));
}

void kafka_open_again(void *arg)
{
    kafka_release(arg);
}
