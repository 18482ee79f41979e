#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the long forms of the tests that repeat something: commands killed at every system call,
# sixteen commands at once for a minute, thousands of loads, rebuilds, replaces and small changes.
# Needs root, and takes about an hour here and another in each virtual machine.
#
#	testing/campaigns.sh [host|6.1|6.12]...
#
# Each test prints its figures (counts, rates, seeds). Exits with 0 when all of them passed.
set -u
cd "$(dirname "$0")/.." || exit 1

[ $# -gt 0 ] || set -- host 6.1 6.12

# The tests with neighbours in a chain run in virtual machines, where a dispatcher always works.
everywhere=(testing/e2e/test_crash.py testing/e2e/test_many.py testing/e2e/test_large.py)
here=(testing/e2e/test_endurance.py
	testing/e2e/test_atomic.py::test_a_replace_under_traffic_never_lets_the_common_rule_slip)
chained=(testing/e2e/test_chain.py::test_no_packet_slips_or_is_lost_while_chain_and_rules_change)

long=(env XDP_IPFILTER_LONG=1 PYTHONDONTWRITEBYTECODE=1
	/usr/bin/python3 -m pytest -p no:cacheprovider -v -rA --durations=20)
failed=0
for where; do
	printf '\n== %s\n' "$where"
	case $where in
	host) "${long[@]}" "${everywhere[@]}" "${here[@]}" ;;
	*) testing/vm/run.sh -k "$where" -t 14400 -- "${long[@]}" "${chained[@]}" "${everywhere[@]}" ;;
	esac || failed=1
done
exit $failed
