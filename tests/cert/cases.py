#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The table of certificates: what is wrong, alone and with everything else, and what must be said of it.

cases.py write FILE   the cases, a JSON object a line, as "sipward cert verify --batch" takes them
cases.py check FILE   the verdicts, against the expectations; every difference is shown
cases.py list         the expectations
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")), "certs"))
sys.dont_write_bytecode = True
import forge  # noqa: E402

AT = "2026-06-01T00:00:00Z"
LIFE = {"from": "2026-01-01", "to": "2027-01-01"}
CA = {"ca": True, "usage": ["keyCertSign", "cRLSign"], "from": "2020-01-01", "to": "2040-01-01"}
ROOT = {**CA, "subject": "Root", "key": "root", "issuer": "Root", "signer": "root", "serial": 1}
INT = {**CA, "subject": "Int", "key": "int", "issuer": "Root", "signer": "root", "serial": 2}
LEAF = {**LIFE, "subject": "a.example.net", "key": "leaf", "issuer": "Int", "signer": "int", "serial": 3, "ca": False,
        "usage": ["digitalSignature"], "eku": ["server", "client"], "san": ["uri:sip:a.example.net", "dns:a.example.net"]}
ROOT_CRL = {"issuer": "Root", "signer": "root", "this": "2026-05-01", "next": "2026-07-01"}
INT_CRL = {**ROOT_CRL, "issuer": "Int", "signer": "int"}
SOON = {"from": "2026-07-01", "to": "2027-01-01"}
PAST = {"from": "2026-01-01", "to": "2026-05-01"}
CRITICAL = {"more": [forge.extension(forge.UNKNOWN, b"\x05\x00", True)]}

cases, expected, made = [], {}, {}


def points(url):
	"""The CRL distribution point of a certificate."""
	return {"more": [forge.extension("2.5.29.31", forge.seq(forge.seq(forge.tlv(0xA0, forge.tlv(0xA0, forge.tlv(0x86, url.encode()))))))]}


def scope(url):
	"""What a CRL says it is for: certificates that name this URL."""
	return {"more": [forge.extension("2.5.29.28", forge.seq(forge.tlv(0xA0, forge.tlv(0xA0, forge.tlv(0x86, url.encode())))), True)]}


def cert_pem(c):
	"""The same certificate stands in many cases."""
	key = repr(c)
	if key not in made:
		made[key] = forge.pem(forge.certificate(c))
	return made[key]


def crl_pem(c):
	key = "crl" + repr(c)
	if key not in made:
		made[key] = forge.pem(forge.crl(c), "X509 CRL")
	return made[key]


def case(id_, reason, leaf=LEAF, untrusted=(INT,), trust=(ROOT,), crl=(), raw=None, **options):
	"""reason "ok" is accepted, "tls.undecided" undecided, every other one refused. raw: members as they are, ... for none."""
	assert id_ not in expected, id_
	verdict = {"ok": "accepted", "tls.undecided": "undecided"}.get(reason, "refused")
	expected[id_] = verdict, reason
	o = {"id": id_, "trust": [cert_pem(c) for c in trust], "chain": cert_pem(leaf), "at": AT}
	if untrusted:
		o["untrusted"] = [cert_pem(c) for c in untrusted]
	if crl:
		o["crl"] = [crl_pem(c) for c in crl]
	o.update(options)
	o.update(raw or {})
	cases.append({k: v for k, v in o.items() if v is not ...})


# --- every deviation alone, and each with each ---

