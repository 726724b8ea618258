/* downward_file.c: the files of a downward API volume: one name="value" a line, the value as Go quotes texts. */
#include "meta.h"

#include <stdlib.h>
#include <string.h>

/* One of C's letters; 0 = none. */
static char letter_of(char c)
{
    static const char letters[] = "abfnrtv\\\"'", means[] = "\a\b\f\n\r\t\v\\\"'";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? means[at - letters] : '\0';
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xe0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (c & 63)));
    } else {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 63)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (c & 63)));
    }
}

static int digit_of(char c, unsigned base)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;
    return at && (unsigned)(at - digits) < base ? (int)(at - digits) : -1;
}

/* n digits behind *at; -1 if there are none. */
static int64_t take_number(const char **at, const char *end, size_t n, unsigned base)
{
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = *at < end ? digit_of(**at, base) : -1;
        if (digit < 0)
            return -1;
        value = value * base + digit;
        ++*at;
    }
    return value;
}

/* Behind a backslash. \x and octal numbers are bytes, \u and \U characters. */
static bool take_escape(const char **at, const char *end, struct buf *out)
{
    static const struct {
        char letter;
        uint8_t digits;
    } numbers[] = {{'x', 2}, {'u', 4}, {'U', 8}};
    if (*at == end)
        return false;
    char c = **at;
    for (size_t i = 0; i < 3; i++) {
        if (c != numbers[i].letter)
            continue;
        ++*at;
        int64_t value = take_number(at, end, numbers[i].digits, 16);
        if (value < 0)
            return false;
        c == 'x' ? buf_putc(out, (char)value) : put_utf8(out, (uint32_t)value);
        return true;
    }
    if (c >= '0' && c <= '7') {
        int64_t value = take_number(at, end, 3, 8);
        if (value >= 0)
            buf_putc(out, (char)value);
        return value >= 0 && value < 256;
    }
    ++*at;
    if (!letter_of(c))
        return false;
    buf_putc(out, letter_of(c));
    return true;
}

/* "value" up to the end; nothing behind it. */
static bool take_quoted(const char *at, const char *end, struct buf *out)
{
    if (at == end || *at++ != '"')
        return false;
    while (at < end && *at != '"') {
        if (*at != '\\')
            buf_putc(out, *at++);
        else if (at++, !take_escape(&at, end, out))
            return false;
    }
    return at + 1 == end;
}

static bool take_line(const char *line, size_t len, struct buf *name, struct buf *value)
{
    const char *mark = memchr(line, '=', len);
    buf_clear(name);
    buf_clear(value);
    if (!mark || mark == line)
        return false;
    buf_append(name, line, (size_t)(mark - line));
    return take_quoted(mark + 1, line + len, value);
}

bool downward_each(const char *text, size_t len,
                   void (*take)(void *arg, const char *name, const char *value), void *arg)
{
    struct buf name = BUF_INIT, value = BUF_INIT;
    bool are_all = true;
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end ? (size_t)(end - text) : len, step = line_len + (end != NULL);
        bool is_one = take_line(text, line_len, &name, &value);
        if (is_one)
            take(arg, buf_str(&name), buf_str(&value));
        are_all &= is_one || line_len == 0;
        text += step;
        len -= step;
    }
    buf_free(&name);
    buf_free(&value);
    return are_all;
}
