#!/usr/bin/env bash
# Installs what a task needs and is missing, from Debian's packages; when nothing is missing it does nothing, offline.
#
#   tests/setup.sh build|test|demo|check|bench
#
# build: compile posta. test: and run its tests, with a real Kafka. demo: build, and a web server with load.
# check: test, and the linters. bench: test, and the programs posta is compared with.
set -euo pipefail

BUILD="gcc make pkg-config libc6-dev librdkafka-dev libyaml-dev libssl-dev libpcre2-dev zlib1g-dev libcurl4-openssl-dev libmicrohttpd-dev"
DEMO="nginx-light wrk procps"
TEST="libcmocka-dev nginx-light wrk openssl procps iproute2 strace util-linux mount e2fsprogs xfsprogs logrotate apache2-bin apache2-utils jq systemd"
CHECK="clang libclang-rt-dev clang-format cppcheck shellcheck mandoc libjansson-dev valgrind"
BENCH="liblz4-dev valgrind"

POLICY=/usr/sbin/policy-rc.d

say() { printf 'setup: %s\n' "$*" >&2; }

packages_for() { # WHAT
    case $1 in
    build) echo "$BUILD" ;;
    demo) echo "$BUILD $DEMO" ;;
    test) echo "$BUILD $TEST $(java_packages)" ;;
    check) echo "$BUILD $TEST $(java_packages) $CHECK" ;;
    bench) echo "$BUILD $TEST $(java_packages) $BENCH" ;;
    *) return 1 ;;
    esac
}

# Java and Maven may have come from elsewhere.
java_packages() {
    command -v java >/dev/null || echo openjdk-17-jre-headless
    command -v mvn >/dev/null || echo maven
}

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

missing_of() { # PACKAGE...
    local package
    for package; do is_installed "$package" || echo "$package"; done
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Tests start servers themselves, with their own files: the package's must not start. Debian asks this file.
forbid_services() {
    [[ ! -e $POLICY ]] || return 0
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 0755 "$POLICY"
    trap 'as_root rm -f "$POLICY"' EXIT
}

install_packages() { # PACKAGE...
    forbid_services
    as_root apt-get update -qq || say "the package lists could not be renewed, trying with the old ones"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# No Debian: say what is needed, and fail only if a program is really not there.
check_tools() { # WHAT
    local tool tools="cc make pkg-config" code=0
    say "this is no Debian; needed here under other names: $(packages_for "$1" | tr '\n' ' ')"
    [[ $1 == build ]] || tools+=" nginx wrk"
    [[ $1 == build || $1 == demo ]] || tools+=" openssl java mvn"
    [[ $1 != check ]] || tools+=" clang clang-format cppcheck shellcheck mandoc"
    for tool in $tools; do
        PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || { say "$tool is missing" && code=1; }
    done
    pkg-config --exists rdkafka yaml-0.1 openssl libpcre2-8 zlib libcurl libmicrohttpd || { say "a library is missing" && code=1; }
    return "$code"
}

main() {
    local wanted missing
    wanted=$(packages_for "${1:-}") || {
        say "usage: tests/setup.sh build|test|demo|check|bench"
        exit 1
    }
    command -v dpkg-query >/dev/null || { check_tools "$1" && return 0 || exit 1; }
    # shellcheck disable=SC2086 # a list of words
    mapfile -t missing < <(missing_of $wanted)
    ((${#missing[@]} > 0)) || return 0
    say "'$1' needs: ${missing[*]}"
    install_packages "${missing[@]}"
}

main "$@"
