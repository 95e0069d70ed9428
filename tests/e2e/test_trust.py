# SPDX-License-Identifier: Apache-2.0
"""Trust lists that are fetched: from whom, what is taken for one, and what it may vouch for."""
import hashlib
import os
import subprocess
import time

import pytest

from lab.https import Https
from lab.net import wait_until
from lab.rtp import Endpoint, offer
from lab.sipraw import Closed, request
from lab.world import MUTUAL, OURS, PARTNER, ZONEB

HOST, PORT = 77, 8443
SERVER = f"sip.{ZONEB}"
URL = f"https://{SERVER}:{PORT}"


def admitted(lab, cert="partner", **more):
	"""Is that certificate the partner's, now?"""
	try:
		with lab.connect(MUTUAL, cert, where=HOST, **more) as c:
			return c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	except (Closed, TimeoutError):
		return False


def text(*paths):
	return b"".join(open(p, "rb").read() for p in paths)


@pytest.fixture
def cert(lab):
	"""The list's server: its certificate is of zone B's CA, which is the bootstrap anchor here."""
	return lab.pki.one("listserver", issuer="zoneb-root", san=f"DNS:{SERVER}", use="server")


@pytest.fixture
def serve(lab, cert):
	servers = []
	def run(pages, with_cert=cert):
		servers.append(Https(lab.ip(41), PORT, with_cert, pages))
		return servers[-1]
	def stop():
		while servers:
			servers.pop().close()
	run.stop = stop
	yield run
	stop()


@pytest.fixture
def start(lab):
	started = []
	def run(**keys):
		def change(config):
			z = next(z for z in config["zones"] if z["name"] == "partner")
			z.update({"trust": [f"{URL}/list.pem"], "trust_bootstrap": [lab.pki.zoneb_root], "trust_refresh": "1s", **keys})
			# nobody else's CA at that listener: what the handshake itself believes is the fetched list, too
			config["zones"] = [z for z in config["zones"] if z["name"] != "zoneb"]
			config["routes"] = [{**r, "from": [n for n in r["from"] if n != "zoneb"]} for r in config["routes"] if r["to"] != "zoneb"]
		started.append(lab.start_edge("pulling", change, lab.ip(HOST), prove=(OURS, PARTNER)))
		return started[-1]
	yield run
	for edge in started:
		lab.stop_edge(edge)


def fetched(edge, since, **want):
	edge.wait_line(since, event="trust.fetched", timeout=20, **want)


def test_a_list_is_fetched_and_its_server_proves_nobody_else(lab, start, serve):
	"""Without a list the daemon starts and refuses as undecided; with it, its CAs count, and the bootstrap CA never does."""
	edge = start()
	assert edge.wait_line(0, event="trust.unusable")["level"] == "error"
	since = edge.mark()
	assert not admitted(lab)
	assert edge.wait_line(since, event="conn.refused")["reason"] == "tls.undecided"
	assert not admitted(lab, "zoneb-as-partner")
	assert "NONE YET" in edge.command("status").stdout
	serve({"/list.pem": b"# Our roots\n" + text(lab.pki.root)})
	fetched(edge, since, changed="yes")
	assert "sipward lab" in edge.wait_line(since, event="trust.added")["subject"]
	edge.wait_line(since, event="reload.done", by="trust")
	assert admitted(lab)
	since = edge.mark()
	assert not admitted(lab, "zoneb-as-partner"), "the CA of the list's server vouched for a peer"
	assert edge.wait_line(since, event="conn.refused")["reason"] == "tls.chain"
	state = edge.status()["trust"]
	assert [(t["zone"], t["url"], t["certificates"], t["error"]) for t in state] == [("partner", f"{URL}/list.pem", 1, "")]
	assert 0 <= state[0]["sipward_trust_bundle_age_seconds"] < 30
	# unchanged: no reload for it
	since = edge.mark()
	fetched(edge, since, changed="no")
	assert not edge.lines(since, event="reload.done")
	# the last good one is there at the next start, and the server is not
	serve.stop()
	edge.proc.stop()
	edge.start()
	assert admitted(lab)
	edge.wait_line(edge.mark(), event="trust.not-refreshed", timeout=20)
	assert admitted(lab)


