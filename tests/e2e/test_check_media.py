# SPDX-License-Identifier: Apache-2.0
"""The media probes of sipward check and the inbound half: coturn, STUN servers that misbehave, sipward reflect, firewalls, NATs, narrow paths."""
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading

import pytest

from conftest import lacking
from lab import proc
from lab.dns import Knot
from lab.net import Block, accepts, free_ports, udp_bound, wait_until
from lab.netns import CLIENT, SERVER, Row
from lab.pki import Pki
from lab.sipward import TREE, binaries, libconfig

RAISED = ("fail", "warn", "unknown")
USER, PASSWORD, SECRET = "lab", "correct horse", "a secret of the lab's own"
HEAD = 'name = "lab"; title = "Lab"; source = "the lab"; as_of = "2026-01-02"; sip = false;\n'


class Lab:
	def __init__(self):
		self.dir = tempfile.mkdtemp(prefix="sipward-media-")
		self.block = Block()
		self.ip = self.block.ip
		self.pki = Pki(f"{self.dir}/pki")
		self.running, self.n = [], 0

	def profile(self, *servers, media="", more=""):
		rows = ", ".join(f'{{ kind = "{s[0]}"; host = "{s[1]}"; port = {s[2]}; transport = "{s[3]}"; {"".join(s[4:])} }}' for s in servers)
		self.n += 1
		path = f"{self.dir}/profile{self.n}.conf"
		with open(path, "w") as f:
			f.write(f"{HEAD}media = {{ {media} }};\nservers = ( {rows} );\n{more}\n")
		return path

	def coturn(self, last=20, *options, where=None, cert=None, udp=True):
		exe, = proc.need("turnserver")
		ip = where or self.ip(last)
		cert = cert or self.pki.one("turn", san=f"DNS:turn.example.org,IP:{ip}")
		os.chmod(cert.key, 0o644)
		os.makedirs(f"{self.dir}/turn", exist_ok=True)
		p = proc.Proc("turnserver", [exe, "-n", "--listening-ip", ip, "--relay-ip", ip, "--listening-port", "3478", "--tls-listening-port", "5349",
			"--min-port", "40000", "--max-port", "40100", "--realm", "lab", "--cert", cert.pem, "--pkey", cert.key, "--no-cli", "--no-dtls",
			"--log-file", "stdout", "--simple-log", "--pidfile", f"{self.dir}/turn/{last}.pid", "--userdb", f"{self.dir}/turn/{last}.db",
			*([] if udp else ["--no-udp"]), *(options or ["--lt-cred-mech", "--user", f"{USER}:{PASSWORD}"])], f"{self.dir}/turn-{last}.log")
		self.running.append(p)
		wait_until("turnserver to listen", lambda: accepts(ip, 3478), 10, alive=p.check_alive)
		return ip

	def check(self, *args, env=None, wrap=lambda argv: argv, timeout="3s", allow="127.0.0.0/8"):
		argv = wrap([binaries()[1], "check", "-o", "json", "--progress", "none", "--allow", allow, "--timeout", timeout, *args])
		r = proc.run(argv, check=False, timeout=90, env={"SSL_CERT_FILE": self.pki.root, "SIPWARD_PROFILES": f"{TREE}/conf/profiles", **(env or {})})
		assert r.stdout.startswith("{"), r.stderr
		return json.loads(r.stdout)["results"]

	def udp(self, answer, last=30, port=3478):
		"""A UDP server in a thread: answer(datagram, source) gives datagrams."""
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((self.ip(last), port))
		over = threading.Event()

		def serve():
			while not over.is_set():
				data, source = s.recvfrom(4096)
				for d in () if over.is_set() else answer(data, source):
					s.sendto(d, source)
		t = threading.Thread(target=serve)
		t.start()

		class Running:
			def stop(self):
				over.set()
				with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as x:
					x.sendto(b"", s.getsockname())
				t.join()
				s.close()
		self.running.append(Running())
		return self.ip(last)

	def quiet(self):
		for p in reversed(self.running):
			p.stop()
		self.running.clear()

	def close(self):
		self.quiet()
		self.block.release()
		shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def whole():
	try:
		l = Lab()
	except proc.Missing as e:
		lacking(e)
	yield l
	l.close()


