#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the tree build with musl, the C library of Alpine and OpenWrt, and do its programs run?
# Reports in TAP.
#
#	testing/musl.sh
#	testing/musl.sh --e2e REPORT    as root: also tests with packets, which report in JUnit XML
#
# Debian has only musl itself. The other libraries are Debian's static ones, which are compiled for
# glibc: on x86-64 the two agree on all types that they exchange, and testing/musl/glibc.c has the
# functions that are missing. Of a library that Debian does not have so, or that needs too many
# others (curl, microhttpd, mnl), what uses it is compiled, but not linked.
#
# Exit codes of --e2e: that of pytest; 77 skipped, the reason is on stderr.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

machine=$(gcc -print-multiarch 2>/dev/null)
headers=(linux asm-generic asm bpf xdp libelf.h gelf.h zlib.h zconf.h jansson.h jansson_config.h
	confuse.h curl libmnl maxminddb.h maxminddb_config.h microhttpd.h curses.h ncurses.h
	ncurses_dll.h unctrl.h cmocka.h cmocka_pbc.h)
libraries=(xdp bpf elf z jansson confuse maxminddb ncursesw tinfo)

# lacks: prints what is missing here, if something is
lacks() {
	local library
	[ "$machine" = x86_64-linux-gnu ] || echo "libraries for glibc fit musl only on x86-64"
	command -v musl-gcc >/dev/null || echo 'no musl-gcc (Debian package: musl-tools)'
	for library in "${libraries[@]}"; do
		gcc_finds "lib$library.a" || echo "no lib$library.a"
	done
	# That of Debian 13.
	! nm "$(gcc -print-file-name=libelf.a)" 2>/dev/null | grep -qw eu_tsearch ||
		echo 'libelf.a needs functions that are in no library'
}

gcc_finds() {
	[ "$(gcc -print-file-name="$1")" != "$1" ]
}

# libraries_in FOLDER: musl finds there what it may, and nothing of glibc's. Fails when something
# does not compile.
libraries_in() {
	local name place
	mkdir -p "$1/include" "$1/lib" || return
	for name in "${headers[@]}"; do
		for place in /usr/include "/usr/include/$machine"; do
			[ ! -e "$place/$name" ] || ln -s "$place/$name" "$1/include/$name"
		done
	done
	for name in "${libraries[@]}"; do
		ln -s "$(gcc -print-file-name="lib$name.a")" "$1/lib" || return
	done
	for name in glibc cmocka; do
		musl-gcc -std=gnu11 -D_GNU_SOURCE= -O2 -Wall -Wextra -Werror -isystem "$1/include" \
			-c -o "$1/lib/$name.o" "testing/musl/$name.c" || return
	done
	ar rcs "$1/lib/libcmocka.a" "$1/lib/cmocka.o"
}

# build FOLDER: a copy of the tree
build() {
	local given=$1.libraries
	libraries_in "$given" && tree_copy "$1" && cd "$1" &&
		env -u MAKEFLAGS PKG_CONFIG='pkg-config --static' \
			PKG_CONFIG_SYSTEM_INCLUDE_PATH="/usr/include:/usr/include/$machine" \
			CC="musl-gcc -static -isystem $given/include" CFLAGS='' \
			LDFLAGS="-L$given/lib $given/lib/glibc.o" ./configure --without-systemd &&
		made PANDOC= all
}

# made ARGUMENT...: a static program cannot be PIE with musl-gcc
made() {
	env -u MAKEFLAGS make -s -j"$(nproc)" STRICT=1 HARDEN_LDFLAGS= "$@"
}

# What is left out needs what is not linked, or counts the system calls of glibc; two look for the
# dispatcher of a libxdp that is linked dynamically.
tests_with_packets() {
	local name files=() other='dispatcher_of_another_libxdp or each_format_of_the_dispatcher'
	other+=' or a_server_that_fails or few_system_calls or stopped_writer'
	for name in advice atomic capabilities confirm confirm_sync crash databases descriptors enforce \
		errors feeds files help interface_unit kernels links load metrics names offline packets \
		refused rules run safety sets source_file status sync_interfaces timeouts top top_screen \
		traffic upgrade waits watch writers; do
		files+=("testing/e2e/test_$name.py")
	done
	XDP_IPFILTER=$tree/xdp-ipfilter/xdp-ipfilter /usr/bin/python3 -m pytest -p no:cacheprovider -q \
		"${files[@]}" --junitxml="$1" -k "not ($other)"
}

usage() {
	echo 'usage: testing/musl.sh [--e2e REPORT]' >&2
	exit 2
}

report=
case $#/${1:-} in
0/) ;;
2/--e2e) report=$2 ;;
*) usage ;;
esac

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
tree=$scratch/tree

# linked_with_musl PROGRAM: and with nothing else
linked_with_musl() {
	! readelf -d "$1" | grep NEEDED && nm "$1" | grep -qw __init_libc
}

# compiles_rest: what is left out when programs are linked. In a copy, because objects with other
# flags would stay.
compiles_rest() {
	local folder objects
	cp -R "$tree" "$scratch/rest" && cd "$scratch/rest" || return
	made HAVE_CURL=yes HAVE_MNL=yes HAVE_MICROHTTPD=yes lib || return
	for folder in xdp-ipfilter testing/unit; do
		mapfile -t objects < <(make -s -C "$folder" list | sed -n 's/\.c$/.o/p')
		made -C "$folder" HAVE_CURL=yes HAVE_MNL=yes HAVE_MICROHTTPD=yes "${objects[@]}" || return
	done
}

# says_why: the reason is that of the write that failed, which musl forgets
says_why() {
	local said
	said=$("$tree/xdp-ipfilter/xdp-ipfilter" --version 2>&1 >/dev/full) && return 1
	echo "$said"
	[ "$said" = 'xdp-ipfilter: cannot write the output: No space left on device' ]
}

# unit_test PROGRAM
unit_test() {
	(cd testing/unit && timeout 600 "$tree/testing/unit/$1")
}

reason=$(lacks | head -n 1)
if [ -n "$report" ]; then
	[ -z "$reason" ] || {
		echo "musl.sh: skipped: $reason" >&2
		exit 77
	}
	(build "$tree") >"$scratch/log" 2>&1 || {
		cat "$scratch/log"
		exit 1
	}
	tests_with_packets "$report"
	exit
fi
if [ -n "$reason" ]; then
	tap_skip 'musl' "$reason"
	tap_done
fi
tap_run 'it builds' build "$tree"
tap_run 'all else compiles' compiles_rest
tap_run 'the unit tests build' made -C "$tree/testing/unit"
tap_run 'the tool has musl in it' linked_with_musl "$tree/xdp-ipfilter/xdp-ipfilter"
tap_run 'it says why it cannot write' says_why
for source in testing/unit/test_*.c; do
	name=$(basename "$source" .c)
	# It needs mnl.
	[ "$name" = test_source_route ] || tap_run "$name" unit_test "$name"
done
tap_done
