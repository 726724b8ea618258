/* charset.c: the one door to iconv: encodings by Beats' names, and what is a line end in them; see charset.h.
 *
 * Happy path: a line is converted whole, its state begins anew at each line.
 * Failure modes: bytes that mean nothing become U+FFFD, one for each unit, and conversion goes on behind them; an encoding
 * that this system's iconv does not have is found when the configuration is checked.
 * On close: decoder_free.
 */
#include <posta/charset.h>

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Beats' name, iconv's (NULL = taken as UTF-8), bytes of a unit, the order of bytes is in the file. */
#define CHARSETS(X)                                                                                \
    X("plain", NULL, 1, false)                                                                     \
    X("utf-8", NULL, 1, false)                                                                     \
    X("utf8", NULL, 1, false)                                                                      \
    X("utf-16-bom", "UTF-16LE", 2, true)                                                           \
    X("utf-16le-bom", "UTF-16LE", 2, true)                                                         \
    X("utf-16be-bom", "UTF-16BE", 2, true)                                                         \
    X("utf-16le", "UTF-16LE", 2, false)                                                            \
    X("utf-16be", "UTF-16BE", 2, false)                                                            \
    X("gbk", "GBK", 1, false)                                                                      \
    X("gb18030", "GB18030", 1, false)                                                              \
    X("big5", "BIG5", 1, false)                                                                    \
    X("euc-jp", "EUC-JP", 1, false)                                                                \
    X("iso-2022-jp", "ISO-2022-JP", 1, false)                                                      \
    X("shift-jis", "SHIFT_JIS", 1, false)                                                          \
    X("euc-kr", "EUC-KR", 1, false)                                                                \
    X("iso8859-1", "ISO-8859-1", 1, false)                                                         \
    X("iso8859-2", "ISO-8859-2", 1, false)                                                         \
    X("iso8859-3", "ISO-8859-3", 1, false)                                                         \
    X("iso8859-4", "ISO-8859-4", 1, false)                                                         \
    X("iso8859-5", "ISO-8859-5", 1, false)                                                         \
    X("iso8859-6", "ISO-8859-6", 1, false)                                                         \
    X("iso8859-6e", "ISO-8859-6", 1, false)                                                        \
    X("iso8859-6i", "ISO-8859-6", 1, false)                                                        \
    X("iso8859-7", "ISO-8859-7", 1, false)                                                         \
    X("iso8859-8", "ISO-8859-8", 1, false)                                                         \
    X("iso8859-8e", "ISO-8859-8", 1, false)                                                        \
    X("iso8859-8i", "ISO-8859-8", 1, false)                                                        \
    X("iso8859-9", "ISO-8859-9", 1, false)                                                         \
    X("iso8859-10", "ISO-8859-10", 1, false)                                                       \
    X("iso8859-13", "ISO-8859-13", 1, false)                                                       \
    X("iso8859-14", "ISO-8859-14", 1, false)                                                       \
    X("iso8859-15", "ISO-8859-15", 1, false)                                                       \
    X("iso8859-16", "ISO-8859-16", 1, false)                                                       \
    X("cp437", "CP437", 1, false)                                                                  \
    X("cp850", "CP850", 1, false)                                                                  \
    X("cp852", "CP852", 1, false)                                                                  \
    X("cp855", "CP855", 1, false)                                                                  \
    X("cp858", "CP858", 1, false)                                                                  \
    X("cp860", "CP860", 1, false)                                                                  \
    X("cp862", "CP862", 1, false)                                                                  \
    X("cp863", "CP863", 1, false)                                                                  \
    X("cp865", "CP865", 1, false)                                                                  \
    X("cp866", "CP866", 1, false)                                                                  \
    X("ebcdic-037", "IBM037", 1, false)                                                            \
    X("ebcdic-1040", "IBM1140", 1, false)                                                          \
    X("ebcdic-1047", "IBM1047", 1, false)                                                          \
    X("koi8r", "KOI8-R", 1, false)                                                                 \
    X("koi8u", "KOI8-U", 1, false)                                                                 \
    X("macintosh", "MACINTOSH", 1, false)                                                          \
    X("macintosh-cyrillic", "MAC-CYRILLIC", 1, false)                                              \
    X("windows874", "CP874", 1, false)                                                             \
    X("windows1250", "CP1250", 1, false)                                                           \
    X("windows1251", "CP1251", 1, false)                                                           \
    X("windows1252", "CP1252", 1, false)                                                           \
    X("windows1253", "CP1253", 1, false)                                                           \
    X("windows1254", "CP1254", 1, false)                                                           \
    X("windows1255", "CP1255", 1, false)                                                           \
    X("windows1256", "CP1256", 1, false)                                                           \
    X("windows1257", "CP1257", 1, false)                                                           \
    X("windows1258", "CP1258", 1, false)

static const struct charset {
    const char *iconv;
    uint8_t unit;
    bool has_bom;
} charsets[] = {
#define ROW(name, iconv_name, unit, has_bom) {iconv_name, unit, has_bom},
    CHARSETS(ROW)
#undef ROW
};

const char *const charset_words[] = {
#define ROW(name, iconv_name, unit, has_bom) name,
    CHARSETS(ROW)
#undef ROW
        NULL};

/* ---- line ends ---- */

const char *const terminator_words[] = {
    "auto",      "line_feed", "carriage_return", "carriage_return_line_feed", "vertical_tab",
    "form_feed", "next_line", "line_separator",  "paragraph_separator",       "null_terminator",
    NULL};

