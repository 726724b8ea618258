/* kafka_verify.c: `posta verify` reads events back from their topics.
 *
 * Happy path: one reader without a group takes all partitions of all topics from their first event to where each ended when
 * the reading began; live, it goes on.
 * Failure modes: a topic that is not there, no right to read it, no broker: said with the cure, and the command ends; live, what
 * comes after the start is said and tried again by librdkafka. No event for READ_WAIT_MS, and not at the end: given up.
 * On close: the reader is destroyed; it leaves nothing on the brokers.
 */
#include "kafka.h"

#include <posta/regex.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    METADATA_WAIT_MS = 10000,
    READ_WAIT_MS = 30000,
    STEP_MS = 100,
    BATCH = 512,
    TROUBLE_TEXT = 512
};

struct partition {
    const rd_kafka_topic_t *topic;
    int32_t no;
    int64_t low, high; /* where it begins, and ended at the start */
    bool is_read;      /* to high */
};

struct reader {
    const struct read_back *ask;
    rd_kafka_t *rk;
    struct client *client;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t **topics;
    size_t n_topics;
    struct partition *parts;
    size_t n_parts, n_left; /* n_left are not read to where they ended at the start */
    struct partition *last; /* of the last event */
    char trouble[TROUBLE_TEXT];
    bool is_text, is_pretty; /* codec.format, codec.json.pretty */
    bool is_broken;          /* an error that reading on cannot cure */
};

/* ---- errors ---- */

static void note_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct reader *reader = ((const struct client *)opaque)->owner;
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && reader->trouble[0])
        return; /* why is known */
    snprintf(reader->trouble, sizeof reader->trouble, "%s: %s", reason,
             kafka_advice((rd_kafka_resp_err_t)code, reason));
}

static int give_up(const struct reader *reader, const char *what, struct err *err)
{
    return err_set(err, ERR_AGAIN, "%s%s%s", what, reader->trouble[0] ? ": " : "", reader->trouble);
}

static int refuse(const char *topic, rd_kafka_resp_err_t code, struct err *err)
{
    return err_set(err, ERR_DENIED, "topic %s: %s: %s", topic, rd_kafka_err2str(code),
                   kafka_advice(code, NULL));
}

/* ---- partitions ---- */

/* Of one topic; NULL: of all. */
static int look_up(struct reader *reader, rd_kafka_topic_t *topic,
                   const struct rd_kafka_metadata **meta, struct err *err)
{
    for (int waited_ms = 0; waited_ms < METADATA_WAIT_MS; waited_ms += 1000) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(reader->rk, topic == NULL, topic, meta, 1000);
        rd_kafka_poll(reader->rk, 0);
        if (!code)
            return 0;
        if (reader->ask->is_over(reader->ask->arg))
            break;
    }
    return give_up(reader, "no broker answers", err);
}

static int add_partition(struct reader *reader, rd_kafka_topic_t *topic, int32_t no,
                         struct err *err)
{
    struct partition part = {.topic = topic, .no = no};
    const char *name = rd_kafka_topic_name(topic);
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(reader->rk, name, no, &part.low,
                                                                &part.high, METADATA_WAIT_MS);
    if (code)
        return refuse(name, code, err);
    part.is_read = part.low >= part.high;
    reader->n_left += !part.is_read;
    reader->parts = mem_grow(reader->parts, reader->n_parts + 1, sizeof *reader->parts);
    reader->parts[reader->n_parts++] = part;
    if (rd_kafka_consume_start_queue(topic, no, RD_KAFKA_OFFSET_BEGINNING, reader->queue) < 0) {
        reader->n_parts--;
        return refuse(name, rd_kafka_last_error(), err);
    }
    return 0;
}

