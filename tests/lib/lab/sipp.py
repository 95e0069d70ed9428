# SPDX-License-Identifier: Apache-2.0
"""SIPp, which Debian builds without TLS: stunnel in front of it speaks mutual TLS in its place."""
import os

from . import proc
from .net import accepts, free_ports, wait_until

XML = os.path.join(os.path.dirname(__file__), "sipp")


class Stunnel:
	"""server: accepts TLS at (ip, port) for a plain port; client: accepts plain connections and brings them to a TLS peer."""

	def __init__(self, dir, name, cert, accept, connect, client, ca=None, sni=None):
		exe = proc.need("stunnel4")[0]
		self.accept = accept
		self.log = f"{dir}/{name}.log"
		conf = [f"foreground = yes", "debug = info", "syslog = no", "pid =", f"[{name}]", f"client = {'yes' if client else 'no'}",
			f"accept = {accept[0]}:{accept[1]}", f"connect = {connect[0]}:{connect[1]}", f"cert = {cert.pem}", f"key = {cert.key}",
			"TIMEOUTclose = 0"]
		if client:
			conf.append(f"local = {accept[0]}")
		if ca:
			conf += [f"CAfile = {ca}", "verifyChain = yes"]
		if sni:
			conf.append(f"sni = {sni}")
		os.makedirs(dir, exist_ok=True)
		with open(f"{dir}/{name}.conf", "w") as f:
			f.write("\n".join(conf) + "\n")
		self.proc = proc.Proc(f"stunnel {name}", [exe, f"{dir}/{name}.conf"], self.log)
		self.proc.wait_log("Configuration successful", start=0)
		wait_until("stunnel to listen", lambda: accepts(*accept), 5, alive=self.proc.check_alive)

	def stop(self):
		self.proc.stop(2)


class Sipp:
	"""One run of a scenario; its exit status is the verdict, its message log the evidence."""

	def __init__(self, dir, name, scenario, ip, port, contact, remote=None, from_uri="sip:sipp@nowhere.invalid", to_uri="", refer="example.com",
			calls=1):
		exe = proc.need("sipp")[0]
		os.makedirs(dir, exist_ok=True)
		self.dir, self.name = dir, name
		argv = [exe] + ([f"{remote[0]}:{remote[1]}"] if remote else []) + ["-sf", f"{XML}/{scenario}.xml", "-t", "t1", "-i", ip, "-p", str(port),
			"-mi", "127.0.0.1", "-mp", str(free_ports("127.0.0.1", 4) // 2 * 2 + 2), "-m", str(calls), "-nostdin", "-trace_msg", "-message_file",
			f"{dir}/{name}.messages", "-trace_err", "-error_file", f"{dir}/{name}.errors", "-recv_timeout", "15000", "-timeout", "40s",
			"-timeout_error", "-key", "contact_uri", contact, "-key", "from_uri", from_uri, "-key", "to_uri", to_uri, "-key", "refer_domain",
			refer]
		self.proc = proc.Proc(f"sipp {name}", argv, f"{dir}/{name}.out", cwd=dir)
		if not remote:
			wait_until("sipp to listen", lambda: accepts(ip, port), 5, alive=self.proc.check_alive)

	def finish(self, timeout=45):
		"""Waits for the end; raises with SIPp's own words when the scenario failed."""
		status = self.proc.wait(timeout)
		self.proc.stop()
		if status:
			raise AssertionError(f"sipp {self.name}: exit {status}\n{self._read('errors')[-3000:]}")
		return self._read("messages")

	def _read(self, ext):
		try:
			with open(f"{self.dir}/{self.name}.{ext}", errors="replace") as f:
				return f.read()
		except FileNotFoundError:
			return ""

	def stop(self):
		self.proc.stop(1)
