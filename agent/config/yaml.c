/* yaml.c: bytes to a tree, every key and value with its place.
 *
 * Happy path: the events of libyaml are read once, recursively, into nodes. Anchors and aliases are copied
 * (the bound on nodes stops bombs), `<<` takes over the keys that are not there. Failure: the first thing
 * wrong ends the file; the complaint has line and column and says what to do. On close: the parser and
 * the event in hand are freed, nodes stay with the configuration.
 */
#include "node.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    struct anchor *next;
    const char *name;
    const struct node *node;
};

struct reader {
    struct config *config;
    const char *source;
    const char *bytes;
    size_t len;
    yaml_parser_t parser;
    yaml_event_t event; /* in hand */
    struct anchor *anchors;
    struct problems *problems;
};

static struct node *read_node(struct reader *reader, int depth);

static struct place place_of(const struct reader *reader, const yaml_mark_t *mark)
{
    return (struct place) {
        .source = reader->source,
        .line = (uint32_t)mark->line + 1,
        .column = (uint32_t)mark->column + 1,
    };
}

static struct place place_here(const struct reader *reader)
{
    return place_of(reader, &reader->event.start_mark);
}

/* Complain about the event in hand. Always NULL. */
static void *fail_here(struct reader *reader, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void *fail_here(struct reader *reader, const char *fmt, ...)
{
    struct place place = place_here(reader);
    va_list args;
    va_start(args, fmt);
    problems_put(reader->problems, PROBLEM_ERROR, &place, fmt, args);
    va_end(args);
    return NULL;
}

static int next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event)) {
        return 0;
    }
    const yaml_parser_t *parser = &reader->parser;
    /* A key without ':' is noticed on the next line; the key is what to look at. */
    bool is_key =
        parser->problem != NULL && strcmp(parser->problem, "could not find expected ':'") == 0;
    struct place place = place_of(reader, is_key ? &parser->context_mark : &parser->problem_mark);
    return problems_at(reader->problems, PROBLEM_ERROR, &place, "%s",
                       yaml_explain(parser->problem, reader->bytes, reader->len, place.line));
}

/* ---- Nodes ------------------------------------------------------------------------------------------- */

static struct node *make_node(struct reader *reader, enum node_kind kind)
{
    struct place place = place_here(reader);
    struct node *node = node_new(reader->config, kind, &place);
    if (node == NULL) {
        problems_full(reader->problems, &place);
    }
    return node;
}

static void remember(struct reader *reader, const char *name, const struct node *node)
{
    struct anchor *anchor = config_alloc(reader->config, sizeof(*anchor));
    *anchor = (struct anchor) {.next = reader->anchors, .name = name, .node = node};
    reader->anchors = anchor;
}

static const char *anchor_of(struct reader *reader, const yaml_char_t *name)
{
    const char *text = (const char *)name;
    return text == NULL ? NULL : config_text(reader->config, text, strlen(text));
}

static struct node *read_alias(struct reader *reader)
{
    const char *name = (const char *)reader->event.data.alias.anchor;
    const struct anchor *anchor = reader->anchors;
    while (anchor != NULL && strcmp(anchor->name, name) != 0) {
        anchor = anchor->next;
    }
    if (anchor == NULL) {
        return fail_here(reader, "no anchor '&%s' above: put a text that begins with '*' in quotes",
                         name);
    }
    struct place place = place_here(reader);
    struct node *node = node_clone(reader->config, anchor->node, &place);
    if (node == NULL) {
        problems_full(reader->problems, &place);
    }
    return node;
}

/* Our texts are C strings; tags of YAML itself change nothing for us, except that !!str is a text. */
static int check_tag(struct reader *reader, const yaml_char_t *name)
{
    static const char yaml_tags[] = "tag:yaml.org,2002:";
    const char *tag = (const char *)name;
    if (tag == NULL || strcmp(tag, "!") == 0 ||
        (strncmp(tag, yaml_tags, sizeof(yaml_tags) - 1) == 0 && strstr(tag, "binary") == NULL)) {
        return 0;
    }
    struct place place = place_here(reader);
    return problems_at(reader->problems, PROBLEM_ERROR, &place, "tag '%s' is not supported", tag);
}

