/* kafka.c: the Kafka output: events in, verdicts out.
 *
 * Happy path: send gives an event to librdkafka under its token, in memory of the arena; the delivery report of the brokers comes
 * through the loop and becomes its verdict (kafka_reports.c).
 * Failure modes: (1) the queue is full, or the partition has enough (kafka_flow.c): busy, until reports make room or its time comes.
 * (2) brokers away: librdkafka keeps trying without limit; the queue fills, the spool waits. (3) an event that will never be
 * accepted (too large, invalid): REFUSED. (4) a refusal that may pass, or a broken librdkafka: see kafka_supervisor.c.
 * On close: half a second for the old instance to go, then it is left behind.
 */
#include "kafka.h"
#include "output.h"

#include <posta/log.h>

#include <openssl/crypto.h>

enum { CLOSE_WAIT_MS = 500 };

static int kafka_check(void *self, const struct output_env *env, struct err *err)
{
    struct kafka *kafka = self;
    struct compression compression;
    return kafka_check_tls(&kafka->set.tls, err) || kafka_check_sasl(&kafka->set, err) ||
                   kafka_choose_compression(&kafka->set, &compression, err) ||
                   kafka_check_parcels(kafka, err) || kafka_read_shape(kafka, env, err)
               ? -1
               : 0;
}

