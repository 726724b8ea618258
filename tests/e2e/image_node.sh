#!/usr/bin/env bash
# The DaemonSet of the chart posta as it is rendered, without Kubernetes: its configuration, mounts and user on the image's root, a folder as
# the node's /var/log, real brokers. Root without the capability to pass over modes reads what kubelet writes, rotated and compressed
# files too; its own log is left out; the spool outlives the pod.
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
HTTP=$((32000 + RANDOM % 2000))
SHELLS=()
NODE_LOGS=$CHART_POD/volumes/logs/pods

test_cleanup() {
    kill -KILL "${SHELLS[@]}" 2>/dev/null
    sleep 0.2
    chart_pod_remove
    limits_remove
}

if ! pod_can_be; then
    skip "the chart's DaemonSet" "needs root, namespaces and setpriv"
    exit 0
fi
need helm3 python || { skip "the chart's DaemonSet" "Helm 3, Python or their packages cannot be had" && exit 0; }

# lines FIRST LAST: as the runtime writes them
lines() { seq -f '2026-11-28T15:00:00.000000000Z stdout F GET /item?seq=%.0f' "$1" "$2"; }
stop_posta_container() {
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
}
delivered() { curl -s "http://127.0.0.1:$HTTP/metrics" | awk -v want="$1" '/^posta_output_acked_events_total.*spool="logs"/ { n += $2 } END { exit !(n >= want) }'; }

use_kafka node
copy_charts "$KTOOLS/helm3" || exit 1
"$KTOOLS/helm3" template shop "$DIR/charts/posta" --namespace logging --kube-version 1.33 --set "kafka.hosts={$BOOTSTRAP}" --set "kafka.topic=$TOPIC" \
    --set tls.secretName=posta-client --set metrics.port="$HTTP" --set daemonset.kubernetesApi=false --set 'daemonset.spool.maxSize=64MB' >"$DIR/node.yaml" || exit 1
chart_pod_new "$DIR/node.yaml" shop-posta || { not_ok "the rendered pod can be made" && exit 1; }

WEB=$NODE_LOGS/web_shop-1_7f3c0000-0000-4000-8000-00000000000a/nginx
OWN=$NODE_LOGS/logging_shop-posta-x1abc_7f3c0000-0000-4000-8000-00000000000b/posta
mkdir -p "$WEB" "$OWN"
lines 0 999 | gzip >"$WEB/0.log.20261128-140000.gz"
lines 1000 1999 >"$WEB/0.log.20261128-150000"
lines 2000 2999 >"$WEB/0.log"
lines 2000 2999 >"$WEB/0.log.20261128-130000.tmp"
lines 900000 900999 >"$OWN/0.log"
chmod 0640 "$WEB"/* "$OWN"/*

start_posta_container
check "posta is up" until_true 20 log_has "tail: watching"
# What is left of capabilities is what it takes to get into that root: chroot, setuid, setgid.
equals "as root, with no capability that passes over modes" "0 00000000000400c0" "$(awk '/^Uid:/{u=$2} /^CapEff:/{print u, $2}' "/proc/$POSTA_INIT/status")"
check "what was there before is delivered, rotated and compressed too" until_true 60 delivered 3000
lines 3000 3999 >>"$WEB/0.log"
mv "$WEB/0.log" "$WEB/0.log.20261128-160000" && (umask 027 && lines 4000 4999 >"$WEB/0.log")
check "what comes then, over a rotation, is too" until_true 60 delivered 5000
stop_posta_container
equals "posta ends with status 0" 0 "$STATUS"
lines 5000 5999 >>"$WEB/0.log"
start_posta_container
check "the next pod on the node goes on" until_true 60 delivered 1000
stop_posta_container
equals "... and ends with status 0" 0 "$STATUS"

collect 6000 -i 5 -T 60 --allow-disorder --raw "$DIR/raw" --max-repeats 0
equals "6000 lines: nothing is lost" 0 "$(verdict lost)"
equals "... nor comes twice" 6000 "$(wc -l <"$DIR/raw")"
equals "... each knows its pod by its path" "shop-1 web nginx" "$(jq -r '.kubernetes | "\(.pod.name) \(.namespace) \(.container.name)"' "$DIR/raw" | sort -u)"
equals "... and its node" node-1 "$(jq -r '.host.name' "$DIR/raw" | sort -u)"
equals "posta's own log is left out" 0 "$(grep -c 'seq=9000' "$DIR/raw")"
