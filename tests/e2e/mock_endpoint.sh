#!/usr/bin/env bash
# The endpoint beside posta at work: answers at full load, to slow and hostile clients, while Kafka is away, and after restarts;
# what it says agrees with what the broker has. Probes, sockets, ports in use. Runs under the sanitizers too.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-load:3 logs-bad:3 logs-away:3 logs-unix:3

SOCKET=$DIR/posta.sock
N=${LINES_N:-60000}
BOUND_KB=16000 # the lines alone take 7 to 10 MB, as full_load says
[[ $BUILD != *san ]] || BOUND_KB=1000000 # a sanitizer keeps what is freed

config() { # TOPIC HTTP [INPUT_EXTRA]
    TOPIC=$1
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
    mock_config "${3:-}"
    printf 'http: {enabled: true, %s}\n' "$2" >>"$DIR/posta.yml"
}
url() { grep -o 'health and metrics: .*' "$LOG" | tail -n 1 | sed 's/.*: //; s,unix://,,'; }
get() { "$TOOLS/httpask" "$(url)" get "$@"; } # PATH [HEADER ...]
answer() { get "$@" | sed '1,/^\r$/d'; }
status_of() { get "$@" 2>&1 | head -n 1 | cut -d' ' -f2; }
metric() { answer /metrics | awk -v name="$1" 'index($0, name " ") == 1 || index($0, name "{") == 1 { n += $NF } END { printf "%d\n", n }'; } # NAME[{LABELS}]
is_metric() { [[ $(metric "$1") == "$2" ]]; }
in_ledger() { answer /metrics | grep -F "posta_ledger_lines_total{input=\"app\",term=\"$1\"}" | cut -d' ' -f2; }
anonymous_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$PID/status"; }

# At one moment, and exactly: both equations, in bytes and in lines.
balance() { # FILE with /metrics
    awk -F'[{}",= ]+' '
        /^posta_ledger_(bytes|lines)_total/ { unit = $1; sub(/posta_ledger_/, "", unit); sub(/_total/, "", unit); at[unit, $5] += $NF }
        /^posta_ledger_waiting_/ { unit = $1; sub(/posta_ledger_waiting_/, "", unit); at[unit, "waiting"] += $NF; n++ }
        END {
            for (i = split("bytes lines", units, " "); i > 0; i--) {
                u = units[i]
                if (at[u, "read"] != at[u, "spooled"] + at[u, "dropped_newest"]) print u ": read"
                if (at[u, "recovered"] + at[u, "spooled"] + at[u, "healed"] != at[u, "delivered"] + at[u, "known"] + at[u, "filtered"] + \
                    at[u, "dead"] + at[u, "dropped_oldest"] + at[u, "damaged"] + at[u, "waiting"]) print u ": spooled"
                if (at[u, "waiting"] > 2 ^ 60) print u ": below 0"
            }
            if (n == 0) print "no ledger"
        }' "$1"
}

# Asks for everything again and again, until it is killed; then $DIR/asked has a line for each answer, $DIR/wrong what was wrong.
ask_all_the_time() {
    : >"$DIR/asked"
    : >"$DIR/wrong"
    while :; do
        for path in /healthz /readyz /stats /metrics; do
            if get "$path" >"$DIR/page" 2>&1 && grep -q '^HTTP/1.1 200' "$DIR/page"; then
                echo "$path" >>"$DIR/asked"
            else
                echo "$path: $(head -n 1 "$DIR/page")" >>"$DIR/wrong"
            fi
        done
        balance "$DIR/page" >>"$DIR/wrong"
        sleep 0.05
    done
}
was_asked() { (($(wc -l <"$DIR/asked") >= $1)); } # TIMES
stop_asking() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
formats() {
    answer /metrics >"$DIR/text"
    equals "the text format is strictly kept" "" "$(awk -f "$ROOT/tests/admin/exposition.awk" "$DIR/text" | head -n 5)"
    answer /metrics 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5' >"$DIR/open"
    equals "OpenMetrics too" "" "$(awk -v open=1 -f "$ROOT/tests/admin/exposition.awk" "$DIR/open" | head -n 5)"
    ! command -v promtool >/dev/null || check "promtool finds nothing" promtool check metrics <"$DIR/text"
    equals "no metric is without its line in the manual" "" "$(
        grep -oE '^# TYPE [a-z_]+' "$DIR/text" | cut -d' ' -f3 | while read -r name; do grep -q "^\.It Ic $name\$" "$ROOT/docs/posta.8" || echo "$name"; done)"
    check "/stats has Beats' members" jq -e '.beat.info.version and .libbeat.output.type == "kafka" and (.filebeat.harvester.open_files | type == "number") and .posta.ledger.app.lines.read >= 0' <<<"$(answer /stats)"
    equals "/ says who it is" filebeat "$(answer / | jq -r .beat)"
    check "?pretty has lines" test "$(answer '/stats?pretty' | wc -l)" -gt 50
    check "... of the same JSON" jq -e .beat <<<"$(answer '/stats?pretty')"
    equals "what is not there: 404" 404 "$(status_of /none)"
    says "... and what is" "/metrics" <(answer /none)
}

