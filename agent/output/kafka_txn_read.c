/* kafka_txn_read.c: the mark that was stored last, read back.
 *
 * Happy path: a reader of the group, which never joins it, asks for the committed offset; the mark is its metadata. Of a transaction
 * that has not ended yet nothing is told (KIP-447): its end is waited for.
 * Failure modes: no answer, or a coordinator that moves: asked again until the time is over.
 * On close: the reader is destroyed; nothing stays on the brokers.
 *
 * Why not by ListConsumerGroupOffsets on the producer's own handle, which would save the connection: up to 2.12 librdkafka
 * follows a null pointer there when a broker answers that it is not, or not yet, the group's coordinator.
 */
#include "kafka.h"

#include <stdio.h>
#include <unistd.h>

enum { PAUSE_US = 50 * 1000 };

static bool may_pass(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: /* a transaction is being ended */
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return true;
    default:
        return false;
    }
}

static void take_mark(const rd_kafka_topic_partition_t *part, struct txn_result *result)
{
    result->has_mark = part->offset >= 0 && part->metadata_size > 0;
    if (result->has_mark)
        snprintf(result->mark, sizeof result->mark, "%.*s", (int)part->metadata_size,
                 (const char *)part->metadata);
}

static rd_kafka_resp_err_t ask(rd_kafka_t *rk, const struct mark_reader *reader, int timeout_ms,
                               struct txn_result *result)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->topic, 0);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, timeout_ms);
    if (!code)
        code = list->elems[0].err;
    if (!code)
        take_mark(&list->elems[0], result);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static int64_t left_ms(int64_t until_ns)
{
    int64_t left_ns = until_ns - clock_mono_ns();
    return left_ns > NS_PER_MS ? left_ns / NS_PER_MS : 0;
}

static rd_kafka_resp_err_t ask_until(rd_kafka_t *rk, const struct mark_reader *reader,
                                     struct txn_result *result)
{
    int64_t until_ns = clock_mono_ns() + reader->timeout_ms * NS_PER_MS;
    rd_kafka_resp_err_t code = ask(rk, reader, reader->timeout_ms, result);
    while (may_pass(code) && left_ms(until_ns) > 0) {
        usleep(PAUSE_US);
        code = ask(rk, reader, (int)left_ms(until_ns) + 1, result);
    }
    return code;
}

int txn_read_mark(const struct mark_reader *reader, struct txn_result *result)
{
    char text[256];
    static const char what[] = "reading the place of delivery back";
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(reader->conf);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        result->code = rd_kafka_last_error();
        snprintf(result->text, sizeof result->text, "%s: %.200s", what, text);
        return -1;
    }
    struct err err; /* without tokens the asking fails, and says why */
    (void)(kafka_start_sasl(rk, &err) == 0);
    rd_kafka_resp_err_t code = ask_until(rk, reader, result);
    rd_kafka_destroy(rk);
    if (!code)
        return 0;
    result->code = code;
    snprintf(result->text, sizeof result->text, "%s: %s", what, rd_kafka_err2str(code));
    return may_pass(code) ? 1 : -1;
}
