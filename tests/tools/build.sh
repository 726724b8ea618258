#!/usr/bin/env bash
# Builds the test tools into build/tests/tools. A tool is TOOL.c, with kclient.c when it speaks Kafka, with event.c and
# tally.c when it judges events, and kadmin with kadmin_requests.c; shim is a library for LD_PRELOAD. Builds only what is older than its sources; safe to be called
# by several tests at once.
#
#   tests/tools/build.sh [TOOL ...]     default: all
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUT=${POSTA_TOOLS:-$HERE/../../build/tests/tools}
CC=${CC:-gcc}
CFLAGS=${TOOLS_CFLAGS:--O2 -g}
KAFKA_TOOLS=" kadmin collect produce brokerd records "
JUDGES=" collect ringjudge "
TLS_TOOLS=" kraw tokend podsd "

is_fresh() { # FILE SOURCE...
    local file=$1 source
    shift
    [[ -x $file ]] || return 1
    for source; do [[ ! $source -nt $file ]] || return 1; done
}

# Compiles to a name of its own and renames, so that no test ever runs half a program.
compile() { # TOOL SOURCE... -- LIBRARY...
    local tool=$1 flags
    shift
    read -ra flags <<<"$CFLAGS"
    "$CC" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wformat=2 -Werror "${flags[@]}" -I"$HERE" \
        -o "$OUT/.$tool.$$" "$@"
    mv "$OUT/.$tool.$$" "$OUT/$tool"
}
compile_library() { # NAME SOURCE
    "$CC" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wformat=2 -Werror -O2 -g -fPIC -shared -o "$OUT/.$1.$$" "$2" -ldl
    mv "$OUT/.$1.$$" "$OUT/$1.so"
}

build() { # TOOL
    local tool=$1 kafka
    if [[ $tool == shim ]]; then
        is_fresh "$OUT/shim.so" "$HERE/shim.c" || compile_library shim "$HERE/shim.c"
        return 0
    fi
    local sources=("$HERE/$tool.c")
    local libs=()
    if [[ $KAFKA_TOOLS == *" $tool "* ]]; then
        sources+=("$HERE/kclient.c")
        read -ra kafka <<<"$(pkg-config --cflags --libs rdkafka)"
        libs+=("${kafka[@]}")
    fi
    [[ $TLS_TOOLS != *" $tool "* ]] || libs+=(-lssl -lcrypto)
    [[ $tool != podsd ]] || libs+=(-lpthread)
    [[ $tool != kubelet ]] || libs+=(-lz)
    [[ $tool != kadmin ]] || sources+=("$HERE/kadmin_requests.c")
    [[ $JUDGES != *" $tool "* ]] || sources+=("$HERE/event.c" "$HERE/tally.c")
    is_fresh "$OUT/$tool" "${sources[@]}" "$HERE"/*.h && return 0
    compile "$tool" "${sources[@]}" "${libs[@]}"
}

main() {
    local tool
    mkdir -p "$OUT"
    (($# > 0)) || set -- kadmin kraw collect produce brokerd relay badbroker badweb httpask linewriter ringwriter records ringjudge seqcount tokend notifyd podsd kubelet \
        shim
    for tool; do build "$tool"; done
}

main "$@"
