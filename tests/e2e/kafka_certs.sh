#!/usr/bin/env bash
# Certificates change while lines flow: renamed over, written in place (key first, certificate later), swapped by a link as
# mounted Secrets are. Bad ones are kept out and said once: a key of another, rubbish, expired, another authority, refused by the
# brokers, without a right. Nothing is lost, nothing comes twice. Chains with an intermediate authority, as file and as text.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
CERTS=$DIR/certs

test_cleanup() { "$CLUSTER" start >/dev/null 2>&1; }

# ---- files ----

put_pair() { # NAME [CA]: one rename each, as good tools do
    cp -p "$PKI/$1.key" "$CERTS/.new.key" && mv "$CERTS/.new.key" "$CERTS/tls.key"
    cp -p "$PKI/$1.pem" "$CERTS/.new.crt" && mv "$CERTS/.new.crt" "$CERTS/tls.crt"
    [[ -z ${2:-} ]] || { cp -p "$PKI/$2.pem" "$CERTS/.new.ca" && mv "$CERTS/.new.ca" "$CERTS/ca.crt"; }
}
# A mounted Secret: what is read are links to ..data/NAME, and ..data is a link that is swapped.
put_secret() { # NAME
    local dir
    dir=..$(date +%s%N)
    mkdir "$CERTS/$dir"
    cp -p "$PKI/$1.key" "$CERTS/$dir/tls.key"
    cp -p "$PKI/$1.pem" "$CERTS/$dir/tls.crt"
    cp -p "$PKI/ca.pem" "$CERTS/$dir/ca.crt"
    ln -s "$dir" "$CERTS/..data_tmp"
    mv -T "$CERTS/..data_tmp" "$CERTS/..data"
    find "$CERTS" -mindepth 1 -maxdepth 1 -type d ! -name "$dir" -exec rm -r {} +
}
link_secret() { for name in tls.key tls.crt ca.crt; do ln -s "..data/$name" "$CERTS/$name"; done; }

certs_config() { # OUTPUT_EXTRA
    { config_head && config_input "$DIR/log/app.log" &&
        config_kafka "$BOOTSTRAP" "$TOPIC" "$CERTS/tls.crt" "$CERTS/tls.key" "$CERTS/ca.crt" && echo "${1:-}"; } >"$DIR/posta.yml"
}
fresh() {
    rm -rf "$DIR/log" "$DIR/data" "$CERTS"
    mkdir "$DIR/log" "$CERTS"
    use_kafka certs
}

# ---- what is seen ----

count() { grep -cF -- "$1" "$LOG"; }
renewed() { (($(count 'renewed, valid until') == $1)); }
refused() { (($(count 'certificate files are not used') == $1)); }
# is_renewed NAME N: within the time that a bad pair would be waited for, and then some
is_renewed() { check "$1" until_true 40 renewed "$2"; }
is_refused() { # NAME REASON_PATTERN N
    check "$1: they are not used" until_true 60 refused "$3"
    check "... and it is said why" grep -qE -- "$2" <(grep -F 'certificate files are not used' "$LOG" | tail -n 1)
}
write_lines() { # LINES_A_SECOND: until nothing_is_wrong
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 100000000 -r 1048576 -R "$1" >"$DIR/writer" 2>&1 &
    WRITER=$!
}
changes() { # NAME: six times, there and back
    local i
    for ((i = 1; i <= 6; i++)); do
        if ((i % 2)); then put_pair renewed; else put_pair posta; fi
        is_renewed "$1, $i" "$i"
    done
}
nothing_is_wrong() { # NAME
    local n
    kill -TERM "$WRITER"
    wait "$WRITER"
    n=$(grep -oE 'lines [0-9]+' "$DIR/writer" | cut -d' ' -f2)
    collect "$n" --max-repeats 0 -i 60 -T 120
    echo "numbers: $1: $(cat "$DIR/verdict"); changed over in $(grep -oE 'changed over in [0-9]+' "$LOG" | grep -oE '[0-9]+$' | sort -n | tr '\n' ' ')ms"
    equals "$1: none lost" 0 "$(verdict lost)"
    equals "... none twice" 0 "$(verdict repeated)"
    equals "... in order" 0 "$(verdict disordered)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    says "... nothing is left behind" "everything is delivered" "$LOG"
}

# ---- the cases ----

renamed() {
    fresh
    put_pair posta ca
    certs_config
    start_posta_and_wait
    write_lines 20000
    put_pair renewed
    is_renewed "renamed over" 1
    cp "$PKI/posta.key" "$CERTS/tls.key"
    sleep 3
    cp "$PKI/posta.pem" "$CERTS/tls.crt"
    is_renewed "written in place, the key 3 s before the certificate" 2
    check "... half of it is no trouble" refused 0
    cat "$PKI/ca.pem" "$PKI/stranger-ca.pem" >"$CERTS/ca.crt"
    is_renewed "one more authority" 3
    mv "$CERTS" "$CERTS.old"
    mkdir "$CERTS"
    put_pair renewed ca
    is_renewed "the whole folder made anew" 4
    rm -r "$CERTS.old"
    nothing_is_wrong "changed by renames and in place"
}

swapped() {
    fresh
    put_secret posta
    link_secret
    certs_config
    start_posta_and_wait
    write_lines 10000
    put_secret renewed
    is_renewed "a mounted Secret swapped" 1
    put_secret posta
    is_renewed "... and again" 2
    put_secret chained
    is_renewed "... by one with an intermediate authority" 3
    nothing_is_wrong "changed by swapped links"
}

