# SPDX-License-Identifier: Apache-2.0
"""sipwardd under test: its configuration, its log, its operator's command."""
import json
import os
import pwd
import re
import signal

from . import proc
from .net import wait_until

TREE = os.path.normpath(os.path.join(os.path.dirname(__file__), "../../.."))
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def binaries():
	"""(sipwardd, sipward) of the build under test: SIPWARD_BUILD, or ./build, or the tree itself."""
	for d in (os.environ.get("SIPWARD_BUILD"), f"{TREE}/build", TREE):
		if d and os.access(f"{d}/src/sipwardd", os.X_OK):
			return os.path.abspath(f"{d}/src/sipwardd"), os.path.abspath(f"{d}/src/sipward")
	raise RuntimeError("sipwardd is not built (./autogen.sh && mkdir build && cd build && ../configure && make)")


def libconfig(value, depth=0):
	"""A Python value in libconfig's syntax."""
	pad = "  " * depth
	if isinstance(value, dict):
		rows = "".join(f"{pad}  {k} = {libconfig(v, depth + 1)};\n" for k, v in value.items() if v is not None)
		return "{\n" + rows + pad + "}"
	if isinstance(value, list) and value and isinstance(value[0], dict):
		return "(\n" + ",\n".join(f"{pad}  {libconfig(v, depth + 1)}" for v in value) + "\n" + pad + ")"
	if isinstance(value, (list, tuple)):
		return "[" + ", ".join(libconfig(v) for v in value) + "]"
	if isinstance(value, bool):
		return "true" if value else "false"
	if isinstance(value, int):
		return str(value)
	return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_logfmt(line):
	out = {}
	for k, quoted, bare in re.findall(r'([\w.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line):
		out[k] = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
	return out


class Sipwardd:
	def __init__(self, dir, config):
		self.daemon, self.cli = binaries()
		self.dir, self.config = dir, config
		self.path, self.socket = f"{dir}/sipward.conf", config["node"]["control"]
		os.makedirs(config["node"]["state_dir"], exist_ok=True)
		self.write()
		self.own_files()
		self.proc = None

	def write(self):
		with open(self.path + ".new", "w") as f:
			f.write("".join(f"{k} = {libconfig(v)};\n" for k, v in self.config.items()))
		os.rename(self.path + ".new", self.path)

	def own_files(self):
		"""Started as root, the daemon becomes node.user: its state directory must be that user's."""
		if os.geteuid() == 0:
			user = pwd.getpwnam(self.config["node"]["user"])
			os.chown(self.config["node"]["state_dir"], user.pw_uid, user.pw_gid)

	# --- the process ---

	def start(self, timeout=20):
		self.proc = proc.Proc("sipwardd", [self.daemon, "-f", self.path, "-D"], f"{self.dir}/sipwardd.log", env={
			"ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})
		self.proc.wait_log(r"event=edge\.ready", timeout)
		return self

	def stop(self):
		"""Stops at once if it runs; complains about what a sanitizer found in its log."""
		if self.proc:
			p, self.proc = self.proc, None
			if p.running():
				p.kill(signal.SIGTERM)
				p.kill(signal.SIGTERM)
			p.stop(10)
			found = SANITIZER.search(p.text())
			if found:
				raise AssertionError(f"sanitizer: {p.text()[found.start() - 200:found.start() + 6000]}")

	def children(self):
		"""{process id: command line} of the supervisor's children."""
		kids = {}
		for pid in open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children").read().split():
			try:
				kids[int(pid)] = open(f"/proc/{pid}/cmdline").read().replace("\0", " ").strip()
			except OSError:
				pass
		return kids

	def child(self, name):
		"""The process id of the child in that role: edge or media."""
		for pid, line in self.children().items():
			if re.search(rf"--role[ =]{name}\b", line):
				return pid
		raise AssertionError(f"no child {name} among {self.children()}")

	# --- the log ---

	def mark(self):
		return os.path.getsize(f"{self.dir}/sipwardd.log")

	def lines(self, since=0, **want):
		"""Log lines after a mark as dictionaries; want: fields they must have (underscores stand for dots in values only)."""
		out = [parse_logfmt(l) for l in self.proc.text(since).splitlines() if "event=" in l]
		return [l for l in out if all(l.get(k) == str(v) for k, v in want.items())]

	def wait_line(self, since, timeout=10.0, **want):
		return wait_until(f"a log line with {want}", lambda: self.lines(since, **want), timeout, alive=self.proc.check_alive)[-1]

	# --- the operator's command ---

	def command(self, *args, check=True):
		return proc.run([self.cli, "-f", self.path, *args], timeout=30, check=check)

	def status(self):
		return json.loads(self.command("status", "--json").stdout)

	def counts(self):
		"""What is held now, each a number; pinholes is -1 while the media process is not there."""
		return held(self.status())

	def wait_nothing_held(self, connections=True, timeout=15.0):
		"""No call, no pinhole, no transaction is left; with connections=True, no connection either."""
		want = ("calls", "pinholes", "transactions", "requests") + (("connections",) if connections else ())
		last = {}
		def empty():
			last.update(self.counts())
			return not any(last[k] for k in want)
		try:
			wait_until("an idle daemon", empty, timeout, step=0.1)
		except TimeoutError:
			raise AssertionError(f"left over: { {k: last[k] for k in want} }") from None
		return last

	def prove(self, domain, dns, zone=None):
		"""Publishes the token of a domain in the lab's DNS and has the daemon verify it."""
		token = re.search(r"\b[0-9a-f]{60}\b", self.command("domain", "token", domain).stdout)[0]
		dns.change(zone or domain, ("set", f"_sipward-challenge.{domain}.", 5, "TXT", f'"{token}"'))
		return self.command("domain", "verify", domain, check=False)


def held(status):
	c, media = status["counts"], status["media"]
	return {"connections": c["connections"], "calls": c["calls"], "pinholes": media["pinholes"] if media else -1,
		"transactions": c["transactions_server"] + c["transactions_client"], "requests": c["requests"]}
