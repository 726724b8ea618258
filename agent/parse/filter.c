/* filter.c: records that are wanted, by pattern: the parser include_message, and an input's include_lines and exclude_lines.
 *
 * Happy path: a pattern is looked for in the text of a record; what is not wanted is marked dropped.
 * Failure modes: a pattern that takes too long for a text: it is not known whether it is wanted, so it is kept.
 * On close: nothing is held.
 */
#include "parse.h"

#include <posta/regex.h>

#include <stddef.h>
#include <stdlib.h>

struct include_message {
    struct parser_env env;
    struct str_list patterns;
    struct regex_list list;
};

static void drop_if(bool is_unwanted, struct record *rec, const struct emit *emit)
{
    if (is_unwanted)
        rec->flags |= RECORD_DROPPED;
    emit->give(emit->arg, rec);
}

/* ---- include_message ---- */

static int include_open(void *self, struct err *err)
{
    struct include_message *inc = self;
    return regex_list_new(&inc->list, &inc->patterns, err);
}

static void include_close(void *self)
{
    regex_list_free(&((struct include_message *)self)->list);
}

static void include_take(void *self, void *state, void *older, struct record *rec,
                         const struct emit *emit)
{
    const struct include_message *inc = self;
    (void)state, (void)older;
    drop_if(regex_list_try(&inc->list, rec->text, rec->len) == 0, rec, emit);
}

static const struct option include_options[] = {
    {.name = "patterns",
     .type = OPT_LIST,
     .required = true,
     .at = offsetof(struct include_message, patterns),
     .doc = "Regular expressions (RE2); a message that none of them matches is left out."},
    {0},
};

const struct parser include_message_parser = {
    .name = "include_message",
    .doc = "messages that match are kept, the others left out",
    .options = include_options,
    .size = sizeof(struct include_message),
    .open = include_open,
    .close = include_close,
    .take = include_take,
};

/* ---- include_lines, exclude_lines ---- */

struct made {
    struct regex_list include, exclude;
};

static int lines_open(void *self, struct err *err)
{
    struct line_filter *filter = self;
    struct made *made = filter->made = mem_zero(1, sizeof *made);
    if (regex_list_new(&made->include, &filter->include, err))
        return err_wrap(err, "include_lines");
    if (regex_list_new(&made->exclude, &filter->exclude, err))
        return err_wrap(err, "exclude_lines");
    return 0;
}

static void lines_close(void *self)
{
    struct line_filter *filter = self;
    struct made *made = filter->made;
    if (!made)
        return;
    regex_list_free(&made->include);
    regex_list_free(&made->exclude);
    free(made);
    filter->made = NULL;
}

static void lines_take(void *self, void *state, void *older, struct record *rec,
                       const struct emit *emit)
{
    const struct made *made = ((const struct line_filter *)self)->made;
    (void)state, (void)older;
    bool is_unwanted =
        made->include.n > 0 && regex_list_try(&made->include, rec->text, rec->len) == 0;
    if (!is_unwanted && made->exclude.n > 0)
        is_unwanted = regex_list_try(&made->exclude, rec->text, rec->len) == 1;
    drop_if(is_unwanted, rec, emit);
}

const struct parser line_filter_parser = {
    .name = "lines",
    .doc = "include_lines and exclude_lines",
    .size = sizeof(struct line_filter),
    .open = lines_open,
    .close = lines_close,
    .take = lines_take,
};
