/* test_agent_settings.c: small configurations, what they become, and the words for what is wrong, with file:line:column. */
#include "test_agent_settings.h"

/* ---- what is right ---- */

static void defaults(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, INPUT OUTPUT);
    const struct settings *set = &rig->settings;
    assert_string_equal(set->output->name, "console");
    assert_string_equal(set->globals.path_data, "/var/lib/posta");
    assert_string_equal(set->globals.spool_path, "/var/lib/posta/spool");
    assert_int_equal(set->globals.spool_segment_bytes, 16 << 20);
    assert_int_equal(set->n_inputs, 1);
    assert_string_equal(set->inputs[0].tail.paths.at[0], "/l/a.log");
    assert_int_equal(set->inputs[0].tail.rotation_mode, ROTATION_EXTERNAL);
    assert_int_equal(set->inputs[0].tail.message_max_bytes, 512 * 1024);
    assert_string_equal(set->inputs[0].event.extra, "");
}

static void the_command_line_goes_over_the_file(void **state)
{
    struct rig *rig = *state;
    const char *settings[] = {"name=b"};
    struct cli_args args = {.settings = settings, .n_settings = 1, .path_data = "/data"};
    assert_int_equal(load_with(rig, "name: a\npath.data: /other\n" INPUT OUTPUT, &args), 0);
    assert_string_equal(rig->settings.globals.name, "b");
    assert_string_equal(rig->settings.globals.path_data, "/data");
    assert_string_equal(rig->settings.globals.spool_path, "/data/spool");
}

static void a_disabled_input_is_left_out(void **state)
{
    struct rig *rig = *state;
    assert_fine(
        rig, INPUT
        "- {id: b, paths: [/l/b], enabled: false}\n- {id: c, paths: [/l/c], tags: [t]}\n" OUTPUT);
    assert_int_equal(rig->settings.n_inputs, 2);
    assert_string_equal(rig->settings.inputs[1].tail.id, "c");
    assert_string_equal(rig->settings.inputs[1].event.extra, "\"tags\":[\"t\"]");
}

static void a_segment_is_at_most_a_quarter_of_the_spool(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, "queue.disk.max_size: 4MB\n" INPUT OUTPUT);
    assert_int_equal(rig->settings.globals.spool_segment_bytes, 1 << 20);
}

static void harmless_processors_are_said_and_left_out(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(load(rig, INPUT OUTPUT "processors:\n- add_cloud_metadata: ~\n"), 0);
    assert_string_equal(
        buf_str(&rig->said),
        "posta: warning: posta.yml:6:3: processors: add_cloud_metadata is left out: "
        "posta does not ask for it\n");
}

static void a_log_input_is_read_as_filestream(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(load(rig, "filebeat.inputs:\n- {type: log, id: a, paths: [/l/a]}\n" OUTPUT),
                     0);
    assert_string_equal(buf_str(&rig->said),
                        "posta: warning: posta.yml:2:3: type: log is read as filestream\n");
}

/* ---- what is wrong ---- */

static void an_unknown_key(void **state)
{
    assert_refused(*state, INPUT "output.kafka:\n  hots: [a]\n  topic: t\n",
                   "posta: posta.yml:5:3: unknown key 'output.kafka.hots', did you mean 'hosts'?\n"
                   "posta: posta.yml:5:3: output.kafka.hosts: required, but not set\n");
}

static void an_unknown_key_of_an_input(void **state)
{
    assert_refused(
        *state, "filebeat.inputs:\n- id: a\n  path: [/l/a.log]\n  paths: [/l/a]\n" OUTPUT,
        "posta: posta.yml:3:3: unknown key 'filebeat.inputs.0.path', did you mean 'paths'?\n");
}

static void two_outputs(void **state)
{
    assert_refused(*state, INPUT "output.console: {}\noutput.file: {path: /x}\n",
                   "posta: posta.yml:5:8: only one output can be enabled: 'console' is, at "
                   "posta.yml:4:8; set 'enabled: "
                   "false' in the other\n");
}

