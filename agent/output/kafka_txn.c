/* kafka_txn.c: exactly-once: what a transaction holds, when it ends, and what is known of it afterwards.
 *
 * Happy path: a new producer fences whoever used the id before, reads back the mark that was stored last, and begins. Events
 * are sent into the open transaction. transaction.interval after the first, or when it is full or somebody waits, the sender's
 * mark is stored in it and it is committed; then its events have their verdict and the next one is open. The first transaction
 * of a process holds a mark only: it says whose the id is now.
 * Failure modes: (1) an event or a call fails in a way that can be aborted: the transaction is aborted. (2) The producer is broken,
 * or a call does not come back: another one takes its place. In both the mark that is stored then decides: the one that was
 * given last means committed; the one before it, that everything is sent again. (3) Another mark: somebody else has the id;
 * this one stops sending, and says so until it is restarted. (4) None: it was removed; that is said, and what has no verdict
 * is sent again. (5) Brokers end a transaction that takes longer than transaction.timeout as if it were fenced: the mark
 * tells that apart from a twin. (6) A commit during which the coordinator's connection broke, or that took long, is good if it
 * says so; but a late copy of its request could end the next transaction (KAFKA-17754), so that one is given to a new
 * producer, whose higher epoch keeps the copy out.
 * On close: an open transaction is left to the brokers or the next start, which abort it.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>

#define FENCED_SAY_NS (600 * NS_PER_S)
#define REFRESH_NS                                                                                 \
    (12 * 3600 *                                                                                   \
     NS_PER_S) /* half of a day: groups without members expire after a week, or sooner */

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* ---- jobs ---- */

static int64_t patience_ns(const struct kafka *kafka)
{
    return 3 * (kafka->set.timeout_ns + kafka->set.txn_timeout_ns);
}

static void give_job(struct kafka *kafka, enum txn_job job)
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
    txn->state = TXN_ENDING;
    txn->has_news = txn->is_urgent = txn->is_doubtful = false;
    kafka->env.mark(kafka->env.arg, &txn->mark);
    free(txn->pending);
    txn->pending = mem_dup(buf_str(&txn->mark));
    give_job(kafka, TXN_END);
}

static void abort_now(struct kafka *kafka)
{
    kafka->txn.state = TXN_ENDING;
    kafka->txn.must_abort = false;
    give_job(kafka, TXN_ABORT);
}

/* ---- open ---- */

static void wait_for_end(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    bool is_full = txn->bytes >= kafka->set.txn_bytes;
    loop_set_timer(kafka->env.loop, &txn->due,
                   txn->is_urgent || is_full ? 0
                   : txn->has_news           ? kafka->set.txn_interval_ns
                                             : REFRESH_NS);
}

static void be_open(struct kafka *kafka)
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

void kafka_txn_abort(struct kafka *kafka)
{
    kafka->txn.must_abort = true;
    if (kafka->txn.state == TXN_OPEN)
        abort_now(kafka);
}

/* librdkafka has a connection of its own to the coordinator, whose errors begin like this. Others do not matter. */
static bool is_of_coordinator(const char *text)
{
    return strncmp(text, "TxnCoordinator", 14) == 0;
}

void kafka_txn_note_error(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text)
{
    kafka->txn.is_doubtful |= is_of_coordinator(text);
    kafka->txn.is_suspect |= code == RD_KAFKA_RESP_ERR__FENCED ||
                             code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                             code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* ---- what has become of it ---- */

static void forget_pending(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    free(txn->pending);
    txn->pending = NULL;
    txn->n_tokens = 0;
    txn->bytes = 0;
    txn->must_abort = false;
}

static void arrived(struct kafka *kafka)
{
    struct txn *txn = &kafka->txn;
    free(txn->stored);
    txn->stored = txn->pending;
    txn->pending = NULL;
    txn->has_claimed = true;
    kafka->stats.transactions++;
    kafka->stats.acked += txn->n_tokens;
    for (size_t i = 0; i < txn->n_tokens; i++) {
        kafka->env.verdict(kafka->env.arg, txn->tokens[i], VERDICT_DELIVERED, NULL, NULL, 0);
        kafka_got_through(kafka);
    }
    if (txn->n_tokens)
        kafka_note_up(kafka);
    forget_pending(kafka);
    kafka->env.stored(kafka->env.arg);
}

static void did_not_arrive(struct kafka *kafka)
{
    kafka->stats.transactions_aborted++;
    forget_pending(kafka);
    kafka->env.again(kafka->env.arg);
}

static void say_fenced(const struct kafka *kafka)
{
    log_error(
        "kafka",
        "another posta delivers with the id %s now: this one sends nothing more, what it reads "
        "waits in its spool. Two run with one agent id, or a copy of a data folder: stop one, "
        "give it a data folder of its own, and restart this one if it is the one to stay",
        kafka->txn.id);
}

static void be_fenced(struct kafka *kafka)
{
    kafka->txn.state = TXN_FENCED;
    kafka->stats.is_fenced = 1;
    kafka->must_replace = false;
    kafka_txn_stop(kafka);
    kafka->txn.state = TXN_FENCED;
    kafka_drop_producer(kafka);
    say_fenced(kafka);
    loop_set_timer(kafka->env.loop, &kafka->txn.due, FENCED_SAY_NS);
}

/* 0, or -1: fenced. */
static int settle_by(struct kafka *kafka, const struct txn_result *result)
{
    struct txn *txn = &kafka->txn;
    const char *mark = result->has_mark ? result->mark : NULL;
    if (txn->pending && is_same(mark, txn->pending)) {
        arrived(kafka);
        return 0;
    }
    if (mark && !is_same(mark, txn->stored)) {
        be_fenced(kafka);
        return -1;
    }
    if (!mark && txn->stored)
        log_error("kafka",
                  "the place of delivery stored in group %s is gone (expired, or removed?): what "
                  "has no acknowledgement is sent again, at most one transaction comes twice",
                  txn->id);
    if (!mark) {
        free(txn->stored);
        txn->stored = NULL;
    }
    if (txn->pending || txn->n_tokens)
        did_not_arrive(kafka);
    return 0;
}

/* ---- results ---- */

static void say_failure(const struct kafka *kafka, const struct txn_result *result)
{
    log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "kafka",
                "%s: %s; events wait in the spool, tried again (id and group %s)", result->text,
                kafka_advice(result->code, result->text), kafka->txn.id);
}

