/* lookup.c: what ${NAME} stands for.
 *
 * Looked up as a dotted path in this configuration, in the outer ones, in the keystore, then in the
 * environment. What is found in this configuration is expanded first. Failure: it leads back to the scalar that
 * asks, is too deep, or is no text.
 */
#include "node.h"

#include <stdlib.h>
#include <string.h>

int expand_too_much(struct expander *x, const struct node *asker)
{
    return problems_error(x->problems, asker, "the references expand to more than 4 MiB");
}

static bool is_active(struct expander *x, const struct node *node)
{
    x->work++;
    if (node->state == STATE_ACTIVE) {
        return true;
    }
    for (size_t i = 0; i < node->n; i++) {
        if (is_active(x, node->at[i].value)) {
            return true;
        }
    }
    return false;
}

/* In this configuration: the node, expanded. A cycle is none here: `HOME: ${HOME}` means the variable. */
static int find_node(struct expander *x, const struct node *asker, const char *name,
                     struct found *found, bool *is_cycle)
{
    struct node *node = (struct node *)node_get(x->config->root, name);
    if (node_kind(node) == NODE_NULL) {
        return 0;
    }
    *is_cycle = is_active(x, node);
    if (*is_cycle) {
        return 0;
    }
    if (x->work > EXPAND_WORK) {
        return expand_too_much(x, asker);
    }
    if (x->depth >= CONFIG_REFERENCES) {
        return problems_error(x->problems, asker, "${%s}: references lead more than %d deep", name,
                              CONFIG_REFERENCES);
    }
    x->depth++;
    int failed = expand_node(x, node);
    x->depth--;
    found->node = node;
    return failed;
}

static const char *find_secret(const struct config_vars *vars, const char *name)
{
    return vars->keystore == NULL ? NULL : vars->keystore(vars->self, name);
}

static const char *find_variable(const struct config_vars *vars, const char *name)
{
    return vars->environment == NULL ? getenv(name) : vars->environment(vars->self, name);
}

static int find_outside(struct expander *x, const char *name, struct found *found)
{
    found->text = find_secret(x->vars, name);
    found->is_literal = found->text != NULL;
    if (found->text == NULL) {
        found->text = find_variable(x->vars, name);
    }
    if (found->text == NULL) {
        return 0;
    }
    char *source = mem_printf("variable %s", name);
    int failed = utf8_check(source, found->text, strlen(found->text), x->problems);
    free(source);
    return failed;
}

static const struct node *find_outer(const struct config *config, const char *name)
{
    for (config = config->outer; config != NULL; config = config->outer) {
        const struct node *node = node_get(config->root, name);
        if (node_kind(node) != NODE_NULL) {
            return node;
        }
    }
    return NULL;
}

int lookup(struct expander *x, const struct node *asker, const char *name, struct found *found)
{
    bool is_cycle = false;
    if (find_node(x, asker, name, found, &is_cycle) != 0) {
        return -1;
    }
    if (found->node == NULL && !is_cycle) {
        found->node = find_outer(x->config, name);
    }
    if (found->node != NULL) {
        found->text = node_text(found->node);
        return found->node->is_bad ? -1 : 0;
    }
    if (find_outside(x, name, found) != 0) {
        return -1;
    }
    if (found->text == NULL && is_cycle) {
        return problems_error(x->problems, asker, "${%s} leads back to itself", name);
    }
    return 0;
}
