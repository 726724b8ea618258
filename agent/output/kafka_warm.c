/* kafka_warm.c: a new instance asks for its topics before the first event does, and it is said how safe they are.
 *
 * Happy path: the answer is there before the first event; one line for topics that can lose acknowledged events with a broker.
 * Failure modes: none that matter: sending does not wait for it.
 * On close: the asking ends with the instance.
 */
#include "kafka.h"

#include <posta/log.h>

#define WARM_NS (300 * NS_PER_S)
#define SAY_NS  (86400 * NS_PER_S)

static void is_warm(void *arg, rd_kafka_resp_err_t code, const char *weak)
{
    struct kafka *kafka = arg;
    if (!code && !kafka->knows_copies)
        log_debug("kafka", "copies of topics were looked at");
    kafka->knows_copies |= !code;
    if (*weak)
        log_limited(NULL, SAY_NS, LOG_WARN, "kafka",
                    "%s: events that were acknowledged can be lost with a broker; 3 copies and "
                    "min.insync.replicas 2 are safe",
                    weak);
    producer_end_probe(kafka->producer);
}

void kafka_warm_up(struct kafka *kafka)
{
    struct err err;
    struct probe_config ask = {.timeout_ns = WARM_NS,
                               .asks_copies = !kafka->knows_copies,
                               .loop = kafka->env.loop,
                               .arg = kafka,
                               .done = is_warm};
    if (producer_probe(kafka->producer, &ask, &err))
        log_debug("kafka", "topics are not asked for in advance: %s", err.text);
}
