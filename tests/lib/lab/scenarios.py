# SPDX-License-Identifier: Apache-2.0
"""What is tried, with what must happen. The end-to-end tests and scripts/quickstart run the same functions.

A scenario takes the world (with w.edge running), raises AssertionError when it came out otherwise, and returns
(what happened, why): both from evidence, the peers' own counts and answers and the daemon's log.
"""
import re

from . import proc
from .rtp import Endpoint, audio_of, offer
from .sipraw import Closed, Msg, new_id, request
from .world import BACKUP, MUTUAL, OURS, PARTNER, PUBLIC, UNPROVED, ZONEB

ALL = []  # (function, what is tried), in the order of the quickstart's table


def scenario(tried):
	def keep(fn):
		fn.tried = tried
		ALL.append(fn)
		return fn
	return keep


# --- evidence ---

def admitted(w, zone):
	"""How the daemon says it proved the peer of that zone, from the log."""
	lines = [l for l in w.edge.lines(0, zone=zone) if l.get("name")]
	if not lines:
		return f"zone={zone}"
	purpose = f", the chain good for the purpose {lines[-1]['purpose']}" if lines[-1].get("purpose") else ""
	return f"zone={zone} proved by {lines[-1]['name']}{purpose}"


def relayed(w, rtp_text):
	"""The media address an agent was given must be a pinhole of ours."""
	ip, port = rtp_text
	assert ip == w.ip(10), f"media goes to {ip}, not through sipward"
	assert 36000 <= port <= 59999 and port % 2 == 0, f"media port {port}"


def baresip_remote(agent):
	m = re.search(r"remote: ([\d.]+):(\d+)", agent.command("audio_debug"))
	return m[1], int(m[2])


def refused_at_handshake(w, port, cert, reason, edge=None, **more):
	"""The peer is turned away before one SIP byte, and the log says why (None: whatever). Returns (what the peer saw, the log line)."""
	e = edge or w.edge
	since = e.mark()
	try:
		with w.connect(port, cert, **more) as c:
			try:
				c.send(request("OPTIONS", f"sip:{OURS}", "sip:x@nowhere.invalid", f"sip:{OURS}"))
			except Closed:
				pass
			saw = c.wait_closed()
			assert not c.raw, f"{c.raw[:80]!r} came from a peer that should have been refused"
	except Closed as closed:
		saw = str(closed)
	line = e.wait_line(since, event="conn.refused", **({"reason": reason} if reason else {}))
	return saw, line


def turned_away(w, cert, reason, **more):
	saw, line = refused_at_handshake(w, MUTUAL, cert, reason, **more)
	return f"closed without a SIP byte; the peer saw {saw}", explain(line)


def refused_in_sip(w, conn, status, reason, ruri, from_, method="INVITE", extra=(), nobody=(), routes=(), **more):
	"""A request answered with that status for that reason, of which no agent saw anything."""
	since = w.edge.mark()
	call_id = f"{new_id()}@lab"
	body = offer(conn.local[0]) if method == "INVITE" else ""
	answer = conn.ask(request(method, ruri, from_, ruri, call_id, contact=f"sip:x@{conn.local[0]}:{conn.local[1]};transport=tls", body=body,
		extra=extra, routes=routes, via=f"{conn.local[0]}:{conn.local[1]}", **more))
	line = w.edge.wait_line(since, event="request.refused", callid=call_id)
	assert (answer.status, line["reason"]) == (status, reason), f"{answer}, {explain(line)}; expected {status}, {reason}"
	for agent in (w.desk, w.far, w.zoneb):
		assert not agent.seen(call_id), f"{agent.contact} was reached by {method}"
	assert not w.kamailio.seen(call_id, method), f"Kamailio was reached by {method}"
	return f"{answer.start.removeprefix('SIP/2.0 ')}; nothing forwarded", explain(line)


def explain(line):
	return f"reason={line['reason']}" + (f" ({line['detail']})" if line.get("detail") else "")


# --- calls that go through ---

