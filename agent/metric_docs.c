/* metric_docs.c: the metricsets and their fields for the manual, from the tables in the code. */
#include "agent.h"

#include <stdio.h>

static void print_field(FILE *out, const struct metric_field *field)
{
    fprintf(out, ".It Va %s\n%s%s%s: %s\n", field->name, field->type, field->unit ? ", " : "",
            field->unit ? field->unit : "", field->doc);
}

static void print_set(FILE *out, const struct metricset *set)
{
    fprintf(out, ".Ss Module %s, metricset %s\n%s\n", set->module, set->name, set->doc);
    if (set->is_default)
        fputs("Usual: taken where no metricsets are named.\n", out);
    fputs(".Pp\n.Bl -tag -width Ds -compact\n", out);
    for (const struct metric_field *field = set->fields; field->name; field++)
        print_field(out, field);
    fputs(".El\n", out);
}

void metric_manual(FILE *out)
{
    for (size_t i = 0; all_metricsets[i]; i++)
        print_set(out, all_metricsets[i]);
}
