#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the Debian packages build, and are they good guests: installed, upgraded while the filter drops
# packets, removed, purged?
#
#	testing/deb.sh [bookworm|trixie]...
#	testing/deb.sh --build RELEASE FOLDER
#
# For each release, all of it by default: in a fresh system, made by debootstrap, the packages are
# built three times, checked by lintian, installed and tried. Needs root and, the first time, a
# network. Takes about five minutes a release, so `make check` leaves it out. Systems and what they
# need to build and to run are kept in $XDG_CACHE_HOME/xdp-ipfilter/deb (2 GB); everything else is
# removed. Reports in TAP.
#
# --build only builds the packages, without tests or documentation, and leaves them in a folder that
# is there, for a test on a machine of that release (testing/vm/boot.sh).
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/deb
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
version=$(cat VERSION)
next=$version.1

# Mounts, processes and interfaces of its own; the network is that of the machine, for apt.
if [ "${1:-}" != --inside ]; then
	if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
		tap_skip 'Debian packages' 'needs root and debootstrap'
		tap_done
	fi
	scratch=$(mktemp -d) || exit 1
	inside=
	trap '[ -z "$inside" ] || kill -KILL "$inside"; wait; rm -rf "$scratch"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# Its first process, and with it all others, ends with unshare.
	unshare --mount --pid --fork --kill-child --mount-proc "$0" --inside "$scratch" "$@" &
	inside=$!
	wait "$inside"
	status=$?
	inside=
	exit "$status"
fi
scratch=$2
shift 2
[ $# -gt 0 ] || set -- bookworm trixie

# --- systems -------------------------------------------------------------------------------------

# layer ROOT UPPER LOWER: mounts at ROOT what is in LOWER, as UPPER changes it
layer() {
	mkdir -p "$1" "$2/files" "$2/work" &&
		mount -t overlay overlay -o "lowerdir=$3,upperdir=$2/files,workdir=$2/work" "$1" &&
		mount -t proc proc "$1/proc" &&
		mount -t sysfs sysfs "$1/sys" &&
		mount --rbind /dev "$1/dev" &&
		mount -t bpf bpf "$1/sys/fs/bpf" &&
		mount -t tmpfs -o mode=755 tmpfs "$1/run" &&
		cp /etc/resolv.conf "$1/etc/resolv.conf"
}

# in_root ROOT COMMAND...
in_root() {
	local root=$1
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
		chroot "$root" "$@" </dev/null
}

apt_get() {
	local root=$1
	shift
	in_root "$root" apt-get -q -y --no-install-recommends "$@"
}

# has_system SUITE: makes the cached system, under another name first
has_system() {
	local base=$cache/$1/base
	[ ! -d "$base" ] || return 0
	mkdir -p "$cache/$1"
	rm -rf "$base.new"
	debootstrap --variant=minbase "$1" "$base.new" "$mirror" && mv "$base.new" "$base"
}

# has_packages ROOT COMMAND...: the packages that the command installs. Lists of packages are
# fetched only when there is something to fetch.
has_packages() {
	"${@:2}" || { apt_get "$1" update && "${@:2}"; } || return
	in_root "$1" apt-get clean
}

# has_builder SUITE: a system that has what a build needs, then one to throw away on top of it
has_builder() {
	local lists=$builder/tmp/build-depends
	layer "$builder" "$cache/$1/build" "$cache/$1/base" && mkdir -p "$lists/debian" &&
		cp packaging/debian/control "$lists/debian" &&
		has_packages "$builder" apt_get "$builder" install lintian dpkg-dev autopkgtest iproute2 \
			iputils-ping &&
		has_packages "$builder" apt_get "$builder" build-dep /tmp/build-depends || return
	umount -R "$builder"
	layer "$builder" "$scratch/$1-build" "$cache/$1/build/files:$cache/$1/base"
}

# --- packages ------------------------------------------------------------------------------------

# packages_of FOLDER VERSION ENVIRONMENT...: builds a copy of the tree as nobody, in that folder of
# the system; packages are in FOLDER/out
packages_of() {
	local folder=$1
	tree_copy "$builder$folder/tree" && echo "$2" >"$builder$folder/tree/VERSION" &&
		touch -d @1700000000 "$builder$folder/tree/VERSION" && chmod 755 "$builder$folder" &&
		mkdir "$builder$folder/out" && chown -R 65534:65534 "$builder$folder" || return
	shift 2
	in_root "$builder" setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent \
		"$@" make -C "$folder/tree" deb OUTPUT="$folder/out" >"$scratch/built" 2>&1 && return
	tail -n 50 "$scratch/built"
	return 1
}

# Options of the environment, another folder and another time zone change nothing.
same_packages() {
	local package count=0
	for package in "$builder"/build/out/*.deb "$builder"/build/out/*.orig.tar.gz; do
		cmp "$package" "$builder/tmp/elsewhere/out/${package##*/}" || return
		count=$((count + 1))
	done
	[ "$count" -ge 9 ]
}