full_load() {
    config logs-load "port: 0"
    start_posta_and_wait
    collect_live "$N" -i 30 -T 180 --max-repeats 0
    ask_all_the_time &
    local asking=$! id
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" -r 2000000 >/dev/null
    judge_live
    check "full load: it was asked often" until_true 60 was_asked 20
    stop_asking "$asking"
    equals "full load: every line arrives" 0 "$(verdict lost)"
    equals "full load: every question was answered, and at every moment the ledger balanced" "" "$(head -n 3 "$DIR/wrong")"
    echo "numbers: $(wc -l <"$DIR/asked") answers while $N lines were delivered"
    check "what was acknowledged is what the broker has" until_true 10 is_metric posta_output_acked_events_total "$N"
    for id in read spooled delivered; do equals "... and in the ledger: $id" "$N" "$(in_ledger "$id")"; done
    equals "... nothing waits" 0 "$(metric posta_ledger_waiting_lines)"
    equals "... bytes read are bytes written" "$(cat "$DIR"/log/app.log* | wc -c)" "$(metric posta_input_bytes_total)"
    equals "... each has its time in the histogram" "$N" "$(metric posta_delivery_latency_seconds_count)"
    check "... a broker is up" until_true 15 at_least posta_broker_up 1
    echo "numbers: $(anonymous_kb) kB of memory behind full load"
    formats
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}
answers_with() { answer /metrics | grep -qE "$1"; }
at_least() { (($(metric "$1") >= $2)); }

# All at once, while lines are written; the good client is answered all the time, as who came first goes first.
hostile_clients() {
    local before after jobs=() job
    config logs-bad "port: 0"
    start_posta_and_wait
    until_true 10 is_metric posta_ready 1
    before=$(anonymous_kb)
    collect_live "$N" -i 30 -T 180 --max-repeats 0
    "$TOOLS/httpask" "$(url)" hold 1000 >"$DIR/hold" & jobs+=($!)
    "$TOOLS/httpask" "$(url)" slow 100 >"$DIR/slow" & jobs+=($!)
    "$TOOLS/httpask" "$(url)" greedy 40 >"$DIR/greedy" & jobs+=($!)
    "$TOOLS/httpask" "$(url)" garbage 300 "$SEED" >"$DIR/garbage" & jobs+=($!)
    "$TOOLS/httpask" "$(url)" half 300 "$SEED" >"$DIR/half" & jobs+=($!)
    "$TOOLS/httpask" "$(url)" huge 50 >"$DIR/huge" & jobs+=($!)
    ask_all_the_time &
    local asking=$!
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" -r 2000000 >/dev/null
    judge_live
    for job in garbage half huge hold; do check "hostile: $job was done" until_true 60 test -s "$DIR/$job"; done
    check "hostile: who asks well is answered beside them" until_true 60 was_asked 20
    stop_asking "$asking"
    equals "hostile: every line arrives" 0 "$(verdict lost)"
    equals "... in order" 0 "$(verdict disordered)"
    echo "numbers: $(wc -l <"$DIR/asked") answers, $(grep -c ^/ "$DIR/wrong") refused, beside $(cat "$DIR/hold") connections, $(cat "$DIR/huge")"
    equals "hostile: healthy and ready" "200 200" "$(status_of /healthz) $(status_of /readyz)"
    check "hostile: connections were cut" at_least posta_http_connections_cut_total 500
    check "hostile: few descriptors are taken" test "$(metric process_open_fds)" -lt 200
    after=$(anonymous_kb)
    echo "numbers: $before kB of memory before, $after kB behind"
    check "hostile: memory is bounded ($before kB, then $after kB)" test $((after - before)) -lt "$BOUND_KB"
    kill "${jobs[@]}" 2>/dev/null
    wait "${jobs[@]}" 2>/dev/null
    equals "hostile: gone, and it answers" 200 "$(status_of /metrics)"
    equals "a POST is refused" "405" "$(printf 'POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd' | raw | head -n 1 | cut -d' ' -f2)"
    stop_posta
    equals "hostile: ... SIGTERM ends with status 0" 0 $?
}
raw() { # stdin to the port, its answer
    local address
    address=$(url)
    exec 5<>"/dev/tcp/127.0.0.1/${address##*:}"
    cat >&5
    timeout 5 cat <&5
    exec 5>&-
}

