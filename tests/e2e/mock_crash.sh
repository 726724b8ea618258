#!/usr/bin/env bash
# posta is killed at each single system call that changes a file: every write, sync, rename, unlink and cut, one run for each.
# After each the next start recovers, and in the end every line has been delivered. The log was read exactly once: what is in
# the spool never overlaps, whatever was killed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
N=1500
MAX_POINTS=${MAX_POINTS:-60}

if ! strace -o /dev/null true 2>/dev/null || [[ $BUILD == *san ]]; then
    skip "killed at every system call" "strace does not work here (or this is a sanitizer build)"
    exit 0
fi

{ config_head && config_input "$DIR/log/app.log" && echo "output.console.enabled: true
queue.disk: {max_size: 4MB, segment_size: 64KB}"; } >"$DIR/posta.yml"
"$TOOLS/linewriter" -f "$DIR/log/all.log" -n $N >/dev/null

# The log comes in two parts, so that the second start finds a position.
fresh() {
    rm -rf "$DIR/data" "$DIR/log/app.log" "$DIR/out"
    head -n $((N / 2)) "$DIR/log/all.log" >"$DIR/log/app.log"
    "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out" 2>>"$LOG"
    tail -n +$((N / 2 + 1)) "$DIR/log/all.log" >>"$DIR/log/app.log"
}

# crash CALL K: killed at the Kth such call. False when the run came to its end without reaching it.
crash() {
    local rc=0
    (
        strace -f -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
            "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out" 2>>"$LOG"
        exit $?
    ) 2>/dev/null || rc=$?
    ((rc == 137))
}

# Lines that a kill cut in the middle of writing to the pipe do not count as delivered.
numbers() { grep -a '}$' "$DIR/out" | grep -oaE 'seq=[0-9]+' | cut -d= -f2 | sort -n; }

points=0 lost=0 failed_starts=0
for call in pwritev pwrite64 fdatasync fsync rename unlink ftruncate openat mkdir; do
    for ((k = 1; k <= MAX_POINTS; k++)); do
        fresh
        crash "$call" "$k" || break
        ((points += 1))
        "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out" 2>>"$LOG" || ((failed_starts += 1))
        missing=$((N - $(numbers | uniq | wc -l)))
        if ((missing > 0)); then
            ((lost += missing))
            echo "# killed at $call number $k: $missing lines missing"
        fi
    done
done
echo "# $points places"
check "posta was killed at many places ($points)" test "$points" -ge 30
equals "killed at every system call that changes a file: every start works" 0 "$failed_starts"
equals "... no line is lost" 0 "$lost"
