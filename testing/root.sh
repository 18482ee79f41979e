#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Where do the libraries and programs of another architecture or release of Debian come from?
#
#     root.sh [-m|-b] [-r RELEASE] ARCHITECTURE     (trixie, sid, ...; amd64, arm64, s390x, ...)
#
# Prints a folder that has Debian's libraries of that architecture, to build with
# (--sysroot), and to run what was built (qemu-ARCHITECTURE -L). With -m it also has the programs
# that tests need: it is the root of a virtual machine. With -b it has compilers, too, to build in
# it (testing/debian-build.sh). Without -r it is of the release of this machine, so that the
# libraries are those that the headers here belong to; on another distribution than Debian, of the
# present stable one.
#
# The folder is made on the first call and re-used afterwards; remove it to get newer packages.
# Nothing is installed, and no foreign program is run: the packages are only unpacked.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 this machine cannot have them (reason on stderr).
set -euo pipefail
# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"
# shellcheck source=cached.sh
. "$(dirname "$0")/cached.sh"

# What configure looks for, and the unit tests.
libraries=(libc6-dev linux-libc-dev libxdp-dev libbpf-dev libelf-dev zlib1g-dev libjansson-dev
	libconfuse-dev libcurl4-openssl-dev libmnl-dev libmaxminddb-dev libmicrohttpd-dev
	libncurses-dev libcmocka-dev)
# A system that runs testing/vm/init, and what testing/e2e and testing/bpf call. If something is
# missing, the first test of testing/vm/suite.sh says so.
programs=(base-files base-passwd bash bpftool busybox-static coreutils diffutils ethtool findutils
	gawk grep hostname iproute2 iputils-ping ipset kmod libc-bin make mount ncurses-base ncurses-bin
	openssl procps python3 python3-pytest python3-scapy sed strace tar tcpdump util-linux
	wireguard-tools xdp-tools)
# What the build runs, besides.
compilers=(clang gcc llvm pkgconf)

skip() { echo "root.sh: skipped: $*" >&2; exit 77; }
usage() {
	echo 'usage: root.sh [-m|-b] [-r RELEASE] ARCHITECTURE  (trixie, sid, ...; arm64, s390x, ...)' >&2
	exit 2
}

kind='' suite=''
packages=("${libraries[@]}")
while getopts mbr: option; do
	case $option in
	m) kind=-machine packages+=("${programs[@]}") ;;
	b) kind=-builder packages+=("${programs[@]}" "${compilers[@]}") ;;
	r) suite=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[[ $# -eq 1 && $1 =~ ^[a-z0-9]+$ && $suite =~ ^[a-z]*$ ]] || usage
architecture=$1

[[ $suite ]] ||
	suite=$(. /etc/os-release && [[ $ID == debian ]] && echo "${VERSION_CODENAME:-sid}") ||
	suite=stable
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/root
root=$cache/$suite-$architecture$kind

# The system of a package's absolute links is the root, not the one here.
relative_links() {
	local link
	find "$1" -lname '/*' | while read -r link; do
		ln -sfnrT "$1$(readlink "$link")" "$link"
	done
}

# What the packages would do when they are installed.
configured() {
	mkdir -p "$1/etc"
	cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd"
	cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"
	echo '127.0.0.1 localhost' >"$1/etc/hosts"
	ln -sfn gawk "$1/usr/bin/awk"
	ln -sfn bash "$1/usr/bin/sh"
	[[ ! -e $1/usr/bin/gcc ]] || ln -sfn gcc "$1/usr/bin/cc"
}

cached_or_exit "$root"
reason=$(debian_lacks) || skip "$reason"
command -v flock >/dev/null || skip 'no flock here (Debian package: util-linux)'

cached_begin "$root"
debian_apt "$work/apt" "$suite" "$architecture" >&2 9>&-
debian_unpack "$work/apt" "$work/root" "${packages[@]}" 9>&- ||
	skip "cannot fetch the packages of Debian's $suite for $architecture (no network, or a mirror" \
		'without it)'
relative_links "$work/root"
[[ ! $kind ]] || configured "$work/root"
chmod 755 "$work/root"
cached_finish "$work/root" "$root"
