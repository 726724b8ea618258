/* kafka_plan.c: what is left of the rules for the events of each input, decided once at the start.
 *
 * Happy path: conditions on what the configuration says of an input are answered, formats filled in; most inputs end with one
 * topic, and their events are never looked into.
 * Failure modes: a name that would be made of log content, a name that Kafka does not take, an input whose events fit no rule:
 * errors that say what to do.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>

/* Who is being planned for. */
struct planning {
    struct kafka *kafka;
    const struct output_env *env;
    unsigned route;
    struct lookup *known, names;
    struct err *err;
};

static int wrong(const struct planning *p, const struct kafka_rule *rule)
{
    struct buf where = BUF_INIT;
    if (rule->node)
        err_wrap(p->err, "%s: output.kafka.topics", node_where(rule->node, &where));
    else
        err_wrap(p->err, "output.kafka.topic");
    buf_free(&where);
    return -1;
}

/* ---- may a name be made of this field? ---- */

/* Some input has it from the configuration. */
static bool is_known_somewhere(const struct planning *p, const char *field)
{
    bool is_known = false;
    struct buf json = BUF_INIT;
    for (unsigned i = 0; i < p->env->n_routes && !is_known; i++) {
        struct json_span value;
        buf_clear(&json);
        p->env->known(p->env->arg, i, &json);
        struct lookup names = lookup_in(LOOKUP_NAMES, json.data, json.len);
        is_known = lookup_has(&names, field, &value);
    }
    buf_free(&json);
    return is_known;
}

static bool is_of_configuration(const struct planning *p, const char *field)
{
    return lookup_is_fixed(field) || strcmp(field, "event.module") == 0 ||
           strcmp(field, "event.dataset") == 0 || is_known_somewhere(p, field);
}

static int check_fields(const struct planning *p, const struct kafka_rule *rule)
{
    const char *field;
    for (size_t i = 0; !rule->has_mappings && (field = format_field(rule->format, i)); i++)
        if (!is_of_configuration(p, field)) {
            err_set(p->err, ERR_CONFIG,
                    "'%s' is in no input's configuration: a topic is never named by log content, "
                    "which others write. Name it by fields, agent, host, input, event.module or "
                    "event.dataset; or write a rule with mappings, or with when",
                    field);
            return wrong(p, rule);
        }
    return 0;
}

/* ---- choices ---- */

static struct kafka_choice *add_choice(struct planning *p, const struct kafka_rule *rule,
                                       bool is_open)
{
    struct kafka_plan *plan = &p->kafka->rules.plans[p->route];
    plan->choices = mem_grow(plan->choices, plan->n + 1, sizeof *plan->choices);
    plan->choices[plan->n] =
        (struct kafka_choice) {.rule = rule, .is_open = is_open, .topic = NO_TOPIC, .second = -1};
    p->kafka->rules.needs_event |= is_open;
    return &plan->choices[plan->n++];
}

static int check_made_name(const struct planning *p, const struct kafka_rule *rule,
                           const char *name)
{
    return kafka_check_topic_name(name, p->err) ? wrong(p, rule) : 0;
}

/* A name with a date: tried with the first second of 2000. */
static int plan_dated(struct planning *p, const struct kafka_rule *rule, struct format *bound,
                      bool is_open)
{
    const char *missing;
    struct buf name = BUF_INIT;
    (void)format_put(bound, &p->names, INT64_C(946684800000), &name, &missing);
    int rc = check_made_name(p, rule, buf_str(&name));
    buf_free(&name);
    add_choice(p, rule, is_open)->dated = bound;
    return rc;
}

static int plan_fixed(struct planning *p, const struct kafka_rule *rule, const char *name,
                      bool is_open)
{
    if (check_made_name(p, rule, name))
        return -1;
    add_choice(p, rule, is_open)->topic = (int)kafka_topic_number(p->kafka, name, false);
    return 0;
}

/* A field is missing: the default's turn, or the next rule's; of output.kafka.topic it is an error. */
static int plan_missing(struct planning *p, const struct kafka_rule *rule, const char *missing,
                        bool is_open)
{
    if (rule->fallback != NO_TOPIC)
        add_choice(p, rule, is_open)->topic = rule->fallback;
    if (rule->node)
        return 0;
    err_set(p->err, ERR_CONFIG,
            "an input has no '%s': add it to its fields, or give a default as %%{[%s]:name}",
            missing, missing);
    return wrong(p, rule);
}

