# SPDX-License-Identifier: Apache-2.0
"""What stands around the edge: the net probes of sipward check, against real time servers, proxies and web servers, healthy and with one
thing wrong."""
import json
import os
import re
import shutil
import tempfile

import pytest

from conftest import lacking
from lab import around, proc
from lab.dns import Knot
from lab.net import Block
from lab.pki import Pki
from lab.sipward import SANITIZER, TREE, binaries, libconfig

RAISED = ("fail", "warn", "unknown")
NAMES = {"a.net.test": 21, "b.net.test": 22, "sock.net.test": 23}


class Lab:
	def __init__(self):
		self.dir, self.block, self.things, self.count = tempfile.mkdtemp(prefix="sipward-net-"), Block(), [], 0
		os.chmod(self.dir, 0o711)   # squid becomes another user
		self.ip = self.block.ip
		try:
			self.pki = Pki(f"{self.dir}/pki")
			sans = ",".join([f"DNS:{n}" for n in NAMES] + [f"IP:{self.ip(i)}" for i in NAMES.values()])
			self.cert = self.pki.one("host", san=sans)
			self.rogue = self.pki.one("inspector", issuer="rogue-root", san=sans)
			self.dns = Knot(f"{self.dir}/dns", self.ip(53), {"net.test": [f"{n[:-9]} A {self.ip(i)}" for n, i in NAMES.items()]}).start()
		except BaseException:
			self.close()
			raise

	def up(self, thing):
		self.things.append(thing)
		return thing

	def fresh(self, name):
		self.count += 1
		return f"{self.dir}/{name}-{self.count}"

	def file(self, name, text):
		path = self.fresh(name)
		with open(path, "w") as f:
			f.write(text)
		return path

	def host(self, name="a.net.test", cert=None, port=0):
		"""A web server's port with TLS at the address of that name."""
		return self.up(around.Server(self.ip(NAMES[name]), around.idle, cert or self.cert, port))

	def profile(self, **tables):
		return self.file("profile", "".join(f"{k} = {entries(v)};\n" for k, v in {"name": "lab", "title": "Lab", "source": "the lab",
			"as_of": "2026-11-21", "sip": False, **tables}.items()))

	def check(self, *args, before=(), env=None, timeout="2s", **tables):
		argv = [*before, binaries()[1], "check", "-p", self.profile(**tables), "-o", "json", "-q", "--dns", f"{self.dns.ip}:{self.dns.port}",
			"--allow", "127.0.0.0/8", "--timeout", timeout, "--deadline", "30s", *args]
		r = proc.run(argv, check=False, timeout=60, env={"SSL_CERT_FILE": self.pki.root, **(env or {})})
		assert r.stdout.startswith("{") and not SANITIZER.search(r.stderr), r.stderr
		return Report(json.loads(r.stdout)["results"], r.stdout)

	def quiet(self):
		while self.things:
			self.things.pop().stop()

	def close(self):
		self.quiet()
		if hasattr(self, "dns"):
			self.dns.stop()
		self.block.release()
		shutil.rmtree(self.dir, ignore_errors=True)


def entries(v):
	"""Libconfig, lists in round brackets: a profile's lists of words too."""
	if isinstance(v, dict):
		return "{ " + " ".join(f"{k} = {entries(x)};" for k, x in v.items()) + " }"
	return "( " + ", ".join(map(entries, v)) + " )" if isinstance(v, list) else libconfig(v)


class Report(list):
	def __init__(self, results, text):
		super().__init__(x for x in results if x["stage"] == "net")
		self.text = text

	def of(self, id):
		return [x for x in self if x["id"] == id]

	def one(self, id, subject=""):
		found = [x for x in self.of(id) if subject in x["subject"]]
		assert len(found) == 1, f"{id}: {list(self)}"
		return found[0]

	def raised(self, *but):
			return {(x["id"], x["status"]) for x in self if x["status"] in RAISED and x["id"] not in but}


def says(x, status, found):
	assert x["status"] == status and found in x["found"], x
	assert x["fix"] or status == "skip", "a finding without a way out"


def evidence(x, key):
	return [e["value"] for e in x["evidence"] if e["key"] == key]


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
	finally:
		whole.quiet()


def start(lab, make, *args, **words):
	try:
		return lab.up(make(*args, **words))
	except proc.Missing as e:
		lacking(e)


# --- time ---

