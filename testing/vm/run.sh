#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What does a command do on another kernel?
#
#     run.sh -k VERSION [-a ARCHITECTURE] [-s RELEASE] [-t SECONDS] [-m MEMORY] [-o OUTDIR]
#            [-r ROOT] -- COMMAND [ARG...]
#
# Boots Debian's kernel VERSION (5.10, 6.1, 6.12, newest) in qemu, without KVM and without a
# network. The guest sees the root of this machine and its programs, read-only. Everything that it
# writes goes to memory and is lost at the end, except the files in $VM_OUT, which go to OUTDIR.
# COMMAND runs as root in the folder of this checkout. Its output appears here while it runs. /tmp
# and /run start empty. $VM_KERNEL is the output of uname -r. Do not change files that the guest
# reads while it runs: it caches them.
#
# With -r the guest boots systemd from ROOT, with two network cards (testing/vm/boot.sh).
#
# With -a arm64 or -s RELEASE the root of the guest is that of testing/root.sh, a Debian of that
# architecture or release. The checkout must be built for it, as testing/cross.sh and
# testing/debian-build.sh do it. $VM_PROGRAMS is then the script that provides the programs.
#
# Exit codes: that of COMMAND, or
#     2  usage
#    70  the guest ended without an exit code (crash); the end of the console is shown
#    71  COMMAND ended, but the kernel complained (BUG, Oops, WARNING, Call Trace); the lines are
#        shown
#    72  the time limit passed; the end of the console is shown
#    77  skipped: no qemu, or no such kernel; the reason is on stderr
#
# Invariant: whatever ends this script, its qemu ends and its temporary files are removed. (After
# SIGKILL, qemu ends at the time limit.)

set -euo pipefail

say()  { echo "run.sh: $*" >&2; }
skip() { say "skipped: $*"; exit 77; }
usage() {
	[[ $# -eq 0 ]] || say "$*"
	echo "usage: run.sh -k VERSION [-a amd64|arm64] [-s RELEASE] [-t SECONDS] [-m MEMORY] [-o OUTDIR]" \
		"[-r ROOT] -- COMMAND [ARG...]" >&2
	exit 2
}

version='' architecture=amd64 release='' seconds=600 memory=2G outdir='' root='' boot=no programs=/
provider=''
while getopts k:a:s:t:m:o:r: option; do
	case $option in
	k) version=$OPTARG ;;
	a) architecture=$OPTARG ;;
	s) release=$OPTARG ;;
	t) seconds=$OPTARG ;;
	m) memory=$OPTARG ;;
	o) outdir=$OPTARG ;;
	r) root=$OPTARG boot=yes ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[[ $version ]] || usage "no kernel version"
[[ $# -gt 0 ]] || usage "no command"
[[ $seconds =~ ^[1-9][0-9]*$ ]] || usage "'$seconds': not a number of seconds"
[[ $memory =~ ^[1-9][0-9]*[MG]$ ]] || usage "'$memory': not a size such as 512M or 2G"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(cd "$here/../.." && pwd -P)

command -v cpio >/dev/null || skip "no cpio (Debian package: cpio)"
case $architecture in
amd64)
	qemu=(qemu-system-x86_64 -machine q35 -cpu max) package=qemu-system-x86 tty=ttyS0
	;;
arm64)
	qemu=(qemu-system-aarch64 -machine virt -cpu neoverse-n1) package=qemu-system-arm tty=ttyAMA0
	;;
*) usage "'$architecture': not amd64 or arm64" ;;
esac
if [[ $release ]]; then
	root=$("$here/../root.sh" -b -r "$release" "$architecture") || exit
	programs=$root provider=testing/root.sh
elif [[ $architecture != amd64 && ! $root ]]; then
	root=$("$here/../root.sh" -m "$architecture") || exit
	programs=$root provider=testing/root.sh
fi
root=${root:-/}
command -v "${qemu[0]}" >/dev/null || skip "no ${qemu[0]} (Debian package: $package)"
busybox=$(PATH=${programs%/}/usr/bin:${programs%/}/bin command -v busybox) ||
	skip "no busybox (Debian package: busybox-static)"
! ldd "$busybox" >/dev/null 2>&1 || skip "$busybox is not static (Debian package: busybox-static)"
kernel=$("$here/kernels.sh" -a "$architecture" "$version") || exit

