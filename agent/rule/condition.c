/* condition.c: does a condition hold? Of an event always yes or no; of what is known before, perhaps open. */
#include "rule.h"

#include <stdlib.h>

/* ---- one value ---- */

static const char *text_of(struct json_span value, struct buf *text)
{
    buf_clear(text);
    json_text(value, text);
    return buf_str(text);
}

static bool equals_number(struct json_span value, const char *text)
{
    char number[32];
    if (value.type != JSON_NUMBER || value.len >= sizeof number)
        return false;
    memcpy(number, value.at, value.len);
    number[value.len] = '\0';
    if (strspn(number, "-0123456789") != value.len)
        return false; /* no integer */
    return strcmp(number, text) == 0 || (strcmp(number, "-0") == 0 && strcmp(text, "0") == 0);
}

static bool equals(const struct field_test *test, struct json_span value, struct buf *text)
{
    if (test->type == JSON_NUMBER)
        return equals_number(value, test->text);
    if (test->type == JSON_BOOL)
        return value.type == JSON_BOOL && value.len == strlen(test->text);
    return value.type == JSON_STRING && strcmp(text_of(value, text), test->text) == 0 &&
           strlen(test->text) == text->len;
}

static bool is_inside(const struct field_test *test, struct json_span value)
{
    char number[64];
    if (value.type != JSON_NUMBER || value.len >= sizeof number)
        return false;
    memcpy(number, value.at, value.len);
    number[value.len] = '\0';
    double n = strtod(number, NULL);
    return (!test->has_bound[BOUND_GTE] || n >= test->bound[BOUND_GTE]) &&
           (!test->has_bound[BOUND_GT] || n > test->bound[BOUND_GT]) &&
           (!test->has_bound[BOUND_LTE] || n <= test->bound[BOUND_LTE]) &&
           (!test->has_bound[BOUND_LT] || n < test->bound[BOUND_LT]);
}

static bool is_in_network(const struct field_test *test, struct json_span value, struct buf *text)
{
    struct address address;
    if (value.type != JSON_STRING || !address_parse(text_of(value, text), &address))
        return false;
    for (size_t i = 0; i < test->n_networks; i++)
        if (network_has(&test->networks[i], &address))
            return true;
    return false;
}

static bool contains(const struct field_test *test, struct json_span value, struct buf *text)
{
    if (value.type != JSON_STRING)
        return false;
    (void)text_of(value, text);
    return memmem(text->data, text->len, test->text, strlen(test->text)) != NULL;
}

static bool matches(const struct field_test *test, struct json_span value, struct buf *text)
{
    if (value.type != JSON_STRING)
        return false;
    (void)text_of(value, text);
    return regex_finds(test->regex, text->data, text->len);
}

static bool holds(enum condition_kind kind, const struct field_test *test, struct json_span value,
                  struct buf *text)
{
    switch (kind) {
    case COND_EQUALS:
        return equals(test, value, text);
    case COND_CONTAINS:
        return contains(test, value, text);
    case COND_REGEXP:
        return matches(test, value, text);
    case COND_RANGE:
        return is_inside(test, value);
    case COND_NETWORK:
        return is_in_network(test, value, text);
    default:
        return true; /* has_fields: it is there */
    }
}

/* ---- a field: of a list, one of its items ---- */

static bool takes_lists(enum condition_kind kind)
{
    return kind == COND_CONTAINS || kind == COND_REGEXP || kind == COND_NETWORK;
}

static bool one_holds(enum condition_kind kind, const struct field_test *test,
                      struct json_span list, struct buf *text)
{
    struct json_walk walk = json_items(list);
    struct json_span item;
    while (json_next_item(&walk, &item))
        if (holds(kind, test, item, text))
            return true;
    return false;
}

static enum truth check_field(enum condition_kind kind, const struct field_test *test,
                              struct lookup *lookup)
{
    struct json_span value;
    switch (lookup_find(lookup, test->field, &value)) {
    case FOUND_LATER:
        return TRUTH_OPEN;
    case FOUND_NOT:
        return TRUTH_NO;
    default:
        break;
    }
    bool is_list = value.type == JSON_ARRAY && takes_lists(kind);
    bool is_so = is_list ? one_holds(kind, test, value, &lookup->text)
                         : holds(kind, test, value, &lookup->text);
    return is_so ? TRUTH_YES : TRUTH_NO;
}

/* ---- all together ---- */

static enum truth check_part(const struct condition *cond, size_t i, struct lookup *lookup)
{
    return cond->n_parts ? condition_check(cond->parts[i], lookup)
                         : check_field(cond->kind, &cond->tests[i], lookup);
}

enum truth condition_check(const struct condition *cond, struct lookup *lookup)
{
    size_t n = cond->n_parts ? cond->n_parts : cond->n_tests;
    enum truth decides = cond->kind == COND_OR ? TRUTH_YES : TRUTH_NO;
    enum truth result = cond->kind == COND_OR ? TRUTH_NO : TRUTH_YES;
    for (size_t i = 0; i < n && result != decides; i++) {
        enum truth part = check_part(cond, i, lookup);
        if (part == decides || part == TRUTH_OPEN)
            result = part;
    }
    if (cond->kind == COND_NOT && result != TRUTH_OPEN)
        result = result == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
    return result;
}

static void free_test(struct field_test *test)
{
    free(test->field);
    free(test->text);
    regex_free(test->regex);
    free(test->networks);
}

void condition_free(struct condition *cond)
{
    if (!cond)
        return;
    for (size_t i = 0; i < cond->n_tests; i++)
        free_test(&cond->tests[i]);
    for (size_t i = 0; i < cond->n_parts; i++)
        condition_free(cond->parts[i]);
    free(cond->tests);
    free(cond->parts);
    free(cond);
}
