# SPDX-License-Identifier: Apache-2.0
"""Whose certificate is whose: real certificates against sipwardd, one listener per way of comparing names. The tables of all
cases are unit/zone/test_match.c and test_admit.c; here is seen that what openssl writes and TLS carries comes out the same.
"""
import pytest

from lab import proc
from lab.net import wait_until
from lab.rtp import offer
from lab.scenarios import refused_at_handshake
from lab.sipraw import Agent, request
from lab.world import INSIDE, MUTUAL, OURS, PARTNER

WHERE = 12
DOTTED, EXPRESSWAY, MODERN, WILD, TEAMS, IDN, SOFT, HARD, PINNED = range(5070, 5079)
# Port -> what its only zone says of names. Every other mode has names of its own: the log tells the nearest zone of any listener.
ZONES = {
	MUTUAL: {"names": [PARTNER]},
	DOTTED: {"names": ["PARTNER.example.NET."]},
	SOFT: {"names": [PARTNER], "revocation": "soft"},
	HARD: {"names": [PARTNER], "revocation": "hard"},
	IDN: {"names": ["bücher.example"]},
	EXPRESSWAY: {"names": ["a.express.example"], "match": "expressway"},
	MODERN: {"names": ["a.modern.example"], "match": "rfc9525"},
	WILD: {"names": ["a.wild.example", "c.b.wild.example", "wildtop.example"], "match": "rfc9525", "allow_wildcard": True},
	TEAMS: {"names": ["a.teams.example"], "match": "teams", "allow_wildcard": True},
	PINNED: {"match": "pin"},
}
RECIPE = ("uri-only", "sips-uri", "uri-user", "uri-case", "uri-dns", "ip-only", "nul-san", "bit8-san", "empty-label", "dns-only", "revoked",
	"edge-rsa2048", "edge-rsa1024", "edge-org")


def spki_sha256(pem):
	"""The pin of a certificate, by openssl alone."""
	openssl = proc.need("openssl")[0]
	return proc.run(["sh", "-c", '"$0" x509 -in "$1" -noout -pubkey | "$0" pkey -pubin -outform DER | sha256sum | cut -c1-64', openssl,
		pem]).stdout.strip()


@pytest.fixture(scope="module")
def names(world):
	"""A daemon that compares names in every way."""
	world.pki.more(*RECIPE)
	def change(config):
		mutual = next(l for l in config["listeners"] if l["transport"] == "mtls")
		config["listeners"] = [dict(mutual, name=f"p{port}", port=port) for port in ZONES]
		config["zones"] = [dict({"name": f"z{port}", "listeners": [f"p{port}"], "trust": [world.pki.root]}, **more)
			for port, more in ZONES.items()]
		for zone in config["zones"]:
			if zone["name"] == f"z{SOFT}":
				zone["crls"] = [f"{world.pki.dir}/int.crl"]  # and none of the root's
			elif zone["name"] == f"z{HARD}":
				zone["crls"] = [f"{world.pki.dir}/crl.pem"]
			elif zone["name"] == f"z{PINNED}":
				zone["pins"] = [spki_sha256(world.pki.one("pinned", san="DNS:pinned.example").pem)]
		config["routes"] = [{"name": "none", "reject": 404}]
	edge = world.start_edge("names", change, world.ip(WHERE), prove=())
	yield edge
	world.stop_edge(edge)


def admitted(lab, edge, port, cert):
	"""The name that proved the peer, as type:value, when the daemon let it in and answered it."""
	since = edge.mark()
	with lab.connect(port, cert, where=WHERE) as c:
		assert c.ask(request("OPTIONS", f"sip:edge.{OURS}", f"sip:x@{PARTNER}", f"sip:edge.{OURS}")).status == 200, cert
		line = edge.wait_line(since, event="conn.admitted")
	assert line["zone"] == f"z{port}", line
	return line.get("name")


def refused(lab, edge, port, cert, *reasons):
	"""The log line about a peer that was sent away without a SIP byte."""
	_, line = refused_at_handshake(lab, port, cert, None, edge=edge, where=WHERE)
	assert line["reason"] in reasons, line
	return line


def made(lab, name, san, cn="-"):
	return lab.pki.one(name, san=san, cn=cn)


def test_01_uri_sip_proves_its_domain_and_the_scheme_has_no_case(lab, names):
	assert admitted(lab, names, MUTUAL, "uri-only") == f"uri:{PARTNER}"
	assert admitted(lab, names, MUTUAL, "uri-case") == f"uri:{PARTNER}"


def test_02_sips_and_users_are_no_identity(lab, names):
	refused(lab, names, MUTUAL, "sips-uri", "identity.no-name")
	refused(lab, names, MUTUAL, "uri-user", "identity.no-name")


