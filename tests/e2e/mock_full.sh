#!/usr/bin/env bash
# queue.disk.at_limit while the brokers are away: what is dropped is counted to the line, the rest arrives in order.
# And queue.disk.sync: the same lines arrive with each of its values, over kills.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-oldest:1 logs-newest:1 logs-kill:1 logs-always:1 logs-never:1
N=60000

fresh() { # TOPIC
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
}
counter() { grep -o "$1=[0-9]*" "$LOG" | tail -n 1 | cut -d= -f2; } # NAME: its last value
stats_settled() { # the same twice, a second apart; one that found all read by its predecessors shows none
    local now
    now=$(counter tail.bytes_read)
    sleep 1.2
    [[ $now == "$(counter tail.bytes_read)" ]] && log_has " stats: "
}
fill_while_away() { # TOPIC POLICY
    fresh "$1"
    mock_config "    message_max_bytes: 64KB" "queue.disk: {max_size: 2MB, at_limit: $2}"
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" -r 2000000 >/dev/null
    check "$2: it is said" until_true 20 log_has "the spool is full"
    until_true 20 stats_settled
    check "$2: the spool stays below its limit" test "$(du -sb "$DIR/data/spool" | cut -f1)" -le 2300000
    check "$2: reading does not stop" bash -c "! grep -q 'reading stops' '$LOG'"
    dropped=$(counter spool.dropped_lines)
    echo "# $2: $dropped of $N lines dropped"
    check "$2: lines were dropped" test "${dropped:-0}" -gt 10000
}
back() { # NAME
    collect_live "$N" -i 5 -T 120 --max-repeats 0 --dump "$DIR/dump"
    broker up all
    judge_live
    equals "$1: nothing twice" 0 "$(verdict repeated)"
    equals "... the rest in order" 0 "$(verdict disordered)"
    lost=$(verdict lost)
    echo "# $1: $lost lines did not arrive"
}

drop_oldest() {
    fill_while_away logs-oldest drop_oldest
    back drop_oldest
    # What the output had already may arrive after all.
    check "drop_oldest: what is missing was dropped ($lost of $dropped)" test "$lost" -le "$dropped"
    check "... and no more than was under way arrived after all" test "$lost" -ge $((dropped - 9000))
    check "... the newest line arrives" grep -qE "seq=$((N - 1))( |\$)" "$DIR/dump"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    equals "... and everything that was not dropped is delivered" "$N" $((dropped + $(counter sender.lines_delivered)))
}

drop_newest() {
    fill_while_away logs-newest drop_newest
    back drop_newest
    equals "drop_newest: what is missing was dropped, to the line" "$dropped" "$lost"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    equals "... and everything that was not dropped is delivered" "$N" $((dropped + $(counter sender.lines_delivered)))
}

# Killed in the middle of dropping: a start goes on, and what it reads again was not lost before.
killed_while_dropping() {
    fresh logs-kill
    mock_config "    message_max_bytes: 64KB" "queue.disk: {max_size: 1MB, at_limit: drop_oldest}"
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" -r 10000000 -R 30000 >/dev/null &
    local writer=$! i
    for ((i = 0; i < 10; i++)); do
        sleep 0.1$((RANDOM % 100))
        kill_posta
        start_posta
    done
    wait "$writer"
    check "killed while dropping: it goes on" until_true 20 stats_settled
    equals "... nothing is taken for damage" 0 "$(grep -c 'are damaged' "$LOG")"
    collect_live "$N" -i 5 -T 60
    broker up all
    judge_live
    equals "... the rest arrives in order" 0 "$(verdict disordered)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

sync_mode() { # always|never
    local i
    fresh "logs-$1"
    mock_config "" "queue.disk.sync: $1"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 -R 20000 >/dev/null &
    local writer=$!
    collect_live 20000 -i 10 -T 60
    for ((i = 0; i < 5; i++)); do
        sleep 0.1
        kill_posta
        start_posta
    done
    wait "$writer"
    judge_live
    equals "queue.disk.sync: $1: killed 5 times, none lost" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

drop_oldest
drop_newest
killed_while_dropping
sync_mode always
sync_mode never
broker quit
