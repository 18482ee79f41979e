#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does a Debian kernel for the virtual machine come from?
#
#     kernels.sh [-a ARCHITECTURE] VERSION
#
# VERSION is 5.10, 6.1, 6.12, ..., or newest: the newest of Debian sid. ARCHITECTURE is Debian's
# name of it: amd64 (the default) or arm64.
#
# Prints a folder that holds `vmlinuz`, `modules.cpio` (an initramfs piece: the modules that tests
# need, and /modules.list: their files and options in the order of loading) and `release` (what
# uname -r will say). The folder is made on the first call and re-used afterwards; remove it to get
# a newer build of that kernel. Nothing is installed: the packages are downloaded and unpacked.
#
# Each Debian release serves one line of kernels, and any Debian (or Ubuntu, with
# debian-archive-keyring) can fetch all of them: testing/debian.sh.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 this machine cannot have that kernel (reason on stderr).

set -euo pipefail

# netdevsim is not in every kernel; the others must be there, built in or as modules.
modules="virtio_pci 9pnet 9pnet_virtio 9p overlay
	veth virtio_net tun bridge 8021q dummy macvlan bonding"
optional="netdevsim ipip sit ip_gre ip6_gre ip6_tunnel wireguard pppoe ip_vti xfrm_interface vcan nlmon ifb vrf
	ipvlan"

die()  { echo "kernels.sh: $*" >&2; exit 1; }
skip() { echo "kernels.sh: skipped: $*" >&2; exit 77; }

architecture=amd64
if [[ ${1:-} == -a && $# -gt 1 ]]; then
	architecture=$2
	shift 2
fi
[[ $# -eq 1 && $1 =~ ^([0-9]+\.[0-9]+|newest)$ && $architecture =~ ^(amd64|arm64)$ ]] ||
	{ echo "usage: kernels.sh [-a amd64|arm64] VERSION  (5.10, 6.1, 6.12, newest)" >&2; exit 2; }
version=$1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/vm
kernel=$cache/$version
[[ $architecture == amd64 ]] || kernel+=-$architecture

# shellcheck source=../cached.sh
. "$(dirname "$0")/../cached.sh"
cached_or_exit "$kernel"

PATH=$PATH:/usr/sbin:/sbin
for tool in depmod modprobe cpio flock; do
	command -v "$tool" >/dev/null || skip "no $tool here (Debian packages: kmod cpio util-linux)"
done
# shellcheck source=../debian.sh
. "$(dirname "$0")/../debian.sh"
reason=$(debian_lacks) || skip "$reason"

# Which release serves this line as its own?
case $version in
5.10) suite=bullseye ;;
6.1) suite=bookworm ;;
6.12) suite=trixie ;;
*) suite=sid ;; # has the newest line, whatever its number is now
esac

# The newest build of the line. Release candidates (6.19~rc2) do not count.
newest() {
	local line=${version/./\\.}
	[[ $version != newest ]] || line='[0-9]+\.[0-9]+'
	apt-cache pkgnames "linux-image-" |
		grep -E "^linux-image-${line}[.+][^-~]*(-[0-9]+)?-$architecture\$" | sort -V | tail -n 1
}

# From Debian 14 on the image is a package that depends on others of its release, which hold the
# kernel and the modules.
parts() {
	echo "$1"
	apt-cache depends "$1" | sed -n 's/^[ |]*Depends: //p' | grep -F -- "-${1#linux-image-}" || true
}

cached_begin "$kernel"
debian_apt "$work/apt" $suite "$architecture" >&2 9>&-
name=$(newest) || true
[[ $name ]] || skip "no kernel $version for $architecture in Debian's $suite" \
	"(no network, a mirror without that release, or an old debian-archive-keyring)"
release=${name#linux-image-}

root=$work/root
mkdir "$work/packages"
# shellcheck disable=SC2046  # names are words
(cd "$work/packages" && apt-get -qq download $(parts "$name")) >&2 9>&- ||
	skip "cannot download $name"
for package in "$work"/packages/*.deb; do
	dpkg-deb -x "$package" "$root" || die "cannot unpack $package"
done
[[ -e $root/lib ]] || ln -s usr/lib "$root/lib" # packages since Debian 13 use /usr/lib/modules
depmod -b "$root" "$release" || die "depmod failed for $release"

# unpacked FILE: a module's bytes, because busybox and older kernels cannot load packed ones
unpacked() {
	local tool
	case $1 in
	*.xz) tool=xz ;;
	*.zst) tool=zstd ;;
	*.gz) tool=gzip ;;
	*) tool='' ;;
	esac
	if [[ ! $tool ]]; then
		cat "$1"
		return
	fi
	command -v "$tool" >/dev/null || skip "no $tool here (Debian packages: xz-utils zstd gzip)"
	"$tool" -dcq "$1" || die "cannot unpack $1"
}

# --show-depends prints "insmod PATH [OPTION...]" in the order of loading, or "builtin NAME".
image=$work/image
mkdir -p "$image/modules"
order() { modprobe -d "$root" -S "$release" --show-depends "$1"; }
for module in $modules $optional; do
	if ! steps=$(order "$module" 2>&1); then
		[[ " $optional " == *" $module "* ]] && continue
		die "$release: $steps"
	fi
	while read -r verb path _; do
		[[ $verb == insmod ]] || continue
		file=$(basename "$path")
		file=${file%%.ko*}.ko
		[[ -e $image/modules/$file ]] && continue
		unpacked "$path" >"$image/modules/$file"
		case $file in # or they bring an interface along
		dummy.ko)   file+=" numdummies=0" ;;
		bonding.ko) file+=" max_bonds=0" ;;
		esac
		echo "$file" >>"$image/modules.list"
	done <<<"$steps"
done

mkdir "$work/done"
(cd "$image" && find . | cpio --quiet -o -H newc) >"$work/done/modules.cpio" || die "cpio failed"
for vmlinuz in "$root/boot/vmlinuz-$release" "$root/lib/modules/$release/vmlinuz"; do
	[[ ! -e $vmlinuz ]] || cp "$vmlinuz" "$work/done/vmlinuz"
done
[[ -e $work/done/vmlinuz ]] || die "no vmlinuz in $name"
echo "$release" >"$work/done/release"
cached_finish "$work/done" "$kernel"
