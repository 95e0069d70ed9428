# SPDX-License-Identifier: Apache-2.0
"""The DNS probes of sipward check, against a real name server with one fault to a zone."""
import base64
import calendar
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import tempfile
import threading
import time

import pytest

from conftest import lacking
from lab import proc
from lab.dns import Knot
from lab.net import Block, free_ports, wait_until
from lab.sipward import SANITIZER, TREE, binaries, libconfig

S = "_sips._tcp"


def two(ip1, ip2):
	return [f"{S} SRV 10 10 5061 e1", f"{S} SRV 10 10 5061 e2", f"e1 A {ip1}", f"e2 A {ip2}"]


def ns2(ip):
	return ["@ NS ns2", f"ns2 A {ip(54)}"]


def zones(ip):
	good = two(ip(1), ip(2))
	return {
		"healthy.test": good,
		"naptr.test": good + [f'@ NAPTR 10 10 "s" "SIPS+D2T" "" {S}', '@ NAPTR 10 10 "u" "E2U+web" "!^.*$!https://x!" .'],
		"v6.test": good + [f"e{i} AAAA 2001:db8::{i}" for i in (1, 2)],
		"nosrv.test": [f"@ A {ip(1)}"],
		"wrong-label.test": [f"_sip._tls SRV 10 10 5061 e1", f"e1 A {ip(1)}"],
		"nothing.test": ["@ TXT hello"],
		"absent.test": [f"{S} SRV 0 0 0 .", f"@ A {ip(1)}"],
		"target.test": [f"{S} SRV 10 10 5061 gone"],
		"literal.test": [f"{S} SRV 10 10 5061 192.0.2.1."],
		"cname.test": [f"{S} SRV 10 10 5061 e1", "e1 CNAME real", f"real A {ip(1)}"],
		"port.test": [f"{S} SRV 10 10 0 e1", f"e1 A {ip(1)}"],
		"odd.test": [f"{S} SRV 10 10 5099 e1", f"e1 A {ip(1)}"],
		"weight.test": [f"{S} SRV 10 0 5061 e1", f"{S} SRV 10 10 5061 e2", f"e1 A {ip(1)}", f"e2 A {ip(2)}"],
		"same.test": two(ip(1), ip(1)),
		"twice.test": [f"{S} SRV 10 10 5061 e1", f"{S} SRV 20 10 5061 e1", f"e1 A {ip(1)}"],
		"only6.test": [f"{S} SRV 10 10 5061 e1", "e1 AAAA ::1"],
		"half6.test": good + ["e1 AAAA ::1"],
		"uds.test": good + ["_cisco-uds._tcp SRV 10 10 8443 e1"],
		"mra.test": good + ["_collab-edge._tls SRV 10 10 5062 e1"],
		"clear.test": good + ["_sip._tcp SRV 10 10 5060 e1"],
		"naptr-regexp.test": good + ['@ NAPTR 10 10 "s" "SIPS+D2T" "!^.*$!sip:a@b!" .'],
		"naptr-flag.test": good + [f'@ NAPTR 10 10 "u" "SIPS+D2T" "" {S}'],
		"naptr-out.test": good + [f'@ NAPTR 10 10 "s" "SIPS+D2T" "" {S}.healthy.test.'],
		"naptr-dead.test": good + ['@ NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.none'],
		"naptr-clear.test": good + ['@ NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp', "_sip._tcp SRV 10 10 5060 e1"],
		"proof.test": good,
		"spoilt.test": good + ["@ NS ns2", f"ns2 A {ip(20)}"],
		"silent.test": good + ["@ NS ns2", f"ns2 A {ip(98)}"],
		"nsgone.test": good + ["@ NS ns2"],
		"nsloop.test": good + ["@ NS ns2", "ns2 A 0.0.0.0"],
		"lag.test": good + ns2(ip),
		"pair.test": good + ns2(ip),
		"differs.test": good + ns2(ip),
		"split.test": good,
		"par": ["kid NS ns.kid", "kid NS ns9", "heir NS ns.heir", f"ns.kid A {ip(54)}", f"ns.heir A {ip(54)}", f"ns9 A {ip(53)}"],
		"long.test": good + [f'@ NAPTR {i} 1 "u" "E2U+x{i}" "!^.*$!http://long.example/{i}!" .' for i in range(60)],
	}


