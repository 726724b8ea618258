#!/usr/bin/env bash
# The life of a pod: posta's container starts before nginx's, is killed and restarted under traffic, Kafka goes away and comes back, then the
# pod ends; in the order of a native sidecar, and as an ordinary container, which is told to stop together with nginx. Every line
# that nginx wrote is in Kafka within the grace period. With Kafka gone for good the exit says exactly what is left. A Job ends.
# A tmpfs that is full of what cannot be delivered: posta makes room, or holds, as it is told.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_pod.sh
. "$(dirname "$0")/lib_pod.sh"
NGINX=$ROOT/tests/nginx/nginx.sh
# The root of posta's container, and where posta is in it: tests/e2e/kafka_image.sh gives those of the image.
POD_ROOT=${POD_ROOT:-/}
POD_POSTA=${POD_POSTA:-/mnt/etc/posta}
# Requests in a second, if they are to have a limit: then there is less to deliver and to look at.
POD_RATE=${POD_RATE:-}
PORT=$((20000 + RANDOM % 10000))
GRACE_S=30

test_cleanup() {
    kill -KILL "${SHELLS[@]}" 2>/dev/null
    sleep 0.2
    pod_remove
    limits_remove
    "$CLUSTER" start >/dev/null 2>&1
}
SHELLS=()

if ! pod_can_be; then
    skip "a pod's life" "needs root, namespaces and setpriv"
    exit 0
fi

pod_config() { # INPUT_EXTRA [MORE]
    {
        echo "path.data: /mnt/spool"
        echo "logging.metrics.period: 1s"
        echo "shutdown.termination_log: /mnt/life/termination-log"
        config_input /mnt/logs/access.log "$1"
        config_kafka "$BOOTSTRAP" "$TOPIC" /mnt/etc/tls.crt /mnt/etc/tls.key /mnt/etc/ca.crt
        echo "${2:-}"
    } >"$POD/etc/posta.yml"
}
start_posta_container() {
    LOG=$DIR/posta.log
    run_container_of "$POD_ROOT" posta env POSTA_ROLE=sidecar "$POD_POSTA" -c /mnt/etc/posta.yml
    POSTA_SHELL=$SHELL_OF POSTA_INIT=$INIT
    SHELLS+=("$SHELL_OF")
}
# nginx writes each line twice: where posta reads, and where nobody touches it: that is the truth.
start_nginx_container() {
    cat >"$POD/etc/nginx.conf" <<CONF
worker_processes 2;
daemon off;
pid /mnt/life/nginx.pid;
error_log /mnt/life/error.log error;
events { worker_connections 512; }
http {
    access_log /mnt/logs/access.log combined;
    access_log /mnt/life/truth.log combined;
    keepalive_requests 1000000000;
    ${POD_RATE:+limit_req_zone \$server_port zone=all:1m rate=${POD_RATE}r/s; limit_req zone=all burst=100;}
    client_body_temp_path /mnt/life/body; proxy_temp_path /mnt/life/proxy; fastcgi_temp_path /mnt/life/fastcgi;
    uwsgi_temp_path /mnt/life/uwsgi; scgi_temp_path /mnt/life/scgi;
    server { listen 127.0.0.1:$PORT; location / { return 200 "ok\n"; } }
}
CONF
    run_container nginx "$(PATH=$PATH:/usr/sbin command -v nginx)" -e /mnt/life/error.log -c /mnt/etc/nginx.conf
    NGINX_SHELL=$SHELL_OF NGINX_INIT=$INIT
    SHELLS+=("$SHELL_OF")
    until_true 10 test -s "$POD/life/nginx.pid" || not_ok "nginx's container is up" "$(cat "$DIR/nginx.log")"
}
traffic() { # SECONDS
    "$NGINX" load "$PORT" "$1" 4 >"$DIR/load" 2>&1 &
    LOAD=$!
}
lines_of() { wc -l <"$POD/life/truth.log"; }

