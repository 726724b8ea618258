/* options.c: a mapping read by an option table.
 *
 * Happy path: all fields to their defaults, then the mapping is walked in the order of the file and every key
 * that a row names sets its field. Failure: unknown keys, wrong values and missing ones are all gathered;
 * their fields hold the default. Nothing is kept: the fields own their copies, see options_free.
 */
#include "node.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_KEYS = 12 }; /* so many are worth listing when nothing is close */

struct reading {
    const char *section;
    const struct option *rows;
    const char *const *taken; /* NULL-terminated, or NULL */
    void *self;               /* NULL: only look for keys that nobody knows */
    struct problems *problems;
    int failed;
};

static void read_keys(struct reading *reading, const struct node *map, const char *prefix);

/* ---- Names ------------------------------------------------------------------------------------------- */

static char *join(const char *prefix, const char *name)
{
    return mem_printf("%s%s%s", prefix, prefix[0] == '\0' || name[0] == '\0' ? "" : ".", name);
}

static const struct option *find_row(const struct reading *reading, const char *path)
{
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        if (strcmp(row->name, path) == 0) {
            return row;
        }
    }
    return NULL;
}

/* Is name below path? */
static bool is_below(const char *name, const char *path)
{
    size_t len = strlen(path);
    return strncmp(name, path, len) == 0 && name[len] == '.';
}

static bool is_taken(const struct reading *reading, const char *path)
{
    for (const char *const *at = reading->taken; at != NULL && *at != NULL; at++) {
        if (strcmp(*at, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Do the rows or the taken sections go on below path? */
static bool goes_on(const struct reading *reading, const char *path)
{
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        if (is_below(row->name, path)) {
            return true;
        }
    }
    for (const char *const *at = reading->taken; at != NULL && *at != NULL; at++) {
        if (is_below(*at, path)) {
            return true;
        }
    }
    return false;
}

/* ---- Unknown keys ------------------------------------------------------------------------------------ */

/* Names, each once; owns them. */
struct names {
    char **at;
    size_t n;
};

static void names_add(struct names *names, const char *name, size_t len)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strlen(names->at[i]) == len && strncmp(names->at[i], name, len) == 0) {
            return;
        }
    }
    names->at = mem_grow(names->at, names->n + 1, sizeof(*names->at));
    names->at[names->n++] = mem_printf("%.*s", (int)len, name);
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->at[i]);
    }
    free(names->at);
}

/* What may stand below prefix: the next part of each name that begins so. */
static void names_add_next(struct names *names, const char *name, const char *prefix)
{
    if (prefix[0] == '\0') {
        names_add(names, name, strcspn(name, "."));
    } else if (is_below(name, prefix)) {
        name += strlen(prefix) + 1;
        names_add(names, name, strcspn(name, "."));
    }
}

static struct names names_below(const struct reading *reading, const char *prefix)
{
    struct names names = {.at = NULL};
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        names_add_next(&names, row->name, prefix);
    }
    for (const char *const *at = reading->taken; at != NULL && *at != NULL; at++) {
        names_add_next(&names, *at, prefix);
    }
    return names;
}

/* `certificate` where ssl.certificate is meant. */
static const char *find_deeper(const struct reading *reading, const char *key)
{
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        const char *dot = strrchr(row->name, '.');
        if (dot != NULL && strcmp(dot + 1, key) == 0) {
            return row->name;
        }
    }
    return NULL;
}

static void put_advice(const struct reading *reading, const char *key, const char *prefix,
                       struct buf *buf)
{
    struct names names = names_below(reading, prefix);
    const char *meant = suggest(key, (const char *const *)names.at, names.n);
    if (meant == NULL) {
        meant = find_deeper(reading, key);
    }
    if (meant != NULL) {
        buf_printf(buf, ", did you mean '%s'?", meant);
    } else if (names.n == 0 || names.n > LISTED_KEYS) {
        buf_puts(buf, "; see `posta export config` for the keys that are known");
    } else {
        buf_puts(buf, "; known here: ");
        for (size_t i = 0; i < names.n; i++) {
            buf_printf(buf, "%s%s", i == 0 ? "" : ", ", names.at[i]);
        }
    }
    names_free(&names);
}

static void complain_unknown(struct reading *reading, const struct entry *entry, const char *prefix,
                             const char *full)
{
    struct buf advice = BUF_INIT;
    put_advice(reading, entry->key, prefix, &advice);
    reading->failed = problems_at(reading->problems, PROBLEM_ERROR, &entry->place,
                                  "unknown key '%s'%s", full, buf_str(&advice));
    buf_free(&advice);
}

