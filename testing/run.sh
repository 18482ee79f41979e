#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs all tests: installs what they need, builds with warnings as errors, runs the suites one after
# the other, and the virtual machines beside them. The last line is "N passed, N failed, N skipped".
# Exits with 0 when something ran and nothing failed. Each test makes and removes its own network
# namespaces; this script keeps its files in one temporary folder and removes it.
#
#	testing/run.sh [--quick|--matrix] [--no-install] [--keep FOLDER] [SUITE...]
#
# The suites of the matrix take longer than CI has: other kernels, libraries, machines, packages.
#
# Test programs report in TAP (testing/lib.sh) or JUnit XML (pytest); testing/tally.py counts.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD

suites=(layers lint build musl packaging hardening units unit fuzz bpf docs e2e bench vm-6.1 vm-6.12
	vm-6.12-rest)
matrix=(vm-5.10 vm-6.1-rest vm-newest vm-trixie vm-sid vm-arm64 cross musl-e2e deb rpm
	fail2ban-trixie boot boot-trixie)

usage() {
	cat <<EOF
usage: testing/run.sh [--quick|--matrix] [--no-install] [--keep FOLDER] [SUITE...]

  --quick        no virtual machines, and fewer random cases (XDP_IPFILTER_QUICK=1)
  --matrix       the suites that take longer than the others together (also: make matrix)
  --no-install   installs no packages (else, as root: those that testing/packages.sh lists, up to
                 285 of them, 330 MB to fetch, where there are none)
  --keep FOLDER  leaves the reports in FOLDER

Suites, in this order: ${suites[*]}
Suites of the matrix: ${matrix[*]}
EOF
}

quick=no
install=yes
keep=
chosen=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--matrix) chosen+=("${matrix[@]}") ;;
	--no-install) install=no ;;
	--keep)
		[ $# -gt 1 ] || {
			usage >&2
			exit 2
		}
		keep=$2
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	-*)
		usage >&2
		exit 2
		;;
	*)
		case " ${suites[*]} ${matrix[*]} " in
		*" $1 "*) chosen+=("$1") ;;
		*)
			printf 'run.sh: %s: no such suite\n' "$1" >&2
			usage >&2
			exit 2
			;;
		esac
		;;
	esac
	shift
done

if [ ${#chosen[@]} -eq 0 ]; then
	for suite in "${suites[@]}"; do
		case $quick/$suite in
		yes/vm-*) ;;
		*) chosen+=("$suite") ;;
		esac
	done
fi

# The distribution's Python, because the packages of pytest and scapy are for that one.
python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
export XDP_IPFILTER=$top/xdp-ipfilter/xdp-ipfilter
[ $quick = no ] || export XDP_IPFILTER_QUICK=1

work=$(mktemp -d) || exit 1
# Each suite leaves three files here: SUITE.counts, SUITE.failures, SUITE.skips.
results=$work/results
mkdir "$results"