judge() { # NAME
    local written
    written=$(lines_of)
    collect "$written" -i 8 -T 200 --allow-disorder --order offset --dump "$DIR/texts"
    sort "$POD/life/truth.log" >"$DIR/written"
    sort -u "$DIR/texts" >"$DIR/delivered"
    equals "$1: all $written lines that nginx wrote are in Kafka" 0 "$(comm -23 "$DIR/written" "$DIR/delivered" | wc -l)"
    equals "$1: nothing else is" 0 "$(comm -13 "$DIR/written" "$DIR/delivered" | wc -l)"
    ledger_balances end
}
begin() { # NAME LOGS_SIZE SPOOL_SIZE INPUT_EXTRA [MORE]
    use_kafka "pod-$1"
    pod_new "$2" "$3"
    pod_config "$4" "${5:-}"
    : >"$DIR/posta.log"
}
is_confined() { # NAME PID
    equals "$1: not root, without capabilities" "$POD_USER 0000000000000000" \
        "$(awk '/^Uid:/{u=$2} /^CapEff:/{c=$2} END{print u, c}' "/proc/$2/status")"
    check "$1: its root is read-only" grep -q "^[^ ]* / [^ ]* ro[, ]" "/proc/$2/mounts"
    equals "$1: the first process of its container" 1 "$(awk '/^NSpid:/{print $NF}' "/proc/$2/status")"
}

# The writers are stopped first, then posta.
native() {
    local NAME="native sidecar" started
    begin native 16m 64m "    rotation: {mode: reclaim}" "queue.disk.max_size: 48MB"
    start_posta_container
    check "$NAME: posta is up before there is a log" until_true 20 log_has "tail: watching"
    is_confined "$NAME: posta" "$POSTA_INIT"
    start_nginx_container
    traffic 12
    sleep 3
    kill -KILL "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    check "$NAME: nginx does not care" kill -0 "$NGINX_INIT"
    sleep 1
    start_posta_container
    sleep 2
    "$CLUSTER" kill all >/dev/null 2>&1
    sleep 4
    "$CLUSTER" start >/dev/null 2>&1
    started=$SECONDS
    kill -QUIT "$NGINX_INIT"
    end_container "$NGINX_SHELL"
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    equals "$NAME: posta ended with status 0" 0 "$STATUS"
    check "$NAME: within the grace period" test $((SECONDS - started)) -lt $GRACE_S
    wait "$LOAD" 2>/dev/null
    judge "$NAME"
    check "$NAME: nothing was left, nothing is said" test ! -s "$POD/life/termination-log"
}

# All containers are told at once, under traffic.
ordinary() {
    local NAME="ordinary container" started
    begin ordinary 16m 64m "    rotation: {mode: reclaim}" "queue.disk.max_size: 48MB"
    start_nginx_container
    traffic 8
    start_posta_container
    until_true 20 log_has "tail: watching" || not_ok "$NAME: posta is up"
    sleep 3
    started=$SECONDS
    kill -TERM "$POSTA_INIT"
    sleep 1
    kill -QUIT "$NGINX_INIT"
    end_container "$NGINX_SHELL"
    end_container "$POSTA_SHELL"
    equals "$NAME: posta ended with status 0" 0 "$STATUS"
    check "$NAME: within the grace period" test $((SECONDS - started)) -lt $GRACE_S
    wait "$LOAD" 2>/dev/null
    judge "$NAME"
}

# The load's end is not the end of what nginx still logs, so both are looked at anew each time.
all_is_delivered() { log_has "sender.lines_delivered=$(lines_of) "; }

# Kafka never comes back: what is left is known to the line.
gone() {
    local NAME="gone for good" before left
    begin gone 16m 64m "    rotation: {mode: reclaim}" "shutdown.deadline: 4s"
    start_posta_container
    until_true 20 log_has "tail: watching" || not_ok "$NAME: posta is up"
    start_nginx_container
    traffic 2
    wait "$LOAD" 2>/dev/null
    until_true 30 all_is_delivered && before=$(lines_of)
    check "$NAME: first all is delivered" log_has "sender.lines_delivered=$before "
    "$CLUSTER" kill all >/dev/null 2>&1
    "$NGINX" load "$PORT" 1 2 >"$DIR/load" 2>&1
    kill -QUIT "$NGINX_INIT"
    end_container "$NGINX_SHELL"
    left=$(($(lines_of) - before))
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    "$CLUSTER" start >/dev/null 2>&1
    equals "$NAME: the exit status tells" 4 "$STATUS"
    says "$NAME: exactly the $left lines that are left" "$left lines (" "$POD/life/termination-log"
    echo "numbers: gone for good: $(cat "$POD/life/termination-log")"
}

# A Job: its container completes, the sidecar behind it.
job() {
    local NAME="a Job"
    begin job 16m 64m "    rotation: {mode: reclaim}"
    start_posta_container
    until_true 20 log_has "tail: watching" || not_ok "$NAME: posta is up" # what a startup probe waits for
    cp "$TOOLS/linewriter" "$POD/etc/linewriter"
    run_container writer /mnt/etc/linewriter -f /mnt/logs/access.log -n 30000
    SHELLS+=("$SHELL_OF")
    end_container "$SHELL_OF"
    equals "$NAME: its own container completes" 0 "$STATUS"
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    equals "$NAME: posta completes behind it" 0 "$STATUS"
    collect 30000 -i 8 -T 60
    equals "$NAME: nothing is lost" 0 "$(verdict lost)"
    ledger_balances end
}

