/* kafka_partition.c: which partition an event goes to.
 *
 * By default its log decides, so that the events of one log stay in order. With output.kafka.partition it is as Beats do it: by a
 * hash of the key or of fields, at random, or in turn; order within a log is lost then, but for a hash that is the same for all its
 * events.
 *
 * The loop thread finds a number, `spread`, and it travels with the event; when librdkafka knows how many partitions there are,
 * in whatever thread, the number is taken modulo that.
 */
#include "kafka.h"

#include <stddef.h>
#include <stdlib.h>

enum { SPREAD_SHIFT = OUTPUT_TOKEN_BITS };
#define SPREAD_MASK 0x7fffffffu /* as Beats: the sign goes */

#define AT(field) .at = offsetof(struct kafka_partition, field)
#define REACHABLE_ONLY                                                                             \
    {                                                                                              \
        .name = "reachable_only", .type = OPT_BOOL, .def = "false", AT(reachable_only),            \
        .doc = "Only partitions that have a leader now; else an event waits for its own."          \
    }
#define GROUP_EVENTS                                                                               \
    {                                                                                              \
        .name = "group_events", .type = OPT_COUNT, .def = "1", .min = "1", .max = "1000000000",    \
        AT(group_events), .doc = "So many events in a row go to one partition."                    \
    }

const struct option kafka_hash_options[] = {
    {.name = "hash",
     .type = OPT_LIST,
     AT(fields),
     .doc = "Fields whose values decide (FNV-1a, 32 bits, as Beats); the key if not set."},
    {.name = "random",
     .type = OPT_BOOL,
     .def = "true",
     AT(random),
     .doc = "An event without one of the fields goes to any partition; else to the dead letters."},
    REACHABLE_ONLY,
    {0},
};
const struct option kafka_random_options[] = {GROUP_EVENTS, REACHABLE_ONLY, {0}};
const struct option kafka_round_robin_options[] = {GROUP_EVENTS, REACHABLE_ONLY, {0}};

/* ---- configuration ---- */

static int choose_kind(const struct node *map, struct problems *problems)
{
    static const char *const kinds[] = {"hash", "random", "round_robin"};
    const char *key = node_key(map, 0);
    if (node_count(map) > 1)
        return problems_error(problems, map,
                              "output.kafka.partition: expected one of hash, random "
                              "and round_robin, found %zu",
                              node_count(map));
    for (int i = 0; key && i < 3; i++)
        if (strcmp(key, kinds[i]) == 0)
            return i;
    return problems_error(
        problems, map, "output.kafka.partition: expected hash, random or round_robin, found '%s'",
        key ? key : "nothing");
}

static void read_kind(struct kafka *kafka, const struct node *map, struct problems *problems)
{
    static const struct option *const rows[] = {kafka_hash_options, kafka_random_options,
                                                kafka_round_robin_options};
    int kind = choose_kind(map, problems);
    if (kind < 0)
        return;
    const struct node *below = node_at(map, 0);
    char *section = mem_printf("output.kafka.partition.%s", node_key(map, 0));
    if (node_kind(below) != NODE_MAP && node_kind(below) != NODE_NULL)
        problems_error(problems, below, "%s: expected a mapping, found %s", section,
                       node_kind_name(below));
    else if (options_read(below, section, rows[kind], &kafka->partition, problems) == 0)
        kafka->partition.kind = (enum kafka_spread)(kind + 1);
    free(section);
}

int kafka_read_partition(struct kafka *kafka, struct err *err)
{
    struct problems problems = PROBLEMS_INIT;
    kafka_free_partition(kafka);
    kafka->partition.seed = (uint64_t)clock_wall_ns() | 1;
    if (kafka->set.partition)
        read_kind(kafka, kafka->set.partition, &problems);
    int rc = problems_err(&problems, err);
    problems_free(&problems);
    return rc;
}

void kafka_free_partition(struct kafka *kafka)
{
    struct kafka_partition *part = &kafka->partition;
    for (size_t i = 0; i < part->fields.n; i++)
        free(part->fields.at[i]);
    free(part->fields.at);
    *part = (struct kafka_partition) {.kind = SPREAD_BY_LOG};
}

/* ---- hashes ---- */

uint32_t kafka_fnv1a(uint32_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT32_C(16777619);
    return hash;
}

/* Beats hash a whole number as the eight bytes that it is there, little-endian. */
static uint32_t hash_number(uint32_t hash, struct json_span value)
{
    char text[32] = "";
    unsigned char bytes[8];
    if (value.len >= sizeof text || memchr(value.at, '.', value.len) ||
        memchr(value.at, 'e', value.len) || memchr(value.at, 'E', value.len))
        return kafka_fnv1a(hash, value.at, value.len);
    memcpy(text, value.at, value.len);
    uint64_t number = *text == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    return kafka_fnv1a(hash, bytes, sizeof bytes);
}

