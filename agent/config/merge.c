/* merge.c: pour one tree after another into the configuration's.
 *
 * Happy path: every key is split at its dots and led down through mappings, made where they are missing; at
 * the end of the way mappings merge, anything else replaces what an earlier file said. Failure: a mapping
 * meets a text or a list, or one file says the same thing twice: both places are named, and the rest of the
 * file is still poured, so that all such places are found at once.
 */
#include "node.h"

#include <string.h>

struct merge {
    struct config *config;
    struct problems *problems;
};

static int pour(struct merge *merge, struct node *into, const struct node *from, int depth);

static int complain_kind(struct merge *merge, const struct entry *from, const struct entry *old)
{
    struct buf where = BUF_INIT;
    place_put(&where, &old->place);
    problems_at(merge->problems, PROBLEM_ERROR, &from->place, "'%s' is %s here, but %s at %s",
                old->key, node_kind_name(from->value), node_kind_name(old->value), buf_str(&where));
    buf_free(&where);
    return -1;
}

static int complain_twice(struct merge *merge, const struct entry *from, const struct entry *old)
{
    struct buf where = BUF_INIT;
    place_put(&where, &old->place);
    problems_at(merge->problems, PROBLEM_ERROR, &from->place, "'%s' is already set at %s", old->key,
                buf_str(&where));
    buf_free(&where);
    return -1;
}

/* The same keys, split and led down, in a node of its own. NULL after an error. */
static struct node *unfold(struct merge *merge, struct node *node, int depth)
{
    if (node->kind != NODE_MAP && node->kind != NODE_LIST) {
        return node;
    }
    struct node *copy = node_new(merge->config, node->kind, &node->place);
    if (copy == NULL) {
        problems_full(merge->problems, &node->place);
        return NULL;
    }
    copy->text = node->text;
    if (node->kind == NODE_MAP) {
        return pour(merge, copy, node, depth) == 0 ? copy : NULL;
    }
    for (size_t i = 0; i < node->n; i++) {
        struct node *item = unfold(merge, node->at[i].value, depth + 1);
        if (item == NULL) {
            return NULL;
        }
        node_add(merge->config, copy, NULL, &node->at[i].place, item);
    }
    return copy;
}

static struct node *add_map(struct merge *merge, struct node *map, const struct entry *from)
{
    if (map->n >= CONFIG_KEYS) {
        problems_at(merge->problems, PROBLEM_ERROR, &from->place,
                    "more than %d keys in one mapping", CONFIG_KEYS);
        return NULL;
    }
    struct node *value = node_new(merge->config, NODE_MAP, &from->value->place);
    if (value == NULL) {
        problems_full(merge->problems, &from->place);
        return NULL;
    }
    node_add(merge->config, map, from->key, &from->place, value);
    return value;
}

/* The mapping under from's key, made when there is none. NULL after an error. */
static struct node *enter_map(struct merge *merge, struct node *map, const struct entry *from)
{
    struct entry *old = node_find(map, from->key, strlen(from->key));
    if (old == NULL) {
        return add_map(merge, map, from);
    }
    if (old->value->kind == NODE_NULL) {
        old->value->kind = NODE_MAP;
        old->value->place = from->value->place;
        old->place = from->place;
    }
    if (old->value->kind != NODE_MAP) {
        complain_kind(merge, from, old);
        return NULL;
    }
    return old->value;
}

static int replace(struct merge *merge, struct entry *old, const struct entry *from, int depth)
{
    if (from->value->kind == NODE_NULL) {
        return 0; /* an empty section takes nothing away */
    }
    if (old->value->kind == NODE_MAP) {
        return complain_kind(merge, from, old);
    }
    if (old->value->kind != NODE_NULL && old->place.source == from->place.source) {
        return complain_twice(merge, from, old);
    }
    struct node *value = unfold(merge, from->value, depth);
    if (value == NULL) {
        return -1;
    }
    old->value = value;
    old->place = from->place;
    return 0;
}