# Health is not Kafka's; what waits is seen; a start finds it again and counts it.
kafka_away() {
    local waiting
    config logs-away "port: 0"
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 >/dev/null
    check "Kafka away: what waits is shown" until_true 20 is_metric posta_ledger_waiting_lines 20000
    equals "Kafka away: healthy and ready" "200 200" "$(status_of /healthz) $(status_of /readyz)"
    check "Kafka away: brokers are known" until_true 15 answers_with '^posta_broker_up{.*state="[A-Z_]*"} 0$'
    equals "... and none is up" 0 "$(metric posta_broker_up)"
    check "Kafka away: the oldest has an age" until_true 10 at_least posta_spool_oldest_event_age_seconds 1
    kill_posta
    start_posta_and_wait
    check "killed: the start counts what it found" until_true 20 is_metric posta_ledger_counting 0
    equals "... to the line" 20000 "$(in_ledger recovered)"
    waiting=$(metric posta_ledger_waiting_bytes)
    equals "... and to the byte" "$(wc -c <"$DIR/log/app.log")" "$waiting"
    collect_live 25000 -i 30 -T 120
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 5000 -S 20000 >/dev/null
    broker up all
    judge_live
    equals "... none is lost" 0 "$(verdict lost)"
    check "... all is delivered, as the ledger says" until_true 20 is_metric posta_ledger_waiting_lines 0
    equals "... recovered and new ones" "20000 5000 25000" "$(in_ledger recovered) $(in_ledger read) $(in_ledger delivered)"
    answer /metrics >"$DIR/page"
    equals "... and it balances" "" "$(balance "$DIR/page")"
    stop_posta
}

probes() {
    local out
    config logs-unix "host: \"unix://$SOCKET\""
    start_posta_and_wait
    equals "a socket: answers" 200 "$(status_of /healthz)"
    equals "probe live" "live: ok" "$("$POSTA" probe live -c "$DIR/posta.yml" 2>&1)"
    equals "probe ready" "ready: ok" "$("$POSTA" probe ready -c "$DIR/posta.yml" 2>&1)"
    equals "probe, told where" "live: ok" "$("$POSTA" probe live --url "unix://$SOCKET" 2>&1)"
    out=$("$POSTA" -c "$DIR/posta.yml" --path.data "$DIR/data2" 2>&1)
    equals "a socket in use: the second posta does not start" 2 $?
    says "... and says why" "posta.sock is in use" <(echo "$out")
    kill -STOP "$PID"
    out=$("$POSTA" probe live -c "$DIR/posta.yml" 2>&1)
    equals "a loop that does not turn: not live" 1 $?
    says "... as no answer came" "no answer in time" <(echo "$out")
    kill -CONT "$PID"
    check "... and live when it turns again" until_true 10 "$POSTA" probe live -c "$DIR/posta.yml"
    kill_posta
    check "killed: its socket is still there" test -S "$SOCKET"
    out=$("$POSTA" probe live -c "$DIR/posta.yml" 2>&1)
    equals "... and nobody is live" 1 $?
    start_posta_and_wait
    check "... and is replaced" until_true 10 "$POSTA" probe ready -c "$DIR/posta.yml"
    stop_posta
    check "the end takes it away" test ! -e "$SOCKET"
    echo "precious" >"$SOCKET"
    equals "a file in its place: no start" 2 "$(status -c "$DIR/posta.yml")"
    says "... and it is left alone" "precious" "$SOCKET"
    rm "$SOCKET"
    sed -i '/^http:/d' "$DIR/posta.yml"
    out=$("$POSTA" probe live -c "$DIR/posta.yml" 2>&1)
    equals "without an endpoint: not live" 1 $?
    says "... and it says what to set" "set http.enabled: true" <(echo "$out")
}

