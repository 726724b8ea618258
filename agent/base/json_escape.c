/* json_escape.c: bytes from a log into the inside of a JSON string; see json.h.
 *
 * Nearly every byte of a log needs no escape, so blocks of them are tested and copied at once; which way is taken is chosen before
 * main, by what the processor has:
 *
 *   plain     8 bytes, in a register: everywhere, and what the others are tested against
 *   sse2      16 bytes, x86-64
 *   avx2      32 bytes, x86-64
 *   vbmi2     32 bytes to 64, x86-64 with AVX-512 VBMI2: backslashes are put between without a branch
 *   neon      16 bytes, arm64
 *
 * What is no quote, no backslash and no ASCII goes byte by byte in all of them. Copies may write up to JSON_SLACK bytes behind what
 * they copy: the room is there. Nothing is read behind the end.
 */
#include <posta/json.h>

#include <endian.h>
#include <stdint.h>

static const char hex_digits[] = "0123456789abcdef";

/* ---- what is not plain ---- */

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

/* A block of so many bytes was laid at *to, and n of them are plain: go behind those, and behind one that is not. Returns how many
 * bytes were taken. */
static inline size_t pass(char **to, const char *at, size_t left, size_t n, size_t block)
{
    *to += n;
    return n < block ? n + escape_one(to, at + n, left - n) : n;
}

/* ---- plain ---- */

static inline uint64_t load8(const char *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return le64toh(v);
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

/* A bit 7 for each of the eight bytes that is a control, a quote, a backslash or >= 0x80; bytes above the lowest such one
 * may have it too. */
static inline uint64_t special8(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u, highs = ones * 0x80;
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    return ((v - ones * 0x20) | (quote - ones) | (slash - ones) | v) & highs;
}

/* How many of at most eight bytes at the beginning are plain. */
static inline size_t plain8(uint64_t v, size_t left)
{
    uint64_t special = special8(v);
    size_t n = special ? (size_t)__builtin_ctzll(special) / 8 : 8;
    return n < left ? n : left;
}

size_t json_plain_len(const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t left = len - at, step = left < 8 ? left : 8;
        size_t n = plain8(step < 8 ? load_some(bytes + at, left) : load8(bytes + at), step);
        at += n;
        if (n < step)
            break;
    }
    return at;
}

static char *escape_plain(char *to, const char *at, size_t len)
{
    for (size_t taken; len > 0; at += taken, len -= taken) {
        size_t step = len < 8 ? len : 8;
        uint64_t v = step < 8 ? load_some(at, len) : load8(at), out = htole64(v);
        memcpy(to, &out, 8);
        taken = pass(&to, at, len, plain8(v, step), step);
    }
    return to;
}

static bool is_always(void)
{
    return true;
}

/* ---- in vectors of sixteen: x86-64 and arm64 have those always ---- */

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_VECTORS
#define VECTORS "sse2"

typedef __m128i vector;
static inline vector vector_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}
static inline vector vector_of(uint64_t low, uint64_t high)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}
static inline void vector_store(char *to, vector v)
{
    _mm_storeu_si128((__m128i *)to, v);
}
/* How many at its beginning are plain, at most left. */
static inline size_t vector_plain(vector v, size_t left)
{
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), /* signed: >= 0x80 too */
                                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
    return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(special) | 1u << left);
}
#elif defined(__aarch64__)
#include <arm_neon.h>
#define HAVE_VECTORS
#define VECTORS "neon"

typedef uint8x16_t vector;
static inline vector vector_load(const char *at)
{
    return vld1q_u8((const uint8_t *)at);
}
static inline vector vector_of(uint64_t low, uint64_t high)
{
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}
static inline void vector_store(char *to, vector v)
{
    vst1q_u8((uint8_t *)to, v);
}
/* Narrowed to four bits a byte, which is what NEON has for a mask. */
static inline size_t vector_plain(vector v, size_t left)
{
    uint8x16_t special =
        vorrq_u8(vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20)),
                 vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\'))));
    uint64_t bits =
        vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(special), 4)), 0);
    size_t n = bits ? (size_t)__builtin_ctzll(bits) / 4 : sizeof v;
    return n < left ? n : left;
}
#endif

#ifdef HAVE_VECTORS
enum { VECTOR = sizeof(vector) };

