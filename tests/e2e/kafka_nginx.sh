#!/usr/bin/env bash
# Real nginx under load on a tmpfs, two log files of 50 KB: lines that nginx wrote = lines delivered. Rotated (1) by posta
# (rename + USR1), posta killed once in the middle; (2) by a script (rename + USR1) that keeps the generations.
# nginx writes every line a second time to a file that nobody touches: that is the truth.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
NGINX=$ROOT/tests/nginx/nginx.sh
WEB=$DIR/web
PORT=$((20000 + RANDOM % 10000))

test_cleanup() { "$NGINX" stop "$WEB" >/dev/null 2>&1; }

nginx_config() { # INPUT_EXTRA
    { config_head && config_input "$WEB/logs/access.log" "${1:-}" && config_kafka "$BOOTSTRAP" "$TOPIC" "$CERT" "$KEY" "$CA"; } >"$DIR/posta.yml"
}

# judge NAME: the delivered messages are the lines of the truth, each once
judge() {
    local written
    written=$("$NGINX" lines "$WEB/logs/truth.log")
    collect_texts "$written"
    sort "$WEB/logs/truth.log" >"$DIR/written"
    sort -u "$DIR/texts" >"$DIR/delivered"
    equals "$1: all $written lines that nginx wrote are delivered" 0 "$(comm -23 "$DIR/written" "$DIR/delivered" | wc -l)"
    equals "$1: nothing else is delivered" 0 "$(comm -13 "$DIR/written" "$DIR/delivered" | wc -l)"
    repeats=$(($(wc -l <"$DIR/texts") - written))
}
# nginx numbers do not begin at 0, so lines are compared as texts.
collect_texts() { # WRITTEN
    collect "$1" -i 8 -T 200 --allow-disorder --order offset --dump "$DIR/texts"
    return 0
}

begin() { # NGINX started, posta started, load running in the background
    rm -rf "$WEB" "$DIR/data"
    mkdir -p "$WEB"
    "$NGINX" start "$WEB" "$PORT" 'access_log logs/truth.log combined;' || { not_ok "nginx starts"; exit 1; }
    start_posta
    "$NGINX" load "$PORT" 10 >"$DIR/load" 2>&1 &
    load=$!
}

rotated_by_posta() {
    use_kafka nginx
    nginx_config "    rotation: {mode: managed, size: 50KB, pid_file: \"$WEB/nginx.pid\"}"
    begin
    sleep 4
    kill_posta
    sleep 1
    start_posta
    wait "$load"
    judge "two files of 50 KB rotated by posta, posta killed once"
    check "... repeats are bounded ($repeats)" test "$repeats" -le 70000
    stop_posta
    check "... never more than two files" test "$(find "$WEB/logs" -name 'access.log*' | wc -l)" -le 2
    "$NGINX" stop "$WEB"
}

rotate_often() {
    local n=0 size
    while kill -0 "$load" 2>/dev/null; do
        size=$(stat -c %s "$WEB/logs/access.log" 2>/dev/null || echo 0)
        if ((size >= 51200)); then
            mv "$WEB/logs/access.log" "$WEB/logs/access.log.$((n += 1))"
            "$NGINX" reopen "$WEB"
        fi
        sleep 0.01
    done
    echo "# $n rotations by the script"
}

rotated_by_script() {
    use_kafka nginx
    nginx_config
    begin
    rotate_often
    wait "$load"
    judge "rotated by a script, rename and USR1"
    equals "... nothing is delivered twice" 0 "$repeats"
    stop_posta
    "$NGINX" stop "$WEB"
}

rotated_by_posta
rotated_by_script
