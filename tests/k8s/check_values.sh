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
    refused "Strimzi with a topic that has a date" "is no single topic" node --set 'tls.strimzi.create=true,tls.strimzi.cluster=m,kafka.topic=l-%{+yyyy}'
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
}
right_ones() {
    taken "a spool on disk needs no memory" app --set posta.spool.medium=,posta.spool.maxSize=2GB,posta.resources.limits.memory=64Mi
    taken "rotation by others, with a size" app --set posta.rotation.mode=external,posta.logs.sizeLimit=32Mi,resources.limits.memory=256Mi
    taken "another output" template posta --set tls.enabled=false --set daemonset.config.output.console.enabled=true
    taken "no TLS, said in the notes" app --set posta.tls.enabled=false
    taken "the library by its own name" library_by_name
    equals "sizes are worked out: logs" "sizeLimit: 20Mi" "$(app | grep -A3 'name: posta-logs$' | grep -o 'sizeLimit: .*' | head -n 1)"
    equals "sizes are worked out: three logs of 10MB" "sizeLimit: 38Mi" "$(app --set resources.limits.memory=200Mi \
        --set posta.rotation.limit=10MB --set 'posta.inputs[2].id=c,posta.inputs[2].file=c.log' --set 'posta.inputs[0].id=a,posta.inputs[0].file=a.log' \
        --set 'posta.inputs[1].id=b,posta.inputs[1].file=b.log' | grep -A3 'name: posta-logs$' | grep -o 'sizeLimit: .*' | head -n 1)"
    equals "time is worked out: native" "terminationGracePeriodSeconds: 60" "$(app | grep -o 'terminationGrace.*')"
    equals "time is worked out: ordinary" "terminationGracePeriodSeconds: 35" "$(app --set posta.native=false | grep -o 'terminationGrace.*')"
    equals "a sidecar has no rights" 0 "$(beside | grep -cE '^kind: (ServiceAccount|ClusterRole|ClusterRoleBinding)$')"
    equals "who asks no API server has no rights" 0 "$(node --set daemonset.kubernetesApi=false | grep -cE '^kind: ClusterRole|serviceAccountToken')"
    equals "global.imageRegistry stands over all" 2 "$(app --set global.imageRegistry=mirror.example | grep -c 'image: "mirror.example/')"
    equals "a changed configuration makes pods anew" 2 "$({ app && app --set posta.kafka.topic=other; } | grep 'posta-sidecar/config' | sort -u | wc -l)"
    equals "managed: the process namespace is shared" "shareProcessNamespace: true" "$(app --set posta.rotation.mode=managed | grep -o 'shareProcess.*')"
}
library_by_name() {
    cp -r "$DIR/charts/nginx-example" "$DIR/charts/by-name"
    sed -i '/alias: posta/d' "$DIR/charts/by-name/Chart.yaml" && sed -i 's/^posta:/posta-sidecar:/' "$DIR/charts/by-name/values.yaml"
    rm -rf "$DIR/charts/by-name/"{Chart.lock,values.schema.json}
    sed -i 's/\.Values\.posta\./(index .Values "posta-sidecar")./g' "$DIR/charts/by-name/templates/"*
    template by-name
}

# The commands of the documents, as they stand there, as far as they go without a cluster.
documents() {
    local file command
    for file in README.md k8s/README.md k8s/charts/posta/README.md k8s/charts/nginx-example/README.md; do
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
documents
[[ -x $POSTA ]] || { skip "posta takes what the charts make" "there is no $POSTA" && exit 0; }
posta_takes_it