# Warnings fail. What else it says is printed.
lintian_accepts() {
	in_root "$builder" setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \
		'exec lintian --no-cfg --fail-on error,warning -E -I --pedantic /build/out/*.changes' \
		>"$scratch/lintian" 2>&1
	local status=$?
	sed 's/^/# /' "$scratch/lintian"
	return "$status"
}

# The tests of the source package, as Debian runs them, with the packages installed. Here the system
# is thrown away afterwards; the kernel is that of the machine, which a container cannot give them.
autopkgtest_accepts() {
	in_root "$builder" unshare --net sh -c 'ip link set lo up && exec autopkgtest \
		--ignore-restrictions=isolation-machine --summary-file=/tmp/summary /build/out/*.changes -- null' \
		>"$scratch/autopkgtest" 2>&1
	local status=$?
	sed 's/^/# /' "$builder/tmp/summary"
	# It counts skipped tests as no failure.
	[ "$status" -eq 0 ] && [ "$(sed -n 's/^Tests: //p' packaging/debian/tests/control | tr -d ,)" = \
		"$(sed -n 's/  *PASS$//p' "$builder/tmp/summary" | paste -s -d ' ')" ] && return
	tail -n 60 "$scratch/autopkgtest"
	return 1
}

# file_of FOLDER PACKAGE
file_of() {
	local found=("$1/$2"_*.deb)
	printf '%s\n' "${found[0]}"
}

# The core needs no more than these.
needs_little() {
	dpkg-deb -f "$(file_of "$builder/build/out" xdp-ipfilter)" Depends | tr ',' '\n' |
		sed 's/^ *\([^ ]*\).*/\1/' | sort >"$scratch/depends"
	sed 's/^/# needs /' "$scratch/depends"
	! grep -vxE 'libbpf1|libc6|libelf1(t64)?|libjansson4|libxdp1|zlib1g' "$scratch/depends" &&
		grep -qx libxdp1 "$scratch/depends"
}

# The programs have neither symbols nor debug sections, and their dbgsym packages have them. The XDP
# program keeps its BTF, in its file and in the tool.
is_stripped() {
	local package program sizes=()
	for package in "$builder"/build/out/*.deb; do
		dpkg-deb -x "$package" "$scratch/unpacked"
		sizes+=("${package##*/} $(stat -c %s "$package")")
	done
	printf '# %s bytes\n' "${sizes[@]}"
	for program in "$scratch"/unpacked/usr/sbin/* "$scratch"/unpacked/usr/libexec/*/*; do
		[ "$(head -c 2 "$program")" != '#!' ] || continue
		printf '# %s: %s bytes\n' "${program##*/}" "$(stat -c %s "$program")"
		! readelf -SW "$program" | grep -qE '\.(symtab|debug_info)' || return
		[ -s "$(readelf -n "$program" | awk -v debug="$scratch/unpacked/usr/lib/debug/.build-id" \
			'/Build ID/ { print debug "/" substr($3, 1, 2) "/" substr($3, 3) ".debug" }')" ] || return
	done
	readelf -SW "$scratch"/unpacked/usr/lib/*/bpf/xdp_ipfilter.o | grep -q '\.BTF ' &&
		/usr/bin/python3 - "$scratch"/unpacked/usr/sbin/xdp-ipfilter \
			"$scratch"/unpacked/usr/lib/*/bpf/xdp_ipfilter.o <<-'EOT'
				import sys
				program, carried = (open(name, "rb").read() for name in sys.argv[1:])
				sys.exit(carried not in program)
			EOT
}

