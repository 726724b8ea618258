#!/usr/bin/env bash
# Heartbeats in networks of their own (network namespaces): pings with and without privilege, replies that are lost, hosts that
# routers refuse, a name server that never answers. Where the machine permits no namespaces, it says so.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=$DIR/events
ROUTER=

if [[ ${1:-} != inside ]]; then
    if ! unshare -n -m true 2>/dev/null; then
        skip "heartbeats in network namespaces" "unshare -n -m is not permitted here: pings, packet loss and refused ICMP are not tested"
        exit 0
    fi
    exec unshare -n -m "$0" inside
fi
test_cleanup() { [[ -z $ROUTER ]] || kill -KILL "$ROUTER" 2>/dev/null; }

# A router behind a cable: 10.9.0.1 is here, 10.9.0.2 is there; it refuses 198.51.100.0/24 and forgets 203.0.113.0/24.
make_network() {
    ip link set lo up
    unshare -n sleep 1000 &
    ROUTER=$!
    until_true 10 bash -c "[[ \$(readlink /proc/$ROUTER/ns/net) != \$(readlink /proc/self/ns/net) ]]"
    ip link add here type veth peer name there netns "$ROUTER" || return 1
    ip addr add 10.9.0.1/24 dev here && ip link set here up
    router ip addr add 10.9.0.2/24 dev there
    router ip link set there up
    router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
    router ip route add prohibit 198.51.100.0/24
    router ip route add blackhole 203.0.113.0/24
    ip route add default via 10.9.0.2
    until_true 10 is_there
}
router() { nsenter -t "$ROUTER" -n "$@"; }
is_there() { [[ $( (exec 3<>/dev/tcp/10.9.0.2/1) 2>&1) == *refused* ]]; }

of() { jq -c "select(.monitor.id == \"$1\")" "$EVENTS"; }
tells() { # ID WHAT CONDITION, of its first event
    if [[ $(of "$1" | head -n 1 | jq "$3" 2>/dev/null) == true ]]; then ok "$1: $2"; else not_ok "$1: $2" "$(of "$1" | head -n 1)"; fi
}
config() {
    printf 'path.data: %s/data\noutput.console: {}\nheartbeat.monitors:\n' "$DIR"
    cat
}
start_heartbeats() { # [COMMAND...] that starts it
    : >"$LOG" && : >"$EVENTS"
    rm -rf "$DIR/data"
    "$@" "$POSTA" -c "$DIR/posta.yml" 2>>"$LOG" >"$EVENTS" &
    PID=$!
}
has_events() { (($(wc -l <"$EVENTS") >= $1)); }

pings() { # WHAT [COMMAND...]
    local what=$1
    shift
    config >"$DIR/posta.yml" <<EOF
  - {type: icmp, id: near, hosts: 10.9.0.2, schedule: '@every 1h', timeout: 2s}
  - {type: icmp, id: self6, hosts: '::1', schedule: '@every 1h', timeout: 2s}
  - {type: icmp, id: refused, hosts: 198.51.100.7, schedule: '@every 1h', timeout: 700ms, wait: 200ms}
  - {type: icmp, id: lost, hosts: 203.0.113.7, schedule: '@every 1h', timeout: 700ms, wait: 200ms}
  - {type: icmp, id: nowhere, hosts: '2001:db8::1', schedule: '@every 1h', timeout: 700ms}
  - {type: tcp, id: tcp-refused, hosts: '198.51.100.7:80', schedule: '@every 1h', timeout: 2s}
  - {type: tcp, id: tcp-lost, hosts: '203.0.113.7:80', schedule: '@every 1h', timeout: 700ms}
EOF
    start_heartbeats "$@"
    check "$what: an event of each" until_true 20 has_events 7
    stop_posta
    tells near "$what: up" '.monitor.status == "up" and .icmp.requests == 1 and .icmp.rtt.us > 0'
    tells self6 "$what: up" '.monitor.status == "up" and .monitor.ip == "::1"'
    tells refused "$what: what the router says is told" \
        '.monitor.status == "down" and .error.type == "io" and (.error.message | startswith("ping timeout: ")) and .icmp.requests > 1'
    tells lost "$what: nobody says anything" '.error.message == "ping timeout" and .icmp.requests > 1'
    tells nowhere "$what: no way there, at once" '.error.type == "io" and (.error.message | contains("Network is unreachable"))'
    tells tcp-refused "$what: TCP too" '.error.code == "NET_COULD_NOT_CONNECT" and (.error.message | contains("No route to host"))'
    tells tcp-lost "$what: TCP too" '.error.message | contains("connect: no answer in time")'
}

