/* plugin.h: how a part (input, output, global section) tells the rest what it can be told.
 *
 * A part declares a const table of options beside its code. From that table come: the defaults, the
 * checks with file:line:column, `posta export config`, the reference file and the manual. The struct the
 * options are read into is the part's own; `at` is the offset in it.
 */
#ifndef POSTA_PLUGIN_H
#define POSTA_PLUGIN_H

#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct node; /* a place in the configuration; config/ knows its shape */

/* Type of the field at `at`, and what the text in the file may be. */
enum option_type {
    OPT_TEXT,     /* char *: NULL when unset and without default; freed by options_free */
    OPT_BOOL,     /* bool: true|false|yes|no|on|off */
    OPT_COUNT,    /* uint64_t: a whole number */
    OPT_BYTES,    /* uint64_t: 4096, 50KB, 50KiB, 16MB (powers of 1024, as Beats), 1GB */
    OPT_DURATION, /* int64_t nanoseconds: 5s, 100ms, 1m30s, 1h; a bare number is seconds */
    OPT_WORD,     /* int: index into `words`; -1 when unset without default */
    OPT_LIST,     /* struct str_list: a list of texts; a single text is a list of one */
    OPT_MAP,      /* const struct node *: any mapping, borrowed from the configuration */
    OPT_NODES,    /* struct node_list: a list of mappings, read later by another table */
    OPT_IGNORED, /* a Beats key that posta does not need: accepted; `doc` says why, in one clause */
    OPT_REFUSED, /* a Beats key that posta cannot honour: an error; `doc` says what to do instead */
};

struct str_list {
    char **at;
    size_t n;
};

struct node_list {
    const struct node **at;
    size_t n;
};

struct option {
    const char *name; /* dotted, below the part's section: "ssl.certificate" */
    enum option_type type;
    const char *def;          /* default as text, NULL = unset */
    const char *min, *max;    /* bounds as text, NULL = none */
    const char *const *words; /* OPT_WORD: the accepted words, NULL-terminated */
    bool required;            /* must be set and not empty */
    bool secret;              /* shown as xxxxx by `export config` */
    bool reload;              /* may change without a restart */
    bool own;                 /* posta's own key, not one of Beats */
    size_t at;                /* offset of the field */
    const char *doc;          /* one sentence for reference and manual */
};

/* A counter that a part exports. */
struct stat_row {
    const char *name; /* "lines_read" */
    const char *unit; /* "lines", "bytes" */
    size_t at;        /* offset of a uint64_t in the part's stats struct */
    const char *doc;
};

static inline uint64_t stat_value(const void *stats, size_t at)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + at, sizeof value);
    return value;
}

#endif
