#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How fast is the filter, and how fast are the others? Builds what is missing and measures. bench.py
# explains the options.
#
#     run.sh [--quick] [--only PART] [--help] ...
#
# Everything runs in its own network and mount namespaces, with its own bpffs and /run. Other users
# of this machine do not see it. Whatever ends this script, the kernel removes all interfaces,
# programs, pins, sets and temporary files with the last process.
#
# Exit codes: 0 measured; 1 a wrong verdict, or a failure; 2 usage; 77 skipped, because nothing can
# be measured here (the reason is on stderr).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
python=/usr/bin/python3 # the system's own
export PYTHONDONTWRITEBYTECODE=1
PATH=$PATH:/usr/sbin:/sbin

case " $* " in *' -h '* | *' --help '*) exec "$python" "$here/bench.py" --help ;; esac
if [[ $(id -u) -ne 0 ]]; then
	echo 'run.sh: skipped: needs root' >&2
	exit 77
fi
make --no-print-directory -s -C "$here/../.." all >&2
make --no-print-directory -s -C "$here" >&2
[[ -x $here/packets ]] || {
	echo 'run.sh: skipped: needs a 64-bit machine (__int128)' >&2
	exit 77
}
unshare --mount --net true || {
	echo 'run.sh: skipped: no namespaces can be made here' >&2
	exit 77
}
exec unshare --mount --net --propagation private -- "$python" "$here/bench.py" "$@"
