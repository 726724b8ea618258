/* node.h: the tree behind config.h, for the files of this folder.
 *
 * A tree is made by yaml.c or setting.c, poured into the one of the configuration by merge.c (which alone
 * splits dotted keys), and finished in place by expand.c. After that nothing changes it.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "config.h"

#include <stdarg.h>

struct place {
    const char *source; /* file name as given, "-E <key>", "default of <key>"; one pointer a file */
    uint32_t line, column; /* from 1; column counts characters; line 0: there are no lines */
};

/* How far expand.c is with a scalar. */
enum node_state {
    STATE_RAW,
    STATE_ACTIVE, /* being expanded: meeting it again is a cycle */
    STATE_DONE,
};

struct entry {
    const char *key;    /* NULL in a list */
    uint32_t hash;      /* of key */
    bool is_quoted;     /* the key stood in quotes */
    struct place place; /* of the key */
    struct node *value;
};

struct node {
    enum node_kind kind;
    enum node_state state;
    bool is_quoted;
    bool is_bad; /* its expansion failed: already complained about, read as unset */
    struct place place;
    const char *text; /* scalar; for a list: what it was read from, or NULL */
    struct entry *at; /* list, map */
    size_t n, cap;
};

/* A block of the arena; memory is given out from front to back and all freed at once. */
struct block {
    struct block *next;
    size_t used, cap;
    max_align_t bytes[];
};

struct config {
    struct block *blocks;
    struct node *root; /* a map, or the list of an inputs.d file */
    const struct config *outer;
    size_t n_nodes;    /* bounded by CONFIG_NODES */
    bool is_list_file; /* root came from a file whose top is a list */
};

/* Zeroed memory that lives as long as the configuration. */
void *config_alloc(struct config *config, size_t bytes);
/* A copy of len bytes, terminated. */
char *config_text(struct config *config, const char *text, size_t len);

/* NULL when the configuration holds CONFIG_NODES already: the caller says so. */
struct node *node_new(struct config *config, enum node_kind kind, const struct place *place);
struct node *node_scalar(struct config *config, const char *text, size_t len,
                         const struct place *place);
/* A deep copy; its root takes place, its children keep theirs. NULL when full. */
struct node *node_clone(struct config *config, const struct node *node, const struct place *place);
/* Add at the end; key NULL for a list. */
struct entry *node_add(struct config *config, struct node *node, const char *key,
                       const struct place *place, struct node *value);
struct entry *node_find(const struct node *map, const char *key, size_t len);

/* "posta.yml:12:5" */
void place_put(struct buf *buf, const struct place *place);
int problems_at(struct problems *problems, enum problem_kind kind, const struct place *place,
                const char *fmt, ...) PRINTF_LIKE(4, 5);
void problems_put(struct problems *problems, enum problem_kind kind, const struct place *place,
                  const char *fmt, va_list args) __attribute__((format(printf, 4, 0)));
/* The sentence for a node that could not be made. */
int problems_full(struct problems *problems, const struct place *place);

/* utf8.c: 0 when the bytes are UTF-8 that YAML allows, else an error is added. */
int utf8_check(const char *source, const void *bytes, size_t len,
               struct problems *problems) MUST_CHECK;

/* yaml.c: NULL after adding an error. An empty file is an empty map. */
struct node *yaml_parse(struct config *config, const char *source, const void *bytes, size_t len,
                        struct problems *problems);

/* yaml_explain.c: the sentence for a problem that libyaml named, in line `line` (from 1). Static text. */
const char *yaml_explain(const char *theirs, const char *bytes, size_t len, size_t line);

/* setting.c: what a text from outside YAML means, as Beats reads it: a,b and [a,b] are lists, "x" and 'x'
 * texts, null nothing; with_maps also {k: v}. The place of all nodes is place. NULL: not understood, and
 * err says why. A list remembers the text. */
struct node *setting_parse(struct config *config, const char *text, bool with_maps,
                           const struct place *place, struct err *err);

/* merge.c: pour a parsed tree over the configuration's. */
int config_merge(struct config *config, struct node *tree, struct problems *problems) MUST_CHECK;

enum { EXPAND_WORK = 4 * CONFIG_FILE_BYTES }; /* stops bombs */

/* Under expansion: what expand.c and lookup.c share. */
struct expander {
    struct config *config;
    const struct config_vars *vars;
    struct problems *problems;
    size_t work; /* bytes put together and nodes walked, bounded by EXPAND_WORK */
    int depth;   /* of scalars leading to scalars */
};

/* What a name stands for. */
struct found {
    const char *text; /* NULL: not set, or node is a list or a mapping */
    const struct node *node;
    bool is_literal; /* from the keystore: not to be read as a list */
};

/* lookup.c: find `name` for the scalar `asker`; found is zeroed before and stays so when it is not set. */
int lookup(struct expander *x, const struct node *asker, const char *name,
           struct found *found) MUST_CHECK;
/* The sentence for more than EXPAND_WORK. */
int expand_too_much(struct expander *x, const struct node *asker);
/* expand.c: a node with all below it. */
int expand_node(struct expander *x, struct node *node);

/* option_field.c: one row's field. A field holds nothing that needs freeing after field_unset. */
void field_unset(const struct option *row, void *self);
/* Free what the field holds, then field_unset. */
void field_free(const struct option *row, void *self);
int field_set_default(const struct option *row, void *self, struct err *err) MUST_CHECK;
/* name is the option's full name, for messages. */
int field_set(const struct option *row, const struct node *node, const char *name, void *self,
              struct problems *problems) MUST_CHECK;

/* For option_list.c: the field; the row's word that text is, -1 for none; "expected .., found .."; the items. */
void *field_at(const struct option *row, void *self);
int find_word(const struct option *row, const char *text);
int fail_word(const struct option *row, const char *text, struct err *err);
void free_list(struct str_list *list, bool is_secret);

/* option_list.c: field_set for these types. A default is "a,b", "" for an empty list. */
int field_split_list(const struct option *row, struct str_list *list, const char *text,
                     struct err *err) MUST_CHECK;
int field_set_list(const struct option *row, const struct node *node, const char *name, void *self,
                   struct problems *problems) MUST_CHECK;
int field_set_map(const struct option *row, const struct node *node, const char *name, void *self,
                  struct problems *problems) MUST_CHECK;
int field_set_nodes(const struct option *row, const struct node *node, const char *name, void *self,
                    struct problems *problems) MUST_CHECK;

/* secret.c: is what stands under this key hidden, whatever its section? path is dotted, without the numbers of
 * list items. */
bool is_secret(const struct config_section *sections, const char *path, const char *key);
/* Text that is shown: xxxxx for an inline private key, and for the password in a URL. */
void secret_put(struct buf *buf, const char *text);

/* quote.c: a scalar that YAML reads back as the same text, on one line. A `$` that would begin a reference
 * is doubled. */
void quote_put(struct buf *buf, const char *text, bool is_quoted);
void quote_key(struct buf *buf, const char *key);

#endif