# Replies that are lost at first: another request is sent, and it is up.
lost_at_first() {
    router sysctl -qw net.ipv4.icmp_echo_ignore_all=1
    config >"$DIR/posta.yml" <<EOF
  - {type: icmp, id: late, hosts: 10.9.0.2, schedule: '@every 1h', timeout: 20s, wait: 200ms}
EOF
    start_heartbeats
    until_true 20 log_has "heartbeat: 1 monitors"
    sleep 1
    router sysctl -qw net.ipv4.icmp_echo_ignore_all=0
    check "replies are lost at first: an event" until_true 20 has_events 1
    stop_posta
    tells late "up after more requests" '.monitor.status == "up" and .icmp.requests > 1 and .monitor.duration.us > .icmp.rtt.us'
}

without_permission() {
    sysctl -qw net.ipv4.ping_group_range="1 0"
    if setpriv --bounding-set -net_raw --inh-caps -net_raw true 2>/dev/null; then
        config >"$DIR/posta.yml" <<<"  - {type: icmp, id: a, hosts: 127.0.0.1, schedule: '@every 1h'}"
        setpriv --bounding-set -net_raw --inh-caps -net_raw "$POSTA" test config -c "$DIR/posta.yml" >"$DIR/said" 2>&1
        says "without permission: a problem of the configuration" "icmp: posta may not open sockets for ICMP here: give it CAP_NET_RAW" "$DIR/said"
        sysctl -qw net.ipv4.ping_group_range="0 2147483647"
        pings "without privilege" setpriv --bounding-set -net_raw --inh-caps -net_raw
    else
        skip "pings without privilege" "setpriv cannot take away CAP_NET_RAW here"
    fi
}

# Every lookup waits for a server that never answers; addresses and other names are not held up.
dead_name_server() {
    "$TOOLS/badweb" 53 names &
    local server=$! i
    echo "nameserver 127.0.0.1" >"$DIR/resolv.conf"
    printf '127.0.0.1 localhost\n10.9.0.2 known.example\n' >"$DIR/hosts"
    printf 'hosts: files dns\n' >"$DIR/nsswitch.conf"
    mount --bind "$DIR/resolv.conf" "$(readlink -f /etc/resolv.conf)"
    mount --bind "$DIR/hosts" /etc/hosts
    mount --bind "$DIR/nsswitch.conf" /etc/nsswitch.conf
    {
        for i in {1..8}; do echo "  - {type: tcp, id: dead-$i, hosts: 'name$i.example:80', schedule: '@every 1h', timeout: 3s}"; done
        for i in {1..30}; do echo "  - {type: icmp, id: same-$i, hosts: 'name1.example', schedule: '@every 1h', timeout: 3s}"; done
        echo "  - {type: icmp, id: address, hosts: 10.9.0.2, schedule: '@every 200ms'}"
        echo "  - {type: icmp, id: known, hosts: known.example, schedule: '@every 200ms'}"
    } | config >"$DIR/posta.yml"
    start_heartbeats
    check "a dead name server: each name is told" until_true 30 has_each_dead
    equals "... as not resolved in time" 'DNS lookup failure "": no answer in time' \
        "$(jq -r 'select(.monitor.id | test("dead|same")) | .error.message' "$EVENTS" | sed 's/"name[0-9]*.example"/""/' | sort -u)"
    local first
    first=$(jq -r 'select(.monitor.id | test("dead|same")) | .monitor.id' "$EVENTS" | head -n 1)
    check "... addresses and names that are known went on before the first of them ($first)" bash -c \
        "test \$(jq -r .monitor.id '$EVENTS' | sed '/$first/q' | grep -c address) -ge 5 && test \$(jq -r .monitor.id '$EVENTS' | sed '/$first/q' | grep -c known) -ge 5"
    stop_posta
    equals "... SIGTERM ends with status 0 while threads wait" 0 $?
    kill -KILL $server
}
has_each_dead() { [[ $(jq -r 'select(.monitor.id | test("dead|same")) | .monitor.id' "$EVENTS" 2>/dev/null | sort -u | wc -l) == 38 ]]; }

make_network || { skip "heartbeats in network namespaces" "a veth pair cannot be made here"; exit 0; }
pings "with privilege"
lost_at_first
without_permission
dead_name_server
if tc qdisc add dev here root netem loss 30% 2>/dev/null; then
    tc qdisc del dev here root
else
    echo "numbers: random packet loss (tc netem) is not to be had on this kernel; lost replies are made by the peer that ignores pings"
fi
