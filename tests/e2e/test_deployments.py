# SPDX-License-Identifier: Apache-2.0
"""Deployments with one thing wrong, and their healthy twins: check finds the cause, and nothing where there is nothing.

A pair is a deployment of a name server and a SIP server, broken in one way, and the same one with that put right. Every stage of a whole
check is looked at. What follows from the cause is told as its consequence; what stands beside it, because the fault shows twice, is
named in the pair.
"""
import socket
import threading

import pytest

from lab import ocsp, proc
from lab.dns import Knot
from lab.sserver import answer, bundle
from test_check_tls import DOMAIN, EDGE, GOOD, MTLS, RAISED, WHERE, Lab, answer_in_clear, lenient, mutual, ours, pem, talk_sip

LOW = "@SECLEVEL=0"
STRONG = "ECDHE+AESGCM:ECDHE+CHACHA20"
S = "_sips._tcp"


class Pair:
	"""id: the cause's. also: ids that stand beside it. broken, healthy: what distinguishes the two, as Deployments.up takes it."""

	def __init__(self, id, broken, healthy=None, also=(), **common):
		self.id, self.also = id, set(also)
		self.broken, self.healthy = {**common, **broken}, {**common, **(healthy or {})}


def srv(*rows):
	return lambda ip: [r.format(a=ip(WHERE), b=ip(WHERE + 1), none=ip(90)) for r in rows]


ONE = srv(f"{S} SRV 10 10 5061 e1", "e1 A {a}")
TWO = (f"{S} SRV 10 10 5061 e1", f"{S} SRV 10 10 5061 e2", "e1 A {a}", "e2 A {b}")

DNS = {  # the zone's records, broken and healthy
	"srv-missing": Pair("dns.srv", {"zone": srv("@ A {a}")}, {"zone": ONE}),
	"srv-nothing-there": Pair("dns.srv", {"zone": srv("@ TXT hello")}, {"zone": ONE}),
	"srv-says-no-service": Pair("dns.srv.absent", {"zone": srv(f"{S} SRV 0 0 0 .", "@ A {a}")}, {"zone": ONE}),
	"target-without-address": Pair("dns.srv.target", {"zone": srv(f"{S} SRV 10 10 5061 gone")}, {"zone": ONE}),
	"one-target-of-two-gone": Pair("dns.srv.target", {"zone": srv(*TWO[:3])}, {"zone": srv(*TWO)}),
	"target-is-an-address": Pair("dns.srv.target", {"zone": srv(f"{S} SRV 10 10 5061 192.0.2.1.")}, {"zone": ONE}),
	"target-is-an-alias": Pair("dns.srv.target-cname", {"zone": srv(f"{S} SRV 10 10 5061 e1", "e1 CNAME real", "real A {a}")}, {"zone": ONE}),
	"port-zero": Pair("dns.srv.port", {"zone": srv(f"{S} SRV 10 10 0 e1", "e1 A {a}")}, {"zone": ONE}),
	"port-of-another-listener": Pair("tcp.reach", {"zone": srv(f"{S} SRV 10 10 5099 e1", "e1 A {a}")}, {"zone": ONE}),
	"weight-zero-beside-others": Pair("dns.srv.weight", {"zone": srv(f"{S} SRV 10 0 5061 e1", *TWO[1:])}, {"zone": srv(*TWO)}),
	"two-targets-one-machine": Pair("dns.srv.duplicate", {"zone": srv(*TWO[:3], "e2 A {a}")}, {"zone": srv(*TWO)}),
	"same-target-twice": Pair("dns.srv.duplicate", {"zone": srv(TWO[0], f"{S} SRV 20 10 5061 e1", "e1 A {a}")},
		{"zone": srv(TWO[0], f"{S} SRV 20 10 5061 e2", *TWO[2:])}),
	"inside-service-outside": Pair("dns.srv.internal", {"zone": srv(*TWO, "_cisco-uds._tcp SRV 10 10 8443 e1")}, {"zone": srv(*TWO)}),
	"remote-access-beside-b2b": Pair("dns.srv.mra", {"zone": srv(*TWO, "_collab-edge._tls SRV 10 10 5061 e1")},
		{"zone": srv(*TWO, "_collab-edge._tls SRV 10 10 8443 e1")}),
	"naptr-with-an-expression": Pair("dns.naptr", {"zone": srv(*TWO, '@ NAPTR 10 10 "s" "SIPS+D2T" "!^.*$!sip:a@b!" .')},
		{"zone": srv(*TWO, f'@ NAPTR 10 10 "s" "SIPS+D2T" "" {S}')}),
	"naptr-to-nowhere": Pair("dns.naptr", {"zone": srv(*TWO, '@ NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.none')},
		{"zone": srv(*TWO, f'@ NAPTR 10 10 "s" "SIPS+D2T" "" {S}')}),
	"name-server-silent": Pair("dns.server.silent", {"zone": srv(*TWO, "@ NS ns2", "ns2 A {none}")}, {"zone": srv(*TWO)}),
	"name-server-without-address": Pair("dns.server.address", {"zone": srv(*TWO, "@ NS ns2")}, {"zone": srv(*TWO)}),
	"ca-not-allowed": Pair("dns.caa", {"zone": srv(*TWO, '@ CAA 0 issue ";"')}, {"zone": srv(*TWO)}),
	"nothing-listens": Pair("tcp.reach", {"zone": srv(f"{S} SRV 10 10 5061 e1", "e1 A {none}")}, {"zone": ONE}),
	"half-the-cluster-is-down": Pair("tcp.reach", {"zone": srv(*TWO[:3], "e2 A {none}")}, {"zone": srv(*TWO)}),
	"private-address-published": Pair("tcp.private-address", {"zone": ONE, "allow": "192.0.2.0/24"}, {"zone": ONE}),
}


