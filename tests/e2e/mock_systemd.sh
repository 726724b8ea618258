#!/usr/bin/env bash
# As a service: what `make install` puts where, systemd's own view of the unit, and what posta tells it while it starts, reloads,
# lives and stops.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
ROOT_DIR=$DIR/root
UNIT=$ROOT_DIR/usr/lib/systemd/system/posta.service

installed() {
    check "make install" make -s -C "$ROOT" install BUILD="$BUILD" DESTDIR="$ROOT_DIR" PREFIX=/usr
    local file
    for file in usr/bin/posta usr/share/man/man8/posta.8 usr/lib/systemd/system/posta.service usr/lib/sysusers.d/posta.conf \
        usr/share/doc/posta/posta.reference.yml etc/posta/posta.yml.example; do
        check "installed: $file" test -s "$ROOT_DIR/$file"
    done
    equals "no place is left open in the unit" "" "$(grep -o '@[A-Z]*@' "$UNIT")"
    equals "the example has no error" 0 "$(status export config -c "$ROOT_DIR/etc/posta/posta.yml.example" --path.data "$DIR/data")"
}

analyzed() {
    if ! command -v systemd-analyze >/dev/null; then
        skip "systemd-analyze verify" "there is no systemd-analyze here"
        return
    fi
    # Units of the machine that ours names, and the programs it starts.
    mkdir -p "$ROOT_DIR/usr/lib/systemd/system" "$ROOT_DIR/bin" "$ROOT_DIR/etc/systemd/system"
    cp /lib/systemd/system/*.target "$ROOT_DIR/usr/lib/systemd/system/"
    cp /bin/kill "$ROOT_DIR/bin/"
    systemd-analyze verify --root="$ROOT_DIR" --man=no --recursive-errors=no posta.service >"$DIR/verify" 2>&1
    equals "systemd-analyze verify" 0 $?
    equals "... has nothing to say" "" "$(grep -i posta "$DIR/verify")"
    systemd-analyze security --root="$ROOT_DIR" --offline=true --no-pager --threshold=20 posta.service >"$DIR/security" 2>&1
    equals "systemd-analyze security: at most 2.0" 0 $?
    echo "numbers: $(grep -i 'overall exposure' "$DIR/security" | sed 's/[^A-Za-z0-9.: ]//g; s/^ *//')"
}

# How often was this told?
told() { grep -cE "$1" "$DIR/told"; }
has_told() { (($(told "$1") >= $2)); }
notified() {
    mkdir -p "$DIR/log"
    { config_head && config_input "$DIR/log/app.log" && printf 'output.file: {path: %s, filename: events}\n' "$DIR/out"; } >"$DIR/posta.yml"
    "$TOOLS/notifyd" -f "$DIR/notify" >"$DIR/told" &
    until_true 10 test -S "$DIR/notify" || not_ok "notifyd listens"
    export NOTIFY_SOCKET=$DIR/notify WATCHDOG_USEC=600000
    start_posta_and_wait
    check "READY=1 when it is up" until_true 10 has_told '^READY=1$' 1
    check "WATCHDOG=1 again and again" until_true 10 has_told '^WATCHDOG=1$' 3
    echo "no_such_key: 1" >>"$DIR/posta.yml"
    kill -HUP "$PID"
    until_true 10 log_has "read again and wrong" || not_ok "a wrong configuration is refused"
    equals "a wrong configuration is no reload" 0 "$(told RELOADING)"
    sed -i '/no_such_key/d' "$DIR/posta.yml"
    kill -HUP "$PID"
    check "READY=1 once more behind a reload" until_true 10 has_told '^READY=1$' 2
    equals "RELOADING=1 before it, with its time" 1 "$(told '^RELOADING=1[|]MONOTONIC_USEC=[0-9]+$')"
    kill -STOP "$PID"
    sleep 0.3 # what is under way comes
    local before
    before=$(told WATCHDOG)
    sleep 1
    equals "a posta that hangs says nothing" "$before" "$(told WATCHDOG)"
    kill -CONT "$PID"
    stop_posta
    equals "ended with status 0" 0 $?
    equals "STOPPING=1 at the end" 1 "$(told '^STOPPING=1$')"
}

installed
analyzed
notified
