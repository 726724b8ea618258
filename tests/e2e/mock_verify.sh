#!/usr/bin/env bash
# posta verify: what is there is proved, what is cut out of a topic is found to the byte, repeats are counted; with the headers and
# without, over rotations, kills, multiline, filters, over-long lines; live; and when it cannot read.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker plain:2 cut:2 twice:1 faulty:1 headers:2 ends:2 killed:2 multiline:2 filtered:1 large:1 access:1 live:1 nothing:1

fresh() { # TOPIC
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
    : >"$LOG"
}
# verify ARGS...: its exit status is printed, its words are in $DIR/out
verify() {
    local rc=0
    timeout 60 "$POSTA" verify -c "$DIR/posta.yml" "$@" >"$DIR/out" 2>"$DIR/err" || rc=$?
    echo "$rc"
}
once() { "$POSTA" --once -c "$DIR/posta.yml" 2>>"$LOG"; }
column() { grep -E '^[0-9a-f]{20} ' "$DIR/out" | awk -v n="$1" '{ print $n }' | paste -sd ' '; }

nothing_is_missing() {
    fresh plain
    mock_config
    printf 'one\r\ntwo\n\nd\xc3\xa4s\n"quoted\\"\n' >"$DIR/log/app.log"
    once
    equals "all is there: status 0" 0 "$(verify)"
    says "... says so" "nothing is missing" "$DIR/out"
    says "... and that ends are not known" "the end of 1 generation is not known" "$DIR/out"
    equals "... to the last byte" "$(stat -c %s "$DIR/log/app.log")" "$(column 3)"
    equals "... each line" 5 "$(column 5)"
}

sum() { column "$1" | tr ' ' '\n' | awk '{ n += $1 } END { print n + 0 }'; }

# What a topic had, without some events, goes to another one.
some_are_cut_out() {
    fresh plain
    mock_config
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 1000 >/dev/null
    once
    collect 1000 -i 5 --raw "$DIR/raw"
    grep '"path":"'"$DIR/log/app.log"'"' "$DIR/raw" | tail -n 1000 >"$DIR/all"
    local at
    at=$(sed -n 's/.*"offset":\([0-9]*\),.*/\1/p' "$DIR/all" | paste -sd ' ')
    read -ra at <<<"$at"
    sed '101,103d; 501d' "$DIR/all" >"$DIR/some"
    check "(the rest goes to another topic)" "$TOOLS/produce" -b "$BOOTSTRAP" -t cut -f "$DIR/some"
    equals "four lines are cut out: status 1" 1 "$(verify --topic cut)"
    says "... the first gap to the byte" "bytes ${at[100]} to ${at[103]} " "$DIR/out"
    says "... and the second" "bytes ${at[500]} to ${at[501]} " "$DIR/out"
    equals "... no other" 2 "$(grep -c '^missing: ' "$DIR/out")"
    says "... in sum" "in 2 places" "$DIR/out"
    { cat "$DIR/all" && sed -n '900,904p' "$DIR/all"; } >"$DIR/some"
    "$TOOLS/produce" -b "$BOOTSTRAP" -t twice -f "$DIR/some" >/dev/null
    equals "five lines come twice: status 0" 0 "$(verify --topic twice)"
    equals "... counted" 5 "$(column 9)"
    sed '1,7d' "$DIR/all" >"$DIR/some"
    sed -n '7{s/"offset":[0-9]*/"offset":1/;p}' "$DIR/all" >>"$DIR/some"
    "$TOOLS/produce" -b "$BOOTSTRAP" -t faulty -f "$DIR/some" >/dev/null
    equals "the beginning is cut off, one event contradicts itself: status 1" 1 "$(verify --topic faulty)"
    says "... the gap" "bytes 0 to ${at[7]} " "$DIR/out"
    says "... the contradiction" "WRONG: 1 event" "$DIR/out"
    equals "an empty topic: status 1" 1 "$(verify --topic nothing)"
    says "... proves nothing" "NOT PROVEN: there is no event" "$DIR/out"
}

rotations_and_ends() {
    fresh ends
    mock_config "" "  posta_headers: true
  end_records: true"
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 4000 -r 200000 -R 20000 >/dev/null
    check "(all is delivered)" until_true 20 delivered_lines 4000
    stop_posta
    equals "rotated logs: status 0" 0 "$(verify)"
    says "... nothing is missing" "nothing is missing" "$DIR/out"
    local n
    n=$(column 1 | wc -w)
    check "... several generations ($n), and all but the last have their end" test "$n" -gt 2 -a "$(column 4 | tr ' ' '\n' | grep -c lease)" -ge $((n - 1))
    equals "... each line" 4000 "$(sum 5)"
}
# The sum of what was reported as delivered, ends too.
delivered_lines() {
    [[ $(grep -o 'sender.lines_delivered=[0-9]*' "$LOG" | cut -d= -f2 | awk '{ n += $1 } END { print n + 0 }') -ge $1 ]]
}

