#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the tree build in the ways of packagers and newcomers? In folders with blanks in their names,
# with their options and flags, for another machine, as another user: either it builds, or configure
# says at once what is wrong. Reports in TAP.
# shellcheck disable=SC2016 # variables of make and autoconf, unexpanded
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

make_scratch

# What make or the caller has set is for this tree, not for the copies.
unset MAKEFLAGS MAKELEVEL CC CFLAGS CPPFLAGS LDFLAGS BPF_CFLAGS PREFIX SBINDIR LIBDIR MANDIR UNITDIR DESTDIR \
	FAIL2BANDIR PKG_CONFIG PKG_CONFIG_LIBDIR

one=$scratch/one
two="$scratch/two words/deeper"
products=(xdp-ipfilter/xdp-ipfilter lib/bpf/xdp_ipfilter.o)
! command -v pandoc >/dev/null || products+=(xdp-ipfilter/xdp-ipfilter.8)

# --- configure -----------------------------------------------------------------------------------

# configured ARGUMENT...: runs configure in the first copy; its output goes to $scratch/said
configured() {
	(cd "$one" && ./configure "$@") >"$scratch/said" 2>&1
}

# has LINE...: config.mk has each of these lines
has() {
	local line
	for line; do
		grep -qxF -e "$line" "$one/config.mk" || {
			printf 'config.mk has no line: %s\n' "$line"
			return 1
		}
	done
}

# refused STATUS WORDS COMMAND...: the command exits with that status, and says the words
refused() {
	local expected=$1 words=$2 status=0
	shift 2
	"$@" >"$scratch/said" 2>&1 || status=$?
	[ "$status" -eq "$expected" ] && grep -qF -e "$words" "$scratch/said" && return
	printf 'exit %d instead of %d with "%s":\n' "$status" "$expected" "$words"
	cat "$scratch/said"
	return 1
}

takes_two_words() {
	configured --prefix /opt/x --libdir /opt/x/lib64 --sbindir '/opt/s bin' &&
		has 'PREFIX ?= /opt/x' 'LIBDIR ?= /opt/x/lib64' 'SBINDIR ?= /opt/s bin' \
			'MANDIR ?= $(PREFIX)/share/man'
}

# Where packages put units; and not at all.
takes_a_folder_for_units() {
	configured --prefix /usr --unitdir /lib/systemd/system && has 'UNITDIR ?= /lib/systemd/system' &&
		configured --prefix /opt/x && has 'UNITDIR ?= $(PREFIX)/lib/systemd/system' &&
		configured --without-systemd && has 'UNITDIR ?= ' && grep -q 'systemd *... no units' "$scratch/said"
}

# As debhelper and the macro of Fedora pass them.
takes_packagers_options() {
	configured --build=x86_64-linux-gnu --prefix=/usr '--includedir=${prefix}/include' \
		'--mandir=${prefix}/share/man' '--infodir=${prefix}/share/info' --sysconfdir=/etc \
		--localstatedir=/var --disable-option-checking --disable-silent-rules \
		'--libdir=${prefix}/lib/x' --runstatedir=/run --disable-maintainer-mode \
		--disable-dependency-tracking --program-prefix= --exec-prefix=/usr --bindir=/usr/bin \
		--sbindir=/usr/sbin --datadir=/usr/share --libexecdir=/usr/libexec --sharedstatedir=/x &&
		has 'PREFIX ?= /usr' 'SBINDIR ?= /usr/sbin' 'LIBDIR ?= $(PREFIX)/lib/x' \
			'MANDIR ?= $(PREFIX)/share/man'
}

# make passes the arguments of the last time on unchanged.
asks_again() {
	configured --prefix "/opt/it's \$5" && make -s -C "$one" reconfigure >/dev/null &&
		has "PREFIX ?= /opt/it's \$\$5"
}

# other_machine NAME: makes commands that pass for a compiler and pkg-config of that machine
other_machine() {
	mkdir -p "$scratch/bin"
	printf '#!/bin/sh\nexec gcc "$@"\n' >"$scratch/bin/$1-gcc"
	printf '#!/bin/sh\nexec ar "$@"\n' >"$scratch/bin/$1-ar"
	printf '#!/bin/sh\nexec pkg-config "$@"\n' >"$scratch/bin/$1-pkg-config"
	chmod 755 "$scratch/bin/$1-"*
}