def http(c):
	c.recv(4096)
	c.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def mute(c):
	for _ in iter(lambda: c.recv(4096), b""):
		pass


SERVER = {  # what stands at the address
	"sip-in-the-clear": Pair("tls.not-tls", {"plain": answer_in_clear}),
	"a-web-server": Pair("tls.not-tls", {"plain": http}),
	"closes-at-once": Pair("tls.handshake", {"plain": lambda c: c.recv(1)}),
	"never-answers": Pair("tls.handshake", {"plain": mute}, timeout="800ms"),
	"knows-another-name": Pair("tls.handshake", {"options": ["-servername", "somebody.else", "-servername_fatal", *GOOD], "second": {}}),
	"old-versions": Pair("tls.version.old", {"options": ["-cipher", f"{STRONG}:ECDHE-ECDSA-AES128-SHA{LOW}"]},
		{"options": ["-cipher", f"{STRONG}:ECDHE-ECDSA-AES128-SHA{LOW}", "-min_protocol", "TLSv1.2", "-cipher", STRONG]}, also=("tls.suites.other",)),
	"no-tls13": Pair("tls.version", {"options": ["-no_tls1_3", *GOOD]}),
	"no-tls12": Pair("tls.version", {"options": ["-tls1_3", *GOOD]}),
	"cbc": Pair("tls.suites.other", {"options": ["-cipher", f"{STRONG}:ECDHE-ECDSA-AES256-SHA384"]}, {"options": ["-cipher", STRONG]}),
	"anonymous-suite": Pair("tls.suites.weak", {"options": ["-cipher", f"{STRONG}:AECDH-AES256-SHA{LOW}", "-min_protocol", "TLSv1.2"]},
		{"options": ["-cipher", STRONG + LOW, "-min_protocol", "TLSv1.2"]}),
	"no-suite-in-common": Pair("tls.suites", {"options": ["-cipher", "ECDHE-ECDSA-AES256-CCM"]}, {"options": ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]}),
	"no-group-in-common": Pair("tls.groups", {"options": ["-groups", "X448", *GOOD]}, {"options": ["-groups", "X448:P-256", *GOOD]}),
	"signs-with-sha1": Pair("tls.signature",
		{"options": ["-no_tls1_3", "-sigalgs", "ECDSA+SHA1", "-min_protocol", "TLSv1.2", "-cipher", f"ECDHE+AESGCM{LOW}"]},
		{"options": ["-sigalgs", "ECDSA+SHA256", *GOOD]}, also=("tls.version",)),
	"renegotiates": Pair("tls.renegotiation", {"options": ["-client_renegotiation", *GOOD]}),
	"insists-on-certificates": Pair("tls.client.optional", {"options": lambda l: [*GOOD, *mutual(l)]}, {"options": lambda l: [*GOOD, *mutual(l, "-verify")]}),
	"untrusted-ca": Pair("tls.chain.incomplete", {"leaf": {"issuer": "rogue-root"}}, {"leaf": {"issuer": "root"}}),
	"foreign-chain": Pair("tls.chain", {"leaf": {"issuer": "rogue-int"}, "chain": ["rogue-int"]}, {"chain": [("int", 0)]}),
	"intermediate-missing": Pair("tls.chain.incomplete", {"chain": []}, {"chain": [("int", 0)]}),
	"wrong-order": Pair("tls.chain.order", {"leaf": {"issuer": "int-low"}, "chain": [("int", 0), ("int-low", 0)]},
		{"leaf": {"issuer": "int-low"}, "chain": [("int-low", 0), ("int", 0)]}),
	"one-certificate-too-many": Pair("tls.chain.extra", {"chain": [("int", 0), ("int-server", 0)]}, {"chain": [("int", 0)]}),
	"sends-its-root": Pair("tls.chain.root-sent", {"chain": [("int", 0), "root"]}, {"chain": [("int", 0)]}),
	"sends-every-ca": Pair("tls.chain.long", {"chain": [("int", 0), *["rogue-root"] * 11]}, {"chain": [("int", 0)]}, also=("tls.chain.extra",)),
	"self-signed": Pair("tls.chain.self-signed", {"leaf": {"issuer": "self"}}),
	"root-distrusted": Pair("tls.root", {"root": "distrusted"}, {"root": "usable"}),
	"expired": Pair("tls.expired", {"leaf": {"valid": "past"}}, {"leaf": {"valid": "90"}}),
	"not-valid-yet": Pair("tls.not-yet-valid", {"leaf": {"valid": "future"}}, {"leaf": {"valid": "90"}}),
	"expires-soon": Pair("tls.expiry", {"leaf": {"valid": "20"}}, {"leaf": {"valid": "40"}}),
	"for-clients-alone": Pair("tls.purpose", {"leaf": {"use": "client"}}, {"leaf": {"use": "both"}}),
	"short-key": Pair("tls.key", {"leaf": {"key": "rsa:1024"}, "options": ["-cipher", STRONG + LOW, "-min_protocol", "TLSv1.2"]},
		{"leaf": {"key": "rsa:3072"}, "options": ["-cipher", STRONG + LOW, "-min_protocol", "TLSv1.2"]}),
	"certificate-signed-with-sha1": Pair("tls.digest", {"leaf": {"more": "sha1"}, "options": ["-cipher", STRONG + LOW, "-min_protocol", "TLSv1.2"]},
		{"options": ["-cipher", STRONG + LOW, "-min_protocol", "TLSv1.2"]}),
	"another-name": Pair("tls.name", {"leaf": {"san": "DNS:other.example.net"}}, {"leaf": {"san": f"DNS:other.example.net,DNS:{DOMAIN}"}}),
	"name-of-the-target": Pair("tls.name.target", {"leaf": {"san": f"DNS:{EDGE}"}}, {"leaf": {"san": f"DNS:{EDGE},DNS:{DOMAIN}"}}),
	"wildcard": Pair("tls.name.wildcard", {"leaf": {"san": "DNS:*.example.com"}}, {"leaf": {"san": f"DNS:{EDGE}"}}, target=f"{EDGE}:5061"),
	"name-in-the-cn": Pair("tls.name.cn-only", {"leaf": {"cn": DOMAIN, "san": "-"}}, {"leaf": {"cn": DOMAIN}}),
	"uri-of-another": Pair("tls.name", {"leaf": {"san": f"URI:sip:other.example.net,DNS:{DOMAIN}"}}, {"leaf": {"san": f"URI:sip:{DOMAIN},DNS:other.example.net"}}),
	"must-staple-and-does-not": Pair("tls.must-staple", {"leaf": {"more": "must-staple"}}, {"leaf": {"more": "must-staple"}, "staple": {}}),
	"staple-is-old": Pair("tls.staple", {"staple": {"begin": -172800, "end": -86400}}, {"staple": {}}),
	"staple-says-revoked": Pair("tls.revoked", {"staple": {"status": "revoked"}}, {"staple": {}}),
	"crl-host-unreachable": Pair("tls.crl.host", {"leaf": {"crl": "http://{dead}:8080/x"}}, {"leaf": {"crl": "http://{alive}:8080/x"}}),
	"ocsp-host-unreachable": Pair("tls.ocsp.host", {"leaf": {"ocsp": "http://{dead}:8080/x"}}, {"leaf": {"ocsp": "http://{alive}:8080/x"}}),
	"other-certificate-without-sni": Pair("tls.sni", {"leaf": {"san": "DNS:default.example.net"}, "second": {"issuer": "root"},
		"options": ["-servername", EDGE, *GOOD]}),
	"a-node-left-behind": Pair("tls.addresses", {"leaf": {"san": f"DNS:two.{DOMAIN}"}, "other": {"issuer": "zoneb-root"}},
		{"leaf": {"san": f"DNS:two.{DOMAIN}"}, "other": {}}, target=f"two.{DOMAIN}:5061", trust=["root", "zoneb-root"]),
	"inspected": Pair("tls.intercepted", {"leaf": {"issuer": "zs-root"}}, also=("tls.chain.incomplete",)),
	"unavailable": Pair("sip.options", {"sip": answer("503 Service Unavailable")}),
	"forbidden": Pair("sip.options", {"sip": answer("403 Forbidden")}),
	"wants-a-password": Pair("sip.options", {"sip": answer("401 Unauthorized", WWW_Authenticate='Digest realm="x", nonce="y"')}),
	"does-not-know-options": Pair("sip.options", {"sip": answer("405 Method Not Allowed")}),
	"never-answers-options": Pair("sip.silent", {"sip": None}, timeout="800ms"),
	"speaks-something-else": Pair("sip.garbage", {"sip": lambda m: b"HELO there\r\n\r\n"}),
	"no-invite": Pair("sip.allow", {"sip": answer(Allow="OPTIONS, REGISTER")}, {"sip": answer(Allow="REGISTER, INVITE")}),
	"address-in-contact": Pair("sip.contact", {"sip": answer(Contact="<sip:192.0.2.1:5061;transport=tls>")}, fqdn=True),
	"contact-of-another": Pair("sip.contact.name", {"sip": answer(Contact="<sip:other.example.net:5061;transport=tls>")}, fqdn=True),
	"clear-port-open": Pair("sip.ports.clear", {"also_clear": True}),
}

