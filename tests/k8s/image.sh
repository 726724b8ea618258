#!/usr/bin/env bash
# Builds the image of the Dockerfile without a container engine: a base of Debian 13 by mmdebstrap, then buildah, whose storage
# is plain folders and whose isolation is chroot. Unpacks it to a folder. Needs root, mmdebstrap and buildah, and Debian's packages (some
# 150 MB, the first time); says why and ends with status 3 where it cannot.
#
#   image.sh FOLDER       FOLDER/root: the image's root; FOLDER/config.json: its user, command, labels; FOLDER/size: bytes, compressed;
#                         FOLDER/digest: that of its manifest, the same for the same source
#
# The base, with the packages that the Dockerfile installs, is kept in POSTA_CACHE (~/.cache/posta), so the second build takes a minute;
# nothing else is.
set -euo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/mirror.sh
. "$SOURCE/tests/mirror.sh"
CACHE=${POSTA_CACHE:-$HOME/.cache/posta}/image
OUT=$1
SUITE=trixie
BASE=localhost/posta-base:$SUITE

cannot() {
    echo "image.sh: the image cannot be built here: $*" >&2
    exit 3
}
build() { buildah --root "$CACHE/storage" --runroot "$CACHE/run" --storage-driver vfs "$@"; }

# What the Dockerfile installs, so that it finds it there.
packages() { sed -n '/apt-get install/,/rm -rf/p' "$SOURCE/Dockerfile" | grep -oE '[a-z0-9][a-z0-9+-]*-dev|gcc|make|pkg-config|ca-certificates' | paste -sd,; }

make_base() {
    local uri options container
    ! build inspect --type image "$BASE" >/dev/null 2>&1 || return 0
    uri=$(mirror)
    [[ -n $uri ]] || cannot "apt of this system names no Debian mirror"
    mapfile -t options < <(mirror_options)
    mmdebstrap --quiet --variant=minbase "${options[@]}" --include="$(packages)" "$SUITE" "$CACHE/base.tar" "$uri" >&2 ||
        cannot "the packages of $SUITE cannot be had"
    container=$(build from scratch)
    build add -q "$container" "$CACHE/base.tar" / >/dev/null
    build commit -q "$container" "$BASE" >/dev/null
    build rm "$container" >/dev/null
    rm -f "$CACHE/base.tar"
}

# Only what git knows, so that nothing else can get in.
make_context() {
    mkdir -p "$WORK/context"
    (cd "$SOURCE" && git ls-files -z --cached --others --exclude-standard Makefile Dockerfile include agent k8s/image | tar --null -T - -c) | tar -x -C "$WORK/context"
}

make_image() {
    build bud -q --isolation chroot --pull-never --layers=false --timestamp 0 --format oci --build-arg BASE="$BASE" \
        --build-arg REVISION="$(git -C "$SOURCE" rev-parse --short HEAD)" -f "$WORK/context/Dockerfile" -t localhost/posta:test "$WORK/context" >"$WORK/log" 2>&1 ||
        { tail -n 40 "$WORK/log" >&2 && exit 1; }
}

unpack() {
    rm -rf "$OUT/root" && mkdir -p "$OUT/root"
    build push -q localhost/posta:test "oci-archive:$WORK/image.tar" >/dev/null
    stat -c %s "$WORK/image.tar" >"$OUT/size"
    tar -xOf "$WORK/image.tar" index.json | jq -r '.manifests[0].digest' >"$OUT/digest"
    build inspect --type image localhost/posta:test | jq '.OCIv1.config' >"$OUT/config.json"
    local container mounted
    container=$(build from --pull-never localhost/posta:test)
    mounted=$(build mount "$container")
    cp -a "$mounted/." "$OUT/root/"
    build rm "$container" >/dev/null
}
# What a build leaves takes as much as its base each time, as nothing is shared by plain folders.
forget() {
    build rm --all >/dev/null 2>&1 || true
    build rmi --force localhost/posta:test >/dev/null 2>&1 || true
    build rmi --prune >/dev/null 2>&1 || true
}

[[ $(id -u) == 0 ]] || cannot "only root can"
for tool in mmdebstrap buildah jq; do command -v "$tool" >/dev/null || cannot "$tool is missing"; done
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/posta-image.XXXXXX")
trap 'forget; rm -rf "$WORK"' EXIT
mkdir -p "$CACHE" "$OUT"
make_base
make_context
make_image
unpack
