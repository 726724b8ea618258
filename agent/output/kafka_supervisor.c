/* kafka_supervisor.c: when nothing is sent, when librdkafka's instance is replaced, and what is sent again then.
 *
 * Happy path: it does nothing, and its timer stands still.
 * Failure modes: (1) a refusal that may pass (no right, no such topic): nothing is sent for a while, then everything
 * without a verdict once more. (2) librdkafka's instance is broken (a fatal error, or no report for stall_timeout while
 * events wait): a new one takes its place and everything without a verdict is sent again; what the old one may have
 * delivered in its last moment comes twice, under the same event ids.
 * On close: the timer is cancelled; the instance is freed by kafka.c.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdio.h>

#define SUPERVISE_NS    (1 * NS_PER_S)
#define LAST_REPORTS_NS (3 * NS_PER_S)

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

/* What is with a broker may still be acknowledged, and need not be sent twice; what waits behind it never leaves. */
void kafka_must_replace(struct kafka *kafka)
{
    if (kafka->must_replace)
        return;
    back_off(kafka, 0);
    kafka->must_replace = true;
    if (kafka->producer)
        rd_kafka_purge(kafka->producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* The fatal error that librdkafka makes of a refusal has come before it; smaller batches can be tried at once. */
static void back_off_once(struct kafka *kafka)
{
    int64_t now = loop_now(kafka->env.loop);
    int64_t first = kafka->is_rebatched ? 0 : kafka->set.backoff_init_ns;
    if (kafka->is_rebatched)
        kafka->n_back_offs = 0;
    if (!kafka->must_replace || kafka->is_rebatched)
        back_off(kafka, first);
    else if (kafka->hold_until_ns < now + first)
        kafka->hold_until_ns = now + first;
}

void kafka_replace_soon(struct kafka *kafka)
{
    kafka->must_replace = true;
    kafka->hold_until_ns = 0;
    kafka_watch(kafka);
}

void kafka_hold(struct kafka *kafka, rd_kafka_resp_err_t code, const char *why)
{
    static struct log_limit limit;
    if (kafka->is_held)
        return;
    back_off_once(kafka);
    kafka->is_held = true;
    log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "kafka",
                "%s: %s; events wait in the spool, tried again", why, kafka_advice(code, why));
}

void kafka_hold_topic(struct kafka *kafka, rd_kafka_resp_err_t code, const char *topic)
{
    char why[512];
    snprintf(why, sizeof why, "topic %s: %s", topic, rd_kafka_err2str(code));
    kafka_hold(kafka, code, why);
}

int kafka_start_producer(struct kafka *kafka, struct err *err)
{
    struct producer *producer;
    if (producer_new(kafka, &producer, err))
        return -1;
    kafka_adopt(kafka, producer);
    kafka_warm_up(kafka);
    return 0;
}

void kafka_adopt(struct kafka *kafka, struct producer *producer)
{
    struct err err;
    kafka->producer = producer;
    kafka_set_pace(kafka);
    kafka->producer->io.ready = kafka_serve;
    kafka->producer->io.arg = kafka;
    kafka->last_progress_ns = loop_now(kafka->env.loop);
    loop_defer(kafka->env.loop,
               &kafka->more); /* what came before the bell was hung up rings it not */
    if (kafka_txn_start(kafka, &err)) {
        log_error("kafka", "%s; tried again", err.text);
        kafka_must_replace(kafka);
    }
}

/* It may be in a call that does not come back, and must not speak any more when it does. */
void kafka_drop_producer(struct kafka *kafka)
{
    if (kafka->producer)
        sockets_cut(&kafka->producer->client->sockets);
    producer_free(kafka->producer, kafka->env.loop, 0);
    kafka->producer = NULL;
    kafka->stats.in_flight = 0;
    kafka_forget_parcels(kafka);
    kafka->is_busy = true; /* until release */
}

static void replace_producer(struct kafka *kafka)
{
    struct err err;
    if (kafka_finish_switch(kafka)) /* a new one with renewed certificates waits */
        return;
    kafka_txn_stop(kafka);
    kafka_drop_producer(kafka);
    kafka->must_replace = false;
    if (kafka_start_producer(kafka, &err)) {
        kafka->must_replace = true;
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "kafka", "%s; tried again", err.text);
        return;
    }
    kafka->is_rebatched = false;
    kafka->is_held = false;
    if (!kafka_txn_decides(kafka))
        kafka_again(kafka);
}