MUTUAL = {  # the port for mutual TLS, with a certificate of ours
	"does-not-ask": Pair("tls.client.asked", {"options": lambda l: [*GOOD, "-no_ticket", "-no_cache"]}),
	"does-not-insist": Pair("tls.client.required", {"options": lambda l: [*GOOD, *mutual(l, "-verify")]}),
	"resumes": Pair("tls.resumption", {"options": lambda l: [*GOOD, *[o for o in mutual(l) if o not in ("-no_ticket", "-no_cache")]]}),
	"refuses-us-late": Pair("tls.client.refused-late", {"ours": {"issuer": "zoneb-root"}}, also=("tls.client.cas",)),
	"refuses-us": Pair("tls.client.taken", {"ours": {"issuer": "zoneb-root"}, "options": lambda l: ["-no_tls1_3", *GOOD, *mutual(l)]},
		also=("tls.client.cas", "tls.version")),
	"does-not-list-our-ca": Pair("tls.client.cas", {"options": lambda l: [*GOOD, *lenient(l.pki.zoneb_root)]},
		{"options": lambda l: [*GOOD, *lenient(l.pki.root)]}),
	"its-certificate-for-servers-alone": Pair("tls.purpose.client", {"leaf": {"use": "server"}}, {"leaf": {"use": "both"}}),
	"our-key-is-of-another": Pair("tls.own.key", {"ours_key": "healthy"}),
	"ours-expires-soon": Pair("tls.own.expiry", {"ours": {"valid": "10"}}, {"ours": {"valid": "60"}}),
	"ours-has-a-wildcard": Pair("tls.own.wildcard", {"ours": {"san": "DNS:*.example.org"}}, {"ours": {"san": "DNS:a.example.org,DNS:b.example.org"}}),
	"ours-has-no-name": Pair("tls.own.name", {"ours": {"san": "-"}}),
}
PAIRS = {**{f"dns/{k}": p for k, p in DNS.items()}, **{f"server/{k}": p for k, p in SERVER.items()}, **{f"mutual/{k}": p for k, p in MUTUAL.items()}}


