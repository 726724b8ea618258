/* metric_settings.c: metricbeat.modules → what is looked at, how often, and under which names.
 *
 * Happy path: an item is read by its module's table; each metricset it names becomes a job, for each host if it asks servers;
 * each metricset is a kind of its own.
 * Failure modes: other modules and metricsets are problems with their place and what there is; so is what a metricset says of its
 * options.
 * On close: metrics_free.
 */
#include "agent.h"

#include <stdlib.h>
#include <strings.h>

struct reading {
    struct settings *settings;
    struct metric_item *item;
    struct problems *problems;
};

/* ---- names that are none ---- */

static void list_names(const char *const *names, size_t n, const char *word, struct buf *advice)
{
    const char *meant = word ? suggest(word, names, n) : NULL;
    if (meant)
        buf_printf(advice, ", did you mean '%s'?", meant);
    buf_puts(advice, meant ? " Known: " : "; known: ");
    for (size_t i = 0; i < n; i++)
        buf_printf(advice, "%s%s", i ? ", " : "", names[i]);
}

static void complain_module(struct problems *problems, const struct node *item, const char *name)
{
    const char *names[32];
    size_t n = 0;
    struct buf advice = BUF_INIT;
    const struct node *place = node_get(item, "module");
    while (n < 32 && (names[n] = metric_module(n)))
        n++;
    list_names(names, n, name, &advice);
    if (name)
        problems_error(problems, place, "metricbeat.modules: module '%s' is not known%s", name,
                       buf_str(&advice));
    else
        problems_error(problems, item, "metricbeat.modules: module: is missing%s",
                       buf_str(&advice));
    buf_free(&advice);
}

static void complain_set(const struct reading *r, const struct node *place, const char *name)
{
    const char *names[64];
    size_t n = 0;
    struct buf advice = BUF_INIT;
    for (size_t i = 0; all_metricsets[i] && n < 64; i++)
        if (strcmp(all_metricsets[i]->module, r->item->module) == 0)
            names[n++] = all_metricsets[i]->name;
    list_names(names, n, name, &advice);
    problems_error(r->problems, place, "metricbeat.modules: %s has no metricset '%s'%s",
                   r->item->module, name, buf_str(&advice));
    buf_free(&advice);
}

/* ---- servers ---- */

static const char *text_at(const void *self, size_t at)
{
    const char *text;
    memcpy(&text, (const char *)self + at, sizeof text);
    return text ? text : "";
}

/* "127.0.0.1:80", "http://h", "http://h/status" → the whole URL. */
static char *make_url(const char *host, const char *path, const char *query)
{
    bool has_scheme = strstr(host, "://") != NULL;
    const char *rest = has_scheme ? strstr(host, "://") + 3 : host;
    size_t len = strcspn(rest, "/?");
    bool has_path = rest[len] != '\0' && strcmp(rest + len, "/") != 0;
    bool wants_query = query && !strchr(host, '?') && !strchr(path, '?');
    return mem_printf("%s%.*s%s%s%s%s", has_scheme ? "" : "http://",
                      (int)(has_path ? strlen(host) : (size_t)(rest - host) + len), host,
                      has_path || *path == '/' ? "" : "/", has_path ? "" : path,
                      wants_query ? "?" : "", wants_query ? query : "");
}

/* Without scheme, user and path: what events call the host. */
static char *host_of(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    size_t skip = at ? (size_t)(at + 1 - host) : 0;
    return mem_printf("%.*s", (int)(len - skip), host + skip);
}

static void check_host(const struct reading *r, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    bool is_http = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
    const struct node *place = node_get(r->item->node, "hosts");
    if (!is_http || strcspn(host, "/?#") == 0)
        problems_error(r->problems, place,
                       "metricbeat.modules: hosts: expected host, host:port or http://.. or "
                       "https://.., found '%s'",
                       url);
    if (memchr(host, '@', strcspn(host, "/?#")))
        problems_error(r->problems, place,
                       "metricbeat.modules: hosts: no user and password in a URL, it is in every "
                       "event: set username and password");
}

/* ---- jobs ---- */

const struct web_options *metric_server(const struct metric_job *job)
{
    return (const void *)((const char *)job->self + job->set->page->server_at);
}

static void add_job(const struct reading *r, const struct metricset *set, unsigned kind,
                    const char *host)
{
    struct metric_item *item = r->item;
    struct err err;
    item->jobs = mem_grow(item->jobs, item->n_jobs + 1, sizeof *item->jobs);
    struct metric_job *job = &item->jobs[item->n_jobs++];
    *job = (struct metric_job) {.set = set, .kind = kind, .self = mem_zero(1, set->size)};
    memcpy(job->self, (const char *)item->block + metric_offset(set), set->size);
    if (host) {
        job->url = make_url(host, text_at(job->self, set->page->path_at), set->page->query);
        check_host(r, job->url);
        job->host = host_of(job->url);
    }
    const struct globals *g = &r->settings->globals;
    const char *hostfs = item->hostfs && *item->hostfs ? item->hostfs
                         : set->is_own                 ? NULL
                                                       : g->hostfs;
    *(struct metric_env *)job->self =
        (struct metric_env) {.hostfs = hostfs && strcmp(hostfs, "/") != 0 ? hostfs : "",
                             .host = job->host ? job->host : ""};
    if (set->open && set->open(job->self, &err))
        problems_error(r->problems, item->node, "metricbeat.modules: %s: %s", set->module,
                       err.text);
    if (set->page && web_check(metric_server(job), &err))
        problems_error(r->problems, item->node, "metricbeat.modules: %s: %s", set->module,
                       err.text);
}

