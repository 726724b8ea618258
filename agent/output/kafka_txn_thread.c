/* kafka_txn_thread.c: librdkafka's calls that wait for brokers, on a thread of their own, one job at a time.
 *
 * Happy path: a job is given, its calls are made, the result rings a bell on the loop.
 * Failure modes: a call fails: what it says decides whether the job goes on, is aborted, or the producer is broken. A call
 * hangs: the owner gives the producer up and makes another; this thread ends when the call returns.
 * On close: leave on the loop thread, then free on any thread, which waits for the call.
 *
 * The mark is the metadata of an offset that the group committed, for partition 0 of the topic: "simple" commits, nobody joins
 * the group.
 */
#include "kafka_txn.h"

#include <posta/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SLICE_MS = 1000, THREAD_STACK_BYTES = 256 * 1024 };

struct txn_thread {
    struct txn_thread_config conf;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t given;
    char *group, *topic; /* copies: it may outlive who gave them */
    struct loop_io io;   /* eventfd: done */
    /* under the lock */
    enum txn_job job;
    bool is_done, must_end;
    /* the thread's while it has a job, else the owner's */
    struct buf mark;
    int64_t number;
    struct txn_result result;
};

static bool must_end(struct txn_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool is_so = thread->must_end;
    pthread_mutex_unlock(&thread->lock);
    return is_so;
}

/* ---- what a call says ---- */

enum answer { ANSWER_OK, ANSWER_LATER, ANSWER_ABORT, ANSWER_BROKEN };

bool txn_is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static void note(struct txn_thread *thread, rd_kafka_resp_err_t code, const char *what,
                 const char *text)
{
    struct txn_result *result = &thread->result;
    char fatal[128];
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(thread->conf.rk, fatal, sizeof fatal);
    result->code = code;
    result->is_fenced |= txn_is_fenced(code);
    const char *extra =
        strstr(text, " (after "); /* how long it took would make the same look new */
    const char *rest = extra ? strchr(extra, ')') : NULL;
    int len = rest ? (int)(extra - text) : (int)strlen(text);
    snprintf(result->text, sizeof result->text, "%s: %.*s%s", what, len, text,
             rest ? rest + 1 : "");
}

/* Takes the error. */
static enum answer answer_of(struct txn_thread *thread, const char *what, rd_kafka_error_t *error)
{
    enum answer answer = ANSWER_BROKEN;
    if (!error)
        return ANSWER_OK;
    note(thread, rd_kafka_error_code(error), what, rd_kafka_error_string(error));
    if (rd_kafka_error_is_fatal(error))
        answer = ANSWER_BROKEN;
    else if (rd_kafka_error_txn_requires_abort(error))
        answer = ANSWER_ABORT;
    else if (rd_kafka_error_is_retriable(error))
        answer = ANSWER_LATER;
    rd_kafka_error_destroy(error);
    return answer;
}

/* ---- the mark ---- */

static rd_kafka_topic_partition_list_t *place_of_mark(const struct txn_thread *thread)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, thread->topic, 0);
    return list;
}

static enum answer look(struct txn_thread *thread)
{
    struct txn_result *result = &thread->result;
    const struct mark_reader reader = {
        .conf = thread->conf.reader, .topic = thread->topic, .timeout_ms = thread->conf.timeout_ms};
    int rc = txn_read_mark(&reader, result);
    return rc == 0 ? ANSWER_OK : rc > 0 ? ANSWER_LATER : ANSWER_BROKEN;
}

static enum answer store_mark(struct txn_thread *thread)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(thread->group);
    rd_kafka_topic_partition_list_t *list = place_of_mark(thread);
    int64_t until_ns = clock_mono_ns() + thread->conf.timeout_ms * NS_PER_MS;
    enum answer answer;
    list->elems[0].offset = thread->number;
    list->elems[0].metadata = mem_dup(buf_str(&thread->mark)); /* freed with the list */
    list->elems[0].metadata_size = thread->mark.len;
    do
        answer = answer_of(thread, "storing the place of delivery",
                           rd_kafka_send_offsets_to_transaction(thread->conf.rk, list, group,
                                                                thread->conf.timeout_ms));
    while (answer == ANSWER_LATER && !must_end(thread) && clock_mono_ns() < until_ns);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    return answer;
}

