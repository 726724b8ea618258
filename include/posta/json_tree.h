/* json_tree.h: a JSON object taken apart, so that members can be moved, taken out and merged. Arrays and plain values stay
 * pieces of the text they came from. For what is not on the way of every line. */
#ifndef POSTA_JSON_TREE_H
#define POSTA_JSON_TREE_H

#include <posta/json.h>

enum { JSON_TREE_NODES = 4096 }; /* members of all objects together */
enum { JSON_NO_NODE = 0 };

struct json_node;

/* Members are known by number; a number stays good until json_tree_clear. */
struct json_tree {
    struct json_node *nodes;
    uint32_t n, cap;
    struct buf keys;
    bool is_full; /* something did not fit: the tree is not to be used */
};

/* An object of the text, which is borrowed as long as the tree is used; span NULL: an empty one. Of members with one name the
 * last counts. */
uint32_t json_tree_object(struct json_tree *tree, const struct json_span *object);
void json_tree_clear(struct json_tree *tree);
void json_tree_free(struct json_tree *tree);

/* By name; NO_NODE if it is not there. */
uint32_t json_tree_find(const struct json_tree *tree, uint32_t object, const char *name);
/* The text of a member that is no object. */
struct json_span json_tree_value(const struct json_tree *tree, uint32_t node);
bool json_tree_is_object(const struct json_tree *tree, uint32_t node);
/* Take a member out. */
void json_tree_remove(struct json_tree *tree, uint32_t object, uint32_t node);
/* Put a member in; one of that name is replaced. */
void json_tree_put(struct json_tree *tree, uint32_t object, const char *name, uint32_t member);
/* {"a.b": 1} → {"a": {"b": 1}}, at every level. False if two members want one place: the first stays. */
bool json_tree_expand(struct json_tree *tree, uint32_t object);
/* Members of `from` that `into` has not are moved there; objects are merged; of others those of `from` win with overwrite. */
void json_tree_merge(struct json_tree *tree, uint32_t into, uint32_t from, bool overwrite);
/* Append as JSON, valid UTF-8, without members that are null. */
void json_tree_write(const struct json_tree *tree, uint32_t node, struct buf *out);

#endif
