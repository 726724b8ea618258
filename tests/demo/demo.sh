#!/usr/bin/env bash
# `make demo`: see posta keep every line of a real nginx while the brokers go away and posta itself is killed.
#
#   tests/demo/demo.sh              brokers: a mock cluster in one small process
#   KAFKA=real tests/demo/demo.sh   brokers: three real ones, mutual TLS (needs Java; the first time Maven fetches them)
#
# nginx logs to a tmpfs of two files, 50 KB each: access.log and access.log.1, rotated by posta (rotation.mode: managed).
# It also writes every line to truth.log, which nobody rotates: that is what the delivered lines are compared with, text
# by text. Exit status 0 only if no line is lost.
#
# BUILD is where posta and the test tools are built, default build. DEMO_PORT (18480) is the first port tried for nginx,
# POSTA_KAFKA_PORT (20090) for real brokers. KEEP=1 keeps all files. No root is needed, except for installing packages:
# started as root, nginx and posta both run as www-data, as in a pod; else as you.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
BUILD=$(cd "$ROOT" && cd "${BUILD:-build}" && pwd)
TOOLS=$BUILD/tests/tools
NGINX=$ROOT/tests/nginx/nginx.sh
CLUSTER=$ROOT/tests/kafka/cluster.sh
KAFKA=${KAFKA:-mock}
TOPIC=logs-demo

CONNECTIONS=12 DELAY_MS=6 # about 2000 requests a second
DRAIN_SECONDS=25
QUIET_SECONDS=40 # the reader gives up; longer than the brokers are away
# Seconds of the load's life at which things happen; it ends AFTER seconds behind the brokers' return, but at MOST.
AWAY_AT=4 KILL_AT=6 BACK_AT=9 AFTER=4 MOST=40

BROKERS=up POSTA=starting
N_KILLED=0 SPOOL_PEAK=0 LOG_PEAK=0 MEMORY_PEAK=0 RUN_NO=1
AS=() # before the commands that run as the web server's user
POSTA_PID='' COLLECT_PID='' BROKERD_PID='' WRK_PID='' BRING_PID=''

say() { printf '%s\n' "$*"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# ---- folders, and how they go ----

make_folders() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/posta-demo.XXXXXX")
    if [[ -w /dev/shm && $(stat -f -c %T /dev/shm) == tmpfs ]]; then
        FAST=$(mktemp -d /dev/shm/posta-demo.XXXXXX)
    else
        say "note: /dev/shm is no writable tmpfs here; nginx logs to $WORK"
        FAST=$WORK/fast
        mkdir "$FAST"
    fi
    take_user
    LOGS=$FAST/nginx/logs TRUTH=$FAST/nginx/logs/truth.log
    export POSTA_KAFKA_DIR=$WORK/kafka POSTA_TOOLS=$TOOLS
}

# One user for both, so that posta may rename the log, signal nginx and prove that nobody writes to a file any more.
# The programs are copied, because that user may not be allowed to look here.
take_user() {
    cp "$BUILD/posta" "$NGINX" "$WORK/"
    [[ $(id -u) == 0 ]] || return 0
    local user
    user=$(id -u www-data 2>/dev/null) || user=65534
    AS=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
    chown "$user:$user" "$WORK" "$FAST"
}

end_process() { # PID
    [[ -n $1 ]] || return 0
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

clean_up() {
    local pid
    trap - EXIT
    trap '' INT TERM
    for pid in "$WRK_PID" "$POSTA_PID" "$COLLECT_PID" "$BROKERD_PID" "$BRING_PID"; do end_process "$pid"; done
    "$NGINX" stop "$FAST/nginx" 2>/dev/null || true
    [[ $KAFKA != real ]] || "$CLUSTER" stop 2>/dev/null || true
    [[ -z ${KEEP:-} ]] || { say "kept: $WORK $FAST" && return 0; }
    rm -rf "$WORK" "$FAST"
}

trap_signals() {
    trap clean_up EXIT
    trap 'say; exit 130' INT
    trap 'exit 143' TERM
}

# ---- free ports ----

is_taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # FIRST
    local port=$1
    while is_taken "$port"; do port=$((port + 1)); done
    echo "$port"
}

# The first of the ports that cluster.sh takes from there.
free_block() { # FIRST
    local port=$1
    while is_taken $((port + 1)) || is_taken $((port + 11)) || is_taken $((port + 21)); do port=$((port + 100)); done
    echo "$port"
}

# ---- brokers: mock ----

start_mock() {
    mkfifo "$WORK/commands"
    "$TOOLS/brokerd" -n 3 -t "$TOPIC:3" -f "$WORK/bootstrap" -c "$WORK/commands" >"$WORK/brokerd.log" 2>&1 &
    BROKERD_PID=$!
    wait_for 10 "the mock cluster" test -s "$WORK/bootstrap"
    BOOTSTRAP=$(cat "$WORK/bootstrap")
    CONSUMER=()
}

