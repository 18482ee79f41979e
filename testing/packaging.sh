#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Is what a release consists of complete, does `make release` refuse what is none, and are the
# recipes of distributions sound? The matrix builds packages (testing/rpm.sh). Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

make_scratch
unset MAKEFLAGS MAKELEVEL

version=$(cat VERSION)
recipes=(rpm/xdp-ipfilter.spec openwrt/Makefile alpine/APKBUILD arch/PKGBUILD)

git_here() {
	git -c safe.directory="$PWD" "$@"
}

# A second later, because a tarball must not depend on the time.
tarball_is_reproducible() {
	local first=$scratch/first second=$scratch/second start
	make -s dist OUTPUT="$first" || return
	start=$SECONDS
	until [ "$SECONDS" -gt "$start" ]; do :; done
	touch xdp-ipfilter/xdp-ipfilter.8
	make -s dist OUTPUT="$second" && cmp "$first/"*.tar.gz "$second/"*.tar.gz
}

tarball_is_complete() {
	diff <({
		git_here ls-tree -r --name-only HEAD
		echo xdp-ipfilter/xdp-ipfilter.8
	} | sort) \
		<(tar -tzf "$scratch/first/xdp-ipfilter-$version.tar.gz" | grep -v '/$' |
			sed "s|^xdp-ipfilter-$version/||" | sort)
}

# An unpacked tarball makes the same tarball, without git.
tarball_makes_itself() {
	local tree=$scratch/unpacked/xdp-ipfilter-$version
	mkdir "$scratch/unpacked" && tar -x -C "$scratch/unpacked" -f "$scratch/first/"*.tar.gz &&
		(cd "$tree" && packaging/tarball "$scratch/third.tar.gz" xdp-ipfilter/xdp-ipfilter.8) &&
		cmp "$scratch/first/"*.tar.gz "$scratch/third.tar.gz"
}

# What a build leaves in it is not among the files that tests look at, with and without git.
unpacked_tests_see_sources() {
	local tree=$scratch/unpacked/xdp-ipfilter-$version seen=$scratch/seen
	touch "$tree/config.mk" "$tree/lib/util/text.o" "$tree/lib/util/libutil.a" "$tree/lib/util/.flags"
	mkdir "$scratch/no-git" && printf '#!/bin/sh\nexit 127\n' >"$scratch/no-git/git" &&
		chmod 755 "$scratch/no-git/git" &&
		(cd "$tree" && bash -c '. testing/lib.sh; all_files; PATH=$1:$PATH all_files' x "$scratch/no-git") \
			>"$seen" &&
		diff <(git_here ls-tree -r --name-only HEAD | sort) <(sort "$seen" | uniq -d) &&
		[ "$(sort -u "$seen" | wc -l)" -eq "$(($(wc -l <"$seen") / 2))" ]
}

# --- make release --------------------------------------------------------------------------------

clone=$scratch/clone

in_clone() {
	git -C "$clone" -c user.name=Test -c user.email=test@example.org "$@"
}

commit() {
	in_clone add -A && in_clone commit -q --allow-empty -m 'packaging: try a release' -m 'In a test.'
}

# Lint and the other unit tests are suites of their own, and take minutes: here are stand-ins that
# can fail.
make_clone() {
	git_here clone -q "$PWD" "$clone" && cd "$clone" || return
	(
		cd testing/unit && rm test_*.c
		sed -i -e '/^PROGRAMS :=/,/[^\\]$/c\PROGRAMS := test_one' -e '/^PROGRAMS +=/d' Makefile
		echo 'int main(void) { return 0; }' >test_one.c
	)
	(
		cd testing && rm lint/check-*
		printf '#!/bin/sh\n[ ! -e wrong ]\n' | tee lint.sh >lint/check-one
		chmod 755 lint/check-one
	)
	echo 9.8.7 >VERSION
	printf '# Changelog\n\n## [Unreleased]\n\n## [9.8.7] - 2026-01-02\n\n- All.\n' >CHANGELOG.md
	commit
}

# release [URL]: what is compiled is not optimised, because that takes half the time
release() {
	(cd "$clone" && CFLAGS=-O0 make release ${1:+URL="$1"}) >"$scratch/said" 2>&1
}

# Lint reports in TAP, too, which must not count as ours.
show_release() {
	tail -n 20 "$scratch/said" | sed 's/^/# /'
}

# refuses WORDS COMMAND...: after the command, run in the clone, there is no release, and WORDS say
# why; nothing is left, and what the command did is undone
refuses() {
	local words=$1 status
	shift
	(cd "$clone" && eval "$*") || return
	! release && grep -qF -- "$words" "$scratch/said" && [ ! -e "$clone/build/release" ] &&
		[ ! -e "$clone/build/release.new" ]
	status=$?
	[ "$status" -eq 0 ] || show_release
	in_clone reset -q --hard "$start" && in_clone clean -qfd && return "$status"
}

