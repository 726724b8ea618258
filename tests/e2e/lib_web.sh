# lib_web.sh: certificates and web servers for heartbeats, good and bad. Source it behind lib.sh.
# shellcheck shell=bash

WEB=$DIR/web
BASE_PORT=${BASE_PORT:-$((20000 + RANDOM % 9000))}

# ---- certificates in $WEB: an authority, and what it has signed ----

web_authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/O=posta/CN=$1" \
        -keyout "$WEB/$1.key" -out "$WEB/$1.pem" 2>/dev/null
}
web_issue() { # NAME AUTHORITY SUBJECT_ALT_NAME FROM UNTIL (YYYYMMDDHHMMSSZ)
    (cd "$WEB" && : >index && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null && openssl ca -batch -in "$1.csr" -out "$1.pem" -notext \
        -cert "$2.pem" -keyfile "$2.key" -startdate "$4" -enddate "$5" -extfile <(echo "subjectAltName=$3") -config <(
        printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n'
    ) 2>ca.log) || { not_ok "certificate $1" "$(cat "$WEB/ca.log")"; exit 1; }
}
web_certificates() {
    local from until soon
    from=$(date -u -d '1 day ago' +%Y%m%d%H%M%SZ) until=$(date -u -d '300 days' +%Y%m%d%H%M%SZ)
    soon=$(date -u -d '2 days' +%Y%m%d%H%M%SZ)
    mkdir -p "$WEB"
    web_authority ca
    web_authority other
    web_issue good ca DNS:localhost,IP:127.0.0.1 "$from" "$until"
    web_issue soon ca DNS:localhost,IP:127.0.0.1 "$from" "$soon"
    web_issue expired ca DNS:localhost,IP:127.0.0.1 20200101000000Z 20210101000000Z
    web_issue stranger ca DNS:elsewhere.example "$from" "$until"
    web_issue foreign other DNS:localhost,IP:127.0.0.1 "$from" "$until"
    web_issue client ca DNS:posta "$from" "$until"
    chmod 0644 "$WEB"/*.key
}

# ---- nginx: plain at $BASE_PORT, TLS above it ----

tls_server() { # PORT CERTIFICATE [DIRECTIVES]
    printf 'server { listen 127.0.0.1:%s ssl; ssl_certificate %s; ssl_certificate_key %s; %s location / { return 200 "secret ok\\n"; } }\n' \
        "$1" "$WEB/$2.pem" "$WEB/$2.key" "${3:-}"
}
web_directives() {
    local plain=$((BASE_PORT + 1))
    printf 'anna:%s\n' "$(openssl passwd -apr1 secret)" >"$WEB/users"
    cat <<EOF
ssl_protocols TLSv1.2 TLSv1.3;
server {
    listen 127.0.0.1:$plain;
    location = /ok { return 200 "all is well\n"; }
    location = /json { default_type application/json; return 200 '{"status":"green","nodes":3,"deep":{"er":true}}'; }
    location = /moved { return 302 /moved2; }
    location = /moved2 { return 301 http://127.0.0.1:$plain/ok; }
    location = /loop { return 302 /loop; }
    location = /teapot { return 418 "short and stout\n"; }
    location = /broken { return 500 "it broke\n"; }
    location = /private { auth_basic "posta"; auth_basic_user_file $WEB/users; try_files /none @ok; }
    location @ok { return 200 "hello anna\n"; }
    location = /header { add_header X-Version 42; return 200 "h\n"; }
    location = /method { return 200 "\$request_method \$http_x_asked \$content_length\n"; }
}
EOF
    tls_server $((BASE_PORT + 2)) good
    tls_server $((BASE_PORT + 3)) soon
    tls_server $((BASE_PORT + 4)) expired
    tls_server $((BASE_PORT + 5)) stranger
    tls_server $((BASE_PORT + 6)) foreign
    tls_server $((BASE_PORT + 7)) good "ssl_client_certificate $WEB/ca.pem; ssl_verify_client on;"
    tls_server $((BASE_PORT + 8)) good "ssl_protocols TLSv1.2;"
}
start_web() {
    web_certificates
    "$ROOT/tests/nginx/nginx.sh" start "$DIR/nginx" "$BASE_PORT" "$(web_directives)" ||
        { not_ok "nginx starts" "$(cat "$DIR/nginx/logs/error.log" 2>&1)"; exit 1; }
}
stop_web() { "$ROOT/tests/nginx/nginx.sh" stop "$DIR/nginx" 2>/dev/null; }

# ---- servers as they should not be ----

bad_port() { # MODE: each has its own
    local modes=(mute close reset garbage endless headers truncated dribble hello) i
    for i in "${!modes[@]}"; do
        [[ ${modes[i]} != "$1" ]] || echo $((BASE_PORT + 20 + i))
    done
}
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
start_bad() { # MODE...
    local mode
    for mode; do
        "$TOOLS/badweb" "$(bad_port "$mode")" "$mode" &
        until_true 10 port_answers "$(bad_port "$mode")" || not_ok "badweb $mode is there"
    done
}