# Kafka is away, 4 MB of log volume, and more than that to write. drop_oldest: posta makes room, nginx never meets a full volume.
makes_room() {
    local NAME="full, drop_oldest" dropped written
    begin room 4m 16m "    rotation: {mode: reclaim}" "queue.disk: {max_size: 4MB, at_limit: drop_oldest, segment_size: 512KB}"
    start_posta_container
    start_nginx_container
    "$CLUSTER" kill all >/dev/null 2>&1
    "$NGINX" load "$PORT" 6 4 >"$DIR/load" 2>&1
    kill -QUIT "$NGINX_INIT"
    end_container "$NGINX_SHELL"
    check "$NAME: posta says what it drops" log_has "spool.dropped_lines="
    "$CLUSTER" start >/dev/null 2>&1
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    equals "$NAME: posta ended with status 0" 0 "$STATUS"
    dropped=$(grep -oE 'spool.dropped_lines=[0-9]+' "$LOG" | tail -n 1 | cut -d= -f2)
    written=$(lines_of)
    collect $((written - dropped)) -i 8 -T 100 --allow-disorder --order offset --dump "$DIR/texts"
    equals "$NAME: nginx met no full volume" 0 "$(grep -c 'No space' "$POD/life/error.log")"
    # What librdkafka had already when its segment was given up still arrives, and counts as dropped: at most the sender's window.
    local accounted=$(($(sort -u "$DIR/texts" | wc -l) + dropped))
    check "$NAME: each of $written lines is delivered or counted as dropped ($accounted)" test "$accounted" -ge "$written" -a "$accounted" -le $((written + 8192))
    ledger_balances end
}

# block: the volume fills, nginx drops lines by itself; what it dropped is not claimed, what it wrote is delivered.
holds() {
    local NAME="full, block" written
    begin holds 2m 16m "    rotation: {mode: reclaim}" "queue.disk: {max_size: 4MB, at_limit: block, segment_size: 512KB}"
    start_posta_container
    start_nginx_container
    "$CLUSTER" kill all >/dev/null 2>&1
    "$NGINX" load "$PORT" 6 4 >"$DIR/load" 2>&1
    check "$NAME: nginx met a full volume" grep -qE 'No space|incomplete' "$POD/life/error.log"
    "$CLUSTER" start >/dev/null 2>&1
    kill -QUIT "$NGINX_INIT"
    end_container "$NGINX_SHELL"
    kill -TERM "$POSTA_INIT"
    end_container "$POSTA_SHELL"
    equals "$NAME: posta ended with status 0" 0 "$STATUS"
    sort "$POD/life/truth.log" >"$DIR/written"
    collect 1 -i 8 -T 100 --allow-disorder --order offset --dump "$DIR/texts"
    written=$(wc -l <"$DIR/written")
    sort -u "$DIR/texts" >"$DIR/delivered"
    # A line that did not fit whole was torn by nginx itself: at most one each time the volume was full.
    local torn kept
    torn=$(comm -13 "$DIR/written" "$DIR/delivered" | wc -l)
    kept=$(comm -12 "$DIR/written" "$DIR/delivered" | wc -l)
    echo "numbers: full, block: $written requests, $kept lines in the log and delivered, $torn torn by the full volume"
    check "$NAME: less is delivered than was asked for" test "$kept" -lt "$written"
    check "$NAME: nothing is made up" no_strangers
    # The dump ends each line with a newline; nginx may have torn that of the last one off.
    local added=0
    [[ -z $(tail -c 1 "$POD/logs/access.log") ]] || added=1
    equals "$NAME: read = delivered" $(($(grep -oE 'tail.bytes_read=[0-9]+' "$LOG" | tail -n 1 | cut -d= -f2) + added)) "$(wc -c <"$DIR/texts")"
    ledger_balances end
}
# What is no whole line of the truth is made of parts of such: it has no zeros and nothing that nginx did not write.
no_strangers() {
    ! comm -13 "$DIR/written" "$DIR/delivered" | grep -qvE '^[][0-9a-zA-Z ./:+"?=_-]*$'
}

# CASES: which, all by default
for case in ${CASES:-native ordinary gone job makes_room holds}; do "$case"; done