static void no_output(void **state)
{
    struct rig *rig = *state;
    int status = load(rig, INPUT);
    assert_int_equal(status, EXIT_USAGE);
    assert_non_null(
        strstr(buf_str(&rig->said),
               "no output is enabled: set output.kafka, or output.console to try things\n"));
}

static void an_output_of_beats_that_posta_has_not(void **state)
{
    assert_refused(*state, INPUT "output.elasticsearch: {hosts: [a]}\n",
                   "posta: posta.yml:4:23: output.elasticsearch is not known: posta delivers to "
                   "kafka, file and console\n");
}

static void no_input(void **state)
{
    assert_refused(
        *state, OUTPUT,
        "posta: no input is enabled: name the files to follow in filebeat.inputs, what to "
        "measure in metricbeat.modules, or whom to ask in heartbeat.monitors\n");
}

static void only_a_disabled_input(void **state)
{
    assert_refused(*state, "filebeat.inputs:\n- {id: b, paths: [/l/b], enabled: false}\n" OUTPUT,
                   "posta: posta.yml:2:1: no input is enabled: name the files to follow in "
                   "filebeat.inputs, what to measure in metricbeat.modules, or whom to ask in "
                   "heartbeat.monitors\n");
}

static void inputs_that_are_no_list(void **state)
{
    assert_refused(
        *state, "filebeat.inputs: {id: a}\n" OUTPUT,
        "posta: posta.yml:1:18: filebeat.inputs: expected a list of inputs, found a mapping\n");
}

static void two_inputs_of_one_id(void **state)
{
    assert_refused(*state, INPUT "- id: a\n  paths: [/l/b.log]\n" OUTPUT,
                   "posta: posta.yml:4:3: two inputs have the id 'a': give each its own, positions "
                   "belong to it\n");
}

static void two_inputs_of_one_id_behind_a_disabled_one(void **state)
{
    assert_refused(*state,
                   "filebeat.inputs:\n- {id: x, paths: [/l/x], enabled: false}\n- {id: a, paths: "
                   "[/l/a]}\n- {id: a, paths: [/l/b]}\n" OUTPUT,
                   "posta: posta.yml:4:3: two inputs have the id 'a': give each its own, positions "
                   "belong to it\n");
}

static void managed_without_a_pid_file(void **state)
{
    assert_refused(
        *state, "filebeat.inputs:\n- id: a\n  paths: [/l/a.log]\n  rotation.mode: managed\n" OUTPUT,
        "posta: posta.yml:2:3: rotation.mode: managed needs rotation.pid_file or rotation.process, "
        "to tell the "
        "writer\n");
}

static void room_that_is_made_in_two_ways(void **state)
{
    assert_refused(*state,
                   "filebeat.inputs:\n- id: a\n  paths: [/l/a.log]\n  rotation.mode: reclaim\n  "
                   "delete.enabled: true\n" OUTPUT,
                   "posta: posta.yml:2:3: delete.enabled: only with rotation.mode: external; with "
                   "managed, rotation.keep says what stays\n");
}

static void a_limit_of_somebody_elses_rotation(void **state)
{
    assert_refused(*state,
                   "filebeat.inputs:\n- id: a\n  paths: [/l/a.log]\n  rotation.limit: 1MB\n" OUTPUT,
                   "posta: posta.yml:2:3: rotation.limit: needs rotation.mode: managed or reclaim; "
                   "with external it is somebody else who makes room\n");
}

static void processors_that_posta_has_not(void **state)
{
    assert_refused(
        *state, INPUT OUTPUT "processors:\n- dissect: {tokenizer: x}\n- text\n",
        "posta: posta.yml:6:3: processors: dissect is not known to posta: do it in Logstash\n"
        "posta: posta.yml:7:3: processors: this is not known to posta: do it in Logstash\n");
}

static void a_line_too_long_for_the_spool(void **state)
{
    assert_refused(*state, "queue.disk.max_size: 1MB\n" INPUT OUTPUT,
                   "posta: posta.yml:3:3: input 'a': message_max_bytes is more than a quarter of "
                   "queue.disk.max_size: make one smaller or the "
                   "other larger\n");
}

