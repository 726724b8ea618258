/* kafka_txn.c: exactly-once: what a transaction holds, when it begins and ends. What has become of it: kafka_txn_outcome.c.
 *
 * Happy path: a new producer fences whoever used the id before, reads back the mark that was stored last, and begins. Events
 * are sent into the open transaction. transaction.interval after the first, or when it is full or somebody waits, the sender's
 * mark is stored in it and it is committed; then its events have their verdict and the next one is open. The first transaction
 * of a process holds a mark only: it says whose the id is now.
 * Failure modes: (1) an event cannot be delivered: what was sent is aborted, and sent again. (2) A call does not come back: a
 * new producer is made. (3) A refusal that may pass: the end waits until the hold is over.
 * On close: an open transaction is left to the brokers or the next start, which abort it.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>

#define PARCEL_NS (10 * NS_PER_MS)
#define ABORT_NS  (3 * NS_PER_S)

/* ---- jobs ---- */

/* An abort waits for what was given to librdkafka just when a refusal came, and is not sent: until transaction.timeout. A new
 * producer ends the transaction as well. */
static int64_t patience_ns(const struct kafka *kafka)
{
    return kafka->txn.job == TXN_ABORT ? ABORT_NS
                                       : 3 * (kafka->set.timeout_ns + kafka->set.txn_timeout_ns);
}

void kafka_txn_give(struct kafka *kafka, enum txn_job job)
{
    struct txn *txn = &kafka->txn;
    bool has_mark = job == TXN_END;
    txn->job = job;
    txn->number += has_mark;
    txn_thread_do(kafka->producer->txn_thread, job, has_mark ? txn->pending : NULL, txn->number);
    loop_set_timer(kafka->env.loop, &txn->due, patience_ns(kafka));
}

static void end(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    if (!kafka_try_parcel(kafka)) { /* the mark speaks of its events */
        loop_set_timer(kafka->env.loop, &txn->due, PARCEL_NS);
        return;
    }
    txn->state = TXN_ENDING;
    txn->has_news = txn->is_urgent = txn->is_doubtful = false;
    kafka->env.mark(kafka->env.arg, &txn->mark);
    free(txn->pending);
    txn->pending = mem_dup(buf_str(&txn->mark));
    kafka_txn_give(kafka, TXN_END);
}

static void abort_now(struct kafka *kafka)
{
    kafka->txn.state = TXN_ENDING;
    kafka->txn.must_abort = false;
    kafka_txn_give(kafka, TXN_ABORT);
}

/* ---- open ---- */

static void wait_for_end(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    bool is_full = txn->bytes >= kafka->set.txn_bytes;
    loop_set_timer(kafka->env.loop, &txn->due,
                   txn->is_urgent || is_full ? 0
                   : txn->has_news           ? kafka->set.txn_interval_ns
                                             : kafka->set.txn_refresh_ns);
}

void kafka_txn_open(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    txn->state = TXN_OPEN;
    if (!txn->has_claimed && !kafka->is_held) {
        end(kafka);
        return;
    }
    txn->has_news |= !txn->has_claimed;
    wait_for_end(kafka);
    kafka_switch_if_drained(kafka);
    kafka_release(kafka);
}

bool kafka_txn_takes(const struct kafka *kafka)
{
    const struct txn *txn = &kafka->txn;
    return !txn->is_used || (txn->state == TXN_OPEN && !txn->must_abort && txn->has_claimed);
}

bool kafka_txn_is_empty(const struct kafka *kafka)
{
    const struct txn *txn = &kafka->txn;
    return !txn->is_used || (txn->state == TXN_OPEN && txn->has_claimed && !txn->has_news);
}

bool kafka_txn_decides(const struct kafka *kafka)
{
    return kafka->txn.pending || kafka->txn.n_tokens;
}

static void note_news(struct kafka *kafka)
{
    if (kafka->txn.has_news)
        return;
    kafka->txn.has_news = true;
    if (kafka->txn.state == TXN_OPEN)
        wait_for_end(kafka);
}

void kafka_txn_sent(struct kafka *kafka, uint64_t token, size_t len)
{
    struct txn *txn = &kafka->txn;
    if (txn->n_tokens == txn->cap_tokens) {
        txn->cap_tokens = txn->cap_tokens ? 2 * txn->cap_tokens : 256;
        txn->tokens = mem_grow(txn->tokens, txn->cap_tokens, sizeof *txn->tokens);
    }
    txn->tokens[txn->n_tokens++] = token;
    bool was_full = txn->bytes >= kafka->set.txn_bytes;
    txn->bytes += len;
    note_news(kafka);
    if (!was_full && txn->bytes >= kafka->set.txn_bytes)
        wait_for_end(kafka);
}

