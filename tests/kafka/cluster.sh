#!/usr/bin/env bash
# A real Kafka cluster on loopback for tests: three brokers that are controllers too (KRaft), mutual TLS everywhere,
# ACLs on, replication 3 with 2 in sync. Needs Java 17 and, the first time, Maven; later runs work offline.
#
#   fetch            get the jars of this version into the cache
#   start            all brokers up, topics and ACLs there; repairs a cluster with dead or paused brokers; else does nothing
#   stop             kill all brokers, remove their data; logs stay
#   kill N           SIGKILL, like a lost node (N: 1 to 3, or all)
#   term N           SIGTERM and wait: an orderly shutdown, leaders move first
#   pause N          SIGSTOP, like a hung node; resume N ends it
#   startone N       start a dead broker, wait until its replicas are in sync
#   restart N        kill N and startone N
#   status           one line a broker; exit 0 only when all run
#   topic NAME [PARTITIONS]                create a topic (default 3 partitions), wait for its replicas
#   acl PRINCIPAL TYPE PATTERN NAME OPS    allow more, e.g. acl User:CN=posta group literal g read
#   transactions PREFIX [PRINCIPAL]        let it (CN=posta) use transactional ids and groups that begin with PREFIX
#   admin 'COMMAND' ...                    what kadmin can do, as CN=admin
#   leader TOPIC PARTITION ID,ID,ID        the replicas in this order, the first is the leader, now
#   quota CLIENT_ID BYTES|none             what a client may produce in a second
#   relay FIFO                             a bad network: tests/tools/relay in front of each broker, in the foreground
#   env              shell variables for tests: eval "$(tests/kafka/cluster.sh env)"
#
# From the environment:
#   KAFKA_VERSION      default 4.3.1; 3.9.2 is tried too
#   POSTA_KAFKA_DIR    run directory (pki, logs, pids), default /tmp/posta-kafka; data go to /dev/shm if it has room
#   POSTA_KAFKA_PORT   first port P, default 19090: clients P+1 to P+3, wrong host name P+4, SASL with TLS P+5 to P+7 and
#                      without P+8 to P+10, between brokers P+11 to P+13, controllers P+21 to P+23, clients through relays
#                      P+51 to P+53, behind them P+41 to P+43
#   POSTA_KAFKA_HEAP   heap of a broker, default 256m
#   POSTA_CACHE        where the jars are kept, default ~/.cache/posta
#
# Who may what: CN=broker and CN=admin everything; CN=posta write and describe topics named logs-*; CN=verifier read
# and describe every topic and group; nobody else anything. Topics made at start: logs-posta (3 partitions), secret.
# By SASL: the user posta may what CN=posta may: PLAIN with the password plain-secret, SCRAM with scram-secret, OAUTHBEARER
# with a token of tests/tools/tokend and TOKEN_KEY; a client certificate may come with it and changes nothing.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=${POSTA_TOOLS:-$HERE/../../build/tests/tools}
RUN=${POSTA_KAFKA_DIR:-/tmp/posta-kafka}
PORT=${POSTA_KAFKA_PORT:-19090}
CACHE=${POSTA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/posta}
PKI=$RUN/pki
HOST=localhost
BROKERS=(1 2 3)
START_SECONDS=${POSTA_KAFKA_START_SECONDS:-120}

log() { printf 'kafka: %s\n' "$*" >&2; }
die() {
    log "$*"
    exit 1
}

# A running cluster keeps the version it was started with.
VERSION=${KAFKA_VERSION:-}
[[ -n $VERSION ]] || VERSION=$(cat "$RUN/version" 2>/dev/null || echo 4.3.1)
HOME_DIR=$CACHE/kafka-$VERSION

# ---- jars ----

JAVA_FLAGS=(-Xms64m -Xss512k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.awt.headless=true)

