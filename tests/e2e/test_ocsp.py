# SPDX-License-Identifier: Apache-2.0
"""OCSP: what a server staples decides whether it is called, what the CA's responder says of a client whether it is
admitted, and what it says of us is stapled."""
import threading
import time

import pytest

from lab import proc
from lab.net import accepts, free_ports, wait_until
from lab.ocsp import Responder, answer
from lab.scenarios import refused_at_handshake
from lab.sipraw import request
from lab.web import Web
from lab.world import LOOPBACK, MUTUAL, OURS, PARTNER, PUBLIC, ZONEB

WHERE, FARM, CLIENTS, STAPLES = 16, 17, 18, 19
HARD, SOFT = MUTUAL, 5080


class Stapler:
	"""openssl s_server with a certificate of zone B and the staple it is given."""

	def __init__(self, world, cert, staple, port, *more):
		self.ip, self.port = world.ip(FARM), port
		args = ["-status_file", self.file(world, staple)] if staple is not None else []
		self.proc = proc.Proc(f"s_server {port}", [*proc.need("openssl"), "s_server", "-accept", f"{self.ip}:{port}", "-cert", cert.pem,
			"-cert_chain", cert.pem, "-key", cert.key, "-www", "-quiet", *args, *more], f"{world.dir}/s_server-{port}.log")
		wait_until("s_server to listen", lambda: accepts(self.ip, port), alive=self.proc.check_alive)

	def file(self, world, staple):
		path = f"{world.dir}/staple-{self.port}.der"
		with open(path, "wb") as f:
			f.write(staple)
		return path


def zone_of(world, name, server, policy):
	return {"name": name, "listeners": ["mutual"], "names": [ZONEB], "trust": [world.pki.root], "ocsp": policy, "target_networks": LOOPBACK,
		"targets": [f"{server.ip}:{server.port}"], "probe_interval": "1s", "media_networks": LOOPBACK}


@pytest.fixture(scope="module")
def called(world):
	"""{zone: the log line of how it went when it was called}."""
	pki = world.pki
	plain = pki.one("staple-plain", san=f"DNS:{ZONEB}")
	must = pki.one("staple-must", san=f"DNS:{ZONEB}", more="must-staple")
	rsa = pki.one("staple-rsa", san=f"DNS:{ZONEB}", key="rsa:2048")   # the TLS 1.2 suites want one
	pki.one("responder", use="ocsp")
	pki.one("no-responder", use="server")
	def of(cert, *args, **more):
		return cert, answer(pki, cert.name, *args, **more)
	cases = {
		"good": of(plain), "delegate": of(plain, signer="responder"), "revoked": of(plain, "revoked"), "unsure": of(plain, "unknown"),
		"expired": of(plain, begin=-90000, end=-3600), "stranger": of(plain, signer="no-responder"), "rogue": of(plain, signer="rogue-root"),
		"other": (plain, answer(pki, "staple-must")), "later": (plain, b"\x30\x03\x0a\x01\x03"), "none": (plain, None),
		"must-good": of(must), "must-none": (must, None), "must-expired": of(must, begin=-90000, end=-3600),
	}
	cases["good12"], cases["revoked12"] = of(rsa), of(rsa, "revoked")
	# one for each, for s_server has one connection at a time
	first = free_ports(world.ip(FARM), 3 * len(cases))
	servers = {f"{name}-{policy}": Stapler(world, *case, first + 3 * i + k, *(["-tls1_2"] if name.endswith("12") else []))
		for i, (name, case) in enumerate(cases.items()) for k, policy in enumerate(("off", "soft", "hard"))}
	def change(config):
		config["listeners"] = [l for l in config["listeners"] if l["name"] == "mutual"]
		config["zones"] = [zone_of(world, zone, s, zone.split("-")[-1]) for zone, s in servers.items()]
		config["routes"] = [{"name": "none", "reject": 404}]
	edge = world.start_edge("staples", change, world.ip(WHERE), prove=())
	try:
		yield lambda zone: wait_until(f"{zone} to be called", lambda: next(iter(edge.lines(0, zone=zone, dir="out")), None),
			alive=edge.proc.check_alive)
	finally:
		world.stop_edge(edge)
		for s in servers.values():
			s.proc.stop()


def test_26_a_good_staple_is_believed(called):
	for name in ("good", "delegate", "good12", "must-good"):
		for policy in ("soft", "hard"):
			line = called(f"{name}-{policy}")
			assert line["event"] == "conn.proved" and "ocsp" not in line, line


def test_26_a_revoked_server_is_refused_in_the_handshake(called):
	for name in ("revoked", "revoked12"):
		for policy in ("soft", "hard"):
			line = called(f"{name}-{policy}")
			assert line["reason"] == "tls.revoked" and "OCSP: revoked on " in line["detail"], line
			assert "bad certificate status response" in line["detail"], line