/* The last bytes, and zeros. */
static inline vector vector_load_some(const char *at, size_t left)
{
    if (left < 8)
        return vector_of(load_some(at, left), 0);
    return vector_of(load8(at), left == 8 ? 0 : load8(at + left - 8) >> 8 * (VECTOR - left));
}

static char *escape_vectors(char *to, const char *at, size_t len)
{
    for (size_t taken; len > 0; at += taken, len -= taken) {
        size_t step = len < VECTOR ? len : VECTOR;
        vector v = step < VECTOR ? vector_load_some(at, len) : vector_load(at);
        vector_store(to, v);
        taken = pass(&to, at, len, vector_plain(v, step), step);
    }
    return to;
}
#endif

/* ---- x86-64, where it has more ---- */

#ifdef __x86_64__
#define WITH_AVX2  __attribute__((target("avx2,bmi")))
#define WITH_VBMI2 __attribute__((target("avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,popcnt")))
enum { BLOCK = 32 };

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

static bool has_vbmi2(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2") && has_avx2();
}

WITH_AVX2 static inline uint32_t special_of(__m256i v)
{
    __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v); /* signed: >= 0x80 too */
    __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, slash)));
}

WITH_AVX2 static char *escape_avx2(char *to, const char *at, size_t len)
{
    for (size_t taken; len >= BLOCK; at += taken, len -= taken) {
        __m256i v = _mm256_loadu_si256((const __m256i *)at);
        uint32_t special = special_of(v);
        _mm256_storeu_si256((__m256i *)to, v);
        taken = pass(&to, at, len, special ? (size_t)__builtin_ctz(special) : BLOCK, BLOCK);
    }
    return escape_vectors(to, at, len);
}

/* Each byte with a backslash before it; then those backslashes are left out that are before what needs none. n: so many bytes. */
WITH_VBMI2 static inline char *put_quoted(char *to, __m256i v, uint32_t quoted, size_t n)
{
    const uint64_t odd = 0xaaaaaaaaaaaaaaaa;
    __m512i pairs =
        _mm512_or_si512(_mm512_slli_epi16(_mm512_cvtepu8_epi16(v), 8), _mm512_set1_epi16('\\'));
    uint64_t kept = _bzhi_u64(_pdep_u64(quoted, ~odd) | odd, (unsigned)(2 * n));
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(kept, pairs));
    return to + _mm_popcnt_u64(kept);
}

WITH_VBMI2 static char *escape_vbmi2(char *to, const char *at, size_t len)
{
    while (len > 0) {
        size_t step = len < BLOCK ? len : BLOCK;
        __mmask32 there = _bzhi_u32(UINT32_MAX, (unsigned)step);
        __m256i v = _mm256_maskz_loadu_epi8(there, at);
        uint32_t quoted = _mm256_cmpeq_epi8_mask(v, _mm256_set1_epi8('"')) |
                          _mm256_cmpeq_epi8_mask(v, _mm256_set1_epi8('\\'));
        uint32_t other = _mm256_mask_cmplt_epi8_mask(there, v, _mm256_set1_epi8(0x20));
        size_t n = other ? (size_t)__builtin_ctz(other) : step;
        to = put_quoted(to, v, quoted, n);
        if (other)
            n += escape_other(&to, at + n, len - n);
        at += n;
        len -= n;
    }
    return to;
}
#endif

/* ---- which one ---- */

static const struct json_escaper escapers[] = {
    {"plain", is_always, escape_plain},
#ifdef HAVE_VECTORS
    {VECTORS, is_always, escape_vectors},
#endif
#ifdef __x86_64__
    {"avx2", has_avx2, escape_avx2},
    {"vbmi2", has_vbmi2, escape_vbmi2},
#endif
    {0},
};

const struct json_escaper *json_escapers(void)
{
    return escapers;
}

static char *(*chosen)(char *, const char *, size_t) = escape_plain;

/* Before main: no locking. The last one that there is. */
__attribute__((constructor)) static void choose(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
#endif
    for (const struct json_escaper *way = escapers; way->name; way++)
        if (way->is_usable())
            chosen = way->escape_at;
}

char *json_escape_at(char *to, const char *bytes, size_t len)
{
    return chosen(to, bytes, len);
}
