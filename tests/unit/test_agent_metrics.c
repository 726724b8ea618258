/* test_agent_metrics.c: metricbeat.modules: what they become, and the words for what is wrong, with file:line:column. */
#include "test_agent_settings.h"

#define MODULES "metricbeat.modules:\n"

/* ---- what is right ---- */

static void no_inputs_are_needed(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, MODULES "- module: system\n" OUTPUT);
    const struct settings *set = &rig->settings;
    assert_int_equal(set->n_inputs, 0);
    assert_int_equal(set->n_items, 1);
    assert_int_equal(set->items[0]->period_ns, 10 * NS_PER_S);
    assert_int_equal(set->items[0]->timeout_ns, 10 * NS_PER_S);
}

static void assert_jobs(const struct metric_item *item, const char *names)
{
    struct buf found = BUF_INIT;
    for (size_t i = 0; i < item->n_jobs; i++)
        buf_printf(&found, "%s%s", i ? " " : "", item->jobs[i].set->name);
    assert_string_equal(buf_str(&found), names);
    buf_free(&found);
}

static void without_names_the_usual_ones_are_taken(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, MODULES "- module: system\n- module: container\n- {module: system, "
                             "metricsets: [core, cpu, core]}\n" OUTPUT);
    const struct settings *set = &rig->settings;
    assert_jobs(set->items[0],
                "cpu load memory network process process_summary uptime socket_summary");
    assert_jobs(set->items[1], "cgroup");
    assert_jobs(set->items[2], "core cpu");
}

/* Of two that are alike the second has a name of its own in the spool. posta's own counters come first. */
static void each_metricset_is_a_kind(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig,
                MODULES "- module: system\n  metricsets: [cpu]\n"
                        "- module: system\n  metricsets: [cpu]\n  tags: [t]\n  fields: {a: 1}\n"
                        "logging.metrics.events: true\nfields: {g: 2}\n" OUTPUT);
    const struct settings *set = &rig->settings;
    assert_int_equal(set->n_kinds, 3);
    assert_string_equal(set->kinds[0].key, "posta.stats");
    assert_string_equal(set->kinds[1].key, "system.cpu");
    assert_string_equal(set->kinds[2].key, "system.cpu#2");
    assert_string_equal(set->kinds[1].extra, "\"fields\":{\"g\":2}");
    assert_string_equal(set->kinds[2].extra, "\"tags\":[\"t\"],\"fields\":{\"a\":1,\"g\":2}");
    static char key[] = "system.cpu#2", gone[] = "system.gone", lane[] = "metrics";
    assert_int_equal(kinds_find(set, &(struct source) {.path = key, .input = lane}), 2);
    assert_int_equal(kinds_find(set, &(struct source) {.path = gone, .input = lane}), 0);
}

static void disabled_ones_are_left_out(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, MODULES "- {module: system, enabled: false}\n- module: container\n" OUTPUT);
    assert_int_equal(rig->settings.n_items, 1);
    assert_int_equal(rig->settings.n_kinds, 1);
}

static void hosts_become_urls(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:8080/nginx_status",
                                       "http://a/nginx_status", "https://b/s",
                                       "http://[::1]:80/nginx_status"};
    static const char *const hosts[] = {"127.0.0.1:8080", "a", "b", "[::1]:80"};
    struct rig *rig = *state;
    assert_fine(rig,
                MODULES "- module: nginx\n  timeout: 2s\n"
                        "  hosts: ['127.0.0.1:8080', 'http://a/', 'https://b/s', '[::1]:80']\n"
                        "- module: apache\n  server_status_path: /x\n"
                        "- module: apache\n  hosts: ['http://c/y', 'http://c/y?notable']\n" OUTPUT);
    const struct metric_item *nginx = rig->settings.items[0], *apache = rig->settings.items[1];
    assert_int_equal(nginx->n_jobs, 4);
    assert_int_equal(nginx->timeout_ns, 2 * NS_PER_S);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(nginx->jobs[i].url, urls[i]);
        assert_string_equal(nginx->jobs[i].host, hosts[i]);
    }
    assert_string_equal(apache->jobs[0].url, "http://127.0.0.1/x?auto");
    assert_string_equal(rig->settings.items[2]->jobs[0].url, "http://c/y?auto");
    assert_string_equal(rig->settings.items[2]->jobs[1].url, "http://c/y?notable");
}

static void hostfs_is_of_all_but_the_container(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, "system.hostfs: /h\n" MODULES
                     "- {module: system, metricsets: [cpu]}\n- module: container\n"
                     "- {module: system, metricsets: [cpu], hostfs: /i}\n"
                     "- {module: system, metricsets: [cpu], hostfs: /}\n" OUTPUT);
    static const char *const expected[] = {"/h", "", "/i", ""};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(
            ((const struct metric_env *)rig->settings.items[i]->jobs[0].self)->hostfs, expected[i]);
}

/* As Metricbeat is shipped. */
static void the_file_of_metricbeat_is_understood(void **state)
{
    struct rig *rig = *state;
    assert_fine(
        rig, MODULES
        "- module: system\n  period: 10s\n"
        "  metricsets:\n    - cpu\n    - load\n    - memory\n    - network\n    - process\n"
        "    - process_summary\n    - socket_summary\n"
        "  process.include_top_n:\n    by_cpu: 5\n    by_memory: 5\n"
        "- module: system\n  period: 1m\n  metricsets:\n    - filesystem\n    - fsstat\n"
        "  processors:\n  - drop_event.when.regexp:\n"
        "      system.filesystem.mount_point: '^/(sys|cgroup|proc|dev|etc|host|lib|snap)($|/)'\n"
        "- module: system\n  period: 15m\n  metricsets:\n    - uptime\n" OUTPUT);
    assert_int_equal(rig->settings.n_items, 3);
    assert_int_equal(rig->settings.items[1]->n_drops, 1);
    assert_int_equal(rig->settings.items[2]->period_ns, 900 * NS_PER_S);
}