# name: (when it is found, reason, what is changed). Of two faults the one found first is told. Order of finding: the leaf's key; the way to the root;
# each certificate from the leaf up (critical extensions, then CA, then purpose, then path length); strength; revocation from the leaf up;
# signatures and dates from the root down; name constraints; the name.
DEVIATIONS = {
	"leaf-rsa-1024": (5, "tls.weak", {"leaf": {"kind": "rsa:1024"}}),
	"leaf-p192": (5, "tls.weak", {"leaf": {"kind": "p192"}}),
	"no-int": (10, "tls.chain", {"world": {"untrusted": ()}}),
	"other-root": (10, "tls.chain", {"trust": {"subject": "Other", "issuer": "Other", "key": "other", "signer": "other"}}),
	"leaf-other-key-id": (10, "tls.chain", {"leaf": {"akid_value": b"elsewhere"}}),
	"leaf-critical": (20, "tls.chain", {"leaf": CRITICAL}),
	"leaf-eku-email": (21, "tls.purpose", {"leaf": {"eku": ["email"]}}),
	"leaf-eku-server": (21, "tls.purpose", {"leaf": {"eku": ["server"]}}),
	"leaf-eku-any": (21, "tls.purpose", {"leaf": {"eku": ["any"]}}),
	"leaf-usage-crl": (21, "tls.purpose", {"leaf": {"usage": ["cRLSign"]}}),
	"int-critical": (30, "tls.chain", {"int": CRITICAL}),
	"int-not-ca": (31, "tls.chain", {"int": {"ca": False}}),
	"int-no-certsign": (31, "tls.chain", {"int": {"usage": ["digitalSignature", "cRLSign"]}}),
	"int-eku-server": (32, "tls.purpose", {"int": {"eku": ["server"]}}),
	"int-eku-email": (32, "tls.purpose", {"int": {"eku": ["email"]}}),
	"root-path-len-0": (40, "tls.chain", {"root": {"path_len": 0}}),
	"root-not-ca": (41, "tls.chain", {"root": {"ca": False}}),
	"root-no-certsign": (41, "tls.chain", {"root": {"usage": ["cRLSign"]}}),
	"leaf-sha1": (50, "tls.weak", {"leaf": {"digest": "sha1"}}),
	"int-sha1": (50, "tls.weak", {"int": {"digest": "sha1"}}),
	"leaf-revoked": (60, "tls.revoked", {"int_crl": {"revoked": [3]}}),
	"crl-broken": (60, "tls.crl", {"int_crl": {"broken": True}}),
	"crl-stale": (60, "tls.crl", {"int_crl": {"this": "2026-01-01", "next": "2026-05-01"}}),
	"crl-future": (60, "tls.crl", {"int_crl": {"this": "2026-06-20", "next": "2026-07-01"}}),
	"int-revoked": (61, "tls.revoked", {"root_crl": {"revoked": [2]}}),
	"root-expired": (70, "tls.expired", {"root": {"from": "2010-01-01", "to": "2020-01-01"}}),
	"int-broken": (71, "tls.chain", {"int": {"broken": True}}),
	"int-expired": (72, "tls.expired", {"int": PAST}),
	"int-future": (72, "tls.not-yet-valid", {"int": SOON}),
	"leaf-broken": (73, "tls.chain", {"leaf": {"broken": True}}),
	"leaf-expired": (74, "tls.expired", {"leaf": PAST}),
	"leaf-future": (74, "tls.not-yet-valid", {"leaf": SOON}),
	"int-excludes": (80, "tls.chain", {"int": {"excluded": ["dns:example.net"]}}),
	"int-permits-others": (80, "tls.chain", {"int": {"permitted": ["dns:example.org"]}}),
	"no-name": (90, "identity.no-name", {"leaf": {"san": ["uri:sips:a.example.net"]}}),
	"other-name": (90, "identity.mismatch", {"leaf": {"san": ["dns:b.example.net"]}}),
	"nul-name": (90, "identity.malformed", {"leaf": {"san": ["dns:a.example.net\0.evil.example"]}}),
	"wildcard-name": (90, "identity.wildcard", {"leaf": {"san": ["dns:*.example.net"]}}),
}


def world(*names):
	"""The case with these deviations, or None when two of them change the same thing."""
	parts = {"root": ROOT, "trust": {}, "int": INT, "leaf": LEAF, "root_crl": ROOT_CRL, "int_crl": INT_CRL, "world": {}}
	touched = set()
	for n in names:
		for part, change in DEVIATIONS[n][2].items():
			for field in change:
				if (part, field) in touched:
					return None
				touched.add((part, field))
			parts[part] = {**parts[part], **change}
	untrusted = parts["world"].get("untrusted", (parts["int"],))
	return {"leaf": parts["leaf"], "untrusted": untrusted, "trust": ({**parts["root"], **parts["trust"]},),
	        "crl": (parts["root_crl"], parts["int_crl"])}


