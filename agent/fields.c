/* fields.c: tags and fields of the configuration as JSON, made once at start.
 *
 * As Beats do it: input tags behind global ones, input fields over global ones, under `fields` or at the root.
 */
#include "agent.h"

#include <posta/json.h>

#include <stdlib.h>

static const char *const own_names[] = {"@timestamp", "@metadata", "message", "log",
                                        "event",      "input",     "ecs",     "host",
                                        "agent",      "tags",      "fields",  NULL};

/* What parsers and modules write beside them. */
static const char *const parsed_names[] = {
    "error",   "stream",     "docker",      "source",  "user",    "http",
    "url",     "user_agent", "destination", "network", "tls",     "related",
    "process", "nginx",      "apache",      "service", "fileset", NULL};

/* What samples have beside them. */
static const char *const sampled_names[] = {"metricset", "service", "system",  "container",
                                            "process",   "user",    "nginx",   "apache",
                                            "error",     "posta",   "monitor", NULL};

static bool is_number(const char *text)
{
    char *end;
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    if (digits == 0 || (digits > 1 && text[*text == '-'] == '0'))
        return false; /* 007 is a text */
    strtod(text, &end);
    const char *dot = strchr(text, '.');
    return *end == '\0' && (!dot || (dot[1] >= '0' && dot[1] <= '9'));
}

static void put_scalar(struct buf *out, const struct node *node)
{
    const char *text = node_text(node);
    bool is_plain = !node_is_quoted(node);
    if (is_plain && (is_number(text) || strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        buf_puts(out, text);
    else
        json_string(out, text);
}

static void put_node(struct buf *out, const struct node *node);

static void put_members(struct buf *out, const struct node *map, const struct node *shadow,
                        bool *has_one)
{
    for (size_t i = 0; i < node_count(map); i++) {
        if (shadow && node_get(shadow, node_key(map, i)))
            continue;
        if (node_kind(node_at(map, i)) == NODE_NULL)
            continue;
        buf_puts(out, *has_one ? "," : "");
        json_string(out, node_key(map, i));
        buf_putc(out, ':');
        put_node(out, node_at(map, i));
        *has_one = true;
    }
}

static void put_list(struct buf *out, const struct node *list)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < node_count(list); i++) {
        buf_puts(out, i ? "," : "");
        put_node(out, node_at(list, i));
    }
    buf_putc(out, ']');
}

void fields_put_node(struct buf *out, const struct node *node)
{
    put_node(out, node);
}

static void put_node(struct buf *out, const struct node *node)
{
    bool has_one = false;
    switch (node_kind(node)) {
    case NODE_MAP:
        buf_putc(out, '{');
        put_members(out, node, NULL, &has_one);
        buf_putc(out, '}');
        break;
    case NODE_LIST:
        put_list(out, node);
        break;
    case NODE_SCALAR:
        put_scalar(out, node);
        break;
    default:
        buf_puts(out, "null");
    }
}

static void put_tags(struct buf *out, const struct str_list *lists[2])
{
    bool has_one = false;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->n; i++) {
            buf_puts(out, has_one ? "," : "\"tags\":[");
            json_string(out, lists[k]->at[i]);
            has_one = true;
        }
    if (has_one)
        buf_putc(out, ']');
}

int fields_check_names(const struct node *fields, const char *const *names, struct err *err)
{
    for (size_t i = 0; i < node_count(fields); i++)
        for (const char *const *own = names; *own; own++)
            if (strcmp(*own, node_key(fields, i)) == 0) {
                struct buf where = BUF_INIT;
                err_set(err, ERR_CONFIG,
                        "%s: with fields_under_root, field '%s' would replace posta's own: give it "
                        "another name",
                        node_where(node_at(fields, i), &where), *own);
                buf_free(&where);
                return -1;
            }
    return 0;
}

static void put_fields(struct buf *out, const struct node *global, const struct node *own,
                       bool at_root)
{
    struct buf members = BUF_INIT;
    bool has_one = false;
    put_members(&members, own, NULL, &has_one);
    put_members(&members, global, own, &has_one);
    if (has_one)
        buf_printf(out, "%s%s%s%s", out->len ? "," : "", at_root ? "" : "\"fields\":{",
                   buf_str(&members), at_root ? "" : "}");
    buf_free(&members);
}

/* Of the events of a kind of samples, or of lines. */
static bool is_of_samples(const struct input_settings *input)
{
    return input->node == NULL;
}

char *fields_to_json(const struct globals *globals, const struct input_settings *input,
                     struct err *err)
{
    bool at_root = globals->fields_under_root || input->fields_under_root;
    if (at_root && (fields_check_names(globals->fields, own_names, err) ||
                    fields_check_names(input->fields, own_names, err)))
        return NULL;
    if (at_root && input->chain.n > 0 &&
        (fields_check_names(globals->fields, parsed_names, err) ||
         fields_check_names(input->fields, parsed_names, err)))
        return NULL;
    if (at_root && is_of_samples(input) &&
        (fields_check_names(globals->fields, sampled_names, err) ||
         fields_check_names(input->fields, sampled_names, err)))
        return NULL;
    struct buf out = BUF_INIT;
    const struct str_list *tags[2] = {&globals->tags, &input->tags};
    put_tags(&out, tags);
    put_fields(&out, globals->fields, input->fields, at_root);
    if (input->module)
        buf_printf(&out, "%s%s", out.len ? "," : "", input->module);
    char *text = mem_dup(buf_str(&out));
    buf_free(&out);
    return text;
}

const char *field_text(const struct globals *globals, const struct input_settings *input,
                       const char *name)
{
    if (strncmp(name, "fields.", 7) == 0)
        name += 7;
    else if (!globals->fields_under_root && !input->fields_under_root)
        return NULL;
    const char *text = node_text(node_get(input->fields, name));
    return text ? text : node_text(node_get(globals->fields, name));
}