def test_a_good_clock(lab):
	server = lab.up(around.Ntp(lab.ip(1)))
	x = lab.check("--ntp", server.at).one("net.ntp")
	assert x["status"] == "pass" and abs(float(evidence(x, "offset_seconds")[0])) < 1 and evidence(x, "stratum") == ["2"], x
	m = server.asked[0]
	assert len(m) == 48 and m[0] == 0x23 and m[1:40] == bytes(39), "version 4, a client, and nothing of our own clock"


@pytest.mark.parametrize("ahead, status, found", [(5, "warn", "behind"), (-5, "warn", "ahead"), (40, "fail", "behind"), (-40, "fail", "ahead")])
def test_a_clock_that_is_off(lab, ahead, status, found):
	r = lab.check("--ntp", lab.up(around.Ntp(lab.ip(1), ahead)).at)
	says(r.one("net.ntp"), status, found)
	assert abs(float(evidence(r.one("net.ntp"), "offset_seconds")[0]) - ahead) < 0.9
	assert r.raised() == {("net.ntp", status)}


@pytest.mark.parametrize("what, found", [
	({"leap": 3}, "not synchronised"), ({"stratum": 16}, "stratum 16"), ({"stratum": 0, "kiss": b"RATE"}, "kiss of death RATE"),
])
def test_a_server_unfit_to_be_asked(lab, what, found):
	r = lab.check("--ntp", lab.up(around.Ntp(lab.ip(1), ahead=3600, **what)).at)
	says(r.one("net.ntp.server"), "warn", found)
	assert r.raised() == {("net.ntp.server", "warn")} and not r.of("net.ntp"), "its time is not believed"


def test_a_time_server_that_does_not_answer(lab):
	server = lab.up(around.Ntp(lab.ip(1), silent=True))
	says(lab.check("--ntp", server.at).one("net.ntp"), "fail", "no answer")
	assert len(set(m[40:48] for m in server.asked)) == len(server.asked) == 3, "each question has its own random origin"
	server.stop()
	says(lab.check("--ntp", server.at).one("net.ntp"), "fail", "refused")


def test_answers_to_other_questions_are_passed_over(lab):
	"""Somebody who does not see the question can't set our clock: an hour off is not believed."""
	x = lab.check("--ntp", lab.up(around.Ntp(lab.ip(1), decoys=3)).at).one("net.ntp")
	assert x["status"] == "pass" and abs(float(evidence(x, "offset_seconds")[0])) < 1, x


def test_the_profiles_time_server(lab):
	server = lab.up(around.Ntp(lab.ip(1), silent=True))
	def of(**more):
		return [{"kind": "ntp", "host": server.ip, "port": server.port, **more}]
	assert lab.check(servers=of()).one("net.ntp")["status"] == "fail"
	assert lab.check(servers=of(confirmed=False)).one("net.ntp")["status"] == "skip", "hearsay is no failure"
	assert lab.check(servers=[{"kind": "ntp", "host": "gone.net.test", "port": 123}]).one("net.ntp")["status"] == "unknown"
	assert len(server.asked) == 6


# --- hosts ---

def test_hosts_that_are_reached(lab):
	a, b = lab.host(), lab.up(around.Server(lab.ip(22), around.idle))
	r = lab.check(hosts=[{"pattern": "a.net.test", "port": a.port, "purpose": "core"},
		{"pattern": "b.net.test", "port": b.port, "transport": "tcp", "purpose": "revocation"},
		{"pattern": a.ip, "port": a.port, "purpose": "by address"},
		{"pattern": "*.net.test", "purpose": "cdn"}, {"pattern": "b.net.test", "transport": "udp", "purpose": "turn"}])
	assert [(x["status"], x["found"]) for x in r.of("net.host")] == [("pass", "reached, TLSv1.3"), ("pass", "reached"), ("pass", "reached, TLSv1.3")], r
	assert [x["status"] for x in r.of("net.host.pattern")] == ["skip", "skip"]
	assert r.raised() == set() and not r.of("net.host.inspected")


REFUSED = {"pattern": "a.net.test", "port": 1, "transport": "tcp"}


