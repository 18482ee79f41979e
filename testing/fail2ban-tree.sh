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
#
# Invariant: a folder named after a release is whole. It is made under another name and renamed.
set -euo pipefail

skip() {
	echo "fail2ban-tree.sh: skipped: $*" >&2
	exit 77
}

[[ $# -eq 1 && $1 =~ ^[a-z]+$ ]] || {
	echo 'usage: fail2ban-tree.sh RELEASE  (bookworm, trixie)' >&2
	exit 2
}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/fail2ban
if [[ -d $cache/$1 ]]; then
	echo "$cache/$1"
	exit 0
fi

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"
reason=$(debian_lacks) || skip "$reason"
mkdir -p "$cache"
work=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$work"' EXIT

debian_apt "$work" "$1" "$(dpkg --print-architecture)" >&2
(cd "$work" && apt-get -qq download fail2ban) >&2 ||
	skip "cannot download Debian's fail2ban of $1"
dpkg-deb -x "$work"/fail2ban_*.deb "$work/tree"
mv -T "$work/tree" "$cache/$1" 2>/dev/null || [[ -d $cache/$1 ]] # another run was faster
echo "$cache/$1"
