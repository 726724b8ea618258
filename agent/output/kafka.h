/* kafka.h: the Kafka output's own state, for the kafka_*.c files. The only door to librdkafka. */
#ifndef OUTPUT_KAFKA_H
#define OUTPUT_KAFKA_H

#include "kafka_arena.h"
#include "kafka_certs.h"
#include "kafka_flow.h"
#include "kafka_parcel.h"
#include "kafka_probe.h"
#include "kafka_rules.h"
#include "kafka_sockets.h"
#include "kafka_txn.h"

#include <librdkafka/rdkafka.h>
#include <posta/buf.h>
#include <posta/loop.h>
#include <posta/output.h>

enum kafka_compression {
    KAFKA_NONE,
    KAFKA_GZIP,
    KAFKA_SNAPPY,
    KAFKA_LZ4,
    KAFKA_ZSTD,
    KAFKA_NO,
    KAFKA_OFF
};
enum kafka_delivery { DELIVERY_AT_LEAST_ONCE, DELIVERY_EXACTLY_ONCE };

/* Who posta is to the brokers, beside or without a client certificate. */
struct kafka_sasl {
    char *username, *password, *mechanism;
    char *token_url, *client_id, *client_secret, *scope; /* sasl.oauthbearer */
    struct str_list extensions, authorities;
};

/* output.kafka.partition: which number decides. */
enum kafka_spread { SPREAD_BY_LOG, SPREAD_BY_HASH, SPREAD_RANDOM, SPREAD_ROUND_ROBIN };
struct kafka_partition {
    enum kafka_spread kind;
    struct str_list fields; /* hash */
    bool random, reachable_only;
    uint64_t group_events;
    uint64_t seed;
};

struct kafka_settings {
    bool enabled;
    struct str_list hosts;
    char *topic;
    struct node_list topics, headers;
    const struct node *partition;
    char *key, *codec_format, *dead_topic;
    int dead_letter; /* "file": nothing else can be said without a topic */
    bool pretty, escape_html;
    char *client_id;
    int compression;
    char *compression_level; /* NULL = the library's choice */
    bool posta_headers, end_records;
    uint64_t max_message_bytes, bulk_max_size, buffer_bytes, pack_bytes;
    int64_t linger_ns, timeout_ns, broker_timeout_ns, backoff_init_ns, backoff_max_ns,
        keep_alive_ns, refresh_ns;
    int64_t stall_ns;
    int delivery; /* enum kafka_delivery */
    char *txn_id;
    uint64_t txn_bytes;
    int64_t txn_interval_ns, txn_timeout_ns, txn_refresh_ns;
    struct kafka_sasl sasl;
    struct kafka_tls tls;
};

struct kafka_stats {
    uint64_t sent, acked, refused, buried, failed, in_flight, producers_made, connection_errors;
    uint64_t transactions, transactions_aborted, commit_ms, is_fenced;
    uint64_t certificates_renewed, certificates_refused, certificate_expires, certificate_days_left,
        authority_expires, authority_days_left;
};

/* One librdkafka instance and what belongs to it. */
struct producer {
    rd_kafka_t *rk;
    struct client *client;
    struct arena *arena; /* messages on their way */
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t **topics; /* by number; NULL where there is none */
    struct flow *flows;        /* of all topics ever seen; a topic's is its opaque */
    unsigned n_topics, n_seen; /* n_seen: ever made */
    rd_kafka_topic_t **asked;  /* for who asks about topics */
    unsigned n_asked;
    struct loop_io io;             /* eventfd: the queue has something */
    struct txn_thread *txn_thread; /* NULL without transactions */
    struct probe *probe;           /* NULL = nothing is being asked */
};

/* What makes messages of events, see kafka_shape.c. */
struct kafka_shape {
    struct format *key_format, *codec; /* NULL = none */
    rd_kafka_headers_t *headers;       /* of the configuration */
    struct lookup event;               /* at hand */
    struct buf name, key, value;       /* of it */
};

/* An event, ready to go. Borrows from the event and the shape. */
struct kafka_message {
    unsigned topic;
    const char *key; /* NULL = none */
    size_t key_len;
    const char *value;
    size_t len;
    bool is_parcel; /* its token is the number of a parcel */
    uint32_t spread;
};