# What runs at the moment: `timeout`, which passes a signal on to its process group. And the
# background, which does so too.
running=()
background=()
stop_running() {
	running+=("${background[@]}")
	[ ${#running[@]} -eq 0 ] || kill -TERM "${running[@]}" 2>/dev/null && wait "${running[@]}" 2>/dev/null
}
# shellcheck disable=SC2317 # called by trap
leave() {
	stop_running
	rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

heading() {
	printf '\n== %s\n' "$1"
}

# limited SECONDS COMMAND...: ends it when it hangs, and on Ctrl-C
limited() {
	timeout -k 15 "$@" </dev/null &
	running=($!)
	wait "${running[0]}"
	local status=$?
	running=()
	return $status
}

# add REPORT STATUS PROGRAM: adds what a report says to the figures of the suite
add() {
	local p f s
	read -r p f s < <("$python" testing/tally.py "$1" "$2" "$3" "$results/$suite.skips" "$results/$suite.failures")
	suite_passed=$((suite_passed + ${p:-0}))
	suite_failed=$((suite_failed + ${f:-1}))
	suite_skipped=$((suite_skipped + ${s:-0}))
}

# skip_suite REASON: a suite that can't run here counts as one skipped test
skip_suite() {
	printf '%s\n' "$1" >>"$results/$suite.skips"
	suite_skipped=$((suite_skipped + 1))
}

fail_suite() {
	printf '%s\n' "$1" >>"$results/$suite.failures"
	suite_failed=$((suite_failed + 1))
}

# tap_program SECONDS PROGRAM [ARGUMENT...]
tap_program() {
	local seconds=$1 report=$reports/${2##*/}.tap status before=$suite_failed
	shift
	limited "$seconds" "$@" >"$report" 2>"$report.err"
	status=$?
	add "$report" "$status" "${1#"$top"/}"
	if [ "$suite_failed" -gt "$before" ]; then
		printf -- '-- %s exited with %d and said:\n' "$1" "$status"
		grep -v '^ok ' "$report" | tail -n 200
		tail -n 50 "$report.err"
	fi
}

# Only root may load programs and make network namespaces.
needs_root() {
	[ "$(id -u)" -eq 0 ] && return
	skip_suite 'needs root'
	return 1
}

suite_layers() {
	tap_program 120 testing/layers.sh
}

suite_lint() {
	local check
	tap_program 1800 testing/lint.sh
	for check in testing/lint/check-*; do
		tap_program 120 "$check"
	done
}

suite_build() {
	tap_program 900 testing/build.sh
}

suite_cross() {
	tap_program 1800 testing/cross.sh
}

suite_musl() {
	tap_program 1800 testing/musl.sh
}

# The tool that is linked with musl.
suite_musl_e2e() {
	local status
	needs_root || return
	limited 3600 testing/musl.sh --e2e "$reports/junit.xml" 2>"$reports/err"
	status=$?
	if [ "$status" -eq 77 ]; then
		skip_suite "musl-e2e: $(sed 's/^.*skipped: //' "$reports/err")"
		return
	fi
	cat "$reports/err"
	add "$reports/junit.xml" "$status" musl-e2e
}

suite_packaging() {
	tap_program 900 testing/packaging.sh
	tap_program 300 testing/packaging-debian.sh
}

suite_deb() {
	needs_root && tap_program 5400 testing/deb.sh
}

# The packages of another family than this system's need its tools.
suite_rpm() {
	tap_program 900 testing/rpm.sh
}

suite_hardening() {
	tap_program 120 testing/hardening.sh
}

# The units of systemd, without it as process 1.
suite_units() {
	tap_program 120 testing/units.sh
}

# And with it, as packages of a release of Debian, in a virtual machine.
suite_boot() {
	needs_root && tap_program 4500 testing/vm/boot.sh "$@"
}

# test_programs FOLDER SECONDS: named by their sources, so that one that was not built fails
test_programs() {
	local source
	for source in "$1"/test_*.c; do
		[ -f "$source" ] || fail_suite "$1: no tests"
		CMOCKA_MESSAGE_OUTPUT=TAP tap_program "$2" "$top/${source%.c}"
	done
}

suite_unit() {
	test_programs testing/unit 600
	tap_program 1200 testing/unit/sanitize.sh
}

suite_fuzz() {
	tap_program 900 testing/fuzz/run.sh --replay
}

suite_bpf() {
	needs_root && test_programs testing/bpf 900
}

suite_docs() {
	local check any=no
	for check in testing/docs/check-*; do
		[ -x "$check" ] || continue
		any=yes
		tap_program 600 "$top/$check"
	done
	[ "$any" = yes ] || fail_suite 'testing/docs: no checks'
}

suite_e2e() {
	needs_root || return
	limited 3000 "$python" -m pytest -p no:cacheprovider -q testing/e2e \
		--junitxml="$reports/junit.xml" 2>&1
	add "$reports/junit.xml" $? testing/e2e
}

# The tests of fail2ban's action, with the fail2ban of another release of Debian.
suite_fail2ban() {
	local tree
	needs_root || return
	if ! tree=$(testing/package-tree.sh "$1" fail2ban 2>"$reports/err"); then
		skip_suite "fail2ban-$1: $(tail -n 1 "$reports/err" | sed 's/^.*skipped: //')"
		return
	fi
	FAIL2BAN_TREE=$tree limited 1200 "$python" -m pytest -p no:cacheprovider -q \
		testing/e2e/test_fail2ban.py --junitxml="$reports/junit.xml" 2>&1
	add "$reports/junit.xml" $? testing/e2e/test_fail2ban.py
}

# Are verdicts right under load? `make bench` measures how fast they come.
suite_bench() {
	local status
	needs_root || return
	limited 900 testing/bench/run.sh --quick --output "$reports" >"$reports/out" 2>"$reports/err"
	status=$?
	if [ "$status" -eq 77 ]; then
		skip_suite "bench: $(tail -n 1 "$reports/err" | sed 's/^.*skipped: //')"
		return
	fi
	[ "$status" -eq 0 ] || cat "$reports/out" "$reports/err"
	add "$reports/results.tap" "$status" testing/bench
}

# machine NAME: runs the tests that depend on the kernel on another one; or on another processor or
# release of Debian, with a copy of the tree that is built for it
machine() {
	local tree=$work/$1
	case $1 in
	arm64)
		limited 900 testing/cross.sh --build arm64 "$tree" && machine_runs '' 6.1 -a arm64
		;;
	trixie) machine_of_release 6.12 sid ;;
	sid) machine_of_release newest trixie ;;
	*-rest) tree=. && machine_runs rest "${1%-rest}" ;;
	*) tree=. && machine_runs '' "$1" ;;
	esac
}

