# SPDX-License-Identifier: Apache-2.0
"""Who wants more than a call: media round the relay, calls that stay behind, other people's places; and plain chaos.

SIPWARD_HOSTILE_SECONDS (10) and SIPWARD_HOSTILE_SEED (1) say how long the chaos lasts, and which it is.
"""
import os
import queue
import random
import re
import signal
import socket
import time

import pytest

from lab.net import wait_until
from lab.rtp import audio_of, offer
from lab.sipraw import Closed, Conn, Msg, client_context, new_id, request, response, uri_of
from lab.world import MUTUAL, OURS, PUBLIC, ZONEB

TO, FROM = f"desk@{OURS}", f"zoneb@{ZONEB}"


@pytest.fixture
def caller(lab):
	lab.desk.invite, lab.desk.others = "silent", 200
	with lab.as_zoneb() as c:
		yield c
	lab.desk.reset()


def ring(lab, c, body=None, extra=()):
	"""A call that has reached the desk; (call, the INVITE as it arrived)."""
	call = lab.call(c, TO, FROM).invite(offer(lab.ip(41)) if body is None else body, extra)
	return call, lab.desk.wait(call.call_id, "INVITE")


def answered(lab, c, extra=()):
	call, invite = ring(lab, c, extra=extra)
	lab.desk.reply(invite, 200, offer(lab.ip(32)))
	assert call.wait().status == 200
	return call, invite


def from_desk(lab, conn, invite, method, n, body="", routes=None):
	"""A request of the desk within the dialog that INVITE made."""
	conn.send(request(method, uri_of(invite.get("contact")), re.sub(r";tag=.*", "", invite.get("to")), re.sub(r";tag=.*", "", invite.get("from")),
		invite.call_id, n, contact=lab.desk.contact, routes=invite.uris("record-route") if routes is None else routes,
		from_tag=lab.desk.tag, to_tag=invite.tag("from"), body=body))


def relayed(lab, body):
	ip, port = audio_of(body)
	return ip == lab.ip(10) and 36000 <= port <= 59999


def mixed(sdp, boundary="b"):
	return f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nhello\r\n--{boundary}\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--{boundary}--\r\n"


# --- media round the relay ---

@pytest.mark.parametrize("content_type", ("Application/SDP ; charset=utf-8", "multipart/mixed;boundary=b", "application/\r\n sdp"),
	ids=("spelling", "multipart", "folded"))
def test_sdp_is_rewritten_wherever_it_stands(lab, caller, content_type):
	def dress(sdp):
		return mixed(sdp) if "multi" in content_type else sdp
	call, invite = ring(lab, caller, dress(offer(lab.ip(41))), [("Content-Type", content_type)])
	assert relayed(lab, invite.body) and b"c=IN IP4 " + lab.ip(41).encode() not in invite.body
	if "multi" in content_type:
		assert b"\r\nhello\r\n--b\r\n" in invite.body and invite.body.endswith(b"\r\n--b--\r\n")
	answer = response(invite, 200, lab.desk.tag, lab.desk.contact, dress(offer(lab.ip(32)))).replace(b"application/sdp", content_type.encode(), 1)
	invite.conn.send(answer)
	final = call.wait()
	assert final.status == 200 and relayed(lab, final.body)
	assert call.bye().status == 200


