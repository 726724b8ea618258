/* settings.c: from the files and options of the command line to the structs of the parts.
 *
 * Happy path: files and -E are merged and expanded, each part's table reads its section, inputs get their ready JSON.
 * Failure modes: everything wrong is collected and printed together, each with file:line:column; then posta does not start.
 */
#include "agent.h"

#include <posta/log.h>

#include <stdlib.h>
#include <unistd.h>

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

static bool is_set(const char *text)
{
    return text && *text;
}

static void check_rotation(const struct tail_input *in, const struct node *node,
                           struct problems *problems)
{
    bool is_managed = in->rotation_mode == ROTATION_MANAGED;
    if (is_managed && !is_set(in->rotation_pid_file) && !is_set(in->rotation_process))
        problems_error(problems, node,
                       "rotation.mode: managed needs rotation.pid_file or rotation.process, to "
                       "tell the writer");
    if (in->delete_enabled && in->rotation_mode != ROTATION_EXTERNAL)
        problems_error(problems, node,
                       "delete.enabled: only with rotation.mode: external; with managed, "
                       "rotation.keep says what stays");
    if (in->rotation_limit > 0 && in->rotation_mode == ROTATION_EXTERNAL)
        problems_error(problems, node,
                       "rotation.limit: needs rotation.mode: managed or reclaim; with external it "
                       "is somebody else who makes room");
    if (in->rotation_limit > 0 && in->rotation_limit < 2 * in->rotation_size)
        problems_error(problems, node,
                       "rotation.limit: must be at least twice rotation.size, or ordinary "
                       "rotation would reach it");
}

static int read_input(struct settings *set, const struct node *node, size_t i,
                      struct problems *problems)
{
    char section[48];
    struct input_settings *in = &set->inputs[set->n_inputs];
    snprintf(section, sizeof section, "filebeat.inputs.%zu", i);
    if (options_read(node, section, input_rows(), in, problems)) {
        options_free(input_rows(), in);
        set->n_broken++;
        return -1;
    }
    if (!in->tail.enabled) {
        options_free(input_rows(), in);
        return 0;
    }
    in->node = node;
    size_t before = problems->n_errors;
    parsers_read(in, node, problems);
    processors_read(set, node_get(node, "processors"), in, problems);
    in->is_broken = problems->n_errors > before;
    if (in->type == 1)
        problems_warn(problems, node, "type: log is read as filestream");
    set->n_inputs++;
    return 0;
}

