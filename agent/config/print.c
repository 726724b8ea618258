/* print.c: the configuration as it took effect, as YAML, without secrets. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

struct printing {
    FILE *out;
    const struct config_section *sections;
};

static void print_children(const struct printing *printing, const struct node *node,
                           const char *path, int indent, bool is_first_inline);

static void print_text(const struct printing *printing, const char *text, bool is_quoted)
{
    struct buf shown = BUF_INIT, quoted = BUF_INIT;
    secret_put(&shown, text);
    quote_put(&quoted, buf_str(&shown), is_quoted);
    fputs(buf_str(&quoted), printing->out);
    buf_free(&shown);
    buf_free(&quoted);
}

/* After "key:" or "-". */
static void print_value(const struct printing *printing, const struct node *node, const char *path,
                        int indent)
{
    if (node->kind == NODE_NULL) {
        fputs("\n", printing->out);
    } else if (node->kind == NODE_SCALAR) {
        fputs(" ", printing->out);
        print_text(printing, node->text, node->is_quoted);
        fputs("\n", printing->out);
    } else if (node->n == 0) {
        fputs(node->kind == NODE_LIST ? " []\n" : " {}\n", printing->out);
    } else {
        fputs("\n", printing->out);
        print_children(printing, node, path, indent + 2, false);
    }
}

static void print_entry(const struct printing *printing, const struct entry *entry,
                        const char *path, int indent)
{
    char *below = mem_printf("%s%s%s", path, path[0] == '\0' ? "" : ".", entry->key);
    struct buf key = BUF_INIT;
    quote_key(&key, entry->key);
    fprintf(printing->out, "%s:", buf_str(&key));
    buf_free(&key);
    if (entry->value->kind != NODE_NULL && is_secret(printing->sections, below, entry->key)) {
        fputs(" xxxxx\n", printing->out);
    } else {
        print_value(printing, entry->value, below, indent);
    }
    free(below);
}

/* is_first_inline: the first key follows "- " on its line. */
static void print_children(const struct printing *printing, const struct node *node,
                           const char *path, int indent, bool is_first_inline)
{
    for (size_t i = 0; i < node->n; i++) {
        const struct entry *entry = &node->at[i];
        if (i > 0 || !is_first_inline) {
            fprintf(printing->out, "%*s", indent, "");
        }
        if (node->kind == NODE_MAP) {
            print_entry(printing, entry, path, indent);
        } else if (entry->value->kind == NODE_MAP && entry->value->n > 0) {
            fputs("- ", printing->out);
            print_children(printing, entry->value, path, indent + 2, true);
        } else {
            fputs("-", printing->out);
            print_value(printing, entry->value, path, indent);
        }
    }
}

/* ---- Defaults ---------------------------------------------------------------------------------------- */

/* Is the row, or another name of the same field, set? */
static bool is_set(const struct node *map, const struct option *rows, const struct option *row)
{
    for (const struct option *other = rows; other->name != NULL; other++) {
        if (other->at == row->at && other->type == row->type &&
            node_kind(node_get(map, other->name)) != NODE_NULL) {
            return true;
        }
    }
    return false;
}

static void add_defaults(struct config *config, struct node *map, const struct option *rows)
{
    struct node *top = config->root;
    for (const struct option *row = rows; row->name != NULL; row++) {
        bool has_field = row->type != OPT_IGNORED && row->type != OPT_REFUSED;
        if (row->def != NULL && has_field && !is_set(map, rows, row)) {
            config->root = map;
            config_add_default(config, row->name, row->def);
        }
    }
    config->root = top;
}

static void add_section(struct config *config, const struct config_section *section)
{
    char *path = mem_printf("%.*s", (int)strcspn(section->name, "["), section->name);
    struct node *node =
        path[0] == '\0' ? config->root : (struct node *)node_get(config->root, path);
    free(path);
    if (node_kind(node) == NODE_MAP) {
        add_defaults(config, node, section->rows);
        return;
    }
    for (size_t i = 0; i < node_count(node); i++) {
        if (node->at[i].value->kind == NODE_MAP) {
            add_defaults(config, node->at[i].value, section->rows);
        }
    }
}

/* A copy with the defaults. Its texts are borrowed from root. */
static struct config *with_defaults_added(const struct node *root,
                                          const struct config_section *sections)
{
    struct config *config = config_new(NULL);
    struct node *copy = node_clone(config, root, &root->place);
    if (copy == NULL) {
        config_free(config);
        return NULL;
    }
    config->root = copy;
    for (; sections != NULL && sections->rows != NULL; sections++) {
        add_section(config, sections);
    }
    return config;
}

void config_export(FILE *out, const struct node *root, const struct config_section *sections,
                   bool with_defaults)
{
    struct printing printing = {.out = out, .sections = sections};
    struct config *copy = with_defaults ? with_defaults_added(root, sections) : NULL;
    print_children(&printing, copy == NULL ? root : copy->root, "", 0, false);
    config_free(copy);
}
