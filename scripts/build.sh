# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart and check: packages and the build. Sets nothing outside the tree but packages.

BUILD_PACKAGES="gcc make libc6-dev autoconf automake pkg-config libuv1-dev libssl-dev libldns-dev libconfig-dev libsofia-sip-ua-dev
	libsqlite3-dev libidn2-dev libjansson-dev libcurl4-openssl-dev libseccomp-dev libcmocka-dev uthash-dev"
PEER_PACKAGES="python3 openssl knot knot-dnsutils kamailio kamailio-tls-modules baresip-core sip-tester stunnel4 util-linux"
TEST_PACKAGES="python3-pytest python3-pytest-xdist python3-cryptography binutils linphone-cli mandoc python3-jsonschema chromium coturn nftables iproute2
	tinyproxy squid nginx-light"

say() {
	echo "== $*"
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Installs those of the packages that are not there. Their services are not started: we run these programs ourselves.
need_packages() {
	missing=
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || die "missing:$missing (and there is no apt-get to install them with)"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "missing:$missing. Run me as root, or: apt-get install$missing"
		sudo=sudo
	fi
	say "installing$missing"
	export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1
	$sudo apt-get update -qq || say "apt-get update failed; trying with what is known"
	$sudo env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 apt-get install -y -qq --no-install-recommends $missing >"$log.apt" 2>&1 ||
		{ tail -n 30 "$log.apt" >&2; die "apt-get install failed"; }
	case $missing in
	*knot*|*kamailio*|*stunnel4*)
		say "knot, kamailio and stunnel4 come with services. They were not started; to keep them from starting at boot:"
		echo "   systemctl disable knot kamailio stunnel4" ;;
	esac
}

# build DIR [configure options]: autogen, configure and make in tree/DIR; each step only when it has something to do.
build() {
	dir=$tree/$1
	shift
	[ ! -e "$tree/config.status" ] || die "the tree itself is configured, so it can't be built in $dir as well: make distclean"
	if [ ! -x "$tree/configure" ] || [ -n "$(find "$tree/configure.ac" "$tree/m4" -newer "$tree/configure" 2>/dev/null)" ]; then
		say "autogen.sh"
		"$tree/autogen.sh" >"$log.autogen" 2>&1 || { tail -n 30 "$log.autogen" >&2; die "autogen.sh failed"; }
	fi
	mkdir -p "$dir"
	if [ ! -e "$dir/Makefile" ] || [ "$tree/configure" -nt "$dir/config.status" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$*" ]; then
		say "configure $*"
		(cd "$dir" && "$tree/configure" "$@") >"$log.configure" 2>&1 || { tail -n 20 "$log.configure" >&2; die "configure failed"; }
		echo "$*" >"$dir/.options"
	fi
	say "make"
	make -C "$dir" -j "$(nproc)" >"$log.make" 2>&1 || { grep -E -A5 'error|Error|warning' "$log.make" | tail -n 60 >&2; die "make failed: $log.make"; }
}
