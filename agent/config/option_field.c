/* option_field.c: one row of an option table and the field it fills.
 *
 * Happy path: a scalar's text is parsed, checked against the row's bounds or words, and stored. Failure: the
 * field keeps what it had and the text says what was expected and what was found.
 */
#include "node.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void *field_at(const struct option *row, void *self)
{
    return (char *)self + row->at;
}

/* ---- Unset, free ------------------------------------------------------------------------------------- */

void field_unset(const struct option *row, void *self)
{
    void *field = field_at(row, self);
    switch (row->type) {
    case OPT_TEXT:
        *(char **)field = NULL;
        break;
    case OPT_BOOL:
        *(bool *)field = false;
        break;
    case OPT_COUNT:
    case OPT_BYTES:
        *(uint64_t *)field = 0;
        break;
    case OPT_DURATION:
        *(int64_t *)field = 0;
        break;
    case OPT_WORD:
        *(int *)field = -1;
        break;
    case OPT_LIST:
        *(struct str_list *)field = (struct str_list) {.at = NULL};
        break;
    case OPT_MAP:
        *(const struct node **)field = NULL;
        break;
    case OPT_NODES:
        *(struct node_list *)field = (struct node_list) {.at = NULL};
        break;
    case OPT_IGNORED:
    case OPT_REFUSED:
        break; /* no field */
    }
}

static void free_text(char *text, bool is_secret)
{
    if (text != NULL && is_secret) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

void free_list(struct str_list *list, bool is_secret)
{
    for (size_t i = 0; i < list->n; i++) {
        free_text(list->at[i], is_secret);
    }
    free(list->at);
}

void field_free(const struct option *row, void *self)
{
    void *field = field_at(row, self);
    if (row->type == OPT_TEXT) {
        free_text(*(char **)field, row->secret);
    } else if (row->type == OPT_LIST) {
        free_list(field, row->secret);
    } else if (row->type == OPT_NODES) {
        free(((struct node_list *)field)->at);
    }
    field_unset(row, self);
}

/* ---- Scalars from text ------------------------------------------------------------------------------- */

static int fail_bound(const char *which, const char *bound, const char *text, struct err *err)
{
    return err_set(err, ERR_CONFIG, "must be %s %s, found '%.64s'", which, bound, text);
}

static int parse_unsigned(enum option_type type, const char *text, uint64_t *out, struct err *err)
{
    return type == OPT_BYTES ? parse_bytes(text, out, err) : parse_count(text, out, err);
}

static int set_unsigned(const struct option *row, const char *text, uint64_t *field,
                        struct err *err)
{
    uint64_t value = 0, min = 0, max = UINT64_MAX;
    if (parse_unsigned(row->type, text, &value, err) != 0 ||
        (row->min != NULL && parse_unsigned(row->type, row->min, &min, err) != 0) ||
        (row->max != NULL && parse_unsigned(row->type, row->max, &max, err) != 0)) {
        return -1;
    }
    if (value < min) {
        return fail_bound("at least", row->min, text, err);
    }
    if (value > max) {
        return fail_bound("at most", row->max, text, err);
    }
    *field = value;
    return 0;
}

static int set_duration(const struct option *row, const char *text, int64_t *field, struct err *err)
{
    int64_t value = 0, min = 0, max = INT64_MAX;
    if (parse_duration(text, &value, err) != 0 ||
        (row->min != NULL && parse_duration(row->min, &min, err) != 0) ||
        (row->max != NULL && parse_duration(row->max, &max, err) != 0)) {
        return -1;
    }
    if (value < min) {
        return fail_bound("at least", row->min == NULL ? "0s" : row->min, text, err);
    }
    if (value > max) {
        return fail_bound("at most", row->max, text, err);
    }
    *field = value;
    return 0;
}

static size_t count_words(const struct option *row)
{
    size_t n = 0;
    while (row->words != NULL && row->words[n] != NULL) {
        n++;
    }
    return n;
}

int find_word(const struct option *row, const char *text)
{
    size_t n = count_words(row);
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(row->words[i], text) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int fail_word(const struct option *row, const char *text, struct err *err)
{
    struct buf buf = BUF_INIT;
    size_t n = count_words(row);
    const char *meant = suggest(text, row->words, n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&buf, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", row->words[i]);
    }
    buf_printf(&buf, ", found '%.64s'", text);
    if (meant != NULL) {
        buf_printf(&buf, ", did you mean '%s'?", meant);
    }
    err_set(err, ERR_CONFIG, "expected %s", buf_str(&buf));
    buf_free(&buf);
    return -1;
}

static int set_word(const struct option *row, const char *text, int *field, struct err *err)
{
    int index = find_word(row, text);
    if (index < 0) {
        return fail_word(row, text, err);
    }
    *field = index;
    return 0;
}

static int set_text(const struct option *row, const char *text, char **field, struct err *err)
{
    if (row->required && text[0] == '\0') {
        return err_set(err, ERR_CONFIG, "must not be empty");
    }
    free_text(*field, row->secret);
    *field = mem_dup(text);
    return 0;
}

static int set_scalar(const struct option *row, const char *text, void *field, struct err *err)
{
    switch (row->type) {
    case OPT_TEXT:
        return set_text(row, text, field, err);
    case OPT_BOOL:
        return parse_bool(text, field, err);
    case OPT_COUNT:
    case OPT_BYTES:
        return set_unsigned(row, text, field, err);
    case OPT_DURATION:
        return set_duration(row, text, field, err);
    case OPT_WORD:
        return set_word(row, text, field, err);
    default:
        return err_set(err, ERR_BUG, "not an option that a text can set");
    }
}

/* ---- Any --------------------------------------------------------------------------------------------- */

int field_set_default(const struct option *row, void *self, struct err *err)
{
    if (row->type != OPT_LIST) {
        return set_scalar(row, row->def, field_at(row, self), err);
    }
    return field_split_list(row, field_at(row, self), row->def, err);
}

static const char *expected_name(enum option_type type)
{
    static const char *const names[] = {
        [OPT_TEXT] = "a text",
        [OPT_BOOL] = "true or false",
        [OPT_COUNT] = "a whole number",
        [OPT_BYTES] = "a size such as 4096, 50KB or 16MiB",
        [OPT_DURATION] = "a duration such as 5s, 100ms or 1h30m",
        [OPT_WORD] = "a word",
    };
    return names[type];
}

int field_set(const struct option *row, const struct node *node, const char *name, void *self,
              struct problems *problems)
{
    struct err err = ERR_INIT;
    switch (row->type) {
    case OPT_LIST:
        return field_set_list(row, node, name, self, problems);
    case OPT_MAP:
        return field_set_map(row, node, name, self, problems);
    case OPT_NODES:
        return field_set_nodes(row, node, name, self, problems);
    default:
        break;
    }
    if (node->text == NULL) {
        return problems_error(problems, node, "%s: expected %s, found %s", name,
                              expected_name(row->type), node_kind_name(node));
    }
    if (set_scalar(row, node->text, field_at(row, self), &err) != 0) {
        return problems_error(problems, node, "%s: %s", name, err.text);
    }
    return 0;
}
