/* quote.c: a text as YAML, on one line. */
#include "node.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Without quotes only what nobody could read in another way. */
static bool is_plain(const char *text)
{
    if (!isalnum((unsigned char)text[0]) && text[0] != '/' && text[0] != '_' &&
        !(text[0] == '-' && isdigit((unsigned char)text[1]))) {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        bool is_colon = *p == ':' && p[1] != ' ' && p[1] != '\0';
        if (!isalnum((unsigned char)*p) && !is_colon && strchr("/_.-@%+=", *p) == NULL) {
            return false;
        }
    }
    return strcasecmp(text, "null") != 0;
}

/* Not visible, or a line break to YAML. Gives the bytes consumed, 0 when p is none of these. */
static size_t put_escaped(struct buf *buf, const char *p)
{
    static const struct {
        const char *bytes, *escape;
    } escapes[] = {
        {"\"", "\\\""},
        {"\\", "\\\\"},
        {"\n", "\\n"},
        {"\t", "\\t"},
        {"\r", "\\r"},
        {"\xc2\x85", "\\N"},
        {"\xe2\x80\xa8", "\\L"},
        {"\xe2\x80\xa9", "\\P"},
        {"\xef\xbb\xbf", "\\uFEFF"},
        {"\xef\xbf\xbe", "\\uFFFE"},
        {"\xef\xbf\xbf", "\\uFFFF"},
    };
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        size_t len = strlen(escapes[i].bytes);
        if (strncmp(escapes[i].bytes, p, len) == 0) {
            buf_puts(buf, escapes[i].escape);
            return len;
        }
    }
    bool is_c1 = (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0; /* U+0080 to U+009F */
    if (!is_c1 && (unsigned char)p[0] >= 0x20 && p[0] != 0x7f) {
        return 0;
    }
    buf_printf(buf, "\\x%02x", (unsigned char)p[is_c1]);
    return is_c1 ? 2 : 1;
}

/* A `$` here would begin a reference, or escape one. */
static bool is_dollar(const char *p)
{
    return p[0] == '$' && (p[1] == '$' || p[1] == '{' || p[1] == '}');
}

static void put_quoted(struct buf *buf, const char *text, bool doubles_dollars)
{
    buf_putc(buf, '"');
    for (const char *p = text; *p != '\0';) {
        size_t len = put_escaped(buf, p);
        if (len == 0) {
            buf_puts(buf, doubles_dollars && is_dollar(p) ? "$" : "");
            buf_putc(buf, *p);
            len = 1;
        }
        p += len;
    }
    buf_putc(buf, '"');
}

void quote_put(struct buf *buf, const char *text, bool is_quoted)
{
    if (!is_quoted && is_plain(text)) {
        buf_puts(buf, text);
        return;
    }
    put_quoted(buf, text, true /* values are expanded when read */);
}

void quote_key(struct buf *buf, const char *key)
{
    if (is_plain(key)) {
        buf_puts(buf, key);
        return;
    }
    put_quoted(buf, key, false /* keys are not */);
}
