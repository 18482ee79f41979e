# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# How do tests get packages of another release or architecture of Debian, which are not installed
# here? Source this file.
#
# apt runs with a configuration, lists and a cache of its own, in a folder that is given, and leaves
# those of the system alone. It takes only the mirrors and the way to reach them (proxies and the
# like) from the system's configuration. Any Debian can do so, and Ubuntu with
# debian-archive-keyring.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_lacks: succeeds, and prints nothing, when packages can be fetched here; else prints why not
debian_lacks() {
	local tool
	for tool in apt-cache apt-config apt-get dpkg-deb tar; do
		if ! command -v "$tool" >/dev/null; then
			echo "no $tool here (Debian packages: apt dpkg tar)"
			return 1
		fi
	done
	[[ ! -e $debian_keyring ]] || return 0
	echo "no $debian_keyring (Debian package: debian-archive-keyring)"
	return 1
}

# debian_mirror LABEL DEFAULT: where this system gets packages of Debian (label Debian-Security: of
# its security updates)
debian_mirror() {
	local found
	# shellcheck disable=SC2016  # apt expands it
	found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		"Label: $1" 2>/dev/null | sed -n 1p) || true
	echo "${found:-$2}"
}

# debian_apt FOLDER SUITE ARCHITECTURE: an apt that knows the one release, and has nothing
# installed. Exports its configuration, which apt-get and apt-cache then use, and updates its lists.
# The system's hooks are left out, for they clean the system's folders. As root, apt would warn that
# its own user cannot write to our folder.
debian_apt() {
	mkdir -p "$1"/{lists,archives}/partial
	: >"$1/status"
	{
		echo "deb [signed-by=$debian_keyring]" \
			"$(debian_mirror Debian http://deb.debian.org/debian) $2 main"
		[[ $2 == sid ]] || echo "deb [signed-by=$debian_keyring]" \
			"$(debian_mirror Debian-Security http://deb.debian.org/debian-security)" \
			"$2-security main"
	} >"$1/sources.list"
	{
		apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
		cat <<-EOF
			APT::Architecture "$3";
			APT::Architectures { "$3"; };
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			Dir::Etc::main "/dev/null";
			Dir::Etc::parts "/dev/null";
			Dir::Etc::sourcelist "$1/sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Dir::State "$1";
			Dir::State::lists "$1/lists";
			Dir::State::status "$1/status";
			Dir::Cache "$1";
		EOF
	} >"$1/apt.conf"
	export APT_CONFIG=$1/apt.conf
	apt-get -qq update || true # without the security updates there may still be packages
}

# debian_unpack FOLDER ROOT PACKAGE...: fetches the packages with all that they depend on, through
# the apt of the folder, and unpacks them into the root. Nothing is run there, so they may be of any
# architecture.
debian_unpack() {
	local folder=$1 root=$2 package
	shift 2
	apt-get -qq -y --no-install-recommends --download-only install "$@" >&2 || return
	mkdir -p "$root"/usr/{bin,sbin,lib}
	for package in bin sbin lib; do
		ln -sfn "usr/$package" "$root/$package"
	done
	for package in "$folder"/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root" || return
	done
	rm "$folder"/archives/*.deb
}