class Lab:
	def __init__(self):
		self.block = Block()
		self.dir = tempfile.mkdtemp(prefix="sipward-dns-")
		self.ip = self.block.ip
		self.knot = Knot(f"{self.dir}/knot", self.ip(53), zones(self.ip)).start()

	def check(self, *args, dns=None, profile="b2b", timeout=30):
		"""Every dns.* result of a check."""
		r = proc.run([binaries()[1], "check", "--profile", f"{TREE}/conf/profiles/{profile}.conf", "-o", "json", "-q", "--dns",
			dns or f"{self.ip(53)}:{self.knot.port}", "--allow", "127.0.0.0/8", "--allow", "::1", "--deadline", "20s", *args],
			check=False, timeout=timeout)
		assert r.stdout and not SANITIZER.search(r.stderr), r.stderr
		return [x for x in json.loads(r.stdout)["results"] if x["id"].startswith("dns.")]

	def close(self):
		self.knot.stop()
		self.block.release()
		shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def dns():
	try:
		lab = Lab()
	except proc.Missing as e:
		lacking(e)
	yield lab
	lab.close()


def bad(results):
	"""The ids that are not fine, with their status."""
	return {(x["id"], x["status"]) for x in results if x["status"] not in ("pass", "skip")}


def one(results, id):
	found = [x for x in results if x["id"] == id and x["status"] not in ("pass", "skip")]
	assert len(found) == 1, f"{id}: {results}"
	return found[0]


@pytest.mark.parametrize("domain", ["healthy.test", "naptr.test", "v6.test", "clear.test"])
def test_healthy_records_raise_nothing(dns, domain):
	results = dns.check(domain)
	assert bad(results) == set(), results
	assert sorted(x["found"] for x in results if x["id"] == "dns.srv.target") == [f"e1.{domain}:5061", f"e2.{domain}:5061"]


@pytest.mark.parametrize("domain, id, status, says", [
	("nosrv.test", "dns.srv", "warn", "callers are left with nosrv.test:5061"),
	("wrong-label.test", "dns.srv", "fail", "there is _sip._tls, but"),
	("nothing.test", "dns.srv", "fail", "no address"),
	("never.test", "dns.srv", "unknown", "REFUSED"),
	("absent.test", "dns.srv.absent", "fail", '"."'),
	("target.test", "dns.srv.target", "fail", "gone.target.test has no address"),
	("literal.test", "dns.srv.target", "fail", "an address is not a name"),
	("cname.test", "dns.srv.target-cname", "warn", "alias of real.cname.test"),
	("port.test", "dns.srv.port", "fail", "port 0"),
	("weight.test", "dns.srv.weight", "warn", "e1.weight.test has weight 0"),
	("same.test", "dns.srv.duplicate", "warn", "are both"),
	("twice.test", "dns.srv.duplicate", "warn", "more than once"),
	("only6.test", "dns.srv.family", "warn", "no A"),
	("half6.test", "dns.srv.family", "warn", "e2.half6.test has none"),
	("uds.test", "dns.srv.internal", "warn", "inside"),
	("mra.test", "dns.srv.mra", "warn", "8443"),
	("naptr-regexp.test", "dns.naptr", "fail", "regexp"),
	("naptr-flag.test", "dns.naptr", "fail", "flag"),
	("naptr-out.test", "dns.naptr", "fail", "out of the domain"),
	("naptr-dead.test", "dns.naptr", "fail", "no SRV record where it leads"),
	("naptr-clear.test", "dns.naptr", "warn", "only in the clear"),
])
def test_each_fault_of_records_is_found_alone(dns, domain, id, status, says):
	results = [x for x in dns.check(domain) if x["id"] in RECORDS]
	x = one(results, id)
	assert x["status"] == status and says in x["found"], x
	assert {i for i, s in bad(results)} <= ({id} if domain != "never.test" else {id, "dns.naptr", "dns.srv.other"}), results


RECORDS = {"dns.srv", "dns.srv.absent", "dns.srv.target", "dns.srv.target-cname", "dns.srv.port", "dns.srv.weight", "dns.srv.duplicate",
	"dns.srv.family", "dns.srv.other", "dns.srv.internal", "dns.srv.mra", "dns.naptr", "dns.host"}


def test_other_services_are_told_and_no_fault(dns):
	assert [x["subject"] for x in dns.check("clear.test") if x["id"] == "dns.srv.other"] == ["_sip._tcp.clear.test"]


def test_a_provider_connects_to_its_own_ports(dns):
	assert one(dns.check("odd.test", profile="webex-hybrid"), "dns.srv.port")["status"] == "warn"
	assert not [x for x in dns.check("odd.test") if x["id"] == "dns.srv.port"], "federation goes by SRV, to any port"


def test_one_family_alone_may_be_asked_for(dns):
	assert ("dns.srv.family", "warn") not in bad(dns.check("-6", "only6.test"))
	assert one(dns.check("-4", "only6.test"), "dns.srv.target")["status"] == "fail"


