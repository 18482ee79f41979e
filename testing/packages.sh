#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs what a group of work needs, on Debian and Ubuntu (apt-get) and Fedora (dnf).
#
#	testing/packages.sh build|test|demo|deb|bench...  installs what is missing of these groups
#	testing/packages.sh --list GROUP...           prints the packages, installs nothing
#
# When nothing is missing it does nothing, and asks no server. A distribution may lack packages
# marked "optional": the script says so, and the tests that need them are skipped. On other
# distributions it installs nothing, and ./configure names what is missing.
set -eu

# group  need      Debian and Ubuntu              Fedora
#
# "a|b": the first of the two that the distribution has; "-": part of another package there.
table() {
	cat <<'EOF'
build    required  gcc                            gcc
build    required  libc6-dev                      glibc-devel
build    required  linux-libc-dev                 kernel-headers
build    required  make                           make
build    required  pkgconf|pkg-config             pkgconf-pkg-config
build    required  clang                          clang
build    required  llvm                           llvm
build    required  libxdp-dev                     libxdp-devel
build    required  libbpf-dev                     libbpf-devel
build    required  libelf-dev                     elfutils-libelf-devel
build    required  zlib1g-dev                     zlib-devel
build    required  libjansson-dev                 jansson-devel
build    optional  libconfuse-dev                 libconfuse-devel
build    optional  libcurl4-openssl-dev           libcurl-devel
build    optional  libmnl-dev                     libmnl-devel
build    optional  libmaxminddb-dev               libmaxminddb-devel
build    optional  libmicrohttpd-dev              libmicrohttpd-devel
build    optional  libncurses-dev                 ncurses-devel
demo     required  iproute2                       iproute
demo     required  iputils-ping                   iputils
demo     required  util-linux                     util-linux
test     required  iproute2                       iproute
test     required  iputils-ping                   iputils
test     required  util-linux                     util-linux
test     required  git                            git
test     required  libcmocka-dev                  libcmocka-devel
test     required  python3                        python3
test     required  python3-pytest                 python3-pytest
test     required  python3-scapy                  python3-scapy
test     optional  xdp-tools                      xdp-tools
test     optional  bpftool|linux-tools-common     bpftool
test     optional  wireguard-tools                wireguard-tools
test     optional  qemu-system-x86                qemu-system-x86-core
test     optional  qemu-system-arm                -
test     optional  qemu-user-static|qemu-user     -
test     optional  gcc-aarch64-linux-gnu          -
test     optional  gcc-s390x-linux-gnu            -
test     optional  busybox-static                 busybox
test     optional  kmod                           kmod
test     optional  cpio                           cpio
test     optional  zstd                           zstd
test     optional  xz-utils                       xz
test     optional  debian-archive-keyring         -
test     optional  debootstrap                    debootstrap
test     optional  bird2                          bird
test     optional  openssl                        openssl
test     optional  prometheus                     golang-github-prometheus
test     optional  strace                         strace
test     optional  ethtool                        ethtool
test     optional  tmux                           tmux
test     optional  procps                         procps-ng
test     optional  ipset                          ipset
test     optional  tcpdump                        tcpdump
test     optional  shellcheck                     ShellCheck
test     optional  clang-format                   clang-tools-extra
test     optional  clang-tidy                     -
test     optional  sparse                         sparse
test     optional  libc6-dev-i386                 glibc-devel.i686
test     optional  musl-tools                     musl-gcc
test     optional  libclang-rt-dev                compiler-rt
test     optional  cppcheck                       cppcheck
test     optional  pandoc                         pandoc
test     optional  man-db                         man-db
test     optional  groff                          groff
test     optional  poppler-utils                  poppler-utils
test     optional  rpmlint                        rpmlint
test     optional  makepkg                        -
test     optional  bash-completion                bash-completion
test     optional  systemd                        systemd
test     optional  etcd-server                    etcd
test     optional  etcd-client                    etcd
test     optional  crowdsec                       -
test     optional  fail2ban                       fail2ban-server
test     optional  debootstrap                    debootstrap
deb      required  dpkg-dev                       -
deb      required  debhelper                      -
deb      required  libcmocka-dev                  -
deb      required  pandoc                         -
deb      required  systemd-dev|systemd            -
bench    required  iproute2                       iproute
bench    required  util-linux                     util-linux
bench    required  python3                        python3
bench    optional  xdp-tools                      xdp-tools
bench    optional  bpftool|linux-tools-common     bpftool
bench    optional  ethtool                        ethtool
bench    optional  nftables                       nftables
bench    optional  ipset                          ipset
bench    optional  iptables                       iptables-nft
bench    optional  gnuplot-nox|gnuplot            gnuplot-minimal
EOF
}

say() {
	printf 'packages: %s\n' "$*" >&2
}

list_only=no
if [ "${1:-}" = --list ]; then
	list_only=yes
	shift
fi
for group; do
	case $group in
	build | test | demo | deb | bench) ;;
	*)
		say "$group: no such group; there are build, test, demo, deb and bench"
		exit 2
		;;
	esac
