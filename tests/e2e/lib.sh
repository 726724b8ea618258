# lib.sh: what the end-to-end tests share. Source it; it makes $DIR (on tmpfs, removed at the end) and knows $POSTA.
# shellcheck shell=bash
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$ROOT/$BUILD
POSTA=$BUILD/posta
TOOLS=$BUILD/tests/tools
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED"
if [[ -d /dev/shm && -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-e2e.XXXXXX")
chmod 0755 "$DIR"
mkdir -p "$DIR/log"
LOG=$DIR/posta.log
PID=

cleanup() {
    ledger_balances
    [[ -n $PID ]] && kill -KILL "$PID" 2>/dev/null
    jobs -p | xargs -r kill -KILL 2>/dev/null
    wait 2>/dev/null
    declare -F test_cleanup >/dev/null && test_cleanup
    rm -rf "$DIR" 2>/dev/null || { sleep 1 && rm -rf "$DIR"; } # what a job had started may write once more
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# ---- reporting ----

ok() { echo "ok - $1"; }
not_ok() { # NAME WHY...
    echo "not ok - $1"
    shift
    printf '#   %s\n' "$@"
    [[ -s $LOG ]] && tail -n 25 "$LOG" | cut -c 1-400 | sed 's/^/#   posta: /'
}
check() { # NAME COMMAND...: the command succeeds
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$*" "$out"; fi
}
# says NAME TEXT FILE: the file has a line with this text
says() {
    if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1" "expected: $2" "found: $(tail -n 8 "$3" | cut -c 1-300)"; fi
}
equals() { # NAME EXPECTED FOUND
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected $2, found $3"; fi
}
skip() { echo "ok - $1 # SKIP $2"; }

# until SECONDS COMMAND...: run it every 50 ms until it succeeds
until_true() {
    local end=$((SECONDS + $1))
    shift
    while ! "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
log_has() { grep -qF -- "$1" "$LOG"; }

# posta counts at its end, and each time all is delivered, whether its ledger accounts for every byte and line: it must not
# have complained, and one that ended in order must have said so.
ledger_balances() { # [END]
    local wrong
    [[ -e $LOG ]] || return 0
    wrong=$(grep -m 1 'ledger does not balance' "$LOG") && not_ok "the ledger balances" "$wrong"
    [[ -z ${1:-} ]] || grep -q 'ledger: \(balances\|not counted\)' "$LOG" || not_ok "the ledger was proven at the end"
    return 0
}

# ---- posta ----

start_posta() { # ARGS...: in the background, logging to $LOG (appended)
    "$POSTA" -c "$DIR/posta.yml" "$@" 2>>"$LOG" &
    PID=$!
}
# start_posta_and_wait ARGS...: until it watches its folders
start_posta_and_wait() {
    ledger_balances
    : >"$LOG"
    start_posta "$@"
    until_true 20 log_has "tail: watching" || not_ok "posta is up"
}
# stop_posta: SIGTERM; returns its exit status
stop_posta() {
    local rc=0
    kill -TERM "$PID" 2>/dev/null
    wait "$PID" || rc=$?
    PID=
    ledger_balances "$([[ $rc != 0 ]] || echo end)"
    return $rc
}
kill_posta() {
    kill -KILL "$PID" 2>/dev/null
    wait "$PID" 2>/dev/null
    PID=
}
# status ARGS...: run posta to its end, print its exit status; its words are in $LOG
status() {
    ledger_balances
    : >"$LOG"
    timeout 60 "$POSTA" "$@" >>"$LOG" 2>&1
    echo $?
}

# ---- configuration: the parts are put together by each test ----

config_head() {
    echo "path.data: $DIR/data"
    echo "logging.metrics.period: 1s"
}
config_input() { # PATH [EXTRA YAML LINES indented by 4]
    printf 'filebeat.inputs:\n  - type: filestream\n    id: app\n    paths: ["%s"]\n%s\n' "$1" "${2:-}"
}
config_managed() { # PID_FILE
    printf '    rotation: {mode: managed, size: 50KB, pid_file: "%s"}' "$1"
}
config_kafka() { # BOOTSTRAP TOPIC [CERT KEY CA]
    printf 'output.kafka:\n  hosts: ["%s"]\n  topic: %s\n' "${1//,/\", \"}" "$2"
    [[ -n ${3:-} ]] && printf '  ssl.certificate: "%s"\n  ssl.key: "%s"\n' "$3" "$4"
    [[ -n ${5:-} ]] && printf '  ssl.certificate_authorities: ["%s"]\n' "$5"
    return 0
}

# ---- the real Kafka ----

CLUSTER=$ROOT/tests/kafka/cluster.sh
use_kafka() { # TEST_NAME: a topic of its own, and the variables of cluster.sh env
    eval "$("$CLUSTER" env)"
    TOPIC=logs-$1-$$-$RANDOM
    "$CLUSTER" topic "$TOPIC" 3 >/dev/null || { not_ok "topic $TOPIC can be made"; exit 1; }
}
# collect EXPECTED ARGS...: read $TOPIC as CN=verifier and judge; its last line goes to $DIR/verdict
collect() {
    local expected=$1
    shift
    # shellcheck disable=SC2086 # READER is a list of arguments
    "$TOOLS/collect" -b "$BOOTSTRAP" $READER -t "$TOPIC" -n "$expected" "$@" >"$DIR/collect" 2>&1
    local rc=$?
    tail -n 1 "$DIR/collect" >"$DIR/verdict"
    return $rc
}
verdict() { # FIELD: lost, repeated, ...
    grep -owE "$1 [0-9]+" "$DIR/verdict" | cut -d' ' -f2
}
# posta verify, as CN=verifier, who may only read; what it says goes to $DIR/verified
verify_as_reader() { # ARGS...
    "$POSTA" verify -c "$DIR/posta.yml" -E "output.kafka.ssl.certificate=$PKI/verifier.pem" \
        -E "output.kafka.ssl.key=$PKI/verifier.key" "$@" >"$DIR/verified" 2>&1
}
verify_status() { # ARGS...: its exit status
    local rc=0
    verify_as_reader "$@" || rc=$?
    echo "$rc"
}
# The sum of this column over the generations that posta verify found.
verified_sum() { # NUMBER
    grep -E '^[0-9a-f]{20} ' "$DIR/verified" | awk -v n="$1" '{ sum += $n } END { print sum + 0 }'
}
fresh_kafka() { # NAME: a topic, log and data folder of its own
    use_kafka "$1"
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
    : >"$LOG"
}
kafka_config() { # INPUT_EXTRA
    { config_head && config_input "$DIR/log/app.log" "${1:-}" && config_kafka "$BOOTSTRAP" "$TOPIC" "$CERT" "$KEY" "$CA"; } >"$DIR/posta.yml"
}

# ---- the in-process broker, in a process of its own ----

start_broker() { # TOPIC:PARTITIONS...
    local args=()
    for topic; do args+=(-t "$topic"); done
    mkfifo "$DIR/control"
    "$TOOLS/brokerd" -n 3 "${args[@]}" -f "$DIR/ready" -c "$DIR/control" >"$DIR/brokerd.log" 2>&1 &
    exec 9>"$DIR/control"
    until_true 20 test -s "$DIR/ready" || { not_ok "the in-process broker starts"; exit 1; }
    BOOTSTRAP=$(cat "$DIR/ready")
    READER=
}
broker() { echo "$*" >&9; } # down all, up all, error produce CODE COUNT, ...
# The mock keeps only the newest 5 MiB of a partition: read along. Ends as collect does; wait for it with judge_live.
collect_live() { # EXPECTED ARGS...
    collect "$@" &
    COLLECT_PID=$!
}
judge_live() { wait "$COLLECT_PID"; }
mock_config() { # INPUT_EXTRA [OUTPUT_EXTRA indented by 2]
    { config_head && config_input "$DIR/log/app.log" "${1:-}" && config_kafka "$BOOTSTRAP" "$TOPIC" && echo "${2:-}"; } >"$DIR/posta.yml"
}
