# SPDX-License-Identifier: GPL-2.0
#
# Completes xdp-ipfilter's commands, options, interfaces, files and sets in bash.
# shellcheck shell=bash

# Made by `make completion`: do not edit from here on ...

_xdp_ipfilter_commands='load run unload repair add del replace flush enforce confirm list test status poll watch top metrics sync help'

# The options of a command.
_xdp_ipfilter_options()
{
	case $1 in
	load) echo '-m --mode -p --policy -P --prio -i --ip -f --file --format --where --require-dispatcher --trace --observe --counters --force --confirm -h --help -v --verbose --lock-timeout' ;;
	run) echo '-m --mode -p --policy -P --prio -i --ip -f --file --format --where --require-dispatcher --trace --observe --counters --force --interval --count -h --help -v --verbose --lock-timeout' ;;
	unload) echo '-a --all --confirm -h --help -v --verbose --lock-timeout' ;;
	repair) echo '-p --policy -P --prio --observe -i --ip -f --file --format --where --force -h --help -v --verbose --lock-timeout' ;;
	add) echo '-d --dev -s --set -t --timeout --pass --drop --force --confirm -f --file --format --where -h --help -v --verbose --lock-timeout' ;;
	del) echo '-d --dev -s --set --confirm -f --file --format --where -h --help -v --verbose --lock-timeout' ;;
	replace) echo '-d --dev -s --set -n --dry-run --force --confirm -f --file --format --where -h --help -v --verbose --lock-timeout' ;;
	flush) echo '-d --dev -s --set -a --all --confirm -h --help -v --verbose --lock-timeout' ;;
	enforce) echo '-d --dev --confirm -h --help -v --verbose --lock-timeout' ;;
	confirm) echo '--revert -h --help -v --verbose --lock-timeout' ;;
	list) echo '-d --dev -s --set -j --json --until -h --help -v --verbose --lock-timeout' ;;
	test) echo '-d --dev --rules --format --where -p --policy -f --file --only -q --quiet -h --help -v --verbose --lock-timeout' ;;
	status) echo '-j --json -h --help -v --verbose --lock-timeout' ;;
	poll) echo '-i --interval --count -j --json -h --help -v --verbose --lock-timeout' ;;
	watch) echo '--drop --pass -n --sample --rate --count -j --json -h --help -v --verbose --lock-timeout' ;;
	top) echo '--drop --pass -n --sample -i --interval --count --by -b --batch -j --json --rules -h --help -v --verbose --lock-timeout' ;;
	metrics) echo '-o --output --listen -h --help -v --verbose --lock-timeout' ;;
	sync) echo '-c --config --once --check -d --dev --every --cache -h --help -v --verbose --lock-timeout' ;;
	help) echo '-h --help -v --verbose --lock-timeout' ;;
	*) echo '--version -h --help -v --verbose --lock-timeout' ;;
	esac
}

# What COMMAND:OPTION takes: its choices, or what --help calls it.
_xdp_ipfilter_value()
{
	case $1 in
	*:--lock-timeout) echo 'SECONDS' ;;
	*:-m | *:--mode) echo 'unspecified native skb hw' ;;
	*:-p | *:--policy) echo 'allow deny' ;;
	*:-P | *:--prio) echo 'PRIORITY' ;;
	load:-i | run:-i | repair:-i | *:--ip) echo 'RULE' ;;
	poll:-i | top:-i | *:--interval) echo 'MS' ;;
	*:-f | *:--file | *:--rules | *:-o | *:--output | *:-c | *:--config) echo 'FILE' ;;
	*:--format) echo 'rules ndjson dshield ipsascii dat ipset p2p csv mmdb' ;;
	*:--where) echo 'CONDITION' ;;
	*:--counters) echo 'auto always never' ;;
	*:--confirm | *:-t | *:--timeout | *:--every) echo 'DURATION' ;;
	*:--count | *:-n | *:--sample | *:--rate) echo 'N' ;;
	*:-d | *:--dev) echo 'IFNAME' ;;
	*:-s | *:--set) echo 'NAME' ;;
	*:--only) echo 'pass drop' ;;
	*:--by) echo 'LENGTHS' ;;
	*:--listen) echo 'PLACE' ;;
	*:--cache) echo 'DIR' ;;
	esac
}

# What --help calls the arguments of a command.
_xdp_ipfilter_positional()
{
	case $1 in
	load | run | unload | repair | status | poll | watch | top) echo 'IFNAME' ;;
	add | del) echo 'RULE' ;;
	test) echo 'ADDRESS' ;;
	sync) echo 'SOURCE' ;;
	help) echo 'COMMAND' ;;
	esac
}

# ... to here.

_xdp_ipfilter_interfaces()
{
	local path

	for path in /sys/class/net/*; do
		# bonding_masters is a file there.
		[ ! -d "$path" ] || printf '%s\n' "${path##*/}"
	done
}

# The names are one a line between "sets": { and }.
_xdp_ipfilter_sets()
{
	xdp-ipfilter status --json 2>/dev/null |
		awk '/^ *}/ { inside = 0 } inside { print $1 } /"sets": {$/ { inside = 1 }' |
		tr -d '":' | sort -u
}

# What can be typed for what --help calls VALUE, or for one of several choices. Nothing for what
# cannot be guessed.
_xdp_ipfilter_candidates()
{
	case $1 in
	COMMAND) echo "$_xdp_ipfilter_commands" ;;
	IFNAME) _xdp_ipfilter_interfaces ;;
	NAME) _xdp_ipfilter_sets ;;
	*[!A-Z]*) echo "$1" ;;
	esac
}

_xdp_ipfilter()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' candidates='' value i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--lock-timeout) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	value=$(_xdp_ipfilter_value "$command:$previous")
	case $value:$command:$current in
	FILE:*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	:*:-*) candidates=$(_xdp_ipfilter_options "$command") ;;
	::*) candidates=$_xdp_ipfilter_commands ;;
	:*) candidates=$(_xdp_ipfilter_candidates "$(_xdp_ipfilter_positional "$command")") ;;
	*) candidates=$(_xdp_ipfilter_candidates "$value") ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _xdp_ipfilter xdp-ipfilter
