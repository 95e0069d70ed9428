# SPDX-License-Identifier: Apache-2.0
"""What a proxy does to a message on its way, hop by hop: RFC 3261 16, 17, and RFC 3264 between two sides."""
import re
import time

import pytest

from lab.net import wait_until
from lab.rtp import Endpoint, audio_of, offer
from lab.sipraw import build, new_id, request, response, uri_of
from lab.world import INSIDE, MUTUAL, OURS, ZONEB

WHERE = 75
DESK, AS_ZONEB, AS_DESK = f"sip:desk@{OURS}", f"sip:zoneb@{ZONEB}", f"sip:desk@{OURS}"


@pytest.fixture(scope="module")
def edge(world):
	"""A daemon on which the desk may call itself, and which lets nothing ring for longer than two seconds."""
	def change(config):
		config["limits"]["timer_c"] = "2s"
		config["routes"].insert(0, {"name": "desk-desk", "from": ["desk"], "domain": "local", "user": "desk*", "to": "desk"})
		next(z for z in config["zones"] if z["name"] == "desk")["trusted_identity"] = True
	e = world.start_edge("protocol", change, world.ip(WHERE))
	yield e
	world.stop_edge(e)


@pytest.fixture
def zoneb(lab, edge):
	with lab.connect(MUTUAL, "zoneb", source=41, where=WHERE) as c:
		yield c


@pytest.fixture
def desk(lab, edge):
	with lab.connect(INSIDE, lab.desk_cert, source=32, where=WHERE) as c:
		yield c


@pytest.fixture
def media(lab):
	m = Endpoint(lab.ip(41))
	yield m
	m.close()


def message(lab, c, **more):
	"""A MESSAGE from zone B; its answer, and what the desk saw of it."""
	call_id = f"{new_id()}@lab"
	answer = c.ask(request("MESSAGE", DESK, AS_ZONEB, DESK, call_id, via=f"{lab.ip(41)}:{c.local[1]}", **more))
	assert answer.status == 200, answer
	return answer, lab.desk.wait(call_id, "MESSAGE")


def test_46_max_forwards_counts_down(lab, zoneb):
	assert message(lab, zoneb, max_forwards=10)[1].get("max-forwards") == "9"
	assert message(lab, zoneb, max_forwards=None)[1].get("max-forwards") == "70"


def test_47_a_loop_is_482_and_a_spiral_passes(lab, desk):
	call_id = f"{new_id()}@lab"
	desk.send(request("MESSAGE", DESK, AS_DESK, DESK, call_id, from_tag="ft"))
	seen = lab.desk.wait(call_id, "MESSAGE")
	def back(ruri):
		"""What the desk saw, sent on by it unchanged but for the Request-URI."""
		headers = [("Via", f"SIP/2.0/TLS {lab.ip(32)}:5061;branch=z9hG4bK{new_id()}"), *((n, v) for n, v in seen.headers if n != "content-length")]
		return build(f"MESSAGE {ruri} SIP/2.0", headers)
	desk.send(back(DESK))
	answers = [desk.final(call_id) for _ in range(2)]
	assert sorted(m.status for m in answers) == [200, 482], answers
	desk.send(back(f"sip:desk2@{OURS}"))
	assert desk.final(call_id).status == 200


def test_53_between_equal_sides_there_is_one_record_route(lab, desk):
	lab.desk.invite = "busy"
	call = lab.call(desk, DESK, AS_DESK).invite(offer(lab.ip(32)))
	assert call.wait().status == 486
	routes = lab.desk.wait(call.call_id, "INVITE").uris("record-route")
	assert len(routes) == 1 and f":{INSIDE};" in routes[0] and "r2=on" not in routes[0], routes


def test_54_a_strict_router_comes_next(lab, desk):
	"""A Route without lr becomes the Request-URI, and that goes to the end of the set."""
	call_id = f"{new_id()}@lab"
	strict = f"sip:strict@{lab.ip(32)}:5061;transport=tls"
	assert desk.ask(request("MESSAGE", DESK, AS_DESK, DESK, call_id, routes=[f"<{strict}>", "<sip:later.example.com;lr>"])).status == 200
	seen = lab.desk.wait(call_id, "MESSAGE")
	assert seen.ruri == strict
	assert [uri_of(r) for r in seen.uris("route")] == ["sip:later.example.com;lr", DESK]


