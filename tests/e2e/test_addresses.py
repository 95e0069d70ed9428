# SPDX-License-Identifier: Apache-2.0
"""Where connections come in and go out: IPv6, several addresses, plain TCP, certificates by SNI, listeners that come and go."""
import re
import signal
import socket

import pytest

from lab import proc
from lab.net import accepts, free_ports
from lab.rtp import Endpoint, audio_of, offer
from lab.scenarios import refused_at_handshake
from lab.sipraw import Agent, Closed, connect, request
from lab.world import INSIDE, MUTUAL, OURS, PARTNER, PUBLIC, ZONEB


def has_ipv6():
	try:
		with socket.socket(socket.AF_INET6) as s:
			s.bind(("::1", 0))
		return True
	except OSError:
		return False


def options(c):
	return c.ask(request("OPTIONS", f"sip:edge.{OURS}", "sip:probe@stranger.example", f"sip:edge.{OURS}"))


def zone_of(config, name):
	return next(z for z in config["zones"] if z["name"] == name)


def test_a_call_from_ipv6_to_ipv4_with_audio(lab):
	"""Zone B comes in over IPv6 and sends its media there; the desk is IPv4: each sees a relay of its own family."""
	if not has_ipv6():
		pytest.skip("no IPv6 on the loopback")
	port = free_ports("::1", 1)
	def change(config):
		mutual = next(l for l in config["listeners"] if l["name"] == "mutual")
		mutual["port"], mutual["addresses"] = port, ["::1", lab.ip(24)]
		config["media"]["interfaces"].append({"name": "six", "address": "::1"})
		zone_of(config, "zoneb").update(media="six", media_networks=["::1/128"])
	edge = lab.start_edge("six", change, lab.ip(24))
	media = Endpoint("::1")
	try:
		with connect("::1", port, ca=lab.pki.root, cert=lab.cert("zoneb")) as c:
			assert options(c).status == 200
			call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=media, via=f"[::1]:{c.local[1]}",
				contact=f"sip:zoneb@[::1]:{c.local[1]};transport=tls").invite()
			answer = call.wait()
			assert answer.status == 200, answer
			invite = lab.desk.wait(call.call_id, "INVITE")
			assert f"c=IN IP4 {lab.ip(24)}\r\n".encode() in invite.body and b"IP6 ::1" not in re.sub(rb"(?m)^o=.*$", b"", invite.body), invite.body
			assert b"c=IN IP6 ::1\r\n" in answer.body and lab.ip(32).encode() not in re.sub(rb"(?m)^o=.*$", b"", answer.body), answer.body
			media.wait(20)
			lab.rtp_desk.wait(20)
			assert media.sources == {audio_of(answer.body)}
			lab.rtp_desk.rtcp_received = media.rtcp_received = 0
			media.report()
			lab.rtp_desk.report()
			media.wait_rtcp()
			lab.rtp_desk.wait_rtcp()
			assert call.bye().status == 200
		with connect(lab.ip(24), port, ca=lab.pki.root, cert=lab.cert("zoneb")) as c:
			assert options(c).status == 200, "the listener's other address"
	finally:
		media.close()
		lab.stop_edge(edge)


def test_all_addresses_of_a_listener(lab):
	"""One listener, three addresses; and on none but these."""
	def change(config):
		next(l for l in config["listeners"] if l["name"] == "public")["addresses"] = [lab.ip(n) for n in (25, 26, 27)]
	edge = lab.start_edge("several", change, lab.ip(25), prove=())
	try:
		for n in (25, 26, 27):
			with lab.connect(PUBLIC, where=n) as c:
				assert options(c).status == 200, n
		assert not accepts(lab.ip(28), PUBLIC)
		shown = [l["address"] for l in edge.status()["listeners"] if l["name"] == "public"]
		assert shown == [f"{lab.ip(n)}:{PUBLIC}" for n in (25, 26, 27)], shown
	finally:
		lab.stop_edge(edge)


def test_tcp_without_tls_is_told_by_its_source_alone(lab):
	"""An inside PBX on plain TCP: its address is its name. A call passes both ways between it and mutual TLS."""
	pbx = Agent(lab.ip(34), 5060, "pbx", media=lab.rtp_desk)
	media = Endpoint(lab.ip(41))
	def change(config):
		config["listeners"].append({"name": "plain", "transport": "tcp", "addresses": [lab.ip(11)], "port": 5060, "host": lab.ip(11)})
		desk = zone_of(config, "desk")
		config["zones"].append({k: desk[k] for k in ("kind", "target_networks", "media_networks", "srtp", "internal")} | {"name": "pbx",
			"listeners": ["plain"], "sources": [f"{lab.ip(34)}/32"], "targets": [f"{lab.ip(34)}:5060"], "target_transport": "tcp"})
		config["routes"].append({"name": "to-pbx", "from": ["zoneb"], "domain": "local", "user": "pbx", "to": "pbx"})
		next(r for r in config["routes"] if r["name"] == "out-zoneb")["from"].append("pbx")
	edge = lab.start_edge("plain", change, lab.ip(11))
	try:
		with lab.connect(MUTUAL, "zoneb", source=41, where=11) as c:
			call = lab.call(c, f"pbx@{OURS}", f"zoneb@{ZONEB}", media=media).invite()
			assert call.wait().status == 200
			invite = pbx.wait(call.call_id, "INVITE")
			assert invite.get("via").startswith(f"SIP/2.0/TCP {lab.ip(11)}:5060;"), invite.get("via")
			assert [bool(re.search(r";transport=tcp;lr", r)) for r in invite.uris("record-route")] == [True, False]
			media.wait(10)
			assert call.bye().status == 200
		lab.zoneb.invite = "busy"
		with connect(lab.ip(11), 5060, source=lab.ip(34), tls=False) as c:
			call = lab.call(c, f"zoneb@{ZONEB}", f"pbx@{OURS}", transport="TCP").invite(offer(lab.ip(34)))
			assert call.wait().status == 486
			assert lab.zoneb.wait(call.call_id, "INVITE").get("via").startswith("SIP/2.0/TLS ")
		since = edge.mark()
		with connect(lab.ip(11), 5060, source=lab.ip(66), tls=False) as stranger:
			with pytest.raises(Closed):
				options(stranger)
			assert not stranger.raw
		assert edge.wait_line(since, event="conn.refused")["reason"] in ("identity.source", "identity.no-default")
	finally:
		media.close()
		lab.stop_edge(edge)
		pbx.close()


