#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the parsers survive broken input, under ASan and UBSan?
#
#	testing/fuzz/run.sh [SECONDS [TARGET...]]   libFuzzer on each target, for 60 s by default
#	testing/fuzz/run.sh --replay                the committed inputs and a short search, as TAP
#
# A target is the NAME of a fuzz_NAME.c. Without that file, it is fuzz_feed.c for the format NAME.
# corpus/NAME/ has inputs to start with, NAME.dict the keywords of the format. A long run keeps what
# it learned in ${XDG_CACHE_HOME:-~/.cache}/xdp-ipfilter/fuzz, and the next one starts there. An
# input that fails stays there too, and its name is printed.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../lib.sh
. testing/lib.sh

targets=(address rules ndjson dshield ipsascii dat p2p ipset csv mmdb image delta packet receiver config etcd)
targets+=(decision unpack openmetrics)
sanitize=('-fsanitize=address,undefined' -fno-sanitize-recover=all)
compile=("${CLANG:-clang}" -std=gnu11 -g -O1 -D_GNU_SOURCE "-I$PWD/headers" "-I$PWD/lib" "${sanitize[@]}")

# Configuration files are read by a library that a machine may lack.
echo '#include <confuse.h>' | "${CLANG:-clang}" -E - >/dev/null 2>&1 || targets=("${targets[@]/%config/}")

# The flags for a library that may not be here; then its target is left out.
read -ra maxminddb < <(${PKG_CONFIG:-pkg-config} --cflags --libs libmaxminddb 2>/dev/null)

build=$(mktemp -d) || exit 1
trap 'rm -rf "$build"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

have_runtime() {
	echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' >"$build/probe.c"
	"${compile[@]}" -fsanitize=fuzzer -o "$build/probe" "$build/probe.c" >/dev/null 2>&1
}

# Builds the libraries once for all targets. The compiler puts objects where it runs.
build_libraries() (
	top=$PWD
	cd "$build" &&
		"${compile[@]}" -fsanitize=fuzzer-no-link -c "$top"/lib/feed/*.c "$top"/lib/table/*.c "$top"/lib/ruleset/*.c "$top"/lib/util/*.c "$top"/lib/source/receiver.c "$top"/lib/source/{go_duration,decision,base64,etcd_answer,etcd_value,unpack,list,table,delivery}.c
)

# build_target NAME
build_target() {
	local source=testing/fuzz/fuzz_$1.c
	[ -f "$source" ] || source=testing/fuzz/fuzz_feed.c
	# The configuration takes a library, and more of the tree, than the others.
	[ "$1" != config ] || set -- "$1" lib/sync/config.c lib/sync/config_text.c \
		lib/sync/config_file.c lib/source/location.c -lconfuse
	[ "$1" != openmetrics ] || set -- "$1" lib/cli/openmetrics.c
	[ "$1" != mmdb ] || set -- "$1" lib/source/mmdb.c "${maxminddb[@]}"
	"${compile[@]}" -fsanitize=fuzzer -o "$build/fuzz_$1" "$source" "${@:2}" "$build"/*.o -ljansson -lz
}

# run_target NAME OPTION_OR_CORPUS...
run_target() {
	local leaks=1
	# libmaxminddb loses memory where it refuses a file; the program that uses it ends then.
	[ "$1" != mmdb ] || leaks=0
	ASAN_OPTIONS=detect_leaks=$leaks "$build/fuzz_$1" "${@:2}"
}

# search NAME SECONDS OPTION_OR_CORPUS...
search() {
	local name=$1 seconds=$2 dictionary=testing/fuzz/$1.dict
	shift 2
	[ ! -f "$dictionary" ] || set -- "-dict=$dictionary" "$@"
	run_target "$name" -max_total_time="$seconds" -timeout=20 -print_final_stats=1 -verbosity=0 "$@"
}

# replay NAME: tries every committed input, then a search that is the same each time
replay() {
	run_target "$1" -runs=0 "testing/fuzz/corpus/$1" &&
		mkdir "$build/new" &&
		search "$1" 2 -seed=1 "-artifact_prefix=$build/" "$build/new" "testing/fuzz/corpus/$1"
	local status=$?
	rm -rf "$build/new"
	return "$status"
}

if [ "${1:-}" = --replay ]; then
	if ! have_runtime; then
		for name in "${targets[@]}"; do
			tap_skip "fuzz: $name" 'no libFuzzer for clang (Debian: libclang-rt-dev)'
		done
		tap_done
	fi
	tap_run 'fuzz: the libraries build under the sanitizers' build_libraries
	for name in "${targets[@]}"; do
		if [ "$name" = mmdb ] && [ ${#maxminddb[@]} -eq 0 ]; then
			tap_skip "fuzz: $name" 'no libmaxminddb (Debian: libmaxminddb-dev)'
			continue
		fi
		tap_run "fuzz: $name builds" build_target "$name"
		tap_run "fuzz: $name" replay "$name"
	done
	tap_done
fi

seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- "${targets[@]}"
have_runtime || {
	echo 'fuzz: no libFuzzer for clang (Debian: libclang-rt-dev, Fedora: compiler-rt)' >&2
	exit 1
}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/fuzz
build_libraries || exit 1
failed=0
for name; do
	[ "$name" != mmdb ] || [ ${#maxminddb[@]} -gt 0 ] || continue
	echo "== $name: $seconds s"
	mkdir -p "$cache/$name"
	build_target "$name" || exit 1
	if search "$name" "$seconds" "-artifact_prefix=$cache/$name-" "$cache/$name" \
		"testing/fuzz/corpus/$name" 2>"$build/log"; then
		grep -E 'number_of_executed_units|average_exec' "$build/log"
	else
		cat "$build/log"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ] || {
	echo "$failed of $# targets failed; their inputs are in $cache"
	exit 1
}
