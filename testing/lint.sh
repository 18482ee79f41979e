#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What do other programs say of the sources: clang-format, shellcheck, static checkers, compilers?
# And does a Makefile name each source? Reports in TAP; a program that is not installed is skipped.
# `make lint` also runs our own checks: testing/layers.sh and testing/lint/check-*.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

make_scratch

# The layout that clang-format makes differs between its versions, so one is the judge.
format_version=14

# fill ARRAY COMMAND...: the lines that it prints; fails when it does
fill() {
	local text
	text=$("${@:2}") || return
	mapfile -t "$1" <<<"$text"
}

# By name, or by a first line that calls a shell. shellcheck 0.9 does not know the shell of busybox,
# which runs in virtual machines.
shell_files() {
	tree_files '*.sh' '*.bash' || return
	tree_files configure '.ci/*' 'testing/*' 'packaging/*' 'xdp-ipfilter/share/*' | while
		read -r file
	do
		case $(head -n 1 "$file" | tr -d '\0') in
		'#!'*busybox*) ;;
		'#!'*sh) printf '%s\n' "$file" ;;
		esac
	done
}

# Names files, not lines: `make format` lays out them all.
check_format() {
	local files file wrong=0
	fill files tree_files '*.c' '*.h' || return
	for file in "${files[@]}"; do
		"$1" "$file" | cmp -s - "$file" && continue
		printf '%s:1: clang-format lays it out differently; run make format\n' "$file"
		wrong=1
	done
	return "$wrong"
}

check_shell() {
	local files
	fill files shell_files && printf '%s\n' "${files[@]}" | sort -u | xargs shellcheck -x
}

# What the host compiles, without tests. Fails, as grep does, when there is no such file.
host_sources() {
	tree_files 'lib/*.c' 'xdp-ipfilter/*.c' | grep -v '\.bpf\.c$'
}

# Neither cppcheck nor clang-tidy knows the attribute of auto_free, so they do not look for leaks.
# cppcheck takes the two symbols around the embedded object for two objects.
check_cppcheck() {
	local sources
	fill sources host_sources || return
	cppcheck --quiet --enable=warning,portability --inline-suppr \
		--error-exitcode=1 --std=c11 -I headers -I lib -D__x86_64__ -D_GNU_SOURCE \
		-D'LIBBPF_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }' \
		-D'DECLARE_LIBXDP_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }' \
		-D'bpf_object__for_each_map(map,object)=while ((map = next_map(object)))' \
		--suppress=memleak \
		--suppress=comparePointers:lib/dataplane/program.c \
		--suppress=subtractPointers:lib/dataplane/program.c \
		--suppress=normalCheckLevelMaxBranches "${sources[@]}"
}

# Without the path analyser, which can't know that error_set() never returns 0 and follows paths
# that do not exist.
check_tidy() {
	local sources
	fill sources host_sources || return
	clang-tidy --quiet --warnings-as-errors='*' --checks="-*,bugprone-suspicious-*,\
-bugprone-suspicious-string-compare,bugprone-macro-parentheses,bugprone-signed-char-misuse,\
bugprone-assert-side-effect,bugprone-infinite-loop,bugprone-not-null-terminated-result,\
bugprone-redundant-branch-condition,bugprone-too-small-loop-variable,misc-redundant-expression" \
		"${sources[@]}" -- -std=gnu11 -D_GNU_SOURCE= '-DXDP_IPFILTER_VERSION="0"' '-DLIBEXECDIR=""' \
		'-DIPF_OBJECT_FILE="none"' -Iheaders -Ilib
}

# Byte order above all: a number from the network (__be16) must not meet one of the host's. Sparse
# would read libbpf's conversions without their types.
check_sparse() {
	local sources tests source
	mkdir -p "$scratch/sparse/bpf"
	cat >"$scratch/sparse/bpf/bpf_endian.h" <<-'EOF'
		#include <linux/types.h>
		__be16 bpf_htons(__u16 number);
		__be32 bpf_htonl(__u32 number);
		__be64 bpf_cpu_to_be64(__u64 number);
		__u16 bpf_ntohs(__be16 number);
		__u32 bpf_ntohl(__be32 number);
		__u64 bpf_be64_to_cpu(__be64 number);
	EOF
	fill sources host_sources && fill tests tree_files '*.bpf.c' 'testing/*.c' || return
	# One by one: sparse keeps what a file defined for the next file.
	for source in "${sources[@]}" "${tests[@]}"; do
		sparse -Wsparse-error -Wbitwise -Wno-decl -Wno-unknown-attribute \
			-Wno-memcpy-max-count -std=gnu11 \
			-D_GNU_SOURCE= '-DXDP_IPFILTER_VERSION="0"' '-DLIBEXECDIR=""' '-DIPF_OBJECT_FILE="none"' \
			-I"$scratch/sparse" -Iheaders -Ilib \
			-Itesting/unit -Itesting/bpf "$source" || return
	done
}

