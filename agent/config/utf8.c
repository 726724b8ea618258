/* utf8.c: are these bytes a text that a configuration may be made of?
 *
 * Done before the YAML parser sees them, so that the complaint has a line and a column of ours.
 */
#include "node.h"

/* The length of the well-formed UTF-8 sequence at p, 0 if there is none. RFC 3629: shortest form only, no
 * surrogates, not above U+10FFFF. *point is its code point. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len == 0 || len > left || p[0] > 0xf4) {
        return 0;
    }
    uint32_t value = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least[len] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) {
        return 0;
    }
    *point = value;
    return len;
}

/* What YAML allows in a file. */
static bool is_printable(uint32_t point)
{
    if (point < 0x20) {
        return point == '\t' || point == '\n' || point == '\r';
    }
    if (point >= 0x7f && point < 0xa0) {
        return point == 0x85;
    }
    return point != 0xfffe && point != 0xffff;
}

static int complain(const struct place *place, const unsigned char *p, size_t len, uint32_t point,
                    struct problems *problems)
{
    if (len == 0) {
        return problems_at(problems, PROBLEM_ERROR, place, "byte 0x%02x is not UTF-8", p[0]);
    }
    if (point == 0) {
        return problems_at(problems, PROBLEM_ERROR, place, "NUL byte: this is not a text file");
    }
    return problems_at(problems, PROBLEM_ERROR, place, "control character U+%04X is not allowed",
                       point);
}

int utf8_check(const char *source, const void *bytes, size_t len, struct problems *problems)
{
    const unsigned char *p = bytes, *end = p + len;
    struct place place = {.source = source, .line = 1, .column = 1};
    while (p < end) {
        uint32_t point = 0;
        size_t step = decode(p, (size_t)(end - p), &point);
        bool is_mark = point == 0xfeff; /* of byte order: at the very start only */
        if (step == 0 || !is_printable(point) || (is_mark && p != bytes)) {
            return complain(&place, p, step, point, problems);
        }
        place.column = point == '\n' ? 1 : place.column + !is_mark;
        place.line += point == '\n';
        p += step;
    }
    return 0;
}
