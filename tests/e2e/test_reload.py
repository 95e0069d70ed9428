# SPDX-License-Identifier: Apache-2.0
"""What changes while calls are up: keys, certificates, trust; by signal, by command, and by the files themselves."""
import json
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from lab import held, proc
from lab.net import wait_until
from lab.rtp import Endpoint, offer
from lab.sipraw import Closed, build, new_id, request, response, uri_of
from lab.world import MUTUAL, OURS, PARTNER, PUBLIC, ZONEB

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
		assert not edge.status()["reload"]["sipward_config_last_reload_successful"] and edge.status()["reload"]["by"] == "watch"
		# tried again by itself, without a further line
		edge.proc.wait_log(r"event=reload\.waiting.*\n(.*\n)*.*event=reload\.waiting", 20, start=since)
		assert [l["level"] for l in edge.lines(since, event="reload.waiting")[:2]] == ["warn", "debug"]
		assert not edge.lines(since, level="error")
		shutil.copyfile(f"{dir}/edge-org.key", key)
		assert edge.wait_line(since, event="reload.done", timeout=20)["by"] == "watch"
		assert presented(lab) != old
		assert options(c).status == 200, "who was connected stays"
	assert edge.status()["reload"]["sipward_config_last_reload_successful"]


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


# --- prepare, check, commit: what does not fit leaves everything as it is ---

def first_certificate(path):
	return open(path).read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"


def test_what_does_not_fit_leaves_everything_as_it_is(lab, start, second):
	"""Each fault alone: told with its file (and line, where that has lines), nothing changes, and mended it is taken."""
	dir = own_set(lab, f"{lab.dir}/unfit", "edge-rsa", "edge-org")
	lab.pki.more("int-server")
	old = lab.pki.one("edge-old", san=f"DNS:{OURS}", valid="past")
	early = lab.pki.one("edge-early", san=f"DNS:{OURS}", valid="future")
	crl, ca = f"{dir}/crl.pem", f"{dir}/ca.pem"
	cert, key = f"{dir}/live.pem", f"{dir}/live.key"
	mended = {cert: open(f"{dir}/edge-rsa.pem").read(), key: open(f"{dir}/edge-rsa.key").read(), crl: open(f"{lab.pki.dir}/crl.pem").read(),
		ca: open(lab.pki.root).read()}
	def put(**what):
		for name, text in what.items():
			path = {"cert": cert, "key": key, "crl": crl, "ca": ca}[name]
			if os.path.isdir(path):
				os.rmdir(path)
			elif os.path.exists(path):
				os.unlink(path)
			if text is not None:
				with open(path, "w") as f:
					f.write(text)
				os.chmod(path, 0o600 if name == "key" else 0o644)
	def mend():
		put(cert=mended[cert], key=mended[key], crl=mended[crl], ca=mended[ca])
	def change(config):
		use_set(cert, key)(config)
		config["watch"] = False
		zone(config, "partner").update(trust=[ca], revocation="soft", crls=[crl])
	mend()
	edge = start(change, prove=())
	other = open(f"{dir}/edge-org.pem").read()
	def broken_line():
		with open(edge.path) as f:
			lines = f.read()
		with open(edge.path, "w") as f:
			f.write(lines + "\nzonse = ();\n")
		return f"{edge.path}:{lines.count(chr(10)) + 2}"
	cases = [
		# what, how, what is said, at which file
		("another's key", lambda: put(key=open(f"{dir}/edge-org.key").read()), "does not belong to the certificate", key),
		("half a pair", lambda: put(cert=other), "does not belong to the certificate", key),
		("a certificate cut short", lambda: put(cert=mended[cert][:700]), "", cert),
		("a key cut short", lambda: put(key=mended[key][:700]), "no usable private key", key),
		("an empty certificate", lambda: put(cert=""), "holds no certificate", cert),
		("no certificate", lambda: put(cert=None), "cannot be read", cert),
		("no key", lambda: put(key=None), "cannot be read", key),
		("a certificate that can't be read", lambda: (put(cert=None), os.mkdir(cert)), "", cert),
		("a key that all may read", lambda: os.chmod(key, 0o644), "every user", key),
		("an expired one", lambda: put(cert=open(old.pem).read(), key=open(old.key).read()), "has expired", cert),
		("one of tomorrow", lambda: put(cert=open(early.pem).read(), key=open(early.key).read()), "not valid yet", cert),
		("another CA's chain", lambda: put(cert=first_certificate(cert) + open(f"{lab.pki.dir}/int-server.pem").read()), "issued by none", cert),
		("no trust list", lambda: put(ca=None), "cannot be read", ca),
		("an empty trust list", lambda: put(ca=""), "holds no certificate", ca),
		("half a trust list", lambda: put(ca=mended[ca][:300]), "", ca),
		("no CRL", lambda: put(crl=None), "cannot be read", crl),
		("half a CRL", lambda: put(crl=mended[crl][:200]), "", crl),
		("a line of the configuration", broken_line, "zonse", None),
	]
	shown = presented(lab)
	with lab.connect(MUTUAL, "partner", where=HOST) as c:
		for n, (what, how, said, where) in enumerate(cases):
			place = how() if where is None else (how(), where)[1]
			answer = edge.command("-s", edge.socket, "reload", check=False)
			assert answer.returncode == 2 and said in answer.stdout and place in answer.stdout, (what, answer)
			assert presented(lab) == shown and options(c).status == 200, what
			with lab.connect(MUTUAL, "partner", where=HOST) as again:
				assert options(again).status == 200, what
			state = json.loads(edge.command("-s", edge.socket, "status", "--json").stdout)
			assert not state["reload"]["sipward_config_last_reload_successful"] and place in state["reload"]["detail"], (what, state["reload"])
			assert state["counts"]["reloads"] == n, what
			mend()
			edge.write()
			assert edge.command("reload").stdout == "reloaded\n", what
			assert edge.status()["reload"]["sipward_config_last_reload_successful"], what
	assert not edge.lines(0, event="conn.draining")


