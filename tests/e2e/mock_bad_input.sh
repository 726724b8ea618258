#!/usr/bin/env bash
# Bad input: one clear message with where and what to do, and the documented exit status; nothing is lost by it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

console() { echo "output.console.enabled: true"; }
good() { config_head && config_input "$DIR/log/app.log" && console; }
write() { cat >"$DIR/posta.yml"; }

test_configuration() {
    good | sed 's/logging.metrics.period/logging.metrics.perod/' | write
    equals "unknown key: status 1" 1 "$(status -c "$DIR/posta.yml")"
    says "unknown key: place and a suggestion" "posta.yml:2:17: unknown key 'logging.metrics.perod', did you mean" "$LOG"
    { config_head && config_input "$DIR/log/app.log" && echo "output.console: 5"; } | write
    equals "wrong type: status 1" 1 "$(status -c "$DIR/posta.yml")"
    says "wrong type: place" "posta.yml:8:17: output.console: expected a mapping" "$LOG"
    equals "missing file: status 1" 1 "$(status -c "$DIR/none.yml")"
    says "missing file: named" "none.yml" "$LOG"
    printf 'a: [1\nb: 2\n' | write
    equals "broken YAML: status 1" 1 "$(status -c "$DIR/posta.yml")"
    says "broken YAML: place" "posta.yml:2:" "$LOG"
    { config_head && console; } | write
    equals "no input: status 1" 1 "$(status -c "$DIR/posta.yml")"
    says "no input: what to do" "name the files to follow in filebeat.inputs" "$LOG"
}

test_certificates() {
    local pki=$DIR/pki
    "$ROOT/tests/kafka/pki.sh" "$pki" >/dev/null
    cp "$pki/posta.key" "$DIR/open.key" && chmod 0660 "$DIR/open.key"
    tls() { { config_head && config_input "$DIR/log/app.log" && config_kafka localhost:1 logs-a "$@"; } | write; }
    tls "$DIR/none.pem" "$pki/posta.key" "$pki/ca.pem"
    equals "missing certificate: status 2" 2 "$(status -c "$DIR/posta.yml")"
    says "missing certificate: key and file" "output.kafka.ssl.certificate: open $DIR/none.pem: No such file" "$LOG"
    tls "$pki/posta.pem" "$pki/stranger.key" "$pki/ca.pem"
    equals "key of another certificate: status 2" 2 "$(status -c "$DIR/posta.yml")"
    says "key of another certificate: both named" "stranger.key is not the key of certificate $pki/posta.pem" "$LOG"
    tls "$pki/posta.pem" "$DIR/open.key" "$pki/ca.pem"
    equals "group-writable key: status 2" 2 "$(status -c "$DIR/posta.yml")"
    says "group-writable key: the cure" "chmod 0600 $DIR/open.key" "$LOG"
    tls "$pki/posta.pem" "$pki/posta.key" /etc/hostname
    equals "an authority that is no certificate: status 2" 2 "$(status test config -c "$DIR/posta.yml")"
    says "an authority that is no certificate: named" "/etc/hostname holds no PEM certificate" "$LOG"
}

test_hosts() {
    { config_head && config_input "$DIR/log/app.log" && config_kafka no-such-host.invalid:9092 logs-a; } | write
    equals "unresolvable host: test output fails" 2 "$(status test output -c "$DIR/posta.yml")"
    says "unresolvable host: said" "no-such-host.invalid:9092" "$LOG"
    echo "one" >"$DIR/log/app.log"
    : >"$LOG"
    start_posta
    check "unresolvable host: posta runs, says it and keeps the line" until_true 20 log_has "does not resolve"
    stop_posta
    equals "unresolvable host: stops at the deadline with status 0" 0 $?
    good | write
    "$POSTA" --once -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG"
    says "unresolvable host: the line is delivered later" '"message":"one"' "$DIR/out"
}

test_data_folder() {
    good | write
    start_posta
    until_true 10 test -e "$DIR/data/spool/lock"
    sleep 0.2
    equals "two posta on one data folder: status 2" 2 "$("$POSTA" -c "$DIR/posta.yml" >"$DIR/second" 2>&1; echo $?)"
    says "two posta on one data folder: the holder is named" "is held by another posta, pid $PID" "$DIR/second"
    stop_posta
    mkdir -p "$DIR/tiny"
    if mount -t tmpfs -o size=64k,mode=0700 posta-tiny "$DIR/tiny" 2>/dev/null; then
        test_full_folder
        umount "$DIR/tiny"
    else
        skip "full data folder" "mounting a tmpfs is not allowed here"
    fi
}

test_full_folder() {
    head -c 64k /dev/zero >"$DIR/tiny/filler" 2>/dev/null
    equals "full data folder: status 2" 2 "$(status -c "$DIR/posta.yml" --path.data "$DIR/tiny/data")"
    says "full data folder: said" "No space left on device" "$LOG"
    rm "$DIR/tiny/filler"
    mount -o remount,ro "$DIR/tiny"
    equals "read-only data folder: status 2" 2 "$(status -c "$DIR/posta.yml" --path.data "$DIR/tiny/data")"
    says "read-only data folder: said" "Read-only file system" "$LOG"
    mount -o remount,rw "$DIR/tiny"
    test_fills_while_running
}

