#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does the fail2ban of another release of Debian come from?
#
#	FAIL2BAN_TREE=$(testing/fail2ban-tree.sh trixie) pytest testing/e2e/test_fail2ban.py
#
# Prints a folder that has the unpacked package of that release. It is made on the first call and
# re-used afterwards; remove it to get a newer package. Nothing is installed: fail2ban is a program
# in Python, which this machine's Python runs.
#
# Exit codes: 0 done; 2 usage; 77 this machine cannot have it (reason on stderr).
set -euo pipefail

skip() {
	echo "fail2ban-tree.sh: skipped: $*" >&2
	exit 77
}

[[ $# -eq 1 && $1 =~ ^[a-z]+$ ]] || {
	echo 'usage: fail2ban-tree.sh RELEASE  (bookworm, trixie)' >&2
	exit 2
}
tree=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/fail2ban/$1

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"
# shellcheck source=cached.sh
. "$(dirname "$0")/cached.sh"
cached_or_exit "$tree"
reason=$(debian_lacks) || skip "$reason"

cached_begin "$tree"
debian_apt "$work" "$1" "$(dpkg --print-architecture)" >&2 9>&-
(cd "$work" && apt-get -qq download fail2ban) >&2 9>&- ||
	skip "cannot download Debian's fail2ban of $1"
dpkg-deb -x "$work"/fail2ban_*.deb "$work/tree"
cached_finish "$work/tree" "$tree"
