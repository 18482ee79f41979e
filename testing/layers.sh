#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Holds the layers: reads every #include line and names those that break the order.
#
#	testing/layers.sh            the check and its self-test, as TAP
#	testing/layers.sh TREE       only the check, of another tree; exit 1 when something was found
#
# Layers look downward only. Only lib/dataplane uses the kernel's libraries; only the report, which
# writes JSON, the feed that reads it and sources use jansson; only the options use getopt; libcurl,
# libmaxminddb, libmicrohttpd, libmnl, libconfuse and ncurses have one user each. headers/ compiles
# for the BPF target too.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

# offences TREE [FOLDER]: prints FILE:LINE: what is wrong, for each line that breaks a rule
offences() (
	cd "$1" || exit 1
	# Only these folders are in the order; each kind of test may include what it tests.
	shift
	[ $# -gt 0 ] || set -- headers lib xdp-ipfilter testing/unit testing/bpf testing/bench
	# shellcheck disable=SC2016 # for awk to expand
	find "$@" -name '*.[ch]' -type f 2>/dev/null | sort | tr '\n' '\0' | xargs -0 -r awk '
	BEGIN {
		# What each folder may include besides itself; the lowest first. The map in
		# docs/architecture.md is drawn from these lines.
		may["headers"] = " "
		may["lib/bpf"] = " headers "
		may["lib/util"] = " "
		may["lib/sandbox"] = " lib/util "
		may["lib/ruleset"] = " lib/util headers "
		may["lib/cli"] = " lib/util "
		may["lib/feed"] = " lib/ruleset lib/util headers "
		may["lib/table"] = " lib/ruleset lib/util headers "
		may["lib/dataplane"] = " lib/table lib/ruleset lib/util headers "
		may["lib/source"] = " lib/feed lib/ruleset lib/util headers "
		may["lib/control"] = " lib/cli lib/dataplane lib/feed lib/table lib/ruleset lib/util headers "
		may["lib/sync"] = " lib/control lib/source lib/cli lib/dataplane lib/feed lib/table lib/ruleset lib/sandbox lib/util headers "
		may["lib/metrics"] = " lib/sync lib/control lib/source lib/cli lib/dataplane lib/feed lib/table lib/ruleset lib/sandbox lib/util headers "
		may["lib/screen"] = " lib/ruleset lib/util headers "
		may["xdp-ipfilter"] = " lib/screen lib/metrics lib/sync lib/control lib/source lib/cli lib/dataplane lib/feed lib/table lib/ruleset lib/sandbox lib/util headers "
		may["testing/unit"] = " lib/screen lib/metrics lib/sync lib/source lib/cli lib/feed lib/table lib/ruleset lib/sandbox lib/util headers "
		may["testing/bpf"] = " lib/dataplane lib/table lib/ruleset lib/util headers "
		# The bench uses the tool as users do, and knows only what the kernel holds.
		may["testing/bench"] = " lib/util headers "

		# The first part of an include names the folder.
		folder["ipfilter"] = "headers"
		folder["util"] = "lib/util"
		folder["sandbox"] = "lib/sandbox"
		folder["ruleset"] = "lib/ruleset"
		folder["feed"] = "lib/feed"
		folder["table"] = "lib/table"
		folder["cli"] = "lib/cli"
		folder["dataplane"] = "lib/dataplane"
		folder["source"] = "lib/source"
		folder["control"] = "lib/control"
		folder["sync"] = "lib/sync"
		folder["metrics"] = "lib/metrics"
		folder["screen"] = "lib/screen"

		freestanding = " stdbool.h stddef.h stdint.h stdarg.h limits.h "
	}

	function offence(why) {
		printf "%s:%d: <%s>: %s\n", FILENAME, FNR, path, why
	}

	FNR == 1 {
		layer = FILENAME
		sub(/\/[^\/]*$/, "", layer)
		if (FILENAME ~ /\.bpf\.c$/)
			layer = "lib/bpf"
		else if (layer ~ /^headers/)
			layer = "headers"
		else if (layer ~ /^testing\//)
			layer = test_layer(layer)
	}

	function test_layer(name) {
		match(name, /^testing\/[^\/]*/)
		return substr(name, 1, RLENGTH)
	}

	/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		path = $0
		sub(/^[^<"]*[<"]/, "", path)
		sub(/[>"].*$/, "", path)
		part = path
		sub(/\/.*$/, "", part)

		if (path ~ /\.\./) {
			offence("climbs out of its folder")
		} else if (path ~ /\// && part in folder) {
			if (folder[part] != layer && index(may[layer], " " folder[part] " ") == 0)
				offence(layer " may not include " folder[part])
		} else if (part == "bpf" || part == "xdp") {
			if (layer !~ /^(lib\/dataplane|lib\/bpf|testing\/bpf|testing\/bench)$/)
				offence("libbpf and libxdp belong in lib/dataplane")
		} else if (path == "jansson.h") {
			if (FILENAME !~ /^lib\/(cli\/report|feed\/format_ndjson|source\/[a-z_]+|sync\/[a-z_]+)\.c$/)
				offence("jansson belongs in lib/cli/report.c, format_ndjson.c, lib/source, lib/sync")
		} else if (path == "microhttpd.h") {
			if (FILENAME != "lib/metrics/server.c")
				offence("libmicrohttpd belongs in lib/metrics/server.c")
		} else if (path == "curses.h") {
			if (FILENAME != "lib/screen/terminal.c")
				offence("ncurses belongs in lib/screen/terminal.c")
		} else if (path == "maxminddb.h") {
			if (FILENAME != "lib/source/mmdb.c")
				offence("libmaxminddb belongs in lib/source/mmdb.c")
		} else if (part == "curl" || part == "libmnl") {
			if (FILENAME != (part == "curl" ? "lib/source/http.c" : "lib/source/netlink.c"))
				offence("libcurl belongs in lib/source/http.c, libmnl in netlink.c")
		} else if (path == "confuse.h") {
			if (FILENAME != "lib/sync/config_file.c")
				offence("libconfuse belongs in lib/sync/config_file.c")
		} else if (path == "getopt.h") {
			if (FILENAME != "lib/cli/options.c")
				offence("getopt belongs in lib/cli/options.c")
		} else if (layer == "headers") {
			if (part != "linux" && index(freestanding, " " path " ") == 0)
				offence("headers take only <linux/...> and freestanding headers")
		} else if (layer == "lib/util" && part == "linux") {
			offence("lib/util is C and POSIX only")
		}
	}'
)

check_tree() {
	local found
	[ -n "$(cd "$1" && shift && find "${@:-.}" -name '*.[ch]' -type f -print -quit)" ] ||
		{ printf '%s: there is no *.c or *.h\n' "${2:-$1}" && return 1; }
	found=$(offences "$@")
	[ -z "$found" ] || printf '%s\n' "$found"
	[ -z "$found" ]
}

if [ $# -gt 0 ]; then
	check_tree "$1"
	exit
fi

for folder in headers lib/*/ xdp-ipfilter testing/unit testing/bpf testing/bench; do
	folder=${folder%/}
	tap_run "$folder includes only what is below it" check_tree "$here/.." "$folder"
done

# The self-test: each planted line must be found, or be allowed.
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT

# planted WHAT_IS_EXPECTED FILE INCLUDE
planted() {
	local said expected=
	mkdir -p "$tree/$(dirname "$2")"
	printf '/* line one */\n#include %s\n' "$3" >"$tree/$2"
	said=$(offences "$tree" | cut -d : -f 1,2)
	rm "$tree/$2"
	[ "$1" = found ] && expected=$2:2
	[ "$said" = "$expected" ]
	tap_result "self-test: $3 in $2 is $1" $?
}

while read -r expected file include; do
	planted "$expected" "$file" "$include"
done <<'EOF'
found lib/ruleset/planted.c <bpf/bpf.h>
found lib/ruleset/planted.c <dataplane/table.h>
found lib/ruleset/planted.c <table/image.h>
found lib/ruleset/planted.c <feed/reader.h>
found lib/table/planted.c <feed/reader.h>
found lib/dataplane/planted.c <feed/reader.h>
found lib/ruleset/planted.h "cli/report.h"
found lib/util/planted.c <ruleset/prefix.h>
found lib/util/planted.c <linux/bpf.h>
found lib/cli/planted.c <dataplane/table.h>
found lib/cli/planted.c <jansson.h>
found lib/cli/report.h <jansson.h>
found lib/source/planted.c <curl/curl.h>
found lib/source/http.h <curl/curl.h>
found lib/source/planted.c <libmnl/libmnl.h>
found lib/sync/config.c <confuse.h>
allowed lib/sync/config_file.c <confuse.h>
found lib/source/planted.c <maxminddb.h>
found lib/metrics/page.c <microhttpd.h>
allowed lib/metrics/server.c <microhttpd.h>
allowed lib/source/mmdb.c <maxminddb.h>
found lib/screen/top_view.c <curses.h>
found xdp-ipfilter/planted.c <curses.h>
allowed lib/screen/terminal.c <curses.h>
found lib/screen/planted.c <control/iface.h>
found lib/control/planted.c <screen/canvas.h>
allowed xdp-ipfilter/planted.c <screen/canvas.h>
found lib/source/planted.c <dataplane/table.h>
found lib/source/planted.c <control/iface.h>
found lib/control/planted.c <source/job.h>
found lib/source/planted.c <sandbox/sandbox.h>
found lib/sandbox/planted.c <source/job.h>
allowed lib/sync/planted.c <sandbox/child.h>
found lib/control/planted.c <sync/config.h>
found lib/source/planted.c <sync/config.h>
found lib/sync/planted.c <metrics/facts.h>
allowed lib/metrics/planted.c <sync/state.h>
allowed lib/source/http.c <curl/curl.h>
allowed lib/source/netlink.c <libmnl/libmnl.h>
allowed lib/source/planted.c <jansson.h>
allowed lib/control/planted.c <dataplane/table.h>
allowed lib/sync/planted.c <source/job.h>
allowed lib/sync/planted.c <control/transaction.h>
allowed lib/sync/planted.c <jansson.h>
found lib/feed/format.c <jansson.h>
found lib/dataplane/planted.c "../cli/report.h"
found lib/dataplane/planted.c <cli/report.h>
found xdp-ipfilter/planted.c <xdp/libxdp.h>
found xdp-ipfilter/planted.c <getopt.h>
found lib/bpf/planted.bpf.c <util/error.h>
found headers/ipfilter/planted.h <stdio.h>
found headers/ipfilter/planted.h <util/error.h>
found lib/bpf/planted.bpf.c <dataplane/table.h>
found testing/unit/planted.c <bpf/libbpf.h>
found testing/unit/planted.c <dataplane/table.h>
found testing/bench/planted.c <dataplane/table.h>
allowed lib/dataplane/planted.c <xdp/libxdp.h>
allowed lib/dataplane/planted.c <table/image.h>
allowed lib/cli/report.c <jansson.h>
allowed lib/feed/format_ndjson.c <jansson.h>
allowed lib/cli/options.c <getopt.h>
allowed lib/bpf/planted.bpf.c <bpf/bpf_helpers.h>
allowed lib/bpf/planted.bpf.c <ipfilter/abi.h>
allowed testing/unit/planted.c <cli/options.h>
allowed xdp-ipfilter/planted.c <cli/report.h>
allowed xdp-ipfilter/planted.c "common.h"
allowed headers/ipfilter/planted.h <linux/types.h>
allowed headers/ipfilter/planted.h <ipfilter/abi.h>
allowed testing/bpf/planted.c <bpf/bpf.h>
allowed testing/bench/planted.c <bpf/bpf.h>
allowed testing/bench/planted.c <ipfilter/abi.h>
EOF

tap_done