@pytest.mark.parametrize("name, why", [
	("unsure", "doesn't know the certificate"), ("expired", "out of date"), ("stranger", "not one for OCSP signing"),
	("rogue", "signed neither by"), ("other", "about another certificate"), ("later", "trylater"), ("none", "stapled no answer"),
])
def test_26_without_a_usable_staple_soft_calls_and_hard_does_not(called, name, why):
	line = called(f"{name}-soft")
	assert line["event"] == "conn.proved" and why in line["ocsp"], line
	line = called(f"{name}-hard")
	assert line["reason"] == "tls.ocsp" and why in line["detail"], line


def test_26_must_staple_is_insisted_on_in_both(called):
	for name, why in (("must-none", "stapled no answer"), ("must-expired", "out of date")):
		for policy in ("soft", "hard"):
			line = called(f"{name}-{policy}")
			assert line["reason"] == "tls.must-staple" and why in line["detail"], line


def test_off_asks_for_none(called):
	for name in ("revoked", "none", "must-none"):
		line = called(f"{name}-off")
		assert line["event"] == "conn.proved" and "ocsp" not in line, line


# --- clients: their CA's responder is asked ---

def start(world, name, networks=LOOPBACK, wait="5s"):
	def change(config):
		mutual = next(l for l in config["listeners"] if l["transport"] == "mtls")
		config["listeners"] = [dict(mutual, name=f"p{p}", port=p) for p in (HARD, SOFT)]
		config["zones"] = [{"name": f"z{p}", "listeners": [f"p{p}"], "names": [PARTNER], "trust": [world.pki.root], "ocsp": o}
			for p, o in ((HARD, "hard"), (SOFT, "soft"))]
		config["routes"] = [{"name": "none", "reject": 404}]
		config["fetch"] = {"networks": networks, "ocsp_wait": wait}
	return world.start_edge(name, change, world.ip(CLIENTS), prove=())


@pytest.fixture(scope="module")
def web(world):
	w = Web(world.ip(CLIENTS))
	yield w
	w.close()


@pytest.fixture
def edge(world):
	e = start(world, "ocsp")
	yield e
	world.stop_edge(e)


def client(world, name, url, **more):
	return world.pki.one(name, san=f"DNS:{PARTNER}", **({"ocsp": url} if url else {}), **more).name


def says(web, world, name, *args, **more):
	"""The responder in python: it says so of that certificate, from now on."""
	der = answer(world.pki, name, *args, **more)
	web.files[f"/{name}"] = lambda h: h.reply(200, der)


OPTIONS = request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")


def connect(world, edge, port, cert):
	"""A connection that was admitted and answered, and the line that says so."""
	since = edge.mark()
	c = world.connect(port, cert, where=CLIENTS)
	assert c.ask(OPTIONS).status == 200
	return c, edge.wait_line(since, event="conn.admitted", listener=f"p{port}")


def admitted(world, edge, port, cert):
	c, line = connect(world, edge, port, cert)
	c.close()
	return line


def refused(world, edge, port, cert, reason):
	return refused_at_handshake(world, port, cert, reason, edge=edge, where=CLIENTS)[1]


def test_a_clients_responder_is_asked_once_and_believed(world, edge):
	r = Responder(world.pki, world.ip(CLIENTS))
	try:
		good, bad = client(world, "asked-good", r.url), client(world, "asked-bad", r.url)
		r.set(good)
		r.set(bad, revoked=True)
		r.start()
		for port in (HARD, SOFT):
			assert "ocsp" not in admitted(world, edge, port, good)
			assert "keyCompromise" in refused(world, edge, port, bad, "tls.revoked")["detail"]
		assert edge.status()["ocsp"] == {"good": 1, "revoked": 1, "unknown": 0, "failing": 0, "failures": []}
		assert "OCSP: 2 certificates, 1 good, 1 revoked" in edge.command("status").stdout
	finally:
		r.close()
	# it is gone, what it said still serves
	admitted(world, edge, HARD, good)
	refused(world, edge, SOFT, bad, "tls.revoked")


def test_without_a_responder_soft_admits_and_hard_does_not(world, web, edge):
	url = f"{web.url}/nobody"
	for name, where, why in (("asked-404", url, "HTTP 404"), ("asked-none", None, "names no OCSP responder"),
			("asked-down", f"http://{world.ip(FARM)}:9/", "Failed to connect")):
		cert = client(world, name, where)
		line = refused(world, edge, HARD, cert, "tls.ocsp")
		assert why in line["detail"], line
		line = admitted(world, edge, SOFT, cert)
		assert why in line["ocsp"] and line["ocsp"].startswith("unknown: "), line
	assert web.asked.count("/nobody") == 1
	assert {f["url"] for f in edge.status()["ocsp"]["failures"]} == {url, f"http://{world.ip(FARM)}:9/"}