# machine_runs PART KERNEL [OPTION...]
machine_runs() {
	limited 3660 "$tree/testing/vm/run.sh" -k "${@:2}" -t 3600 -o "$reports" -- \
		testing/vm/suite.sh "$1"
}

# machine_of_release KERNEL OTHER: with programs of another release, whose libxdp makes chains of
# another format
machine_of_release() {
	local release=${tree##*/} other
	limited 1800 testing/debian-build.sh "$release" "$tree" &&
		other=$(testing/package-tree.sh "$2" xdp-tools libxdp1 libbpf1 libelf1t64 libc6) &&
		cp -R "$other" "$tree/other-libxdp" && machine_runs libxdp "$1" -s "$release"
}

# The machine exits with 77 and a reason when it can't run here.
suite_vm() {
	local kernel=$1 status
	needs_root || return
	machine "$kernel" 2>"$reports/vm.err"
	status=$?
	if [ $status -eq 77 ]; then
		skip_suite "vm-$kernel: $(tail -n 1 "$reports/vm.err" | sed 's/^.*skipped: //')"
		return
	fi
	cat "$reports/vm.err"
	case $status in
	0 | 1) ;;
	70) fail_suite "vm-$kernel: the guest crashed" ;;
	71) fail_suite "vm-$kernel: the kernel of the guest complained" ;;
	72) fail_suite "vm-$kernel: the guest took too long" ;;
	*) fail_suite "vm-$kernel: exit status $status" ;;
	esac
	add_vm_reports "$kernel"
}

# What the programs reported before a crash still counts.
add_vm_reports() {
	local kernel=$1 program status
	[ -s "$reports/programs" ] || fail_suite "vm-$kernel: no tests ran"
	while read -r status program; do
		add "$reports/$program" "$status" "vm-$kernel: ${program%.*}"
		[ "${program##*.}" = xml ] || grep '^not ok' "$reports/$program"
	done <"$reports/programs"
}

run_suite() {
	local start=$SECONDS
	suite=$1
	suite_passed=0 suite_failed=0 suite_skipped=0
	reports=$work/reports/$suite
	mkdir -p "$reports"
	: >"$results/$suite.skips"
	: >"$results/$suite.failures"

	heading "$suite"
	case $suite in
	vm-*) suite_vm "${suite#vm-}" ;;
	fail2ban-*) suite_fail2ban "${suite#fail2ban-}" ;;
	musl-e2e) suite_musl_e2e ;;
	boot-trixie) suite_boot -k 6.12 -s trixie ;;
	*) "suite_$suite" ;;
	esac

	printf '%d %d %d\n' "$suite_passed" "$suite_failed" "$suite_skipped" >"$results/$suite.counts"
	printf '%s: passed %d, failed %d, skipped %d; %d s\n' "$suite" "$suite_passed" \
		"$suite_failed" "$suite_skipped" $((SECONDS - start))
}

