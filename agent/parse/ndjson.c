/* ndjson.c: lines that are JSON objects, as Beats' ndjson reads them.
 *
 * Happy path: the object goes into the event, at the top or below `target`; the text of message_key becomes the message.
 * Failure modes: what is no object is given on whole, with error.message if add_error_key; half surrogates and bytes that are no
 * UTF-8 become U+FFFD; more than JSON_TREE_NODES members are not taken apart, the line is given on whole.
 * On close: nothing is held.
 */
#include "parse.h"

#include <posta/json_tree.h>

#include <stddef.h>
#include <stdlib.h>

enum { LINE_NODES = JSON_TREE_NODES - 512 }; /* the event has some of its own */

struct ndjson {
    struct parser_env env;
    char *target, *message_key, *document_id;
    bool overwrite_keys, expand_keys, add_error_key;
    struct json_tree tree;
    struct buf text;
};

static int open_ndjson(void *self, struct err *err)
{
    (void)self, (void)err;
    return 0;
}

static void close_ndjson(void *self)
{
    struct ndjson *nd = self;
    json_tree_free(&nd->tree);
    buf_free(&nd->text);
}

static bool is_at_root(const struct ndjson *nd)
{
    return !nd->target || !*nd->target;
}

static void complain(const struct ndjson *nd, struct record *rec, const char *fmt, const char *what)
{
    if (!nd->add_error_key)
        return;
    char *text = mem_printf("%s%s", fmt, what);
    fields_error(rec->fields, "json", text);
    free(text);
}

/* "a.b" below object; *parent is where it is. */
static uint32_t find_dotted(struct json_tree *tree, uint32_t object, const char *path,
                            uint32_t *parent)
{
    uint32_t whole = json_tree_find(tree, object, path);
    const char *dot = strchr(path, '.');
    *parent = object;
    if (whole || !dot)
        return whole;
    char *name = mem_printf("%.*s", (int)(dot - path), path);
    uint32_t below = json_tree_find(tree, object, name);
    free(name);
    return below && json_tree_is_object(tree, below) ? find_dotted(tree, below, dot + 1, parent)
                                                     : JSON_NO_NODE;
}

static bool is_text(const struct json_tree *tree, uint32_t node)
{
    return node && !json_tree_is_object(tree, node) &&
           json_tree_value(tree, node).type == JSON_STRING;
}

/* ---- what is taken from the object ---- */

static void take_message(struct ndjson *nd, uint32_t root, struct record *rec)
{
    uint32_t parent;
    if (!nd->message_key || !*nd->message_key) {
        rec->flags |= RECORD_NO_MESSAGE;
        return;
    }
    uint32_t node = find_dotted(&nd->tree, root, nd->message_key, &parent);
    if (!is_text(&nd->tree, node)) {
        rec->flags |= RECORD_NO_MESSAGE;
        complain(nd, rec,
                 node ? "Value of key is not a string: " : "Key not found: ", nd->message_key);
        return;
    }
    buf_clear(&nd->text);
    json_text(json_tree_value(&nd->tree, node), &nd->text);
    rec->text = nd->text.data ? nd->text.data : "";
    rec->len = nd->text.len;
    rec->flags &= (uint8_t)~RECORD_NO_MESSAGE;
}

static void take_id(struct ndjson *nd, uint32_t root, struct record *rec)
{
    uint32_t parent, node = JSON_NO_NODE;
    if (nd->document_id && *nd->document_id)
        node = find_dotted(&nd->tree, root, nd->document_id, &parent);
    if (!is_text(&nd->tree, node))
        return;
    buf_clear(&rec->fields->id);
    json_text(json_tree_value(&nd->tree, node), &rec->fields->id);
    json_tree_remove(&nd->tree, parent, node);
}

/* @timestamp of the object is the event's if it may overwrite; else it is left out, as Beats do. */
static void take_time(struct ndjson *nd, uint32_t root, struct record *rec)
{
    uint32_t node = json_tree_find(&nd->tree, root, "@timestamp");
    if (!node)
        return;
    json_tree_remove(&nd->tree, root, node);
    if (!nd->overwrite_keys)
        return;
    int64_t time_ms = NO_STAMP;
    if (is_text(&nd->tree, node)) {
        struct json_span span = json_tree_value(&nd->tree, node);
        const char *at = span.at + 1;
        time_ms = stamp_rfc3339(&at, span.at + span.len - 1);
    }
    if (time_ms == NO_STAMP)
        complain(nd, rec, "@timestamp not overwritten", " (no time as in RFC 3339)");
    else
        rec->time_ms = time_ms;
}

