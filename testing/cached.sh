# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# How does a script keep a folder that takes long to make? Source this file.
#
#	cached_or_exit FOLDER       # ends the script if the folder is there
#	cached_begin FOLDER         # now make it, as $work/NAME
#	cached_finish "$work/NAME" FOLDER
#
# The folder is made on the first call and re-used afterwards; remove it to make it anew. A changed
# script makes what it made before stale. A folder of that name is whole: it is made under another
# one, and then renamed. `set -e` must be on.

cached_is_fresh() {
	[[ -d $1 && $(cat "$1/recipe") == "$(sha256sum <"$0")" ]]
}

# cached_or_exit FOLDER: prints its name and ends the script if it is there
cached_or_exit() {
	if cached_is_fresh "$1"; then
		echo "$1"
		exit 0
	fi
}

# cached_begin FOLDER: waits until no other run makes it, and looks again; then $work is an empty
# folder beside it, which is removed when the script ends. Descriptor 9 has the lock: close it for
# what may outlive the script.
cached_begin() {
	mkdir -p "${1%/*}"
	exec 9>"$1.lock"
	flock 9
	cached_or_exit "$1"
	rm -rf "$1".new.* # left by killed runs: only one run holds the lock
	work=$(mktemp -d "$1.new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# cached_finish MADE FOLDER: what was made in $work becomes the folder, whose name is printed
cached_finish() {
	sha256sum <"$0" >"$1/recipe"
	rm -rf "$2"
	mv "$1" "$2"
	echo "$2"
}
