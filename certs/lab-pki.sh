#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the lab PKI of lab.recipe in a directory: good certificates and every kind of bad one. Nothing here is for production.
# What exists already and still fits its recipe line is kept, so calling it again is cheap.
set -eu
umask 077

usage() {
	cat <<-USAGE
	usage: lab-pki.sh [--rsa] [--only NAME,NAME...] DIR
	       lab-pki.sh --one NAME [--issuer NAME] [--key ec|rsa:BITS] [--cn CN] [--san LIST] [--use WORD] [--valid WORD] [--more WORD]
	                  [--crl URL] [--ocsp URL] DIR
	       lab-pki.sh --crl-of NAME [--revoke NAME,NAME...] [--seconds N] [--out FILE] DIR

	  --rsa    RSA 3072 in place of EC P-256
	  --only   only these (and their issuers)
	  --one    one certificate that is not in the recipe; the words are those of lab.recipe. Default: issuer int, key ec,
	           cn NAME, no subjectAltName, use both, valid 365. The CAs are made first when they are not there.
	           --crl: where its issuer's CRL is, as a distribution point. --ocsp: where its OCSP responder is.
	  --crl-of a CRL of that CA, in DER, good for so many seconds (a day); those to revoke stay revoked. Default: NAME.der
	USAGE
}

die() {
	echo "lab-pki: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
eckey=ec
only=
one=
o_issuer=int o_key=ec o_cn= o_san=- o_use=both o_valid=365 o_more=- o_crl=- o_ocsp=-
crl_of= c_revoke= c_seconds=86400 c_out=
while [ $# -gt 0 ]; do
	case $1 in
	-h|--help) usage; exit 0 ;;
	--rsa) eckey=rsa:3072; shift; continue ;;
	--) shift; break ;;
	-*) [ $# -ge 2 ] || { usage >&2; exit 64; } ;;
	*) break ;;
	esac
	case $1 in
	--only) only=,$2, ;;
	--one) one=$2 ;;
	--issuer) o_issuer=$2 ;;
	--key) o_key=$2 ;;
	--cn) o_cn=$2 ;;
	--san) o_san=$2 ;;
	--use) o_use=$2 ;;
	--valid) o_valid=$2 ;;
	--more) o_more=$2 ;;
	--crl) o_crl=$2 ;;
	--ocsp) o_ocsp=$2 ;;
	--crl-of) crl_of=$2 ;;
	--revoke) c_revoke=$2 ;;
	--seconds) c_seconds=$2 ;;
	--out) c_out=$2 ;;
	*) usage >&2; exit 64 ;;
	esac
	shift 2
done
[ $# -eq 1 ] || { usage >&2; exit 64; }
command -v openssl >/dev/null || die "openssl is missing: apt-get install openssl"

if [ ! -d "$1" ]; then
	mkdir -p "$1"
	chmod 755 "$1"
fi
cd "$1"
mkdir -p .lab
# Two runs in one directory wait for each other.
if command -v flock >/dev/null; then
	exec 9>.lab/lock
	flock 9
fi
export RANDFILE=.lab/rnd

# Everything an openssl invocation needs comes from here, so that the machine's openssl.cnf plays no part.
cat >.lab/base.cnf <<-'CNF'
	[req]
	distinguished_name = dn
	prompt = no
	string_mask = utf8only
	[dn]
	O = sipward lab
	[ca]
	default_ca = lab
	[lab]
	database = .lab/$ENV::LAB_CA.index
	serial = .lab/$ENV::LAB_CA.serial
	new_certs_dir = .lab
	default_md = sha256
	default_crl_days = 30
	policy = anything
	unique_subject = no
	email_in_dn = no
	[anything]
	O = optional
	CN = optional
CNF
export LAB_CA=none

# SAN words -> the value of the extension.
san_value() {
	case $1 in
	hex:*)
		hex=$(printf %s "$1" | sed 's/hex://g; s/,//g')
		n=$((${#hex} / 2))
		if [ $n -lt 128 ]; then
			printf 'DER:30%02x%s' $n "$hex"
		else
			printf 'DER:3082%04x%s' $n "$hex"
		fi
		;;
	*) printf '%s' "$1" ;;
	esac
}

# The extension section of one certificate.
extensions() { # use san self more crl ocsp
	echo "[ext]"
	echo "subjectKeyIdentifier = hash"
	[ "$3" = self ] || echo "authorityKeyIdentifier = keyid"
	case $1 in
	ca|ca-server)
		echo "basicConstraints = critical, CA:TRUE"
		echo "keyUsage = critical, keyCertSign, cRLSign"
		[ "$1" = ca ] || echo "extendedKeyUsage = serverAuth"
		;;
	*)
		echo "basicConstraints = critical, CA:FALSE"
		echo "keyUsage = critical, digitalSignature"
		;;
	esac
	case $1 in
	both) echo "extendedKeyUsage = serverAuth, clientAuth" ;;
	server) echo "extendedKeyUsage = serverAuth" ;;
	client) echo "extendedKeyUsage = clientAuth" ;;
	any) echo "extendedKeyUsage = anyExtendedKeyUsage" ;;
	sip) echo "extendedKeyUsage = 1.3.6.1.5.5.7.3.20" ;;
	ocsp) echo "extendedKeyUsage = OCSPSigning" ;;
	none|ca|ca-server) ;;
	*) die "$name: unknown use \"$1\"" ;;
	esac
	if [ "$2" != - ]; then
		echo "subjectAltName = $(san_value "$2")"
	fi
	[ "$4" != must-staple ] || echo "tlsfeature = status_request"
	[ "$5" = - ] || echo "crlDistributionPoints = URI:$5"
	[ "$6" = - ] || echo "authorityInfoAccess = OCSP;URI:$6"
}

