# The pod that a chart makes, without Kubernetes; to be sourced behind lib.sh and lib_pod.sh. Volumes, mounts, arguments, environment, user
# and memory are those of the rendered manifest (tests/k8s/pod.py); roots are read-only, there are no capabilities.
#
#   $CHART_POD/volumes/NAME    the pod's volumes, emptyDirs as tmpfs of their sizeLimit
# shellcheck shell=bash
CHART_POD=$DIR/chart

chart_pod_new() { # MANIFESTS WORKLOAD
    local name bytes group
    mkdir -p "$CHART_POD/secrets/posta-client" "$CHART_POD/root"
    cp "$CERT" "$CHART_POD/secrets/posta-client/tls.crt" && cp "$KEY" "$CHART_POD/secrets/posta-client/tls.key" && cp "$CA" "$CHART_POD/secrets/posta-client/ca.crt"
    "$PY" "$ROOT/tests/k8s/pod.py" "$1" "$2" "$CHART_POD" || return 1
    group=$(cat "$CHART_POD/group")
    chgrp -R "$group" "$CHART_POD/volumes"
    while read -r name bytes; do
        mount -t tmpfs -o "size=$bytes,mode=2777,uid=0,gid=$group" none "$CHART_POD/volumes/$name"
    done <"$CHART_POD/tmpfs"
    chmod -R o+X "$CHART_POD"
    : >"$CHART_POD/termination-log" && chmod 0666 "$CHART_POD/termination-log"
}
chart_pod_remove() {
    [[ -e $CHART_POD/tmpfs ]] || return 0
    local name
    while read -r name _; do umount -l "$CHART_POD/volumes/$name" 2>/dev/null; done <"$CHART_POD/tmpfs"
    return 0
}

# start_container NAME FROM COMMAND...: its root is FROM, read-only, with the container's mounts; sets $INIT and $SHELL_OF
start_container() {
    local name=$1 from=$2 dirs=() env=() user
    shift 2
    mapfile -t env <"$CHART_POD/$name/env"
    user=$(cat "$CHART_POD/$name/user")
    mapfile -t dirs < <(limit "chart-$name" "$(cat "$CHART_POD/$name/memory")" 200)
    CGROUPS+=("${dirs[@]}")
    # shellcheck disable=SC2016 # for the shell inside
    unshare -m -p -f --kill-child --propagation slave bash -c '
        set -e
        pod=$1 name=$2 from=$3 user=$4 root=$1/root
        shift 4
        while [[ $1 != -- ]]; do echo $$ >"$1/cgroup.procs"; shift; done
        shift
        mount --rbind "$from" "$root"
        mount --make-rslave "$root"
        mount -o remount,bind,ro "$root"
        while read -r volume path mode; do
            mount --bind "$pod/volumes/$volume" "$root$path"
            [[ $mode == rw ]] || mount -o remount,bind,ro "$root$path"
        done <"$pod/$name/mounts"
        if [[ $from != / ]]; then
            mount -t tmpfs -o size=64k,mode=0755 none "$root/dev"
            for file in null urandom termination-log; do : >"$root/dev/$file"; done
            for file in null urandom; do mount --bind "/dev/$file" "$root/dev/$file"; done
            mount --bind "$pod/termination-log" "$root/dev/termination-log"
            for file in hosts resolv.conf; do mount --bind "/etc/$file" "$root/etc/$file"; done
        fi
        mount -t proc none "$root/proc"
        settings=()
        while [[ $1 != -- ]]; do settings+=("$1"); shift; done
        shift
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "${settings[@]}" "$(command -v setpriv)" --no-new-privs --inh-caps=-all \
            --bounding-set=-all,+sys_chroot,+setuid,+setgid "$(command -v unshare)" --root="$root" --setgid="$user" --setuid="$user" "$@"' \
        container "$CHART_POD" "$name" "$from" "$user" "${dirs[@]}" -- "${env[@]}" -- "$@" >>"$DIR/$name.log" 2>&1 &
    # shellcheck disable=SC2034 # for who started it
    SHELL_OF=$!
    until_true 10 first_process || not_ok "container $name starts" "$(tail -n 5 "$DIR/$name.log")"
}
# posta's, as the chart starts it, on the image's root: $POSTA_SHELL, $POSTA_INIT and $LOG are its own; it is one of $SHELLS.
# shellcheck disable=SC2034
start_posta_container() {
    local args=()
    mapfile -t args <"$CHART_POD/posta/args"
    start_container posta "$IMAGE_ROOT" /usr/bin/posta "${args[@]}"
    POSTA_SHELL=$SHELL_OF POSTA_INIT=$INIT LOG=$DIR/posta.log
    SHELLS+=("$SHELL_OF")
}
