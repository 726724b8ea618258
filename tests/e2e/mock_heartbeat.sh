#!/usr/bin/env bash
# Heartbeats against real servers: nginx with TLS in all its ways, and servers as they should not be. Each monitor's event says what
# it must; all fit the documented fields; a host that hangs delays neither other monitors nor log lines.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lib_web.sh
. "$(dirname "$0")/lib_web.sh"
EVENTS=$DIR/events
test_cleanup() { stop_web; }

# start_heartbeats: with $DIR/posta.yml, events to $EVENTS
start_heartbeats() {
    : >"$LOG"
    : >"$EVENTS"
    "$POSTA" -c "$DIR/posta.yml" 2>>"$LOG" >"$EVENTS" &
    PID=$!
    until_true 20 log_has "heartbeat: " || not_ok "posta is up"
}
head_of_config() {
    echo "path.data: $DIR/data"
    echo "output.console: {}"
    echo "logging.metrics.period: 1s"
}
# monitor TYPE ID HOST [LINES indented by 4]: once
monitor() {
    printf '  - type: %s\n    id: %s\n    hosts: ["%s"]\n    schedule: "@every 1h"\n    timeout: %s\n' "$1" "$2" "$3" "${TIMEOUT:-5s}"
    [[ -z ${4:-} ]] || printf '%s\n' "$4"
}
n_events() { wc -l <"$EVENTS"; }
has_events() { (($(n_events) >= $1)); }
of() { jq -c "select(.monitor.id == \"$1\")" "$EVENTS"; } # ID
# tells ID WHAT JQ_CONDITION
tells() {
    if [[ $(of "$1" | jq -s "length == 1 and (.[0] | $3)") == true ]]; then
        ok "$1: $2"
    else
        not_ok "$1: $2" "$(of "$1" | cut -c 1-1500)"
    fi
}
is_up() { tells "$1" "up${2:+, $2}" ".monitor.status == \"up\" and (has(\"error\") | not) and (${3:-true})"; }
# is_down ID ERROR_TYPE MESSAGE_PART [CONDITION]
is_down() {
    tells "$1" "down, $2: $3" ".monitor.status == \"down\" and .error.type == \"$2\" and (.error.message | contains(\"$3\")) and (${4:-true})"
}
# "name type" of each, but for those that lines have too.
listed_fields() { grep -vE '^(#|@metadata|agent|ecs|host|event.id|tags|fields)' "$ROOT/tests/heartbeat/fields.txt" | cut -d' ' -f1,2 | sort; }
manual_fields() {
    "$POSTA" export fields | sed -n '/^.Sh FIELDS OF HEARTBEATS/,$p' | sed -n '/^\.It Va /{N;s/^\.It Va \(.*\)\n\([a-z]*\).*/\1 \2/p}' | sort
}
check_fields() {
    equals "the manual has the documented fields" "" "$(diff <(listed_fields) <(manual_fields))"
    equals "all events fit the documented fields" "" \
        "$(jq -rs --rawfile fields "$ROOT/tests/heartbeat/fields.txt" -f "$ROOT/tests/heartbeat/check.jq" "$EVENTS" | head -n 5)"
}

# ---- real nginx, over HTTP ----