def test_a_host_with_a_port_is_looked_up_by_its_address(dns):
	assert {(x["id"], x["status"]) for x in dns.check("e1.healthy.test:5061")} == {("dns.host", "pass"), ("dns.tlsa", "skip")}
	assert one(dns.check("gone.healthy.test:5061"), "dns.host")["status"] == "fail"


def test_a_silent_server_makes_all_unknown(dns):
	results = dns.check("--timeout", "300ms", "healthy.test", dns=dns.ip(99) + ":5353")
	assert results and {x["status"] for x in results} == {"unknown"}, results


# --- the zone's servers ---

class Box:
	"""What stands before a name server and spoils it: UDP only, each packet through these two."""

	def __init__(self, ip, to, query=lambda m: m, answer=lambda m: m):
		self.addr = (ip, free_ports(ip, 1))
		self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.sock.bind(self.addr)
		self.to, self.query, self.answer = to, query, answer
		self.thread = threading.Thread(target=self._run, daemon=True)
		self.thread.start()

	def _run(self):
		while True:
			m, peer = self.sock.recvfrom(4096)
			if m == b"end":
				return
			m = self.query(m)
			if isinstance(m, tuple):   # an answer of its own
				self.sock.sendto(m[0], peer)
			elif m:
				with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
					s.settimeout(2)
					s.sendto(m, self.to)
					out = self.answer(s.recv(4096))
					for one in out if isinstance(out, list) else [out]:
						self.sock.sendto(one, peer)

	def __enter__(self):
		return f"{self.addr[0]}:{self.addr[1]}"

	def __exit__(self, *_):
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
			s.sendto(b"end", self.addr)
		self.thread.join()
		self.sock.close()


def has_opt(m):
	return m[10:12] != b"\0\0"


BOXES = [   # id, status, what it says, query, answer
	("dns.server.tcp", "fail", "TCP", lambda m: m, lambda m: m),
	("dns.server.edns", "fail", "drops", lambda m: None if has_opt(m) else m, lambda m: m),
	("dns.server.edns", "warn", "refuses", lambda m: (m[:2] + b"\x84\x01" + bytes(8),) if has_opt(m) else m, lambda m: m),
	("dns.server.lame", "fail", "not authoritative", lambda m: m, lambda m: m[:2] + bytes([m[2] & ~4]) + m[3:]),
	("dns.server.lame", "fail", "REFUSED", lambda m: (m[:2] + b"\x80\x05" + m[4:],), lambda m: m),
	("dns.server.lame", "fail", "no SOA", lambda m: (m[:2] + b"\x84\0" + m[4:],), lambda m: m),
]


@pytest.mark.parametrize("id, status, says, query, answer", BOXES, ids=[f"{b[0]}-{b[2]}" for b in BOXES])
def test_a_server_that_is_spoilt_is_told_by_its_name(dns, id, status, says, query, answer):
	"""The resolver is fine; one of the zone's servers is not."""
	with Box(dns.ip(20), (dns.ip(53), dns.knot.port), query, answer) as box:
		results = dns.check("--timeout", "1s", "spoilt.test", dns=f"{dns.ip(53)}:{dns.knot.port},{box}")
	wrong = {x["id"] for x in results if x["status"] not in ("pass", "skip")}
	told = [x for x in results if x["id"] == id and x["status"] == status and says in x["found"]]
	assert len(told) == 1 and told[0]["subject"] == f"ns2.spoilt.test [{dns.ip(20)}]", results
	assert wrong <= {id, "dns.server.tcp", "dns.resolver"}, "of a box without TCP that is true as well, and it is given by --dns for its port"
	assert [x["subject"] for x in results if x["id"] == "dns.server.silent"] == []


@pytest.mark.parametrize("domain, id, says", [
	("silent.test", "dns.server.silent", "over UDP"),
	("nsgone.test", "dns.server.address", "no such"),
	("nsloop.test", "dns.server.address", "0.0.0.0"),
])
def test_a_server_that_is_not_there(dns, domain, id, says):
	results = dns.check(domain)
	x = one(results, id)
	assert x["status"] == "fail" and says in x["found"], x
	assert bad(results) == {(id, "fail")}, results


@pytest.fixture(scope="module")
def second(dns):
	"""Another server of some of the zones."""
	e = dns.ip
	zones = {"lag.test": two(e(1), e(2)) + ns2(e), "differs.test": [f"{S} SRV 10 10 5061 e9", f"e9 A {e(9)}"] + ns2(e),
		"pair.test": two(e(1), e(2)) + ns2(e), "split.test": two("10.0.0.1", "10.0.0.2"),
		"kid.par": two(e(1), e(2)), "heir.par": two(e(1), e(2))}
	knot = Knot(f"{dns.dir}/second", e(54), zones, ns=e(53)).start()
	for zone in ("kid.par", "heir.par"):   # these are its own
		knot.change(zone, ("unset", "ns", "A"), ("set", "ns", 5, "A", e(54)))
	yield knot
	knot.stop()


