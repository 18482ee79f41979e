#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does the root of a Debian with systemd come from?
#
#     root.sh SUITE        (bookworm, trixie)
#
# Prints a folder with a small Debian of that release, in which the tool finds its libraries and
# systemd can be process 1. The folder is made by debootstrap on the first call and re-used
# afterwards. Do not change it: machines start from copies.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 this machine cannot have that root (reason on stderr).
#
# Invariant: a folder named root-SUITE is whole. It is made under another name and then renamed.

set -euo pipefail

skip() { echo "root.sh: skipped: $*" >&2; exit 77; }

[[ $# -eq 1 && $1 =~ ^[a-z]+$ ]] || { echo "usage: root.sh SUITE  (bookworm, trixie)" >&2; exit 2; }
suite=$1

# From Debian 13 on, the names of some libraries end in t64.
late=t64
[[ $suite != bookworm ]] || late=
packages="systemd,udev,dbus,iproute2,python3-minimal,libpython3-stdlib,zlib1g,libxdp1,libbpf1,libjansson4"
packages+=",libelf1$late,libcurl4$late,libconfuse2,libmnl0,libmaxminddb0,libmicrohttpd12$late,libncursesw6"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/vm
root=$cache/root-$suite
recipe=$(sha256sum <"$0")

fresh() { [[ -d $root && $(cat "$root/recipe") == "$recipe" ]]; }
if fresh; then
	echo "$root"
	exit 0
fi

PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || skip "no debootstrap (Debian package: debootstrap)"
[[ $(id -u) -eq 0 ]] || skip "only root can run debootstrap"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -e $keyring ]] || skip "no $keyring (Debian package: debian-archive-keyring)"

mkdir -p "$cache"
exec 9>"$cache/root.lock"
flock 9
if fresh; then # another run made it while we waited
	echo "$root"
	exit 0
fi

rm -rf "$cache"/new-root.*
work=$(mktemp -d "$cache/new-root.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2016  # apt expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
	'Label: Debian' 2>/dev/null | sed -n 1p) || true
debootstrap --variant=minbase --keyring="$keyring" --include="$packages" "$suite" "$work/root" \
	"${mirror:-http://deb.debian.org/debian}" >"$work/log" 2>&1 9>&- ||
	skip "debootstrap made no $suite: $(tail -n 1 "$work/log")"
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
chmod 755 "$work/root"
echo "$recipe" >"$work/root/recipe"

rm -rf "$root"
mv "$work/root" "$root"
echo "$root"