/* ---- jobs ---- */

static enum txn_outcome begin(struct txn_thread *thread, enum txn_outcome before)
{
    enum answer answer =
        answer_of(thread, "beginning a transaction", rd_kafka_begin_transaction(thread->conf.rk));
    return answer == ANSWER_OK ? before : TXN_BROKEN;
}

static enum txn_outcome do_look(struct txn_thread *thread)
{
    enum answer answer = look(thread);
    if (answer == ANSWER_LATER)
        return TXN_AWAY;
    return answer == ANSWER_OK ? TXN_DONE : TXN_BROKEN;
}

/* The call goes on in the background when its time is over, and can be made again. */
static enum txn_outcome do_start(struct txn_thread *thread)
{
    int64_t until_ns = clock_mono_ns() + thread->conf.timeout_ms * NS_PER_MS;
    enum answer answer;
    do
        answer = answer_of(thread, "starting transactions",
                           rd_kafka_init_transactions(thread->conf.rk, SLICE_MS));
    while (answer == ANSWER_LATER && !must_end(thread) && clock_mono_ns() < until_ns);
    if (answer == ANSWER_LATER)
        return TXN_AWAY;
    if (answer != ANSWER_OK)
        return TXN_BROKEN;
    return do_look(thread) == TXN_DONE ? begin(thread, TXN_DONE) : TXN_BROKEN;
}

/* Why it is aborted stays in the result. */
static enum txn_outcome do_abort(struct txn_thread *thread)
{
    struct txn_result why = thread->result;
    if (answer_of(thread, "aborting a transaction",
                  rd_kafka_abort_transaction(thread->conf.rk, -1)) != ANSWER_OK ||
        look(thread) != ANSWER_OK || begin(thread, TXN_ABORTED) != TXN_ABORTED)
        return TXN_BROKEN;
    thread->result.code = why.code;
    memcpy(thread->result.text, why.text, sizeof why.text);
    return TXN_ABORTED;
}

static enum txn_outcome do_end(struct txn_thread *thread)
{
    enum answer answer = store_mark(thread);
    if (answer == ANSWER_OK)
        answer = answer_of(thread, "committing a transaction",
                           rd_kafka_commit_transaction(thread->conf.rk, -1));
    if (answer == ANSWER_ABORT)
        return do_abort(thread);
    return answer == ANSWER_OK ? begin(thread, TXN_DONE) : TXN_BROKEN;
}

static void init(struct txn_thread *thread, const struct txn_thread_config *config)
{
    *thread = (struct txn_thread) {.conf = *config,
                                   .group = mem_dup(config->group),
                                   .topic = mem_dup(config->topic),
                                   .io = {.fd = -1},
                                   .mark = BUF_INIT};
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->given, NULL);
}

static void release(struct txn_thread *thread)
{
    if (thread->io.fd >= 0)
        close(thread->io.fd);
    pthread_mutex_destroy(&thread->lock);
    pthread_cond_destroy(&thread->given);
    buf_free(&thread->mark);
    free(thread->group);
    free(thread->topic);
    rd_kafka_conf_destroy(thread->conf.reader);
}

enum txn_outcome txn_try(const struct txn_thread_config *config, struct txn_result *result)
{
    struct txn_thread thread;
    init(&thread, config);
    buf_puts(&thread.mark, "0 test");
    enum txn_outcome outcome = do_start(&thread);
    if (outcome == TXN_DONE && store_mark(&thread) != ANSWER_OK)
        outcome = TXN_BROKEN;
    *result = thread.result;
    if (outcome == TXN_DONE)
        (void)answer_of(&thread, "",
                        rd_kafka_abort_transaction(config->rk, -1)); /* else time does */
    release(&thread);
    return outcome;
}

