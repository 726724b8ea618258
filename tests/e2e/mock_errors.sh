#!/usr/bin/env bash
# Every error code that a broker can answer, to every request that posta makes: nothing is lost, the order holds, posta lives, and
# goes on by itself. What the broker says no to for good is in the dead letter file, and only that.
#
# MODE=exactly_once too, but for repeats: to readers of the in-process broker an aborted transaction is there.
#
#   CODES='6 29' APIS=produce GROUP=1 COUNT=4: these codes to this request, one code at a time, four times each
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"
read -ra CODES <<<"${CODES:-$(seq -s ' ' 1 97) -1}"
all_apis="produce metadata init_producer_id"
is_exact && all_apis+=" find_coordinator offset_fetch add_partitions add_offsets txn_offset_commit end_txn"
read -ra APIS <<<"${APIS:-$all_apis}"
GROUP=${GROUP:-8} COUNT=${COUNT:-1}
LINES_EACH=8
POISON=" 2 4 10 87 " # INVALID_MSG, INVALID_MSG_SIZE, MSG_SIZE_TOO_LARGE, INVALID_RECORD
IS_THERE=46 # DUPLICATE_SEQUENCE_NUMBER: the broker's word that it has the batch already is taken
total=0

# One batch: the in-process broker does not look at sequence numbers, so a batch behind a refused one would be taken.
more_lines() {
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S "$total" -n "$LINES_EACH" -B 65536 >/dev/null
    ((total += LINES_EACH))
}
# inject API CODE...: and make posta send a request of the API. What Metadata says of the topic stays until it is taken back.
inject() {
    local api=$1 code
    shift
    if [[ $api == metadata ]]; then
        broker topic "$TOPIC" "$1"
        broker error produce NOT_LEADER_FOR_PARTITION 1
        return
    fi
    for code; do broker error "$api" "$code" "$COUNT"; done
    [[ $api != init_producer_id && $api != find_coordinator ]] || broker error produce UNKNOWN 1
}
take_back() { # API
    if [[ $1 == metadata ]]; then broker topic "$TOPIC" 0; else broker forget "$1"; fi
}
try_codes() { # API CODE...
    local api=$1
    shift
    inject "$api" "$@"
    more_lines
    if [[ $api == metadata ]]; then
        sleep 0.2
        take_back "$api"
    fi
    until_true 60 is_delivered "$total" || not_ok "$api: $COUNT times error $*: delivered in the end"
    take_back "$api"
    kill -0 "$PID" 2>/dev/null || not_ok "$api: $COUNT times error $*: posta lives"
}
try_api() { # API
    local i code harmless=() poison=()
    for code in "${CODES[@]}"; do
        [[ "$1 $code" != "produce $IS_THERE" ]] || continue
        if [[ $1 == produce && $POISON == *" $code "* ]]; then poison+=("$code"); else harmless+=("$code"); fi
    done
    [[ $1 != metadata ]] || GROUP=1
    for ((i = 0; i < ${#harmless[@]}; i += GROUP)); do try_codes "$1" "${harmless[@]:i:GROUP}"; done
    equals "$1: ${#harmless[@]} error codes: no event is refused for good" 0 "$(counter sender.lines_dead)"
    for code in "${poison[@]}"; do try_codes "$1" "$code"; done
    sleep 0.3 # the last verdict is said
    check "$1: an error for the whole batch costs no event but the ones refused alone" \
        test "$(counter sender.lines_dead)" -le $((${#poison[@]} * (COUNT - 1)))
}

run_api() { # API
    start_broker logs-errors:1
    TOPIC=logs-errors
    mock_config "" "  bulk_flush_frequency: 20ms
  timeout: 2s
  backoff: {init: 10ms, max: 100ms}
$(delivery)"
    sed -i 's/^logging.metrics.period:.*/logging.metrics.period: 100ms/' "$DIR/posta.yml"
    start_posta_and_wait
    more_lines
    until_true 20 is_delivered "$total"
    try_api "$1"
    judge_memory "$1: all errors"
    collect "$total" -i 3 -T 60
    local dead
    dead=$(counter sender.lines_dead)
    echo "numbers: $1: $(verdict repeated) of $total lines came twice, $dead dead letters, $(counter kafka.producers_made) instances of librdkafka"
    equals "$1: all errors: delivered or a dead letter" "$dead" "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    touch "$DIR/data/dead_letter.ndjson"
    equals "... dead letters are whole" "$dead" "$(grep -c . "$DIR/data/dead_letter.ndjson" 2>/dev/null)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    equals "... the broker did all that it was told" 0 "$(grep -c '^?' "$DIR/brokerd.log")"
    broker quit
}

if ((${#APIS[@]} == 1)); then
    run_api "${APIS[0]}"
    exit
fi
for api in "${APIS[@]}"; do
    APIS=$api bash "$0" >"$DIR/$api.out" 2>&1 &
done
wait
for api in "${APIS[@]}"; do cat "$DIR/$api.out"; done
