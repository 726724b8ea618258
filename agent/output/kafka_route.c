/* kafka_route.c: the topic of an event, by the plan of its input. */
#include "kafka.h"

static void name_dated(struct kafka *kafka, struct kafka_choice *choice, int64_t time_ms)
{
    static const char none[] = "{}";
    struct lookup nothing = lookup_in(LOOKUP_NAMES, none, 2);
    struct buf *name = &kafka->shape.name;
    const char *missing;
    buf_clear(name);
    (void)format_put(choice->dated, &nothing, time_ms, name, &missing); /* of texts and times */
    choice->dated_topic = kafka_topic_number(kafka, buf_str(name), true);
    choice->second = time_ms / 1000;
    choice->born = kafka->topics.at[choice->dated_topic].born;
}

/* A name is good for a second. */
static int dated_topic(struct kafka *kafka, struct kafka_choice *choice, int64_t time_ms)
{
    if (choice->second != time_ms / 1000 ||
        kafka->topics.at[choice->dated_topic].born != choice->born)
        name_dated(kafka, choice, time_ms);
    kafka->topics.at[choice->dated_topic].used = ++kafka->topics.clock;
    return (int)choice->dated_topic;
}

unsigned kafka_name_dated(struct kafka *kafka, int64_t time_ms)
{
    for (unsigned i = 0; i < kafka->rules.n_plans; i++)
        for (size_t k = 0; k < kafka->rules.plans[i].n; k++)
            if (kafka->rules.plans[i].choices[k].dated)
                (void)dated_topic(kafka, &kafka->rules.plans[i].choices[k], time_ms);
    return kafka->topics.n;
}

static int mapped_topic(struct kafka *kafka, const struct kafka_rule *rule, int64_t time_ms)
{
    const char *missing;
    struct buf *text = &kafka->shape.name;
    buf_clear(text);
    if (!format_put(rule->format, &kafka->shape.event, time_ms, text, &missing))
        return rule->fallback;
    return kafka_mapped_topic(rule, buf_str(text));
}

int kafka_route(struct kafka *kafka, const struct out_event *ev)
{
    struct kafka_plan *plan = &kafka->rules.plans[ev->route];
    kafka->shape.event.known = &plan->known;
    for (size_t i = 0; i < plan->n; i++) {
        struct kafka_choice *choice = &plan->choices[i];
        if (choice->is_open &&
            condition_check(choice->rule->when, &kafka->shape.event) != TRUTH_YES)
            continue;
        int topic = choice->topic != NO_TOPIC ? choice->topic
                    : choice->dated           ? dated_topic(kafka, choice, ev->time_ms)
                                              : mapped_topic(kafka, choice->rule, ev->time_ms);
        if (topic != NO_TOPIC)
            return topic;
    }
    return NO_TOPIC;
}
