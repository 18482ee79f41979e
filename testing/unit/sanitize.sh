#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the unit tests also pass under AddressSanitizer and UndefinedBehaviorSanitizer? Runs them in a
# copy of the tree. Reports as TAP, a line for each program.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../lib.sh
. testing/lib.sh

make_scratch

flags='-fsanitize=address,undefined -fno-sanitize-recover=all'

build() {
	tree_copy "$scratch/tree" &&
		(cd "$scratch/tree" && env -u MAKEFLAGS CFLAGS="-O1 $flags" LDFLAGS="$flags" ./configure) &&
		env -u MAKEFLAGS make -s -C "$scratch/tree" -j"$(nproc)" lib &&
		env -u MAKEFLAGS make -s -C "$scratch/tree/testing/unit" -j"$(nproc)"
}

# shellcheck disable=SC2086 # flags are words
if ! echo 'int main(void) { return 0; }' |
	"${CC:-cc}" -x c $flags -o "$scratch/probe" - 2>/dev/null; then
	tap_skip 'unit tests under sanitizers' "${CC:-cc} has no sanitizers here"
	tap_done
fi
tap_run 'the sanitized build' build
# Without it, no test program prints a result.
[ "$tap_failed" -eq 0 ] || tap_done
for source in testing/unit/test_*.c; do
	tap_run "$(basename "$source" .c) under ASan and UBSan" "$scratch/tree/${source%.c}"
done
tap_done
