/* json.c: escaping bytes from a log into a JSON string; see json.h.
 *
 * Nearly every byte of a log needs no escape, so sixteen at a time are tested and copied (eight, where the compiler has no SSE2);
 * what needs one goes byte by byte. Copies may write up to JSON_SLACK bytes behind what they copy: the room is there.
 */
#include <posta/json.h>

#include <endian.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char hex_digits[] = "0123456789abcdef";

/* A bit 7 for each of the eight bytes that is a control, a quote, a backslash or >= 0x80; bytes above the lowest such one
 * may have it too. */
static inline uint64_t special8(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u, highs = ones * 0x80;
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    return ((v - ones * 0x20) | (quote - ones) | (slash - ones) | v) & highs;
}

static inline uint64_t load8(const char *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return le64toh(v);
}

static inline int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Less than eight bytes, the first one lowest; nothing behind them is read. */
static inline uint64_t load_some(const char *at, size_t n)
{
    uint32_t low, high;
    if (n >= 4) {
        memcpy(&low, at, 4);
        memcpy(&high, at + n - 4, 4);
        return le32toh(low) | (uint64_t)le32toh(high) << 8 * (n - 4);
    }
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | (unsigned char)at[n];
    return v;
}

/* A block of STEP bytes, or the `left` ones that there are, and zeros. */
#ifdef __SSE2__
enum { STEP = 16 };
typedef __m128i block;
static inline block load(const char *at, size_t left)
{
    if (left >= STEP)
        return _mm_loadu_si128((const __m128i *)at);
    if (left < 8)
        return _mm_cvtsi64_si128((long long)load_some(at, left));
    uint64_t high = left == 8 ? 0 : load8(at + left - 8) >> 8 * (STEP - left);
    return _mm_set_epi64x((long long)high, (long long)load8(at));
}
static inline void store(char *to, block v)
{
    _mm_storeu_si128((__m128i *)to, v);
}
/* How many at its beginning are plain, at most left. */
static inline size_t n_plain(block v, size_t left)
{
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), /* signed: >= 0x80 too */
                                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
    return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(special) | 1u << left);
}
#else
enum { STEP = 8 };
typedef uint64_t block;
static inline block load(const char *at, size_t left)
{
    return left >= STEP ? load8(at) : load_some(at, left);
}
static inline void store(char *to, block v)
{
    v = htole64(v);
    memcpy(to, &v, STEP);
}
static inline size_t n_plain(block v, size_t left)
{
    uint64_t special = special8(v);
    size_t n = special ? (size_t)__builtin_ctzll(special) / 8 : STEP;
    return n < left ? n : left;
}
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

static char *escape_ascii(char *to, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* from 0x08 */
    *to++ = '\\';
    if (c >= 0x08 && c <= 0x0d && names[c - 0x08]) {
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
static size_t escape_other(char **to, const char *at, size_t left)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80) {
        *to = escape_ascii(*to, c);
        return 1;
    }
    size_t n = json_utf8_len((const unsigned char *)at, left);
    memcpy(*to, n ? at : "\xef\xbf\xbd", n ? n : 3);
    *to += n ? n : 3;
    return n ? n : 1;
}

static inline size_t escape_one(char **to, const char *at, size_t left)
{
    if (*at != '"' && *at != '\\')
        return escape_other(to, at, left);
    (*to)[0] = '\\';
    (*to)[1] = *at;
    *to += 2;
    return 1;
}

size_t json_plain_len(const char *bytes, size_t len)
{
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        uint64_t special = special8(load8(bytes + at));
        if (special)
            return at + (size_t)__builtin_ctzll(special) / 8;
    }
    while (at < len && is_plain((unsigned char)bytes[at]))
        at++;
    return at;
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

char *json_escape_at(char *to, const char *bytes, size_t len)
{
    const char *end = bytes + len;
    while (bytes < end) {
        size_t left = (size_t)(end - bytes), step = left < STEP ? left : STEP;
        block v = load(bytes, left);
        store(to, v);
        size_t n = n_plain(v, step);
        to += n;
        bytes += n;
        if (n < step)
            bytes += escape_one(&to, bytes, left - n);
    }
    return to;
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