static int add_topic(struct reader *reader, const char *name, struct err *err)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->rk, name, NULL);
    if (!topic)
        return refuse(name, rd_kafka_last_error(), err);
    reader->topics = mem_grow(reader->topics, reader->n_topics + 1, sizeof *reader->topics);
    reader->topics[reader->n_topics++] = topic;
    if (look_up(reader, topic, &meta, err))
        return -1;
    rd_kafka_resp_err_t code =
        meta->topic_cnt ? meta->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    int rc = code ? refuse(name, code, err) : 0;
    for (int32_t no = 0; rc == 0 && no < meta->topics[0].partition_cnt; no++)
        rc = add_partition(reader, topic, no, err);
    rd_kafka_metadata_destroy(meta);
    return rc;
}

/* ---- topics with a date: all that there are of a name ---- */

static bool is_added(const struct reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->n_topics; i++)
        if (strcmp(rd_kafka_topic_name(reader->topics[i]), name) == 0)
            return true;
    return false;
}

static int add_matching(struct reader *reader, const struct rd_kafka_metadata *meta,
                        const struct format *dated, struct err *err)
{
    struct buf pattern = BUF_INIT;
    struct regex *regex = NULL;
    format_put_pattern(dated, &pattern);
    int rc = regex_new(&regex, buf_str(&pattern), err);
    for (int i = 0; i < meta->topic_cnt && rc == 0; i++) {
        const char *name = meta->topics[i].topic;
        if (regex_finds(regex, name, strlen(name)) && !is_added(reader, name))
            rc = add_topic(reader, name, err);
    }
    regex_free(regex);
    buf_free(&pattern);
    return rc;
}

static int add_dated(struct reader *reader, const struct kafka *kafka, struct err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    int rc = 0;
    for (unsigned i = 0; i < kafka->rules.n_plans && rc == 0; i++)
        for (size_t k = 0; k < kafka->rules.plans[i].n && rc == 0; k++) {
            const struct format *dated = kafka->rules.plans[i].choices[k].dated;
            if (dated && !meta)
                rc = look_up(reader, NULL, &meta, err);
            if (dated && rc == 0)
                rc = add_matching(reader, meta, dated, err);
        }
    if (meta)
        rd_kafka_metadata_destroy(meta);
    return rc;
}

static int add_topics(struct reader *reader, const struct kafka *kafka, struct err *err)
{
    if (reader->ask->topic)
        return add_topic(reader, reader->ask->topic, err);
    for (unsigned i = 0; i < kafka->topics.n; i++)
        if (add_topic(reader, kafka->topics.at[i].name, err))
            return -1;
    return add_dated(reader, kafka, err);
}

/* ---- events ---- */

static struct partition *partition_of(struct reader *reader, const rd_kafka_message_t *msg)
{
    struct partition *last = reader->last;
    if (last && last->topic == msg->rkt && last->no == msg->partition)
        return last;
    for (size_t i = 0; i < reader->n_parts; i++)
        if (reader->parts[i].topic == msg->rkt && reader->parts[i].no == msg->partition)
            return reader->last = &reader->parts[i];
    return NULL;
}

/* A message has one event, or with pack several, a line each. JSON of one event has no newline, unless it is pretty. */
static void take_events(struct reader *reader, const rd_kafka_message_t *msg,
                        const struct partition *part)
{
    const char *at = msg->payload ? msg->payload : "", *end = at + msg->len;
    bool is_packed = !reader->is_text && !reader->is_pretty;
    struct back_event event = {.is_text = reader->is_text, .is_cut = part && part->low > 0};
    kafka_read_headers(msg, &event.span);
    do {
        const char *newline = is_packed ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        event.bytes = at;
        event.len = (size_t)((newline ? newline : end) - at);
        reader->ask->event(reader->ask->arg, &event);
        at = newline ? newline + 1 : end;
    } while (at < end);
}

static void note_read(struct reader *reader, struct partition *part)
{
    if (!part || part->is_read)
        return;
    part->is_read = true;
    if (--reader->n_left == 0)
        reader->ask->caught_up(reader->ask->arg);
}

