#!/usr/bin/env bash
# The programs that rotate in the world: logrotate in its ways, Apache with rotatelogs and with graceful restarts; also while
# posta is down, and truncation in the worst moment. Every line is accounted for.
# shellcheck source=tests/e2e/lib_rotate.sh
. "$(dirname "$0")/lib_rotate.sh"
PATH=$PATH:/usr/sbin

# ---- a numbered writer that opens its log anew on USR1, as a web server does ----

RATE=80 # times 50 KB a second: 19,000 lines; 400 of them, 20 ms, still go into the old file after USR1

start_writer() {
    "$TOOLS/ringwriter" -f "$DIR/log/app.log" -m managed -r $RATE -n 100000000 -t "$DIR/truth" -p "$DIR/pid" -L 400 >"$DIR/writer" 2>&1 &
    WRITER=$!
    note_process $WRITER
    until_true 20 test -s "$DIR/pid"
}
stop_writer() {
    kill -TERM "$WRITER"
    wait "$WRITER"
    rm -f "$DIR/pid"
}
# write_lines FIRST COUNT: at once, appended as one generation goes on
write_lines() {
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S "$1" -n "$2" >/dev/null
}
has_size() { [[ $(stat -c %s "$DIR/log/app.log" 2>/dev/null) -ge $1 ]]; }

begin() { # NAME [LOG [INPUT_EXTRA]]: a folder and configuration; LOG is a name in its log folder
    NAME=$1
    begin_case "$(folder_for "$1")"
    file_config "$DIR/log/${2:-app.log}" "${3:-}"
}

# ---- logrotate ----

logrotate_config() { # OPTIONS, a line each; @DIR@ in them is the folder of the case
    printf '%s {\n    rotate 100\n    size 1\n    missingok\n%s\n}\n' "$DIR/log/app.log" "${1//@DIR@/$DIR}" >"$DIR/logrotate.conf"
    chmod 0644 "$DIR/logrotate.conf"
}
# shellcheck disable=SC2016 # for logrotate's shell
REOPEN='
    postrotate
        kill -USR1 $(cat "@DIR@/pid")
    endscript'

run_logrotate() {
    logrotate -f -s "$DIR/logrotate.state" "$DIR/logrotate.conf" >>"$DIR/logrotate.log" 2>&1 ||
        not_ok "$NAME: logrotate works" "$(tail -n 5 "$DIR/logrotate.log")"
}
# rotate_times N MIN_BYTES [PAUSE]: each time when the log has grown to that
rotate_times() {
    local i
    for ((i = 0; i < $1; i++)); do
        until_true 20 has_size "$2"
        run_logrotate
        [[ -z ${3:-} ]] || pause "$3"
    done
}

finish_numbered() { # the writer is stopped, posta reads all and ends; then the sentence
    stop_writer
    wait_newest $(($(lines_written) - 1)) 60
    stop_posta
    equals "$NAME: SIGTERM ends with status 0" 0 $?
    end_judge
    echo "# $NAME: $(cat "$DIR/verdict")"
}
all_once() { # nothing lost, nothing twice, in order
    if kept_order && [[ $(verdict lost) == 0 ]]; then
        ok "$NAME: every line once and in order"
    else
        not_ok "$NAME: every line once and in order" "$(why)"
    fi
}

with_logrotate() { # NAME TIMES OPTIONS [PAUSE]
    begin "$1"
    logrotate_config "$3"
    start_judge -t "$DIR/truth"
    start_posta_and_wait
    start_writer
    rotate_times "$2" 150000 "${4:-}"
    finish_numbered
    all_once
    check "$NAME: there were generations" test "$(verdict generations)" -ge "$2"
}

# The writer stands still while the copy is made, and posta has read all before it: so there is no hole.
# shellcheck disable=SC2016 # for logrotate's shell
PAUSED='
    copytruncate
    prerotate
        kill -STOP $(cat "@DIR@/pid")
        until grep -q "^State:.T" /proc/$(cat "@DIR@/pid")/status; do sleep 0.01; done
        last=$(tail -n 1 "@DIR@/log/app.log" | grep -oE "seq=[0-9]+" | cut -d= -f2)
        for try in $(seq 500); do
            test "$(cut -d" " -f6 "@DIR@/live")" -lt "$last" || break
            sleep 0.02
        done
    endscript
    postrotate
        kill -CONT $(cat "@DIR@/pid")
    endscript'

copytruncate_paused() { # NAME OPTIONS [PATHS [INPUT_EXTRA]]
    begin "$1" "${3:-}" "${4:-}"
    logrotate_config "$2$PAUSED"
    start_judge -t "$DIR/truth"
    start_posta_and_wait
    start_writer
    rotate_times 5 200000
    finish_numbered
    all_once
}

