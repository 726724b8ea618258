/* kafka_dead.c: events that no broker takes where they should go: to the dead letter topic, or by a verdict to the dead letter file.
 *
 * Happy path: there are none. With a topic, the message goes there as it was, with why in its headers; acknowledged there, it is
 * buried.
 * Failure modes: (1) it is too large for that topic too, or refused there: to the file. (2) that topic is missing, or there is no
 * right to it: held like any other, and said; the event is sent again, refused again, and comes here again. (3) in a
 * transaction a refusal ends the transaction, and with some refusals librdkafka ends itself: the event is remembered, and goes to the
 * dead letters when it is offered again.
 * On close: what is not buried is offered again at the next start.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>

#define REASON_HEADER   "posta.reason"
#define TOPIC_HEADER    "posta.topic"
#define EVENT_ID_HEADER "posta.event_id"

int kafka_read_dead(struct kafka *kafka, struct err *err)
{
    const char *name = kafka->set.dead_topic;
    kafka->dead.topic = NO_TOPIC;
    if (!name || !*name)
        return 0;
    for (unsigned i = 0; i < kafka->topics.n; i++)
        if (strcmp(kafka->topics.at[i].name, name) == 0)
            return err_set(err, ERR_CONFIG,
                           "output.kafka.dead_letter.topic: '%s' is a topic of events too: give "
                           "dead letters a topic of their own",
                           name);
    if (kafka_check_topic_name(name, err))
        return err_wrap(err, "output.kafka.dead_letter.topic");
    kafka->dead.topic = (int)kafka_topic_number(kafka, name, false);
    return 0;
}

/* ---- the doomed: refused when they could not be buried at once ---- */

static void forget(struct doomed *doomed)
{
    free(doomed->why);
    free(doomed->topic);
    *doomed = (struct doomed) {.why = NULL};
}

void kafka_free_dead(struct kafka *kafka)
{
    for (unsigned i = 0; i < DOOMED_MAX; i++)
        forget(&kafka->dead.doomed[i]);
}

/* The oldest makes room: it would be refused once more, no more. */
static void remember(struct kafka *kafka, uint64_t token, const char *why, const char *topic)
{
    struct doomed *doomed = &kafka->dead.doomed[kafka->dead.next++ % DOOMED_MAX];
    forget(doomed);
    *doomed = (struct doomed) {token, mem_dup(why), mem_dup(topic)};
    kafka->dead.has_doomed = true;
}

const struct doomed *kafka_find_doomed(const struct kafka *kafka, uint64_t token)
{
    for (unsigned i = 0; kafka->dead.has_doomed && i < DOOMED_MAX; i++)
        if (kafka->dead.doomed[i].why && kafka->dead.doomed[i].token == token)
            return &kafka->dead.doomed[i];
    return NULL;
}

/* ---- to the topic ---- */

/* What stands beside it already, and why it is there. */
static rd_kafka_headers_t *make_headers(struct kafka *kafka, rd_kafka_headers_t *had,
                                        const struct dead_event *event)
{
    struct json_span id;
    struct lookup *lookup = &kafka->shape.event;
    rd_kafka_headers_t *headers = had ? had : rd_kafka_headers_new(3);
    rd_kafka_header_add(headers, REASON_HEADER, -1, event->why, -1);
    if (event->topic)
        rd_kafka_header_add(headers, TOPIC_HEADER, -1, event->topic, -1);
    lookup_renew(lookup, event->bytes, event->len);
    if (lookup_has(lookup, "event.id", &id) && id.type == JSON_STRING)
        rd_kafka_header_add(headers, EVENT_ID_HEADER, -1, id.at + 1, (ssize_t)id.len - 2);
    return headers;
}

static rd_kafka_resp_err_t produce(struct kafka *kafka, const struct dead_event *event,
                                   rd_kafka_headers_t *had)
{
    const struct kafka_message msg = {.topic = (unsigned)kafka->dead.topic,
                                      .key = event->key,
                                      .key_len = event->key_len,
                                      .value = event->bytes,
                                      .len = event->len,
                                      .spread = (uint32_t)event->token & 0x7fffffff};
    return kafka_produce(kafka, &msg, event->time_ms, event->token,
                         make_headers(kafka, had, event));
}

