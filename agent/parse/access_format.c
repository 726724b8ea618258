/* access_format.c: the format of an access log as pieces of text and fields, and lines taken apart by it; see access.h.
 *
 * Happy path: the text before a field is compared, the field ends where the text behind it is found; no allocation, no pattern.
 * Failure modes: a line that is not wholly of the format does not match, and neither does one whose number is none.
 * On close: access_format_free.
 */
#include "access.h"

#include <posta/json.h>

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- making ---- */

static char *copy_as_json(const char *name, size_t len)
{
    struct buf text = BUF_INIT;
    json_escape(&text, name, len);
    return (char *)buf_str(&text);
}

int access_add(struct access_format *format, const char *text, size_t len, enum slot slot,
               const char *name, size_t name_len, struct err *err)
{
    struct access_piece *before = format->n ? &format->pieces[format->n - 1] : NULL;
    if (before && len == 0 && slot != SLOT_NOTHING)
        return err_set(err, ERR_CONFIG,
                       "format: two fields with nothing between them: where the first ends cannot "
                       "be known");
    if (before && before->slot != SLOT_NOTHING && len > 0 && *text == '"')
        before->is_quoted = before->len > 0 && before->text[before->len - 1] == '"';
    format->pieces = mem_grow(format->pieces, format->n + 1, sizeof *format->pieces);
    struct access_piece *piece = &format->pieces[format->n++];
    *piece = (struct access_piece) {.text = mem_alloc(len + 1), .len = len, .slot = slot};
    memcpy(piece->text, text, len);
    piece->text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        format->n_quotes += text[i] == '"';
    if (slot == SLOT_OTHER) {
        piece->name = copy_as_json(name, name_len);
        piece->is_list = name_len > 9 && memcmp(name, "upstream_", 9) == 0;
    }
    return 0;
}

void access_format_free(struct access_format *format)
{
    for (size_t i = 0; i < format->n; i++) {
        free(format->pieces[i].text);
        free(format->pieces[i].name);
    }
    free(format->pieces);
    *format = (struct access_format) {.n = 0};
}

/* ---- values ---- */

static bool is_nothing(struct span value)
{
    return value.len == 0 || (value.len == 1 && *value.at == '-');
}

static bool is_digits(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    return value.len > 0 && value.len < 19 && (value.len == 1 || *value.at != '0');
}

/* "0.123"; "1" */
static bool is_decimal(struct span value)
{
    size_t n_dots = 0;
    for (size_t i = 0; i < value.len; i++) {
        n_dots += value.at[i] == '.';
        if (value.at[i] != '.' && (value.at[i] < '0' || value.at[i] > '9'))
            return false;
    }
    return value.len > 0 && value.len < 19 && n_dots <= 1 && *value.at != '.';
}

/* One address or name, or a list of them with commas. */
static bool is_address(struct span value)
{
    const char *space = memchr(value.at, ' ', value.len);
    while (space) {
        if (space == value.at || space[-1] != ',')
            return false;
        space = memchr(space + 1, ' ', (size_t)(value.at + value.len - space - 1));
    }
    return true;
}

static bool is_value_of(enum slot slot, struct span value)
{
    switch (slot) {
    case SLOT_ADDRESS:
        return is_address(value);
    case SLOT_STATUS:
        return value.len == 3 && is_digits(value);
    case SLOT_BODY_BYTES:
    case SLOT_BYTES:
    case SLOT_REQUEST_BYTES:
    case SLOT_PORT:
    case SLOT_MILLIS:
    case SLOT_MICROS:
        return is_digits(value);
    case SLOT_SECONDS:
        return is_decimal(value);
    default:
        return true;
    }
}

static int64_t time_of(enum slot slot, struct span value)
{
    const char *at = value.at, *end = at + value.len;
    int64_t time_ms = NO_STAMP;
    if (slot == SLOT_CLF)
        time_ms = stamp_clf(&at, end);
    else if (slot == SLOT_ISO)
        time_ms = stamp_rfc3339(&at, end);
    else
        return stamp_epoch(value.at, value.len);
    return at == end ? time_ms : NO_STAMP;
}

static bool set_time(struct access_line *line, enum slot slot, struct span value,
                     struct access_memo *memo)
{
    if (value.len != memo->len || slot != memo->slot ||
        memcmp(value.at, memo->text, value.len) != 0) {
        memo->len = 0;
        memo->slot = slot;
        memo->time_ms = time_of(slot, value);
        if (slot == SLOT_EPOCH_MS && memo->time_ms != NO_STAMP)
            memo->time_ms /= 1000;
        if (value.len <= sizeof memo->text && memo->time_ms != NO_STAMP)
            memcpy(memo->text, value.at, memo->len = value.len);
    }
    line->time_ms = memo->time_ms;
    return memo->time_ms != NO_STAMP;
}

