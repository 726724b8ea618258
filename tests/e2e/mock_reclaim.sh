#!/usr/bin/env bash
# Nobody rotates: 1 GB of lines through a tmpfs of 8 MB as fast as the writer can, posta punching holes behind what it has, while
# it is killed by SIGKILL and started again 20 times. Every line arrives, in order, none of the zeros of the holes does.
# Then, smaller, on ext4 and XFS.
#
#   RECLAIM_MB=1024   how much goes through the tmpfs
# shellcheck source=tests/e2e/lib_rotate.sh
. "$(dirname "$0")/lib_rotate.sh"
LINE_BYTES=500
KILLS=20
if [[ $BUILD == *san ]]; then MB=${RECLAIM_MB:-64}; else MB=${RECLAIM_MB:-1024}; fi
MOUNTED=()

test_cleanup() {
    kill_noted
    for dir in "${MOUNTED[@]}"; do umount -l "$dir" 2>/dev/null; done
}

# mount_on NAME ARGS of mount...: sets $SMALL
mount_on() {
    SMALL=$TOP/small-$1
    shift
    mkdir -p "$SMALL"
    mount "$@" "$SMALL" 2>"$TOP/mount" || return 1
    MOUNTED+=("$SMALL")
}
# image_on NAME MKFS MB: a file system of its own in a file
image_on() {
    local image=$TOP/$1.img
    truncate -s "$3M" "$image"
    PATH=$PATH:/usr/sbin:/sbin "$2" -q "$image" >"$TOP/mount" 2>&1 && mount_on "$1" -o loop "$image"
}
used_kb() { df --output=used -k "$SMALL" | tail -n 1 | tr -d ' '; }

# Looks at the room that is used until the writer is gone; the largest is in $DIR/peak.
watch_room() { # WRITER
    local peak=0 now
    while kill -0 "$1" 2>/dev/null; do
        now=$(used_kb)
        ((now > peak)) && peak=$now && echo "$peak" >"$DIR/peak"
        pause 0.02
    done
}

starts() { grep -cF "tail: watching" "$LOG"; }
is_up() { (($(starts) > $1)); } # STARTS: those before. One that is killed soon enough is never up.
kill_again_and_again() { # TIMES LINES: spread over the way to LINES
    local i from before=0
    for ((i = 0; i < $1; i++)); do
        from=$(($2 * i / $1))
        if ! until_true 20 has_newest "$from"; then
            not_ok "$NAME: goes on after $i kills" "$(cat "$DIR/live")"
            return
        fi
        pause "0.0$((RANDOM % 10))"
        kill_posta
        before=$(starts)
        start_posta
    done
    until_true 20 is_up "$before" || not_ok "$NAME: posta is up after the last kill"
}

# reclaim NAME MB KILLS: through $SMALL
reclaim() {
    local lines=$(($2 * 1024 * 1024 / LINE_BYTES)) empty
    NAME=$1
    begin_case "$1"
    file_config "$SMALL/app.log" "    rotation: {mode: reclaim}"
    start_judge -n "$lines" -s $LINE_BYTES
    start_posta_and_wait
    empty=$(used_kb)
    "$TOOLS/ringwriter" -f "$SMALL/app.log" -m single -n "$lines" -s $LINE_BYTES >"$DIR/writer" 2>&1 &
    local writer=$!
    note_process $writer
    watch_room $writer &
    kill_again_and_again "$3" "$lines"
    check "$NAME: the last line comes" wait_newest $((lines - 1)) 60
    stop_posta
    equals "$NAME: SIGTERM ends with status 0" 0 $?
    end_judge
    echo "# $NAME: $(cat "$DIR/writer"); $(cat "$DIR/verdict"); $3 kills; largest use $(($(cat "$DIR/peak") - empty)) KB," \
        "at the end $(($(used_kb) - empty)) KB; $(counter tail.bytes_punched) bytes punched"
    if [[ $(verdict lost) == 0 ]]; then ok "$NAME: killed $3 times, nothing is lost"; else not_ok "$NAME: killed $3 times, nothing is lost" "$(why)"; fi
    equals "$NAME: ... in order" 0 "$(verdict disordered)"
    equals "$NAME: ... no zeros and nothing else that was never written" "0 0" "$(verdict zeros) $(verdict bad)"
    check "$NAME: the log's size is all of it, in one file" test "$(stat -c %s "$SMALL/app.log")" -eq $((lines * LINE_BYTES))
    # XFS reserves room behind the end of a file that grows: there it is only reported.
    [[ $1 == xfs ]] ||
        check "$NAME: ... and what is left of it takes little room" test "$(du -k "$SMALL/app.log" | cut -f1)" -le 2048
    umount -l "$SMALL"
}

# The spool is gone, the log is all holes: nothing of them is delivered.
position_lost() {
    NAME="position lost"
    begin_case lost
    local lines=100000
    file_config "$SMALL/app.log" "    rotation: {mode: reclaim}"
    start_judge -n "$lines" -s $LINE_BYTES
    start_posta_and_wait
    "$TOOLS/ringwriter" -f "$SMALL/app.log" -m single -n "$lines" -s $LINE_BYTES >"$DIR/writer" 2>&1
    check "$NAME: before that, all came" wait_newest $((lines - 1)) 60
    stop_posta
    rm -rf "$DIR/data"
    start_posta_and_wait
    stop_posta
    equals "$NAME: SIGTERM ends with status 0" 0 $?
    end_judge
    echo "# $NAME: $(cat "$DIR/verdict")"
    equals "$NAME: the zeros are not delivered" 0 "$(verdict zeros)"
    check "$NAME: ... and at most the rest of the one line that a hole cut" test "$(verdict bad)" -le 1
    equals "$NAME: nothing is lost" 0 "$(verdict lost)"
    umount -l "$SMALL"
}

on() { # NAME COMMAND...: run a case if its file system can be there
    if ! has_option rotation.mode reclaim; then
        skip "$1: nothing is lost" "rotation.mode: reclaim is not there yet"
        return
    fi
    if ! "${@:2}"; then
        skip "$1: nothing is lost" "cannot be mounted here: $(head -n 1 "$TOP/mount")"
        return
    fi
    case $1 in
    tmpfs) reclaim tmpfs "$MB" $KILLS ;;
    lost) position_lost ;;
    *) reclaim "$1" $((MB / 8)) 5 ;;
    esac
}

on tmpfs mount_on tmpfs -t tmpfs -o size=8m none
on lost mount_on tmpfs -t tmpfs -o size=8m none
on ext4 image_on ext4 mkfs.ext4 32
on xfs image_on xfs mkfs.xfs 320
