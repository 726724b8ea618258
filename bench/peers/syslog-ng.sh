#!/usr/bin/env bash
# See README.md.
set -euo pipefail

PROGRAM=$PEERS/root/usr/sbin/syslog-ng LIB=$PEERS/root/usr/lib/syslog-ng
LD_LIBRARY_PATH=$LIB:$(echo "$PEERS"/root/usr/lib/*-linux-gnu*)
export LD_LIBRARY_PATH

case $1 in
version) "$PROGRAM" --module-path "$(echo "$LIB"/[0-9]*)" --version | sed -n '1p' ;;
run)
    sed "s|@LOG@|$LOG|; s|@TOPIC@|$TOPIC|; s|@LINGER_MS@|$LINGER_MS|; s|@BROKERS@|$BOOTSTRAP|" \
        "$(dirname "$0")/syslog-ng.conf" >"$STATE/syslog-ng.conf"
    exec "$PROGRAM" -F --no-caps --module-path "$(echo "$LIB"/[0-9]*)" -f "$STATE/syslog-ng.conf" -R "$STATE/persist" \
        -c "$STATE/control" -p "$STATE/pid"
    ;;
esac