@pytest.mark.parametrize("headers, body", (
	([("Content-Type", "")], "{sdp}"),
	([("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")], "{sdp}"),
	([("Content-Type", "multipart/mixed;boundary=b")], "--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--c--\r\n--b--"),
	([("Content-Type", "message/sip")], "{sdp}"),
), ids=("untyped", "encoded", "nested", "tunnelled"))
def test_what_may_hide_an_sdp_is_refused(lab, caller, headers, body):
	sdp = offer(lab.ip(41))
	data = request("INVITE", f"sip:{TO}", f"sip:{FROM}", f"sip:{TO}", contact=f"sip:z@{lab.ip(41)}:5061;transport=tls", body=body.format(sdp=sdp),
		extra=headers).replace(b"Content-Type: \r\n", b"")
	assert caller.ask(data).status == 488
	assert not lab.desk.seen(Msg(data).call_id)
	call, invite = answered(lab, caller)
	for method in ("INVITE", "UPDATE"):
		again = call._request(method, body=body.format(sdp=sdp), extra=headers).replace(b"Content-Type: \r\n", b"")
		assert caller.ask(again).status == 488, method
	caller.send(call._request("ACK", cseq=call.cseq, body=body.format(sdp=sdp), extra=headers).replace(b"Content-Type: \r\n", b""))
	assert call.bye().status == 200
	assert all(not m.body for m in lab.desk.seen(call.call_id) if m is not invite)


def test_an_answer_that_cannot_be_used_is_given_back(lab, caller):
	"""The callee believes it has a call: it gets the ACK and the BYE, the caller a 500."""
	for body in (offer("127.0.0.1").replace("127.0.0.1", "224.0.0.1"), "v=0\r\nrubbish\r\n"):
		call, invite = ring(lab, caller)
		lab.desk.reply(invite, 200, body)
		assert call.wait().status == 500
		assert lab.desk.wait(call.call_id, "ACK").cseq[0] == invite.cseq[0]
		bye = lab.desk.wait(call.call_id, "BYE")
		assert bye.tag("to") == lab.desk.tag and bye.tag("from") == call.from_tag and bye.cseq[0] > invite.cseq[0]
		assert bye.ruri == lab.desk.contact
	lab.edge.wait_nothing_held(connections=False)


def test_no_sdp_in_a_refusal_and_no_foreign_identity_in_an_answer(lab, caller):
	call, invite = ring(lab, caller)
	invite.conn.send(response(invite, 488, lab.desk.tag, body=offer(lab.ip(32)), extra=[("P-Asserted-Identity", "<sip:boss@example.com>")]))
	m = call.wait()
	assert m.status == 488 and not m.body and not m.get("content-type") and not m.get("p-asserted-identity")


def test_a_subscription_is_no_way_round_the_relay(lab, caller):
	sub = lab.call(caller, TO, FROM)
	assert caller.send(sub._request("SUBSCRIBE", extra=[("Event", "dialog"), ("Expires", "60")])) is None
	m = caller.final(sub.call_id)
	if m.status == 403:
		pytest.skip("the zone may not subscribe")
	seen = lab.desk.wait(sub.call_id, "SUBSCRIBE")
	sub.to_tag, sub.routes, sub.remote = m.tag("to"), list(reversed(seen.uris("record-route"))), lab.desk.contact
	for method in ("INVITE", "UPDATE"):
		assert caller.ask(sub._request(method, body=offer(lab.ip(41)))).status == 488
		assert not lab.desk.seen(sub.call_id, method)
	with lab.as_desk() as desk:
		from_desk(lab, desk, seen, "BYE", 1)
		caller.recv()


@pytest.mark.parametrize("how", ("unanswered", "expired", "terminated"))
def test_a_subscription_does_not_stay_for_ever(lab, caller, how):
	sub = lab.call(caller, TO, FROM)
	lab.desk.others = None if how == "unanswered" else 200
	caller.send(sub._request("SUBSCRIBE", extra=[("Event", "dialog"), ("Expires", "0" if how == "expired" else "3600")]))
	seen = lab.desk.wait(sub.call_id, "SUBSCRIBE")
	if how == "terminated":
		assert caller.final(sub.call_id).status == 200
		assert lab.edge.counts()["calls"] == 1
		with lab.as_desk() as desk:
			desk.send(request("NOTIFY", uri_of(seen.get("contact")), seen.get("to"), re.sub(r";tag=.*", "", seen.get("from")), seen.call_id, 1,
				contact=lab.desk.contact, routes=seen.uris("record-route"), from_tag=lab.desk.tag, to_tag=seen.tag("from"),
				extra=[("Event", "dialog"), ("Subscription-State", "terminated;reason=timeout")]))
			caller.send(response(caller.recv(), 200))
			assert desk.final(sub.call_id).status == 200
	lab.edge.wait_nothing_held(connections=False)


