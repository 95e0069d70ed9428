# SPDX-License-Identifier: Apache-2.0
"""Where calls go when there is more than one way, and how we know that one is down."""
import collections

import pytest

from lab.net import wait_until
from lab.rtp import offer
from lab.sipraw import Agent, response
from lab.world import INSIDE, LOOPBACK, OURS, PARTNER, ZONEB

WHERE = 72


class Farm:
	"""Two targets of zone B at addresses of their own, a daemon, and the desk to call from."""

	def __init__(self, lab, change=None, ips=(48, 49)):
		self.lab = lab
		self.agents = [Agent(lab.ip(n), 5061, f"farm{n}", lab.cert("zoneb"), lab.pki.root) for n in ips]
		self.edge = lab.start_edge("farm", change, lab.ip(WHERE))
		for a in self.agents:
			a.invite = 486
		self.desk = lab.connect(INSIDE, lab.desk_cert, source=32, where=WHERE)

	def call(self):
		"""One call; its final status and which agents it reached."""
		call = self.lab.call(self.desk, f"zoneb@{ZONEB}", f"desk@{OURS}").invite(offer(self.lab.ip(32)))
		status = call.wait().status
		return status, [i for i, a in enumerate(self.agents) if a.seen(call.call_id, "INVITE")]

	def close(self):
		self.desk.close()
		self.lab.stop_edge(self.edge)
		for a in self.agents:
			a.close()


@pytest.fixture
def farm(lab):
	made = []
	def make(*args, **more):
		made.append(Farm(lab, *args, **more))
		return made[-1]
	records = []
	def srv(*rows):
		"""Zone B's SRV for this test: (priority, weight, last octet)."""
		edits = [("unset", "_sips._tcp"), *(("unset", f"t{n}") for n in records)]
		records[:] = [n for _, _, n in rows]
		lab.dns.change(ZONEB, *edits, *(("set", f"t{n}", 1, "A", lab.ip(n)) for n in records),
			*(("set", "_sips._tcp", 1, "SRV", p, w, 5061, f"t{n}.{ZONEB}.") for p, w, n in rows))
	make.srv = srv
	yield make
	for f in made:
		f.close()
	if records:
		lab.dns.change(ZONEB, ("unset", "_sips._tcp"), *(("unset", f"t{n}") for n in records), ("set", "_sips._tcp", 5, "SRV", 10, 10, 5061, f"sip.{ZONEB}."))


def test_the_second_target_when_the_first_is_down(lab, farm):
	farm.srv((10, 10, 47), (20, 10, 49))  # nobody listens at .47
	f = farm()
	since = f.edge.mark()
	assert f.call() == (486, [1])
	down = f.edge.lines(since, reason="conn.failed")
	assert down and lab.ip(47) in " ".join(down[0].values()), down
	since = f.edge.mark()
	assert f.call() == (486, [1])
	assert not f.edge.lines(since, reason="conn.failed"), "the one that is down is tried last from now on"


def test_39_names_that_lead_inside_are_not_called(lab, farm):
	"""Loopback only where the zone lists it; to ourselves never, whatever is listed."""
	def change(config):
		del next(z for z in config["zones"] if z["name"] == "zoneb")["target_networks"]
	farm.srv((10, 10, 48))
	f = farm(change)
	since = f.edge.mark()
	assert f.call() == (503, [])
	line = f.edge.wait_line(since, event="request.refused", reason="dns.forbidden-address")
	assert lab.ip(48) in " ".join(line.values()), line
	assert not f.agents[0].conns
	next(z for z in f.edge.config["zones"] if z["name"] == "zoneb")["target_networks"] = LOOPBACK
	f.edge.write()
	assert f.edge.command("reload").returncode == 0
	assert f.call() == (486, [0])
	farm.srv((10, 10, WHERE))  # port 5061 there is our own
	since = f.edge.mark()
	wait_until("the records to be asked for again", lambda: f.call()[1] == [], 10, step=0.3)
	f.edge.wait_line(since, event="request.refused", reason="dns.forbidden-address")


def test_priority_is_strict(lab, farm):
	farm.srv((20, 60000, 48), (10, 1, 49))
	f = farm()
	assert [f.call() for _ in range(5)] == [(486, [1])] * 5