takes_the_tools_of_the_host() {
	PATH=$scratch/bin:$PATH configured --host riscv64-linux-gnu &&
		has 'CC := riscv64-linux-gnu-gcc' 'AR := riscv64-linux-gnu-ar' 'BPF_TARGET ?= bpfel'
}

# Without a pkg-config of that machine, configure must not find the libraries of this one.
spares_the_libraries_of_this_machine() {
	rm "$scratch/bin/riscv64-linux-gnu-pkg-config"
	PATH=$scratch/bin:$PATH refused 1 'libjansson-dev:riscv64' configured --host=riscv64-linux-gnu ||
		return
	cat "$scratch/said"
}

is_not_a_cross_build() {
	configured --host="$(gcc -dumpmachine)" && has 'BPF_TARGET ?= bpf'
}

# --- make ----------------------------------------------------------------------------------------

build() {
	(cd "$1" && ./configure && make -s -j"$(nproc)" all) >"$scratch/said" 2>&1 && return
	cat "$scratch/said"
	return 1
}

same_products() {
	local product wrong=0
	for product in "${products[@]}"; do
		cmp "$one/$product" "$two/$product" || wrong=1
		if grep -qaF "$scratch" "$one/$product"; then
			printf '%s: names the folder that it was built in\n' "$product"
			wrong=1
		fi
	done
	return "$wrong"
}

# installs FOLDER DESTDIR PREFIX: installs these files and no others, and removes them all
installs() {
	local into=$2$3 mmdb='' http='' top=''
	# Only where there are libmaxminddb, libmicrohttpd and ncurses.
	[ ! -e "$1/xdp-ipfilter/xdp-ipfilter-mmdb" ] || mmdb=./libexec/xdp-ipfilter/xdp-ipfilter-mmdb$'\n'
	[ ! -e "$1/xdp-ipfilter/xdp-ipfilter-top" ] || top=./libexec/xdp-ipfilter/xdp-ipfilter-top$'\n'
	[ ! -e "$1/xdp-ipfilter/xdp-ipfilter-http" ] || http=./libexec/xdp-ipfilter/xdp-ipfilter-http$'\n'
	make -s -C "$1" install DESTDIR="$2" PREFIX="$3" >"$scratch/said" 2>&1 || {
		cat "$scratch/said"
		return 1
	}
	diff <(cd "$into" && find . -type f | sort) - <<-EOT || return
		./lib/bpf/xdp_ipfilter.o
		./lib/systemd/system/xdp-ipfilter-metrics.service
		./lib/systemd/system/xdp-ipfilter-metrics.socket
		./lib/systemd/system/xdp-ipfilter.service
		./lib/systemd/system/xdp-ipfilter@.service
		$http./libexec/xdp-ipfilter/xdp-ipfilter-interface
		./libexec/xdp-ipfilter/xdp-ipfilter-metrics
		$mmdb./libexec/xdp-ipfilter/xdp-ipfilter-source
		./libexec/xdp-ipfilter/xdp-ipfilter-sync
		$top./sbin/xdp-ipfilter
		./share/bash-completion/completions/xdp-ipfilter
		./share/doc/xdp-ipfilter/examples/alerts.yml
		./share/doc/xdp-ipfilter/examples/fail2ban-jail.conf
		./share/doc/xdp-ipfilter/examples/sync.conf
		./share/doc/xdp-ipfilter/examples/xdp-ipfilter.json
		${products[2]:+./share/man/man8/xdp-ipfilter.8}
		./share/xdp-ipfilter/fail2ban/action.d/xdp-ipfilter.conf
		./share/xdp-ipfilter/fail2ban/action.d/xdp-ipfilter.py
	EOT
	cmp "$1/xdp-ipfilter/xdp-ipfilter" "$into/sbin/xdp-ipfilter" &&
		make -s -C "$1" uninstall DESTDIR="$2" PREFIX="$3" &&
		[ -z "$(find "$2" -type f)" ] && [ ! -e "$into" ]
}

# puts_actions_into FOLDER: and not where they are without FAIL2BANDIR
puts_actions_into() {
	local root=$scratch/root
	make -s -C "$one" install DESTDIR="$root" FAIL2BANDIR="$1" &&
		diff <(cd "$root" && find . -name 'xdp-ipfilter.[pc][yo]*' | sort) - <<-EOT &&
			.$1/action.d/xdp-ipfilter.conf
			.$1/action.d/xdp-ipfilter.py
		EOT
		make -s -C "$one" uninstall DESTDIR="$root" FAIL2BANDIR="$1" && [ ! -e "$root$1" ]
}

