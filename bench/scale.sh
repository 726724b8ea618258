#!/usr/bin/env bash
# How posta's cost changes with what it is asked to do: number of files, length of lines, partitions, compression, what the spool
# promises, parsing access logs into ECS. Cases of one table take turns for ROUNDS rounds; about LINES_N lines (213 bytes) each,
# and as many bytes where lines are longer.
#
#   ROUNDS=3 LINES_N=500000 [BIG=1] bench/scale.sh [TABLE...]
#
# TABLE: files amounts lengths partitions compression spool parsing
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ROUNDS=${ROUNDS:-3} LINES_N=${LINES_N:-500000}
BYTES=$((LINES_N * 213))
RAW=$RESULTS/scale.tsv

# One case, until the sink has everything: what differs is told by variables that write_posta of lib.sh knows, PARTITIONS, and N
# (lines).
measure() { # SHIPPER NAME
    start_sink -e "$N" -p "${PARTITIONS:-6}"
    prepare "$1"
    "$BIN/usage" -u "$DIR/done" "$RAW" "$2" "${COMMAND[@]}" 2>"$DIR/err" || say "$2: $(tail -n 1 "$DIR/err")"
    stop_sink
    (($(told events) >= N)) || say "$2: $(told events) of $N lines came"
    told wire_bytes >"$DIR/wire.${2//[^a-zA-Z0-9]/_}"
}

# shellcheck disable=SC2016 # for awk
show() { # NAME LINES BYTES
    row "$1" "$(median "$RAW" "$1" "(\$2 + \$3) * 1e6 / $2" %.2f spread)" "$(median "$RAW" "$1" "(\$2 + \$3) * 1e9 / $3" %.1f)" \
        "$(median "$RAW" "$1" '$4' %.2f)" "$(median "$RAW" "$1" '$5 / 1024' %.1f)" "$(median "$RAW" "$1" '$6 / 1024' %.1f)" \
        "$(awk '{ printf "%.0f", $1 / 1e6 }' "$DIR/wire.${1//[^a-zA-Z0-9]/_}")"
}

# CASE: assignments, and a call of measure; run in a subshell each round.
table() { # NAME TITLE CASE...
    local round case case_name name=$1 title=$2
    shift 2
    for ((round = 1; round <= ROUNDS; round++)); do
        for case; do (N=$LINES_N && eval "$case"); done
    done
    begin_table "scale-$name" "$title" case "CPU s a million lines" "CPU s a GB" "wall s" "peak MB" "its own MB" "wire MB"
    for case; do
        case_name=${case##* \'}
        show "${case_name%\'}" "$(lines_of "$case")" "$([[ $name == amounts ]] && echo $(($(lines_of "$case") * 213)) || echo "$BYTES")"
    done
}
lines_of() { sed -n 's/^N=\([0-9]*\).*/\1/p' <<<"$1" | grep . || echo "$LINES_N"; }

# ---- the tables ----

files() {
    local n
    for n in 100 10000; do
        mkdir -p "$DIR/log/$n"
        split -a 5 -d -n "l/$n" --additional-suffix=.log "$LOG" "$DIR/log/$n/"
    done
    table files "The same lines in 1, 100 and 10,000 files." "measure posta-tmpfs '1 file'" \
        "PATHS=$DIR/log/100/*.log; measure posta-tmpfs '100 files'" "PATHS=$DIR/log/10000/*.log; measure posta-tmpfs '10,000 files'"
    rm -rf "$DIR/log/100" "$DIR/log/10000"
}

amounts() {
    local n cases=()
    for n in 100000 1000000 ${BIG:+10000000}; do
        "$BIN/lines" -f "$DIR/log/$n.log" -n "$n"
        cases+=("N=$n; PATHS=$DIR/log/$n.log; measure posta-tmpfs '$n lines'")
    done
    table amounts "One file of more and more lines." "${cases[@]}"
    rm -f "$DIR"/log/*0.log
}

lengths() {
    local length cases=("measure posta-tmpfs '213 bytes'") n
    for length in 1000 10000 100000 1000000; do
        n=$((BYTES / length))
        "$BIN/lines" -f "$DIR/log/$length.log" -n "$n" -s "$length"
        cases+=("N=$n; PATHS=$DIR/log/$length.log; INPUT_MORE='message_max_bytes: 2MB'; OUTPUT_MORE='max_message_bytes: 4000000'; measure posta-tmpfs '$length bytes'")
    done
    table lengths "As many bytes in longer lines (with message_max_bytes: 2MB; random letters at their ends)." "${cases[@]}"
    rm -f "$DIR"/log/*0.log
}

partitions() {
    local spread="OUTPUT_MORE='partition: {round_robin: {group_events: 1}}'"
    table partitions "Partitions: one by default (the log's), and spread event by event." "measure posta-tmpfs 'one, the log decides'" \
        "PARTITIONS=1; $spread; measure posta-tmpfs '1'" "PARTITIONS=6; $spread; measure posta-tmpfs '6'" \
        "PARTITIONS=64; $spread; measure posta-tmpfs '64'"
}

compression() {
    local codec cases=()
    for codec in none lz4 zstd gzip snappy; do cases+=("CODEC=$codec; measure posta-tmpfs '$codec'"); done
    table compression "Compression." "${cases[@]}"
}

spool() {
    table spool "What the spool promises; all but the first two rows on disk." "measure posta-tmpfs 'tmpfs'" \
        "QUEUE='queue.mem: {max_size: 4MB}'; measure posta-disk 'queue.mem, no spool'" "QUEUE='queue.disk: {sync: never}'; measure posta-disk 'sync: never'" \
        "measure posta-disk 'sync: interval (default)'" "QUEUE='queue.disk: {sync: always}'; measure posta-disk 'sync: always'"
}

parsing() {
    table parsing "Access logs taken apart into ECS." "measure posta-tmpfs 'plain'" \
        "INPUT_MORE='parsers: [{nginx: {}}]'; measure posta-tmpfs 'parsers: nginx'"
}

"$BIN/lines" -f "$LOG" -n "$LINES_N"
[[ $# -gt 0 ]] || set -- files amounts lengths partitions compression spool parsing
for name; do
    : >"$RAW"
    "$name"
done
