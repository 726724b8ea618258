/* kafka_rules.c: output.kafka.topics and topic as rules. What is wrong in one is an error with its place. */
#include "kafka.h"

#include <stddef.h>
#include <stdlib.h>

/* As it stands in the configuration. */
struct rule_settings {
    char *topic, *fallback;
    const struct node *when, *mappings;
};

#define AT(field) .at = offsetof(struct rule_settings, field)
const struct option kafka_topic_options[] = {
    {.name = "topic",
     .type = OPT_TEXT,
     .required = true,
     AT(topic),
     .doc = "Topic of the events for which this rule is: as output.kafka.topic; with mappings, any "
            "field of the event may stand in it."},
    {.name = "when",
     .type = OPT_MAP,
     AT(when),
     .doc =
         "Condition on the event: equals, contains, regexp, range, network, has_fields, or, and, "
         "not. If not set, the rule is for all events."},
    {.name = "mappings",
     .type = OPT_MAP,
     AT(mappings),
     .doc = "Topic for each text that `topic` may stand for."},
    {.name = "default",
     .type = OPT_TEXT,
     AT(fallback),
     .doc = "Topic if mappings does not have the text, or a field of `topic` is not there. If not "
            "set, the next rule is tried then."},
    {0},
};

static void complain(struct problems *problems, const struct node *node, const char *where,
                     const struct err *err)
{
    problems_error(problems, node, "output.kafka.%s: %s", where, err->text);
}

/* ---- one rule ---- */

static int fixed_topic(struct kafka *kafka, const char *name, const struct node *node,
                       const char *where, struct problems *problems)
{
    struct err err;
    if (kafka_check_topic_name(name, &err)) {
        complain(problems, node, where, &err);
        return NO_TOPIC;
    }
    return (int)kafka_topic_number(kafka, name, false);
}

static void add_mapping(struct kafka *kafka, struct kafka_rule *rule, char *key,
                        const struct node *value, struct problems *problems)
{
    rule->keys = mem_grow(rule->keys, rule->n_keys + 1, sizeof *rule->keys);
    rule->mapped = mem_grow(rule->mapped, rule->n_keys + 1, sizeof *rule->mapped);
    rule->keys[rule->n_keys] = key;
    rule->mapped[rule->n_keys++] =
        fixed_topic(kafka, node_text(value), value, "topics.mappings", problems);
}

/* The configuration takes a.b: x for {a: {b: x}}. */
static void read_mappings(struct kafka *kafka, struct kafka_rule *rule, const char *prefix,
                          const struct node *map, struct problems *problems)
{
    for (size_t i = 0; i < node_count(map); i++) {
        const struct node *value = node_at(map, i);
        char *key = mem_printf("%s%s%s", prefix, *prefix ? "." : "", node_key(map, i));
        if (node_kind(value) == NODE_SCALAR) {
            add_mapping(kafka, rule, key, value, problems);
            continue;
        }
        if (node_kind(value) == NODE_MAP)
            read_mappings(kafka, rule, key, value, problems);
        else
            problems_error(problems, value,
                           "output.kafka.topics.mappings: %s: expected a topic, found %s", key,
                           node_kind_name(value));
        free(key);
    }
}

static void read_rule(struct kafka *kafka, const struct node *node, size_t i,
                      struct problems *problems)
{
    char section[48];
    struct err err;
    struct rule_settings set = {.topic = NULL};
    struct kafka_rule *rule = &kafka->rules.at[kafka->rules.n];
    snprintf(section, sizeof section, "output.kafka.topics.%zu", i);
    if (options_read(node, section, kafka_topic_options, &set, problems) == 0) {
        kafka->rules.n++;
        *rule = (struct kafka_rule) {.node = node, .fallback = NO_TOPIC};
        if (format_new(&rule->format, set.topic, &err))
            complain(problems, node, "topics.topic", &err);
        if (set.when)
            rule->when = condition_read(set.when, problems);
        if (set.fallback)
            rule->fallback = fixed_topic(kafka, set.fallback, node, "topics.default", problems);
        rule->has_mappings = set.mappings != NULL;
        read_mappings(kafka, rule, "", set.mappings, problems);
    }
    options_free(kafka_topic_options, &set);
}

static void read_topic(struct kafka *kafka, struct problems *problems)
{
    struct err err;
    struct kafka_rule *rule = &kafka->rules.at[kafka->rules.n];
    if (!kafka->set.topic || !*kafka->set.topic)
        return;
    kafka->rules.n++;
    *rule = (struct kafka_rule) {.fallback = NO_TOPIC};
    if (format_new(&rule->format, kafka->set.topic, &err))
        complain(problems, NULL, "topic", &err);
}

/* ---- all ---- */

int kafka_read_rules(struct kafka *kafka, struct err *err)
{
    const struct node_list *list = &kafka->set.topics;
    struct problems problems = PROBLEMS_INIT;
    kafka_free_rules(kafka);
    kafka->rules.at = mem_zero(list->n + 1, sizeof *kafka->rules.at);
    for (size_t i = 0; i < list->n; i++)
        read_rule(kafka, list->at[i], i, &problems);
    read_topic(kafka, &problems);
    if (kafka->rules.n == 0 && problems.n_errors == 0)
        problems_error(&problems, NULL,
                       "output.kafka: neither topic nor topics is set: where are events to go?");
    int rc = problems_err(&problems, err);
    problems_free(&problems);
    return rc;
}

static void free_rule(struct kafka_rule *rule)
{
    format_free(rule->format);
    condition_free(rule->when);
    for (size_t i = 0; i < rule->n_keys; i++)
        free(rule->keys[i]);
    free(rule->keys);
    free(rule->mapped);
}

static void free_plan(struct kafka_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        format_free(plan->choices[i].dated);
    free(plan->choices);
    buf_free(&plan->json);
    lookup_free(&plan->known);
}

void kafka_free_rules(struct kafka *kafka)
{
    struct kafka_rules *rules = &kafka->rules;
    for (size_t i = 0; i < rules->n; i++)
        free_rule(&rules->at[i]);
    for (unsigned i = 0; i < rules->n_plans; i++)
        free_plan(&rules->plans[i]);
    free(rules->at);
    free(rules->plans);
    *rules = (struct kafka_rules) {.n = 0};
    kafka_free_topics(kafka);
}