def baresip_call(w, caller, called, uri, packets=50):
	"""A whole call with audio; gives what Kamailio wrote about it, and the counts of both ends."""
	called.mark()
	seen = w.kamailio.proc.mark()
	caller.dial(uri)
	caller.wait_event("CALL_ESTABLISHED")
	called.wait_event("CALL_ESTABLISHED")
	caller.wait_rtp(packets)
	called.wait_rtp(packets // 2)
	for agent in (caller, called):
		relayed(w, baresip_remote(agent))
	counts = w.edge.counts()
	assert counts["calls"] >= 1 and counts["pinholes"] >= 2, counts
	totals = caller.rtp(), called.rtp()
	caller.hangup()
	called.wait_event("CALL_CLOSED")
	(out, back), (called_out, called_back) = totals
	happened = f"200 OK; RTP at the caller {out} out, {back} in; at the called {called_out} out, {called_back} in"
	return w.kamailio.proc.text(seen), happened


@scenario("inside calls the partner: SRV, mutual TLS, audio both ways")
def mtls_call_by_srv_inside_to_partner(w):
	text, happened = baresip_call(w, w.alice, w.bob, f"sip:bob@{PARTNER}")
	assert re.search(rf"seen INVITE ruri=sip:bob@{PARTNER}\S* from=sip:alice@{OURS} .*proto=tls", text), text
	return happened, f"_sips._tcp.{PARTNER} led to Kamailio; {admitted(w, 'partner')}"


@scenario("the partner calls inside: SRV, mutual TLS, audio both ways")
def mtls_call_by_srv_partner_to_inside(w):
	text, happened = baresip_call(w, w.bob, w.alice, f"sip:alice@{OURS}")
	assert re.search(rf"reply 200 .* to=INVITE .*proto=tls source={re.escape(w.ip(10))}:{MUTUAL}", text), text
	found = f"Kamailio found us by _sips._tcp.{OURS}" if w.kamailio.own_resolver else f"kdig found us by _sips._tcp.{OURS}"
	return happened, f"{found}; {admitted(w, 'partner')}"


@scenario("a stranger without certificate calls, over TLS on 5061, whom strangers may call")
def tls_default_zone_call(w):
	w.alice.mark()
	media = Endpoint(w.ip(50))
	try:
		with w.connect(PUBLIC, source=50) as c:
			call = w.call(c, f"alice@{OURS}", "visitor@stranger.example", media=media).invite()
			answer = call.wait()
			assert answer.status == 200, answer
			relayed(w, audio_of(answer.body))
			w.alice.wait_event("CALL_ESTABLISHED")
			media.wait(50)
			w.alice.wait_rtp(10)
			assert media.sources == {audio_of(answer.body)}, media.sources
			got = f"200 OK; RTP at the stranger {media.sent} out, {media.received} in"
			assert call.bye().status == 200
			w.alice.wait_event("CALL_CLOSED")
	finally:
		media.close()
	return got, "zone=internet (kind default); a route lets it reach alice"


@scenario("OPTIONS on 5061 without a certificate")
def options_answered_on_5061_without_certificate(w):
	with w.connect(PUBLIC, source=50) as c:
		answer = c.ask(request("OPTIONS", f"sip:edge.{OURS}", "sip:probe@stranger.example", f"sip:edge.{OURS}"))
	assert answer.status == 200, answer
	return "200 OK", "5061 asks for a certificate, but does not require one"


@scenario("first SRV target is down")
def srv_failover(w):
	w.bob.mark()
	seen = w.kamailio.proc.mark()
	since = w.edge.mark()
	w.alice.dial(f"sip:bob@{BACKUP}")
	w.alice.wait_event("CALL_ESTABLISHED", 20)
	w.bob.wait_event("CALL_ESTABLISHED")
	w.alice.wait_rtp(10)
	w.alice.hangup()
	w.bob.wait_event("CALL_CLOSED")
	assert f"seen INVITE ruri=sip:bob@{BACKUP}" in w.kamailio.proc.text(seen)
	down = [l for l in w.edge.lines(since) if l.get("reason") and w.ip(29) in " ".join(l.values())]
	assert down, "the log does not tell of the target that is down"
	return "200 OK from the second target, with audio", f"first target down.{BACKUP}: {explain(down[0])}"


# --- peers that are refused before SIP ---

@scenario("5062, good CA, but a name of no zone")
def wrong_name(w):
	return turned_away(w, "wrong-name", "identity.no-zone")


@scenario("5062, the partner's name from a rogue CA")
def wrong_ca(w):
	return turned_away(w, "rogue", "tls.chain")


@scenario("5062, the partner's name from the CA of another zone")
def other_zones_ca(w):
	return turned_away(w, "zoneb-as-partner", "identity.trust")


@scenario("5062, the partner's certificate, expired")
def expired(w):
	return turned_away(w, "expired", "tls.expired")


@scenario("5062, the partner's certificate, not valid yet")
def not_yet_valid(w):
	return turned_away(w, "future", "tls.not-yet-valid")


@scenario("5062 without a certificate")
def no_certificate_on_5062(w):
	since = w.edge.mark()
	openssl = proc.need("openssl")[0]
	r = proc.run([openssl, "s_client", "-connect", f"{w.ip(10)}:{MUTUAL}", "-CAfile", w.pki.root, "-tls1_3", "-ign_eof"], timeout=20, check=False,
		stdin="OPTIONS sip:example.com SIP/2.0\r\n\r\n")
	alert = re.search(r"alert [a-z ]*certificate required|alert handshake failure", r.stdout + r.stderr)
	assert alert, r.stdout[-800:] + r.stderr[-800:]
	assert "SIP/2.0 " not in r.stdout
	line = w.edge.wait_line(since, reason="tls.no-certificate")
	return f"openssl s_client saw: {alert[0]}", explain(line)


@scenario("server-only certificate as client, eku = server-or-client")
def eku_server_only_leaf_accepted(w):
	with w.connect(MUTUAL, "eku-server") as c:
		assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	return "admitted, OPTIONS answered 200", admitted(w, "partner")


@scenario("server-only intermediate above a good leaf, eku = server-or-client")
def eku_server_only_intermediate_accepted(w):
	with w.connect(MUTUAL, "eku-server-chain") as c:
		assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200
	return "admitted, OPTIONS answered 200", admitted(w, "partner")


@scenario("certificate with neither purpose (anyEKU only), eku = server-or-client")
def eku_any_refused(w):
	return turned_away(w, "eku-any", "tls.purpose")


def with_strict(w):
	"""A second edge whose partner zone has eku = strict; kept for both scenarios."""
	if not getattr(w, "strict_edge", None):
		def change(config):
			next(z for z in config["zones"] if z["name"] == "partner")["eku"] = "strict"
		w.strict_edge = w.start_edge("strict", change, w.ip(11), prove=())
	return w.strict_edge


@scenario("server-only certificate as client, eku = strict")
def eku_strict_refuses_server_only_leaf(w):
	return turned_away(w, "eku-server", "tls.purpose", edge=with_strict(w), where=11)


@scenario("server-only intermediate above a good leaf, eku = strict")
def eku_strict_refuses_server_only_intermediate(w):
	return turned_away(w, "eku-server-chain", "tls.purpose", edge=with_strict(w), where=11)


# --- requests that are refused ---

@scenario("spoofed From: zone B, well proved, speaks as the partner")
def spoofed_from(w):
	with w.as_zoneb() as c:
		return refused_in_sip(w, c, 403, "auth.owned-domain", f"sip:desk@{OURS}", f"sip:bob@{PARTNER}")


@scenario("spoofed From: a stranger speaks as one of us")
def spoofed_local(w):
	with w.connect(PUBLIC) as c:
		return refused_in_sip(w, c, 403, "auth.local-domain", f"sip:desk@{OURS}", f"sip:alice@{OURS}")


@scenario("From of a domain the partner does not list")
def unlisted_domain(w):
	with w.as_partner() as c:
		return refused_in_sip(w, c, 403, "auth.from-domain", f"sip:desk@{OURS}", "sip:x@elsewhere.example")


@scenario("From of a domain the partner lists, but never proved")
def unproved_domain(w):
	with w.as_partner() as c:
		return refused_in_sip(w, c, 403, "auth.unproved-domain", f"sip:desk@{OURS}", f"sip:x@{UNPROVED}")


@scenario("open relay: the partner calls a third company through us")
def open_relay(w):
	with w.as_partner() as c:
		return refused_in_sip(w, c, 403, "route.no-relay", f"sip:zoneb@{ZONEB}", f"sip:bob@{PARTNER}")


@scenario("open relay: a stranger calls the partner through us")
def open_relay_by_stranger(w):
	with w.connect(PUBLIC) as c:
		return refused_in_sip(w, c, 403, "route.no-relay", f"sip:bob@{PARTNER}", "sip:x@stranger.example")


@scenario("open relay: the same with a Route header that leads there")
def open_relay_by_route(w):
	with w.connect(PUBLIC) as c:
		return refused_in_sip(w, c, 403, "route.no-relay", f"sip:bob@{PARTNER}", "sip:x@stranger.example",
			routes=[f"<sip:{w.ip(20)}:5061;transport=tls;lr>"])


@scenario("BYE into somebody else's call, every identifier right, from another zone")
def foreign_in_dialog_bye(w):
	media = Endpoint(w.ip(41))
	try:
		with w.as_zoneb() as c, w.as_partner() as thief:
			call = w.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=media).invite()
			assert call.wait().status == 200
			media.wait(10)
			since = w.edge.mark()
			stolen = Msg(call._request("BYE", cseq=99))
			answer = thief.ask(stolen.raw)
			line = w.edge.wait_line(since, reason="dialog.foreign")
			assert answer.status == 481, answer
			assert not w.desk.seen(call.call_id, "BYE"), "the BYE was forwarded"
			media.wait(10)  # the call lives
			assert call.bye().status == 200
			w.desk.wait(call.call_id, "BYE")
	finally:
		media.close()
	return "481; the called saw no BYE, audio went on until the real one", explain(line)
