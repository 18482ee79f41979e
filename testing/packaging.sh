#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Is what a release consists of complete, and are the recipes of distributions sound? Quick; the
# matrix builds packages (testing/rpm.sh). Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
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

# version_is_in_one_place: pages that tell its history may name it
version_is_in_one_place() {
	! tree_files '*' | grep -v -e '^VERSION$' -e '^CHANGELOG\.md$' -e '\.svg$' -e '^testing/' |
		xargs grep -nE -- "(^|[^0-9.])${version//./\\.}([^0-9.]|\$)"
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
	EOT
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
if command -v rpmlint >/dev/null; then
	tap_run 'rpmlint accepts the spec' spec_is_clean
else
	tap_skip 'rpmlint accepts the spec' 'rpmlint is not installed'
fi
tap_done
