#!/usr/bin/env bash
# Metrics of this very machine: what posta tells agrees with what other programs tell (free, df, ps, ss, nproc, nginx's and
# Apache's own pages). Counters that go on meanwhile are asked for before and after: the sample lies between. Every event keeps to
# the table of fields. Pages that are none, servers that hang or are gone are errors, and the rest goes on.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

PATH=$PATH:/usr/sbin:/sbin
NGINX=$ROOT/tests/nginx/nginx.sh
EVENTS=$DIR/out/events

test_cleanup() {
    [[ ! -d $DIR/nginx ]] || "$NGINX" stop "$DIR/nginx" >/dev/null 2>&1
    [[ -z ${APACHE:-} ]] || kill "$APACHE" 2>/dev/null
    [[ -z ${GROUP:-} ]] || leave_groups
}

config() { # MODULES, as YAML
    printf 'path.data: %s\noutput.file: {path: %s, filename: events}\nmetricbeat.modules:\n%s\n' "$DIR/data" "$DIR/out" "$1" >"$DIR/posta.yml"
}
fresh() { rm -rf "$DIR/out" "$DIR/data" && mkdir -p "$DIR/out"; }
count() { jq -c "select($1)" "$EVENTS" 2>/dev/null | wc -l; } # FILTER
has() { (($(count "$1") >= ${2:-1})); }                      # FILTER [NUMBER]
of() { echo ".event.dataset == \"$1\" and .error == null"; }
# Of the last event of a dataset.
figure() { jq -r "select($(of "$1")) | $2" "$EVENTS" | tail -n 1; } # DATASET EXPRESSION
between() { # NAME BEFORE FOUND AFTER
    if (($2 <= $3 && $3 <= $4)); then ok "$1"; else not_ok "$1" "$3 is not between $2 and $4"; fi
}
# near NAME EXPECTED FOUND PERCENT
near() {
    if awk -v a="$2" -v b="$3" -v p="$4" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(d <= a * p / 100) }'; then ok "$1"; else not_ok "$1" "$3 is not $2, give or take $4 %"; fi
}
check_schema() { # NAME
    jq -n -r --rawfile table "$ROOT/tests/metrics/fields.txt" -f "$ROOT/tests/metrics/schema.jq" <"$EVENTS" >"$DIR/schema" 2>&1
    equals "$1: every field is in the table, with its type" "" "$(sort -u "$DIR/schema" | head -n 5)"
    equals "$1: no id is twice" "$(jq -r .event.id "$EVENTS" | wc -l)" "$(jq -r .event.id "$EVENTS" | sort -u | wc -l)"
}
get() { # PORT PATH: the body of an answer
    local line
    exec 5<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&5
    while IFS= read -r line <&5 && [[ $line != $'\r' ]]; do :; done
    cat <&5
    exec 5>&-
}

# ---- the machine ----

stat_ticks() { awk '/^cpu /{print $2}' /proc/stat; }
rx_bytes() { cat /sys/class/net/lo/statistics/rx_bytes; }
bytes_read() { echo $(($(awk -v name="$1" '$3 == name { print $6 }' /proc/diskstats) * 512)); } # DISK
uptime_ms() { awk '{print int($1 * 1000)}' /proc/uptime; }

read_before() {
    TICKS=$(stat_ticks) RX=$(rx_bytes) UPTIME=$(uptime_ms)
    DISK=$(awk '$4 + $8 > 0 { print $3; exit }' /proc/diskstats)
    READ=$(bytes_read "$DISK")
}