def both(dns, second):
	return f"{dns.ip(53)}:{dns.knot.port},{dns.ip(54)}:{second.port}"


def test_two_servers_alike(dns, second):
	results = dns.check("pair.test", dns=both(dns, second))
	assert bad(results) == set()
	assert [x["found"] for x in results if x["id"] == "dns.servers"] == ["2 servers, serial 1 at each"]


def test_the_lag_of_a_server_is_shown(dns, second):
	dns.knot.change("lag.test", ("set", "new", 5, "TXT", "x"))
	results = dns.check("lag.test", dns=both(dns, second))
	x = one(results, "dns.server.serial")
	assert x["subject"] == f"ns2.lag.test [{dns.ip(54)}]" and x["found"] == "serial 1, 1 behind", x
	assert bad(results) == {("dns.server.serial", "warn")}


def test_servers_that_differ(dns, second):
	x = one(dns.check("differs.test", dns=both(dns, second)), "dns.server.differs")
	assert x["status"] == "fail" and "e9.differs.test" in x["found"] and "e1.differs.test" in x["expected"], x


def test_split_horizon_is_told(dns, second):
	"""The inside's resolver has private addresses; the zone's own servers have others."""
	inside = f"{dns.ip(54)}:{second.port},{dns.ip(53)}:{dns.knot.port}"
	rows = [x for x in dns.check("split.test", dns=inside) if x["id"] == "dns.horizon"]
	assert [(x["subject"], x["status"], x["found"]) for x in rows] == [("e1.split.test A", "warn", "10.0.0.1"), ("e2.split.test A", "warn", "10.0.0.2")]
	assert rows[0]["expected"] == dns.ip(1)


def test_the_parent_names_other_servers(dns, second):
	servers = f"{dns.ip(54)}:{second.port},{dns.ip(53)}:{dns.knot.port}"
	for zone, status in (("kid.par", "warn"), ("heir.par", "pass")):
		x, = [x for x in dns.check(zone, dns=servers) if x["id"] == "dns.delegation"]
		assert x["status"] == status and x["expected"] == f"ns.{zone}", x
		assert x["found"] == (f"ns.{zone}, ns9.par" if status == "warn" else f"ns.{zone}"), x


# --- the resolvers of the run ---

def test_a_resolver_that_is_dead_beside_one_that_is_not(dns):
	dead = f"{dns.ip(99)}:5353"
	results = dns.check("healthy.test", dns=f"{dead},{dns.ip(53)}:{dns.knot.port}")
	assert bad(results) == {("dns.resolver", "warn")} and one(results, "dns.resolver")["subject"] == dead


def test_a_resolver_that_swallows_all_is_waited_for_once(dns):
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
		hole.bind((dns.ip(21), 0))
		began = time.monotonic()
		results = dns.check("--timeout", "1s", "healthy.test", dns=f"{dns.ip(21)}:{hole.getsockname()[1]},{dns.ip(53)}:{dns.knot.port}")
	assert bad(results) == {("dns.resolver", "warn")}, results
	assert time.monotonic() - began < 8, "not once for each question"


def test_long_answers_go_over_tcp(dns):
	"""Sixty records do not fit a datagram."""
	results = dns.check("long.test")
	assert bad(results) == set()
	assert [x["found"] for x in results if x["id"] == "dns.naptr"] == ["32 records"], "at most so many are looked at"


def test_without_tcp_long_answers_are_unknown(dns):
	with Box(dns.ip(20), (dns.ip(53), dns.knot.port)) as box:
		results = dns.check("long.test", dns=box)
	assert one(results, "dns.resolver")["status"] == "warn"
	x = one(results, "dns.naptr")
	assert x["status"] == "unknown" and "over TCP" in x["found"], x


# --- DNSSEC ---

