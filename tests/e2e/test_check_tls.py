# SPDX-License-Identifier: Apache-2.0
"""The TLS and SIP probes of sipward check, against openssl s_server in every state of disrepair and a real Kamailio.

Each case breaks one thing of a healthy server and names the findings that have to come of it, all of them: what else is raised is
an error as much as what is missing.
"""
import json
import os
import re
import shutil
import socket
import ssl
import tempfile
import threading
import time

import pytest

from lab import ocsp, proc
from lab.dns import Knot
from lab.kamailio import Kamailio
from lab.net import Block
from lab.pki import Pki
from lab.sipward import SANITIZER, TREE, binaries, libconfig
from lab.sserver import ALLOW, Answers, SServer, answer, bundle

DOMAIN, EDGE = "example.com", "edge.example.com"
MTLS = f"{EDGE}:5062"
GOOD = ["-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20"]
RAISED = ("fail", "warn", "unknown")
WHERE = 10


class Lab:
	def __init__(self):
		self.dir = tempfile.mkdtemp(prefix="sipward-check-")
		self.block = Block()
		self.ip = self.block.ip
		self.pki = Pki(f"{self.dir}/pki")
		self.servers, self.cache = [], {}
		# an address that nothing answers at is told apart from one of ours by its zone's records
		self.dns = Knot(f"{self.dir}/dns", self.ip(53), {DOMAIN: ["_sips._tcp SRV 10 10 5061 edge", f"edge A {self.ip(WHERE)}",
			f"two A {self.ip(WHERE)}", f"two A {self.ip(WHERE + 1)}", "_sips._tcp.pair SRV 10 10 5061 edge.pair",
			"_sips._tcp.pair SRV 20 10 5061 back.pair", f"edge.pair A {self.ip(20)}", f"back.pair A {self.ip(21)}"]}).start()
		self.ours = self.cert("ours", san="DNS:ours.example.org,DNS:example.org")

	def cert(self, name, **words):
		if name not in self.cache:
			self.cache[name] = self.pki.one(name, **{"san": f"DNS:{DOMAIN},DNS:{EDGE}", **words})
		return self.cache[name]

	def serve(self, *options, cert=None, last=WHERE, **more):
		s = SServer(f"{self.dir}/servers", self.ip(last), cert or self.cert("healthy"), *(options or GOOD), **more)
		self.servers.append(s)
		return s

	def plain(self, last=WHERE, port=5061, **more):
		s = Plain(self.ip(last), port, **more)
		self.servers.append(s)
		return s

	def path(self, name):
		return f"{self.dir}/{name}"

	def profile(self, *edits):
		"""A copy of b2b's, with (pattern, replacement) done to it; its path."""
		text = open(f"{TREE}/conf/profiles/b2b.conf").read()
		for pattern, by in edits:
			text, n = re.subn(pattern, by, text, count=1)
			assert n, pattern
		return self.write(f"profile-{abs(hash(text))}.conf", text)

	def write(self, name, text):
		with open(self.path(name), "w") as f:
			f.write(text)
		return self.path(name)

	def conf(self, **zone):
		"""A configuration with one zone, "peer"; its path."""
		c = self.cert("ours")
		return self.write("sipward.conf", "".join(f"{k} = {libconfig(v)};\n" for k, v in {
			"node": {"host": "ours.example.org", "user": "root", "state_dir": self.path("state"), "control": self.path("state/control")},
			"local_domains": ["example.org"],
			"listeners": [{"name": "mutual", "transport": "mtls", "addresses": [self.ip(1)], "port": 5062, "host": "ours.example.org",
				"cert": c.pem, "key": c.key}],
			"zones": [{"name": "peer", "kind": "dns", "listeners": ["mutual"], "domains": [DOMAIN], "names": [DOMAIN],
				"trust": [self.pki.root], "target_networks": ["127.0.0.0/8"], **zone}],
			"routes": [{"name": "out", "domain": DOMAIN, "to": "peer"}],
			"media": {"interfaces": [{"name": "lab", "address": self.ip(1)}]},
			"dns": {"servers": [f"{self.dns.ip}:{self.dns.port}"]},
		}.items()))

	def check(self, *args, profile="b2b", ca="", timeout="3s", allow="127.0.0.0/8", env=None):
		argv = [binaries()[1], "check", "-p", profile, "-o", "json", "--progress", "none", "--dns", f"{self.dns.ip}:{self.dns.port}",
			"--allow", allow, "--timeout", timeout, *([] if ca is None else ["--ca", ca or self.pki.root]), *args]
		r = proc.run(argv, check=False, env={"SIPWARD_PROFILES": f"{TREE}/conf/profiles", **(env or {})})
		assert r.stdout.startswith("{") and not SANITIZER.search(r.stderr), r.stderr
		return Report(json.loads(r.stdout), r)

	def quiet(self):
		for s in self.servers:
			s.stop()
		self.servers.clear()

	def close(self):
		self.quiet()
		self.dns.stop()
		self.block.release()
		if not os.environ.get("SIPWARD_KEEP"):
			shutil.rmtree(self.dir, ignore_errors=True)


class Report:
	def __init__(self, doc, run):
		self.doc, self.run, self.exit = doc, run, run.returncode
		self.all = [f for f in doc["results"] if f["id"].startswith(("tls.", "sip."))]

	def of(self, id):
		return [f for f in self.all if f["id"] == id]

	def one(self, id, *status):
		found = [f for f in self.of(id) if not status or f["status"] in status]
		assert len(found) == 1, f"{len(found)} of {id}: {found}\n{self}"
		return found[0]

	def raised(self):
		return {f["id"]: f["status"] for f in self.all if f["status"] in RAISED}

	def evidence(self, id, key):
		return [e["value"] for f in self.of(id) for e in f["evidence"] if e["key"] == key]

	def __str__(self):
		return "\n".join(f"{f['status']} {f['id']} [{f['subject']}] {f['found']}" for f in self.all) + self.run.stderr


