#!/usr/bin/env bash
# Samples (here posta's own counters) and log lines have their shares of the spool: a storm of lines while the brokers are
# away neither takes the samples' room nor lets them wait behind its backlog; a storm of samples takes no room from the lines.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_broker logs-lines:1 metricbeat:1 filebeat:1
N=60000

fresh() {
    rm -rf "$DIR/log" "$DIR/data"
    mkdir "$DIR/log"
}
share_config() { # PERIOD MAX_SIZE
    { echo "path.data: $DIR/data"
        config_input "$DIR/log/app.log" "    message_max_bytes: 64KB"
        # shellcheck disable=SC2016 # a format of posta
        config_kafka "$BOOTSTRAP" '"%{[agent.type]}"'
        echo "  buffer_bytes: 1MB"
        echo "logging.metrics: {events: true, period: $1}"
        echo "queue.disk: {max_size: $2, at_limit: drop_oldest}"; } >"$DIR/posta.yml"
}
# Every sample once, with its own time, a period after the one before; counters that only grow.
judge_samples() { # LEAST
    check "samples: each is an event of its own dataset" bash -c \
        "test \$(jq -r 'select(.event.dataset == \"posta.stats\" and .agent.type == \"metricbeat\") | .event.id' <'$DIR/samples' | sort -u | wc -l) -ge $1"
    equals "samples: none is twice" "$(jq -r .event.id <"$DIR/samples" | sort -u | wc -l)" "$(wc -l <"$DIR/samples")"
    equals "samples: in order of their own times" "$(jq -r '.["@timestamp"]' <"$DIR/samples" | sort)" "$(jq -r '.["@timestamp"]' <"$DIR/samples")"
    equals "samples: the acknowledgements of both kinds are told apart" true \
        "$(jq -s '.[-1].posta.stats | .samples_sender.lines_delivered >= 10 and
            .sender.lines_delivered + .samples_sender.lines_delivered <= .kafka.acked' <"$DIR/samples")"
    equals "samples: the counters only grow" true \
        "$(jq -s '[.[].posta.stats.tail.bytes_read] | . == sort' <"$DIR/samples")"
}

storm_of_lines() {
    fresh
    share_config 200ms 4MB
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n "$N" >/dev/null
    check "a storm of lines fills their share" until_true 20 log_has "at_limit: drop_oldest"
    sleep 2
    check "a storm of lines: no sample is dropped" bash -c "! grep -q 'samples. share' '$LOG'"
    broker up all
    "$TOOLS/collect" -b "$BOOTSTRAP" -t metricbeat -i 4 -T 8 --raw "$DIR/samples" >/dev/null 2>&1
    check "... those of the outage arrive ($(wc -l <"$DIR/samples"))" test "$(wc -l <"$DIR/samples")" -ge 10
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
    judge_samples 10
}

storm_of_samples() {
    fresh
    share_config 100ms 1MB
    broker down all
    start_posta_and_wait
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -n 2000 >/dev/null
    check "a storm of samples: the oldest of them go" until_true 60 log_has "the samples' share of the spool is full"
    check "... they take their share ($(du -sb "$DIR/data/spool/metrics" | cut -f1) bytes)" \
        test "$(du -sb "$DIR/data/spool/metrics" | cut -f1)" -le 600000
    check "... and no line is dropped for them" bash -c "! grep -q 'at_limit: drop_oldest' '$LOG'"
    TOPIC=filebeat
    collect_live 2000 -i 5 -T 60 --max-repeats 0
    broker up all
    judge_live
    equals "... all of them arrive" 0 "$(verdict lost)"
    stop_posta
    equals "... SIGTERM ends with status 0" 0 $?
}

storm_of_lines
storm_of_samples
broker quit