class Signed:
	"""A signed zone "sec" with an anchor of its own, and zones below it."""

	def __init__(self, lab):
		names = ["good", "island", "badds", "nokeys", "plain", "shown"]
		keyed = ["sec", "good.sec", "island.sec", "badds.sec", "shown.sec"]
		self.lab, ip = lab, lab.ip
		zones = {"sec": []} | {f"{n}.sec": two(ip(1), ip(2)) for n in names}
		zones["shown.sec"] = [f"e1 A {ip(1)}"]
		zones["sec"] += [f"{n} NS ns.{n}" for n in names] + [f"ns.{n} A {ip(55)}" for n in names]
		self.knot = Knot(f"{lab.dir}/signed", ip(55), zones, signed=keyed).start()
		wait_until("the zones to be signed", lambda: all(self.knot.query(z, "DNSKEY") for z in keyed))
		good, bad = self.knot.ds("good.sec."), self.knot.ds("badds.sec.")
		self.knot.change("sec", ("set", "good", 5, "DS", *good.split()), ("set", "nokeys", 5, "DS", *good.split()),
			("set", "shown", 5, "DS", *self.knot.ds("shown.sec.").split()),
			("set", "badds", 5, "DS", *bad.split()[:3], "00" * 32))
		self.anchor = f"{lab.dir}/anchor"
		with open(self.anchor, "w") as f:
			f.write(f"; the zone's own\nsec. 3600 IN DS {self.knot.ds('sec.')}\n")
		self.dns = f"{ip(55)}:{self.knot.port}"

	def check(self, domain, *args, dns=None):
		return self.lab.check("--trust-anchor", self.anchor, *args, domain, dns=dns or self.dns)

	def ends(self):
		"""When the first signature ends, seconds since 1970."""
		x = next(x for x in self.check("good.sec") if x["id"] == "dns.dnssec")
		text = next(e["value"] for e in x["evidence"] if e["key"] == "holds_until").split()[0]
		return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


@pytest.fixture(scope="module")
def signed(dns):
	s = Signed(dns)
	yield s
	s.knot.stop()


def state(results):
	return [x for x in results if x["id"] == "dns.dnssec"]


def test_a_signed_zone_is_validated_from_the_anchor(signed):
	results = signed.check("good.sec")
	assert bad(results) == set(), results
	x, = state(results)
	assert x["status"] == "pass" and "validated from the anchor in" in x["found"], x


@pytest.mark.parametrize("domain, status, says", [
	("plain.sec", "skip", "not signed"),
	("island.sec", "warn", "its parent has no DS"),
	("badds.sec", "fail", "no key of the zone is one that the DS records at its parent stand for"),
	("nokeys.sec", "fail", "the parent has DS records, but the zone has no keys"),
])
def test_broken_chains(signed, domain, status, says):
	results = signed.check(domain)
	x, = state(results)
	assert x["status"] == status and says in x["found"], x
	assert bad(results) <= {("dns.dnssec", status)}