# --- use -----------------------------------------------------------------------------------------

# A systemctl that writes down what it is asked for: what do the packages do to services?
plant_systemctl() {
	cat >"$guest/usr/bin/systemctl" <<-'EOT' && chmod 755 "$guest/usr/bin/systemctl"
		#!/bin/sh
		echo "$@" >>/var/log/systemctl
	EOT
	mkdir -p "$guest/run/systemd/system"
	rm -f "$guest/usr/sbin/policy-rc.d"
}

# dependencies: what the packages need, and the smoke test
install_dependencies() {
	local needed
	needed=$(in_root "$guest" sh -c 'apt-get -s install --no-install-recommends /packages/*.deb' |
		sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -v '^xdp-ipfilter')
	# shellcheck disable=SC2086 # a list of words
	apt_get "$guest" install $needed iproute2 iputils-ping
}

# has_guest SUITE: a system that has what the packages need, then one to throw away on top of it
has_guest() {
	layer "$guest" "$cache/$1/run" "$cache/$1/base" && mkdir -p "$guest/packages" || return
	rm -f "$guest"/packages/*
	cp "$builder"/build/out/*.deb "$guest/packages"
	rm "$guest"/packages/*-dbgsym_*
	has_packages "$guest" install_dependencies || return
	umount -R "$guest"
	layer "$guest" "$scratch/$1-guest" "$cache/$1/run/files:$cache/$1/base" && plant_systemctl &&
		mkdir -p "$guest/next" && cp "$builder"/next/out/*.deb "$guest/next" &&
		rm "$guest"/next/*-dbgsym_*
}

# Two namespaces, each kept by a process, with a cable between them. The packages are near.
has_network() {
	local side address
	for side in near far; do
		unshare --net sleep infinity &
		if [ "$side" = near ]; then near=$!; else far=$!; fi
	done
	until [ "$(readlink "/proc/$near/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
		[ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
		kill -0 "$near" "$far" || return
	done
	for side in "$near" "$far"; do
		nsenter --target "$side" --net ip link set lo up
	done
	nsenter --target "$near" --net ip link add veth0 type veth peer name veth1 netns "$far" &&
		nsenter --target "$near" --net ip address add 192.0.2.1/24 dev veth0 &&
		nsenter --target "$near" --net ip link set veth0 up || return
	for address in 192.0.2.2 192.0.2.3; do
		nsenter --target "$far" --net ip address add "$address/24" dev veth1 || return
	done
	nsenter --target "$far" --net ip link set veth1 up
}

# guest COMMAND...: without a network but the cable
guest() {
	nsenter --target "$near" --net env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$guest" "$@" </dev/null
}

# What is in the guest beside the records of apt and dpkg, and what is pinned.
snapshot() {
	find "$guest/sys/fs/bpf" -mindepth 1 ! -name '*.debug'
	(cd "$guest" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache \
		-o -path ./var/log -o -path ./tmp \) -prune -o -printf '%p %y %m %u %g %s %l\n' |
		sed 's/^\([^ ]* d .*\) [0-9]* $/\1/' | sort)
}

install_all() {
	guest sh -c 'dpkg -i /packages/*.deb'
}

# Says which package a command needs that is not installed.
names_package() {
	guest dpkg -i "/packages/$(basename "$(file_of "$guest/packages" xdp-ipfilter)")" &&
		[ "$(guest xdp-ipfilter --version)" = "xdp-ipfilter $version" ] || return
	! guest xdp-ipfilter sync >"$scratch/said" 2>&1 && cat "$scratch/said" &&
		grep -q 'Debian: .*xdp-ipfilter-sync' "$scratch/said" &&
		! guest xdp-ipfilter metrics >"$scratch/said" 2>&1 && cat "$scratch/said" &&
		grep -q 'Debian: .*xdp-ipfilter-metrics' "$scratch/said"
}

programs_run() {
	guest xdp-ipfilter metrics --help && guest xdp-ipfilter sync --check a=/tmp
}

# asked WORD...: systemctl was asked for exactly these, beside reloads of its configuration
asked() {
	grep -v daemon-reload "$guest/var/log/systemctl" >"$scratch/asked"
	rm "$guest/var/log/systemctl"
	printf '%s\n' "$@" | sed '/^$/d' | diff "$scratch/asked" -
}

smoke() {
	cp packaging/debian/tests/smoke "$guest/tmp/smoke" && guest /tmp/smoke
}

# has_dropped NUMBER: waits until the filter has dropped that many packets
has_dropped() {
	local count=0
	while [ "$count" -lt "$1" ]; do
		count=$(guest xdp-ipfilter status veth0 | sed -n 's/^ *drop  *\([0-9]*\) packets.*/\1/p')
		[ -n "$count" ] && kill -0 "$dropped" || return
	done
}

