# SPDX-License-Identifier: Apache-2.0
"""Start, reload, drain, and being killed: what happens to the calls."""
import os
import signal

import pytest

from lab import proc
from lab.net import accepts, wait_until
from lab.rtp import Endpoint, offer
from lab.sipraw import Closed, request
from lab.world import INSIDE, MUTUAL, OURS, PARTNER, PUBLIC, ZONEB, copy_of


@pytest.fixture
def edge(lab, request):
	"""A daemon that may be hurt, at an address of its own."""
	e = lab.start_edge("victim", None, lab.ip(70))
	yield e
	lab.stop_edge(e)


@pytest.fixture
def media(lab):
	m = Endpoint(lab.ip(41))
	yield m
	m.close()


def call_desk(lab, c, media):
	call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=media).invite()
	assert call.wait().status == 200
	media.wait(10)
	return call


def as_zoneb(lab):
	return lab.connect(MUTUAL, "zoneb", source=41, where=70)


def test_nothing_is_left_after_calls_of_every_ending(lab, edge, media):
	with as_zoneb(lab) as c, lab.connect(INSIDE, lab.desk_cert, source=32, where=70):
		call_desk(lab, c, media).bye()
		lab.desk.invite = "busy"
		assert lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41))).wait().status == 486
		lab.desk.invite = "ring"
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41)))
		call.wait_provisional(180)
		call.cancel()
		assert call.wait().status == 487
		assert lab.call(c, f"nobody@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41))).wait().status == 404
	for conn in lab.desk.conns + lab.zoneb.conns:
		conn.close()
	edge.wait_nothing_held()


def test_status_shows_what_is(lab, edge, media):
	with as_zoneb(lab) as c:
		call = call_desk(lab, c, media)
		text = edge.command("status").stdout
		for word in ("public", "mutual", "inside", "partner", "zoneb", "desk", "internet", str(MUTUAL)):
			assert word in text, text
		counts = edge.counts()
		assert counts["calls"] == 1 and counts["connections"] == 2 and counts["pinholes"] >= 2, counts
		assert call.call_id in str(edge.status()) or edge.status()["calls"], "the call is shown"
		call.bye()


def test_sigterm_drains(lab, edge, media):
	with as_zoneb(lab) as c:
		call = call_desk(lab, c, media)
		edge.proc.kill(signal.SIGTERM)
		edge.proc.wait_log("drain")
		answer = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41))).wait()
		assert answer.status == 503, "a draining daemon takes no new call"
		media.wait(10)
		assert call.ask("INFO").status == 200
		assert edge.proc.running()
		assert call.bye().status == 200
		assert edge.proc.wait(10) == 0
	assert not accepts(lab.ip(70), PUBLIC)


def test_second_sigterm_stops_at_once(lab, edge, media):
	with as_zoneb(lab) as c:
		call_desk(lab, c, media)
		edge.proc.kill(signal.SIGTERM)
		edge.proc.wait_log("drain")
		edge.proc.kill(signal.SIGTERM)
		assert edge.proc.wait(10) == 0
		c.wait_closed()


def test_reload_keeps_calls_and_applies_the_new_rules(lab, edge, media):
	with as_zoneb(lab) as c, lab.connect(MUTUAL, "partner", where=70) as gone:
		call = call_desk(lab, c, media)
		before = copy_of(edge.config)
		edge.config["routes"] = [r for r in edge.config["routes"] if r["name"] != "to-lines"]
		edge.config["zones"] = [z for z in edge.config["zones"] if z["name"] != "partner"]
		edge.config["routes"] = [r for r in edge.config["routes"] if r["to"] != "partner"]
		for r in edge.config["routes"]:
			r["from"] = [z for z in r["from"] if z != "partner"]
		edge.write()
		since = edge.mark()
		edge.proc.kill(signal.SIGHUP)
		edge.wait_line(since, reason="conn.revoked")
		gone.wait_closed()  # no zone admits it any more
		media.wait(10)
		assert call.ask("INFO").status == 200
		with pytest.raises((Closed, TimeoutError)):
			with lab.connect(MUTUAL, "partner", where=70) as again:
				again.ask(request("OPTIONS", f"sip:{OURS}", f"sip:x@{PARTNER}", f"sip:{OURS}"), timeout=5)
		assert call.bye().status == 200
		edge.config = before


def test_reload_of_a_bad_configuration_changes_nothing(lab, edge, media):
	with as_zoneb(lab) as c:
		call = call_desk(lab, c, media)
		with open(edge.path, "a") as f:
			f.write("zoness = ();\n")
		since = edge.mark()
		edge.proc.kill(signal.SIGHUP)
		wait_until("the error in the log", lambda: "zoness" in edge.proc.text(since), 10)
		media.wait(10)
		assert call.bye().status == 200
		with as_zoneb(lab) as c2:
			call_desk(lab, c2, media).bye()