class Plain:
	"""A TCP server in a thread for each connection: talk(socket). What no TLS library would do."""

	def __init__(self, ip, port, talk):
		self.talk, self.held, self.threads = talk, [], []
		self.s = socket.socket()
		self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self.s.bind((ip, port))
		self.s.listen(64)
		self.threads = [threading.Thread(target=self._accept)]
		self.threads[0].start()

	def _accept(self):
		while True:
			try:
				c, _ = self.s.accept()
			except OSError:
				return
			self.held.append(c)
			t = threading.Thread(target=self._serve, args=(c,))
			self.threads.append(t)
			t.start()

	def _serve(self, c):
		try:
			self.talk(c)
		except OSError:
			pass
		finally:
			hang_up(c)

	def stop(self):
		for s in [self.s, *self.held]:
			hang_up(s)
		for t in self.threads:
			t.join(5)


def hang_up(s):
	try:
		s.shutdown(socket.SHUT_RDWR)
	except OSError:
		pass
	s.close()


@pytest.fixture(scope="module")
def whole():
	binaries()
	try:
		l = Lab()
	except proc.Missing as e:
		(pytest.fail if os.environ.get("CI") else pytest.skip)(str(e))
	yield l
	l.close()


@pytest.fixture
def lab(whole):
	yield whole
	whole.quiet()


def expect(report, *rows):
	"""rows: (id, status, pattern of found). Each is there, says what to do, and nothing else is raised."""
	assert report.raised() == {id: status for id, status, _ in rows}, report
	for id, status, pattern in rows:
		for f in report.of(id):
			if f["status"] == status:
				assert re.search(pattern, f["found"]), f"{id}: {f['found']}"
				assert f["fix"] and f["ref"]


# --- the healthy ones ---

def test_healthy_raises_nothing(lab):
	lab.serve()
	r = lab.check(DOMAIN)
	expect(r)
	assert r.one("sip.options")["found"] == "200 OK"
	assert r.one("sip.pong", "pass") and r.one("tls.sni", "pass") and r.one("tls.version", "pass")
	assert r.evidence("tls.name", "mode") == [f"{m}: takes dns:{DOMAIN}" for m in ("rfc5922", "expressway", "rfc9525", "teams")]
	assert {"tls.handshake", "tls.chain", "tls.key", "tls.digest", "tls.signature", "tls.suites", "tls.suites.order", "tls.groups", "tls.resumption",
		"tls.renegotiation", "tls.client.optional", "tls.expiry", "sip.ports"} <= {f["id"] for f in r.all if f["status"] == "pass"}, r


def test_healthy_mutual_raises_nothing(lab):
	lab.serve(*GOOD, *mutual(lab), port=5062)
	r = lab.check(MTLS, *ours(lab.ours))
	expect(r)
	for id in ("tls.client.taken", "tls.client.required", "tls.client.cas", "tls.purpose.client", "sip.options"):
		assert r.one(id, "pass")


def kamailio(lab, last, name):
	"""A partner that insists on certificates, with strong suites; its host name."""
	host = f"{name}.{DOMAIN}"
	k = Kamailio(lab.path(name), lab.ip(last), host, lab.cert(name, san=f"DNS:pair.{DOMAIN},DNS:{host}"), lab.pki.root, lab.dns, [])
	for file, old, new in (("tls.cfg", "verify_depth", "cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20\nverify_depth"),
			("kamailio.cfg", f'alias="{host}"', f'alias="{host}"\nalias="pair.{DOMAIN}"')):
		text = open(lab.path(f"{name}/{file}")).read()
		assert old in text
		lab.write(f"{name}/{file}", text.replace(old, new))
	lab.servers.append(k)
	k.start()
	return host


def test_two_targets_in_less_than_three_seconds(lab):
	"""Two real proxies behind SRV, mutual TLS, each asked everything."""
	kamailio(lab, 20, "edge.pair")
	kamailio(lab, 21, "back.pair")
	best = 99
	for _ in range(3):
		began = time.monotonic()
		r = lab.check(f"pair.{DOMAIN}", *ours(lab.ours))
		best = min(best, time.monotonic() - began)
	assert [f["found"] for f in r.of("sip.options")] == ["200 OK"] * 2, r
	assert not [f for f in r.all if f["status"] in ("fail", "unknown")], r
	assert best < 3, best


def mutual(lab, word="-Verify"):
	return (word, "4", "-CAfile", lab.pki.root, "-verify_return_error", "-no_ticket", "-no_cache")


def lenient(cas):
	"""Names these CAs, and takes every certificate."""
	return ("-Verify", "4", "-CAfile", cas, "-no_ticket", "-no_cache")


def ours(c):
	return ("--cert", c.pem, "--key", c.key)


# --- no TLS at all ---

