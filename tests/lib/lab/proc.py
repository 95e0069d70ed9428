# SPDX-License-Identifier: Apache-2.0
"""Processes: started with a log of their own, awaited by what they do, stopped by process id."""
import os
import re
import shutil
import signal
import subprocess

from .net import wait_until

PACKAGES = {  # program -> Debian package
	"knotd": "knot", "knotc": "knot", "keymgr": "knot", "kdig": "knot-dnsutils", "kamailio": "kamailio", "baresip": "baresip-core",
	"linphone-daemon": "linphone-cli", "sipp": "sip-tester", "stunnel4": "stunnel4", "openssl": "openssl", "turnserver": "coturn", "nft": "nftables", "ip": "iproute2",
	"nginx": "nginx-light",
}


# If this process is killed, its children get SIGTERM: nothing stays behind.
LEASH = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


class Missing(Exception):
	"""A program the lab needs is not installed."""


def need(*programs):
	"""Paths of the programs; Missing names those that are not there, with their packages."""
	path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
	found = {p: shutil.which(p, path=path) for p in programs}
	lacking = [p for p in programs if not found[p]]
	if lacking:
		raise Missing("missing: " + ", ".join(f"{p} (apt-get install {PACKAGES.get(p, p)})" for p in lacking))
	return [found[p] for p in programs]


class Proc:
	"""One child process. Its output is in `log`; `mark()` sets where wait_log() begins to look."""

	all = []

	def __init__(self, name, argv, logfile, cwd=None, env=None, stdin=None):
		self.name, self.argv, self.logfile = name, argv, logfile
		self._begin = self._from = os.path.getsize(logfile) if os.path.exists(logfile) else 0
		full = dict(os.environ, LC_ALL="C.UTF-8", **(env or {}))
		with open(logfile, "ab") as out:
			self.p = subprocess.Popen(LEASH + argv, cwd=cwd, env=full, stdin=stdin or subprocess.DEVNULL, stdout=out,
				stderr=subprocess.STDOUT, start_new_session=True)
		Proc.all.append(self)

	@property
	def pid(self):
		return self.p.pid

	def exited(self):
		"""The exit status (negative: the signal), or None while it runs. Does not reap: the id stays ours until stop()."""
		if self.p.returncode is not None:
			return self.p.returncode
		r = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
		if r is None:
			return None
		return r.si_status if r.si_code == os.CLD_EXITED else -r.si_status

	def running(self):
		return self.exited() is None

	def check_alive(self):
		if not self.running():
			raise RuntimeError(f"{self.name} ended with {self.exited()}:\n{self.tail()}")

	def text(self, start=0):
		try:
			with open(self.logfile, "rb") as f:
				f.seek(start)
				return f.read().decode("utf-8", "replace")
		except FileNotFoundError:
			return ""

	def tail(self, lines=30):
		return "\n".join(self.text(self._begin).splitlines()[-lines:])

	def mark(self):
		self._from = os.path.getsize(self.logfile) if os.path.exists(self.logfile) else 0
		return self._from

	def wait_log(self, pattern, timeout=10.0, start=None, alive=True):
		"""The first match of pattern in the log since the mark (or since start)."""
		rx = re.compile(pattern)
		begin = self._from if start is None else start
		return wait_until(f"/{pattern}/ in the log of {self.name}", lambda: rx.search(self.text(begin)), timeout,
			alive=self.check_alive if alive else None)

	def wait(self, timeout=10.0):
		wait_until(f"the end of {self.name}", lambda: not self.running(), timeout)
		return self.exited()

	def kill(self, sig):
		if self.running():
			os.kill(self.pid, sig)

	def stop(self, timeout=5.0, sig=signal.SIGTERM):
		"""Asks, waits, then insists: the process and what is left of its group. Returns the exit status."""
		if self in Proc.all:
			Proc.all.remove(self)
		if self.p.returncode is not None:
			return self.p.returncode
		self.kill(sig)
		try:
			self.wait(timeout)
		except TimeoutError:
			pass
		try:  # not yet reaped, so the group's id cannot have become somebody else's
			os.killpg(self.pid, signal.SIGKILL)
		except (ProcessLookupError, PermissionError):
			pass
		return self.p.wait(5)


def run(argv, timeout=30, check=True, env=None, cwd=None, stdin=None):
	"""Runs a command to its end; its output is in the exception when it fails."""
	r = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, cwd=cwd, input=stdin,
		env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})))
	if check and r.returncode:
		raise RuntimeError(f"{' '.join(argv)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
	return r


def reap_all():
	for p in list(reversed(Proc.all)):
		p.stop(timeout=2)