def test_the_reload_command_says_how_it_went(lab, edge):
	def reload():  # by the socket: the command itself must not stumble over the bad file
		return proc.run([edge.cli, "-s", edge.socket, "reload"], timeout=30, check=False)
	assert reload().stdout == "reloaded\n"
	good = open(edge.path).read()
	try:
		with open(edge.path, "a") as f:
			f.write("zoness = ();\n")
		refused = reload()
		assert refused.returncode == 2 and "zoness" in refused.stdout
		with open(edge.path, "w") as f:
			f.write(good.replace("edge-rsa.key", "nowhere.key"))  # only the edge, which reads keys, can find this out
		refused = reload()
		assert refused.returncode == 2 and "nowhere.key" in refused.stdout
	finally:
		edge.write()
	assert reload().returncode == 0


def test_srtp_keys_are_in_no_log(lab, edge, media):
	key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNl"
	edge.command("log", "trace")
	with as_zoneb(lab) as c:
		sdp = media.sdp(media="RTP/SAVP", extra=[f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}"])
		since = edge.mark()
		lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(sdp).wait()
		edge.wait_line(since, event="sip.out")
	edge.command("log", "debug")
	assert key not in edge.proc.text(0)


def test_kill_9_of_the_edge(lab, edge, media):
	"""It comes back by itself and takes calls; the audio of the call it forgot goes on, and its pinholes close when that ends."""
	with as_zoneb(lab) as c:
		call_desk(lab, c, media)
		since = edge.mark()
		os.kill(edge.child("edge"), signal.SIGKILL)
		c.wait_closed()
		edge.proc.wait_log(r"event=edge\.ready", 20, start=since)
	media.wait(20)
	media.sending = lab.rtp_desk.sending = False
	other = Endpoint(lab.ip(41))
	try:
		with as_zoneb(lab) as c:
			call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=other).invite()
			assert call.wait().status == 200
			lab.rtp_desk.sending = True
			other.wait(10)
			assert call.bye().status == 200
	finally:
		other.close()
		lab.rtp_desk.sending, lab.rtp_desk.remote = True, None
	for conn in lab.desk.conns:
		conn.close()
	edge.wait_nothing_held(timeout=90)


def test_kill_9_of_the_media_process(lab, edge, media):
	"""It comes back by itself, and the edge puts the calls back on the ports they had: the audio goes on."""
	with as_zoneb(lab) as c:
		call = call_desk(lab, c, media)
		killed = edge.child("media")
		since = edge.mark()
		os.kill(killed, signal.SIGKILL)
		edge.wait_line(since, event="child.exited", child="media")
		edge.wait_line(since, event="media.started")
		media.wait(20)
		assert edge.child("media") != killed
		call_desk(lab, c, media).bye()
		assert call.bye().status == 200
	for conn in lab.desk.conns:
		conn.close()
	edge.wait_nothing_held(timeout=30)


def test_the_children_are_not_root_and_may_gain_nothing(lab, edge):
	if os.geteuid() != 0:
		pytest.skip("not started as root")
	for name in ("edge", "media"):
		status = open(f"/proc/{edge.child(name)}/status").read()
		fields = dict(l.split(":\t", 1) for l in status.splitlines() if ":\t" in l)
		assert set(fields["Uid"].split()) != {"0"}, name
		assert fields["NoNewPrivs"].strip() == "1", name
		assert int(fields["CapEff"], 16) == 0, name


def test_check_reports_all_errors_with_their_lines(lab, tmp_path):
	bad = tmp_path / "bad.conf"
	bad.write_text('node = { host = "edge.example.com"; statedir = "/x"; };\nlisteners = (\n { name = "a"; transport = "mtsl"; addresses = ["127.0.0.1"]; }\n);\n')
	r = proc.run([lab.edge.daemon, "-f", str(bad), "--check"], check=False)
	said = r.stdout + r.stderr
	assert r.returncode == 2, said
	assert "bad.conf:1" in said and "state_dir" in said, said
	assert "bad.conf:3" in said and "mtls" in said, said


def test_check_and_dump_of_a_good_configuration(lab, edge):
	r = proc.run([edge.daemon, "-f", edge.path, "--check"])
	assert "calls" in r.stdout + r.stderr, "the capacity of the port range is told"
	dump = proc.run([edge.daemon, "-f", edge.path, "--dump-config"]).stdout
	again = f"{edge.dir}/dump.conf"
	with open(again, "w") as f:
		f.write(dump)
	proc.run([edge.daemon, "-f", again, "--check"])


def test_a_port_that_is_taken_stops_the_start(lab, edge):
	"""A configuration that cannot be honoured never half-starts."""
	config = copy_of(edge.config)
	config["node"].update(state_dir=f"{edge.dir}/second", control=f"{edge.dir}/second/control")
	from lab.sipward import Sipwardd
	os.makedirs(f"{edge.dir}/second", exist_ok=True)
	second = Sipwardd(f"{edge.dir}/second", config)
	p = proc.Proc("second sipwardd", [second.daemon, "-f", second.path, "-D"], f"{edge.dir}/second/log")
	assert p.wait(15) == 71, p.tail()
	assert not [l for l in p.text().splitlines() if "edge.ready" in l]
	p.stop()
