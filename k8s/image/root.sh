#!/bin/sh
# Puts what posta needs to run into a folder that becomes the image's root: the program, its libraries, the authorities of the public web,
# the licences, and a list of what is in it (SPDX 2.3, /usr/share/sbom/posta.spdx.json). Runs in the build stage, on Debian.
#
#   root.sh PROGRAM FOLDER
set -eu

PROGRAM=$1
ROOT=$2
# Loaded while running, so ldd of the program does not name them: see agent/base/curl.c, agent/admin/mhd.c.
LOADED="libcurl.so.4 libmicrohttpd.so.12"

library_path() { # NAME
    ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'
}

# Files of all libraries that the given programs need, the loader too.
needed_by() { # FILE...
    for file; do
        printf '%s\n' "$file"
        ldd "$file" | awk '/=> \// { print $3 } /^[ \t]*\/.*ld-/ { print $1 }'
    done | sort -u
}

copy_libraries() {
    loaded=
    for name in $LOADED; do
        path=$(library_path "$name")
        [ -n "$path" ] || { echo "root.sh: $name is not installed" >&2 && exit 1; }
        loaded="$loaded $path"
    done
    # shellcheck disable=SC2086 # a list of words
    needed_by "$PROGRAM" $loaded | grep -v "^$PROGRAM\$" >"$WORK/libraries"
    while read -r path; do
        real=$(readlink -f "$path")
        # /lib and /lib64 are links to /usr here and in the image.
        place=$ROOT/usr${path#/usr}
        mkdir -p "$(dirname "$place")"
        cp "$real" "$place"
        printf '%s\n' "$real" >>"$WORK/files"
    done <"$WORK/libraries"
}

lay_out() {
    mkdir -p "$ROOT/usr/bin" "$ROOT/usr/lib" "$ROOT/usr/lib64" "$ROOT/etc/posta" "$ROOT/etc/posta-tls" "$ROOT/etc/podinfo" "$ROOT/etc/ssl/certs" \
        "$ROOT/var/lib/posta" "$ROOT/var/log" "$ROOT/tmp" "$ROOT/proc" "$ROOT/sys" "$ROOT/dev"
    ln -s usr/lib "$ROOT/lib"
    ln -s usr/lib64 "$ROOT/lib64"
    chmod 1777 "$ROOT/tmp"
    chown 65532:65532 "$ROOT/var/lib/posta"
    strip -o "$ROOT/usr/bin/posta" "$PROGRAM"
    cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/"
    printf 'root:x:0:0:root:/:/sbin/nologin\nposta:x:65532:65532:posta:/var/lib/posta:/sbin/nologin\n' >"$ROOT/etc/passwd"
    printf 'root:x:0:\nposta:x:65532:\n' >"$ROOT/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$ROOT/etc/nsswitch.conf"
}

# Encodings other than UTF-8, for the option encoding.
copy_encodings() {
    gconv=$(find /usr/lib -type d -name gconv | head -n 1)
    [ -n "$gconv" ] || return 0
    mkdir -p "$ROOT$gconv"
    for name in UTF-16 UTF-32 ISO8859-1 ISO8859-2 ISO8859-15 CP1252 gconv-modules; do
        for file in "$gconv/$name.so" "$gconv/$name"; do
            [ ! -f "$file" ] || cp "$file" "$ROOT$gconv/"
        done
    done
}

package_of() { # FILE
    dpkg-query -S "$1" 2>/dev/null | head -n 1 | cut -d: -f1 ||
        dpkg-query -S "/${1#/usr/}" 2>/dev/null | head -n 1 | cut -d: -f1
}

packages() {
    while read -r file; do package_of "$file"; done <"$WORK/files" | sort -u
    echo ca-certificates
}

copy_licences() {
    while read -r package; do
        mkdir -p "$ROOT/usr/share/doc/$package"
        cp "/usr/share/doc/$package/copyright" "$ROOT/usr/share/doc/$package/"
    done <"$WORK/packages"
}

write_sbom() {
    version=$("$PROGRAM" version | awk 'NR == 1 { print $2 }')
    mkdir -p "$ROOT/usr/share/sbom"
    {
        printf '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"posta-%s",\n' "$version"
        printf '"documentNamespace":"urn:posta:%s:%s",\n' "$version" "$(sha256sum "$ROOT/usr/bin/posta" | cut -c 1-16)"
        printf '"creationInfo":{"created":"%s","creators":["Tool: root.sh"]},\n' "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)"
        printf '"documentDescribes":["SPDXRef-posta"],"packages":[\n'
        printf '{"SPDXID":"SPDXRef-posta","name":"posta","versionInfo":"%s","downloadLocation":"NOASSERTION","licenseConcluded":"Apache-2.0"}' "$version"
        while read -r package; do
            dpkg-query -W -f ',\n{"SPDXID":"SPDXRef-${binary:Package}","name":"${Package}","versionInfo":"${Version}","downloadLocation":"NOASSERTION","supplier":"Organization: Debian","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/${Package}@${Version}?arch=${Architecture}"}]}' "$package" |
                sed 's/"SPDXID":"SPDXRef-\([^":]*\):[^"]*"/"SPDXID":"SPDXRef-\1"/; s/"SPDXID":"\([^"]*\)+\([^"]*\)"/"SPDXID":"\1p\2"/'
        done <"$WORK/packages"
        printf '\n]}\n'
    } >"$ROOT/usr/share/sbom/posta.spdx.json"
}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
lay_out
copy_libraries
copy_encodings
packages >"$WORK/packages"
copy_licences
write_sbom
du -sh "$ROOT" | awk '{ print "root.sh: the image\047s root takes " $1 }'