def test_signatures_end(signed):
	ends = signed.ends()

	def at(t):
		return signed.check("good.sec", "--at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)))
	assert bad(at(ends - 2 * 86400)) == set()
	x = one(at(ends - 3600), "dns.dnssec.expiry")
	assert x["status"] == "warn" and x["evidence"][0]["key"] == "records", x
	x = one(at(ends + 400 * 86400), "dns.dnssec")
	assert x["status"] == "fail" and "ended on" in x["found"], x


def test_a_record_changed_on_the_way_is_bogus(signed, dns):
	there, other = socket.inet_aton(dns.ip(2)), socket.inet_aton(dns.ip(7))
	with Box(dns.ip(20), (dns.ip(55), signed.knot.port), answer=lambda m: m.replace(there, other)) as box:
		results = signed.check("good.sec", dns=box)
	x = one(results, "dns.dnssec")
	assert x["status"] == "fail" and x["subject"] == "e2.good.sec" and "does not fit" in x["found"], x


def test_a_resolver_without_dnssec_proves_nothing(signed, dns):
	def undo(m):
		i = m.rfind(b"\0\0\x29")
		return m if i < 0 else m[:i + 7] + bytes([m[i + 7] & 0x7f]) + m[i + 8:]
	with Box(dns.ip(20), (dns.ip(55), signed.knot.port), answer=undo) as box:
		x = one(signed.check("good.sec", dns=box), "dns.dnssec")
	assert x["status"] == "unknown" and "knows no DNSSEC" in x["found"], x


def test_an_anchor_that_cannot_be_read_proves_nothing(signed, dns):
	with open(f"{dns.dir}/broken", "w") as f:
		f.write("; nothing\nsec. IN A 192.0.2.1\n")
	for path, says in ((f"{dns.dir}/broken", "broken:2:"), (f"{dns.dir}/none", "can't be read")):
		x = one(dns.check("--trust-anchor", path, "good.sec", dns=signed.dns), "dns.dnssec")
		assert x["status"] == "unknown" and says in x["found"], x


def test_a_chain_from_the_root_itself(signed, dns):
	"""Another root than IANA's, with an anchor of its own: through three zones to the records."""
	zones = {".": ["top NS ns.top", f"ns.top A {dns.ip(56)}"], "top": ["leaf NS ns.leaf", f"ns.leaf A {dns.ip(56)}"],
		"leaf.top": two(dns.ip(1), dns.ip(2))}
	knot = Knot(f"{dns.dir}/root", dns.ip(56), zones, signed=list(zones)).start()
	try:
		wait_until("the zones to be signed", lambda: all(knot.query(z, "DNSKEY") for z in zones))
		knot.change("top", ("set", "leaf", 5, "DS", *knot.ds("leaf.top.").split()))
		knot.change(".", ("set", "top", 5, "DS", *knot.ds("top.").split()))
		with open(f"{dns.dir}/root-anchor", "w") as f:
			f.write(f". 3600 IN DS {knot.ds('.')}\n")
		server = f"{dns.ip(56)}:{knot.port}"
		x, = state(dns.check("--trust-anchor", f"{dns.dir}/root-anchor", "leaf.top", dns=server))
		assert x["status"] == "pass", x
		x, = state(dns.check("leaf.top", dns=server))
		assert x["status"] == "fail" and "no key of the zone is one that the trust anchor stands for" in x["found"], "IANA's keys signed none of this"
	finally:
		knot.stop()


FORGED = [   # what comes before the answer
	("another id", lambda m: bytes([m[0] ^ 1]) + m[1:]),
	("another question", lambda m: m[:13] + b"x" + m[14:]),
	("a query", lambda m: m[:2] + bytes([m[2] & 0x7f]) + m[3:]),
]


@pytest.mark.parametrize("forge", [f for _, f in FORGED], ids=[n for n, _ in FORGED])
def test_forged_answers_are_passed_over(dns, forge):
	other = socket.inet_aton(dns.ip(7))

	def answers(m):
		return [forge(m).replace(socket.inet_aton(dns.ip(1)), other), m]
	with Box(dns.ip(20), (dns.ip(53), dns.knot.port), answer=answers) as box:
		results = dns.check("healthy.test", dns=box)
	assert bad(results) == {("dns.resolver", "warn")}, results   # a box has no TCP
	assert dns.ip(7) not in json.dumps(results)


def test_answers_that_are_no_messages_prove_nothing(dns):
	with Box(dns.ip(20), (dns.ip(53), dns.knot.port), answer=lambda m: m[:6] + b"\xff\xff" + m[8:30] + b"\xc0" * 40) as box:
		results = dns.check("--timeout", "500ms", "healthy.test", dns=box)
	assert {x["status"] for x in results} <= {"unknown", "warn"} and ("dns.srv", "unknown") in bad(results), results


def test_without_the_anchor_a_chain_goes_to_the_root(signed, dns):
	"""The root can't be asked here: what is signed is then unknown, not good."""
	x, = state(dns.check("good.sec", dns=signed.dns))
	assert x["status"] == "unknown", x


# --- what DNS says of the certificate ---

class Server:
	"""TLS, with one certificate; hangs up at the first word."""

	def __init__(self, ip, cert, key):
		ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		ctx.load_cert_chain(cert, key)
		self.sock = socket.create_server((ip, 0), backlog=50)
		self.port = self.sock.getsockname()[1]
		self.over = False
		threading.Thread(target=self._accept, args=(ctx,), daemon=True).start()

	def _accept(self, ctx):
		while not self.over:
			try:
				s, _ = self.sock.accept()
			except OSError:
				return
			threading.Thread(target=self._serve, args=(ctx, s), daemon=True).start()

	@staticmethod
	def _serve(ctx, s):
		s.settimeout(10)
		try:
			with ctx.wrap_socket(s, server_side=True) as t:
				t.recv(4096)
		except OSError:
			s.close()

	def close(self):
		self.over = True
		self.sock.close()


def openssl(*args):
	return proc.run(["openssl", *args]).stdout


class Shown:
	"""A server with a certificate by a CA that calls itself Let's Encrypt, at e1.shown.sec."""

	def __init__(self, lab, signed):
		d, self.lab, self.signed = lab.dir, lab, signed
		openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem",
			"-subj", "/O=Let's Encrypt/CN=R99", "-days", "30", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
		openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{d}/leaf.key", "-out", f"{d}/leaf.csr",
			"-subj", "/CN=e1.shown.sec")
		with open(f"{d}/ext", "w") as f:
			f.write("subjectAltName=DNS:e1.shown.sec,DNS:*.w.shown.sec\nextendedKeyUsage=serverAuth,clientAuth\n")
		openssl("x509", "-req", "-in", f"{d}/leaf.csr", "-CA", f"{d}/ca.pem", "-CAkey", f"{d}/ca.key", "-days", "20", "-extfile", f"{d}/ext", "-out",
			f"{d}/leaf.pem", "-CAcreateserial")
		with open(f"{d}/chain.pem", "w") as f:
			f.write(open(f"{d}/leaf.pem").read() + open(f"{d}/ca.pem").read())
		self.leaf, self.ca = (ssl.PEM_cert_to_DER_cert(open(f"{d}/{n}.pem").read()) for n in ("leaf", "ca"))
		pub = openssl("x509", "-in", f"{d}/leaf.pem", "-noout", "-pubkey")
		self.key = base64.b64decode("".join(pub.splitlines()[1:-1]))
		self.server = Server(lab.ip(1), f"{d}/chain.pem", f"{d}/leaf.key")
		self.tlsa = f"_{self.server.port}._tcp.e1"

	def check(self, *args, name="shown.sec", anchor=True):
		extra = ["--trust-anchor", self.signed.anchor] if anchor else []
		return self.lab.check(*extra, "--ca", f"{self.lab.dir}/ca.pem", "--timeout", "2s", *args, name, dns=self.signed.dns)

	def publish(self, *edits):
		"""These and no other records of the kinds under test."""
		self.signed.knot.clear("shown.sec", *[(o, k) for k in ("TLSA", "CAA") for o in (self.tlsa, "@", "e1")])
		self.signed.knot.change("shown.sec", *edits)


