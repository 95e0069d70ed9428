# SPDX-License-Identifier: Apache-2.0
"""
Certificates and CRLs no CA would issue: every field can be set, wrong ones too, and the same input gives the same bytes.

Python alone, no library: DER, and ECDSA over P-256 with keys that come from their names. Never for production: who knows a key's name has
the key. lab-pki.sh makes what a lab needs; this is for tables of cases.
"""
import base64
import hashlib
import ipaddress

# --- P-256 ---

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
P192_G = ("188DA80EB03090F67CBF20EB43A18800F4FF0AFD82FF1012", "07192B95FFC8DA78631011ED6B24CDD573F977A11E794811")


def add(a, b):
	"""Affine; None is the point at infinity."""
	if a is None or b is None:
		return a or b
	if a[0] == b[0]:
		if (a[1] + b[1]) % P == 0:
			return None
		s = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
	else:
		s = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
	x = (s * s - a[0] - b[0]) % P
	return x, (s * (a[0] - x) - a[1]) % P


def _table():
	"""d * 16^i * G for every digit d and place i: a multiplication is 64 additions."""
	rows, p = [], G
	for _ in range(64):
		row = [None]
		for _ in range(15):
			row.append(add(row[-1], p))
		rows.append(row)
		p = add(row[15], p)
	return rows


TABLE = _table()


def times_g(k):
	r = None
	for row in TABLE:
		r = add(r, row[k & 15])
		k >>= 4
	return r


def number(*parts):
	return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest(), "big")


class Key:
	"""A key by its name: "ec" (P-256), or the public half alone: "rsa:BITS", "p192"."""
	cache = {}

	def __new__(cls, name, kind="ec"):
		if (name, kind) not in cls.cache:
			cls.cache[name, kind] = super().__new__(cls)
		return cls.cache[name, kind]

	def __init__(self, name, kind="ec"):
		if hasattr(self, "spki"):
			return
		if kind == "ec":
			self.d = number("sipward lab key", name) % (N - 1) + 1
			x, y = times_g(self.d)
			alg, bits = seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
		elif kind == "p192":
			alg, bits = seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.1")), bytes.fromhex("04" + "".join(P192_G))
		else:
			n = int.from_bytes(b"".join(number(name, i).to_bytes(32, "big") for i in range(32)), "big")
			n = n >> (8192 - int(kind[4:])) | 1 << int(kind[4:]) - 1 | 1
			alg, bits = seq(oid("1.2.840.113549.1.1.1"), b"\x05\x00"), seq(integer(n), integer(65537))
		self.bits = bits
		self.spki = seq(alg, bitstring(bits))
		self.id = hashlib.sha1(bits).digest()

	def sign(self, data, digest):
		e = int.from_bytes(hashlib.new(digest, data).digest(), "big")
		e >>= max(0, hashlib.new(digest).digest_size * 8 - 256)
		k = number("nonce", self.d, e) % (N - 1) + 1
		r = times_g(k)[0] % N
		return seq(integer(r), integer(pow(k, -1, N) * (e + r * self.d) % N))


# --- DER ---

def tlv(tag, *parts):
	body = b"".join(parts)
	n = len(body)
	if n < 128:
		return bytes([tag, n]) + body
	size = n.to_bytes((n.bit_length() + 7) // 8, "big")
	return bytes([tag, 128 + len(size)]) + size + body


def seq(*parts):
	return tlv(0x30, *parts)


def integer(n):
	return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def bitstring(b, unused=0):
	return tlv(3, bytes([unused]), b)


def oid(text):
	a, b, *rest = map(int, text.split("."))
	out = bytes([a * 40 + b])
	for n in rest:
		digits = [n & 127]
		while n := n >> 7:
			digits.append(n & 127 | 128)
		out += bytes(reversed(digits))
	return tlv(6, out)


def time(text):
	"""\"2026-01-01\" or \"2026-01-01T12:00:00\"."""
	digits = "".join(c for c in text if c.isdigit()).ljust(14, "0") + "Z"
	return tlv(0x17, digits[2:].encode()) if 1950 <= int(text[:4]) < 2050 else tlv(0x18, digits.encode())


def name(cn):
	"""None: no name at all; bytes: the CN as they are."""
	if cn is None:
		return seq()
	raw = cn if isinstance(cn, bytes) else cn.encode()
	return seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, raw))))


def general_name(text):
	"""uri:, dns:, ip:, net: (address/prefix), email:, srv:, rid:; a value of the form hex:.. is raw bytes."""
	kind, value = text.split(":", 1)
	raw = bytes.fromhex(value[4:]) if value.startswith("hex:") else value.encode("latin-1")
	if kind == "ip":
		return tlv(0x87, raw if value.startswith("hex:") else ipaddress.ip_address(value).packed)
	if kind == "net":
		net = ipaddress.ip_network(value)
		return tlv(0x87, net.network_address.packed, net.netmask.packed)
	if kind == "srv":
		return tlv(0xA0, oid("1.3.6.1.5.5.7.8.7"), tlv(0xA0, tlv(0x16, raw)))
	if kind == "rid":
		return tlv(0x88, oid(value)[2:])
	return tlv({"email": 0x81, "dns": 0x82, "uri": 0x86}[kind], raw)