key_options() {
	case $1 in
	ec) echo "-newkey ec -pkeyopt ec_paramgen_curve:P-256" ;;
	rsa:[0-9]*) echo "-newkey $1" ;;
	*) die "$name: unknown key \"$1\"" ;;
	esac
}

# Dates in the past or the future: only "openssl ca" can write them.
sign_dated() { # issuer, from, to, digest
	LAB_CA=$1
	[ -f ".lab/$1.index" ] || : >".lab/$1.index"
	openssl rand -hex 16 >".lab/$1.serial"
	openssl req -new -config ".lab/$name.cnf" $keyopt -noenc -keyout "$name.key.new" -out ".lab/$name.csr" -subj "$subj" 2>.lab/err
	openssl ca -batch -notext -config ".lab/$name.cnf" -cert "$1.pem" -keyfile "$1.key" -md "$4" -startdate "$2" -enddate "$3" \
		-extensions ext -preserveDN -in ".lab/$name.csr" -out ".lab/$name.leaf" 2>.lab/err
	rm -f ".lab/$name.csr"
	LAB_CA=none
}

make_one() { # name issuer key cn san use valid more [crl [ocsp]]
	name=$1 issuer=$2 key=$3 cn=$4 san=$5 use=$6 valid=$7 more=$8 crl=${9:--} ocsp=${10:--}
	case $name in
	''|.*|*/*) die "bad name \"$name\"" ;;
	esac
	[ "$key" = ec ] && key=$eckey
	if [ -f "$name.pem" ] && [ -f "$name.key" ] && [ "$(cat ".lab/$name.made" 2>/dev/null)" = "$*,$key" ] &&
			{ [ "$issuer" = self ] || [ ! "$issuer.key" -nt "$name.key" ]; }; then
		return 0
	fi
	[ "$issuer" = self ] || [ -f "$issuer.key" ] || die "$name: there is no issuer \"$issuer\""
	keyopt=$(key_options "$key")
	subj="/O=sipward lab"
	[ "$cn" = - ] || subj="$subj/CN=$(printf %s "$cn" | tr _ ' ')"
	digest=sha256
	[ "$more" != sha1 ] || digest=sha1
	{ cat .lab/base.cnf; extensions "$use" "$san" "$issuer" "$more" "$crl" "$ocsp"; } >".lab/$name.cnf"

	case $valid in
	past) sign_dated "$issuer" 20200101000000Z 20210101000000Z $digest ;;
	future) sign_dated "$issuer" 20900101000000Z 20910101000000Z $digest ;;
	s|*[!0-9]*s) die "$name: unknown validity \"$valid\"" ;;
	*s) sign_dated "$issuer" "$(date -u -d '-1 minute' +%Y%m%d%H%M%SZ)" "$(date -u -d "+${valid%s} seconds" +%Y%m%d%H%M%SZ)" $digest ;;
	*[!0-9]*) die "$name: unknown validity \"$valid\"" ;;
	*)
		ca=
		[ "$issuer" = self ] || ca="-CA $issuer.pem -CAkey $issuer.key"
		openssl req -new -x509 -config ".lab/$name.cnf" -extensions ext $keyopt -noenc -$digest -days "$valid" $ca \
			-keyout "$name.key.new" -out ".lab/$name.leaf" -subj "$subj" 2>.lab/err
		;;
	esac || { cat .lab/err >&2; die "$name: openssl failed"; }

	# What a peer sends: the leaf, then the intermediates; never the root.
	cp ".lab/$name.leaf" "$name.pem.new"
	case $issuer,$more in
	int*,nochain) ;;
	int*) cat "$issuer.pem" >>"$name.pem.new" ;;
	esac
	chmod 600 "$name.key.new"
	chmod 644 "$name.pem.new"
	mv "$name.key.new" "$name.key"
	mv "$name.pem.new" "$name.pem"
	rm -f ".lab/$name.leaf" ".lab/$name.cnf"
	printf '%s' "$*,$key" >".lab/$name.made"
	changed=yes
	case $more in
	revoked) revoke "$issuer" ;;
	esac
}

revoke() { # issuer
	serial=$(openssl x509 -in "$name.pem" -noout -serial)
	printf 'R\t491231235959Z\t240101000000Z,keyCompromise\t%s\tunknown\t%s\n' "${serial#serial=}" "$subj" >>".lab/$1.index"
}

# root.crl and int.crl are fresh; stale.crl and old.crl are int's, out of date for two hours and for ten days.
make_crl() { # issuer file [options]
	LAB_CA=$1
	[ -f ".lab/$1.index" ] || : >".lab/$1.index"
	f=$2
	shift 2
	openssl ca -gencrl -config .lab/base.cnf -cert "$LAB_CA.pem" -keyfile "$LAB_CA.key" -out "$f" "$@" 2>.lab/err ||
		{ cat .lab/err >&2; die "$f: openssl failed"; }
	chmod 644 "$f"
	LAB_CA=none
}

make_crls() {
	fmt=%Y%m%d%H%M%SZ
	now=$(date +%s)
	make_crl root root.crl
	make_crl int int.crl
	make_crl int stale.crl -crl_lastupdate "$(date -u -d @$((now - 864000)) +$fmt)" -crl_nextupdate "$(date -u -d @$((now - 7200)) +$fmt)"
	make_crl int old.crl -crl_lastupdate "$(date -u -d @$((now - 1728000)) +$fmt)" -crl_nextupdate "$(date -u -d @$((now - 864000)) +$fmt)"
	cat root.crl int.crl >crl.pem
	chmod 644 crl.pem
}

changed=no
# CAs are always made; they cost little, and all else hangs from them.
while read -r name issuer key cn san use valid more rest; do
	case $name in
	''|'#'*) continue ;;
	esac
	[ -n "$more" ] && [ -z "$rest" ] || die "lab.recipe: bad line for $name"
	case $use in
	ca*) ;;
	*)
		[ -z "$one" ] || continue
		case ,$only in
		,) ;;
		*",$name,"*) ;;
		*) continue ;;
		esac
		;;
	esac
	make_one "$name" "$issuer" "$key" "$cn" "$san" "$use" "$valid" "$more"
done <"$here/lab.recipe"

if [ -n "$one" ]; then
	make_one "$one" "$o_issuer" "$o_key" "${o_cn:-$one}" "$o_san" "$o_use" "$o_valid" "$o_more" "$o_crl" "$o_ocsp"
fi
if [ -n "$crl_of" ]; then
	for name in $(printf %s "$c_revoke" | tr , ' '); do
		serial=$(openssl x509 -in "$name.pem" -noout -serial)
		subj="/CN=$name"
		grep -q "${serial#serial=}" ".lab/$crl_of.index" 2>/dev/null || revoke "$crl_of"
	done
	make_crl "$crl_of" ".lab/$crl_of.crl.pem" -crlsec "$c_seconds"
	openssl crl -in ".lab/$crl_of.crl.pem" -outform DER -out "${c_out:-$crl_of.der}"
	exit 0
fi
if [ $changed = yes ] || [ ! -f crl.pem ]; then
	make_crls
fi