# The hole between copy and truncation is by design: what is asked is that each truncation is seen, and nothing comes twice.
copytruncate_running() {
    begin "copytruncate, the writer goes on"
    logrotate_config "    copytruncate"
    start_judge -t "$DIR/truth"
    start_posta_and_wait
    start_writer
    rotate_times 6 300000
    finish_numbered
    equals "$NAME: each truncation is seen" 6 "$(counter tail.truncations)"
    if kept_order; then ok "$NAME: in order, nothing twice"; else not_ok "$NAME: in order, nothing twice" "$(why)"; fi
    check "$NAME: no more bytes are said to be lost than were" test "$(counter tail.bytes_lost)" -le "$(verdict lost_bytes)"
}

# ---- while posta is down ----

# down_while COMMAND...: run when 5,000 lines are delivered, 3,000 more are not and posta is down; then 2,000 more are written
down_while() {
    start_judge -n 10000
    start_posta_and_wait
    write_lines 0 5000
    wait_newest 4999 20
    stop_posta
    write_lines 5000 3000
    "$@"
    write_lines 8000 2000
    start_posta
    wait_newest 9999 30
    stop_posta
    equals "$NAME: SIGTERM ends with status 0" 0 $?
    end_judge
    all_once
}

rotate_twice() {
    run_logrotate
    write_lines 7500 500
    run_logrotate
}
down_renamed() { # [LOG]
    begin "renamed twice while posta was down${1:+, by a wildcard}" "${1:-}"
    logrotate_config "    nocreate"
    start_judge -n 10000
    start_posta_and_wait
    write_lines 0 5000
    wait_newest 4999 20
    stop_posta
    write_lines 5000 2500
    rotate_twice
    write_lines 8000 2000
    start_posta
    wait_newest 9999 30
    stop_posta
    end_judge
    all_once
}

down_compressed() { # [LOG]
    begin "renamed and compressed while posta was down${1:+, by a wildcard}" "${1:-}" "    compression: auto"
    if ! has_option compression auto; then
        skip "$NAME: every line once and in order" "compression is not there yet"
        return
    fi
    logrotate_config "    nocreate
    compress"
    down_while run_logrotate
    check "$NAME: the rest was in the compressed file only" test ! -e "$DIR/log/app.log.1" -a -e "$DIR/log/app.log.1.gz"
}

# The rest is in the copy only.
down_copied() { # [LOG]
    begin "copytruncate while posta was down${1:+, by a wildcard}" "${1:-}"
    if ! has_counter tail.bytes_recovered; then
        skip "$NAME: every line once and in order" "tail.bytes_recovered is not there yet"
        return
    fi
    logrotate_config "    copytruncate"
    down_while run_logrotate
    equals "$NAME: what was found in the copy is counted" $((3000 * 214)) "$(sum_of tail.bytes_recovered)"
}

# Equally long lines with the same end, as of one browser: the bytes before the old position are the same as before.
like_lines() { # FIRST LAST
    seq -f '192.0.2.7 "GET /item?seq=%06.0f" 200 "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"' \
        "$1" "$2" >>"$DIR/log/app.log"
}
down_truncated() {
    begin "truncated while posta was down, and filled beyond the old position with lines of the same length and end"
    start_judge -m -n 10000
    start_posta_and_wait
    like_lines 0 2999
    wait_newest 2999 20
    stop_posta
    : >"$DIR/log/app.log"
    like_lines 3000 9999
    start_posta
    wait_newest 9999 20
    stop_posta
    end_judge
    all_once
}

# posta stands still while the log is rotated, and is told to stop before it goes on: it reads to the end all the same.
told_to_stop_after_a_rotation() {
    begin "SIGTERM just after a rotation"
    start_judge -n 31000
    start_posta_and_wait
    write_lines 0 1000
    wait_newest 999 20
    kill -STOP "$PID"
    mv "$DIR/log/app.log" "$DIR/log/app.log.1"
    write_lines 1000 30000
    kill -TERM "$PID"
    kill -CONT "$PID"
    wait "$PID"
    equals "$NAME: ends with status 0" 0 $?
    end_judge
    if [[ $(verdict lost) == 0 ]]; then ok "$NAME: the new file is read too"; else not_ok "$NAME: the new file is read too" "$(why)"; fi
}

# ---- Apache ----

MODULES=/usr/lib/apache2/modules
PORT=$((20000 + RANDOM % 10000))

apache_config() { # CUSTOM_LOG
    local name user=""
    [[ $(id -u) != 0 ]] || user="User www-data
Group www-data"
    for name in mpm_event authz_core unixd log_config unique_id alias; do
        [[ ! -e $MODULES/mod_$name.so ]] || echo "LoadModule ${name}_module $MODULES/mod_$name.so"
    done
    cat <<END
ServerRoot "$DIR/web"
ServerName localhost
$user
PidFile "$DIR/web/apache.pid"
DefaultRuntimeDir "$DIR/web"
Listen 127.0.0.1:$PORT
ErrorLog "$DIR/web/error.log"
LogLevel error
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
ServerLimit 4
ThreadsPerChild 16
MaxRequestWorkers 64
DocumentRoot "$DIR/web/htdocs"
<Directory "$DIR/web/htdocs">
    Require all granted
</Directory>
LogFormat "%h %l %u %t \"%r\" %>s %O id=%{UNIQUE_ID}e" unique
CustomLog "$DIR/web/truth.log" unique
CustomLog "$1" unique
END
}
apache() { apache2 -d "$DIR/web" -f "$DIR/web/apache.conf" -k "$1" >>"$DIR/web/out" 2>&1; }
apache_is_gone() { ! kill -0 "$APACHE" 2>/dev/null; }

