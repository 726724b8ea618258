#!/usr/bin/env bash
# What `make bench`, `make bench-all` and `make bench-docs` do, one after the other.
#
#   bench/all.sh bench|all|docs
#
# bench: throughput, latency, rest. all: scale, real brokers and backlog too (BIG=1: up to 10 GB of it). docs: all, then
# docs/performance.md and its pictures are made of it.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
WHAT=$1
TARGET=bench-$WHAT
TARGET=${TARGET/bench-bench/bench}

library_versions() { "$BUILD/posta" version | sed 's/.*(\(.*\))/\1/'; }

# What a reader has to know of the run.
tell_machine() {
    {
        printf -- '- %s, commit %s%s\n' "$(date -u +%Y-%m-%d)" "$(git rev-parse --short HEAD)" "$(git diff --quiet HEAD -- agent include || echo ' and changes')"
        printf -- '- make %s\n' "$TARGET"
        printf -- '- %s, %s of them, %s GB of memory\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
            "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)"
        printf -- '- Linux %s, %s, gcc %s, %s\n' "$(uname -r)" "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(gcc -dumpfullversion)" "$(library_versions)"
        printf -- '- load when it began: %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
        for name in rsyslog syslog-ng; do printf -- '- %s\n' "$(version_of "$name" 2>/dev/null || echo "no $name")"; done
    } | tee "$RESULTS/machine.md"
}

only_available >/dev/null
rm -f "$RESULTS"/*.md "$RESULTS"/*.tsv
tell_machine
bench/run.sh
bench/latency.sh
bench/rest.sh
[[ $WHAT != bench ]] || exit 0
bench/scale.sh
bench/backlog.sh
bench/answers.sh
bench/brokers.sh
[[ $WHAT != docs ]] || bench/docs.sh