@pytest.mark.parametrize("name, why, args", [
	("rogue", "signed neither by", {"signer": "rogue-root"}), ("late", "out of date", {"begin": -90000, "end": -3600}),
	("unsure", "doesn't know", {"status": "unknown"}),
])
def test_what_proves_nothing_is_not_believed(world, web, edge, name, why, args):
	cert = client(world, f"asked-{name}", f"{web.url}/asked-{name}")
	says(web, world, cert, **args)
	assert why in refused(world, edge, HARD, cert, "tls.ocsp")["detail"]
	assert why in admitted(world, edge, SOFT, cert)["ocsp"]


def test_a_slow_responder_holds_a_client_up_once_and_not_for_long(world, web):
	edge = start(world, "ocsp-slow", wait="1s")
	go = threading.Event()
	try:
		cert = client(world, "asked-slow", f"{web.url}/asked-slow")
		der = answer(world.pki, cert)
		web.files["/asked-slow"] = lambda h: (go.wait(4), h.reply(200, der))
		began = time.monotonic()
		line = admitted(world, edge, SOFT, cert)
		took = time.monotonic() - began
		assert 0.9 < took < 3 and "has not answered yet" in line["ocsp"], (took, line)
		began = time.monotonic()
		refused(world, edge, HARD, cert, "tls.ocsp")
		assert time.monotonic() - began < 0.9
		go.set()
		wait_until("the answer", lambda: edge.status()["ocsp"]["good"] == 1, alive=edge.proc.check_alive)
		assert "ocsp" not in admitted(world, edge, HARD, cert)
		assert web.asked.count("/asked-slow") == 1
	finally:
		go.set()
		world.stop_edge(edge)


def test_not_a_byte_is_read_before_the_answer(world, web, edge):
	asked, go = threading.Event(), threading.Event()
	cert = client(world, "asked-held", f"{web.url}/asked-held")
	der = answer(world.pki, cert, "revoked")
	web.files["/asked-held"] = lambda h: (asked.set(), go.wait(4), h.reply(200, der))
	try:
		since = edge.mark()
		c = world.connect(SOFT, cert, where=CLIENTS)
		c.send(OPTIONS)
		assert asked.wait(5)
		assert edge.status()["counts"]["messages_in"] == 0 and edge.status()["counts"]["handshakes"] == 1
		go.set()
		c.wait_closed()
		assert not c.raw, c.raw[:80]
		assert edge.wait_line(since, event="conn.refused")["reason"] == "tls.revoked"
	finally:
		go.set()


def test_an_open_connection_ends_when_the_responder_says_revoked(world, web, edge):
	cert, other = (client(world, n, f"{web.url}/{n}") for n in ("asked-open", "asked-other"))
	for name in (cert, other):
		says(web, world, name)
	first, second = (connect(world, edge, HARD, n)[0] for n in (cert, other))
	says(web, world, cert, "revoked")
	# a reload asks again for what was not asked for in the last second
	since, asked = edge.mark(), web.asked.count(f"/{cert}")
	wait_until("it to be asked again", lambda: edge.command("reload") and web.asked.count(f"/{cert}") > asked, step=0.3)
	assert "OCSP: revoked" in edge.wait_line(since, event="conn.closed", reason="conn.revoked")["detail"]
	first.wait_closed()
	assert second.ask(OPTIONS).status == 200
	second.close()


def test_a_stranger_makes_us_ask_nobody(world, web, edge):
	cert = client(world, "asked-stranger", f"{web.url}/asked-stranger", issuer="rogue-root")
	for port in (HARD, SOFT):
		refused(world, edge, port, cert, "tls.chain")
	known = client(world, "asked-known", f"{web.url}/asked-known")
	says(web, world, known)
	admitted(world, edge, HARD, known)  # later than the stranger's would have come
	assert "/asked-stranger" not in web.asked


def test_private_networks_are_not_asked(world, web):
	edge = start(world, "ocsp-private", networks=[])
	try:
		cert = client(world, "asked-private", f"{web.url}/asked-private")
		says(web, world, cert)
		assert "loopback address" in refused(world, edge, HARD, cert, "tls.ocsp")["detail"]
		assert "/asked-private" not in web.asked
	finally:
		world.stop_edge(edge)


# --- we: what we staple ---

def own_cert(world, web, name):
	return world.pki.one(name, san=f"DNS:edge.{OURS}", ocsp=f"{web.url}/{name}", key="rsa:2048")


