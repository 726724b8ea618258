#!/usr/bin/env bash
# Brokers that take their time: LINES_N lines to librdkafka's mock cluster, whose answers come at once, or after 5 or 20 ms. A bare
# librdkafka program and posta take turns for ROUNDS rounds. CPU seconds of the shipper alone.
#
#   ROUNDS=3 LINES_N=300000 bench/answers.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ROUNDS=${ROUNDS:-3} LINES_N=${LINES_N:-300000} WAITS_MS=(0 5 20)
RAW=$RESULTS/answers.tsv

start_mock() {
    mkfifo "$DIR/control"
    "$BUILD/tests/tools/brokerd" -n 3 -t "$TOPIC:6" -f "$DIR/ready" -c "$DIR/control" >"$DIR/brokerd.log" 2>&1 &
    exec 9>"$DIR/control"
    wait_for_brokers $!
}

round() {
    local wait_ms name
    for wait_ms in "${WAITS_MS[@]}"; do
        echo "rtt $wait_ms" >&9
        for name in floor posta-tmpfs; do
            prepare "$name" once
            "$BIN/usage" "$RAW" "$name-$wait_ms" "${COMMAND[@]}" 2>"$DIR/err" || say "$name: $(tail -n 1 "$DIR/err")"
        done
    done
}

# shellcheck disable=SC2016 # for awk
show() {
    local wait_ms name
    begin_table answers "$LINES_N lines, one partition, $ROUNDS rounds, medians (min-max): brokers that answer late." "answers after" \
        shipper "CPU s a million lines" "wall s"
    for wait_ms in "${WAITS_MS[@]}"; do
        for name in floor posta-tmpfs; do
            row "$wait_ms ms" "$name" "$(median "$RAW" "$name-$wait_ms" "(\$2 + \$3) * 1e6 / $LINES_N" %.2f spread)" \
                "$(median "$RAW" "$name-$wait_ms" '$4' %.2f)"
        done
    done
}

: >"$RAW"
start_mock
"$BIN/lines" -f "$LOG" -n "$LINES_N"
for ((i = 0; i < ROUNDS; i++)); do round; done
show
echo quit >&9
