# SPDX-License-Identifier: Apache-2.0
"""What the operator asks and is told: sipwardd --check, and the commands of sipward with their exit statuses."""
import json
import os
import re
import signal
import subprocess

import pytest

from lab import proc
from lab.net import wait_until
from lab.rtp import offer
from lab.sipward import Sipwardd
from lab.world import MUTUAL, OURS, PARTNER, UNPROVED, ZONEB

GOOD, BAD, UNKNOWN, USAGE, UNREACHABLE, CONFIG = 0, 2, 3, 64, 69, 78


def checked(lab, tmp_path, change, name="checked"):
	"""What sipwardd --check says of the lab's configuration with a change: (exit status, text)."""
	config = lab.config(name)
	config["node"].update(state_dir=str(tmp_path / "state"), control=str(tmp_path / "control"))
	change(config)
	daemon = Sipwardd(str(tmp_path), config)
	r = proc.run([daemon.daemon, "-f", daemon.path, "--check"], check=False)
	return r.returncode, r.stdout + r.stderr


@pytest.fixture
def edge(lab):
	e = lab.start_edge("operated", None, lab.ip(73))
	yield e
	lab.stop_edge(e)


# --- --check ---

def test_a_key_that_others_can_read_is_refused(lab, tmp_path):
	key = tmp_path / "edge.key"
	key.write_bytes(open(lab.cert("edge-rsa").key, "rb").read())
	def change(config):
		config["listeners"][0]["key"] = str(key)
	for mode, status in ((0o600, GOOD), (0o640, GOOD), (0o644, BAD), (0o666, BAD)):
		key.chmod(mode)
		code, said = checked(lab, tmp_path, change)
		assert code == status, f"{mode:o}: {said}"
		assert f" {said.count(': warning: ')} warnings" in said, said
		if status == BAD:
			assert f"{key}: error: " in said and "chmod" in said, said


def test_check_tells_every_error_at_once(lab, tmp_path):
	"""Values, references, files, certificates and what contradicts itself: one run tells them all."""
	def change(config):
		config["listeners"][0]["cert"] = str(tmp_path / "absent.pem")
		config["listeners"][1]["key"] = lab.desk_cert.key
		config["listeners"][2]["port"] = 80
		config["zones"][0]["trust"] = [lab.cert("partner").key]
		config["zones"][1]["names"] = [".example.org"]
		config["zones"][2]["listeners"] = ["insid"]
		config["zones"][3]["media"] = "nowhere"
		config["routes"][0]["to"] = "offices"
		config["limits"]["drain"] = "20 parsecs"
	code, said = checked(lab, tmp_path, change)
	assert code == BAD, said
	for word in ("80", ".example.org", "insid", "nowhere", "offices", "limits.drain: not a time"):
		assert word in said, f"{word} is missing in: {said}"
	# what needs files is looked at when the words are right
	def files(config):
		config["listeners"][0]["cert"] = str(tmp_path / "absent.pem")
		config["listeners"][1]["key"] = lab.desk_cert.key
		config["zones"][0]["trust"] = [lab.cert("partner").key]
	code, said = checked(lab, tmp_path, files)
	assert code == BAD, said
	for word in ("absent.pem", "does not belong", "partner.key"):
		assert word in said, f"{word} is missing in: {said}"
	assert not os.path.exists(tmp_path / "state" / "sipward.db"), "a check makes nothing"


# --- domains ---

def test_exit_statuses_of_domain_verify(lab, edge):
	def verify(*args):
		r = edge.command("domain", "verify", *args, check=False)
		return r.returncode, r.stdout + r.stderr
	assert verify(UNPROVED)[0] == BAD, "there is no token yet"
	token = re.search(r"\b[0-9a-f]{60}\b", edge.command("domain", "token", UNPROVED).stdout)[0]
	code, said = verify(UNPROVED)
	assert code == BAD and "proof.absent" in said, said
	code, said = verify("--dns", f"{lab.ip(52)}:53", UNPROVED)  # nobody is there
	assert code == UNKNOWN and "proof.indeterminate" in said, said
	assert verify("--dns", "not-an-address", UNPROVED)[0] == USAGE
	lab.dns.change(UNPROVED, ("set", "_sipward-challenge", 1, "TXT", f'"{token}"'))
	try:
		code, said = verify(UNPROVED)
		assert code == GOOD and "verified" in said, said
		code, said = verify("--dns", f"{lab.ip(52)}:53", UNPROVED)
		assert code == UNKNOWN, said
		assert edge.command("domain", "status", UNPROVED, check=False).returncode == GOOD, "a dead resolver takes no proof away"
		assert json.loads(edge.command("-o", "json", "domain", "status", UNPROVED).stdout)[0]["state"] == "stale"
	finally:
		lab.dns.change(UNPROVED, ("unset", "_sipward-challenge"))
	assert edge.command("domain", "status", "never.example", check=False).returncode == BAD
	assert edge.command("domain", "remove", UNPROVED).returncode == GOOD
	assert edge.command("domain", "remove", UNPROVED, check=False).returncode == BAD


