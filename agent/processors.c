/* processors.c: `processors`, at the top, of an input and of a module: which of them posta does itself, and for whose events.
 *
 * Happy path: add_host_metadata and add_kubernetes_metadata are read once, and each input and each kind of events knows whether
 * it is meant: by being named in it or at the top, and by `when`, which is decided here from what the configuration says.
 * Failure modes: a condition that only an event can answer, two items of one processor that say different things, and processors
 * that posta has not are problems with their places.
 * On close: processors_free.
 */
#include "agent.h"

#include <stdlib.h>

static const struct {
    const char *name, *section, *spoken;
    unsigned bit;
} metadata_processors[] = {
    {"add_host_metadata", "processors[].add_host_metadata", "processors.add_host_metadata",
     META_HOST},
    {"add_kubernetes_metadata", "processors[].add_kubernetes_metadata",
     "processors.add_kubernetes_metadata", META_KUBERNETES},
};
enum { N_METADATA = sizeof metadata_processors / sizeof *metadata_processors };

static const struct option *rows_of(size_t no)
{
    return no == 0 ? host_meta_options : kube_meta_options;
}

static void *struct_of(struct metadata_settings *meta, size_t no)
{
    return no == 0 ? (void *)&meta->host : (void *)&meta->kube;
}

/* ---- reading ---- */

/* All but `when`, to be compared. */
static void put_values(struct buf *out, const struct node *values)
{
    for (size_t i = 0; i < node_count(values); i++) {
        if (strcmp(node_key(values, i), "when") == 0)
            continue;
        buf_printf(out, "%s:", node_key(values, i));
        fields_put_node(out, node_at(values, i));
        buf_putc(out, '\n');
    }
}

static bool say_the_same(const struct node *a, const struct node *b)
{
    struct buf one = BUF_INIT, other = BUF_INIT;
    put_values(&one, a);
    put_values(&other, b);
    bool is_same = strcmp(buf_str(&one), buf_str(&other)) == 0;
    buf_free(&one);
    buf_free(&other);
    return is_same;
}

static void read_values(struct metadata_settings *meta, size_t no, const struct node *place,
                        const struct node *values, struct problems *problems)
{
    struct buf where = BUF_INIT;
    bool is_first = !(meta->has & metadata_processors[no].bit);
    if (is_first) {
        (void)(options_read(values, metadata_processors[no].spoken, rows_of(no),
                            struct_of(meta, no), problems) == 0); /* counted in problems */
        meta->has |= metadata_processors[no].bit;
        meta->places[no] = place;
        meta->values[no] = values;
    } else if (!say_the_same(meta->values[no], values)) {
        problems_error(problems, place,
                       "processors: %s says something else than at %s: all of posta has one; tell "
                       "it the same at both, or once at the top",
                       metadata_processors[no].name, node_where(meta->places[no], &where));
    }
    buf_free(&where);
}

static void add_metadata(struct settings *set, size_t no, const struct node *place,
                         const struct input_settings *owner, struct problems *problems)
{
    struct metadata_settings *meta = &set->metadata;
    const struct node *values = node_get(place, metadata_processors[no].name);
    if (node_kind(values) != NODE_NULL && node_kind(values) != NODE_MAP) {
        problems_error(problems, place, "processors: %s: expected options below it, found %s",
                       metadata_processors[no].name, node_kind_name(values));
        return;
    }
    read_values(meta, no, place, values, problems);
    const struct node *when = node_get(values, "when");
    struct condition *condition = when ? condition_read(when, problems) : NULL;
    meta->rules = mem_grow(meta->rules, meta->n_rules + 1, sizeof *meta->rules);
    meta->rules[meta->n_rules++] = (struct processor_rule) {.bit = metadata_processors[no].bit,
                                                            .name = metadata_processors[no].name,
                                                            .place = place,
                                                            .when = condition,
                                                            .owner = owner};
}

void processors_add(struct settings *set, const struct node *one,
                    const struct input_settings *owner, struct problems *problems)
{
    static const char *const harmless[] = {"add_cloud_metadata", "add_docker_metadata", NULL};
    const char *name = node_key(one, 0);
    for (size_t i = 0; name && i < N_METADATA; i++)
        if (strcmp(metadata_processors[i].name, name) == 0) {
            add_metadata(set, i, one, owner, problems);
            return;
        }
    for (size_t i = 0; name && harmless[i]; i++)
        if (strcmp(harmless[i], name) == 0) {
            problems_warn(problems, one, "processors: %s is left out: posta does not ask for it",
                          name);
            return;
        }
    problems_error(problems, one, "processors: %s is not known to posta: do it in Logstash",
                   name ? name : "this");
}

void processors_read(struct settings *set, const struct node *list,
                     const struct input_settings *owner, struct problems *problems)
{
    if (node_kind(list) != NODE_NULL && node_kind(list) != NODE_LIST)
        problems_error(problems, list, "processors: expected a list of processors, found %s",
                       node_kind_name(list));
    for (size_t i = 0; node_kind(list) == NODE_LIST && i < node_count(list); i++)
        processors_add(set, node_at(list, i), owner, problems);
}

