/* settings.c: from the files and options of the command line to the structs of the parts.
 *
 * Happy path: files and -E are merged and expanded, each part's table reads its section, inputs get their ready JSON.
 * Failure modes: everything wrong is collected and printed together, each with file:line:column; then posta does not start.
 */
#include "agent.h"

#include <posta/log.h>

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const levels[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const input_types[] = {"filestream", "log", NULL};

#define AT(field) .at = offsetof(struct globals, field)
const struct option global_options[] = {
    {.name = "name",
     .type = OPT_TEXT,
     AT(name),
     .doc = "Name of this posta in host.name and agent.name; the host's if not set."},
    {.name = "tags", .type = OPT_LIST, AT(tags), .doc = "Tags of every event."},
    {.name = "fields", .type = OPT_MAP, AT(fields), .doc = "Fields of every event."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(fields_under_root),
     .doc = "Put fields at the top of the event, not below `fields`."},
    {.name = "path.data",
     .type = OPT_TEXT,
     .def = "/var/lib/posta",
     AT(path_data),
     .doc = "Folder of the spool and of posta's identity."},
    {.name = "path.home", .type = OPT_IGNORED, .doc = "posta needs no home"},
    {.name = "path.config", .type = OPT_IGNORED, .doc = "give --path.config on the command line"},
    {.name = "path.logs", .type = OPT_IGNORED, .doc = "posta logs to standard error"},
    {.name = "logging.level",
     .type = OPT_WORD,
     .words = levels,
     .def = "info",
     AT(log_level),
     .doc = "Least level of posta's own log lines."},
    {.name = "logging.json",
     .type = OPT_BOOL,
     .def = "false",
     AT(log_json),
     .doc = "Log JSON lines, as Beats do."},
    {.name = "logging.selectors",
     .type = OPT_LIST,
     AT(log_selectors),
     .doc = "Parts whose debug lines are shown; all if not set."},
    {.name = "logging.metrics.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(metrics_enabled),
     .doc = "Log the counters that changed."},
    {.name = "logging.metrics.period",
     .type = OPT_DURATION,
     .def = "30s",
     .min = "100ms",
     AT(metrics_period_ns),
     .doc = "How often."},
    {.name = "logging.metrics.namespaces", .type = OPT_IGNORED, .doc = "all counters are shown"},
    {.name = "logging.to_stderr",
     .type = OPT_IGNORED,
     .doc = "posta always logs to standard error"},
    {.name = "logging.to_files",
     .type = OPT_IGNORED,
     .doc = "posta logs to standard error; the journal or the container engine keeps it"},
    {.name = "logging.to_syslog",
     .type = OPT_IGNORED,
     .doc = "posta logs to standard error; the journal or the container engine keeps it"},
    {.name = "logging.files", .type = OPT_IGNORED, .doc = "posta logs to standard error"},
    {.name = "shutdown.deadline",
     .type = OPT_DURATION,
     .def = "5s",
     .max = "1h",
     .own = true,
     AT(shutdown_ns),
     .doc = "How long SIGTERM may wait for what is read to be delivered; the rest stays in the "
            "spool."},
    {.name = "filebeat.shutdown_timeout", .type = OPT_IGNORED, .doc = "set shutdown.deadline"},
    {.name = "filebeat.registry", .type = OPT_IGNORED, .doc = "positions are in the spool"},
    {.name = "queue.disk.path",
     .type = OPT_TEXT,
     .def = "${path.data}/spool",
     AT(spool_path),
     .doc = "Folder of the spool."},
    {.name = "queue.disk.max_size",
     .type = OPT_BYTES,
     .def = "10GB",
     .min = "1MB",
     AT(spool_max_bytes),
     .doc = "Largest size of the spool; when it is reached, reading stops until there is room."},
    {.name = "queue.disk.segment_size",
     .type = OPT_BYTES,
     .def = "16MB",
     .min = "64KB",
     .max = "1GB",
     AT(spool_segment_bytes),
     .doc = "Size of one file of the spool; at most a quarter of max_size is used. Beats' default "
            "is a tenth of max_size."},
    {.name = "queue.disk.sync_interval",
     .type = OPT_DURATION,
     .def = "50ms",
     .max = "10s",
     .own = true,
     AT(spool_sync_ns),
     .doc = "How long what was read may wait to be synced to disk; a kill loses nothing of it, a "
            "power cut may."},
    {.name = "queue.disk.read_ahead", .type = OPT_IGNORED, .doc = "the spool is read in blocks"},
    {.name = "queue.disk.write_ahead",
     .type = OPT_IGNORED,
     .doc = "what is read is written at once"},
    {.name = "queue.disk.retry_interval",
     .type = OPT_IGNORED,
     .doc = "posta tries again each second"},
    {.name = "queue.disk.max_retry_interval",
     .type = OPT_IGNORED,
     .doc = "posta tries again each second"},
    {.name = "queue.mem",
     .type = OPT_IGNORED,
     .doc =
         "everything goes through the spool; put queue.disk.path on a tmpfs to keep it in memory"},
    {.name = "max_procs", .type = OPT_IGNORED, .doc = "posta does its work in one thread"},
    {.name = "timestamp.precision", .type = OPT_IGNORED, .doc = "times are in milliseconds"},
    {0},
};

const char *const foreign_taken[] = {"filebeat.inputs", "output", "processors", NULL};

/* Beats' other sections, each with what to say. Read with the global table: they are all at the top. */
const struct option foreign_options[] = {
    {.name = "setup",
     .type = OPT_IGNORED,
     .doc = "Elasticsearch and Kibana are set up from elsewhere"},
    {.name = "monitoring", .type = OPT_IGNORED, .doc = "posta sends nothing to Elastic"},
    {.name = "cloud", .type = OPT_REFUSED, .doc = "posta delivers to Kafka: set output.kafka"},
    {.name = "http",
     .type = OPT_IGNORED,
     .doc = "posta has no HTTP endpoint yet; its counters are in its log"},
    {.name = "instrumentation", .type = OPT_IGNORED, .doc = "posta is not traced"},
    {.name = "filebeat.config",
     .type = OPT_REFUSED,
     .doc = "put the inputs into filebeat.inputs, or give more files with -c"},
    {.name = "filebeat.modules", .type = OPT_REFUSED, .doc = "name the files in filebeat.inputs"},
    {.name = "filebeat.autodiscover",
     .type = OPT_REFUSED,
     .doc = "name the files in filebeat.inputs"},
    {.name = "metricbeat", .type = OPT_REFUSED, .doc = "posta takes no samples yet"},
    {.name = "heartbeat", .type = OPT_REFUSED, .doc = "posta makes no checks yet"},
    {.name = "queue.mem.events", .type = OPT_IGNORED, .doc = "everything goes through the spool"},
    {0},
};

#undef AT
#define AT(field) .at = offsetof(struct input_settings, field)
static const struct option input_options[] = {
    {.name = "type",
     .type = OPT_WORD,
     .words = input_types,
     .def = "filestream",
     AT(type),
     .doc = "Kind of input; log is read as filestream."},
    {.name = "tags",
     .type = OPT_LIST,
     AT(tags),
     .doc = "Tags of the input's events, behind the global ones."},
    {.name = "fields",
     .type = OPT_MAP,
     AT(fields),
     .doc = "Fields of the input's events; they go over global ones."},
    {.name = "fields_under_root",
     .type = OPT_BOOL,
     .def = "false",
     AT(fields_under_root),
     .doc = "Put fields at the top of the event."},
    {.name = "pipeline", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "index", .type = OPT_REFUSED, .doc = "set it in Logstash"},
    {.name = "keep_null", .type = OPT_IGNORED, .doc = "posta makes no null fields"},
    {.name = "publisher_pipeline", .type = OPT_IGNORED, .doc = "host.name is always there"},
    {0},
};

/* ---- tables ---- */

static struct option *joined_rows(const struct option *a, const struct option *b)
{
    size_t n_a = 0, n_b = 0;
    while (a[n_a].name)
        n_a++;
    while (b[n_b].name)
        n_b++;
    struct option *rows = mem_zero(n_a + n_b + 1, sizeof *rows);
    memcpy(rows, a, n_a * sizeof *rows);
    memcpy(rows + n_a, b, n_b * sizeof *rows);
    return rows;
}

static const struct option *input_rows(void)
{
    static struct option *rows;
    if (!rows)
        rows = joined_rows(tail_options, input_options);
    return rows;
}

static const struct option *top_rows(void)
{
    static struct option *rows;
    if (!rows)
        rows = joined_rows(global_options, foreign_options);
    return rows;
}

const struct config_section *settings_sections(void)
{
    static struct config_section rows[8];
    size_t n = 0;
    rows[n++] = (struct config_section) {"", top_rows()};
    rows[n++] = (struct config_section) {"filebeat.inputs[]", input_rows()};
    static char names[4][32];
    for (size_t i = 0; all_outputs[i]; i++) {
        snprintf(names[i], sizeof names[i], "output.%s", all_outputs[i]->name);
        rows[n++] = (struct config_section) {names[i], all_outputs[i]->options};
    }
    return rows;
}

/* ---- reading ---- */

static int add_files(struct settings *set, const struct cli_args *args, struct problems *problems)
{
    static const char *const usual[] = {"posta.yml", NULL};
    const char *const *files = args->n_files ? args->files : usual;
    size_t n = args->n_files ? args->n_files : 1;
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        const char *dir = args->path_config ? args->path_config : "/etc/posta";
        bool is_here = *files[i] == '/' || access(files[i], F_OK) == 0;
        char *path = is_here ? mem_dup(files[i]) : mem_printf("%s/%s", dir, files[i]);
        rc |= config_add_file(set->config, path, problems);
        free(path);
    }
    for (size_t i = 0; i < args->n_settings; i++)
        rc |= config_add_setting(set->config, args->settings[i], problems);
    return rc;
}

