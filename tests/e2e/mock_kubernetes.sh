#!/usr/bin/env bash
# Metadata of Kubernetes. A node's logs as kubelet and containerd keep them (200 containers, rotated and compressed, short-lived pods
# whose files go soon), beside an API server that is slow, breaks off, forgets, refuses; posta is killed and started again. Every line
# says of itself what is true of it: the event must say the same, and none may be missing. And a sidecar, which knows its pod by
# the downward API.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_web.sh
. "$(dirname "$0")/lib_web.sh"

EVENTS=$DIR/out/events
NODE=$DIR/node
ACCOUNT=$DIR/account
CONTAINERS=${CONTAINERS:-200} LINES_EACH=${LINES_EACH:-400} SPREAD_MS=${SPREAD_MS:-8000} ROTATE_BYTES=${ROTATE_BYTES:-16384}

# ---- the API server ----

start_api() {
    mkdir -p "$ACCOUNT" "$WEB"
    rm -f "$DIR/api" "$DIR/api.port"
    mkfifo "$DIR/api"
    printf 'first-token' >"$ACCOUNT/token"
    cp "$WEB/ca.pem" "$ACCOUNT/ca.crt"
    : >"$DIR/api.log"
    "$TOOLS/podsd" -c "$WEB/good.pem" -k "$WEB/good.key" -n node-1 -t first-token -f "$DIR/api.port" -i "$DIR/api" -l "$DIR/api.log" &
    API_PID=$!
    exec 8>"$DIR/api"
    until_true 20 test -s "$DIR/api.port" || { not_ok "the API server starts"; exit 1; }
    export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT
    KUBERNETES_SERVICE_PORT=$(cat "$DIR/api.port")
}
stop_api() {
    exec 8>&-
    kill "$API_PID" && wait "$API_PID" 2>/dev/null
    return 0
}
api() { echo "$*" >&8; }
# Asked so often, in this way, with this status.
asked() { (($(grep -c "^$1 $2 " "$DIR/api.log") >= $3)); } # list|watch STATUS TIMES

# ---- posta ----

node_config() { # PATHS [MORE OF add_kubernetes_metadata, in braces' form]
    cat >"$DIR/posta.yml" <<END
path.data: $DIR/data
logging.metrics.period: 1s
queue.disk.sync: never
output.file: {path: $DIR/out, filename: events, rotate_every_kb: 1000000}
filebeat.inputs:
  - type: filestream
    id: containers
    paths: ["$1"]
    prospector.scanner.symlinks: true
    prospector.scanner.check_interval: 1s
    parsers:
      - container: {format: cri}
processors:
  - add_kubernetes_metadata: {node: node-1, service_account.path: $ACCOUNT, include_annotations: [team], ${2:-wait_for_metadata: true}}
END
}
fresh() {
    rm -rf "$DIR/out" "$DIR/data" "$NODE" "$DIR/totals"
    mkdir -p "$DIR/out" "$NODE"
    : >"$LOG"
    : >"$DIR/totals"
}
start_node() { # ARGS...
    "$TOOLS/kubelet" -r "$NODE" -a "$DIR/api" -o "$DIR/totals" -n "$CONTAINERS" -l "$LINES_EACH" -z "$ROTATE_BYTES" -t "$SPREAD_MS" "$@" &
    NODE_PID=$!
}
delivered() { cat "$EVENTS"* 2>/dev/null | wc -l; }
written() { awk '{ n += $2 } END { print n + 0 }' "$DIR/totals"; }
all_are_there() { (($(delivered) >= $(written))); }

# ---- the judge ----

