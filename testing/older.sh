#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What did an older version of the tool leave in the kernel? Builds one, for test_upgrade.py in
# testing/e2e.
#
#	testing/older.sh PROGRAM
#
# It is the last one with ABI version 5, out of this clone's history. A tree without history has
# only itself: then it is this version, under the number of the one before.
set -eu
program=$(realpath "$1")
cd "$(dirname "$0")/.."
# shellcheck source=lib.sh
. testing/lib.sh

# The commit before headers/ipfilter/abi.h said 6.
commit=faa76beac680bda52338f7269d3f119668786e50

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -e .git ] && git -c safe.directory="$PWD" archive "$commit" >"$folder/tar" 2>/dev/null; then
	tar -x -C "$folder" -f "$folder/tar"
else
	tree_copy "$folder"
	sed -i 's/^\(#define IPF_ABI_VERSION\) .*/\1 5/; s/^\(#define IPF_ABI_OLDEST\) .*/\1 4/' \
		"$folder/headers/ipfilter/abi.h"
fi
unset MAKEFLAGS MAKELEVEL
cd "$folder"
./configure >/dev/null
make -s -j"$(nproc)" lib
make -s -C xdp-ipfilter xdp-ipfilter
cp xdp-ipfilter/xdp-ipfilter "$program"
