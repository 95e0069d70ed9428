# SPDX-License-Identifier: Apache-2.0
"""sipward cert forecast: the date calls will stop, and why, for what is configured and for every peer the daemon has seen."""
import json
import re
import sys
from datetime import datetime, timedelta, timezone

import pytest

from lab import proc
from lab.sipraw import request
from lab.sipward import TREE
from lab.world import MUTUAL, OURS, PARTNER

sys.path[:0] = [f"{TREE}/certs", f"{TREE}/tests/cert"]
import forge  # noqa: E402
from cases import ROOT  # noqa: E402

HEAD = 'source = "the lab"; as_of = "2026-01-02";\n'


@pytest.fixture
def announced(tmp_path, monkeypatch):
	"""What CAs announce, for the daemon and the command alike."""
	def announce(*events):
		path = tmp_path / "ca-status.conf"
		path.write_text(HEAD + "events = ( " + ", ".join("{ " + e + " }" for e in events) + " );\n")
		monkeypatch.setenv("SIPWARD_CA_STATUS", str(path))
		return str(path)
	return announce


def forecast(edge, *args, status=(0, 2)):
	r = edge.command("cert", "forecast", "-o", "json", *args, check=False)
	assert r.returncode in status, (r.returncode, r.stdout, r.stderr)
	doc = json.loads(r.stdout)
	assert [s["when"] for s in doc["stops"]] == sorted(s["when"] for s in doc["stops"])
	return r.returncode, doc


def of(doc, who, kind=None):
	return [s for s in doc["stops"] if who in s["who"] and kind in (None, s["kind"])]


def day(offset):
	return (datetime.now(timezone.utc) + timedelta(days=offset)).strftime("%Y-%m-%d")


def test_what_is_configured_and_who_was_seen(lab, announced):
	announced()
	with lab.connect(MUTUAL, "partner") as c:
		c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))
		status, doc = forecast(lab.edge)
	assert doc["daemon"]
	for who in ("listener ", 'zone "partner", trust'):
		assert of(doc, who), doc
	seen = of(doc, 'peer of zone "partner", which calls us')
	assert {s["kind"] for s in seen} == {"expiry"} and any("partner" in s["what"] for s in seen), seen   # others of the lab were there, too
	assert status == 0, "nothing in the lab's configuration ends within a month"
	# a year on, it is another matter
	status, doc = forecast(lab.edge, "--at", day(400))
	assert status == 2 and all(s["days"] <= 0 for s in of(doc, "listener ", "expiry")), doc
	text = lab.edge.command("cert", "forecast", "--at", day(400), check=False).stdout
	assert re.search(r"it is over +listener .*\n +expiry: it expires\n +what to do: renew it", text), text


def test_without_a_daemon_it_says_so(lab, announced, tmp_path):
	announced()
	conf = tmp_path / "copy.conf"
	conf.write_text(open(lab.edge.path).read().replace(lab.edge.socket, str(tmp_path / "nobody")))
	r = proc.run([lab.edge.cli, "-f", str(conf), "cert", "forecast"], check=False)
	assert r.returncode == 0 and "the daemon is not there" in r.stdout, r


def test_a_root_that_is_over_is_told_and_raises_no_alarm(lab, announced, tmp_path):
	"""Lists of CAs are full of them; whoever was under it has been refused for long."""
	announced()
	over = {**ROOT, "subject": "Bygone", "from": "2001-01-01", "to": "2011-01-01"}
	trust = tmp_path / "trust.pem"
	trust.write_text(open(lab.pki.root).read() + forge.pem(forge.certificate(over)))
	conf = tmp_path / "copy.conf"
	conf.write_text(open(lab.edge.path).read().replace(f'"{lab.pki.root}"', f'"{trust}"'))
	r = proc.run([lab.edge.cli, "-f", str(conf), "cert", "forecast", "-o", "json"], check=False)
	gone = [s for s in json.loads(r.stdout)["stops"] if s["what"] == "CN=Bygone"]
	assert gone and all(s["when"] == "2011-01-01T00:00:00Z" and not s["counts"] and "take it off" in s["fix"] for s in gone), r
	assert r.returncode == 0, "nothing stops that has not stopped"
	text = proc.run([lab.edge.cli, "-f", str(conf), "cert", "forecast"], check=False).stdout
	assert "2011-01-01  already" in text.split("To be aware of")[1], text
	# and before that the daemon's own check says so, with the day on which it was true; of one that is distrusted, too
	announced('kind = "distrusted"; subject = "*CN=Bygone*"; date = "2009-01-01"; by = "a browser"; as_of = "2026-02-03";')
	r = proc.run([lab.edge.daemon, "-f", str(conf), "--check"], check=False)
	assert r.returncode == 0 and f'"CN=Bygone" has expired on 2011-01-01 (as of {day(0)})' in r.stderr, r
	assert 'CA "CN=Bygone" is distrusted since 2009-01-01 by a browser (as of 2026-02-03)' in r.stderr, r


