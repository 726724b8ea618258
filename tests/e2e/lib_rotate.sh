# lib_rotate.sh: what the tests of rotation share, on top of lib.sh: posta writes its events into a FIFO that ringjudge reads
# along, so that no broker and no large file is needed and every line is accounted for.
# shellcheck shell=bash
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TOP=$DIR # cases that run beside each other have a $DIR of their own below it

# ---- what this posta can do ----

# has_option KEY [WORD]: an input knows the key (and the word as a value of it)
has_option() {
    local own=$TOP/reference.$BASHPID # cases run beside each other: none sees half of it
    [[ -s $TOP/reference ]] || { "$POSTA" export reference >"$own" && mv "$own" "$TOP/reference"; }
    awk -v RS= -v key="$1" -v word="${2:-}" '
        index($0, "#" key ":") && (word == "" || $0 ~ "one of[^\n]*[ ,]" word "[,;]") { found = 1 }
        END { exit !found }' "$TOP/reference"
}

# counter NAME: the counter in the last report of $LOG; counters that are 0 are not reported
counter() {
    local value
    value=$(grep -oE "[ ]$1=[0-9]+" "$LOG" | tail -n 1 | cut -d= -f2)
    echo "${value:-0}"
}
# has_counter NAME: posta has such a counter (0 is not reported, so its program is asked)
has_counter() { grep -qF -- "${1##*.}" "$POSTA"; }
# sum_of NAME: over the last reports of all runs that ended in $LOG
sum_of() {
    awk -v name="$1" '
        / stats: / { last = 0; for (i = 1; i <= NF; i++) if (split($i, pair, "=") == 2 && pair[1] == name) last = pair[2] }
        /pipeline: stopped/ { sum += last; last = 0 }
        END { print sum + 0 }' "$LOG"
}

# ---- processes ----

# What was started is written down, so that cleanup finds also the children of cases that run beside each other.
note_process() { echo "$1" >>"$TOP/processes"; }
kill_noted() {
    local pid
    while read -r pid; do
        grep -qsF -- "$TOP" "/proc/$pid/cmdline" && kill -CONT "$pid" && kill -KILL "$pid"
    done 2>/dev/null < <(cat "$TOP/processes" 2>/dev/null)
    DIR=$TOP # all of it is to be removed
}
declare -F test_cleanup >/dev/null || test_cleanup() { kill_noted; }

folder_for() { tr ' ' - <<<"$1" | tr -cd 'a-zA-Z0-9-' | cut -c 1-60; }
# begin_case NAME: a folder, log and pid of its own
begin_case() {
    DIR=$TOP/$1 LOG=$TOP/$1/posta.log PID=
    mkdir -p "$DIR/log"
    : >"$LOG"
}

POSTA_AS=() # a command in front of it
start_posta() { # ARGS...: as in lib.sh, its events into the judge's FIFO
    "${POSTA_AS[@]}" "$POSTA" -c "$DIR/posta.yml" "$@" >"$DIR/events" 2>>"$LOG" &
    PID=$!
    note_process $PID
}

file_config() { # PATHS [INPUT_EXTRA [MORE]]
    {
        config_head
        echo "shutdown.deadline: 60s"
        config_input "$1" "${2:-}"
        echo "output.console.enabled: true"
        echo "${3:-}"
    } >"$DIR/posta.yml"
}

# pause SECONDS: wait without starting a process
pause() { read -rt "$1" -u 8 || true; }
# shellcheck disable=SC2094 # nobody ever writes into it
mkfifo "$TOP/never" && exec 8<>"$TOP/never"

# throttle STOP_SECONDS RUN_SECONDS: posta runs only so much of the time, until unthrottle
throttle() {
    local pid=$PID
    while kill -STOP "$pid" 2>/dev/null; do
        pause "$1"
        kill -CONT "$pid" 2>/dev/null
        pause "$2"
    done &
    THROTTLER=$!
}
unthrottle() {
    kill "$THROTTLER" 2>/dev/null
    wait "$THROTTLER" 2>/dev/null
    kill -CONT "$PID" 2>/dev/null
}

# ---- judging ----

start_judge() { # ARGS of ringjudge...
    rm -f "$DIR/live" "$DIR/events"
    "$TOOLS/ringjudge" -l "$DIR/live" "$@" "$DIR/events" >"$DIR/verdict" 2>"$DIR/judge" &
    JUDGE=$!
    note_process $JUDGE
    until_true 20 test -s "$DIR/live" || not_ok "the judge is up"
}
# end_judge: posta must have ended; the verdict is in $DIR/verdict, for `verdict FIELD`
end_judge() {
    kill -TERM "$JUDGE"
    wait "$JUDGE"
}
delivered() { cut -d' ' -f2 "$DIR/live"; }
has_delivered() { (($(delivered) >= $1)); }
# The last line of all is there, and it comes last.
has_newest() { (($(cut -d' ' -f6 "$DIR/live") >= $1)); }
wait_newest() { until_true "${2:-30}" has_newest "$1"; } # NUMBER [SECONDS]
lines_written() { grep -oE '^lines [0-9]+' "$DIR/writer" | cut -d' ' -f2; }
wait_delivered() { until_true "${2:-30}" has_delivered "$1"; }
# kept_order: nothing repeated, disordered, changed or made up
kept_order() { [[ "$(verdict repeated) $(verdict disordered) $(verdict bad)" == "0 0 0" ]]; }
why() { echo "$(cat "$DIR/verdict"); $(head -n 5 "$DIR/judge" | cut -c 1-300 | tr '\n' ';')"; }

# judge_texts TRUTH: for writers that do not number in order. Sets LOST, EXTRA (delivered, never written) and TWICE, of the
# messages in $DIR/texts (ringjudge -m -d).
judge_texts() {
    sort "$1" >"$DIR/written"
    sort "$DIR/texts" >"$DIR/came"
    LOST=$(uniq "$DIR/came" | comm -23 "$DIR/written" - | wc -l)
    EXTRA=$(uniq "$DIR/came" | comm -13 "$DIR/written" - | wc -l)
    TWICE=$(uniq -d "$DIR/came" | wc -l)
}
# judge_exactly NAME TRUTH: each line of it once, and nothing else
judge_exactly() {
    judge_texts "$2"
    if [[ "$LOST $EXTRA $TWICE $(verdict bad)" == "0 0 0 0" ]]; then
        ok "$1: each of $(wc -l <"$2") lines once, and nothing else"
    else
        not_ok "$1: each of $(wc -l <"$2") lines once, and nothing else" "lost $LOST, extra $EXTRA, twice $TWICE" "$(why)"
    fi
}