def answer_in_clear(c):
	c.recv(4096)
	c.sendall(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def close_at_once(c):
	c.recv(1)


def test_sip_without_tls(lab):
	lab.plain(talk=answer_in_clear)
	r = lab.check(DOMAIN)
	expect(r, ("tls.not-tls", "fail", "speaks SIP without TLS"))


def test_http(lab):
	lab.plain(talk=lambda c: (c.recv(4096), c.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")))
	expect(lab.check(DOMAIN), ("tls.not-tls", "fail", "speaks HTTP"))


def test_closed_in_the_handshake(lab):
	lab.plain(talk=close_at_once)
	expect(lab.check(DOMAIN), ("tls.handshake", "fail", "(closed|reset) in the handshake"))


def test_mute_port(lab):
	lab.plain(talk=lambda c: [None for _ in iter(lambda: c.recv(4096), b"")])
	expect(lab.check(DOMAIN, timeout="500ms"), ("tls.handshake", "fail", "did not come to an end in time"))


# --- settings ---

SETTINGS = {
	"tls13-missing": (["-no_tls1_3", *GOOD], [("tls.version", "warn", "TLS 1.2 alone")]),
	"tls12-missing": (["-tls1_3", *GOOD], [("tls.version", "warn", "TLS 1.3 alone")]),
	"old-versions": (["-cipher", "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA@SECLEVEL=0"], [
		("tls.version.old", "fail", "TLS 1.1 and 1.0"), ("tls.suites.other", "warn", "ECDHE-ECDSA-AES128-SHA")]),
	"cbc": (["-cipher", "ECDHE+AESGCM:ECDHE-ECDSA-AES256-SHA384"], [("tls.suites.other", "warn", "ECDHE-ECDSA-AES256-SHA384")]),
	"anonymous": (["-cipher", "ECDHE+AESGCM:AECDH-AES256-SHA@SECLEVEL=0", "-min_protocol", "TLSv1.2"], [("tls.suites.weak", "fail", "AECDH")]),
	"no-suite-of-the-profile": (["-cipher", "ECDHE-ECDSA-AES256-CCM", "-no_tls1_3"], [
		("tls.suites", "fail", "none of them"), ("tls.version", "warn", "1.2 alone")]),
	"no-suite12": (["-cipher", "ECDHE-ECDSA-AES256-CCM"], [("tls.suites", "warn", "none for TLS 1.2")]),
	"no-group": (["-groups", "X448", *GOOD], [("tls.groups", "fail", "none of them")]),
	"sha1-signature": (["-no_tls1_3", "-sigalgs", "ECDSA+SHA1", "-min_protocol", "TLSv1.2", "-cipher", "ECDHE+AESGCM@SECLEVEL=0"], [
		("tls.signature", "fail", "SHA1"), ("tls.version", "warn", "")]),
	"renegotiation": (["-client_renegotiation", *GOOD], [("tls.renegotiation", "warn", "a client may")]),
	"unknown-name": (["-servername", "somebody.else", "-servername_fatal", *GOOD], [("tls.handshake", "fail", "unrecognized name")]),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(lab, name):
	options, rows = SETTINGS[name]
	more = {"cert": lab.cert("healthy"), "chain": None}
	if name == "unknown-name":
		options = [*options, "-cert2", lab.cert("healthy").pem, "-key2", lab.cert("healthy").key]
	lab.serve(*options, **more)
	expect(lab.check(DOMAIN), *rows)


def test_the_list_of_suites_to_paste_heals(lab):
	lab.serve("-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1.2")
	r = lab.check(DOMAIN)
	expect(r, ("tls.suites.weak", "fail", "takes"), ("tls.suites.other", "warn", "takes"))
	todo = r.one("tls.suites.weak")["fix"].rsplit(" ", 1)[1]
	lab.quiet()
	lab.serve("-cipher", todo)
	expect(lab.check(DOMAIN))


def test_whose_order_decides(lab):
	"""The server's own preference, whatever we offer; and that it has none."""
	suites = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"]
	lab.serve("-cipher", ":".join(suites), "-serverpref")
	found = [f["found"] for f in lab.check(DOMAIN).of("tls.suites.order")]
	assert f"TLS 1.2: the server decides: {', '.join(suites)}" in found, found
	lab.quiet()
	lab.serve("-cipher", ":".join(suites))
	found = [f["found"] for f in lab.check(DOMAIN).of("tls.suites.order")]
	assert "TLS 1.2: the client's order decides" in found, found


def test_groups_of_tls12(lab):
	"""Up to TLS 1.2 a server with an EC key is not asked for a group alone: its certificate's curve must stand beside it."""
	lab.serve("-no_tls1_3", *GOOD)
	r = lab.check(DOMAIN)
	assert r.one("tls.groups")["found"] == "X25519, P-256, P-384, P-521", r
	lab.quiet()
	lab.serve("-no_tls1_3", *GOOD, "-groups", "P-256:P-384", "-serverpref")
	r = lab.check(DOMAIN)
	assert r.one("tls.groups")["found"] == "P-256", r
	assert r.evidence("tls.groups", "unknown")[0].startswith("X25519, P-384, P-521:"), r


def test_resumption_on_a_mutual_port(lab):
	lab.serve(*GOOD, *[o for o in mutual(lab) if o not in ("-no_ticket", "-no_cache")], port=5062)
	r = lab.check(MTLS, *ours(lab.ours))
	expect(r, ("tls.resumption", "warn", "resumed"))


def test_rate_limit_concludes_nothing(lab):
	"""The first handshakes are answered, the rest never: no verdict from silence."""
	lab.serve(port=15061)
	count = threading.Semaphore(6)

	def some(c):
		if not count.acquire(blocking=False):
			while c.recv(4096):
				pass
			return
		with socket.create_connection((lab.ip(WHERE), 15061)) as to:
			ways = [threading.Thread(target=pump, args=w) for w in ((c, to), (to, c))]
			for w in ways:
				w.start()
			for w in ways:
				w.join()
	lab.plain(talk=some)
	r = lab.check(DOMAIN, timeout="700ms")
	assert r.one("tls.settings", "unknown"), r
	assert not [f for f in r.all if f["id"].startswith(("tls.version", "tls.suites", "tls.groups")) and f["status"] == "fail"], r


def pump(a, b):
	try:
		for data in iter(lambda: a.recv(4096), b""):
			b.sendall(data)
	except OSError:
		pass
	for s in (a, b):
		try:
			s.shutdown(socket.SHUT_RDWR)
		except OSError:
			pass


# --- the chain ---

def above(lab, *parts):
	return bundle(lab.path("above.pem"), *parts)


def pem(lab, name):
	return f"{lab.pki.dir}/{name}.pem"


def test_untrusted(lab):
	lab.pki.one("rogue-int", issuer="rogue-root", use="ca", cn="Rogue_Int_CA")
	lab.serve(cert=lab.cert("rogue-one", issuer="rogue-int"), chain=pem(lab, "rogue-int"))
	expect(lab.check(DOMAIN), ("tls.chain", "fail", "Rogue Root"))


def test_intermediate_missing(lab):
	lab.serve(chain=above(lab))
	r = lab.check(DOMAIN)
	expect(r, ("tls.chain.incomplete", "fail", "Lab Intermediate CA.* was not sent"))
	assert "Lab Intermediate CA" in r.one("tls.chain.incomplete")["fix"]
	lab.quiet()
	lab.serve(chain=above(lab))
	helped = lab.check(DOMAIN, ca=bundle(lab.path("both.pem"), pem(lab, "int"), pem(lab, "root")))
	expect(helped, ("tls.chain.incomplete", "warn", "our own list holds it"))


def test_order(lab):
	lab.pki.one("int-low", issuer="int", use="ca", cn="Lab_Low_CA")
	cert = lab.cert("low", issuer="int-low")
	lab.serve(cert=cert, chain=above(lab, (pem(lab, "int"), 0), (pem(lab, "int-low"), 0)))
	expect(lab.check(DOMAIN), ("tls.chain.order", "warn", "Lab Low CA.* not where it belongs"))


def test_one_too_many(lab):
	lab.serve(chain=above(lab, (pem(lab, "int"), 0), (pem(lab, "int-server"), 0)))
	expect(lab.check(DOMAIN), ("tls.chain.extra", "warn", "Lab Server Only CA"))


def test_root_sent(lab):
	lab.serve(chain=above(lab, (pem(lab, "int"), 0), pem(lab, "root")))
	expect(lab.check(DOMAIN), ("tls.chain.root-sent", "warn", "Lab Root CA"))


def test_bundle_of_everything(lab):
	lab.serve(chain=above(lab, (pem(lab, "int"), 0), *[pem(lab, "rogue-root")] * 11))
	expect(lab.check(DOMAIN), ("tls.chain.long", "warn", "13 certificates"), ("tls.chain.extra", "warn", "11 that"))
	lab.quiet()
	lab.serve(chain=above(lab, (pem(lab, "int"), 0), *[pem(lab, "rogue-root")] * 200))
	expect(lab.check(DOMAIN), ("tls.chain.long", "fail", "longer than 64 KiB"))


def test_self_signed(lab):
	lab.serve(cert=lab.cert("self-one", issuer="self"))
	expect(lab.check(DOMAIN), ("tls.chain.self-signed", "fail", "vouches for itself"))


def test_distrusted_root(lab):
	sha = proc.run(["openssl", "x509", "-in", lab.pki.root, "-noout", "-fingerprint", "-sha256"]).stdout.split("=")[1]
	row = f'roots = ( {{ subject = "Lab Root CA"; sha256 = "{sha.strip().replace(":", "").lower()}"; status = "distrusted"; %s }} );'
	lab.serve()
	expect(lab.check(DOMAIN, profile=lab.profile((r"\Z", row % ""))), ("tls.root", "fail", "distrusted"))
	hearsay = lab.check(DOMAIN, profile=lab.profile((r"\Z", row % "confirmed = false;")))
	expect(hearsay)
	assert hearsay.one("tls.root", "skip")


LEAVES = {
	"expired": (dict(valid="past"), [("tls.expired", "fail", "2021-01-01")]),
	"not-yet": (dict(valid="future"), [("tls.not-yet-valid", "fail", "2090-01-01")]),
	"soon": (dict(valid="20"), [("tls.expiry", "warn", "in (19|20) days")]),
	"client-only": (dict(use="client"), [("tls.purpose", "fail", "purpose")]),
	"rsa1024": (dict(key="rsa:1024"), [("tls.key", "fail", "1024 bits")]),
	"sha1": (dict(more="sha1"), [("tls.digest", "fail", "SHA1")]),
	"other-name": (dict(san="DNS:other.example.net"), [("tls.name", "fail", "other.example.net")]),
	"target-alone": (dict(san=f"DNS:{EDGE}"), [("tls.name.target", "fail", EDGE)]),
	"wildcard": (dict(san="DNS:*.com,DNS:*.example.com"), [("tls.name", "fail", r"\*\.example\.com")]),
	"cn-only": (dict(cn=DOMAIN, san="-"), [("tls.name.cn-only", "warn", "common name alone")]),
	"must-staple": (dict(more="must-staple"), [("tls.must-staple", "fail", "none")]),
	"inspected": (dict(issuer="zs-root"), [("tls.intercepted", "fail", "Zscaler"), ("tls.chain.incomplete", "fail", "Zscaler")]),
}


@pytest.mark.parametrize("name", LEAVES)
def test_leaves(lab, name):
	words, rows = LEAVES[name]
	if name == "inspected":
		lab.pki.one("zs-root", issuer="self", use="ca", cn="Zscaler_Root_CA")
	options = ["-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20@SECLEVEL=0", "-min_protocol", "TLSv1.2"] if name in ("rsa1024", "sha1") else GOOD
	lab.serve(*options, cert=lab.cert(f"leaf-{name}", **words))
	expect(lab.check(DOMAIN), *rows)


def test_wildcard_for_a_host(lab):
	lab.serve(cert=lab.cert("wild", san="DNS:*.example.com"))
	expect(lab.check(f"{EDGE}:5061"), ("tls.name.wildcard", "fail", r"\*\.example\.com"))


def test_expiry_forecast(lab):
	"""--at: what will be."""
	lab.serve()
	later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 350 * 86400))
	r = lab.check(DOMAIN, "--at", later)
	expect(r, ("tls.expiry", "warn", "in 1[45] days"))
	line = r.one("tls.expiry", "warn")["evidence"]
	assert [e["key"] for e in line] == ["certificate", "not_before", "not_after"]


def test_server_only_purpose_on_a_mutual_port(lab):
	lab.serve(*GOOD, *mutual(lab), cert=lab.cert("server-only", use="server"), port=5062)
	expect(lab.check(MTLS, *ours(lab.ours)), ("tls.purpose.client", "warn", "no clientAuth at depth 0"))


# --- SNI, addresses ---

def test_other_certificate_without_sni(lab):
	c = lab.cert("direct-edge", issuer="root")  # s_server sends no chain with its second certificate
	lab.serve(*GOOD, "-servername", EDGE, "-cert2", c.pem, "-key2", c.key, cert=lab.cert("default", san="DNS:default.example.net"))
	expect(lab.check(DOMAIN), ("tls.sni", "warn", "default.example.net"))


def test_addresses_of_two_cas(lab):
	san = f"DNS:two.{DOMAIN}"
	lab.serve(cert=lab.cert("two-a", san=san))
	lab.serve(cert=lab.cert("two-b", san=san, issuer="zoneb-root"), last=WHERE + 1)
	both = bundle(lab.path("both.pem"), pem(lab, "root"), pem(lab, "zoneb-root"))
	expect(lab.check(f"two.{DOMAIN}:5061", ca=both), ("tls.addresses", "warn", "Zone B Root CA"))


def test_addresses_of_two_intermediates(lab):
	"""CAs issue from several in turn."""
	san = f"DNS:two.{DOMAIN}"
	lab.serve(cert=lab.cert("two-a", san=san))
	lab.serve(cert=lab.cert("two-d", san=san, issuer="int-server"), last=WHERE + 1)
	expect(lab.check(f"two.{DOMAIN}:5061"))


def test_inspection_on_one_way(lab):
	san = f"DNS:two.{DOMAIN}"
	lab.serve(cert=lab.cert("two-a", san=san))
	lab.serve(cert=lab.cert("two-c", san=san, issuer="rogue-root"), last=WHERE + 1)
	expect(lab.check(f"two.{DOMAIN}:5061"), ("tls.intercepted", "fail", "Rogue Root CA"), ("tls.chain.incomplete", "fail", "Rogue"))


def test_inspection_by_a_ca_that_this_system_trusts(lab):
	lab.pki.one("zs-root", issuer="self", use="ca", cn="Zscaler_Root_CA")
	lab.serve(cert=lab.cert("leaf-inspected", issuer="zs-root"))
	r = lab.check(DOMAIN, ca=None, env={"SSL_CERT_FILE": pem(lab, "zs-root")})
	expect(r, ("tls.intercepted", "fail", "Zscaler"))
	expect(lab.check(DOMAIN, ca=pem(lab, "zs-root")))


# --- revocation ---

def test_hosts_out_of_reach(lab):
	dead = f"http://{lab.ip(99)}:81/x"
	lab.serve(cert=lab.cert("dead", crl=dead, ocsp=dead))
	expect(lab.check(DOMAIN), ("tls.crl.host", "warn", "refused"), ("tls.ocsp.host", "warn", "refused"))


def stapled(lab, cert, **words):
	with open(lab.path("staple.der"), "wb") as f:
		f.write(ocsp.answer(lab.pki, cert.name, **words))
	lab.quiet()
	lab.serve(*GOOD, "-status_file", lab.path("staple.der"), cert=cert)
	return lab.check(DOMAIN)


def test_staple(lab):
	must, free = lab.cert("stapled", more="must-staple"), lab.cert("unstapled")
	for c in (must, free):
		r = stapled(lab, c)
		expect(r)
		assert "good, until" in r.one("tls.staple", "pass")["found"]
	expect(stapled(lab, must, begin=-172800, end=-86400), ("tls.must-staple", "fail", "out of date|ended|expired|old"))
	expect(stapled(lab, free, begin=-172800, end=-86400), ("tls.staple", "warn", "out of date|ended|expired|old"))
	expect(stapled(lab, free, status="revoked"), ("tls.revoked", "fail", "revoked"))


def zone_check(lab, *args, **zone):
	return lab.check("-f", lab.conf(**zone), "--zone", "peer", *args, DOMAIN)


def test_zone(lab):
	"""The daemon's own verdict, in its words."""
	lab.serve()
	r = zone_check(lab)
	expect(r)
	assert r.one("tls.zone", "pass")["found"] == f"taken by dns:{DOMAIN}"
	r = zone_check(lab, trust=[lab.pki.zoneb_root])
	expect(r, ("tls.chain", "fail", "Lab Root CA|unable"), ("tls.zone", "fail", "tls.chain"))
	assert r.one("tls.zone")["cause"]["id"] == "tls.chain"


def test_zone_wants_other_names(lab):
	lab.serve(cert=lab.cert("other", san="DNS:other.example.net"))
	r = zone_check(lab)
	expect(r, ("tls.name", "fail", "other.example.net"), ("tls.zone", "fail", "identity.mismatch"))


def test_revoked(lab):
	c = lab.cert("gone")
	crl = lab.path("int.crl")
	lab.pki.crl("int", revoke=["gone"])
	lab.pki.crl("root")
	with open(crl, "w") as f:
		for ca in ("int", "root"):
			f.write(proc.run(["openssl", "crl", "-inform", "DER", "-in", f"{lab.pki.dir}/{ca}.der"]).stdout)
	lab.serve(cert=c)
	r = zone_check(lab, crls=[crl], revocation="hard")
	expect(r, ("tls.revoked", "fail", "revoked"), ("tls.zone", "fail", "tls.revoked"))


def test_crl_missing_where_it_counts(lab):
	lab.serve()
	r = zone_check(lab, revocation="hard")
	expect(r, ("tls.crl", "fail", "CRL"), ("tls.zone", "fail", "tls.crl"))


# --- certificates of ours ---

def test_mutual_port_without_a_certificate_of_ours(lab):
	lab.serve(*GOOD, *mutual(lab), port=5062)
	r = lab.check(MTLS)
	expect(r)
	assert r.one("tls.client.required", "pass") and "give --cert" in r.one("sip.options", "skip")["found"]


def test_mutual_port_does_not_ask(lab):
	lab.serve(*GOOD, "-no_ticket", "-no_cache", port=5062)
	expect(lab.check(MTLS, *ours(lab.ours)), ("tls.client.asked", "fail", "does not ask"))


def test_mutual_port_asks_and_does_not_insist(lab):
	lab.serve(*GOOD, *mutual(lab, "-verify"), port=5062)
	expect(lab.check(MTLS, *ours(lab.ours)), ("tls.client.required", "fail", "went on without"))


@pytest.mark.parametrize("version", ["-no_tls1_3", "-tls1_3"])
def test_port_for_all_insists(lab, version):
	lab.serve(version, *GOOD, *mutual(lab))
	expect(lab.check(DOMAIN), ("tls.client.optional", "fail", "certificate required|handshake failure"), ("tls.version", "warn", "alone"))


def test_ca_list_without_ours(lab):
	lab.serve(*GOOD, *lenient(lab.pki.zoneb_root), port=5062)
	r = lab.check(MTLS, *ours(lab.ours))
	expect(r, ("tls.client.cas", "warn", "not among them"))
	assert r.evidence("tls.client.cas", "ca") == ["CN=Zone B Root CA,O=sipward lab"]


def test_long_ca_list(lab):
	cas = bundle(lab.path("cas.pem"), pem(lab, "root"))
	with open(cas, "a") as f:
		for i in range(90):
			f.write(proc.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout",
				"/dev/null", "-config", f"{lab.pki.dir}/.lab/base.cnf", "-subj", f"/O={'a rather long name ' * 3}/OU={'x' * 60}/CN={'y' * 60}{i:02}"],
				env={"LAB_CA": "none"}).stdout)
	lab.serve(*GOOD, *lenient(cas), port=5062)
	expect(lab.check(MTLS, *ours(lab.cert("direct", issuer="root"))), ("tls.client.cas", "warn", "91 CAs, [0-9]{5} bytes"))


