#!/usr/bin/env bash
# A start with a large spool: time from exec to the first delivered event, and peak memory 100,000 lines later, for spools of SIZES
# megabytes beside each other. posta itself makes each spool, with an output that is away. No pass or fail here.
#
#   SIZES="1000 10000" DIR=/var/tmp bench/start.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
BUILD=${BUILD:-build} SIZES=${SIZES:-1000 10000}
WORK=$(mktemp -d "${DIR:-/var/tmp}/posta-start.XXXXXX")
PID=
trap '[[ -z $PID ]] || kill -KILL "$PID" 2>/dev/null; rm -rf "$WORK"' EXIT

write_config() {
    cat >"$WORK/posta.yml" <<YML
path.data: $WORK/data
shutdown.deadline: 100ms
logging.metrics.enabled: false
filebeat.inputs:
  - {type: filestream, id: bench, paths: ["$WORK/access.log"]}
queue.disk: {max_size: 100GB, segment_size: 64MB}
output.console.enabled: true
YML
}
spool_mb() { du -sm "$WORK/data/spool" 2>/dev/null | cut -f1; }

fill_spool() { # MB
    rm -rf "$WORK/data" "$WORK/access.log"
    "$BUILD/tests/tools/linewriter" -f "$WORK/access.log" -n $(($1 * 4900)) -B 1048576 >/dev/null
    "$BUILD/posta" -c "$WORK/posta.yml" >/dev/full 2>"$WORK/log" &
    PID=$!
    until (($(spool_mb || echo 0) >= $1)); do sleep 0.2; done
    kill -TERM "$PID"
    wait "$PID"
    PID=
    rm "$WORK/access.log"
}

start_once() { # MB
    local began first
    mkfifo "$WORK/events"
    began=$(date +%s%N)
    "$BUILD/posta" -c "$WORK/posta.yml" >"$WORK/events" 2>"$WORK/log" &
    PID=$!
    { head -n 1 >/dev/null && first=$(date +%s%N) && head -n 100000 >/dev/null; } <"$WORK/events"
    printf '%10s %14s %14s\n' "$(spool_mb)" "$(((first - began) / 1000000))" \
        "$(awk '/VmHWM/ { print $2 }' "/proc/$PID/status")"
    kill -KILL "$PID"
    wait "$PID" 2>/dev/null || true
    PID=
    rm "$WORK/events"
}

write_config
printf '%10s %14s %14s\n' 'spool MB' 'first event ms' 'peak RSS KB'
for size in $SIZES; do
    fill_spool "$size"
    start_once "$size"
done
