#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which tests depend on the kernel, and are run in a virtual machine?
#
# Runs inside the guest. Each program's report goes to $VM_OUT, and its exit status and the report's
# name to $VM_OUT/programs, which testing/run.sh reads. Exit status 1 when one failed.
set -u

failed=0

# report NAME COMMAND...: until it is done, the status that stands for it is that of a kill, so that a
# guest which ends in the middle leaves a failure
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

tap() {
	"$@" >"$VM_OUT/${1##*/}.tap" 2>"$VM_OUT/${1##*/}.err"
}

# On the oldest kernel no chains, which it has not, no interfaces above and below that forbid each
# other programs (5.15), and nothing that is the same everywhere: what is read from files and
# arguments. Where it differs, test_kernels.py says how.
e2e=(testing/e2e)
case $(uname -r) in
5.10.*)
	e2e=(-m 'not dispatcher')
	for name in kernels atomic capabilities crash errors load packets rules run safety sets status traffic; do
		e2e+=("testing/e2e/test_$name.py")
	done
	;;
esac

report test_verifier.tap tap testing/bpf/test_verifier
FRAMES=20000 report test_random.tap tap testing/bpf/test_random
report check-examples.tap tap testing/docs/check-examples
report junit.xml /usr/bin/python3 -m pytest -p no:cacheprovider -q "${e2e[@]}" \
	--junitxml="$VM_OUT/junit.xml"
# Last: its rules that ended long ago need a machine that has been up for a while.
report test_packets.tap tap testing/bpf/test_packets
exit $failed
