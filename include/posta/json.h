/* json.h: writing JSON into a buf. Output is always valid UTF-8 JSON, whatever bytes come in. */
#ifndef POSTA_JSON_H
#define POSTA_JSON_H

#include <posta/buf.h>

/* Append the inside of a JSON string (no quotes). Control bytes become \n, \t, \u00XX; quote and backslash
 * are escaped; each byte that is not part of valid UTF-8 (RFC 3629) becomes one U+FFFD. Grows out by at most
 * 6 * len. */
void json_escape(struct buf *out, const char *bytes, size_t len);

/* Append "text" with quotes. */
void json_string(struct buf *out, const char *text);

#endif
