#!/usr/bin/env bash
# What is beside the charts: the Dockerfile, scripts, the names in the documents.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/k8s/lib.sh
. "$(dirname "$0")/lib.sh"

if need python; then
    check "hadolint" "$KTOOLS/venv/bin/hadolint" --failure-threshold style "$ROOT/Dockerfile"
    for chart in posta posta-sidecar nginx-example job-example; do
        check "$chart: the schema is a schema" "$PY" -c 'import json, sys, jsonschema; jsonschema.Draft7Validator.check_schema(json.load(open(sys.argv[1])))' \
            "$CHARTS/$chart/values.schema.json"
    done
else
    skip "hadolint, schemas" "Python or its packages cannot be had"
fi
if command -v shellcheck >/dev/null; then
    check "shellcheck" shellcheck -x -e SC2119,SC2120 "$ROOT/k8s/image/root.sh" "$HERE"/*.sh "$ROOT/tests/e2e/kafka_image.sh" "$ROOT/tests/e2e/lib_pod.sh"
else
    skip "shellcheck" "it is not installed"
fi
# Every template that a document names is there.
while read -r name; do
    check "a document's $name is a template" grep -rqF "define \"$name\"" "$CHARTS/posta-sidecar/templates"
done < <(grep -rhoE 'posta-sidecar\.[a-zA-Z]+' "$ROOT"/k8s/*.md "$CHARTS"/*/README.md "$ROOT/README.md" | grep -v 'existingConfigMap$' | sort -u)
check "no Kustomize" test -z "$(find "$ROOT/k8s" -name 'kustomization*')"

# The judges of manifests see what is wrong: each is given a manifest with one fault.
finds() { # NAME SED_SCRIPT EXAMPLE COMMAND...: the command fails on the example with that change, and not on the example
    local name=$1 script=$2 example=$EXAMPLES/$3.yaml
    shift 3
    sed "$script" "$example" >"$DIR/fault.yaml"
    if cmp -s "$example" "$DIR/fault.yaml"; then
        not_ok "the judge finds: $name" "the change changes nothing"
    elif manifests "$@" "$DIR/fault.yaml" 2>"$DIR/found"; then
        not_ok "the judge finds: $name" "it found nothing"
    else
        check "the judge finds: $name" manifests "$@" "$example"
    fi
}
if need python; then
    finds "a writable root" 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/' nginx-example restricted
    finds "a capability" 's/drop: .ALL./drop: [NET_RAW]/' nginx-example restricted
    finds "no seccomp profile" 's/type: RuntimeDefault/type: Unconfined/' nginx-example restricted
    finds "root" 's/runAsUser: 101/runAsUser: 0/' nginx-example restricted
    finds "a DaemonSet that may write to the logs" 's|mountPath: /var/log, readOnly: true|mountPath: /var/log|' posta-daemonset restricted
    finds "a DaemonSet with the node's network" 's/^      dnsPolicy:/      hostNetwork: true\n&/' posta-daemonset restricted
    finds "a fixed user on OpenShift" 's/^\( *\)runAsNonRoot: true/&\n\1runAsUser: 101/' nginx-openshift openshift
    finds "an SCC for somebody else" 's/system:serviceaccount:web:/system:serviceaccount:other:/' posta-openshift openshift
    finds "a pod that OpenShift would refuse for its SELinux level" 's/^\( *\)readOnlyRootFilesystem: true/&\n\1seLinuxOptions: {type: spc_t}/' posta-openshift openshift
    finds "an SCC with an unknown field" 's/allowHostIPC/allowHostIpc/' posta-openshift validate 1.33 "$CRDS"
    finds "an unknown field" 's/terminationGracePeriodSeconds/terminationGraceSeconds/' nginx-example validate 1.33 "$CRDS"
    finds "a wrong type" 's/replicas: 2/replicas: "two"/' nginx-example validate 1.33 "$CRDS"
    finds "a variable twice" 's/- name: POD_UID/- name: POD_NAME/' nginx-example unique
    finds "a volume that is not there" '0,/- name: posta-spool/s//- name: posta-spoon/' nginx-example unique
    [[ -z $CRDS ]] || finds "an unknown field of a KafkaUser" 's/patternType:/pattern:/' posta-sidecar-strimzi validate 1.33 "$CRDS"
    [[ -z $CRDS ]] || finds "an unknown field of a PodMonitor" 's/scrapeTimeout:/scrapeTimeouts:/' posta-sidecar-strimzi validate 1.33 "$CRDS"
fi
