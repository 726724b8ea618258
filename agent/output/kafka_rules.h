/* kafka_rules.h: which topic an event goes to: names, rules, and what is decided of them before there is an event.
 *
 *     output.kafka.topics, topic ── kafka_rules.c ──► rules ── kafka_plan.c ──► a plan for each input ── kafka_route.c ──► topic
 *                                                            (what the configuration says of its events)     (event)
 *
 * A name is made of the configuration and the clock alone. Log content may choose between names, by a condition or a mapping; it
 * never becomes one.
 */
#ifndef OUTPUT_KAFKA_RULES_H
#define OUTPUT_KAFKA_RULES_H

#include <posta/condition.h>
#include <posta/format.h>
#include <stdint.h>

/* ---- kafka_topics.c: topics in use ---- */

/* Names with a date that are kept at a time, and topics that one instance of librdkafka, which forgets none, may see. */
enum { DATED_TOPICS_MAX = 32, TOPICS_SEEN_MAX = 512 };

struct kafka_topic {
    char *name;
    bool is_dated;
    uint64_t born, used;         /* when: numbers that grow */
    uint32_t spread, group_left; /* partition random and round_robin: for this many more events */
};

struct kafka_topics {
    struct kafka_topic *at;
    unsigned n, n_dated;
    uint64_t clock;
};

/* One rule of output.kafka.topics; the last is output.kafka.topic. */
struct kafka_rule {
    const struct node *node; /* NULL: output.kafka.topic */
    struct format *format;
    struct condition *when; /* NULL: always */
    bool has_mappings;
    char **keys; /* of mappings, */
    int *mapped; /* and the topic of each */
    size_t n_keys;
    int fallback; /* topic of `default`; NO_TOPIC = there is none */
};
enum { NO_TOPIC = -1 };

/* What is left of a rule for the events of one input. */
struct kafka_choice {
    const struct kafka_rule *rule;
    bool is_open;         /* its condition is to be asked */
    int topic;            /* NO_TOPIC: made by dated, or by the mappings */
    struct format *dated; /* a name with a date */
    int64_t second;       /* for which dated_topic is good */
    unsigned dated_topic;
    uint64_t born; /* of dated_topic: its number may have another name by now */
};

struct kafka_plan {
    struct kafka_choice *choices;
    size_t n;
    struct buf json;     /* what the configuration says of the input's events, */
    struct lookup known; /* to look it up */
};

struct kafka_rules {
    struct kafka_rule *at;
    size_t n;
    struct kafka_plan *plans; /* one a route */
    unsigned n_plans;
    bool needs_event; /* a choice asks the event */
};

#endif