# A line each: what the line says, what the event says.
what_is_said() {
    cat "$EVENTS"* | jq -r '[.message, .kubernetes.namespace, .kubernetes.pod.name, .kubernetes.pod.uid, .kubernetes.container.name,
        .container.id, .kubernetes.labels.app, .kubernetes.labels["app_kubernetes_io/name"], .kubernetes.deployment.name, .kubernetes.replicaset.name,
        .kubernetes.node.name, .kubernetes.annotations["example_com/team"], .container.image.name, .kubernetes.pod.ip, .container.runtime,
        .stream] | map(. // "-") | @tsv' >"$DIR/said"
}
# judge NAME HAS_API BY_LINKS (1 or ""): nothing is missing, and everything is right. The address and runtime come with the pod's status, a moment
# after its first lines: they may be missing then, but not be wrong.
judge() {
    what_is_said
    awk -F '\t' -v api="$2" -v links="$3" -v totals="$DIR/totals" '
        function wrong(what, is) { if (n_wrong++ < 5) print "wrong: " what " is " is ": " $1 }
        function must(what, is, want) { if (is != want) wrong(what, is) }
        BEGIN { while ((getline line < totals) > 0) { split(line, t, " "); total[t[1]] = t[2] } }
        {
            n = split($1, word, " ")
            for (i = 1; i <= n; i++) { at = index(word[i], "="); say[substr(word[i], 1, at - 1)] = substr(word[i], at + 1) }
            must("namespace", $2, say["ns"]); must("pod", $3, say["pod"]); must("container", $5, say["c"])
            if ($4 != "-" || api) must("uid", $4, say["uid"])
            if ($6 != "-" || links) must("container.id", $6, say["id"])
            rs = say["pod"]; sub(/-[^-]*$/, "", rs)
            if (api) {
                must("label app", $7, say["app"]); must("other label", $8, say["app"]); must("deployment", $9, say["app"]); must("replicaset", $10, rs)
                must("node", $11, "node-1"); must("annotation", $12, "team \"" say["app"] "\""); must("image", $13, say["app"] ":1")
                if ($14 != "-") must("ip", $14, "10.1.2.3"); else n_early++
                if ($15 != "-") must("runtime", $15, "containerd")
            }
            if ($16 != "stdout" && $16 != "stderr") wrong("stream", $16)
            key = say["id"] " " say["seq"]
            if (!(key in seen)) { seen[key] = 1; count[say["id"]]++ } else n_again++
        }
        END {
            for (id in total) { n_all += total[id]; if (count[id] != total[id]) { n_lost += total[id] - count[id]; if (++shown < 4) print "lost: " id ": " total[id] - count[id] " of " total[id] } }
            printf "lines %d lost %d again %d wrong %d without status %d\n", n_all, n_lost, n_again, n_wrong, n_early
            exit !(n_lost == 0 && n_wrong == 0 && n_all > 0)
        }' "$DIR/said" >"$DIR/judged"
    local rc=$?
    echo "# $1: $(tail -n 1 "$DIR/judged")"
    if ((rc == 0)); then ok "$1: no line is missing, every one tells what is true"; else not_ok "$1: no line is missing, every one tells what is true" "$(head -n 9 "$DIR/judged")"; fi
}

# ---- the node, by the links in /var/log/containers ----

# The server is slow and breaks off; what it does not say for a moment is waited for.
short_trouble() {
    sleep 1
    api slow 100
    api drop
    sleep 2
    api slow 0
    sleep 2
    api drop
}

node_by_links() {
    fresh
    node_config "$NODE/var/log/containers/*.log"
    mkdir -p "$NODE/var/log/containers"
    start_posta
    until_true 20 asked watch 200 1 || not_ok "posta watches the pods"
    start_node -s "$SEED"
    short_trouble
    wait "$NODE_PID"
    check "all lines come" until_true 60 all_are_there
    judge "200 containers and 40 short ones by their links" 1 1
    long_trouble
    stop_posta
    equals "SIGTERM ends with status 0" 0 $?
}

# While it forgets and refuses for long, no pods come: what is known of those that are there stays. (A pod that comes and goes
# meanwhile is never told of; its lines have what their path says.)
long_trouble() {
    start_node -s "$((SEED + 1))" -e 0
    sleep 1.5
    local lists
    lists=$(grep -c "^list 200 " "$DIR/api.log")
    api gone
    check "what is forgotten there is listed again" until_true 20 asked list 200 "$((lists + 1))"
    api fail 3 500
    api drop
    until_true 20 asked list 500 3
    api token second-token
    api drop
    until_true 30 asked watch 401 1 || asked list 401 1
    printf 'second-token' >"$ACCOUNT/token.new"
    mv "$ACCOUNT/token.new" "$ACCOUNT/token"
    wait "$NODE_PID"
    check "all lines come while the server refuses" until_true 60 all_are_there
    judge "200 containers more, while the server refuses" 1 1
    check "a new token is taken up" until_true 60 log_has "answers again"
    says "a refused token is said" "HTTP status 401: the token of the service account is not taken" "$LOG"
    until_true 60 asked watch 200 4
    api huge ns-1 huge-1-1 00000000-0000-0000-0000-0000000000ff
    check "a pod that is too large is said" until_true 20 log_has "a pod is larger than"
    api del ns-1 huge-1-1 00000000-0000-0000-0000-0000000000ff
}

# ---- the same by the folders in /var/log/pods, with posta killed: it finds what was rotated and compressed meanwhile ----

node_by_folders() {
    fresh
    node_config "$NODE/var/log/pods/*/*/*.log*"
    sed -i 's/check_interval: 1s/check_interval: 1s\n    prospector.scanner.exclude_files: ["[.]tmp$"]/' "$DIR/posta.yml"
    mkdir -p "$NODE/var/log/pods"
    start_posta
    until_true 20 log_has "pods on node-1" || not_ok "posta lists the pods"
    start_node -s "$((SEED + 2))" -e 0
    for _ in 1 2 3; do
        sleep 2
        kill_posta
        start_posta
    done
    wait "$NODE_PID"
    check "all lines come" until_true 60 all_are_there
    sleep 1
    stop_posta
    equals "SIGTERM ends with status 0" 0 $?
    judge "200 containers by their folders, posta killed three times" 1 ""
}

