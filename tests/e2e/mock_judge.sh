#!/usr/bin/env bash
# The judge of the rotation tests is judged: of a set of events with known faults it must name each, exactly.
# shellcheck source=tests/e2e/lib_rotate.sh
. "$(dirname "$0")/lib_rotate.sh"

"$TOOLS/ringwriter" -f "$DIR/log/app.log" -k 20 -r 200 -n 2390 -t "$DIR/truth" >"$DIR/writer"
equals "the writer made ten generations of 239 lines" "lines 2390, bytes 511460, generations 10, waited 0" "$(cat "$DIR/writer")"
for n in 9 8 7 6 5 4 3 2 1; do cat "$DIR/log/app.log.$n"; done | cat - "$DIR/log/app.log" |
    awk '{ gsub(/"/, "\\\""); printf "{\"message\":\"%s\",\"event\":{\"id\":\"%d\"},\"log\":{\"file\":{\"path\":\"a\"}}}\n", $0, NR }' >"$DIR/all"

# judge NAME EXPECTED: of $DIR/faulty
judge() {
    "$TOOLS/ringjudge" -t "$DIR/truth" "$DIR/faulty" >"$DIR/verdict" 2>"$DIR/judge"
    equals "$1" "$2" "$? $(grep -oE '[0-9]+' "$DIR/verdict" | tail -n +2 | tr '\n' ' ' | sed 's/ $//')"
}
# exit status, then: delivered lost bytes generations lost cut repeated disordered bad zeros
cp "$DIR/all" "$DIR/faulty"
judge "nothing is wrong" "0 2390 0 0 10 0 0 0 0 0 0"
sed '240,478d' "$DIR/all" >"$DIR/faulty"
judge "a generation is missing" "1 2151 239 51146 10 1 0 0 0 0 0"
sed '1,5d; 1000d' "$DIR/all" >"$DIR/faulty"
judge "single lines are missing" "1 2384 6 1284 10 0 2 0 0 0 0"
sed '700p' "$DIR/all" >"$DIR/faulty"
judge "a line comes twice" "0 2390 0 0 10 0 0 1 0 0 0"
sed '100{h;d}; 101G' "$DIR/all" >"$DIR/faulty"
judge "two lines are the wrong way round" "1 2390 0 0 10 0 0 0 1 0 0"
sed '7s/xxx/xyx/' "$DIR/all" >"$DIR/faulty"
judge "a line is changed" "1 2389 1 214 10 0 1 0 0 1 0"
sed '7s/message":"[^ ]*/message":"\\u0000\\u0000/' "$DIR/all" >"$DIR/faulty"
judge "a line has zeros" "1 2389 1 214 10 0 1 0 0 1 1"
sed '9s/seq=8 \(.*\) 8\\"/seq=9999 \1 8\\"/' "$DIR/all" >"$DIR/faulty"
judge "a line was never written" "1 2389 1 214 10 0 1 0 0 1 0"
head -c -100 "$DIR/all" >"$DIR/faulty"
judge "the last event is cut off" "1 2389 1 214 10 0 1 0 0 1 0"