def test_the_certificate_follows_the_name_asked_for(lab):
	org = lab.pki.one("voice", key="rsa:3072", cn="voice.example.org", san="DNS:voice.example.org")
	lab.own(org)
	openssl = proc.need("openssl")[0]
	def change(config):
		for l in config["listeners"]:
			l["sni"] = [{"name": "voice.example.org", "cert": org.pem, "key": org.key}]
	def subject(port, *args):
		r = proc.run([openssl, "s_client", "-connect", f"{lab.ip(11)}:{port}", "-CAfile", lab.pki.root, *args], timeout=20, check=False, stdin="")
		assert "Verify return code: 0 (ok)" in r.stdout or "Verification: OK" in r.stdout, r.stdout
		return re.search(r"(?m)^subject=.*CN = (\S+)", r.stdout)[1]
	edge = lab.start_edge("sni", change, lab.ip(11), prove=())
	try:
		for version in ("-tls1_2", "-tls1_3"):
			assert subject(PUBLIC, version, "-servername", "voice.example.org") == "voice.example.org"
			assert subject(PUBLIC, version, "-servername", "VOICE.example.ORG") == "voice.example.org"
			assert subject(PUBLIC, version, "-servername", f"edge.{OURS}") == f"edge.{OURS}"
			assert subject(PUBLIC, version, "-servername", "who.example.net") == f"edge.{OURS}", "an unknown name gets the first"
			assert subject(PUBLIC, version, "-noservername") == f"edge.{OURS}"
		# whatever name is asked for, 5062 stays mutual
		refused_at_handshake(lab, MUTUAL, None, "tls.no-certificate", edge=edge, where=11, sni="voice.example.org")
		with lab.connect(MUTUAL, "partner", where=11, sni="voice.example.org") as c:
			assert options(c).status == 200 and c.peer_names() == ["voice.example.org"]
	finally:
		lab.stop_edge(edge)


def test_listeners_come_and_go_on_reload(lab):
	edge = lab.start_edge("moving", None, lab.ip(11), prove=())
	def reload():
		since = edge.mark()
		edge.write()
		edge.proc.kill(signal.SIGHUP)
		edge.proc.wait_log(r"event=reload\.(done|refused)", 10, start=since)
		return edge.lines(since)
	try:
		config = edge.config
		config["listeners"].append(dict(config["listeners"][0], name="second", port=5081))
		zone_of(config, "internet")["listeners"].append("second")
		with lab.connect(PUBLIC, where=11) as before:
			assert options(before).status == 200
			assert not accepts(lab.ip(11), 5081)
			assert [l for l in reload() if l["event"] == "reload.done"]
			with lab.connect(5081, where=11) as c:
				assert options(c).status == 200
			assert options(before).status == 200, "a connection of before the reload"
			config["listeners"].pop()
			zone_of(config, "internet")["listeners"].pop()
			assert [l for l in reload() if l["event"] == "reload.done"]
			assert not accepts(lab.ip(11), 5081)
			assert options(before).status == 200
			# a port that cannot be had changes nothing
			with socket.create_server((lab.ip(11), 5082)):
				config["listeners"].append(dict(config["listeners"][0], name="third", port=5082))
				zone_of(config, "internet")["listeners"].append("third")
				lines = reload()
				assert [l for l in lines if l["event"] == "reload.refused"] and not [l for l in lines if l["event"] == "reload.done"], lines
			assert options(before).status == 200
			with lab.connect(PUBLIC, where=11) as c:
				assert options(c).status == 200
	finally:
		lab.stop_edge(edge)


def test_a_ca_that_is_taken_away_takes_its_connections_along(lab):
	edge = lab.start_edge("trust", None, lab.ip(11), prove=())
	try:
		with lab.connect(MUTUAL, "partner", where=11) as c, lab.connect(MUTUAL, "zoneb", source=41, where=11) as other:
			assert options(c).status == 200 and options(other).status == 200
			zone_of(edge.config, "partner")["trust"] = [lab.pki.rogue_root]
			edge.write()
			since = edge.mark()
			edge.proc.kill(signal.SIGHUP)
			edge.wait_line(since, reason="conn.revoked")
			c.wait_closed()
			assert options(other).status == 200
		refused_at_handshake(lab, MUTUAL, "partner", None, edge=edge, where=11)
	finally:
		lab.stop_edge(edge)
