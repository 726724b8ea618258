/* kafka_parcel.c: output.kafka.pack: several events in one message, a line each, for readers that take a message apart at its
 * newlines. librdkafka's price is one for each message, so with parcels of 64 KB hardly any of it is left.
 *
 * Happy path: events that follow each other and go to the same topic, partition and key go into the open parcel; it is closed when
 * the next one does not fit or goes elsewhere, and at the end of the turn of the loop in which it was opened: nothing waits for
 * events to come. The report of a message is that of all its events. Each message ends with a newline, also that of an event alone:
 * Logstash's codec json_lines keeps what is behind the last one for the next message.
 * Failure modes: (1) librdkafka takes nothing now: the parcel stays open and full, events behind it are busy. (2) a parcel is
 * refused: its events are sent alone, so that the one that is the reason is found (kafka_poison.c). (3) what has no report is
 * offered again: the open parcel is forgotten.
 * On close: an open parcel is forgotten; its events are in the spool.
 */
#include "kafka.h"

#include <stdlib.h>

enum { MESSAGE_OVERHEAD = 64 };

static void close_at_end_of_turn(void *arg)
{
    (void)kafka_try_parcel(arg); /* kafka_release tries again */
}

void kafka_init_parcels(struct kafka *kafka)
{
    kafka->parcels.close = (struct loop_task) {.run = close_at_end_of_turn, .arg = kafka};
}

int kafka_check_parcels(const struct kafka *kafka, struct err *err)
{
    const struct kafka_settings *set = &kafka->set;
    if (!set->pack_bytes)
        return 0;
    if (set->pack_bytes + MESSAGE_OVERHEAD > set->max_message_bytes)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.pack: is above max_message_bytes (%llu): make it smaller",
                       (unsigned long long)set->max_message_bytes);
    if (set->codec_format || set->pretty)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.pack: its events must be a line each, which codec.%s does not "
                       "promise: remove one of them",
                       set->pretty ? "json.pretty" : "format.string");
    if (set->posta_headers)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.pack: posta_headers speak of one event, and a message has "
                       "several: remove one of them");
    return 0;
}

uint64_t kafka_batch_events(const struct kafka *kafka)
{
    const struct kafka_settings *set = &kafka->set;
    uint64_t n = set->bulk_max_size;
    if (set->pack_bytes && !kafka->batch_bytes)
        n = set->max_message_bytes / (set->pack_bytes + MESSAGE_OVERHEAD);
    return n < set->bulk_max_size ? n : set->bulk_max_size;
}

/* ---- numbers ---- */

static uint32_t take_number(struct parcels *parcels)
{
    if (parcels->n_free > 0)
        return parcels->free[--parcels->n_free];
    parcels->at = mem_grow(parcels->at, parcels->n + 1, sizeof *parcels->at);
    parcels->free = mem_grow(parcels->free, parcels->n + 1, sizeof *parcels->free);
    parcels->at[parcels->n] = (struct parcel) {.n = 0};
    return parcels->n++;
}

static void give_number_back(struct parcels *parcels, uint32_t number)
{
    parcels->at[number].n = 0;
    parcels->free[parcels->n_free++] = number;
}

static void add_token(struct parcel *parcel, uint64_t token)
{
    if (parcel->n == parcel->cap) {
        parcel->cap = parcel->cap ? 2 * parcel->cap : 64;
        parcel->tokens = mem_grow(parcel->tokens, parcel->cap, sizeof *parcel->tokens);
    }
    parcel->tokens[parcel->n++] = token;
}

/* ---- the open one ---- */

static bool goes_along(const struct parcels *parcels, const struct kafka_message *msg,
                       uint64_t limit_bytes)
{
    return parcels->topic == msg->topic && parcels->spread == msg->spread &&
           parcels->bytes.len + msg->len + 1 <= limit_bytes && parcels->has_key == !!msg->key &&
           parcels->key.len == msg->key_len &&
           (msg->key_len == 0 || memcmp(parcels->key.data, msg->key, msg->key_len) == 0);
}

static void open_parcel(struct kafka *kafka, const struct kafka_message *msg, int64_t time_ms)
{
    struct parcels *parcels = &kafka->parcels;
    parcels->is_open = true;
    parcels->number = take_number(parcels);
    parcels->topic = msg->topic;
    parcels->spread = msg->spread;
    parcels->time_ms = time_ms;
    parcels->has_key = msg->key != NULL;
    buf_clear(&parcels->bytes);
    buf_clear(&parcels->key);
    buf_append(&parcels->key, msg->key_len ? msg->key : "", msg->key_len);
    loop_defer(kafka->env.loop, &parcels->close);
}

bool kafka_fits_parcel(const struct kafka *kafka, const struct kafka_message *msg)
{
    return !kafka->batch_bytes && msg->len < kafka->set.pack_bytes &&
           msg->topic != (unsigned)kafka->dead.topic;
}