def test_54_a_strict_router_came_before(lab, zoneb):
	"""It put our Record-Route into the Request-URI, and the real one to the end of the set."""
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	assert call.wait().status == 200
	contact, (first, *rest) = call.remote, call.routes
	call.remote, call.routes = uri_of(first), [*rest, f"<{contact}>"]
	assert call.bye().status == 200
	bye = lab.desk.wait(call.call_id, "BYE")
	assert bye.ruri == contact and not bye.uris("route"), bye.raw


def test_55_received_and_rport_tell_where_it_came_from(lab, zoneb):
	def second_via(via):
		answer, seen = message_via(lab, zoneb, via)
		assert answer.all("via") == [seen.all("via")[1]], "it comes back as it went on"
		return seen.all("via")[1]
	via = second_via(f"SIP/2.0/TLS phone.{ZONEB}:5061;branch=z9hG4bK{new_id()};rport")
	assert f";received={lab.ip(41)}" in via and f";rport={zoneb.local[1]}" in via, via
	via = second_via(f"SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK{new_id()};received=192.0.2.9")
	assert f";received={lab.ip(41)}" in via and "192.0.2.9" not in via, via
	via = second_via(f"SIP/2.0/TLS {lab.ip(41)}:5061;branch=z9hG4bK{new_id()};received=192.0.2.9")
	assert "192.0.2.9" not in via and "rport" not in via, via


def message_via(lab, c, via):
	call_id = f"{new_id()}@lab"
	answer = c.ask(build(f"MESSAGE {DESK} SIP/2.0", [("Via", via), ("Max-Forwards", "70"), ("From", f"<{AS_ZONEB}>;tag=1"), ("To", f"<{DESK}>"),
		("Call-ID", call_id), ("CSeq", "1 MESSAGE")]))
	assert answer.status == 200, answer
	return answer, lab.desk.wait(call_id, "MESSAGE")


def test_56_an_answer_takes_the_connection_of_its_request(lab, edge):
	lab.desk.others = None
	def connection():
		return lab.connect(MUTUAL, "zoneb", source=41, where=WHERE)
	with connection() as one, connection() as two:
		call_id = f"{new_id()}@lab"
		one.send(request("MESSAGE", DESK, AS_ZONEB, DESK, call_id, via=f"{lab.ip(41)}:{two.local[1]}"))
		lab.desk.reply(lab.desk.wait(call_id, "MESSAGE"), 200)
		assert one.final(call_id).status == 200
		assert two.inbox.empty()


def test_57_trying_at_once_and_that_of_the_next_hop_stays(lab, zoneb):
	lab.desk.invite = "silent"
	begin = time.monotonic()
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	assert zoneb.recv().status == 100
	assert time.monotonic() - begin < 0.2
	invite = lab.desk.wait(call.call_id, "INVITE")
	lab.desk.reply(invite, 100)
	lab.desk.reply(invite, 183)
	lab.desk.reply(invite, 486)
	assert call.wait().status == 486
	assert [m.status for m in call.provisional] == [183]


def test_58_every_200_passes(lab, zoneb):
	"""The called repeats its 200: the caller sees it again, and its second ACK arrives, too."""
	lab.desk.invite = "silent"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	invite = lab.desk.wait(call.call_id, "INVITE")
	for n in (1, 2):
		lab.desk.reply(invite, 200, offer(lab.ip(32)))
		assert call.wait().status == 200
		wait_until(f"{n} ACK at the desk", lambda: len(lab.desk.seen(call.call_id, "ACK")) == n, 5)
	assert call.bye().status == 200