def test_an_answer_without_our_callers_via(lab, caller):
	"""It can't be passed on; the caller is not left without an answer, nor the callee with a call."""
	for status in (486, 200):
		call, invite = ring(lab, caller)
		data = response(invite, status, lab.desk.tag, lab.desk.contact, offer(lab.ip(32)) if status == 200 else "")
		head, _, rest = data.partition(f"Via: {invite.all('via')[1]}\r\n".encode())
		invite.conn.send(head + rest)
		assert call.wait().status == 500
		if status == 200:
			lab.desk.wait(call.call_id, "BYE")
	lab.edge.wait_nothing_held(connections=False)


def test_a_call_that_ended_sets_up_no_media(lab, caller):
	"""BYE in the early dialog, and then a 200 with an SDP nobody rewrites any more."""
	call, invite = ring(lab, caller)
	lab.desk.reply(invite, 180)
	call.to_tag = call.wait_provisional(180).tag("to")
	call.routes, call.remote = list(reversed(invite.uris("record-route"))), lab.desk.contact
	assert call.bye().status == 200
	lab.desk.reply(invite, 200, offer(lab.ip(32)))
	m = caller.final(call.call_id, method="INVITE")
	assert m.status >= 400 and not m.body
	lab.desk.wait(call.call_id, "ACK")
	lab.edge.wait_nothing_held(connections=False)


# --- offers and answers out of step ---

def test_an_ack_sent_again_is_no_offer(lab, caller):
	call, invite = ring(lab, caller, "")
	for _ in range(2):
		lab.desk.reply(invite, 200, offer(lab.ip(32)))
		m = caller.final(call.call_id)
		assert m.status == 200 and relayed(lab, m.body), "the second 200 is the first"
		call.to_tag, call.routes, call.remote = m.tag("to"), list(reversed(m.uris("record-route"))), uri_of(m.get("contact"))
		caller.send(call._request("ACK", cseq=m.cseq[0], body=offer(lab.ip(41))))
	caller.send(call._request("ACK", cseq=m.cseq[0], body=offer(lab.ip(41))))
	wait_until("the ACKs", lambda: len(lab.desk.seen(call.call_id, "ACK")) == 3)
	assert all(relayed(lab, m.body) for m in lab.desk.seen(call.call_id, "ACK"))
	reinvite(lab, call)
	assert call.bye().status == 200


def reinvite(lab, call, status=200):
	before = len(lab.desk.seen(call.call_id, "INVITE"))
	call.conn.send(call._request("INVITE", body=offer(lab.ip(41), 40010)))
	wait_until("the re-INVITE", lambda: len(lab.desk.seen(call.call_id, "INVITE")) > before)
	lab.desk.reply(lab.desk.seen(call.call_id, "INVITE")[-1], status, offer(lab.ip(32)) if status == 200 else "")
	m = call.conn.final(call.call_id, method="INVITE")
	assert m.status == status
	if status == 200:
		call.conn.send(call._request("ACK", cseq=call.cseq))