def stranger(lab):
	return lab.cert("stranger", issuer="zoneb-root", san="DNS:x.example.org")


def test_certificate_refused_in_the_handshake(lab):
	lab.serve("-no_tls1_3", *GOOD, *mutual(lab), port=5062)
	r = lab.check(MTLS, *ours(stranger(lab)))
	expect(r, ("tls.client.taken", "fail", "unknown CA"), ("tls.client.cas", "warn", "not among"), ("tls.version", "warn", "1.2 alone"))
	assert "import our root" in r.one("tls.client.taken")["fix"]


def test_certificate_refused_after_the_handshake(lab):
	"""TLS 1.3: the handshake is a success for us, and the certificate was refused all the same."""
	lab.serve(*GOOD, *mutual(lab), port=5062)
	r = lab.check(MTLS, *ours(stranger(lab)))
	expect(r, ("tls.client.refused-late", "fail", "after the handshake.*unknown CA"), ("tls.client.cas", "warn", "not among"))
	assert r.one("tls.handshake", "pass") and r.one("sip.options", "skip")
	assert r.exit == 2


def test_kamailio_refuses_after_the_handshake(lab):
	host = kamailio(lab, 20, "edge.pair")
	good = lab.check(f"{host}:5061", *ours(lab.ours))
	assert good.one("sip.options", "pass")["found"] == "200 OK" and good.one("tls.client.taken", "pass"), good
	bad = lab.check(f"{host}:5061", *ours(stranger(lab)))
	assert bad.one("tls.client.refused-late", "fail"), bad
	assert not bad.of("sip.silent") and not bad.of("sip.closed"), bad


