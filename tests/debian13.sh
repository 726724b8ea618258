#!/usr/bin/env bash
# Builds posta with what Debian 13 has (librdkafka 2.8, OpenSSL 3.5, gcc 14), in a root of its own, runs the unit tests there, and
# end-to-end tests of that posta against real brokers that run here. Downloads about 150 MB from the mirror that this system's
# apt uses. Needs root and mmdebstrap; says SKIP and ends well where packages cannot be had.
#
#   tests/debian13.sh [E2E ...]     default: kafka_certs kafka_kill kafka_outage
#
# DEBIAN13_ROOT keeps the root there, for the next run; else it goes with the end. POSTA_KAFKA_DIR and POSTA_KAFKA_PORT as for
# tests/kafka/cluster.sh; brokers that run already are used.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(dirname "$HERE")
# shellcheck source=tests/mirror.sh
. "$HERE/mirror.sh"
SUITE=trixie
PACKAGES=gcc,make,pkg-config,libc6-dev,librdkafka-dev,libyaml-dev,libssl-dev,libpcre2-dev,zlib1g-dev,libcurl4-openssl-dev,libmicrohttpd-dev,libcmocka-dev
PACKAGES+=,openssl,procps,strace,util-linux,mount,e2fsprogs,xfsprogs
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-debian13.XXXXXX")
ROOT=${DEBIAN13_ROOT:-$WORK/root}
STARTED=
trap 'clean_up' EXIT

say() { printf 'debian13: %s\n' "$*" >&2; }
skip() {
    say "SKIPPED, nothing was tested: $*"
    echo "ok - posta on Debian 13 # SKIP $*"
    exit 0
}
# shellcheck disable=SC2317 # called by the trap
clean_up() {
    [[ -z $STARTED ]] || "$HERE/kafka/cluster.sh" stop
    rm -rf "$WORK"
}

# ---- the root ----

make_root() {
    local why
    say "packages of $SUITE come from the mirror of this system"
    why=$(debian_root "$SUITE" "$ROOT" "$PACKAGES") || skip "$why"
}

# inside COMMAND: in the root, with the source to read, /build to write, and this system's kernel file systems
inside() {
    # shellcheck disable=SC2016 # for the inner shell
    ROOT=$ROOT SOURCE=$SOURCE OUT=$WORK/build unshare --mount bash -euc '
        mkdir -p "$ROOT/src" "$ROOT/build" "$OUT"
        mount --bind "$ROOT" "$ROOT" # tests mount, too: / must be a mount in there
        cd "$ROOT"
        mount --bind "$SOURCE" "$ROOT/src"
        mount -o remount,bind,ro "$ROOT/src"
        mount --bind "$OUT" "$ROOT/build"
        for dir in /proc /sys /dev /dev/shm; do mkdir -p "$ROOT$dir" && mount --bind "$dir" "$ROOT$dir"; done
        exec chroot "$ROOT" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin SEED="${SEED:-}" bash -euc "cd /src; $1"
    ' inside "$1"
}

# ---- the tests ----

unit_tests() {
    inside 'make -j2 BUILD=/build posta unit-bin tools' >"$WORK/log" 2>&1 || {
        tail -n 40 "$WORK/log" >&2
        echo "not ok - posta builds on Debian 13"
        return 1
    }
    echo "ok - posta builds on Debian 13: $(inside '/build/posta version' | tr '\n' ' ')"
    # shellcheck disable=SC2016 # for the inner shell
    inside '[[ -n $SEED ]] || unset SEED; BUILD=/build tests/run.sh unit'
}

# The same program out here, with the libraries in there: exec keeps the process what the tests think it is.
make_wrapper() {
    local loader
    loader=$(find "$ROOT"/lib64/ "$ROOT"/usr/lib/ -name 'ld-linux*.so.*' | head -n 1)
    mkdir -p "$WORK/run/tests"
    ln -s "$SOURCE/build/tests/tools" "$WORK/run/tests/tools"
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" \
        "$(dirname "$(find "$ROOT/usr/lib" -name 'librdkafka.so.1' | head -n 1)")" "$WORK/build/posta" >"$WORK/run/posta"
    chmod +x "$WORK/run/posta"
}

e2e_tests() { # NAME...
    make -C "$SOURCE" -s tools >/dev/null
    make_wrapper
    "$HERE/kafka/cluster.sh" status >/dev/null 2>&1 || { STARTED=yes && "$HERE/kafka/cluster.sh" start; }
    run_e2e "$WORK/run" "$@"
}

main() {
    local code=0
    (($#)) || set -- kafka_certs kafka_kill kafka_outage
    make_root
    unit_tests || code=1
    [[ ! -x $WORK/build/posta ]] || e2e_tests "$@" || code=1
    exit "$code"
}

main "$@"