@pytest.fixture(scope="module")
def shown(dns, signed):
	s = Shown(dns, signed)
	srv = ("set", S, 5, "SRV", 10, 10, s.server.port, "e1")
	signed.knot.change("shown.sec", srv)
	yield s
	s.server.close()


def of(results, id):
	return [(x["status"], x["found"]) for x in results if x["id"] == id]


def sha(data, bits=256):
	return hashlib.new(f"sha{bits}", data).hexdigest()


def test_no_caa_and_no_tlsa_are_no_fault(shown):
	shown.publish(("set", "t", 5, "TXT", "x"))
	results = shown.check()
	assert {s for s, _ in of(results, "dns.caa")} == {"pass"} and len(of(results, "dns.caa")) == 2, results
	assert {s for s, _ in of(results, "dns.tlsa")} == {"skip"} and not of(results, "dns.tlsa.match")
	assert bad(results) == set()


@pytest.mark.parametrize("records, status, says", [
	(["@ 0 issue letsencrypt.org"], {"pass"}, "let it"),
	(['@ 0 issue "letsencrypt.org; accounturi=https://x"', "@ 0 issue digicert.com"], {"pass"}, "let it"),
	(["@ 0 issue digicert.com"], {"warn"}, "do not name its CA"),
	(['@ 0 issue ";"'], {"warn"}, "do not name its CA"),
	(["@ 0 iodef mailto:a@b"], {"pass"}, "let it"),
	(["@ 128 future x", "@ 0 issue letsencrypt.org"], {"warn"}, "critical"),
	(["@ 0 issue letsencrypt.org", '@ 0 issuewild ";"'], {"pass", "warn"}, "shown.sec"),
	(["@ 0 issue digicert.com", "e1 0 issue letsencrypt.org"], {"pass", "warn"}, "e1.shown.sec"),
])
def test_caa_against_the_issuer(shown, records, status, says):
	shown.publish(*[("set", r.split()[0], 5, "CAA", *r.split(None, 3)[1:]) for r in records])
	rows = of(shown.check(), "dns.caa")
	assert {s for s, _ in rows} == status and any(says in f for _, f in rows), rows


def test_a_ca_that_is_not_known_is_not_judged(shown, dns):
	"""The lab's own CA has no domain that CAA knows."""
	d = dns.dir
	openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{d}/own.key", "-out", f"{d}/own.pem",
		"-subj", "/CN=Own CA", "-days", "30", "-addext", "subjectAltName=DNS:e1.shown.sec")
	shown.publish(("set", "@", 5, "CAA", 0, "issue", "digicert.com"))
	server = Server(dns.ip(1), f"{d}/own.pem", f"{d}/own.key")
	rows = of(shown.check(name=f"e1.shown.sec:{server.port}"), "dns.caa")
	server.close()
	assert [s for s, _ in rows] == ["skip"] and "not known" in rows[0][1], rows