def test_59_an_ack_to_a_failure_goes_one_hop(lab, zoneb):
	lab.desk.invite = "busy"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	assert call.wait().status == 486
	ack = lab.desk.wait(call.call_id, "ACK")
	invite = lab.desk.seen(call.call_id, "INVITE")[0]
	assert len(ack.all("via")) == 1 and ack.all("via")[0] == invite.all("via")[0], "made by us, in the transaction of our INVITE"
	lab.desk.invite = "answer"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	assert call.wait().status == 200
	ack = lab.desk.wait(call.call_id, "ACK")
	assert len(ack.all("via")) == 2 and not ack.uris("route"), "the caller's own, passed on"
	assert call.bye().status == 200
	assert len(lab.desk.seen(call.call_id, "ACK")) == 1


def test_60_a_cancel_waits_for_a_provisional(lab, zoneb):
	lab.desk.invite = "silent"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	invite = lab.desk.wait(call.call_id, "INVITE")
	call.cancel()
	assert zoneb.final(call.call_id, method="CANCEL").status == 200
	assert message(lab, zoneb)[0].status == 200  # by now a CANCEL would have come
	assert not lab.desk.seen(call.call_id, "CANCEL")
	lab.desk.reply(invite, 180)
	cancel = lab.desk.wait(call.call_id, "CANCEL")
	assert cancel.all("via") == [invite.all("via")[0]] and cancel.ruri == invite.ruri and cancel.cseq == (1, "CANCEL")
	assert call.wait().status == 487


def test_60_a_cancel_of_nothing_is_481(lab, zoneb):
	assert zoneb.ask(request("CANCEL", DESK, AS_ZONEB, DESK)).status == 481


def test_61_timer_c_ends_what_rings_for_too_long(lab, zoneb):
	lab.desk.invite = "ring"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
	assert call.wait().status == 408
	lab.desk.wait(call.call_id, "CANCEL")


def test_67_asserted_identity_only_from_whom_we_trust(lab, zoneb, desk):
	claims = [("P-Asserted-Identity", "<sip:boss@example.com>"), ("P-Preferred-Identity", "<sip:boss@example.com>"),
		("Remote-Party-ID", "<sip:boss@example.com>;party=calling")]
	_, seen = message(lab, zoneb, extra=claims)
	assert not [n for n, _ in seen.headers if n in [c.lower() for c, _ in claims]], seen.raw
	own = ("P-Asserted-Identity", f"<sip:desk@{OURS}>")
	call_id = f"{new_id()}@lab"
	assert desk.ask(request("MESSAGE", DESK, AS_DESK, DESK, call_id, extra=[own, ("Privacy", "id")])).status == 200
	assert lab.desk.wait(call_id, "MESSAGE").get(own[0]) == own[1], "between trusted sides it stays"
	for privacy, stays in (([], True), ([("Privacy", "id")], False)):
		call_id = f"{new_id()}@lab"
		assert desk.ask(request("MESSAGE", AS_ZONEB, AS_DESK, AS_ZONEB, call_id, extra=[own, *privacy])).status == 200
		assert bool(lab.zoneb.wait(call_id, "MESSAGE").get(own[0])) == stays, privacy


def test_72_a_display_name_that_shows_somebody_else_is_replaced(lab, zoneb):
	for shown, stays in (("Alice", True), (f"alice@{OURS}", False), (f"sip:alice@{OURS}", False), (OURS, False)):
		call_id = f"{new_id()}@lab"
		assert zoneb.ask(request("MESSAGE", DESK, f'"{shown}" <{AS_ZONEB}>', DESK, call_id, from_tag="t")).status == 200
		seen = lab.desk.wait(call_id, "MESSAGE").get("from")
		assert (f'"{shown}"' in seen) == stays and f"<{AS_ZONEB}>;tag=t" in seen, seen


# --- offer and answer ---

def test_78_lines_without_port_keep_their_place_and_cost_nothing(lab, zoneb, edge):
	before = edge.counts()["pinholes"]
	sdp = offer(lab.ip(41)) + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 40010 RTP/AVP 8\r\n"
	lab.desk.invite = "silent"
	call = lab.call(zoneb, DESK, AS_ZONEB).invite(sdp)
	invite = lab.desk.wait(call.call_id, "INVITE")
	lines = re.findall(r"(?m)^m=(\w+) (\d+)", invite.body.decode())
	assert [m for m, _ in lines] == ["audio", "video", "audio"] and lines[1][1] == "0" and "0" not in (lines[0][1], lines[2][1]), lines
	back = offer(lab.ip(32)) + "m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/AVP 8\r\n"
	lab.desk.reply(invite, 200, back)
	answer = call.wait()
	lines = re.findall(r"(?m)^m=(\w+) (\d+)", answer.body.decode())
	assert [p == "0" for _, p in lines] == [False, True, True], lines
	wait_until("the declined stream's pinholes to go", lambda: edge.counts()["pinholes"] == before + 2, 5)
	assert call.bye().status == 200


