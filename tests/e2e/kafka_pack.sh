#!/usr/bin/env bash
# output.kafka.pack: several events in one message. posta is killed and brokers go away under traffic: nothing is lost, order is kept,
# `posta verify` agrees; in transactions nothing comes twice; of a message that is refused only the event goes to the dead letters
# that is the reason; what does not go with it is said.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
LINES_N=${LINES_N:-200000} KILLS=${KILLS:-4}
use_kafka pack
"$CLUSTER" transactions posta. || not_ok "rights can be given"
test_cleanup() { "$CLUSTER" start >/dev/null 2>&1; }

pack_config() { # OUTPUT LINES, indented by 2
    kafka_config
    printf '  pack: 32KB\n%s\n' "${1:-}" >>"$DIR/posta.yml"
}
messages() { # how many there are in the topic
    # shellcheck disable=SC2086 # READER is a list of arguments
    "$TOOLS/records" -b "$BOOTSTRAP" $READER -t "$TOPIC" -n 1000000 -T 5 >"$DIR/messages"
    grep -c '^[0-9]' "$DIR/messages"
}
verified() {
    local rc=0
    verify_as_reader || rc=$?
    tail -n 2 "$DIR/verified" | sed 's/^/# /'
    return $rc
}

# killed NAME MAX_REPEATS OUTPUT_LINES
killed() {
    local i writer
    pack_config "  end_records: true
$3"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$LINES_N" -r 1048576 -R 20000 >"$DIR/writer" 2>&1 &
    writer=$!
    for ((i = 0; i < KILLS; i++)); do
        sleep "$((RANDOM % 2)).$((RANDOM % 10))"
        kill_posta
        start_posta
    done
    "$CLUSTER" kill 2 >/dev/null 2>&1
    sleep 2
    "$CLUSTER" start >/dev/null 2>&1
    wait "$writer"
    collect "$LINES_N" -i 8 -T 90 ${2:+--max-repeats "$2"}
    equals "$1: nothing lost" 0 "$(verdict lost)"
    equals "$1: in order" 0 "$(verdict disordered)"
    equals "$1: every line is an event of its own" 0 "$(verdict bad)"
    stop_posta
    check "$1: posta verify finds nothing missing" verified
}

killed "at least once" "" ""
n=$(messages)
equals "each message ends with a newline, for codecs that wait for one" "$n" "$(grep -c '}\\n$' "$DIR/messages")"
check "several events share a message: $n messages" test "$n" -gt 0 -a "$n" -lt $((LINES_N / 2))
echo "numbers: $LINES_N events in $n messages, $(verdict repeated) came twice"

fresh_kafka pack-once
killed "exactly once" 0 "  delivery: exactly_once
  transaction.interval: 100ms"
equals "exactly once: nothing twice" 0 "$(verdict repeated)"

# ---- one that no broker takes, among others ----

fresh_kafka pack-dead
"$CLUSTER" admin "topic $TOPIC-small 1 3 max.message.bytes=8000" "topic $TOPIC-dead 1 3 max.message.bytes=100000" insync || not_ok "topics can be made"
filler() { head -c "$1" /dev/zero | tr '\0' x; }
{ seq -f 'seq=%.0f' 0 99 && echo "seq=100 $(filler 12000)" && seq -f 'seq=%.0f' 101 199; } >"$DIR/log/app.log"
DEAD=$TOPIC-dead TOPIC=$TOPIC-small
pack_config "  dead_letter.topic: $DEAD
  compression: none"
check "too large for the topic: posta ends with all delivered" timeout 60 "$POSTA" -c "$DIR/posta.yml" --once
collect 200 -i 4 -T 30
equals "... all but one are there" 1 "$(verdict lost)"
equals "... in order" 0 "$(verdict disordered)"
TOPIC=$DEAD
collect 1 -i 4 -T 30 --dump "$DIR/dead"
equals "... that one is in the dead letter topic" "seq=100" "$(grep -oE 'seq=[0-9]+' "$DIR/dead" | sort -u | xargs)"

# ---- what does not go with it ----

TOPIC=$DEAD
while IFS='|' read -r line words; do
    pack_config "  $line"
    equals "refused: $line" 2 "$(status test config -c "$DIR/posta.yml")"
    says "... with why" "output.kafka.pack: $words" "$LOG"
done <<'ROWS'
posta_headers: true|posta_headers speak of one event
codec.format.string: '%{[message]}'|its events must be a line each, which codec.format.string does not promise
codec.json.pretty: true|its events must be a line each, which codec.json.pretty does not promise
max_message_bytes: 20000|is above max_message_bytes (20000): make it smaller
ROWS