machine() {
    local total
    fresh
    config "  - {module: system, period: 300ms, cpu.metrics: [percentages, normalized_percentages, ticks], process.include_top_n: {by_cpu: 3, by_memory: 3},
     metricsets: [cpu, core, load, memory, network, diskio, filesystem, fsstat, process, process_summary, uptime, socket_summary]}"
    read_before
    : >"$LOG"
    start_posta
    check "samples come" until_true 60 has "$(of system.socket_summary)" 4
    stop_posta
    equals "SIGTERM ends with status 0" 0 $?
    equals "nothing is logged as a warning" "" "$(grep -E 'WARN|ERROR' "$LOG" | head -n 3)"
    check_schema "the machine"
    equals "cores, as nproc has them" "$(nproc --all)" "$(figure system.cpu .system.cpu.cores)"
    equals "an event for each core" "$(nproc --all)" "$(jq -s "map(select($(of system.core)) | .system.core.id) | unique | length" "$EVENTS")"
    total=$(free -b | awk '/^Mem:/{print $2}')
    equals "memory, as free has it" "$total" "$(figure system.memory .system.memory.total)"
    near "... and what is available" "$(free -b | awk '/^Mem:/{print $7}')" "$(figure system.memory .system.memory.actual.free)" 20
    between "user ticks" "$TICKS" "$(figure system.cpu .system.cpu.user.ticks)" "$(stat_ticks)"
    between "bytes of lo" "$RX" "$(figure system.network 'select(.system.network.name == "lo") | .system.network.in.bytes')" "$(rx_bytes)"
    between "bytes read from $DISK" "$READ" "$(figure system.diskio "select(.system.diskio.name == \"$DISK\") | .system.diskio.read.bytes")" "$(bytes_read "$DISK")"
    between "uptime" "$UPTIME" "$(figure system.uptime .system.uptime.duration.ms)" "$(uptime_ms)"
    equals "no share before the second sample" null "$(jq -c "select($(of system.cpu)) | .system.cpu.total.pct" "$EVENTS" | head -n 1)"
    check "shares of a CPU make one" has "$(of system.cpu) and (.system.cpu | .user.norm.pct != null and
        ((.user.norm.pct + .system.norm.pct + .nice.norm.pct + .idle.norm.pct + .iowait.norm.pct + .irq.norm.pct + .softirq.norm.pct + .steal.norm.pct - 1) | fabs) < 0.001)" 2
    check "what the host received is told" has '.event.dataset == "system.network" and .host.network.ingress.bytes >= 0'
    equals "six processes at most, of each sample" "" \
        "$(jq -r "select($(of system.process)) | .\"@timestamp\"" "$EVENTS" | sort | uniq -c | awk '$1 > 6' | head -n 1)"
}

# On a file system of its own nobody else writes.
room() {
    fresh
    local mount=$DIR/mount
    mkdir -p "$mount"
    mount -t tmpfs -o size=8m posta-test "$mount" 2>/dev/null || { skip "room, as df has it" "no rights to mount" && return; }
    head -c 1000000 /dev/zero >"$mount/file"
    config "  - {module: system, period: 300ms, metricsets: [filesystem, fsstat], filesystem.ignore_types: [none],
     processors: [{drop_event.when.not.equals: {system.filesystem.device_name: posta-test}}]}"
    start_posta
    check "a file system is told of" until_true 60 has "$(of system.filesystem)"
    stop_posta
    check_schema "room"
    equals "room, as df has it" "$(df -B1 --output=size,used,avail,itotal,iavail "$mount" | tail -n 1 | xargs)" \
        "$(figure system.filesystem '.system.filesystem | "\(.total) \(.used.bytes) \(.available) \(.files) \(.free_files)"')"
    equals "drop_event drops the others, and fsstat too" "" "$(jq -r '.system.filesystem.mount_point' "$EVENTS" | grep -vxF "$mount" | head -n 1)"
    umount "$mount"
}

# In a network and a process namespace of its own nobody else opens a socket or starts a process.
alone() {
    fresh
    config "  - {module: system, period: 300ms, metricsets: [process, process_summary, socket_summary], processes: ['^sleep\$']}"
    unshare -n -p -f --mount-proc true 2>/dev/null || { skip "sockets and processes, as ss and ps have them" "no rights for namespaces" && return; }
    # shellcheck disable=SC2016 # for the shell inside
    DIR=$DIR POSTA=$POSTA LOG=$LOG unshare -n -p -f --mount-proc bash -c '
        ip link set lo up
        sleep 1000 & SLEEP=$!
        "$POSTA" -c "$DIR/posta.yml" 2>>"$LOG" & PID=$!
        until [[ $(grep -c socket.*summary "$DIR/out/events" 2>/dev/null) -ge 3 ]]; do sleep 0.1; done
        ss -Htan | wc -l >"$DIR/ss"
        ps -o nlwp=,ppid=,vsz= -p "$SLEEP" | xargs >"$DIR/ps"
        ps -o rss= -p "$SLEEP" | xargs >"$DIR/rss"
        ps -ax -o pid= | wc -l >"$DIR/all"
        kill -TERM "$PID"; wait "$PID"
        kill "$SLEEP"'
    check_schema "alone"
    equals "sockets, as ss has them" "$(cat "$DIR/ss")" "$(figure system.socket_summary .system.socket.summary.tcp.all.count)"
    equals "a process, as ps has it" "$(cat "$DIR/ps")" \
        "$(figure system.process '"\(.system.process.num_threads) \(.process.parent.pid) \(.system.process.memory.size / 1024)"')"
    # The kernel counts pages in batches for each CPU: two ways to ask differ by some of them.
    near "... and its memory" "$(cat "$DIR/rss")" "$(figure system.process '.system.process.memory.rss.bytes / 1024')" 40
    equals "only those whose name matches" sleep "$(jq -r "select($(of system.process)) | .process.name" "$EVENTS" | sort -u)"
    # ps saw itself and the subshell that counts.
    between "all processes, as ps has them" 3 "$(figure system.process_summary .system.process.summary.total)" "$(cat "$DIR/all")"
}