static void two_queues(void **state)
{
    assert_refused(*state, "queue.mem: {max_size: 1MB}\nqueue.disk.max_size: 64MB\n" INPUT OUTPUT,
                   "posta: posta.yml:1:12: queue.mem and queue.disk are both set: keep queue.disk, "
                   "and lines are copied to a spool; or queue.mem, and they wait in their files\n");
}

static void what_the_queue_cannot_be_told(void **state)
{
    assert_refused(
        *state, "queue.disk: {sync: sometimes, at_limit: drop, share.metrics: 60}\n" INPUT OUTPUT,
        "posta: posta.yml:1:20: queue.disk.sync: expected interval, always or never, found "
        "'sometimes'\n"
        "posta: posta.yml:1:41: queue.disk.at_limit: expected block, drop_oldest or drop_newest, "
        "found 'drop'\n"
        "posta: posta.yml:1:62: queue.disk.share.metrics: must be at most 50, found '60'\n");
}

static void a_queue_in_memory(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(load(rig, "queue.mem: {events: 4096}\n" INPUT OUTPUT), 0);
    assert_true(rig->settings.globals.is_in_memory);
    assert_int_equal(rig->settings.globals.memory_bytes, 4 << 20);
    assert_string_equal(
        buf_str(&rig->said),
        "posta: warning: posta.yml:1:13: 'queue.mem.events' is accepted, but not needed: set "
        "queue.mem.max_size, in bytes\n");
}

static void a_file_that_is_not_there(void **state)
{
    struct rig *rig = *state;
    const char *files[] = {"/nowhere/posta.yml"};
    const struct cli_args args = {.files = files, .n_files = 1};
    int was = dup(STDERR_FILENO), fd = memfd_create("said", MFD_CLOEXEC);
    dup2(fd, STDERR_FILENO);
    int status = settings_load(&rig->settings, &args);
    fflush(stderr);
    dup2(was, STDERR_FILENO);
    close(was);
    keep_said(rig, fd);
    close(fd);
    assert_int_equal(status, EXIT_USAGE);
    assert_non_null(strstr(buf_str(&rig->said), "/nowhere/posta.yml"));
    assert_non_null(strstr(buf_str(&rig->said), "No such file or directory"));
}

/* ---- parsers and modules ---- */

#define IN "filebeat.inputs:\n- id: a\n  paths: [/l/a.log]\n"

static void parsers_are_made_in_order(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, IN "  encoding: utf-16le\n  include_lines: [x]\n"
                        "  parsers:\n  - container:\n  - multiline: {pattern: '^ ', match: after}\n"
                        "  - nginx: {dataset: access}\n" OUTPUT);
    const struct input_settings *in = &rig->settings.inputs[0];
    assert_int_equal(in->chain.n, 4);
    assert_string_equal(in->chain.stages[0].parser->name, "container");
    assert_string_equal(in->chain.stages[3].parser->name, "lines");
    assert_true(in->chain.holds);
    assert_int_equal(in->tail.line_end.len, 2);
}

