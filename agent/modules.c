/* modules.c: Beats' `filebeat.modules` for nginx and Apache: each fileset becomes an input with the parser it needs.
 *
 * Happy path: `access: {enabled: true, var.paths: [..]}` is read by the input's own table, with var.paths for paths and input.*
 * for the rest; the files are Beats' if none are given.
 * Failure modes: other modules and filesets are problems with their place.
 * On close: the inputs are the settings'.
 */
#include "agent.h"

#include <posta/json.h>

#include <stddef.h>
#include <stdlib.h>

struct fileset {
    struct input_settings in; /* first: the input's rows are read into it */
    struct str_list formats;
    char *timezone;
    bool original;
};

static const struct known {
    const char *module, *fileset;
    const char *paths; /* with commas */
    const char *lines; /* pattern of a line that begins an entry, NULL = each line does */
    const char *members;
} known[] = {
    {"nginx", "access", "/var/log/nginx/access.log*", NULL,
     "\"service\":{\"type\":\"nginx\"},\"fileset\":{\"name\":\"access\"}"},
    {"nginx", "error", "/var/log/nginx/error.log*", "^[0-9]{4}/[0-9]{2}/[0-9]{2} ",
     "\"service\":{\"type\":\"nginx\"},\"fileset\":{\"name\":\"error\"}"},
    {"apache", "access",
     "/var/log/apache2/access.log*,/var/log/apache2/other_vhosts_access.log*,"
     "/var/log/httpd/access_log*",
     NULL, "\"service\":{\"type\":\"apache\"},\"fileset\":{\"name\":\"access\"}"},
    {"apache", "error", "/var/log/apache2/error.log*,/var/log/httpd/error_log*", NULL,
     "\"service\":{\"type\":\"apache\"},\"fileset\":{\"name\":\"error\"}"},
};

/* ---- the table of a fileset ---- */

#define AT(field) .at = offsetof(struct fileset, field)
static const struct option own_rows[] = {
    {.name = "enabled", .type = OPT_BOOL, .def = "true", AT(in.tail.enabled), .doc = "Use it."},
    {.name = "var.paths",
     .type = OPT_LIST,
     AT(in.tail.paths),
     .doc = "Files to follow; if not set, where Debian and Red Hat put them."},
    {.name = "var.format",
     .type = OPT_LIST,
     .def = "auto",
     .own = true,
     AT(formats),
     .doc = "Formats of the access log, as for the parser."},
    {.name = "var.timezone",
     .type = OPT_TEXT,
     .def = "Local",
     .own = true,
     AT(timezone),
     .doc = "Zone of the times in the error log, as for the parser."},
    {.name = "var.original",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(original),
     .doc = "Keep the line in event.original."},
    {0},
};

const struct option *module_rows(void)
{
    return own_rows;
}

static bool has_own_row(const char *name)
{
    return strcmp(name, "enabled") == 0 || strcmp(name, "paths") == 0;
}

/* The input's rows again, below `input`. Kept for the life of the process, as other joined tables are. */
static const struct option *fileset_rows(void)
{
    static struct option *rows;
    size_t n = 0, n_own = sizeof own_rows / sizeof *own_rows - 1;
    if (rows)
        return rows;
    const struct option *inputs = input_rows();
    while (inputs[n].name)
        n++;
    rows = mem_zero(n + n_own + 1, sizeof *rows);
    memcpy(rows, own_rows, sizeof own_rows);
    for (size_t i = 0; i < n; i++) {
        struct option *row = &rows[n_own];
        if (has_own_row(inputs[i].name))
            continue;
        *row = inputs[i];
        row->name = mem_printf("input.%s", inputs[i].name);
        if (strcmp(inputs[i].name, "prospector.scanner.exclude_files") == 0)
            row->def = "\\.(gz|bz2|xz|zst)$";
        n_own++;
    }
    return rows;
}

/* ---- one fileset ---- */

/* Paths that nobody has given. */
static void add_default_paths(struct tail_input *tail, const char *paths)
{
    while (tail->paths.n == 0 || *paths) {
        size_t len = strcspn(paths, ",");
        tail->paths.at = mem_grow(tail->paths.at, tail->paths.n + 1, sizeof *tail->paths.at);
        tail->paths.at[tail->paths.n++] = mem_printf("%.*s", (int)len, paths);
        paths += len + (paths[len] == ',');
    }
}

