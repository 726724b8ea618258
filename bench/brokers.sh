#!/usr/bin/env bash
# Three real brokers (tests/kafka/cluster.sh): what TLS costs, beside the same user by password over plain text, for posta
# and for the floor; then what exactly-once
# costs (bench/once.sh), over TLS. Brokers and posta share the processors here, so only posta's CPU says much.
#
#   ROUNDS=3 LINES_N=300000 bench/brokers.sh       POSTA_KAFKA_DIR and POSTA_KAFKA_PORT as for cluster.sh
set -euo pipefail
export POSTA_KAFKA_DIR=${POSTA_KAFKA_DIR:-/tmp/posta-bench-kafka} POSTA_KAFKA_PORT=${POSTA_KAFKA_PORT:-26290}
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ROUNDS=${ROUNDS:-3} LINES_N=${LINES_N:-300000}
CLUSTER=$ROOT/tests/kafka/cluster.sh
RAW=$RESULTS/brokers.tsv

measure() { # SHIPPER NAME [SETTING_OF_LIBRDKAFKA...]
    local shipper=$1 name=$2
    shift 2
    TOPIC=logs-bench-$$-$RANDOM
    "$CLUSTER" topic "$TOPIC" 3 >/dev/null 2>&1
    prepare "$shipper" once
    "$BIN/usage" "$RAW" "$name" "${COMMAND[@]}" "$@" 2>"$DIR/err" || say "$name: $(tail -n 1 "$DIR/err")"
    "$CLUSTER" admin "delete $TOPIC" >/dev/null 2>&1 || true
}

in_clear() {
    local BOOTSTRAP=$SASL_CLEAR OUTPUT_MORE='username: posta, password: plain-secret, sasl.mechanism: PLAIN'
    measure floor "floor, plain text" security.protocol=sasl_plaintext sasl.mechanism=PLAIN sasl.username=posta sasl.password=plain-secret
    measure posta-tmpfs "posta, plain text"
}

by_tls() {
    local OUTPUT_MORE="ssl: {certificate: $CERT, key: $KEY, certificate_authorities: [$CA]}"
    measure floor "floor, TLS" security.protocol=ssl "ssl.ca.location=$CA" "ssl.certificate.location=$CERT" "ssl.key.location=$KEY"
    measure posta-tmpfs "posta, TLS"
}

# shellcheck disable=SC2016 # for awk
show() { # NAME
    row "$1" "$(median "$RAW" "$1" "(\$2 + \$3) * 1e6 / $LINES_N" %.2f spread)" "$(median "$RAW" "$1" '$2' %.2f) / $(median "$RAW" "$1" '$3' %.2f)" \
        "$(median "$RAW" "$1" '$4' %.2f)" "$(median "$RAW" "$1" '$5 / 1024' %.1f)" "$(median "$RAW" "$1" '$6 / 1024' %.1f)"
}

once() {
    begin_table once "Exactly-once beside the default, three real brokers over mutual TLS (bench/once.sh)." mode "CPU s" "lines/s" "peak MB" \
        commits "ms a commit" "delay ms, p50 / p99 / max"
    ROUNDS=$ROUNDS LINES_N=$LINES_N bench/once.sh | tail -n +2 | while read -r mode cpu rate peak commits each delay; do
        row "$mode" "$cpu" "$rate" "$peak" "$commits" "$each" "${delay//\// / }"
    done
}

"$CLUSTER" start >/dev/null
eval "$("$CLUSTER" env)"
: >"$RAW"
"$BIN/lines" -f "$LOG" -n "$LINES_N"
for ((round = 1; round <= ROUNDS; round++)); do
    in_clear
    by_tls
done
begin_table tls "Three real brokers: mutual TLS, and a password over plain text." shipper "CPU s a million lines" "user / sys" "wall s" "peak MB" "its own MB"
for name in "floor, plain text" "posta, plain text" "floor, TLS" "posta, TLS"; do show "$name"; done
once
"$CLUSTER" stop