def test_a_ca_that_leaves_the_list_drains_its_connections(lab, start, serve):
	server = serve({"/list.pem": text(lab.pki.root, lab.pki.rogue_root)})
	edge = start()
	edge.wait_line(0, event="reload.done", by="trust", timeout=20)
	media = Endpoint(lab.ip(23))
	try:
		with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
			call = lab.call(c, f"desk@{OURS}", f"caller@{PARTNER}", media=media).invite()
			assert call.wait().status == 200
			since = edge.mark()
			server.pages["/list.pem"] = text(lab.pki.rogue_root)
			assert "sipward lab" in edge.wait_line(since, event="trust.removed", timeout=20)["subject"]
			edge.wait_line(since, event="conn.draining", calls=1)
			media.wait(10)
			assert lab.call(c, f"desk@{OURS}", f"caller@{PARTNER}").invite(offer(lab.ip(23))).wait().status == 503
			assert call.bye().status == 200
			c.wait_closed()
	finally:
		media.close()
	assert not admitted(lab)


def test_what_is_no_list_changes_nothing(lab, start, serve):
	good = text(lab.pki.root, lab.pki.rogue_root, lab.pki.zoneb_root)
	server = serve({"/list.pem": good})
	edge = start()
	edge.wait_line(0, event="reload.done", by="trust", timeout=20)
	key = text(lab.cert("partner").key)
	bad = {
		"no certificate": b"<html>Under construction</html>",
		"an empty file": b"",
		"a leaf": good + text(lab.cert("partner").pem),
		"a key": good + key,
		"a certificate cut short": good[:-200],
		"less than half": text(lab.pki.root),
		"a byte that is no text": good + b"\0",
		"not found": None,
	}
	for what, body in bad.items():
		since = edge.mark()
		server.pages["/list.pem"] = body
		line = edge.wait_line(since, event="trust.not-refreshed", timeout=20)
		assert line["detail"], what
		assert admitted(lab), what
		server.pages["/list.pem"] = good
		fetched(edge, edge.mark(), changed="no")
	assert not [l for l in edge.lines(since) if l["event"] in ("trust.removed", "conn.draining")]


def test_the_server_must_be_the_one_that_is_meant(lab, start, serve, cert):
	"""By its CA, by its pinned key, by the digest of what it hands out."""
	der = subprocess.run(["openssl", "x509", "-in", cert.pem, "-pubkey", "-noout"], capture_output=True, check=True).stdout
	spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, capture_output=True, check=True).stdout
	pin, other = hashlib.sha256(spki).hexdigest(), "00" * 32
	body = text(lab.pki.root)
	pages = {"/list.pem": body, "/list.sha256": hashlib.sha256(body).hexdigest().encode() + b"  list.pem\n"}
	server = serve(pages)
	edge = start(trust_pin=[other, pin], trust_digest=f"{URL}/list.sha256")
	edge.wait_line(0, event="reload.done", by="trust", timeout=20)
	assert admitted(lab)
	def refused(why, **keys):
		edge.config["zones"][0].update(keys)
		edge.write()
		since = edge.mark()
		edge.command("reload")
		line = edge.wait_line(since, event="trust.unusable", again_s=1, timeout=20)
		assert why in line["detail"], line
		assert not admitted(lab), "a list that came under other conditions still counted"
	refused("", trust_pin=[other])
	edge.config["zones"][0].pop("trust_pin")
	refused("SHA-256", trust_digest=other)
	edge.config["zones"][0].pop("trust_digest")
	refused("", trust_bootstrap=[lab.pki.rogue_root])
	server.pages["/other.sha256"] = b"<html>"
	refused("SHA-256", trust_bootstrap=[lab.pki.zoneb_root], trust_digest=f"{URL}/other.sha256")
	server.pages["/other.sha256"] = hashlib.sha256(body).hexdigest().encode()
	wait_until("the partner to be admitted again", lambda: admitted(lab), 20, step=0.3)


def test_a_list_that_is_one_more_source_among_files(lab, start, serve):
	"""What the files vouch for is admitted while the list is not there; what they do not is undecided."""
	edge = start(trust=[lab.pki.root, f"{URL}/list.pem"])
	assert admitted(lab)
	since = edge.mark()
	assert not admitted(lab, "rogue")
	assert edge.wait_line(since, event="conn.refused")["reason"] == "tls.undecided"
	serve({"/list.pem": text(lab.pki.zoneb_root)})
	fetched(edge, since, changed="yes")
	edge.wait_line(since, event="reload.done", by="trust")
	since = edge.mark()
	assert not admitted(lab, "rogue")
	assert edge.wait_line(since, event="conn.refused")["reason"] == "tls.chain"
	assert os.listdir(f"{edge.config['node']['state_dir']}/trust")


