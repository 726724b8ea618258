/* kafka.c: the Kafka output: events in, verdicts out, and the supervisor of the librdkafka instance.
 *
 * Happy path: send copies an event into librdkafka's queue under its token; the delivery report of the brokers comes
 * through the loop and becomes its verdict.
 * Failure modes: (1) the queue is full: busy, until reports make room. (2) brokers away: librdkafka keeps trying without
 * limit; the queue fills, the spool waits. (3) an event that will never be accepted (too large, invalid): REFUSED.
 * (4) a refusal that may pass (no right, no such topic): nothing is sent for a while, then everything without a
 * verdict once more. (5) librdkafka's instance is broken (a fatal error, or no report for stall_timeout while events
 * wait): a new one takes its place and everything without a verdict is sent again; what the old one may have delivered
 * in its last moment comes twice, under the same event ids.
 * On close: half a second for the old instance to go, then it is left behind.
 */
#include "kafka.h"
#include "output.h"

#include <posta/log.h>

#include <stdlib.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256, CLOSE_WAIT_MS = 500 };
#define SUPERVISE_NS (1 * NS_PER_S)

/* ---- what comes back ---- */

static void note_up(struct kafka *kafka)
{
    if (!kafka->is_up)
        log_info("kafka", "delivering to topic %s%s", kafka->topic_names[0],
                 kafka->env.n_routes > 1 ? " and others" : "");
    kafka->is_up = true;
    kafka->n_back_offs = 0;
}

/* The first wait is first_ns, then from backoff.init to backoff.max, doubling, until something is delivered. */
static void back_off(struct kafka *kafka, int64_t first_ns)
{
    unsigned doublings = kafka->n_back_offs > 1 ? kafka->n_back_offs - 1 : 0;
    int64_t wait = kafka->set.backoff_init_ns << (doublings < 16 ? doublings : 16);
    if (kafka->n_back_offs++ == 0)
        wait = first_ns;
    if (wait > kafka->set.backoff_max_ns)
        wait = kafka->set.backoff_max_ns;
    kafka->hold_until_ns = loop_now(kafka->env.loop) + wait;
    kafka->is_up = false;
}

static void must_replace(struct kafka *kafka)
{
    if (!kafka->must_replace)
        back_off(kafka, 0);
    kafka->must_replace = true;
}

static void hold(struct kafka *kafka, rd_kafka_resp_err_t code, const char *topic)
{
    static struct log_limit limit;
    if (kafka->is_held)
        return;
    back_off(kafka, kafka->set.backoff_init_ns);
    kafka->is_held = true;
    log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "kafka",
                "topic %s: %s: %s; events wait in the spool, tried again", topic,
                rd_kafka_err2str(code), kafka_advice(code, NULL));
}

static bool is_poison(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* A broker refuses a whole batch as too large: an event that was not alone in it is tried again in a smaller one. */
static bool may_fit_alone(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    uint64_t batch = kafka->batch_bytes ? kafka->batch_bytes : kafka->set.max_message_bytes;
    if (msg->err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return false;
    if (kafka->is_batch_refused)
        return true; /* from the same producer: decided with the next */
    if (msg->len > batch)
        return false; /* it was alone */
    kafka->is_batch_refused = true;
    kafka->batch_bytes = batch / 2 > 1 ? batch / 2 : 1;
    return true;
}

static void take_report(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    uint64_t token = kafka_token_of(msg->_private);
    kafka->stats.in_flight--;
    if (!msg->err) {
        kafka->stats.acked++;
        kafka->env.verdict(kafka->env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
        note_up(kafka);
    } else if (is_poison(msg->err) && !may_fit_alone(kafka, msg)) {
        kafka->stats.refused++;
        kafka->env.verdict(kafka->env.arg, token, VERDICT_REFUSED, rd_kafka_err2str(msg->err),
                           msg->payload, msg->len);
    } else {
        kafka->stats.failed++;
        hold(kafka, msg->err, rd_kafka_topic_name(msg->rkt));
    }
}

static void take_reports(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *msg;
    while ((msg = rd_kafka_event_message_next(event)))
        take_report(kafka, msg);
    kafka->last_progress_ns = loop_now(kafka->env.loop);
}

/* Without "(after 3ms in state CONNECT, 2 identical error(s) suppressed)", which makes the same thing look new. */
static void say_trouble(rd_kafka_resp_err_t code, const char *text)
{
    const char *extra = strstr(text, " (after ");
    int len = extra ? (int)(extra - text) : (int)strlen(text);
    log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "kafka", "%.*s: %s", len, text,
                kafka_advice(code, text));
}

static void take_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    kafka->stats.connection_errors++;
    if (rd_kafka_event_error_is_fatal(event) || code == RD_KAFKA_RESP_ERR__FATAL) {
        must_replace(kafka);
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "kafka",
                    "librdkafka gave up: %s (%s); a new connection is made, what has no "
                    "acknowledgement is sent again",
                    text, kafka_advice(code, text));
        return;
    }
    kafka->is_up = false;
    say_trouble(code, text);
}

