# SPDX-License-Identifier: Apache-2.0
"""CRLs fetched from where certificates say they are: the first handshake never waits, the next one knows."""
import json
import time

import pytest

from lab import proc
from lab.net import wait_until
from lab.scenarios import refused_at_handshake
from lab.sipraw import request
from lab.web import Web
from lab.world import LOOPBACK, MUTUAL, OURS, PARTNER

WHERE = 14
HARD, SOFT = MUTUAL, 5080


@pytest.fixture(scope="module")
def web(world):
	w = Web(world.ip(80))
	w.files["/root.crl"] = world.pki.crl("root")
	world.pki.one("int-web", issuer="root", use="ca", crl=f"{w.url}/root.crl")
	yield w
	w.close()


def leaf(world, name, url):
	world.pki.one(name, issuer="int-web", san=f"DNS:{PARTNER}", crl=url)
	return name


def start(world, name, networks=LOOPBACK):
	def change(config):
		mutual = next(l for l in config["listeners"] if l["transport"] == "mtls")
		config["listeners"] = [dict(mutual, name=f"p{p}", port=p) for p in (HARD, SOFT)]
		config["zones"] = [{"name": f"z{p}", "listeners": [f"p{p}"], "names": [PARTNER], "trust": [world.pki.root], "revocation": r}
			for p, r in ((HARD, "hard"), (SOFT, "soft"))]
		config["routes"] = [{"name": "none", "reject": 404}]
		config["fetch"] = {"networks": networks}
	return world.start_edge(name, change, world.ip(WHERE), prove=())


@pytest.fixture
def edge(world, web, request):
	e = start(world, "crl")
	yield e
	world.stop_edge(e)


def refused(world, edge, port, cert, reason):
	_, line = refused_at_handshake(world, port, cert, reason, edge=edge, where=WHERE)
	return line


def connect(world, port, cert):
	"""A connection that was admitted and answered."""
	c = world.connect(port, cert, where=WHERE)
	assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	return c


def crls(edge):
	"""URL -> what the status says of it."""
	return {c["url"]: c for c in edge.status()["crls"] if "url" in c}


def wait_crl(edge, url, present=True):
	return wait_until(f"the CRL of {url}", lambda: (c := crls(edge).get(url)) and c["present"] == present and c, alive=edge.proc.check_alive)


def wait_failed(edge, url):
	"""What the status says went wrong with it."""
	return wait_until(f"{url} to fail", lambda: (crls(edge).get(url) or {}).get("detail"), alive=edge.proc.check_alive)


def learn(world, web, edge, cert, url):
	"""The first connection under hard makes the CRLs wanted, and says so."""
	line = refused(world, edge, HARD, cert, "tls.crl")
	assert "being fetched, for the first time" in line["detail"], line
	wait_crl(edge, url)
	wait_crl(edge, f"{web.url}/root.crl")


def test_a_fetched_crl_refuses_the_revoked_and_admits_the_others(world, web, edge):
	url = f"{web.url}/a.crl"
	good, bad = leaf(world, "web-good", url), leaf(world, "web-bad", url)
	web.files["/a.crl"] = world.pki.crl("int-web", ["web-bad"])
	learn(world, web, edge, good, url)
	for port in (HARD, SOFT):
		connect(world, port, good).close()
		line = refused(world, edge, port, bad, "tls.revoked")
		assert line["depth"] == "0", line
	text = edge.command("status").stdout
	assert url in text and "good until" in text, text
	c = crls(edge)[url]
	assert c["sipward_crl_next_update_timestamp_seconds"] > time.time() + 80000 and c["sipward_crl_last_fetch_successful"] == 1, c
	assert 0 <= c["sipward_crl_age_seconds"] < 3600 and c["next_try_timestamp_seconds"] > time.time() + 40000, c
	assert web.asked.count("/a.crl") == 1, web.asked


def test_a_dead_distribution_point_refuses_under_hard_and_says_why(world, web, edge):
	url = f"{web.url}/gone.crl"
	cert = leaf(world, "web-gone", url)
	refused(world, edge, HARD, cert, "tls.crl")
	assert "HTTP 404" in wait_failed(edge, url)
	wait_crl(edge, f"{web.url}/root.crl")
	detail = refused(world, edge, HARD, cert, "tls.crl")["detail"]
	assert url in detail and "HTTP 404" in detail, detail
	connect(world, SOFT, cert).close()
	assert "failed" in edge.command("status").stdout


def test_a_stranger_makes_us_fetch_nothing(world, web, edge):
	"""A chain of a CA that nobody trusts, and one whose signature is not the issuer's."""
	world.pki.one("stranger", issuer="rogue-root", san=f"DNS:{PARTNER}", crl=f"{web.url}/stranger.crl")
	for port in (HARD, SOFT):
		_, line = refused_at_handshake(world, port, "stranger", None, edge=edge, where=WHERE)
		assert line["reason"] == "tls.chain", line
	url = f"{web.url}/known.crl"
	web.files["/known.crl"] = world.pki.crl("int-web")
	refused(world, edge, HARD, leaf(world, "web-known", url), "tls.crl")
	wait_crl(edge, url)  # later than the stranger's would have come
	assert "/stranger.crl" not in web.asked and not any("stranger" in u for u in crls(edge))


