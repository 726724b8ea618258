/* rule.h: what the configuration says about events: conditions and format strings.
 *
 *     condition_read.c   mapping → condition      condition.c   condition, lookup → yes, no, open
 *     format.c           text → parts → text      format_time.c %{+yyyy.MM.dd}
 *     network.c          CIDR and named networks  lookup.c      JSON, name → value
 *
 * Pure: no clock, no file, no log.
 */
#ifndef RULE_RULE_H
#define RULE_RULE_H

#include <posta/condition.h>
#include <posta/format.h>
#include <posta/lookup.h>
#include <posta/regex.h>
#include <stdint.h>

/* ---- condition.c ---- */

enum condition_kind {
    COND_EQUALS,
    COND_CONTAINS,
    COND_REGEXP,
    COND_RANGE,
    COND_NETWORK,
    COND_HAS_FIELDS,
    COND_OR,
    COND_AND,
    COND_NOT
};

/* An address as 16 bytes; IPv4 is ::ffff:a.b.c.d. */
struct address {
    unsigned char bytes[16];
};

struct network {
    int named; /* which of the named ones; -1 = the address range */
    struct address base;
    int prefix; /* bits of the 128 */
};

enum bound { BOUND_GTE, BOUND_GT, BOUND_LTE, BOUND_LT, BOUNDS };

/* One field of a condition, and what it must be. */
struct field_test {
    char *field;
    char *text;          /* equals, contains */
    enum json_type type; /* equals: STRING, NUMBER (an integer) or BOOL */
    struct regex *regex;
    double bound[BOUNDS];
    bool has_bound[BOUNDS];
    struct network *networks; /* any of them */
    size_t n_networks;
};

struct condition {
    enum condition_kind kind;
    struct field_test *tests; /* all of them */
    size_t n_tests;
    struct condition **parts; /* of or, and, not */
    size_t n_parts;
};

/* ---- network.c ---- */

/* "192.0.2.0/24", "2001:db8::/32", "private". CONFIG if it is neither. */
int network_parse(const char *text, struct network *network, struct err *err) MUST_CHECK;
bool network_has(const struct network *network, const struct address *address);
bool address_parse(const char *text, struct address *address);

/* ---- format_time.c ---- */

/* Can this pattern be written? CONFIG with what it does not know. */
int time_pattern_check(const char *pattern, struct err *err) MUST_CHECK;
void time_pattern_put(const char *pattern, int64_t ms, struct buf *out);

#endif
