#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which tests depend on the kernel, and run in a virtual machine?
#
#	suite.sh [rest|libxdp]
#
# This script runs inside the guest. It writes the report of each program to $VM_OUT, and the exit
# status and the name of the report to $VM_OUT/programs, which testing/run.sh reads. Exits with 1 if
# a program failed.
set -u

failed=0

# report NAME COMMAND...: until the command is done, its recorded status is that of a kill. A guest
# that ends in the middle therefore leaves a failure.
report() {
	local name=$1 status
	shift
	printf -- '-- %s\n' "$name"
	printf '137 %s\n' "$name" >>"$VM_OUT/programs"
	"$@"
	status=$?
	[ $status -eq 0 ] || failed=1
	sed -i "\$s/^137/$status/" "$VM_OUT/programs"
}

# Prints whether each program that the tests call is there. If testing/root.sh made the guest's
# root, a missing one is its mistake: no reason to skip tests, or to let each fail in its own way.
tools() {
	local tool missing=0
	local tools=(awk bash bpftool busybox diff dmesg ethtool find grep hostname ip ipset make mount
		nsenter openssl pgrep ping prlimit ps /usr/bin/python3 sed setarch setpriv sh ss stdbuf
		strace tar tcpdump timeout umount unshare wg xdp-filter xdp-loader xdpdump)
	for tool in "${tools[@]}"; do
		if command -v "$tool" >/dev/null; then
			printf 'ok - %s is there\n' "$tool"
		else
			printf 'not ok - %s is not there: %s lacks its package\n' "$tool" "$VM_PROGRAMS"
			missing=1
		fi
	done
	printf '1..%d\n' ${#tools[@]}
	return "$missing"
}

tap() {
	"$@" >"$VM_OUT/${1##*/}.tap" 2>"$VM_OUT/${1##*/}.err"
}

# Tests of files, arguments and messages are the same everywhere, and so is what a source program
# does with a server, but for routing tables. The oldest kernel runs no tests of chains, which it
# lacks, and none of interfaces whose programs exclude each other (5.15). test_kernels.py tests
# where that kernel differs. On the two kernels of CI, the tests that depend most on the kernel are
# one suite, and the others the next (rest). On 6.12 the first takes more of them, so that the two
# processors of CI have done at the same time; large tables are left to the kernel of the host and,
# in the matrix, to 6.1. With another libxdp and BPF compiler (libxdp), packets and chains count,
# and test_formats.py.
most=(advice chain enforce kernels links load repair rules status sync_interfaces traffic upgrade
	waits watch writers)
more=(confirm crash safety source_route sync top)
never=(databases errors fail2ban feeds files fleet help metrics_heaviest metrics_hostile
	metrics_server metrics_shared offline source_crowdsec source_etcd source_file source_sandbox
	source_url sync_config sync_crowdsec sync_etcd sync_hostile sync_route sync_status sync_url
	sync_where top_screen)
only() {
	e2e=("${@/%/.py}")
	e2e=("${e2e[@]/#/testing/e2e/test_}")
}
without() {
	local folder=testing/e2e
	e2e=("${@/%/.py}")
	e2e=("$folder" "${e2e[@]/#/--ignore=$folder/test_}")
}
case $(uname -r)/${1:-} in
5.10.*)
	only kernels atomic capabilities confirm crash enforce errors load metrics packets rules run \
		safety sets status top traffic watch
	e2e+=(-m 'not dispatcher')
	;;
*-arm64/) only kernels load packets rules chain status traffic watch top links ;;
6.1.*/) only "${most[@]}" ;;
6.12.*/) only "${most[@]}" "${more[@]}" ;;
*/libxdp)
	export OTHER_LIBXDP=$PWD/other-libxdp
	only formats chain repair upgrade load packets rules status traffic
	;;
6.12.*/rest) without "${never[@]}" "${most[@]}" "${more[@]}" large ;;
*/rest) without "${never[@]}" "${most[@]}" ;;
*) without "${never[@]}" ;;
esac

e2e() {
	report junit.xml /usr/bin/python3 -m pytest -p no:cacheprovider -q "${e2e[@]}" \
		--junitxml="$VM_OUT/junit.xml"
}

if [ "${VM_PROGRAMS:-}" ]; then
	report tools.tap tap tools
	[ $failed -eq 0 ] || exit 1
fi
if [ "${1:-}" = rest ]; then
	e2e
	exit $failed
fi
# Only here does a kernel try the filter of system calls of another processor.
[ "$(uname -m)" = x86_64 ] ||
	CMOCKA_MESSAGE_OUTPUT=TAP report test_sandbox.tap tap testing/unit/test_sandbox
report test_verifier.tap tap testing/bpf/test_verifier
report test_events.tap tap testing/bpf/test_events
report test_lookers.tap tap testing/bpf/test_lookers
FRAMES=20000 report test_random.tap tap testing/bpf/test_random
[ "$(uname -m)" != x86_64 ] || report check-examples.tap tap testing/docs/check-examples
e2e
# This is the last: it has rules that ended long ago, so the machine must have been up for a while.
report test_packets.tap tap testing/bpf/test_packets
exit $failed
