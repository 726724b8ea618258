# lib_disk.sh: what the tests of disks share, on top of lib.sh: small file systems of their own, posta with its data on one of them
# and its events in a file, and a judge of both.
# shellcheck shell=bash
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPOOLCHECK=$BUILD/tests/disk/spoolcheck
# shellcheck disable=SC2034 # of the scripts that use it
SHIM=$TOOLS/shim.so
MOUNTED=()
test_cleanup() {
    for dir in "${MOUNTED[@]}"; do umount -l "$dir" 2>/dev/null; done
}
is_sanitized() { [[ $BUILD == *san ]]; }

# ---- file systems ----

# mount_on NAME ARGS of mount...: sets $SMALL
mount_on() {
    SMALL=$DIR/small-$1
    shift
    mkdir -p "$SMALL"
    mount "$@" "$SMALL" 2>"$DIR/mount" || return 1
    MOUNTED+=("$SMALL")
}
# image_on NAME MKFS MB: a file system of its own in a file, $DIR/NAME.img
image_on() {
    local image=$DIR/$1.img
    rm -f "$image"
    truncate -s "$3M" "$image"
    PATH=$PATH:/usr/sbin:/sbin "$2" -q "$image" >"$DIR/mount" 2>&1 && mount_on "$1" -o loop "$image"
}
# make_small FS [MB]: one of tmpfs, ext4, xfs, as small as it can be
make_small() {
    case $1 in
    tmpfs) mount_on tmpfs -t tmpfs -o "size=${2:-1}m" none ;;
    ext4) image_on ext4 mkfs.ext4 "${2:-16}" ;;
    xfs) image_on xfs mkfs.xfs "${2:-320}" ;; # mkfs.xfs makes none below 300 MB
    esac
}
drop_small() { # FS
    umount "$SMALL" 2>/dev/null || umount -l "$SMALL"
    rm -f "$DIR/$1.img"
}

# Somebody else fills the disk to the last byte.
fill() {
    local kb
    kb=$(df --output=avail -k "$SMALL" | tail -n 1)
    fallocate -l "$((kb > 64 ? kb - 64 : 0))K" "$SMALL/filler" 2>/dev/null
    dd if=/dev/zero of="$SMALL/filler-2" bs=4k 2>/dev/null
    dd if=/dev/zero of="$SMALL/filler-3" bs=1 count=4096 2>/dev/null
    sync -f "$SMALL"
    dd if=/dev/zero of="$SMALL/filler-4" bs=512 2>/dev/null
    return 0
}
give_back() { rm -f "$SMALL"/filler*; }

# ---- posta with its data in $SMALL ----

# disk_config [EXTRA]: the log is $DIR/log/app.log, events go to $DIR/out/events
disk_config() {
    {
        echo "path.data: $SMALL/data"
        echo "logging.metrics.period: 1s"
        echo "shutdown.deadline: ${DEADLINE:-5s}"
        config_input "$DIR/log/app.log"
        echo "queue.disk: {max_size: ${MAX_SIZE:-64MB}, segment_size: 64KB}"
        echo "output.file: {path: \"$DIR/out\", filename: events, rotate_every_kb: 1000000}"
        echo "${1:-}"
    } >"$DIR/posta.yml"
}
# fresh_case: nothing written, nothing delivered
fresh_case() {
    rm -rf "$SMALL/data" "$DIR/log"/*
    rm -rf "$DIR/out"/*
    : >"$LOG"
    WRITTEN=0
}
# write_lines N: more lines, numbered on
write_lines() {
    "$TOOLS/linewriter" -f "$DIR/log/app.log" -S "$WRITTEN" -n "$1" -B 65536 >/dev/null
    ((WRITTEN += $1))
}

# The output's own disk: nothing fits on it, until it is let flow.
hold_output() {
    mkdir -p "$DIR/out"
    mount -t tmpfs -o size=4k none "$DIR/out" && MOUNTED+=("$DIR/out")
    dd if=/dev/zero of="$DIR/out/stone" bs=512 2>/dev/null
}
let_output_flow() { mount -o remount,size=256m "$DIR/out"; }
drop_output() {
    umount "$DIR/out" 2>/dev/null || umount -l "$DIR/out"
}

# ---- judging ----

# count_lines: sets DIFFERENT and ALL, of the lines delivered; what a kill cut in the middle does not count
count_lines() {
    read -r DIFFERENT ALL < <("$TOOLS/seqcount" "$DIR/out"/events*)
}
has_lines() { count_lines && ((ALL >= $1)); } # N
has_all() { count_lines && ((DIFFERENT >= WRITTEN)); }
# each_once NAME [SECONDS]: all lines come, each once
each_once() {
    until_true "${2:-20}" has_all
    if ((DIFFERENT == WRITTEN && ALL == WRITTEN)); then
        ok "$1: each of $WRITTEN lines is delivered once"
    else
        not_ok "$1: each of $WRITTEN lines is delivered once" "$DIFFERENT different ones of $WRITTEN, $ALL in all"
    fi
}
# check_spool: of a copy, as if nothing were delivered; prints what spoolcheck says
check_spool() { # FOLDER
    local copy=$DIR/spool-copy
    rm -rf "$copy"
    cp -r "$1" "$copy" && rm -f "$copy/cursor" "$copy/reserve"
    "$SPOOLCHECK" "$copy" 2>&1
}
