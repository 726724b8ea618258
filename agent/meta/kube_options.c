/* kube_options.c: what add_kubernetes_metadata can be told, and the rules that come of it.
 *
 * Failure modes: what Beats do and posta does not is an error that says what to do instead.
 */
#include "meta.h"

#include <stddef.h>
#include <string.h>

static const char *const scopes[] = {"node", "cluster", NULL};
static const char *const modes[] = {"auto", "sidecar", "node", NULL};

#define AT(field) .at = offsetof(struct kube_options, field)
const struct option kube_meta_options[] = {
    {.name = "mode",
     .type = OPT_WORD,
     .words = modes,
     .def = "auto",
     .own = true,
     AT(mode),
     .doc =
         "sidecar: all events are of the pod that posta is in, which the downward API tells; node: "
         "each log is of the pod that its path names, which the API server tells more of; auto: "
         "node if an input with this processor reads from /var/log/containers or "
         "/var/log/pods, else sidecar."},
    {.name = "downward_api.path",
     .type = OPT_TEXT,
     .def = "/etc/podinfo",
     .own = true,
     AT(podinfo),
     .doc =
         "Sidecar: folder of a downward API volume with the files labels and annotations, and "
         "name, "
         "namespace and uid where POD_NAME, POD_NAMESPACE and POD_UID are not set. Read anew when "
         "they change."},
    {.name = "api.enabled",
     .type = OPT_BOOL,
     .def = "true",
     .own = true,
     AT(api_enabled),
     .doc = "Node: ask the API server, if KUBERNETES_SERVICE_HOST says where it is. Else a log "
            "tells what "
            "its path says: namespace, pod, container, ids."},
    {.name = "service_account.path",
     .type = OPT_TEXT,
     .def = "/var/run/secrets/kubernetes.io/serviceaccount",
     .own = true,
     AT(account),
     .doc =
         "Folder with token and ca.crt; both are read for each request, so they may be renewed."},
    {.name = "node",
     .type = OPT_TEXT,
     AT(node),
     .doc = "Node: name of the node whose pods are asked for; NODE_NAME of the environment if not "
            "set."},
    {.name = "host", .type = OPT_TEXT, AT(host), .doc = "The same, by its older name."},
    {.name = "scope",
     .type = OPT_WORD,
     .words = scopes,
     .def = "node",
     AT(scope),
     .doc = "Must be node: the logs that posta reads are of its node's pods."},
    {.name = "namespace",
     .type = OPT_TEXT,
     AT(namespace),
     .doc = "Node: ask for pods of this namespace only; all if not set."},
    {.name = "cleanup_timeout",
     .type = OPT_DURATION,
     .def = "60s",
     .max = "24h",
     AT(cleanup_ns),
     .doc =
         "So long a pod that was deleted is remembered after its last use; lines that wait in the "
         "spool keep what is known of their pod."},
    {.name = "wait_for_metadata",
     .type = OPT_BOOL,
     .def = "true",
     AT(waits),
     .doc = "Node: at start send nothing before the pods are listed, and of a log of the last ten "
            "seconds "
            "nothing for three seconds if its pod is not known. Reading goes on meanwhile. Beats' "
            "default is false."},
    {.name = "wait_for_metadata_timeout",
     .type = OPT_DURATION,
     .def = "5s",
     .min = "1ms",
     .max = "5m",
     AT(wait_ns),
     .doc = "So long at start; then lines go with what their path says. Beats' default is 30s."},
    {.name = "wait_for_metadata_retry_period",
     .type = OPT_IGNORED,
     .doc = "posta tries again with a growing pause"},
    {.name = "labels.dedot",
     .type = OPT_BOOL,
     .def = "true",
     AT(labels_dedot),
     .doc = "Must be true: dots in names of labels become underscores."},
    {.name = "annotations.dedot",
     .type = OPT_BOOL,
     .def = "true",
     AT(annotations_dedot),
     .doc = "Must be true: the same of annotations."},
    {.name = "include_labels",
     .type = OPT_LIST,
     AT(include_labels),
     .doc = "Regular expressions (RE2) for names of labels; all labels if there are none."},
    {.name = "exclude_labels",
     .type = OPT_LIST,
     AT(exclude_labels),
     .doc = "Names of labels that are not told."},
    {.name = "include_annotations",
     .type = OPT_LIST,
     AT(include_annotations),
     .doc = "Regular expressions (RE2) for names of annotations that are told; none if there are "
            "none."},
    {.name = "add_resource_metadata.deployment",
     .type = OPT_BOOL,
     .def = "true",
     AT(deployment),
     .doc = "Tell kubernetes.deployment.name, which the ReplicaSet's name and the label "
            "pod-template-hash say. Beats' default is false."},
    {.name = "add_resource_metadata.cronjob",
     .type = OPT_BOOL,
     .def = "true",
     AT(cronjob),
     .doc = "Tell kubernetes.cronjob.name, which the Job's name says. Beats' default is false."},
    {.name = "add_resource_metadata.namespace",
     .type = OPT_MAP,
     AT(namespace_metadata),
     .doc = "May only be {enabled: false}: labels of namespaces are not told."},
    {.name = "add_resource_metadata.node",
     .type = OPT_MAP,
     AT(node_metadata),
     .doc = "May only be {enabled: false}: of the node only kubernetes.node.name is told."},
    {.name = "default_indexers.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(default_indexers),
     .doc = "Find pods by container id, uid and name; false needs indexers."},
    {.name = "default_matchers.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(default_matchers),
     .doc = "Match by the path of the log; false needs matchers."},
    {.name = "indexers",
     .type = OPT_NODES,
     AT(indexers),
     .doc = "container, pod_uid, pod_name: all of them are always used."},
    {.name = "matchers",
     .type = OPT_NODES,
     AT(matchers),
     .doc = "logs_path: {logs_path: /var/log/containers/, resource_type: container}: only logs "
            "whose path "
            "begins so are told. Without it, all that have such names."},
    {.name = "when",
     .type = OPT_MAP,
     AT(when),
     .doc = "Only for inputs, modules and monitors that this condition is true for. It may ask for "
            "what the configuration says of them: tags, fields, input, agent."},
    {.name = "kube_config",
     .type = OPT_REFUSED,
     .doc = "posta asks the API server as a pod does: run it in one, with a service account"},
    {.name = "use_kubeadm", .type = OPT_IGNORED, .doc = "the cluster's name is not told"},
    {.name = "kube_client_options", .type = OPT_IGNORED, .doc = "posta keeps one request open"},
    {.name = "sync_period", .type = OPT_IGNORED, .doc = "the watch tells every change"},
    {0},
};