static void what_is_wrong_with_parsers_is_said(void **state)
{
    static const struct {
        const char *yaml, *said;
    } rows[] = {
        {IN "  parsers:\n  - multilne: {}\n" OUTPUT,
         "posta: posta.yml:5:15: parsers: 'multilne' is not known; known: multiline, container, "
         "ndjson, "
         "syslog, include_message, nginx, apache\n"},
        {IN "  parsers:\n  - multiline:\n    pattern: x\n" OUTPUT,
         "posta: posta.yml:5:5: parsers: expected one parser with its options below it, found the "
         "keys "
         "multiline, pattern: indent the options below the parser's name\n"},
        {IN "  parsers:\n  - nginx: {}\n  - apache: {}\n" OUTPUT,
         "posta: posta.yml:2:3: parsers: only one of nginx and apache can be used in an input: "
         "give it the "
         "formats of all its lines, or make two inputs\n"},
        {IN "  exclude_lines: ['(?=x)']\n" OUTPUT,
         "posta: posta.yml:2:3: exclude_lines: pattern '(?=x)': '(?=' at character 1: RE2 has no "
         "look-ahead\n"},
        {IN "  encoding: iso8859-1\n  line_terminator: line_separator\n" OUTPUT,
         "posta: posta.yml:2:3: line_terminator 'line_separator' is no character of encoding "
         "'iso8859-1': use "
         "another\n"},
        {IN "  fields_under_root: true\n  fields: {source: x}\n  parsers: [{nginx: {}}]\n" OUTPUT,
         "posta: posta.yml:5:20: with fields_under_root, field 'source' would replace posta's own: "
         "give it "
         "another name\n"},
        {"filebeat.modules:\n- module: mysql\n" OUTPUT,
         "posta: posta.yml:2:3: filebeat.modules: 'mysql': known to posta are nginx and apache; "
         "name the files "
         "of others in filebeat.inputs\n"},
        {"filebeat.modules:\n- module: nginx\n" OUTPUT,
         "posta: posta.yml:2:3: filebeat.modules: nginx: no fileset is enabled: add access: "
         "{enabled: true} or "
         "error: {enabled: true}\n"},
        {"filebeat.modules:\n- module: nginx\n  ingress_controller: {enabled: true}\n  access: "
         "{enabled: true}\n" OUTPUT,
         "posta: posta.yml:3:23: filebeat.modules: nginx has no fileset 'ingress_controller' in "
         "posta; known: "
         "access, error\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *rig = *state;
        assert_refused(rig, rows[i].yaml, rows[i].said);
        settings_free(&rig->settings);
        rig->settings = (struct settings) {.config = NULL};
        buf_clear(&rig->said);
    }
}

static void modules_become_inputs(void **state)
{
    struct rig *rig = *state;
    assert_fine(
        rig,
        "filebeat.modules:\n- module: nginx\n  access: {enabled: true, var.paths: [/l/a.log]}\n"
        "  error: {enabled: true, input.tags: [t]}\n- module: apache\n  access: {enabled: false}\n"
        "  error: {enabled: true, var.timezone: UTC}\n" OUTPUT);
    const struct settings *set = &rig->settings;
    assert_int_equal(set->n_inputs, 3);
    assert_string_equal(set->inputs[0].tail.id, "nginx-access");
    assert_string_equal(set->inputs[0].tail.paths.at[0], "/l/a.log");
    assert_string_equal(set->inputs[0].event.extra,
                        "\"service\":{\"type\":\"nginx\"},\"fileset\":{\"name\":\"access\"}");
    assert_int_equal(set->inputs[0].chain.n, 1);
    assert_string_equal(set->inputs[1].tail.paths.at[0], "/var/log/nginx/error.log*");
    assert_string_equal(set->inputs[1].chain.stages[0].parser->name, "multiline");
    assert_string_equal(
        set->inputs[1].event.extra,
        "\"tags\":[\"t\"],\"service\":{\"type\":\"nginx\"},\"fileset\":{\"name\":\"error\"}");
    assert_string_equal(set->inputs[2].tail.id, "apache-error");
    assert_int_equal(set->inputs[2].tail.paths.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(parsers_are_made_in_order),
        CASE(what_is_wrong_with_parsers_is_said),
        CASE(modules_become_inputs),
        CASE(defaults),
        CASE(the_command_line_goes_over_the_file),
        CASE(a_disabled_input_is_left_out),
        CASE(a_segment_is_at_most_a_quarter_of_the_spool),
        CASE(harmless_processors_are_said_and_left_out),
        CASE(a_log_input_is_read_as_filestream),
        CASE(an_unknown_key),
        CASE(an_unknown_key_of_an_input),
        CASE(two_outputs),
        CASE(no_output),
        CASE(an_output_of_beats_that_posta_has_not),
        CASE(no_input),
        CASE(only_a_disabled_input),
        CASE(inputs_that_are_no_list),
        CASE(two_inputs_of_one_id),
        CASE(two_inputs_of_one_id_behind_a_disabled_one),
        CASE(managed_without_a_pid_file),
        CASE(room_that_is_made_in_two_ways),
        CASE(a_limit_of_somebody_elses_rotation),
        CASE(processors_that_posta_has_not),
        CASE(a_line_too_long_for_the_spool),
        CASE(two_queues),
        CASE(what_the_queue_cannot_be_told),
        CASE(a_queue_in_memory),
        CASE(a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
