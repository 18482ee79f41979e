# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# How does a demonstration tell what it does, and whether that was right? demo.sh and fleet-demo.sh
# source it. `failures` counts what was not as expected.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' dim='' green='' red='' plain=''
fi

say() {
	printf '  %s\n' "$@"
}

step_number=0
step() {
	step_number=$((step_number + 1))
	printf '\n%s%d. %s%s\n' "$bold" $step_number "$1" "$plain"
}

# Marks the real output of a command.
quote() {
	sed "s/^/    $dim|$plain /"
}

give_up() {
	printf '\n%sThe demo stopped: %s%s\n' "$red" "$1" "$plain" >&2
	exit 1
}

failures=0
# expect WHAT WANTED FOUND
expect() {
	if [ "$2" = "$3" ]; then
		printf '  %sok%s     %s\n' "$green" "$plain" "$1"
	else
		printf '  %sWRONG%s  %s (wanted %s, got %s)\n' "$red" "$plain" "$1" "$2" "${3:-nothing}"
		failures=$((failures + 1))
	fi
}