def test_03_dns_is_not_looked_at_beside_a_uri(lab, names):
	line = refused(lab, names, MUTUAL, made(lab, "both-names", f"URI:sip:a.example.net,DNS:{PARTNER}", PARTNER), "identity.no-zone")
	assert "a.example.net" in line["peer_san"], line
	assert admitted(lab, names, MUTUAL, "dns-only") == f"dns:{PARTNER}"
	both = made(lab, "both-express", "URI:sip:b.express.example,DNS:a.express.example")
	assert admitted(lab, names, EXPRESSWAY, both) == "dns:a.express.example", "the other modes do look"


def test_04_cn_is_not_looked_at_beside_any_san(lab, names):
	for cert in ("ip-only", made(lab, "uri-and-cn", "URI:sip:other.example.net", PARTNER),
			made(lab, "email-and-cn", f"email:x@{PARTNER}", PARTNER)):
		line = refused(lab, names, MUTUAL, cert, "identity.no-zone")
		assert "ignores the CN beside a subjectAltName" in line["detail"], line


def test_05_cn_counts_without_a_san_and_for_expressway_always(lab, names):
	assert admitted(lab, names, MUTUAL, "cn-only") == f"cn:{PARTNER}"
	for name, san in (("express-ip", "IP:192.0.2.7"), ("express-dns", "DNS:other.example"), ("express-cn", "-")):
		assert admitted(lab, names, EXPRESSWAY, made(lab, name, san, "a.express.example")) == "cn:a.express.example"
	line = refused(lab, names, MODERN, made(lab, "modern-cn", "-", "a.modern.example"), "identity.no-zone")
	assert "ignores the CN" in line["detail"], line
	srv = made(lab, "modern-srv", "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_sips.a.modern.example")
	assert admitted(lab, names, MODERN, srv).startswith("srv:")


def test_06_wildcards_only_where_allowed_and_for_one_label(lab, names):
	refused(lab, names, MUTUAL, "wildcard", "identity.wildcard")
	refused(lab, names, EXPRESSWAY, made(lab, "wild-express", "DNS:*.express.example"), "identity.wildcard")
	refused(lab, names, MODERN, made(lab, "wild-modern", "DNS:*.modern.example"), "identity.wildcard")
	assert admitted(lab, names, WILD, made(lab, "wild", "DNS:*.wild.example")) == "dns:*.wild.example"
	assert admitted(lab, names, WILD, made(lab, "wild-b", "DNS:*.b.wild.example")) == "dns:*.b.wild.example"
	assert admitted(lab, names, TEAMS, made(lab, "wild-teams", "DNS:*.teams.example")) == "dns:*.teams.example"
	for name, san in (("wild-top", "DNS:*.example"), ("wild-part", "DNS:a*.wild.example"), ("wild-deep", "DNS:*.a.wild.example"),
			("wild-inner", "DNS:c.*.wild.example"), ("wild-uri", "URI:sip:*.wild.example")):
		refused(lab, names, WILD, made(lab, name, san), "identity.no-zone", "identity.no-name")


def test_07_names_have_no_case_and_no_trailing_dot(lab, names):
	assert admitted(lab, names, DOTTED, "partner") == f"uri:{PARTNER}"
	assert admitted(lab, names, MUTUAL, made(lab, "upper", "DNS:Partner.EXAMPLE.net")).lower() == f"dns:{PARTNER}"


@pytest.mark.parametrize("name", (f".{PARTNER}", f"*.{PARTNER}", "partner..example.net"))
def test_07_a_name_that_would_match_more_is_refused_at_start(lab, tmp_path, name):
	said = check(lab, tmp_path, lambda config: config["zones"][0].update(names=[name]))
	assert said.returncode == 2 and name in said.stderr, said.stderr


def test_08_a_name_beyond_ascii_is_compared_in_its_ascii_form(lab, names):
	assert admitted(lab, names, IDN, made(lab, "idn", "DNS:xn--bcher-kva.example")) == "dns:xn--bcher-kva.example"
	refused(lab, names, IDN, made(lab, "idn-not", "DNS:bucher.example"), "identity.no-zone")


@pytest.mark.parametrize("cert", ("nul-san", "bit8-san", "empty-label"))
def test_08_crooked_names_prove_nothing(lab, names, cert):
	refused(lab, names, MUTUAL, cert, "identity.malformed")


def test_12_a_name_of_no_zone_is_counted(lab, names):
	before = names.status()
	refused(lab, names, MUTUAL, "wrong-name", "identity.no-zone")
	after = names.status()
	assert after["refused"]["identity.no-zone"] == before["refused"].get("identity.no-zone", 0) + 1
	assert after["counts"]["refused"] == before["counts"]["refused"] + 1


def test_the_key_itself_can_be_the_name(lab, names):
	admitted(lab, names, PINNED, lab.cert("pinned"))
	refused(lab, names, PINNED, made(lab, "pinned-again", "DNS:pinned.example"), "identity.no-zone")


