/* regex.h: patterns from the configuration: RE2's syntax, as Beats take it, matched by PCRE2.
 *
 * What RE2 does not have (look-around, back-references, possessive and atomic groups, ..) and what means something else there
 * is refused, so that a pattern does the same here as in Beats. Matching has a limit: no pattern can hang the agent.
 */
#ifndef POSTA_REGEX_H
#define POSTA_REGEX_H

#include <posta/err.h>
#include <posta/plugin.h>
#include <stdbool.h>
#include <stddef.h>

struct regex;

/* Compile; CONFIG with the place in the pattern if it is not one. Caller frees. */
int regex_new(struct regex **re, const char *pattern, struct err *err) MUST_CHECK;
void regex_free(struct regex *re); /* NULL is fine */
/* 1 = it is found somewhere in text, 0 = it is not, -1 = the limit was reached before that was known. Bytes that are no UTF-8
 * match nothing. Not for two threads at once. */
int regex_try(const struct regex *re, const char *text, size_t len);
/* The same; not known = false. */
bool regex_finds(const struct regex *re, const char *text, size_t len);

/* Would RE2 take it, and does it mean the same here? CONFIG with the place in the pattern if not. */
int regex_check_syntax(const char *pattern, struct err *err) MUST_CHECK;

struct regex_list {
    struct regex **at;
    size_t n;
};
int regex_list_new(struct regex_list *list, const struct str_list *patterns,
                   struct err *err) MUST_CHECK;
void regex_list_free(struct regex_list *list); /* fine twice */
/* As regex_try, for any of them. */
int regex_list_try(const struct regex_list *list, const char *text, size_t len);

#endif