def test_a_list_that_moves_costs_no_call(lab, start, serve):
	"""Another address is another list: till it is there its peers are undecided, and what they have open drains; then it is as before."""
	server = serve({"/list.pem": text(lab.pki.root), "/moved.pem": text(lab.pki.root)})
	edge = start()
	edge.wait_line(0, event="reload.done", by="trust", timeout=20)
	zone = edge.config["zones"][0]
	media = Endpoint(lab.ip(23))
	def move(*to):
		zone["trust"] = [f"{URL}/{name}" for name in to]
		edge.write()
		since = edge.mark()
		edge.command("reload")
		return since
	try:
		with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
			call = lab.call(c, f"desk@{OURS}", f"caller@{PARTNER}", media=media).invite()
			assert call.wait().status == 200
			since = move("moved.pem")
			fetched(edge, since, url=f"{URL}/moved.pem", changed="yes")
			edge.wait_line(since, event="conn.restored")
			media.wait(10)
			assert call.ask("INFO").status == 200
			assert [t["url"] for t in edge.status()["trust"]] == [f"{URL}/moved.pem"]
			# one beside the other: what the first vouches for is never in doubt
			since = move("moved.pem", "nowhere.pem")
			edge.wait_line(since, event="trust.unusable", url=f"{URL}/nowhere.pem", again_s=1, timeout=20)
			assert not edge.lines(since, event="conn.draining")
			assert call.ask("INFO").status == 200 and admitted(lab)
			# the old one alone again: it is on disk and fresh enough, or fetched at once
			since = move("list.pem")
			assert edge.lines(since, event="reload.done") and not edge.lines(since, event="conn.draining")
			assert call.bye().status == 200
	finally:
		media.close()
	del server.pages["/list.pem"]
	edge.wait_line(edge.mark(), event="trust.not-refreshed", url=f"{URL}/list.pem", timeout=20)
	assert admitted(lab)


def test_a_list_with_an_expired_ca_is_warned_of(lab, start, serve):
	"""With its date, and the day that was looked; what has not expired counts."""
	lab.pki.one("ca-of-old", issuer="root", cn="CA_of_Old", use="ca", valid="past")
	serve({"/list.pem": text(lab.pki.root, f"{lab.pki.dir}/ca-of-old.pem")})
	edge = start()
	edge.wait_line(0, event="reload.done", by="trust", timeout=20)
	told = [l for l in edge.lines(0, event="config", level="warn") if "CA of Old" in l["detail"]]
	assert told and f"expired on 2021-01-01 (as of {time.strftime('%Y-%m-%d', time.gmtime())})" in told[0]["detail"], edge.lines(0, event="config")
	assert told[0]["file"].startswith(f"{edge.config['node']['state_dir']}/trust/")
	assert admitted(lab)


def test_a_list_must_be_signed_by_who_is_meant(lab, start, serve):
	"""By its own key, whoever hands it out: not without a signature, not with another's, not where the list was changed since."""
	dir = f"{lab.dir}/signers"
	os.makedirs(dir)
	def run(*args, stdin=None):
		return subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=True).stdout
	for name in ("signer", "other"):
		run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{dir}/{name}.key")
		run("pkey", "-in", f"{dir}/{name}.key", "-pubout", "-out", f"{dir}/{name}.pub")
	def signature(body, by="signer"):
		return run("dgst", "-sha256", "-sign", f"{dir}/{by}.key", stdin=body)
	good, next_ = text(lab.pki.root), text(lab.pki.root, lab.pki.rogue_root)
	server = serve({"/list.pem": good})
	edge = start(trust_signer=[f"{dir}/signer.pub"])
	assert "signature" in edge.wait_line(0, event="trust.unusable", again_s=1, timeout=20)["detail"]
	assert not admitted(lab)
	server.pages["/list.pem.sig"] = signature(good, "other")
	since = edge.mark()
	assert "of none of the 1 keys" in edge.wait_line(since, event="trust.unusable", again_s=1, timeout=20)["detail"]
	server.pages["/list.pem.sig"] = signature(good)
	edge.wait_line(since, event="reload.done", by="trust", timeout=20)
	assert admitted(lab)
	# a server that was broken into: another list under the old signature
	since = edge.mark()
	server.pages["/list.pem"] = next_
	assert "changed since" in edge.wait_line(since, event="trust.not-refreshed", timeout=20)["detail"]
	assert admitted(lab) and not edge.lines(since, event="trust.added")
	server.pages["/list.pem.sig"] = signature(next_)
	edge.wait_line(since, event="trust.added", timeout=20)
