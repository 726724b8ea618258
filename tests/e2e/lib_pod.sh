# A pod without Kubernetes, to be sourced behind lib.sh: containers are processes in mount and pid namespaces of their own, as a user
# without any capability, on a root that is read-only, with limits of memory and CPU where control groups can be had here. They share
# the network and the pod's volumes, which are tmpfs as `emptyDir: {medium: Memory}` is:
#
#   $POD/logs   /var/log/nginx of all containers        $POD/spool   where posta's spool is
#   $POD/etc    configuration and Secrets, read-only     $POD/life    the termination message, and what this test notes
# shellcheck shell=bash
POD_USER=10101
POD=$DIR/pod
CGROUPS=()

pod_can_be() { ((EUID == 0)) && command -v setpriv unshare chroot >/dev/null && unshare -m -p -f true 2>/dev/null; }

pod_new() { # TMPFS_SIZE_OF_LOGS TMPFS_SIZE_OF_SPOOL
    pod_remove
    mkdir -p "$POD"/{logs,spool,etc,life,root}
    chmod 0755 "$DIR" "$POD" "$POD"/*
    mount -t tmpfs -o "size=$1,mode=0770,uid=0,gid=$POD_USER" none "$POD/logs"
    mount -t tmpfs -o "size=$2,mode=0770,uid=0,gid=$POD_USER" none "$POD/spool"
    : >"$POD/life/termination-log"
    chown -R $POD_USER "$POD/life"
    cp "$POSTA" "$POD/etc/posta"
    cp "$CERT" "$POD/etc/tls.crt" && cp "$KEY" "$POD/etc/tls.key" && cp "$CA" "$POD/etc/ca.crt"
    chmod 0755 "$POD/etc/posta"
    chmod 0444 "$POD"/etc/*.crt "$POD"/etc/*.key
}
pod_remove() {
    umount -l "$POD/logs" "$POD/spool" 2>/dev/null
    rm -rf "$POD"
    return 0
}

# limit NAME MEMORY_BYTES CPU_PERCENT: a control group; prints its folders, one for each controller. Nothing where there are none.
limit() {
    local dir
    if [[ -w /sys/fs/cgroup/memory/cgroup.procs ]]; then
        dir=/sys/fs/cgroup/memory/posta-$1-$$
        mkdir -p "$dir" && echo "$2" >"$dir/memory.limit_in_bytes" && echo "$dir"
        dir=/sys/fs/cgroup/cpu/posta-$1-$$
        mkdir -p "$dir" && echo $(($3 * 1000)) >"$dir/cpu.cfs_quota_us" && echo "$dir"
    elif grep -qw memory /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
        dir=/sys/fs/cgroup/posta-$1-$$
        mkdir -p "$dir" && echo "$2" >"$dir/memory.max" && echo "$(($3 * 1000)) 100000" >"$dir/cpu.max" && echo "$dir"
    fi 2>/dev/null
}
limits_remove() {
    local dir
    for dir in "${CGROUPS[@]}"; do rmdir "$dir" 2>/dev/null; done
    CGROUPS=()
}

# run_container NAME COMMAND...: sets $INIT to its first process. Ends with the container; output in $POD.NAME.log.
run_container() { run_container_of / "$@"; }

# run_container_of FROM NAME COMMAND...: its root is the folder FROM, in which nothing is needed but folders mnt, proc and dev; it has no
# environment but what the command's `env` gives it.
run_container_of() {
    local from=$1 name=$2 dir dirs=() root=$POD/root
    shift 2
    mapfile -t dirs < <(limit "$name" $((96 * 1024 * 1024)) 100)
    CGROUPS+=("${dirs[@]}")
    # shellcheck disable=SC2016 # for the shell inside
    unshare -m -p -f --kill-child --propagation slave bash -c '
        set -e
        root=$1 pod=$2 user=$3 from=$4
        shift 4
        while [[ $1 != -- ]]; do echo $$ >"$1/cgroup.procs"; shift; done
        shift
        mount --rbind "$from" "$root"
        mount --make-rslave "$root"
        mount -o remount,bind,ro "$root"
        mount -t tmpfs -o size=64k none "$root/mnt"
        mkdir "$root/mnt"/{logs,spool,etc,life,tmp}
        for volume in logs spool life; do mount --bind "$pod/$volume" "$root/mnt/$volume"; done
        mount --bind "$pod/etc" "$root/mnt/etc" && mount -o remount,bind,ro "$root/mnt/etc"
        mount -o remount,ro "$root/mnt"
        mount -t proc none "$root/proc"
        if [[ $from != / ]]; then
            mount --rbind /dev "$root/dev" # a runtime gives it a few devices, names and servers of names
            for file in hosts resolv.conf; do mount --bind "/etc/$file" "$root/etc/$file"; done
            settings=()
            [[ $1 != env ]] || { shift && while [[ $1 == *=* ]]; do settings+=("$1") && shift; done; }
            exec env -i "${settings[@]}" "$(command -v setpriv)" --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
                "$(command -v unshare)" --root="$root" --setgid="$user" --setuid="$user" "$@"
        fi
        exec chroot "$root" setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --inh-caps=-all \
            --bounding-set=-all "$@"' container "$root" "$POD" "$POD_USER" "$from" "${dirs[@]}" -- "$@" >>"$DIR/$name.log" 2>&1 &
    SHELL_OF=$!
    until_true 10 first_process || not_ok "container $name starts" "$(tail -n 5 "$DIR/$name.log")"
}
first_process() { INIT=$(pgrep -P "$SHELL_OF" | head -n 1) && [[ -n $INIT ]]; }
# end_container SHELL: waits for it; its exit status is $STATUS
# shellcheck disable=SC2034
end_container() {
    STATUS=0
    wait "$1" || STATUS=$?
}
