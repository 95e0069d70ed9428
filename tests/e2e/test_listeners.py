# SPDX-License-Identifier: Apache-2.0
"""What TLS offers and refuses, seen by openssl and by hand; which certificate is shown to whom."""
import re

import pytest

from lab import proc
from lab.linphone import Linphone
from lab.net import wait_until
from lab.scenarios import refused_at_handshake, turned_away
from lab.sipraw import request
from lab.world import INSIDE, MUTUAL, OURS, PARTNER, PUBLIC


def s_client(lab, port, *args, stdin=""):
	openssl = proc.need("openssl")[0]
	r = proc.run([openssl, "s_client", "-connect", f"{lab.ip(10)}:{port}", "-CAfile", lab.pki.root, *args], timeout=20, check=False, stdin=stdin)
	return r.stdout + r.stderr


@pytest.mark.parametrize("port", (PUBLIC, MUTUAL))
def test_tls_1_1_is_refused(lab, port):
	out = s_client(lab, port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
	assert "Cipher is (NONE)" in out, out


@pytest.mark.parametrize("suites, wanted", (
	("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
	("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
	("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
	("AES128-SHA", "(NONE)"),
	("ECDHE-RSA-AES256-SHA384", "(NONE)"),
))
def test_our_order_of_suites_counts(lab, suites, wanted):
	assert f"Cipher is {wanted}" in s_client(lab, PUBLIC, "-tls1_2", "-cipher", suites)


def test_5061_asks_for_a_certificate_and_names_the_accepted_cas(lab):
	assert "Acceptable client certificate CA names" in s_client(lab, MUTUAL, "-tls1_3")
	assert "Verify return code: 0 (ok)" in s_client(lab, PUBLIC, "-verify_hostname", f"edge.{OURS}")


def test_mutual_tls_never_resumes(lab, tmp_path):
	cert = lab.cert("partner")
	session = str(tmp_path / "session")
	for version in ("-tls1_2", "-tls1_3"):
		own = ("-cert", cert.pem, "-key", cert.key, "-cert_chain", cert.pem, version)
		s_client(lab, MUTUAL, *own, "-sess_out", session)
		out = s_client(lab, MUTUAL, *own, "-sess_in", session) if (tmp_path / "session").exists() else "New"
		assert "Reused" not in out, out


def test_client_renegotiation_is_refused(lab):
	out = s_client(lab, PUBLIC, "-tls1_2", stdin="R\n")
	assert re.search(r"no renegotiation|wrong version|unexpected|alert|closed|RENEGOTIATING", out)
	assert out.count("verify return:1") < 4, "the handshake was made again"


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
		assert answer.status in (502, 503), answer
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