static void say(const struct kafka *kafka, const struct dead_event *event)
{
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "kafka",
                "an event of %zu bytes is refused (%s) and goes to topic %s", event->len,
                event->why, kafka->topics.at[kafka->dead.topic].name);
}

/* ---- to the file ---- */

static void give_to_file(struct kafka *kafka, const struct dead_event *event)
{
    struct buf line = BUF_INIT;
    bool is_plain = !kafka->shape.codec && !kafka->set.pretty;
    if (!is_plain)
        kafka_one_line(event->bytes, event->len, &line);
    kafka->env.verdict(kafka->env.arg, event->token, VERDICT_REFUSED, event->why,
                       is_plain ? event->bytes : line.data, is_plain ? event->len : line.len);
    buf_free(&line);
}

/* had: taken. */
static rd_kafka_resp_err_t bury(struct kafka *kafka, const struct dead_event *event,
                                rd_kafka_headers_t *had)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    if (kafka->dead.topic != NO_TOPIC)
        code = produce(kafka, event, had);
    else if (had)
        rd_kafka_headers_destroy(had);
    if (!code) {
        say(kafka, event);
        kafka_was_sent(kafka, &event->token, 1, event->len);
    } else if (kafka_is_poison(code)) {
        give_to_file(kafka, event);
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return code;
}

rd_kafka_resp_err_t kafka_bury_event(struct kafka *kafka, const struct out_event *ev,
                                     const struct kafka_message *msg, uint64_t token,
                                     const char *why, const char *topic)
{
    const struct dead_event event = {.token = token,
                                     .why = why,
                                     .topic = topic,
                                     .bytes = msg ? msg->value : ev->bytes,
                                     .len = msg ? msg->len : ev->len,
                                     .key = msg ? msg->key : NULL,
                                     .key_len = msg ? msg->key_len : 0,
                                     .time_ms = ev->time_ms};
    return bury(kafka, &event, kafka_make_headers(kafka, ev->span));
}

/* ---- reports ---- */

static rd_kafka_headers_t *headers_of(const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers;
    return rd_kafka_message_headers(msg, &headers) ? NULL : rd_kafka_headers_copy(headers);
}

bool kafka_bury_report(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    rd_kafka_timestamp_type_t type;
    const struct dead_event event = {.token = kafka_token_of(msg->_private),
                                     .why = rd_kafka_err2str(msg->err),
                                     .topic = rd_kafka_topic_name(msg->rkt),
                                     .bytes = msg->payload,
                                     .len = kafka_len_of_event(kafka, msg),
                                     .key = msg->key,
                                     .key_len = msg->key_len,
                                     .time_ms = rd_kafka_message_timestamp(msg, &type)};
    bool can_send = !kafka->txn.is_used && !kafka->must_replace && !kafka->is_held;
    if (kafka->dead.topic != NO_TOPIC && !can_send) {
        remember(kafka, event.token, event.why, event.topic);
        return false;
    }
    rd_kafka_resp_err_t code = bury(kafka, &event, headers_of(msg));
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        kafka_must_replace(kafka);
    else if (code)
        kafka_hold_topic(kafka, code, kafka->set.dead_topic);
    return !code;
}

bool kafka_is_dead(const struct kafka *kafka, const rd_kafka_message_t *msg)
{
    return kafka->set.dead_topic && kafka->dead.topic != NO_TOPIC &&
           strcmp(rd_kafka_topic_name(msg->rkt), kafka->set.dead_topic) == 0;
}

/* Refused there too. The first reason is the one that counts. */
void kafka_give_up_dead(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers;
    const void *why = NULL;
    size_t len;
    if (rd_kafka_message_headers(msg, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)rd_kafka_header_get_last(headers, REASON_HEADER, &why, &len);
    give_to_file(kafka, &(struct dead_event) {.token = kafka_token_of(msg->_private),
                                              .why = why ? why : rd_kafka_err2str(msg->err),
                                              .bytes = msg->payload,
                                              .len = msg->len});
}