def test_80_an_offer_in_the_200_and_the_answer_in_the_ack(lab, zoneb, media):
	lab.desk.invite = "silent"
	call = lab.call(zoneb, DESK, AS_ZONEB, media=media).invite("")
	invite = lab.desk.wait(call.call_id, "INVITE")
	assert not invite.body
	lab.desk.reply(invite, 200, lab.rtp_desk.sdp())
	answer = zoneb.final(call.call_id)
	assert audio_of(answer.body)[0] == lab.ip(WHERE)
	media.remote_from(answer.body)
	call.to_tag, call.routes, call.remote = answer.tag("to"), list(reversed(answer.uris("record-route"))), uri_of(answer.get("contact"))
	zoneb.send(call._request("ACK", cseq=1, body=media.sdp()))
	ack = lab.desk.wait(call.call_id, "ACK")
	assert audio_of(ack.body)[0] == lab.ip(WHERE)
	lab.rtp_desk.remote_from(ack.body)
	media.wait(20)
	lab.rtp_desk.wait(20)
	assert call.bye().status == 200


def test_89_a_refused_offer_leaves_everything_as_it_was(lab, zoneb, desk, media, edge):
	call = lab.call(zoneb, DESK, AS_ZONEB, media=media).invite()
	assert call.wait().status == 200
	media.wait(10)
	pinholes, remote = edge.counts()["pinholes"], media.remote
	lab.desk.invite = 488
	assert call.ask("INVITE", body=offer(lab.ip(41), 40100)).status == 488
	received = media.received
	wait_until("audio where it went before", lambda: media.received > received + 10, 5)
	lab.rtp_desk.wait(10)
	assert (edge.counts()["pinholes"], media.remote) == (pinholes, remote)
	# and the other side may offer: nothing of the refused one is pending
	invite = lab.desk.seen(call.call_id, "INVITE")[0]
	def from_desk(method, n, body=""):
		desk.send(request(method, uri_of(invite.get("contact")), invite.get("to"), invite.get("from"), call.call_id, n, contact=lab.desk.contact,
			routes=invite.uris("record-route"), from_tag=lab.desk.tag, body=body))
	for n, method in enumerate(("INVITE", "BYE"), 1):
		from_desk(method, n, lab.rtp_desk.sdp() if method == "INVITE" else "")
		seen = zoneb.recv()
		assert seen.method == method, seen
		zoneb.send(response(seen, 200, contact=call.contact, body=media.sdp() if method == "INVITE" else ""))
		assert desk.final(call.call_id).status == 200
		if method == "INVITE":
			from_desk("ACK", n)
			assert zoneb.recv().method == "ACK"


def test_91_no_ports_left_is_503(lab, zoneb):
	"""Room for one audio call on one address: the second is refused; when the first has ended its ports still rest."""
	def change(config):
		config["media"].update(ports="36000-36003", quarantine="60s")
		config["limits"]["calls"] = 10
	edge = lab.start_edge("narrow", change, lab.ip(76))
	try:
		with lab.connect(MUTUAL, "zoneb", source=41, where=76) as c:
			one = lab.call(c, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
			assert one.wait().status == 200
			for _ in range(2):
				since = edge.mark()
				two = lab.call(c, DESK, AS_ZONEB).invite(offer(lab.ip(41)))
				answer = two.wait()
				assert answer.status == 503 and answer.get("retry-after"), answer
				assert not lab.desk.seen(two.call_id)
				edge.wait_line(since, event="request.refused", reason="media.ports")
				if one.cseq == 1:
					assert one.bye().status == 200
	finally:
		lab.stop_edge(edge)