@pytest.mark.parametrize("how", ("update_unanswered", "update_refused", "reinvite_refused", "delayed_offer_unanswered", "answer_in_183_only"))
def test_an_offer_that_came_to_nothing_blocks_no_later_one(lab, caller, how):
	if how == "answer_in_183_only":
		call, invite = ring(lab, caller)
		lab.desk.reply(invite, 183, lab.rtp_desk.sdp())
		call.wait_provisional(183)
		lab.desk.reply(invite, 200)
		assert call.wait().status == 200
	else:
		call, invite = answered(lab, caller)
	if how.startswith("update"):
		lab.desk.others = None if how == "update_unanswered" else 500
		caller.send(call._request("UPDATE", body=offer(lab.ip(41), 40020)))
		lab.desk.wait(call.call_id, "UPDATE")
		if how == "update_refused":
			assert caller.final(call.call_id).status == 500
		else:
			wait_until("its end", lambda: not lab.edge.counts()["requests"], 15, step=0.2)
		lab.desk.others = 200
	elif how == "reinvite_refused":
		reinvite(lab, call, 488)
	elif how == "delayed_offer_unanswered":
		before = len(lab.desk.seen(call.call_id, "INVITE"))
		caller.send(call._request("INVITE"))
		wait_until("the re-INVITE", lambda: len(lab.desk.seen(call.call_id, "INVITE")) > before)
		lab.desk.reply(lab.desk.seen(call.call_id, "INVITE")[-1], 200, offer(lab.ip(32)))
		assert caller.final(call.call_id).status == 200
		caller.send(call._request("ACK", cseq=call.cseq))
	reinvite(lab, call)
	assert call.bye().status == 200
	lab.edge.wait_nothing_held(connections=False)


def test_glare_is_told_and_passes(lab, caller):
	call, invite = answered(lab, caller)
	caller.send(call._request("INVITE", body=offer(lab.ip(41))))
	wait_until("the re-INVITE", lambda: len(lab.desk.seen(call.call_id, "INVITE")) == 2)
	with lab.as_desk() as desk:
		from_desk(lab, desk, invite, "INVITE", 7, offer(lab.ip(32)))
		assert desk.final(call.call_id).status == 491
	lab.desk.reply(lab.desk.seen(call.call_id, "INVITE")[-1], 200, offer(lab.ip(32)))
	assert caller.final(call.call_id).status == 200
	caller.send(call._request("ACK", cseq=call.cseq))
	reinvite(lab, call)
	assert call.bye().status == 200


# --- who leaves in the middle ---

def test_a_caller_that_vanishes_is_as_good_as_cancelled(lab):
	lab.desk.invite = "ring"
	with lab.as_zoneb() as c:
		call = lab.call(c, TO, FROM).invite(offer(lab.ip(41)))
		call.wait_provisional(180)
	lab.desk.wait(call.call_id, "CANCEL")
	lab.edge.wait_nothing_held(connections=False)


def test_an_answer_to_a_caller_that_vanished_is_given_back(lab):
	lab.desk.invite = "silent"
	for soon in (True, False):
		since = lab.edge.mark()
		with lab.as_zoneb() as c:
			call, invite = ring(lab, c)
		if not soon:
			lab.edge.wait_line(since, event="call.cancelled")
		lab.desk.reply(invite, 200, offer(lab.ip(32)))
		lab.desk.wait(call.call_id, "ACK")
		lab.desk.wait(call.call_id, "BYE")
	lab.edge.wait_nothing_held(connections=False)


def test_a_strangers_place_is_not_taken_by_another(lab):
	"""Strangers share a zone, not their calls. A BYE that reaches nobody ends the call all the same."""
	since = lab.edge.mark()
	with lab.connect(PUBLIC, source=66) as other:
		with lab.connect(PUBLIC, source=50) as c:
			call = lab.call(c, TO, "visitor@stranger.example").invite(offer(lab.ip(50)))
			assert call.wait().status in (200, 488)
			if call.answer.status != 200:
				pytest.skip("no call from strangers here")
			invite = lab.desk.wait(call.call_id, "INVITE")
		with lab.as_desk() as desk:
			lab.edge.wait_line(since, event="conn.closed", zone="internet")
			for n, method in enumerate(("INFO", "BYE"), 1):
				from_desk(lab, desk, invite, method, n)
				assert desk.final(call.call_id).status >= 400
		assert other.inbox.empty(), other.inbox.get()
	lab.edge.wait_nothing_held(connections=False)


