/* regex.h: patterns from the configuration, by PCRE2 (what Beats' RE2 accepts, PCRE2 accepts). */
#ifndef POSTA_REGEX_H
#define POSTA_REGEX_H

#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>

struct regex;

/* Compile; CONFIG with the place in the pattern if it is not one. Caller frees. */
int regex_new(struct regex **re, const char *pattern, struct err *err) MUST_CHECK;
void regex_free(struct regex *re); /* NULL is fine */
/* True if it is found anywhere in text. Not for two threads at once. */
bool regex_finds(const struct regex *re, const char *text, size_t len);

#endif
