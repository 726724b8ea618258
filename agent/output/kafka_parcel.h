/* kafka_parcel.h: output.kafka.pack: several events in one message; see kafka_parcel.c. Only kafka.h includes it. */
#ifndef OUTPUT_KAFKA_PARCEL_H
#define OUTPUT_KAFKA_PARCEL_H

#include <librdkafka/rdkafka.h>
#include <posta/buf.h>
#include <posta/loop.h>

struct kafka;
struct kafka_message;

/* The events of one message. */
struct parcel {
    uint64_t *tokens;
    uint32_t n, cap;
};

struct parcels {
    struct parcel *at; /* by number; a free one has no events */
    uint32_t *free;    /* a stack of numbers */
    uint32_t n, n_free;
    uint64_t n_more; /* on their way: events beyond one a message */
    /* The one that is being filled. */
    bool is_open;
    uint32_t number;
    unsigned topic;
    uint32_t spread;
    int64_t time_ms;
    struct buf bytes, key;
    bool has_key;
    struct loop_task close; /* this turn's events are in it */
};

void kafka_init_parcels(struct kafka *kafka);
void kafka_free_parcels(struct kafka *kafka);
int kafka_check_parcels(const struct kafka *kafka, struct err *err) MUST_CHECK;
/* Most messages in a batch, so that it is filled by their number. */
uint64_t kafka_batch_events(const struct kafka *kafka);

/* Take an event. Not 0: the parcel before it could not be given to librdkafka, and the event is not taken. */
rd_kafka_resp_err_t kafka_add_to_parcel(struct kafka *kafka, const struct kafka_message *msg,
                                        int64_t time_ms, uint64_t token);
/* May this one be in a parcel? */
bool kafka_fits_parcel(const struct kafka *kafka, const struct kafka_message *msg);
/* Give the open one to librdkafka, if there is one. */
rd_kafka_resp_err_t kafka_close_parcel(struct kafka *kafka);
/* The same; false: it stays, and why has been seen to. */
bool kafka_try_parcel(struct kafka *kafka);
/* All of it is offered again: the open one is forgotten; with a new instance also those on their way. */
void kafka_forget_parcel(struct kafka *kafka);
void kafka_forget_parcels(struct kafka *kafka);

/* A message that is no parcel is to end like one. msg borrows from parcels.bytes then. */
void kafka_end_line(struct kafka *kafka, struct kafka_message *msg);
/* Of a message with one event, without that. */
size_t kafka_len_of_event(const struct kafka *kafka, const rd_kafka_message_t *msg);

bool kafka_is_parcel(const rd_kafka_message_t *msg);
/* Tokens of a message's events: *tokens, or one of its own. */
uint32_t kafka_tokens_of(const struct kafka *kafka, const rd_kafka_message_t *msg, uint64_t *own,
                         const uint64_t **tokens);
/* It has its report. */
void kafka_parcel_is_done(struct kafka *kafka, const rd_kafka_message_t *msg);

#endif
