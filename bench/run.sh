#!/usr/bin/env bash
# Measures posta beside the floor: 1,000,000 nginx lines (214 bytes) from a file to Kafka (lz4, acks=all, idempotent), CPU
# seconds and peak memory of the process alone, medians of ROUNDS rounds in which both take turns. The broker is an
# in-process mock cluster in a process of its own, so that it costs little and the same for both. No pass or fail here.
#
#   ROUNDS=5 LINES_N=1000000 make bench
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
BUILD=${BUILD:-build} ROUNDS=${ROUNDS:-5} LINES_N=${LINES_N:-1000000}
if [[ -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-bench.XXXXXX")
BROKER=
trap '[[ -n $BROKER ]] && kill $BROKER 2>/dev/null; rm -rf "$DIR"' EXIT

compile() {
    mkdir -p "$BUILD/bench"
    local name
    for name in floor usage; do
        [[ $BUILD/bench/$name -nt bench/$name.c ]] ||
            gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$BUILD/bench/$name" "bench/$name.c" -lrdkafka
    done
}

start_broker() {
    mkfifo "$DIR/control"
    "$BUILD/tests/tools/brokerd" -n 3 -t bench:6 -f "$DIR/ready" -c "$DIR/control" >"$DIR/brokerd.log" 2>&1 &
    BROKER=$!
    until [[ -s $DIR/ready ]]; do sleep 0.05; done
    BOOTSTRAP=$(cat "$DIR/ready")
}

write_config() { # NAME SPOOL_DIR
    cat >"$DIR/$1.yml" <<YML
path.data: $2
logging.level: warning
filebeat.inputs:
  - {type: filestream, id: bench, paths: ["$DIR/access.log"]}
output.kafka: {hosts: ["${BOOTSTRAP//,/\",\"}"], topic: bench}
YML
}

round() {
    rm -rf "$DIR/mem" "$DISK"
    "$BUILD/bench/usage" "$DIR/results" floor "$BUILD/bench/floor" "$BOOTSTRAP" bench "$DIR/access.log" 2>/dev/null
    "$BUILD/bench/usage" "$DIR/results" posta-tmpfs "$BUILD/posta" --once -c "$DIR/mem.yml"
    "$BUILD/bench/usage" "$DIR/results" posta-disk "$BUILD/posta" --once -c "$DIR/disk.yml"
}

median() { # NAME FIELD(S summed)
    awk -v name="$1" -v fields="$2" '$1 == name { n = split(fields, f, ","); s = 0; for (i = 1; i <= n; i++) s += $f[i]; print s }' \
        "$DIR/results" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

table() {
    local name cpu floor
    floor=$(median floor 2,3)
    printf '%-14s %8s %8s %8s %10s %8s %8s\n' program 'CPU s' user sys 'peak MB' 'wall s' 'x floor'
    for name in floor posta-tmpfs posta-disk; do
        cpu=$(median "$name" 2,3)
        printf '%-14s %8.2f %8.2f %8.2f %10.1f %8.2f %8.2f\n' "$name" "$cpu" "$(median "$name" 2)" "$(median "$name" 3)" \
            "$(awk -v kb="$(median "$name" 4)" 'BEGIN { print kb / 1024 }')" "$(median "$name" 5)" \
            "$(awk -v a="$cpu" -v b="$floor" 'BEGIN { print a / b }')"
    done
}

compile
DISK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-bench.XXXXXX")
start_broker
write_config mem "$DIR/mem"
write_config disk "$DISK"
"$BUILD/tests/tools/linewriter" -f "$DIR/access.log" -n "$LINES_N" -B 65536 >/dev/null
for ((i = 1; i <= ROUNDS; i++)); do round; done
rm -rf "$DISK"
echo "$LINES_N lines, $ROUNDS rounds in alternation, medians; spool on tmpfs and on disk"
table