static void break_down(struct kafka *kafka, const struct txn_result *result)
{
    say_failure(kafka, result);
    kafka->txn.is_suspect |= result->is_fenced;
    kafka_must_replace(kafka);
    kafka_watch(kafka);
}

/* The first time, the sender is told where to go on. */
static void started(struct kafka *kafka, const struct txn_result *result)
{
    struct txn *txn = &kafka->txn;
    struct err err;
    txn->is_suspect = false;
    if (txn->was_resumed) {
        if (settle_by(kafka, result) == 0)
            be_open(kafka);
        return;
    }
    const char *mark = result->has_mark ? result->mark : NULL;
    if (kafka->env.resume(kafka->env.arg, mark, &err)) {
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "kafka", "%s; tried again", err.text);
        kafka_must_replace(kafka);
        kafka_watch(kafka);
        return;
    }
    free(txn->stored);
    txn->stored = mark ? mem_dup(mark) : NULL;
    txn->was_resumed = true;
    be_open(kafka);
}

/* Only looked, because it was fenced: by the brokers themselves, if the mark is still ours. */
static void looked(struct kafka *kafka, const struct txn_result *result)
{
    struct txn *txn = &kafka->txn;
    const char *mark = result->has_mark ? result->mark : NULL;
    bool is_ours = !mark || is_same(mark, txn->stored) || is_same(mark, txn->pending);
    if (txn->was_resumed && !is_ours)
        be_fenced(kafka);
    else
        give_job(kafka, TXN_START);
}

static void still_away(struct kafka *kafka, const struct txn_result *result, enum txn_job job)
{
    if (loop_now(kafka->env.loop) - kafka->txn.began_ns > kafka->set.stall_ns) {
        break_down(kafka, result);
        return;
    }
    say_failure(kafka, result);
    give_job(kafka, job);
}

/* Longer than half of what a request may take, and a copy of it may be on its way. */
static bool was_slow(const struct kafka *kafka, const struct txn_result *result)
{
    const struct kafka_settings *set = &kafka->set;
    int64_t limit = set->timeout_ns < set->txn_timeout_ns ? set->timeout_ns : set->txn_timeout_ns;
    return result->took_ns > limit / 2;
}

static void ended(struct kafka *kafka, const struct txn_result *result)
{
    bool is_doubtful = kafka->txn.is_doubtful || was_slow(kafka, result);
    kafka->stats.commit_ms += (uint64_t)(result->took_ns / NS_PER_MS);
    arrived(kafka);
    if (!is_doubtful) {
        be_open(kafka);
        return;
    }
    log_info("kafka", "a commit was slow, or a connection broke meanwhile: the next transaction "
                      "gets a new producer");
    kafka_replace_soon(kafka);
}

static void aborted(struct kafka *kafka, const struct txn_result *result)
{
    if (result->code)
        kafka_hold(kafka, result->code, result->text);
    if (settle_by(kafka, result))
        return;
    be_open(kafka);
    kafka_watch(kafka);
}

/* The bell of the thread. */
static void job_done(void *arg)
{
    struct kafka *kafka = arg;
    const struct txn_result *result;
    if (!kafka->producer || !kafka->producer->txn_thread)
        return;
    enum txn_job job = txn_thread_result(kafka->producer->txn_thread, &result);
    if (job == TXN_NO_JOB || kafka->must_replace)
        return;
    loop_cancel_timer(kafka->env.loop, &kafka->txn.due);
    kafka->txn.is_suspect |= result->is_fenced;
    if (result->outcome == TXN_BROKEN)
        break_down(kafka, result);
    else if (result->outcome == TXN_AWAY)
        still_away(kafka, result, job);
    else if (result->outcome == TXN_ABORTED)
        aborted(kafka, result);
    else if (job == TXN_LOOK)
        looked(kafka, result);
    else if (job == TXN_START)
        started(kafka, result);
    else
        ended(kafka, result);
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
        say_fenced(kafka);
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
                                             .done = job_done,
                                             .arg = kafka};
    if (txn_thread_new(&kafka->producer->txn_thread, &config, err))
        return -1;
    txn->state = TXN_STARTING;
    txn->began_ns = loop_now(kafka->env.loop);
    give_job(kafka, txn->is_suspect ? TXN_LOOK : TXN_START);
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