static void take_log(rd_kafka_event_t *event)
{
    const char *facility, *text;
    int level;
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0)
        return;
    if (strstr(text, "does not support compression"))
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "kafka", "batches are sent uncompressed: %s",
                    text);
    log_debug("kafka", "librdkafka %s: %s", facility, text);
}

static void take_event(struct kafka *kafka, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
        take_reports(kafka, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        take_error(kafka, event);
        break;
    case RD_KAFKA_EVENT_LOG:
        take_log(event);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
}

static void release(struct kafka *kafka)
{
    if (kafka->is_busy && !kafka->is_held && !kafka->must_replace && kafka->producer) {
        kafka->is_busy = false;
        kafka->env.room(kafka->env.arg);
    }
}

static void serve(void *arg)
{
    struct kafka *kafka = arg;
    if (!kafka->producer)
        return;
    uint64_t n;
    ssize_t ignored = read(kafka->producer->io.fd, &n, sizeof n);
    (void)ignored; /* only a bell */
    for (int i = 0; i < EVENTS_PER_TURN; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(kafka->producer->queue, 0);
        if (!event)
            break;
        take_event(kafka, event);
        if (i == EVENTS_PER_TURN - 1)
            loop_defer(kafka->env.loop, &kafka->more);
    }
    if (kafka->must_replace || (kafka->is_held && !timer_is_set(&kafka->supervise)))
        loop_set_timer(kafka->env.loop, &kafka->supervise, 0);
    release(kafka);
}

/* ---- the supervisor ---- */

static int start_producer(struct kafka *kafka, struct err *err)
{
    if (producer_new(kafka, &kafka->producer, err)) {
        kafka->producer = NULL;
        return -1;
    }
    kafka->producer->io.ready = serve;
    kafka->producer->io.arg = kafka;
    kafka->last_progress_ns = loop_now(kafka->env.loop);
    loop_defer(kafka->env.loop,
               &kafka->more); /* what came before the bell was hung up rings it not */
    return 0;
}

static void replace_producer(struct kafka *kafka)
{
    struct err err;
    producer_free(kafka->producer, kafka->env.loop, 0);
    kafka->producer = NULL;
    kafka->stats.in_flight = 0;
    kafka->is_busy = true; /* until release */
    if (kafka_check_tls(&kafka->set.tls, &err) || start_producer(kafka, &err)) {
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "kafka", "%s; tried again", err.text);
        return;
    }
    kafka->must_replace = false;
    kafka->is_batch_refused = false;
    kafka->is_held = false;
    kafka->env.again(kafka->env.arg);
}

static bool is_stalled(const struct kafka *kafka)
{
    return kafka->stats.in_flight > 0 &&
           loop_now(kafka->env.loop) - kafka->last_progress_ns > kafka->set.stall_ns;
}

/* Once a second while something is in flight, held or broken; else not at all. */
static void supervise(void *arg)
{
    struct kafka *kafka = arg;
    if (is_stalled(kafka) && !kafka->must_replace) {
        log_warn("kafka",
                 "no acknowledgement for %lld s while %llu events are on their way; a new "
                 "connection is made",
                 (long long)(kafka->set.stall_ns / NS_PER_S),
                 (unsigned long long)kafka->stats.in_flight);
        must_replace(kafka);
    }
    bool is_time = loop_now(kafka->env.loop) >= kafka->hold_until_ns;
    bool is_settled = kafka->is_held && kafka->stats.in_flight == 0;
    if (is_time && (kafka->must_replace || (is_settled && kafka->is_batch_refused))) {
        replace_producer(kafka);
    } else if (is_time && is_settled) {
        kafka->is_held = false;
        kafka->env.again(kafka->env.arg);
    }
    release(kafka);
    if (kafka->stats.in_flight > 0 || kafka->is_held || kafka->must_replace)
        loop_set_timer(kafka->env.loop, &kafka->supervise, SUPERVISE_NS);
}

/* ---- the output ---- */

static int kafka_check(void *self, const struct output_env *env, struct err *err)
{
    struct kafka *kafka = self;
    return kafka_check_tls(&kafka->set.tls, err) || kafka_name_topics(kafka, env, err) ? -1 : 0;
}

