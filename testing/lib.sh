# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# How does a test script report? Source this file for the Test Anything Protocol, which
# testing/tally.py counts, for a folder of the script's own, and for the list of the tree's files.
#
#	. "$(dirname "$0")/lib.sh"
#	tap_result "three is odd" $((3 % 2 == 1 ? 0 : 1))
#	tap_skip "the man page renders" "no man here"
#	tap_done
#
# A result is "ok N - NAME" or "not ok N - NAME", or "ok N - NAME # SKIP REASON" for a test that
# this machine can't run. The last line is the plan "1..N"; a script that prints none counts as
# crashed. Everything else that is printed is for people to read.

tap_count=0
tap_failed=0

# tap_result NAME STATUS: passed when STATUS is 0
tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$2" -eq 0 ]; then
		printf 'ok %d - %s\n' "$tap_count" "$1"
	else
		tap_failed=$((tap_failed + 1))
		printf 'not ok %d - %s\n' "$tap_count" "$1"
	fi
}

# make_scratch: makes the folder $scratch, which goes when the script ends, also by a signal
make_scratch() {
	scratch=$(mktemp -d) || exit 1
	trap 'rm -rf "$scratch"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# tap_run NAME COMMAND...: passed when the command exits with 0; else its output is shown
tap_run() {
	local name=$1 said status=0
	shift
	said=$("$@" 2>&1) || status=$?
	[ "$status" -eq 0 ] || printf '%s\n' "$said"
	tap_result "$name" "$status"
}

# files_of_git OPTION...: the files that a build does not make. The clone may be another user's, and
# git must accept that: running the tests means trusting the tree anyway.
files_of_git() {
	git -c safe.directory="$PWD" -c core.fsmonitor=false "$@" ls-files -co --exclude-standard 2>/dev/null
}

# In an unpacked tarball, git knows by .gitignore what a build has made.
files_of_tarball() {
	local empty status
	empty=$(mktemp -d) && git init -q --bare "$empty" 2>/dev/null &&
		files_of_git --git-dir="$empty" --work-tree=.
	status=$?
	rm -rf "$empty"
	return "$status"
}

# all_files: what git tracks or would add; without git, all that do not look like built ones
all_files() {
	if [ -e .git ]; then
		files_of_git && return
	else
		files_of_tarball && return
	fi
	find . -name .git -prune -o -path ./build -prune -o -type f ! -name '*.[oad]' ! -name .flags \
		! -name config.mk ! -name xdp-ipfilter.8 -print | cut -c 3-
}

# tree_files PATTERN...: the files of the tree whose top is the working directory. A pattern's *
# matches a / as well. Fails when there are none, because a check of no files would pass.
tree_files() {
	local file pattern status=1
	while read -r file; do
		[ -f "$file" ] || continue
		for pattern; do
			# shellcheck disable=SC2053 # a pattern
			if [[ $file == $pattern ]]; then
				printf '%s\n' "$file"
				status=0
				break
			fi
		done
	done < <(all_files)
	[ "$status" -eq 0 ] || printf '%s: there is no %s\n' "$PWD" "$*" >&2
	return "$status"
}

# tree_copy FOLDER: copies the tree's files, to build there with other flags or another compiler
tree_copy() {
	local list
	list=$(tree_files '*') || return
	mkdir -p "$1" && printf '%s\n' "$list" | tar -c -T - | tar -x -C "$1"
}

# tap_skip NAME REASON
tap_skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# Ends the script: prints the plan and exits with 1 when a test failed.
tap_done() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}