# Kafka's format tool costs a second of JVM a broker. All that it makes, beside ids, is the file of feature levels, the
# same for every cluster of a version, and the users of SCRAM: made once and kept with the jars.
BOOTSTRAP_FILE=bootstrap-2.checkpoint # count up when what is in it changes
keep_bootstrap() { # DIR
    mkdir -p "$1/training"
    training_properties "$1" >"$1/format.properties"
    java "${JAVA_FLAGS[@]}" -cp "$1/lib/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAA \
        --add-scram 'SCRAM-SHA-256=[name=posta,password=scram-secret]' \
        --add-scram 'SCRAM-SHA-512=[name=posta,password=scram-secret]' \
        -c "$1/format.properties" >"$1/format.log" 2>&1 || die "format failed, see $1/format.log"
    mv "$1/training/bootstrap.checkpoint" "$1/$BOOTSTRAP_FILE.$$"
    mv "$1/$BOOTSTRAP_FILE.$$" "$1/$BOOTSTRAP_FILE"
    rm -r "$1/training" "$1/format.properties" "$1/format.log"
}

download() { # DIR
    command -v mvn >/dev/null || die "mvn is missing: run tests/setup.sh test"
    mvn -B -q -f "$HERE/pom.xml" dependency:copy-dependencies "-Dkafka.version=$VERSION" \
        -DincludeScope=runtime "-DoutputDirectory=$1/lib" >&2 || die "cannot get the jars of Kafka $VERSION"
}

fetch_jars() {
    local new=$HOME_DIR.new.$$ began=$SECONDS
    if [[ -d $HOME_DIR ]]; then
        [[ -e $HOME_DIR/$BOOTSTRAP_FILE ]] || keep_bootstrap "$HOME_DIR"
        return 0
    fi
    command -v java >/dev/null || die "java is missing: run tests/setup.sh test"
    mkdir -p "$new"
    download "$new"
    keep_bootstrap "$new"
    # Another test may have been faster: then its copy serves.
    mv -T "$new" "$HOME_DIR" 2>/dev/null || rm -rf "$new"
    log "Kafka $VERSION fetched in $((SECONDS - began)) s"
}

# One broker alone, on ports that the cluster leaves free.
training_properties() { # DIR
    cat <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:$((PORT + 31))
listeners=CLIENT://127.0.0.1:$((PORT + 30)),CONTROLLER://127.0.0.1:$((PORT + 31))
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:SSL,CONTROLLER:SSL
log.dirs=$1/training
log.cleaner.dedupe.buffer.size=4194304
EOF
    security_properties "$1/pki" broker1
}

run_training() { # DIR
    local pid left=600
    java "${JAVA_FLAGS[@]}" -Xmx256m "-XX:ArchiveClassesAtExit=$1/kafka.jsa" -cp "$HOME_DIR/lib/*" \
        kafka.Kafka "$1/training.properties" >"$1/log" 2>&1 9>&- &
    pid=$!
    until grep -q 'Server started' "$1/log" || ! kill -0 "$pid" 2>/dev/null || ((left-- == 0)); do sleep 0.1; done
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
}

# A broker spends most of its start loading classes. The JVM can keep the loaded ones in an archive, written at an
# orderly end: a lone broker runs once for it. Saves a third of each start. Without the archive all works as well.
train() {
    local dir=$HOME_DIR.train.$$
    [[ ! -e $HOME_DIR/kafka.jsa ]] || return 0
    mkdir -p "$dir/training"
    "$HERE/pki.sh" "$dir/pki" 2>/dev/null
    training_properties "$dir" >"$dir/training.properties"
    cp "$HOME_DIR/$BOOTSTRAP_FILE" "$dir/training/bootstrap.checkpoint"
    printf 'version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=1\n' >"$dir/training/meta.properties"
    run_training "$dir"
    mv "$dir/kafka.jsa" "$HOME_DIR/" 2>/dev/null || log "no archive of classes made, brokers start slower"
    rm -rf "$dir"
}

fetch() {
    fetch_jars
    train
}

# ---- processes ----

