/* kafka_shape.c: from an event to the message it becomes: topic, value, key, partition.
 *
 * Happy path: an input with one topic, no key, no codec: nothing of the event is looked at.
 * Failure modes: no rule fits, a field that codec.format or partition.hash needs is missing: the event is refused, with why.
 */
#include "kafka.h"

#include <stdlib.h>

static int read_format(const char *text, const char *where, struct format **format, struct err *err)
{
    if (!text || !*text)
        return 0;
    return format_new(format, text, err) ? err_wrap(err, "output.kafka.%s", where) : 0;
}

static int read_codec(struct kafka *kafka, struct err *err)
{
    const struct kafka_settings *set = &kafka->set;
    if (set->codec_format && (set->pretty || set->escape_html))
        return err_set(err, ERR_CONFIG,
                       "output.kafka.codec: format and json are both set: keep one of them");
    if (set->codec_format && set->end_records)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.end_records: an end cannot be told by codec.format.string: "
                       "remove one of them");
    return read_format(set->codec_format, "codec.format.string", &kafka->shape.codec, err);
}

static int check_mark_topic(const struct kafka *kafka, struct err *err)
{
    if (kafka->set.delivery != DELIVERY_EXACTLY_ONCE || kafka_first_topic(kafka))
        return 0;
    return err_set(
        err, ERR_CONFIG,
        "output.kafka.delivery: exactly_once keeps its mark with a topic whose name does "
        "not change, but all have a date: give one input, or a rule, a topic without "
        "%%{+..}");
}

int kafka_read_shape(struct kafka *kafka, const struct output_env *env, struct err *err)
{
    kafka_free_shape(kafka);
    kafka->shape.event = lookup_in(LOOKUP_EVENT, NULL, 0);
    return kafka_plan_routes(kafka, env, err) || kafka_read_partition(kafka, err) ||
                   kafka_read_header_settings(kafka, err) ||
                   read_format(kafka->set.key, "key", &kafka->shape.key_format, err) ||
                   read_codec(kafka, err) || kafka_read_dead(kafka, err) ||
                   check_mark_topic(kafka, err)
               ? -1
               : 0;
}

void kafka_free_shape(struct kafka *kafka)
{
    struct kafka_shape *shape = &kafka->shape;
    format_free(shape->key_format);
    format_free(shape->codec);
    lookup_free(&shape->event);
    buf_free(&shape->name);
    buf_free(&shape->key);
    buf_free(&shape->value);
    if (shape->headers)
        rd_kafka_headers_destroy(shape->headers);
    *shape = (struct kafka_shape) {.key_format = NULL};
    kafka_free_partition(kafka);
    kafka_free_dead(kafka);
    kafka_free_rules(kafka);
}

/* ---- one event ---- */

/* As the event says; when it was read, if it says nothing. */
static int64_t time_of(struct kafka *kafka, const struct out_event *ev)
{
    int64_t ms;
    return lookup_time(&kafka->shape.event, &ms) ? ms : ev->time_ms;
}

static void make_key(struct kafka *kafka, const struct out_event *ev, struct kafka_message *msg)
{
    const char *missing;
    struct buf *key = &kafka->shape.key;
    buf_clear(key);
    if (!kafka->shape.key_format || !format_put(kafka->shape.key_format, &kafka->shape.event,
                                                time_of(kafka, ev), key, &missing))
        return;
    msg->key = buf_str(key);
    msg->key_len = key->len;
}

bool kafka_keeps_value(const struct kafka *kafka)
{
    return !kafka->shape.codec && !kafka->set.pretty && !kafka->set.escape_html;
}

static const char *make_value(struct kafka *kafka, const struct out_event *ev,
                              struct kafka_message *msg)
{
    const struct kafka_settings *set = &kafka->set;
    struct buf *value = &kafka->shape.value;
    const char *missing;
    msg->value = ev->bytes;
    msg->len = ev->len;
    if (kafka_keeps_value(kafka))
        return NULL;
    buf_clear(value);
    if (!kafka->shape.codec)
        kafka_rewrite_json(ev->bytes, ev->len, set->pretty, set->escape_html, value);
    else if (!format_put(kafka->shape.codec, &kafka->shape.event, time_of(kafka, ev), value,
                         &missing))
        return "output.kafka.codec.format.string names a field that the event does not have";
    msg->value = buf_str(value);
    msg->len = value->len;
    return NULL;
}

const char *kafka_shape(struct kafka *kafka, const struct out_event *ev, struct kafka_message *msg)
{
    *msg = (struct kafka_message) {.value = ev->bytes, .len = ev->len};
    lookup_renew(&kafka->shape.event, ev->bytes, ev->len);
    int topic = kafka_route(kafka, ev);
    if (topic == NO_TOPIC)
        return "no rule of output.kafka.topics fits and output.kafka.topic is not set";
    msg->topic = (unsigned)topic;
    make_key(kafka, ev, msg);
    const char *why = make_value(kafka, ev, msg);
    if (why)
        return why;
    return kafka_spread(kafka, ev, msg)
               ? NULL
               : "a field of output.kafka.partition.hash.hash is not there, and hash.random is off";
}
