#!/usr/bin/env bash
# Real nginx under load on a tmpfs, rotated by posta at 50 KB: its workers stopped, replaced, killed; a buffered log; posta
# killed, throttled, under another user; a tmpfs that is too small. nginx writes every line a second time to a file that
# nobody touches: that is the truth.
# shellcheck source=tests/e2e/lib_rotate.sh
. "$(dirname "$0")/lib_rotate.sh"
NGINX=$ROOT/tests/nginx/nginx.sh
PORT=$((20000 + RANDOM % 10000))
CGROUP=
SMALL=

test_cleanup() {
    "$NGINX" stop "$DIR/web" >/dev/null 2>&1
    kill_noted
    [[ -z $SMALL ]] || umount -l "$SMALL" 2>/dev/null
    [[ -z $CGROUP ]] || rmdir "$CGROUP" 2>/dev/null
}

# ---- a case ----

managed_config() {
    file_config "$DIR/web/logs/access.log" "    rotation: {mode: managed, size: 50KB, pid_file: \"$DIR/web/nginx.pid\"}"
}
begin() { # NAME [LOG_OPTIONS]: nginx runs, posta is configured, the judge waits
    NAME=$1
    begin_case "$(folder_for "$1")"
    mkdir -p "$DIR/web/logs"
    start_nginx "${2:-}"
    managed_config
    start_judge -m -d "$DIR/texts"
}
start_nginx() { # LOG_OPTIONS
    "$NGINX" start "$DIR/web" "$PORT" "access_log $DIR/truth.log combined; error_log $DIR/alerts.log alert;" "$1" || not_ok "$NAME: nginx starts"
    MASTER=$("$NGINX" pid "$DIR/web")
    note_process "$MASTER"
}
[[ $BUILD != *san ]] || export SEQ_DELAY_MS=1 # a sanitizer's posta is ten times slower
start_load() { # SECONDS
    "$NGINX" load "$PORT" "$1" 16 >"$DIR/load" 2>&1 &
    LOAD=$!
}
workers() { pgrep -P "$("$NGINX" pid "$DIR/web")"; }
a_worker() { workers | head -n 1; }
# The one with the fewest connections: without it the load goes on.
an_idle_worker() {
    local pid
    for pid in $(workers); do echo "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l) $pid"; done | sort -n | head -n 1 | cut -d' ' -f2
}
written() { wc -l <"$DIR/truth.log"; }

has_last_line() { grep -qxF -- "$(tail -n 1 "$DIR/truth.log")" "$DIR/texts"; }
has_everything() { has_delivered "$(written)"; }
finish() { # [COMMAND]: nginx ends, posta reads until it is true and ends
    "$NGINX" stop "$DIR/web" || not_ok "$NAME: nginx ends"
    until_true 60 "${1:-has_everything}"
    stop_posta
    equals "$NAME: SIGTERM ends with status 0" 0 $?
    end_judge
    echo "# $NAME: $(written) lines of nginx, $(verdict delivered) delivered, $(verdict repeated) repeated;" \
        "$(counter tail.rotations_made) rotations, ends proven $(counter tail.ends_proven) assumed $(counter tail.ends_assumed)"
}
rotated() { check "$NAME: posta did rotate" test "$(sum_of tail.rotations_made)" -ge "$1"; }
lost_nothing() { # EXTRA_MAX: repeats are not looked at
    judge_texts "$DIR/truth.log"
    if [[ $LOST == 0 && $EXTRA -le $1 ]]; then
        ok "$NAME: all $(written) lines, and nothing else"
    else
        not_ok "$NAME: all $(written) lines, and nothing else" "lost $LOST, extra $EXTRA" "$(why)"
    fi
}

# ---- rows 14, 15, 17: full load, posta killed, a buffered log ----

full_load() {
    begin "full load"
    start_posta_and_wait
    start_load 3
    wait $LOAD
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    rotated 20
    equals "$NAME: every end is proven" 0 "$(counter tail.ends_assumed)"
    check "$NAME: never more than two files" test "$(find "$DIR/web/logs" -name 'access.log*' | wc -l)" -le 2
}

posta_killed() {
    local i
    begin "posta killed 10 times"
    start_posta_and_wait
    start_load 3
    for ((i = 0; i < 10; i++)); do
        pause "0.$((RANDOM % 4))"
        kill_posta
        start_posta
    done
    wait $LOAD
    finish
    lost_nothing 0
}

buffered() {
    begin "buffered log" "buffer=32k flush=1s"
    start_posta_and_wait
    start_load 3
    wait $LOAD
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    rotated 5
}

# ---- row 16: workers ----

# It keeps the old generation open: that one does not end, nothing more is renamed, and it is said.
worker_stopped() {
    local worker made
    begin "a worker stopped for 10 s"
    start_posta_and_wait
    start_load 12
    until_true 10 log_has "rotations_made"
    worker=$(an_idle_worker)
    kill -STOP "$worker"
    check "$NAME: posta says that it waits" until_true 25 log_has "a writer still has it open"
    made=$(find "$DIR/web/logs" -name 'access.log*' | wc -l)
    check "$NAME: no second generation is begun meanwhile ($made files)" test "$made" -le 2
    kill -CONT "$worker"
    wait $LOAD
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
}