plain() { echo "http://127.0.0.1:$((BASE_PORT + 1))$1"; }
http_monitors() {
    monitor http ok "$(plain /ok)" "    name: The one
    service.name: shop
    tags: [web]
    fields: {team: red}
    run_from: {id: berlin, geo: {name: Berlin}}"
    monitor http named "http://localhost:$((BASE_PORT + 1))/ok?q=1" "    response.include_body: always"
    monitor http missing "$(plain /none)"
    monitor http teapot "$(plain /teapot)" "    check.response.status: [418]"
    monitor http teapot2 "$(plain /teapot)" "    check.response.status: [200, 204]"
    monitor http broken "$(plain /broken)"
    monitor http words "$(plain /ok)" "    check.response.body: ['no', 'is.well']"
    monitor http words2 "$(plain /ok)" "    check.response.body: {positive: [all], negative: [well]}"
    monitor http json "$(plain /json)" "    check.response.json:
      - {description: green, condition: {equals: {status: green}}}
      - {description: deep, condition: {and: [{range: {nodes.gte: 3}}, {equals: {deep.er: true}}]}}"
    monitor http json2 "$(plain /json)" "    check.response.json: [{description: red, condition: {equals: {status: red}}}]"
    monitor http json3 "$(plain /ok)" "    check.response.json: [{description: red, condition: {equals: {status: red}}}]"
    monitor http header "$(plain /header)" "    check.response.headers: {X-Version: '42'}"
    monitor http moved "$(plain /moved)"
    monitor http followed "$(plain /moved)" "    max_redirects: 3"
    monitor http loop "$(plain /loop)" "    max_redirects: 5"
    monitor http anna "$(plain /private)" "    username: anna
    password: secret"
    monitor http nobody "$(plain /private)"
    monitor http asked "$(plain /method)" "    check.request: {method: put, body: '12345', headers: {X-Asked: yes}}
    response.include_body: always"
    monitor http proxied "http://elsewhere.example/ok" "    proxy_url: http://127.0.0.1:$((BASE_PORT + 1))"
    monitor http unknown "http://nobody.invalid/"
    monitor http refused "http://127.0.0.1:$((BASE_PORT + 19))/"
}
judge_http() {
    is_up ok "all times and facts" '.http.response.status_code == 200 and .http.response.body.bytes == 12 and
        (.http.response.body | has("content") | not) and .http.response.headers.Server != null and .monitor.ip == "127.0.0.1" and
        (.http.rtt | .total.us > 0 and .write_request.us >= 0 and .response_header.us > 0 and .content.us >= 0 and .validate.us > 0) and
        .tcp.rtt.connect.us > 0 and (has("resolve") | not) and .url.port != null and .url.path == "/ok"'
    equals "ok: the body's hash" "$(printf 'all is well\n' | sha256sum | cut -d' ' -f1)" "$(of ok | jq -r .http.response.body.hash)"
    tells ok "its labels" '.monitor.name == "The one" and .service.name == "shop" and .tags == ["web"] and .fields.team == "red" and
        .observer == {name: "berlin", geo: {name: "Berlin"}} and .agent.type == "heartbeat" and .["@metadata"].beat == "heartbeat" and
        .event.dataset == "http"'
    is_up named "resolved" '.resolve.rtt.us > 0 and .resolve.ip == .monitor.ip and .url.query == "q=1" and .http.response.body.content == "all is well\n"'
    is_down missing io "Bad HTTP status 404 Not Found encountered" '.error.code == "BAD_HTTP_STATUS" and .http.response.body.content != null'
    is_up teapot
    is_down teapot2 validate "received status code 418 expecting [200 204]" '.http.response.body.content == "short and stout\n"'
    is_down broken io "Bad HTTP status 500 Internal Server Error encountered"
    is_up words
    is_down words2 validate "only negative pattern mismatch"
    is_up json "" '.http.response.mime_type == "application/json"'
    is_down json2 validate "rule 'red' not matched."
    is_down json3 validate "could not parse JSON"
    is_up header
    is_up moved "a redirect that is not followed" '.http.response.status_code == 302'
    is_up followed "" '.http.response.status_code == 200 and (.http.response.redirects | length) == 2 and
        (.http.response.redirects[1] | endswith("/ok")) and (.monitor | has("ip") | not) and .http.rtt.total.us > 0'
    is_down loop io "redirects"
    is_up anna
    is_down nobody io "Bad HTTP status 401"
    is_up asked "" '.http.response.body.content == "PUT yes 5\n"'
    is_up proxied "" '(.monitor | has("ip") | not) and .url.domain == "elsewhere.example"'
    is_down unknown io 'DNS lookup failure \"nobody.invalid\"' '.error.code == "DNS_LOOKUP_FAILED"'
    is_down refused io "Could not connect to '127.0.0.1:" '.error.code == "NET_COULD_NOT_CONNECT"'
}

# ---- TLS ----

