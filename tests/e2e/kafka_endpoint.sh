#!/usr/bin/env bash
# /metrics beside real brokers over mutual TLS: which of them are connected, when the certificate ends, and counters that are what
# the topic has.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
use_kafka endpoint

url() { grep -o 'health and metrics: .*' "$LOG" | tail -n 1 | sed 's/.*: //'; }
metrics() { "$TOOLS/httpask" "$(url)" get /metrics; }
metric() { metrics | awk -v name="$1" 'index($0, name " ") == 1 || index($0, name "{") == 1 { n += $NF } END { printf "%d\n", n }'; }
is_metric() { [[ $(metric "$1") == "$2" ]]; }
series() { metrics | grep -cE "$1"; }
has_series() { (($(series "$1") == $2)); } # REGEX NUMBER

kafka_config
echo "http: {enabled: true, port: 0}" >>"$DIR/posta.yml"
start_posta_and_wait
"$TOOLS/linewriter" -f "$DIR/log/app.log" -n 30000 >/dev/null
collect 30000 -i 30 -T 120
equals "every line arrives" 0 "$(verdict lost)"
check "what is acknowledged is what the topic has" until_true 20 is_metric posta_output_acked_events_total 30000
equals "the ledger says the same" 30000 "$(metrics | grep -F 'posta_ledger_lines_total{input="app",term="delivered"}' | cut -d' ' -f2)"
check "three brokers are known by name and number, connected or not needed yet" \
    until_true 30 has_series '^posta_broker_up\{broker="localhost:[0-9]+",id="[1-3]",state="(UP"\} 1|INIT"\} 0)$' 3
check "... the one that has the log is connected" test "$(metric posta_broker_up)" -ge 1
check "... and answer within a second" has_series '^posta_broker_rtt_seconds\{.*\} 0\.[0-9]+$' 3
equals "the certificate's end is openssl's" "$(date -d "$(openssl x509 -noout -enddate -in "$CERT" | cut -d= -f2)" +%s)" \
    "$(metric 'posta_tls_certificate_expiry_timestamp_seconds{certificate="client"}')"
equals "... the authority's too" "$(date -d "$(openssl x509 -noout -enddate -in "$CA" | cut -d= -f2)" +%s)" \
    "$(metric 'posta_tls_certificate_expiry_timestamp_seconds{certificate="authority"}')"
stop_posta
equals "SIGTERM ends with status 0" 0 $?