# --- our own files ---

def own(lab, c, *more, profile="b2b", **kw):
	return lab.check(*ours(c), *more, "127.0.0.1:1", profile=profile, **kw)


OWN = {
	"key-size": (dict(key="rsa:1024"), [("tls.own.key-size", "fail", "1024")]),
	"no-name": (dict(san="-"), [("tls.own.name", "fail", "")]),
	"wildcard": (dict(san="DNS:*.example.org"), [("tls.own.wildcard", "fail", r"\*\.example\.org")]),
	"client-only": (dict(use="client"), [("tls.own.purpose-server", "fail", "clientAuth")]),
	"neither": (dict(use="sip"), [("tls.own.purpose-server", "fail", ""), ("tls.own.purpose-client", "fail", "")]),
	"soon": (dict(valid="10"), [("tls.own.expiry", "warn", "in (9|10) days")]),
	"past": (dict(valid="past"), [("tls.own.expiry", "fail", "expired")]),
	"alone": (dict(issuer="self"), [("tls.own.chain", "fail", "vouches for itself")]),
}


@pytest.mark.parametrize("name", OWN)
def test_own(lab, name):
	words, rows = OWN[name]
	expect(own(lab, lab.cert(f"own-{name}", **{"san": "DNS:ours.example.org", **words})), *rows)


