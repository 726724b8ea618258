/* config_node.h: a place in the configuration, for the part that it belongs to: walking it, reading it by a table, complaining about
 * it with file, line and column. See config.h for where it comes from.
 *
 * Nodes belong to the configuration and live as long as it. NULL is a fine node everywhere: it reads as an absent one.
 */
#ifndef POSTA_CONFIG_NODE_H
#define POSTA_CONFIG_NODE_H

#include <posta/buf.h>
#include <posta/err.h>
#include <posta/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Problems kept; the rest is counted. */
enum { CONFIG_PROBLEMS = 64 };

/* ---- Problems ---------------------------------------------------------------------------------------- */

enum problem_kind {
    PROBLEM_WARNING, /* posta starts */
    PROBLEM_ERROR,   /* posta does not start */
};

struct problem {
    enum problem_kind kind;
    char *text; /* "posta.yml:12:5: unknown key 'output.kafka.hots', did you mean 'hosts'?" */
};

/* In the order they were found; at most CONFIG_PROBLEMS are kept. */
struct problems {
    struct problem *at;
    size_t n;         /* kept */
    size_t n_errors;  /* errors found, kept or not */
    size_t n_dropped; /* found, not kept */
};

#define PROBLEMS_INIT                                                                              \
    {                                                                                              \
        .at = NULL                                                                                 \
    }

/* Add a problem at the node's place; node NULL: without a place. Always returns -1, so that
 * `return problems_error(problems, node, ...)` reads well. The same text twice is kept once. */
int problems_error(struct problems *problems, const struct node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same for a warning. */
void problems_warn(struct problems *problems, const struct node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The first error as one sentence, "<text> (and 2 more)", kind ERR_CONFIG. 0 when there is none, else -1. */
int problems_err(const struct problems *problems, struct err *err) MUST_CHECK;
/* Frees; fine twice and on PROBLEMS_INIT. */
void problems_free(struct problems *problems);

/* ---- Walking ----------------------------------------------------------------------------------------- */

enum node_kind {
    NODE_NULL,   /* absent, empty, ~ or null */
    NODE_SCALAR, /* text, number, truth value: options_read tells which */
    NODE_LIST,
    NODE_MAP,
};

enum node_kind node_kind(const struct node *node);
/* "nothing", "a text", "a list", "a mapping": for `expected .., found ..`. */
const char *node_kind_name(const struct node *node);
/* By dotted path, "output.kafka.hosts", a number for the item of a list: "filebeat.inputs.0.type". NULL when
 * it is not there. */
const struct node *node_get(const struct node *node, const char *path);
/* Items of a list, keys of a mapping, else 0. */
size_t node_count(const struct node *node);
/* The i-th item or value, in the order of the file; NULL beyond the end. */
const struct node *node_at(const struct node *node, size_t i);
/* The i-th key of a mapping; NULL otherwise. */
const char *node_key(const struct node *node, size_t i);
/* All keys of a mapping as "a, b, c", for messages. Appends to buf and returns its text. */
const char *node_keys(const struct node *node, struct buf *buf);
/* The text of a scalar as it stands after expansion, or that a list was read from (`a,b` in a variable);
 * NULL otherwise. */
const char *node_text(const struct node *node);
/* Was it "5" or '5', not 5? Then it is meant as a text. */
bool node_is_quoted(const struct node *node);
/* Appends "posta.yml:12:5" to buf and returns its text; "" for NULL. */
const char *node_where(const struct node *node, struct buf *buf);
/* Is `enabled` of this mapping not false? Absent means enabled, so does what is not a truth value (its own
 * table will complain). */
bool node_is_enabled(const struct node *map);

/* The candidate that was probably meant by a word that is none; NULL when none is close. n candidates. */
const char *suggest(const char *word, const char *const *candidates, size_t n);

/* ---- Options ------------------------------------------------------------------------------------------ */

/* Fill the struct `self` from a mapping by the table: defaults, then what is set, checked. rows end with
 * name NULL. map NULL: defaults only (and `required` complains without a place). section is the dotted name
 * of the mapping, for messages: "output.kafka", "" at the top.
 *
 * self is zeroed, or was filled by an earlier call: then its values are replaced. Every field is written:
 * unset without default is NULL, 0, false, empty, and -1 for OPT_WORD. Two rows may share `at` (a second
 * name for the same thing); give the default to one of them. Two rows of one name are both read. A key that a row names and that other rows
 * continue (take_over: true, take_over.enabled: true) is read by the one that fits.
 * Unknown keys are errors. Returns 0, or -1 when errors were added. Free with options_free. */
int options_read(const struct node *map, const char *section, const struct option *rows, void *self,
                 struct problems *problems) MUST_CHECK;
/* "5s", "1m30s", "100ms"; a bare number is seconds. CONFIG if it is none; *out_ns is untouched then. */
int parse_duration(const char *text, int64_t *out_ns, struct err *err) MUST_CHECK;
/* Free what options_read allocated (secret texts are wiped first) and unset it; fine twice. */
void options_free(const struct option *rows, void *self);

/* Which table reads which section. "filebeat.inputs[]" is a list of mappings read by the same table. Ends
 * with rows NULL. */
struct config_section {
    const char *name;
    const struct option *rows;
};

#endif
