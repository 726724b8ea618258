/* salvage.c: what of a wrong configuration keeps lines until it is mended: a sidecar that did not start would hold up its pod.
 *
 * Happy path: the inputs that were read without an error are followed into the spool; nothing is measured, asked or delivered.
 * Failure modes: files that cannot be parsed at all leave no input: posta runs, keeps nothing, and says so.
 * On close: settings_free.
 */
#include "agent.h"

#include <stdlib.h>

static void drop_broken_inputs(struct settings *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n_inputs; i++) {
        if (set->inputs[i].is_broken)
            input_free(&set->inputs[i]);
        else
            set->inputs[n++] = set->inputs[i];
    }
    set->n_broken += set->n_inputs - n;
    set->n_inputs = n;
}

/* They are complete only where nothing was wrong. */
static void drop_events(struct settings *set)
{
    processors_free(set);
    kinds_free(set);
    metrics_free(set);
    heartbeats_free(set);
    set->globals.metrics_events = false;
}

void settings_salvage(struct settings *set)
{
    struct problems ignored = PROBLEMS_INIT; /* the first reading said what is wrong */
    if (!set->is_read) {
        (void)(config_expand(set->config, NULL, &ignored) == 0); /* what can be */
        settings_read_parts(set, &ignored);
    }
    problems_free(&ignored);
    drop_broken_inputs(set);
    drop_events(set);
    settings_hold(set);
}

void settings_hold(struct settings *set)
{
    if (set->output_self)
        options_free(set->output->options, set->output_self);
    free(set->output_self);
    set->output = &held_output;
    set->output_self = mem_zero(1, held_output.size);
}
