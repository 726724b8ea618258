#!/usr/bin/env bash
# A start with a large spool (bench/start.sh): 100 MB; with BIG=1 also 1 GB and 10 GB, on disk.
#
#   BIG=1 bench/backlog.sh
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

begin_table backlog "A start with lines that wait in the spool, on disk, segments of 64 MB." "spool MB" "first event after ms" \
    "peak MB, 100,000 lines later"
SIZES=${BIG:+100 1000 10000}
SIZES=${SIZES:-100} DIR=$DISK bench/start.sh | tail -n +2 | while read -r size first peak_kb; do
    row "$size" "$first" "$(awk -v kb="$peak_kb" 'BEGIN { printf "%.1f", kb / 1024 }')"
done