def test_own_healthy(lab):
	r = own(lab, lab.ours)
	expect(r)
	assert "whole" in r.one("tls.own.chain", "pass")["found"]


def test_own_files(lab):
	expect(lab.check("--cert", lab.path("nowhere.pem"), "--key", lab.ours.key, "127.0.0.1:1"), ("tls.own.files", "fail", "nowhere.pem"))


def test_own_key_of_another(lab):
	other = lab.cert("healthy")
	expect(lab.check("--cert", lab.ours.pem, "--key", other.key, "127.0.0.1:1"), ("tls.own.key", "fail", "key"))


def test_own_chain_missing(lab):
	alone = bundle(lab.path("alone.pem"), (lab.ours.pem, 0))
	both = bundle(lab.path("both.pem"), pem(lab, "int"), pem(lab, "root"))
	r = lab.check("--cert", alone, "--key", lab.ours.key, "127.0.0.1:1", ca=both)
	expect(r, ("tls.own.chain", "fail", "Lab Intermediate CA"))
	r = lab.check("--cert", alone, "--key", lab.ours.key, "--chain", pem(lab, "int"), "127.0.0.1:1")
	expect(r)


def test_own_public_ca(lab):
	expect(own(lab, lab.ours, profile=lab.profile(("public_ca = false", "public_ca = true"))), ("tls.own.public-ca", "fail", "Lab Intermediate"))


