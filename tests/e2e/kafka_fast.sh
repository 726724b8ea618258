#!/usr/bin/env bash
# 1,000,000 numbered lines as fast as a plain loop can write them, into rotating files: each delivered exactly once and in
# order, over mutual TLS to three brokers. Rotated (1) by the writer, by rename at 1 MB; (2) by posta, two files of 50 KB.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
LINES_N=${LINES_N:-1000000}

deliver() { # NAME WRITER_ARGS...
    local name=$1
    shift
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$LINES_N" "$@" >"$DIR/writer" 2>&1 &
    local writer=$!
    if collect "$LINES_N" -i 30 -T 300 --max-repeats 0; then
        ok "$name: every line exactly once and in order"
    else
        not_ok "$name: every line exactly once and in order" "$(cat "$DIR/collect")"
    fi
    wait "$writer"
    stop_posta
    equals "$name: SIGTERM ends with status 0" 0 $?
    says "$name: nothing is left behind" "everything is delivered" "$LOG"
    echo "# $(cat "$DIR/verdict"); $(cat "$DIR/writer")"
}

use_kafka fast
kafka_config
deliver "renamed by the writer" -r 1048576
rm -rf "$DIR/log" "$DIR/data" && mkdir "$DIR/log"
use_kafka fast
kafka_config "$(config_managed "$DIR/log/app.pid")"
deliver "rotated by posta at 50 KB" -p "$DIR/log/app.pid"
rotations=$(grep -oE 'rotations_made=[0-9]+' "$LOG" | tail -n 1 | cut -d= -f2)
check "rotated by posta at 50 KB: it did rotate ($rotations times)" test "${rotations:-0}" -gt 10
