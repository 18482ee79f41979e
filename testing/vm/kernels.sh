#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does a Debian kernel for the virtual machine come from?
#
#     kernels.sh VERSION        (6.1, 6.12, ...)
#
# Prints a folder that holds `vmlinuz`, `modules.cpio` (an initramfs piece: the modules that tests
# need, and /modules.list: their files and options in the order of loading) and `release` (what
# uname -r will say). The folder is made on the first call and re-used afterwards; remove it to get
# a newer build of that kernel. Nothing is installed: the package is downloaded and unpacked.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 this machine cannot have that kernel (reason on stderr).
#
# Invariant: a folder named VERSION is whole. It is made under another name and then renamed.

set -euo pipefail

# netdevsim is not in every kernel; the others must be there, built in or as modules.
modules="virtio_pci netfs 9pnet 9pnet_virtio 9p overlay
	veth virtio_net tun bridge 8021q dummy macvlan bonding"
optional="netdevsim"

die()  { echo "kernels.sh: $*" >&2; exit 1; }
skip() { echo "kernels.sh: skipped: $*" >&2; exit 77; }

[[ $# -eq 1 && $1 =~ ^[0-9]+\.[0-9]+$ ]] || { echo "usage: kernels.sh VERSION  (6.1, 6.12)" >&2; exit 2; }
version=$1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/vm
kernel=$cache/$version

# A changed list of modules makes what is cached stale.
recipe=$(sha256sum <"$0")

fresh() { [[ -d $kernel && $(cat "$kernel/recipe") == "$recipe" ]]; }
if fresh; then
	echo "$kernel"
	exit 0
fi

PATH=$PATH:/usr/sbin:/sbin
for tool in apt-cache apt-get dpkg dpkg-deb depmod modprobe cpio flock; do
	command -v "$tool" >/dev/null || skip "no $tool here (Debian packages: apt dpkg kmod cpio util-linux)"
done
[[ $(dpkg --print-architecture) == amd64 ]] || skip "only amd64 kernels are known here"

# The package of a version line: what a meta package points to, which is the newest build. On
# Debian 12 that is linux-image-amd64 for 6.1 and linux-image-6.12-amd64 (security) for 6.12; on
# Debian 13 linux-image-amd64 is 6.12. Other archives may have the package without a meta package.
package() {
	local line=linux-image-$version pattern="^linux-image-${version/./\\.}\.[^-]*(-[0-9]+)?-amd64\$"
	{
		apt-cache pkgnames "$line." | grep -E "$pattern" | sort -V
		apt-cache depends "$line-amd64" linux-image-amd64 2>/dev/null |
			sed -n 's/^[ |]*Depends: //p' | grep -E "$pattern"
	} | tail -n 1
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if fresh; then # another run made it while we waited
	echo "$kernel"
	exit 0
fi

rm -rf "$cache"/new.* # of runs that were killed: whoever holds the lock is alone
work=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

name=$(package) || true
[[ $name ]] || skip "no package linux-image-$version.*-amd64 in the lists of apt" \
	"(another release, or apt-get update is needed)"

# As root, apt would warn that its own user cannot write to our folder.
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$name") >&2 9>&- ||
	skip "cannot download $name"

root=$work/root
dpkg-deb -x "$work"/*.deb "$root" || die "cannot unpack $name"
rm "$work"/*.deb
[[ -e $root/lib ]] || ln -s usr/lib "$root/lib" # packages since Debian 13 use /usr/lib/modules
release=$(basename "$root"/lib/modules/*)
depmod -b "$root" "$release" || die "depmod failed for $release"

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
		case $file in
		# Unpacked here, because busybox and older kernels cannot load packed ones.
		*.xz)  file=${file%.xz};  xz -dc "$path" ;;
		*.zst) file=${file%.zst}; zstd -dcq "$path" ;;
		*.gz)  file=${file%.gz};  gzip -dc "$path" ;;
		*)     cat "$path" ;;
		esac >"$work/module" || die "cannot unpack $path"
		[[ -e $image/modules/$file ]] && continue
		mv "$work/module" "$image/modules/$file"
		case $file in # or they bring an interface along
		dummy.ko)   file+=" numdummies=0" ;;
		bonding.ko) file+=" max_bonds=0" ;;
		esac
		echo "$file" >>"$image/modules.list"
	done <<<"$steps"
done

mkdir "$work/done"
(cd "$image" && find . | cpio --quiet -o -H newc) >"$work/done/modules.cpio" || die "cpio failed"
mv "$root/boot/vmlinuz-$release" "$work/done/vmlinuz"
echo "$release" >"$work/done/release"
echo "$recipe" >"$work/done/recipe"

rm -rf "$kernel"
mv "$work/done" "$kernel"
echo "$kernel"