@pytest.mark.parametrize("host, status, found", [
	(REFUSED, "fail", "refused"),
	({"pattern": "gone.net.test"}, "fail", "gone.net.test"),
	({**REFUSED, "optional": True}, "warn", "refused"),
	({**REFUSED, "confirmed": False}, "skip", "refused"),
])
def test_a_host_that_is_not_reached(lab, host, status, found):
	r = lab.check(hosts=[{**host, "purpose": "core"}])
	says(r.one("net.host"), status, found)
	assert evidence(r.one("net.host"), "purpose") == ["core"]
	assert r.raised() == ({("net.host", status)} if status != "skip" else set())


def test_without_dns_nothing_is_known_of_a_host(lab):
	r = lab.check("--dns", f"{lab.ip(99)}:53", hosts=[{"pattern": "a.net.test"}], timeout="500ms")
	assert r.raised() == {("net.host", "unknown")}, r


def test_a_host_without_tls_where_it_is_expected(lab):
	b = lab.up(around.Server(lab.ip(22), lambda c: c.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")))
	says(lab.check(hosts=[{"pattern": "b.net.test", "port": b.port}]).one("net.host"), "fail", "TLS handshake failed")


def test_a_host_whose_tls_is_inspected(lab):
	a, b = lab.host(cert=lab.rogue), lab.host("b.net.test")
	r = lab.check(hosts=[{"pattern": "a.net.test", "port": a.port, "purpose": "core"}, {"pattern": "b.net.test", "port": b.port}])
	x = r.one("net.host.inspected")
	says(x, "warn", "certificate")
	assert "a.net.test" in x["subject"] and r.raised() == {("net.host.inspected", "warn")}


# --- networks ---

NETWORKS = [{"tag": "core", "prefixes": ["192.0.2.0/25", "198.51.100.0/24"]}, {"tag": "hearsay", "prefixes": ["203.0.113.0/24"], "confirmed": False}]


def conf(lab, zone):
	"""A configuration whose daemon is not running; its path."""
	c, state = lab.pki.cert("edge-rsa"), lab.fresh("state")
	os.mkdir(state)
	return lab.file("sipward.conf", "".join(f"{k} = {libconfig(v)};\n" for k, v in {
		"node": {"host": "edge.example.com", "user": "root", "state_dir": state, "control": f"{state}/control"}, "local_domains": ["net.test"],
		"listeners": [{"name": "mutual", "transport": "mtls", "addresses": ["127.0.0.1"], "port": 5062, "host": "edge.example.com",
			"cert": c.pem, "key": c.key}],
		"zones": [{"name": "peer", "kind": "dns", "listeners": ["mutual"], "domains": ["b.net.test"], "names": ["b.net.test"],
			"trust": [lab.pki.root], "target_networks": ["127.0.0.0/8"], **zone}],
		"routes": [{"name": "out", "domain": "b.net.test", "to": "peer"}],
		"media": {"interfaces": [{"name": "lab", "address": "127.0.0.1"}], "ports": "36000-36999"},
		"dns": {"servers": [f"{lab.dns.ip}:{lab.dns.port}"]}}.items()))


def test_the_providers_networks(lab):
	x = lab.check("--ntp", lab.up(around.Ntp(lab.ip(1))).at, networks=NETWORKS).one("net.subnets")
	assert (x["status"], x["found"]) == ("pass", "3 networks") and evidence(x, "core") == ["192.0.2.0/25", "198.51.100.0/24"], x


@pytest.mark.parametrize("sources, missing", [
	(["192.0.2.0/24", "198.51.100.0/24"], None), (["0.0.0.0/0"], None), (None, None),
	(["192.0.2.0/24"], ['"198.51.100.0/24"']), (["192.0.2.0/26"], ['"192.0.2.0/25"', '"198.51.100.0/24"']),
])
def test_the_zones_sources_and_the_providers_networks(lab, sources, missing):
	rows = lab.check("-f", conf(lab, {"sources": sources}), "-z", "peer", "127.0.0.1:1", networks=NETWORKS).of("net.subnets.sources")
	if sources is None:
		assert rows == [], "anybody may come: nothing is missing"
	elif missing is None:
		assert [x["status"] for x in rows] == ["pass"], rows
	else:
		says(rows[0], "fail", f"{len(missing)} network")
		assert ", ".join(missing) in rows[0]["fix"] and "203.0.113" not in rows[0]["fix"], "hearsay is not asked for"


FEED = {"createDate": "2026-11-20-00-00-00", "prefixes": [{"ip_prefix": "192.0.2.0/24", "region": "eu-north-1", "service": "AMAZON"},
	{"ip_prefix": "198.51.100.0/24", "region": "eu-north-1", "service": "EC2"}],
	"ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "eu-north-1", "service": "AMAZON"}]}
AWS = [{"regions": ["eu-north-1"]}]


def test_the_feed_with_the_region(lab):
	r = lab.check("--aws", lab.file("feed", json.dumps(FEED)), aws=AWS)
	assert r.one("net.aws")["found"] == "1 IPv4 and 1 IPv6 networks" and evidence(r.one("net.aws"), "feed_date") == ["2026-11-20-00-00-00"]
	assert r.raised() == set() and lab.check(aws=AWS).one("net.aws")["status"] == "skip"


def test_the_feed_without_the_region(lab):
	r = lab.check("--aws", lab.file("feed", json.dumps(FEED)), aws=[{"regions": ["eu-north-1", "eu-moon-1"]}])
	says(r.one("net.aws", "eu-moon-1"), "warn", "no such region")
	assert r.one("net.aws", "eu-north-1")["status"] == "pass"


@pytest.mark.parametrize("text, found", [
	("{\n\"prefixes\": [", "line 2"), ("{}", '"prefixes"'), ('{"prefixes": {}}', '"prefixes"'), ("[" * 100000, "line 1"), (None, "No such file"),
])
def test_a_feed_that_is_none(lab, text, found):
	r = lab.check("--aws", lab.fresh("gone") if text is None else lab.file("feed", text), aws=AWS)
	says(r.one("net.aws"), "unknown", found)
	assert r.raised() == {("net.aws", "unknown")}


# --- proxies ---

def through(lab, proxy, *args, host=None, password="secret", names=True, **tables):
	"""A check of one host through the proxy; by its address where the proxy's resolver is not ours."""
	h = host or lab.host()
	tables.setdefault("hosts", [{"pattern": "a.net.test" if names else h.ip, "port": h.port, "purpose": "core"}])
	return lab.check("--proxy", f"http://{proxy.at}", *args, env={"SIPWARD_PROXY_PASSWORD": password}, **tables)


def test_a_proxy_that_lets_through(lab):
	r = through(lab, start(lab, around.tinyproxy, lab.fresh("proxy"), lab.ip(2)), names=False)
	assert r.one("net.proxy")["found"] == "open, without authentication" and r.one("net.proxy.inspects")["status"] == "pass", r
	assert r.one("net.proxy.inspects")["found"] == "so it is" and r.raised() == set() and not r.of("net.proxy.clients")


CLIENTS = [{"client": "browsers", "auth": ["none", "basic", "digest"]}, {"client": "connector", "auth": ["none", "basic"]},
	{"client": "kiosk", "auth": ["none", "digest"]}]


def test_a_proxy_that_wants_a_password_in_the_clear(lab):
	proxy = start(lab, around.tinyproxy, lab.fresh("proxy"), lab.ip(2), "BasicAuth lab secret")
	host = lab.host()
	r = through(lab, proxy, "--proxy-user", "lab", host=host, names=False, proxies=CLIENTS)
	says(r.one("net.proxy.basic"), "warn", "basic")
	assert r.one("net.proxy")["status"] == "pass" and evidence(r.one("net.proxy"), "authentication") == ["basic"]
	assert [(x["subject"], x["status"]) for x in r.of("net.proxy.clients")] == [("browsers", "pass"), ("connector", "pass"), ("kiosk", "warn")]
	assert r.raised() == {("net.proxy.basic", "warn"), ("net.proxy.clients", "warn")} and "secret" not in r.text
	says(through(lab, proxy, "--proxy-user", "lab", host=host, names=False, password="wrong").one("net.proxy"), "fail", "40")


def test_a_proxy_with_digest(lab):
	proxy = start(lab, around.squid, lab.fresh("proxy"), lab.ip(2), ["digest"], hosts={"a.net.test": lab.ip(21)})
	r = through(lab, proxy, "--proxy-user", "lab", proxies=[CLIENTS[0], CLIENTS[2]])
	assert r.one("net.proxy")["status"] == "pass" and evidence(r.one("net.proxy"), "authentication") == ["digest"], r
	assert r.raised() == set() and not r.of("net.proxy.basic") and "secret" not in r.text
	says(through(lab, proxy, "--proxy-user", "lab", proxies=[CLIENTS[1]]).one("net.proxy.clients"), "warn", "digest")


def test_each_authentication_is_tried(lab):
	proxy = start(lab, around.squid, lab.fresh("proxy"), lab.ip(2), ["digest", "basic"], hosts={"a.net.test": lab.ip(21)})
	host = lab.host()
	r = through(lab, proxy, "--proxy-user", "lab", host=host)
	assert [(x["status"], evidence(x, "authentication")) for x in r.of("net.proxy")] == [("pass", ["basic"]), ("pass", ["digest"])], r
	r = through(lab, proxy, host=host)
	says(r.one("net.proxy"), "unknown", "no user was given")
	assert evidence(r.one("net.proxy"), "offered") == ["basic, digest"]
	r = through(lab, proxy, "--proxy-user", "lab", host=host, password="wrong")
	assert [(x["status"], x["found"][:3]) for x in r.of("net.proxy")] == [("fail", "407"), ("fail", "407")]


def test_ntlm(lab):
	proxy = start(lab, around.squid, lab.fresh("proxy"), lab.ip(2), ["ntlm"], hosts={"a.net.test": lab.ip(21)})
	r = through(lab, proxy, "--proxy-user", "lab", proxies=[{"client": "desktop", "auth": ["ntlm"]}, CLIENTS[1]])
	assert r.one("net.proxy")["status"] == "pass" and evidence(r.one("net.proxy"), "authentication") == ["ntlm"], r
	assert r.raised() == {("net.proxy.clients", "warn")} and r.one("net.proxy.clients", "desktop")["status"] == "pass"


def test_a_proxy_that_refuses(lab):
	proxy = start(lab, around.squid, lab.fresh("proxy"), lab.ip(2), hosts={n: lab.ip(i) for n, i in NAMES.items()},
		rules="acl ours dstdomain a.net.test b.net.test\nhttp_access allow CONNECT ours\n")
	a, c = lab.host(), lab.host("sock.net.test")
	ends = {"a.net.test": a.port, "sock.net.test": c.port, "b.net.test": 1}
	r = through(lab, proxy, hosts=[{"pattern": n, "port": p} for n, p in ends.items()])
	says(r.one("net.proxy", "sock.net.test"), "fail", "403: the proxy forbids it")
	says(r.one("net.proxy", "b.net.test"), "fail", "50")
	assert r.one("net.proxy", "a.net.test")["status"] == "pass"


def test_a_proxy_that_is_not_there(lab):
	host = lab.host()
	r = lab.check("--proxy", f"http://{lab.ip(2)}:1", hosts=[{"pattern": "a.net.test", "port": host.port}])
	says(r.one("net.proxy"), "fail", "onnect")
	says(lab.check("--proxy", "http://gone.net.test:3128", hosts=[]).one("net.proxy"), "unknown", "gone.net.test")


def test_a_proxy_that_reads_tls(lab):
	proxy = lab.up(around.Inspector(lab.ip(2), lab.rogue))
	host = lab.host()
	r = through(lab, proxy, host=host)
	x = r.one("net.proxy.inspects")
	says(x, "warn", "another one than directly")
	assert "Rogue" in evidence(x, "issuer")[0] and evidence(x, "issuer_directly") != evidence(x, "issuer")
	assert r.raised() == {("net.proxy.inspects", "warn")} and proxy.asked == [f"a.net.test:{host.port}"]
	host.stop()   # only the proxy leads out: what no public CA vouches for is told
	says(through(lab, proxy, host=host).one("net.proxy.inspects"), "warn", "certificate")


def test_where_only_the_proxy_leads_out_a_public_certificate_is_enough(lab):
	r = through(lab, lab.up(around.Inspector(lab.ip(2), lab.cert)), hosts=[{"pattern": "a.net.test", "port": 1}])
	assert r.one("net.proxy.inspects")["status"] == "pass", r


# --- WebSocket ---

def upgrade(lab, url, *args, **words):
	r = lab.check("--websocket", url, *args, **words)
	return r.one("net.websocket"), r


def test_an_upgrade_that_comes_through(lab):
	clear = lab.up(around.Server(lab.ip(23), around.websocket()))
	tls = lab.up(around.Server(lab.ip(23), around.websocket(), lab.cert))
	proxy = start(lab, around.nginx, lab.fresh("nginx"), lab.ip(3), {"/ws": f"proxy_pass http://{clear.at}; proxy_http_version 1.1; "
		"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"})
	for url in (f"ws://sock.net.test:{clear.port}/a?b=c", f"wss://sock.net.test:{tls.port}/", f"ws://{proxy.at}/ws"):
		x, r = upgrade(lab, url)
		assert (x["status"], x["found"]) == ("pass", "101, accepted") and r.raised() == set(), x
	x, r = upgrade(lab, f"wss://sock.net.test:{tls.port}/", "--proxy", f"http://{lab.up(around.Inspector(lab.ip(2), lab.cert)).at}", timeout="700ms")
	assert x["status"] == "fail", "what ends TLS and does not pass the upgrade on"


@pytest.mark.parametrize("lines, status, found", [
	("return 200 ok;", "warn", "200: the upgrade was stripped"),
	("return 302 http://login.example/;", "warn", "302 to http://login.example/"),
	("return 403;", "warn", "403"),
	("proxy_pass http://{at}; proxy_http_version 1.1;", "warn", "426"),
])
def test_an_upgrade_that_is_stripped(lab, lines, status, found):
	"""nginx that answers itself, and one that passes on all but the upgrade."""
	behind = lab.up(around.Server(lab.ip(23), around.websocket()))
	proxy = start(lab, around.nginx, lab.fresh("nginx"), lab.ip(3), {"/ws": lines.format(at=behind.at)})
	x, r = upgrade(lab, f"ws://{proxy.at}/ws")
	says(x, status, found)
	assert r.raised() == {("net.websocket", status)}


@pytest.mark.parametrize("talk, found", [
	(around.websocket(wrong_accept=True), "101 with a wrong Sec-WebSocket-Accept"),
	(around.websocket(answer="101 Switching Protocols"), "101 with a wrong Sec-WebSocket-Accept"),
	(lambda c: c.sendall(b"220 mail.example ESMTP\r\n"), "no HTTP"),
	(lambda c: c.recv(4096), "closed"),
])
def test_what_is_no_upgrade(lab, talk, found):
	x, r = upgrade(lab, f"ws://{lab.up(around.Server(lab.ip(23), talk)).at}/")
	says(x, "fail", found)
	assert r.raised() == {("net.websocket", "fail")}


def test_a_websocket_that_is_not_reached(lab):
	says(upgrade(lab, "ws://sock.net.test:1/")[0], "fail", "onnect")
	says(upgrade(lab, "ws://gone.net.test/")[0], "unknown", "gone.net.test")
	assert upgrade(lab, "wss://user@sock.net.test/")[0]["status"] == "unknown"


def test_an_upgrade_through_a_proxy_that_knows_us(lab):
	server = lab.up(around.Server(lab.ip(23), around.websocket(), lab.cert))
	proxy = start(lab, around.squid, lab.fresh("proxy"), lab.ip(2), ["digest"], hosts={"sock.net.test": lab.ip(23)})
	def try_it(password, *args):
		return upgrade(lab, f"wss://sock.net.test:{server.port}/", "--proxy", f"http://{proxy.at}", *args, env={"SIPWARD_PROXY_PASSWORD": password})
	x, r = try_it("secret", "--proxy-user", "lab")
	assert x["found"] == "101, accepted" and r.raised() == set(), r
	says(try_it("wrong", "--proxy-user", "lab")[0], "fail", "407")
	says(try_it("")[0], "unknown", "407")


def test_the_profiles_websocket(lab):
	server = lab.up(around.Server(lab.ip(23), around.websocket(), lab.cert))
	def of(**more):
		return [{"kind": "websocket", "host": "sock.net.test", "port": server.port, "transport": "tls", "path": "/x", **more}]
	assert lab.check(servers=of()).one("net.websocket")["status"] == "pass"
	assert lab.check(servers=of(port=1)).one("net.websocket")["status"] == "fail"
	assert lab.check(servers=of(port=1, confirmed=False)).one("net.websocket")["status"] == "skip"
	assert lab.check(servers=of(host="*.net.test")).one("net.websocket")["status"] == "skip"


def test_every_finding_of_this_stage_has_its_test():
	"""Those that need an outside are in test_check_media.py."""
	ids = set(re.findall(r'SW_FINDING\(\w+, "([^"]+)"', open(f"{TREE}/src/check/findings_net.def").read()))
	outside, here = {"net.reflector", "net.inbound", "net.alg"}, open(__file__).read()
	assert outside < ids and [i for i in ids - outside if f'"{i}"' not in here] == []
