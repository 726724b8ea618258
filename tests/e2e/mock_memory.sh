#!/usr/bin/env bash
# Memory runs out. Each allocation of a run fails once, or every third, or all for some seconds: posta waits, and nothing of it is
# seen in what it delivers. All fail for ever: it ends after 10 s with a sentence, and the next start delivers the rest. The
# same with a limit on the address space, and with a memory limit of a control group, where the kernel kills it.
# shellcheck source=tests/e2e/lib_disk.sh
. "$(dirname "$0")/lib_disk.sh"
TOP=$DIR
N=1500
GROUP=
test_cleanup() {
    [[ -z $GROUP ]] || rmdir "$GROUP" 2>/dev/null
    for dir in "${MOUNTED[@]}"; do umount -l "$dir" 2>/dev/null; done
}

if is_sanitized; then
    skip "memory runs out" "the library that makes calls fail does not go with a sanitizer build"
    exit 0
fi

begin() { # NAME LINES
    DIR=$TOP/$1 LOG=$TOP/$1/posta.log WRITTEN=0
    SMALL=$DIR
    mkdir -p "$DIR/log" "$DIR/out"
    { echo "path.data: $SMALL/data" && echo "shutdown.deadline: 100ms" && config_input "$DIR/log/app.log" "${3:-}" &&
        echo "output.console.enabled: true
queue.disk: {max_size: 64MB, segment_size: 64KB}"; } >"$DIR/posta.yml"
    write_lines "$2"
}
once() { "$@" "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG"; }
shimmed() { # ENVIRONMENT...
    once timeout -s TERM -k 5 30 env LD_PRELOAD="$SHIM" SHIM_CALLS=memory SHIM_DO=12 SHIM_COUNT="$DIR/count" "$@"
}
# note NAME STATUS [FAILED]: a line of results; FAILED: 1 = an allocation did fail
note() {
    count_lines
    echo "$1 $2 $((WRITTEN - DIFFERENT)) $((ALL - DIFFERENT)) $(grep -c 'out of memory' "$LOG") ${3:-0}" >>"$TOP/results"
    rm -rf "$DIR"
}
fails() { # NAME ENVIRONMENT...
    local name=$1 rc=0
    begin "$name" $N
    shimmed "${@:2}" || rc=$?
    note "$name" $rc "$(grep -c 'failed [1-9]' "$DIR/count")"
}
fails_for_ever() { # NTH
    local rc=0
    begin "ever-$1" $N
    shimmed SHIM_NTH="$1" || rc=$?
    [[ $rc != 70 ]] || grep -q "out of memory for 10 s, ending" "$LOG" || rc="silent-$rc"
    once || rc="again-$?"
    note "ever-$1" "$rc"
}
column() { awk -v at="$1" '{ n += $at } END { print n + 0 }' "$TOP/results"; }
in_turn() {
    while (($(jobs -pr | wc -l) >= 4)); do wait -n; done
    ("$@") &
}

each_once_fails() {
    begin count $N
    shimmed SHIM_NTH=1000000
    local calls
    calls=$(grep -oE 'calls [0-9]+' "$DIR/count" | cut -d' ' -f2)
    for ((nth = 1; nth <= calls; nth++)); do in_turn fails "once-$nth" SHIM_NTH="$nth" SHIM_TIMES=1; done
    in_turn fails third SHIM_EVERY=3
    in_turn fails other SHIM_EVERY=2
    wait
    check "there are many allocations ($calls)" test "$calls" -ge 50
    equals "each failed once: posta ends well" 0 "$(awk '$2 != 0' "$TOP/results" | wc -l)"
    equals "... no line is lost" 0 "$(column 3)"
    equals "... none comes twice" 0 "$(column 4)"
    # How often buffers grow is a matter of timing: the last ones do not come in each run.
    check "... nearly each had one to fail" test "$(column 6)" -ge $((calls * 9 / 10))
    equals "... and it is said in each run that had, once" "$(column 6)" "$(column 5)"
    rm "$TOP/results"
}

for_ever() {
    local nth
    for nth in 1 2 5 10 20 40 60 80 90 100 110 120; do fails_for_ever $nth & done
    wait
    equals "from one on all fail: posta ends with status 70 and a sentence" 12 "$(awk '$2 == 70' "$TOP/results" | wc -l)"
    equals "... and the next start delivers all" 0 "$(column 3)"
    [[ $(awk '$2 == 70' "$TOP/results" | wc -l) == 12 ]] || sed 's/^/#   /' "$TOP/results"
    rm "$TOP/results"
}

# For two seconds nobody has memory.
for_a_while() {
    begin while 500
    SHIM_CALLS=memory SHIM_DO=12 SHIM_SWITCH=$DIR/trouble LD_PRELOAD=$SHIM "$POSTA" -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG" &
    PID=$!
    each_once "before memory runs out"
    touch "$DIR/trouble"
    write_lines 4000
    check "memory runs out: it is said" until_true 20 log_has "out of memory, waiting"
    sleep 2
    rm "$DIR/trouble"
    each_once "memory comes back after 2 s"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

# long_lines: ten of 6 MB, which need room, behind short ones
long_lines() {
    for ((i = 0; i < 10; i++)); do
        printf 'seq=%d ' $WRITTEN
        head -c 6000000 /dev/zero | tr '\0' x
        echo
        ((WRITTEN += 1))
    done >>"$DIR/log/app.log"
}
address_space() {
    begin space 1000 "    message_max_bytes: 16MB"
    "$POSTA" -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG" &
    PID=$!
    each_once "with all the memory it wants"
    local kb rc=0
    kb=$(awk '/VmPeak/ { print $2 }' "/proc/$PID/status")
    stop_posta
    long_lines
    (ulimit -v $((kb + 4096)) && once) || rc=$?
    equals "ulimit -v: it ends with status 70" 70 $rc
    check "... with a sentence" log_has "out of memory for 10 s, ending"
    once
    equals "... the next start ends well" 0 $?
    count_lines
    equals "... and delivers all" "$WRITTEN" "$DIFFERENT"
}

# make_group BYTES: a memory group below our own; sets $GROUP
make_group() {
    local own
    own=$(awk -F: '$2 == "memory" { print $3 }' /proc/self/cgroup)
    if [[ -n $own && -w /sys/fs/cgroup/memory$own ]]; then
        GROUP=/sys/fs/cgroup/memory$own/posta-test-$$
        mkdir "$GROUP" && echo "$1" >"$GROUP/memory.limit_in_bytes"
    else
        own=$(awk -F: '$1 == 0 { print $3 }' /proc/self/cgroup)
        GROUP=/sys/fs/cgroup$own/posta-test-$$
        mkdir "$GROUP" && echo "$1" >"$GROUP/memory.max"
    fi 2>"$DIR/mount" || {
        rmdir "$GROUP" 2>/dev/null
        GROUP=
        return 1
    }
}
# The spool is on tmpfs and grows: it is of the group's memory.
killed_by_kernel() {
    begin killed 80000
    if ! make_group 10M; then
        skip "killed for its memory: nothing is lost" "no memory group can be made here: $(head -n 1 "$DIR/mount")"
        return
    fi
    local rc=0 group=$GROUP
    (
        echo "$BASHPID" >"$group/cgroup.procs" 2>"$DIR/mount" || exit 1
        exec timeout -s TERM 20 "$POSTA" -c "$DIR/posta.yml" >/dev/full 2>>"$LOG"
    ) 2>/dev/null || rc=$?
    equals "a memory group of 10 MB, and the output is away: the kernel kills it" 137 $rc
    check "... with a part of the log in the spool" test -n "$(find "$DIR/data/spool" -name '*.open')"
    check "... which is whole" check_spool "$DIR/data/spool"
    once
    equals "... the next start ends well" 0 $?
    count_lines
    equals "... and delivers each line once" "$WRITTEN $WRITTEN" "$DIFFERENT $ALL"
    rmdir "$GROUP" && GROUP=
}

each_once_fails
for_ever
for_a_while
address_space
killed_by_kernel