pid_of() { cat "$RUN/broker$1.pid" 2>/dev/null || echo 0; }

# Alive, and really ours: a pid file may have outlived its process.
is_alive() { # N
    local pid
    pid=$(pid_of "$1")
    ((pid > 0)) && kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null &&
        grep -qz "$RUN/broker$1.properties" "/proc/$pid/cmdline" 2>/dev/null
}

is_paused() { grep -q '^State:.T' "/proc/$(pid_of "$1")/status" 2>/dev/null; }

all_alive() {
    local n
    for n in "${BROKERS[@]}"; do is_alive "$n" || return 1; done
}

numbers() { # N|all
    case ${1:-} in
    all) echo "${BROKERS[@]}" ;;
    [1-3]) echo "$1" ;;
    *) die "which broker? 1, 2, 3 or all" ;;
    esac
}

send_signal() { # SIGNAL N
    ! is_alive "$2" || kill "-$1" "$(pid_of "$2")" 2>/dev/null || true
}

wait_gone() { # N SECONDS
    local left=$(($2 * 20))
    while is_alive "$1"; do
        ((left-- > 0)) || die "broker $1 does not end"
        sleep 0.05
    done
}

for_each() { # FUNCTION N|all
    local n list
    list=$(numbers "${2:-}")
    for n in $list; do "$1" "$n"; done
}

kill_one() {
    send_signal KILL "$1"
    wait_gone "$1" 10
}

term_one() {
    send_signal TERM "$1"
    wait_gone "$1" 60
}

pause_one() { send_signal STOP "$1"; }
resume_one() { send_signal CONT "$1"; }

# ---- configuration ----

choose_data_dir() {
    local free name
    name=/dev/shm/posta-kafka-$(id -u)-$(cksum <<<"$RUN" | cut -d' ' -f1)
    free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1 || echo 0)
    if [[ -w /dev/shm ]] && ((free > 1024 * 1024)); then echo "$name"; else echo "$RUN/data"; fi
}

data_dir() { cat "$RUN/data.dir"; }

voters() { echo "1@$HOST:$((PORT + 21)),2@$HOST:$((PORT + 22)),3@$HOST:$((PORT + 23))"; }

# RELAY is told to clients at another port than it has: tests put a relay there. The listener whose certificate is for another
# host is on broker 1 only.
listeners() { # N ADDRESS RELAY_OFFSET
    printf 'CLIENT://%s:%d,BROKER://%s:%d,RELAY://%s:%d' "$2" $((PORT + $1)) "$2" $((PORT + 10 + $1)) "$2" $((PORT + $3 + $1))
    [[ $1 != 1 ]] || printf ',WRONG://%s:%d' "$2" $((PORT + 4))
    printf ',SASL://%s:%d,CLEAR://%s:%d' "$2" $((PORT + 4 + $1)) "$2" $((PORT + 7 + $1))
}

# PLAIN, SCRAM and tokens on both listeners. The validator's class has moved between versions, this name is good in all.
sasl_properties() {
    local name module=org.apache.kafka.common.security
    for name in sasl clear; do
        cat <<EOF
listener.name.$name.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.$name.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_posta="plain-secret";
listener.name.$name.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.$name.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.$name.oauthbearer.sasl.jaas.config=$module.oauthbearer.OAuthBearerLoginModule required;
listener.name.$name.oauthbearer.sasl.server.callback.handler.class=$module.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.$name.sasl.oauthbearer.jwks.endpoint.url=file://$RUN/jwks.json
listener.name.$name.sasl.oauthbearer.expected.audience=kafka
listener.name.$name.sasl.oauthbearer.expected.issuer=posta-test
EOF
    done
    echo 'listener.name.sasl.ssl.client.auth=requested'
}

make_token_key() {
    [[ ! -s $RUN/jwks.json ]] || return 0
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$RUN/token.key" 2>/dev/null
    "$TOOLS/tokend" -k "$RUN/token.key" -j >"$RUN/jwks.json"
}

