# SPDX-License-Identifier: Apache-2.0
"""A real authoritative name server: Knot, with the lab's zones, changed at run time through its control socket."""
import os
import shutil

from . import proc
from .net import privileged_ports, wait_until

CONF = """\
server:
    rundir: "{dir}"
    listen: {ip}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{dir}/db"
control:
    listen: "{dir}/knot.sock"
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: "{dir}/zones"
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
policy:
  - id: lab
    single-type-signing: on
zone:
{zones}
"""

HEAD = "$ORIGIN {origin}\n$TTL 5\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A {ip}\n"


class Knot:
	def __init__(self, dir, ip, zones, ns=None, signed=()):
		"""zones: name -> zone-file lines (relative owners). ns: where they say that their name server is, if not here.
		signed: the zones among them that the server signs."""
		self.knotd, self.knotc, self.kdig = proc.need("knotd", "knotc", "kdig")
		self.dir, self.ip = dir, ip
		self.port = 53 if privileged_ports() else 5353
		os.makedirs(f"{dir}/zones", exist_ok=True)
		os.makedirs(f"{dir}/db", exist_ok=True)
		for name, lines in zones.items():
			with open(f"{dir}/zones/{name}.zone", "w") as f:
				f.write(HEAD.format(origin="." if name == "." else name + ".", ip=ns or ip) + "\n".join(lines) + "\n")
		with open(f"{dir}/knot.conf", "w") as f:
			f.write(CONF.format(dir=dir, ip=ip, port=self.port, zones="\n".join(
				f"  - domain: {z}\n    file: \"{z}.zone\"" + ("\n    dnssec-signing: on\n    dnssec-policy: lab" if z in signed else "") for z in zones)))
		self.proc, self._can_wrap = None, None

	def start(self):
		self.proc = proc.Proc("knotd", [self.knotd, "-c", f"{self.dir}/knot.conf"], f"{self.dir}/knotd.log")
		wait_until("knotd to answer", self._answers, 10, alive=self.proc.check_alive)
		return self

	def _answers(self):
		zone = sorted(os.listdir(f"{self.dir}/zones"))[-1][:-len(".zone")]
		return self.query(zone, "SOA", timeout=1)

	def query(self, name, kind, timeout=2):
		r = proc.run([self.kdig, f"@{self.ip}", "-p", str(self.port), "+short", f"+timeout={timeout}", "+retry=0", name, kind],
			check=False)
		return [l for l in r.stdout.splitlines() if l and not l.startswith(";")]

	def srv(self, name):
		"""The targets of a SRV record in the order of priority: [(host, address, port)]."""
		rows = sorted((l.split() for l in self.query(name, "SRV")), key=lambda f: (int(f[0]), -int(f[1])))
		return [(f[3].rstrip("."), self.query(f[3], "A")[0], int(f[2])) for f in rows]

	def ds(self, zone):
		"""The DS record of a signed zone: "TAG ALGORITHM 2 HEX"."""
		out = proc.run([proc.need("keymgr")[0], "-c", f"{self.dir}/knot.conf", zone, "ds"]).stdout
		return next(l.split(" DS ")[1] for l in out.splitlines() if l.split()[4] == "2")

	# libresolv knows only port 53 and /etc/resolv.conf: programs that use it get one of their own in a mount namespace

	def wrap(self, argv):
		return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
			'mount --bind "$0" /etc/resolv.conf && exec "$@"', f"{self.dir}/resolv.conf", *argv]

	def can_wrap(self):
		"""Whether this system lets us. If not, the harness asks for the others."""
		if self._can_wrap is None:
			with open(f"{self.dir}/resolv.conf", "w") as f:
				f.write(f"nameserver {self.ip}\noptions timeout:2 attempts:2\n")
			self._can_wrap = self.port == 53 and bool(shutil.which("unshare")) and \
				proc.run(self.wrap(["true"]), check=False).returncode == 0
		return self._can_wrap

	def _ctl(self, *args, check=True):
		return proc.run([self.knotc, "-s", f"{self.dir}/knot.sock", *args], check=check)

	def clear(self, zone, *sets):
		"""Takes record sets away, (owner, type) each, those that are there."""
		self._ctl("zone-begin", zone)
		for owner, kind in sets:
			self._ctl("zone-unset", zone, owner, kind, check=False)
		self._ctl("zone-commit", zone)

	def change(self, zone, *edits):
		"""One transaction; an edit is ("set" | "unset", owner, [ttl,] type, data...)."""
		self._ctl("zone-begin", zone)
		for op, *rest in edits:
			self._ctl(f"zone-{op}", zone, *map(str, rest))
		self._ctl("zone-commit", zone)

	def stop(self):
		if self.proc:
			self.proc.stop()
			self.proc = None