# --- connections that no longer pass ---

@pytest.fixture
def media(lab):
	m = Endpoint(lab.ip(23))
	yield m
	m.close()


def reload(edge, **zones):
	"""Changes keys of zones and reloads by signal: the line in the log that says it is done."""
	for name, keys in zones.items():
		zone(edge.config, name).update(keys)
	edge.write()
	since = edge.mark()
	edge.proc.kill(signal.SIGHUP)
	return edge.wait_line(since, event="reload.done", by="signal")


def call_desk(lab, conn, media, domain=PARTNER):
	call = lab.call(conn, f"desk@{OURS}", f"caller@{domain}", media=media).invite()
	assert call.wait().status == 200
	media.wait(10)
	return call


def info_from_desk(lab, call):
	"""The called side sends a request within the dialog: the final status it gets, relayed by the caller."""
	invite = lab.desk.wait(call.call_id, "INVITE")
	routes = invite.uris("record-route")
	lab.desk.responses.clear()
	invite.conn.send(sip_request("INFO", uri_of(invite.get("contact")), f"{invite.get('to')};tag={lab.desk.tag}", invite.get("from").split(";tag=")[0],
		call.call_id, 7, f"{lab.desk.ip}:{lab.desk.port}", routes=routes, to_tag=invite.tag("from")))
	got = call.conn.recv()
	assert got.method == "INFO", got
	call.conn.send(response(got, 200))
	return lab.desk.wait_response(call.call_id, "INFO").status


def sip_request(method, ruri, from_, to, call_id, cseq, via, routes, to_tag):
	head = [("Via", f"SIP/2.0/TLS {via};branch=z9hG4bK{new_id()}"), *(("Route", r) for r in routes), ("Max-Forwards", "70"), ("From", from_),
		("To", f"{to};tag={to_tag}"), ("Call-ID", call_id), ("CSeq", f"{cseq} {method}")]
	return build(f"{method} {ruri} SIP/2.0", head)


