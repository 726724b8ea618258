#!/usr/bin/env bash
# At start it is said when a topic can lose what it has acknowledged: too few copies, or too few of them to be in sync. Of a safe
# topic, and where posta may not see the settings, nothing is said. Sending does not wait for it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

kadmin() {
    "$TOOLS/kadmin" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$CA" \
        -X "ssl.certificate.location=$PKI/admin.pem" -X "ssl.key.location=$PKI/admin.key" "$@" >/dev/null
}
# try_topic REPLICAS [k=v ...]: a topic, and posta until it has delivered a line and had time to ask
try_topic() {
    TOPIC=$PREFIX-$RANDOM
    kadmin "topic $TOPIC 2 $*" "settled $TOPIC"
    rm -rf "$DIR/data"
    kafka_config
    echo "line seq=0" >>"$DIR/log/app.log"
    start_posta_and_wait -d kafka
    until_true 20 log_has "delivering to topic $TOPIC" || not_ok "delivered to $TOPIC"
    until_true 20 log_has "copies of topics were looked at" || not_ok "the copies of $TOPIC are looked at"
    stop_posta
}

use_kafka durable
PREFIX=$TOPIC
try_topic 1
says "one copy: said" "topic $TOPIC has replication factor 1" "$LOG"
try_topic 3 min.insync.replicas=1
check "one copy in sync is enough, but posta may not see it: nothing said" test "$(grep -c 'can be lost' "$LOG")" = 0
"$CLUSTER" acl User:CN=posta topic prefixed "$PREFIX" describe_configs
try_topic 3 min.insync.replicas=1
says "... it may: said" "topic $TOPIC has min.insync.replicas 1" "$LOG"
try_topic 3 min.insync.replicas=2
check "a safe topic: nothing said" test "$(grep -c 'can be lost' "$LOG")" = 0
