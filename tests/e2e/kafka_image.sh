#!/usr/bin/env bash
# The image of the Dockerfile, built here without a container engine: what is in it and what is not; the life of a pod (kafka_pod.sh)
# with posta's container on the image's root; and the pods that the charts make (image_node.sh, image_chart.sh).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
IMAGE=$DIR/image

# inside USER COMMAND...: in the image's root, without capabilities or environment; with IN_PLACE=exec in the shell's own process
inside() {
    local user=$1
    shift
    ${IN_PLACE:-} env -i "$(command -v setpriv)" --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        "$(command -v unshare)" --root="$IMAGE/root" --setgid="$user" --setuid="$user" "$@"
}

config_of() { jq -r "$1" "$IMAGE/config.json"; }

what_it_says() {
    equals "user" 65532:65532 "$(config_of .User)"
    equals "entry point" /usr/bin/posta "$(config_of '.Entrypoint | join(" ")')"
    equals "command" "-c /etc/posta/posta.yml" "$(config_of '.Cmd | join(" ")')"
    equals "label: version" "$(sed -n 's/#define POSTA_VERSION "\(.*\)"/\1/p' "$ROOT/include/posta/version.h")" "$(config_of '.Labels["org.opencontainers.image.version"]')"
    equals "label: licence" Apache-2.0 "$(config_of '.Labels["org.opencontainers.image.licenses"]')"
    check "less than 20 MB" test "$(cat "$IMAGE/size")" -lt 20000000
    echo "numbers: the image is $(($(cat "$IMAGE/size") / 1000)) KB compressed, $(du -sk "$IMAGE/root" | cut -f 1) KB unpacked"
}
what_is_in_it() {
    equals "programs: posta and no other" /usr/bin/posta "$(cd "$IMAGE/root" && find . -type f -perm /111 ! -name '*.so*' ! -path './usr/share/*' | sed 's/^\.//')"
    equals "nothing is setuid, setgid or has capabilities" "" "$(find "$IMAGE/root" -type f -perm /6000; getcap -r "$IMAGE/root" 2>/dev/null)"
    equals "nothing can be written by all but /tmp" "/tmp" "$(find "$IMAGE/root" ! -type l -perm /002 | sed "s|^$IMAGE/root||")"
    equals "no headers, sources, package lists" "" "$(find "$IMAGE/root" -name '*.h' -o -name '*.c' -o -name '*.a' -o -path '*/dpkg/*' -o -path '*/apt/*')"
    check "SBOM: every library is of a package in it" sbom_is_whole
    check "each package's licence is in it" licences_are_there
}
sbom_is_whole() {
    local sbom=$IMAGE/root/usr/share/sbom/posta.spdx.json
    jq -e '.spdxVersion == "SPDX-2.3" and ([.packages[].SPDXID] | length == (unique | length))
        and ([.packages[] | select(.versionInfo == "")] == []) and ([.packages[].name] | contains(["posta", "librdkafka1", "libc6"]))' "$sbom" >/dev/null || return 1
    # Two libraries of one package are possible, a library without any is not.
    test "$(jq '.packages | length' "$sbom")" -gt 25
}
licences_are_there() {
    local package
    for package in $(jq -r '.packages[].name | select(. != "posta")' "$IMAGE/root/usr/share/sbom/posta.spdx.json"); do
        test -s "$IMAGE/root/usr/share/doc/$package/copyright" || { echo "$package" && return 1; }
    done
}
it_runs() {
    local user
    for user in 65532 101 1000680000; do
        check "user $user: posta runs" inside "$user" /usr/bin/posta version
    done
    echo "numbers: $(inside 65532 /usr/bin/posta version)"
    mkdir -p "$IMAGE/root/run"
    local port=$((20000 + RANDOM % 10000))
    printf 'http.enabled: true\nhttp.host: 127.0.0.1\nhttp.port: %s\nfilebeat.inputs: [{type: filestream, id: a, paths: [/var/log/none.log]}]\noutput.console.enabled: true\npath.data: /tmp/data\n' "$port" >"$IMAGE/root/run/a.yml"
    IN_PLACE="exec" inside 65532 /usr/bin/posta -c /run/a.yml >"$LOG" 2>&1 &
    PID=$!
    check "the endpoint is there, and the probe asks it" until_true 10 inside 65532 /usr/bin/posta probe live --url "http://127.0.0.1:$port"
    check "... and is ready" until_true 10 inside 65532 /usr/bin/posta probe ready --url "http://127.0.0.1:$port"
    stop_posta
    equals "... and ends with status 0" 0 "$?"
    printf 'heartbeat.monitors: [{type: http, id: x, hosts: ["http://127.0.0.1:1/"], schedule: "@every 1s"}]\noutput.console.enabled: true\npath.data: /tmp/data2\n' >"$IMAGE/root/run/b.yml"
    timeout 5 "$(command -v setpriv)" --no-new-privs "$(command -v unshare)" --root="$IMAGE/root" --setgid=65532 --setuid=65532 /usr/bin/posta -c /run/b.yml >"$DIR/out" 2>&1
    says "the library for pages is there" '"monitor":' "$DIR/out"
    printf 'filebeat.inputs: [{type: filestream, id: a, paths: [/run/l], encoding: utf-16le}]\noutput.console.enabled: true\npath.data: /tmp/data3\n' >"$IMAGE/root/run/c.yml"
    printf 'gr\303\274n\n' | iconv -t UTF-16LE >"$IMAGE/root/run/l"
    inside 65532 /usr/bin/posta -c /run/c.yml --once >"$DIR/out" 2>"$LOG"
    says "encodings are there" 'grün' "$DIR/out"
    rm -rf "$IMAGE/root/run" "$IMAGE/root/tmp/"*
}
# What a runtime adds: places to mount on.
prepare_for_pod() {
    mkdir -p "$IMAGE/root/mnt"
    : >"$IMAGE/root/etc/hosts"
    : >"$IMAGE/root/etc/resolv.conf"
}

