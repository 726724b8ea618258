/* setting.c: what a text that comes from a variable or from -E means.
 *
 * Beats' rules, because manifests rely on them: `a,b` and `[a, b]` are lists, `{k: v}` a mapping (-E only),
 * "x" has escapes, 'x' has none, `null` is nothing, all else is a text up to the next separator. Failure:
 * the text is not well-formed; the caller decides whether it is then taken literally (a password may well
 * begin with a quote).
 */
#include "node.h"

#include <ctype.h>
#include <string.h>

struct scan {
    struct config *config;
    const char *p; /* what is left */
    bool with_maps;
    int depth;
    const struct place *place;
    struct err *err;
};

static struct node *scan_value(struct scan *scan, const char *stops);

static void *fail(struct scan *scan, const char *what)
{
    err_set(scan->err, ERR_CONFIG, "%s", what);
    return NULL;
}

static void skip_space(struct scan *scan)
{
    while (isspace((unsigned char)*scan->p)) {
        scan->p++;
    }
}

static struct node *make(struct scan *scan, enum node_kind kind)
{
    struct node *node = node_new(scan->config, kind, scan->place);
    return node == NULL ? fail(scan, "too many values in the configuration") : node;
}

static struct node *make_text(struct scan *scan, const char *text, size_t len, bool is_quoted)
{
    struct node *node = make(scan, NODE_SCALAR);
    if (node != NULL) {
        node->text = config_text(scan->config, text, len);
        node->is_quoted = is_quoted;
    }
    return node;
}

/* ---- Texts ------------------------------------------------------------------------------------------- */

static void put_utf8(struct buf *buf, uint32_t point)
{
    if (point < 0x80) {
        buf_putc(buf, (char)point);
    } else if (point < 0x800) {
        buf_putc(buf, (char)(0xc0 | point >> 6));
        buf_putc(buf, (char)(0x80 | (point & 0x3f)));
    } else {
        buf_putc(buf, (char)(0xe0 | point >> 12));
        buf_putc(buf, (char)(0x80 | (point >> 6 & 0x3f)));
        buf_putc(buf, (char)(0x80 | (point & 0x3f)));
    }
}

/* The four hex digits of \uXXXX; 0, which no text may hold, when they are not. */
static uint32_t scan_hex4(struct scan *scan)
{
    uint32_t point = 0;
    for (int i = 0; i < 4; i++) {
        char c = scan->p[0];
        if (!isxdigit((unsigned char)c)) {
            return 0;
        }
        point = point << 4 | (uint32_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
        scan->p++;
    }
    return point >= 0xd800 && point <= 0xdfff ? 0 : point;
}

/* After the backslash. */
static bool scan_escape(struct scan *scan, struct buf *out)
{
    static const char letters[] = "\"\\/'nrtbf", meanings[] = "\"\\/'\n\r\t\b\f";
    char letter = *scan->p;
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found != NULL) {
        scan->p++;
        buf_putc(out, meanings[found - letters]);
        return true;
    }
    if (letter != 'u') {
        return false;
    }
    scan->p++;
    uint32_t point = scan_hex4(scan);
    put_utf8(out, point);
    return point != 0;
}

static bool scan_escaped_text(struct scan *scan, struct buf *out)
{
    for (scan->p++; *scan->p != '"';) {
        if (*scan->p == '\0') {
            return false;
        }
        if (*scan->p != '\\') {
            buf_putc(out, *scan->p++);
            continue;
        }
        scan->p++;
        if (!scan_escape(scan, out)) {
            return false;
        }
    }
    scan->p++;
    return true;
}

static struct node *scan_double_quoted(struct scan *scan)
{
    struct buf text = BUF_INIT;
    struct node *node;
    if (scan_escaped_text(scan, &text)) {
        node = make_text(scan, buf_str(&text), text.len, true /* quoted */);
    } else {
        node = fail(scan, "the text in \"..\" is not closed, or has an unknown escape");
    }
    buf_free(&text);
    return node;
}

static struct node *scan_single_quoted(struct scan *scan)
{
    const char *start = scan->p + 1, *end = strchr(start, '\'');
    if (end == NULL) {
        return fail(scan, "the text in '..' is not closed");
    }
    scan->p = end + 1;
    return make_text(scan, start, (size_t)(end - start), true /* quoted */);
}

static size_t trimmed_len(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    return len;
}

static struct node *scan_plain(struct scan *scan, const char *stops)
{
    const char *start = scan->p;
    size_t len = strcspn(start, stops);
    if (len == 0 && *start != '\0') {
        return fail(scan, "a value is missing before a separator");
    }
    scan->p += len;
    len = trimmed_len(start, len);
    if (len == 4 && strncmp(start, "null", 4) == 0) {
        return make(scan, NODE_NULL);
    }
    return make_text(scan, start, len, false);
}