static void check_ids(const struct settings *set, struct problems *problems)
{
    for (size_t i = 0; i < set->n_inputs; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(set->inputs[i].tail.id, set->inputs[k].tail.id) == 0) {
                problems_error(
                    problems, set->inputs[i].node,
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
    size_t n = modules_count(node_get(root, "filebeat.modules"));
    set->inputs = mem_zero(node_count(list) + n, sizeof *set->inputs);
    size_t before = problems->n_errors;
    bool is_readable = true;
    for (size_t i = 0; i < node_count(list); i++)
        is_readable &= read_input(set, node_at(list, i), i, problems) == 0;
    modules_read(set, problems);
    bool has_others = node_count(node_get(root, "metricbeat.modules")) > 0 ||
                      node_count(node_get(root, "heartbeat.monitors")) > 0;
    if (set->n_inputs == 0 && is_readable && problems->n_errors == before && !has_others)
        problems_error(problems, list,
                       "no input is enabled: name the files to follow in filebeat.inputs, what "
                       "to measure in metricbeat.modules, or whom to ask in heartbeat.monitors");
    check_ids(set, problems);
}

static void check_input(const struct settings *set, const struct input_settings *in,
                        struct problems *problems)
{
    struct err err;
    if (tail_check_input(&in->tail, &err))
        problems_error(problems, in->node, "%s", err.text);
    check_rotation(&in->tail, in->node, problems);
    if (set->globals.spool_max_bytes &&
        in->tail.message_max_bytes > set->globals.spool_max_bytes / 4)
        problems_error(problems, in->node,
                       "input '%s': message_max_bytes is more than a quarter of "
                       "queue.disk.max_size: make one smaller or the other larger",
                       in->tail.id);
}

static void make_line_end(struct input_settings *in, struct problems *problems)
{
    struct err err;
    bool is_usual =
        in->tail.encoding <= CHARSET_PLAIN && in->tail.line_terminator <= TERMINATOR_AUTO;
    if (!is_usual &&
        line_end_make(&in->tail.line_end, in->tail.encoding, in->tail.line_terminator, &err))
        problems_error(problems, in->node, "%s", err.text);
}

static void finish_inputs(struct settings *set, struct problems *problems)
{
    for (size_t i = 0; i < set->n_inputs; i++) {
        struct input_settings *in = &set->inputs[i];
        struct err err;
        size_t before = problems->n_errors;
        check_input(set, in, problems);
        make_line_end(in, problems);
        in->extra = fields_to_json(&set->globals, in, &err);
        if (!in->extra)
            problems_error(problems, NULL, "%s", err.text);
        in->is_broken |= problems->n_errors > before;
        in->event = (struct event_input) {
            .type = "filestream", .extra = in->extra, .limit_bytes = in->tail.message_max_bytes};
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

/* Before the default of queue.disk.path is set. */
static void choose_queue(struct settings *set, struct problems *problems)
{
    const struct node *root = config_root(set->config);
    const struct node *disk = node_get(root, "queue.disk"), *mem = node_get(root, "queue.mem");
    set->globals.is_in_memory = node_kind(mem) != NODE_NULL;
    if (set->globals.is_in_memory && node_kind(disk) != NODE_NULL)
        problems_error(
            problems, mem,
            "queue.mem and queue.disk are both set: keep queue.disk, and lines are copied "
            "to a spool; or queue.mem, and they wait in their files");
}

static bool keeps_marks(const struct settings *set)
{
    return set->output && set->output->keeps_marks && set->output->keeps_marks(set->output_self);
}

static void check_marks(const struct settings *set, struct problems *problems)
{
    const struct node *queue = node_get(config_root(set->config), "queue");
    if (!keeps_marks(set))
        return;
    if (set->globals.is_in_memory)
        problems_error(problems, queue,
                       "queue.mem: output.kafka.delivery: exactly_once needs queue.disk, whose "
                       "places it stores with the events");
    if (set->globals.spool_sync == SYNC_NEVER)
        problems_error(problems, queue,
                       "queue.disk.sync: never cannot be with output.kafka.delivery: exactly_once, "
                       "which sends only what is durable; on tmpfs a sync costs nothing");
}

static void read_admin(struct settings *set, struct problems *problems)
{
    const struct node *node = node_get(config_root(set->config), "http");
    struct err err;
    if (options_read(node, "http", admin_options, &set->admin, problems) == 0 &&
        set->admin.enabled && admin_check(&set->admin, &err))
        problems_error(problems, node, "%s", err.text);
}

void settings_read_parts(struct settings *set, struct problems *problems)
{
    set->is_read = true;
    const struct node *root = config_root(set->config);
    (void)(options_read_beside(root, "", top_rows(), taken_elsewhere, &set->globals, problems) ==
           0); /* counted */
    processors_read(set, node_get(root, "processors"), NULL, problems);
    read_admin(set, problems);
    read_inputs(set, problems);
    read_output(set, problems);
    check_marks(set, problems);
    finish_inputs(set, problems);
    metrics_read(set, problems);
    heartbeats_read(set, problems);
    kinds_finish(set, problems);
    processors_finish(set, problems);
    if (set->globals.spool_segment_bytes > set->globals.spool_max_bytes / 4)
        set->globals.spool_segment_bytes = set->globals.spool_max_bytes / 4;
}

void settings_print(const struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        fprintf(stderr, "posta: %s%s\n", problems->at[i].kind == PROBLEM_WARNING ? "warning: " : "",
                problems->at[i].text);
    if (problems->n_dropped)
        fprintf(stderr, "posta: and %zu more\n", problems->n_dropped);
}

void settings_set_up_log(struct settings *set, const struct cli_args *args)
{
    static const enum log_level of_word[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ERROR};
    struct buf joined = BUF_INIT;
    for (size_t i = 0; i < set->globals.log_selectors.n; i++)
        buf_printf(&joined, "%s%s", i ? "," : "", set->globals.log_selectors.at[i]);
    free(set->selectors);
    set->selectors = mem_dup(args->debug ? args->debug : buf_str(&joined));
    buf_free(&joined);
    int word = set->globals.log_level < 0 ? 1 : set->globals.log_level;
    enum log_level level = args->debug ? LOG_DEBUG : of_word[word];
    if (args->is_verbose && level > LOG_INFO)
        level = LOG_INFO;
    log_setup(&(struct log_config) {
        .level = level, .json = set->globals.log_json, .selectors = set->selectors});
}

static void read_role(struct settings *set, const struct cli_args *args, struct problems *problems)
{
    static const char *const names[] = {"host", "node", "sidecar"};
    const char *name = args->role ? args->role : getenv("POSTA_ROLE");
    if (!name || !*name)
        return;
    for (enum role role = ROLE_HOST; role <= ROLE_SIDECAR; role++)
        if (strcmp(name, names[role]) == 0) {
            set->role = role;
            return;
        }
    problems_error(problems, NULL, "%s: there is no role '%s': host, node or sidecar",
                   args->role ? "--role" : "POSTA_ROLE", name);
}

static void add_defaults(struct settings *set)
{
    config_add_default(set->config, "path.data", "/var/lib/posta");
    config_add_default(set->config, "queue.disk.path", "${path.data}/spool");
    if (set->role != ROLE_SIDECAR)
        return;
    config_add_default(set->config, "shutdown.deadline", "25s"); /* of a pod's 30 s */
    config_add_default(set->config, "shutdown.wait_for_writers", "true");
}

int settings_read(struct settings *set, const struct cli_args *args, struct problems *problems)
{
    *set = (struct settings) {.config = config_new(NULL)};
    read_role(set, args, problems);
    int rc = add_files(set, args, problems) | add_command_line(set, args, problems);
    choose_queue(set, problems);
    add_defaults(set);
    if (rc == 0 && config_expand(set->config, NULL, problems) == 0)
        settings_read_parts(set, problems);
    return problems->n_errors ? -1 : 0;
}

int settings_load(struct settings *set, const struct cli_args *args)
{
    struct problems problems = PROBLEMS_INIT;
    int status = settings_read(set, args, &problems) ? EXIT_USAGE : 0;
    settings_set_up_log(set, args);
    settings_print(&problems);
    problems_free(&problems);
    return status;
}

void settings_read_admin(const struct cli_args *args, struct admin_settings *admin)
{
    struct problems problems = PROBLEMS_INIT; /* who runs posta has seen them */
    struct settings set = {.config = config_new(NULL)};
    (void)(add_files(&set, args, &problems) | add_command_line(&set, args, &problems));
    (void)(config_expand(set.config, NULL, &problems) == 0);
    (void)(options_read(node_get(config_root(set.config), "http"), "http", admin_options, admin,
                        &problems) == 0);
    problems_free(&problems);
    config_free(set.config);
}

void input_free(struct input_settings *in)
{
    free(in->extra);
    parsers_free(in);
    options_free(input_rows(), in);
}

void settings_free(struct settings *set)
{
    options_free(admin_options, &set->admin);
    for (size_t i = 0; i < set->n_inputs; i++)
        input_free(&set->inputs[i]);
    free(set->inputs);
    processors_free(set);
    kinds_free(set);
    metrics_free(set);
    heartbeats_free(set);
    if (set->output_self)
        options_free(set->output->options, set->output_self);
    free(set->output_self);
    options_free(top_rows(), &set->globals);
    config_free(set->config);
    free(set->selectors);
}

bool settings_has_lane(const struct settings *set, enum event_lane lane)
{
    for (size_t i = 0; i < set->n_kinds; i++)
        if (set->kinds[i].lane == lane)
            return true;
    return false;
}

enum sync_mode settings_sync_mode(const struct settings *set)
{
    return keeps_marks(set) ? SYNC_ALWAYS : (enum sync_mode)set->globals.spool_sync;
}

const struct input_settings *settings_input(const struct settings *set, const struct source *src)
{
    for (size_t i = 0; i < set->n_inputs; i++)
        if (strcmp(set->inputs[i].tail.id, src->input) == 0)
            return &set->inputs[i];
    return NULL;
}
