#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the packages and their units work on a machine whose process 1 is systemd: as the manual shows
# them in SYSTEMD, through restarts, reboots, hangs, upgrades, and with interfaces that come and go?
#
#     boot.sh [-k KERNEL] [-s SUITE]        (6.1, bookworm)
#
# Builds the packages (testing/deb.sh), copies a small Debian (boot-root.sh), boots it twice in a
# virtual machine (run.sh), and runs booted.py there. The first boot installs the packages and
# purges them. The second one begins with installed packages and with what sync kept in the first
# one, and can reach no source. Reports in TAP.
#
# Exit codes: 0 passed or skipped; 1 failed; 2 usage.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=../lib.sh
. testing/lib.sh

kernel=6.1 suite=bookworm
while getopts k:s: option; do
	case $option in
	k) kernel=$OPTARG ;;
	s) suite=$OPTARG ;;
	*) exit 2 ;;
	esac
done

# available COMMAND...: what it prints; where this machine cannot have it, all tests are skipped
available() {
	local said status=0
	said=$("$@" 2>&1) || status=$?
	case $status in
	0) printf '%s\n' "${said##*$'\n'}" ;;
	77) printf '1..0 # SKIP %s\n' "${said##*skipped: }" >&3 ;;
	*) printf '%s\n' "$said" >&2 ;;
	esac
	return $status
}

exec 3>&1
base=$(available testing/vm/boot-root.sh "$suite") && available testing/vm/kernels.sh "$kernel" >&2 ||
	exit $(($? == 77 ? 0 : 1))
work=$(mktemp -d "$base.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
root=$work/root

# Links cost nothing, but a file must be removed before it is written. What dpkg appends to, its
# database and its log, is copied.
fill_root() {
	cp -al "$base" "$root" && rm -r "${root:?}/var" && cp -a "$base/var" "$root/var" || return
	rm -f "$root/etc/machine-id" "$root/etc/hostname"
	# With an empty one, systemd would enable every unit.
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	echo vm >"$root/etc/hostname"
	mkdir -p "$root/opt/test" "$root/opt/packages" "$root/etc/systemd/network"
	cp testing/vm/booted.py testing/docs/org.py xdp-ipfilter/README.org "$root/opt/test"
	configure_network && systemctl -q --root="$root" enable systemd-networkd.service
}

# networkd gives the cards addresses as soon as it may.
configure_network() {
	local card
	for card in 0 1; do
		printf '[Match]\nName=eth%d\n[Network]\nAddress=10.0.%d.15/24\nLinkLocalAddressing=no\n' \
			"$card" "$card" >"$root/etc/systemd/network/eth$card.network"
	done
}

# in_root COMMAND...: in the second boot's root, where no service can be started
in_root() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" "$@" </dev/null
}

# Before networkd, a witness writes down what the cards look like.
prepare_second_boot() {
	local unit=$root/etc/systemd/system/witness.service
	in_root sh -c 'dpkg -i /opt/packages/*.deb' && cp -R "$work/first/kept/." "$root/" &&
		cat >"$unit" <<-'EOT' &&
			[Unit]
			DefaultDependencies=no
			After=network-pre.target
			Before=systemd-networkd.service
			[Service]
			Type=oneshot
			ExecStart=/bin/sh -c 'ip -j -d addr show >/run/witness.json'
			[Install]
			WantedBy=systemd-networkd.service
		EOT
		systemctl -q --root="$root" enable xdp-ipfilter.service xdp-ipfilter@eth1.service \
			witness.service &&
		systemctl -q --root="$root" add-wants network-pre.target xdp-ipfilter@eth1.service
}

# boot WHICH: passes on the results of booted.py
boot() {
	local line status=0
	while IFS= read -r line; do
		case $line in
		'ok '*) tap_result "$1 boot: ${line#ok * - }" 0 ;;
		'not ok '*) tap_result "$1 boot: ${line#not ok * - }" 1 ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <(testing/vm/run.sh -k "$kernel" -t 1800 -o "$work/$1" -r "$root" -- \
		/usr/bin/python3 -B /opt/test/booted.py "$1" || echo "exit status $?")
	grep -q '^1\.\.' "$work/$1/plan" || status=1
	tap_result "$1 boot: it came to its end" "$status"
}

tap_run 'a root is filled' fill_root
tap_run 'packages are built' testing/deb.sh --build "$suite" "$root/opt/packages"
[ "$tap_failed" -eq 0 ] || tap_done
boot first
tap_run 'the second boot is prepared' prepare_second_boot
boot second
tap_done
