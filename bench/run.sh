#!/usr/bin/env bash
# Throughput: LINES_N nginx lines (213 bytes) from a file to Kafka: lz4, acknowledged by all, spool on tmpfs and on disk; beside two
# programs that do the least there is to do, and other shippers. Also from the file into the spool alone, with brokers that
# are away. All take turns for ROUNDS rounds. CPU seconds and memory are those of the shipper alone; brokers are bench/sink.
#
#   ROUNDS=5 LINES_N=1000000 SHIPPERS="bare floor posta-tmpfs rsyslog" bench/run.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ROUNDS=${ROUNDS:-5} LINES_N=${LINES_N:-1000000}
SHIPPERS=${SHIPPERS:-bare floor posta-tmpfs posta-disk posta-packed posta-spool rsyslog syslog-ng}
RAW=$RESULTS/throughput.tsv

# Who ends by itself is waited for; others until the sink has everything.
end_of() { # SHIPPER
    case $1 in
    posta-spool) echo "-w $(stat -c %s "$LOG") -s KILL" ;;
    bare | floor | posta*) ;;
    *) echo "-u $DIR/done" ;;
    esac
}

measure() { # SHIPPER
    start_sink -e "$LINES_N"
    [[ $1 != posta-spool ]] || BOOTSTRAP=127.0.0.1:1
    prepare "$1" once
    # shellcheck disable=SC2046 # a list of words
    "$BIN/usage" $(end_of "$1") "$RAW" "$1" "${COMMAND[@]}" 2>"$DIR/$1.err" || say "$1: $(tail -n 1 "$DIR/$1.err")"
    stop_sink
    [[ $1 == posta-spool || $1 == posta-packed ]] || (($(told events) >= LINES_N)) || say "$1: $(told events) of $LINES_N lines came"
}

# shellcheck disable=SC2016 # for awk
ratio() { # SHIPPER: CPU seconds, those of the floor being 1
    awk -v a="$(median "$RAW" "$1" '$2 + $3' %.3f)" -v b="$(median "$RAW" floor '$2 + $3' %.3f)" 'BEGIN { if (b) printf "%.2f", a / b }'
}

# shellcheck disable=SC2016 # for awk
show() {
    local name
    begin_table throughput "$LINES_N lines, $ROUNDS rounds in alternation, medians (min-max)." shipper "CPU s" "user / sys" \
        "x floor" "wall s" "peak MB" "its own MB" threads "switches, voluntary / not"
    for name in "${NAMES[@]}"; do
        row "$name" "$(median "$RAW" "$name" '$2 + $3' %.2f spread)" \
            "$(median "$RAW" "$name" '$2' %.2f) / $(median "$RAW" "$name" '$3' %.2f)" "$(ratio "$name")" \
            "$(median "$RAW" "$name" '$4' %.2f)" "$(median "$RAW" "$name" '$5 / 1024' %.1f)" "$(median "$RAW" "$name" '$6 / 1024' %.1f)" \
            "$(median "$RAW" "$name" '$7' %d)" "$(median "$RAW" "$name" '$8' %d) / $(median "$RAW" "$name" '$9' %d)"
    done
}

# shellcheck disable=SC2086 # a list of words
mapfile -t NAMES < <(only_available $SHIPPERS)
: >"$RAW"
"$BIN/lines" -f "$LOG" -n "$LINES_N"
for ((round = 1; round <= ROUNDS; round++)); do
    for name in "${NAMES[@]}"; do measure "$name"; done
done
show
