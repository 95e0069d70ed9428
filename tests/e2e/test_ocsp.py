# SPDX-License-Identifier: Apache-2.0
"""OCSP: what a server staples decides whether it is called."""
import pytest

from lab import proc
from lab.net import accepts, free_ports, wait_until
from lab.ocsp import answer
from lab.world import LOOPBACK, ZONEB

WHERE, FARM = 16, 17


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
