/* json_read.c: JSON that came as a line: checked once, then walked in place; see json.h.
 *
 * Happy path: json_check goes over the text and keeps nothing; the walks that follow trust it.
 * Failure modes: what is no JSON, is deeper than JSON_DEPTH_MAX or has something behind it is CORRUPT, with the byte.
 * On close: nothing is kept.
 */
#include <posta/json.h>

#define REPLACEMENT "\xef\xbf\xbd"

struct cursor {
    const char *at, *end;
    int depth;
};

/* ---- checking: each eats what it is named for, false if it is not there ---- */

static void eat_space(struct cursor *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool eat(struct cursor *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool eat_word(struct cursor *in, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return false;
    in->at += len;
    return true;
}

static bool eat_digits(struct cursor *in)
{
    const char *begin = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return in->at > begin;
}

static bool eat_number(struct cursor *in)
{
    (void)eat(in, '-');
    if (!eat(in, '0') && !eat_digits(in))
        return false;
    if (eat(in, '.') && !eat_digits(in))
        return false;
    if (eat(in, 'e') || eat(in, 'E')) {
        if (!eat(in, '+'))
            (void)eat(in, '-');
        return eat_digits(in);
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool eat_escape(struct cursor *in)
{
    if (in->at == in->end)
        return false;
    char c = *in->at++;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    if (in->end - in->at < 4)
        return false;
    for (int i = 0; i < 4; i++)
        if (hex_value(*in->at++) < 0)
            return false;
    return true;
}

static bool eat_string(struct cursor *in)
{
    if (!eat(in, '"'))
        return false;
    for (;;) {
        in->at += json_plain_len(in->at, (size_t)(in->end - in->at));
        if (in->at == in->end || (unsigned char)*in->at < 0x20)
            return false;
        unsigned char c = (unsigned char)*in->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !eat_escape(in))
            return false;
    }
}

static bool eat_value(struct cursor *in, enum json_type *type);

static bool eat_member(struct cursor *in, bool has_key)
{
    enum json_type type;
    eat_space(in);
    if (has_key) {
        if (!eat_string(in))
            return false;
        eat_space(in);
        if (!eat(in, ':'))
            return false;
    }
    if (!eat_value(in, &type))
        return false;
    eat_space(in);
    return true;
}

/* An array or an object, whose first bracket is eaten. */
static bool eat_members(struct cursor *in, char close, bool has_key)
{
    if (in->depth++ >= JSON_DEPTH_MAX)
        return false;
    eat_space(in);
    bool is_done = eat(in, close);
    while (!is_done) {
        if (!eat_member(in, has_key))
            return false;
        is_done = eat(in, close);
        if (!is_done && !eat(in, ','))
            return false;
    }
    in->depth--;
    return true;
}

static bool eat_value(struct cursor *in, enum json_type *type)
{
    eat_space(in);
    if (in->at == in->end)
        return false;
    switch (*in->at) {
    case '{':
        *type = JSON_OBJECT;
        in->at++;
        return eat_members(in, '}', true);
    case '[':
        *type = JSON_ARRAY;
        in->at++;
        return eat_members(in, ']', false);
    case '"':
        *type = JSON_STRING;
        return eat_string(in);
    case 't':
    case 'f':
        *type = JSON_BOOL;
        return eat_word(in, "true") || eat_word(in, "false");
    case 'n':
        *type = JSON_NULL;
        return eat_word(in, "null");
    default:
        *type = JSON_NUMBER;
        return eat_number(in);
    }
}

int json_check(const char *text, size_t len, struct json_span *value, struct err *err)
{
    struct cursor in = {.at = text, .end = text + len};
    enum json_type type = JSON_NULL;
    eat_space(&in);
    const char *begin = in.at;
    if (!eat_value(&in, &type))
        return err_set(err, ERR_CORRUPT, "%s at byte %zu",
                       in.depth > JSON_DEPTH_MAX ? "nested too deep"
                       : in.at == in.end         ? "unexpected end"
                                                 : "not JSON",
                       (size_t)(in.at - text));
    *value = (struct json_span) {.type = type, .at = begin, .len = (size_t)(in.at - begin)};
    eat_space(&in);
    if (in.at != in.end)
        return err_set(err, ERR_CORRUPT, "more than one value, at byte %zu",
                       (size_t)(in.at - text));
    return 0;
}

/* ---- walking what was checked ---- */

static struct json_span take_value(const char **at, const char *end)
{
    struct cursor in = {.at = *at, .end = end};
    struct json_span span = {.type = JSON_NULL};
    eat_space(&in);
    span.at = in.at;
    (void)eat_value(&in, &span.type);
    span.len = (size_t)(in.at - span.at);
    *at = in.at;
    return span;
}

struct json_walk json_members(struct json_span object)
{
    return (struct json_walk) {.at = object.at + 1, .end = object.at + object.len - 1};
}

static void skip_to(struct json_walk *walk, char c)
{
    struct cursor in = {.at = walk->at, .end = walk->end};
    eat_space(&in);
    (void)eat(&in, c);
    eat_space(&in);
    walk->at = in.at;
}

bool json_next(struct json_walk *walk, struct json_span *key, struct json_span *value)
{
    skip_to(walk, ',');
    if (walk->at >= walk->end)
        return false;
    *key = take_value(&walk->at, walk->end);
    skip_to(walk, ':');
    *value = take_value(&walk->at, walk->end);
    return true;
}

struct json_walk json_items(struct json_span array)
{
    return json_members(array);
}

bool json_next_item(struct json_walk *walk, struct json_span *item)
{
    skip_to(walk, ',');
    if (walk->at >= walk->end)
        return false;
    *item = take_value(&walk->at, walk->end);
    return true;
}

bool json_equals(struct json_span string, const char *text)
{
    size_t len = strlen(text);
    return string.len == len + 2 && memcmp(string.at + 1, text, len) == 0;
}

/* ---- text ---- */

static unsigned hex4(const char *at)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)hex_value(at[i]);
    return v;
}

/* The character of the \uXXXX at `at`, two of them for what is beyond U+FFFF. Half a surrogate is U+FFFD, and *is_half. */
static unsigned take_u(const char *at, const char *end, size_t *taken, bool *is_half)
{
    unsigned c = hex4(at + 2);
    *taken = 6;
    *is_half = false;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        unsigned low = hex4(at + 8);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *taken = 12;
            return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    *is_half = true;
    return 0xfffd;
}

static void put_utf8(struct buf *out, unsigned c)
{
    char text[4];
    size_t n = 0;
    if (c < 0x80) {
        text[n++] = (char)c;
    } else if (c < 0x800) {
        text[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        text[n++] = (char)(0xe0 | c >> 12);
        text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        text[n++] = (char)(0xf0 | c >> 18);
        text[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        text[n++] = (char)(0x80 | (c & 0x3f));
    buf_append(out, text, n);
}

static size_t unescape_one(const char *at, const char *end, struct buf *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    size_t taken = 2;
    bool is_half;
    if (at[1] == 'u')
        put_utf8(out, take_u(at, end, &taken, &is_half));
    else
        buf_putc(out, values[strchr(names, at[1]) - names]);
    return taken;
}

void json_text(struct json_span string, struct buf *out)
{
    const char *at = string.at + 1, *end = string.at + string.len - 1;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        const char *stop = slash ? slash : end;
        buf_append(out, at, (size_t)(stop - at));
        at = stop;
        if (slash)
            at += unescape_one(at, end, out);
    }
}

/* What may not be copied as it stands: how many bytes, and whether they are to be replaced. */
static size_t copy_one(const char *at, const char *end, bool *is_bad)
{
    size_t n = 1;
    *is_bad = false;
    if (*at == '\\' && at[1] == 'u') {
        take_u(at, end, &n, is_bad);
    } else if (*at == '\\') {
        n = 2;
    } else {
        size_t len = json_utf8_len((const unsigned char *)at, (size_t)(end - at));
        *is_bad = len == 0;
        n = len ? len : 1;
    }
    return n;
}

void json_copy(struct json_span value, struct buf *out)
{
    const char *at = value.at, *end = value.at + value.len, *begin = at;
    while (at < end) {
        at += json_plain_len(at, (size_t)(end - at));
        if (at == end)
            break;
        if (*at != '\\' && (unsigned char)*at < 0x80) {
            at++;
            continue;
        }
        bool is_bad;
        size_t n = copy_one(at, end, &is_bad);
        if (is_bad) {
            buf_append(out, begin, (size_t)(at - begin));
            buf_puts(out, REPLACEMENT);
            begin = at + n;
        }
        at += n;
    }
    buf_append(out, begin, (size_t)(at - begin));
}