begin_apache() { # NAME CUSTOM_LOG
    mkdir -p "$DIR/web/htdocs"
    echo ok >"$DIR/web/htdocs/index.html"
    apache_config "$1" >"$DIR/web/apache.conf"
    apache start || not_ok "$NAME: Apache starts" "$(cat "$DIR/web/out" "$DIR/web/error.log" 2>/dev/null)"
    until_true 20 test -s "$DIR/web/apache.pid"
    APACHE=$(cat "$DIR/web/apache.pid")
    note_process "$APACHE"
}
end_apache() {
    apache stop
    until_true 20 apache_is_gone || not_ok "$NAME: Apache ends"
}
load() { # REQUESTS CONNECTIONS [KEEPALIVE]
    # shellcheck disable=SC2086 # perhaps no argument
    ab -q ${3:-} -n "$1" -c "$2" "http://127.0.0.1:$PORT/index.html" >"$DIR/load" 2>&1
}

finish_apache() {
    end_apache
    wait_delivered "$(wc -l <"$DIR/web/truth.log")" 60
    stop_posta
    end_judge
    echo "# $NAME: $(wc -l <"$DIR/web/truth.log") lines, $(grep -oE 'Requests per second: *[0-9]+' "$DIR/load");" \
        "rotations $(counter tail.rotations), made $(counter tail.rotations_made), truncations $(counter tail.truncations)"
}

# The ring goes round in a race: what posta gets depends on its getting a turn within a tenth of a second. Best of three.
apache_circular() {
    local try
    for ((try = 1; try <= 3; try++)); do
        begin "Apache, rotatelogs -n 2" "access.log*"
        rm -rf "$DIR/log" "$DIR/data" "$DIR/web" && mkdir -p "$DIR/log"
        start_judge -m -d "$DIR/texts"
        start_posta_and_wait
        begin_apache "|/usr/bin/rotatelogs -n 2 $DIR/log/access.log 50K"
        load 10000 1
        finish_apache
        judge_texts "$DIR/web/truth.log"
        ((LOST == 0)) && break
    done
    judge_exactly "$NAME" "$DIR/web/truth.log"
    check "$NAME: the ring went round" test "$(counter tail.truncations)" -ge 5
}

apache_graceful() {
    begin "Apache, rename and graceful restart" "access.log"
    start_judge -m -d "$DIR/texts"
    start_posta_and_wait
    begin_apache "$DIR/log/access.log"
    load 60000 8 -k &
    local load=$! n=0
    while kill -0 $load 2>/dev/null; do
        mv "$DIR/log/access.log" "$DIR/log/access.log.$((n += 1))"
        apache graceful
        until_true 10 test -e "$DIR/log/access.log"
        pause 0.2
    done
    finish_apache
    echo "# $NAME: $n rotations"
    judge_exactly "$NAME" "$DIR/web/truth.log"
}

apache_managed() {
    begin "Apache, rotated by posta"
    file_config "$DIR/log/access.log" "    rotation: {mode: managed, size: 300KB, pid_file: \"$DIR/web/apache.pid\"}"
    start_judge -m -d "$DIR/texts"
    mkdir -p "$DIR/web"
    begin_apache "$DIR/log/access.log"
    start_posta_and_wait
    load 60000 8 -k
    finish_apache
    judge_exactly "$NAME" "$DIR/web/truth.log"
    check "$NAME: it did rotate" test "$(counter tail.rotations_made)" -ge 2
    check "$NAME: never more than two files" test "$(find "$DIR/log" -name 'access.log*' | wc -l)" -le 2
}

# ---- all ----

with_logrotate "logrotate, create" 15 "    create 0644$REOPEN"
with_logrotate "logrotate, create, compress" 8 "    create 0644
    compress
    nodelaycompress$REOPEN"
# Its names have seconds in them, so there can be one a second.
with_logrotate "logrotate, dateext, delaycompress" 3 "    nocreate
    dateext
    dateformat -%Y%m%d-%s
    compress
    delaycompress$REOPEN" 1.1
copytruncate_paused "logrotate, copytruncate" ""
if has_option compression auto; then
    copytruncate_paused "logrotate, copytruncate, compress, a wildcard" "    compress
    delaycompress" "app.log*" "    compression: auto"
else
    skip "logrotate, copytruncate, compress, a wildcard: every line once and in order" "compression is not there yet"
fi
copytruncate_running
for wildcard in "" "*.log"; do
    down_renamed "$wildcard"
    down_compressed "$wildcard"
    down_copied "$wildcard"
done
down_truncated
told_to_stop_after_a_rotation
apache_circular
apache_graceful
apache_managed