def test_weights_share_the_load(lab, farm):
	"""Of 80 calls the lesser gets 15 %, give or take 4 sigma; with equal shares it would get 40."""
	farm.srv((10, 15, 48), (10, 85, 49))
	f = farm()
	reached = collections.Counter()
	for _ in range(80):
		status, (one,) = f.call()
		assert status == 486
		reached[one] += 1
	assert 1 <= reached[0] <= 26, reached


def test_503_goes_to_the_next_and_sets_the_first_aside(lab, farm):
	farm.srv((10, 10, 48), (20, 10, 49))
	f = farm()
	busy = f.agents[0]
	busy.invite = lambda m: busy.reply(m, 503, extra=[("Retry-After", "2")])
	assert f.call() == (486, [0, 1]), "both were asked, and nothing of the 503 is seen"
	busy.invite = 486
	assert f.call() == (486, [1]), "the first rests"
	wait_until("the first to be asked again", lambda: f.call()[1] == [0], 10, step=0.3)


def test_503_of_all_is_500_to_the_caller(lab, farm):
	farm.srv((10, 10, 48), (20, 10, 49))
	f = farm()
	for a in f.agents:
		a.invite = 503
	status, reached = f.call()
	assert (status, reached) == (500, [0, 1])
	# all of them rest: they are asked nevertheless, as there is nobody else
	for a in f.agents:
		a.invite = 486
	status, reached = f.call()
	assert status == 486 and len(reached) == 1


def test_a_wrong_certificate_is_no_outage_unless_the_zone_says_so(lab, farm):
	"""The first target shows another name: by default the call ends there; with failover_on_cert the second gets it."""
	farm.srv((10, 10, 40), (20, 10, 49))
	impostor = Agent(lab.ip(40), 5061, "impostor", lab.cert("zoneb-as-partner"), lab.pki.root)
	try:
		f = farm()
		since = f.edge.mark()
		assert f.call() == (502, [])
		assert f.edge.lines(since, event="request.refused", reason="target.tls")
		f.close()
		g = farm(lambda config: next(z for z in config["zones"] if z["name"] == "zoneb").update(failover_on_cert=True))
		assert g.call() == (486, [1])
		assert not impostor.requests
	finally:
		impostor.close()


def test_a_silent_target_is_408_and_a_second_one_is_asked(lab, farm):
	"""Timer B is 64 * T1: T1 is 10 ms here."""
	farm.srv((10, 10, 48), (20, 10, 49))
	f = farm(lambda config: config["limits"].update(timer_t1="10ms"))
	for a in f.agents:
		a.invite = "silent"
	assert f.call() == (408, [0, 1])
	f.agents[1].invite = 486
	assert f.call() == (486, [0, 1])


def test_the_targets_of_a_neighbor_are_asked_in_their_order(lab, farm):
	def change(config):
		zone = next(z for z in config["zones"] if z["name"] == "zoneb")
		zone.update(kind="neighbor", names=[ZONEB], targets=[f"{lab.ip(47)}:5061", f"{lab.ip(48)}:5061", f"{lab.ip(49)}:5061"])
	f = farm(change)
	assert f.call() == (486, [0])


def test_options_pings_tell_whether_a_neighbor_is_there(lab, farm):
	def change(config):
		zone = next(z for z in config["zones"] if z["name"] == "zoneb")
		zone.update(kind="neighbor", names=[ZONEB], targets=[f"{lab.ip(48)}:5061"], probe_interval="1s")
	f = farm(change)
	agent = f.agents[0]
	def state():
		return next(z["probe"] for z in f.edge.status()["zones"] if z["name"] == "zoneb")
	ping = wait_until("an OPTIONS ping", lambda: [m for m in agent.requests if m.method == "OPTIONS"], 5)[0]
	assert ping.get("max-forwards") and f"edge.{OURS}" in ping.get("contact") and ping.get("from").startswith(f"<sip:edge.{OURS}"), ping.raw
	wait_until("state up", lambda: state() == "up", 5)
	assert " up" in next(l for l in f.edge.command("status").stdout.splitlines() if l.startswith("  zoneb "))
	since = f.edge.mark()
	agent.close()  # and the port with it
	f.edge.wait_line(since, timeout=10, event="target.probed", state="down")
	assert state() == "down"
	f.agents[0] = Agent(lab.ip(48), 5061, "again", lab.cert("zoneb"), lab.pki.root)
	wait_until("state up again", lambda: state() == "up", 10)