rd_kafka_resp_err_t kafka_add_to_parcel(struct kafka *kafka, const struct kafka_message *msg,
                                        int64_t time_ms, uint64_t token)
{
    struct parcels *parcels = &kafka->parcels;
    if (parcels->is_open && !goes_along(parcels, msg, kafka->set.pack_bytes)) {
        rd_kafka_resp_err_t code = kafka_close_parcel(kafka);
        if (code)
            return code;
    }
    if (!parcels->is_open)
        open_parcel(kafka, msg, time_ms);
    buf_append(&parcels->bytes, msg->value, msg->len);
    buf_putc(&parcels->bytes, '\n');
    add_token(&parcels->at[parcels->number], token);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void kafka_end_line(struct kafka *kafka, struct kafka_message *msg)
{
    struct buf *bytes = &kafka->parcels.bytes; /* no parcel is open */
    if (!kafka->set.pack_bytes)
        return;
    buf_clear(bytes);
    buf_append(bytes, msg->value, msg->len);
    buf_putc(bytes, '\n');
    msg->value = bytes->data;
    msg->len = bytes->len;
}

size_t kafka_len_of_event(const struct kafka *kafka, const rd_kafka_message_t *msg)
{
    const char *bytes = msg->payload;
    return msg->len - (kafka->set.pack_bytes && msg->len && bytes[msg->len - 1] == '\n');
}

rd_kafka_resp_err_t kafka_close_parcel(struct kafka *kafka)
{
    struct parcels *parcels = &kafka->parcels;
    if (!parcels->is_open)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    struct parcel *parcel = &parcels->at[parcels->number];
    const struct kafka_message msg = {.topic = parcels->topic,
                                      .key = parcels->has_key ? buf_str(&parcels->key) : NULL,
                                      .key_len = parcels->key.len,
                                      .value = parcels->bytes.data,
                                      .len = parcels->bytes.len,
                                      .is_parcel = parcel->n > 1,
                                      .spread = parcels->spread};
    uint64_t token = parcel->n > 1 ? parcels->number : parcel->tokens[0];
    rd_kafka_resp_err_t code = kafka_give(kafka, &msg, parcels->time_ms, token, NULL);
    if (code)
        return code;
    kafka_was_sent(kafka, parcel->tokens, parcel->n, parcels->bytes.len);
    parcels->n_more += parcel->n - 1;
    if (parcel->n == 1)
        give_number_back(parcels, parcels->number);
    parcels->is_open = false;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_try_parcel(struct kafka *kafka)
{
    rd_kafka_resp_err_t code = kafka_close_parcel(kafka);
    if (code)
        kafka_not_now(kafka, kafka->topics.at[kafka->parcels.topic].name, code);
    return !code;
}

void kafka_forget_parcel(struct kafka *kafka)
{
    struct parcels *parcels = &kafka->parcels;
    if (parcels->is_open)
        give_number_back(parcels, parcels->number);
    parcels->is_open = false;
}

void kafka_forget_parcels(struct kafka *kafka)
{
    struct parcels *parcels = &kafka->parcels;
    parcels->is_open = false;
    parcels->n_more = parcels->n_free = 0;
    for (uint32_t i = 0; i < parcels->n; i++)
        give_number_back(parcels, i);
}

void kafka_free_parcels(struct kafka *kafka)
{
    struct parcels *parcels = &kafka->parcels;
    if (kafka->env.loop)
        loop_drop_task(kafka->env.loop, &parcels->close);
    for (uint32_t i = 0; i < parcels->n; i++)
        free(parcels->at[i].tokens);
    free(parcels->at);
    free(parcels->free);
    buf_free(&parcels->bytes);
    buf_free(&parcels->key);
    *parcels = (struct parcels) {.n = 0};
}

/* ---- reports ---- */

bool kafka_is_parcel(const rd_kafka_message_t *msg)
{
    return kafka_opaque_is_parcel(msg->_private);
}

uint32_t kafka_tokens_of(const struct kafka *kafka, const rd_kafka_message_t *msg, uint64_t *own,
                         const uint64_t **tokens)
{
    *own = kafka_token_of(msg->_private);
    *tokens = own;
    if (!kafka_is_parcel(msg))
        return 1;
    const struct parcel *parcel = &kafka->parcels.at[*own];
    *tokens = parcel->tokens;
    return parcel->n;
}

void kafka_parcel_is_done(struct kafka *kafka, const rd_kafka_message_t *msg)
{
    if (!kafka_is_parcel(msg))
        return;
    uint32_t number = (uint32_t)kafka_token_of(msg->_private);
    kafka->parcels.n_more -= kafka->parcels.at[number].n - 1;
    give_number_back(&kafka->parcels, number);
}