def test_an_intermediate_that_ends_first(lab, announced, tmp_path):
	"""The chain's first date counts, not the leaf's."""
	announced()
	ca = lab.pki.one("short-ca", use="ca", valid="20", issuer="root")
	leaf = lab.pki.one("under-short", issuer="short-ca", san=f"DNS:edge.{OURS}", valid="300")
	with open(leaf.pem, "a") as f:
		f.write(open(ca.pem).read())

	def change(config):
		config["listeners"][0]["cert"], config["listeners"][0]["key"] = leaf.pem, leaf.key
	lab.own(leaf)
	edge = lab.start_edge("short", change, lab.ip(13), prove=())
	try:
		status, doc = forecast(edge)
		stops = [s for s in of(doc, "listener ", "expiry") if "under-short" in s["what"]]
		assert status == 2 and len(stops) == 1 and stops[0]["days"] in (19, 20) and "intermediate" in stops[0]["why"], doc
		assert forecast(edge, "--within", "10")[0] == 0
	finally:
		lab.stop_edge(edge)


def test_a_purpose_that_is_going_away(lab, announced):
	"""A strict zone's peer whose CA leaves clientAuth out of the next certificate; no other zone's."""
	def change(config):
		next(z for z in config["zones"] if z["name"] == "partner")["eku"] = "strict"
	announced(f'kind = "no-client-auth"; subject = "*"; date = "{day(-1)}"; by = "the lab\'s CA";')
	edge = lab.start_edge("cliff", change, lab.ip(14), prove=())
	try:
		with lab.connect(MUTUAL, "partner", where=14) as c:
			c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))
			_, doc = forecast(edge)
		stop, = of(doc, 'peer of zone "partner"', "client-auth")
		assert stop["counts"] and "server-or-client" in stop["fix"] and "the lab's CA" in stop["why"]
		expiry, = of(doc, 'peer of zone "partner"', "expiry")
		assert stop["when"] == expiry["when"], "the certificate it has goes on to its end"
		# ours are told, too, but whether anybody insists is not ours to know
		assert all(not s["counts"] for s in of(doc, "listener ", "client-auth"))
		# announced for a day when the certificate is over anyway: the date alone is left
		announced(f'kind = "no-client-auth"; subject = "*"; date = "{day(3000)}"; by = "x";')
		assert not of(forecast(edge)[1], "peer of", "client-auth")
	finally:
		lab.stop_edge(edge)


def test_a_distrusted_root_is_warned_of_with_its_date(lab, announced):
	announced('kind = "distrusted"; subject = "*"; date = "2024-11-11"; by = "a browser"; as_of = "2026-02-03";')
	edge = lab.start_edge("distrust", None, lab.ip(15), prove=())
	try:
		warned = [l["detail"] for l in edge.lines(0, event="config") if "distrusted" in l.get("detail", "")]
		assert any('zone "partner"' in d and "since 2024-11-11 by a browser (as of 2026-02-03)" in d for d in warned), edge.proc.tail()
		_, doc = forecast(edge)
		assert all(not s["counts"] and s["when"].startswith("2024-11-11") for s in of(doc, ", trust", "distrust")) and of(doc, ", trust", "distrust")
		assert all(s["counts"] and "refuse it" in s["why"] for s in of(doc, "listener ", "distrust"))
	finally:
		lab.stop_edge(edge)


