/* values.c: texts with a unit to numbers, safe against overflow. */
#include "node.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit sizes[] = {
    {"", 1},
    {"b", 1},
    {"k", 1ull << 10},
    {"kb", 1ull << 10},
    {"kib", 1ull << 10},
    {"m", 1ull << 20},
    {"mb", 1ull << 20},
    {"mib", 1ull << 20},
    {"g", 1ull << 30},
    {"gb", 1ull << 30},
    {"gib", 1ull << 30},
    {"t", 1ull << 40},
    {"tb", 1ull << 40},
    {"tib", 1ull << 40},
    {NULL, 0},
};

static const struct unit spans[] = {
    {"ns", 1},
    {"us", 1000},
    {"µs", 1000}, /* micro sign */
    {"μs", 1000}, /* Greek mu */
    {"ms", 1000 * 1000},
    {"s", 1000 * 1000 * 1000},
    {"m", 60ull * 1000 * 1000 * 1000},
    {"h", 3600ull * 1000 * 1000 * 1000},
    {NULL, 0},
};

static int fail(struct err *err, const char *expected, const char *text)
{
    return err_set(err, ERR_CONFIG, "expected %s, found '%.64s'", expected, text);
}

static int fail_large(struct err *err, const char *text)
{
    return err_set(err, ERR_CONFIG, "'%.64s' is too large", text);
}

int parse_bool(const char *text, bool *out, struct err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i], text) == 0) {
            *out = i % 2 == 1;
            return 0;
        }
    }
    return fail(err, "true or false", text);
}

int parse_count(const char *text, uint64_t *out, struct err *err)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)text[0]) || *end != '\0') {
        return fail(err, "a whole number, 0 or more", text);
    }
    if (errno == ERANGE) {
        return fail_large(err, text);
    }
    *out = value;
    return 0;
}

/* ---- Numbers with a unit ----------------------------------------------------------------------------- */

/* 12 or 1.5, the fraction below 1. Steps *p over it. False: no number there, or above 2^64. */
static bool scan_decimal(const char **p, uint64_t *whole, double *fraction)
{
    double place = 0.1;
    *whole = 0;
    *fraction = 0;
    if (!isdigit((unsigned char)**p)) {
        return false;
    }
    for (; isdigit((unsigned char)**p); ++*p) {
        if (__builtin_mul_overflow(*whole, (uint64_t)10, whole) ||
            __builtin_add_overflow(*whole, (uint64_t)(**p - '0'), whole)) {
            return false;
        }
    }
    if (**p == '.' && isdigit((unsigned char)(*p)[1])) {
        for (++*p; isdigit((unsigned char)**p); ++*p, place /= 10) {
            *fraction += (**p - '0') * place;
        }
    }
    return true;
}

/* The unit whose name is the first len bytes, NULL if there is none. */
static const struct unit *find_unit(const struct unit *units, const char *name, size_t len)
{
    for (; units->name != NULL; units++) {
        if (strlen(units->name) == len && strncasecmp(units->name, name, len) == 0) {
            return units;
        }
    }
    return NULL;
}

/* *sum += number * unit. False on overflow. */
static bool add_scaled(uint64_t *sum, uint64_t whole, double fraction, uint64_t unit)
{
    uint64_t scaled;
    uint64_t part = (uint64_t)(fraction * (double)unit + 0.5);
    return !__builtin_mul_overflow(whole, unit, &scaled) &&
           !__builtin_add_overflow(scaled, part, &scaled) &&
           !__builtin_add_overflow(*sum, scaled, sum);
}

int parse_bytes(const char *text, uint64_t *out, struct err *err)
{
    static const char expected[] = "a size such as 4096, 50KB or 16MiB";
    const char *p = text;
    uint64_t whole, sum = 0;
    double fraction;
    if (!scan_decimal(&p, &whole, &fraction)) {
        return isdigit((unsigned char)text[0]) ? fail_large(err, text) : fail(err, expected, text);
    }
    p += *p == ' ';
    const struct unit *unit = find_unit(sizes, p, strlen(p));
    if (unit == NULL) {
        return fail(err, expected, text);
    }
    if (!add_scaled(&sum, whole, fraction, unit->size)) {
        return fail_large(err, text);
    }
    *out = sum;
    return 0;
}

static size_t unit_len(const char *p)
{
    size_t len = 0;
    while (p[len] != '\0' && !isdigit((unsigned char)p[len])) {
        len++;
    }
    return len;
}

/* One number with its unit; one alone is seconds. Steps *p over it. */
static int scan_span(const char *text, const char **p, bool is_first, uint64_t *sum,
                     struct err *err)
{
    static const char expected[] = "a duration such as 5s, 100ms or 1h30m";
    uint64_t whole;
    double fraction;
    if (!scan_decimal(p, &whole, &fraction)) {
        return isdigit((unsigned char)**p) ? fail_large(err, text) : fail(err, expected, text);
    }
    size_t len = unit_len(*p);
    const struct unit *unit =
        is_first && len == 0 ? find_unit(spans, "s", 1) : find_unit(spans, *p, len);
    if (unit == NULL) {
        return fail(err, expected, text);
    }
    *p += len;
    return add_scaled(sum, whole, fraction, unit->size) ? 0 : fail_large(err, text);
}

int parse_duration(const char *text, int64_t *out_ns, struct err *err)
{
    uint64_t sum = 0;
    bool is_negative = text[0] == '-', is_first = true;
    const char *p = text + (is_negative || text[0] == '+');
    do {
        if (scan_span(text, &p, is_first, &sum, err) != 0) {
            return -1;
        }
        is_first = false;
    } while (*p != '\0');
    if (sum > INT64_MAX) {
        return fail_large(err, text);
    }
    *out_ns = is_negative ? -(int64_t)sum : (int64_t)sum;
    return 0;
}