/* ---- Lists and mappings ------------------------------------------------------------------------------ */

/* After a value: steps over ',' or the closing bracket. 1 at the end, 0 for more, -1 for neither. */
static int scan_separator(struct scan *scan, char closing)
{
    skip_space(scan);
    char c = *scan->p;
    if (c != ',' && c != closing) {
        fail(scan, closing == ']' ? "',' or ']' is missing" : "',' or '}' is missing");
        return -1;
    }
    scan->p++;
    return c == closing;
}

static bool at_closing(struct scan *scan, char closing)
{
    skip_space(scan);
    if (*scan->p != closing) {
        return false;
    }
    scan->p += closing != '\0';
    return true;
}

static struct node *scan_list(struct scan *scan)
{
    struct node *list = make(scan, NODE_LIST);
    scan->p++;
    while (list != NULL && !at_closing(scan, ']')) {
        struct node *item = scan_value(scan, ",]");
        if (item == NULL) {
            return NULL;
        }
        node_add(scan->config, list, NULL, scan->place, item);
        int end = scan_separator(scan, ']');
        if (end != 0) {
            return end > 0 ? list : NULL;
        }
    }
    return list;
}

static const char *scan_key(struct scan *scan, const struct node *map)
{
    struct node *key = *scan->p == '"'    ? scan_double_quoted(scan)
                       : *scan->p == '\'' ? scan_single_quoted(scan)
                                          : scan_plain(scan, ":,}");
    if (key == NULL) {
        return NULL;
    }
    skip_space(scan);
    if (*scan->p != ':' || key->text == NULL || key->text[0] == '\0') {
        return fail(scan, "expected 'key: value' in {..}");
    }
    scan->p++;
    if (map->n >= CONFIG_KEYS || node_find(map, key->text, strlen(key->text)) != NULL) {
        return fail(scan, "a key stands twice in {..}");
    }
    return key->text;
}

static struct node *scan_map(struct scan *scan)
{
    struct node *map = make(scan, NODE_MAP);
    scan->p++;
    while (map != NULL && !at_closing(scan, '}')) {
        const char *key = scan_key(scan, map);
        struct node *value = key == NULL ? NULL : scan_value(scan, ",}");
        if (value == NULL) {
            return NULL;
        }
        node_add(scan->config, map, key, scan->place, value);
        int end = scan_separator(scan, '}');
        if (end != 0) {
            return end > 0 ? map : NULL;
        }
    }
    return map;
}

static struct node *scan_bracket(struct scan *scan)
{
    if (++scan->depth > CONFIG_DEPTH) {
        return fail(scan, "too many brackets inside each other");
    }
    struct node *node = *scan->p == '[' ? scan_list(scan) : scan_map(scan);
    scan->depth--;
    return node;
}

static struct node *scan_value(struct scan *scan, const char *stops)
{
    skip_space(scan);
    switch (*scan->p) {
    case '"':
        return scan_double_quoted(scan);
    case '\'':
        return scan_single_quoted(scan);
    case '[':
        return scan_bracket(scan);
    case '{':
        return scan->with_maps ? scan_bracket(scan) : scan_plain(scan, stops);
    default:
        return scan_plain(scan, stops);
    }
}

/* ---- The whole text ---------------------------------------------------------------------------------- */

/* first is the value before the first comma at the top. */
static struct node *scan_rest(struct scan *scan, struct node *first)
{
    struct node *list = make(scan, NODE_LIST);
    struct node *item = first;
    while (list != NULL && item != NULL) {
        node_add(scan->config, list, NULL, scan->place, item);
        if (*scan->p != ',') {
            return *scan->p == '\0' ? list : fail(scan, "expected ',' after a value");
        }
        scan->p++;
        if (at_closing(scan, '\0')) {
            return list;
        }
        item = scan_value(scan, ",");
        skip_space(scan);
    }
    return NULL;
}

struct node *setting_parse(struct config *config, const char *text, bool with_maps,
                           const struct place *place, struct err *err)
{
    struct scan scan = {
        .config = config, .p = text, .with_maps = with_maps, .place = place, .err = err};
    struct node *node = scan_value(&scan, ",");
    if (node == NULL) {
        return NULL;
    }
    skip_space(&scan);
    if (*scan.p != '\0') {
        node = scan_rest(&scan, node);
    }
    if (node != NULL && node->kind == NODE_LIST) {
        node->text = config_text(config, text, strlen(text));
    }
    return node;
}
