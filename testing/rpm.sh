#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the RPM packages build, and is in them what should be? On Debian, too: nothing is installed.
# Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for program in rpmbuild rpmlint rpm2cpio cpio; do
	command -v "$program" >/dev/null && continue
	tap_skip 'RPM packages' "$program is not installed (Debian: rpm, rpmlint, rpm2cpio, cpio)"
	tap_done
done

built=$scratch/built
version=$(cat VERSION)

# The part of a package's name between the product's name and the version: "" for the core.
package() {
	local file found=("$built/xdp-ipfilter${1:+-$1}-$version-1"*.rpm)
	for file in "${found[@]}"; do
		case $file in
		*.src.rpm) ;;
		*) printf '%s\n' "$file" ;;
		esac
	done
}

builds() {
	packaging/build-rpm "$built" >"$scratch/log" 2>&1 && return
	tail -n 40 "$scratch/log"
	return 1
}

# has PART FILE...: the package has these files
has() {
	local part=$1 file
	shift
	rpm -qlp "$(package "$part")" >"$scratch/list" 2>/dev/null
	for file; do
		grep -qxE "$file" "$scratch/list" && continue
		printf '%s: no %s, but:\n' "$part" "$file"
		cat "$scratch/list"
		return 1
	done
}

core_is_small() {
	local libraries
	libraries=$(rpm -qRp "$(package '')" 2>/dev/null | grep -oE '^lib[a-z]+' | sort -u | tr '\n' ' ')
	[ "$libraries" = 'libbpf libc libelf libjansson libxdp libz ' ] ||
		[ "$libraries" = 'libbpf libc libjansson libxdp ' ] || {
		printf 'the core needs %s\n' "$libraries"
		return 1
	}
}

# What is unpacked runs.
runs() {
	mkdir "$scratch/root" && (cd "$scratch/root" && rpm2cpio "$(package '')" | cpio -idm --quiet) &&
		"$scratch/root/usr/sbin/xdp-ipfilter" --version | grep -F "$version" &&
		! readelf -S "$scratch/root/usr/sbin/xdp-ipfilter" | grep symtab
}

# Who builds for a distribution signs, and names himself and a group. The copies of sources are for
# root only. rpmlint takes the package of the command top for translations into Tongan.
is_clean() {
	rpmlint "$built"/*.rpm >"$scratch/said" 2>&1
	! grep ': E: ' "$scratch/said" | grep -v -e no-signature -e no-packager-tag \
		-e no-group-tag -e 'non-standard-dir-perm /var/lib/xdp-ipfilter 700' -e locales-top
}

tap_run 'the packages build, and the unit tests pass in there' builds
[ "$tap_failed" -eq 0 ] || tap_done
tap_run 'the core has the tool, its object, the unit for an interface and the manual' \
	has '' /usr/sbin/xdp-ipfilter '/usr/lib.*/bpf/xdp_ipfilter.o' '.*/xdp-ipfilter@.service' \
	'.*/man8/xdp-ipfilter.8.*' '.*/completions/xdp-ipfilter'
tap_run 'sync has its programs and its unit' has sync '.*/xdp-ipfilter-sync' \
	'.*/xdp-ipfilter-source' '.*/xdp-ipfilter.service'
tap_run 'metrics has its program and its units' has metrics '.*/xdp-ipfilter-metrics' \
	'.*/xdp-ipfilter-metrics.socket'
tap_run 'mmdb and top have their programs' eval \
	"has mmdb '.*/xdp-ipfilter-mmdb' && has top '.*/xdp-ipfilter-top'"
tap_run 'the core needs only libxdp, libbpf, libelf, zlib and jansson' core_is_small
tap_run 'what is unpacked runs, and is stripped' runs
tap_run 'rpmlint finds no error' is_clean
for file in "$built"/*.rpm; do
	printf '# %s: %d KiB\n' "${file##*/}" $(($(stat -c %s "$file") / 1024))
done
tap_done