@pytest.fixture
def lab(whole):
	try:
		yield whole
	except proc.Missing as e:
		lacking(e)
	finally:
		whole.quiet()


@pytest.fixture
def row(lab):
	made = []

	def make(**words):
		if not Row.usable():
			lacking("network namespaces need root")
		made.append(Row(**words))
		return made[-1]
	yield make
	for r in made:
		r.close()


def raised(results):
	return {(f["id"], f["status"]) for f in results if f["status"] in RAISED}


def of(results, id, *status):
	return [f for f in results if f["id"] == id and (not status or f["status"] in status)]


def need_coturn():
	try:
		proc.need("turnserver")
	except proc.Missing as e:
		lacking(e)


ALL = ("udp", "tcp", "tls")


def turn(lab, ip, *more, kinds=ALL):
	return lab.profile(*[("turn", ip, 5349 if t == "tls" else 3478, t) for t in kinds], *more)


# --- STUN and TURN ---

def test_a_healthy_turn_server_raises_nothing(lab):
	need_coturn()
	ip = lab.coturn()
	results = lab.check("-p", turn(lab, ip), "--turn-user", USER, env={"SIPWARD_TURN_PASSWORD": PASSWORD})
	assert not raised(results), results
	assert len(of(results, "media.stun", "pass")) == 3 and len(of(results, "media.turn", "pass")) == 3
	assert len(of(results, "media.turn.allocate", "pass")) >= 1 and of(results, "media.turn.name", "pass")
	assert of(results, "media.transports", "pass")[0]["found"].startswith("udp") and "no NAT" in of(results, "media.nat")[0]["found"]
	assert of(results, "media.mtu", "pass")[0]["found"] == "1500"


def test_a_wrong_password(lab):
	need_coturn()
	ip = lab.coturn()
	results = lab.check("-p", turn(lab, ip, kinds=("udp",)), "--turn-user", USER, env={"SIPWARD_TURN_PASSWORD": "wrong"})
	assert raised(results) == {("media.turn.allocate", "fail")}, results
	assert "401" in of(results, "media.turn.allocate")[0]["found"]


def test_a_turn_server_for_everybody(lab):
	need_coturn()
	ip = lab.coturn(21, "--no-auth")
	results = lab.check("-p", turn(lab, ip, kinds=("udp",)))
	assert raised(results) == {("media.turn.open", "fail")}, results


def test_the_name_in_its_certificate(lab):
	need_coturn()
	ip = lab.coturn(22, cert=lab.pki.one("turn-other", san="DNS:other.example.org"))
	results = lab.check("-p", turn(lab, ip, kinds=("tls",)))
	assert raised(results) == {("media.turn.name", "fail")}, results


def test_udp_does_not_come_through(lab):
	"""TCP does: it works, and it is the worse way."""
	need_coturn()
	ip = lab.coturn(23, udp=False)
	results = lab.check("-p", turn(lab, ip, kinds=("udp", "tcp")), timeout="2s")
	assert ("media.transports", "warn") in raised(results) and ("media.stun", "fail") in raised(results), results
	assert of(results, "media.transports")[0]["found"].startswith("udp no answer, tcp")
	assert len(of(results, "media.stun", "pass")) == 1


def test_nobody_there(lab):
	results = lab.check("-p", lab.profile(("stun", lab.ip(40), 3478, "udp")))
	assert raised(results) == {("media.stun", "fail")}, results
	hearsay = lab.check("-p", lab.profile(("stun", lab.ip(40), 3478, "udp", "confirmed = false;")))
	assert not raised(hearsay) and of(hearsay, "media.stun", "skip"), hearsay


def test_a_pattern_is_no_host(lab):
	results = lab.check("-p", lab.profile(("turn", "*.turn.example.org", 443, "tls")))
	assert not raised(results) and of(results, "media.skipped", "skip"), results


COOKIE = 0x2112A442


def success(data, attributes, id=None):
	return struct.pack("!HHI", 0x0101, len(attributes), COOKIE) + (id or data[8:20]) + attributes


def mapped(source, kind=0x0020):
	port, addr = source[1], int.from_bytes(socket.inet_aton(source[0]), "big")
	if kind == 0x0020:
		port, addr = port ^ COOKIE >> 16, addr ^ COOKIE
	return struct.pack("!HHBBHI", kind, 8, 0, 1, port, addr)


