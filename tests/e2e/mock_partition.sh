#!/usr/bin/env bash
# A partition without a leader: with partition.*.reachable_only nothing waits for it, once that is known; without, its events wait in
# the spool and arrive when it has one.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
TOPIC=events
start_broker events:3

N=0
lines() { # COUNT TAG
    local end=$((N + $1))
    for (( ; N < end; N++)); do echo "seq=$N $2"; done >>"$DIR/log/app.log"
}
arrived() { # TAG: how many
    "$TOOLS/records" -b "$BOOTSTRAP" -t events -T 1 | grep -c " $1\""
}

# ---- reachable_only ----

lines 1 first
mock_config "" "  partition.random: {reachable_only: true}"
start_posta_and_wait
check "a first line arrives: leaders are known" until_true 20 log_has "kafka.acked=1"
broker leader events 1 -1
until_true 10 grep -q '^ok leader' "$DIR/brokerd.log" || not_ok "the partition has lost its leader"
# Some go the old way, and their refusal tells. Then all 30 of a round arrive, which by chance would be one in 190,000.
round=0
all_of_a_round() {
    lines 30 "round-$((++round))"
    until_true 2 eval "[[ \$(arrived round-$round) == 30 ]]"
}
check "soon nothing waits for the partition" until_true 40 all_of_a_round
broker leader events 1 1
stop_posta
equals "with a leader again all is delivered" 0 $?
says "and nothing is left" "sender.lines_delivered=$N" "$LOG"

# ---- without ----

rm -rf "$DIR/data" "$DIR/log/app.log"
broker leader events 1 -1
mock_config "" "  partition.round_robin: {}"
lines 60 turn
start_posta_and_wait
check "without it two thirds are delivered" until_true 20 log_has "kafka.acked=40"
check "and the rest waits" until_true 20 log_has "kafka.in_flight=20"
broker leader events 1 1
check "until there is a leader" until_true 30 log_has "sender.lines_delivered=60"
stop_posta
equals "posta stops with all delivered" 0 $?