# Most changes fall into an open transaction: it is committed, and the next is begun with the new certificates.
in_transactions() {
    fresh
    "$CLUSTER" transactions posta. || not_ok "rights can be given"
    put_pair posta ca
    certs_config "  delivery: exactly_once
  transaction.interval: 500ms"
    start_posta_and_wait
    write_lines 8000
    changes "in the middle of a transaction"
    nothing_is_wrong "changed in transactions"
}

# A message may still be open when the change begins.
packed() { # NAME [OUTPUT_EXTRA]
    fresh
    put_pair posta ca
    certs_config "  pack: 32KB
${2:-}"
    start_posta_and_wait
    write_lines 20000
    changes "$1, several events in a message"
    nothing_is_wrong "$1, changed while messages are open"
}

kept_out() {
    fresh
    put_pair posta ca
    certs_config
    start_posta_and_wait
    write_lines 3000
    cp "$PKI/other.key" "$CERTS/tls.key"
    is_refused "a key of another" "is not the key of certificate" 1
    echo rubbish >"$CERTS/tls.crt"
    is_refused "rubbish" "holds no PEM certificate" 2
    put_pair expired
    is_refused "expired" "expired on 2021-01-01" 3
    put_pair stranger
    is_refused "by an authority that no broker knows" "the broker (refused posta's certificate|wants a client certificate that it accepts)" 4
    put_pair other
    is_refused "without a right to the topic" "no right to write to the topic" 5
    put_pair posta stranger-ca
    is_refused "another authority for the brokers" "certificate" 6
    rm "$CERTS/tls.key"
    is_refused "no key" "tls[.]key: No such file" 7
    check "... none of all that was taken up" renewed 0
    put_pair renewed ca
    is_renewed "then a good one" 1
    check "... each was said once" refused 7
    nothing_is_wrong "bad certificates kept out"
    says "... and are counted" "kafka.certificates_refused=7" "$LOG"
}

# Brokers away: the new pair cannot be tried. It is when they are back, and posta ends well in the middle of a trial.
away() {
    fresh
    put_pair posta ca
    certs_config
    start_posta_and_wait
    write_lines 3000
    until_true 20 log_has "delivering to topic" || not_ok "it delivers"
    "$CLUSTER" kill all >/dev/null 2>&1
    put_pair renewed
    check "brokers away: new certificates are not used yet" until_true 60 refused 1
    "$CLUSTER" start >/dev/null 2>&1
    is_renewed "... they are when the brokers are back" 1
    nothing_is_wrong "changed while brokers were away"
    start_posta_and_wait
    until_true 20 log_has "kafka: librdkafka" || not_ok "it starts"
    put_pair stranger
    sleep 1.5
    stop_posta
    equals "stopped in the middle of a trial: status 0" 0 $?
}

# Of 5 days, signed now.
issue_short() {
    openssl req -new -key "$PKI/renewed.key" -subj /CN=posta -out "$DIR/short.csr"
    openssl x509 -req -in "$DIR/short.csr" -CA "$PKI/ca.pem" -CAkey "$PKI/ca.key" -set_serial 7 -days 5 -out "$CERTS/short.crt" 2>/dev/null
    cp -p "$PKI/renewed.key" "$CERTS/tls.key"
    mv "$CERTS/short.crt" "$CERTS/tls.crt"
}

ending() {
    fresh
    put_pair posta ca
    certs_config
    start_posta_and_wait
    write_lines 10
    issue_short
    is_renewed "a certificate of 5 days is taken" 1
    check "... its end is warned of" until_true 20 log_has "tls.crt expires on"
    check "... and counted" until_true 20 log_has "kafka.certificate_expires=$(date -d "$(openssl x509 -noout -enddate -in "$CERTS/tls.crt" | cut -d= -f2)" +%s)"
    check "... in days too" grep -qE 'kafka.certificate_days_left=[45] ' "$LOG"
    nothing_is_wrong "a certificate that ends soon"
}

delivers() { # NAME
    echo "line seq=0" >>"$DIR/log/app.log"
    start_posta_and_wait
    check "$1" until_true 30 log_has "delivering to topic"
    stop_posta
}

chains() {
    fresh
    put_pair chained ca
    certs_config
    delivers "a chain with an intermediate authority, as a file"
    fresh
    put_pair chained ca
    { config_head && config_input "$DIR/log/app.log" && config_kafka "$BOOTSTRAP" "$TOPIC" && printf '  ssl:\n' &&
        for part in certificate:tls.crt key:tls.key; do
            printf '    %s: |\n' "${part%:*}" && sed 's/^/      /' "$CERTS/${part#*:}"
        done && printf '    certificate_authorities: ["%s"]\n' "$CERTS/ca.crt"; } >"$DIR/posta.yml"
    delivers "... as text"
    fresh
    put_pair posta ca
    openssl pkcs8 -topk8 -in "$PKI/posta.key" -passout pass:secret -out "$CERTS/tls.key"
    echo secret >"$CERTS/passphrase"
    certs_config "  ssl.key_passphrase_path: $CERTS/passphrase"
    delivers "a key whose passphrase is in a file"
}

renamed
swapped
in_transactions
packed "at least once"
packed "exactly once" "  delivery: exactly_once
  transaction.interval: 500ms"
kept_out
away
ending
chains
