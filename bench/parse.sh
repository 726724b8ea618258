#!/usr/bin/env bash
# What a line costs as a plain event and through each parser: ns (best of 15 rounds) and, with valgrind installed,
# instructions (the difference of a run of 20,000 lines and one of 10,000).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PARSE=${BUILD:-build}/bench/parse

instructions() { # NAME LINES
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$PARSE" "$1" "$2" 2>&1 >/dev/null |
        sed -n 's/.*Collected : //p'
}

"$PARSE"
command -v valgrind >/dev/null || exit 0
for name in plain nginx apache nginx-json nginx-error container ndjson syslog multiline; do
    printf '%-12s %7d instructions a line\n' "$name" \
        $((($(instructions "$name" 20000) - $(instructions "$name" 10000)) / 10000))
done
