#!/usr/bin/env bash
# The whole program against the in-process broker: brokers away and back, posta killed again and again, errors pushed by the
# broker, an event that is too large, --once. Runs under the sanitizers too.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-away:4 logs-errors:4 logs-large:4 logs-rename:4 logs-managed:4 logs-full:4

fresh() { # TOPIC
    TOPIC=${1:-none}
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
    : >"$LOG"
}

brokers_away() {
    fresh logs-away
    mock_config
    start_posta_and_wait
    collect_live 60000 -i 30 -T 120 --max-repeats 0
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 60000 -R 15000 -r 512000 >/dev/null &
    local writer=$!
    sleep 1
    broker down all
    check "brokers away: posta says so" until_true 10 log_has "no broker can be reached"
    broker up all
    wait "$writer"
    judge_live
    equals "brokers away and back: none lost" 0 "$(verdict lost)"
    equals "... none twice" 0 "$(verdict repeated)"
    equals "... in order" 0 "$(verdict disordered)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

produce_errors() {
    fresh logs-errors
    mock_config
    start_posta_and_wait
    broker error produce NOT_LEADER_FOR_PARTITION 3
    broker error produce REQUEST_TIMED_OUT 2
    collect_live 20000 -i 30 -T 120
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 -R 20000 >/dev/null
    judge_live
    equals "errors that pass: none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    stop_posta
}

too_large() {
    fresh logs-large
    mock_config "    message_max_bytes: 64KB" "  max_message_bytes: 20000"
    { head -c 30000 /dev/zero | tr '\0' x; echo; echo "small"; } >"$DIR/log/app.log"
    "$POSTA" --once -c "$DIR/posta.yml" 2>>"$LOG"
    equals "too large an event: posta goes on and ends with status 0" 0 $?
    equals "too large an event: is in the dead letter file, whole" 1 "$(grep -c '"reason":.*x\{30000\}' "$DIR/data/dead_letter.ndjson")"
    says "too large an event: counted" "sender.lines_dead=1" "$LOG"
    says "too large an event: the next one is delivered" "sender.lines_delivered=1" "$LOG"
}

killed() { # NAME WRITER_ARGS...
    local name=$1 i
    shift
    start_posta_and_wait
    collect_live 100000 -i 30 -T 200
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100000 -R 12000 "$@" >/dev/null &
    local writer=$!
    for ((i = 0; i < 20; i++)); do
        sleep "0.$((RANDOM % 5))"
        kill_posta
        start_posta
    done
    wait "$writer"
    judge_live
    echo "# $(cat "$DIR/verdict")"
    equals "$name: killed 20 times, none lost" 0 "$(verdict lost)"
    equals "$name: ... in order" 0 "$(verdict disordered)"
    equals "$name: ... no event broken" 0 "$(verdict bad)"
    stop_posta
    equals "$name: ... SIGTERM ends with status 0" 0 $?
}

# The spool's limit is reached while the brokers are away: reading stops, the log keeps the lines, all of them arrive later.
spool_full() {
    fresh logs-full
    mock_config "    message_max_bytes: 64KB" "queue.disk: {max_size: 2MB}"
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 40000 -r 1000000 >/dev/null
    check "spool full: said" until_true 20 log_has "is full"
    sleep 1
    check "spool full: stays below its limit" test "$(du -sb "$DIR/data/spool" | cut -f1)" -le 2200000
    collect_live 40000 -i 30 -T 120 --max-repeats 0
    broker up all
    judge_live
    equals "spool full: every line arrives when the brokers are back" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    sleep 0.5 # the last verdicts
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    says "... and says that nothing is left" "stopped; everything is delivered" "$LOG"
}

once() {
    fresh
    { config_head && config_input "$DIR/log/*.log" && echo "output.console.enabled: true"; } >"$DIR/posta.yml"
    printf 'one\ntwo\r\nlast without newline' >"$DIR/log/a.log"
    printf 'three\n\n' >"$DIR/log/b.log"
    "$POSTA" --once -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG"
    equals "--once: status 0" 0 $?
    equals "--once: every line, empty ones and the unfinished last one too" \
        '"" "last without newline" "one" "three" "two"' \
        "$(grep -o '"message":"[^"]*"' "$DIR/out" | cut -d: -f2 | sort | tr '\n' ' ' | sed 's/ $//')"
    "$POSTA" --once -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG"
    equals "--once again: nothing twice" 0 "$(wc -l <"$DIR/out")"
    printf 'four\n' >>"$DIR/log/b.log"
    "$POSTA" --once -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG"
    equals "--once after more was written: only that" '"message":"four"' "$(grep -o '"message":"[^"]*"' "$DIR/out")"
}

once
brokers_away
produce_errors
too_large
spool_full
fresh logs-rename && mock_config
killed "rotated by rename" -r 256000
fresh logs-managed && mock_config "$(config_managed "$DIR/log/app.pid")"
killed "rotated by posta" -p "$DIR/log/app.pid"
broker quit
