# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What do the scripts of this folder know of the tree? Source this file, in the top of the tree.
#
# Sets `version` and `name`, and, unless it is set, SOURCE_DATE_EPOCH: the time of the last commit,
# or of the file VERSION in an unpacked tarball.

# What make was told is about this tree, and not for packages.
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS V STRICT DESTDIR OUTPUT
unset PREFIX SBINDIR LIBEXECDIR LIBDIR MANDIR UNITDIR

# The clone may be another user's: to build it means to trust it.
git_here() {
	git -c safe.directory="$PWD" -c core.fsmonitor=false "$@"
}

in_git() {
	[ -e .git ] && command -v git >/dev/null
}

# Says what is wrong, and ends the script.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

version=$(cat VERSION)
# shellcheck disable=SC2034 # for those that source this
name=xdp-ipfilter-$version

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	if in_git; then
		SOURCE_DATE_EPOCH=$(git_here log -1 --format=%ct)
	else
		SOURCE_DATE_EPOCH=$(stat -c %Y VERSION)
	fi
fi
export SOURCE_DATE_EPOCH