def test_own_contact_name(lab):
	conf = lab.conf()
	text = open(conf).read()
	lab.write("sipward.conf", text.replace('host = "ours.example.org";\n    cert', 'host = "other.example.org";\n    cert'))
	r = lab.check("-f", conf, profile=lab.profile((r"options = true;", "options = true; contact_fqdn = true;")))
	contact = r.one("tls.own.contact", "fail")
	assert contact["expected"] == "other.example.org", r
	assert "-addext subjectAltName=DNS:other.example.org,DNS:example.org" in contact["fix"]


def test_own_purpose_client_of_a_strict_provider(lab):
	r = own(lab, lab.cert("own-server", use="server", san="DNS:ours.example.org"), profile=lab.profile(("mutual = false", "mutual = true")))
	expect(r, ("tls.own.purpose-client", "warn", "serverAuth"))


# --- SIP ---

SIP = {
	"unavailable": (answer("503 Service Unavailable"), [("sip.options", "fail", "503")]),
	"forbidden": (answer("403 Forbidden"), [("sip.options", "fail", "403")]),
	"not-found": (answer("404 Not Found"), [("sip.options", "warn", "404")]),
	"no-invite": (answer(Allow="OPTIONS, REGISTER"), [("sip.allow", "warn", "REGISTER")]),
	"garbage": (lambda m: b"HELO there\r\n\r\n", [("sip.garbage", "fail", "")]),
	"silent": (None, [("sip.silent", "fail", "nothing within")]),
}


@pytest.mark.parametrize("name", SIP)
def test_sip(lab, name):
	sip, rows = SIP[name]
	lab.serve(sip=sip)
	expect(lab.check(DOMAIN, timeout="700ms"), *rows)


def test_contact_where_a_name_is_wanted(lab):
	fqdn = lab.profile((r"options = true;", "options = true; contact_fqdn = true;"))
	lab.serve(sip=answer(Contact="<sip:192.0.2.1:5061;transport=tls>"))
	expect(lab.check(DOMAIN, profile=fqdn), ("sip.contact", "fail", "192.0.2.1"))
	lab.quiet()
	lab.serve(sip=answer(Contact="<sip:other.example.net:5061;transport=tls>"))
	expect(lab.check(DOMAIN, profile=fqdn), ("sip.contact.name", "fail", "other.example.net"))
	lab.quiet()
	lab.serve()
	r = lab.check(DOMAIN, profile=fqdn)
	expect(r)
	assert r.one("sip.contact.name", "pass")


def test_nat_is_told(lab):
	lab.serve(sip=answer(received="198.51.100.7"))
	r = lab.check(DOMAIN)
	expect(r)
	assert "198.51.100.7" in r.one("sip.nat", "pass")["found"]


def test_no_pong_is_told(lab):
	lab.serve(pong=b"")
	r = lab.check(DOMAIN)
	expect(r)
	assert "no pong" in r.one("sip.pong", "skip")["found"]


def talk_sip(sip, close_on=None):
	"""In the clear."""
	answers = Answers(sip)

	def talk(c):
		buf = b""
		for data in iter(lambda: c.recv(4096), b""):
			if close_on and close_on in data:
				return
			reply, buf = answers.take(buf + data)
			c.sendall(reply)
	return talk


def over_tls(lab, talk):
	"""The same over TLS, asking for a certificate that may be of anybody we know."""
	ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	cert = lab.cert("healthy")
	ctx.load_cert_chain(cert.pem, cert.key)
	ctx.load_verify_locations(lab.pki.root)
	ctx.verify_mode = ssl.CERT_OPTIONAL
	ctx.set_ciphers(GOOD[1])

	def serve(c):
		with ctx.wrap_socket(c, server_side=True) as s:
			talk(s)
	return serve


