#!/usr/bin/env bash
# Live: from just before write() of a line until it is at the broker, at RATES lines a second for SECONDS_N seconds, and the CPU
# of the shipper for a line, without that of its start; at the highest rate also while the log is renamed every 50 KB and begun anew.
#
#   RATES="100 20000" SECONDS_N=15 SHIPPERS="posta-tmpfs rsyslog" bench/latency.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
RATES=${RATES:-100 20000} SECONDS_N=${SECONDS_N:-15}
SHIPPERS=${SHIPPERS:-posta-tmpfs posta-disk rsyslog syslog-ng}
RAW=$RESULTS/latency.usage.tsv
ROTATE_BYTES=51200

# Starts it, lets it connect, writes; CASE is the name of the row in RAW. What did not come 5 s after the last line is lost.
live() { # SHIPPER CASE RATE [ROTATE_BYTES]
    local n=$(($3 * SECONDS_N)) usage
    rm -f "$LOG" "$LOG.1"
    : >"$LOG"
    start_sink -l -e "$n"
    prepare "$1"
    "$BIN/usage" -u "$DIR/done" -a $((SECONDS_N + 8)) -b 2 "$RAW" "$2" "${COMMAND[@]}" 2>/dev/null >/dev/null &
    usage=$!
    sleep 3
    "$BIN/lines" -f "$LOG" -n "$n" -R "$3" ${4:+-r "$4"}
    wait "$usage" || true
    stop_sink
}

show_case() { # SHIPPER WHAT RATE [ROTATE_BYTES]
    local case="$1 $2" n=$(($3 * SECONDS_N)) late
    live "$1" "$case" "$3" ${4:+"$4"}
    late=$(told latency_us | awk '{ printf "%.1f\t%.1f\t%.1f", $1 / 1000, $2 / 1000, $3 / 1000 }')
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$late" "$(told events)" >>"$RESULTS/latency.tsv"
    # shellcheck disable=SC2016 # for awk
    row "$1" "$2" "${late//$'\t'/ | }" "$(median "$RAW" "$case" "(\$2 + \$3) * 1e6 / $n" %.1f)" \
        "$(median "$RAW" "$case" '$5 / 1024' %.1f)" "$((n - $(told events)))"
}

# shellcheck disable=SC2086 # a list of words
mapfile -t NAMES < <(only_available $SHIPPERS)
: >"$RAW"
: >"$RESULTS/latency.tsv"
begin_table latency "From write() to the broker, ms; linger $LINGER_MS ms, lz4, $SECONDS_N s each." shipper lines p50 p99 max \
    "CPU us a line" "peak MB" lost
for rate in $RATES; do
    for name in "${NAMES[@]}"; do show_case "$name" "$rate/s" "$rate"; done
done
for name in "${NAMES[@]}"; do show_case "$name" "$rate/s, renamed each 50 KB" "$rate" "$ROTATE_BYTES"; done