@pytest.mark.parametrize("record, status", [
	(lambda s: f"3 1 1 {sha(s.key)}", "pass"),
	(lambda s: f"3 0 2 {sha(s.leaf, 512)}", "pass"),
	(lambda s: f"3 1 0 {s.key.hex()}", "pass"),
	(lambda s: f"2 0 1 {sha(s.ca)}", "pass"),
	(lambda s: f"1 1 1 {sha(s.key)}", "pass"),
	(lambda s: f"0 0 1 {sha(s.ca)}", "pass"),
	(lambda s: f"3 1 1 {'ab' * 32}", "fail"),
	(lambda s: f"2 0 1 {sha(s.leaf)}", "fail"),
	(lambda s: f"3 0 1 {sha(s.ca)}", "fail"),
], ids=["key", "leaf-512", "whole-key", "ca", "pkix-key", "pkix-ca", "other", "leaf-as-ca", "ca-as-leaf"])
def test_tlsa_against_the_certificate(shown, record, status):
	shown.publish(("set", shown.tlsa, 5, "TLSA", *record(shown).split()))
	results = shown.check()
	assert [s for s, _ in of(results, "dns.tlsa")] == ["pass"], results
	assert [s for s, _ in of(results, "dns.tlsa.match")] == [status], results
	if status == "fail":
		assert one(results, "dns.tlsa.match")["fix"] == f"{shown.tlsa}.shown.sec. IN TLSA 3 1 1 {sha(shown.key)}"


def test_a_public_cas_word_is_wanted_for_usages_0_and_1(shown, dns):
	shown.publish(("set", shown.tlsa, 5, "TLSA", 1, 1, 1, sha(shown.key)))
	shutil.copy(f"{dns.dir}/ca.pem", f"{dns.dir}/ca.keep")
	try:
		openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{dns.dir}/x.key", "-out",
			f"{dns.dir}/ca.pem", "-subj", "/CN=Another", "-days", "30")
		assert [s for s, _ in of(shown.check(), "dns.tlsa.match")] == ["fail"]
	finally:
		shutil.move(f"{dns.dir}/ca.keep", f"{dns.dir}/ca.pem")


def test_records_that_nobody_can_use(shown):
	shown.publish(("set", shown.tlsa, 5, "TLSA", 3, 1, 1, "abcd"))
	results = shown.check()
	assert one(results, "dns.tlsa")["status"] == "fail" and "length" in one(results, "dns.tlsa")["found"]


def test_records_that_are_not_secure_bind_nobody(shown):
	shown.publish(("set", shown.tlsa, 5, "TLSA", 3, 1, 1, "ab" * 32))
	results = shown.check(anchor=False)
	assert one(results, "dns.tlsa")["status"] in ("warn", "unknown") and not of(results, "dns.tlsa.match"), results


# --- with a configuration ---

def configuration(dns, port=5061, domain="proof.test"):
	path = f"{dns.dir}/sipward.conf"
	os.makedirs(f"{dns.dir}/state", exist_ok=True)
	config = {
		"node": {"host": f"e1.{domain}", "state_dir": f"{dns.dir}/state", "control": f"{dns.dir}/control"},
		"local_domains": [domain],
		"dns": {"servers": [f"{dns.ip(53)}:{dns.knot.port}"]},
		"listeners": [{"name": "tls", "transport": "tls", "addresses": [dns.ip(1)], "port": port, "cert": "e.pem", "key": "e.key"}],
		"media": {"interfaces": [{"name": "m", "address": dns.ip(1)}]},
		"zones": [{"name": "inside", "listeners": ["tls"], "domains": [domain], "internal": True, "trust": ["ca.pem"], "targets": [dns.ip(3) + ":5061"]}],
	}
	with open(path, "w") as f:
		f.write("".join(f"{k} = {libconfig(v)};\n" for k, v in config.items()))
	return path


def test_the_port_published_is_the_listeners(dns):
	conf = configuration(dns)
	assert ("dns.srv.port", "fail") not in bad(dns.check("-f", conf, "proof.test"))
	x = next(x for x in dns.check("-f", configuration(dns, port=5062), "proof.test") if x["id"] == "dns.srv.port")
	assert x["status"] == "fail" and "5062" in x["expected"] and "IN SRV 10 10 5062 e1.proof.test." in x["fix"], x


def test_the_token_of_the_store_is_looked_for(dns):
	conf = configuration(dns)
	assert not [x for x in dns.check("-f", conf, "proof.test") if x["id"] == "dns.proof"], "no token, nothing to look for"
	r = proc.run([binaries()[1], "-f", conf, "domain", "token", "proof.test"], check=False)
	token = re.search(r"\b[0-9a-f]{60}\b", r.stdout)
	assert token, r.stdout + r.stderr
	x = one(dns.check("-f", conf, "proof.test"), "dns.proof")
	assert x["status"] == "fail" and token[0] in x["fix"], x
	dns.knot.change("proof.test", ("set", "_sipward-challenge", 5, "TXT", f'"{token[0]}"'))
	assert [x["status"] for x in dns.check("-f", conf, "proof.test") if x["id"] == "dns.proof"] == ["pass"]
	assert one(dns.check("-f", conf, "--timeout", "300ms", "proof.test", dns=dns.ip(99) + ":5353"), "dns.proof")["status"] == "unknown"