tls() { echo "https://localhost:$((BASE_PORT + $1))/"; }
with_ca() { printf '    ssl.certificate_authorities: ["%s"]\n' "$WEB/ca.pem"; }
with_client() { printf '    ssl: {certificate_authorities: ["%s"], certificate: "%s", key: "%s"}\n' "$WEB/ca.pem" "$WEB/client.pem" "$WEB/client.key"; }
tls_monitors() {
    local kind port=$((BASE_PORT + 2))
    for kind in http tcp; do
        host() { if [[ $kind == http ]]; then tls "$1"; else echo "tls://localhost:$((BASE_PORT + $1))"; fi; }
        monitor $kind $kind-good "$(host 2)" "$(with_ca)"
        monitor $kind $kind-system "$(host 2)"
        monitor $kind $kind-soon "$(host 3)" "$(with_ca)"
        monitor $kind $kind-expired "$(host 4)" "$(with_ca)"
        monitor $kind $kind-lax "$(host 4)" "    ssl.verification_mode: none"
        monitor $kind $kind-stranger "$(host 5)" "$(with_ca)"
        monitor $kind $kind-nameless "$(host 5)" "    ssl: {verification_mode: certificate, certificate_authorities: ['$WEB/ca.pem']}"
        monitor $kind $kind-foreign "$(host 6)" "$(with_ca)"
        monitor $kind $kind-client "$(host 7)" "$(with_client)"
        monitor $kind $kind-old "$(host 8)" "    ssl: {certificate_authorities: ['$WEB/ca.pem'], supported_protocols: [TLSv1.3]}"
    done
    monitor http http-uncertified "$(tls 7)" "$(with_ca)"
    monitor tcp tcp-talk "ssl://localhost:$port" "$(with_ca)
    check: {send: \"GET / HTTP/1.0\\r\\n\\r\\n\", receive: 'HTTP/1.1 200 OK'}"
    monitor tcp tcp-talk2 "ssl://localhost:$port" "$(with_ca)
    check: {send: \"GET / HTTP/1.0\\r\\n\\r\\n\", receive: 'HTTP/1.1 404'}"
    monitor tcp tcp-notls "tls://127.0.0.1:$((BASE_PORT + 1))" "$(with_ca)"
    monitor http http-notls "https://127.0.0.1:$((BASE_PORT + 1))/" "$(with_ca)"
}
judge_tls() {
    local kind expiry
    expiry=$(date -u -d "$(openssl x509 -in "$WEB/soon.pem" -noout -enddate | cut -d= -f2)" +%Y-%m-%dT%H:%M:%S.000Z)
    for kind in http tcp; do
        is_up $kind-good "TLS is told" '.tls | .established and .version == "1.3" and .version_protocol == "tls" and .rtt.handshake.us > 0 and
            (.cipher | startswith("TLS-")) and .server.x509.subject.common_name == "good" and .server.x509.issuer.common_name == "ca" and
            .server.x509.public_key_curve == "P-256"'
        equals "$kind-good: hash" "$(openssl x509 -in "$WEB/good.pem" -outform der | sha256sum | cut -d' ' -f1)" \
            "$(of $kind-good | jq -r .tls.server.hash.sha256)"
        is_down $kind-system io "certificate" '.tls.server.x509.subject.common_name == "good"'
        is_up $kind-soon "when it ends" ".tls.server.x509.not_after == \"$expiry\" and .tls.certificate_not_valid_after == \"$expiry\""
        is_down $kind-expired io "certificate has expired" '.tls.server.x509.not_after == "2021-01-01T00:00:00.000Z" and (.tls | has("established") | not)'
        is_up $kind-lax "" '.tls.server.x509.not_after == "2021-01-01T00:00:00.000Z"'
        is_down $kind-stranger io "" '(.error.message | test("does not match|mismatch|no alternative certificate")) and .tls.server.x509.subject.common_name == "stranger"'
        is_up $kind-nameless
        is_down $kind-foreign io "" '(.error.message | test("unable to get|self.signed"))'
        is_up $kind-client
        is_down $kind-old io "" '(.error.message | test("protocol version"; "i"))'
    done
    is_down http-uncertified io "Bad HTTP status 400"
    is_up tcp-talk "" '.tcp.rtt.validate.us > 0 and .tcp.rtt.connect.us > 0'
    is_down tcp-talk2 validate "received string mismatch"
    is_down tcp-notls io "TLS handshake: "
    is_down http-notls io "TLS handshake: "
}

# ---- servers as they should not be ----

bad() { echo "127.0.0.1:$(bad_port "$1")"; }
bad_monitors() {
    local mode
    for mode in mute close reset garbage headers truncated dribble; do
        TIMEOUT=1s monitor http "bad-$mode" "http://$(bad $mode)/"
    done
    TIMEOUT=60s monitor http bad-endless "http://$(bad endless)/"
    TIMEOUT=1s monitor tcp bad-tcp "$(bad mute)" "    check.receive: hello"
    TIMEOUT=1s monitor tcp bad-tls "tls://$(bad mute)"
    TIMEOUT=1s monitor tcp bad-noise "tls://$(bad hello)"
    monitor tcp hello "$(bad hello)" "    check.receive: '220 hello'"
    monitor tcp any "$(bad hello)" "    check.send: ping"
    monitor tcp several 127.0.0.1 "    ports: [$(bad_port hello), $((BASE_PORT + 19))]"
}
judge_bad() {
    is_down bad-mute io "timed out" '.monitor.duration.us >= 1000000'
    is_down bad-close io "" '(.error.message | test("Empty reply"))'
    is_down bad-reset io "reset"
    is_down bad-garbage io "HTTP/0.9"
    is_down bad-headers io ""
    is_down bad-truncated io "990 bytes remaining" '.http.response.status_code == 200'
    is_down bad-dribble io "timed out" '.http.response.body.bytes > 0'
    is_down bad-endless io "larger than 100MB"
    is_down bad-tcp io "read: no answer in time"
    is_down bad-tls io "TLS handshake: no answer in time"
    is_down bad-noise io "TLS handshake: wrong version number"
    is_up hello
    is_up any
    equals "several: a port each" "down up" "$(jq -r 'select(.monitor.id | startswith("several-")) | .monitor.status' "$EVENTS" | sort | paste -sd' ')"
}

all_of_them() {
    local n
    rm -rf "$DIR/data"
    { head_of_config && echo "heartbeat.monitors:" && http_monitors && tls_monitors && bad_monitors; } >"$DIR/posta.yml"
    n=$(($(grep -c '^    id:' "$DIR/posta.yml") + 1))
    start_heartbeats
    check "an event of each of $n hosts" until_true 60 has_events "$n"
    stop_posta
    equals "SIGTERM ends with status 0" 0 $?
    judge_http
    judge_tls
    judge_bad
    check_fields
    echo "numbers: $n hosts, $(du -b "$EVENTS" | cut -f1) bytes of events"
}

# ---- a host that hangs delays nothing ----

hanging() {
    local i
    rm -rf "$DIR/data" "$DIR/log" && mkdir "$DIR/log"
    {
        head_of_config
        config_input "$DIR/log/app.log"
        echo "heartbeat.monitors:"
        for i in {1..20}; do TIMEOUT=10m monitor http "hang-$i" "http://$(bad mute)/$i"; done
        for i in {1..20}; do TIMEOUT=10m monitor tcp "hang-tcp-$i" "$(bad mute)" "    check.receive: hello"; done
        for i in {1..5}; do TIMEOUT=10m monitor tcp "hang-tls-$i" "tls://$(bad mute)"; done
        printf '  - {type: http, id: quick, hosts: "%s", schedule: "@every 500ms"}\n' "$(plain /ok)"
        printf '  - {type: tcp, id: quick-tcp, hosts: "%s", schedule: "@every 500ms"}\n' "$(bad hello)"
    } >"$DIR/posta.yml"
    start_heartbeats
    until_true 20 log_has "tail: watching"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 >/dev/null
    all_lines() { [[ $(jq -r 'select(.agent.type == "filebeat") | .log.offset' "$EVENTS" 2>/dev/null | sort -u | wc -l) == 20000 ]]; }
    check "while 45 hosts hang all log lines arrive" until_true 60 all_lines
    both_went_on() { [[ $(of quick | wc -l) -ge 5 && $(of quick-tcp | wc -l) -ge 5 ]]; }
    check "... and other monitors go on" until_true 60 both_went_on
    equals "... and none of the 45 has said anything" 0 "$(jq -r 'select(.monitor.id // "" | startswith("hang"))' "$EVENTS" | wc -l)"
    equals "... all answers of the others are up" up "$(jq -r 'select(.monitor.id // "" | startswith("quick")) | .monitor.status' "$EVENTS" | sort -u)"
    stop_posta
    equals "... SIGTERM ends with status 0 while they hang" 0 $?
}

# ---- its own topic, and kept while the brokers are away ----

delivered_by_topic() {
    rm -rf "$DIR/data"
    start_broker heartbeat:1 filebeat:1 red:1
    {
        echo "path.data: $DIR/data"
        # shellcheck disable=SC2016 # a format of posta
        config_kafka "$BOOTSTRAP" '"%{[agent.type]}"'
        printf '  topics: [{topic: red, when.equals: {fields.team: red}}]\n'
        echo "heartbeat.monitors:"
        printf '  - {type: http, id: quick, hosts: "%s", schedule: "@every 200ms"}\n' "$(plain /ok)"
        printf '  - {type: http, id: red, hosts: "%s", schedule: "@every 200ms", fields: {team: red}}\n' "$(plain /ok)"
    } >"$DIR/posta.yml"
    broker down all
    : >"$LOG"
    start_posta
    until_true 20 log_has "heartbeat: 2 monitors" || not_ok "posta is up"
    sleep 2
    kill_posta
    start_posta
    broker up all
    "$TOOLS/collect" -b "$BOOTSTRAP" -t heartbeat -i 4 -T 8 --raw "$EVENTS" >/dev/null 2>&1
    "$TOOLS/collect" -b "$BOOTSTRAP" -t red -i 4 -T 8 --raw "$DIR/red" >/dev/null 2>&1
    stop_posta
    equals "heartbeats go to their own topic" "quick heartbeat" "$(jq -r '.monitor.id + " " + .agent.type' "$EVENTS" | sort -u)"
    equals "... or by the fields of their monitor" "red" "$(jq -r .monitor.id "$DIR/red" | sort -u)"
    check "... those of the outage with their own times, none twice" bash -c \
        "test \$(jq -r '.[\"@timestamp\"]' <'$EVENTS' | sort -u | wc -l) -ge 8 && test \$(jq -r .event.id <'$EVENTS' | sort | uniq -d | wc -l) -eq 0"
    equals "... of two processes" 2 "$(jq -r .agent.ephemeral_id "$EVENTS" | sort -u | wc -l)"
    broker quit
}

start_web
start_bad mute close reset garbage endless headers truncated dribble hello
all_of_them
hanging
delivered_by_topic
