/* test_agent_processors.c: which events get what, by the place of a processor and its condition, and the words for what cannot be. */
#include "test_agent_settings.h"

#define TWO                                                                                        \
    "filebeat.inputs:\n- {id: a, paths: [/l/a.log]}\n- {id: b, paths: [/l/b.log], tags: "          \
    "[forwarded], fields: {env: test}}\n"
#define PROCESSORS "processors:\n"

/* ---- whose events ---- */

static void all_of_the_top(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig,
                "metricbeat.modules: [{module: system, metricsets: [load]}]\n" TWO OUTPUT PROCESSORS
                "- add_host_metadata:\n- add_kubernetes_metadata: ~\n");
    assert_int_equal(rig->settings.inputs[0].metadata, META_HOST | META_KUBERNETES);
    assert_int_equal(rig->settings.inputs[1].metadata, META_HOST | META_KUBERNETES);
    assert_int_equal(rig->settings.kinds[0].metadata, META_HOST | META_KUBERNETES);
    assert_int_equal(rig->settings.metadata.mode, KUBE_SIDECAR);
    assert_true(rig->settings.metadata.host.netinfo);
    assert_string_equal(rig->settings.metadata.kube.podinfo, "/etc/podinfo");
}

static void one_input_and_one_module(void **state)
{
    struct rig *rig = *state;
    assert_fine(
        rig,
        "metricbeat.modules:\n- {module: system, metricsets: [load], processors: "
        "[{add_host_metadata: ~}]}\n"
        "- {module: system, metricsets: [load]}\n"
        "filebeat.inputs:\n- {id: a, paths: [/l/a.log], processors: [{add_host_metadata: {}}]}\n"
        "- {id: b, paths: [/l/b.log]}\n" OUTPUT);
    assert_int_equal(rig->settings.inputs[0].metadata, META_HOST);
    assert_int_equal(rig->settings.inputs[1].metadata, 0);
    assert_int_equal(rig->settings.kinds[0].metadata, META_HOST);
    assert_int_equal(rig->settings.kinds[1].metadata, 0);
}

/* As the stock filebeat.yml has it. */
static void a_condition_is_decided_for_each_input(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, TWO OUTPUT PROCESSORS
                "- add_host_metadata:\n    when.not.contains.tags: forwarded\n"
                "- add_kubernetes_metadata: {when.equals.fields.env: test}\n");
    assert_int_equal(rig->settings.inputs[0].metadata, META_HOST);
    assert_int_equal(rig->settings.inputs[1].metadata, META_KUBERNETES);
}

static void the_mode_is_known_by_the_paths(void **state)
{
    struct rig *rig = *state;
    assert_fine(
        rig, "filebeat.inputs:\n- {id: a, paths: [/var/log/containers/*.log]}\n" OUTPUT PROCESSORS
             "- add_kubernetes_metadata: {host: n, matchers: [{logs_path: {logs_path: "
             "/var/log/containers/, "
             "resource_type: container}}], default_indexers.enabled: true, indexers: [{container: "
             "~}, {pod_uid: ~}], "
             "add_resource_metadata: {node: {enabled: false}, deployment: false}}\n");
    assert_int_equal(rig->settings.metadata.mode, KUBE_NODE);
    assert_string_equal(rig->settings.metadata.kube_rules.logs_path, "/var/log/containers/");
    assert_false(rig->settings.metadata.kube_rules.deployment);
}

static void the_mode_is_told(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, INPUT OUTPUT PROCESSORS "- add_kubernetes_metadata: {mode: node}\n");
    assert_int_equal(rig->settings.metadata.mode, KUBE_NODE);
}

static void the_same_at_two_places(void **state)
{
    struct rig *rig = *state;
    assert_fine(rig, "filebeat.inputs:\n"
                     "- {id: a, paths: [/l/a.log], processors: [{add_kubernetes_metadata: "
                     "{namespace: x, when.has_fields: [tags]}}]}\n"
                     "- {id: b, paths: [/l/b.log], processors: [{add_kubernetes_metadata: "
                     "{namespace: x}}]}\n" OUTPUT);
    assert_int_equal(rig->settings.inputs[0].metadata, 0);
    assert_int_equal(rig->settings.inputs[1].metadata, META_KUBERNETES);
}

/* ---- what cannot be ---- */