# Packets of 192.0.2.2, which may pass, and 192.0.2.3, which may not, until traffic_was_right().
start_traffic() {
	guest xdp-ipfilter load veth0 --ip 192.0.2.3 --ip 198.51.100.0/24 &&
		guest xdp-ipfilter add -s admin -t 1d 203.0.113.0/24 && guest xdp-ipfilter list || return
	nsenter --target "$far" --net ping -q -i 0.01 -I 192.0.2.2 192.0.2.1 >"$scratch/allowed" &
	allowed=$!
	nsenter --target "$far" --net ping -q -i 0.01 -I 192.0.2.3 192.0.2.1 >"$scratch/dropped" &
	dropped=$!
	has_dropped 1
}

rules_are_live() {
	guest xdp-ipfilter list >"$scratch/said" && cat "$scratch/said" &&
		grep -qx 'drop 192.0.2.3' "$scratch/said" && grep -qx 'drop 198.51.100.0/24' "$scratch/said" &&
		grep -q '^drop 203.0.113.0/24 timeout' "$scratch/said"
}

upgrade() {
	guest sh -c 'dpkg -i /next/*.deb' && [ "$(guest xdp-ipfilter --version)" = "xdp-ipfilter $next" ] &&
		rules_are_live
}

# The administrator's file stays, and so does the filter, which is said.
remove() {
	echo '# mine' >"$guest/etc/xdp-ipfilter/sync.conf"
	mkdir -p "$guest/var/lib/xdp-ipfilter"
	echo 192.0.2.9 >"$guest/var/lib/xdp-ipfilter/list"
	guest apt-get -q -y remove 'xdp-ipfilter*' \
			>"$scratch/said" 2>&1 && cat "$scratch/said" &&
		grep -q 'xdp-ipfilter: veth0: the filter stays loaded' "$scratch/said" &&
		[ ! -e "$guest/usr/sbin/xdp-ipfilter" ] && [ -e "$guest/var/lib/xdp-ipfilter/list" ]
}

install_again() {
	guest sh -c 'dpkg -i /next/*.deb' && rules_are_live
}

# Ends the traffic: nothing passed that may not, and everything else did.
traffic_was_right() {
	has_dropped 200 || return
	kill -INT "$allowed" "$dropped"
	wait "$allowed" "$dropped"
	sed -n 's/^.*packets transmitted/# &/p' "$scratch/allowed" "$scratch/dropped"
	grep -q ' 0% packet loss' "$scratch/allowed" && grep -q ' 0 received, 100%' "$scratch/dropped"
}

purge() {
	guest xdp-ipfilter unload --all &&
		guest apt-get -q -y purge 'xdp-ipfilter*' \
			>"$scratch/said" 2>&1 && cat "$scratch/said" &&
		! grep -q 'stays loaded' "$scratch/said" && ! in_root "$guest" dpkg -l | grep xdp-ipfilter
}

leaves_nothing() {
	[ "$(cat "$guest/etc/xdp-ipfilter/sync.conf")" = '# mine' ] &&
		rm -r "$guest/etc/xdp-ipfilter" || return
	diff "$scratch/before" <(snapshot)
}