def test_an_open_connection_ends_when_its_certificate_is_revoked(world, web, edge):
	url = f"{web.url}/open.crl"
	open_, other = leaf(world, "web-open", url), leaf(world, "web-other", url)
	web.files["/open.crl"] = world.pki.crl("int-web")
	learn(world, web, edge, open_, url)
	first, second = connect(world, HARD, open_), connect(world, HARD, other)
	web.files["/open.crl"] = world.pki.crl("int-web", ["web-open"])
	since = edge.mark()
	# a reload asks again for what was not asked for in the last second
	wait_until("two seconds since", lambda: time.time() - crls(edge)[url]["last_try_timestamp_seconds"] > 2)
	edge.command("reload")
	line = edge.wait_line(since, event="conn.closed", reason="conn.revoked")
	assert "revoked" in line["detail"], line
	first.wait_closed()
	assert second.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	second.close()


def endless(handler):
	handler.send_response(200)
	handler.end_headers()
	try:
		for _ in range(12):
			handler.wfile.write(bytes(1 << 20))
	except OSError:
		pass


@pytest.mark.parametrize("name, what, says", [
	("big", endless, "larger than 10485760 bytes"),
	("moved", lambda h: h.reply(302, b"", Location="http://elsewhere.example/x.crl"), "another host, elsewhere.example"),
	("text", b"<html>", "no CRL"),
	("root", None, "another issuer"),
])
def test_what_is_no_crl_is_not_taken(world, web, edge, name, what, says):
	url = f"{web.url}/{name}-bad.crl"
	web.files[f"/{name}-bad.crl"] = what or web.files["/root.crl"]
	cert = leaf(world, f"web-{name}", url)
	since = edge.mark()
	refused(world, edge, HARD, cert, "tls.crl")
	assert says in wait_failed(edge, url)
	assert edge.wait_line(since, event="crl.failed", url=url)
	assert not crls(edge)[url]["present"]
	assert says in refused(world, edge, HARD, cert, "tls.crl")["detail"]


def test_private_networks_are_not_fetched_from(world, web):
	edge = start(world, "crl-private", networks=[])
	try:
		url = f"{web.url}/private.crl"
		web.files["/private.crl"] = world.pki.crl("int-web")
		cert = leaf(world, "web-private", url)
		refused(world, edge, HARD, cert, "tls.crl")
		assert "loopback address" in wait_failed(edge, url)
		assert "loopback address" in refused(world, edge, HARD, cert, "tls.crl")["detail"]
		assert "/private.crl" not in web.asked
	finally:
		world.stop_edge(edge)


def test_a_restart_has_the_copies(world, web):
	edge = start(world, "crl-restart")
	try:
		url = f"{web.url}/kept.crl"
		good, bad = leaf(world, "web-kept", url), leaf(world, "web-kept-bad", url)
		web.files["/kept.crl"] = world.pki.crl("int-web", ["web-kept-bad"])
		learn(world, web, edge, good, url)
		edge.stop()
		del web.files["/kept.crl"]
		asked = len(web.asked)
		edge.start()
		connect(world, HARD, good).close()
		refused(world, edge, HARD, bad, "tls.revoked")
		assert len(web.asked) == asked, web.asked
	finally:
		world.stop_edge(edge)


def test_verify_takes_der_and_directories(world, web, tmp_path):
	cert = world.pki.one("web-der", issuer="int-web", san=f"DNS:{PARTNER}")
	fine = world.pki.one("web-der-fine", issuer="int-web", san=f"DNS:{PARTNER}")
	(tmp_path / "int.crl").write_bytes(world.pki.crl("int-web", ["web-der"]))
	(tmp_path / "root.pem").write_bytes(open(f"{world.pki.dir}/root.crl", "rb").read())
	(tmp_path / "notes.txt").write_text("not looked at")
	from lab.sipward import binaries
	def verify(leaf, *crl):
		return proc.run([binaries()[1], "cert", "verify", "--trust", world.pki.root, *crl, "--revocation", "hard", "--as", "client",
			"-o", "json", leaf.pem], check=False)
	assert json.loads(verify(cert, "--crl", str(tmp_path)).stdout)["reason"] == "tls.revoked"
	assert verify(fine, "--crl", str(tmp_path)).returncode == 0
	both = ("--crl", str(tmp_path / "int.crl"), "--crl", str(tmp_path / "root.pem"))
	assert verify(fine, *both).returncode == 0
	assert json.loads(verify(cert, *both).stdout)["reason"] == "tls.revoked"
	(tmp_path / "int.crl").write_bytes(b"0\x82")
	bad = verify(fine, "--crl", str(tmp_path))
	assert bad.returncode == 66 and "int.crl" in bad.stderr, bad
