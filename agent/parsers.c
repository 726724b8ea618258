/* parsers.c: `parsers`, include_lines and exclude_lines of an input → the chain that its lines go through.
 *
 * Happy path: each item of the list names a parser; the parser's own table reads what is below the name.
 * Failure modes: everything wrong is a problem with its place; the chain has then what could be made.
 * On close: parsers_free.
 */
#include "agent.h"

#include <stdlib.h>

static const struct parser *parser_by_name(const char *name)
{
    for (size_t i = 0; all_parsers[i]; i++)
        if (strcmp(all_parsers[i]->name, name) == 0)
            return all_parsers[i];
    return NULL;
}

static void complain_unknown(const struct node *place, const char *name, struct problems *problems)
{
    struct buf known = BUF_INIT;
    for (size_t i = 0; all_parsers[i]; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", all_parsers[i]->name);
    problems_error(problems, place, "parsers: '%s' is not known; known: %s", name, buf_str(&known));
    buf_free(&known);
}

/* place: where problems of its values are. */
void parsers_add(struct input_settings *in, const char *name, const struct node *values,
                 const struct node *place, struct problems *problems)
{
    const struct parser *parser = parser_by_name(name);
    struct err err;
    if (!parser) {
        complain_unknown(place, name, problems);
        return;
    }
    char *section = mem_printf("parsers.%s", name);
    void *self = mem_zero(1, parser->size);
    bool is_read = options_read(values, section, parser->options, self, problems) == 0;
    *(struct parser_env *)self = (struct parser_env) {.limit_bytes = in->tail.message_max_bytes};
    if (is_read && parser->open(self, &err))
        problems_error(problems, place, "%s: %s", section, err.text);
    chain_add(&in->chain, parser, self);
    free(section);
}

static void add_item(struct input_settings *in, const struct node *item, struct problems *problems)
{
    if (node_count(item) == 1) {
        const struct node *values = node_at(item, 0);
        parsers_add(in, node_key(item, 0), values, node_kind(values) == NODE_NULL ? item : values,
                    problems);
        return;
    }
    struct buf keys = BUF_INIT;
    problems_error(problems, item,
                   "parsers: expected one parser with its options below it, found the keys %s: "
                   "indent the options below the parser's name",
                   node_keys(item, &keys));
    buf_free(&keys);
}

static void add_filter(struct input_settings *in, const struct node *place,
                       struct problems *problems)
{
    struct err err;
    if (in->include_lines.n == 0 && in->exclude_lines.n == 0)
        return;
    struct line_filter *filter = mem_zero(1, sizeof *filter);
    filter->include = in->include_lines;
    filter->exclude = in->exclude_lines;
    if (line_filter_parser.open(filter, &err))
        problems_error(problems, place, "%s", err.text);
    chain_add(&in->chain, &line_filter_parser, filter);
}

/* nginx and apache write the same fields: one of them must be enough. */
static void check_servers(const struct input_settings *in, const struct node *place,
                          struct problems *problems)
{
    size_t n = 0;
    for (size_t i = 0; i < in->chain.n; i++) {
        const char *name = in->chain.stages[i].parser->name;
        n += strcmp(name, "nginx") == 0 || strcmp(name, "apache") == 0;
    }
    if (n > 1)
        problems_error(problems, place,
                       "parsers: only one of nginx and apache can be used in an input: give it the "
                       "formats of all its lines, or make two inputs");
}

void parsers_read(struct input_settings *in, const struct node *place, struct problems *problems)
{
    for (size_t i = 0; i < in->parsers.n; i++)
        add_item(in, in->parsers.at[i], problems);
    add_filter(in, place, problems);
    check_servers(in, place, problems);
}

void parsers_free(struct input_settings *in)
{
    for (size_t i = 0; i < in->chain.n; i++)
        if (in->chain.stages[i].parser->options)
            options_free(in->chain.stages[i].parser->options, in->chain.stages[i].self);
    chain_free(&in->chain);
}