/* What the parsers are told, as the configuration would say it. */
static void describe(const struct fileset *set, const struct known *as, struct buf *text)
{
    if (as->lines) {
        buf_puts(text, "multiline: {negate: true, match: after, pattern: ");
        json_string(text, as->lines);
        buf_puts(text, "}\n");
    }
    buf_printf(text, "%s: {dataset: %s, original: %s, timezone: ", as->module, as->fileset,
               set->original ? "true" : "false");
    json_string(text, set->timezone);
    for (size_t i = 0; i < set->formats.n; i++) {
        buf_puts(text, i ? ", " : ", format: [");
        json_string(text, set->formats.at[i]);
    }
    buf_puts(text, set->formats.n ? "]}\n" : "}\n");
}

static void add_parsers(struct fileset *set, const struct known *as, const struct node *place,
                        struct problems *problems)
{
    struct buf text = BUF_INIT;
    struct config *config = config_new(NULL);
    describe(set, as, &text);
    if (config_add_bytes(config, "module", text.data, text.len, problems) == 0) {
        const struct node *root = config_root(config);
        for (size_t i = 0; i < node_count(root); i++)
            parsers_add(&set->in, node_key(root, i), node_at(root, i), place, problems);
    }
    config_free(config);
    buf_free(&text);
}

static void free_own(struct fileset *set)
{
    for (size_t i = 0; i < set->formats.n; i++)
        free(set->formats.at[i]);
    free(set->formats.at);
    free(set->timezone);
}

static void read_fileset(struct settings *settings, const struct known *as, const struct node *node,
                         struct problems *problems)
{
    char section[64];
    struct fileset set = {.formats = {.n = 0}};
    snprintf(section, sizeof section, "filebeat.modules.%s.%s", as->module, as->fileset);
    bool is_read = options_read(node, section, fileset_rows(), &set, problems) == 0;
    if (!is_read || !set.in.tail.enabled) {
        options_free(fileset_rows(), &set);
        return;
    }
    if (!*set.in.tail.id) {
        free(set.in.tail.id);
        set.in.tail.id = mem_printf("%s-%s", as->module, as->fileset);
    }
    if (set.in.tail.paths.n == 0)
        add_default_paths(&set.in.tail, as->paths);
    set.in.node = node;
    set.in.module = as->members;
    set.in.module_name = as->module;
    set.in.module_set = as->fileset;
    add_parsers(&set, as, node, problems);
    free_own(&set);
    settings->inputs[settings->n_inputs++] = set.in;
}

/* ---- modules ---- */

static const struct known *find(const char *module, const char *fileset)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].module, module) == 0 &&
            (!fileset || strcmp(known[i].fileset, fileset) == 0))
            return &known[i];
    return NULL;
}

static void read_filesets(struct settings *settings, const struct node *module, const char *name,
                          struct problems *problems)
{
    size_t n = 0;
    for (size_t i = 0; i < node_count(module); i++) {
        const char *key = node_key(module, i);
        const struct known *as = find(name, key);
        if (strcmp(key, "module") == 0 || strcmp(key, "enabled") == 0)
            continue;
        n++;
        if (as)
            read_fileset(settings, as, node_at(module, i), problems);
        else if (node_is_enabled(node_at(module, i)))
            problems_error(
                problems, node_at(module, i),
                "filebeat.modules: %s has no fileset '%s' in posta; known: access, error", name,
                key);
    }
    if (n == 0)
        problems_error(problems, module,
                       "filebeat.modules: %s: no fileset is enabled: add access: {enabled: true} "
                       "or error: {enabled: true}",
                       name);
}

size_t modules_count(const struct node *list)
{
    return 2 * node_count(list);
}

void modules_read(struct settings *settings, struct problems *problems)
{
    const struct node *list = node_get(config_root(settings->config), "filebeat.modules");
    if (node_kind(list) != NODE_NULL && node_kind(list) != NODE_LIST)
        problems_error(problems, list, "filebeat.modules: expected a list of modules, found %s",
                       node_kind_name(list));
    for (size_t i = 0; node_kind(list) == NODE_LIST && i < node_count(list); i++) {
        const struct node *module = node_at(list, i);
        const char *name = node_text(node_get(module, "module"));
        if (!node_is_enabled(module))
            continue;
        if (!name || !find(name, NULL))
            problems_error(problems, module,
                           "filebeat.modules: %s%s%s: known to posta are nginx and apache; name "
                           "the files of others in filebeat.inputs",
                           name ? "'" : "", name ? name : "module: is missing", name ? "'" : "");
        else
            read_filesets(settings, module, name, problems);
    }
}
