#!/usr/bin/env bash
# At rest: 1,000 lines are delivered, then nothing happens for SECONDS_N seconds, of which the last half is measured: memory,
# threads, wake-ups, CPU; beside a bare librdkafka producer with the same three brokers (bench/idle.c). All at once: they do
# nothing.
#
#   SECONDS_N=60 SHIPPERS="posta-tmpfs rsyslog" bench/rest.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
SECONDS_N=${SECONDS_N:-60}
SHIPPERS=${SHIPPERS:-posta-tmpfs rsyslog syslog-ng}
RAW=$RESULTS/rest.tsv
PARTITIONS=6

watch() { "$BIN/usage" -i -a "$SECONDS_N" "$RAW" "$@" >/dev/null 2>&1; } # NAME COMMAND...

show() {
    local name
    begin_table rest "At rest for $((SECONDS_N / 2)) s, three brokers." shipper "RSS MB" "its own MB" threads "wake-ups/s" "CPU ms/s"
    # shellcheck disable=SC2016 # for awk
    for name in idle "${NAMES[@]}"; do
        row "${name/idle/librdkafka alone}" "$(median "$RAW" "$name" '$5 / 1024' %.1f)" "$(median "$RAW" "$name" '$6 / 1024' %.1f)" \
            "$(median "$RAW" "$name" '$7' %d)" "$(median "$RAW" "$name" '$8 / $4' %.1f)" \
            "$(median "$RAW" "$name" '$2 * 1000 / $4' %.2f)"
    done
}

# shellcheck disable=SC2086 # a list of words
mapfile -t NAMES < <(only_available $SHIPPERS)
: >"$RAW"
"$BIN/lines" -f "$LOG" -n 1000
start_sink -p "$PARTITIONS"
WATCHES=()
watch idle "$BIN/idle" "$BOOTSTRAP" "$TOPIC" "$PARTITIONS" &
WATCHES+=($!)
for name in "${NAMES[@]}"; do
    prepare "$name"
    watch "$name" "${COMMAND[@]}" &
    WATCHES+=($!)
done
wait "${WATCHES[@]}"
stop_sink
[[ $(told events) == $((PARTITIONS + 1000 * ${#NAMES[@]})) ]] || say "$(told events) events came, not all that were to come"
show
