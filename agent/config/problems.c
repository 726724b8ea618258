/* problems.c: what is wrong in a configuration, gathered to be shown together.
 *
 * Bounded: beyond CONFIG_PROBLEMS only the numbers grow.
 */
#include "node.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void place_put(struct buf *buf, const struct place *place)
{
    if (place->source == NULL) {
        return;
    }
    buf_puts(buf, place->source);
    if (place->line > 0) {
        buf_printf(buf, ":%u:%u", place->line, place->column);
    }
}

static bool is_known(const struct problems *problems, const char *text)
{
    for (size_t i = 0; i < problems->n; i++) {
        if (strcmp(problems->at[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

static void problem_keep(struct problems *problems, enum problem_kind kind, const char *text)
{
    if (is_known(problems, text)) {
        return;
    }
    problems->n_errors += kind == PROBLEM_ERROR;
    if (problems->n == CONFIG_PROBLEMS) {
        problems->n_dropped++;
        return;
    }
    if (problems->at == NULL) {
        problems->at = mem_zero(CONFIG_PROBLEMS, sizeof(*problems->at));
    }
    problems->at[problems->n++] = (struct problem) {.kind = kind, .text = mem_dup(text)};
}

void problems_put(struct problems *problems, enum problem_kind kind, const struct place *place,
                  const char *fmt, va_list args)
{
    struct buf buf = BUF_INIT;
    char *said = NULL;
    if (place != NULL && place->source != NULL) {
        place_put(&buf, place);
        buf_puts(&buf, ": ");
    }
    if (vasprintf(&said, fmt, args) >= 0) {
        buf_puts(&buf, said);
    }
    problem_keep(problems, kind, buf_str(&buf));
    free(said);
    buf_free(&buf);
}

int problems_at(struct problems *problems, enum problem_kind kind, const struct place *place,
                const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    problems_put(problems, kind, place, fmt, args);
    va_end(args);
    return -1;
}

int problems_error(struct problems *problems, const struct node *node, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    problems_put(problems, PROBLEM_ERROR, node == NULL ? NULL : &node->place, fmt, args);
    va_end(args);
    return -1;
}

void problems_warn(struct problems *problems, const struct node *node, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    problems_put(problems, PROBLEM_WARNING, node == NULL ? NULL : &node->place, fmt, args);
    va_end(args);
}

int problems_full(struct problems *problems, const struct place *place)
{
    return problems_at(problems, PROBLEM_ERROR, place, "more than %d values in the configuration",
                       CONFIG_NODES);
}

static const char *first_error(const struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        if (problems->at[i].kind == PROBLEM_ERROR) {
            return problems->at[i].text;
        }
    }
    return "errors beyond the first problems that are kept";
}

int problems_err(const struct problems *problems, struct err *err)
{
    if (problems->n_errors == 0) {
        return 0;
    }
    if (problems->n_errors == 1) {
        return err_set(err, ERR_CONFIG, "%s", first_error(problems));
    }
    return err_set(err, ERR_CONFIG, "%s (and %zu more)", first_error(problems),
                   problems->n_errors - 1);
}

void problems_free(struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        free(problems->at[i].text);
    }
    free(problems->at);
    *problems = (struct problems)PROBLEMS_INIT;
}