def is_binding(data):
	return len(data) >= 20 and struct.unpack("!HHI", data[:8])[::2] == (1, COOKIE)


def test_an_old_stun_server(lab):
	ip = lab.udp(lambda d, s: [success(d, mapped(s, 0x0001))] if is_binding(d) else [])
	results = lab.check("-p", lab.profile(("stun", ip, 3478, "udp")))
	assert {id for id, _ in raised(results)} == {"media.stun.old"}, results


def test_a_good_stun_server_behind_noise(lab):
	"""Answers to other questions, garbage and a stranger's id come first: they are no answers, and no end."""
	def answer(d, s):
		if not is_binding(d):
			return []
		return [b"", b"noise", success(d, mapped(s), id=b"x" * 12), d, success(d, mapped(s))]
	results = lab.check("-p", lab.profile(("stun", lab.udp(answer), 3478, "udp")))
	assert not raised(results) and of(results, "media.stun", "pass"), results


@pytest.mark.parametrize("what", ["another-id", "garbage", "cut", "no-address", "huge-attribute"])
def test_what_is_no_answer_is_none(lab, what):
	def answer(d, s):
		whole = success(d, mapped(s))
		return [{"another-id": success(d, mapped(s), id=b"y" * 12), "garbage": os.urandom(80), "cut": whole[:-4], "no-address": success(d, b""),
			"huge-attribute": struct.pack("!HHI", 0x0101, 8, COOKIE) + d[8:20] + struct.pack("!HHI", 0x0020, 0xffff, 0)}[what]]
	results = lab.check("-p", lab.profile(("stun", lab.udp(answer), 3478, "udp")), timeout="2s")
	assert of(results, "media.stun", "fail") and not of(results, "media.stun", "pass"), results


# --- the way: NAT, MTU ---

def in_row(r):
	return lambda argv: r.argv("c", *argv)


def far_coturn(lab, r, addr=SERVER, name="far"):
	exe, = proc.need("turnserver")
	r.start("s", "turnserver", [exe, "-n", "--listening-ip", addr, "--relay-ip", addr, "--listening-port", "3478", "--no-tls", "--no-dtls", "--no-cli",
		"--realm", "lab", "--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--log-file", "stdout", "--simple-log", "--pidfile",
		f"{lab.dir}/{name}.pid", "--userdb", f"{lab.dir}/{name}.db"], f"{lab.dir}/{name}.log")
	wait_until("turnserver to listen", lambda: r.run("c", sys.executable, "-c",
		f"import socket; socket.create_connection(('{addr}', 3478), 1)", check=False).returncode == 0, 10)


@pytest.mark.parametrize("mtu, status, found", [(1500, "pass", "1500"), (1400, "warn", "1400"), (1284, "fail", "1284"), (1276, "fail", "less than 1280")])
def test_path_mtu(lab, row, mtu, status, found):
	"""The narrow place is behind the router; what does not fit is lost without a word."""
	need_coturn()
	r = row(mtu=mtu)
	r.nft("table ip f { chain o { type filter hook output priority 0; ip protocol icmp drop; } }")
	far_coturn(lab, r)
	results = lab.check("-p", lab.profile(("stun", SERVER, 3478, "udp")), wrap=in_row(r), timeout="5s")
	f, = of(results, "media.mtu")
	assert f["status"] == status and f["found"].startswith(found[:3] if status != "fail" or mtu > 1280 else found), f
	if status != "fail" or mtu > 1280:
		assert abs(int(f["found"]) - mtu) <= 4, f


@pytest.mark.parametrize("rule, status, found", [
	(None, "pass", "no NAT"), ("masquerade", "pass", "NAT: 10.77.1.2"), ("masquerade random,fully-random", "warn", "symmetric NAT")])