after_kills() {
    fresh killed
    mock_config "" "  posta_headers: true"
    start_posta_and_wait
    collect_live 30000 -i 20 -T 100
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 30000 -R 10000 -r 1000000 >/dev/null &
    local writer=$!
    for ((i = 0; i < 8; i++)); do
        sleep "0.$((RANDOM % 4))"
        kill_posta
        start_posta
    done
    wait "$writer"
    judge_live
    stop_posta
    equals "killed eight times: the tests' judge finds none lost" 0 "$(verdict lost)"
    equals "... verify agrees: status 0" 0 "$(verify)"
    equals "... on the lines" 30000 "$(sum 5)"
    equals "... on the repeats" "$(verdict repeated)" "$(sum 9)"
}

messages_of_several_lines() {
    local of_input="    parsers:
      - multiline: {pattern: '^ ', match: after}"
    fresh multiline
    mock_config "$of_input" "  posta_headers: true"
    printf 'a\n b\r\n c\nd\ne\n f\n' >"$DIR/log/app.log"
    once
    equals "multiline: status 0" 0 "$(verify)"
    equals "... to the last byte" "$(stat -c %s "$DIR/log/app.log")" "$(column 3)"
    equals "... three messages" 3 "$(column 5)"
    fresh access
    mock_config "$of_input"
    printf 'a\n b\nc\n' >"$DIR/log/app.log"
    once
    equals "multiline without the headers: status 1" 1 "$(verify)"
    says "... is not proven, and what to do" "Set output.kafka.posta_headers: true" "$DIR/out"
}

left_out_on_purpose() {
    fresh filtered
    mock_config "    include_lines: ['keep']" "  posta_headers: true"
    printf 'keep 1\nno\nno\nkeep 2\nno\nkeep 3\n' >"$DIR/log/app.log"
    once
    equals "filtered lines are not missing: status 0" 0 "$(verify)"
    says "... they are counted" "9 bytes of that have no event on purpose" "$DIR/out"
    fresh large
    mock_config "    message_max_bytes: 64KB" "  posta_headers: true
  max_message_bytes: 20000"
    { echo first && head -c 30000 /dev/zero | tr '\0' x && echo && echo last && head -c 100000 /dev/zero | tr '\0' y && echo && echo end; } >"$DIR/log/app.log"
    once
    equals "two events are in the dead letter file: status 1" 1 "$(verify)"
    says "... the first" "bytes 6 to 30007 " "$DIR/out"
    check "... the second is cut before it is dead" grep -q "^missing: .* bytes 30012 to " "$DIR/out"
}

while_it_goes_on() {
    fresh live
    mock_config
    "$TOOLS/produce" -b "$BOOTSTRAP" -t live -f <(head -n 10 "$DIR/all") >/dev/null
    "$POSTA" verify -c "$DIR/posta.yml" --live >"$DIR/live" 2>"$DIR/err" &
    local reader=$!
    check "live: what is there is read" until_true 20 grep -q "waiting for more" "$DIR/live"
    "$TOOLS/produce" -b "$BOOTSTRAP" -t live -f <(sed -n '12,20p' "$DIR/all") >/dev/null
    check "... a gap is said" until_true 20 grep -q "are missing so far" "$DIR/live"
    "$TOOLS/produce" -b "$BOOTSTRAP" -t live -f <(sed -n '5,6p' "$DIR/all") >/dev/null
    check "... a repeat is said" until_true 20 grep -q "come again: repeats" "$DIR/live"
    "$TOOLS/produce" -b "$BOOTSTRAP" -t live -f <(sed -n '11p' "$DIR/all") >/dev/null
    check "... and that the gap is filled" until_true 20 grep -q "have come: they were missing" "$DIR/live"
    kill -INT "$reader"
    local rc=0
    wait "$reader" || rc=$?
    equals "... Ctrl-C ends it with the summary: status 0" 0 "$rc"
    says "... which says it" "nothing is missing" "$DIR/live"
}

when_it_cannot_read() {
    fresh plain
    mock_config
    broker down all
    equals "no broker: status 2" 2 "$(verify)"
    says "... and why" "no broker answers" "$DIR/err"
    { config_head && config_input "$DIR/log/app.log" && echo "output.console.enabled: true"; } >"$DIR/posta.yml"
    equals "an output that cannot be read back: status 2" 2 "$(verify)"
    says "... says so" "verify reads Kafka topics" "$DIR/err"
}

nothing_is_missing
some_are_cut_out
rotations_and_ends
after_kills
messages_of_several_lines
left_out_on_purpose
while_it_goes_on
when_it_cannot_read
broker quit