mock_away() { echo 'down all' >"$WORK/commands"; }
mock_back() { echo 'up all' >"$WORK/commands" && BROKERS=up; }

# ---- brokers: real ----

start_real() {
    "$ROOT/tests/setup.sh" test # Java, Maven, openssl
    POSTA_KAFKA_PORT=$(free_block "${POSTA_KAFKA_PORT:-20090}")
    export POSTA_KAFKA_PORT
    say "starting three Kafka brokers with mutual TLS ..."
    "$CLUSTER" start
    "$CLUSTER" topic "$TOPIC" 3
    eval "$("$CLUSTER" env)"
    read -ra CONSUMER <<<"$READER"
    TOPIC=logs-demo # env names another one
    mkdir "$WORK/tls"
    cp "$CA" "$CERT" "$KEY" "$WORK/tls/"
    ((${#AS[@]} == 0)) || chown -R --reference="$WORK" "$WORK/tls"
}

# All three are killed, as by a power cut.
real_away() { "$CLUSTER" kill all; }

real_back() {
    BROKERS=starting
    "$CLUSTER" start >"$WORK/back.log" 2>&1 &
    BRING_PID=$!
}

note_brokers() {
    [[ $BROKERS == starting ]] && ! kill -0 "$BRING_PID" 2>/dev/null || return 0
    wait "$BRING_PID" || die "the brokers did not come back: $(tail -n 3 "$WORK/back.log")"
    BROKERS=up BRING_PID=''
}

# ---- nginx, posta, the reader ----

wait_for() { # SECONDS WHAT COMMAND...
    local left=$(($1 * 20)) what=$2
    shift 2
    until "$@"; do
        ((left-- > 0)) || die "$what did not start, see $WORK"
        sleep 0.05
    done
}

tls_settings() {
    [[ $KAFKA == real ]] || return 0
    cat <<END
  ssl:
    certificate_authorities: ["$WORK/tls/ca.pem"]
    certificate: "$WORK/tls/posta.pem"
    key: "$WORK/tls/posta.key"
END
}

write_config() {
    cat >"$WORK/posta.yml" <<END
filebeat.inputs:
  - type: filestream
    id: nginx
    paths: ["$LOGS/access.log"]
    rotation:
      mode: managed
      size: 50KB
      pid_file: $FAST/nginx/nginx.pid
    fields: {site: demo}
output.kafka:
  hosts: [$(sed 's/,/", "/g; s/^/"/; s/$/"/' <<<"$BOOTSTRAP")]
  topic: $TOPIC
$(tls_settings)
path.data: $WORK/data
queue.disk.segment_size: 128KB # small, so that one sees the spool shrink
logging.metrics.period: 200ms
END
}

start_posta() {
    "${AS[@]}" "$WORK/posta" -c "$WORK/posta.yml" 2>"$WORK/posta.$RUN_NO.log" &
    POSTA_PID=$!
    POSTA=running
}

kill_posta() {
    note_memory
    end_process "$POSTA_PID"
    POSTA_PID='' POSTA=killed
    N_KILLED=$((N_KILLED + 1))
}

posta_must_live() {
    kill -0 "$POSTA_PID" 2>/dev/null || die "posta has ended: $(tail -n 3 "$WORK/posta.$RUN_NO.log")"
}

# Its reading ends with the request seq=0, which is made when all others have come.
start_reader() {
    "$TOOLS/collect" -b "$BOOTSTRAP" "${CONSUMER[@]}" -t "$TOPIC" -n 1 -i "$QUIET_SECONDS" --allow-disorder \
        --dump "$WORK/delivered" --live "$WORK/live" >"$WORK/collect.log" 2>&1 &
    COLLECT_PID=$!
}

start_load() {
    SEQ_LUA=$ROOT/tests/nginx/seq.lua SEQ_FIRST=1 DELAY_MS=$DELAY_MS \
        wrk -t1 "-c$CONNECTIONS" "-d${MOST}s" -s "$HERE/paced.lua" "http://127.0.0.1:$PORT" >"$WORK/wrk.log" 2>&1 &
    WRK_PID=$!
}

# wrk ends by SIGINT as by its clock.
end_load() {
    kill -INT "$WRK_PID" 2>/dev/null || true
    wait "$WRK_PID" || die "wrk failed: $(tail -n 3 "$WORK/wrk.log")"
    WRK_PID=''
}

build_peek() {
    local libs
    read -ra libs <<<"$(pkg-config --cflags --libs rdkafka)"
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -O1 -I"$ROOT/tests/tools" -o "$WORK/peek" \
        "$HERE/peek.c" "$ROOT/tests/tools/kclient.c" "${libs[@]}"
}

start_all() {
    build_peek
    "start_$KAFKA"
    write_config
    PORT=$(free_port "${DEMO_PORT:-18480}")
    "${AS[@]}" "$WORK/nginx.sh" start "$FAST/nginx" "$PORT" 'access_log logs/truth.log combined;'
    start_reader
    start_posta
    start_load
}

# ---- figures ----

lines_written() { wc -l <"$TRUTH"; }

# stat_of NAME: the last value in the log of this run of posta, 0 if there is none.
stat_of() { sed -n "s/.* stats: .*\b$1=\([0-9]*\).*/\1/p" "$WORK/posta.$RUN_NO.log" 2>/dev/null | tail -n 1 | grep . || echo 0; }

live_of() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$WORK/live" 2>/dev/null | grep . || echo 0; }

raise() { # VARIABLE VALUE
    (($2 <= ${!1})) || printf -v "$1" '%d' "$2"
}

note_memory() {
    local kb
    kb=$(awk '/^VmHWM/ { print $2 }' "/proc/$POSTA_PID/status" 2>/dev/null) || return 0
    raise MEMORY_PEAK "${kb:-0}"
}

# What an earlier run of posta counted. Its last report may be 0.2 s older than its end, so "spooled" may lag a little
# until all is delivered: what is delivered was spooled.
SPOOLED_BEFORE=0 ROTATED_BEFORE=0

keep_counts() {
    SPOOLED_BEFORE=$((SPOOLED_BEFORE + $(stat_of spool.bytes_in)))
    ROTATED_BEFORE=$((ROTATED_BEFORE + $(stat_of tail.rotations_made)))
    RUN_NO=$((RUN_NO + 1)) # the next run has a log of its own
}

look() {
    local bytes
    WRITTEN=$(lines_written) bytes=$(stat -c %s "$TRUTH")
    DELIVERED=$(live_of delivered)
    # posta counts bytes; every line is in truth.log too, so its mean length makes lines of them.
    SPOOLED=$(((SPOOLED_BEFORE + $(stat_of spool.bytes_in)) * WRITTEN / (bytes > 0 ? bytes : 1)))
    raise SPOOLED "$DELIVERED"
    ROTATIONS=$((ROTATED_BEFORE + $(stat_of tail.rotations_made)))
    SPOOL_KB=$(($(du -sb "$WORK/data/spool" 2>/dev/null | cut -f1 || echo 0) / 1024))
    raise SPOOL_PEAK "$SPOOL_KB"
    raise LOG_PEAK "$(stat -c %s "$LOGS/access.log.1" 2>/dev/null || echo 0)"
    note_memory
}

# ---- the display ----

# Asked once, since in a substitution the answer would be another.
TERMINAL=false
[[ ! -t 1 || ${TERM:-dumb} == dumb ]] || TERMINAL=true

is_terminal() { $TERMINAL; }

width() {
    local columns=160
    ! is_terminal || columns=$(stty size </dev/tty 2>/dev/null | cut -d' ' -f2)
    ((${columns:-0} > 0)) || columns=80
    echo "$columns"
}

LONG='%3ds  written %6d  spooled %6d  delivered %6d  rotations %3d  spool %5d KB  brokers %-8s posta %s'
SHORT='%3ds w %6d s %6d d %6d rot %3d %5dKB kafka %-8s posta %s' # for 80 columns
LONG_COLUMNS=118

status_line() {
    local form=$LONG
    (($(width) >= LONG_COLUMNS)) || form=$SHORT
    # shellcheck disable=SC2059 # one of two
    printf "$form" \
        "$((SECONDS - BEGAN))" "$WRITTEN" "$SPOOLED" "$DELIVERED" "$ROTATIONS" "$SPOOL_KB" "$BROKERS" "$POSTA"
}

SHOWN_AT=-1
show() {
    look
    if is_terminal; then
        printf '\r\033[K%s' "$(status_line | cut -c1-"$(width)")"
    elif ((SECONDS != SHOWN_AT)); then
        status_line
        echo
        SHOWN_AT=$SECONDS
    fi
}

# A word about what happens, on a line of its own.
event() {
    ! is_terminal || printf '\r\033[K'
    printf '%3ds  --- %s\n' "$((SECONDS - BEGAN))" "$*"
}

# ---- the story ----

# Shows until so many seconds of the load are over.
show_until() { # SECONDS
    while ((SECONDS - BEGAN < $1)); do
        show
        note_brokers
        [[ $POSTA != running ]] || posta_must_live
        sleep 0.2
    done
}

show_until_back() {
    while [[ $BROKERS != up ]] && ((SECONDS - BEGAN < MOST)); do
        show_until $((SECONDS - BEGAN + 1))
    done
}

brokers_go() {
    "${KAFKA}_away"
    BROKERS=away
    event "all brokers are gone; posta goes on spooling"
}

posta_goes() {
    kill_posta
    keep_counts
    event "posta is killed with SIGKILL; nginx goes on logging"
}

posta_comes() {
    start_posta
    event "posta is started again; it goes on where its spool ends"
}

brokers_come() {
    event "the brokers are started again"
    "${KAFKA}_back"
}

drain() {
    local until=$((SECONDS - BEGAN + DRAIN_SECONDS))
    event "the load has ended; what is left is delivered"
    look
    while ((DELIVERED < WRITTEN && SECONDS - BEGAN < until)); do
        show
        note_brokers
        posta_must_live
        sleep 0.2
    done
    show
    ! is_terminal || echo
}

run_story() {
    BEGAN=$SECONDS
    (($(width) >= LONG_COLUMNS)) || say "w: lines written, s: spooled, d: delivered; rot: rotations; KB: size of the spool"
    event "nginx serves about 2000 requests a second and logs to two files of 50 KB"
    show_until "$AWAY_AT" && brokers_go
    show_until "$KILL_AT" && posta_goes
    show_until $((KILL_AT + 1)) && posta_comes
    show_until "$BACK_AT" && brokers_come
    show_until_back
    show_until $((SECONDS - BEGAN + AFTER))
    end_load
    drain
}

# ---- the end ----

# One more request, without any tool: the reader waits for its number.
last_request() {
    exec 5<>"/dev/tcp/127.0.0.1/$PORT"
    printf 'GET /item?seq=0 HTTP/1.0\r\n\r\n' >&5
    cat <&5 >/dev/null
    exec 5>&-
}

say_stuck() {
    event "not all has come after $DRAIN_SECONDS s; waiting until the reader gives up. The last words of posta:"
    tail -n 3 "$WORK/posta.$RUN_NO.log"
}

end_reader() {
    local left=$((QUIET_SECONDS * 10 + 50))
    ((DELIVERED >= WRITTEN)) || say_stuck
    last_request
    while kill -0 "$COLLECT_PID" 2>/dev/null && ((left-- > 0)); do sleep 0.1; done
    ! kill -0 "$COLLECT_PID" 2>/dev/null || die "the reader does not end"
    wait "$COLLECT_PID" || true # what is lost is told below
    COLLECT_PID=''
}

stop_posta() {
    kill -TERM "$POSTA_PID"
    wait "$POSTA_PID" || die "posta ended with an error: $(tail -n 3 "$WORK/posta.$RUN_NO.log")"
    POSTA_PID=''
}

show_event() {
    say
    say "One delivered event:"
    "$WORK/peek" -b "$BOOTSTRAP" "${CONSUMER[@]}" -t "$TOPIC" | awk -f "$HERE/pretty.awk" | cut -c1-"$(width)"
}

# By text: a line is lost if nothing delivered equals it. Prints LOST REPEATED FOREIGN.
compare() {
    export LC_ALL=C
    sort "$TRUTH" >"$WORK/written.sorted"
    sort -u "$WORK/delivered" >"$WORK/delivered.sorted"
    comm -23 "$WORK/written.sorted" "$WORK/delivered.sorted" >"$WORK/lost"
    comm -13 "$WORK/written.sorted" "$WORK/delivered.sorted" >"$WORK/foreign"
    echo "$(wc -l <"$WORK/lost") $(($(wc -l <"$WORK/delivered") - $(wc -l <"$WORK/delivered.sorted"))) $(wc -l <"$WORK/foreign")"
}

row() { printf '%-34s %s\n' "$1" "$2"; }

show_table() { # LOST REPEATED FOREIGN
    local written
    written=$(lines_written)
    say
    row "rotations by posta" "$ROTATIONS, largest access.log.1 $((LOG_PEAK / 1024)) KB"
    row "posta killed with SIGKILL" "$N_KILLED time, restarted after 1 s"
    row "spool at most" "$SPOOL_PEAK KB"
    row "memory of posta at most" "$((MEMORY_PEAK / 1024)) MB"
    [[ $3 == 0 ]] || row "delivered but never written" "$3 lines: this is an error"
    say "written $written, delivered $((written - $1)), lost $1, repeated $2"
}

main() {
    local lost repeated foreign
    [[ $KAFKA == mock || $KAFKA == real ]] || die "KAFKA=$KAFKA: mock or real"
    PATH=$PATH:/usr/sbin
    make_folders
    trap_signals
    start_all
    run_story
    end_reader
    show_event
    stop_posta
    read -r lost repeated foreign <<<"$(compare)"
    show_table "$lost" "$repeated" "$foreign"
    [[ $lost == 0 && $foreign == 0 ]]
}

main "$@"