/* See kafka_dead.c. */
enum { DOOMED_MAX = 64 };
struct doomed {
    uint64_t token;
    char *why, *topic;
};
struct kafka_dead {
    int topic; /* NO_TOPIC: the file */
    struct doomed doomed[DOOMED_MAX];
    unsigned next;
    bool has_doomed;
};
struct dead_event {
    uint64_t token;
    const char *why, *topic; /* topic: where it was refused; NULL = it had none */
    const char *bytes, *key;
    size_t len, key_len;
    int64_t time_ms;
};

/* Certificates on their way in; all zero while there are none. */
struct renewal {
    struct kafka_pems *pems;
    struct producer *next;
    bool is_proven; /* the brokers took it: the instance in use is being drained */
    int64_t drain_began_ns;
    struct loop_timer deadline;
    size_t n_refusals;
    char trouble[512]; /* what its instance said last */
};

struct kafka {
    struct kafka_settings set;
    struct output_env env;
    struct producer *producer; /* NULL while there is none */
    struct kafka_topics topics;
    struct kafka_rules rules;
    struct kafka_partition partition;
    struct kafka_shape shape;
    struct kafka_dead dead;
    struct loop_task more;   /* the queue was not emptied */
    struct loop_timer opens; /* a partition may be given more */
    struct flow_pace pace;
    struct parcels parcels;
    struct loop_timer supervise;
    /* What keeps it from sending, and what ends that:
     *   is_busy           the queue or the partition       a report makes room, or its time comes (opens), or one of
     *                     has enough                       the below ends
     *   is_held           a refusal that may pass          all in flight has its report and hold_until_ns is over
     *   is_rebatched      (held) batch_bytes has changed   a new producer, then as is_held
     *   must_replace      the producer is broken           a new producer, from hold_until_ns on
     *   producer NULL     none could be made               tried again each second
     *   kafka_is_draining certificates were renewed        the new producer is in its place */
    bool is_busy, is_held, is_rebatched, must_replace;
    uint64_t batch_bytes;   /* 0 = max_message_bytes; smaller until n_small events are through, */
    uint64_t n_small;       /* or if that is 0, until small_until_ns */
    int64_t small_until_ns; /* see kafka_poison.c */
    int64_t hold_until_ns;  /* for is_held and must_replace */
    unsigned n_back_offs;   /* in a row, without a delivery between */
    int64_t last_progress_ns;
    bool is_up;        /* the last report was a success: for saying changes only */
    bool knows_copies; /* how safe topics are was said */
    struct certs *certs;
    struct renewal renewal;
    struct txn txn;
    struct kafka_stats stats;
    struct buf peers; /* what librdkafka told of itself last, JSON */
};

/* ---- kafka_options.c ---- */
extern const struct option kafka_options[];

/* ---- kafka_conf.c ---- */
/* Set one property; section is our own part that it comes from, for the message. */
int kafka_set(rd_kafka_conf_t *conf, const char *section, const char *name, const char *value,
              struct err *err) MUST_CHECK;
/* A librdkafka configuration from ours. Caller destroys it, or rd_kafka_new takes it. */
int kafka_make_conf(const struct kafka *kafka, rd_kafka_conf_t **conf, struct err *err) MUST_CHECK;

/* The same for one who reads: brokers, TLS, user; committed events only. */
int kafka_make_reader_conf(const struct kafka *kafka, rd_kafka_conf_t **conf,
                           struct err *err) MUST_CHECK;

/* And for one who reads what this group committed, beside the instance in use. */
int kafka_make_member_conf(const struct kafka *kafka, const char *group, rd_kafka_conf_t **conf,
                           struct err *err) MUST_CHECK;

/* ---- kafka_topics.c ---- */
int kafka_check_topic_name(const char *name, struct err *err) MUST_CHECK;
/* The number of this topic; it gets one if it has none. A dated one may lose its number to the next. */
unsigned kafka_topic_number(struct kafka *kafka, const char *name, bool is_dated);
/* The first one whose name does not change; NULL if there is none. */
const char *kafka_first_topic(const struct kafka *kafka);
/* For messages: one of them, and whether there are others. */
const char *kafka_some_topic(const struct kafka *kafka);
void kafka_free_topics(struct kafka *kafka);
/* NULL: rd_kafka_last_error says why. */
rd_kafka_topic_t *kafka_topic_handle(struct kafka *kafka, struct producer *producer,
                                     unsigned number);
int kafka_make_handles(struct kafka *kafka, struct producer *producer, struct err *err) MUST_CHECK;
void kafka_make_asked(struct kafka *kafka, struct producer *producer);
void kafka_free_handles(struct producer *producer);
/* librdkafka forgets no topic: a new instance is due, when nothing is on its way. */
bool kafka_has_seen_too_many(const struct producer *producer);

