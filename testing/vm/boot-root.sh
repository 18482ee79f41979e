#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where does the root of a Debian with systemd come from?
#
#     boot-root.sh SUITE       (bookworm, trixie)
#
# Prints a folder with a small Debian of that release, in which the tool finds its libraries and
# systemd can be process 1. The folder is made by debootstrap on the first call and re-used
# afterwards. Do not change it: machines start from copies.
#
# Exit codes: 0 done; 1 failed; 2 usage; 77 this machine cannot have that root (reason on stderr).

set -euo pipefail

skip() { echo "boot-root.sh: skipped: $*" >&2; exit 77; }

[[ $# -eq 1 && $1 =~ ^[a-z]+$ ]] ||
	{ echo "usage: boot-root.sh SUITE  (bookworm, trixie)" >&2; exit 2; }
suite=$1

# From Debian 13 on, the names of some libraries end in t64.
late=t64
[[ $suite != bookworm ]] || late=
packages="systemd,udev,dbus,iproute2,python3-minimal,libpython3-stdlib,zlib1g,libxdp1,libbpf1,libjansson4"
packages+=",libelf1$late,libcurl4$late,libconfuse2,libmnl0,libmaxminddb0,libmicrohttpd12$late,libncursesw6"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-ipfilter/vm
root=$cache/root-$suite

# shellcheck source=../debian.sh
. "$(dirname "$0")/../debian.sh"
# shellcheck source=../cached.sh
. "$(dirname "$0")/../cached.sh"
cached_or_exit "$root"

PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || skip "no debootstrap (Debian package: debootstrap)"
[[ $(id -u) -eq 0 ]] || skip "only root can run debootstrap"
reason=$(debian_lacks) || skip "$reason"

cached_begin "$root"
debootstrap --variant=minbase --keyring="$debian_keyring" --include="$packages" "$suite" "$work/root" \
	"$(debian_mirror Debian http://deb.debian.org/debian)" >"$work/log" 2>&1 9>&- ||
	skip "debootstrap made no $suite: $(tail -n 1 "$work/log")"
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
chmod 755 "$work/root"
cached_finish "$work/root" "$root"
