#!/usr/bin/env bash
# Hours of trouble: real nginx under load, rotated by posta at 50 KB, while posta is killed, stopped and started and brokers are
# killed and restarted at random moments. At the end every line that nginx wrote is delivered, and memory and descriptors of
# posta have not grown.
#
#   SOAK_MINUTES=60 make soak
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
NGINX=$ROOT/tests/nginx/nginx.sh
WEB=$DIR/web
PORT=$((20000 + RANDOM % 10000))
MINUTES=${SOAK_MINUTES:-60}

test_cleanup() {
    "$NGINX" stop "$WEB" >/dev/null 2>&1
    "$CLUSTER" stop >/dev/null 2>&1
}

trouble() {
    case $((RANDOM % 6)) in
    0 | 1) kill_posta && sleep "0.$((RANDOM % 10))" && start_posta ;;
    2) stop_posta && start_posta ;;
    3) "$CLUSTER" restart $((1 + RANDOM % 3)) >/dev/null 2>&1 ;;
    4) kill -STOP "$PID" && sleep $((1 + RANDOM % 5)) && kill -CONT "$PID" ;;
    *) "$CLUSTER" kill all >/dev/null 2>&1 && sleep $((RANDOM % 20)) && "$CLUSTER" start >/dev/null 2>&1 ;;
    esac
}

resident_kb() { awk '/VmRSS/ { print $2 }' "/proc/$PID/status"; }
descriptors() { find "/proc/$PID/fd" -mindepth 1 | wc -l; }

"$CLUSTER" start || { not_ok "the brokers start"; exit 1; }
use_kafka soak
{
    config_head
    config_input "$WEB/logs/access.log" "    rotation: {mode: managed, size: 50KB, pid_file: \"$WEB/nginx.pid\"}"
    config_kafka "$BOOTSTRAP" "$TOPIC" "$CERT" "$KEY" "$CA"
} >"$DIR/posta.yml"
mkdir -p "$WEB"
"$NGINX" start "$WEB" "$PORT" 'access_log logs/truth.log combined;'
start_posta_and_wait
end=$((SECONDS + MINUTES * 60))
while ((SECONDS < end)); do
    "$NGINX" load "$PORT" 3 2 >/dev/null 2>&1
    trouble
    sleep $((RANDOM % 10))
    until_true 60 kill -0 "$PID" || not_ok "posta lives"
done
written=$("$NGINX" lines "$WEB/logs/truth.log")
collect "$written" -i 60 -T 1200 --allow-disorder --order offset --dump "$DIR/texts"
sort "$WEB/logs/truth.log" >"$DIR/written"
sort -u "$DIR/texts" >"$DIR/delivered"
equals "all $written lines that nginx wrote in $MINUTES minutes are delivered" 0 "$(comm -23 "$DIR/written" "$DIR/delivered" | wc -l)"
check "memory stays small ($(resident_kb) KB)" test "$(resident_kb)" -le 32768
check "descriptors stay few ($(descriptors))" test "$(descriptors)" -le 64
stop_posta
equals "SIGTERM ends with status 0" 0 $?