/* Of two with one name the last counts. */
static void set_other(struct access_line *line, const char *name, size_t name_len,
                      struct span value)
{
    struct access_other *other = line->others, *end = other + line->n_others;
    while (other < end &&
           !(other->name_len == name_len && memcmp(other->name, name, name_len) == 0))
        other++;
    if (other == line->others + ACCESS_OTHERS)
        return;
    *other = (struct access_other) {.name = name, .name_len = name_len, .value = value};
    line->n_others += other == end;
}

bool access_set(struct access_line *line, enum slot slot, const char *name, size_t name_len,
                struct span value, struct access_memo *memo)
{
    if (slot == SLOT_NOTHING || is_nothing(value))
        return true;
    if (slot < N_SLOTS) {
        static const uint32_t checked = 1u << SLOT_ADDRESS | 1u << SLOT_STATUS |
                                        1u << SLOT_BODY_BYTES | 1u << SLOT_BYTES |
                                        1u << SLOT_REQUEST_BYTES | 1u << SLOT_PORT |
                                        1u << SLOT_SECONDS | 1u << SLOT_MILLIS | 1u << SLOT_MICROS;
        line->slots[slot] = value;
        return !(checked >> slot & 1) || is_value_of(slot, value);
    }
    if (slot != SLOT_OTHER)
        return set_time(line, slot, value, memo);
    set_other(line, name, name_len, value);
    return true;
}

/* ---- matching ---- */

/* Texts of a format are a few bytes: a call would cost more. */
static inline bool are_same(const char *a, const char *b, size_t len)
{
    size_t i = 0;
    while (i < len && a[i] == b[i])
        i++;
    return i == len;
}

static const char *find_slowly(const char *at, const char *end, const char *text, size_t len)
{
    while ((size_t)(end - at) >= len && (at = memchr(at, *text, (size_t)(end - at)))) {
        if ((size_t)(end - at) >= len && are_same(at, text, len))
            return at;
        at++;
    }
    return NULL;
}

/* The first two bytes are looked for in sixteen places at a time. */
static const char *find_text(const char *at, const char *end, const char *text, size_t len)
{
#ifdef __SSE2__
    const __m128i first = _mm_set1_epi8(text[0]), second = _mm_set1_epi8(text[len > 1]);
    const size_t ahead = len > 1;
    for (; end - at >= 17; at += 16) {
        __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), first);
        __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(at + ahead)), second);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_and_si128(a, b));
        for (; mask; mask &= mask - 1) {
            const char *found = at + __builtin_ctz(mask);
            if ((size_t)(end - found) >= len && are_same(found, text, len))
                return found;
        }
    }
#endif
    return find_slowly(at, end, text, len);
}

/* The same, for a field between quotes. */
static const char *find_quoted(const char *at, const char *end, const char *text, size_t len)
{
    const char *begin = at, *found;
    while ((found = find_text(at, end, text, len))) {
        size_t n_slashes = 0;
        while (found - n_slashes > begin && found[-1 - (ptrdiff_t)n_slashes] == '\\')
            n_slashes++;
        if (n_slashes % 2 == 0)
            return found;
        at = found + 1;
    }
    return NULL;
}

/* Servers of one group have commas between them, groups colons. */
static bool list_goes_on(const char *at, const char *found, const char *end)
{
    return (found > at && (found[-1] == ',' || found[-1] == ':')) ||
           (end - found >= 3 && memcmp(found, " : ", 3) == 0);
}

static const char *find_end(const struct access_piece *piece, const char *at, const char *end)
{
    const struct access_piece *next = piece + 1;
    if (next->len == 0)
        return end;
    if (piece->is_quoted)
        return find_quoted(at, end, next->text, next->len);
    const char *found = find_text(at, end, next->text, next->len);
    while (found && piece->is_list && list_goes_on(at, found, end))
        found = find_text(found + 1, end, next->text, next->len);
    return found;
}

static inline bool has_text(const char *at, const char *end, const struct access_piece *piece)
{
    return (size_t)(end - at) >= piece->len && are_same(at, piece->text, piece->len);
}

static void line_clear(struct access_line *line)
{
    memset(line->slots, 0, sizeof line->slots);
    line->n_others = 0;
    line->time_ms = NO_STAMP;
    line->plain = NULL;
}

bool access_match(const struct access_format *format, struct access_memo *memo, const char *text,
                  size_t len, struct access_line *line)
{
    const char *at = text, *end = text + len;
    line_clear(line);
    for (size_t i = 0; i < format->n; i++) {
        const struct access_piece *piece = &format->pieces[i];
        if (!has_text(at, end, piece))
            return false;
        at += piece->len;
        if (i + 1 == format->n) {
            line->plain = json_is_plain(text, len, format->n_quotes) ? end : NULL;
            return at == end;
        }
        const char *stop = find_end(piece, at, end);
        if (!stop ||
            !access_set(line, piece->slot, piece->name, piece->name ? strlen(piece->name) : 0,
                        (struct span) {.at = at, .len = (size_t)(stop - at)}, memo))
            return false;
        at = stop;
    }
    return false;
}
