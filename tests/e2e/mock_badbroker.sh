#!/usr/bin/env bash
# What listens at the broker's address is no broker, or not one that posta can use: it is mute, closes, floods, answers nonsense,
# stops in the middle, is too old. posta says so, does not grow, does not hang, stops when it is told; and delivers by itself when
# a real broker is there instead.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"
PORT=${PORT:-$((21000 + RANDOM % 8000))}
LINES_N=2000
export SEED

bad_config() {
    {
        config_head
        config_input "$DIR/log/app.log"
        config_kafka "127.0.0.1:$PORT" "$TOPIC"
        printf '  timeout: 2s\n  stall_timeout: 10s\n  backoff: {init: 100ms, max: 1s}\n'
        delivery
    } >"$DIR/posta.yml"
    sed -i 's/^logging.metrics.period:.*/logging.metrics.period: 200ms/' "$DIR/posta.yml"
}
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
start_listening() { # COMMAND...
    "$@" >/dev/null 2>&1 &
    LISTENER=$!
    until_true 10 port_answers || not_ok "something listens at port $PORT"
}
stop_listening() {
    kill -KILL "$LISTENER" 2>/dev/null
    wait "$LISTENER" 2>/dev/null
}

# instead_of MODE PATTERN: in the place of a broker, for six seconds
instead_of() {
    local mode=$1 pattern=$2
    TOPIC=logs-$mode
    rm -rf "$DIR/log" "$DIR/data" && mkdir "$DIR/log"
    bad_config
    start_listening "$TOOLS/badbroker" "$PORT" "$mode"
    equals "$mode: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$LINES_N" >/dev/null
    sleep 4
    check "$mode: said" until_true 16 grep -qE "$pattern" "$LOG"
    judge_memory "$mode" 32768
    stop_posta
    equals "$mode: SIGTERM ends with status 0" 0 $?
    start_posta_and_wait
    sleep 1
    stop_listening
    start_listening "$TOOLS/relay" "$PORT=${BROKER##*:}"
    check "$mode: a real broker instead: delivered without a restart" until_true 60 is_delivered "$LINES_N"
    collect "$LINES_N" -i 5 -T 30 --max-repeats 0
    equals "... none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    equals "... none twice" 0 "$(verdict repeated)"
    stop_posta
    stop_listening
}

# What is to be said of each.
NO_BROKER="what answers there is no Kafka broker"
declare -A SAYS=(
    [mute]=$NO_BROKER
    [close]="no broker can be reached"
    [random]=$NO_BROKER
    [endless]=$NO_BROKER
    [nonsense]=$NO_BROKER
    [truncated]=$NO_BROKER
    [old]="$NO_BROKER that posta knows, or it is older than 0.11"
    [ancient]="no broker can be reached"
)
if [[ -n ${ONE:-} ]]; then
    start_broker "logs-$ONE:1"
    BROKER=${BOOTSTRAP%%,*}
    instead_of "$ONE" "${SAYS[$ONE]}"
    broker quit
    exit
fi
for mode in "${!SAYS[@]}"; do
    ((PORT++))
    ONE=$mode PORT=$PORT bash "$0" >"$DIR/$mode.out" 2>&1 &
done
wait
for mode in "${!SAYS[@]}"; do cat "$DIR/$mode.out"; done
