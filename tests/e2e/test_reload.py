# SPDX-License-Identifier: Apache-2.0
"""What changes while calls are up: keys, certificates, trust; by signal, by command, and by the files themselves."""
import os
import shutil
import signal

import pytest

from lab import proc
from lab.sipraw import Closed, request
from lab.world import MUTUAL, OURS, PARTNER, PUBLIC

HOST = 76  # the last number of this file's daemon's address


def options(conn):
	return conn.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}"))


def zone(config, name):
	return next(z for z in config["zones"] if z["name"] == name)


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


# --- watching the files ---

def own_set(lab, dir, *names):
	"""Copies of certificates and keys that the daemon's user may read, in a directory of this test's own."""
	os.makedirs(dir, exist_ok=True)
	for name in names:
		cert = lab.cert(name)
		for source, ext in ((cert.pem, "pem"), (cert.key, "key")):
			shutil.copy(source, f"{dir}/{name}.{ext}")
			os.chmod(f"{dir}/{name}.{ext}", 0o600)
	return dir


def use_set(cert, key):
	def change(config):
		for l in config["listeners"]:
			l.update(cert=cert, key=key)
	return change


def presented(lab):
	"""The names of the certificate a stranger is shown now."""
	with lab.connect(PUBLIC, where=HOST) as c:
		return c.peer_names()


@pytest.fixture
def second(lab):
	"""Another certificate of ours: what a renewal brings."""
	lab.pki.more("edge-org")
	return lab.cert("edge-org")


def test_a_renewed_certificate_is_taken_from_the_files(lab, start, second):
	"""Certificate and key replaced one after the other, in place: one line while they do not fit, then the new one is shown."""
	dir = own_set(lab, f"{lab.dir}/renewed", "edge-rsa", "edge-org")
	cert, key = f"{dir}/live.pem", f"{dir}/live.key"
	shutil.copy(f"{dir}/edge-rsa.pem", cert)
	shutil.copy(f"{dir}/edge-rsa.key", key)
	os.chmod(key, 0o600)
	edge = start(use_set(cert, key), prove=())
	old = presented(lab)
	with lab.connect(MUTUAL, "partner", where=HOST) as c:
		since = edge.mark()
		shutil.copyfile(f"{dir}/edge-org.pem", cert)
		line = edge.wait_line(since, event="reload.waiting", timeout=20)
		assert "does not belong to the certificate" in line["detail"] and line["file"] == key, line
		assert presented(lab) == old and options(c).status == 200
		assert not edge.status()["reload"]["successful"] and edge.status()["reload"]["by"] == "watch"
		# tried again by itself, without a further line
		edge.proc.wait_log(r"event=reload\.waiting.*\n(.*\n)*.*event=reload\.waiting", 20, start=since)
		assert [l["level"] for l in edge.lines(since, event="reload.waiting")[:2]] == ["warn", "debug"]
		assert not edge.lines(since, level="error")
		shutil.copyfile(f"{dir}/edge-org.key", key)
		assert edge.wait_line(since, event="reload.done", timeout=20)["by"] == "watch"
		assert presented(lab) != old
		assert options(c).status == 200, "who was connected stays"
	assert edge.status()["reload"]["successful"]


@pytest.mark.parametrize("how", ["letsencrypt", "kubernetes", "rename"])
def test_files_swapped_by_rename_and_by_links(lab, start, second, how):
	sets = own_set(lab, f"{lab.dir}/{how}/sets", "edge-rsa", "edge-org")
	live = f"{lab.dir}/{how}/live"
	os.makedirs(live)
	pairs = {n: (f"{sets}/{n}.pem", f"{sets}/{n}.key") for n in ("edge-rsa", "edge-org")}
	def link(to, at):
		os.symlink(to, at + ".new")
		os.rename(at + ".new", at)
	def put(name):
		pem, key = pairs[name]
		if how == "letsencrypt":  # live/x -> ../sets/x, each link replaced
			link(f"../sets/{name}.pem", f"{live}/x.pem")
			link(f"../sets/{name}.key", f"{live}/x.key")
		elif how == "kubernetes":  # x -> ..data/x, ..data -> ..NAME, swapped at once
			os.makedirs(f"{live}/..{name}", exist_ok=True)
			shutil.copy(pem, f"{live}/..{name}/x.pem")
			shutil.copy(key, f"{live}/..{name}/x.key")
			link(f"..{name}", f"{live}/..data")
			for ext in ("pem", "key"):
				if not os.path.islink(f"{live}/x.{ext}"):
					os.symlink(f"..data/x.{ext}", f"{live}/x.{ext}")
		else:
			for source, ext in ((pem, "pem"), (key, "key")):
				shutil.copy(source, f"{live}/new")
				os.rename(f"{live}/new", f"{live}/x.{ext}")
	put("edge-rsa")
	edge = start(use_set(f"{live}/x.pem", f"{live}/x.key"), prove=())
	shown = presented(lab)
	for name in ("edge-org", "edge-rsa"):  # twice: the watch follows to where the links lead now
		since = edge.mark()
		put(name)
		assert edge.wait_line(since, event="reload.done", timeout=20)["by"] == "watch"
		now = presented(lab)
		assert now != shown
		shown = now


def test_the_configuration_its_includes_and_trust_directories_are_watched(lab, start):
	more, trust = f"{lab.dir}/conf.d", f"{lab.dir}/trust.d"
	os.makedirs(more)
	os.makedirs(trust)
	shutil.copy(lab.pki.root, f"{trust}/root.pem")
	def change(config):
		zone(config, "zoneb")["trust"] = [trust]
	edge = start(change, prove=())
	def reloaded(since):
		return edge.wait_line(since, event="reload.done", timeout=20)["by"] == "watch"
	def zoneb_admitted():
		try:
			with lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as c:
				return options(c).status == 200
		except (Closed, TimeoutError):
			return False
	assert not zoneb_admitted()
	since = edge.mark()
	shutil.copy(lab.pki.zoneb_root, f"{trust}/zoneb.pem")
	assert reloaded(since) and zoneb_admitted()
	since = edge.mark()
	with open(edge.path, "a") as f:
		f.write(f'@include "{more}/*.conf"\n')
	assert reloaded(since)
	since = edge.mark()
	with open(f"{more}/a.conf", "w") as f:
		f.write("watch = false;\n")  # from here on nothing is watched
	assert reloaded(since)
	since = edge.mark()
	os.unlink(f"{trust}/zoneb.pem")
	os.kill(edge.proc.pid, signal.SIGUSR2)
	edge.wait_line(since, event="status")
	# the supervisor has no descriptor that could tell it
	fds = [os.readlink(f"/proc/{edge.proc.pid}/fd/{n}") for n in os.listdir(f"/proc/{edge.proc.pid}/fd")]
	assert not [f for f in fds if "inotify" in f], fds
	assert edge.command("reload").returncode == 0 and not zoneb_admitted()


def test_what_the_daemon_itself_writes_is_no_change(lab, start):
	"""Its database, its socket, its log: in the directory of the configuration here. And a burst of writes is one reload."""
	edge = start(prove=())
	since = edge.mark()
	edge.prove(OURS, lab.dns)
	for _ in range(20):
		edge.write()
	edge.wait_line(since, event="reload.done", timeout=20)
	edge.command("log", "debug")
	assert len(edge.lines(since, event="watch.changed")) == 1
