/* metric_options.c: the option tables of metricbeat.modules: what all modules have, and beside it what the metricsets of one
 * module have, read together into one block, so that every key of an item has one table that knows it. */
#include "agent.h"

#include <stddef.h>
#include <stdlib.h>

enum { MODULES_MAX = 16 };

#define AT(field) .at = offsetof(struct metric_item, field)
static const struct option common_options[] = {
    {.name = "module",
     .type = OPT_TEXT,
     .required = true,
     AT(module),
     .doc = "What is measured: system, container, nginx or apache."},
    {.name = "metricsets",
     .type = OPT_LIST,
     AT(sets),
     .doc = "Which figures of it; if not set, those that the manual marks as usual."},
    {.name = "enabled", .type = OPT_BOOL, .def = "true", AT(enabled), .doc = "Use this item."},
    {.name = "period",
     .type = OPT_DURATION,
     .def = "10s",
     .min = "100ms",
     AT(period_ns),
     .doc = "How often a sample is taken; the first one is taken at the start."},
    {.name = "hosts",
     .type = OPT_LIST,
     AT(hosts),
     .doc = "Servers that are asked, as URL or host:port; only for modules that ask servers."},
    {.name = "timeout",
     .type = OPT_DURATION,
     .min = "1ms",
     AT(timeout_ns),
     .doc = "How long a server may take to answer; the period if not set."},
    {.name = "hostfs", .type = OPT_TEXT, AT(hostfs), .doc = "As system.hostfs, for this item."},
    {.name = "tags",
     .type = OPT_LIST,
     AT(labels.tags),
     .doc = "Tags of the item's events, behind the global ones."},
    {.name = "fields",
     .type = OPT_MAP,
     AT(labels.fields),
     .doc = "Fields of the item's events; they go over global ones."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(labels.fields_under_root),
     .doc = "Put fields at the top of the event."},
    {.name = "processors",
     .type = OPT_NODES,
     AT(processors),
     .doc = "Only drop_event, with its condition in when: such events go nowhere."},
    {.name = "pipeline", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "index", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "keep_null", .type = OPT_IGNORED, .doc = "posta makes no null fields"},
    {.name = "publisher_pipeline", .type = OPT_IGNORED, .doc = "host.name is always there"},
    {.name = "cpu_ticks", .type = OPT_REFUSED, .doc = "name ticks in cpu.metrics"},
    {.name = "filters", .type = OPT_REFUSED, .doc = "write processors: - drop_event: {when: ..}"},
    {0},
};

const struct option *metric_common_rows(void)
{
    return common_options;
}

/* ---- modules ---- */

static bool is_of(const struct metricset *set, const char *module)
{
    return strcmp(set->module, module) == 0;
}

const char *metric_module(size_t n)
{
    for (size_t i = 0; all_metricsets[i]; i++) {
        bool is_first = i == 0 || !is_of(all_metricsets[i - 1], all_metricsets[i]->module);
        if (is_first && n-- == 0)
            return all_metricsets[i]->module;
    }
    return NULL;
}

static size_t rounded(size_t size)
{
    size_t unit = _Alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

size_t metric_offset(const struct metricset *set)
{
    size_t at = rounded(sizeof(struct metric_item));
    for (size_t i = 0; all_metricsets[i] != set; i++)
        if (is_of(all_metricsets[i], set->module))
            at += rounded(all_metricsets[i]->size);
    return at;
}

size_t metric_block_size(const char *module)
{
    size_t size = 0;
    for (size_t i = 0; all_metricsets[i]; i++)
        if (is_of(all_metricsets[i], module))
            size = metric_offset(all_metricsets[i]) + rounded(all_metricsets[i]->size);
    return size;
}

/* ---- joined tables; kept for the life of the process, as others are ---- */

static size_t count_rows(const struct option *rows)
{
    size_t n = 0;
    while (rows && rows[n].name)
        n++;
    return n;
}

static struct option *add_rows(struct option *to, const struct option *rows, size_t shift)
{
    size_t n = count_rows(rows);
    for (size_t i = 0; i < n; i++) {
        *to = rows[i];
        to->at += shift;
        to++;
    }
    return to;
}

/* What the metricsets of a module have beside the common ones. */
static struct option *join(const char *module, bool has_common)
{
    size_t n = count_rows(common_options) + 1;
    for (size_t i = 0; all_metricsets[i]; i++)
        n += count_rows(all_metricsets[i]->options);
    struct option *rows = mem_zero(n, sizeof *rows), *end = rows;
    if (has_common)
        end = add_rows(end, common_options, 0);
    for (size_t i = 0; all_metricsets[i]; i++)
        if (is_of(all_metricsets[i], module))
            end = add_rows(end, all_metricsets[i]->options, metric_offset(all_metricsets[i]));
    return rows;
}

const struct option *metric_rows(const char *module)
{
    static struct option *of_module[MODULES_MAX];
    const char *name;
    for (size_t i = 0; (name = metric_module(i)) && i < MODULES_MAX; i++) {
        if (strcmp(name, module) != 0)
            continue;
        if (!of_module[i])
            of_module[i] = join(module, true);
        return of_module[i];
    }
    return NULL;
}

const struct config_section *metric_sections(void)
{
    static struct config_section rows[MODULES_MAX + 1];
    const char *name;
    size_t n = 0;
    if (rows[0].rows)
        return rows;
    for (size_t i = 0; (name = metric_module(i)) && i < MODULES_MAX; i++) {
        const struct option *own = join(name, false);
        if (own->name)
            rows[n++] = (struct config_section) {
                mem_printf("metricbeat.modules[] (module: %s)", name), own};
    }
    return rows;
}
