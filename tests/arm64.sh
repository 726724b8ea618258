#!/usr/bin/env bash
# Builds posta for arm64 with a compiler of this machine, and runs the unit tests and end-to-end tests of that posta here, emulated
# by qemu; brokers and tools of the tests are this machine's own. Downloads about 100 MB from the mirror that this system's apt
# uses. Needs root and binfmt_misc; says SKIP and ends well where that, or a package, cannot be had.
#
#   tests/arm64.sh [E2E ...]     default: mock_delivery mock_rotations
#
# ARM64_ROOT keeps the root there, for the next run; else it goes with the end.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(dirname "$HERE")
# shellcheck source=tests/mirror.sh
. "$HERE/mirror.sh"
SUITE=bookworm
PACKAGES=libc6-dev,librdkafka-dev,libyaml-dev,libssl-dev,libpcre2-dev,zlib1g-dev,libcurl4-openssl-dev,libmicrohttpd-dev,libcmocka-dev
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-arm64.XXXXXX")
ROOT=${ARM64_ROOT:-$WORK/root} OUT=$WORK/build
BINFMT=/proc/sys/fs/binfmt_misc
trap 'rm -rf "$WORK"' EXIT

say() { printf 'arm64: %s\n' "$*" >&2; }
skip() {
    say "SKIPPED, nothing was tested: $*"
    echo "ok - posta on arm64 # SKIP $*"
    exit 0
}

# The kernel runs programs of arm64 by qemu.
set_up_qemu() {
    [[ $(id -u) == 0 ]] || skip "only root can make a root folder and set up binfmt_misc"
    [[ $(uname -m) != aarch64 ]] || skip "this is arm64: make test"
    apt-get install -y -qq qemu-user-static gcc-aarch64-linux-gnu >"$WORK/log" 2>&1 || skip "qemu-user-static or gcc-aarch64-linux-gnu cannot be had"
    [[ -e $BINFMT/register ]] || mount -t binfmt_misc none "$BINFMT" 2>"$WORK/log" || skip "the kernel has no binfmt_misc"
    [[ -e $BINFMT/qemu-aarch64 ]] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >"$BINFMT/register" 2>"$WORK/log" || skip "qemu cannot be registered"
    export QEMU_LD_PREFIX=$ROOT
}

make_root() {
    local why
    say "packages of $SUITE come from the mirror of this system"
    why=$(debian_root "$SUITE" "$ROOT" "$PACKAGES" --arch=arm64) || skip "$why"
}

build() {
    make -C "$SOURCE" -s tools >/dev/null
    make -C "$SOURCE" -j2 BUILD="$OUT" CC="aarch64-linux-gnu-gcc --sysroot=$ROOT" posta unit-bin >"$WORK/log" 2>&1 || {
        tail -n 40 "$WORK/log" >&2
        echo "not ok - posta builds for arm64"
        return 1
    }
    echo "ok - posta builds for arm64: $("$OUT/posta" version)"
    mkdir -p "$OUT/tests"
    ln -sfn "$SOURCE/build/tests/tools" "$OUT/tests/tools"
}

main() {
    local code=0
    (($#)) || set -- mock_delivery mock_rotations
    set_up_qemu
    make_root
    build || exit 1
    BUILD=$OUT "$HERE/run.sh" unit || code=1
    run_e2e "$OUT" "$@" || code=1
    exit "$code"
}

main "$@"
