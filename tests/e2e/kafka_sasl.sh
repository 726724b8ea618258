#!/usr/bin/env bash
# Who posta is by SASL: PLAIN, SCRAM-SHA-256 and -512, OAUTHBEARER with tokens of a server of its own; with TLS, with TLS and a
# client certificate, without TLS. A wrong secret is said with the cure, is never in the log, and the line arrives when it is right.
# A token is renewed before it ends. A librdkafka before 2.6.1 cannot log in by SCRAM at Kafka 4 and newer: posta says so then.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
use_kafka sasl

N=0 # lines written so far
# with BOOTSTRAP CERT KEY CA SASL_LINES...: the configuration
with() {
    local line
    { config_head && config_input "$DIR/log/app.log" && config_kafka "$1" "$TOPIC" "$2" "$3" "$4"; } >"$DIR/posta.yml"
    shift 4
    for line; do echo "  $line" >>"$DIR/posta.yml"; done
}
one_line() { echo "seq=$((N++)) by $1" >>"$DIR/log/app.log"; }
# A user that may read is not posta: what arrived is judged at the end, at once.
delivers() { # NAME
    one_line "$1"
    check "$1: delivers" timeout 30 "$POSTA" -c "$DIR/posta.yml" --once
}
user() { # MECHANISM PASSWORD
    printf '%s\n' "username: posta" "password: $2" "sasl.mechanism: $1"
}
as_user() { # BOOTSTRAP CERT KEY CA MECHANISM PASSWORD
    mapfile -t lines < <(user "$5" "$6")
    with "$1" "$2" "$3" "$4" "${lines[@]}"
}

# ---- users ----

knows_scram() {
    local library
    library=$("$POSTA" test output -c "$DIR/posta.yml" 2>/dev/null | grep -oE 'librdkafka [0-9.]+' | cut -d' ' -f2)
    [[ $KAFKA_VERSION == 3.* || $(printf '%s\n' 2.6.1 "$library" | sort -V | head -n 1) == 2.6.1 ]]
}

as_user "$SASL_TLS" "" "" "$CA" plain plain-secret
delivers "PLAIN with TLS"
if knows_scram; then
    as_user "$SASL_TLS" "" "" "$CA" SCRAM-SHA-256 scram-secret
    delivers "SCRAM-SHA-256 with TLS"
    as_user "$SASL_TLS" "$CERT" "$KEY" "$CA" Scram-Sha-512 scram-secret
    delivers "SCRAM-SHA-512 with TLS and a client certificate"
    as_user "$SASL_CLEAR" "" "" "" SCRAM-SHA-512 scram-secret
    delivers "SCRAM-SHA-512 without TLS"
else
    as_user "$SASL_TLS" "" "" "$CA" SCRAM-SHA-256 scram-secret
    equals "SCRAM with an old librdkafka: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
    says "SCRAM with an old librdkafka: and says why" "Kafka 4.0 and newer refuse every SCRAM login of librdkafka" "$LOG"
fi
with "$SASL_CLEAR" "" "" "" "username: posta" "password: plain-secret"
: >"$LOG"
one_line "PLAIN"
timeout 30 "$POSTA" -c "$DIR/posta.yml" --once 2>"$LOG"
equals "PLAIN is what a username means, without TLS" 0 $?
says "and a password in the clear is warned of" "PLAIN without TLS: whoever listens on the way reads the password" "$LOG"

as_user "$SASL_TLS" "" "" "$CA" SCRAM-SHA-512 wrong-secret
equals "wrong password: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
says "wrong password: and says what to check" "check output.kafka.username, password and sasl.mechanism" "$LOG"
one_line "a password that was wrong"
start_posta
check "wrong password: posta runs and says so" until_true 20 log_has "check output.kafka.username, password and sasl.mechanism"
stop_posta
if grep -qE -- "plain-secret|scram-secret|wrong-secret" "$LOG"; then not_ok "no password is in the log"; else ok "no password is in the log"; fi