/* In UTF-8, in the order of terminator_words. */
static const struct {
    const char *text;
    size_t len;
} terminators[] = {
    {"\n", 1}, {"\n", 1},       {"\r", 1},           {"\r\n", 2},         {"\v", 1},
    {"\f", 1}, {"\xc2\x85", 2}, {"\xe2\x80\xa8", 3}, {"\xe2\x80\xa9", 3}, {"\0", 1},
};

static int convert_terminator(struct line_end *end, int charset, int terminator, struct err *err)
{
    char text[4], *from = text, *to = (char *)end->bytes;
    size_t left = terminators[terminator].len, room = sizeof end->bytes;
    iconv_t conv = iconv_open(charsets[charset].iconv, "UTF-8");
    if (conv == (iconv_t)-1)
        return err_set(err, ERR_CONFIG,
                       "encoding '%s' is not known to this system's iconv: install its modules, "
                       "or use another",
                       charset_words[charset]);
    memcpy(text, terminators[terminator].text, left);
    size_t rc = iconv(conv, &from, &left, &to, &room);
    iconv_close(conv);
    if (rc != 0)
        return err_set(err, ERR_CONFIG,
                       "line_terminator '%s' is no character of encoding '%s': use another",
                       terminator_words[terminator], charset_words[charset]);
    end->len = (uint8_t)(sizeof end->bytes - room);
    return 0;
}

int line_end_make(struct line_end *end, int charset, int terminator, struct err *err)
{
    struct line_end made = {.unit = charsets[charset].unit};
    if (!charsets[charset].iconv) {
        made.len = (uint8_t)terminators[terminator].len;
        memcpy(made.bytes, terminators[terminator].text, made.len);
    } else if (convert_terminator(&made, charset, terminator, err)) {
        return -1;
    }
    *end = made;
    return 0;
}

enum charset_order charset_order(int charset)
{
    if (!charsets[charset].has_bom)
        return ORDER_NONE;
    return strcmp(charsets[charset].iconv, "UTF-16BE") == 0 ? ORDER_BIG : ORDER_LITTLE;
}

struct line_end line_end_swapped(const struct line_end *end)
{
    struct line_end other = *end;
    for (size_t i = 0; i + 1 < end->len; i += 2) {
        other.bytes[i] = end->bytes[i + 1];
        other.bytes[i + 1] = end->bytes[i];
    }
    return other;
}

static bool is_aligned(const struct line_end *end, uint64_t offset)
{
    return end->unit <= 1 || offset % end->unit == 0;
}

const char *line_end_first(const struct line_end *end, uint64_t offset, const char *bytes,
                           size_t len)
{
    const char *at = bytes, *stop = bytes + len;
    if (end->len == 0)
        return (at = memchr(bytes, '\n', len)) ? at + 1 : NULL;
    while ((size_t)(stop - at) >= end->len &&
           (at = memchr(at, end->bytes[0], (size_t)(stop - at)))) {
        if ((size_t)(stop - at) >= end->len && memcmp(at, end->bytes, end->len) == 0 &&
            is_aligned(end, offset + (uint64_t)(at - bytes)))
            return at + end->len;
        at++;
    }
    return NULL;
}

const char *line_end_last(const struct line_end *end, uint64_t offset, const char *bytes,
                          size_t len)
{
    size_t n = end->len ? end->len : 1;
    unsigned char final = end->len ? end->bytes[n - 1] : '\n';
    const char *at = bytes + len;
    while ((size_t)(at - bytes) >= n && (at = memrchr(bytes, final, (size_t)(at - bytes)))) {
        const char *begin = at - (n - 1);
        if (n == 1 && is_aligned(end, offset + (uint64_t)(at - bytes)))
            return at + 1;
        if (n > 1 && (size_t)(at - bytes) >= n - 1 && memcmp(begin, end->bytes, n) == 0 &&
            is_aligned(end, offset + (uint64_t)(begin - bytes)))
            return at + 1;
    }
    return NULL;
}

/* ---- text ---- */

struct decoder {
    iconv_t conv;
    size_t unit;
};

int decoder_new(struct decoder **out, int charset, bool is_big, struct err *err)
{
    const struct charset *set = &charsets[charset];
    const char *name = set->iconv;
    *out = NULL;
    if (!name)
        return 0;
    if (set->has_bom)
        name = is_big ? "UTF-16BE" : "UTF-16LE";
    iconv_t conv = iconv_open("UTF-8", name);
    if (conv == (iconv_t)-1)
        return err_sys(err, "encoding '%s'", charset_words[charset]);
    *out = mem_alloc(sizeof **out);
    **out = (struct decoder) {.conv = conv, .unit = set->unit};
    return 0;
}

void decoder_free(struct decoder *dec)
{
    if (!dec)
        return;
    iconv_close(dec->conv);
    free(dec);
}

/* Step over what cannot be converted. */
static void replace_one(const struct decoder *dec, char **from, size_t *left, struct buf *out)
{
    size_t n = *left < dec->unit ? *left : dec->unit;
    buf_puts(out, REPLACEMENT);
    *from += n;
    *left -= n;
}

void decoder_append(struct decoder *dec, const char *bytes, size_t len, struct buf *out)
{
    char *from = (char *)bytes; /* iconv's prototype; it does not write there */
    iconv(dec->conv, NULL, NULL, NULL, NULL);
    while (len > 0) {
        buf_reserve(out, 2 * len + 16);
        char *to = out->data + out->len;
        size_t room = out->cap - out->len;
        size_t rc = iconv(dec->conv, &from, &len, &to, &room);
        int why = rc == (size_t)-1 ? errno : 0;
        out->len = (size_t)(to - out->data);
        if (why == EILSEQ || why == EINVAL)
            replace_one(dec, &from, &len, out);
        else if (why != E2BIG)
            break;
    }
}
