#!/usr/bin/env bash
# Who is refused, on both sides, and what posta says: no certificate, another authority, expired, the broker's wrong host name,
# the broker of another authority, no right to the topic. Each is retried and visible while running, and the line arrives
# when the cause is gone.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
use_kafka refused

with() { # BOOTSTRAP TOPIC [CERT KEY [CA]]
    { config_head && config_input "$DIR/log/app.log" && config_kafka "$@"; } >"$DIR/posta.yml"
}

# refused NAME TEXT...: `test output` fails with status 2 and says one of the texts; `run` goes on and says it too
refused() {
    local name=$1 pattern=$2
    equals "$name: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
    if grep -qE -- "$pattern" "$LOG"; then ok "$name: and says why"; else not_ok "$name: and says why" "expected: $pattern"; fi
    : >"$LOG"
    start_posta -E shutdown.deadline=100ms
    if until_true 20 grep -qE -- "$pattern" "$LOG"; then ok "$name: posta runs and says why"; else not_ok "$name: posta runs and says why" "expected: $pattern"; fi
    stop_posta
    equals "$name: and stops with status 0" 0 $?
}

echo "seq=0 kept through every refusal" >"$DIR/log/app.log"
with "$BOOTSTRAP" "$TOPIC" "" "" "$CA"
refused "no certificate" "wants a client certificate"
with "$BOOTSTRAP" "$TOPIC" "$PKI/stranger.pem" "$PKI/stranger.key" "$CA"
refused "certificate of another authority" "does not know the authority|is it signed by an authority the broker knows"
with "$BOOTSTRAP" "$TOPIC" "$PKI/expired.pem" "$PKI/expired.key" "$CA"
refused "expired certificate" "$PKI/expired.pem expired on|it has expired"
with "$WRONGHOST" "$TOPIC" "$CERT" "$KEY" "$CA"
refused "broker with another host name" "is not a name in the broker's certificate|does not verify"
with "$BOOTSTRAP" "$TOPIC" "$CERT" "$KEY" "$PKI/stranger-ca.pem"
refused "broker of another authority" "does not verify"
with "$BOOTSTRAP" secret "$CERT" "$KEY" "$CA"
refused "topic without right" "no right to write to the topic|may not see it"

with "$BOOTSTRAP" "$TOPIC" "$CERT" "$KEY" "$CA"
start_posta
collect 1 -i 20
equals "the line arrives when the cause is gone" 0 "$(verdict lost)"
stop_posta