static void refused(void **state)
{
    static const struct {
        const char *processors, *said;
    } rows[] = {
        {"- add_host_metadata: {when.equals.message: x}\n",
         "posta: posta.yml:6:3: processors: add_host_metadata: only an event can answer this "
         "condition; posta decides once for "
         "each input, module and monitor: ask for tags, fields, input or agent\n"},
        {"- add_host_metadata: {netinfo: {enabeld: true}}\n",
         "posta: posta.yml:6:33: unknown key 'processors.add_host_metadata.netinfo.enabeld', did "
         "you mean 'enabled'?\n"},
        {"- add_host_metadata: {replace_fields: false}\n",
         "posta: posta.yml:6:3: processors: add_host_metadata: replace_fields: false is not "
         "supported: every event has a host "
         "that the facts are added to; what the JSON of a line says of host stands over them "
         "anyway\n"},
        {"- add_host_metadata: x\n", "posta: posta.yml:6:3: processors: add_host_metadata: "
                                     "expected options below it, found a text\n"},
        {"- add_kubernetes_metadata: {kube_config: /k}\n",
         "posta: posta.yml:6:29: 'processors.add_kubernetes_metadata.kube_config' is not "
         "supported: posta asks the API server "
         "as a pod does: run it in one, with a service account\n"},
        {"- add_kubernetes_metadata: {scope: cluster}\n",
         "posta: add_kubernetes_metadata: scope: cluster is not supported: posta asks for the pods "
         "of its node, whose logs it "
         "reads: set scope: node\n"},
        {"- add_kubernetes_metadata: {labels.dedot: false}\n",
         "posta: add_kubernetes_metadata: labels.dedot: false is not supported: names with dots "
         "would be objects, and clash with "
         "names that are their beginning: leave it out\n"},
        {"- add_kubernetes_metadata: {include_labels: ['(']}\n",
         "posta: add_kubernetes_metadata: include_labels: pattern '(': missing closing parenthesis "
         "at character 2\n"},
        {"- add_kubernetes_metadata: {indexers: [{ip_port: ~}]}\n",
         "posta: posta.yml:6:40: indexers: ip_port is not known to posta, which finds pods by the "
         "paths of logs: container, "
         "pod_uid and pod_name\n"},
        {"- add_kubernetes_metadata: {matchers: [{fields: {lookup_fields: [a]}}]}\n",
         "posta: posta.yml:6:40: matchers: fields is not known to posta, which goes by the paths "
         "of logs: logs_path\n"},
        {"- add_kubernetes_metadata: {add_resource_metadata.namespace: {include_labels: [a]}}\n",
         "posta: posta.yml:6:62: add_resource_metadata.namespace: posta does not ask for "
         "namespaces: set it to {enabled: false}, "
         "and add what you need in Logstash\n"},
        {"- add_kubernetes_metadata: {default_matchers.enabled: false}\n",
         "posta: default_matchers.enabled: false without matchers: no log would match\n"},
        {"- add_host_metadata: ~\n- add_host_metadata: {netinfo.enabled: false}\n",
         "posta: posta.yml:7:3: processors: add_host_metadata says something else than at "
         "posta.yml:6:3: all of posta has one; "
         "tell it the same at both, or once at the top\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig *rig = *state;
        char *yaml = mem_printf(INPUT OUTPUT PROCESSORS "%s", rows[i].processors);
        assert_refused(rig, yaml, rows[i].said);
        settings_free(&rig->settings);
        rig->settings = (struct settings) {.config = NULL};
        buf_clear(&rig->said);
        free(yaml);
    }
}

static void fields_that_would_be_replaced(void **state)
{
    assert_refused(*state,
                   "filebeat.inputs:\n- {id: a, paths: [/l/a.log], fields_under_root: true, "
                   "fields: {kubernetes: x}}\n" OUTPUT PROCESSORS "- add_kubernetes_metadata: ~\n",
                   "posta: posta.yml:2:76: with fields_under_root, field 'kubernetes' would "
                   "replace posta's own: give it another "
                   "name\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_of_the_top),
        CASE(one_input_and_one_module),
        CASE(a_condition_is_decided_for_each_input),
        CASE(the_mode_is_known_by_the_paths),
        CASE(the_mode_is_told),
        CASE(the_same_at_two_places),
        CASE(refused),
        CASE(fields_that_would_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
