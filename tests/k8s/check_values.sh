#!/usr/bin/env bash
# Wrong values stop helm with a sentence that says what to do; right ones make a posta.yml that posta takes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/k8s/lib.sh
. "$(dirname "$0")/lib.sh"
KUBERNETES=1.33

template() { # CHART ARGS...
    local chart=$1
    shift
    "$KTOOLS/helm3" template shop "$DIR/charts/$chart" --namespace web --kube-version "$KUBERNETES" "$@" 2>&1
}
node() { template posta --set 'kafka.hosts={k:9093},kafka.topic=logs,tls.secretName=s' "$@"; }
beside() { node --set role=sidecar "$@"; }
app() { template nginx-example "$@"; }

# refused NAME SENTENCE COMMAND...: helm fails and says the sentence
refused() {
    local name=$1 sentence=$2 out
    shift 2
    if out=$("$@"); then
        not_ok "$name" "helm took it"
    elif [[ $out == *"$sentence"* ]]; then
        ok "$name"
    else
        not_ok "$name" "expected: $sentence" "found: ${out:0:400}"
    fi
}
taken() { # NAME COMMAND...
    local name=$1 out
    shift
    if out=$("$@"); then ok "$name"; else not_ok "$name" "${out:0:400}"; fi
}

against_the_schema() {
    refused "an unknown value" "additional properties 'kafak' not allowed" node --set kafak.topic=x
    refused "an unknown value, deeper" "additional properties 'host' not allowed" node --set kafka.host=x
    refused "an unknown value of the library" "additional properties 'rotate' not allowed" app --set posta.rotate.mode=reclaim
    refused "a role that is none" "'daemonset', 'sidecar', 'both'" node --set role=agent
    refused "a broker with a blank" "/kafka/hosts/0" node --set 'kafka.hosts={a b:9092}'
    refused "a number that is none" "/daemonset/shutdownDeadlineSeconds" node --set daemonset.shutdownDeadlineSeconds=soon
    refused "a size that is none" "/spool/maxSize" app --set posta.spool.maxSize=lots
    refused "a size of Kubernetes where posta's is meant" "/rotation/limit" app --set posta.rotation.limit=8Mi
    refused "rotation.mode that is none" "'reclaim', 'managed', 'external'" app --set posta.rotation.mode=copytruncate
    refused "delivery that is none" "/kafka/delivery" node --set kafka.delivery=once
    refused "root beside a web server" "/runAs/user" app --set posta.runAs.user=0
    refused "a digest that is none" "/image/digest" node --set image.digest=latest
    refused "an input without a file" "file" app --set 'posta.inputs[0].id=a' --set posta.inputs[0].parser=access
    refused "a port beyond all" "/metrics/port" node --set metrics.port=70000
    refused "a log's name that nginx would take for more" "/inputs/0/file" app --set-string 'posta.inputs[0].id=a,posta.inputs[0].file=a.log; x'
    refused "a logs' folder with a variable of nginx" "/logs/path" app --set "posta.logs.path=/var/log/\$host"
    refused "a topic with a blank" "/kafka/topic" node --set 'kafka.topic=my logs'
    refused "an image without a name" "/image/repository" node --set image.repository=
    refused "a tag with a blank" "/image/tag" node --set 'image.tag=a b'
    refused "an address with a blank" "/metrics/host" node --set 'metrics.host=a b'
    refused "a DaemonSet's label that is a number" "/daemonset/podLabels/a" node --set daemonset.podLabels.a=1
    refused "a mode as text" "/tls/defaultMode" node --set tls.defaultMode=0777
    refused "a logs' folder that is no path" "/logs/path" app --set posta.logs.path=logs
}
with_sentences() {
    refused "no brokers" "kafka.hosts is empty: name the brokers" template posta
    refused "no topic" "kafka.topic is empty" template posta --set 'kafka.hosts={k:9093}'
    refused "no Secret" "tls.secretName is empty: name the Secret" template posta --set 'kafka.hosts={k:9093},kafka.topic=l'
    refused "no Secret, beside a web server" "tls.secretName is empty: name the Secret" app --set posta.tls.secretName=
    refused "two makers of a certificate" "are both on" node --set tls.certManager.create=true,tls.strimzi.create=true
    refused "cert-manager without an issuer" "issuerRef.name is empty" node --set tls.certManager.create=true
    refused "cert-manager without the brokers' authority" "tls.caSecretName is empty" node --set tls.certManager.create=true,tls.certManager.issuerRef.name=i
    refused "Strimzi without a cluster" "tls.strimzi.cluster is empty" node --set tls.strimzi.create=true
    refused "Strimzi with a topic that has a date" "is no single topic" node --set 'tls.secretName=,tls.strimzi.create=true,tls.strimzi.cluster=m,kafka.topic=l-%{+yyyy}'
    refused "Strimzi and another Secret" "Strimzi names the Secret as the KafkaUser, shop-posta" node --set tls.strimzi.create=true,tls.strimzi.cluster=m
    refused "a certificate and no TLS" "tls.enabled is false" node --set tls.enabled=false,tls.strimzi.create=true,tls.strimzi.cluster=m
    refused "grace shorter than the deadline" "or posta is killed while it delivers" node --set daemonset.terminationGracePeriodSeconds=20
    refused "logs that are not mounted" "is not below /var/log" node --set 'daemonset.paths={/data/x.log}'
    refused "injection without the role" "needs role: sidecar or both" node --set injection.enabled=true
    refused "injection on an old cluster" "needs Kubernetes 1.34 or later" beside --set injection.enabled=true
    refused "injection of an ordinary container" "hold up the pod for ever" beside --set injection.enabled=true,sidecar.native=false
    KUBERNETES=1.28 refused "a native sidecar on an old cluster" "needs Kubernetes 1.29 or later, and this is v1.28" app --set posta.native=true
    refused "a volume smaller than its logs" "logs.sizeLimit (10Mi) is too small: 2 logs of rotation.limit 8MB need 16Mi" app --set posta.logs.sizeLimit=10Mi
    refused "a limit smaller than its files" "must be at least 1MB more than the files of a managed log" \
        app --set posta.rotation.mode=managed,posta.rotation.size=4MB,posta.rotation.limit=8MB
    refused "a tiny limit" "must be at least 1MB" app --set posta.rotation.limit=64KB
    refused "rotation by others without a size" "set logs.sizeLimit to more than all files" app --set posta.rotation.mode=external
    refused "a tiny spool" "must be at least 4MB" app --set posta.spool.maxSize=1MB
    refused "a volume smaller than the spool" "spool.sizeLimit (64Mi) is too small for spool.maxSize 64MB" app --set posta.spool.sizeLimit=64Mi
    refused "memory smaller than the spool" "the spool's volume is in memory and counts" app --set posta.resources.limits.memory=64Mi
    refused "nginx's memory smaller than its logs" "has no room for the logs' volume" app --set resources.limits.memory=40Mi
    refused "a port that is none" "has no port that there is" node --set 'kafka.hosts={k:99999}'
    refused "two pods for one spool" "would want the one spool" node --set daemonset.updateStrategy.rollingUpdate.maxSurge=1
    refused "a tiny spool on a node" "daemonset.spool.maxSize (1KB) must be at least 4MB" node --set daemonset.spool.maxSize=1KB
    refused "the spool in a folder of the node's" "must be a folder of its own" node --set daemonset.spool.hostPath=/var
    refused "too little memory on a node" "must be at least 64Mi" node --set daemonset.resources.limits.memory=8Mi
    refused "more requested than allowed" "is above the limit of" node --set daemonset.resources.requests.memory=1Gi
    refused "... beside a web server" "is above the limit of" app --set posta.resources.requests.memory=1Gi
    refused "a variable of the chart's own" "daemonset.extraEnv: name NODE_NAME is there twice" node --set daemonset.extraEnv[0].name=NODE_NAME
    refused "a volume of the chart's own" "daemonset.extraVolumes: name spool is there twice" node --set daemonset.extraVolumes[0].name=spool
    refused "a mount of the chart's own" "mountPath /var/log/nginx is there twice" app --set posta.extraVolumeMounts[0].mountPath=/var/log/nginx
    refused "an SCC for a whole namespace" "the SCC would be for the namespace's default account" node --set openshift=true,serviceAccount.create=false
    refused "a scrape that takes longer than its interval" "the Prometheus operator refuses that" node --set podMonitor.scrapeTimeout=2m,podMonitor.interval=1m30s
    refused "a certificate renewed before it is made" "must be less than tls.certManager.duration" \
        node --set tls.certManager.create=true,tls.certManager.issuerRef.name=i,tls.caSecretName=c,tls.certManager.renewBefore=9999h
    refused "an alert that there is not" "there is no alert Nope; there are PostaEventsDropped," node --set 'prometheusRule.disabled={Nope}'
    refused "a broker where it does nothing" "set kafka.topic, which is for both roles" beside --set sidecar.kafka.topic=x
    refused "a port where it does nothing" "set metrics.port, which is for both roles" beside --set sidecar.metrics.port=99
    refused "two inputs of one name" "inputs: id a is there twice" app --set 'posta.inputs[0].id=a,posta.inputs[0].file=a,posta.inputs[1].id=a,posta.inputs[1].file=b'
    refused "two inputs of one log" "inputs: file a is there twice" app --set 'posta.inputs[0].id=a,posta.inputs[0].file=a,posta.inputs[1].id=b,posta.inputs[1].file=a'
    refused "two containers of one name" "needs a name of its own" app --set posta.name=nginx
    refused "logs over the spool" "would hide /var/lib/posta or lie in it" app --set posta.logs.path=/var/lib
    refused "logs over all" "would hide /var/lib/posta" app --set posta.logs.path=/
    refused "one port for two" "which is nginx's own" app --set posta.metrics.enabled=true,posta.metrics.port=8080
    refused "a volume that this pod has not" "this chart's pod has no volume other" app --set posta.logs.existingVolume=other
    refused "brokers by a variable, and a NetworkPolicy" "set kafka.ports" template posta --set-json "kafka.hosts=[\"\${KAFKA}\"]" --set kafka.topic=l,tls.secretName=s
    refused "a Job that would not complete" "would keep the Job from completing" template job-example --set posta.native=false
    KUBERNETES=1.28 refused "a Job on an old cluster" "requires kubeVersion: >=1.29.0-0" template job-example
    refused "an output without brokers" "kafka.hosts is empty" template posta --set tls.enabled=false --set daemonset.config.output.kafka.topic=x
}
right_ones() {
    taken "a spool on disk needs no memory" app --set posta.spool.medium=,posta.spool.maxSize=2GB,posta.resources.limits.memory=64Mi
    taken "rotation by others, with a size" app --set posta.rotation.mode=external,posta.logs.sizeLimit=32Mi,resources.limits.memory=256Mi
    taken "another output" template posta --set tls.enabled=false --set daemonset.config.output.console.enabled=true
    taken "no TLS, said in the notes" app --set posta.tls.enabled=false
    taken "the library by its own name" library_by_name
    taken "brokers by a variable, with their ports" template posta --set-json "kafka.hosts=[\"\${KAFKA}\"]" --set 'kafka.topic=l,tls.secretName=s,kafka.ports={9093}'
    taken "brokers by their address" node --set 'kafka.hosts={[2001:db8::1]:9092}'
    equals "brokers advertised at other ports" "port: 9094} port: 9095}" "$(node --set 'kafka.ports={9094,9095}' | grep -oE 'port: 909.}' | paste -sd' ')"
    equals "without brokers no port is open for them" "53 53 443 6443" "$(template posta --set tls.enabled=false --set daemonset.config.output.console.enabled=true |
        sed -n '/^kind: NetworkPolicy/,/^---/{/egress:/,$p}' | grep -oE 'port: [0-9]+' | cut -d' ' -f2 | paste -sd' ')"
    equals "OpenShift's name servers" 2 "$(node --set openshift=true | grep -c 'port: 5353')"
    equals "more of an output is added to it" "zstd k:9093 /etc/posta-tls/ca.crt" "$(node --set daemonset.config.output.kafka.compression=zstd | posta_yml |
        "$PY" -c 'import sys, yaml; k = yaml.safe_load(sys.stdin)["output"]["kafka"]; print(k["compression"], k["hosts"][0], k["ssl"]["certificate_authorities"][0])')"
    equals "... however it is written" "$(node --set daemonset.config.queue.disk.max_size=9MB | posta_yml)" "$(node --set 'daemonset.config.queue\.disk\.max_size=9MB' | posta_yml)"
    equals "no user is set where none is given" "" "$(app --set posta.runAs.user=null,posta.runAs.group=null | grep -oE 'runAs(User|Group):.*|fsGroup:.*')"
    equals "each release has its spool" "/var/lib/shop-posta" "$(node | grep -oE '/var/lib/shop-posta')"
    equals "helm test has the variables of the configuration" 2 "$(node --set daemonset.extraEnvFrom[0].secretRef.name=kafka-password | grep -c 'name: kafka-password')"
    says_in_the_notes "how to see that lines arrive" "logs deploy/shop -c posta" nginx-example
    says_in_the_notes "that there is no such registry" "registry.example, and there is no such registry" posta
    says_in_the_notes "no TLS" "go over the network in the clear" nginx-example --set posta.tls.enabled=false
    says_in_the_notes "where the Secret must be copied" "the Secret shop-posta in namespace kafka" posta --set tls.secretName=,tls.strimzi.create=true,tls.strimzi.cluster=m,tls.strimzi.namespace=kafka
    says_in_the_notes "what the application's values must have" "deadlineSeconds: 7" posta --set role=sidecar,sidecar.shutdown.deadlineSeconds=7
    says_in_the_notes "... the port for monitors" "metrics: {enabled: true" posta --set role=sidecar,podMonitor.enabled=true
    says_in_the_notes "which Job to wait for" "job/shop-1" job-example
    strange_names
    equals "sizes are worked out: logs" "sizeLimit: 20Mi" "$(app | grep -A3 'name: "posta-logs"$' | grep -o 'sizeLimit: .*' | head -n 1)"
    equals "sizes are worked out: three logs of 10MB" "sizeLimit: 38Mi" "$(app --set resources.limits.memory=200Mi \
        --set posta.rotation.limit=10MB --set 'posta.inputs[2].id=c,posta.inputs[2].file=c.log' --set 'posta.inputs[0].id=a,posta.inputs[0].file=a.log' \
        --set 'posta.inputs[1].id=b,posta.inputs[1].file=b.log' | grep -A3 'name: "posta-logs"$' | grep -o 'sizeLimit: .*' | head -n 1)"
    equals "time is worked out: native" "terminationGracePeriodSeconds: 60" "$(app | grep -o 'terminationGrace.*')"
    equals "time is worked out: ordinary" "terminationGracePeriodSeconds: 35" "$(app --set posta.native=false | grep -o 'terminationGrace.*')"
    equals "a sidecar has no rights" 0 "$(beside | grep -cE '^kind: (ServiceAccount|ClusterRole|ClusterRoleBinding)$')"
    equals "who asks no API server has no rights" 0 "$(node --set daemonset.kubernetesApi=false | grep -cE '^kind: ClusterRole|serviceAccountToken')"
    equals "global.imageRegistry stands over all" 2 "$(app --set global.imageRegistry=mirror.example | grep -c 'image: "mirror.example/')"
    equals "a changed configuration makes pods anew" 2 "$({ app && app --set posta.kafka.topic=other; } | grep 'posta-sidecar/config' | sort -u | wc -l)"
    equals "managed: the process namespace is shared" "shareProcessNamespace: true" "$(app --set posta.rotation.mode=managed | grep -o 'shareProcess.*')"
}
# helm template leaves the notes out, so they are rendered as a template like others.
says_in_the_notes() { # NAME SENTENCE CHART ARGS...
    local name=$1 sentence=$2 chart=$3
    shift 3
    rm -rf "$DIR/charts/notes" && cp -r "$DIR/charts/$chart" "$DIR/charts/notes"
    { echo '{{- define "notes" }}' && cat "$DIR/charts/$chart/templates/NOTES.txt" &&
        printf '{{- end }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {notes: {{ include "notes" . | quote }}}\n'; } >"$DIR/charts/notes/templates/notes.yaml"
    [[ $chart != posta ]] || set -- --set 'kafka.hosts={k:9093},kafka.topic=logs,tls.secretName=s' "$@"
    template notes -s templates/notes.yaml "$@" >"$DIR/notes"
    says "the notes say: $name" "$sentence" "$DIR/notes"
}
posta_yml() { awk '/^  posta.yml: \|/ { on = 1; next } on && !/^    / { exit } on { print substr($0, 5) }'; }
# Names that YAML takes for something else, long ones, and what has to be quoted.
strange_names() {
    local release out=$DIR/strange.yaml
    for release in 123 true 1e3 a-release-with-a-name-that-is-as-long-as-helm-lets-be; do
        strange "$release" posta role=both >"$out" || not_ok "release $release: rendered"
        [[ $release == [a-z]* ]] || refused "release $release has no Service" "cannot be the name of a Service" app_named "$release"
        "$KTOOLS/helm3" template "${release/#[0-9]/true}" "$DIR/charts/nginx-example" --namespace 456 --kube-version "$KUBERNETES" --set posta.tls.secretName=1e3 >"$out.nginx"
        check "release $release: each thing once" manifests unique "$out"
        check "release $release: schemas" manifests validate "$KUBERNETES" "$CRDS" <(cat "$out" && echo --- && cat "$out.nginx")
    done
    strange shop posta \
        'role=both,commonLabels.app\.kubernetes\.io/instance=mine,daemonset.podLabels.app\.kubernetes\.io/component=mine,podMonitor.labels.release=1.0' \
        --set-string 'commonAnnotations.a=x: "y" #z' --set 'sidecar.logs.path=/var/log/a: b #c,daemonset.excludeFiles={a: b #c}' >"$out" || not_ok "what has to be quoted: rendered"
    check "labels that are there already, and what has to be quoted: schemas" manifests validate "$KUBERNETES" "$CRDS" "$out"
    check "... no key twice" no_key_twice "$out"
    equals "... the selector's labels stand over others" daemonset "$("$PY" -c 'import sys, yaml
print(*[o["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] for o in yaml.safe_load_all(open(sys.argv[1])) if o and o["kind"] == "DaemonSet"])' "$out")"
    taken "a folder of logs that has to be quoted" app --set 'posta.logs.path=/var/log/a: b #c'
}
app_named() { "$KTOOLS/helm3" template "$1" "$DIR/charts/nginx-example" --kube-version "$KUBERNETES" 2>&1; }
strange() { # RELEASE CHART SETTINGS [ARGS]
    "$KTOOLS/helm3" template "$1" "$DIR/charts/$2" --namespace 456 --kube-version "$KUBERNETES" --set 'kafka.hosts={k:9093},kafka.topic=logs,tls.secretName=1e3' \
        --set podMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true --set "$3" "${@:4}"
}
no_key_twice() { # FILE
    "$PY" - "$1" <<'PYTHON'
import sys, yaml
class Strict(yaml.SafeLoader): pass
def mapping(loader, node):
    keys = [loader.construct_object(k) for k, _ in node.value]
    assert len(keys) == len(set(keys)), [k for k in keys if keys.count(k) > 1]
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)
Strict.add_constructor("tag:yaml.org,2002:map", mapping)
list(yaml.load_all(open(sys.argv[1]), Loader=Strict))
PYTHON
}
library_by_name() {
    cp -r "$DIR/charts/nginx-example" "$DIR/charts/by-name"
    sed -i '/alias: posta/d' "$DIR/charts/by-name/Chart.yaml" && sed -i 's/^posta:/posta-sidecar:/' "$DIR/charts/by-name/values.yaml"
    rm -rf "$DIR/charts/by-name/"{Chart.lock,values.schema.json}
    sed -i 's/\.Values\.posta\./(index .Values "posta-sidecar")./g' "$DIR/charts/by-name/templates/"*
    template by-name
}

# A chart made of the pieces that the library's README shows, and nothing else.
chart_of_the_readme() {
    local chart=$DIR/charts/of-readme out=$DIR/of-readme.yaml
    mkdir -p "$chart/templates"
    piece() { # NAME: the lines of the README below "# NAME"
        awk -v name="# $1" '/^```/ { on = 0 } /^# templates|^# Chart|^# values/ { on = index($0, name) == 1; next } on' "$CHARTS/posta-sidecar/README.md"
    }
    { printf 'apiVersion: v2\nname: of-readme\nversion: 1.0.0\n' && piece Chart.yaml; } >"$chart/Chart.yaml"
    piece values.yaml >"$chart/values.yaml"
    piece templates/posta.yaml >"$chart/templates/posta.yaml"
    { printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  selector: {matchLabels: {posta-sidecar: "true"}}\n  template:\n' &&
        piece templates/deployment.yaml; } >"$chart/templates/deployment.yaml"
    "$KTOOLS/helm3" dependency build "$chart" >"$DIR/dependency" 2>&1 || not_ok "the README's chart: dependencies" "$(cat "$DIR/dependency")"
    template of-readme >"$out" || not_ok "the README's chart is rendered" "$(head -n 3 "$out")"
    check "the README's chart: schemas" manifests validate "$KUBERNETES" "$CRDS" "$out"
    check "the README's chart: each thing once, each volume used" manifests unique "$out"
    equals "the README's chart: posta may read its key, and has time" "101 288 60" "$("$PY" -c 'import sys, yaml
pod = [o for o in yaml.safe_load_all(open(sys.argv[1])) if o["kind"] == "Deployment"][0]["spec"]["template"]["spec"]
print(pod["securityContext"]["fsGroup"], [v for v in pod["volumes"] if v["name"] == "posta-tls"][0]["projected"]["defaultMode"], pod["terminationGracePeriodSeconds"])' "$out")"
    KUBERNETES=1.28
    template of-readme >"$out"
    check "the README's chart, before 1.29: schemas" manifests validate 1.28 "$CRDS" "$out"
    equals "the README's chart, before 1.29: posta is there" 1 "$(grep -c 'name: "posta"' "$out")"
    KUBERNETES=1.33
}

# The commands of the documents, as they stand there, as far as they go without a cluster.
documents() {
    local file command
    for file in README.md k8s/README.md k8s/charts/{posta,nginx-example,job-example}/README.md; do
        while read -r command; do
            command=${command//k8s\/charts/$DIR/charts}
            command="$KTOOLS/helm3 template --kube-version 1.33 ${command#helm install}"
            check "$file: ${command#*charts/}" bash -c "$command"
        done < <(sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$ROOT/$file" | grep '^helm install')
    done
}

# What the charts make is what posta takes: every posta.yml of the examples, with certificates where the pod has them.
posta_takes_it() {
    local example name file=$DIR/posta.yml
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/client.key" -out "$DIR/client.crt" -days 365 -subj /CN=posta 2>/dev/null
    cp "$DIR/client.crt" "$DIR/ca.crt"
    for example in $(examples); do
        for name in $("$PY" -c 'import sys, yaml
for o in yaml.safe_load_all(open(sys.argv[1])):
    if o and o["kind"] == "ConfigMap" and "posta.yml" in o["data"]: print(o["metadata"]["name"])' "$EXAMPLES/$example.yaml"); do
            manifests data "$EXAMPLES/$example.yaml" "$name" posta.yml | sed "s|/etc/posta-tls|$DIR|; s|/var/lib/posta|$DIR/data|" >"$file"
            check "$example, $name: posta takes it without a word" posta_is_content "$file"
        done
    done
}
posta_is_content() { # FILE
    local out
    out=$(NODE_NAME=node-1 POD_NAME=p POD_NAMESPACE=n POD_UID=u "$POSTA" test config -c "$1" 2>&1) || { echo "$out" && return 1; }
    ! grep -iE 'warn|unknown' <<<"$out"
}

need helm3 python || { skip "values of the charts" "Helm 3, Python or their packages cannot be had: NOTHING of them was checked" && exit 0; }
copy_charts "$KTOOLS/helm3" || exit 1
against_the_schema
with_sentences
right_ones
chart_of_the_readme
documents
[[ -x $POSTA ]] || { skip "posta takes what the charts make" "there is no $POSTA" && exit 0; }
posta_takes_it
