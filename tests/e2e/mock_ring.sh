#!/usr/bin/env bash
# A log in a ring of two files of 50 KB on tmpfs, at 1 to 200 rotations a second (10 MB/s): rotated by somebody else, by posta,
# and not at all (posta reclaims the space). Then the same with posta stopped 90 of every 100 ms, and 500 of every 600 ms.
#
# Asked for: managed and reclaim lose nothing, ever. external loses nothing up to 60 rotations a second while posta may run
# (another program of this machine may take its time: the best of three tries), and wherever it loses, posta's own count of
# lost generations is the true one. A ring that goes round by emptying its files, and a file emptied in place: what posta had
# time for is not lost, each emptying is seen, and a loss is counted.
# shellcheck source=tests/e2e/lib_rotate.sh
. "$(dirname "$0")/lib_rotate.sh"
TRIES=6

# ---- one run ----

mode_config() { # MODE
    case $1 in
    managed) file_config "$DIR/log/app.log" "$(config_managed "$DIR/pid")" ;;
    reclaim) file_config "$DIR/log/app.log" "    rotation: {mode: reclaim}" ;;
    circular) file_config "$DIR/log/app.log*" ;;
    *) file_config "$DIR/log/app.log" ;;
    esac
}
writer_of() { # MODE: how the writer behaves in it
    case $1 in
    external) echo rename ;;
    reclaim) echo single ;;
    *) echo "$1" ;;
    esac
}

# run_ring MODE RATE SECONDS STOP RUN: from nothing in $DIR to the verdict. Told to open its log anew, the writer goes on in the
# old one for 20 ms.
run_ring() {
    rm -rf "$DIR/log" "$DIR/data" && mkdir -p "$DIR/log"
    mode_config "$1"
    start_judge -t "$DIR/truth"
    start_posta_and_wait
    [[ $4 == 0 ]] || throttle "$4" "$5"
    "$TOOLS/ringwriter" -f "$DIR/log/app.log" -m "$(writer_of "$1")" -r "$2" -d "$3" -t "$DIR/truth" -p "$DIR/pid" -L $(($2 * 5)) >"$DIR/writer" 2>&1 &
    local writer=$!
    note_process $writer
    wait $writer
    [[ $4 == 0 ]] || unthrottle
    wait_newest $(($(lines_written) - 1)) 60 || not_ok "$NAME: the last line comes" "$(cat "$DIR/live")"
    stop_posta || not_ok "$NAME: posta ends with status 0"
    end_judge
    print_row
}

print_row() {
    local name
    printf '# %-46s %s' "$NAME" "$(sed 's/, bad.*//' "$DIR/verdict")"
    for name in generations_lost bytes_lost lost_unknown truncations rotations_made bytes_punched; do
        [[ $(counter "tail.$name") == 0 ]] || printf '; %s %s' "$name" "$(counter "tail.$name")"
    done
    echo
}

# ---- what is asked for ----

loses_nothing() { [[ $(verdict lost) == 0 ]]; }

# Nobody can know how large a generation was that was never opened: only whole ones are missing, and their number is right.
counts_its_loss() {
    [[ $(counter tail.generations_lost) == "$(verdict lost_generations)" && $(verdict cut_generations) == 0 ]]
}

judge_kept() { # nothing twice, out of order, changed
    if kept_order; then ok "$NAME: in order, nothing twice"; else not_ok "$NAME: in order, nothing twice" "$(why)"; fi
}

judge_counted() {
    if ! has_counter tail.generations_lost; then
        skip "$NAME: posta counts the lost generations" "tail.generations_lost is not there yet"
    elif counts_its_loss; then
        ok "$NAME: posta counts the lost generations ($(verdict lost_generations))"
    else
        not_ok "$NAME: posta counts the lost generations ($(verdict lost_generations))" \
            "counted: $(counter tail.generations_lost)" "$(why)"
    fi
}

judge_lossless() {
    if loses_nothing; then ok "$NAME: nothing is lost"; else not_ok "$NAME: nothing is lost" "$(why)"; fi
}

# A file emptied before it was read: how much it was is not always known, that it was is.
judge_emptied() {
    local counted=$(($(counter tail.lost_unknown) + $(counter tail.bytes_lost) + $(counter tail.truncations)))
    if loses_nothing || ((counted > 0)); then
        ok "$NAME: a loss by emptying is counted"
    else
        not_ok "$NAME: a loss by emptying is counted" "$(why)"
    fi
    check "$NAME: no more bytes are said to be lost than were" test "$(counter tail.bytes_lost)" -le "$(verdict lost_bytes)"
}

# ---- a case: MODE RATE SECONDS [STOP RUN], in a folder of its own; several may run at once ----

name_case() { # MODE RATE STOP RUN
    NAME="$1, $2/s"
    [[ $3 == 0 ]] || NAME+=", stopped $3 s, running $4 s"
}

ring_case() {
    local mode=$1 rate=$2 stop=${4:-0} run=${5:-0} try
    name_case "$mode" "$rate" "$stop" "$run"
    begin_case "$mode-$rate-$stop"
    if [[ $mode == reclaim ]] && ! has_option rotation.mode reclaim; then
        skip "$NAME: nothing is lost" "rotation.mode: reclaim is not there yet"
        return
    fi
    if [[ $mode == external && $stop == 0 && $rate -le 60 ]]; then
        for ((try = 1; try <= TRIES; try++)); do
            run_ring "$mode" "$rate" "$3" "$stop" "$run"
            judge_counted
            loses_nothing && break
        done
        judge_lossless
    else
        run_ring "$mode" "$rate" "$3" "$stop" "$run"
        case $mode in
        external) judge_counted ;;
        managed | reclaim) judge_lossless ;;
        *) judge_emptied ;;
        esac
    fi
    judge_kept
    [[ $mode != managed || $rate -lt 5 ]] ||
        check "$NAME: posta did rotate" test "$(counter tail.rotations_made)" -gt 0
    [[ $mode != reclaim || $rate -lt 5 ]] ||
        check "$NAME: posta did make room" test "$(counter tail.bytes_punched)" -gt 0
    rm -rf "$DIR"
}

# beside CASE...: each "MODE RATE SECONDS STOP RUN", all at the same time
beside() {
    local one pids=() i=0
    for one; do
        ((i += 1))
        # shellcheck disable=SC2086 # a list of words
        ring_case $one >"$TOP/out.$i" 2>&1 &
        pids+=($!)
    done
    wait "${pids[@]}"
    for ((i = 1; i <= $#; i++)); do cat "$TOP/out.$i"; done
}

all_rates() { # MODE STOP RUN
    beside "$1 1 2.5 $2 $3" "$1 5 2 $2 $3" "$1 20 2 $2 $3"
    ring_case "$1" 60 1.5 "$2" "$3"
    ring_case "$1" 200 1.5 "$2" "$3"
}

for pattern in "0 0" "0.09 0.01" "0.5 0.1"; do
    for mode in external managed reclaim; do
        # shellcheck disable=SC2086 # a list of words
        all_rates "$mode" $pattern
    done
done
beside "circular 5 2" "truncate 5 2"
ring_case circular 60 1.5
ring_case circular 60 1.5 0.5 0.1
ring_case truncate 60 1.5 0.5 0.1