static void do_job(struct txn_thread *thread, enum txn_job job)
{
    static enum txn_outcome (*const jobs[])(struct txn_thread *) = {
        [TXN_LOOK] = do_look, [TXN_START] = do_start, [TXN_END] = do_end, [TXN_ABORT] = do_abort};
    int64_t began_ns = clock_mono_ns();
    memset(&thread->result, 0, sizeof thread->result);
    thread->result.outcome = jobs[job](thread);
    thread->result.took_ns = clock_mono_ns() - began_ns;
}

static void *run(void *arg)
{
    struct txn_thread *thread = arg;
    pthread_mutex_lock(&thread->lock);
    while (!thread->must_end) {
        if (thread->job == TXN_NO_JOB || thread->is_done) {
            pthread_cond_wait(&thread->given, &thread->lock);
            continue;
        }
        enum txn_job job = thread->job;
        pthread_mutex_unlock(&thread->lock);
        do_job(thread, job);
        pthread_mutex_lock(&thread->lock);
        thread->is_done = true;
        (void)eventfd_write(thread->io.fd, 1); /* cannot fail: never near its limit */
    }
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

/* ---- the owner's side ---- */

static void rang(void *arg)
{
    struct txn_thread *thread = arg;
    eventfd_t n;
    (void)eventfd_read(thread->io.fd, &n); /* only a bell */
    thread->conf.done(thread->conf.arg);
}

static int start_thread(struct txn_thread *thread, struct err *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    int rc = pthread_create(&thread->thread, &attr, run, thread);
    pthread_attr_destroy(&attr);
    errno = rc;
    return rc ? err_sys(err, "start a thread for transactions") : 0;
}

static int open_thread(struct txn_thread *thread, struct err *err)
{
    thread->io.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (thread->io.fd < 0)
        return err_sys(err, "make an eventfd");
    if (loop_add(thread->conf.loop, &thread->io, err))
        return -1;
    if (start_thread(thread, err)) {
        loop_remove(thread->conf.loop, &thread->io);
        return -1;
    }
    return 0;
}

int txn_thread_new(struct txn_thread **out, const struct txn_thread_config *config, struct err *err)
{
    struct txn_thread *thread = mem_zero(1, sizeof *thread);
    init(thread, config);
    thread->io.ready = rang;
    thread->io.arg = thread;
    if (open_thread(thread, err)) {
        release(thread);
        free(thread);
        return -1;
    }
    *out = thread;
    return 0;
}

void txn_thread_do(struct txn_thread *thread, enum txn_job job, const char *mark, int64_t number)
{
    pthread_mutex_lock(&thread->lock);
    buf_clear(&thread->mark);
    if (mark)
        buf_puts(&thread->mark, mark);
    thread->number = number;
    thread->job = job;
    thread->is_done = false;
    pthread_cond_signal(&thread->given);
    pthread_mutex_unlock(&thread->lock);
}

enum txn_job txn_thread_result(struct txn_thread *thread, const struct txn_result **result)
{
    pthread_mutex_lock(&thread->lock);
    enum txn_job job = thread->is_done ? thread->job : TXN_NO_JOB;
    if (job != TXN_NO_JOB)
        thread->job = TXN_NO_JOB;
    pthread_mutex_unlock(&thread->lock);
    *result = &thread->result;
    return job;
}

void txn_thread_leave(struct txn_thread *thread)
{
    loop_remove(thread->conf.loop, &thread->io);
    pthread_mutex_lock(&thread->lock);
    thread->must_end = true;
    pthread_cond_signal(&thread->given);
    pthread_mutex_unlock(&thread->lock);
}

void txn_thread_free(struct txn_thread *thread)
{
    pthread_join(thread->thread, NULL);
    release(thread);
    free(thread);
}