def general_names(texts):
	return seq(*map(general_name, texts))


def extension(number_, value, critical=False):
	return seq(oid(number_), tlv(1, b"\xff") if critical else b"", tlv(4, value))


EKU = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2", "email": "1.3.6.1.5.5.7.3.4", "code": "1.3.6.1.5.5.7.3.3",
       "any": "2.5.29.37.0", "sip": "1.3.6.1.5.5.7.3.20", "ocsp": "1.3.6.1.5.5.7.3.9"}
USAGE = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign"]
SIGNATURES = {"sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1", "sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3",
              "sha512": "1.2.840.10045.4.3.4"}
UNKNOWN = "1.3.6.1.4.1.99999.1"


def usage(words):
	bits = sum(128 >> USAGE.index(w) for w in words)
	unused = (bits & -bits).bit_length() - 1 if bits else 0
	return bitstring(bytes([bits]), unused)


def constraints(permitted=(), excluded=()):
	def trees(tag, texts):
		return tlv(tag, *(seq(general_name(t)) for t in texts)) if texts else b""
	return seq(trees(0xA0, permitted), trees(0xA1, excluded))


def extensions(c, key, signer):
	out = []
	if c.get("ca") is not None:
		body = (tlv(1, b"\xff") if c["ca"] else b"") + (integer(c["path_len"]) if c.get("path_len") is not None else b"")
		out.append(extension("2.5.29.19", seq(body), True))
	if c.get("usage") is not None:
		out.append(extension("2.5.29.15", usage(c["usage"]), True))
	if c.get("eku") is not None:
		out.append(extension("2.5.29.37", seq(*(oid(EKU.get(e, e)) for e in c["eku"]))))
	if c.get("san") is not None:
		san = c["san"] if isinstance(c["san"], bytes) else general_names(c["san"])
		out.append(extension("2.5.29.17", san, c.get("subject") is None))
	if c.get("permitted") or c.get("excluded"):
		out.append(extension("2.5.29.30", constraints(c.get("permitted", ()), c.get("excluded", ())), True))
	if c.get("key_ids", True):
		out.append(extension("2.5.29.14", tlv(4, key.id)))
		if c.get("akid", True):
			out.append(extension("2.5.29.35", seq(tlv(0x80, c.get("akid_value", signer.id)))))
	return out + list(c.get("more", ()))


def sealed(tbs, signer, digest, broken):
	signature = signer.sign(tbs, digest)
	if broken:
		signature = signer.sign(tbs + b"?", digest)
	return seq(tbs, seq(oid(SIGNATURES[digest])), bitstring(signature))


def certificate(c):
	"""
	c: subject, key, issuer, signer (a key's name), from, to; and as wanted kind, serial, version, ca, path_len, usage, eku, san, permitted,
	excluded, key_ids, akid, akid_value, more (extensions), digest, broken.
	"""
	key, signer = Key(c["key"], c.get("kind", "ec")), Key(c["signer"])
	digest, version = c.get("digest", "sha256"), c.get("version", 3)
	exts = extensions(c, key, signer) if version == 3 else []
	serial = c["serial"] if "serial" in c else number(*sorted((k, repr(v)) for k, v in c.items())) >> 100
	tbs = seq(tlv(0xA0, integer(version - 1)) if version > 1 else b"", integer(serial), seq(oid(SIGNATURES[digest])), name(c["issuer"]),
	          seq(time(c["from"]), time(c["to"])), name(c["subject"]), key.spki, tlv(0xA3, seq(*exts)) if exts else b"")
	return sealed(tbs, signer, digest, c.get("broken"))


def crl(c):
	"""c: issuer, signer, this, next, revoked (serial numbers); as wanted digest, broken, more."""
	signer, digest = Key(c["signer"]), c.get("digest", "sha256")
	entries = [seq(integer(s), time(c["this"])) for s in c.get("revoked", ())]
	exts = [extension("2.5.29.35", seq(tlv(0x80, signer.id))), extension("2.5.29.20", integer(1))] + list(c.get("more", ()))
	tbs = seq(integer(1), seq(oid(SIGNATURES[digest])), name(c["issuer"]), time(c["this"]), time(c["next"]),
	          seq(*entries) if entries else b"", tlv(0xA0, seq(*exts)))
	return sealed(tbs, signer, digest, c.get("broken"))


def pem(der, what="CERTIFICATE"):
	text = base64.b64encode(der).decode()
	return "\n".join([f"-----BEGIN {what}-----", *(text[i:i + 64] for i in range(0, len(text), 64)), f"-----END {what}-----", ""])
