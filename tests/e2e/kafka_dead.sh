#!/usr/bin/env bash
# Events that no broker takes: a record without a key in a compacted topic, one that is too large for its topic, one that no rule is
# for. They go to the dead letter topic with why; what is too large for that too, to the file. At least once, and exactly once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
use_kafka dead

T=$TOPIC
"$CLUSTER" transactions posta-dead
"$CLUSTER" admin "topic $T-a 1 3 cleanup.policy=compact max.message.bytes=8000 compression.type=producer" \
    "topic $T-b 1 3 cleanup.policy=compact max.message.bytes=8000" "topic $T-dead 2 3 max.message.bytes=30000" \
    "topic $T-late 1 3 cleanup.policy=compact" insync || { not_ok "topics can be made"; exit 1; }

records() { # TOPIC COUNT: into $DIR/records
    # shellcheck disable=SC2086 # READER is a list of arguments
    "$TOOLS/records" -b "$BOOTSTRAP" $READER -t "$1" -n "$2" >"$DIR/records"
}
with() { # TOPIC DEAD_TOPIC OUTPUT_LINES...
    local line topic=$1 dead=$2
    shift 2
    { config_head && config_input "$DIR/log/app.log" '    parsers: [{ndjson: {target: ""}}]' &&
        config_kafka "$BOOTSTRAP" "$topic" "$CERT" "$KEY" "$CA"; } | grep -v '^  topic:' >"$DIR/posta.yml"
    for line in "topics: [{topic: $topic, when: {has_fields: [to]}}]" "key: '%{[k]}'" "dead_letter.topic: $dead" \
        "compression: none" "$@"; do echo "  $line" >>"$DIR/posta.yml"; done
}
filler() { head -c "$1" /dev/zero | tr '\0' x; }
lines() {
    local n
    for n in {0..19}; do echo "{\"message\":\"seq=$n\",\"to\":1,\"k\":\"k$n\"}"; done
    echo '{"message":"seq=20 no key","to":1}'
    echo '{"message":"seq=21 for nobody","k":"x"}'
    echo "{\"message\":\"seq=22 $(filler 12000)\",\"to\":1,\"k\":\"large\"}"
    echo "{\"message\":\"seq=23 $(filler 60000)\",\"to\":1,\"k\":\"huge\"}"
    for n in {24..43}; do echo "{\"message\":\"seq=$n\",\"to\":1,\"k\":\"k$n\"}"; done
}
judge() { # NAME TOPIC
    records "$2" 40
    equals "$1: what is good has arrived once" 40 "$(grep -oE 'seq=[0-9]+' "$DIR/records" | sort -u | wc -l)"
    equals "$1: in order" "" "$(grep -oE 'seq=[0-9]+' "$DIR/records" | cut -d= -f2 | sort -nc 2>&1)"
    records "$T-dead" 3
    equals "$1: three in the dead letter topic" "seq=20 seq=21 seq=22" "$(grep -oE 'seq=[0-9]+' "$DIR/records" | sort -u | xargs)"
    check "$1: without a key: why, and from where" grep -qE "posta.reason=Broker: Broker failed to validate record,posta.topic=$2,posta.event_id=[0-9a-f]{32}.*seq=20 " "$DIR/records"
    check "$1: for nobody: why" grep -qE "posta.reason=no rule of output.kafka.topics fits and output.kafka.topic is not set,posta.event_id=[0-9a-f]{32}.*seq=21 " "$DIR/records"
    check "$1: too large: why, and its key" grep -qE $'^[01]\tlarge\t'"posta.reason=Broker: Message size too large,posta.topic=$2,posta.event_id=[0-9a-f]{32}.*seq=22 " "$DIR/records"
    equals "$1: one in the file" "seq=23" "$(grep -oE 'seq=[0-9]+' "$DIR/data/dead_letter.ndjson" | xargs)"
    check "$1: with why" grep -q '^{"reason":"Broker: Message size too large","event":{"@timestamp"' "$DIR/data/dead_letter.ndjson"
}

lines >"$DIR/log/app.log"
with "$T-a" "$T-dead"
check "at least once: posta ends with all delivered" timeout 60 "$POSTA" -c "$DIR/posta.yml" --once
judge "at least once" "$T-a"

# The same topic for dead letters: these have been there before, so that only the other topic is counted.
rm -rf "$DIR/data"
with "$T-b" "$T-dead" "delivery: exactly_once" "transaction.id: posta-dead-$$" "transaction.interval: 100ms"
check "exactly once: posta ends with all delivered" timeout 60 "$POSTA" -c "$DIR/posta.yml" --once
judge "exactly once" "$T-b"
equals "exactly once: nothing twice in its topic" 40 "$(records "$T-b" 40 && wc -l <"$DIR/records")"
equals "and the dead once for each run" 6 "$(records "$T-dead" 6 && wc -l <"$DIR/records")"

# ---- a dead letter topic that comes later ----

rm -rf "$DIR/data"
echo '{"message":"seq=0 no key","to":1}' >"$DIR/log/app.log"
with "$T-late" "$T-missing"
start_posta_and_wait
check "a dead letter topic that is missing is said" until_true 30 log_has "topic $T-missing: "
"$CLUSTER" topic "$T-missing" 1 >/dev/null
check "and when it is there the event goes to it" until_true 40 log_has "kafka.buried=1"
check "and counts as dead" until_true 10 log_has "sender.lines_dead=1"
stop_posta
equals "and posta stops" 0 $?
records "$T-missing" 1
says "with why" "posta.reason=Broker: Broker failed to validate record,posta.topic=$T-late" "$DIR/records"

# ---- exactly once, several partitions, events beside the refused one on their way ----

rm -rf "$DIR/data"
"$CLUSTER" admin "topic $T-m 4 3 max.message.bytes=8000" insync || not_ok "a topic can be made"
{ config_head && config_input "$DIR/log/app.log" && config_kafka "$BOOTSTRAP" "$T-m" "$CERT" "$KEY" "$CA"; } >"$DIR/posta.yml"
printf '  %s\n' "delivery: exactly_once" "transaction.id: posta-dead-$$" "transaction.interval: 100ms" "compression: none" \
    "partition.random: {group_events: 1}" >>"$DIR/posta.yml"
large=$(filler 12000)
for n in {0..7999}; do
    echo "seq=$n"
    ((n % 3000 != 777)) || echo "dead $large"
done >"$DIR/log/app.log"
check "beside others: posta ends with all delivered" bash -c "timeout 120 '$POSTA' -c '$DIR/posta.yml' --once 2>'$LOG'"
records "$T-m" 8000
equals "... each of the others once" "8000 8000" "$(grep -c 'seq=' "$DIR/records") $(grep -oE 'seq=[0-9]+' "$DIR/records" | sort -u | wc -l)"
equals "... the large ones in the file" 3 "$(grep -c '^{"reason":"Broker: Message size too large"' "$DIR/data/dead_letter.ndjson")"
says "... posta says what it refused" "too large" "$LOG"
check "... no transaction was left to its timeout" bash -c "! grep -E 'Message timed out|fenced' '$LOG'"
