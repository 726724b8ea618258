#!/usr/bin/env bash
# Brokers in a year, under load: the leader moves again and again, a broker hangs for longer than an answer is
# waited for, brokers are restarted in order, all are away for so long that posta makes a new connection again and again. None lost,
# order kept, memory bounded; nothing comes twice but where librdkafka's instance was given up. MODE=exactly_once: nothing at all.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"
IN_FLIGHT_MAX=8192 # places in the sender's window
AWAY_SECONDS=${AWAY_SECONDS:-12} RESTARTED=${RESTARTED:-$((1 + RANDOM % 3))}

test_cleanup() { "$CLUSTER" start >/dev/null 2>&1; }

leader_moves() {
    local i order=("1,2,3" "2,3,1" "3,1,2")
    for ((i = 0; i < 12; i++)); do
        "$CLUSTER" leader "$TOPIC" 0 "${order[i % 3]}" || not_ok "the leader moves"
        sleep "0.$((RANDOM % 4))"
    done
    check "the leader moved 12 times: goes on" until_true 30 is_moving
    is_exact || equals "... on the same connections" 1 "$(counter kafka.producers_made)"
}
leader_of() { "$CLUSTER" admin describe | sed -n "s,^$TOPIC/$1 leader \([0-9]\).*,\1,p"; }
hangs() {
    local n
    n=$(leader_of 0)
    "$CLUSTER" pause "$n"
    sleep 10
    check "broker $n hangs for 10 s: said" until_true 10 grep -qE "localhost:2?[0-9]+.*(timed out|no answer in time)" "$LOG"
    check "... goes on with the others" until_true 30 is_moving
    "$CLUSTER" resume "$n"
}
rolling() {
    local n
    for n in $RESTARTED; do
        "$CLUSTER" term "$n"
        "$CLUSTER" startone "$n" 2>/dev/null
    done
    check "broker $RESTARTED restarted in order: goes on" until_true 30 is_moving
}
away() {
    local before
    "$CLUSTER" kill all
    check "all brokers away: said" until_true 30 log_has "no broker can be reached"
    sleep "$AWAY_SECONDS"
    judge_memory "all brokers away for $AWAY_SECONDS s"
    "$CLUSTER" start 2>/dev/null
    MOVING_FROM=
    check "... and back: goes on" until_true 60 is_moving
    before=$(counter sender.lines_delivered)
    sleep 3
    echo "numbers: brokers back after $AWAY_SECONDS s: catches up at $((($(counter sender.lines_delivered) - before) / 3)) lines/s, the log grows by $RATE"
    check "... catches up with the log" until_true 120 has_caught_up
}
has_caught_up() { (($(counter spool.waiting_records) < 20)); }

RATE=4000
eval "$("$CLUSTER" env)"
TOPIC=logs-brokers-$$-$RANDOM
"$CLUSTER" topic "$TOPIC" 1
trouble_config "  stall_timeout: 10s"
start_posta_and_wait
start_writer -r 1048576 -R "$RATE"
until_true 20 is_moving
for scene in leader_moves hangs rolling away; do
    began=$SECONDS
    "$scene"
    echo "# $scene: $((SECONDS - began)) s"
done
stop_writer
until_true 120 is_delivered "$LINES_N" || not_ok "everything is delivered in the end"
replaced=$(($(counter kafka.producers_made) - 1))
judge "moves, hangs, restarts, all away" "$LINES_N" $((replaced * IN_FLIGHT_MAX))
echo "numbers: $LINES_N lines, $(verdict repeated) came twice, $replaced instances of librdkafka replaced"
judge_memory "moves, hangs, restarts, all away"
stop_posta
equals "... SIGTERM ends with status 0" 0 $?
says "... nothing is left behind" "everything is delivered" "$LOG"