# ---- a container ----

enter_groups() { # LIMITS as "controller/file=value"
    local limit
    GROUP=posta-test-$$
    for limit; do
        mkdir -p "/sys/fs/cgroup/${limit%%/*}/$GROUP" 2>/dev/null || return 1
        echo "${limit#*=}" 2>/dev/null >"/sys/fs/cgroup/${limit%%/*}/$GROUP/$(basename "${limit%%=*}")" || return 1
    done
}
leave_groups() {
    local dir
    for dir in /sys/fs/cgroup/*/"$GROUP"; do rmdir "$dir" 2>/dev/null; done
    return 0
}
container() {
    fresh
    config "  - {module: container, period: 300ms}"
    enter_groups memory/memory.limit_in_bytes=67108864 cpu/cpu.cfs_quota_us=25000 pids/pids.max=50 cpuacct/notify_on_release=0 ||
        { skip "limits of a control group" "no rights, or no version 1 here" && leave_groups && GROUP= && return; }
    # shellcheck disable=SC2016 # for the shell inside
    GROUP=$GROUP POSTA=$POSTA LOG=$LOG DIR=$DIR bash -c '
        for name in memory cpu pids cpuacct; do echo $BASHPID >"/sys/fs/cgroup/$name/$GROUP/cgroup.procs"; done
        "$POSTA" -c "$DIR/posta.yml" 2>>"$LOG" & PID=$!
        until [[ $(wc -l 2>/dev/null <"$DIR/out/events") -ge 3 ]]; do :; done
        kill -TERM "$PID"; wait "$PID"'
    check_schema "a container"
    equals "memory limit" 67108864 "$(figure container.cgroup .container.memory.limit.bytes)"
    equals "CPU limit" 0.25 "$(figure container.cgroup .container.cpu.limit.cores)"
    equals "limit of processes" 50 "$(figure container.cgroup .container.pids.limit)"
    check "who uses more than the quota is throttled" has "$(of container.cgroup) and .container.cpu.throttled.periods > 0"
    check "CPU is of what may be used" has "$(of container.cgroup) and .container.cpu.usage > 0.1 and
        ((.container.cpu.usage - .container.cpu.cores * 4) | fabs) < 0.01"
    between "memory that is used" 1 "$(figure container.cgroup .container.memory.used.bytes)" 67108864
    leave_groups
    GROUP=
}

# ---- web servers ----

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}
requests_of() { get "$1" /nginx_status | awk 'NR == 3 { print $3 }'; }
start_nginx() {
    PORT=$(free_port)
    mkdir -p "$DIR/nginx"
    "$NGINX" start "$DIR/nginx" "$PORT" "server { listen 127.0.0.1:$((PORT + 1)); location = /nginx_status { stub_status; }
        location = /slow { proxy_pass http://127.0.0.1:$((PORT + 2)); } location / { default_type text/html; return 200 '<html>no</html>'; } }" ||
        { not_ok "nginx starts"; exit 1; }
}

nginx_page() {
    local before after
    fresh
    start_nginx
    before=$(requests_of $((PORT + 1)))
    config "  - {module: nginx, period: 300ms, hosts: ['127.0.0.1:$((PORT + 1))'], tags: [web]}
  - {module: nginx, period: 300ms, hosts: ['http://127.0.0.1:$((PORT + 1))/other']}
  - {module: nginx, period: 300ms, timeout: 200ms, hosts: ['127.0.0.1:1', 'nobody.invalid']}"
    : >"$LOG"
    start_posta
    check "nginx: its counters come" until_true 60 has "$(of nginx.stubstatus) and .nginx.stubstatus.current > 0" 3
    check "nginx: a page that is HTML is an error" until_true 60 has '(.error.message // "") | contains("no page of nginx")'
    check "nginx: nobody listens" until_true 60 has '.service.address == "http://127.0.0.1:1/nginx_status" and (.error.message | contains("refused"))'
    check "nginx: no such name" until_true 60 has '(.service.address // "") == "http://nobody.invalid/nginx_status" and (.error.message | contains("nobody.invalid"))'
    after=$(requests_of $((PORT + 1)))
    "$NGINX" stop "$DIR/nginx"
    check "nginx: gone" until_true 60 has '.tags == ["web"] and .error != null'
    check "nginx: it is said once" test "$(grep -c "127.0.0.1:$((PORT + 1))/nginx_status.*refused" "$LOG")" == 1
    "$NGINX" start "$DIR/nginx" "$PORT" "server { listen 127.0.0.1:$((PORT + 1)); location = /nginx_status { stub_status; } }"
    check "nginx: back, which is said too" until_true 60 log_has "there are figures again"
    stop_posta
    equals "nginx: SIGTERM ends with status 0" 0 $?
    check_schema nginx
    between "nginx: requests" "$before" "$(jq -s 'map(.nginx.stubstatus.requests // 0) | max' "$EVENTS")" $((after + 1000))
    equals "nginx: host and address" "127.0.0.1:$((PORT + 1)) http://127.0.0.1:$((PORT + 1))/nginx_status" \
        "$(jq -r "select($(of nginx.stubstatus)) | \"\(.nginx.stubstatus.hostname) \(.service.address)\"" "$EVENTS" | sort -u)"
    # Between two of nginx's own counters a connection may come in.
    equals "nginx: nothing was dropped" 0 "$(jq -s 'map(.nginx.stubstatus.dropped // empty) | min' "$EVENTS")"
    "$NGINX" stop "$DIR/nginx"
}

# A server that accepts and says nothing neither holds up what is local nor the end.
hanging_server() {
    local port
    fresh
    port=$(free_port)
    "$TOOLS/badbroker" "$port" mute >"$DIR/bad" 2>&1 &
    until_true 20 eval "(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null" || { not_ok "a server that hangs"; return; }
    config "  - {module: apache, period: 1h, timeout: 1h, hosts: ['127.0.0.1:$port']}
  - {module: apache, period: 200ms, timeout: 400ms, hosts: ['127.0.0.1:$port']}
  - {module: system, period: 100ms, metricsets: [uptime]}"
    : >"$LOG"
    start_posta
    check "hanging: what is local goes on" until_true 60 has "$(of system.uptime)" 20
    check "hanging: too late is an error" until_true 60 has '.event.dataset == "apache.status" and (.error.message // "" | contains("timed out"))'
    check "hanging: samples that are left out are said" until_true 60 log_has "a sample is left out, the one before is not ready"
    stop_posta
    equals "hanging: SIGTERM ends with status 0" 0 $?
}

# A name server that never answers: local samples go on, and the end does not wait for it.
hanging_names() {
    local from to
    fresh
    config "  - {module: nginx, period: 1s, timeout: 300ms, hosts: [slow.example.com]}
  - {module: system, period: 100ms, metricsets: [uptime]}"
    echo "nameserver 10.99.99.9" >"$DIR/resolv.conf"
    unshare -n -m true 2>/dev/null || { skip "names that are not resolved hold up nothing" "no rights for namespaces" && return; }
    # shellcheck disable=SC2016 # for the shell inside
    DIR=$DIR POSTA=$POSTA LOG=$LOG unshare -n -m bash -c '
        ip link set lo up
        ip link add name pv0 type veth peer name pv1 && ip address add 10.99.99.1/24 dev pv0 && ip link set pv0 up &&
            ip link set pv1 up && ip neigh add 10.99.99.9 lladdr 02:00:00:00:00:09 dev pv0 || exit 1
        mount --bind "$DIR/resolv.conf" /etc/resolv.conf || exit 1
        "$POSTA" -c "$DIR/posta.yml" 2>>"$LOG" & PID=$!
        until [[ $(grep -c "resolve the name" "$DIR/out/events" 2>/dev/null) -ge 4 ]]; do sleep 0.1; done
        kill -TERM "$PID"; wait "$PID"'
    equals "names: SIGTERM ends with status 0" 0 $?
    from=$(grep -n "resolve the name" "$EVENTS" | head -n 1 | cut -d: -f1)
    to=$(grep -n "resolve the name" "$EVENTS" | sed -n 4p | cut -d: -f1)
    check "names: ... is an error that says so" has '(.error.message // "") | contains("slow.example.com/nginx_status: resolve the name: ")' 4
    # A blocked loop would take one sample a lookup.
    check "names: what is local goes on meanwhile ($((to - from - 3)) samples in three lookups)" test $((to - from - 3)) -ge 10
}

apache_config() { # PORT
    local modules=/usr/lib/apache2/modules name user=""
    [[ $(id -u) != 0 ]] || user="User www-data
Group www-data"
    for name in mpm_event authz_core unixd status; do [[ ! -e $modules/mod_$name.so ]] || echo "LoadModule ${name}_module $modules/mod_$name.so"; done
    cat <<END
ServerRoot "$DIR/web"
ServerName localhost
PidFile "$DIR/web/apache.pid"
ErrorLog "$DIR/web/error.log"
Listen 127.0.0.1:$1
$user
ExtendedStatus On
StartServers 2
<Location "/server-status">
SetHandler server-status
Require all granted
</Location>
END
}
page_key() { get "$1" "/server-status?auto" | tr -d '\r' | sed -n "s/^$2: //p"; } # PORT KEY
apache_page() {
    local port before after
    fresh
    port=$(free_port)
    mkdir -p "$DIR/web"
    apache_config "$port" >"$DIR/web/apache.conf"
    apache2 -d "$DIR/web" -f "$DIR/web/apache.conf" -k start >"$DIR/web/out" 2>&1 || { not_ok "Apache starts" "$(cat "$DIR/web/out")"; return; }
    until_true 20 test -s "$DIR/web/apache.pid"
    APACHE=$(cat "$DIR/web/apache.pid")
    until_true 20 eval "(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
    before=$(page_key "$port" "Total Accesses")
    config "  - {module: apache, period: 300ms, hosts: ['http://127.0.0.1:$port']}"
    start_posta
    check "Apache: its counters come" until_true 60 has "$(of apache.status)" 3
    after=$(page_key "$port" "Total Accesses")
    stop_posta
    check_schema Apache
    between "Apache: accesses" "$before" "$(jq -s '.[0].apache.status.total_accesses' "$EVENTS")" "$after"
    equals "Apache: places on the scoreboard" "$(page_key "$port" Scoreboard | tr -d '\n' | wc -c)" "$(figure apache.status .apache.status.scoreboard.total)"
    check "Apache: load is there" has "$(of apache.status) and .apache.status.load.\"15\" != null"
    kill "$APACHE"
    APACHE=
}

# ---- topics, memory ----

topics() {
    fresh
    start_broker system.cpu:1 container.cgroup:1 extra:1
    # shellcheck disable=SC2016 # a format of posta
    { echo "path.data: $DIR/data"
        printf 'metricbeat.modules:\n  - {module: system, metricsets: [cpu], period: 200ms}\n  - {module: container, period: 200ms, fields.kind: extra}\n'
        config_kafka "$BOOTSTRAP" '"%{[fields.kind]:%{[event.dataset]}}"'; } >"$DIR/posta.yml"
    sed -i 's/^  topic: .*/  topics: [{topic: "%{[fields.kind]}"}]\n  topic: "%{[event.dataset]}"/' "$DIR/posta.yml"
    : >"$LOG"
    start_posta
    "$TOOLS/collect" -b "$BOOTSTRAP" -t system.cpu -i 1 -T 20 --raw "$DIR/cpu" >/dev/null 2>&1
    "$TOOLS/collect" -b "$BOOTSTRAP" -t extra -i 1 -T 20 --raw "$DIR/extra" >/dev/null 2>&1
    stop_posta
    equals "a topic by dataset" system.cpu "$(jq -r .event.dataset "$DIR/cpu" | sort -u)"
    equals "a topic by the module's fields" container.cgroup "$(jq -r .event.dataset "$DIR/extra" | sort -u)"
    broker quit
}

machine
room
alone
container
nginx_page
hanging_server
hanging_names
apache_page
topics
