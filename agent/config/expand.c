/* expand.c: ${NAME} in texts, replaced by what the configuration, the keystore or the environment says.
 *
 *     text      := { literal | "$$" | "$}" | reference }
 *     reference := "${" name [ ":" default | ":?" message | ":+" alternative ] "}"
 *
 * each part being a text again, so references nest. A name is looked up as a dotted path in this configuration,
 * in the outer one, in the keystore, then in the environment. A text that is one reference to a list or a
 * mapping becomes a copy of it; any other result is read as Beats does (a,b is a list, see setting.c), and
 * kept as it is when that does not work.
 *
 * Happy path: every scalar is expanded once, in place; what it refers to is expanded before. Failure modes: not
 * set, not closed, leads back to itself, too deep, too large: an error at the scalar, which then counts as
 * unset. All scalars are tried, so that all that is not set is named at once.
 */
#include "node.h"

#include <string.h>

/* One scalar under expansion. */
struct text {
    struct expander *x;
    struct node *node;
    const char *p;            /* what is left */
    const struct node *whole; /* the list or mapping that the text is a reference to */
    bool has_reference;
    bool is_literal; /* from the keystore: not to be read as a list */
    int depth;       /* of ${ inside ${ */
};

static int eval_text(struct text *text, const char *stops, struct buf *out);

/* ---- Evaluation: a NULL `out` reads over a part that is not wanted -------------------------------------- */

static int put(struct text *text, struct buf *out, const char *bytes, size_t len)
{
    if (out == NULL) {
        return 0;
    }
    text->x->work += len;
    if (text->x->work > EXPAND_WORK) {
        return expand_too_much(text->x, text->node);
    }
    buf_append(out, bytes, len);
    return 0;
}

static int put_found(struct text *text, const char *name, const struct found *found,
                     struct buf *out)
{
    if (found->text != NULL) {
        text->is_literal |= found->is_literal;
        return put(text, out, found->text, strlen(found->text));
    }
    if (text->depth > 1 || *text->p != '\0' || out->len > 0) {
        return problems_error(text->x->problems, text->node,
                              "${%s} is %s: it can only stand alone, not inside a text", name,
                              node_kind_name(found->node));
    }
    text->whole = found->node;
    return 0;
}

/* At what follows the name; the operator is 0, ':', '?' or '+'. */
static char read_operator(struct text *text)
{
    if (*text->p != ':') {
        return 0;
    }
    text->p++;
    if (*text->p == '?' || *text->p == '+') {
        return *text->p++;
    }
    return ':';
}

static int close_reference(struct text *text, const char *name)
{
    if (*text->p != '}') {
        return problems_error(text->x->problems, text->node, "'}' is missing after ${%s", name);
    }
    text->p++;
    return 0;
}

/* The part after the operator, to out or read over. */
static int eval_operand(struct text *text, const char *name, struct buf *out)
{
    return eval_text(text, "}", out) != 0 ? -1 : close_reference(text, name);
}

static int complain_message(struct text *text, const char *name)
{
    struct buf message = BUF_INIT;
    int failed = eval_operand(text, name, &message);
    if (failed == 0) {
        problems_error(text->x->problems, text->node, "${%s}: %s", name,
                       message.len > 0 ? buf_str(&message) : "is not set");
    }
    buf_free(&message);
    return -1;
}

static int complain_unset(struct text *text, const char *name)
{
    return problems_error(
        text->x->problems, text->node,
        "${%s} is not set: set the environment variable, or give a default as ${%s:value}", name,
        name);
}

static int eval_found(struct text *text, const char *name, struct buf *out)
{
    struct found found = {.text = NULL};
    if (lookup(text->x, text->node, name, &found) != 0) {
        return -1;
    }
    bool is_set = found.text != NULL || found.node != NULL;
    bool is_empty = !is_set || (found.text != NULL && found.text[0] == '\0');
    char op = read_operator(text);
    if (op == 0) {
        if (close_reference(text, name) != 0) {
            return -1;
        }
        return is_set ? put_found(text, name, &found, out) : complain_unset(text, name);
    }
    if (op == '?' && is_empty) {
        return complain_message(text, name);
    }
    bool wants_operand = op == '+' ? !is_empty : is_empty;
    if (eval_operand(text, name, wants_operand ? out : NULL) != 0) {
        return -1;
    }
    return is_empty || op == '+' ? 0 : put_found(text, name, &found, out);
}

