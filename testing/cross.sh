#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the tree build for other machines, and do the unit tests pass there, under qemu's emulation
# of their programs? arm64 is little-endian and has weakly ordered memory, s390x is big-endian.
# Reports in TAP.
#
#	testing/cross.sh
#	testing/cross.sh --build ARCHITECTURE FOLDER    only builds a copy of the tree there, with its
#	                                                tests, for a virtual machine
#
# Exit codes of --build: 0 done; 1 failed; 77 skipped, the reason is on stderr.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

# triplet ARCHITECTURE: as gcc calls it
triplet() {
	case $1 in
	arm64) echo aarch64-linux-gnu ;;
	*) echo "$1-linux-gnu" ;;
	esac
}

# emulator ARCHITECTURE: the command that runs its programs
emulator() {
	local name=$1 options=
	if [ "$1" = arm64 ]; then
		# The newest processor would sign pointers, for which qemu needs five times as
		# long as for all the rest.
		name=aarch64 options=' -cpu neoverse-n1'
	fi
	name=$(command -v "qemu-$name-static" || command -v "qemu-$name") && echo "$name$options"
}

# lacks ARCHITECTURE: prints what is missing here to build for it, if something is
lacks() {
	command -v "$(triplet "$1")-gcc" >/dev/null && return 1
	echo "no $(triplet "$1")-gcc (Debian package: gcc-$(triplet "$1"))"
}

# has_libraries FOLDER: configure found all of them there. Without one, a part is not built, and
# nobody misses its tests.
has_libraries() {
	grep -q '^HAVE_.* yes$' "$1/config.mk" || return
	grep '^HAVE_.* no$' "$1/config.mk" || return 0
	echo 'configure did not find these libraries: testing/root.sh lacks their packages'
	return 1
}

# build ARCHITECTURE ROOT FOLDER TARGET...
build() {
	local host root=$2 folder=$3
	host=$(triplet "$1")
	shift 3
	tree_copy "$folder" && cd "$folder" &&
		env -u MAKEFLAGS PKG_CONFIG_SYSROOT_DIR="$root" \
			PKG_CONFIG_LIBDIR="$root/usr/lib/$host/pkgconfig:$root/usr/share/pkgconfig" \
			CC="$host-gcc --sysroot=$root" CFLAGS='' ./configure --host="$host" &&
		env -u MAKEFLAGS make -s -j"$(nproc)" STRICT=1 "$@"
}

# build_only ARCHITECTURE FOLDER: prints nothing but errors
build_only() {
	local reason root log status=0
	if reason=$(lacks "$1"); then
		echo "cross.sh: skipped: $reason" >&2
		return 77
	fi
	root=$(testing/root.sh "$1") || return
	log=$(mktemp)
	(build "$1" "$root" "$2" PANDOC= all tests && has_libraries . &&
		make -s -C testing/e2e/neighbours) >"$log" 2>&1 || status=1
	[ $status -eq 0 ] || cat "$log" >&2
	rm "$log"
	return $status
}

if [ "${1:-}" = --build ] && [ $# -eq 3 ]; then
	build_only "$2" "$3"
	exit
elif [ $# -gt 0 ]; then
	echo 'usage: testing/cross.sh [--build ARCHITECTURE FOLDER]' >&2
	exit 2
fi

make_scratch

# of_byte_order ARCHITECTURE OBJECT: what clang made is BPF code in the order of that machine
of_byte_order() {
	local order='little endian'
	[ "$1" != s390x ] || order='big endian'
	readelf -h "$2" >"$scratch/said" && grep -q "Data:.*$order" "$scratch/said" &&
		grep -q 'Machine:.*BPF' "$scratch/said" && return
	cat "$scratch/said"
	return 1
}

# limits_calls FOLDER: a source program there installs a filter of system calls, which qemu cannot
# try. The compilers name a byte order differently, so it was missing once.
limits_calls() {
	"$(triplet arm64)-nm" "$1/lib/sandbox/sandbox_calls.o" | grep -w prctl
}

# answers RUN... TOOL: the tool reads rules and looks addresses up, in both families
answers() {
	printf '%s\n' 192.0.2.0/24 'pass 192.0.2.7' 2001:db8::/32 'pass 2001:db8::1' >"$scratch/rules"
	diff <("$@" test --rules "$scratch/rules" 192.0.2.8 192.0.2.7 2001:db8::2 2001:db8::1) - <<-EOT
		192.0.2.8: drop by 192.0.2.0/24 (default)
		192.0.2.7: pass by 192.0.2.7 (default)
		2001:db8::2: drop by 2001:db8::/32 (default)
		2001:db8::1: pass by 2001:db8::1 (default)
		2 drop, 2 pass
	EOT
}

# emulated PROGRAM: runs a unit test with $run; its output and exit status go to files
emulated() {
	local status=0
	# shellcheck disable=SC2086 # words
	timeout 600 $run "$tree/testing/unit/$1" >"$tree/$1.said" 2>&1 || status=$?
	echo "$status" >"$tree/$1.status"
}

# unit_tests ARCHITECTURE: as many at once as there are processors
unit_tests() {
	local source name names=()
	export -f emulated
	for source in testing/unit/test_*.c; do
		name=$(basename "$source" .c)
		# qemu emulates no filters of system calls. On arm64 the virtual machine runs it.
		[ "$name" = test_sandbox ] || names+=("$name")
	done
	printf '%s\n' "${names[@]}" |
		run=$run tree=$tree xargs -P "$(nproc)" -I '{}' bash -c 'emulated {}'
	for name in "${names[@]}"; do
		[ "$(cat "$tree/$name.status")" = 0 ] || cat "$tree/$name.said"
		tap_result "$1: $name" "$(cat "$tree/$name.status")"
	done
}

for architecture in arm64 s390x; do
	if reason=$(lacks $architecture); then
		tap_skip "$architecture" "$reason"
		continue
	fi
	if ! root=$(testing/root.sh $architecture 2>"$scratch/said"); then
		tap_skip "$architecture" "$(tail -n 1 "$scratch/said")"
		continue
	fi
	tree=$scratch/$architecture
	tap_run "$architecture: it builds" build $architecture "$root" "$tree" PANDOC= all
	tap_run "$architecture: with all libraries, so nothing is left out" has_libraries "$tree"
	tap_run "$architecture: the unit tests build" \
		env -u MAKEFLAGS make -s -C "$tree/testing/unit" -j"$(nproc)" STRICT=1
	tap_run "$architecture: the BPF object has its byte order" \
		of_byte_order $architecture "$tree/lib/bpf/xdp_ipfilter.o"
	[ $architecture != arm64 ] ||
		tap_run "$architecture: a source program limits its system calls" limits_calls "$tree"
	if ! run=$(emulator $architecture); then
		tap_skip "$architecture: unit tests" 'no qemu for its programs (Debian: qemu-user-static)'
		continue
	fi
	run="$run -L $root"
	# shellcheck disable=SC2086 # words
	tap_run "$architecture: the tool looks addresses up" answers $run "$tree/xdp-ipfilter/xdp-ipfilter"
	unit_tests $architecture
done
tap_done
