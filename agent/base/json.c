/* json.c: escaping bytes from a log into a JSON string; see json.h.
 *
 * Nearly every byte of a log needs no escape, so eight at a time are tested with ordinary arithmetic (no
 * special instructions) and copied; what remains goes byte by byte.
 */
#include <posta/json.h>

static const char hex_digits[] = "0123456789abcdef";

/* True if none of the eight bytes is a control, a quote, a backslash or >= 0x80. */
static inline int is_plain8(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, highs = ones * 0x80;
    uint64_t v;
    memcpy(&v, at, 8);
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    uint64_t special = (v - ones * 0x20) | (quote - ones) | (slash - ones) | v;
    return (special & highs) == 0;
}

static inline int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t plain_run(const char *at, size_t len)
{
    size_t n = 0;
    while (n + 8 <= len && is_plain8(at + n))
        n += 8;
    while (n < len && is_plain((unsigned char)at[n]))
        n++;
    return n;
}

/* Length of the valid UTF-8 sequence at `at`, 0 if there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t utf8_len(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t len;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (*at < rows[i].first || *at > rows[i].last)
            continue;
        if (rows[i].len > left || at[1] < rows[i].second_min || at[1] > rows[i].second_max)
            return 0;
        for (size_t k = 2; k < rows[i].len; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].len;
    }
    return 0;
}

static char *escape_ascii(char *to, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* from 0x08 */
    *to++ = '\\';
    if (c == '"' || c == '\\') {
        *to++ = (char)c;
    } else if (c >= 0x08 && c <= 0x0d && names[c - 0x08]) {
        *to++ = names[c - 0x08];
    } else {
        memcpy(to, "u00", 3);
        to[3] = hex_digits[c >> 4];
        to[4] = hex_digits[c & 15];
        to += 5;
    }
    return to;
}

/* One byte that is not plain, or one UTF-8 sequence. Returns how many bytes were taken. */
static size_t escape_one(char **to, const char *at, size_t left)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80) {
        *to = escape_ascii(*to, c);
        return 1;
    }
    size_t n = utf8_len((const unsigned char *)at, left);
    memcpy(*to, n ? at : "\xef\xbf\xbd", n ? n : 3);
    *to += n ? n : 3;
    return n ? n : 1;
}

void json_escape(struct buf *out, const char *bytes, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(out, 6 * len);
    char *to = out->data + out->len;
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(bytes + i, len - i);
        memcpy(to, bytes + i, run);
        to += run;
        i += run;
        if (i < len)
            i += escape_one(&to, bytes + i, len - i);
    }
    out->len = (size_t)(to - out->data);
}

void json_string(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    json_escape(out, text, strlen(text));
    buf_putc(out, '"');
}
