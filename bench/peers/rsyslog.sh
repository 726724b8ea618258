#!/usr/bin/env bash
# See README.md.
set -euo pipefail

PROGRAM=$PEERS/root/usr/sbin/rsyslogd LIB=$PEERS/root/usr/lib/x86_64-linux-gnu
[[ -d $LIB ]] || LIB=$(echo "$PEERS"/root/usr/lib/*-linux-gnu*)
export LD_LIBRARY_PATH=$LIB

case $1 in
version) "$PROGRAM" -v | sed -n '1s/ (.*//p' ;;
run)
    sed "s|@LOG@|$LOG|; s|@STATE@|$STATE|; s|@TOPIC@|$TOPIC|; s|@LINGER_MS@|$LINGER_MS|; s|@BROKERS@|\"${BOOTSTRAP//,/\", \"}\"|" \
        "$(dirname "$0")/rsyslog.conf" >"$STATE/rsyslog.conf"
    exec "$PROGRAM" -n -M "$LIB/rsyslog" -i "$STATE/pid" -f "$STATE/rsyslog.conf"
    ;;
esac
