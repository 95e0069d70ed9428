# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken bytes: standards 4.1 and 4.2. The answer listed there, or the line cut; never more."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.net import wait_until
from lab.rtp import offer
from lab.sipraw import Closed, build, new_id, request
from lab.world import MUTUAL, OURS, PUBLIC, ZONEB

OPTIONS = dict(ruri=f"sip:edge.{OURS}", from_="sip:x@stranger.example", to=f"sip:edge.{OURS}")


def options(**more):
	return request("OPTIONS", **{**OPTIONS, **more})


def still_serving(lab):
	with lab.connect(PUBLIC, source=50) as c:
		assert c.ask(options()).status == 200


@pytest.mark.parametrize("junk", (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\x01\x02\xff" * 200, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9,
	b"INVITE\r\n\r\n", b"A" * 20000 + b"\r\n\r\n"), ids=("http", "binary", "tls_in_tls", "half_a_start_line", "endless_start_line"))
def test_garbage_is_cut(lab, junk):
	since = lab.edge.mark()
	with lab.connect(PUBLIC) as c:
		try:
			c.send(junk)
		except Closed:
			pass
		c.wait_closed()
		assert c.raw.count(b"SIP/2.0 ") <= 1, c.raw
	wait_until("a reason in the log", lambda: [l for l in lab.edge.lines(since) if l.get("reason", "").startswith("sip.")], 5)
	still_serving(lab)


def test_plain_text_on_a_tls_port(lab):
	since = lab.edge.mark()
	with lab.connect(PUBLIC, tls=False) as c:
		c.send(options())
		c.wait_closed()
		assert b"SIP/2.0" not in c.raw
	lab.edge.wait_line(since, reason="tls.handshake")


def test_missing_content_length(lab):
	with lab.connect(PUBLIC) as c:
		c.send(options().replace(b"Content-Length: 0\r\n", b""))
		assert c.final().status == 400
		c.wait_closed()


def test_two_content_lengths_that_differ(lab):
	with lab.connect(PUBLIC) as c:
		c.send(options().replace(b"Content-Length: 0\r\n", b"Content-Length: 0\r\nContent-Length: 10\r\n"))
		c.wait_closed()
	still_serving(lab)


@pytest.mark.parametrize("value", (b"99999999999999999999", b"-1", b"0x10", b"1e3", b"300000"))
def test_content_length_beyond_reason(lab, value):
	with lab.connect(PUBLIC) as c:
		c.send(options().replace(b"Content-Length: 0\r\n", b"Content-Length: " + value + b"\r\n"))
		c.wait_closed()
		assert not c.raw or c.raw.startswith((b"SIP/2.0 400", b"SIP/2.0 413")), c.raw
	still_serving(lab)


def test_too_many_headers(lab):
	with lab.connect(PUBLIC) as c:
		try:
			c.send(options(extra=[(f"X-{i}", "y") for i in range(2000)]))
		except Closed:
			pass
		c.wait_closed()
		assert not c.raw or c.raw.startswith((b"SIP/2.0 400", b"SIP/2.0 413")), c.raw
	still_serving(lab)


def test_split_at_every_byte_and_pipelined(lab):
	"""However the bytes are cut, the same messages come out."""
	ids = [f"{new_id()}@lab" for _ in range(20)]
	whole = b"".join(options(call_id=i) + b"\r\n\r\n" for i in ids)
	with lab.connect(PUBLIC, source=50) as c:
		c.send(whole)
		assert {c.final(timeout=10).call_id for _ in ids} == set(ids)
		one = options(call_id="split@lab")
		for i in range(len(one)):
			c.send(one[i:i + 1])
		assert c.final("split@lab").status == 200
		wait_until("pongs", lambda: c.pongs >= len(ids), 5)  # every CRLFCRLF is a ping


@pytest.mark.parametrize("change, status", (
	(dict(ruri="tel:+15551234567"), 416),
	(dict(ruri="http://example.com/"), 416),
	(dict(extra=[("Proxy-Require", "nonsense")], ruri=f"sip:desk@{OURS}"), 420),
	(dict(ruri=f"sip:desk@{OURS}", max_forwards=0), 483),
), ids=("tel", "http", "proxy_require", "max_forwards"))
def test_answers_of_the_standard(lab, change, status):
	with lab.as_zoneb() as c:
		method = "MESSAGE"
		answer = c.ask(request(method, **{**OPTIONS, "from_": f"sip:zoneb@{ZONEB}", **change}))
		assert answer.status == status
		if status == 420:
			assert answer.get("unsupported") == "nonsense"
		assert answer.get("cseq").endswith(method) and answer.tag("to"), "the answer carries a tag of its own"


def test_wrong_version(lab):
	with lab.connect(PUBLIC) as c:
		c.send(options().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1))
		assert c.final().status == 505


@pytest.mark.parametrize("lacking", ("from", "to", "call-id", "cseq", "via"))
def test_mandatory_header_missing(lab, lacking):
	head, _, _ = options().partition(b"\r\n\r\n")
	lines = [l for l in head.split(b"\r\n") if not l.lower().startswith(lacking.encode() + b":")]
	with lab.connect(PUBLIC, source=50) as c:
		c.send(b"\r\n".join(lines) + b"\r\n\r\n")
		c.send(options(call_id="after@lab"))
		try:
			m = c.final()
			assert m.status == 400 or m.call_id == "after@lab", m
		except Closed:
			pass
	still_serving(lab)