/* False for what Beats cannot hash. */
static bool hash_value(uint32_t *hash, struct json_span value, struct buf *text)
{
    buf_clear(text);
    switch (value.type) {
    case JSON_STRING:
        json_text(value, text);
        *hash = kafka_fnv1a(*hash, text->data, text->len);
        return true;
    case JSON_NUMBER:
        *hash = hash_number(*hash, value);
        return true;
    case JSON_BOOL:
        *hash = kafka_fnv1a(*hash, value.len == 4 ? "\1" : "", 1);
        return true;
    default:
        return false;
    }
}

static uint32_t any_number(struct kafka_partition *part)
{
    part->seed ^= part->seed << 13;
    part->seed ^= part->seed >> 7;
    part->seed ^= part->seed << 17;
    return (uint32_t)(part->seed >> 16);
}

static bool hash_fields(struct kafka *kafka, uint32_t *hash)
{
    const struct str_list *fields = &kafka->partition.fields;
    *hash = KAFKA_FNV1A_BEGIN;
    for (size_t i = 0; i < fields->n; i++) {
        struct json_span value;
        if (lookup_find(&kafka->shape.event, fields->at[i], &value) != FOUND ||
            !hash_value(hash, value, &kafka->shape.event.text))
            return false;
    }
    return true;
}

static bool spread_by_hash(struct kafka *kafka, struct kafka_message *msg)
{
    struct kafka_partition *part = &kafka->partition;
    if (part->fields.n == 0)
        msg->spread =
            msg->key ? kafka_fnv1a(KAFKA_FNV1A_BEGIN, msg->key, msg->key_len) : any_number(part);
    else if (!hash_fields(kafka, &msg->spread)) {
        if (!part->random)
            return false;
        msg->spread = any_number(part);
    }
    return true;
}

/* Each topic has its own turn: with one for all, topics that alternate would miss partitions. */
static uint32_t spread_in_groups(struct kafka *kafka, unsigned number)
{
    struct kafka_partition *part = &kafka->partition;
    struct kafka_topic *topic = &kafka->topics.at[number];
    if (topic->group_left == 0) {
        topic->group_left = (uint32_t)part->group_events;
        topic->spread = part->kind == SPREAD_RANDOM ? any_number(part) : topic->spread + 1;
    }
    return topic->spread;
}

void kafka_spread_is_taken(struct kafka *kafka, const struct kafka_message *msg)
{
    uint32_t *left = &kafka->topics.at[msg->topic].group_left;
    *left -= *left > 0;
}

bool kafka_spread(struct kafka *kafka, const struct out_event *ev, struct kafka_message *msg)
{
    if (kafka->partition.kind == SPREAD_BY_LOG)
        msg->spread = ev->order_key & 0xffff;
    else if (kafka->partition.kind != SPREAD_BY_HASH)
        msg->spread = spread_in_groups(kafka, msg->topic);
    else if (!spread_by_hash(kafka, msg))
        return false;
    msg->spread &= SPREAD_MASK;
    return true;
}

/* ---- what travels with an event ---- */

/* is_parcel, spread, token. */
#define PARCEL_BIT (UINT64_C(1) << 63)

void *kafka_opaque(uint64_t token, const struct kafka_message *msg)
{
    uint64_t parcel = msg->is_parcel ? PARCEL_BIT : 0;
    return (void *)(uintptr_t)(parcel | (uint64_t)msg->spread << SPREAD_SHIFT | token);
}

bool kafka_opaque_is_parcel(const void *opaque)
{
    return (uint64_t)(uintptr_t)opaque & PARCEL_BIT;
}

uint64_t kafka_token_of(const void *opaque)
{
    return (uint64_t)(uintptr_t)opaque & ((UINT64_C(1) << SPREAD_SHIFT) - 1);
}

/* The nth of those that have a leader; if none has, all count. */
static int32_t choose_reachable(const rd_kafka_topic_t *topic, uint32_t spread, int32_t n)
{
    int32_t n_reachable = 0, nth;
    for (int32_t i = 0; i < n; i++)
        n_reachable += rd_kafka_topic_partition_available(topic, i) != 0;
    if (n_reachable == 0)
        return (int32_t)(spread % (uint32_t)n);
    nth = (int32_t)(spread % (uint32_t)n_reachable);
    for (int32_t i = 0; i < n; i++)
        if (rd_kafka_topic_partition_available(topic, i) && nth-- == 0)
            return i;
    return (int32_t)(spread % (uint32_t)n); /* one has just gone */
}

int32_t kafka_choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_len,
                               int32_t n_partitions, void *topic_opaque, void *msg_opaque)
{
    uint32_t spread = (uint32_t)((uint64_t)(uintptr_t)msg_opaque >> SPREAD_SHIFT) & SPREAD_MASK;
    struct flow *flow = topic_opaque;
    (void)key, (void)key_len;
    atomic_store_explicit(&flow->n_partitions, n_partitions, memory_order_relaxed);
    return flow->is_reachable_only ? choose_reachable(topic, spread, n_partitions)
                                   : (int32_t)(spread % (uint32_t)n_partitions);
}
