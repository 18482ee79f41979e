#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the recipe of Debian agree with the tree? testing/deb.sh builds packages; this only reads the
# recipe, and installs the tree, which is built, into a folder of its own. Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

make_scratch

debian=packaging/debian
units=/usr/lib/systemd/system

# Whatever Debian's recipe installs, in one folder. The prefix is that of this tree, because another
# one would compile it anew; then it is renamed.
install_all() {
	local prefix
	prefix=$(sed -n 's/^PREFIX ?= //p' config.mk)
	env -u MAKEFLAGS -u MAKELEVEL make -s install DESTDIR="$scratch/here" SBINDIR="$prefix/sbin" \
		LIBDIR="$prefix/lib/triplet" MANDIR="$prefix/share/man" \
		UNITDIR="$prefix${units#/usr}" FAIL2BANDIR=/etc/fail2ban &&
		mkdir "$scratch/all" && mv "$scratch/here$prefix" "$scratch/all/usr" || return
	[ ! -d "$scratch/here/etc" ] || mv "$scratch/here/etc" "$scratch/all"
}

# listed: a line "FILE PACKAGE" for each file that a package takes
listed() {
	local list pattern file
	for list in "$debian"/*.install "$debian"/*.manpages; do
		while read -r pattern; do
			# shellcheck disable=SC2016 # a variable of debhelper
			pattern=${pattern/'${env:UNITDIR}'/${units#/}}
			# shellcheck disable=SC2086 # a pattern
			for file in $(cd "$scratch/all" && ls -d -- $pattern); do
				printf '%s %s\n' "$file" "$(basename "${list%.*}")"
			done
		done <"$list"
	done
}

# Each file of each list is there, and each file that is there is in one list.
is_shared_out() {
	listed >"$scratch/listed" 2>"$scratch/missing"
	cat "$scratch/missing"
	[ ! -s "$scratch/missing" ] &&
		diff <(cd "$scratch/all" && find . -type f | cut -c 3- | sort) \
			<(cut -d ' ' -f 1 "$scratch/listed" | sort)
}

# A message names the package of a program that is missing (lib/cli/extension.c).
has_its_name() {
	local file package wrong=0
	while read -r file package; do
		case ${file##*/} in
		xdp-ipfilter-source) [ "$package" = xdp-ipfilter-sync ] || wrong=1 ;;
		xdp-ipfilter-http) [ "$package" = xdp-ipfilter-metrics ] || wrong=1 ;;
		xdp-ipfilter-interface) [ "$package" = xdp-ipfilter ] || wrong=1 ;;
		*) [ "$package" = "${file##*/}" ] || wrong=1 ;;
		esac
		[ "$wrong" -eq 0 ] || { printf '%s is in %s\n' "$file" "$package" && return 1; }
	done < <(grep '^usr/libexec/' "$scratch/listed")
	[ "$(grep -c '^usr/libexec/' "$scratch/listed")" -ge 4 ]
}

# field FIELD: the values of that field in the control file, a word a line
field() {
	awk -v field="$1:" '
		/^[^ ]/ { on = $1 == field; sub(/^[^ ]+/, "") }
		on' "$debian/control" | tr ',' '\n' | sed 's/^ *//; s/[ |].*//' | grep .
}

# Whatever configure asks for is there when the packages are built.
same_libraries() {
	diff <(field Build-Depends | grep -- '-dev$' | grep -v -e cmocka -e systemd | sort) \
		<(testing/packages.sh --list build | awk '{ print $2 }' | grep -- '-dev$' |
			grep -v -e libc6-dev -e linux-libc-dev | sort)
}

# A command that needs a package of its own is named beside the others.
suggests_all() {
	local package
	for package in $(field Package); do
		[ "$package" = xdp-ipfilter ] || {
			field Suggests | grep -qx "$package" && grep -q "^    $package " "$debian/README.Debian"
		} || { printf '%s\n' "$package" && return 1; }
	done
}

if grep -q '^HAVE_[A-Z]* ?= no$' config.mk || grep -qx 'PANDOC ?= ' config.mk; then
	tap_skip 'each installed file is in one package' \
		'this machine lacks a library that the packages have'
else
	tap_run 'the tree is installed' install_all
	tap_run 'each installed file is in one package' is_shared_out
	tap_run 'a program has a package of its name' has_its_name
fi
tap_run 'a build has the libraries of testing/packages.sh' same_libraries
tap_run 'the tool suggests the other packages, and README.Debian lists them' suggests_all
tap_done