/* ---- kafka_rules.c ---- */
extern const struct option kafka_topic_options[];
int kafka_read_rules(struct kafka *kafka, struct err *err) MUST_CHECK;
/* With topics and plans. */
void kafka_free_rules(struct kafka *kafka);

/* ---- kafka_plan.c ---- */
/* Read the rules, decide for each input what can be decided. */
int kafka_plan_routes(struct kafka *kafka, const struct output_env *env,
                      struct err *err) MUST_CHECK;
/* The topic that the rule's mappings have for a text, or its default. */
int kafka_mapped_topic(const struct kafka_rule *rule, const char *text);

/* ---- kafka_route.c ---- */
/* The topic of this event, which is in kafka->shape.event too; NO_TOPIC if no rule fits. */
int kafka_route(struct kafka *kafka, const struct out_event *ev);
/* Give the names that have a date the date of this time. Returns the number of all topics. */
unsigned kafka_name_dated(struct kafka *kafka, int64_t time_ms);

/* ---- kafka_shape.c ---- */
/* Read all that says what becomes of an event. */
int kafka_read_shape(struct kafka *kafka, const struct output_env *env, struct err *err) MUST_CHECK;
void kafka_free_shape(struct kafka *kafka);
/* Is a message's value its event as it is? */
bool kafka_keeps_value(const struct kafka *kafka);
/* NULL, or why there is no message for it. */
const char *kafka_shape(struct kafka *kafka, const struct out_event *ev, struct kafka_message *msg);

/* ---- kafka_dead.c ---- */
int kafka_read_dead(struct kafka *kafka, struct err *err) MUST_CHECK;
void kafka_free_dead(struct kafka *kafka);
/* Was this event refused in a transaction that was aborted for it? */
const struct doomed *kafka_find_doomed(const struct kafka *kafka, uint64_t token);
/* An event that cannot be sent: to the dead letter topic, else a verdict. An error: not now. msg: what has become of it, or
 * NULL; topic: NULL, or where it was refused. */
rd_kafka_resp_err_t kafka_bury_event(struct kafka *kafka, const struct out_event *ev,
                                     const struct kafka_message *msg, uint64_t token,
                                     const char *why, const char *topic);
/* The same for one that was refused by the brokers. False: it is sent again, and refused again, first. */
bool kafka_bury_report(struct kafka *kafka, const rd_kafka_message_t *msg);
/* Is it one that went to the dead letter topic? */
bool kafka_is_dead(const struct kafka *kafka, const rd_kafka_message_t *msg);
void kafka_give_up_dead(struct kafka *kafka, const rd_kafka_message_t *msg);

/* ---- kafka.c ---- */
/* Give a copy to librdkafka, in the arena or its own. headers: NULL, or taken. RD_KAFKA_RESP_ERR__QUEUE_FULL: no room now. */
rd_kafka_resp_err_t kafka_produce(struct kafka *kafka, const struct kafka_message *msg,
                                  int64_t time_ms, uint64_t token, rd_kafka_headers_t *headers);
/* The same, if it may go now. */
rd_kafka_resp_err_t kafka_give(struct kafka *kafka, const struct kafka_message *msg,
                               int64_t time_ms, uint64_t token, const struct out_span *span);
/* It could not: busy, until that may pass. */
void kafka_not_now(struct kafka *kafka, const char *topic, rd_kafka_resp_err_t code);
/* librdkafka has a message of len bytes with these events. */
void kafka_was_sent(struct kafka *kafka, const uint64_t *tokens, uint32_t n, size_t len);

/* ---- kafka_codec.c ---- */
/* Append JSON with two spaces a level, or with <, > and & as \u00XX, or both. */
void kafka_rewrite_json(const char *json, size_t len, bool is_pretty, bool escapes_html,
                        struct buf *out);
/* Append an object without white space, or anything else as a JSON string: one line in any case. */
void kafka_one_line(const char *bytes, size_t len, struct buf *out);

/* ---- kafka_partition.c ---- */
extern const struct option kafka_hash_options[], kafka_random_options[],
    kafka_round_robin_options[];
