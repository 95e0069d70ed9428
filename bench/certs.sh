#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# certs.sh DIR: a root, an intermediate, and three P-256 certificates of it: edge, client, uas.
set -eu
mkdir -p "$1"
cd "$1"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
# issue NAME SUBJECT ISSUER EXTENSIONS
issue() {
	key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null
	printf '%b' "$4\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" >"$1.ext"
	openssl x509 -req -sha256 -days 365 -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 8)" \
		-extfile "$1.ext" -out "$1.crt" 2>/dev/null
	rm "$1.csr" "$1.ext"
}
key root
openssl req -x509 -new -sha256 -days 365 -key root.key -subj "/CN=bench root" -addext "keyUsage=critical,keyCertSign,cRLSign" -out root.crt
issue inter "bench intermediate" root 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign'
for n in edge client uas; do
	issue $n $n.example.net inter "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:$n.example.net,URI:sip:$n.example.net"
	cat inter.crt >>$n.crt
	cat $n.crt $n.key >$n.both
done
chmod 644 ./*.key ./*.both  # of a lab: peers that give up root read them, too
