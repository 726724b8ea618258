#!/usr/bin/env bash
# Power cuts on real file systems: ext4 and XFS are shut down in the middle of the work without their log being flushed, mounted
# again, and the spool is judged (tests/disk/powercut.c). What was durable is there, nothing comes twice, positions agree.
# And the test can see a loss: without syncs there are many.
#
#   CUTS=500        on each of the two
#
# Alone: a mount namespace that another test makes meanwhile would keep the file system mounted.
# shellcheck source=tests/e2e/lib_disk.sh
. "$(dirname "$0")/lib_disk.sh"
if is_sanitized; then CUTS=${CUTS:-50}; else CUTS=${CUTS:-500}; fi
LOOP=
test_cleanup() {
    umount -l "$DIR/mnt" 2>/dev/null
    [[ -z $LOOP ]] || losetup -d "$LOOP"
}

# make_device FS MB: sets $LOOP
make_device() {
    mkdir -p "$DIR/mnt"
    rm -f "$DIR/image"
    truncate -s "$2M" "$DIR/image"
    PATH=$PATH:/usr/sbin:/sbin "mkfs.$1" -q "$DIR/image" >"$DIR/mount" 2>&1 || return 1
    LOOP=$(losetup -f --show "$DIR/image" 2>"$DIR/mount") || return 1
    mount "$LOOP" "$DIR/mnt" 2>"$DIR/mount" && umount "$DIR/mnt"
}
drop_device() {
    losetup -d "$LOOP"
    LOOP=
}
run_cuts() { # FS CUTS [nosync]
    SEED=$SEED "$BUILD/tests/disk/powercut" "$LOOP" "$DIR/mnt" "$@" >"$DIR/cuts" 2>&1
}
field() { grep -oE "$1 [0-9]+" "$DIR/cuts" | head -n 1 | cut -d' ' -f2; }

power_cuts() { # FS MB
    if ! make_device "$1" "$2"; then
        skip "$1: power cuts" "no loop mount here: $(head -n 1 "$DIR/mount")"
        return
    fi
    run_cuts "$1" "$CUTS"
    local rc=$?
    sed "s/^\(# \)*/# $1: /" "$DIR/cuts"
    equals "$1: $CUTS power cuts were made" "$CUTS" "$(field cuts)"
    equals "$1: ... nothing that was durable is lost" 0 "$(field lost)"
    equals "$1: ... nothing comes twice or is not what was written" 0 "$(field repeated)"
    equals "$1: ... each position is behind its last record" 0 "$(field unequal)"
    equals "$1: ... each start works" "0 0" "$(field refused) $rc"
    run_cuts "$1" 20 nosync
    check "$1: without syncs losses are seen ($(field lost))" test "$(field lost)" -ge 10
    drop_device
}

power_cuts ext4 16
power_cuts xfs 320