static int plan_name(struct planning *p, const struct kafka_rule *rule, bool is_open)
{
    const char *missing = NULL;
    struct buf name = BUF_INIT;
    struct format *bound = format_bind(rule->format, &p->names, &missing);
    if (!bound)
        return plan_missing(p, rule, missing, is_open);
    if (format_has_time(bound))
        return plan_dated(p, rule, bound, is_open);
    (void)format_put(bound, &p->names, 0, &name, &missing);
    format_free(bound);
    int rc = name.len == 0 && rule->node ? plan_missing(p, rule, "", is_open)
                                         : plan_fixed(p, rule, buf_str(&name), is_open);
    buf_free(&name);
    return rc;
}

int kafka_mapped_topic(const struct kafka_rule *rule, const char *text)
{
    for (size_t i = 0; i < rule->n_keys; i++)
        if (strcmp(rule->keys[i], text) == 0)
            return rule->mapped[i];
    return rule->fallback;
}

static bool needs_event(const struct kafka_rule *rule, struct lookup *known)
{
    const char *field;
    struct json_span value;
    for (size_t i = 0; (field = format_field(rule->format, i)); i++)
        if (lookup_find(known, field, &value) == FOUND_LATER)
            return true;
    return format_has_time(rule->format);
}

static void plan_mappings(struct planning *p, const struct kafka_rule *rule, bool is_open)
{
    const char *missing;
    struct buf text = BUF_INIT;
    if (needs_event(rule, p->known)) {
        add_choice(p, rule, is_open);
        p->kafka->rules.needs_event = true;
        return;
    }
    int topic = format_put(rule->format, p->known, 0, &text, &missing)
                    ? kafka_mapped_topic(rule, buf_str(&text))
                    : rule->fallback;
    if (topic != NO_TOPIC)
        add_choice(p, rule, is_open)->topic = topic;
    buf_free(&text);
}

/* ---- one input ---- */

/* Is the last choice one that always fits? */
static bool is_complete(const struct kafka_plan *plan)
{
    const struct kafka_choice *last = plan->n ? &plan->choices[plan->n - 1] : NULL;
    return last && !last->is_open &&
           (last->topic != NO_TOPIC || last->dated || last->rule->fallback != NO_TOPIC);
}

static int plan_rule(struct planning *p, const struct kafka_rule *rule)
{
    enum truth truth = rule->when ? condition_check(rule->when, p->known) : TRUTH_YES;
    if (truth == TRUTH_NO)
        return 0;
    if (rule->has_mappings)
        return plan_mappings(p, rule, truth == TRUTH_OPEN), 0;
    return plan_name(p, rule, truth == TRUTH_OPEN);
}

static int finish_plan(const struct planning *p)
{
    const struct kafka_plan *plan = &p->kafka->rules.plans[p->route];
    const char *input = p->env->text(p->env->arg, p->route, "input.id");
    if (plan->n == 0)
        return err_set(
            p->err, ERR_CONFIG,
            "output.kafka: no rule of topics fits the events of input '%s', and topic is "
            "not set: set it, or add a rule without when",
            input ? input : "metrics");
    if (!is_complete(plan))
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "kafka",
                    "events of input '%s' that fit no rule of output.kafka.topics go to the dead "
                    "letters: set output.kafka.topic to give them a topic",
                    input ? input : "metrics");
    return 0;
}

static int plan_rules(struct planning *p)
{
    const struct kafka_rules *rules = &p->kafka->rules;
    for (size_t i = 0; i < rules->n; i++)
        if (check_fields(p, &rules->at[i]))
            return -1;
    for (size_t i = 0; i < rules->n && !is_complete(&rules->plans[p->route]); i++)
        if (plan_rule(p, &rules->at[i]))
            return -1;
    return finish_plan(p);
}

static int plan_route(struct kafka *kafka, const struct output_env *env, unsigned route,
                      struct err *err)
{
    struct kafka_plan *plan = &kafka->rules.plans[route];
    env->known(env->arg, route, &plan->json);
    plan->known = lookup_in(LOOKUP_KNOWN, plan->json.data, plan->json.len);
    struct planning p = {.kafka = kafka,
                         .env = env,
                         .route = route,
                         .known = &plan->known,
                         .names = lookup_in(LOOKUP_NAMES, plan->json.data, plan->json.len),
                         .err = err};
    int rc = plan_rules(&p);
    lookup_free(&p.names);
    return rc;
}

int kafka_plan_routes(struct kafka *kafka, const struct output_env *env, struct err *err)
{
    if (kafka_read_rules(kafka, err))
        return -1;
    kafka->rules.plans = mem_zero(env->n_routes, sizeof *kafka->rules.plans);
    for (; kafka->rules.n_plans < env->n_routes; kafka->rules.n_plans++)
        if (plan_route(kafka, env, kafka->rules.n_plans, err)) {
            kafka->rules.n_plans++; /* half a plan, to be freed */
            return -1;
        }
    return 0;
}