@pytest.mark.parametrize("record", (
	lambda token: [("_sipward-challenge", f'"{token}"')],
	lambda token: [("@", '"v=spf1 -all"'), ("@", f'"cisco-ci-domain-verification={token}"'), ("@", '"other=1"')],
	lambda token: [("@", '"v=spf1 -all"'), ("@", f'"{token}"')],
), ids=("label", "apex-kv", "apex-raw"))
def test_every_form_of_the_record(lab, edge, record):
	edge.config["ownership"] = {"forms": ["label", "apex-kv", "apex-raw"]}
	edge.write()
	token = re.search(r"\b[0-9a-f]{60}\b", edge.command("domain", "token", UNPROVED).stdout)[0]
	rows = record(token)
	lab.dns.change(UNPROVED, *(("set", owner, 1, "TXT", text) for owner, text in rows))
	try:
		assert edge.command("domain", "verify", UNPROVED, check=False).returncode == GOOD
	finally:
		lab.dns.change(UNPROVED, *(("unset", owner, "TXT") for owner in {o for o, _ in rows}))
	assert edge.command("domain", "verify", UNPROVED, check=False).returncode == BAD


def test_a_proof_that_is_gone_is_revoked_after_its_grace(lab):
	"""The daemon looks by itself: forgiven at first, then the domain may speak no more; and again when the record is back."""
	def change(config):
		config["ownership"] = {"interval": "1s", "grace": "3s"}
	edge = lab.start_edge("recheck", change, lab.ip(74), prove=(OURS, PARTNER, ZONEB))
	try:
		def state():
			return next(d["state"] for d in edge.status()["domains"] if d["domain"] == ZONEB)
		def call():
			with lab.connect(MUTUAL, "zoneb", source=41, where=74) as c:
				return lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41))).wait().status
		lab.desk.invite = "busy"
		tokens = lab.dns.query(f"_sipward-challenge.{ZONEB}", "TXT")  # of every daemon of the lab
		try:
			assert state() == "verified" and call() == 486
			since = edge.mark()
			lab.dns.change(ZONEB, ("unset", "_sipward-challenge"))
			edge.wait_line(since, timeout=15, event="domain.checked", domain=ZONEB, reason="proof.absent")
			assert call() == 486, "within its grace it may speak"
			edge.wait_line(since, timeout=15, event="domain.checked", domain=ZONEB, state="revoked")
			wait_until("the state to be known", lambda: state() == "revoked", 5)
			assert call() == 403
			assert edge.lines(since, event="request.refused", reason="auth.unproved-domain")
			assert next(d["state"] for d in edge.status()["domains"] if d["domain"] == PARTNER) == "verified"
		finally:
			lab.dns.change(ZONEB, *(("set", "_sipward-challenge", 5, "TXT", token) for token in tokens))
		assert edge.command("domain", "verify", ZONEB).returncode == GOOD
		wait_until("it to be believed again", lambda: state() == "verified", 5)
		assert call() == 486
	finally:
		lab.stop_edge(edge)


# --- the dry run of routing, and the rest ---

@pytest.mark.parametrize("args, status, says", (
	(("--from", "zoneb", f"sip:desk@{OURS}"), GOOD, ('to zone "desk"', 'rule "to-desk"')),
	(("--from", "zoneb", "--caller", f"sip:zoneb@{ZONEB}", f"sip:desk@{OURS}"), GOOD, ("authority: ok",)),
	(("--from", "zoneb", "--caller", f"sip:bob@{PARTNER}", f"sip:desk@{OURS}"), BAD, ("auth.owned-domain",)),
	(("--from", "partner", "--caller", f"sip:x@{UNPROVED}", f"sip:desk@{OURS}"), BAD, ("auth.unproved-domain",)),
	(("--from", "internet", "--caller", f"sip:alice@{OURS}", f"sip:desk@{OURS}"), BAD, ("auth.local-domain",)),
	(("--from", "internet", f"sip:bob@{PARTNER}"), BAD, ("route.no-relay",)),
	(("--from", "zoneb", f"sip:nobody@{OURS}"), BAD, ("route.none",)),
	(("--from", "no-such-zone", f"sip:desk@{OURS}"), USAGE, ()),
	(("--from", "zoneb"), USAGE, ()),
))
def test_route_tells_what_would_happen(lab, args, status, says):
	r = lab.edge.command("route", *args, check=False)
	assert r.returncode == status, r.stdout + r.stderr
	for word in says:
		assert word in r.stdout, r.stdout


def test_commands_without_a_daemon_or_a_configuration(lab, edge):
	assert edge.command("log", "info").returncode == GOOD
	assert edge.command("log", "loud", check=False).returncode == USAGE
	assert edge.command("reason", "auth.unproved-domain").returncode == GOOD
	assert edge.command("reason", "no.such", check=False).returncode == USAGE
	since = edge.mark()
	assert edge.command("reload").returncode == GOOD
	edge.wait_line(since, event="reload.done")
	assert edge.command("drain").returncode == GOOD
	assert edge.proc.wait(10) == 0
	assert edge.command("status", check=False).returncode == UNREACHABLE
	edge.config["zoness"] = 1
	edge.write()
	assert edge.command("status", check=False).returncode == CONFIG
