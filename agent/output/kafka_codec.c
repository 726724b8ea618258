/* kafka_codec.c: the bytes of an event as output.kafka.codec wants them: as they are, pretty, with HTML's characters escaped, or a
 * text by a format. */
#include "kafka.h"

/* Behind a quote: up to the one that ends the string. */
static const char *end_of_string(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return at < end ? at + 1 : end;
}

static void put_string(const char *at, const char *end, bool escapes_html, struct buf *out)
{
    for (; escapes_html && at < end; at++) {
        if (*at == '<' || *at == '>' || *at == '&')
            buf_printf(out, "\\u%04x", (unsigned)*at);
        else
            buf_putc(out, *at);
    }
    buf_append(out, at, (size_t)(end - at));
}

static void new_line(struct buf *out, unsigned depth)
{
    buf_putc(out, '\n');
    for (; depth > 0; depth--)
        buf_puts(out, "  ");
}

static bool is_empty(const char *at, const char *end)
{
    return at + 1 < end && (at[1] == '}' || at[1] == ']');
}

/* One character between the strings. */
static void put_pretty(const char *at, const char *end, unsigned *depth, struct buf *out)
{
    bool opens = *at == '{' || *at == '[', closes = *at == '}' || *at == ']';
    bool was_opened = out->len && strchr("{[", out->data[out->len - 1]);
    if (closes && *depth > 0)
        --*depth;
    if (closes && !was_opened)
        new_line(out, *depth);
    buf_putc(out, *at);
    if (opens)
        ++*depth;
    if (*at == ':')
        buf_putc(out, ' ');
    else if (*at == ',' || (opens && !is_empty(at, end)))
        new_line(out, *depth);
}

void kafka_rewrite_json(const char *json, size_t len, bool is_pretty, bool escapes_html,
                        struct buf *out)
{
    const char *at = json, *end = json + len;
    unsigned depth = 0;
    while (at < end) {
        if (*at == '"') {
            const char *behind = end_of_string(at + 1, end);
            put_string(at, behind, escapes_html, out);
            at = behind;
            continue;
        }
        if (is_pretty)
            put_pretty(at, end, &depth, out);
        else
            buf_putc(out, *at);
        at++;
    }
}

void kafka_one_line(const char *bytes, size_t len, struct buf *out)
{
    struct json_span object;
    struct err err;
    if (json_check(bytes, len, &object, &err) || object.type != JSON_OBJECT) {
        buf_putc(out, '"');
        json_escape(out, bytes, len);
        buf_putc(out, '"');
        return;
    }
    for (const char *at = bytes, *end = bytes + len; at < end;) {
        const char *behind = *at == '"' ? end_of_string(at + 1, end) : at + 1;
        if (!strchr(" \t\r\n", *at) || !*at)
            buf_append(out, at, (size_t)(behind - at));
        at = behind;
    }
}
