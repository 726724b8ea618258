/* kafka_txn_outcome.c: exactly-once: what has become of a transaction, and what follows from it.
 *
 * Happy path: it was committed: its events have their verdict, the sender hears that its mark is stored, the next is open.
 * Failure modes: (1) an event or a call fails in a way that can be aborted: the transaction is aborted. (2) The producer is broken,
 * or a call does not come back: another one takes its place. In both the mark that is stored then decides: the one that was
 * given last means committed; the one before it, that everything is sent again. (3) Another mark: somebody else has the id;
 * this one stops sending, and says so until it is restarted. (4) None: it was removed; that is said, and what has no verdict
 * is sent again. (5) Brokers end a transaction that takes longer than transaction.timeout as if it were fenced: the mark
 * tells that apart from a twin. (6) A commit during which the coordinator's connection broke, or that took long, is good if it
 * says so; but a late copy of its request could end the next transaction (KAFKA-17754), so that one is given to a new
 * producer, whose higher epoch keeps the copy out.
 * On close: nothing is kept here.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

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
    kafka_again(kafka);
}

void kafka_txn_say_fenced(const struct kafka *kafka)
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
    kafka->stats.is_fenced = 1;
    kafka->must_replace = false;
    kafka_txn_stop(kafka);
    kafka->txn.state = TXN_FENCED;
    kafka_drop_producer(kafka);
    kafka_txn_say_fenced(kafka);
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
    if (kafka_txn_decides(kafka))
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
            kafka_txn_open(kafka);
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
    kafka_txn_open(kafka);
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
        kafka_txn_give(kafka, TXN_START);
}

static void still_away(struct kafka *kafka, const struct txn_result *result, enum txn_job job)
{
    if (loop_now(kafka->env.loop) - kafka->txn.began_ns > kafka->set.stall_ns) {
        break_down(kafka, result);
        return;
    }
    say_failure(kafka, result);
    kafka_txn_give(kafka, job);
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
        kafka_txn_open(kafka);
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
    kafka_txn_open(kafka);
    kafka_watch(kafka);
}

/* The bell of the thread. */
void kafka_txn_done(void *arg)
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
