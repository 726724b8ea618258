#!/usr/bin/env bash
# A configuration that is wrong, at the start and while posta runs: a sidecar keeps lines until it is mended, all others stop at
# once; SIGHUP takes a good one without losing or repeating a line, and a wrong one not at all.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker cert:1 key:1 yaml:1 half:1 hup:1 spool:1 port:1 copy:3

fresh() { # TOPIC
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data" "$DIR/termination"
    mkdir "$DIR/log"
    : >"$DIR/termination"
    good
    cp "$DIR/good.yml" "$DIR/posta.yml"
}
good() {
    mock_config
    printf 'shutdown.termination_log: %s\n' "$DIR/termination" >>"$DIR/posta.yml"
    mv "$DIR/posta.yml" "$DIR/good.yml"
}
mend() { cp "$DIR/good.yml" "$DIR/new.yml" && mv "$DIR/new.yml" "$DIR/posta.yml"; }
write_lines() { "$TOOLS/linewriter" -f "$DIR/log/app.log" "$@" >/dev/null; }
starts_degraded() { # NAME TROUBLE [HOW]
    ledger_balances
    : >"$LOG"
    start_posta --role sidecar
    check "$1: a sidecar runs, and says what is wrong" until_true 20 log_has "NOTHING IS DELIVERED, ${3:-lines are kept}: $2"
}
# The configuration was mended while posta runs: it finds that by itself.
comes_back() { # NAME LINES
    local pid=$PID
    check "$1: when it is mended all is delivered" until_true 30 log_has "sender.lines_delivered=$2"
    check "$1: by the same process" kill -0 "$pid"
    stop_posta
    equals "$1: ended with status 0" 0 $?
    "$TOOLS/collect" -b "$BOOTSTRAP" -t "$TOPIC" -n "$2" -i 2 -T 20 >"$DIR/collect" 2>&1
    tail -n 1 "$DIR/collect" >"$DIR/verdict"
    equals "$1: none is lost, none comes twice" "0 0" "$(verdict lost) $(verdict repeated)"
}
others_stop() { # NAME STATUS
    equals "$1: on a host, status $2" "$2" "$(status -c "$DIR/posta.yml")"
    check "$1: ... and the reason is left" test -s "$DIR/termination"
}

certificate() {
    fresh cert
    printf '  ssl.certificate_authorities: ["%s"]\n' "$DIR/ca.pem" >"$DIR/more"
    sed -i "/^output.kafka:/r $DIR/more" "$DIR/posta.yml"
    starts_degraded certificate "output.kafka"
    write_lines -n 3000 -r 50000
    check "certificate: lines are kept" until_true 20 log_has "spool.bytes_in=642000"
    mend
    comes_back certificate 3000
    sed -i "/^output.kafka:/r $DIR/more" "$DIR/posta.yml"
    equals "certificate: on a host, status 2" 2 "$(status -c "$DIR/posta.yml")"
}

unknown_key() {
    fresh key
    sed -i 's/^  topic:/  topik: x\n  topic:/' "$DIR/posta.yml"
    others_stop "unknown key" 1
    starts_degraded "unknown key" "$DIR/posta.yml:"
    write_lines -n 500
    until_true 20 log_has "spool.bytes_in=107000" || not_ok "unknown key: lines are kept"
    mend
    kill -HUP "$PID"
    comes_back "unknown key" 500
}

broken_yaml() {
    fresh yaml
    echo "tags: [" >>"$DIR/posta.yml"
    equals "broken YAML: on a host, status 1" 1 "$(status -c "$DIR/posta.yml" --path.data "$DIR/data")"
    ledger_balances
    : >"$LOG"
    start_posta --role sidecar --path.data "$DIR/data"
    check "broken YAML: a sidecar runs" until_true 20 log_has "NOTHING IS DELIVERED, AND NOTHING IS READ"
    check "broken YAML: with its spool where it belongs" test -s "$DIR/data/spool/lock"
    write_lines -n 200
    mend
    comes_back "broken YAML" 200
}

# One input cannot be used, the other is followed.
half() {
    fresh half
    sed -i "s|^output.kafka:|  - {type: filestream, id: bad, paths: [$DIR/log/other.log], rotation.mode: managed}\n&|" "$DIR/posta.yml"
    starts_degraded "one bad input" "$DIR/posta.yml:" "lines are kept, but not those of inputs with an error"
    write_lines -n 300
    check "one bad input: lines of the other are kept" until_true 20 log_has "spool.bytes_in=64200"
    mend
    comes_back "one bad input" 300
}