reloaded() {
    local i
    begin "configuration loaded again 5 times (HUP)"
    start_posta_and_wait
    start_load 3
    for ((i = 0; i < 5; i++)); do
        pause 0.4
        kill -HUP "$MASTER"
    done
    wait $LOAD
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    rotated 5
}

has_new_master() { [[ -s $DIR/web/nginx.pid.oldbin && -s $DIR/web/nginx.pid && $(cat "$DIR/web/nginx.pid") != "$MASTER" ]]; }
old_master_is_gone() { ! kill -0 "$MASTER" 2>/dev/null; }
upgraded() {
    begin "program replaced (USR2, QUIT)"
    start_posta_and_wait
    start_load 3
    pause 0.5
    kill -USR2 "$MASTER"
    check "$NAME: there is a new master" until_true 10 has_new_master
    pause 0.5
    kill -QUIT "$MASTER"
    wait $LOAD
    check "$NAME: the old one is gone" until_true 20 old_master_is_gone
    note_process "$(cat "$DIR/web/nginx.pid")"
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    rotated 5
}

# A worker that dies between its two writes has logged in access.log only.
worker_killed() {
    local i
    begin "workers killed 4 times"
    start_posta_and_wait
    start_load 3
    for ((i = 0; i < 4; i++)); do
        pause 0.5
        kill -KILL "$(a_worker)"
    done
    wait $LOAD
    finish
    lost_nothing 4
    equals "$NAME: nothing twice" 0 "$(verdict repeated)"
    rotated 5
}

# ---- row 23: the end cannot be proven ----

ends_are_assumed() { [[ $(counter tail.ends_assumed) -ge 1 ]]; }
other_user() {
    if [[ $(id -u) != 0 ]] || ! setpriv --reuid=nobody --regid=nogroup --clear-groups true 2>/dev/null; then
        skip "posta as another user" "only root can become one"
        return
    fi
    begin "posta as another user"
    file_config "$DIR/web/logs/access.log"
    cp "$POSTA" "$TOP/posta" && chmod 0755 "$TOP/posta"
    mkdir -p "$DIR/data" && chown nobody "$DIR/data"
    chmod 0755 "$DIR" "$DIR/web" "$DIR/web/logs"
    local own=$POSTA
    POSTA=$TOP/posta POSTA_AS=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    start_posta_and_wait
    start_load 2
    pause 1
    mv "$DIR/web/logs/access.log" "$DIR/web/logs/access.log.1"
    "$NGINX" reopen "$DIR/web"
    wait $LOAD
    check "$NAME: an end is assumed after silence, and counted" until_true 20 ends_are_assumed
    check "$NAME: it is said that it cannot be proven" log_has "cannot be proven"
    finish
    POSTA=$own POSTA_AS=()
    judge_exactly "$NAME" "$DIR/truth.log"
    equals "$NAME: none is proven" 0 "$(counter tail.ends_proven)"
}

# ---- row 24: a tmpfs of 256 KB ----

mount_small() {
    mkdir -p "$DIR/web/logs"
    mount -t tmpfs -o size=256k none "$DIR/web/logs" 2>"$DIR/mount" && SMALL=$DIR/web/logs
}
unmount_small() {
    umount -l "$SMALL"
    SMALL=
}
begin_small() { # NAME: false if it cannot be mounted
    NAME=$1
    begin_case "$(folder_for "$1")"
    mount_small || { skip "$NAME" "no tmpfs can be mounted here: $(head -n 1 "$DIR/mount")"; return 1; }
    start_nginx ""
    start_judge -m -d "$DIR/texts"
}
was_full() { grep -qF "No space left" "$DIR/alerts.log"; }
# 4 lines a millisecond at most, a third of a second until the tmpfs is full
gentle_load() { # SECONDS [FIRST_NUMBER [CONNECTIONS]]
    SEQ_DELAY_MS=1 SEQ_FIRST=${2:-0} "$NGINX" load "$PORT" "$1" "${3:-4}" >"$DIR/load" 2>&1
}

small_kept() {
    begin_small "tmpfs of 256 KB" || return
    managed_config
    start_posta_and_wait
    gentle_load 2
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    check "$NAME: it was never full" not was_full
    unmount_small
}
not() { ! "$@"; }

