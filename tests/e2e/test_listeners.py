# SPDX-License-Identifier: Apache-2.0
"""What TLS offers and refuses, seen by openssl and by hand; which certificate is shown to whom."""
import re
import socket
import ssl

import pytest

from lab import proc
from lab.linphone import Linphone
from lab.net import wait_until
from lab.scenarios import refused_at_handshake, turned_away
from lab.sipraw import client_context, request
from lab.world import INSIDE, MUTUAL, OURS, PARTNER, PUBLIC


def s_client(lab, port, *args, stdin="", where=10):
	openssl = proc.need("openssl")[0]
	r = proc.run([openssl, "s_client", "-connect", f"{lab.ip(where)}:{port}", "-CAfile", lab.pki.root, *args], timeout=20, check=False,
		stdin=stdin)
	return r.stdout + r.stderr


@pytest.mark.parametrize("port", (PUBLIC, MUTUAL))
def test_tls_1_1_is_refused(lab, port):
	out = s_client(lab, port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
	assert "Cipher is (NONE)" in out and "alert protocol version" in out, out  # it was offered, and we said no


# In our order; the last two only where the listener says cbc.
TLS_1_2 = ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-SHA384",
	"ECDHE-RSA-AES128-SHA256")
TLS_1_3 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
WITH_CBC = 5071


@pytest.fixture(scope="module")
def servers(world):
	"""A daemon with a listener that does CBC, beside the usual ones; its address ends in 21."""
	def change(config):
		config["listeners"].append(dict(config["listeners"][0], name="cbc", port=WITH_CBC, cbc=True))
		next(z for z in config["zones"] if z["kind"] == "default")["listeners"].append("cbc")
	edge = world.start_edge("suites", change, world.ip(21), prove=())
	yield edge
	world.stop_edge(edge)


def chosen(lab, port, version, suites):
	"""The suite we pick of those, offered in the opposite of our order."""
	option = "-cipher" if version == "-tls1_2" else "-ciphersuites"
	out = s_client(lab, port, version, option, ":".join(reversed(suites)), where=21)
	return re.search(r"Cipher is (\S+)", out)[1]


def test_our_order_of_suites_counts(lab, servers):
	"""Each suite is picked when all before it are missing."""
	for i, suite in enumerate(TLS_1_2):
		assert chosen(lab, WITH_CBC, "-tls1_2", TLS_1_2[i:]) == suite
	for i, suite in enumerate(TLS_1_3):
		assert chosen(lab, PUBLIC, "-tls1_3", TLS_1_3[i:]) == suite


def test_weak_suites_are_not_taken(lab, servers):
	assert chosen(lab, PUBLIC, "-tls1_2", TLS_1_2[3:]) == "(NONE)", "CBC is off unless asked for"
	for suites in (("AES128-SHA",), ("AES256-GCM-SHA384",), ("ECDHE-RSA-AES128-SHA",), ("DHE-RSA-AES256-GCM-SHA384",)):
		assert chosen(lab, WITH_CBC, "-tls1_2", suites) == "(NONE)", suites


def test_5061_asks_for_a_certificate_and_names_the_accepted_cas(lab):
	assert "Acceptable client certificate CA names" in s_client(lab, MUTUAL, "-tls1_3")
	assert "Verify return code: 0 (ok)" in s_client(lab, PUBLIC, "-verify_hostname", f"edge.{OURS}")


def resumed(lab, port, version, cert=None):
	"""Whether a second connection with the session of the first, which got an answer, is a resumption."""
	ctx = client_context(lab.pki.root, cert, version)
	ctx.minimum_version = version
	session = None
	for _ in range(2):
		with socket.create_connection((lab.ip(10), port), timeout=5) as s, ctx.wrap_socket(s, session=session) as tls:
			tls.sendall(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))
			assert tls.recv(4096).startswith(b"SIP/2.0 200")  # the tickets of TLS 1.3 come before it
			session, again = tls.session, tls.session_reused
			tls.unwrap()  # without a proper end a session is not kept
	return again


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
def test_mutual_tls_never_resumes(lab, version):
	assert not resumed(lab, MUTUAL, version, lab.cert("partner"))


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
def test_without_certificate_5061_resumes(lab, version):
	assert resumed(lab, PUBLIC, version)


def test_client_renegotiation_is_refused(lab):
	for port, own in ((PUBLIC, ()), (MUTUAL, ("-cert", lab.cert("partner").pem, "-cert_chain", lab.cert("partner").pem, "-key",
			lab.cert("partner").key))):
		out = s_client(lab, port, "-tls1_2", *own, stdin="R\n")
		assert "RENEGOTIATING" in out and "no renegotiation" in out, out


