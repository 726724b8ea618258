#!/usr/bin/env bash
# docs/performance.md gets the tables of bench/'s last run, between its lines "<!-- BEGIN name -->" and "<!-- END name -->", and
# docs/pictures the pictures of it. What stands outside of these lines is written by hand.
#
#   bench/docs.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
PAGE=docs/performance.md PICTURES=docs/pictures

put_table() { # FILE
    local name
    name=$(basename "$1" .md)
    grep -q "^<!-- BEGIN $name -->" "$PAGE" || {
        say "$PAGE has no place for $name"
        return
    }
    awk -v name="$name" -v file="$1" '
        $0 == "<!-- END " name " -->" { skipping = 0 }
        !skipping
        $0 == "<!-- BEGIN " name " -->" { skipping = 1; while ((getline line < file) > 0) print line }' "$PAGE" >"$DIR/page"
    cp "$DIR/page" "$PAGE"
}

# Medians of two columns of the throughput table, tab by tab. bare and floor are named for readers.
of_throughput() { # EXPRESSION FORMAT [EXPRESSION]
    local raw=$RESULTS/throughput.tsv name label
    awk -F'\t' '$1 !~ /spool/ && !seen[$1]++ { print $1 }' "$raw" | while read -r name; do
        label=${name/bare/no library, bare}
        printf '%s\t%s' "${label/floor/librdkafka, bare}" "$(median "$raw" "$name" "$1" "$2")"
        printf '%s\n' "${3:+	$(median "$raw" "$name" "$3" "$2")}"
    done
}

bars() { awk -v title="$1" -v format="$2" -v first="${3:-}" -v second="${4:-}" -f bench/bars.awk; } # TITLE FORMAT [FIRST SECOND]

# shellcheck disable=SC2016 # for awk
draw() {
    mkdir -p "$PICTURES"
    of_throughput '$2 + $3' %.2f | bars "CPU seconds for a million lines, file to Kafka" %.2f >"$PICTURES/cpu.svg"
    of_throughput '$5 / 1024' %.1f '$6 / 1024' | bars "Peak memory at full speed, MB" %.1f "resident" "its own" >"$PICTURES/memory.svg"
    awk -F'\t' -v OFS='\t' '$2 !~ /renamed/ { print $1 ", " $2, $3, $4 }' "$RESULTS/latency.tsv" |
        bars "From write() to the broker, ms" %.1f p50 p99 >"$PICTURES/latency.svg"
}

for file in "$RESULTS"/*.md; do put_table "$file"; done
draw
