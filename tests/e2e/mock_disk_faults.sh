#!/usr/bin/env bash
# Calls of the whole program that fail. First: all that change the spool's disk fail for a while (read-only, no room, I/O error)
# and then work again: posta goes on without a restart. Then each call of a run, the first, the second, ..., fails once, and fails
# from then on for ever: no crash, no line lost, none twice in the spool, and the next start delivers all. Then calls that
# are interrupted or do only half of the work: that is not to be seen at all. At last the same with failing system calls, by strace.
# shellcheck source=tests/e2e/lib_disk.sh
. "$(dirname "$0")/lib_disk.sh"
TOP=$DIR
N=2000
MAX_NTH=${MAX_NTH:-40}
AT_ONCE=8

if is_sanitized; then
    skip "calls that fail" "the library that makes them fail does not go with a sanitizer build"
    exit 0
fi
CHANGING=pwritev,fdatasync,fsync,create,rename,unlink,ftruncate,mkdir,fallocate

# ---- for a while ----

for_a_while() { # NAME ERRNO TEXT
    fresh_case
    mkdir -p "$DIR/out"
    disk_config
    write_lines 1000
    SHIM_CALLS=$CHANGING SHIM_PATH=/data/ SHIM_SWITCH=$DIR/trouble SHIM_DO=$2 LD_PRELOAD=$SHIM start_posta_and_wait
    each_once "$FS, $1: before it"
    touch "$DIR/trouble"
    write_lines 5000
    check "$FS, $1: it is said" until_true 20 log_has "$3"
    sleep 1.5 # one more try
    check "$FS, $1: posta lives" kill -0 "$PID"
    rm "$DIR/trouble"
    each_once "$FS, $1: when it is over, it goes on without a restart"
    stop_posta
    equals "$FS, $1: SIGTERM ends with status 0" 0 $?
    check "$FS, $1: ... nothing is twice in the spool" check_spool "$SMALL/data/spool"
}

# ---- each call of a run ----

