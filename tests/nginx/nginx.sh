#!/usr/bin/env bash
# A real nginx with a prefix of its own, for tests: two workers, every path answers 200 "ok".
#
#   nginx.sh start DIR PORT [DIRECTIVES [LOG_OPTIONS]]
#                                          logs in DIR/logs (DIR best on tmpfs), on 127.0.0.1:PORT; DIRECTIVES go into
#                                          http {}, e.g. 'access_log logs/b.log combined buffer=4k;'; LOG_OPTIONS behind
#                                          the format of access.log, e.g. 'buffer=32k flush=1s'
#   nginx.sh stop DIR                      ends it, waits until it is gone
#   nginx.sh pid DIR                       prints the pid of the master: the one to send USR1
#   nginx.sh reopen DIR                    USR1: open the logs anew, after a rename
#   nginx.sh lines FILE...                 how many lines the files hold together
#   nginx.sh load PORT SECONDS [CONNECTIONS]   wrk with a unique seq=N in each request, see seq.lua
#
# As root the workers are www-data, so that posta and nginx are different users, as in a pod. Count lines in the logs,
# not answers in wrk: at its end wrk drops answers to requests that were logged.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin

die() {
    printf 'nginx: %s\n' "$*" >&2
    exit 1
}

user_line() { [[ $(id -u) != 0 ]] || echo 'user www-data;'; }

write_conf() { # DIR PORT DIRECTIVES LOG_OPTIONS
    cat >"$1/nginx.conf" <<EOF
$(user_line)
worker_processes 2;
daemon on;
pid nginx.pid;
error_log logs/error.log error;
events { worker_connections 1024; }
http {
    access_log logs/access.log combined $4;
    keepalive_requests 1000000000;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    $3
    server {
        listen 127.0.0.1:$2;
        location / { return 200 "ok\n"; }
        location = /nginx_status { stub_status; access_log off; }
    }
}
EOF
}

# By its whole path: on USR2 it starts the program again by the name it was called with.
run_nginx() { "$(command -v nginx)" -p "$1" -c "$1/nginx.conf" -e "$1/logs/error.log" "${@:2}"; }

pid() { cat "$1/nginx.pid" 2>/dev/null || die "not running in $1"; }

start() { # DIR PORT [DIRECTIVES [LOG_OPTIONS]]
    local left=100
    mkdir -p "$1/logs" "$1/tmp"
    write_conf "$1" "${2:?start DIR PORT}" "${3:-}" "${4:-}"
    run_nginx "$1"
    until [[ -s $1/nginx.pid ]]; do
        ((left-- > 0)) || die "did not start, see $1/logs/error.log"
        sleep 0.05
    done
}

stop() {
    local pid left=200
    pid=$(cat "$1/nginx.pid" 2>/dev/null) || return 0
    kill -QUIT "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do
        # Idle keep-alive connections hold a gentle end up.
        ((left-- > 100)) || kill -TERM "$pid" 2>/dev/null || true
        ((left > 0)) || die "pid $pid does not end"
        sleep 0.05
    done
}

lines() { cat -- "$@" | wc -l; }

load() { # PORT SECONDS [CONNECTIONS]
    wrk -t1 "-c${3:-8}" "-d${2}s" -s "$HERE/seq.lua" "http://127.0.0.1:$1"
}

main() {
    local verb=${1:-}
    shift || true
    case $verb in
    start | stop | pid | lines | load) "$verb" "$@" ;;
    reopen) kill -USR1 "$(pid "$1")" ;;
    *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2 && exit 1 ;;
    esac
}

main "$@"
