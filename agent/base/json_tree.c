/* json_tree.c: JSON objects taken apart; see json_tree.h.
 *
 * Happy path: a node for each member, in one array, linked by number; names are kept in the one way they can be escaped, so that
 * they can be compared.
 * Failure modes: more than JSON_TREE_NODES members: is_full, and the caller delivers the text as it was.
 * On close: json_tree_free.
 */
#include <posta/json_tree.h>

#include <stdlib.h>

struct json_node {
    uint32_t key, key_len; /* in keys */
    uint32_t first, next;  /* members of an object; the next member beside this */
    bool is_object;
    struct json_span value; /* if not */
};

static uint32_t new_node(struct json_tree *tree)
{
    if (tree->n == 0)
        tree->n = 1;             /* 0 is none */
    buf_reserve(&tree->keys, 1); /* an empty name has a place too */
    if (tree->n > JSON_TREE_NODES) {
        tree->is_full = true;
        return JSON_NO_NODE;
    }
    if (tree->n >= tree->cap) {
        tree->cap = tree->cap ? tree->cap * 2 : 64;
        tree->nodes = mem_grow(tree->nodes, tree->cap, sizeof *tree->nodes);
    }
    tree->nodes[tree->n] = (struct json_node) {.is_object = false};
    return tree->n++;
}

void json_tree_clear(struct json_tree *tree)
{
    tree->n = 0;
    tree->is_full = false;
    buf_clear(&tree->keys);
}

void json_tree_free(struct json_tree *tree)
{
    free(tree->nodes);
    buf_free(&tree->keys);
    *tree = (struct json_tree) {.n = 0};
}

/* ---- members ---- */

static void set_key(struct json_tree *tree, uint32_t node, const char *name, size_t len)
{
    size_t at = tree->keys.len;
    json_escape(&tree->keys, name, len);
    tree->nodes[node].key = (uint32_t)at;
    tree->nodes[node].key_len = (uint32_t)(tree->keys.len - at);
}

static bool has_key(const struct json_tree *tree, uint32_t node, const char *key, size_t len)
{
    return tree->nodes[node].key_len == len &&
           memcmp(tree->keys.data + tree->nodes[node].key, key, len) == 0;
}

static uint32_t find_key(const struct json_tree *tree, uint32_t object, const char *key, size_t len)
{
    uint32_t at = tree->nodes[object].first;
    while (at && !has_key(tree, at, key, len))
        at = tree->nodes[at].next;
    return at;
}

uint32_t json_tree_find(const struct json_tree *tree, uint32_t object, const char *name)
{
    struct buf key = BUF_INIT;
    json_escape(&key, name, strlen(name));
    uint32_t found = find_key(tree, object, key.data, key.len);
    buf_free(&key);
    return found;
}

struct json_span json_tree_value(const struct json_tree *tree, uint32_t node)
{
    return tree->nodes[node].value;
}

bool json_tree_is_object(const struct json_tree *tree, uint32_t node)
{
    return tree->nodes[node].is_object;
}

void json_tree_remove(struct json_tree *tree, uint32_t object, uint32_t node)
{
    uint32_t *at = &tree->nodes[object].first;
    while (*at && *at != node)
        at = &tree->nodes[*at].next;
    if (*at)
        *at = tree->nodes[node].next;
}

/* At the end; one of that name goes. */
static void put_member(struct json_tree *tree, uint32_t object, uint32_t member)
{
    uint32_t *at = &tree->nodes[object].first;
    const struct json_node *node = &tree->nodes[member];
    while (*at) {
        if (has_key(tree, *at, tree->keys.data + node->key, node->key_len))
            *at = tree->nodes[*at].next;
        else
            at = &tree->nodes[*at].next;
    }
    tree->nodes[member].next = 0;
    *at = member;
}

void json_tree_put(struct json_tree *tree, uint32_t object, const char *name, uint32_t member)
{
    set_key(tree, member, name, strlen(name));
    put_member(tree, object, member);
}

/* ---- from text ---- */

static uint32_t add_value(struct json_tree *tree, struct json_span value);

static void add_members(struct json_tree *tree, uint32_t object, struct json_span text)
{
    struct json_walk walk = json_members(text);
    struct json_span key, value;
    struct buf name = BUF_INIT;
    while (!tree->is_full && json_next(&walk, &key, &value)) {
        uint32_t member = add_value(tree, value);
        if (!member)
            break;
        buf_clear(&name);
        json_text(key, &name);
        set_key(tree, member, name.data, name.len);
        put_member(tree, object, member);
    }
    buf_free(&name);
}

