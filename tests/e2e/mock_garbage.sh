#!/usr/bin/env bash
# A spool's folder full of garbage of every kind: posta starts all the same, says what it found, deletes nothing that is
# not its own, delivers what is written from then on, and starts once more.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
SPOOL=$DIR/data/spool
N=1000

fresh() {
    rm -rf "$DIR/data" "$DIR/log" "$DIR/events"
    mkdir -p "$SPOOL" "$DIR/log"
    { config_head && config_input "$DIR/log/app.log" && echo "output.console.enabled: true" && echo "${1:-}"; } >"$DIR/posta.yml"
}
random_bytes() { head -c "$1" /dev/urandom; }
# make_thing KIND PATH
make_thing() {
    case $1 in
    folder) mkdir "$2" ;;
    full_folder) mkdir "$2" && echo something >"$2/else" ;;
    fifo) mkfifo "$2" ;;
    socket) perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' "$2" ;;
    link) ln -s "$DIR/precious" "$2" ;;
    dead_link) ln -s /nowhere/at/all "$2" ;;
    random) random_bytes $((RANDOM * 4)) >"$2" ;;
    zeros) truncate -s $((RANDOM * 4)) "$2" ;;
    empty) : >"$2" ;;
    esac
}
KINDS=(folder full_folder fifo socket link dead_link random zeros empty)
number() { printf '%016x' "$1"; }

events() { grep -c '"message":"line ' "$DIR/events"; }
has_events() { (($(events) >= $1)); }
SLOWEST=0
# Start, write N lines, all come out, stop.
run() { # WHAT FROM
    : >"$LOG"
    local before now took
    touch "$DIR/events"
    before=$(events)
    now=$(date +%s%N)
    "$POSTA" -c "$DIR/posta.yml" >>"$DIR/events" 2>>"$LOG" &
    PID=$!
    if ! until_true 10 log_has "tail: watching"; then
        not_ok "$1: posta starts"
        kill_posta
        return 1
    fi
    took=$((($(date +%s%N) - now) / 1000000))
    ok "$1: posta starts"
    SLOWEST=$((took > SLOWEST ? took : SLOWEST))
    seq -f 'line %.0f' "$2" $(($2 + N - 1)) >>"$DIR/log/app.log"
    check "... all lines are delivered" until_true 20 has_events $((before + N))
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    equals "... each line once" "$N" "$(grep -o '"message":"line [0-9]*"' "$DIR/events" | tail -n "+$((before + 1))" | sort -u | wc -l)"
    equals "... and none twice" "$((before + N))" "$(events)"
}
# run_twice WHAT
run_twice() {
    rm -f "$DIR/events"
    run "$1" 1 && run "$1, a second start" $((N + 1))
}

echo "not posta's" >"$DIR/precious"
untouched() { equals "... what links lead to is as it was" "not posta's" "$(cat "$DIR/precious")"; }

no_files() { find "$@" -mindepth 1 -maxdepth 1 ! -type f ! -name bad.1 ! -name metrics; }

everything() {
    fresh "logging.metrics.events: true"
    local no=1 kind end
    for end in seg open open.new; do
        for kind in "${KINDS[@]}"; do
            make_thing "$kind" "$SPOOL/$(number $no).$end"
            no=$((no + 1))
        done
    done
    for kind in "${KINDS[@]}"; do
        make_thing "$kind" "$SPOOL/$kind"
        make_thing "$kind" "$SPOOL/.$kind"
    done
    make_thing folder "$SPOOL/ffffffffffffffff.seg"
    make_thing random "$SPOOL/ffffffffffffffff.open"
    for kind in lock cursor reserve; do make_thing full_folder "$SPOOL/$kind"; done
    make_thing random "$SPOOL/bad"
    make_thing random "$SPOOL/metrics"
    local before
    before=$(no_files "$SPOOL" | wc -l)
    run_twice "garbage of every kind"
    equals "... what is no file is still there, or in bad.1" "$before" "$(no_files "$SPOOL" "$SPOOL/bad.1" | wc -l)"
    check "... bad is as it was, bad.1 is used" test -f "$SPOOL/bad" -a -d "$SPOOL/bad.1/lock" -a -d "$SPOOL/bad.1/cursor" -a -d "$SPOOL/bad.1/reserve"
    check "... the spool of samples is a folder" test -d "$SPOOL/metrics" -a -f "$SPOOL/bad.1/metrics"
    equals "... what is no segment is said once a start" 1 "$(grep -c 'is named like a segment and is no file' "$LOG")"
    untouched
}

# each alone, so that none hides another
one_name() { # NAME
    local kind
    for kind in folder fifo socket link dead_link random zeros; do
        fresh
        make_thing "$kind" "$SPOOL/$1"
        run_twice "$1 is a $kind"
    done
    untouched
}

everything
one_name lock
one_name cursor
one_name reserve
one_name bad
one_name 0000000000000001.open
one_name 0000000000000001.open.new
one_name 0000000000000001.seg
echo "numbers: the slowest start took $SLOWEST ms"