# Where one fault hides another.
TOGETHER = {
	# OpenSSL compares the whole string: after its NUL the name ends in another domain than the excluded one
	("int-excludes", "nul-name"): "identity.malformed",
}


def deviations():
	common = {"name": "sip:a.example.net", "as": "client", "eku": "strict", "revocation": "hard"}
	case("good", "ok", **world(), **common)
	names = list(DEVIATIONS)
	for i, a in enumerate(names):
		case(a, DEVIATIONS[a][1], **world(a), **common)
		for b in names[i + 1:]:
			w = world(a, b)
			if not w:
				continue
			first = a if DEVIATIONS[a][0] <= DEVIATIONS[b][0] else b
			if DEVIATIONS[a][0] == DEVIATIONS[b][0] and DEVIATIONS[a][1] != DEVIATIONS[b][1]:
				continue
			case(f"{a}+{b}", TOGETHER.get((a, b), DEVIATIONS[first][1]), **w, **common)


# --- names: the tables of standards 1.1 and 1.2 ---

def cert_with(san=None, cn="Not a host", **more):
	return {**LEAF, "subject": cn, "san": san, **more}


U, D, C = "uri:sip:a.example.net", "dns:a.example.net", "a.example.net"
MODES = ("rfc5922", "expressway", "rfc9525", "teams")
NO, MISS, BAD, WILD = "identity.no-name", "identity.mismatch", "identity.malformed", "identity.wildcard"
# certificate, then what is said in each of MODES when sip:a.example.net is wanted
NAMES = {
	"uri": (cert_with([U]), "ok", NO, "ok", NO),
	"dns": (cert_with([D]), "ok", "ok", "ok", "ok"),
	"uri-upper": (cert_with(["uri:SIP:A.Example.NET"]), "ok", NO, "ok", NO),
	"uri-port": (cert_with(["uri:sip:a.example.net:5061"]), "ok", NO, "ok", NO),
	"uri-user": (cert_with(["uri:sip:bob@a.example.net"]), NO, NO, NO, NO),
	"uri-sips": (cert_with(["uri:sips:a.example.net"]), NO, NO, NO, NO),
	"uri-im": (cert_with(["uri:im:a.example.net"]), NO, NO, NO, NO),
	"uri-other-dns": (cert_with(["uri:sip:b.example.net", D]), MISS, "ok", "ok", "ok"),
	"uri-user-dns": (cert_with(["uri:sip:bob@a.example.net", D]), "ok", "ok", "ok", "ok"),
	"cn-alone": (cert_with(None, C), "ok", "ok", NO, "ok"),
	"cn-beside-ip": (cert_with(["ip:192.0.2.7"], C), NO, "ok", NO, "ok"),
	"cn-beside-uri": (cert_with(["uri:sip:b.example.net"], C), MISS, "ok", MISS, "ok"),
	"cn-beside-dns": (cert_with(["dns:b.example.net"], C), MISS, "ok", MISS, "ok"),
	"cn-words": (cert_with(None, "A Example Net"), NO, NO, NO, NO),
	"parent": (cert_with(["dns:example.net"]), MISS, MISS, MISS, MISS),
	"child": (cert_with(["dns:x.a.example.net"]), MISS, MISS, MISS, MISS),
	"tail": (cert_with(["dns:xa.example.net"]), MISS, MISS, MISS, MISS),
	"dot": (cert_with(["dns:a.example.net."]), "ok", "ok", "ok", "ok"),
	"leading-dot": (cert_with(["dns:.example.net"]), BAD, BAD, BAD, BAD),
	"wildcard": (cert_with(["dns:*.example.net"]), WILD, WILD, WILD, WILD),
	"wildcard-part": (cert_with(["dns:a*.example.net"]), NO, NO, NO, NO),
	"wildcard-uri": (cert_with(["uri:sip:*.example.net"]), NO, NO, NO, NO),
	"wildcard-two": (cert_with(["dns:*.net"]), MISS, MISS, MISS, MISS),
	"srv-sips": (cert_with(["srv:_sips.a.example.net"]), NO, NO, "ok", NO),
	"srv-sip": (cert_with(["srv:_sip.a.example.net"]), NO, NO, NO, NO),
	"srv-xmpp": (cert_with(["srv:_xmpp-server.a.example.net"]), NO, NO, NO, NO),
	"email": (cert_with(["email:sip@a.example.net"]), NO, NO, NO, NO),
	"registered": (cert_with(["rid:1.2.3"]), NO, NO, NO, NO),
	"nul": (cert_with(["dns:a.example.net\0.evil.example"]), BAD, BAD, BAD, BAD),
	"nul-uri": (cert_with(["uri:sip:a.example.net\0.evil.example"]), BAD, BAD, BAD, BAD),
	"eight-bit": (cert_with(["dns:\xe4.example.net"]), BAD, BAD, BAD, BAD),
	"empty-label": (cert_with(["dns:a..example.net"]), BAD, BAD, BAD, BAD),
	"blank": (cert_with(["dns:a.example.net "]), BAD, BAD, BAD, BAD),
	"label-64": (cert_with(["dns:" + "a" * 64 + ".example.net"]), BAD, BAD, BAD, BAD),
	"name-254": (cert_with(["dns:" + ".".join(["a" * 49] * 5) + ".abcde"]), BAD, BAD, BAD, BAD),
	"nul-and-good": (cert_with(["dns:a.example.net\0.evil.example", D]), "ok", "ok", "ok", "ok"),
	"many": (cert_with([f"dns:n{i}.example.net" for i in range(500)] + [D]), "ok", "ok", "ok", "ok"),
	"too-many": (cert_with([f"dns:n{i}.example.net" for i in range(1001)] + [D]), BAD, BAD, BAD, BAD),
	"cn-nul": (cert_with(None, b"a.example.net\0.evil.example"), BAD, BAD, BAD, BAD),
	"no-subject": (cert_with([D], None), "ok", "ok", "ok", "ok"),
}