# in_copy COMPILER TARGET...: builds a copy of the tree, so that nothing here is touched
in_copy() {
	local compiler=$1 copy=$scratch/$1
	shift
	if [ ! -d "$copy" ]; then
		tree_copy "$copy" || return
		(cd "$copy" && env -u MAKEFLAGS CC="$compiler" CFLAGS='' ./configure) >"$copy.log" ||
			{ cat "$copy.log" && return 1; }
	fi
	env -u MAKEFLAGS make -s -k -C "$copy" -j"$(nproc)" STRICT=1 "$@"
}

# objects_of FOLDER
objects_of() {
	make -s -C "$1" list | sed -n '/\.bpf\.c$/d; s/\.c$/.o/p'
}

# check_compiles COMPILER: does all compile for another machine, without the libraries to link with?
# The compiler warns of what breaks with 32 bits.
check_compiles() {
	local folder objects
	in_copy gcc "CC=$1" lib || return
	for folder in xdp-ipfilter testing/unit; do
		fill objects objects_of "$folder" &&
			env -u MAKEFLAGS make -s -k -C "$scratch/gcc/$folder" -j"$(nproc)" "CC=$1" STRICT=1 \
				"${objects[@]}" || return
	done
}

# The Makefile of a folder names all its sources, and nothing else.
check_sources() {
	local folder wrong=0
	for folder in lib/*/ testing/unit testing/bpf testing/bench xdp-ipfilter; do
		folder=${folder%/}
		if [ ! -f "$folder/Makefile" ]; then
			printf '%s: there is no Makefile\n' "$folder"
			wrong=1
			continue
		fi
		diff <(make -s -C "$folder" list | sort -u) \
			<(cd "$folder" && find . -maxdepth 1 -name '*.c' | cut -c 3- | sort) |
			sed -n -e "s|^< |$folder/Makefile: there is no |p" \
				-e "s|^> |$folder/Makefile: does not name |p" | grep . && wrong=1
	done
	return "$wrong"
}

# with PROGRAM NAME CHECK...: the check when the program is there
with() {
	local program=$1
	shift
	if command -v "$program" >/dev/null; then
		tap_run "$@"
	else
		tap_skip "$1" "$program is not installed"
	fi
}

if clang_format=$(command -v clang-format-$format_version || command -v clang-format); then
	version=$("$clang_format" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
	if [ "$version" = $format_version ]; then
		tap_run 'layout (clang-format)' check_format "$clang_format"
	else
		tap_skip 'layout (clang-format)' \
			"clang-format $version lays out otherwise than $format_version, the judge"
	fi
else
	tap_skip 'layout (clang-format)' 'clang-format is not installed'
fi
with shellcheck 'shell (shellcheck)' check_shell
with cppcheck 'C (cppcheck)' check_cppcheck
with clang-tidy 'C (clang-tidy)' check_tidy
with sparse 'C (sparse)' check_sparse
for compiler in gcc clang; do
	with $compiler "$compiler builds all without a warning" in_copy $compiler all tests
done
# Debian keeps <asm/types.h> in a folder named after the machine.
machine=/usr/include/$(gcc -print-multiarch 2>/dev/null)
if echo '#include <stdio.h>' | gcc -m32 -x c -c -o "$scratch/probe.o" - 2>/dev/null; then
	# The header of libmaxminddb for this machine has numbers of 128 bits.
	HAVE_MAXMINDDB=no tap_run 'it compiles for 32 bits' check_compiles "gcc -m32 -idirafter $machine"
else
	tap_skip 'it compiles for 32 bits' \
		'no 32-bit C library (Debian: libc6-dev-i386, Fedora: glibc-devel.i686)'
fi
tap_run 'sources and Makefiles agree' check_sources
tap_done