refuses_tag() {
	in_clone tag v9.8.7 && refuses 'there is a tag already' true && in_clone tag -d v9.8.7
}

makes_release() {
	local folder=$clone/build/release
	release https://example.org/files && [ -z "$(in_clone status --porcelain)" ] &&
		(cd "$folder" && sha256sum -c --quiet SHA256SUMS && sha256sum xdp-ipfilter-9.8.7.tar.gz) \
			>"$scratch/sum" &&
		grep -qF 'git tag -s v9.8.7' "$scratch/said" &&
		head -c 5 "$folder/xdp-ipfilter-9.8.7.pdf" | grep -q '^%PDF-' &&
		grep -qF "$(cut -d ' ' -f 1 "$scratch/sum")" "$folder/packaging/arch/PKGBUILD" &&
		grep -qF https://example.org/files "$folder/packaging/openwrt/Makefile" &&
		[ -e "$folder/packaging/openwrt/files/xdp-ipfilter.init" ] &&
		[ -e "$folder/packaging/alpine/xdp-ipfilter.initd" ] && return
	show_release
	return 1
}

try_release() {
	local start
	tap_run 'a clone to release' make_clone
	start=$(in_clone rev-parse HEAD)
	tap_run 'no release with changes that are not committed' \
		refuses 'not committed' 'echo >>README.org'
	tap_run 'or with a file that nobody added' refuses 'notes.txt' 'echo >notes.txt'
	tap_run 'or of a version that has a tag' refuses_tag
	tap_run 'or of a version that the changelog does not have' refuses 'CHANGELOG.md: no section' \
		'echo 9.8.8 >VERSION && commit'
	tap_run 'or with changes that belong to none' refuses 'still unreleased' \
		'sed -i "s/^## .Unreleased.$/&\n\n- More./" CHANGELOG.md && commit'
	tap_run 'or of a version that is none' refuses 'not MAJOR.MINOR.PATCH' 'echo 9.8 >VERSION && commit'
	tap_run 'or when lint fails' refuses 'make lint fails' 'touch wrong && commit'
	tap_run 'or when a unit test fails' refuses '/test_one fails' \
		'sed -i s/0/1/ testing/unit/test_*.c && commit'
	tap_run 'else it makes all files of a release' makes_release
}

# --- recipes -------------------------------------------------------------------------------------

# version_is_in_one_place: pages that tell its history may name it
version_is_in_one_place() {
	! tree_files '*' | grep -v -e '^VERSION$' -e '^CHANGELOG\.md$' -e '\.svg$' -e '^testing/' |
		xargs grep -InE -- "(^|[^0-9.])${version//./\\.}([^0-9.]|\$)"
}

fill_all() {
	local recipe
	for recipe in "${recipes[@]}"; do
		mkdir -p "$scratch/${recipe%/*}"
		packaging/fill "packaging/$recipe.in" https://example.org/x VERSION >"$scratch/$recipe" || return
		grep -n '@[A-Z][A-Z0-9_]*@' "$scratch/$recipe" && return 1
		grep -qwF "$version" "$scratch/$recipe" || {
			printf '%s: does not name the version\n' "$recipe"
			return 1
		}
	done
}

# Their variables are read, and set, by those who run them.
check_shell() {
	shellcheck -s bash -e SC2034,SC2154 "$scratch/arch/PKGBUILD" &&
		shellcheck -s dash -e SC2034,SC2154,SC2164,SC3043 "$scratch/alpine/APKBUILD"
}

# Every source is what makepkg and abuild know: that they parse, and have the functions and the
# packages.
has_functions() {
	bash -c '. "$1"; shift; for f; do declare -F "$f" >/dev/null || { echo "no $f()"; exit 1; }; done' \
		x "$scratch/arch/PKGBUILD" build check package &&
		sh -c '. "$1"; for f in build check package $(echo "$subpackages" | tr -d "[:blank:]" |
			sed -n "s/^.*-\([a-z]*\)$/\1/p" | grep -v -e doc -e completion) sync_openrc; do
			type "$f" | grep -q function || { echo "no $f()"; exit 1; }; done' x "$scratch/alpine/APKBUILD"
}