static int kafka_open(void *self, const struct output_env *env, struct err *err)
{
    struct kafka *kafka = self;
    kafka->env = *env;
    kafka->more = (struct loop_task) {.run = serve, .arg = kafka};
    kafka->supervise = (struct loop_timer) {.fire = supervise, .arg = kafka};
    if (kafka_check(self, env, err) || start_producer(kafka, err))
        return -1;
    log_info("kafka", "librdkafka %s, %s, topic %s%s", rd_kafka_version_str(),
             kafka->set.tls.is_used ? "TLS" : "no TLS", kafka->topic_names[0],
             env->n_routes > 1 ? " and others" : "");
    return 0;
}

static int busy(struct kafka *kafka, struct err *err)
{
    kafka->is_busy = true;
    return err_set(err, ERR_AGAIN, "kafka takes no more now");
}

static int not_taken(struct kafka *kafka, const struct out_event *ev, uint64_t token,
                     rd_kafka_resp_err_t code, struct err *err)
{
    if (is_poison(code)) {
        kafka->stats.refused++;
        kafka->env.verdict(kafka->env.arg, token, VERDICT_REFUSED, rd_kafka_err2str(code),
                           ev->bytes, ev->len);
        return 0;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        must_replace(kafka);
    else if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        hold(kafka, code, kafka->topic_names[ev->route]);
    if (kafka->must_replace || !timer_is_set(&kafka->supervise)) /* sends must not push it away */
        loop_set_timer(kafka->env.loop, &kafka->supervise, kafka->must_replace ? 0 : SUPERVISE_NS);
    return busy(kafka, err);
}

static int kafka_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    struct kafka *kafka = self;
    if (kafka->is_held || kafka->must_replace || !kafka->producer)
        return busy(kafka, err);
    rd_kafka_headers_t *headers =
        ev->span && kafka->set.posta_headers ? kafka_make_headers(ev->span) : NULL;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        kafka->producer->rk, RD_KAFKA_V_RKT(kafka->producer->topics[ev->route]),
        RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)ev->bytes, ev->len), RD_KAFKA_V_TIMESTAMP(ev->time_ms),
        RD_KAFKA_V_OPAQUE(kafka_pack_token(token, ev->order_key)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (code && headers)
        rd_kafka_headers_destroy(headers);
    if (code)
        return not_taken(kafka, ev, token, code, err);
    if (kafka->stats.in_flight++ == 0)
        kafka->last_progress_ns = loop_now(kafka->env.loop);
    kafka->stats.sent++;
    if (!timer_is_set(&kafka->supervise))
        loop_set_timer(kafka->env.loop, &kafka->supervise, SUPERVISE_NS);
    return 0;
}

static const void *kafka_stats_of(const void *self)
{
    return &((const struct kafka *)self)->stats;
}

static bool kafka_wants_spans(const void *self)
{
    const struct kafka_settings *set = &((const struct kafka *)self)->set;
    return set->posta_headers || set->end_records;
}

static bool kafka_wants_ends(const void *self)
{
    return ((const struct kafka *)self)->set.end_records;
}

static void kafka_close(void *self)
{
    struct kafka *kafka = self;
    if (kafka->env.loop) {
        loop_cancel_timer(kafka->env.loop, &kafka->supervise);
        loop_drop_task(kafka->env.loop, &kafka->more);
    }
    producer_free(kafka->producer, kafka->env.loop, CLOSE_WAIT_MS);
    kafka->producer = NULL;
    kafka_free_topics(kafka);
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct kafka_stats, field), text                               \
    }
static const struct stat_row kafka_stat_rows[] = {
    ROW(sent, "events", "events given to librdkafka"),
    ROW(acked, "events", "events acknowledged by the brokers"),
    ROW(in_flight, "events", "events on their way now"),
    ROW(refused, "events", "events that no broker will take"),
    ROW(failed, "events", "refusals that may pass; the events were sent again"),
    ROW(producers_made, "connections", "librdkafka instances made"),
    ROW(connection_errors, "errors", "errors of connections"),
    {0},
};

const struct output kafka_output = {
    .name = "kafka",
    .doc = "Events to Kafka, idempotent, acknowledged by all in-sync replicas.",
    .options = kafka_options,
    .size = sizeof(struct kafka),
    .stat_rows = kafka_stat_rows,
    .stats = kafka_stats_of,
    .check = kafka_check,
    .open = kafka_open,
    .send = kafka_send,
    .test = kafka_test,
    .wants_spans = kafka_wants_spans,
    .wants_ends = kafka_wants_ends,
    .read_back = kafka_read_back,
    .close = kafka_close,
};