def test_a_strict_router_upstream(lab, caller):
	"""RFC 3261 16.4: our Record-Route comes as the Request-URI, what was meant as the last Route."""
	call, invite = answered(lab, caller)
	ours = [uri_of(v) for v in reversed(invite.uris("record-route"))]
	call.remote, call.routes = ours[0], [f"<{u}>" for u in ours[1:]] + [f"<{lab.desk.contact}>"]
	assert call.ask("INFO").status == 200
	info = lab.desk.wait(call.call_id, "INFO")
	assert info.ruri == lab.desk.contact and not info.uris("route")
	assert call.bye().status == 200


def test_a_call_that_passed_twice_is_two_calls(lab, caller):
	"""Routes of both stand next to each other: the first is meant, the second is for later."""
	first, _ = answered(lab, caller)
	second, invite = answered(lab, caller, extra=[("Record-Route", f"<{uri_of(first.routes[0])}>")])
	assert len(invite.uris("record-route")) == 3
	with lab.as_desk() as desk:
		from_desk(lab, desk, invite, "BYE", 1)
		bye = caller.recv()
		assert bye.method == "BYE" and bye.call_id == second.call_id and bye.uris("route") == [first.routes[0]]
		caller.send(response(bye, 200))
		assert desk.final(second.call_id).status == 200
	assert first.bye().status == 200
	lab.edge.wait_nothing_held(connections=False)


def test_a_reload_in_the_middle_of_a_handshake(lab):
	"""Admitted by the configuration that is in force when the handshake ends, not by that of when it began."""
	edge = lab.start_edge("midway", None, lab.ip(16))
	try:
		raw = socket.socket()
		raw.bind((lab.ip(41), 0))
		raw.connect((lab.ip(16), MUTUAL))
		wait_until("the connection", lambda: edge.counts()["connections"])
		edge.config["zones"] = [z for z in edge.config["zones"] if z["name"] != "zoneb"]
		edge.config["routes"] = [r for r in edge.config["routes"] if r["to"] != "zoneb"]
		for r in edge.config["routes"]:
			r["from"] = [z for z in r["from"] or () if z != "zoneb"]
		edge.write()
		since = edge.mark()
		edge.proc.kill(signal.SIGHUP)
		edge.wait_line(since, event="reload.done")
		try:
			c = Conn(client_context(lab.pki.root, lab.cert("zoneb")).wrap_socket(raw))
		except OSError:
			return
		with c:
			try:
				c.send(request("OPTIONS", f"sip:edge.{OURS}", f"sip:{FROM}", f"sip:edge.{OURS}"))
			except Closed:
				pass
			c.wait_closed()
			assert not c.raw
	finally:
		lab.stop_edge(edge)


# --- chaos ---