static uint32_t add_value(struct json_tree *tree, struct json_span value)
{
    uint32_t node = new_node(tree);
    if (!node)
        return JSON_NO_NODE;
    tree->nodes[node].value = value;
    tree->nodes[node].is_object = value.type == JSON_OBJECT;
    if (value.type == JSON_OBJECT)
        add_members(tree, node, value);
    return node;
}

uint32_t json_tree_object(struct json_tree *tree, const struct json_span *object)
{
    static const struct json_span empty = {.type = JSON_OBJECT, .at = "{}", .len = 2};
    return add_value(tree, object ? *object : empty);
}

/* ---- merging ---- */

void json_tree_merge(struct json_tree *tree, uint32_t into, uint32_t from, bool overwrite)
{
    for (uint32_t at = tree->nodes[from].first, next; at; at = next) {
        next = tree->nodes[at].next;
        uint32_t old =
            find_key(tree, into, tree->keys.data + tree->nodes[at].key, tree->nodes[at].key_len);
        if (old && tree->nodes[old].is_object && tree->nodes[at].is_object)
            json_tree_merge(tree, old, at, overwrite);
        else if (!old || overwrite)
            put_member(tree, into, at);
    }
    tree->nodes[from].first = 0;
}

/* The object below `object` that has this name: there, or made. NO_NODE if something else is there. */
static uint32_t step_down(struct json_tree *tree, uint32_t object, uint32_t key, uint32_t len)
{
    uint32_t found = find_key(tree, object, tree->keys.data + key, len);
    if (found)
        return tree->nodes[found].is_object ? found : JSON_NO_NODE;
    uint32_t made = new_node(tree);
    if (!made)
        return JSON_NO_NODE;
    tree->nodes[made].is_object = true;
    tree->nodes[made].key = key;
    tree->nodes[made].key_len = len;
    put_member(tree, object, made);
    return made;
}

/* Put a member at its dotted place. */
static bool place_member(struct json_tree *tree, uint32_t object, uint32_t member)
{
    for (;;) {
        uint32_t key = tree->nodes[member].key, len = tree->nodes[member].key_len;
        const char *dot = memchr(tree->keys.data + key, '.', len);
        if (!dot)
            break;
        uint32_t n = (uint32_t)(dot - (tree->keys.data + key));
        object = step_down(tree, object, key, n);
        if (!object)
            return false;
        tree->nodes[member].key = key + n + 1;
        tree->nodes[member].key_len = len - n - 1;
    }
    uint32_t old = find_key(tree, object, tree->keys.data + tree->nodes[member].key,
                            tree->nodes[member].key_len);
    if (!old)
        put_member(tree, object, member);
    else if (tree->nodes[old].is_object && tree->nodes[member].is_object)
        json_tree_merge(tree, old, member, false);
    return !old || (tree->nodes[old].is_object && tree->nodes[member].is_object);
}

bool json_tree_expand(struct json_tree *tree, uint32_t object)
{
    bool is_clean = true;
    uint32_t at = tree->nodes[object].first;
    tree->nodes[object].first = 0;
    for (uint32_t next; at; at = next) {
        next = tree->nodes[at].next;
        tree->nodes[at].next = 0;
        if (tree->nodes[at].is_object)
            is_clean &= json_tree_expand(tree, at);
        is_clean &= place_member(tree, object, at);
    }
    return is_clean;
}

/* ---- to text ---- */

static void write_member(const struct json_tree *tree, uint32_t node, struct buf *out)
{
    buf_putc(out, '"');
    buf_append(out, tree->keys.data + tree->nodes[node].key, tree->nodes[node].key_len);
    buf_puts(out, "\":");
    json_tree_write(tree, node, out);
}

void json_tree_write(const struct json_tree *tree, uint32_t node, struct buf *out)
{
    if (!tree->nodes[node].is_object) {
        json_copy(tree->nodes[node].value, out);
        return;
    }
    bool has_one = false;
    buf_putc(out, '{');
    for (uint32_t at = tree->nodes[node].first; at; at = tree->nodes[at].next) {
        if (!tree->nodes[at].is_object && tree->nodes[at].value.type == JSON_NULL)
            continue;
        if (has_one)
            buf_putc(out, ',');
        write_member(tree, at, out);
        has_one = true;
    }
    buf_putc(out, '}');
}
