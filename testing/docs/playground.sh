#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Where can one try the filter without touching a real interface?
#
#	testing/docs/playground.sh [COMMAND [ARGUMENT]...]
#
# Runs COMMAND (a shell, if none is given) in a network namespace of its own. eth0 there has the
# address 192.0.2.1 and is joined by a cable (a veth pair) to a second namespace, which has 192.0.2.10
# and 192.0.2.66; eth1 is a second cable. `there COMMAND` runs a command on the other side, and
# `xdp-ipfilter` is the one built in this tree. The working folder is empty. IPv6 is off, so nobody
# talks on the cables unasked and every count can be foretold. Exits as COMMAND does; whatever ends it,
# both namespaces, the folder and all that was loaded there are gone.
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
		# What others loaded: without this their pins would outlive the interface.
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
	# The tool mounts bpffs where it is missing. It goes again, unless someone has begun to use it.
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

# The tool and `there` by name, and an empty folder to write into.
mkdir "$work/bin" "$work/home"
ln -s "$PLAYGROUND_TOOL" "$work/bin/xdp-ipfilter"
# nsenter, not `ip netns exec`: the latter hides bpffs, where libxdp keeps its pins.
printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s "$@"\n' "$there" >"$work/bin/there"
chmod +x "$work/bin/there"
export PATH="$work/bin:$PATH:/usr/sbin:/sbin"
# The session of whoever runs this is not the one that the filter is asked to look after.
unset SSH_CONNECTION
cd "$work/home" || exit 1

if [ $# -eq 0 ]; then
	printf '%s\n' 'eth0 here is 192.0.2.1; 192.0.2.10 and 192.0.2.66 are at the other end.' \
		'"there COMMAND" runs a command at that end. "exit" removes everything.'
	set -- "${SHELL:-/bin/sh}"
fi
inside "$here" "$@"