done
[ $# -gt 0 ] || {
	say 'name a group: build, test, demo, deb or bench'
	exit 2
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	family=debian
elif command -v dnf >/dev/null && command -v rpm >/dev/null; then
	family=fedora
else
	say 'no apt-get or dnf here: nothing installed; ./configure says what is missing'
	exit 0
fi

installed() {
	case $family in
	# A package that another one provides counts: Ubuntu's pkgconf provides pkg-config.
	debian) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	fedora) rpm -q "$1" >/dev/null 2>&1 || rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
	esac
}

# Can it be installed? Not by a name that another package only provides.
available() {
	case $family in
	debian) LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]' ;;
	fedora) dnf -q list --available "$1" >/dev/null 2>&1 ;;
	esac
}

# rows GROUP...: a line "NEED NAMES" for each package of these groups, required ones first
rows() {
	table | awk -v groups=" $* " -v column="$([ $family = debian ] && echo 3 || echo 4)" '
		index(groups, " " $1 " ") && $column != "-" { print $2, $column }' | sort -r -u
}

if [ $list_only = yes ]; then
	rows "$@"
	exit 0
fi

# The rows of which no alternative is installed.
required_missing=()
optional_missing=()
while read -r need names; do
	there=no
	for name in ${names//|/ }; do
		if installed "$name"; then
			there=yes
			break
		fi
	done
	if [ $there = no ]; then
		case $need in
		required) required_missing+=("$names") ;;
		optional) optional_missing+=("$names") ;;
		esac
	fi
done < <(rows "$@")

if [ $((${#required_missing[@]} + ${#optional_missing[@]})) -eq 0 ]; then
	exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
	say "missing: ${required_missing[*]} ${optional_missing[*]}"
	say "run as root: testing/packages.sh $*"
	[ ${#required_missing[@]} -eq 0 ]
	exit
fi

log=$(mktemp)
policy=
trap 'rm -f "$log" ${policy:+"$policy"}' EXIT

# Servers are for tests, which start them. None starts as a service, now or when the machine boots,
# and CrowdSec, which finds this file, does not register with the server of its makers.
keep_services_down() {
	local account=/etc/crowdsec/online_api_credentials.yaml
	[ $family = debian ] || return 0
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	if [ ! -e "$account" ] && printf '%s\n' "$@" | grep -qx crowdsec; then
		mkdir -p "${account%/*}"
		echo '# Tests need no account (testing/packages.sh).' >"$account"
	fi
}

disable_services() {
	local package
	command -v systemctl >/dev/null || return 0
	for package; do
		case $package in
		crowdsec) systemctl --quiet disable crowdsec 2>/dev/null ;;
		etcd-server) systemctl --quiet disable etcd 2>/dev/null ;;
		bird2) systemctl --quiet disable bird 2>/dev/null ;;
		fail2ban*) systemctl --quiet disable fail2ban 2>/dev/null ;;
		esac
	done
	return 0
}

# quietly COMMAND...: shows its output only when it fails
quietly() {
	"$@" >"$log" 2>&1 </dev/null && return
	tail -n 20 "$log" >&2
	return 1
}

install_now() {
	case $family in
	debian)
		DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -q \
			--no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
		;;
	fedora) quietly dnf install -y -q --setopt=install_weak_deps=False "$@" ;;
	esac
}

if [ $family = debian ]; then
	quietly apt-get update -q || say 'apt-get update failed; using the present package lists'
fi

# pick NAMES: the first alternative that can be installed
pick() {
	local name
	for name in ${1//|/ }; do
		if available "$name"; then
			printf '%s\n' "$name"
			return 0
		fi
	done
	return 1
}

required=()
optional=()
for names in "${required_missing[@]}"; do
	required+=("$(pick "$names" || printf '%s\n' "${names%%|*}")")
done
for names in "${optional_missing[@]}"; do
	if name=$(pick "$names"); then
		optional+=("$name")
	else
		say "$names: not in this distribution; what needs it is skipped"
	fi
done

# announce PACKAGE...: prints their size, with all that they depend on
announce() {
	[ $family = debian ] || return 0
	LC_ALL=C apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null | awk '
		/ newly installed/ { count = $3 }
		/^Need to get / { sub(/^Need to get /, ""); sub(/ of archives.*/, ""); fetched = $0 }
		/^After this operation, .*used/ { disk = $4 " " $5 }
		END { if (count) printf "%d packages, %s to fetch, %s on disk\n", count, fetched, disk }'
}

size=$(announce "${required[@]}" "${optional[@]}")
[ -z "$size" ] || say "to install: $size"
if [ ${#required[@]} -gt 0 ]; then
	say "installing ${required[*]}"
	install_now "${required[@]}" || {
		say 'could not install the required packages'
		exit 1
	}
fi
if [ ${#optional[@]} -gt 0 ]; then
	say "installing ${optional[*]}"
	keep_services_down "${optional[@]}"
	if ! install_now "${optional[@]}"; then
		# One that can't be installed must not keep out the others.
		for name in "${optional[@]}"; do
			install_now "$name" || say "$name: could not be installed; what needs it is skipped"
		done
	fi
	disable_services "${optional[@]}"
fi