void kafka_txn_settle(void *self, bool is_urgent)
{
    struct kafka *kafka = self;
    struct txn *txn = &kafka->txn;
    if (!is_urgent) {
        note_news(kafka);
    } else if (txn->has_news && !txn->is_urgent) {
        txn->is_urgent = true;
        if (txn->state == TXN_OPEN)
            wait_for_end(kafka);
    }
}

/* A commit that is under way is not waited for: after a refusal librdkafka may sit in it until transaction.timeout. */
void kafka_txn_abort(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    txn->must_abort = true;
    if (txn->state == TXN_OPEN)
        abort_now(kafka);
    else if (txn->state == TXN_ENDING && txn->job == TXN_END)
        kafka_replace_soon(kafka);
}

/* librdkafka has a connection of its own to the coordinator, whose errors begin like this. Others do not matter. */
static bool is_of_coordinator(const char *text)
{
    return strncmp(text, "TxnCoordinator", 14) == 0;
}

void kafka_txn_note_error(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text)
{
    kafka->txn.is_doubtful |= is_of_coordinator(text);
    kafka->txn.is_suspect |= txn_is_fenced(code);
}

static void due(void *arg)
{
    struct kafka *kafka = arg;
    switch (kafka->txn.state) {
    case TXN_OPEN:
        if (kafka->is_held) /* what was sent is aborted then; what is only to be noted waits */
            loop_set_timer(kafka->env.loop, &kafka->txn.due, NS_PER_S);
        else
            end(kafka);
        break;
    case TXN_FENCED:
        kafka_txn_say_fenced(kafka);
        loop_set_timer(kafka->env.loop, &kafka->txn.due, FENCED_SAY_NS);
        break;
    case TXN_STARTING:
    case TXN_ENDING:
        log_warn("kafka",
                 "librdkafka does not come back from a call of a transaction for %lld s; a "
                 "new connection is made",
                 (long long)(patience_ns(kafka) / NS_PER_S));
        kafka_must_replace(kafka);
        kafka_watch(kafka);
        break;
    case TXN_DOWN:
        break;
    }
}

/* ---- life ---- */

int kafka_txn_init(struct kafka *kafka, struct err *err)
{
    struct txn *txn = &kafka->txn;
    *txn = (struct txn) {.is_used = kafka->set.delivery == DELIVERY_EXACTLY_ONCE,
                         .mark = BUF_INIT,
                         .due = {.fire = due, .arg = kafka}};
    if (!txn->is_used)
        return 0;
    const char *agent = kafka->env.text(kafka->env.arg, 0, "agent.id");
    if (!kafka->set.txn_id && !agent)
        return err_set(err, ERR_CONFIG, "output.kafka.transaction.id: this posta has no agent id");
    txn->id = kafka->set.txn_id ? mem_dup(kafka->set.txn_id) : mem_printf("posta.%s", agent);
    return 0;
}

void kafka_txn_free(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    if (kafka->env.loop)
        loop_cancel_timer(kafka->env.loop, &txn->due);
    buf_free(&txn->mark);
    free(txn->id);
    free(txn->tokens);
    free(txn->stored);
    free(txn->pending);
    *txn = (struct txn) {.state = TXN_DOWN};
}

int kafka_txn_start(struct kafka *kafka, struct err *err)
{
    struct txn *txn = &kafka->txn;
    if (!txn->is_used)
        return 0;
    rd_kafka_conf_t *reader;
    if (kafka_make_member_conf(kafka, txn->id, &reader, err))
        return -1;
    const struct txn_thread_config config = {.rk = kafka->producer->rk,
                                             .reader = reader,
                                             .group = txn->id,
                                             .topic = kafka_first_topic(kafka),
                                             .timeout_ms = (int)(kafka->set.timeout_ns / NS_PER_MS),
                                             .loop = kafka->env.loop,
                                             .done = kafka_txn_done,
                                             .arg = kafka};
    if (txn_thread_new(&kafka->producer->txn_thread, &config, err))
        return -1;
    txn->state = TXN_STARTING;
    txn->began_ns = loop_now(kafka->env.loop);
    kafka_txn_give(kafka, txn->is_suspect ? TXN_LOOK : TXN_START);
    return 0;
}

void kafka_txn_stop(struct kafka *kafka)
{
    if (!kafka->txn.is_used)
        return;
    loop_cancel_timer(kafka->env.loop, &kafka->txn.due);
    kafka->txn.state = TXN_DOWN;
}

bool kafka_txn_keeps_marks(const void *self)
{
    return ((const struct kafka *)self)->set.delivery == DELIVERY_EXACTLY_ONCE;
}
