#!/usr/bin/env bash
# kafka_chaos.sh, longer: 200 SIGKILLs of posta while brokers die and a million lines are written, in both modes of delivery; then
# what the tests of trouble show with Kafka 4, with Kafka 3.9.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
HERE=$ROOT/tests/e2e
export BUILD

test_cleanup() { "$CLUSTER" stop >/dev/null 2>&1; }

with_kafka() { # VERSION
    "$CLUSTER" stop
    KAFKA_VERSION=$1 "$CLUSTER" start || { not_ok "Kafka $1 starts"; exit 1; }
}

with_kafka 4.3.1
export KILLS=${KILLS:-200} LINES_N=${LINES_N:-999999} RATE=${RATE:-4000}
for mode in at_least_once exactly_once; do
    MODE=$mode bash "$HERE/kafka_chaos.sh"
done
unset KILLS LINES_N RATE
RESTARTED="1 2 3" AWAY_SECONDS=120 bash "$HERE/kafka_brokers.sh"
for mode in at_least_once exactly_once; do
    with_kafka 3.9.2
    for script in topics brokers network chaos; do
        echo "# Kafka 3.9.2, $mode, $script"
        MODE=$mode bash "$HERE/kafka_$script.sh"
    done
done
