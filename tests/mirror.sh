# shellcheck shell=bash
# mirror.sh: where this system's own Debian packages come from, for who makes the root of another Debian. To be sourced.

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