static int add_command_line(struct settings *set, const struct cli_args *args,
                            struct problems *problems)
{
    if (!args->path_data)
        return 0;
    char *text = mem_printf("path.data='%s'", args->path_data);
    int rc = config_add_setting(set->config, text, problems);
    free(text);
    return rc;
}

static void check_processors(const struct node *root, struct problems *problems)
{
    static const char *const harmless[] = {"add_host_metadata", "add_cloud_metadata",
                                           "add_docker_metadata", "add_kubernetes_metadata", NULL};
    const struct node *list = node_get(root, "processors");
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *one = node_at(list, i);
        const char *name = node_key(one, 0);
        bool is_harmless = false;
        for (size_t k = 0; name && harmless[k]; k++)
            is_harmless |= strcmp(harmless[k], name) == 0;
        if (is_harmless)
            problems_warn(problems, one, "processors: %s is left out: posta adds host.name only",
                          name);
        else
            problems_error(problems, one, "processors: %s is not known to posta: do it in Logstash",
                           name ? name : "this");
    }
}

static int read_input(struct settings *set, const struct node *node, size_t i,
                      struct problems *problems)
{
    char section[48];
    struct input_settings *in = &set->inputs[set->n_inputs];
    snprintf(section, sizeof section, "filebeat.inputs.%zu", i);
    if (options_read(node, section, input_rows(), in, problems)) {
        options_free(input_rows(), in);
        return -1;
    }
    if (!in->tail.enabled) {
        options_free(input_rows(), in);
        return 0;
    }
    if (in->type == 1)
        problems_warn(problems, node, "type: log is read as filestream");
    if (in->tail.rotation_mode == ROTATION_MANAGED && !in->tail.rotation_pid_file)
        problems_error(problems, node,
                       "rotation.mode: managed needs rotation.pid_file, to tell the writer");
    set->n_inputs++;
    return 0;
}

