#!/usr/bin/env bash
# Holds the picture of the house: who may include whom, and one door for each thing of the outside world.
# Prints each violation as file:line: what is wrong, and fails if there is one. Comments and strings are not looked at,
# but for the strings of #include.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
FOUND=$WORK/found
: >"$FOUND"

mapfile -t ALL < <(find agent include -name '*.[ch]' | sort)

# The text without comments, strings kept in #include lines only, line numbers as they were.
strip() { # FILE
    awk '
    {
        line = $0; out = ""
        is_include = line ~ /^[ \t]*#[ \t]*include/
        while (line != "") {
            if (in_comment) {
                at = index(line, "*/")
                if (!at) break
                line = substr(line, at + 2); in_comment = 0
            } else if (substr(line, 1, 2) == "/*") {
                in_comment = 1; line = substr(line, 3)
            } else if (substr(line, 1, 2) == "//") {
                break
            } else if (!is_include && match(line, /^"([^"\\]|\\.)*"/)) {
                out = out "\"\""; line = substr(line, RLENGTH + 1)
            } else if (match(line, /^\047([^\047\\]|\\.)*\047/)) {
                out = out "0"; line = substr(line, RLENGTH + 1)
            } else {
                out = out substr(line, 1, 1); line = substr(line, 2)
            }
        }
        print out
    }' "$1"
}

strip_all() {
    local file
    for file in "${ALL[@]}"; do
        mkdir -p "$WORK/src/$(dirname "$file")"
        strip "$file" >"$WORK/src/$file"
    done
}

# report FILE MESSAGE: grep's "LINE:text" from stdin as violations.
report() {
    local line
    while IFS=: read -r line _; do
        printf '%s:%s: %s\n' "$1" "$line" "$2" >>"$FOUND"
    done
}

matches() { grep -nE "$2" "$WORK/src/$1" || true; } # FILE PATTERN

# ---- (a), (b): includes ----

check_own_folder() { # FILE in agent/X/
    local line name
    matches "$1" '^ *# *include *".*/' | report "$1" 'a folder includes its own headers and <posta/...> only'
    while IFS=: read -r line name; do
        name=${name#*\"} name=${name%%\"*}
        [[ $name == */* || -e $(dirname "$1")/$name ]] ||
            echo "$line:" | report "$1" "\"$name\" is not in this folder"
    done < <(matches "$1" '^ *# *include *"')
}

check_shared() { # FILE in include/posta/
    matches "$1" '^ *# *include *"' | report "$1" 'shared headers include <...> only'
    matches "$1" '^ *# *include *<(librdkafka|openssl|yaml|pcre2|curl)' | report "$1" 'shared headers know no library'
}

check_includes() {
    local file
    for file in "${ALL[@]}"; do
        case $file in
        include/*) check_shared "$file" ;;
        agent/*/*) check_own_folder "$file" ;;
        esac
    done
}

# A part is named where it is defined and in the registry.
check_parts() {
    local file part
    for part in $(grep -o '&[a-z_]*' "$WORK/src/agent/registry.c" | tr -d '&' | sort -u); do
        for file in "${ALL[@]}"; do
            [[ $file == agent/registry.c || $file == agent/*/* ]] ||
                matches "$file" "\\b$part\\b" | report "$file" "only registry.c names $part"
        done
    done
}

# ---- (c): one door each ----

# door PATTERN WHAT FILE...: the pattern may be found in these files only (shell patterns).
door() {
    local pattern=$1 what=$2 file allowed
    shift 2
    for file in "${ALL[@]}"; do
        for allowed; do
            # shellcheck disable=SC2053 # a pattern
            [[ $file == $allowed ]] && continue 2
        done
        matches "$file" "$pattern" | report "$file" "$what belongs in $*"
    done
}

# Where a failed new segment is taken back, the file operations are already in error: commented there.
UNLINK_TOO=agent/spool/begin.c

check_doors() {
    door '\bepoll_(create|ctl|p?wait)' 'epoll' agent/base/loop.c
    door '\binotify_' 'inotify' agent/base/watch.c
    door '\brd_kafka_|<librdkafka/' 'librdkafka' 'agent/output/kafka*' agent/main.c
    door '\b(fsync|fdatasync|sync_file_range|rename|renameat2?)\(' 'durable file work' agent/base/fs.c
    door '\bunlink(at)?\(' 'deleting files' agent/base/fs.c "$UNLINK_TOO"
    door '\bpcre2_|<pcre2' 'PCRE2' agent/base/regex.c
    door '\biconv(_open|_close)?\(|<iconv' 'iconv' agent/base/charset.c
    door '\bcurl_easy_|\bcurl_multi_|<curl/' 'libcurl' agent/base/curl.h agent/base/curl.c 'agent/base/web*'
    door '\bMHD_[a-z]|<microhttpd' 'libmicrohttpd' 'agent/admin/mhd*' agent/admin/endpoint.c
    door '\byaml_|<yaml' 'libyaml' 'agent/config/*'
    door '\b_?exit\(' 'exit' agent/main.c
    check_commented_unlinks
}

# Without the comment a reader cannot know why this one goes around the door.
check_commented_unlinks() {
    grep -nE '\bunlink\(' "$UNLINK_TOO" | grep -v '/\*' | report "$UNLINK_TOO" 'unlink( needs its reason beside it' || true
}

# ---- (d): headers stand alone ----

# The project's own flags, as its Makefile makes them.
flags() {
    # shellcheck disable=SC2016 # for make
    make -s --no-print-directory --eval 'print-flags: ; @echo $(ALL_CFLAGS)' print-flags
}

check_headers() {
    local file flags line
    read -ra flags <<<"$(flags)"
    for file in "${ALL[@]}"; do
        [[ $file == *.h ]] || continue
        # Included, not compiled as the main file, which would make other warnings.
        echo "#include \"$file\"" | "${CC:-gcc}" "${flags[@]}" -I. -fsyntax-only -x c - 2>"$WORK/err" && continue
        line=$(grep -m 1 -oE "$file:[0-9]+" "$WORK/err" | cut -d: -f2)
        echo "${line:-1}:" | report "$file" "does not compile alone: $(grep -m 1 'error' "$WORK/err" | sed 's/.*error: //')"
    done
}

main() {
    strip_all
    check_includes
    check_parts
    check_doors
    check_headers
    if [[ -s $FOUND ]]; then
        sort -u "$FOUND" >&2
        exit 1
    fi
    echo "  OK    layers"
}

main "$@"
