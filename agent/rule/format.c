/* format.c: format strings taken apart once, then put together for each event; see format.h. */
#include "rule.h"

#include <stdlib.h>

enum part_kind { PART_TEXT, PART_FIELD, PART_TIME };

struct part {
    enum part_kind kind;
    char *text;     /* text, name of the field, or pattern */
    char *fallback; /* of a field; NULL = none */
};

struct format {
    struct part *parts;
    size_t n;
};

static void add(struct format *format, enum part_kind kind, struct buf *text, char *fallback)
{
    format->parts = mem_grow(format->parts, format->n + 1, sizeof *format->parts);
    format->parts[format->n++] = (struct part) {kind, mem_dup(buf_str(text)), fallback};
    buf_clear(text);
}

void format_free(struct format *format)
{
    for (size_t i = 0; format && i < format->n; i++) {
        free(format->parts[i].text);
        free(format->parts[i].fallback);
    }
    if (format)
        free(format->parts);
    free(format);
}

/* ---- taking apart ---- */

static int unknown(const char *at, struct err *err)
{
    return err_set(err, ERR_CONFIG,
                   "'%s': expected %%{[field]}, %%{[field]:default} or %%{+yyyy.MM.dd}", at);
}

/* Text up to one of the stops, which is not taken; NULL if the format ends before. */
static const char *take_until(const char *at, const char *stops, struct buf *text)
{
    for (; *at && !strchr(stops, *at); at++) {
        if (*at == '\\' && at[1])
            at++;
        buf_putc(text, *at);
    }
    return *at ? at : NULL;
}

/* [a][b] or [a.b]; behind the last bracket, NULL if it is not well formed. */
static const char *take_name(const char *at, struct buf *name)
{
    while (*at == '[') {
        size_t len = strcspn(at + 1, "[]");
        if (len == 0 || at[1 + len] != ']')
            return NULL;
        if (name->len)
            buf_putc(name, '.');
        buf_append(name, at + 1, len);
        at += len + 2;
    }
    return name->len ? at : NULL;
}

static const char *take_field(struct format *format, const char *at, struct buf *text)
{
    struct buf fallback = BUF_INIT;
    at = take_name(at, text);
    if (at && *at == ':') {
        at = take_until(at + 1, "}", &fallback);
        if (at)
            add(format, PART_FIELD, text, mem_dup(buf_str(&fallback)));
    } else if (at && *at == '}') {
        add(format, PART_FIELD, text, NULL);
    } else {
        at = NULL;
    }
    buf_free(&fallback);
    return at;
}

/* What %{ begins; behind its }. */
static const char *take_expression(struct format *format, const char *begin, struct buf *text,
                                   struct err *err)
{
    const char *at = begin + 2;
    if (*at == '[')
        at = take_field(format, at, text);
    else if (*at == '+' && (at = take_until(at + 1, "}", text))) {
        if (time_pattern_check(buf_str(text), err))
            return NULL;
        add(format, PART_TIME, text, NULL);
    } else
        at = NULL;
    if (at)
        return at + 1;
    (void)unknown(begin, err);
    return NULL;
}

static int take_all(struct format *format, const char *at, struct buf *text, struct err *err)
{
    while (*at) {
        if (at[0] == '%' && at[1] == '{') {
            if (text->len)
                add(format, PART_TEXT, text, NULL);
            at = take_expression(format, at, text, err);
            if (!at)
                return -1;
            continue;
        }
        if (*at == '\\' && at[1])
            at++;
        buf_putc(text, *at++);
    }
    if (text->len)
        add(format, PART_TEXT, text, NULL);
    return 0;
}

int format_new(struct format **out, const char *text, struct err *err)
{
    struct buf buf = BUF_INIT;
    struct format *format = mem_zero(1, sizeof *format);
    int rc = take_all(format, text, &buf, err);
    buf_free(&buf);
    if (rc)
        format_free(format);
    else
        *out = format;
    return rc;
}

/* ---- asking ---- */

const char *format_field(const struct format *format, size_t i)
{
    for (size_t k = 0; k < format->n; k++)
        if (format->parts[k].kind == PART_FIELD && i-- == 0)
            return format->parts[k].text;
    return NULL;
}

bool format_has_time(const struct format *format)
{
    for (size_t k = 0; k < format->n; k++)
        if (format->parts[k].kind == PART_TIME)
            return true;
    return false;
}

/* ---- putting together ---- */

/* An empty text is as good as none: the default counts then, as in Beats. */
static bool put_field(const struct part *part, struct lookup *lookup, struct buf *out)
{
    struct json_span value;
    size_t before = out->len;
    bool has_one = lookup_has(lookup, part->text, &value) && lookup_text(value, out);
    if (part->fallback && out->len == before)
        buf_puts(out, part->fallback);
    return has_one || part->fallback;
}

bool format_put(const struct format *format, struct lookup *lookup, int64_t time_ms,
                struct buf *out, const char **missing)
{
    for (size_t i = 0; i < format->n; i++) {
        const struct part *part = &format->parts[i];
        if (part->kind == PART_TIME) {
            time_pattern_put(part->text, time_ms, out);
        } else if (part->kind == PART_TEXT) {
            buf_puts(out, part->text);
        } else if (!put_field(part, lookup, out)) {
            *missing = part->text;
            return false;
        }
    }
    return true;
}

struct format *format_bind(const struct format *format, struct lookup *lookup, const char **missing)
{
    struct format *bound = mem_zero(1, sizeof *bound);
    struct buf text = BUF_INIT;
    for (size_t i = 0; bound && i < format->n; i++) {
        const struct part *part = &format->parts[i];
        if (part->kind != PART_FIELD) {
            buf_puts(&text, part->text);
            add(bound, part->kind, &text, NULL);
        } else if (put_field(part, lookup, &text)) {
            add(bound, PART_TEXT, &text, NULL);
        } else {
            *missing = part->text;
            format_free(bound);
            bound = NULL;
        }
    }
    buf_free(&text);
    return bound;
}

void format_put_pattern(const struct format *format, struct buf *out)
{
    buf_putc(out, '^');
    for (size_t i = 0; i < format->n; i++) {
        if (format->parts[i].kind == PART_TIME)
            buf_puts(out, ".+");
        else
            for (const char *c = format->parts[i].text; *c; c++)
                buf_printf(out, strchr("\\.+*?()|[]{}^$", *c) ? "\\%c" : "%c", *c);
    }
    buf_putc(out, '$');
}