# tap_here NAME COMMAND...: as tap_run, but in this shell, which keeps what the command sets
tap_here() {
	local name=$1 status
	shift
	"$@" >"$scratch/here" 2>&1
	status=$?
	[ "$status" -eq 0 ] || cat "$scratch/here"
	tap_result "$name" "$status"
}

# tap_show NAME COMMAND...: as tap_run, and shows the lines that begin with # even when it passes
tap_show() {
	local name=$1 said status=0
	shift
	said=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		printf '%s\n' "$said" | grep '^#'
	else
		printf '%s\n' "$said"
	fi
	tap_result "$name" "$status"
}

# try_suite SUITE: each step needs those before it
try_suite() {
	local suite=$1 before=$tap_failed
	builder=$scratch/$suite-builder guest=$scratch/$suite
	tap_run "$suite: there is a system" has_system "$suite" &&
		tap_run "$suite: it has what a build needs" has_builder "$suite"
	[ "$tap_failed" -eq "$before" ] || return
	tap_run "$suite: the packages build, and the unit tests pass, as nobody" \
		packages_of /build "$version"
	tap_run "$suite: they build elsewhere, without tests" packages_of /tmp/elsewhere "$version" \
		TZ=Asia/Tokyo DEB_BUILD_OPTIONS='nocheck parallel=2'
	tap_run "$suite: both are the same, byte by byte" same_packages
	tap_run "$suite: a next version builds without documentation" packages_of /next "$next" \
		DEB_BUILD_OPTIONS='nocheck nodoc parallel=2'
	ls "$builder"/build/out/*.deb "$builder"/next/out/*.deb >/dev/null || return
	tap_show "$suite: lintian accepts them" lintian_accepts
	tap_show "$suite: the tool needs libxdp, libbpf, jansson and zlib at most" needs_little
	tap_show "$suite: programs are stripped, and the XDP program has its types" is_stripped
	tap_show "$suite: autopkgtest runs their tests, and they pass" autopkgtest_accepts

	before=$tap_failed
	tap_run "$suite: a system has what the packages need" has_guest "$suite"
	tap_here "$suite: a cable leads to it" has_network
	[ "$tap_failed" -eq "$before" ] || return
	snapshot >"$scratch/before"
	tap_run "$suite: the tool is installed alone, and names packages that are missing" names_package
	tap_run "$suite: all packages are installed" install_all
	tap_run "$suite: and start no service" asked ''
	tap_run "$suite: all programs run" programs_run
	tap_run "$suite: the installed filter drops what a rule names" smoke
	tap_here "$suite: a filter is loaded, and drops" start_traffic
	tap_run "$suite: an upgrade keeps its rules" upgrade
	tap_run "$suite: and restarts only programs that run" asked "${restarts[@]}"
	tap_run "$suite: so does installing once more" upgrade
	tap_run "$suite: and it restarts them" asked "${restarts[@]}"
	tap_run "$suite: removed, the packages say that the filter stays" remove
	tap_run "$suite: and stop only their programs" asked "${stops[@]}"
	tap_run "$suite: installed again, they find its rules" install_again
	tap_here "$suite: packets met the same rules all the time" traffic_was_right
	grep '^#' "$scratch/here"
	tap_run "$suite: the packages are purged" purge
	tap_run "$suite: and leave nothing but what the administrator wrote" leaves_nothing
	kill "$near" "$far"
}

# build_only SUITE FOLDER
build_only() {
	builder=$scratch/$1-builder
	has_system "$1" && has_builder "$1" && packages_of /build "$version" \
		DEB_BUILD_OPTIONS='nocheck nodoc parallel=2' || return
	rm "$builder"/build/out/*-dbgsym_*
	cp "$builder"/build/out/*.deb "$2"
}

if [ "$1" = --build ]; then
	build_only "$2" "$3"
	exit
fi

restarts=('try-restart xdp-ipfilter-metrics.service' 'try-restart xdp-ipfilter.service')
stops=('stop xdp-ipfilter-metrics.socket xdp-ipfilter-metrics.service' 'stop xdp-ipfilter.service')
for suite; do
	try_suite "$suite"
done
tap_done