def test_nat(lab, row, rule, status, found):
	need_coturn()
	r = row()
	if rule:
		r.nft('table ip n { chain p { type nat hook postrouting priority 100; oifname "rs" %s; } }' % rule)
	r.run("s", "ip", "addr", "add", "10.77.2.3/24", "dev", "vs")
	far_coturn(lab, r)
	far_coturn(lab, r, "10.77.2.3", "far2")
	k = Knot(f"{lab.dir}/dns", SERVER, {"example.org": [f"stun A {SERVER}", "stun A 10.77.2.3"]})
	r.start("s", "knotd", [k.knotd, "-c", f"{k.dir}/knot.conf"], f"{k.dir}/knotd.log")
	wait_until("knotd to answer", lambda: "10.77.2.3" in r.run("c", k.kdig, f"@{SERVER}", "+short", "+timeout=1", "stun.example.org", check=False).stdout, 10)
	results = lab.check("-p", lab.profile(("stun", "stun.example.org", 3478, "udp")), "--dns", SERVER, wrap=in_row(r), allow="10.77.0.0/16")
	f = of(results, "media.nat")
	assert f and f[0]["status"] == status and found in f[0]["found"], results


# --- our ports against the provider's ---

def test_media_ports_against_the_profile(lab):
	cert = lab.pki.one("edge-ports", san="DNS:edge.example.org")

	def conf(ports, remote):
		path = f"{lab.dir}/ports.conf"
		with open(path, "w") as f:
			f.write("".join(f"{k} = {libconfig(v)};\n" for k, v in {
				"node": {"host": "edge.example.org", "user": "root", "state_dir": f"{lab.dir}/state", "control": f"{lab.dir}/state/control"},
				"local_domains": ["example.org"],
				"listeners": [{"name": "mutual", "transport": "mtls", "addresses": [lab.ip(1)], "port": 5062, "host": "edge.example.org",
					"cert": cert.pem, "key": cert.key}],
				"zones": [{"name": "provider", "kind": "neighbor", "listeners": ["mutual"], "names": ["p.example.net"], "domains": ["p.example.net"],
					"trust": [lab.pki.root], "targets": [f"{lab.ip(2)}:5061"], "remote_ports": remote}],
				"media": {"ports": ports, "interfaces": [{"name": "out", "address": lab.ip(1)}]}}.items()))
		return path
	profile = lab.profile(media='local = "36000-59999"; remote = "52000-59999";')
	results = lab.check("-p", profile, "-f", conf("36000-59999", "52000-59999"), "--zone", "provider", f"{lab.ip(2)}:1")
	assert of(results, "media.ports.local", "pass") and of(results, "media.ports.remote", "pass"), results
	results = lab.check("-p", profile, "-f", conf("20000-30000", "52000-53000"), "--zone", "provider", f"{lab.ip(2)}:1")
	assert of(results, "media.ports.local", "warn") and of(results, "media.ports.remote", "fail"), results
	assert "36000-59999" in of(results, "media.ports.local")[0]["fix"] and 'zone "provider"' in of(results, "media.ports.remote")[0]["fix"]


# --- the inbound half ---

def reflector(lab, r=None, last=50):
	"""sipward reflect, and its address."""
	ip = SERVER if r else lab.ip(last)
	secret = f"{lab.dir}/secret"
	with open(secret, "w") as f:
		f.write(SECRET + "\n")
	os.chmod(secret, 0o600)
	argv = [binaries()[1], "reflect", "--listen", f"{ip}:5068", "--secret-file", secret]
	log = f"{lab.dir}/reflect-{last if not r else 'far'}.log"
	p = r.start("s", "sipward reflect", argv, log) if r else proc.Proc("sipward reflect", argv, log)
	if not r:
		lab.running.append(p)
		wait_until("the reflector to listen", lambda: accepts(ip, 5068), 10, alive=p.check_alive)
	else:
		wait_until("the reflector to listen", lambda: r.run("c", sys.executable, "-c",
			f"import socket; socket.create_connection(('{ip}', 5068), 1)", check=False).returncode == 0, 10, alive=p.check_alive)
	return ip


MEDIA = 'local = "36000-36999";'
PORTS = 'signalling = { ports = ( { ports = "5061-5061"; transport = "tls"; direction = "in"; purpose = "SIP"; } ); };'


def via(lab, ip, r=None, secret=SECRET, **more):
	path = f"{lab.dir}/via-secret"
	with open(path, "w") as f:
		f.write(secret + "\n")
	os.chmod(path, 0o600)
	return lab.check("-p", lab.profile(media=MEDIA, more=PORTS), "--via", ip, "--via-secret-file", path, allow="10.77.0.0/16",
		wrap=in_row(r) if r else lambda argv: argv, **more)


