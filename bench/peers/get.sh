#!/usr/bin/env bash
# Debian's packages of other shippers, unpacked into FOLDER/root, beside the system: nothing is installed, nothing starts.
# The second time it does nothing, offline.
#
#   bench/peers/get.sh FOLDER
set -euo pipefail

FOLDER=$1
PACKAGES=(rsyslog rsyslog-kafka libestr0 libfastjson4 liblognorm5 syslog-ng-core syslog-ng-mod-rdkafka libivykis0 libnet1)

[[ ! -e $FOLDER/complete ]] || exit 0
command -v apt-get >/dev/null || exit 1
rm -rf "$FOLDER"
mkdir -p "$FOLDER/debs" "$FOLDER/root"
(cd "$FOLDER/debs" && apt-get download -qq "${PACKAGES[@]}" 2>/dev/null)
for deb in "$FOLDER"/debs/*.deb; do dpkg-deb -x "$deb" "$FOLDER/root"; done
touch "$FOLDER/complete"
