# SPDX-License-Identifier: Apache-2.0
"""What changes while calls are up: keys, certificates, trust; by signal, by command, and by the files themselves."""
import os

import pytest

from lab import proc
from lab.sipraw import request
from lab.world import MUTUAL, OURS, PARTNER, PUBLIC

HOST = 76  # the last number of this file's daemon's address


def options(conn):
	return conn.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))


@pytest.fixture
def start(lab):
	"""Starts a daemon of this test's own; change(config) first."""
	started = []
	def run(change=None, **more):
		edge = lab.start_edge("reloaded", change, lab.ip(HOST), **more)
		started.append(edge)
		return edge
	yield run
	for edge in started:
		lab.stop_edge(edge)


# --- encrypted keys ---

def locked(dir, key, passphrase):
	"""An encrypted copy of a key and its passphrase's file, both for their owner alone."""
	os.makedirs(dir, exist_ok=True)
	proc.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", key, "-out", f"{dir}/locked.key", "-passout", f"pass:{passphrase}"])
	with open(f"{dir}/pass", "w") as f:
		f.write(passphrase + "\n")
	for name in ("locked.key", "pass"):
		os.chmod(f"{dir}/{name}", 0o600)
	return f"{dir}/locked.key", f"{dir}/pass"


def test_an_encrypted_key_opens_at_start_and_on_reload(lab, start):
	"""Also where only root may read the key and its passphrase: the daemon is not root any more when it reloads."""
	dir = f"{lab.dir}/locked"
	key, passphrase = locked(dir, lab.cert("edge-rsa").key, "open sesame")
	os.chmod(dir, 0o700)
	def change(config):
		for l in config["listeners"]:
			l.update(key=key, key_password=f"file:{passphrase}")
	edge = start(change, prove=())
	with lab.connect(MUTUAL, "partner", where=HOST) as before:
		assert options(before).status == 200
		assert edge.command("reload").stdout == "reloaded\n"
		assert options(before).status == 200
		with lab.connect(PUBLIC, where=HOST) as c:
			assert options(c).status == 200
		with open(passphrase, "w") as f:
			f.write("open barley\n")
		refused = edge.command("reload", check=False)
		assert refused.returncode == 2, refused
		assert key in refused.stdout and "does not open this key" in refused.stdout, refused.stdout
		assert options(before).status == 200
		with lab.connect(PUBLIC, where=HOST) as c:
			assert options(c).status == 200
	said = edge.proc.text(0)
	assert "sesame" not in said and "barley" not in said