int kafka_read_partition(struct kafka *kafka, struct err *err) MUST_CHECK;
void kafka_free_partition(struct kafka *kafka);
/* Sets msg->spread, below 2^31. False: a field that it needs is missing. */
bool kafka_spread(struct kafka *kafka, const struct out_event *ev, struct kafka_message *msg);
/* The message is under way: until then the same event gets the same number. */
void kafka_spread_is_taken(struct kafka *kafka, const struct kafka_message *msg);
#define KAFKA_FNV1A_BEGIN UINT32_C(2166136261)
uint32_t kafka_fnv1a(uint32_t hash, const void *bytes, size_t len);
/* What librdkafka keeps for us with a message. */
void *kafka_opaque(uint64_t token, const struct kafka_message *msg);
uint64_t kafka_token_of(const void *opaque);
bool kafka_opaque_is_parcel(const void *opaque);
/* librdkafka's partitioner, in any of its threads. topic_opaque: its flow. */
int32_t kafka_choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_len,
                               int32_t n_partitions, void *topic_opaque, void *msg_opaque);

/* ---- kafka_compression.c ---- */
struct compression {
    const char *codec, *level; /* for librdkafka; level NULL = not to be set */
};
int kafka_choose_compression(const struct kafka_settings *set, struct compression *out,
                             struct err *err) MUST_CHECK;

/* ---- kafka_sasl.c ---- */
/* A librdkafka before this version doubles a nonce in SCRAM, and brokers from Kafka 4.0 on take that for a wrong password. */
enum { KAFKA_SCRAM_MENDED = 0x020601ff };
/* Check what can be known without a broker; warns of secrets that would go over the wire in the clear. */
int kafka_check_sasl(const struct kafka_settings *set, struct err *err) MUST_CHECK;
/* "PLAIN" and so on; NULL without SASL. */
const char *kafka_sasl_name(const struct kafka_settings *set);
/* Set security.protocol, TLS and SASL. The configuration's opaque must be a client. */
int kafka_set_security(const struct kafka_settings *set, rd_kafka_conf_t *conf,
                       struct err *err) MUST_CHECK;
/* For an instance that was just made: see that it gets its tokens. */
int kafka_start_sasl(rd_kafka_t *rk, struct err *err) MUST_CHECK;
/* Callback, in a thread of librdkafka. opaque: the client. */
void kafka_refresh_token(rd_kafka_t *rk, const char *config, void *opaque);
/* What callbacks of an instance are given; lives until it is destroyed. */
struct client {
    struct kafka_sasl sasl; /* a copy of what tokens need */
    struct sockets sockets;
    void *owner;
};
struct client *client_new(const struct kafka_settings *set, void *owner);
/* Becomes the configuration's opaque, and keeps the sockets of the instance. */
void client_attach(struct client *client, rd_kafka_conf_t *conf);
void client_free(struct client *client); /* NULL is fine */

/* ---- kafka_token.c ---- */
struct token {
    char *text; /* caller frees */
    int64_t lifetime_s;
};
/* Ask for one at token_url; waits at most TOKEN_WAIT_MS. Any thread; logs nothing. */
enum { TOKEN_WAIT_MS = 10000 };
int kafka_fetch_token(const struct kafka_sasl *sasl, struct token *token,
                      struct err *err) MUST_CHECK;

/* ---- kafka_reports.c ---- */
/* Task, and the bell of the queue: take what librdkafka has for us. arg: the kafka. */
void kafka_serve(void *arg);
/* The brokers have taken something. */
void kafka_note_up(struct kafka *kafka);

/* ---- kafka_poison.c ---- */
/* Most bytes of a batch now. */
uint64_t kafka_batch_limit_bytes(const struct kafka *kafka);
/* Will no broker ever take this event, if it was alone? */
bool kafka_is_poison(rd_kafka_resp_err_t code);
/* True if it was not: it is to be sent again in a smaller batch. */
bool kafka_try_smaller(struct kafka *kafka, const rd_kafka_message_t *msg);
/* Is each event a batch of its own now? */
bool kafka_tries_alone(const struct kafka *kafka);
/* An event has its verdict: may batches be large again? */
void kafka_got_through(struct kafka *kafka);

/* ---- kafka_pace.c ---- */
/* For a new instance. */
void kafka_set_pace(struct kafka *kafka);
/* May this one go to its partition now? If not, kafka_release is called when it may. */
bool kafka_is_open(struct kafka *kafka, const struct kafka_message *msg);
/* librdkafka has it; it has its report. */
void kafka_note_given(struct kafka *kafka, const rd_kafka_topic_t *topic,
                      const struct kafka_message *msg);