def names():
	for n, (leaf, *reasons) in NAMES.items():
		for mode, reason in zip(MODES, reasons):
			case(f"name {n} {mode}", reason, leaf=leaf, name="sip:a.example.net", match=mode)
	wild = cert_with(["dns:*.example.net"])
	for mode, reason in zip(MODES, (WILD, WILD, "ok", "ok")):
		case(f"name wildcard allowed {mode}", reason, leaf=wild, name="dns:a.example.net", match=mode, wildcard=True)
	case("name wildcard two labels", MISS, leaf=wild, name="dns:a.b.example.net", wildcard=True)
	case("name wildcard no label", MISS, leaf=wild, name="dns:example.net", wildcard=True)
	case("name wildcard over a top level", MISS, leaf=cert_with(["dns:*.net"]), name="dns:example.net", wildcard=True)
	case("name dns by default rfc9525", "identity.no-name", leaf=cert_with(None, C), name="dns:a.example.net")
	case("name sip by default rfc5922", "ok", leaf=cert_with(None, C), name="sip:a.example.net")
	case("name upper", "ok", name="sip:A.EXAMPLE.NET.")
	case("name idn", "ok", leaf=cert_with(["dns:xn--bcher-kva.example"]), name="sip:b\xfccher.example")
	case("name pin", "identity.pin", name="sip:a.example.net", match="pin")
	case("name none", "ok", leaf=cert_with(["dns:a\0b"]))
	ip = cert_with(["ip:192.0.2.7", "ip:2001:db8::7"])
	for mode in MODES:
		case(f"ip v4 {mode}", "ok", leaf=ip, name="ip:192.0.2.7", match=mode)
		case(f"ip v6 {mode}", "ok", leaf=ip, name="ip:2001:DB8:0::7", match=mode)
		case(f"ip other {mode}", MISS, leaf=ip, name="ip:192.0.2.8", match=mode)
		case(f"ip as dns {mode}", NO, leaf=cert_with(["dns:192.0.2.7"], "192.0.2.7"), name="ip:192.0.2.7", match=mode)
	case("ip mapped", MISS, leaf=ip, name="ip:::ffff:192.0.2.7")
	case("ip of five bytes", BAD, leaf=cert_with(["ip:hex:c000020701"]), name="ip:192.0.2.7")
	mail = cert_with(["email:Bob@Example.net"])
	case("email", "ok", leaf=mail, name="email:Bob@example.NET")
	case("email other case", MISS, leaf=mail, name="email:bob@example.net")
	case("email other", MISS, leaf=mail, name="email:Bob@example.org")
	case("email none", NO, name="email:Bob@example.net")