static void check_ids(const struct settings *set, const struct node *list,
                      struct problems *problems)
{
    for (size_t i = 0; i < set->n_inputs; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(set->inputs[i].tail.id, set->inputs[k].tail.id) == 0) {
                problems_error(
                    problems, node_at(list, i),
                    "two inputs have the id '%s': give each its own, positions belong to it",
                    set->inputs[i].tail.id);
                return;
            }
}

static void read_inputs(struct settings *set, struct problems *problems)
{
    const struct node *root = config_root(set->config), *list = node_get(root, "filebeat.inputs");
    if (node_kind(list) != NODE_NULL && node_kind(list) != NODE_LIST) {
        problems_error(problems, list, "filebeat.inputs: expected a list of inputs, found %s",
                       node_kind_name(list));
        return;
    }
    set->inputs = mem_zero(node_count(list), sizeof *set->inputs);
    bool is_readable = true;
    for (size_t i = 0; i < node_count(list); i++)
        is_readable &= read_input(set, node_at(list, i), i, problems) == 0;
    if (set->n_inputs == 0 && is_readable)
        problems_error(problems, list,
                       "no input is enabled: name the files to follow in filebeat.inputs");
    check_ids(set, list, problems);
}

static void finish_inputs(struct settings *set, struct problems *problems)
{
    for (size_t i = 0; i < set->n_inputs; i++) {
        struct input_settings *in = &set->inputs[i];
        struct err err;
        in->extra = fields_to_json(&set->globals, in, &err);
        if (!in->extra)
            problems_error(problems, NULL, "%s", err.text);
        in->event = (struct event_input) {
            .type = "filestream", .extra = in->extra, .limit_bytes = in->tail.message_max_bytes};
        if (set->globals.spool_max_bytes &&
            in->tail.message_max_bytes > set->globals.spool_max_bytes / 4)
            problems_error(problems, NULL,
                           "input '%s': message_max_bytes is more than a quarter of "
                           "queue.disk.max_size: make one smaller or the other larger",
                           in->tail.id);
    }
}

