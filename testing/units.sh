#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Are the units of systemd right, as far as can be told without it as process 1: does systemd accept
# them, how exposed does it find them, and do they have exactly the capabilities that the manual
# names? testing/e2e/test_interface_unit.py tests what xdp-ipfilter@.service runs, and
# testing/vm/boot.sh a machine with all of them. Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

make_scratch
folder=$scratch/units

# The most that `systemd-analyze security` may say, in tenths: it says 9.6 of a service without any
# protection. Systemd 252 says one tenth less of each.
declare -A exposure=(
	[xdp-ipfilter.service]=33
	[xdp-ipfilter@.service]=30
	[xdp-ipfilter-metrics.service]=29
)

# The commands that each runs, as in CAPABILITIES of the manual; a dot is any character.
declare -A commands=(
	[xdp-ipfilter.service]='sync'
	[xdp-ipfilter@.service]='load repair replace unload'
	[xdp-ipfilter-metrics.service]='metrics.--listen'
)

# They name the programs of this tree.
install_units() {
	make -s install-units UNITDIR="$folder" SBINDIR="$PWD/xdp-ipfilter" LIBEXECDIR="$scratch/lib exec"
}

# accepted UNIT...: systemd finds nothing to complain about, not even that the manual is missing
accepted() {
	local man=no said
	# The folder of the page is not one of man, so it gets a link to it.
	if command -v man >/dev/null && [ -e xdp-ipfilter/xdp-ipfilter.8 ]; then
		man=yes
		mkdir -p "$scratch/man/man8" && ln -sf "$PWD/xdp-ipfilter/xdp-ipfilter.8" "$scratch/man/man8"
	fi
	said=$(MANPATH=$scratch/man SYSTEMD_UNIT_PATH="$folder:" \
		systemd-analyze verify --man="$man" "$@" 2>&1) && [ -z "$said" ] && return
	printf '%s\n' "$said"
	return 1
}

# refuses_a_mistake: so that a verify that sees nothing is no success
refuses_a_mistake() {
	printf '[Service]\nExecStart=/nowhere/nothing\nTypo=yes\n' >"$folder/wrong.service"
	! accepted wrong.service >"$scratch/said" && rm "$folder/wrong.service" &&
		grep -q Typo "$scratch/said" && grep -q /nowhere/nothing "$scratch/said"
}

protected() {
	local said
	said=$(systemd-analyze security --offline=yes --threshold="${exposure[$1]}" "$folder/$1") && return
	grep -v '✓' <<<"$said"
	return 1
}

# of_manual COMMAND...: the capabilities that the manual names for any of them, one a line
of_manual() {
	local command
	for command; do
		sed -n '/^\* CAPABILITIES/,/^\* /p' xdp-ipfilter/README.org |
			grep -E "^- .*=$command=.* :: " | sed 's/.* :: //' | grep -o 'CAP_[A-Z_]*'
	done | sort -u
}

least_privilege() {
	# shellcheck disable=SC2086 # words
	diff <(of_manual ${commands[$1]}) \
		<(sed -n 's/^CapabilityBoundingSet=//p' "$folder/$1" | tr ' ' '\n' | sort -u)
}

tap_run 'they are installed' install_units
if ! command -v systemd-analyze >/dev/null; then
	tap_skip 'systemd accepts them' 'no systemd-analyze (Debian package: systemd)'
else
	tap_run 'systemd accepts them' accepted xdp-ipfilter.service 'xdp-ipfilter@br\x2dlan.service' \
		xdp-ipfilter-metrics.socket xdp-ipfilter-metrics.service
	tap_run 'it would say what is wrong' refuses_a_mistake
fi
for unit in xdp-ipfilter.service xdp-ipfilter@.service xdp-ipfilter-metrics.service; do
	name="$unit: exposed no more than it was"
	if command -v systemd-analyze >/dev/null; then
		tap_run "$name" protected "$unit"
	else
		tap_skip "$name" 'no systemd-analyze (Debian package: systemd)'
	fi
	tap_run "$unit: the capabilities that its commands need, and no others" least_privilege "$unit"
done
tap_done