# The spool's disk becomes full under a running posta: it stops reading, says so, and goes on when there is room.
test_fills_while_running() {
    rm -f "$DIR/log/app.log"
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 2000 >/dev/null
    { config_head && config_input "$DIR/log/app.log" && config_kafka localhost:1 logs-a; } | write
    : >"$LOG"
    start_posta --path.data "$DIR/tiny/data"
    check "data folder fills while running: said" until_true 10 log_has "No space left on device"
    mount -o remount,size=8m "$DIR/tiny"
    check "data folder has room again: reading goes on" until_true 10 log_has "bytes_read=428000"
    stop_posta
    good | write
    "$POSTA" --once -c "$DIR/posta.yml" --path.data "$DIR/tiny/data" >"$DIR/out" 2>>"$LOG"
    equals "data folder fills while running: nothing is lost or repeated" 2000 "$(grep -o 'seq=[0-9]*' "$DIR/out" | sort -u | wc -l)"
    rm "$DIR/log/app.log"
}

# The disk under the spool stays far too small: each time all in it is delivered it is begun anew, and everything goes through.
test_small_disk() {
    mkdir -p "$DIR/small"
    if ! mount -t tmpfs -o size=700k,mode=0700 posta-small "$DIR/small" 2>/dev/null; then
        skip "a disk that stays too small" "mounting a tmpfs is not allowed here"
        return
    fi
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 20000 >/dev/null
    { config_head && config_input "$DIR/log/app.log" && echo "output.file: {path: $DIR/out.d, filename: ev, rotate_every_kb: 1000000}"; } | write
    : >"$LOG"
    start_posta --path.data "$DIR/small/data"
    check "a disk that stays too small: everything goes through it" until_true 40 log_has "lines_delivered=20000"
    stop_posta
    equals "... nothing is lost or repeated" "20000 20000" \
        "$(grep -o 'seq=[0-9]*' "$DIR/out.d/ev" | sort -u | wc -l) $(wc -l <"$DIR/out.d/ev")"
    head -c 1M /dev/zero >"$DIR/small/filler" 2>/dev/null
    echo "seq=20000" >>"$DIR/log/app.log"
    start_posta --path.data "$DIR/small/data"
    check "... a start on a full disk works, by the reserve" until_true 20 grep -q "seq=20000" "$DIR/out.d/ev"
    stop_posta
    umount "$DIR/small"
    rm -r "$DIR/log/app.log"
}

test_unreadable_log() {
    if ((EUID != 0)) || ! command -v setpriv >/dev/null; then
        skip "unreadable log file" "needs root and setpriv"
        return
    fi
    good | write
    rm -rf "$DIR/data" && mkdir "$DIR/data" && chown 65534:65534 "$DIR/data"
    echo "kept" >"$DIR/log/app.log"
    chmod 0600 "$DIR/log/app.log"
    : >"$LOG"
    setpriv --reuid=65534 --regid=65534 --clear-groups "$POSTA" -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG" &
    PID=$!
    check "unreadable log file: owner, mode and cure are said" until_true 10 log_has \
        "owner 0, group 0, mode 0600, but posta runs as user 65534"
    chmod 0644 "$DIR/log/app.log"
    check "unreadable log file: read as soon as it may be" until_true 10 grep -q '"message":"kept"' "$DIR/out"
    stop_posta
}

# Row 43 of the fault matrix: whatever bytes a line has, it is one event of valid JSON, its neighbours are whole.
test_hostile_lines() {
    {
        printf 'nul\0here\n\xff\xfe\xc3( no UTF-8\n\x1b[31mred\x1b[0m\n\n"quote\\ and \t\n'
        head -c 10485760 /dev/zero | tr '\0' x
        printf '\nlast'
    } >"$DIR/log/hostile.log"
    { config_head && config_input "$DIR/log/hostile.log" && console; } | write
    rm -rf "$DIR/data"
    "$POSTA" --once -c "$DIR/posta.yml" >"$DIR/out" 2>>"$LOG"
    equals "hostile lines: posta lives, status 0" 0 $?
    equals "hostile lines: one event each, none split" 7 "$(wc -l <"$DIR/out")"
    says "hostile lines: NUL" '"message":"nul\u0000here"' "$DIR/out"
    says "hostile lines: what is no UTF-8 is replaced, the rest is there" "\"message\":\"$(printf '\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd')( no UTF-8\"" "$DIR/out"
    says "hostile lines: escape sequences of terminals" '"message":"\u001b[31mred\u001b[0m"' "$DIR/out"
    says "hostile lines: an empty line" '"message":"",' "$DIR/out"
    says "hostile lines: quotes and tabs" '"message":"\"quote\\ and \t"' "$DIR/out"
    equals "hostile lines: 10 MB are cut and say so" 1 "$(grep -c '"flags":\["truncated"\],"offset":51,' "$DIR/out")"
    says "hostile lines: the neighbour is whole" '"message":"last","log":{"offset":10485812,' "$DIR/out"
}

test_configuration
test_hostile_lines
test_certificates
test_hosts
test_data_folder
test_small_disk
test_unreadable_log