static void take_root_keys(struct ndjson *nd, uint32_t root, struct record *rec)
{
    take_time(nd, root, rec);
    uint32_t node = json_tree_find(&nd->tree, root, "@metadata");
    if (node)
        json_tree_remove(&nd->tree, root, node);
}

/* ---- where it goes ---- */

/* {"a":{"b":OBJECT}} */
static void wrap(struct buf *out, const char *target, const struct json_tree *tree, uint32_t root)
{
    size_t n = 0;
    for (const char *at = target; at; n++) {
        const char *dot = strchr(at, '.');
        buf_puts(out, "{\"");
        json_escape(out, at, dot ? (size_t)(dot - at) : strlen(at));
        buf_puts(out, "\":");
        at = dot ? dot + 1 : NULL;
    }
    json_tree_write(tree, root, out);
    while (n-- > 0)
        buf_putc(out, '}');
}

static void put_object(struct ndjson *nd, uint32_t root, struct record *rec)
{
    struct buf *out = &rec->fields->json;
    buf_clear(out);
    if (is_at_root(nd))
        json_tree_write(&nd->tree, root, out);
    else
        wrap(out, nd->target, &nd->tree, root);
    if (nd->overwrite_keys || !is_at_root(nd))
        rec->flags |= RECORD_OVERWRITE;
}

/* Below its target it may be too deep. */
static bool is_usable(const struct record *rec)
{
    struct json_span span;
    struct err err;
    return json_check(rec->fields->json.data, rec->fields->json.len, &span, &err) == 0;
}

static void take_object(struct ndjson *nd, uint32_t root, struct record *rec)
{
    const struct record line = *rec;
    if (nd->expand_keys && !json_tree_expand(&nd->tree, root))
        complain(nd, rec, "cannot expand all keys:", " two of them want one place");
    take_id(nd, root, rec);
    take_message(nd, root, rec);
    if (is_at_root(nd))
        take_root_keys(nd, root, rec);
    put_object(nd, root, rec);
    if (is_usable(rec))
        return;
    buf_clear(&rec->fields->json);
    rec->text = line.text;
    rec->len = line.len;
    rec->flags = line.flags;
    complain(nd, rec, "Error decoding JSON:", " nested too deep");
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    struct ndjson *nd = self;
    struct json_span line;
    struct err err;
    (void)state, (void)older;
    json_tree_clear(&nd->tree);
    if (json_check(rec->text, rec->len, &line, &err)) {
        complain(nd, rec, "Error decoding JSON: ", err.text);
    } else if (line.type != JSON_OBJECT) {
        complain(nd, rec, "Error decoding JSON:", " no object");
    } else {
        uint32_t root = json_tree_object(&nd->tree, &line);
        if (nd->tree.is_full || nd->tree.n > LINE_NODES)
            complain(nd, rec, "Error decoding JSON:", " too many keys");
        else
            take_object(nd, root, rec);
    }
    emit->give(emit->arg, rec);
}

#define AT(field) .at = offsetof(struct ndjson, field)
static const struct option options[] = {
    {.name = "target",
     .type = OPT_TEXT,
     .def = "",
     AT(target),
     .doc = "Field that the object goes below; empty = the top of the event."},
    {.name = "message_key",
     .type = OPT_TEXT,
     AT(message_key),
     .doc = "Key whose text becomes the message; for filters and parsers behind this one too."},
    {.name = "overwrite_keys",
     .type = OPT_BOOL,
     .def = "false",
     AT(overwrite_keys),
     .doc = "At the top, keys of the object win over fields of the event, @timestamp too."},
    {.name = "expand_keys",
     .type = OPT_BOOL,
     .def = "false",
     AT(expand_keys),
     .doc = "Keys with dots become objects in objects."},
    {.name = "add_error_key",
     .type = OPT_BOOL,
     .def = "false",
     AT(add_error_key),
     .doc = "Say in error.message what is wrong with a line."},
    {.name = "document_id",
     .type = OPT_TEXT,
     AT(document_id),
     .doc = "Key whose text becomes @metadata._id; it is taken out of the object."},
    {.name = "ignore_decoding_error",
     .type = OPT_IGNORED,
     .doc = "posta does not log lines that are no JSON; they are delivered whole"},
    {.name = "keys_under_root", .type = OPT_IGNORED, .doc = "set target, empty for the top"},
    {0},
};

const struct parser ndjson_parser = {
    .name = "ndjson",
    .doc = "lines that are JSON objects",
    .options = options,
    .size = sizeof(struct ndjson),
    .open = open_ndjson,
    .close = close_ndjson,
    .take = take,
};
