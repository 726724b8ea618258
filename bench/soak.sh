#!/usr/bin/env bash
# Is memory flat over a long time? LINES_N lines at RATE a second into a log that is renamed each ROTATE_BYTES, and what posta has
# after each tenth of them. Not a part of bench-all: a hundred million lines take seven minutes.
#
#   LINES_N=100000000 RATE=250000 bench/soak.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
LINES_N=${LINES_N:-100000000} RATE=${RATE:-250000} ROTATE_BYTES=${ROTATE_BYTES:-100000000}
TENTH_S=$(awk -v n="$LINES_N" -v r="$RATE" 'BEGIN { printf "%.2f", n / r / 10 }')

mb_of() { awk -v key="$1:" '$1 == key { printf "%.1f", $2 / 1024 }' "/proc/$POSTA/status"; } # KEY
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.0f", ($14 + $15) * 1e6 / hz }' "/proc/$POSTA/stat"; }
spool_mb() { du -sm "$STATE" | cut -f1; }
show() { row "$1" "$(mb_of VmRSS)" "$(mb_of RssAnon)" "$(mb_of VmHWM)" "$(spool_mb)" "$(find "/proc/$POSTA/fd" -type l | wc -l)"; } # LINES

: >"$LOG"
start_sink -e "$LINES_N"
prepare posta-tmpfs
"${COMMAND[@]}" &
POSTA=$!
sleep 2
begin_table soak "$LINES_N lines, $RATE a second; renamed each $((ROTATE_BYTES / 1000000)) MB." "lines, millions" "RSS MB" "its own MB" "peak MB" \
    "spool MB" descriptors
show 0
"$BIN/lines" -f "$LOG" -n "$LINES_N" -R "$RATE" -r "$ROTATE_BYTES" &
WRITER=$!
for tenth in 1 2 3 4 5 6 7 8 9 10; do
    sleep "$TENTH_S"
    show "$(awk -v n="$LINES_N" -v t="$tenth" 'BEGIN { printf "%.1f", n * t / 1e7 }')"
done
wait "$WRITER"
for ((i = 0; i < 600; i++)); do
    [[ ! -s $DIR/done ]] || break
    sleep 0.1
done
US=$(cpu_us)
stop_sink
printf '\n%s lines delivered, %s lost, %s us of CPU a line.\n' "$(told events)" "$((LINES_N - $(told events)))" \
    "$(awk -v us="$US" -v n="$LINES_N" 'BEGIN { printf "%.2f", us / n }')" | tee -a "$TABLE"
[[ $(told events) == "$LINES_N" ]]