# posta stands still, nginx fills the tmpfs and drops lines, even tears some: what is delivered is what nginx could write, and
# all of it again when there is room.
small_overrun() {
    local before n
    begin_small "tmpfs of 256 KB, posta stands still" || return
    managed_config
    start_posta_and_wait
    kill -STOP "$PID"
    for ((n = 0; n < 10; n++)); do
        gentle_load 1 $((n * 100000))
        was_full && break
    done
    check "$NAME: it was full" was_full
    before=$(written)
    kill -CONT "$PID"
    check "$NAME: posta makes room" until_true 10 has_room
    pause 1.1 # nginx keeps still for the rest of the second in which a write failed; nothing tells when it is over
    gentle_load 1 1000000
    "$NGINX" stop "$DIR/web"
    tail -n +$((before + 1)) "$DIR/truth.log" >"$DIR/later"
    until_true 20 has_last_line
    stop_posta
    end_judge
    judge_texts "$DIR/truth.log"
    echo "# $NAME: $(written) lines, $LOST dropped by nginx, $EXTRA torn"
    check "$NAME: nothing is made up but the lines that were torn ($EXTRA)" test "$EXTRA" -le 8
    check "$NAME: ... nor delivered twice ($TWICE)" test "$TWICE" -eq 0
    equals "$NAME: every line after that is delivered" 0 "$(sort "$DIR/later" | comm -23 - "$DIR/came" | wc -l)"
    unmount_small
}
has_room() { (($(df --output=pcent "$SMALL" | tail -n 1 | tr -d ' %') < 70)); }

# ---- the spool is full: what the log may take then ----

full_spool_config() { # LIMIT AT_LIMIT: a cluster that cannot be reached
    {
        config_head
        config_input "$DIR/web/logs/access.log" "    message_max_bytes: 64KB
    rotation: {mode: managed, size: 50KB, pid_file: \"$DIR/web/nginx.pid\", limit: $1, at_limit: $2}"
        echo "queue.disk: {max_size: 2MB}"
        config_kafka 127.0.0.1:1 none
    } >"$DIR/posta.yml"
}
# Then without limits, to a place that takes everything.
deliver_the_rest() {
    stop_posta
    managed_config
    start_posta
    finish has_last_line
}
begin_limit() { # NAME: false if there is no such thing
    if ! has_option rotation.at_limit; then
        skip "$1" "rotation.limit is not there yet"
        return 1
    fi
}

limit_drop() {
    begin_limit "spool full, at_limit: drop" || return
    begin_small "spool full, at_limit: drop" || return
    full_spool_config 150KB drop
    start_posta_and_wait -E shutdown.deadline=100ms
    gentle_load 5 0 16
    check "$NAME: the spool was full, it is said" log_has "is full"
    check "$NAME: the tmpfs was never full" not was_full
    deliver_the_rest
    judge_texts "$DIR/truth.log"
    echo "# $NAME: $LOST lines dropped by posta, counted $(sum_of tail.bytes_lost) bytes"
    check "$NAME: something had to be dropped ($LOST lines)" test "$LOST" -gt 0
    equals "$NAME: nothing else is delivered" 0 "$EXTRA"
    equals "$NAME: what was dropped is counted, byte for byte" \
        "$(uniq "$DIR/came" | comm -23 "$DIR/written" - | wc -c)" "$(sum_of tail.bytes_lost)"
    unmount_small
}

limit_hold() {
    begin_limit "spool full, at_limit: hold" || return
    begin "spool full, at_limit: hold"
    full_spool_config 150KB hold
    start_posta_and_wait -E shutdown.deadline=100ms
    gentle_load 4 0 16
    check "$NAME: the spool was full, it is said" log_has "is full"
    deliver_the_rest
    judge_exactly "$NAME" "$DIR/truth.log"
    equals "$NAME: nothing is counted as lost" 0 "$(sum_of tail.bytes_lost)"
}

# ---- row 25: throttled ----

throttled() { # NAME STOP RUN
    begin "$1"
    start_posta_and_wait
    throttle "$2" "$3"
    start_load 2
    wait $LOAD
    unthrottle
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
}

# A quota of 5 % of a processor, by whichever kind of cgroup is here.
begin_quota() {
    if [[ -w /sys/fs/cgroup/cpu/tasks ]]; then
        CGROUP=/sys/fs/cgroup/cpu/posta-test.$$
        mkdir "$CGROUP" && echo 100000 >"$CGROUP/cpu.cfs_period_us" && echo 5000 >"$CGROUP/cpu.cfs_quota_us"
    elif grep -qsw cpu /sys/fs/cgroup/cgroup.subtree_control; then
        CGROUP=/sys/fs/cgroup/posta-test.$$
        mkdir "$CGROUP" && echo "5000 100000" >"$CGROUP/cpu.max"
    else
        return 1
    fi 2>/dev/null
}
quota() {
    begin "a quota of 5 % of a processor"
    if ! begin_quota; then
        skip "$NAME" "no cgroup with a quota can be made here"
        "$NGINX" stop "$DIR/web"
        return
    fi
    start_posta_and_wait
    echo "$PID" >"$CGROUP/cgroup.procs"
    start_load 3
    wait $LOAD
    if [[ $CGROUP == */cpu/* ]]; then echo 100000; else echo max; fi >"$CGROUP/$([[ $CGROUP == */cpu/* ]] && echo cpu.cfs_quota_us || echo cpu.max)"
    finish
    judge_exactly "$NAME" "$DIR/truth.log"
    rmdir "$CGROUP" && CGROUP=
}

full_load
posta_killed
buffered
worker_stopped
reloaded
upgraded
worker_killed
other_user
small_kept
small_overrun
limit_drop
limit_hold
throttled "stopped 90 of every 100 ms" 0.09 0.01
throttled "stopped 500 of every 600 ms" 0.5 0.1
quota
