#!/usr/bin/env bash
# Everything at once: three logs are written and rotated while posta is killed by SIGKILL at random moments and brokers are killed,
# hang and come back at random moments. None is lost, order is kept, and posta verify agrees with the tests' own judge. What comes
# twice is reported and bounded by what can be on its way at each kill; with exactly_once nothing comes twice at all.
#
#   MODE=exactly_once: only this one, else both; KILLS=200 LINES_N=999999 RATE=4500: longer, see soak_kafka.sh
if [[ -z ${MODE:-} ]]; then
    for mode in at_least_once exactly_once; do
        MODE=$mode bash "$0" || exit 1
    done
    exit
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_trouble.sh
. "$(dirname "$0")/lib_trouble.sh"
KILLS=${KILLS:-8} LINES_N=${LINES_N:-90000} RATE=${RATE:-4500}
# In flight at a kill: the sender's window; and what was acknowledged since the cursor was saved, at most 100 ms.
PER_KILL_MAX=$((8192 + 20000))

test_cleanup() { "$CLUSTER" start >/dev/null 2>&1; }

write_logs() {
    local i
    WRITERS=()
    for i in 0 1 2; do
        "$TOOLS/linewriter" -f "$DIR/log/app$i.log" -S $((i * LINES_N / 3)) -n $((LINES_N / 3)) -R $((RATE / 3)) -r 1048576 >"$DIR/writer$i" 2>&1 &
        WRITERS+=($!)
    done
}
is_writing() { kill -0 "${WRITERS[@]}" 2>/dev/null; }

brokers_in_trouble() { # until $DIR/quiet is there
    RANDOM=$SEED
    until [[ -e $DIR/quiet ]]; do
        sleep $((1 + RANDOM % 3))
        echo x >>"$DIR/troubles"
        case $((RANDOM % 8)) in
        0) "$CLUSTER" kill all && sleep $((RANDOM % 4)) && "$CLUSTER" start ;;
        1 | 2) "$CLUSTER" pause $((1 + RANDOM % 3)) && sleep $((RANDOM % 8)) && "$CLUSTER" resume all ;;
        *) "$CLUSTER" restart $((1 + RANDOM % 3)) ;;
        esac
    done >"$DIR/troubles.log" 2>&1
}
kill_again_and_again() {
    local i
    for ((i = 0; i < KILLS; i++)); do
        sleep "$((RANDOM % 4)).$((RANDOM % 10))"
        kill_posta
        sleep "0.$((RANDOM % 5))"
        start_posta
    done
}

name="$MODE, killed $KILLS times while brokers die"
use_kafka chaos
trouble_config "  posta_headers: true
  end_records: true"
sed -i "s|$DIR/log/app.log|$DIR/log/*.log|" "$DIR/posta.yml"
start_posta_and_wait
write_logs
brokers_in_trouble &
troubles=$!
kill_again_and_again
wait "${WRITERS[@]}"
touch "$DIR/quiet"
wait "$troubles"
"$CLUSTER" start 2>/dev/null
judge "$name" "$LINES_N" $((KILLS * PER_KILL_MAX))
judge_memory "$name"
sleep 1 # end records
stop_posta
equals "... SIGTERM ends with status 0" 0 $?
equals "... posta verify agrees: status 0" 0 "$(verify_status)"
equals "... the same lines" "$LINES_N" "$(verified_sum 5)"
equals "... the same repeats" "$(verdict repeated)" "$(verified_sum 9)"
equals "... the same bytes" "$(cat "$DIR"/writer? | grep -oE 'bytes [0-9]+' | awk '{ sum += $2 } END { print sum }')" "$(verified_sum 3)"
echo "numbers: $name $(wc -l <"$DIR/troubles") times: $(cat "$DIR/verdict")"