static int kafka_open(void *self, const struct output_env *env, struct err *err)
{
    struct kafka *kafka = self;
    /* A librdkafka instance that is left behind must not find OpenSSL taken down under it at exit. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    kafka->env = *env;
    kafka->more = (struct loop_task) {.run = kafka_serve, .arg = kafka};
    kafka->opens = (struct loop_timer) {.fire = kafka_open_again, .arg = kafka};
    kafka->supervise = (struct loop_timer) {.fire = kafka_supervise, .arg = kafka};
    kafka_init_parcels(kafka);
    if (kafka_check(self, env, err) || kafka_txn_init(kafka, err) ||
        kafka_start_producer(kafka, err))
        return -1;
    const char *sasl = kafka_sasl_name(&kafka->set);
    log_info("kafka", "librdkafka %s, %s%s%s, topic %s%s", rd_kafka_version_str(),
             kafka->set.tls.is_used ? "TLS" : "no TLS", sasl ? ", " : "", sasl ? sasl : "",
             kafka_some_topic(kafka), kafka->topics.n > 1 ? " and others" : "");
    kafka_say_faults();
    kafka_watch_certs(kafka);
    return 0;
}

static int busy(struct kafka *kafka, struct err *err)
{
    kafka->is_busy = true;
    return err_set(err, ERR_AGAIN, "kafka takes no more now");
}

void kafka_not_now(struct kafka *kafka, const char *topic, rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        kafka_must_replace(kafka);
    else if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        kafka_hold_topic(kafka, code, topic);
    kafka_watch(kafka);
    kafka->is_busy = true;
}

static int not_now(struct kafka *kafka, const char *topic, rd_kafka_resp_err_t code,
                   struct err *err)
{
    kafka_not_now(kafka, topic, code);
    return busy(kafka, err);
}

/* msg: NULL = there is none of it. */
static int refuse(struct kafka *kafka, const struct out_event *ev, const struct kafka_message *msg,
                  uint64_t token, const char *why, const char *topic, struct err *err)
{
    rd_kafka_resp_err_t code = kafka_bury_event(kafka, ev, msg, token, why, topic);
    if (code)
        return not_now(kafka, kafka->set.dead_topic, code, err);
    kafka->stats.refused++;
    return 0;
}

/* lent: NULL = librdkafka makes a copy. */
static rd_kafka_resp_err_t hand_over(struct kafka *kafka, rd_kafka_topic_t *topic,
                                     const struct kafka_message *msg, const void *lent,
                                     int64_t time_ms, uint64_t token, rd_kafka_headers_t *headers)
{
    const void *value = lent ? lent : msg->value;
    return rd_kafka_producev(
        kafka->producer->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
        RD_KAFKA_V_MSGFLAGS((lent ? 0 : RD_KAFKA_MSG_F_COPY)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, msg->len),
        RD_KAFKA_V_KEY(msg->key, msg->key_len), RD_KAFKA_V_TIMESTAMP(time_ms),
        RD_KAFKA_V_OPAQUE(kafka_opaque(token, msg)), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

rd_kafka_resp_err_t kafka_produce(struct kafka *kafka, const struct kafka_message *msg,
                                  int64_t time_ms, uint64_t token, rd_kafka_headers_t *headers)
{
    struct arena *arena = kafka->producer->arena;
    rd_kafka_topic_t *topic = kafka_topic_handle(kafka, kafka->producer, msg->topic);
    const void *lent = topic ? arena_lend(arena, msg->value, msg->len) : NULL;
    rd_kafka_resp_err_t code =
        topic ? hand_over(kafka, topic, msg, lent, time_ms, token, headers) : rd_kafka_last_error();
    if (!code)
        kafka_note_given(kafka, topic, msg);
    else if (lent)
        arena_give_back(arena, lent);
    if (code && headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

/* An instance that has seen too many topics is drained, and another takes its place. */
static bool is_worn_out(struct kafka *kafka)
{
    if (!kafka_has_seen_too_many(kafka->producer))
        return false;
    if (kafka_is_drained(kafka))
        kafka_replace_soon(kafka);
    return true;
}

void kafka_was_sent(struct kafka *kafka, const uint64_t *tokens, uint32_t n, size_t len)
{
    if (kafka->stats.in_flight++ == 0)
        kafka->last_progress_ns = loop_now(kafka->env.loop);
    kafka->stats.sent += n;
    for (uint32_t i = 0; kafka->txn.is_used && i < n; i++)
        kafka_txn_sent(kafka, tokens[i], len / n);
    kafka_watch(kafka);
}

static bool gives(const struct kafka *kafka)
{
    return !kafka->is_held && !kafka->must_replace && kafka->producer && kafka_txn_takes(kafka);
}

/* While an instance drains it is given what was taken before, an open parcel, and nothing new is taken. */
static bool takes(const struct kafka *kafka)
{
    return gives(kafka) && !kafka_is_draining(kafka);
}

rd_kafka_resp_err_t kafka_give(struct kafka *kafka, const struct kafka_message *msg,
                               int64_t time_ms, uint64_t token, const struct out_span *span)
{
    if (!gives(kafka) || !kafka_is_open(kafka, msg))
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    return kafka_produce(kafka, msg, time_ms, token, kafka_make_headers(kafka, span));
}

static rd_kafka_resp_err_t send_message(struct kafka *kafka, const struct out_event *ev,
                                        const struct kafka_message *msg, uint64_t token)
{
    if (kafka_fits_parcel(kafka, msg))
        return kafka_add_to_parcel(kafka, msg, ev->time_ms, token);
    struct kafka_message alone = *msg;
    rd_kafka_resp_err_t code = kafka_close_parcel(kafka); /* it is before this one */
    if (code)
        return code;
    kafka_end_line(kafka, &alone);
    code = kafka_give(kafka, &alone, ev->time_ms, token, ev->span);
    if (!code)
        kafka_was_sent(kafka, &token, 1, alone.len);
    return code;
}

/* Events that go as they are are made where librdkafka takes them from. */
static char *kafka_memory(void *self, size_t bytes)
{
    struct kafka *kafka = self;
    if (!kafka->producer || kafka->set.pack_bytes || !kafka_keeps_value(kafka))
        return NULL;
    return arena_room(kafka->producer->arena, bytes);
}

static int kafka_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    struct kafka *kafka = self;
    struct kafka_message msg;
    if (!takes(kafka) || is_worn_out(kafka))
        return busy(kafka, err);
    arena_expect(kafka->producer->arena, ev->bytes);
    const char *why = kafka_shape(kafka, ev, &msg);
    if (why)
        return refuse(kafka, ev, NULL, token, why, NULL, err);
    const struct doomed *doomed = kafka_find_doomed(kafka, token);
    if (doomed)
        return refuse(kafka, ev, &msg, token, doomed->why, doomed->topic, err);
    rd_kafka_resp_err_t code = send_message(kafka, ev, &msg, token);
    unsigned number = kafka->parcels.is_open ? kafka->parcels.topic : msg.topic;
    const char *topic = kafka->topics.at[number].name;
    if (code && kafka_is_poison(code) && !kafka->parcels.is_open)
        return refuse(kafka, ev, &msg, token, rd_kafka_err2str(code), topic, err);
    if (code)
        return not_now(kafka, topic, code, err);
    kafka_spread_is_taken(kafka, &msg);
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
        loop_cancel_timer(kafka->env.loop, &kafka->opens);
        loop_drop_task(kafka->env.loop, &kafka->more);
    }
    kafka_leave_certs(kafka);
    producer_free(kafka->producer, kafka->env.loop, CLOSE_WAIT_MS);
    kafka->producer = NULL;
    kafka_txn_free(kafka);
    kafka_free_parcels(kafka);
    kafka_free_shape(kafka);
    kafka_forget_tls(&kafka->set.tls);
    buf_free(&kafka->peers);
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct kafka_stats, field), text                               \
    }
static const struct stat_row kafka_stat_rows[] = {
    ROW(sent, "events", "events given to librdkafka"),
    ROW(acked, "events", "events acknowledged by the brokers"),
    ROW(in_flight, "messages", "messages on their way now: events, or with pack several in each"),
    ROW(refused, "events", "events that no broker will take"),
    ROW(buried, "events", "of these, acknowledged in the dead letter topic"),
    ROW(failed, "events", "refusals that may pass; the events were sent again"),
    ROW(transactions, "transactions", "transactions committed (exactly_once)"),
    ROW(transactions_aborted, "transactions", "transactions aborted; their events were sent again"),
    ROW(commit_ms, "milliseconds", "time that committed transactions took to commit, together"),
    ROW(is_fenced, "yes or no", "1: another posta has this one's id, nothing is sent"),
    ROW(producers_made, "connections", "librdkafka instances made"),
    ROW(connection_errors, "errors", "errors of connections"),
    ROW(certificates_renewed, "times", "changes to renewed certificates"),
    ROW(certificates_refused, "times", "changed certificates that could not be used"),
    ROW(certificate_expires, "seconds", "when posta's certificate ends, since the epoch"),
    ROW(certificate_days_left, "days", "whole days until posta's certificate ends"),
    ROW(authority_expires, "seconds", "when the first of the authorities ends, since the epoch"),
    ROW(authority_days_left, "days", "whole days until the first of the authorities ends"),
    {0},
};

static const struct config_section kafka_sections[] = {
    {"topics[]", kafka_topic_options},
    {"partition.hash", kafka_hash_options},
    {"partition.random", kafka_random_options},
    {"partition.round_robin", kafka_round_robin_options},
    {"headers[]", kafka_header_options},
    {NULL, NULL},
};

const struct output kafka_output = {
    .name = "kafka",
    .doc = "Events to Kafka, idempotent, acknowledged by all in-sync replicas.",
    .options = kafka_options,
    .sections = kafka_sections,
    .size = sizeof(struct kafka),
    .stat_rows = kafka_stat_rows,
    .stats = kafka_stats_of,
    .peers = kafka_peers,
    .check = kafka_check,
    .open = kafka_open,
    .memory = kafka_memory,
    .send = kafka_send,
    .test = kafka_test,
    .wants_spans = kafka_wants_spans,
    .wants_ends = kafka_wants_ends,
    .keeps_marks = kafka_txn_keeps_marks,
    .settle = kafka_txn_settle,
    .read_back = kafka_read_back,
    .close = kafka_close,
};
