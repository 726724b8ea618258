/* kafka_poison.c: events that no broker will ever take, and how they are found among those that shared a batch with them.
 *
 * Happy path: there are none; batches are as large as max_message_bytes.
 * Failure modes: a broker refuses a batch as a whole, and does not say because of which event. All of it is tried again: in
 * batches half as large if it was too large, else, and if it held parcels, each event alone; what is refused alone is refused for good. When what was
 * on its way is through, or ten minutes after a batch was too large, batches are large again. The size of batches is an
 * instance's for life, so each change is a new producer.
 */
#include "kafka.h"

#define LARGE_AGAIN_NS (600 * NS_PER_S)

uint64_t kafka_batch_limit_bytes(const struct kafka *kafka)
{
    return kafka->batch_bytes ? kafka->batch_bytes : kafka->set.max_message_bytes;
}

bool kafka_is_poison(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* This report's event, and what has none yet; all of a transaction. */
static uint64_t n_to_send_again(const struct kafka *kafka)
{
    return kafka->txn.is_used ? kafka->txn.n_tokens
                              : kafka->stats.in_flight + kafka->parcels.n_more + 1;
}

bool kafka_try_smaller(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    uint64_t batch = kafka_batch_limit_bytes(kafka);
    bool is_size = msg->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    if (kafka->is_rebatched)
        return true; /* from the same producer: decided with the next */
    if (msg->len > batch)
        return false; /* it was alone */
    if (kafka_is_parcel(msg))
        is_size = false; /* its events alone, once */
    kafka->is_rebatched = true;
    kafka->batch_bytes = is_size && batch / 2 > 1 ? batch / 2 : 1;
    kafka->n_small = is_size ? 0 : n_to_send_again(kafka);
    kafka->small_until_ns = loop_now(kafka->env.loop) + LARGE_AGAIN_NS;
    return true;
}

/* Then what is refused is refused for good, and what is behind it overtakes nothing. */
bool kafka_tries_alone(const struct kafka *kafka)
{
    return kafka->batch_bytes == 1;
}

void kafka_got_through(struct kafka *kafka)
{
    if (!kafka->batch_bytes || kafka->is_rebatched || kafka->is_held || kafka->must_replace)
        return;
    if (kafka->n_small > 0 ? --kafka->n_small > 0
                           : loop_now(kafka->env.loop) < kafka->small_until_ns)
        return;
    kafka->batch_bytes = 0;
    kafka->is_rebatched = true;
    kafka->is_held = true;
    kafka->hold_until_ns = loop_now(kafka->env.loop);
    kafka_watch(kafka);
}