def test_27_revoked_is_refused_and_a_missing_crl_only_where_hard(lab, names):
	for port in (SOFT, HARD):
		line = refused(lab, names, port, "revoked", "tls.revoked")
		assert line["depth"] == "0", line
		admitted(lab, names, port, "partner")
	admitted(lab, names, MUTUAL, "revoked")  # where nobody looks
	assert missing_crl(lab) == "tls.crl"


def missing_crl(lab):
	"""How hard meets a chain of which it has the CRL of the leaf's issuer alone."""
	def change(config):
		zone = config["zones"][0]
		zone.update(revocation="hard", crls=[f"{lab.pki.dir}/int.crl"])
	edge = lab.start_edge("hardcrl", change, lab.ip(13), prove=())
	try:
		_, line = refused_at_handshake(lab, MUTUAL, "partner", "tls.crl", edge=edge, where=13)
		return line["reason"]
	finally:
		lab.stop_edge(edge)


# --- our side ---

def check(lab, tmp_path, change):
	"""sipwardd --check on the lab's configuration with a change."""
	from lab.sipward import Sipwardd
	config = lab.config("checked")
	config["node"].update(state_dir=str(tmp_path / "state"), control=str(tmp_path / "control"))
	change(config)
	checked = Sipwardd(str(tmp_path), config)
	return proc.run([checked.daemon, "-f", checked.path, "--check"], check=False)


def own_cert(name):
	def change(config):
		for l in config["listeners"]:
			l.update({k: v.replace("edge-rsa", name) for k, v in l.items() if k in ("cert", "key")})
	return change


def test_21_the_size_of_our_own_key(lab, names, tmp_path):
	good, fair, weak = (check(lab, tmp_path, own_cert(n)) for n in ("edge-rsa", "edge-rsa2048", "edge-rsa1024"))
	assert good.returncode == 0 and "RSA" not in good.stderr, good.stderr
	assert fair.returncode == 0 and "2048" in fair.stderr, fair.stderr
	assert weak.returncode == 2 and "1024" in weak.stderr, weak.stderr


def test_17_the_client_certificate_is_the_zones_own_or_none(lab, names):
	"""Three peers that ask for a certificate: shown is the first listener's, the zone's, none."""
	callees = {n: Agent(lab.ip(n), 5061, f"callee{n}", lab.desk_cert, lab.pki.root) for n in (43, 44, 45)}
	org = lab.cert("edge-org")
	def change(config):
		desk = next(z for z in config["zones"] if z["name"] == "desk")
		own = {43: None, 44: {"cert": org.pem, "key": org.key}, 45: "none"}
		for n, cert in own.items():
			config["zones"].append(dict(desk, name=f"callee{n}", targets=[f"{lab.ip(n)}:5061"], client_cert=cert, internal=False,
				domains=[f"callee{n}.example"], listeners=["mutual"]))
			config["routes"].append({"name": f"out{n}", "from": ["desk"], "domain": f"callee{n}.example", "to": f"callee{n}"})
	lab.own(org)
	edge = lab.start_edge("shown", change, lab.ip(14), prove=())
	try:
		with lab.connect(INSIDE, lab.desk_cert, source=32, where=14) as c:
			for n, agent in callees.items():
				agent.invite = "busy"
				assert lab.call(c, f"x@callee{n}.example", f"desk@{OURS}").invite(offer(lab.ip(32))).wait().status == 486, n
		wait_until("three connections", lambda: all(a.conns for a in callees.values()), 5)
		shown = {n: sorted(a.conns[0].peer_names()) for n, a in callees.items()}
		assert shown == {43: [f"edge.{OURS}", OURS], 44: ["voice.example.org"], 45: []}
	finally:
		lab.stop_edge(edge)
		for agent in callees.values():
			agent.close()


@pytest.mark.parametrize("cert, reached", (("uri-dns", False), ("sips-uri", False), ("wildcard", False), ("cn-only", True), ("uri-case", True)))
def test_a_server_is_judged_by_the_same_rules(lab, names, cert, reached):
	"""The domain called is partner.example.net; what the target's certificate says decides whether it gets a SIP byte."""
	server = Agent(lab.ip(46), 5061, "server", lab.cert(cert), lab.pki.root)
	def change(config):
		config["zones"][0].update(kind="neighbor", targets=[f"{lab.ip(46)}:5061"], names=[PARTNER])
	edge = lab.start_edge("judge", change, lab.ip(17), prove=())
	try:
		server.invite = "busy"
		with lab.connect(INSIDE, lab.desk_cert, source=32, where=17) as c:
			since = edge.mark()
			answer = lab.call(c, f"bob@{PARTNER}", f"desk@{OURS}").invite(offer(lab.ip(32))).wait()
		assert answer.status == (486 if reached else 502), answer
		assert bool(server.requests) == reached
		if not reached:
			assert edge.lines(since, reason="target.tls"), edge.lines(since)
	finally:
		lab.stop_edge(edge)
		server.close()