def test_everything_comes_in(lab, row):
	r = row()
	results = via(lab, reflector(lab, r), r)
	assert not raised(results), results
	for id in ("net.reflector", "net.inbound", "net.alg", "media.udp.in", "media.udp.out"):
		assert of(results, id, "pass"), results
	assert of(results, "net.reflector")[0]["evidence"][0]["value"].startswith(CLIENT)


def test_a_wrong_secret_is_unknown(lab, row):
	r = row()
	results = via(lab, reflector(lab, r), r, secret="another secret altogether")
	assert raised(results) == {("net.reflector", "unknown")}, results
	assert not of(results, "net.inbound") and not of(results, "media.udp.in"), "a check that was not made has not passed"


def test_no_reflector_there(lab, row):
	r = row()
	results = via(lab, SERVER, r, timeout="1s")
	assert raised(results) == {("net.reflector", "unknown")}, results


def test_a_firewall_lets_nothing_in(lab, row):
	r = row()
	r.nft('table ip f { chain f { type filter hook forward priority 0; ct state established,related accept; iifname "rs" drop; } }')
	results = via(lab, reflector(lab, r), r, timeout="6s")
	assert {("net.inbound", "fail"), ("media.udp.in", "fail")} == raised(results), results
	assert of(results, "media.udp.out", "pass")


def test_a_firewall_that_forgot_the_end_of_the_range(lab, row):
	r = row()
	r.nft('table ip f { chain f { type filter hook forward priority 0; iifname "rs" udp dport 36900-36999 drop; } }')
	results = via(lab, reflector(lab, r), r, timeout="2s")
	assert raised(results) == {("media.udp.in", "fail")}, results
	assert len(of(results, "media.udp.in", "pass")) == 2 and "36998" in of(results, "media.udp.in", "fail")[0]["subject"]


def test_udp_does_not_go_out(lab, row):
	r = row()
	r.nft('table ip f { chain f { type filter hook forward priority 0; iifname "rc" udp dport != 5060 drop; } }')
	results = via(lab, reflector(lab, r), r, timeout="2s")
	assert ("media.udp.out", "fail") in raised(results) and not of(results, "media.udp.in", "fail"), results


ALG = r"""
import re, socket, sys, threading
def pump(a, b, edit):
	try:
		for d in iter(lambda: a.recv(65536), b""):
			b.sendall(re.sub(rb"Contact: <sip:([^@]*)@[0-9.]+", rb"Contact: <sip:\1@198.51.100.7", d) if edit else d)
	except OSError:
		pass
	for s in (a, b):
		try: s.shutdown(socket.SHUT_RDWR)
		except OSError: pass
l = socket.create_server(("0.0.0.0", 9999))
while True:
	c, _ = l.accept()
	s = socket.create_connection((sys.argv[1], 5060))
	threading.Thread(target=pump, args=(c, s, True)).start()
	threading.Thread(target=pump, args=(s, c, False)).start()
"""


def test_an_alg_on_the_way_is_caught(lab, row):
	"""A router that edits SIP over TCP on 5060, as many do."""
	r = row()
	alg = r.start("r", "alg", [sys.executable, "-c", ALG, SERVER], f"{lab.dir}/alg.log")
	wait_until("the ALG to listen", lambda: r.run("r", "ss", "-Hltn", "sport = :9999").stdout.strip(), 10, alive=alg.check_alive)
	r.nft('table ip n { chain p { type nat hook prerouting priority -100; iifname "rc" tcp dport 5060 redirect to :9999; } chain m { type nat hook postrouting '
		'priority 100; oifname "rs" masquerade; } }')   # a NAT, so that all of it comes from one address
	results = via(lab, reflector(lab, r), r, timeout="6s")
	f, = of(results, "net.alg", "fail")
	assert "TCP to port 5060" in f["subject"] and "198.51.100.7" in f["found"], f
	assert len(of(results, "net.alg", "pass")) == 2, "UDP, and TCP on the control port, are left alone"


def test_clear_sip_is_blocked(lab, row):
	r = row()
	r.nft('table ip f { chain f { type filter hook forward priority 0; udp dport 5060 drop; } }')
	results = via(lab, reflector(lab, r), r, timeout="2s")
	assert raised(results) == {("net.alg", "warn")}, results
