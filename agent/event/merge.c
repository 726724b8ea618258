/* merge.c: a JSON object that came as a line, merged into its event.
 *
 * What wins: posta's @timestamp, @metadata, event.id and, if it has one, message; then, with overwrite, the object, else the
 * event; but the object's host, agent, ecs and input go over posta's always, as in Beats, which add theirs last. Tags of both
 * are kept.
 * Failure modes: an object too large to be taken apart is left out, and the event says so; the parser has seen to it that this
 * does not come up.
 * On close: merger_free.
 */
#include "event.h"

#include <posta/json_tree.h>

#include <stdlib.h>

struct merger {
    struct json_tree tree;
    struct buf text; /* of the event as it was */
    struct buf tags;
};

struct merger *merger_new(void)
{
    return mem_zero(1, sizeof(struct merger));
}

void merger_free(struct merger *merger)
{
    if (!merger)
        return;
    json_tree_free(&merger->tree);
    buf_free(&merger->text);
    buf_free(&merger->tags);
    free(merger);
}

static void drop(struct json_tree *tree, uint32_t object, const char *name)
{
    uint32_t found = object ? json_tree_find(tree, object, name) : JSON_NO_NODE;
    if (found)
        json_tree_remove(tree, object, found);
}

static void protect(struct json_tree *tree, uint32_t object, bool has_message)
{
    drop(tree, object, "@timestamp");
    drop(tree, object, "@metadata");
    if (has_message)
        drop(tree, object, "message");
    uint32_t event = json_tree_find(tree, object, "event");
    if (event && json_tree_is_object(tree, event))
        drop(tree, event, "id");
    else
        drop(tree, object, "event"); /* a text would take the place of event.id */
}

/* What goes over posta's own, whatever the rule. */
static void merge_weak(struct json_tree *tree, uint32_t own, uint32_t object)
{
    static const char *const weak[] = {"host", "agent", "ecs", "input"};
    uint32_t some = json_tree_object(tree, NULL);
    for (size_t i = 0; some && i < sizeof weak / sizeof *weak; i++) {
        uint32_t member = json_tree_find(tree, object, weak[i]);
        if (!member)
            continue;
        json_tree_remove(tree, object, member);
        json_tree_put(tree, some, weak[i], member);
    }
    if (some)
        json_tree_merge(tree, own, some, true);
}

static bool is_list(const struct json_tree *tree, uint32_t node)
{
    return node && !json_tree_is_object(tree, node) &&
           json_tree_value(tree, node).type == JSON_ARRAY;
}

static bool is_empty(struct json_span list)
{
    for (size_t i = 1; i + 1 < list.len; i++)
        if (!strchr(" \t\r\n", list.at[i]))
            return false;
    return true;
}

/* The object's tags, then the configuration's. */
static void join_tags(struct merger *merger, uint32_t own, uint32_t object,
                      struct json_span *joined)
{
    struct json_tree *tree = &merger->tree;
    uint32_t a = json_tree_find(tree, object, "tags"), b = json_tree_find(tree, own, "tags");
    if (!is_list(tree, a) || !is_list(tree, b) || is_empty(json_tree_value(tree, a)))
        return;
    struct json_span first = json_tree_value(tree, a), second = json_tree_value(tree, b);
    buf_clear(&merger->tags);
    buf_puts(&merger->tags, "{\"tags\":");
    buf_append(&merger->tags, first.at, first.len - 1);
    buf_putc(&merger->tags, ',');
    buf_append(&merger->tags, second.at + 1, second.len - 1);
    buf_putc(&merger->tags, '}');
    struct err err;
    if (json_check(merger->tags.data, merger->tags.len, joined, &err))
        return;
    json_tree_remove(tree, object, a);
    uint32_t both = json_tree_object(tree, joined);
    if (both)
        json_tree_merge(tree, own, both, true);
}

enum { OWN_NAMES = 64 };

/* Do the two have a name in common? Both are written by posta: names are escaped in the same way. */
static bool have_common_name(struct json_span own, struct json_span object)
{
    struct json_span names[OWN_NAMES], key, value;
    size_t n = 0;
    struct json_walk walk = json_members(own);
    while (json_next(&walk, &key, &value)) {
        if (n == OWN_NAMES)
            return true;
        names[n++] = key;
    }
    walk = json_members(object);
    while (json_next(&walk, &key, &value))
        for (size_t i = 0; i < n; i++)
            if (names[i].len == key.len && memcmp(names[i].at, key.at, key.len) == 0)
                return true;
    return false;
}

/* The usual case: the members of the object stand behind the event's. */
static bool splice(struct json_span own, struct json_span object, struct buf *event)
{
    if (have_common_name(own, object))
        return false;
    buf_append(event, own.at, own.len - 1);
    if (object.len > 2)
        buf_putc(event, ',');
    buf_append(event, object.at + 1, object.len - 1);
    return true;
}

void merger_merge(struct merger *merger, struct buf *event, const struct buf *object,
                  bool overwrite, bool has_message)
{
    struct json_tree *tree = &merger->tree;
    struct json_span own_text, object_text, tags;
    struct err err;
    struct buf was = merger->text;
    merger->text = *event;
    *event = was;
    buf_clear(event);
    json_tree_clear(tree);
    if (json_check(merger->text.data, merger->text.len, &own_text, &err) ||
        json_check(object->data, object->len, &object_text, &err)) {
        buf_append(event, merger->text.data, merger->text.len); /* the parser has checked it */
        return;
    }
    if (splice(own_text, object_text, event))
        return;
    uint32_t own = json_tree_object(tree, &own_text), from = json_tree_object(tree, &object_text);
    if (!tree->is_full) {
        protect(tree, from, has_message);
        join_tags(merger, own, from, &tags);
        merge_weak(tree, own, from);
    }
    if (!tree->is_full) {
        json_tree_merge(tree, own, from, overwrite);
        json_tree_write(tree, own, event);
    } else {
        buf_append(event, merger->text.data, merger->text.len);
    }
}
