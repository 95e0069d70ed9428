# SPDX-License-Identifier: Apache-2.0
"""RTP sent and counted by ourselves, where baresip is not the one who speaks."""
import collections
import random
import re
import secrets
import select
import socket
import struct
import threading
import time

from .net import wait_until


class Endpoint:
	"""One audio stream: an even port and the odd one above it, sending G.711 silence every 20 ms once it knows where to."""

	def __init__(self, ip):
		self.ip, self.ssrc = ip, secrets.randbits(32)
		self.rtp, self.rtcp = self._pair(ip)
		self.port = self.rtp.getsockname()[1]
		self.remote, self.version, self.direction = None, 1, "sendrecv"
		self.sent, self.received, self.rtcp_received, self.sources = 0, 0, 0, set()
		self.ssrcs = collections.Counter()
		self.sending = True
		self._stop = threading.Event()
		threading.Thread(target=self._run, daemon=True).start()

	@staticmethod
	def _pair(ip):
		family = socket.AF_INET6 if ":" in ip else socket.AF_INET
		for _ in range(200):
			a, b = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
			try:
				# ::1 is shared with the relay: out of its range, or it would be taken for the relay itself
				a.bind((ip, 0 if family == socket.AF_INET else random.randrange(20000, 30000, 2)))
				port = a.getsockname()[1]
				if port % 2:
					raise OSError
				b.bind((ip, port + 1))
				return a, b
			except OSError:
				a.close()
				b.close()
		raise RuntimeError("no port pair")

	def sdp(self, address=None, direction=None, media="RTP/AVP", extra=()):
		direction = direction or self.direction
		family = "IP6" if ":" in self.ip else "IP4"
		return "\r\n".join(["v=0", f"o=- {self.ssrc} {self.version} IN {family} {self.ip}", "s=-", f"c=IN {family} {address or self.ip}", "t=0 0",
			f"m=audio {self.port} {media} 0", "a=rtpmap:0 PCMU/8000", *extra, f"a={direction}", ""])

	def remote_from(self, body):
		ip, port = audio_of(body)
		self.remote = (ip, port) if port and ip != "0.0.0.0" else None

	def _run(self):
		seq, stamp, due = secrets.randbits(15), secrets.randbits(31), time.monotonic()
		while not self._stop.is_set():
			now = time.monotonic()
			if now >= due:
				due = max(due + 0.02, now - 0.1)
				if self.remote and self.sending:
					seq, stamp = (seq + 1) & 0xffff, (stamp + 160) & 0xffffffff
					try:
						self.rtp.sendto(struct.pack("!BBHII", 0x80, 0, seq, stamp, self.ssrc) + b"\xff" * 160, self.remote)
						self.sent += 1
					except OSError:
						pass
			try:
				ready = select.select([self.rtp, self.rtcp], [], [], max(0.001, due - time.monotonic()))[0]
				for s in ready:
					data, source = s.recvfrom(2048)
					if s is self.rtcp:
						self.rtcp_received += 1
					elif len(data) >= 12 and data[0] >> 6 == 2:
						self.received += 1
						self.sources.add(source[:2])
						self.ssrcs[struct.unpack("!I", data[8:12])[0]] += 1
			except ConnectionRefusedError:
				continue
			except (OSError, ValueError):
				return

	def wait(self, packets, timeout=10.0):
		"""Until so many more went out and came in."""
		s0, r0 = self.sent, self.received
		wait_until(f"{packets} RTP packets out and in at {self.ip}:{self.port} (sent {self.sent - s0}, received {self.received - r0})",
			lambda: self.sent - s0 >= packets and self.received - r0 >= packets, timeout)
		return self.sent - s0, self.received - r0

	def report(self):
		"""One RTCP receiver report, from the port and to the port beside those of RTP."""
		self.rtcp.sendto(struct.pack("!BBHI", 0x80, 201, 1, self.ssrc), (self.remote[0], self.remote[1] + 1))

	def wait_rtcp(self, timeout=5.0):
		wait_until(f"RTCP at {self.ip}:{self.port + 1}", lambda: self.rtcp_received, timeout)

	def close(self):
		self._stop.set()
		self.rtp.close()
		self.rtcp.close()


def offer(ip, port=40000, extra=()):
	"""An SDP with one audio line, for who never means to send any."""
	return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0", f"m=audio {port} RTP/AVP 0", *extra, ""])


def audio_of(body):
	"""(address, port) of the first audio line of an SDP."""
	text = body.decode() if isinstance(body, bytes) else body
	port = re.search(r"(?m)^m=audio (\d+)", text)
	rest = text[port.end():]
	address = re.search(r"(?m)^c=IN IP[46] (\S+)", rest.split("\nm=")[0]) or re.search(r"(?m)^c=IN IP[46] (\S+)", text)
	return address[1], int(port[1])
