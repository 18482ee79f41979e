#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# How does one command block a source on a whole fleet?
#
# Three etcd nodes, and three hosts that follow them, each in a network namespace of its own on this
# machine. It touches no interface, address or rule of this machine, installs nothing, and removes
# everything that it set up, however it ends.
#
# Exits with 0 if all hosts did as they were told, also without etcd, and nothing was left behind.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=telling.sh
. testing/telling.sh

friend=192.0.2.10
pest=192.0.2.66
other=192.0.2.77
hosts=(1 2 3)
pings=3
prefix=/xdp-ipfilter/fleet/
tool=$PWD/xdp-ipfilter/xdp-ipfilter

# show WHERE COMMAND...: prints the command as a user there would type it
show() {
	local word line='' empty="''"
	for word in "${@:2}"; do
		line="$line ${word:-$empty}"
	done
	line=${line/"$tool"/xdp-ipfilter}
	printf '    %s%s#%s%s\n' "$dim" "$1" "$plain" "${line/"$scratch"\//}"
}

# inside WHERE COMMAND...: runs the command there
inside() {
	nsenter --net="/run/netns/ipfilter-$1-$$" "${@:2}"
}

netns_was_there=no
[ ! -d /run/netns ] || netns_was_there=yes
scratch=$(mktemp -d) || exit 1
processes=()

# start WHERE LOG COMMAND...: runs it in the background; $! is the command itself
start() {
	nsenter --net="/run/netns/ipfilter-$1-$$" "${@:3}" >>"$scratch/$2.log" 2>&1 &
	processes+=($!)
}

