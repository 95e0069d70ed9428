# SPDX-License-Identifier: Apache-2.0
"""Calls that go through, and everything that happens inside them."""
import re

import pytest

from lab.rtp import Endpoint, audio_of, offer
from lab.scenarios import baresip_remote
from lab.sipraw import request, response
from lab.world import OURS, PARTNER, ZONEB


@pytest.fixture
def caller_media(lab):
	m = Endpoint(lab.ip(41))
	yield m
	m.close()


@pytest.fixture
def zoneb_call(lab, caller_media):
	"""An answered call from zone B to the desk, with audio."""
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=caller_media).invite()
		assert call.wait().status == 200
		yield call


def test_cancel_by_the_caller(lab):
	lab.far.invite = "ring"
	lab.alice.dial(f"sip:far@{PARTNER}")
	lab.alice.wait_event("CALL_RINGING")
	call_id = lab.far.requests[-1].call_id
	lab.alice.hangup()
	lab.far.wait(call_id, "CANCEL")
	lab.far.wait(call_id, "ACK")  # to the 487
	lab.edge.wait_nothing_held(connections=False)


def test_cancel_from_outside(lab):
	lab.desk.invite = "ring"
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41)))
		call.wait_provisional(180)
		call.cancel()
		assert c.final(call.call_id, method="CANCEL").status == 200
		assert call.wait().status == 487
		lab.desk.wait(call.call_id, "CANCEL")
		lab.edge.wait_nothing_held(connections=False)


def test_busy(lab):
	lab.far.invite = "busy"
	lab.alice.dial(f"sip:far@{PARTNER}")
	assert "486" in lab.alice.wait_event("CALL_CLOSED")["param"]
	lab.edge.wait_nothing_held(connections=False)


def test_hold_and_resume_keep_the_pinholes(lab):
	lab.bob.mark()
	lab.alice.dial(f"sip:bob@{PARTNER}")
	lab.alice.wait_event("CALL_ESTABLISHED")
	lab.bob.wait_event("CALL_ESTABLISHED")
	lab.alice.wait_rtp(10)
	before, pinholes = baresip_remote(lab.alice), lab.edge.counts()["pinholes"]
	lab.bob.mark()
	lab.alice.command("hold")
	lab.bob.wait_event("CALL_REMOTE_SDP")
	lab.alice.mark()
	lab.bob.mark()
	lab.alice.command("resume")
	lab.bob.wait_event("CALL_REMOTE_SDP")
	lab.alice.wait_event("CALL_REMOTE_SDP")
	lab.alice.wait_rtp(10)
	lab.bob.wait_rtp(10)
	assert baresip_remote(lab.alice) == before
	assert lab.edge.counts()["pinholes"] == pinholes
	lab.alice.hangup()
	lab.bob.wait_event("CALL_CLOSED")


@pytest.mark.parametrize("caller_inside", (False, True), ids=("from_outside", "from_inside"))
def test_info_update_reinvite_refer_message_in_dialog(lab, caller_inside):
	called = lab.sipp_called(f"called-{caller_inside}", inside=not caller_inside)
	caller = lab.sipp_caller(f"caller-{caller_inside}", inside=caller_inside)
	try:
		caller.finish()
		called.finish()
	finally:
		caller.stop()
		called.stop()
	lab.edge.wait_nothing_held(connections=False)


def test_prack_and_early_update(lab, caller_media):
	"""Reliable 183 with the answer in it, PRACK, UPDATE before the final answer: RSeq, RAck and SDP arrive."""
	lab.desk.invite = "silent"
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=caller_media).invite(extra=[("Supported", "100rel")])
		invite = lab.desk.wait(call.call_id, "INVITE")
		lab.rtp_desk.remote_from(invite.body)
		lab.desk.reply(invite, 183, lab.rtp_desk.sdp(), [("Require", "100rel"), ("RSeq", "7")])
		early = call.wait_provisional(183)
		assert early.get("rseq") == "7" and early.get("require") == "100rel"
		assert audio_of(early.body)[0] == lab.ip(10)
		caller_media.remote_from(early.body)
		call.to_tag, call.routes = early.tag("to"), list(reversed(early.uris("record-route")))
		call.remote = re.search(r"<([^>]*)>", early.get("contact"))[1]
		assert call.ask("PRACK", extra=[("RAck", "7 1 INVITE")]).status == 200
		assert lab.desk.wait(call.call_id, "PRACK").get("rack") == "7 1 INVITE"
		lab.desk.others = None
		c.send(call._request("UPDATE", body=caller_media.sdp()))
		update = lab.desk.wait(call.call_id, "UPDATE")
		assert audio_of(update.body)[0] == lab.ip(10)
		lab.desk.reply(update, 200, lab.rtp_desk.sdp())
		assert audio_of(c.final(call.call_id, method="UPDATE").body)[0] == lab.ip(10)
		lab.desk.others = 200
		caller_media.wait(10)  # early media
		lab.desk.reply(invite, 200)
		assert call.wait().status == 200
		lab.rtp_desk.wait(10)
		assert call.bye().status == 200


