/* members.h: members of a JSON object, written by dotted name: "system.cpu.user.pct" opens and closes the objects it needs.
 *
 * Names with the same beginning follow one another, or the object would have a member twice. Values are never NaN. The buffers
 * are reused. One thread.
 */
#ifndef POSTA_MEMBERS_H
#define POSTA_MEMBERS_H

#include <posta/buf.h>
#include <stdbool.h>
#include <stdint.h>

enum { MEMBERS_PATH = 256, MEMBERS_DEPTH = 16 };

/* What is not known: not written. */
#define NO_VALUE UINT64_MAX

struct members {
    struct buf json;         /* "a":1,"b":{"c":2 */
    const char *prefix;      /* put before each name with a dot; NULL = none */
    char open[MEMBERS_PATH]; /* names of the objects that are open, with dots */
    bool has_one;            /* in the innermost object */
};

/* Begin anew, without prefix. */
void members_clear(struct members *members);
void members_free(struct members *members);
/* Close what is open; the buffer has then members with commas between, no braces around. */
const struct buf *members_end(struct members *members);

void members_u64(struct members *members, const char *name,
                 uint64_t value); /* NO_VALUE, and what is no long: left out */
/* Rounded to 4 decimals, as Beats do; what is no number is left out. */
void members_float(struct members *members, const char *name, double value);
/* All digits that count. */
void members_exact(struct members *members, const char *name, double value);
void members_text(struct members *members, const char *name, const char *text, size_t len);
/* Up to its NUL; NULL: left out. */
void members_str(struct members *members, const char *name, const char *text);
void members_bool(struct members *members, const char *name, bool value);
/* Ready JSON: the caller appends the value to members->json. */
void members_name(struct members *members, const char *name);

#endif