def test_zones_are_bound_to_their_listeners(lab):
	"""The desk is a peer of the inside listener; on 5062 its good certificate is not enough."""
	saw, line = refused_at_handshake(lab, MUTUAL, lab.desk_cert, "identity.listener")
	assert line.get("zone") in (None, "desk")


def test_a_revealed_name_is_logged_with_subject_and_depth(lab):
	_, line = refused_at_handshake(lab, MUTUAL, "expired", "tls.expired")
	text = " ".join(line.values())
	assert "partner.example.net" in text, line
	assert "depth" in text or "depth" in line, line


def test_anyeku_passes_where_the_zone_says_any(lab):
	def any_eku(config):
		next(z for z in config["zones"] if z["name"] == "partner")["eku"] = "any"
	edge = lab.start_edge("any", any_eku, lab.ip(15), prove=())
	try:
		for name in ("eku-any", "eku-sip", "eku-none"):
			with lab.connect(MUTUAL, name, where=15) as c:
				assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200, name
	finally:
		lab.stop_edge(edge)


def test_sources_and_common_name(lab):
	"""A zone with allowed networks refuses the right certificate from the wrong place; CN counts only without any SAN."""
	def sources(config):
		next(z for z in config["zones"] if z["name"] == "partner")["sources"] = [f"{lab.ip(20)}/32"]
	edge = lab.start_edge("sources", sources, lab.ip(16), prove=())
	try:
		turned_away(lab, "partner", "identity.source", edge=edge, where=16, source=66)
		for name in ("partner", "cn-only"):
			with lab.connect(MUTUAL, name, where=16, source=20) as c:
				assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	finally:
		lab.stop_edge(edge)


def test_the_server_we_call_must_prove_the_domain(lab):
	"""A target with a certificate of a good CA but another name gets no SIP byte: 502, reason target.tls."""
	from lab.sipraw import Agent
	from lab.rtp import offer
	impostor = Agent(lab.ip(48), 5061, "impostor", lab.cert("wrong-name"), lab.pki.root)
	lab.dns.change(PARTNER, ("unset", "_sips._tcp"), ("set", "_sips._tcp", 1, "SRV", "10", "10", "5061", f"impostor.{PARTNER}."),
		("set", "impostor", 1, "A", lab.ip(48)))
	try:
		def fresh(config):
			config["zones"][0]["client_cert"] = {"cert": lab.cert("edge-rsa").pem, "key": lab.cert("edge-rsa").key}
		edge = lab.start_edge("impostor", fresh, lab.ip(17), prove=())
		since = edge.mark()
		with lab.connect(INSIDE, lab.desk_cert, source=32, where=17) as c:
			answer = lab.call(c, f"bob@{PARTNER}", f"desk@{OURS}").invite(offer(lab.ip(32))).wait()
		assert answer.status == 502, answer
		assert [l for l in edge.lines(since) if l.get("reason") in ("target.tls", "identity.mismatch")], edge.lines(since)
		assert not impostor.requests
		lab.stop_edge(edge)
	finally:
		lab.dns.change(PARTNER, ("unset", "_sips._tcp"), ("set", "_sips._tcp", 5, "SRV", "10", "10", "5061", f"sip.{PARTNER}."))
		impostor.close()


def test_a_strangers_telephone_that_verifies_us(lab, tmp_path):
	"""linphone: TLS 1.2, no certificate, our name and chain checked; its MESSAGE gets in. With another root it says nothing."""
	from conftest import lacking
	if not lab.dns.can_wrap():
		pytest.skip("linphone needs a name server of its own, which this system does not let us give it")
	try:
		phones = [Linphone(str(tmp_path / name), f"edge.{OURS}:{PUBLIC}", ca, lab.dns) for name, ca in (
			("trusts", lab.pki.root), ("distrusts", lab.pki.rogue_root))]
	except proc.Missing as e:
		lacking(e)
	since = lab.edge.mark()
	try:
		phones[1].start().command(f"message sip:desk@{OURS} nothing")
		lab.edge.wait_line(since, event="conn.refused", reason="tls.handshake")
		phones[0].start().command(f"message sip:desk@{OURS} hello")
		wait_until("the message at the desk", lambda: [m for m in lab.desk.requests if m.method == "MESSAGE"], 10)
		assert [m.body for m in lab.desk.requests if m.method == "MESSAGE"] == [b"hello"]
		assert lab.edge.lines(since, event="conn.admitted", zone="internet", tls="TLSv1.2")
	finally:
		for p in phones:
			p.stop()
