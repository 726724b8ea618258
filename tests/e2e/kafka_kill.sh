#!/usr/bin/env bash
# posta is killed by SIGKILL at random moments, 25 times, while 1,000,000 lines are written and rotated by rename: none is lost,
# the order holds, and what comes twice is bounded by what can be in flight at each kill and carries the same ids. posta verify, as
# one who may only read, agrees with the tests' own judge.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
LINES_N=${LINES_N:-1000000}
KILLS=25
# In flight at a kill: the sender's window; and what was acknowledged since the cursor was saved, at most 100 ms.
PER_KILL_MAX=$((8192 + 60000))

use_kafka kill
kafka_config
printf '  posta_headers: true\n  end_records: true\n' >>"$DIR/posta.yml"
start_posta_and_wait
"$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$LINES_N" -r 1048576 -R 40000 >"$DIR/writer" 2>&1 &
writer=$!
# What is rotated away before posta ever saw the log is of before its time: a kill at once proves nothing.
check "the log is seen before the first kill" until_true 20 log_has "following from byte"
for ((i = 0; i < KILLS; i++)); do
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    kill_posta
    sleep "0.$((RANDOM % 5))"
    start_posta
done
wait "$writer"
collect "$LINES_N" -i 30 -T 300
echo "# $(cat "$DIR/verdict"); $KILLS kills; $(cat "$DIR/writer")"
equals "killed $KILLS times: none lost" 0 "$(verdict lost)"
equals "... in order" 0 "$(verdict disordered)"
equals "... no event is broken" 0 "$(verdict bad)"
check "... repeats are bounded ($(verdict repeated))" test "$(verdict repeated)" -le $((KILLS * PER_KILL_MAX))
stop_posta
equals "... SIGTERM ends with status 0" 0 $?

equals "posta verify proves it: status 0" 0 "$(verify_status)"
tail -n 4 "$DIR/verified" | sed 's/^/# /'
equals "... the same lines" "$LINES_N" "$(verified_sum 5)"
equals "... the same repeats" "$(verdict repeated)" "$(verified_sum 9)"
equals "... the same bytes" "$(grep -oE 'bytes [0-9]+' "$DIR/writer" | cut -d' ' -f2)" "$(verified_sum 3)"