/* ---- Keys and values --------------------------------------------------------------------------------- */

/* `false`, or {enabled: false}: asks for nothing. */
static bool is_switched_off(const struct node *node)
{
    struct err err = ERR_INIT;
    bool is_on = true;
    if (node->kind == NODE_NULL || !node_is_enabled(node)) {
        return true;
    }
    return node->kind == NODE_SCALAR && parse_bool(node->text, &is_on, &err) == 0 && !is_on;
}

static void read_value(struct reading *reading, const struct option *row, const struct entry *entry,
                       const char *full)
{
    if (row->type == OPT_IGNORED) {
        problems_at(reading->problems, PROBLEM_WARNING, &entry->place,
                    "'%s' is accepted, but not needed: %s", full, row->doc);
    } else if (row->type == OPT_REFUSED) {
        if (!is_switched_off(entry->value)) {
            reading->failed = problems_at(reading->problems, PROBLEM_ERROR, &entry->place,
                                          "'%s' is not supported: %s", full, row->doc);
        }
    } else if (reading->self != NULL && entry->value->kind != NODE_NULL && !entry->value->is_bad) {
        reading->failed |= field_set(row, entry->value, full, reading->self, reading->problems);
    }
}

static void read_entry(struct reading *reading, const struct entry *entry, const char *prefix,
                       const char *path, const char *full)
{
    const struct option *row = find_row(reading, path);
    enum node_kind kind = entry->value->kind;
    if (is_taken(reading, path)) {
        return;
    }
    bool has_more = goes_on(reading, path);
    if (has_more && kind == NODE_MAP) {
        read_keys(reading, entry->value, path);
    } else if (row != NULL) {
        for (; row->name != NULL; row++) {
            if (strcmp(row->name, path) == 0) {
                read_value(reading, row, entry, full);
            }
        }
    } else if (!has_more) {
        complain_unknown(reading, entry, prefix, full);
    } else if (kind != NODE_NULL && !entry->value->is_bad) {
        reading->failed =
            problems_error(reading->problems, entry->value, "%s: expected a mapping, found %s",
                           full, node_kind_name(entry->value));
    }
}

static void read_keys(struct reading *reading, const struct node *map, const char *prefix)
{
    for (size_t i = 0; i < map->n; i++) {
        char *path = join(prefix, map->at[i].key);
        char *full = join(reading->section, path);
        read_entry(reading, &map->at[i], prefix, path, full);
        free(path);
        free(full);
    }
}

static void check_required(struct reading *reading, const struct node *map)
{
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        if (row->required && row->def == NULL && node_kind(node_get(map, row->name)) == NODE_NULL) {
            char *full = join(reading->section, row->name);
            reading->failed =
                problems_error(reading->problems, map, "%s: required, but not set", full);
            free(full);
        }
    }
}

static void set_defaults(struct reading *reading)
{
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        field_free(row, reading->self);
    }
    for (const struct option *row = reading->rows; row->name != NULL; row++) {
        struct err err = ERR_INIT;
        if (row->def != NULL && row->type != OPT_IGNORED && row->type != OPT_REFUSED &&
            field_set_default(row, reading->self, &err) != 0) {
            reading->failed =
                problems_error(reading->problems, NULL, "default of %s: %s", row->name, err.text);
        }
    }
}

int options_read_beside(const struct node *map, const char *section, const struct option *rows,
                        const char *const *taken, void *self, struct problems *problems)
{
    struct reading reading = {
        .section = section, .rows = rows, .taken = taken, .self = self, .problems = problems};
    if (self != NULL) {
        set_defaults(&reading);
    }
    if (map != NULL && map->is_bad) {
        return -1;
    }
    if (node_kind(map) == NODE_MAP) {
        read_keys(&reading, map, "");
    } else if (node_kind(map) != NODE_NULL) {
        return problems_error(problems, map, "%s%sexpected a mapping, found %s", section,
                              section[0] == '\0' ? "" : ": ", node_kind_name(map));
    }
    if (self != NULL) {
        check_required(&reading, map);
    }
    return reading.failed;
}

int options_read(const struct node *map, const char *section, const struct option *rows, void *self,
                 struct problems *problems)
{
    return options_read_beside(map, section, rows, NULL, self, problems);
}

void options_free(const struct option *rows, void *self)
{
    for (const struct option *row = rows; row->name != NULL; row++) {
        field_free(row, self);
    }
}