def test_contradicting_cseq_and_two_froms(lab):
	with lab.connect(PUBLIC, source=50) as c:
		for bad in (options().replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), options(extra=[("From", "<sip:second@stranger.example>;tag=2")])):
			c.send(bad)
			assert c.final().status == 400


def test_strikes_cut_the_line(lab):
	"""Five malformed messages within a minute are enough."""
	since = lab.edge.mark()
	with lab.connect(PUBLIC) as c:
		for i in range(12):
			try:
				c.send(options(extra=[("From", "<sip:second@stranger.example>;tag=2")]))
				c.final(timeout=5)
			except (Closed, TimeoutError):
				break
		c.wait_closed()
	lab.edge.wait_line(since, reason="sip.strikes")
	still_serving(lab)


def test_half_a_message_then_gone(lab):
	since = lab.edge.mark()
	with lab.connect(PUBLIC) as c:
		c.send(options()[:100])
	lab.edge.wait_line(since, reason="conn.truncated")
	still_serving(lab)


def test_stray_and_forged_responses_go_nowhere(lab):
	with lab.connect(PUBLIC) as c:
		c.send(build("SIP/2.0 200 OK", [("Via", f"SIP/2.0/TLS edge.{OURS}:5065;branch=z9hG4bKforged"), ("From", "<sip:a@b>;tag=1"),
			("To", "<sip:c@d>;tag=2"), ("Call-ID", "forged"), ("CSeq", "1 INVITE")]))
		assert c.ask(options()).status == 200


def test_slow_loris(lab):
	"""A message has to be complete in time, and so has a handshake."""
	def hurry(config):
		config["limits"].update(message_time="500ms", handshake_time="500ms")
	edge = lab.start_edge("hurry", hurry, lab.ip(12), prove=())
	try:
		since = edge.mark()
		with lab.connect(PUBLIC, where=12) as c:
			c.send(options()[:60])
			c.wait_closed(5)
		edge.wait_line(since, reason="conn.slow")
		with lab.connect(PUBLIC, where=12, tls=False) as c:
			c.wait_closed(5)
		edge.wait_line(since, reason="tls.timeout")
		edge.wait_nothing_held()
	finally:
		lab.stop_edge(edge)


def test_one_source_cannot_take_all_connections(lab):
	def few(config):
		config["limits"].update(connections_per_source=5)
	edge = lab.start_edge("few", few, lab.ip(13), prove=())
	conns = []
	try:
		since = edge.mark()
		for _ in range(8):
			try:
				conns.append(lab.connect(PUBLIC, where=13))
			except Closed:
				pass
		edge.wait_line(since, reason="conn.source-limit")
		with lab.connect(PUBLIC, where=13, source=50) as other:
			assert other.ask(options()).status == 200
	finally:
		for c in conns:
			c.close()
		lab.stop_edge(edge)


def test_clients_wait_for_room_and_are_not_refused(lab):
	"""As many silent connections as there may be handshakes: valid clients wait for their places, of all listeners in turn."""
	def few(config):
		config["limits"].update(handshakes=4, handshake_time="1s")
	edge = lab.start_edge("room", few, lab.ip(15), prove=())
	silent = []
	try:
		since = edge.mark()
		silent += [lab.connect(PUBLIC, where=15, tls=False, source=51) for _ in range(9)]
		edge.wait_line(since, event="listen.full")
		with ThreadPoolExecutor(40) as pool:
			def one(i):
				with lab.connect((PUBLIC, MUTUAL)[i % 2], "partner", where=15, timeout=20) as c:
					return c.ask(options()).status
			assert list(pool.map(one, range(40))) == [200] * 40
		edge.wait_nothing_held()
		refused = [l["reason"] for l in edge.lines(since) if l.get("event") == "conn.refused"]
		assert refused == ["tls.timeout"] * 9, refused
		assert len([l for l in edge.lines(since) if l.get("event") == "listen.full"]) == 1
		assert edge.status()["counts"]["handshakes"] == 0
	finally:
		for c in silent:
			c.close()
		lab.stop_edge(edge)


def test_a_flood_of_invites_is_bounded(lab):
	def small(config):
		config["limits"].update(transactions=50)
	edge = lab.start_edge("small", small, lab.ip(14))
	lab.desk.invite = "silent"
	try:
		with lab.connect(MUTUAL, "zoneb", source=41, where=14) as c:
			for i in range(200):
				c.send(request("INVITE", f"sip:desk@{OURS}", f"sip:zoneb@{ZONEB}", f"sip:desk@{OURS}", call_id=f"flood{i}@lab",
					contact=f"sip:z@{lab.ip(41)}:5061;transport=tls", body=offer(lab.ip(41))))
			assert c.final(timeout=10).status == 503
			assert edge.counts()["transactions"] <= 100
	finally:
		lab.stop_edge(edge)
