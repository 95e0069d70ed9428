# SPDX-License-Identifier: Apache-2.0
"""baresip as a telephone: it presents its certificate (but does not verify ours), sends a tone, records what it hears."""
import json
import os
import random
import re
import socket
import time

from . import proc
from .net import free_ports, wait_until

CONFIG = """\
sip_listen 127.0.0.1:{sip_port}
{tls}
net_interface 127.0.0.1
dns_server {dns}
audio_player aubridge,heard
audio_alert aubridge,alert
audio_source ausine,{tone}
ausrc_srate 48000
ausrc_channels 2
call_local_timeout 60
call_max_calls 16
rtp_ports {rtp_low}-{rtp_high}
statmode_default off
rtcp_mux no
jitter_buffer_delay 1-2
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module uuid.so
module account.so
module menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{ctrl_port}
"""


def module_path():
	for path in ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"):
		if os.path.isdir(path):
			return path
	raise proc.Missing("missing: baresip's modules (apt-get install baresip-core)")


class Baresip:
	"""One agent with one account. outbound: the next hop of every request, e.g. "sip:127.1.2.3:5065;transport=tls".

	It binds its media to the wildcard address, so the kernel sends it from 127.0.0.1: that is where it lives,
	on free ports, for what it signals and what it sends must agree.
	"""

	ip = "127.0.0.1"

	def __init__(self, dir, uri, outbound, dns, cert=None, tone=440, answer="auto"):
		self.exe = proc.need("baresip")[0]
		self.dir, self.uri, self.tone, self.outbound, self.cert, self.answer = dir, uri, tone, outbound, cert, answer
		self.transport = "tls" if cert else "tcp"
		self.base_port, self.ctrl_port = free_ports(self.ip, 2), free_ports(self.ip, 1)
		self.port = self.base_port + (1 if cert else 0)  # baresip listens for TLS one above
		rtp = random.randrange(20000, 31000, 100)
		os.makedirs(dir, exist_ok=True)
		with open(f"{dir}/config", "w") as f:
			f.write(CONFIG.format(sip_port=self.base_port, dns=f"{dns.ip}:{dns.port}", tone=tone, ctrl_port=self.ctrl_port, rtp_low=rtp, rtp_high=rtp + 900,
				modules=module_path(), tls=f"sip_certificate {cert.both}" if cert else ""))
		with open(f"{dir}/accounts", "w") as f:
			f.write(f"<{uri};transport={self.transport}>;regint=0;answermode={answer};audio_codecs=PCMU,PCMA;"
				f"outbound=\"{outbound}\"\n")
		open(f"{dir}/contacts", "w").close()
		self.proc, self._sock = None, None
		self.events = []

	def start(self):
		self.proc = proc.Proc(f"baresip {self.uri}", [self.exe, "-f", self.dir, "-s", "-v"], f"{self.dir}/baresip.log", cwd=self.dir)
		self.proc.wait_log(r"baresip is ready", start=0)
		self._sock = socket.create_connection((self.ip, self.ctrl_port), timeout=5)
		self._in, self._token = b"", 0
		return self

	def stop(self):
		if self._sock:
			self._sock.close()
			self._sock = None
		if self.proc:
			self.proc.stop(2)
			self.proc = None

	# --- ctrl_tcp: JSON in netstrings; events and responses share the connection ---

	def _pump(self, timeout):
		"""Reads what is there; keeps events; returns responses."""
		self._sock.settimeout(timeout)
		try:
			data = self._sock.recv(65536)
			if not data:
				raise RuntimeError(f"{self.uri}: baresip closed its control connection\n{self.proc.tail()}")
			self._in += data
		except (TimeoutError, BlockingIOError):
			pass
		got = []
		while b":" in self._in:
			head, rest = self._in.split(b":", 1)
			n = int(head)
			if len(rest) < n + 1:
				break
			self._in = rest[n + 1:]
			m = json.loads(rest[:n].decode("utf-8", "replace"), strict=False)
			if m.get("event"):
				self.events.append(m)
			else:
				got.append(m)
		return got

	def command(self, name, params=""):
		self._token += 1
		token = str(self._token)
		body = json.dumps({"command": name, "params": params, "token": token}).encode()
		self._sock.sendall(b"%d:%s," % (len(body), body))
		end = time.monotonic() + 5
		while time.monotonic() < end:
			for m in self._pump(0.2):
				if m.get("token") == token:
					return m.get("data") or ""
		raise TimeoutError(f"{self.uri}: no answer to /{name}")

	def mark(self):
		"""Forgets the events so far."""
		self._pump(0.001)
		self.events.clear()
		self.proc.mark()

	def wait_event(self, kind, timeout=10.0):
		def look():
			self._pump(0.02)
			for e in self.events:
				if e["type"] == kind:
					return e
			return None
		return wait_until(f"{kind} at {self.uri}; saw {[e['type'] for e in self.events]}", look, timeout, step=0, alive=self.proc.check_alive)

	# --- what a telephone does ---

	def dial(self, uri):
		self.mark()
		self.command("dial", uri)

	def reset(self):
		"""Ends whatever call there is and answers by itself again."""
		for _ in range(4):
			if "(0)" in self.command("listcalls").split("---")[1]:
				break
			self.command("hangup")
		self.mark()

	def hangup(self):
		self.command("hangup")

	def rtp(self):
		"""(packets sent, packets received) of the current call, as baresip counts them."""
		text = self.command("audio_debug")
		sent = re.search(r"TX: packets=(\d+)", text)
		return int(sent[1]) if sent else 0, sum(map(int, re.findall(r"rcvd=(\d+)", text)))

	def wait_rtp(self, packets, timeout=10.0):
		"""Until that many more packets went out and came in."""
		s0, r0 = self.rtp()
		def enough():
			s, r = self.rtp()
			return (s - s0, r - r0) if s - s0 >= packets and r - r0 >= packets else None
		return wait_until(f"{packets} RTP packets out and in at {self.uri} (had {s0}/{r0})", enough, timeout, step=0.1)