/* from's key has no dots any more. */
static int put_value(struct merge *merge, struct node *map, const struct entry *from, int depth)
{
    if (from->value->kind == NODE_MAP) {
        struct node *into = enter_map(merge, map, from);
        return into == NULL ? -1 : pour(merge, into, from->value, depth + 1);
    }
    struct entry *old = node_find(map, from->key, strlen(from->key));
    if (old != NULL) {
        return replace(merge, old, from, depth);
    }
    struct node *value = unfold(merge, from->value, depth);
    if (value == NULL) {
        return -1;
    }
    if (map->n >= CONFIG_KEYS) {
        return problems_at(merge->problems, PROBLEM_ERROR, &from->place,
                           "more than %d keys in one mapping", CONFIG_KEYS);
    }
    node_add(merge->config, map, from->key, &from->place, value)->is_quoted = from->is_quoted;
    return 0;
}

/* "a..b" and ".a" are no paths: such a key is taken as it stands. */
static bool is_path(const char *key)
{
    size_t len = strlen(key);
    return key[0] != '.' && key[len - 1] != '.' && strstr(key, "..") == NULL;
}

static int complain_depth(struct merge *merge, const struct place *place)
{
    return problems_at(merge->problems, PROBLEM_ERROR, place,
                       "more than %d mappings and lists inside each other", CONFIG_DEPTH);
}

/* Lead one key down its dots. The place of a part is where it begins in the key. */
static int put_key(struct merge *merge, struct node *map, const struct entry *from, int depth)
{
    struct node value = {.kind = NODE_MAP, .place = from->value->place};
    struct entry part = *from;
    const char *rest = from->key, *dot;
    if (strlen(from->key) > CONFIG_KEY_BYTES) {
        return problems_at(merge->problems, PROBLEM_ERROR, &from->place,
                           "a key is longer than %d bytes", CONFIG_KEY_BYTES);
    }
    while (is_path(from->key) && (dot = strchr(rest, '.')) != NULL) {
        part.key = config_text(merge->config, rest, (size_t)(dot - rest));
        part.value = &value;
        if (++depth > CONFIG_DEPTH) {
            return complain_depth(merge, &from->place);
        }
        map = enter_map(merge, map, &part);
        if (map == NULL) {
            return -1;
        }
        part.place.column += (uint32_t)(dot + 1 - rest) + (rest == from->key && from->is_quoted);
        rest = dot + 1;
    }
    part.key = rest;
    part.value = from->value;
    return put_value(merge, map, &part, depth);
}

static int pour(struct merge *merge, struct node *into, const struct node *from, int depth)
{
    int failed = 0;
    if (depth > CONFIG_DEPTH) {
        return complain_depth(merge, &from->place);
    }
    for (size_t i = 0; i < from->n; i++) {
        failed |= put_key(merge, into, &from->at[i], depth);
    }
    return failed;
}

/* inputs.d: a file that is a list. */
static int merge_list(struct merge *merge, struct node *tree)
{
    struct config *config = merge->config;
    if (config->root->n > 0 || config->is_list_file) {
        return problems_error(merge->problems, tree, "expected a mapping, found a list");
    }
    struct node *root = unfold(merge, tree, 1);
    if (root == NULL) {
        return -1;
    }
    config->root = root;
    config->is_list_file = true;
    return 0;
}

int config_merge(struct config *config, struct node *tree, struct problems *problems)
{
    struct merge merge = {.config = config, .problems = problems};
    if (tree->kind == NODE_LIST) {
        return merge_list(&merge, tree);
    }
    if (config->is_list_file) {
        return problems_error(problems, tree,
                              "a mapping cannot be merged with a file that is a list");
    }
    if (config->root->place.source == NULL) {
        config->root->place = tree->place;
    }
    return pour(&merge, config->root, tree, 1);
}
