#!/usr/bin/env bash
# queue.mem: lines wait in their files. The brokers go away, posta is killed, files are many: nothing is lost, and nothing of
# the logs is on the disk.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-away:1 logs-kills:1 logs-managed:1 logs-many:1 logs-switch:1

fresh() { # TOPIC
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
}
memory_config() { # [INPUT_EXTRA] [PATH]
    { config_head && config_input "${2:-$DIR/log/app.log}" "${1:-}" && config_kafka "$BOOTSTRAP" "$TOPIC" &&
        echo "queue.mem: {max_size: 1MB}"; } >"$DIR/posta.yml"
}
spool_bytes() { du -sb "$DIR/data/spool" | cut -f1; }

brokers_away() {
    fresh logs-away
    memory_config
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 40000 -r 100000000 >/dev/null
    sleep 1
    check "brokers away: nothing of the logs is on the disk ($(spool_bytes) bytes)" test "$(spool_bytes)" -lt 100000
    check "... and that is not said to be a fault" bash -c "! grep -q 'reading stops' '$LOG'"
    kill_posta
    start_posta
    collect_live 40000 -i 30 -T 120 --max-repeats 0
    broker up all
    judge_live
    equals "... then posta killed, then both back: every line arrives" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    equals "... none twice: nothing was delivered when it was killed" 0 "$(verdict repeated)"
    sleep 0.5
    kill_posta
    start_posta_and_wait
    sleep 0.5
    stop_posta
    equals "... killed when idle, nothing is sent again" 0 "$(grep -c 'lines_sent=[1-9]' "$LOG")"
}

killed() {
    fresh logs-kills
    memory_config
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 200000 -r 100000000 -R 60000 >/dev/null &
    local writer=$! i
    collect_live 200000 -i 15 -T 120
    for ((i = 0; i < 20; i++)); do
        sleep 0.1$((RANDOM % 100))
        kill_posta
        start_posta
    done
    wait "$writer"
    judge_live
    equals "killed 20 times: none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    # each kill: what was under way, and a tenth of a second
    check "... repeats are bounded ($(verdict repeated))" test "$(verdict repeated)" -le $((20 * (8192 + 12000)))
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

# A generation goes when it is delivered, not before.
rotated_by_posta() {
    fresh logs-managed
    memory_config "$(config_managed "$DIR/log/app.pid")"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100000 -p "$DIR/log/app.pid" -R 40000 >/dev/null &
    local writer=$! i
    collect_live 100000 -i 15 -T 120
    for ((i = 0; i < 5; i++)); do
        sleep 0.3
        kill_posta
        start_posta
    done
    broker down all
    sleep 0.5
    broker up all
    wait "$writer"
    judge_live
    equals "rotated by posta, killed 5 times, brokers away: none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    check "... it was rotated" test -e "$DIR/log/app.log.1"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

many_files() {
    fresh logs-many
    local i
    "$TOOLS/linewriter" -f "$DIR/all" -n 30000 -r 100000000 >/dev/null
    split -n l/300 -a 3 -d "$DIR/all" "$DIR/log/part."
    memory_config "" "$DIR/log/part.*"
    start_posta
    collect_live 30000 -i 10 -T 60 --max-repeats 0 --allow-disorder
    judge_live
    equals "300 files: every line arrives" 0 "$(verdict lost)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    : >"$LOG"
    "$POSTA" --once -c "$DIR/posta.yml" 2>>"$LOG"
    equals "... and nothing again after a restart" 0 "$(grep -c 'lines_sent=[1-9]' "$LOG")"
}

# What a spool on disk has left is delivered after the change to queue.mem, and the other way round nothing comes again.
switched() {
    fresh logs-switch
    mock_config
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 10000 -r 100000000 >/dev/null
    sleep 0.5
    stop_posta
    memory_config
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S 10000 -n 10000 -r 100000000 >/dev/null
    collect_live 30000 -i 10 -T 60 --max-repeats 0
    broker up all
    check "from queue.disk to queue.mem: both parts are delivered" until_true 20 bash -c "[[ \$(grep -o 'sender.lines_delivered=[0-9]*' '$LOG' | tail -n 1) == sender.lines_delivered=20000 ]]"
    stop_posta
    mock_config
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S 20000 -n 10000 -r 100000000 >/dev/null
    judge_live
    equals "... and back: none lost" 0 "$(verdict lost)"
    equals "... none twice" 0 "$(verdict repeated)"
    equals "... in order" 0 "$(verdict disordered)"
    stop_posta
    equals "... no record is missed" 0 "$(grep -c 'missing_records' "$LOG")"
}

brokers_away
killed
rotated_by_posta
many_files
switched
broker quit
