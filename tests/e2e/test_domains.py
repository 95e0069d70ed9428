# SPDX-License-Identifier: Apache-2.0
"""The second key: a domain counts only while its TXT record is there. Driven by the operator's command."""
import os
import re
import signal

from lab.net import wait_until
from lab.rtp import offer
from lab.world import MUTUAL, OURS, UNPROVED, ZONEB


def try_as(lab, domain, where):
	with lab.connect(MUTUAL, "partner", where=where) as c:
		call = lab.call(c, f"desk@{OURS}", f"x@{domain}").invite(offer(lab.ip(66)))
		status = call.wait().status
		if status == 200:
			call.bye()
		return status


def test_token_publish_verify_then_the_domain_may_speak(lab):
	edge = lab.start_edge("domains", None, lab.ip(18), prove=())
	try:
		assert try_as(lab, UNPROVED, 18) == 403
		said = edge.command("domain", "token", UNPROVED).stdout
		token = re.search(r"\b[0-9a-f]{60}\b", said)[0]
		assert f"_sipward-challenge.{UNPROVED}" in said, "it prints what to publish"
		assert edge.command("domain", "token", UNPROVED).stdout == said, "asking again keeps the token"
		wrong = edge.command("domain", "verify", UNPROVED, check=False)
		assert wrong.returncode != 0
		assert "proof." in wrong.stdout + wrong.stderr, wrong.stdout + wrong.stderr
		lab.dns.change(UNPROVED, ("set", "_sipward-challenge", 1, "TXT", f'"{token.upper()}"'))
		assert edge.command("domain", "verify", UNPROVED, check=False).returncode != 0, "the case of the token counts"
		lab.dns.change(UNPROVED, ("set", "_sipward-challenge", 1, "TXT", f'"{token[:30]}" "{token[30:]}"'))
		assert edge.command("domain", "verify", UNPROVED).returncode == 0, "strings of one record are joined"
		assert "verified" in edge.command("domain", "status", UNPROVED).stdout
		assert try_as(lab, UNPROVED, 18) == 200
		# the proof outlives the process
		edge.stop()
		edge.start()
		assert try_as(lab, UNPROVED, 18) == 200
		# however that ends
		killed = edge.children()
		edge.proc.kill(signal.SIGKILL)
		edge.proc.wait()
		wait_until("its children to go with it", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in killed), 10)
		edge.start()
		assert try_as(lab, UNPROVED, 18) == 200
		assert "verified" in edge.command("domain", "status", UNPROVED).stdout
	finally:
		lab.dns.change(UNPROVED, ("unset", "_sipward-challenge"))
		lab.stop_edge(edge)


def test_dead_dns_proves_nothing(lab):
	def no_dns(config):
		config["dns"].update(servers=[f"{lab.ip(52)}:53"], timeout="200ms", tries=1)
	edge = lab.start_edge("nodns", no_dns, lab.ip(19), prove=())
	try:
		edge.command("domain", "token", ZONEB)
		r = edge.command("domain", "verify", ZONEB, check=False)
		assert r.returncode != 0 and "proof.indeterminate" in r.stdout + r.stderr, r.stdout + r.stderr
	finally:
		lab.stop_edge(edge)
