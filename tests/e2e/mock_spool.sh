#!/usr/bin/env bash
# posta spool: what a real posta has spooled while its broker is away is listed, checked, taken out, damaged by dd, repaired, and
# then delivered.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-spool:1
TOPIC=logs-spool
SPOOL=$DIR/data/spool
mock_config "" "queue.disk.segment_size: 64KB"

spool() { # COMMAND ARGS...: output in $DIR/out, its status is printed
    local rc=0
    "$POSTA" spool "$@" >"$DIR/out" 2>"$DIR/err" || rc=$?
    echo "$rc"
}
# stat of every file that is not bad/: names, sizes, times of change
snapshot() { find "$SPOOL" -type f -printf '%P %s %T@\n' | sort; }
spooled() { "$POSTA" spool cat --path.spool "$SPOOL" 2>/dev/null | cmp -s - "$DIR/log/app.log"; }

fill_the_spool() {
    broker down all
    start_posta_and_wait
    for ((i = 0; i < 20; i++)); do
        "$TOOLS/linewriter" -f "$DIR/log/app.log" -S $((i * 100)) -n 100 >/dev/null
        sleep 0.05
    done
    check "everything is spooled while the broker is away" until_true 20 spooled
}

beside_a_running_posta() {
    equals "ls beside a running posta: status 0" 0 "$(spool ls -c "$DIR/posta.yml")"
    says "... it is said that it runs" "a posta is running on it (pid $PID)" "$DIR/err"
    says "... the log is listed" "$DIR/log/app.log" "$DIR/out"
    equals "check beside a running posta: no damage" 0 "$(spool check --path.spool "$SPOOL")"
    equals "repair beside a running posta: status 2" 2 "$(spool repair --path.spool "$SPOOL")"
    says "... names who has it" "held by another posta, pid $PID" "$DIR/err"
}

when_it_is_stopped() {
    kill_posta
    local before
    before=$(snapshot)
    equals "ls: status 0" 0 "$(spool ls --path.data "$DIR/data")"
    equals "check: status 0" 0 "$(spool check --path.data "$DIR/data")"
    says "... says so" "no damage" "$DIR/out"
    equals "cat: status 0" 0 "$(spool cat --path.data "$DIR/data")"
    check "... gives the log, byte for byte" cmp "$DIR/out" "$DIR/log/app.log"
    equals "cat of another log: status 0" 0 "$(spool cat --path.data "$DIR/data" --source /no/such.log)"
    check "... gives nothing" test ! -s "$DIR/out"
    equals "export with the configuration: status 0" 0 "$(spool export -c "$DIR/posta.yml")"
    equals "... one event a line" 2000 "$(grep -c '"@metadata":{"beat":"filebeat"' "$DIR/out")"
    equals "export without one: status 0" 0 "$(spool export --path.spool "$SPOOL")"
    equals "... one event a line" 2000 "$(grep -c '^{"@timestamp":.*"message":.*"log":{"offset":' "$DIR/out")"
    equals "nothing has changed by looking" "$before" "$(snapshot)"
}

wrong_folders() {
    equals "no such folder: status 2" 2 "$(spool ls --path.spool "$DIR/nowhere")"
    says "... and why" "$DIR/nowhere: No such file or directory" "$DIR/err"
    equals "not a spool: status 2" 2 "$(spool ls --path.spool "$DIR/log")"
    says "... and why" "is not a spool" "$DIR/err"
    equals "no such command: status 1" 1 "$(spool list)"
    says "... and which there are" "ls|check|cat|export|repair" "$DIR/err"
}

# overwrite FILE OFFSET TEXT
overwrite() { printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

damage_and_repair() {
    local segments lost
    segments=("$SPOOL"/*.seg)
    ((${#segments[@]} >= 4)) || { not_ok "four closed segments are needed" "${segments[*]}"; return; }
    overwrite "${segments[1]}" $(($(stat -c %s "${segments[1]}") - 100)) XXXX # its last record
    overwrite "${segments[0]}" 12 XXXX                                        # the header
    mv "${segments[2]}" "$DIR/x" && mv "${segments[3]}" "${segments[2]}" && mv "$DIR/x" "${segments[3]}"
    equals "check of a damaged spool: status 1" 1 "$(spool check --path.spool "$SPOOL")"
    says "... says where" "payload checksum differs" "$DIR/out"
    says "... says which bytes of which log are lost" "$DIR/log/app.log: bytes " "$DIR/out"
    local before
    before=$(snapshot)
    equals "repair --dry-run: status 0" 0 "$(spool repair --path.spool "$SPOOL" --dry-run)"
    equals "... changes nothing" "$before" "$(snapshot)"
    equals "repair: status 0" 0 "$(spool repair --path.spool "$SPOOL")"
    says "... says what is left out" "bytes " "$DIR/out"
    check "... keeps the old segments in bad/" test -f "$SPOOL/bad/${segments[1]##*/}" -a -f "$SPOOL/bad/${segments[0]##*/}"
    equals "check after it: the loss is still said" 1 "$(spool check --path.spool "$SPOOL")"
    says "... and every byte verifies" "0 places damaged" "$DIR/out"
    spool cat --path.spool "$SPOOL" >/dev/null
    lost=$((2000 - $(wc -l <"$DIR/out")))
    ((lost > 0 && lost < 2000)) || not_ok "something is lost, not all" "$lost lines"
    broker up all
    : >"$LOG"
    start_posta
    check "posta delivers all that is whole, and the rest from the log" until_true 60 log_has "sender.lines_delivered=2000"
    says "... and says which bytes were missing" "$DIR/log/app.log: bytes " "$LOG"
    check "... $lost lines of the log" log_has "were read once more from the file"
    stop_posta
}

fill_the_spool
beside_a_running_posta
when_it_is_stopped
wrong_folders
damage_and_repair
broker quit
