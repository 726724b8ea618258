/* metric_docs.c: metricsets, monitors and their fields for the manual, from the tables in the code. */
#include "agent.h"

#include <stdio.h>

static void print_field(FILE *out, const struct metric_field *field)
{
    fprintf(out, ".It Va %s\n%s%s%s: %s\n", field->name, field->type, field->unit ? ", " : "",
            field->unit ? field->unit : "", field->doc);
}

static void print_fields(FILE *out, const struct metric_field *field)
{
    fputs(".Pp\n.Bl -tag -width Ds -compact\n", out);
    for (; field->name; field++)
        print_field(out, field);
    fputs(".El\n", out);
}

static void print_set(FILE *out, const struct metricset *set)
{
    fprintf(out, ".Ss Module %s, metricset %s\n%s\n", set->module, set->name, set->doc);
    if (set->is_default)
        fputs("Usual: taken where no metricsets are named.\n", out);
    print_fields(out, set->fields);
}

void heartbeat_manual(FILE *out)
{
    fputs(".Sh FIELDS OF HEARTBEATS\n.Ss All monitors\nBeside agent, host, ecs, tags and fields.\n",
          out);
    print_fields(out, heartbeat_fields);
    for (size_t i = 0; all_monitors[i]; i++) {
        fprintf(out, ".Ss Monitor %s\n%s.\n", all_monitors[i]->name, all_monitors[i]->doc);
        print_fields(out, all_monitors[i]->fields);
    }
    fputs(".Ss Monitors with TLS\nOf http and tcp.\n", out);
    print_fields(out, tls_fields);
}

void metric_manual(FILE *out)
{
    for (size_t i = 0; all_metricsets[i]; i++)
        print_set(out, all_metricsets[i]);
}
