/* option_list.c: the rows whose field is more than one value: lists of texts, mappings, lists of mappings.
 *
 * The new value is made whole before the old one goes, so a failure leaves the field as it was.
 */
#include "node.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists ------------------------------------------------------------------------------------------- */

static int list_add(const struct option *row, struct str_list *list, const char *text, size_t len,
                    struct err *err)
{
    char *item = mem_printf("%.*s", (int)len, text);
    if (row->words != NULL && find_word(row, item) < 0) {
        (void)fail_word(row, item, err);
        free(item);
        return -1;
    }
    list->at = mem_grow(list->at, list->n + 1, sizeof(*list->at));
    list->at[list->n++] = item;
    return 0;
}

/* A default: "a,b", "" for an empty list. */
int field_split_list(const struct option *row, struct str_list *list, const char *text,
                     struct err *err)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        if (list_add(row, list, text, len, err) != 0) {
            return -1;
        }
        text += len + (text[len] == ',');
        text += strspn(text, " ");
    }
    return 0;
}

static int list_collect(const struct option *row, struct str_list *list, const struct node *node,
                        const char *name, struct problems *problems);

/* One scalar, or a list that a variable held: its items then. */
static int list_take(const struct option *row, struct str_list *list, const struct node *node,
                     const char *name, struct problems *problems)
{
    struct err err = ERR_INIT;
    const char *text = node_text(node);
    if (node_kind(node) == NODE_LIST && text != NULL) {
        return list_collect(row, list, node, name, problems);
    }
    if (text == NULL) {
        return problems_error(problems, node, "%s: expected a text in the list, found %s", name,
                              node_kind_name(node));
    }
    if (list_add(row, list, text, strlen(text), &err) != 0) {
        return problems_error(problems, node, "%s: %s", name, err.text);
    }
    return 0;
}

static int list_collect(const struct option *row, struct str_list *list, const struct node *node,
                        const char *name, struct problems *problems)
{
    int failed = 0;
    for (size_t i = 0; i < node_count(node); i++) {
        const struct node *item = node_at(node, i);
        if (!item->is_bad) { /* already complained about */
            failed |= list_take(row, list, item, name, problems);
        }
    }
    return failed;
}

int field_set_list(const struct option *row, const struct node *node, const char *name, void *self,
                   struct problems *problems)
{
    struct str_list list = {.at = NULL};
    int failed = 0;
    if (node->kind == NODE_MAP) {
        return problems_error(problems, node, "%s: expected a list of texts, found a mapping",
                              name);
    }
    if (node->kind == NODE_LIST) {
        failed = list_collect(row, &list, node, name, problems);
    } else if (node->text[0] != '\0') {
        failed = list_take(row, &list, node, name, problems);
    }
    if (failed == 0 && row->required && list.n == 0) {
        failed = problems_error(problems, node, "%s: must not be empty", name);
    }
    if (failed != 0) {
        free_list(&list, row->secret);
        return -1;
    }
    field_free(row, self);
    *(struct str_list *)field_at(row, self) = list;
    return 0;
}

/* ---- Mappings ---------------------------------------------------------------------------------------- */

int field_set_map(const struct option *row, const struct node *node, const char *name, void *self,
                  struct problems *problems)
{
    if (node->kind != NODE_MAP) {
        return problems_error(problems, node, "%s: expected a mapping, found %s", name,
                              node_kind_name(node));
    }
    *(const struct node **)field_at(row, self) = node;
    return 0;
}

static int nodes_check(const struct node *node, const char *name, struct problems *problems)
{
    int failed = 0;
    for (size_t i = 0; i < node->n; i++) {
        const struct node *item = node->at[i].value;
        if (item->kind != NODE_MAP) {
            failed = problems_error(problems, item, "%s: item %zu: expected a mapping, found %s",
                                    name, i + 1, node_kind_name(item));
        }
    }
    return failed;
}

/* A single mapping is a list of one. */
int field_set_nodes(const struct option *row, const struct node *node, const char *name, void *self,
                    struct problems *problems)
{
    bool is_list = node->kind == NODE_LIST;
    if (!is_list && node->kind != NODE_MAP) {
        return problems_error(problems, node, "%s: expected a list of mappings, found %s", name,
                              node_kind_name(node));
    }
    if (is_list && nodes_check(node, name, problems) != 0) {
        return -1;
    }
    size_t n = is_list ? node->n : 1;
    if (row->required && n == 0) {
        return problems_error(problems, node, "%s: must not be empty", name);
    }
    struct node_list list = {.at = mem_zero(n + 1, sizeof(*list.at)), .n = n};
    for (size_t i = 0; i < n; i++) {
        list.at[i] = is_list ? node->at[i].value : node;
    }
    field_free(row, self);
    *(struct node_list *)field_at(row, self) = list;
    return 0;
}