# ---- no API server: what the path says, and more as soon as it is there ----

without_api() {
    fresh
    node_config "$NODE/var/log/containers/*.log" "wait_for_metadata_timeout: 1s"
    mkdir -p "$NODE/var/log/containers"
    api refuse 1
    start_posta
    CONTAINERS=3 LINES_EACH=20 SPREAD_MS=200
    start_node -s "$((SEED + 3))" -e 0
    wait "$NODE_PID"
    check "lines come without an API server" until_true 30 all_are_there
    judge "three containers without an API server" "" 1
    says "it is said" "list pods at https://127.0.0.1:" "$LOG"
    says "waiting has an end" "the pods are not listed after wait_for_metadata_timeout" "$LOG"
    api refuse 0
    check "posta lists them when it is there again" until_true 30 log_has "pods on node-1"
    for link in "$NODE"/var/log/containers/*.log; do
        echo "2026-01-01T00:00:00.000000000Z stdout F late" >>"$link"
    done
    check "... and later lines tell more" until_true 30 late_lines_are_labelled
    stop_posta
}
late_lines_are_labelled() { [[ $(cat "$EVENTS"* | jq -c 'select(.message == "late" and (.kubernetes.labels.app | startswith("app")) and .kubernetes.pod.ip == "10.1.2.3")' | wc -l) == 3 ]]; }

# ---- lines wait, their pods go, posta is killed: what was known is kept ----

pods_that_are_gone() {
    fresh
    node_config "$NODE/var/log/containers/*.log"
    cp "$DIR/posta.yml" "$DIR/file.yml"
    sed -i 's/^output.file.*/output.kafka: {hosts: ["127.0.0.1:1"], topic: t}/' "$DIR/posta.yml"
    mkdir -p "$NODE/var/log/containers"
    start_posta
    until_true 20 log_has "pods on node-1" || not_ok "posta lists the pods"
    start_node -s "$((SEED + 4))" -n 0 -e 5 -t 2000
    wait "$NODE_PID"
    until_true 20 is_kept 5 || not_ok "what is known is written"
    kill_posta
    printf 'torn {"path":' >>"$DIR/data/kubernetes.json"
    mv "$DIR/file.yml" "$DIR/posta.yml"
    start_posta
    check "lines come after a restart" until_true 30 all_are_there
    stop_posta
    judge "pods that were gone before the restart" 1 1
}
is_kept() { (($(grep '"replicaset"' "$DIR/data/kubernetes.json" | jq -r .path | sort -u | wc -l) >= $1)); }

refusals() {
    fresh
    node_config "$NODE/var/log/containers/*.log"
    mkdir -p "$NODE/var/log/containers"
    api fail 3 403
    start_posta
    check "missing rights are said, with what is needed" until_true 20 log_has "HTTP status 403: the service account needs get, list and watch of pods: see RBAC in posta(8)"
    stop_posta
    fresh
    cp "$WEB/other.pem" "$ACCOUNT/ca.crt"
    start_posta
    check "a server with another certificate is not believed" until_true 20 log_has "TLS handshake"
    stop_posta
    cp "$WEB/ca.pem" "$ACCOUNT/ca.crt"
    sed -i 's/node: node-1, //' "$DIR/posta.yml"
    unset NODE_NAME
    equals "without the node's name it does not start" 2 "$(status -c "$DIR/posta.yml")"
    says "... and says what to do" "which node is this: set node:" "$LOG"
}

# ---- a sidecar ----

# podinfo LABEL: as kubelet writes it: a folder, and the link to it renamed over the one before.
podinfo() {
    local folder
    folder=$(mktemp -d "$DIR/podinfo/..2026_XXXXXX")
    chmod 0755 "$folder"
    printf 'app="%s"\napp.kubernetes.io/name="a \\"quoted\\" \\u00e9 name"\npod-template-hash="5d4f7c9b"' "$1" >"$folder/labels"
    printf 'example.com/team="shop"\nkubernetes.io/config.seen="2026-01-01"' >"$folder/annotations"
    ln -s "${folder##*/}" "$DIR/podinfo/..data_tmp"
    mv -T "$DIR/podinfo/..data_tmp" "$DIR/podinfo/..data"
}
# Of the last event with this message.
said_of() { cat "$EVENTS"* | jq -c "select(.message == \"$1\") | $2" | tail -n 1; }
is_labelled() { echo "after $1" >>"$DIR/log/app.log"; sleep 0.1; [[ $(said_of "after $1" .kubernetes.labels.app) == "\"$1\"" ]]; }

