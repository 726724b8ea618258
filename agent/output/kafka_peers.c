/* kafka_peers.c: what librdkafka says of its brokers, for who looks at posta from outside.
 *
 * Happy path: asked for, librdkafka tells of itself every few seconds; the text is kept, and taken apart when somebody asks.
 * Failure modes: it cannot be read: nobody is told of anything.
 * On close: the text goes.
 */
#include "kafka.h"

#include <posta/json.h>

#include <stdlib.h>

void kafka_note_peers(struct kafka *kafka, const char *text)
{
    buf_clear(&kafka->peers);
    buf_puts(&kafka->peers, text ? text : "");
}

/* The member of this name; JSON_NULL if there is none. */
static struct json_span member(struct json_span object, const char *name)
{
    struct json_span key, value;
    struct json_walk walk = json_members(object);
    while (object.type == JSON_OBJECT && json_next(&walk, &key, &value))
        if (json_equals(key, name))
            return value;
    return (struct json_span) {.type = JSON_NULL};
}

static int64_t number(struct json_span object, const char *name)
{
    struct json_span value = member(object, name);
    return value.type == JSON_NUMBER ? strtoll(value.at, NULL, 10) : 0;
}

static const char *text_of(struct json_span object, const char *name, struct buf *into)
{
    struct json_span value = member(object, name);
    buf_clear(into);
    if (value.type == JSON_STRING)
        json_text(value, into);
    return buf_str(into);
}

/* Not those that stand for a role. */
static bool is_broker(struct json_span broker)
{
    struct json_span source = member(broker, "source");
    return broker.type == JSON_OBJECT && source.type == JSON_STRING &&
           (json_equals(source, "configured") || json_equals(source, "learned"));
}

static void give_one(struct json_span broker, void (*give)(void *, const struct output_peer *),
                     void *arg)
{
    struct buf name = BUF_INIT, state = BUF_INIT;
    struct output_peer peer = {
        .name = text_of(broker, "nodename", &name),
        .state = text_of(broker, "state", &state),
        .id = number(broker, "nodeid"),
        .disconnects = (uint64_t)number(broker, "disconnects"),
        .errors = (uint64_t)(number(broker, "txerrs") + number(broker, "rxerrs")),
        .rtt_s = (double)number(member(broker, "rtt"), "avg") / 1e6,
    };
    if (*peer.name)
        give(arg, &peer);
    buf_free(&name);
    buf_free(&state);
}

void kafka_peers(const void *self, void (*give)(void *arg, const struct output_peer *peer),
                 void *arg)
{
    const struct kafka *kafka = self;
    struct json_span all, key, broker;
    struct err ignored; /* then there is nothing to tell */
    if (kafka->peers.len == 0 || json_check(kafka->peers.data, kafka->peers.len, &all, &ignored) ||
        all.type != JSON_OBJECT)
        return;
    struct json_span brokers = member(all, "brokers");
    struct json_walk walk = json_members(brokers);
    while (brokers.type == JSON_OBJECT && json_next(&walk, &key, &broker))
        if (is_broker(broker))
            give_one(broker, give, arg);
}
