#!/usr/bin/env bash
# delivery: exactly_once. posta is killed by SIGKILL again and again while lines are written and rotated: who reads what is committed
# sees each line once and in order. A twin with the same data folder is told apart from a posta that slept through its transaction.
# The place stored in Kafka is removed by hand. Rights are missing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
LINES_N=${LINES_N:-200000}
KILLS=${KILLS:-8}

use_kafka once
"$CLUSTER" transactions posta. || not_ok "rights can be given"
kadmin() { # COMMAND...: as CN=admin
    "$TOOLS/kadmin" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$CA" -X "ssl.certificate.location=$PKI/admin.pem" \
        -X "ssl.key.location=$PKI/admin.key" "$@"
}
once_config() { # EXTRA YAML LINES indented by 2
    kafka_config
    printf '  delivery: exactly_once\n  transaction.interval: 100ms\n%s\n' "${1:-}" >>"$DIR/posta.yml"
}
line() { printf 'line seq=%d\n' "$1" >>"$DIR/log/app.log"; }
delivered() { grep -oE 'sender.lines_delivered=[0-9]+' "$LOG" | tail -n 1 | grep -q "=$1\$"; }
judged() { # NAME EXPECTED REPEATS_MAX
    collect "$2" -i 4 -T 30
    equals "$1: nothing lost" 0 "$(verdict lost)"
    equals "... nothing twice" 0 "$(verdict repeated)"
    equals "... in order" 0 "$(verdict disordered)"
}

killed() {
    once_config "  end_records: true"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$LINES_N" -r 1048576 -R 20000 >"$DIR/writer" 2>&1 &
    local writer=$! i rc=0
    for ((i = 0; i < KILLS; i++)); do
        sleep "$((RANDOM % 2)).$((RANDOM % 10))"
        kill_posta
        sleep "0.$((RANDOM % 3))"
        start_posta
    done
    wait "$writer"
    judged "killed $KILLS times" "$LINES_N"
    stop_posta
    verify_as_reader || rc=$?
    equals "... posta verify agrees: status 0" 0 "$rc"
    tail -n 3 "$DIR/verified" | sed 's/^/# /'
}

# Longer away than its transaction may be open: the brokers abort it as if there were a twin, and there is none.
slept() {
    local ABORTED='transactions_aborted=[1-9]'
    fresh_kafka slept
    once_config "  transaction.timeout: 1s"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 60000 -R 5000 >"$DIR/writer" 2>&1 &
    local writer=$! naps
    sleep 1.5
    for ((naps = 0; naps < 5; naps++)); do # one that falls between two transactions aborts none
        kill -STOP "$PID"
        sleep 4 # the tests' brokers look for such transactions every second
        kill -CONT "$PID"
        sleep 1.$((RANDOM % 10))
        ! grep -qE "$ABORTED" "$LOG" || break
    done
    wait "$writer"
    judged "asleep for longer than transaction.timeout" 60000
    check "... it was aborted" grep -qE "$ABORTED" "$LOG"
    check "... not taken for a twin" bash -c "! grep -q 'another posta delivers' '$LOG'"
    stop_posta
}

twin() {
    fresh_kafka twin
    once_config
    start_posta_and_wait
    line 0
    check "one of two: the first delivers" until_true 20 delivered 1
    cp -r "$DIR/data" "$DIR/data2"
    mkdir -p "$DIR/log2"
    cp "$DIR/log/app.log" "$DIR/log2/app.log"
    sed "s#$DIR/log/#$DIR/log2/#; s#$DIR/data\$#$DIR/data2#" "$DIR/posta.yml" >"$DIR/twin.yml"
    "$POSTA" -c "$DIR/twin.yml" >"$DIR/twin.log" 2>&1 &
    local second=$!
    until_true 20 grep -q "kafka.transactions=[1-9]" "$DIR/twin.log" || not_ok "the twin has begun"
    line 1
    check "a twin with a copy of the data folder: the first one is fenced, and says so" until_true 20 log_has "another posta delivers with the id posta."
    printf 'line seq=2\n' >>"$DIR/log2/app.log"
    check "... the other goes on" until_true 20 grep -q "sender.lines_delivered=[12]" "$DIR/twin.log"
    check "... and is not fenced" bash -c "! grep -q 'another posta delivers' '$DIR/twin.log'"
    kill "$second" && wait "$second"
    stop_posta
    : >"$LOG"
    start_posta
    check "started again when the other is gone: it says what it finds" until_true 20 log_has "is not of this posta"
    check "... and delivers what waited" until_true 20 delivered 1
    stop_posta
}

removed() {
    fresh_kafka removed
    once_config
    start_posta_and_wait
    line 0
    until_true 20 delivered 1
    stop_posta
    local id
    id=$(grep -oE '[0-9a-f-]{36}' "$DIR/data/meta.json")
    check "the group is removed by hand" kadmin "forget posta.$id"
    line 1
    : >"$LOG"
    start_posta
    check "... posta says that the place is gone" until_true 20 log_has "no place is stored in Kafka any more"
    check "... and goes on from its own cursor" until_true 20 delivered 1
    stop_posta
    judged "... after that" 2
}

has_committed() { (($(grep -oE 'kafka.transactions=[0-9]+' "$LOG" | tail -n 1 | cut -d= -f2) >= $1)); }
idle() {
    fresh_kafka idle
    once_config "  transaction.refresh: 1s"
    start_posta_and_wait
    line 0
    until_true 20 delivered 1
    local before
    before=$(grep -oE 'kafka.transactions=[0-9]+' "$LOG" | tail -n 1 | cut -d= -f2)
    check "with nothing to send the place is stored anew" until_true 20 has_committed $((before + 3))
    stop_posta
    judged "... nothing else is" 1
}

no_right() {
    fresh_kafka right
    once_config
    equals "test output: transactions can be made" 0 "$(status test output -c "$DIR/posta.yml")"
    says "... and it says so" "transactions as posta." "$LOG"
    once_config "  transaction.id: other.id"
    line 0
    equals "test output without the right" 2 "$(status test output -c "$DIR/posta.yml")"
    says "... says which one is missing" "needs WRITE and DESCRIBE on the transactional id" "$LOG"
    : >"$LOG"
    start_posta -E shutdown.deadline=100ms
    check "no right to the transactional id: it says which right is missing" until_true 20 log_has "needs WRITE and DESCRIBE on the transactional id"
    equals "... and goes on trying" running "$(kill -0 "$PID" && echo running)"
    stop_posta
}

wrong_settings() {
    fresh_kafka settings
    once_config
    equals "queue.mem with exactly_once is refused" 1 "$(status test config -c "$DIR/posta.yml" -E queue.mem.events=100)"
    says "... and why" "exactly_once needs queue.disk" "$LOG"
    equals "so is sync: never" 1 "$(status test config -c "$DIR/posta.yml" -E queue.disk.sync=never)"
}

killed
slept
twin
removed
idle
no_right
wrong_settings
