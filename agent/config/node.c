/* node.c: the tree of a configuration: its memory, building, walking.
 *
 * Happy path: nodes are made in the configuration's arena while files are parsed and merged, and walked by
 * path afterwards. Failure: the number of nodes is bounded, node_new gives NULL beyond it. On close:
 * config_free gives back the blocks; nothing is freed alone.
 */
#include "node.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BLOCK_BYTES = 16 * 1024 };

static struct block *block_add(struct config *config, size_t bytes)
{
    size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct block *block = mem_zero(1, sizeof(*block) + cap);
    block->cap = cap;
    block->next = config->blocks;
    config->blocks = block;
    return block;
}

void *config_alloc(struct config *config, size_t bytes)
{
    size_t step = sizeof(max_align_t);
    bytes = (bytes + step - 1) / step * step;
    struct block *block = config->blocks;
    if (block == NULL || block->cap - block->used < bytes) {
        block = block_add(config, bytes);
    }
    void *memory = (char *)block->bytes + block->used;
    block->used += bytes;
    return memory;
}

char *config_text(struct config *config, const char *text, size_t len)
{
    char *copy = config_alloc(config, len + 1);
    memcpy(copy, text, len);
    return copy;
}

struct config *config_new(const struct config *outer)
{
    struct config *config = mem_zero(1, sizeof(*config));
    config->outer = outer;
    config->root = node_new(config, NODE_MAP, &(struct place) {.source = NULL});
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (struct block *block = config->blocks, *next; block != NULL; block = next) {
        next = block->next;
        explicit_bzero(block->bytes, block->used); /* passwords */
        free(block);
    }
    free(config);
}

const struct node *config_root(const struct config *config)
{
    return config->root;
}

/* ---- Building ---------------------------------------------------------------------------------------- */

struct node *node_new(struct config *config, enum node_kind kind, const struct place *place)
{
    if (config->n_nodes >= CONFIG_NODES) {
        return NULL;
    }
    config->n_nodes++;
    struct node *node = config_alloc(config, sizeof(*node));
    node->kind = kind;
    node->place = *place;
    return node;
}

struct node *node_scalar(struct config *config, const char *text, size_t len,
                         const struct place *place)
{
    struct node *node = node_new(config, NODE_SCALAR, place);
    if (node != NULL) {
        node->text = config_text(config, text, len);
    }
    return node;
}

/* FNV-1a: only to make the search for a key cheap. */
static uint32_t key_hash(const char *key, size_t len)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    }
    return hash;
}

static void node_grow(struct config *config, struct node *node)
{
    size_t cap = node->cap == 0 ? 4 : 2 * node->cap;
    struct entry *at = config_alloc(config, cap * sizeof(*at));
    if (node->n > 0) {
        memcpy(at, node->at, node->n * sizeof(*at));
    }
    node->at = at;
    node->cap = cap;
}

struct entry *node_add(struct config *config, struct node *node, const char *key,
                       const struct place *place, struct node *value)
{
    if (node->n == node->cap) {
        node_grow(config, node);
    }
    struct entry *entry = &node->at[node->n++];
    entry->key = key;
    entry->hash = key == NULL ? 0 : key_hash(key, strlen(key));
    entry->place = *place;
    entry->value = value;
    return entry;
}

struct entry *node_find(const struct node *map, const char *key, size_t len)
{
    uint32_t hash = key_hash(key, len);
    for (size_t i = 0; i < map->n; i++) {
        struct entry *entry = &map->at[i];
        if (entry->hash == hash && strncmp(entry->key, key, len) == 0 && entry->key[len] == '\0') {
            return entry;
        }
    }
    return NULL;
}

struct node *node_clone(struct config *config, const struct node *node, const struct place *place)
{
    struct node *copy = node_new(config, node->kind, place);
    if (copy == NULL) {
        return NULL;
    }
    copy->state = node->state;
    copy->is_quoted = node->is_quoted;
    copy->is_bad = node->is_bad;
    copy->text = node->text;
    for (size_t i = 0; i < node->n; i++) {
        const struct entry *from = &node->at[i];
        struct node *value = node_clone(config, from->value, &from->value->place);
        if (value == NULL) {
            return NULL;
        }
        node_add(config, copy, from->key, &from->place, value)->is_quoted = from->is_quoted;
    }
    return copy;
}

/* ---- Walking ----------------------------------------------------------------------------------------- */

enum node_kind node_kind(const struct node *node)
{
    return node == NULL ? NODE_NULL : node->kind;
}

const char *node_kind_name(const struct node *node)
{
    static const char *const names[] = {
        [NODE_NULL] = "nothing",
        [NODE_SCALAR] = "a text",
        [NODE_LIST] = "a list",
        [NODE_MAP] = "a mapping",
    };
    return names[node_kind(node)];
}

/* The item of a list by the decimal number that is key's first len bytes. */
static const struct node *find_item(const struct node *list, const char *key, size_t len)
{
    size_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (key[i] < '0' || key[i] > '9' || index > CONFIG_NODES) {
            return NULL;
        }
        index = 10 * index + (size_t)(key[i] - '0');
    }
    return len == 0 ? NULL : node_at(list, index);
}

static const struct node *find_child(const struct node *node, const char *key, size_t len)
{
    if (node_kind(node) == NODE_LIST) {
        return find_item(node, key, len);
    }
    if (node_kind(node) != NODE_MAP) {
        return NULL;
    }
    const struct entry *entry = node_find(node, key, len);
    return entry == NULL ? NULL : entry->value;
}

const struct node *node_get(const struct node *node, const char *path)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        node = find_child(node, path, len);
        if (node == NULL || path[len] == '\0') {
            return node;
        }
        path += len + 1;
    }
}

size_t node_count(const struct node *node)
{
    return node == NULL ? 0 : node->n;
}

const struct node *node_at(const struct node *node, size_t i)
{
    return i < node_count(node) ? node->at[i].value : NULL;
}

const char *node_key(const struct node *node, size_t i)
{
    return i < node_count(node) ? node->at[i].key : NULL;
}

const char *node_keys(const struct node *node, struct buf *buf)
{
    for (size_t i = 0; node_key(node, i) != NULL; i++) {
        buf_puts(buf, i == 0 ? "" : ", ");
        buf_puts(buf, node_key(node, i));
    }
    return buf_str(buf);
}

const char *node_text(const struct node *node)
{
    return node == NULL ? NULL : node->text;
}

bool node_is_quoted(const struct node *node)
{
    return node != NULL && node->is_quoted;
}

const char *node_where(const struct node *node, struct buf *buf)
{
    if (node != NULL) {
        place_put(buf, &node->place);
    }
    return buf_str(buf);
}

bool node_is_enabled(const struct node *map)
{
    struct err err = ERR_INIT;
    bool enabled = true;
    const char *text = node_text(node_get(map, "enabled"));
    if (text == NULL || parse_bool(text, &enabled, &err) != 0) {
        return true;
    }
    return enabled;
}
