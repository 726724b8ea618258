/* json.h: writing JSON into a buf, and reading JSON that came as a line. What is written is always valid UTF-8 JSON, whatever
 * bytes come in. */
#ifndef POSTA_JSON_H
#define POSTA_JSON_H

#include <posta/buf.h>
#include <posta/err.h>
#include <stdbool.h>

/* ---- writing ---- */

/* Append the inside of a JSON string (no quotes). Control bytes become \n, \t, \u00XX; quote and backslash
 * are escaped; each byte that is not part of valid UTF-8 (RFC 3629) becomes one U+FFFD. Grows out by at most
 * 6 * len. */
void json_escape(struct buf *out, const char *bytes, size_t len);
/* The same at `to`, where there is room for 6 * len + JSON_SLACK bytes. Returns the end of what was written. */
enum { JSON_SLACK = 64 };
char *json_escape_at(char *to, const char *bytes, size_t len);
/* The ways to do that, the plain one first, the one that is taken last of those that are usable; behind them one without a name. */
struct json_escaper {
    const char *name;
    bool (*is_usable)(void); /* on this processor */
    char *(*escape_at)(char *to, const char *bytes, size_t len);
};
const struct json_escaper *json_escapers(void);

/* How many bytes at the beginning need no escape and are ASCII. */
size_t json_plain_len(const char *bytes, size_t len);
/* Does nothing in it need an escape, but for so many quotes? */
bool json_is_plain(const char *bytes, size_t len, size_t n_quotes);

/* Append "text" with quotes. */
void json_string(struct buf *out, const char *text);

/* Length of the valid UTF-8 sequence at `at`, which is no ASCII; 0 if there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
size_t json_utf8_len(const unsigned char *at, size_t left);

/* ---- reading (RFC 8259) ---- */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value as it stands in the text, strings with their quotes. Borrows the text. */
struct json_span {
    enum json_type type;
    const char *at;
    size_t len;
};

enum { JSON_DEPTH_MAX = 64 };

/* Is text one JSON value with nothing but white space around? CORRUPT with what and where if not. Bytes in strings that are no
 * UTF-8 are accepted: json_copy and json_text see to them. */
int json_check(const char *text, size_t len, struct json_span *value, struct err *err) MUST_CHECK;

/* Members of a checked object, one after the other. */
struct json_walk {
    const char *at, *end;
};
struct json_walk json_members(struct json_span object);
/* False at the end. */
bool json_next(struct json_walk *walk, struct json_span *key, struct json_span *value);

/* Items of a checked array, the same way. */
struct json_walk json_items(struct json_span array);
bool json_next_item(struct json_walk *walk, struct json_span *item);

/* Append the text of a checked string: escapes become what they stand for, half surrogates U+FFFD. */
void json_text(struct json_span string, struct buf *out);
/* Append a checked value so that it is valid UTF-8: as it stands, but for bytes that are none and for half surrogates. */
void json_copy(struct json_span value, struct buf *out);
/* Is it this text? For strings without escapes. */
bool json_equals(struct json_span string, const char *text);

#endif