# on_a_terminal COMMAND...: its standard streams are a pseudo terminal, and its status is ours
on_a_terminal() {
	/usr/bin/python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null
}

# only_loads FOLDER LIBRARY PROGRAM...: of the programs there, only these load the library. Others
# start sooner without it, and those with privileges are smaller targets.
only_loads() {
	local folder=$1 library=$2
	shift 2
	diff <(printf '%s\n' "$@" | sort) <(cd "$folder" && for program in xdp-ipfilter{,-*}; do
		[ -x "$program" ] && readelf -dW "$program" | grep -q "NEEDED.*$library" && echo "$program"
	done | sort)
}

# builds_without FOLDER: without the libraries that only sync and top need; they then say what is
# missing
builds_without() {
	rm -f "$1/xdp-ipfilter/xdp-ipfilter-top"
	make -s -C "$1" STRICT=1 HAVE_CONFUSE=no CONFUSE_LIBS= HAVE_CURL=no CURL_LIBS= HAVE_MNL=no \
		MNL_LIBS= HAVE_NCURSESW=no NCURSESW_LIBS= all >"$scratch/said" 2>&1 || {
		cat "$scratch/said"
		return 1
	}
	local sync=("$1/xdp-ipfilter/xdp-ipfilter" sync --check)
	echo 'source a { from = "/x" }' >"$scratch/sync.conf"
	refused 2 libconfuse-dev "${sync[@]}" -c "$scratch/sync.conf" &&
		refused 2 libcurl4-openssl-dev "${sync[@]}" a=http://localhost/ &&
		refused 2 libmnl-dev "${sync[@]}" a=route:66 &&
		refused 1 '--batch prints text without it' \
			on_a_terminal "$1/xdp-ipfilter/xdp-ipfilter" top &&
		"${sync[@]}" a=/x
}

# Without a DESTDIR, uninstall leaves folders that others may use.
installs_without_destdir() {
	local prefix="$scratch/pre fix"
	make -s -C "$two" install PREFIX="$prefix" && [ -x "$prefix/sbin/xdp-ipfilter" ] &&
		make -s -C "$two" uninstall PREFIX="$prefix" && [ -z "$(find "$prefix" -type f)" ]
}

# The program embeds the whole BPF object and finds both its ends; the tests of its parts pass.
links_by_lto() {
	make -s -C "$one" -j"$(nproc)" CFLAGS='-O2 -flto=auto' STRICT=1 all lib &&
		make -s -C "$one/testing/unit" -j"$(nproc)" CFLAGS='-O2 -flto=auto' STRICT=1 \
			test_memory test_lookup &&
		"$one/xdp-ipfilter/xdp-ipfilter" help >/dev/null &&
		/usr/bin/python3 - "$one/xdp-ipfilter/xdp-ipfilter" "$one/lib/bpf/xdp_ipfilter.o" <<-'EOT' &&
			import sys
			program, carried = (open(name, "rb").read() for name in sys.argv[1:])
			sys.exit(carried not in program)
		EOT
		"$one/testing/unit/test_memory" >/dev/null 2>&1 &&
		"$one/testing/unit/test_lookup" >/dev/null 2>&1
}

# --- checks --------------------------------------------------------------------------------------

# sees_sources FOLDER: the checks find the same files there as here
sees_sources() {
	diff <(tree_files '*.c' '*.h' '*.sh' | sort) <(cd "$1" && tree_files '*.c' '*.h' '*.sh' | sort)
}

# git refuses to read what belongs to somebody else.
in_the_clone_of_another() {
	local clone=$scratch/clone
	tree_copy "$clone" && git -C "$clone" init -q && git -C "$clone" add -A &&
		chown -R 65534:65534 "$clone" && ! git -C "$clone" ls-files >/dev/null 2>&1 &&
		sees_sources "$clone" && (cd "$clone" && tree_copy "$scratch/copy") &&
		sees_sources "$scratch/copy" && : >"$clone/untracked.o" &&
		(cd "$clone" && ! tree_files '*.o' >/dev/null 2>&1)
}