def test_a_root_that_is_taken_off_the_lists_of_others(lab, announced):
	"""From that day nobody who follows takes what is under it: ours stops before it expires; the peers are judged by our own list."""
	announced(f'kind = "removed"; subject = "*"; date = "{day(20)}"; by = "a browser"; note = "for its age";')
	with lab.connect(MUTUAL, "partner") as c:
		c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))
		status, doc = forecast(lab.edge)
	stops = of(doc, "listener ", "distrust")
	assert status == 2 and stops and all(s["counts"] and s["when"].startswith(day(20)) and "for its age" in s["why"] for s in stops), doc
	assert not of(doc, "peer of", "distrust")
	assert all(not s["counts"] for s in of(doc, ", trust", "distrust")) and of(doc, ", trust", "distrust")
	announced(f'kind = "removed"; subject = "*"; date = "{day(9000)}"; by = "a browser";')
	assert not of(forecast(lab.edge)[1], "listener ", "distrust"), "it is over before that"
	r = proc.run([lab.edge.daemon, "-f", lab.edge.path, "--check"], check=False)
	assert "no longer trusted" not in r.stderr, r
	announced('kind = "removed"; subject = "*"; date = "2025-04-15"; by = "a browser";')
	r = proc.run([lab.edge.daemon, "-f", lab.edge.path, "--check"], check=False)
	assert "is no longer trusted since 2025-04-15 by a browser (as of 2026-01-02)" in r.stderr, r


def test_a_crl_that_ends_stops_a_hard_zone(lab, announced, tmp_path):
	announced()
	crls = []
	for issuer in ("root", "int"):
		path = tmp_path / f"{issuer}.crl"
		path.write_bytes(lab.pki.crl(issuer, seconds=5 * 86400))
		path.chmod(0o644)
		crls.append(str(path))
	tmp_path.chmod(0o755)

	def change(config, mode="hard"):
		z = next(z for z in config["zones"] if z["name"] == "partner")
		z["crls"], z["revocation"] = crls, mode
	edge = lab.start_edge("crl-ends", change, lab.ip(16), prove=())
	try:
		status, doc = forecast(edge)
		stops = of(doc, 'zone "partner", crls', "crl")
		assert status == 2 and len(stops) == 2 and all(s["days"] in (4, 5) for s in stops), doc
		change(edge.config, "soft")
		edge.write()
		status, doc = forecast(edge)
		assert status == 0 and not of(doc, 'zone "partner", crls'), doc
	finally:
		lab.stop_edge(edge)


@pytest.mark.parametrize("args, status, says", [
	(("--at", "soon"), 64, "is no day"), (("--within", "-1"), 64, "number of days"), (("--nonsense",), 64, "usage"), (("more",), 64, "usage"),
	(("--ca-status", "/nonexistent"), 66, "cannot be read"),
])
def test_usage(lab, args, status, says):
	r = lab.edge.command("cert", "forecast", *args, check=False)
	assert r.returncode == status and says in r.stderr, r


def test_a_broken_file_of_announcements_has_its_line(lab, tmp_path):
	path = tmp_path / "bad.conf"
	path.write_text(HEAD + 'events = ( { kind = "distrusted"; subject = "x"; date = "tomorrow"; by = "x"; } );\n')
	r = lab.edge.command("cert", "forecast", "--ca-status", str(path), check=False)
	assert r.returncode == 78 and "bad.conf:2" in r.stderr and "tomorrow" in r.stderr, r


def test_a_certificate_that_cannot_be_read_is_unknown(lab, tmp_path, announced):
	announced()
	conf = tmp_path / "copy.conf"
	text = open(lab.edge.path).read()
	conf.write_text(text.replace(lab.pki.cert("edge-rsa").pem, str(tmp_path / "gone.pem")))
	r = proc.run([lab.edge.cli, "-f", str(conf), "cert", "forecast"], check=False)
	assert r.returncode == 3 and "could not be looked at" in r.stderr and "gone.pem" in r.stderr, r