@pytest.mark.parametrize("how", ["ca", "crl"])
def test_a_peer_that_no_longer_passes_keeps_its_calls_and_gets_no_new_ones(lab, start, media, how):
	"""Its CA is taken away, or its certificate revoked, with a call up: the call lives to its end, and then the connection goes."""
	edge = start()
	cert = "revoked" if how == "crl" else "partner"
	with lab.connect(MUTUAL, cert, where=HOST, source=23) as c, lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as other, \
			lab.connect(MUTUAL, cert, where=HOST) as idle:
		call = call_desk(lab, c, media)
		assert options(idle).status == 200
		since = edge.mark()
		reload(edge, partner={"trust": [lab.pki.rogue_root]} if how == "ca" else {"revocation": "soft", "crls": [f"{lab.pki.dir}/crl.pem"]})
		line = edge.wait_line(since, event="conn.draining")
		assert line["reason"] == "conn.revoked" and line["calls"] == "1", line
		assert ("tls.revoked" if how == "crl" else "unable to get local issuer") in line["detail"], line
		idle.wait_closed()  # no call on it: at once
		assert edge.status()["counts"]["connections_draining"] == 1
		assert "draining 1" in edge.command("status").stdout
		# what is up goes on, both ways
		media.wait(20)
		assert call.ask("INFO").status == 200
		assert info_from_desk(lab, call) == 200
		# nothing new
		for answer in (options(c), lab.call(c, f"desk@{OURS}", f"caller@{PARTNER}").invite(offer(lab.ip(23))).wait()):
			assert answer.status == 503 and "conn.revoked" in answer.get("warning"), answer.raw
		with pytest.raises((Closed, TimeoutError)):
			with lab.connect(MUTUAL, cert, where=HOST) as again:
				options(again)
		assert options(other).status == 200
		assert call.bye().status == 200
		c.wait_closed()
		assert edge.wait_line(since, event="conn.closed", conn=line["conn"])["reason"] == "conn.revoked"
		assert edge.wait_line(since, event="call.ended")["reason"] == "ok"
	edge.wait_nothing_held(connections=False)


def test_a_certificate_that_expires_while_it_is_in_use(lab, start, media):
	"""Nothing is reloaded: time passes. What is idle is closed; what has a call keeps it, and gets no other."""
	def change(config):
		config["limits"]["rejudge"] = "1s"
	edge = start(change)
	lab.pki.one("shortlived", san=f"DNS:{PARTNER}", valid="8s")
	with lab.connect(MUTUAL, "shortlived", where=HOST, source=23) as c, lab.connect(MUTUAL, "shortlived", where=HOST) as idle, \
			lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as other:
		call = call_desk(lab, c, media)
		assert options(idle).status == 200
		line = edge.wait_line(0, timeout=20, event="conn.draining")
		assert line["reason"] == "conn.revoked" and "expired" in line["detail"] and line["calls"] == "1", line
		idle.wait_closed()
		media.wait(10)
		assert call.ask("INFO").status == 200 and options(c).status == 503
		with pytest.raises((Closed, TimeoutError)):
			with lab.connect(MUTUAL, "shortlived", where=HOST) as again:
				options(again)
		assert call.bye().status == 200
		c.wait_closed()
		assert options(other).status == 200
	assert len(edge.lines(0, event="conn.draining")) == 1 and not edge.lines(0, event="reload.done", by="signal")


def test_a_draining_connection_ends_when_its_time_is_up(lab, start, media):
	def change(config):
		config["limits"]["drain"] = "2s"
	edge = start(change)
	with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
		call_desk(lab, c, media)
		since = edge.mark()
		reload(edge, partner={"trust": [lab.pki.rogue_root]})
		edge.wait_line(since, event="conn.draining", seconds=2)
		media.wait(10)
		edge.wait_line(since, event="conn.drain-timeout", calls=1)
		c.wait_closed()
		assert edge.wait_line(since, event="call.ended")["reason"] == "conn.revoked"
	edge.wait_nothing_held(connections=False)


def test_a_ca_that_comes_back_in_time_keeps_the_connection(lab, start, media):
	edge = start()
	with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
		call = call_desk(lab, c, media)
		since = edge.mark()
		reload(edge, partner={"trust": [lab.pki.rogue_root]})
		edge.wait_line(since, event="conn.draining")
		reload(edge, partner={"trust": [lab.pki.root]})
		edge.wait_line(since, event="conn.restored")
		assert options(c).status == 200 and edge.status()["counts"]["connections_draining"] == 0
		assert call.bye().status == 200
		assert options(c).status == 200, "it was not closed with the call"