# With stand-ins for what OpenWrt's build brings: make must parse it and define both packages.
openwrt_defines() {
	local include=$scratch/include
	mkdir -p "$include"
	: >"$scratch/rules.mk"
	: >"$include/bpf.mk"
	# shellcheck disable=SC2016 # make's variables
	printf '%s\n' 'BuildPackage = $(info package $(1): $(if $(Package/$(1)/install),installs))' \
		>"$include/package.mk"
	make -s -f "$scratch/openwrt/Makefile" TOPDIR="$scratch" INCLUDE_DIR="$include" -n all \
		>"$scratch/said" 2>&1 || true
	diff <(grep '^package' "$scratch/said") - <<-EOT
		package xdp-ipfilter: installs
		package xdp-ipfilter-sync: installs
		package xdp-ipfilter-metrics: installs
		package xdp-ipfilter-top: installs
	EOT
}

# What `make install` puts beside the tool is in a package everywhere. Arch has one for all. OpenWrt
# has no use for mmdb, and no systemd, as Alpine has none.
recipes_have_all_programs() {
	local program programs wrong=0
	programs=$(grep -oE '(xdp-ipfilter|programs)/xdp-ipfilter-[a-z]+' Makefile | sed 's/.*-//' | sort -u)
	[ "$(wc -w <<<"$programs")" -ge 7 ] || return
	for program in $programs; do
		program=xdp-ipfilter-$program
		grep -q "/$program\$" "$scratch/rpm/xdp-ipfilter.spec" || wrong=rpm
		[ "$program" = xdp-ipfilter-interface ] || grep -qE "/$program( |\$)" "$scratch/alpine/APKBUILD" ||
			wrong=alpine
		[[ $program =~ -(interface|mmdb)$ ]] || grep -qE "/$program( |\$)" "$scratch/openwrt/Makefile" ||
			wrong=openwrt
		[ "$wrong" = 0 ] || { printf '%s: no %s\n' "$wrong" "$program" && return 1; }
	done
}

# What makepkg understands of the recipe. As root it refuses to run, and it looks for pacman, which
# it does not need for this.
makepkg_reads() {
	chmod 755 "$scratch" && chown -R nobody "$scratch/arch" || return
	(cd "$scratch/arch" && setpriv --reuid nobody --clear-groups env HOME=/nonexistent PACMAN=true \
		makepkg --printsrcinfo) >"$scratch/said" 2>&1 &&
		! grep -E 'WARNING|ERROR' "$scratch/said" && grep -q "pkgver = $version" "$scratch/said" &&
		grep -q 'backup = etc/fail2ban/action.d/xdp-ipfilter.py' "$scratch/said" && return
	cat "$scratch/said"
	return 1
}

# The rest of what rpmlint says is about the system that it runs on.
spec_is_clean() {
	rpmlint "$scratch/rpm/xdp-ipfilter.spec" >"$scratch/said" 2>&1
	! grep -E '(: E: |: W: )' "$scratch/said" | grep -v -e invalid-url -e no-buildroot-tag
}

if ! command -v git >/dev/null || ! git_here rev-parse -q --verify HEAD >/dev/null 2>&1; then
	tap_skip 'the tarball of a release' 'this tree is no clone'
elif ! command -v pandoc >/dev/null; then
	tap_skip 'the tarball of a release' 'pandoc is not installed'
else
	tap_run 'the same commit makes the same tarball' tarball_is_reproducible
	tap_run 'the tarball has every file of the commit, and the man page' tarball_is_complete
	tap_run 'unpacked, it makes itself' tarball_makes_itself
	tap_run 'and its tests see its files, not what was built' unpacked_tests_see_sources
fi
if [ "$tap_failed" -eq 0 ] && [ -d "$scratch/unpacked" ] && command -v groff >/dev/null; then
	try_release
else
	tap_skip 'make release' 'no tarball, or groff is not installed'
fi
tap_run 'the version is in one place' version_is_in_one_place
tap_run 'the recipes are filled in' fill_all
if command -v shellcheck >/dev/null; then
	tap_run 'shellcheck accepts the recipes that are shell' check_shell
else
	tap_skip 'shellcheck accepts the recipes that are shell' 'shellcheck is not installed'
fi
tap_run 'the recipes of Arch and Alpine have all their functions' has_functions
tap_run 'the recipe of OpenWrt defines its packages' openwrt_defines
tap_run 'each recipe has all programs' recipes_have_all_programs
if command -v makepkg >/dev/null && [ "$(id -u)" -eq 0 ]; then
	tap_run 'makepkg reads the recipe of Arch' makepkg_reads
else
	tap_skip 'makepkg reads the recipe of Arch' 'makepkg is not installed, or this is not root'
fi
if command -v rpmlint >/dev/null; then
	tap_run 'rpmlint accepts the spec' spec_is_clean
else
	tap_skip 'rpmlint accepts the spec' 'rpmlint is not installed'
fi
tap_done
