#!/usr/bin/env bash
# posta is killed at the system calls that change a file, one run for each place: a load with many segments, a start behind a backlog,
# posta's own rotation, the way out; the spool in memory and on disk. By strace at every call of every thread, and by a
# library at those of the helper thread, which strace does not count apart. After each kill nothing is twice in the spool and
# nothing left out, the next start works, and in the end every line is delivered.
#
#   MAX_POINTS=40       places for each system call of a scenario; more are spread evenly
# shellcheck source=tests/e2e/lib_disk.sh
. "$(dirname "$0")/lib_disk.sh"
TOP=$DIR
N=2400
MAX_POINTS=${MAX_POINTS:-40}
CALLS="pwritev fdatasync fsync rename unlink ftruncate fallocate openat mkdir write"
ON_DISK=
test_cleanup() { [[ -z $ON_DISK ]] || rm -rf "$ON_DISK"; }

if ! strace -o /dev/null true 2>/dev/null || is_sanitized; then
    skip "killed at every system call" "strace does not work here (or this is a sanitizer build)"
    exit 0
fi
ON_DISK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-crash.XXXXXX")
touch "$TOP/results"

# ---- scenarios: each has "prepare", what is done before each run, and the way it runs ----

crash_config() { # [INPUT_EXTRA]
    { echo "path.data: $SMALL/data" && echo "shutdown.deadline: 20ms" && config_input "$DIR/log/app.log" "${1:-}" &&
        echo "output.console.enabled: true
queue.disk: {max_size: 8MB, segment_size: 64KB, sync_interval: 1ms}"; } >"$DIR/posta.yml"
}
once() { "$POSTA" --once -c "$DIR/posta.yml" >>"$DIR/out/events" 2>>"$LOG"; }
# A spool as it was, the log as it is.
from_template() {
    rm -rf "$SMALL/data" "$DIR/out/events"
    [[ ! -d $DIR/template ]] || cp -r "$DIR/template" "$SMALL/data"
    [[ ! -e $DIR/before ]] || cp "$DIR/before" "$DIR/out/events"
}
keep_template() {
    cp -r "$SMALL/data" "$DIR/template"
    [[ ! -e $DIR/out/events ]] || mv "$DIR/out/events" "$DIR/before"
}

set_up_load() {
    crash_config
    write_lines $N
}
set_up_backlog() { # half is in the spool, not delivered
    crash_config
    write_lines $((N / 2))
    timeout -s TERM 0.5 "$POSTA" -c "$DIR/posta.yml" >/dev/full 2>>"$LOG"
    keep_template
    write_lines $((N / 2))
}
set_up_shutdown() { # half is delivered; now the output is away
    crash_config
    write_lines $((N / 2))
    once
    keep_template
    write_lines $((N / 2))
}
set_up_rotate() { crash_config "$(config_managed "$DIR/writer.pid")"; }
# The writer goes on and opens the log anew when it is told to.
prepare_rotate() {
    rm -rf "$SMALL/data" "$DIR/out/events" "$DIR/log"/*
    WRITTEN=0
    write_lines 500
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S 500 -n 1000000 -R 400 -p "$DIR/writer.pid" >"$DIR/writer" 2>&1 &
    WRITER=$!
    until [[ -s $DIR/writer.pid ]]; do sleep 0.005; done
}
end_rotate() {
    kill -TERM "$WRITER"
    wait "$WRITER"
    rm "$DIR/writer.pid"
    WRITTEN=$((500 + $(grep -oE '^lines [0-9]+' "$DIR/writer" | cut -d' ' -f2)))
}

prepare() { if [[ $SCENARIO == rotate ]]; then prepare_rotate; else from_template; fi; }
after_run() { [[ $SCENARIO != rotate ]] || end_rotate; }
# SIGTERM comes when the loop waits for the third (the twentieth) time.
told_at() { if [[ $SCENARIO == rotate ]]; then echo 20; else echo 3; fi; }

# run_strace ARGS of strace...: the scenario under it; returns what posta ended with
run_strace() {
    local to=$DIR/out/events mode=--once
    case $SCENARIO in
    rotate | shutdown)
        [[ $SCENARIO == rotate ]] || to=/dev/full
        mode=
        set -- "$@" -e "inject=?epoll_wait,?epoll_pwait:signal=TERM:when=$(told_at)"
        ;;
    esac
    # shellcheck disable=SC2086 # no mode is no argument
    timeout -s TERM -k 5 30 strace -f "$@" "$POSTA" $mode -c "$DIR/posta.yml" >>"$to" 2>>"$LOG"
}
run_shim() { # ENVIRONMENT...
    local to=$DIR/out/events mode=--once seconds=30
    [[ $SCENARIO != shutdown ]] || to=/dev/full mode='' seconds=0.3
    # shellcheck disable=SC2086 # no mode is no argument
    timeout -s TERM -k 5 $seconds env LD_PRELOAD="$SHIM" SHIM_DO=kill SHIM_THREAD=helper SHIM_TIMES=1 "$@" \
        "$POSTA" $mode -c "$DIR/posta.yml" >>"$to" 2>>"$LOG"
}

# ---- one place ----

tiles() { # the spool, if there is one yet
    [[ ! -e $SMALL/data/spool/lock ]] || check_spool "$SMALL/data/spool" >"$DIR/check"
}
# judge NAME: after a kill
judge() {
    local spool=whole start=0
    tiles || spool=bad
    after_run
    once || start=$?
    tiles || spool=bad
    count_lines
    echo "$PLACE-$SCENARIO $1 $((WRITTEN - DIFFERENT)) $start $spool" >>"$TOP/results"
    if [[ $spool == bad ]] || ((DIFFERENT != WRITTEN || start > 0)); then
        { echo "== $PLACE, $SCENARIO, $1:" && cat "$DIR/check" && tail -n 6 "$LOG"; } >>"$TOP/failures"
    fi
}
strace_point() { # CALL K
    prepare
    : >"$LOG"
    local rc=0
    run_strace -o /dev/null -e "trace=$1,?epoll_wait,?epoll_pwait" -e "inject=$1:signal=KILL:when=$2" 2>/dev/null || rc=$?
    if ((rc == 137)); then judge "$1:$2"; else after_run; fi
    ((rc == 137))
}
helper_point() { # CALL K
    prepare
    : >"$LOG"
    local rc=0
    run_shim SHIM_CALLS="$1" SHIM_NTH="$2" 2>/dev/null || rc=$?
    if ((rc == 137)); then judge "helper-$1:$2"; else after_run; fi
    ((rc == 137))
}

# ---- all places of a scenario ----

# How often the thread that does it most does each call; of openat, those before the data folder is met are the loader's.
count_calls() {
    prepare
    run_strace -o "$DIR/trace" -e "trace=${CALLS// /,},?epoll_wait,?epoll_pwait"
    after_run
    awk -v data="$SMALL" '
        { pid = $1; call = $2; sub(/\(.*/, "", call)
          n[pid, call]++
          if (n[pid, call] > most[call]) most[call] = n[pid, call]
          if (call == "openat" && !first && index($0, data)) first = n[pid, call] }
        END { for (call in most) print call, (call == "openat" ? first : 1), most[call] }' "$DIR/trace"
}
lane() { # PLACE SCENARIO
    PLACE=$1 SCENARIO=$2 DIR=$TOP/$1-$2 LOG=$TOP/$1-$2/posta.log WRITTEN=0
    SMALL=$DIR
    [[ $1 != disk ]] || SMALL=$ON_DISK/$2
    mkdir -p "$DIR/log" "$DIR/out" "$SMALL"
    "set_up_$2"
    local call first most k step
    count_calls >"$DIR/counts"
    while read -r call first most; do
        [[ " $CALLS " == *" $call "* ]] || continue
        step=$(((most - first) / MAX_POINTS + 1))
        for ((k = first; k <= most; k += step)); do strace_point "$call" "$k"; done
    done <"$DIR/counts"
    [[ $1 == disk && $2 != rotate ]] || return 0
    for call in fdatasync fsync rename open write; do
        for ((k = 1; k <= MAX_POINTS; k++)); do helper_point "$call" "$k" || break; done
    done
}

for scenario in load backlog shutdown rotate; do
    lane memory $scenario 2>/dev/null &
    lane disk $scenario 2>/dev/null &
    while (($(jobs -pr | wc -l) >= 3)); do wait -n; done
done
wait

points=$(wc -l <"$TOP/results")
echo "# $points places: $(cut -d' ' -f1 "$TOP/results" | sort | uniq -c | awk '{ printf "%s %d  ", $2, $1 }')"
echo "# $(awk '{ split($2, at, ":"); n[at[1]]++ } END { for (call in n) printf "%s %d  ", call, n[call] }' "$TOP/results")"
check "posta was killed at many places ($points)" test "$points" -ge "${MIN_POINTS:-600}"
equals "killed at the system calls that change a file: every start works" 0 "$(awk '$4 != 0' "$TOP/results" | wc -l)"
equals "... no line is lost" 0 "$(awk '{ n += $3 } END { print n + 0 }' "$TOP/results")"
equals "... nothing is twice in the spool, nothing left out" 0 "$(grep -c 'bad$' "$TOP/results")"
[[ ! -s $TOP/failures ]] || head -n 40 "$TOP/failures" | cut -c 1-300 | sed 's/^/#   /'