class Chaos:
	"""Valid dialogs, taken apart: a caller and a callee that do the next thing at random, and bend what they send."""

	def __init__(self, lab, edge, where, seed):
		self.lab, self.edge, self.where, self.rng = lab, edge, where, random.Random(seed)
		self.caller = self.desk = None
		self.sent, self.calls, self.count = [], [], 0

	def conns(self):
		if not self.caller or self.caller.end:
			self.caller = self.lab.as_zoneb(where=self.where)
		if not self.desk or self.desk.end:
			self.desk = self.lab.as_desk(where=self.where)

	def sdp(self):
		r, ip = self.rng, self.lab.ip(self.rng.choice((41, 32)))
		lines = offer(ip, r.choice((40000, 40002, 0, 65535))).split("\r\n")[:-1]
		for _ in range(r.randrange(3)):
			lines.append(r.choice((f"m=video {r.choice((0, 40100))} RTP/AVP 96", "a=rtcp-mux", "c=IN IP4 0.0.0.0", "a=inactive", "m=image 40200 udptl t38",
				"b=AS:64", "a=rtcp:40011", "a=candidate:1 1 UDP 1 1.2.3.4 1 typ host", "m=application 9 TCP/BFCP *")))
		return "" if r.random() < 0.2 else "\r\n".join(lines) + "\r\n"

	def bend(self, data):
		"""Mostly not at all."""
		r = self.rng
		if r.random() < 0.75:
			return data
		head, _, body = data.partition(b"\r\n\r\n")
		lines = head.split(b"\r\n")
		for _ in range(r.randrange(1, 3)):
			i = r.randrange(len(lines))
			how = r.randrange(7)
			if how == 0 and len(lines) > 1:
				del lines[i]
			elif how == 1:
				lines.insert(i, lines[r.randrange(len(lines))])
			elif how == 2 and lines[i]:
				at = r.randrange(len(lines[i]))
				lines[i] = lines[i][:at] + bytes([r.choice(b"<>\";,=:@% \t\x00\xff/()*1aZ")]) + lines[i][at + r.randrange(2):]
			elif how == 3:
				lines[i] = lines[i].swapcase()
			elif how == 4 and self.sent:
				lines[i] = r.choice(r.choice(self.sent).split(b"\r\n\r\n")[0].split(b"\r\n"))
			elif how == 5:
				body = body[:r.randrange(len(body) + 1)] + r.choice((b"", b"m=audio 1 RTP/AVP 0\r\n", b"\x00", b"c=IN IP4 127.0.0.1\r\n"))
			elif how == 6:
				lines[i] += r.choice((b";tag=x", b";lr", b";branch=z9hG4bK1", b", <sip:x@y>", b" " * 50))
		lines = [b"Content-Length: %d" % len(body) if l.lower().startswith(b"content-length") and r.random() < 0.98 else l for l in lines]
		return b"\r\n".join(lines) + b"\r\n\r\n" + body

	def send(self, conn, data):
		data = self.bend(data)
		self.sent = (self.sent + [data])[-50:]
		try:
			conn.send(data)
		except (Closed, TimeoutError):
			pass
		self.count += 1

	def drain(self):
		"""What came to the caller: dialogs learn their tags, requests are answered."""
		for conn in (self.caller, self.desk):
			while True:
				try:
					_, m = conn.inbox.get_nowait()
				except queue.Empty:
					break
				if not m:
					continue
				if not m.status:
					if m.method != "ACK" and self.rng.random() < 0.9:
						self.send(conn, response(m, self.rng.choice((200, 200, 481, 183)), new_id(4), f"sip:z@{self.lab.ip(41)}:5061;transport=tls",
							self.sdp() if m.method in ("INVITE", "UPDATE") else ""))
					continue
				for call in self.calls:
					if m.call_id == call.call_id and m.tag("to") and m.status < 300:
						call.to_tag, call.routes = m.tag("to"), list(reversed(m.uris("record-route"))) or call.routes
						call.last = m

	def step(self):
		r, lab = self.rng, self.lab
		self.conns()
		self.drain()
		what = r.random()
		invites = [m for m in lab.desk.requests if m.method in ("INVITE", "UPDATE", "PRACK")][-20:]
		if what < 0.2 or not self.calls:
			call = lab.call(self.caller, TO, FROM, contact=f"sip:z@{lab.ip(41)}:5061;transport=tls")
			self.calls = (self.calls + [call])[-12:]
			call.branch, call.cseq, call.last = "z9hG4bK" + new_id(), 1, None
			call.first = call._request("INVITE", cseq=1, body=self.sdp(), branch=call.branch)
			self.send(self.caller, call.first)
		elif what < 0.55 and invites:
			m, status = r.choice(invites[-6:]), r.choice((100, 180, 183, 183, 200, 200, 200, 200, 486, 503, 302, 487, 604))
			extra = [("Require", "100rel"), ("RSeq", str(r.randrange(1, 9)))] if status in (180, 183) and r.random() < 0.5 else []
			self.send(m.conn, response(m, status, r.choice((lab.desk.tag, lab.desk.tag, "fork1", "fork2")), lab.desk.contact, self.sdp(), extra))
		elif what < 0.85:
			call = r.choice(self.calls)
			call.conn = self.caller
			method = r.choice(("ACK", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INVITE", "INFO", "INVITE", "OPTIONS"))
			if method == "CANCEL":
				data = re.sub(rb"\r\nContent-Type:[^\r]*", b"", call.first.split(b"\r\n\r\n")[0]).replace(b"INVITE", b"CANCEL")
				data = re.sub(rb"Content-Length: \d+", b"Content-Length: 0", data) + b"\r\n\r\n"
			elif method == "ACK":
				data = call._request("ACK", cseq=r.choice((1, call.cseq)), body=r.choice(("", self.sdp())), branch=r.choice((None, call.branch)))
			else:
				data = call._request(method, body=self.sdp() if method in ("UPDATE", "PRACK", "INVITE") else "",
					extra=[("RAck", f"{r.randrange(1, 9)} 1 INVITE")] if method == "PRACK" else [])
			self.send(self.caller, data)
		elif what < 0.93 and invites:
			m = r.choice(invites)
			method = r.choice(("BYE", "INVITE", "UPDATE", "INFO", "ACK"))
			if m.get("contact"):
				self.send(self.desk, request(method, uri_of(m.get("contact")), m.get("to").split(";")[0], m.get("from").split(";")[0], m.call_id,
					r.randrange(1, 99), contact=lab.desk.contact, routes=m.uris("record-route"), from_tag=lab.desk.tag, to_tag=m.tag("from"),
					body=self.sdp() if method in ("INVITE", "UPDATE", "ACK") else ""))
		elif what < 0.95:
			r.choice((self.caller, self.desk)).close()
		elif what < 0.96 and lab.desk.conns:
			lab.desk.conns[-1].close()
		elif what < 0.965:
			self.edge.proc.kill(signal.SIGHUP)
		elif what < 0.967:
			try:
				os.kill(self.edge.child("media"), signal.SIGKILL)
			except (AssertionError, ProcessLookupError):
				pass  # it is not back from the last time
		elif self.sent:
			self.send(r.choice((self.caller, self.desk)), r.choice(self.sent))

	def clean_up(self):
		"""The desk ends every call that ever reached it, whichever fork answered; then nothing may be left."""
		self.caller.close()
		self.desk.close()
		with self.lab.as_desk(where=self.where) as desk:
			for m in [m for m in self.lab.desk.requests if m.method == "INVITE" and not m.tag("to") and m.uris("record-route")]:
				whole = re.search(r"(?i);\s*tag=([^;>\s]+)", m.get("from"))
				for tag in (self.lab.desk.tag, "fork1", "fork2", "none"):  # a tag nobody knows ends what is left
					desk.ask(request("BYE", f"sip:z@{self.lab.ip(41)}:5061;transport=tls", f"<sip:{TO}>", f"<sip:{FROM}>", m.call_id, 1000,
						routes=m.uris("record-route"), from_tag=tag, to_tag=whole[1]))


def test_chaos(lab):
	seconds, seed = float(os.environ.get("SIPWARD_HOSTILE_SECONDS", 10)), int(os.environ.get("SIPWARD_HOSTILE_SEED", 1))
	def roomy(config):
		config["limits"].update(connections_per_source=1000, timer_c="3s")
		config["log"]["level"] = "info"
	edge = lab.start_edge("chaos", roomy, lab.ip(17))
	lab.desk.invite, lab.desk.others = "silent", 200
	try:
		chaos = Chaos(lab, edge, 17, seed)
		edge_pid = edge.child("edge")
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			chaos.step()
			edge.proc.check_alive()
			time.sleep(0.002)
			if chaos.count % 200 == 0:
				assert edge.child("edge") == edge_pid, "the edge was restarted"
		assert edge.child("edge") == edge_pid, "the edge was restarted"
		with lab.connect(PUBLIC, source=50, where=17) as c:
			assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", "sip:x@stranger.example", f"sip:edge.{OURS}")).status == 200
		chaos.clean_up()
		try:
			edge.wait_nothing_held(connections=False, timeout=40)
		except AssertionError as e:
			raise AssertionError(f"{e}: {edge.status()}") from None
	finally:
		lab.desk.reset()
		lab.stop_edge(edge)
