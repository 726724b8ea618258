#!/usr/bin/env bash
# The chart nginx-example as it is rendered, without Kubernetes: the ConfigMaps, volumes, arguments, users and limits of its pod; nginx with the
# chart's configuration, posta on the image's root, three real brokers. posta is killed, Kafka goes away, the Secret comes late, the
# certificate changes, the pod ends: every request that nginx logged is in Kafka once it is over.
#
#   IMAGE_ROOT: the image's root; tests/e2e/kafka_image.sh gives it, and runs this
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_pod.sh
. "$(dirname "$0")/lib_pod.sh"
# shellcheck source=tests/e2e/lib_chart.sh
. "$(dirname "$0")/lib_chart.sh"
# shellcheck source=tests/k8s/lib.sh
. "$ROOT/tests/k8s/lib.sh"
PORT=$((20000 + RANDOM % 10000))
HTTP=$((30000 + RANDOM % 2000))
SHELLS=()

test_cleanup() {
    kill -KILL "${SHELLS[@]}" 2>/dev/null
    sleep 0.2
    chart_pod_remove
    limits_remove
    "$CLUSTER" start >/dev/null 2>&1
}

if ! pod_can_be; then
    skip "the chart's pod" "needs root, namespaces and setpriv"
    exit 0
fi
need helm3 python || { skip "the chart's pod" "Helm 3, Python or their packages cannot be had" && exit 0; }
render_chart() {
    copy_charts "$KTOOLS/helm3" || exit 1
    "$KTOOLS/helm3" template shop "$DIR/charts/nginx-example" --namespace web --kube-version 1.33 \
        --set "posta.kafka.hosts={$BOOTSTRAP}" --set "posta.kafka.topic=$TOPIC" --set posta.metrics.port="$HTTP" \
        --set posta.shutdown.deadlineSeconds=120 --set posta.kafka.options.posta_headers=true --set posta.kafka.options.end_records=true >"$DIR/pod.yaml" || exit 1
}
# What nginx's images have around conf.d, with another log of each request: that is the truth. Requests have a rate, so that what comes to be
# delivered does not depend on how fast this machine is.
write_nginx() {
    local conf=$CHART_POD/volumes/nginx-config/..data/default.conf
    cat >"$DIR/nginx.conf" <<'CONF'
worker_processes 2;
daemon off;
error_log /var/log/nginx/error.log notice;
pid /tmp/nginx.pid;
events { worker_connections 512; }
http {
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi; uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    log_format main '$remote_addr - $remote_user [$time_local] "$request"';
    access_log /var/log/nginx/access.log main;
    keepalive_requests 1000000000;
    limit_req_zone $server_port zone=all:1m rate=5000r/s;
    limit_req zone=all burst=100;
    include /etc/nginx/conf.d/*.conf;
}
CONF
    sed -i "s|listen 8080;|listen 127.0.0.1:$PORT; access_log /tmp/truth.log combined;|" "$conf"
    chmod 0644 "$DIR/nginx.conf"
}
load() { # SECONDS FIRST_NUMBER: in the background
    SEQ_FIRST=$2 "$ROOT/tests/nginx/nginx.sh" load "$PORT" "$1" 4 >"$DIR/load" 2>&1 &
    LOAD=$!
}
sequence() { grep -oE 'seq=[0-9]+' "$1" | sort -u; }
probe() { env -i "$(command -v unshare)" --root="$IMAGE_ROOT" --setgid=101 --setuid=101 /usr/bin/posta probe "$1" --url "http://127.0.0.1:$HTTP"; }
new_secret() { # as kubelet changes a projected volume: another dated folder, then ..data at once
    local volume=$CHART_POD/volumes/posta-tls dated=..2026_11_28_01_00_00.$RANDOM
    mkdir "$volume/$dated"
    cp "$CERT" "$volume/$dated/client.crt" && cp "$KEY" "$volume/$dated/client.key" && cp "$CA" "$volume/$dated/ca.crt"
    chgrp -R "$(cat "$CHART_POD/group")" "$volume/$dated" && chmod 0440 "$volume/$dated"/* && chmod 0755 "$volume/$dated"
    for file in client.crt client.key ca.crt; do [[ -L $volume/$file ]] || ln -s "..data/$file" "$volume/$file"; done
    ln -s "$dated" "$volume/..data_tmp" && mv -T "$volume/..data_tmp" "$volume/..data"
}

nothing_waits() {
    curl -s "http://127.0.0.1:$HTTP/metrics" | awk '/^posta_ledger_waiting_lines/ { n += $2; seen = 1 } END { exit !(seen && n == 0) }' &&
        grep -q 'delivering to topic' "$LOG"
}

use_kafka chart
render_chart
chart_pod_new "$DIR/pod.yaml" shop || { not_ok "the rendered pod can be made" && exit 1; }
write_nginx
mkdir -p "$IMAGE_ROOT/var/log/nginx"

# No Secret yet: the pod starts all the same, nothing is delivered, nothing is lost.
rm -rf "$CHART_POD/volumes/posta-tls/"* "$CHART_POD/volumes/posta-tls/"..*[a-z0-9]
start_posta_container
check "without its Secret posta is up" until_true 20 log_has "tail: watching"
start_container nginx / "$(PATH=$PATH:/usr/sbin command -v nginx)" -e /var/log/nginx/error.log -c "$DIR/nginx.conf"
NGINX_SHELL=$SHELL_OF NGINX_INIT=$INIT
SHELLS+=("$SHELL_OF")
check "the pod's liveness probe is content" until_true 10 probe live
check "... and its readiness" until_true 10 probe ready
load 2 1
wait "$LOAD"
check "that nothing is delivered is said" log_has "NOTHING IS DELIVERED"
new_secret
check "when the Secret comes, all is delivered" until_true 60 nothing_waits
start_container posta "$IMAGE_ROOT" /usr/bin/posta test output -c /etc/posta/posta.yml
end_container "$SHELL_OF"
equals "what helm test runs is content" 0 "$STATUS"
load 7 100000000
sleep 1
new_secret
kill -KILL "$POSTA_INIT"
end_container "$POSTA_SHELL"
start_posta_container
sleep 1
"$CLUSTER" kill all >/dev/null 2>&1
sleep 2
"$CLUSTER" start >/dev/null 2>&1
wait "$LOAD"
kill -QUIT "$NGINX_INIT"
end_container "$NGINX_SHELL"
kill -TERM "$POSTA_INIT"
end_container "$POSTA_SHELL"
equals "posta ends with status 0" 0 "$STATUS"
check "the termination message is empty" test ! -s "$CHART_POD/termination-log"

TRUTH=$CHART_POD/volumes/tmp/truth.log
written=$(wc -l <"$TRUTH")
collect "$((written + 1000000))" -i 8 -T 100 --allow-disorder --order offset --raw "$DIR/raw"
equals "each of $written requests is in Kafka" 0 "$(comm -23 <(sequence "$TRUTH") <(sequence "$DIR/raw") | wc -l)"
access() { jq -r 'select(.event.dataset == "nginx.access") | .event.id' "$DIR/raw"; }
equals "once: the image's own access_log does not count" "$written" "$(access | sort -u | wc -l)"
equals "... with the pod's fields" "shop-abc12-xyz web node-1 nginx" \
    "$(jq -r 'select(.event.dataset == "nginx.access") | .kubernetes | "\(.pod.name) \(.namespace) \(.node.name) \(.container.name)"' "$DIR/raw" | sort -u)"
equals "... and its labels" nginx-example "$(jq -r 'select(.event.dataset == "nginx.access") | .kubernetes.labels["app_kubernetes_io/name"]' "$DIR/raw" | sort -u)"
check "the logs' volume was never full" test -z "$(grep -a 'No space' "$DIR/nginx.log")"
echo "numbers: $written requests; at the end the logs' volume holds $(du -sk "$CHART_POD/volumes/posta-logs" | cut -f 1) KB"
