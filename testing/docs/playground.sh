#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Where can a user try the filter without touching a real interface?
#
#	testing/docs/playground.sh [COMMAND [ARGUMENT]...]
#
# Runs COMMAND (by default, a shell) in a network namespace of its own. Its eth0 has the address
# 192.0.2.1. A cable (a veth pair) connects it to a second namespace, which has 192.0.2.10 and
# 192.0.2.66; eth1 is a second cable. `there COMMAND` runs a command on the other side, and
# `xdp-ipfilter` is the tool built in this tree. The working folder is empty. IPv6 is off: no other
# packets cross the cables, so every count is predictable. The exit status is that of COMMAND.
# Whatever ends it, the script removes both namespaces, the folder and all that was loaded there.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
here=ipfilter-here-$$
there=ipfilter-there-$$
bpffs=/sys/fs/bpf
bpffs_was_mounted=no
netns_was_there=no

is_mounted() {
	grep -q " $1 " /proc/self/mounts
}

inside() {
	nsenter --net="/run/netns/$1" "${@:2}"
}

clean_up() {
	trap '' INT TERM HUP
	if [ -e "/run/netns/$here" ]; then
		inside "$here" "$PLAYGROUND_TOOL" unload --all >/dev/null 2>&1
		# Unload other programs too: otherwise their pins would outlive the interface.
		for dev in eth0 eth1; do
			case $(ip -n "$here" link show "$dev" 2>/dev/null) in
			*prog/xdp*) inside "$here" xdp-loader unload "$dev" --all >/dev/null 2>&1 ;;
			esac
		done
		ip netns delete "$here"
	fi
	[ ! -e "/run/netns/$there" ] || ip netns delete "$there"
	rm -rf "$work"
	if [ $netns_was_there = no ] && [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
		umount /run/netns 2>/dev/null
		rmdir /run/netns
	fi
	# The tool mounts bpffs if it is missing. Unmount it, unless another program uses it by now.
	if [ $bpffs_was_mounted = no ] && is_mounted $bpffs &&
		[ -z "$(find $bpffs -mindepth 1 ! -type d)" ]; then
		umount $bpffs
	fi
}

give_up() {
	printf 'playground: %s\n' "$1" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || give_up 'run it as root'
PLAYGROUND_TOOL=${XDP_IPFILTER:-$top/xdp-ipfilter/xdp-ipfilter}
[ -x "$PLAYGROUND_TOOL" ] || give_up 'build the tool first: make'

[ ! -d /run/netns ] || netns_was_there=yes
! is_mounted $bpffs || bpffs_was_mounted=yes
work=$(mktemp -d) || exit 1
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

{
	ip netns add "$here" && ip netns add "$there" &&
		ip -n "$here" link add eth0 type veth peer name eth0 netns "$there" &&
		ip -n "$here" link add eth1 type veth peer name eth1 netns "$there"
} || give_up 'no network namespaces or veth pairs here'
for side in "$here" "$there"; do
	inside "$side" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
	for dev in lo eth0 eth1; do
		ip -n "$side" link set $dev up || give_up "cannot bring $dev up"
	done
done
ip -n "$here" address add 192.0.2.1/24 dev eth0
ip -n "$there" address add 192.0.2.10/24 dev eth0
ip -n "$there" address add 192.0.2.66/24 dev eth0

# Put the tool and `there` in the PATH, and make an empty folder to write to.
mkdir "$work/bin" "$work/home"
ln -s "$PLAYGROUND_TOOL" "$work/bin/xdp-ipfilter"
# This uses nsenter because `ip netns exec` hides bpffs, where libxdp keeps its pins.
printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s "$@"\n' "$there" >"$work/bin/there"
chmod +x "$work/bin/there"
export PATH="$work/bin:$PATH:/usr/sbin:/sbin"
# The tool must not care about the SSH session of the user who runs this.
unset SSH_CONNECTION
cd "$work/home" || exit 1

if [ $# -eq 0 ]; then
	printf '%s\n' 'eth0 here is 192.0.2.1; 192.0.2.10 and 192.0.2.66 are at the other end.' \
		'"there COMMAND" runs a command at that end. "exit" removes everything.'
	set -- "${SHELL:-/bin/sh}"
fi
inside "$here" "$@"
