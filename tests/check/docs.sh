#!/usr/bin/env bash
# Documents say what the program does: the reference file and the manual's list of options are made from the option
# tables, as the fields in it are from those of the metricsets and the metrics from that of the endpoint, every option is in both, and what README.md tells to run is there.
#
#   tests/check/docs.sh          compare, fail with the difference
#   tests/check/docs.sh write    write config/posta.reference.yml and the options in docs/posta.8
#
# BUILD is where posta is built, default build.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

POSTA=${BUILD:-build}/posta
REFERENCE=config/posta.reference.yml
MANUAL=docs/posta.8
BEGIN='.\" BEGIN options'
END='.\" END options'
BEGIN_FIELDS='.\" BEGIN fields'
END_FIELDS='.\" END fields'
BEGIN_METRICS='.\" BEGIN metrics'
END_METRICS='.\" END metrics'

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
CODE=0

wrong() {
    printf 'docs: %s\n' "$*" >&2
    CODE=1
}

# ---- what is made from the tables ----

make_reference() {
    printf '# Every option of posta with its default. Made by "make docs" from the tables in the code.\n'
    printf '# Start from posta.yml; take from here what you need, without the # before its name.\n'
    "$POSTA" export reference
}

# put_between BEGIN END LIST: what comes in, with what is between these lines made anew.
put_between() {
    BEGIN=$1 END=$2 awk -v list="$3" '
        BEGIN { begin = ENVIRON["BEGIN"]; end = ENVIRON["END"] }
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin {
            inside = 1
            while ((getline line < list) > 0) print line
        }'
}

make_manual() {
    put_between "$BEGIN" "$END" "$WORK/list" <"$MANUAL" | put_between "$BEGIN_FIELDS" "$END_FIELDS" "$WORK/fields" |
        put_between "$BEGIN_METRICS" "$END_METRICS" "$WORK/metrics"
}

# Each sentence on a line of its own, of at most 78 columns, as mandoc likes it; a word that begins with a dot must not become a macro.
wrap() {
    local line
    while IFS= read -r line; do
        [[ $line != .* ]] || { printf '%s\n' "$line" && continue; }
        printf '%s\n' "$line" | sed "s/[.] \\([A-Z%]\\)/.\\n\\1/g" | fold -s -w 78 | sed "s/ *$//; s/^[.']/\\\\&&/"
    done
}

make_all() {
    { echo ".Bl -tag -width Ds" && "$POSTA" export manual | wrap && echo ".El"; } >"$WORK/list"
    "$POSTA" export fields | wrap >"$WORK/fields"
    "$POSTA" export metrics | wrap >"$WORK/metrics"
    make_reference >"$WORK/reference"
    make_manual >"$WORK/manual"
}

check_same() { # MADE KEPT
    diff -u "$2" "$1" >"$WORK/diff" && return 0
    wrong "$2 is not what the option tables say: run make docs"
    head -n 20 "$WORK/diff" >&2
}

# ---- every option ----

# Names in the tables of the source: a second way to them, so that an export that leaves one out is noticed.
table_names() {
    cat agent/*.c agent/*/*.c | tr -s ' \n' '  ' | grep -oE '\.name = "[^"]+", \.type = OPT_[A-Z]+' | grep -vE 'OPT_(IGNORED|REFUSED)' | cut -d'"' -f2 | sort -u
}

check_names() {
    local name
    while read -r name; do
        grep -qE "^ *#${name//./\\.}:" "$WORK/reference" || wrong "option $name is not in $REFERENCE"
        grep -qE "^\.It Ic (.*\.)?${name//./\\.}\$" "$WORK/manual" || wrong "option $name is not in $MANUAL"
    done < <(table_names)
}

# ---- the rest ----

check_manual() {
    [[ $(grep -cxF -e "$BEGIN" -e "$END" -e "$BEGIN_FIELDS" -e "$END_FIELDS" \
        -e "$BEGIN_METRICS" -e "$END_METRICS" "$MANUAL") == 6 ]] || wrong "$MANUAL has lost its markers"
    mandoc -Tlint -W style "$MANUAL" >"$WORK/lint" 2>&1 || true
    # "referenced manual not found" depends on what is installed here.
    grep -vE 'referenced manual not found|outdated mandoc.db' "$WORK/lint" >"$WORK/complaints" || return 0
    wrong "mandoc has something to say:"
    cat "$WORK/complaints" >&2
}

# The commands of README.md's code blocks that call make.
check_readme() {
    local target
    [[ $(grep -cE '^make (demo|test)( |$)' README.md) -ge 2 ]] || wrong "README.md must show make demo and make test"
    while read -r target; do
        grep -qE "^([a-z0-9-]+ )*$target( [a-z0-9-]+)*:" Makefile || wrong "README.md: make $target is not in the Makefile"
    done < <(grep -oE '^make [a-z0-9-]+' README.md | cut -d' ' -f2 | sort -u)
}

# The starting point names certificates that are made on the real machine: made here, of the right names, they must do.
check_start_config() {
    local dir=$WORK/etc
    mkdir "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=posta \
        -keyout "$dir/posta.key" -out "$dir/posta.pem" 2>/dev/null
    cp "$dir/posta.pem" "$dir/ca.pem"
    sed "s,/etc/posta/,$dir/,g" config/posta.yml >"$WORK/posta.yml"
    "$POSTA" test config -c "$WORK/posta.yml" --path.data "$WORK/data" >"$WORK/out" 2>&1 ||
        wrong "config/posta.yml: $(cat "$WORK/out")"
}

main() {
    make_all
    if [[ ${1:-} == write ]]; then
        cp "$WORK/reference" "$REFERENCE"
        cp "$WORK/manual" "$MANUAL"
    else
        check_same "$WORK/reference" "$REFERENCE"
        check_same "$WORK/manual" "$MANUAL"
    fi
    check_names
    check_manual
    check_readme
    check_start_config
    [[ $CODE != 0 ]] || echo "  OK    docs"
    exit "$CODE"
}

main "$@"