sidecar() {
    fresh
    mkdir "$DIR/podinfo"
    podinfo first
    ln -s ..data/labels "$DIR/podinfo/labels"
    ln -s ..data/annotations "$DIR/podinfo/annotations"
    cat >"$DIR/posta.yml" <<END
path.data: $DIR/data
logging.metrics: {period: 1s, events: true}
output.file: {path: $DIR/out, filename: events}
filebeat.inputs:
  - {type: filestream, id: app, paths: ["$DIR/log/app.log"]}
  - {type: filestream, id: other, paths: ["$DIR/log/other.log"], tags: [forwarded]}
metricbeat.modules: [{module: system, metricsets: [load, network], period: 500ms}]
heartbeat.monitors: [{type: tcp, id: a, hosts: ["127.0.0.1:9"], schedule: "@every 500ms"}]
processors:
  - add_host_metadata: {when.not.contains.tags: forwarded, geo.name: here}
  - add_kubernetes_metadata: {downward_api.path: $DIR/podinfo, include_annotations: [team], exclude_labels: [pod-template-hash]}
END
    export POD_NAME=shop-5d4f7c9b-x2x4z POD_NAMESPACE=web POD_UID=1-2-3 POD_IP=10.0.0.7 NODE_NAME=node-7 CONTAINER_NAME=nginx
    echo one >"$DIR/log/app.log"
    echo two >"$DIR/log/other.log"
    start_posta
    check "lines come" until_true 20 said_something one
    check "lines of the other input come" until_true 20 said_something two
    equals "the event tells of the pod" \
        '{"namespace":"web","pod":{"name":"shop-5d4f7c9b-x2x4z","uid":"1-2-3","ip":"10.0.0.7"},"node":{"name":"node-7"},"labels":{"app":"first","app_kubernetes_io/name":"a \"quoted\" é name"},"annotations":{"example_com/team":"shop"},"replicaset":{"name":"shop-5d4f7c9b"},"deployment":{"name":"shop"},"container":{"name":"nginx"}}' \
        "$(said_of one .kubernetes)"
    equals "... and of the host" "\"$(uname -r)\" \"here\"" "$(said_of one .host.os.kernel) $(said_of one .host.geo.name)"
    equals "... as the condition says" '["name"]' "$(said_of two '.host | keys')"
    check "new labels are taken up" eval "podinfo second; until_true 20 is_labelled second"
    kill_posta
    podinfo third
    start_posta
    check "... and while posta was away" until_true 20 is_labelled third
    for what in system.load system.network posta.stats tcp; do
        check "events of $what tell of pod and host" until_true 20 tells_all "$what"
    done
    stop_posta
    equals "SIGTERM ends with status 0" 0 $?
    equals "nothing is logged as a warning" "" "$(grep -E 'WARN|ERROR' "$LOG" | head -n 3)"
    equals "no member is there twice" "$(cat "$EVENTS"* | jq -c . | wc -c)" "$(cat "$EVENTS"* | wc -c)"
}
# The stock filebeat.yml names the processor everywhere.
outside() {
    fresh
    printf 'path.data: %s\noutput.file: {path: %s, filename: events}\nfilebeat.inputs: [{type: filestream, id: app, paths: ["%s"]}]\nprocessors: [{add_kubernetes_metadata: ~}]\n' \
        "$DIR/data" "$DIR/out" "$DIR/log/app.log" >"$DIR/posta.yml"
    equals "outside of Kubernetes it starts" 0 "$(env -u KUBERNETES_SERVICE_HOST CONTAINER_NAME=other "$POSTA" -c "$DIR/posta.yml" --once 2>>"$LOG"; echo $?)"
    equals "... and adds nothing" null "$(said_of one .kubernetes)"
    says "... and says so" "this is no pod: nothing is added" "$LOG"
    equals "in a pod that is not told of itself" 0 "$(CONTAINER_NAME=other "$POSTA" -c "$DIR/posta.yml" --once 2>>"$LOG"; echo $?)"
    says "... it is said what to do" "nothing is known of this pod: set POD_NAME" "$LOG"
}
said_something() { [[ -n $(said_of "$1" .message) ]]; }
tells_all() { [[ -n $(cat "$EVENTS"* | jq -c "select(.event.dataset == \"$1\" and .kubernetes.pod.name == \"$POD_NAME\" and .host.os.type == \"linux\") | .event.id") ]]; }

web_certificates
start_api
sidecar
unset POD_NAME POD_NAMESPACE POD_UID POD_IP NODE_NAME CONTAINER_NAME
outside
node_by_links
node_by_folders
pods_that_are_gone
without_api
refusals
stop_api
