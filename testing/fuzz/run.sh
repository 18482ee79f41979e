#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does anything fall out when each parser is fed for a while by libFuzzer, under ASan and UBSan?
#
#   testing/fuzz/run.sh [SECONDS [TARGET...]]     60 seconds a target unless said otherwise
#
# What libFuzzer learned stays in ${XDG_CACHE_HOME:-~/.cache}/xdp-ipfilter/fuzz and is where the next
# run starts; an input that fails is left there too, and named.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- fuzz_rules fuzz_image fuzz_packet
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/fuzz
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

failed=0
for target; do
	corpus=$cache/$target
	mkdir -p "$corpus"
	"${CLANG:-clang}" -std=gnu11 -g -O1 -D_GNU_SOURCE -I"$top/headers" -I"$top/lib" \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$build/$target" \
		"$top/testing/fuzz/$target.c" "$top"/lib/ruleset/*.c "$top"/lib/util/*.c -ljansson
	echo "== $target: $seconds s"
	if "$build/$target" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="$cache/$target-" "$corpus" 2>"$build/log"; then
		grep -E 'number_of_executed_units|average_exec' "$build/log" || true
	else
		cat "$build/log"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ] || { echo "$failed of $# targets failed; their inputs are in $cache"; exit 1; }
