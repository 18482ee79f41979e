#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which plots of a run does the documentation show? Copies them from the folder of the results
# (bench-results by default) to docs/, where README.org finds them. Full runs only: one of --quick
# or --only measures too little.
#
#     keep-plots.sh [FOLDER]

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
from=${1:-$top/bench-results}

for plot in packet-ipv4 packet-ipv6 change; do
	[[ -s $from/$plot.svg ]] || {
		echo "keep-plots.sh: $from/$plot.svg: no such plot; run make bench first" >&2
		exit 1
	}
done
for plot in packet-ipv4 packet-ipv6 change; do
	cp "$from/$plot.svg" "$top/docs/$plot.svg"
done
