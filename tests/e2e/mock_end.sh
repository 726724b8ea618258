#!/usr/bin/env bash
# How posta ends beside its writers: in a pod where both are told to stop together, in one where the writers are gone before,
# on a machine where they stay; with brokers that never come back, what is left is counted to the byte.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker together:3 other-user:3 refused:1 rest:1 gone:1 job:1 stays:1 reopens:1 reloading:3

fresh() { # TOPIC [EXTRA YAML]
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data" "$DIR/termination"
    mkdir "$DIR/log"
    : >"$DIR/termination"
    mock_config
    printf 'shutdown.termination_log: %s\n%s\n' "$DIR/termination" "${2:-}" >>"$DIR/posta.yml"
}
sidecar() { start_posta_and_wait --role sidecar "$@"; }
told_to_stop() { kill -TERM "$PID"; }
ended() { # sets $STATUS
    STATUS=0
    wait "$PID" || STATUS=$?
    PID=
    ledger_balances end
}

# As an ordinary container: SIGTERM comes to posta while the writer has two more seconds to go.
together() {
    fresh together
    sidecar
    collect_live 8000 -i 30 -T 60
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 8000 -R 2500 -r 50000 >/dev/null &
    local writer=$!
    sleep 1
    told_to_stop
    check "together: posta goes on while there is a writer" alive_with "$writer"
    wait "$writer"
    ended
    judge_live
    equals "together: ended with status 0" 0 "$STATUS"
    equals "together: nothing is lost" 0 "$(verdict lost)"
    equals "together: in order" 0 "$(verdict disordered)"
    says "together: posta knows that no writer is left" "no writer is left" "$LOG"
    check "together: nothing is left, nothing is said about it" test ! -s "$DIR/termination"
}
alive_with() { sleep 0.5 && kill -0 "$1" && kill -0 "$PID"; }

# As another user, who is refused leases: a close that was seen stands for them.
other_user() {
    if ((EUID != 0)) || ! command -v setpriv >/dev/null; then
        skip "other user: nothing is lost" "needs root and setpriv"
        return
    fi
    fresh other-user "shutdown.deadline: 15s"
    mkdir "$DIR/data"
    chmod 0755 "$DIR" "$DIR/log" && chown 65534 "$DIR/data" "$DIR/termination" && chmod 0644 "$DIR/posta.yml"
    local posta=$POSTA
    cp "$POSTA" "$DIR/posta"
    POSTA="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all $DIR/posta"
    ledger_balances
    : >"$LOG"
    # shellcheck disable=SC2086 # words
    $POSTA -c "$DIR/posta.yml" --role sidecar 2>>"$LOG" &
    PID=$!
    until_true 20 log_has "tail: watching" || not_ok "other user: posta is up"
    collect_live 5000 -i 30 -T 60
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 5000 -R 2500 >/dev/null &
    local writer=$!
    sleep 0.7
    told_to_stop
    wait "$writer"
    ended
    judge_live
    POSTA=$posta
    equals "other user: ended with status 0" 0 "$STATUS"
    equals "other user: nothing is lost" 0 "$(verdict lost)"
    says "other user: posta knows that no writer is left" "no writer is left" "$LOG"
}

# A log that posta may not open is not forgotten at the end.
refused() {
    if ((EUID != 0)) || ! command -v setpriv >/dev/null; then
        skip "refused: it is counted at the end" "needs root and setpriv"
        return
    fi
    fresh refused
    printf 'http: {enabled: true, host: "unix://%s/data/s.sock"}\n' "$DIR" >>"$DIR/posta.yml"
    mkdir "$DIR/data"
    chmod 0755 "$DIR" "$DIR/log" && chown 65534 "$DIR/data" "$DIR/termination" && chmod 0644 "$DIR/posta.yml"
    seq 1000 >"$DIR/log/app.log" && chmod 0600 "$DIR/log/app.log"
    cp "$POSTA" "$DIR/posta"
    : >"$LOG"
    setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
        "$DIR/posta" -c "$DIR/posta.yml" --role sidecar 2>>"$LOG" &
    PID=$!
    until_true 20 log_has "tail: watching" || not_ok "refused: posta is up"
    equals "refused: not ready, and why" "503 input app: 1 log is not read: open $DIR/log/app.log: Permission denied" "$(ask /readyz)"
    says "refused: a metric" 'posta_input_files_refused{input="app"} 1' <(ask /metrics)
    seq 10 >"$DIR/log/app.log.new" && chmod 0644 "$DIR/log/app.log.new" && mv "$DIR/log/app.log.new" "$DIR/log/app.log"
    check "refused: another in its place can be opened, and all is well" until_true 10 is_ready "200 ok"
    seq 500 >"$DIR/log/app.log.new" && chmod 0600 "$DIR/log/app.log.new" && mv "$DIR/log/app.log.new" "$DIR/log/app.log"
    check "refused: one later on is said, and posta is ready" until_true 10 is_ready "200 ok: input app: 1 log is not read: .*"
    told_to_stop
    ended
    equals "refused: it is counted at the end" 4 "$STATUS"
    says "refused: to the byte" "$(wc -c <"$DIR/log/app.log") bytes of the logs are not read" "$DIR/termination"
}
ask() { "$TOOLS/httpask" "$DIR/data/s.sock" get "$1" | sed -n '1s/HTTP[^ ]* \([0-9]*\).*/\1/p; 1,/^\r*$/d; p' | tr '\n' ' ' | sed 's/ $//'; } # PATH
is_ready() { [[ $(ask /readyz) =~ ^$1$ ]]; }

