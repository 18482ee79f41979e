#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a copy of the tree, with its tests, by the compilers and for the libraries of another
# release of Debian, whose virtual machine (testing/vm/run.sh -s) then runs them.
#
#	testing/debian-build.sh RELEASE FOLDER        (trixie, sid)
#
# The system of that release is that of testing/root.sh, and nothing is written to it. Needs root.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 skipped, the reason is on stderr.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

[ $# -eq 2 ] || {
	echo 'usage: testing/debian-build.sh RELEASE FOLDER' >&2
	exit 2
}
root=$(testing/root.sh -b -r "$1" amd64) || exit
folder=$(realpath -m "$2")

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# build: in mounts of its own, which end with it. The tree has the same path there as here.
# shellcheck disable=SC2016  # the inner shell expands it
build() {
	mount -t tmpfs tmpfs "$scratch" && mkdir "$scratch"/{upper,work,system} &&
		mount -t overlay overlay "$scratch/system" \
			-o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" &&
		mount -t proc proc "$scratch/system/proc" && mount --rbind /dev "$scratch/system/dev" &&
		mkdir -p "$scratch/system$folder" && mount --bind "$folder" "$scratch/system$folder" &&
		env -i PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 chroot "$scratch/system" sh -c '
			cd "$1" && ./configure && make -s -j"$(nproc)" STRICT=1 PANDOC= all tests &&
				make -s -C testing/e2e/neighbours' sh "$folder"
}

tree_copy "$folder" || exit 1
export -f build
export root folder scratch
said=$(unshare --mount bash -c build 2>&1) && exit
printf '%s\n' "$said" >&2
exit 1
