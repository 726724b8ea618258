#!/usr/bin/env bash
# Which topic and partition an event goes to, its key, headers and bytes: rules with conditions, mappings, dates, a rule that fits
# nothing; Beats' partitions; codecs; every compression. Against the real brokers.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
use_kafka route

TODAY=$(date -u +%Y.%m.%d)
T=$TOPIC
for name in errors site-a "day-$TODAY" keys spread text pretty; do TOPICS+=("topic $T-$name 4 3"); done
"$TOOLS/kadmin" -b "$BOOTSTRAP" -X security.protocol=ssl -X "ssl.ca.location=$CA" -X "ssl.certificate.location=$PKI/admin.pem" \
    -X "ssl.key.location=$PKI/admin.key" "${TOPICS[@]}" insync || { not_ok "topics can be made"; exit 1; }

# records NAME COUNT: the records of $T-NAME, in $DIR/NAME
records() {
    # shellcheck disable=SC2086 # READER is a list of arguments
    "$TOOLS/records" -b "$BOOTSTRAP" $READER -t "$T-$1" -n "$2" >"$DIR/$1"
}
with() { # OUTPUT_LINES...: the configuration, with an input of its own
    local line
    rm -rf "$DIR/data"
    { config_head && config_input "$DIR/log/app.log" "$INPUT" && config_kafka "$BOOTSTRAP" "$T" "$CERT" "$KEY" "$CA"; } |
        grep -v '^  topic:' >"$DIR/posta.yml"
    for line; do echo "  $line" >>"$DIR/posta.yml"; done
}
verify() { # its exit status; by who may read
    status verify -c "$DIR/posta.yml" -E "output.kafka.ssl.certificate=$PKI/verifier.pem" -E "output.kafka.ssl.key=$PKI/verifier.key"
}
send() { # NAME: all that is in the log
    check "$1" timeout 30 "$POSTA" -c "$DIR/posta.yml" --once
}
INPUT='    fields: {topic: nginx}
    parsers: [{ndjson: {target: "", overwrite_keys: true}}]'

# ---- topics ----

cat >"$DIR/log/app.log" <<EOF
{"message":"seq=0 fine","code":200,"site":"b"}
{"message":"seq=1 broken","code":503,"site":"a"}
{"message":"seq=2 mapped","code":200,"site":"a"}
{"message":"seq=3 would name a topic","code":200,"site":"secret","fields":{"topic":"secret"}}
{"message":"seq=4 for nobody","code":-1,"site":"b"}
EOF
with "topics:" "  - {topic: $T-errors, when: {range: {code: {gte: 500}}}}" \
    "  - {topic: '%{[site]}', mappings: {a: $T-site-a}}" \
    "  - {topic: '$T-day-%{+yyyy.MM.dd}', when: {and: [{range: {code.gte: 0}}, {equals: {fields.topic: nginx}}]}}"
equals "test config takes the rules" 0 "$(status test config -c "$DIR/posta.yml")"
equals "test output finds the topics, that of today too" 0 "$(status test output -c "$DIR/posta.yml")"
says "and says so" "topic $T-day-$TODAY... OK" "$LOG"
send "events go where their rules say"
records errors 1 && records site-a 1 && records "day-$TODAY" 2
equals "the first rule that fits" 1 "$(grep -c 'seq=1 ' "$DIR/errors")"
equals "a mapping" 1 "$(grep -c 'seq=2 ' "$DIR/site-a")"
equals "a date; and what a line says of itself names no topic" "seq=0 fine seq=3 would name a topic" \
    "$(grep -oE 'seq=[03] [a-z ]*' "$DIR/day-$TODAY" | sort | tr '\n' ' ' | sed 's/ $//')"
says "an event that no rule is for is a dead letter, with why" \
    '{"reason":"no rule of output.kafka.topics fits and output.kafka.topic is not set"' "$DIR/data/dead_letter.ndjson"
says "and it is that one" "seq=4 for nobody" "$DIR/data/dead_letter.ndjson"
equals "and no other" 1 "$(wc -l <"$DIR/data/dead_letter.ndjson")"
verify >"$DIR/status"
says "verify reads all the topics, misses the one and knows where" "1 generation of 1 log: 4 events" "$LOG"
equals "with its status" 1 "$(cat "$DIR/status")"

with "topic: '%{[site]}'"
equals "a topic named by a line is refused" 2 "$(status test config -c "$DIR/posta.yml")"
says "and it is said why" "a topic is never named by log content" "$LOG"

# ---- keys, headers, partitions ----

INPUT=
for n in {0..39}; do echo "seq=$n k=$((n % 4))"; done >"$DIR/log/app.log"
with "topic: $T-keys" "key: '%{[message]}'" "partition.hash: {hash: [message]}" \
    "headers: [{key: env, value: prod}, {key: team, value: a}]" "compression: gzip" "compression_level: 4"
send "a key, headers, a hash as Beats make it"
records keys 40
equals "each has its key and the headers" 40 "$(grep -cE $'^[0-3]\tseq=[0-9]+ k=[0-3]\tenv=prod,team=a\t' "$DIR/keys")"
# FNV-1a of the message, without its sign, modulo 4: computed here by other means.
fnv_partition() {
    local hash=2166136261 i c
    for ((i = 0; i < ${#1}; i++)); do
        printf -v c %d "'${1:i:1}"
        hash=$((((hash ^ c) * 16777619) & 0xffffffff))
    done
    echo $(((hash & 0x7fffffff) % 4))
}
wrong=0
while IFS=$'\t' read -r partition key _; do
    [[ $partition == $(fnv_partition "$key") ]] || ((wrong++))
done <"$DIR/keys"
equals "and lies where Beats would put it" 0 "$wrong"

with "topic: $T-spread" "partition.round_robin: {group_events: 5}" "compression: snappy"
send "in turn, by fives"
records spread 40
equals "each partition has its share" "10 10 10 10" "$(cut -f1 "$DIR/spread" | sort | uniq -c | awk '{print $1}' | xargs)"
equals "in groups of five" "0 0" "$(awk -F'\t' '{ split($4, m, "seq="); n = m[2] + 0; g = int(n / 5); if (g in p && p[g] != $1) bad++; p[g] = $1 } END { print bad + 0, (length(p) != 8) }' "$DIR/spread")"

# ---- codecs ----

with "topic: $T-text" "codec.format.string: '%{[agent.type]} %{[message]} %{[none]:-}'" "posta_headers: true" "compression: zstd" \
    "compression_level: 12"
send "a text in place of the event"
records text 40
says "it is the text alone" $'\tfilebeat seq=7 k=3 -' "$DIR/text"
equals "verify knows the places by the headers" 0 "$(verify)"
sed -i '/posta_headers/d' "$DIR/posta.yml"
equals "without the headers verify cannot" 2 "$(verify)"
says "and says what to do" "set output.kafka.posta_headers: true" "$LOG"

echo 'seq=0 <b>&</b>' >"$DIR/log/app.log"
with "topic: $T-pretty" "codec.json: {pretty: true, escape_html: true}" "compression: off"
send "pretty, without HTML"
records pretty 1
says "over several lines" '{\n  "@timestamp": "' "$DIR/pretty"
says "and escaped" '"message": "seq=0 \u003cb\u003e\u0026\u003c/b\u003e"' "$DIR/pretty"
equals "verify reads that too" 0 "$(verify)"
