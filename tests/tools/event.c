/* A strict JSON reader that keeps a few fields of a Beats event; see event.h.
 *
 * Recursive descent. The path of the value being read is kept as dotted text, so {"log":{"offset":1}} and
 * {"log.offset":1} are the same. Wanted strings are decoded into the scratch space, all others only checked.
 */
#include "event.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_PATH = 256 };

struct reader {
    const unsigned char *p, *end;
    struct event *ev;
    char *out;           /* free place in the scratch space */
    char path[MAX_PATH]; /* dotted, not ended by a zero */
    size_t path_len;
    int depth;
};

static bool read_value(struct reader *r);

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != (unsigned char)c)
        return false;
    r->p++;
    return true;
}

/* ---- strings ---- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1 if they are not there. */
static int32_t read_hex4(struct reader *r)
{
    int32_t code = 0;

    if (r->end - r->p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*r->p++);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

static char *put_utf8(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (code & 0x3f));
    return out;
}

/* What follows \u; half a surrogate pair is an error. */
static bool read_unicode(struct reader *r, char **out)
{
    int32_t code = read_hex4(r), low;

    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
            return false;
        r->p += 2;
        low = read_hex4(r);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, code);
    return true;
}

static bool read_escape(struct reader *r, char **out)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *found;
    char c;

    if (r->p == r->end)
        return false;
    c = (char)*r->p++;
    if (c == 'u')
        return read_unicode(r, out);
    found = c ? strchr(names, c) : NULL;
    if (!found)
        return false;
    *(*out)++ = meanings[found - names];
    return true;
}

/* Length of the well-formed UTF-8 sequence at p, 0 if there is none (overlong, surrogate, too large, cut). */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

    if (len < 2 || (size_t)(end - p) < len)
        return len < 2 ? len : 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static bool read_plain(struct reader *r, char **out)
{
    size_t len = *r->p < 0x20 ? 0 : utf8_length(r->p, r->end);

    if (len == 0)
        return false;
    memcpy(*out, r->p, len);
    *out += len;
    r->p += len;
    return true;
}

/* A string after its opening quote, decoded to the free place. The place stays free until keep() takes it. */
static bool read_string(struct reader *r, struct text *text)
{
    char *out = r->out;

    while (r->p < r->end && *r->p != '"') {
        bool ok;
        if (*r->p == '\\') {
            r->p++;
            ok = read_escape(r, &out);
        } else {
            ok = read_plain(r, &out);
        }
        if (!ok)
            return false;
    }
    text->at = r->out;
    text->len = (size_t)(out - r->out);
    return take(r, '"');
}

/* ---- the wanted fields ---- */

static bool path_is(const struct reader *r, const char *path)
{
    return r->path_len == strlen(path) && memcmp(r->path, path, r->path_len) == 0;
}

static void keep(struct reader *r, struct text *field, struct text text)
{
    *field = text;
    r->out += text.len;
}

static void keep_string(struct reader *r, struct text text)
{
    if (path_is(r, "message"))
        keep(r, &r->ev->message, text);
    else if (path_is(r, "log.file.path"))
        keep(r, &r->ev->path, text);
    else if (path_is(r, "log.file.inode"))
        keep(r, &r->ev->inode, text);
    else if (path_is(r, "event.id"))
        keep(r, &r->ev->id, text);
}

/* ---- numbers and literals ---- */

static size_t skip_digits(struct reader *r)
{
    const unsigned char *from = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - from);
}

static bool skip_fraction(struct reader *r)
{
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (skip_digits(r) == 0)
            return false;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        return skip_digits(r) > 0;
    }
    return true;
}

static bool read_number(struct reader *r)
{
    const unsigned char *from = r->p;
    size_t n;

    if (*r->p == '-')
        r->p++;
    n = skip_digits(r);
    if (n == 0 || (n > 1 && r->p[-(ptrdiff_t)n] == '0'))
        return false;
    /* the text does not end with the digits: at least the object's brace follows, or the JSON is bad */
    if (path_is(r, "log.offset") && r->p < r->end)
        r->ev->offset = strtoll((const char *)from, NULL, 10);
    return skip_fraction(r);
}

static bool read_literal(struct reader *r)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(r->end - r->p) >= len && memcmp(r->p, words[i], len) == 0) {
            r->p += len;
            return true;
        }
    }
    return false;
}

/* ---- objects and arrays ---- */

/* Add a key to the path. One that does not fit leaves a path that nothing matches. */
static void push_key(struct reader *r, struct text key)
{
    if (r->path_len + key.len + 1 > MAX_PATH) {
        r->path_len = 0;
        r->path[r->path_len++] = '?';
        return;
    }
    if (r->path_len)
        r->path[r->path_len++] = '.';
    memcpy(r->path + r->path_len, key.at, key.len);
    r->path_len += key.len;
}

static bool read_member(struct reader *r)
{
    char saved[MAX_PATH];
    size_t saved_len = r->path_len;
    struct text key;

    memcpy(saved, r->path, saved_len);
    if (!take(r, '"') || !read_string(r, &key) || !take(r, ':'))
        return false;
    push_key(r, key);
    if (!read_value(r))
        return false;
    memcpy(r->path, saved, saved_len);
    r->path_len = saved_len;
    return true;
}

static bool read_element(struct reader *r)
{
    static const struct text element = {"[]", 2};
    size_t saved_len = r->path_len;
    bool ok;

    push_key(r, element); /* so that no element passes for a field */
    ok = read_value(r);
    r->path_len = saved_len;
    return ok;
}

static bool read_list(struct reader *r, char closing, bool (*read_item)(struct reader *))
{
    bool ok = true;

    if (++r->depth > MAX_DEPTH)
        return false;
    if (!take(r, closing)) {
        do {
            ok = read_item(r);
        } while (ok && take(r, ','));
        ok = ok && take(r, closing);
    }
    r->depth--;
    return ok;
}

static bool read_value(struct reader *r)
{
    struct text text;

    skip_space(r);
    if (r->p == r->end)
        return false;
    if (take(r, '{'))
        return read_list(r, '}', read_member);
    if (take(r, '['))
        return read_list(r, ']', read_element);
    if (!take(r, '"'))
        return *r->p == '-' || (*r->p >= '0' && *r->p <= '9') ? read_number(r) : read_literal(r);
    if (!read_string(r, &text))
        return false;
    keep_string(r, text);
    return true;
}

/* ---- the door ---- */

/* No decoded string is longer than its JSON, so all of them fit where the JSON fits. */
static bool make_room(struct event *ev, size_t size)
{
    char *bigger;

    if (size <= ev->scratch_size)
        return true;
    bigger = realloc(ev->scratch, 2 * size);
    if (!bigger)
        return false;
    ev->scratch = bigger;
    ev->scratch_size = 2 * size;
    return true;
}

bool event_parse(struct event *ev, const char *json, size_t len)
{
    struct reader r = {.p = (const unsigned char *)json, .ev = ev};
    bool ok;

    if (len == 0 || !make_room(ev, len))
        return false;
    ev->message = ev->path = ev->inode = ev->id = (struct text) {NULL, 0};
    ev->offset = -1;
    r.end = r.p + len;
    r.out = ev->scratch;
    ok = take(&r, '{') && read_list(&r, '}', read_member);
    skip_space(&r);
    return ok && r.p == r.end;
}

void event_done(struct event *ev)
{
    free(ev->scratch);
    ev->scratch = NULL;
    ev->scratch_size = 0;
}
