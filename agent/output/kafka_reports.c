/* kafka_reports.c: what comes back from librdkafka: delivery reports, errors, log lines.
 *
 * Happy path: an event of the queue rings the bell, reports become verdicts, the sender is told of the room they make.
 * Failure modes: a report of a refusal is a verdict (poison), a batch to try smaller, or a hold; a fatal error asks the
 * supervisor for a new instance.
 * On close: nothing is kept here.
 */
#include "kafka.h"

#include <posta/log.h>

#include <unistd.h>

enum { EVENTS_PER_TURN = 256 };

#define LOOK_NS (10 * NS_PER_S) /* at certificates, when TLS fails */

void kafka_note_up(struct kafka *kafka)
{
    if (!kafka->is_up) {
        log_info("kafka", "delivering to topic %s%s", kafka_some_topic(kafka),
                 kafka->topics.n > 1 ? " and others" : "");
        certs_look_within(kafka->certs, 0); /* new ones could not be tried without brokers */
    }
    kafka->is_up = true;
    kafka->n_back_offs = 0;
}

static bool is_purged(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

/* Not the cluster's word on the event but the end of an instance. librdkafka 2.0 takes a connection that ends without TLS's
 * good-bye for such, says that the event was not stored, which it cannot know, and goes on with those behind it. */
static bool is_broken(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__SSL || code == RD_KAFKA_RESP_ERR__BAD_MSG ||
           code == RD_KAFKA_RESP_ERR__INCONSISTENT || code == RD_KAFKA_RESP_ERR__FATAL ||
           is_purged(code);
}

/* What librdkafka says of the others when one event of a transaction was refused; the end of the transaction says why. */
static bool is_aftermath(const struct kafka *kafka, rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__STATE && kafka->txn.state == TXN_ENDING;
}

static void take_failure(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    kafka->stats.failed++;
    if (is_aftermath(kafka, msg->err))
        return;
    if (!is_broken(msg->err)) {
        kafka_hold_topic(kafka, msg->err, rd_kafka_topic_name(msg->rkt));
        return;
    }
    kafka_must_replace(kafka);
    log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "kafka",
                "events on their way were given up by librdkafka: %s; a new connection is made, "
                "what has no acknowledgement is sent again",
                rd_kafka_err2str(msg->err));
}

/* A dead letter that is on its way is through when it has arrived. */
static void take_poison(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    bool is_dead = kafka_is_dead(kafka, msg);
    uint64_t before = kafka->stats.in_flight;
    if (is_dead)
        kafka_give_up_dead(kafka, msg);
    else
        kafka->stats.refused += kafka_bury_report(kafka, msg);
    if (kafka->stats.in_flight == before) {
        kafka->n_back_offs = 0;
        kafka_got_through(kafka);
    }
    if (kafka->txn.is_used)
        kafka_txn_abort(kafka); /* librdkafka lets no transaction go on without it */
}

static void take_success(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    bool is_dead = kafka_is_dead(kafka, msg);
    uint64_t own;
    const uint64_t *tokens;
    uint32_t n = kafka_tokens_of(kafka, msg, &own, &tokens);
    kafka->stats.acked += n;
    kafka->stats.buried += is_dead;
    for (uint32_t i = 0; i < n; i++)
        kafka->env.verdict(kafka->env.arg, tokens[i], is_dead ? VERDICT_BURIED : VERDICT_DELIVERED,
                           NULL, NULL, 0);
    kafka_note_up(kafka);
    kafka_got_through(kafka);
}

static void take_report(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    kafka->stats.in_flight--;
    if (kafka->txn.is_used && (!msg->err || is_purged(msg->err))) {
        kafka->stats.buried += !msg->err && kafka_is_dead(kafka, msg);
        return; /* the commit decides, or who has it aborted */
    }
    if (!msg->err)
        take_success(kafka, msg);
    else if (kafka_is_poison(msg->err) && !kafka_try_smaller(kafka, msg))
        take_poison(kafka, msg);
    else if (!is_purged(msg->err) || !kafka->must_replace) /* else it was we */
        take_failure(kafka, msg);
}

static void take_reports(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *msg;
    while ((msg = rd_kafka_event_message_next(event))) {
        take_report(kafka, msg);
        arena_give_back(kafka->producer->arena, msg->payload);
        kafka_parcel_is_done(kafka, msg);
        kafka_note_landed(kafka, msg);
    }
    kafka->last_progress_ns = loop_now(kafka->env.loop);
}

/* What makes the same thing look new: "(after 3ms in state CONNECT, 2 identical error(s) suppressed)", and numbers that
 * were nonsense when they came. */
static int len_of_trouble(const char *text)
{
    static const char *const extras[] = {" (after ", " size ", ": Err-"};
    size_t len = strlen(text);
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        const char *extra = strstr(text, extras[i]);
        if (extra && (size_t)(extra - text) < len)
            len = (size_t)(extra - text);
    }
    return (int)len;
}

static void say_trouble(rd_kafka_resp_err_t code, const char *text)
{
    int len = len_of_trouble(text);
    log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "kafka", "%.*s: %s", len, text,
                kafka_advice(code, text));
}

/* To keep the order, librdkafka stops for good at each refusal: that is said with the reports of the refused events. */
static void take_fatal(struct kafka *kafka, const char *text)
{
    char ignored[1];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka->producer->rk, ignored, sizeof ignored);
    if (code != RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "kafka",
                    "librdkafka gave up: %s (%s); a new connection is made, what has no "
                    "acknowledgement is sent again",
                    text, kafka_advice(code, text));
    kafka_must_replace(kafka);
}

static void take_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    char fatal[256];
    kafka->stats.connection_errors++;
    bool is_fatal = code == RD_KAFKA_RESP_ERR__FATAL;
    kafka_txn_note_error(
        kafka, is_fatal ? rd_kafka_fatal_error(kafka->producer->rk, fatal, sizeof fatal) : code,
        text);
    if (is_fatal || rd_kafka_event_error_is_fatal(event)) {
        take_fatal(kafka, text);
        return;
    }
    kafka->is_up = false;
    if (code == RD_KAFKA_RESP_ERR__SSL)
        certs_look_within(kafka->certs, LOOK_NS);
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
    case RD_KAFKA_EVENT_STATS:
        kafka_note_peers(kafka, rd_kafka_event_stats(event));
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
}

void kafka_serve(void *arg)
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
    if (kafka->must_replace || kafka->is_held)
        kafka_watch(kafka);
    kafka_switch_if_drained(kafka);
    kafka_release(kafka);
}