# --- purposes: standards 1.4 ---

def purposes():
	eku = {"both": ["server", "client"], "server": ["server"], "client": ["client"], "none": None, "any": ["any"], "sip": ["sip"],
	       "sip-client": ["sip", "client"], "email": ["email"], "any-server": ["any", "server"]}
	wrong = "tls.purpose"
	table = {  # as client: strict, server-or-client, any; as server: the same
		"both": ("ok",) * 6, "none": ("ok",) * 6,
		"server": (wrong, "ok", "ok", "ok", "ok", "ok"), "client": ("ok", "ok", "ok", wrong, wrong, wrong),
		"any": (wrong, wrong, "ok", wrong, wrong, "ok"), "sip": (wrong, wrong, "ok", wrong, wrong, "ok"),
		"sip-client": ("ok", "ok", "ok", wrong, wrong, "ok"), "email": (wrong,) * 6,
		"any-server": (wrong, "ok", "ok", "ok", "ok", "ok"),
	}
	for n, row in table.items():
		for i, reason in enumerate(row):
			role, policy = ("client", "server")[i // 3], ("strict", "server-or-client", "any")[i % 3]
			case(f"eku {n} {role} {policy}", reason, leaf={**LEAF, "eku": eku[n]}, eku=policy, **{"as": role})
	limited = {**INT, "eku": ["server"]}
	for policy, reason in (("strict", wrong), ("server-or-client", "ok"), ("any", "ok")):
		case(f"eku intermediate for servers {policy}", reason, untrusted=(limited,), eku=policy)
	case("eku intermediate for servers, leaf for clients", wrong, leaf={**LEAF, "eku": ["client"]}, untrusted=(limited,))
	case("eku lenient, and expired", "tls.expired", leaf={**LEAF, **PAST, "eku": ["server"]})
	case("eku by default", "ok", leaf={**LEAF, "eku": ["server"]})


# --- revocation ---

def revocation():
	for mode, reason in (("off", "ok"), ("soft", "tls.revoked"), ("hard", "tls.revoked")):
		case(f"revoked {mode}", reason, crl=(ROOT_CRL, {**INT_CRL, "revoked": [3]}), revocation=mode)
	case("revoked, no mode given", "tls.revoked", crl=({**INT_CRL, "revoked": [3]},))
	for mode, reason in (("soft", "ok"), ("hard", "tls.crl")):
		case(f"crl of the root missing {mode}", reason, crl=(INT_CRL,), revocation=mode)
		case(f"crl missing {mode}", reason, revocation=mode)
		case(f"crl two hours late {mode}", reason, crl=(ROOT_CRL, {**INT_CRL, "next": "2026-05-31T22:00:00"}), revocation=mode)
		case(f"crl days late {mode}", "tls.crl", crl=(ROOT_CRL, {**INT_CRL, "next": "2026-05-21"}), revocation=mode)
		case(f"crl not yet {mode}", "tls.crl", crl=(ROOT_CRL, {**INT_CRL, "this": "2026-06-21"}), revocation=mode)
		case(f"crl forged {mode}", "tls.crl", crl=(ROOT_CRL, {**INT_CRL, "broken": True}), revocation=mode)
		case(f"crl with a critical extension {mode}", "tls.crl", crl=(ROOT_CRL, {**INT_CRL, **CRITICAL}), revocation=mode)
		case(f"crl late and revoked {mode}", "tls.crl" if mode == "hard" else "tls.revoked",
		     crl=(ROOT_CRL, {**INT_CRL, "next": "2026-05-31T22:00:00", "revoked": [3]}), revocation=mode)
	for url, reason in (("http://a/r", "ok"), ("http://b/r", "tls.crl")):  # of one URL alone; the root, which names none, needs none
		case(f"crl for {url}", reason, untrusted=({**INT, **points("http://a/r")},), crl=({**ROOT_CRL, **scope(url)}, INT_CRL),
		     revocation="hard")
		case(f"crl for {url}, soft", "ok", untrusted=({**INT, **points("http://a/r")},), crl=({**ROOT_CRL, **scope(url)}, INT_CRL),
		     revocation="soft")
		case(f"crl for {url}, revoked there", "tls.revoked", untrusted=({**INT, **points("http://a/r")},),
		     crl=({**ROOT_CRL, **scope("http://a/r"), "revoked": [2]}, {**ROOT_CRL, **scope(url)}, INT_CRL), revocation="soft")
	case("crl of somebody else", "ok", crl=({**ROOT_CRL, "issuer": "Other", "signer": "other", "revoked": [3]},))
	case("crl without the right to sign it", "tls.crl", untrusted=({**INT, "usage": ["keyCertSign"]},), crl=(ROOT_CRL, INT_CRL))


# --- ways to the root: OpenSSL takes the first issuer that looks right and does not go back ---

def ways():
	plain = {"key_ids": False}
	leaf, right, root = {**LEAF, **plain}, {**INT, **plain}, {**ROOT, **plain}
	beside = {
		"another key": {**right, "key": "x"},
		"another key, self-signed": {**right, "key": "x", "issuer": "Int", "signer": "x"},
		"expired": {**right, **PAST},
		"not yet valid": {**right, **SOON},
		"from an unknown root": {**right, "issuer": "Old Root", "signer": "old"},
		"forged": {**right, "broken": True},
		"of another purpose": {**right, "eku": ["email"]},
		"constrained": {**right, "permitted": ["dns:example.org"]},
		"no CA": {**right, "ca": False},
		"of an unknown critical extension": {**right, **CRITICAL},
		"signed with SHA-1": {**right, "digest": "sha1"},
		"with a weak key": {**right, "kind": "rsa:1024"},
	}
	for n, other in beside.items():
		other = {**other, "serial": 77}
		case(f"way, issuer {n} before", "ok", leaf=leaf, untrusted=(other, right), trust=(root,))
		case(f"way, issuer {n} after", "ok", leaf=leaf, untrusted=(right, other), trust=(root,))
		case(f"way, issuer {n} in the trust list", "ok", leaf=leaf, untrusted=(right,), trust=(other, root))
	old = {**ROOT, **plain, "subject": "Old Root", "key": "old", "issuer": "Old Root", "signer": "old"}
	cross = {**right, "issuer": "Old Root", "signer": "old", "serial": 78}
	case("way, cross-signed, old root sent", "ok", leaf=leaf, untrusted=(cross, old, right), trust=(root,))
	case("way, cross-signed, new root sent", "ok", leaf=leaf, untrusted=(right, root, cross), trust=(old,))
	case("way, cross-signed, both trusted", "ok", leaf=leaf, untrusted=(cross, right), trust=(old, root))
	case("way, root twice, one expired", "ok", leaf=leaf, untrusted=(right,), trust=({**root, "from": "2010-01-01", "to": "2020-01-01"}, root))
	case("way, root twice, another key", "ok", leaf=leaf, untrusted=(right,), trust=({**root, "key": "x", "signer": "x", "to": "2045-01-01"}, root))
	mid = {**right, "subject": "Mid", "key": "mid", "serial": 79}
	low = {**right, "issuer": "Mid", "signer": "mid", "serial": 80}
	case("way, two intermediates", "ok", leaf=leaf, untrusted=(low, mid), trust=(root,))
	case("way, misordered", "ok", leaf=leaf, untrusted=(mid, low), trust=(root,))
	case("way, surplus", "ok", leaf=leaf, untrusted=(old, mid, low, root), trust=(root,))
	case("way, all in the trust list", "ok", leaf=leaf, untrusted=(), trust=(root, mid, low))
	case("way, root sent and not trusted", "tls.chain", leaf=leaf, untrusted=(right, root), trust=(old,))
	case("way, no issuer has the key", "tls.chain", leaf=leaf, untrusted=({**right, "key": "x"}, {**right, "key": "y"}), trust=(root,))
	case("way, every one expired", "tls.expired", leaf=leaf, untrusted=({**right, **PAST}, {**right, **PAST, "serial": 81}), trust=(root,))
	case("way, intermediate alone trusted", "tls.chain", leaf=leaf, untrusted=(), trust=(right,))
	case("way, leaf itself trusted", "tls.chain", leaf=leaf, untrusted=(), trust=(leaf,))
	case("way, self-signed and trusted", "ok", leaf={**ROOT, **plain, "eku": None, "usage": ["digitalSignature", "keyCertSign"]}, untrusted=(),
	     trust=({**ROOT, **plain, "eku": None, "usage": ["digitalSignature", "keyCertSign"]},))
	case("way, self-signed", "tls.chain", leaf={**leaf, "issuer": LEAF["subject"], "signer": "leaf"}, untrusted=(), trust=(root,))
	chain = [{**right, "subject": f"L{i}", "key": f"l{i}", "issuer": f"L{i + 1}", "signer": f"l{i + 1}", "serial": 100 + i} for i in range(6)]
	for n, reason in ((4, "ok"), (5, "tls.chain")):
		top = [*chain[:n - 1], {**chain[n - 1], "issuer": "Root", "signer": "root"}]
		case(f"way, {n} intermediates", reason, leaf={**leaf, "issuer": "L0", "signer": "l0"}, untrusted=top, trust=(root,))
	ring = [{**right, "subject": "Int", "key": f"m{i}", "issuer": "Int", "signer": f"m{(i + 1) % 12}", "serial": 200 + i} for i in range(12)]
	case("way, a ring that leads nowhere", "tls.chain", leaf={**leaf, "signer": "m0"}, untrusted=ring, trust=(root,))


# --- form, strength and constraints ---

def forms():
	case("rsa 2048", "ok", leaf={**LEAF, "kind": "rsa:2048"})
	case("rsa 1536", "tls.weak", leaf={**LEAF, "kind": "rsa:1536"})
	case("sha-224", "ok", leaf={**LEAF, "digest": "sha224"})
	case("sha-384", "ok", leaf={**LEAF, "digest": "sha384"})
	case("sha-512", "ok", leaf={**LEAF, "digest": "sha512"})
	case("a critical extension nobody knows", "tls.chain", leaf={**LEAF, **CRITICAL})
	case("an extension nobody knows", "ok", leaf={**LEAF, "more": [forge.extension(forge.UNKNOWN, b"\x05\x00")]})
	case("a CA as a peer", "ok", leaf={**LEAF, "ca": True, "usage": ["digitalSignature", "keyCertSign"]})
	plain = {"version": 1, "key_ids": False}
	case("version 1 leaf", "identity.no-name", leaf={**LEAF, **plain}, name="dns:a.example.net")
	case("version 1 leaf, by its CN", "ok", leaf={**LEAF, **plain}, name="sip:a.example.net")
	case("version 1 intermediate", "tls.chain", untrusted=({**INT, **plain},))
	case("version 1 root", "ok", trust=({**ROOT, **plain},))
	case("intermediate without basic constraints", "tls.chain", untrusted=({**INT, "ca": None},))
	case("path length kept", "ok", trust=({**ROOT, "path_len": 1},))
	case("path length exceeded", "tls.chain", trust=({**ROOT, "path_len": 0},))
	for n, change, reason in (("permitted", {"permitted": ["dns:example.net"]}, "ok"), ("permitted, another", {"permitted": ["dns:example.org"]}, "tls.chain"),
	                          ("excluded", {"excluded": ["dns:example.net"]}, "tls.chain"), ("excluded, another", {"excluded": ["dns:example.org"]}, "ok"),
	                          ("excluded child", {"excluded": ["dns:x.a.example.net"]}, "ok"), ("permitted, uri", {"permitted": ["uri:example.org"]}, "tls.chain")):
		case(f"constraint {n}", reason, leaf=cert_with([D] if "uri" not in n else ["uri:http://a.example.net/"]), untrusted=({**INT, **change},))
	for day, reason in (("2025-12-31T23:59:59Z", "tls.not-yet-valid"), ("2026-01-01T00:00:00Z", "ok"), ("2027-01-01T00:00:00Z", "ok"),
	                    ("2027-01-01T00:00:01Z", "tls.expired"), ("2027-01-01T01:00:00+01:00", "ok"), ("2027-01-01T00:00:01.5+00:00", "tls.expired")):
		case(f"at {day}", reason, at=day)
	case("beyond 2050", "ok", leaf={**LEAF, "to": "2060-01-01"}, at="2039-12-31T00:00:00Z")


# --- broken cases ---

def broken():
	good = forge.pem(forge.certificate(LEAF))
	for n, change in (("no trust", {"trust": ...}), ("trust is text", {"trust": "x"}), ("trust is no PEM", {"trust": ["x"]}),
	                  ("trust holds a CRL", {"trust": [forge.pem(forge.crl(ROOT_CRL), "X509 CRL")]}), ("no chain", {"chain": ...}),
	                  ("chain is empty", {"chain": ""}), ("chain is a number", {"chain": 1}), ("chain is cut", {"chain": good[:200]}),
	                  ("crl is no PEM", {"crl": ["x"]}), ("at is a date", {"at": "2026-06-01"}), ("at is no day", {"at": "2026-02-30T00:00:00Z"}),
	                  ("at is a number", {"at": 1}), ("role", {"as": "peer"}), ("mode", {"match": "exact"}), ("policy", {"eku": "none"}),
	                  ("name without a kind", {"name": "a.example.net"}), ("name is empty", {"name": "dns:"}), ("name with a dot first", {"name": "dns:.example.net"}),
	                  ("name is an address", {"name": "dns:192.0.2.7"}), ("name is a wildcard", {"name": "dns:*.example.net"}),
	                  ("address is none", {"name": "ip:example"}), ("mailbox is none", {"name": "email:example.net"}), ("wildcard is a word", {"wildcard": "yes"})):
		case(f"broken, {n}", "tls.undecided", raw=change)
	case("broken, empty trust", "tls.chain", trust=())
	case("broken, nulls", "ok", raw={"name": None, "crl": None, "match": None, "wildcard": None})
	case("broken, chain does not parse", "tls.handshake", raw={"chain": forge.pem(b"\x30\x03\x02\x01")})
	case("broken, bytes after the certificate", "tls.handshake", raw={"chain": forge.pem(forge.certificate(LEAF) + b"\0")})
	case("broken, an intermediate does not parse", "tls.handshake", raw={"chain": good + forge.pem(b"\x30\x00")})


def check(path):
	wrong, seen = 0, {}
	with open(path, encoding="utf-8") as f:
		for line in f:
			v = json.loads(line)
			seen[v["id"]] = v
	for id_, want in expected.items():
		v = seen.pop(id_, {"verdict": "missing", "reason": "", "detail": ""})
		if (v["verdict"], v["reason"]) != want:
			wrong += 1
			print(f"{id_}: expected {want[0]} {want[1]}, got {v['verdict']} {v['reason']} ({v['detail']})", file=sys.stderr)
	for id_ in seen:
		wrong += 1
		print(f"{id_}: nobody asked", file=sys.stderr)
	print(f"cases.py: {len(expected)} cases, {wrong} wrong")
	return wrong == 0 and len(expected) >= 300


def main(args):
	for table in (deviations, names, purposes, revocation, ways, forms, broken):
		table()
	if args[:1] == ["write"] and len(args) == 2:
		with open(args[1], "w", encoding="utf-8") as f:
			f.writelines(json.dumps(c) + "\n" for c in cases)
	elif args[:1] == ["check"] and len(args) == 2:
		return 0 if check(args[1]) else 1
	elif args == ["list"]:
		for id_, (verdict, reason) in expected.items():
			print(f"{id_}\t{verdict}\t{reason}")
	else:
		print(__doc__, file=sys.stderr)
		return 64
	return 0


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
