/* trace.c: where the sources were that a compressed file may be of; see struct trace.
 *
 * Happy path: all sources of the log, and of what it was rotated to, leave the bytes before their positions as traces, in the
 * order in which they come by when the content is read.
 * Failure modes: a source that was let go leaves none: what was compressed of it is taken for what its time says (copy.c).
 * On close: suspect_free.
 */
#include "suspect.h"

#include <stdlib.h>

static int by_offset(const void *a, const void *b)
{
    const struct trace *x = a, *y = b;
    return x->src.offset < y->src.offset ? -1 : x->src.offset > y->src.offset;
}

static void add_trace(struct suspect *sus, const struct source *src)
{
    if (source_memory(src) == 0)
        return;
    sus->traces = mem_grow(sus->traces, sus->n_traces + 1, sizeof *sus->traces);
    sus->traces[sus->n_traces++] = (struct trace) {.src = *src, .born_ns = source_born_ns(src)};
}

static bool begins_with_path(const char *path, const char *with)
{
    size_t len = strlen(with);
    return strncmp(path, with, len) == 0 && (path[len] == '.' || path[len] == '-');
}

/* Cut to the shortest name of a log that it begins with. */
static void cut_to_root(const struct tail *tail, char *path)
{
    for (char *at = strrchr(path, '/') + 1; *at; at++) {
        char was = *at;
        if (was != '.' && was != '-')
            continue;
        *at = '\0';
        if (log_find(tail, path))
            return;
        *at = was;
    }
}

/* The places of all sources of the log whose name its own begins with, and of what that was rotated to: what is
 * access.log.2.gz may have been found as access.log.1. */
void suspect_take_traces(struct tail *tail, struct suspect *sus)
{
    char *root = mem_printf("%s/%s", sus->dir->path, sus->name);
    sus->has_traces = true;
    cut_to_root(tail, root);
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next)
        if (src->path == sus->path || strcmp(src->path, root) == 0 ||
            begins_with_path(src->path, root))
            add_trace(sus, src);
    if (sus->n_traces > 0)
        qsort(sus->traces, sus->n_traces, sizeof *sus->traces, by_offset);
    free(root);
}

void suspect_look_again(struct suspect *sus)
{
    free(sus->traces);
    sus->traces = NULL;
    sus->n_traces = sus->at_trace = 0;
    sus->match = NULL;
    sus->checked = 0;
    sus->is_checked = sus->has_traces = false;
}
