#!/usr/bin/env bash
# Runs the tests and says how it went. The last line is "N passed, N failed" (", N skipped" when something was).
#
#   tests/run.sh [GROUP ...]      groups: unit mock kafka soak; default: unit mock kafka
#
# unit:  the cmocka programs in $BUILD/tests/unit
# mock:  tests/e2e/mock_*.sh: the whole program, with an in-process broker or none
# kafka: tests/e2e/kafka_*.sh: the whole program, real nginx, three real brokers over mutual TLS (started once, shared)
# soak:  tests/e2e/soak_*.sh: long
# A program or script reports "ok ..." and "not ok ..." lines; one that ends badly without a "not ok" counts as failed. Lines that
# begin with "numbers: " are shown: how much was tried.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export BUILD=${BUILD:-build}
export CMOCKA_MESSAGE_OUTPUT=TAP
SECONDS=0
passed=0 failed=0 skipped=0
declare -a failures=() skips=()
OUT=$(mktemp -d "${TMPDIR:-/tmp}/posta-tests.XXXXXX")
trap 'rm -rf "$OUT"' EXIT

count() { # PATTERN FILE
    grep -c -E "$1" "$2" || true
}

show_failure() { # NAME FILE
    printf -- '---- %s ----\n' "$1"
    tail -n 60 "$2"
    printf -- '---- end of %s ----\n' "$1"
}

# One program: its output goes to a file and is shown only if something failed.
run_one() { # NAME COMMAND...
    local name=$1 log="$OUT/${1//\//_}.log" start=$SECONDS rc=0 ok bad skip
    shift
    timeout "${TEST_TIMEOUT:-900}" "$@" >"$log" 2>&1 || rc=$?
    ok=$(count '^ok' "$log") bad=$(count '^not ok' "$log") skip=$(count '^ok.*# SKIP' "$log")
    if ((bad == 0 && (rc != 0 || ok == 0))); then
        bad=1
        echo "not ok - $name ended with status $rc and reported $ok tests" >>"$log"
    fi
    ((passed += ok - skip, failed += bad, skipped += skip))
    printf '  %-46s %4d ok %3d failed  %4d s\n' "$name" $((ok - skip)) "$bad" $((SECONDS - start))
    sed -n 's/^numbers: /    /p' "$log"
    if ((bad > 0)); then
        failures+=("$name: $(grep -m1 '^not ok' "$log")")
        show_failure "$name" "$log"
    fi
    while read -r line; do skips+=("$name: $line"); done < <(grep -E '^ok.*# SKIP' "$log" || true)
}

run_unit() {
    local program
    echo "== unit"
    for program in "$BUILD"/tests/unit/test_*; do
        [[ -x $program && ! -d $program && $program != *.d ]] && run_one "unit/$(basename "$program")" "$program"
    done
}

run_scripts() { # PREFIX
    local script
    echo "== $1"
    for script in tests/e2e/"$1"_*.sh; do
        run_one "$(basename "$script" .sh)" bash "$script"
    done
}

run_kafka() {
    if ! tests/kafka/cluster.sh start; then
        echo "not ok - the real Kafka could not be started" | tee "$OUT/kafka.log"
        failed=$((failed + 1))
        failures+=("kafka: the three brokers could not be started; nothing of the real-Kafka part was shown")
        return
    fi
    run_scripts kafka
    tests/kafka/cluster.sh stop
}

summary() {
    local line
    for line in "${skips[@]}"; do echo "SKIPPED  $line"; done
    for line in "${failures[@]}"; do echo "FAILED   $line"; done
    echo "in $SECONDS s"
    if ((skipped > 0)); then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
}

groups=("$@")
((${#groups[@]})) || groups=(unit mock kafka)
for group in "${groups[@]}"; do
    case $group in
    unit) run_unit ;;
    mock) run_scripts mock ;;
    soak) TEST_TIMEOUT=${TEST_TIMEOUT:-14400} run_scripts soak ;;
    kafka) run_kafka ;;
    *) echo "run.sh: unknown group $group" >&2 && exit 1 ;;
    esac
done
summary
((failed == 0 && passed > 0))
