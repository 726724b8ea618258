#!/usr/bin/env bash
# What happens to a topic in a year, under load: it is missing and made later, gets more partitions, the right to write is taken away
# and given back, its limit of a message is lowered and raised, the client is throttled, it is deleted and made again. Nothing is
# lost, order is kept, posta says what is wrong and goes on by itself.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"

# Big messages do not go through because of the topic, not of the client.
LARGE_LINE="seq=LARGE $(head -c 60000 /dev/urandom | base64 -w 0 | head -c 60000)"

test_cleanup() { # the topic's own limits go with the topic
    "$CLUSTER" quota posta none >/dev/null 2>&1
    "$CLUSTER" acl User:CN=posta topic prefixed logs- write,describe >/dev/null 2>&1
}
fresh() { rm -rf "$DIR/log" "$DIR/data" && mkdir "$DIR/log"; }
start() { # TOPIC
    TOPIC=$1
    fresh
    trouble_config
    start_posta_and_wait
}

missing_at_start() {
    start "logs-later-$$-$RANDOM"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 >/dev/null
    check "topic missing: said" until_true 20 log_has "the topic does not exist"
    sleep 1
    "$CLUSTER" topic "$TOPIC" 2
    check "... made later: delivered without a restart" until_true 30 is_delivered 20000
    judge "topic missing at start" 20000 0
    stop_posta
}

rights() {
    "$CLUSTER" admin "revoke User:CN=posta topic prefixed logs- write" insync
    check "right to write taken away: said" until_true 20 log_has "no right to write to the topic"
    sleep 1
    "$CLUSTER" admin "acl User:CN=posta topic prefixed logs- write"
    check "... and given back: goes on by itself" until_true 30 is_moving
}
small_messages() {
    "$CLUSTER" admin "config $TOPIC max.message.bytes=40000"
    until_true 30 is_moving
    echo "$LARGE_LINE" >>"$DIR/log/app.log"
    check "topic takes only small messages: batches are made smaller" until_true 30 log_has "larger than the topic's max.message.bytes"
    check "... and the one that is too large itself is a dead letter" until_true 30 has_counter sender.lines_dead 1
    check "... the others go on" until_true 30 is_moving
    "$CLUSTER" admin "config $TOPIC"
}
throttled() {
    "$CLUSTER" quota posta 300000
    sleep 4
    check "throttled: goes on, slowly" until_true 30 is_moving
    "$CLUSTER" quota posta none
}

under_load() {
    "$CLUSTER" topic "logs-load-$$" 1
    start "logs-load-$$"
    # Not one by one: the large line must not come between two halves.
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100000 -R 4000 -B 2140 >/dev/null &
    local writer=$!
    until_true 20 is_moving
    rights
    throttled
    "$CLUSTER" admin "partitions $TOPIC 4"
    small_messages
    wait "$writer"
    until_true 60 is_delivered 100001
    judge "rights, quota, partitions, limits" 100000 0
    equals "... the dead letter is the large line, whole" 1 "$(grep -cF "$LARGE_LINE" "$DIR/data/dead_letter.ndjson")"
    equals "... and the only one" 1 "$(wc -l <"$DIR/data/dead_letter.ndjson")"
    judge_memory "rights, quota, partitions, limits"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

# What was acknowledged goes with the topic; what was not must be in the new one.
deleted() {
    "$CLUSTER" topic "logs-again-$$" 1
    start "logs-again-$$"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 40000 -R 4000 >/dev/null &
    local writer=$! acked
    until_true 20 is_moving
    "$CLUSTER" admin "delete $TOPIC"
    check "topic deleted: said" until_true 30 log_has "the topic does not exist"
    sleep 1
    acked=$(counter kafka.acked)
    "$CLUSTER" topic "$TOPIC" 3
    wait "$writer"
    check "... made again: goes on without a restart" until_true 60 is_delivered 40000
    collect 40000 -i 2 -T 60 --dump "$DIR/dump"
    equals "... each line that had no acknowledgement is in the new topic, in order" "$(seq "$acked" 39999 | cksum)" \
        "$(grep -oE 'seq=[0-9]+' "$DIR/dump" | cut -d= -f2 | awk -v from="$acked" '$1 >= from' | cksum)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

eval "$("$CLUSTER" env)"
missing_at_start
under_load
deleted