# What the last writer left without a newline is a line; so is what multiline holds back.
rest() {
    fresh rest
    mock_config '    parsers: [{multiline: {pattern: "^ ", match: after}}]'
    sidecar
    printf 'first\n and more\nlast' >"$DIR/log/app.log"
    until_true 10 log_has "tail.bytes_read=16" || sleep 1
    told_to_stop
    ended
    "$TOOLS/collect" -b "$BOOTSTRAP" -t rest -i 2 -T 20 --raw "$DIR/raw" >/dev/null 2>&1
    equals "rest: ended with status 0" 0 "$STATUS"
    equals "rest: all is delivered" 'first\n and more|last' "$(jq -r .message "$DIR/raw" | sed 's/^first$/first\\n and more/; /^ and more$/d' | paste -sd'|')"
}

# The deadline: a writer that does not end does not keep posta.
stays() {
    fresh stays "shutdown.deadline: 4s"
    sidecar
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 1000000 -R 100 >/dev/null &
    local writer=$!
    sleep 1
    told_to_stop
    ended
    check "a writer that stays: it was there to the end" kill "$writer"
    says "a writer that stays: said, by name" "app.log: what is written from now on is not read" "$LOG"
    equals "a writer that stays: the status tells" 4 "$STATUS"
    says "a writer that stays: so does the termination message" "1 files were still written to" "$DIR/termination"
}

# A writer that opens its log for each few lines: between two it is not seen, and not over.
reopens() {
    fresh reopens
    sidecar
    local i
    for ((i = 0; i < 20; i++)); do
        "$TOOLS/linewriter" -f "$DIR/log/app.log" -S $((i * 50)) -n 50 >/dev/null
        sleep 0.1
    done &
    local writer=$!
    sleep 0.5
    told_to_stop
    wait "$writer"
    ended
    equals "a writer that reopens: ended with status 0" 0 "$STATUS"
    collect 1000 -i 2 -T 30
    equals "a writer that reopens: nothing is lost" 0 "$(verdict lost)"
}

# Told to stop while another configuration waits for brokers that are away.
reloading() {
    fresh reloading
    sidecar
    collect_live 6000 -i 30 -T 60
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 6000 -R 1500 -r 50000 >/dev/null &
    local writer=$!
    sleep 1
    broker down all
    until_true 20 log_has "no broker can be reached" || not_ok "reloading: the brokers are away"
    echo "tags: [another]" >>"$DIR/posta.yml"
    kill -HUP "$PID"
    until_true 10 log_has "read again, and taken" || not_ok "reloading: the configuration is taken"
    told_to_stop
    sleep 1
    broker up all
    wait "$writer"
    ended
    judge_live
    equals "told to stop during a reload: status 0" 0 "$STATUS"
    equals "told to stop during a reload: nothing is lost" 0 "$(verdict lost)"
    equals "told to stop during a reload: the next one follows the writers" 1 "$(grep -c 'no writer is left' "$LOG")"
}

# The brokers are gone for good.
gone() { # ROLE STATUS
    fresh gone "shutdown.deadline: 3s"
    start_posta_and_wait --role "$1"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100 >/dev/null
    until_true 20 log_has "sender.lines_delivered=100" || not_ok "$1: the first lines are delivered"
    broker down all
    until_true 20 log_has "no broker can be reached" || not_ok "$1: the brokers are away"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S 100 -n 4321 >/dev/null
    told_to_stop
    ended
    equals "gone for good, $1: exit status" "$2" "$STATUS"
    says "gone for good, $1: exactly what is left" "4321 lines ($((4321 * 214)) bytes) that were read are not delivered" "$DIR/termination"
    broker up all
    sidecar
    check "gone for good, $1: not for good: the next start delivers them" until_true 30 log_has "sender.lines_delivered=4321"
    told_to_stop
    ended
    equals "gone for good, $1: then the end is in order" 0 "$STATUS"
}

# The writers are gone before, as in a Job with a native sidecar: no waiting.
job() {
    fresh job "shutdown.deadline: 60s"
    sidecar
    collect_live 20000 -i 30 -T 60
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 -r 50000 >/dev/null
    told_to_stop
    ended
    judge_live
    equals "a job: ended with status 0" 0 "$STATUS"
    equals "a job: nothing is lost" 0 "$(verdict lost)"
}

together
other_user
refused
rest
stays
reopens
reloading
gone sidecar 4
gone host 0
job
