#!/usr/bin/env bash
# The disk of the spool in trouble, on real small file systems (tmpfs of 1 MB, ext4, XFS): filled to the last byte by somebody
# else, full at the start, read-only at the start, gone read-only or dead while posta runs. posta keeps running, says it, takes in
# nothing that it cannot keep, and goes on without a restart when there is room; each line is delivered once.
# shellcheck source=tests/e2e/lib_disk.sh
. "$(dirname "$0")/lib_disk.sh"
FS=

# folder_sum: names and contents of the spool, but for who holds it
folder_sum() { (cd "$SMALL/data/spool" && find . -type f ! -name lock | sort | xargs sha256sum) | sha256sum; }
is_alive() { kill -0 "$PID" 2>/dev/null; }
stops_well() { # NAME
    local rc=0
    stop_posta || rc=$?
    equals "$1: SIGTERM ends with status 0" 0 $rc
}

# The output flows: what comes on a full disk waits in the log.
filled_while_reading() {
    fresh_case
    disk_config
    write_lines 1000
    start_posta_and_wait
    each_once "$FS: before it is full"
    fill
    write_lines 20000
    check "$FS: filled by somebody else: it is said" until_true 20 log_has "No space left on device"
    check "$FS: ... and that reading stops" log_has "reading stops until there is room"
    check "$FS: ... posta lives" is_alive
    give_back
    each_once "$FS: ... and with room it goes on without a restart"
    stops_well "$FS: ..."
}

# The output is away: the spool is a backlog, and it cannot grow.
filled_with_backlog() {
    fresh_case
    hold_output
    disk_config
    write_lines 2000
    start_posta_and_wait
    until_true 20 log_has "events wait in the spool"
    fill
    write_lines 8000
    check "$FS: filled behind a backlog: it is said" until_true 20 log_has "No space left on device"
    check "$FS: ... posta lives" is_alive
    check "$FS: ... what is in the spool is whole" check_spool "$SMALL/data/spool"
    let_output_flow
    until_true 20 has_lines 2000
    give_back
    each_once "$FS: ... the output comes back, then the room"
    stops_well "$FS: ..."
    drop_output
}

# Stopped with a backlog; the disk is full at the next start.
start_on_full() {
    fresh_case
    hold_output
    DEADLINE=100ms disk_config
    write_lines 2000
    start_posta_and_wait
    until_true 20 log_has "events wait in the spool"
    stop_posta
    let_output_flow
    fill
    disk_config
    write_lines 3000
    start_posta_and_wait
    check "$FS: started on a full disk with a backlog: it is delivered" until_true 20 has_lines 2000
    give_back
    each_once "$FS: ... and with room the rest"
    stops_well "$FS: ..."
    # once more, and the reserve is gone too
    fill
    rm -f "$SMALL/data/spool/reserve"
    fill
    write_lines 100
    local before after rc
    before=$(check_spool "$SMALL/data/spool")
    rc=$(status -c "$DIR/posta.yml" --once)
    after=$(check_spool "$SMALL/data/spool")
    if [[ $rc == 0 ]]; then
        ok "$FS: started on a disk without a free byte: it finds room of its own"
    else
        equals "$FS: started on a disk without a free byte: status 2" 2 "$rc"
        says "$FS: ... with a sentence" "No space left on device" "$LOG"
        equals "$FS: ... and in the spool is what was there" "$before" "$after"
    fi
    give_back
    start_posta_and_wait
    each_once "$FS: ... and with room all is delivered"
    stop_posta
    rm -rf "$SMALL/data"
    fill
    equals "$FS: started for the first time on a full disk: status 2" 2 "$(status -c "$DIR/posta.yml" --once)"
    says "$FS: ... with a sentence" "No space left on device" "$LOG"
    give_back
    drop_output
}

read_only_start() {
    fresh_case
    hold_output
    DEADLINE=100ms disk_config
    write_lines 2000
    start_posta_and_wait
    until_true 20 log_has "events wait in the spool"
    stop_posta
    let_output_flow
    disk_config
    mount -o remount,ro "$SMALL"
    local before
    before=$(folder_sum)
    equals "$FS: started on a read-only disk: status 2" 2 "$(status -c "$DIR/posta.yml" --once)"
    says "$FS: ... with a sentence" "Read-only file system" "$LOG"
    equals "$FS: ... and nothing in the spool has changed" "$before" "$(folder_sum)"
    mount -o remount,rw "$SMALL"
    write_lines 500
    start_posta_and_wait
    each_once "$FS: ... and when it can be written again, all is delivered"
    stop_posta
    rm -rf "$SMALL/data"
    mount -o remount,ro "$SMALL"
    equals "$FS: the first start on a read-only disk: status 2" 2 "$(status -c "$DIR/posta.yml" --once)"
    says "$FS: ... with a sentence" "Read-only file system" "$LOG"
    mount -o remount,rw "$SMALL"
    drop_output
}

# The kernel itself takes the disk away, as it does after an error of the device; only a new mount brings it back.
break_disk() {
    local device
    device=$(basename "$(findmnt -no SOURCE "$SMALL")")
    case $FS in
    ext4) echo 1 2>/dev/null >"/sys/fs/ext4/$device/trigger_fs_error" ;;
    xfs) xfs_io -x -c shutdown "$SMALL" ;;
    esac
}
remount_small() {
    umount "$SMALL" && mount -o loop "$DIR/$FS.img" "$SMALL"
}
lost_while_running() {
    fresh_case
    hold_output
    DEADLINE=1s disk_config
    write_lines 2000
    [[ $FS != ext4 ]] || mount -o remount,errors=remount-ro "$SMALL"
    start_posta_and_wait
    until_true 20 log_has "events wait in the spool"
    break_disk 2>/dev/null
    write_lines 3000
    check "$FS: the kernel makes the disk read-only or dead while posta runs: it is said" until_true 20 \
        grep -qE "Read-only file system|Input/output error" "$LOG"
    check "$FS: ... posta lives" is_alive
    sleep 1
    check "$FS: ... still" is_alive
    stops_well "$FS: ..."
    let_output_flow
    check "$FS: ... mounted again" remount_small
    start_posta_and_wait
    each_once "$FS: ... all is delivered after a start"
    stops_well "$FS: ..."
    drop_output
}

on() { # FS
    FS=$1
    if ! make_small "$FS"; then
        skip "$FS: disk trouble" "cannot be mounted here: $(head -n 1 "$DIR/mount")"
        return
    fi
    filled_while_reading
    filled_with_backlog
    start_on_full
    read_only_start
    [[ $FS == tmpfs ]] || lost_while_running
    drop_small "$FS"
}

on tmpfs
on ext4
on xfs
