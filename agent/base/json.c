/* json.c: what a JSON string may hold, and strings into a buf; see json.h. Escaping itself is in json_escape.c. */
#include <posta/json.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t json_utf8_len(const unsigned char *at, size_t left)
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

static inline int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

bool json_is_plain(const char *bytes, size_t len, size_t n_quotes)
{
    size_t n = 0, at = 0;
#ifdef __SSE2__
    const __m128i zero = _mm_setzero_si128();
    __m128i sums = zero, special = zero;
    for (; at + 16 <= len; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(bytes + at));
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        special = _mm_or_si128(special, _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                                                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_sub_epi8(zero, quote), zero));
    }
    if (_mm_movemask_epi8(special))
        return false;
    n = (size_t)_mm_cvtsi128_si64(_mm_add_epi64(sums, _mm_srli_si128(sums, 8)));
#endif
    for (; at < len; at++) {
        if (bytes[at] == '"')
            n++;
        else if (!is_plain((unsigned char)bytes[at]))
            return false;
    }
    return n == n_quotes;
}

void json_escape(struct buf *out, const char *bytes, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(out, 6 * len + JSON_SLACK);
    out->len = (size_t)(json_escape_at(out->data + out->len, bytes, len) - out->data);
}

void json_string(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    json_escape(out, text, strlen(text));
    buf_putc(out, '"');
}