security_properties() { # PKI NAME
    cat <<EOF
ssl.keystore.type=PEM
ssl.keystore.location=$1/$2.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$1/ca.pem
ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN=broker;User:CN=admin
allow.everyone.if.no.acl.found=false
EOF
}

# Small buffers, few threads; sessions shorter than the default 9 s, so that a test of a lost broker does not wait long.
write_properties() { # N
    cat >"$RUN/broker$1.properties" <<EOF
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$(voters)
listeners=$(listeners "$1" 127.0.0.1 40),CONTROLLER://127.0.0.1:$((PORT + 20 + $1))
advertised.listeners=$(listeners "$1" "$HOST" 50)
listener.security.protocol.map=CLIENT:SSL,BROKER:SSL,RELAY:SSL,WRONG:SSL,CONTROLLER:SSL,SASL:SASL_SSL,CLEAR:SASL_PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$(data_dir)/broker$1

listener.name.wrong.ssl.keystore.type=PEM
listener.name.wrong.ssl.keystore.location=$PKI/wronghost.keystore.pem

auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.bytes=-1

broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
num.network.threads=2
num.io.threads=2
num.replica.fetchers=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576

EOF
    { security_properties "$PKI" "broker$1" && sasl_properties; } >>"$RUN/broker$1.properties"
}

new_id() { openssl rand -base64 16 | tr '+/' 'AB' | cut -c1-22; }

# What "format" would do; a directory that exists is left as it is, so that a restarted broker finds its data.
format_data() { # N CLUSTER_ID
    local dir
    dir=$(data_dir)/broker$1
    [[ ! -d $dir ]] || return 0
    mkdir -p "$dir"
    cp "$HOME_DIR/$BOOTSTRAP_FILE" "$dir/bootstrap.checkpoint"
    printf 'version=1\ncluster.id=%s\nnode.id=%s\ndirectory.id=%s\n' "$2" "$1" "$(new_id)" >"$dir/meta.properties"
}

prepare() {
    local n id
    mkdir -p "$RUN/logs"
    "$HERE/pki.sh" "$PKI"
    make_token_key
    echo "$VERSION" >"$RUN/version"
    [[ -s $RUN/data.dir ]] || choose_data_dir >"$RUN/data.dir"
    [[ -s $RUN/cluster.id ]] || new_id >"$RUN/cluster.id"
    id=$(cat "$RUN/cluster.id")
    for n in "${BROKERS[@]}"; do
        write_properties "$n"
        format_data "$n" "$id"
    done
}

# ---- starting ----

launch() { # N
    stat -c %s "$RUN/logs/broker$1.log" >"$RUN/broker$1.mark" 2>/dev/null || echo 0 >"$RUN/broker$1.mark"
    # 9 is the lock: a broker must not hold it for life.
    setsid java "${JAVA_FLAGS[@]}" "-Xmx${POSTA_KAFKA_HEAP:-256m}" "-XX:SharedArchiveFile=$HOME_DIR/kafka.jsa" \
        "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://$RUN/jwks.json" \
        -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
        -cp "$HOME_DIR/lib/*" kafka.Kafka "$RUN/broker$1.properties" \
        >>"$RUN/logs/broker$1.log" 2>&1 </dev/null 9>&- &
    echo $! >"$RUN/broker$1.pid"
}

launch_missing() {
    local n
    for n in "${BROKERS[@]}"; do
        is_alive "$n" || launch "$n"
    done
}

show_logs() {
    local n
    for n in "${BROKERS[@]}"; do
        log "last lines of $RUN/logs/broker$n.log:"
        grep -v '^\s*$' "$RUN/logs/broker$n.log" 2>/dev/null | tail -n 8 >&2 || true
    done
}

brokers_at() { # PORTS_BEHIND_P
    echo "$HOST:$((PORT + $1 + 1)),$HOST:$((PORT + $1 + 2)),$HOST:$((PORT + $1 + 3))"
}

bootstrap() { brokers_at 0; }

