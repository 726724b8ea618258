/* kinds.c: the kinds of what is measured and asked: each is a source in the spool of its lane, and a route for the output, so that topics and
 * fields can differ. */
#include "agent.h"

#include <stdlib.h>

static unsigned count_same(const struct settings *settings, enum event_lane lane,
                           const char *module, const char *set)
{
    unsigned n = 0;
    for (size_t i = 0; i < settings->n_kinds; i++)
        n += settings->kinds[i].lane == lane && strcmp(settings->kinds[i].module, module) == 0 &&
             strcmp(settings->kinds[i].set, set) == 0;
    return n;
}

/* The second of two alike is "system.cpu#2". */
unsigned kinds_add(struct settings *settings, enum event_lane lane, const char *module,
                   const char *set, const struct input_settings *labels)
{
    unsigned n_same = count_same(settings, lane, module, set);
    struct sample_kind kind = {.lane = lane, .module = module, .set = set, .labels = labels};
    kind.key =
        n_same ? mem_printf("%s.%s#%u", module, set, n_same + 1) : mem_printf("%s.%s", module, set);
    settings->kinds = mem_grow(settings->kinds, settings->n_kinds + 1, sizeof *settings->kinds);
    settings->kinds[settings->n_kinds] = kind;
    return (unsigned)settings->n_kinds++;
}

void kinds_finish(struct settings *settings, struct problems *problems)
{
    struct err err;
    for (size_t i = 0; i < settings->n_kinds; i++) {
        struct sample_kind *kind = &settings->kinds[i];
        kind->extra = fields_to_json(&settings->globals, kind->labels, &err);
        if (!kind->extra)
            problems_error(problems, NULL, "%s", err.text);
    }
}

void kinds_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->n_kinds; i++) {
        free(settings->kinds[i].key);
        free(settings->kinds[i].extra);
    }
    free(settings->kinds);
    settings->kinds = NULL;
    settings->n_kinds = 0;
}

/* Is it in the lane whose spool this source is in? */
static bool is_there(const struct sample_kind *kind, const struct source *src)
{
    return strcmp(event_lanes[kind->lane].folder, src->input) == 0;
}

unsigned kinds_find(const struct settings *settings, const struct source *src)
{
    unsigned first = 0;
    for (size_t i = settings->n_kinds; i-- > 0;) {
        if (!is_there(&settings->kinds[i], src))
            continue;
        if (strcmp(settings->kinds[i].key, src->path) == 0)
            return (unsigned)i;
        first = (unsigned)i;
    }
    return first;
}
