#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What does a frame cost?
#
#     run.sh [OBJECT]
#
# CPU time per frame by BPF_PROG_TEST_RUN, in nanoseconds and as a multiple of a floor program
# measured in between. REPEAT (3000000) frames a measurement, ROUNDS (5) measurements each. Exit
# codes: 0 measured; 1 failed; 77 skipped: no XDP program can be loaded here (the reason is on
# stdout).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

make --no-print-directory -C "$here" >&2
exec "$here/bench" "$@"