static void add_set(const struct reading *r, const struct metricset *set)
{
    const struct str_list *hosts = &r->item->hosts;
    for (size_t i = 0; i < r->item->n_jobs; i++)
        if (r->item->jobs[i].set == set)
            return; /* named twice */
    unsigned kind =
        kinds_add(r->settings, EVENTS_METRICS, set->module, set->name, &r->item->labels);
    if (!set->page)
        add_job(r, set, kind, NULL);
    else if (hosts->n == 0)
        add_job(r, set, kind, set->page->default_host);
    for (size_t i = 0; set->page && i < hosts->n; i++)
        add_job(r, set, kind, hosts->at[i]);
    if (!set->page && hosts->n > 0)
        problems_error(r->problems, node_get(r->item->node, "hosts"),
                       "metricbeat.modules: hosts: module %s asks no servers, it looks at this "
                       "host only",
                       r->item->module);
}

static const struct metricset *find_set(const char *module, const char *name)
{
    for (size_t i = 0; all_metricsets[i]; i++)
        if (strcmp(all_metricsets[i]->module, module) == 0 &&
            strcmp(all_metricsets[i]->name, name) == 0)
            return all_metricsets[i];
    return NULL;
}

static void add_sets(const struct reading *r)
{
    const struct metric_item *item = r->item;
    for (size_t i = 0; item->sets.n == 0 && all_metricsets[i]; i++)
        if (all_metricsets[i]->is_default && strcmp(all_metricsets[i]->module, item->module) == 0)
            add_set(r, all_metricsets[i]);
    for (size_t i = 0; i < item->sets.n; i++) {
        const struct metricset *set = find_set(item->module, item->sets.at[i]);
        if (set)
            add_set(r, set);
        else
            complain_set(r, node_get(item->node, "metricsets"), item->sets.at[i]);
    }
}

/* ---- processors ---- */

static void add_drop(const struct reading *r, const struct node *when)
{
    struct metric_item *item = r->item;
    struct condition *condition = condition_read(when, r->problems);
    item->drops = mem_grow(item->drops, item->n_drops + 1, sizeof *item->drops);
    item->drops[item->n_drops] = condition;
    item->n_drops += condition != NULL;
}

static void add_processors(const struct reading *r)
{
    for (size_t i = 0; i < r->item->processors.n; i++) {
        const struct node *one = r->item->processors.at[i];
        const struct node *when = node_get(one, "drop_event.when");
        if (when)
            add_drop(r, when);
        else if (node_get(one, "drop_event"))
            problems_error(r->problems, one,
                           "processors: drop_event without when would drop every event: leave the "
                           "metricset out instead");
        else
            processors_add(r->settings, one, &r->item->labels, r->problems);
    }
}

/* ---- items ---- */

static void free_item(struct metric_item *item)
{
    for (size_t i = 0; i < item->n_jobs; i++) {
        struct metric_job *job = &item->jobs[i];
        if (job->set->close)
            job->set->close(job->self);
        free(job->self);
        free(job->url);
        free(job->host);
    }
    for (size_t i = 0; i < item->n_drops; i++)
        condition_free(item->drops[i]);
    free(item->jobs);
    free(item->drops);
    options_free(item->rows, item->block);
    free(item->block);
}

static void keep_item(struct settings *settings, struct metric_item *item)
{
    settings->items = mem_grow(settings->items, settings->n_items + 1, sizeof *settings->items);
    settings->items[settings->n_items++] = item;
}

static void read_item(struct settings *settings, const struct node *node, size_t i,
                      struct problems *problems)
{
    char section[48];
    const char *module = node_text(node_get(node, "module"));
    const struct option *rows = module ? metric_rows(module) : NULL;
    if (!rows) {
        complain_module(problems, node, module);
        return;
    }
    struct metric_item *item = mem_zero(1, metric_block_size(module));
    snprintf(section, sizeof section, "metricbeat.modules.%zu", i);
    bool is_read = options_read(node, section, rows, item, problems) == 0;
    item->node = node;
    item->rows = rows;
    item->block = item;
    if (!is_read || !item->enabled) {
        free_item(item);
        return;
    }
    if (item->timeout_ns == 0)
        item->timeout_ns = item->period_ns;
    keep_item(settings, item);
    const struct reading r = {settings, item, problems};
    add_sets(&r);
    add_processors(&r);
}

void metrics_read(struct settings *settings, struct problems *problems)
{
    static const struct input_settings no_labels;
    const struct node *list = node_get(config_root(settings->config), "metricbeat.modules");
    if (settings->globals.metrics_events)
        kinds_add(settings, EVENTS_METRICS, "posta", "stats", &no_labels);
    if (node_kind(list) != NODE_NULL && node_kind(list) != NODE_LIST)
        problems_error(problems, list, "metricbeat.modules: expected a list of modules, found %s",
                       node_kind_name(list));
    for (size_t i = 0; node_kind(list) == NODE_LIST && i < node_count(list); i++)
        if (node_is_enabled(node_at(list, i)))
            read_item(settings, node_at(list, i), i, problems);
}

void metrics_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->n_items; i++)
        free_item(settings->items[i]);
    free(settings->items);
    settings->items = NULL;
    settings->n_items = 0;
}