class Stapling:
	"""A daemon whose certificate names a responder; more: the listener's."""

	def __init__(self, world, web, name, more=None):
		self.world, self.path = world, f"/{name}"
		self.cert = own_cert(world, web, name)
		world.own(self.cert)
		def change(config):
			config["listeners"] = [dict(next(l for l in config["listeners"] if l["transport"] == "tls"), cert=self.cert.pem, key=self.cert.key,
				**(more or {}))]
			config["zones"] = [z for z in config["zones"] if z["kind"] == "default"]
			config["routes"] = [{"name": "none", "reject": 404}]
			config["fetch"] = {"networks": LOOPBACK}
		self.edge = world.start_edge(f"edge-{name}", change, world.ip(STAPLES), prove=())

	def shown(self, *more):
		"""What openssl s_client says of our staple."""
		out = proc.run([*proc.need("openssl"), "s_client", "-connect", f"{self.world.ip(STAPLES)}:{PUBLIC}", "-status", "-CAfile",
			self.world.pki.root, *more], stdin="", check=False).stdout
		return "none" if "OCSP response: no response sent" in out else "good" if "Cert Status: good" in out else out

	def status(self):
		return next(iter(self.edge.status()["ocsp_staples"]), None)

	def wait(self, test, what):
		return wait_until(what, lambda: (s := self.status()) and test(s) and s, alive=self.edge.proc.check_alive)


@pytest.fixture
def stapling(world, web):
	made = []
	def make(*args, **more):
		made.append(Stapling(world, web, *args, **more))
		return made[-1]
	yield make
	for s in made:
		world.stop_edge(s.edge)


@pytest.mark.parametrize("signer", [None, "responder"])
def test_25_a_good_staple_is_served(world, web, stapling, signer):
	world.pki.one("responder", use="ocsp")
	name = f"own-{signer}"
	own_cert(world, web, name)
	says(web, world, name, signer=signer)
	s = stapling(name)
	figures = s.wait(lambda s: s["sipward_ocsp_staple_served"], "the staple")
	assert s.shown("-tls1_2") == s.shown("-tls1_3") == "good"
	assert figures["status"] == "good" and figures["sipward_ocsp_staple_last_fetch_successful"] == 1, figures
	assert figures["sipward_ocsp_staple_next_update_timestamp_seconds"] > time.time() + 80000, figures
	assert figures["next_try_timestamp_seconds"] > time.time() + 30000, figures
	assert "stapled until" in s.edge.command("status").stdout
	# neither a reload changes that, nor that the responder is gone
	del web.files[s.path]
	wait_until("a refresh to fail", lambda: s.edge.command("reload") and "HTTP 404" in s.status()["detail"], step=0.3)
	assert s.shown() == "good"


@pytest.mark.parametrize("name, args", [
	("revoked", {"status": "revoked"}), ("unsure", {"status": "unknown"}), ("expired", {"begin": -90000, "end": -3600}),
	("grace", {"begin": -90000, "end": -100}), ("early", {"begin": 100}), ("rogue", {"signer": "rogue-root"}),
])
def test_25_what_is_not_good_and_fresh_is_not_served(world, web, stapling, name, args):
	own_cert(world, web, f"own-{name}")
	says(web, world, f"own-{name}", **args)
	s = stapling(f"own-{name}")
	figures = s.wait(lambda s: s["sipward_ocsp_staple_last_fetch_success_timestamp_seconds"] or s["detail"], "the answer")
	assert not figures["sipward_ocsp_staple_served"] and s.shown() == "none", figures
	if name == "revoked":
		assert s.edge.wait_line(0, event="staple.revoked", level="error")


def test_25_a_revoked_staple_is_taken_back(world, web, stapling):
	own_cert(world, web, "own-later")
	says(web, world, "own-later")
	s = stapling("own-later")
	s.wait(lambda s: s["sipward_ocsp_staple_served"], "the staple")
	says(web, world, "own-later", "revoked")
	wait_until("it to be taken back", lambda: s.edge.command("reload") and not s.status()["sipward_ocsp_staple_served"], step=0.3)
	assert s.shown() == "none"


def test_staple_off_asks_nobody(world, web, stapling):
	s = stapling("own-off", {"staple": False})
	assert s.shown() == "none" and s.edge.status()["ocsp_staples"] == [] and s.path not in web.asked


def test_a_certificate_that_demands_a_staple_it_cannot_have_is_warned_about(world):
	cert = world.pki.one("own-must", san=f"DNS:edge.{OURS}", more="must-staple")
	world.own(cert)
	def change(config):
		config["listeners"] = [dict(next(l for l in config["listeners"] if l["transport"] == "tls"), cert=cert.pem, key=cert.key)]
		config["zones"] = [z for z in config["zones"] if z["kind"] == "default"]
		config["routes"] = [{"name": "none", "reject": 404}]
	edge = world.start_edge("edge-must", change, world.ip(STAPLES), prove=())
	try:
		said = [l["detail"] for l in edge.lines(0, event="config", file=cert.pem)]
		assert any("demands a stapled OCSP answer, but it names no OCSP responder" in d for d in said), said
	finally:
		world.stop_edge(edge)
