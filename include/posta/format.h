/* format.h: Beats' format strings: text with %{[field]}, %{[a][b]}, %{[field]:default}, %{+yyyy.MM.dd}. A backslash takes away the
 * meaning of what follows it. */
#ifndef POSTA_FORMAT_H
#define POSTA_FORMAT_H

#include <posta/lookup.h>
#include <stdint.h>

struct format;

/* CONFIG with what is wrong. Caller frees. */
int format_new(struct format **format, const char *text, struct err *err) MUST_CHECK;
void format_free(struct format *format); /* NULL is fine */

/* The i-th field that it names; NULL behind the last. */
const char *format_field(const struct format *format, size_t i);
bool format_has_time(const struct format *format);

/* Append what it stands for; %{+..} is of time_ms. A field that is not there, or is no text, number or truth value, and has no
 * default: false, *missing names it, and what was appended is rubbish. */
bool format_put(const struct format *format, struct lookup *lookup, int64_t time_ms,
                struct buf *out, const char **missing);
/* The same with its times left open: a format of texts and times alone. NULL if a field is missing. */
struct format *format_bind(const struct format *format, struct lookup *lookup,
                           const char **missing);
/* Of a bound one: a regular expression that every result matches. */
void format_put_pattern(const struct format *format, struct buf *out);

#endif
