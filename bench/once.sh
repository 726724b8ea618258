#!/usr/bin/env bash
# What exactly-once costs: LINES_N nginx lines (214 bytes) from a file to three real brokers over mutual TLS, in default mode
# and with exactly_once at commit intervals of 100 ms, 500 ms and 2 s, ROUNDS rounds in turns: CPU seconds of posta, lines a second
# on the wall, transactions; then the delay until a reader of committed events has a line, at 1,000 lines a
# second. Medians. No pass or fail here.
#
#   ROUNDS=5 LINES_N=1000000 bench/once.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD BUILD=${BUILD:-build} ROUNDS=${ROUNDS:-5} LINES_N=${LINES_N:-1000000} DELAY_S=${DELAY_S:-10}
CLUSTER=tests/kafka/cluster.sh TOOLS=$BUILD/tests/tools
MODES=(default 100ms 500ms 2s)
if [[ -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-once.XXXXXX")
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$DIR"' EXIT

set_up() {
    mkdir -p "$BUILD/bench"
    [[ $BUILD/bench/usage -nt bench/usage.c ]] ||
        gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$BUILD/bench/usage" bench/usage.c
    tests/tools/build.sh kadmin linewriter collect
    "$CLUSTER" start
    "$CLUSTER" transactions posta.
    eval "$("$CLUSTER" env)"
    "$TOOLS/linewriter" -f "$DIR/access.log" -n "$LINES_N" >/dev/null
}

write_config() { # MODE TOPIC LOG
    cat <<YML
path.data: $DIR/data
logging.level: info
logging.metrics.period: 1s
filebeat.inputs:
  - {type: filestream, id: bench, paths: ["$3"]}
output.kafka:
  hosts: ["${BOOTSTRAP//,/\", \"}"]
  topic: $2
  ssl: {certificate: "$CERT", key: "$KEY", certificate_authorities: ["$CA"]}
YML
    [[ $1 == default ]] || printf '  delivery: exactly_once\n  transaction.interval: %s\n' "$1"
}

new_topic() {
    TOPIC=logs-once-$$-$RANDOM
    "$CLUSTER" topic "$TOPIC" 3 2>/dev/null >/dev/null
}

# A row of bench/usage.c
run_one() { # MODE
    new_topic
    rm -rf "$DIR/data"
    write_config "$1" "$TOPIC" "$DIR/access.log" >"$DIR/posta.yml"
    "$BUILD/bench/usage" "$DIR/usage" "$1" "$ROOT/$BUILD/posta" -c "$DIR/posta.yml" --once 2>"$DIR/log"
    printf '%s %s %s\n' "$1" "$(counter transactions)" "$(counter commit_ms)" >>"$DIR/counters"
    "$TOOLS/kadmin" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$CA" -X "ssl.certificate.location=$PKI/admin.pem" \
        -X "ssl.key.location=$PKI/admin.key" "delete $TOPIC" >/dev/null 2>&1 || true
}
counter() { grep -oE "kafka\.$1=[0-9]+" "$DIR/log" | tail -n 1 | cut -d= -f2 | grep . || echo 0; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
column() { awk -v name="$1" "\$1 == name { print $2 }" "$3" | median; } # MODE EXPRESSION FILE

# From being read by posta until a reader has it: p50, p99, max in ms.
delays() { # MODE
    new_topic
    rm -rf "$DIR/data" && : >"$DIR/live.log"
    write_config "$1" "$TOPIC" "$DIR/live.log" >"$DIR/posta.yml"
    "$BUILD/posta" -c "$DIR/posta.yml" 2>"$DIR/log" &
    local posta=$! n=$((DELAY_S * 1000))
    # shellcheck disable=SC2086,SC2153 # READER is a list of arguments, of cluster.sh env
    "$TOOLS/collect" -b "$BOOTSTRAP" $READER -t "$TOPIC" -n "$n" -i 20 --delays "$DIR/delays" >/dev/null 2>&1 &
    local reader=$!
    sleep 3
    "$TOOLS/linewriter" -f "$DIR/live.log" -n "$n" -R 1000 >/dev/null
    wait "$reader" || true
    kill "$posta"
    wait "$posta" || true
    sort -n "$DIR/delays" | awk '{ v[NR] = $1 } END { printf "%d %d %d\n", v[int(NR / 2)], v[int(NR * 0.99)], v[NR] }'
}

# shellcheck disable=SC2016 # for awk
main() {
    set_up
    local round mode
    for ((round = 0; round < ROUNDS; round++)); do
        for mode in "${MODES[@]}"; do run_one "$mode" >/dev/null; done
    done
    printf '%-10s %8s %10s %8s %8s %13s %18s\n' mode "CPU s" "lines/s" "peak MB" "commits" "ms a commit" "delay ms 50/99/max"
    for mode in "${MODES[@]}"; do
        printf '%-10s %8.2f %10.0f %8.1f %8d %13.1f %18s\n' "$mode" "$(column "$mode" '$2 + $3' "$DIR/usage")" \
            "$(column "$mode" "$LINES_N / \$4" "$DIR/usage")" "$(column "$mode" '$5 / 1024' "$DIR/usage")" \
            "$(column "$mode" '$2' "$DIR/counters")" "$(column "$mode" '($2 ? $3 / $2 : 0)' "$DIR/counters")" \
            "$(delays "$mode" | tr ' ' '/')"
    done
}
main