# end PROCESS...: ends them, and waits until they have ended
end() {
	kill "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}

# Restores everything. Can be called at any point, and more than once.
clean_up() {
	local name
	trap '' INT TERM HUP
	[ ${#processes[@]} -eq 0 ] || end "${processes[@]}"
	processes=()
	for name in host1 host2 host3 world store; do
		[ -e "/run/netns/ipfilter-$name-$$" ] || continue
		[ "${name#host}" = "$name" ] || inside "$name" "$tool" unload eth0 >/dev/null 2>&1
		ip netns delete "ipfilter-$name-$$"
	done
	if [ $netns_was_there = no ] && [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
		umount /run/netns 2>/dev/null
		rmdir /run/netns
	fi
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# until_true COMMAND...: waits until the command succeeds, for half a minute at most
until_true() {
	local deadline=$((SECONDS + 30))
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# etcdctl ARGUMENT...: runs it where the nodes are, with those that are left
endpoints=192.0.2.101:2379,192.0.2.102:2379,192.0.2.103:2379
etcdctl() {
	ETCDCTL_API=3 inside store etcdctl --endpoints="$endpoints" "$@"
}

# control ARGUMENT...: etcdctl, shown with its output
control() {
	show store etcdctl "$@"
	etcdctl "$@" 2>&1 | quote
	return "${PIPESTATUS[0]}"
}

start_node() {
	local all=n1=http://192.0.2.101:2380,n2=http://192.0.2.102:2380,n3=http://192.0.2.103:2380
	start store "n$1" etcd --name "n$1" --data-dir "$scratch/n$1" \
		--listen-client-urls "http://192.0.2.10$1:2379" \
		--advertise-client-urls "http://192.0.2.10$1:2379" \
		--listen-peer-urls "http://192.0.2.10$1:2380" \
		--initial-advertise-peer-urls "http://192.0.2.10$1:2380" \
		--initial-cluster "$all"
	nodes[$1]=$!
}

start_sync() {
	start "host$1" "host$1" "$tool" sync -c "$scratch/sync.conf" --cache "$scratch/host$1"
}

# rules_are HOST COUNT: does the set have so many rules there?
rules_are() {
	[ "$(inside "host$1" "$tool" list -s fleet -d eth0 2>/dev/null | grep -c '^drop')" = "$2" ]
}

# greet SOURCE NAME: pings every host from that address; `heard` is the number of answers of each
heard=
greet() {
	local host answers waits=()
	for host in "${hosts[@]}"; do
		LC_ALL=C inside world ping -q -n -c $pings -i 0.2 -W 1 -I "$1" "192.0.2.$host" \
			>"$scratch/ping$host" 2>&1 &
		waits+=($!)
	done
	wait "${waits[@]}"
	heard=
	for host in "${hosts[@]}"; do
		answers=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$scratch/ping$host")
		heard="$heard${heard:+ }${answers:-none}"
	done
	say "The $2 ($1) sent $pings packets to each host; answers: $heard."
}

printf '%sxdp-ipfilter: one put, and a whole fleet drops%s\n' "$bold" "$plain"

[ "$(id -u)" -eq 0 ] || give_up 'it loads programs into the kernel, so it must run as root'
for program in etcd etcdctl; do
	type -P $program >/dev/null ||
		give_up "$program is missing (Debian: etcd-server and etcd-client, Fedora: etcd)"
done

step 'Getting ready'
say 'Building the tool (a minute, the first time).'
make -j"$(nproc)" >"$scratch/build.log" 2>&1 || {
	tail -n 30 "$scratch/build.log"
	give_up 'the tool could not be built'
}
say "Built: $("$tool" --version | head -n 1), with $(etcd --version | head -n 1)"

step 'A network with three etcd nodes and three hosts'
cat <<EOF
  Five network namespaces on one switch. The network of this machine stays as it is.

     world                                        host1, host2, host3
       $friend  a friend ---.                 .-- eth0 --[ filter ]-- 192.0.2.1
       $pest  a pest   ---+---- switch -----+-- eth0 --[ filter ]-- 192.0.2.2
     store                   |                 '-- eth0 --[ filter ]-- 192.0.2.3
       192.0.2.101 to 103 ---'
       three etcd nodes
EOF
for name in world store host1 host2 host3; do
	ip netns add "ipfilter-$name-$$" || give_up 'no network namespaces here'
	inside $name sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
done
world=ipfilter-world-$$
{
	ip -n "$world" link add switch type bridge && ip -n "$world" link set switch up
} || give_up 'no bridges here'
for name in store host1 host2 host3; do
	{
		ip -n "$world" link add "$name" type veth peer name eth0 netns "ipfilter-$name-$$" &&
			ip -n "$world" link set "$name" master switch up &&
			ip -n "ipfilter-$name-$$" link set eth0 up
	} || give_up 'no veth pairs here'
done
for address in $friend $pest $other; do
	ip -n "$world" address add "$address/24" dev switch
done
for number in "${hosts[@]}"; do
	ip -n "ipfilter-host$number-$$" address add "192.0.2.$number/24" dev eth0
	ip -n "ipfilter-store-$$" address add "192.0.2.10$number/24" dev eth0
done
ip -n "ipfilter-store-$$" link set lo up

declare -a nodes
for number in "${hosts[@]}"; do
	start_node "$number"
done
until_true etcdctl endpoint health || give_up 'the etcd nodes do not agree'
control member list

step 'Each host follows a prefix of keys'
cat >"$scratch/sync.conf" <<EOF
interface eth0 { policy = allow }
source fleet {
    from = "etcd+http://$endpoints$prefix"
}
EOF
say 'sync.conf, the same on every host:'
quote <"$scratch/sync.conf"
for number in "${hosts[@]}"; do
	show "host$number" "$tool" sync -c "$scratch/sync.conf"
	start_sync "$number"
done
for number in "${hosts[@]}"; do
	until_true inside "host$number" "$tool" status eth0 || {
		quote <"$scratch/host$number.log"
		give_up "host$number does not filter"
	}
done
greet $friend friend
friend_before=$heard
greet $pest pest
pest_before=$heard

step 'One command blocks the pest on all hosts'
began=$(date +%s%N)
control put "$prefix$pest" ''
for number in "${hosts[@]}"; do
	until_true rules_are "$number" 1 || give_up "host$number did not hear of it"
done
say "All hosts had the rule $((($(date +%s%N) - began) / 1000000)) ms after the command began."
greet $pest pest
pest_after=$heard
greet $friend friend
friend_after=$heard
show host1 "$tool" list -d eth0
inside host1 "$tool" list -d eth0 | quote

step 'One etcd node dies'
end "${nodes[1]}"
etcdctl endpoint health >/dev/null 2>&1 && give_up 'the etcd node did not die'
endpoints=192.0.2.102:2379,192.0.2.103:2379
until_true etcdctl endpoint health || give_up 'the other etcd nodes do not agree'
say 'The other two go on, and hosts that followed the dead one follow them.'
control put "$prefix$other" ''
for number in "${hosts[@]}"; do
	until_true rules_are "$number" 2 || give_up "host$number did not hear of it"
done
greet $other 'other pest'
other_after=$heard

step 'All etcd nodes die'
end "${nodes[2]}" "${nodes[3]}"
alive=$(etcdctl endpoint health 2>&1 | grep -c 'is healthy')
say "Nobody can be asked any more ($alive nodes answer). What was dropped still is."
greet $pest pest
pest_alone=$heard
show host1 "$tool" status eth0
inside host1 "$tool" status eth0 2>&1 | quote

step 'They are back, and the pest is forgiven'
endpoints=192.0.2.101:2379,192.0.2.102:2379,192.0.2.103:2379
for number in "${hosts[@]}"; do
	start_node "$number"
done
until_true etcdctl endpoint health || give_up 'the etcd nodes do not agree'
control del "$prefix$pest"
for number in "${hosts[@]}"; do
	until_true rules_are "$number" 1 || give_up "host$number did not hear of it"
done
greet $pest pest
pest_forgiven=$heard
clean_up

step 'Results'
all="$pings $pings $pings"
expect 'before, both got answers from all hosts' "$all, $all" "$friend_before, $pest_before"
expect 'one put: the pest got no answer from any host' '0 0 0' "$pest_after"
expect 'the friend still did' "$all" "$friend_after"
expect 'without one etcd node, the next put worked' '0 0 0' "$other_after"
expect 'without any, what was dropped still was' '0 0 0, 0 nodes' "$pest_alone, $alive nodes"
expect 'one del: the pest got answers again' "$all" "$pest_forgiven"
expect 'the namespaces are gone' '' "$(ip netns list | grep -e "ipfilter-.*-$$")"

if [ $failures -gt 0 ]; then
	printf '\n%sSomething is wrong: see WRONG above.%s\n' "$red" "$plain"
	exit 1
fi
cat <<EOF

  docs/fleet.md shows how to do it with TLS, with roles, and with a million prefixes.
EOF