# Half of the log is delivered before, so that the run finds a spool.
prepare_run() { # FOLDER
    DIR=$TOP/$1 LOG=$TOP/$1/posta.log SMALL=$FAULTY/$1 WRITTEN=0
    mkdir -p "$DIR/log" "$DIR/out" "$SMALL"
    { echo "path.data: $SMALL/data" && echo "shutdown.deadline: 100ms" && config_input "$DIR/log/app.log" &&
        echo "output.console.enabled: true
queue.disk: {max_size: 4MB, segment_size: 64KB, sync_interval: 1ms}"; } >"$DIR/posta.yml"
    write_lines $((N / 2))
    "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG"
    write_lines $((N / 2))
}
# run_faulty NAME SECONDS ENVIRONMENT...: writes "NAME STATUS CALLS LOST TWICE SPOOL" to results; LOST and TWICE after a clean run.
# What was delivered while the cursor could not be written may come again: TWICE counts where the faulty run ended well itself.
run_faulty() {
    local name=$1 seconds=$2 rc=0 calls twice spool=whole
    shift 2
    prepare_run "$name"
    timeout -s TERM -k 5 "$seconds" env LD_PRELOAD="$SHIM" SHIM_PATH=/data/ SHIM_COUNT="$DIR/count" "$@" \
        "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG" || rc=$?
    calls=$(grep -oE 'failed [0-9]+' "$DIR/count" 2>/dev/null | cut -d' ' -f2)
    count_lines
    twice=$((rc == 0 ? ALL - DIFFERENT : 0))
    check_spool "$SMALL/data/spool" >"$DIR/check" || spool=bad
    "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG" || rc=again-$?
    check_spool "$SMALL/data/spool" >"$DIR/check" || spool=bad
    count_lines
    echo "$name $rc ${calls:-none} $((WRITTEN - DIFFERENT)) $twice $spool" >>"$TOP/results"
    if [[ $spool == bad ]] || ((DIFFERENT != WRITTEN || twice > 0)) || [[ $rc != 0 && $rc != 2 && $rc != 124 ]]; then
        { echo "== $name: $rc"; tail -n 8 "$LOG"; cat "$DIR/check"; } >>"$TOP/failures"
    fi
    rm -rf "$DIR" "$SMALL"
}
in_turn() { # COMMAND...: at most AT_ONCE at a time
    while (($(jobs -pr | wc -l) >= AT_ONCE)); do wait -n; done
    ("$@") &
}

# Until the call does not happen so often in a run.
nth_fails() { # CALL ERRNO TIMES SECONDS
    local nth
    for ((nth = 1; nth <= MAX_NTH; nth += 1)); do
        run_faulty "$FS-$1-$2-$nth-$3" "$4" SHIM_CALLS="$1" SHIM_DO="$2" SHIM_NTH="$nth" SHIM_TIMES="$3"
        ! grep -q "^$FS-$1-$2-$nth-$3 [^ ]* 0 " "$TOP/results" || return
    done
}
# Beside each other: a run mostly waits to try again.
each_call_fails() { # TIMES SECONDS
    local call
    for call in pwritev fdatasync fsync rename unlink ftruncate create pread; do (nth_fails "$call" 5 "$@") & done
    for call in pwritev create fallocate; do (nth_fails "$call" 28 "$@") & done
    (nth_fails pwritev half "$@") &
    (nth_fails open 24 "$@") & # EMFILE
    wait
}

no_effect() { # NAME ENVIRONMENT...
    in_turn run_faulty "$FS-$1" 20 "${@:2}"
}

judge_faults() { # NAME
    local points
    points=$(awk '$3 != "0"' "$TOP/results" | wc -l)
    echo "# $FS: $1: $points faults; $(awk '{ n[$2]++ } END { for (rc in n) printf "status %s: %d  ", rc, n[rc] }' "$TOP/results")"
    check "$FS: $1: there were many ($points)" test "$points" -ge "$2"
    equals "$FS: ... no crash, and each next start works" 0 "$(awk '$2 != "0" && $2 != "2" && $2 != "124"' "$TOP/results" | wc -l)"
    equals "$FS: ... no line is lost" 0 "$(awk '{ n += $4 } END { print n + 0 }' "$TOP/results")"
    equals "$FS: ... none comes twice without a restart" 0 "$(awk '{ n += $5 } END { print n + 0 }' "$TOP/results")"
    equals "$FS: ... nothing is twice in the spool" 0 "$(grep -c 'bad$' "$TOP/results")"
    [[ ! -s $TOP/failures ]] || head -n 40 "$TOP/failures" | cut -c 1-300 | sed 's/^/#   /'
    rm -f "$TOP/results" "$TOP/failures"
    touch "$TOP/results"
}

# ---- system calls, by strace ----

strace_faults() {
    local fault
    for fault in pwritev:error=EIO:when=3..5 fdatasync:error=EIO:when=3..5 fdatasync:error=EIO:when=2 rename:error=EIO:when=2..3 \
        unlink:error=EIO:when=1..2 fsync:error=EIO:when=2..3 pwritev:error=EINTR:when=2+3 pread64:error=EINTR:when=9+2 \
        pwritev:error=ENOSPC:when=4..6 ftruncate:error=EIO:when=1..3; do
        in_turn strace_fault "$fault"
    done
    wait
}
strace_fault() { # FAULT
    local rc=0
    prepare_run "strace-$1"
    timeout -s TERM -k 5 10 strace -f -o "$DIR/trace" -e "trace=${1%%:*}" -e "inject=$1" "$POSTA" --once -c "$DIR/posta.yml" \
        >>"$DIR/out/events" 2>>"$LOG" || rc=$?
    # shellcheck disable=SC2094 # other files
    local calls spool=whole
    calls=$(grep -c INJECTED "$DIR/trace")
    "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG" || rc=again-$?
    check_spool "$SMALL/data/spool" >"$DIR/check" || spool=bad
    count_lines
    echo "$FS-$1 $rc $calls $((WRITTEN - DIFFERENT)) $((rc == 0 ? ALL - DIFFERENT : 0)) $spool" >>"$TOP/results"
    rm -rf "$DIR" "$SMALL"
}

# ---- all together ----

on() { # FS
    FS=$1
    if ! make_small "$FS" 64; then
        skip "$FS: calls that fail" "cannot be mounted here: $(head -n 1 "$DIR/mount")"
        return
    fi
    local whole=$SMALL
    for_a_while "read-only for a while" 30 "Read-only file system"
    for_a_while "no room for a while" 28 "No space left on device"
    for_a_while "I/O errors for a while" 5 "Input/output error"
    touch "$TOP/results"
    FAULTY=$whole
    each_call_fails 1 5
    judge_faults "each call failed once" 40
    each_call_fails -1 0.7
    judge_faults "each call failed and did so for ever" 40
    no_effect short-writes SHIM_CALLS=pwritev,write,pwrite SHIM_DO=short
    no_effect short-reads SHIM_CALLS=pread SHIM_DO=short
    no_effect interrupted SHIM_CALLS=pwritev,pread,open SHIM_DO=4 SHIM_EVERY=2
    wait
    equals "$FS: short and interrupted calls: nothing of them is seen" "0 0" "$(awk '{ print $2, $4 + $5 }' "$TOP/results" | sort -u)"
    judge_faults "short and interrupted calls" 3
    if strace -o /dev/null true 2>/dev/null; then
        strace_faults
        judge_faults "failing system calls" 8
    else
        skip "$FS: failing system calls" "strace does not work here"
    fi
    SMALL=$whole
    drop_small "$FS"
}

on tmpfs
on ext4
