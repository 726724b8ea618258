#!/usr/bin/env bash
# A bad network between posta and the brokers, under load: packets dropped on the way to one broker and to all, machines that
# hang, connections reset at once and in the middle of a request, a line as slow as a modem's, nobody listening; and posta killed
# while the brokers are away. None lost, order kept, recovery by itself. MODE=exactly_once: nothing comes twice either.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"
IN_FLIGHT_MAX=8192 # places in the sender's window

start_relay() {
    "$CLUSTER" relay "$DIR/relay" >"$DIR/relay.log" 2>&1 &
    until_true 10 test -e "$DIR/relay.ready" || { not_ok "the relay starts" "$(cat "$DIR/relay.log")"; exit 1; }
    exec 8<>"$DIR/relay"
}
relay() { echo "$*" >&8; }
leader() { "$CLUSTER" admin describe | sed -n "s,^$TOPIC/0 leader \([0-9]\).*,\1,p"; }

# trouble NAME SECONDS COMMAND...: nothing gets through; then all is well, and posta goes on
trouble() {
    local name=$1 seconds=$2 acked
    shift 2
    relay "$@"
    sleep 1
    acked=$(counter kafka.acked)
    sleep $((seconds - 1))
    equals "$name: nothing gets through" "$acked" "$(counter kafka.acked)"
    relay pass all
    MOVING_FROM=
    check "$name: goes on by itself" until_true 40 is_moving
}
cut_often() {
    local i
    for ((i = 0; i < 20; i++)); do
        relay cut $((1 + RANDOM % 3))
        sleep "0.$((RANDOM % 3))"
    done
    check "connections reset 20 times: goes on by itself" until_true 40 is_moving
}

reset_in_requests() {
    relay cutafter all 50000
    sleep 4
    relay pass all
    check "reset in the middle of requests: goes on by itself" until_true 40 is_moving
}

network() {
    local replaced
    start_posta_and_wait
    start_writer -R 3000
    until_true 20 is_moving
    cut_often
    reset_in_requests
    trouble "packets to the leader dropped for 8 s" 8 drop "$(leader)"
    trouble "packets to all dropped for 6 s" 6 drop all
    trouble "the leader's machine hangs for 6 s" 6 stall "$(leader)"
    trouble "300 bytes a second" 4 drip all 30
    trouble "nobody listens" 3 refuse all
    stop_writer
    until_true 120 is_delivered "$LINES_N" || not_ok "everything is delivered in the end"
    replaced=$(($(counter kafka.producers_made) - 1))
    judge "bad network" "$LINES_N" $((replaced * IN_FLIGHT_MAX))
    echo "numbers: bad network: $LINES_N lines, $(verdict repeated) came twice, $replaced instances of librdkafka replaced"
    judge_memory "bad network"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

# Brokers away, posta killed, both back: what was on its way comes twice at most.
killed_while_away() {
    local i ways=(refuse drop stall)
    rm -rf "$DIR/log" "$DIR/data" && mkdir "$DIR/log"
    start_posta_and_wait
    start_writer -R 5000
    for ((i = 0; i < 3; i++)); do
        MOVING_FROM=
        until_true 20 is_moving
        relay "${ways[i]}" all
        sleep 1
        kill_posta
        relay pass all
        relay cut all
        start_posta
    done
    stop_writer
    collect "$LINES_N" -i 20 -T 120
    equals "brokers away, posta killed, both back, 3 times: none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    local max=$((3 * IN_FLIGHT_MAX))
    is_exact && max=0
    check "... at most what was in flight comes twice ($(verdict repeated))" test "$(verdict repeated)" -le "$max"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

new_topic() {
    TOPIC=logs-network-$$-$RANDOM
    "$CLUSTER" topic "$TOPIC" 1
    trouble_config
    sed -i "s/hosts: .*/hosts: [\"${RELAYED//,/\", \"}\"]/" "$DIR/posta.yml"
}

eval "$("$CLUSTER" env)"
start_relay
new_topic
network
new_topic
killed_while_away