/* Read over a reference that is not wanted. */
static int skip_reference(struct text *text, const char *name)
{
    if (read_operator(text) != 0 && eval_text(text, "}", NULL) != 0) {
        return -1;
    }
    return close_reference(text, name);
}

/* After "${". */
static int eval_reference(struct text *text, struct buf *out)
{
    struct buf name = BUF_INIT;
    int failed = eval_text(text, ":}", out == NULL ? NULL : &name);
    if (failed == 0 && out == NULL) {
        failed = skip_reference(text, "..");
    } else if (failed == 0 && name.len == 0) {
        failed = problems_error(text->x->problems, text->node, "${..} without a name");
    } else if (failed == 0) {
        failed = eval_found(text, buf_str(&name), out);
    }
    buf_free(&name);
    return failed;
}

static int enter_reference(struct text *text, struct buf *out)
{
    text->has_reference = true;
    if (text->depth >= CONFIG_REFERENCES) {
        return problems_error(text->x->problems, text->node, "more than %d ${ inside each other",
                              CONFIG_REFERENCES);
    }
    text->p += 2;
    text->depth++;
    int failed = eval_reference(text, out);
    text->depth--;
    return failed;
}

/* Up to one of stops, which matter inside a reference only. */
static int eval_text(struct text *text, const char *stops, struct buf *out)
{
    while (*text->p != '\0' && strchr(stops, *text->p) == NULL) {
        int failed;
        if (text->p[0] == '$' && text->p[1] == '{') {
            failed = enter_reference(text, out);
        } else if (text->p[0] == '$' && (text->p[1] == '$' || text->p[1] == '}')) {
            failed = put(text, out, text->p + 1, 1);
            text->p += 2;
        } else {
            failed = put(text, out, text->p, 1);
            text->p++;
        }
        if (failed != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- Nodes ------------------------------------------------------------------------------------------- */

/* The node becomes what another is, but stays where it stands. */
static void become(struct node *node, const struct node *other)
{
    struct place place = node->place;
    *node = *other;
    node->place = place;
}

static int take_whole(struct text *text)
{
    struct expander *x = text->x;
    struct node *copy = node_clone(x->config, text->whole, &text->node->place);
    if (copy == NULL) {
        return problems_full(x->problems, &text->node->place);
    }
    become(text->node, copy);
    return 0;
}

/* The text is expanded: what does it mean? */
static int take_text(struct text *text, const char *expanded)
{
    struct config *config = text->x->config;
    struct err err = ERR_INIT;
    struct node *value = NULL;
    if (text->has_reference && !text->is_literal) {
        value = setting_parse(config, expanded, false, &text->node->place, &err);
    }
    if (value == NULL) {
        value = node_scalar(config, expanded, strlen(expanded), &text->node->place);
    }
    if (value == NULL) {
        return problems_full(text->x->problems, &text->node->place);
    }
    value->is_quoted |= text->is_literal || (!text->has_reference && text->node->is_quoted);
    become(text->node, value);
    return 0;
}

static int expand_text(struct expander *x, struct node *node)
{
    struct text text = {.x = x, .node = node, .p = node->text};
    struct buf out = BUF_INIT;
    int failed = eval_text(&text, "", &out);
    if (failed == 0) {
        failed = text.whole != NULL ? take_whole(&text) : take_text(&text, buf_str(&out));
    }
    if (out.data != NULL) {
        explicit_bzero(out.data, out.len);
    }
    buf_free(&out);
    return failed;
}

static int expand_scalar(struct expander *x, struct node *node)
{
    int failed = 0;
    if (node->state == STATE_DONE) {
        return node->is_bad ? -1 : 0;
    }
    if (strchr(node->text, '$') != NULL) {
        node->state = STATE_ACTIVE;
        failed = expand_text(x, node);
        node->is_bad = failed != 0;
    }
    node->state = STATE_DONE;
    return failed;
}

int expand_node(struct expander *x, struct node *node)
{
    int failed = 0;
    if (node->kind == NODE_SCALAR) {
        return expand_scalar(x, node);
    }
    if (node->state == STATE_DONE) {
        return 0; /* a list or mapping that a scalar became */
    }
    for (size_t i = 0; i < node->n; i++) {
        failed |= expand_node(x, node->at[i].value);
    }
    return failed;
}

int config_expand(struct config *config, const struct config_vars *vars, struct problems *problems)
{
    static const struct config_vars environment_only = {.keystore = NULL};
    struct expander x = {
        .config = config,
        .vars = vars == NULL ? &environment_only : vars,
        .problems = problems,
    };
    return expand_node(&x, config->root);
}
