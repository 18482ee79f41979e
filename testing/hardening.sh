#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the programs have the hardening that configure found? Reads the binaries, not the flags, and
# tries each check on a small program that lacks just that one. Reports in TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=lib.sh
. testing/lib.sh

programs=(xdp-ipfilter/xdp-ipfilter xdp-ipfilter/xdp-ipfilter-sync xdp-ipfilter/xdp-ipfilter-source)
# Those that need a library which this machine may lack.
for program in xdp-ipfilter/xdp-ipfilter-{http,metrics,mmdb,top}; do
	[ ! -e "$program" ] || programs+=("$program")
done

# setting NAME: its value in config.mk
setting() {
	sed -n "s/^$1 [?:]= //p" config.mk
}

# Each of these checks a program; it fails and says what is wrong when something is.
pie() {
	readelf -dW "$1" | grep -q 'FLAGS_1.*PIE' || { echo 'not position independent' && false; }
}

relro() {
	readelf -lW "$1" | grep -q GNU_RELRO || { echo 'no RELRO' && return 1; }
	readelf -dW "$1" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' ||
		{ echo 'RELRO is partial: symbols are bound lazily' && false; }
}

stack() {
	readelf -lW "$1" | awk '
		/GNU_STACK/ { there = 1; if ($7 ~ /E/) bad = "the stack is executable" }
		/ LOAD / && /RWE/ { bad = "memory that is writable and executable" }
		END {
			if (!there)
				bad = "no GNU_STACK: the stack is executable"
			if (bad)
				print bad
			exit bad != ""
		}'
}

imports() {
	readelf --dyn-syms -W "$1" | grep -q " UND $2"
}

canary() {
	imports "$1" __stack_chk_fail || { echo 'no stack canary' && false; }
}

fortify() {
	imports "$1" '[a-z_]*_chk\b' || { echo 'no call is fortified' && false; }
}

paths() {
	! readelf -dW "$1" | grep 'RPATH\|RUNPATH\|TEXTREL'
}

# The assembler marks objects; the linker marks a program when all its objects are marked. Not every
# distribution marks those of the C library.
marked() {
	readelf -nW "$1" | grep -q 'x86 feature:.*IBT.*SHSTK\|AArch64 feature:.*BTI' ||
		{ echo "$1 is not marked for control flow protection" && false; }
}

# Sources that stand in for a library that is here are not built.
all_marked() {
	local source wrong=0
	for source in lib/*/*.c xdp-ipfilter/*.c; do
		[[ $source == *.bpf.c || ! -e ${source%.c}.o ]] || marked "${source%.c}.o" || wrong=1
	done
	return "$wrong"
}

# Flags that leave no trace in the code are in the command line that the compiler records.
compiled_with() {
	local flag without
	for flag in $2; do
		without=$(readelf --debug-dump=info "$1" | grep DW_AT_producer | grep -cv -- "$flag")
		[ "$without" -eq 0 ] || { echo "$without sources compiled without $flag" && return 1; }
	done
}

# probe NAME FLAG...: builds a program with our hardening, and then these flags
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cc=$(sed -n 's/^CC := //p' config.mk)
cat >"$scratch/probe.c" <<'EOF'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char text[64];

	return snprintf(text, argc * 8, "%s", argv[0]) + (int)strlen(strcpy(text, argv[0]));
}
EOF
probe() {
	local name=$1
	shift
	# shellcheck disable=SC2046 # flags are lists
	$cc -O2 -g -w $(setting HARDEN_CFLAGS) -U_FORTIFY_SOURCE \
		-D_FORTIFY_SOURCE="$(setting FORTIFY_LEVEL)" "$scratch/probe.c" \
		-o "$scratch/$name" $(setting HARDEN_LDFLAGS) "$@"
}

# unmasks CHECK FLAG...: the check accepts the probe, and refuses one with these flags
unmasks() {
	local check=$1
	shift
	probe good && "$check" "$scratch/good" && probe bad "$@" && ! "$check" "$scratch/bad" >/dev/null
}

if ! command -v readelf >/dev/null; then
	tap_skip 'hardening' 'readelf is not installed'
	tap_done
fi

cflags=$(setting HARDEN_CFLAGS)
for program in "${programs[@]}"; do
	name=${program##*/}
	case " $cflags " in
	*' -fPIE '*) tap_run "$name: position independent" pie "$program" ;;
	*) tap_skip "$name: position independent" "$cc makes no position-independent programs" ;;
	esac
	tap_run "$name: what was relocated is read-only" relro "$program"
	tap_run "$name: no executable stack, no writable code" stack "$program"
	tap_run "$name: stack canaries" canary "$program"
	tap_run "$name: fortified calls" fortify "$program"
	tap_run "$name: no search paths for libraries, no relocated code" paths "$program"
	if readelf --debug-dump=info "$program" 2>/dev/null | grep -q 'DW_AT_producer.*-fPIE'; then
		tap_run "$name: every source was compiled with every flag" \
			compiled_with "$program" "$cflags"
	else
		tap_skip "$name: every source was compiled with every flag" "$cc does not note its flags"
	fi
done

case $cflags in
*-fcf-protection* | *-mbranch-protection*)
	tap_run 'objects are marked for control flow protection' all_marked
	start=$($cc -print-file-name=crt1.o)
	for program in "${programs[@]}"; do
		if marked "$start" >/dev/null; then
			tap_run "${program##*/}: marked for control flow protection" marked "$program"
		else
			tap_skip "${program##*/}: marked for control flow protection" \
				'the C library of this machine is not marked for control flow protection'
		fi
	done
	;;
*) tap_skip 'control flow protection' "$cc has no control flow protection for this machine" ;;
esac

tap_run 'self-test: no PIE is found out' unmasks pie -fno-PIE -no-pie
tap_run 'self-test: no RELRO is found out' unmasks relro -Wl,-z,norelro
tap_run 'self-test: lazy binding is found out' unmasks relro -Wl,-z,lazy
tap_run 'self-test: an executable stack is found out' unmasks stack -Wl,-z,execstack
tap_run 'self-test: no canaries are found out' unmasks canary -fno-stack-protector
tap_run 'self-test: no fortification is found out' unmasks fortify -U_FORTIFY_SOURCE
tap_run 'self-test: a search path is found out' unmasks paths -Wl,-rpath,/tmp
tap_done
