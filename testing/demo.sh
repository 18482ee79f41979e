#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# How does the filter work on real packets, step by step?
#
# Installs missing packages, builds the tool, and sends packets between two network namespaces of
# its own. It touches no interface, address or rule of this machine, and removes everything that it
# set up, however it ends.
#
# Exits with 0 if the blocked source was blocked, the allowed one was not, and nothing was left
# behind.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=telling.sh
. testing/telling.sh

me=192.0.2.1
friend=192.0.2.10
pest=192.0.2.66
pings=3
guard=ipfilter-guard-$$
world=ipfilter-world-$$
tool=$PWD/xdp-ipfilter/xdp-ipfilter
bpffs=/sys/fs/bpf

# show SIDE COMMAND...: prints the command as a user there would type it
show() {
	local line=${*:2}
	printf '    %s%s#%s %s\n' "$dim" "$1" "$plain" "${line/"$tool"/xdp-ipfilter}"
}

# inside SIDE COMMAND...: runs the command there. It uses nsenter because `ip netns exec` hides
# bpffs, which holds the pins of the filter.
inside() {
	nsenter --net="/run/netns/ipfilter-$1-$$" "${@:2}"
}

is_mounted() {
	grep -q " $1 " /proc/self/mounts
}

netns_was_there=no
bpffs_was_mounted=no
[ ! -d /run/netns ] || netns_was_there=yes
! is_mounted $bpffs || bpffs_was_mounted=yes

# Restores everything. Can be called at any point, and more than once.
clean_up() {
	trap '' INT TERM HUP
	if [ -e "/run/netns/$guard" ]; then
		inside guard "$tool" unload eth0 >/dev/null 2>&1
		ip netns delete "$guard"
	fi
	[ ! -e "/run/netns/$world" ] || ip netns delete "$world"
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
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# greet SOURCE NAME: pings the guarded side from that address; `heard` is the number of answers
heard=0
greet() {
	local ping=(ping -q -n -c "$pings" -i 0.2 -W 1 -I "$1" "$me")
	show world "${ping[@]}"
	heard=$(LC_ALL=C inside world "${ping[@]}" 2>&1 | sed -n 's/.* \([0-9]*\) received.*/\1/p')
	heard=${heard:-0}
	say "  The $2 sent $pings packets and got $heard answers."
}

# tool ARGUMENT...: runs xdp-ipfilter on the guarded side, and shows the command and its output
tool() {
	show guard "$tool" "$@"
	inside guard "$tool" "$@" 2>&1 | quote
	return "${PIPESTATUS[0]}"
}

# ask SED_SCRIPT: extracts a value from `status --json`, joined into one line without blanks
ask() {
	inside guard "$tool" status --json eth0 | tr -d ' \n\t' | sed -n "$1"
}

# counter NAME: packets of that verdict on all CPUs
counter() {
	ask "s/.*\"counters\":{\([^[]*\).*/\1/; s/.*\"$1\":{\"packets\":\([0-9]*\).*/\1/p"
}

printf '%sxdp-ipfilter: drop packets by their source, before the network stack sees them%s\n' \
	"$bold" "$plain"

[ "$(id -u)" -eq 0 ] || give_up 'it loads a program into the kernel, so it must run as root'

step 'Getting ready'
say 'Installing missing packages and building the tool (a minute, the first time).'
testing/packages.sh build demo || give_up 'packages are missing'
log=$(mktemp)
if ! make -j"$(nproc)" >"$log" 2>&1; then
	tail -n 30 "$log"
	rm -f "$log"
	give_up 'the tool could not be built'
fi
rm -f "$log"
say "Built: $("$tool" --version | head -n 1)"

step 'Two network namespaces'
cat <<EOF
  A virtual cable (a veth pair) joins two network namespaces. The network of this machine
  stays as it is.

     world                                    guard
       $friend  a friend --.
                              )-- eth0 ==== eth0 --[ filter ]-- $me
       $pest  a pest   --'

  A line that starts with "guard#" or "world#" is a command run on that side.
EOF
{
	ip netns add "$guard" && ip netns add "$world" &&
		ip -n "$guard" link add eth0 type veth peer name eth0 netns "$world"
} || give_up 'no network namespaces or veth pairs here'
# Without IPv6, no other packets cross the cable, so every count is predictable.
for side in guard world; do
	inside $side sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
done
{
	ip -n "$guard" address add $me/24 dev eth0 &&
		ip -n "$world" address add $friend/24 dev eth0 &&
		ip -n "$world" address add $pest/24 dev eth0 &&
		ip -n "$guard" link set eth0 up &&
		ip -n "$world" link set eth0 up
} || give_up 'could not set up the two sides'

step 'Before: both sources get through'
greet $friend friend
friend_before=$heard
greet $pest pest
pest_before=$heard

step 'One command blocks the pest'
tool load eth0 --ip $pest || give_up 'the filter could not be loaded'
state=$(ask 's/.*"state":"\([^"]*\)".*/\1/p')
case $state in
filtering-chained)
	say 'The filter runs in a libxdp chain: other XDP programs can share the interface.' ;;
filtering-single)
	say 'This kernel cannot chain XDP programs, so the filter has the interface for itself.' \
		'It works all the same.' ;;
*) give_up "the state of the filter is '$state'" ;;
esac

step 'After: the same packets again'
greet $friend friend
friend_after=$heard
greet $pest pest
pest_after=$heard

step 'What the filter counted'
tool status eth0
dropped=$(counter drop)
allowed=$(counter pass)
say '"drop" counts the packets of the pest, "pass" those of the friend. "other" counts' \
	'packets that are not IP, such as ARP; the filter never drops them.'

step 'Unload the filter'
tool unload eth0
unloaded=$?
greet $pest pest
pest_unloaded=$heard
clean_up

step 'Results'
expect 'without the filter, both sources got answers' "$pings+$pings" "$friend_before+$pest_before"
expect "$friend was not blocked: $friend_after of $pings packets answered" $pings "$friend_after"
expect "$pest was blocked: $pest_after of $pings packets answered" 0 "$pest_after"
expect "the kernel counted the dropped packets: ${dropped:-none}" $pings "$dropped"
expect "the kernel counted the passed packets: ${allowed:-none}" "$pings or more" \
	"$([ "${allowed:-0}" -ge $pings ] && echo "$pings or more" || echo "${allowed:-nothing}")"
expect 'unload removed the filter' "0, $pings answers" "$unloaded, $pest_unloaded answers"
expect 'both namespaces are gone' '' "$(ip netns list | grep -e "$guard" -e "$world")"

if [ $failures -gt 0 ]; then
	printf '\n%sSomething is wrong: see WRONG above.%s\n' "$red" "$plain"
	exit 1
fi
cat <<EOF

  Next, try "xdp-ipfilter load eth0 --ip ADDRESS" and "xdp-ipfilter help". "make install"
  installs the tool in /usr/local/sbin, and "testing/run.sh" runs the tests.
EOF