static const struct output *output_by_name(const char *name)
{
    for (size_t i = 0; name && all_outputs[i]; i++)
        if (strcmp(all_outputs[i]->name, name) == 0)
            return all_outputs[i];
    return NULL;
}

static void read_output(struct settings *set, struct problems *problems)
{
    const char *name;
    char section[48];
    size_t before = problems->n_errors;
    const struct node *list = node_get(config_root(set->config), "output");
    const struct node *node = config_choose(list, "output", &name, problems);
    if (!name) {
        if (problems->n_errors == before)
            problems_error(
                problems, list,
                "no output is enabled: set output.kafka, or output.console to try things");
        return;
    }
    set->output = output_by_name(name);
    if (!set->output) {
        problems_error(problems, node,
                       "output.%s is not known: posta delivers to kafka, file and console", name);
        return;
    }
    snprintf(section, sizeof section, "output.%s", name);
    set->output_self = mem_zero(1, set->output->size);
    (void)(options_read(node, section, set->output->options, set->output_self, problems) ==
           0); /* counted in problems */
}

static void read_all(struct settings *set, struct problems *problems)
{
    const struct node *root = config_root(set->config);
    (void)(options_read_beside(root, "", top_rows(), foreign_taken, &set->globals, problems) ==
           0); /* counted */
    check_processors(root, problems);
    read_inputs(set, problems);
    read_output(set, problems);
    finish_inputs(set, problems);
    if (set->globals.spool_segment_bytes > set->globals.spool_max_bytes / 4)
        set->globals.spool_segment_bytes = set->globals.spool_max_bytes / 4;
}

static int print_problems(const struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        fprintf(stderr, "posta: %s%s\n", problems->at[i].kind == PROBLEM_WARNING ? "warning: " : "",
                problems->at[i].text);
    if (problems->n_dropped)
        fprintf(stderr, "posta: and %zu more\n", problems->n_dropped);
    return problems->n_errors ? EXIT_USAGE : 0;
}

static void set_up_log(struct settings *set, const struct cli_args *args)
{
    static const enum log_level of_word[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ERROR};
    struct buf joined = BUF_INIT;
    for (size_t i = 0; i < set->globals.log_selectors.n; i++)
        buf_printf(&joined, "%s%s", i ? "," : "", set->globals.log_selectors.at[i]);
    set->selectors = mem_dup(args->debug ? args->debug : buf_str(&joined));
    buf_free(&joined);
    int word = set->globals.log_level < 0 ? 1 : set->globals.log_level;
    enum log_level level = args->debug ? LOG_DEBUG : of_word[word];
    if (args->is_verbose && level > LOG_INFO)
        level = LOG_INFO;
    log_setup(&(struct log_config) {
        .level = level, .json = set->globals.log_json, .selectors = set->selectors});
}

int settings_load(struct settings *set, const struct cli_args *args)
{
    struct problems problems = PROBLEMS_INIT;
    *set = (struct settings) {.config = config_new(NULL)};
    int rc = add_files(set, args, &problems) | add_command_line(set, args, &problems);
    config_add_default(set->config, "path.data", "/var/lib/posta");
    config_add_default(set->config, "queue.disk.path", "${path.data}/spool");
    if (rc == 0 && config_expand(set->config, NULL, &problems) == 0)
        read_all(set, &problems);
    set_up_log(set, args);
    int status = print_problems(&problems);
    problems_free(&problems);
    return status;
}

void settings_free(struct settings *set)
{
    for (size_t i = 0; i < set->n_inputs; i++) {
        free(set->inputs[i].extra);
        options_free(input_rows(), &set->inputs[i]);
    }
    free(set->inputs);
    if (set->output_self)
        options_free(set->output->options, set->output_self);
    free(set->output_self);
    options_free(top_rows(), &set->globals);
    config_free(set->config);
    free(set->selectors);
}