# While lines are written, three times another configuration and three times a wrong one.
hup() {
    local i
    fresh hup
    start_posta_and_wait
    local pid=$PID
    collect_live 20000 -i 30 -T 60 --max-repeats 0
    write_lines -n 20000 -R 3000 -r 50000 &
    local writer=$!
    for ((i = 1; i <= 3; i++)); do
        sleep 0.7
        echo "no_such_key: 1" >>"$DIR/posta.yml"
        kill -HUP "$PID"
        check "SIGHUP: a wrong one is refused, $i" until_true 10 counts "read again and wrong, the old one stays: $DIR/posta.yml:" "$i"
        sleep 0.3
        { cat "$DIR/good.yml" && echo "tags: [round-$i]"; } >"$DIR/posta.yml"
        kill -HUP "$PID"
        check "SIGHUP: a good one is taken, $i" until_true 10 counts "tail: watching" $((i + 1))
    done
    wait "$writer"
    judge_live
    check "SIGHUP: it is the same process" kill -0 "$pid"
    stop_posta
    equals "SIGHUP: ended with status 0" 0 $?
    equals "SIGHUP: none is lost, none comes twice, in order" "0 0 0" "$(verdict lost) $(verdict repeated) $(verdict disordered)"
}
counts() { (($(grep -cF -- "$1" "$LOG") >= $2)); }

# What passes every check and cannot be started after all: the old one goes on.
cannot_start() {
    local other=$((20000 + RANDOM % 10000))
    fresh port
    printf 'http: {enabled: true, host: "unix://%s"}\n' "$DIR/http" >>"$DIR/posta.yml"
    start_posta_and_wait
    sed -i '/^http:/d' "$DIR/posta.yml"
    "$TOOLS/badweb" "$other" mute >/dev/null 2>&1 &
    sleep 0.3
    printf 'http: {enabled: true, port: %s}\n' "$other" >>"$DIR/posta.yml"
    kill -HUP "$PID"
    check "cannot start: it is said, and the old one goes on" until_true 20 log_has "cannot be started, the old one goes on"
    check "cannot start: its metric says so" until_true 20 not_taken
    write_lines -n 100
    check "cannot start: it delivers" until_true 20 log_has "sender.lines_delivered=100"
    stop_posta
    equals "cannot start: ended with status 0" 0 $?
}

not_taken() { "$TOOLS/httpask" "$DIR/http" get /metrics | grep -q '^posta_config_last_reload_successful 0'; }

# With the spool full and the brokers away, a log that is deleted is only to be had through the open file: a change waits for it.
only_copy() {
    fresh copy
    printf 'queue.disk: {max_size: 1MB, segment_size: 64KB}\n' >>"$DIR/posta.yml"
    sed -i 's/^    id: app/&\n    message_max_bytes: 64KB/' "$DIR/posta.yml"
    broker down all
    start_posta_and_wait
    collect_live 10000 -i 30 -T 90
    write_lines -n 10000
    until_true 20 log_has "is full" || not_ok "only copy: the spool is full"
    rm "$DIR/log/app.log"
    kill -HUP "$PID"
    check "only copy: the change waits" until_true 20 log_has "the new configuration waits for that"
    broker up all
    check "only copy: and comes" until_true 60 counts "tail: watching" 2
    judge_live
    stop_posta
    equals "only copy: nothing is lost" 0 "$(verdict lost)"
}

# Not even a spool: a sidecar stays, and goes when it is told to.
no_spool() {
    fresh spool
    : >"$DIR/data"
    equals "no spool: on a host, status 2" 2 "$(status -c "$DIR/posta.yml")"
    : >"$LOG"
    start_posta --role sidecar
    check "no spool: a sidecar stays, and says it" until_true 20 log_has "NOTHING IS READ OR DELIVERED"
    kill -TERM "$PID"
    wait "$PID"
    equals "no spool: ... until it is told to stop" 2 $?
    check "no spool: ... and leaves the reason" test -s "$DIR/termination"
    PID=
}

certificate
unknown_key
broken_yaml
half
hup
cannot_start
only_copy
no_spool