class Deployments(Lab):
	def __init__(self):
		super().__init__()
		self.dns.stop()
		zones = {"com": [], "test": [], "net": [], "example.net": [], "1": [], DOMAIN: [f"{S} SRV 10 10 5061 edge", f"edge A {self.ip(WHERE)}", f"two A {self.ip(WHERE)}", f"two A {self.ip(WHERE + 1)}"]}
		for name, pair in DNS.items():
			zones[f"{name}.test"], zones[f"{name}-ok.test"] = pair.broken["zone"](self.ip), pair.healthy["zone"](self.ip)
		self.dns = Knot(f"{self.dir}/zones", self.ip(53), zones).start()
		for name, words in {"rogue-int": {"issuer": "rogue-root"}, "int-low": {"issuer": "int"}, "zs-root": {"issuer": "self", "cn": "Zscaler_Root_CA"}}.items():
			self.pki.one(name, use="ca", **words)
		self.alive = socket.create_server((self.ip(80), 8080))

	def leaf(self, words):
		words = {k: v.format(dead=self.ip(99), alive=self.ip(80)) for k, v in words.items()}
		name = "-".join(["leaf", *(f"{k}-{v}" for k, v in words.items())]) if words else "healthy"
		return self.cert("".join(c if c.isalnum() else "-" for c in name)[:100], **words)

	def one_server(self, last, leaf=(), options=None, chain=None, sip=answer(), staple=None, second=None, port=5061, cert=None, **_):
		c = cert or self.leaf(dict(leaf))
		options = list(options(self) if callable(options) else options or GOOD)
		if staple is not None:
			with open(self.path("staple.der"), "wb") as f:
				f.write(ocsp.answer(self.pki, c.name, **staple))
			options += ["-status_file", self.path("staple.der")]
		if second is not None:
			c2 = self.leaf(second)
			options += ["-cert2", c2.pem, "-key2", c2.key]
		if chain is not None:
			chain = bundle(self.path(f"above-{last}.pem"), *[(pem(self, p[0]), p[1]) if isinstance(p, tuple) else pem(self, p) for p in chain])
		self.serve(*options, cert=c, last=last, chain=chain, sip=sip, port=port)

	def profile_of(self, root=None, fqdn=False, **_):
		if root:
			sha = proc.run(["openssl", "x509", "-in", self.pki.root, "-noout", "-fingerprint", "-sha256"]).stdout.split("=")[1]
			row = f'roots = ( {{ subject = "Lab Root CA"; sha256 = "{sha.strip().replace(":", "").lower()}"; status = "{root}"; }} );'
			return self.profile((r"\Z", row))
		return self.profile((r"options = true;", "options = true; contact_fqdn = true;")) if fqdn else "b2b"

	def judge(self, name, setup, is_broken):
		"""Sets it up, checks it, takes it down; every result."""
		kind, name = name.split("/")
		args, target = list(setup.get("args", ())), setup.get("target", DOMAIN)
		port = 5062 if kind == "mutual" else 5061
		try:
			if setup.get("plain"):
				self.plain(talk=setup["plain"])
			elif kind == "dns":
				target = f"{name}{'' if is_broken else '-ok'}.test"
				c = self.cert(target, san=",".join(f"DNS:{p}{target}" for p in ("", "e1.", "e2.")))
				for last in (WHERE, WHERE + 1):
					self.one_server(last, cert=c)
			elif kind == "mutual":
				target = MTLS
				self.one_server(WHERE, **{"options": lambda l: [*GOOD, *mutual(l)], **setup}, port=port)
				c = self.leaf({"san": "DNS:ours.example.org", **setup.get("ours", {})})
				args += ["--cert", c.pem, "--key", self.cert(setup["ours_key"]).key if "ours_key" in setup else c.key]
			else:
				self.one_server(WHERE, **setup)
				if "other" in setup:
					self.one_server(WHERE + 1, **{**setup, "leaf": {**setup.get("leaf", {}), **setup["other"]}})
			if setup.get("also_clear"):
				self.plain(port=5060, talk=talk_sip(answer()))
			trust = bundle(self.path("trust.pem"), *[pem(self, t) for t in setup.get("trust", ["root"])])
			return self.check(*args, target, profile=self.profile_of(**setup), ca=trust, timeout=setup.get("timeout", "3s"),
				allow=setup.get("allow", "127.0.0.0/8")).doc["results"]
		finally:
			self.quiet()

	def close(self):
		self.alive.close()
		super().close()


@pytest.fixture(scope="module")
def lab():
	try:
		l = Deployments()
	except proc.Missing as e:
		from conftest import lacking
		lacking(e)
	yield l
	l.close()


def told(results):
	return "\n".join(f"{f['status']} {f['id']} [{f['subject']}] {f['found']} <- {f['cause']}" for f in results if f["status"] in RAISED)


def test_there_are_enough():
	assert len(PAIRS) >= 60


@pytest.mark.parametrize("name", PAIRS)
def test_the_cause_is_found(lab, name):
	pair = PAIRS[name]
	results = lab.judge(name, pair.broken, True)
	causes = {f["id"] for f in results if f["status"] in RAISED and not f["cause"]}
	assert pair.id in causes and causes <= {pair.id} | pair.also, f"{pair.id} was to be found:\n{told(results)}"
	assert all(f["fix"] for f in results if f["id"] == pair.id and f["status"] in RAISED)


@pytest.mark.parametrize("name", PAIRS)
def test_the_healthy_twin_raises_nothing(lab, name):
	results = lab.judge(name, PAIRS[name].healthy, False)
	assert not told(results), told(results)
	assert any(f["id"] == "sip.options" and f["status"] == "pass" for f in results), results