void kafka_release(struct kafka *kafka)
{
    if (kafka->is_busy && !kafka->is_held && !kafka->must_replace && kafka->producer &&
        !kafka_is_draining(kafka) && kafka_txn_takes(kafka) && kafka_try_parcel(kafka)) {
        kafka->is_busy = false;
        kafka->env.room(kafka->env.arg);
    }
}

static bool is_stalled(const struct kafka *kafka)
{
    return kafka->stats.in_flight > 0 &&
           loop_now(kafka->env.loop) - kafka->last_progress_ns > kafka->set.stall_ns;
}

/* The wait is over, and what was on its way has its report, or is not waited for any more. In a transaction reports say nothing
 * about what arrived; and after a refusal librdkafka sends nothing of it and reports nothing, until it is aborted. */
static bool is_over(const struct kafka *kafka)
{
    int64_t over_ns = loop_now(kafka->env.loop) - kafka->hold_until_ns;
    if (over_ns < 0 || !(kafka->is_held || kafka->must_replace))
        return false;
    return kafka->txn.is_used || kafka->stats.in_flight == 0 ||
           (kafka->must_replace && over_ns > LAST_REPORTS_NS);
}

static int64_t next_look_ns(const struct kafka *kafka)
{
    int64_t left_ns = kafka->hold_until_ns - loop_now(kafka->env.loop);
    bool is_waiting = kafka->is_held || kafka->must_replace;
    return is_waiting && left_ns > 0 && left_ns < SUPERVISE_NS ? left_ns : SUPERVISE_NS;
}

void kafka_watch(struct kafka *kafka)
{
    if (is_over(kafka))
        loop_set_timer(kafka->env.loop, &kafka->supervise, 0);
    else if (!timer_is_set(&kafka->supervise)) /* sends must not push it away */
        loop_set_timer(kafka->env.loop, &kafka->supervise, next_look_ns(kafka));
}

void kafka_again(struct kafka *kafka)
{
    kafka_forget_parcel(kafka);
    kafka->env.again(kafka->env.arg);
}

static void send_again(struct kafka *kafka)
{
    if (!kafka->txn.is_used)
        kafka_again(kafka);
    else if (kafka->txn.n_tokens)
        kafka_txn_abort(kafka);
}

/* The end of a hold, or of an instance. */
static void go_on(struct kafka *kafka)
{
    if (!is_over(kafka))
        return;
    if (kafka->must_replace || kafka->is_rebatched) {
        replace_producer(kafka);
    } else {
        kafka->is_held = false;
        send_again(kafka);
    }
}

void kafka_supervise(void *arg)
{
    struct kafka *kafka = arg;
    if (is_stalled(kafka) && !kafka->must_replace) {
        log_warn("kafka",
                 "no acknowledgement for %lld s while %llu events are on their way; a new "
                 "connection is made",
                 (long long)(kafka->set.stall_ns / NS_PER_S),
                 (unsigned long long)kafka->stats.in_flight);
        kafka_must_replace(kafka);
    }
    go_on(kafka);
    kafka_release(kafka);
    if (kafka->producer)
        arena_rest(kafka->producer->arena);
    if (kafka->stats.in_flight > 0 || kafka->is_held || kafka->must_replace)
        loop_set_timer(kafka->env.loop, &kafka->supervise, next_look_ns(kafka));
}
