#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does a program of another release of Debian come from?
#
#	FAIL2BAN_TREE=$(testing/package-tree.sh trixie fail2ban) pytest testing/e2e/test_fail2ban.py
#	testing/package-tree.sh RELEASE PACKAGE...
#
# Prints a folder that has the unpacked packages of that release, without those that they need. It
# is made on the first call and re-used afterwards; remove it to get newer packages. Nothing is
# installed. What is written in Python runs with this machine's; a binary that needs a newer C
# library runs by the dynamic linker of that release, if libc6 is among the packages.
#
# Exit codes: 0 done; 2 usage; 77 this machine cannot have it (reason on stderr).
set -euo pipefail

skip() {
	echo "package-tree.sh: skipped: $*" >&2
	exit 77
}

[[ $# -gt 1 && $1 =~ ^[a-z]+$ && $2 =~ ^[a-z0-9.+-]+$ ]] || {
	echo 'usage: package-tree.sh RELEASE PACKAGE...  (bookworm, trixie, sid)' >&2
	exit 2
}
release=$1
shift
tree=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/packages/$release-$1

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"
# shellcheck source=cached.sh
. "$(dirname "$0")/cached.sh"
cached_or_exit "$tree"
reason=$(debian_lacks) || skip "$reason"

cached_begin "$tree"
debian_apt "$work" "$release" "$(dpkg --print-architecture)" >&2 9>&-
(cd "$work" && apt-get -qq download "$@") >&2 9>&- || skip "cannot download $* of Debian's $release"
for package in "$work"/*.deb; do
	dpkg-deb -x "$package" "$work/tree"
done
cached_finish "$work/tree" "$tree"
