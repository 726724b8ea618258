/* config.h: from posta.yml, -E and the environment to checked structs, with file:line:column kept.
 *
 * The way of the data:
 *
 *     file, -E ── yaml, setting ── merge ── expand ── options ──► the part's struct
 *     (bytes)     (tree)           (one)    (${..})   (checked)
 *
 *     struct config *config = config_new(NULL);
 *     config_add_file(config, "posta.yml", &problems);            each -c, in order
 *     config_add_setting(config, "output.kafka.topic=x", &problems);       each -E, in order
 *     config_add_default(config, "path.data", "/var/lib/posta");  what ${path.data} means when unset
 *     config_expand(config, NULL, &problems);
 *     options_read(node_get(config_root(config), "output.kafka"), "output.kafka", rows, &kafka, &problems);
 *
 * What is wrong in a configuration comes in numbers and is shown together, so these functions take
 * `struct problems *` last instead of `struct err *`: they return -1 when they added an error, and go on as
 * far as they can. A field whose text was wrong holds its default.
 *
 * Ownership: nodes belong to their `struct config` and live until config_free; every `const struct node *`
 * here is borrowed from it. NULL is a fine node everywhere: it reads as an absent one.
 * Not thread-safe; all of it runs at start, or in the loop thread on reload.
 */
#ifndef POSTA_CONFIG_H
#define POSTA_CONFIG_H

#include <posta/buf.h>
#include <posta/config_node.h>
#include <posta/err.h>
#include <posta/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bounds: beyond them a configuration is refused. */
enum {
    CONFIG_FILE_BYTES = 1024 * 1024, /* one file */
    CONFIG_DEPTH = 64,               /* mappings and lists inside each other, dotted keys counted */
    CONFIG_NODES = 64 * 1024, /* values in all files together, copies by alias or ${..} counted */
    CONFIG_KEYS = 4096,       /* keys of one mapping */
    CONFIG_KEY_BYTES = 255,   /* one key, with its dots */
    CONFIG_REFERENCES = 32,   /* ${..} leading to ${..} leading to .. */
};

/* ---- The configuration ------------------------------------------------------------------------------- */

struct config;

/* Where ${NAME} is looked up after the configuration itself. A found value is borrowed until the next
 * lookup. Unset functions mean: no keystore, and getenv(3). */
struct config_vars {
    const char *(*keystore)(void *self, const char *name);    /* taken as it is */
    const char *(*environment)(void *self, const char *name); /* a,b [a,b] "x" 'x' are understood */
    void *self;
};

/* An empty configuration. outer: where ${a.b} is looked up when it is not in this one (the main file, for
 * a file of inputs.d); borrowed, NULL for none. Returns, caller frees. */
struct config *config_new(const struct config *outer);
/* Frees it with every node; NULL is fine. */
void config_free(struct config *config);

/* Merge a file over what is there: mappings merge, all else is replaced; a mapping meeting a text or a list
 * is an error that names both places. `a.b: x` equals `a: {b: x}` at every level. An unreadable file and
 * wrong YAML are errors; a file writable by group or others gets a warning. A file whose top is a list
 * (inputs.d) is accepted when it is the only one: see node_kind(config_root()). */
int config_add_file(struct config *config, const char *path, struct problems *problems) MUST_CHECK;
/* The same from memory; source is the name shown in problems. Borrows nothing. */
int config_add_bytes(struct config *config, const char *source, const void *bytes, size_t len,
                     struct problems *problems) MUST_CHECK;
/* Merge one -E: "key=value". The value is understood as Beats does: text, a,b [a,b] {k: v} "x" 'x'; a key
 * without = is true. Problems show it as "-E output.kafka.topic: ..". */
int config_add_setting(struct config *config, const char *setting,
                       struct problems *problems) MUST_CHECK;
/* Set a dotted key, only when no file and no -E has set it; text as in -E and may hold ${..}. Call after
 * the files and settings. Made for path.home, path.data; shown as "default of path.data". */
void config_add_default(struct config *config, const char *key, const char *text);
/* Replace ${NAME}, ${NAME:default}, ${NAME:?message}, ${NAME:+alternative} in every text; `$$` is a dollar
 * sign. Call once, after all was added. vars NULL: the environment only. */
int config_expand(struct config *config, const struct config_vars *vars,
                  struct problems *problems) MUST_CHECK;

/* The top: a mapping (empty when nothing was added), or a list: see config_add_file. */
const struct node *config_root(const struct config *config);

/* ---- Options ---------------------------------------------------------------------------------------- */

/* The one enabled part of a section, as `output` has: returns it and sets *name to its key. None: NULL, *name
 * NULL, no problem added. More than one: NULL and an error that names both places. what: "output". */
const struct node *config_choose(const struct node *map, const char *what, const char **name,
                                 struct problems *problems);

/* The same where others own part of the keys: those named in taken (dotted, NULL-terminated) and all below
 * them are theirs. Made for the top: taken is {"filebeat", "output", ...}. */
int options_read_beside(const struct node *map, const char *section, const struct option *rows,
                        const char *const *taken, void *self, struct problems *problems) MUST_CHECK;
/* The top-level keys that nobody reads: neither named in taken nor in rows, which say what to tell about
 * Beats' other sections (OPT_IGNORED, OPT_REFUSED; rows of other types are read elsewhere and only known
 * here). Wants a mapping at the top. */
int config_check_unknown(const struct node *root, const char *const *taken,
                         const struct option *rows, struct problems *problems) MUST_CHECK;

/* Texts with a unit, as in the tables and on the command line. Return 0, or -1 with ERR_CONFIG and
 * "expected a duration such as 5s, 100ms or 1h30m, found '5 sec'"; *out is untouched on failure. */
int parse_bool(const char *text, bool *out, struct err *err) MUST_CHECK;
int parse_count(const char *text, uint64_t *out, struct err *err) MUST_CHECK;
int parse_bytes(const char *text, uint64_t *out, struct err *err) MUST_CHECK;

/* ---- Printing ---------------------------------------------------------------------------------------- */

/* The configuration as YAML, merged and expanded. with_defaults: also the defaults of unset options, in the
 * sections that are there. Shown as xxxxx: rows marked secret, keys with the names Beats hides (password,
 * passphrase, token, authorization, ..), private keys given inline, passwords in URLs. */
void config_export(FILE *out, const struct node *root, const struct config_section *sections,
                   bool with_defaults);

/* One section of the reference file: YAML with every option commented out, at its default, under its
 * sentence, type, bounds. Own keys are marked. In the order of the table. */
void options_reference(FILE *out, const char *section, const struct option *rows);
/* The same as mdoc(7) list items, for the manual; the caller prints .Bl and .El. */
void options_manual(FILE *out, const char *section, const struct option *rows);

#endif
