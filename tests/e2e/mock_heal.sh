#!/usr/bin/env bash
# Damage in the spool while the brokers are away: what it took is read once more from the log, if the log still has it, also
# under another name; else it is said to be lost, to the byte. In the end every line is there or counted.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-heal:1 logs-renamed:1 logs-gone:1 logs-many:1 logs-multi:1
N=20000

fresh() { # TOPIC
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
}
# The spool holds all lines, in several segments, and posta is stopped.
spool_lines() { # TOPIC [INPUT_EXTRA]
    fresh "$1"
    mock_config "${2:-}" "queue.disk: {max_size: 16MB, segment_size: 1MB}"
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" >/dev/null
    until_true 20 bash -c "grep -q 'tail.bytes_read=$((N * 214)) ' '$LOG'"
    kill_posta
}
# damage SEGMENT TIMES: some bytes at random places behind its first 4 KB
damage() {
    local file i size
    file=$(find "$DIR/data/spool" -maxdepth 1 -name '*.seg' -o -maxdepth 1 -name '*.open' | sort | sed -n "$1p")
    size=$(stat -c %s "$file")
    for ((i = 0; i < $2; i++)); do
        printf 'DAMAGE' | dd of="$file" bs=1 seek=$((4096 + RANDOM * 32768 % (size - 5000) + RANDOM % 100)) conv=notrunc 2>/dev/null
    done
}
deliver() { # ARGS of collect
    start_posta_and_wait
    collect_live "$N" -i 5 -T 60 "$@"
    broker up all
    judge_live
    sleep 1.2 # a report of the counters
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}
counter() { grep -o "$1=[0-9]*" "$LOG" | tail -n 1 | cut -d= -f2; }

healed() {
    spool_lines logs-heal
    damage 2 3
    damage 3 1
    deliver --max-repeats 0 --allow-disorder
    check "damage is found ($(counter spool.damaged_regions) places, $(counter spool.missing_bytes) bytes)" test "$(counter spool.missing_bytes)" -gt 0
    equals "... and read once more from the log, all of it" "$(counter spool.missing_bytes)" "$(counter spool.healed_bytes)"
    equals "... no line is lost" 0 "$(verdict lost)"
    equals "... none is twice" 0 "$(verdict repeated)"
    equals "... no event is broken" 0 "$(verdict bad)"
    check "... it is said" log_has "were read once more from the file"
    check "... what was damaged is kept" test -n "$(ls "$DIR/data/spool/bad")"
}

healed_under_another_name() {
    spool_lines logs-renamed
    damage 2 2
    mv "$DIR/log/app.log" "$DIR/log/app.log.1"
    : >"$DIR/log/app.log"
    deliver --max-repeats 0 --allow-disorder
    equals "the log was renamed meanwhile: no line is lost" 0 "$(verdict lost)"
    check "... $(counter spool.healed_bytes) bytes were read once more" test "$(counter spool.healed_bytes)" -gt 0
}

gone() {
    spool_lines logs-gone
    damage 2 2
    rm "$DIR/log/app.log"
    deliver --max-repeats 0
    local lost_bytes=$(($(verdict lost) * 214))
    equals "the log is gone: what is lost is said, to the byte" "$lost_bytes" "$(counter spool.missing_bytes)"
    check "... with its place" grep -qE "bytes [0-9]+ to [0-9]+ are lost" "$LOG"
    equals "... the rest is in order" 0 "$(verdict disordered)"
}

many() {
    spool_lines logs-many
    local i
    for i in 1 2 3 4; do damage "$i" 5; done
    deliver --max-repeats 0 --allow-disorder
    equals "20 damaged places in four segments: no line is lost" 0 "$(verdict lost)"
    equals "... none is twice" 0 "$(verdict repeated)"
}

# What a parser holds goes on as if nothing had come between.
with_a_parser() {
    spool_lines logs-multi "    parsers: [{multiline: {pattern: '^ ', match: after}}]"
    damage 2 2
    deliver --max-repeats 0 --allow-disorder
    equals "with a parser that holds lines back: no line is lost" 0 "$(verdict lost)"
    equals "... none is twice" 0 "$(verdict repeated)"
}

healed
healed_under_another_name
gone
many
with_a_parser
broker quit
