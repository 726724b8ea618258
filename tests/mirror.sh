# shellcheck shell=bash
# mirror.sh: the root of another Debian, of packages from where this system's own come from, and end-to-end tests of a posta for it,
# run out here. To be sourced.

# Prints the address; nothing if apt names none.
mirror() {
    # shellcheck disable=SC2016 # for apt
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 2>/dev/null |
        awk '$1 == "Debian" && $2 !~ /security|updates|backports/ { print $3; exit }'
}
# The same proxies for mmdebstrap, an option a line.
mirror_options() {
    local scheme PROXY
    for scheme in http https; do
        PROXY=
        eval "$(apt-config shell PROXY "Acquire::$scheme::Proxy")"
        [[ -z $PROXY ]] || printf -- '--aptopt=Acquire::%s::Proxy "%s"\n' "$scheme" "$PROXY"
    done
}

# In ROOT, where it is not there yet; prints why it cannot be made. More options: those of mmdebstrap.
debian_root() { # SUITE ROOT PACKAGES [OPTION...]
    local suite=$1 root=$2 packages=$3 uri options log
    shift 3
    [[ ! -x $root/usr/bin/apt-get ]] || return 0
    [[ $(id -u) == 0 ]] || { echo "only root can make and enter a root folder" && return 1; }
    command -v mmdebstrap >/dev/null || apt-get install -y -qq mmdebstrap >/dev/null 2>&1 || { echo "mmdebstrap is missing" && return 1; }
    uri=$(mirror)
    [[ -n $uri ]] || { echo "apt of this system names no Debian mirror" && return 1; }
    mapfile -t options < <(mirror_options)
    log=$(mmdebstrap --quiet --variant=apt "$@" "${options[@]}" --include="$packages" "$suite" "$root" "$uri" 2>&1) ||
        { echo "the packages cannot be had: ${log##*$'\n'}" && return 1; }
}

# By this build; HERE, WORK and say are the caller's.
run_e2e() { # BUILD NAME...
    local build=$1 name code=0
    shift
    for name; do
        say "$name"
        BUILD=$build bash "$HERE/e2e/$name.sh" >"$WORK/log" 2>&1 || true
        grep -E '^(ok|not ok|# |#   |numbers)' "$WORK/log"
        ! grep -q '^not ok' "$WORK/log" && grep -q '^ok' "$WORK/log" || code=1
    done
    return "$code"
}