# The checks in a tree that has no other files: each fails, unless it is skipped or accepts files of
# any kind, as these are.
fails_on_nothing() {
	local empty=$scratch/empty check passed
	mkdir -p "$empty/testing"
	cp -R testing/lib.sh testing/lint.sh testing/lint testing/layers.sh "$empty/testing"
	(cd "$empty" && for check in testing/layers.sh testing/lint.sh testing/lint/check-*; do
		"$check"
	done) >"$scratch/said" 2>/dev/null
	passed=$(grep '^ok' "$scratch/said" | grep -v -e '# SKIP' -e 'self-test' \
		-e 'shell (shellcheck)' -e 'its licence' -e '100 columns' -e 'referred to')
	[ -z "$passed" ] && [ "$(grep -c '^not ok' "$scratch/said")" -ge 16 ] && return
	cat "$scratch/said"
	return 1
}

tap_run 'the tree is copied' tree_copy "$one"
tap_run 'and once more, to a folder with blanks in its path' tree_copy "$two"
tap_run 'configure takes options in two words' takes_two_words
tap_run 'configure takes what packagers give to every configure' takes_packagers_options
tap_run 'configure takes a folder for units, or is told to install none' takes_a_folder_for_units
tap_run 'configure asks again with the same arguments' asks_again
tap_run 'configure refuses an unknown option, by its name' \
	refused 2 'configure: --with-nothing: unknown argument' configured --with-nothing
tap_run 'configure refuses an option without its value' \
	refused 2 'configure: --prefix: needs a value' configured --prefix
tap_run 'configure refuses a folder that is no whole path' \
	refused 2 "configure: --libdir 'lib': must begin with a /" configured --libdir=lib
tap_run 'configure refuses to work from another folder, and names the right one' \
	refused 2 "cd '$two' && ./configure" env -C "$one" "$two/configure"
tap_run 'configure names the compiler of another machine that is missing' \
	refused 1 'Debian: gcc-sparc64-linux-gnu' configured --host=sparc64-linux-gnu
other_machine riscv64-linux-gnu
tap_run 'a cross build takes the compiler and pkg-config of that machine' takes_the_tools_of_the_host
tap_run 'a cross build finds no libraries of this machine, and says which packages to get' \
	spares_the_libraries_of_this_machine
tap_run 'this machine as --host is no cross build' is_not_a_cross_build

tap_run 'it builds' build "$one"
tap_run 'it builds in a folder with blanks in its path' build "$two"
tap_run 'both builds are the same, byte by byte, and do not say where they were made' same_products
tap_run 'it installs below a DESTDIR and a prefix with blanks, and uninstalls' \
	installs "$two" "$scratch/dest dir" '/opt/pre fix'
tap_run 'it installs below a prefix with blanks, and uninstalls' installs_without_destdir
tap_run 'it puts the action of fail2ban where FAIL2BANDIR says' puts_actions_into '/etc/fail 2 ban'
# LIBRARY HAVE PACKAGE PROGRAM...
while read -r library have package programs; do
	what="of the programs, only ${programs// / and } loads $library"
	if grep -q "^$have ?= yes" "$one/config.mk"; then
		# shellcheck disable=SC2086 # several words
		tap_run "$what" only_loads "$one/xdp-ipfilter" "$library" $programs
	else
		tap_skip "$what" "$library ($package) is not installed"
	fi
done <<-EOT
	libncurses HAVE_NCURSESW libncurses-dev xdp-ipfilter-top
	libcurl HAVE_CURL libcurl4-openssl-dev xdp-ipfilter-source
	libmnl HAVE_MNL libmnl-dev xdp-ipfilter-source
	libmaxminddb HAVE_MAXMINDDB libmaxminddb-dev xdp-ipfilter-source xdp-ipfilter-mmdb
	libmicrohttpd HAVE_MICROHTTPD libmicrohttpd-dev xdp-ipfilter-http
EOT
tap_run 'it builds without the libraries that only sync and top need, and says what is missing' \
	builds_without "$one"
if echo 'int main(void) { return 0; }' |
	cc -flto=auto -x c -o "$scratch/probe" - >/dev/null 2>&1; then
	tap_run 'it links with -flto=auto, and works' links_by_lto
else
	tap_skip 'it links with -flto=auto, and works' 'cc does not know -flto=auto'
fi

if ! command -v git >/dev/null; then
	tap_skip 'checks find the sources in the clone of another user' 'git is not installed'
elif [ "$(id -u)" -ne 0 ]; then
	tap_skip 'checks find the sources in the clone of another user' 'only root makes one'
else
	tap_run 'checks find the sources in the clone of another user' in_the_clone_of_another
fi
tap_run 'a check on nothing fails' fails_on_nothing
tap_done
