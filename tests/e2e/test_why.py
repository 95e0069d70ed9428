# SPDX-License-Identifier: Apache-2.0
"""sipward why: each refusal is explained by the id its log line carries: the chain that came, the nearest zone, what to change."""
import json
import re
import socket

import pytest

from lab import scenarios
from lab.sipraw import Closed, request
from lab.world import MUTUAL, OURS, PARTNER, PUBLIC, UNPROVED


def last_refusal(w, since, event="conn.refused", edge=None):
	return (edge or w.edge).wait_line(since, event=event)


def why(w, line, *args, edge=None):
	assert re.fullmatch(r"[0-9a-f]{16}", line["id"]), line
	return (edge or w.edge).command("why", *args, line["id"]).stdout


REFUSALS = [  # scenario, reason, what the explanation must say
	(scenarios.wrong_ca, "tls.chain", ['zone "partner"', "+ name", "- chain: tls.chain", "trust = ( ...", "CN=Rogue"]),
	(scenarios.wrong_name, "identity.no-zone", ["- name:", "+ chain", "names = ( ..."]),
	(scenarios.other_zones_ca, "identity.trust", ['zone "partner"', "+ name", "- chain", "trust list of zone \"partner\""]),
	(scenarios.expired, "tls.expired", ['zone "partner"', "+ name", "tls.expired", "peer: renew the certificate"]),
	(scenarios.not_yet_valid, "tls.not-yet-valid", ["compare the clocks"]),
	(scenarios.eku_any_refused, "tls.purpose", ['eku = "any"', "anyExtendedKeyUsage"]),
	(scenarios.no_certificate_on_5062, "tls.no-certificate", ["It showed no certificate."]),
]


@pytest.mark.parametrize("scenario,reason,says", REFUSALS, ids=[r[1] for r in REFUSALS])
def test_a_refused_connection_is_explained(lab, scenario, reason, says):
	since = lab.edge.mark()
	scenario(lab)
	line = last_refusal(lab, since)
	assert line["reason"] == reason
	text = why(lab, line)
	for part in says:
		assert part in text, f"{part!r} is not in:\n{text}"
	assert why(lab, {"id": line["conn"]}) == text, "a connection's id leads there as well"
	told = json.loads(why(lab, line, "-o", "json"))
	assert told["reason"] == reason and told["id"] == line["id"] and told["fix"]
	if reason != "tls.no-certificate":
		assert told["chain"][0]["subject"] and told["nearest"]


def test_the_strict_zones_purpose_is_explained(lab):
	edge = scenarios.with_strict(lab)
	since = edge.mark()
	scenarios.eku_strict_refuses_server_only_leaf(lab)
	text = why(lab, last_refusal(lab, since, edge=edge), edge=edge)
	assert 'eku = "server-or-client";   # zone "partner"' in text, text


def test_a_network_that_is_missing_is_explained(lab):
	def change(config):
		next(z for z in config["zones"] if z["name"] == "partner")["sources"] = ["192.0.2.0/24"]
	edge = lab.start_edge("far-sources", change, lab.ip(13), prove=())
	try:
		since = edge.mark()
		with pytest.raises((OSError, Closed)):
			with lab.connect(MUTUAL, "partner", where=13) as c:
				c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))
		line = last_refusal(lab, since, edge=edge)
		assert line["reason"] == "identity.source"
		text = why(lab, line, edge=edge)
		assert "- source:" in text and "sources = ( ..., \"127." in text, text
		# what was refused once passes when the line is pasted
		next(z for z in edge.config["zones"] if z["name"] == "partner")["sources"] = ["127.0.0.0/8"]
		edge.write()
		edge.command("reload")
		assert "nothing: under the configuration of now it would be admitted" in why(lab, line, edge=edge)
	finally:
		lab.stop_edge(edge)


REQUESTS = [
	(scenarios.spoofed_local, "auth.local-domain", ["may_assert_local = true", "from        alice@"]),
	(scenarios.unlisted_domain, "auth.from-domain", ['domains = ( ..., "elsewhere.example" );   # zone "partner"', PARTNER]),
	(scenarios.unproved_domain, "auth.unproved-domain", [f"sipward domain token {UNPROVED}", "no token was issued"]),
	(scenarios.spoofed_from, "auth.owned-domain", ['zone        zoneb']),
]


@pytest.mark.parametrize("scenario,reason,says", REQUESTS, ids=[r[1] for r in REQUESTS])
def test_a_refused_request_is_explained(lab, scenario, reason, says):
	since = lab.edge.mark()
	scenario(lab)
	line = last_refusal(lab, since, "request.refused")
	assert line["reason"] == reason
	text = why(lab, line)
	for part in says:
		assert part in text, f"{part!r} is not in:\n{text}"
	assert json.loads(why(lab, line, "-o", "json"))["method"] in text


def test_what_a_peer_wrote_cannot_speak_to_the_terminal(lab):
	since = lab.edge.mark()
	with lab.connect(PUBLIC) as c:
		c.ask(request("OPTIONS", f"sip:desk@{OURS}", f"\"\xe9\" <sip:%1b%5b2J@{OURS}>", f"sip:desk@{OURS}"))
	text = why(lab, last_refusal(lab, since, "request.refused"))
	assert not re.search(r"[^\n\x20-\x7e]", text), text


def test_the_list_is_bounded_and_a_flood_is_one_line(lab):
	def change(config):
		config["limits"]["refusals"] = 4
	edge = lab.start_edge("few", change, lab.ip(14), prove=())
	try:
		assert "nothing was refused" in edge.command("why").stdout
		for _ in range(10):
			since = edge.mark()
			with socket.create_connection((lab.ip(14), MUTUAL)) as s:
				s.sendall(b"INVITE sip:x SIP/2.0\r\n\r\n")
				line = last_refusal(lab, since, edge=edge)
		rows = json.loads(edge.command("why", "-o", "json").stdout)
		assert len(rows) == 1 and rows[0]["count"] == 10 and rows[0]["id"] == line["id"], rows
		for n in range(6):
			with socket.create_connection((lab.ip(14), MUTUAL), source_address=(lab.ip(60 + n), 0)) as s:
				since = edge.mark()
				s.sendall(b"INVITE sip:x SIP/2.0\r\n\r\n")
				last_refusal(lab, since, edge=edge)
		rows = json.loads(edge.command("why", "-o", "json").stdout)
		assert [r["source"] for r in rows] == [lab.ip(65 - n) for n in range(4)], rows
		gone = edge.command("why", line["id"], check=False)
		assert gone.returncode == 2 and "the last 4 are kept" in gone.stdout, gone
		assert edge.command("why", "12345", check=False).returncode == 64
	finally:
		lab.stop_edge(edge)
