# SPDX-License-Identifier: Apache-2.0
"""All of them together: two companies and the open Internet, on one loopback block.

	.10 sipwardd of example.com: 5061 public, 5062 mutual, 5065 inside; its media
	.20 Kamailio of partner.example.net (mutual TLS), behind it: bob (baresip), .22 SIPp, .23 a hand-made agent
	inside: alice (baresip, mutual TLS), .31 SIPp behind stunnel, .32 a hand-made agent ("desk")
	.41 zoneb.example.org, a second partner with a CA of its own, hand-made
	.50 a stranger, .66 a hostile one; .53 the name server
"""
import copy
import os
import shutil
import tempfile

from . import proc
from .baresip import Baresip
from .dns import Knot
from .kamailio import Kamailio
from .net import Block
from .pki import Pki
from .rtp import Endpoint
from .sipp import Sipp, Stunnel
from .sipraw import Agent, Call, connect
from .sipward import Sipwardd

OURS, PARTNER, BACKUP, UNPROVED, ZONEB = ("example.com", "partner.example.net", "backup.example.net", "unproved.example.net",
	"zoneb.example.org")
PUBLIC, MUTUAL, INSIDE = 5061, 5062, 5065
LOOPBACK = ["127.0.0.0/8"]


class World:
	def __init__(self, dir=None):
		"""dir: where everything is written; without it, a temporary directory that goes at the end."""
		self.own_dir = dir is None
		self.dir = dir or tempfile.mkdtemp(prefix="sipward-lab-")
		os.makedirs(self.dir, exist_ok=True)
		os.chmod(self.dir, 0o755)
		self.block = Block()
		self.closing = []
		try:
			self._peers()
		except BaseException:
			self.close()
			raise

	def ip(self, last):
		return self.block.ip(last)

	def _peers(self):
		self.pki = Pki(f"{self.dir}/pki")
		self.cert = self.pki.cert
		self.lines_cert = self.pki.one("lines", san="DNS:lines.example.com")
		self.desk_cert = self.pki.one("desk", san="DNS:desk.example.com")
		edge, sip = self.ip(10), self.ip(20)
		srv = "_sips._tcp SRV"
		self.dns = self._up(Knot(f"{self.dir}/dns", self.ip(53), {
			OURS: [f"{srv} 10 10 {MUTUAL} edge", f"edge A {edge}", f"@ A {edge}"],
			PARTNER: [f"{srv} 10 10 5061 sip", f"sip A {sip}"],
			BACKUP: [f"{srv} 10 10 5061 down", f"{srv} 20 10 5061 sip.{PARTNER}.", f"down A {self.ip(29)}"],
			UNPROVED: [f"{srv} 10 10 5061 sip.{PARTNER}."],
			ZONEB: [f"{srv} 10 10 5061 sip", f"sip A {self.ip(41)}"],
		}).start())
		self.alice = self._up(Baresip(f"{self.dir}/alice", f"sip:alice@{OURS}", f"sip:{edge}:{INSIDE};transport=tls", self.dns,
			self.cert("inside")).start())
		self.bob = self._up(Baresip(f"{self.dir}/bob", f"sip:bob@{PARTNER}", f"sip:{sip}:5060;transport=tcp", self.dns, tone=880).start())
		self.rtp_far, self.rtp_desk, self.rtp_zoneb = (self._up(Endpoint(self.ip(n))) for n in (23, 32, 41))
		self.far = self._up(Agent(self.ip(23), 5060, "far", media=self.rtp_far))
		self.desk = self._up(Agent(self.ip(32), 5061, "desk", self.desk_cert, self.pki.root, media=self.rtp_desk))
		self.zoneb = self._up(Agent(self.ip(41), 5061, "zoneb", self.cert("zoneb"), self.pki.root, media=self.rtp_zoneb))
		self.kamailio = self._up(Kamailio(f"{self.dir}/kamailio", sip, f"sip.{PARTNER}", self.cert("partner"), self.pki.root, self.dns, [
			("bob.*", f"127.0.0.1:{self.bob.port}"), ("sipp.*", f"{self.ip(22)}:5060"), ("far.*", f"{self.ip(23)}:5060")]).start())
		self.lines_in = self._up(Stunnel(f"{self.dir}/lines", "in", self.lines_cert, (self.ip(31), 5061), (self.ip(31), 5060), False,
			self.pki.root))
		self.lines_out = self._up(Stunnel(f"{self.dir}/lines", "out", self.lines_cert, (self.ip(31), 5066), (edge, INSIDE), True, self.pki.root))

	def _up(self, thing):
		self.closing.append(thing)
		return thing

	def close_peers(self):
		"""Everybody leaves but the daemons and the name server."""
		for thing in reversed(self.closing[:]):
			if thing is not self.dns and not isinstance(thing, Sipwardd):
				self.closing.remove(thing)
				(getattr(thing, "stop", None) or thing.close)()

	def close(self):
		"""Ends everything, whatever ends badly; the first complaint is raised afterwards."""
		bad = None
		while self.closing:
			thing = self.closing.pop()
			try:
				(getattr(thing, "stop", None) or thing.close)()
			except Exception as e:  # noqa: BLE001
				bad = bad or e
		self.block.release()
		if self.own_dir and not os.environ.get("SIPWARD_KEEP"):
			shutil.rmtree(self.dir, ignore_errors=True)
		if bad:
			raise bad

	# --- the daemon ---

	def config(self, name="edge", address=None):
		"""The configuration of example.com's edge, as data to change before it is written."""
		edge = address or self.ip(10)
		cert = self.cert("edge-rsa")
		# a system that cannot give Kamailio our name server needs an address where a name would stand
		host = f"edge.{OURS}" if self.kamailio.own_resolver else edge
		def listener(name, transport, port):
			return {"name": name, "transport": transport, "addresses": [edge], "port": port, "host": host, "cert": cert.pem, "key": cert.key}
		def zone(name, kind, listeners, **more):
			return {"name": name, "kind": kind, "listeners": listeners, "target_networks": LOOPBACK, "media_networks": LOOPBACK, "srtp": "any",
				**more}
		def inside(name, host, target):
			return zone(name, "neighbor", ["inside"], names=[host], trust=[self.pki.root], internal=True, refer="pass", targets=[target])
		def route(name, to, domain, user=None, who=None):
			return {"name": name, "from": who, "domain": domain, "user": user, "to": to}
		office = ["office", "lines", "desk"]
		run_dir = f"{self.dir}/{name}"
		return {
			"node": {"host": f"edge.{OURS}", "user": run_as(), "state_dir": f"{run_dir}/state", "control": f"{run_dir}/state/control"},
			"log": {"level": os.environ.get("SIPWARD_LOG", "debug")},
			"local_domains": [OURS],
			"listeners": [listener("public", "tls", PUBLIC), listener("mutual", "mtls", MUTUAL), listener("inside", "mtls", INSIDE)],
			"zones": [
				zone("partner", "dns", ["mutual"], names=[PARTNER], domains=[PARTNER, BACKUP, UNPROVED], trust=[self.pki.root], refer="pass"),
				zone("zoneb", "dns", ["mutual"], domains=[ZONEB], trust=[self.pki.zoneb_root]),
				inside("office", "pbx.example.com", f"127.0.0.1:{self.alice.port}"),
				inside("lines", "lines.example.com", f"{self.ip(31)}:5061"),
				inside("desk", "desk.example.com", f"{self.ip(32)}:5061"),
				zone("internet", "default", ["public"]),
			],
			"routes": [
				route("to-office", "office", "local", "alice*", ["partner", "zoneb", "internet"]),
				route("to-lines", "lines", "local", "sipp*", ["partner", "zoneb"]),
				route("to-desk", "desk", "local", "desk*", ["partner", "zoneb", "internet"]),
				route("out-partner", "partner", PARTNER, None, office),
				route("out-backup", "partner", BACKUP, None, office),
				route("out-zoneb", "zoneb", ZONEB, None, office),
			],
			"media": {"interfaces": [{"name": "lab", "address": edge}], "workers": 1},
			"dns": {"servers": [f"{self.dns.ip}:{self.dns.port}"], "timeout": "1s", "min_ttl": "0s", "negative_ttl": "1s"},
			"limits": {"timer_t1": "100ms", "drain": "20s"},  # state of a finished INVITE stays for 64 * T1
		}

	def start_edge(self, name="edge", change=None, address=None, prove=(OURS, PARTNER, BACKUP, ZONEB)):
		"""A daemon of its own. change(config) edits the configuration first. It is stopped with the world, if not before."""
		config = self.config(name, address)
		if change:
			change(config)
		shutil.rmtree(f"{self.dir}/{name}", ignore_errors=True)  # nothing of an earlier one of that name
		os.makedirs(f"{self.dir}/{name}")
		self.own_keys()
		edge = Sipwardd(f"{self.dir}/{name}", config)
		self._up(edge)
		try:
			edge.start()
			for domain in prove:
				edge.prove(domain, self.dns)
		except BaseException:
			self.stop_edge(edge)
			raise
		return edge

	def own_keys(self):
		"""The daemon gives up root; it reads its key again on every reload."""
		self.own(self.cert("edge-rsa"))

	def own(self, *certs):
		"""Gives the keys of certificates to the daemon's user."""
		if os.geteuid() == 0 and run_as() != "root":
			for cert in certs:
				shutil.chown(cert.key, run_as())

	def stop_edge(self, edge):
		if edge in self.closing:
			self.closing.remove(edge)
		edge.stop()

	# --- peers made by hand ---

	def connect(self, port, cert=None, source=66, where=10, ca=True, **more):
		"""A TLS connection to sipwardd; cert: a name of the recipe, or a Cert, or None."""
		if isinstance(cert, str):
			cert = self.cert(cert)
		return connect(self.ip(where), port, ca=self.pki.root if ca else None, cert=cert, source=self.ip(source), **more)

	def as_partner(self, **more):
		return self.connect(MUTUAL, "partner", **more)

	def as_zoneb(self, **more):
		return self.connect(MUTUAL, "zoneb", source=41, **more)

	def as_desk(self, **more):
		return self.connect(INSIDE, self.desk_cert, source=32, **more)

	def call(self, conn, to, from_, **more):
		return Call(conn, to if to.startswith("sip") else f"sip:{to}", from_ if from_.startswith("sip") else f"sip:{from_}", **more)

	def sipp_called(self, name, inside):
		ip = self.ip(31 if inside else 22)
		return Sipp(f"{self.dir}/sipp", name, "called", ip, 5060, f"sip:sipp@{ip}:5061;transport=tls" if inside else f"sip:sipp@{ip}:5060;transport=tcp")

	def sipp_caller(self, name, inside):
		ip = self.ip(31 if inside else 22)
		ours, theirs = f"sip:sipp@{OURS}", f"sip:sipp@{PARTNER}"
		if inside:
			return Sipp(f"{self.dir}/sipp", name, "caller", ip, 5070, f"sip:sipp@{ip}:5061;transport=tls", (ip, 5066), ours, theirs, OURS)
		return Sipp(f"{self.dir}/sipp", name, "caller", ip, 5070, f"sip:sipp@{ip}:5060;transport=tcp", (self.ip(20), 5060), theirs, ours, PARTNER)


def run_as():
	"""Whom a daemon started as root becomes: a user that every Debian has."""
	return "nobody" if os.geteuid() == 0 else "sipward"


def copy_of(config):
	return copy.deepcopy(config)
