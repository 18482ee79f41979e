# SPDX-License-Identifier: GPL-2.0
#
# Completes xdp-ipfilter's commands, options, interfaces, files and sets in bash.
#
# The lists below are checked against the option tables (testing/docs): each command has one line
# in _xdp_ipfilter_options, with all its options as --help shows them.
# shellcheck shell=bash

_xdp_ipfilter_commands='load run unload repair add del replace flush list test status poll help'

_xdp_ipfilter_options()
{
	local common='-h --help -v --verbose --lock-timeout'

	case $1 in
	load) echo "-m --mode -p --policy -P --prio -i --ip -f --file --format --require-dispatcher --trace --counters --force $common" ;;
	run) echo "-m --mode -p --policy -P --prio -i --ip -f --file --format --require-dispatcher --trace --counters --force --interval --count $common" ;;
	unload) echo "-a --all $common" ;;
	repair) echo "-p --policy -P --prio -i --ip -f --file --format --force $common" ;;
	add) echo "-d --dev -s --set -t --timeout --pass --drop --force -f --file --format $common" ;;
	del) echo "-d --dev -s --set -f --file --format $common" ;;
	replace) echo "-d --dev -s --set -n --dry-run --force -f --file --format $common" ;;
	flush) echo "-d --dev -s --set -a --all $common" ;;
	list) echo "-d --dev -s --set -j --json $common" ;;
	test) echo "-d --dev -q --quiet $common" ;;
	status) echo "-j --json $common" ;;
	poll) echo "-i --interval --count -j --json $common" ;;
	help) echo "$common" ;;
	*) echo "--version $common" ;;
	esac
}

_xdp_ipfilter_interfaces()
{
	local path

	for path in /sys/class/net/*; do
		# bonding_masters is a file there.
		[ ! -d "$path" ] || printf '%s\n' "${path##*/}"
	done
}

# The names stand one a line between "sets": { and }.
_xdp_ipfilter_sets()
{
	xdp-ipfilter status --json 2>/dev/null |
		awk '/^ *}/ { inside = 0 } inside { print $1 } /"sets": {$/ { inside = 1 }' |
		tr -d '":' | sort -u
}

# What the option takes; fails for one that takes nothing, or what cannot be guessed.
_xdp_ipfilter_argument()
{
	case $1 in
	-m | --mode) echo 'native skb hw unspecified' ;;
	-p | --policy) echo 'allow deny' ;;
	--counters) echo 'auto always never' ;;
	-d | --dev) _xdp_ipfilter_interfaces ;;
	--format) echo 'rules ndjson dshield ipsascii dat p2p ipset' ;;
	-s | --set) _xdp_ipfilter_sets ;;
	*) return 1 ;;
	esac
}

_xdp_ipfilter()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' candidates='' i

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

	case $command:$previous in
	:*) candidates="$_xdp_ipfilter_commands" ;;
	*:-f | *:--file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	load:-[iP] | load:--ip | load:--prio | run:-[iP] | run:--ip | run:--prio | repair:-[iP] | repair:--ip | repair:--prio) return ;;
	add:-t | add:--timeout | poll:-i | *:--lock-timeout | *:--interval | *:--count) return ;;
	*)
		if ! candidates=$(_xdp_ipfilter_argument "$previous"); then
			case $command in
			load | run | unload | repair | status | poll) candidates=$(_xdp_ipfilter_interfaces) ;;
			help) candidates="$_xdp_ipfilter_commands" ;;
			esac
		fi
		;;
	esac
	case $current in
	-*) candidates=$(_xdp_ipfilter_options "$command") ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _xdp_ipfilter xdp-ipfilter
