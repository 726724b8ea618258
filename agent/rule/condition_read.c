/* condition_read.c: the mapping below `when` → a condition. Everything that is not understood is an error with its place. */
#include "rule.h"

#include <stdlib.h>

static const char *const kinds[] = {"equals",     "contains", "regexp", "range", "network",
                                    "has_fields", "or",       "and",    "not",   NULL};
static const char *const bounds[] = {"gte", "gt", "lte", "lt", NULL};

static int word_of(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* What is being read. */
struct reading {
    struct condition *cond;
    struct problems *problems;
};

static struct field_test *add_test(struct condition *cond, const char *field)
{
    cond->tests = mem_grow(cond->tests, cond->n_tests + 1, sizeof *cond->tests);
    cond->tests[cond->n_tests] = (struct field_test) {.field = mem_dup(field)};
    return &cond->tests[cond->n_tests++];
}

static struct field_test *find_or_add(struct condition *cond, const char *field)
{
    for (size_t i = 0; i < cond->n_tests; i++)
        if (strcmp(cond->tests[i].field, field) == 0)
            return &cond->tests[i];
    return add_test(cond, field);
}

/* ---- what a field must be ---- */

static bool is_integer(const char *text)
{
    size_t minus = *text == '-';
    return text[minus] && strlen(text) < 20 &&
           strspn(text + minus, "0123456789") == strlen(text + minus);
}

static void read_equals(struct reading *r, const char *field, const struct node *value)
{
    struct field_test *test = add_test(r->cond, field);
    test->text = mem_dup(node_text(value));
    bool is_plain = !node_is_quoted(value);
    bool is_truth = strcmp(test->text, "true") == 0 || strcmp(test->text, "false") == 0;
    test->type = is_plain && is_integer(test->text) ? JSON_NUMBER
                 : is_plain && is_truth             ? JSON_BOOL
                                                    : JSON_STRING;
}

static void read_contains(struct reading *r, const char *field, const struct node *value)
{
    add_test(r->cond, field)->text = mem_dup(node_text(value));
}

static void read_regexp(struct reading *r, const char *field, const struct node *value)
{
    struct err err;
    if (regex_new(&add_test(r->cond, field)->regex, node_text(value), &err))
        problems_error(r->problems, value, "regexp: %s: %s", field, err.text);
}

/* field is a.b.gte: the last name is the bound. */
static void read_range(struct reading *r, const char *field, const struct node *value)
{
    char *end, *name = mem_dup(field), *dot = strrchr(name, '.');
    int bound = word_of(bounds, dot ? dot + 1 : name);
    double number = strtod(node_text(value), &end);
    if (!dot || bound < 0) {
        problems_error(r->problems, value, "range: %s: expected gte, gt, lte or lt below a field",
                       field);
    } else if (*end || end == node_text(value)) {
        problems_error(r->problems, value, "range: %s: expected a number, found '%s'", field,
                       node_text(value));
    } else {
        *dot = '\0';
        struct field_test *test = find_or_add(r->cond, name);
        test->bound[bound] = number;
        test->has_bound[bound] = true;
    }
    free(name);
}

static void read_network(struct reading *r, const char *field, const struct node *value)
{
    struct err err;
    struct field_test *test = find_or_add(r->cond, field);
    test->networks = mem_grow(test->networks, test->n_networks + 1, sizeof *test->networks);
    if (network_parse(node_text(value), &test->networks[test->n_networks], &err))
        problems_error(r->problems, value, "network: %s: %s", field, err.text);
    else
        test->n_networks++;
}

typedef void read_field(struct reading *r, const char *field, const struct node *value);
static read_field *const readers[] = {read_equals, read_contains, read_regexp, read_range,
                                      read_network};

/* ---- fields: {a: {b: x}} is a.b: x ---- */

static void read_value(struct reading *r, const char *field, const struct node *value);

static void read_items(struct reading *r, const char *field, const struct node *list)
{
    if (r->cond->kind != COND_NETWORK) {
        problems_error(r->problems, list, "%s: %s: expected one value, found a list; use or",
                       kinds[r->cond->kind], field);
        return;
    }
    for (size_t i = 0; i < node_count(list); i++)
        read_value(r, field, node_at(list, i));
}

static void read_map(struct reading *r, const char *prefix, const struct node *map)
{
    for (size_t i = 0; i < node_count(map); i++) {
        char *field = mem_printf("%s%s%s", prefix, *prefix ? "." : "", node_key(map, i));
        read_value(r, field, node_at(map, i));
        free(field);
    }
}

static void read_value(struct reading *r, const char *field, const struct node *value)
{
    if (node_kind(value) == NODE_MAP)
        read_map(r, field, value);
    else if (node_kind(value) == NODE_LIST)
        read_items(r, field, value);
    else if (node_text(value))
        readers[r->cond->kind](r, field, value);
    else
        problems_error(r->problems, value, "%s: %s: expected a value, found nothing",
                       kinds[r->cond->kind], field);
}

static void read_fields(struct reading *r, const struct node *map)
{
    if (node_kind(map) != NODE_MAP || node_count(map) == 0)
        problems_error(r->problems, map, "%s: expected fields and what they must be, found %s",
                       kinds[r->cond->kind], node_kind_name(map));
    else
        read_map(r, "", map);
}

static void read_names(struct reading *r, const struct node *list)
{
    bool is_list = node_kind(list) == NODE_LIST && node_count(list) > 0;
    for (size_t i = 0; is_list && i < node_count(list); i++) {
        is_list = node_text(node_at(list, i)) && node_kind(node_at(list, i)) == NODE_SCALAR;
        if (is_list)
            add_test(r->cond, node_text(node_at(list, i)));
    }
    if (!is_list)
        problems_error(r->problems, list, "has_fields: expected a list of field names");
}

/* ---- conditions of conditions ---- */

static void add_part(struct reading *r, const struct node *map)
{
    struct condition *part = condition_read(map, r->problems);
    if (!part)
        return;
    r->cond->parts = mem_grow(r->cond->parts, r->cond->n_parts + 1, sizeof(struct condition *));
    r->cond->parts[r->cond->n_parts++] = part;
}

static void read_parts(struct reading *r, const struct node *list)
{
    if (r->cond->kind == COND_NOT) {
        add_part(r, list);
        return;
    }
    if (node_kind(list) != NODE_LIST || node_count(list) == 0)
        problems_error(r->problems, list, "%s: expected a list of conditions, found %s",
                       kinds[r->cond->kind], node_kind_name(list));
    for (size_t i = 0; node_kind(list) == NODE_LIST && i < node_count(list); i++)
        add_part(r, node_at(list, i));
}

static void read_one(struct reading *r, const struct node *below)
{
    switch (r->cond->kind) {
    case COND_HAS_FIELDS:
        read_names(r, below);
        break;
    case COND_OR:
    case COND_AND:
    case COND_NOT:
        read_parts(r, below);
        break;
    default:
        read_fields(r, below);
    }
}

static int find_kind(const struct node *when, struct problems *problems)
{
    if (node_kind(when) != NODE_MAP || node_count(when) == 0)
        return problems_error(problems, when,
                              "expected a condition, such as equals: {field: text}, "
                              "found %s",
                              node_kind_name(when));
    if (node_count(when) > 1)
        return problems_error(
            problems, when,
            "expected one condition, found %zu: join them with and: or or:", node_count(when));
    int kind = word_of(kinds, node_key(when, 0));
    if (kind < 0)
        problems_error(
            problems, when,
            "'%s' is no condition: equals, contains, regexp, range, network, has_fields, "
            "or, and, not are",
            node_key(when, 0));
    return kind;
}

struct condition *condition_read(const struct node *when, struct problems *problems)
{
    size_t before = problems->n_errors;
    int kind = find_kind(when, problems);
    if (kind < 0)
        return NULL;
    struct condition *cond = mem_zero(1, sizeof *cond);
    cond->kind = (enum condition_kind)kind;
    read_one(&(struct reading) {cond, problems}, node_at(when, 0));
    if (problems->n_errors == before)
        return cond;
    condition_free(cond);
    return NULL;
}