def test_the_called_ends_and_asks_too(lab, zoneb_call):
	"""In-dialog requests of the called side find their way back: INFO, re-INVITE, BYE."""
	call, c = zoneb_call, zoneb_call.conn
	invite = lab.desk.seen(call.call_id, "INVITE")[-1]
	routes = invite.uris("record-route")
	assert routes, "no Record-Route"
	contact = re.search(r"<([^>]*)>", invite.get("contact"))[1]
	with lab.as_desk() as desk:
		def ask(method, n, body=""):
			return desk.send(request(method, contact, invite.get("to"), invite.get("from"), call.call_id, n, contact=lab.desk.contact,
				routes=routes, from_tag=lab.desk.tag, body=body))
		ask("INFO", 1)
		info = c.recv()
		assert info.method == "INFO"
		c.send(response(info, 200))
		assert desk.final(call.call_id).status == 200
		ask("INVITE", 2, lab.rtp_desk.sdp())
		again = c.recv()
		assert again.method == "INVITE" and audio_of(again.body)[0] == lab.ip(10)
		c.send(response(again, 200, contact=call.contact, body=call.media.sdp()))
		assert desk.final(call.call_id).status == 200
		desk.send(request("ACK", contact, invite.get("to"), invite.get("from"), call.call_id, 2, routes=routes, from_tag=lab.desk.tag))
		assert c.recv().method == "ACK"
		call.media.wait(10)
		ask("BYE", 3)
		bye = c.recv()
		assert bye.method == "BYE"
		c.send(response(bye, 200))
		assert desk.final(call.call_id).status == 200


def test_two_record_routes_between_different_sides_and_none_left_in_the_bye(lab, zoneb_call):
	call = zoneb_call
	invite = lab.desk.seen(call.call_id, "INVITE")[-1]
	routes = invite.uris("record-route")
	assert len(routes) == 2 and all("lr" in r for r in routes), routes
	assert ":5065" in routes[0] and ":5062" in routes[1], "the outgoing side stands on top"
	assert all(f"edge.{OURS}" in r or lab.ip(10) in r for r in routes)
	assert call.bye().status == 200
	assert not lab.desk.wait(call.call_id, "BYE").uris("route")


def test_what_is_not_ours_to_change_arrives_unchanged(lab, caller_media):
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=caller_media)
		sdp = caller_media.sdp(extra=["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "a=x-unknown:kept"],
			media="RTP/SAVP")
		since = lab.edge.mark()
		call.invite(sdp, extra=[("X-Lab", "kept  as \"is\"")])
		invite = lab.desk.wait(call.call_id, "INVITE")
		assert call.wait().status == 200
		assert invite.get("x-lab") == 'kept  as "is"'
		assert invite.get("max-forwards") == "69"
		assert invite.get("from").endswith(f";tag={call.from_tag}") and invite.cseq == (1, "INVITE")
		changed = [(a, b) for a, b in zip(sdp.split("\r\n"), invite.body.decode().split("\r\n")) if a != b]
		assert {a[:2] for a, _ in changed} <= {"c=", "m=", "o="}, changed
		assert "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj" not in lab.edge.proc.text(since), "key material in the log"
		assert call.bye().status == 200


def test_ice_does_not_lead_around_the_relay(lab, caller_media):
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=caller_media)
		call.invite(caller_media.sdp(extra=["a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=rtcp-mux",
			f"a=candidate:1 1 UDP 2130706431 {lab.ip(41)} {caller_media.port} typ host"]))
		body = lab.desk.wait(call.call_id, "INVITE").body
		assert call.wait().status == 200
		assert b"candidate" not in body and b"ice-" not in body and b"a=rtcp-mux" in body, body
		assert call.bye().status == 200


def test_refused_target_and_unknown_domain(lab):
	"""The answers of the failure map: nobody at the other end, and a domain that does not exist."""
	lab.zoneb.invite = 503
	with lab.as_desk() as c:
		answer = lab.call(c, f"zoneb@{ZONEB}", f"desk@{OURS}").invite(offer(lab.ip(32))).wait()
		assert answer.status in (500, 503), answer
		lab.zoneb.invite = 603
		assert lab.call(c, f"zoneb@{ZONEB}", f"desk@{OURS}").invite(offer(lab.ip(32))).wait().status == 603
	lab.edge.wait_nothing_held(connections=False)
