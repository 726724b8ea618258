#!/usr/bin/env bash
# Shows that the test cluster is what it says: who is let in, who is refused, and that brokers come and go.
# Uses a cluster of its own; KAFKA_VERSION chooses the version.
# shellcheck disable=SC2317 # the cases are called through expect and refuse
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=${POSTA_TOOLS:-$HERE/../../build/tests/tools}
export POSTA_KAFKA_DIR=${POSTA_KAFKA_DIR:-/tmp/posta-kafka-selftest}
export POSTA_KAFKA_PORT=${POSTA_KAFKA_PORT:-19390}
FAILED=0

cluster() { "$HERE/cluster.sh" "$@"; }

verdict() { # OK|FAILED CASE
    printf '%-6s %s\n' "$1" "$2"
    [[ $1 == ok ]] || FAILED=1
}

# expect CASE COMMAND... : the command works
expect() {
    local name=$1
    shift
    if "$@" >"$POSTA_KAFKA_DIR/out" 2>&1; then verdict ok "$name"; else
        verdict FAILED "$name"
        cat "$POSTA_KAFKA_DIR/out"
    fi
}

# refuse CASE PATTERN COMMAND... : the command fails, and says why
refuse() {
    local name=$1 pattern=$2
    shift 2
    if "$@" >"$POSTA_KAFKA_DIR/out" 2>&1 || ! grep -qiE "$pattern" "$POSTA_KAFKA_DIR/out"; then
        verdict FAILED "$name"
        cat "$POSTA_KAFKA_DIR/out"
    else verdict ok "$name: $(grep -iE "$pattern" "$POSTA_KAFKA_DIR/out" | head -1 | cut -c1-150)"; fi
}

produce() { # SERVERS CLIENT TOPIC ARGS...
    "$TOOLS/produce" -b "$1" -X security.protocol=ssl -X "ssl.ca.location=$PKI/ca.pem" \
        -X "ssl.certificate.location=$PKI/$2.pem" -X "ssl.key.location=$PKI/$2.key" -t "$3" "${@:4}"
}

produce_without_certificate() {
    "$TOOLS/produce" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$PKI/ca.pem" -t logs-selftest -n 1 -T 3
}

produce_without_name_check() {
    produce "$WRONGHOST" posta logs-selftest -n 1 -s 8000 -T 10 -X ssl.endpoint.identification.algorithm=none -p "$LED_BY_1"
}

collect() { # CLIENT TOPIC ARGS...
    "$TOOLS/collect" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$PKI/ca.pem" \
        -X "ssl.certificate.location=$PKI/$1.pem" -X "ssl.key.location=$PKI/$1.key" -t "$2" "${@:3}"
}

try_clients() {
    expect "posta may write to logs-*" produce "$BOOTSTRAP" posta logs-selftest -n 5000
    expect "a chain through an intermediate CA is accepted" produce "$BOOTSTRAP" chained logs-selftest -n 1000 -s 5000
    expect "a renewed certificate is accepted" produce "$BOOTSTRAP" renewed logs-selftest -n 1000 -s 6000
    expect "all 7000 lines are there, once and in order" collect verifier logs-selftest -n 7000 --max-repeats 0
    refuse "posta may not write to secret" authorization produce "$BOOTSTRAP" posta secret -n 1 -T 3
    refuse "posta may not read" 'delivered 0' collect posta logs-selftest -n 1 -i 2
    refuse "intruder is known and may nothing" authorization produce "$BOOTSTRAP" other logs-selftest -n 1 -T 3
}

try_certificates() {
    local tls='certificate|SSL|handshake'
    refuse "a stranger's CA is refused" "$tls" produce "$BOOTSTRAP" stranger logs-selftest -n 1 -T 3
    refuse "an expired certificate is refused" "$tls" produce "$BOOTSTRAP" expired logs-selftest -n 1 -T 3
    refuse "no certificate is refused" "$tls" produce_without_certificate
    refuse "a broker with another name is refused" "$tls" produce "$WRONGHOST" posta logs-selftest -n 1 -T 3
}

# The listener with the wrong name shows only broker 1; without the check of names it serves.
try_wrong_listener() {
    LED_BY_1=$(kadmin describe | sed -n 's|^logs-selftest/\([0-9]*\) leader 1 .*|\1|p' | head -1)
    expect "the same broker serves who does not check names" produce_without_name_check
}

kadmin() {
    "$TOOLS/kadmin" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$PKI/ca.pem" \
        -X "ssl.certificate.location=$PKI/admin.pem" -X "ssl.key.location=$PKI/admin.key" "$@"
}

try_outages() {
    cluster topic logs-outage 3
    produce "$BOOTSTRAP" posta logs-outage -n 20000 -R 1000 -T 60 >"$POSTA_KAFKA_DIR/producer.out" 2>&1 &
    local producer=$!
    sleep 2
    expect "broker 2 dies and comes back" cluster restart 2
    cluster pause 3
    sleep 1
    cluster resume 3
    expect "a producer over all that loses nothing" wait "$producer"
    expect "20000 lines, in order" collect verifier logs-outage -n 20000
    cluster kill 1
    cluster kill 3
    refuse "one broker of three takes nothing" 'failed 10' produce "$BOOTSTRAP" posta logs-outage -n 10 -s 20000 -T 5
    expect "start repairs the cluster" cluster start
    expect "and it takes again" produce "$BOOTSTRAP" posta logs-outage -n 10 -s 30000
}

check_nothing_left() {
    if pgrep -f "$POSTA_KAFKA_DIR/broker" >&2; then
        verdict FAILED "no process is left"
    else
        verdict ok "no process is left"
    fi
}

main() {
    "$HERE/../tools/build.sh" kadmin collect produce
    trap 'cluster stop' EXIT
    cluster stop
    cluster start
    eval "$(cluster env)"
    cluster status
    cluster topic logs-selftest 3
    try_clients
    try_certificates
    try_wrong_listener
    try_outages
    cluster status
    cluster stop
    check_nothing_left
    exit "$FAILED"
}

main "$@"