def test_a_server_that_no_longer_proves_itself_keeps_its_calls(lab, start, media):
	"""A connection we opened: new calls are not sent over it, those that are up are; and it ends with them."""
	edge = start()
	with lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as c:
		call = call_desk(lab, c, media, ZONEB)
		since = edge.mark()
		reload(edge, desk={"trust": [lab.pki.rogue_root]})
		line = edge.wait_line(since, event="conn.draining", zone="desk")
		answer = lab.call(c, f"desk@{OURS}", f"caller@{ZONEB}").invite(offer(lab.ip(23))).wait()
		assert answer.status >= 500 and "target.tls" in answer.get("warning"), answer.raw
		media.wait(20)
		assert call.ask("INFO").status == 200
		assert info_from_desk(lab, call) == 200
		assert call.bye().status == 200
		edge.wait_line(since, event="conn.closed", conn=line["conn"], reason="conn.revoked")
		assert options(c).status == 200


# --- many reloads, under load ---

STEADY = 12  # seconds: a finished INVITE, and the generation it belongs to, is kept for half of that here


CALLS_PER_SECOND = 50


class Traffic:
	"""Short calls, one after the other, on connections of their own, until stopped; and what went wrong with them."""

	def __init__(self, lab):
		self.lab, self.calls, self.wrong = lab, 0, []
		lab.desk.invite = self._answer
		self._stop = threading.Event()
		self._thread = threading.Thread(target=self._run, daemon=True)
		self._thread.start()

	def _run(self):
		while not self._stop.is_set() and len(self.wrong) < 5:
			try:
				with self.lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as c:
					for _ in range(20):
						call = self.lab.call(c, f"desk@{OURS}", f"short@{ZONEB}").invite(offer(self.lab.ip(41)))
						answers = call.wait().status, call.bye().status
						self.calls += 1
						if answers != (200, 200):
							self.wrong.append(answers)
						# not as many as a quiet machine could make: released media ports rest, and there is an end to them
						if self._stop.wait(1 / CALLS_PER_SECOND):
							return
			except Exception as e:  # noqa: BLE001  whatever it was: a call that was allowed did not go through
				self.wrong.append(repr(e))

	def _answer(self, m):
		"""The desk's audio is the long call's alone."""
		desk = self.lab.desk
		if "short@" in m.get("from"):
			return desk.reply(m, 200, offer(desk.ip))
		desk.media.remote_from(m.body)
		desk.reply(m, 200, desk.media.sdp())
		return None

	def stop(self):
		self._stop.set()
		self._thread.join(30)


def ask_reload(edge):
	"""What "sipward reload" does, without a process for each: the answer's text."""
	with socket.socket(socket.AF_UNIX) as s:
		s.settimeout(30)
		s.connect(edge.socket)
		s.sendall(b"reload\n")
		text = b""
		while part := s.recv(4096):
			text += part
	return text.decode()


def truths(lab, edge, dir):
	"""Four configurations that follow each other: another certificate, a CA more, a zone that comes, has another CA, and goes, a CRL."""
	def text(change=None):
		if change:
			change(edge.config)
		edge.write()
		return open(edge.path).read()
	def renewed(config):
		use_set(f"{dir}/edge-org.pem", f"{dir}/edge-org.key")(config)
		config["routes"] = [r for r in config["routes"] if r["name"] != "to-lines"]
		zone(config, "partner")["trust"] = [lab.pki.root, lab.pki.rogue_root]
	def guest(config):
		use_set(f"{dir}/edge-rsa.pem", f"{dir}/edge-rsa.key")(config)
		config["zones"].append({**zone(config, "zoneb"), "name": "guest", "domains": ["guest.example.org"], "trust": [lab.pki.rogue_root]})
		zone(config, "partner").update({"trust": [lab.pki.root], "revocation": "soft", "crls": [f"{lab.pki.dir}/crl.pem"]})
	def other_ca(config):
		zone(config, "guest")["trust"] = [lab.pki.root]
		zone(config, "zoneb")["trust"] = [lab.pki.zoneb_root, lab.pki.rogue_root]
	return [text(), text(renewed), text(guest), text(other_ca)]


