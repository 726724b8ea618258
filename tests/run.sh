#!/usr/bin/env bash
# Runs the tests and says how it went. The last line is "N passed, N failed" (", N skipped" when something was).
#
#   tests/run.sh [GROUP ...]      groups: unit mock kafka k8s soak; default: unit mock k8s kafka
#
# unit:  the cmocka programs in $BUILD/tests/unit
# mock:  tests/e2e/mock_*.sh: the whole program, with an in-process broker or none
# kafka: tests/e2e/kafka_*.sh: the whole program, real nginx, three real brokers over mutual TLS (started once, shared)
# k8s:   tests/k8s/check_*.sh: charts, examples, alerts, image's Dockerfile; each says what it had to leave out
# soak:  tests/e2e/soak_*.sh: long
# A program or script reports "ok ..." and "not ok ..." lines; one that ends badly without a "not ok" counts as failed. Lines that
# begin with "numbers: " are shown: how much was tried.
#
# Most of them wait more than they work, so they run in lanes beside each other: the scripts of kafka in one, as they share the brokers,
# all others in LANES (1). Scripts with a line "# Alone: WHY" run when the lanes are empty.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export BUILD=${BUILD:-build}
export CMOCKA_MESSAGE_OUTPUT=TAP
SECONDS=0
LANES=${LANES:-1}
OUT=$(mktemp -d "${TMPDIR:-/tmp}/posta-tests.XXXXXX")
trap 'stop_lanes; rm -rf "$OUT"' EXIT
trap 'exit 1' INT TERM

# When told to stop: lanes first, so that they begin nothing more, then what they run, which tidies up.
stop_lanes() {
    local lanes tests
    lanes=$(jobs -p)
    [[ -n $lanes ]] || return 0
    tests=$(pgrep -P "${lanes//$'\n'/,}")
    # shellcheck disable=SC2086 # lists
    kill $lanes $tests 2>/dev/null
    wait
}

count() { # PATTERN FILE
    grep -c -E "$1" "$2" || true
}
# What comes in, at once: lanes do not mix their lines.
together() { flock "$OUT/lock" cat; }

# report NAME LOG OK FAILED SKIPPED SECONDS
report() {
    printf '  %-46s %4d ok %3d failed  %4d s\n' "$1" $(($3 - $5)) "$4" "$6"
    sed -n 's/^numbers: /    /p' "$2"
    (($4 == 0)) || printf -- '---- %s ----\n%s\n---- end of %s ----\n' "$1" "$(tail -n 60 "$2")" "$1"
}

# One program: its output goes to a file and is shown only if something failed; what came of it is a line of $OUT/results.
run_one() { # NAME COMMAND...
    local name=$1 log="$OUT/${1//\//_}.log" start=$SECONDS rc=0 ok bad skip
    shift
    timeout "${TEST_TIMEOUT:-900}" "$@" >"$log" 2>&1 || rc=$?
    ok=$(count '^ok' "$log") bad=$(count '^not ok' "$log") skip=$(count '^ok.*# SKIP' "$log")
    if ((bad == 0 && (rc != 0 || ok == 0))); then
        bad=1
        echo "not ok - $name ended with status $rc and reported $ok tests" >>"$log"
    fi
    echo "$((ok - skip)) $bad $skip" >>"$OUT/results"
    ((bad == 0)) || echo "$name: $(grep -m1 '^not ok' "$log")" >>"$OUT/failures"
    sed -n "s|^ok.*# SKIP|$name: &|p" "$log" >>"$OUT/skips"
    report "$name" "$log" "$ok" "$bad" "$skip" $((SECONDS - start)) | together
}

# What a group has to run, one a line.
list() { # GROUP
    local program
    case $1 in
    unit) for program in "$BUILD"/tests/unit/test_*; do [[ -x $program && -f $program ]] && echo "$program"; done ;;
    k8s) ls tests/k8s/check_*.sh ;;
    *) ls tests/e2e/"$1"_*.sh ;;
    esac
}
name_of() { # FILE
    case $1 in
    *.sh) basename "$1" .sh ;;
    *) echo "unit/$(basename "$1")" ;;
    esac
}
run_file() { # FILE
    case $1 in
    *.sh) run_one "$(name_of "$1")" bash "$1" ;;
    *) run_one "$(name_of "$1")" "$1" ;;
    esac
}
wants_alone() { [[ $1 == *.sh ]] && grep -q '^# Alone: ' "$1"; }

# The first line of $OUT/LIST, taken out of it.
take() { # LIST
    {
        flock 9
        head -n 1 "$OUT/$1"
        sed -i 1d "$OUT/$1"
    } 9>"$OUT/take"
}
lane() { # LIST
    local file
    while file=$(take "$1") && [[ -n $file ]]; do run_file "$file"; done
}
kafka_lane() {
    [[ -s $OUT/kafka ]] || return 0
    if tests/kafka/cluster.sh start | together; then
        lane kafka
        tests/kafka/cluster.sh stop
    else
        run_one "the three brokers, which could not be started: NOTHING of the real-Kafka part was shown" false
    fi
}

sort_out() { # GROUP...
    local group file
    : >"$OUT/any" && : >"$OUT/kafka" && : >"$OUT/alone" && : >"$OUT/results" && : >"$OUT/failures" && : >"$OUT/skips"
    for group; do
        while read -r file; do
            if wants_alone "$file"; then echo "$file" >>"$OUT/alone"; else echo "$file" >>"$OUT/$([[ $group == kafka ]] && echo kafka || echo any)"; fi
        done < <(list "$group")
    done
}

# What the checks of charts need takes minutes the first time: it is made while other tests run. Who needs it says what is missing.
fetch_early() {
    grep -q 'tests/k8s/' "$OUT/any" && nice -n 10 tests/k8s/tools.sh all >/dev/null 2>&1
}

run_all() {
    local i
    fetch_early &
    kafka_lane &
    for ((i = 0; i < LANES; i++)); do lane any & done
    wait
    lane alone
}

summary() {
    local passed failed skipped
    read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$OUT/results")
    sed 's/^/SKIPPED  /' "$OUT/skips"
    sed 's/^/FAILED   /' "$OUT/failures"
    echo "in $SECONDS s"
    if ((skipped > 0)); then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    ((failed == 0 && passed > 0))
}

groups=("$@")
((${#groups[@]})) || groups=(unit mock k8s kafka)
for group in "${groups[@]}"; do
    case $group in
    unit | mock | kafka | k8s) ;;
    soak) export TEST_TIMEOUT=${TEST_TIMEOUT:-14400} ;;
    *) echo "run.sh: unknown group $group" >&2 && exit 1 ;;
    esac
done
sort_out "${groups[@]}"
run_all
summary
