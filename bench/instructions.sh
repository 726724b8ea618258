#!/usr/bin/env bash
# How many instructions the hot path takes for a fixed input: intake (file to spool), encode (spool to events), parse (the same
# with nginx's access log taken apart into ECS). Counted by callgrind, which counts the same each time: a row that grew by more
# than MARGIN percent over instructions.tsv fails, with the functions that take most.
#
#   bench/instructions.sh          compare
#   bench/instructions.sh write    renew the rows of this compiler, C library and processor
#
# Counts are those of one compiler and one C library, on processors with the same vector instructions: others have rows of
# their own, and where there are none nothing is compared.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
BUILD=${BUILD:-build} CC=${CC:-gcc} MARGIN=${MARGIN:-3} LINES_N=10000
TABLE=bench/instructions.tsv ROWS=(intake encode parse)
if [[ -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-count.XXXXXX")
trap 'rm -rf "$DIR"' EXIT

# Valgrind shows programs AVX2 at most.
key_of_machine() {
    local vectors=none flag
    for flag in sse2 ssse3 sse4_2 avx2 asimd; do
        if grep -qw "$flag" /proc/cpuinfo; then vectors=$flag; fi
    done
    echo "$CC-$("$CC" -dumpfullversion)/$(uname -m)/$vectors/glibc-$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)"
}

write_config() { # ROW
    local parsers=
    [[ $1 != parse ]] || parsers=', parsers: [{nginx: {}}]'
    cat <<YML
path.data: $DIR/data
name: web-1
filebeat.inputs: [{type: filestream, id: in, paths: ["$DIR/access.log"]$parsers}]
queue.disk: {path: $DIR/data/spool, max_size: 1GB}
output.console.enabled: true
YML
}

count() { # ROW
    rm -rf "$DIR/data"
    mkdir "$DIR/data"
    write_config "$1" >"$DIR/posta.yml"
    valgrind --tool=callgrind --callgrind-out-file="$DIR/$1.out" --toggle-collect=measured --collect-atstart=no \
        "$BUILD/bench/instructions" "$1" "$DIR/posta.yml" "$DIR/access.log" >"$DIR/log" 2>&1 || {
        cat "$DIR/log" >&2
        return 1
    }
    sed -n 's/.*Collected : //p' "$DIR/log"
}

# What takes most in this row, of itself.
explain() { # ROW
    callgrind_annotate "$DIR/$1.out" | awk '/^ *[0-9,]+ \(/ && !/PROGRAM TOTALS/ && n++ < 12' | sed 's/^/    /'
}

stored() { awk -F'\t' -v key="$KEY" -v row="$1" '$1 == key && $2 == row { print $3 }' "$TABLE"; }

compare() { # ROW COUNT
    local before change
    before=$(stored "$1")
    change=$(awk -v a="$2" -v b="$before" 'BEGIN { printf "%+.1f", (a / b - 1) * 100 }')
    printf '  COUNT %-7s %6d instructions a line, %s %%\n' "$1" $(($2 / LINES_N)) "$change"
    if awk -v c="$change" -v m="$MARGIN" 'BEGIN { exit !(c > m) }'; then
        printf 'instructions: %s takes %d instructions a line, before it took %d (%s %%). Where they go:\n' "$1" \
            $(($2 / LINES_N)) $((before / LINES_N)) "$change" >&2
        explain "$1" >&2
        CODE=1
    elif awk -v c="$change" -v m="$MARGIN" 'BEGIN { exit !(c < -m) }'; then
        echo "        less than before: keep it so with bench/instructions.sh write"
    fi
}

renew() {
    local row
    { grep -v "^$KEY	" "$TABLE" 2>/dev/null || true; } >"$DIR/table"
    for row in "${ROWS[@]}"; do printf '%s\t%s\t%s\n' "$KEY" "$row" "$(count "$row")" >>"$DIR/table"; done
    cp "$DIR/table" "$TABLE"
    grep "^$KEY	" "$TABLE"
}

main() {
    local row counted
    KEY=$(key_of_machine) CODE=0
    if [[ ${1:-} == write ]]; then
        renew
        return
    fi
    if [[ -z $(stored intake) ]]; then
        echo "  SKIP  instructions: $TABLE has no rows for $KEY; bench/instructions.sh write makes them"
        return
    fi
    for row in "${ROWS[@]}"; do
        counted=$(count "$row")
        compare "$row" "$counted"
    done
    return "$CODE"
}
main "$@"