def table(marks):
	"""What was held, and the calls made and dropped, after so many reloads."""
	lines = [f"{'reloads':>8} {'calls':>7} {'dropped':>7}  RSS KiB, descriptors, threads of supervisor, edge, media"]
	for n, (held_, calls, wrong) in sorted(marks.items()):
		lines.append(f"{n:>8} {calls:>7} {wrong:>7}  " + "   ".join(f"{h['rss_kib']} {h['fds']} {h['threads']}" for h in held_.values()))
	return "\n".join(lines)


def test_reloads_under_load_leak_nothing_and_drop_no_call(lab, start, media, second):
	"""SIPWARD_RELOADS sets how many; 300 by default. Certificates, zones, CAs, CRLs and routes change back and forth with each."""
	n, i, before, marks = int(os.environ.get("SIPWARD_RELOADS", "300")), 0, None, {}
	began = time.monotonic()
	dir = own_set(lab, f"{lab.dir}/many", "edge-rsa", "edge-org")
	def change(config):
		config["watch"] = False
		config["log"]["level"] = "info"
		use_set(f"{dir}/edge-rsa.pem", f"{dir}/edge-rsa.key")(config)
		for l in config["listeners"]:
			l["host"] = lab.ip(HOST)  # the names of the two certificates differ
	edge = start(change)
	texts = truths(lab, edge, dir)
	since = edge.mark()
	traffic = Traffic(lab)
	def mark():
		marks[i] = held.of_daemon(edge), traffic.calls, len(traffic.wrong)
	mark()
	with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
		call = call_desk(lab, c, media)
		while i < n or time.monotonic() - began < 2 * STEADY:
			i += 1
			with open(edge.path + ".new", "w") as f:
				f.write(texts[i % len(texts)])
			os.rename(edge.path + ".new", edge.path)
			said = ask_reload(edge)
			assert said == "0\nreloaded\n", said
			if not before and i >= n // 20 and time.monotonic() - began > STEADY:
				before, warm = held.of_daemon(edge), i
			if i in (n // 10, n // 2):
				mark()
			if i % 50 == 0:
				assert call.ask("INFO").status == 200
				media.wait(2)
			assert not traffic.wrong, traffic.wrong
		mark()
		after = marks[i][0]
		traffic.stop()
		assert not traffic.wrong and traffic.calls > n / 20, (traffic.calls, traffic.wrong)
		media.wait(10)
		assert call.ask("INFO").status == 200
		print(f"\n{table(marks)}")
		assert not held.grown(before, after, 8192), f"{before}\n{after}\n{table(marks)}"
		wait_until("the old generations to go", lambda: edge.status()["reload"]["generations"] == 1, 20, step=0.5)
		assert call.bye().status == 200
		assert edge.status()["counts"]["reloads"] == i
	ended = [l for l in edge.lines(since, event="call.ended") if l["reason"] != "ok"]
	assert not ended, ended[:3]
	assert not edge.lines(since, reason="conn.revoked") and not edge.lines(since, level="error")


# --- a child that dies in the midst of it ---

def frozen(edge):
	"""The edge's process, stopped: a reload that is asked for now is under way until it is killed or goes on."""
	pid = edge.child("edge")
	os.kill(pid, signal.SIGSTOP)
	return pid


def die_in_reload(edge, by=signal.SIGHUP):
	"""A reload is begun, and the edge dies before it has an outcome; the log from there on."""
	pid = frozen(edge)
	edge.write()
	since = edge.mark()
	edge.proc.kill(by)
	edge.wait_line(since, event="signal")
	os.kill(pid, signal.SIGKILL)
	edge.wait_line(since, event="child.exited", child="edge")
	return since


def zoneb_passes(lab):
	with lab.connect(MUTUAL, "zoneb", source=41, where=HOST) as c:
		return options(c).status == 200


def test_an_edge_that_dies_in_a_reload_comes_back_with_what_is_there_now(lab, start):
	"""Also where that has another listener: the sockets are the new configuration's. And reloads go on."""
	edge = start(prove=())
	before = held.of(edge.proc.pid)
	edge.config["listeners"].append({**edge.config["listeners"][0], "name": "second", "port": 5071})
	edge.config["zones"][-1]["listeners"].append("second")
	since = die_in_reload(edge)
	edge.wait_line(since, event="edge.ready", timeout=20)
	with lab.connect(5071, where=HOST) as c:
		assert options(c).status == 200
	assert zoneb_passes(lab)
	edge.config["listeners"].pop()
	edge.config["zones"][-1]["listeners"].pop()
	edge.write()
	assert edge.command("reload").stdout == "reloaded\n"
	assert zoneb_passes(lab)
	with pytest.raises(Closed):
		lab.connect(5071, where=HOST)
	assert held.of(edge.proc.pid)["fds"] == before["fds"]


@pytest.mark.parametrize("what", ["configuration", "half a pair"])
@pytest.mark.parametrize("again", ["watch", "signal"])
def test_an_edge_that_dies_while_nothing_fits_comes_back_when_it_does(lab, start, second, what, again):
	"""The daemon does not end for it, says what is wrong and where, and tries again at once when the files change or it is told to."""
	dir = own_set(lab, f"{lab.dir}/dies-{what[:4]}-{again}", "edge-rsa", "edge-org")
	cert, key = f"{dir}/live.pem", f"{dir}/live.key"
	shutil.copy(f"{dir}/edge-rsa.pem", cert)
	shutil.copy(f"{dir}/edge-rsa.key", key)
	def change(config):
		use_set(cert, key)(config)
		config["watch"] = again == "watch"
	edge = start(change, prove=())
	before = presented(lab)
	pid = frozen(edge)
	since = edge.mark()
	if what == "configuration":
		with open(edge.path, "a") as f:
			f.write("nonsense = 1;\n")
	else:
		shutil.copyfile(f"{dir}/edge-org.pem", cert)
	edge.proc.kill(signal.SIGHUP)
	edge.wait_line(since, event="signal")
	os.kill(pid, signal.SIGKILL)
	wrong = {"configuration": ("nonsense", edge.path), "half a pair": ("does not belong to the certificate", key)}[what]
	edge.wait_line(since, event="child.restart", child="edge", in_ms=2000, timeout=20)
	said = [l for l in edge.lines(since, event="config", level="error") if wrong[0] in l["detail"] and l["file"] == wrong[1]]
	assert said, edge.lines(since, level="error")
	since = edge.mark()
	if what == "configuration":
		edge.write()
	else:
		shutil.copyfile(f"{dir}/edge-org.key", key)
	if again == "signal":
		edge.proc.kill(signal.SIGHUP)
	edge.wait_line(since, event="edge.ready", timeout=20)
	assert (presented(lab) != before) == (what == "half a pair")
	assert edge.command("reload").stdout == "reloaded\n"


def test_a_command_whose_edge_dies_is_told_so(lab, start):
	edge = start(prove=())
	pid = frozen(edge)
	done = []
	asking = threading.Thread(target=lambda: done.append(edge.command("reload", check=False)))
	asking.start()
	try:
		wait_until("the command's connection", lambda: open("/proc/net/unix").read().count(f" {edge.socket}\n") > 1, 10)
		os.kill(pid, signal.SIGKILL)
	finally:
		asking.join(30)
	assert done and done[0].returncode not in (0, 2), done
	edge.wait_line(0, event="child.restart", child="edge")


def test_a_media_process_that_dies_in_a_reload_costs_no_call(lab, start, media):
	edge = start()
	with lab.connect(MUTUAL, "partner", where=HOST, source=23) as c:
		call = call_desk(lab, c, media)
		pid, killed = frozen(edge), edge.child("media")
		zone(edge.config, "zoneb")["trust"] = [lab.pki.rogue_root]
		edge.write()
		since = edge.mark()
		edge.proc.kill(signal.SIGHUP)
		edge.wait_line(since, event="signal")
		os.kill(killed, signal.SIGKILL)
		edge.wait_line(since, event="child.exited", child="media")
		os.kill(pid, signal.SIGCONT)
		edge.wait_line(since, event="reload.done", by="signal", timeout=20)
		edge.wait_line(since, event="media.started", timeout=20)
		media.wait(20)
		assert call.ask("INFO").status == 200 and call.bye().status == 200
		with pytest.raises((Closed, TimeoutError)):
			zoneb_passes(lab)
	assert not edge.lines(since, event="call.ended", reason="media.lost")
	edge.wait_nothing_held(connections=False)