@pytest.mark.parametrize("shown", [True, False])
def test_closed_upon_options_is_not_about_the_certificate(lab, shown):
	"""It asks for a certificate, takes ours, and then does not like the request: no alert tells the two apart, but the time does."""
	lab.plain(talk=over_tls(lab, talk_sip(None, close_on=b"OPTIONS")))
	r = lab.check(DOMAIN, *(ours(lab.ours) if shown else ()))
	raised = r.raised()
	assert raised.pop("sip.closed") == "fail" and "after the request" in r.one("sip.closed")["found"], r
	assert not [i for i in raised if i in ("tls.client.refused-late", "tls.client.taken")], r
	assert not [i for i in r.of("tls.client.optional") if i["status"] == "fail"], r


def test_closed_upon_options(lab):
	lab.plain(port=5060, talk=talk_sip(None, close_on=b"OPTIONS"))
	r = lab.check(f"{EDGE}:5060")
	assert r.one("sip.closed", "fail")["found"] == "the connection was closed", r


def test_closed_upon_ping(lab):
	lab.plain(port=5060, talk=ping_closes)
	r = lab.check(f"{EDGE}:5060")
	assert r.one("sip.pong", "warn")["found"] == "the connection was closed", r


def ping_closes(c):
	answers, buf = Answers(answer()), b""
	for data in iter(lambda: c.recv(4096), b""):
		if data == b"\r\n\r\n":
			return
		reply, buf = answers.take(buf + data)
		c.sendall(reply)


def test_clear_port_open_beside(lab):
	lab.serve()
	lab.plain(port=5060, talk=talk_sip(answer()))
	r = lab.check(DOMAIN)
	expect(r, ("sip.ports.clear", "warn", "5060 is open"))
	assert r.one("sip.ports")["found"] == "5060, 5061"
	assert "5061: TLS; the profile: SIP" in r.evidence("sip.ports", "port")


def test_hearsay_of_a_profile_fails_nobody(lab):
	hearsay = lab.profile((r'min = "1.2";', 'min = "1.2"; confirmed = false;'), ("public_ca = false", "public_ca = true"))
	lab.serve("-cipher", "ECDHE-ECDSA-AES256-CCM", "-no_tls1_3")
	r = lab.check(DOMAIN, *ours(lab.ours), profile=hearsay)
	expect(r)
	for id in ("tls.suites", "tls.version", "tls.own.public-ca"):
		assert r.one(id, "skip")
	assert "not confirmed" in r.evidence("tls.suites", "hint")[0]


# --- what wants to hold us up or break us ---

def endless(data):
	def talk(c):
		c.recv(1)
		while True:
			c.sendall(data)
	return talk


def dribble(c):
	"""A record that is announced and comes a byte at a time."""
	c.sendall(b"\x16\x03\x03\x40\x00")
	for _ in range(200):
		c.sendall(b"\x02")
		time.sleep(0.05)


HOSTILE = {
	"zeros": dict(talk=endless(b"\0" * 65536)),
	"alerts": dict(talk=endless(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000)),
	"empty-records": dict(talk=endless(b"\x16\x03\x03\x00\x00" * 1000)),
	"long-flight": dict(talk=endless(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + b"a" * 16380)),
	"hello-cut": dict(talk=lambda c: (c.recv(4096), c.sendall(b"\x16\x03\x03\x00\x40\x02\x00\x00\x3c\x03\x03" + b"a" * 20))),
	"dribble": dict(talk=dribble),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tls(lab, name):
	lab.plain(**HOSTILE[name])
	began = time.monotonic()
	r = lab.check(DOMAIN, timeout="1s")
	assert r.exit == 2 and set(r.raised()) <= {"tls.handshake", "tls.not-tls", "tls.chain.long"} and r.raised(), r
	assert time.monotonic() - began < 8


HOSTILE_SIP = {
	"trying-for-ever": lambda m: answer("100 Trying")(m) * 200,
	"line-ends": lambda m: b"\r\n" * 100000,
	"no-end-of-headers": lambda m: b"SIP/2.0 200 OK\r\n" + b"X: y\r\n" * 100000,
	"long-body": lambda m: answer("200 OK")(m).replace(b"Content-Length: 0", b"Content-Length: 4000000000"),
	"of-another": lambda m: answer("200 OK")(m).replace(m.call_id.encode(), b"another") * 50,
	"nul": lambda m: answer("200 OK", Server="a\0b")(m),
	"escapes": lambda m: answer("500 \x1b[31mred\x07</script>")(m),
}


@pytest.mark.parametrize("name", HOSTILE_SIP)
def test_hostile_sip(lab, name):
	lab.plain(port=5060, talk=talk_sip(HOSTILE_SIP[name]))
	began = time.monotonic()
	r = lab.check(f"{EDGE}:5060", timeout="1s")
	raised = set(r.raised()) - {"sip.ports.clear"}
	assert r.exit == 2 and raised and raised <= {"sip.garbage", "sip.silent", "sip.options", "sip.closed"}, r
	assert time.monotonic() - began < 8


def test_every_port_open_and_mute(lab):
	for port in range(5060, 5071):
		lab.plain(port=port, talk=lambda c: [None for _ in iter(lambda: c.recv(4096), b"")])
	began = time.monotonic()
	r = lab.check(f"{EDGE}:5061", timeout="1s")
	assert len(r.evidence("sip.ports", "port")) == 11 and "not asked" in str(r.evidence("sip.ports", "port")), r
	assert time.monotonic() - began < 8


def test_every_finding_of_these_stages_is_provoked_here():
	here = open(__file__).read()
	for stage in ("tls", "sip"):
		ids = re.findall(r'SW_FINDING\(\w+, "([^"]+)"', open(f"{TREE}/src/check/findings_{stage}.def").read())
		assert ids and [i for i in ids if f'"{i}"' not in here] == []
