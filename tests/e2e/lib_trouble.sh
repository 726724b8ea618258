# lib_trouble.sh: what the tests of trouble with Kafka share. Source it after lib.sh. MODE=exactly_once runs them in that mode:
# then nothing may come twice either.
# shellcheck shell=bash
MODE=${MODE:-at_least_once}

is_exact() { [[ $MODE == exactly_once ]]; }
delivery() { ! is_exact || echo "  delivery: exactly_once"; }

# ---- what posta says of itself ----

counter() { # NAME: its newest value, 0 if it was not said
    local value
    value=$(grep -oE "(^| )$1=[0-9]+" "$LOG" | tail -n 1)
    echo "${value##*=}" | grep . || echo 0
}
is_delivered() { # LINES: so many have their verdict
    (($(counter sender.lines_delivered) + $(counter sender.lines_dead) >= $1))
}
peak_kb() { awk '/^VmHWM/ { print $2 }' "/proc/$PID/status"; }

# ---- judging ----

# judge NAME LINES [MAX_REPEATS]: the topic has them all, in order; the repeats that the mode allows
judge() {
    local name=$1 max=${3:-}
    collect "$2" -i "${IDLE:-30}" -T 300
    equals "$name: none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    equals "... no event is broken" 0 "$(verdict bad)"
    is_exact && max=0
    if [[ -n $max ]]; then
        check "... at most $max come twice ($(verdict repeated))" test "$(verdict repeated)" -le "$max"
    else
        echo "numbers: $name: $(verdict repeated) came twice"
    fi
}
# Memory: posta's own, librdkafka's buffer of 4 MB, and its threads.
judge_memory() { # NAME [MAX_KB]
    local kb
    [[ $BUILD != *san ]] || return 0 # a sanitizer takes its own
    kb=$(peak_kb)
    check "$1: memory stays bounded ($kb KB at its peak)" test "$kb" -le "${2:-49152}"
}

# ---- running ----

allow_transactions() {
    "$CLUSTER" transactions posta. || not_ok "rights to transactions can be given"
    "$CLUSTER" acl User:CN=posta topic prefixed logs- read || not_ok "the right to read can be given"
}
# Waits that are minutes in life are a second here.
trouble_config() { # [OUTPUT_EXTRA indented by 2]
    kafka_config
    {
        printf '  backoff: {init: 200ms, max: 1s}\n  timeout: 3s\n'
        delivery
        [[ -z ${1:-} ]] || echo "$1"
    } >>"$DIR/posta.yml"
    sed -i 's/^logging.metrics.period:.*/logging.metrics.period: 200ms/' "$DIR/posta.yml"
    ! is_exact || [[ -n ${MAY_TRANSACT:-} ]] || allow_transactions
    MAY_TRANSACT=yes
}
has_counter() { (($(counter "$1") >= $2)); } # NAME VALUE
# More is acknowledged than when it was called first, or by the last one that was.
is_moving() {
    local now
    now=$(counter kafka.acked)
    if [[ -z ${MOVING_FROM:-} ]]; then
        MOVING_FROM=$now
        return 1
    fi
    ((now > MOVING_FROM)) || return 1
    MOVING_FROM=
}

# ---- the writer, until it is told to end ----

start_writer() { # ARGS...
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100000000 "$@" >"$DIR/writer" 2>&1 &
    WRITER=$!
}
stop_writer() { # sets LINES_N
    kill -TERM "$WRITER"
    wait "$WRITER"
    # shellcheck disable=SC2034 # for who sources this
    LINES_N=$(grep -oE 'lines [0-9]+' "$DIR/writer" | cut -d' ' -f2)
}