static void take_message(struct reader *reader, const rd_kafka_message_t *msg)
{
    struct partition *part = partition_of(reader, msg);
    if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note_read(reader, part);
    } else if (msg->err) {
        snprintf(reader->trouble, sizeof reader->trouble, "%s: %s", rd_kafka_message_errstr(msg),
                 kafka_advice(msg->err, NULL));
        reader->is_broken |= msg->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                             msg->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                             msg->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    } else if (!part || !part->is_read || reader->ask->is_live) {
        take_events(reader, msg, part);
        if (part && msg->offset >= part->high - 1)
            note_read(reader, part);
    }
}

/* How many messages there were. */
static ssize_t take_batch(struct reader *reader)
{
    rd_kafka_message_t *messages[BATCH];
    ssize_t n = rd_kafka_consume_batch_queue(reader->queue, STEP_MS, messages, BATCH);
    for (ssize_t i = 0; i < n; i++) {
        take_message(reader, messages[i]);
        rd_kafka_message_destroy(messages[i]);
    }
    rd_kafka_poll(reader->rk, 0);
    return n;
}

static void tell_trouble(struct reader *reader)
{
    if (reader->trouble[0])
        reader->ask->trouble(reader->ask->arg, reader->trouble);
    reader->trouble[0] = '\0';
}

static int read_all(struct reader *reader, struct err *err)
{
    const struct read_back *ask = reader->ask;
    int64_t last_ns = clock_mono_ns();
    if (reader->n_left == 0)
        ask->caught_up(ask->arg);
    while (!ask->is_over(ask->arg) && (ask->is_live || reader->n_left > 0)) {
        if (take_batch(reader) > 0 || ask->is_live)
            last_ns = clock_mono_ns();
        if (reader->is_broken || clock_mono_ns() - last_ns > READ_WAIT_MS * NS_PER_MS)
            return give_up(reader, "the topic cannot be read to its end", err);
        if (ask->is_live)
            tell_trouble(reader);
    }
    return 0;
}

/* ---- life ---- */

static int open_reader(struct reader *reader, const struct kafka *kafka, struct err *err)
{
    char text[512];
    rd_kafka_conf_t *conf;
    if (kafka_make_reader_conf(kafka, &conf, err))
        return -1;
    reader->client = client_new(&kafka->set, reader);
    client_attach(reader->client, conf);
    rd_kafka_conf_set_error_cb(conf, note_error);
    rd_kafka_conf_set_log_cb(conf, NULL); /* what matters comes as an error too */
    reader->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!reader->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_CONFIG, "output.kafka: %s", text);
    }
    reader->queue = rd_kafka_queue_new(reader->rk);
    return kafka_start_sasl(reader->rk, err);
}

static void close_reader(struct reader *reader)
{
    for (size_t i = 0; i < reader->n_parts; i++)
        rd_kafka_consume_stop((rd_kafka_topic_t *)(uintptr_t)reader->parts[i].topic,
                              reader->parts[i].no);
    if (reader->queue)
        rd_kafka_queue_destroy(reader->queue);
    for (size_t i = 0; i < reader->n_topics; i++)
        rd_kafka_topic_destroy(reader->topics[i]);
    if (reader->rk)
        rd_kafka_destroy(reader->rk);
    client_free(reader->client);
    free(reader->topics);
    free(reader->parts);
}

int kafka_read_back(void *self, const struct output_env *env, const struct read_back *ask,
                    struct err *err)
{
    struct kafka *kafka = self;
    struct reader reader = {
        .ask = ask, .is_text = kafka->set.codec_format != NULL, .is_pretty = kafka->set.pretty};
    kafka->env = *env;
    if (kafka->set.codec_format && !kafka->set.posta_headers)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.codec.format.string leaves out of the messages which bytes of "
                       "which log they stand for, so nothing can be proved of them: set "
                       "output.kafka.posta_headers: true");
    if (kafka_check_tls(&kafka->set.tls, err) || kafka_check_sasl(&kafka->set, err) ||
        kafka_read_shape(kafka, env, err))
        return -1;
    int rc = open_reader(&reader, kafka, err) || add_topics(&reader, kafka, err) ||
                     read_all(&reader, err)
                 ? -1
                 : 0;
    close_reader(&reader);
    return rc;
}