kadmin() {
    "$TOOLS/kadmin" -b "$(bootstrap)" -X security.protocol=ssl -X "ssl.ca.location=$PKI/ca.pem" \
        -X "ssl.certificate.location=$PKI/admin.pem" -X "ssl.key.location=$PKI/admin.key" "$@"
}

kraw() {
    "$TOOLS/kraw" -b "$HOST:$((PORT + 1))" -a "$PKI/ca.pem" -c "$PKI/admin.pem" -k "$PKI/admin.key" "$@"
}

relay() { # FIFO
    exec "$TOOLS/relay" -c "${1:?relay needs a FIFO}" -f "$1.ready" "$((PORT + 51))=$((PORT + 41))" "$((PORT + 52))=$((PORT + 42))" \
        "$((PORT + 53))=$((PORT + 43))"
}

has_started() { # N
    grep -q 'Kafka Server started' < <(tail -c "+$(($(cat "$RUN/broker$1.mark") + 1))" "$RUN/logs/broker$1.log")
}

# The others think of a killed broker as alive and in sync until its session ends, so its own word is waited for.
wait_started() { # N
    local left=$((START_SECONDS * 10))
    until has_started "$1"; do
        is_alive "$1" && ((left-- > 0)) || return 1
        sleep 0.1
    done
}

# The last step proves that every broker has read the metadata up to here.
bring_up() {
    local n
    launch_missing
    for n in "${BROKERS[@]}"; do wait_started "$n" || return 1; done
    kadmin -T "$START_SECONDS" 'brokers 3' \
        'acl User:CN=posta topic prefixed logs- write,describe' \
        'acl User:CN=posta cluster literal kafka-cluster idempotent_write' \
        'acl User:posta topic prefixed logs- write,describe' \
        'acl User:posta cluster literal kafka-cluster idempotent_write' \
        'acl User:CN=verifier topic literal * read,describe' \
        'acl User:CN=verifier group literal * read,describe' \
        'topic logs-posta 3 3' 'topic secret 1 3' 'settled secret' 'insync'
}

is_complete() {
    local n
    [[ -e $RUN/ready ]] && all_alive || return 1
    for n in "${BROKERS[@]}"; do ! is_paused "$n" || return 1; done
}

check_version() {
    local running
    running=$(cat "$RUN/version" 2>/dev/null || echo "$VERSION")
    [[ $running == "$VERSION" ]] || die "Kafka $running is there: cluster.sh stop first"
}

lock() {
    mkdir -p "$RUN"
    exec 9>"$RUN/lock"
    flock -w 300 9 || die "another cluster.sh holds $RUN/lock"
}

elapsed_ms() { # SINCE_NS
    echo $((($(date +%s%N) - $1) / 1000000))
}

start() {
    local began
    began=$(date +%s%N)
    check_version
    ! is_complete || return 0
    fetch
    "$HERE/../tools/build.sh" kadmin kraw relay tokend
    for_each resume_one all
    prepare
    bring_up || {
        show_logs
        [[ -e $RUN/ready ]] || stop # a repaired cluster keeps its data, a new one leaves nothing behind
        die "the cluster did not come up"
    }
    : >"$RUN/ready"
    log "Kafka $VERSION, 3 brokers up in $(elapsed_ms "$began") ms, $(bootstrap)"
}

stop() {
    for_each kill_one all
    [[ ! -s $RUN/data.dir ]] || rm -rf "$(data_dir)"
    rm -f "$RUN"/{ready,version,data.dir,cluster.id} "$RUN"/broker*.{pid,mark,properties}
}

start_one() { # N
    local began
    began=$(date +%s%N)
    is_alive "$1" || launch "$1"
    if ! wait_started "$1" || ! kadmin -T "$START_SECONDS" "insync $1"; then
        show_logs
        die "broker $1 did not come back"
    fi
    log "broker $1 in sync after $(elapsed_ms "$began") ms"
}