command -v setpriv unshare >/dev/null || { skip "the image" "setpriv and unshare are missing: NOTHING of it was checked" && exit 0; }
"$ROOT/tests/k8s/tools.sh" buildah || { skip "the image" "buildah or mmdebstrap cannot be had: NOTHING of it was checked" && exit 0; }
rc=0
"$ROOT/tests/k8s/image.sh" "$IMAGE" >"$DIR/build" 2>&1 || rc=$?
if ((rc == 3)); then
    skip "the image" "$(tail -n 1 "$DIR/build"): NOTHING of it was checked"
    exit 0
fi
equals "the image is built" 0 "$rc"
((rc == 0)) || { tail -n 20 "$DIR/build" | sed 's/^/#   /' && exit 1; }
what_it_says
what_is_in_it
it_runs
prepare_for_pod
export IMAGE_ROOT=$IMAGE/root
# Beside the life of the pod, whose waiting leaves the processors to others: the second build, and the DaemonSet, which an outage of Kafka does not
# concern but for the time it takes.
nice -n 5 "$ROOT/tests/k8s/image.sh" "$DIR/again" >"$DIR/build-again" 2>&1 &
AGAIN=$!
bash "$ROOT/tests/e2e/image_node.sh" >"$DIR/node" 2>&1 &
NODE=$!
POD_ROOT=$IMAGE/root POD_POSTA=/usr/bin/posta POD_RATE=5000 CASES="${CASES:-native ordinary gone}" bash "$ROOT/tests/e2e/kafka_pod.sh"
wait "$NODE" || not_ok "the DaemonSet's test ended" "status $?"
cat "$DIR/node"
bash "$ROOT/tests/e2e/image_chart.sh"
wait "$AGAIN" || not_ok "the image is built once more" "$(tail -n 5 "$DIR/build-again")"
equals "built twice, it is the same to the byte" "$(cat "$IMAGE/digest")" "$(cat "$DIR/again/digest")"