/* filesystem and fsstat have one option: both are told. */
static void an_option_of_two_metricsets_is_told_to_both(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, MODULES "- {module: system, metricsets: [filesystem, fsstat], "
                             "filesystem.ignore_types: [a, b]}\n" OUTPUT);
    for (size_t i = 0; i < 2; i++) {
        const struct metric_job *job = &rig->settings.items[0]->jobs[i];
        const struct str_list *list =
            (const void *)((const char *)job->self + job->set->options[0].at);
        assert_int_equal(list->n, 2);
        assert_string_equal(list->at[1], "b");
    }
}

/* ---- what is wrong ---- */

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *yaml, *said;
    } rows[] = {
        {MODULES "- module: sytem\n" OUTPUT,
         "posta: posta.yml:2:11: metricbeat.modules: module 'sytem' is not known, did you mean "
         "'system'? Known: system, container, nginx, apache\n"},
        {MODULES "- metricsets: [cpu]\n" OUTPUT,
         "posta: posta.yml:2:3: metricbeat.modules: module: is missing; known: system, container, "
         "nginx, apache\n"},
        {MODULES "- module: system\n  metricsets: [cpu, memroy]\n" OUTPUT,
         "posta: posta.yml:3:15: metricbeat.modules: system has no metricset 'memroy', did you "
         "mean "
         "'memory'? Known: cpu, core, load, memory, network, diskio, filesystem, fsstat, process, "
         "process_summary, uptime, socket_summary\n"},
        {MODULES "- module: container\n  metricsets: [xyz]\n" OUTPUT,
         "posta: posta.yml:3:15: metricbeat.modules: container has no metricset 'xyz'; known: "
         "cgroup\n"},
        {MODULES "- module: nginx\n  cpu.metrics: [ticks]\n" OUTPUT,
         "posta: posta.yml:3:3: unknown key 'metricbeat.modules.0.cpu'; see `posta export config` "
         "for the keys that are known\n"},
        {MODULES "- module: system\n  period: 1\n  perod: 2s\n" OUTPUT,
         "posta: posta.yml:4:3: unknown key 'metricbeat.modules.0.perod', did you mean "
         "'period'?\n"},
        {MODULES "- module: system\n  metricsets: [cpu]\n  cpu.metrics: [all]\n" OUTPUT,
         "posta: posta.yml:2:3: metricbeat.modules: system: cpu.metrics: 'all' is not known; "
         "known: "
         "percentages, normalized_percentages, ticks\n"},
        {MODULES "- module: system\n  metricsets: [cpu]\n  hosts: [a]\n" OUTPUT,
         "posta: posta.yml:4:10: metricbeat.modules: hosts: module system asks no servers, it "
         "looks "
         "at this host only\n"},
        {MODULES "- module: nginx\n  hosts: ['ftp://a']\n" OUTPUT,
         "posta: posta.yml:3:10: metricbeat.modules: hosts: expected host, host:port or http://.. "
         "or https://.., found 'ftp://a/nginx_status'\n"},
        {MODULES "- module: nginx\n  hosts: ['http://u:p@a']\n" OUTPUT,
         "posta: posta.yml:3:10: metricbeat.modules: hosts: no user and password in a URL, it is "
         "in "
         "every event: set username and password\n"},
        {MODULES "- module: nginx\n  ssl.key: /nowhere\n" OUTPUT,
         "posta: posta.yml:2:3: metricbeat.modules: nginx: ssl.key is set, but ssl.certificate is "
         "not\n"},
        {MODULES "- module: system\n  metricsets: [process]\n  processes: ['(']\n" OUTPUT,
         "posta: posta.yml:2:3: metricbeat.modules: system: processes: pattern '(': missing "
         "closing "
         "parenthesis at character 2\n"},
        {MODULES "- module: container\n  processors: [{drop_event: {}}]\n" OUTPUT,
         "posta: posta.yml:3:16: processors: drop_event without when would drop every event: leave "
         "the metricset out instead\n"},
        {MODULES "- module: container\n  processors: [{rename: {}}]\n" OUTPUT,
         "posta: posta.yml:3:16: processors: rename is not known to posta: do it in Logstash\n"},
        {"metricbeat.modules: {module: system}\n" OUTPUT,
         "posta: posta.yml:1:21: metricbeat.modules: expected a list of modules, found a "
         "mapping\n"},
        {MODULES
         "- module: container\n  fields_under_root: true\n  fields: {container: x}\n" OUTPUT,
         "posta: posta.yml:4:23: with fields_under_root, field 'container' would replace posta's "
         "own: give it another name\n"},
        {"metricbeat.config.modules.path: x\n" MODULES "- module: container\n" OUTPUT,
         "posta: posta.yml:1:12: 'metricbeat.config' is not supported: put the modules into "
         "metricbeat.modules, or give more files with -c\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *rig = *state;
        assert_refused(rig, rows[i].yaml, rows[i].said);
        settings_free(&rig->settings);
        rig->settings = (struct settings) {.config = NULL};
        buf_clear(&rig->said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_inputs_are_needed),
        CASE(without_names_the_usual_ones_are_taken),
        CASE(each_metricset_is_a_kind),
        CASE(disabled_ones_are_left_out),
        CASE(hosts_become_urls),
        CASE(hostfs_is_of_all_but_the_container),
        CASE(the_file_of_metricbeat_is_understood),
        CASE(an_option_of_two_metricsets_is_told_to_both),
        CASE(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