/* ---- checks ---- */

static void check_off(const struct node *node, const char *what, struct problems *problems)
{
    const char *enabled = node_text(node_get(node, "enabled"));
    if (node && (!enabled || strcmp(enabled, "false") != 0 || node_count(node) != 1))
        problems_error(problems, node,
                       "add_resource_metadata.%s: posta does not ask for %ss: set it to {enabled: "
                       "false}, and add what you need in Logstash",
                       what, what);
}

static void check_indexers(const struct kube_options *options, struct problems *problems)
{
    for (size_t i = 0; i < options->indexers.n; i++) {
        const char *name = node_key(options->indexers.at[i], 0);
        if (!name || (strcmp(name, "container") != 0 && strcmp(name, "pod_uid") != 0 &&
                      strcmp(name, "pod_name") != 0))
            problems_error(problems, options->indexers.at[i],
                           "indexers: %s is not known to posta, which finds pods by the paths of "
                           "logs: container, pod_uid and pod_name",
                           name ? name : "this");
    }
    if (!options->default_indexers && options->indexers.n == 0)
        problems_error(problems, NULL,
                       "default_indexers.enabled: false without indexers: no pod would be found");
}

static void read_logs_path(struct kube_rules *rules, const struct node *matcher,
                           struct problems *problems)
{
    static const char *const keys[] = {"logs_path", "resource_type", NULL};
    const char *path = node_text(node_get(matcher, "logs_path"));
    const char *type = node_text(node_get(matcher, "resource_type"));
    for (size_t i = 0; i < node_count(matcher); i++)
        if (strcmp(node_key(matcher, i), keys[0]) != 0 &&
            strcmp(node_key(matcher, i), keys[1]) != 0)
            problems_error(problems, matcher, "matchers.logs_path: unknown key '%s'",
                           node_key(matcher, i));
    if (type && strcmp(type, "pod") != 0 && strcmp(type, "container") != 0)
        problems_error(problems, matcher, "resource_type: expected container or pod, found '%s'",
                       type);
    if (path)
        rules->logs_path = path;
}

static void read_matchers(struct kube_rules *rules, const struct kube_options *options,
                          struct problems *problems)
{
    rules->logs_path = "";
    for (size_t i = 0; i < options->matchers.n; i++) {
        const struct node *one = options->matchers.at[i];
        const char *name = node_key(one, 0);
        if (name && strcmp(name, "logs_path") == 0)
            read_logs_path(rules, node_at(one, 0), problems);
        else
            problems_error(problems, one,
                           "matchers: %s is not known to posta, which goes by the paths of logs: "
                           "logs_path",
                           name ? name : "this");
    }
    if (options->matchers.n > 1)
        problems_error(
            problems, options->matchers.at[1],
            "matchers: one logs_path is enough; without it all logs of containers match");
    if (!options->default_matchers && options->matchers.n == 0)
        problems_error(problems, NULL,
                       "default_matchers.enabled: false without matchers: no log would match");
}

static void check_words(const struct kube_options *options, struct problems *problems)
{
    if (options->scope > 0)
        problems_error(
            problems, NULL,
            "add_kubernetes_metadata: scope: cluster is not supported: posta asks for the "
            "pods of its node, whose logs it reads: set scope: node");
    if (!options->labels_dedot || !options->annotations_dedot)
        problems_error(problems, NULL,
                       "add_kubernetes_metadata: %s.dedot: false is not supported: names with dots "
                       "would be objects, and clash with names that are their beginning: leave it "
                       "out",
                       options->labels_dedot ? "annotations" : "labels");
}

/* ---- rules ---- */

static void make_list(struct regex_list *list, const struct str_list *patterns, const char *what,
                      struct problems *problems)
{
    struct err err;
    if (regex_list_new(list, patterns, &err))
        problems_error(problems, NULL, "add_kubernetes_metadata: %s: %s", what, err.text);
}

void kube_rules_make(struct kube_rules *rules, const struct kube_options *options,
                     struct problems *problems)
{
    *rules = (struct kube_rules) {.exclude_labels = &options->exclude_labels,
                                  .deployment = options->deployment,
                                  .cronjob = options->cronjob};
    make_list(&rules->include_labels, &options->include_labels, "include_labels", problems);
    make_list(&rules->include_annotations, &options->include_annotations, "include_annotations",
              problems);
    check_words(options, problems);
    check_off(options->namespace_metadata, "namespace", problems);
    check_off(options->node_metadata, "node", problems);
    check_indexers(options, problems);
    read_matchers(rules, options, problems);
}

void kube_rules_free(struct kube_rules *rules)
{
    regex_list_free(&rules->include_labels);
    regex_list_free(&rules->include_annotations);
}