void kafka_note_landed(struct kafka *kafka, const rd_kafka_message_t *msg);
/* Timer. arg: the kafka. */
void kafka_open_again(void *arg);

/* ---- kafka_supervisor.c ---- */
int kafka_start_producer(struct kafka *kafka, struct err *err) MUST_CHECK;
/* This instance is the one that is used from now on; the one before must be gone. */
void kafka_adopt(struct kafka *kafka, struct producer *producer);
/* The instance is broken: a new one takes its place, soon. */
void kafka_must_replace(struct kafka *kafka);
/* A refusal that may pass: nothing is sent for a while. */
void kafka_hold(struct kafka *kafka, rd_kafka_resp_err_t code, const char *why);
void kafka_hold_topic(struct kafka *kafka, rd_kafka_resp_err_t code, const char *topic);
/* The same without waiting; there is no trouble. */
void kafka_replace_soon(struct kafka *kafka);
/* Without a new one. */
void kafka_drop_producer(struct kafka *kafka);
/* What has no verdict is offered once more. */
void kafka_again(struct kafka *kafka);
/* Nothing keeps it from sending any more? Then the sender is told. */
void kafka_release(struct kafka *kafka);
/* Something is on its way: look at it from now on; at once if the instance is broken. */
void kafka_watch(struct kafka *kafka);
/* Timer: once a second while something is in flight, held or broken; else not at all. arg: the kafka. */
void kafka_supervise(void *arg);

/* ---- kafka_producer.c ---- */
int producer_new(struct kafka *kafka, struct producer **producer, struct err *err) MUST_CHECK;
/* Destroys it in a thread of its own, waiting at most wait_ms; what is in flight is given up. */
void producer_free(struct producer *producer, struct loop *loop, int wait_ms);
/* Ask for the topics of this instance: rk and topics are filled in. At most one at a time. */
int producer_probe(struct producer *producer, struct probe_config *ask, struct err *err) MUST_CHECK;
/* In its done, or never. */
void producer_end_probe(struct producer *producer);

/* ---- kafka_switch.c: renewed certificates ---- */
void kafka_watch_certs(struct kafka *kafka);
void kafka_leave_certs(struct kafka *kafka);
/* A proven instance waits until nothing is in flight: nothing is to be sent. */
bool kafka_is_draining(const struct kafka *kafka);
bool kafka_is_drained(const struct kafka *kafka);
/* After each report: if that was the last one, change over. */
void kafka_switch_if_drained(struct kafka *kafka);
/* Change over now, whatever is in flight. False if no proven instance waits. */
bool kafka_finish_switch(struct kafka *kafka);
/* Replace the instance by this one, and send again what has no verdict. */
void kafka_take_over(struct kafka *kafka, struct producer *next);

/* ---- kafka_warm.c ---- */
void kafka_warm_up(struct kafka *kafka);

/* ---- kafka_version.c ---- */
/* The nth known fault of that version, as a sentence behind "librdkafka X"; NULL = no more. */
const char *kafka_fault_of(int version, unsigned n);
void kafka_say_faults(void);

/* ---- kafka_test.c: `posta test output` ---- */
int kafka_test(void *self, const struct output_env *env, FILE *to, struct err *err);

/* ---- kafka_headers.c ---- */
extern const struct option kafka_header_options[];
int kafka_read_header_settings(struct kafka *kafka, struct err *err) MUST_CHECK;
/* NULL if there are none. span: NULL, or of the event. The caller's, until rd_kafka_producev has taken them. */
rd_kafka_headers_t *kafka_make_headers(const struct kafka *kafka, const struct out_span *span);
/* What they take in a batch, at most. */
size_t kafka_header_bytes(const struct kafka *kafka);
/* Without the headers span stays as it is; end is 0 if what they say cannot be read. */
void kafka_read_headers(const rd_kafka_message_t *msg, struct out_span *span);

/* ---- kafka_verify.c: for `posta verify` ---- */
int kafka_read_back(void *self, const struct output_env *env, const struct read_back *ask,
                    struct err *err);

/* ---- kafka_peers.c ---- */
/* librdkafka's statistics; NULL = none. */
void kafka_note_peers(struct kafka *kafka, const char *text);
void kafka_peers(const void *self, void (*give)(void *arg, const struct output_peer *peer),
                 void *arg);

/* ---- kafka_explain.c ---- */
/* What the operator can do about a librdkafka error; never NULL. */
const char *kafka_advice(rd_kafka_resp_err_t code, const char *text);

#endif
