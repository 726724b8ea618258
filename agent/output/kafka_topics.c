/* kafka_topics.c: the topics in use, by number; and their handles in librdkafka, made when they are needed.
 *
 * Happy path: names of the configuration have their numbers for good; names with a date come and go.
 * Failure modes: librdkafka makes no handle: the event waits. It never forgets a topic: after TOPICS_SEEN_MAX a new instance is
 * asked for, once everything on its way has its report.
 * On close: handles go with the instance, names with the output.
 */
#include "kafka.h"

#include <stdlib.h>

int kafka_check_topic_name(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > 249 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
        return err_set(err, ERR_CONFIG,
                       "'%s' is no topic name: letters, digits, '.', '_' and '-', at most 249",
                       name);
    return 0;
}

/* ---- names ---- */

static int find(const struct kafka_topics *topics, const char *name)
{
    for (unsigned i = 0; i < topics->n; i++)
        if (topics->at[i].name && strcmp(topics->at[i].name, name) == 0)
            return (int)i;
    return NO_TOPIC;
}

static unsigned oldest_dated(const struct kafka_topics *topics)
{
    unsigned oldest = topics->n;
    for (unsigned i = 0; i < topics->n; i++)
        if (topics->at[i].is_dated &&
            (oldest == topics->n || topics->at[i].used < topics->at[oldest].used))
            oldest = i;
    return oldest;
}

static void drop_handle(struct producer *producer, unsigned number)
{
    if (!producer || number >= producer->n_topics || !producer->topics[number])
        return;
    rd_kafka_topic_destroy(producer->topics[number]); /* what is on its way keeps what it needs */
    producer->topics[number] = NULL;
}

/* The number of a topic that nobody has: a new one, or that of the dated topic that was used least lately. */
static unsigned take_number(struct kafka *kafka, bool is_dated)
{
    struct kafka_topics *topics = &kafka->topics;
    if (is_dated && topics->n_dated == DATED_TOPICS_MAX) {
        unsigned number = oldest_dated(topics);
        drop_handle(kafka->producer, number);
        free(topics->at[number].name);
        return number;
    }
    topics->n_dated += is_dated;
    topics->at = mem_grow(topics->at, topics->n + 1, sizeof *topics->at);
    return topics->n++;
}

unsigned kafka_topic_number(struct kafka *kafka, const char *name, bool is_dated)
{
    struct kafka_topics *topics = &kafka->topics;
    int found = find(topics, name);
    unsigned number = found == NO_TOPIC ? take_number(kafka, is_dated) : (unsigned)found;
    if (found == NO_TOPIC)
        topics->at[number] = (struct kafka_topic) {
            .name = mem_dup(name), .is_dated = is_dated, .born = ++topics->clock};
    topics->at[number].used = ++topics->clock;
    return number;
}

const char *kafka_first_topic(const struct kafka *kafka)
{
    for (unsigned i = 0; i < kafka->topics.n; i++)
        if (!kafka->topics.at[i].is_dated)
            return kafka->topics.at[i].name;
    return NULL;
}

const char *kafka_some_topic(const struct kafka *kafka)
{
    const char *first = kafka_first_topic(kafka);
    return first ? first : kafka->topics.n ? kafka->topics.at[0].name : "(with a date)";
}

void kafka_free_topics(struct kafka *kafka)
{
    for (unsigned i = 0; i < kafka->topics.n; i++)
        free(kafka->topics.at[i].name);
    free(kafka->topics.at);
    kafka->topics = (struct kafka_topics) {.n = 0};
}

/* ---- handles ---- */

static void make_room(struct producer *producer, unsigned n)
{
    if (n <= producer->n_topics)
        return;
    producer->topics = mem_grow(producer->topics, n, sizeof *producer->topics);
    for (; producer->n_topics < n; producer->n_topics++)
        producer->topics[producer->n_topics] = NULL;
}

rd_kafka_topic_t *kafka_topic_handle(struct kafka *kafka, struct producer *producer,
                                     unsigned number)
{
    make_room(producer, kafka->topics.n);
    if (producer->topics[number])
        return producer->topics[number];
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    rd_kafka_topic_conf_set_partitioner_cb(conf, kafka_choose_partition);
    rd_kafka_topic_conf_set_opaque(conf,
                                   flow_new(&producer->flows, kafka->partition.reachable_only));
    producer->topics[number] =
        rd_kafka_topic_new(producer->rk, kafka->topics.at[number].name, conf);
    producer->n_seen++;
    return producer->topics[number];
}

/* Those whose names are known, so that a wrong one is said at the start. */
int kafka_make_handles(struct kafka *kafka, struct producer *producer, struct err *err)
{
    for (unsigned i = 0; i < kafka->topics.n; i++)
        if (!kafka->topics.at[i].is_dated && !kafka_topic_handle(kafka, producer, i))
            return err_set(err, ERR_CONFIG, "topic %s: %s", kafka->topics.at[i].name,
                           rd_kafka_err2str(rd_kafka_last_error()));
    return 0;
}

void kafka_free_handles(struct producer *producer)
{
    for (unsigned i = 0; i < producer->n_topics; i++)
        if (producer->topics[i])
            rd_kafka_topic_destroy(producer->topics[i]);
    free(producer->topics);
    for (unsigned i = 0; i < producer->n_asked; i++)
        rd_kafka_topic_destroy(producer->asked[i]);
    free(producer->asked);
}

static void ask_for(struct producer *producer, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->rk, name, NULL);
    if (topic)
        producer->asked[producer->n_asked++] = topic;
}

/* The topics of now. Handles of their own: those with a date may go while somebody asks. */
void kafka_make_asked(struct kafka *kafka, struct producer *producer)
{
    unsigned n = kafka->topics.n;
    if (producer->asked)
        return;
    if (!kafka_first_topic(kafka))
        n = kafka_name_dated(kafka, clock_wall_ns() / NS_PER_MS);
    producer->asked = mem_zero(n, sizeof *producer->asked);
    for (unsigned i = 0; i < n; i++)
        if (!kafka->topics.at[i].is_dated || !kafka_first_topic(kafka))
            ask_for(producer, kafka->topics.at[i].name);
}

bool kafka_has_seen_too_many(const struct producer *producer)
{
    return producer->n_seen >= TOPICS_SEEN_MAX;
}