work=$(mktemp -d "${TMPDIR:-/tmp}/xdp-ipfilter-vm.XXXXXX")
machine='' reader=''

# Waits, because qemu must not write into the folder that is removed next.
# shellcheck disable=SC2317  # the trap calls it
end() {
	trap '' HUP INT TERM
	for pid in $machine $reader; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [[ $outdir ]]; then
	mkdir -p "$outdir"
fi

# The initramfs is two archives, one after the other: the kernel unpacks both.
mkdir -p "$work"/initramfs/{bin,dev,proc} "$work/share/out"
cp "$busybox" "$work/initramfs/bin/busybox"
cp "$here/init" "$work/initramfs/init"
(cd "$work/initramfs" && find . | cpio --quiet -o -H newc) >"$work/init.cpio"
cat "$kernel/modules.cpio" "$work/init.cpio" >"$work/initrd"

cards=(-net none)
if [[ $boot == yes ]]; then
	cards=()
	for card in eth0 eth1; do
		cards+=(-netdev "user,id=$card,restrict=on" -device "virtio-net-pci,netdev=$card,romfile=")
	done
	: >"$work/share/boot"
fi

share=$work/share console=$work/console
echo "$checkout" >"$share/checkout"
printf '%s' "${provider:+VM_PROGRAMS=$provider }exec" >"$share/command"
printf ' %q' "$@" >>"$share/command"
: >"$share/output"
: >"$share/dmesg"
: >"$console"

# - thread=single: with a thread per CPU, the guest died when the dispatcher was patched under
#   traffic.
# - The watchdogs wait longer, because a guest on a busy machine sometimes stops for a while.
# - timeout(1) ends its qemu, even if this script is killed.
append="console=$tty fb_tunnels=none quiet loglevel=4 panic=-1 oops=panic log_buf_len=4M mitigations=off"
# On a busy host, the check of the timer ends in "IO-APIC + timer doesn't work!".
append+=" no_timer_check net.ifnames=0 watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
read_only=security_model=none,readonly=on,multidevs=remap
timeout --kill-after=5 "$seconds" "${qemu[@]}" -accel tcg,thread=single -smp 2 -m "$memory" \
	-display none -monitor none -serial "file:$console" -no-reboot "${cards[@]}" \
	-kernel "$kernel/vmlinuz" -initrd "$work/initrd" \
	-append "$append" \
	-virtfs "local,path=$root,mount_tag=root,$read_only" \
	-virtfs "local,path=$checkout,mount_tag=checkout,$read_only" \
	-virtfs "local,path=$share,mount_tag=out,security_model=none" </dev/null &
machine=$!
tail --pid="$machine" -s 0.2 -n +1 -f "$share/output" &
reader=$!

ended=0
wait "$machine" || ended=$?
machine=''
wait "$reader" || true
reader=''

if [[ $outdir ]]; then
	cp -R "$share/out/." "$outdir/"
fi

# Only lines of the kernel itself count, with the word right after the time stamp: not the line
# "RETBleed: WARNING: ..." at boot, and no text inside a line. The console has the messages that
# came after dmesg was written.
stamp='^\[[ 0-9.]+\](\[ *[TC][0-9]+\])? '
trouble='WARNING: |BUG: |kernel BUG at |Oops|Call Trace|(watchdog|rcu): (BUG|INFO): |INFO: task |UBSAN|KASAN|general protection'
complaints_in() { grep -aE -m 4 -B 3 -A 25 "$stamp($trouble)" "$1"; }
complaints=$(complaints_in "$share/dmesg" || complaints_in "$console") || true
if [[ $complaints ]]; then
	say "the kernel $version complained:"
	echo "${complaints//$'\r'/}" >&2
fi

give_up() {
	say "$2; the end of the console:"
	tail -n 40 "$console" | tr -d '\r' >&2
	exit "$1"
}
if [[ $ended -eq 124 || $ended -eq 137 ]]; then
	give_up 72 "no end after $seconds seconds"
fi
[[ -e $share/rc ]] || give_up 70 "the guest ended without an exit code"
[[ ! $complaints ]] || exit 71
exit "$(cat "$share/rc")"