# ---- tokens ----

TOKEND=()
test_cleanup() { kill "${TOKEND[@]}" 2>/dev/null; }
start_tokens() { # NAME ARGS...
    "$TOOLS/tokend" -k "$TOKEN_KEY" -f "$DIR/$1.port" -o "$DIR/$1.log" "${@:2}" &
    TOKEND+=($!)
    disown
    until_true 10 test -s "$DIR/$1.port" || not_ok "tokend starts"
}
client() { # URL SECRET
    printf '%s\n' "sasl.oauthbearer.token_url: $1" "sasl.oauthbearer.client_id: posta" "sasl.oauthbearer.client_secret: $2" \
        "sasl.oauthbearer.scope: logs write" "sasl.oauthbearer.certificate_authorities: $CA" "sasl.mechanism: oauthbearer"
}
by_token() { # BOOTSTRAP CERT KEY CA URL SECRET
    mapfile -t lines < <(client "$5" "$6")
    with "$1" "$2" "$3" "$4" "${lines[@]}"
}
start_tokens tls -c "$PKI/broker1.pem" -C "$PKI/broker1.key"
start_tokens short -e 3
TLS_URL=https://localhost:$(cat "$DIR/tls.port") SHORT_URL=http://127.0.0.1:$(cat "$DIR/short.port")

by_token "$SASL_TLS" "" "" "$CA" "$TLS_URL/token" token-secret
delivers "OAUTHBEARER with TLS"
says "the scope is asked for" "200 logs%20write" "$DIR/tls.log"
by_token "$SASL_TLS" "$CERT" "$KEY" "$CA" "$TLS_URL/chunked" token-secret
delivers "OAUTHBEARER with TLS and a client certificate, an answer in chunks"

"$CLUSTER" transactions posta-sasl posta
by_token "$SASL_TLS" "" "" "$CA" "$TLS_URL/token" token-secret
printf '  %s\n' "delivery: exactly_once" "transaction.id: posta-sasl-$$" "transaction.interval: 100ms" >>"$DIR/posta.yml"
delivers "OAUTHBEARER, exactly once"

by_token "$SASL_TLS" "" "" "$CA" "$TLS_URL/token" wrong-token-secret
equals "wrong secret: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
says "wrong secret: and says what to check" "token_url answers 401 invalid_client, unknown client: check client_id, client_secret and scope" "$LOG"
by_token "$SASL_TLS" "" "" "$CA" "$TLS_URL/broken" token-secret
equals "no token server: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
says "no token server: and says so" "token_url answers with something that is no JSON object" "$LOG"
by_token "$SASL_TLS" "" "" "$CA" "${TLS_URL/localhost/127.0.0.1}/token" token-secret
sed -i '/certificate_authorities: .*ca.pem$/s/ca.pem/stranger-ca.pem/' "$DIR/posta.yml"
equals "token server of another authority: test output ends with status 2" 2 "$(status test output -c "$DIR/posta.yml")"
says "token server of another authority: and says so" "is certificate_authorities the right authority?" "$LOG"

by_token "$SASL_CLEAR" "" "" "" "$SHORT_URL/token" token-secret
one_line "a token that is renewed"
: >"$LOG"
start_posta
check "a token that ends after 3 s is renewed" until_true 30 eval "[[ \$(grep -c '^200' $DIR/short.log) -ge 3 ]]"
one_line "a renewed token"
stop_posta
equals "posta stops when all is delivered" 0 $?
if grep -qE -- "token-secret|eyJ" "$LOG" "$DIR/tls.log"; then not_ok "no secret and no token is in the log"; else ok "no secret and no token is in the log"; fi

collect $N -i 5 --allow-disorder
equals "all lines arrived" 0 "$(verdict lost)"
equals "none twice" 0 "$(verdict repeated)"
