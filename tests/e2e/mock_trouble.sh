#!/usr/bin/env bash
# Trouble that needs more than one thing to happen: a stuck cluster while the log goes on, a batch refused as a whole, an event
# larger than the buffer, files moved between folders, folders made again, one folder under two names, stopping under load.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-stall:1 logs-batch:1 logs-big:1 logs-stop:1

fresh() { # TOPIC
    TOPIC=${1:-none}
    rm -rf "$DIR/log" "$DIR/data" "$DIR/out"
    mkdir "$DIR/log"
    : >"$LOG"
}
console_config() { # PATHS_YAML [EXTRA]
    printf 'path.data: %s/data\nfilebeat.inputs:\n  - type: filestream\n    id: one\n    paths: %s\n%s\noutput.console.enabled: true\n' \
        "$DIR" "$1" "${2:-}" >"$DIR/posta.yml"
}
start_console() {
    "$POSTA" -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG" &
    PID=$!
    until_true 20 log_has "tail: watching" || not_ok "posta is up"
}
messages() { grep -o '"message":"[^"]*"' "$DIR/out" | cut -d'"' -f4 | tr '\n' ' '; }
has_messages() { [[ $(messages) == "$1" ]]; }
drained() { [[ $(grep -o 'sender.lines_delivered=[0-9]*' "$LOG" | tail -n 1) == "sender.lines_delivered=$1" ]]; }

# The queue is full and nothing is acknowledged; lines that keep coming must not keep the watchdog from looking.
stuck_under_load() {
    fresh logs-stall
    mock_config "" "  buffer_bytes: 1MB
  stall_timeout: 10s"
    start_posta_and_wait
    broker down all
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 6000 >/dev/null
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S 6000 -n 100000 -R 50 >/dev/null 2>&1 &
    local writer=$!
    check "stuck while the log goes on: a new connection is made" until_true 40 log_has "no acknowledgement for 10 s"
    kill "$writer"
    broker up all
    stop_posta
}

refused_batch() {
    fresh logs-batch
    mock_config "" "  bulk_flush_frequency: 500ms
  backoff.init: 100ms"
    start_posta_and_wait
    broker error produce MSG_SIZE_TOO_LARGE 1
    for ((i = 0; i < 500; i++)); do echo "line seq=$i"; done >>"$DIR/log/app.log"
    check "a batch refused as too large: all its events are delivered in smaller ones" until_true 30 drained 500
    check "... none of them is a dead letter" test ! -e "$DIR/data/dead_letter.ndjson"
    stop_posta
}

large_event() {
    fresh logs-big
    mock_config "    message_max_bytes: 2MB" "  max_message_bytes: 3000000
  buffer_bytes: 1MB"
    { head -c 1500000 /dev/zero | tr '\0' x; echo; echo "behind it"; } >"$DIR/log/app.log"
    start_posta_and_wait
    check "an event larger than buffer_bytes: it and the next are delivered" until_true 20 drained 2
    stop_posta
}

moved_between_folders() {
    local paths
    for paths in "[\"$DIR/log/arch/*.log\", \"$DIR/log/*.log\"]" "[\"$DIR/log/*.log\", \"$DIR/log/arch/*.log\"]"; do
        fresh
        mkdir "$DIR/log/arch"
        console_config "$paths" "    prospector.scanner.check_interval: 200ms"
        start_console
        printf 'a\nb\n' >"$DIR/log/x.log"
        until_true 20 has_messages "a b "
        mv "$DIR/log/x.log" "$DIR/log/arch/x.log"
        sleep 1 # five looks at the folders
        echo c >>"$DIR/log/arch/x.log"
        check "a file moved between two watched folders goes on, nothing twice" until_true 20 has_messages "a b c "
        stop_posta
    done
}

folder_made_again() {
    fresh
    mkdir "$DIR/log/sub"
    console_config "[\"$DIR/log/sub/*.log\"]" "    prospector.scanner.check_interval: 1h"
    start_console
    rmdir "$DIR/log/sub"
    sleep 0.2
    mkdir "$DIR/log/sub"
    echo found >"$DIR/log/sub/x.log"
    check "a folder removed and made again is found at once, not at the next check_interval" until_true 20 has_messages "found "
    stop_posta
}

two_names_of_a_folder() {
    fresh
    mkdir "$DIR/log/real" && ln -s real "$DIR/log/link"
    console_config "[\"$DIR/log/real/*.log\"]" "  - {type: filestream, id: two, paths: [\"$DIR/log/link/*.txt\"]}"
    start_console
    echo one >"$DIR/log/real/a.log"
    until_true 20 has_messages "one "
    echo two >"$DIR/log/real/a.txt"
    check "one folder under two names: both inputs hear of their files" until_true 8 has_messages "one two "
    stop_posta
}

stop_under_load() {
    fresh logs-stop
    mock_config "" "  bulk_flush_frequency: 20ms"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 1000000 -R 3000 >/dev/null 2>&1 &
    local writer=$!
    broker rtt 20
    collect_live 1000000 -i 4 -T 60 --max-repeats 0
    sleep 2
    stop_posta
    equals "SIGTERM while the log goes on: status 0" 0 $?
    check "... not by the deadline" bash -c "! grep -q 'deadline has passed' '$LOG'"
    start_posta
    sleep 1
    kill "$writer"
    until_true 20 bash -c "kill -0 $COLLECT_PID || true"
    stop_posta
    judge_live
    equals "... and nothing comes twice after the next start" 0 "$(verdict repeated)"
    broker rtt 0
}

stuck_under_load
refused_batch
large_event
moved_between_folders
folder_made_again
two_names_of_a_folder
stop_under_load
broker quit