static bool is_null_text(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        if (strcmp(nulls[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static struct node *read_scalar(struct reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t len = reader->event.data.scalar.length;
    if (check_tag(reader, reader->event.data.scalar.tag) != 0) {
        return NULL;
    }
    if (memchr(text, '\0', len) != NULL) {
        return fail_here(reader, "a text cannot hold a NUL");
    }
    bool is_quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                     reader->event.data.scalar.tag != NULL;
    if (!is_quoted && is_null_text(text)) {
        return make_node(reader, NODE_NULL);
    }
    struct node *node = make_node(reader, NODE_SCALAR);
    if (node != NULL) {
        node->text = config_text(reader->config, text, len);
        node->is_quoted = is_quoted;
    }
    return node;
}

static struct node *read_list(struct reader *reader, int depth)
{
    struct node *list = make_node(reader, NODE_LIST);
    if (list == NULL || check_tag(reader, reader->event.data.sequence_start.tag) != 0) {
        return NULL;
    }
    for (;;) {
        if (next_event(reader) != 0) {
            return NULL;
        }
        if (reader->event.type == YAML_SEQUENCE_END_EVENT) {
            return list;
        }
        struct node *item = read_node(reader, depth + 1);
        if (item == NULL) {
            return NULL;
        }
        node_add(reader->config, list, NULL, &item->place, item);
    }
}

/* ---- Mappings ---------------------------------------------------------------------------------------- */

/* Take over the keys of base that map does not have: what `<<: *base` and `<<: [*one, *two]` mean. */
static int take_over(struct reader *reader, struct node *map, const struct node *base)
{
    if (base->kind != NODE_MAP && base->kind != NODE_LIST) {
        return problems_error(reader->problems, base, "'<<' expects a mapping, found %s",
                              node_kind_name(base));
    }
    for (size_t i = 0; i < base->n; i++) {
        const struct entry *from = &base->at[i];
        if (base->kind == NODE_LIST) {
            if (take_over(reader, map, from->value) != 0) {
                return -1;
            }
        } else if (node_find(map, from->key, strlen(from->key)) == NULL) {
            struct node *value = node_clone(reader->config, from->value, &from->value->place);
            if (value == NULL) {
                return problems_full(reader->problems, &base->place);
            }
            node_add(reader->config, map, from->key, &from->place, value);
        }
    }
    return 0;
}

static const char *complain_twin(struct reader *reader, const struct entry *twin)
{
    struct buf where = BUF_INIT;
    place_put(&where, &twin->place);
    fail_here(reader, "key '%s' is already at %s", twin->key, buf_str(&where));
    buf_free(&where);
    return NULL;
}

/* The key in hand, NULL after an error. */
static const char *read_key(struct reader *reader, const struct node *map)
{
    if (reader->event.type != YAML_SCALAR_EVENT) {
        return fail_here(reader, "a key must be a text");
    }
    const char *key = (const char *)reader->event.data.scalar.value;
    size_t len = reader->event.data.scalar.length;
    if (len == 0 || memchr(key, '\0', len) != NULL) {
        return fail_here(reader, "%s", len == 0 ? "a key is empty" : "a key cannot hold a NUL");
    }
    const struct entry *twin = node_find(map, key, len);
    if (twin != NULL) {
        return complain_twin(reader, twin);
    }
    if (map->n >= CONFIG_KEYS) {
        return fail_here(reader, "more than %d keys in one mapping", CONFIG_KEYS);
    }
    return config_text(reader->config, key, len);
}

/* Key in hand to value in hand. A `<<` goes to bases. */
static int read_entry(struct reader *reader, struct node *map, struct node *bases, int depth)
{
    const char *key = read_key(reader, map);
    if (key == NULL) {
        return -1;
    }
    struct place place = place_here(reader);
    bool is_quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (next_event(reader) != 0) {
        return -1;
    }
    struct node *value = read_node(reader, depth + 1);
    if (value == NULL) {
        return -1;
    }
    bool is_base = !is_quoted && strcmp(key, "<<") == 0;
    struct entry *entry =
        node_add(reader->config, is_base ? bases : map, is_base ? NULL : key, &place, value);
    entry->is_quoted = is_quoted;
    return 0;
}

static int read_entries(struct reader *reader, struct node *map, struct node *bases, int depth)
{
    for (;;) {
        if (next_event(reader) != 0) {
            return -1;
        }
        if (reader->event.type == YAML_MAPPING_END_EVENT) {
            return 0;
        }
        if (read_entry(reader, map, bases, depth) != 0) {
            return -1;
        }
    }
}

static struct node *read_map(struct reader *reader, int depth)
{
    struct node bases = {.kind = NODE_LIST};
    struct node *map = make_node(reader, NODE_MAP);
    if (map == NULL || check_tag(reader, reader->event.data.mapping_start.tag) != 0 ||
        read_entries(reader, map, &bases, depth) != 0) {
        return NULL;
    }
    return take_over(reader, map, &bases) == 0 ? map : NULL;
}

/* Event in hand to node; the last event of the node is in hand afterwards. */
static struct node *read_node(struct reader *reader, int depth)
{
    const char *anchor = NULL;
    struct node *node = NULL;
    if (depth > CONFIG_DEPTH) {
        return fail_here(reader, "more than %d mappings and lists inside each other", CONFIG_DEPTH);
    }
    switch (reader->event.type) {
    case YAML_ALIAS_EVENT:
        return read_alias(reader);
    case YAML_SCALAR_EVENT:
        anchor = anchor_of(reader, reader->event.data.scalar.anchor);
        node = read_scalar(reader);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = anchor_of(reader, reader->event.data.sequence_start.anchor);
        node = read_list(reader, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = anchor_of(reader, reader->event.data.mapping_start.anchor);
        node = read_map(reader, depth);
        break;
    default:
        return fail_here(reader, "expected a value");
    }
    if (node != NULL && anchor != NULL) {
        remember(reader, anchor, node);
    }
    return node;
}

/* ---- The file ---------------------------------------------------------------------------------------- */

static struct node *read_document(struct reader *reader)
{
    if (next_event(reader) != 0) {
        return NULL;
    }
    struct node *top = read_node(reader, 1);
    if (top == NULL || next_event(reader) != 0 /* document end */ || next_event(reader) != 0) {
        return NULL;
    }
    if (reader->event.type != YAML_STREAM_END_EVENT) {
        return fail_here(reader, "a second document begins here ('---'): one file is one document");
    }
    if (top->kind == NODE_SCALAR) {
        problems_error(reader->problems, top, "expected a mapping, found a text");
        return NULL;
    }
    if (top->kind == NODE_NULL) {
        top->kind = NODE_MAP;
    }
    return top;
}

static struct node *read_stream(struct reader *reader)
{
    if (next_event(reader) != 0 /* stream start */ || next_event(reader) != 0) {
        return NULL;
    }
    if (reader->event.type == YAML_STREAM_END_EVENT) {
        return make_node(reader, NODE_MAP);
    }
    return read_document(reader);
}

struct node *yaml_parse(struct config *config, const char *source, const void *bytes, size_t len,
                        struct problems *problems)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order */
    size_t skip = len >= 3 && memcmp(bytes, mark, 3) == 0 ? 3 : 0;
    struct reader reader = {
        .config = config, .source = source, .bytes = bytes, .len = len, .problems = problems};
    if (utf8_check(source, bytes, len, problems) != 0) {
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        problems_at(problems, PROBLEM_ERROR, &(struct place) {.source = source}, "no memory");
        return NULL;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes + skip, len - skip);
    struct node *top = read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return top;
}
