#!/usr/bin/env bash
# What metricsets and monitors cost: all metricsets, and MONITORS monitors of a kind, each every 10 s, against nginx on this machine,
# after the first round: CPU of the process over SECONDS_N seconds and its memory, beside a posta that only follows one quiet log.
# Memory: what is the process's own (RssAnon), and pages of programs and libraries that nobody else has mapped just now (the
# kernel takes those back when it needs room, and containers of the same image share them). No pass or fail here.
#
#   MONITORS=200 SECONDS_N=60 bench/checks.sh        prints the rows of the table in bench/checks.md
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
BUILD=${BUILD:-build} MONITORS=${MONITORS:-200} SECONDS_N=${SECONDS_N:-60} PORT=${PORT:-28800}
if [[ -w /dev/shm ]]; then SHM=/dev/shm; else SHM=/tmp; fi
DIR=$(mktemp -d "$SHM/posta-bench.XXXXXX")
chmod 0755 "$DIR"
PID=
cleanup() {
    [[ -z $PID ]] || kill "$PID" 2>/dev/null || true
    tests/nginx/nginx.sh stop "$DIR/nginx" || true
    rm -rf "$DIR"
}
trap cleanup EXIT

start_nginx() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$DIR/key.pem" -out "$DIR/cert.pem" 2>/dev/null
    tests/nginx/nginx.sh start "$DIR/nginx" "$PORT" "server { listen 127.0.0.1:$((PORT + 1)) ssl; ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate $DIR/cert.pem; ssl_certificate_key $DIR/key.pem; location / { return 200 ok; } }"
}
head_of_config() {
    printf 'path.data: %s/data\noutput.file: {path: %s/out, rotate_every_kb: 1000000}\nlogging.level: warning\n' "$DIR" "$DIR"
    printf 'filebeat.inputs: [{type: filestream, id: a, paths: [%s/quiet.log]}]\n' "$DIR"
}
some_monitors() { # N TYPE HOST [MORE]
    local i
    for ((i = 0; i < $1; i++)); do
        echo "  - {type: $2, id: $2$i, hosts: '$3', schedule: '@every 10s'${4:-}}"
    done
}
monitors() { # TYPE HOST [MORE]
    head_of_config
    echo "heartbeat.monitors:"
    some_monitors "$MONITORS" "$@"
}
metricsets() {
    echo "metricbeat.modules:
  - {module: system, period: 10s, metricsets: [cpu, core, load, memory, network, diskio, filesystem, fsstat, process, process_summary, uptime, socket_summary]}
  - {module: container, period: 10s}"
}
pages() {
    metricsets
    echo "  - {module: nginx, period: 10s, hosts: ['http://127.0.0.1:$PORT']}"
}
everything() {
    head_of_config
    pages
    echo "heartbeat.monitors:"
    some_monitors $((MONITORS / 2)) http "http://127.0.0.1:$PORT"
    some_monitors $((MONITORS / 4)) tcp "127.0.0.1:$PORT"
    some_monitors $((MONITORS / 4)) icmp 127.0.0.1
}
ticks() { awk '{print $14 + $15}' "/proc/$PID/stat"; }
measure() { # NAME, configuration from stdin
    local before after
    rm -rf "$DIR/data" "$DIR/out"
    cat >"$DIR/posta.yml"
    "$BUILD/posta" -c "$DIR/posta.yml" &
    PID=$!
    sleep 12
    before=$(ticks)
    sleep "$SECONDS_N"
    after=$(ticks)
    printf '| %s | %s | %s | %s |\n' "$1" \
        "$(awk -v t=$((after - before)) -v s="$SECONDS_N" -v hz="$(getconf CLK_TCK)" 'BEGIN {printf "%.2f %%", 100 * t / hz / s}')" \
        "$(awk '/RssAnon/ {printf "%.1f MB", $2 / 1024}' "/proc/$PID/status")" \
        "$(awk '/^Private_Clean/ {printf "%.1f MB", $2 / 1024}' "/proc/$PID/smaps_rollup")"
    kill "$PID"
    wait "$PID" || true
    PID=
}

start_nginx
: >"$DIR/quiet.log"
CA=", ssl.certificate_authorities: $DIR/cert.pem"
head_of_config | measure "one quiet log"
{ head_of_config && metricsets; } | measure "all metricsets of system and container"
{ head_of_config && pages; } | measure "the same and nginx's page"
everything | measure "that and $MONITORS monitors: half http, tcp, icmp"
monitors tcp "127.0.0.1:$PORT" | measure "$MONITORS tcp"
monitors icmp 127.0.0.1 | measure "$MONITORS icmp"
monitors tcp "tls://localhost:$((PORT + 1))" "$CA" | measure "$MONITORS tcp with TLS"
monitors http "http://127.0.0.1:$PORT" | measure "$MONITORS http"
monitors http "https://localhost:$((PORT + 1))" "$CA" | measure "$MONITORS https"
