# SPDX-License-Identifier: Apache-2.0
"""Three network namespaces in a row: a client, a router where the way is spoilt, a server. They go with the test."""
import os
import shutil

from . import proc

CLIENT, SERVER = "10.77.1.2", "10.77.2.2"


class Row:
	def __init__(self, mtu=1500):
		self.ip, = proc.need("ip")
		tag = f"sw{os.getpid()}"
		self.names = {side: f"{tag}{side}" for side in "crs"}
		self.made, self.procs = [], []
		try:
			for n in self.names.values():
				self._ip("netns", "add", n)
				self.made.append(n)
				self.run(n[-1], "ip", "link", "set", "lo", "up")
			for side, net in (("c", 1), ("s", 2)):
				a, r = self.names[side], self.names["r"]
				self._ip("link", "add", f"v{side}", "netns", a, "type", "veth", "peer", "name", f"r{side}", "netns", r)
				for who, dev, addr in ((side, f"v{side}", f"10.77.{net}.2/24"), ("r", f"r{side}", f"10.77.{net}.1/24")):
					self.run(who, "ip", "addr", "add", addr, "dev", dev)
					self.run(who, "ip", "link", "set", dev, "up")
				self.run(side, "ip", "route", "add", "default", "via", f"10.77.{net}.1")
			self.run("r", "sysctl", "-qw", "net.ipv4.ip_forward=1")
			if mtu != 1500:  # between router and server alone: the client can't see it in its own interface
				self.run("r", "ip", "link", "set", "rs", "mtu", str(mtu))
		except BaseException:
			self.close()
			raise

	@staticmethod
	def usable():
		"""May this process make namespaces?"""
		return os.geteuid() == 0 and bool(shutil.which("ip")) and proc.run(["unshare", "--net", "true"], check=False).returncode == 0

	def _ip(self, *args):
		return proc.run([self.ip, *args])

	def argv(self, side, *argv):
		return [self.ip, "netns", "exec", self.names[side], *argv]

	def run(self, side, *argv, check=True, **more):
		return proc.run(self.argv(side, *argv), check=check, **more)

	def start(self, side, name, argv, log, **more):
		p = proc.Proc(name, self.argv(side, *argv), log, **more)
		self.procs.append(p)
		return p

	def nft(self, rules):
		"""Rules on one line."""
		proc.need("nft")
		self.run("r", "nft", "-f", "-", stdin=rules.replace("{ ", "{\n").replace("; }", ";\n}").replace(" }", "\n}").replace("} ", "}\n") + "\n")

	def close(self):
		for p in reversed(self.procs):
			p.stop()
		for n in self.made:
			proc.run([self.ip, "netns", "del", n], check=False)