refused() {
    local port out
    config logs-unix "port: 0"
    start_posta_and_wait
    port=$(url) port=${port##*:}
    sed "s/port: 0/port: $port/; s,$DIR/data,$DIR/data2," "$DIR/posta.yml" >"$DIR/second.yml"
    out=$("$POSTA" -c "$DIR/second.yml" 2>&1)
    equals "a port in use: the second posta does not start" 2 $?
    says "... and says what to do" "in use: does another posta or Beat run here" <(echo "$out")
    stop_posta
    equals "a host that is none" 1 "$(status -c "$DIR/posta.yml" -E 'http.host=tcp://x')"
    says "... is said" "give a host name, an address, or unix:///path" "$LOG"
    ln -s loop "$DIR/loop"
    config logs-unix "port: 0"
    sed -i "s,$DIR/log/app.log,$DIR/loop/app.log," "$DIR/posta.yml"
    start_posta_and_wait
    equals "a folder that cannot be looked into: healthy, not ready" "200 503" "$(status_of /healthz) $(status_of /readyz)"
    says "... and why" "input app: $DIR/loop:" <(answer /readyz)
    stop_posta
}

began_at() { answer /metrics | grep '^process_start_time_seconds '; }

# A sidecar with a wrong configuration keeps lines: it is ready, and says what is wrong.
degraded() {
    local port began
    config logs-unix "port: 0"
    cp "$DIR/posta.yml" "$DIR/good.yml"
    echo "output.kafka.hots: x" >>"$DIR/posta.yml"
    start_posta_and_wait --role sidecar
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 500 >/dev/null
    check "a wrong configuration: lines are kept" until_true 20 is_metric posta_ledger_waiting_lines 500
    equals "... healthy and ready" "200 200" "$(status_of /healthz) $(status_of /readyz)"
    says "... but it says what is wrong" "ok: nothing is delivered: " <(answer /readyz)
    equals "... as a metric too" 0 "$(metric posta_config_last_reload_successful)"
    cp "$DIR/good.yml" "$DIR/posta.yml"
    began=$(began_at)
    kill -HUP "$PID"
    check "mended: all is delivered, under a new ledger" until_true 30 in_ledger_is delivered 500
    equals "... nothing is to be said" ok "$(answer /readyz)"
    equals "... the metric is 1" 1 "$(metric posta_config_last_reload_successful)"
    equals "... and the process began when it began" "$began" "$(began_at)"
    echo "output.kafka.hots: x" >>"$DIR/posta.yml"
    kill -HUP "$PID"
    check "made wrong while it works: the metric says so" until_true 10 is_metric posta_config_last_reload_successful 0
    equals "... and nothing else changes" "ok 200" "$(answer /readyz) $(status_of /healthz)"
    port=$(url) port=${port##*:}
    sed "s/port: 0/port: $port/; s,$DIR/data,$DIR/data2,; s,id: app,id: other," "$DIR/good.yml" >"$DIR/second.yml"
    "$POSTA" -c "$DIR/second.yml" --role sidecar 2>"$DIR/second.log" &
    local second=$!
    check "a sidecar whose port is in use says so" until_true 20 grep -q 'in use: .*nobody can ask' "$DIR/second.log"
    check "... and follows its logs all the same" until_true 20 grep -q 'tail: watching 1 folder' "$DIR/second.log"
    kill -TERM "$second"
    wait "$second"
    stop_posta
}
in_ledger_is() { [[ $(in_ledger "$1") == "$2" ]]; } # TERM LINES

full_load
hostile_clients
kafka_away
probes
refused
degraded
broker quit
