/* kafka_txn.h: exactly-once (output.kafka.delivery): events and the mark of where delivery stands, in one transaction.
 *
 *     kafka_txn.c         what a transaction holds, when it begins and ends; loop thread
 *     kafka_txn_outcome.c what has become of it; loop thread
 *     kafka_txn_thread.c  librdkafka's calls that wait for brokers, on a thread of the producer
 *     kafka_txn_read.c    what mark was stored last
 *
 * Only the kafka_*.c files include it.
 */
#ifndef OUTPUT_KAFKA_TXN_H
#define OUTPUT_KAFKA_TXN_H

#include <librdkafka/rdkafka.h>
#include <posta/buf.h>
#include <posta/loop.h>
#include <posta/output.h>

struct kafka;

struct txn_result;

/* ---- kafka_txn_read.c ---- */

struct mark_reader {
    const rd_kafka_conf_t *conf; /* with the group's id */
    const char *topic;
    int timeout_ms;
};
/* Fills has_mark and mark. 1 = no answer yet, -1 = it cannot be read: code and text say why. Blocks; any thread. */
int txn_read_mark(const struct mark_reader *reader, struct txn_result *result);

/* ---- kafka_txn_thread.c ---- */

enum txn_job {
    TXN_NO_JOB,
    TXN_LOOK,  /* read the mark back, touch nothing */
    TXN_START, /* fence whoever uses the id, read the mark back, begin */
    TXN_END,   /* store the mark, commit, begin the next; if it must be aborted: as TXN_ABORT */
    TXN_ABORT, /* abort, read the mark back, begin the next */
};

enum txn_outcome {
    TXN_DONE,
    TXN_ABORTED, /* of TXN_END and TXN_ABORT: the transaction has ended, the mark says how; the next has begun */
    TXN_AWAY,   /* of TXN_LOOK and TXN_START: no answer yet; may be given again */
    TXN_BROKEN, /* what has become of it is unknown, or it cannot go on: a new producer is needed */
};

struct txn_result {
    enum txn_outcome outcome;
    rd_kafka_resp_err_t code; /* why not DONE; may be 0 */
    char text[256];
    bool
        is_fenced; /* somebody else began with this id, or the brokers ended the transaction themselves */
    bool has_mark; /* there was one, or none where one was looked for */
    char mark[OUTPUT_MARK_MAX + 1];
    int64_t took_ns;
};

struct txn_thread_config {
    rd_kafka_t *rk;
    rd_kafka_conf_t *reader;   /* of a reader in the group; taken, also on failure */
    const char *group, *topic; /* borrowed during the call */
    int timeout_ms;            /* of one request */
    struct loop *loop;
    void (*done)(void *arg); /* loop thread: txn_thread_result has something */
    void *arg;
};

struct txn_thread;
int txn_thread_new(struct txn_thread **thread, const struct txn_thread_config *config,
                   struct err *err) MUST_CHECK;
/* One at a time; mark: of TXN_END, copied. number: grows with every mark. */
void txn_thread_do(struct txn_thread *thread, enum txn_job job, const char *mark, int64_t number);
/* What was done; NO_JOB if it is not finished. result is valid until the next job. */
enum txn_job txn_thread_result(struct txn_thread *thread, const struct txn_result **result);
/* It tells nobody any more. Then any thread may end it, which waits for the call it is in. */
void txn_thread_leave(struct txn_thread *thread);
void txn_thread_free(struct txn_thread *thread);

/* Does somebody else have the id, or did the brokers end the transaction themselves? */
bool txn_is_fenced(rd_kafka_resp_err_t code);

/* What a transaction needs, one after the other, without leaving a trace but the id: for `test output`; any thread, no loop. */
enum txn_outcome txn_try(const struct txn_thread_config *config, struct txn_result *result);

/* ---- kafka_txn.c ---- */

enum txn_state {
    TXN_DOWN,     /* no producer */
    TXN_STARTING, /* looking or starting */
    TXN_OPEN,     /* events are taken */
    TXN_ENDING,   /* the mark is given; waiting for the commit, or the end of an abort */
    TXN_FENCED,   /* another posta has this id: nothing is sent any more */
};

struct txn {
    bool is_used; /* exactly_once */
    enum txn_state state;
    enum txn_job job;
    char *id; /* transactional id, and group */
    uint64_t *tokens;
    size_t n_tokens, cap_tokens;
    uint64_t bytes;
    struct buf mark; /* of the transaction that ends */
    char *stored,
        *pending;   /* marks: known to be stored; NULL = none; and given, but its fate is unknown */
    int64_t number; /* of transactions ended */
    bool has_news;  /* something to store */
    bool is_urgent;
    bool must_abort;
    bool was_resumed; /* the sender knows where to go on */
    bool has_claimed; /* a mark of this process is stored */
    bool is_doubtful; /* a connection broke while it ended */
    bool is_suspect;  /* fenced: look before starting */
    int64_t began_ns; /* the job at hand, or for TXN_STARTING the first of them */
    struct loop_timer due;
};

#define FENCED_SAY_NS (600 * NS_PER_S) /* said again and again */

int kafka_txn_init(struct kafka *kafka, struct err *err) MUST_CHECK;
void kafka_txn_free(struct kafka *kafka);
/* There is a new producer. */
int kafka_txn_start(struct kafka *kafka, struct err *err) MUST_CHECK;
/* The producer is gone. */
void kafka_txn_stop(struct kafka *kafka);
/* May an event be sent now? Always without transactions. */
bool kafka_txn_takes(const struct kafka *kafka);
/* Nothing is in a transaction that is not committed. Always without transactions. */
bool kafka_txn_is_empty(const struct kafka *kafka);
/* Is there a transaction whose outcome decides whether what has no verdict is sent again? */
bool kafka_txn_decides(const struct kafka *kafka);
/* An event was sent. */
void kafka_txn_sent(struct kafka *kafka, uint64_t token, size_t len);
/* What was sent in this transaction is to be sent again. */
void kafka_txn_abort(struct kafka *kafka);
/* A connection had an error, or librdkafka gave up. */
void kafka_txn_note_error(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text);
void kafka_txn_settle(void *kafka, bool is_urgent);
bool kafka_txn_keeps_marks(const void *kafka);
/* Let the thread do this; nothing is sent meanwhile. */
void kafka_txn_give(struct kafka *kafka, enum txn_job job);
/* A transaction has begun. */
void kafka_txn_open(struct kafka *kafka);

/* ---- kafka_txn_outcome.c ---- */

/* The thread has done its job. arg: the kafka. */
void kafka_txn_done(void *arg);
void kafka_txn_say_fenced(const struct kafka *kafka);

#endif