# machines_run SUITE...: virtual machines, which keep one processor busy each. Each is run by the
# first that comes to it, and shown at the end.
machines_run() {
	for suite; do
		mkdir "$work/$suite.taken" 2>/dev/null || continue
		run_suite "$suite" >"$work/$suite.out" 2>&1
	done
}

# machines_begin SUITE...: the other suites keep one processor busy for most of their time.
machines_begin() {
	[ $# -gt 0 ] && [ "$(nproc)" -gt 1 ] || return
	(
		trap 'stop_running; exit 143' TERM
		running=() background=()
		machines_run "$@"
	) &
	background=($!)
}

# machines_end SUITE...: helps with those that are left
machines_end() {
	local each
	[ $# -gt 0 ] || return
	heading "virtual machines: $*"
	machines_run "$@"
	[ ${#background[@]} -eq 0 ] || wait "${background[0]}"
	background=()
	for each; do
		cat "$work/$each.out"
	done
}

# finish: prints what failed, why tests were skipped, and the last line
finish() {
	local p f s passed=0 failed=0 skipped=0
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done < <(cat "$results"/*.counts)
	[ -z "$keep" ] || { mkdir -p "$keep" && cp -r "$work/reports/." "$keep"; }
	if [ "$failed" -gt 0 ]; then
		heading 'failed'
		cat "$results"/*.failures
	fi
	if [ "$skipped" -gt 0 ]; then
		heading 'skipped, and why'
		sort "$results"/*.skips | uniq -c | sort -rn
	fi
	printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ $((passed + failed)) -gt 0 ]
	exit
}

# broken WHAT: a failure before the suites counts as one failed test
broken() {
	printf 'build: %s\n' "$1" >"$results/build.failures"
	printf '0 1 0\n' >"$results/build.counts"
}

# About how many seconds a suite takes on an idle machine with two processors. Virtual machines run
# beside the others.
usual_seconds() {
	case $1 in
	vm-trixie | vm-sid) echo 700 ;;
	vm-*) echo 1100 ;;
	deb) echo 900 ;;
	e2e) echo 1600 ;;
	musl-e2e) echo 600 ;;
	lint) echo 120 ;;
	cross) echo 100 ;;
	boot*) echo 600 ;;
	build | musl | unit | fuzz | bpf | docs | bench | packaging) echo 60 ;;
	*) echo 2 ;;
	esac
}

say_what_comes() {
	local suite seconds total=30
	for suite in "${chosen[@]}"; do
		total=$((total + $(usual_seconds "$suite")))
	done
	printf 'run.sh: %s: about %d minutes on two processors\n' "${chosen[*]}" $((total / 2 / 60 + 5))
	[ $install = no ] || [ "$(id -u)" -ne 0 ] ||
		printf 'run.sh: first installs the packages that are missing (--no-install does not)\n'
}

say_what_comes
if [ $install = yes ]; then
	testing/packages.sh build test demo bench || {
		broken 'packages are missing'
		finish
	}
fi

heading 'build'
start=$SECONDS
built=no
# A config.mk that is older than the packages does not know them.
[ ! -f config.mk ] || make -s reconfigure >"$work/build.log" 2>&1
if make -j"$(nproc)" STRICT=1 all tests >>"$work/build.log" 2>&1; then
	built=yes
	printf 'built without a warning; %d s\n' $((SECONDS - start))
else
	cat "$work/build.log"
	broken 'make STRICT=1 failed'
fi

machines=()
others=()
for each in "${chosen[@]}"; do
	case $built/$each in
	yes/vm-*) machines+=("$each") ;;
	# Suites that read sources, and those that try configure, help to find out why the build
	# fails.
	yes/* | */layers | */lint | */build) others+=("$each") ;;
	esac
done
machines_begin "${machines[@]}"
for each in "${others[@]}"; do
	run_suite "$each"
done
machines_end "${machines[@]}"
finish
