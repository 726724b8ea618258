# shellcheck shell=bash
# lib.sh: what the scripts of bench/ share: a place to work, the sink, the shippers, medians, tables.
#
# Shippers are known by name: bare and floor (bench/bare.c, bench/floor.c), posta-tmpfs and posta-disk (where its spool is),
# posta-packed (several events a record) where posta has it, and each bench/peers/NAME.sh (see bench/peers/README.md).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD BUILD=${BUILD:-build}
BIN=$BUILD/bench RESULTS=${RESULTS:-$BUILD/bench/results}
PEERS=$ROOT/$BIN/peers TOPIC=bench LINGER_MS=5 PACK=${PACK:-16KB}
if [[ -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-bench.XXXXXX")
DISK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-bench.XXXXXX")
LOG=$DIR/log/access.log
SINK=
mkdir -p "$RESULTS" "$DIR/log"

end_bench() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
    rm -rf "$DIR" "$DISK"
}
trap end_bench EXIT

say() { printf 'bench: %s\n' "$*" >&2; }

# ---- the sink ----

# Until the process has told in $DIR/ready where it listens; sets BOOTSTRAP.
wait_for_brokers() { # PID
    until [[ -s $DIR/ready ]]; do
        kill -0 "$1" 2>/dev/null || { say "the brokers of this measurement do not start: make tools bench-bin" && exit 1; }
        sleep 0.02
    done
    BOOTSTRAP=$(<"$DIR/ready")
}

# Sets BOOTSTRAP. More arguments: see bench/sink.c.
start_sink() { # [ARGUMENT...]
    rm -f "$DIR/ready" "$DIR/done"
    "$BIN/sink" -f "$DIR/ready" -d "$DIR/done" "$@" &
    SINK=$!
    wait_for_brokers "$SINK"
}

stop_sink() {
    kill "$SINK"
    wait "$SINK"
    SINK=
}

# What the last sink told: told events, told wire_bytes, told latency_us.
told() { sed -n "s/^$1 //p" "$DIR/done"; }

# ---- shippers ----

# For posta. INPUT_MORE, OUTPUT_MORE, QUEUE, PATHS, CODEC: more of the configuration, or other than usual.
write_posta() { # SPOOL_DIR
    cat <<YML
name: pod-1
path.data: $1
logging.level: error
filebeat.inputs:
  - {type: filestream, id: bench, paths: ["${PATHS:-$LOG}"]${INPUT_MORE:+, $INPUT_MORE}}
${QUEUE:-queue.disk: {max_size: 10GB\}}
output.kafka: {hosts: ["${BOOTSTRAP//,/\", \"}"], topic: $TOPIC, compression: ${CODEC:-lz4}${OUTPUT_MORE:+, $OUTPUT_MORE}}
YML
}

# Sets COMMAND: what starts it in the foreground, with an empty state.
# shellcheck disable=SC2034 # the caller's
prepare() { # SHIPPER [once]
    STATE=$DIR/state.$1
    [[ $1 != *-disk ]] || STATE=$DISK/state.$1
    [[ $1 != *-packed ]] || local OUTPUT_MORE="pack: $PACK"
    rm -rf "$STATE"
    mkdir -p "$STATE"
    case $1 in
    bare | floor) COMMAND=("$BIN/$1" "$BOOTSTRAP" "$TOPIC" "$LOG") ;;
    posta*)
        write_posta "$STATE" >"$DIR/$1.yml"
        COMMAND=("$BUILD/posta" -c "$DIR/$1.yml" ${2:+--once})
        ;;
    *) COMMAND=(env "LOG=$LOG" "STATE=$STATE" "BOOTSTRAP=$BOOTSTRAP" "TOPIC=$TOPIC" "LINGER_MS=$LINGER_MS"
        "PEERS=$PEERS" "bench/peers/$1.sh" run) ;;
    esac
}

# Name and version; fails where it cannot run here.
version_of() { # SHIPPER
    case $1 in
    bare | floor) echo "$1" ;;
    posta-packed) "$BUILD/posta" export reference | grep '#pack:' ;;
    posta*) "$BUILD/posta" version ;;
    *) PEERS=$PEERS "bench/peers/$1.sh" version ;;
    esac
}

# Those of the list that can run here.
only_available() { # SHIPPER...
    local name
    bench/peers/get.sh "$PEERS" || say "peers are not there, and not measured"
    for name; do
        if version_of "$name" >/dev/null 2>&1; then echo "$name"; else say "$name cannot run here"; fi
    done
}

# ---- numbers ----

# Median of an expression of awk over the rows of a file whose first field is NAME; with "spread": "median (min-max)".
median() { # FILE NAME EXPRESSION FORMAT [spread]
    awk -F'\t' -v name="$2" "\$1 == name { print $3 }" "$1" | sort -n |
        awk -v format="$4" -v spread="${5:-}" '{ v[NR] = $1 }
            END { if (!NR) exit
                  m = v[int((NR + 1) / 2)]
                  if (spread) printf format " (" format "-" format ")", m, v[1], v[NR]
                  else printf format, m }'
}

# ---- tables ----

# A table of RESULTS/NAME.md begins: title and columns. Its rows come with row.
begin_table() { # NAME TITLE COLUMN...
    TABLE=$RESULTS/$1.md
    {
        printf '%s\n\n' "$2"
        shift 2
        printf '| %s ' "$@"
        printf '|\n'
        printf '|---%.0s' "$@"
        printf '|\n'
    } | tee "$TABLE"
}

row() { # CELL...
    {
        printf '| %s ' "$@"
        printf '|\n'
    } | tee -a "$TABLE"
}