restart_one() {
    kill_one "$1"
    start_one "$1"
}

# ---- asking ----

state_of() { # N
    if ! is_alive "$1"; then
        echo dead
    elif is_paused "$1"; then
        echo paused
    else
        echo running
    fi
}

status() {
    local n state rss code=0
    for n in "${BROKERS[@]}"; do
        state=$(state_of "$n")
        rss=$(awk '/^VmRSS/ { print int($2 / 1024) " MB" }' "/proc/$(pid_of "$n")/status" 2>/dev/null || true)
        printf 'broker %s port %d %s pid %s %s\n' "$n" $((PORT + n)) "$state" "$(pid_of "$n")" "${rss:-}"
        [[ $state == running ]] || code=1
    done
    return "$code"
}

topic() { # NAME [PARTITIONS]
    kadmin "topic ${1:?topic needs a name} ${2:-3} 3" insync
}

# librdkafka knows no ACLs for transactional ids before 2.3, so this one thing is left to Kafka's own tool.
transactions() { # PREFIX [PRINCIPAL]
    local who=User:${2:-CN=posta} class=org.apache.kafka.tools.AclCommand
    [[ $VERSION != 3.* ]] || class=kafka.admin.AclCommand
    printf 'security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=%s\nssl.keystore.type=PEM\nssl.keystore.location=%s\n' \
        "$PKI/ca.pem" "$PKI/admin.keystore.pem" >"$RUN/admin.properties"
    cat "$PKI/admin.key" "$PKI/admin.pem" >"$PKI/admin.keystore.pem"
    java "${JAVA_FLAGS[@]}" -Xmx128m -cp "$HOME_DIR/lib/*" "$class" --bootstrap-server "$(bootstrap)" --command-config "$RUN/admin.properties" --add \
        --allow-principal "$who" --operation Write --operation Describe \
        --transactional-id "${1:?transactions needs a prefix}" --resource-pattern-type prefixed >/dev/null 2>"$RUN/logs/acl.log" ||
        die "AclCommand failed, see $RUN/logs/acl.log"
    kadmin "acl $who group prefixed $1 read,describe" "acl $who topic prefixed logs- read"
}

print_env() {
    printf '%s=%q\n' BOOTSTRAP "$(bootstrap)" RELAYED "$(brokers_at 50)" WRONGHOST "$HOST:$((PORT + 4))" PKI "$PKI" CA "$PKI/ca.pem" \
        CERT "$PKI/posta.pem" KEY "$PKI/posta.key" TOPIC logs-posta KAFKA_LOGS "$RUN/logs" \
        SASL_TLS "$(brokers_at 4)" SASL_CLEAR "$(brokers_at 7)" TOKEN_KEY "$RUN/token.key" KAFKA_VERSION "$VERSION"
    # Arguments for collect, kcat and the like: unquoted, so no spaces in the run directory.
    printf '%s=%q\n' READER "$(ssl_args verifier)" WRITER "$(ssl_args posta)"
}

ssl_args() { # NAME
    printf '%s' "-X security.protocol=ssl -X ssl.ca.location=$PKI/ca.pem -X ssl.certificate.location=$PKI/$1.pem" \
        " -X ssl.key.location=$PKI/$1.key"
}

usage() { sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; }

main() {
    local verb=${1:-}
    shift || true
    case $verb in
    fetch) fetch ;;
    start | stop) lock && "$verb" ;;
    kill | term | pause | resume) for_each "${verb}_one" "$@" ;;
    startone) for_each start_one "$@" ;;
    restart) for_each restart_one "$@" ;;
    status | topic | transactions | relay) "$verb" "$@" ;;
    admin) kadmin "$@" ;;
    leader | quota) kraw "$verb" "$@" ;;
    acl) (($# == 5)) || die "acl PRINCIPAL TYPE PATTERN NAME OPS" && kadmin "acl $*" ;;
    env) print_env ;;
    *) usage && exit 1 ;;
    esac
}

main "$@"