/* ---- whose events ---- */

/* What the configuration says of the events, as conditions are asked about it. */
struct known {
    struct agent_identity identity;
    struct event_agent agent;
    struct buf json;
};

static bool is_true(const struct processor_rule *rule, struct known *known,
                    struct problems *problems)
{
    if (!rule->when)
        return true;
    struct lookup lookup = lookup_in(LOOKUP_KNOWN, known->json.data, known->json.len);
    enum truth truth = condition_check(rule->when, &lookup);
    lookup_free(&lookup);
    if (truth == TRUTH_OPEN)
        problems_error(
            problems, rule->place,
            "processors: %s: only an event can answer this condition; posta decides once "
            "for each input, module and monitor: ask for tags, fields, input or agent",
            rule->name);
    return truth == TRUTH_YES;
}

static unsigned bits_of(const struct settings *set, const struct input_settings *owner,
                        unsigned route, struct known *known, struct problems *problems)
{
    unsigned bits = 0;
    buf_clear(&known->json);
    known_put(set, &known->agent, route, NULL, &known->json);
    for (size_t i = 0; i < set->metadata.n_rules; i++) {
        const struct processor_rule *rule = &set->metadata.rules[i];
        if ((!rule->owner || rule->owner == owner) && is_true(rule, known, problems))
            bits |= rule->bit;
    }
    return bits;
}

/* Only what was read well has all that conditions ask for. */
static void choose_all(struct settings *set, struct problems *problems)
{
    struct known known = {.json = BUF_INIT};
    if (problems->n_errors > 0)
        return;
    identity_peek(&known.identity, set->globals.path_data);
    known.agent = identity_agent(&known.identity, &set->globals);
    for (size_t i = 0; i < set->n_inputs; i++)
        set->inputs[i].metadata = bits_of(set, &set->inputs[i], (unsigned)i, &known, problems);
    for (size_t i = 0; i < set->n_kinds; i++)
        set->kinds[i].metadata =
            bits_of(set, set->kinds[i].labels, (unsigned)(set->n_inputs + i), &known, problems);
    buf_free(&known.json);
}

/* ---- Kubernetes ---- */

static bool reads_container_logs(const struct settings *set)
{
    for (size_t i = 0; i < set->n_inputs; i++) {
        const struct str_list *paths = &set->inputs[i].tail.paths;
        for (size_t k = 0; (set->inputs[i].metadata & META_KUBERNETES) && k < paths->n; k++)
            if (pod_path_is_meant(paths->at[k]))
                return true;
    }
    return false;
}

static void check_root_fields(const struct settings *set, struct problems *problems)
{
    static const char *const names[] = {"kubernetes", "container", NULL};
    struct err err;
    for (size_t i = 0; i < set->n_inputs; i++) {
        const struct input_settings *in = &set->inputs[i];
        bool at_root = set->globals.fields_under_root || in->fields_under_root;
        if (at_root && (fields_check_names(set->globals.fields, names, &err) ||
                        fields_check_names(in->fields, names, &err)))
            problems_error(problems, NULL, "%s", err.text);
    }
}

static void finish_kubernetes(struct settings *set, struct problems *problems)
{
    struct metadata_settings *meta = &set->metadata;
    kube_rules_make(&meta->kube_rules, &meta->kube, problems);
    check_root_fields(set, problems);
    meta->mode = (enum kube_mode)(meta->kube.mode > 0 ? meta->kube.mode : KUBE_AUTO);
    if (meta->mode == KUBE_AUTO)
        meta->mode = reads_container_logs(set) ? KUBE_NODE : KUBE_SIDECAR;
}

void processors_finish(struct settings *set, struct problems *problems)
{
    struct metadata_settings *meta = &set->metadata;
    struct err err;
    if (!meta->has)
        return;
    if ((meta->has & META_HOST) && host_meta_check(&meta->host, &err))
        problems_error(problems, meta->places[0], "processors: add_host_metadata: %s", err.text);
    choose_all(set, problems);
    if (meta->has & META_KUBERNETES)
        finish_kubernetes(set, problems);
}

void processors_free(struct settings *set)
{
    struct metadata_settings *meta = &set->metadata;
    for (size_t i = 0; i < meta->n_rules; i++)
        condition_free(meta->rules[i].when);
    free(meta->rules);
    kube_rules_free(&meta->kube_rules);
    for (size_t i = 0; i < N_METADATA; i++)
        if (meta->has & metadata_processors[i].bit)
            options_free(rows_of(i), struct_of(meta, i));
    *meta = (struct metadata_settings) {.has = 0};
}

const struct config_section *processor_sections(void)
{
    static struct config_section sections[N_METADATA + 1];
    for (size_t i = 0; i < N_METADATA; i++)
        sections[i] = (struct config_section) {metadata_processors[i].section, rows_of(i)};
    return sections;
}
